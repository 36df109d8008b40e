"""Telephone numbers as people write them, kept in the one form that every country can dial."""

import re
from enum import StrEnum
from typing import NamedTuple

import phonenumbers as numbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

from models.clients.address import HOME
from models.errors import N_, ProvisionError
from models.text import one_line

PHONE_MOST = 20


class PhoneKind(StrEnum):
    LANDLINE = "landline"
    MOBILE = "mobile"
    FAX = "fax"


class PhoneInvalid(ProvisionError):
    status = 422
    says = N_("“%(written)s” is not a telephone number: write it with its area code, for example +49 30 5550100.")

    def __init__(self, written: str) -> None:
        super().__init__(written)
        self.written = written


def phone_number(written: str, country: str = HOME) -> str:
    """The number as E.164, “+49305550100”; *country* is where a number without a country's code is from.

    Raises PhoneInvalid also where a letter stands in it, which would be dialled as a digit.
    """
    return _e164(_parsed(written, country)[0])


def _parsed(written: str, country: str) -> tuple[PhoneNumber, int]:
    """The number, and what kind it is of; only a valid one is of any."""
    text = one_line(written).replace("(0)", "")
    digits = re.sub(r"[\s()/.\-–]", "", text)
    code = str(numbers.country_code_for_region(country))
    ways = [digits]
    if digits.startswith(code) and len(digits) > len(code) + 7:  # The plus was forgotten, or lost in a table.
        ways.insert(0, f"+{digits}")
    for way in ways if re.fullmatch(r"\+?\d{3,18}", digits, re.ASCII) else []:
        try:
            number = numbers.parse(way, country)
        except NumberParseException:
            continue
        kind = numbers.number_type(number)
        if kind != PhoneNumberType.UNKNOWN:
            return number, kind
    raise PhoneInvalid(text[:30])


class Found(NamedTuple):
    """The numbers in one cell of a table."""

    numbers: dict[str, PhoneKind | None]
    """E.164, each once, and what kind of number it is by its digits, where they tell."""
    rest: list[str]
    """What is none, or an extension behind one."""


KINDS = {PhoneNumberType.MOBILE: PhoneKind.MOBILE, PhoneNumberType.FIXED_LINE: PhoneKind.LANDLINE}
EXTENSION = re.compile(
    r"[\s,;/-]*\b(?:DW|Durchwahl|Dw\.|Nst\.?|App\.|ext\.?|poste|Klappe|Kl\.)\s*:?\s*(\d{1,5})\b", re.IGNORECASE
)
APART = re.compile(
    r"\s*(?:[;|\n]|,(?!\d{1,2}\b)|\s(?:oder|und|or|ou|and|et|bzw\.?|u\.)\s|\s[&+](?=\s)|:::)\s*", re.IGNORECASE
)
OTHER_END = re.compile(r"((?:\D*\d){7,}\D*?)\s*(?:/|\bbis\b|–)\s*-?\s*(\d{1,3})")
"""“0221 4710-150/57” has two ends, of which the second replaces the first."""
NEAR = frozenset({49, 43, 41})
"""Whose numbers are all known."""
AGAIN = re.compile(r"\s*/\s*(?=[0+])|\s+(?=[0+]\d{2})")
"""Before a second number."""
_HOUR = r"(?:[01]?\d|2[0-4])(?:[:.]\d\d)?"
HOURS = re.compile(
    rf"\b(?:ab|bis|nach|vor|um|von|zwischen|après|avant|after|before)\s+{_HOUR}\b(?:\s*(?:-|–|bis|und)\s*{_HOUR}\b)?"
    rf"(?:\s*(?:uhr|h|pm|am)\b)?(?!\s*\d)|\b{_HOUR}(?:\s*(?:-|–|bis)\s*{_HOUR})?\s*uhr\b",
    re.IGNORECASE,
)
"""When somebody can be called."""
WORDS = re.compile(r"\([^()\d]*\)|\([^()]*[^\W\d_]{2}[^()]*\)|\[[^\[\]]*\]|[^\W\d_]+[.:]?(?:-[^\W\d_]+[.:]?)*")


def numbers_in(written: str, country: str = HOME) -> Found:
    """All numbers that somebody has written into one cell, with words, brackets and extensions between them."""
    rest = [one[0].strip(" ,;/-") for one in EXTENSION.finditer(written)]
    text = HOURS.sub(" ", EXTENSION.sub(" ", written))
    found: list[tuple[PhoneNumber, int]] = []
    for part in filter(None, APART.split(text)):
        short = OTHER_END.fullmatch(part.strip())
        digits = WORDS.sub(" ", short[1] if short else part).strip(" ,:;-–/.")
        if not any(char.isdigit() for char in digits):
            continue
        if short:
            rest.append(f"/{short[2]}")
        for ways in ([digits], AGAIN.split(digits), digits.split(" / "), digits.split("/"), digits.split("  ")):
            try:
                found += [_parsed(way, country) for way in ways if way.strip()]
            except PhoneInvalid:
                continue
            break
        else:
            matched = [*numbers.PhoneNumberMatcher(digits, country)]
            found += [(match.number, numbers.number_type(match.number)) for match in matched]
            likely = None if matched else _possible(digits, country)
            if likely is not None:
                found.append((likely, PhoneNumberType.UNKNOWN))
                continue
            left = digits
            for match in reversed(matched):
                left = f"{left[: match.start]} {left[match.end :]}"
            if any(map(str.isdigit, left)):
                rest.append(left.strip(" ,;/-") if matched else part.strip())
    return Found({_e164(number): KINDS.get(kind) for number, kind in found}, rest)


def _possible(written: str, country: str) -> PhoneNumber | None:
    """A number of another country that nobody has been given as far as is known here, and could be dialled."""
    digits = re.sub(r"[\s()/.\-–]", "", written.replace("(0)", ""))
    if not re.fullmatch(r"(?:\+|0)\d{9,14}", digits, re.ASCII):
        return None
    try:
        number = numbers.parse(digits, country)
    except NumberParseException:
        return None
    is_near = number.country_code in NEAR
    is_possible = numbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    return number if is_possible and not is_near else None


def _e164(number: PhoneNumber) -> str:
    return numbers.format_number(number, PhoneNumberFormat.E164)


def shown(number: str, country: str = HOME) -> str:
    """The number as it is read in that country: “030 5550100” at home, “+49 30 5550100” elsewhere."""
    parsed = numbers.parse(number, None)
    at_home = numbers.region_code_for_number(parsed) == country
    return numbers.format_number(parsed, PhoneNumberFormat.NATIONAL if at_home else PhoneNumberFormat.INTERNATIONAL)
