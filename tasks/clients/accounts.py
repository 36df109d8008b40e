"""Accounts of a firm's clients: opened with their contacts, edited, listed, sorted, put away."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, select, tuple_, update
from sqlalchemy.orm import Session

from models.audit import Entry, Value, evidence, of, record, subject
from models.clients.access import ClientAccess, assigned, seen_by
from models.clients.client import Client, ClientContact, ClientState, CustomerNumberTaken
from models.clients.custom_field import CustomField, FieldOf, read_all
from models.clients.folders import STANDARD, Folder, FolderTemplate, folder_tree
from models.clients.group import GroupMember
from models.clients.imports import ImportContact
from models.clients.naming import filed_as
from models.clients.portfolio import Portfolio, PortfolioClient
from models.clients.standing import Standing, Todo, standing_of, todos_of
from models.clients.tag import ClientTag, Tag
from models.clients.words import ClientWords, is_found, refold
from models.db import Facts, reading, transaction
from models.errors import N_, Faults, NotFound, ProvisionError
from models.firm import spellings
from models.onboarding import Onboarding
from models.people.manners import Language
from models.people.person import Person, Role
from models.people.staff import Rank, Staff
from models.text import one_line, row_number
from models.time.clock import now
from tasks.clients import assignment, contacts, grants
from tasks.clients.contacts import ContactGone, ContactMissing, LastContact, OneMainOnly, in_fields, read_tags
from tasks.clients.edits import Fields, take
from tasks.people.sessions import Membership

SHOWN, HISTORY = 50, 50
STAFF = (Role.ORGANISER, Role.CASEWORKER)
CONTACTS_AT_ONCE = 6
"""So many contacts the form for a new account takes; more are added on its page."""


class NumberTakenUnseen(ProvisionError):
    says = N_(
        "The customer number “%(number)s” is that of an account that you do not see: give another one, or leave it "
        "empty."
    )

    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.number = number


@dataclass(frozen=True)
class Row:
    """An account in a list."""

    client: Client
    contacts: list[tuple[ClientContact, Person]]
    tags: list[Tag]


@dataclass(frozen=True)
class Filter:
    """Which accounts a list shows."""

    search: str = ""
    """Words from names, number, place, contacts and their addresses."""
    tag: int = 0
    group: int = 0
    portfolio: int = 0
    member: int = 0
    """Accounts that this one of the firm's people has access to."""
    state: ClientState | None = None
    imported: int = 0
    """Accounts for which the records of this import have come to stand."""


@dataclass(frozen=True)
class Accounts:
    """One page of a list, in the order of the names."""

    rows: list[Row]
    total: int | None
    """How many accounts there are in all; None on later pages, in a search, and for who sees some only."""
    after: int | None
    """Behind which the next page begins; None: there is no more."""
    none_at_all: bool
    """Whether the member sees no account whatever is asked for, not even one that is archived."""


def visible_to(member: Membership) -> ColumnElement[bool]:
    """Which accounts this member sees."""
    mine = Client.firm_id == member.firm_id
    return and_(mine, seen_by(member.person_id, member.rights))


def matching(session: Session, member: Membership, asked: Filter) -> Select[tuple[Client]]:
    """Of these the ones that are asked for."""
    clients = select(Client).where(visible_to(member))
    if asked.state is None:
        clients = clients.where(Client.archived_at.is_(None))
    else:
        clients = clients.where(Client.state == asked.state)
    if asked.tag:
        clients = clients.where(exists().where(ClientTag.client_id == Client.id, ClientTag.tag_id == asked.tag))
    if asked.imported:
        brought = ImportContact.client_id == Client.id, ImportContact.import_id == asked.imported
        clients = clients.where(exists().where(*brought))
    if asked.portfolio:
        within = PortfolioClient.client_id == Client.id, PortfolioClient.portfolio_id == asked.portfolio
        clients = clients.where(exists().where(*within))
    if asked.group:
        members = select(ClientContact.id).join(GroupMember, GroupMember.person_id == ClientContact.person_id)
        members = members.where(ClientContact.client_id == Client.id, GroupMember.group_id == asked.group)
        clients = clients.where(exists(members))
    if asked.member:
        person = session.get(Person, asked.member)
        if person is None or person.firm_id != member.firm_id:
            raise NotFound(N_("The person"))
        rights = Staff.of(session, [person])[person.id]
        clients = clients.where(seen_by(person.id, rights._replace(rank=Rank.STAFF)))
    if any(spellings(one_line(asked.search))):
        clients = clients.where(is_found(member.firm_id, asked.search))
    return clients


def listed(member: Membership, asked: Filter, after: int = 0) -> Accounts:
    """The accounts that this member sees and that are asked for, SHOWN at a time, behind the account *after*."""
    with reading() as session:
        clients = matching(session, member, asked)
        before = session.get(Client, after) if after else None
        if before is not None and before.firm_id == member.firm_id:
            clients = clients.where(tuple_(Client.name, Client.id) > (before.name, before.id))
        found = list(session.scalars(clients.order_by(Client.name, Client.id).limit(SHOWN + 1)))
        total = None
        if asked == Filter() and not after and member.rights.sees_all:
            all_of_them = (
                select(func.count()).select_from(Client).where(visible_to(member), Client.archived_at.is_(None))
            )
            total = session.scalars(all_of_them).one()
        any_of_them = select(Client.id).where(visible_to(member)).limit(1)
        none_at_all = not found and session.scalars(any_of_them).first() is None
        more = found[SHOWN - 1].id if len(found) > SHOWN else None
        return Accounts(rows_of(session, found[:SHOWN]), total, more, none_at_all)


def rows_of(session: Session, clients: Sequence[Client]) -> list[Row]:
    """These accounts with their contacts and tags, in as many queries for many as for one."""
    ids = [client.id for client in clients]
    people: dict[int, list[tuple[ClientContact, Person]]] = {client_id: [] for client_id in ids}
    at = select(ClientContact, Person).join(Person).where(ClientContact.client_id.in_(ids)).order_by(ClientContact.id)
    for contact, person in session.execute(at):
        people[contact.client_id].append((contact, person))
    tags: dict[int, list[Tag]] = {client_id: [] for client_id in ids}
    tagged = select(ClientTag.client_id, Tag).join(Tag).where(ClientTag.client_id.in_(ids)).order_by(Tag.folded)
    for client_id, tag in session.execute(tagged):
        tags[client_id].append(tag)
    return [Row(client, people[client.id], tags[client.id]) for client in clients]


@dataclass(frozen=True)
class AccountView:
    """An account as its page shows it."""

    row: Row
    case_id: int
    fields: dict[str, str]
    """What stands in the form."""
    custom: list[tuple[CustomField, str]]
    members: list[Person]
    """Who looks after it and hears of it."""
    others: list[Person]
    """Of the firm's people those who do not."""
    template: FolderTemplate | None
    folders: list[Folder]
    portfolios: list[Portfolio]
    history: list[Entry]
    standings: dict[int, Standing]
    """How far each contact has come, by the person's id."""
    todos: dict[int, list[Todo]]
    """What is still to do about each."""


def case_of(session: Session, member: Membership) -> Onboarding:
    """The case of the member's firm, locked; raises Stopped."""
    case = Onboarding.of_firm(session, member.firm_id)
    case.require_going()
    return case


class AccountNotSeen(NotFound):
    """It is not there, or shut to this member, who does not learn which."""

    says = N_(
        "There is no account at this address that you see. If there was one, your access to it has ended: ask the "
        "owner or an administrator of your firm if you need it."
    )

    def __init__(self, what: str = N_("The account")) -> None:
        super().__init__(what)


def account_of(session: Session, member: Membership, client_id: int) -> Client:
    """An account that this member sees; raises NotFound for every other, AccountNotSeen if there may be others."""
    client = session.scalars(select(Client).where(Client.id == client_id, visible_to(member))).one_or_none()
    if client is None:
        raise NotFound(N_("The account")) if member.rights.sees_all else AccountNotSeen
    return client


def view(member: Membership, client_id: int) -> AccountView:
    """Raises NotFound for accounts that this member does not see."""
    with reading() as session:
        client = account_of(session, member, client_id)
        (row,) = rows_of(session, [client])
        template = session.get(FolderTemplate, client.folder_template_id) if client.folder_template_id else None
        within = select(Portfolio).join(PortfolioClient).where(PortfolioClient.client_id == client.id)
        members = assigned(session, client.firm_id, [client.id])
        staff = select(Person).where(
            Person.firm_id == client.firm_id,
            Person.role.in_(STAFF),
            Person.withdrawn_at.is_(None),
            Person.id.not_in([person.id for person in members]),
        )
        about = exists().where(
            Value.case_id == Entry.case_id, Value.number == Entry.number, Value.about == subject(client)
        )
        history = select(Entry).where(Entry.case_id == member.case_id, about).order_by(Entry.number.desc())
        fields = CustomField.shown(session, client.firm_id, FieldOf.ACCOUNT)
        stands, people = _stands(session, client), [person for _, person in row.contacts]
        return AccountView(
            row=row,
            case_id=member.case_id,
            fields=stands,
            custom=[(field, stands[field.key]) for field in fields if stands[field.key]],
            members=members,
            others=list(session.scalars(staff.order_by(Person.id))),
            template=template,
            folders=folder_tree(template.paths if template else STANDARD),
            portfolios=list(session.scalars(within.order_by(Portfolio.folded))),
            history=list(session.scalars(history.limit(HISTORY))),
            standings=standing_of(session, people),
            todos=todos_of(session, people),
        )


def _stands(session: Session, client: Client) -> dict[str, str]:
    """What stands in the fields of the form about an account."""
    if "reading" not in session.info:
        session.flush()
    tags = session.scalars(
        select(Tag.name).join(ClientTag).where(ClientTag.client_id == client.id).order_by(Tag.folded)
    ).all()
    fields = CustomField.shown(session, client.firm_id, FieldOf.ACCOUNT)
    return {
        **client.standing,
        "tags": ", ".join(tags),
        "template": str(client.folder_template_id or ""),
        **{field.key: "" for field in fields},
        **in_fields(client.fields),
    }


def check(member: Membership, written: Mapping[str, str], language: Language) -> list[Client]:
    """Whether an account can be opened so, before its contacts are named; returns others of the same name.

    Raises FormRefused with every field that does not fit.
    """
    faults = Faults()
    with reading() as session:
        client = Client(firm_id=member.firm_id, name="")
        _describe(session, member, client, faults, written)
        _read_rest(session, client, faults, written, language)
        _chosen(session, member, faults, written)
        faults.check()
        name = spellings(client.name or client.company_name)[0]
        words = select(ClientWords.client_id).where(ClientWords.firm_id == member.firm_id)
        called = words.where(ClientWords.names.startswith(name, autoescape=True))
        same = select(Client).where(visible_to(member), Client.id.in_(called))
        return list(session.scalars(same.order_by(Client.name, Client.id).limit(5))) if name else []


def _describe(
    session: Session,
    member: Membership,
    client: Client,
    faults: Faults,
    written: Mapping[str, str],
    called: str | None = None,
) -> None:
    """As ``Client.describe``, without a word of accounts that the member does not see."""
    client.describe(session, faults, written, called)
    taken = faults.get("number")
    if isinstance(taken, CustomerNumberTaken):
        theirs = select(Client.id).where(visible_to(member), Client.number == taken.number)
        with session.no_autoflush:
            if session.scalars(theirs).first() is None:
                faults["number"] = NumberTakenUnseen(taken.number)


def _read_rest(
    session: Session, client: Client, faults: Faults, written: Mapping[str, str], language: Language
) -> list[str]:
    """Custom fields and the folder template; returns the names of the tags."""
    shown = CustomField.shown(session, client.firm_id, FieldOf.ACCOUNT)
    values, wrong = read_all(shown, written, language, client.fields or {})
    client.fields = values
    faults.update(wrong)
    tags = read_tags(faults, written.get("tags", ""))
    chosen = written.get("template", "")
    with faults.at("template"):
        key = row_number(chosen) or 0
        client.folder_template_id = FolderTemplate.chosen(session, client.firm_id, [key])[0].id if key else None
    return tags


def open_account(
    member: Membership, by: str, written: Mapping[str, str], people: Sequence[Mapping[str, str]], language: Language
) -> int:
    """A new account with its contacts, each new or (``person``) there already; returns its id. Nobody is invited yet.

    Whoever opens it has access to it, and every member with access by default; ``members`` have as well, and are told.
    The same form (``form_key``) with the same words once more opens none. Raises FormRefused with all that does not
    fit: fields of a contact begin with ``c0-``, ``c1-`` ….
    """
    faults = Faults()
    with transaction() as session:
        case = Onboarding.of_firm(session, member.firm_id)
        case.require_agreement()
        key = _sent_as(written)
        done = _opened_with(session, member, key)
        if done is not None:
            return done
        if not people:
            raise ContactMissing
        client = Client(firm_id=case.firm_id, name="", created_at=now(), country="DE", form_key=key)
        there = [_contact(session, member, case, faults, each, language, f"c{row}-") for row, each in enumerate(people)]
        first = there[0]
        form = case.firm.name_format
        called = None if first is None else filed_as(first.given_name, first.family_name, form)
        _describe(session, member, client, faults, written, called)
        tags = _read_rest(session, client, faults, written, language)
        chosen = _chosen(session, member, faults, written)
        faults.check()
        session.add(client)
        session.flush()
        mains = []
        for row, (person, each) in enumerate(zip(there, people, strict=True)):
            if person is not None and person not in there[:row]:  # Chosen twice, they are one contact.
                contact = contacts.link(session, client, person, each)
                mains += [row] if contact.is_main_commercial else []
        faults.update({f"c{row}-is_main_commercial": OneMainOnly() for row in mains[1:]})
        faults.check()
        _tag(session, client, tags)
        if not (member.rights.sees_all or member.rights.has_default_access):
            ClientAccess.say(session, client.id, member.person_id, has_access=True)
        refold(session, [client.id])
        Client.settle(session, Client.id == client.id)
        facts: Facts = {"client": client.id, "account": of(client, client.name), "kind": client.kind}
        made = [person for person in there if person is not None]
        record(session, case.id, now(), "client.opened", by, **facts, rows=evidence(*made))
        assignment.give_new_account(session, case, client, chosen, by)
        case.touch(now())
        return client.id


def opened_with(member: Membership, written: Mapping[str, str]) -> int | None:
    """The account that this form has opened already, however often it is sent."""
    with reading() as session:
        return _opened_with(session, member, _sent_as(written))


def _opened_with(session: Session, member: Membership, form_key: str | None) -> int | None:
    mine = select(Client.id).where(Client.firm_id == member.firm_id, Client.form_key == form_key)
    return session.scalars(mine).one_or_none() if form_key else None


def _sent_as(written: Mapping[str, str]) -> str | None:
    """Names the form and all that was typed there: whoever goes back and types another name means somebody else."""
    if not written.get("form_key"):
        return None
    return sha256(json.dumps(sorted(written.items())).encode()).hexdigest()[:40]


def _chosen(session: Session, member: Membership, faults: Faults, written: Mapping[str, str]) -> list[int]:
    """Which of the firm's people the form names (``members``)."""
    named = {key for key in map(row_number, written.get("members", "").split(",")) if key is not None}
    if not named:
        return []
    there = select(Person.id).where(Person.firm_id == member.firm_id, Person.role.in_(STAFF), Person.id.in_(named))
    found = list(session.scalars(there.where(Person.withdrawn_at.is_(None)).order_by(Person.id)))
    with faults.at("members"):
        if len(found) < len(named):
            raise assignment.MemberGone
    return found


def _contact(
    session: Session,
    member: Membership,
    case: Onboarding,
    faults: Faults,
    written: Mapping[str, str],
    language: Language,
    prefix: str,
) -> Person | None:
    """The contact that a part of the form means; its fields are named without the prefix."""
    chosen = written.get("person", "")
    if chosen:
        key = row_number(chosen) or 0
        there = contacts.contacts_of(session, member, [key]).get(key)
        if there is None:
            faults[f"{prefix}person"] = ContactGone()
        return there
    mine = Faults()
    person = contacts.create(session, case, member, mine, written, language)
    faults.update({f"{prefix}{field}": refusal for field, refusal in mine.items()})
    return person


def _tag(session: Session, client: Client, names: Sequence[str]) -> None:
    """From now on the account has these tags and no others."""
    tags = Tag.named(session, client.firm_id, names)
    session.execute(delete(ClientTag).where(ClientTag.client_id == client.id))
    session.add_all(ClientTag(client_id=client.id, tag_id=tag.id) for tag in tags)
    session.flush()


def edit(member: Membership, by: str, client_id: int, opened: Fields, typed: Fields, language: Language) -> None:
    """Keep what the form about an account says.

    Raises NotFound, ChangedMeanwhile, or FormRefused with every field that does not fit.
    """
    faults = Faults()
    with transaction() as session:
        case = case_of(session, member)
        client = Client.get(session, member.firm_id, account_of(session, member, client_id).id)
        stands = _stands(session, client)
        written = take(opened, stands, typed)
        before = client.name
        called = _called_by_contact(session, client, case)
        _describe(session, member, client, faults, written, called)
        tags = _read_rest(session, client, faults, written, language)
        faults.check()
        _tag(session, client, tags)
        after = _stands(session, client)
        changes = [name for name, text in after.items() if text != stands[name]]
        if changes:
            refold(session, [client.id])
            facts: Facts = {"client": client.id, "account": of(client, before)}
            facts["before"] = of(client, {name: stands[name] for name in changes})
            facts["after"] = of(client, {name: after[name] for name in changes})
            record(session, case.id, now(), "client.changed", by, **facts)


def _called_by_contact(session: Session, client: Client, case: Onboarding) -> str:
    """What a person's account is called by itself."""
    first = select(Person).join(ClientContact).where(ClientContact.client_id == client.id)
    person = session.scalars(first.order_by(ClientContact.id).limit(1)).one_or_none()
    return filed_as(person.given_name, person.family_name, case.firm.name_format) if person else ""


def add_contact(member: Membership, by: str, client_id: int, written: Mapping[str, str], language: Language) -> int:
    """One more contact of an account, new or (``person``) there already; returns the person's id.

    The same form (``form_key``) with the same words once more gives the same contact.

    Raises NotFound, or FormRefused with every field that does not fit.
    """
    faults = Faults()
    with transaction() as session:
        case = Onboarding.of_firm(session, member.firm_id)
        client = Client.get(session, member.firm_id, account_of(session, member, client_id).id)
        case.require_agreement()
        theirs, key = ClientContact.client_id == client.id, _sent_as(written)
        done = select(ClientContact.person_id).where(theirs, ClientContact.form_key == key)
        if key and (added := session.scalars(done).first()) is not None:
            return added
        person = _contact(session, member, case, faults, written, language, "")
        faults.check()
        assert person is not None
        there = session.scalars(select(ClientContact).where(theirs, ClientContact.person_id == person.id)).first()
        if there is not None:
            return person.id
        if written.get("is_main_commercial"):
            session.execute(update(ClientContact).where(theirs).values(is_main_commercial=False))
        contacts.link(session, client, person, written).form_key = key
        refold(session, [client.id])
        Client.settle(session, Client.id == client.id)
        facts: Facts = {"client": client.id, "account": of(client, client.name), "person": person.id}
        rows = evidence(person)
        record(session, case.id, now(), "contact.linked", by, **facts, contact=of(person, person.name), rows=rows)
        case.touch(now())
        return person.id


def remove_contact(member: Membership, by: str, client_id: int, person_id: int) -> None:
    """Take a contact off the account, which keeps one at least. Raises NotFound, LastContact."""
    with transaction() as session:
        case = case_of(session, member)
        client = Client.get(session, member.firm_id, account_of(session, member, client_id).id)
        theirs = session.scalars(select(ClientContact).where(ClientContact.client_id == client.id)).all()
        contact = next((contact for contact in theirs if contact.person_id == person_id), None)
        if contact is None:
            return
        person = session.get_one(Person, person_id)
        if len(theirs) == 1:
            raise LastContact(person.name, client.name)
        session.delete(contact)
        session.flush()
        grants.end_if_blind(session, case, person)
        client.follow(_called_by_contact(session, client, case))
        refold(session, [client.id])
        Client.settle(session, Client.id == client.id)
        facts: Facts = {"client": client.id, "account": of(client, client.name), "person": person.id}
        record(session, case.id, now(), "contact.unlinked", by, **facts, contact=of(person, person.name))
