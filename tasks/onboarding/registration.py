"""Accounts: asking people to register, and registering, here or elsewhere."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from models.agreement import Agreement
from models.audit import evidence, record, record_each
from models.clients.access import assigned_to
from models.clients.client import Client, ClientContact
from models.clients.message import message_for
from models.clients.renaming import rename
from models.db import Facts, reading, transaction
from models.errors import N_, NotFound, ProvisionError
from models.firm import Firm
from models.link import Link, LinkExpired, Opening, Purpose
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding, Party, Standing, StepName
from models.people.login import AccountElsewhere, Login, SignIn, SignInRefused, hash_password, verify_password
from models.people.mail_address import AddressInvalid, email_address
from models.people.manners import AddressForm, Language
from models.people.notice import Notice, NoticeKind
from models.people.person import NoLongerInvited, Person, Role
from models.reminders.reminder import Reminder
from models.request import Named
from models.time.clock import now
from tasks.agreement.lifecycle import send_anew
from tasks.agreement.sending import mail_agreement
from tasks.engine.retry import side_effect
from tasks.mail.address_holds import reads_mail
from tasks.mail.letterheads import Letterhead, Turn, letterhead, letterheads
from tasks.mail.letters import clients as client_letters
from tasks.mail.letters import onboarding as letters
from tasks.onboarding.address_checks import mail_check
from tasks.people import sessions
from tasks.people.calls import settle_calls
from tasks.people.membership import replace
from tasks.people.naming import add_people
from tasks.people.sessions import mail_reset, use_up_links

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
STAFF = [Role.ORGANISER, Role.CASEWORKER]
"""Who works at the firm."""
RESEND_PAUSE, DAY, MOST_LINKS_A_DAY = timedelta(minutes=10), timedelta(days=1), 3
"""Between two links that somebody asks for, and how many of one kind a person is sent in a day, the first included."""


HOUR = timedelta(hours=1)
CLIENTS_NAMED = 20
"""So many names stand in a mail about clients who are active; of the others it says how many they are."""


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
        if not case.may_begin(StepName.ORGANISER):
            return case.standing(StepName.ORGANISER)
        organiser = Person.organiser(session, case.firm_id)
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


def invite(session: Session, turns: Sequence[Turn], by: str = "provision") -> list[Outgoing]:
    """Send each of these people a fresh link to an account; returns the mails.

    From now on we wait for them, unless this is a reminder. Whoever has an account at a foreign identity provider has
    joined with that; the link then sets a password for our pages. It takes as many statements for many as for one.
    """
    at = now()
    elsewhere = Login.kept_elsewhere(session, {turn.person.email for turn in turns})
    heads = letterheads(session, [turn.case.firm for turn in turns])
    mails: list[Outgoing] = []
    for role, step in STEP_OF.items():
        asked = [turn for turn in turns if turn.person.role is role]
        if not asked:
            continue
        written = _invitations(session, role, asked, heads, at)
        Outgoing.post_all(session, written)
        mails += written
        fresh = [(turn.case, turn.person) for turn in asked if turn.reminders == 0]
        waited_for = [(case, person) for case, person in fresh if person.email not in elsewhere]
        if waited_for:
            Reminder.begin_each(session, step, waited_for, at)
            if role is Role.CLIENT:
                for case in {case.id: case for case, _ in waited_for}.values():
                    settle_calls(session, case, at)
        if fresh:
            record_people(session, fresh, "person.invited", by, role=role)
        for case, person, *_ in asked:
            account = elsewhere.get(person.email)
            if account is not None and person.registered_at is None:
                person.join(account, at)
                note_registered(session, case, person, person.email, person.name, how="identity_provider")
        if role is Role.CLIENT and asked:
            Client.settle_of(session, [turn.person.id for turn in asked])
    return mails


def _invitations(
    session: Session, role: Role, asked: Sequence[Turn], heads: dict[int, Letterhead], at: datetime
) -> list[Outgoing]:
    """The mails to these people, all in this role, each with a fresh link."""
    people = [turn.person.id for turn in asked]
    words = _words(session, asked, at) if role is Role.CLIENT else {}
    links = Link.to_each(session, PURPOSE_OF[role], at, people)
    mails = []
    for turn in asked:
        link, head = links[turn.person.id], heads[turn.case.firm_id]
        if role is Role.CLIENT:
            mails.append(
                client_letters.invitation(
                    turn, link, head, at, words=words.get(turn.person.id, client_letters.NO_WORDS)
                )
            )
        else:
            mails.append(letters.register(turn, link, head, at))
        turn.person.invited_at = turn.person.invited_at or at
    return mails


def _words(session: Session, asked: Sequence[Turn], at: datetime) -> dict[int, client_letters.Words]:
    """What each of these is told with the invitation, by the person's id: by who invites to the account of which it
    tells, and of which the contact has been told from now on.
    """
    people = {turn.person.id: turn.person for turn in asked}
    places = select(ClientContact, Client.name).join(Client, Client.id == ClientContact.client_id)
    places = places.where(ClientContact.person_id.in_(people), ClientContact.login).order_by(ClientContact.id)
    of_each: dict[int, list[tuple[ClientContact, str]]] = defaultdict(list)
    for contact, account in session.execute(places):
        of_each[contact.person_id].append((contact, account))
    inviting: dict[int, list[tuple[ClientContact, str]]] = {}
    for person_id, theirs in of_each.items():
        # Who was only let in to an account hears of it when somebody invites them there.
        inviting[person_id] = [(contact, account) for contact, account in theirs if contact.invited_by] or theirs
    names = _inviters(session, [contact.invited_by for theirs in inviting.values() for contact, _ in theirs])
    words = {}
    for person_id, theirs in inviting.items():
        person = people[person_id]
        for contact, _ in theirs:
            contact.told_at = contact.told_at or at
        contact, account = min(theirs, key=lambda one: (one[0].told_at, one[0].id))
        words[person_id] = words_of(contact, person, account, names.get((person.firm_id, contact.invited_by), ""))
    return words


def words_of(contact: ClientContact, person: Person, account: str, name: str) -> client_letters.Words:
    """What a contact is told about this account; *name* is that of who invites them, whose address stands there."""
    message = message_for(contact.message, person, account)
    by = contact.invited_by
    return client_letters.Words(
        message=message, invited_by=name or ("" if "@" in by else by), reply_to=by if "@" in by else ""
    )


def inviter_name(session: Session, firm_id: int, by: str) -> str:
    """What the member of the firm is called who has this address; empty for anybody else."""
    return _inviters(session, [by]).get((firm_id, by), "")


def _inviters(session: Session, addresses: Collection[str]) -> dict[tuple[int, str], str]:
    """The names of the firms' people with these addresses, by firm and address."""
    staff = select(Person).where(Person.email.in_(set(addresses) - {""}), Person.role.in_(STAFF))
    return {(person.firm_id, person.email): person.name for person in session.scalars(staff.order_by(Person.id))}


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
    Outgoing.post(session, letters.welcome(case, contact, link, letterhead(session, case.firm), at))
    contact.invited_at = at


@dataclass(frozen=True)
class Invited:
    """Who holds a link, and what is known about them."""

    person: Person
    firm: Firm
    case_id: int
    has_account: bool
    """The address has an account with a password: the same password joins."""
    was_opened: bool
    """The page behind the link was shown before."""


def opened(token: str, purpose: Purpose) -> Invited:
    """Look behind a link; nothing changes, however often a mail scanner opens it."""
    with reading() as session:
        return _invited(session, _open(session, token, purpose, now()))


def note_opened(token: str) -> None:
    """The page behind a link was shown: keep when that was first, and nothing else. Of a dead link nothing is kept."""
    with suppress(ProvisionError), transaction() as session:
        at = now()
        Opening.note(session, Link.open(session, token, Purpose.ACTIVATE, at).id, at)


def _open(session: Session, token: str, purpose: Purpose, at: datetime) -> Link:
    """The living link; to whom no new one would be sent, an old one says so: raises NoLongerInvited."""
    try:
        return Link.open(session, token, purpose, at)
    except LinkExpired as dead:
        _holder(session, session.get_one(Link, dead.link_id))
        raise


def _holder(session: Session, link: Link) -> Person:
    """Whose link this is; raises NoLongerInvited."""
    person = session.get_one(Person, link.person_id)
    is_client = person.role is Role.CLIENT and link.purpose is Purpose.ACTIVATE
    never = is_client and person.registered_at is None and person.invited_at is None
    if person.withdrawn_at is not None or person.paused_at is not None or never:
        raise NoLongerInvited
    return person


def _invited(session: Session, link: Link) -> Invited:
    person = _holder(session, link)
    account = Login.by_email(session, person.email)
    case = Onboarding.of_firm(session, person.firm_id)
    case.require_going()
    return Invited(
        person=person,
        firm=case.firm,
        case_id=case.id,
        has_account=account is not None and account.proven_hash is not None,
        was_opened=session.get(Opening, link.id) is not None,
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
    with reading() as session:
        invited = _invited(session, _open(session, token, purpose, now()))
        account = Login.by_email(session, invited.person.email)
    before = account.proven_hash if account else None
    name = f"{given_name} {family_name}".strip()
    about = (invited.person.email, name, invited.person.name, *invited.firm.known)
    hashed = verify_password(before, password) if before else hash_password(password, *about)
    with transaction() as session:
        at = now()
        link = Link.open(session, token, purpose, at)
        case = Onboarding.of_firm(session, session.get_one(Person, link.person_id).firm_id)
        # Meanwhile somebody may have been faster, or the link be dead because another address was written down.
        session.refresh(link)
        session.refresh(session.get_one(Person, link.person_id))
        link = _open(session, token, purpose, at)
        person = _holder(session, link)
        link.use(session, at)
        case.require_going()
        if person.role is not Role.ORGANISER:
            case.require_agreement()
        called = person.name
        person.call(given_name, family_name)
        person.language, person.address_form = language, address_form
        joined = person.registered_at is not None  # By a foreign identity provider, whose password is not known here.
        account = person.register(session, before, hashed, at)
        if person.role is Role.ORGANISER:
            name_contact(session, case, person, contact, account.email)
        if joined:
            reads_mail(session, case, person, at)
            facts: Facts = {"person": person.id, "rows": evidence(person)} | _renamed(session, case, person, called)
            record(session, case.id, at, "password.set", account.email, **facts)
        else:
            note_registered(session, case, person, account.email, called)
        return SignIn.start(session, account, at), case.id


class PasswordKept(ProvisionError):
    status = 422
    says = N_("This is the password that you were given: choose another one, which only you know.")


def choose_password(account_id: int, password: str) -> tuple[str, int | None]:
    """Who came in with a password that somebody else has set takes one of their own, and has an account from then on.

    Returns a token for a new session, and the case of the firm that they belong to. Their address stays unproven:
    who has set the password may be who came in.
    """
    with reading() as session:
        account = session.get_one(Login, account_id)
        about = [account.email, *sessions.known_of(session, account)]
    if not account.must_change_password:
        raise NotFound("Password")
    with suppress(SignInRefused):
        verify_password(account.password_hash, password)
        raise PasswordKept
    hashed = hash_password(password, *about)
    with transaction() as session:
        at, people = now(), sessions.people_of(session, account_id)
        cases = {case.firm_id: case for case in Onboarding.of_each(session, [person.firm_id for person in people])}
        before, account = account.password_hash, session.get_one(Login, account_id, with_for_update=True)
        if account.password_hash != before:
            raise SignInRefused
        account.keep_password(session, hashed)
        moved = None
        for person in people:
            case = cases[person.firm_id]
            there = person.withdrawn_at is None and person.paused_at is None and case.stopped_at is None
            if there and person.registered_at is None:
                person.join(account, at)
                use_up_links(session, [person], at)
                note_registered(session, case, person, account.email, person.name, proven=False, how="password")
                moved = case.id
        return SignIn.start(session, account, at), moved


def name_contact(session: Session, case: Onboarding, organiser: Person, contact: Named | None, by: str) -> None:
    """Set whom we write to; None: the organiser. Somebody new is welcomed, and nothing more goes to who it was."""
    named = contact or Named(name=organiser.name, email=organiser.email)
    named.check()
    address, current = email_address(named.email), Person.one(session, case.firm_id, Role.CONTACT)
    if current is not None and current.email == address and contact is None:
        return
    before = current and {"name": current.name, "email": current.email}
    person = current or add_people(session, case.firm, Role.CONTACT, [named], organiser)[0]
    if person.email == address:
        person.rename(named.name)
    else:
        replace(session, case, person, named.name, address)
    after = {"name": person.name, "email": person.email}
    if before == after:
        return
    facts: Facts = {"person": person.id, "before": before, "after": after, "rows": evidence(person)}
    record(session, case.id, now(), "contact.named", by, **facts)
    if address != organiser.email and person.invited_at is None:
        welcome(session, case, person)


def note_registered(
    session: Session, case: Onboarding, person: Person, actor: str, called: str, *, proven: bool = True, **how: str
) -> None:
    """What follows when somebody has an account now; *called* is the name by which they were invited.

    *proven*: their address is known to be theirs.
    """
    at = now()
    Reminder.end(session, STEP_OF[person.role], at, person=person.id)
    if proven:
        reads_mail(session, case, person, at)
    if person.role is Role.ORGANISER:  # At once, so that the page they see next is right.
        case.finish(StepName.ORGANISER, at)
        Reminder.begin_tasks(session, case, person, at)
    facts: Facts = {"person": person.id, "role": person.role, "rows": evidence(person), **how}
    facts |= _renamed(session, case, person, called)
    record(session, case.id, at, "person.registered", actor, **facts)
    if person.role is Role.CLIENT:
        Client.settle_of(session, [person.id])
        settle_calls(session, case, at)
        _tell_staff(session, case, person)
    case.touch(at)


def _renamed(session: Session, case: Onboarding, person: Person, called: str) -> Facts:
    """What the trail says of a person who was *called* otherwise; accounts that are named after them follow."""
    if person.name == called:
        return {}
    rename(session, person, case.firm.name_format)
    return {"before": called, "after": person.name}


def _tell_staff(session: Session, case: Onboarding, client: Person) -> None:
    """Whoever looks after an account of the client finds it in the inbox, and gets a mail of all who became active
    since the last, hourly at most.
    """
    at, head = now(), letterhead(session, case.firm)
    readers: dict[str, tuple[Person, client_letters.ActiveClient]] = {}
    for person, account_id in assigned_to(session, client):
        path = f"/firm/{case.firm_id}/accounts/{account_id}"
        facts: Facts = {"name": client.name}
        kind = NoticeKind.CLIENT_ACTIVE
        session.add(Notice(person_id=person.id, kind=kind, facts=facts, path=path, created_at=at))
        active = client_letters.ActiveClient(id=client.id, name=client.name, path=path)
        readers.setdefault(person.email, (person, active))
    of_case = Outgoing.onboarding_id == case.id
    waiting = Outgoing.gathering(session, MailKind.CLIENT_ACTIVE, readers, at, of_case)
    fresh = []
    for address, (reader, active) in readers.items():
        if address in waiting:
            _name_as_well(waiting[address], active)
        else:
            fresh.append(client_letters.client_active(case, reader, head, at, client=active))
    Outgoing.post_gathering(session, fresh, at, HOUR)


def _name_as_well(mail: Outgoing, client: client_letters.ActiveClient) -> None:
    # Who has left and joined again meanwhile is one client.
    clients = [named for named in mail.facts["clients"] if named.get("id") != client["id"]]
    more = mail.facts["more"]
    longer = {"clients": [*clients, client]} if len(clients) < CLIENTS_NAMED else {"more": more + 1}
    mail.facts = {**mail.facts, **longer}


def registered_elsewhere(email: str, external_id: str, given_name: str, family_name: str) -> list[int]:
    """A foreign identity provider says that this address has an account; returns the cases that it moves.

    The address counts as confirmed. Every firm that has invited it gains a registered person, whose link stays good
    for setting a password for our pages.
    """
    with transaction() as session:
        at, address = now(), email_address(email)
        query = select(Person).where(Person.email == address, Person.invited_at.is_not(None))
        query = query.where(Person.withdrawn_at.is_(None), Person.registered_at.is_(None), Person.role.in_(STEP_OF))
        people = session.scalars(query.order_by(Person.id)).all()
        # Cases before the account, as whoever registers here does.
        cases = {case.firm_id: case for case in Onboarding.of_each(session, [person.firm_id for person in people])}
        account = Login.by_email(session, address)
        holder = session.scalars(select(Login.email).where(Login.external_id == external_id)).one_or_none()
        if holder not in {None, address}:
            raise AccountElsewhere(external_id, address)
        if account is None:
            account = Login(email=address, created_at=at)
            session.add(account)
        account.forget_unproven(session)
        account.external_id, account.confirmed_at = external_id, account.confirmed_at or at
        session.flush()
        moved = []
        for person in people:
            case = cases[person.firm_id]
            session.refresh(person)
            if person.registered_at is not None:  # They registered here while we waited for the case.
                continue
            if case.stopped_at is not None:
                continue
            person.join(account, at)
            called = person.name
            person.call_as_kept(given_name, family_name)
            if account.password_hash is not None:
                use_up_links(session, [person], at)
            note_registered(session, case, person, account.email, called, how="identity_provider")
            moved.append(case.id)
        return moved


def ask_for_link(company_id: str, email: str) -> None:
    """Somebody at the bare registration page: if the firm has invited this address, it gets a fresh link.

    Says nothing either way, so that nobody learns who works where. Anybody can ask: so the link sent before stays good,
    and nobody is sent more than a few.
    """
    try:
        address = email_address(email)
    except AddressInvalid:
        return
    with transaction() as session:
        digits = "".join(company_id.split())
        if not (digits.isascii() and digits.isdigit() and len(digits) == 6):
            return
        firm = session.scalars(select(Firm).where(Firm.company_id == int(digits))).one_or_none()
        if firm is None:
            return
        _ask_again(session, Person.firm_id == firm.id, Person.email == address, Person.invited_at.is_not(None))


def help_pending(email: str) -> bool:
    """Whoever was asked to make an account, and has none to sign in with, is sent a fresh link; whether anybody was.

    Anybody can try to sign in, or say that they have forgotten their password: so the link sent before stays good, and
    nobody is sent more than a few.
    """
    try:
        address = email_address(email)
    except AddressInvalid:
        return False
    pending = or_(Person.invited_at.is_not(None), Person.account_id.is_not(None))
    mine = Person.email == address, Person.registered_at.is_(None), pending
    with reading() as session:
        account = Login.by_email(session, address)
        if account is not None and account.proven_hash is not None:
            return False
        if session.scalars(select(Person.id).where(*mine, Person.withdrawn_at.is_(None)).limit(1)).first() is None:
            return False
    with transaction() as session:
        return _ask_again(session, *mine)


def _ask_again(session: Session, *which: ColumnElement[bool]) -> bool:
    """One more link to each of these people who has no account yet and may have one; whether anybody was sent one."""
    open_to = Person.withdrawn_at.is_(None), Person.paused_at.is_(None), Person.registered_at.is_(None)
    query = select(Person).where(*which, *open_to, Person.role.in_(STEP_OF)).order_by(Person.id)
    cases = {case.firm_id: case for case in Onboarding.of_each(session, [p.firm_id for p in session.scalars(query)])}
    asked = False
    for person in session.scalars(query.execution_options(populate_existing=True)).all():
        case = cases[person.firm_id]
        mine = select(Link.id).where(Link.person_id == person.id, Link.purpose == PURPOSE_OF[person.role])
        times = Outgoing.sent_since(session, now() - DAY, Outgoing.link_id.in_(mine))
        if case.stopped_at is None and len(times) < MOST_LINKS_A_DAY:
            invite(session, [Turn(case, person)])
            asked = True
    return asked


def help_in(email: str) -> None:
    """Somebody says that they have forgotten the password of this address: they are sent what lets them in.

    Says nothing either way.
    """
    sessions.ask_for_reset(email)
    help_pending(email)


def renew_link(link_id: int) -> int:
    """An expired link was opened: a new one goes to the address that we know. Returns the case's id."""
    with transaction() as session:
        link = session.get(Link, link_id)
        if link is None or link.person_id is None:
            raise NotFound("Link")
        person = _holder(session, link)
        case, at = Onboarding.of_firm(session, person.firm_id), now()
        case.require_going()
        session.refresh(link)
        times = Outgoing.sent_since(session, at - DAY, Outgoing.link_id == link.id)
        if times and times[-1] + RESEND_PAUSE > at:
            return case.id  # Asked for twice: the newest is on its way.
        if len(times) >= MOST_LINKS_A_DAY:
            raise LinksSentToday(times[0] + DAY)
        if link.purpose in {Purpose.REGISTER, Purpose.ACTIVATE} and person.registered_at is None:
            invite(session, [Turn(case, person)])
        elif link.purpose in {Purpose.REGISTER, Purpose.ACTIVATE}:
            mail_reset(session, Login.by_email(session, person.email))
        elif link.purpose is Purpose.PROGRESS:
            welcome(session, case, person)
        elif link.purpose is Purpose.CONFIRM:
            mail_check(session, case, person)
        elif link.purpose is Purpose.AGREEMENT:
            agreement = Agreement.current(session, case.id)
            if agreement.has_run_out(at):
                send_anew(session, case, person)
                return case.id
            agreement.require_open()
            mail_agreement(session, [Turn(case, person)])
        record(session, case.id, at, "link.resent", person, person=person.id, purpose=link.purpose)
        return case.id
