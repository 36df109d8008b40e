"""About the contract: most go to both sides, without a person to the provider."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypedDict

from models.contracts.booking import Booking, Change, Phase
from models.contracts.catalogue import Article, Module, Tariff
from models.contracts.legal import Consent, LegalText
from models.contracts.takeout import Takeout
from models.contracts.terms import Chance
from models.db import Facts
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding
from models.people.person import Person
from tasks.mail.letterheads import Letterhead
from tasks.mail.letters.draft import NO_FIRM, draft, reader_of


class Priced(TypedDict):
    """An article, and what it costs."""

    what: str
    amount: str


def _about_contract(
    kind: MailKind, key: str, case: Onboarding, to: Person | None, head: Letterhead, at: datetime, **facts: Any
) -> Outgoing:
    """It leads to the page of the contract, which both sides see."""
    key = f"{kind}:{key}:{to.id if to else 'provider'}"
    return draft(kind, key, case, to, head, at, path=f"/firm/{case.firm_id}/contract", **facts)


def module_ordered(
    case: Onboarding,
    to: Person | None,
    head: Letterhead,
    at: datetime,
    *,
    booking: Booking,
    phase: Phase,
    module: Module,
    tariff: Tariff,
    prices: Sequence[tuple[Article, Decimal]],
) -> Outgoing:
    """To both sides: a module was ordered, and what was agreed."""
    reader = reader_of(to)
    notice = reader.period(phase.notice), reader.label(phase.notice_to)
    facts: Facts = {"module": module.called(reader.language), "tariff": tariff.called(reader.language)}
    facts |= {"begins": reader.date(booking.starts_on), "interval": reader.label(tariff.interval)}
    facts |= {"term": reader.period(phase.first_term), "notice": " ".join(notice)}
    facts["extension"] = reader.period(phase.extension) if phase.extension else ""
    facts["prices"] = [
        Priced(what=article.called(reader.language), amount=reader.amount(price, tariff.currency))
        for article, price in prices
    ]
    return _about_contract(MailKind.MODULE_ORDERED, str(booking.id), case, to, head, at, **facts)


def change_declared(
    case: Onboarding,
    to: Person | None,
    head: Letterhead,
    at: datetime,
    *,
    change: Change,
    module: Module,
    tariff: Tariff | None,
    drops: bool,
    stays: Change | None = None,
) -> Outgoing:
    """To both sides: a termination or a change to this *tariff* was received, and what follows from it, and when.

    *drops*: what was declared before and waited is dropped for it; *stays*: the change to this tariff comes before it.
    """
    reader = reader_of(to)
    facts: Facts = {"what": change.kind, "module": module.called(reader.language), "drops": drops}
    facts |= {"tariff": tariff.called(reader.language) if tariff else "", "ends": reader.date(change.ends_on)}
    facts |= {"received": reader.moment(change.received_at), "begins": reader.date(change.new_from)}
    facts |= {"tariff_from": reader.date(stays.new_from) if stays else ""}
    return _about_contract(MailKind.CHANGE_DECLARED, str(change.id), case, to, head, at, **facts)


def undo_asked(
    case: Onboarding, to: Person | None, head: Letterhead, at: datetime, *, change: Change, module: Module, by: str
) -> Outgoing:
    """To the provider where nothing is decided about the case, as it was stopped: the firm wants a module to go on.

    *by*: who asks.
    """
    reader = reader_of(to)
    facts: Facts = {"module": module.called(reader.language), "ends": reader.date(change.ends_on), "by": by}
    key = f"{change.id}:{change.undo_asked_at and change.undo_asked_at.isoformat()}"
    return _about_contract(MailKind.UNDO_ASKED, key, case, to, head, at, **facts)


def undo_refused(
    case: Onboarding, to: Person | None, head: Letterhead, at: datetime, *, change: Change, module: Module, note: str
) -> Outgoing:
    """To the firm: the provider does not agree that the module goes on; *note*: what it says of that."""
    reader = reader_of(to)
    facts: Facts = {"module": module.called(reader.language), "ends": reader.date(change.ends_on), "note": note}
    key = f"{change.id}:{change.undo_refused_at and change.undo_refused_at.isoformat()}"
    return _about_contract(MailKind.UNDO_REFUSED, key, case, to, head, at, **facts)


def change_undone(
    case: Onboarding, to: Person | None, head: Letterhead, at: datetime, *, change: Change, module: Module, note: str
) -> Outgoing:
    """To both sides: what was declared does not come about, the module goes on as before.

    *note*: what the provider says of it.
    """
    reader = reader_of(to)
    facts: Facts = {"module": module.called(reader.language), "what": change.kind, "ends": reader.date(change.ends_on)}
    facts["note"] = note
    return _about_contract(MailKind.CHANGE_UNDONE, str(change.id), case, to, head, at, **facts)


def tariff_begun(
    case: Onboarding,
    to: Person | None,
    head: Letterhead,
    at: datetime,
    *,
    change: Change,
    module: Module,
    tariff: Tariff,
) -> Outgoing:
    """To both sides: the module runs on another tariff from this day on."""
    reader = reader_of(to)
    facts: Facts = {"module": module.called(reader.language), "tariff": tariff.called(reader.language)}
    facts["begins"] = reader.date(change.new_from)
    return _about_contract(MailKind.TARIFF_BEGUN, str(change.id), case, to, head, at, **facts)


def module_ended(
    case: Onboarding, to: Person | None, head: Letterhead, at: datetime, *, booking: Booking, module: Module
) -> Outgoing:
    """To both sides: the module has ended with its last day."""
    reader = reader_of(to)
    facts: Facts = {"module": module.called(reader.language)}
    facts["ends"] = reader.date(booking.ends_on) if booking.ends_on else ""
    return _about_contract(MailKind.MODULE_ENDED, str(booking.id), case, to, head, at, **facts)


def notice_nears(
    case: Onboarding,
    to: Person | None,
    head: Letterhead,
    at: datetime,
    *,
    phase: Phase,
    chance: Chance,
    module: Module,
    tariff: Tariff,
    today: date,
) -> Outgoing:
    """To both sides, before the last day for notice: until when, and what follows if nothing is declared."""
    reader = reader_of(to)
    facts: Facts = {"module": module.called(reader.language), "tariff": tariff.called(reader.language)}
    facts |= {"last_day": reader.date(chance.last_day), "days": (chance.last_day - today).days}
    facts |= {"ends": reader.date(chance.ends_on), "goes_on_until": reader.date(chance.goes_on_until)}
    key = f"{phase.id}:{chance.last_day}:{phase.reminded}"
    return _about_contract(MailKind.NOTICE_NEARS, key, case, to, head, at, **facts)


class NewPrice(TypedDict):
    """An article that costs something else."""

    what: str
    before: str
    after: str


def prices_change(
    case: Onboarding,
    to: Person | None,
    head: Letterhead,
    at: datetime,
    *,
    phase: Phase,
    module: Module,
    tariff: Tariff,
    prices: Sequence[tuple[Article, Decimal, Decimal]],
) -> Outgoing:
    """To the firm, in time: what its module costs from the day on on which new prices count for it."""
    reader = reader_of(to)
    facts: Facts = {"module": module.called(reader.language), "tariff": tariff.called(reader.language)}
    facts["begins"] = reader.date(phase.reprices_on) if phase.reprices_on else ""
    facts["interval"] = reader.label(tariff.interval)
    facts["prices"] = [
        NewPrice(
            what=article.called(reader.language),
            before=reader.amount(before, tariff.currency),
            after=reader.amount(after, tariff.currency),
        )
        for article, before, after in prices
    ]
    return _about_contract(
        MailKind.PRICES_CHANGE, f"{phase.id}:{phase.next_price_list_id}", case, to, head, at, **facts
    )


def consent_asked(
    case: Onboarding,
    to: Person | None,
    head: Letterhead,
    at: datetime,
    *,
    consent: Consent,
    text: LegalText,
    count: int,
    last: bool,
) -> Outgoing:
    """To the firm: do they agree to this version? *count*: how many times it was written to them before."""
    reader = reader_of(to)
    facts: Facts = {"what": reader.label(text.kind), "version": text.number, "changes": text.changes, "times": count}
    facts |= {"begins": reader.date(text.valid_from), "is_last": last and count > 0}
    key = f"{MailKind.CONSENT_ASKED}:{consent.id}:{consent.asked_at.isoformat()}:{count}:{to.id if to else 'provider'}"
    path = f"/firm/{case.firm_id}/contract/consent/{text.id}"
    return draft(MailKind.CONSENT_ASKED, key, case, to, head, at, path=path, **facts)


def closing_asked(
    case: Onboarding, to: Person | None, head: Letterhead, at: datetime, *, day: date, by: str, is_asked: bool
) -> Outgoing:
    """To both sides: the account is to be closed on this day, as soon as its last module has ended; or not any more."""
    facts: Facts = {"day": reader_of(to).date(day), "by": by, "is_asked": is_asked}
    return _about_contract(MailKind.CLOSING_ASKED, f"{case.id}:{at.isoformat()}", case, to, head, at, **facts)


def account_closed(
    case: Onboarding, to: Person | None, head: Letterhead, at: datetime, *, by: str, reason: str
) -> Outgoing:
    """To both sides: the account is closed, and nobody gets in. *by*: who did it; empty: as was asked for before.

    The firm has no page any more to which it could lead, and is not told what operators have noted as reason.
    """
    reader = reader_of(to)
    facts: Facts = {"closed": reader.moment(at), "by": by, "number": case.firm.company_id or ""}
    facts["reason"] = "" if to else reason
    if to is None:
        return _about_contract(MailKind.ACCOUNT_CLOSED, str(case.id), case, to, head, at, **facts)
    return draft(MailKind.ACCOUNT_CLOSED, f"{MailKind.ACCOUNT_CLOSED}:{case.id}:{to.id}", case, to, head, at, **facts)


def takeout_ready(case: Onboarding, to: Person, head: Letterhead, at: datetime, *, takeout: Takeout) -> Outgoing:
    """To whoever asked for all data of the firm: it can be fetched, and until when."""
    reader, until = reader_of(to), takeout.expires_at
    facts: Facts = {"until": reader.date(until) if until else "", "path": f"/firm/{case.firm_id}/contract#data"}
    return draft(MailKind.TAKEOUT_READY, f"takeout_ready:{takeout.id}", case, to, head, at, **facts)


class Concerned(TypedDict):
    """A firm whose VAT id is not confirmed, and the page of its contract."""

    name: str
    path: str


def vat_unconfirmed(
    at: datetime, *, invalid: Sequence[Concerned], unanswered: Sequence[Concerned], fault: str
) -> Outgoing:
    """To the provider: whose VAT ids VIES says are none, or has not answered about, with its last *fault*."""
    key = f"{MailKind.VAT_UNCONFIRMED}:{at.isoformat()}:{[*invalid, *unanswered][0]['path']}"
    facts: Facts = {**NO_FIRM, "invalid": invalid, "unanswered": unanswered, "fault": fault, "path": "/board"}
    return Outgoing.draft(MailKind.VAT_UNCONFIRMED, key, None, at, **facts)
