"""Postal addresses in any country, VAT ids and web addresses of clients."""

import re
from collections.abc import Mapping
from functools import cache, lru_cache

from babel import Locale
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column
from stdnum import get_cc_module
from stdnum.exceptions import ValidationError
from stdnum.util import clean

from models.db import TELLS
from models.errors import N_, Faults, ProvisionError
from models.firm import spellings
from models.text import fitting, one_line

HOME = "DE"
NO_COUNTRY = frozenset(["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"])
"""Codes in Babel's list that name parts of countries, unions of them, or nothing."""
POSTCODES = {
    **dict.fromkeys(("DE", "FR", "IT", "ES", "FI", "EE", "HR", "UA"), r"\d{5}"),
    **dict.fromkeys(("AT", "CH", "LI", "LU", "BE", "DK", "NO", "HU", "SI", "BG", "CY"), r"\d{4}"),
    **dict.fromkeys(("CZ", "SK", "SE", "GR"), r"\d{3} ?\d{2}"),
    "NL": r"\d{4} ?[A-Z]{2}",
    "PL": r"\d{2}-\d{3}",
    "PT": r"\d{4}-\d{3}",
    "RO": r"\d{6}",
    "LT": r"(?:LT-)?\d{5}",
    "LV": r"LV-\d{4}",
    "MT": r"[A-Z]{3} ?\d{4}",
    "IE": r"[A-Z]\d[\dW] ?[A-Z\d]{4}",
    "GB": r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}",
    "US": r"\d{5}(?:-\d{4})?",
}
"""How postcodes are written, of the countries in which clients mostly are; elsewhere whatever fits."""
STREET_MOST, CITY_MOST, POSTCODE_MOST = 200, 100, 10


class CountryUnknown(ProvisionError):
    status = 422
    says = N_("“%(code)s” is not the code of a country: write two letters, for example DE.")

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class PostcodeUnfit(ProvisionError):
    status = 422
    says = N_("“%(postcode)s” is not a postcode of the country %(country)s: check both.")

    def __init__(self, postcode: str, country: str) -> None:
        super().__init__(postcode, country)
        self.postcode = postcode
        self.country = country


class VatIdInvalid(ProvisionError):
    status = 422
    says = N_("“%(vat_id)s” is not a VAT identification number: check it letter by letter, or leave it out for now.")

    def __init__(self, vat_id: str) -> None:
        super().__init__(vat_id)
        self.vat_id = vat_id


@cache
def countries() -> frozenset[str]:
    """The codes of all countries, ISO 3166-1 and Kosovo's."""
    codes = {str(code) for code in Locale("en").territories}
    return frozenset(code for code in codes if re.fullmatch("[A-Z]{2}", code)) - NO_COUNTRY


def country_code(written: str) -> str:
    """The two letters; raises CountryUnknown."""
    code = one_line(written).upper()
    if code not in countries():
        raise CountryUnknown(code[:20])
    return code


PLATES = {
    "D": "DE",
    "A": "AT",
    "FL": "LI",
    "F": "FR",
    "I": "IT",
    "B": "BE",
    "L": "LU",
    "E": "ES",
    "P": "PT",
    "S": "SE",
    "N": "NO",
    "H": "HU",
    "PL": "PL",
    "UK": "GB",
    "SLO": "SI",
    "EL": "GR",
    "USA": "US",
    "BRD": "DE",
    "DDR": "DE",
    "GER": "DE",
    "DEU": "DE",
    "AUT": "AT",
    "CHE": "CH",
    "SUI": "CH",
    "FRA": "FR",
    "ITA": "IT",
    "NED": "NL",
    "ENGLAND": "GB",
    "HOLLAND": "NL",
    "GROSSBRITANNIEN": "GB",
    "SCHOTTLAND": "GB",
    "TSCHECHIEN": "CZ",
    "LIE": "LI",
    "LUX": "LU",
    "BEL": "BE",
    "NLD": "NL",
    "GBR": "GB",
    "ESP": "ES",
    "POL": "PL",
}
"""What stands on cars and on letters, and what people say, where it is no code of two letters."""


@cache
def _named_countries() -> Mapping[str, str]:
    names: dict[str, str] = {}
    for language in ("en", "fr", "de"):
        names |= {
            spelled: str(code) for code, name in Locale(language).territories.items() for spelled in spellings(name)
        }
    return {name: code for name, code in names.items() if code in countries()}


@lru_cache(1000)
def country_named(written: str) -> str:
    """The two letters of “Schweiz”, “Suisse”, “CH” or, as on letters, “D”; raises CountryUnknown."""
    text = one_line(written).strip(" .-").upper()
    code = text if text in countries() else PLATES.get(text)
    named = (_named_countries().get(spelling) for spelling in spellings(text))
    code = code or next(filter(None, named), None)
    if code is None:
        raise CountryUnknown(one_line(written)[:20])
    return code


def postcode(written: str, country: str = HOME) -> str:
    """The postcode as its country writes it, or empty; raises PostcodeUnfit."""
    text = one_line(written).upper()
    if text and not re.fullmatch(POSTCODES.get(country, rf".{{1,{POSTCODE_MOST}}}"), text, re.ASCII):
        raise PostcodeUnfit(text[:20], country)
    return text


class PostalAddress:
    """Columns of who is somewhere."""

    street: Mapped[str] = mapped_column(String(STREET_MOST), default="", info=TELLS)
    postcode: Mapped[str] = mapped_column(String(POSTCODE_MOST), default="", info=TELLS)
    city: Mapped[str] = mapped_column(String(CITY_MOST), default="", info=TELLS)
    country: Mapped[str] = mapped_column(String(2), default=HOME, info=TELLS)

    def locate(self, faults: Faults, written: Mapping[str, str], prefix: str = "") -> None:
        """Take over what a form says in fields of these names; what does not fit is among the faults."""
        with faults.at(f"{prefix}country"):
            self.country = country_code(written.get(f"{prefix}country") or HOME)
        with faults.at(f"{prefix}postcode"):
            self.postcode = postcode(written.get(f"{prefix}postcode", ""), self.country or HOME)
        for name, most in (("street", STREET_MOST), ("city", CITY_MOST)):
            with faults.at(f"{prefix}{name}"):
                setattr(self, name, fitting(one_line(written.get(f"{prefix}{name}", "")), most))

    @property
    def place(self) -> dict[str, str]:
        """As ``locate`` reads it."""
        return {"street": self.street, "postcode": self.postcode, "city": self.city, "country": self.country}


def vat_id(written: str) -> str:
    """The number without blanks, its country's letters before it, or empty; raises VatIdInvalid.

    Of the EU, with their check digits, and Switzerland's UID. Greece writes EL.
    """
    text = clean(one_line(written), " -./").upper()
    if not text:
        return ""
    country = "GR" if text.startswith("EL") else text[:2]
    if text.startswith("CHE"):
        country = "CH"
    module = get_cc_module(country.lower(), "vat") if country in countries() else None
    try:
        number = module.validate(text) if module is not None else ""
    except ValidationError as error:
        raise VatIdInvalid(one_line(written)[:20]) from error
    if not number:
        raise VatIdInvalid(one_line(written)[:20])
    return f"EL{text[2:]}" if country == "GR" else text
