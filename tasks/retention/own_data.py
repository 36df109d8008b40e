"""What is stored about a person, as a file for them to take along (Art. 20 GDPR).

``written`` makes it piece by piece, from one look at the database and a batch of rows at a time, however much there is.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.db import Facts, alone, reading, transaction
from models.firm import Firm
from models.mail.outbox import MailKind, Outgoing
from models.mail.proof import Proof
from models.people.manners import AddressForm, Language
from models.retention.own_data import Item, Told, items, shares, told
from models.settings import settings
from models.time.clock import local_day, now
from models.time.hours import Hours
from tasks.mail.letters import people as letters

FORMAT, VERSION = "provision-own-data", 1
"""A version adds names; whoever takes one away, or lets it mean something else, counts on."""


MOST = 20
"""So many entries of each class a page shows; the file has all."""


@dataclass(frozen=True)
class Page:
    """What one firm, or the provider, has of somebody, as a page shows it."""

    firms: list[str]
    """All that have something, by name; the provider, for what belongs to no firm, by an empty one."""
    at: int
    """Which of them this is."""
    told: Told | None
    """None: nothing is stored."""
    items: dict[str, list[Item]]
    """By the name of the chapter, the newest ones."""


def page(who: str, at: int = 0, *, only_address: bool = False) -> Page:
    """The one of them with this number, from 0 on; the first if there are not so many."""
    with reading() as session:
        found = shares(session, who, only_address=only_address)
        if not found:
            return Page([], 0, None, {})
        at = at if 0 <= at < len(found) else 0
        ids = [share.firm_id for share in found if share.firm_id is not None]
        names = dict(session.execute(select(Firm.id, Firm.name).where(Firm.id.in_(ids))).tuples().all())
        by_chapter: dict[str, list[Item]] = {}
        for item in items(session, found[at], MOST):
            by_chapter.setdefault(item.chapter.name, []).append(item)
        firms = ["" if share.firm_id is None else names[share.firm_id] for share in found]
        return Page(firms, at, told(session, found[at], now()), by_chapter)


def of(session: Session, who: str, *, only_address: bool = False) -> list[Told]:
    """What there is of somebody, firm by firm; see ``shares``."""
    return [told(session, share, now()) for share in shares(session, who, only_address=only_address)]


def written(who: str, *, only_address: bool = False) -> Iterator[str]:
    """The file, in JSON."""
    with reading() as session:
        found = of(session, who, only_address=only_address)
        head = {"format": FORMAT, "version": VERSION, "made_at": _plain(now()), "provider": settings().provider_name}
        yield json.dumps(head, ensure_ascii=False, indent=1)[:-2] + ',\n "parts": ['
        for at, part in enumerate(found):
            yield ("," if at else "") + "\n  " + json.dumps(_head(part), ensure_ascii=False)[:-1] + ', "entries": ['
            for number, item in enumerate(items(session, part.share)):
                yield ("," if number else "") + "\n   " + json.dumps(_entry(item), ensure_ascii=False)
            yield "]}"
        yield "\n ]\n}\n"


DAY, MOST_A_DAY = timedelta(days=1), 6
"""So many mails with such a link one address is sent in a day, whoever asks for them; none more once one came back."""


def ask(address: str, language: Language, address_form: AddressForm) -> None:
    """Send a link that shows what is stored about this address, if anything is; silent otherwise."""
    with reading() as session:
        if not shares(session, address, only_address=True):
            return
    with transaction() as session:
        alone(session, "own data", address)
        at, mine = now(), (Outgoing.kind == MailKind.OWN_DATA, Outgoing.to_address == address)
        lately = Outgoing.sent_since(session, at - DAY, *mine)
        came_back = Outgoing.sent_since(session, at - DAY, *mine, Outgoing.failed_at.is_not(None))
        if len(lately) < MOST_A_DAY and not came_back:
            Outgoing.post(session, letters.own_data(address, language, address_form, at))


def proven(token: str) -> str:
    """The address to which a mail with this token went; raises ProofDead."""
    with reading() as session:
        return Proof.opened(session, token, now()).address


def _head(part: Told) -> Facts:
    return {
        "firm": part.firm or None,
        "company_id": part.company_id,
        "answers": "firm" if part.is_firms else "provider",
        "roles": [role.value for role in part.roles],
        "classes": [
            {
                "class": chapter.name,
                "what": chapter.what,
                "number": part.counts[chapter.name],
                "seen_by": chapter.seen_by.value,
                "kept": chapter.kept % {"number": chapter.number},
            }
            for chapter in part.chapters
        ],
        "stays_after_erasure": [
            {
                "what": line.what,
                "number": line.number,
                "why": line.why,
                "law": line.law,
                "until": line.until and local_day(line.until).isoformat(),
            }
            for line in part.stays
        ],
    }


def _entry(item: Item) -> Facts:
    return {
        "class": item.chapter.name,
        "record": item.table,
        "kind": item.kind or None,
        "whole": item.is_own,
        "source": item.source.value,
        "at": _plain(item.at),
        "values": _plain(item.values),
        "withheld": {name: reason.value for name, reason in item.withheld.items()},
    }


def _plain(value: Any) -> Any:
    """As JSON has it; moments in UTC."""
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case Hours():
            return value.text("en")
        case dict():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
    return value
