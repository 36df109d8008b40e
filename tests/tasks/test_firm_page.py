from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from models.audit import trail
from models.db import reading, transaction
from models.firm import NothingOffered, PostcodeInvalid
from models.link import Purpose
from models.people.person import Person, Role
from models.reminders.reminder import Reminder
from models.time.land import Land
from tasks.onboarding.firm_page import by_progress_link, choose_number, complete_details, overview
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


def test_whoever_is_where_the_firm_is_follows_its_correction_and_its_undo_and_who_said_another_place_stays():
    case_id = opened(**TOLD | {"contact": {"name": "Karl Kontakt", "email": "karl@freitag.example"}})
    advance(case_id)
    firm = firm_of(case_id)
    with transaction() as session:
        elsewhere = Person.one(session, firm, Role.CONTACT)
        elsewhere.land, elsewhere.postcode = Land.BAVARIA, "86150"

    def places():
        with reading() as session:
            people = [Person.one(session, firm, role) for role in (Role.ORGANISER, Role.CONTACT)]
            return [(one.land, one.postcode) for one in people]

    complete_details(firm, ERIKA, **TOLD | {"postcode": "01067", "city": "Dresden", "land": Land.SAXONY})
    moved = places()
    complete_details(firm, ERIKA, **TOLD)

    assert moved == [(Land.SAXONY, "01067"), (Land.BAVARIA, "86150")]
    assert places() == [(Land.BAVARIA, "80331"), (Land.BAVARIA, "86150")]


def test_what_is_due_moves_off_the_holidays_of_the_place_to_which_the_firm_is_corrected(clock):
    clock(datetime(2026, 11, 15, 9, tzinfo=UTC))  # The 18th is a holiday in Saxony alone.
    case_id = opened(**TOLD | {"postcode": "01067", "city": "Dresden", "land": Land.SAXONY})
    advance(case_id)

    def due():
        with reading() as session:
            dues = session.scalars(select(Reminder.due_at).where(Reminder.due_at.is_not(None)))
            return {one.day for one in dues}

    before = due()
    complete_details(firm_of(case_id), ERIKA, **TOLD)

    assert (before, due()) == ({19}, {18})


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
