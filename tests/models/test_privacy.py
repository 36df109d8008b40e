"""Every column says whether it tells of people, and everything that tells of one person is found."""

import pytest
from sqlalchemy import JSON, Column, Integer, LargeBinary, String, Table, select

from models.db import MUTE, TELLS, Base, reading, transaction
from models.document import Document
from models.link import Purpose
from models.people.person import Person, Role
from models.privacy import Place, places_of, undeclared
from models.reminders.cadence import Level
from models.time.hours import Hours
from tasks.agreement import responses
from tasks.onboarding import stopping
from tasks.reminders import cadences
from tests import factories

ERIKA, KONRAD, MAX = "erika@freitag.example", "konrad@freitag.example", "max@beispiel.example"
FROM = factories.FROM


def person_of(session, email: str) -> Person:
    return session.scalars(select(Person).where(Person.email == email, Person.role != Role.CONTACT)).one()


def places(email: str) -> set[Place]:
    with reading() as session:
        return set(places_of(session, person_of(session, email)))


def columns(email: str) -> set[str]:
    return {f"{place.table}.{place.column}" for place in places(email)}


def named_in_any_column(*names: str) -> set[Place]:
    """Where one of these stands, found by reading every value of every row."""
    found = set()
    with reading() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(table.select()).mappings():
                held = {column: value for column, value in row.items() if not isinstance(value, bytes)}
                (key,) = (row[column.name] for column in table.primary_key.columns)
                found |= {
                    Place(table.name, key, column)
                    for column, value in held.items()
                    if any(name.casefold() in str(value).casefold() for name in names)
                }
    return found


def test_every_column_says_whether_it_tells_of_people():
    assert undeclared() == []


@pytest.mark.parametrize("kind", [String(20), JSON(), LargeBinary(), Integer()], ids=str)
def test_a_column_that_does_not_say_it_is_noticed(kind):
    table = Table("toys", Base.metadata, Column("id", Integer, primary_key=True), Column("colour", kind))
    try:
        assert undeclared() == ["toys.colour"]
        for said in (MUTE, TELLS):
            table.c.colour.info = said
            assert undeclared() == []
    finally:
        Base.metadata.remove(table)


ZOE = {"name": "Özge Çelik-WEIß", "email": "zoe@freitag.example"}


def test_nobodys_name_or_address_stands_where_no_column_says_so_or_is_missed():
    """The way of a firm with all that people write on it, looked through value by value."""
    case_id = factories.handed_over(caseworkers=[ZOE])
    link = factories.token(KONRAD, Purpose.AGREEMENT)
    responses.decline(link, "Ich, Konrad Zeichner, unterschreibe das nicht. Özge Çelik-WEIß auch nicht.", **FROM)
    factories.advance(case_id)
    cadences.pause(Level.CASE, case_id, ERIKA)
    stopping.stop_case(case_id, "Erika Muster hat abgesagt.", ERIKA)

    for email, name in ((ERIKA, "Erika Muster"), (KONRAD, "Konrad Zeichner"), (ZOE["email"], ZOE["name"])):
        named = named_in_any_column(email, name)
        assert len({place.table for place in named}) > 3
        assert named - places(email) == set()


def test_what_is_somebodys_is_found_also_where_they_are_not_named():
    factories.signed()
    with transaction() as session:
        person_of(session, ERIKA).hours = Hours.parse("Mo–Fr 8–12")

    theirs = places(ERIKA)

    assert {"persons.hours", "accounts.password_hash", "outbox.facts", "agreements.data"} <= columns(ERIKA)
    assert {f"agreements.signer_{what}" for what in ("ip", "agent", "email")} <= columns(ERIKA)
    with reading() as session:
        documents = set(session.scalars(select(Document.id).where(Document.media_type == "application/pdf")))
    assert {place.row for place in theirs if place.column == "content"} == documents


def test_a_refusal_is_of_whoever_was_asked_to_sign():
    factories.with_organiser()
    responses.decline(factories.token(ERIKA, Purpose.AGREEMENT), "Zu teuer.", **FROM)
    assert "agreements.decline_reason" in columns(ERIKA)


def test_a_refusal_of_who_was_named_is_not_the_organisers():
    factories.handed_over()
    responses.decline(factories.token(KONRAD, Purpose.AGREEMENT), "Zu teuer.", **FROM)

    assert "agreements.decline_reason" in columns(KONRAD)
    assert "agreements.delegate_function" in columns(KONRAD)
    assert {"agreements.decline_reason", "agreements.delegate_function"}.isdisjoint(columns(ERIKA))


def test_what_is_other_peoples_alone_is_left_out():
    factories.with_client()
    with reading() as session:
        client, organiser = person_of(session, MAX), person_of(session, ERIKA)

    assert Place("persons", client.id, "email") in places(MAX)
    assert not [place for place in places(MAX) if (place.table, place.row) == ("persons", organiser.id)]
    assert not [place for place in places(MAX) if place.table in {"agreements", "accounts", "subscriptions"}]
    assert not [place for place in places(ERIKA) if (place.table, place.row) == ("persons", client.id)]


def test_a_name_with_signs_of_a_pattern_is_that_name_only():
    factories.opened(organiser={"name": "A_a M%r", "email": ERIKA})
    factories.opened("test:2", organiser={"name": "Aba Müller", "email": KONRAD})

    assert not [place for place in places(ERIKA) if place in places(KONRAD)]


def test_it_takes_one_statement_for_each_table(statements):
    factories.with_client()
    with reading() as session:
        person = person_of(session, ERIKA)
        with statements() as asked:
            list(places_of(session, person))

    assert len(asked) <= len(Base.metadata.sorted_tables) + 3
