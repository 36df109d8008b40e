"""The account of a firm is handed over: the owner asks somebody to take over, who accepts or declines by a link.

Until then nothing changes. With the answer everything does, in one transaction: who is the organiser, which is what
the owner is to the process, what the organiser was asked and reminded of, and whom we write to where that was the
owner. A manager asks in the place of an owner who cannot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.agreement import Agreement
from models.audit import evidence, of, record
from models.db import Facts, reading, transaction
from models.decision import drop_mails
from models.errors import N_, Faults, NotFound, ProvisionError
from models.firm import Firm
from models.link import Link, LinkExpired, Purpose
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding
from models.people.login import Login, SignIn, SignInRefused, hash_password, verify_password
from models.people.mail_address import writable_address
from models.people.manners import AddressForm, Language
from models.people.person import Person, Role
from models.people.staff import Rank, Rights, Staff
from models.people.succession import WORDS_MOST, NoSuccession, Succession, SuccessionEnd, SuccessionOpen, SuccessionOver
from models.reminders.reminder import Reminder
from models.request import Named
from models.settings import settings
from models.text import fitting, paragraphs
from models.time.clock import end_of_day, now
from models.time.working_time import next_reachable
from tasks.engine.passes import kick_mail
from tasks.engine.retry import each, side_effect
from tasks.mail.letterheads import letterhead
from tasks.mail.letters import succession as letters
from tasks.mail.letters.succession import Turned
from tasks.onboarding.invitations import AccessRests
from tasks.onboarding.registration import name_contact, note_registered
from tasks.people.membership import end_access, end_doubles, end_links, end_succession
from tasks.people.naming import add_people
from tasks.people.rights import STAFF
from tasks.people.sessions import use_up_links


class SuccessorMissing(ProvisionError):
    status = 422
    says = N_("Nobody is chosen: choose who is to take over, or name somebody else.")


class OwnerAlready(ProvisionError):
    status = 422
    says = N_("%(address)s is the address of the owner: name somebody else.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class SuccessorProvides(ProvisionError):
    status = 422
    says = N_("%(address)s works for us, and we own no account of a firm: name somebody else.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class OwnerAsks(ProvisionError):
    status = 403
    says = N_("Only the owner hands over the account of %(firm)s: ask %(name)s.")

    def __init__(self, firm: str, name: str) -> None:
        super().__init__(firm, name)
        self.firm = firm
        self.name = name


class OwnerUnregistered(ProvisionError):
    says = N_(
        "%(name)s has no account yet, so there is nothing to hand over: name another organiser on the page of the case."
    )

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class SignatureAwaited(ProvisionError):
    """What was sent names who is to sign it."""

    says = N_(
        "The agreement of %(firm)s waits for a signature of one side or the other: the account can be handed over once "
        "both have signed, or after we have withdrawn it."
    )

    def __init__(self, firm: str) -> None:
        super().__init__(firm)
        self.firm = firm


class HandOverReasonMissing(ProvisionError):
    status = 422
    says = N_("The reason is missing: write why the owner does not ask; they are told.")


class ProofMissing(ProvisionError):
    status = 422
    says = N_("The proof is missing: write who wanted it, and how you know that they may.")


@dataclass(frozen=True)
class Wish:
    """Who is to take over, and what becomes of the owner."""

    member_id: int | None
    """One of the firm's own people; None: somebody who is *named*."""
    name: str = ""
    email: str = ""
    stays: bool = False
    reason: str = ""
    proof: str = ""


@dataclass(frozen=True)
class SuccessionView:
    """What must be known before somebody is asked, or while they are."""

    firm: Firm
    case_id: int
    owner: Person
    waiting: Succession | None
    successor: Person | None
    """Who is asked just now."""
    members: Sequence[Person]
    """Who of the firm can be asked."""
    may_stay: bool
    """Nobody but the organiser has an account before the agreement."""
    in_the_way: ProvisionError | None


def view(firm_id: int) -> SuccessionView:
    """Raises NotFound, AccountClosed, Stopped."""
    with reading() as session:
        case = Onboarding.of_firm(session, firm_id)
        case.require_going()
        owner, in_the_way = Person.organiser(session, firm_id), None
        try:
            _require_possible(session, case, owner)
        except ProvisionError as refusal:
            in_the_way = refusal
        waiting = Succession.open_of(session, case.id)
        return SuccessionView(
            firm=case.firm,
            case_id=case.id,
            owner=owner,
            waiting=waiting,
            successor=session.get_one(Person, waiting.successor_id) if waiting else None,
            members=[each for each in Person.of(session, firm_id, Role.CASEWORKER) if _can_be_asked(each, owner)],
            may_stay=case.agreement_done,
            in_the_way=in_the_way,
        )


def _can_be_asked(person: Person, owner: Person) -> bool:
    """Not the owner, who may work there under the same address as well."""
    return person.registered_at is not None and person.paused_at is None and person.email != owner.email


def check(firm_id: int, wish: Wish, *, as_manager: bool = False) -> None:
    """Raises FormRefused with all that does not fit, before anybody is asked."""
    with reading() as session:
        _checked(session, Person.organiser(session, firm_id), wish, as_manager=as_manager)


def ask(firm_id: int, by: str, wish: Wish, *, as_manager: bool = False) -> int:
    """Ask somebody to become the owner; returns the case's id. Asked twice it is asked once.

    *as_manager*: in the place of the owner, who is told why. Before the agreement is signed the owner does not stay.
    Raises OwnerAsks, SignatureAwaited, OwnerUnregistered, SuccessionOpen, AskedOften; FormRefused with all that does
    not fit.
    """
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        case.require_going()
        owner = Person.organiser(session, firm_id)
        if not as_manager:
            _require_owner(session, case, owner, by)
        _require_possible(session, case, owner)
        named, reason, proof = _checked(session, owner, wish, as_manager=as_manager)
        waiting = Succession.open_of(session, case.id)
        if waiting is not None:
            successor = session.get_one(Person, waiting.successor_id)
            if named.email == successor.email and waiting.stays == (wish.stays and case.agreement_done):
                return case.id
            raise SuccessionOpen(successor.name)
        if not as_manager:
            Succession.require_seldom(session, case.id, at)
        successor = _named_at(session, case, owner, named)
        succession = Succession(
            onboarding_id=case.id,
            owner_id=owner.id,
            successor_id=successor.id,
            stays=wish.stays and case.agreement_done,
            by_provider=as_manager,
            begun_by=by[:254],
            reason=reason,
            proof=proof,
            began_at=at,
            answer_by=end_of_day(at + timedelta(days=settings().link_days)),
        )
        session.add(succession)
        session.flush()
        facts: Facts = {"person": successor.id, "stays": succession.stays, "rows": evidence(successor)}
        facts |= {"reason": of(owner, reason), "proof": of(owner, proof)} if as_manager else {}
        record(session, case.id, at, "owner.asked", by, **facts)
        _write(session, case, succession, owner, successor, at)
        _tell(session, case, succession, Turned.BEGUN, [owner], at)
    kick_mail()
    return case.id


def _require_owner(session: Session, case: Onboarding, owner: Person, by: str) -> None:
    login = Login.by_email(session, by)
    if login is None or login.id != owner.account_id:
        raise OwnerAsks(case.firm.name, owner.name)


def _require_possible(session: Session, case: Onboarding, owner: Person) -> None:
    """Raises OwnerUnregistered, SignatureAwaited."""
    if owner.registered_at is None:
        raise OwnerUnregistered(owner.name)
    agreement = Agreement.latest(session, case.id)
    if agreement is not None and not case.agreement_done and (agreement.is_open or agreement.signed_at is not None):
        raise SignatureAwaited(case.firm.name)


def _checked(session: Session, owner: Person, wish: Wish, *, as_manager: bool) -> tuple[Named, str, str]:
    """Who is to take over, why, and how that is known; raises FormRefused."""
    faults, named, reason, proof = Faults(), Named(name=owner.name, email=owner.email), "", ""
    if wish.member_id is not None:
        with faults.at("successor"):
            member = session.get(Person, wish.member_id)
            is_member = member is not None and member.firm_id == owner.firm_id and member.role in STAFF
            if member is None or not is_member or member.withdrawn_at is not None or member.id == owner.id:
                raise NotFound(N_("The person"))
            if member.email == owner.email:  # Who takes over from themselves would be left without either role.
                raise OwnerAlready(owner.email)
            named = Named(name=member.name, email=member.email)
    else:
        with faults.at("successor"):
            if not (wish.name or wish.email):
                raise SuccessorMissing
            with faults.at("email"):
                named = Named.model_construct(name=named.name, email=writable_address(wish.email))
                if named.email == owner.email:
                    raise OwnerAlready(owner.email)
                account = Login.by_email(session, named.email)
                if account is not None and account.is_operator:
                    raise SuccessorProvides(named.email)
            with faults.at("name"):
                named = Named.model_construct(name=wish.name, email=named.email)
                named.check()
    if as_manager:
        with faults.at("reason"):
            reason = _words(wish.reason, "reason", HandOverReasonMissing)
        with faults.at("proof"):
            proof = _words(wish.proof, "proof", ProofMissing)
    faults.check()
    return named, reason, proof


def _words(written: str, field: str, missing: type[ProvisionError]) -> str:
    words = fitting(paragraphs(written), WORDS_MOST, field)
    if not words:
        raise missing
    return words


def _named_at(session: Session, case: Onboarding, owner: Person, named: Named) -> Person:
    """The member with this address, else somebody who is nobody at the firm before they accept. Raises AccessRests."""
    same = Person.firm_id == case.firm_id, Person.role == Role.CASEWORKER, Person.email == named.email
    member = session.scalars(select(Person).where(*same, Person.withdrawn_at.is_(None))).one_or_none()
    if member is not None:
        if member.paused_at is not None:
            raise AccessRests(member.name)
        return member
    added = add_people(session, case.firm, Role.SUCCESSOR, [named], owner)
    return added[0] if added else _successor(session, case, named.email)


def _successor(session: Session, case: Onboarding, address: str) -> Person:
    same = Person.firm_id == case.firm_id, Person.role == Role.SUCCESSOR, Person.email == address
    return session.scalars(select(Person).where(*same)).one()


def _write(
    session: Session, case: Onboarding, succession: Succession, owner: Person, successor: Person, at: datetime
) -> None:
    """The question itself, with a link of its own, at an hour at which they can be reached where it is a reminder."""
    link, head = Link.to(session, Purpose.SUCCESSION, at, person=successor.id), letterhead(session, case.firm)
    mail = letters.succession_asked(case, successor, link, head, at, succession=succession, owner=owner.name)
    if succession.reminded_at is not None:
        mail.due_at = next_reachable(at, timedelta(), successor)
    Outgoing.post(session, mail)


def _tell(
    session: Session,
    case: Onboarding,
    succession: Succession,
    what: Turned,
    readers: Sequence[Person],
    at: datetime,
    *,
    provider: bool = False,
) -> None:
    """These people; and the provider, if it has asked and somebody else has acted."""
    head = letterhead(session, case.firm)
    owner, successor = (session.get_one(Person, key) for key in (succession.owner_id, succession.successor_id))
    to: list[Person | None] = [*readers, *([None] if provider and succession.by_provider else [])]
    people = {"owner": owner.name, "successor": successor.name}
    Outgoing.post_all(
        session,
        [letters.succession_told(case, reader, head, at, succession=succession, what=what, **people) for reader in to],
    )


def take_back(firm_id: int, by: str, *, as_manager: bool = False) -> int:
    """Nobody is to take over after all; returns the case's id. Raises OwnerAsks, NoSuccession."""
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        case.require_going()
        owner = Person.organiser(session, firm_id)
        if not as_manager:
            _require_owner(session, case, owner, by)
        succession = Succession.open_of(session, case.id)
        if succession is None:
            raise NoSuccession
        end_succession(session, case, succession, SuccessionEnd.TAKEN_BACK, by, at)
        successor = session.get_one(Person, succession.successor_id)
        readers = [successor, owner] if as_manager else [successor]
        _tell(session, case, succession, Turned.TAKEN_BACK, readers, at, provider=not as_manager)
    kick_mail()
    return case.id


# ---- by whoever is asked


@dataclass(frozen=True)
class Asked:
    """What whoever holds the link is asked."""

    succession: Succession
    person: Person
    owner: Person
    firm: Firm
    case_id: int
    has_account: bool
    """The address has an account with a password, which proves that it is them."""


def opened(token: str) -> Asked:
    """Look behind the link; nothing changes. Raises LinkUnknown, LinkUsed, SuccessionOver, Stopped."""
    with reading() as session:
        return _opened(session, token, now())[0]


def _opened(session: Session, token: str, at: datetime) -> tuple[Asked, Link]:
    try:
        link = Link.open(session, token, Purpose.SUCCESSION, at)
    except LinkExpired as dead:  # Its time ends long after that for the answer.
        person = session.get_one(Person, session.get_one(Link, dead.link_id).person_id)
        raise SuccessionOver(session.get_one(Firm, person.firm_id).name) from dead
    person = session.get_one(Person, link.person_id, populate_existing=True)
    case = Onboarding.of_firm(session, person.firm_id)
    case.require_going()
    succession = Succession.waits_for(session, person)
    if succession is None or _rests(session, person):
        raise SuccessionOver(case.firm.name)
    succession.require_answerable(at, case.firm.name)
    account = Login.by_email(session, person.email)
    owner = session.get_one(Person, succession.owner_id, populate_existing=True)
    has_account = account is not None and account.proven_hash is not None
    return Asked(succession, person, owner, case.firm, case.id, has_account), link


def _rests(session: Session, person: Person) -> bool:
    """Whether somebody who was asked as nobody of the firm has come there since, and has no access just now."""
    there = Person.of(session, person.firm_id, Role.CASEWORKER)
    return any(each.email == person.email and each.paused_at is not None for each in there)


def _answering(session: Session, token: str, at: datetime) -> tuple[Onboarding, Asked, Link]:
    """The same, once the case is locked: meanwhile it may have been answered or taken back."""
    link = Link.sent(session, token)
    if link is not None and link.person_id is not None and link.purpose is Purpose.SUCCESSION:
        Onboarding.of_firm(session, session.get_one(Person, link.person_id).firm_id)
        session.refresh(link)
    asked, link = _opened(session, token, at)
    return Onboarding.get(session, asked.case_id), asked, link


def decline(token: str) -> int:
    """Whoever is asked does not want to; returns the case's id. Raises what ``opened`` does."""
    with transaction() as session:
        at = now()
        case, asked, link = _answering(session, token, at)
        link.use(session, at)
        end_succession(session, case, asked.succession, SuccessionEnd.DECLINED, asked.person.email, at)
        _tell(session, case, asked.succession, Turned.DECLINED, [asked.owner], at, provider=True)
    kick_mail()
    return case.id


def accept(
    token: str,
    password: str,
    *,
    given_name: str = "",
    family_name: str = "",
    language: Language | None = None,
    address_form: AddressForm | None = None,
) -> tuple[str, int]:
    """Become the owner; returns a session token and the case's id. Who has no account yet makes it, by their *names*.

    Raises what ``opened`` does, SignInRefused for another password than theirs, SignatureAwaited.
    """
    with reading() as session:
        asked, _ = _opened(session, token, now())
        account = Login.by_email(session, asked.person.email)
    before = account.proven_hash if account else None
    name = f"{given_name} {family_name}".strip()
    about = (asked.person.email, name, asked.person.name, *asked.firm.known)
    hashed = verify_password(before, password) if before else hash_password(password, *about)
    with transaction() as session:
        at = now()
        case, asked, link = _answering(session, token, at)
        _require_possible(session, case, asked.owner)
        link.use(session, at)
        asked.succession.end(SuccessionEnd.ACCEPTED, at)
        owner, successor, others = asked.owner, asked.person, list[Person]()
        was_member, called = successor.role is Role.CASEWORKER, successor.name
        if successor.registered_at is None:
            successor.call(given_name, family_name)
            successor.language = language or successor.language
            successor.address_form = address_form or successor.address_form
        others = _swap(session, case, asked.succession, owner, successor, at)
        account = _let_in(session, case, successor, before, hashed, called, at)
        end_doubles(session, case, successor, account.email)
        people = [successor, owner, *others]
        facts: Facts = {"person": successor.id, "stays": asked.succession.stays, "was_member": was_member}
        facts |= {"before": of(owner, owner.name), "after": successor.name, "rows": evidence(*people)}
        record(session, case.id, at, "owner.changed", account.email, **facts)
        contact = Person.one(session, case.firm_id, Role.CONTACT)
        if contact is None or contact.email == owner.email:
            name_contact(session, case, successor, None, account.email)
        _tell(session, case, asked.succession, Turned.ACCEPTED, [owner, successor], at, provider=True)
        case.touch(at)
        return SignIn.start(session, account, at), case.id


def _swap(
    session: Session, case: Onboarding, succession: Succession, owner: Person, successor: Person, at: datetime
) -> list[Person]:
    """The one ceases to be the organiser before the other begins, as a firm has one. Returns who else was changed."""
    has_default_access = Staff.of(session, [owner])[owner.id].has_default_access
    mine = select(Reminder).where(Reminder.person_id == owner.id, Reminder.ended_at.is_(None))
    waits = session.scalars(mine).all()
    steps = [wait.step for wait in waits if wait.step is not None]
    for wait in [*waits, *session.scalars(mine.where(Reminder.person_id == successor.id))]:
        wait.over(at)
    # What was sent to who was to be the organiser before was never theirs.
    others_mail = Outgoing.person_id == owner.id, Outgoing.to_address != owner.email
    early = Outgoing.created_at < (owner.registered_at or at)
    session.execute(update(Outgoing).where(*others_mail, early).values(person_id=None, link_id=None))
    changed = owner.take_role(session, Role.CASEWORKER, at)
    if succession.stays:
        given = Rights(Rank.ADMINISTRATOR, manages_accounts=True, has_default_access=has_default_access)
        Staff.give(session, owner, given)
        end_links(session, owner, at, Purpose.AGREEMENT, Purpose.REGISTER)
        drop_mails(session, at, Outgoing.person_id == owner.id, Outgoing.kind == MailKind.YOUR_TURN)
    else:
        end_access(session, case, owner, at)
    changed += successor.take_role(session, Role.ORGANISER, at)
    for step in steps:
        Reminder.begin(session, case, successor, step, at)
    return changed


def _let_in(
    session: Session, case: Onboarding, successor: Person, before: str | None, hashed: str, called: str, at: datetime
) -> Login:
    """They have an account from now on, if they had none; raises SignInRefused if their password was changed since."""
    account = Login.by_email(session, successor.email)
    if successor.registered_at is not None and before is not None and account is not None:
        if account.proven_hash != before:
            raise SignInRefused
        return account
    is_new = successor.registered_at is None
    account = successor.register(session, before, hashed, at)
    use_up_links(session, [successor], at)
    if is_new:
        note_registered(session, case, successor, account.email, called)
    return account


# ---- by itself


@side_effect(name="see to hand-overs")
def see_to_successions() -> int:
    """Remind who has not answered in half of the time, once, and end what nobody has answered; returns how many.

    Repeating it changes nothing. One that breaks down holds up no other.
    """
    with reading() as session:
        due = session.scalars(select(Succession).where(Succession.due(now())).order_by(Succession.id)).all()
        cases = [one.onboarding_id for one in due if min(one.remind_at, one.answer_by) <= now()]
    done = each(_see_to, cases)
    if done:
        kick_mail()
    return done


def _see_to(case_id: int) -> bool:
    with transaction() as session:
        case, at = Onboarding.get(session, case_id), now()
        succession = Succession.open_of(session, case_id)
        if succession is None or case.stopped_at is not None:
            return False
        owner, successor = (session.get_one(Person, key) for key in (succession.owner_id, succession.successor_id))
        if succession.answer_by <= at:
            end_succession(session, case, succession, SuccessionEnd.RUN_OUT, "provision", at)
            _tell(session, case, succession, Turned.RUN_OUT, [owner], at, provider=True)
            return True
        if succession.reminded_at is None and succession.remind_at <= at:
            succession.reminded_at = at
            _write(session, case, succession, owner, successor, at)
            return True
        return False
