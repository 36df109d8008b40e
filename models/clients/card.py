"""What a firm keeps of a contact beside name and e-mail address: their card, and how they can be called."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, delete, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.clients.address import HOME, PostalAddress, country_code
from models.clients.phone import PHONE_MOST, PhoneKind, phone_number, shown
from models.db import TELLS, Base, Facts, Key
from models.errors import N_, Faults, ProvisionError
from models.firm import WEBSITE_MOST, website_address
from models.people.person import Person
from models.text import fitting, one_line

TITLE_MOST, ABROAD = 60, ""
KINDS = [*PhoneKind, PhoneKind.LANDLINE]
"""Of the numbers for which a form has rows, while nothing is said."""
PHONES = len(KINDS)


class Card(PostalAddress, Base):
    """One contact's card. Who has none yet has an empty one."""

    __tablename__ = "contact_cards"
    __table_args__ = (
        # A firm's public page shows these, of perhaps a hundred thousand.
        Index(
            "ix_contact_cards_listed", "person_id", sqlite_where=text("is_listed"), postgresql_where=text("is_listed")
        ),
    )

    id: Mapped[Key]
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"), unique=True)
    title: Mapped[str] = mapped_column(String(TITLE_MOST), default="", info=TELLS)
    """Before the name: “Dr.”, “Prof. Dr.”."""
    website: Mapped[str] = mapped_column(String(WEBSITE_MOST), default="", info=TELLS)
    is_listed: Mapped[bool] = mapped_column(default=False)
    """Stands in the list on the firm's public page: only who has agreed to it."""
    fields: Mapped[Facts] = mapped_column(default=dict, info=TELLS)
    """What the firm's own fields hold, by their numbers, see ``models.clients.custom_field``."""
    particulars: Mapped[Facts] = mapped_column(default=dict, info=TELLS)
    """What a file told that has no place of its own: ``birthday``, ``note``, ``salutation``."""

    @classmethod
    def of(cls, session: Session, person: Person) -> Self:
        """The card of this person; a new empty one is kept."""
        card = session.scalars(select(cls).where(cls.person_id == person.id)).one_or_none()
        if card is None:
            card = cls(person_id=person.id)
            session.add(card)
            session.flush()
        return card

    def describe(self, faults: Faults, written: Mapping[str, str], prefix: str = "") -> None:
        """Take over what a form says of the contact; what does not fit is among the faults."""
        with faults.at(f"{prefix}title"):
            self.title = fitting(one_line(written.get(f"{prefix}title", "")), TITLE_MOST)
        with faults.at(f"{prefix}website"):
            self.website = website_address(written.get(f"{prefix}website", ""))
        self.is_listed = bool(written.get(f"{prefix}is_listed"))
        self.locate(faults, written, prefix)

    @property
    def standing(self) -> dict[str, str]:
        """As ``describe`` reads it."""
        return {
            "title": self.title,
            **self.place,
            "website": self.website,
            "is_listed": "yes" if self.is_listed else "",
        }


class NumberForMessagesMissing(ProvisionError):
    status = 422
    says = N_("This row is marked for short messages and has no number: write it, or mark another row.")


class Number(NamedTuple):
    """A telephone number as a form says it."""

    kind: PhoneKind
    number: str
    is_primary: bool


class Phone(Base):
    """One number by which a contact is called, or sent a fax."""

    __tablename__ = "phones"
    __table_args__ = (
        UniqueConstraint("person_id", "number"),
        # One of them gets short messages.
        Index(
            "uq_phones_one_primary",
            "person_id",
            unique=True,
            sqlite_where=text("is_primary"),
            postgresql_where=text("is_primary"),
        ),
    )

    id: Mapped[Key]
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    kind: Mapped[PhoneKind]
    number: Mapped[str] = mapped_column(String(PHONE_MOST), info=TELLS)
    """E.164, see ``models.clients.phone``."""
    is_primary: Mapped[bool] = mapped_column(default=False)

    @classmethod
    def of(cls, session: Session, people: Sequence[int]) -> dict[int, list[Self]]:
        """The numbers of each of these people, the primary one first."""
        rows = session.scalars(select(cls).where(cls.person_id.in_(people)).order_by(cls.is_primary.desc(), cls.id))
        numbers: dict[int, list[Self]] = {}
        for row in rows:
            numbers.setdefault(row.person_id, []).append(row)
        return numbers

    @classmethod
    def replace(cls, session: Session, person: Person, numbers: Sequence[Number]) -> None:
        """From now on this person has these numbers and no others."""
        session.execute(delete(cls).where(cls.person_id == person.id))
        session.add_all(cls(person_id=person.id, **number._asdict()) for number in numbers)
        session.flush()

    def shown(self) -> str:
        return shown(self.number, ABROAD)


def read_numbers(faults: Faults, written: Mapping[str, str], prefix: str = "") -> list[Number]:
    """The numbers in the rows of a form, each once; the first mobile is primary where none is chosen."""
    numbers: dict[str, Number] = {}
    chosen = written.get(f"{prefix}phone-primary", "")
    for row in range(PHONES):
        field = f"{prefix}phone-{row}"
        text = one_line(written.get(f"{field}-number", ""))
        if not text and chosen != str(row):
            continue
        with faults.at(f"{field}-number"):
            if not text:
                raise NumberForMessagesMissing
            number = phone_number(text, country_code(written.get(f"{field}-country") or HOME))
            kind = next((k for k in PhoneKind if k == written.get(f"{field}-kind")), PhoneKind.LANDLINE)
            known = numbers.setdefault(number, Number(kind, number, is_primary=False))
            numbers[number] = known._replace(is_primary=known.is_primary or chosen == str(row))
    rows = [*numbers.values()]
    if rows and not any(number.is_primary for number in rows):
        first = next((n for n in rows if n.kind is PhoneKind.MOBILE), None) or next(
            (n for n in rows if n.kind is not PhoneKind.FAX), None
        )
        rows = [number._replace(is_primary=number is first) for number in rows]
    return rows


def number_fields(numbers: Sequence[Phone]) -> dict[str, str]:
    """As ``read_numbers`` reads them, for every row of the form."""
    fields = {"phone-primary": ""}
    for row in range(PHONES):
        phone = numbers[row] if row < len(numbers) else None
        fields |= {
            f"phone-{row}-kind": phone.kind if phone else KINDS[row],
            f"phone-{row}-country": HOME,
            f"phone-{row}-number": phone.shown() if phone else "",
        }
        if phone is not None and phone.is_primary:
            fields["phone-primary"] = str(row)
    return fields
