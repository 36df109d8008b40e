"""A firm's public page, registering there, the firm's answer, and a client's own pages, as people use them."""

import re
from itertools import pairwise

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import select

from deployments.web import security
from models.clients.access import ClientAccess
from models.clients.card import Card
from models.clients.client import Client, ClientContact, ClientKind
from models.clients.sign_up import SignUp
from models.clients.words import refold
from models.db import reading, transaction
from models.errors import Faults
from models.firm import Firm
from models.link import Purpose
from models.mail.outbox import Outgoing
from models.people.manners import Language
from models.people.person import Person, Role
from models.people.staff import Rank, Rights, Staff
from models.request import Named
from models.settings import settings
from models.time.clock import now
from tasks.clients import sign_ups
from tasks.onboarding.invitations import add_caseworkers, add_clients
from tasks.onboarding.stopping import stop_case
from tasks.people.sessions import sign_in
from tests import factories
from tests.deployments.browser import Browser, entries, errors
from tests.factories import PASSWORD, advance, case, countersigned, everything, firm_of, mails, operator, registered
from tests.remembered import remembered
from tests.tasks.test_client_view import more_accounts
from tests.tasks.test_sign_ups import wish

pytestmark = pytest.mark.usefixtures("quiet")

ERIKA, MAX, NINA = "erika@freitag.example", "max@beispiel.example", "nina@neu.example"
TOLD = {
    "given_name": "Nina",
    "family_name": "Neu",
    "email": NINA,
    "street": "Am Wall 3",
    "postcode": "28195",
    "city": "Bremen",
}
LANGUAGES = [language.value for language in Language]


def number(case_id: int) -> int:
    return case(case_id).firm.company_id


def change(case_id: int, **values) -> None:
    firm_id = firm_of(case_id)
    with transaction() as session:
        firm = session.get_one(Firm, firm_id)
        for name, value in values.items():
            setattr(firm, name, value)


def rows() -> list[SignUp]:
    with reading() as session:
        return list(session.scalars(select(SignUp).order_by(SignUp.id)))


def main(answer) -> str:
    return " ".join(BeautifulSoup(answer.text, "lxml").main.get_text(" ").split())


def in_language(session: str, language: str) -> Browser:
    client = Browser(session, **{"accept-language": language})
    client.cookies.set("language", language, domain="127.0.0.1")
    return client


@remembered
def registered_nina() -> int:
    """Nina Neu has registered and confirmed her address."""
    case_id = countersigned()
    sign_ups.ask(number(case_id), wish())
    sign_ups.confirm(rows()[0].token)
    return case_id


@remembered
def with_active_client() -> int:
    case_id = factories.with_client()
    registered(MAX, Purpose.ACTIVATE)
    return case_id


def erika() -> Browser:
    return Browser(sign_in(ERIKA, PASSWORD))


# ---- the page of a firm, and the search


def without_what_differs(answer, company_id: int) -> str:
    """The page but for the number that was asked for, and the token of its forms."""
    return re.sub(r'name="form_token" value="[^"]*"', "", answer.text).replace(str(company_id), "NUMBER")


@pytest.mark.parametrize("why", ["neither listed nor open", "stopped", "before the agreement"])
def test_a_firm_without_a_page_answers_as_a_number_that_does_not_exist(why):
    case_id = factories.signed() if why == "before the agreement" else countersigned()
    if why == "neither listed nor open":
        change(case_id, is_listed=False, takes_sign_ups=False)
    if why == "stopped":
        stop_case(case_id, "Schluss", "operator@convent-it.example")
    nobody = 999_999 if number(case_id) != 999_999 else 999_998

    for page in ("", "/register"):
        answers = [Browser().get(f"/f/{company_id}{page}") for company_id in (number(case_id), nobody)]
        assert [answer.status_code for answer in answers] == [404, 404]
        one, other = (
            without_what_differs(answer, company_id)
            for answer, company_id in zip(answers, (number(case_id), nobody), strict=True)
        )
        assert one == other
        kept = [{name for name in answer.headers if name != "content-length"} for answer in answers]
        assert kept[0] == kept[1]
    client = Browser()
    posts = [
        client.post(f"/f/{company_id}/register", data=TOLD | {"form_token": client.form_token()})
        for company_id in (number(case_id), nobody)
    ]
    assert [answer.status_code for answer in posts] == [404, 404]


def test_an_open_firm_has_a_way_to_register_and_another_says_how_access_is_had():
    case_id = countersigned()
    opened = Browser().read(f"/f/{number(case_id)}").main
    change(case_id, takes_sign_ups=False)
    closed = Browser().get(f"/f/{number(case_id)}")

    assert opened.select_one(f"a[href='/f/{number(case_id)}/register']")
    assert "/register" not in BeautifulSoup(closed.text, "lxml").main.decode()
    assert "durch eine Einladung der Kanzlei" in main(closed)


def test_the_page_bears_name_activity_address_website_logo_and_list():
    case_id = factories.with_client(website="https://www.freitag.example")
    factories.give_logo(case_id)
    with transaction() as session:
        person = session.scalars(select(Person).where(Person.email == MAX)).one()
        Card.of(session, person).describe(Faults(), {"street": "Geheimweg 1", "city": "Ulm", "is_listed": "yes"})

    page = Browser().read(f"/f/{number(case_id)}").main

    text = " ".join(page.get_text(" ").split())
    for part in (
        "Anwaltskanzlei Freitag",
        "Rechtsanwaltskanzlei",
        "Lindenweg 7",
        "80331 München",
        "Max Beispiel",
        "Ulm",
    ):
        assert part in text
    for secret in (MAX, "Geheimweg"):
        assert secret not in page.decode()
    assert page.select_one("a[href='https://www.freitag.example']")
    picture = page.select_one("img")
    assert Browser().get(picture["src"]).headers["content-type"] == "image/png"


def test_a_firm_is_found_from_the_start_page_and_a_number_alone_is_enough():
    case_id = countersigned()
    client = Browser()

    assert client.read("/").select_one("main a[href='/firms']")
    for words in ("freitag", str(number(case_id)), "Anwalt"):
        found = client.read(f"/firms?search={words}").main
        assert found.select_one(f"a[href='/f/{number(case_id)}']"), words


def test_a_search_that_is_too_short_or_finds_nothing_says_so():
    countersigned()

    short = Browser().get("/firms?search=ab")
    nothing = Browser().get("/firms?search=niemand")

    assert (short.status_code, list(errors(short))) == (422, ["search"])
    assert BeautifulSoup(short.text, "lxml").select_one("#search")["value"] == "ab"
    assert "Keine Kanzlei heißt so" in main(nothing)


def test_nobody_tries_all_numbers_from_one_network(monkeypatch):
    monkeypatch.setattr("deployments.web.pages.public.LOOK_FROM", security.parse("2 per 10 minutes"))
    client = Browser()

    assert [client.get(f"/f/{one}").status_code for one in (100_001, 100_002, 100_003)] == [404, 404, 429]
    assert client.get("/firms?search=freitag").status_code == 429


# ---- registering


def test_whoever_registers_confirms_and_is_taken_on_comes_to_their_account():
    case_id = countersigned()
    guest, page = Browser(), f"/f/{number(case_id)}/register"

    sent = guest.send_form(page, **TOLD)
    assert "Eine E-Mail ist unterwegs" in main(sent)
    path = f"/sign-up/{rows()[0].token}"
    assert "Nina Neu" in main(guest.get(path))
    done = guest.send_form(path)
    assert "Ihre Adresse ist bestätigt" in main(done)

    staff, firm_id = erika(), firm_of(case_id)
    waits = staff.read(f"/firm/{firm_id}/clients").main
    assert waits.select_one(f"a[href='/firm/{firm_id}/sign-ups']").text == "1 Registrierung wartet auf Ihre Antwort"
    listed = staff.read(f"/firm/{firm_id}/sign-ups").main
    one = listed.select_one("table a")["href"]
    answer = staff.send_form(one, to=f"{one}/accept")
    assert "Das Konto ist angelegt" in main(answer)
    assert "hat Ihre Registrierung angenommen" in main(guest.get(path))

    home = guest.send_form(f"/auth/activate/{factories.token(NINA, Purpose.ACTIVATE)}", password=PASSWORD)
    assert (home.url.path, "Neu, Nina" in main(home)) == ("/portal", True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_answer_is_the_same_whoever_asks(language):
    case_id = with_active_client()
    invited = Named(name="Ida Invit", email="ida@beispiel.example")
    add_clients(firm_of(case_id), ERIKA, [invited])
    advance(case_id)
    page = f"/f/{number(case_id)}/register"

    answers = [
        in_language("", language).send_form(page, **TOLD | {"email": email}) for email in (NINA, MAX, invited.email)
    ]

    assert {answer.status_code for answer in answers} == {200}
    assert len({without_what_differs(answer, number(case_id)) for answer in answers}) == 1
    assert [mail.to_address for mail in mails("sign_up_confirm")] == [NINA]
    assert mails("sign_up_confirm")[0].language == language
    assert [mail.to_address for mail in mails("already_client")] == [MAX]
    assert [mail.to_address for mail in mails("invitation")].count(invited.email) == 2


def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_lost():
    case_id = countersigned()

    empty = Browser().send_form(f"/f/{number(case_id)}/register")
    wrong = Browser().send_form(
        f"/f/{number(case_id)}/register", **TOLD | {"email": "nina", "postcode": "1", "given_name": "Nina-Maria"}
    )

    assert set(errors(empty)) == {"email", "family_name", "street", "postcode", "city"}
    assert set(errors(wrong)) == {"email", "postcode"}
    kept = entries(BeautifulSoup(wrong.text, "lxml").select_one("main form"))
    assert (kept["given_name"], kept["email"], kept["city"], kept["country"]) == ("Nina-Maria", "nina", "Bremen", "DE")
    assert rows() == []


def test_a_program_that_fills_in_every_field_gets_the_same_answer_and_nothing_comes_of_it():
    case_id = countersigned()
    before = everything()

    answer = Browser().send_form(f"/f/{number(case_id)}/register", **TOLD, remark="http://boese.example")

    assert answer.status_code == 200
    assert everything() == before


def test_one_network_and_one_address_can_only_ask_so_often():
    case_id = countersigned()
    page, client = f"/f/{number(case_id)}/register", Browser()

    same = [client.send_form(page, **TOLD).status_code for _ in range(4)]
    others = [client.send_form(page, **TOLD | {"email": f"n{n}@neu.example"}).status_code for n in range(20)]

    assert same == [200, 200, 200, 429]
    assert others[-1] == 429
    assert others.count(200) == 17


def test_a_link_to_confirm_that_is_old_or_unknown_says_so(clock):
    case_id = countersigned()
    sign_ups.ask(number(case_id), wish())
    path = f"/sign-up/{rows()[0].token}"
    clock(days=8)

    for one in (path, "/sign-up/1-nonsense"):
        answer = Browser().get(one)
        assert answer.status_code == 410
        assert "Registrieren Sie sich noch einmal" in main(answer)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", ["fresh", "confirmed", "accepted", "declined"])
def test_who_follows_the_link_reads_in_their_language_what_has_become_of_it(state, language):
    case_id = countersigned()
    sign_ups.ask(number(case_id), wish(language=Language(language)))
    if state != "fresh":
        sign_ups.confirm(rows()[0].token)
    if state in {"accepted", "declined"}:
        page = f"/firm/{firm_of(case_id)}/sign-ups/{rows()[0].id}"
        erika().send_form(page, to=f"{page}/{'accept' if state == 'accepted' else 'decline'}")
    before = everything()

    page = Browser().read(f"/sign-up/{rows()[0].token}")

    assert page.html["lang"] == language
    assert len(page.select("main form")) == (1 if state == "fresh" else 0)
    assert everything() == before


# ---- the firm's answer


def test_whoever_was_slower_sees_what_was_answered():
    case_id = registered_nina()
    page = f"/firm/{firm_of(case_id)}/sign-ups/{rows()[0].id}"
    one, other = erika(), erika()
    form = entries(other.read(page).select_one(f"form[action='{page}/decline']"))

    one.send_form(page, to=f"{page}/accept")
    late = other.post(f"{page}/decline", data=form)

    assert late.status_code == 409
    assert "hat schon eine Antwort" in main(late)
    assert "neuer Mandant" in main(late)
    assert not BeautifulSoup(late.text, "lxml").select("main form")


def test_an_account_is_looked_for_chosen_and_linked():
    case_id = registered_nina()
    firm_id = firm_of(case_id)
    with transaction() as session:
        client = Client.open(session, firm_id, ClientKind.COMPANY, now(), name="Alt & Söhne", by_hand=True)
        refold(session, [client.id])
    page, staff = f"/firm/{firm_id}/sign-ups/{rows()[0].id}", erika()

    none = staff.send_form(f"{page}?search=soehne", to=f"{page}/link")
    assert list(errors(none)) == ["search"]
    done = staff.send_form(f"{page}?search=soehne", to=f"{page}/link", client=str(client.id))

    assert "Kontakt dieses Kontos" in main(done)
    assert "Niemand wartet auf Antwort" in main(done)
    with reading() as session:
        assert session.scalars(select(ClientContact.client_id)).one() == client.id


@pytest.fixture
def everybody():
    """A session of each kind of person; Nina Neu has registered."""
    case_id = registered_nina()
    firm_id = firm_of(case_id)
    names = ["anna", "berta", "carl"]
    add_caseworkers(firm_id, ERIKA, [Named(name=f"{name} Amsel", email=f"{name}@freitag.example") for name in names])
    add_clients(firm_id, ERIKA, [Named(name="Max Beispiel", email=MAX)])
    advance(case_id)
    staff = {name: registered(f"{name}@freitag.example") for name in names}
    with transaction() as session:
        rights = {"anna": (Rank.ADMINISTRATOR, False), "berta": (Rank.STAFF, True), "carl": (Rank.STAFF, False)}
        for person in Person.of(session, firm_id, Role.CASEWORKER):
            rank, manages = rights[person.given_name]
            Staff.give(session, person, Rights(rank, manages, has_default_access=True))
    advance(factories.opened("test:2", organiser={"name": "Fritz Fremd", "email": "fritz@fremd.example"}))
    return case_id, {
        "owner": sign_in(ERIKA, PASSWORD),
        "administrator": staff["anna"],
        "manages": staff["berta"],
        "staff": staff["carl"],
        "client": registered(MAX, Purpose.ACTIVATE),
        "operator": operator(),
        "stranger": registered("fritz@fremd.example"),
        "guest": "",
    }


def test_only_whoever_manages_accounts_sees_and_answers_registrations(everybody):
    case_id, sessions = everybody
    firm_id, row = firm_of(case_id), rows()[0].id
    pages = [f"/firm/{firm_id}/sign-ups", f"/firm/{firm_id}/sign-ups/{row}"]
    acts = [f"/firm/{firm_id}/sign-ups/{row}/{act}" for act in ("accept", "link", "decline")]
    expected = {"owner": 200, "administrator": 200, "manages": 200, "staff": 403, "guest": 303}

    for who, session in sessions.items():
        client = Browser(session)
        seen = {client.get(page, follow_redirects=False).status_code for page in pages}
        assert seen == {expected.get(who, 404)}, who
        if who in {"staff", "client", "operator", "stranger"}:
            token_only = {"form_token": client.form_token("/portal")}
            assert {client.post(act, data=token_only).status_code for act in acts} == {expected.get(who, 404)}, who
    assert rows()[0].verdict is None


def test_every_page_is_built_for_keyboards_screen_readers_and_a_strict_browser(everybody):
    case_id, sessions = everybody
    firm_id, row = firm_of(case_id), rows()[0]
    with reading() as session:
        client_id = session.scalars(select(Client.id)).one()
    sign_ups.ask(number(case_id), wish(email="frisch@neu.example"))
    public = ["/firms", "/firms?search=freitag", f"/f/{number(case_id)}", f"/f/{number(case_id)}/register"]
    visits = [("guest", page) for page in (*public, f"/sign-up/{rows()[-1].token}")]
    visits += [("owner", f"/firm/{firm_id}/sign-ups"), ("owner", f"/firm/{firm_id}/sign-ups/{row.id}?search=beispiel")]
    visits += [("client", "/portal"), ("client", f"/portal/accounts/{client_id}"), ("owner", "/portal")]
    for who, path in visits:
        for language in LANGUAGES:
            page, where = in_language(sessions[who], language).read(path), f"{path} in {language}"
            if "/sign-up/" not in path:
                assert page.html["lang"] == language, where
            assert len(page.select("h1")) == 1, where
            assert page.title.text.strip(), where
            for field in page.select("input:not([type=hidden]), select, textarea"):
                assert page.select_one(f"label[for='{field['id']}']"), f"{field} on {where}"
            ids = [tag["id"] for tag in page.select("[id]")]
            assert len(ids) == len(set(ids)), where
            levels = [int(heading.name[1]) for heading in page.select("main h1, main h2, main h3")]
            assert all(after <= before + 1 for before, after in pairwise(levels)), where
            assert [link for link in page.select("a") if not link.text.strip()] == [], where
            for form in page.select("form[method=post]"):
                assert form.select_one("[name=form_token]"), where


# ---- the client's own pages


def only_account() -> int:
    with reading() as session:
        return session.scalars(select(Client.id).order_by(Client.id)).first()


def test_a_client_with_one_account_sees_at_home_what_it_opens_and_whom_to_ask():
    with_active_client()

    page = main(Browser(sign_in(MAX, PASSWORD)).get("/portal"))

    for part in ("Beispiel, Max", "Nachrichten", "Dokumente", "öffnet das hier bald", "Erika Muster", "erreichbar"):
        assert part in page
    assert "Sie sehen dieses Konto im Portal." in page


def test_each_function_leads_to_the_portal_and_the_firms_people_are_led_there_as_well(monkeypatch):
    case_id = with_active_client()
    monkeypatch.setenv("PROVISION_PORTAL_URL", "https://portal.example")
    settings.cache_clear()
    base = f"https://portal.example/{number(case_id)}"

    page = Browser(sign_in(MAX, PASSWORD)).read("/portal").main
    theirs = erika().read("/portal").main

    links = [link["href"] for link in page.select("a[href^='https://portal.example']")]
    functions = ("messages", "documents", "contract", "invoices", "appointments")
    assert links == [f"{base}/{only_account()}/{function}" for function in functions]
    assert "bald" not in page.text
    assert theirs.select_one(f"a[href='{base}']")


def test_a_client_of_several_accounts_switches_between_them_and_the_chosen_one_is_marked():
    case_id = with_active_client()
    made = more_accounts(case_id, 12)
    client = Browser(sign_in(MAX, PASSWORD))

    home = client.read("/portal").main
    page = client.read(f"/portal/accounts/{made[-1]}").main

    assert len(home.select("a[href^='/portal/accounts/']")) == 13
    assert home.select_one("#search")
    marked = page.select("nav [aria-current=page]")
    assert [link.text for link in marked] == ["Weitere 0011"]
    assert len(page.select("nav a[href^='/portal/accounts/']")) == 10
    assert page.h1.text == "Weitere 0011"


def test_the_page_of_an_account_that_is_not_theirs_is_not_there():
    case_id = with_active_client()
    (foreign,) = more_accounts(case_id, 1, place=False)
    visitors = {"client": sign_in(MAX, PASSWORD), "organiser": sign_in(ERIKA, PASSWORD), "operator": operator()}

    for path in (foreign, 10**8):
        answers = {who: Browser(session).get(f"/portal/accounts/{path}") for who, session in visitors.items()}
        assert {answer.status_code for answer in answers.values()} == {404}
    assert Browser().get(f"/portal/accounts/{foreign}", follow_redirects=False).status_code == 303


def test_whoever_looks_after_the_account_in_particular_is_named_first():
    case_id = with_active_client()
    add_caseworkers(firm_of(case_id), ERIKA, [Named(name="Anna Amsel", email="anna@freitag.example")])
    advance(case_id)
    registered("anna@freitag.example")
    client_id = only_account()
    with transaction() as session:
        anna = session.scalars(select(Person).where(Person.email == "anna@freitag.example")).one()
        ClientAccess.say(session, client_id, anna.id, has_access=True)

    page = Browser(sign_in(MAX, PASSWORD)).read(f"/portal/accounts/{client_id}").main

    assert [name.text for name in page.select("dl.facts dt")] == ["Anna Amsel", "Erika Muster"]


def test_operators_never_read_the_link_to_confirm():
    case_id = countersigned()
    sign_ups.ask(number(case_id), wish())

    with reading() as session:
        kept = [str(mail.facts) + mail.to_name for mail in session.scalars(select(Outgoing))]
    assert not [text for text in kept if rows()[0].token in text]
