"""Chain 0: acts that belong to no case, and the list of all cases."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import groupby

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.audit import HOUSE, Chain, Entry, Head, Value
from models.onboarding import Onboarding
from models.people.login import Login
from tasks.audit.faults import Fault, Kind, Verified, chain_faults
from tasks.audit.reading import AT_ONCE, entries_of, some


class House:
    """Chain 0: acts that belong to no case, and the list of all cases."""

    def __init__(self, heads: Sequence[Head]) -> None:
        self._known = list(heads)
        self._met: int | None = None
        """The first entry that a signed agreement knows otherwise."""

    def meet(self, session: Session, heads: Sequence[Head]) -> None:
        """Hold the chain against heads that stand in signed agreements."""
        numbers = {head.number for head in heads}
        query = select(Entry.number, Entry.hash).where(Entry.case_id == HOUSE, Entry.number.in_(numbers))
        there = dict(session.execute(query).tuples().all()) if numbers else {}
        wrong = [head.number for head in heads if there.get(head.number) != head.hash]
        self._met = min([*wrong, *([self._met] if self._met else [])], default=None)

    def verified(self, session: Session) -> Iterator[Verified]:
        chain, listed, operators = Chain(self._known), array("q"), dict[int | str, tuple[bool, bool]]()
        with entries_of(session, [HOUSE]) as entries:
            for entry in entries:
                chain.take(entry)
                match entry.action:
                    case "case.opened":
                        listed.append(int(entry.plain.get("case", HOUSE)))
                    case "operator.appointed" | "operator.role_changed":
                        operators[entry.plain.get("account", 0)] = True, bool(entry.plain.get("manager"))
                    case "operator.deactivated":
                        operators[entry.plain.get("account", 0)] = False, False
        faults: list[Fault] = []
        chain.meet(self._met)
        if not chain.entries and (chain.broken or session.scalars(select(Onboarding.id).limit(1)).first()):
            faults.append(Fault(HOUSE, Kind.NO_TRAIL))
        else:
            faults += chain_faults(HOUSE, chain)
        faults += _operators_unlike(session, operators)
        alone = select(Value.number, Value.about).outerjoin(
            Entry, (Entry.case_id == Value.case_id) & (Entry.number == Value.number)
        )
        stray = session.execute(alone.where(Entry.id.is_(None)).order_by(Value.id).limit(1)).one_or_none()
        if stray is not None:
            faults.append(
                Fault(HOUSE, Kind.STRANGE_ROW, {"what": f"a value of entry {stray.number}, about {stray.about},"})
            )
        yield Verified(HOUSE, chain.entries, tuple(faults), tuple(chain.erasures))
        if chain.entries:
            yield from _cases_unlike(session, listed)


def _operators_unlike(session: Session, told: Mapping[int | str, tuple[bool, bool]]) -> Iterator[Fault]:
    """Who is an operator, or a manager, though the trail does not say so; its oldest entries name them by address."""
    named = Login.id.in_(key for key in told if isinstance(key, int)), Login.email.in_(map(str, told))
    accounts = session.scalars(select(Login).where(or_(Login.is_operator, *named))).all()
    ids: dict[int | str, int] = {account.email: account.id for account in accounts}
    emails: dict[int | str, str] = {account.id: account.email for account in accounts}
    there: dict[int | str, tuple[bool, bool]] = {one.id: (one.is_operator, one.is_manager) for one in accounts}
    was = {ids.get(key, key): standing for key, standing in told.items()}
    for key in sorted({*was, *there}, key=str):
        who = emails.get(key, f"account {key}")
        is_so, was_so = there.get(key, (False, False)), was.get(key, (False, False))
        for what, is_one, was_one in zip(("an operator", "a manager"), is_so, was_so, strict=True):
            if is_one != was_one:
                facts = {"is_so": "yes" if is_one else "no", "was_so": "yes" if was_one else "no"}
                yield Fault(HOUSE, Kind.ROW, {"what": f"whether {who} is {what}", **facts})


def _cases_unlike(session: Session, listed: Iterable[int]) -> Iterator[Verified]:
    """Cases that chain 0 lists and that have no trail any more, or that it does not list."""
    trails = select(Entry.case_id).where(Entry.case_id != HOUSE).distinct().order_by(Entry.case_id)
    with session.scalars(trails.execution_options(yield_per=1000)) as case_ids:
        there = ((case_id, True) for case_id in case_ids)
        sides = groupby(merge(((case_id, False) for case_id in sorted(listed)), there), key=lambda pair: pair[0])
        alone = [
            (case_id, seen.pop()) for case_id, both in sides for seen in [{side for _, side in both}] if len(seen) == 1
        ]
    for few in some(alone, AT_ONCE):
        rows = {*session.scalars(select(Onboarding.id).where(Onboarding.id.in_(case_id for case_id, _ in few)))}
        for case_id, has_trail in few:
            if has_trail:
                yield Verified(case_id, 0, (Fault(case_id, Kind.NOT_LISTED),))
            elif case_id not in rows:  # Of a case that is there it was told before.
                yield Verified(case_id, 0, (Fault(case_id, Kind.NO_TRAIL),))
