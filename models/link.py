"""Personal links in mails: unguessable, one active per purpose, dead when the goal is reached.

The token is derived from the product's secret and never stored: the database keeps its SHA-256, and a mail is
written with the token only at the moment it leaves. So neither a copy of the database nor an operator can open
a person's link, and a mail that is sent again after a crash carries the same link.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Self

from sqlalchemy import ForeignKey, String, UniqueConstraint, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column, object_session

from models.db import MUTE, Base, Instant, Key, alone
from models.errors import N_, ProvisionError
from models.settings import settings
from models.time.clock import end_of_day


class Purpose(StrEnum):
    """What a link is for; it opens nothing else."""

    REGISTER = "register"
    ACTIVATE = "activate"
    AGREEMENT = "agreement"
    PROGRESS = "progress"
    RESET_PASSWORD = "reset_password"  # noqa: S105
    CONFIRM = "confirm"
    SUCCESSION = "succession"


PATHS = {
    Purpose.REGISTER: "/auth/register?business_member={}",
    Purpose.ACTIVATE: "/auth/activate/{}",
    Purpose.AGREEMENT: "/agreement/{}",
    Purpose.PROGRESS: "/progress/{}",
    Purpose.RESET_PASSWORD: "/auth/reset/{}",
    Purpose.CONFIRM: "/auth/confirm/{}",
    Purpose.SUCCESSION: "/auth/owner/{}",
}


def _good_until(purpose: Purpose, now: datetime) -> datetime:
    """The last moment of a link that is made now: mails tell the day, or the minute where it is less than one."""
    match purpose:
        case Purpose.RESET_PASSWORD:
            return now + timedelta(hours=1)
        case Purpose.PROGRESS:
            days = 365
        case Purpose.AGREEMENT:  # Beyond the agreement's own time, so that the page can tell what became of it.
            days = settings().agreement_days + 30
        case Purpose.SUCCESSION:  # Beyond the time for the answer, so that the page can tell what became of it.
            days = settings().link_days + 30
        case Purpose.REGISTER | Purpose.ACTIVATE | Purpose.CONFIRM:
            days = settings().link_days
    return end_of_day(now + timedelta(days=days))


class LinkUnknown(ProvisionError):
    status = 404
    says = N_("This link is not known: open the newest mail from us and follow the link there.")


class LinkUsed(ProvisionError):
    status = 410
    says = N_("This link has done its work: sign in with your e-mail address and password.")


class LinkExpired(ProvisionError):
    """Shown before any form; the page offers a new link, sent to the stored address only."""

    status = 410
    says = N_("This link has expired: ask for a new one, we will send it to the address that we know.")

    def __init__(self, link_id: int) -> None:
        super().__init__(link_id)
        self.link_id = link_id


class LinkReplaced(LinkExpired):
    """Dead, and a newer one was sent since."""

    says = N_(
        "We sent a newer mail on %(sent_at)s: follow the link in that one, or ask for one more at the address that we "
        "know."
    )

    def __init__(self, link_id: int, sent_at: datetime) -> None:
        super().__init__(link_id)
        self.args = link_id, sent_at
        self.sent_at = sent_at


class FormerToken(Base):
    """The token that an earlier mail carried: whoever comes with it is let in as well, or told of the newer one."""

    __tablename__ = "former_tokens"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True, info=MUTE)
    link_id: Mapped[int] = mapped_column(ForeignKey("links.id"), index=True)
    good_until: Mapped[Instant] = mapped_column(index=True)
    """It opens as the newest does, until then or until one of them is used."""


class Opening(Base):
    """The page behind a link was opened, for the first time then; by whom, nobody knows.

    The one thing that looking at a page leaves: mail servers open links before anybody has read them, so that nothing
    follows from it. It stands in a table of its own, and ends with the links sent before.
    """

    __tablename__ = "openings"

    link_id: Mapped[int] = mapped_column(ForeignKey("links.id"), primary_key=True)
    opened_at: Mapped[Instant] = mapped_column(index=True)

    @classmethod
    def note(cls, session: Session, link_id: int, now: datetime) -> None:
        """Keep the first time; however often and however many open the page at the same moment, there is one."""
        alone(session, cls.__tablename__, str(link_id))
        if session.get(cls, link_id) is None:
            session.add(cls(link_id=link_id, opened_at=now))
            session.flush()


class Link(Base):
    """One person's way to one goal. Each mail about it carries a link of its own.

    The links of earlier mails stay good until the moment that those told, or until one of them has done its work: no
    reminder, and nobody who asks for one more, makes useless what somebody is about to open. Only where another
    address or person takes the place of the one before are they dead at once.
    """

    __tablename__ = "links"
    __table_args__ = (UniqueConstraint("person_id", "purpose"), UniqueConstraint("account_id", "purpose"))

    id: Mapped[Key]
    purpose: Mapped[Purpose]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("persons.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    generation: Mapped[int] = mapped_column(default=1, info=MUTE)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True, info=MUTE)
    made_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    used_at: Mapped[Instant | None]

    @classmethod
    def to(
        cls,
        session: Session,
        purpose: Purpose,
        now: datetime,
        *,
        person: int | None = None,
        account: int | None = None,
    ) -> Self:
        """A link for one more mail to this person or account."""
        if person is not None:
            return cls.to_each(session, purpose, now, [person])[person]
        mine = select(cls).where(cls.account_id == account, cls.purpose == purpose)
        link = session.scalars(mine.with_for_update()).one_or_none() or cls(purpose=purpose, account_id=account)
        link.renew(now, keep=True)
        session.add(link)
        session.flush()
        return link

    @classmethod
    def to_each(cls, session: Session, purpose: Purpose, now: datetime, people: Collection[int]) -> dict[int, Self]:
        """A link for one more mail to each person, by the person's id, in as many statements for many as for one."""
        query = select(cls).where(cls.person_id.in_(people), cls.purpose == purpose).order_by(cls.id)
        links = {link.person_id or 0: link for link in session.scalars(query.with_for_update())}
        for person in people:
            links.setdefault(person, cls(purpose=purpose, person_id=person)).renew(now, keep=True)
        session.add_all(links.values())
        session.flush()
        return links

    def renew(self, now: datetime, *, keep: bool = False) -> None:
        """The next generation begins; those before end with it, or are kept for their own time unless one was used."""
        session = object_session(self)
        if session is not None and self.id is not None:
            keep = keep and self.used_at is None
            if not keep:
                living = FormerToken.link_id == self.id, FormerToken.good_until > now
                session.execute(update(FormerToken).where(*living).values(good_until=now))
                session.execute(delete(Opening).where(Opening.link_id == self.id))
            until = self.expires_at if keep else now
            session.add(FormerToken(token_sha256=self.token_sha256, link_id=self.id, good_until=until))
        self.generation = (self.generation or 0) + 1
        self.made_at, self.used_at = now, None
        self.expires_at = _good_until(self.purpose, now)
        self.token_sha256 = sha256(self._token(self.made_at).encode()).hexdigest()

    def use(self, session: Session, now: datetime) -> None:
        """It has done its work; raises LinkUsed for everybody but one, however many do this at the same moment."""
        mine = update(Link).where(Link.id == self.id, Link.used_at.is_(None)).values(used_at=now)
        won = session.connection().execute(mine).rowcount == 1
        session.refresh(self, ["used_at"])
        if not won:
            raise LinkUsed

    @classmethod
    def open(cls, session: Session, token: str, purpose: Purpose, now: datetime) -> Self:
        """The living link with this token, or a refusal that says what to do. Opening changes nothing."""
        link, former = cls._with(session, token)
        if link is None or link.purpose is not purpose:
            raise LinkUnknown
        if link.used_at is not None:
            raise LinkUsed
        if former is None and link.expires_at <= now:
            raise LinkExpired(link.id)
        # Who waited here for the one who has replaced it began before that moment.
        if former is not None and former.good_until <= max(now, link.made_at):
            raise LinkReplaced(link.id, link.made_at)
        return link

    @classmethod
    def sent(cls, session: Session, token: str) -> Self | None:
        """The link that a mail carried with this token, whatever has become of it since."""
        return cls._with(session, token)[0]

    @classmethod
    def _with(cls, session: Session, token: str) -> tuple[Self | None, FormerToken | None]:
        digest = sha256(token.encode()).hexdigest()
        former = session.get(FormerToken, digest, populate_existing=True)
        mine = cls.token_sha256 == digest if former is None else cls.id == former.link_id
        return session.scalars(select(cls).where(mine)).one_or_none(), former

    @property
    def token(self) -> str:
        """256 bits, the same each time it is asked for; ends with the next generation.

        When it was made is part of it: after a back-up was restored the same numbers may come to another person, who
        must not be let in by what was sent to the first. Links of an earlier release go without.
        """
        made = self._token(self.made_at)
        return made if sha256(made.encode()).hexdigest() == self.token_sha256 else self._token(None)

    def _token(self, made_at: datetime | None) -> str:
        seed = f"link:{self.purpose}:{self.person_id}:{self.account_id}:{self.generation}"
        seed += f":{made_at.astimezone(UTC).isoformat()}" if made_at is not None else ""
        return urlsafe_b64encode(hmac.digest(settings().secret_key, seed.encode(), "sha256")).decode().rstrip("=")

    @property
    def url(self) -> str:
        return settings().base_url + PATHS[self.purpose].format(self.token)


def later_token(person_id: int, address: str) -> str:
    """What stands in reminders to this person at this address: with it they are put off, or called wrong.

    It opens nothing else, needs no row, and dies when the address is corrected.
    """
    seed = f"later:{person_id}:{address}".encode()
    return f"{person_id}-{urlsafe_b64encode(hmac.digest(settings().secret_key, seed, 'sha256')).decode().rstrip('=')}"


def later_url(person_id: int, address: str) -> str:
    return f"{settings().base_url}/later/{later_token(person_id, address)}"


def unsubscribe_url(person_id: int, address: str) -> str:
    """Where one click ends reminders; what stands in it is signed like that for later."""
    return f"{settings().base_url}/unsubscribe/{later_token(person_id, address)}"
