"""The verifier: what the audit trails say, held against everything in the database that says it too.

A trail is proven by itself (its hashes), by heads that stand elsewhere (in sealed agreements, in a list kept outside),
and by what it tells of: the rows that repeat it, the documents that it names, the seals of signed agreements, the list
of all cases in chain 0. Whoever forges one of them has to forge all, and the seal of every later agreement.

``verify`` reads a hundred cases at a time, with a number of queries that does not grow with theirs.
"""

import base64
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from heapq import merge
from itertools import groupby, islice, starmap
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from models.agreement import Agreement
from models.audit import HOUSE, Chain, Entry, Head
from models.db import Facts, reading
from models.document import Document
from models.onboarding import Onboarding
from models.person import Account
from tasks.sandbox import Failed, TooCostly, ask
from tasks.seal import known_certificates

T = TypeVar("T")
CASES_AT_ONCE = 100
SEALS_AT_ONCE = 4
"""Files that one limited process looks into."""


class Kind(StrEnum):
    """What can be wrong."""

    CHANGED = "changed"
    MISSING = "missing"
    NO_TRAIL = "no_trail"
    NO_CASE = "no_case"
    NOT_LISTED = "not_listed"
    ROW = "row"
    NO_ROW = "no_row"
    FILE = "file"
    NO_FILE = "no_file"
    SEAL = "seal"
    STRANGE_SEAL = "strange_seal"
    UNCHECKED = "unchecked"
    UNREADABLE = "unreadable"


FOUND = {
    Kind.CHANGED: "entry {number} of {entries} is not what it was when it was written",
    Kind.MISSING: "entry {number} is missing, there are {entries}",
    Kind.NO_TRAIL: "there is no trail at all",
    Kind.NO_CASE: "the case is gone, only its trail is left",
    Kind.NOT_LISTED: "chain 0 does not know that this case was opened",
    Kind.ROW: "{what}: the database says {is_so}, the trail {was_so}",
    Kind.NO_ROW: "{what} is gone, and the trail tells of it",
    Kind.FILE: "{what} is not the file that the trail names ({sha256})",
    Kind.NO_FILE: "{what} is gone, and the trail names it ({sha256})",
    Kind.SEAL: "the seal of {what} is broken, or it has none: the file was changed after it was sealed",
    Kind.STRANGE_SEAL: "{what} is sealed with a certificate that is not known here (SHA-256 {sha256})",
    Kind.UNCHECKED: "the seal of {what} could not be checked, because that took too much time or memory",
    Kind.UNREADABLE: "something in its entries or rows is of a shape that the product never writes",
}
TO_DO = {
    Kind.CHANGED: "Entries before it hold; compare the rest with a backup or an export from before.",
    Kind.MISSING: "Look for it in a backup or an export from before.",
    Kind.NO_TRAIL: "Restore it from a backup.",
    Kind.NO_CASE: "Restore the case from a backup.",
    Kind.NOT_LISTED: "Find out who has put it there: the product lists every case that it opens.",
    Kind.ROW: "Believe the trail where it holds, and find out who has changed the row.",
    Kind.NO_ROW: "Restore it from a backup.",
    Kind.FILE: "Restore it from a backup, or from the copy that both sides got by mail; its sum must be this one.",
    Kind.NO_FILE: "Restore it from a backup, or from the copy that both sides got by mail; its sum must be this one.",
    Kind.SEAL: "Restore it from a backup, or from the copy that both sides got by mail.",
    Kind.STRANGE_SEAL: (
        "If it is an earlier certificate of yours, or of another machine, name it by PROVISION_SEAL_KNOWN;"
        " otherwise the file is not yours."
    ),
    Kind.UNCHECKED: "Try again while the machine has little to do; if it stays so, the file is not what was sealed.",
    Kind.UNREADABLE: "Restore it from a backup, and find out who has written there.",
}
UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, StatementError)
"""What reading rows raises that somebody has forged carelessly."""


@dataclass(frozen=True)
class Fault:
    """Something that is not as it was written down; as text, a sentence that says what was found and what to do."""

    case_id: int
    kind: Kind
    facts: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        where = "Chain 0" if self.case_id == HOUSE else f"Case {self.case_id}"
        return f"{where}: {FOUND[self.kind].format(**self.facts)}. {TO_DO[self.kind]}"


@dataclass(frozen=True)
class Verified:
    """What became of one trail."""

    case_id: int
    entries: int
    faults: tuple[Fault, ...] = ()

    @property
    def is_whole(self) -> bool:
        return not self.faults


def unseen(*, with_list: bool) -> list[str]:
    """What ``verify`` cannot see, in lines."""
    if with_list:
        return ["What was written after the list was kept is proven by itself only: keep a new list."]
    return [
        "No list of heads was given. So this cannot see entries cut off behind the newest signed agreement of a case,",
        "the trail of a case without one, if it was written anew together with its rows, nor the whole database",
        "exchanged for another, or for an older one. Keep a list outside, and give it next time:",
        "provision audit heads > heads, then provision audit verify --heads heads",
    ]


def verify(known: Iterable[Head] = (), only: int | None = None) -> Iterator[Verified]:
    """Prove the trail of each case, or of *only* one, and of chain 0, also against heads *known* from elsewhere.

    A case that is there, or known, and has no entries at all, has lost its trail. Whoever calls sees every case, in
    order, chain 0 last.
    """
    heads: dict[int, list[Head]] = {}
    for head in known:
        heads.setdefault(head.case_id, []).append(head)
    house = _House(heads.pop(HOUSE, []))
    seals = _Seals()
    for ids in [[only]] if only is not None else _batches(sorted(heads)):
        yield from _readable(ids, lambda session, ids: _verified(session, ids, heads, house, seals))
    if only is None:
        yield from _readable([HOUSE], lambda session, _: house.verified(session))


def _readable(ids: Sequence[int], look: Callable[[Session, Sequence[int]], Iterator[Verified]]) -> Iterator[Verified]:
    """What *look* finds; where rows are of a shape that the product never writes, one case holds up no other."""
    try:
        with reading() as session:
            found = list(look(session, ids))
    except UNREADABLE:
        if len(ids) == 1:
            found = [Verified(ids[0], 0, (Fault(ids[0], Kind.UNREADABLE),))]
        else:
            found = [one for case_id in ids for one in _readable([case_id], look)]
    yield from found


def _batches(named: Sequence[int]) -> Iterator[list[int]]:
    """The ids of all cases that have a trail or a row, or are *named*, some at a time."""
    after = HOUSE
    while True:
        with reading() as session:
            trails = select(Entry.case_id).where(Entry.case_id > after).distinct().order_by(Entry.case_id)
            rows = select(Onboarding.id).where(Onboarding.id > after).order_by(Onboarding.id)
            found = [session.scalars(query.limit(CASES_AT_ONCE)).all() for query in (trails, rows)]
        following = sorted({*found[0], *found[1], *(one for one in named if one > after)})[:CASES_AT_ONCE]
        if not following:
            return
        yield following
        after = following[-1]


def _verified(
    session: Session, ids: Sequence[int], known: Mapping[int, list[Head]], house: "_House", seals: "_Seals"
) -> Iterator[Verified]:
    rows = {row.id: row for row in session.scalars(select(Onboarding).where(Onboarding.id.in_(ids)))}
    versions: dict[int, list[Agreement]] = {}
    for one in session.scalars(select(Agreement).where(Agreement.onboarding_id.in_(ids)).order_by(Agreement.version)):
        versions.setdefault(one.onboarding_id, []).append(one)
    tales = {case_id: _Tale(case_id) for case_id in ids}
    files = _Files(session, [one for each in versions.values() for one in each], seals)
    chains = {case_id: Chain([*known.get(case_id, []), *files.heads(versions.get(case_id, []))]) for case_id in ids}
    house.meet(session, files.house_heads)
    with _entries(session, ids) as entries:
        for entry in entries:
            chains[entry.case_id].take(entry)
            tales[entry.case_id].hear(entry)
    files.read({digest for tale in tales.values() for digest in tale.named})
    for case_id in ids:
        chain, faults = chains[case_id], []
        if not chain.entries:
            faults.append(Fault(case_id, Kind.NO_TRAIL))
        elif chain.broken is not None:
            kind = Kind.MISSING if chain.broken > chain.entries else Kind.CHANGED
            faults.append(Fault(case_id, kind, {"number": chain.broken, "entries": chain.entries}))
        if case_id not in rows:
            faults.append(Fault(case_id, Kind.NO_CASE))
        if chain.entries and case_id in rows:
            faults += tales[case_id].against(rows[case_id], versions.get(case_id, []), files)
        faults += files.faults(tales[case_id], versions.get(case_id, []))
        yield Verified(case_id, chain.entries, tuple(faults))


@contextmanager
def _entries(session: Session, ids: Sequence[int]) -> Iterator[Iterator[Entry]]:
    """In order; not kept by the session, so that memory stays."""
    query = select(Entry).where(Entry.case_id.in_(ids)).order_by(Entry.case_id, Entry.number)
    with session.scalars(query.execution_options(yield_per=500)) as found:

        def let_go(entry: Entry) -> Entry:
            session.expunge(entry)
            return entry

        yield map(let_go, found)


# ---- what a trail tells, and the rows that repeat it


UNSIGNED: Facts = {
    **dict.fromkeys(("signed_at", "signed_on", "signed_how", "signer", "signer_email", "signer_function", "drawing")),
    "code_used": False,
}
UNREAD: Facts = {"viewed_at": None, "parts_read": {}}
UNSENT: Facts = {
    **UNSIGNED,
    **UNREAD,
    **dict.fromkeys(("delegated_at", "delegate_function", "uploaded", "declined_at", "decline_reason", "expired_at")),
    **dict.fromkeys(("withdrawn_at", "withdrawn_by", "withdraw_reason", "countersigned_at", "countersigned_by")),
    **dict.fromkeys(("final", "sent_at", "data", "document")),
}


def _signature(entry: Entry) -> Facts:
    facts, arrived = entry.facts, entry.facts.get("arrived_at")
    return {
        "signed_at": datetime.fromisoformat(arrived) if arrived else entry.at,
        "signed_on": facts.get("signed_on"),
        "signed_how": facts.get("how"),
        "signer": facts.get("signer"),
        "signer_email": facts.get("email"),
        "signer_function": facts.get("function"),
        "code_used": facts.get("code"),
        "drawing": facts.get("drawing_sha256"),
        "uploaded": facts.get("copy_sha256"),
    }


CASE: dict[str, Callable[[Entry], Facts]] = {
    "case.opened": lambda entry: {"opened_at": entry.at},
    "case.stopped": lambda entry: {"stopped_at": entry.at},
    "case.taken_up": lambda _: {"stopped_at": None},
    "case.finished": lambda entry: {"finished_at": entry.at},
}
"""What each act says of the columns of its case."""
AGREEMENT: dict[str, Callable[[Entry], Facts]] = {
    "agreement.sent": lambda entry: {
        **UNSENT,
        "sent_at": entry.at,
        "data": entry.facts.get("data_sha256"),
        "document": entry.facts.get("sha256"),
    },
    "agreement.delegated": lambda entry: {
        **UNREAD,
        "delegated_at": entry.at,
        "delegate_function": entry.facts.get("function"),
    },
    "agreement.taken_back": lambda _: {**UNREAD, "delegated_at": None, "delegate_function": None},
    "agreement.opened": lambda entry: {"viewed_at": entry.at},
    "agreement.uploaded": lambda entry: {"uploaded": entry.facts.get("sha256")},
    "agreement.signed": _signature,
    "agreement.reopened": lambda _: {**UNSIGNED, "uploaded": None},
    "agreement.declined": lambda entry: {"declined_at": entry.at, "decline_reason": entry.facts.get("reason")},
    "agreement.expired": lambda entry: {"expired_at": entry.at},
    "agreement.withdrawn": lambda entry: {
        "withdrawn_at": entry.at,
        "withdrawn_by": entry.actor,
        "withdraw_reason": entry.facts.get("reason"),
    },
    "agreement.countersigned": lambda entry: {
        "countersigned_at": entry.at,
        "countersigned_by": entry.facts.get("name"),
    },
    "agreement.completed": lambda entry: {"final": entry.facts.get("sha256")},
}
"""What each act says of the columns of the newest version; a document stands for its column by its SHA-256."""
NAMES = {
    "agreement.sent": {"sha256": "the agreement as it was sent", "texts_sha256": "the texts that it was made of"},
    "agreement.uploaded": {"sha256": "the signed copy that came back"},
    "agreement.copy_unjudged": {"sha256": "a signed copy that came back and nobody judged"},
    "agreement.signed": {"drawing_sha256": "the drawn signature"},
    "agreement.completed": {"sha256": "the agreement signed by both sides"},
}
"""The facts in which acts name documents, and what these are."""


class _Tale:
    """What a case's trail says of its rows and documents, entry by entry."""

    def __init__(self, case_id: int) -> None:
        self.case_id = case_id
        self.case: Facts = {"opened_at": None, "stopped_at": None, "finished_at": None}
        self.agreements: dict[int, Facts] = {}
        self.named: dict[str, str] = {}
        """By the SHA-256 of every document that the trail names, what it is."""
        self.ids: dict[int, str] = {}
        """The SHA-256 of documents that the trail names by id as well."""

    def hear(self, entry: Entry) -> None:
        facts, action = entry.facts, entry.action
        self.case |= CASE[action](entry) if action in CASE else {}
        if not action.startswith("agreement."):
            return
        version = facts.get("version", max(self.agreements, default=0))
        for name, what in NAMES.get(action, {}).items():
            if facts.get(name):
                self.named[facts[name]] = f"{what}, version {version}"
        row = self.agreements.setdefault(version, {**UNSENT})
        row |= AGREEMENT[action](entry) if action in AGREEMENT else {}
        if action == "agreement.read":
            row["parts_read"] = {**row["parts_read"], facts.get("part", ""): entry.at.isoformat()}
        if action == "agreement.uploaded":
            self.ids[facts.get("document_id", 0)] = facts.get("sha256", "")

    def against(self, row: Onboarding, versions: Sequence[Agreement], files: "_Files") -> Iterator[Fault]:
        """Where the rows of the case do not say what its trail says."""
        for name, was_so in self.case.items():
            yield from self._unlike(f"the case, {name}", getattr(row, name), was_so)
        there = {one.version: one for one in versions}
        for version in sorted({*self.agreements, *there}):
            what = f"version {version} of the agreement"
            if version not in there:
                yield Fault(self.case_id, Kind.NO_ROW, {"what": what})
                continue
            for name, was_so in self.agreements.get(version, UNSENT).items():
                yield from self._unlike(f"{what}, {name}", files.column(there[version], name), was_so)

    def _unlike(self, what: str, is_so: object, was_so: object) -> Iterator[Fault]:
        if is_so != was_so:
            facts = {"what": what, "is_so": _said(is_so), "was_so": _said(was_so)}
            yield Fault(self.case_id, Kind.ROW, facts)


def _said(value: object) -> str:
    if value is None or value == "":
        return "nothing"
    return value.isoformat() if isinstance(value, datetime) else f"“{value}”"


# ---- the documents, and the seals of signed agreements


_NOTHING: Facts = {"whole": False, "certificate": "", "ours": False, "information": {}}
"""What is known of a file that is no sealed PDF."""


class _Seals:
    """Asks the limited process; certificates are read once."""

    def __init__(self) -> None:
        self._certificates: list[str] | None = None

    def look(self, files: Sequence[bytes]) -> list[Facts]:
        if self._certificates is None:
            self._certificates = [base64.b64encode(one).decode() for one in known_certificates()]
        try:
            told, _ = ask("tasks.pdfs.sealed", {"certificates": self._certificates}, *files)
        except (TooCostly, Failed):
            if len(files) > 1:  # One of them is to blame: each by itself.
                return [told for file in files for told in self.look([file])]
            return [{**_NOTHING, "unchecked": True}]
        looked: list[Facts] = told["files"]
        return looked


class _Files:
    """The documents of some cases: each is read once, and one after the other."""

    def __init__(self, session: Session, versions: Sequence[Agreement], seals: _Seals) -> None:
        self._session = session
        self._digests: dict[int, str] = {}
        """What the row of each document says."""
        self._whole: dict[str, bool] = {}
        """By SHA-256, whether the content that is kept under it has it."""
        self._seen: dict[int, Facts] = {}
        """By the id of a signed agreement, what was found of its seal."""
        named = {one for each in versions for one in (each.document_id, each.uploaded_id, each.drawing_id) if one}
        final = [one.final_id for one in versions if one.final_id]
        self._digests |= self._listed(Document.id.in_([*named, *final]))
        with self._contents(Document.id.in_(final)) as contents:
            for some in _some(contents, SEALS_AT_ONCE):
                looks = seals.look([content for _, _, content in some])
                self._seen |= {document_id: told for (document_id, _, _), told in zip(some, looks, strict=True)}
        self.house_heads = [
            Head(HOUSE, int(told["/HouseEntries"]), told["/HouseHead"])
            for told in (self._anchors(one.final_id) for one in versions)
            if told.get("/HouseEntries", "").isdecimal() and told.get("/HouseHead")
        ]

    def _listed(self, which: Any) -> dict[int, str]:
        return dict(self._session.execute(select(Document.id, Document.sha256).where(which)).tuples().all())

    @contextmanager
    def _contents(self, which: Any) -> Iterator[Iterator[tuple[int, str, bytes]]]:
        """Id, SHA-256 as it is told, and content; whether the one is that of the other is kept."""
        query = select(Document.id, Document.sha256, Document.content).where(which).order_by(Document.id)

        def proven(document_id: int, told: str, kept: object) -> tuple[int, str, bytes]:
            content = kept if isinstance(kept, bytes) else str(kept).encode()  # SQLite takes anything.
            self._whole[told] = sha256(content).hexdigest() == told
            return document_id, told, content

        with self._session.execute(query.execution_options(yield_per=1)) as found:
            yield starmap(proven, found)

    def _anchors(self, document_id: int | None) -> Facts:
        """What the last page of a signed agreement tells, if one of our certificates has sealed it."""
        told = self._seen.get(document_id or 0, {})
        information: Facts = told["information"] if told.get("whole") and told["ours"] else {}
        return information

    def heads(self, versions: Sequence[Agreement]) -> list[Head]:
        """The heads of the case's trail that stand in its signed agreements."""
        return [
            Head(one.onboarding_id, int(told["/AuditEntries"]), told["/AuditHead"])
            for one in versions
            for told in [self._anchors(one.final_id)]
            if told.get("/AuditEntries", "").isdecimal() and "/AuditHead" in told
        ]

    def read(self, digests: Iterable[str]) -> None:
        """Hash what lies under these, unless that was done."""
        for some in _some(sorted({*digests, *self._digests.values()} - self._whole.keys()), CASES_AT_ONCE):
            with self._contents(Document.sha256.in_(some)) as contents:
                deque(contents, maxlen=0)

    def column(self, row: Agreement, name: str) -> object:
        """The column as the trail would tell it: a document by its SHA-256."""
        match name:
            case "document" | "uploaded" | "drawing" | "final":
                document_id = getattr(row, f"{name}_id")
                return document_id and self._digests.get(document_id, "")
            case "data":
                return row.data_sha256
            case "signed_on":
                return row.signed_on and row.signed_on.isoformat()
        return getattr(row, name)

    def faults(self, tale: _Tale, versions: Sequence[Agreement]) -> Iterator[Fault]:
        """Documents that are gone or changed, and seals that are broken or not ours."""
        for digest, what in tale.named.items():
            if not self._whole.get(digest, False):
                kind = Kind.FILE if digest in self._whole else Kind.NO_FILE
                yield Fault(tale.case_id, kind, {"what": what, "sha256": digest})
        for document_id, digest in tale.ids.items():
            if self._digests.get(document_id, digest) != digest:
                facts = {"what": f"document {document_id}", "sha256": digest}
                yield Fault(tale.case_id, Kind.FILE, facts)
        for one in versions:
            what = f"version {one.version} of the agreement"
            if one.final_id is None:
                continue
            told = self._seen.get(one.final_id)
            if told is not None and "unchecked" in told:
                yield Fault(tale.case_id, Kind.UNCHECKED, {"what": what})
            elif told is None or not told["whole"]:
                yield Fault(tale.case_id, Kind.SEAL, {"what": what})
            elif not told["ours"]:
                yield Fault(tale.case_id, Kind.STRANGE_SEAL, {"what": what, "sha256": told["certificate"]})


# ---- chain 0


class _House:
    """Chain 0: acts that belong to no case, and the list of all cases."""

    def __init__(self, known: Sequence[Head]) -> None:
        self._known = list(known)
        self._met: int | None = None
        """The first entry that a signed agreement knows otherwise."""

    def meet(self, session: Session, heads: Sequence[Head]) -> None:
        """Hold the chain against heads that stand in signed agreements."""
        wanted = {head.number for head in heads}
        found = select(Entry.number, Entry.hash).where(Entry.case_id == HOUSE, Entry.number.in_(wanted))
        there = dict(session.execute(found).tuples().all()) if wanted else {}
        wrong = [head.number for head in heads if there.get(head.number) != head.hash]
        self._met = min([*wrong, *([self._met] if self._met else [])], default=None)

    def verified(self, session: Session) -> Iterator[Verified]:
        chain, listed, operators = Chain(self._known), array("q"), dict[str, tuple[bool, bool]]()
        with _entries(session, [HOUSE]) as entries:
            for entry in entries:
                chain.take(entry)
                match entry.action:
                    case "case.opened":
                        listed.append(int(entry.facts.get("case", HOUSE)))
                    case "operator.appointed" | "operator.role_changed":
                        operators[entry.facts.get("account", "")] = True, bool(entry.facts.get("manager"))
                    case "operator.deactivated":
                        operators[entry.facts.get("account", "")] = False, False
        faults = []
        broken = min([one for one in (chain.broken, self._met) if one is not None], default=None)
        if not chain.entries and (broken or session.scalars(select(Onboarding.id).limit(1)).first()):
            faults.append(Fault(HOUSE, Kind.NO_TRAIL))
        elif broken is not None:
            kind = Kind.MISSING if broken > chain.entries else Kind.CHANGED
            faults.append(Fault(HOUSE, kind, {"number": broken, "entries": chain.entries}))
        faults += _operators_unlike(session, operators)
        yield Verified(HOUSE, chain.entries, tuple(faults))
        if chain.entries:
            yield from _cases_unlike(session, listed)


def _operators_unlike(session: Session, told: Mapping[str, tuple[bool, bool]]) -> Iterator[Fault]:
    query = select(Account).where(Account.is_operator | Account.email.in_(told))
    there = {one.email: (one.is_operator, one.is_manager) for one in session.scalars(query)}
    for email in sorted({*told, *there}):
        is_so, was_so = there.get(email, (False, False)), told.get(email, (False, False))
        for what, is_one, was_one in zip(("an operator", "a manager"), is_so, was_so, strict=True):
            if is_one != was_one:
                said = {"is_so": "yes" if is_one else "no", "was_so": "yes" if was_one else "no"}
                yield Fault(HOUSE, Kind.ROW, {"what": f"whether {email} is {what}", **said})


def _cases_unlike(session: Session, listed: Iterable[int]) -> Iterator[Verified]:
    """Cases that chain 0 lists and that have no trail any more, or that it does not list."""
    trails = select(Entry.case_id).where(Entry.case_id != HOUSE).distinct().order_by(Entry.case_id)
    with session.scalars(trails.execution_options(yield_per=1000)) as found:
        there = ((one, True) for one in found)
        sides = groupby(merge(((one, False) for one in sorted(listed)), there), key=lambda pair: pair[0])
        alone = [
            (case_id, seen.pop()) for case_id, both in sides for seen in [{side for _, side in both}] if len(seen) == 1
        ]
    for some in _some(alone, CASES_AT_ONCE):
        rows = {*session.scalars(select(Onboarding.id).where(Onboarding.id.in_(one for one, _ in some)))}
        for case_id, has_trail in some:
            if has_trail:
                yield Verified(case_id, 0, (Fault(case_id, Kind.NOT_LISTED),))
            elif case_id not in rows:  # Of a case that is there it was told before.
                yield Verified(case_id, 0, (Fault(case_id, Kind.NO_TRAIL),))


def _some(items: Iterable[T], count: int) -> Iterator[list[T]]:
    """The items, so many at a time."""
    left = iter(items)
    while found := list(islice(left, count)):
        yield found
