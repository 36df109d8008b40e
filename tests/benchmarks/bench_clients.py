"""A firm with very many clients: what its people and clients wait for, at 1,000 and at 100,000 accounts."""

import pytest
from sqlalchemy import select, text

from models.clients.client import ClientContact, ClientState
from models.clients.tag import Tag
from models.db import engine, reading, transaction
from models.people.login import Login, hash_password
from models.people.person import Person
from models.people.staff import Rank, Rights
from models.settings import settings
from models.time.clock import now
from tasks.clients import accounts, contacts
from tasks.clients.accounts import Filter
from tasks.clients.pending import Mark, Sought
from tasks.people import sessions
from tasks.reminders import follow_up
from tests import factories
from tests.benchmarks.bench_product import seconds
from tests.clients import fill, some_account, wait_for_all
from tests.deployments.browser import Browser
from tests.tasks.test_accounts import ERIKA, PASSWORD, ZOE, give, member, with_staff

pytestmark = pytest.mark.benchmark


def client_of(person_id: int) -> str:
    """A session of this contact, who has an account of their own from now on."""
    hashed = hash_password(PASSWORD)
    with transaction() as session:
        person = session.get_one(Person, person_id)
        login = Login(email=person.email, password_hash=hashed, created_at=now(), confirmed_at=now())
        session.add(login)
        session.flush()
        person.join(login, now())
        email = login.email
    return sessions.sign_in(email, PASSWORD)


@pytest.mark.parametrize("product", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize("number", [1_000, 100_000])
def test_lists_pages_and_passes(product, number):
    case_id = with_staff()
    firm_id = factories.firm_of(case_id)
    fill(firm_id, number)
    if product == "postgresql":
        with engine(settings().database).begin() as connection:
            connection.execute(text("ANALYZE"))
    client_id, owner = some_account(firm_id), member()
    some = give(case_id, Rights(Rank.STAFF, manages_accounts=True, has_default_access=True), ZOE)
    with reading() as session:
        tag = session.scalars(select(Tag.id)).one()
        person = session.scalars(select(ClientContact.person_id).where(ClientContact.client_id == client_id)).one()
    token, client_token = sessions.sign_in(ERIKA, PASSWORD), client_of(person)
    theirs = Browser(client_token)
    acts = {
        "list": lambda: accounts.listed(owner, Filter()),
        "list of a member": lambda: accounts.listed(some, Filter()),
        "next page, in the middle": lambda: accounts.listed(owner, Filter(), client_id),
        "filter: tag": lambda: accounts.listed(owner, Filter(tag=tag)),
        "filter: pending": lambda: accounts.listed(owner, Filter(state=ClientState.PENDING)),
        "filter: archived": lambda: accounts.listed(owner, Filter(state=ClientState.ARCHIVED)),
        "filter: without access": lambda: accounts.listed(owner, Filter(state=ClientState.CLOSED)),
        "search: one": lambda: accounts.listed(owner, Filter(search="k000777")),
        "search: none": lambda: accounts.listed(owner, Filter(search="gibtesnicht")),
        "search: two words": lambda: accounts.listed(owner, Filter(search="mueller zoe")),
        "choose a contact": lambda: contacts.found(owner, "lévy"),
        "account": lambda: accounts.view(owner, client_id),
        "contact": lambda: contacts.view(owner, person),
        "sign-in is looked up": lambda: sessions.signed_in(token),
        "client's sign-in is looked up": lambda: sessions.signed_in(client_token),
        "page portal, of a client": lambda: theirs.get("/portal"),
        "pass of onboard": lambda: factories.advance(case_id),
    }
    browser = Browser(token)
    for page in ("accounts", "accounts?search=k000777", f"accounts/{client_id}", f"contacts/{person}", "clients", ""):
        acts[f"page {page.replace(str(client_id), '…')}"] = lambda page=page: browser.get(f"/firm/{firm_id}/{page}")
    base = seconds(lambda: accounts.view(owner, client_id), 10)
    for name, act in acts.items():
        act()
        took = seconds(act, 11)
        print(f"\n{product:10} {number:7,} {name:26} {took * 1000:7.1f} ms, {took / base:5.1f} x an account", end="")


@pytest.mark.parametrize("product", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize("number", [1_000, 100_000])
def test_pending_activation(product, number):
    """All of them are waited for: the list with its counts, by each filter, for who sees all and who does not."""
    case_id = with_staff()
    firm_id = factories.firm_of(case_id)
    fill(firm_id, number)
    wait_for_all(case_id)
    if product == "postgresql":
        with engine(settings().database).begin() as connection:
            connection.execute(text("ANALYZE"))
    owner = member()
    some = give(case_id, Rights(Rank.STAFF, manages_accounts=True, has_default_access=True), ZOE)
    with reading() as session:
        tag = session.scalars(select(Tag.id)).one()
        middle = session.scalars(select(Person.id).order_by(Person.id).offset(number // 2).limit(1)).one()
    acts = {
        "list": lambda: follow_up.listed(owner, Sought()),
        "list of a member": lambda: follow_up.listed(some, Sought()),
    }
    acts |= {"next page, in the middle": lambda: follow_up.listed(owner, Sought(), middle)}
    acts |= {f"filter: {mark}": lambda mark=mark: follow_up.listed(owner, Sought(mark)) for mark in Mark}
    acts |= {
        "filter: tag": lambda: follow_up.listed(owner, Sought(tag=tag)),
        "filter: member": lambda: follow_up.listed(owner, Sought(member=some.person_id)),
        "search: one": lambda: follow_up.listed(owner, Sought(search="k000777")),
        "search: none": lambda: follow_up.listed(owner, Sought(search="gibtesnicht")),
        "search: many": lambda: follow_up.listed(owner, Sought(search="mueller")),
    }
    browser = Browser(sessions.sign_in(ERIKA, PASSWORD))
    acts["page"] = lambda: browser.get(f"/firm/{firm_id}/accounts/pending")
    for name, act in acts.items():
        act()
        print(f"\n{product:10} {number:7,} pending: {name:26} {seconds(act, 5) * 1000:7.1f} ms", end="")
