"""What a firm keeps of a contact beside name and e-mail address: their card, and how they can be called."""

from typing import Self

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.clients.address import HOME, country_code, postcode
from models.clients.phone import PHONE_MOST, PhoneKind
from models.db import TELLS, Base, Facts, Key
from models.firm import CITY_MOST, STREET_MOST, WEBSITE_MOST, website_address
from models.people.person import Person
from models.text import fitting, one_line

TITLE_MOST = 60


class Card(Base):
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
    street: Mapped[str] = mapped_column(String(STREET_MOST), default="", info=TELLS)
    postcode: Mapped[str] = mapped_column(String(10), default="", info=TELLS)
    city: Mapped[str] = mapped_column(String(CITY_MOST), default="", info=TELLS)
    country: Mapped[str] = mapped_column(String(2), default=HOME, info=TELLS)
    website: Mapped[str] = mapped_column(String(WEBSITE_MOST), default="", info=TELLS)
    is_listed: Mapped[bool] = mapped_column(default=False)
    """Stands in the list on the firm's public page: only who has agreed to it."""
    fields: Mapped[Facts] = mapped_column(default=dict, info=TELLS)
    """What the firm's own fields hold, by their numbers, see ``models.clients.custom_field``."""

    @classmethod
    def of(cls, session: Session, person: Person) -> Self:
        """The card of this person; a new empty one is kept."""
        card = session.scalars(select(cls).where(cls.person_id == person.id)).one_or_none()
        if card is None:
            card = cls(person_id=person.id)
            session.add(card)
            session.flush()
        return card

    def describe(
        self, *, title: str, street: str, postcode_written: str, city: str, country: str, website: str, is_listed: bool
    ) -> None:
        """What is known of the contact; refuses what cannot be."""
        land = country_code(country)
        self.postcode = postcode(postcode_written, land)
        self.title, self.country = fitting(one_line(title), TITLE_MOST, "title"), land
        self.street = fitting(one_line(street), STREET_MOST, "street")
        self.city, self.website = fitting(one_line(city), CITY_MOST, "city"), website_address(website)
        self.is_listed = is_listed


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
