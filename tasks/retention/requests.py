"""People ask for data of theirs to be erased or corrected; who is responsible answers in time (Art. 12, 16, 17 GDPR).

What nobody has to judge is granted at once. An erasure that was granted is carried out by the next run of ``remind``
after the mail that says so has left: then nothing is there any more by which somebody could be written to.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, Self

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from models.audit import of, record
from models.db import Facts, reading, transaction
from models.decision import drop_mails
from models.errors import N_, NotFound, ProvisionError
from models.firm import Firm
from models.mail.outbox import MailKind, Outgoing
from models.mail.proof import Proof
from models.onboarding import Onboarding
from models.people.login import Login
from models.people.person import Person, Role
from models.people.staff import Staff
from models.retention.erasure import (
    ErasureHeld,
    HandOverFirst,
    Line,
    Plan,
    Share,
    StillAskedToSign,
    StillInvoiced,
    StillNeeded,
    StillUnderWay,
    Words,
    WorkedHere,
    is_erased,
    judge_of,
    obstacles,
    people_of,
    plan,
    share_of,
)
from models.retention.own_data import shares
from models.retention.request import (
    NEARS,
    STUCK_AFTER,
    WORDS_MOST,
    DelayReasonMissing,
    FirmAnswers,
    Judge,
    NothingToWeigh,
    PrivacyRequest,
    ProviderAnswers,
    RefusalReasonMissing,
    RequestAnswered,
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

SHOWN = 50
"""Requests on one page of a list."""
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
            of_another = Person.account_id.is_not(None) & (func.lower(Login.email) != address)
            found = select(Person, of_another).outerjoin(Login, Login.id == Person.account_id).where(Person.id.in_(ids))
            rows = session.execute(found.order_by(Person.id)).tuples().all()
            # What one firm knows of them is erased as a whole.
            others = {person.firm_id for person, is_anothers in rows if is_anothers}
            people = [person for person, _ in rows if person.firm_id not in others]
            return cls(address, memberships_of(session, people))


@dataclass(frozen=True)
class Own:
    """What one firm knows of the visitor, and what they have asked it."""

    person: Person
    firm: Firm
    plan: Plan | None
    """What would go and what would stay; None: it was not looked for."""
    requests: list[PrivacyRequest]
    judge: Judge
    """Who decides about an erasure."""
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

    @property
    def is_undone(self) -> bool:
        """It is granted, and waits to be carried out."""
        return self.request.state is RequestState.GRANTED and self.request.done_at is None

    @property
    def obstacle(self) -> ProvisionError | None:
        """What stood in the way when it was to be carried out last; None: nothing, or nothing that can be told."""
        kind, until = _OBSTACLES.get(self.request.obstacle or ""), self.request.held_until
        if kind is ErasureHeld:
            return ErasureHeld(self.firm.name, until) if until is not None else None
        return kind(*(() if kind is WorkedHere else (self.firm.name,))) if kind is not None else None


_OBSTACLES: dict[str, type[ProvisionError]] = {
    kind.__name__: kind
    for kind in (ErasureHeld, StillNeeded, HandOverFirst, StillAskedToSign, StillInvoiced, StillUnderWay, WorkedHere)
}


# ---- by who asks


def own(visitor: Asker, *, with_plan: bool = True) -> list[Own]:
    """Each firm at which the visitor is somebody, in the order of its name. The plan is dear: all tables are walked."""
    with reading() as session:
        found, seen = [], set[int]()
        for membership in sorted(visitor.memberships, key=lambda each: (each.firm_name, each.person_id)):
            person = session.get(Person, membership.person_id)
            if person is None or membership.firm_id in seen or is_erased(person):
                continue
            seen.add(membership.firm_id)
            share, firm = share_of(session, person), session.get_one(Firm, membership.firm_id)
            foreseen = plan(session, share, now()) if with_plan else None
            asked = PrivacyRequest.of(session, [*share.people])
            judge = _judge(session, RequestKind.ERASURE, share, firm)
            by_firm = _judge(session, RequestKind.CORRECTION, share, firm) is Judge.FIRM
            found.append(Own(person, firm, foreseen, asked, judge, by_firm))
        return found


def _judge(session: Session, kind: RequestKind, share: Share, firm: Firm) -> Judge:
    """Who answers, as things are. Whether something is wrong has to be looked at, also where nobody judges about an
    erasure.
    """
    people = people_of(session, share)
    judge = judge_of(session, share, people, firm)
    if kind is RequestKind.ERASURE or judge is not Judge.NOBODY:
        return judge
    return Judge.FIRM if {person.role for person in people} == {Role.CLIENT} else Judge.OPERATOR


def ask(visitor: Asker, firm_id: int, kind: RequestKind, written: str) -> int:
    """The visitor asks this firm; returns the case's id. Asked twice it is one request.

    Raises NotFound, WishMissing, TextTooLong, AskedOften, and what stands in the way of an erasure that nobody has to
    judge.
    """
    words = fitting(paragraphs(written), WORDS_MOST, "words")
    if kind is RequestKind.CORRECTION and not words:
        raise WishMissing
    person_id = next((each.person_id for each in visitor.memberships if each.firm_id == firm_id), 0)
    with reading() as session:
        share, firm = _asking(session, person_id)
        is_new = PrivacyRequest.pending(session, share.people, kind) is None
        if is_new:
            PrivacyRequest.require_seldom(session, share.people, now())
        is_free = is_new and _judge(session, kind, share, firm) is Judge.NOBODY
        foreseen = plan(session, share, now()) if is_free else None
    if foreseen is not None:
        _require_free(foreseen)
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        share, firm = _asking(session, person_id)
        person, there = session.get_one(Person, person_id), PrivacyRequest.pending(session, share.people, kind)
        if isinstance(visitor, Mailbox):  # Else the answer would be held, as what cannot arrive.
            reads_mail(session, case, person, at)
        if there is None:
            PrivacyRequest.require_seldom(session, share.people, at)
            judge = _judge(session, kind, share, firm)
            request = PrivacyRequest.begin(session, case, person_id, kind, judge, words, at)
            record(session, case.id, at, "privacy.asked", visitor.email, **_facts(request, person))
            if judge is Judge.NOBODY and foreseen is not None:
                _grant(session, case, request, person, "provision", "", foreseen, at)
            else:
                _remind(session, case, request, person, at)
        case_id = case.id
    kick_mail()
    return case_id


def _asking(session: Session, person_id: int) -> tuple[Share, Firm]:
    """What the firm knows of who asks; raises NotFound."""
    person = session.get(Person, person_id)
    if person is None or is_erased(person):
        raise NotFound(N_("The page"))
    return share_of(session, person), session.get_one(Firm, person.firm_id)


def withdraw(visitor: Asker, request_id: int) -> None:
    """They do not want it any more; raises NotFound, RequestAnswered."""
    mine = [each.person_id for each in visitor.memberships]
    with transaction() as session:
        request, at = PrivacyRequest.get(session, request_id, PrivacyRequest.person_id.in_(mine)), now()
        request.require_open()
        _close(session, request, RequestState.WITHDRAWN, visitor.email, "", at)
        facts = _facts(request, session.get_one(Person, request.person_id))
        record(session, request.onboarding_id, at, "privacy.withdrawn", visitor.email, **facts)


def _close(session: Session, request: PrivacyRequest, state: RequestState, by: str, reason: str, at: datetime) -> None:
    """It is answered: nobody is asked for an answer any more."""
    request.answer(state, by, reason, at)
    _stop_asking(session, request, at)


def _stop_asking(session: Session, request: PrivacyRequest, at: datetime) -> None:
    """What asks for an answer and has not left never will."""
    asks = Outgoing.kind == MailKind.PRIVACY_WAITS, Outgoing.onboarding_id == request.onboarding_id
    drop_mails(session, at, *asks, Outgoing.key.startswith(letters.asking(request), autoescape=True))


def _facts(request: PrivacyRequest, person: Person) -> Facts:
    """For the trail, which tells of the person as long as it may."""
    return {"request": request.id, "kind": request.kind.value, "person": of(person, person.name)}


# ---- by who answers


def waiting(firm_id: int | None, page: int = 1) -> list[Waiting]:
    """What the firm has to see to, or the provider, page by page: what is granted and not carried out, then what is
    to be answered, the most pressing first.
    """
    at = now()
    with reading() as session:
        rows = select(PrivacyRequest, Person, Firm).join(Person, Person.id == PrivacyRequest.person_id)
        rows = rows.join(Firm, Firm.id == Person.firm_id).where(_theirs(firm_id, at))
        rows = rows.order_by(PrivacyRequest.answered_at.is_(None), PrivacyRequest.due_on, PrivacyRequest.id)
        rows = rows.limit(SHOWN).offset((page - 1) * SHOWN)
        return [Waiting(*row, (row[0].due_on - local_day(at)).days) for row in session.execute(rows).tuples()]


def count_waiting(firm_id: int | None) -> int:
    with reading() as session:
        return count(session, _theirs(firm_id, now()))


def _theirs(firm_id: int | None, at: datetime) -> ColumnElement[bool]:
    return of_provider(at) if firm_id is None else of_firm(firm_id)


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
    note = fitting(paragraphs(note), WORDS_MOST, "note")
    (_, foreseen) = detail(firm_id, request_id)

    def act(session: Session, case: Onboarding, request: PrivacyRequest, person: Person, at: datetime) -> None:
        if request.kind is RequestKind.ERASURE:
            _require_free(foreseen)
        _grant(session, case, request, person, by, note, foreseen, at)

    return _answer(firm_id, request_id, act)


def refuse(firm_id: int | None, request_id: int, by: str, reason: str) -> int:
    """Raises NotFound, RequestAnswered, RefusalReasonMissing, FirmAnswers, ProviderAnswers, NothingToWeigh."""
    reason = fitting(paragraphs(reason), WORDS_MOST, "reason")
    if not reason:
        raise RefusalReasonMissing

    def act(session: Session, case: Onboarding, request: PrivacyRequest, person: Person, at: datetime) -> None:
        if request.judge is Judge.NOBODY and not _in_the_way(session, case, person, at):
            raise NothingToWeigh(case.firm.name)
        _close(session, request, RequestState.REFUSED, by, reason, at)
        record(session, case.id, at, "privacy.refused", by, **_facts(request, person))
        _tell(session, case, request, person, Outcome.REFUSED, at, reason=reason)

    return _answer(firm_id, request_id, act)


def extend(firm_id: int | None, request_id: int, by: str, reason: str) -> int:
    """It takes up to three months in all; raises NotFound, RequestAnswered, DelayReasonMissing, ExtendedAlready,
    ExtendedLate, FirmAnswers, ProviderAnswers.
    """
    reason = fitting(paragraphs(reason), WORDS_MOST, "delay")
    if not reason:
        raise DelayReasonMissing

    def act(session: Session, case: Onboarding, request: PrivacyRequest, person: Person, at: datetime) -> None:
        request.extend(reason, at)
        _stop_asking(session, request, at)
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
        case, person = Onboarding.get(session, request.onboarding_id), session.get_one(Person, request.person_id)
        refusal = _not_theirs(session, firm_id, case, request, person, at)
        if refusal is None:
            act(session, case, request, person, at)
        case_id = case.id
    kick_mail()
    if refusal is not None:
        raise refusal
    return case_id


def _not_theirs(
    session: Session, firm_id: int | None, case: Onboarding, request: PrivacyRequest, person: Person, at: datetime
) -> ProvisionError | None:
    """Why whoever answers may not. It is not raised: what is found out about the request on the way is kept."""
    if _settled_or_handed_on(session, case, request, person, at):
        return RequestAnswered()
    if firm_id is not None:
        return None if request.judge is Judge.FIRM and case.firm.closed_at is None else ProviderAnswers(case.firm.name)
    return left_to_firm(Waiting(request, person, case.firm, (request.due_on - local_day(at)).days))


def _settled_or_handed_on(
    session: Session, case: Onboarding, request: PrivacyRequest, person: Person, at: datetime
) -> bool:
    """Whether who has asked was erased in another way, so that nothing is left to answer. Else who answers is reckoned
    anew: a client may work at the firm by now, and a firm be gone. Whoever answers from now on is told.
    """
    if is_erased(person):
        _close(session, request, RequestState.MOOT, "provision", "", at)
        return True
    judge = _judge(session, request.kind, share_of(session, person), case.firm)
    if judge is not request.judge:
        _stop_asking(session, request, at)
        request.judge, request.reminded = judge, 0
        _remind(session, case, request, person, at)
    return False


def _in_the_way(session: Session, case: Onboarding, person: Person, at: datetime) -> list[ProvisionError]:
    """What stands in the way of erasing them now."""
    share = share_of(session, person)
    words, people = Words.of(session, share), people_of(session, share)
    return [*obstacles(session, share, words, people, case.firm, at)]


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
    _close(session, request, RequestState.GRANTED, by, note, at)
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
    done, broken = 0, list[Exception]()
    for act, request_ids in ((_settle_or_remind, due), (_carry_out, granted)):
        for request_id in request_ids:
            try:
                done += act(request_id)
            except Exception as error:  # noqa: BLE001
                broken.append(error)
    if done:
        kick_mail()
    if broken:
        raise broken[0]
    return done


def _settle_or_remind(request_id: int) -> bool:
    with transaction() as session:
        request, at = PrivacyRequest.get(session, request_id), now()
        if request.state is not RequestState.OPEN:
            return False
        case, person = Onboarding.get(session, request.onboarding_id), session.get_one(Person, request.person_id)
        is_settled = _settled_or_handed_on(session, case, request, person, at)
        return is_settled or _remind(session, case, request, person, at)


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
            _tell_obstacle(request_id, refusal)
            return False
    with transaction() as session:
        request = PrivacyRequest.get(session, request_id)
        request.done_at = request.done_at or now()
    return True


def _tell_obstacle(request_id: int, refusal: ProvisionError) -> None:
    """Keep what stands in the way; operators are written to about it once, if it has stood there for long."""
    with transaction() as session:
        request, at = PrivacyRequest.get(session, request_id), now()
        request.obstacle = type(refusal).__name__
        request.held_until = refusal.until if isinstance(refusal, ErasureHeld) else None
        if request.answered_at is None or request.answered_at >= at - STUCK_AFTER:
            return
        case, person = Onboarding.get(session, request.onboarding_id), session.get_one(Person, request.person_id)
        head = letterhead(session, case.firm)
        mail = letters.privacy_stuck(case, head, at, request=request, name=person.name, obstacle=refusal)
        is_new = Outgoing.post(session, mail)
    if is_new:
        kick_mail()
