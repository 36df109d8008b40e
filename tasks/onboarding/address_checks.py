"""Asking somebody by mail whether an address is theirs."""

from sqlalchemy.orm import Session

from models.audit import evidence, record
from models.db import reading, transaction
from models.link import Link, LinkExpired, Purpose
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.person import NoLongerInvited, Person
from models.time.clock import now
from tasks.mail.address_holds import reads_mail
from tasks.mail.letterheads import letterhead
from tasks.mail.letters import clients as letters


def mail_check(session: Session, case: Onboarding, person: Person) -> None:
    """Ask this person whether the address is theirs; what was sent before stays good."""
    at = now()
    link = Link.to(session, Purpose.CONFIRM, at, person=person.id)
    Outgoing.post(session, letters.confirm_address(case, person, link, letterhead(session, case.firm), at))


def opened(token: str) -> tuple[Person, Onboarding]:
    """Whose address the link asks about, and the case of the firm that asks; nothing changes by looking."""
    with reading() as session:
        return _opened(session, token)


def _opened(session: Session, token: str) -> tuple[Person, Onboarding]:
    try:
        link = Link.open(session, token, Purpose.CONFIRM, now())
    except LinkExpired as dead:
        _asked(session, session.get_one(Link, dead.link_id))
        raise
    return _asked(session, link)


def _asked(session: Session, link: Link) -> tuple[Person, Onboarding]:
    person = session.get_one(Person, link.person_id)
    if person.withdrawn_at is not None:
        raise NoLongerInvited
    case = Onboarding.of_firm(session, person.firm_id)
    case.require_going()
    return person, case


def confirm(token: str) -> None:
    """The holder of the link says that the address is theirs.

    That proves no password: who has set one for this address knows as little of its holder as before.
    """
    with transaction() as session:
        at = now()
        person, case = _opened(session, token)
        session.refresh(person)
        link = Link.open(session, token, Purpose.CONFIRM, at)
        link.use(session, at)
        person.address_confirmed_at = at
        reads_mail(session, case, person, at)
        record(session, case.id, at, "address.confirmed", person, person=person.id, rows=evidence(person))
