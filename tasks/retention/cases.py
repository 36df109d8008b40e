"""A case whose time is over, or what it holds of clients, goes in small transactions, each holding its case.

It may be killed between any two of them: it is due until the last one has written that all is gone, and what is gone
already costs nothing more. Whoever wants to take the case up again is refused from the moment on at which it was due.
"""

from contextlib import suppress
from datetime import datetime

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from models.agreement import Agreement
from models.audit import HOUSE, Value, erase, record
from models.contracts.booking import Change
from models.contracts.legal import Consent, FormerLetter, LegalText
from models.db import reading, transaction
from models.decision import Decision
from models.document import Document
from models.onboarding import Onboarding
from models.people.person import Person
from models.retention.hold import Holds
from models.retention.logins import close_logins, free_logins
from models.retention.parts import Part, parts, pieces
from models.retention.rule import Rows
from tasks.retention.pace import Pace

LETTERS = (Change, Consent, FormerLetter)
AGREEMENT_FILES = (Agreement.document_id, Agreement.drawing_id, Agreement.uploaded_id, Agreement.final_id)
SUBJECTS = {"persons": "person", "clients": "client", "decisions": "decision"}
"""By what the trail calls those of whom it tells, see ``models.audit``."""


class _Held(Exception):
    """Something of the case is held."""


def empty(case_id: int, at: datetime, *, whole: bool) -> int:
    """All that tells of the firm's clients goes, or if *whole* of anybody in the case; returns how many rows that is.

    Nothing does while anything of it is held.
    """
    gone, pace = 0, Pace()
    with suppress(_Held):
        with transaction() as session:
            firm_id = _case(session, case_id, at).firm_id
        gone += _erase_documents(case_id, at) if whole else 0
        # Before the rows that repeat it: who dies in between leaves no row that the trail contradicts.
        gone += _forget_case(case_id, firm_id, at, pace) if whole else 0
        for part in parts(case_id, firm_id, whole=whole):
            gone += _go(part, case_id, at, pace)
        gone += _forget_case(case_id, firm_id, at, pace) if whole else 0  # What was written down meanwhile.
        with transaction() as session:
            case = _case(session, case_id, at)
            case.clients_emptied_at = case.clients_emptied_at or at
            case.emptied_at = at if whole else case.emptied_at
            record(session, case_id, at, "case.emptied" if whole else "clients.emptied")
    return gone


def _forget_case(case_id: int, firm_id: int, at: datetime, pace: Pace) -> int:
    """What its trail tells, and chain 0 of it."""
    gone = _forget(case_id, at, pace, Value.case_id == case_id)
    about = [f"firm:{firm_id}", f"case:{case_id}"]
    return gone + _forget(case_id, at, pace, *_of_house_or(case_id), Value.about.in_(about))


def _case(session: Session, case_id: int, at: datetime) -> Onboarding:
    """The case, locked; raises _Held."""
    case = Onboarding.get(session, case_id)
    if case.firm_id in Holds.standing(session, at).touched:
        raise _Held
    return case


def _go(part: Part, case_id: int, at: datetime, pace: Pace) -> int:
    """All rows of this part; what trails tell of those that have a subject of their own goes before."""
    gone, after = 0, None
    while True:
        with reading() as session:
            keys = part.some(session, after, pace.size)
            logins = free_logins(session, keys) if keys and part.table is Person else []
        if not keys:
            return gone
        kind = SUBJECTS.get(part.table.__tablename__)
        if kind is not None:
            theirs = [*(f"{kind}:{key}" for key in keys), *(f"account:{login}" for login in logins)]
            gone += _forget(case_id, at, pace, *_of_house_or(case_id), Value.about.in_(theirs))
        with pace.batch(len(keys)), transaction() as session:
            _case(session, case_id, at)
            close_logins(session, logins)
            part.go(session, keys)
        gone += len(keys)
        after = keys[-1]
        pace.rest()


def _of_house_or(case_id: int) -> list[ColumnElement[bool]]:
    """Values of this trail or of chain 0, to be looked up by whom they are about: chain 0 has very many."""
    return [(Value.case_id + 0).in_([case_id, HOUSE])]


def _forget(case_id: int, at: datetime, pace: Pace, *which: ColumnElement[bool]) -> int:
    """What trails tell, all of it for which these hold."""
    gone = 0
    while True:
        with pace.batch(pace.size), transaction() as session:
            _case(session, case_id, at)
            values = session.scalars(select(Value.id).where(*which).limit(pace.size)).all()
            erase(session, at, "provision", Value.id.in_(values))
        gone += len(values)
        if not values:
            return gone
        pace.rest()


def _erase_documents(case_id: int, at: datetime) -> int:
    """The files of the case that no other case has as well; the trail says that they were erased."""
    with reading() as session:
        firm_id = Onboarding.get(session, case_id).firm_id
        leading = [select(column).where(Agreement.onboarding_id == case_id) for column in AGREEMENT_FILES]
        leading += [select(table.document_id).where(table.firm_id == firm_id) for table in LETTERS]
        named = {number for query in leading for number in session.scalars(query) if number is not None}
        for facts in session.scalars(select(Decision.facts).where(Decision.onboarding_id == case_id)):
            pictures = facts.get("candidates", ())
            named |= {number for picture in pictures for number in picture["documents"].values()}
        there = session.scalars(select(Document.id).where(Document.id.in_(named), Document.erased_at.is_(None))).all()
    return sum(_erase_document(case_id, firm_id, number, at) for number in sorted(there))


def _erase_document(case_id: int, firm_id: int, number: int, at: datetime) -> int:
    with transaction() as session:
        _case(session, case_id, at)
        others = [exists().where(column == number, Agreement.onboarding_id != case_id) for column in AGREEMENT_FILES]
        others += [exists().where(table.document_id == number, table.firm_id != firm_id) for table in LETTERS]
        others.append(exists().where(LegalText.document_id == number))
        if session.scalar(select(or_(*others))):
            return 0
        document = session.get_one(Document, number, with_for_update=True)
        document.name, document.content, document.erased_at = "", b"", at
        record(session, case_id, at, "documents.erased", files=[document.sha256])
        return 1


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
