"""Figures of contracts: what the daily flow costs with a thousand and a hundred thousand, as many of them due."""

import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import event, insert, select, text
from sqlalchemy.engine import Engine

from models.contracts.booking import Booking, Phase
from models.contracts.catalogue import Tariff
from models.contracts.contract import Contract
from models.db import Base, transaction
from models.firm import Firm
from models.onboarding import Onboarding
from models.people.person import Person
from models.time.clock import now, today
from tasks.contracts import effects, orders, pricing, reminding
from tests.factories import countersigned

pytestmark = pytest.mark.benchmark

DUE = 400
OTHERS = {
    Firm: lambda n: {"id": n, "company_id": None, "search": ""},
    Onboarding: lambda n: {"id": n, "firm_id": n, "request_key": f"bench:{n}", "pass_due_at": None},
    Person: lambda n: {"id": n, "firm_id": n, "account_id": None},
    Contract: lambda n: {"id": n, "firm_id": n},
    Booking: lambda n: {"id": n, "firm_id": n},
    Phase: lambda n: {"id": n, "firm_id": n, "booking_id": n, "notice_by": today() + timedelta(days=900)},
}
"""What is another one's own of a row that is copied."""


def fill(first: int, last: int) -> None:
    """Contracts number *first* to *last*, of which nothing is due."""
    with transaction() as session:
        for table, own in OTHERS.items():
            like = select(table).where(table.role == "organiser") if table is Person else select(table)
            row: Base = session.scalars(like.order_by(table.id).limit(1)).one()
            columns = {name: getattr(row, name) for name in table.__mapper__.column_attrs.keys()}  # noqa: SIM118
            for begin in range(first, last + 1, 5000):
                session.execute(insert(table), [columns | own(n) for n in range(begin, min(begin + 5000, last + 1))])
        session.execute(text("ANALYZE"))


def let_be_due(first: int) -> None:
    """From this one on so many end with yesterday, and of as many more the last day for notice is near."""
    with transaction() as session:
        ending = Booking.id.between(first, first + DUE - 1)
        session.query(Booking).filter(ending).update({"starts_on": today() - timedelta(days=99)})
        session.query(Booking).filter(ending).update({"ends_on": today() - timedelta(days=1)})
        session.query(Phase).filter(Phase.id.between(first, first + DUE - 1)).update(
            {"starts_on": today() - timedelta(days=99)}
        )
        nearing = Phase.id.between(first + DUE, first + 2 * DUE - 1)
        session.query(Phase).filter(nearing).update({"notice_by": today() + timedelta(days=10)})


def measured(*acts: Callable[[], object]) -> tuple[int, float]:
    """How many statements, and seconds of work."""
    seen, worked = 0, time.process_time()

    def note(*_: object) -> None:
        nonlocal seen
        seen += 1

    event.listen(Engine, "before_cursor_execute", note)
    for act in acts:
        act()
    event.remove(Engine, "before_cursor_execute", note)
    return seen, time.process_time() - worked


def daily() -> tuple[int, float]:
    return measured(
        orders.begin_missing.fn, effects.apply_due.fn, pricing.announce_prices.fn, reminding.remind_of_notice.fn
    )


@pytest.mark.parametrize("product", ["sqlite", "postgresql"], indirect=True)
def test_what_is_due_among_many(product, no_runs):
    countersigned()
    told, before = [], 1000
    for size in (1_000, 100_000):
        fill(before + 1, before + size)
        idle = daily()
        let_be_due(before + 1)
        due = daily()
        told.append(
            f"{size} contracts: {idle[0]} statements and {idle[1]:.2f} s of work with nothing due, "
            f"{due[0]} and {due[1]:.2f} s with {2 * DUE} due"
        )
        before += size
    print(f"\n\n{product}:\n" + "\n".join(told))


def publish() -> None:
    """New prices of the tariff on which all of them are."""
    with transaction() as session:
        tariff = session.get_one(Tariff, session.scalars(select(Phase.tariff_id).limit(1)).one())
        prices = {article.id: Decimal(150) for article in tariff.articles(session)}
        tariff.publish(session, today(), prices, today(), now())


def most_memory(*, anew: bool = False) -> float:
    """What this process has taken at most, in MB; *anew*: from now on."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


@pytest.mark.parametrize("size", [1_000, 10_000, 100_000])
@pytest.mark.parametrize("product", ["sqlite", "postgresql"], indirect=True)
def test_new_prices_for_many(product, size, no_runs, clock):
    """Publishing a version, looking at all contracts on its tariff, and on one day telling every one of them."""
    countersigned()
    fill(1001, 1000 + size)
    published = measured(publish)
    most_memory(anew=True)
    before = most_memory()
    looked = measured(pricing.announce_prices.fn)
    clock(days=50)  # The next quarter begins in 42 days.
    told = measured(pricing.announce_prices.fn)
    assert told[0] > size / 200
    print(
        f"\n\n{product}, {size} contracts: {published[0]} statements to publish; {looked[0]} and "
        f"{looked[1] / size * 1000:.2f} ms of work each to look when to tell, {told[0]} and "
        f"{told[1] / size * 1000:.2f} ms each to tell; {most_memory() - before:.0f} MB more at most"
    )
