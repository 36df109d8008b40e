"""What accounting asks for by machine: whom it opens to, what it tells, and the page on which its tokens are made."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from deployments.web.api.app import api
from deployments.web.api.examples import BILLED
from models.audit import HOUSE, trail
from models.contracts.booking import Booking
from models.db import reading, transaction
from models.people.login import Login
from models.people.operator import ManagersOnly
from tasks.contracts.billing import COLUMNS
from tasks.people import api_tokens, operators
from tests.api import System, account_id, token
from tests.contacts import ERIKA
from tests.deployments.browser import Browser, errors
from tests.factories import countersigned, everything, firm_of, operator

pytestmark = pytest.mark.usefixtures("quiet")

ADA, BEA = "ada@convent-it.example", "bea@convent-it.example"
PAGE = "/board/tokens"


@pytest.fixture
def ada():
    return Browser(operator(ADA, manager=True))


@pytest.fixture
def accounting(ada):
    return System(made())


@pytest.fixture
def firm_id(quiet):
    return firm_of(countersigned())


def made(name: str = "DATEV", lasts: timedelta | None = None) -> str:
    return api_tokens.make_for_provider(account_id(ADA), ADA, name=name, lasts=lasts)


def month() -> str:
    with reading() as session:
        return f"{session.get_one(Booking, 1).starts_on:%Y-%m}"


def test_accounting_reads_what_is_billed_and_is_told_when_nothing_has_changed(accounting, firm_id, clock):
    answer = accounting.get("/billing", params={"period": month()})

    told = answer.json()
    assert (told["period"], told["final"], told["next"]) == (month(), False, None)
    (position,) = told["positions"]
    assert {*position} == {*COLUMNS} == {*BILLED["positions"][0]}
    assert (position["net"], position["state"], position["article_key"]) == ("177.00", "open", "base")
    again = accounting.get("/billing", params={"period": month()}, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, "ratelimit" in again.headers) == (304, True)
    clock(days=40)
    assert accounting.get("/billing", params={"period": month()}).json()["final"]


def test_firms_are_told_some_at_a_time(accounting, firm_id):
    first = accounting.get("/billing", params={"period": month(), "limit": 1}).json()
    assert len(first["positions"]) == 1
    last = accounting.get("/billing", params={"period": month(), "limit": 1, "cursor": first["next"]}).json()
    assert (last["positions"], last["next"]) == ([], None)


@pytest.mark.parametrize("written", ["", "2027", "May", "2027-13", "%00", "0001-01"])
def test_a_month_that_is_none_is_told(accounting, written):
    answer = accounting.get("/billing", params={"period": written})
    assert (answer.status_code, answer.json()["code"]) == (422, "month-unreadable")
    assert accounting.get("/billing").status_code == 422


def test_it_opens_to_the_providers_tokens_alone_which_open_nothing_of_a_firm(accounting, firm_id, clock):
    firms = System(token(firm_id)).get("/billing", params={"period": "2027-01"})
    assert (firms.status_code, firms.json()["code"]) == (403, "provider-only")
    assert "billing:read" in firms.headers["www-authenticate"]
    for path in ("/accounts", "/accounts/1", "/contacts", "/imports"):
        assert accounting.get(path).json()["code"] == "firms-only"
    assert accounting.post("/accounts", json={}).json()["code"] == "firms-only"

    short, gone = made("short", timedelta(days=1)), made("gone")
    newest = api_tokens.listed_for_provider()[0].token.id
    api_tokens.revoke_for_provider(account_id(ADA), ADA, newest)
    clock(days=2)
    codes = {"": "token-missing", "pvp_" + 43 * "x": "token-unknown", short: "token-expired", gone: "token-revoked"}
    assert {sent: System(sent).get("/billing").json()["code"] for sent in codes} == codes
    operator(BEA, manager=True)
    operators.change_role(account_id(ADA), BEA, manager=False)
    assert accounting.get("/billing").json()["code"] == "provider-token-rests"


def test_a_token_is_made_and_revoked_by_managers_alone_shown_once_and_told_in_the_trail(ada, firm_id):
    bea, erika = Browser(operator(BEA)), Browser()
    for stranger, status in ((bea, 403), (erika, 200)):
        answer = stranger.get(PAGE, follow_redirects=True)
        assert (answer.status_code, "pvp_" in answer.text) == (status, False)
    with pytest.raises(ManagersOnly):
        api_tokens.make_for_provider(account_id(BEA), BEA, name="x", lasts=None)
    with pytest.raises(ManagersOnly):
        api_tokens.make_for_provider(account_id(ERIKA), ERIKA, name="x", lasts=None)

    assert [*errors(ada.send_form(PAGE, name=" "))] == ["name"]
    answer = ada.send_form(PAGE, name="DATEV", lasts="90")
    shown = re.search(r"pvp_[A-Za-z0-9]{43}", answer.text)[0]
    assert [*errors(ada.send_form(PAGE, name="datev"))] == ["name"]
    assert shown not in everything() + ada.get(PAGE).text
    assert System(shown).get("/billing", params={"period": "2027-01"}).status_code == 200
    assert "widerrufen" in ada.send_form(PAGE, to=f"{PAGE}/1/revoke").text
    assert System(shown).get("/billing").json()["code"] == "token-revoked"
    assert ada.post(f"{PAGE}/98765/revoke", data={"form_token": ada.form_token(PAGE)}).status_code == 404
    with reading() as session:
        acts = [(entry.action, entry.facts["token"]) for entry in trail(session, HOUSE) if "token" in entry.action]
    assert acts == [("token.made", 1), ("token.revoked", 1)]
    assert PAGE in ada.get("/board/operators").text


def test_who_is_no_manager_any_more_cannot_make_one_from_a_page_that_is_still_open(ada):
    form = ada.form_token(PAGE)
    with transaction() as session:
        session.execute(update(Login).where(Login.email == ADA).values(is_manager=False))
    assert ada.post(PAGE, data={"form_token": form, "name": "DATEV"}).status_code == 403


def test_it_stands_in_the_description_with_an_example():
    operation = api.openapi()["paths"]["/billing"]["get"]
    assert operation["security"] == [{"token": ["billing:read"]}]
    assert operation["responses"]["200"]["content"]["application/json"]["example"] == BILLED
    page = Browser().read("/docs/api").text
    assert "GET /api/v1/billing" in page
    assert "Steuerschuldnerschaft" in page
