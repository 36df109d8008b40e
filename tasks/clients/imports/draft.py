"""What one record of a stranger's file says, before anybody has looked whether it is known already.

``read(content, filename, *, country, mapping=None, sheet=None, encoding=None)`` of ``tasks.clients.imports.reading``
gives a ``Reading``, and knows no database; planning compares its drafts with what is stored. Every record of a file is
exactly one draft, however little of it can be used.

Empty text, an empty tuple and None always mean that the file says nothing: what is stored stays.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple, Self

from pydantic import TypeAdapter

from models.clients.client import ClientKind
from models.clients.phone import PhoneKind
from models.people.manners import AddressForm, Language


class Field(StrEnum):
    """What a column can tell."""

    IGNORE = "ignore"
    # Of the account.
    ACCOUNT_NAME = "account_name"
    ACCOUNT_KIND = "account_kind"
    COMPANY_NAME = "company_name"
    COMPANY_NAME_MORE = "company_name_more"
    NUMBER = "number"
    VAT_ID = "vat_id"
    VAT_COUNTRY = "vat_country"
    OTHER_NUMBER = "other_number"
    """DATEV: a number of the client's own, beside the account's, which counts."""
    SUPPLIER_NUMBER = "supplier_number"
    """Who has this and no number of a client is none."""
    CATEGORY = "category"
    """Whether it is a client at all: “Kunde”, “Lieferant”."""
    # Of whom the record tells: of the person, else of the account.
    STREET = "street"
    HOUSE_NUMBER = "house_number"
    STREET_MORE = "street_more"
    PO_BOX = "po_box"
    POSTCODE = "postcode"
    CITY = "city"
    POSTCODE_AND_CITY = "postcode_and_city"
    COUNTRY = "country"
    ADDRESS = "address"
    """A whole address in one cell."""
    EMAIL = "email"
    EMAIL_LABEL = "email_label"
    PHONE = "phone"
    PHONE_LABEL = "phone_label"
    MOBILE = "mobile"
    FAX = "fax"
    COMPANY_PHONE = "company_phone"
    WEBSITE = "website"
    TAGS = "tags"
    LABELS = "labels"
    """Tags as Google writes them."""
    NOTE = "note"
    # Of the person.
    TITLE = "title"
    SALUTATION = "salutation"
    GIVEN_NAME = "given_name"
    MIDDLE_NAME = "middle_name"
    NAME_PREFIX = "name_prefix"
    """“von der”, “Freiherr von”: before the family name, and part of it."""
    FAMILY_NAME = "family_name"
    NAME_SUFFIX = "name_suffix"
    FULL_NAME = "full_name"
    """Of a contact, whole."""
    FILE_AS = "file_as"
    """Stands for a name where there is no other."""
    NAME = "name"
    """Of a person, a couple or a company; only the cell tells."""
    NAME_FAMILY_FIRST = "name_family_first"
    """The same, and of a person the family name stands first, with or without a comma."""
    HOME_STREET = "home_street"
    HOME_POSTCODE = "home_postcode"
    HOME_CITY = "home_city"
    HOME_COUNTRY = "home_country"
    LANGUAGE = "language"
    ADDRESS_FORM = "address_form"
    BIRTHDAY = "birthday"
    LOGIN = "login"
    NOTIFY = "notify"
    EMAIL_SYNC = "email_sync"
    IS_COMMERCIAL = "is_commercial"
    IS_OPERATIONAL = "is_operational"
    # What decides where a name belongs.
    ADDRESSEE_KIND = "addressee_kind"
    """DATEV: 1 a person, 2 a company, 0 neither."""
    NAME_OF_NEITHER = "name_of_neither"


class Target(NamedTuple):
    """Where a column goes: to a field, of which of the people that stand in one record."""

    field: Field
    person: int = 1

    def __str__(self) -> str:
        return self.field.value if self.person == 1 else f"{self.field.value}:{self.person}"

    @classmethod
    def parse(cls, written: str) -> Self:
        """Of “given_name” or “given_name:2”; raises ValueError."""
        name, _, person = written.partition(":")
        number = int(person or 1)
        if not 1 <= number <= PEOPLE_MOST:
            raise ValueError(written)
        return cls(Field(name), number)


PEOPLE_MOST = 9
"""So many people one record may have columns for."""


class Format(StrEnum):
    """Which program wrote the file, as far as it can be told."""

    DATEV = "datev"
    OUTLOOK = "outlook"
    GOOGLE = "google"
    LEXOFFICE = "lexoffice"
    SEVDESK = "sevdesk"
    BEXIO = "bexio"
    TAXDOME = "taxdome"
    RA_MICRO = "ra_micro"
    TABLE = "table"
    """Of anybody; columns are known by what they are called."""


class Question(StrEnum):
    """Why a record is held until somebody answers."""

    # Of the file alone; set by reading.
    TWO_PEOPLE = "two_people"
    COMPANY_AS_NAME = "company_as_name"
    GIVEN_NAME_MISSING = "given_name_missing"
    NAME_UNCLEAR = "name_unclear"
    SHORT_ROW = "short_row"
    LONG_ROW = "long_row"
    UNCLOSED_QUOTE = "unclosed_quote"
    SHARED_ADDRESS = "shared_address"
    BAD_EMAIL = "bad_email"
    BAD_DATE = "bad_date"
    TOO_LONG = "too_long"
    # Against what is stored, or the rest of the file; set by planning.
    SAME_ADDRESS_OTHER_NAME = "same_address_other_name"
    RESEMBLING_NAME = "resembling_name"
    SAME_NAME_OTHER_NUMBER = "same_name_other_number"
    SAME_NAME_NO_ADDRESS = "same_name_no_address"


class Choice(StrEnum):
    """How a question is answered."""

    CREATE = "create"
    """As the draft proposes it."""
    LINK = "link"
    SKIP = "skip"
    WITHOUT_VALUE = "without_value"
    """As the draft proposes it, which has left the value out."""


CHOICES: dict[Question, tuple[Choice, ...]] = {
    Question.TWO_PEOPLE: (Choice.CREATE, Choice.SKIP),
    Question.COMPANY_AS_NAME: (Choice.CREATE, Choice.SKIP),
    Question.GIVEN_NAME_MISSING: (Choice.CREATE, Choice.SKIP),
    Question.NAME_UNCLEAR: (Choice.CREATE, Choice.SKIP),
    Question.SHORT_ROW: (Choice.CREATE, Choice.SKIP),
    Question.LONG_ROW: (Choice.SKIP,),
    Question.UNCLOSED_QUOTE: (Choice.SKIP,),
    Question.SHARED_ADDRESS: (Choice.WITHOUT_VALUE, Choice.SKIP),
    Question.BAD_EMAIL: (Choice.WITHOUT_VALUE, Choice.SKIP),
    Question.BAD_DATE: (Choice.WITHOUT_VALUE, Choice.SKIP),
    Question.TOO_LONG: (Choice.WITHOUT_VALUE, Choice.SKIP),
    Question.SAME_ADDRESS_OTHER_NAME: (Choice.WITHOUT_VALUE, Choice.LINK, Choice.SKIP),
    Question.RESEMBLING_NAME: (Choice.CREATE, Choice.LINK, Choice.SKIP),
    Question.SAME_NAME_OTHER_NUMBER: (Choice.CREATE, Choice.LINK, Choice.SKIP),
    Question.SAME_NAME_NO_ADDRESS: (Choice.LINK, Choice.CREATE, Choice.SKIP),
}
"""What may be answered, the likeliest first. Where only skipping is possible, the row is to be corrected in the file:
nobody can say where its cells belong."""


class NoteKind(StrEnum):
    """What was repaired, or left out, and is shown."""

    POSTCODE_ZERO = "postcode_zero"
    POSTCODE_UNFIT = "postcode_unfit"
    PHONE_ZERO = "phone_zero"
    PHONE_UNREAD = "phone_unread"
    DESTROYED = "destroyed"
    NUMBER_OF_PERSON = "number_of_person"
    OTHER_NUMBER = "other_number"
    OF_SHEET = "of_sheet"
    VAT_ID_INVALID = "vat_id_invalid"
    COUNTRY_UNKNOWN = "country_unknown"
    WEBSITE_UNREAD = "website_unread"
    SWITCH_UNREAD = "switch_unread"
    LANGUAGE_UNREAD = "language_unread"
    DATE_WITHOUT_YEAR = "date_without_year"
    LOST_LETTER = "lost_letter"
    MORE_EMAILS = "more_emails"
    NOT_AN_ADDRESS = "not_an_address"
    OTHER_NAME = "other_name"
    NAME_PART = "name_part"
    MAYBE_CUT = "maybe_cut"
    MIDDLE_NAME = "middle_name"
    LETTERS_REPAIRED = "letters_repaired"
    PHONE_EXTENSION = "phone_extension"


class Reason(StrEnum):
    """Why a record cannot be stored."""

    NOTHING_USEFUL = "nothing_useful"
    NO_NAME = "no_name"
    NO_FAMILY_NAME = "no_family_name"
    NAME_TOO_LONG = "name_too_long"
    # Set by planning, which knows whether a company has a contact elsewhere.
    NO_PERSON = "no_person"


class Skipped(StrEnum):
    """Why a record is left out unless somebody asks for it."""

    SUPPLIER = "supplier"
    CREDITOR = "creditor"
    AUTHORITY = "authority"
    OWN_FIRM = "own_firm"


@dataclass(frozen=True)
class Note:
    """Something to be seen beside a record; it holds nothing up."""

    kind: NoteKind
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A question with what it is about."""

    question: Question
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """A reason with the value that it is about."""

    reason: Reason
    value: str = ""


@dataclass(frozen=True)
class PhoneDraft:
    number: str
    """E.164."""
    kind: PhoneKind = PhoneKind.LANDLINE


@dataclass(frozen=True)
class ContactDraft:
    """A person, as the record tells of them."""

    family_name: str
    given_name: str = ""
    title: str = ""
    salutation: str = ""
    email: str = ""
    other_emails: tuple[str, ...] = ()
    phones: tuple[PhoneDraft, ...] = ()
    street: str = ""
    postcode: str = ""
    city: str = ""
    country: str = ""
    """Two letters, wherever the record has an address; what it does not say is the firm's own."""
    website: str = ""
    language: Language | None = None
    address_form: AddressForm | None = None
    login: bool | None = None
    notify: bool | None = None
    email_sync: bool | None = None
    is_commercial: bool | None = None
    is_operational: bool | None = None
    birthday: date | None = None
    note: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class AccountDraft:
    """The client whose record it is.

    An individual's has no *name* unless the file gives it one of its own: it is called after its first contact. A
    company has a *company_name*, or where the file gives only its account's, a *name*. Phones and e-mail addresses are
    the company's own, where the record names nobody to whom they could belong.
    """

    kind: ClientKind
    name: str = ""
    company_name: str = ""
    number: str = ""
    vat_id: str = ""
    street: str = ""
    postcode: str = ""
    city: str = ""
    country: str = ""
    website: str = ""
    tags: tuple[str, ...] = ()
    phones: tuple[PhoneDraft, ...] = ()
    emails: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Draft:
    """One record.

    Where there are *questions*, the draft is what will be stored once they are answered by CREATE or WITHOUT_VALUE.
    What was *skipped* is told all the same, for who wants it nevertheless; what was *refused*, as far as it goes.
    """

    record: int
    """Counted from 1, the header and what stands around the table left out."""
    line: int
    """Where it begins in the file, as an editor or a spreadsheet counts."""
    raw: tuple[str, ...]
    """The cells as they are in the file, for the file of errors; more or fewer than there are columns perhaps."""
    account: AccountDraft | None = None
    contacts: tuple[ContactDraft, ...] = ()
    notes: tuple[Note, ...] = ()
    questions: tuple[Asked, ...] = ()
    refused: Refused | None = None
    skipped: Skipped | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values of what it says, as ``from_json`` reads them."""
        return _plain().dump_python(self, mode="json", exclude_defaults=True)  # type: ignore[no-any-return]

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> "Draft":
        return _plain().validate_python(plain)

    @classmethod
    def parse(cls, written: str) -> "Draft":
        """The same of JSON that nobody has read yet, in half the time."""
        return _plain().validate_json(written)


@cache
def _plain() -> TypeAdapter[Draft]:
    return TypeAdapter(Draft)  # Made once it is needed, since it takes a while.


@dataclass(frozen=True)
class Column:
    """One column of the file."""

    key: str
    """What it is called, each only once: a second “E-Mail” is “E-Mail [2]”, one without a name is “[3]”."""
    target: Target | None
    """Where it goes; None: nowhere, as nobody knows what it is."""
    examples: tuple[str, ...] = ()
    """What stands in it, of the first records that have something there."""


@dataclass(frozen=True)
class Guess:
    """One way to read the letters of the file, likeliest first."""

    encoding: str
    lines: tuple[str, ...]
    """Three lines in which the ways differ."""


@dataclass(frozen=True)
class Reading:
    """A file, understood as far as it can be without asking anybody."""

    format: Format
    encoding: str
    delimiter: str
    """Empty of a spreadsheet."""
    sheet: str
    sheets: tuple[str, ...]
    """All that can be seen in the spreadsheet; empty of a text file."""
    header_line: int
    """0: the file has none."""
    columns: tuple[Column, ...]
    records: int
    beside: tuple[tuple[int, str], ...]
    """What stands around the records and is none, with its line: titles, names of groups, sums; the first hundred."""
    guesses: tuple[Guess, ...]
    """More than one where the encoding is a guess, to be shown and asked for; empty where it is sure."""
    begin: Callable[[int], Iterator[Draft]]
    """The drafts behind this record, however often; memory does not grow with their number."""

    @property
    def mapping(self) -> dict[str, Target]:
        """Which column goes where; given to ``read`` again it says the same, whatever the file's format is."""
        return {column.key: column.target for column in self.columns if column.target is not None}
