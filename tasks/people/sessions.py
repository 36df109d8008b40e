"""Who is signed in: signing in and out, passwords, and when and how the holder of an account may be written to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.audit import record_each
from models.db import Facts, reading, transaction
from models.errors import N_
from models.firm import Firm, german_postcode
from models.link import Link, Purpose
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import AccountClosed, Onboarding
from models.people.login import Login, SignIn, SignInRefused, hash_password, verify_password
from models.people.manners import AddressForm, Language
from models.people.notice import Notice
from models.people.person import AccessEnded, Person, Role
from models.people.staff import Rank, Rights, Staff, rights
from models.reminders.cadence import Cadences
from models.reminders.reminder import Reminder
from models.time.clock import now, time_zone
from models.time.hours import Hours
from models.time.land import Land
from tasks.mail.letters import people as letters


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
    rights: Rights


@dataclass(frozen=True)
class Visitor:
    """Who is signed in."""

    account_id: int
    email: str
    is_operator: bool
    name: str = ""
    """An operator's, where it is known."""
    is_manager: bool = False
    must_change_password: bool = False
    language: Language = Language.GERMAN
    address_form: AddressForm = AddressForm.SIE
    memberships: list[Membership] = field(default_factory=list)

    @property
    def staff(self) -> list[int]:
        """Who the visitor is among the people of firms, by the persons' ids."""
        return [m.person_id for m in self.memberships if m.role in {Role.ORGANISER, Role.CASEWORKER}]

    @property
    def is_client(self) -> bool:
        """Whether the visitor is here as a client of firms, and as nothing else."""
        roles = {membership.role for membership in self.memberships}
        return roles == {Role.CLIENT} and not self.is_operator

    def may(self, firm_id: int, *roles: Role) -> bool:
        """Whether the visitor has one of these roles at this firm."""
        return any(m.firm_id == firm_id and m.role in roles for m in self.memberships)

    def staff_of(self, firm_id: int) -> Membership | None:
        """Which of the firm's own people the visitor is: the one of the highest rank; None for all others."""
        return staff_of(self.memberships, firm_id)


def staff_of(memberships: Sequence[Membership], firm_id: int) -> Membership | None:
    """Which of these is among the firm's own people, in the highest rank."""
    own = [m for m in memberships if m.firm_id == firm_id and m.role in {Role.ORGANISER, Role.CASEWORKER}]
    return min(own, key=lambda membership: [*Rank].index(membership.rights.rank), default=None)


class PasswordWrong(SignInRefused):
    status = 422
    says = N_("This is not your password: type it once more, or have it reset.")


def require_password(account_id: int, password: str) -> None:
    """Whoever is signed in shows once more that it is them; raises PasswordWrong.

    Takes a tenth of a second, so never within a transaction.
    """
    with reading() as session:
        hashed = session.get_one(Login, account_id).password_hash
    try:
        verify_password(hashed, password)
    except SignInRefused as error:
        raise PasswordWrong from error


def sign_in(email: str, password: str) -> str:
    """A session token; raises SignInRefused, and what ``_require_access`` raises."""
    with reading() as session:
        candidate = Login.by_email(session, email)
    verified = verify_password(candidate.password_hash if candidate else None, password)
    assert candidate is not None  # Without an account nothing is verified.
    with transaction() as session:
        account = session.get_one(Login, candidate.id)
        token = account.enter(session, verified, now())
        _require_access(session, account)
        return token


def _require_access(session: Session, account: Login) -> None:
    """Operators have it, and whom a firm gives it.

    Raises AccountClosed where the firm's account was closed, SignInRefused for former operators, else AccessEnded.
    """
    if account.is_operator or Person.behind(session, account.id):
        return
    _refuse_closed(session, account)
    raise SignInRefused if account.deactivated_at is not None else AccessEnded


def _refuse_closed(session: Session, account: Login) -> None:
    """Raises AccountClosed where that is why the holder of this account has no access."""
    firm = Person.shut_out(session, account.id)
    if firm is not None and firm.closed_at is not None:
        raise AccountClosed(firm.name, firm.closed_at)


def require_not_closed(token: str) -> None:
    """Raises AccountClosed for who is signed in and has lost all access, since the firm's account was closed."""
    with reading() as session:
        browser = SignIn.find(session, token, now())
        if browser is not None:
            _refuse_closed(session, session.get_one(Login, browser.account_id))


def unread(people: list[int]) -> int:
    """How many entries of their inbox these people have not opened."""
    with reading() as session:
        return Notice.unread(session, people)


def sign_out(token: str) -> None:
    with transaction() as session:
        browser = SignIn.find(session, token, now())
        if browser is not None:
            session.delete(browser)


def signed_in(token: str) -> Visitor | None:
    """Who holds this session token; None if it is not known or over."""
    with reading() as session:
        browser = SignIn.find(session, token, now())
        if browser is None:
            return None
        account = session.get_one(Login, browser.account_id)
        people = Person.behind(session, account.id)
        if not account.is_operator and not people:
            return None
        manners = _manners(account, people)
        return Visitor(
            account_id=account.id,
            email=account.email,
            is_operator=account.is_operator,
            name=account.name or "",
            is_manager=account.is_manager,
            must_change_password=account.must_change_password,
            language=manners.language,
            address_form=manners.address_form,
            memberships=memberships_of(session, people),
        )


def memberships_of(session: Session, people: Sequence[Person]) -> list[Membership]:
    """The roles that somebody has who is these people."""
    rows = session.execute(
        select(Person, Firm, Onboarding.id, Staff)
        .join(Firm, Firm.id == Person.firm_id)
        .join(Onboarding, Onboarding.firm_id == Firm.id)
        .outerjoin(Staff, Staff.person_id == Person.id)
        .where(Person.id.in_([person.id for person in people]))
        .order_by(Person.id)
    )
    return [
        Membership(
            person_id=person.id,
            firm_id=firm.id,
            firm_name=firm.name,
            company_id=firm.company_id,
            role=person.role,
            name=person.name,
            case_id=case_id,
            rights=rights(person, staff),
        )
        for person, firm, case_id, staff in rows
    ]


def holder(token: str) -> Person | Login | None:
    """Whom a mail brought a link with this token, whatever has become of link and person since."""
    with reading() as session:
        link = Link.sent(session, token)
        if link is None:
            return None
        if link.person_id is not None:
            return session.get_one(Person, link.person_id)
        account = session.get_one(Login, link.account_id)
        return _manners(account, Person.behind(session, account.id))


def _manners(account: Login, people: Sequence[Person]) -> Person | Login:
    """By whose choice the holder of an account, who is these people, is spoken to."""
    return account if account.is_operator or not people else people[0]


def replan(session: Session, people: Sequence[Person]) -> None:
    """These people can be reached at other hours than before: their reminders fall due accordingly."""
    by_id = {person.id: person for person in people}
    waits = select(Reminder, Onboarding.firm_id).join(Onboarding, Onboarding.id == Reminder.onboarding_id)
    rows = session.execute(waits.where(Reminder.person_id.in_(by_id), Reminder.due_at.is_not(None))).all()
    cadences = Cadences(session, {wait.onboarding_id: firm_id for wait, firm_id in rows}.items())
    for wait, _ in rows:
        wait.plan(cadences.rhythm(wait.kind, wait.onboarding_id), by_id[wait.person_id])


def told(person: Person) -> Facts:
    """When and how this person is written to, in plain values."""
    return {
        "hours": person.hours.text("en"),
        "time_zone": person.time_zone,
        "land": person.land,
        "language": person.language,
        "address_form": person.address_form,
    }


@dataclass(frozen=True)
class Manners:
    """When and how somebody is written to."""

    hours: Hours
    time_zone: str
    land: Land | None
    postcode: str
    language: Language
    address_form: AddressForm

    def keep(self, session: Session, people: Sequence[Person]) -> None:
        """Write to these people so from now on; what is due falls in these hours.

        Raises ZoneUnknown, PostcodeInvalid.
        """
        for person in people:
            person.hours, person.time_zone = self.hours, time_zone(self.time_zone)
            person.land, person.postcode = self.land, german_postcode(self.postcode)
            person.language, person.address_form = self.language, self.address_form
        replan(session, people)


def person_of(account_id: int) -> Person | None:
    """The holder of this account, as the first firm knows them; None: no firm does."""
    with reading() as session:
        return next(iter(Person.behind(session, account_id)), None)


def set_manners(account_id: int, manners: Manners) -> None:
    """Write to the holder of this account so from now on, at whichever firm."""
    with transaction() as session:
        people = people_of(session, account_id)
        account = session.get_one(Login, account_id)
        account.language, account.address_form = manners.language, manners.address_form
        with_access = [person for person in people if person.withdrawn_at is None and person.paused_at is None]
        before = {person.id: told(person) for person in people}
        manners.keep(session, with_access)
        cases = select(Onboarding.firm_id, Onboarding.id).where(
            Onboarding.firm_id.in_([person.firm_id for person in people])
        )
        case_of = dict(session.execute(cases).tuples().all())
        changes = {
            case_of[person.firm_id]: {"person": person.id, "before": before[person.id], "after": told(person)}
            for person in people
            if before[person.id] != told(person)
        }
        if changes:
            record_each(session, changes, now(), "reach.set", account.email)


def people_of(session: Session, account_id: int) -> Sequence[Person]:
    """Who the holder of this account is at each firm, the cases of these firms locked before all else."""
    query = select(Person).where(Person.account_id == account_id).order_by(Person.id)
    Onboarding.of_each(session, [person.firm_id for person in session.scalars(query)])
    return session.scalars(query.execution_options(populate_existing=True)).all()


DAY, MOST_RESETS_A_DAY = timedelta(days=1), 6
"""So many links to set a password one address is sent in a day, whoever asks for them."""


def ask_for_reset(email: str) -> None:
    """Send a link to set a new password, if the address has an account; silent otherwise.

    Anybody can ask: so a link that was sent before stays good, and the last one of a day is good for a day.
    """
    with transaction() as session:
        account, at = Login.by_email(session, email), now()
        people = [] if account is None else Person.behind(session, account.id)
        if account is None or not (account.is_operator or people):
            return
        if account.confirmed_at is None and people and not any(person.registered_at for person in people):
            return  # Somebody else has set a password for them: they are asked to make the account theirs.
        mine = Outgoing.kind == MailKind.RESET_PASSWORD, Outgoing.to_address == account.email
        times = Outgoing.sent_since(session, at - DAY, *mine)
        if len(times) < MOST_RESETS_A_DAY:
            mail_reset(session, account, lasts=DAY if len(times) + 1 == MOST_RESETS_A_DAY else None)


def mail_reset(session: Session, account: Login | None, lasts: timedelta | None = None) -> None:
    if account is None:
        return
    at = now()
    person = next(iter(Person.behind(session, account.id)), None)
    link = Link.to(session, Purpose.RESET_PASSWORD, at, account=account.id)
    if lasts is not None:
        link.expires_at = at + lasts
    Outgoing.post(session, letters.reset_password(account, person, link, at))


def reset_opened(token: str) -> str:
    """The address whose password the link sets."""
    with reading() as session:
        return session.get_one(Login, Link.open(session, token, Purpose.RESET_PASSWORD, now()).account_id).email


def reset_password(token: str, password: str) -> str:
    """Set the password; every session ends, a new one begins. Returns its token."""
    with reading() as session:
        holder = session.get_one(Login, Link.open(session, token, Purpose.RESET_PASSWORD, now()).account_id)
        about = known_of(session, holder)
    hashed = hash_password(password, holder.email, *about)
    with transaction() as session:
        at = now()
        link = Link.open(session, token, Purpose.RESET_PASSWORD, at)
        people = people_of(session, link.account_id or 0)
        link.use(session, at)  # Sent twice: the other one may have been faster.
        account = session.get_one(Login, link.account_id)
        _require_access(session, account)
        account.keep_password(session, hashed)
        account.confirmed_at = account.confirmed_at or at
        use_up_links(session, people, at)
        return SignIn.start(session, account, at)


def known_of(session: Session, account: Login) -> list[str]:
    """What others know of the holder of this account: their names, and those and the places of their firms."""
    query = select(Person, Firm).join(Firm, Firm.id == Person.firm_id).where(Person.account_id == account.id)
    return [
        account.name or "",
        *(text for person, firm in session.execute(query) for text in (person.name, *firm.known)),
    ]


def use_up_links(session: Session, people: Sequence[Person], at: datetime) -> None:
    """Their links to an account have done their work: it exists, with a password."""
    links = select(Link).where(Link.person_id.in_([person.id for person in people]), Link.used_at.is_(None))
    for link in session.scalars(links.where(Link.purpose.in_([Purpose.REGISTER, Purpose.ACTIVATE]))):
        link.used_at = at
