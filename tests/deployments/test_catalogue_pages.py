"""The catalogue on the board, as managers keep it and operators see it."""

from typing import NamedTuple

import pytest
from bs4 import BeautifulSoup

from models.contracts.catalogue import Tariff
from models.contracts.contract import BillingSettings
from models.contracts.fault import ContractFault, Work
from models.db import reading, transaction
from models.time.clock import now
from tasks.contracts import catalogue_editing
from tasks.contracts.catalogue_editing import Sort
from tests.deployments.browser import Browser, errors
from tests.deployments.test_contract_pages import said
from tests.deployments.test_pages import assert_well_built, session_of_organiser
from tests.factories import countersigned, firm_of, operator
from tests.tasks.test_contracts import MANAGER, at, catalogue, ordered, row

HERE = "/board/catalogue"


class Cast(NamedTuple):
    """Everybody who may come by."""

    manager: Browser
    operator: Browser
    client: Browser


@pytest.fixture
def phone(no_runs, clock):
    at(clock, 2027, 3, 1)
    return catalogue()


@pytest.fixture
def cast(phone):
    firm_id = firm_of(countersigned())
    ordered(firm_id, phone)
    return Cast(
        Browser(operator("manager@convent-it.example", manager=True)),
        Browser(operator("operator@convent-it.example")),
        Browser(session_of_organiser()),
    )


def pages(phone) -> tuple[list[str], list[str]]:
    """Those that operators see as well, and those of managers."""
    open_ones = [HERE, f"{HERE}/modules/{phone['module']}", f"{HERE}/tariffs/{phone['small']}", f"{HERE}/billing"]
    forms = [f"{HERE}/new/{sort}/{owner}" for sort, owner in owners(phone).items()]
    forms += [f"{HERE}/edit/{sort}/1" for sort in Sort]
    return open_ones, [*forms, f"{HERE}/tariffs/{phone['small']}/prices"]


def owners(phone) -> dict[Sort, int]:
    return {Sort.MODULE: 0, Sort.FIELD: phone["module"], Sort.TARIFF: phone["module"], Sort.ARTICLE: phone["small"]}


def typed(**more: str) -> dict[str, str]:
    return {"name-de": "Belegscan", "code": "scan", "first_term": "12", "notice": "1"} | more


def test_operators_look_managers_keep_it_and_nobody_else_learns_that_it_is_there(cast, phone):
    open_ones, forms = pages(phone)
    acts = [page for page in forms if "/new/" in page or "/edit/" in page or page.endswith("/prices")]
    acts += [f"{HERE}/billing", f"{HERE}/sale/module/1", f"{HERE}/sale/tariff/1", f"{HERE}/sale/field/1"]
    before = [row(Tariff, key).archived_at for key in (1, 2)]

    assert {cast.operator.get(page).status_code for page in open_ones} == {200}
    assert {cast.operator.get(page).status_code for page in forms} == {403}
    token = {"form_token": cast.operator.form_token(HERE)}
    assert {cast.operator.post(act, data=token | typed()).status_code for act in acts} == {403}
    assert {cast.client.get(page).status_code for page in (*open_ones, *forms)} == {404}
    token = {"form_token": cast.client.form_token("/portal")}
    assert {cast.client.post(act, data=token | typed()).status_code for act in acts} == {404}
    guest = Browser(follow=False)
    assert {guest.get(page).status_code for page in (*open_ones, *forms)} == {303}
    for page in open_ones:
        assert not cast.operator.read(page).select("main form, main a.button"), page
    assert [row(Tariff, key).archived_at for key in (1, 2)] == before
    assert len(cast.manager.read(HERE).select("#modules-title ~ table tbody tr")) == 2


@pytest.mark.parametrize("language", ["de", "fr", "en"])
def test_every_page_is_whole_for_managers_and_operators_whatever_stands_there(cast, phone, language):
    catalogue_editing.withdraw(MANAGER, Sort.TARIFF, phone["large"])
    catalogue_editing.withdraw(MANAGER, Sort.FIELD, 1)
    empty = catalogue_editing.add(MANAGER, Sort.MODULE, 0, {"name-de": "Leer", "code": "leer"})
    bare = catalogue_editing.add(MANAGER, Sort.TARIFF, empty, typed())
    open_ones, forms = pages(phone)
    more = [f"{HERE}/modules/{empty}", f"{HERE}/tariffs/{bare}", f"{HERE}/tariffs/{phone['large']}"]
    for who, seen in (
        (cast.operator, [*open_ones, *more]),
        (cast.manager, [*open_ones, *forms, *more, f"{HERE}/edit/tariff/{bare}", f"{HERE}/tariffs/{bare}/prices"]),
    ):
        who.cookies.set("language", language, domain="127.0.0.1")
        for page in seen:
            answer = who.get(page)
            assert answer.status_code == 200, page
            assert_well_built(BeautifulSoup(answer.text, "lxml"), language, page)
    assert cast.manager.get(f"{HERE}/edit/folder/1").status_code == 404
    assert cast.manager.get(f"{HERE}/new/field/99").status_code == 404
    assert cast.manager.get(f"{HERE}/tariffs/99").status_code == 404


def test_a_module_is_made_with_all_that_is_wrong_told_at_once_and_ordered_on_the_contract_page(cast):
    manager = cast.manager
    new = f"{HERE}/new/module/0"
    refused = manager.send_form(new, new, **{"name-fr": "Scan", "code": "Nicht so"})
    assert errors(refused).keys() == {"name-de", "code"}
    assert 'value="Nicht so"' in refused.text
    made = manager.send_form(new, new, **typed(**{"about-de": "Liest Belege."}))
    module = str(made.url.path)
    assert "Aufgenommen" in said(made) or "Hinzugefügt" in said(made)
    number = module.rpartition("/")[2]
    manager.send_form(
        f"{HERE}/new/field/{number}",
        f"{HERE}/new/field/{number}",
        **{"name-de": "Gerät", "kind": "choice", "choices": "klein\ngroß", "is_required": "yes"},
    )
    made = manager.send_form(f"{HERE}/new/tariff/{number}", f"{HERE}/new/tariff/{number}", **typed(code="small"))
    tariff = str(made.url.path)
    assert "noch ohne Preise" in said(made)
    prices = f"{tariff}/prices"
    bad = manager.send_form(prices, prices, **{article(manager, prices): "billig", "valid_from": ""})
    assert len(errors(bad)) == 2
    assert 'value="billig"' in bad.text
    seen = manager.send_form(prices, prices, **{article(manager, prices): "1.234,50"})
    assert "Kein Vertrag ist betroffen" in said(seen)
    done = manager.send_again(seen, prices, act="publish")
    assert "Veröffentlicht" in said(done)
    assert "1.234,50 €" in said(done).replace("\N{NO-BREAK SPACE}", " ")
    assert "Belegscan" in said(cast.client.get("/firm/1/contract"))
    order = said(cast.client.get(f"/firm/1/contract/order/{number}"))
    assert "Liest Belege." in order
    assert "Gerät" in order
    assert "small, Fassung 1" in said(manager.get(HERE))


def article(browser, page: str) -> str:
    return browser.read(page).select_one("input[name^=price-]:not([type=hidden])")["name"]


def test_new_prices_are_shown_beside_the_old_ones_with_whom_they_concern_before_they_are_published(cast, phone):
    prices = f"{HERE}/tariffs/{phone['small']}/prices"
    one = article(cast.manager, prices)
    assert cast.manager.read(prices).select_one(f"#{one}")["value"] == "120,00"
    seen = cast.manager.send_form(prices, prices, **{one: "150", "valid_from": "2027-06-01"})
    told = said(seen).replace("\N{NO-BREAK SPACE}", " ")
    assert "bisher 120,00 € dann 150,00 €" in told
    assert "1 Vertrag ist betroffen, frühestens mit dem Abrechnungszeitraum ab dem 1. März 2028" in told

    cast.manager.send_again(seen, prices, act="publish")
    second = cast.manager.send_again(seen, prices, act="publish")
    assert second.status_code == 409
    assert "inzwischen" in said(second)
    assert BeautifulSoup(second.text, "lxml").select_one(f"#{one}")["value"] == "150,00"
    assert "Fassung 2" in said(cast.operator.get(f"{HERE}/tariffs/{phone['small']}"))


def test_who_was_second_sees_what_stands_there_now(cast, phone):
    page = f"{HERE}/edit/module/{phone['module']}"
    opened = cast.manager.get(page)
    cast.manager.send_form(page, page, **{"name-de": "Telefon"})
    second = cast.manager.send_again(opened, page, **{"name-de": "Fax"})

    assert second.status_code == 409
    assert BeautifulSoup(second.text, "lxml").select_one("#name-de")["value"] == "Telefon"
    again = cast.manager.send_again(second, page, **{"name-de": "Fax"})
    assert "Fax" in said(again)


def test_what_is_withdrawn_is_not_offered_to_firms_and_can_be_put_back(cast, phone):
    module = f"{HERE}/modules/{phone['module']}"
    sale = f"{HERE}/sale/module/{phone['module']}"
    answer = cast.manager.send_form(module, sale, act="away")
    assert "Wer es hat, behält es" in said(answer)
    assert "Telefonservice" in said(cast.client.get("/firm/1/contract/modules/2"))
    assert "Wieder zum Verkauf stellen" in said(answer)
    assert "kann wieder bestellt werden" in said(cast.manager.send_form(module, sale, act="back"))
    token = {"form_token": cast.manager.form_token(module)}
    assert cast.manager.post(f"{HERE}/sale/article/1", data=token).status_code == 404


def test_general_terms_of_payment_are_kept_there(cast):
    page = f"{HERE}/billing"
    refused = cast.manager.send_form(page, page, payment_days="bald")
    assert errors(refused).keys() == {"payment_days"}
    assert 'value="bald"' in refused.text
    assert "30" in said(cast.manager.send_form(page, page, payment_days="30"))
    with reading() as session:
        assert BillingSettings.payment_days_now(session) == 30
    assert "von 14 auf 30" in said(cast.operator.get(HERE))
    assert "Abrechnungseinstellungen geändert" not in said(cast.manager.get("/board/operators"))


@pytest.mark.parametrize(("language", "told"), [("de", "Tarifwechsel"), ("fr", "tarif"), ("en", "other tariffs")])
def test_a_contract_that_breaks_down_stands_on_the_board_once(cast, language, told):
    with transaction() as session:
        ContractFault.keep(session, Work.EFFECTS, [1], now())
        ContractFault.keep(session, Work.REMINDERS, [1], now())
    cast.operator.cookies.set("language", language, domain="127.0.0.1")
    board = cast.operator.read("/board")
    (line,) = board.select("#broken-contracts ~ ul li")
    assert told in line.text
    assert line.select_one("a")["href"] == "/firm/1/contract"
    assert_well_built(board, language, "board")
