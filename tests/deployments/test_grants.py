"""The pages about one contact of an account, the way in, and the inbox of the firm's people."""

import re
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import select

from models.clients.access import ClientAccess
from models.clients.standing import Switch
from models.db import reading, transaction
from models.link import Link, Purpose
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.login import Login
from models.people.manners import AddressForm, Language
from models.people.notice import Notice, NoticeKind
from models.people.person import Person, Role
from models.people.staff import Rank, Rights, Staff
from models.time.clock import now
from tasks.clients import assignment, grants, selection
from tasks.onboarding import invitations, registration
from tasks.people import sessions
from tests.contacts import ERIKA, JAN, MAX, STAFF, account, contact, other_firm, person, place, with_max
from tests.deployments.browser import Browser, entries, errors
from tests.factories import PASSWORD, at_once, everything, mails, operator, outbox, registered, token
from tests.remembered import remembered

pytestmark = pytest.mark.usefixtures("quiet")

OWN = "vier blaue Eulen schlafen"


@remembered
def with_jan() -> tuple[int, int, int, int]:
    """The firm of ``with_max``, where Jan works as well."""
    made = with_max(caseworkers=STAFF[:1])
    registered(JAN)
    return made


def signed_in(email=ERIKA, **more):
    return Browser(sessions.sign_in(email, PASSWORD), **more)


def pages(firm, client, who):
    return f"/firm/{firm}/accounts/{client}/contacts/{who}"


def activation():
    return f"/auth/activate/{token(MAX, Purpose.ACTIVATE)}"


@pytest.fixture
def asked():
    """The firm's organiser, signed in; where Max can be invited, to which account; and who he is."""
    firm, one, _, who = with_max()
    return SimpleNamespace(erika=signed_in(), page=pages(firm, one, who), account=one, who=who)


# ---- the question


def test_the_question_shows_the_whole_mail_and_sends_nothing(asked):
    before = everything()

    shown = asked.erika.read(f"{asked.page}/invite")

    assert shown.h1.text == "Max Beispiel einladen?"
    assert [button.text for button in shown.select("main form.card button")] == [
        "Einladen",
        "Vorschau an mich",
        "Überspringen",
    ]
    assert "lädt Sie zu" in shown.select_one("dl.facts").text
    assert "Passwort wählen" in shown.select_one("pre").text
    assert "•••" in shown.select_one("pre").text
    assert everything() == before
    assert not place(asked.account, asked.who).login


def test_whoever_says_so_invites_with_their_words_and_comes_back_to_the_account(asked):
    answer = asked.erika.post(
        f"{asked.page}/invite",
        data={"form_token": asked.erika.form_token(f"{asked.page}/invite"), "message": "Lieber {Vorname}"},
        follow_redirects=False,
    )

    assert answer.headers["location"] == f"{asked.page.partition('/contacts')[0]}?said=invited"
    assert [mail.facts["message"] for mail in mails("invitation")] == ["Lieber Max"]


def test_words_that_cannot_be_sent_stand_there_again_with_what_is_wrong(asked):
    for wrong, says in (("Guten Tag {Anrede}", "{Vorname}"), ("x" * 1001, "1001")):
        for to in ("", "/preview"):
            answer = asked.erika.post(
                f"{asked.page}/invite{to}",
                data={"form_token": asked.erika.form_token(f"{asked.page}/invite"), "message": wrong},
            )
            assert answer.status_code == 422
            assert says in errors(answer)["message"]
            assert BeautifulSoup(answer.text, "lxml").select_one("textarea").text.strip() == wrong
    assert outbox("invitation") == outbox("preview") == []


def test_a_preview_goes_to_oneself_and_the_words_stay(asked):
    answer = asked.erika.post(
        f"{asked.page}/invite/preview",
        data={"form_token": asked.erika.form_token(f"{asked.page}/invite"), "message": "Hallo {Name}"},
    )

    assert answer.status_code == 200
    shown = BeautifulSoup(answer.text, "lxml")
    assert shown.select_one("textarea").text.strip() == "Hallo {Name}"
    assert "> Hallo Max Beispiel" in shown.select_one("pre").text
    assert "unterwegs" in shown.select_one("[role=status]").text
    assert [mail.to_address for mail in mails("preview")] == [ERIKA]
    assert "Das war eine Vorschau" in Browser().get("/auth/preview").text


def test_skipping_lets_in_and_writes_to_nobody(asked):
    asked.erika.post(
        f"{asked.page}/invite/skip",
        data={"form_token": asked.erika.form_token(f"{asked.page}/invite")},
        follow_redirects=False,
    )

    assert place(asked.account, asked.who).login
    assert outbox("invitation") == []


def test_skipping_on_an_old_page_after_the_invitation_does_not_say_that_nobody_was_told(asked):
    form = {"form_token": asked.erika.form_token(f"{asked.page}/invite")}
    asked.erika.post(f"{asked.page}/invite", data=form)

    answer = asked.erika.post(f"{asked.page}/invite/skip", data=form)

    assert answer.status_code == 409
    assert "niemand wurde angeschrieben" not in answer.text
    assert "nichts gesendet" in answer.text


def test_nobody_is_asked_to_invite_to_an_archived_account_nor_let_in_there(asked):
    form = {"form_token": asked.erika.form_token(f"{asked.page}/invite")}
    selection.archive(sessions.signed_in(sessions.sign_in(ERIKA, PASSWORD)).staff_of(1), ERIKA, [asked.account])

    shown = asked.erika.read(f"{asked.page}/invite")
    account = asked.erika.read(asked.page.partition("/contacts")[0])

    assert "ist archiviert" in shown.select_one("main .note").text
    assert not shown.select("main form")
    ways = {link["href"].rpartition("/")[2] for link in account.select("main a[href]")}
    assert ways & {"invite", "password", "confirm"} == set()
    assert "sieht das Konto im Portal" not in account.main.text
    assert asked.erika.post(f"{asked.page}/invite/skip", data=form).status_code == 409
    assert not place(asked.account, asked.who).login
    switched = asked.erika.post(f"{asked.page}/switch", data={**form, "which": "login", "on": "yes"})
    assert "Gespeichert." in switched.text
    assert place(asked.account, asked.who).login


def test_whose_address_is_missing_is_one_click_from_where_it_is_written_down(asked):
    with transaction() as session:
        session.get_one(Person, asked.who).email = ""

    for page in ("invite", "password", "confirm"):
        (link,) = asked.erika.read(f"{asked.page}/{page}").select("main a.button")
        assert asked.erika.read(link["href"].partition("#")[0]).select_one("#" + link["href"].partition("#")[2])


def test_whose_address_is_confirmed_is_not_asked_again(asked):
    form = {"form_token": asked.erika.form_token(f"{asked.page}/invite")}
    asked.erika.post(f"{asked.page}/invite", data=form)
    registered(MAX, Purpose.ACTIVATE)

    shown = asked.erika.read(f"{asked.page}/confirm")

    assert "Es gibt nichts zu fragen" in shown.select_one("main .note").text
    assert not shown.select("main form")
    answer = asked.erika.post(
        f"{asked.page}/confirm", data={"form_token": asked.erika.form_token(f"{asked.page}/password")}
    )
    assert (answer.status_code, "ist schon bestätigt" in answer.text) == (409, True)


def test_switching_access_on_asks_whether_to_tell_and_other_switches_do_not(asked):
    form = {"form_token": asked.erika.form_token(f"{asked.page}/invite")}

    def switched(which, on):
        data = form | {"which": which} | ({"on": "yes"} if on else {})
        return asked.erika.post(f"{asked.page}/switch", data=data, follow_redirects=False).headers["location"]

    account_page = asked.page.partition("/contacts")[0]
    assert switched("login", True) == f"{asked.page}/invite"
    assert switched("notify", False) == f"{account_page}?said=switched"
    assert switched("login", False) == f"{account_page}?said=switched"
    assert asked.erika.post(f"{asked.page}/switch", data=form | {"which": "everything"}).status_code == 404
    assert (place(asked.account, asked.who).login, place(asked.account, asked.who).notify) == (False, False)


STATES = ["new", "pending", "told", "expired", "active", "told and active", "no address"]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("language", "form"), [("de", "sie"), ("de", "du"), ("fr", "sie"), ("en", "sie")])
def test_each_page_of_a_contact_is_whole_in_every_state_and_language(clock, state, language, form):
    firm, one, other, who = with_max()
    client = one
    if state == "no address":
        who = contact(firm, "Otto", "Ohne", "")
        client = account(firm, "Ohne KG", who)
    if state in {"pending", "told", "expired", "active", "told and active"}:
        grants.invite_contact(firm, one, who, ERIKA)
        client = other if state in {"pending", "active"} else one
    if "active" in state:
        registered(MAX, Purpose.ACTIVATE)
    if state == "expired":
        clock(days=30)
    with transaction() as session:
        erika = Person.organiser(session, firm)
        erika.language, erika.address_form = Language(language), AddressForm(form)
    browser = signed_in()

    for page in ("invite", "password", "confirm"):
        answer = browser.get(f"{pages(firm, client, who)}/{page}")
        shown = BeautifulSoup(answer.text, "lxml")
        assert answer.status_code == 200
        assert shown.html["lang"] == language
        assert len(shown.select("h1")) == 1
        assert "None" not in shown.main.text
        words = {"de": r"[Ww]e are|[Tt]he ", "fr": r"\b[Tt]he \b|\bSie\b", "en": r"\bSie\b|\bder\b"}[language]
        told = shown.main.text if page != "invite" else shown.h1.text
        assert not re.search(words, told)


# ---- who may


def test_only_who_manages_accounts_and_sees_this_one_gets_there():
    firm, one, _, who = with_jan()
    grants.invite_contact(firm, one, who, ERIKA)
    registered(MAX, Purpose.ACTIVATE)
    stranger = other_firm()
    page = pages(firm, one, who)
    with reading() as session:
        jan = Person.one(session, firm, Role.CASEWORKER).id

    def answers(browser):
        got = [browser.get(f"{page}/{name}").status_code for name in ("invite", "password", "confirm")]
        form = {"form_token": browser.form_token("/imprint"), "which": "notify"}
        posts = ("invite", "invite/preview", "invite/skip", "resend", "switch", "password", "confirm")
        return {*got, *(browser.post(f"{page}/{name}", data=form).status_code for name in posts)}

    def may(*, manages, by_default, sees=None):
        with transaction() as session:
            Staff.give(session, session.get_one(Person, jan), Rights(Rank.STAFF, manages, by_default))
            if sees is not None:
                ClientAccess.say(session, one, jan, sees)

    assert answers(signed_in(MAX)) == {404}
    assert answers(Browser(operator())) == {404}
    may(manages=False, by_default=True)
    assert answers(signed_in(JAN)) == {403}
    may(manages=True, by_default=False)
    assert answers(signed_in(JAN)) == {404}
    may(manages=True, by_default=True, sees=False)
    assert answers(signed_in(JAN)) == {404}
    assert Browser().get(f"{page}/invite").url.path == "/auth/login"
    assert signed_in().get(f"/firm/{stranger}/accounts/{one}/contacts/{who}/invite").status_code == 404
    assert place(one, who).notify
    assert outbox("granted") == outbox("preview") == outbox("confirm_address") == []
    may(manages=True, by_default=False, sees=True)
    assert signed_in(JAN).get(f"{page}/invite").status_code == 200


# ---- a password of somebody else's


def test_a_made_password_is_shown_once_and_leads_to_one_of_their_own(asked):
    form = {"form_token": asked.erika.form_token(f"{asked.page}/password"), "how": "made"}

    shown = BeautifulSoup(asked.erika.post(f"{asked.page}/password", data=form).text, "lxml")

    made = shown.select_one(".secret").text
    again = asked.erika.post(f"{asked.page}/password", data=form)
    assert again.status_code == 409
    assert made not in again.text
    assert made not in asked.erika.get(f"{asked.page}/password").text
    max_ = Browser()
    answer = max_.send_form("/auth/login", email=MAX, password=made)
    assert answer.url.path == "/auth/password"
    for path in ("/", "/portal", "/profile", "/inbox", "/board", "/auth/login"):
        assert max_.get(path).url.path == "/auth/password"
    assert max_.get("/imprint").url.path == "/imprint"
    refused = max_.send_form("/auth/password", password=made)
    assert list(errors(refused)) == ["password"]
    answer = max_.send_form("/auth/password", password=OWN)
    assert (answer.url.path, max_.get("/portal").url.path) == ("/portal", "/portal")
    assert max_.get("/auth/password").url.path == "/portal"
    assert person(asked.who).registered_at is not None
    assert Browser().send_form("/auth/login", email=MAX, password=made).status_code == 403


def test_a_typed_password_is_not_shown_and_what_is_wrong_with_it_is_told_at_its_field(asked):
    form = {"form_token": asked.erika.form_token(f"{asked.page}/password")}

    for typed in ("", "zu kurz"):
        answer = asked.erika.post(f"{asked.page}/password", data=form | {"password": typed})
        assert list(errors(answer)) == ["password"]
    answer = asked.erika.post(f"{asked.page}/password", data=form | {"password": PASSWORD})

    assert answer.status_code == 200
    assert PASSWORD not in answer.text
    assert Browser().send_form("/auth/login", email=MAX, password=PASSWORD).url.path == "/auth/password"


def test_after_a_password_the_address_is_checked_next(asked):
    form = {"form_token": asked.erika.form_token(f"{asked.page}/password"), "how": "made"}

    shown = BeautifulSoup(asked.erika.post(f"{asked.page}/password", data=form).text, "lxml")

    next_, *_ = shown.select("main p.actions a")
    assert (next_["href"], next_.text) == (f"{asked.page}/confirm", "Adresse per E-Mail prüfen")
    assert asked.erika.read(next_["href"]).select_one(f"form[action='{asked.page}/confirm'] button")


# ---- is this address yours?


def test_an_address_is_confirmed_by_a_button_and_not_by_looking(asked):
    answer = asked.erika.post(
        f"{asked.page}/confirm",
        data={"form_token": asked.erika.form_token(f"{asked.page}/confirm")},
        follow_redirects=False,
    )
    assert answer.headers["location"].endswith("?said=confirm_asked")
    path = f"/auth/confirm/{token(MAX, Purpose.CONFIRM)}"

    for _ in range(2):
        assert "Ist das Ihre E-Mail-Adresse?" in Browser().get(path).text
    assert person(asked.who).address_confirmed_at is None
    answer = Browser().send_form(path)

    assert "Ihre Adresse ist bestätigt" in answer.text
    assert person(asked.who).address_confirmed_at is not None
    assert Browser().get(path).status_code == 410
    refused = asked.erika.post(
        f"{asked.page}/confirm", data={"form_token": asked.erika.form_token(f"{asked.page}/confirm")}
    )
    assert MAX in refused.text
    assert refused.status_code == 409


# ---- the inbox


def test_the_inbox_shows_what_is_unread_first_and_opening_an_entry_is_a_button():
    firm, one, _, who = with_jan()
    grants.invite_contact(firm, one, who, ERIKA)
    registered(MAX, Purpose.ACTIVATE)
    assignment.give_access(firm, one, [], ERIKA)
    jan = signed_in(JAN)

    assert jan.read("/portal").select_one("nav a[href='/inbox'] .count").text == "1"
    shown = jan.read("/inbox")
    assert "Max Beispiel hat die Einladung angenommen" in shown.select_one(".entries li").text
    assert jan.read("/inbox").select_one(".entries .tag") is not None  # Looking reads nothing.
    answer = jan.post(
        shown.select_one(".entries form")["action"],
        data={"form_token": jan.form_token("/inbox")},
        follow_redirects=False,
    )

    assert answer.headers["location"] == f"/firm/{firm}/accounts/{one}"
    assert jan.read("/portal").select_one("nav a[href='/inbox'] .count") is None
    assert jan.read("/inbox").select_one(".entries .tag") is None


def test_an_entry_about_an_account_that_is_shut_or_archived_says_so_and_leads_to_no_missing_page():
    firm, one, other, _ = with_jan()
    with reading() as session:
        jan_id = session.scalars(select(Person.id).where(Person.email == JAN)).one()
    assignment.take_access(firm, one, [jan_id], ERIKA)
    assignment.take_access(firm, other, [jan_id], ERIKA)
    for each in (one, other):
        assignment.give_access(firm, each, [jan_id], ERIKA)
    jan = signed_in(JAN)
    before = jan.read("/inbox")
    assert len(before.select(".entries form")) == 2

    assignment.take_access(firm, one, [jan_id], ERIKA)
    selection.archive(sessions.signed_in(sessions.sign_in(ERIKA, PASSWORD)).staff_of(firm), ERIKA, [other])

    archived, shut = jan.read("/inbox").select(".entries li")
    assert "archiviert" in archived.form.text
    assert (shut.form, "Sie sehen dieses Konto nicht mehr" in shut.text) == (None, True)
    by_link, never = (jan.get(f"/firm/{firm}/accounts/{key}") for key in (one, 999))  # As from a mail; 999 is nobody's.
    assert (by_link.status_code, never.status_code) == (404, 404)
    told = [BeautifulSoup(answer.text, "lxml").main.text for answer in (by_link, never)]
    assert "Falls es eines gab, ist Ihr Zugang dazu beendet" in told[0]
    assert told[0] == told[1]
    form = {"form_token": jan.form_token("/inbox")}
    answers = [jan.post(one["action"], data=form) for one in before.select(".entries form")]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].url.path == f"/firm/{firm}/accounts/{other}"
    assert BeautifulSoup(answers[1].text, "lxml").select_one(".said.same")


def some_notices(firm, email, *kinds):
    with transaction() as session:
        mine = select(Person).where(Person.email == email, Person.firm_id == firm)
        reader = session.scalars(mine.order_by(Person.id)).first()
        session.add_all(
            Notice(
                person_id=reader.id, kind=kind, facts={"name": f"N{n}", "by": "Erika"}, path="/portal", created_at=now()
            )
            for n, kind in enumerate(kinds)
        )


@pytest.mark.parametrize("language", list(Language))
def test_every_kind_of_entry_is_told_in_every_language_and_all_are_read_at_once(language):
    firm, *_ = with_jan()
    some_notices(firm, JAN, *NoticeKind)
    jan = signed_in(JAN)
    jan.cookies.set("language", language.value, domain=jan.base_url.host)

    shown = jan.read("/inbox")
    assert len(shown.select(".entries li.unread")) == len(NoticeKind)
    assert "%(" not in shown.main.text
    jan.send_form("/inbox", "/inbox/read")

    assert jan.read("/inbox").select(".entries li.unread") == []
    assert jan.read("/inbox").select_one("form[action='/inbox/read']") is None


def test_an_entry_of_somebody_else_is_not_found_and_clients_have_no_inbox():
    firm, one, _, who = with_jan()
    grants.invite_contact(firm, one, who, ERIKA)
    registered(MAX, Purpose.ACTIVATE)
    some_notices(firm, ERIKA, NoticeKind.SIGN_UP)
    jan, max_ = signed_in(JAN), signed_in(MAX)
    with reading() as session:
        entry = session.scalars(select(Notice).where(Notice.kind == NoticeKind.SIGN_UP)).one()

    assert jan.post(f"/inbox/{entry.id}", data={"form_token": jan.form_token("/inbox")}).status_code == 404
    assert max_.get("/inbox").status_code == 404
    assert max_.read("/portal").select_one("nav a[href='/inbox']") is None
    assert Browser().get("/inbox").url.path == "/auth/login"
    with reading() as session:
        assert session.get(Notice, entry.id).read_at is None


def test_how_much_is_unread_takes_one_statement_a_page(statements):
    firm, *_ = with_jan()
    jan = signed_in(JAN)
    counts = []
    for _ in range(2):
        with statements() as asked:
            jan.get("/portal")
        counts.append([each for each in asked if "notices" in each])
        some_notices(firm, JAN, *[NoticeKind.CLIENT_ACTIVE] * 50)

    assert [len(each) for each in counts] == [1, 1]


# ---- faults of invitations that others had (they are numbered in our notes)


def test_of_two_browsers_at_the_same_moment_one_gets_in_and_the_other_reads_that_the_link_was_used(asked):
    grants.invite_contact(*ids(asked.page), ERIKA)
    path = activation()
    browsers = [Browser(), Browser()]
    forms = [entries(browser.read(path).select_one("main form")) for browser in browsers]

    answers = at_once(
        *(
            lambda browser=browser, form=form: browser.post(path, data=form | {"password": PASSWORD})
            for browser, form in zip(browsers, forms, strict=True)
        )
    )

    assert sorted(answer.status_code for answer in answers) == [200, 410]
    loser = next(answer for answer in answers if answer.status_code == 410)
    assert "Dieser Link hat seinen Zweck erfüllt" in loser.text
    assert BeautifulSoup(loser.text, "lxml").select_one("a[href='/auth/login']") is not None


def ids(page):
    return [int(number) for number in re.findall(r"\d+", page)]


def test_a_scanner_that_opens_a_link_ever_so_often_uses_it_not_and_is_let_in_nowhere(asked):
    grants.invite_contact(*ids(asked.page), ERIKA)
    scanner = Browser()
    scanner.get(activation())  # That the page was opened is kept once, and is all that is.
    before = everything()

    for _ in range(5):
        assert scanner.get(activation()).status_code == 200
        assert scanner.head(activation()).status_code == 405

    assert everything() == before
    assert scanner.cookies.get("session") is None
    assert scanner.get("/portal").url.path == "/auth/login"


def test_an_address_in_capitals_is_the_same_person(asked):
    grants.invite_contact(*ids(asked.page), ERIKA)
    registered(MAX, Purpose.ACTIVATE)

    answer = Browser().send_form("/auth/login", email=MAX.upper(), password=PASSWORD)

    assert answer.url.path == "/portal"
    with reading() as session:
        assert len(session.scalars(select(Login).where(Login.email.ilike(MAX))).all()) == 1


def test_wrong_entries_however_many_neither_kill_the_link_nor_the_person(asked):
    grants.invite_contact(*ids(asked.page), ERIKA)
    browser = Browser()

    for typed in ("", "kurz", "passwort", "x" * 300):
        assert browser.send_form(activation(), password=typed).status_code == 422

    assert browser.send_form(activation(), password=PASSWORD).status_code == 200
    assert person(asked.who).withdrawn_at is None


def test_who_is_pending_is_helped_by_a_forgotten_password_and_by_trying_to_sign_in_and_nobody_sees_that(clock, asked):
    grants.invite_contact(*ids(asked.page), ERIKA)
    first = activation()
    clock(minutes=20)

    answers = {}
    for email in (MAX, "nobody@beispiel.example"):
        forgot = Browser().send_form("/auth/forgot", email=email)
        tried = Browser().send_form("/auth/login", email=email, password=PASSWORD)
        answers[email] = [
            re.sub(r'"[\w.-]{40,}"|value="[^"]*@[^"]*"', "", answer.text) + str(answer.status_code)
            for answer in (forgot, tried)
        ]

    assert answers[MAX] == answers["nobody@beispiel.example"]
    assert len(outbox("invitation")) == 3
    assert outbox("reset_password") == []
    assert Browser().get(first).status_code == 200  # A try makes no link useless that is there.
    for _ in range(4):
        Browser().send_form("/auth/login", email=MAX, password=PASSWORD)
    assert len(outbox("invitation")) == 3


def test_who_has_an_account_is_sent_no_link_to_activate_because_a_password_was_wrong(asked):
    grants.invite_contact(*ids(asked.page), ERIKA)
    registered(MAX, Purpose.ACTIVATE)
    before = outbox()

    Browser().send_form("/auth/login", email=MAX, password="falsch geraten, leider")

    assert outbox() == before


def test_a_second_account_leaves_the_link_to_the_first_alive(asked):
    firm = ids(asked.page)[0]
    other = account(firm, "Muster und Söhne", asked.who)
    grants.invite_contact(firm, asked.account, asked.who, ERIKA)
    first = activation()
    grants.invite_contact(firm, other, asked.who, ERIKA)

    assert activation() != first
    assert [Browser().get(path).status_code for path in (first, activation())] == [200, 200]
    assert Browser().send_form(first, password=PASSWORD).url.path == "/portal"
    assert (place(asked.account, asked.who).login, place(other, asked.who).login) == (True, True)


def test_whoever_is_signed_in_as_somebody_else_is_told_before_the_form_and_goes_on_once_signed_out(asked):
    grants.invite_contact(*ids(asked.page), ERIKA)
    path = activation()

    shown = asked.erika.get(path)
    assert shown.status_code == 403
    assert 'type="password"' not in shown.text
    for address in (ERIKA, MAX):
        assert address in BeautifulSoup(shown.text, "lxml").main.text
    refused = asked.erika.post(path, data={"form_token": asked.erika.form_token("/imprint"), "password": PASSWORD})
    assert refused.status_code == 403
    assert person(asked.who).registered_at is None
    answer = asked.erika.send_form(path, "/auth/logout")

    assert answer.url.path == path
    assert BeautifulSoup(answer.text, "lxml").select_one("#password") is not None
    assert asked.erika.send_form(path, password=PASSWORD).url.path == "/portal"


def test_signing_out_leads_to_no_other_site(asked):
    answer = asked.erika.post(
        "/auth/logout",
        data={"form_token": asked.erika.form_token("/imprint"), "next": "https://evil.example/"},
        follow_redirects=False,
    )

    assert answer.headers["location"] == "/auth/login?said=signed_out"


def test_who_is_active_and_follows_the_old_link_is_led_to_sign_in(asked):
    grants.invite_contact(*ids(asked.page), ERIKA)
    path = activation()
    registered(MAX, Purpose.ACTIVATE)

    answer = Browser().get(path)

    assert answer.status_code == 410
    assert BeautifulSoup(answer.text, "lxml").select_one("main a[href='/auth/login']") is not None


def test_who_closes_the_browser_finds_the_same_form_by_the_same_link_with_what_they_are_called(asked):
    grants.invite_contact(*ids(asked.page), ERIKA)

    for _ in range(2):
        form = entries(Browser().read(activation()).select_one("main form"))
        assert (form["given_name"], form["family_name"]) == ("Max", "Beispiel")


def test_a_link_that_is_dead_says_when_a_newer_mail_was_sent_and_offers_another(asked, clock):
    firm, client, contact_id = ids(asked.page)
    grants.invite_contact(firm, client, contact_id, ERIKA)
    old = activation()
    grants.switch(firm, client, contact_id, Switch.LOGIN, on=False, by=ERIKA)
    assert "Diese Einladung wurde zurückgezogen" in Browser().get(old).text
    clock(days=1)
    grants.invite_contact(firm, client, contact_id, ERIKA)

    answer = Browser().get(old)

    assert answer.status_code == 410
    assert re.search(r"Am 16\. September 2026,? (um )?11:\d\d.* neuere E-Mail gesendet", answer.text)
    clock(minutes=20)
    assert "unterwegs" in Browser().send_form(old, "/auth/renew").text
    assert len(outbox("invitation")) == 3


def test_an_expired_link_offers_a_new_one_before_any_form(asked, clock):
    grants.invite_contact(*ids(asked.page), ERIKA)
    old = activation()
    clock(days=30)

    shown = Browser().get(old)
    assert 'type="password"' not in shown.text
    Browser().send_form(old, "/auth/renew")

    assert (len(outbox("invitation")), activation() == old) == (2, False)
    assert Browser().get(activation()).status_code == 200


def test_what_is_sent_again_is_the_same_invitation_with_a_new_link_by_every_button(asked, clock):
    firm, client, contact_id = ids(asked.page)
    grants.invite_contact(firm, client, contact_id, ERIKA, "Willkommen")
    for number, send in enumerate(
        (
            lambda: asked.erika.post(
                f"{asked.page}/resend", data={"form_token": asked.erika.form_token("/imprint")}, follow_redirects=False
            ),
            lambda: asked.erika.post(
                f"{asked.page}/invite",
                data={"form_token": asked.erika.form_token("/imprint"), "message": "Willkommen"},
                follow_redirects=False,
            ),
            lambda: asked.erika.send_form(f"/firm/{firm}/clients", f"/firm/{firm}/resend"),
        ),
        2,
    ):
        clock(minutes=20)
        before = activation()
        send()
        assert (len(outbox("invitation")), activation() == before) == (number, False)

    with reading() as session:
        assert len(session.scalars(select(Link.id).where(Link.person_id == contact_id)).all()) == 1
        assert {
            mail.facts["message"] for mail in session.scalars(select(Outgoing).where(Outgoing.person_id == asked.who))
        } == {"Willkommen"}


def test_the_list_says_until_when_a_link_is_good_or_that_it_has_expired(asked, clock):
    firm = ids(asked.page)[0]
    grants.invite_contact(*ids(asked.page), ERIKA)

    assert "Link gültig bis" in asked.erika.get(f"/firm/{firm}/clients").text
    clock(days=30)

    assert "Link abgelaufen" in signed_in().get(f"/firm/{firm}/clients").text


def test_a_removed_contact_who_is_added_again_gets_a_fresh_link_and_the_old_one_opens_nothing(asked):
    firm = ids(asked.page)[0]
    grants.invite_contact(*ids(asked.page), ERIKA)
    old = activation()
    asked.erika.post(
        f"/firm/{firm}/withdraw", data={"form_token": asked.erika.form_token("/imprint"), "person": str(asked.who)}
    )
    assert "zurückgezogen" in Browser().get(old).text
    asked.erika.send_form(f"/firm/{firm}/clients", **{"name-0": "Max Beispiel", "email-0": MAX})
    with reading() as session:
        case_id = session.scalars(select(Onboarding.id).where(Onboarding.firm_id == firm)).one()
    invitations.invite_clients.fn(case_id)

    assert Browser().get(old).status_code == 410
    assert Browser().get(activation()).status_code == 200


def test_whoever_is_no_longer_invited_is_told_so_and_offered_nothing(asked):
    firm, client, contact_id = ids(asked.page)
    grants.invite_contact(firm, client, contact_id, ERIKA)
    path = activation()
    grants.switch(firm, client, contact_id, Switch.LOGIN, on=False, by=ERIKA)

    shown = BeautifulSoup(Browser().get(path).text, "lxml")

    assert "zurückgezogen" in shown.main.text
    assert shown.select_one("main form") is None


def test_a_client_without_any_account_signs_in_and_reads_that_none_is_open(asked):
    firm, client, contact_id = ids(asked.page)
    grants.invite_contact(firm, client, contact_id, ERIKA)
    registered(MAX, Purpose.ACTIVATE)
    assert "Ihr Zugang ist aktiv" in signed_in(MAX).get("/portal").text
    grants.switch(firm, client, contact_id, Switch.LOGIN, on=False, by=ERIKA)

    assert "kein Konto" in signed_in(MAX).get("/portal").text


def test_nothing_that_opens_something_stands_in_what_a_member_sees(asked):
    grants.invite_contact(*ids(asked.page), ERIKA)
    secret = token(MAX, Purpose.ACTIVATE)

    for path in ("invite", "password", "confirm"):
        assert secret not in asked.erika.get(f"{asked.page}/{path}").text
    with reading() as session:
        assert registration.opened(secret, Purpose.ACTIVATE).person.id == asked.who
        assert secret not in repr(session.scalars(select(Outgoing.facts)).all())
