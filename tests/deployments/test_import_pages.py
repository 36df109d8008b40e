"""Client lists are brought, looked at, asked about, imported and taken back on the pages of a firm."""

from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import select

from models.clients.client import Client
from models.clients.imports import Import
from models.db import reading, transaction
from models.people.staff import Rank, Rights
from tasks.clients.imports import course
from tasks.people.sessions import sign_in
from tests.deployments.browser import Browser, entries, errors
from tests.factories import PASSWORD, advance, firm_of, opened, outbox, registered
from tests.remembered import remembered
from tests.tasks.test_accounts import ERIKA, GMBH, MAX, ZOE, give, open_account, with_staff

FILES = Path(__file__).parents[1] / "tasks" / "imports"
pytestmark = pytest.mark.usefixtures("quiet")

MIXED = (
    "Mandant;Kundennummer;Vorname;Nachname;E-Mail;PLZ;Ort\n"
    "Alpha GmbH;10001;Anna;Arndt;anna@alpha.example;1067;Dresden\n"
    "Beta GmbH;10002;Bernd;Berg;bernd(at)beta;50667;Köln\n"
    "Gamma GmbH;10003;Gerd;Groß;gerd[at]gamma;53111;Bonn\n"
    ";;;;;;\n"
    "Delta KG;10004;;Dorn;dora@delta.example;89073;Ulm\n"
    ";10009;;;;80331;München\n"
).encode()


@remembered
def staffed() -> int:
    return with_staff()


@pytest.fixture
def firm_id():
    return firm_of(staffed())


@pytest.fixture
def browser():
    return Browser(sign_in(ERIKA, PASSWORD))


def bring(browser, firm_id: int, content: bytes = MIXED, name: str = "Mandanten.csv"):
    page = f"/firm/{firm_id}/accounts/import"
    return browser.send_form(page, files={"file": (name, content)})


def soup(answer) -> BeautifulSoup:
    return BeautifulSoup(answer.text, "lxml")


def filters(answer) -> dict[str, int]:
    links = soup(answer).select("nav[aria-label=Filter] a")
    return {words: int(number) for words, _, number in (link.text.rpartition("\xa0") for link in links)}


def names(firm_id: int) -> list[str]:
    with reading() as session:
        return sorted(session.scalars(select(Client.name).where(Client.firm_id == firm_id)))


def press(browser, shown, button: str, **fields: str):
    """The form on this page with a button that says so, sent by it."""
    found = next(one for one in soup(shown).select("main form button") if button in one.text)
    form = found.find_parent("form")
    by = {found["name"]: found.get("value", "")} if found.get("name") else {}
    return browser.post(form["action"], data=entries(form) | by | fields)


def test_a_file_is_looked_at_asked_about_imported_and_taken_back(firm_id, browser):
    open_account(GMBH, MAX)
    before = outbox()
    shown = bring(browser, firm_id)
    assert filters(shown) == {"alle": 5, "neues Konto": 1, "Frage offen": 3, "nicht möglich": 1}
    assert "1067" in shown.text
    assert names(firm_id) == [GMBH["company_name"]]

    rows = press(browser, shown, "4 Zeilen zum Korrigieren")  # Whether anything waits or not.
    assert [line[:2] for line in rows.text.splitlines()[1:]] == ["3;", "4;", "6;", "7;"]

    # One is answered alone and taken back, then all of a kind alike.
    asked = browser.get(f"{shown.url.path}?question=bad_email")
    assert len(soup(asked).select("article")) == 2
    nobodys = press(browser, asked, "ohne den Wert importieren – Beta GmbH", record="all of them")
    assert (nobodys.status_code, filters(browser.get(shown.url.path))["Frage offen"]) == (404, 3)
    answered = press(browser, asked, "ohne den Wert importieren – Beta GmbH")
    assert answered.url.params["question"] == "bad_email"
    assert filters(answered)["Frage offen"] == 2
    back = press(browser, browser.get(shown.url.path), "Antwort zurücknehmen – Beta GmbH")
    assert filters(back)["Frage offen"] == 3
    all_alike = press(browser, back, "ohne den Wert importieren – Keine E-Mail-Adresse")
    assert filters(all_alike) == {"alle": 5, "neues Konto": 3, "Frage offen": 1, "nicht möglich": 1}

    button = soup(all_alike).select_one("form[action$=begin] button").text
    assert "3" in button
    assert "Niemand wird angeschrieben" in all_alike.text
    done, again = (press(browser, all_alike, button) for _ in range(2))  # Pressed twice, or by two people.
    assert (again.status_code, errors(again)) == (200, {})
    assert "3 Konten wurden angelegt" in soup(done).select_one("[aria-labelledby=done-title]").text
    assert {"Alpha GmbH", "Beta GmbH", "Gamma GmbH"} < set(names(firm_id))
    assert outbox() == before
    assert "Der Import ist fertig" in done.text

    # Whom to invite is asked, of this import alone.
    links = [one["href"] for one in soup(done).select("[aria-labelledby=invite-title] a")]
    assert [len(soup(browser.get(one)).select("table [name=account]")) for one in links[1:]] == [3, 4]
    assert "3" in soup(browser.get(links[0])).main.text
    assert outbox() == before

    rows = press(browser, done, "2 Zeilen zum Korrigieren")
    assert [line[:2] for line in rows.text.splitlines()[1:]] == ["6;", "7;"]
    assert "hat keinen Namen" in rows.text

    asked = browser.get(f"{done.url.path}/undo")
    gone = press(browser, asked, "Jetzt zurücknehmen")
    assert "zurückgenommen" in gone.text
    assert names(firm_id) == [GMBH["company_name"]]


def test_what_is_ticked_stays_so_on_the_way_through_the_pages_of_an_import(firm_id, browser):
    people = "".join(f"Firma {n:03} GmbH;{n};Max;Muster{n};m{n}@muster.example;;\n" for n in range(120))
    done = press(
        browser, bring(browser, firm_id, (MIXED.decode().split("\n")[0] + "\n" + people).encode()), "importieren"
    )
    page = browser.get(next(one["href"] for one in soup(done).select("[aria-labelledby=invite-title] a")[1:]))
    ticked = [one["value"] for one in soup(page).select("[name=account]")]

    second = press(browser, page, "Nächste Seite", account=ticked[:2])
    assert "2 Konten auf anderen Seiten sind auch ausgewählt." in second.text
    theirs = [one["value"] for one in soup(second).select("[name=account]")]
    assert not {*ticked} & {*theirs}
    refused = press(browser, second, "Schlagwörter vergeben", account=theirs[3])
    assert [one["value"] for one in soup(refused).select("[name=account][checked]")] == [theirs[3]]
    first = press(browser, refused, "Von vorn")
    assert [one["value"] for one in soup(first).select("[name=account][checked]")] == ticked[:2]
    asked = press(browser, first, "Einladen", account=ticked[:2])
    assert {*asked.url.params.get_list("account")} == {*ticked[:2], theirs[3]}
    many = " ".join(map(str, range(1, 500)))
    assert "account" in errors(press(browser, second, "Schlagwörter vergeben", tags="Bau", elsewhere=many))


def test_whoever_may_not_see_an_import_finds_none_of_its_pages_and_moves_nothing(firm_id, browser):
    shown = bring(browser, firm_id)
    page = shown.url.path
    give(1, Rights(Rank.STAFF, manages_accounts=True, has_default_access=False))
    other = opened("test:2", organiser={"name": "Olga Ott", "email": "olga@ott.example"})
    advance(other)
    registered("olga@ott.example")
    olga, zoe = Browser(sign_in("olga@ott.example", PASSWORD)), Browser(sign_in(ZOE, PASSWORD))
    hers = page.replace(f"/firm/{firm_id}/", f"/firm/{firm_of(other)}/")  # Another firm's import by her own address.
    acts = ("answers", "begin", "cancel", "columns", "errors.csv", "undo")

    for who, path in ((olga, page), (olga, hers), (zoe, page)):
        assert {who.get(f"{path}{behind}").status_code for behind in ("", "/columns", "/undo")} <= {403, 404}
        sent = {"form_token": who.form_token("/imprint"), "question": "bad_email", "choice": "skip", "all": "yes"}
        assert {who.post(f"{path}/{act}", data=sent).status_code for act in acts} <= {403, 404}
    assert filters(browser.get(page)) == filters(shown)
    assert names(firm_id) == []

    browser.cookies.delete("session")  # It has ended meanwhile.
    lost = press(browser, shown, "Jetzt importieren")
    assert lost.url.path == "/auth/login"
    assert names(firm_id) == []
    browser.cookies.set("session", sign_in(ERIKA, PASSWORD), domain=lost.url.host)
    assert "Jetzt importieren" in browser.get(lost.url.params["next"]).text  # Where they come out is the page again.


def test_a_form_that_is_sent_twice_brings_its_file_once(firm_id, browser):
    page = f"/firm/{firm_id}/accounts/import"
    form = entries(browser.read(page).select_one("main form[enctype]"))

    sent = [browser.post(page, data=form, files={"file": ("Mandanten.csv", MIXED)}) for _ in range(2)]

    assert {answer.url.path for answer in sent} == {f"{page}s/1"}
    assert len(browser.read(page).select("tbody tr")) == 1


def test_the_file_to_correct_names_each_record_as_the_page_does(firm_id, browser):
    alone = b"Mandant;Kundennummer;Vorname;Nachname;E-Mail\nAlpha GmbH;1;Anna;Arndt;a@alpha.example\nBeta GmbH;2;;;\n"
    done = press(browser, bring(browser, firm_id, alone), "Jetzt importieren")

    assert "„Beta GmbH“ hat keinen Kontakt" in done.text
    assert "„Beta GmbH“ hat keinen Kontakt" in press(browser, done, "1 Zeile zum Korrigieren").text


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("kontakte.vcf", b"BEGIN:VCARD\nFN:Max\nEND:VCARD\n", "vCard"),
        ("stapel.csv", b'"EXTF";700;21;"Buchungsstapel";9;20260101000000000\n"Umsatz"\n1\n', "Buchungsstapel"),
        ("bild.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "bild.csv"),
        ("leer.csv", b"", "keine Datei"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_at_its_field_with_its_name(firm_id, browser, name, content, says):
    refused = bring(browser, firm_id, content, name)

    assert list(errors(refused)) == ["file"]
    assert says in errors(refused)["file"]
    assert name in refused.text or not content


def test_columns_that_nobody_knows_are_mapped_by_hand_and_remembered(firm_id, browser):
    odd = b"Mandantschaft;Wer;Post;Egal\nAlpha GmbH;Anna Arndt;anna@alpha.example;7\n"
    columns = bring(browser, firm_id, odd)
    assert columns.url.path.endswith("/columns")
    chosen = {"column-0": "company_name", "column-1": "full_name", "column-2": "email", "column-3": "ignore"}

    shown = press(browser, columns, "Weiter zur Vorschau", **chosen)
    again = bring(browser, firm_id, odd.replace(b"Alpha", b"Beta").replace(b"alpha", b"beta"))

    assert "Alpha GmbH" in shown.text
    assert (filters(shown), filters(again)) == ({"alle": 1, "neues Konto": 1},) * 2


def test_letters_that_are_a_guess_are_asked_for(firm_id, browser):
    guessed = bring(browser, firm_id, "Mandant;Nachname;Ort\nMüller GmbH;Größl;Köln\n".encode("cp850"))
    assert guessed.url.path.endswith("/columns")
    offered = [one["value"] for one in soup(guessed).select("[name=encoding]")]
    assert {"cp1252", "cp850"} <= set(offered)
    assert (
        "Müller GmbH · Größl · Köln"
        in soup(guessed).select_one("label[for=encoding-1], label[for=encoding-0]").parent.parent.text
    )

    read = {one: press(browser, guessed, "So lesen", encoding=one).text for one in ("cp1252", "cp850")}

    assert "Müller GmbH" in read["cp850"].partition("columns-title")[2]
    assert "Müller GmbH" not in read["cp1252"].partition("columns-title")[2]


def test_a_long_file_is_shown_some_at_a_time_and_how_far_it_is_while_it_goes_on(firm_id, browser):
    rows = "".join(f"Firma {n} GmbH;Anna;Arndt;n{n}@firma.example\n" for n in range(120))
    shown = bring(browser, firm_id, f"Mandant;Vorname;Nachname;E-Mail\n{rows}".encode())
    assert len(soup(shown).select("article")) == 50
    last = browser.get(f"{shown.url.path}?outcome=create&after=100")
    assert [one["id"] for one in soup(last).select("article")] == [f"record-{n}" for n in range(101, 121)]

    with reading() as session:
        import_id = session.scalars(select(Import.id)).one()
    course.begin(firm_id, import_id)
    with transaction() as session:
        session.get_one(Import, import_id).done = 50
    running = browser.get(shown.url.path)

    assert "50 von 120 Datensätzen" in running.text
    assert running.headers["Refresh"] == "4"
    assert "Refresh" not in browser.get(f"{shown.url.path}?still=1").headers
    stopped = press(browser, running, "Import abbrechen")
    assert "abgebrochen" in stopped.text


def test_what_a_file_told_beyond_all_fields_stands_on_the_pages_of_account_and_contact(firm_id, browser):
    told = (
        "Mandant;Vorname;Nachname;E-Mail;Geburtstag;Notiz\nAlpha GmbH;Anna;Arndt;a@alpha.example;01.02.1980;Ruft an\n"
    )
    done = press(browser, bring(browser, firm_id, told.encode()), "Jetzt importieren")

    account = browser.get(soup(done).select_one("article a[href*=accounts]")["href"])
    contact = browser.get(soup(account).select_one("h3 a")["href"])

    assert "1. Februar 1980" in contact.text
    assert "Ruft an" in contact.text


def test_all_sheets_with_clients_are_read_or_the_one_that_is_chosen(firm_id, browser):
    content = (FILES / "two_sheets.xlsx").read_bytes()
    shown = bring(browser, firm_id, content, "Mandanten.xlsx")

    chosen = soup(shown).select_one("select[name=sheet] option[selected]")
    assert chosen.text == "Alle mit Mandanten, nacheinander"
    assert "mit 4 Datensätzen" in shown.text
    one = press(browser, shown, "So lesen", sheet="Firmen")
    assert "mit 2 Datensätzen" in one.text
    again = press(browser, one, "So lesen", sheet="*")
    preview = press(browser, again, "Weiter zur Vorschau")
    assert filters(preview) == {"alle": 4, "neues Konto": 4}
    assert "Steht im Blatt „Privatpersonen“." in preview.text
