"""The pages on which the account of a firm is handed over."""

import pytest

from models.link import Purpose
from models.people.person import Role
from tasks.onboarding import succession
from tasks.onboarding.succession import Wish
from tasks.people import sessions
from tests import factories
from tests.contacts import ERIKA, JAN, STAFF
from tests.deployments.browser import Browser, assert_well_built, errors
from tests.factories import PASSWORD, firm_of, person_of, token
from tests.remembered import remembered

pytestmark = pytest.mark.usefixtures("quiet")

NINA = {"successor": "other", "name": "Nina Neu", "email": "nina@neu.example", "stays": "no", "password": PASSWORD}
WHY = {"reason": "Frau Muster ist ausgeschieden.", "proof": "Registerauszug vom 1. Mai."}


@remembered
def made() -> int:
    case_id = factories.countersigned(caseworkers=STAFF)
    factories.registered(JAN)
    return case_id


@pytest.fixture
def case_id(no_runs):
    return made()


def signed_in(email):
    return Browser(sessions.sign_in(email, PASSWORD))


def link() -> str:
    return f"/auth/owner/{token(NINA['email'], Purpose.SUCCESSION)}"


def test_the_owner_hands_over_from_the_page_of_the_contract_and_somebody_new_is_the_owner(case_id):
    firm, owner = f"/firm/{firm_of(case_id)}", signed_in(ERIKA)
    assert owner.read(f"{firm}/contract").select_one(f"#owner a[href='{firm}/owner']")
    asked = owner.send_form(f"{firm}/owner", **NINA)
    assert "Gefragt" in asked.text
    assert "nina@neu.example" in owner.read(f"{firm}/owner").main.text
    nina = Browser()
    assert "Erika Muster fragt Sie" in nina.read(link()).main.text

    done = nina.send_form(link(), password=PASSWORD, given_name="Nina", family_name="Neu")

    assert "Sie sind jetzt Inhaber" in done.text
    assert "Nina Neu" in nina.read(f"{firm}/contract").select_one("#owner").text
    assert owner.get(f"{firm}/contract", follow_redirects=False).status_code == 303  # To sign in, which is refused.
    assert person_of(case_id, Role.ORGANISER).email == NINA["email"]


def test_who_is_asked_declines_and_the_link_has_done_its_work(case_id):
    firm = f"/firm/{firm_of(case_id)}"
    signed_in(ERIKA).send_form(f"{firm}/owner", **NINA)
    path = link()
    wrong = signed_in(JAN).get(path)
    assert (wrong.status_code, "Hier ist jemand anderes angemeldet" in wrong.text) == (403, True)
    nina = Browser()
    short = nina.send_form(path, password="kurz", family_name="")
    assert list(errors(short)) == ["password"]

    assert "Danke für Ihre Antwort" in nina.send_form(path, f"{path}/decline").text

    assert nina.get(path).status_code == 410
    assert "Wer soll übernehmen?" in signed_in(ERIKA).read(f"{firm}/owner").main.text


def test_without_the_password_nobody_is_asked_and_all_that_is_wrong_is_told_at_once(case_id):
    path, owner = f"/firm/{firm_of(case_id)}/owner", signed_in(ERIKA)
    for password in ("", "eine ganz andere Losung 7"):
        refused = owner.send_form(path, **NINA | {"email": "keine", "password": password})
        assert {*errors(refused)} == {"email", "password"}
        assert "Nina Neu" in refused.text  # Nothing that was typed is lost.
    assert {*errors(owner.send_form(path))} == {"successor", "password"}
    assert owner.post(f"{path}/take-back", data={"form_token": owner.form_token(path)}).status_code == 409


def test_a_manager_asks_in_the_owners_place_and_other_operators_do_not(case_id):
    path = f"/board/cases/{case_id}/owner"
    operator, manager = Browser(factories.operator()), Browser(factories.operator("m@convent-it.example", manager=True))
    assert operator.get(path).status_code == 403
    assert operator.post(path, data={"form_token": operator.form_token()}).status_code == 403
    assert path not in operator.get(f"/board/cases/{case_id}").text
    assert path in manager.get(f"/board/cases/{case_id}").text
    refused = manager.send_form(path, **NINA)
    assert {*errors(refused)} == {"reason", "proof"}

    assert "Gefragt" in manager.send_form(path, **NINA | WHY).text

    assert WHY["proof"] in manager.read(path).main.text
    shown = signed_in(ERIKA).read(f"/firm/{firm_of(case_id)}/owner").main.text
    assert (WHY["reason"] in shown, WHY["proof"] in shown) == (True, False)
    manager.send_form(path, f"{path}/take-back")
    assert "Nina Neu" not in manager.read(path).main.text


@pytest.mark.parametrize("language", ["de", "fr", "en"])
def test_all_pages_are_well_built_in_all_languages_and_states(case_id, language):
    firm_id, manager = firm_of(case_id), Browser(factories.operator("m@convent-it.example", manager=True))
    owner, nina = signed_in(ERIKA), Browser()
    for browser in (owner, manager, nina):
        browser.cookies.set("provision_language", language)
        browser.cookies.set("language", language)
    pages = [(owner, f"/firm/{firm_id}/owner"), (manager, f"/board/cases/{case_id}/owner")]
    for browser, path in pages:
        assert_well_built(browser.read(path), language, path)
    succession.ask(firm_id, "m@convent-it.example", Wish(None, "Nina Neu", NINA["email"], **WHY), as_manager=True)
    for browser, path in [*pages, (nina, link())]:
        assert_well_built(browser.read(path), language, path)
