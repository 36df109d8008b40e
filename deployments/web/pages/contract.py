"""The page of a firm's contract, for its own people and for operators alike."""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends
from starlette.responses import Response, StreamingResponse

from deployments.web.labels import ACTIONS, ACTORS
from deployments.web.pages.firm import SHUT, attachment, tabs_of
from deployments.web.pages.public import country_names
from deployments.web.security import limit_uploads
from deployments.web.visit import FileMissing, Form, Submission, Submitting, Visit, Visiting
from models.contracts.booking import CameBy
from models.contracts.catalogue import Authority
from models.contracts.closing import NoClosingAsked
from models.contracts.contract import Copy, SentAs, TaxTreatment
from models.contracts.legal import ConsentAnswerMissing, ConsentHow
from models.errors import N_, NotFound, ProvisionError
from models.onboarding import AccountClosed
from models.people.manners import Language
from models.people.person import Role
from models.settings import settings
from models.text import row_number
from models.time.clock import local_day, now
from tasks.agreement import viewing
from tasks.clients.settings import frame
from tasks.contracts import closing, details, legal, page, takeout
from tasks.contracts.details import ROWS, Section
from tasks.contracts.legal import Paper
from tasks.contracts.orders import Who
from tasks.contracts.page import ContractView
from tasks.text.i18n import explain

router = APIRouter()


class ContractNotForYou(ProvisionError):
    status = 403
    says = N_("The contract of %(firm)s is for its owner, its administrators and who answers for it: ask one of them.")

    def __init__(self, firm: str) -> None:
        super().__init__(firm)
        self.firm = firm


# ---- the page and its sections


@router.get("/firm/{firm_id}/contract")
def contract(visit: Visiting, firm_id: int) -> Response:
    return contract_page(visit, firm_id)


@router.get("/firm/{firm_id}/contract/edit/{section}")
def edit(visit: Visiting, firm_id: int, section: str) -> Response:
    who, which = who_acts(visit, firm_id), _section(visit, section)
    values, stamp = details.form(firm_id, who, which)
    return visit.page("contract/edit.html", form=Form(values), **_edited(visit, firm_id, which, stamp, values))


@router.post("/firm/{firm_id}/contract/edit/{section}")
def save(visit: Submitting, firm_id: int, section: str) -> Response:
    who, which = who_acts(visit, firm_id), _section(visit, section)
    try:
        case = details.change(firm_id, who, which, visit.values, visit.text("was"))
    except ProvisionError as refusal:
        values, stamp = details.form(firm_id, who, which)
        was = visit.text("was") if refusal.status == 422 else stamp
        shown = _edited(visit, firm_id, which, was, visit.values)
        typed = visit.values if refusal.status == 422 else values
        late = {} if refusal.status == 422 else {"unsaved": _unsaved(visit.values, values)}
        return visit.again("contract/edit.html", refusal, values=typed, **shown | late)
    return visit.go(f"/firm/{firm_id}/contract?said=contract#{which.value}", case=case)


def _unsaved(typed: dict[str, str], stands: dict[str, str]) -> list[str]:
    """What somebody wrote who was late, beside what is chosen from a list: nobody has to write it twice."""
    written = {name: text for name, text in typed.items() if name.startswith("email-") or name in stands}
    chosen = {"country", "tax", "sent_as", "is_test"}
    return [
        text
        for name, text in written.items()
        if text.strip()
        and text != stands.get(name)
        and name not in chosen
        and not name.startswith(("copy-", "sent_as-"))
    ]


def _edited(visit: Visit, firm_id: int, section: Section, was: str, values: dict[str, str]) -> dict[str, Any]:
    numbers = [row_number(name.removeprefix("email-")) for name in values if name.startswith("email-")]
    rows = [number for number in numbers if number is not None]
    return {
        "section": section.value,
        "was": was,
        "unsaved": [],
        "rows": max(ROWS, *(min(row, 100) + 2 for row in rows)) if rows else ROWS,
        "countries": country_names(visit.reader),
        "treatments": visit.options(TaxTreatment),
        "copies": visit.options(Copy),
        "ways": visit.options(SentAs),
        **shared(visit, firm_id),
    }


# ---- terms and annexes


@router.get("/firm/{firm_id}/contract/legal/{digest}")
def legal_file(visit: Visiting, firm_id: int, digest: str) -> Response:
    """A version by the hash of its document, whatever counts by now."""
    who_acts(visit, firm_id)
    return attachment(*legal.document(digest))


@router.get("/firm/{firm_id}/contract/agreements/{version}.pdf")
def signed_agreement(visit: Visiting, firm_id: int, version: int) -> Response:
    """A version that both sides have signed, also one that a later one has replaced."""
    who_acts(visit, firm_id)
    return attachment(*viewing.final_pdf(firm_id, version))


@router.get("/firm/{firm_id}/contract/consent/{text_id}")
def consent(visit: Visiting, firm_id: int, text_id: int) -> Response:
    return visit.page("contract/consent.html", **_consent(visit, firm_id, text_id))


@router.get("/firm/{firm_id}/contract/consent/{text_id}/letter")
def consent_letter(visit: Visiting, firm_id: int, text_id: int) -> Response:
    """The scan of the letter by which it is answered, or (*former*) was before, to be kept."""
    who_acts(visit, firm_id)
    former = visit.request.query_params.get("former")
    ending, content, media_type = legal.letter(firm_id, text_id, None if former is None else row_number(former) or 0)
    return attachment(f"{visit.reader.gettext('The letter as a scan')}.{ending}", content, media_type)


@router.post("/firm/{firm_id}/contract/consent/{text_id}", dependencies=[Depends(limit_uploads)])
def answer_consent(visit: Submitting, firm_id: int, text_id: int) -> Response:
    who, is_accepted, reason = who_acts(visit, firm_id), visit.text("answer") == "yes", visit.paragraphs("reason")
    try:
        if visit.text("answer") not in {"yes", "no"}:
            raise ConsentAnswerMissing
        if who.authority is Authority.CLIENT:
            case = legal.answer(firm_id, who, text_id, visit.text("sha256"), is_accepted=is_accepted, reason=reason)
        else:
            received, came_by, signer = (visit.text(name) for name in ("received", "came_by", "signer"))
            paper = Paper(received, came_by, signer, reason, scan(visit))
            case = legal.enter(firm_id, who, text_id, visit.text("sha256"), paper, is_accepted=is_accepted)
    except ProvisionError as refusal:
        shown = _consent(visit, firm_id, text_id)
        return visit.again("contract/consent.html", refusal, values=visit.values, **shown)
    return visit.go(
        f"/firm/{firm_id}/contract?said={'consented' if is_accepted else 'consent_refused'}#legal", case=case
    )


def _consent(visit: Visit, firm_id: int, text_id: int) -> dict[str, Any]:
    who_acts(visit, firm_id)
    one, words = legal.version(firm_id, text_id)
    paper = one.consent.how if one.consent else None
    how = visit.reader.label(CameBy(paper)) if paper in {ConsentHow.LETTER, ConsentHow.MAIL} else ""
    former = legal.former_letters(one.consent)
    return {"one": one, "words": words, "how": how, "former": former, "ways": ways_in(visit), **shared(visit, firm_id)}


def ways_in(visit: Visit) -> list[tuple[str, str]]:
    """How something comes that operators enter."""
    return [option for option in visit.options(CameBy) if option[0] in {CameBy.LETTER, CameBy.MAIL}]


# ---- the account is closed


@router.get("/firm/{firm_id}/contract/close")
def closing_form(visit: Visiting, firm_id: int) -> Response:
    """What ends with the account, what is kept, and from when on it can be closed."""
    return visit.page("contract/close.html", **_closed(visit, firm_id))


@router.post("/firm/{firm_id}/contract/close")
def close(visit: Submitting, firm_id: int) -> Response:
    """Closed at once, or noted to be closed later; whoever loses access by it learns on the next page that it is so."""
    who, later = who_acts(visit, firm_id), visit.ticked("later")
    try:
        is_closed = closing.close(firm_id, who, visit.text("typed"), visit.paragraphs("reason"), later=later)
    except AccountClosed:
        if who.authority is Authority.CLIENT:
            raise
        is_closed = True  # Sent twice.
    except ProvisionError as refusal:
        if refusal.status == 403:
            raise
        return visit.again("contract/close.html", refusal, values=visit.values, **_closed(visit, firm_id))
    if is_closed and who.authority is Authority.CLIENT:
        return visit.go("/auth/login?said=account_closed")
    return visit.go(f"/firm/{firm_id}/contract?said={'account_closed' if is_closed else 'closing_asked'}")


@router.post("/firm/{firm_id}/contract/close/take-back")
def take_back_closing(visit: Submitting, firm_id: int) -> Response:
    try:
        closing.take_back(firm_id, who_acts(visit, firm_id))
    except NoClosingAsked as refusal:
        return contract_page(visit, firm_id, refusal)
    return visit.go(f"/firm/{firm_id}/contract?said=closing_taken_back")


def _closed(visit: Visit, firm_id: int) -> dict[str, Any]:
    shown = closing.view(firm_id, who_acts(visit, firm_id))
    in_the_way = explain(shown.in_the_way, visit.reader) if shown.in_the_way else ""
    return {"shown": shown, "in_the_way": in_the_way, **shared(visit, firm_id)}


# ---- all data, to be taken along


@router.post("/firm/{firm_id}/contract/data")
def ask_for_data(visit: Submitting, firm_id: int) -> Response:
    """Have all data put together; asked twice it is one archive."""
    member = visit.require_administrator(firm_id)
    asked = takeout.ask(firm_id, member.person_id, visit.signed_in().email, Language(visit.reader.language))
    word = "takeout_asked" if asked.ready_at is None else "takeout_there"
    return visit.go(f"/firm/{firm_id}/contract?said={word}#data")


@router.post("/firm/{firm_id}/contract/data/{takeout_id}")
def fetch_data(visit: Submitting, firm_id: int, takeout_id: int) -> Response:
    """The archive, to be kept. Not by a link: it is written down who has fetched it."""
    visit.require_administrator(firm_id)
    made, pieces = takeout.fetch(firm_id, takeout_id, visit.signed_in().email)
    name = visit.reader.gettext("data") + f"-{firm_id}-{local_day(made.asked_at):%Y-%m-%d}.zip"
    headers = {
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}",
        "Content-Security-Policy": SHUT,
    }
    headers["Content-Length"] = str(made.size)
    return StreamingResponse(pieces, media_type="application/zip", headers=headers)


def _may_take(visit: Visit, firm_id: int) -> bool:
    member = visit.signed_in().staff_of(firm_id)
    return member is not None and member.rights.sees_all


# ---- who sees it, and what every page shows


def who_acts(visit: Visit, firm_id: int) -> Who:
    """Who acts: an operator or manager, or one of the firm's people who may.

    Raises SignInFirst; NotFound for strangers and clients of the firm, ContractNotForYou for its other people.
    """
    visitor, language = visit.signed_in(), visit.reader.language
    if visitor.is_operator:
        visit.require_operator()
        return Who(visitor.email, Authority.MANAGER if visitor.is_manager else Authority.OPERATOR, language)
    member = visit.require_staff(firm_id)
    if not member.rights.sees_contract:
        raise ContractNotForYou(member.firm_name)
    return Who(visitor.email, Authority.CLIENT, language)


def scan(visit: Submission) -> tuple[str, bytes] | None:
    try:
        return visit.file("scan")
    except FileMissing:
        return None


def _section(visit: Visit, name: str) -> Section:
    section = next((one for one in Section if one == name), None)
    if section is None:
        raise NotFound(visit.reader.gettext("The page"))
    return section


def contract_page(visit: Visit, firm_id: int, refusal: ProvisionError | None = None) -> Response:
    who = who_acts(visit, firm_id)
    shown = page.view(firm_id, who)
    about = {
        "shown": shown,
        "may": {s.value: shown.firm.closed_at is None and details.may_change(s, who) for s in Section},
        "may_close": shown.firm.closed_at is None and _may_close(visit, firm_id),
        "hand_over": _hands_over(visit, shown),
        "takeout": takeout.newest(firm_id),
        "may_take": _may_take(visit, firm_id),
        "now": now(),
        "history": [(entry.at, ACTIONS[entry.action], by(visit, shown, entry.actor)) for entry in shown.history],
        "country_of": dict(country_names(visit.reader)),
        **shared(visit, firm_id),
    }
    if refusal is not None:
        return visit.again("contract/page.html", {"": refusal}, **about)
    return visit.page("contract/page.html", **about)


def _may_close(visit: Visit, firm_id: int) -> bool:
    visitor = visit.signed_in()
    return visitor.is_operator or visitor.may(firm_id, Role.ORGANISER)


def _hands_over(visit: Visit, shown: ContractView) -> str:
    """Where the visitor hands the account over, or asks for it in the owner's place; empty: not at all."""
    visitor, is_going = visit.signed_in(), shown.firm.closed_at is None and shown.case.stopped_at is None
    if is_going and visitor.may(shown.firm.id, Role.ORGANISER):
        return f"/firm/{shown.firm.id}/owner"
    return f"/board/cases/{shown.case.id}/owner" if is_going and visitor.is_manager else ""


def by(visit: Visit, shown: ContractView, actor: str) -> str:
    """Who acted, as the reader may know them: the provider's people are the provider to a firm."""
    if visit.signed_in().is_operator:
        return visit.reader.gettext(ACTORS[actor]) if actor in ACTORS else actor
    return actor if actor in shown.own else settings().provider_name


def shared(visit: Visit, firm_id: int) -> dict[str, Any]:
    shown, who = frame(firm_id), who_acts(visit, firm_id)
    return {
        "firm": shown.firm,
        "frame": shown,
        "path": f"/firm/{firm_id}/contract",
        "tabs": tabs_of(visit, firm_id),
        "tab": "contract",
        "authority": who.authority.value,
        "language": Language(visit.reader.language),
        "home": settings().provider_country,
    }
