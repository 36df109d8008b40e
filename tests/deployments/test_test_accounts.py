# ruff: noqa: F401, F811  (fixtures)
"""A test account is marked wherever its firm is named, to operators and to itself, and never billed."""

import pytest

from models.contracts.contract import Contract
from models.db import reading, transaction
from models.queries.board import board
from tasks.contracts import changes
from tasks.mail.compose import write
from tasks.people import sessions
from tasks.people.operators import tell_new
from tests.deployments.browser import Browser
from tests.deployments.test_contract_pages import PAGE, firm_id, said
from tests.factories import PASSWORD, mails, operator
from tests.tasks.test_contracts import CLIENT, ends

MARK = "Testkonto"


@pytest.fixture
def tried(firm_id):
    """The firm has a test account, and asks an operator something."""
    with transaction() as session:
        Contract.of(session, firm_id).is_test = True
    ends(firm_id, 1)
    changes.ask_undo(firm_id, 1, CLIENT)
    return firm_id


def test_operators_see_on_the_board_in_the_case_and_among_decisions_that_it_is_one(tried):
    clerk = Browser(operator())
    for path in ("/board", "/board/decisions", "/board/cases/1", "/firm/1", "/firm/1/details", PAGE):
        assert MARK in said(clerk.get(path)), path
    assert "davon 1 Testkonto" in said(clerk.get("/board"))
    with reading() as session:
        found = board(session)
    assert (found.tests, [case.is_test for case in found.cases]) == (1, [True])


def test_its_own_people_see_it_on_every_page(tried):
    owner = Browser(sessions.sign_in("erika@freitag.example", PASSWORD))
    for path in ("", "/details", "/logo", "/caseworkers", "/clients", "/accounts", "/contract", "/settings"):
        assert MARK in said(owner.get(f"/firm/{tried}{path}")), path


def text_of(kind: str) -> str:
    return str(write(mails(kind)[-1], None, None).get_body(("plain",)).get_content())


def test_mails_to_operators_about_it_say_so(tried, clock):
    operator()
    clock(hours=1)
    tell_new.fn()
    for kind in ("change_declared", "decisions_wait"):
        assert MARK in text_of(kind), kind


def test_any_other_account_bears_no_mark(firm_id):
    ends(firm_id, 1)
    clerk = Browser(operator())
    for path in ("/board", "/board/cases/1", "/firm/1", "/firm/1/details"):
        assert MARK not in said(clerk.get(path)), path
    assert MARK not in text_of("change_declared")
