"""The settings of a firm: who gets where, what is told of what does not fit, and what follows from rights."""

import re
from itertools import pairwise

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import select

from deployments.web.pages import api_tokens, firm_settings
from models.clients.access import ClientAccess
from models.clients.client import Client
from models.clients.custom_field import CustomField, FieldKind
from models.clients.group import Group, GroupMember
from models.clients.naming import NameFormat
from models.clients.tag import ClientTag, Tag
from models.db import reading, transaction
from models.firm import Firm
from models.link import Purpose
from models.people.manners import AddressForm
from models.people.person import Person, Role
from models.people.staff import Rank, Rights, Staff
from models.request import Named
from tasks.clients import settings
from tasks.clients.settings import Kind, Written
from tasks.onboarding.invitations import add_clients
from tasks.onboarding.stopping import stop_case
from tasks.people import rights, sessions
from tests import factories
from tests.api import token
from tests.deployments.browser import Browser, entries, errors
from tests.factories import PASSWORD, firm_of, outbox, registered
from tests.remembered import remembered

pytestmark = pytest.mark.usefixtures("quiet")

ERIKA, MAX, NINA = "erika@freitag.example", "max@beispiel.example", "nina@kunde.example"
MEMBERS = {
    "administrator": Rights(Rank.ADMINISTRATOR, manages_accounts=False, has_default_access=False),
    "manager": Rights(Rank.STAFF, manages_accounts=True, has_default_access=True),
    "caseworker": Rights(Rank.STAFF, manages_accounts=False, has_default_access=True),
    "outsider": Rights(Rank.STAFF, manages_accounts=True, has_default_access=False),
}
"""The firm's people beside its owner; the outsider has no access to any account."""


@remembered
def with_everybody() -> int:
    """A firm with people of all ranks, one of each setting, and two clients; and another firm."""
    people = [{"name": f"Kim {name.capitalize()}", "email": address(name)} for name in MEMBERS]
    case_id = factories.with_client(caseworkers=people)
    firm_id = firm_of(case_id)
    add_clients(firm_id, ERIKA, [Named(name="Nina Neu", email=NINA)])
    factories.advance(case_id)
    for name, given in MEMBERS.items():
        registered(address(name))
        rights.give_rights(firm_id, id_of(ERIKA), ERIKA, id_of(address(name)), given)
    for kind, written in SETTINGS.items():
        settings.add(firm_id, ERIKA, kind, written)
    token(firm_id)
    factories.advance(factories.opened("test:2", organiser={"name": "Fritz Fremd", "email": "fritz@fremd.example"}))
    registered("fritz@fremd.example")
    return case_id


SETTINGS = {
    Kind.GROUPS: Written("Chefs", functions=["messages", "invoices"]),
    Kind.TAGS: Written("Eilig"),
    Kind.FIELDS: Written("Farbe", kind=FieldKind.CHOICE, choices="rot\nblau"),
    Kind.FOLDERS: Written("Steuern", paths="Steuern/2026\nLohn"),
    Kind.PORTFOLIOS: Written("Bau"),
}


def address(name):
    return f"{name}@freitag.example"


def id_of(email):
    with reading() as session:
        return session.scalars(select(Person.id).where(Person.email == email, Person.role != Role.CONTACT)).one()


@pytest.fixture
def case_id():
    return with_everybody()


@pytest.fixture
def firm(case_id):
    return f"/firm/{firm_of(case_id)}"


def browser(who):
    email = {"owner": ERIKA, "stranger": "fritz@fremd.example"}.get(who, address(who))
    return Browser(sessions.sign_in(email, PASSWORD))


@pytest.fixture
def owner(case_id):
    return browser("owner")


def everybody():
    """A browser of each kind of person, by who it is."""
    yield "owner", browser("owner")
    yield from ((name, browser(name)) for name in MEMBERS)
    yield "client", Browser(registered(MAX, Purpose.ACTIVATE))
    yield "operator", Browser(factories.operator())
    yield "stranger", browser("stranger")
    yield "guest", Browser()


# ---- who gets where

PAGES = ["", "/members", "/members/3", "/groups", "/groups/1", "/tags", "/tags/1", "/fields", "/fields/1"]
PAGES += ["/folders", "/folders/1", "/portfolios", "/portfolios/1", "/tokens"]
ACTS = ["", "/tokens", "/tokens/1/revoke", "/members/3", "/groups/none", "/fields/1/away", "/fields/1/back"]
ACTS += [f"/{kind}{rest}" for kind in Kind for rest in ("", "/1", "/1/delete")]
MAY = {"owner": 200, "administrator": 200, "manager": 403, "caseworker": 403, "outsider": 403}
MAY |= {"client": 404, "operator": 404, "stranger": 404, "guest": 303}


def test_owner_and_administrators_see_the_settings_and_nobody_else(firm):
    seen = {
        who: {client.get(f"{firm}/settings{page}", follow_redirects=False).status_code for page in PAGES}
        for who, client in everybody()
    }

    assert seen == {who: {status} for who, status in MAY.items()}


def test_owner_and_administrators_change_the_settings_and_nobody_else(firm):
    outcomes = {}
    for who, client in everybody():
        token = {"form_token": client.form_token("/portal" if who != "guest" else "/auth/login")}
        if MAY[who] != 200:
            sent = [client.post(f"{firm}/settings{act}", data=token, follow_redirects=False) for act in ACTS]
            outcomes[who] = {answer.status_code for answer in sent}

    assert outcomes == {who: {status} for who, status in MAY.items() if status != 200}
    with reading() as session:
        assert session.scalars(select(Tag.name)).all() == ["Eilig"]


def test_every_page_of_settings_is_tried():
    paths = {route.path for page in (firm_settings, api_tokens) for route in page.router.routes}

    tried = {re.sub(r"/\d+", "/{key}", page) for page in [*PAGES, *ACTS]}
    known = {re.sub(r"\{(?:key:number|key|person_id)\}", "{key}", path) for path in paths}
    known = {path.removeprefix("/firm/{firm_id}/settings") for path in known}
    every = {path.replace("{kind}", kind) for path in known for kind in ([*Kind] if "{kind}" in path else [""])}
    assert every == tried


@pytest.mark.parametrize("page", ["/groups/4711", "/nonsense", "/members/4711", "/members/1x", "/tags/1/1"])
def test_what_is_not_there_is_not_found(owner, firm, page):
    assert owner.get(f"{firm}/settings{page}").status_code == 404


def test_settings_of_another_firm_are_not_found(case_id):
    other = f"/firm/{firm_of(case_id) + 1}/settings"
    fritz = browser("stranger")
    token = {"form_token": fritz.form_token("/portal")}

    assert fritz.get(other).status_code == 200
    for kind in Kind:
        assert fritz.get(f"{other}/{kind}/1").status_code == 404
        for key in (1, 99):  # Like what is nowhere.
            assert fritz.post(f"{other}/{kind}/{key}", data=token | {"name": "Meins"}).status_code == 409
            answer = fritz.post(f"{other}/{kind}/{key}/delete", data=token, follow_redirects=False)
            assert answer.status_code == (404 if kind is Kind.FIELDS else 303)
    assert fritz.get(f"{other}/members/3").status_code == 404
    assert fritz.post(f"{other}/members/3", data=token | {"rank": "administrator"}).status_code == 404


def test_the_tab_is_shown_to_those_who_may_open_it(firm):
    tabs = {
        who: [link.text for link in browser(who).read(f"{firm}/clients").select("nav.tabs a")]
        for who in ("owner", *MEMBERS)
    }

    assert tabs["owner"][-4:] == ["Konten", "Kontakte und Einladungen", "Vertrag", "Einstellungen"]
    assert tabs["administrator"] == ["Fortschritt", "Konten", "Kontakte und Einladungen", "Vertrag", "Einstellungen"]
    assert (
        tabs["manager"]
        == tabs["caseworker"]
        == tabs["outsider"]
        == ["Fortschritt", "Konten", "Kontakte und Einladungen"]
    )


def test_every_page_is_built_for_keyboards_and_screen_readers_in_every_language(owner, firm):
    for language in ("de", "fr", "en"):
        owner.cookies.set("language", language, domain="127.0.0.1")
        for path in PAGES:
            page = owner.read(f"{firm}/settings{path}")
            where = f"{path} in {language}"
            assert page.html["lang"] == language, where
            assert len(page.select("h1")) == 1, where
            levels = [int(each.name[1]) for each in page.select("main h1, main h2, main h3")]
            assert all(after - before <= 1 for before, after in pairwise(levels)), where
            for field in page.select("main input:not([type=hidden]), main select, main textarea"):
                assert page.select_one(f"label[for='{field['id']}']"), f"{field} on {where}"
            ids = [tag["id"] for tag in page.select("[id]")]
            assert len(ids) == len(set(ids)), where
            assert all(table.caption for table in page.select("main table")), where
            assert all(link.text.strip() for link in page.select("main a")), where
            assert all(form.select_one("[name=form_token]") for form in page.select("form[method=post]")), where


def test_whoever_is_spoken_to_informally_is_here_as_well(owner, firm):
    with transaction() as session:
        for each in session.scalars(select(Person).where(Person.email == ERIKA)):
            each.address_form = AddressForm.DU

    pages = {path: owner.read(f"{firm}/settings{path}").main.text for path in PAGES}

    assert "deine Mandanten" in pages[""]
    assert [path for path, text in pages.items() if re.search(r"\b(Sie|Ihre?n?|Ihnen)\b", text)] == []


# ---- lists


@pytest.mark.parametrize("kind", Kind)
def test_one_is_added_renamed_and_the_name_taken_back(owner, firm, kind):
    path = f"{firm}/settings/{kind}"
    more = {"choices": "a\nb", "paths": "A/B", "kind": "choice"}

    added = owner.send_form(path, path, name="Neues", **more)
    assert "Hinzugefügt." in added.text
    assert names(kind) == {SETTINGS[kind].name, "Neues"}
    key = next(link["href"] for link in BeautifulSoup(added.text, "lxml").select("main a") if link.text == "Neues")
    saved = owner.send_form(key, key, name="Anderes")
    assert "Gespeichert." in saved.text
    assert names(kind) == {SETTINGS[kind].name, "Anderes"}

    undo = BeautifulSoup(saved.text, "lxml").select_one(".said form")
    back = owner.post(undo["action"], data=entries(undo))

    assert back.status_code == 200
    assert names(kind) == {SETTINGS[kind].name, "Neues"}


@pytest.mark.parametrize("kind", Kind)
def test_what_somebody_else_has_changed_since_is_shown_and_not_taken_back(owner, firm, kind):
    path, other = f"{firm}/settings/{kind}/1", browser("administrator")
    saved = owner.send_form(path, path, name="Anderes")
    other.send_form(path, path, name="Ganz anderes")
    undo = BeautifulSoup(saved.text, "lxml").select_one(".said form")

    answer = owner.post(undo["action"], data=entries(undo))

    assert answer.status_code == 409
    assert "nichts zurückgenommen" in answer.text
    assert BeautifulSoup(answer.text, "lxml").select_one("#name")["value"] == "Ganz anderes"
    assert names(kind) == {"Ganz anderes"}


def names(kind):
    with reading() as session:
        return set(session.scalars(select(settings.TABLES[kind].name)))


WRONG = {
    Kind.GROUPS: ({"name": " "}, ["name"]),
    Kind.TAGS: ({"name": "x" * 61}, ["name"]),
    Kind.FIELDS: ({"name": "", "kind": "choice", "choices": "eins"}, ["name", "choices"]),
    Kind.FOLDERS: ({"name": "y" * 400, "paths": "a:b"}, ["name"]),
    Kind.PORTFOLIOS: ({"name": "\u200b"}, ["name"]),
}


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("page", ["", "/1"])
def test_all_that_is_wrong_stands_at_its_field_and_nothing_that_was_typed_is_lost(owner, firm, kind, page):
    typed, fields = WRONG[kind]
    path = f"{firm}/settings/{kind}{page}"

    answer = owner.send_form(path, path, **typed)

    assert (answer.status_code, list(errors(answer))) == (422, fields)
    shown = BeautifulSoup(answer.text, "lxml")
    form = next(form for form in shown.select("main form") if form["action"] == path)
    assert {name: entries(form)[name].strip("\n") for name in typed if name in entries(form)} == {
        name: value for name, value in typed.items() if name in entries(form)
    }
    assert names(kind) == {SETTINGS[kind].name}


def test_folders_that_cannot_be_are_told_with_the_name(owner, firm):
    path = f"{firm}/settings/folders"

    both = owner.send_form(path, path, name="", paths="a:b")
    long = owner.send_form(path, path, name="Lang", paths="x" * 170_000)

    assert list(errors(both)) == ["name", "paths"]
    assert "a-b" in errors(both)["paths"]
    assert list(errors(long)) == ["paths"]


@pytest.mark.parametrize("page", ["", "/1"])
def test_folders_are_shown_as_a_tree_before_anything_is_kept(owner, firm, page):
    path = f"{firm}/settings/folders{page}"

    shown = owner.send_form(path, path, name="", paths="Bau/Pläne\nBau/Fotos", act="preview")
    wrong = owner.send_form(path, path, name="Bau", paths="CON", act="preview")

    tree = BeautifulSoup(shown.text, "lxml").select_one("section[aria-labelledby=preview-title] .tree")
    assert [item.text.split()[0] for item in tree.select("li")] == ["Bau", "Pläne", "Fotos"]
    assert "Bau/Pläne" in shown.text
    assert list(errors(wrong)) == ["paths"]
    assert names(Kind.FOLDERS) == {"Steuern"}


def test_the_standard_folders_stand_beside_those_of_the_firm(owner, firm):
    page = owner.read(f"{firm}/settings/folders")

    standard = page.select_one("section[aria-labelledby=standard-title] .tree")
    assert standard.li.text.strip() == "Vom Kunden hochgeladene Dokumente"
    own = page.select_one("section[aria-labelledby=template-1] .tree")
    assert [" ".join(item.text.split()) for item in own.find_all("li", recursive=False)] == ["Steuern 2026", "Lohn"]


def test_before_a_group_is_deleted_it_is_said_who_leaves_it(owner, firm):
    with transaction() as session:
        group = session.scalars(select(Group)).one()
        session.add_all(GroupMember(person_id=id_of(email), group_id=group.id) for email in (MAX, NINA))
    path = f"{firm}/settings/groups/1"

    assert "2 Kontakte sind in dieser Gruppe und fallen heraus" in owner.read(path).select_one("details").text
    assert [owner.get(f"{path[:-1]}{other}").status_code for other in ("01", "001", "1.0")] == [404] * 3
    answer = owner.send_form(path, f"{path}/delete")

    assert "Gelöscht." in answer.text
    with reading() as session:
        assert session.scalars(select(GroupMember)).all() == []
    again = owner.post(f"{path}/delete", data={"form_token": owner.form_token(firm)})
    assert "Das war schon gelöscht." in BeautifulSoup(again.text, "lxml").select_one(".said.same").text


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.FIELDS])
def test_a_form_about_what_somebody_has_deleted_comes_back_with_what_was_typed(owner, firm, kind):
    path = f"{firm}/settings/{kind}"
    token = owner.form_token(f"{path}/1")
    owner.send_form(f"{path}/1", f"{path}/1/delete")

    typed = {"form_token": token, "name": "Neuer Name", "paths": "Belege\nLohn", "opens-messages": "yes"}
    answer = owner.post(f"{path}/1", data=typed)

    assert answer.status_code == 409
    assert "inzwischen gelöscht" in BeautifulSoup(answer.text, "lxml").select_one(".summary").text
    (form,) = BeautifulSoup(answer.text, "lxml").select(f"form[action='{path}']")
    held = {field["name"]: field.get("value") or field.text for field in form.select("#name, #paths")}
    assert held.items() <= typed.items()
    added = owner.post(path, data=typed)
    assert "Hinzugefügt." in added.text


def test_before_a_tag_is_deleted_it_is_said_what_has_it(owner, firm):
    with transaction() as session:
        session.add_all(ClientTag(client_id=each, tag_id=1) for each in session.scalars(select(Client.id)).all())
    path = f"{firm}/settings/tags/1"

    assert "2 Konten, 0 Kontakte" in owner.read(path).select_one("details").text
    owner.send_form(path, f"{path}/delete")

    assert names(Kind.TAGS) == set()


def test_a_group_says_what_it_opens_and_what_members_of_several_get(owner, firm):
    path = f"{firm}/settings/groups"
    page = owner.read(path)
    assert "Wer in mehreren Gruppen ist, darf alles nutzen, was eine davon öffnet" in page.main.text
    assert [cell.text for cell in page.select("tbody tr")[0].select("td")][1] == "Nachrichten, Rechnungen"

    form = entries(owner.read(f"{path}/1").select_one(f"form[action='{path}/1']"))
    assert [name for name in form if name.startswith("opens-")] == ["opens-messages", "opens-invoices"]
    del form["opens-messages"]
    owner.post(f"{path}/1", data=form | {"opens-documents": "yes"})
    owner.post(f"{path}/none", data={"form_token": form["form_token"], "opens-contract": "yes"})

    with reading() as session:
        assert session.scalars(select(Group.functions)).one() == ["documents", "invoices"]
        assert session.get_one(Firm, 1).functions == ["contract"]
    rows = [[" ".join(cell.text.split()) for cell in row.select("td")] for row in owner.read(path).select("tbody tr")]
    assert rows == [
        ["Chefs", "Dokumente, Rechnungen", "0 Kontakte"],
        ["in keiner Gruppe", "Vertrag", "alle übrigen"],
    ]


def test_a_field_is_put_away_and_taken_back(owner, firm):
    path = f"{firm}/settings/fields/1"

    away = owner.send_form(path, f"{path}/away")
    assert "Weggelegt" in away.text
    assert "weggelegt" in BeautifulSoup(away.text, "lxml").select_one("table .tag").text
    owner.send_form(path, f"{path}/back")

    with reading() as session:
        assert session.scalars(select(CustomField.archived_at)).one() is None


def test_a_form_that_is_opened_as_a_page_leads_to_the_page_above(owner, firm):
    for act in ("groups/none", "tags/1/delete", "fields/1/away"):
        assert owner.get(f"{firm}/settings/{act}").url.path == f"{firm}/settings/{act.rpartition('/')[0]}"


# ---- how accounts are called


def test_another_format_of_names_is_told_chosen_and_taken_back(owner, firm):
    path = f"{firm}/settings"
    assert "2 Konten folgen dieser Wahl" in owner.read(path).main.text

    saved = owner.send_form(path, path, name_format="given_first", is_listed="", takes_sign_ups="")

    with reading() as session:
        assert set(session.scalars(select(Client.name))) == {"Max Beispiel", "Nina Neu"}
        kept = session.get_one(Firm, 1)
        assert (kept.name_format, kept.is_listed, kept.takes_sign_ups) == (NameFormat.GIVEN_FIRST, False, False)
    undo = BeautifulSoup(saved.text, "lxml").select_one(".said form")
    owner.post(undo["action"], data=entries(undo))
    with reading() as session:
        assert set(session.scalars(select(Client.name))) == {"Beispiel, Max", "Neu, Nina"}
        assert session.get_one(Firm, 1).is_listed


# ---- rights


def test_the_members_are_listed_with_what_they_may_do(owner, firm):
    page = owner.read(f"{firm}/settings/members")

    rows = {row.a.text: " ".join(row.text.split()) for row in page.select("tbody tr")}
    assert list(rows) == ["Erika Muster", "Kim Administrator", "Kim Manager", "Kim Caseworker", "Kim Outsider"]
    assert "Inhaber verwaltet Konten sieht alle" in rows["Erika Muster"]
    assert "Mitarbeiter verwaltet Konten sieht alle, die nicht verschlossen sind" in rows["Kim Manager"]
    assert "sieht Konten an" in rows["Kim Caseworker"]
    assert "verwaltet Konten sieht nur die freigegebenen" in rows["Kim Outsider"]


def test_rights_and_the_list_of_caseworkers_lead_to_each_other(owner, firm):
    assert owner.read(f"{firm}/caseworkers").select_one(f"main a[href='{firm}/settings/members']")
    assert owner.read(f"{firm}/settings/members").select_one(f"main .actions a[href='{firm}/caseworkers']")
    assert not browser("administrator").read(f"{firm}/settings/members").select_one(f"a[href='{firm}/caseworkers']")


def held(who):
    with reading() as session:
        person = session.get_one(Person, id_of(ERIKA if who == "owner" else address(who)))
        return Staff.of(session, [person])[person.id]


def page_of(firm, who):
    return f"{firm}/settings/members/{id_of(ERIKA if who == 'owner' else address(who))}"


def test_rights_that_are_given_count_at_the_next_click(owner, firm):
    kim, path = browser("caseworker"), page_of(firm, "caseworker")
    assert kim.get(f"{firm}/settings").status_code == 403

    answer = owner.send_form(path, path, rank="administrator", has_default_access="")

    assert "Es gilt ab dem nächsten Klick" in answer.text
    assert held("caseworker") == Rights(Rank.ADMINISTRATOR, manages_accounts=False, has_default_access=False)
    assert kim.get(f"{firm}/settings").status_code == 200


def test_the_page_of_the_owner_offers_no_rank_and_takes_none(owner, firm):
    path, administrator = page_of(firm, "owner"), browser("administrator")

    assert not owner.read(path).select("[name=rank]")
    forged = owner.send_form(path, path, rank="staff", has_default_access="")
    assert not administrator.read(path).select("main form")
    token = administrator.form_token("/portal")
    refused = administrator.post(path, data={"form_token": token, "has_default_access": "yes"})

    assert forged.status_code == 200
    assert held("owner") == Rights(Rank.OWNER, manages_accounts=True, has_default_access=False)
    assert (refused.status_code, "behält alle Rechte" in refused.text) == (409, True)


def test_nobody_is_made_the_owner_by_a_form(owner, firm):
    path = page_of(firm, "caseworker")

    answer = owner.send_form(path, path, rank="owner")

    assert answer.status_code == 403
    assert "über den eigenen" in answer.text
    assert held("caseworker").rank is Rank.STAFF


def test_an_administrator_who_takes_the_own_rank_is_asked_first(firm):
    kim, path = browser("administrator"), page_of(firm, "administrator")
    assert "können ihn mir nur andere zurückgeben" in kim.read(path).main.text

    asked = kim.send_form(path, path, rank="staff")
    assert (asked.status_code, list(errors(asked))) == (422, ["confirmed"])
    assert BeautifulSoup(asked.text, "lxml").select_one("#rank-staff").has_attr("checked")
    meant = kim.send_form(path, path, rank="staff", confirmed="yes")

    assert meant.status_code == 200
    assert meant.url.path == firm
    assert held("administrator").rank is Rank.STAFF
    assert kim.get(path).status_code == 403


# ---- what rights open of the clients


def seen_by(who, firm):
    return {each.text for each in browser(who).read(f"{firm}/clients").select("table strong")}


def test_a_member_sees_clients_of_accounts_that_they_see(firm):
    both = {"Max Beispiel", "Nina Neu"}
    assert {who: seen_by(who, firm) for who in ("owner", *MEMBERS)} == {
        "owner": both,
        "administrator": both,
        "manager": both,
        "caseworker": both,
        "outsider": set(),
    }

    with transaction() as session:
        (client,) = session.scalars(select(Client.id).where(Client.name == "Neu, Nina"))
        for who, has_access in (("administrator", False), ("manager", False), ("outsider", True)):
            ClientAccess.say(session, client, id_of(address(who)), has_access=has_access)

    assert seen_by("administrator", firm) == both
    assert seen_by("manager", firm) == {"Max Beispiel"}
    assert seen_by("outsider", firm) == {"Nina Neu"}


def test_who_sees_no_client_is_told_so(firm):
    assert "Für Sie ist kein Konto" in browser("outsider").read(f"{firm}/clients").main.text


REACHES = {"owner": 200, "administrator": 200, "manager": 200, "caseworker": 200, "outsider": 404}
REACHES |= {"client": 403, "operator": 200, "stranger": 404, "guest": 303}


def test_whoever_sees_a_client_sees_when_they_can_be_reached_and_who_manages_accounts_says_it(firm):
    path = f"{firm}/people/{id_of(NINA)}"

    answers = {who: client.get(path, follow_redirects=False) for who, client in everybody()}

    assert {who: answer.status_code for who, answer in answers.items()} == REACHES
    says = {who for who, answer in answers.items() if "<button>Speichern" in answer.text}
    assert says == {"owner", "administrator", "manager"}


def test_nobody_but_the_owner_says_it_of_a_caseworker(firm):
    with transaction() as session:
        kim = session.get_one(Person, id_of(address("caseworker")))
        kim.registered_at = None

    path = f"{firm}/people/{id_of(address('caseworker'))}"

    assert {who: browser(who).get(path).status_code for who in ("owner", "administrator", "manager")} == {
        "owner": 200,
        "administrator": 403,
        "manager": 403,
    }


@pytest.mark.parametrize("who", ["administrator", "manager", "outsider"])
def test_who_manages_accounts_invites_clients_and_sees_whom_they_invited(case_id, firm, who):
    answer = browser(who).send_form(
        f"{firm}/clients", f"{firm}/clients", **{"name-0": "Otto Ott", "email-0": "otto@kunde.example"}
    )

    assert answer.status_code == 200
    assert "Otto Ott" in seen_by(who, firm)
    factories.advance(case_id)
    assert len(outbox("invitation")) == 3


@pytest.mark.parametrize("who", ["owner", "administrator", "manager", "caseworker", "outsider"])
@pytest.mark.parametrize("act", ["resend", "withdraw", "pause", "resume"])
def test_acts_on_clients_are_of_those_who_manage_and_see_them_and_on_caseworkers_of_the_owner(clock, firm, who, act):
    registered(MAX, Purpose.ACTIVATE)
    clock(hours=1)
    kim = browser(who)
    token = kim.form_token("/portal")

    def send(email):
        return kim.post(f"{firm}/{act}", data={"form_token": token, "person": str(id_of(email))}).status_code

    on_client, on_caseworker = send(NINA if act == "resend" else MAX), send(address("administrator"))

    expected = {"caseworker": 403, "outsider": 404}.get(who, 200)
    assert on_client == expected
    of_owner = 409 if act == "resend" else 200  # They have an account.
    assert on_caseworker == (of_owner if who == "owner" else 403)


def test_who_manages_accounts_is_offered_to_act_on_clients_and_who_does_not_is_not(firm):
    forms = {
        who: {form["action"].rpartition("/")[2] for form in browser(who).read(f"{firm}/clients").select("main form")}
        for who in ("owner", "administrator", "manager", "caseworker")
    }

    assert forms["owner"] == forms["administrator"] == forms["manager"]
    assert {"resend", "withdraw", "clients"} <= forms["owner"]
    assert forms["caseworker"] - {"clients"} == set()  # The search, if there is one.


def test_operators_read_on_the_page_of_the_case_what_was_set_up_and_by_whom(case_id, owner, firm):
    path = f"{firm}/settings"
    owner.send_form(f"{path}/tags/1", f"{path}/tags/1", name="Dringend")
    owner.send_form(f"{path}/tags/1", f"{path}/tags/1/delete")
    owner.send_form(path, path, name_format="given_first")
    owner.send_form(f"{path}/groups", f"{path}/groups/none")
    owner.post(f"{path}/groups/none", data={"form_token": owner.form_token(path)})
    owner.send_form(page_of(firm, "caseworker"), page_of(firm, "caseworker"), rank="administrator")

    page = Browser(factories.operator()).read(f"/board/cases/{case_id}").main.text

    said = [
        "In den Einstellungen der Kanzlei geändert",
        "Aus den Einstellungen der Kanzlei gelöscht",
        "Eilig → Dringend",
    ]
    said += ["Kontonamen, Suche oder Registrierung festgelegt", "Rechte einer Person der Kanzlei festgelegt"]
    said += ["Funktionen für Kontakte ohne Gruppe festgelegt", "staff → administrator"]
    assert [text for text in said if text not in page] == []


def test_the_settings_of_a_firm_that_was_stopped_are_shown_and_not_changed(case_id, owner, firm):
    token = {"form_token": owner.form_token(f"{firm}/settings")}
    stop_case(case_id, "Kein Bedarf", "operator@convent-it.example")

    for path in PAGES:
        page = owner.read(f"{firm}/settings{path}")
        assert "Die Einrichtung wurde beendet" in page.main.text
        # What opens something can always be ended.
        assert not page.select("main form:not([action$='/revoke'])"), path
    still = [act for act in ACTS if not act.endswith("/revoke")]
    assert {owner.post(f"{firm}/settings{act}", data=token | {"name": "Neu"}).status_code for act in still} == {410}
