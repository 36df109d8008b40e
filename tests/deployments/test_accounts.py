"""Accounts and contacts on the pages of a firm."""

import json

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import select

from models.clients.client import Client, ClientContact
from models.clients.custom_field import CustomField, FieldKind, FieldOf
from models.clients.folders import FolderTemplate
from models.clients.group import Group
from models.clients.portfolio import Portfolio
from models.db import reading, transaction
from models.people.manners import AddressForm, Language
from models.people.person import Person
from models.people.staff import Rank, Rights, Staff
from tasks.clients import accounts, selection
from tasks.people import sessions
from tasks.people.membership import withdraw
from tasks.people.sessions import sign_in
from tests.deployments.browser import Browser, entries, errors
from tests.factories import PASSWORD, firm_of, mails, outbox
from tests.remembered import remembered
from tests.tasks.test_accounts import ERIKA, EVA, GMBH, MAX, ZOE, open_account, person, row, with_staff

pytestmark = pytest.mark.usefixtures("quiet")


@remembered
def with_accounts() -> int:
    """A company with two contacts, sorted in every way that there is, and a person's account."""
    case_id = with_staff()
    firm_id = firm_of(case_id)
    with transaction() as session:
        for kind in (Group, Portfolio):
            one = kind(firm_id=firm_id)
            one.call(session, "Bau")
            session.add(one)
        template = FolderTemplate(firm_id=firm_id, paths=["Steuern", "Steuern/2026", "Steuern/2026/Belege"])
        template.call(session, "Steuern")
        session.add(template)
        for kind in FieldKind:
            for belongs_to in FieldOf:
                field = CustomField(firm_id=firm_id, kind=kind, belongs_to=belongs_to, choices=[])
                field.call(session, f"Feld {kind}")
                field.offer(["eins", "zwei"])
                session.add(field)
                session.flush()
    first = {f"field-{number}": "" for number in range(1, 13)} | {"field-7": "eins", "field-9": "yes"}
    open_account(GMBH | first | {"tags": "VIP", "template": "1"}, MAX | {"groups": "1"}, EVA)
    open_account({"kind": "individual", "country": "AT", "website": "ott.example"}, {**EVA, "family_name": "Dr: Ott"})
    return case_id


@pytest.fixture
def firm_id():
    return firm_of(with_accounts())


@pytest.fixture
def browser():
    return Browser(sign_in(ERIKA, PASSWORD))


def fill(browser, page, path, **fields):
    return browser.send_again(page, path, **{name.replace("__", "-"): value for name, value in fields.items()})


def names(firm_id: int) -> list[str]:
    with reading() as session:
        return list(session.scalars(select(Client.name).where(Client.firm_id == firm_id).order_by(Client.id)))


def test_an_account_is_opened_in_two_steps_straight_to_its_contacts(firm_id, browser):
    path = f"/firm/{firm_id}/accounts/new"
    first = fill(browser, browser.get(path), path, kind="company", company_name="Neue AG", tags="Bau", act="next")
    assert "Schritt 2 von 2" in first.text

    done = fill(browser, first, path, c0__given_name="Nora", c0__family_name="Neu", act="create")

    assert done.url.path.startswith(f"/firm/{firm_id}/accounts/")
    assert "Das Konto ist angelegt" in done.text
    assert names(firm_id)[-1] == "Neue AG"


def test_what_was_typed_stays_through_both_steps_back_and_forth_and_through_refusals(firm_id, browser):
    path = f"/firm/{firm_id}/accounts/new"
    wrong = fill(
        browser, browser.get(path), path, kind="company", number="0042", postcode="123", website="x y", act="next"
    )
    assert errors(wrong).keys() == {"company_name", "number", "postcode", "website"}
    second = fill(browser, wrong, path, company_name="Neue AG", number="1", postcode="50667", website="", act="next")
    second = fill(browser, second, path, c0__family_name="Neu", c0__email="nora@", c0__login="yes", act="add")
    refused = fill(browser, second, path, c1__family_name="", act="create")
    assert errors(refused).keys() == {"c0-email", "c1-family_name"}

    back = fill(browser, refused, path, act="back")
    again = fill(browser, back, path, act="next")

    soup = BeautifulSoup(again.text, "lxml")
    held = {field["name"]: field.get("value", "") for field in soup.select("main input[name]")}
    assert (held["company_name"], held["c0-family_name"], held["c0-email"]) == ("Neue AG", "Neu", "nora@")
    assert [field["value"] for field in soup.select("[name=block]")] == ["new", "new"]
    less = fill(browser, again, path, act="remove-0")
    assert BeautifulSoup(less.text, "lxml").select_one("#c0-family_name")["value"] == ""


def test_an_existing_contact_is_found_by_typing_and_linked(firm_id, browser):
    path = f"/firm/{firm_id}/accounts/new"
    first = fill(browser, browser.get(path), path, kind="company", company_name="Neue AG", act="next")
    found = fill(browser, first, path, search="beispiel", act="enter")
    assert "Max Beispiel" in found.text
    linked = fill(browser, found, path, act=f"link-{person().id}")
    assert BeautifulSoup(linked.text, "lxml").select_one("#search")["value"] == ""  # Else it would be searched again.
    done = fill(browser, fill(browser, linked, path, act="remove-0"), path, c0__login="yes", act="create")
    assert "Das Konto ist angelegt" in done.text
    assert "Max Beispiel" in done.text


def test_a_switch_that_was_turned_off_stays_off_through_a_refusal_and_further_contacts(firm_id, browser):
    path = f"/firm/{firm_id}/accounts/new"
    second = fill(browser, browser.get(path), path, kind="company", company_name="Neue AG", act="next")
    form = entries(BeautifulSoup(second.text, "lxml").select_one("main form[method=post]"))
    assert {form.pop("c0-login"), form.pop("c0-notify")} == {"yes"}

    shown = browser.post(path, data=form | {"c0-email": "nora@", "act": "create"})
    for act in ("add", "search", "back", "next"):
        shown = fill(browser, shown, path, act=act)
    done = fill(
        browser, fill(browser, shown, path, act="remove-1"), path, c0__family_name="Neu", c0__email="", act="create"
    )

    with reading() as session:
        places = select(ClientContact).order_by(ClientContact.id.desc()).limit(1)
        contact = session.scalars(places).one()
    assert "Neue AG" in done.text
    assert (contact.login, contact.notify) == (False, False)


def test_a_contact_who_is_gone_meanwhile_is_left_out_and_nothing_that_was_typed_is_lost(firm_id, browser):
    path = f"/firm/{firm_id}/accounts/new"
    second = fill(browser, browser.get(path), path, kind="company", company_name="Neue AG", act="next")
    linked = fill(browser, second, path, c0__family_name="Neu", act=f"link-{person().id}")
    withdraw(person().id, ERIKA)

    shown = fill(browser, linked, path, act="create")

    soup = BeautifulSoup(shown.text, "lxml")
    assert shown.status_code == 409
    assert "ist nicht mehr da" in soup.select_one(".summary").text
    assert [field["value"] for field in soup.select("[name=block]")] == ["new"]
    assert soup.select_one("#c0-family_name")["value"] == "Neu"
    late = browser.post(
        f"/firm/{firm_id}/accounts/1/contacts/new",
        data={"form_token": browser.form_token(path), "person": "9999"},
    )
    assert errors(late).keys() == {"person"}
    assert fill(browser, shown, path, act="create").status_code == 200


def test_a_form_that_is_sent_twice_opens_one_account(firm_id, browser):
    path, before = f"/firm/{firm_id}/accounts/new", len(names(firm_id))
    first = fill(browser, browser.get(path), path, kind="company", company_name="Neue AG", number="77", act="next")

    done = [fill(browser, first, path, c0__family_name="Neu", act="create") for _ in range(2)]

    assert {answer.url.path for answer in done} == {done[0].url.path}
    assert len(names(firm_id)) == before + 1


def test_the_second_step_says_that_there_is_an_account_of_this_name(firm_id, browser):
    path = f"/firm/{firm_id}/accounts/new"
    second = fill(browser, browser.get(path), path, kind="company", company_name="MUELLER & Söhne GmbH", act="next")
    assert "Konten dieses Namens gibt es schon" in second.text


def test_a_contact_is_added_to_an_account_new_or_chosen(firm_id, browser):
    path = f"/firm/{firm_id}/accounts/1/contacts/new"
    with reading() as session:
        other = session.scalars(select(Person.id).where(Person.family_name == "Dr: Ott")).one()
    browser.post(
        path, data={"form_token": browser.form_token(path), "person": str(other), "there-is_operational": "yes"}
    )
    wrong = browser.post(path, data={"form_token": browser.form_token(path), "email": "x"})
    assert errors(wrong).keys() == {"family_name", "email"}
    browser.post(path, data={"form_token": browser.form_token(path), "family_name": "Neu", "is_main_commercial": "yes"})

    shown = browser.get(f"/firm/{firm_id}/accounts/1").text
    assert all(name in shown for name in ("Eva Dr: Ott", "Neu", "operativer Kontakt", "kommerzieller Hauptkontakt"))


def test_the_accounts_page_shows_info_contacts_people_folders_and_history(firm_id, browser):
    soup = browser.read(f"/firm/{firm_id}/accounts/1")
    assert [heading.text for heading in soup.select("main h2")] == [
        *("Kontakte", "Info", "Zuständig im Unternehmen", "Ordner", "Verlauf")
    ]
    assert [item.get_text(" ", strip=True) for item in soup.select(".tree > li")] == ["Steuern 2026 Belege"]
    for text in (
        "0042",
        "50667 Köln",
        "VIP",
        "Feld choice",
        "eins",
        "Zoe Zahl",
        "Konto angelegt",
        "sieht das Konto im Portal",
    ):
        assert text in soup.text, text
    assert "Windows" in browser.get(f"/firm/{firm_id}/accounts/2").text


def test_an_account_is_changed_and_its_history_says_from_what_to_what(firm_id, browser):
    path = f"/firm/{firm_id}/accounts/1/edit"
    done = browser.send_form(path, number="K-7", kind="company")
    assert "aus „0042“ wurde „K-7“" in done.text


def test_the_second_of_two_who_edit_sees_what_the_first_changed_with_all_that_they_typed(firm_id, browser):
    path = f"/firm/{firm_id}/accounts/1/edit"
    other = Browser(sign_in(ERIKA, PASSWORD))
    opened = browser.get(path)
    other.send_form(path, city="Bonn", kind="company")

    shown = fill(browser, opened, path, city="Berlin", number="9", kind="company")

    soup = BeautifulSoup(shown.text, "lxml")
    assert shown.status_code == 409
    assert "Ort: aus „Köln“ wurde „Bonn“" in soup.select_one(".note").get_text(" ", strip=True)
    assert (soup.select_one("#city")["value"], soup.select_one("#number")["value"]) == ("Berlin", "9")
    fill(browser, shown, path)
    assert (row(1).city, row(1).number) == ("Berlin", "9")


def test_the_contacts_page_keeps_everything_in_its_order_with_the_grid_of_hours(firm_id, browser):
    path = f"/firm/{firm_id}/contacts/{person().id}"
    soup = browser.read(path)
    assert [heading.text for heading in soup.select("form.profile h2")] == [
        *("Name und Adresse", "Erreichbarkeit", "Kommunikation")
    ]
    sent = {"street": "Weg 1", "phone-0-number": "0221 5550100", "is_listed": "yes", "hour": "1-9", "language": "en"}
    done = browser.send_form(path, **sent)
    assert "Gespeichert." in done.text
    held = person()
    assert (held.hours.text(Language.GERMAN), held.language) == ("Di 9–10", "en")
    wrong = browser.send_form(path, hours_text="immer", family_name="", **{"phone-0-number": "x"})
    assert errors(wrong).keys() == {"hours_text", "family_name", "phone-0-number"}
    wrong = browser.send_form(path, family_name="", **{"phone-0-number": "x"})
    assert errors(wrong).keys() == {"family_name", "phone-0-number"}


def test_many_accounts_are_tagged_archived_and_put_into_a_portfolio_at_once(firm_id, browser):
    path = f"/firm/{firm_id}/accounts"

    def act(**fields):
        return browser.post(path, data={"form_token": browser.form_token(path), **fields})

    assert errors(act(act="tag", tags="Neu")).keys() == {"account"}
    for wanted, field in (("tag", "tags"), ("untag", "tags"), ("assign", "assigned"), ("portfolio", "portfolio")):
        refused = act(act=wanted, account=["1", "2"], tags=" ")
        assert (refused.status_code, errors(refused).keys()) == (422, {field})
    assert errors(act(act="portfolio", portfolio="99", account=["1"])).keys() == {"portfolio"}
    assert "was mit den Konten geschehen soll" in act(account=["1", "2"]).text
    assert "Erledigt" in act(act="tag", tags="Neu", account=["1", "2"]).text
    act(act="portfolio", portfolio="1", account=["1"])
    act(act="archive", account=["1", "2", "77"])
    alone = browser.get(path).text
    assert "Alle Konten, die Sie sehen, sind archiviert" in alone
    assert "Es gibt noch keine Konten" not in alone
    archived = browser.get(path, params={"state": "archived", "tag": "2"}).text
    assert all(name in archived for name in ("Müller &amp; Söhne GmbH", "Neu", "Aus dem Archiv zurückholen"))
    act(act="restore", account=["1"])
    assert "Bau" in browser.get(f"{path}/1").text


def test_where_nothing_was_to_do_the_list_does_not_say_done(firm_id, browser):
    path = f"/firm/{firm_id}/accounts"
    vip = {"act": "tag", "account": "1", "tags": "Neu"}
    browser.post(path, data={"form_token": browser.form_token(path), **vip})
    for fields in ({"act": "restore", "account": "1"}, {"act": "untag", "account": "1", "tags": "Nie"}, vip):
        said = browser.post(path, data={"form_token": browser.form_token(path), **fields}).text
        assert "Es wurde nichts geändert" in said
        assert "Erledigt" not in said
        assert BeautifulSoup(said, "lxml").select_one(".said.same")


def test_a_firm_without_accounts_is_not_offered_to_search_and_filter_them(no_runs):
    firm_id = firm_of(with_staff())
    shown = Browser(sign_in(ERIKA, PASSWORD)).get(f"/firm/{firm_id}/accounts").text
    assert "Es gibt noch keine Konten" in shown
    assert not BeautifulSoup(shown, "lxml").select("[role=search], .filters")


def test_who_has_gone_meanwhile_is_given_nothing_and_the_page_says_so_with_all_that_was_chosen(firm_id, browser):
    path = f"/firm/{firm_id}/accounts"
    token = browser.form_token(path)
    many = {"form_token": token, "act": "assign", "assigned": "99", "account": "1", "tags": "Neu"}
    answers = [
        browser.post(path, data=many),
        browser.post(f"{path}/1/access", data={"form_token": token, "person": "99"}),
    ]
    assert [answer.status_code for answer in answers] == [409, 409]
    assert all("arbeitet hier nicht mehr" in answer.text for answer in answers)
    soup = BeautifulSoup(answers[0].text, "lxml")
    assert soup.select_one("#tags")["value"] == "Neu"
    assert soup.select_one("[name=account][value='1']").has_attr("checked")


def test_what_is_not_there_any_more_is_named_in_the_language_of_the_page(firm_id, browser):
    form = {"form_token": browser.form_token(f"/firm/{firm_id}/accounts")}
    for path, what in (
        (f"/firm/{firm_id}/accounts/99", "Das Konto"),
        (f"/firm/{firm_id}/contacts/99", "Der Kontakt"),
        (f"/firm/{firm_id}/accounts/1/contacts/99/invite", "Der Kontakt"),
        (f"/firm/{firm_id}/accounts?member=99", "Die Person"),
        (f"/firm/{firm_id}/settings/members/99", "Die Person"),
        *((f"/firm/{firm_id}/settings/{kind}/99", "Der Eintrag") for kind in ("groups", "tags", "fields")),
    ):
        answer = browser.get(path)
        assert answer.status_code == 404, path
        assert f"{what} wurde nicht gefunden" in answer.text, path
    for path in ("/inbox/99", f"/firm/{firm_id}/settings/fields/99/delete"):
        assert "Der Eintrag wurde nicht gefunden" in browser.post(path, data=form).text


@pytest.mark.parametrize("product", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize("number", [str(2**31), "9" * 30, "-1", "１２３"])
def test_a_number_that_no_row_has_does_no_harm_in_a_query_or_a_form(firm_id, browser, number):
    accounts_page, asked = f"/firm/{firm_id}/accounts", ("after", "tag", "group", "portfolio", "member")
    answers = [browser.get(f"{accounts_page}?{name}={number}") for name in asked]
    answers += [browser.get(f"{page}?after={number}") for page in ("/portal", f"/firm/{firm_id}/sign-ups", "/firms")]
    form = {"form_token": browser.form_token(accounts_page), "account": number, "tags": "Neu"}
    for act in ("tag", "assign", "portfolio", "archive"):
        answers.append(browser.post(accounts_page, data={**form, "act": act, "assigned": number, "portfolio": number}))
    new = {**GMBH, **MAX, **dict.fromkeys(("template", "members", "block", "person", "groups", "portfolios"), number)}
    for page, act in ((f"{accounts_page}/new", "create"), (f"{accounts_page}/1/contacts/new", "")):
        answers.append(browser.post(page, data={**form, **new, "act": act}))
    answers.append(browser.post(f"{accounts_page}/1/portfolio", data={**form, "portfolio": number}))
    answers.append(browser.post(f"{accounts_page}/1/access", data={**form, "person": number}))

    assert [str(answer.url) for answer in answers if answer.status_code >= 500] == []


def test_hours_of_a_contact_without_any_are_refused_in_words_that_fit_whoever_reads_them(firm_id, browser):
    path = f"/firm/{firm_id}/contacts/{person().id}"
    told = browser.post(path, data={"form_token": browser.form_token(path), "family_name": "Beispiel"}).text
    assert "geschrieben wird nur in markierten Stunden" in told


def test_who_sees_no_account_is_told_who_can_open_one_to_them(firm_id):
    with transaction() as session:
        zoe = session.scalars(select(Person).where(Person.email == ZOE)).one()
        Staff.give(session, zoe, Rights(Rank.STAFF, manages_accounts=False, has_default_access=False))
    told = Browser(sign_in(ZOE, PASSWORD)).get(f"/firm/{firm_id}/accounts").text
    assert "Für Sie ist noch kein Konto freigegeben" in told
    assert "Es gibt noch keine Konten" not in told


def test_filters_are_links_that_can_be_put_together_and_taken_off(firm_id, browser):
    path = f"/firm/{firm_id}/accounts"
    soup = browser.read(f"{path}?search=m%C3%BCller&tag=1")
    assert [link["href"] for link in soup.select(".filters a[aria-current]")] == [f"{path}?search=m%C3%BCller"]
    state = next(link for link in soup.select(".filters a") if "nicht eingeladen" in link.text)
    assert browser.get(state["href"]).text.count("Müller &amp; Söhne GmbH") >= 1
    assert "Es gibt kein solches Konto" in browser.get(f"{path}?search=niemand").text
    assert browser.get(f"{path}?member=99999").status_code == 404


# ---- what a new account is asked for, and what follows


@pytest.mark.parametrize("page", ["", "/accounts", "/accounts/1", "/clients", "/settings", "/caseworkers"])
def test_a_new_account_is_a_click_away_on_every_page_of_the_firm(firm_id, browser, page):
    new = f"/firm/{firm_id}/accounts/new"
    (link,) = browser.read(f"/firm/{firm_id}{page}").select("header nav a[href$='/accounts/new']")
    assert (link["href"], link.get_text(strip=True).startswith("+Neu")) == (new, True)
    for other in ("/portal", "/inbox", "/profile"):
        assert browser.read(other).select_one(f"header nav a[href='{new}']")


def test_the_link_to_a_new_account_stands_above_the_search(firm_id, browser):
    parts = browser.read(f"/firm/{firm_id}/accounts").main.select("a[href$='/accounts/new'], input[type=search]")
    assert [part.name for part in parts] == ["a", "input"]


def test_the_list_shows_every_account_by_its_name_with_its_contacts(firm_id, browser):
    rows = browser.read(f"/firm/{firm_id}/accounts").select("tbody tr")
    assert [row.strong.text for row in rows] == ["Dr: Ott, Eva", "Müller & Söhne GmbH"]
    assert "Max Beispiel" in rows[1].text


MANAGING = [
    (Rank.OWNER, True, True),
    (Rank.ADMINISTRATOR, False, True),
    (Rank.STAFF, True, True),
    (Rank.STAFF, False, False),
]


@pytest.mark.parametrize(("rank", "manages", "may"), MANAGING)
def test_owner_administrators_and_staff_with_the_right_open_accounts_and_nobody_else(firm_id, rank, manages, may):
    who = ERIKA if rank is Rank.OWNER else ZOE
    if rank is not Rank.OWNER:
        with transaction() as session:
            zoe = session.scalars(select(Person).where(Person.email == ZOE)).one()
            Staff.give(session, zoe, Rights(rank, manages_accounts=manages, has_default_access=True))
    browser, path = Browser(sign_in(who, PASSWORD)), f"/firm/{firm_id}/accounts/new"
    assert browser.get(path).status_code == (200 if may else 403)
    sent = {"kind": "company", "company_name": "Neue AG", "block": "new", "c0-family_name": "Neu", "act": "create"}
    browser.post(path, data={"form_token": browser.form_token("/imprint"), **sent})
    assert ("Neue AG" in names(firm_id)) is may


@pytest.mark.parametrize(("kind", "kept"), [("company", "Neue AG"), ("individual", "")])
def test_the_kind_of_client_decides_whether_there_is_a_company_name(firm_id, browser, kind, kept):
    path = f"/firm/{firm_id}/accounts/new"
    page = browser.get(path)
    soup = BeautifulSoup(page.text, "lxml")
    assert [label.text for label in soup.select("#kind label")] == ["Unternehmen", "Einzelperson"][::-1]
    assert soup.select_one(".of-company #company_name")
    hidden = "form:has(#kind-individual:checked) .of-company { display: none; }"
    assert hidden in Browser().get("/static/style.css").text
    second = fill(browser, page, path, kind=kind, company_name="Neue AG", act="next")
    fill(browser, second, path, c0__family_name="Neu", act="create")
    assert row(len(names(firm_id))).company_name == kept


def test_members_are_chosen_in_the_first_step_and_stay_chosen(firm_id, browser):
    path = f"/firm/{firm_id}/accounts/new"
    page = browser.get(path)
    picks = BeautifulSoup(page.text, "lxml").select("#members .pick")
    assert [pick.label.text for pick in picks] == ["Erika Muster – sieht es ohnehin", "Zoe Zahl – sieht es ohnehin"]
    zoe = picks[1].input["value"]
    refused = fill(browser, page, path, members=zoe, postcode="1", act="next")
    assert BeautifulSoup(refused.text, "lxml").select_one(f"#member-{zoe}").has_attr("checked")
    gone = fill(browser, refused, path, members="999999", postcode="", act="next")
    assert list(errors(gone)) == ["members"]
    second = fill(browser, refused, path, kind="company", company_name="Neue AG", postcode="", act="next")
    back = fill(browser, second, path, act="back")
    assert BeautifulSoup(back.text, "lxml").select_one(f"#member-{zoe}").has_attr("checked")
    fill(browser, second, path, c0__family_name="Neu", act="create")
    assert [mail.to_address for mail in mails("account_given")] == [ZOE]


def test_the_firms_own_fields_are_asked_for_in_both_steps(firm_id, browser):
    path = f"/firm/{firm_id}/accounts/new"
    page = browser.get(path)
    asked = {field["name"] for field in BeautifulSoup(page.text, "lxml").select("[name^=field-]")}
    second = fill(browser, page, path, kind="company", company_name="Neue AG", act="next")
    of_contact = BeautifulSoup(second.text, "lxml").select("[name^='c0-field-']")
    assert (len(asked), len(of_contact)) == (len(FieldKind), len(FieldKind))


@pytest.mark.parametrize(("login", "email", "asks"), [("yes", "n@neu.example", True), ("", "n@neu.example", False)])
def test_who_may_sign_in_is_asked_about_at_once_when_the_account_is_created(firm_id, browser, login, email, asks):
    path = f"/firm/{firm_id}/accounts/new"
    second = fill(browser, browser.get(path), path, kind="company", company_name="Neue AG", act="next")
    fields = BeautifulSoup(second.text, "lxml")
    assert fields.select_one("#c0-login").has_attr("checked")
    sent = entries(fields.select_one("main form[method=post]")) | {"c0-family_name": "Neu", "c0-email": email}
    done = browser.post(path, data=sent | {"c0-login": login, "act": "create"})
    assert done.url.path.endswith("/invite") is asks
    assert ("Überspringen" in done.text) is asks
    assert outbox("invitation") == []


def test_a_name_that_windows_forbids_in_folders_is_warned_of_and_kept(firm_id, browser):
    with reading() as session:
        ott = session.scalars(select(Person.id).where(Person.family_name == "Dr: Ott")).one()
    for page in ("accounts/2", f"contacts/{ott}"):
        notes = [
            note.text for note in browser.read(f"/firm/{firm_id}/{page}").select(".note") if "Windows" in note.text
        ]
        assert all("Dr: Ott" in note and "Dr- Ott" in note for note in notes), page
        assert notes, page


def test_pending_activations_are_a_filter_and_lead_to_inviting_again(firm_id, browser):
    browser.send_form(f"/firm/{firm_id}/accounts/1/contacts/{person().id}/invite")
    listed = browser.read(f"/firm/{firm_id}/accounts")
    (pending,) = [link for link in listed.select(".filters a") if link.text == "Aktivierung ausstehend"]
    assert not pending.find_parents("details"), "it is seen at once"
    shown = browser.read(pending["href"])
    assert [cell.text for cell in shown.select("tbody strong")] == ["Müller & Söhne GmbH"]
    account = browser.read(shown.select_one("tbody a")["href"])
    again = next(link for link in account.select("main a") if link.text.startswith("Noch einmal einladen"))
    assert "noch einmal einladen" in browser.read(again["href"]).h1.text


def test_after_a_contact_is_saved_the_page_says_that_the_password_is_missing_with_the_way_to_it(firm_id, browser):
    path = f"/firm/{firm_id}/contacts/{person().id}"
    saved = BeautifulSoup(browser.send_form(path, street="Weg 1").text, "lxml")
    left = {link.contents[0].strip(): link["href"] for link in saved.select("[aria-labelledby=todo-title] a")}
    to = f"/firm/{firm_id}/accounts/1/contacts/{person().id}"
    assert list(left.values()) == [f"{to}/password", f"{to}/confirm"]
    assert "Passwort" in next(iter(left))


def test_nothing_of_a_contact_is_kept_before_it_is_saved(firm_id, browser):
    path = f"/firm/{firm_id}/contacts/{person().id}"
    before = everything_about_clients()
    page = browser.read(path)
    assert page.select_one("form.profile button:not(.link)").text == "Speichern"
    assert everything_about_clients() == before
    browser.send_form(path, website="beispiel.example")
    assert 'value="https://beispiel.example' in browser.get(path).text


def test_all_groups_are_listed_and_a_contact_is_put_into_those_that_are_chosen(firm_id, browser):
    with transaction() as session:
        group = Group(firm_id=firm_id)
        group.call(session, "Arbeit")
        session.add(group)
    path = f"/firm/{firm_id}/contacts/{person().id}"
    page = browser.read(path)
    boxes = page.select("[name=groups]")
    assert [label.text for box in boxes for label in page.select(f"label[for={box['id']}]")] == ["Arbeit", "Bau"]
    browser.send_form(path, groups=str(group.id))
    assert [box["value"] for box in browser.read(path).select("[name=groups][checked]")] == [str(group.id)]


def test_an_existing_contact_is_chosen_from_a_list_or_looked_for_by_typing(firm_id, browser):
    path = f"/firm/{firm_id}/accounts/2/contacts/new"
    offered = [option.text for option in browser.read(path).select("#person option")]
    typed = [option.text for option in browser.read(f"{path}?search=beisp").select("#person option")]
    assert offered == ["Eva Ott", "Max Beispiel, max@beispiel.example"]
    assert typed == ["Max Beispiel, max@beispiel.example"]


def test_the_website_is_asked_for_last(firm_id, browser):
    fields = browser.read(f"/firm/{firm_id}/contacts/{person().id}").select("form.profile input:not([type=hidden])")
    assert fields[-1]["name"] == "website"


def test_the_hours_that_are_chosen_are_marked_green(firm_id, browser):
    path = f"/firm/{firm_id}/contacts/{person().id}"
    weekdays = [f"{day}-{hour}" for day in range(5) for hour in range(8, 18)]
    browser.send_form(path, hour=weekdays)
    page = browser.read(path)
    assert sorted(box["value"] for box in page.select("table.hours input[checked]")) == sorted(weekdays)
    assert person().hours.text(Language.GERMAN) == "Mo–Fr 8–18"
    assert "table.hours input:checked { background: var(--good)" in Browser().get("/static/style.css").text


PAGES = ["accounts", "accounts/new", "accounts/1", "accounts/2", "accounts/1/edit", "accounts/1/contacts/new"]


@pytest.mark.parametrize("form", AddressForm)
@pytest.mark.parametrize("language", Language)
def test_every_page_is_there_in_every_language_without_a_word_of_another(firm_id, browser, language, form):
    with transaction() as session:
        session.scalars(select(Person).where(Person.email == ERIKA)).first().address_form = form
    browser.cookies.set("language", language.value)
    for page in [*PAGES, f"contacts/{person().id}"]:
        shown = browser.get(f"/firm/{firm_id}/{page}")
        assert shown.status_code == 200, page
        soup = BeautifulSoup(shown.text, "lxml")
        assert soup.html["lang"] == language.value
        ids = [node["id"] for node in soup.select("[id]")]
        assert len(ids) == len(set(ids)), page
        fields = soup.select("main input:not([type=hidden]), main select, main textarea")
        labels = {label["for"] for label in soup.select("label[for]")}
        assert [field for field in fields if field.get("id") not in labels and not field.get("aria-label")] == [], page


ROUTES = [
    *(("get", page) for page in PAGES),
    ("get", "contacts/{person}"),
    ("post", "accounts"),
    ("post", "accounts/new"),
    ("post", "accounts/1/edit"),
    ("post", "accounts/1/archive"),
    ("post", "accounts/1/portfolio"),
    ("post", "accounts/1/contacts/new"),
    ("post", "accounts/1/contacts/{person}/remove"),
    ("post", "contacts/{person}"),
]


@pytest.mark.parametrize("route", ROUTES, ids="-".join)
def test_whoever_may_not_manage_looks_only_and_whoever_has_no_access_finds_nothing(firm_id, route):
    method, page = route
    path = f"/firm/{firm_id}/{page.format(person=person().id)}"
    changes = method == "post" or page.endswith(("new", "edit"))
    before = everything_about_clients()

    def status(browser) -> int:
        return browser.request(
            method, path, data={"form_token": browser.form_token("/imprint")} if changes else None
        ).status_code

    assert status(Browser(sign_in(ZOE, PASSWORD))) == (403 if changes else 200)
    assert status(Browser(follow=False)) == 303  # To sign in.
    assert everything_about_clients() == before


def everything_about_clients() -> str:
    with reading() as session:
        return repr([session.execute(select(table)).all() for table in (Client.__table__, Person.__table__)])


def test_what_is_too_long_is_told_at_its_field_and_nothing_that_was_typed_is_lost(firm_id, browser):
    token, base = browser.form_token(f"/firm/{firm_id}/accounts/1/edit"), f"/firm/{firm_id}"
    stands = {"form_token": token, "was": "{}", "kind": "company", "company_name": "N", "city": "Bleibt"}
    contact = {"form_token": token, "was": "{}", "family_name": "N" * 301, "city": "Bleibt", "hours_text": "Mo 9–12"}
    for path, sent, fields in (
        ("accounts/1/edit", stands | {"tags": "z" * 400}, {"tags"}),
        ("accounts/new", stands | {"company_name": "N" * 301, "act": "next"}, {"company_name"}),
        ("accounts/1/contacts/new", contact, {"family_name"}),
        (f"contacts/{person().id}", contact, {"family_name"}),
        ("accounts", {"form_token": token, "account": "1", "act": "tag", "tags": "Bleibt, " + "z" * 400}, {"tags"}),
    ):
        answer = browser.post(f"{base}/{path}", data=sent)
        assert (answer.status_code, set(errors(answer)) & fields, "Bleibt" in answer.text) == (422, fields, True), path


def test_an_account_with_many_tags_can_be_saved(firm_id, browser):
    """Given to many at once they come together."""
    member_of = sessions.signed_in(sign_in(ERIKA, PASSWORD)).staff_of(firm_id)
    selection.tag(member_of, ERIKA, [1], ", ".join(f"Ein langes Schlagwort mit der Nummer {n}" for n in range(20)))

    done = browser.send_form(f"/firm/{firm_id}/accounts/1/edit", city="Bonn")

    assert "Gespeichert" in done.text
    assert len(accounts.listed(member_of, accounts.Filter()).rows[1].tags) > 20


@pytest.mark.parametrize("number", ["2147483648", "9" * 30, "+2147483648", "2_147_483_648", "0000000000001"])
def test_a_number_that_no_row_can_have_is_not_there(firm_id, browser, number):
    for path in ("accounts/{}", "accounts/1/contacts/{}/invite", "contacts/{}", "sign-ups/{}", "settings/members/{}"):
        assert browser.get(f"/firm/{firm_id}/{path.format(number)}").status_code == 404, path
    for path in (f"/firm/{number}/accounts", f"/portal/accounts/{number}", f"/f/{number}", f"/f/{number}/register"):
        assert browser.get(path).status_code == 404, path


def test_garbled_entries_are_no_fault_of_ours(firm_id, browser):
    path = f"/firm/{firm_id}/accounts/1/edit"
    token = browser.form_token(path)
    for was in ("", "x", "[]", '{"city": 5}', json.dumps({"city": "Köln"})):
        sent = {"form_token": token, "was": was, "kind": "company", "company_name": "Müller GmbH", "country": "DE"}
        assert browser.post(path, data=sent).status_code in {200, 409}, was
    odd = {"form_token": token, "block": ["9" * 12, "x"], "act": "link-x", "kind": "company", "company_name": "N"}
    assert browser.post(f"/firm/{firm_id}/accounts/new", data=odd).status_code in {200, 404}
    assert accounts.SHOWN == 50
