"""What everybody may see of a firm, and by which words it is found."""

import pytest
from sqlalchemy import select

from models.clients.card import Card
from models.clients.client import Client, ClientContact
from models.db import reading, transaction
from models.errors import Faults, NotFound
from models.firm import Firm, LineOfBusiness
from models.onboarding import Onboarding, StepName
from models.people.person import Person, Role
from models.time.clock import now
from tasks.clients import public_page
from tasks.clients.public_page import SearchTooShort, find_firms, page_of, registration_at
from tasks.onboarding import stopping
from tasks.people import membership
from tests import factories
from tests.factories import case, countersigned, firm_of
from tests.remembered import remembered
from tests.tasks.test_firm_page import many_clients

ERIKA = "erika@freitag.example"


def number(case_id: int) -> int:
    return case(case_id).firm.company_id


def change(case_id: int, **values) -> None:
    with transaction() as session:
        firm = session.get_one(Firm, firm_of(case_id))
        for name, value in values.items():
            setattr(firm, name, value)


@remembered
def with_contacts() -> int:
    """A firm with three clients, two of whom have agreed to stand in its list."""
    case_id = countersigned()
    many_clients(case_id, 3)
    with transaction() as session:
        for person in Person.of(session, firm_of(case_id), Role.CLIENT)[:2]:
            place = {"street": "Geheimweg 1", "postcode": "80331", "city": "München"}
            listed = {"title": "Dr.", "website": "www.mueller.example", "is_listed": "yes"}
            Card.of(session, person).describe(Faults(), place | listed)
    return case_id


def test_the_page_shows_the_firm_and_whom_to_ask():
    case_id = countersigned()

    page = page_of(number(case_id))

    assert (page.firm.id, page.ask.name, page.contacts, page.has_logo) == (firm_of(case_id), "Erika Muster", [], False)


def test_only_contacts_who_have_agreed_stand_in_the_list_with_name_town_and_website_alone():
    page = page_of(number(with_contacts()))

    names = [one.name for one in page.contacts]
    assert names == ["Dr. Änne Müller 0000", "Dr. Änne Müller 0001"]
    assert (page.contacts[0].city, page.contacts[0].website) == ("München", "https://www.mueller.example")
    assert set(vars(page.contacts[0])) == {"title", "given_name", "family_name", "city", "website"}


@pytest.mark.parametrize("how", ["withdrawn", "archived", "no account"])
def test_who_is_no_client_any_more_stands_in_no_list(how):
    case_id = with_contacts()
    with reading() as session:
        first = Person.of(session, firm_of(case_id), Role.CLIENT)[0]
    if how == "withdrawn":
        membership.withdraw(first.id, ERIKA)
    with transaction() as session:
        for place in session.scalars(select(ClientContact).where(ClientContact.person_id == first.id)).all():
            if how == "archived":
                session.get_one(Client, place.client_id).archived_at = now()
            else:
                session.delete(place)

    assert [one.family_name for one in page_of(number(case_id)).contacts] == ["Müller 0001"]


def test_a_contact_of_an_archived_account_who_has_another_one_stays_in_the_list():
    case_id = with_contacts()
    with transaction() as session:
        first = Person.of(session, firm_of(case_id), Role.CLIENT)[0]
        mine, *_, other = session.scalars(select(Client).order_by(Client.id))
        mine.archived_at = now()
        session.add(ClientContact(client_id=other.id, person_id=first.id))

    assert len(page_of(number(case_id)).contacts) == 2


def test_the_list_is_shown_some_at_a_time(monkeypatch):
    monkeypatch.setattr(public_page, "CONTACTS_SHOWN", 1)
    company_id = number(with_contacts())

    first = page_of(company_id)
    second = page_of(company_id, first.after)

    assert [one.family_name for one in first.contacts + second.contacts] == ["Müller 0000", "Müller 0001"]
    assert (first.first, second.first, second.after) == (True, False, None)


HIDDEN = ["neither listed nor open", "stopped", "before the agreement", "another number"]


@pytest.mark.parametrize("why", HIDDEN)
def test_a_firm_without_a_page_is_not_found_after_one_look(statements, why):
    case_id = factories.signed() if why == "before the agreement" else countersigned()
    company_id = number(case_id)
    if why == "neither listed nor open":
        change(case_id, is_listed=False, takes_sign_ups=False)
    if why == "stopped":
        stopping.stop_case(case_id, "Schluss", "operator@convent-it.example")
    if why == "another number":
        company_id = 999_999 - company_id + 100_000

    for look in (page_of, registration_at):
        with statements() as asked, pytest.raises(NotFound):
            look(company_id)
        assert len(asked) == 1


@pytest.mark.parametrize(("listed", "open_"), [(True, False), (False, True)])
def test_a_firm_that_is_listed_or_open_has_a_page_and_only_an_open_one_takes_registrations(listed, open_):
    case_id = countersigned()
    change(case_id, is_listed=listed, takes_sign_ups=open_)

    assert page_of(number(case_id)).firm.id == firm_of(case_id)
    if open_:
        assert registration_at(number(case_id))[0].id == firm_of(case_id)
    else:
        with pytest.raises(NotFound):
            registration_at(number(case_id))


def test_a_firm_is_found_by_name_activity_and_number_however_it_is_spelled():
    case_id = countersigned(firm_name="Müller & Söhne")
    words = ["mueller", "SOEHNE muller", "Rechtsanwälte", "müller anwalt", "avocat", "law firm", str(number(case_id))]

    found = {each: len(find_firms(each).firms) for each in words}
    assert found == dict.fromkeys(words, 1)
    nothing = ["Steuerberater", "müller steuerberater", "a_b_c", "niemand", "123456"]
    assert [len(find_firms(each).firms) for each in nothing] == [0] * 5


def test_what_is_too_short_finds_nothing_and_says_why():
    countersigned()

    for words in ("", "ab", "12345", "1234567", "%%%", "a1b2", "099999"):
        with pytest.raises(SearchTooShort):
            find_firms(words)


@pytest.mark.parametrize("why", ["opted out", "stopped", "before the agreement"])
def test_a_firm_that_is_not_listed_is_not_found(why):
    case_id = factories.signed() if why == "before the agreement" else countersigned()
    if why == "opted out":
        change(case_id, is_listed=False)
    if why == "stopped":
        stopping.stop_case(case_id, "Schluss", "operator@convent-it.example")

    assert find_firms("freitag").firms == []
    assert find_firms(str(number(case_id) or 123456)).firms == []


def test_firms_are_found_some_at_a_time_in_the_order_of_the_alphabet(monkeypatch):
    monkeypatch.setattr(public_page, "FIRMS_SHOWN", 2)
    case_id = countersigned()
    with transaction() as session:
        for count, name in enumerate(("Freitag C", "Freitag A", "Freitag B", "Freitag B")):
            at = now()
            firm = Firm(name=name, line_of_business=LineOfBusiness.LAW, company_id=200_000 + count, created_at=at)
            session.add(firm)
            session.flush()
            Onboarding.open(session, firm, f"test:{name}{count}", at).finish(StepName.AGREEMENT, at)

    found, after = [], 0
    while after is not None:
        page = find_firms("freitag", after)
        found += [(firm.name, firm.company_id) for firm in page.firms]
        after = page.after

    assert found == [
        ("Anwaltskanzlei Freitag & Kollegen", number(case_id)),
        ("Freitag A", 200_001),
        ("Freitag B", 200_002),
        ("Freitag B", 200_003),
        ("Freitag C", 200_000),
    ]
