"""The whole way of a firm, by hand and in German: Prefect UI, mails, pages, board."""

import re

import pytest
from playwright.sync_api import Page, expect

from deployments.rehearsal import Website
from tests.browser.conftest import (
    PASSWORD,
    Running,
    choose,
    decide,
    fill,
    first_run,
    form,
    register,
    rest,
    signed_in_to_prefect,
    sound,
    tab_to,
    until,
)

FIRM = "Anwaltskanzlei Freitag & Kollegen"
NUMBER = "861272"
ORGANISER, CASEWORKER = "erika.muster@freitag.example", "zoe.lange@freitag.example"
CLIENT = "max@beispiel.example"
FINISHED = "SELECT 1 FROM onboardings JOIN persons USING (firm_id) WHERE email = ? AND finished_at IS NOT NULL"
STEPS = [
    *("1 Subscription", "2 Details and company ID", "3 Logo", "4 Organiser"),
    *("5 Agreement", "6 Caseworkers", "7 Clients"),
]


def open_case(page: Page, live: Running, website: str):
    # Its list shows some at a time, and is longer than that.
    wanted = {"deployments": {"name": {"any_": ["start"]}}}
    (start,) = live.api.post("/deployments/filter", json=wanted).raise_for_status().json()
    page.goto(f"{live.at.prefect}/deployments/deployment/{start['id']}")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    fill(page, "Name des Unternehmens", FIRM)
    choose(page, "Aktivität", "law")
    fill(page, "Name des Organisators", "Erika Muster")
    fill(page, "E-Mail des Organisators", ORGANISER)
    choose(page, "Abonnement", "plus")
    choose(page, "Abrechnung", "quarterly")
    fill(page, "Wunschkennung", NUMBER)
    fill(page, "Straße und Hausnummer", "Lindenallee 5")
    fill(page, "Postleitzahl", "50667")
    fill(page, "Ort", "Köln")
    choose(page, "Bundesland", "NW")
    fill(page, "Website", website)
    fill(page, "Logo erlaubt von", "Erika Muster")
    fill(page, "Sachbearbeiter", f"Zoë Lange <{CASEWORKER}>")
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url("**tab=Runs")
    rest(page)


def see_steps(page: Page, live: Running):
    """The run of the case names its steps, and shows where the case stands and the logo."""
    run = first_run(page, live, "onboard", "COMPLETED")
    page.goto(f"{live.at.prefect}/runs/flow-run/{run}")
    page.get_by_role("listitem").get_by_text("Task Runs", exact=True).click()
    for step in STEPS:
        expect(page.get_by_text(re.compile(f"^{step}")).first).to_be_attached()
    page.get_by_role("listitem").get_by_text("Artifacts", exact=True).click()
    expect(page.get_by_text(re.compile(r"\d+-steps")).first).to_be_visible()
    rest(page)


def register_by_keyboard(page: Page):
    """In German; a password that is too short costs only the password."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Account erstellen")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    page.keyboard.press("Tab")
    assert "#main" in page.evaluate("document.activeElement.href || ''")
    tab_to(page, "Ich bin Ansprechpartner")
    page.keyboard.press("ArrowDown")
    tab_to(page, "Name des Ansprechpartners")
    page.keyboard.type("Jörg Weiß")
    tab_to(page, "E-Mail-Adresse des Ansprechpartners")
    page.keyboard.type("joerg.weiss@freitag.example")
    tab_to(page, "Passwort wählen")
    page.keyboard.type("zu kurz")
    tab_to(page, "Account erstellen")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Das Passwort hat 7 Zeichen")
    expect(page.get_by_label("Name des Ansprechpartners", exact=True)).to_have_value("Jörg Weiß")
    expect(page.get_by_label("Passwort wählen")).to_have_value("")
    sound(page)
    tab_to(page, "Passwort wählen")
    page.keyboard.type(PASSWORD)
    tab_to(page, "Account erstellen")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/firm/"))


def sign_by_keyboard(page: Page, live: Running):
    tab_to(page, "Vertrag lesen")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/part/"))
    while "/part/" in page.url:
        before = page.url
        tab_to(page, "Gelesen, weiter")
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url, before=before: url != before)
    tab_to(page, "Code anfordern")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Ihr vollständiger Name")).to_be_visible()
    tab_to(page, "Ihr vollständiger Name")
    page.keyboard.type("Erika Muster")
    tab_to(page, "Ich habe den Vertrag")
    page.keyboard.press("Space")
    tab_to(page, "Code aus der E-Mail")
    page.keyboard.type(live.code(page, ORGANISER))
    tab_to(page, "Vertrag unterzeichnen")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Unterzeichnet von Erika Muster")).to_be_visible()


def countersign(prefect: Page, operator: Page, live: Running, question: str):
    """Answer on the board while the form is open in Prefect: it disappears there."""
    prefect.goto(f"{live.at.prefect}/runs/flow-run/{question}")
    expect(prefect.get_by_role("button", name="Resume")).to_be_visible()
    operator.reload()
    sound(operator)
    operator.locator("main").get_by_role("link", name=re.compile("Freitag")).first.click()
    sound(operator)
    operator.get_by_role("button", name="Gegenzeichnen").click()
    expect(operator.get_by_role("status").first).to_be_visible()
    expect(prefect.get_by_text("Cancelled").first).to_be_visible()
    rest(prefect)


def invite_client(organiser: Page, progress: str):
    organiser.goto(f"{progress}/clients")
    organiser.get_by_label("Vor- und Nachname von Person 1").fill("Max Beispiel")
    organiser.get_by_label("E-Mail-Adresse von Person 1").fill(CLIENT)
    organiser.get_by_label("Persönliche Nachricht").fill("Lieber Herr Beispiel,\nwillkommen!")
    sound(organiser)
    organiser.get_by_role("button", name="Einladungen senden").click()


@pytest.fixture
def website():
    """Where the firm's logo is: as long as somebody may look for it."""
    with Website(FIRM) as site:
        yield site.address


def test_a_firm_comes_aboard_by_hand_from_the_form_in_prefect_to_its_first_client_and_its_organiser_needs_no_mouse(
    live, person, operator, follow, website
):
    prefect = signed_in_to_prefect(person, live)
    open_case(prefect, live, website)
    see_steps(prefect, live)
    decide(prefect, live, form(prefect, live, ORGANISER), "grant")

    organiser = follow(person(), ORGANISER, "/auth/register")
    register_by_keyboard(organiser)
    progress = organiser.url.partition("?")[0]
    expect(organiser.get_by_text("Ansprechpartner: Jörg Weiß")).to_be_visible()
    sound(organiser)

    agreement = follow(organiser, ORGANISER, "/agreement/")
    sound(organiser)
    expect(agreement.get_by_role("main")).to_contain_text(FIRM)
    sound(agreement)
    sign_by_keyboard(agreement, live)
    sound(agreement)

    countersign(prefect, operator, live, form(prefect, live, ORGANISER))

    caseworker = follow(person(), CASEWORKER, "/auth/register")
    sound(caseworker)
    register(caseworker)

    invite_client(organiser, progress)
    client = person()
    activation = follow(client, CLIENT, "/auth/activate/")
    mail = client.frame_locator("iframe").locator("body")
    expect(mail).to_contain_text(FIRM)
    expect(mail).to_contain_text("willkommen!")
    expect(activation.get_by_role("img", name=re.compile("Freitag"))).to_be_visible()
    sound(activation)
    register(activation)
    expect(activation.get_by_text("Ihr Zugang ist aktiv")).to_be_visible()
    sound(activation)

    until(organiser, "the last pass", lambda: live.rows(FINISHED, ORGANISER))
    organiser.goto(progress)
    expect(organiser.locator("main")).to_contain_text("7 von 7")
    for step in organiser.locator("ol.steps > li").all():
        expect(step).to_have_class("done")
    sound(organiser)
    for tab in ("details", "logo", "caseworkers", "clients"):
        organiser.goto(f"{progress}/{tab}")
        sound(organiser)
