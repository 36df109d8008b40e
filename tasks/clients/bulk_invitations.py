"""Inviting many contacts at once: those of an audience of accounts are let in by the rules that hold for one.

What is done is in rows after each batch, so it can be killed, lost, doubled or run twice at once, and nobody is invited
twice. Mails are handed over to the outbox in batches; whatever is more urgent overtakes them there.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import sleep
from typing import NamedTuple

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from models.audit import Parts, record, subject
from models.clients.access import seen_by
from models.clients.bulk_invitation import (
    HORIZON,
    RATE_MOST,
    BulkInvitation,
    BulkRecipient,
    BulkState,
    Outcome,
    Progress,
    Reason,
    StopReason,
    rate,
)
from models.clients.client import Client, ClientContact
from models.clients.message import message_for_many
from models.db import Facts, reading, transaction
from models.errors import N_, Faults, ProvisionError
from models.mail.outbox import Outgoing, Urgency
from models.onboarding import Onboarding
from models.people.notice import Notice, NoticeKind
from models.people.person import Person, Role
from models.people.staff import Staff
from models.time.clock import now
from models.time.working_time import next_reachable
from tasks.clients.accounts import case_of, visible_to
from tasks.clients.audience import AGAIN, Audience, file_names, gather, outlook
from tasks.clients.grants import (
    AccountArchived,
    AddressBad,
    MailDeclined,
    NoAddress,
    Place,
    SeesAlready,
    Way,
    invite_each,
)
from tasks.clients.pending import Sought, counted
from tasks.engine.prefect_client import start_run
from tasks.engine.retry import each, side_effect
from tasks.mail.delivery import deliver_due
from tasks.onboarding.invitations import INVITED_SINGLY, AccessRests, InvitationsToday, SentJustNow, SentOften
from tasks.people.sessions import Membership

CONTACTS_AT_ONCE = 200
"""So many are let in in one transaction: others wait no longer than that takes."""
WAITING_MOST = 1000
"""While so many mails of them are due and have not left, no more are handed over."""
LEASE = timedelta(minutes=3)
"""For so long after its last batch a pass that was killed keeps others out."""
LOOK_AGAIN = timedelta(minutes=15)
"""When the firm has invited as many as it may within a day."""
PAUSE_LEAST = 1.0
"""Seconds between two looks at what is slowed down."""
SHOWN = 100
WAYS = {Way.INVITED: Outcome.INVITED, Way.TOLD: Outcome.TOLD, Way.RESENT: Outcome.RESENT}
REASONS: dict[type[ProvisionError], Reason] = {
    NoAddress: Reason.NO_ADDRESS,
    AddressBad: Reason.ADDRESS_BAD,
    AccountArchived: Reason.ARCHIVED,
    AccessRests: Reason.PAUSED,
    MailDeclined: Reason.NOTIFY_OFF,
    SeesAlready: Reason.SEES_ALREADY,
    SentJustNow: Reason.SENT_LATELY,
    SentOften: Reason.SENT_LATELY,
}


class NobodyToInvite(ProvisionError):
    status = 422
    says = N_("None of these accounts has a contact: choose others.")


def ask_to_invite(
    member: Membership, by: str, audience: Audience, message: str = "", a_second: str = "", an_hour: str = ""
) -> int:
    """Have all contacts of these accounts invited; returns the number of the request. Mails leave from now on.

    While that goes on the same asked for once more, as by a form that is sent twice, is the same request: the second
    would follow the first, and send whoever was invited a while ago another link. Raises FormRefused with
    all that does not fit, NobodyToInvite.
    """
    bulk, faults = BulkInvitation(audience=audience.facts), Faults()
    with faults.at("message"):
        bulk.message = message_for_many(message)
    with faults.at("a_second"):
        bulk.a_second = rate(a_second, RATE_MOST)
    with faults.at("an_hour"):
        bulk.an_hour = rate(an_hour, RATE_MOST * 100)
    faults.check()
    if not outlook(member, audience).contacts:
        raise NobodyToInvite
    with transaction() as session:
        case, at = case_of(session, member), now()
        case.require_agreement()
        bulk.firm_id, bulk.person_id, bulk.asked_by, bulk.asked_at = case.firm_id, member.person_id, by[:254], at
        same = bulk.same_that_is_open(session)
        if same is not None:
            return same.id
        session.add(bulk)
        session.flush()
        record(session, case.id, at, "bulk.asked", by, bulk=bulk.id)
    kick_invitations(bulk.id)
    return bulk.id


def ask_to_invite_again(member: Membership, by: str, sought: Sought, shown_at: datetime | None = None) -> int:
    """Have all who are sought among those who are not active invited again, once each; returns the number.

    Under the words and the name of whoever has invited them. While that goes on, and however often the page is sent
    that was *shown_at*, it is the same request. Raises AgreementFirst, NobodyToInvite, NotFound.
    """
    with transaction() as session:
        case, at = case_of(session, member), now()
        case.require_agreement()
        if not counted(session, member, sought, at)[sought.mark]:
            raise NobodyToInvite
        newest = select(BulkInvitation).where(BulkInvitation.firm_id == case.firm_id)
        for bulk in session.scalars(newest.order_by(BulkInvitation.id.desc()).limit(SHOWN)):
            is_open = bulk.state in {BulkState.RUNNING, BulkState.PAUSED}
            if AGAIN in bulk.audience and (is_open or bulk.asked_at > (shown_at or at)):
                return bulk.id
        asked: Facts = {"firm_id": case.firm_id, "person_id": member.person_id, "asked_by": by[:254]}
        bulk = BulkInvitation(**asked, message="", audience=Audience(again=sought).facts, asked_at=at)
        session.add(bulk)
        session.flush()
        record(session, case.id, at, "bulk.asked", by, bulk=bulk.id)
    kick_invitations(bulk.id)
    return bulk.id


def kick_invitations(bulk_id: int) -> None:
    """Ask for a run now. It only saves time: one by schedule finds whatever goes on."""
    start_run("invite/invite", {"bulk_id": bulk_id}, key=f"invite-{bulk_id}-{now().isoformat()}")


class Asker(NamedTuple):
    """In whose name many are invited, and where answers go."""

    member: Membership
    email: str


def organiser_of(firm_id: int) -> Asker:
    """Who answers for what is asked for by machine."""
    with reading() as session:
        case, organiser = Onboarding.of_firm(session, firm_id), Person.organiser(session, firm_id)
        return Asker(_membership(session, case, organiser), organiser.email)


# ---- how they go on


@side_effect(name="invite many")
def send_invitations(bulk_id: int = 0) -> int:
    """Take these invitations, or all that go on, as far as they can get now; returns how many contacts had their turn.

    Safe to repeat, and at once.
    """
    with reading() as session:
        running = [(firm_id, key) for firm_id, key in BulkInvitation.running(session) if bulk_id in {0, key}]
    return each(lambda which: _go_on(*which), running)


def _go_on(firm_id: int, bulk_id: int) -> int:
    """In turns a batch is handed over and what is due in the outbox delivered, until nothing is left to do now.

    What is slowed down leaves as it falls due, for the minute until the next pass begins: that one would otherwise find
    a minute's mails due together, and send them at once.
    """
    if not _take(firm_id, bulk_id):
        return 0
    done, until = 0, now() + HORIZON
    while True:
        batch = hand_over(firm_id, bulk_id)
        done += batch or 0
        while (sent := deliver_due()).total and sent.server_answers:
            pass
        if batch is None:
            due_at = _next_due(firm_id, bulk_id, until) if sent.server_answers else None
            if due_at is None:
                break
            sleep(max(PAUSE_LEAST, (due_at - now()).total_seconds()))
    with transaction() as session:
        BulkInvitation.get(session, firm_id, bulk_id).leased_until = None
    return done


def _next_due(firm_id: int, bulk_id: int, until: datetime) -> datetime | None:
    """When the next mail of those that are slowed down leaves, if that is before *until*."""
    with reading() as session:
        if now() >= until or not BulkInvitation.get(session, firm_id, bulk_id).interval:
            return None
        mails = select(func.min(Outgoing.due_at)).where(Outgoing.bulk_id == bulk_id, Outgoing.due_at <= until)
        return session.scalars(mails).one()


def _take(firm_id: int, bulk_id: int) -> bool:
    """Whether nobody else has them in hand."""
    with transaction() as session:
        bulk, at = BulkInvitation.get(session, firm_id, bulk_id), now()
        if bulk.leased_until is not None and bulk.leased_until > at:
            return False
        bulk.leased_until = at + LEASE
        return True


def hand_over(firm_id: int, bulk_id: int) -> int | None:
    """The next batch: accounts are resolved, or contacts invited; how many contacts had their turn.

    None: there is nothing to do now. Raises nothing that a rule refuses: each contact has an outcome.
    """
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        bulk = BulkInvitation.get(session, firm_id, bulk_id)
        if bulk.state is not BulkState.RUNNING or case.stopped_at is not None:
            return None
        member = _asker(session, case, bulk)
        if member is None:
            _stop(session, case, bulk, StopReason.ASKER_GONE)
            return None
        bulk.leased_until = at + LEASE
        if bulk.resolved_at is None:
            gather(session, bulk, member)
            return 0
        if bulk.is_refused(session):
            _stop(session, case, bulk, StopReason.REFUSALS)
            return None
        return _invite(session, case, bulk, member)


def _asker(session: Session, case: Onboarding, bulk: BulkInvitation) -> Membership | None:
    """Who asked, with the rights that they have now."""
    person = session.get_one(Person, bulk.person_id)
    is_there = person.withdrawn_at is None and person.paused_at is None
    if not is_there or person.role not in {Role.ORGANISER, Role.CASEWORKER}:
        return None
    member = _membership(session, case, person)
    return member if member.rights.may_manage else None


def _membership(session: Session, case: Onboarding, person: Person) -> Membership:
    firm, held = case.firm, Staff.of(session, [person])[person.id]
    return Membership(person.id, firm.id, firm.name, firm.company_id, person.role, person.name, case.id, held)


def _invite(session: Session, case: Onboarding, bulk: BulkInvitation, member: Membership) -> int | None:
    """Let in those whose turn it is; None if there is nobody now."""
    at = now()
    behind = select(func.count()).where(
        Outgoing.bulk_id == bulk.id, Outgoing.due_at <= at, Outgoing.delivered_at.is_(None)
    )
    most = min(CONTACTS_AT_ONCE, WAITING_MOST - session.scalars(behind).one())
    is_limited = bulk.limited_until is not None and bulk.limited_until > at
    rows = _whose_turn(session, bulk, bulk.places_left(at, most), passing=is_limited)
    if not rows:
        waits = select(BulkRecipient.id).where(BulkRecipient.bulk_id == bulk.id)
        if session.scalars(waits.where(BulkRecipient.outcome == Outcome.WAITING).limit(1)).first() is None:
            bulk.end(at)
            record(session, case.id, at, "bulk.done", bulk=bulk.id)
            _tell_asker(session, bulk)
        return None
    turns = _present(session, case, member, rows)
    words = None if AGAIN in bulk.audience else bulk.message
    let_in = invite_each(session, case, [place for _, place in turns.values()], bulk.asked_by, words, is_bulk=True)
    bulk.limited_until = bulk.limited_until if is_limited else None
    for key, refusal in let_in.refused.items():
        if isinstance(refusal, InvitationsToday):
            bulk.limited_until = at + LOOK_AGAIN
        else:
            turns[key][0].settle(Outcome.REFUSED, REASONS[type(refusal)])
    for key, (way, mail) in let_in.mails.items():
        if mail.bulk_id is None:  # One mail tells a person of several accounts.
            mail.bulk_id, mail.urgency, mail.due_at = bulk.id, Urgency.BULK, bulk.take_place(at)
        turns[key][0].settle(WAYS[way], mail_id=mail.id)
    _record(session, case, bulk, [turns[key][1] for key in let_in.mails])
    session.flush()
    return sum(row.outcome is not Outcome.WAITING for row in rows)


def _present(
    session: Session, case: Onboarding, member: Membership, rows: Sequence[BulkRecipient]
) -> dict[int, tuple[BulkRecipient, Place]]:
    """Those who are still there, and can be reached at this moment, by the id of their place."""
    at, places, turns = now(), _places_of(session, case, member, rows), {}
    for row in rows:
        place = places.get((row.client_id, row.person_id))
        if place is None:
            row.settle(Outcome.REFUSED, Reason.GONE)
        elif not place.contact.login and place.person.email:  # Without an address nobody has it.
            row.settle(Outcome.REFUSED, Reason.LOGIN_OFF)  # Somebody has turned it off.
        elif (reachable := next_reachable(at, timedelta(), place.person)) > at:
            row.due_at = reachable
        else:
            turns[place.contact.id] = row, place
    return turns


def _record(session: Session, case: Onboarding, bulk: BulkInvitation, told: Sequence[Place]) -> None:
    """One entry for all of them, which stands in the history of each account."""
    if told:
        names = Parts((subject(place.client), {str(place.client.id): place.client.name}) for place in told)
        people = sorted({place.person.id for place in told})
        facts: Facts = {"persons": people, "accounts": names, "bulk": bulk.id}
        record(session, case.id, now(), INVITED_SINGLY, bulk.asked_by, **facts)
        case.touch(now())


def _whose_turn(session: Session, bulk: BulkInvitation, most: int, *, passing: bool) -> Sequence[BulkRecipient]:
    """Those who can be reached, in the order in which they could be, and with each their places at other accounts:
    one invitation tells of all.

    *passing*: only who was invited before, to whom it is nothing what the firm may in a day: they pass those who wait.
    """
    if most <= 0:
        return []
    waiting = select(BulkRecipient).where(BulkRecipient.bulk_id == bulk.id, BulkRecipient.outcome == Outcome.WAITING)
    due = waiting.where(BulkRecipient.due_at <= now()).order_by(BulkRecipient.due_at, BulkRecipient.id).limit(most)
    if passing:
        is_known = or_(Person.invited_at.is_not(None), Person.registered_at.is_not(None))
        due = due.join(Person, Person.id == BulkRecipient.person_id).where(is_known)
    people = {row.person_id for row in session.scalars(due)}
    return session.scalars(waiting.where(BulkRecipient.person_id.in_(people)).order_by(BulkRecipient.id)).all()


def _places_of(
    session: Session, case: Onboarding, member: Membership, rows: Collection[BulkRecipient]
) -> dict[tuple[int, int], Place]:
    """The places of those who are still there, at accounts that whoever asked still sees, by account and person."""
    there = select(ClientContact, Client, Person).join(Client, Client.id == ClientContact.client_id)
    there = there.join(Person, Person.id == ClientContact.person_id).where(
        # Looked up by the keys alone: with the firm SQLite would go through all of its accounts.
        ClientContact.client_id.in_({row.client_id for row in rows}),
        ClientContact.person_id.in_({row.person_id for row in rows}),
        Person.withdrawn_at.is_(None),
        seen_by(member.person_id, member.rights),
    )
    return {
        (client.id, person.id): Place(case, client, person, contact)
        for contact, client, person in session.execute(there)
    }


# ---- what people do with them


def pause(member: Membership, bulk_id: int, by: str) -> None:
    """Hand over no more for the time being; what was handed over leaves. Raises BulkOver."""
    _turn(member, bulk_id, by, BulkState.PAUSED)


def resume(member: Membership, bulk_id: int, by: str) -> None:
    """Go on with those who had not had their turn. Raises BulkOver."""
    _turn(member, bulk_id, by, BulkState.RUNNING)
    kick_invitations(bulk_id)


def _turn(member: Membership, bulk_id: int, by: str, state: BulkState) -> None:
    with transaction() as session:
        case = case_of(session, member)
        bulk = BulkInvitation.get(session, member.firm_id, bulk_id)
        bulk.require_open()
        if bulk.state is not state:
            bulk.state = state
            done = "bulk.paused" if state is BulkState.PAUSED else "bulk.resumed"
            record(session, case.id, now(), done, by, bulk=bulk.id)


def stop(member: Membership, bulk_id: int, by: str) -> None:
    """End them; whoever had not had their turn is left out. Raises BulkOver."""
    with transaction() as session:
        case = case_of(session, member)
        bulk = BulkInvitation.get(session, member.firm_id, bulk_id)
        bulk.require_open()
        _stop(session, case, bulk, StopReason.BY_HAND, by)
        if member.person_id != bulk.person_id:
            _tell_asker(session, bulk, member.name)


def _stop(session: Session, case: Onboarding, bulk: BulkInvitation, reason: StopReason, by: str = "provision") -> None:
    at = now()
    bulk.end(at, reason)
    left = update(BulkRecipient).where(BulkRecipient.bulk_id == bulk.id, BulkRecipient.outcome == Outcome.WAITING)
    out = left.values(outcome=Outcome.LEFT_OUT, reason=Reason.ENDED, due_at=None)
    session.execute(out.execution_options(synchronize_session=False))
    record(session, case.id, at, "bulk.stopped", by, bulk=bulk.id, how=reason)
    if reason is not StopReason.BY_HAND:
        _tell_asker(session, bulk)


def _tell_asker(session: Session, bulk: BulkInvitation, by: str = "") -> None:
    """Whoever has asked for them finds in the inbox that they have ended; *by* whom, if somebody else did it."""
    session.flush()
    progress = bulk.progress(session)
    facts: Facts = {"how": bulk.stop_reason or bulk.state, "by": by, "mails": progress.mails}
    facts["refused"] = progress.outcomes.get(Outcome.REFUSED, 0)
    page = "accounts" if bulk.stop_reason is StopReason.ASKER_GONE else f"accounts/invitations/{bulk.id}"
    entry = {"kind": NoticeKind.BULK_ENDED, "facts": facts, "path": f"/firm/{bulk.firm_id}/{page}"}
    session.add(Notice(**entry, person_id=bulk.person_id, created_at=now()))


@dataclass(frozen=True)
class Asked:
    """Invitations to many, as they are called: who asked for whom."""

    bulk: BulkInvitation
    asker: str
    file_name: str = ""
    """Of the import whose contacts they are, if the member sees it."""


@dataclass(frozen=True)
class BulkView(Asked):
    """The same with how far they are."""

    progress: Progress = field(kw_only=True)
    next_due: bool = field(kw_only=True)
    """Whether somebody who can be reached now waits for their turn."""


def view(member: Membership, bulk_id: int) -> BulkView:
    """Raises NotFound."""
    with reading() as session:
        bulk = BulkInvitation.get(session, member.firm_id, bulk_id)
        waiting = select(BulkRecipient.id).where(
            BulkRecipient.bulk_id == bulk.id, BulkRecipient.outcome == Outcome.WAITING, BulkRecipient.due_at <= now()
        )
        due = session.scalars(waiting.limit(1)).first() is not None or bulk.resolved_at is None
        asker = session.get_one(Person, bulk.person_id).name
        name = file_names(session, member, [bulk.audience]).get(Audience.of(bulk.audience).brought, "")
        return BulkView(bulk, asker, name, progress=bulk.progress(session), next_due=due)


def asked_for(member: Membership, most: int = 20) -> list[Asked]:
    """The firm's newest first."""
    with reading() as session:
        mine = select(BulkInvitation, Person).join(Person, Person.id == BulkInvitation.person_id)
        mine = mine.where(BulkInvitation.firm_id == member.firm_id).order_by(BulkInvitation.id.desc()).limit(most)
        rows = session.execute(mine).all()
        names = file_names(session, member, [bulk.audience for bulk, _ in rows])
        return [Asked(bulk, person.name, names.get(Audience.of(bulk.audience).brought, "")) for bulk, person in rows]


@dataclass(frozen=True)
class RecipientRow:
    """A contact among them, and what became of the mail."""

    row: BulkRecipient
    client: Client
    person: Person
    mail: Outgoing | None


def recipients(
    member: Membership, bulk_id: int, outcome: Outcome | None = None, after: int = 0
) -> tuple[list[RecipientRow], int | None]:
    """Those of this outcome whose accounts the member sees, SHOWN at a time, and behind whom the next begin."""
    with reading() as session:
        bulk = BulkInvitation.get(session, member.firm_id, bulk_id)
        rows = select(BulkRecipient, Client, Person, Outgoing).join(Client, Client.id == BulkRecipient.client_id)
        rows = rows.join(Person, Person.id == BulkRecipient.person_id)
        rows = rows.outerjoin(Outgoing, Outgoing.id == BulkRecipient.mail_id)
        rows = rows.where(BulkRecipient.bulk_id == bulk.id, BulkRecipient.id > after, visible_to(member))
        if outcome is not None:
            rows = rows.where(BulkRecipient.outcome == outcome)
        shown = [RecipientRow(*row) for row in session.execute(rows.order_by(BulkRecipient.id).limit(SHOWN + 1))]
        return shown[:SHOWN], shown[SHOWN - 1].row.id if len(shown) > SHOWN else None
