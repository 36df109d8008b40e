"""Who did what, when: one row per act, in a hash chain per case, outliving what it tells of.

What tells of a person, or of a firm, stands beside its entry as a value with a random salt, by whom it is about; the
chain covers its commitment, the SHA-256 of both. So a value can be erased, and the chain still proves all the rest.
"""

import json
import re
import secrets
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, date, datetime
from functools import cache
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, Self

import orjson
from sqlalchemy import (
    ColumnElement,
    ForeignKeyConstraint,
    FromClause,
    Select,
    String,
    UniqueConstraint,
    delete,
    func,
    inspect,
    literal,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from models.db import MUTE, TELLS, Base, Facts, Instant, Key, tells_of
from models.many import insert_all
from models.people.person import known_account

START = "0" * 64
HOUSE = 0
"""The chain of acts that belong to no case: those on operators, on the provider's cadences, and on events that other
systems sent. It also names every case that was opened, so that a chain that is gone is missed."""
VERSION = 2
"""Of entries. Those of version 1 tell all in the clear; ``RENEWED`` closes a chain of them, and names its head."""
RENEWED, ERASED = "chain.renewed", "values.erased"
HEADS_AT_ONCE = 200
"""SQLite takes at most 500 questions in one."""
MACHINES = frozenset({"provision", "operator", "webhook", "command line"})
"""Who acts and is nobody in particular: the product itself, the Prefect UI, which knows no people, another system, who
may run commands on the machine."""

PLAIN = frozenset(
    {
        *("sha256", "texts_sha256", "drawing_sha256", "copy_sha256", "head", "erased", "removed", "files"),
        *("language", "part", "kind", "verdict", "how", "mail", "level", "purpose", "role", "source", "step", "steps"),
        *("expires_at", "until", "arrived_at", "signed_on", "told_at", "period"),
    }
)
"""Facts in words, or by names, that tell of nobody. Numbers, yes and no never do; everything else is taken to."""
OF_WHO_ACTS = frozenset({"by", "by_name", "ip", "agent"})

origin: ContextVar[Mapping[str, str | int]] = ContextVar("origin", default=MappingProxyType({}))
"""Where the one who acts is, as far as known: ``ip`` and ``agent``, or by which ``token`` another system acts, which
then stands in ``by`` as well; in every entry written meanwhile."""


class Actor(Protocol):
    """Who acts, where more is at hand than an address: a person or an account."""

    __tablename__: str
    id: Any

    @property
    def email(self) -> Any: ...

    @property
    def name(self) -> Any: ...


class Parts(list[tuple[str, Any]]):
    """A fact in parts, each with the subject of whom it tells; ``""``: of nobody."""


_SUBJECTS = {
    "persons": "person",
    "accounts": "account",
    "firms": "firm",
    "decisions": "decision",
    "clients": "client",
}


def subject(row: Any) -> str:
    """Of whom the row tells: a person, an account, a firm, its client, or whoever stands in a question."""
    kind = _SUBJECTS.get(row.__tablename__)
    return f"{kind}:{row.id}" if kind else f"firm:{row.firm_id}"


def of(row: Any, fact: object) -> Parts:
    """The fact tells of them. Without this it tells of the person or account that the act names, else of who acts."""
    return Parts([(subject(row), fact)])


def standing(row: Base) -> Facts:
    """What the row holds in the columns of which the trail keeps it, as plain JSON values."""
    return {name: _plain(getattr(row, name)) for name in ("id", *row.EVIDENCE)}


_PLAIN = frozenset({str, int, float, bool, list, dict, type(None)})


def _plain(value: Any) -> Any:
    """Days and moments as ISO has them, other values of columns as they write themselves."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, date):  # A moment is one as well.
        return value.isoformat()
    return value if value is None or isinstance(value, str | int | float | list | dict) else str(value)


def evidence(*rows: Base) -> Parts:
    """How these rows stand from now on, by table. Every act that changes such a row keeps it as its fact ``rows``.

    So the verifier need not know what each act does to them. The rows must have been written. What a column of theirs
    tells of people, as is said where it is defined, can be erased, and the rest stays.
    """
    told: dict[str, dict[str, list[Facts]]] = {}
    for row in rows:
        held = standing(row)
        for whom, names in zip(("", subject(row)), _mute_and_telling(row.__table__, (*held,)), strict=True):
            tables = told.setdefault(whom, {})
            tables.setdefault(row.__tablename__, []).append({name: held[name] for name in names})
    return Parts(told.items())


@cache
def _mute_and_telling(table: FromClause, names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    telling = {name for name in names if table.columns[name].info.get("tells") is not None}
    return tuple(n for n in names if n not in telling), tuple(n for n in names if n in {"id", *telling})


class Head(NamedTuple):
    """The newest entry of a case at some moment."""

    case_id: int
    number: int
    hash: str


class Erasure(NamedTuple):
    """An act by which values were erased: its entry, when, and how many."""

    number: int
    at: datetime
    values: int


class Value(Base):
    """What an entry tells of one subject. Erased with its salt: nobody can even try out what it was."""

    __tablename__ = "audit_values"
    __table_args__ = (
        UniqueConstraint("case_id", "number", "about"),
        ForeignKeyConstraint(["case_id", "number"], ["audit.case_id", "audit.number"]),
    )

    id: Mapped[Key]
    case_id: Mapped[int]
    number: Mapped[int]
    """Of the entry."""
    about: Mapped[str] = mapped_column(String(40), index=True, info=MUTE)
    value: Mapped[Facts] = mapped_column(info=tells_of("about"))
    salt: Mapped[str] = mapped_column(String(64), info=MUTE)

    @property
    def commitment(self) -> str:
        return commitment(self.salt, self.value)


def commitment(salt: str, value: Facts) -> str:
    return sha256(f"{salt}{_canonical_soon(value)}".encode()).hexdigest()


class Entry(Base):
    """One act. ``hash`` covers the entry and the hash before it, so that a later change shows."""

    __tablename__ = "audit"
    __table_args__ = (UniqueConstraint("case_id", "number"),)

    id: Mapped[Key]
    version: Mapped[int] = mapped_column(info=MUTE)
    case_id: Mapped[int] = mapped_column(info=MUTE)
    """The onboarding, or HOUSE; not a foreign key, since entries outlive it."""
    number: Mapped[int] = mapped_column(info=MUTE)
    """Counts from 1 without gaps within the case."""
    at: Mapped[Instant]
    actor_id: Mapped[str] = mapped_column("actor", String(200), info=TELLS)
    """A person or an account, as ``account:5``, one of MACHINES, or ``""`` for somebody who is neither."""
    action: Mapped[str] = mapped_column(String(60), info=MUTE)
    plain: Mapped[Facts] = mapped_column("facts", info=TELLS)
    """What tells of nobody; of version 1 everything."""
    commitments: Mapped[Facts] = mapped_column(info=MUTE)
    """By subject, the SHA-256 of what the entry tells of it."""
    previous: Mapped[str] = mapped_column(String(64), info=MUTE)
    hash: Mapped[str] = mapped_column(String(64), info=MUTE)
    values: Mapped[list[Value]] = relationship(order_by=Value.id, lazy="selectin", viewonly=True)
    """What is left of that."""

    @classmethod
    def after(
        cls,
        before: Head | None,
        case_id: int,
        at: datetime,
        actor_id: str,
        action: str,
        plain: Facts,
        told: Mapping[str, Facts] = MappingProxyType({}),
    ) -> Self:
        """The entry that follows *before*; without one, the first. *told*: what tells of somebody, by subject."""
        made, values = cls.bare_after(before, case_id, at, actor_id, action, plain, told)
        made.values = [Value(**value) for value in values]
        return made

    @classmethod
    def bare_after(
        cls,
        before: Head | None,
        case_id: int,
        at: datetime,
        actor_id: str,
        action: str,
        plain: Facts,
        told: Mapping[str, Facts],
    ) -> tuple[Self, list[Facts]]:
        """The same without its values, and what is to be kept as these, of which there may be very many."""
        number = 1 if before is None else before.number + 1
        salts = secrets.token_hex(32 * len(told))
        values: list[Facts] = []
        commitments: dict[str, str] = {}
        for at_salt, (about, value) in enumerate(told.items()):
            salt = salts[64 * at_salt : 64 * (at_salt + 1)]
            commitments[about] = commitment(salt, value)
            values.append({"case_id": case_id, "number": number, "about": about, "value": value, "salt": salt})
        made = cls(
            case_id=case_id,
            number=number,
            version=VERSION,
            at=at.astimezone(UTC),
            actor_id=actor_id,
            action=action,
            plain=plain,
            commitments=commitments,
            previous=START if before is None else before.hash,
        )
        made.hash = made.computed_hash()
        return made, values

    def computed_hash(self) -> str:
        content: list[object] = [self.case_id, self.number, self.at.isoformat(), self.actor_id, self.action, self.plain]
        if self.version > 1:
            content = [self.version, *content, self.commitments]
        return sha256(f"{self.previous}{canonical(content)}".encode()).hexdigest()

    @property
    def holds(self) -> bool:
        """Whether entry and values are what they were when they were written."""
        is_covered = self.version > 1 or not self.commitments
        return (is_covered and self.hash == self.computed_hash()) and all(
            self.commitments.get(value.about) == value.commitment for value in self.values
        )

    @property
    def erased(self) -> list[str]:
        """The subjects of whom it told what is not there any more."""
        return [*self.commitments] if not self.values else [*self.commitments.keys() - {v.about for v in self.values}]

    @property
    def actor(self) -> str:
        """Whose act it was: by the address that they had then; if that is erased, by id."""
        return next((value.value["by"] for value in self.values if "by" in value.value), self.actor_id)

    @property
    def facts(self) -> Facts:
        """What it tells, as far as it is not erased."""
        return {**_merged([{**self.plain}, *(value.value for value in self.values)])}


_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def canonical(content: object) -> str:
    return _CANONICAL.encode(content)


def _canonical_soon(value: Facts) -> str:
    """The same of one of very many: what writes it in half the time writes some fractions otherwise, and takes less."""
    try:
        written = orjson.dumps(value, option=_SORTED)
    except TypeError:
        return canonical(value)
    return canonical(value) if _MAYBE_A_FRACTION.search(written) else written.decode()


_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_MAYBE_A_FRACTION = re.compile(rb"\d[.e]")


def _merged(parts: Sequence[Any]) -> Any:
    """All in one: rows of the same id as well. Entries of imports have thousands, so each is looked at once."""
    if len(parts) == 1:
        return parts[0]
    if all(isinstance(part, dict) for part in parts):
        by_name = defaultdict[str, list[Any]](list)
        for part in parts:
            for name, fact in part.items():
                by_name[name].append(fact)
        return {name: _merged(facts) for name, facts in by_name.items()}
    if all(isinstance(part, list) for part in parts):
        rows = [row for part in parts for row in part]
        if not all(isinstance(row, dict) and "id" in row for row in rows):
            return rows
        by_id = defaultdict[object, Facts](dict)
        for row in rows:
            by_id[row["id"]] |= row
        return [*by_id.values()]
    return parts[-1]


def record(
    session: Session, case_id: int, now: datetime, action: str, actor: "str | Actor" = "provision", **facts: object
) -> None:
    """Write down an act in the transaction that does it. *facts* are plain JSON values, ``of`` and ``evidence``."""
    record_each(session, {case_id: facts}, now, action, actor)


def record_each(
    session: Session, facts: Mapping[int, Facts], now: datetime, action: str, actor: "str | Actor" = "provision"
) -> None:
    """Write down an act that concerns several cases: *facts* by case, in as many statements for many as for one.

    Whose act it was stands there by id and, as values, by address and the name that they had then.
    """
    session.flush()
    actor_id, who = _who(session, actor)
    if HOUSE in facts:
        _take_turns(session)
    last = {head.case_id: head for head in _heads(session, facts)}
    entries = [
        Entry.bare_after(last.get(case_id), case_id, now, actor_id, action, *_by_subject(case_id, actor_id, told))
        for case_id, case_facts in facts.items()
        for told in [{**who, **case_facts, **origin.get()}]
    ]
    _write(session, [entry for entry, _ in entries], [value for _, values in entries for value in values])


def _take_turns(session: Session) -> None:
    """Chain 0 has no row to lock, as a case has one."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(HOUSE)))


def write(session: Session, entries: Sequence[Entry]) -> None:
    """Add what was made by ``after``, in two statements."""
    columns = ("case_id", "number", "about", "value", "salt")
    values = [{name: getattr(value, name) for name in columns} for entry in entries for value in entry.values]
    _write(session, entries, values)


def _write(session: Session, entries: Sequence[Entry], values: Sequence[Facts]) -> None:
    if entries:
        names = {str(each.columns[0].key): each.key for each in inspect(Entry).column_attrs if each.key != "id"}
        insert_all(session, Entry, [{key: getattr(entry, name) for key, name in names.items()} for entry in entries])
    insert_all(session, Value, values)


def _who(session: Session, actor: "str | Actor") -> tuple[str, Facts]:
    """The id of who acts, and what is known of them; an account is looked up by its address."""
    if not isinstance(actor, str):
        return subject(actor), {"by": actor.email, **({"by_name": actor.name} if actor.name else {})}
    if actor in MACHINES:
        return actor, {}
    account = known_account(session, actor) if "@" in actor else None
    if account is None:
        return "", {"by": actor[:200]}
    return f"account:{account.id}", {"by": actor[:200], **({"by_name": account.name} if account.name else {})}


def _by_subject(case_id: int, actor_id: str, facts: Facts) -> tuple[Facts, dict[str, Facts]]:
    """What tells of nobody, and what tells of whom."""
    who = actor_id if ":" in actor_id else f"case:{case_id}"
    named = next((f"{kind}:{facts[kind]}" for kind in ("person", "account") if facts.get(kind) is not None), who)
    told: dict[str, Facts] = {}
    for name, fact in facts.items():
        whole = "" if name in PLAIN or _is_mute(fact) else who if name in OF_WHO_ACTS else named
        for whom, part in fact if isinstance(fact, Parts) else [(whole, fact)]:
            told[whom] = _merged([told[whom], {name: part}]) if whom in told else {name: part}
    return told.pop("", {}), told


def _is_mute(fact: object) -> bool:
    match fact:
        case None | bool() | int() | float():
            return True
        case list() | tuple():
            return all(map(_is_mute, fact))
    return fact == {}


def erase(session: Session, now: datetime, by: "str | Actor", *which: ColumnElement[bool]) -> int:
    """Forget these values, columns of ``Value`` say which, and tell in each trail of whom, in which entries.

    Their cases must be locked before; of chain 0 this takes care. Returns how many there were.
    """
    session.flush()
    _take_turns(session)
    gone = delete(Value).where(*which).returning(Value.case_id, Value.about, Value.number)
    erased: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    rows = session.execute(gone.execution_options(synchronize_session=False)).tuples().all()
    for case_id, about, number in sorted(rows):
        erased[case_id][about].append(number)
    for entry in session.identity_map.values():
        if isinstance(entry, Entry):
            session.expire(entry, ["values"])
    if erased:
        record_each(session, {case_id: {"erased": told} for case_id, told in erased.items()}, now, ERASED, by)
    return len(rows)


def trail(session: Session, case_id: int) -> list[Entry]:
    """The case's entries in order."""
    return list(session.scalars(select(Entry).where(Entry.case_id == case_id).order_by(Entry.number)))


def newest(session: Session, case_id: int, most: int, *, without: Collection[str] = ()) -> list[Entry]:
    """The last entries in order, but for those of some acts."""
    entries = select(Entry).where(Entry.case_id == case_id, Entry.action.not_in(without))
    return list(session.scalars(entries.order_by(Entry.number.desc()).limit(most)))[::-1]


def heads(session: Session) -> Iterator[Head]:
    """Of every case the newest entry, to be kept where whoever changes this database cannot reach."""
    newest = select(Entry.case_id, func.max(Entry.number)).group_by(Entry.case_id)
    return _at(session, newest)


def _heads(session: Session, case_ids: Iterable[int]) -> Iterator[Head]:
    """The same of these cases, however long their chains are: an index tells the greatest number of one case."""
    asked = [*case_ids]
    for first in range(0, len(asked), HEADS_AT_ONCE):
        yield from _at(session, union_all(*map(_greatest, asked[first : first + HEADS_AT_ONCE])))


def _greatest(case_id: int) -> Select[tuple[int, int]]:
    return select(literal(case_id), func.max(Entry.number)).where(Entry.case_id == case_id)


def _at(session: Session, newest: Any) -> Iterator[Head]:
    entries = select(Entry.case_id, Entry.number, Entry.hash)
    for row in session.execute(entries.where(tuple_(Entry.case_id, Entry.number).in_(newest)).order_by(Entry.case_id)):
        yield Head(*row)


def newest_number(session: Session, case_id: int) -> int:
    """The number of the case's newest entry; 0: it has none."""
    return session.scalar(select(func.max(Entry.number)).where(Entry.case_id == case_id)) or 0


class Chain:
    """A chain proven entry by entry, in the memory of one, and of some bytes for each erased value.

    The chain alone does not tell whether its end was cut off, or whether everything from a changed entry on was
    computed anew. Heads that are *known* from elsewhere (a certificate page, a list kept outside) tell it: of two
    faults that both show, the first one is told.
    """

    def __init__(self, known: Iterable[Head] = ()) -> None:
        self.entries = 0
        self._previous, self._version = START, 1
        self._faults: list[int] = []
        self._known: dict[int, set[str]] = {}
        for head in known:
            self._known.setdefault(head.number, set()).add(head.hash)
        self._gone: dict[str, array[int]] = {}
        """By subject, the entries whose value is not there."""
        self.erasures: list[Erasure] = []
        self._named: dict[str, array[int]] = {}
        """The entries of which an act says that it was erased."""

    def take(self, entry: Entry) -> None:
        """The next entry, in order."""
        self.entries += 1
        if not self._faults and (
            entry.number != self.entries or entry.previous != self._previous or not entry.holds or not self._fits(entry)
        ):
            self._faults.append(self.entries)
        if self._known.pop(self.entries, {entry.hash}) != {entry.hash}:
            self._faults.append(self.entries)
        self._previous, self._version = entry.hash, entry.version
        for about in entry.erased:
            self._gone.setdefault(about, array("q")).append(self.entries)
        if entry.action == ERASED and entry.version > 1:
            erased = _erased_by(entry)
            self.erasures.append(Erasure(self.entries, entry.at, sum(map(len, erased.values()))))
            for about, numbers in erased.items():
                self._named.setdefault(about, array("q")).extend(numbers)

    def meet(self, number: int | None) -> None:
        """Take it that the entry of this *number* is not what it was, as is known from elsewhere."""
        self._faults += [] if number is None else [number]

    def _fits(self, entry: Entry) -> bool:
        """Of two versions, the later one follows an entry that names the head of the earlier one."""
        if self.entries == 1 or entry.version == self._version:
            return entry.version in {1, VERSION}
        closed = {"head": self._previous, "entries": self.entries - 1}
        return (entry.version, entry.action, entry.plain) == (VERSION, RENEWED, closed)

    @property
    def broken(self) -> int | None:
        """Of those taken, the first that is not what it was; the next one if a known head lies behind the end."""
        return min([*self._faults, *([self.entries + 1] if self._known else [])], default=None)

    @property
    def lost(self) -> tuple[int, str] | None:
        """The first value that is gone though no act has erased it: number of its entry, and of whom it told."""
        return self._first(self._gone, self._named)

    @property
    def left(self) -> tuple[int, str] | None:
        """The first value that an act has erased and that is there, or never was."""
        return self._first(self._named, self._gone)

    @staticmethod
    def _first(these: Mapping[str, "array[int]"], those: Mapping[str, "array[int]"]) -> tuple[int, str] | None:
        alone = [(min(numbers), about) for about in these if (numbers := {*these[about]} - {*those.get(about, ())})]
        return min(alone, default=None)


def _erased_by(entry: Entry) -> dict[str, list[int]]:
    """By subject, of which entries this act says that it has erased; whoever changed the entry may say anything."""
    told = entry.plain.get("erased")
    lists = told.items() if isinstance(told, dict) else []
    return {
        about: [number for number in numbers if type(number) is int and 0 < number < 2**63]
        for about, numbers in lists
        if isinstance(numbers, list)
    }


def first_broken(entries: Iterable[Entry], known: Iterable[Head] = ()) -> int | None:
    """Number of the first entry that is missing or not what it was; None if the chain holds."""
    chain = Chain(known)
    for entry in entries:
        chain.take(entry)
    of_values = [number for number, _ in filter(None, (chain.lost, chain.left))]
    return min([*of_values, *([chain.broken] if chain.broken is not None else [])], default=None)
