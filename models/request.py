"""What a request to come aboard says, whoever sends it: an operator's form or a webhook."""

from collections.abc import Iterable
from email.utils import parseaddr

from pydantic import BaseModel, ConfigDict, Field

from models.company_id import company_number
from models.errors import N_, ProvisionError
from models.firm import BusinessMissing, LineOfBusiness, firm_name, german_postcode, website_address
from models.person import AddressForm, Language, NameMissing, email_address, split_name
from models.schedule import Land
from models.subscription import Interval, Plan


class IntervalMissing(ProvisionError):
    status = 422
    says = N_("The plan “%(plan)s” needs a billing interval: monthly, quarterly, half-yearly or yearly.")

    def __init__(self, plan: str) -> None:
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


class Named(BaseModel):
    """A person by name and e-mail address."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: str = Field(min_length=1, max_length=200, examples=["Erika Muster"])
    email: str = Field(min_length=3, max_length=254, examples=["erika.muster@freitag.example"])

    def check(self) -> None:
        email_address(self.email)
        _, family = split_name(self.name)
        if not family:
            raise NameMissing(self.email)


def check_people(people: Iterable[Named]) -> None:
    """Raise the refusal of the first who cannot be invited; the same person twice is no harm."""
    names: dict[str, str] = {}
    for one in people:
        one.check()
        address = email_address(one.email)
        known = names.setdefault(address, one.name)
        if known.casefold() != one.name.casefold():
            raise AddressTwice(address, known, one.name)


def named(name: str, email: str) -> Named:
    """The person of whom a form says this; raises AddressInvalid or NameMissing."""
    address = email_address(email)
    if not name.strip():
        raise NameMissing(address)
    one = Named(name=name.strip()[:200], email=address)
    one.check()
    return one


def parse_people(lines: str) -> list[Named]:
    """People written one a line, as ``Erika Muster <erika@freitag.example>`` or ``Erika Muster; erika@…``."""
    people = []
    for line in filter(None, (line.strip() for line in lines.splitlines())):
        for separator in (";", "\t"):
            if separator in line:
                name, _, address = (part.strip() for part in line.partition(separator))
                break
        else:
            name, address = parseaddr(line)
            if not address or "@" not in address:
                address = line
        address = email_address(address)
        if not name:
            raise NameMissing(address)
        people.append(Named(name=name, email=address))
    return people


class OnboardingRequest(BaseModel):
    """A firm asks to come aboard. What is not known yet may be left out: the firm is asked for it later."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    firm_name: str = Field(max_length=200, examples=["Anwaltskanzlei Freitag & Kollegen"])
    line_of_business: LineOfBusiness
    business: str = Field("", max_length=100, description="In the firm's own words; needed with `other`.")
    website: str = Field("", max_length=300, examples=["www.freitag.example"])
    street: str = Field("", max_length=200)
    postcode: str = Field("", max_length=10)
    city: str = Field("", max_length=100)
    land: Land | None = Field(None, description="Federal state, for public holidays.")
    preferred_number: str = Field("", max_length=20, description="Preferred company ID, six digits.")
    plan: Plan | None = Field(None, description="Without a plan the firm wants advice first.")
    interval: Interval | None = Field(None, description="How often the subscription is billed.")
    question: str = Field("", max_length=2000, description="What the firm wants advice on.")
    logo_permission_by: str = Field(
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
            raise IntervalMissing(self.plan.value)
        if self.logo_permission_by and not self.website:
            raise WebsiteMissing
        for person in (self.organiser, self.contact, *self.caseworkers):
            if person is not None:
                person.check()
