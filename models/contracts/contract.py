"""The contract of a firm with the provider: what concerns all modules that it has.

A firm has one as soon as it orders its first module; until then its account is free and binds it to nothing. All days
are those of the contract's zone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column, validates

from models.clients.address import CITY_MOST, HOME, POSTCODE_MOST, STREET_MOST, country_code, postcode, vat_id
from models.contracts.terms import Law
from models.db import MUTE, TELLS, Base, Facts, Instant, Key
from models.errors import N_, Faults, ProvisionError
from models.firm import NAME_MOST, Firm
from models.people.mail_address import email_address
from models.text import fitting, one_line
from models.time.clock import now

CUSTOMER_NUMBER_MOST, ORDER_NUMBER_MOST, PAYMENT_DAYS_MOST = 40, 255, 120
RECIPIENTS_MOST = 20


class NoContract(ProvisionError):
    says = N_("%(firm)s has no contract yet: it begins with the first module that is ordered.")

    def __init__(self, firm: str) -> None:
        super().__init__(firm)
        self.firm = firm


class AddresseeMissing(ProvisionError):
    status = 422
    says = N_("The name is missing: write who stands on the invoice.")


class PartnerMissing(ProvisionError):
    status = 422
    says = N_("The name is missing: write with whom the contract was concluded.")


class PaymentDaysInvalid(ProvisionError):
    status = 422
    says = N_("“%(written)s” is no time for payment: write days from 0 (at once) to %(most)s.")

    def __init__(self, written: str) -> None:
        super().__init__(written)
        self.written = written
        self.most = PAYMENT_DAYS_MOST


class PaymentDaysMissing(ProvisionError):
    status = 422
    says = N_("The time for payment is missing: write days from 0 (at once) to %(most)s.")

    def __init__(self) -> None:
        super().__init__()
        self.most = PAYMENT_DAYS_MOST


class NoReverseCharge(ProvisionError):
    status = 422
    says = N_("Tax is never owed by the customer within %(country)s: choose another treatment, or correct the country.")

    def __init__(self, country: str) -> None:
        super().__init__(country)
        self.country = country


class VatIdNeeded(ProvisionError):
    status = 422
    says = N_("The customer owes the tax only with a VAT identification number: write it, or choose another treatment.")


class RecipientTwice(ProvisionError):
    status = 422
    says = N_("%(address)s stands there twice: leave one of the two.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class TooManyRecipients(ProvisionError):
    status = 422
    says = N_("Invoices go to %(most)s addresses at most: leave some out, or use a distribution list of your own.")

    def __init__(self) -> None:
        super().__init__()
        self.most = RECIPIENTS_MOST


class ClosingAsked(ProvisionError):
    says = N_("The account is to be closed on %(day)s, as was asked for: take that back first if it is to go on.")

    def __init__(self, day: date) -> None:
        super().__init__(day)
        self.day = day


class TaxTreatment(StrEnum):
    """How what is billed is taxed."""

    STANDARD = "standard"
    REVERSE_CHARGE = "reverse_charge"
    NOT_TAXABLE = "not_taxable"


class Copy(StrEnum):
    """How somebody gets a mail."""

    TO = "to"
    CC = "cc"


class SentAs(StrEnum):
    """How invoices and credit notes come."""

    ATTACHMENT = "attachment"
    LINK = "link"


@dataclass(frozen=True)
class Addressee:
    """Who stands on an invoice, and where they are."""

    name: str
    person: str = ""
    street: str = ""
    postcode: str = ""
    city: str = ""
    country: str = HOME

    @classmethod
    def of_firm(cls, firm: Firm, person: str) -> Self:
        return cls(firm.name, person, firm.street, firm.postcode, firm.city)

    @classmethod
    def from_json(cls, kept: Facts) -> Self:
        return cls(**kept)

    @classmethod
    def read(cls, written: Mapping[str, str], faults: Faults, missing: type[ProvisionError] = AddresseeMissing) -> Self:
        """What a form says; what does not fit is among the faults, *missing* if there is no name."""
        name = person = street = code = city = ""
        country = HOME
        with faults.at("name"):
            name = fitting(one_line(written.get("name", "")), NAME_MOST, "name")
            if not name:
                raise missing
        with faults.at("person"):
            person = fitting(one_line(written.get("person", "")), NAME_MOST, "person")
        with faults.at("country"):
            country = country_code(written.get("country") or HOME)
        with faults.at("postcode"):
            code = fitting(postcode(written.get("postcode", ""), country), POSTCODE_MOST, "postcode")
        with faults.at("street"):
            street = fitting(one_line(written.get("street", "")), STREET_MOST, "street")
        with faults.at("city"):
            city = fitting(one_line(written.get("city", "")), CITY_MOST, "city")
        return cls(name, person, street, code, city, country)

    def to_json(self) -> Facts:
        return asdict(self)

    @property
    def lines(self) -> list[str]:
        place = f"{self.postcode} {self.city}".strip()
        return [line for line in (self.name, self.person, self.street, place) if line]


def payment_days_of(written: str) -> int:
    """Raises PaymentDaysMissing, PaymentDaysInvalid."""
    text = one_line(written)
    if not text:
        raise PaymentDaysMissing
    if not text.isascii() or not text.isdecimal() or int(text[:9]) > PAYMENT_DAYS_MOST:
        raise PaymentDaysInvalid(text[:20])
    return int(text)


class BillingSettings(Base):
    """What the provider bills everybody by, if nothing else was agreed with them. One row a change; the last counts."""

    __tablename__ = "billing_settings"
    DEFAULT_DAYS = 14

    id: Mapped[Key]
    payment_days: Mapped[int] = mapped_column(info=MUTE)
    set_at: Mapped[Instant]

    @classmethod
    def payment_days_now(cls, session: Session) -> int:
        newest = select(cls.payment_days).order_by(cls.id.desc()).limit(1)
        days = session.scalars(newest).first()
        return cls.DEFAULT_DAYS if days is None else days


class Contract(Base):
    """What was agreed with one firm, and how it wants to be billed."""

    __tablename__ = "contracts"
    EVIDENCE = (
        *("firm_id", "zone", "law", "concluded_at", "partner", "billing_address", "payment_days", "pays_otherwise"),
        *("customer_number", "tax", "vat_id", "order_number", "sent_as", "is_test", "billed_from"),
        "closing_at",
    )
    __table_args__ = (
        CheckConstraint("payment_days >= 0", name="payment_days_not_negative"),
        Index("ix_contracts_closing", "closing_at"),
        Index(
            "ix_contracts_reverse_charge",
            "firm_id",
            sqlite_where=text("tax = 'reverse_charge'"),
            postgresql_where=text("tax = 'reverse_charge'"),
        ),
    )

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"), unique=True)
    zone: Mapped[str] = mapped_column(String(60), default="Europe/Berlin", info=MUTE)
    law: Mapped[Law] = mapped_column(default=Law.GERMANY)
    concluded_at: Mapped[Instant]
    """When the first module was ordered."""
    partner: Mapped[Facts] = mapped_column(info=TELLS)
    """With whom it was concluded: an ``Addressee``, fixed with the first order, changed by managers only."""
    billing_address: Mapped[Facts | None] = mapped_column(info=TELLS)
    """Who stands on invoices and credit notes instead of the partner; of documents to come only."""
    payment_days: Mapped[int] = mapped_column(info=MUTE)
    """Days to pay in; the general ones of the day of conclusion, unless managers agreed on others."""
    pays_otherwise: Mapped[bool] = mapped_column(default=False)
    customer_number: Mapped[str] = mapped_column(String(CUSTOMER_NUMBER_MOST), default="", info=MUTE)
    """Free, for example that of the accounting program."""
    tax: Mapped[TaxTreatment] = mapped_column(default=TaxTreatment.STANDARD)
    vat_id: Mapped[str] = mapped_column(String(20), default="", info=TELLS)
    order_number: Mapped[str] = mapped_column(String(ORDER_NUMBER_MOST), default="", info=TELLS)
    """The customer's own reference, which its invoices bear (EN 16931, BT-13)."""
    sent_as: Mapped[SentAs] = mapped_column(default=SentAs.ATTACHMENT)
    """How the owner of the account gets invoices, as long as they go there because nobody else is named."""
    is_test: Mapped[bool] = mapped_column(default=False)
    """Marked everywhere and never billed."""
    billed_from: Mapped[date | None] = mapped_column(info=MUTE)
    """The day on which it ceased to be a test account: nothing is billed of the days before."""
    closing_at: Mapped[Instant | None]
    """From this moment on the account is to be closed, as was asked for; see ``models.contracts.closing``."""

    @classmethod
    def of(cls, session: Session, firm_id: int) -> Self | None:
        """The firm's, locked (not while only reading), if it has one."""
        query = select(cls).where(cls.firm_id == firm_id)
        if not session.info.get("reading"):
            query = query.with_for_update().execution_options(populate_existing=True)
        return session.scalars(query).one_or_none()

    @classmethod
    def tests(cls, session: Session, firm_ids: Collection[int]) -> set[int]:
        """Which of these firms have a test account, in one query."""
        return {*session.scalars(select(cls.firm_id).where(cls.firm_id.in_(firm_ids), cls.is_test))}

    @classmethod
    def get(cls, session: Session, firm: Firm) -> Self:
        """The same; raises NoContract."""
        contract = cls.of(session, firm.id)
        if contract is None:
            raise NoContract(firm.name)
        return contract

    @classmethod
    def conclude(cls, session: Session, firm: Firm, person: str, at: datetime) -> Self:
        """The contract that the firm's first order makes; *person* is who stands for the firm."""
        made = cls(
            firm_id=firm.id,
            concluded_at=at,
            partner=Addressee.of_firm(firm, person).to_json(),
            payment_days=BillingSettings.payment_days_now(session),
        )
        session.add(made)
        session.flush()
        return made

    @validates("is_test")
    def _leave_the_past(self, _: str, is_test: bool) -> bool:
        if self.is_test and not is_test:
            self.billed_from = self.day_of(now())
        return is_test

    def day_of(self, moment: datetime) -> date:
        """The day that it is then where the contract is at home."""
        return moment.astimezone(ZoneInfo(self.zone)).date()

    def require_no_closing(self) -> None:
        """The gate before what would let it go on; raises ClosingAsked."""
        if self.closing_at is not None:
            raise ClosingAsked(self.day_of(self.closing_at))

    def first_moment_of(self, day: date) -> datetime:
        """The midnight with which this day begins where the contract is at home."""
        return datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC)

    @property
    def addressee(self) -> Addressee:
        """Who stands on a document that is issued now."""
        return Addressee.from_json(self.billing_address or self.partner)

    def is_in(self, country: str, number: str) -> bool:
        """Whether anything says that the customer is in that country: an address, or this VAT id."""
        prefix = "GR" if number.startswith("EL") else number[:2]
        return country in {self.addressee.country, Addressee.from_json(self.partner).country, prefix}

    def tax_as(self, treatment: TaxTreatment, vat: str, home: str) -> None:
        """How it is taxed from now on; *home* is the provider's country.

        Raises VatIdInvalid, NoReverseCharge, VatIdNeeded.
        """
        number = vat_id(vat)
        if treatment is TaxTreatment.REVERSE_CHARGE:
            if self.is_in(home, number):
                raise NoReverseCharge(home)
            if not number:
                raise VatIdNeeded
        self.tax, self.vat_id = treatment, number

    def pay_within(self, written: str) -> None:
        """Days agreed with this firm alone; raises PaymentDaysMissing, PaymentDaysInvalid."""
        self.payment_days, self.pays_otherwise = payment_days_of(written), True


class Recipient(Base):
    """Somebody to whom invoices and credit notes go."""

    __tablename__ = "invoice_recipients"

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"), index=True)
    email: Mapped[str] = mapped_column(String(254), info=TELLS)
    copy: Mapped[Copy] = mapped_column(default=Copy.TO)
    sent_as: Mapped[SentAs] = mapped_column(default=SentAs.ATTACHMENT)

    @classmethod
    def of(cls, session: Session, firm_id: int) -> list[Self]:
        return list(session.scalars(select(cls).where(cls.firm_id == firm_id).order_by(cls.id)))


class Named(NamedTuple):
    """A recipient, as a form names them."""

    email: str
    copy: Copy
    sent_as: SentAs


def recipients(written: Sequence[tuple[str, str, str]]) -> list[Named]:
    """Addresses, and how each gets it and as what, as a form lists them; empty lines count for nothing.

    Raises the refusals of ``email_address``, RecipientTwice, TooManyRecipients.
    """
    read: dict[str, Named] = {}
    for address, how, what in written:
        if not one_line(address):
            continue
        email = email_address(address)
        if email in read:
            raise RecipientTwice(email)
        copy = Copy(how) if how in list(Copy) else Copy.TO
        read[email] = Named(email, copy, SentAs(what) if what in list(SentAs) else SentAs.ATTACHMENT)
    if len(read) > RECIPIENTS_MOST:
        raise TooManyRecipients
    return list(read.values())
