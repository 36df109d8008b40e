"""What becomes of one record, and how it is told in plain values."""

from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import Any

from models.clients.imports import Outcome
from models.db import Facts
from tasks.clients.imports.changes import Changes, account_of, new_person
from tasks.clients.imports.draft import Draft
from tasks.clients.imports.world import SWITCHES, Account, Place, Someone, called

ADDRESS = ("street", "postcode", "city", "country")


class Because(StrEnum):
    """Why an outcome is what it is, where reading and questions do not say it."""

    NEW = "new"
    NEW_WITHOUT_ACCESS = "new_without_access"
    """The contact has no e-mail address, and can be let in once there is one."""
    CONTACT_NEW = "contact_new"
    CONTACT_NEW_WITHOUT_ACCESS = "contact_new_without_access"
    CONTACT_LINKED = "contact_linked"
    """Account and contact are there, apart until now."""
    CHANGED = "changed"
    ARCHIVED = "archived"
    """The account is, and the record does not take it up again."""
    SAME = "same"
    REPEATED = "repeated"
    LEFT_OUT = "left_out"
    """Somebody said so."""
    CONFLICT = "conflict"
    """The database did not take it, alone as well; whatever was entered at the same moment says why."""
    UNSEEN = "unseen"
    """It is about an account that whoever imports does not see."""


@dataclass(slots=True)
class Planned:
    """What becomes of one record."""

    draft: Draft
    outcome: Outcome
    reason: str
    question: str = ""
    facts: Facts = field(default_factory=dict)
    """What the reason is about."""
    account: Account | None = None
    contacts: list[Someone] = field(default_factory=list)
    is_account_new: bool = False
    is_new: bool = False
    """All of it, and as the draft says it."""
    new_people: set[int] = field(default_factory=set)
    new_places: set[int] = field(default_factory=set)
    """People who become contacts of the account."""
    of_account: Changes = field(default_factory=dict)
    of_people: dict[int, Changes] = field(default_factory=dict)
    of_places: dict[int, Changes] = field(default_factory=dict)
    places: dict[int, Place] = field(default_factory=dict)
    told: Facts = field(default_factory=dict)
    """What will stand there and what stood there, in plain values."""

    def tell(self) -> "Planned":
        """Say so, before later records add to it."""
        self.told = self._told()
        return self

    def _told(self) -> Facts:
        if self.account is None:
            return {"facts": self.facts}
        people = [self._told_of(person) for person in self.contacts]
        before = {name: _plain(old) for name, (old, _) in self.of_account.items()}
        return {"account": told_account(self.account), "contacts": people, "before": before, "facts": self.facts}

    def _told_of(self, person: Someone) -> Facts:
        changes = {**self.of_people.get(person.id, {}), **self.of_places.get(person.id, {})}
        before = {name: _plain(old) for name, (old, _) in changes.items()}
        is_new = person.id in self.new_people or person.id in self.new_places
        was_there = person.id not in self.new_people
        facts = {"before": before, "is_new": is_new, "was_there": was_there}
        return {**told_contact(person, self.places.get(person.id)), **facts}


def outcome_of(planned: Planned) -> Facts:
    """The columns of its record that say what becomes of it."""
    return {
        "outcome": planned.outcome,
        "reason": str(planned.reason),
        "question": planned.question if planned.outcome == "held" else "",
        "told": planned.told,
        "is_new": planned.is_new,
    }


OF_ACCOUNT = ("name", "company_name", "number", "vat_id", *ADDRESS, "website")
OF_PERSON = ("title", "given_name", "family_name", "email", *ADDRESS, "website")
_of_account, _of_person, _of_place = attrgetter(*OF_ACCOUNT), attrgetter(*OF_PERSON), attrgetter(*SWITCHES)


def told_account(account: Account) -> Facts:
    more = {"phones": [], "emails": [], "note": "", **account.particulars}
    more["phones"] = [phone["number"] for phone in more["phones"]]
    return {
        "kind": account.kind.value,
        **dict(zip(OF_ACCOUNT, _of_account(account), strict=True)),
        "tags": [*account.tags.values()],
        **more,
    }


def told_contact(person: Someone, place: Place | None) -> Facts:
    return {
        **dict(zip(OF_PERSON, _of_person(person), strict=True)),
        "phones": [*person.phones],
        "language": person.language.value,
        "address_form": person.address_form.value,
        "tags": [*person.tags.values()],
        "salutation": "",
        "birthday": None,
        "note": "",
        **person.particulars,
        **(dict(zip(SWITCHES, _of_place(place), strict=True)) if place else {}),
    }


def told_draft(draft: Draft) -> Facts:
    """The same of what is not stored: as the file says it."""
    account = None
    if draft.account is not None:
        told = draft.account
        name = told.name or told.company_name or (called(draft.contacts[0]) if draft.contacts else "")
        own = {"company_name": told.company_name, "number": told.number, "country": "", **account_of(told)}
        account = told_account(Account(0, told.kind, name, **own))
    contacts = [told_contact(new_person(0, contact, country=""), None) for contact in draft.contacts]
    return {"account": account, "contacts": contacts}


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple() | set():
            return [_plain(each) for each in value]
    return value
