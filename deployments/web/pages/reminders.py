"""Reminders: cadences and pauses as operators set them, and how whoever is reminded puts them off."""

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.responses import Response

from deployments.web.security import RESEND, limit
from deployments.web.visit import Submission, Submitting, Visit, Visiting
from models.db import reading
from models.errors import N_, NotFound, ProvisionError
from models.queries import casefile
from models.reminders.cadence import (
    FOLLOWS,
    Cadences,
    DaysInvalid,
    Follow,
    FollowUnfit,
    Level,
    MostInvalid,
    Pause,
    WaitKind,
)
from models.text import row_number
from models.time.clock import local_day, now
from tasks.reminders import cadences, forecast, snooze, waits
from tasks.reminders.forecast import DayInvalid, until_day
from tasks.reminders.snooze import LONGEST_PEACE, Asked, DayTooFar

router = APIRouter()

STOPS = {
    WaitKind.ORGANISER: N_("the organiser has an account"),
    WaitKind.TASK: N_("the details are complete, the logo is there, somebody is named"),
    WaitKind.AGREEMENT: N_("the agreement is signed, a signed copy is uploaded, or it is declined"),
    WaitKind.CASEWORKER: N_("the caseworker has an account"),
    WaitKind.CLIENT: N_("the client has activated the access"),
    WaitKind.ADVICE: N_("an operator has written down what was agreed"),
    WaitKind.DECISION: N_("an operator has decided, on the board or in Prefect"),
    WaitKind.CONSENT: N_("the firm has agreed or refused"),
    WaitKind.NOTICE: N_("something was declared, or the day has passed"),
}
"""When the reminders of each kind end by themselves."""
FORESEEN_SHOWN = 300
"""Lines of a dry run that the page shows; the command line shows all."""
SAID = {
    "set": N_("Saved. All that is pending was planned anew."),
    "inherited": N_("The cadence is inherited again, and all that is pending was planned anew."),
    "paused": N_("Paused. Nobody is reminded there until you resume."),
    "resumed": N_("Reminders go on."),
}


@router.get("/board/reminders")
def show_provider(visit: Visiting) -> Response:
    """The provider's cadences, which hold wherever nothing narrower is set."""
    visit.require_operator()
    return visit.page("board/cadences.html", **_provider(visit))


@router.get("/board/reminders/foreseen")
def show_foreseen(visit: Visiting, until: str = "") -> Response:
    """What would go out up to a day, to whom, when, and why then, if nothing happens until then."""
    visit.require_operator()
    shown: dict[str, Any] = {"lines": [], "shown": FORESEEN_SHOWN, "until": ""}
    try:
        last = until_day(until)
    except ProvisionError as refusal:
        return visit.again(
            "board/foreseen.html", refusal, fields={DayInvalid: "until"}, values={"until": until}, **shown
        )
    lines = sorted(forecast.foresee(last), key=lambda line: line.at)
    day = local_day(last)
    return visit.page("board/foreseen.html", **shown | {"lines": lines, "until": day})


@router.get("/board/cases/{case_id}/reminders")
def show_case(visit: Visiting, case_id: int) -> Response:
    """Who is waited for, when they are reminded next, and by which cadence."""
    visit.require_operator()
    return visit.page("board/reminders.html", **_case(visit, case_id))


@router.post("/board/reminders")
def change_provider(visit: Submitting) -> Response:
    return _change(visit, None)


@router.post("/board/cases/{case_id}/reminders")
def change_case(visit: Submitting, case_id: int) -> Response:
    return _change(visit, case_id)


def _change(visit: Submission, case_id: int | None) -> Response:
    """Set a cadence, or take it away."""
    by = visit.require_operator().email
    kind = visit.chosen(WaitKind, "kind")
    if kind is None:
        raise NotFound(visit.reader.gettext("The page"))
    level, owner_id = _place(visit, case_id)
    try:
        if visit.text("act") == "inherit":
            cadences.inherit_cadence(level, owner_id, kind, by)
        else:
            cadences.set_cadence(
                level,
                owner_id,
                kind,
                by,
                name=visit.text(f"{kind}-name"),
                days=visit.text(f"{kind}-days"),
                most=visit.text(f"{kind}-most"),
                follow=visit.chosen(Follow, f"{kind}-follow") or Follow.NOTHING,
            )
    except ProvisionError as refusal:
        fields: dict[type[ProvisionError], str] = {
            DaysInvalid: f"{kind}-days",
            MostInvalid: f"{kind}-most",
            FollowUnfit: f"{kind}-follow",
        }
        shown = _provider(visit) if case_id is None else _case(visit, case_id)
        template = "board/cadences.html" if case_id is None else "board/reminders.html"
        return visit.again(template, refusal, fields=fields, values=visit.values, **shown | {"opened": kind})
    word = "inherited" if visit.text("act") == "inherit" else "set"
    return visit.go(f"{visit.request.url.path}?said={word}#{kind}")


def _place(visit: Submission, case_id: int | None) -> tuple[Level, int]:
    """For whom the form sets it."""
    if case_id is None:
        return Level.PROVIDER, 0
    if visit.text("level") == Level.FIRM:
        with reading() as session:
            return Level.FIRM, casefile.case_detail(session, case_id).firm_id
    return Level.CASE, case_id


@router.post("/board/cases/{case_id}/reminders/pause")
def pause(visit: Submitting, case_id: int) -> Response:
    """Pause or resume for the case, its firm, or one of its people."""
    by = visit.require_operator().email
    with reading() as session:
        firm_id = casefile.case_detail(session, case_id).firm_id
        owners = {Level.CASE: case_id, Level.FIRM: firm_id, Level.PERSON: row_number(visit.text("owner")) or 0}
        level = next((level for level in owners if level == visit.text("level")), Level.CASE)
        owner_id = owners[level]
        if level is Level.PERSON:
            casefile.person_of(session, case_id, owner_id)  # Of this case, whether shown or not.
    if str(owner_id) != visit.text("owner"):
        raise NotFound(visit.reader.gettext("The page"))
    match visit.text("act"):
        case "pause":
            cadences.pause(level, owner_id, by)
        case "resume" | "anew":
            cadences.resume(level, owner_id, by, anew=visit.text("act") == "anew")
    word = "paused" if visit.text("act") == "pause" else "resumed"
    return visit.go(f"/board/cases/{case_id}/reminders?said={word}")


def _shared(visit: Visit) -> dict[str, Any]:
    return {
        "kinds": list(WaitKind),
        "stops": STOPS,
        "follows": {
            kind: [(follow.value, visit.reader.label(follow)) for follow in FOLLOWS[kind]] for kind in WaitKind
        },
        "said": SAID.get(visit.request.query_params.get("said", ""), ""),
        "opened": None,
    }


def _provider(visit: Visit) -> dict[str, Any]:
    with reading() as session:
        rhythms = Cadences(session, [])
    return _shared(visit) | {"rhythms": {kind: rhythms.rhythm(kind) for kind in WaitKind}}


def _case(visit: Visit, case_id: int) -> dict[str, Any]:
    with reading() as session:
        detail = casefile.case_detail(session, case_id)
        rhythms = Cadences(session, [(case_id, detail.firm_id)])
        lines = waits.waits_of(session, case_id)
        people = {wait.person_id for wait in lines if wait.person_id is not None}
        pauses = Pause.among(
            session, [detail.firm_id], [case_id], people | {person.person_id for person in detail.people}
        )
        missed = {place: cadences.missed(session, *place) for place in pauses}
    return _shared(visit) | {
        "detail": detail,
        "rhythms": {kind: rhythms.rhythm(kind, case_id) for kind in WaitKind},
        "waits": lines,
        "places": [(Level.CASE, case_id, ""), (Level.FIRM, detail.firm_id, detail.case.firm)]
        + [(Level.PERSON, person.person_id, person.name) for person in detail.people if person.person_id in people]
        + [
            (Level.PERSON, person.person_id, person.name)
            for person in detail.people
            if person.person_id not in people and (Level.PERSON, person.person_id) in pauses
        ],
        "pauses": pauses,
        "missed": missed,
    }


# ---- whoever is reminded


@router.get("/later/{token}")
def ask_for_later(visit: Visiting, token: str) -> Response:
    """Until when to wait, or that it is the wrong person; looking changes nothing."""
    asked = _asked(visit, token)
    return visit.page("later.html", **_later(visit, asked))


@router.post("/later/{token}")
def put_off(visit: Submitting, token: str) -> Response:
    asked = _asked(visit, token)
    limit(RESEND, "later", token)
    try:
        snooze.defer(token, _day(visit.text("day")))
    except ProvisionError as refusal:
        fields: dict[type[ProvisionError], str] = {DayTooFar: "day"}
        return visit.again("later.html", refusal, fields=fields, values=visit.values, **_later(visit, asked))
    return visit.go(f"/later/{token}?said=deferred")


@router.post("/later/{token}/not-me")
def not_me(visit: Submitting, token: str) -> Response:
    _asked(visit, token)
    case_id = snooze.not_me(token)
    return visit.go(f"/later/{token}?said=not_me", case=case_id)


@router.get("/unsubscribe/{token}")
def ask_to_decline(visit: Visiting, token: str) -> Response:
    """What one click would end; looking changes nothing."""
    return visit.page("unsubscribe.html", asked=_asked(visit, token), done=False)


@router.post("/unsubscribe/{token}")
def decline(visit: Visiting, token: str) -> Response:
    """One click in a mail program or on the page (RFC 8058): it carries no token of a form, and the link is signed."""
    asked = _asked(visit, token)
    snooze.decline(token)
    return visit.page("unsubscribe.html", asked=asked, done=True)


def _asked(visit: Visit, token: str) -> Asked:
    """Who is reminded, spoken to as they like it from here on, also where what they ask is refused."""
    asked = snooze.asked(token)
    visit.speak_to(asked.person)
    return asked


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise DayTooFar(LONGEST_PEACE.days) from error


def _later(visit: Visit, asked: Asked) -> dict[str, Any]:
    today = now().astimezone(ZoneInfo(asked.person.time_zone)).date()
    return {
        "asked": asked,
        "first": today + timedelta(days=1),
        "proposed": today + timedelta(days=7),
        "last": today + LONGEST_PEACE,
        "place": visit.request.url.path,
    }
