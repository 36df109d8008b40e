"""The modules of a contract: ordered, filled in, changed and ended."""

from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from deployments.web.pages.contract import by, contract_page, scan, shared, ways_in, who_acts
from deployments.web.pages.firm import attachment
from deployments.web.security import limit_uploads
from deployments.web.visit import Form, Submission, Submitting, Visit, Visiting
from models.clients.custom_field import NoDate, day_of
from models.contracts.booking import CameBy, ChangeKind
from models.contracts.catalogue import Authority
from models.contracts.declaration import DayTooEarly, ReasonMissing, ReceivedInFuture
from models.contracts.terms import YEARS
from models.errors import NotFound, ProvisionError
from models.text import row_number
from tasks.contracts import changes, legal, orders, page
from tasks.contracts.changes import Preview, Wish
from tasks.contracts.orders import QuantityInvalid, Who
from tasks.contracts.page import Booked, ContractView, Orderable

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


@router.get("/firm/{firm_id}/contract/order/{module_id}")
def order_form(visit: Visiting, firm_id: int, module_id: int) -> Response:
    who = who_acts(visit, firm_id)
    shown = page.view(firm_id, who)
    module = _orderable(visit, shown, module_id)
    chosen = visit.request.query_params.get("tariff") or str(module.offers[0].tariff.id)
    return visit.page("contract/order.html", form=Form({"tariff": chosen}), **_ordered(visit, firm_id, who, module))


@router.post("/firm/{firm_id}/contract/order/{module_id}")
def order(visit: Submitting, firm_id: int, module_id: int) -> Response:
    who = who_acts(visit, firm_id)
    tariff = row_number(visit.text("tariff")) or 0
    prices = row_number(visit.text(f"prices-{tariff}")) or 0
    try:
        seen = [row_number(one) or 0 for one in visit.texts("legal")]
        agrees = seen if who.authority is Authority.CLIENT else None  # Nobody else agrees for the firm.
        booking = orders.order(firm_id, who, module_id, tariff, prices, visit.values, shown=agrees)
    except ProvisionError as refusal:
        shown = page.view(firm_id, who)
        if not any(each.module.id == module_id for each in shown.orderable):
            return contract_page(visit, firm_id, refusal)
        module = _orderable(visit, shown, module_id)
        return visit.again("contract/order.html", refusal, values=visit.values, **_ordered(visit, firm_id, who, module))
    return visit.go(f"/firm/{firm_id}/contract/modules/{booking.id}?said=module_ordered")


def _ordered(visit: Visit, firm_id: int, who: Who, module: Orderable) -> dict[str, Any]:
    asked = [field for field in module.fields if who.authority.reaches(field.editor)]
    return {"module": module, "asked": asked, "legal": legal.current_versions(firm_id), **shared(visit, firm_id)}


@router.get("/firm/{firm_id}/contract/modules/{booking_id}")
def module(visit: Visiting, firm_id: int, booking_id: int) -> Response:
    return _module(visit, firm_id, booking_id)


@router.post("/firm/{firm_id}/contract/modules/{booking_id}/data")
def save_data(visit: Submitting, firm_id: int, booking_id: int) -> Response:
    who = who_acts(visit, firm_id)
    try:
        case = orders.change_data(firm_id, booking_id, who, visit.values)
    except ProvisionError as refusal:
        return _module(visit, firm_id, booking_id, refusal)
    return visit.go(f"/firm/{firm_id}/contract/modules/{booking_id}?said=contract", case=case)


@router.post("/firm/{firm_id}/contract/modules/{booking_id}/options")
def add_option(visit: Submitting, firm_id: int, booking_id: int) -> Response:
    who = who_acts(visit, firm_id)
    try:
        article = row_number(visit.text("article")) or 0
        known = row_number(visit.text("known"))
        case = orders.add_option(firm_id, booking_id, who, article, visit.text("quantity"), known=known)
    except ProvisionError as refusal:
        return _module(visit, firm_id, booking_id, refusal)
    return visit.go(f"/firm/{firm_id}/contract/modules/{booking_id}?said=contract", case=case)


@router.post("/firm/{firm_id}/contract/modules/{booking_id}/options/{option_id}/end")
def end_option(visit: Submitting, firm_id: int, booking_id: int, option_id: int) -> Response:
    case = orders.end_option(firm_id, booking_id, who_acts(visit, firm_id), option_id)
    return visit.go(f"/firm/{firm_id}/contract/modules/{booking_id}?said=contract", case=case)


@router.post("/firm/{firm_id}/contract/modules/{booking_id}/undo")
def ask_undo(visit: Submitting, firm_id: int, booking_id: int) -> Response:
    """The firm asks for it; whoever acts for the provider, and was asked, agrees or does not."""
    who = who_acts(visit, firm_id)
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
    who_acts(visit, firm_id)
    kept = page.letter(firm_id, change_id)
    name = visit.reader.gettext("Letter received on %(day)s") % {"day": kept.received_on.isoformat()}
    return attachment(f"{name}.{kept.ending}", kept.content, kept.media_type)


def _module(visit: Visit, firm_id: int, booking_id: int, refusal: ProvisionError | None = None) -> Response:
    who = who_acts(visit, firm_id)
    view = page.view(firm_id, who)
    booked = _booked(visit, view, booking_id)
    editable = [field for field in booked.fields if booked.is_active and who.authority.reaches(field.editor)]
    shown = {
        "booked": booked,
        "editable": editable,
        "data": [(field, _text(visit, booked.booking.data.get(field.key))) for field in booked.fields],
        "declared": [(one.change, by(visit, view, one.by)) for one in booked.declared],
        "closes": view.contract and view.contract.closing_at and view.contract.day_of(view.contract.closing_at),
        **shared(visit, firm_id),
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
    who, wish = who_acts(visit, firm_id), _wish(visit, firm_id)
    try:
        if isinstance(wish, dict):
            return _change(visit, firm_id, booking_id, wish, {})
        drops = [row_number(one) or 0 for one in visit.text("drops").split()]
        prices = row_number(visit.text("prices"))
        letter = scan(visit)
        changes.declare_change(firm_id, booking_id, who, wish, drops=drops, price_list_id=prices, scan=letter)
    except ProvisionError as refusal:
        if refusal.status == 404:
            raise
        places = {kind: field for kind, field in FIELDS.items() if isinstance(refusal, kind)}
        return _change(visit, firm_id, booking_id, wish, {next(iter(places.values()), ""): refusal})
    word = "tariff_changed" if wish.kind is ChangeKind.TARIFF else "module_ends"
    return visit.go(f"/firm/{firm_id}/contract/modules/{booking_id}?said={word}")


def _wish(visit: Visit, firm_id: int) -> Wish | Wrong:
    """What the form or the address says; or what is wrong with it, by its fields."""
    who = who_acts(visit, firm_id)
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
    who = who_acts(visit, firm_id)
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
        "ways": ways_in(visit),
        **shared(visit, firm_id),
    }
    template = "contract/change.html"
    if wrong:
        return visit.again(template, wrong, values=said, **shown)
    return visit.page(template, form=Form(said), **shown)


def _may_wish(kind: str, who: Who) -> bool:
    if kind == ChangeKind.EXTRAORDINARY:
        return who.authority is Authority.MANAGER
    return kind != ChangeKind.TARIFF


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
