"""Mails waiting to leave, each row written in the same transaction as its reason.

The row says what to say to whom; the text is made when it leaves (``tasks.mail.delivery``).
"""

import hmac
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any, Self

from sqlalchemy import (
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy import case as case_when
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.orm.attributes import set_committed_value

from models.clients.sign_up import SignUp
from models.db import MUTE, TELLS, Base, Facts, Instant, Key, UTCDateTime
from models.link import Link
from models.people.login import Login
from models.people.manners import AddressForm, Language
from models.people.person import Person
from models.restoration import Restoration
from models.settings import settings


class MailKind(StrEnum):
    """Every mail there is; what each must be told stands in the function of its name in ``tasks.mail.letters``.

    Each has a template of this name in ``tasks/templates/mail``.
    """

    WELCOME = "welcome"
    REGISTER = "register"
    AGREEMENT = "agreement"
    AGREEMENT_DONE = "agreement_done"
    AGREEMENT_DECLINED = "agreement_declined"
    AGREEMENT_WITHDRAWN = "agreement_withdrawn"
    SIGN_CODE = "sign_code"
    CASE_TAKEN_UP = "case_taken_up"
    YOUR_TURN = "your_turn"
    COMPANY_ID = "company_id"
    LOGO_FOUND = "logo_found"
    INVITATION = "invitation"
    GRANTED = "granted"
    PREVIEW = "preview"
    CONFIRM_ADDRESS = "confirm_address"
    FIRM_CHANGED = "firm_changed"
    CLIENT_ACTIVE = "client_active"
    ACCOUNT_GIVEN = "account_given"
    ACCESS_CHANGED = "access_changed"
    SUCCESSION_ASKED = "succession_asked"
    SUCCESSION_TOLD = "succession_told"
    PEOPLE_SILENT = "people_silent"
    RESET_PASSWORD = "reset_password"  # noqa: S105
    SIGN_UP_CONFIRM = "sign_up_confirm"
    SIGN_UP_WAITS = "sign_up_waits"
    SIGN_UP_DECLINED = "sign_up_declined"
    ALREADY_CLIENT = "already_client"
    MODULE_ORDERED = "module_ordered"
    CHANGE_DECLARED = "change_declared"
    UNDO_ASKED = "undo_asked"
    UNDO_REFUSED = "undo_refused"
    CHANGE_UNDONE = "change_undone"
    TARIFF_BEGUN = "tariff_begun"
    MODULE_ENDED = "module_ended"
    NOTICE_NEARS = "notice_nears"
    PRICES_CHANGE = "prices_change"
    VAT_UNCONFIRMED = "vat_unconfirmed"
    TAKEOUT_READY = "takeout_ready"
    CONSENT_ASKED = "consent_asked"
    CLOSING_ASKED = "closing_asked"
    ACCOUNT_CLOSED = "account_closed"
    PRIVACY_WAITS = "privacy_waits"
    PRIVACY_ANSWERED = "privacy_answered"
    OWN_DATA = "own_data"
    PRIVACY_STUCK = "privacy_stuck"
    DECISIONS_WAIT = "decisions_wait"
    OPERATOR_INVITED = "operator_invited"
    DIGEST = "digest"


class Urgency(IntEnum):
    """Which mail goes first."""

    AT_ONCE = 0  # Somebody sits and waits for it, and what is in it is good for minutes.
    SOON = 1
    BULK = 2  # One of many that were written together.


AT_ONCE = {
    *(MailKind.SIGN_CODE, MailKind.RESET_PASSWORD, MailKind.OPERATOR_INVITED),
    *(MailKind.SIGN_UP_CONFIRM, MailKind.PREVIEW, MailKind.OWN_DATA),
}
OUTLIVES_CASE: dict[MailKind, bool] = {
    MailKind.WELCOME: False,
    MailKind.REGISTER: False,
    MailKind.AGREEMENT: False,
    MailKind.AGREEMENT_DONE: True,
    MailKind.AGREEMENT_DECLINED: True,
    MailKind.AGREEMENT_WITHDRAWN: True,
    MailKind.SIGN_CODE: False,
    MailKind.CASE_TAKEN_UP: False,
    MailKind.YOUR_TURN: False,
    MailKind.COMPANY_ID: False,
    MailKind.LOGO_FOUND: False,
    MailKind.INVITATION: False,
    MailKind.GRANTED: False,
    MailKind.PREVIEW: False,
    MailKind.CONFIRM_ADDRESS: False,
    MailKind.FIRM_CHANGED: True,
    MailKind.CLIENT_ACTIVE: True,
    MailKind.ACCOUNT_GIVEN: True,
    MailKind.ACCESS_CHANGED: True,
    MailKind.SUCCESSION_ASKED: False,
    MailKind.SUCCESSION_TOLD: True,
    MailKind.PEOPLE_SILENT: False,
    MailKind.RESET_PASSWORD: True,
    MailKind.SIGN_UP_CONFIRM: False,
    MailKind.SIGN_UP_WAITS: False,
    MailKind.SIGN_UP_DECLINED: True,
    MailKind.ALREADY_CLIENT: True,
    MailKind.MODULE_ORDERED: True,
    MailKind.CHANGE_DECLARED: True,
    MailKind.UNDO_ASKED: True,
    MailKind.UNDO_REFUSED: True,
    MailKind.CHANGE_UNDONE: True,
    MailKind.TARIFF_BEGUN: True,
    MailKind.MODULE_ENDED: True,
    MailKind.NOTICE_NEARS: True,
    MailKind.PRICES_CHANGE: True,
    MailKind.VAT_UNCONFIRMED: True,
    MailKind.TAKEOUT_READY: True,
    MailKind.CONSENT_ASKED: False,
    MailKind.CLOSING_ASKED: True,
    MailKind.ACCOUNT_CLOSED: True,
    MailKind.PRIVACY_WAITS: True,
    MailKind.PRIVACY_ANSWERED: True,
    MailKind.OWN_DATA: True,
    MailKind.PRIVACY_STUCK: True,
    MailKind.DECISIONS_WAIT: True,
    MailKind.OPERATOR_INVITED: True,
    MailKind.DIGEST: True,
}
"""Whether a mail that has not left when its case is stopped still does: it tells what stays true, and asks nothing."""
KEY_MAY_RECUR: dict[MailKind, bool] = {
    MailKind.WELCOME: False,
    MailKind.REGISTER: False,
    MailKind.AGREEMENT: False,
    MailKind.AGREEMENT_DONE: True,
    MailKind.AGREEMENT_DECLINED: True,
    MailKind.AGREEMENT_WITHDRAWN: True,
    MailKind.SIGN_CODE: False,
    MailKind.CASE_TAKEN_UP: False,
    MailKind.YOUR_TURN: False,
    MailKind.COMPANY_ID: True,
    MailKind.LOGO_FOUND: True,
    MailKind.INVITATION: False,
    MailKind.GRANTED: True,
    MailKind.PREVIEW: False,
    MailKind.CONFIRM_ADDRESS: False,
    MailKind.FIRM_CHANGED: False,
    MailKind.CLIENT_ACTIVE: False,
    MailKind.ACCOUNT_GIVEN: False,
    MailKind.ACCESS_CHANGED: False,
    MailKind.SUCCESSION_ASKED: False,
    MailKind.SUCCESSION_TOLD: False,
    MailKind.PEOPLE_SILENT: True,
    MailKind.RESET_PASSWORD: False,
    MailKind.SIGN_UP_CONFIRM: False,
    MailKind.SIGN_UP_WAITS: False,
    MailKind.SIGN_UP_DECLINED: False,
    MailKind.ALREADY_CLIENT: False,
    MailKind.MODULE_ORDERED: True,
    MailKind.CHANGE_DECLARED: True,
    MailKind.UNDO_ASKED: True,
    MailKind.UNDO_REFUSED: True,
    MailKind.CHANGE_UNDONE: True,
    MailKind.TARIFF_BEGUN: True,
    MailKind.MODULE_ENDED: True,
    MailKind.NOTICE_NEARS: True,
    MailKind.PRICES_CHANGE: True,
    MailKind.VAT_UNCONFIRMED: True,
    MailKind.TAKEOUT_READY: False,
    MailKind.CONSENT_ASKED: True,
    MailKind.CLOSING_ASKED: True,
    MailKind.ACCOUNT_CLOSED: True,
    MailKind.PRIVACY_WAITS: False,
    MailKind.PRIVACY_ANSWERED: False,
    MailKind.OWN_DATA: False,
    MailKind.PRIVACY_STUCK: True,
    MailKind.DECISIONS_WAIT: False,
    MailKind.OPERATOR_INVITED: False,
    MailKind.DIGEST: False,
}
"""Whether the key of such a mail names a fact that stays true, so that a later pass may write it once more: then it is
kept when the mail itself goes (``models.retention``). All others name a moment, a day, a link, or an act done once."""
GATHER = timedelta(minutes=10)
"""For so long a mail waits for more of its kind that can be told in it."""
FEW = 10
"""More mails than these, written together, are bulk mail."""
SHARE = 5
"""One in so many places goes to whichever mail waits longest: bulk mail is late, but not for ever."""

NOT_ARRIVED = "delivered_at IS NULL OR failed_at IS NOT NULL OR complained_at IS NOT NULL"
"""Mails that the mail server has not taken, that came back, or that were marked as spam."""
HAS_LINK = "link_id IS NOT NULL"
WAITS_WITH_FILE = "document_id IS NOT NULL AND due_at IS NOT NULL"
IS_SETTLED = "due_at IS NULL AND to_address <> ''"
"""Mails of which nothing more becomes, and that still tell of somebody, see ``models.retention``."""


def _when_written(context: Any) -> datetime:
    written: datetime = context.get_current_parameters()["created_at"]
    return written


class Outgoing(Base):
    """One mail to one person. ``key`` says what it is; there is one of each.

    Claimed with a lease, so that any number of senders can work at once; a sender that dies loses only its lease.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_due", "due_at"),
        Index("ix_outbox_turn", "urgency", "due_at"),
        # Mails are counted from these alone, see models.queries.gauges.
        Index("ix_outbox_kind", "kind"),
        Index(
            "ix_outbox_bulk",
            "bulk_id",
            "delivered_at",
            "failed_at",
            sqlite_where=text("bulk_id IS NOT NULL"),
            postgresql_where=text("bulk_id IS NOT NULL"),
        ),
        Index("ix_outbox_not_arrived", "kind", sqlite_where=text(NOT_ARRIVED), postgresql_where=text(NOT_ARRIVED)),
        Index("ix_outbox_link_id", "link_id", sqlite_where=text(HAS_LINK), postgresql_where=text(HAS_LINK)),
        Index(
            "ix_outbox_attached",
            "document_id",
            sqlite_where=text(WAITS_WITH_FILE),
            postgresql_where=text(WAITS_WITH_FILE),
        ),
        # Begins with a column that is always empty there: SQLite would else choose one of those that begin with it.
        Index(
            "ix_outbox_settled",
            "due_at",
            "addressed_at",
            sqlite_where=text(IS_SETTLED),
            postgresql_where=text(IS_SETTLED),
        ),
    )

    id: Mapped[Key]
    key: Mapped[str] = mapped_column(String(200), unique=True, info=MUTE)
    message_id: Mapped[str] = mapped_column(String(120), unique=True, info=MUTE)
    """Stays the same for the same mail, so that a copy sent twice can be told, and a bounce be matched.

    Addressed anew it is another mail: what a server reports of the one before does not concern it.
    """
    kind: Mapped[MailKind]
    onboarding_id: Mapped[int | None] = mapped_column(ForeignKey("onboardings.id"), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("persons.id"), index=True)
    to_name: Mapped[str] = mapped_column(String(200), info=TELLS)
    to_address: Mapped[str] = mapped_column(String(254), info=TELLS)
    language: Mapped[Language] = mapped_column(info=TELLS)
    address_form: Mapped[AddressForm] = mapped_column(info=TELLS)
    facts: Mapped[Facts] = mapped_column(info=TELLS)
    link_id: Mapped[int | None] = mapped_column(ForeignKey("links.id"))
    document_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id"))
    bulk_id: Mapped[int | None] = mapped_column(ForeignKey("bulk_invitations.id"))
    """The invitations to many that it belongs to."""
    created_at: Mapped[Instant]
    addressed_at: Mapped[Instant] = mapped_column(default=_when_written)
    """When it was written, or last sent on its way anew: from then on its age counts."""
    due_at: Mapped[Instant | None]
    """When to try next; none: delivered or given up."""
    urgency: Mapped[int] = mapped_column(SmallInteger, default=Urgency.SOON, info=MUTE)
    attempts: Mapped[int] = mapped_column(default=0, info=MUTE)
    delivered_at: Mapped[Instant | None]
    failed_at: Mapped[Instant | None]
    """Given up: the server refused for good (5xx), it came back after delivery, or too many tries."""
    complained_at: Mapped[Instant | None]
    """Marked as spam by whoever got it."""
    fault: Mapped[str | None] = mapped_column(String(500), info=TELLS)
    """What the mail server last said; none while the mail is on its way."""

    @classmethod
    def draft(
        cls,
        kind: MailKind,
        key: str,
        to: Person | None,
        now: datetime,
        *,
        account: Login | None = None,
        sign_up: SignUp | None = None,
        case_id: int | None = None,
        link: Link | None = None,
        document_id: int | None = None,
        **facts: object,
    ) -> Self:
        """A mail, not yet in the outbox; the product's own mails are drafted by ``tasks.mail.letters``.

        *account*: to whose address it goes if not to the person's own. *sign_up*: to whoever registers with a firm, by
        name once they have confirmed the address; until then the name is what anybody may have typed. Without any of
        these it goes to the provider itself.
        """
        manners, whose = to or account or sign_up, account or to or sign_up
        confirmed = sign_up if sign_up is not None and sign_up.confirmed_at is not None else None
        named = to or confirmed
        return cls(
            key=key,
            message_id=_message_id(key, now),
            kind=kind,
            onboarding_id=case_id,
            person_id=to and to.id,
            to_name=(named.name if named else "" if manners else settings().provider_name)[:200],
            to_address=whose.email if whose else settings().provider_email,
            language=manners.language if manners else Language.GERMAN,
            address_form=manners.address_form if manners else AddressForm.SIE,
            facts=facts,
            link_id=link and link.id,
            document_id=document_id,
            created_at=now,
            due_at=now,
            urgency=Urgency.AT_ONCE if kind in AT_ONCE else Urgency.SOON,
        )

    @classmethod
    def post(cls, session: Session, mail: Self) -> bool:
        """Put a mail in the outbox; False if one with its key was put there before."""
        return cls.post_all(session, [mail]) == 1

    @classmethod
    def post_all(cls, session: Session, mails: Sequence[Self]) -> int:
        """Put in the outbox what was not put there before; returns how many that is.

        Mail to a person whose address does not work is held and goes out when it is corrected.
        """
        known_keys = set(session.scalars(select(cls.key).where(cls.key.in_([mail.key for mail in mails]))))
        fresh = [mail for mail in mails if mail.key not in known_keys]
        if len(fresh) > FEW:
            for mail in fresh:
                mail.urgency = Urgency.BULK
        session.add_all(fresh)
        session.flush()
        return len(fresh)

    @classmethod
    def post_gathering(cls, session: Session, mails: Sequence[Self], now: datetime, rest: timedelta) -> None:
        """Put these mails, of one kind and case, in the outbox to leave in a while: more can be told in them.

        That is done in what ``gathering`` finds. Nobody gets one before the last has been there for *rest*.
        """
        if not mails:
            return
        alike = cls.kind == mails[0].kind, cls.onboarding_id == mails[0].onboarding_id
        readers = cls.to_address.in_([mail.to_address for mail in mails])
        last = select(cls.to_address, func.max(cls.delivered_at)).where(*alike, readers, cls.delivered_at.is_not(None))
        rested = {address: at + rest for address, at in session.execute(last.group_by(cls.to_address)) if at}
        for mail in mails:
            mail.due_at = max(now + GATHER, rested.get(mail.to_address, now))
        cls.post_all(session, mails)

    @classmethod
    def sent_since(cls, session: Session, since: datetime, *which: ColumnElement[bool]) -> list[datetime]:
        """When mails for which all of *which* holds were written after that moment, oldest first."""
        return list(session.scalars(select(cls.created_at).where(cls.created_at > since, *which).order_by(cls.id)))

    @classmethod
    def gathering(
        cls, session: Session, kind: MailKind, addresses: Collection[str], now: datetime, *which: ColumnElement[bool]
    ) -> dict[str, Self]:
        """The mails of this kind to these addresses that have not left, locked: more can be told in them.

        Only those for which all of *which* holds.

        Also in one that was refused and is tried again later.
        """
        rests = or_(cls.attempts == 0, cls.fault.is_not(None))
        to_come = cls.kind == kind, cls.to_address.in_(addresses), cls.due_at > now, rests, *which
        rows = session.scalars(select(cls).where(*to_come).order_by(cls.id).with_for_update())
        return {row.to_address: row for row in rows}

    def readdress(self, address: str, now: datetime) -> None:
        """Send it again, to another address, as if it were written now: whoever is delivering it delivers another."""
        self.to_address, self.due_at, self.addressed_at, self.attempts = address, now, now, 0
        self.message_id = _message_id(self.key, now)
        self.failed_at = self.delivered_at = self.complained_at = self.fault = None

    def send_again(self, now: datetime) -> None:
        """Try it again to the same address, though it was given up."""
        self.readdress(self.to_address, now)

    def bounce(self, fault: str, now: datetime) -> None:
        """It came back for good."""
        self.failed_at, self.fault, self.due_at = now, fault[:500], None

    @classmethod
    def due(
        cls, session: Session, now: datetime, limit: int, lease: timedelta, *, only: Urgency | None = None
    ) -> list[Self]:
        """Claim up to *limit* mails whose time has come; they are ours until *lease* is over.

        The most urgent ones, the oldest of them first, and a few that have waited longest whatever they are. After a
        back-up was restored only those for which somebody sits and waits, until an operator says go.
        """
        waiting = select(cls).where(cls.due_at <= now).with_for_update(skip_locked=True)
        restored = Restoration.holding(session)
        if restored is not None:
            waiting = waiting.where(cls.urgency == Urgency.AT_ONCE, cls.created_at >= restored.restored_at)
        urgent = waiting.order_by(cls.urgency, cls.due_at)
        if only is not None:
            urgent, share = urgent.where(cls.urgency == only), 0
        else:
            share = limit // SHARE
        rows = list(session.scalars(waiting.order_by(cls.due_at).limit(share))) if share else []
        rows += session.scalars(urgent.where(cls.id.not_in([row.id for row in rows])).limit(limit - len(rows)))
        rows.sort(key=lambda row: (row.urgency, row.due_at))
        until = now + lease
        mine = update(cls).where(cls.id.in_([row.id for row in rows])).execution_options(synchronize_session=False)
        session.execute(mine.values(due_at=until, fault=None, attempts=cls.attempts + 1))
        for row in rows:
            for name, value in (("due_at", until), ("fault", None), ("attempts", row.attempts + 1)):
                set_committed_value(row, name, value)
        return rows

    def may_leave(self, connection: Connection, now: datetime) -> tuple[bool, bool]:
        """Whether who has claimed it still has it, as nobody has dropped or readdressed it meanwhile; and whether mail
        that cannot wait is due.
        """
        asked = {"mail": self.id, "until": self.due_at, "now": now}
        leased, urgent = connection.execute(_MAY_LEAVE, asked).one()
        return bool(leased), bool(urgent)

    def has_left(self, connection: Connection, now: datetime) -> None:
        """The mail server has taken it. Nothing is written down if it was addressed anew meanwhile.

        It may have come back before this is written, which stays; what another sender was told of it does not.
        """
        known = {"mail": self.id, "addressed": self.addressed_at, "until": self.due_at, "now": now}
        connection.execute(_HAS_LEFT, known)


# Made once: these are asked for each mail that leaves.
_LEASED = exists().where(Outgoing.id == bindparam("mail"), Outgoing.due_at == bindparam("until", type_=UTCDateTime))
_URGENT = exists().where(
    Outgoing.urgency == literal(Urgency.AT_ONCE.value), Outgoing.due_at <= bindparam("now", type_=UTCDateTime)
)
_MAY_LEAVE = select(_LEASED, _URGENT)
_HAS_LEFT = (
    update(Outgoing)
    .where(Outgoing.id == bindparam("mail"), Outgoing.addressed_at == bindparam("addressed", type_=UTCDateTime))
    .values(
        delivered_at=bindparam("now", type_=UTCDateTime),
        due_at=None,
        # Whoever took it over when our lease had ended has set another time to try again.
        fault=case_when(
            (or_(Outgoing.due_at.is_(None), Outgoing.due_at == bindparam("until", type_=UTCDateTime)), Outgoing.fault)
        ),
    )
)


def _message_id(key: str, now: datetime) -> str:
    """Unguessable from the key, so that nobody can forge a bounce of a mail that he did not get."""
    digest = hmac.digest(settings().secret_key, f"mail:{key}:{now.isoformat()}".encode(), "sha256").hex()
    return f"<{digest[:32]}@{settings().sender.rpartition('@')[2]}>"
