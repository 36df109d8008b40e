"""The flow as Prefect runs it, against a real Prefect server of its own."""

import asyncio

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, TaskRunFilter

from deployments.rehearsal import until
from flows.onboard import onboard
from flows.receive import receive
from models.db import transaction
from models.inbox import Incoming
from models.link import Purpose
from models.onboarding import Onboarding
from models.time.clock import now
from tests import factories

# Prefect's own client leaves sockets to the garbage collector when an event loop ends.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

STEPS = {
    "1 Subscription",
    "2 Details and company ID",
    "3 Logo",
    "4 Organiser",
    "5 Agreement",
    "6 Caseworkers",
    "7 Clients",
}


def run(case_id: int):
    return asyncio.run(onboard(case_id, return_state=True))


def task_names(flow_run_id) -> list[str]:
    async def ask():
        async with get_client() as client:
            runs = await client.read_task_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])), task_run_filter=TaskRunFilter()
            )
            return [one.name.rpartition("-")[0] for one in runs]

    return asyncio.run(ask())


def test_a_case_goes_as_far_as_it_can_and_waits_with_nothing_due_and_its_seven_steps_in_the_timeline():
    case_id = factories.opened()

    state = run(case_id)

    assert factories.standing(case_id) == {
        "subscription": "done",
        "details": "done",
        "logo": "waiting:organiser",
        "organiser": "waiting:organiser",
        "agreement": "blocked",
        "caseworkers": "blocked",
        "clients": "blocked",
    }
    assert factories.case(case_id).pass_due_at is None
    # Prefect writes task runs down a moment later.
    assert until("the timeline", lambda: set(task_names(state.state_details.flow_run_id)) >= STEPS)


def test_running_again_from_the_top_changes_nothing():
    case_id = factories.signed(caseworkers=[{"name": "Zoë Lange", "email": "zoe@freitag.example"}])
    factories.decide(case_id, "countersign")
    run(case_id)
    mails, standing = factories.outbox(), factories.standing(case_id)

    run(case_id)

    assert (mails, standing) == (factories.outbox(), factories.standing(case_id))


def test_the_whole_way_ends_with_seven_steps_done():
    case_id = factories.with_client(caseworkers=[{"name": "Zoë Lange", "email": "zoe@freitag.example"}])
    factories.registered("zoe@freitag.example")
    factories.registered("max@beispiel.example", Purpose.ACTIVATE)
    factories.give_logo(case_id)

    run(case_id)

    assert set(factories.standing(case_id).values()) == {"done"}
    assert factories.case(case_id).finished_at is not None


def test_what_happens_during_a_pass_makes_another_one_due():
    case_id = factories.opened()

    with transaction() as session:
        lease = Onboarding.get(session, case_id).begin_pass(now())
    with transaction() as session:
        Onboarding.get(session, case_id).touch(now())
    with transaction() as session:
        Onboarding.get(session, case_id).end_pass(lease)

    assert factories.case(case_id).pass_due_at is not None


def test_a_step_that_breaks_down_leaves_the_case_due_and_the_others_done(monkeypatch):
    """The logo runs beside the others; whatever happens to it, the organiser is asked."""
    case_id = factories.opened(website="http://freitag.example", logo_permission_by="Erika Muster")

    def broken(*_):
        raise OSError("disk full")

    monkeypatch.setattr("tasks.logos.publish.find", broken)
    state = run(case_id)

    assert state.is_failed()
    assert factories.standing(case_id)["organiser"] == "waiting:organiser"
    assert factories.outbox() == ["register:1:1"]
    assert factories.case(case_id).pass_due_at is not None


def test_a_pass_that_dies_in_the_middle_is_made_up_for_and_each_mail_is_written_once(monkeypatch):
    case_id = factories.with_organiser()
    factories.sign()

    def dies(*_):
        raise SystemExit(1)

    with monkeypatch.context() as patch:
        patch.setattr("tasks.agreement.lifecycle.Person.organiser", dies)
        with pytest.raises(SystemExit):
            run(case_id)
    assert factories.case(case_id).pass_due_at is not None
    run(case_id)

    assert factories.standing(case_id)["agreement"] == "waiting:operator"
    assert factories.outbox() == ["register:1:1", "agreement:1:1:1", "sign_code:1:1"]


def test_a_stored_event_opens_a_case_once():
    body = factories.request().model_dump(mode="json")
    with transaction() as session:
        Incoming.store(session, "webhook", "evt_1", "onboarding.requested", body, now())
        Incoming.store(session, "webhook", "evt_1", "onboarding.requested", body, now())

    asyncio.run(receive())
    asyncio.run(receive())

    with transaction() as session:
        assert session.query(Onboarding).count() == 1
