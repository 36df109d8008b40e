"""What of a person may go at once when its erasure is asked for, and what stays, until when and why (Art. 17 GDPR).

One human being may be known to several firms, in several roles at each, with one account or none. What one firm knows
of them is a ``Share``: each firm answers for its own, so each share is judged and goes by itself. What belongs to no
firm, such as their account, goes with the last of them.

Everything is found by what columns say of themselves (``models.privacy``): a table that is added later is walked as
well. How long what stays is kept says the table of terms (``models.retention.rules``).
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Table,
    Text,
    and_,
    exists,
    false,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Session

from models.agreement import Agreement
from models.audit import HOUSE, Entry, Value
from models.clients.bulk_invitation import BulkInvitation, BulkState
from models.clients.card import Phone
from models.clients.client import Client, ClientContact, ClientKind, name_key
from models.clients.imports import Import, ImportContact, ImportKey, ImportRecord
from models.clients.phone import shown
from models.clients.sign_up import SignUp
from models.contracts.contract import Copy, Recipient
from models.db import Base
from models.errors import N_, ProvisionError
from models.firm import Firm
from models.inbox import MOST_ATTEMPTS, Incoming
from models.link import Link
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.login import Login
from models.people.person import Person, Role
from models.privacy import SMALL, holds, telling
from models.retention.hold import Hold
from models.retention.logins import free_logins
from models.retention.parts import table_of
from models.retention.request import Judge
from models.retention.rules import RECORDS, RULES
from models.settings import settings
from models.time.clock import local_day

KEPT = frozenset(
    {
        *(
            "firms",
            "subscriptions",
            "agreements",
            "contracts",
            "bookings",
            "changes",
            "consents",
            "billings",
            "charges",
        ),
        *("vat_answers", "vat_silences", "logo_permissions", "former_letters"),
    }
)
"""Records of the contract and of what led to it: they stay as long as it lives, and then by law."""
KEPT_ACTS = ("agreement.", "consent.", "contract.", "module.", "option.", "change.", "closing.", "subscription.")
"""Acts that are records of it as well, by how their names begin."""
DELETED = (
    *("former_tokens", "openings", "bulk_recipients", "import_contacts", "client_contacts", "client_access"),
    *("contact_cards", "phones", "contact_tags", "group_members", "portfolio_members", "notices", "reminders"),
    *("codes", "links", "sign_ins", "successions"),
)
"""Tables whose rows are theirs as a whole, in an order in which nothing points to what is gone."""
OWN_COLUMNS = {
    "privacy_requests": ("words", "extension", "reason"),
    "imports": ("by", "origin"),
    "bulk_invitations": ("asked_by", "message"),
    "holds": ("reason",),
}
"""Of a row that is another's as well, the columns that are theirs if they have brought it, or it is about them."""
OTHERS = frozenset({"persons", "accounts", "contact_cards", "phones", "audit", "import_keys"})
"""A name or number that stands in such a row of somebody else is that of somebody else."""
REPLACED = frozenset({Role.ORGANISER, Role.CONTACT, Role.SIGNATORY})
"""Roles whose row passes from one human being to the next."""
_NAMED_ANEW = ("organiser.named", "contact.named", "agreement.delegated")
_WAYS = (
    *("firm_id", "onboarding_id", "person_id", "client_id", "import_id", "bulk_id", "link_id", "token_id"),
    *("agreement_id", "billing_id"),
)
"""By these columns a row leads to its firm."""
GONE = "–"
"""Stands in others' texts where somebody stood who was erased."""
NUMBERS_ONLY: Mapping[str, str] = {
    "staff": "rights, of nobody once the person is erased",
    "provider_tokens": "of operators",
}
"""Tables that point to people and tell nothing of them."""
CONTRACTS = next(rule for rule in RULES if rule.name == "accounts closed")
NEGOTIATED = next(rule for rule in RULES if rule.name == "cases stopped")


class ErasureHeld(ProvisionError):
    says = N_(
        "A legal hold stands until %(until)s: nothing that it covers at %(firm)s is erased before (Art. 17(3)(e) GDPR)."
    )

    def __init__(self, firm: str, until: date) -> None:
        super().__init__(firm, until)
        self.firm = firm
        self.until = until


class StillNeeded(ProvisionError):
    """As the only one in a role without which there is no case."""

    says = N_("%(firm)s has nobody else in this role: name another person in their place first, or end the case.")

    def __init__(self, firm: str) -> None:
        super().__init__(firm)
        self.firm = firm


class HandOverFirst(StillNeeded):
    """As the owner, who has registered; until then an operator names another."""

    says = N_(
        "They are the owner of the account of %(firm)s: it is to be handed over first, on the page “Hand over the "
        "account”; after that this can be done."
    )


class StillAskedToSign(ProvisionError):
    says = N_("The agreement of %(firm)s waits for their signature: ask somebody else to sign first.")

    def __init__(self, firm: str) -> None:
        super().__init__(firm)
        self.firm = firm


class StillInvoiced(ProvisionError):
    says = N_("The invoices of %(firm)s go to this address and to no other: name another recipient first.")

    def __init__(self, firm: str) -> None:
        super().__init__(firm)
        self.firm = firm


class WorkedHere(ProvisionError):
    """It is no firm's data, and no client's: who countersigned and decided is part of what was agreed."""

    says = N_(
        "They work or worked here as an operator: what they signed and decided proves what was agreed with firms, and "
        "is not erased in this way."
    )


class StillUnderWay(ProvisionError):
    """It is over in minutes."""

    says = N_(
        "An import, invitations to many or a message of another system in which they stand is being worked on at "
        "%(firm)s: wait until that is done, or stop it, and try again."
    )

    def __init__(self, firm: str) -> None:
        super().__init__(firm)
        self.firm = firm


@dataclass(frozen=True)
class Share:
    """What one firm knows of a human being; *firm_id* None: what belongs to no firm."""

    address: str
    """By which they are found where no row is theirs; empty: of somebody who has none."""
    firm_id: int | None = None
    case_id: int | None = None
    people: tuple[int, ...] = ()
    logins: tuple[int, ...] = ()
    """The accounts that go with it, as nobody gets in by them anywhere else."""
    is_whole: bool = False
    """Their case goes with them: it was ended, nobody has signed, and without them nobody can take it up again."""


@dataclass(frozen=True)
class Line:
    """A class of what is stored of them: how much, and whether it goes."""

    what: str
    """A sentence of the catalogues, as is *why*."""
    number: int
    goes: bool = True
    why: str = ""
    """Why it stays."""
    law: str = ""
    """By what law it stays, a sentence as well."""
    until: datetime | None = None
    """None, of what stays: that depends on what has not happened yet."""


@dataclass(frozen=True)
class Plan:
    """What would become of one share."""

    share: Share
    firm: str
    """Its name; empty: of none."""
    company_id: int | None
    roles: tuple[Role, ...]
    judge: Judge
    obstacles: tuple[ProvisionError, ...]
    """What has to be done or to pass before; empty: it can be carried out."""
    lines: tuple[Line, ...]

    @property
    def is_empty(self) -> bool:
        return not self.lines

    @property
    def goes(self) -> list[Line]:
        return [line for line in self.lines if line.goes]

    @property
    def stays(self) -> list[Line]:
        return [line for line in self.lines if not line.goes]


@dataclass(frozen=True)
class Words:
    """How somebody is called, and where they are reached: by this they are found in texts."""

    addresses: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[str]:
        return self.addresses | self.names | self.phones

    @property
    def small_addresses(self) -> set[str]:
        """As they are compared: SQLite knows no small letters but those of ASCII."""
        return {small for address in self.addresses for small in (address.lower(), address.translate(SMALL))}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        spelled = sorted(self.all, key=len, reverse=True)
        whole = "|".join(re.escape(word) for word in spelled) or r"(?!)"
        return re.compile(rf"(?<![\w.+-])(?:{whole})(?![\w-]|\.\w)", re.IGNORECASE)

    def stand_in(self, text: str) -> bool:
        small = text.lower()
        return any(word.lower() in small for word in self.all) and self._pattern.search(text) is not None

    def those_in(self, text: str) -> list[str]:
        """Those that stand in it, as they are written there."""
        return [*dict.fromkeys(self._pattern.findall(text))] if self.stand_in(text) else []

    def without(self, value: Any) -> Any:
        """The same text, or JSON, in which they do not stand any more."""
        if isinstance(value, str):
            return self._pattern.sub(GONE, value)
        if isinstance(value, list):
            return [self.without(each) for each in value]
        if isinstance(value, dict):
            return {self.without(key): self.without(each) for key, each in value.items()}
        return value

    @classmethod
    def of(cls, session: Session, share: Share) -> "Words":
        """All by which they are, or were, known: names also as lists have them, addresses from before a correction."""
        people = session.scalars(select(Person).where(Person.id.in_(share.people))).all()
        called = [(person.given_name, person.family_name) for person in people]
        addresses = {share.address, *(person.email for person in people)}
        logins = session.execute(select(Login.email, Login.name).where(Login.id.in_(share.logins))).tuples().all()
        addresses |= {email for email, _ in logins}
        names = {name for _, name in logins if name}
        for person in people:
            for row in _earlier(session, person):
                called.append((str(row.get("given_name", "")), str(row.get("family_name", ""))))
                addresses.add(str(row.get("email", "")))
        if not people and share.address:
            mails = select(Outgoing.to_name).where(Outgoing.to_address == share.address).distinct()
            wishes = select(SignUp.given_name, SignUp.family_name).where(SignUp.email == share.address)
            called += [("", name) for name in session.scalars(mails)]
            called += session.execute(wishes).tuples().all()
        for given, family in called:
            names |= _ways(given, family)
        if share.firm_id is not None:
            names -= _shared(session, share, called)
        numbers = session.scalars(select(Phone.number).where(Phone.person_id.in_(share.people))).all()
        phones = {way for number in numbers for way in (number, shown(number), shown(number, ""))}
        return cls(*(frozenset(filter(None, words)) for words in (_real(addresses), names, phones)))


def _real(addresses: Iterable[str]) -> set[str]:
    return {address for address in addresses if "@" in address}


def _earlier(session: Session, person: Person) -> Iterator[Mapping[str, Any]]:
    """How the trail has kept the row of this person, as long as it was this human being's."""
    told = select(Entry.action, Value.value).join(
        Entry, and_(Entry.case_id == Value.case_id, Entry.number == Value.number)
    )
    told = told.where(Value.about == f"person:{person.id}", Value.case_id != HOUSE)
    for action, value in session.execute(told.order_by(Value.case_id, Value.number.desc())):
        for row in value.get("rows", {}).get("persons", ()):
            if row.get("id") == person.id:
                yield row
        before = value.get("before")
        if isinstance(before, str):
            yield {"email": before}
        if action in _NAMED_ANEW:
            return


def _shared(session: Session, share: Share, called: Collection[tuple[str, str]]) -> set[str]:
    """The names that somebody else at the firm has as well: in texts nobody can tell of whom they speak.

    Of an address that is no person's anybody may have typed the name, as who registers does: that of a client counts
    as well then, of whom nobody else may be known.
    """
    shared = set()
    for given, family in {*called}:
        name, ways = f"{given} {family}".strip(), _ways(given, family)
        alike = select(Person.id).where(
            Person.firm_id == share.firm_id,
            Person.id.not_in(share.people),
            func.lower(Person.given_name + " " + Person.family_name).in_({name.lower(), name.translate(SMALL)}),
        )
        clients = select(Client.id).where(
            Client.firm_id == share.firm_id, Client.name_key.in_({name_key(way) for way in ways})
        )
        queries = (alike,) if share.people else (alike, clients)
        if any(session.scalars(query.limit(1)).first() is not None for query in queries):
            shared |= ways
    return shared


def _ways(given: str, family: str) -> set[str]:
    """How a name stands in texts; one of a single word is anybody's."""
    given, family = given.strip(), family.strip()
    if not given or not family:
        return {given + family} if " " in given + family else set()
    return {f"{given} {family}", f"{family}, {given}", f"{family} {given}"}


# ---- whom it is about


class WhoUnknown(ProvisionError):
    status = 404
    says = N_("Nothing is stored of “%(who)s”: write a whole e-mail address, or the number of a person.")

    def __init__(self, who: str) -> None:
        super().__init__(who)
        self.who = who


def shares(session: Session, who: str) -> list[Share]:
    """What is known of somebody, firm by firm: by an address, or, of one person at one firm, by their number.

    Raises WhoUnknown.
    """
    written = who.strip()
    if written.isdecimal():
        person = session.get(Person, int(written)) if int(written) < 2**31 else None
        if person is None:
            raise WhoUnknown(written[:80])
        return [share_of(session, person)]
    address = written.lower()
    found = _by_address(session, address)
    if not found:
        raise WhoUnknown(written[:80])
    return found


def share_of(session: Session, person: Person) -> Share:
    """What this person's firm knows of them, in every role that the same human being has there."""
    mine = select(Person).where(Person.firm_id == person.firm_id)
    same = [Person.id == person.id]
    if "@" in person.email:
        same.append(Person.email == person.email)
    if person.account_id is not None:
        same.append(Person.account_id == person.account_id)
    people = session.scalars(mine.where(or_(*same)).order_by(Person.id)).all()
    return _share(session, person.firm_id, person.email if "@" in person.email else "", people)


def _share(session: Session, firm_id: int, address: str, people: Sequence[Person]) -> Share:
    case = session.scalars(select(Onboarding).where(Onboarding.firm_id == firm_id)).one_or_none()
    case_id = case.id if case is not None else None
    ids = tuple(person.id for person in people)
    there = select(Login.id).where(Login.id.in_(free_logins(session, ids, firm_id)), Login.email.contains("@"))
    is_whole = any(person.role is Role.ORGANISER for person in people) and _is_over(session, case)
    return Share(address, firm_id, case_id, ids, tuple(session.scalars(there.order_by(Login.id))), is_whole)


def _is_over(session: Session, case: Onboarding | None) -> bool:
    """It was ended, and nobody has signed."""
    if case is None or case.stopped_at is None or case.emptied_at is not None:
        return False
    return not _is_signed(session, case.id)


def _by_address(session: Session, address: str) -> list[Share]:
    account = session.scalars(select(Login).where(func.lower(Login.email) == address).order_by(Login.id)).first()
    same = [func.lower(Person.email) == address]
    if account is not None:
        same.append(Person.account_id == account.id)
    people = session.scalars(select(Person).where(or_(*same)).order_by(Person.firm_id, Person.id)).all()
    by_firm: dict[int, list[Person]] = {}
    for person in people:
        by_firm.setdefault(person.firm_id, []).append(person)
    for query in (
        select(SignUp.firm_id).where(func.lower(SignUp.email) == address),
        select(Onboarding.firm_id)
        .join(Outgoing, Outgoing.onboarding_id == Onboarding.id)
        .where(func.lower(Outgoing.to_address) == address),
        select(Recipient.firm_id).where(func.lower(Recipient.email) == address),
        select(Import.firm_id)
        .join(ImportKey, ImportKey.import_id == Import.id)
        .where(func.lower(ImportKey.key) == address),
    ):
        for firm_id in session.scalars(query.distinct()):
            by_firm.setdefault(firm_id, [])
    found = [_share(session, firm_id, address, mine) for firm_id, mine in sorted(by_firm.items())]
    alone = account is not None and not any(account.id in share.logins for share in found) and not people
    elsewhere = select(Outgoing.id).where(Outgoing.to_address == address, Outgoing.onboarding_id.is_(None)).limit(1)
    if alone or (not found and session.scalars(elsewhere).first() is not None):
        found.append(Share(address, logins=(account.id,) if account is not None and alone else ()))
    return found


# ---- where they stand


@dataclass(frozen=True)
class Traces:
    """The rows of one table that tell of them."""

    table: Table
    own: list[Any]
    """Keys of rows that are theirs."""
    named: list[Any]
    """Keys of others' rows in which they stand."""

    @property
    def number(self) -> int:
        return len(self.own) + len(self.named)


def tables() -> list[Table]:
    """All in which somebody may stand, those to which others point last."""
    return [*reversed(Base.metadata.sorted_tables)]


def traces(session: Session, share: Share, words: Words, table: Table, *which: ColumnElement[bool]) -> Traces:
    """Where in this table they stand, among the rows for which all of *which* holds; one statement."""
    (key,) = table.primary_key.columns
    own = _own(table, share, words)
    named = named_in(table, share, words) if table.name not in OTHERS else false()
    if table.name == "audit_values":  # What their account has done stands in the trails of all cases.
        there = or_(own, named) if share.case_id is None else and_(in_scope(table, share), or_(own, named))
        own, named = and_(there, ~_is_kept(share)), false()
    query = select(key, own.label("own")).where(or_(own, named), *which).order_by(key)
    found = Traces(table, [], [])
    for row, is_own in session.execute(query):
        (found.own if is_own else found.named).append(row)
    return found


def named_in(table: Table, share: Share, words: Words) -> ColumnElement[bool]:
    """In which rows they stand: of their firm by whatever they are called, of no firm by what is theirs alone."""
    columns = [column for column in telling(table) if not isinstance(column.type, LargeBinary)]
    certain = words.addresses | words.phones
    theirs, nobodys = _whose(table, share)
    return or_(
        and_(theirs, or_(false(), *(holds(column, words.all) for column in columns))),
        and_(nobodys, or_(false(), *(holds(column, certain) for column in columns))),
    )


def _own(table: Table, share: Share, words: Words) -> ColumnElement[bool]:
    """Which rows are theirs."""
    name = table.name
    if name in OWNED:
        return OWNED[name](table, share, words)
    if name in OWN_COLUMNS:
        return and_(table.c.person_id.in_(share.people), table.c[OWN_COLUMNS[name][0]] != "")
    if name in DELETED and "person_id" in table.c:
        return table.c.person_id.in_(share.people)
    return false()


def _own_values(table: Table, share: Share, _: Words) -> ColumnElement[bool]:
    abouts = [*(f"person:{key}" for key in share.people), *(f"account:{key}" for key in share.logins)]
    return table.c.about.in_(abouts)


def _behind_links(table: Table, share: Share, _: Words) -> ColumnElement[bool]:
    theirs = or_(Link.person_id.in_(share.people), Link.account_id.in_(share.logins))
    return table.c.link_id.in_(select(Link.id).where(theirs))


def _own_mails(table: Table, share: Share, words: Words) -> ColumnElement[bool]:
    """Those to their addresses; by the row of whom they are to only where that was always the same human being."""
    stays = select(Person.id).where(Person.id.in_(share.people), Person.role.not_in(REPLACED))
    to_them = and_(in_scope(table, share), func.lower(table.c.to_address).in_(words.small_addresses))
    return or_(table.c.person_id.in_(stays), to_them)


def _own_records(table: Table, share: Share, _: Words) -> ColumnElement[bool]:
    placed = exists().where(
        ImportContact.person_id.in_(share.people),
        ImportContact.import_id == table.c.import_id,
        ImportContact.record == table.c.record,
    )
    says_something = or_(table.c.told.cast(Text) != "{}", table.c.undo.cast(Text) != "{}")
    return and_(says_something, or_(placed, table.c.client_id.in_(theirs_alone(share))))


OWNED: Mapping[str, Callable[[Table, Share, Words], ColumnElement[bool]]] = {
    "persons": lambda table, share, _: and_(table.c.id.in_(share.people), table.c.family_name != GONE),
    "accounts": lambda table, share, _: table.c.id.in_(share.logins),
    "sign_ins": lambda table, share, _: table.c.account_id.in_(share.logins),
    "audit_values": _own_values,
    "former_tokens": _behind_links,
    "openings": _behind_links,
    "outbox": _own_mails,
    "successions": lambda table, share, _: or_(
        table.c.owner_id.in_(share.people), table.c.successor_id.in_(share.people)
    ),
    "sign_ups": lambda table, share, words: and_(
        in_scope(table, share), func.lower(table.c.email).in_(words.small_addresses)
    ),
    "clients": lambda table, share, _: and_(table.c.id.in_(theirs_alone(share)), table.c.name != GONE),
    "client_words": lambda table, share, _: table.c.client_id.in_(theirs_alone(share)),
    "import_records": _own_records,
    "decisions": lambda table, share, _: table.c.facts["person_id"].as_integer().in_(share.people),
    "privacy_requests": lambda table, share, _: and_(
        table.c.person_id.in_(share.people),
        or_(*(table.c[name] != "" for name in OWN_COLUMNS["privacy_requests"])),
    ),
    "takeouts": lambda table, share, _: table.c.firm_id == share.firm_id if share.people else false(),
    "api_tokens": lambda table, share, _: and_(
        in_scope(table, share), table.c.account_id.in_(share.logins), table.c.revoked_at.is_(None)
    ),
}
"""By which of their columns rows are theirs, where that is not simply whom they point to."""


def theirs_alone(share: Share) -> Any:
    """The accounts of individuals at which they are the only contact."""
    others = exists().where(ClientContact.client_id == Client.id, ClientContact.person_id.not_in(share.people))
    mine = exists().where(ClientContact.client_id == Client.id, ClientContact.person_id.in_(share.people))
    return select(Client.id).where(Client.firm_id == share.firm_id, Client.kind == ClientKind.INDIVIDUAL, mine, ~others)


def in_scope(table: Table, share: Share) -> ColumnElement[bool]:
    """The rows of their firm, and those of no firm."""
    return or_(*_whose(table, share))


def _whose(table: Table, share: Share) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Which rows are their firm's, and which are no firm's."""
    if table.name == "audit_values":
        case_id = table.c.case_id + 0
        return case_id == (share.case_id if share.case_id is not None else HOUSE), case_id == HOUSE
    ways = _of_firm(table, share.firm_id)
    if not ways:
        return false(), true()
    columns = [table.c[name] for name in _WAYS if name in table.c]
    is_open = bool(columns) and all(column.nullable for column in columns)
    return or_(*ways), and_(*(column.is_(None) for column in columns)) if is_open else false()


def _of_firm(table: Table, firm_id: int | None, seen: tuple[str, ...] = ()) -> list[ColumnElement[bool]]:
    """By which of its columns a row leads to this firm."""
    if table.name == "firms":
        return [table.c.id == firm_id] if firm_id is not None else [false()]
    ways: list[ColumnElement[bool]] = []
    for name in _WAYS:
        if name not in table.c or not table.c[name].foreign_keys:
            continue
        (key,) = table.c[name].foreign_keys
        target = key.column.table
        if target.name == "firms":
            return [table.c[name] == firm_id if firm_id is not None else false()]
        if target.name in (*seen, table.name):
            continue
        leads = _of_firm(target, firm_id, (*seen, table.name))
        if leads:
            ways.append(table.c[name].in_(select(key.column).where(or_(*leads))))
    return ways


def _is_kept(share: Share) -> ColumnElement[bool]:
    """Values of acts that are records of the contract."""
    if share.is_whole:
        return false()
    acts = or_(*(Entry.action.startswith(begins, autoescape=True) for begins in KEPT_ACTS))
    mine = [Value.case_id == share.case_id] if share.case_id is not None else []
    return and_(*mine, exists().where(Entry.case_id == Value.case_id, Entry.number == Value.number, acts))


# ---- the plan

CLASSES: Mapping[str, Collection[str]] = {
    N_("Name, addresses, telephone numbers and settings"): (
        *("persons", "contact_cards", "phones", "contact_tags", "group_members", "portfolio_members"),
        *("client_contacts", "client_access"),
    ),
    N_("Sign-in: account, password, sessions, links and codes"): (
        *("accounts", "sign_ins", "links", "former_tokens", "openings", "codes"),
        *("api_tokens", "provider_tokens"),
    ),
    N_("Accounts of clients that are theirs, or that name them"): ("clients", "client_words"),
    N_("Mails, sent or waiting"): ("outbox", "bulk_recipients", "bulk_invitations"),
    N_("Reminders and entries in inboxes"): ("reminders", "notices", "pauses", "successions"),
    N_("Imports of clients"): ("imports", "import_records", "import_contacts", "import_keys"),
    N_("Registrations on a firm’s page"): ("sign_ups",),
    N_("Messages of other systems"): ("inbox", "api_replies"),
    N_("Questions to operators"): ("decisions",),
    N_("What they have asked about their data"): ("privacy_requests",),
    N_("Archives of all data of the firm, which can be put together again"): ("takeouts",),
    N_("What the audit trail tells of them"): ("audit_values",),
}
"""What people read of the tables; all others are the last line."""
OTHER = N_("Other entries that name them")
RECORDS_OF = N_("Agreement, contract and invoices in which they stand")
ACTS_OF = N_("What the audit trail tells of them about agreement and contract")
WHOLE = N_("The case itself, with everybody in it: it was ended, and nobody has signed")
NUMBERS = N_("Numbers, moments and kinds of acts in the audit trail, which tell of nobody")
WHILE_IT_LIVES = N_("It proves the contract with the firm: as long as that lives, and then as long as the law says.")
WHILE_NEGOTIATED = N_("The agreement with the firm is under way, or was not reached a short time ago.")
STEPS = N_("Art. 6(1)(b) GDPR: steps towards a contract that was asked for")
ACCOUNTABLE = N_("Art. 5(2), 17(3)(b) GDPR")
PROVES = N_("It proves that nothing else in the trail was changed, and says nothing about anybody.")


def plan(session: Session, share: Share, at: datetime) -> Plan:
    """What of this share would go now, and what would stay; nothing goes."""
    words, people = Words.of(session, share), people_of(session, share)
    firm = session.get(Firm, share.firm_id) if share.firm_id is not None else None
    counts: dict[str, int] = {}
    for table in tables():
        number = traces(session, share, words, table).number
        if number:
            counts[table.name] = number
    judge = judge_of(session, share, people, firm)
    return Plan(
        share,
        firm.name if firm else "",
        firm.company_id if firm else None,
        tuple(person.role for person in people),
        judge,
        tuple(obstacles(session, share, words, people, firm, at)),
        tuple(_lines(session, share, counts, firm)),
    )


def people_of(session: Session, share: Share) -> list[Person]:
    """Those of them of whom something is left."""
    people = session.scalars(select(Person).where(Person.id.in_(share.people)).order_by(Person.id))
    return [person for person in people if not is_erased(person)]


def is_erased(person: Person) -> bool:
    """Nothing is left that tells of them but the number."""
    return person.withdrawn_at is not None and person.family_name == GONE and "@" not in person.email


def _lines(session: Session, share: Share, counts: Mapping[str, int], firm: Firm | None) -> Iterator[Line]:
    left = {name: number for name, number in counts.items() if name not in KEPT}
    for what, names in CLASSES.items():
        number = sum(left.pop(name, 0) for name in names)
        if number:
            yield Line(what, number)
    if left:
        yield Line(OTHER, sum(left.values()))
    kept = sum(number for name, number in counts.items() if name in KEPT)
    abouts = [*(f"person:{key}" for key in share.people), *(f"account:{key}" for key in share.logins)]
    acts = select(func.count()).select_from(Value).where(Value.about.in_(abouts), _is_kept(share))
    kept_acts = session.scalars(acts).one()
    why, law, until = _term(session, share, firm)
    if share.is_whole:
        yield Line(WHOLE, 1)
        yield from [Line(RECORDS_OF, kept)] if kept else []
    elif kept:
        yield Line(RECORDS_OF, kept, goes=False, why=why, law=law, until=until)
    if kept_acts:
        yield Line(ACTS_OF, kept_acts, goes=False, why=why, law=law, until=until)
    if counts.get("audit_values"):
        yield Line(NUMBERS, counts["audit_values"], goes=False, why=PROVES, law=ACCOUNTABLE)


def _is_signed(session: Session, case_id: int | None) -> bool:
    signed = select(Agreement.id).where(Agreement.onboarding_id == case_id, Agreement.signed_at.is_not(None))
    return session.scalars(signed.limit(1)).first() is not None


def _term(session: Session, share: Share, firm: Firm | None) -> tuple[str, str, datetime | None]:
    """Why records of the contract stay, by what law, and until when, as far as that is known."""
    case = session.get(Onboarding, share.case_id) if share.case_id is not None else None
    ended = (firm and firm.closed_at) or (case and case.stopped_at) or None
    if _is_signed(session, share.case_id):
        return WHILE_IT_LIVES, RECORDS, CONTRACTS.term.end(ended) if ended else None
    return WHILE_NEGOTIATED, STEPS, NEGOTIATED.term.end(ended) if ended else None


def judge_of(session: Session, share: Share, people: Sequence[Person], firm: Firm | None) -> Judge:
    """Who says whether this share is erased, as things are."""
    roles = {person.role for person in people}
    if roles - {Role.CLIENT}:
        return Judge.OPERATOR if firm is not None and firm.closed_at is None else Judge.NOBODY
    if firm is None or firm.closed_at is not None:
        return Judge.NOBODY
    asked = select(SignUp.id).where(
        SignUp.firm_id == share.firm_id, SignUp.email == share.address, SignUp.confirmed_at.is_not(None)
    )
    return Judge.FIRM if roles or session.scalars(asked.limit(1)).first() is not None else Judge.NOBODY


def obstacles(
    session: Session, share: Share, words: Words, people: Sequence[Person], firm: Firm | None, at: datetime
) -> Iterator[ProvisionError]:
    """What has to be done, or to pass, before anything of this share goes."""
    theirs = or_(Login.id.in_(share.logins), func.lower(Login.email).in_(words.small_addresses))
    working = select(Login.id).where(theirs, or_(Login.is_operator, Login.deactivated_at.is_not(None)))
    is_ours = settings().provider_email.lower() in words.small_addresses
    if is_ours or session.scalars(working.limit(1)).first() is not None:
        yield WorkedHere()
    if firm is not None:
        yield from _of_firms(session, share, words, people, firm, at)


def _of_firms(
    session: Session, share: Share, words: Words, people: Sequence[Person], firm: Firm, at: datetime
) -> Iterator[ProvisionError]:
    until = held(session, share, at)
    if until is not None:
        yield ErasureHeld(firm.name, until)
    case = session.get(Onboarding, share.case_id) if share.case_id is not None else None
    if case is not None and firm.closed_at is None and case.stopped_at is None:
        if any(person.role is Role.ORGANISER and person.registered_at is not None for person in people):
            yield HandOverFirst(firm.name)
        elif any(person.role in (Role.ORGANISER, Role.CONTACT) for person in people):
            yield StillNeeded(firm.name)
        agreement = Agreement.latest(session, case.id)
        if agreement is not None and agreement.delegate_id in share.people and agreement.signed_at is None:
            yield StillAskedToSign(firm.name)
    if firm.closed_at is None:
        mine = select(Recipient.email).where(Recipient.firm_id == firm.id, Recipient.copy == Copy.TO)
        readers = {*session.scalars(mine)}
        if readers and readers <= words.addresses:
            yield StillInvoiced(firm.name)
    if any(session.scalars(query.limit(1)).first() is not None for query in _at_work(share, words)):
        yield StillUnderWay(firm.name)


def held(session: Session, share: Share, at: datetime) -> date | None:
    """The last day of a hold that covers them, by itself, by their firm or by an account at which they are."""
    accounts = select(ClientContact.client_id).where(ClientContact.person_id.in_(share.people))
    whole = and_(Hold.client_id.is_(None), Hold.person_id.is_(None))
    same = select(Person.id).where(Person.firm_id == share.firm_id, Person.email == share.address, Person.email != "")
    mine = or_(whole, Hold.person_id.in_(share.people), Hold.person_id.in_(same), Hold.client_id.in_(accounts))
    standing = select(func.max(Hold.until)).where(
        Hold.firm_id == share.firm_id, Hold.lifted_at.is_(None), Hold.until >= local_day(at), mine
    )
    return session.scalars(standing).one_or_none()


def _at_work(share: Share, words: Words) -> Iterator[Any]:
    """What goes on and bears their data: it would bring back what is erased under its hands."""
    at_work = select(Import.id).where(Import.firm_id == share.firm_id, Import.due_at.is_not(None))
    there = exists().where(ImportContact.import_id == Import.id, ImportContact.person_id.in_(share.people))
    keyed = exists().where(ImportKey.import_id == Import.id, func.lower(ImportKey.key).in_(words.addresses))
    drafts = exists().where(ImportRecord.import_id == Import.id, holds(table_of(ImportRecord).c.draft, words.all))
    yield at_work.where(or_(Import.is_read.is_(False), Import.person_id.in_(share.people), there, keyed, drafts))
    yield select(BulkInvitation.id).where(
        BulkInvitation.person_id.in_(share.people), BulkInvitation.state.in_([BulkState.RUNNING, BulkState.PAUSED])
    )
    yield select(Incoming.id).where(
        Incoming.handled_at.is_(None),
        Incoming.attempts < MOST_ATTEMPTS,
        holds(table_of(Incoming).c.payload, words.all),
    )
