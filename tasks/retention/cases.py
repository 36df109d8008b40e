"""A case whose time is over, or what it holds of clients, goes in small transactions, each holding its case.

It may be killed between any two of them: it is due until the last one has written that all is gone, and what is gone
already costs nothing more. Whoever wants to take the case up again is refused from the moment on at which it was due.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from itertools import starmap
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Text, cast, exists, or_, select, update
from sqlalchemy.orm import Session

from models.agreement import Agreement
from models.audit import HOUSE, Entry, Value, erase, record
from models.contracts.booking import Change
from models.contracts.legal import Consent, FormerLetter, LegalText
from models.db import Base, Facts, reading, transaction
from models.decision import Decision, DecisionKind
from models.document import Document
from models.logo import LogoPermission
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.person import Person
from models.retention.hold import Holds
from models.retention.logins import close_logins, free_logins
from models.retention.parts import Part, parts, pieces
from models.retention.rule import Rows
from tasks.retention.pace import FOUND_AT_ONCE, Pace

LETTERS = (Change, Consent, FormerLetter)
"""Files of the contract of a firm."""
AGREEMENT_FILES = (Agreement.document_id, Agreement.drawing_id, Agreement.uploaded_id, Agreement.final_id)
COPY_ACTS = ("agreement.uploaded", "agreement.copy_unjudged")
"""Acts that name a file that came back."""
WITH_FILES = (DecisionKind.SIGNED_COPY, DecisionKind.LOGO)
_TELLS = Agreement.emptied_at.is_(None)
_WAITS = (Outgoing.due_at.is_not(None),)
_OPEN = (LogoPermission.withdrawn_at.is_(None),)
SUBJECTS = {"persons": "person", "clients": "client", "decisions": "decision"}
"""By what the trail calls those of whom it tells, see ``models.audit``."""


class Held(Exception):
    """Something of the case is held."""


def empty(case_id: int, at: datetime, *, whole: bool) -> int:
    """All that tells of the firm's clients goes, or if *whole* of anybody in the case; returns how many rows that is.

    Nothing does while anything of it is held.
    """
    gone, pace = 0, Pace()
    with suppress(Held):
        with transaction() as session:
            firm_id = hold_case(session, case_id, at).firm_id
        gone += _erase_documents(case_id, at) if whole else 0
        # Before the rows that repeat it: who dies in between leaves no row that the trail contradicts.
        gone += _forget_case(case_id, firm_id, at, pace) if whole else 0
        for part in parts(case_id, firm_id, whole=whole):
            gone += _go(part, case_id, at, pace)
        gone += _forget_case(case_id, firm_id, at, pace) if whole else 0  # What was written down meanwhile.
        with transaction() as session:
            case = hold_case(session, case_id, at)
            case.clients_emptied_at = case.clients_emptied_at or at
            case.emptied_at = at if whole else case.emptied_at
            for table in (Agreement, Decision) if whole else ():
                mine = update(table).where(table.onboarding_id == case_id, table.emptied_at.is_(None))
                session.execute(mine.values(emptied_at=at))
            record(session, case_id, at, "case.emptied" if whole else "clients.emptied")
    return gone


def _forget_case(case_id: int, firm_id: int, at: datetime, pace: Pace) -> int:
    """What its trail tells, and chain 0 of it."""
    gone = forget(case_id, at, pace, Value.case_id == case_id)
    about = [f"firm:{firm_id}", f"case:{case_id}"]
    return gone + forget(case_id, at, pace, *_of_house_or(case_id), Value.about.in_(about))


def hold_case(session: Session, case_id: int, at: datetime) -> Onboarding:
    """The case, locked; raises Held if anything of it is."""
    case = Onboarding.get(session, case_id)
    if case.firm_id in Holds.standing(session, at).touched:
        raise Held
    return case


def _go(part: Part, case_id: int, at: datetime, pace: Pace) -> int:
    """All rows of this part; what trails tell of those that have a subject of their own goes before."""
    gone, after, found = 0, None, list[Any]()
    while True:
        with reading() as session:
            found = found or part.some(session, after, FOUND_AT_ONCE)
            keys = found[: pace.size]
            logins = free_logins(session, keys) if keys and part.table is Person else []
        if not keys:
            return gone
        kind = SUBJECTS.get(part.table.__tablename__)
        if kind is not None:
            theirs = [*(f"{kind}:{key}" for key in keys), *(f"account:{login}" for login in logins)]
            gone += forget(case_id, at, pace, *_of_house_or(case_id), Value.about.in_(theirs))
        with pace.batch(len(keys)), transaction() as session:
            hold_case(session, case_id, at)
            close_logins(session, logins)
            part.go(session, keys)
        gone += len(keys)
        after, found = keys[-1], found[len(keys) :]
        pace.rest()


def _of_house_or(case_id: int) -> list[ColumnElement[bool]]:
    """Values of this trail or of chain 0, to be looked up by whom they are about: chain 0 has very many."""
    return [(Value.case_id + 0).in_([case_id, HOUSE])]


def forget(case_id: int, at: datetime, pace: Pace, *which: ColumnElement[bool]) -> int:
    """What trails tell, all of it for which these hold."""
    gone, found = 0, list[int]()
    while True:
        with reading() as session:
            found = found or [*session.scalars(select(Value.id).where(*which).limit(FOUND_AT_ONCE))]
        if not found:
            return gone
        values = found[: pace.size]
        with pace.batch(len(values)), transaction() as session:
            hold_case(session, case_id, at)
            gone += erase(session, at, "provision", Value.id.in_(values))
        found = found[len(values) :]
        pace.rest()


def _erase_documents(case_id: int, at: datetime) -> int:
    """The files of the case, those that came back and do not count as well; the trail says that they were erased."""
    with reading() as session:
        firm_id = Onboarding.get(session, case_id).firm_id
        leading = [select(column).where(Agreement.onboarding_id == case_id) for column in AGREEMENT_FILES]
        leading += [select(table.document_id).where(table.firm_id == firm_id) for table in LETTERS]
        named = {number for query in leading for number in session.scalars(query) if number is not None}
        for question in session.scalars(select(Decision).where(Decision.onboarding_id == case_id)):
            named |= question.files
        named |= _offered(session, LogoPermission.firm_id == firm_id)
        named |= files_of(session, acts_on_agreements(session, case_id))
        there = session.scalars(select(Document.id).where(Document.id.in_(named), Document.erased_at.is_(None))).all()
    return sum(erase_document(case_id, number, at) for number in sorted(there))


class Act(NamedTuple):
    """An entry of a trail, without what it tells of anybody: a case may have very many."""

    number: int
    at: datetime
    action: str
    plain: Facts


def acts_on_agreements(session: Session, case_id: int) -> Iterator[Act]:
    """What the trail of the case tells of its agreements, in order."""
    mine = select(Entry.number, Entry.at, Entry.action, Entry.plain).where(Entry.case_id == case_id)
    mine = mine.where(Entry.action.startswith("agreement.")).order_by(Entry.number)
    return starmap(Act, session.execute(mine.execution_options(yield_per=500)))


def files_of(session: Session, acts: Iterable[Act]) -> set[int]:
    """The documents that came back with these acts: nothing else may lead to them any more."""
    sums = set[str | None]()
    for act in acts:
        sums |= {act.plain.get("drawing_sha256"), act.plain.get("copy_sha256")}
        sums |= {act.plain.get("sha256")} if act.action in COPY_ACTS else set()
    return {*session.scalars(select(Document.id).where(Document.sha256.in_(filter(None, sums))))}


Row = tuple[type[Base], int]
"""A row by its table and key."""


def erase_document(case_id: int, number: int, at: datetime, row: Row | None = None) -> int:
    """The file of a case that ceases to need it, or of a *row* of one that goes on; 0 if anything else of it does.

    The trail says that it was erased; what another case needs as well stays there.
    """
    with transaction() as session:
        case = hold_case(session, case_id, at)
        document = session.get_one(Document, number, with_for_update=True)
        if row is not None and is_needed(session, case, number, row):
            return 0
        if document.erased_at is None and not _is_needed_elsewhere(session, case, number):
            document.name, document.content, document.erased_at = "", b"", at
        record(session, case_id, at, "documents.erased", files=[document.sha256])
        return 1


def is_needed(session: Session, case: Onboarding, number: int, row: Row) -> bool:
    """Whether anything of the case but this *row* leads to the document, and has not ceased to tell of anybody."""
    table, key = row
    mine = Agreement.onboarding_id == case.id, Agreement.emptied_at.is_(None)
    but = () if table is not Agreement else (Agreement.id != key,)
    ways = [exists().where(column == number, *mine, *but) for column in AGREEMENT_FILES]
    ways += [exists().where(table.document_id == number, table.firm_id == case.firm_id) for table in LETTERS]
    ways.append(exists().where(*_WAITS, Outgoing.document_id == number, Outgoing.onboarding_id == case.id))
    if session.scalar(select(or_(*ways))) or number in _offered(
        session, LogoPermission.firm_id == case.firm_id, *_OPEN
    ):
        return True
    asked = select(Decision).where(Decision.onboarding_id == case.id, Decision.emptied_at.is_(None))
    asked = asked if table is not Decision else asked.where(Decision.id != key)
    return any(number in question.files for question in session.scalars(asked))


def _is_needed_elsewhere(session: Session, case: Onboarding, number: int) -> bool:
    """By an agreement, the contract, an open question, a choice or a mail of another case, or as a text."""
    ways = [exists().where(column == number, Agreement.onboarding_id != case.id, _TELLS) for column in AGREEMENT_FILES]
    ways += [exists().where(table.document_id == number, table.firm_id != case.firm_id) for table in LETTERS]
    ways.append(exists().where(LegalText.document_id == number))
    ways.append(exists().where(*_WAITS, Outgoing.document_id == number, Outgoing.onboarding_id != case.id))
    if session.scalar(select(or_(*ways))) or number in _offered(
        session, LogoPermission.firm_id != case.firm_id, *_OPEN
    ):
        return True
    asked = select(Decision).where(Decision.answered_at.is_(None), Decision.onboarding_id != case.id)
    return any(number in question.files for question in session.scalars(asked.where(Decision.kind.in_(WITH_FILES))))


def _offered(session: Session, *which: ColumnElement[bool]) -> set[int]:
    """The pictures of logos between which firms may choose."""
    asked = select(LogoPermission.offered).where(cast(LogoPermission.offered, Text).contains('"candidates"'), *which)
    return {
        number
        for offered in session.scalars(asked)
        for picture in (offered or {}).get("candidates", ())
        for number in picture["documents"].values()
    }


def take_apart(rows: Rows, key: int, limit: datetime, at: datetime) -> bool:
    """A row goes after its pieces, as long as it is due and not held; False if it is not, or somebody works on it."""
    pace = Pace()
    for part in pieces(rows.table, key):
        while True:
            with pace.batch(pace.size), transaction() as session:
                if not rows.take(session, key, limit, Holds.standing(session, at)):
                    return False
                some = part.some(session, None, pace.size)
                if some:
                    part.go(session, some)
            if not some:
                break
            pace.rest()
    with transaction() as session:
        is_due = rows.take(session, key, limit, Holds.standing(session, at))
        if is_due:
            rows.go(session, [key], at)
        return is_due
