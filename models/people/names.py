"""Names of people as they are written: what of them is the family name, and what is none of either."""

import re
from typing import NamedTuple
from unicodedata import category


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PARTICLES = _words(
    """a af al am auf av da dal dall' dalla de degli dei del dell' della den der des di do dos du el im in la las le los
    op 't ten ter the tot und van vande vander vom von y zu zum zur
    baron baronesse edle edler freifrau freiherr freiin fürst fürstin graf gräfin herzog herzogin prinz prinzessin
    ritter"""
)
"""What stands before a family name and belongs to it; in Germany former titles of the nobility do, by law."""
SALUTATIONS = _words(
    "frau fräulein fr. herr herrn hr. madame mme mme. mlle monsieur mr mr. mrs mrs. ms ms. mx me maître maitre"
)
BEFORE_NAMES = _words("m. me me. sig. sig.ra sra. sr.")
"""The same in a column of salutations, where nobody's name stands."""
SPELLED_OUT = {"herrn": "Herr", "hr.": "Herr", "fr.": "Frau", "hr": "Herr", "fr": "Frau"}
BEFORE_TWO = _words("m. notar notarin partner partnerin assessor")
"""The same, or a profession, where a given and a family name follow: else it could be one of them."""
PROFESSIONS = _words(
    """angestellt anwalt anwält architekt arzt assessor assistent berater betriebswirt buchhalter controller fachwirt
    führer gehilf gutachter hilfe ingenieur inhaber jurist kauffrau kaufmann leiter leitung manager mediator meister
    notar partner praktikant professor prokurist prüfer referent sachbearbeiter sachverständig sekretär
    syndikus volkswirt vorstand wirtin ärzt ökonom accountant adviser advisor attorney auditor avocat comptable expert
    lawyer notaire
    diplom bachelor magister auszubildend büro empfang kanzlei sekretariat student trainee zentrale"""
)
"""Parts of words that tell that what stands behind a comma, where a given name could as well, is a profession."""
SURE_PROFESSIONS = _words(
    """auszubildend berater bilanzbuch buchhalter buchprüfer fachangestellt fachanw fachwirt geschäftsführ
    patentanw prokurist rechtsanw sachbearbeiter steueranw syndik wirtschaftsprüf"""
)
"""Parts of words that are no given name: also before a name, and behind a given and a family name without a comma."""
TRAINEES = _words("azubi azubis azubine azubiene")
"""The same as whole words, since there are names that begin so."""
ABBREVIATED = r"BA|BSc|CFA|CPA|LLM|MA|MBA|MdB|MdL|MSc|PhD|RA|RAe|RAin|StB|StBin|vBP|WP|WPin"
DEGREE = re.compile(rf"(?:\w{{1,4}}\.){{2,}}|Dipl\b.+|{ABBREVIATED}")
"""“LL.M.”, “Ph.D.”: behind a name also without a comma."""
NAMES_TOO = frozenset({"BA", "MA"})
"""Degrees that are somebody's name in capitals where only one other stands there."""
BORN, PERHAPS_BORN = _words("geb. geborene geborener née"), _words("geb nee")
"""Before the name with which somebody was born; the latter are names as well."""
ASIDE = re.compile(r"\([^()]*\)?|\[[^\[\]]*\]?")
"""In brackets, perhaps not closed, stands what is no name: a degree's place, a profession, a firm."""
GLUED = re.compile(r"\b(Dr|Prof|Mag|Ing|med|jur|iur)\.(?=[^\W\d_]{2})")
GENERATION = _words("jr jr. jun. junior sen. senior sr sr. ii iii iv")
"""What stands behind a family name and belongs to it."""
TITLE = re.compile(
    r"(?:[^\W\d_]{2,}\.|(?:\w\.){2,}|(?:dipl|dr)\.?-.+|diplom-.+|dr|prof|professor|professorin|mag|lic|ing)",
    re.IGNORECASE,
)
"""“Prof.”, “Dr.”, “h.c.”, “Dipl.-Kfm.”; one letter with a dot is a given name."""


def split_name(name: str) -> tuple[str, str]:
    """Given and family name, both perhaps empty: of “Dr. Jan van der Berg, LL.M.” “Dr. Jan” and “van der Berg”.

    A comma puts the family name first, unless a degree or a profession follows, which is no part of the name, nor is
    anything without a letter. Academic titles stay with the given name.
    """
    parts = [_bare(part) for part in GLUED.sub(r"\1. ", ASIDE.sub(" ", name)).split(",")]
    parts = [part for part in parts if part]
    if not parts:
        return "", ""
    while len(parts) > 1:
        if _is_degree(parts[-1]):
            parts.pop()
        elif not _apart(parts[-1].split())[1]:  # “Erika Muster, Dr.”
            parts[0] = f"{parts.pop()} {parts[0]}"
        else:
            break
    if len(parts) > 1:
        titles, family = _apart(_addressed(parts[0].split()))
        return " ".join([*titles, *_addressed(" ".join(parts[1:]).split())]), " ".join(family)
    words = _addressed(parts[0].split())
    start = len(words) - (2 if len(words) > 2 and words[-1].casefold() in GENERATION else 1)
    while start > 0 and _is_particle(words, start - 1):
        start -= 1
    return " ".join(words[:start]), " ".join(words[start:])


class Called(NamedTuple):
    """What stands in a name, part by part."""

    salutation: str
    """“Frau” or “Herr” as it is written on an envelope’s first line, or as it stands there."""
    title: str
    """Academic titles before the name and degrees behind it."""
    given_name: str
    family_name: str


def called(name: str) -> Called:
    """The parts of “Frau Prof. Dr. Jan van der Berg, LL.M.”: “Frau”, “Prof. Dr. LL.M.”, “Jan” and “van der Berg”."""
    given, family = split_name(name)
    titles, rest = _apart(given.split())
    plain = [word.strip(",;") for word in GLUED.sub(r"\1. ", ASIDE.sub(" ", name)).split()]
    greeted = [word for word in plain if word.casefold() in SALUTATIONS]
    kept = {*given.split(), *family.split()}
    titles += [word for word in plain if word not in kept and is_title(word) and word.casefold() not in SALUTATIONS]
    if not rest and is_title(family):  # Nothing but titles.
        titles, family = [*titles, family], ""
    if not rest and family.casefold() in SALUTATIONS:
        family = ""
    return Called(salutation(" ".join(greeted)), " ".join(titles), " ".join(rest), family)


def salutation(written: str) -> str:
    """“Herr” of “Herrn” and “Hr.”, “Frau” of “Fr.”; anything else as it is."""
    return SPELLED_OUT.get(written.casefold(), written)


def is_salutation(word: str) -> bool:
    return word.casefold() in SALUTATIONS or word.casefold() in BEFORE_NAMES


def is_title(word: str) -> bool:
    """“Dr.”, “Dipl.-Kfm.”, “LL.M.”, “StB”."""
    return bool(TITLE.fullmatch(word) or DEGREE.fullmatch(word)) and word.casefold() not in GENERATION


def first_name(name: str) -> str:
    """The given name without titles, for those who are addressed by it; empty if none is known."""
    return " ".join(_apart(split_name(name)[0].split())[1])


def is_letter(char: str) -> bool:
    """Of whatever script, or a mark on one."""
    return category(char)[0] in "LM"


def has_letter(text: str) -> bool:
    return any(is_letter(char) for char in text)


def between(text: str, before: str, behind: str) -> str:
    """The text from its first letter to its last, and with these signs *before* and *behind* it."""
    kept = [at for at, char in enumerate(text) if is_letter(char)]
    if not kept:
        return ""
    first, last = kept[0], kept[-1] + 1
    while first > 0 and text[first - 1] in before:
        first -= 1
    while last < len(text) and text[last] in behind:
        last += 1
    return text[first:last]


def _bare(part: str) -> str:
    """Without words that have no letter, without signs around words, and without what somebody was born as."""
    words = [between(word, "'’", ".'’") for word in part.split()]
    words = [word for word in words if has_letter(word)]
    born = next((at for at in range(1, len(words)) if _is_born(words, at)), len(words))
    return " ".join(words[:born])


def _is_born(words: list[str], at: int) -> bool:
    word = words[at].casefold()
    if word not in PERHAPS_BORN:
        return word in BORN
    before = [each for each in _apart(words[:at])[1] if each.casefold() not in SALUTATIONS]
    return len(before) > 1 and at + 1 < len(words)


def _addressed(words: list[str]) -> list[str]:
    """Without “Frau”, “Herr”, “Rechtsanwalt” before it, and “StB”, “Steuerberaterin” behind it."""
    while len(words) > 1 and (
        words[0].casefold() in SALUTATIONS
        or (re.fullmatch(ABBREVIATED, words[0]) and _is_enough(words[1:], words[0]))
        or _is_surely_profession(words[0])
        or (len(words) > 2 and words[0].casefold() in BEFORE_TWO)
    ):
        words = words[1:]
    while (DEGREE.fullmatch(words[-1]) and _is_enough(words[:-1], words[-1])) or (
        _is_surely_profession(words[-1]) and _is_both(words[:-1])
    ):
        words = words[:-1]
    return words


def _is_enough(rest: list[str], degree: str) -> bool:
    """To be a name without the degree."""
    return _is_both(rest) if degree in NAMES_TOO else bool(rest)


def _is_both(words: list[str]) -> bool:
    """A given and a family name at least: nobody is to be called by half of theirs."""
    return len(_apart(words)[1]) > 1


def _is_surely_profession(word: str) -> bool:
    return word.casefold() in TRAINEES or any(part in word.casefold() for part in SURE_PROFESSIONS)


def _apart(words: list[str]) -> tuple[list[str], list[str]]:
    """Titles at the beginning, and the rest."""
    count = next((at for at, word in enumerate(words) if not TITLE.fullmatch(word)), len(words))
    return words[:count], words[count:]


def _is_particle(words: list[str], at: int) -> bool:
    """At the beginning only in small letters: “Al Berg” and “Le Berg” have a given name."""
    word = words[at]
    return word.casefold().replace("’", "'") in PARTICLES and (at > 0 or word.islower())


def _is_degree(text: str) -> bool:
    words = text.casefold().split()
    return (
        all(DEGREE.fullmatch(word) for word in text.split())
        or not TRAINEES.isdisjoint(words)
        or any(part in text.casefold() for part in PROFESSIONS)
    )
