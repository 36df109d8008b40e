"""What runs are called, and whether those of a schedule have anything to do."""

from types import SimpleNamespace

import pytest

from models.clients.imports import Import
from models.db import transaction
from models.decision import Decision
from models.onboarding import Onboarding
from models.reminders.cadence import WaitKind
from models.time.clock import now
from tasks.intake import due, run_names
from tests import factories

EACH = (
    *(due.anything_left, due.mails, due.invitations),
    *(due.reminders(WaitKind.CLIENT), due.reminders(*(kind for kind in WaitKind if kind is not WaitKind.CLIENT))),
)


@pytest.fixture
def given(monkeypatch):
    """With these parameters Prefect has begun a run."""

    def give(flow_name: str = "", **parameters: object) -> None:
        run = SimpleNamespace(flow_name=flow_name, parameters=parameters)
        monkeypatch.setattr(run_names, "flow_run", run)

    return give


def kind(question: Decision) -> str:
    return question.kind.value.replace("_", "-")


def test_runs_tell_question_company_id_and_step_and_what_is_not_there_is_left_out(given, no_runs):
    case_id = factories.opened(preferred_number="861272")
    factories.advance(case_id)
    with transaction() as session:
        (question,) = Decision.pending(session, case_id)
    given(case_id=case_id, decision_id=question.id)
    assert run_names.of_pass() == f"onboard-case-{case_id}-details"
    assert run_names.of_question() == f"decide-case-{case_id}-{kind(question)}"

    factories.decide(case_id, "grant")
    factories.advance(case_id)
    assert run_names.of_pass() == "onboard-861272-logo"
    assert run_names.of_question() == f"decide-861272-{kind(question)}"

    with transaction() as session:
        row = Import(firm_id=factories.firm_of(case_id), by="test", file_name="", content=b"", created_at=now())
        session.add(row)
        session.flush()
        number = row.id
    given(import_id=number)
    assert run_names.of_firm("import", "import_id", Import)() == f"import-861272-{number}"

    given("follow-up", company_id="861272", dry_run=True)
    assert run_names.of_round() == "follow-up-861272-dry-run"
    given("remind", company_id="86 12", dry_run=False)
    assert run_names.of_round() == "remind"

    given(case_id=99, decision_id=99, import_id=0)
    named = run_names.of_pass(), run_names.of_question(), run_names.of_firm("import", "import_id", Import)()
    assert named == ("onboard-case-99", "decide-99", "import-all")


def test_a_run_of_a_schedule_is_due_exactly_as_long_as_there_is_something_to_do(clock, no_runs):
    assert [ask() for ask in EACH] == [False] * 5

    case_id = factories.opened()
    assert [ask() for ask in EACH] == [True, False, False, False, False]
    factories.advance(case_id)
    with transaction() as session:
        case = Onboarding.get(session, case_id)
        case.end_pass(case.begin_pass(now()))
    assert [ask() for ask in EACH] == [False, True, False, False, False]

    clock(days=7)
    assert [ask() for ask in EACH] == [False, True, False, False, True]
