"""A client sees what is stored, asks on a phone for it to be erased, and is gone once the firm has said so; who has no
account proves the mailbox and does the same.
"""

import json
from datetime import timedelta

from playwright.sync_api import expect
from sqlalchemy import select, update

from models.db import reading, transaction
from models.link import Purpose
from models.mail.outbox import MailKind, Outgoing
from models.retention.request import PrivacyRequest
from models.time.clock import today
from tasks.clients import grants
from tasks.retention.requests import see_to_requests
from tests.browser.conftest import PHONE, press, sound, until
from tests.browser.test_clients import enter, firm, signed_in, write
from tests.contacts import account, contact
from tests.factories import PASSWORD, registered

__all__ = ["firm"]


def nearing(erika: str) -> int:
    """The last days in which to answer have come; how many mails the firm has got about that."""
    with transaction() as session:
        session.execute(update(PrivacyRequest).values(due_on=today() + timedelta(days=5)))
    see_to_requests.fn()
    with reading() as session:
        waits = Outgoing.kind == MailKind.PRIVACY_WAITS, Outgoing.to_address == erika
        return len(session.scalars(select(Outgoing.id).where(*waits)).all())


def by_link(lena, live, firm):
    """Lena has no account: what is stored about her only her mailbox is told."""
    lenas = f"lena.{firm.tag}@laub.example"
    lena.goto(f"{firm.web}/privacy")
    enter(lena, "Sehen, was über Sie gespeichert ist")
    sound(lena)
    write(lena, "E-Mail-Adresse", lenas)
    enter(lena, "Link zusenden")
    expect(lena.get_by_role("status")).to_contain_text("Wenn zu dieser Adresse etwas gespeichert ist")
    lena.goto(live.mail(lena, lenas, "/privacy/data/"))
    lena.goto(lena.frame_locator("iframe").locator("a[href*='/privacy/data/']").get_attribute("href"))
    expect(lena.get_by_text(lenas).first).to_be_visible()
    sound(lena)
    with lena.expect_download() as file:
        lena.get_by_role("link", name="Alles als Datei mitnehmen").click()
    taken = file.value.path().read_text()
    assert json.loads(taken)["parts"][0]["roles"] == ["client"]
    assert (lenas in taken, firm.erika in taken) == (True, False)
    enter(lena, "Meine Daten löschen oder berichtigen")
    lena.get_by_text("Etwas ist falsch").click()
    sound(lena)
    write(lena, "Was falsch ist und was richtig", "Ich heiße Laube.")
    enter(lena, "Berichtigung verlangen")
    expect(lena.get_by_role("status")).to_contain_text("Ihre Anfrage ist angekommen")
    sound(lena)


def test_a_client_asks_on_a_phone_for_erasure_and_the_firm_decides_in_time(live, person, firm):
    firm_id, lukas = int(firm.at.rpartition("/")[2]), f"lukas.{firm.tag}@linde.example"
    with live.inside():
        who = contact(firm_id, "Lukas", "Loh", lukas)
        grants.invite_contact(firm_id, account(firm_id, f"Loh {firm.tag}", who), who, firm.erika)
        firm.sessions["lukas"] = registered(lukas, Purpose.ACTIVATE)
    client, erika = signed_in(person, firm, "lukas", viewport=PHONE), signed_in(person, firm, "erika")

    # By keyboard alone, from the foot of the portal.
    client.goto(f"{firm.web}/portal")
    enter(client, "Meine Daten")
    expect(client.get_by_role("heading", level=1)).to_have_text("Was über Sie gespeichert ist")
    sound(client)
    enter(client, "Meine Daten löschen oder berichtigen")
    client.get_by_text("Löschen, was über mich gespeichert ist").focus()
    client.keyboard.press("Enter")
    sound(client)
    write(client, "Was Sie dazu sagen möchten", "Ich bin nicht mehr Ihr Mandant.")
    enter(client, "Löschung meiner Daten verlangen")
    expect(client.get_by_role("status")).to_contain_text("Ihre Anfrage ist angekommen")
    sound(client)

    # The firm is reminded, finds it above its clients, and decides.
    with live.inside():
        assert nearing(firm.erika) == 2
    erika.goto(f"{firm.at}/clients")
    enter(erika, "1 Anfrage zu eigenen Daten")
    sound(erika)
    enter(erika, "Lukas Loh")
    expect(erika.get_by_text("nicht mehr Ihr Mandant")).to_be_visible()
    sound(erika)
    press(erika, "Löschen")
    expect(erika.get_by_role("status")).to_contain_text("Entsprochen")

    # The answer has come; then nothing opens any more.
    until(erika, "the answer", lambda: any("werden gelöscht" in mail.subject for mail in live.mails_to(lukas)))
    with live.inside():
        until(erika, "the erasure", see_to_requests.fn)
    client.reload()
    expect(client.get_by_role("heading", level=1)).to_have_text("Anmelden")
    client.get_by_label("E-Mail-Adresse").fill(lukas)
    client.get_by_label("Passwort", exact=True).fill(PASSWORD)
    client.get_by_role("button", name="Anmelden").click()
    expect(client.get_by_role("alert")).to_be_visible()
    erika.goto(f"{firm.at}/accounts")
    expect(erika.get_by_text("Loh")).to_have_count(0)

    by_link(person(viewport=PHONE), live, firm)
    erika.goto(f"{firm.at}/clients")
    expect(erika.get_by_role("link", name="1 Anfrage zu eigenen Daten")).to_be_visible()
