"""What a record says takes the place of what stands there, and fills new accounts and contacts.

An empty cell leaves what stands; of one row the first record of a file that says something counts, later ones fill
gaps.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from models.clients.client import ClientKind
from models.clients.label import label
from models.db import Facts
from models.errors import ProvisionError
from models.people.manners import AddressForm, Language
from tasks.clients.imports.draft import AccountDraft, ContactDraft, PhoneDraft
from tasks.clients.imports.world import Account, Place, Someone, strict

Changes = dict[str, tuple[Any, Any]]
"""What stood there and what will, by field."""


def _set(row: Any, name: str, value: Any, changes: Changes, *, may: bool = True) -> None:
    old = getattr(row, name)
    if may and value != old:
        changes[name] = old, value
        setattr(row, name, value)


def _say(row: Account | Someone, told: AccountDraft | ContactDraft, names: Iterable[str], changes: Changes) -> None:
    """What the file says takes the place of what stands there, unless an earlier record has said it."""
    for name in names:
        value = getattr(told, name)
        if value and (not row.is_touched or not getattr(row, name)):
            _set(row, name, value, changes)


def _say_place(row: Account | Someone, told: AccountDraft | ContactDraft, changes: Changes) -> None:
    had_place = bool(row.street or row.postcode or row.city)
    has_place = bool(told.street or told.postcode or told.city)
    if not (has_place or told.country):
        return
    _say(row, told, ("street", "postcode", "city"), changes)
    if told.country and (not row.is_touched or (has_place and not had_place)):
        _set(row, "country", told.country, changes)


def _tags(names: Iterable[str]) -> dict[str, str]:
    """By how they are compared; what can be none is left out."""
    tags: dict[str, str] = {}
    for written in names:
        try:
            name, key = label(written)
        except ProvisionError:
            continue
        tags.setdefault(key, name)
    return tags


def _add_tags(row: Account | Someone, names: Iterable[str], changes: Changes) -> None:
    fresh = {key: name for key, name in _tags(names).items() if key not in row.tags}
    if fresh:
        _set(row, "tags", {**row.tags, **fresh}, changes)


def _add_particulars(row: Account | Someone, more: Mapping[str, Any], changes: Changes) -> None:
    held = row.particulars
    fresh = {
        name: value
        for name, value in more.items()
        if value and value != held.get(name) and not (row.is_touched and held.get(name))
    }
    if fresh:
        _set(row, "particulars", {**held, **fresh}, changes)


def _said(told: AccountDraft | ContactDraft) -> Facts:
    """What is taken over as it is where nothing stands yet."""
    held = {"street": told.street, "postcode": told.postcode, "city": told.city, "website": told.website}
    if told.country:
        held["country"] = told.country
    return held


def account_of(told: AccountDraft) -> Facts:
    more = {
        "phones": _more((), [_phone(phone) for phone in told.phones]),
        "emails": _more((), told.emails),
        "note": told.note,
    }
    more = {name: value for name, value in more.items() if value}
    return {**_said(told), "vat_id": told.vat_id, "tags": _tags(told.tags), "particulars": more}


def new_person(key: int, told: ContactDraft, **otherwise: str) -> Someone:
    """Who was not there until now; *otherwise*: what they have where nothing is said."""
    more = _particulars(told)
    return Someone(
        key,
        told.given_name,
        told.family_name,
        told.email,
        told.title,
        **{**otherwise, **_said(told)},
        language=told.language or Language.GERMAN,
        address_form=told.address_form or AddressForm.SIE,
        phones={phone.number: phone.kind for phone in told.phones},
        tags=_tags(told.tags),
        particulars={name: value for name, value in more.items() if value},
    )


def _particulars(told: ContactDraft) -> Facts:
    birthday = told.birthday.isoformat() if told.birthday else None
    return {"salutation": told.salutation, "birthday": birthday, "note": told.note}


def change_account(account: Account, told: AccountDraft) -> Changes:
    changes: Changes = {}
    is_other = told.company_name and strict(told.company_name) != strict(account.company_name)
    if account.kind is ClientKind.COMPANY and is_other and not account.is_touched and not _is_named(account, told):
        follows = not account.is_named_by_hand
        _set(account, "company_name", told.company_name, changes)
        _set(account, "name", told.company_name, changes, may=follows)
    if told.number and not account.number:
        _set(account, "number", told.number, changes)
    _say(account, told, ("vat_id", "website"), changes)
    _say_place(account, told, changes)
    _add_tags(account, told.tags, changes)
    held = account.particulars
    phones = _more(held.get("phones", []), [_phone(phone) for phone in told.phones])
    emails = _more(held.get("emails", []), told.emails)
    before = {"phones": phones, "emails": emails}
    fresh = {name: value for name, value in before.items() if value != held.get(name, [])}
    if fresh:
        _set(account, "particulars", {**held, **fresh}, changes)
    old = changes.get("particulars", (held, None))[0]
    _add_particulars(account, {"note": told.note}, changes)
    if "particulars" in changes:
        changes["particulars"] = old, account.particulars
    return changes


def _is_named(account: Account, told: AccountDraft) -> bool:
    return strict(told.company_name) == strict(account.name)


def _more(held: Sequence[Any], more: Iterable[Any]) -> list[Any]:
    both = [*held]
    for each in more:
        if each not in both:
            both.append(each)
    return both


def _phone(phone: PhoneDraft) -> Facts:
    return {"number": phone.number, "kind": phone.kind.value}


def change_person(person: Someone, told: ContactDraft) -> Changes:
    changes: Changes = {}
    if told.email and not person.email:
        _set(person, "email", told.email, changes)
    _say(person, told, ("title", "website"), changes)
    _say_place(person, told, changes)
    for name in ("language", "address_form"):
        value = getattr(told, name)
        if value is not None and not person.has_registered and not person.is_touched:
            _set(person, name, value, changes)
    fresh = {phone.number: phone.kind for phone in told.phones if phone.number not in person.phones}
    if fresh:
        _set(person, "phones", {**person.phones, **fresh}, changes)
    _add_tags(person, told.tags, changes)
    _add_particulars(person, _particulars(told), changes)
    return changes


def switch(place: Place, told: ContactDraft, person: Someone, *, has_address_now: bool) -> Changes:
    """What the file says of the switches; who has no address has no access."""
    changes: Changes = {}
    if has_address_now:
        _set(place, "login", told.login is not False, changes)
    for name in ("login", "notify", "email_sync", "is_commercial", "is_operational"):
        value = getattr(told, name)
        if value is not None and not place.is_touched:
            _set(place, name, value and (name != "login" or bool(person.email)), changes)
    return changes
