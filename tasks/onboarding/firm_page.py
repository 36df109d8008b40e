"""The firm's own view of its case, and what it tells us on the way."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, literal, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from models.agreement import Agreement, AgreementSent
from models.audit import evidence, of, record
from models.clients.client import Client, ClientContact
from models.clients.standing import State, standing_of
from models.clients.words import ClientWords, is_found
from models.contracts.contract import Contract
from models.db import Facts, reading, transaction
from models.firm import Firm
from models.link import Link, Purpose
from models.logo import Logo, LogoPermission
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding, Step
from models.people.person import Person, Role, account_name
from models.reminders.reminder import Reminder
from models.settings import settings
from models.subscription import Subscription
from models.text import one_line
from models.time.clock import now
from models.time.land import Land
from tasks.mail.letterheads import Letterhead, letterhead
from tasks.mail.letters import onboarding as letters
from tasks.mail.letters.onboarding import ChangedDetail
from tasks.people.sessions import replan

DAY = timedelta(days=1)
CLIENTS_SHOWN = 100
EVERY_ACCOUNT = true()


@dataclass(frozen=True)
class FirmOverview:
    """Where a firm stands: what the progress page shows."""

    case_id: int
    firm: Firm
    steps: list[Step]
    current: Step | None
    subscription: Subscription
    organiser: Person | None
    contact: Person | None
    caseworkers: list[Person]
    clients: int
    clients_active: int
    agreement: Agreement | None
    logo: Logo | None
    logo_before: Logo | None
    """The one that it replaced."""
    permission: LogoPermission | None
    agreement_done: bool
    finished: bool
    stopped: bool
    is_test: bool
    silent: set[int]
    """Of the caseworkers those who have not answered the last reminder either."""


@dataclass(frozen=True)
class FirmHead:
    """What every page of a firm says of it."""

    firm: Firm
    logo: bool
    """Whether it has one."""
    agreement_done: bool
    stopped: bool
    is_test: bool
    """Whether its account is a test account."""


def head(firm_id: int) -> FirmHead:
    """The same in few statements, whoever is at the firm."""
    with reading() as session:
        case = Onboarding.of_firm(session, firm_id)
        logo = session.scalars(select(Logo.id).where(Logo.firm_id == firm_id).limit(1)).first()
        is_test = bool(Contract.tests(session, [firm_id]))
        return FirmHead(case.firm, logo is not None, case.agreement_done, case.stopped_at is not None, is_test)


@dataclass(frozen=True)
class ClientList:
    """Some of a firm's clients, in the order in which they were named."""

    people: list[Person]
    silent: set[int]
    """Who of them has not answered the last reminder either."""
    expired: set[int]
    """To whom a link was sent that is good no more."""
    until: dict[int, datetime]
    """Until when the link of each of the others is good."""
    search: str
    first: bool
    after: int | None
    """Behind whom the next ones stand; None: these are the last."""


def clients(firm_id: int, search: str = "", after: int = 0, *, seen: ColumnElement[bool] = EVERY_ACCOUNT) -> ClientList:
    """The firm's clients behind the person *after* with an account that is *seen*, CLIENTS_SHOWN at a time.

    *search* is looked for in the name and number of their accounts, however it is spelled, and as the beginning of
    their address.
    """
    people = Person.there(firm_id, Role.CLIENT).where(Person.id > after).limit(CLIENTS_SHOWN + 1)
    if seen is not EVERY_ACCOUNT:
        people = people.where(_with_account(Person.id, seen))
    words = one_line(search)
    if words:
        named = is_found(firm_id, words, ClientWords.names)
        theirs = select(ClientContact.person_id).join(Client).where(named)
        begins = Person.email.istartswith(words, autoescape=True)
        people = people.where(or_(Person.id.in_(theirs), begins))
    with reading() as session:
        found = list(session.scalars(people))
        shown, more = found[:CLIENTS_SHOWN], len(found) > CLIENTS_SHOWN
        silent = Reminder.silent(session, Onboarding.of_firm(session, firm_id).id, [person.id for person in shown])
        states = standing_of(session, shown)
    expired = {person_id for person_id, standing in states.items() if standing.state is State.EXPIRED}
    until = {p: standing.until for p, standing in states.items() if standing.state is State.INVITED and standing.until}
    return ClientList(shown, silent, expired, until, words, not after, shown[-1].id if more else None)


def is_seen(person_id: int, seen: ColumnElement[bool]) -> bool:
    """Whether this client has an account that is *seen*."""
    with reading() as session:
        return bool(session.scalar(select(_with_account(literal(person_id), seen))))


def _with_account(
    person_id: ColumnElement[int] | InstrumentedAttribute[int], seen: ColumnElement[bool]
) -> ColumnElement[bool]:
    places = select(ClientContact.id).join(Client, Client.id == ClientContact.client_id)
    return exists(places.where(ClientContact.person_id == person_id, seen))


def person_of(firm_id: int, person_id: int) -> Person | None:
    """One of the firm's people; None for those of others, and for who is there no more."""
    with reading() as session:
        person = session.get(Person, person_id)
    is_theirs = person is not None and person.firm_id == firm_id and person.withdrawn_at is None
    return person if is_theirs else None


def overview(firm_id: int) -> FirmOverview:
    with reading() as session:
        case = Onboarding.of_firm(session, firm_id)
        people = {role: Person.of(session, firm_id, role) for role in Role if role is not Role.CLIENT}
        return FirmOverview(
            case_id=case.id,
            firm=case.firm,
            steps=case.steps,
            current=case.current,
            subscription=Subscription.of(session, firm_id),
            organiser=next(iter(people[Role.ORGANISER]), None),
            contact=next(iter(people[Role.CONTACT]), None),
            caseworkers=people[Role.CASEWORKER],
            clients=Person.count(session, firm_id, Role.CLIENT),
            clients_active=Person.count(session, firm_id, Role.CLIENT, Person.registered_at.is_not(None)),
            agreement=Agreement.latest(session, case.id),
            logo=Logo.of(session, firm_id),
            logo_before=Logo.before(session, firm_id),
            permission=LogoPermission.of(session, firm_id),
            agreement_done=case.agreement_done,
            finished=case.finished_at is not None,
            stopped=case.stopped_at is not None,
            is_test=bool(Contract.tests(session, [firm_id])),
            silent=Reminder.silent(session, case.id, [person.id for person in people[Role.CASEWORKER]]),
        )


def by_progress_link(token: str) -> FirmOverview:
    """The overview behind the contact person's link."""
    with reading() as session:
        link = Link.open(session, token, Purpose.PROGRESS, now())
        firm_id = session.get_one(Person, link.person_id).firm_id
    return overview(firm_id)


def complete_details(
    firm_id: int, by: str, *, street: str, postcode: str, city: str, land: Land | None, website: str
) -> int:
    """The firm tells its address; returns the case's id.

    While an agreement with the address is being signed, it stays: raises AgreementSent. A website may still be told.
    """
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        case.require_going()
        before, address = _details(case.firm), case.firm.address
        case.firm.describe(street=street, postcode=postcode, city=city, land=land, website=website)
        agreement = Agreement.latest(session, case.id)
        under_way = agreement is not None and (agreement.is_open or agreement.signed_at is not None)
        if case.firm.address != address and under_way and not case.agreement_done:
            raise AgreementSent
        after = _details(case.firm)
        _take_along(session, case.firm, before)
        facts: Facts = {"before": of(case.firm, before), "after": of(case.firm, after), "rows": evidence(case.firm)}
        record(session, case.id, at, "details.told", by, **facts)
        tell_of_change(session, case, by, before, after)
        case.touch(at)
        return case.id


def _take_along(session: Session, firm: Firm, before: dict[str, str]) -> None:
    """Whoever of the firm's own people is where the firm was, is where it is now; whoever said another place stays."""
    people = [person for role in Role if role is not Role.CLIENT for person in Person.of(session, firm.id, role)]
    moved = [p for p in people if (p.land or "", p.postcode) == (before["land"], before["postcode"])]
    for person in moved:
        person.land, person.postcode = firm.land, firm.postcode
    replan(session, moved)


def _details(firm: Firm) -> dict[str, str]:
    return {name: getattr(firm, name) or "" for name in ("street", "postcode", "city", "land", "website")}


def tell_of_change(session: Session, case: Onboarding, by: str, before: Facts, after: Facts) -> None:
    """Mail both sides what a party to a signed agreement is called, or where it is, from now on; nothing before that.

    What was signed stays as it is. Changes that follow each other are one mail, and one side gets one a day.
    """
    agreement = Agreement.latest(session, case.id)
    changes = [ChangedDetail(what=name, before=before[name], after=after[name]) for name in after]
    changes = [change for change in changes if change["before"] != change["after"]]
    if agreement is None or agreement.signed_at is None or not changes:
        return
    head, who = letterhead(session, case.firm), account_name(session, by) or by
    for reader in (Person.organiser(session, case.firm_id), None):
        _gather(session, case, reader, head, who, changes)


def _gather(
    session: Session, case: Onboarding, reader: Person | None, head: Letterhead, who: str, changes: list[ChangedDetail]
) -> None:
    """Tell this reader of these changes in the mail that has not left, else in one that leaves in a while."""
    at, address = now(), reader.email if reader else settings().provider_email
    mine = Outgoing.onboarding_id == case.id
    mail = Outgoing.gathering(session, MailKind.FIRM_CHANGED, [address], at, mine).get(address)
    if mail is None or mail.facts["who"] != who:  # It says whose changes they are.
        mail = letters.firm_changed(case, reader, head, at, who=who, changes=changes)
        Outgoing.post_gathering(session, [mail], at, DAY)
        return
    fields: dict[str, ChangedDetail] = {change["what"]: change for change in mail.facts["changes"]}
    for change in changes:
        fields[change["what"]] = {**change, "before": fields.get(change["what"], change)["before"]}
    left = [change for change in fields.values() if change["before"] != change["after"]]
    mail.facts = {**mail.facts, **head, "changes": left}
    mail.due_at = mail.due_at if left else None  # All is as it was.


def choose_number(firm_id: int, by: str, number: int | None) -> int:
    """One of the offered company IDs, or None for any; returns the case's id."""
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        case.require_going()
        before = case.firm.company_id
        if case.firm.choose_number(session, number):
            facts: Facts = {"number": case.firm.company_id, "before": before, "rows": evidence(case.firm)}
            record(session, case.id, at, "company_id.chosen", by, **facts)
            case.touch(at)
        return case.id
