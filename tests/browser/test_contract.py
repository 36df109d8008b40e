"""The page of a contract, by hand: client and operator on the same one, on a phone, by keyboard, and at once."""

from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from models.agreement import Agreement
from models.contracts.booking import Booking, Change, Phase
from models.contracts.catalogue import Authority, Tariff
from models.db import reading, transaction
from models.onboarding import Onboarding, StepName
from models.people.person import Person
from models.people.staff import Rank, Rights, Staff
from models.request import Named
from models.time.clock import now, today
from tasks.contracts import legal, orders
from tasks.contracts.orders import Who
from tasks.onboarding import invitations
from tasks.people.operators import appoint
from tests.browser.conftest import PHONE, Running, known, press, set_password, sound, tab_to
from tests.factories import registered
from tests.tasks.test_contracts import catalogue


@pytest.fixture(scope="module")
def ordered():
    """The module that firms may order, made once for all tests here."""
    return {}


@pytest.fixture
def firm(live: Running, ordered):
    """A firm with a contract, of which the portal is the first module."""
    tag = uuid4().hex[:6]
    erika = f"erika.{tag}@linden.example"
    session, page = live.bring(f"Kanzlei Linde {tag}", erika)
    firm_id = int(page.rpartition("/")[2])
    with live.inside():
        ordered["phone"] = ordered.get("phone") or catalogue()
        with transaction() as at:
            case = Onboarding.of_firm(at, firm_id)
            case.finish(StepName.AGREEMENT, now())
            both = {"signed_at": now(), "signer": "Erika Muster", "signer_email": erika, "countersigned_at": now()}
            at.query(Agreement).filter(Agreement.onboarding_id == case.id).update(both)
            case_id, number = case.id, case.firm.company_id
        orders.begin_contract.fn(case_id)
    about = {"id": firm_id, "number": number, "erika": erika, "at": f"{page}/contract", "session": session}
    return SimpleNamespace(**about, web=live.at.web, phone=ordered["phone"])


@pytest.fixture
def client(person, firm) -> Page:
    page = person()
    page.context.add_cookies([{"name": "session", "value": firm.session, "url": firm.web}])
    page.goto(firm.at)
    return page


@pytest.fixture
def manager(live: Running, person) -> Page:
    def sign_in(page: Page) -> None:
        with live.inside():
            link = appoint("manager.contract@convent-it.example", "command line", manager=True, name="Mona Mai")
        set_password(page, link)

    return known(live, person, "manager of contracts", sign_in)


def order_by_keyboard(page: Page) -> None:
    tab_to(page, "Bestellen")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    sound(page)
    tab_to(page, "number")
    page.keyboard.type("030 5550100")
    tab_to(page, "Zahlungspflichtig bestellen")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Telefonservice")
    sound(page)


def terminate_on_a_phone(page: Page) -> str:
    """The last day, as the preview foresees it and the page then says; nothing is too wide, and a finger hits it."""
    page.set_viewport_size(PHONE)
    page.get_by_role("link", name="Kündigen").click()
    expect(page.get_by_role("heading", name="Was folgt")).to_be_visible()
    expect(page.get_by_label("Anderer letzter Tag")).to_have_count(0)
    last_day = page.locator("dt:text-is('Letzter Tag') + dd").inner_text()
    sound(page)
    page.get_by_role("button", name="Verbindlich kündigen").dblclick()
    expect(page.locator("main .note").filter(has_text=last_day)).to_be_visible()
    expect(page.get_by_role("heading", name="Erklärungen").locator("xpath=..").get_by_role("listitem")).to_have_count(1)
    sound(page)
    return last_day


def test_a_module_is_ordered_by_keyboard_ended_on_a_phone_and_goes_on_as_both_agree(client, manager, firm):
    order_by_keyboard(client)
    module = client.url.partition("?")[0]
    last_day = terminate_on_a_phone(client)
    client.go_back()
    expect(client.locator("main")).to_contain_text(f"endet bereits am {last_day}")

    client.goto(module)
    client.get_by_role("button", name="Um Fortsetzung bitten").click()
    expect(client.locator("main .note").first).to_contain_text(last_day)
    manager.goto(module)
    sound(manager)
    manager.get_by_role("button", name="Fortsetzung zustimmen").click()
    client.reload()
    expect(client.get_by_role("link", name="Kündigen")).to_be_visible()
    expect(client.locator("main .note")).to_have_count(0)


def test_a_manager_chooses_another_day_while_the_firm_looks_at_another_tariff(client, manager, firm, live):
    with live.inside():
        number = {firm.phone["fields"]["number"]: "030 5550100"}
        with reading() as session:
            prices = Tariff.get(session, firm.phone["small"]).prices_on(session, today()).id
        who = Who(firm.erika, Authority.CLIENT)
        booking_id = orders.order(firm.id, who, firm.phone["module"], firm.phone["small"], prices, number).id
    module = f"{firm.at}/modules/{booking_id}"
    client.goto(f"{module}/tariff")
    client.get_by_label("large").check()
    press(client, "Zeigen, was folgt")
    sound(client)

    manager.goto(f"{module}/end")
    chosen = today() + timedelta(days=40)
    manager.get_by_label("Anderer letzter Tag").fill(chosen.isoformat())
    press(manager, "Zeigen, was folgt")
    manager.get_by_role("button", name="Verbindlich kündigen").click()
    expect(manager.get_by_role("textbox", name="Grund")).to_have_attribute("aria-invalid", "true")
    sound(manager)
    manager.get_by_role("textbox", name="Grund").fill("Kulanz nach einem Umzug.")
    press(manager, "Verbindlich kündigen")
    expect(manager.get_by_text("Kulanz nach einem Umzug.")).to_be_visible()

    client.get_by_role("button", name="Tarif wechseln").click()
    expect(client.locator("main")).to_contain_text(f"Dieses Modul endet am {chosen.day}.")
    client.goto(module)
    expect(client.locator("main .note").first).to_contain_text(f"{chosen.day}.")
    expect(client.get_by_text("Kulanz")).to_have_count(0)
    client.goto(f"{module}/end?chosen={(chosen - timedelta(days=9)).isoformat()}")
    expect(client.get_by_label("Anderer letzter Tag")).to_have_count(0)
    expect(client.get_by_role("button", name="Verbindlich kündigen")).to_have_count(0)


def test_an_account_is_deleted_on_the_first_possible_day_and_not_before(client, manager, firm, live):
    client.get_by_role("link", name="Mandantenportal").first.click()
    module = client.url
    client.goto(f"{firm.at}/close")
    sound(client)
    manager.goto(f"{module}/end")
    manager.get_by_label("Kündigung aus wichtigem Grund").check()
    press(manager, "Zeigen, was folgt")
    manager.get_by_role("textbox", name="Grund").fill("Die Kanzlei wird aufgelöst.")
    press(manager, "Verbindlich kündigen")
    client.reload()
    expect(client.get_by_role("button", name="Konto endgültig löschen")).to_have_count(0)
    a_day_ago(live, firm.id)

    client.reload()
    expect(client.get_by_text("Kein Modul ist aktiv")).to_be_visible()
    client.get_by_label("Bestätigung").fill(str(firm.number))
    client.get_by_role("button", name="Konto endgültig löschen").click()
    expect(client.get_by_role("button", name="Konto endgültig löschen")).to_have_count(0)
    client.goto(firm.at)
    expect(client.locator("main")).to_contain_text("Niemand kann sich dort mehr anmelden")


def enter(page: Page, button: str) -> None:
    """The button or link is reached by Tab and pressed; another page opens."""
    tab_to(page, button)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def write(page: Page, **fields: str) -> None:
    """Type into these fields, one after the other as they stand on the page."""
    for label, text in fields.items():
        tab_to(page, label.replace("_", " "))
        page.keyboard.type(text)


def test_a_manager_makes_a_module_by_keyboard_and_sees_new_prices_beside_the_old(client, manager, firm):
    code = uuid4().hex[:6]
    manager.goto(f"{firm.web}/board/catalogue")
    sound(manager)
    enter(manager, "Neues Modul")
    write(manager, Name_auf_Deutsch=f"Belegscan {code}", Schlüssel=f"scan-{code}")
    enter(manager, "Hinzufügen")
    enter(manager, "Neuer Tarif")
    sound(manager)
    write(manager, Name_auf_Deutsch="Klein", Schlüssel="klein", Erste_Laufzeit="12", Kündigungsfrist="1")
    enter(manager, "Hinzufügen")
    for price, before in (("12,50", "–"), ("15,00", "12,50 €")):
        tariff = manager.url.partition("?")[0]
        enter(manager, "Neue Preise")
        prices(manager, price, before)
        sound(manager)
        enter(manager, "Diese Preise veröffentlichen")
        manager.goto(tariff)
    expect(manager.locator("main")).to_contain_text("Fassung 2")

    client.set_viewport_size(PHONE)
    client.goto(firm.at)
    expect(client.get_by_text(f"Belegscan {code}").first).to_be_visible()
    sound(client)


def prices(page: Page, price: str, before: str) -> None:
    """What follows of this price, from the first day on which it may count."""
    article = page.locator("input[name^=price-]")
    article.fill(price)
    first = today() if before == "–" else today() + timedelta(days=1)
    page.get_by_label("Sie gelten ab").fill(first.isoformat())
    enter(page, "Zeigen, was daraus folgt")
    row = page.locator("#follows-title").locator("xpath=..").locator("tbody tr").first
    expect(row).to_contain_text(before)
    expect(row).to_contain_text(f"{price} €")


def test_a_commercial_member_refuses_new_terms_on_a_phone_agrees_later_and_ends_the_module(person, manager, firm, live):
    jan, number = f"jan.{uuid4().hex[:6]}@linden.example", uuid4().hex[:6]
    with live.inside():
        invitations.add_caseworkers(firm.id, firm.erika, [Named(name="Jan Fleiß", email=jan)])
        with transaction() as session:
            case_id = Onboarding.of_firm(session, firm.id).id
        invitations.invite_caseworkers.fn(case_id)
        session_of_jan = registered(jan)
        with transaction() as session:
            who = session.query(Person).filter(Person.email == jan).one()
            rights = Rights(Rank.STAFF, manages_accounts=False, has_default_access=True, is_commercial=True)
            Staff.give(session, who, rights)
    page = person(viewport=PHONE)
    page.context.add_cookies([{"name": "session", "value": session_of_jan, "url": firm.web}])

    # A manager publishes; who has a contract is asked by the next run.
    manager.goto(f"{firm.web}/board/legal")
    manager.get_by_label("Nummer").fill(number)
    manager.get_by_label("Gilt ab").fill(today().isoformat())
    manager.get_by_label("Was sich geändert hat").fill("Die Haftung ist neu geregelt.")
    manager.get_by_label("Oder der Text selbst").fill("Wir haften für Vorsatz.")
    sound(manager)
    manager.get_by_role("button", name="Veröffentlichen").click()
    expect(manager.get_by_role("status")).to_contain_text("Veröffentlicht")
    with live.inside():
        legal.ask_for_consent.fn()

    page.goto(firm.at)
    page.get_by_role("link", name=f"AGB, {number}").first.click()
    sound(page)
    page.get_by_text("Ablehnen", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_label("Warum").fill("Zu weit.")
    page.get_by_role("button", name="Diese Fassung ablehnen").click()
    expect(page.get_by_role("status")).to_contain_text("Wir melden uns bei Ihnen")
    page.get_by_role("link", name=f"AGB, {number}").first.click()
    page.get_by_role("button", name="Zustimmen").click()
    expect(page.get_by_role("status")).to_contain_text("Ihre Zustimmung ist notiert")

    page.get_by_role("link", name="Mandantenportal").first.click()
    terminate_on_a_phone(page)


def a_day_ago(live: Running, firm_id: int) -> None:
    """As if everything had been done yesterday: the last day is over."""
    with live.inside(), transaction() as session:
        day = today() - timedelta(days=1)
        midnight = datetime.combine(today(), time(), ZoneInfo("Europe/Berlin")).astimezone(UTC)
        of_firm = {"starts_on": day, "ends_on": day}
        session.query(Booking).filter(Booking.firm_id == firm_id).update(of_firm)
        session.query(Phase).filter(Phase.firm_id == firm_id).update({"starts_on": day, "anchor_on": day})
        session.query(Change).filter(Change.firm_id == firm_id).update({"ends_on": day, "effective_at": midnight})
