"""What a client's account is called: by the firm's standard format of names, or as somebody wrote it."""

import re
from enum import StrEnum

from pathvalidate import Platform, sanitize_filename

from models.errors import N_, ProvisionError
from models.people.names import Called, called, has_letter
from models.text import fitting, one_line

NAME_MOST = 200


class NameFormat(StrEnum):
    """In which order a firm files people."""

    FAMILY_FIRST = "family_first"
    GIVEN_FIRST = "given_first"


class Doubt(StrEnum):
    """Why what stands as somebody's name may be none."""

    TWO_PEOPLE = "two_people"
    COMPANY = "company"
    DEGREE = "degree"


class ClientNameMissing(ProvisionError):
    status = 422
    says = N_("The account has no name: name the company, or a contact with a family name.")


_JOINS = r"(?:(?<!\bvon\s)und|und(?!\s+zu\b)"
"""“Von und zu” joins no two people."""
AND = re.compile(rf"\s*[&+/]\s*|\s+{_JOINS}|u\.|and|et|sowie)\s+", re.IGNORECASE)
COUPLE = re.compile(rf"\b{_JOINS}|u\.|and|et|sowie|eheleute|ehepaar|familie|fam\.)(?!\w)|[&+]", re.IGNORECASE)
HOUSEHOLD = re.compile(r"\s*\b(?:die\s+)?(?:eheleute|ehepaar|familie|fam\.|hausgemeinschaft)(?!\w)\s*", re.IGNORECASE)
"""Says that several people stand behind one name."""
COMPANY = re.compile(
    r"\b(?:g?GmbH|AG|KG|KGaA|OHG|GbR|UG|SE|eG|e\.\s?K|eK|e\.\s?V|eV|PartG(?:mbB)?|OG|OEG|KdöR|AöR|S\.?A|SAS|SNC|SCI|SCP|EURL|"
    r"S\.?P\.?A|B\.?V|N\.?V|Ltd|LLC|LLP|Inc|PLC|WEG|ARGE|e\.\s?G|e\.\s?Kfr|e\.\s?Kfm|i\.\s?L)(?!\w)"
    r"|(?i:\b(?:g?gmbh|mbh|mbb|ges\.?\s?m\.?\s?b\.?\s?h|gesbr|kgaa|ohg|partg|partgmbb|ug\s*\(haftungsbeschränkt\)"
    r"|s\.?\s?[àa]\s?\.?r\.?\s?l|s\.?r\.?l\.?s?|"
    r"co\.?\s?kg)(?!\w))"
    r"|(?i:(?:gesellschaft|genossenschaft|gemeinschaft|stiftung|verein|verband|apotheke|kanzlei|gemeinde|sozietät|"
    r"hausverwaltung|ministerium)\b)"
    r"|(?i:\b(?:(?:amts|land|oberlandes|arbeits|finanz|sozial|verwaltungs|register)gericht|finanzamt|fondation|association|"
    r"société|cabinet|tribunal|commune\s+de|mairie|étude|fiduciaire|krankenkasse|sparkasse|volksbank|"
    r"autohaus|ärztehaus|bäckerei|metzgerei|fleischerei|gasthaus|gasthof|hotel|restaurant|praxis|"
    r"landkreis|bezirksamt|notariat|company|corporation|holding|gebr\.|gebrüder)(?!\w))"
    r"|(?i:\b\w*(?:immobilien|transporte|stadtwerke|logistik|consulting|services|solutions|spedition|weingut|schreinerei|"
    r"tischlerei|malerbetrieb|dachdeckerei|gärtnerei|druckerei|brauerei|konditorei|technik|elektro|sanitär|heizungsbau|"
    r"holzbau|metallbau|maschinenbau|werkstatt|kindergarten|schule|universität|verwaltung|vermietung|beteiligungen|verlag|"
    r"architekten|rechtsanwälte|steuerberater|steuerberatung|(?:reise|ingenieur|architektur|planungs)büro|friseur|friseursalon|"
    r"unternehmen|innung|(?:handwerks|handels|anwalts|ärzte|berater)kammer|großhandel|nachlass)(?!\w))"
    # What is sold or done, where nobody is called so: “Blumen Meyer”, “Schöner Wohnen”.
    r"|(?i:\b(?:blumen|floristik|optik|hörakustik|küchen|möbel|getränke|kosmetik|moden?|wohnen|reisen|autos?|zweirad|"
    r"fahrräder|textilien|schuhe|spielwaren|lebensmittel|catering|software|marketing|werbung|fotografie|events?|fitness|"
    r"atelier|galerie|café|bistro|imbiss|pizzeria|kiosk|supermarkt|tankstelle|fahrschule)(?!\w))"
    r"|(?i:^(?:stadt|freistaat)\s)"
    r"|(?:&|\+|\bund|\bu\.)\s*(?:Partner|Kolleg|Söhne|Sohn|Co\b|Cie\b|Fils|Töchter)"
)
DEGREE = re.compile(
    r"(?:Dr|Prof|Mag|Ing|Dipl)\.?(?:[-\s.].*)?|(?:Herr|Frau|Mr|Mrs|Ms|Madame|Monsieur)\.?", re.IGNORECASE
)


def filed_as(given_name: str, family_name: str, name_format: NameFormat) -> str:
    """“Muster, Erika” or “Erika Muster”; one part alone stands for itself."""
    if name_format is NameFormat.FAMILY_FIRST:
        return ", ".join(filter(None, (family_name, given_name)))
    return " ".join(filter(None, (given_name, family_name)))


def account_name(written: str) -> str:
    """As somebody wrote it; raises ClientNameMissing or TextTooLong."""
    name = one_line(written)
    if not has_letter(name) and not any(char.isdigit() for char in name):
        raise ClientNameMissing
    return fitting(name, NAME_MOST, "name")


def safe_in_windows(name: str) -> str:
    """The name as a folder of Windows can be called; the same if it can be."""
    safe = sanitize_filename(one_line(name), replacement_text="-", platform=Platform.WINDOWS, max_len=NAME_MOST)
    return safe.strip(". ") or "-"


def doubts(given_name: str, family_name: str) -> list[Doubt]:
    """What somebody should look at before this is taken for one person's name."""
    both = f"{given_name} {family_name}"
    found = {
        Doubt.TWO_PEOPLE: COUPLE.search(given_name) or (COUPLE.search(family_name) and not COMPANY.search(both)),
        Doubt.COMPANY: COMPANY.search(both),
        Doubt.DEGREE: DEGREE.fullmatch(given_name.strip()),
    }
    return [doubt for doubt, is_found in found.items() if is_found]


def is_company(name: str) -> bool:
    """Whether this is a company's name, or an authority's, by what stands in it."""
    return bool(COMPANY.search(name))


def people_of(given_name: str, family_name: str) -> list[tuple[str, str]]:
    """Each of the people that stand in one name, given and family name with whatever titles are written there.

    “Max und Erika” and “Muster” are Max Muster and Erika Muster; of “Eheleute” and “Muster” nobody knows the given
    names. One person is themselves.
    """
    given, family = HOUSEHOLD.sub(" ", given_name).strip(), HOUSEHOLD.sub(" ", family_name).strip()
    firsts = _each(given)
    lasts = _each(family)
    if len(firsts) < 2 and len(lasts) < 2:
        return [(given, family)]
    if len(lasts) == 1:
        return [(first, lasts[0] if lasts else "") for first in firsts]
    if len(firsts) == len(lasts):
        return [*zip(firsts, lasts, strict=True)]
    return [(firsts[0] if at == 0 and firsts else "", last) for at, last in enumerate(lasts)]


def people_in(name: str) -> list[Called]:
    """The people whose whole names stand in one text: “Max und Erika Muster”, “Muster, Max & Erika”, “Frau Muster”."""
    plain = HOUSEHOLD.sub(" ", name).strip()
    if "," in plain and AND.search(plain.partition(",")[2]) and not AND.search(plain.partition(",")[0]):
        family, _, firsts = plain.partition(",")
        return [called(f"{family}, {first}") for first in _each(firsts)]
    *others, last = [called(part) for part in _each(plain)] or [called(plain)]
    people = []
    for other in others:
        if other.family_name and not other.given_name and (last.given_name or last.salutation):
            people.append(other._replace(given_name=other.family_name, family_name=last.family_name))
        else:
            people.append(other if other.family_name else other._replace(family_name=last.family_name))
    return [*people, last]


def _each(names: str) -> list[str]:
    parts = AND.split(names)
    return [part.strip(" ,") for part in parts if part.strip(" ,")]
