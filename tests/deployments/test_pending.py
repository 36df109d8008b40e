"""The list of contacts who are not active yet, on the pages of a firm, and the page behind an invitation."""

import json
import re

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import select, update
from typer.testing import CliRunner

from deployments.__main__ import app as cli
from models.clients.bulk_invitation import BulkInvitation
from models.db import reading, transaction
from models.firm import Firm
from models.link import Opening, Purpose
from models.mail.outbox import Outgoing
from models.time.clock import now
from tasks.mail.address_holds import note_bounce
from tasks.people.sessions import sign_in
from tasks.reminders import follow_up
from tests.contacts import account, contact
from tests.deployments.browser import Browser
from tests.factories import PASSWORD, everything, firm_of, outbox, token
from tests.tasks.test_accounts import ERIKA, ZOE, with_staff
from tests.tasks.test_pending import call_for, email, invited

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def firm_id(clock):
    made = firm_of(with_staff())
    for name in ("Anna", "Berta"):
        invited(made, name)
    with transaction() as session:
        session.execute(update(Outgoing).values(delivered_at=now(), due_at=None))
    clock(hours=1)
    return made


@pytest.fixture
def browser():
    return Browser(sign_in(ERIKA, PASSWORD))


def words(page) -> str:
    return re.sub(r"\s+", " ", page.get_text(" "))


def test_the_list_stands_beside_that_of_the_accounts_and_tells_of_each(firm_id, browser):
    account(firm_id, "Ohne GmbH", contact(firm_id, "Ohne", "Post", ""))
    lists = browser.read(f"/firm/{firm_id}/accounts").select("nav.tabs")[1]
    assert [link.text for link in lists.select("a")][:2] == ["Alle Konten", "Ausstehende Aktivierung"]

    page = browser.read(lists.select("a")[1]["href"])

    assert page.h1.get_text(" ", strip=True) == "Ausstehende Aktivierung 2"
    marks = [link.text for link in page.select(".filters a")][:6]
    assert marks[2:] == ["Seite nicht geöffnet (2)", "Seite geöffnet (0)", "Anzurufen (0)", "Ohne Adresse (1)"]
    row = words(page.select("tbody tr")[0])
    for told in (
        "Anna Beispiel",
        "Anna GmbH",
        "zugestellt am 15. September",
        "Seite nicht geöffnet",
        "Link gültig bis",
    ):
        assert told in row
    assert "0 von 3 gesendet nächste am 18. September" in row
    unaddressed = browser.read(f"/firm/{firm_id}/accounts/pending?mark=unaddressed")
    assert "Adresse eintragen" in words(unaddressed.select_one("tbody tr"))
    assert not unaddressed.select("tbody input, main button:not(.second)")


def test_opening_the_page_of_an_invitation_is_the_one_trace_that_looking_leaves(firm_id, browser):
    path, before = f"/auth/activate/{token(email('Anna'), Purpose.ACTIVATE)}", everything()

    browser.get(path)  # Whoever is signed in as somebody else is not the one invited.
    assert everything() == before
    Browser().get(path)
    after = everything()
    Browser().get(path)

    assert (after != before, everything()) == (True, after)
    with transaction() as session:
        kept = session.scalars(select(Opening)).one()
        session.delete(kept)
    assert everything() == before
    Browser().get(path)
    opened = browser.read(f"/firm/{firm_id}/accounts/pending?mark=opened")
    assert "Seite geöffnet am 15. September" in words(opened.select_one("tbody"))
    assert len(opened.select("tbody tr")) == 1
    assert browser.get(f"/firm/{firm_id}/accounts/pending?mark=nonsense&tag=x&after=x").status_code == 200


def test_several_are_invited_again_at_once_and_what_became_of_each_is_counted(firm_id, browser):
    page, sent = f"/firm/{firm_id}/accounts/pending", len(outbox("invitation"))
    shown = browser.read(page)
    form = shown.select_one("form[method=post]:has(table)")
    fields = {one["name"]: one["value"] for one in form.select("input[type=hidden]")}
    ticked = {"contact": [box["value"] for box in form.select("input[type=checkbox]")]}
    note_bounce({"address": email("Berta"), "kind": "hard"})

    done = [browser.post(form["action"], data=fields | ticked) for _ in range(2)]

    told = [BeautifulSoup(each.text, "lxml").select_one("[role=status]").get_text(" ", strip=True) for each in done]
    assert told[0].startswith("Ein neuer Link ist unterwegs an: 1. E-Mail kommt zurück: 1.")
    assert told[1].startswith("Gerade eben schon angeschrieben: 1.")
    assert len(outbox("invitation")) == sent + 1
    nobody = browser.post(form["action"], data=fields)
    assert (nobody.status_code, "Niemand ist ausgewählt" in nobody.text) == (422, True)
    one = form.select_one("button[name=one]")["value"]
    assert "Gerade eben" in browser.post(form["action"], data=fields | {"one": one}).text


def test_whoever_is_to_be_called_stands_there_with_number_and_hours(firm_id, browser):
    who = invited(firm_id, "Carla")
    call_for(who)

    row = words(browser.read(f"/firm/{firm_id}/accounts/pending?mark=silent").select_one("tbody"))

    assert "keine Antwort: bitte anrufen" in row
    assert "erreichbar: Mo–Fr 8–18" in row


def test_whoever_may_not_change_accounts_only_looks(firm_id):
    page = Browser(sign_in(ZOE, PASSWORD)).read(f"/firm/{firm_id}/accounts/pending")

    assert len(page.select("tbody tr")) == 2
    assert not page.select("tbody button, tbody input")


def test_all_of_a_list_longer_than_a_page_are_invited_again_by_one_button(no_runs, firm_id, browser, monkeypatch):
    monkeypatch.setattr(follow_up, "SHOWN", 1)
    page = f"/firm/{firm_id}/accounts/pending?mark=unopened"
    details = browser.read(page).select_one("form details")
    assert "Alle 2 dieser Liste bekommen einen" in words(details)

    done = [browser.send_form(page, act="all") for _ in range(2)]

    assert all("Alle bekommen nacheinander einen neuen Link" in each.text for each in done)
    with reading() as session:
        (bulk,) = session.scalars(select(BulkInvitation)).all()
    assert bulk.audience == {"again": {"mark": "unopened"}}
    assert browser.send_form(page, act="all", at="").status_code == 200
    nobody = browser.post(
        f"/firm/{firm_id}/accounts/pending?search=xyz", data={"act": "all", **token_of(browser, page)}
    )
    assert nobody.status_code == 422


def token_of(browser, page) -> dict[str, str]:
    return {"form_token": browser.read(page).select_one("input[name=form_token]")["value"]}


def test_the_command_line_tells_what_the_page_shows(firm_id, browser):
    call_for(invited(firm_id, "Carla"))
    Browser().get(f"/auth/activate/{token(email('Anna'), Purpose.ACTIVATE)}")
    with reading() as session:
        company_id = str(session.get_one(Firm, firm_id).company_id)

    def told(*more: str) -> list[dict]:
        result = CliRunner().invoke(cli, ["clients", "pending", "--firm", company_id, "--json", *more])
        return json.loads(result.stdout)["pending"]

    anna, berta, carla = told()
    assert (anna["name"], anna["accounts"][0]["name"], anna["state"]) == ("Anna Beispiel", "Anna GmbH", "invited")
    assert anna["delivered_at"] < anna["opened_at"] < anna["next_reminder_at"] < anna["expires_at"]
    assert (berta["opened_at"], berta["to_be_called"], carla["to_be_called"]) == (None, False, True)
    assert (carla["next_reminder_at"], carla["hours"]) == (None, "Mon–Fri 8–18")
    assert [row["name"] for row in told("--only", "silent")] == ["Carla Beispiel"]
    assert told("--only", "bounced") == []
