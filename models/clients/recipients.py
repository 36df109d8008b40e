"""Who of an account's contacts gets what: the one place that decides it."""

from collections.abc import Collection
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.clients.client import Client, ClientContact


class Item(StrEnum):
    """What the firm and the portal send to an account, or open to it."""

    PORTAL = "portal"
    """Sees the account in the portal."""
    INVOICES = "invoices"
    """Invoices and credit notes are addressed to them."""
    INVOICE_COPIES = "invoice_copies"
    """Gets a copy of these."""
    AGREEMENTS = "agreements"
    """What the business between both is agreed in."""
    AUTOMATIC = "automatic"
    """What case files and workflows send by themselves."""
    CASE_INBOX = "case_inbox"
    """Messages in the inbox of the case file."""
    MAILS = "mails"
    """Mails of the portal, of reminders, and to many."""
    MAIL_SYNC = "mail_sync"
    """Mail with them is shown at the account."""


def gets(contact: ClientContact, email: str) -> list[Item]:
    """What this contact gets about this account, at this address, which may be empty.

    The main commercial contact gets the invoices, other commercial contacts copies. The operational contact gets what
    case files send by themselves; who is neither, an employee, is written to in the inbox of the case file. Without
    NOTIFY nothing comes by mail but what somebody writes to them by hand, without an address nothing at all.
    """
    sees = contact.login and bool(email)
    items = {
        Item.PORTAL: sees,
        Item.INVOICES: contact.is_main_commercial and bool(email),
        Item.INVOICE_COPIES: contact.is_commercial and not contact.is_main_commercial and bool(email),
        Item.AGREEMENTS: contact.is_commercial and bool(email),
        Item.AUTOMATIC: contact.is_operational and contact.notify and bool(email),
        Item.CASE_INBOX: contact.is_employee and sees,
        Item.MAILS: contact.notify and bool(email),
        Item.MAIL_SYNC: contact.email_sync and bool(email),
    }
    return [item for item, does_get in items.items() if does_get]


def muted(session: Session, person_ids: Collection[int]) -> set[int]:
    """Of these people the contacts to whom no reminder and no bulk mail goes: of all of their accounts each has NOTIFY
    off, or is archived.
    """
    if not person_ids:
        return set()
    theirs = select(ClientContact.person_id).where(ClientContact.person_id.in_(person_ids))
    hears = theirs.join(Client, Client.id == ClientContact.client_id)
    hears = hears.where(ClientContact.notify, Client.archived_at.is_(None))
    return set(session.scalars(theirs)) - set(session.scalars(hears))
