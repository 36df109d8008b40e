"""Whoever comes by a link from a mail is spoken to as the mail spoke, whether the link opens anything or not."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from models.db import reading, transaction
from models.link import PATHS, Link, Purpose, later_token
from models.onboarding import Onboarding
from models.people.login import Login
from models.people.manners import AddressForm, Language
from models.people.person import Person, Role
from models.time.clock import now
from tasks.text.i18n import Reader
from tests.deployments.browser import Browser
from tests.factories import advance, opened, registered

pytestmark = pytest.mark.usefixtures("quiet")

MANNERS = [Reader(Language.FRENCH), Reader(Language.ENGLISH), Reader(Language.GERMAN, AddressForm.DU)]
OTHER = {"fr": "de", "en": "fr", "de": "en"}
"""What the browser asks for, by the person's language: another one."""


@pytest.fixture
def person() -> int:
    """An organiser with an account, who holds a link for each purpose."""
    advance(opened())
    registered()
    with transaction() as session:
        person = session.scalars(select(Person).where(Person.role == Role.ORGANISER)).one()
        for purpose in Purpose:
            holder = {"account": person.account_id} if purpose is Purpose.RESET_PASSWORD else {"person": person.id}
            Link.to(session, purpose, now(), **holder)
        return person.id


def good(session, person, links):
    """Nothing became of it."""


def used(session, person, links):
    for link in links:
        link.used_at = now()


def expired(session, person, links):
    for link in links:
        link.expires_at = now() - timedelta(days=1)


def replaced(session, person, links):
    for link in links:
        link.renew(now())


def withdrawn(session, person, links):
    person.withdrawn_at = now()


def paused(session, person, links):
    person.paused_at = now()


def stopped(session, person, links):
    Onboarding.of_firm(session, person.firm_id).stopped_at = now()


BECOMES = [good, used, expired, replaced, withdrawn, paused, stopped]


@pytest.mark.parametrize("become", BECOMES)
def test_a_link_speaks_as_its_holder_likes_it_whatever_has_become_of_it(person, become):
    with reading() as session:
        found = session.get_one(Person, person)
        links = session.scalars(select(Link)).all()
        paths = [PATHS[link.purpose].format(link.token) for link in links]
        paths.append(f"/later/{later_token(found.id, found.email)}")
    with transaction() as session:
        become(session, session.get_one(Person, person), session.scalars(select(Link)).all())

    for number, manners in enumerate(MANNERS):
        with transaction() as session:
            for one in (session.get_one(Person, person), session.scalars(select(Login)).one()):
                one.language, one.address_form = manners.language, manners.form
        # Each two of link, manners and what became of it come together.
        for path in paths[(number + BECOMES.index(become)) % len(MANNERS) :: len(MANNERS)]:
            browser = Browser(**{"accept-language": OTHER[manners.language]})

            page = browser.read(path)

            assert (path, page.html["lang"], browser.cookies["reader"]) == (path, manners.language, manners.catalogue)


def test_what_is_refused_behind_a_reminder_is_refused_as_its_reader_likes_it(person):
    with transaction() as session:
        found = session.get_one(Person, person)
        found.address_form = AddressForm.DU
        path = f"/later/{later_token(found.id, found.email)}"
    browser = Browser()
    token = browser.form_token()
    with transaction() as session:
        stopped(session, session.get_one(Person, person), [])

    browser.post(f"{path}/not-me", data={"form_token": token})

    assert browser.cookies["reader"] == "de_du"
