"""People ask for data of theirs to be erased or corrected; who is responsible answers in time (Art. 12, 16, 17 GDPR).

What nobody has to judge is granted at once. An erasure that was granted is carried out by the next run of ``remind``
after the mail that says so has left: then nothing is there any more by which somebody could be written to.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol, Self

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from models.audit import of, record
from models.db import Facts, reading, transaction
from models.errors import N_, NotFound, ProvisionError
from models.firm import Firm
from models.mail.outbox import Outgoing
from models.mail.proof import Proof
from models.onboarding import Onboarding
from models.people.login import Login
from models.people.person import Person, Role
from models.people.staff import Staff
from models.retention.erasure import Line, Plan, is_erased, plan, share_of
from models.retention.own_data import shares
from models.retention.request import (
    NEARS,
    WORDS_MOST,
    DelayReasonMissing,
    FirmAnswers,
    Judge,
    PrivacyRequest,
    RefusalReasonMissing,
    RequestKind,
    RequestState,
    WishMissing,
    count,
    of_firm,
    of_provider,
)
from models.text import fitting, paragraphs
from models.time.clock import local_day, now
from models.time.working_time import Reach, next_reachable
from tasks.engine.passes import kick_mail
from tasks.engine.retry import side_effect
from tasks.mail.address_holds import reads_mail
from tasks.mail.letterheads import letterhead
from tasks.mail.letters import privacy as letters
from tasks.mail.letters.privacy import Outcome
from tasks.people.sessions import Membership, memberships_of
from tasks.retention.erasure import forget

SHOWN = 100
LONGEST_WAIT = timedelta(days=1)
"""For so long an erasure waits for the mail that says so to leave."""


class Asker(Protocol):
    """Who asks: whoever is signed in, or a ``Mailbox``."""

    @property
    def email(self) -> str: ...

    @property
    def memberships(self) -> list[Membership]: ...


@dataclass(frozen=True)
class Mailbox:
    """Whoever reads the mail to an address, as a link has proven."""

    email: str
    memberships: list[Membership]
    """None of those who sign in by another address, who ask signed in: to read mail to this one is not enough to have
    erased what hangs on that one."""

    @classmethod
    def proven(cls, token: str) -> Self:
        """Raises ProofDead."""
        with reading() as session:
            address = Proof.opened(session, token, now()).address
            ids = [each for share in shares(session, address, only_address=True) for each in share.people]
            mine = or_(Person.account_id.is_(None), func.lower(Login.email) == address)
            people = select(Person).outerjoin(Login, Login.id == Person.account_id).where(Person.id.in_(ids), mine)
            return cls(address, memberships_of(session, session.scalars(people).all()))


@dataclass(frozen=True)
class Own:
    """What one firm knows of the visitor, and what they have asked it."""

    person: Person
    firm: Firm
    plan: Plan
    requests: list[PrivacyRequest]
    by_firm: bool
    """Whether the firm answers, not the provider."""

    def open_one(self, kind: RequestKind) -> PrivacyRequest | None:
        mine = (each for each in self.requests if each.kind == kind and each.state is RequestState.OPEN)
        return next(mine, None)

    @property
    def is_granted(self) -> bool:
        """An erasure is about to be carried out."""
        granted = (each for each in self.requests if each.kind is RequestKind.ERASURE and each.done_at is None)
        return any(each.state is RequestState.GRANTED for each in granted)


@dataclass(frozen=True)
class Waiting:
    """A request as whoever has to answer finds it in a list."""

    request: PrivacyRequest
    person: Person
    firm: Firm
    days: int
    """Left to answer; fewer than none: it is late."""


# ---- by who asks


def own(visitor: Asker) -> list[Own]:
    """Each firm at which the visitor is somebody, in the order of its name."""
    with reading() as session:
        found, seen = [], set[int]()
        for membership in sorted(visitor.memberships, key=lambda each: (each.firm_name, each.person_id)):
            person = session.get(Person, membership.person_id)
            if person is None or membership.firm_id in seen or is_erased(person):
                continue
            seen.add(membership.firm_id)
            share = share_of(session, person)
            foreseen = plan(session, share, now())
            asked = PrivacyRequest.of(session, [*share.people])
            by_firm = _judge(RequestKind.CORRECTION, foreseen) is Judge.FIRM
            found.append(Own(person, session.get_one(Firm, membership.firm_id), foreseen, asked, by_firm))
        return found


def _judge(kind: RequestKind, foreseen: Plan) -> Judge:
    """Who answers. Whether something is wrong has to be looked at, also where nobody judges about an erasure."""
    if kind is RequestKind.ERASURE or foreseen.judge is not Judge.NOBODY:
        return foreseen.judge
    return Judge.FIRM if {*foreseen.roles} == {Role.CLIENT} else Judge.OPERATOR


def ask(visitor: Asker, firm_id: int, kind: RequestKind, written: str) -> int:
    """The visitor asks this firm; returns the case's id. Asked twice it is one request.

    Raises NotFound, WishMissing, TextTooLong, AskedOften, and what stands in the way of an erasure that nobody has to
    judge.
    """
    words = fitting(paragraphs(written), WORDS_MOST, "words")
    if kind is RequestKind.CORRECTION and not words:
        raise WishMissing
    with reading() as session:
        person_id = next((each.person_id for each in visitor.memberships if each.firm_id == firm_id), 0)
        person = session.get(Person, person_id)
        if person is None or is_erased(person):
            raise NotFound(N_("The page"))
        foreseen = plan(session, share_of(session, person), now())
    judge = _judge(kind, foreseen)
    if judge is Judge.NOBODY:
        _require_free(foreseen)
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        person = session.get_one(Person, person_id, populate_existing=True)
        if is_erased(person):
            raise NotFound(N_("The page"))
        request, is_new = PrivacyRequest.begin(session, case, person_id, kind, judge, words, at)
        if isinstance(visitor, Mailbox):  # Else the answer would be held, as what cannot arrive.
            reads_mail(session, case, person, at)
        if is_new:
            record(session, case.id, at, "privacy.asked", visitor.email, **_facts(request, person))
            if judge is Judge.NOBODY:
                _grant(session, case, request, person, "provision", "", foreseen, at)
            else:
                _remind(session, case, request, person, at)
    kick_mail()
    return case.id


def withdraw(visitor: Asker, request_id: int) -> None:
    """They do not want it any more; raises NotFound, RequestAnswered."""
    mine = [each.person_id for each in visitor.memberships]
    with transaction() as session:
        request, at = PrivacyRequest.get(session, request_id, PrivacyRequest.person_id.in_(mine)), now()
        request.require_open()
        request.answer(RequestState.WITHDRAWN, visitor.email, "", at)
        facts = _facts(request, session.get_one(Person, request.person_id))
        record(session, request.onboarding_id, at, "privacy.withdrawn", visitor.email, **facts)


def _facts(request: PrivacyRequest, person: Person) -> Facts:
    """For the trail, which tells of the person as long as it may."""
    return {"request": request.id, "kind": request.kind.value, "person": of(person, person.name)}


# ---- by who answers


def waiting(firm_id: int | None) -> list[Waiting]:
    """What the firm has to answer, or the provider: the most pressing first, SHOWN at most."""
    day = local_day(now())
    with reading() as session:
        rows = select(PrivacyRequest, Person, Firm).join(Person, Person.id == PrivacyRequest.person_id)
        rows = rows.join(Firm, Firm.id == Person.firm_id).where(_theirs(firm_id, day))
        rows = rows.order_by(PrivacyRequest.due_on, PrivacyRequest.id).limit(SHOWN)
        return [Waiting(*row, (row[0].due_on - day).days) for row in session.execute(rows).tuples()]


def count_waiting(firm_id: int | None) -> int:
    with reading() as session:
        return count(session, _theirs(firm_id, local_day(now())))


def _theirs(firm_id: int | None, day: date) -> ColumnElement[bool]:
    return of_provider(day) if firm_id is None else of_firm(firm_id)


def detail(firm_id: int | None, request_id: int) -> tuple[Waiting, Plan]:
    """One of them, and what an erasure would come to; raises NotFound."""
    with reading() as session:
        request = PrivacyRequest.get(session, request_id, *_whose(firm_id))
        person = session.get_one(Person, request.person_id)
        firm, days = session.get_one(Firm, person.firm_id), (request.due_on - local_day(now())).days
        return Waiting(request, person, firm, days), plan(session, share_of(session, person), now())


def _whose(firm_id: int | None) -> Sequence[ColumnElement[bool]]:
    """Which requests they may see, answered or not: the provider sees all."""
    if firm_id is None:
        return ()
    cases = select(Onboarding.id).where(Onboarding.firm_id == firm_id)
    return PrivacyRequest.judge == Judge.FIRM, PrivacyRequest.onboarding_id.in_(cases)


def left_to_firm(one: Waiting) -> FirmAnswers | None:
    """Why the provider does not answer it: the firm has time yet."""
    row, firm = one.request, one.firm
    is_theirs = row.judge is Judge.FIRM and row.state is RequestState.OPEN and firm.closed_at is None
    return FirmAnswers(firm.name, row.due_on) if is_theirs and one.days >= 0 else None


def grant(firm_id: int | None, request_id: int, by: str, note: str = "") -> int:
    """Grant it; returns the case's id. What was to be corrected is corrected by who says so, before.

    Raises NotFound, RequestAnswered, what stands in the way of an erasure, and FirmAnswers to the provider.
    """
    note = fitting(paragraphs(note), WORDS_MOST, "reason")
    (_, foreseen) = detail(firm_id, request_id)

    def act(session: Session, case: Onboarding, request: PrivacyRequest, person: Person, at: datetime) -> None:
        if request.kind is RequestKind.ERASURE:
            _require_free(foreseen)
        _grant(session, case, request, person, by, note, foreseen, at)

    return _answer(firm_id, request_id, act)


def refuse(firm_id: int | None, request_id: int, by: str, reason: str) -> int:
    """Raises NotFound, RequestAnswered, RefusalReasonMissing, FirmAnswers."""
    reason = fitting(paragraphs(reason), WORDS_MOST, "reason")
    if not reason:
        raise RefusalReasonMissing

    def act(session: Session, case: Onboarding, request: PrivacyRequest, person: Person, at: datetime) -> None:
        request.answer(RequestState.REFUSED, by, reason, at)
        record(session, case.id, at, "privacy.refused", by, **_facts(request, person))
        _tell(session, case, request, person, Outcome.REFUSED, at, reason=reason)

    return _answer(firm_id, request_id, act)


def extend(firm_id: int | None, request_id: int, by: str, reason: str) -> int:
    """It takes up to three months in all; raises NotFound, RequestAnswered, DelayReasonMissing, ExtendedAlready,
    FirmAnswers.
    """
    reason = fitting(paragraphs(reason), WORDS_MOST, "reason")
    if not reason:
        raise DelayReasonMissing

    def act(session: Session, case: Onboarding, request: PrivacyRequest, person: Person, at: datetime) -> None:
        request.extend(reason, at)
        record(session, case.id, at, "privacy.extended", by, **_facts(request, person), day=request.due_on.isoformat())
        _tell(session, case, request, person, Outcome.LATER, at, reason=reason)

    return _answer(firm_id, request_id, act)


def _answer(
    firm_id: int | None,
    request_id: int,
    act: Callable[[Session, Onboarding, PrivacyRequest, Person, datetime], None],
) -> int:
    with transaction() as session:
        request, at = PrivacyRequest.get(session, request_id, *_whose(firm_id)), now()
        request.require_open()
        case = Onboarding.get(session, request.onboarding_id)
        days = (request.due_on - local_day(at)).days
        person = session.get_one(Person, request.person_id)
        left = left_to_firm(Waiting(request, person, case.firm, days)) if firm_id is None else None
        if left is not None:
            raise left
        act(session, case, request, person, at)
        case_id = case.id
    kick_mail()
    return case_id


def _require_free(foreseen: Plan) -> None:
    for obstacle in foreseen.obstacles:
        raise obstacle


def _grant(
    session: Session,
    case: Onboarding,
    request: PrivacyRequest,
    person: Person,
    by: str,
    note: str,
    foreseen: Plan,
    at: datetime,
) -> None:
    request.answer(RequestState.GRANTED, by, note, at)
    is_erasure = request.kind is RequestKind.ERASURE
    request.done_at = None if is_erasure else at
    record(session, case.id, at, "privacy.granted", by, **_facts(request, person))
    outcome = Outcome.ERASURE if is_erasure else Outcome.CORRECTION
    _tell(session, case, request, person, outcome, at, reason=note, lines=foreseen.lines if is_erasure else ())


def _tell(
    session: Session,
    case: Onboarding,
    request: PrivacyRequest,
    person: Person,
    outcome: Outcome,
    at: datetime,
    *,
    reason: str = "",
    lines: Sequence[Line] = (),
) -> None:
    """The answer, to who has asked, if there is an address."""
    if person.email and not is_erased(person):
        head = letterhead(session, case.firm)
        mail = letters.privacy_answered(
            case, person, head, at, request=request, outcome=outcome, reason=reason, lines=lines
        )
        Outgoing.post(session, mail)


# ---- by itself


@side_effect(name="see to privacy requests")
def see_to_requests() -> int:
    """Remind whoever has to answer, and carry out what was granted; returns of how many something was done.

    Each by itself: one that breaks down holds up no other. Repeating it changes nothing.
    """
    at = now()
    with reading() as session:
        near = local_day(at) + timedelta(days=max(NEARS))
        open_ones = select(PrivacyRequest.id).where(PrivacyRequest.answered_at.is_(None), PrivacyRequest.due_on <= near)
        gone = select(PrivacyRequest.id).join(Person, Person.id == PrivacyRequest.person_id)
        gone = gone.where(PrivacyRequest.answered_at.is_(None), Person.withdrawn_at.is_not(None))
        due = sorted({*session.scalars(open_ones), *session.scalars(gone)})
        to_do = select(PrivacyRequest.id).where(
            PrivacyRequest.state == RequestState.GRANTED, PrivacyRequest.done_at.is_(None)
        )
        granted = session.scalars(to_do.order_by(PrivacyRequest.id)).all()
    done = sum(_settle_or_remind(request_id) for request_id in due)
    if done:
        kick_mail()
    return done + sum(_carry_out(request_id) for request_id in granted)


def _settle_or_remind(request_id: int) -> bool:
    with transaction() as session:
        request, at = PrivacyRequest.get(session, request_id), now()
        if request.state is not RequestState.OPEN:
            return False
        case, person = Onboarding.get(session, request.onboarding_id), session.get_one(Person, request.person_id)
        if is_erased(person):
            request.answer(RequestState.MOOT, "provision", "", at)
            return True
        return _remind(session, case, request, person, at)


def _remind(session: Session, case: Onboarding, request: PrivacyRequest, person: Person, at: datetime) -> bool:
    """Tell whoever has to answer, at first and as each time comes; what a firm has left is told to the provider too."""
    come, day = 1 + request.reminders_by(local_day(at)), local_day(at)
    if come <= request.reminded:
        return False
    days, head = (request.due_on - day).days, letterhead(session, case.firm)
    by_firm = request.judge is Judge.FIRM and case.firm.closed_at is None
    readers: list[Person | None] = [*(_deciders(session, case.firm_id) if by_firm else ())]
    left = request.judge is Judge.FIRM and (days < 0 or not readers)
    if not by_firm or left:
        readers.append(None)
    mails = []
    for reader in readers:
        is_left = left and reader is None
        mail = letters.privacy_waits(
            case, reader, head, at, request=request, name=person.name, days=days, left_by_firm=is_left
        )
        mail.due_at = next_reachable(at, timedelta(), reader or Reach())
        mails.append(mail)
    request.reminded = come
    Outgoing.post_all(session, mails)
    return True


def _deciders(session: Session, firm_id: int) -> list[Person]:
    """Who of the firm answers for all of its clients, and can be told."""
    people = [person for role in (Role.ORGANISER, Role.CASEWORKER) for person in Person.of(session, firm_id, role)]
    active = [person for person in people if person.registered_at is not None and person.paused_at is None]
    rights = Staff.of(session, active)
    return [person for person in active if rights[person.id].sees_all]


def _carry_out(request_id: int) -> bool:
    """Erase who was granted it, once the answer has left; what stands in the way meanwhile is waited for."""
    with reading() as session:
        request = PrivacyRequest.get(session, request_id)
        key = f"privacy_answered:{request.id}:{Outcome.ERASURE}"
        mail = session.scalars(select(Outgoing).where(Outgoing.key == key)).one_or_none()
        has_left = mail is None or (mail.delivered_at is not None and mail.failed_at is None)
        is_told = has_left or (request.answered_at or now()) < now() - LONGEST_WAIT
        person = session.get_one(Person, request.person_id)
        share = None if is_erased(person) else share_of(session, person)
        by = request.answered_by
    if not is_told:
        return False
    if share is not None:
        try:
            forget(share, by)
        except ProvisionError as refusal:
            logging.getLogger(__name__).warning("request %s waits: %s", request_id, type(refusal).__name__)
            return False
    with transaction() as session:
        request = PrivacyRequest.get(session, request_id)
        request.done_at = request.done_at or now()
    return True
