"""What of a case goes together when its time is over: which rows are deleted, and which only cease to tell of people.

The trail repeats rows of the case, its firm, its people, its agreement and its contract: they stay, with numbers,
moments and kinds, and what they told of people is gone from them as it is from the trail. No number is given again by
that, nor a link or a company ID. All else is deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Enum,
    LargeBinary,
    String,
    Table,
    Text,
    and_,
    case,
    cast,
    delete,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from models.agreement import Agreement
from models.audit import MACHINES
from models.clients.access import ClientAccess
from models.clients.bulk_invitation import BulkInvitation, BulkRecipient
from models.clients.card import Card, Phone
from models.clients.client import Client, ClientContact
from models.clients.custom_field import CustomField
from models.clients.group import Group, GroupMember
from models.clients.imports import Import, ImportContact, ImportKey, ImportMapping, ImportRecord
from models.clients.portfolio import Portfolio, PortfolioClient, PortfolioMember
from models.clients.sign_up import SignUp
from models.clients.tag import ClientTag, ContactTag, Tag
from models.clients.words import ClientWords
from models.code import Code
from models.contracts.booking import Booking, Change
from models.contracts.contract import Contract, Recipient
from models.contracts.handover import Billing, Charge
from models.contracts.legal import Consent, FormerLetter
from models.contracts.vat import VatAnswer, VatSilence
from models.db import Base
from models.decision import Decision
from models.firm import Firm
from models.link import FormerToken, Link, Opening
from models.logo import Logo, LogoPermission
from models.mail.outbox import Outgoing
from models.people.api_token import ApiReply, ApiToken
from models.people.notice import Notice
from models.people.person import Person, Role
from models.people.succession import Succession
from models.privacy import telling
from models.reminders.cadence import Cadence, Level, Pause
from models.reminders.reminder import Reminder
from models.retention.hold import Hold
from models.retention.request import PrivacyRequest
from models.subscription import Subscription

NOBODY = "–"
"""Stands where a column must hold something."""


@dataclass(frozen=True)
class Part:
    """Rows of one table that belong to a case."""

    table: type[Base]
    mine: ColumnElement[bool]
    stays: bool = False
    """The trail repeats them: they cease to tell of people. All others are deleted."""
    frees: InstrumentedAttribute[Any] | None = None
    """They stay as they are, and point nowhere by this column any more."""

    @property
    def key(self) -> Column[Any]:
        (key,) = table_of(self.table).primary_key.columns
        return key

    def some(self, session: Session, after: Any, most: int) -> list[Any]:
        """The keys of the next few, in order; *after*: those behind this one."""
        query = select(self.key).where(self.mine)
        query = query if after is None else query.where(self.key > after)
        return [*session.scalars(query.order_by(self.key).limit(most))]

    def go(self, session: Session, keys: Sequence[Any]) -> None:
        """Delete these, or take from them what tells of people."""
        theirs = self.key.in_(keys)
        if self.frees is not None:
            session.execute(update(table_of(self.table)).where(theirs).values({self.frees.key: None}))
            return
        blank = blanks(table_of(self.table)) if self.stays else {}
        if not self.stays:
            session.execute(delete(self.table).where(theirs).execution_options(synchronize_session=False))
        elif blank:
            emptied = update(table_of(self.table)).where(theirs).values(blank)
            session.execute(emptied)


def table_of(kind: type[Base]) -> Table:
    assert isinstance(kind.__table__, Table)
    return kind.__table__


def blanks(table: Table) -> dict[str, Any]:
    """What its columns that tell of people hold once they do not any more. What is empty stays as it is."""
    return {column.name: _blank(column) for column in telling(table) if not _says_little(column)}


def _says_little(column: Column[Any]) -> bool:
    """A language or hours say nothing of anybody who is nameless."""
    kind = column.type
    return isinstance(kind, Enum) or (not isinstance(kind, String | JSON | LargeBinary) and not column.nullable)


def _blank(column: Column[Any]) -> Any:
    name, key = f"{column.table.name}.{column.name}", column.table.c.get("id")
    empty: Any = None if column.nullable else ""
    if name == "persons.email":
        empty = case((column.table.c.role == Role.CLIENT, ""), else_=literal("removed-") + cast(key, String))
    elif name in {"firms.name", "firms.business", "persons.family_name", "agreements.signer"}:
        empty = NOBODY
    elif name in {"decisions.answered_by", "agreements.withdrawn_by"}:  # What the trail says in the clear stays.
        return case((column.in_(MACHINES), column), else_=None)
    if isinstance(column.type, LargeBinary):
        return b""
    if isinstance(column.type, JSON):
        return {} if not column.nullable else case((cast(column, Text).in_(["{}", "null"]), column), else_=null())
    if not isinstance(column.type, String):
        return None
    return case((or_(column.is_(None), column == ""), column), else_=empty)


def parts(case_id: int, firm_id: int, *, whole: bool) -> list[Part]:
    """All that goes, in an order in which nothing points to what is gone.

    What tells of the firm's clients and how it was given; if *whole* also all else of the case and its firm. Not the
    documents, nor what the trail tells.
    """
    of_firm = Person.firm_id == firm_id
    people = select(Person.id).where(of_firm if whole else and_(of_firm, Person.role == Role.CLIENT))
    clients = select(Client.id).where(Client.firm_id == firm_id)
    imports = select(Import.id).where(Import.firm_id == firm_id)
    bulks = select(BulkInvitation.id).where(BulkInvitation.firm_id == firm_id)
    links = select(Link.id).where(Link.person_id.in_(people))
    tokens = select(ApiToken.id).where(ApiToken.firm_id == firm_id)
    begun = [
        Part(BulkRecipient, BulkRecipient.bulk_id.in_(bulks)),
        Part(Outgoing, Outgoing.bulk_id.in_(bulks)),
        Part(Outgoing, Outgoing.onboarding_id == case_id if whole else Outgoing.person_id.in_(people)),
        Part(ImportKey, ImportKey.import_id.in_(imports)),
        Part(ImportContact, ImportContact.import_id.in_(imports)),
        Part(ImportRecord, ImportRecord.import_id.in_(imports)),
        Part(Import, Import.firm_id == firm_id),
        Part(BulkInvitation, BulkInvitation.firm_id == firm_id),
        Part(SignUp, SignUp.firm_id == firm_id),
        *(
            Part(table, column.in_(clients))
            for table, column in (
                (ClientTag, ClientTag.client_id),
                (PortfolioClient, PortfolioClient.client_id),
                (ClientAccess, ClientAccess.client_id),
                (ClientContact, ClientContact.client_id),
                (ClientWords, ClientWords.client_id),
            )
        ),
        *(
            Part(table, column.in_(people))
            for table, column in (
                (ContactTag, ContactTag.person_id),
                (Card, Card.person_id),
                (GroupMember, GroupMember.person_id),
                (PortfolioMember, PortfolioMember.person_id),
                (Phone, Phone.person_id),
                (Notice, Notice.person_id),
                (Code, Code.person_id),
                (Reminder, Reminder.person_id),
                (PrivacyRequest, PrivacyRequest.person_id),
            )
        ),
        Part(FormerToken, FormerToken.link_id.in_(links)),
        Part(Opening, Opening.link_id.in_(links)),
        Part(Link, Link.person_id.in_(people)),
        Part(Client, Client.firm_id == firm_id, stays=True),
        Part(Person, Person.id.in_(people), stays=True),
    ]
    if not whole:
        return begun
    levels = {Level.FIRM: firm_id, Level.CASE: case_id}
    rest = [
        Part(Reminder, Reminder.onboarding_id == case_id),
        Part(Succession, Succession.onboarding_id == case_id),
        Part(Logo, Logo.firm_id == firm_id),
        Part(LogoPermission, LogoPermission.firm_id == firm_id),
        Part(ApiReply, ApiReply.token_id.in_(tokens)),
        Part(ApiToken, ApiToken.firm_id == firm_id),
        *(
            Part(table, table.firm_id == firm_id)
            for table in (Tag, Group, Portfolio, CustomField, ImportMapping, Recipient, VatSilence, FormerLetter)
        ),
        *(
            Part(table, and_(table.level == level, table.owner_id == owner_id))
            for table in (Cadence, Pause)
            for level, owner_id in levels.items()
        ),
        Part(Hold, Hold.firm_id == firm_id),
        Part(Decision, Decision.onboarding_id == case_id, stays=True),
        Part(Agreement, Agreement.onboarding_id == case_id, stays=True),
        Part(Charge, Charge.billing_id.in_(select(Billing.id).where(Billing.firm_id == firm_id)), stays=True),
        *(
            Part(table, table.firm_id == firm_id, stays=True)
            for table in (Billing, VatAnswer, Consent, Change, Booking, Contract, Subscription)
        ),
        Part(Firm, Firm.id == firm_id, stays=True),
    ]
    return begun + rest


def pieces(whole: type[Base], key: int) -> list[Part]:
    """What hangs on an import or on invitations to many, and goes before it."""
    if whole is Import:
        return [Part(table, table.import_id == key) for table in (ImportKey, ImportContact, ImportRecord)]
    return [
        Part(BulkRecipient, BulkRecipient.bulk_id == key),
        Part(Outgoing, Outgoing.bulk_id == key, frees=Outgoing.bulk_id),
    ]
