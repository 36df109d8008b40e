"""Whoever asks what is stored about them is told all of it, and nothing of anybody else."""

import json
import re
from itertools import chain

from sqlalchemy import select

from models.audit import record
from models.clients.card import Card
from models.db import Base, reading, transaction
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding
from models.people.manners import AddressForm, Language
from models.people.person import Person
from models.privacy import places_of
from models.retention.erasure import CLASSES
from models.retention.own_data import EMPTY, chapter_of, items, shares
from models.time.clock import now
from tasks.retention import own_data
from tasks.retention.erasure import forget
from tests import erased, factories
from tests.contacts import ERIKA, MAX, STAFF, contact, with_max
from tests.tasks.test_erasure import awake as awake  # noqa: PLC0414  (a fixture)
from tests.tasks.test_erasure import share


def taken(who: str, **how: bool) -> str:
    return "".join(own_data.written(who, **how))


def people() -> list[Person]:
    with reading() as session:
        return [person for person in session.scalars(select(Person).order_by(Person.id)) if "@" in person.email]


def marks(person: Person) -> set[str]:
    """By what somebody is known; a name of three letters may stand in any word."""
    return {person.email.lower(), person.name.lower(), *[person.family_name.lower()] * (len(person.family_name) > 3)}


def value_at(session, place) -> object:
    table = Base.metadata.tables[place.table]
    (key,) = table.primary_key.columns
    return session.execute(select(table.c[place.column]).where(key == place.row)).scalar_one()


def missed(address: str, everybody: list[Person]) -> set[str]:
    """What tells of whoever has this address and is neither given nor named as withheld."""
    left = set()
    with reading() as session:
        told = [item for one in shares(session, address) for item in items(session, one)]
        known = {(item.table, item.row): {*item.values, *item.withheld} for item in told}
        documents = {number for item in told for number in item.documents}
        for place in chain.from_iterable(places_of(session, each) for each in everybody if each.email == address):
            if place.table == "documents" and place.row in documents:
                continue
            if place.column not in known.get((place.table, place.row), ()) and value_at(session, place) not in EMPTY:
                left.add(f"{place.table}.{place.column}")
    return left


def told_of_others(address: str, everybody: list[Person]) -> set[str]:
    own = {mark for each in everybody if each.email == address for mark in marks(each)}
    text = taken(address).lower()
    others = {mark for each in everybody for mark in marks(each)} - own
    there = {mark for mark in others if mark in text and not any(mark in mine for mine in own)}
    return {mark for mark in there if re.search(rf"(?<!\w){re.escape(mark)}(?!\w)", text)}


def test_everything_that_tells_of_somebody_is_given_or_named_and_nothing_of_others(no_runs):
    erased.firm(0)
    factories.handed_over(caseworkers=STAFF)
    everybody = people()
    assert len(everybody) > 15

    addresses = {who.email for who in everybody}
    assert {address: left for address in addresses if (left := missed(address, everybody))} == {}
    assert {address: told for address in addresses if (told := told_of_others(address, everybody))} == {}


def test_it_costs_as_many_statements_however_much_there_is(no_runs, statements):
    with_max()
    with statements() as few:
        taken(MAX)
    with transaction() as session:
        letters = {"to_name": "Max Beispiel", "to_address": MAX, "language": Language.GERMAN, "facts": {}}
        session.add_all(
            Outgoing(
                key=f"more:{number}",
                message_id=f"more:{number}",
                kind=MailKind.WELCOME,
                address_form=AddressForm.SIE,
                created_at=now(),
                **letters,
            )
            for number in range(150)
        )

    with statements() as more:
        text = taken(MAX)

    assert text.count('"welcome"') >= 150
    assert len(more) <= len(few) + 2
    assert len(few) < 8 * len(Base.metadata.sorted_tables)


def test_of_a_mail_and_a_record_in_which_two_people_stand_each_is_told_their_own(no_runs):
    """What the firm and other systems have written freely is given in part, and said to be so."""
    firm_id, _, _, max_id = with_max()
    nina = contact(firm_id, "Nina", "Neu", "nina@neu.example")
    note = "Max Beispiel und Nina Neu (nina@neu.example, +49 30 5550001) streiten."
    with transaction() as session:
        case_id = Onboarding.of_firm(session, firm_id).id
        record(session, case_id, now(), "person.invited", ERIKA, person=max_id, reason=note, people=["Nina Neu"])
        card = Card.of(session, session.get_one(Person, max_id))
        card.particulars = {"note": note, "birthday": "1980-02-29"}
        Card.of(session, session.get_one(Person, nina)).particulars = {"note": "Frau von Max Beispiel"}
        session.add(
            Outgoing(
                key="two",
                message_id="two",
                kind=MailKind.PEOPLE_SILENT,
                onboarding_id=case_id,
                to_name="Max Beispiel",
                to_address=MAX,
                language=Language.GERMAN,
                address_form=AddressForm.SIE,
                facts={"people": [{"name": "Nina Neu", "email": "nina@neu.example", "days": 3}], "Nina Neu": MAX},
                created_at=now(),
            )
        )

    of_max, of_nina = taken(MAX), taken("nina@neu.example")

    assert not re.search("nina|neu.example|5550001|Neu", of_max)
    assert not re.search("max@|birthday|1980|Straße", of_nina)
    assert "1980-02-29" in of_max
    told = [entry for part in json.loads(of_max)["parts"] for entry in part["entries"]]
    (card_entry,) = [entry for entry in told if entry["record"] == "contact_cards"]
    assert card_entry["withheld"] == {"particulars": "others"}
    assert any(entry["kind"] == "people_silent" and entry["withheld"]["facts"] == "others" for entry in told)


def test_of_who_was_erased_nothing_is_told_any_more(no_runs):
    factories.with_client()
    assert json.loads(taken(MAX))["parts"]

    forget(share(MAX), ERIKA)

    assert json.loads(taken(MAX))["parts"] == []


def test_every_table_that_an_erasure_walks_by_name_has_its_chapter():
    named = {table for tables in CLASSES.values() for table in tables} - {"takeouts"}

    assert {table for table in named if chapter_of(table).name == "other"} == set()
