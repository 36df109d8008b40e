from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from models.audit import trail
from models.clients.client import Client, ClientContact
from models.clients.words import refold
from models.db import reading, transaction
from models.firm import NothingOffered, PostcodeInvalid
from models.link import Purpose
from models.people.person import Person, Role
from models.reminders.reminder import Reminder
from models.time.clock import now
from models.time.land import Land
from tasks.onboarding import firm_page
from tasks.onboarding.firm_page import by_progress_link, choose_number, clients, complete_details, overview
from tasks.onboarding.invitations import invite_clients
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
    assert (shown.clients, shown.clients_active) == (1, 0)
    assert [client.email for client in clients(firm_of(case_id)).people] == ["max@beispiel.example"]
    assert shown.agreement.final_id
    assert (shown.finished, shown.stopped) == (False, False)


def test_the_contact_persons_link_shows_the_same():
    case_id = opened(contact={"name": "Karl Kontakt", "email": "karl@freitag.example"})
    advance(case_id)

    assert by_progress_link(token("karl@freitag.example", Purpose.PROGRESS)).case_id == case_id


def many_clients(case_id: int, count: int, first: int = 0, **values) -> None:
    """So many more clients of the case's firm, as the organiser's short way leaves them."""
    with transaction() as session:
        firm_id, made = firm_of(case_id), []
        for number in range(first, first + count):
            name = {"given_name": "Änne", "family_name": f"Müller {number:04}"}
            address = f"a{number:04}@kunde.example"
            person = Person(firm_id=firm_id, role=Role.CLIENT, email=address, added_at=now(), **name, **values)
            client = Client(firm_id=firm_id, name=f"Müller {number:04}, Änne", created_at=now())
            session.add_all([person, client])
            session.flush()
            session.add(ClientContact(client_id=client.id, person_id=person.id))
            made.append(client.id)
        refold(session, made)


def test_clients_are_listed_some_at_a_time_and_all_of_them(monkeypatch):
    monkeypatch.setattr(firm_page, "CLIENTS_SHOWN", 3)
    case_id = with_client()
    many_clients(case_id, 6)
    other = opened("test:2", organiser={"name": "Olga Ott", "email": "olga@ott.example"})
    assert firm_of(other) != firm_of(case_id)

    page, listed = clients(firm_of(case_id)), []
    assert page.first
    while True:
        listed += [person.email for person in page.people]
        if page.after is None:
            break
        page = clients(firm_of(case_id), after=page.after)
        assert not page.first
    assert listed == ["max@beispiel.example", *(f"a000{number}@kunde.example" for number in range(6))]
    assert clients(firm_of(case_id), after=10**9 - 1).people == []


def test_a_client_is_found_by_name_number_and_address_and_those_of_others_are_not():
    case_id = with_client()
    many_clients(case_id, 2)
    with transaction() as session:
        client = session.scalars(select(Client).where(Client.name.startswith("Müller 0001"))).one()
        client.number = "K/4711"
        refold(session, [client.id])

    found = {
        words: [person.email for person in clients(firm_of(case_id), words).people]
        for words in ("mueller 0001", "MULLER, änne", "k 4711", "A0000@", "%", "_", "beispiel", "niemand", " ")
    }

    one, two, max_ = "a0000@kunde.example", "a0001@kunde.example", "max@beispiel.example"
    assert found == {
        "mueller 0001": [two],
        "MULLER, änne": [one, two],
        "k 4711": [two],
        "A0000@": [one],
        "%": [],
        "_": [],
        "beispiel": [max_],
        "niemand": [],
        " ": [max_, one, two],
    }


def test_a_firm_with_very_many_clients_is_shown_and_looked_at_with_as_many_statements(statements):
    case_id = with_client()
    counts = []
    for first, more in ((0, 1), (1, 150)):
        many_clients(case_id, more, first, invited_at=now())
        with statements() as asked:
            overview(firm_of(case_id))
            clients(firm_of(case_id))
            invite_clients.fn(case_id)
        counts.append(len(asked))
    assert counts[0] == counts[1]
