"""To the people of a firm that comes aboard."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from models.link import Link
from models.logo import LogoPermission
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding, StepName
from models.people.person import Person
from models.time.clock import local_day
from tasks.mail.letterheads import Letterhead, Turn
from tasks.mail.letters.draft import draft, to_account


def welcome(case: Onboarding, to: Person, link: Link, head: Letterhead, at: datetime) -> Outgoing:
    """To the contact person, before all else: what will happen, with the link to the progress page."""
    return draft(MailKind.WELCOME, f"welcome:{to.id}:{link.generation}", case, to, head, at, link=link)


def register(turn: Turn, link: Link, head: Letterhead, at: datetime) -> Outgoing:
    """To the organiser or a caseworker who is to make an account, at first and as a reminder."""
    return to_account(MailKind.REGISTER, turn, link, head, at, message="", invited_by="")


def your_turn(
    case: Onboarding,
    to: Person,
    head: Letterhead,
    at: datetime,
    *,
    steps: Sequence[StepName],
    count: int,
    last: bool,
) -> Outgoing:
    """To the organiser, once a day at most: which *steps* wait for something to be told or supplied."""
    return draft(
        MailKind.YOUR_TURN,
        f"your_turn:{to.id}:{'+'.join(steps)}:{local_day(at)}",
        case,
        to,
        head,
        at,
        steps=steps,
        paths={step: f"/firm/{case.firm_id}/{step}" for step in steps},
        count=count,
        last=last,
        missing=case.firm.missing,
        path=f"/firm/{case.firm_id}",
    )


def company_id(
    case: Onboarding,
    to: Person | None,
    head: Letterhead,
    at: datetime,
    *,
    event: str,
    preferred: int | None,
    granted: bool,
    note: str,
) -> Outgoing:
    """To the organiser: whether the firm has the preferred number, and if not which free ones are near it.

    *event*: what has settled that, for the key; *note*: what an operator adds.
    """
    return draft(
        MailKind.COMPANY_ID,
        f"company_id:{event}",
        case,
        to,
        head,
        at,
        granted=granted,
        preferred=preferred,
        alternatives=case.firm.offered_numbers or [],
        note=note,
        path=f"/firm/{case.firm_id}" if granted else f"/firm/{case.firm_id}/details",
    )


def logo_found(case: Onboarding, to: Person, head: Letterhead, at: datetime, *, permission: LogoPermission) -> Outgoing:
    """To the organiser of a firm that has a logo: its website shows another, which it may choose."""
    key, path = f"logo_found:{permission.id}", f"/firm/{case.firm_id}/logo"
    return draft(MailKind.LOGO_FOUND, key, case, to, head, at, website=permission.website, path=path)


def case_taken_up(case: Onboarding, to: Person, head: Letterhead, at: datetime) -> Outgoing:
    """To the organiser: a case that was stopped goes on."""
    key = f"case_taken_up:{case.id}:{at.isoformat()}"
    return draft(MailKind.CASE_TAKEN_UP, key, case, to, head, at, path=f"/firm/{case.firm_id}")


class ChangedDetail(TypedDict):
    """A field of the firm that says something else from now on."""

    what: str
    before: str
    after: str


def firm_changed(
    case: Onboarding, to: Person | None, head: Letterhead, at: datetime, *, who: str, changes: Sequence[ChangedDetail]
) -> Outgoing:
    """To both sides, gathered, after the agreement was signed: *who* has changed what it says of the firm."""
    key = f"firm_changed:{case.id}:{at.isoformat()}:{'firm' if to else 'provider'}"
    path = f"/firm/{case.firm_id}" if to else f"/board/cases/{case.id}"
    return draft(MailKind.FIRM_CHANGED, key, case, to, head, at, who=who, changes=changes, path=path)


class SilentPerson(TypedDict):
    """Somebody whom so many reminders to finish a step have not moved."""

    id: int
    name: str
    email: str
    reminders: int
    step: StepName | None


def people_silent(
    case: Onboarding, to: Person, head: Letterhead, at: datetime, *, key: str, people: Sequence[SilentPerson]
) -> Outgoing:
    """To the organiser, once a day at most: who has not answered the last reminder either."""
    return draft(MailKind.PEOPLE_SILENT, key, case, to, head, at, people=people, path=f"/firm/{case.firm_id}")
