"""Every mail that the product writes: one function for each kind, whose parameters are what the mail must be told.

Each drafts a row that whoever has the reason puts in the outbox. Its key says what the mail is: there is one of each.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, TypedDict

from models.agreement import Agreement
from models.clients.sign_up import SignUp
from models.code import Code
from models.contracts.booking import Booking, Change, Phase
from models.contracts.catalogue import Article, Module, Tariff
from models.contracts.legal import Consent, LegalText
from models.contracts.takeout import Takeout
from models.contracts.terms import Chance
from models.db import Facts
from models.decision import DecisionKind
from models.document import Document
from models.link import Link
from models.logo import LogoPermission
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding, StepName
from models.people.login import Login
from models.people.manners import Language
from models.people.person import Person, Role
from models.time.clock import local_day
from tasks.mail.letterheads import Letterhead, Turn
from tasks.text.i18n import Reader

NO_FIRM = Letterhead(firm="", company_id=None, logo=False, is_test=False)
"""The letterhead of a mail that is not about one firm."""


def _draft(
    kind: MailKind,
    key: str,
    case: Onboarding,
    to: Person | None,
    head: Letterhead,
    at: datetime,
    *,
    link: Link | None = None,
    document_id: int | None = None,
    **facts: Any,
) -> Outgoing:
    """A mail of a firm's case, under its letterhead; without a person it goes to the provider."""
    return Outgoing.draft(kind, key, to, at, case_id=case.id, link=link, document_id=document_id, **head, **facts)


# ---- coming aboard


def welcome(case: Onboarding, to: Person, link: Link, head: Letterhead, at: datetime) -> Outgoing:
    """To the contact person, before all else: what will happen, with the link to the progress page."""
    return _draft(MailKind.WELCOME, f"welcome:{to.id}:{link.generation}", case, to, head, at, link=link)


def register(turn: Turn, link: Link, head: Letterhead, at: datetime) -> Outgoing:
    """To the organiser or a caseworker who is to make an account, at first and as a reminder."""
    return _to_account(MailKind.REGISTER, turn, link, head, at, message="", invited_by="")


class Words(TypedDict):
    """What somebody at a firm says to a contact in a mail of the firm.

    *invited_by*: their name; *reply_to*: their address, to which an answer goes.
    """

    message: str
    invited_by: str
    reply_to: str


NO_WORDS = Words(message="", invited_by="", reply_to="")


def invitation(turn: Turn, link: Link, head: Letterhead, at: datetime, *, words: Words) -> Outgoing:
    """To a client, under the firm's name and logo, with the firm's own message; at first and as a reminder."""
    return _to_account(MailKind.INVITATION, turn, link, head, at, **words)


def granted(
    case: Onboarding,
    to: Person,
    head: Letterhead,
    at: datetime,
    *,
    key: str,
    client: str,
    link: Link | None,
    words: Words,
) -> Outgoing:
    """To a contact who was invited before: there is one more account, of *client*, that they can see.

    *link*: the way in of who has no password yet; everybody else signs in.
    """
    way: Facts = {"path": "/auth/login"} if link is None else {}
    return _draft(MailKind.GRANTED, key, case, to, head, at, link=link, client=client, **way, **words)


def preview(
    case: Onboarding,
    reader: Person,
    to: Person,
    head: Letterhead,
    at: datetime,
    *,
    of: Outgoing,
    good_until: datetime | None,
) -> Outgoing:
    """To the member of the firm who wants to see it, the mail *of* a contact as the contact would get it.

    Its link opens nothing.
    """
    key = f"preview:{reader.id}:{to.id}:{at.isoformat()}"
    facts: Facts = {name: fact for name, fact in of.facts.items() if name not in head}
    facts |= {"of": of.kind.value, "contact": to.name, "address": to.email, "path": PREVIEW_PAGE}
    facts |= {"good_until_at": good_until.isoformat()} if good_until else {}
    mail = _draft(MailKind.PREVIEW, key, case, reader, head, at, **facts)
    # It speaks to the contact, in their language.
    mail.to_name, mail.language, mail.address_form = to.name[:200], to.language, to.address_form
    return mail


PREVIEW_PAGE = "/auth/preview"
"""Where the link of a preview leads: it says that it was one."""


def confirm_address(case: Onboarding, to: Person, link: Link, head: Letterhead, at: datetime) -> Outgoing:
    """To a contact, from the firm: is this address theirs?"""
    key = f"{link.purpose}:{to.id}:{link.generation}"
    return _draft(MailKind.CONFIRM_ADDRESS, key, case, to, head, at, link=link)


def _to_account(kind: MailKind, turn: Turn, link: Link, head: Letterhead, at: datetime, **words: Any) -> Outgoing:
    case, to, count, last, _ = turn
    key, role = f"{link.purpose}:{to.id}:{link.generation}", to.role
    return _draft(kind, key, case, to, head, at, link=link, role=role, count=count, last=last, **words)


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
    return _draft(
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
    return _draft(
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
    return _draft(MailKind.LOGO_FOUND, key, case, to, head, at, website=permission.website, path=path)


def case_taken_up(case: Onboarding, to: Person, head: Letterhead, at: datetime) -> Outgoing:
    """To the organiser: a case that was stopped goes on."""
    key = f"case_taken_up:{case.id}:{at.isoformat()}"
    return _draft(MailKind.CASE_TAKEN_UP, key, case, to, head, at, path=f"/firm/{case.firm_id}")


# ---- the agreement


class AskedBefore(TypedDict):
    """Who was asked to sign the version before, in the organiser's place, and what entitled them to it."""

    name: str
    function: str | None


class Delegation(TypedDict):
    """Who handed the signature over to the reader, and what entitles the reader to sign."""

    delegated_by: str
    function: str | None


class PageOfStep(TypedDict):
    """A step that waits for the reader as well, and where it is done."""

    step: StepName
    path: str


def agreement(
    turn: Turn,
    version: Agreement,
    link: Link,
    head: Letterhead,
    at: datetime,
    *,
    changes: Facts,
    note: str,
    delegation: Delegation | None,
    asked_before: AskedBefore | None,
) -> Outgoing:
    """To who is asked to sign, at first and as a reminder, the PDF attached.

    *changes*: what this version says otherwise than the one before; *note*: what an operator adds to it.
    """
    case, to, count, last, also = turn
    others: Facts = {**delegation} if delegation else {}
    others |= {"asked_before": asked_before} if asked_before else {}
    return _draft(
        MailKind.AGREEMENT,
        f"agreement:{version.id}:{to.id}:{link.generation}",
        case,
        to,
        head,
        at,
        link=link,
        document_id=version.document_id,
        count=count,
        last=last,
        version=version.version,
        note=note,
        also=[PageOfStep(step=step, path=f"/firm/{case.firm_id}/{step}") for step in also],
        changes=changes,
        sign_until_at=version.expires_at.isoformat(),
        **others,
    )


def sign_code(
    case: Onboarding, to: Person, head: Letterhead, at: datetime, *, code: Code, valid_until: datetime
) -> Outgoing:
    """To who is about to sign; the digits of the code are written into it as it leaves."""
    key, until = f"sign_code:{code.id}:{code.generation}", valid_until.isoformat()
    facts: Facts = {"code_id": code.id, "generation": code.generation, "valid_until_at": until}
    return _draft(MailKind.SIGN_CODE, key, case, to, head, at, **facts)


def agreement_done(
    case: Onboarding, to: Person | None, head: Letterhead, at: datetime, *, version: Agreement, document: Document
) -> Outgoing:
    """To both sides once both have signed, the final *document* attached."""
    # Only who can sign in is led to a page behind the sign-in.
    page: Facts = {"path": f"/firm/{case.firm_id}"} if to is not None and to.role is Role.ORGANISER else {}
    return _draft(
        MailKind.AGREEMENT_DONE,
        f"agreement_done:{version.id}:{to.id if to else 'provider'}",
        case,
        to,
        head,
        at,
        document_id=document.id,
        signer=version.signer,
        countersigned_at=version.countersigned_at and version.countersigned_at.isoformat(),
        sha256=document.sha256,
        **page,
    )


def agreement_declined(
    case: Onboarding, to: Person | None, head: Letterhead, at: datetime, *, version: Agreement, signer: Person
) -> Outgoing:
    """To the provider, and to the organiser where the *signer* is somebody else: the firm does not sign."""
    key = f"agreement_declined:{version.id}" + (":organiser" if to else "")
    facts: Facts = {"signer": signer.name, "reason": version.decline_reason, "path": f"/board/cases/{case.id}"}
    return _draft(MailKind.AGREEMENT_DECLINED, key, case, to, head, at, **facts)


def agreement_withdrawn(
    case: Onboarding,
    to: Person,
    head: Letterhead,
    at: datetime,
    *,
    key: str,
    version: Agreement,
    by: Literal["provider", "organiser", "time"],
    who: str = "",
    reason: str = "",
    new_from: Link | None = None,
) -> Outgoing:
    """To whoever was asked to sign, or has handed the signature over: it can no longer be signed, or not by them.

    *who*: the name of who took it back; *new_from*: where a new version is to be had once its time has run out.
    """
    until: Facts = {"sign_until_at": version.expires_at.isoformat()} if by == "time" else {}
    return _draft(
        MailKind.AGREEMENT_WITHDRAWN,
        key,
        case,
        to,
        head,
        at,
        link=new_from,
        by=by,
        who=who,
        reason=reason,
        sent_at=version.sent_to(to.id).isoformat(),
        **until,
    )


# ---- a firm at work


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
    return _draft(MailKind.FIRM_CHANGED, key, case, to, head, at, who=who, changes=changes, path=path)


class ActiveClient(TypedDict):
    """Somebody who has accepted the invitation, and the page of an account of theirs that the reader sees."""

    id: int
    name: str
    path: str


def client_active(case: Onboarding, to: Person, head: Letterhead, at: datetime, *, client: ActiveClient) -> Outgoing:
    """To the organiser and each caseworker, gathered: this *client*, and who follows, is active.

    *more* of its facts counts the clients who have no place among the names.
    """
    key = f"client_active:{client['id']}:{to.id}:{at.isoformat()}"
    return _draft(MailKind.CLIENT_ACTIVE, key, case, to, head, at, clients=[client], more=0, path=INBOX)


INBOX = "/inbox"
"""Where the firm's people find what concerns them, and where to go."""


class GivenAccount(TypedDict):
    """An account of a client that somebody sees from now on, and its page."""

    id: int
    name: str
    path: str


def account_given(
    case: Onboarding, to: Person, head: Letterhead, at: datetime, *, account: GivenAccount, by: str
) -> Outgoing:
    """To a member of the firm, gathered: *by* whom they were given access to this *account*, and to those that follow.

    *more* of its facts counts the accounts that have no place among the names.
    """
    key = f"account_given:{account['id']}:{to.id}:{at.isoformat()}"
    facts: Facts = {"accounts": [account], "more": 0, "by": by, "path": INBOX}
    return _draft(MailKind.ACCOUNT_GIVEN, key, case, to, head, at, **facts)


class AccessChange(StrEnum):
    """What became of somebody's access."""

    ENDED = "ended"
    PAUSED = "paused"
    RESUMED = "resumed"


def access_changed(case: Onboarding, to: Person, head: Letterhead, at: datetime, *, change: AccessChange) -> Outgoing:
    """To a caseworker or client, whose last mail it is where the access has ended."""
    key = f"access:{to.id}:{change}:{at.isoformat()}"
    sign_in: Facts = {"path": "/auth/login"} if change is AccessChange.RESUMED else {}
    return _draft(MailKind.ACCESS_CHANGED, key, case, to, head, at, change=change, **sign_in)


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
    return _draft(MailKind.PEOPLE_SILENT, key, case, to, head, at, people=people, path=f"/firm/{case.firm_id}")


# ---- the contract; each is written to both sides, without a person to the provider


class Priced(TypedDict):
    """An article, and what it costs."""

    what: str
    amount: str


def _about_contract(
    kind: MailKind, key: str, case: Onboarding, to: Person | None, head: Letterhead, at: datetime, **facts: Any
) -> Outgoing:
    """It leads to the page of the contract, which both sides see."""
    key = f"{kind}:{key}:{to.id if to else 'provider'}"
    return _draft(kind, key, case, to, head, at, path=f"/firm/{case.firm_id}/contract", **facts)


def _reader(to: Person | None) -> Reader:
    return Reader(to.language, to.address_form) if to else Reader(Language.GERMAN)


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
    reader = _reader(to)
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
) -> Outgoing:
    """To both sides: a termination or a change to this *tariff* was received, and what follows from it, and when.

    *drops*: what was declared before and waited is dropped for it.
    """
    reader = _reader(to)
    facts: Facts = {"what": change.kind, "module": module.called(reader.language), "drops": drops}
    facts |= {"tariff": tariff.called(reader.language) if tariff else "", "ends": reader.date(change.ends_on)}
    facts |= {"received": reader.moment(change.received_at), "begins": reader.date(change.new_from)}
    return _about_contract(MailKind.CHANGE_DECLARED, str(change.id), case, to, head, at, **facts)


def undo_asked(
    case: Onboarding, to: Person | None, head: Letterhead, at: datetime, *, change: Change, module: Module, by: str
) -> Outgoing:
    """To the provider where nothing is decided about the case, as it was stopped: the firm wants a module to go on.

    *by*: who asks.
    """
    reader = _reader(to)
    facts: Facts = {"module": module.called(reader.language), "ends": reader.date(change.ends_on), "by": by}
    key = f"{change.id}:{change.undo_asked_at and change.undo_asked_at.isoformat()}"
    return _about_contract(MailKind.UNDO_ASKED, key, case, to, head, at, **facts)


def undo_refused(
    case: Onboarding, to: Person | None, head: Letterhead, at: datetime, *, change: Change, module: Module, note: str
) -> Outgoing:
    """To the firm: the provider does not agree that the module goes on; *note*: what it says of that."""
    reader = _reader(to)
    facts: Facts = {"module": module.called(reader.language), "ends": reader.date(change.ends_on), "note": note}
    key = f"{change.id}:{change.undo_refused_at and change.undo_refused_at.isoformat()}"
    return _about_contract(MailKind.UNDO_REFUSED, key, case, to, head, at, **facts)


def change_undone(
    case: Onboarding, to: Person | None, head: Letterhead, at: datetime, *, change: Change, module: Module, note: str
) -> Outgoing:
    """To both sides: what was declared does not come about, the module goes on as before.

    *note*: what the provider says of it.
    """
    reader = _reader(to)
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
    reader = _reader(to)
    facts: Facts = {"module": module.called(reader.language), "tariff": tariff.called(reader.language)}
    facts["begins"] = reader.date(change.new_from)
    return _about_contract(MailKind.TARIFF_BEGUN, str(change.id), case, to, head, at, **facts)


def module_ended(
    case: Onboarding, to: Person | None, head: Letterhead, at: datetime, *, booking: Booking, module: Module
) -> Outgoing:
    """To both sides: the module has ended with its last day."""
    reader = _reader(to)
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
    reader = _reader(to)
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
    reader = _reader(to)
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
    reader = _reader(to)
    facts: Facts = {"what": reader.label(text.kind), "version": text.number, "changes": text.changes, "times": count}
    facts |= {"begins": reader.date(text.valid_from), "is_last": last and count > 0}
    key = f"{MailKind.CONSENT_ASKED}:{consent.id}:{consent.asked_at.isoformat()}:{count}:{to.id if to else 'provider'}"
    path = f"/firm/{case.firm_id}/contract/consent/{text.id}"
    return _draft(MailKind.CONSENT_ASKED, key, case, to, head, at, path=path, **facts)


def closing_asked(
    case: Onboarding, to: Person | None, head: Letterhead, at: datetime, *, day: date, by: str, is_asked: bool
) -> Outgoing:
    """To both sides: the account is to be closed on this day, as soon as its last module has ended; or not any more."""
    facts: Facts = {"day": _reader(to).date(day), "by": by, "is_asked": is_asked}
    return _about_contract(MailKind.CLOSING_ASKED, f"{case.id}:{at.isoformat()}", case, to, head, at, **facts)


def account_closed(
    case: Onboarding, to: Person | None, head: Letterhead, at: datetime, *, by: str, reason: str
) -> Outgoing:
    """To both sides: the account is closed, and nobody gets in. *by*: who did it; empty: as was asked for before.

    The firm has no page any more to which it could lead, and is not told what operators have noted as reason.
    """
    reader = _reader(to)
    facts: Facts = {"closed": reader.moment(at), "by": by, "number": case.firm.company_id or ""}
    facts["reason"] = "" if to else reason
    if to is None:
        return _about_contract(MailKind.ACCOUNT_CLOSED, str(case.id), case, to, head, at, **facts)
    return _draft(MailKind.ACCOUNT_CLOSED, f"{MailKind.ACCOUNT_CLOSED}:{case.id}:{to.id}", case, to, head, at, **facts)


# ---- registrations on a firm's own page


def takeout_ready(case: Onboarding, to: Person, head: Letterhead, at: datetime, *, takeout: Takeout) -> Outgoing:
    """To whoever asked for all data of the firm: it can be fetched, and until when."""
    reader, until = _reader(to), takeout.expires_at
    facts: Facts = {"until": reader.date(until) if until else "", "path": f"/firm/{case.firm_id}/contract#data"}
    return _draft(MailKind.TAKEOUT_READY, f"takeout_ready:{takeout.id}", case, to, head, at, **facts)


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


def sign_up_confirm(sign_up: SignUp, head: Letterhead, at: datetime) -> Outgoing:
    """To whoever registers, to confirm the address; or that this is done, and the firm's answer is waited for.

    Nothing stands in it that was typed: anybody can have it sent to anybody. It belongs to no case, since an address
    that does not work is no matter of the firm's.
    """
    key, waits = f"sign_up_confirm:{sign_up.id}:{at.isoformat()}", sign_up.confirmed_at is not None
    facts: Facts = {**head, "waits": waits, **({} if waits else {"sign_up_id": sign_up.id})}
    return Outgoing.draft(MailKind.SIGN_UP_CONFIRM, key, None, at, sign_up=sign_up, **facts)


class WaitingSignUp(TypedDict):
    """Somebody who has registered and confirmed the address."""

    id: int
    name: str


def sign_up_waits(case: Onboarding, to: Person, head: Letterhead, at: datetime, *, sign_up: WaitingSignUp) -> Outgoing:
    """To each of the firm's people who manage accounts, gathered: this *sign_up*, and who follows, waits for an answer.

    *more* of its facts counts those who have no place among the names.
    """
    key, path = f"sign_up_waits:{sign_up['id']}:{to.id}", f"/firm/{case.firm_id}/sign-ups"
    return _draft(MailKind.SIGN_UP_WAITS, key, case, to, head, at, sign_ups=[sign_up], more=0, path=path)


def sign_up_declined(sign_up: SignUp, head: Letterhead, at: datetime) -> Outgoing:
    """To who has registered: the firm does not take it on."""
    key = f"sign_up_declined:{sign_up.id}"
    return Outgoing.draft(MailKind.SIGN_UP_DECLINED, key, None, at, sign_up=sign_up, **head)


def already_client(
    case: Onboarding, to: Person, head: Letterhead, at: datetime, *, event: str, client: str = ""
) -> Outgoing:
    """To a client with an account who registers: they can sign in. *client*: the account that they see as well now.

    *event*: what has come of it, for the key.
    """
    key = f"already_client:{to.id}:{event}"
    return _draft(MailKind.ALREADY_CLIENT, key, case, to, head, at, client=client, path="/auth/login")


# ---- accounts and operators; no account: the provider's own address


def reset_password(account: Login, to: Person | None, link: Link, at: datetime) -> Outgoing:
    """To an account whose holder has forgotten the password; *to*: who that is at a firm."""
    key = f"reset_password:{account.id}:{link.generation}"
    return Outgoing.draft(MailKind.RESET_PASSWORD, key, to, at, account=account, link=link, **NO_FIRM)


def operator_invited(account: Login, link: Link, at: datetime, *, manager: bool, by: str) -> Outgoing:
    """To somebody who works as an operator from now on, or as a manager, with a link to set a password."""
    key = f"operator_invited:{account.id}:{link.generation}"
    facts: Facts = {**NO_FIRM, "manager": manager, "by": by}
    return Outgoing.draft(MailKind.OPERATOR_INVITED, key, None, at, account=account, link=link, **facts)


Why = Literal["new", "waiting", "overdue"]


class OpenQuestion(TypedDict):
    """A question that waits for an operator.

    *days*: for how long; *last*: before the managers are told; *reminders*: to all operators, in spite of which it is
    open.
    """

    id: int
    kind: DecisionKind
    firm: str
    is_test: bool
    days: int
    path: str
    why: Why
    last: bool
    reminders: int


def decisions_wait(
    account: Login | None, at: datetime, *, questions: Sequence[OpenQuestion], instead_of: Sequence[str]
) -> Outgoing:
    """To an operator, gathered: what waits for a decision.

    *instead_of*: addresses of those who are absent and whose deputy the reader is.
    """
    key = f"decisions_wait:{at.isoformat()}{_suffix(account)}"
    facts: Facts = {**NO_FIRM, "path": "/board", "questions": questions, "instead_of": instead_of}
    return Outgoing.draft(MailKind.DECISIONS_WAIT, key, None, at, account=account, **facts)


class Week(TypedDict):
    """Counts by the name of what is counted, without those of which there are none.

    *parties*: of the cases that wait, by who is waited for.
    """

    waiting: dict[str, int]
    wrong: dict[str, int]
    news: dict[str, int]
    parties: dict[str, int]


def digest(account: Login | None, at: datetime, *, due: datetime, week: Week, instead_of: Sequence[str]) -> Outgoing:
    """To an operator, once a week: what waits, what is overdue and what went wrong until the moment it is *due*."""
    key = f"digest:{due:%Y-%m-%d}{_suffix(account)}"
    facts: Facts = {**NO_FIRM, **week, "path": "/board", "instead_of": instead_of}
    return Outgoing.draft(MailKind.DIGEST, key, None, at, account=account, **facts)


def _suffix(account: Login | None) -> str:
    """How the key of a mail ends that goes to each operator."""
    return f":{account.id}" if account else ""
