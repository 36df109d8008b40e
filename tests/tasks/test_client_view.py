"""What a client sees after signing in, and what the portal is told of an account."""

import pytest
from sqlalchemy import select

from models.clients.access import ClientAccess
from models.clients.card import Phone
from models.clients.client import Client, ClientContact, ClientKind
from models.clients.function import Function
from models.clients.group import Group, GroupMember
from models.clients.phone import PhoneKind
from models.clients.portfolio import Portfolio, PortfolioClient, PortfolioMember
from models.clients.recipients import Item
from models.clients.standing import Switch
from models.clients.words import refold
from models.db import reading, transaction
from models.errors import NotFound
from models.firm import Firm
from models.link import Purpose
from models.people.person import Person, Role
from models.request import Named
from models.settings import settings
from models.time.clock import now
from tasks.clients import client_view, grants
from tasks.clients.client_view import account, accounts, handed
from tasks.onboarding.invitations import add_caseworkers
from tasks.people import membership, sessions
from tests import factories
from tests.factories import case, firm_of
from tests.remembered import remembered

ERIKA, MAX = "erika@freitag.example", "max@beispiel.example"


@remembered
def active() -> int:
    """Max Beispiel has an account with one firm, and has accepted."""
    case_id = factories.with_client()
    factories.registered(MAX, Purpose.ACTIVATE)
    return case_id


def mine() -> list[sessions.Membership]:
    visitor = sessions.signed_in(sessions.sign_in(MAX, factories.PASSWORD))
    return visitor.memberships


def max_id() -> int:
    with reading() as session:
        return session.scalars(select(Person.id).where(Person.email == MAX, Person.role == Role.CLIENT)).one()


def more_accounts(case_id: int, count: int, *, place: bool = True, portfolio: bool = False, **switches) -> list[int]:
    """So many more accounts of the firm; Max is a contact of them, or sees them by a portfolio."""
    firm_id, person_id = firm_of(case_id), max_id()
    with transaction() as session:
        made = [
            Client.open(session, firm_id, ClientKind.COMPANY, now(), name=f"Weitere {number:04}", by_hand=True).id
            for number in range(count)
        ]
        refold(session, made)
        if place:
            session.add_all(ClientContact(client_id=one, person_id=person_id, **switches) for one in made)
        if portfolio:
            name = f"Satz {made[0]}"
            row = Portfolio(firm_id=firm_id, name=name, folded=name.lower())
            session.add(row)
            session.flush()
            session.add(PortfolioMember(portfolio_id=row.id, person_id=person_id))
            session.add_all(PortfolioClient(portfolio_id=row.id, client_id=one) for one in made)
    return made


def shown(page: client_view.AccountList) -> list[int]:
    return [client.id for clients in page.accounts.values() for client in clients]


def first_account() -> int:
    with reading() as session:
        return session.scalars(select(Client.id).order_by(Client.id)).first()


def test_who_has_one_account_sees_it_at_once():
    active()

    assert accounts(mine()).only == first_account()


@pytest.mark.parametrize("how", ["login off", "archived", "stranger", "withdrawn", "paused"])
def test_what_is_not_theirs_is_not_there(how):
    case_id = active()
    theirs = first_account()
    other = more_accounts(case_id, 1, place=how != "stranger", login=how != "login off")[0]
    memberships = mine()
    if how == "archived":
        with transaction() as session:
            session.get_one(Client, other).archived_at = now()
    if how in {"withdrawn", "paused"}:
        getattr(membership, "withdraw" if how == "withdrawn" else "pause")(max_id(), ERIKA)
        with pytest.raises(sessions.AccessEnded):
            mine()
        memberships, theirs = [], None

    assert shown(accounts(memberships)) == ([theirs] if theirs else [])
    with pytest.raises(NotFound):
        account(memberships, other)


def test_a_contact_of_several_accounts_sees_those_alone_that_each_was_granted():
    case_id = active()
    granted, other = more_accounts(case_id, 2, login=False)
    for on in (True, False, True):
        grants.switch(firm_of(case_id), granted, max_id(), Switch.LOGIN, on=on, by=ERIKA)
        assert set(shown(accounts(mine()))) == {first_account(), *([granted] if on else [])}
    with pytest.raises(NotFound):
        account(mine(), other)


def test_accounts_of_a_portfolio_are_seen_as_well_and_bring_nothing_but_the_portal():
    case_id = active()
    (other,) = more_accounts(case_id, 1, place=False, portfolio=True)

    assert set(shown(accounts(mine()))) == {first_account(), other}
    assert account(mine(), other).gets == [Item.PORTAL]


def test_an_account_whose_login_is_off_is_seen_by_a_portfolio_all_the_same():
    case_id = active()
    (other,) = more_accounts(case_id, 1, portfolio=True, login=False)

    assert account(mine(), other).gets == [Item.PORTAL, Item.MAILS]


def test_very_many_accounts_are_shown_some_at_a_time_searched_and_never_loaded_all(statements, monkeypatch):
    monkeypatch.setattr(client_view, "ACCOUNTS_SHOWN", 40)
    case_id = active()
    memberships, counts = mine(), []
    for more in (1, 99):
        made = more_accounts(case_id, more, place=False, portfolio=True)
        with statements() as asked:
            page = accounts(memberships)
            view = account(memberships, made[-1])
            handed(view.firm.company_id, client_id=made[-1], number=None)
        counts.append(len(asked))
        assert (len(shown(page)) <= 40, len(view.beside) <= client_view.BESIDE_SHOWN) == (True, True)
    assert counts[0] == counts[1]

    seen, after = [], 0
    while after is not None:
        page = accounts(memberships, "", after)
        seen += shown(page)
        after = page.after
    assert len(seen) == len(set(seen)) == 101
    assert [client.name for client in accounts(memberships, "WEITERE 0098").accounts[firm_of(case_id)]] == [
        "Weitere 0098"
    ]
    assert shown(accounts(memberships, "%")) == []
    assert accounts(memberships, after=10**9 - 1).first is False


def test_the_groups_of_a_contact_open_what_they_see_and_without_any_the_firm_does():
    firm_id, person_id = firm_of(active()), max_id()
    with transaction() as session:
        session.get_one(Firm, firm_id).functions = [Function.MESSAGES]
    assert account(mine(), first_account()).functions == [Function.MESSAGES]

    with transaction() as session:
        for name, open_ in (("A", [Function.CONTRACT]), ("B", [Function.INVOICES, Function.DOCUMENTS]), ("C", ["x"])):
            group = Group(firm_id=firm_id, name=name, folded=name.lower(), functions=open_)
            session.add(group)
            session.flush()
            if name != "C":
                session.add(GroupMember(person_id=person_id, group_id=group.id))
    assert account(mine(), first_account()).functions == [Function.DOCUMENTS, Function.CONTRACT, Function.INVOICES]


def test_a_contact_reads_who_looks_after_the_account_those_first_of_whom_it_was_said():
    case_id = active()
    names = [f"Anna Amsel{number}" for number in "abcdefg"]
    staff = [Named(name=name, email=f"{name[5:].lower()}@freitag.example") for name in names]
    add_caseworkers(firm_of(case_id), ERIKA, staff)
    factories.advance(case_id)
    for one in staff:
        factories.registered(one.email)
    firm_id, client_id = firm_of(case_id), first_account()
    with transaction() as session:
        *_, last = Person.of(session, firm_id, Role.CASEWORKER)
        ClientAccess.say(session, client_id, last.id, has_access=True)
        ask = Person.one(session, firm_id, Role.CONTACT)
        session.add(Phone(person_id=ask.id, kind=PhoneKind.LANDLINE, number="+49305550100", is_primary=True))

    view = account(mine(), first_account())

    assert [person.name for person in view.staff][:2] == [names[-1], "Erika Muster"]
    assert (len(view.staff), view.more_staff) == (client_view.STAFF_SHOWN, 3)
    assert (view.ask.name, [phone.number for phone in view.phones]) == ("Erika Muster", ["+49305550100"])


def test_the_way_to_the_portal_is_a_setting(monkeypatch):
    assert client_view.portal(861272, 1, Function.MESSAGES) == ""

    monkeypatch.setenv("PROVISION_PORTAL_URL", "https://portal.example/app/")
    settings.cache_clear()

    assert client_view.portal(861272, 1, Function.MESSAGES) == "https://portal.example/app/861272/1/messages"
    assert client_view.portal(None) == ""


def test_the_portal_is_told_who_gets_what():
    case_id = active()
    with transaction() as session:
        client = session.scalars(select(Client)).one()
        client.number = "K 1"
        place = session.scalars(select(ClientContact)).one()
        place.is_commercial = place.is_main_commercial = True
    company_id = case(case_id).firm.company_id

    (one,) = handed(company_id, client_id=None, number="K 1").people

    assert one.person.email == MAX
    assert one.gets == [Item.PORTAL, Item.INVOICES, Item.AGREEMENTS, Item.MAILS]
    assert one.functions == [*Function]
    assert handed(company_id, client_id=client.id, number=None).client.id == client.id


def test_who_sees_an_account_by_a_portfolio_is_told_as_well_each_once():
    case_id = active()
    (other,) = more_accounts(case_id, 1, portfolio=True, login=False)

    (one,) = handed(case(case_id).firm.company_id, client_id=other, number=None).people

    assert (one.by_portfolio, one.contact.login, one.gets[0]) == (True, False, Item.PORTAL)


@pytest.mark.parametrize("how", ["paused", "archived", "login off"])
def test_nothing_is_open_to_who_does_not_see_the_account(how):
    case_id = active()
    if how == "paused":
        membership.pause(max_id(), ERIKA)
    with transaction() as session:
        if how == "archived":
            session.scalars(select(Client)).one().archived_at = now()
        if how == "login off":
            session.scalars(select(ClientContact)).one().login = False

    (one,) = handed(case(case_id).firm.company_id, client_id=first_account(), number=None).people

    assert one.functions == []
    assert one.gets == ([Item.MAILS] if how == "login off" else [])


def test_contacts_are_handed_over_some_at_a_time_and_not_those_who_were_withdrawn(monkeypatch):
    monkeypatch.setattr(client_view, "HANDED_AT_ONCE", 2)
    case_id = active()
    firm_id, client_id, at = firm_of(case_id), first_account(), now()
    with transaction() as session:
        for count in range(5):
            address, gone = f"k{count}@beispiel.example", at if count == 2 else None
            person = Person(
                firm_id=firm_id, role=Role.CLIENT, email=address, family_name="K", added_at=at, withdrawn_at=gone
            )
            session.add(person)
            session.flush()
            session.add(ClientContact(client_id=client_id, person_id=person.id))

    told, after = [], 0
    while after is not None:
        page = handed(case(case_id).firm.company_id, client_id=first_account(), number=None, after=after)
        told += [one.person.email for one in page.people]
        after = page.after

    assert told == [MAX, *(f"k{count}@beispiel.example" for count in (0, 1, 3, 4))]


def test_an_account_of_another_firm_is_not_there_for_the_portal():
    case_id = active()
    company_id = case(case_id).firm.company_id
    other = firm_of(factories.opened("test:2", organiser={"name": "Fritz Fremd", "email": "fritz@fremd.example"}))
    with transaction() as session:
        foreign = Client.open(session, other, ClientKind.COMPANY, now(), name="Fremd", by_hand=True)
        foreign.number = "F 1"

    for which in ({"client_id": foreign.id, "number": None}, {"client_id": None, "number": "F 1"}):
        with pytest.raises(NotFound):
            handed(company_id, **which)
    with pytest.raises(NotFound):
        handed(100_000 if company_id != 100_000 else 100_001, client_id=first_account(), number=None)
