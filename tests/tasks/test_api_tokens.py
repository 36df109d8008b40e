"""Tokens of other systems: what is done with them is done once and as a whole, also when several come at once."""

from functools import partial

import pytest
from sqlalchemy import func, select, update

from models.clients.client import Client
from models.db import reading, together, transaction
from models.errors import FormRefused
from models.people.api_token import ApiReply, ApiToken, Scope, TokenRests, TokenRevoked
from models.people.person import Person
from models.people.staff import AdministratorsOnly
from models.time.clock import now
from tasks.people import api_tokens
from tasks.people.api_tokens import Reply
from tests.api import System, account_id, token
from tests.contacts import ERIKA, with_max
from tests.factories import at_once

pytestmark = pytest.mark.usefixtures("no_runs")

ONE = {"kind": "company", "company_name": "Neu GmbH", "contacts": [{"family_name": "Frei", "email": "f@frei.example"}]}


@pytest.fixture
def firm_id():
    return with_max()[0]


def count(table) -> int:
    with reading() as session:
        return session.scalars(select(func.count()).select_from(table)).one()


def test_of_many_requests_with_one_key_at_once_one_is_done_and_the_others_are_told_the_same(firm_id):
    system, before = System(token(firm_id)), count(Client)
    send = partial(system.post, "/accounts", json=ONE, headers={"Idempotency-Key": "k"})

    answers = at_once(*[send] * 6)

    done = [one for one in answers if one.status_code == 201]
    assert done
    assert {one.text for one in done} == {done[0].text}
    assert {one.json()["code"] for one in answers if one not in done} <= {"still-at-work"}
    assert (count(Client), count(ApiReply)) == (before + 1, 1)
    assert send().text == done[0].text


def test_of_many_changes_at_once_of_what_was_read_one_counts(firm_id):
    system = System(token(firm_id))
    path = f"/accounts/{system.get('/accounts').json()['accounts'][0]['id']}"
    read = system.get(path).headers["etag"]

    def change(street):
        return partial(system.patch, path, json={"street": street}, headers={"If-Match": read})

    answers = at_once(*map(change, ("Weg 1", "Weg 2", "Weg 3", "Weg 4")))

    assert sorted(one.status_code for one in answers) == [200, 412, 412, 412]
    (done,) = [one.json()["street"] for one in answers if one.status_code == 200]
    assert system.get(path).json()["street"] == done


def test_several_acts_together_are_done_or_none_and_see_each_other(firm_id):
    def street() -> str:
        with reading() as session:
            return session.scalars(select(Client.street).order_by(Client.id).limit(1)).one()

    def act() -> None:
        with together():
            with transaction() as session:
                session.execute(update(Client).values(street="Weg 1"))
            assert street() == "Weg 1"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        act()
    assert street() == ""


def test_who_is_an_administrator_no_more_makes_and_revokes_no_token(firm_id):
    erika = account_id()
    token(firm_id)
    with transaction() as session:
        row = session.scalars(select(ApiToken)).one()
        session.scalars(select(Person).where(Person.account_id == erika)).one().paused_at = now()

    with pytest.raises(AdministratorsOnly):
        token(firm_id, name="Andere")
    with pytest.raises(AdministratorsOnly):
        api_tokens.revoke(firm_id, erika, ERIKA, row.id)
    assert [one.rests for one in api_tokens.listed(firm_id)] == [True]


def test_a_request_whose_body_comes_late_does_nothing_with_a_token_that_ended_meanwhile(firm_id):
    """It is let in by what stands before the body, which may take hours to come."""
    caller = api_tokens.opened(token(firm_id))
    acts: list[int] = []

    def act() -> Reply:
        acts.append(1)
        return Reply(204, {}, "")

    with transaction() as session:
        maker = session.scalars(select(Person).where(Person.account_id == account_id())).one()
        maker.paused_at = now()
    with pytest.raises(TokenRests):
        api_tokens.once(caller, "", "", act)
    with transaction() as session:
        session.get_one(Person, maker.id).paused_at = None
    api_tokens.once(caller, "", "", act)
    api_tokens.revoke(firm_id, account_id(), ERIKA, caller.token_id)
    with pytest.raises(TokenRevoked):
        api_tokens.once(caller, "", "", act)
    assert acts == [1]


def test_of_two_tokens_of_one_name_at_once_one_is_made(firm_id):
    made = at_once(*[partial(token, firm_id, Scope.ACCOUNTS_READ)] * 3)

    assert [type(one) for one in made].count(FormRefused) == 2
    assert len(api_tokens.listed(firm_id)) == 1
