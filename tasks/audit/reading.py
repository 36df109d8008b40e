"""Many rows, some at a time, and none kept by the session, so that memory stays."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Select, literal, select
from sqlalchemy.orm import Session

from models.audit import Entry
from models.contracts.booking import BookedOption, Booking, Change, Phase
from models.contracts.contract import Contract
from models.contracts.legal import Consent
from models.contracts.vat import VatAnswer
from models.db import Base
from models.decision import Decision
from models.firm import Firm
from models.onboarding import Onboarding
from models.people.person import Person
from models.subscription import Subscription

T = TypeVar("T")
Row = TypeVar("Row", bound=Base)
AT_ONCE = 100


def some(items: Iterable[T], count: int) -> Iterator[list[T]]:
    """The items, so many at a time."""
    left = iter(items)
    while batch := list(islice(left, count)):
        yield batch


@contextmanager
def entries_of(session: Session, case_ids: Sequence[int]) -> Iterator[Iterator[Entry]]:
    """The entries of these cases, in order."""
    query = select(literal(0), Entry).where(Entry.case_id.in_(case_ids)).order_by(Entry.case_id, Entry.number)
    with _read(session, query) as rows:
        yield (entry for _, entry in rows)


@contextmanager
def decisions_of(session: Session, case_ids: Sequence[int]) -> Iterator[Iterator[tuple[int, Decision]]]:
    """What was asked in these cases, each with the case."""
    query = select(Decision.onboarding_id, Decision).where(Decision.onboarding_id.in_(case_ids)).order_by(Decision.id)
    with _read(session, query) as rows:
        yield rows


def evidence_of(session: Session, case_ids: Sequence[int]) -> Iterator[tuple[int, Base]]:
    """The rows of which the trails of these cases keep what they hold, each with its case."""
    firms = select(Onboarding.id, Firm).join(Firm, Firm.id == Onboarding.firm_id)
    subscriptions = select(Onboarding.id, Subscription).join(Subscription, Subscription.firm_id == Onboarding.firm_id)
    people = select(Onboarding.id, Person).join(Person, Person.firm_id == Onboarding.firm_id).order_by(Person.id)
    queries: list[Select[Any]] = [firms, subscriptions, people, *_contracts()]
    for query in queries:
        with _read(session, query.where(Onboarding.id.in_(case_ids))) as rows:
            yield from rows


def _contracts() -> Iterator[Select[Any]]:
    """Contracts, what was booked, and what became of it."""
    for table in (Contract, Booking, Phase, BookedOption, Change, Consent, VatAnswer):
        yield select(Onboarding.id, table).join(table, table.firm_id == Onboarding.firm_id).order_by(table.id)


@contextmanager
def _read(session: Session, query: Select[tuple[int, Row]]) -> Iterator[Iterator[tuple[int, Row]]]:
    with session.execute(query.execution_options(yield_per=500)) as rows:

        def let_go() -> Iterator[tuple[int, Row]]:
            for case_id, row in rows:
                session.expunge(row)
                yield case_id, row

        yield let_go()
