# ruff: noqa: F401, F811  (fixtures)
"""Terms and annexes: published on the board, answered on the page of the contract, and to be read there for good."""

from datetime import date

import pytest

from models.contracts.legal import Consent
from models.db import reading
from models.decision import Decision
from tasks.contracts.legal import ask_for_consent
from tasks.people import sessions
from tests.deployments.browser import Browser
from tests.deployments.test_contract_pages import PAGE, firm_id, manager, order, owner, phone, said
from tests.factories import PASSWORD, operator
from tests.tasks.test_accounts import ZOE
from tests.tasks.test_consents import digest_of, publish
from tests.tasks.test_contracts import row

BOARD = "/board/legal"
FIELDS = {"kind": "processing", "number": "AVV 3", "valid_from": "2027-04-01", "changes": "Neue Unterauftragnehmer"}


@pytest.fixture
def asked(owner):
    """The firm was asked about a new version of the terms."""
    text = publish()
    ask_for_consent.fn()
    return text


def test_a_manager_publishes_a_version_and_operators_see_who_has_not_answered(manager, owner):
    refused = manager.send_form(BOARD, **FIELDS | {"valid_from": "bald", "number": " "})
    assert (refused.status_code, "„bald“" in said(refused), "Neue Unterauftragnehmer" in refused.text) == (
        422,
        True,
        True,
    )
    for field in ("valid_from", "number", "text"):
        assert f'href="#{field}"' in refused.text
    assert "Der Tag fehlt" in said(manager.send_again(refused, BOARD, valid_from=" "))
    done = manager.send_again(refused, BOARD, **FIELDS | {"text": "§ 1 Alles neu\n\n§ 2 Schluss"})
    assert (done.url.path, "Veröffentlicht." in said(done)) == (BOARD, True)
    ask_for_consent.fn()
    clerk = Browser(operator())
    page = clerk.get(BOARD)
    assert "nicht beantwortet: 1" in said(page)
    assert 'name="number"' not in page.text
    assert clerk.post(BOARD, data=FIELDS).status_code in {400, 403}
    listed = clerk.get(f"{BOARD}/1")
    assert "Anwaltskanzlei Freitag & Kollegen" in said(listed)
    assert clerk.get(f"{BOARD}/file/{digest_of(1)}").text == "§ 1 Alles neu\n\n§ 2 Schluss"
    assert owner.get(BOARD).status_code == 404


def test_the_firm_agrees_on_the_page_and_reads_there_what_it_agreed_to(owner, manager, asked):
    assert "Bitte lesen Sie sie" in said(owner.get(PAGE))
    assert "Das Unternehmen hat noch nicht geantwortet" in said(manager.get(PAGE))
    assert "Ihre Antwort" not in said(manager.get(f"{PAGE}/consent/{asked}"))
    assert "die per Brief oder Mail kam" in said(manager.get(f"{PAGE}/consent/{asked}"))
    empty = manager.send_form(f"{PAGE}/consent/{asked}", f"{PAGE}/consent/{asked}", answer="yes")
    assert (empty.status_code, "Der Tag fehlt" in said(empty), "Der Name fehlt" in said(empty)) == (422, True, True)
    page = owner.get(f"{PAGE}/consent/{asked}")

    for _ in range(2):
        done = owner.send_again(page, f"{PAGE}/consent/{asked}", answer="yes")
        assert (done.url.path, "Ihre Zustimmung ist notiert" in said(done)) == (PAGE, True)

    legal = said(owner.read(PAGE).select_one("#legal").get_text(" "))
    assert "AGB, 2027-01 : zugestimmt, 1. März 2027" in legal
    assert "Erika Muster" in legal
    assert f"SHA-256 {digest_of(asked)}" in legal
    kept = owner.get(f"{PAGE}/legal/{digest_of(asked)}")
    assert (kept.content, kept.headers["content-type"]) == (b"%PDF-1.7 terms", "application/pdf")
    assert owner.get(f"{PAGE}/legal/{'0' * 64}").status_code == 404
    late = owner.send_again(page, f"{PAGE}/consent/{asked}", answer="no")
    assert (late.status_code, "schon zugestimmt" in said(late)) == (409, True)


def test_the_letters_of_both_answers_are_read_on_the_page(owner, manager, asked):
    at = f"{PAGE}/consent/{asked}"
    letters = {"no": b"%PDF-1.7 no" + b" " * 2 * 2**20, "yes": b"%PDF-1.7 yes"}
    typed = {"received": "2027-03-01", "came_by": "letter", "signer": "Erika Muster"}
    for answer, content in letters.items():
        done = manager.send_form(at, at, {"scan": ("brief.pdf", content)}, answer=answer, **typed)
        assert (done.status_code, done.url.path) == (200, PAGE)

    assert "abgelehnt: 1. März 2027" in said(owner.get(at))
    links = [link["href"] for link in owner.read(at).select("main a[href*=letter]")]
    assert [owner.get(link).content for link in links] == [letters["yes"], letters["no"]]
    assert owner.get(f"{at}/letter?former=x").status_code == 404


def test_a_refusal_is_told_to_operators_with_its_reason(owner, asked):
    page = owner.get(f"{PAGE}/consent/{asked}")
    neither = owner.send_again(page, f"{PAGE}/consent/{asked}", reason="Erst lesen.")
    assert (neither.status_code, "Die Antwort fehlt" in said(neither)) == (422, True)
    too_long = owner.send_again(page, f"{PAGE}/consent/{asked}", answer="no", reason="x" * 1500)
    assert too_long.status_code == 422
    owner.send_again(too_long, f"{PAGE}/consent/{asked}", answer="no", reason="Die Haftung ist zu eng.")
    assert "abgelehnt" in said(owner.read(PAGE).select_one("#legal").get_text(" "))
    shown = said(Browser(operator()).get("/board/cases/1"))
    assert "stimmt der Fassung 2027-01" in shown
    assert "Die Haftung ist zu eng." in shown


def test_an_order_shows_the_versions_to_which_it_agrees(owner, manager, phone, asked):
    to = f"{PAGE}/order/{phone['module']}"
    stale = owner.get(to)
    assert "Damit stimmen Sie zu: AGB, 2027-01" in said(stale)
    assert "Dafür gilt: AGB, 2027-01" in said(manager.get(to))
    publish("2027-02", material=False)
    number = {phone["fields"]["number"]: "030 5550100"}
    refused = owner.send_again(stale, to, **number)
    assert (refused.status_code, "Bedingungen haben sich inzwischen geändert" in said(refused)) == (409, True)
    order(owner, phone)
    with reading() as session:
        assert {text: each.state for text, each in Consent.of(session, 1).items()} == {1: "asked", 2: "accepted"}
