"""The board by hand: found, looked at, written to, ended, with mouse and keyboard and without scripts."""

import re
from uuid import uuid4

from playwright.sync_api import expect

from tasks.people.operators import appoint
from tests.browser.conftest import PASSWORD, Running, set_password, sound


def test_an_operator_finds_a_firm_reads_its_mail_pauses_its_reminders_and_ends_the_case(operator, live: Running):
    tag = uuid4().hex[:6]
    live.invite(f"Steuerbüro Müller & Söhne {tag}", f"mueller.{tag}@muster.example")

    operator.goto(f"{live.at.web}/board")
    operator.get_by_role("searchbox").fill(f"muller soehne {tag}")
    operator.get_by_role("searchbox").press("Enter")
    operator.get_by_role("link", name=re.compile(r"^4 Organisator")).click()
    expect(operator).to_have_url(re.compile("search=muller.*step=organiser"))
    sound(operator)
    operator.get_by_role("link", name=f"Steuerbüro Müller & Söhne {tag}").click()
    sound(operator)

    operator.get_by_role("main").get_by_role("link", name="Erinnerungen").click()
    expect(operator.get_by_role("heading", name="Auf wen gewartet wird")).to_be_visible()
    sound(operator)
    operator.get_by_role("button", name=re.compile("Anhalten.*Vorgang")).click()
    expect(operator.get_by_text("Dort wird niemand erinnert")).to_be_visible()
    expect(operator.locator("table").get_by_text("angehalten").first).to_be_visible()
    sound(operator)
    operator.get_by_role("button", name=re.compile("^Fortsetzen *: *Vorgang")).click()
    expect(operator.get_by_text("Es wird wieder erinnert")).to_be_visible()
    expect(operator.locator("table").get_by_text("angehalten")).to_have_count(0)
    operator.get_by_role("main").get_by_role("link", name=f"Steuerbüro Müller & Söhne {tag}").click()

    operator.get_by_role("link", name="E-Mail: Bitte um Registrierung").click()
    shown = operator.frame_locator("iframe").get_by_role("link", name="Account erstellen")
    assert shown.get_attribute("href") == f"{live.at.web}/•••"
    sound(operator)
    operator.get_by_role("link", name="Zurück zum Vorgang").click()

    operator.wait_for_url("**/board/cases/*#story")  # Loaded: going to the place within the page takes the focus away.
    operator.get_by_text("Vorgang beenden", exact=True).press("Enter")
    operator.get_by_role("button", name="Vorgang jetzt beenden").press("Enter")
    expect(operator.get_by_role("link", name=re.compile("Der Grund fehlt"))).to_be_visible()
    operator.get_by_label("Grund").fill("Doppelt angelegt.")
    operator.get_by_role("button", name="Vorgang jetzt beenden").press("Enter")
    expect(operator.get_by_text("Der Vorgang ist beendet.")).to_be_visible()
    expect(operator.get_by_text("Vorgang beendet: Doppelt angelegt.")).to_be_visible()


def test_a_manager_without_scripts_invites_an_operator_who_sets_a_deputy_and_is_deactivated(person, live, follow):
    name = uuid4().hex[:6]
    manager, new = person(java_script_enabled=False), f"neu.{name}@convent-it.example"
    with live.inside():
        set_password(manager, appoint(f"leitung.{name}@convent-it.example", "command line", manager=True))
    manager.goto(f"{live.at.web}/board/operators")
    manager.locator("#name").fill("Nora Neu")
    manager.get_by_label("E-Mail-Adresse").fill(new)
    manager.get_by_role("button", name="Einladen").click()
    expect(manager.get_by_text("Eingeladen:")).to_be_visible()

    operator = follow(person(), new, "/auth/reset")
    operator.get_by_label("Neues Passwort").fill(PASSWORD)
    operator.get_by_role("button", name="Passwort speichern").click()
    operator.goto(f"{live.at.web}/board/operators")
    today = operator.evaluate("new Date().toLocaleDateString('sv', {timeZone: 'Europe/Berlin'})")
    operator.get_by_label("Erster Tag").fill(today)
    operator.get_by_label("Letzter Tag").fill(today)
    operator.get_by_label("Vertretung").select_option(label=f"leitung.{name}@convent-it.example")
    operator.get_by_role("button", name="Abwesenheit speichern").click()
    expect(operator.get_by_text(f"Vertretung: leitung.{name}@convent-it.example")).to_be_visible()
    sound(operator)

    manager.reload()
    row = manager.get_by_role("row").filter(has_text=new)
    row.locator("summary").click()
    row.get_by_role("button", name="Jetzt deaktivieren").click()
    operator.goto(f"{live.at.web}/board")
    expect(operator.get_by_role("heading", name="Anmelden")).to_be_visible()
