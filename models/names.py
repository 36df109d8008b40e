"""Names of people as they are written: what of them is the family name, and what is none of either."""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PARTICLES = _words(
    """a af al am auf av da dal dall' dalla de degli dei del dell' della den der des di do dos du el im in la las le los
    ten ter the tot und van vande vander vom von y zu zum zur
    baron baronesse edle edler freifrau freiherr freiin fürst fürstin graf gräfin herzog herzogin prinz prinzessin
    ritter"""
)
"""What stands before a family name and belongs to it; in Germany former titles of the nobility do, by law."""
SALUTATIONS = _words("frau fräulein fr. herr herrn hr. madame mme mlle monsieur mr mr. mrs mrs. ms ms. mx")
PROFESSIONS = _words(
    """angestellt anwalt anwält architekt arzt assessor assistent berater betriebswirt buchhalter controller fachwirt
    führer gehilf gutachter hilfe ingenieur inhaber jurist kauffrau kaufmann leiter leitung manager mediator meister
    notar partner professor prokurist prüfer referent sachbearbeiter sachverständig sekretär syndikus volkswirt vorstand
    wirtin ärzt ökonom accountant adviser advisor attorney auditor avocat comptable expert lawyer notaire
    diplom bachelor magister"""
)
"""Parts of words that tell that what stands behind a comma, where a given name could as well, is a profession."""
DEGREE = re.compile(
    r"(?:\w{1,4}\.){2,} | Dipl\b.+ | BA|BSc|CFA|CPA|LLM|MA|MBA|MdB|MdL|MSc|PhD|RA|RAin|StB|StBin|vBP|WP|WPin",
    re.VERBOSE,
)
"""“LL.M.”, “Ph.D.”: behind a name also without a comma."""
GENERATION = _words("jr jr. jun. junior sen. senior sr sr. ii iii iv")
"""What stands behind a family name and belongs to it."""
TITLE = re.compile(
    r"(?:[^\W\d_]{2,}\.|(?:\w\.){2,}|dipl\.?-.+|dr|prof|professor|professorin|mag|lic|ing)", re.IGNORECASE
)
"""“Prof.”, “Dr.”, “h.c.”, “Dipl.-Kfm.”; one letter with a dot is a given name."""


def split_name(name: str) -> tuple[str, str]:
    """Given and family name, both perhaps empty: of “Dr. Jan van der Berg, LL.M.” “Dr. Jan” and “van der Berg”.

    A comma puts the family name first, unless a degree or a profession follows, which is no part of the name.
    Academic titles stay with the given name.
    """
    parts = [" ".join(part.split()) for part in name.split(",")]
    parts = [part for part in parts if part]
    if not parts:
        return "", ""
    while len(parts) > 1 and not _apart(parts[-1].split())[1]:  # “Erika Muster, Dr.”
        parts[0] = f"{parts.pop()} {parts[0]}"
    while len(parts) > 1 and _is_degree(parts[-1]):
        parts.pop()
    if len(parts) > 1:
        titles, family = _apart(_addressed(parts[0].split()))
        return " ".join([*titles, *_addressed(" ".join(parts[1:]).split())]), " ".join(family)
    words = _addressed(parts[0].split())
    while len(words) > 1 and DEGREE.fullmatch(words[-1]):
        words.pop()
    start = len(words) - (2 if len(words) > 2 and words[-1].casefold() in GENERATION else 1)
    while start > 0 and _is_particle(words, start - 1):
        start -= 1
    return " ".join(words[:start]), " ".join(words[start:])


def first_name(name: str) -> str:
    """The given name without titles, for those who are addressed by it; empty if none is known."""
    return " ".join(_apart(split_name(name)[0].split())[1])


def _addressed(words: list[str]) -> list[str]:
    """Without “Frau”, “Herr”."""
    while len(words) > 1 and words[0].casefold() in SALUTATIONS:
        words = words[1:]
    return words


def _apart(words: list[str]) -> tuple[list[str], list[str]]:
    """Titles at the beginning, and the rest."""
    count = next((at for at, word in enumerate(words) if not TITLE.fullmatch(word)), len(words))
    return words[:count], words[count:]


def _is_particle(words: list[str], at: int) -> bool:
    """At the beginning only in small letters: “Al Berg” and “Le Berg” have a given name."""
    word = words[at]
    return word.casefold() in PARTICLES and (at > 0 or word.islower())


def _is_degree(text: str) -> bool:
    return all(DEGREE.fullmatch(word) for word in text.split()) or any(word in text.casefold() for word in PROFESSIONS)
