"""Figures of chasing: a year of a thousand cases, and what is due among a million waits."""

import time
from datetime import timedelta
from statistics import median

import pytest
from sqlalchemy import text

from models.db import engine, reading, transaction
from models.onboarding import Onboarding
from models.settings import settings
from models.time.clock import now
from models.time.hours import Hours
from tasks.reminders.forecast import foresee
from tests import factories
from tests.deployments.browser import Browser
from tests.year import BEGIN, CLOCKS, live_through

pytestmark = pytest.mark.benchmark

DUE = 10_000


def test_a_year_of_a_thousand_cases(monkeypatch, no_runs):
    at = BEGIN

    def clock(moment):
        nonlocal at
        at = moment

    for module in CLOCKS:
        monkeypatch.setattr(module, "now", lambda: at)
    began, worked = time.perf_counter(), time.process_time()

    year = live_through(clock)

    took, work = time.perf_counter() - began, time.process_time() - worked
    print(f"\n\n{year.table()}\n\n{sum(year.mails.values())} reminders in {took:.0f} s, {work:.0f} s of them work")


def fill(first: int, last: int, case: Onboarding) -> None:
    """Waits number *first* to *last*, each for a person of its own; those up to DUE are due, the others in years."""
    since = (now() - timedelta(days=4)).replace(tzinfo=None)
    facts = {
        "first": first,
        "last": last,
        "firm": case.firm_id,
        "case": case.id,
        "due": DUE,
        "hours": f"{Hours.parse('Mo–So 0–24').bits:042x}",
        "since": f"{since:%Y-%m-%d %H:%M:%S.%f}",
        "years": f"{since + timedelta(days=9999):%Y-%m-%d %H:%M:%S.%f}",
    }
    kind = "timestamp" if engine(settings().database).name == "postgresql" else "text"
    first = "SELECT CAST(:first AS integer)"
    numbers = f"WITH RECURSIVE numbers(n) AS ({first} UNION ALL SELECT n + 1 FROM numbers WHERE n < :last)"
    with transaction() as session:
        session.execute(
            text(
                "INSERT INTO persons (id, firm_id, role, email, given_name, family_name, language, address_form, "
                f"time_zone, hours, added_at) {numbers} SELECT 1000 + n, :firm, 'client', n || '@x.example', '', 'X', "
                f"'de', 'sie', 'Europe/Berlin', :hours, CAST(:since AS {kind}) FROM numbers"
            ),
            facts,
        )
        session.execute(
            text(
                "INSERT INTO reminders (id, onboarding_id, person_id, kind, step, since, sent, due_at) "
                f"{numbers} SELECT 1000 + n, :case, 1000 + n, 'client', 'clients', CAST(:since AS {kind}), 0, "
                f"CAST(CASE WHEN n <= :due THEN :since ELSE :years END AS {kind}) FROM numbers"
            ),
            facts,
        )
        session.execute(text("ANALYZE"))


def fill_outbox(first: int, last: int, case: Onboarding) -> None:
    """As many mails that have arrived."""
    facts = {"first": first, "last": last, "case": case.id, "at": f"{now():%Y-%m-%d %H:%M:%S.%f}"}
    kind = "timestamp" if engine(settings().database).name == "postgresql" else "text"
    first = "SELECT CAST(:first AS integer)"
    numbers = f"WITH RECURSIVE numbers(n) AS ({first} UNION ALL SELECT n + 1 FROM numbers WHERE n < :last)"
    with transaction() as session:
        session.execute(
            text(
                "INSERT INTO outbox (id, key, message_id, kind, onboarding_id, to_name, to_address, language, "
                "address_form, facts, created_at, attempts, delivered_at) "
                f"{numbers} SELECT 1000 + n, 'bench:' || n, '<' || n || '@x.example>', 'invitation', :case, 'X', "
                f"n || '@x.example', 'de', 'sie', '{{\"firm\":\"X\"}}', CAST(:at AS {kind}), 1, "
                f"CAST(:at AS {kind}) FROM numbers"
            ),
            facts,
        )
    with engine(settings().database).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if kind == "timestamp" else "ANALYZE")


@pytest.mark.parametrize("product", ["sqlite", "postgresql"], indirect=True)
def test_the_metrics_answer_at_once_however_many_wait_and_were_written_to(product):
    case_id = factories.opened()
    with reading() as session:
        case = session.get_one(Onboarding, case_id)
    filled, took = 0, {}
    for waiting in (10_000, 1_000_000):
        fill(filled + 1, waiting, case)
        fill_outbox(filled + 1, waiting, case)
        filled = waiting
        runs = []
        for _ in range(5):
            began = time.perf_counter()
            answer = Browser().get("/metrics")
            runs.append(time.perf_counter() - began)
        assert f'kind="client"}} {waiting}' in answer.text.replace(".0", "").replace("1e+06", "1000000")
        took[waiting] = median(runs)
        print(
            f"\n{product}: metrics with {waiting} waits and as many mails in {1000 * took[waiting]:.0f} ms, "
            f"{took[waiting] / took[10_000]:.1f} x those of 10,000",
            end="",
        )
    assert took[1_000_000] < 0.5


@pytest.mark.parametrize("product", ["sqlite", "postgresql"], indirect=True)
def test_what_is_due_costs_the_same_however_many_wait(product):
    case_id = factories.opened()
    with reading() as session:
        case = session.get_one(Onboarding, case_id)
    filled, took = 0, {}
    for waiting in (10_000, 100_000, 1_000_000):
        fill(filled + 1, waiting, case)
        filled = waiting
        runs = []
        for _ in range(3):
            began = time.perf_counter()
            found = sum(1 for _ in foresee(now() + timedelta(hours=1)))
            runs.append(time.perf_counter() - began)
        assert found == DUE
        took[waiting] = median(runs)
        growth = took[waiting] / took[10_000]
        print(
            f"\n{product}: {DUE} due of {waiting} waiting found and planned in {took[waiting]:.2f} s, "
            f"{growth:.2f} x that of 10,000",
            end="",
        )
    assert took[1_000_000] < 1.5 * took[10_000]
