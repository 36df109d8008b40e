"""Who of an account's contacts gets what, by their switches and roles."""

import pytest

from models.clients.client import ClientContact
from models.clients.recipients import Item, gets

OFF = {"login": False, "notify": False, "email_sync": False}
ROLES = ("is_commercial", "is_main_commercial", "is_operational")
EMAIL = "max@beispiel.example"


def got(email: str = EMAIL, **switches: bool) -> set[Item]:
    return set(gets(ClientContact(**OFF | dict.fromkeys(ROLES, False) | switches), email))


def test_login_opens_the_account_in_the_portal_and_without_it_stays_closed():
    assert Item.PORTAL in got(login=True)
    assert Item.PORTAL not in got(notify=True)


def test_notify_brings_the_portals_mails_and_those_to_many_and_off_brings_none():
    assert got(notify=True) == {Item.MAILS}
    assert got() == set()


def test_email_sync_shows_the_mail_with_the_contact_at_the_account():
    assert got(email_sync=True) == {Item.MAIL_SYNC}


def test_the_commercial_contact_answers_for_the_agreement_and_the_main_one_gets_the_invoices():
    assert got(is_commercial=True) == {Item.AGREEMENTS, Item.INVOICE_COPIES}
    assert got(is_commercial=True, is_main_commercial=True) == {Item.AGREEMENTS, Item.INVOICES}
    assert Item.PORTAL in got(is_commercial=True, login=True)


def test_the_operational_contact_gets_what_case_files_and_workflows_send_by_themselves():
    assert Item.AUTOMATIC in got(is_operational=True, notify=True)
    assert Item.AUTOMATIC not in got(is_commercial=True, login=True, notify=True)


def test_an_employee_may_come_in_and_is_written_to_in_the_inbox_of_the_case_file():
    assert got(login=True) == {Item.PORTAL, Item.CASE_INBOX}
    assert Item.CASE_INBOX not in got(login=True, is_operational=True)


def test_one_contact_may_be_commercial_and_operational_at_once():
    both = got(is_commercial=True, is_operational=True, login=True, notify=True)
    assert {Item.AGREEMENTS, Item.AUTOMATIC} <= both
    assert Item.CASE_INBOX not in both


@pytest.mark.parametrize("switch", ["login", "notify", "email_sync", *ROLES])
def test_without_an_address_nothing_reaches_anybody(switch):
    assert got("", **{switch: True}) == set()
