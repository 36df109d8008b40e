"""Where a record says that somebody is: street, postcode, town and country, and the VAT id that goes by the country."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from models.clients.address import CITY_MOST, STREET_MOST, country_named, postcode, vat_id
from models.errors import ProvisionError
from models.firm import spellings
from tasks.clients.imports.draft import Field, NoteKind
from tasks.clients.imports.formats import words_of
from tasks.clients.imports.owners import OWNER
from tasks.clients.imports.values import NONE_OF_THEM, Values

PLACE = re.compile(
    r"(?:(?P<country>[A-Z]{1,3})(?:\s*[-–]\s*|\s+))?(?P<postcode>\d{4,5})(?:\.0)?\s+(?P<city>\D.*)", re.IGNORECASE
)
WITH_COUNTRY = re.compile(r"([A-Z]{1,3})\s*[-–. ]\s*(\d{4,6})", re.IGNORECASE)
FIVE_DIGITS = frozenset({"DE", "FR", "IT", "ES"})
DIALLED = {
    "41": "CH",
    "43": "AT",
    "423": "LI",
    "352": "LU",
    "32": "BE",
    "45": "DK",
    "47": "NO",
    "36": "HU",
    "386": "SI",
}
"""Countries with postcodes of four digits, by how they are called."""
TOWNS = {
    **dict.fromkeys(
        words_of(
            """wien graz linz salzburg innsbruck klagenfurt villach wels dornbirn steyr feldkirch bregenz
        leonding eisenstadt krems kufstein"""
        ),
        "AT",
    ),
    **dict.fromkeys(
        words_of(
            """zuerich genf geneve basel lausanne bern winterthur luzern lugano biel thun koeniz fribourg
        schaffhausen chur uster sion neuchatel zug yverdon emmen kriens rapperswil montreux frauenfeld
        wetzikon baar carouge kreuzlingen zweisimmen solothurn aarau olten davos locarno bellinzona"""
        ),
        "CH",
    ),
    "vaduz": "LI",
    "schaan": "LI",
    "luxembourg": "LU",
}
"""Towns of countries with postcodes of four digits, which tell where somebody is who names no country."""


@dataclass
class Place:
    """An address, as far as it is told."""

    street: str = ""
    postcode: str = ""
    city: str = ""
    country: str = ""
    box: str = ""
    """A post office box beside a street."""

    @property
    def is_there(self) -> bool:
        return bool(self.street or self.postcode or self.city or self.box)


def country_of(said: Values, home: str) -> str:
    """Where the record is from, by whatever of it says so; empty: nothing does."""
    for text in [*said.all(Field.COUNTRY), *said.all(Field.HOME_COUNTRY)]:
        with suppress(ProvisionError):
            return country_named(text)
        said.note(NoteKind.COUNTRY_UNKNOWN, value=text)
    places = [(said.one(of), "") for of in (Field.POSTCODE_AND_CITY, Field.CITY)]
    places += [(said.one(Field.POSTCODE), said.one(Field.CITY))]
    places += [(said.one(Field.HOME_POSTCODE), said.one(Field.HOME_CITY))]
    whole = _address(said.one(Field.ADDRESS))
    with suppress(ProvisionError):
        return country_named(whole.country)
    places += [(whole.postcode, whole.city)]
    for text, _ in places:
        marked = re.match(r"([A-Za-z]{1,3})(?:\s*[-–]\s*|\s+)\d{4,6}\b", text)
        with suppress(ProvisionError):
            if marked:
                return country_named(marked[1])
    with suppress(ProvisionError):
        country = country_named(said.one(Field.VAT_COUNTRY) or said.one(Field.VAT_ID)[:2])
        return country if country != home else ""
    if home in FIVE_DIGITS:
        return next(filter(None, (_by_town(*place) for place in places)), "") or _dialled(said)
    return ""


def _by_town(code: str, city: str) -> str:
    """By a postcode of four digits and a town that has such."""
    both = PLACE.fullmatch(code)
    code, city = (both["postcode"], both["city"]) if both else (code, city)
    if not re.fullmatch(r"\d{4}(?:[.,]0)?", code):
        return ""
    names = [words.partition(" ")[0] for words in spellings(city)]
    return next((TOWNS[name] for name in names if name in TOWNS), "")


def _dialled(said: Values) -> str:
    """By the telephone, where a postcode is none of ours."""
    if not re.fullmatch(r"\d{4}", said.one(Field.POSTCODE)):
        return ""
    for text in [*said.all(Field.PHONE), *said.all(Field.MOBILE)]:
        found = re.match(r"(?:\+|00)\s*(4[13]|423|352|32|45|47|36|386)\b", text)
        if found:
            return DIALLED[found[1]]
    return ""


def place_in(said: Values, fields: Sequence[Field], country: str, home: str, person: int = 1) -> Place:
    """An address out of these columns: street, postcode, city."""
    street, code, city = (said.one(one, person) for one in fields)
    place = Place(country=country)
    if fields[0] is Field.STREET:
        street = " ".join(filter(None, (street, said.one(Field.HOUSE_NUMBER, person))))
        more = [text for text in said.all(Field.STREET_MORE, person) if not OWNER.match(text)]
        street = ", ".join(filter(None, (street, *more)))
        box = said.one(Field.PO_BOX, person)
        place.box = box if not box or re.search(r"[^\W\d_]", box) else f"Postfach {box}"
        both = said.one(Field.POSTCODE_AND_CITY, person)
        found = PLACE.fullmatch(both) or (PLACE.fullmatch(city) if not code else None)
        if found:
            code, city = found["postcode"], found["city"]
        elif not code and re.fullmatch(r"(?:[A-Z]{1,3}\s*[-–. ]\s*)?\d{4,6}", both, re.IGNORECASE):
            code = both
        else:
            city = city or both
        whole = said.one(Field.ADDRESS, person)
        if whole and not (street or code or city):
            read = _address(whole)
            street, code, city = read.street, read.postcode, read.city
    if not street:
        street, place.box = place.box, ""
    place.street = said.fitting(street, STREET_MOST, "street")
    place.city = said.fitting(city, CITY_MOST, "city")
    place.postcode = _postcode(said, code, country or home)
    return place


def _postcode(said: Values, written: str, country: str) -> str:
    text = re.sub(r"[.,]0$", "", written)
    marked = WITH_COUNTRY.fullmatch(text)
    text = marked[2] if marked else text
    if re.fullmatch(r"\d{4}", text) and country in FIVE_DIGITS:
        said.note(NoteKind.POSTCODE_ZERO, value=text, becomes=f"0{text}", country=country)
        text = f"0{text}"
    try:
        return postcode(text, country)
    except ProvisionError:
        said.note(NoteKind.POSTCODE_UNFIT, value=written, country=country)
        return ""


def _address(whole: str) -> Place:
    """What of an address in one cell can be told apart; where it cannot, all of it is the street."""
    parts = [part.strip() for part in re.split(r"[,;\n]", whole) if part.strip()]
    for at, part in enumerate(parts):
        found = PLACE.fullmatch(part)
        if found:
            country, behind = found["country"] or "", parts[at + 1 :]
            with suppress(ProvisionError, IndexError):
                country, behind = country_named(behind[0]), behind[1:]
            return Place(", ".join((*parts[:at], *behind)), found["postcode"], found["city"], country)
    found = re.fullmatch(rf"(.*?\d\S*)\s+{PLACE.pattern}", whole)
    if found:
        return Place(found[1], found["postcode"], found["city"], found["country"] or "")
    return Place(whole)


def vat_in(said: Values, country: str) -> str:
    text = said.one(Field.VAT_ID)
    before = said.one(Field.VAT_COUNTRY)
    if not text or NONE_OF_THEM.fullmatch(text):
        return ""
    for way in (text, f"{before}{text}", f"{'EL' if country == 'GR' else country}{text}"):
        with suppress(ProvisionError):
            return vat_id(way)
    said.note(NoteKind.VAT_ID_INVALID, value=f"{before} {text}".strip())
    return ""
