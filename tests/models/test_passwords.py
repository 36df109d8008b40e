from random import Random

import pytest

from models.people.passwords import (
    PasswordGuessable,
    PasswordNamesYou,
    PasswordTooLong,
    PasswordTooShort,
    check_password,
)

KNOWN = "erika@freitag.example", "Erika Jörg Muster", "Anwaltskanzlei Freitag & Kollegen", "Convent IT", "Provision"
SENTENCES = [
    "drei grüne Füchse tanzen", "   viel Platz   davor", "山上有一只红狐狸在月光下跳舞唱歌", "кот на крыше поёт ночью",
    "a🦊b🐻c🦉d🐢e🦋f🐝g🐙h🦔", "Fr0schkönig#quakt!laut", "xK9#mQ2$vL7!pR4z", "482-957-301-648-22",
    "correct horse battery staple",
]  # fmt: skip


@pytest.mark.parametrize("password", SENTENCES)
def test_a_sentence_in_any_script_with_spaces_is_a_password(password):
    check_password(password, *KNOWN)


@pytest.mark.parametrize(
    ("password", "refusal"),
    [
        ("vierzehn Zeich", PasswordTooShort),
        ("ü" * 14, PasswordTooShort),
        ("a" * 201, PasswordTooLong),
        ("aaaaaaaaaaaaaaaa", PasswordGuessable),
        ("abcabcabcabcabcabc", PasswordGuessable),
        ("123456789012345", PasswordGuessable),
        ("erika@freitag.example", PasswordNamesYou),
    ],
)
def test_a_password_too_short_too_long_or_guessable_is_refused(password, refusal):
    with pytest.raises(refusal):
        check_password(password, *KNOWN)


@pytest.mark.parametrize(
    "password",
    [
        "ErikaMuster1234567", "erika.muster.2026.1", "Muster-Kollegen-12345", "KollegenKollegen2026",
        "ConventIT2026!!!!", "!!Kollegen&Erika!!2026", "Pr0v1s10n-2026-!!!!", "retsuMakirE12345",
        "MusterKollegenFreitagErikaConvent", "Jörg-Muster-2026!",  "JorgMuster1234567", "JoergMuster!12345",
    ],
)  # fmt: skip
def test_a_name_that_others_know_with_digits_is_no_password_and_the_reason_is_told(password):
    with pytest.raises(PasswordNamesYou, match="a name that others know"):
        check_password(password, *KNOWN)


@pytest.mark.parametrize(
    "password",
    [
        "Passwort12345678", "passwortpasswort", "P4ssw0rtP4ssw0rt", "Willkommen2026!!", "Hallo123456789012",
        "ichliebedich12345", "qwertzuiopasdfgh", "1q2w3e4r5t6z7u8i", "Sommer2026Sommer!", "schalke04schalke04",
        "geheimgeheim1234", "Steuerkanzlei2026", "Weihnachten2026!", "Fruehling-2026-Fruehling",
        "Montag Dienstag Mittwoch", "azertyuiopqsdfghj", "1qay2wsx3edc4rfv", "01.01.1970 01.01.1970",
        "Hauptstrasse12345!", "Deutschland2026!!!", "Mandantenportal2026", "Datenschutz2026!!", "MotDePasse123456",
        "31.12.1999-31.12.1999", "lkjhgfdsa098765",
    ],
)  # fmt: skip
def test_the_commonest_german_passwords_are_refused_however_long(password):
    with pytest.raises(PasswordGuessable, match="many take it"):
        check_password(password, *KNOWN)


@pytest.mark.parametrize(
    "password", ["Lindenweg7Muenchen", "Lindenweg-7-80331", "München-Lindenweg!", "861272861272861272"]
)
def test_what_else_everybody_knows_of_a_firm_is_no_password_either(password):
    check_password("Ahorn-Ufer-Pinguin-7", "Lindenweg 7", "80331", "München", "861272")

    with pytest.raises(PasswordGuessable):
        check_password(password, "Lindenweg 7", "80331", "München", "861272")


def test_signs_for_letters_are_not_tried_each_for_each():
    with pytest.raises(PasswordGuessable):
        check_password("p4$$w0rt" * 3)

    check_password("4@8({[<369&#!1/|0$5+7%2"[::-1] * 3)


WORDS = (
    "passwort sommer winter herbst kanzlei freitag erika muster wertpapier pinguin ananas laterne geheim 2026 31.12. 7"
)
WALKS = "qwertz asdfgh zxcvbn 3ert3 rfvtgb 1qay2wsx lkjhgf 98765 0okm9ijn"


def typed(count, seed):
    """Passwords as somebody makes them up: words, repeats, keyboard walks, letters at random."""
    draw = Random(seed)

    def piece():
        kind = draw.randrange(4)
        if kind == 0:
            return draw.choice(WORDS.split()).title()
        if kind == 1:
            return draw.choice(WALKS.split())
        if kind == 2:
            return "".join(draw.choices("abenrst", k=draw.randint(1, 4))) * draw.randint(2, 4)
        return "".join(draw.choices("abcxyz0189.-{ ", k=draw.randint(1, 5)))

    for _ in range(count):
        made = piece()
        while len(made) < 15:
            made += piece()
        yield made


def is_refused(password, *known):
    try:
        check_password(password, *known)
    except PasswordGuessable:
        return True
    return False


def test_any_password_is_taken_or_refused_in_a_sentence():
    made = ["Bananananas Wertpapier", "rer3ert3.98tag{", *typed(300, seed=1)]

    refused = [password for password in made if is_refused(password, *KNOWN)]

    assert 0 < len(refused) < len(made)


def test_a_password_that_is_refused_once_is_refused_however_often_it_is_repeated():
    made = [
        "passwortqwertzsommer", "qwertzuiopasdfghjkl", "KanzleiFreitagMünchen", "ErikaMusterFreitagLindenweg",
        "SommerSommerWinterHerbst", *typed(60, seed=2),
    ]  # fmt: skip
    known = [*KNOWN, "Lindenweg 7", "80331", "München"]

    refused = [password for password in made if is_refused(password, *known)]

    assert set(made[:5]) <= set(refused)
    for password in refused:
        for times in {2, 3, 200 // len(password)}:
            assert is_refused(password * times, *known), (password, times)


@pytest.mark.parametrize(
    "password",
    [
        "SommerWinterHerbst2026", "SommerSonneUrlaub2026!!", "Willkommen-Winter-Zuhause-1",
        "Sommer-Winter-Sommer-Winter", "ErikaKanzleiWochenende2026!", "Sommer Passwort Winter Sommer",
    ],
)  # fmt: skip
def test_three_words_that_everybody_takes_are_no_password_in_whatever_order_with_whatever_year(password):
    assert is_refused(password, *KNOWN)
