from datetime import timedelta

import pytest
from sqlalchemy import select

from models.db import reading
from models.link import later_token
from models.people.person import Person, Role
from models.reminders.cadence import Cadences, Level, WaitKind
from models.time.clock import now
from tests.deployments.browser import Browser, entries, errors
from tests.factories import advance, everything, firm_of, opened, operator, registered

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def case_id():
    made = opened()
    advance(made)
    return made


@pytest.fixture
def page(case_id):
    return f"/board/cases/{case_id}/reminders"


def change(client, page, kind="organiser", **fields):
    """Send the form of this kind of wait."""
    form = client.read(page).select_one(f"#{kind} form")
    named = {name if name in {"act", "level"} else f"{kind}-{name}": value for name, value in fields.items()}
    return client.post(page, data=entries(form) | {"act": "set"} | named)


def rhythm(case_id, kind=WaitKind.ORGANISER):
    with reading() as session:
        return Cadences(session, [(case_id, firm_of(case_id))]).rhythm(kind, case_id)


def test_a_cadence_is_set_for_a_case_its_firm_or_all_and_inherited_again(case_id, page):
    client = Browser(operator())
    assert "geerbt: Vorgabe des Produkts" in client.read(page).select_one("#organiser").text

    assert "neu geplant" in change(client, "/board/reminders", days="5, 9").text
    assert (rhythm(case_id).days, rhythm(case_id).level) == ((5, 9), Level.PROVIDER)
    assert "geerbt von: Anbieter" in client.read(page).select_one("#organiser").text

    change(client, page, level="firm", days="6", most="2", follow="nothing", name="Ruhig")
    assert (rhythm(case_id).name, rhythm(case_id).level) == ("Ruhig", Level.FIRM)
    change(client, page, level="case", days="4")
    assert rhythm(case_id).level is Level.CASE
    assert "festgelegt für: Vorgang" in client.read(page).select_one("#organiser").text

    change(client, page, act="inherit")
    assert rhythm(case_id).level is Level.FIRM


@pytest.mark.parametrize(
    ("field", "value"),
    [("days", "9, 3"), ("days", ""), ("most", "viele"), ("most", "99"), ("follow", "organiser")],
)
def test_what_cannot_be_is_refused_at_its_field_and_changes_nothing(case_id, page, field, value):
    client, before = Browser(operator()), rhythm(case_id)

    for place in (page, "/board/reminders"):
        answer = change(client, place, **{field: value})
        assert answer.status_code == 422
        assert list(errors(answer)) == [f"organiser-{field}"]

    assert rhythm(case_id) == before


def test_reminders_are_paused_and_go_on_with_a_warning(case_id, page, clock):
    client = Browser(operator())
    forms = client.read(page).select("#pauses ~ ul form, section[aria-labelledby=pauses] form")
    assert [form.select_one("[name=level]")["value"] for form in forms][:2] == ["case", "firm"]

    client.post(f"{page}/pause", data=entries(forms[0]) | {"act": "pause"})
    assert "angehalten" in client.read(page).select_one("table").text
    clock(days=5)
    client = Browser(operator("second@convent-it.example"))
    shown = client.read(page)
    assert "Erinnerungen fällig" in shown.text

    form = shown.select_one("section[aria-labelledby=pauses] form")
    assert "Es wird wieder erinnert" in client.post(f"{page}/pause", data=entries(form) | {"act": "resume"}).text
    assert "angehalten" not in client.read(page).select_one("table").text


def test_nobody_is_paused_who_does_not_belong_to_the_case(case_id, page):
    client = Browser(operator())
    form = client.read(page).select_one("section[aria-labelledby=pauses] form")

    answer = client.post(f"{page}/pause", data=entries(form) | {"act": "pause", "level": "firm", "owner": "999"})

    assert answer.status_code == 404


def test_what_would_go_out_is_told_by_name_and_nothing_is_sent(case_id, page):
    client, before = Browser(operator()), everything()
    day = (now() + timedelta(days=5)).date()

    shown = client.read(f"/board/reminders/foreseen?until={day}")

    (row,) = shown.select("tbody tr")
    assert row.select_one("a")["href"] == page
    assert "Erika Muster" in row.text
    assert "1 von 3" in row.text
    assert "Tag 3 seit" in row.text
    refused = client.get("/board/reminders/foreseen?until=morgen")
    assert (refused.status_code, list(errors(refused))) == (422, ["until"])
    assert len(client.read("/board/reminders/foreseen").select("tbody tr")) > 1
    assert everything() == before


def test_only_operators_see_and_change_them(case_id, page):
    client = Browser(registered())

    places = (page, "/board/reminders", "/board/reminders/foreseen")
    assert [client.get(one).status_code for one in places] == [404, 404, 404]
    token = client.form_token("/portal")
    for path in (page, f"{page}/pause", "/board/reminders"):
        assert client.post(path, data={"form_token": token, "kind": "organiser", "act": "pause"}).status_code == 404


# ---- whoever is reminded


@pytest.fixture
def later(case_id):
    with reading() as session:
        person = session.scalars(select(Person).where(Person.role == Role.ORGANISER)).one()
    return f"/later/{later_token(person.id, person.email)}"


def test_who_is_reminded_puts_it_off_without_signing_in(later):
    client = Browser()
    page = client.read(later)
    assert "Organisator" in page.main.text

    answer = client.send_form(later)

    assert "Wir warten bis dahin" in answer.text
    assert "Wir warten bis zum" in client.read(later).main.text


def test_looking_at_the_page_changes_nothing(later):
    before = everything()

    for _ in range(3):
        Browser().get(later)

    assert everything() == before


@pytest.mark.parametrize("day", ["", "gestern", "2020-01-01", "2099-01-01"])
def test_another_day_than_offered_is_refused_at_the_field(later, day):
    answer = Browser().send_form(later, day=day)

    assert answer.status_code == 422
    assert list(errors(answer)) == ["day"]


def test_who_is_not_meant_says_so_and_is_left_in_peace(later):
    client = Browser()

    answer = client.send_form(later, f"{later}/not-me")

    assert "nichts mehr" in answer.text
    assert client.read(later).select("form[action^='/later']") == []


def test_a_wrong_link_to_put_off_is_not_known(later):
    assert Browser().get(later[:-3] + "abc").status_code == 404
