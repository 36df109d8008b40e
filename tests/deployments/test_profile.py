from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from models.audit import trail
from models.db import reading
from models.link import Purpose
from models.people.person import Person, Role
from models.reminders.reminder import Reminder
from models.request import Named
from models.time.hours import Hours
from models.time.land import Land
from tasks.onboarding import invitations
from tasks.people.sessions import sign_in
from tests import factories
from tests.deployments.browser import Browser, entries, errors
from tests.factories import PASSWORD, opened, registered, with_organiser

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def erika():
    with_organiser()
    with reading() as session:
        return session.scalars(select(Person).where(Person.role == Role.ORGANISER)).one()


@pytest.fixture
def client(erika):

    return Browser(sign_in(erika.email, PASSWORD))


def save(client, hours=None, **changed):
    """Send the form of the page, with these hours ticked."""
    form = client.read("/profile").select_one("form.profile")
    ticked = [box["value"] for box in form.select("[name=hour][checked]")] if hours is None else hours
    return client.post("/profile", data=entries(form) | {"hour": ticked} | changed)


def kept():
    with reading() as session:
        return session.scalars(select(Person).where(Person.role == Role.ORGANISER)).one()


def test_the_page_shows_the_working_hours_of_who_has_said_nothing(client):
    page = client.read("/profile")

    assert page.select_one("#hours_text")["value"] == "Mo–Fr 8–18"
    ticked = {box["value"] for box in page.select("[name=hour][checked]")}
    assert ticked == {f"{day}-{hour}" for day in range(5) for hour in range(8, 18)}
    assert len(page.select("[name=hour]")) == 168


def test_hours_are_ticked_without_a_script(client):
    answer = save(client, ["5-9", "5-10"])

    assert answer.status_code == 200
    assert "Gespeichert" in answer.text
    assert kept().hours == Hours.parse("Sa 9–11")


def test_hours_are_written_as_text_in_the_language_of_the_reader(client):
    save(client, hours_text="Mo–Do 8-12, 13-17 Uhr; Freitag 8 bis 12")

    assert kept().hours.text() == "Mo–Do 8–12, 13–17; Fr 8–12"


def test_saving_without_a_change_changes_nothing(client):
    before = kept().hours

    save(client)

    assert kept().hours == before


def test_zone_land_language_and_address_form_are_kept_and_spoken_at_once(client):
    answer = save(client, time_zone="Europe/Paris", land="", language="fr")

    assert "enregistré" in answer.text
    assert (kept().time_zone, kept().land, kept().language) == ("Europe/Paris", None, "fr")
    save(client, language="de", address_form="du", land="BY", postcode="86150")
    assert (kept().address_form, kept().land, kept().postcode) == ("du", Land.BAVARIA, "86150")
    assert "8615" in errors(save(client, postcode="8615"))["postcode"]
    assert "Deine Zeiten" in client.get("/profile").text


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"hour": []}, "hours"),
        ({"hours_text": "Mo 18–8"}, "hours_text"),
        ({"hours_text": ""}, "hours"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
    ],
)
def test_what_cannot_be_kept_is_refused_at_its_field(client, changed, field):
    before = kept().hours

    answer = save(client, changed.pop("hour", None), **changed)

    assert answer.status_code == 422
    assert list(errors(answer)) == [field]
    assert kept().hours == before


def test_reminders_that_wait_follow_the_new_hours(client):
    save(client, hours_text="Sa 9–10")

    with reading() as session:
        (wait,) = session.scalars(select(Reminder).where(Reminder.due_at.is_not(None), Reminder.step == "agreement"))
    assert wait.due_at.weekday() == 5


def test_what_is_no_hour_of_a_week_is_not_taken(client):
    save(client, ["9-9", "0-24", "0-08", "x", "1-8"])

    assert kept().hours == Hours.parse("Di 8–9")


def test_strangers_are_asked_to_sign_in():
    opened()

    assert Browser().get("/profile").url.path == "/auth/login"


# ---- as the firm knows them, until they have an account


@pytest.fixture
def firm(erika):
    """The path of the pages of a firm that has invited one client, and the client's page."""
    case_id = opened()  # The same request is the same case.
    factories.concluded(case_id)
    people = [Named(name="Max Beispiel", email="max@beispiel.example")]
    invitations.add_clients(erika.firm_id, erika.email, people)
    factories.advance(case_id)
    with reading() as session:
        max_id = session.scalars(select(Person.id).where(Person.role == Role.CLIENT)).one()
    return f"/firm/{erika.firm_id}", f"/firm/{erika.firm_id}/people/{max_id}"


def save_client(client, page, **changed):
    form = client.read(page).select_one("form.profile")
    ticked = [box["value"] for box in form.select("[name=hour][checked]")]
    return client.post(page, data=entries(form) | {"hour": ticked} | changed)


def max_kept():
    with reading() as session:
        return session.scalars(select(Person).where(Person.role == Role.CLIENT)).one()


def test_the_firm_enters_when_a_client_can_be_reached_and_reminders_follow(firm, client):
    pages, page = firm
    listed = client.read(f"{pages}/clients").select_one(f"a[href='{page}']")
    assert listed.text.startswith("Mo–Fr 8–18")

    refused = save_client(client, page, hours_text="immer")
    answer = save_client(client, page, hours_text="Mi 14–15", land="SN", language="fr")

    assert list(errors(refused)) == ["hours_text"]
    assert "Wir schreiben dieser Person" in answer.text
    assert (max_kept().hours.text(), max_kept().land, max_kept().language) == ("Mi 14–15", Land.SAXONY, "fr")
    with reading() as session:
        due = session.scalars(select(Reminder.due_at).where(Reminder.person_id == max_kept().id)).one()
        acts = [(one.action, one.actor) for one in trail(session, 1)]
    assert due.astimezone(ZoneInfo("Europe/Berlin")).strftime("%a %H") == "Wed 14"
    assert ("reach.set", "erika@freitag.example") in acts


def test_once_there_is_an_account_its_holder_keeps_the_hours(firm, client):
    pages, page = firm
    form = client.read(page).select_one("form.profile")
    session_of_max = registered("max@beispiel.example", Purpose.ACTIVATE)

    answer = client.post(page, data=entries(form) | {"hours_text": "Mi 14–15"})

    assert answer.status_code == 409
    assert "pflegt dies selbst" in answer.text
    assert max_kept().hours.text() == "Mo–Fr 8–18"
    assert client.read(f"{pages}/clients").select(f"a[href='{page}']") == []
    assert Browser(session_of_max).get(page).status_code == 403


def test_nobody_else_learns_of_a_clients_hours(firm):
    _, page = firm
    stranger = opened("test:2", organiser={"name": "Ole Fremd", "email": "ole@fremd.example"})
    factories.advance(stranger)
    ole = Browser(registered("ole@fremd.example"))

    assert ole.get(page).status_code == 404
    assert ole.get(f"/firm/{factories.firm_of(stranger)}/people/{page.rpartition('/')[2]}").status_code == 404
    assert Browser().get(page).status_code in {200, 303}
