"""What is stored about whoever asks: on a page, and as a file to take along."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from fastapi import APIRouter
from starlette.background import BackgroundTask
from starlette.responses import Response, StreamingResponse

from deployments.web.labels import ACTIONS, MAILS
from deployments.web.pages.operators import ACTIONS as OF_OPERATORS
from deployments.web.security import LOOK_FROM, OWN_DATA, RESEND, RESEND_FROM, limit, network
from deployments.web.visit import Submitting, Visit, Visiting
from models.errors import N_, ProvisionError
from models.mail.outbox import MailKind
from models.people.mail_address import AddressMissing, email_address
from models.people.manners import AddressForm, Language
from models.retention.own_data import Chapter, Item, Reason, Seer, Source
from models.settings import settings
from models.text import row_number
from models.time.hours import Hours
from tasks.engine.passes import kick_mail
from tasks.engine.retry import patiently
from tasks.retention import own_data
from tasks.text.i18n import Reader

router = APIRouter()

SOURCES = {
    Source.SELF: N_("given by this person"),
    Source.FIRM: N_("entered by the firm"),
    Source.PROVIDER: N_("entered by %(provider)s, or given in the request"),
    Source.FILE: N_("imported from a file of the firm"),
    Source.SYSTEM: N_("made by the system"),
    Source.OTHER_SYSTEM: N_("told by another system"),
}
SEERS = {
    Seer.FIRM: N_("those at the firm who may see this contact, and operators of %(provider)s"),
    Seer.LEADERS: N_("organiser and administrators of the firm, and operators of %(provider)s"),
    Seer.NOBODY: N_(
        "nobody sees passwords, links and codes; operators of %(provider)s see that and when they were used"
    ),
    Seer.OPERATORS: N_("operators of %(provider)s"),
}
REASONS = {
    Reason.SECRET: N_("secret: somebody could get in by it"),
    Reason.OTHERS: N_("in part: it tells, or may tell, of others as well"),
    Reason.DERIVED: N_("made for searching: it repeats what stands above"),
    Reason.FILE: N_("a document: given on request"),
}
FIELDS = {
    "email": N_("E-mail address"),
    "given_name": N_("First name"),
    "family_name": N_("Family name"),
    "name": N_("Name"),
    "company_name": N_("Company"),
    "role": N_("Role"),
    "title": N_("Title"),
    "street": N_("Street and number"),
    "postcode": N_("Postcode"),
    "city": N_("Town"),
    "country": N_("Country"),
    "land": N_("Federal state"),
    "language": N_("Language"),
    "address_form": N_("Form of address"),
    "time_zone": N_("Time zone"),
    "hours": N_("Hours"),
    "website": N_("Website"),
    "vat_id": N_("VAT identification number"),
    "to_name": N_("Name"),
    "to_address": N_("E-mail address"),
    "signer": N_("Name"),
    "signer_email": N_("E-mail address"),
    "signer_function": N_("Function"),
    "signer_ip": N_("Network address"),
    "signer_agent": N_("Browser"),
    "decline_reason": N_("Reason"),
    "answered_name": N_("Name"),
    "reason": N_("Reason"),
}
"""What people read of columns; all others stand in the file."""
_NUMBERS = {"phones": N_("Telephone"), "clients": N_("Customer number")}


@router.get("/my-data")
def own(visit: Visiting, part: str = "") -> Response:
    """What is stored about the visitor, firm by firm."""
    visitor = visit.signed_in()
    limit(OWN_DATA, "own-data", str(visitor.account_id))
    return shown(visit, visitor.email, "/my-data", part)


@router.get("/my-data/file")
def own_file(visit: Visiting) -> Response:
    visitor = visit.signed_in()
    limit(OWN_DATA, "own-data", str(visitor.account_id))
    return taken(visitor.email)


@router.get("/privacy/data")
def ask_for_address(visit: Visiting) -> Response:
    return visit.page("own_data_ask.html")


@router.post("/privacy/data")
def ask(visit: Submitting) -> Response:
    """The same answer to everybody: what is stored about an address, only its mailbox learns."""
    try:
        written = visit.text("email")
        if not written:
            raise AddressMissing
        address = email_address(written)
        limit(RESEND, "own-data", address, network(visit.request))
        limit(RESEND_FROM, "mail-from", network(visit.request))
    except ProvisionError as refusal:
        return visit.again("own_data_ask.html", refusal, fields={AddressMissing: "email"}, values=visit.values)
    response = visit.page("own_data_sent.html")
    # Looked up once the answer is on its way, so that not even its time tells who is known.
    response.background = BackgroundTask(_ask, address, visit.reader.language, visit.reader.form)
    return response


def _ask(address: str, language: Language, form: AddressForm) -> None:
    patiently(own_data.ask)(address, language, form)
    kick_mail()


@router.get("/privacy/data/{token}")
def show_proven(visit: Visiting, token: str, part: str = "") -> Response:
    """The page of whoever reads the mail to an address, with an account or without."""
    return shown(visit, proven(visit, token), f"/privacy/data/{token}", part, only_address=True)


@router.get("/privacy/data/{token}/file")
def proven_file(visit: Visiting, token: str) -> Response:
    return taken(proven(visit, token), only_address=True)


def proven(visit: Visit, token: str) -> str:
    """The address that the link proves; raises ProofDead, TooManyAttempts."""
    limit(LOOK_FROM, "look-from", network(visit.request))
    address = own_data.proven(token)
    limit(OWN_DATA, "own-data", address)
    return address


def shown(visit: Visit, address: str, path: str, part: str, *, only_address: bool = False) -> Response:
    """The page; *path*: where it is, and the file beneath."""
    page = own_data.page(address, row_number(part) or 0, only_address=only_address)
    chapters = [] if page.told is None else [*_chapters(visit.reader, page)]
    response = visit.page("own_data.html", address=address, path=path, page=page, chapters=chapters)
    response.headers["Cache-Control"] = "no-store"
    return response


def taken(address: str, *, only_address: bool = False) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="own-data.json"', "Cache-Control": "no-store"}
    pieces = own_data.written(address, only_address=only_address)
    return StreamingResponse(pieces, media_type="application/json", headers=headers)


def _chapters(reader: Reader, page: own_data.Page) -> Iterator[Mapping[str, Any]]:
    assert page.told is not None
    provider = settings().provider_name
    for chapter in page.told.chapters:
        items = page.items.get(chapter.name, [])
        sources = [*dict.fromkeys(SOURCES[item.source] for item in items)]
        shown_items = [_told(reader, item) for item in items]
        reasons = [*dict.fromkeys(REASONS[reason] for item in items for reason in item.withheld.values())]
        yield {
            "what": reader.gettext(chapter.what),
            "number": page.told.counts[chapter.name],
            "sources": [reader.gettext(source) % {"provider": provider} for source in sources],
            "seen_by": reader.gettext(SEERS[chapter.seen_by]) % {"provider": provider},
            "kept": _kept(reader, chapter),
            "items": [each for each in shown_items if each["heading"] or any(text for _, text in each["facts"])],
            "withheld": [reader.gettext(reason) for reason in reasons],
        }


def _kept(reader: Reader, chapter: Chapter) -> str:
    return reader.gettext(chapter.kept) % {"number": chapter.number}


def _told(reader: Reader, item: Item) -> dict[str, Any]:
    facts: list[tuple[str, str]] = []
    for name, value in item.values.items():
        label = _NUMBERS.get(item.table) if name == "number" else FIELDS.get(name)
        text = _text(reader, value)
        if item.is_own and label is not None and text:
            facts.append((reader.gettext(label), text))
    if not item.is_own:
        facts = [(reader.gettext(N_("Named there")), ", ".join(dict.fromkeys(_words(item.values))))]
    heading = reader.gettext(_heading(item)) if _heading(item) else ""
    moment = reader.moment(item.at) if item.at is not None else ""
    return {"heading": heading, "moment": moment, "facts": facts}


def _heading(item: Item) -> str:
    if item.table == "outbox" and item.kind in {*MailKind}:
        return MAILS[MailKind(item.kind)]
    if item.table == "audit_values":
        return {**ACTIONS, **OF_OPERATORS}.get(item.kind, "")
    return ""


def _words(value: Any) -> Iterator[str]:
    match value:
        case str() if not isinstance(value, StrEnum):
            yield value
        case dict() | list():
            for each in value.values() if isinstance(value, dict) else value:
                yield from _words(each)


def _text(reader: Reader, value: Any) -> str:
    match value:
        case Hours():
            return value.text(reader.language)
        case datetime() | bool() | dict():
            return ""
        case StrEnum():
            return reader.label(value)
        case list():
            return ", ".join(each for each in value if isinstance(each, str))
    return str(reader.readable(value))
