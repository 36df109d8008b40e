"""What overwrites something that a person gave can be taken back by a button."""

import httpx
import pytest
from bs4 import BeautifulSoup

from deployments.web import security
from models.db import reading
from models.firm import Firm
from models.person import Person, Role
from tasks.access import sign_in
from tests.deployments.browser import Browser, entries
from tests.factories import PASSWORD, advance, opened, operator, registered


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    security._limiter.cache_clear()
    monkeypatch.setattr("tasks.passes.start_run", lambda *_, **__: None)


@pytest.fixture
def case_id():
    """Its organiser has registered, and the agreement is not sent yet."""
    made = opened()
    advance(made)
    registered()
    return made


@pytest.fixture
def client(case_id):
    return Browser(sign_in("erika@freitag.example", PASSWORD))


def undo(answer: httpx.Response):
    """The form behind the button on the page that followed; None if there is none."""
    return BeautifulSoup(answer.text, "lxml").select_one(".said form")


def firm():
    with reading() as session:
        return session.get_one(Firm, 1)


def person(role):
    with reading() as session:
        return Person.one(session, 1, role)


FORMS = {
    "details": ({"street": "Neue Gasse 9", "city": "Bonn"}, lambda: (firm().street, firm().city)),
    "details/name": ({"firm_name": "Neue Kanzlei"}, lambda: firm().name),
    "details/contact": (
        {"contact_name": "Max Neu", "contact_email": "max@freitag.example"},
        lambda: (person(Role.CONTACT).name, person(Role.CONTACT).email),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_the_firm_overwrites_it_takes_back_by_a_button_and_again(client, form):
    changed, told = FORMS[form]
    before = told()

    saved = client.send_form("/firm/1/details", f"/firm/1/{form}", **changed)
    after = told()
    taken_back = client.post(undo(saved)["action"], data=entries(undo(saved)))

    assert before != after
    assert told() == before
    client.post(undo(taken_back)["action"], data=entries(undo(taken_back)))
    assert told() == after


def test_how_somebody_is_written_to_is_taken_back_too_also_hours_that_were_only_clicked(client):
    form = client.read("/profile").select_one("form.profile")
    clicked = entries(form) | {"hour": ["1-9", "1-10"], "land": "BE"}
    before = (person(Role.ORGANISER).hours, person(Role.ORGANISER).land)

    saved = client.post("/profile", data=clicked)
    after = person(Role.ORGANISER).hours.text()
    client.post(undo(saved)["action"], data=entries(undo(saved)))

    assert after == "Di 9–11"
    assert (person(Role.ORGANISER).hours, person(Role.ORGANISER).land) == before


@pytest.mark.parametrize(
    ("what", "changed"),
    [
        ("correct/name", {"firm_name": "Neue Kanzlei"}),
        ("correct/contact", {"contact_name": "Max Neu", "contact_email": "max@freitag.example"}),
        ("correct/organiser", {"organiser_name": "Max Neu", "organiser_email": "max@freitag.example"}),
        ("people/1/address", {"p1-address": "neu@freitag.example"}),
    ],
)
def test_what_an_operator_corrects_is_taken_back_too(what, changed):
    case_id = opened()
    advance(case_id)
    board = Browser(operator())
    page = f"/board/cases/{case_id}"

    def told():
        people = [person(role) for role in (Role.ORGANISER, Role.CONTACT)]
        return firm().name, [(one.name, one.email) for one in people]

    before = told()
    token = board.read(page).select_one("[name=form_token]")["value"]
    line = {"line_of_business": firm().line_of_business.value, "form_token": token}
    saved = board.post(f"{page}/{what}", data=line | changed)
    after = told()
    board.post(undo(saved)["action"], data=entries(undo(saved)))

    assert after != before
    assert told() == before


def test_where_nothing_was_overwritten_there_is_nothing_to_take_back(client):
    same = client.send_form("/firm/1/details", "/firm/1/details")

    assert undo(same) is None


def test_the_first_answer_overwrites_nothing():
    case_id = opened(street="", postcode="", city="", land=None, website="")
    advance(case_id)
    registered()
    client = Browser(sign_in("erika@freitag.example", PASSWORD))

    told = {"street": "Am Tor 1", "postcode": "80331", "city": "München", "land": "BY"}
    assert undo(client.send_form("/firm/1/details", "/firm/1/details", **told)) is None
    assert firm().city == "München"


def test_the_button_is_gone_on_other_pages_and_in_other_browsers(client):
    saved = client.send_form("/firm/1/details", "/firm/1/details", city="Bonn")
    other = Browser(sign_in("erika@freitag.example", PASSWORD))

    assert undo(saved) is not None
    assert undo(client.get("/firm/1/logo")) is None
    other.cookies.set("undo", client.cookies["undo"])
    assert undo(other.get("/firm/1?said=details")) is None
