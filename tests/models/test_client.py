"""A client's account with the firm."""

from contextlib import nullcontext

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from models.clients import renaming
from models.clients.client import Client, ClientContact, ClientKind, CustomerNumberTaken
from models.clients.naming import ClientNameMissing, NameFormat, filed_as
from models.clients.words import ClientWords, is_found, refold
from models.db import reading, transaction
from models.errors import NotFound
from models.link import Purpose
from models.people.person import Person, Role
from models.time.clock import now
from tests import factories


@pytest.fixture
def firm_id():
    return factories.firm_of(factories.opened())


def account(session, firm_id, kind=ClientKind.INDIVIDUAL, name="Muster, Erika") -> Client:
    return Client.open(session, firm_id, kind, now(), name=name, by_hand=False)


def test_a_name_that_nobody_wrote_follows_the_contact_until_somebody_writes_one(firm_id):
    with transaction() as session:
        client = account(session, firm_id)
        client.follow("Muster-Ott, Erika")
        assert (client.name, client.is_named_by_hand) == ("Muster-Ott, Erika", False)
        client.call("Muster-Ott, Erika", "Muster-Ott, Erika")  # As it stands in the form, saved again.
        assert not client.is_named_by_hand
        client.call("Familie Muster", "Muster-Ott, Erika")
        client.follow("Ott, Erika")
        assert (client.name, client.is_named_by_hand) == ("Familie Muster", True)
        client.call("", "Ott, Erika")
        assert (client.name, client.is_named_by_hand) == ("Ott, Erika", False)


def test_a_company_is_called_by_its_own_name_and_not_by_a_contacts(firm_id):
    with transaction() as session:
        client = account(session, firm_id, ClientKind.COMPANY, "Müller GmbH")
        client.company_name = "Müller & Söhne GmbH"
        client.follow("Muster, Erika")
        assert client.name == "Müller & Söhne GmbH"
        client.company_name = ""
        with pytest.raises(ClientNameMissing):
            client.call("", "Muster, Erika")


def test_a_customer_number_is_text_and_of_one_client_of_the_firm_only(firm_id):
    other = factories.firm_of(factories.opened("test:2", organiser={"name": "Olga Ott", "email": "olga@ott.example"}))
    with transaction() as session:
        one, two, elsewhere = account(session, firm_id), account(session, firm_id), account(session, other)
        one.give_number(session, " 00\u00a042 ")
        one.give_number(session, "00 42")
        elsewhere.give_number(session, "00 42")
        for client in (one, two):
            client.give_number(session, "")
            assert client.number is None
        one.give_number(session, "0042")
        session.flush()
        with pytest.raises(CustomerNumberTaken, match="“0042” is that of Muster, Erika"):
            two.give_number(session, "0042")


def test_of_two_who_give_one_number_at_once_the_database_lets_one_do_it(firm_id):
    with transaction() as session:
        one, two = account(session, firm_id).id, account(session, firm_id).id
    for client_id, refused in ((one, nullcontext()), (two, pytest.raises(IntegrityError))):
        with refused, transaction() as session:
            session.get_one(Client, client_id).number = "7"


def test_an_account_is_found_however_names_and_number_are_written(firm_id):
    with transaction() as session:
        client = account(session, firm_id, ClientKind.COMPANY, "Müller & Söhne GmbH")
        client.company_name, client.number = "Mueller Söhne", "K-0042"
        refold(session, [client.id])
        for words in ("mueller", "Muller", "Söhne müller", "K-0042"):
            assert session.scalars(select(Client.id).where(is_found(firm_id, words))).all() == [client.id]
            assert session.scalars(select(Client.id).where(is_found(firm_id + 1, words))).all() == []
        assert session.scalars(select(Client.id).where(is_found(firm_id, " - "))).all() == []


def test_a_firm_reaches_its_own_accounts_only(firm_id):
    other = factories.firm_of(factories.opened("test:2", organiser={"name": "Olga Ott", "email": "olga@ott.example"}))
    with transaction() as session:
        client_id = account(session, firm_id).id
    with transaction() as session:
        assert Client.get(session, firm_id, client_id).id == client_id
        for firm, client in ((other, client_id), (firm_id, 999)):
            with pytest.raises(NotFound):
                Client.get(session, firm, client)


def test_one_of_the_commercial_contacts_gets_the_invoices(firm_id):
    with transaction() as session:
        client_id = account(session, firm_id).id
        people = session.scalars(select(Person.id).where(Person.firm_id == firm_id).limit(2)).all()
    main = {"client_id": client_id, "is_commercial": True, "is_main_commercial": True}
    for person_id, refused in zip(people, (nullcontext(), pytest.raises(IntegrityError)), strict=True):
        with refused, transaction() as session:
            session.add(ClientContact(person_id=person_id, **main))


def test_who_is_neither_commercial_nor_operational_contact_is_an_employee():
    for commercial in (False, True):
        for operational in (False, True):
            contact = ClientContact(is_commercial=commercial, is_operational=operational)
            assert contact.is_employee == (not commercial and not operational)


def test_the_organisers_short_way_files_clients_by_the_firms_format():
    case_id = factories.with_client()
    with reading() as session:
        (client,) = session.scalars(select(Client)).all()
        assert (client.name, client.is_named_by_hand, client.firm_id) == (
            "Beispiel, Max",
            False,
            factories.firm_of(case_id),
        )


def test_an_account_is_called_as_its_first_contact_from_the_moment_they_say_their_name():
    factories.with_client()
    factories.registered("max@beispiel.example", Purpose.ACTIVATE, given_name="Maximilian", family_name="von Beispiel")

    with reading() as session:
        assert session.scalars(select(Client.name)).all() == ["von Beispiel, Maximilian"]


def test_an_account_is_not_called_by_a_later_contact(firm_id):
    with transaction() as session:
        client = account(session, firm_id)
        people = session.scalars(select(Person).where(Person.firm_id == firm_id).order_by(Person.id).limit(2)).all()
        for person, name in zip(people, ("Erste", "Zweite"), strict=True):
            session.add(ClientContact(client_id=client.id, person_id=person.id))
            session.flush()
            person.given_name, person.family_name = "", name
        for person in people:
            renaming.rename(session, person, NameFormat.FAMILY_FIRST)
        assert client.name == "Erste"


# ---- all accounts of a firm by another format


def filed(session, firm_id, given, family, **values):
    """An account with one contact, as the firm files it until then."""
    person = Person(firm_id=firm_id, role=Role.CLIENT, email="", given_name=given, family_name=family, added_at=now())
    client = account(session, firm_id, name=filed_as(given, family, NameFormat.FAMILY_FIRST))
    for name, value in values.items():
        setattr(client, name, value)
    session.add(person)
    session.flush()
    session.add(ClientContact(client_id=client.id, person_id=person.id))
    session.flush()
    return client


def test_accounts_follow_another_format_with_what_a_search_finds_and_those_named_otherwise_stay(firm_id, monkeypatch):
    monkeypatch.setattr(renaming, "RENAMED_AT_ONCE", 2)
    with transaction() as session:
        follow = [filed(session, firm_id, "Änne", f"Müller {number}", number=f"K{number}") for number in range(4)]
        follow.append(filed(session, firm_id, "Ohne", "Zweiten"))
        second = Person(firm_id=firm_id, role=Role.CLIENT, email="", family_name="Später", added_at=now())
        session.add(second)
        session.flush()
        session.add(ClientContact(client_id=follow[-1].id, person_id=second.id))
        stay = [
            filed(session, firm_id, "Erika", "Muster", name="Familie Muster", is_named_by_hand=True),
            filed(session, firm_id, "Erika", "Muster", kind=ClientKind.COMPANY, name="Muster GmbH"),
            filed(session, firm_id, "", "Plural"),
            account(session, firm_id, name="Ohne Kontakt"),
        ]
        before = [client.name for client in stay]
        ids = [[client.id for client in clients] for clients in (follow, stay)]

    steps, last = [], 0
    while last is not None:
        with transaction() as session:
            more, last = renaming.rename_some(session, firm_id, NameFormat.GIVEN_FIRST, last)
            steps.append(more)

    assert steps == [2, 2, 1]
    with transaction() as session:
        named = [session.get_one(Client, key) for key in ids[0]]
        assert [client.name for client in named] == [*(f"Änne Müller {n}" for n in range(4)), "Ohne Zweiten"]
        words = {row.client_id: row.names for row in session.scalars(select(ClientWords))}
        assert words[named[1].id] == "aenne mueller 1 k1 anne muller 1 k1"
        assert [session.get_one(Client, key).name for key in ids[1]] == before
        assert renaming.rename_some(session, firm_id, NameFormat.GIVEN_FIRST, 0) == (0, None)
        assert renaming.rename_some(session, firm_id + 1, NameFormat.FAMILY_FIRST, 0) == (0, None)
        refold(session, ids[0])  # As if each had been renamed by itself.
        assert {row.client_id: row.names for row in session.scalars(select(ClientWords))} == words


def test_however_many_follow_it_takes_as_many_statements(firm_id, statements):
    with transaction() as session:
        for number in range(30):
            filed(session, firm_id, "Änne", f"Müller {number}")

    with transaction() as session, statements() as asked:
        assert renaming.rename_some(session, firm_id, NameFormat.GIVEN_FIRST, 0) == (30, None)
    assert len(asked) == 6


def test_a_name_that_would_be_too_long_stays(firm_id):
    with transaction() as session:
        long = filed(session, firm_id, "A" * 98, "B" * 100)
        session.scalars(select(Person).where(Person.family_name == "B" * 100)).one().given_name = "A" * 99
        session.flush()
        assert renaming.rename_some(session, firm_id, NameFormat.FAMILY_FIRST, 0) == (0, None)
        assert renaming.rename_some(session, firm_id, NameFormat.GIVEN_FIRST, 0) == (1, None)
        session.refresh(long)
        assert long.name == "A" * 99 + " " + "B" * 100
