"""Telephone numbers as people write them, kept in the one form that every country can dial."""

import re
from enum import StrEnum

import phonenumbers as numbers
from phonenumbers import NumberParseException, PhoneNumberFormat

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
        if numbers.is_valid_number(number):
            return numbers.format_number(number, PhoneNumberFormat.E164)
    raise PhoneInvalid(text[:30])


def shown(number: str, country: str = HOME) -> str:
    """The number as it is read in that country: “030 5550100” at home, “+49 30 5550100” elsewhere."""
    parsed = numbers.parse(number, None)
    at_home = numbers.region_code_for_number(parsed) == country
    return numbers.format_number(parsed, PhoneNumberFormat.NATIONAL if at_home else PhoneNumberFormat.INTERNATIONAL)
