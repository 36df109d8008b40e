from datetime import timedelta

import pytest

from models.db import reading, transaction
from models.decision import Decision
from models.onboarding import Onboarding
from models.schedule import now
from tasks import passes
from tasks.passes import begin_pass, end_pass, kick, show_decisions, start_due_passes
from tests.factories import advance, case, decide, opened


@pytest.fixture
def prefect(monkeypatch):
    """A Prefect server that remembers what it was asked for, in place of the one behind ``tasks.runs``."""

    class Server:
        def __init__(self):
            self.runs, self.closed, self.away = {}, set(), False

        def start_run(self, deployment, parameters, key):
            return None if self.away else self.runs.setdefault(f"{deployment} {key}", f"run-{len(self.runs)}")

        def cancel_run(self, run_id):
            self.closed.add(run_id)
            return not self.away

        def is_open(self, run_id):
            return None if self.away else run_id not in self.closed

        def asked_for(self, flow):
            return len([key for key in self.runs if key.startswith(flow)])

    server = Server()
    for name in ("start_run", "cancel_run", "is_open"):
        monkeypatch.setattr(passes, name, getattr(server, name))
    return server


def test_a_case_is_due_until_a_pass_came_to_its_end(prefect):
    case_id = opened()
    assert start_due_passes.fn() == 1

    lease = begin_pass.fn(case_id)
    assert start_due_passes.fn() == 0
    end_pass.fn(case_id, lease)

    assert case(case_id).pass_due_at is None


def test_a_pass_that_died_is_made_up_for_when_its_lease_is_over(prefect, clock):
    case_id = opened()
    begin_pass.fn(case_id)

    clock(minutes=6)

    assert start_due_passes.fn() == 1
    assert case(case_id).attempts == 1


def test_what_happens_during_a_pass_asks_for_another(prefect):
    case_id = opened()
    lease = begin_pass.fn(case_id)
    with transaction() as session:
        Onboarding.get(session, case_id).touch(now() - timedelta(seconds=1))

    end_pass.fn(case_id, lease)

    assert prefect.asked_for("onboard") == 1


def test_with_prefect_away_nothing_is_lost(prefect):
    prefect.away = True
    case_id = opened()

    kick(case_id)
    assert start_due_passes.fn() == 0

    prefect.away = False
    assert start_due_passes.fn() == 1


def test_mail_that_waits_is_delivered_soon(prefect):
    case_id = opened()
    advance(case_id)

    kick(case_id)
    kick(case_id)

    assert prefect.asked_for("deliver") == 1


def test_an_open_question_has_one_form_and_gets_another_if_it_is_lost(prefect):
    case_id = opened(preferred_number="777777")
    advance(case_id)

    assert [show_decisions(case_id) for _ in range(3)] == [1, 0, 0]
    with reading() as session:
        (question,) = Decision.pending(session)
    prefect.closed.add(question.form_run_id)

    assert [show_decisions() for _ in range(2)] == [1, 0]
    assert prefect.asked_for("decide") == 2


def test_the_form_of_an_answered_question_is_taken_away(prefect):
    case_id = opened(preferred_number="777777")
    advance(case_id)
    show_decisions(case_id)
    decide(case_id, "grant")

    show_decisions(case_id)

    assert len(prefect.closed) == 1
    with reading() as session:
        assert Decision.settled_with_form(session) == []


def test_while_prefect_is_away_no_second_form_is_made(prefect):
    case_id = opened(preferred_number="777777")
    advance(case_id)
    show_decisions(case_id)
    prefect.away = True

    assert show_decisions(case_id) == 0

    prefect.away = False
    assert show_decisions(case_id) == 0
