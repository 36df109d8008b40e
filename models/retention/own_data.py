"""What is stored about a person, for themselves to see and to take along (Art. 15 and 20 GDPR).

Found where an erasure finds it (``models.retention.erasure``), share by share, and by whatever a column says to be
theirs (``models.privacy``). Nothing is told of anybody else: of a text, of JSON and of another's row only those of
their own words are given that stand there, unless it is named here as what tells of nobody else. What is left out is
told, with the reason.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, Column, Enum, LargeBinary, Row, Table, func, or_, select
from sqlalchemy.orm import Session

from models.audit import Entry, Value
from models.clients.imports import ImportContact
from models.clients.sign_up import SignUp
from models.contracts.contract import Recipient
from models.db import UTCDateTime
from models.errors import N_
from models.firm import Firm
from models.people.login import Login
from models.people.person import Person, Role
from models.privacy import leads_to, points, says, telling
from models.retention import erasure
from models.retention.erasure import KEPT, Line, Share, Words, is_erased, plan, traces
from models.retention.rules import RULES

BATCH = 200
"""So many rows are in memory at once."""


class Source(StrEnum):
    """Where something comes from."""

    SELF = "self"
    FIRM = "firm"
    PROVIDER = "provider"
    FILE = "file"
    """Imported from a file of the firm."""
    SYSTEM = "system"
    """Made by the product as it worked."""
    OTHER_SYSTEM = "other_system"


class Seer(StrEnum):
    """Who sees something."""

    FIRM = "firm"
    """Those at the firm who may see this contact, and operators."""
    LEADERS = "leaders"
    """The organiser and administrators, and operators."""
    NOBODY = "nobody"
    """Nobody what one signs in by; operators that and when it was used."""
    OPERATORS = "operators"


class Reason(StrEnum):
    """Why something is named, and not given."""

    SECRET = "secret"  # noqa: S105
    """Somebody could get in by it."""
    OTHERS = "others"
    """It tells of others, or may (Art. 15(4)); their own words that stand there are given."""
    DERIVED = "derived"
    """For searching; it repeats what is given."""
    FILE = "file"
    """A document: given to both sides by mail when it was made, or on request."""


@dataclass(frozen=True)
class Item:
    """What one row tells of them."""

    table: str
    row: Any
    is_own: bool
    """It is theirs as a whole; else it is another's, in which they stand."""
    source: Source
    kind: str
    """Of mails and acts, what it is; else empty."""
    at: datetime | None
    values: Mapping[str, Any]
    withheld: Mapping[str, Reason]
    documents: tuple[int, ...] = ()
    """Files to which it leads."""

    @property
    def chapter(self) -> "Chapter":
        return chapter_of(self.table)


@dataclass(frozen=True)
class Chapter:
    """A class of what is stored."""

    name: str
    """As files have it, and stays."""
    what: str
    """A sentence of the catalogues, as is *kept*."""
    tables: tuple[str, ...]
    seen_by: Seer
    kept: str
    rule: str
    """The rule of the table of terms by which it goes, of which *kept* tells the number."""

    @property
    def number(self) -> int:
        """Days or years."""
        return next(rule.term.number for rule in RULES if rule.name == self.rule)


_LIVES = N_(
    "As long as the contract with the firm lives, and then to the end of the calendar year and %(number)s more years."
)
_CLIENT = N_("As long as the firm keeps them; at the latest until %(number)s days after its account was closed.")
_QUESTIONS = N_("For %(number)s days after the answer; what is about the contract, as long as that.")
_MAILS = N_("For %(number)s days after it was sent.")
CHAPTERS = (
    Chapter(
        "contact",
        N_("Name, addresses, telephone numbers and settings"),
        (
            *("persons", "contact_cards", "phones", "contact_tags", "group_members", "portfolio_members"),
            *("client_contacts", "client_access", "staff"),
        ),
        Seer.FIRM,
        _CLIENT,
        "clients of closed accounts",
    ),
    Chapter(
        "sign_in",
        N_("Sign-in: account, password, sessions, links and codes"),
        (
            *("accounts", "sign_ins", "links", "former_tokens", "openings", "codes", "api_tokens"),
            "provider_tokens",
        ),
        Seer.NOBODY,
        N_("The account as long as anything is opened by it; links for %(number)s days after they open nothing."),
        "links",
    ),
    Chapter(
        "accounts",
        N_("Accounts of clients"),
        ("clients", "client_words"),
        Seer.FIRM,
        _CLIENT,
        "clients of closed accounts",
    ),
    Chapter(
        "mails",
        N_("Mails, sent or waiting"),
        ("outbox", "bulk_recipients", "bulk_invitations"),
        Seer.LEADERS,
        _MAILS,
        "mails",
    ),
    Chapter(
        "reminders",
        N_("Reminders and entries in inboxes"),
        ("reminders", "notices", "pauses", "successions"),
        Seer.LEADERS,
        N_("For %(number)s days after they are over."),
        "reminders",
    ),
    Chapter(
        "imports",
        N_("Imports of clients"),
        ("imports", "import_records", "import_contacts", "import_keys"),
        Seer.LEADERS,
        N_("For %(number)s days after the import."),
        "imports",
    ),
    Chapter(
        "sign_ups",
        N_("Registrations on a firm’s page"),
        ("sign_ups",),
        Seer.FIRM,
        N_("For %(number)s days after the firm has answered."),
        "sign-ups answered",
    ),
    Chapter(
        "events",
        N_("Messages of other systems"),
        ("inbox", "api_replies"),
        Seer.OPERATORS,
        N_("For %(number)s days after they were handled."),
        "events",
    ),
    Chapter(
        "requests",
        N_("Requests about own data"),
        ("privacy_requests",),
        Seer.LEADERS,
        N_("For %(number)s days after the answer."),
        "privacy requests",
    ),
    Chapter(
        "questions", N_("Questions to operators"), ("decisions",), Seer.OPERATORS, _QUESTIONS, "questions answered"
    ),
    Chapter(
        "acts", N_("What the audit trail tells"), ("audit_values", "audit"), Seer.LEADERS, _LIVES, "accounts closed"
    ),
    Chapter(
        "records",
        N_("Agreement, contract and invoices"),
        (*sorted(KEPT), "documents", "invoice_recipients"),
        Seer.LEADERS,
        _LIVES,
        "accounts closed",
    ),
    Chapter("other", N_("Other entries with the name or address"), (), Seer.OPERATORS, _LIVES, "accounts closed"),
)
_OF_STAFF = {"contact": (_LIVES, "accounts closed")}
"""How long what is theirs is kept of those who work at the firm, where that is not what counts for its clients."""

SECRETS = {("accounts", "password_hash")}
DERIVED = {
    *(("clients", name) for name in ("name_key", "company_key")),
    *(("client_words", name) for name in ("names", "contacts", "places")),
    *(("import_records", name) for name in ("name_key", "number")),
    ("firms", "search"),
}
_PLACE = ("street", "postcode", "city", "country")
VERBATIM: Mapping[str, frozenset[str]] = {
    "persons": frozenset(
        {"email", "given_name", "family_name", "language", "address_form", "land", "postcode", "time_zone", "hours"}
    ),
    "accounts": frozenset({"email", "name", "external_id", "absent_from", "absent_until", "language", "address_form"}),
    "contact_cards": frozenset({"title", "website", *_PLACE}),
    "phones": frozenset({"number"}),
    "clients": frozenset({"name", "company_name", "number", "website", "vat_id", *_PLACE}),
    "outbox": frozenset({"to_name", "to_address", "language", "address_form"}),
    "sign_ups": frozenset({"email", "given_name", "family_name", "company_name", "language", "address_form", *_PLACE}),
    "api_tokens": frozenset({"name"}),
    "provider_tokens": frozenset({"name"}),
    "logo_permissions": frozenset({"website"}),
}
"""Columns of rows of their own that tell of nobody else."""
THEIR_WORDS: Mapping[str, frozenset[str]] = {
    "agreements": frozenset(
        {"delegate_function", "signer", "signer_function", "signer_ip", "signer_agent", "decline_reason"}
    ),
    "consents": frozenset({"answered_name", "reason"}),
    "privacy_requests": frozenset({"words", "extension", "reason"}),
}
"""Columns given if they say of themselves to be theirs: what they have written, and by what they have signed."""
PLAIN_KEYS = frozenset(
    {
        *("role", "language", "address_form", "time_zone", "land", "hours", "purpose", "verdict", "change"),
        *("step", "function", "rank", "rhythm", "state"),
    }
)
"""Facts in mails and in the trail that tell how, and of nobody."""
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)?")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
_SOURCES: Mapping[str, Source] = {
    **dict.fromkeys(
        ("sign_ups", "accounts", "agreements", "consents", "logo_permissions", "privacy_requests"), Source.SELF
    ),
    **dict.fromkeys(("imports", "import_records", "import_contacts", "import_keys"), Source.FILE),
    **dict.fromkeys(("inbox",), Source.OTHER_SYSTEM),
    **dict.fromkeys(("outbox", "sign_ins", "links", "former_tokens", "openings", "codes"), Source.SYSTEM),
    **dict.fromkeys(("audit", "audit_values", "reminders", "notices", "client_words"), Source.SYSTEM),
    **dict.fromkeys(("bulk_recipients", "documents", "takeouts", "api_replies"), Source.SYSTEM),
    **dict.fromkeys(("decisions", "holds", "pauses", "provider_tokens"), Source.PROVIDER),
}


def chapter_of(table: str) -> Chapter:
    return next((each for each in CHAPTERS if table in each.tables), CHAPTERS[-1])


# ---- whose


def shares(session: Session, who: str, *, only_address: bool = False) -> list[Share]:
    """What is stored of somebody, firm by firm, and last what belongs to no firm; none: nothing is.

    *who* as ``erasure.shares`` takes it. *only_address*: whoever asks has proven this mailbox and nothing more, so an
    account with another address is left out.
    """
    try:
        found = erasure.shares(session, who)
    except erasure.WhoUnknown:
        return []
    mine = select(Person).where(Person.id.in_([each for share in found for each in share.people]))
    people = [person for person in session.scalars(mine) if not is_erased(person)]
    keys = {person.account_id for person in people if person.account_id is not None}
    address = who.strip().lower()
    by = or_(Login.id.in_(keys), func.lower(Login.email) == address)
    logins = [row.id for row in session.scalars(select(Login).where(by).order_by(Login.id)) if "@" in row.email]
    if only_address:
        named = select(Login.id).where(Login.id.in_(logins), func.lower(Login.email) == address)
        logins = [*session.scalars(named)]
    living = {person.id for person in people}
    told = [
        Share(share.address, share.firm_id, share.case_id, tuple(key for key in share.people if key in living))
        for share in found
        if share.firm_id is not None
    ]
    told = [share for share in told if share.people or share.address]
    own = [share.address for share in found if share.firm_id is None]
    if logins or own:
        address = session.scalars(select(Login.email).where(Login.id.in_(logins))).first() or own[0]
        told.append(Share(address, logins=tuple(logins)))
    return told


@dataclass(frozen=True)
class Told:
    """What one firm, or the provider, has of somebody."""

    share: Share
    firm: str
    """Its name; empty: it belongs to no firm."""
    company_id: int | None
    roles: tuple[Role, ...]
    is_firms: bool
    """The firm answers for it, and the provider processes it on its behalf (Art. 28); else the provider answers."""
    counts: Mapping[str, int]
    """By the name of the chapter, how many entries there are."""
    stays: tuple[Line, ...]
    """What would stay if an erasure were asked for."""

    @property
    def chapters(self) -> list[Chapter]:
        told = [chapter for chapter in CHAPTERS if self.counts.get(chapter.name)]
        staff = any(role is not Role.CLIENT for role in self.roles)
        return [_as_of_staff(chapter) if staff and chapter.name in _OF_STAFF else chapter for chapter in told]


def _as_of_staff(chapter: Chapter) -> Chapter:
    kept, rule = _OF_STAFF[chapter.name]
    return Chapter(chapter.name, chapter.what, chapter.tables, Seer.LEADERS, kept, rule)


def told(session: Session, share: Share, at: datetime) -> Told:
    """What there is of this share; what is in it tells ``items``."""
    counts: dict[str, int] = {}
    for where in _places(session, share):
        name = chapter_of(where.table.name).name
        counts[name] = counts.get(name, 0) + len(where.keys)
    people = session.scalars(select(Person).where(Person.id.in_(share.people)).order_by(Person.id)).all()
    roles = tuple(person.role for person in people)
    firm = session.get(Firm, share.firm_id) if share.firm_id is not None else None
    is_firms = firm is not None and not {*roles} - {Role.CLIENT}
    if is_firms and not roles:
        reader = select(Recipient.id).where(
            Recipient.firm_id == share.firm_id, func.lower(Recipient.email) == share.address
        )
        is_firms = session.scalars(reader.limit(1)).first() is None
    stays = tuple(plan(session, share, at).stays) if firm is not None else ()
    number = firm.company_id if firm else None
    return Told(share, firm.name if firm else "", number, roles, is_firms, counts, stays)


# ---- what


@dataclass
class _Where:
    """Rows of one table that tell of them."""

    table: Table
    own: set[Any]
    keys: list[Any] = field(default_factory=list)


class _Keys(dict[str, list[int]]):
    """By table, the numbers by which a row points to them."""

    def __init__(self, session: Session, share: Share) -> None:
        organises = select(Person.id).where(Person.id.in_(share.people), Person.role == Role.ORGANISER)
        is_organiser = session.scalars(organises.limit(1)).first() is not None
        super().__init__(
            persons=[*share.people],
            accounts=[*share.logins],
            onboardings=[share.case_id] if share.case_id is not None and is_organiser else [],
        )


def _sought(session: Session, share: Share) -> Words:
    """By what they are looked for. Where no row is theirs only by the address: any name may have been typed with it."""
    words = Words.of(session, share)
    return words if share.people or share.logins else replace(words, names=frozenset())


def _places(session: Session, share: Share) -> Iterator[_Where]:
    words, keys = _sought(session, share), _Keys(session, share)
    subjects = {*words.addresses, *(f"person:{key}" for key in share.people)}
    subjects |= {f"account:{key}" for key in share.logins}
    found: list[_Where] = []
    for table in erasure.tables():
        if table.name == "audit_values":
            continue
        where = _in_table(session, share, words, keys, subjects, table)
        if table.name == "decisions":
            subjects |= {f"decision:{key}" for key in where.keys}
        found.append(where)
    found.append(_in_trail(session, share, words, subjects))
    yield from (where for where in found if where.keys)


def _in_table(session: Session, share: Share, words: Words, keys: _Keys, named: set[str], table: Table) -> _Where:
    if table.name in ("takeouts", "former_tokens"):  # All of the firm; and how links were called before.
        return _Where(table, set())
    here = traces(session, share, words, table)
    (key,) = table.primary_key.columns
    theirs = points(table, keys)
    ways = [theirs, *(says(column, keys, named) for column in telling(table))]
    ways += [func.lower(table.c.key).in_(words.small_addresses)] if table.name == "import_keys" else []
    scope = erasure.in_scope(table, share)
    rows = session.execute(select(key, theirs).where(or_(*ways), scope).order_by(key)).tuples().all()
    own = {*here.own, *(row for row, is_own in rows if is_own)}
    if table.name in erasure.OWNED or table.name == "outbox":
        own = {*here.own}
    if table.name in ("persons", "accounts"):
        rows = [(row, True) for row in keys[table.name]]
        own = {*keys[table.name]}
        return _Where(table, own, sorted(own))
    return _Where(table, own, sorted({*here.own, *here.named, *(row for row, _ in rows)}))


def _in_trail(session: Session, share: Share, words: Words, subjects: set[str]) -> _Where:
    """With the acts that an erasure leaves alone."""
    table = Value.__table__
    assert isinstance(table, Table)
    own = table.c.about.in_(sorted(subject for subject in subjects if subject.startswith(("person:", "account:"))))
    asked = table.c.about.in_(sorted(subject for subject in subjects if subject.startswith("decision:")))
    named = or_(asked, erasure.named_in(table, share, words))
    where = or_(own, named)
    if share.firm_id is not None:
        where = erasure.in_scope(table, share) & where
    rows = session.execute(select(table.c.id, own).where(where).order_by(table.c.id)).tuples().all()
    return _Where(table, {row for row, is_own in rows if is_own}, [row for row, _ in rows])


def items(session: Session, share: Share, most: int | None = None) -> Iterator[Item]:
    """Everything of this share, table by table, the newest first, a batch at a time; up to *most* of each chapter."""
    words, keys = Words.of(session, share), _Keys(session, share)
    named = {*words.addresses}
    imported = {*session.scalars(select(ImportContact.person_id).where(ImportContact.person_id.in_(share.people)))}
    wished = _has_wished(session, share)
    left: dict[str, int] = {}
    for where in _places(session, share):
        rows = where.keys[::-1]
        if most is not None:
            name = chapter_of(where.table.name).name
            rows = rows[: left.setdefault(name, most)]
            left[name] -= len(rows)
        for start in range(0, len(rows), BATCH):
            for row in _rows(session, where.table, keys, named, rows[start : start + BATCH]):
                yield _item(row, where, words, imported, has_wished=wished)


def _has_wished(session: Session, share: Share) -> bool:
    wish = select(SignUp.id).where(
        SignUp.firm_id == share.firm_id, SignUp.email == share.address, SignUp.confirmed_at.is_not(None)
    )
    return session.scalars(wish.limit(1)).first() is not None


def _rows(session: Session, table: Table, keys: _Keys, named: set[str], some: Sequence[Any]) -> Sequence[Row[Any]]:
    """These rows, with what their columns say to be theirs."""
    (key,) = table.primary_key.columns
    shown = [column for column in table.columns if not isinstance(column.type, LargeBinary)]
    self_said = [
        says(column, keys, named).label(f"says_{column.name}")
        for column in telling(table)
        if column.name in THEIR_WORDS.get(table.name, ())
    ]
    query = select(*shown, *self_said).where(key.in_(some)).order_by(key.desc())
    if table.name == "audit_values":
        act = Entry.__table__
        assert isinstance(act, Table)
        query = query.add_columns(act.c.at.label("act_at"), act.c.action.label("act_kind"))
        query = query.join(act, (act.c.case_id == table.c.case_id) & (act.c.number == table.c.number))
    return session.execute(query).all()


def _item(row: Row[Any], where: _Where, words: Words, imported: set[int], *, has_wished: bool) -> Item:
    table, held = where.table, dict(zip(row._fields, row, strict=True))
    (key,) = table.primary_key.columns
    is_own = held[key.name] in where.own
    values: dict[str, Any] = {}
    withheld: dict[str, Reason] = {}
    for column in table.columns:
        if isinstance(column.type, LargeBinary) or column.primary_key or held[column.name] in EMPTY:
            continue
        value, reason = _told(column, held, words, is_own=is_own)
        values |= {} if value in EMPTY else {column.name: value}
        withheld |= {column.name: reason} if reason is not None else {}
    documents = tuple(held[each.name] for each in table.columns if leads_to(each, "documents") and held[each.name])
    if documents:
        withheld["files"] = Reason.FILE
    if table.name == "audit_values":
        kind, at = held["act_kind"], held["act_at"]
    else:
        kind = str(held["kind"]) if table.name in ("outbox", "notices", "decisions") else ""
        at = next((held[name] for name in _MOMENTS if held.get(name) is not None), None)
    source = _source(table.name, held, imported, has_wished=has_wished)
    return Item(table.name, held[key.name], is_own, source, kind, at, values, withheld, documents)


def _told(column: Column[Any], held: Mapping[str, Any], words: Words, *, is_own: bool) -> tuple[Any, Reason | None]:
    """What of this column is given, and why not all of it."""
    table, value = column.table.name, held[column.name]
    if column.info.get("tells") is None:
        tells_how = is_own and isinstance(column.type, UTCDateTime | Boolean | Enum)
        return (value if tells_how else None), None
    reason = _why_not(table, column.name)
    if reason is not None:
        return None, reason
    if held.get(f"says_{column.name}") or (is_own and column.name in VERBATIM.get(table, ())):
        return value, None
    part, is_whole = _part(value, words, plain=is_own and table in _IN_PART)
    return part, None if is_whole else Reason.OTHERS


EMPTY: tuple[Any, ...] = (None, "", {}, [])
_IN_PART = frozenset({"outbox", "audit_values", "contact_cards", "notices"})
"""Of JSON in these rows of their own also what tells of nobody is given."""
_MOMENTS = ("created_at", "added_at", "asked_at", "at", "made_at", "sent_at", "began_at", "opened_at", "received_at")


def _why_not(table: str, column: str) -> Reason | None:
    if (table, column) in SECRETS:
        return Reason.SECRET
    return Reason.DERIVED if (table, column) in DERIVED else None


def _source(table: str, held: Mapping[Any, Any], imported: set[int], *, has_wished: bool) -> Source:
    if table == "persons":
        if held["role"] == Role.ORGANISER:
            return Source.PROVIDER
        if held["id"] in imported:
            return Source.FILE
        return Source.SELF if has_wished and held["role"] == Role.CLIENT else Source.FIRM
    if table in ("contact_cards", "phones") and held["person_id"] in imported:
        return Source.FILE
    return _SOURCES.get(table, Source.FIRM)


def _part(value: Any, words: Words, *, plain: bool) -> tuple[Any, bool]:
    """What of a text or of JSON may be told to them, and whether that is all of it. *plain*: of how it is as well."""
    match value:
        case dict():
            return _part_of_object(value, words, plain=plain)
        case list():
            parts = [_part(each, words, plain=plain) for each in value]
            return [part for part, _ in parts if part not in EMPTY], all(whole for _, whole in parts)
        case str() if not isinstance(value, StrEnum):
            return _words_in(value, words, plain=plain)
        case None:
            return None, True
    is_number = isinstance(value, int | float) and abs(value) < LONG
    is_mute = is_number or isinstance(value, bool | StrEnum | date)
    return (value, True) if plain and is_mute else (None, False)


LONG = 10**7
"""A number as long as this may be a telephone's."""


def _part_of_object(value: Mapping[str, Any], words: Words, *, plain: bool) -> tuple[Any, bool]:
    made: dict[str, Any] = {}
    is_whole = True
    for key, each in value.items():
        if not _KEY.fullmatch(key):  # It may be anybody's name.
            part, whole = _part(each, words, plain=False)
            if part not in EMPTY:
                made.setdefault("entries", []).append(part)
        elif key == "id" or key.endswith(("_id", "ids")):
            continue
        else:
            is_kind = plain and key in PLAIN_KEYS and isinstance(each, str)
            part, whole = (each, True) if is_kind else _part(each, words, plain=plain)
            made |= {} if part in EMPTY else {key: part}
        is_whole = is_whole and whole
    return made, is_whole


_KEY = re.compile(r"[a-z_]{1,40}")


def _words_in(text: str, words: Words, *, plain: bool) -> tuple[Any, bool]:
    """Their words that stand there."""
    if text == "" or (plain and (MOMENT.fullmatch(text) or DAY.fullmatch(text))):
        return text, True
    small = text.strip().lower()
    if any(small == word.lower() for word in words.all):
        return text, True
    there = words.those_in(text)
    return there or None, False
