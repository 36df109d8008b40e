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
from models.clients.custom_field import NoDate, day_of
from models.contracts.booking import CameBy, ChangeKind
from models.contracts.catalogue import Authority
from models.contracts.closing import NoClosingAsked
from models.contracts.contract import Copy, SentAs, TaxTreatment
from models.contracts.declaration import DayTooEarly, ReasonMissing, ReceivedInFuture
from models.contracts.legal import ConsentAnswerMissing, ConsentHow
from models.contracts.terms import YEARS
from models.errors import N_, NotFound, ProvisionError
from models.onboarding import AccountClosed
from models.people.manners import Language
from models.people.person import Role
from models.settings import settings
from models.text import row_number
from models.time.clock import local_day, now
from tasks.clients.settings import frame
from tasks.contracts import changes, closing, details, legal, orders, page, takeout
from tasks.contracts.changes import Preview, Wish
from tasks.contracts.details import ROWS, Section
from tasks.contracts.legal import Paper
from tasks.contracts.orders import QuantityInvalid, Who
from tasks.contracts.page import Booked, ContractView, Orderable
from tasks.text.i18n import explain

router = APIRouter()

FIELDS: dict[type[ProvisionError], str] = {
    QuantityInvalid: "quantity",
    ReasonMissing: "reason",
    DayTooEarly: "chosen",
    ReceivedInFuture: "received",
}
Wrong = dict[str, ProvisionError]
"""What is wrong with a form, by its fields."""
ENDS = (ChangeKind.TERMINATION, ChangeKind.SWITCH, ChangeKind.EXTRAORDINARY)


class ContractNotForYou(ProvisionError):
    status = 403
    says = N_("The contract of %(firm)s is for its owner, its administrators and who answers for it: ask one of them.")

    def __init__(self, firm: str) -> None:
        super().__init__(firm)
        self.firm = firm


# ---- the page and its sections


@router.get("/firm/{firm_id}/contract")
def contract(visit: Visiting, firm_id: int) -> Response:
    return _page(visit, firm_id)


@router.get("/firm/{firm_id}/contract/edit/{section}")
def edit(visit: Visiting, firm_id: int, section: str) -> Response:
    who, which = _who(visit, firm_id), _section(visit, section)
    values, stamp = details.form(firm_id, who, which)
    return visit.page("contract/edit.html", form=Form(values), **_edited(visit, firm_id, which, stamp, values))


@router.post("/firm/{firm_id}/contract/edit/{section}")
def save(visit: Submitting, firm_id: int, section: str) -> Response:
    who, which = _who(visit, firm_id), _section(visit, section)
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
        **_frame(visit, firm_id),
    }


# ---- terms and annexes


@router.get("/firm/{firm_id}/contract/legal/{digest}")
def legal_file(visit: Visiting, firm_id: int, digest: str) -> Response:
    """A version by the hash of its document, whatever counts by now."""
    _who(visit, firm_id)
    return attachment(*legal.document(digest))


@router.get("/firm/{firm_id}/contract/consent/{text_id}")
def consent(visit: Visiting, firm_id: int, text_id: int) -> Response:
    return visit.page("contract/consent.html", **_consent(visit, firm_id, text_id))


@router.get("/firm/{firm_id}/contract/consent/{text_id}/letter")
def consent_letter(visit: Visiting, firm_id: int, text_id: int) -> Response:
    """The scan of the letter by which it is answered, or (*former*) was before, to be kept."""
    _who(visit, firm_id)
    former = visit.request.query_params.get("former")
    ending, content, media_type = legal.letter(firm_id, text_id, None if former is None else row_number(former) or 0)
    return attachment(f"{visit.reader.gettext('The letter as a scan')}.{ending}", content, media_type)


@router.post("/firm/{firm_id}/contract/consent/{text_id}", dependencies=[Depends(limit_uploads)])
def answer_consent(visit: Submitting, firm_id: int, text_id: int) -> Response:
    who, is_accepted, reason = _who(visit, firm_id), visit.text("answer") == "yes", visit.paragraphs("reason")
    try:
        if visit.text("answer") not in {"yes", "no"}:
            raise ConsentAnswerMissing
        if who.authority is Authority.CLIENT:
            case = legal.answer(firm_id, who, text_id, visit.text("sha256"), is_accepted=is_accepted, reason=reason)
        else:
            received, came_by, signer = (visit.text(name) for name in ("received", "came_by", "signer"))
            paper = Paper(received, came_by, signer, reason, _scan(visit))
            case = legal.enter(firm_id, who, text_id, visit.text("sha256"), paper, is_accepted=is_accepted)
    except ProvisionError as refusal:
        shown = _consent(visit, firm_id, text_id)
        return visit.again("contract/consent.html", refusal, values=visit.values, **shown)
    return visit.go(
        f"/firm/{firm_id}/contract?said={'consented' if is_accepted else 'consent_refused'}#legal", case=case
    )


def _consent(visit: Visit, firm_id: int, text_id: int) -> dict[str, Any]:
    _who(visit, firm_id)
    one, words = legal.version(firm_id, text_id)
    paper = one.consent.how if one.consent else None
    how = visit.reader.label(CameBy(paper)) if paper in {ConsentHow.LETTER, ConsentHow.MAIL} else ""
    former = legal.former_letters(one.consent)
    return {"one": one, "words": words, "how": how, "former": former, "ways": _ways(visit), **_frame(visit, firm_id)}


def _ways(visit: Visit) -> list[tuple[str, str]]:
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
    who, later = _who(visit, firm_id), visit.ticked("later")
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
        closing.take_back(firm_id, _who(visit, firm_id))
    except NoClosingAsked as refusal:
        return _page(visit, firm_id, refusal)
    return visit.go(f"/firm/{firm_id}/contract?said=closing_taken_back")


def _closed(visit: Visit, firm_id: int) -> dict[str, Any]:
    shown = closing.view(firm_id, _who(visit, firm_id))
    in_the_way = explain(shown.in_the_way, visit.reader) if shown.in_the_way else ""
    return {"shown": shown, "in_the_way": in_the_way, **_frame(visit, firm_id)}


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


# ---- modules


@router.get("/firm/{firm_id}/contract/order/{module_id}")
def order_form(visit: Visiting, firm_id: int, module_id: int) -> Response:
    who = _who(visit, firm_id)
    shown = page.view(firm_id, who)
    module = _orderable(visit, shown, module_id)
    chosen = visit.request.query_params.get("tariff") or str(module.offers[0].tariff.id)
    return visit.page("contract/order.html", form=Form({"tariff": chosen}), **_ordered(visit, firm_id, who, module))


@router.post("/firm/{firm_id}/contract/order/{module_id}")
def order(visit: Submitting, firm_id: int, module_id: int) -> Response:
    who = _who(visit, firm_id)
    tariff = row_number(visit.text("tariff")) or 0
    prices = row_number(visit.text(f"prices-{tariff}")) or 0
    try:
        seen = [row_number(one) or 0 for one in visit.texts("legal")]
        agrees = seen if who.authority is Authority.CLIENT else None  # Nobody else agrees for the firm.
        booking = orders.order(firm_id, who, module_id, tariff, prices, visit.values, shown=agrees)
    except ProvisionError as refusal:
        shown = page.view(firm_id, who)
        if not any(each.module.id == module_id for each in shown.orderable):
            return _page(visit, firm_id, refusal)
        module = _orderable(visit, shown, module_id)
        return visit.again("contract/order.html", refusal, values=visit.values, **_ordered(visit, firm_id, who, module))
    return visit.go(f"/firm/{firm_id}/contract/modules/{booking.id}?said=module_ordered")


def _ordered(visit: Visit, firm_id: int, who: Who, module: Orderable) -> dict[str, Any]:
    asked = [field for field in module.fields if who.authority.reaches(field.editor)]
    return {"module": module, "asked": asked, "legal": legal.current_versions(firm_id), **_frame(visit, firm_id)}


@router.get("/firm/{firm_id}/contract/modules/{booking_id}")
def module(visit: Visiting, firm_id: int, booking_id: int) -> Response:
    return _module(visit, firm_id, booking_id)


@router.post("/firm/{firm_id}/contract/modules/{booking_id}/data")
def save_data(visit: Submitting, firm_id: int, booking_id: int) -> Response:
    who = _who(visit, firm_id)
    try:
        case = orders.change_data(firm_id, booking_id, who, visit.values)
    except ProvisionError as refusal:
        return _module(visit, firm_id, booking_id, refusal)
    return visit.go(f"/firm/{firm_id}/contract/modules/{booking_id}?said=contract", case=case)


@router.post("/firm/{firm_id}/contract/modules/{booking_id}/options")
def add_option(visit: Submitting, firm_id: int, booking_id: int) -> Response:
    who = _who(visit, firm_id)
    try:
        article = row_number(visit.text("article")) or 0
        known = row_number(visit.text("known"))
        case = orders.add_option(firm_id, booking_id, who, article, visit.text("quantity"), known=known)
    except ProvisionError as refusal:
        return _module(visit, firm_id, booking_id, refusal)
    return visit.go(f"/firm/{firm_id}/contract/modules/{booking_id}?said=contract", case=case)


@router.post("/firm/{firm_id}/contract/modules/{booking_id}/options/{option_id}/end")
def end_option(visit: Submitting, firm_id: int, booking_id: int, option_id: int) -> Response:
    case = orders.end_option(firm_id, booking_id, _who(visit, firm_id), option_id)
    return visit.go(f"/firm/{firm_id}/contract/modules/{booking_id}?said=contract", case=case)


@router.post("/firm/{firm_id}/contract/modules/{booking_id}/undo")
def ask_undo(visit: Submitting, firm_id: int, booking_id: int) -> Response:
    """The firm asks for it; whoever acts for the provider, and was asked, agrees or does not."""
    who = _who(visit, firm_id)
    try:
        if who.authority is Authority.CLIENT:
            change = changes.ask_undo(firm_id, booking_id, who)
        elif visit.text("answer") == "refuse":
            change = changes.refuse_to_undo(firm_id, booking_id, who, visit.paragraphs("note"))
        else:
            change = changes.agree_undo(firm_id, booking_id, who, visit.paragraphs("note"))
    except ProvisionError as refusal:
        return _module(visit, firm_id, booking_id, refusal)
    word = "change_undone" if change.settled_at else "undo_refused" if change.undo_refused_at else "undo_asked"
    return visit.go(f"/firm/{firm_id}/contract/modules/{booking_id}?said={word}")


@router.get("/firm/{firm_id}/contract/letters/{change_id}")
def letter(visit: Visiting, firm_id: int, change_id: int) -> Response:
    """The scan of a letter by which something was declared, to be kept."""
    _who(visit, firm_id)
    kept = page.letter(firm_id, change_id)
    name = visit.reader.gettext("Letter received on %(day)s") % {"day": kept.received_on.isoformat()}
    return attachment(f"{name}.{kept.ending}", kept.content, kept.media_type)


def _module(visit: Visit, firm_id: int, booking_id: int, refusal: ProvisionError | None = None) -> Response:
    who = _who(visit, firm_id)
    view = page.view(firm_id, who)
    booked = _booked(visit, view, booking_id)
    editable = [field for field in booked.fields if booked.is_active and who.authority.reaches(field.editor)]
    shown = {
        "booked": booked,
        "editable": editable,
        "data": [(field, _text(visit, booked.booking.data.get(field.key))) for field in booked.fields],
        "declared": [(one.change, _by(visit, view, one.by)) for one in booked.declared],
        "closes": view.contract and view.contract.closing_at and view.contract.day_of(view.contract.closing_at),
        **_frame(visit, firm_id),
    }
    if refusal is not None and isinstance(visit, Submission):
        return visit.again("contract/module.html", refusal, fields=FIELDS, values=visit.values, **shown)
    values = {key: {True: "yes", False: "no"}.get(value, value) for key, value in booked.booking.data.items()}
    return visit.page("contract/module.html", form=Form(values), **shown)


def _text(visit: Visit, value: object) -> str:
    if isinstance(value, bool):
        return visit.reader.gettext("yes") if value else visit.reader.gettext("no")
    return str(value or "")


# ---- another tariff, or the end


@router.get("/firm/{firm_id}/contract/modules/{booking_id}/end")
def foresee_end(visit: Visiting, firm_id: int, booking_id: int) -> Response:
    """What follows from ending the module: today, or on the day that operators were told it or managers choose."""
    return _change(visit, firm_id, booking_id, _wish(visit, firm_id), {})


@router.post("/firm/{firm_id}/contract/modules/{booking_id}/end", dependencies=[Depends(limit_uploads)])
def end(visit: Submitting, firm_id: int, booking_id: int) -> Response:
    return _declare(visit, firm_id, booking_id)


@router.get("/firm/{firm_id}/contract/modules/{booking_id}/tariff")
def foresee_tariff(visit: Visiting, firm_id: int, booking_id: int) -> Response:
    """What can be chosen instead, and what follows from it."""
    return _change(visit, firm_id, booking_id, _wish(visit, firm_id), {})


@router.post("/firm/{firm_id}/contract/modules/{booking_id}/tariff", dependencies=[Depends(limit_uploads)])
def change_tariff(visit: Submitting, firm_id: int, booking_id: int) -> Response:
    return _declare(visit, firm_id, booking_id)


def _declare(visit: Submission, firm_id: int, booking_id: int) -> Response:
    """Confirmed: what the page foresaw is declared, if nothing has changed since."""
    who, wish = _who(visit, firm_id), _wish(visit, firm_id)
    try:
        if isinstance(wish, dict):
            return _change(visit, firm_id, booking_id, wish, {})
        drops = [row_number(one) or 0 for one in visit.text("drops").split()]
        prices = row_number(visit.text("prices"))
        scan = _scan(visit)
        changes.declare_change(firm_id, booking_id, who, wish, drops=drops, price_list_id=prices, scan=scan)
    except ProvisionError as refusal:
        if refusal.status == 404:
            raise
        places = {kind: field for kind, field in FIELDS.items() if isinstance(refusal, kind)}
        return _change(visit, firm_id, booking_id, wish, {next(iter(places.values()), ""): refusal})
    word = "tariff_changed" if wish.kind is ChangeKind.TARIFF else "module_ends"
    return visit.go(f"/firm/{firm_id}/contract/modules/{booking_id}?said={word}")


def _scan(visit: Submission) -> tuple[str, bytes] | None:
    try:
        return visit.file("scan")
    except FileMissing:
        return None


def _wish(visit: Visit, firm_id: int) -> Wish | Wrong:
    """What the form or the address says; or what is wrong with it, by its fields."""
    who = _who(visit, firm_id)
    said = visit.values if isinstance(visit, Submission) else dict(visit.request.query_params)
    wrong: Wrong = {}
    days: dict[str, Any] = {"chosen": None, "received": None}
    for name in ("chosen", "received"):
        if said.get(name):
            try:
                days[name] = day = day_of(said[name])
            except NoDate as refusal:
                wrong[name] = refusal
            else:
                if day.year not in YEARS:
                    wrong[name] = NoDate(said[name][:60])
    if wrong:
        return wrong
    kind = next((one for one in ENDS if one == said.get("kind")), ChangeKind.TERMINATION)
    if visit.request.url.path.endswith("/tariff"):
        kind = ChangeKind.TARIFF
    came_by = next((way for way in (CameBy.LETTER, CameBy.MAIL) if way == said.get("came_by")), CameBy.PAGE)
    received = changes.first_moment_of(firm_id, days["received"]) if days["received"] else None
    return Wish(
        kind,
        tariff_id=row_number(said.get("tariff", "")) if kind is ChangeKind.TARIFF else None,
        chosen=days["chosen"] if who.authority is Authority.MANAGER else None,
        reason=visit.paragraphs("reason") if isinstance(visit, Submission) else "",
        received_at=received if who.authority is not Authority.CLIENT else None,
        came_by=came_by if received else CameBy.PAGE,
    )


def _change(visit: Visit, firm_id: int, booking_id: int, wish: Wish | Wrong, wrong: Wrong) -> Response:
    who = _who(visit, firm_id)
    booked = _booked(visit, page.view(firm_id, who), booking_id)
    is_tariff = visit.request.url.path.endswith("/tariff")
    offers = [] if not is_tariff else [o for o in page.offers(firm_id, booked, who) if o.tariff.id != booked.tariff.id]
    seen: Preview | None = None
    if isinstance(wish, dict):
        wrong |= wish
    elif not is_tariff or wish.tariff_id:
        try:
            seen = changes.preview(firm_id, booking_id, who, wish)
        except ProvisionError as refusal:
            if refusal.status == 404:
                raise
            wrong.setdefault(next((f for kind, f in FIELDS.items() if isinstance(refusal, kind)), ""), refusal)
    said = visit.values if isinstance(visit, Submission) else dict(visit.request.query_params)
    shown = {
        "booked": booked,
        "offers": offers,
        "wish": wish if isinstance(wish, Wish) else None,
        "preview": seen,
        "is_tariff": is_tariff,
        "kinds": [option for option in visit.options(ChangeKind) if _may_wish(option[0], who)],
        "ways": _ways(visit),
        **_frame(visit, firm_id),
    }
    template = "contract/change.html"
    if wrong:
        return visit.again(template, wrong, values=said, **shown)
    return visit.page(template, form=Form(said), **shown)


def _may_wish(kind: str, who: Who) -> bool:
    if kind == ChangeKind.EXTRAORDINARY:
        return who.authority is Authority.MANAGER
    return kind != ChangeKind.TARIFF


# ---- who sees it, and what every page shows


def _who(visit: Visit, firm_id: int) -> Who:
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


def _section(visit: Visit, name: str) -> Section:
    section = next((one for one in Section if one == name), None)
    if section is None:
        raise NotFound(visit.reader.gettext("The page"))
    return section


def _booked(visit: Visit, shown: ContractView, booking_id: int) -> Booked:
    booked = next((each for each in shown.booked if each.key == booking_id), None)
    if booked is None:
        raise NotFound(visit.reader.gettext("The module"))
    return booked


def _orderable(visit: Visit, shown: ContractView, module_id: int) -> Orderable:
    module = next((each for each in shown.orderable if each.module.id == module_id), None)
    if module is None:
        raise NotFound(visit.reader.gettext("The module"))
    return module


def _page(visit: Visit, firm_id: int, refusal: ProvisionError | None = None) -> Response:
    who = _who(visit, firm_id)
    shown = page.view(firm_id, who)
    about = {
        "shown": shown,
        "may": {s.value: shown.firm.closed_at is None and details.may_change(s, who) for s in Section},
        "may_close": shown.firm.closed_at is None and _may_close(visit, firm_id),
        "takeout": takeout.newest(firm_id),
        "may_take": _may_take(visit, firm_id),
        "now": now(),
        "history": [(entry.at, ACTIONS[entry.action], _by(visit, shown, entry.actor)) for entry in shown.history],
        "country_of": dict(country_names(visit.reader)),
        **_frame(visit, firm_id),
    }
    if refusal is not None:
        return visit.again("contract/page.html", {"": refusal}, **about)
    return visit.page("contract/page.html", **about)


def _may_close(visit: Visit, firm_id: int) -> bool:
    visitor = visit.signed_in()
    return visitor.is_operator or visitor.may(firm_id, Role.ORGANISER)


def _by(visit: Visit, shown: ContractView, actor: str) -> str:
    """Who acted, as the reader may know them: the provider's people are the provider to a firm."""
    if visit.signed_in().is_operator:
        return visit.reader.gettext(ACTORS[actor]) if actor in ACTORS else actor
    return actor if actor in shown.own else settings().provider_name


def _frame(visit: Visit, firm_id: int) -> dict[str, Any]:
    shown, who = frame(firm_id), _who(visit, firm_id)
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
