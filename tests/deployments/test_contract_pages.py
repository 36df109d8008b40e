"""The contract page, as a firm's people, operators and managers see it."""

import io
import zipfile
from datetime import date, datetime

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import func, select

from models.contracts.booking import BookedOption, Booking, Change, Phase
from models.contracts.catalogue import PriceList
from models.contracts.contract import Contract, Recipient
from models.contracts.vat import VatAnswer
from models.db import reading, transaction
from models.people.person import Person, Role
from models.people.staff import Rank, Rights, Staff
from models.settings import settings
from models.time.clock import now
from tasks.contracts import effects, takeout, vies
from tasks.people import sessions
from tests.deployments.browser import Browser
from tests.deployments.test_pages import assert_well_built
from tests.factories import PASSWORD, firm_of, operator, signed
from tests.tasks.test_accounts import ZOE, with_staff
from tests.tasks.test_contracts import BERLIN, at, catalogue, costs, row

PAGE = "/firm/1/contract"
PHONE = f"{PAGE}/modules/2"


@pytest.fixture
def firm_id(no_runs):
    return firm_of(with_staff())


@pytest.fixture
def phone(firm_id, clock):
    at(clock, 2027, 3, 1)
    return catalogue()


@pytest.fixture
def owner(phone):
    return Browser(sessions.sign_in("erika@freitag.example", PASSWORD))


@pytest.fixture
def manager(phone):
    return Browser(operator("manager@convent-it.example", manager=True))


def said(answer) -> str:
    text = answer if isinstance(answer, str) else BeautifulSoup(answer.text, "lxml").select_one("main").get_text(" ")
    return " ".join(text.split())


def order(browser, phone, **more):
    to = f"{PAGE}/order/{phone['module']}"
    return browser.send_form(to, to, **{phone["fields"]["number"]: "030 5550100"} | more)


def test_a_firm_orders_a_module_and_sees_what_was_agreed(owner, phone):
    assert "Telefonservice" in said(owner.get(PAGE))
    refused = order(owner, phone, **{phone["fields"]["number"]: "zweimal klingeln"})
    assert refused.status_code == 422
    assert "zweimal klingeln" in refused.text

    answer = order(owner, phone)

    assert answer.url.path == PHONE
    assert "120,00" in said(answer)
    assert "12 Monate" in said(answer)
    assert "30. November 2027" in said(answer)
    assert "+49305550100" in said(answer)


def test_prices_that_were_announced_stand_there_unless_the_module_ends_before(owner, phone):
    order(owner, phone)
    costs(phone["small"], "150", date(2027, 6, 1))
    with transaction() as session:
        phase = session.scalars(select(Phase).where(Phase.booking_id == 2)).one()
        phase.next_price_list_id = session.scalars(select(func.max(PriceList.id))).one()
        phase.reprices_on = date(2028, 3, 1)
    note = "Ab 1. März 2028, wie angekündigt: base 150,00 €."
    assert note in said(owner.get(PHONE)).replace("\N{NO-BREAK SPACE}", " ")
    owner.send_again(owner.get(f"{PHONE}/end"), f"{PHONE}/end")  # By 29 February 2028.
    assert "wie angekündigt" not in said(owner.get(PHONE))


def test_the_end_is_foreseen_confirmed_and_undone_by_both(owner, manager, phone):
    order(owner, phone)
    seen = owner.get(f"{PHONE}/end")
    assert "29. Februar 2028" in said(seen)

    ended = owner.send_again(seen, f"{PHONE}/end")

    assert ended.url.path == PHONE
    assert "Endet zum 29. Februar 2028" in said(ended)
    assert not manager.read(PHONE).select(f'a[href="{PHONE}/tariff"]')  # It would be refused.
    assert manager.read(PHONE).select(f'a[href="{PHONE}/end"]')
    again = owner.send_again(seen, f"{PHONE}/end")
    assert again.status_code == 409
    assert owner.send_form(PHONE, f"{PHONE}/undo").url.path == PHONE
    with reading() as session:
        assert len(Change.pending(session, [2])) == 1
    manager.send_form(PHONE, f"{PHONE}/undo")
    assert row(Booking, 2).ends_on is None


def test_what_the_firm_asks_for_is_answered_on_either_page_and_gone_from_both(owner, manager, phone):
    order(owner, phone)
    owner.send_again(owner.get(f"{PHONE}/end"), f"{PHONE}/end")
    owner.send_form(PHONE, f"{PHONE}/undo")
    board = manager.read("/board/cases/1").select_one("[id^=decision-]")
    assert manager.read("/board/cases/1").select(f'a[href="{PAGE}"]')
    assert "Vertrag geschlossen – automatische Bearbeitung" in said(manager.get(PAGE))
    assert "Erika Muster bittet darum, dass das Modul „Telefonservice“ weiterläuft" in said(board.get_text(" "))
    assert board.select(f'a[href="{PHONE}"]')
    refused = manager.send_form(PHONE, f"{PHONE}/undo", answer="refuse", note="Leider nein.")
    assert "Die Kündigung bleibt bestehen" in said(refused)
    assert not manager.read("/board/cases/1").select("[id^=decision-]")
    assert not manager.read(PHONE).select(f'form[action="{PHONE}/undo"]')
    assert "kam am 1. März 2027 eine Absage" in said(owner.get(PHONE))
    owner.send_form(PHONE, f"{PHONE}/undo")
    form = manager.read("/board/cases/1").select_one("[id^=decision-] form")["action"]
    manager.send_form("/board/cases/1", form, verdict="agreed")
    assert row(Booking, 2).ends_on is None
    assert not manager.read(PHONE).select(f'form[action="{PHONE}/undo"]')


def test_another_tariff_is_chosen_and_taken_back(owner, phone):
    order(owner, phone)
    seen = owner.get(f"{PHONE}/tariff", params={"tariff": phone["large"]})
    assert "1. März 2028" in said(seen)
    changed = owner.send_again(seen, f"{PHONE}/tariff")
    assert "large" in said(changed)
    back = owner.send_form(PHONE, f"{PHONE}/undo")
    assert "Tarifwechsel zurückgenommen" in said(back)  # By one side alone: it had not begun.
    with reading() as session:
        assert Change.pending(session, [2]) == {}


def test_a_manager_chooses_another_day_with_a_reason_and_a_client_never_sees_the_field(owner, manager, phone):
    order(owner, phone)
    assert 'name="chosen"' not in owner.get(f"{PHONE}/end").text
    seen = manager.get(f"{PHONE}/end", params={"kind": "termination", "chosen": "2027-06-30"})
    refused = manager.send_again(seen, f"{PHONE}/end")
    assert refused.status_code == 422
    manager.send_again(refused, f"{PHONE}/end", reason="Kulanz")
    assert row(Booking, 2).ends_on == date(2027, 6, 30)
    forged = owner.get(f"{PHONE}/end", params={"chosen": "2027-05-01"})
    assert "30. Juni 2027" in said(forged)


def test_a_letter_is_entered_with_its_day_and_scan(owner, phone, clock):
    order(owner, phone)
    at(clock, 2027, 3, 2)
    owner = Browser(sessions.sign_in("erika@freitag.example", PASSWORD))
    clerk = Browser(operator())
    seen = clerk.get(f"{PHONE}/end", params={"kind": "termination", "received": "2027-03-01", "came_by": "letter"})
    odd = clerk.post(f"{PHONE}/end", data=fields(seen), files={"scan": ("letter.txt", b"Sehr geehrte", "text/plain")})
    assert odd.status_code == 422
    files = {"scan": ("letter.pdf", b"%PDF-1.4 a letter", "application/pdf")}
    clerk.post(f"{PHONE}/end", data=fields(seen), files=files)
    change = row(Change, 1)
    assert (change.came_by, change.received_at, change.document_id is not None) == (
        "letter",
        datetime(2027, 3, 1, tzinfo=BERLIN),
        True,
    )
    for reader, name in ((owner, "Convent IT"), (clerk, "operator@convent-it.example")):
        shown = said(reader.read(PHONE).select_one("[aria-labelledby=declared-title]").get_text(" "))
        assert f"Eingegangen am 1. März 2027 per Brief , eingetragen am 2. März 2027 von {name}" in shown
        letter = reader.get(reader.read(PHONE).select_one("[aria-labelledby=declared-title] a")["href"])
        assert (letter.content, letter.headers["content-type"]) == (b"%PDF-1.4 a letter", "application/pdf")
        assert "Schreiben%2C%20eingegangen%20am%202027-03-01.pdf" in letter.headers["content-disposition"]
        assert letter.headers["content-disposition"].startswith("attachment")
        assert letter.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert letter.headers["x-content-type-options"] == "nosniff"
    assert owner.get("/firm/2/contract/letters/1").status_code == 404
    assert owner.get(f"{PAGE}/letters/2").status_code == 404


def fields(page) -> dict[str, str]:
    form = BeautifulSoup(page.text, "lxml").select_one("main form[method=post]")
    return {field["name"]: field.get("value", "") for field in form.select("input[name]") if field["type"] != "file"}


EDITS = {
    "partner": {"name": "Neue Kanzlei GmbH", "city": "Köln", "postcode": "50667"},
    "billing": {"name": "Buchhaltung", "street": "Weg 1"},
    "payment": {"payment_days": "30"},
    "number": {"customer_number": "D-0815"},
    "tax": {"tax": "not_taxable"},
    "invoices": {
        "email-0": "rechnung@freitag.example",
        "copy-0": "cc",
        "sent_as-0": "link",
        "email-1": "x@freitag.example",
    },
    "order": {"order_number": "PO 4711"},
    "test": {"is_test": "yes"},
}


def test_each_section_is_changed_by_who_may_and_shown(manager, phone):
    for section, typed in EDITS.items():
        to = f"{PAGE}/edit/{section}"
        answer = manager.send_form(to, to, **typed)
        assert (answer.status_code, answer.url.path) == (200, PAGE), section
    text = said(manager.get(PAGE))
    for shown in (
        "Neue Kanzlei GmbH",
        "Buchhaltung",
        "30 Tagen",
        "D-0815",
        "rechnung@freitag.example als Link",
        "PO 4711",
    ):
        assert shown in text
    told = said(manager.get("/board/cases/1"))
    for act in (
        "Testkonto: – → ja",
        "Umsatzsteuer: wie üblich besteuert → hier nicht steuerbar",
        "→ Kopie",
        "→ als Link",
    ):
        assert act in told, act
    with reading() as session:
        contract = Contract.of(session, 1)
        assert (contract.is_test, contract.tax, contract.sent_as) == (True, "not_taxable", "attachment")
        assert [(one.email, one.copy, one.sent_as) for one in Recipient.of(session, 1)] == [
            ("rechnung@freitag.example", "cc", "link"),
            ("x@freitag.example", "to", "attachment"),
        ]


@pytest.mark.parametrize(
    ("who", "may"),
    [("client", {"billing", "invoices", "order"}), ("operator", {"billing", "invoices", "order", "number", "tax"})],
)
def test_what_is_not_theirs_is_neither_offered_nor_taken(owner, phone, who, may):
    browser = owner if who == "client" else Browser(operator())
    page = browser.read(PAGE)
    for section, typed in EDITS.items():
        to = f"{PAGE}/edit/{section}"
        assert bool(page.select(f'a[href="{to}"]')) == (section in may), section
        status = browser.get(to).status_code
        assert (status == 200) == (section in may), section
        forged = browser.post(to, data=typed | {"form_token": browser.form_token("/portal"), "was": ""})
        assert (forged.status_code == 409) == (section in may), section


def test_who_was_second_sees_what_stands_there_now(owner, manager, phone):
    to = f"{PAGE}/edit/order"
    opened = owner.get(to)
    manager.send_form(to, to, order_number="PO 1")
    late = owner.send_again(opened, to, order_number="PO 2")
    assert late.status_code == 409
    assert BeautifulSoup(late.text, "lxml").select_one("#order_number")["value"] == "PO 1"
    assert "Nicht gespeichert: PO 2" in said(late)
    assert owner.send_again(late, to, order_number="PO 2").url.path == PAGE
    assert row(Contract, 1).order_number == "PO 2"


def test_all_that_does_not_fit_is_told_at_once(owner, phone):
    to = f"{PAGE}/edit/invoices"
    refused = owner.send_form(to, to, **{"email-0": "nobody", "email-1": "a@b.example", "email-2": "none either"})
    errors = BeautifulSoup(refused.text, "lxml").select(".summary li")
    assert len(errors) == 2
    assert 'value="nobody"' in refused.text
    to = f"{PAGE}/edit/billing"
    refused = owner.send_form(to, to, postcode="1", country="DE", street="x" * 250)
    assert len(BeautifulSoup(refused.text, "lxml").select(".summary li")) == 3


def test_options_are_added_and_ended_by_managers(owner, manager, phone):
    order(owner, phone)
    assert not owner.read(PHONE).select("select[name=article]")
    refused = manager.send_form(PHONE, f"{PHONE}/options", quantity="0")
    assert refused.status_code == 422
    form = manager.get(PHONE)
    for status in (200, 409):  # Sent twice it is added once.
        answer = manager.send_again(form, f"{PHONE}/options", quantity="3")
        assert answer.status_code == status
    assert "Inzwischen ist eine Option hinzugekommen" in said(answer)
    assert "3 × option, 12,50" in said(owner.get(PHONE))
    other = said(owner.get(f"{PHONE}/tariff?tariff={phone['large']}")).replace("\N{NO-BREAK SPACE}", " ")
    assert "3 × option: läuft weiter, zu je 12,50 €" in other
    assert "endet mit dem Modul" in said(owner.get(f"{PHONE}/end"))
    manager.send_form(PHONE, f"{PHONE}/options/1/end")
    assert row(BookedOption, 1).ends_on == date(2027, 3, 1)


def test_who_answers_for_the_contract_sees_it_and_other_members_do_not(firm_id, phone):
    zoe = Browser(sessions.sign_in(ZOE, PASSWORD))
    assert zoe.get(PAGE).status_code == 403
    with transaction() as session:
        person = next(one for one in people(session, firm_id) if one.email == ZOE)
        Staff.give(
            session, person, Rights(Rank.STAFF, manages_accounts=False, has_default_access=True, is_commercial=True)
        )
    assert zoe.get(PAGE).status_code == 200
    assert zoe.read(PAGE).select(f'nav.tabs a[href="{PAGE}"]')
    assert zoe.get(zoe.read(PAGE).select_one("#legal a")["href"]).headers["content-type"] == "application/pdf"


def people(session, firm_id):
    return Person.of(session, firm_id, Role.CASEWORKER)


def test_before_the_agreement_the_account_binds_to_nothing_and_nothing_can_be_ordered_or_changed(no_runs):
    firm_id = firm_of(signed())
    phone = catalogue()
    owner = Browser(sessions.sign_in("erika@freitag.example", PASSWORD))
    page = f"/firm/{firm_id}/contract"

    assert "Das Konto ist kostenlos und verpflichtet zu nichts" in said(owner.get(page))
    assert not owner.read(page).select('a[href*="/order/"], a[href*="/edit/"]')
    assert owner.get(f"{page}/edit/order").status_code == 409
    assert owner.get(f"{page}/modules/1").status_code == 404
    typed = {phone["fields"]["number"]: "030 5550100", "tariff": str(phone["small"])}
    forged = owner.post(f"{page}/order/{phone['module']}", data=typed | {"form_token": owner.form_token("/portal")})
    assert forged.status_code == 409
    assert "sobald beide Seiten den Vertrag unterzeichnet haben" in said(forged)


@pytest.mark.parametrize("language", ["de", "fr", "en"])
def test_every_page_is_whole_for_every_reader_whatever_has_become_of_the_module(owner, manager, phone, language, clock):
    order(owner, phone)
    manager.send_form(PHONE, f"{PHONE}/options", quantity="2")
    pages = [PAGE, PHONE, f"{PHONE}/end", f"{PHONE}/tariff?tariff={phone['large']}", f"{PAGE}/modules/1"]
    pages += [f"{PAGE}/edit/{section}" for section in EDITS]

    def walk(**status):
        for who in (owner, manager):
            who.cookies.set("language", language, domain="127.0.0.1")
            for page in pages:
                answer = who.get(page)
                assert answer.status_code in {200, 404, *status.get("more", ())}, (page, answer.status_code)
                if answer.status_code == 200:
                    assert_well_built(BeautifulSoup(answer.text, "lxml"), language, page)

    walk()
    owner.send_again(owner.get(f"{PHONE}/end"), f"{PHONE}/end")
    walk(more={409})
    owner.send_form(PHONE, f"{PHONE}/undo")
    walk(more={409})
    clock(datetime(2028, 3, 1, tzinfo=BERLIN))
    effects.apply_due.fn()
    for who, email in ((owner, "erika@freitag.example"), (manager, "manager@convent-it.example")):
        who.cookies.set("session", sessions.sign_in(email, PASSWORD), domain="127.0.0.1")
    walk(more={409})


def test_the_owner_stands_there_and_when_the_account_can_be_deleted(owner, phone, clock):
    order(owner, phone)
    assert "Erika Muster erika@freitag.example" in said(owner.get(PAGE))
    assert "Zuerst müssen alle Module gekündigt und ihr letzter Tag vorbei sein" in said(owner.get(PAGE))
    for booking in (1, 2):
        owner.send_again(owner.get(f"{PAGE}/modules/{booking}/end"), f"{PAGE}/modules/{booking}/end")
    assert "Das letzte endet zum 29. Februar 2028" in said(owner.get(PAGE))


def test_the_term_begins_with_the_oldest_module_that_is_still_active(owner, phone, clock):
    order(owner, phone)
    assert "Seit dem 15. September 2026, dem Beginn" in said(owner.get(PAGE))
    owner.send_again(owner.get(f"{PAGE}/modules/1/end"), f"{PAGE}/modules/1/end")
    at(clock, 2027, 8, 1)
    fresh = Browser(sessions.sign_in("erika@freitag.example", PASSWORD))
    assert "Seit dem 1. März 2027, dem Beginn" in said(fresh.get(PAGE))


def test_what_was_accepted_when_and_by_whom_stands_there_to_be_read(owner):
    page = owner.read(PAGE)
    text = said(page.select_one("#legal").get_text(" "))
    assert "angenommen am 15. September 2026 von Erika Muster" in text
    assert "SHA-256" in text
    assert owner.get(page.select_one("#legal a")["href"]).headers["content-type"] == "application/pdf"


def test_an_operator_takes_a_change_of_tariff_back_for_the_firm(owner, manager, phone):
    order(owner, phone)
    owner.send_again(owner.get(f"{PHONE}/tariff", params={"tariff": phone["large"]}), f"{PHONE}/tariff")
    manager.send_form(PHONE, f"{PHONE}/undo")
    with reading() as session:
        assert Change.pending(session, [2]) == {}


def test_the_firm_reads_which_of_its_own_people_did_what_and_of_ours_no_name(firm_id, owner, manager, phone):
    order(owner, phone)
    to = f"{PAGE}/edit/number"
    manager.send_form(to, to, customer_number="1")
    with transaction() as session:
        zoe = next(one for one in Person.of(session, firm_id, Role.CASEWORKER) if one.email == ZOE)
        Staff.give(session, zoe, Rights(Rank.ADMINISTRATOR, manages_accounts=True, has_default_access=True))
    history = said(Browser(sessions.sign_in(ZOE, PASSWORD)).get(PAGE)).partition("Verlauf")[2]
    assert "Modul bestellt – erika@freitag.example" in history
    assert "Vertragsdaten geändert – Convent IT" in history
    assert "manager@" not in history


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "31.2.2027", "bald"])
def test_a_day_that_is_none_is_told_at_its_field(manager, owner, phone, day):
    order(owner, phone)
    for field in ("chosen", "received"):
        answer = manager.get(f"{PHONE}/end", params={field: day})
        assert answer.status_code == 422
        assert BeautifulSoup(answer.text, "lxml").select(f'.summary a[href="#{field}"]')


def test_the_page_says_how_it_is_taxed_and_why(owner, manager, phone, firm_id, monkeypatch):
    monkeypatch.setenv("PROVISION_VIES_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("PROVISION_PROVIDER_VAT_ID", "DE136695976")
    settings.cache_clear()
    to, vienna = f"{PAGE}/edit/partner", {"name": "Kanzlei Wien", "postcode": "1010", "city": "Wien", "country": "AT"}
    manager.send_form(to, to, **vienna)
    to = f"{PAGE}/edit/tax"
    manager.send_form(to, to, tax="reverse_charge", vat_id="ATU13585627")
    assert "VIES wird nach dieser Nummer gefragt. Vor der Antwort wird nichts abgerechnet." in tax_of(owner)
    with pytest.raises(vies.UnansweredError):
        vies.ask_about_vat_ids.fn()
    assert "NO_CONNECTION" in tax_of(manager)
    assert "VIES antwortet seit 1. März 2027" in tax_of(owner)
    assert "NO_CONNECTION" not in tax_of(owner)
    said_there = {"name": "Kanzlei Wien", "address": "Ring 2, 1010 Wien", "differs": ["street"]}
    answer = {"vat_id": "ATU13585627", "own_id": "DE136695976", "consultation": "WAPI7", "details": said_there}
    for result, sentence in (
        ("valid", "Von VIES bestätigt"),
        ("invalid", "Deshalb wird mit unserer Steuer abgerechnet"),
    ):
        with transaction() as session:
            session.add(VatAnswer(firm_id=firm_id, answered_at=now(), result=result, **answer))
        assert sentence in tax_of(owner)
        assert "WAPI7" in tax_of(owner)
        assert "stimmen nicht" not in tax_of(owner)
        assert "Ring 2, 1010 Wien – Name oder Adresse stimmen nicht" in tax_of(manager)


def tax_of(browser) -> str:
    return said(browser.read(PAGE).select_one("#tax").get_text(" "))


def test_all_data_are_asked_for_put_together_and_fetched_by_owner_and_administrators_alone(
    owner, manager, phone, firm_id
):
    asked = owner.send_form(PAGE, f"{PAGE}/data")
    assert "Die Daten werden zusammengestellt" in said(asked)
    assert not owner.read(PAGE).select(f'form[action="{PAGE}/data"]')
    takeout.make_takeout.fn(1)
    fetch = f"{PAGE}/data/1"
    assert "abzuholen bis" in said(owner.get(PAGE))
    archive = owner.send_form(PAGE, fetch)
    assert archive.headers["content-type"] == "application/zip"
    assert archive.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert archive.headers["content-disposition"].startswith("attachment; filename*=utf-8''daten-1-2027-03-01.zip")
    assert zipfile.ZipFile(io.BytesIO(archive.content)).testzip() is None
    assert not manager.read(PAGE).select(f'form[action^="{PAGE}/data"]')
    for path in (f"{PAGE}/data", fetch):
        assert manager.post(path, data={"form_token": manager.form_token("/board")}).status_code == 404
    assert (
        owner.get(fetch).headers["content-type"].startswith("text/html")
    )  # A link that is only followed fetches nothing.
    assert "innerhalb der letzten Stunde" in said(owner.send_form(PAGE, f"{PAGE}/data"))
    assert "Alle Daten abgeholt – erika@freitag.example" in said(owner.get(PAGE))


def test_who_gets_invoices_is_the_owner_as_long_as_others_get_copies_alone(owner, phone):
    to, alone = f"{PAGE}/edit/invoices", "der Inhaber, da kein anderer Empfänger genannt ist"
    for copy, is_owner in (("cc", True), ("to", False)):
        named = owner.send_form(to, to, **{"email-0": "rechnung@freitag.example", "copy-0": copy, "sent_as": "link"})
        assert "rechnung@freitag.example" in said(named)
        assert (alone in said(named)) is is_owner


def test_forged_rows_do_no_harm(owner, phone):
    to = f"{PAGE}/edit/invoices"
    page = owner.get(to)
    refused = owner.send_again(page, to, **{f"email-{'9' * 5000}": "x", "email-²": "y", "email-0": "nobody"})
    assert refused.status_code == 422
    assert len(refused.text) < 200_000
