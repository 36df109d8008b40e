"""Emptying the outbox: every mail leaves once, by however many senders and however often this runs.

A sender claims rows for the time of a lease, lets go of the database, sends over one connection and writes down each
outcome at once. If it dies, the rest of its rows are due again when the lease ends; only the mail that was under way
can leave twice, under the same Message-ID.
"""

import logging
import random
import smtplib
import ssl
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from enum import StrEnum
from typing import NamedTuple, Self

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from models.clients.client import Client
from models.clients.sign_up import SignUp
from models.code import Code
from models.db import Facts, reading, singly, transaction
from models.decision import Decision
from models.document import Document
from models.link import Link
from models.mail.mail_server import MailServer
from models.mail.outbox import MailKind, Outgoing, Urgency
from models.mail.proof import Proof
from models.onboarding import Onboarding
from models.people.person import Person
from models.settings import settings
from models.time.clock import now
from tasks.engine.retry import patiently, side_effect
from tasks.mail.address_holds import bounced, given_up
from tasks.mail.compose import ascii_address, write, write_out
from tasks.mail.refusals import Blame, blame, is_ours_for_sure

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)
"""How long claimed mails are a sender's own; it stops before, by what one mail may take at most."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=4)
TRIES_MOST = 10
AGE_MOST = timedelta(days=3)
"""A mail that was refused for the time being is given up after so many tries or at this age."""
LONGEST_PAUSE_OF_OURS = timedelta(minutes=15)
"""What was refused for a fault of ours is tried so often: it may be mended at any time."""
OTHERS_PASS = timedelta(days=1)
"""Only where the mail server has taken another mail since then is such a mail given up: it alone has no way."""
LOSSES_MOST = 3
"""After so many lost connections, or refusals for a fault of ours, in a row the mail server is left alone until the
next pass."""


class Outcome(StrEnum):
    """What became of one mail in one pass."""

    DELIVERED = "delivered"
    POSTPONED = "postponed"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True)
class Delivered:
    """How many mails of a pass were taken by the mail server, will be tried again, were given up, had no use."""

    delivered: int = 0
    postponed: int = 0
    failed: int = 0
    dropped: int = 0
    server_answers: bool = field(default=True, compare=False)

    def __add__(self, other: Self) -> "Delivered":
        return Delivered(
            self.delivered + other.delivered,
            self.postponed + other.postponed,
            self.failed + other.failed,
            self.dropped + other.dropped,
            self.server_answers and other.server_answers,
        )

    @property
    def total(self) -> int:
        return self.delivered + self.postponed + self.failed + self.dropped


@side_effect(name="deliver mails")
def deliver_outbox(only: Urgency | None = None) -> Delivered:
    """Send everything that is due, or *only* what is so urgent. Repeating it sends nothing twice."""
    done = Delivered()
    # A server that does not answer is left alone until the next pass: every further batch would wait for it again.
    while (batch := deliver_due(only=only)).total and batch.server_answers:
        done += batch
    if not batch.total:
        _get_to_know()
    return done + batch


def deliver_due(limit: int | None = None, only: Urgency | None = None) -> Delivered:
    """Send up to *limit* mails that are due (none: as many as the settings say) over one connection.

    What becomes due meanwhile and cannot wait is sent between two others.
    """
    until = time.monotonic() + LEASE.total_seconds() - 6 * settings().smtp_timeout
    mails = _claim(limit or settings().mails_at_once, only)
    counts: Counter[Outcome] = Counter()

    def deliver(mail: _Mail) -> None:
        if not server.answers or time.monotonic() > until:
            verdict = _Verdict(Outcome.POSTPONED, server.fault, tried=False)
        else:
            verdict = _deliver(mail, server)
            server.judge(verdict)
        _record(mail, verdict)
        counts[verdict.outcome] += 1

    with _Connection() as server, singly():
        for mail in mails:
            is_ours, urgent_waits = _look(mail)
            if urgent_waits and mail.row.urgency > Urgency.AT_ONCE and server.answers:
                for urgent in _claim(settings().mails_at_once, Urgency.AT_ONCE):
                    if _look(urgent)[0]:
                        deliver(urgent)
                is_ours, _ = _look(mail)
            if is_ours:
                deliver(mail)
    _note(server, took=counts[Outcome.DELIVERED] > 0)
    by_outcome = {outcome.value: count for outcome, count in counts.items()}
    done = Delivered(**by_outcome, server_answers=server.answers)
    if mails:
        log.info("Outbox: %s", done)
    if not server.answers:
        log.error("The mail server %s:%s takes no mail: mails wait", settings().smtp_host, settings().smtp_port)
    return done


def _get_to_know() -> None:
    """See what the mail server can if nobody has spoken with it yet: addresses are taken or refused by that."""
    with reading() as session:
        server = MailServer.configured(session)
    if server is None or server.smtputf8 is None:
        with _Connection() as connection:
            connection.open()
        _note(connection, took=False)


class _Reader(NamedTuple):
    """What is known of the address of whom a mail is to."""

    email: str
    bounced_at: datetime | None


@dataclass(frozen=True)
class _Mail:
    """A claimed row with what it needs to be written."""

    row: Outgoing
    link: Link | SignUp | Proof | None
    attachment: Document | None
    code: Code | None
    person: _Reader | None


@dataclass(frozen=True)
class _Verdict:
    outcome: Outcome
    fault: str = ""
    blames: Blame = Blame.MAIL
    tried: bool = True


def _claim(limit: int, only: Urgency | None = None) -> list[_Mail]:
    at = now()
    with transaction() as session:
        rows = Outgoing.due(session, at, limit, LEASE, only=only)
    if not rows:
        return []
    with reading() as session:
        links = {
            link.id: link for link in session.scalars(select(Link).where(Link.id.in_({row.link_id for row in rows})))
        }
        query = select(Document).where(Document.id.in_({row.document_id for row in rows}))
        documents = {file.id: file for file in session.scalars(query.options(undefer(Document.content)))}
        asked = {row.id: row.facts["code_id"] for row in rows if row.kind is MailKind.SIGN_CODE}
        codes = {code.id: code for code in session.scalars(select(Code).where(Code.id.in_(asked.values())))}
        confirms = {row.id: row.facts["sign_up_id"] for row in rows if "sign_up_id" in row.facts}
        sign_ups = {one.id: one for one in session.scalars(select(SignUp).where(SignUp.id.in_(confirms.values())))}
        addressed = select(Person.id, Person.email, Person.bounced_at)
        people = {
            person_id: _Reader(email, bounced_at)
            for person_id, email, bounced_at in session.execute(
                addressed.where(Person.id.in_({row.person_id for row in rows}))
            )
        }
        _forget_what_is_over(session, rows)
    return [
        _Mail(
            row,
            Proof.in_mail(row)
            if row.kind is MailKind.OWN_DATA
            else links.get(row.link_id or 0) or sign_ups.get(confirms.get(row.id, 0)),
            documents.get(row.document_id or 0),
            codes.get(asked.get(row.id, 0)),
            people.get(row.person_id or 0),
        )
        for row in rows
    ]


def _look(mail: _Mail) -> tuple[bool, bool]:
    """Whether the mail still may leave, and whether others wait that go before it."""
    with singly() as connection:
        return mail.row.may_leave(connection, now())


LISTS = {
    MailKind.DECISIONS_WAIT: "questions",
    MailKind.PEOPLE_SILENT: "people",
    MailKind.CLIENT_ACTIVE: "clients",
    MailKind.SIGN_UP_WAITS: "sign_ups",
    MailKind.ACCOUNT_GIVEN: "accounts",
}
"""Mails that are gathered before they leave, and which fact lists, by id, what they tell of."""


def _forget_what_is_over(session: Session, rows: Sequence[Outgoing]) -> None:
    """What was decided, who has answered, and who has left again while a mail was gathered is not told any more."""
    if not any(row.kind in LISTS for row in rows):
        return
    listed = {kind: {item["id"] for row in rows for item in _listed(row) if row.kind is kind} for kind in LISTS}
    open_ones = select(Decision.id).where(Decision.id.in_(listed[MailKind.DECISIONS_WAIT]))
    awaited = select(Person.id).where(Person.id.in_(listed[MailKind.PEOPLE_SILENT]), Person.registered_at.is_(None))
    active = select(Person.id).where(Person.id.in_(listed[MailKind.CLIENT_ACTIVE]))
    waiting = select(SignUp.id).where(SignUp.id.in_(listed[MailKind.SIGN_UP_WAITS]))
    there = select(Client.id).where(Client.id.in_(listed[MailKind.ACCOUNT_GIVEN]))
    true = {
        MailKind.DECISIONS_WAIT: open_ones.where(Decision.answered_at.is_(None)),
        MailKind.PEOPLE_SILENT: awaited.where(Person.withdrawn_at.is_(None)),
        MailKind.CLIENT_ACTIVE: active.where(Person.withdrawn_at.is_(None)),
        MailKind.SIGN_UP_WAITS: waiting.where(SignUp.answered_at.is_(None)),
        MailKind.ACCOUNT_GIVEN: there.where(Client.archived_at.is_(None)),
    }
    left = {kind: set(session.scalars(true[kind])) if ids else set() for kind, ids in listed.items()}
    for row in rows:
        if items := _listed(row):
            row.facts = {**row.facts, LISTS[row.kind]: [item for item in items if item["id"] in left[row.kind]]}


def _listed(row: Outgoing) -> list[Facts]:
    """What the mail tells of; nothing that an older version wrote down without ids."""
    items = row.facts.get(LISTS[row.kind], []) if row.kind in LISTS else []
    return [item for item in items if "id" in item]


def _deliver(mail: _Mail, server: "_Connection") -> _Verdict:
    """Write and send one mail. Whatever goes wrong with it is its own matter: the others go on."""
    if useless := _useless(mail):
        return useless
    try:
        address = ascii_address(mail.row.to_address)
        plain = address.isascii() and mail.attachment is None
        message = (
            write_out(mail.row, mail.link, mail.code)
            if plain
            else write(mail.row, mail.link, mail.attachment, mail.code)
        )
    except Exception as error:  # One mail that cannot be written must not stop the others.
        log.exception("Mail %s (%s) cannot be written", mail.row.id, mail.row.kind)
        # Written again it would say the same: an operator hears of it at once.
        return _Verdict(Outcome.FAILED, f"cannot be written: {type(error).__name__}")
    try:
        server.send(message, address)
    except _Unreachable as error:
        return _Verdict(Outcome.POSTPONED, str(error), Blame.OURS, tried=False)
    except OSError as error:  # Every SMTPException is one.
        return _judge(error)
    return _Verdict(Outcome.DELIVERED)


def _useless(mail: _Mail) -> _Verdict | None:
    """Why this mail should not leave, if so."""
    facts = mail.row.facts
    nobody_left = mail.row.kind in LISTS and facts.get(LISTS[mail.row.kind]) == [] and not facts.get("more")
    nothing_left = mail.link is None and "sign_up_id" in facts
    if nobody_left or nothing_left or (mail.link is not None and mail.link.used_at is not None):
        return _Verdict(Outcome.DROPPED, "goal reached")
    if mail.link is not None and mail.person is not None and mail.person.email != mail.row.to_address:
        return _Verdict(Outcome.DROPPED, "the link is somebody else's")  # It opens what is theirs alone.
    if mail.link is not None and mail.link.expires_at <= now():
        return _Verdict(Outcome.DROPPED, "link expired")
    code = mail.code
    if code is not None and not (code.is_good(now()) and code.generation == mail.row.facts["generation"]):
        return _Verdict(Outcome.DROPPED, "code no longer good")
    if mail.person is not None and mail.person.bounced_at is not None:  # Sent when an operator has corrected it.
        return _Verdict(Outcome.FAILED, "address known to be bad")
    return None


def _judge(error: OSError) -> _Verdict:
    """What follows from what the mail server said, or did not say."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            return _refused(*next(iter(error.recipients.values())))
        case smtplib.SMTPNotSupportedError():  # The address needs what this server cannot do.
            return _Verdict(Outcome.FAILED, str(error), Blame.ADDRESS)
        case smtplib.SMTPSenderRefused() | smtplib.SMTPHeloError():  # Nobody has been named yet but us.
            return _Verdict(Outcome.POSTPONED, _said(error.smtp_code, error.smtp_error), Blame.OURS)
        case smtplib.SMTPResponseException():
            return _refused(error.smtp_code, error.smtp_error)
    return _Verdict(Outcome.POSTPONED, f"{type(error).__name__}: {error}")  # Lost on the way, or no answer in time.


def _refused(code: int, text: bytes | str) -> _Verdict:
    """5xx is for good, anything else for the time being (RFC 5321, 4.2.1); what is not the mail's fault passes."""
    reply = _said(code, text)
    if not 500 <= code < 600:
        return _Verdict(Outcome.POSTPONED, reply, Blame.OURS if is_ours_for_sure(reply) else Blame.MAIL)
    blames = blame(reply)
    for_good = blames in {Blame.ADDRESS, Blame.MAIL}
    return _Verdict(Outcome.FAILED if for_good else Outcome.POSTPONED, reply, blames)


def _said(code: int, text: bytes | str) -> str:
    return f"{code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"


@patiently  # What was sent and not written down would be sent twice.
def _record(mail: _Mail, verdict: _Verdict) -> None:
    """Write down what became of it, unless another sender has taken it over, or it was addressed anew meanwhile."""
    at = now()
    if verdict.outcome is Outcome.DELIVERED:
        with singly() as connection:
            mail.row.has_left(connection, at)
        return
    with transaction() as session:
        if verdict.outcome in {Outcome.FAILED, Outcome.POSTPONED} and mail.row.onboarding_id is not None:
            Onboarding.get(session, mail.row.onboarding_id)  # Before its mail: an operator may be asked.
        row = session.get(Outgoing, mail.row.id, with_for_update=True)
        if row is None or row.addressed_at != mail.row.addressed_at:  # Whom it was to may have been erased.
            return
        if row.due_at != mail.row.due_at:
            return
        row.fault = verdict.fault[:500] or None
        if verdict.outcome is Outcome.DROPPED:
            row.due_at = None
        elif verdict.outcome is Outcome.FAILED:
            row.failed_at, row.due_at = at, None
            if verdict.blames is Blame.ADDRESS:
                _bounce(session, row, at)
            else:
                given_up(session, row, at)
        elif not verdict.tried:
            row.attempts -= 1
            row.due_at = at + _pause(1)
        elif _is_hopeless(session, row, verdict, at):
            row.failed_at, row.due_at = at, None
            given_up(session, row, at)
        else:
            row.due_at = at + _pause(
                row.attempts, LONGEST_PAUSE_OF_OURS if verdict.blames is Blame.OURS else LONGEST_PAUSE
            )


def _is_hopeless(session: Session, row: Outgoing, verdict: _Verdict, at: datetime) -> bool:
    """Whether a mail that was refused for the time being is given up."""
    is_old = row.attempts > 1 and at - row.addressed_at > AGE_MOST
    if verdict.blames is not Blame.OURS:
        return is_old or row.attempts >= TRIES_MOST
    server = MailServer.configured(session) if is_old else None
    return server is not None and server.taken_at is not None and at - server.taken_at < OTHERS_PASS


def _note(server: "_Connection", *, took: bool) -> None:
    """Write down what was seen of the mail server in this pass."""
    if took or server.refusal or server.smtputf8 is not None:
        with transaction() as session:
            MailServer.note(session, now(), smtputf8=server.smtputf8, took=took, fault=server.refusal)


def _pause(attempts: int, longest: timedelta = LONGEST_PAUSE) -> timedelta:
    """Twice as long after each try, with jitter, so that mails refused together do not come back together."""
    pause: timedelta = min(FIRST_PAUSE * 2 ** min(attempts - 1, 20), longest)
    return pause * random.uniform(0.8, 1.0)  # noqa: S311  (nothing secret about it)


def _bounce(session: Session, row: Outgoing, at: datetime) -> None:
    """The address does not work: hold further mail to the person and ask an operator, once."""
    person = session.get(Person, row.person_id) if row.person_id else None
    if person is not None and person.bounced_at is None:
        bounced(session, row, row.fault or "", at)


def unreachable() -> str:
    """Why the mail server would take nothing from us; empty if it would. Connects and signs in, and sends no mail."""
    with _Connection() as connection:
        connection.open()
        return connection.fault


class _Unreachable(Exception):
    """No connection, no encryption or no login: nothing was tried with any mail."""


class _Connection:
    """One connection to the mail server, opened with the first mail, opened anew if it gets lost."""

    def __init__(self) -> None:
        self._smtp: smtplib.SMTP | None = None
        self._losses = self._refusals = 0
        self.fault = ""
        """Why nothing more is tried in this pass."""
        self.refusal = ""
        """The last fault of ours for which it took a mail not."""
        self.smtputf8: bool | None = None
        """Whether it offers SMTPUTF8; None: it was not asked."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._smtp is not None:
            try:
                self._smtp.quit()
            except (smtplib.SMTPException, OSError):
                self._smtp.close()

    @property
    def answers(self) -> bool:
        """False once it could not be reached, lost the connection or refused us too often in a row."""
        return not self.fault

    def judge(self, verdict: _Verdict) -> None:
        """Leave the server alone where it refuses whatever we send: that is tried with a few mails, not with all."""
        if verdict.outcome is Outcome.DELIVERED:
            self._refusals = 0
        elif verdict.blames is Blame.OURS:
            self.refusal = verdict.fault
            self._refusals += 1
            if self._refusals >= LOSSES_MOST:
                self.fault = verdict.fault

    def open(self) -> None:
        """Only to see what it can; nothing happens if it does not answer."""
        with suppress(_Unreachable):
            self._smtp = self._smtp or self._connect()

    def send(self, message: EmailMessage | bytes, address: str) -> None:
        """Raises what smtplib raises, or _Unreachable."""
        smtp = self._smtp = self._smtp or self._connect()
        try:
            if isinstance(message, bytes):
                smtp.sendmail(settings().sender, [address], message)
            else:
                smtp.send_message(message, settings().sender, [address])
        except (smtplib.SMTPServerDisconnected, TimeoutError, ConnectionError) as error:
            smtp.close()
            self._losses += 1
            if self._losses >= LOSSES_MOST:
                self.fault = self.refusal = f"{type(error).__name__}: {error}"
            raise
        else:
            self._losses = 0
        finally:
            if smtp.sock is None:  # Closed by us, or by smtplib after a 421.
                self._smtp = None

    def _connect(self) -> smtplib.SMTP:
        config = settings()
        try:
            if config.smtp_security == "tls":
                context = ssl.create_default_context()
                smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                    config.smtp_host, config.smtp_port, timeout=config.smtp_timeout, context=context
                )
            else:
                smtp = smtplib.SMTP(config.smtp_host, config.smtp_port, timeout=config.smtp_timeout)
            try:
                if config.smtp_security == "starttls":
                    smtp.starttls(context=ssl.create_default_context())
                if config.smtp_user:
                    smtp.login(config.smtp_user, config.smtp_password.get_secret_value())
                smtp.ehlo_or_helo_if_needed()
                self.smtputf8 = smtp.has_extn("smtputf8")
            except (OSError, ValueError):
                smtp.close()
                raise
        except (OSError, ValueError) as error:  # smtplib refuses a password that is not ASCII with a ValueError.
            self.fault = f"{type(error).__name__}: {error}"
            raise _Unreachable(self.fault) from error
        return smtp
