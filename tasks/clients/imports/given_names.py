"""Given names that many people have, by which a given is told from a family name where nothing else says it."""

from tasks.clients.imports.formats import words_of

GIVEN_NAMES = frozenset(
    words_of(
        """adrian alan alexander alice amelie amy andrea andreas andrew angela angelika anja anke anna anne annette
    antje anton antonia armin arne astrid aurélie axel barbara bastian bea beate ben benjamin bernd bernhard
    bert bettina bianca birgit björn bob bodo boris brian brigitte britta bruno camille carl carla carmen carol
    carola charlotte chloé christa christian christiane christina christine christoph claire clara claudia claus
    clemens cornelia céline dagmar daniel daniela david dennis detlef dieter dietmar dirk dominik doris dorothea
    eberhard eckhard edith elena elisabeth elke ella emil emilia emily emma eric erich erik erika erna ernst
    erwin esther eva fabian felix florian frank franz franziska françois françoise frauke frida friedrich fritz
    gabi gabriele georg george gerd gerda gerhard gerrit gertrud gisela gregor gudrun guillaume günter günther
    hanna hannah hannelore hannes hans harald hartmut heide heidi heike heiko heiner heinrich heinz helene helga
    helmut henning henri henrik henry herbert hermann hilde holger horst hubert hugo hélène ida ilona ilse ina
    ines inga inge ingeborg ingo ingrid irene iris irmgard isabel isabella isabelle jacques jakob james jan jana
    jane janine jannik jasmin jean jennifer jens jessica jim joachim joe johann johanna johannes john jonas
    josef judith julia julian julie jutta jörg jürgen kai karin karl karla karsten kate katharina kathrin katja
    katrin kerstin kevin kim klara klaus konrad kristina kurt lara lars laura lea lena leo leon leonie lina
    linda lisa lothar louis louisa luc luca lucas lucy luis luisa lukas lutz léa manfred manuel manuela marc
    marcel marco marcus mareike margarete maria marianne marie marina mario marion mark markus martha martin
    martina mary mathias mathilde matthew matthias max maximilian melanie mia michael michaela mike miriam
    monika moritz nadine nadja nancy natalie nathalie nick nico nicolas nicole niklas nils nina nora norbert
    norman olaf ole oliver olivier oskar otto patricia patrick paul paula peter petra philip philipp philippe
    pia pierre rachel rainer ralf ramona rebecca regina reinhard renate rené richard rita robert roland rolf
    roman rosa rosemarie rudolf ruth rüdiger sabine sabrina sam sandra sandrine sara sarah sascha sebastian
    siegfried sigrid silke silvia simon simone sonja sophia sophie stefan stefanie steffen stephan steven susan
    susanne sven svenja sylvia sylvie sébastien tanja theo theodor theresa thierry thomas thorsten till tim timo
    tina tobias tom tony torsten udo ulf ulla ulrich ulrike ursula uta ute uwe vanessa vera verena veronika
    viktor viktoria volker walter waltraud werner wilfried wilhelm willi william wolf wolfgang yvonne zoe zoë
    élodie émilie"""
    )
)
"""By which a column of given names is told from one of family names."""
