"""What overwrites something that a person gave can be taken back by a button."""

import httpx
import pytest
from bs4 import BeautifulSoup

from models.db import reading
from models.firm import Firm, LineOfBusiness
from models.people.person import Person, Role
from tasks.onboarding import corrections
from tasks.onboarding.corrections import CONTACTS_A_DAY
from tasks.people.sessions import sign_in
from tests.deployments.browser import Browser, entries
from tests.factories import PASSWORD, advance, opened, operator, registered
from tests.remembered import remembered

pytestmark = pytest.mark.usefixtures("quiet")


@remembered
def with_account():
    """Its organiser has registered, and the agreement is not sent yet."""
    made = opened()
    advance(made)
    registered()
    return made


@pytest.fixture
def case_id():
    return with_account()


@pytest.fixture
def client(case_id):
    return Browser(sign_in("erika@freitag.example", PASSWORD))


def undo(answer: httpx.Response):
    """The form behind the button on the page that followed; None if there is none."""
    return BeautifulSoup(answer.text, "lxml").select_one(".said form")


def pressed_again(browser, saved):
    """What follows where the button is pressed a second time: it is done, and nobody needs to do it by hand."""
    return browser.post(undo(saved)["action"], data=entries(undo(saved)))


def firm():
    with reading() as session:
        return session.get_one(Firm, 1)


def person(role):
    with reading() as session:
        return Person.one(session, 1, role)


FORMS = {
    "details": ({"street": "Neue Gasse 9", "city": "Bonn"}, lambda: (firm().street, firm().city)),
    "details/name": ({"firm_name": "Neue Kanzlei"}, lambda: firm().name),
    "details/contact": (
        {"contact_name": "Max Neu", "contact_email": "max@freitag.example"},
        lambda: (person(Role.CONTACT).name, person(Role.CONTACT).email),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_the_firm_overwrites_it_takes_back_by_a_button_and_again(client, form):
    changed, told = FORMS[form]
    before = told()

    saved = client.send_form("/firm/1/details", f"/firm/1/{form}", **changed)
    after = told()
    taken_back = client.post(undo(saved)["action"], data=entries(undo(saved)))

    assert before != after
    assert told() == before
    assert pressed_again(client, saved).status_code == 200
    assert told() == before
    client.post(undo(taken_back)["action"], data=entries(undo(taken_back)))
    assert told() == after


def test_how_somebody_is_written_to_is_taken_back_too_also_hours_that_were_only_clicked(client):
    form = client.read("/profile").select_one("form.profile")
    clicked = entries(form) | {"hour": ["1-9", "1-10"], "land": "BE"}
    before = (person(Role.ORGANISER).hours, person(Role.ORGANISER).land)

    saved = client.post("/profile", data=clicked)
    after = person(Role.ORGANISER).hours.text()
    client.post(undo(saved)["action"], data=entries(undo(saved)))

    assert pressed_again(client, saved).status_code == 200
    assert after == "Di 9–11"
    assert (person(Role.ORGANISER).hours, person(Role.ORGANISER).land) == before


@pytest.mark.parametrize(
    ("what", "changed"),
    [
        ("correct/name", {"firm_name": "Neue Kanzlei"}),
        ("correct/contact", {"contact_name": "Max Neu", "contact_email": "max@freitag.example"}),
        ("correct/organiser", {"organiser_name": "Max Neu", "organiser_email": "max@freitag.example"}),
        ("people/1/address", {"p1-address": "neu@freitag.example"}),
    ],
)
def test_what_an_operator_corrects_is_taken_back_too(what, changed):
    case_id = opened()
    advance(case_id)
    board = Browser(operator())
    page = f"/board/cases/{case_id}"

    def told():
        people = [person(role) for role in (Role.ORGANISER, Role.CONTACT)]
        return firm().name, [(one.name, one.email) for one in people]

    before = told()
    token = board.read(page).select_one("[name=form_token]")["value"]
    line = {"line_of_business": firm().line_of_business.value, "form_token": token}
    saved = board.post(f"{page}/{what}", data=line | changed)
    after = told()
    board.post(undo(saved)["action"], data=entries(undo(saved)))

    assert pressed_again(board, saved).status_code == 200
    assert after != before
    assert told() == before


def overtaken(browser, saved):
    """What the page says, where the button is pressed after somebody else has changed the same."""
    answer = browser.post(undo(saved)["action"], data=entries(undo(saved)))
    assert answer.status_code == 409
    return BeautifulSoup(answer.text, "lxml").select_one(".summary").get_text(" ", strip=True)


def test_what_somebody_else_has_put_there_since_is_not_taken_back_and_the_page_says_so(client):
    saved = client.send_form("/firm/1/details", "/firm/1/details/name", firm_name="Neue Kanzlei")
    said = {"name": "Steuer GmbH", "line_of_business": LineOfBusiness.TAX, "business": ""}
    corrections.correct_firm(1, "operator@convent-it.example", **said, as_operator=True)

    sentence = overtaken(client, saved)

    assert "seither noch einmal geändert" in sentence
    assert (firm().name, firm().line_of_business) == ("Steuer GmbH", LineOfBusiness.TAX)


@pytest.mark.parametrize("form", FORMS)
def test_of_two_tabs_the_older_one_takes_nothing_back_and_shows_what_stands_there(client, form):
    changed, told = FORMS[form]
    first = client.send_form("/firm/1/details", f"/firm/1/{form}", **changed)
    newer = {name: value.replace("Neu", "Alt").replace("Bonn", "Kiel") for name, value in changed.items()}
    client.send_form("/firm/1/details", f"/firm/1/{form}", **newer)
    standing = told()

    answer = client.post(undo(first)["action"], data=entries(undo(first)))

    assert answer.status_code == 409
    assert told() == standing
    shown = BeautifulSoup(answer.text, "lxml").select_one(f"form[action='/firm/1/{form}']")
    assert entries(shown).items() >= newer.items()


def test_hours_that_were_changed_again_elsewhere_are_not_taken_back(client):
    saved = client.send_form("/profile", hours_text="Di 9–11")
    client.send_form("/profile", hours_text="Mi 9–11")

    overtaken(client, saved)

    assert person(Role.ORGANISER).hours.text() == "Mi 9–11"


def test_hours_are_taken_back_whatever_language_the_page_speaks_by_then(client):
    client.send_form("/profile", hours_text="Di 9–11")

    saved = client.send_form("/profile", hours_text="Mi 9–11", language="fr")
    client.post(undo(saved)["action"], data=entries(undo(saved)))

    assert person(Role.ORGANISER).hours.text() == "Di 9–11"
    assert person(Role.ORGANISER).language == "de"


@pytest.mark.parametrize(
    ("what", "mine", "theirs"),
    [
        ("correct/name", {"firm_name": "Meine"}, {"firm_name": "Deine"}),
        ("correct/contact", {"contact_name": "Max Neu"}, {"contact_name": "Max Alt"}),
        ("correct/organiser", {"organiser_email": "meine@freitag.example"}, {"organiser_name": "Eva Alt"}),
        ("people/1/address", {"p1-address": "meine@freitag.example"}, {"p1-address": "deine@freitag.example"}),
    ],
)
def test_an_operator_does_not_take_back_what_a_colleague_has_corrected_since(what, mine, theirs):
    case_id = opened()
    advance(case_id)
    board, colleague = Browser(operator()), Browser(operator("colleague@convent-it.example"))
    page = f"/board/cases/{case_id}"

    def told():
        return firm().name, [(one.name, one.email) for one in map(person, (Role.ORGANISER, Role.CONTACT))]

    saved = board.send_form(page, f"{page}/{what}", **mine)
    colleague.send_form(page, f"{page}/{what}", **theirs)
    standing = told()
    overtaken(board, saved)

    assert told() == standing


def test_what_the_form_would_refuse_is_not_offered_to_be_taken_back():
    case_id = opened(street="", city="", postcode="80331")
    advance(case_id)
    registered()
    client = Browser(sign_in("erika@freitag.example", PASSWORD))

    told = {"street": "Am Tor 1", "postcode": "80331", "city": "München", "land": "BY"}
    assert undo(client.send_form("/firm/1/details", "/firm/1/details", **told)) is None


def test_a_contact_person_who_was_named_by_mistake_can_always_be_taken_back(client):
    before = person(Role.CONTACT).email

    def name(number):
        changed = {"contact_name": "Max Neu", "contact_email": f"max{number}@freitag.example"}
        return client.send_form("/firm/1/details", "/firm/1/details/contact", **changed)

    for number in range(CONTACTS_A_DAY):
        saved = name(number)
        client.post(undo(saved)["action"], data=entries(undo(saved)))
        assert person(Role.CONTACT).email == before

    assert name(CONTACTS_A_DAY).status_code == 409
    assert person(Role.CONTACT).email == before


def test_to_and_fro_between_two_contact_persons_counts_as_well(client):
    saved = client.send_form(
        "/firm/1/details", "/firm/1/details/contact", contact_name="Max Neu", contact_email="max@freitag.example"
    )
    codes = []
    for _ in range(3 * CONTACTS_A_DAY):
        saved = client.post(undo(saved)["action"], data=entries(undo(saved)))
        codes.append(saved.status_code)
        if undo(saved) is None:
            break

    assert codes == [200] * (2 * CONTACTS_A_DAY - 1) + [409]


def test_where_nothing_was_overwritten_there_is_nothing_to_take_back(client):
    same = client.send_form("/firm/1/details", "/firm/1/details")

    assert undo(same) is None


def test_the_first_answer_overwrites_nothing():
    case_id = opened(street="", postcode="", city="", land=None, website="")
    advance(case_id)
    registered()
    client = Browser(sign_in("erika@freitag.example", PASSWORD))

    told = {"street": "Am Tor 1", "postcode": "80331", "city": "München", "land": "BY"}
    assert undo(client.send_form("/firm/1/details", "/firm/1/details", **told)) is None
    assert firm().city == "München"


def test_the_button_is_gone_on_other_pages_and_in_other_browsers(client):
    saved = client.send_form("/firm/1/details", "/firm/1/details", city="Bonn")
    other = Browser(sign_in("erika@freitag.example", PASSWORD))

    assert undo(saved) is not None
    assert undo(client.get("/firm/1/logo")) is None
    other.cookies.set("undo", client.cookies["undo"])
    assert undo(other.get("/firm/1?said=details")) is None
