"""Accounts: asking people to register, registering, signing in, setting passwords."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.audit import record, record_each
from models.cadence import Cadences
from models.client import ClientContact
from models.db import reading, transaction
from models.errors import N_, NotFound, ProvisionError
from models.exchange import MailKind, Outgoing
from models.firm import Firm
from models.link import Link, LinkUsed, Purpose
from models.onboarding import Onboarding, Party, Reminder, Standing, StepName
from models.person import (
    Account,
    AccountElsewhere,
    AddressForm,
    Language,
    NameMissing,
    NoLongerInvited,
    Person,
    Role,
    SignIn,
    SignInRefused,
    email_address,
)
from models.request import Named
from models.schedule import Hours, Land, now, time_zone
from tasks.agreements import latest, mail_agreement
from tasks.cases import Turn, add_people, letterhead, letterheads
from tasks.people import replace
from tasks.policy import side_effect

STEP_OF = {
    Role.ORGANISER: StepName.ORGANISER,
    Role.CASEWORKER: StepName.CASEWORKERS,
    Role.CLIENT: StepName.CLIENTS,
}
"""The step in which we wait for a person in this role to register."""
PURPOSE_OF = {
    Role.ORGANISER: Purpose.REGISTER,
    Role.CASEWORKER: Purpose.REGISTER,
    Role.CLIENT: Purpose.ACTIVATE,
    Role.CONTACT: Purpose.PROGRESS,
}
"""What the link in the first mail to a person in this role is for."""
RESEND_PAUSE, DAY, MOST_LINKS_A_DAY = timedelta(minutes=10), timedelta(days=1), 3
"""Between two links that somebody asks for, and how many of one kind a person is sent in a day, the first included."""


class LinksSentToday(ProvisionError):
    says = N_(
        "Several links were sent today: look for the newest mail, also among unwanted mail. More after %(until)s."
    )

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


@side_effect(name="4 Organiser")
def ask_organiser(case_id: int) -> Standing:
    """Ask the organiser to make an account, and tell the contact person where the firm stands.

    Repeating it changes nothing: who was invited is not invited again, and the outbox holds one mail per link.
    """
    with transaction() as session:
        case = Onboarding.get(session, case_id)
        organiser = Person.one(session, case.firm_id, Role.ORGANISER)
        if organiser is None:
            raise NotFound("Organiser")
        if organiser.registered_at is not None:
            case.finish(StepName.ORGANISER, organiser.registered_at)
            return case.standing(StepName.ORGANISER)
        case.wait(StepName.ORGANISER, Party.ORGANISER, now())
        if organiser.invited_at is None:
            invite(session, [Turn(case, organiser)])
        contact = Person.one(session, case.firm_id, Role.CONTACT)
        if contact is not None and contact.invited_at is None and contact.email != organiser.email:
            welcome(session, case, contact)
        return case.standing(StepName.ORGANISER)


def invite(session: Session, turns: Sequence[Turn], by: str = "provision") -> None:
    """Send each of these people a fresh link to an account; a link sent before dies.

    From now on we wait for them, unless this is a reminder. Whoever has an account at a foreign identity provider has
    joined with that; the link then sets a password for our pages. It takes as many statements for many as for one.
    """
    at = now()
    elsewhere = Account.kept_elsewhere(session, {turn.person.email for turn in turns})
    about = letterheads(session, [turn.case.firm for turn in turns])
    for role, step in STEP_OF.items():
        asked = [turn for turn in turns if turn.person.role is role]
        if not asked:
            continue
        people = [turn.person.id for turn in asked]
        purpose, client = PURPOSE_OF[role], role is Role.CLIENT
        kind = MailKind.INVITATION if client else MailKind.REGISTER
        contacts = select(ClientContact).where(ClientContact.person_id.in_(people))
        words = {c.person_id: (c.message, c.invited_by) for c in session.scalars(contacts)} if client else {}
        links = Link.to_each(session, purpose, at, people)
        mails = []
        for case, person, count, last in asked:
            message, invited_by = words.get(person.id, ("", ""))
            link = links[person.id]
            mails.append(
                Outgoing.draft(
                    kind,
                    f"{purpose}:{person.id}:{link.generation}",
                    person,
                    at,
                    case_id=case.id,
                    link=link,
                    **about[case.firm_id],
                    role=role,
                    count=count,
                    last=last,
                    message=message,
                    invited_by=invited_by,
                )
            )
            person.invited_at = person.invited_at or at
        Outgoing.post_all(session, mails)
        fresh = [(turn.case, turn.person) for turn in asked if turn.reminders == 0]
        waited_for = [(case, person) for case, person in fresh if person.email not in elsewhere]
        if waited_for:
            Reminder.begin_each(session, step, waited_for, at)
        if fresh:
            record_people(session, fresh, "person.invited", by, role=role)
        for case, person, *_ in asked:
            account = elsewhere.get(person.email)
            if account is not None and person.registered_at is None:
                person.join(account, at)
                _registered(session, case, person, f"account:{account.external_id}")


def record_people(
    session: Session,
    concerned: Sequence[tuple[Onboarding, Person]],
    action: str,
    by: str = "provision",
    **facts: object,
) -> None:
    """Write down once for each case what was done about several people of it."""
    ids: dict[int, list[int]] = defaultdict(list)
    for case, person in concerned:
        ids[case.id].append(person.id)
    record_each(session, {case_id: {"persons": people, **facts} for case_id, people in ids.items()}, now(), action, by)


def welcome(session: Session, case: Onboarding, contact: Person) -> None:
    """Tell the contact person what will happen, with a link to the progress page."""
    at = now()
    link = Link.to(session, Purpose.PROGRESS, at, person=contact.id)
    key = f"welcome:{contact.id}:{link.generation}"
    about = letterhead(session, case.firm)
    Outgoing.post(session, MailKind.WELCOME, key, contact, at, case_id=case.id, link=link, **about)
    contact.invited_at = at


@dataclass(frozen=True)
class Invited:
    """Who holds a link, and what is known about them."""

    person: Person
    firm: Firm
    case_id: int
    has_account: bool
    """The address has an account with a password: the same password joins."""


def opened(token: str, purpose: Purpose) -> Invited:
    """Look behind a link; nothing changes, however often a mail scanner opens it."""
    with reading() as session:
        return _invited(session, Link.open(session, token, purpose, now()))


def _holder(session: Session, link: Link) -> Person:
    """Whose link this is; raises NoLongerInvited."""
    person = session.get_one(Person, link.person_id)
    if person.withdrawn_at is not None:
        raise NoLongerInvited
    return person


def _invited(session: Session, link: Link) -> Invited:
    person = _holder(session, link)
    account = Account.by_email(session, person.email)
    return Invited(
        person=person,
        firm=session.get_one(Firm, person.firm_id),
        case_id=session.scalars(select(Onboarding.id).where(Onboarding.firm_id == person.firm_id)).one(),
        has_account=account is not None and account.password_hash is not None,
    )


def register(
    token: str,
    purpose: Purpose,
    password: str,
    *,
    given_name: str,
    family_name: str,
    language: Language,
    address_form: AddressForm,
    contact: Named | None = None,
) -> tuple[str, int]:
    """Make the account of the person who holds the link; returns a session token and the case's id.

    *contact* is whom the organiser names for correspondence; None: the organiser.
    """
    with transaction() as session:
        at = now()
        link = Link.open(session, token, purpose, at)
        case = Onboarding.of_firm(session, session.get_one(Person, link.person_id).firm_id)
        session.refresh(link)
        person = _holder(session, link)
        if link.used_at is not None:  # Somebody was faster while we waited for the case.
            raise LinkUsed
        if person.role is not Role.ORGANISER:
            case.require_agreement()
        if not family_name.strip():
            raise NameMissing(person.email)
        person.given_name, person.family_name = given_name.strip()[:100], family_name.strip()[:100]
        person.language, person.address_form = language, address_form
        joined = person.registered_at is not None  # By a foreign identity provider, whose password is not known here.
        account = person.register(session, password, case.firm.name, at)
        link.used_at = at
        if person.role is Role.ORGANISER:
            name_contact(session, case, person, contact, account.email)
        if joined:
            record(session, case.id, at, "password.set", account.email, person=person.id)
        else:
            _registered(session, case, person, account.email)
        return SignIn.start(session, account, at), case.id


def name_contact(session: Session, case: Onboarding, organiser: Person, contact: Named | None, by: str) -> None:
    """Set whom we write to; None: the organiser. Somebody new is welcomed, and nothing more goes to who it was."""
    named = contact or Named(name=organiser.name, email=organiser.email)
    named.check()
    address, known = email_address(named.email), Person.one(session, case.firm_id, Role.CONTACT)
    if known is not None and known.email == address and contact is None:
        return
    before = known and {"name": known.name, "email": known.email}
    person = known or add_people(session, case.firm, Role.CONTACT, [named], organiser)[0]
    if person.email == address:
        person.rename(named.name)
    else:
        replace(session, case, person, named.name, address)
    after = {"name": person.name, "email": person.email}
    if before == after:
        return
    record(session, case.id, now(), "contact.named", by, person=person.id, before=before, after=after)
    if address != organiser.email and person.invited_at is None:
        welcome(session, case, person)


def _registered(session: Session, case: Onboarding, person: Person, actor: str) -> None:
    """What follows when somebody has an account now."""
    at = now()
    Reminder.end(session, STEP_OF[person.role], at, person=person.id)
    if person.role is Role.ORGANISER:  # At once, so that the page they see next is right.
        case.finish(StepName.ORGANISER, at)
    record(session, case.id, at, "person.registered", actor, person=person.id, role=person.role)
    if person.role is Role.CLIENT:
        about = letterhead(session, case.firm)
        staff = (p for r in (Role.ORGANISER, Role.CASEWORKER) for p in Person.of(session, case.firm_id, r))
        mails = [
            Outgoing.draft(
                MailKind.CLIENT_ACTIVE,
                f"client_active:{person.id}:{one.id}",
                one,
                at,
                case_id=case.id,
                **about,
                client=person.name,
                path=f"/firm/{case.firm_id}/clients",
            )
            for one in staff
            if one.registered_at is not None
        ]
        Outgoing.post_all(session, mails)
    case.touch(at)


def registered_elsewhere(email: str, external_id: str, given_name: str, family_name: str) -> list[int]:
    """A foreign identity provider says that this address has an account; returns the cases that it moves.

    The address counts as confirmed. Every firm that has invited it gains a registered person, whose link stays good
    for setting a password for our pages.
    """
    with transaction() as session:
        at, address = now(), email_address(email)
        account = Account.by_email(session, address)
        holder = session.scalars(select(Account.email).where(Account.external_id == external_id)).one_or_none()
        if holder not in {None, address}:
            raise AccountElsewhere(external_id, address)
        if account is None:
            account = Account(email=address, created_at=at)
            session.add(account)
        account.external_id, account.confirmed_at = external_id, account.confirmed_at or at
        session.flush()
        invited = select(Person).where(Person.email == address, Person.invited_at.is_not(None))
        invited = invited.where(Person.withdrawn_at.is_(None))
        moved = []
        for person in session.scalars(invited.where(Person.registered_at.is_(None), Person.role.in_(STEP_OF))).all():
            case = Onboarding.of_firm(session, person.firm_id)
            session.refresh(person)
            if person.registered_at is not None:  # They registered here while we waited for the case.
                continue
            person.join(account, at)
            person.given_name, person.family_name = given_name or person.given_name, family_name or person.family_name
            if account.password_hash is not None:
                _use_up_links(session, [person], at)
            _registered(session, case, person, f"account:{external_id}")
            moved.append(case.id)
        return moved


def _use_up_links(session: Session, people: Sequence[Person], at: datetime) -> None:
    """Their links to an account have done their work: it exists, with a password."""
    theirs = select(Link).where(Link.person_id.in_([person.id for person in people]), Link.used_at.is_(None))
    for link in session.scalars(theirs.where(Link.purpose.in_([Purpose.REGISTER, Purpose.ACTIVATE]))):
        link.used_at = at


def ask_for_link(company_id: str, email: str) -> None:
    """Somebody at the bare registration page: if the firm has invited this address, it gets a fresh link.

    Says nothing either way, so that nobody learns who works where.
    """
    with transaction() as session:
        digits = "".join(company_id.split())
        if not (digits.isascii() and digits.isdigit() and len(digits) == 6):
            return
        firm = session.scalars(select(Firm).where(Firm.company_id == int(digits))).one_or_none()
        if firm is None:
            return
        here = select(Person).where(Person.firm_id == firm.id, Person.email == email.strip().lower())
        here = here.where(Person.withdrawn_at.is_(None))
        for person in session.scalars(here.where(Person.registered_at.is_(None), Person.role.in_(STEP_OF))).all():
            if person.invited_at is not None:
                invite(session, [Turn(Onboarding.of_firm(session, firm.id), person)])


def renew_link(link_id: int) -> int:
    """An expired link was opened: a new one goes to the address that we know. Returns the case's id."""
    with transaction() as session:
        link = session.get(Link, link_id)
        if link is None or link.person_id is None:
            raise NotFound("Link")
        person = _holder(session, link)
        case, at = Onboarding.of_firm(session, person.firm_id), now()
        session.refresh(link)
        sent = select(Outgoing.created_at).where(Outgoing.link_id == link.id, Outgoing.created_at > at - DAY)
        times = session.scalars(sent.order_by(Outgoing.id)).all()
        if times and times[-1] + RESEND_PAUSE > at:
            return case.id  # Asked for twice: the newest is on its way.
        if len(times) >= MOST_LINKS_A_DAY:
            raise LinksSentToday(times[0] + DAY)
        if link.purpose in {Purpose.REGISTER, Purpose.ACTIVATE} and person.registered_at is None:
            invite(session, [Turn(case, person)])
        elif link.purpose in {Purpose.REGISTER, Purpose.ACTIVATE}:
            _mail_reset(session, Account.by_email(session, person.email))
        elif link.purpose is Purpose.PROGRESS:
            welcome(session, case, person)
        elif link.purpose is Purpose.AGREEMENT:
            latest(session, case.id).require_open(at)
            mail_agreement(session, [Turn(case, person)])
        record(session, case.id, at, "link.resent", person.email, person=person.id, purpose=link.purpose)
        return case.id


@dataclass(frozen=True)
class Membership:
    """One role that the visitor has at one firm."""

    person_id: int
    firm_id: int
    firm_name: str
    company_id: int | None
    role: Role
    name: str
    case_id: int


@dataclass(frozen=True)
class Visitor:
    """Who is signed in."""

    account_id: int
    email: str
    is_operator: bool
    is_manager: bool = False
    language: Language = Language.GERMAN
    address_form: AddressForm = AddressForm.SIE
    memberships: list[Membership] = field(default_factory=list)

    def may(self, firm_id: int, *roles: Role) -> bool:
        """Whether the visitor has one of these roles at this firm."""
        return any(m.firm_id == firm_id and m.role in roles for m in self.memberships)


def sign_in(email: str, password: str) -> str:
    """A session token; raises SignInRefused."""
    with transaction() as session:
        account, token = Account.sign_in(session, email, password, now())
        if account.deactivated_at is not None and not _works_at_a_firm(session, account):
            raise SignInRefused
        return token


def _works_at_a_firm(session: Session, account: Account) -> bool:
    return session.scalars(select(Person.id).where(Person.account_id == account.id)).first() is not None


def sign_out(token: str) -> None:
    with transaction() as session:
        found = SignIn.find(session, token, now())
        if found is not None:
            session.delete(found)


def signed_in(token: str) -> Visitor | None:
    """Who holds this session token; None if it is not known or over."""
    with reading() as session:
        found = SignIn.find(session, token, now())
        if found is None:
            return None
        account = session.get_one(Account, found.account_id)
        rows = session.execute(
            select(Person, Firm, Onboarding.id)
            .join(Firm, Firm.id == Person.firm_id)
            .join(Onboarding, Onboarding.firm_id == Firm.id)
            .where(Person.account_id == account.id)
            .order_by(Person.id)
        ).all()
        people = [person for person, _, _ in rows]
        if account.deactivated_at is not None and not people:
            return None
        return Visitor(
            account_id=account.id,
            email=account.email,
            is_operator=account.is_operator,
            is_manager=account.is_manager,
            language=people[0].language if people else Language.GERMAN,
            address_form=people[0].address_form if people else AddressForm.SIE,
            memberships=[
                Membership(
                    person_id=person.id,
                    firm_id=firm.id,
                    firm_name=firm.name,
                    company_id=firm.company_id,
                    role=person.role,
                    name=person.name,
                    case_id=case_id,
                )
                for person, firm, case_id in rows
            ],
        )


def replan(session: Session, people: Sequence[Person]) -> None:
    """These people can be reached at other hours than before: their reminders fall due accordingly."""
    known = {person.id: person for person in people}
    waits = select(Reminder, Onboarding.firm_id).join(Onboarding, Onboarding.id == Reminder.onboarding_id)
    rows = session.execute(waits.where(Reminder.person_id.in_(known), Reminder.due_at.is_not(None))).all()
    cadences = Cadences(session, {wait.onboarding_id: firm_id for wait, firm_id in rows}.items())
    for wait, _ in rows:
        wait.plan(cadences.rhythm(wait.kind, wait.onboarding_id), known[wait.person_id])


def reach_of(account_id: int) -> Person | None:
    """When and how the holder of this account can be reached; None: no firm knows them."""
    with reading() as session:
        return session.scalars(select(Person).where(Person.account_id == account_id).order_by(Person.id)).first()


def set_reach(
    account_id: int, *, hours: Hours, zone: str, land: Land | None, language: Language, address_form: AddressForm
) -> None:
    """Write to the holder of this account so from now on, at whichever firm; what is due falls in these hours."""
    with transaction() as session:
        people = session.scalars(select(Person).where(Person.account_id == account_id).order_by(Person.id)).all()
        for person in people:
            person.hours, person.time_zone, person.land = hours, time_zone(zone), land
            person.language, person.address_form = language, address_form
        replan(session, people)


def ask_for_reset(email: str) -> None:
    """Send a link to set a new password, if the address has an account; silent otherwise."""
    with transaction() as session:
        _mail_reset(session, Account.by_email(session, email.strip().lower()))


def _mail_reset(session: Session, account: Account | None) -> None:
    if account is None:
        return
    at = now()
    person = session.scalars(select(Person).where(Person.account_id == account.id).limit(1)).one_or_none()
    link = Link.to(session, Purpose.RESET_PASSWORD, at, account=account.id)
    key = f"reset_password:{account.id}:{link.generation}"
    facts = {"firm": "", "company_id": None, "logo": False}
    Outgoing.post(session, MailKind.RESET_PASSWORD, key, person, at, address=account.email, link=link, **facts)


def reset_opened(token: str) -> str:
    """The address whose password the link sets."""
    with reading() as session:
        return session.get_one(Account, Link.open(session, token, Purpose.RESET_PASSWORD, now()).account_id).email


def reset_password(token: str, password: str) -> str:
    """Set the password; every session ends, a new one begins. Returns its token."""
    with transaction() as session:
        at = now()
        link = Link.open(session, token, Purpose.RESET_PASSWORD, at)
        account = session.get_one(Account, link.account_id)
        account.set_password(session, password)
        account.confirmed_at = account.confirmed_at or at
        link.used_at = at
        _use_up_links(session, session.scalars(select(Person).where(Person.account_id == account.id)).all(), at)
        return SignIn.start(session, account, at)
