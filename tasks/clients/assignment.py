"""Which of the firm's people look after an account, and how they are told of it."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, false, func, insert, or_, select, true
from sqlalchemy.orm import Session

from models.audit import Parts, of, record, subject
from models.clients.access import ClientAccess, seen_by
from models.clients.client import Client
from models.db import Facts, transaction
from models.errors import N_, ProvisionError
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding
from models.people.notice import Notice, NoticeKind
from models.people.person import Person, Role, account_name
from models.people.staff import Staff
from models.time.clock import now
from tasks.mail.letterheads import letterhead
from tasks.mail.letters import clients as letters
from tasks.onboarding.registration import STAFF

PAUSE = timedelta(minutes=1)
"""For so long a mail waits for more accounts that can be told in it."""
ACCOUNTS_NAMED = 20
"""So many accounts stand in a mail about access to them; of the others it says how many they are."""


class MemberGone(ProvisionError):
    says = N_("Whoever was chosen does not work here any more: choose somebody else.")


def page_of(client: Client) -> str:
    """The page of an account."""
    return f"/firm/{client.firm_id}/accounts/{client.id}"


def give_access(firm_id: int, client_id: int, person_ids: Collection[int], by: str) -> None:
    """These members see this account from now on; who did not before is told, in the inbox and in a gathered mail."""
    with transaction() as session:
        case = Onboarding.of_firm(session, firm_id)
        case.require_going()
        client = Client.get(session, firm_id, client_id)
        members = _members(session, firm_id, person_ids)
        _let_see(session, case, client, members, _who_sees_not(session, client, members), by)


def give_new_account(session: Session, case: Onboarding, client: Client, person_ids: Collection[int], by: str) -> None:
    """The same of an account that is being opened: all of these members are told, as it is new to everybody."""
    members = _members(session, case.firm_id, person_ids)
    _let_see(session, case, client, members, members, by)


def _let_see(
    session: Session, case: Onboarding, client: Client, members: Sequence[Person], told: Sequence[Person], by: str
) -> None:
    given = [person for person in members if ClientAccess.say(session, client.id, person.id, has_access=True)]
    if given:
        _record_access(session, case, "access.given", by, client, given)
    _tell_of_accounts(session, case, [client], [person for person in told if person.email != by], by, now())


def take_access(firm_id: int, client_id: int, person_ids: Collection[int], by: str) -> None:
    """These members do not see this account any more, nor hear of it; owner and administrators see every account."""
    with transaction() as session:
        at, case = now(), Onboarding.of_firm(session, firm_id)
        case.require_going()
        client = Client.get(session, firm_id, client_id)
        members = _members(session, firm_id, person_ids)
        taken = [person for person in members if ClientAccess.say(session, client.id, person.id, has_access=False)]
        if taken:
            _record_access(session, case, "access.taken", by, client, taken)
        addresses = [person.email for person in members]
        for mail in _gathering(session, case, addresses, at).values():
            mail.facts = {
                **mail.facts,
                "accounts": [each for each in mail.facts["accounts"] if each["id"] != client.id],
            }


def give_accounts(
    session: Session, case: Onboarding, clients: Sequence[Client], person_id: int, by: str
) -> list[Client]:
    """One member sees these accounts from now on, in a transaction that holds the case; what is new is told.

    Returns those of which that was not said before, also if the member sees them by default.
    """
    (member,) = _members(session, case.firm_id, [person_id])
    ids, theirs = [client.id for client in clients], ClientAccess.person_id == member.id
    said = select(ClientAccess.client_id).where(theirs, ClientAccess.client_id.in_(ids), ClientAccess.has_access)
    held = set(session.scalars(said))
    given = [client for client in clients if client.id not in held]
    if not given:
        return []
    rights, ids = Staff.of(session, [member])[member.id], [client.id for client in given]
    seen = set(session.scalars(select(Client.id).where(Client.id.in_(ids), seen_by(member.id, rights))))
    session.execute(delete(ClientAccess).where(theirs, ClientAccess.client_id.in_(ids)))
    rows = [{"client_id": key, "person_id": member.id, "has_access": True} for key in ids]
    session.execute(insert(ClientAccess), rows)
    if member.email != by:
        new = [client for client in given if client.id not in seen]
        _tell_of_accounts(session, case, new, [member], by, now())
    return given


def _record_access(
    session: Session, case: Onboarding, action: str, by: str, client: Client, members: Sequence[Person]
) -> None:
    names = Parts((subject(person), {str(person.id): person.name}) for person in members)
    facts: Facts = {"client": client.id, "account": of(client, client.name), "persons": [p.id for p in members]}
    record(session, case.id, now(), action, by, **facts, members=names)


def _members(session: Session, firm_id: int, person_ids: Collection[int]) -> Sequence[Person]:
    """The firm's own people among these; raises MemberGone if one is none."""
    staff = select(Person).where(Person.firm_id == firm_id, Person.role.in_(STAFF))
    found = session.scalars(staff.where(Person.id.in_(person_ids), Person.withdrawn_at.is_(None)).order_by(Person.id))
    members = found.all()
    if {person.id for person in members} != set(person_ids):
        raise MemberGone
    return members


def _who_sees_not(session: Session, client: Client, members: Sequence[Person]) -> list[Person]:
    """Those of these members who do not see the account as things are."""
    said = and_(ClientAccess.client_id == client.id, ClientAccess.person_id == Person.id)
    sees_all = or_(Person.role == Role.ORGANISER, func.coalesce(Staff.is_administrator, false()))
    sees = or_(sees_all, func.coalesce(ClientAccess.has_access, Staff.has_default_access, true()))
    query = select(Person.id).outerjoin(Staff, Staff.person_id == Person.id).outerjoin(ClientAccess, said)
    seeing = set(session.scalars(query.where(Person.id.in_([person.id for person in members]), sees)))
    return [person for person in members if person.id not in seeing]


def _tell_of_accounts(
    session: Session, case: Onboarding, clients: Sequence[Client], told: Sequence[Person], by: str, at: datetime
) -> None:
    """An entry for each account and member, and one mail for each member, with what else they were given just now."""
    name = account_name(session, by) or by
    session.add_all(
        Notice(
            person_id=person.id,
            kind=NoticeKind.ACCOUNT_GIVEN,
            facts={"name": client.name, "by": name},
            path=page_of(client),
            created_at=at,
        )
        for person in told
        for client in clients
    )
    readers = {person.email: person for person in told if person.registered_at is not None and person.paused_at is None}
    waiting, head, fresh = _gathering(session, case, readers, at), letterhead(session, case.firm), []
    given = [letters.GivenAccount(id=client.id, name=client.name, path=page_of(client)) for client in clients]
    for address, reader in readers.items() if given else ():
        mail = waiting.get(address)
        if mail is None:
            mail = letters.account_given(case, reader, head, at, account=given[0], by=name)
            fresh.append(mail)
        for account in given:
            _name_as_well(mail, account)
    Outgoing.post_gathering(session, fresh, at, PAUSE)


def _gathering(session: Session, case: Onboarding, addresses: Collection[str], at: datetime) -> dict[str, Outgoing]:
    of_case = Outgoing.onboarding_id == case.id
    return Outgoing.gathering(session, MailKind.ACCOUNT_GIVEN, addresses, at, of_case)


def _name_as_well(mail: Outgoing, account: letters.GivenAccount) -> None:
    accounts = [each for each in mail.facts["accounts"] if each["id"] != account["id"]]
    is_full = len(accounts) >= ACCOUNTS_NAMED
    more = {"more": mail.facts["more"] + 1} if is_full else {"accounts": [*accounts, account]}
    mail.facts = {**mail.facts, **more}
