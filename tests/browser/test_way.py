"""The whole way of a firm, by hand and in German: Prefect UI, mails, pages, board."""

import re

import httpx
from playwright.sync_api import Page, expect

from deployments.rehearsal import Website, until
from tests.browser.conftest import PASSWORD, Running, choose, field

FIRM = "Anwaltskanzlei Freitag & Kollegen"
NUMBER = "861272"
ORGANISER, CASEWORKER = "erika.muster@freitag.example", "zoe.lange@freitag.example"
CLIENT, OPERATOR = "max@beispiel.example", "operator@convent-it.example"
STEPS = ["subscription", "details", "logo", "organiser", "agreement", "caseworkers", "clients"]


def runs(live: Running, flow: str, state: str) -> list[dict]:
    wanted = {"flow_runs": {"state": {"type": {"any_": [state]}}}, "flows": {"name": {"any_": [flow]}}}
    return httpx.post(f"{live.at.prefect}/api/flow_runs/filter", json=wanted, timeout=30).raise_for_status().json()


def first_run(live: Running, flow: str, state: str) -> dict:
    return until(f"a run of {flow} that is {state}", lambda: next(iter(runs(live, flow, state)), None))


def open_case(page: Page, live: Running, website: str):
    page.goto(f"{live.at.prefect}/deployments")
    page.get_by_role("link", name="start", exact=True).click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    field(page, "Name des Unternehmens").fill(FIRM)
    choose(page, "Aktivität", "law")
    field(page, "Name des Organisators").fill("Erika Muster")
    field(page, "E-Mail des Organisators").fill(ORGANISER)
    choose(page, "Abonnement", "plus")
    choose(page, "Abrechnung", "quarterly")
    field(page, "Wunschkennung").fill(NUMBER)
    field(page, "Straße und Hausnummer").fill("Lindenallee 5")
    field(page, "Postleitzahl").fill("50667")
    field(page, "Ort").fill("Köln")
    choose(page, "Bundesland", "NW")
    field(page, "Website").fill(website)
    field(page, "Logo erlaubt von").fill("Erika Muster")
    field(page, "Sachbearbeiter").fill(f"Zoë Lange <{CASEWORKER}>")
    page.get_by_role("button", name="Submit").click()


def see_steps(page: Page, live: Running):
    """The run of the case names its steps, and shows where the case stands and the logo."""
    run = first_run(live, "onboard", "COMPLETED")["id"]
    page.goto(f"{live.at.prefect}/runs/flow-run/{run}")
    for step in STEPS:
        expect(page.get_by_text(re.compile(f"^{step}")).first).to_be_attached()
    page.get_by_text("Artifacts", exact=True).click()
    expect(page.locator("main, body").get_by_text(re.compile("case-\\d+")).first).to_be_visible()


def grant(page: Page, live: Running):
    page.goto(f"{live.at.prefect}/runs/flow-run/{first_run(live, 'decide', 'PAUSED')['id']}")
    page.get_by_role("button", name="Resume").click()
    choose(page, "Entscheidung", "grant")
    page.get_by_role("button", name=re.compile("Submit|Resume")).last.click()


def register(page: Page):
    page.get_by_label("Passwort wählen").fill(PASSWORD)
    page.get_by_role("button", name=re.compile("Konto erstellen|Zugang aktivieren")).click()


def test_a_firm_comes_aboard_by_hand_from_the_form_in_prefect_to_its_first_client(live, person, follow):
    prefect, organiser, board = person(), person(), person()
    with Website(FIRM) as site:
        open_case(prefect, live, site.address)
        see_steps(prefect, live)
    grant(prefect, live)

    organiser = follow(organiser, ORGANISER, "/auth/register")
    organiser.get_by_label("Eine andere Person").check()
    organiser.get_by_label("Name des Ansprechpartners", exact=True).fill("Jörg Weiß")
    organiser.get_by_label("E-Mail-Adresse des Ansprechpartners").fill("joerg.weiss@freitag.example")
    register(organiser)
    progress = organiser.url.partition("?")[0]
    expect(organiser.get_by_text("Ansprechpartner: Jörg Weiß")).to_be_visible()

    agreement = follow(organiser, ORGANISER, "/agreement/")
    expect(agreement.get_by_role("article")).to_contain_text(FIRM)
    agreement.get_by_label("Ihr vollständiger Name").fill("Erika Muster")
    agreement.get_by_label(re.compile("Ich habe den Vertrag mit allen Teilen gelesen")).check()
    agreement.get_by_role("button", name="Vertrag unterzeichnen").click()
    expect(agreement.get_by_text("Unterzeichnet von Erika Muster")).to_be_visible()

    question = first_run(live, "decide", "PAUSED")["id"]
    prefect.goto(f"{live.at.prefect}/runs/flow-run/{question}")
    expect(prefect.get_by_role("button", name="Resume")).to_be_visible()
    board.goto(live.operator(OPERATOR))
    board.get_by_label("Neues Passwort").fill(PASSWORD)
    board.get_by_role("button", name="Passwort speichern").click()
    board.goto(f"{live.at.web}/board")
    board.locator("a[href*='#decision-']").click()
    board.get_by_role("button", name="Gegenzeichnen").click()
    expect(board.get_by_role("status").first).to_be_visible()
    expect(prefect.get_by_text("Cancelled").first).to_be_visible(timeout=60_000)

    register(follow(person(), CASEWORKER, "/auth/register"))

    organiser.goto(f"{progress}/clients")
    organiser.get_by_label("Vor- und Nachname von Person 1").fill("Max Beispiel")
    organiser.get_by_label("E-Mail-Adresse von Person 1").fill(CLIENT)
    organiser.get_by_label("Persönliche Nachricht").fill("Lieber Herr Beispiel,\nwillkommen!")
    organiser.get_by_role("button", name="Einladungen senden").click()

    client = person()
    activation = follow(client, CLIENT, "/auth/activate/")
    mail = client.frame_locator("iframe").locator("body")
    expect(mail).to_contain_text(FIRM)
    expect(mail).to_contain_text("willkommen!")
    expect(activation.get_by_role("img", name=re.compile("Freitag"))).to_be_visible()
    register(activation)
    expect(activation.get_by_text("Ihr Zugang ist aktiv")).to_be_visible()

    def finished() -> bool:
        organiser.goto(progress)
        return "7 von 7" in organiser.locator("main").inner_text()

    until("the last pass", lambda: finished() or None)
    for step in organiser.locator("ol.steps > li").all():
        expect(step).to_have_class("done")
