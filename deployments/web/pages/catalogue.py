"""The catalogue on the board: operators look, managers keep it."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web import labels
from deployments.web.pages.operators import ACTIONS, ACTORS
from deployments.web.visit import Form, Submission, Submitting, Visit, Visiting, member
from models.clients.custom_field import FieldKind
from models.contracts.catalogue import ArticleKey, Authority
from models.contracts.money import SIGNS
from models.contracts.terms import NoticeTo, Unit
from models.errors import N_, NotFound, ProvisionError
from models.settings import settings
from models.subscription import Interval
from tasks.contracts import catalogue_editing, catalogue_view
from tasks.contracts.catalogue_editing import Publication, Sort
from tasks.contracts.orders import Who

router = APIRouter(prefix="/board/catalogue")

HERE = "/board/catalogue"
SAID = {
    "added": N_("Added."),
    "changed": N_("Saved."),
    "withdrawn": N_("Withdrawn. Whoever has it keeps it."),
    "offered": N_("It can be ordered again."),
    "published": N_("Published. Firms that are concerned are told in time."),
}
BEGIN: Mapping[Sort, dict[str, str]] = {
    Sort.MODULE: {"is_orderable": "yes"},
    Sort.FIELD: {},
    Sort.TARIFF: {
        "is_offered": "yes",
        "first_term": "12",
        "extension": "12",
        "notice": "3",
        **dict.fromkeys(("first_term-unit", "extension-unit", "notice-unit"), Unit.MONTH.value),
    },
    Sort.ARTICLE: {},
}
"""What stands in the form of a new one."""


@router.get("")
def overview(visit: Visiting) -> Response:
    visit.require_operator()
    shown = catalogue_view.catalogue()
    return visit.page("board/catalogue/overview.html", shown=shown, **_frame(visit))


@router.get("/modules/{module_id}")
def module(visit: Visiting, module_id: int) -> Response:
    visit.require_operator()
    return visit.page("board/catalogue/module.html", shown=catalogue_view.module(module_id), **_frame(visit))


@router.get("/tariffs/{tariff_id}")
def tariff(visit: Visiting, tariff_id: int) -> Response:
    visit.require_operator()
    return visit.page("board/catalogue/tariff.html", shown=catalogue_view.tariff(tariff_id), **_frame(visit))


# ---- what it is made of


@router.get("/new/{sort}/{owner_id}")
def begin(visit: Visiting, sort: str, owner_id: int) -> Response:
    visit.require_manager()
    which = _sort(visit, sort)
    return visit.page("board/catalogue/form.html", form=Form(BEGIN[which]), **_new(visit, which, owner_id))


@router.post("/new/{sort}/{owner_id}")
def add(visit: Submitting, sort: str, owner_id: int) -> Response:
    who, which = _who(visit), _sort(visit, sort)
    try:
        made = catalogue_editing.add(who, which, owner_id, visit.values)
    except ProvisionError as refusal:
        shown = _new(visit, which, owner_id)
        return visit.again("board/catalogue/form.html", refusal, values=visit.values, **shown)
    to = _page_of(which, made if which in {Sort.MODULE, Sort.TARIFF} else owner_id)
    return visit.go(f"{to}?said=added")


@router.get("/edit/{sort}/{row_id}")
def edit(visit: Visiting, sort: str, row_id: int) -> Response:
    visit.require_manager()
    shown, fields = _edited(visit, _sort(visit, sort), row_id)
    return visit.page("board/catalogue/form.html", form=Form(fields), **shown)


@router.post("/edit/{sort}/{row_id}")
def save(visit: Submitting, sort: str, row_id: int) -> Response:
    who, which = _who(visit), _sort(visit, sort)
    shown, fields = _edited(visit, which, row_id)
    try:
        catalogue_editing.change(who, which, row_id, visit.values, visit.text("was"))
    except ProvisionError as refusal:
        return _again(visit, "board/catalogue/form.html", refusal, fields, shown)
    return visit.go(f"{shown['back']}?said=changed")


@router.post("/sale/{sort}/{row_id}")
def withdraw(visit: Submitting, sort: str, row_id: int) -> Response:
    """From sale, or back on sale; a field is put away, or taken back."""
    who, which = _who(visit), _sort(visit, sort)
    if which is Sort.ARTICLE:
        raise NotFound(visit.reader.gettext("The page"))
    back = visit.text("act") == "back"
    catalogue_editing.withdraw(who, which, row_id, back=back)
    row, _, _ = catalogue_editing.form(which, row_id)
    word = ("setting_taken_back" if back else "setting_put_away") if which is Sort.FIELD else ""
    to = _page_of(which, row.module_id if which is Sort.FIELD else row_id)
    return visit.go(f"{to}?said={word or ('offered' if back else 'withdrawn')}")


def _new(visit: Visit, sort: Sort, owner_id: int) -> dict[str, Any]:
    owner = None if sort is Sort.MODULE else _owner(sort, owner_id)
    to = f"{HERE}/new/{sort}/{owner_id}"
    back = HERE if owner is None else _page_of(sort, owner_id, of_owner=True)
    shown = {"sort": sort.value, "row": None, "owner": owner, "to": to, "back": back, "was": ""}
    return shown | {"is_fixed": False} | _choices(visit)


def _edited(visit: Visit, sort: Sort, row_id: int) -> tuple[dict[str, Any], dict[str, str]]:
    """What the page shows, and what stands in the form."""
    row, fields, was = catalogue_editing.form(sort, row_id)
    whose = row.module_id if sort is Sort.FIELD else row.tariff_id if sort is Sort.ARTICLE else None
    owner, back = None if whose is None else _owner(sort, whose), _page_of(sort, whose or row_id)
    to = f"{HERE}/edit/{sort}/{row_id}"
    shown = {"sort": sort.value, "row": row, "owner": owner, "to": to, "back": back, "was": was}
    return shown | {"is_fixed": "is_fixed" in fields} | _choices(visit), fields


def _owner(sort: Sort, owner_id: int) -> Any:
    """What it belongs to."""
    owner, _, _ = catalogue_editing.form(Sort.TARIFF if sort is Sort.ARTICLE else Sort.MODULE, owner_id)
    return owner


def _page_of(sort: Sort, row_id: int, *, of_owner: bool = False) -> str:
    """The page on which it stands: its own, or that of what it belongs to."""
    on_tariff = sort is Sort.ARTICLE or (sort is Sort.TARIFF and not of_owner)
    return f"{HERE}/{'tariffs' if on_tariff else 'modules'}/{row_id}"


def _choices(visit: Visit) -> dict[str, Any]:
    return {
        "kinds": visit.options(FieldKind),
        "editors": visit.options(Authority),
        "intervals": visit.options(Interval),
        "currencies": [(code, code) for code in SIGNS],
        "units": visit.options(Unit),
        "ends": visit.options(NoticeTo),
        "keys": [option for option in visit.options(ArticleKey) if option[0] != ArticleKey.BASE],
        **_frame(visit),
    }


# ---- prices


@router.get("/tariffs/{tariff_id}/prices")
def price_form(visit: Visiting, tariff_id: int) -> Response:
    visit.require_manager()
    shown = catalogue_view.tariff(tariff_id)
    return visit.page("board/catalogue/prices.html", form=Form(_prices_now(visit, shown)), **_priced(visit, shown))


@router.post("/tariffs/{tariff_id}/prices")
def publish(visit: Submitting, tariff_id: int) -> Response:
    """First what would follow, then the same once more to publish it."""
    who, shown = _who(visit), catalogue_view.tariff(tariff_id)
    try:
        if visit.text("act") != "publish":
            seen = catalogue_editing.foresee_prices(tariff_id, who, visit.values)
            form = Form(visit.values)
            return visit.page("board/catalogue/prices.html", form=form, **_priced(visit, shown, seen))
        catalogue_editing.publish(tariff_id, who, visit.values, visit.text("was"))
    except ProvisionError as refusal:
        now = catalogue_view.tariff(tariff_id)
        fields = _prices_now(visit, now)
        return _again(visit, "board/catalogue/prices.html", refusal, fields, _priced(visit, now))
    return visit.go(f"{HERE}/tariffs/{tariff_id}?said=published")


def _prices_now(visit: Visit, shown: catalogue_view.TariffView) -> dict[str, str]:
    """The newest version as its reader writes it."""
    amounts = shown.versions[0].amounts if shown.versions else {}
    typed = {f"price-{article_id}": visit.reader.figure(amount) for article_id, amount in amounts.items()}
    return typed | {"valid_from": shown.earliest.isoformat()}


def _priced(visit: Visit, shown: catalogue_view.TariffView, seen: Publication | None = None) -> dict[str, Any]:
    was = seen.was if seen else ""
    return {"shown": shown, "seen": seen, "was": was, "notice": settings().price_notice_days, **_frame(visit)}


# ---- what everybody is billed by


@router.get("/billing")
def billing(visit: Visiting) -> Response:
    visit.require_operator()
    fields, was = catalogue_editing.billing_form()
    return visit.page("board/catalogue/billing.html", form=Form(fields), was=was, **_frame(visit))


@router.post("/billing")
def set_billing(visit: Submitting) -> Response:
    who = _who(visit)
    fields, was = catalogue_editing.billing_form()
    try:
        catalogue_editing.set_billing(who, visit.values, visit.text("was"))
    except ProvisionError as refusal:
        return _again(visit, "board/catalogue/billing.html", refusal, fields, {"was": was, **_frame(visit)})
    return visit.go(f"{HERE}?said=changed")


# ---- what every page needs


def _again(
    visit: Submission, template: str, refusal: ProvisionError, fields: dict[str, str], shown: dict[str, Any]
) -> Response:
    """What was typed, with what is wrong with it; where somebody was faster, what stands there now."""
    if refusal.status != 422:
        return visit.again(template, refusal, values=fields, **shown)
    return visit.again(template, refusal, values=visit.values, **shown | {"was": visit.text("was")})


def _who(visit: Visit) -> Who:
    """The manager who acts; raises SignInFirst, NotFound, ManagersOnly."""
    return Who(visit.require_manager().email, Authority.MANAGER, visit.reader.language)


def _sort(visit: Visit, name: str) -> Sort:
    found = member(Sort, name)
    if found is None:
        raise NotFound(visit.reader.gettext("The page"))
    return found


def _frame(visit: Visit) -> dict[str, Any]:
    said = SAID.get(visit.said_word)
    return {
        "here": HERE,
        "language": visit.reader.language,
        "manages": visit.signed_in().is_manager,
        "said": visit.reader.gettext(said) if said else visit.said,
        "actions": ACTIONS,
        "actors": {**labels.ACTORS, **ACTORS},
    }
