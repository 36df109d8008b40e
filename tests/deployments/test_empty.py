"""A field that was left empty is told to be missing: nobody reads that “” is no address, or of 0 characters."""

import re

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import select

from models.db import transaction
from models.firm import Firm
from models.link import Link, Purpose
from models.people.login import Login
from models.time.clock import now
from tasks.clients.settings import Kind
from tasks.people import sessions
from tests import factories
from tests.deployments.browser import Browser, entries, errors
from tests.factories import PASSWORD, token

pytestmark = pytest.mark.usefixtures("quiet")

ERIKA, PAULA = "erika@freitag.example", "paula@freitag.example"
ABOUT_NOTHING = re.compile(r"„\s*“|“\s*”|«\s*»|\b0 (Zeichen|characters|caractères)")


def sent_empty(browser, page):
    """Each form of the page, sent with nothing filled in, chosen or ticked: its address, and the answer."""
    for form in browser.read(page).select("main form[method=post]"):
        kept = {one["name"]: one.get("value", "") for one in form.select("input[type=hidden][name]")}
        shown = {name: "" for name in entries(form) if name not in kept}
        button = form.select_one("button[name]")
        to = form.get("action", page)
        yield to, browser.post(to, data={**shown, **kept, **({button["name"]: button["value"]} if button else {})})


def filled(case_id):
    """Pages with forms that are filled in, by who fills them in."""
    firm_id = factories.firm_of(case_id)
    firm = f"/firm/{firm_id}"
    link = factories.read_all()
    factories.code(link)
    with transaction() as session:
        erika = session.scalars(select(Login).where(Login.email == ERIKA)).one()
        reset = Link.to(session, Purpose.RESET_PASSWORD, now(), account=erika.id).token
        session.get_one(Firm, firm_id).offered_numbers = [861273, 861274]
    later = factories.opened("test:2", organiser={"name": "Paula Berg", "email": PAULA})
    factories.advance(later)
    organiser, operator = Browser(sessions.sign_in(ERIKA, PASSWORD)), Browser(factories.operator(manager=True))
    guest = [
        *("/auth/login", "/auth/forgot", "/privacy/data", "/auth/register?business_member", f"/auth/reset/{reset}"),
        f"/auth/register?business_member={token(PAULA, Purpose.REGISTER)}",
    ]
    yield from ((Browser(), page) for page in guest)
    yield from (
        (organiser, f"{firm}{page}") for page in ("/details", "/logo", "/caseworkers", "/clients", "/accounts/import")
    )
    yield from ((organiser, f"{firm}/settings/{kind}") for kind in (*Kind, "tokens"))
    yield from ((organiser, page) for page in ("/profile", f"/agreement/{link}/sign", f"/agreement/{link}"))
    catalogue = [f"/catalogue{page}" for page in ("/new/module/0", "/new/tariff/1", "/tariffs/1/prices", "/billing")]
    for page in (
        *(
            f"/cases/{later}",
            f"/cases/{later}/reminders",
            f"/cases/{later}/holds",
            "/start",
            "/operators",
            "/reminders",
            "/tokens",
        ),
        *catalogue,
    ):
        yield operator, f"/board{page}"


def test_no_form_tells_of_an_empty_field_what_it_would_of_a_wrong_one():
    told = {}
    for browser, page in filled(factories.with_organiser()):
        for to, answer in sent_empty(browser, page):
            assert answer.status_code != 500, to
            told[page, to] = list(errors(answer).values()) or [_alone(answer)] * (answer.status_code >= 400)

    said = [sentence for sentences in told.values() for sentence in sentences]
    assert len(said) > 20
    assert [sentence for sentence in said if ABOUT_NOTHING.search(sentence)] == []


def _alone(answer):
    """A refusal on a page of its own."""
    return BeautifulSoup(answer.text, "lxml").main.text


def test_who_sends_no_password_or_no_company_id_has_made_no_attempt():
    factories.advance(factories.opened())
    factories.registered()
    browser = Browser()

    for _ in range(12):
        assert list(errors(browser.send_form("/auth/login", email=ERIKA))) == ["password"]
        assert list(errors(browser.send_form("/auth/login"))) == ["email"]
        assert list(errors(browser.send_form("/auth/register?business_member", email=ERIKA))) == ["company_id"]

    assert browser.send_form("/auth/login", email=ERIKA, password=PASSWORD).url.path != "/auth/login"


def test_a_signed_copy_that_was_not_chosen_is_asked_for_on_the_page_of_the_agreement():
    factories.with_organiser()
    page = f"/agreement/{token(ERIKA, Purpose.AGREEMENT)}"

    answer = Browser().send_form(page, to=f"{page}/upload")

    assert (answer.status_code, list(errors(answer))) == (422, ["file"])
