"""The pages about many clients at once: in each state of what they show, in each language, and whatever is absent."""

import re
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import select

from models.clients.bulk_invitation import BulkInvitation, BulkState, StopReason
from models.clients.imports import Import, ImportState
from models.db import transaction
from models.people.login import Login
from models.people.manners import AddressForm
from models.people.person import Person
from models.people.staff import Rank, Rights
from tasks.clients import bulk_invitations, grants
from tasks.clients.audience import Audience
from tasks.clients.imports import course, work
from tasks.clients.pending import Sought
from tasks.people import api_tokens
from tasks.people.sessions import sign_in
from tasks.reminders import follow_up
from tests import api
from tests.absent import variants
from tests.contacts import account, contact
from tests.deployments.browser import Browser, assert_well_built
from tests.deployments.test_import_pages import MIXED
from tests.factories import PASSWORD, firm_of
from tests.remembered import remembered
from tests.tasks.test_accounts import ERIKA, ZOE, give, member, with_staff

pytestmark = pytest.mark.usefixtures("quiet")

OPEN = {ImportState.UPLOADED, ImportState.PLANNED}
OVER = {ImportState.DONE, ImportState.CANCELLED}
STILL = ("", "/import", "/pending", "/invitations", "/invitations/new", "/invitations/new?import=1")
"""Pages of the list of accounts that show the same in each state."""
TIED = frozenset({
    "ImportRecord.draft", "ImportRecord.told", "Import.format", "Client.name", "Client.search", "Person.family_name",
    "PendingList.counts", "BulkInvitation.audience",
})  # fmt: skip
"""What a rule ties to something else: never absent alone."""


@remembered
def at_work() -> int:
    """A firm with an import that has questions and was gone through, invitations to many, somebody who was invited
    and a token of its own.
    """
    firm_id = firm_of(with_staff())
    import_id = course.start(firm_id, ERIKA, "Mandanten.csv", MIXED, member=member())
    work.go_on(import_id)
    course.begin(firm_id, import_id, ERIKA)
    work.go_on(import_id)
    bulk_invitations.ask_to_invite(member(), ERIKA, Audience(imported=import_id), "Guten Tag!")
    while bulk_invitations.hand_over(firm_id, 1) is not None:
        pass
    anna = contact(firm_id, "Anna", "Beispiel", "anna@beispiel.example")
    grants.invite_contact(firm_id, account(firm_id, "Anna GmbH", anna), anna, ERIKA)
    api.token(firm_id)
    return firm_id


@pytest.fixture
def firm():
    return f"/firm/{at_work()}"


def put(kind, state, **facts) -> None:
    """The one import, or the one bulk invitation, is in this state."""
    with transaction() as session:
        row = session.scalars(select(kind)).one()
        row.state = state
        for name, value in facts.items():
            setattr(row, name, value)


def paths(firm: str):
    """Every page, once in each state of what it shows."""
    yield from (f"{firm}/accounts{page}" for page in STILL)
    yield f"{firm}/settings/tokens"
    for state in ImportState:
        put(Import, state)
        page = f"{firm}/accounts/imports/1"
        yield from [page, *[f"{page}/columns"] * (state in OPEN), *[f"{page}/undo"] * (state in OVER)]
    for state in BulkState:
        for reason in [*StopReason] if state is BulkState.STOPPED else [None]:
            put(BulkInvitation, state, stop_reason=reason)
            yield f"{firm}/accounts/invitations/1"


def test_each_is_built_for_keyboards_screen_readers_and_a_strict_browser(firm):
    session, seen = sign_in(ERIKA, PASSWORD), set()
    languages = {one: Browser(session, **{"accept-language": one}) for one in ("de", "fr", "en")}
    for language, browser in languages.items():
        browser.cookies.set("language", language, domain="127.0.0.1")

    for path in paths(firm):
        for language, browser in languages.items():
            answer = browser.get(path)
            assert answer.status_code == 200, path
            assert_well_built(BeautifulSoup(answer.text, "lxml"), language, f"{path} in {language}")
            seen.add(answer.text.partition("<main")[2].partition("form_token")[0])

    assert len(seen) > 50  # Each state has a page of its own.


@pytest.mark.parametrize("manages", [True, False])
def test_somebody_with_fewer_rights_and_du_sees_what_is_theirs(firm, manages):
    give(1, Rights(Rank.STAFF, manages_accounts=manages, has_default_access=True), ZOE)
    who = member(ZOE).person_id
    with transaction() as session:
        for kind in (Login, Person):
            session.scalars(select(kind).where(kind.email == ZOE)).one().address_form = AddressForm.DU
        session.scalars(select(Import)).one().person_id = who
    zoe = Browser(sign_in(ZOE, PASSWORD))

    answers = {path: zoe.get(path) for path in paths(firm)}

    allowed = {path for path, answer in answers.items() if answer.status_code == 200}
    assert set(answers) - allowed == {path for path in answers if "tokens" in path or not manages} - {
        f"{firm}/accounts",
        f"{firm}/accounts/pending",
    }
    for path in allowed:
        page = BeautifulSoup(answers[path].text, "lxml").main
        for mail in page.select("pre, dl"):  # Somebody else is spoken to there.
            mail.extract()
        assert re.findall(r"\bIhnen\b|\bIhre?\w*|\w+en Sie\b|\bSie \w+en\b", page.text) == [], path
        assert manages or not page.select("form[method=post] button"), path


def test_each_stays_whole_whatever_is_absent(firm, monkeypatch):
    """With each thing left out by itself, and with all of it."""
    erika, who = Browser(sign_in(ERIKA, PASSWORD)), member()
    firm_id, page = who.firm_id, f"{firm}/accounts"
    waiting = follow_up.listed(who, Sought())
    shown = [
        (f"{page}/imports/1", course, "one", course.one(firm_id, 1)),
        (f"{page}/imports/1", course, "preview", course.preview(firm_id, 1)[:4]),
        (f"{page}/invitations/1", bulk_invitations, "view", bulk_invitations.view(who, 1)),
        (f"{page}/invitations", bulk_invitations, "asked_for", bulk_invitations.asked_for(who)),
        (f"{page}/pending", follow_up, "listed", replace(waiting, rows=waiting.rows[:1])),
        (f"{firm}/settings/tokens", api_tokens, "listed", api_tokens.listed(firm_id)),
    ]
    faults, tried = {}, 0
    for path, module, name, whole in shown:
        for absent, variant in [("nothing", whole), *variants(whole, TIED)]:
            with monkeypatch.context() as patched:
                patched.setattr(module, name, lambda *_, found=variant, **__: found)
                tried += 1
                try:
                    answer = erika.get(path)
                    fault = "" if answer.status_code == 200 else str(answer.status_code)
                except Exception as error:  # noqa: BLE001
                    fault = repr(error)
                if fault:
                    faults[path, absent] = fault

    assert faults == {}
    assert tried > 60
