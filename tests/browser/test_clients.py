"""A firm and its clients, by hand: accounts, invitations, the client's own pages, and registering by oneself."""

import re
from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import update

from models.db import transaction
from models.firm import Firm
from models.link import Link
from models.onboarding import Onboarding, StepName
from models.people.person import Person
from models.people.staff import Rank, Rights, Staff
from models.request import Named
from models.time.clock import now
from tasks.clients import grants
from tasks.onboarding import invitations
from tests.browser.conftest import PHONE, Running, press, register, sound, tab_to
from tests.contacts import account, contact
from tests.factories import registered


@pytest.fixture
def firm(live: Running):
    """Erika's firm, whose agreement is signed, with Jan, who manages accounts, and one client."""
    tag = uuid4().hex[:6]
    erika, jan = f"erika.{tag}@linden.example", f"jan.{tag}@linden.example"
    session, page = live.bring(f"Kanzlei Linde {tag}", erika)
    firm_id = int(page.rpartition("/")[2])
    with live.inside():
        with transaction() as at:
            case = Onboarding.of_firm(at, firm_id)
            case.finish(StepName.AGREEMENT, now())
            case_id, number = case.id, at.get_one(Firm, firm_id).company_id
        invitations.add_caseworkers(firm_id, erika, [Named(name="Jan Fleiß", email=jan)])
        invitations.invite_caseworkers.fn(case_id)
        jans = registered(jan)
        with transaction() as at:
            who = at.query(Person).filter(Person.email == jan).one()
            Staff.give(at, who, Rights(Rank.STAFF, manages_accounts=True, has_default_access=True))
        lena = contact(firm_id, "Lena", "Laub", f"lena.{tag}@laub.example")
        account(firm_id, f"Altbau {tag} GmbH", lena)
    return SimpleNamespace(
        at=page,
        web=live.at.web,
        tag=tag,
        number=number,
        max=f"max.{tag}@linde.example",
        erika=erika,
        sessions={"erika": session, "jan": jans},
    )


def signed_in(person, firm, who: str, **options) -> Page:
    page = person(**options)
    page.context.add_cookies([{"name": "session", "value": firm.sessions[who], "url": firm.web}])
    return page


def write(page: Page, field: str, text: str) -> None:
    tab_to(page, field)
    page.keyboard.type(text)


def enter(page: Page, button: str) -> None:
    """The button or link is reached by Tab and pressed; another page opens."""
    tab_to(page, button)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def open_account(page: Page, firm) -> None:
    """In two steps, by keyboard alone, with a new contact and one who is there."""
    enter(page, "+")
    sound(page)
    tab_to(page, "Einzelperson")
    page.keyboard.press("ArrowDown")
    write(page, "Firmenname", f"Linde Bau {firm.tag}")
    enter(page, "Weiter zu den Kontakten")
    write(page, "Vorname", "Max")
    write(page, "Nachname", "Muster")
    write(page, "E-Mail-Adresse", firm.max)
    write(page, "Oder einen vorhandenen", "Laub")
    enter(page, "Suchen")
    enter(page, "Verknüpfen")
    sound(page)
    enter(page, "Erstellen")


def invite(page: Page) -> str:
    """The question, and a personal message; the address of the account."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Max Muster einladen?")
    sound(page)
    write(page, "Persönliche Nachricht", "Willkommen, {Vorname}!")
    enter(page, "Einladen")
    expect(page.get_by_text("Erledigt: Die Person erfährt es")).to_be_visible()
    sound(page)
    return page.url.partition("?")[0]


def come_in(page: Page) -> None:
    """The client chooses a password and sees what is open, and whom to ask."""
    sound(page)
    register(page)
    page.wait_for_url("**/portal**")
    expect(page.get_by_role("heading", name="Wen Sie fragen können")).to_be_visible()
    expect(page.get_by_text("Erika Muster").first).to_be_visible()
    expect(functions(page)).to_have_text(["Nachrichten", "Dokumente", "Vertrag", "Rechnungen", "Termine"])
    sound(page)


def functions(page: Page) -> Locator:
    return page.get_by_role("region", name="Was Ihnen offensteht").get_by_role("listitem")


def edit_at_once(one: Page, other: Page, account: str) -> None:
    """The second who saves sees what the first has changed, and loses nothing."""
    for page in (one, other):
        page.goto(f"{account}/edit")
    sound(other)
    one.get_by_label("Ort").fill("Köln")
    press(one, "Speichern")
    other.get_by_label("Kundennummer").fill("4711")
    other.get_by_role("button", name="Speichern").click()
    expect(other.get_by_role("status")).to_contain_text("Ort: aus „–“ wurde „Köln“")
    expect(other.get_by_label("Kundennummer")).to_have_value("4711")
    sound(other)
    press(other, "Speichern")
    expect(other.get_by_role("definition").filter(has_text="4711")).to_be_visible()
    expect(other.get_by_role("definition").filter(has_text="Köln")).to_be_visible()
    sound(other)


def switch_off_and_on(page: Page, client: Page) -> None:
    """Without LOGIN the client sees no account; once it is on again, the question is asked again."""
    page.get_by_role("button", name="LOGIN: ja – Max Muster").click()
    expect(page.get_by_role("button", name="LOGIN: nein – Max Muster")).to_be_visible()
    client.reload()
    expect(client.get_by_text("kein Konto offen")).to_be_visible()
    sound(client)
    press(page, "LOGIN: nein – Max Muster")
    expect(page.get_by_label("Persönliche Nachricht")).to_be_visible()
    sound(page)
    press(page, "Überspringen")


def put_in_group(page: Page, settings: str, account: str) -> None:
    """A new group that opens one function, and the contact in it."""
    page.goto(f"{settings}/groups")
    sound(page)
    new = page.get_by_role("region", name="Neue Gruppe")
    new.get_by_label("Name").fill("Nur Belege")
    for each in new.get_by_role("checkbox").all():
        each.uncheck()
    new.get_by_label("Dokumente").check()
    new.get_by_role("button", name="Hinzufügen").click()
    expect(page.get_by_role("cell", name="Nur Belege")).to_be_visible()
    page.goto(account)
    page.get_by_role("link", name="Max Muster", exact=True).click()
    page.get_by_label("Nur Belege").check()
    sound(page)
    press(page, "Speichern")


def test_a_firm_opens_an_account_and_its_client_comes_in(person, follow, firm):
    erika = signed_in(person, firm, "erika")
    jan = signed_in(person, firm, "jan", viewport=PHONE)
    erika.goto(firm.at)

    open_account(erika, firm)
    account = invite(erika)
    client = follow(person(viewport=PHONE), firm.max, "/auth/activate/", "Willkommen, Max!")
    client.set_viewport_size(PHONE)
    come_in(client)

    # The firm's people are told, and led to the account.
    erika.goto(f"{firm.web}/inbox")
    expect(erika.get_by_text("Max Muster hat die Einladung angenommen")).to_be_visible()
    sound(erika)
    press(erika, "Gehe zu Max Muster")
    expect(erika).to_have_url(re.compile(re.escape(account)))

    edit_at_once(erika, jan, account)
    switch_off_and_on(jan, client)
    put_in_group(erika, f"{firm.at}/settings", account)
    client.reload()
    expect(functions(client)).to_have_text(["Dokumente"])


def test_a_client_registers_is_linked_and_goes_from_one_account_to_the_other(live, person, follow, firm):
    nina_mail = f"nina.{firm.tag}@neu.example"
    guest = person(viewport=PHONE)
    guest.goto(f"{firm.web}/f/{firm.number}")
    sound(guest)
    guest.get_by_role("link", name="Als Mandant registrieren").click()
    for field, text in {
        "Vorname": "Nina",
        "Nachname": "Neu",
        "E-Mail-Adresse": nina_mail,
        "Straße und Hausnummer": "Am Wall 3",
        "Postleitzahl": "28195",
        "Ort": "Bremen",
    }.items():
        guest.get_by_label(field).fill(text)
    sound(guest)
    guest.get_by_role("button", name="Registrieren").click()
    sound(guest)
    confirmed = follow(guest, nina_mail, "/sign-up/")
    sound(confirmed)
    confirmed.get_by_role("button", name="Ja, registrieren").click()
    expect(confirmed.get_by_text("Ihre Adresse ist bestätigt")).to_be_visible()
    sound(confirmed)

    # The firm finds the registration by its inbox, and links it to an account.
    jan = signed_in(person, firm, "jan", viewport=PHONE)
    jan.goto(f"{firm.web}/inbox")
    press(jan, "Gehe zu Nina Neu")
    sound(jan)
    jan.get_by_label("Name oder Kundennummer des Kontos").fill("Altbau")
    press(jan, "Suchen")
    jan.get_by_label(f"Altbau {firm.tag} GmbH").check()
    sound(jan)
    press(jan, "Zum Kontakt dieses Kontos machen")
    sound(jan)

    client = follow(guest, nina_mail, "/auth/activate/")
    register(client)
    client.wait_for_url("**/portal**")
    expect(client.get_by_text(f"Altbau {firm.tag} GmbH").first).to_be_visible()

    # Another account opens to her as well, and she goes from one to the other.
    with live.inside(), transaction() as at:
        nina = at.query(Person).filter(Person.email == nina_mail).one().id
    with live.inside():
        account(int(firm.at.rpartition("/")[2]), f"Neubau {firm.tag} GmbH", nina, login=True)
    client.reload()
    sound(client)
    client.get_by_role("link", name=f"Altbau {firm.tag} GmbH").click()
    expect(client.get_by_role("heading", level=1)).to_have_text(f"Altbau {firm.tag} GmbH")
    client.get_by_role("link", name=f"Neubau {firm.tag} GmbH").click()
    expect(client.get_by_role("heading", level=1)).to_have_text(f"Neubau {firm.tag} GmbH")
    sound(client)


def test_who_is_not_active_is_seen_and_invited_again(person, firm, live):
    firm_id = int(firm.at.rpartition("/")[2])
    with live.inside():
        for name in ("Nora", "Olaf"):
            who = contact(firm_id, name, "Neu", f"{name.lower()}.{firm.tag}@neu.example")
            at = account(firm_id, f"{name} {firm.tag} GmbH", who)
            grants.invite_contact(firm_id, at, who, firm.erika)
            with transaction() as session:  # Long enough ago to be sent another one.
                session.execute(update(Link).where(Link.person_id == who).values(made_at=now() - timedelta(hours=1)))
    page = signed_in(person, firm, "jan")
    page.goto(f"{firm.at}/accounts")
    enter(page, "Ausstehende Aktivierung")
    rows = page.get_by_role("row").filter(has_text="Neu")
    expect(rows).to_have_count(2)
    sound(page)
    for name in ("Nora", "Olaf"):
        page.get_by_label(f"{name} Neu auswählen").check()
    enter(page, "Den Ausgewählten einen neuen Link senden")
    expect(page.get_by_role("status")).to_contain_text("Ein neuer Link ist unterwegs an: 2.")
    sound(page)
    enter(page, "Seite nicht geöffnet")
    expect(rows).to_have_count(2)
