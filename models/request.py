"""What a request to come aboard says, whoever sends it: an operator's form or a webhook."""

import re
from collections.abc import Iterable, Iterator
from email.errors import MessageError
from email.header import decode_header, make_header

from pydantic import BaseModel, ConfigDict, Field

from models import firm
from models.company_id import company_number
from models.errors import N_, ProvisionError
from models.firm import BusinessMissing, LineOfBusiness, firm_name, german_postcode, website_address
from models.people.mail_address import AddressInvalid, email_address, writable_address
from models.people.manners import AddressForm, Language
from models.people.names import between, is_letter
from models.people.person import NAME_MOST, NameMissing, name_parts
from models.subscription import Interval, Plan
from models.text import Line, Paragraphs, one_line
from models.time.land import Land


class IntervalMissing(ProvisionError):
    status = 422
    says = N_("The plan “%(plan)s” needs a billing interval: monthly, quarterly, half-yearly or yearly.")

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.plan = plan


class WebsiteMissing(ProvisionError):
    status = 422
    says = N_("The logo may be taken from the website, but no website is named: give its address.")


class AddressTwice(ProvisionError):
    status = 422
    says = N_("%(address)s is there twice, for %(first)s and for %(second)s: each needs an address of their own.")

    def __init__(self, address: str, first: str, second: str) -> None:
        super().__init__(address, first, second)
        self.address = address
        self.first = first
        self.second = second


class LineUnclear(ProvisionError):
    status = 422
    says = N_(
        "It is not clear whom “%(line)s” names: write one person a line, the name first, for example Erika Muster; "
        "erika@firm.example."
    )

    def __init__(self, line: str) -> None:
        super().__init__(line)
        self.line = line


class Named(BaseModel):
    """A person by name and e-mail address."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Line = Field(min_length=1, max_length=NAME_MOST, examples=["Erika Muster"])
    email: Line = Field(min_length=3, max_length=254, examples=["erika.muster@freitag.example"])

    def check(self) -> None:
        writable_address(self.email)
        if not name_parts(self.name)[1]:
            raise NameMissing(self.email)


def check_people(people: Iterable[Named]) -> None:
    """Raise the refusal of the first who cannot be invited; the same person twice is no harm."""
    names: dict[str, str] = {}
    for person in people:
        person.check()
        address = email_address(person.email)
        first = names.setdefault(address, person.name)
        if " ".join(name_parts(first)).casefold() != " ".join(name_parts(person.name)).casefold():
            raise AddressTwice(address, first, person.name)


def named(name: str, email: str) -> Named:
    """The person of whom a form says this; raises AddressInvalid, NameMissing or TextTooLong."""
    address = writable_address(email)
    if not name_parts(name)[1]:
        raise NameMissing(address)
    return Named(name=name, email=address)


_APART = r"\s<>()\[\],;:|/\"„“”«»‹›"
ADDRESS = re.compile(rf"(?:mailto:)?[^{_APART}'][^{_APART}]*@[^{_APART}']+", re.IGNORECASE)
LABEL = re.compile(r"\A[\W\d_]*\b(?:an|to|cc|bcc|from|von|kopie|name|e-?mail)\s*:", re.IGNORECASE)
"""In the head of a mail."""
QUOTES = re.compile(r"[\"„“”«»‹›]|(?<!\w)['‘‚]|['’](?!\w)")
WITHIN = frozenset(" .,'’´`()[]-‐‑")
"""The signs within names."""
BETWEEN_LETTERS = re.compile(r"(?<=[^\W\d_])[–·‧・](?=[^\W\d_])")
"""Signs that belong to a name only there: the dash that word processors make, the dot of Catalan or Japanese names."""


def parse_people(text: str) -> list[Named]:
    """People as they are typed, or pasted from an address book: one a line, or several on one.

    The name first, with or without brackets, quotes, commas or semicolons between: ``Erika Muster; erika@…``,
    ``Erika Muster <erika@freitag.example>``, ``Muster, Erika <erika@…>, Beispiel, Max <max@…>``. What numbers or
    marks the lines of a list is left out; what is no name is refused.
    """
    return [person for row in text.splitlines() if one_line(row) for person in _people_in(_decoded(one_line(row)))]


def _decoded(row: str) -> str:
    """As it is meant, where it was copied from the head of a mail (RFC 2047)."""
    if "=?" not in row:
        return row
    try:
        return one_line(str(make_header(decode_header(row))))
    except (MessageError, UnicodeError, LookupError, ValueError):
        return row


def _people_in(row: str) -> Iterator[Named]:
    addresses = list(ADDRESS.finditer(row))
    if not addresses:
        raise AddressInvalid(row[:254])
    ends = [0, *(match.end() for match in addresses)]
    names = [_name_in(row[end : match.start()]) for end, match in zip(ends, addresses, strict=False)]
    behind = _name_in(row[ends[-1] :])
    if behind and (len(names) > 1 or names[0]):
        raise LineUnclear(row[:100])
    before = ""
    for match, name in zip(addresses, [behind] if behind else names, strict=True):
        address = email_address(match[0].rstrip("."))
        if not name and address == before:  # Some write the address as the name as well.
            continue
        before = address
        if not all(is_letter(char) or char in WITHIN for char in BETWEEN_LETTERS.sub("", name)):
            raise LineUnclear(row[:100])
        yield named(name, address)


def _name_in(text: str) -> str:
    """The name that stands there, without what only sets it off: quotes, bullets, numbers of a list, dashes."""
    name = LABEL.sub("", QUOTES.sub("", text))
    return between(name, "", ".)" if "(" in name else ".")


class OnboardingRequest(BaseModel):
    """A firm asks to come aboard. What is not known yet may be left out: the firm is asked for it later."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    firm_name: Line = Field(max_length=firm.NAME_MOST, examples=["Anwaltskanzlei Freitag & Kollegen"])
    line_of_business: LineOfBusiness
    business: Line = Field(
        "", max_length=firm.BUSINESS_MOST, description="In the firm's own words; needed with `other`."
    )
    website: Line = Field("", max_length=firm.WEBSITE_MOST, examples=["www.freitag.example"])
    street: Line = Field("", max_length=firm.STREET_MOST)
    postcode: Line = Field("", max_length=firm.POSTCODE_MOST)
    city: Line = Field("", max_length=firm.CITY_MOST)
    land: Land | None = Field(None, description="Federal state, for public holidays.")
    preferred_number: Line = Field("", max_length=20, description="Preferred company ID, six digits.")
    plan: Plan | None = Field(None, description="Without a plan the firm wants advice first.")
    interval: Interval | None = Field(None, description="How often the subscription is billed.")
    question: Paragraphs = Field("", max_length=2000, description="What the firm wants advice on.")
    logo_permission_by: Line = Field(
        "", max_length=200, description="Name of who allowed us to take the logo from the website."
    )
    organiser: Named
    contact: Named | None = Field(None, description="For correspondence; the organiser if left out.")
    caseworkers: list[Named] = Field(default_factory=list, max_length=500)
    language: Language = Language.GERMAN
    address_form: AddressForm = AddressForm.SIE
    again: bool = Field(False, description="Open a second case, though this firm has one with this organiser.")

    def check(self) -> None:
        """Raise the refusal of the first rule that says no, so that nothing is half done."""
        firm_name(self.firm_name)
        if self.line_of_business is LineOfBusiness.OTHER and not self.business:
            raise BusinessMissing
        website_address(self.website)
        german_postcode(self.postcode)
        if self.preferred_number:
            company_number(self.preferred_number)
        if self.plan is not None and self.interval is None:
            raise IntervalMissing(self.plan)
        if self.logo_permission_by and not self.website:
            raise WebsiteMissing
        for person in (self.organiser, self.contact, *self.caseworkers):
            if person is not None:
                person.check()
