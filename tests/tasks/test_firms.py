import pytest

from models.audit import trail
from models.db import reading
from models.firm import NothingOffered, PostcodeInvalid
from models.link import Purpose
from models.person import Person, Role
from models.schedule import Land
from tasks.firms import by_progress_link, choose_number, complete_details, overview
from tests.factories import advance, case, everything, firm_of, opened, standing, token, with_client

ERIKA = "erika@freitag.example"
TOLD = {"street": " Am  Tor 1 ", "postcode": "80331", "city": "München", "land": Land.BAVARIA, "website": ""}


def test_what_the_firm_tells_completes_the_details_and_is_written_down():
    case_id = opened(street="", postcode="", city="", land=None)
    advance(case_id)

    complete_details(firm_of(case_id), ERIKA, **TOLD)
    advance(case_id)

    assert case(case_id).firm.address == ["Am Tor 1", "80331 München"]
    assert standing(case_id)["details"] == "done"
    with reading() as session:
        told = next(entry for entry in trail(session, case_id) if entry.action == "details.told")
        organiser = Person.one(session, firm_of(case_id), Role.ORGANISER)
        assert (organiser.land, organiser.postcode) == (Land.BAVARIA, "80331")
    assert list(told.facts["after"].values()) == ["Am Tor 1", "80331", "München", "BY", ""]


def test_what_cannot_be_changes_nothing():
    case_id = opened()
    before = everything()

    with pytest.raises(PostcodeInvalid):
        complete_details(firm_of(case_id), ERIKA, **TOLD | {"postcode": "1"})
    with pytest.raises(NothingOffered):
        choose_number(firm_of(case_id), ERIKA, 777_777)

    assert everything() == before


def test_the_overview_shows_steps_people_and_papers():
    case_id = with_client()

    shown = overview(firm_of(case_id))

    assert [step.name.number for step in shown.steps] == [1, 2, 3, 4, 5, 6, 7]
    assert [client.email for client in shown.clients] == ["max@beispiel.example"]
    assert shown.agreement.final_id
    assert (shown.finished, shown.stopped) == (False, False)


def test_the_contact_persons_link_shows_the_same():
    case_id = opened(contact={"name": "Karl Kontakt", "email": "karl@freitag.example"})
    advance(case_id)

    assert by_progress_link(token("karl@freitag.example", Purpose.PROGRESS)).case_id == case_id
