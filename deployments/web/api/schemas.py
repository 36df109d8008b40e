"""What other systems send and are given, as OpenAPI tells it; the rules about it are where the pages have them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from models.clients.card import PHONES, Phone
from models.clients.client import Client, ClientContact, ClientKind, ClientState
from models.clients.phone import PhoneKind
from models.clients.standing import COLUMNS, State, Switch
from models.errors import N_, Faults, ProvisionError
from models.people.manners import AddressForm, Language
from models.people.person import Person
from models.text import one_line
from tasks.clients.accounts import CONTACTS_AT_ONCE
from tasks.clients.records import AccountRecord, ContactRecord, written_in

Fields = Annotated[
    dict[str, str | None],
    Field(description="Of the firm's own fields what stands in them, by their names; numbers as 1234.5, days as ISO."),
]
Tags = Annotated[list[str], Field(max_length=100, description="Words by which the firm sorts; new ones are made.")]
BY_DEFAULT = (Switch.LOGIN, Switch.NOTIFY)
Row = Annotated[int, Field(ge=1, le=10**9)]


class TagsTogether(ProvisionError):
    status = 422
    says = N_("No tag has a comma in it, which parts them on the pages: write “%(tag)s” as several, or without it.")

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = one_line(tag)[:60]


class Sent(BaseModel):
    """What comes in: a field that we do not know is refused, so that a typing error does not go unnoticed."""

    model_config = ConfigDict(extra="forbid")


class Switches(Sent):
    """What a contact may do at an account, and gets."""

    login: bool | None = Field(None, description="May see the account in the portal; needs an e-mail address.")
    notify: bool | None = Field(None, description="Gets mails of the portal, of reminders and to many.")
    email_sync: bool | None = Field(None, description="Mail with them is shown at the account.")
    commercial: bool | None = Field(None, description="Gets agreements, and copies of invoices.")
    main_commercial: bool | None = Field(None, description="Gets the invoices; one contact of an account.")
    operational: bool | None = Field(None, description="Gets what case files and workflows send by themselves.")

    def chosen(self) -> dict[Switch, bool]:
        """Those that were named."""
        values = {switch: getattr(self, switch.value) for switch in Switch}
        return {switch: value for switch, value in values.items() if value is not None}


class PhoneNumber(Sent):
    number: str = Field(description="As people write it; given as E.164.")
    kind: PhoneKind = PhoneKind.LANDLINE
    primary: bool = Field(False, description="Gets short messages; one of them.")
    country: str = Field("DE", description="Where a number without a country's code is from.")


class Postal(Sent):
    street: str | None = None
    postcode: str | None = None
    city: str | None = None
    country: str | None = Field(None, description="Two letters of ISO 3166; DE if none are given.")
    website: str | None = None
    tags: Tags | None = None
    fields: Fields | None = None


class ContactChange(Postal):
    """A field that is left out stays; null or "" empties it; a list takes the place of the one before."""

    title: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    email: str | None = Field(None, description="One contact of a firm has it. Who is active keeps theirs.")
    phones: Annotated[list[PhoneNumber], Field(max_length=PHONES)] | None = None
    language: Language | None = Field(None, description="Theirs to say once they are active.")
    address_form: AddressForm | None = None
    listed: bool | None = Field(None, description="Stands on the firm's public page; only who has agreed to it.")
    name_is_right: bool = Field(False, description="The name stands as it is, although it looks like none of a person.")


class ContactThere(ContactChange, Switches):
    """A new contact of an account, or by its `id` one whom the firm has already; LOGIN and NOTIFY are on by default."""

    id: Row | None = None


class AccountChange(Postal):
    """A field that is left out stays; null or "" empties it; a list takes the place of the one before."""

    kind: ClientKind | None = None
    name: str | None = Field(None, description="Empty: as the company, or the first contact, is called.")
    company_name: str | None = None
    number: str | None = Field(None, description="The firm's own number of the client, as text.")
    vat_id: str | None = None
    folder_template_id: Row | None = None


class NewAccount(AccountChange):
    contacts: Annotated[list[ContactThere], Field(min_length=1, max_length=CONTACTS_AT_ONCE)]


class ContactAt(BaseModel):
    """A contact's place at an account."""

    contact_id: int
    name: str
    email: str
    login: bool
    notify: bool
    email_sync: bool
    commercial: bool
    main_commercial: bool
    operational: bool
    told_at: datetime | None = Field(description="When a mail told them of this account.")

    @classmethod
    def of(cls, contact: ClientContact, person: Person) -> "ContactAt":
        switches = {switch.value: getattr(contact, column) for switch, column in COLUMNS.items()}
        return cls(contact_id=person.id, name=person.name, email=person.email, told_at=contact.told_at, **switches)


class Account(BaseModel):
    id: int
    kind: ClientKind
    name: str
    named_by_hand: bool = Field(description="False: it is called after the company, or the first contact.")
    company_name: str
    number: str | None
    vat_id: str
    street: str
    postcode: str
    city: str
    country: str
    website: str
    tags: list[str]
    fields: dict[str, str]
    folder_template_id: int | None
    state: ClientState
    created_at: datetime
    archived_at: datetime | None
    contacts: list[ContactAt]

    @classmethod
    def of(cls, record: AccountRecord) -> "Account":
        client: Client = record.client
        return cls(
            id=client.id,
            kind=client.kind,
            name=client.name,
            named_by_hand=client.is_named_by_hand,
            company_name=client.company_name,
            number=client.number,
            vat_id=client.vat_id,
            website=client.website,
            tags=[tag.name for tag in record.tags],
            fields=record.fields,
            folder_template_id=client.folder_template_id,
            state=client.state,
            created_at=client.created_at,
            archived_at=client.archived_at,
            contacts=[ContactAt.of(contact, person) for contact, person in record.contacts],
            **client.place,
        )


class PhoneKept(BaseModel):
    number: str
    kind: PhoneKind
    primary: bool

    @classmethod
    def of(cls, phone: Phone) -> "PhoneKept":
        return cls(number=phone.number, kind=phone.kind, primary=phone.is_primary)


class Contact(BaseModel):
    id: int
    title: str
    given_name: str
    family_name: str
    email: str = Field(description="Empty: they have none, and no access.")
    phones: list[PhoneKept]
    street: str
    postcode: str
    city: str
    country: str
    website: str
    language: Language
    address_form: AddressForm
    listed: bool
    tags: list[str]
    fields: dict[str, str]
    state: State = Field(description="How far they have come on the way into the portal.")
    invitation_good_until: datetime | None
    account_ids: list[int]

    @classmethod
    def of(cls, record: ContactRecord) -> "Contact":
        person, card = record.person, record.card
        return cls(
            id=person.id,
            title=card.title if card else "",
            given_name=person.given_name,
            family_name=person.family_name,
            email=person.email,
            phones=[PhoneKept.of(phone) for phone in record.phones],
            website=card.website if card else "",
            language=person.language,
            address_form=person.address_form,
            listed=card is not None and card.is_listed,
            tags=record.tags,
            fields=record.fields,
            state=record.standing.state,
            invitation_good_until=record.standing.until,
            account_ids=record.account_ids,
            **(card.place if card else {"street": "", "postcode": "", "city": "", "country": "DE"}),
        )


class Accounts(BaseModel):
    accounts: list[Account]
    next: str | None = Field(description="Ask again with this as `cursor`; none: these are the last.")


class Contacts(BaseModel):
    contacts: list[Contact]
    next: str | None = Field(description="Ask again with this as `cursor`; none: these are the last.")


class ContactsAt(BaseModel):
    contacts: list[ContactAt]


class NewInvitation(Sent):
    account_id: Row
    contact_id: Row
    message: str = Field("", description="Personal words, plain text, up to 1,000 characters; {FirstName} and so on.")


class Invitation(BaseModel):
    """The mail is on its way to the outbox."""

    account_id: int
    contact: ContactAt


def written(sent: Postal, keys: Mapping[str, str], faults: Faults, at: str = "") -> dict[str, str]:
    """What was sent as a form sends it: only what was named, empty where it is to be emptied.

    *keys*: what the firm's own fields are called in forms. *at*: before the names of fields that are among the faults.
    """
    told: dict[str, Any] = sent.model_dump(mode="json", exclude_unset=True)
    form: dict[str, str] = {}
    for name, value in told.items():
        if name == "tags" and any("," in tag for tag in value or []):
            faults[f"{at}tags"] = TagsTogether(next(tag for tag in value if "," in tag))
        elif name in LISTS:
            form |= LISTS[name](value or [])
        elif name == "fields":
            values = {key: one_line(text or "") for key, text in (value or {}).items()}
            form |= written_in(keys, values, faults, f"{at}fields/")
        elif name in CALLED:
            form[CALLED[name]] = ("yes" if value else "") if isinstance(value, bool) else str(value or "")
        elif name not in APART and not (value is None and name in CHOSEN):
            form[name] = one_line(value or "")
    return form


def _numbers(sent: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    form = {f"phone-{row}-number": "" for row in range(PHONES)}
    form["phone-primary"] = next((str(row) for row, phone in enumerate(sent) if phone.get("primary")), "")
    for row, phone in enumerate(sent):
        form[f"phone-{row}-number"] = one_line(phone["number"])
        form[f"phone-{row}-kind"] = phone.get("kind", PhoneKind.LANDLINE.value)
        form[f"phone-{row}-country"] = one_line(phone.get("country", "DE"))
    return form


def _words(names: Sequence[str]) -> dict[str, str]:
    return {"tags": ", ".join(map(one_line, names))}


def switches(sent: Switches) -> dict[str, str]:
    """The same of the switches of a new contact."""
    by_default = {switch: switch in BY_DEFAULT for switch in Switch}
    return {COLUMNS[switch]: "yes" for switch, is_on in (by_default | sent.chosen()).items() if is_on}


LISTS: dict[str, Callable[[Any], dict[str, str]]] = {"phones": _numbers, "tags": _words}
CALLED = {"folder_template_id": "template", "listed": "is_listed", "name_is_right": "name_is_right"}
"""What forms call these fields."""
CHOSEN = ("kind", "language", "address_form")
"""There is always one of these: null leaves the one that there is."""
APART = ("contacts", "id", *Switch)
"""What is said otherwise."""
