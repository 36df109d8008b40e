"""Somebody registers on a firm's own page, and the firm says whether they are its client."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from sqlalchemy import ColumnElement, ForeignKey, Index, String, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.clients.address import PostalAddress
from models.db import TELLS, Base, Instant, Key
from models.errors import N_, Faults, NotFound, ProvisionError
from models.people.manners import AddressForm, Language
from models.people.names import has_letter
from models.people.person import NAME_MOST, PART_MOST, NameMissing
from models.settings import settings
from models.text import fitting, one_line, row_number

CONFIRM_WITHIN = timedelta(days=7)
COMPANY_MOST = 200


class SignUpVerdict(StrEnum):
    """What the firm says."""

    NEW = "new"
    """A client, with an account of their own."""
    LINKED = "linked"
    """Belongs to an account that is there."""
    DECLINED = "declined"


class SignUpLinkDead(ProvisionError):
    """Says the same of a link that is too old and of one that never was."""

    status = 410
    says = N_("This link opens nothing any more: register once more on the page of your firm.")


class SignUpAnswered(ProvisionError):
    says = N_("%(name)s has been answered already: nothing was changed.")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class SignUp(PostalAddress, Base):
    """One person's wish to be a client. Of one address there is one that is not answered."""

    __tablename__ = "sign_ups"
    __table_args__ = (
        Index(
            "uq_sign_ups_open",
            "firm_id",
            "email",
            unique=True,
            sqlite_where=text("answered_at IS NULL"),
            postgresql_where=text("answered_at IS NULL"),
        ),
        *(
            Index(f"ix_sign_ups_{name}", *columns, sqlite_where=text(which), postgresql_where=text(which))
            for name, columns, which in (
                ("waiting", ("firm_id", "id"), "confirmed_at IS NOT NULL AND answered_at IS NULL"),
                ("unconfirmed", ("asked_at",), "confirmed_at IS NULL"),
                ("answered", ("answered_at",), "answered_at IS NOT NULL"),
            )
        ),
    )

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"))
    email: Mapped[str] = mapped_column(String(254), info=TELLS)
    given_name: Mapped[str] = mapped_column(String(PART_MOST), default="", info=TELLS)
    family_name: Mapped[str] = mapped_column(String(PART_MOST), info=TELLS)
    company_name: Mapped[str] = mapped_column(String(COMPANY_MOST), default="", info=TELLS)
    language: Mapped[Language] = mapped_column(default=Language.GERMAN, info=TELLS)
    address_form: Mapped[AddressForm] = mapped_column(default=AddressForm.SIE, info=TELLS)
    asked_at: Mapped[Instant]
    """When the mail to confirm the address was asked for last."""
    confirmed_at: Mapped[Instant | None]
    """Whoever reads the mail to this address has said so: only now the firm hears of it."""
    answered_at: Mapped[Instant | None]
    verdict: Mapped[SignUpVerdict | None]
    client_id: Mapped[int | None] = mapped_column(ForeignKey("clients.id"), index=True)
    """The account that came of it."""

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()

    @classmethod
    def open_one(cls, session: Session, firm_id: int, email: str) -> Self | None:
        """Of this address the one that waits for something, locked."""
        mine = select(cls).where(cls.firm_id == firm_id, cls.email == email, cls.answered_at.is_(None))
        return session.scalars(mine.with_for_update()).one_or_none()

    @classmethod
    def get(cls, session: Session, firm_id: int, sign_up_id: int) -> Self:
        """One of the firm's that has been confirmed, locked (not while only reading); raises NotFound."""
        row = session.get(cls, sign_up_id, with_for_update=not session.info.get("reading"))
        if row is None or row.firm_id != firm_id or row.confirmed_at is None:
            raise NotFound(f"Registration {sign_up_id}")
        return row

    @classmethod
    def waiting(cls, session: Session, firm_id: int, most: int, after: int = 0) -> list[Self]:
        """Those that the firm has to answer, oldest first, from behind the one of that number on."""
        mine = select(cls).where(*cls._waits(firm_id), cls.id > after)
        return list(session.scalars(mine.order_by(cls.id).limit(most)))

    @classmethod
    def count_waiting(cls, session: Session, firm_id: int) -> int:
        return session.scalars(select(func.count()).where(*cls._waits(firm_id))).one()

    @classmethod
    def _waits(cls, firm_id: int) -> tuple[ColumnElement[bool], ...]:
        return cls.firm_id == firm_id, cls.answered_at.is_(None), cls.confirmed_at.is_not(None)

    def describe(self, faults: Faults, written: Mapping[str, str]) -> None:
        """Take over what they say of themselves; what does not fit is among the faults."""
        with faults.at("family_name"):
            self.family_name = fitting(one_line(written["family_name"]), PART_MOST)
            if not has_letter(self.family_name):
                raise NameMissing(self.email)
        for name, most in (("given_name", PART_MOST), ("company_name", COMPANY_MOST)):
            with faults.at(name):
                setattr(self, name, fitting(one_line(written[name]), most))
        if not faults.keys() & {"family_name", "given_name"}:
            with faults.at("family_name"):
                fitting(self.name, NAME_MOST)
        self.locate(faults, written)

    @property
    def token(self) -> str:
        """What stands in the mail to confirm the address; nobody can guess it, and no row keeps it.

        It dies with the answer, and after CONFIRM_WITHIN.
        """
        seed = f"sign-up:{self.id}:{self.email}".encode()
        return f"{self.id}-{urlsafe_b64encode(hmac.digest(settings().secret_key, seed, 'sha256')).decode().rstrip('=')}"

    @property
    def url(self) -> str:
        """Where the address is confirmed; a mail leads there as to any personal link."""
        return f"{settings().base_url}/sign-up/{self.token}"

    @property
    def expires_at(self) -> datetime:
        return self.asked_at + CONFIRM_WITHIN

    @property
    def used_at(self) -> datetime | None:
        return self.confirmed_at

    @classmethod
    def holding(cls, session: Session, token: str, now: datetime, *, lock: bool = False) -> Self:
        """Whose mail carried this token; raises SignUpLinkDead."""
        row = session.get(cls, row_number(token.partition("-")[0]) or 0, with_for_update=True if lock else None)
        if row is None or not hmac.compare_digest(row.token.encode(), token.encode()):
            raise SignUpLinkDead
        if row.answered_at is None and row.confirmed_at is None and row.expires_at < now:
            raise SignUpLinkDead
        return row

    def confirm(self, now: datetime) -> bool:
        """The mail was read; False if that was known."""
        is_new, self.confirmed_at = self.confirmed_at is None, self.confirmed_at or now
        return is_new

    def answer(self, verdict: SignUpVerdict, now: datetime, client_id: int | None = None) -> None:
        """The firm's word; raises SignUpAnswered at the second one."""
        if self.answered_at is not None:
            raise SignUpAnswered(self.name)
        self.verdict, self.answered_at, self.client_id = verdict, now, client_id
