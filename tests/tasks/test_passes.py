from datetime import timedelta

import pytest

from models.db import reading, transaction
from models.decision import Decision
from models.onboarding import Onboarding
from models.time.clock import now
from tasks.engine import passes
from tasks.engine.passes import begin_pass, end_pass, kick, show_all_decisions, show_decisions, start_due_passes
from tasks.engine.prefect_client import RunState
from tasks.intake.decision_forms import take_answer
from tests.factories import advance, case, decide, opened


class Server:
    """A Prefect server that remembers what it was asked for, in place of the one of
    ``tasks.engine.prefect_client``.
    """

    def __init__(self):
        self.runs, self.tags, self.state, self.cancelled, self.away = {}, {}, {}, [], False
        self.questions = 0

    def start_run(self, deployment, parameters, key, tag=""):
        if self.away:
            return None
        run = self.runs.setdefault(f"{deployment} {key}", f"run-{len(self.runs)}")
        self.state.setdefault(run, RunState.WAITS)
        self.tags[run] = tag
        return run

    def cancel_run(self, run_id):
        if not self.away:
            self.state[run_id] = RunState.ENDED
            self.cancelled.append(run_id)
        return not self.away

    def states(self, deployment, run_ids):
        self.questions += 1
        return None if self.away else {run: self.state.get(run, RunState.ENDED) for run in run_ids}

    def busy(self, flow, tags, lease):
        self.questions += 1
        coming = {self.tags[run] for run, state in self.state.items() if state is not RunState.ENDED}
        return None if self.away else coming & set(tags)

    def asked_for(self, flow):
        return len([key for key in self.runs if key.startswith(flow)])

    def ended(self, flow):
        self.state |= {run: RunState.ENDED for key, run in self.runs.items() if key.startswith(flow)}


@pytest.fixture
def prefect(monkeypatch):
    server = Server()
    for name in ("start_run", "cancel_run", "states", "busy"):
        monkeypatch.setattr(passes, name, getattr(server, name))
    return server


def test_a_case_is_due_until_a_pass_came_to_its_end(prefect):
    case_id = opened()
    assert start_due_passes.fn() == 1

    lease = begin_pass.fn(case_id)
    prefect.ended("onboard")
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
    prefect.state[question.form_run_id] = RunState.ENDED

    assert [show_decisions() for _ in range(2)] == [1, 0]
    assert prefect.asked_for("decide") == 2


def test_the_form_of_an_answered_question_is_taken_away(prefect):
    case_id = opened(preferred_number="777777")
    advance(case_id)
    show_decisions(case_id)
    decide(case_id, "grant")

    show_decisions(case_id)

    assert len(prefect.cancelled) == 1
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


def test_a_pass_is_not_asked_for_again_while_one_is_coming(prefect, clock):
    opened()
    assert start_due_passes.fn() == 1

    for _ in range(4):
        clock(minutes=1)
        assert start_due_passes.fn() == 0

    assert prefect.asked_for("onboard") == 1


def test_a_pass_whose_run_was_lost_is_asked_for_again(prefect, clock):
    opened()
    start_due_passes.fn()

    prefect.ended("onboard")
    clock(minutes=1)

    assert start_due_passes.fn() == 1


def test_prefect_is_asked_once_about_many_cases_and_once_about_many_forms(prefect):
    cases = [
        opened(
            f"test:{number}",
            preferred_number=str(777000 + number),
            organiser={"name": "Max Muster", "email": f"max{number}@ueber.example"},
        )
        for number in range(5)
    ]
    for case_id in cases:
        advance(case_id)
    assert show_all_decisions.fn() == 5
    prefect.questions = 0

    start_due_passes.fn()
    show_all_decisions.fn()

    assert prefect.questions == 2


@pytest.fixture
def form(prefect):
    """An open question whose form was sent in: its run is at work."""
    case_id = opened(preferred_number="777777")
    advance(case_id)
    show_decisions(case_id)
    with reading() as session:
        (question,) = Decision.pending(session)
    prefect.state[question.form_run_id] = RunState.WORKS
    return question


def test_a_refused_answer_makes_no_second_form_beside_the_one_that_asks_again(prefect, form):
    refusal = take_answer.fn(form.id, "run-1", {"verdict": "perhaps", "note": ""})
    show_all_decisions.fn()

    assert "does not answer this question" in refusal
    assert prefect.asked_for("decide") == 1


def test_an_answer_that_breaks_down_makes_no_second_form_either(prefect, form, monkeypatch):
    def broken(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr("tasks.intake.events.answer_decision", broken)
    take_answer.fn(form.id, "run-1", {"verdict": "grant", "note": ""})
    show_all_decisions.fn()

    assert prefect.asked_for("decide") == 1


def test_a_form_that_brought_the_answer_goes_by_itself(prefect, form):
    assert take_answer.fn(form.id, "run-1", {"verdict": "grant", "note": ""}) == ""
    show_all_decisions.fn()

    assert prefect.cancelled == []
    with reading() as session:
        assert Decision.settled_with_form(session) == []


def test_a_form_that_nobody_can_send_any_more_is_taken_away_and_made_again(prefect, form):
    prefect.state[form.form_run_id] = RunState.STRANDED

    assert [show_all_decisions.fn() for _ in range(2)] == [1, 0]
    assert prefect.cancelled == [form.form_run_id]
