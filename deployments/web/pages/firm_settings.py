"""What a firm sets up for its clients, and who of its people may do what: for its owner and administrators."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.pages.firm import tabs_of
from deployments.web.visit import ChangedSince, Fields, Form, Submission, Submitting, Visit, Visiting
from models.clients.custom_field import CHOICES_MOST, CustomField, FieldKind, FieldOf
from models.clients.folders import DEEPEST, FOLDER_MOST, FOLDERS_MOST, STANDARD, folder_paths, folder_tree
from models.clients.function import Function
from models.clients.label import LABEL_MOST
from models.clients.naming import NameFormat
from models.errors import N_, NotFound, ProvisionError
from models.people.staff import OwnRankGivenUp, Rank, Rights
from models.text import TextTooLong
from tasks.clients import settings
from tasks.clients.settings import Faults, Kind, Listed, Manner, Written
from tasks.people import rights
from tasks.text.i18n import explain

router = APIRouter()


class SettingGone(ProvisionError):
    says = N_("This was deleted meanwhile. What you typed stands below: add it as a new one if you still want it.")


CHOICES_LENGTH = 2 * CHOICES_MOST * LABEL_MOST
PATHS_LENGTH = FOLDERS_MOST * DEEPEST * FOLDER_MOST


# ---- how accounts are called, and how the firm is found


@router.get("/firm/{firm_id}/settings")
def overview(visit: Visiting, firm_id: int) -> Response:
    visit.require_administrator(firm_id)
    shown = _shown(visit, firm_id, whole=True)
    return visit.page("firm_settings/overview.html", form=Form(_manner_fields(firm_id)), **shown)


@router.post("/firm/{firm_id}/settings")
def set_manner(visit: Submitting, firm_id: int) -> Response:
    visit.require_administrator(firm_id)
    before = _manner_fields(firm_id)
    try:
        visit.require_own_act(before)
        name_format = visit.chosen(NameFormat, "name_format") or NameFormat(before["name_format"] or "")
        manner = Manner(name_format, visit.ticked("is_listed"), visit.ticked("takes_sign_ups"))
        settings.set_manner(firm_id, visit.signed_in().email, manner)
    except ProvisionError as refusal:
        shown = _shown(visit, firm_id, whole=True)
        return _again(visit, "firm_settings/overview.html", refusal, before, **shown)
    return visit.go(f"{_path(firm_id)}?said=firm_settings", before=before, after=_manner_fields(firm_id))


def _manner_fields(firm_id: int) -> Fields:
    manner = settings.manner_of(settings.frame(firm_id).firm)
    ticks = {"is_listed": manner.is_listed, "takes_sign_ups": manner.takes_sign_ups}
    return {"name_format": manner.name_format, **{name: "yes" if set_ else "" for name, set_ in ticks.items()}}


# ---- who may do what


@router.get("/firm/{firm_id}/settings/members")
def members(visit: Visiting, firm_id: int) -> Response:
    own = visit.require_administrator(firm_id)
    people = rights.members(firm_id)
    return visit.page("firm_settings/members.html", members=people, own=own, **_shown(visit, firm_id))


@router.get("/firm/{firm_id}/settings/members/{person_id}")
def member_of_firm(visit: Visiting, firm_id: int, person_id: int) -> Response:
    return _member(visit, firm_id, person_id, None)


@router.post("/firm/{firm_id}/settings/members/{person_id}")
def give_rights(visit: Submitting, firm_id: int, person_id: int) -> Response:
    own = visit.require_administrator(firm_id)
    held = rights.member_of(firm_id, person_id).rights
    rank = Rank.OWNER if held.rank is Rank.OWNER else visit.chosen(Rank, "rank") or held.rank
    manages = visit.ticked("manages_accounts") or rank is Rank.OWNER
    given = Rights(rank, manages, visit.ticked("has_default_access"), visit.ticked("is_commercial"))
    try:
        by, confirmed = visit.signed_in().email, visit.ticked("confirmed")
        rights.give_rights(firm_id, own.person_id, by, person_id, given, confirmed=confirmed)
    except ProvisionError as refusal:
        return _member(visit, firm_id, person_id, refusal)
    # Who has taken these settings from themselves is not led to where they may not go.
    stays = person_id != own.person_id or given.sees_all
    return visit.go(f"{_path(firm_id)}/members?said=rights" if stays else f"/firm/{firm_id}?said=rights")


def _member(visit: Visit, firm_id: int, person_id: int, refusal: ProvisionError | None) -> Response:
    own = visit.require_administrator(firm_id)
    found = rights.member_of(firm_id, person_id)
    shown = {
        "member": found,
        "own": own,
        "may_change": own.rights.may_change(found.rights),
        "ranks": [option for option in visit.options(Rank) if option[0] != Rank.OWNER],
        **_shown(visit, firm_id),
    }
    if refusal is not None and isinstance(visit, Submission):
        fields: dict[type[ProvisionError], str] = {OwnRankGivenUp: "confirmed"}
        return visit.again("firm_settings/member.html", refusal, fields=fields, values=visit.values, **shown)
    ticks = {name: getattr(found.rights, name) for name in ("manages_accounts", "has_default_access", "is_commercial")}
    values = {"rank": found.rights.rank, **{name: "yes" for name, is_set in ticks.items() if is_set}}
    return visit.page("firm_settings/member.html", form=Form(values), **shown)


# ---- groups, tags, fields, folder templates and portfolios


@router.post("/firm/{firm_id}/settings/groups/none")
def open_to_others(visit: Submitting, firm_id: int) -> Response:
    """What contacts may use who are in no group."""
    visit.require_administrator(firm_id)
    settings.open_to_others(firm_id, visit.signed_in().email, _functions(visit))
    return visit.go(f"{_path(firm_id)}/groups?said=setting")


@router.get("/firm/{firm_id}/settings/{kind}")
def show(visit: Visiting, firm_id: int, kind: Kind) -> Response:
    visit.require_administrator(firm_id)
    form = Form({_opens(function): "yes" for function in Function} if kind is Kind.GROUPS else {})
    return visit.page(f"firm_settings/{kind}.html", form=form, **_listed(visit, firm_id, kind))


@router.post("/firm/{firm_id}/settings/{kind}")
def add(visit: Submitting, firm_id: int, kind: Kind) -> Response:
    visit.require_administrator(firm_id)
    try:
        written = _written(visit)
        if visit.text("act") == "preview":
            return _previewed(visit, kind, written, **_listed(visit, firm_id, kind))
        settings.add(firm_id, visit.signed_in().email, kind, written)
    except ProvisionError as refusal:
        return _again(visit, f"firm_settings/{kind}.html", refusal, {}, **_listed(visit, firm_id, kind))
    return visit.go(f"{_path(firm_id)}/{kind}?said=setting_added")


@router.get("/firm/{firm_id}/settings/{kind}/{key:number}")
def show_one(visit: Visiting, firm_id: int, kind: Kind, key: int) -> Response:
    visit.require_administrator(firm_id)
    one = settings.one_of(firm_id, kind, key)
    shown = _one(visit, firm_id, kind, one)
    return visit.page(f"firm_settings/{kind}.html", form=Form(_fields(one.row)), **shown)


@router.post("/firm/{firm_id}/settings/{kind}/{key:number}")
def change(visit: Submitting, firm_id: int, kind: Kind, key: int) -> Response:
    visit.require_administrator(firm_id)
    try:
        return _change(visit, firm_id, kind, key)
    except NotFound:
        # What was typed stands in the form for a new one, on the page that shows what there is now.
        return _again(visit, f"firm_settings/{kind}.html", SettingGone(), {}, **_listed(visit, firm_id, kind))


def _change(visit: Submission, firm_id: int, kind: Kind, key: int) -> Response:
    """Raises NotFound for one that is not there any more."""
    one = settings.one_of(firm_id, kind, key)
    before = _fields(one.row)
    try:
        visit.require_own_act(before)
        written = _written(visit)
        if visit.text("act") == "preview":
            return _previewed(visit, kind, written, **_one(visit, firm_id, kind, one))
        settings.change(firm_id, visit.signed_in().email, kind, key, written)
    except NotFound:
        raise
    except ProvisionError as refusal:
        return _again(visit, f"firm_settings/{kind}.html", refusal, before, **_one(visit, firm_id, kind, one))
    after = _fields(settings.one_of(firm_id, kind, key).row)
    return visit.go(f"{_path(firm_id)}/{kind}?said=setting", before=before, after=after)


@router.post("/firm/{firm_id}/settings/{kind}/{key:number}/delete")
def delete(visit: Submitting, firm_id: int, kind: Kind, key: int) -> Response:
    visit.require_administrator(firm_id)
    done = settings.delete(firm_id, visit.signed_in().email, kind, key)
    return visit.go(f"{_path(firm_id)}/{kind}?said={'setting_deleted' if done else 'setting_gone'}")


@router.post("/firm/{firm_id}/settings/fields/{key:number}/away")
def put_away(visit: Submitting, firm_id: int, key: int) -> Response:
    visit.require_administrator(firm_id)
    settings.put_away(firm_id, visit.signed_in().email, key, away=True)
    return visit.go(f"{_path(firm_id)}/fields?said=setting_put_away")


@router.post("/firm/{firm_id}/settings/fields/{key:number}/back")
def take_back(visit: Submitting, firm_id: int, key: int) -> Response:
    visit.require_administrator(firm_id)
    settings.put_away(firm_id, visit.signed_in().email, key, away=False)
    return visit.go(f"{_path(firm_id)}/fields?said=setting_taken_back")


def _path(firm_id: int) -> str:
    return f"/firm/{firm_id}/settings"


def _opens(function: str) -> str:
    """The field by which a form says that a group opens this function."""
    return f"opens-{function}"


def _functions(visit: Submission) -> list[str]:
    return [function for function in Function if visit.ticked(_opens(function))]


def _written(visit: Submission) -> Written:
    """What the form says; raises Faults for what is too long."""
    texts, wrong = {}, dict[str, ProvisionError]()
    for name, most in (("name", 0), ("choices", CHOICES_LENGTH), ("paths", PATHS_LENGTH)):
        try:
            texts[name] = visit.paragraphs(name, most) if most else visit.text(name)
        except TextTooLong as refusal:
            wrong[name] = refusal
    if wrong:
        raise Faults(wrong)
    belongs_to = visit.chosen(FieldOf, "belongs_to") or FieldOf.ACCOUNT
    kind = visit.chosen(FieldKind, "kind") or FieldKind.TEXT
    return Written(functions=_functions(visit), belongs_to=belongs_to, kind=kind, **texts)


def _fields(row: Any) -> Fields:
    """What stands in the form about one of them, by the names of its fields."""
    told = settings.told(row)
    opens = told.pop("functions", None)
    ticks = {} if opens is None else {_opens(each): "yes" if each in opens else "" for each in Function}
    return {name: value if name == "name" else "\n".join(value) for name, value in told.items()} | ticks


def _again(visit: Submission, template: str, refusal: ProvisionError, standing: Fields, **shown: Any) -> Response:
    """The form as it was sent; as it is *standing* where this would have taken back what somebody else put there."""
    if isinstance(refusal, ChangedSince):
        form = Form(standing, {"": explain(refusal, visit.reader)})
        return visit.page(template, status=refusal.status, form=form, **shown)
    told = refusal.at if isinstance(refusal, Faults) else refusal
    return visit.again(template, told, values=visit.values, **shown)


def _previewed(visit: Submission, kind: Kind, written: Written, **shown: Any) -> Response:
    """The form as it is, with the folders that it makes; nothing is kept yet."""
    try:
        shown["tree"], shown["previewed"] = folder_tree(folder_paths(written.paths)), True
    except ProvisionError as refusal:
        return _again(visit, f"firm_settings/{kind}.html", Faults({"paths": refusal}), {}, **shown)
    return visit.page(f"firm_settings/{kind}.html", form=Form(visit.values), **shown)


def _listed(visit: Visit, firm_id: int, kind: Kind) -> dict[str, Any]:
    """What the list of one kind shows, with a form to add one."""
    shown = _shown(visit, firm_id)
    return {
        "rows": settings.listed(firm_id, kind),
        "one": None,
        "tree": [],
        "previewed": False,
        "standard": folder_tree(STANDARD),
        "tree_of": folder_tree,
        "functions": [(_opens(function), label) for function, label in visit.options(Function)],
        "called": dict(visit.options(Function)),
        "belongings": visit.options(FieldOf),
        "kinds": visit.options(FieldKind),
        "others": Form({_opens(function): "yes" for function in shown["firm"].functions}),
        **shown,
    }


def _one(visit: Visit, firm_id: int, kind: Kind, one: Listed) -> dict[str, Any]:
    """What the page of one of them shows."""
    has_choices = isinstance(one.row, CustomField) and one.row.kind is FieldKind.CHOICE
    return _listed(visit, firm_id, kind) | {"one": one, "has_choices": has_choices}


def _shown(visit: Visit, firm_id: int, *, whole: bool = False) -> dict[str, Any]:
    """What each of these pages shows."""
    frame = settings.frame(firm_id, whole=whole)
    return {
        "firm": frame.firm,
        "frame": frame,
        "acts": not frame.stopped,
        "formats": visit.options(NameFormat),
        "path": _path(firm_id),
        "tabs": tabs_of(visit, firm_id),
        "tab": "settings",
    }
