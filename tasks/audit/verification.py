"""The verifier: what the audit trails say, held against everything in the database that says it too.

A trail is proven by itself (its hashes), by heads that stand elsewhere (in sealed agreements, in a list kept outside),
and by what it tells of: the rows that repeat it, the documents that it names, the seals of signed agreements, the list
of all cases in chain 0. Whoever forges one of them has to forge all, and the seal of every later agreement.

``verify`` reads a hundred cases at a time, with a number of queries that does not grow with theirs.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from models.agreement import Agreement
from models.audit import HOUSE, Chain, Entry, Head
from models.db import reading
from models.onboarding import Onboarding
from tasks.audit.faults import Fault, Kind, Verified, chain_faults
from tasks.audit.files import Files, Seals
from tasks.audit.house import House
from tasks.audit.reading import AT_ONCE, decisions_of, entries_of, evidence_of
from tasks.audit.rows import Tale

UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, StatementError)
"""What reading rows raises that somebody has forged carelessly."""


def unseen(*, with_list: bool, older: int = 0) -> list[str]:
    """What ``verify`` cannot see, in lines; *older* cases have entries of an earlier release."""
    lines = [
        f"Entries of an earlier release in {older} cases do not tell all. Until an act tells it, nothing proves there",
        "what firm, subscription and people are like, in which language an agreement is and until when it could be",
        "signed, to whom the signature was handed over, nor what was asked in a question.",
    ]
    lines = lines if older else []
    if with_list:
        return [*lines, "What was written after the list was kept is proven by itself only: keep a new list."]
    return [
        *lines,
        "No list of heads was given. So this cannot see entries cut off behind the newest signed agreement of a case,",
        "the trail of a case without one, if it was written anew together with its rows, nor the whole database",
        "exchanged for another, or for an older one. Keep a list outside, and give it next time:",
        "provision audit heads > heads, then provision audit verify --heads heads",
    ]


def verify(heads: Iterable[Head] = (), only: int | None = None) -> Iterator[Verified]:
    """Prove the trail of each case, or of *only* one, and of chain 0, also against *heads* known from elsewhere.

    A case that is there, or known, and has no entries at all, has lost its trail. Whoever calls sees every case, in
    order, chain 0 last.
    """
    heads_by_case: dict[int, list[Head]] = {}
    for head in heads:
        heads_by_case.setdefault(head.case_id, []).append(head)
    house = House(heads_by_case.pop(HOUSE, []))
    seals = Seals()
    for ids in [[only]] if only is not None else _batches(sorted(heads_by_case)):
        yield from _readable(ids, lambda session, ids: _verified(session, ids, heads_by_case, house, seals))
    if only is None:
        yield from _readable([HOUSE], lambda session, _: house.verified(session))


def _readable(ids: Sequence[int], look: Callable[[Session, Sequence[int]], Iterator[Verified]]) -> Iterator[Verified]:
    """What *look* finds; where rows are of a shape that the product never writes, one case holds up no other."""
    try:
        with reading() as session:
            results = list(look(session, ids))
    except UNREADABLE:
        if len(ids) == 1:
            results = [Verified(ids[0], 0, (Fault(ids[0], Kind.UNREADABLE),))]
        else:
            results = [result for case_id in ids for result in _readable([case_id], look)]
    yield from results


def _batches(named: Sequence[int]) -> Iterator[list[int]]:
    """The ids of all cases that have a trail or a row, or are *named*, some at a time."""
    after = HOUSE
    while True:
        with reading() as session:
            trails = select(Entry.case_id).where(Entry.case_id > after).distinct().order_by(Entry.case_id)
            rows = select(Onboarding.id).where(Onboarding.id > after).order_by(Onboarding.id)
            ids = [session.scalars(query.limit(AT_ONCE)).all() for query in (trails, rows)]
        following = sorted({*ids[0], *ids[1], *(case_id for case_id in named if case_id > after)})[:AT_ONCE]
        if not following:
            return
        yield following
        after = following[-1]


def _verified(
    session: Session, ids: Sequence[int], heads_by_case: Mapping[int, list[Head]], house: House, seals: Seals
) -> Iterator[Verified]:
    rows = {row.id: row for row in session.scalars(select(Onboarding).where(Onboarding.id.in_(ids)))}
    versions: dict[int, list[Agreement]] = {}
    for agreement in session.scalars(
        select(Agreement).where(Agreement.onboarding_id.in_(ids)).order_by(Agreement.version)
    ):
        versions.setdefault(agreement.onboarding_id, []).append(agreement)
    tales = {case_id: Tale(case_id) for case_id in ids}
    files = Files(session, [agreement for each in versions.values() for agreement in each], seals)
    chains = {
        case_id: Chain([*heads_by_case.get(case_id, []), *files.heads(versions.get(case_id, []))]) for case_id in ids
    }
    house.meet(session, files.house_heads)
    with entries_of(session, ids) as entries:
        for entry in entries:
            chains[entry.case_id].take(entry)
            tales[entry.case_id].hear(entry)
    files.read({digest for tale in tales.values() for digest in tale.named})
    unlike = _rows_unlike(session, ids, tales)
    for case_id in ids:
        chain, tale, faults = chains[case_id], tales[case_id], list[Fault]()
        if not chain.entries:
            faults.append(Fault(case_id, Kind.NO_TRAIL))
        else:
            faults += chain_faults(case_id, chain)
        if case_id not in rows:
            faults.append(Fault(case_id, Kind.NO_CASE))
        if chain.entries and case_id in rows:
            faults += tale.case_unlike(rows[case_id])
            faults += tale.agreements_unlike(versions.get(case_id, []), files.column)
            faults += unlike[case_id]
        faults += files.faults(tale, versions.get(case_id, []))
        yield Verified(case_id, chain.entries, tuple(faults), tuple(chain.erasures), is_older=tale.is_older)


def _rows_unlike(session: Session, ids: Sequence[int], tales: Mapping[int, Tale]) -> dict[int, list[Fault]]:
    """By case, what is wrong with its questions, and with the rows of its firm."""
    faults: dict[int, list[Fault]] = {case_id: [] for case_id in ids}
    with decisions_of(session, ids) as decisions:
        for case_id, decision in decisions:
            faults[case_id] += tales[case_id].decision_unlike(decision)
    for case_id, row in evidence_of(session, ids):
        faults[case_id] += tales[case_id].row_unlike(row)
    for case_id in ids:
        faults[case_id] += tales[case_id].unmet()
    return faults
