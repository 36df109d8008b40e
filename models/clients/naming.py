"""What a client's account is called: by the firm's standard format of names, or as somebody wrote it."""

import re
from enum import StrEnum

from pathvalidate import Platform, sanitize_filename

from models.errors import N_, ProvisionError
from models.people.names import has_letter
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


COUPLE = re.compile(r"\b(?:und|u\.|and|et|eheleute|familie)(?!\w)|[&+]", re.IGNORECASE)
COMPANY = re.compile(
    r"\b(?:g?GmbH|AG|KG|KGaA|OHG|GbR|UG|SE|eG|e\.\s?K|e\.\s?V|PartG(?:mbB)?|OG|Sàrl|SA|SAS|SARL|Ltd|LLC|Inc|B\.?V|"
    r"Verein|Stiftung|Amtsgericht|Finanzamt|Erbengemeinschaft|Gemeinde|Genossenschaft)(?!\w)"
    r"|&\s*(?:Partner|Kolleg|Söhne|Co\b)"
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
