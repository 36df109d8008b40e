"""The page of a firm's legal holds, and what the page of its case says of them."""

from datetime import timedelta

import pytest

from models.time.clock import today
from tasks.onboarding.stopping import stop_case
from tasks.retention import holds, tidy
from tests.deployments.browser import Browser, errors
from tests.factories import advance, opened, operator, registered, with_organiser

pytestmark = pytest.mark.usefixtures("quiet")

PAGE = "/board/cases/1/holds"


def test_a_manager_sets_and_lifts_a_hold_and_operators_see_it():
    opened()
    manager, other = Browser(operator("mona@convent-it.example", manager=True)), Browser(operator())
    wish = {"whose": "", "reason": "Az. 1 O 23/27", "until": str(today() + timedelta(days=30))}

    refused = manager.send_form(PAGE, **wish | {"reason": "", "until": "morgen"})
    assert refused.status_code == 422
    assert set(errors(refused)) == {"reason", "until"}
    assert "Die Sperre gilt" in manager.send_form(PAGE, **wish).text

    assert "Az. 1 O 23/27" in other.get(PAGE).text
    shown = other.read("/board/cases/1").text
    assert "1 gilt" in shown
    assert "Löschsperre gesetzt" in shown
    token = other.form_token("/board/operators")
    assert other.post(PAGE, data=wish | {"form_token": token}).status_code == 403
    assert other.post(f"{PAGE}/1/lift", data={"form_token": token}).status_code == 403
    assert len(holds.holds_of(1)) == 1

    assert "aufgehoben" in manager.send_form(PAGE, f"{PAGE}/1/lift").text
    again = manager.post(f"{PAGE}/1/lift", data={"form_token": manager.form_token(PAGE)})
    assert again.status_code == 409
    assert [hold.stands for hold in holds.holds_of(1)] == [False]


def test_nobody_of_the_firm_sees_the_page():
    opened()
    advance(1)

    assert Browser(registered()).get(PAGE).status_code == 404


def test_a_case_of_which_nothing_tells_of_anybody_any_more_can_be_looked_at(clock, monkeypatch):
    monkeypatch.setattr("tasks.retention.pace.sleep", lambda _: None)
    stop_case(with_organiser(), "Erika Muster will nicht.", "otto@provider.example")
    clock(days=181)
    tidy.remove_past.fn()
    other = Browser(operator())

    for page in (
        "/board",
        "/board/cases/1",
        "/board/cases/1?all=1",
        PAGE,
        "/board/cases/1/reminders",
        "/board/decisions",
    ):
        shown = other.get(page)
        assert shown.status_code == 200, page
        assert "Muster" not in shown.text, page
    assert "Die Aufbewahrungsfrist ist abgelaufen" in other.get("/board/cases/1").text
