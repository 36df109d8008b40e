"""Asking the Prefect server for runs: a kick that saves time and never carries a duty.

Nothing here raises when Prefect is away. Whoever asks has first written down what is to be done, and the sweep does it.
"""

import logging
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Collection, Generator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any
from uuid import uuid4

import httpx
from prefect.runtime import flow_run
from prefect.settings import get_current_settings

log = logging.getLogger(__name__)

SECONDS_TO_ANSWER = 10.0
SECONDS_TO_TELL = 3.0
"""For one answer to a machine that watches over us and has little patience itself."""
PAUSES = (0.1, 0.3, 0.6, 1, 2, 4)
"""Seconds before asking again a server whose SQLite is busy; every question here may be asked twice. Nobody waits for
it: a page asks after it was sent. What is not taken waits for the sweep, up to a minute."""
CHANGES = {"POST", "PUT", "PATCH", "DELETE"}
FORGED = {"Missing CSRF token.", "Invalid CSRF token or client identifier."}
"""How Prefect refuses a change that does not bear the token which it gave to this client."""
AT_ONCE = 200
"""Rows that Prefect gives in one answer at most."""
DELETED_AT_ONCE = 50
"""Runs that it forgets on one request at most."""


class RunState(StrEnum):
    """What a run does, as far as it matters here."""

    WAITS = "waits"  # For its turn, or suspended for an answer.
    STRANDED = "stranded"  # Waits for ever: its deployment was deleted since, and Prefect begins no such run.
    WORKS = "works"
    ENDED = "ended"


OVER = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
WAITING, WORKING = {"SCHEDULED", "PAUSED"}, {"PENDING", "RUNNING", "CANCELLING"}
"""Prefect's names for them."""


def start_run(deployment: str, parameters: dict[str, int], key: str, tag: str = "") -> str | None:
    """Ask for a run of *deployment* (``"flow/deployment"``) now; the id of the run, ``None`` if Prefect is away.

    The same *key* again gives the run it once made, even one that failed or crashed: put an attempt or event number
    in it. By its *tag* it can be found. Parameters and tag are ids, because the UI shows them to everyone.
    """
    deployment_id = _deployment(deployment)
    if deployment_id is None:
        return None
    made = _ask(
        "POST",
        f"/deployments/{deployment_id}/create_flow_run",
        {
            "parameters": parameters,
            "idempotency_key": key,
            "state": {"type": "SCHEDULED"},
            "tags": [tag] if tag else [],
        },
    )
    return None if made is None else str(made["id"])


def _deployment(name: str) -> str | None:
    deployment = _ask("GET", f"/deployments/name/{name}")
    return None if deployment is None else str(deployment["id"])


def cancel_run(flow_run_id: str) -> bool:
    """Take a run that waits, suspended or not yet begun, out of the operator's sight; ``False`` if Prefect is away.

    A run at work is asked to stop and goes on until its pass ends.
    """
    # Prefect turns "cancelling" into "cancelled" at once where no process stands behind the run.
    return _ask("POST", f"/flow_runs/{flow_run_id}/set_state", {"state": {"type": "CANCELLING"}}) is not None


def delete_runs(ended_before: datetime) -> int:
    """Have Prefect forget some of the runs that have ended until then, the oldest first, with their artifacts; returns
    how many, 0 if there is none, or Prefect is away.
    """
    old = {"end_time": {"before_": ended_before.isoformat()}, "state": {"type": {"any_": list(OVER)}}}
    runs = _ask("POST", "/flow_runs/filter", {"flow_runs": old, "sort": "END_TIME_DESC", "limit": DELETED_AT_ONCE})
    return _delete([run["id"] for run in runs or []])


def delete_runs_with(flow: str, which: Callable[[Any], bool]) -> int:
    """Have Prefect forget the runs of *flow* whose parameters are so, whatever they do; returns how many, as far as
    Prefect is there.
    """
    query = {"flows": {"name": {"any_": [flow]}}, "limit": AT_ONCE, "sort": "ID_DESC"}
    found: list[str] = []
    offset = 0
    while runs := _ask("POST", "/flow_runs/filter", query | {"offset": offset}):
        found += [run["id"] for run in runs if which(run.get("parameters") or {})]
        offset += len(runs)
        if len(runs) < AT_ONCE:
            break
    parts = (found[at : at + DELETED_AT_ONCE] for at in range(0, len(found), DELETED_AT_ONCE))
    return sum(map(_delete, parts))


def _delete(ids: list[str]) -> int:
    """These runs, with their artifacts."""
    if not ids:
        return 0
    theirs = {"artifacts": {"flow_run_id": {"any_": ids}}, "limit": AT_ONCE}
    for artifact in _ask("POST", "/artifacts/filter", theirs) or []:
        _ask("DELETE", f"/artifacts/{artifact['id']}")
    gone = _ask("POST", "/flow_runs/bulk_delete", {"flow_runs": {"id": {"any_": ids}}, "limit": DELETED_AT_ONCE})
    return len(gone["deleted"]) if gone else 0


def states(deployment: str, flow_run_ids: Collection[str]) -> dict[str, RunState] | None:
    """What each of these runs of *deployment* does, by its id; ``None`` if Prefect is away.

    One that was deleted has ended.
    """
    run_states: dict[str, RunState] = dict.fromkeys(flow_run_ids, RunState.ENDED)
    ids = list(run_states)
    present = _deployment(deployment) if ids else ""
    for begin in range(0, len(ids), AT_ONCE):
        query = {"flow_runs": {"id": {"any_": ids[begin : begin + AT_ONCE]}}, "limit": AT_ONCE}
        runs = _ask("POST", "/flow_runs/filter", query)
        if runs is None or present is None:
            return None
        for run in runs:
            state = _state(run)
            stranded = state is RunState.WAITS and run["deployment_id"] != present
            run_states[run["id"]] = RunState.STRANDED if stranded else state
    return run_states


def busy(flow: str, tags: Collection[str], lease: timedelta) -> set[str] | None:
    """Those of *tags* for which a run of *flow* waits for its turn or is at work; ``None`` if Prefect is away.

    One that has been at work for longer than *lease* is taken for lost. Whoever asks from within a run does not mean
    that one.
    """
    began = datetime.now(UTC) - lease
    busy_tags: set[str] = set()
    query = {
        "flows": {"name": {"any_": [flow]}},
        "flow_runs": {"tags": {"any_": list(tags)}, "state": {"type": {"any_": [*WAITING, *WORKING]}}},
        "limit": AT_ONCE,
    }
    for offset in range(0, 10 * AT_ONCE, AT_ONCE):
        runs = _ask("POST", "/flow_runs/filter", query | {"offset": offset, "sort": "ID_DESC"})
        if runs is None:
            return None
        for run in runs:
            lost = _state(run) is RunState.WORKS and datetime.fromisoformat(run["state"]["timestamp"]) < began
            if not lost and run["id"] != str(flow_run.id):
                busy_tags.update(run["tags"])
        if len(runs) < AT_ONCE:
            break
    return busy_tags.intersection(tags)


def _state(run: dict[str, Any]) -> RunState:
    kind = run["state_type"]
    return RunState.WAITS if kind in WAITING else RunState.WORKS if kind in WORKING else RunState.ENDED


class Access(httpx.Auth):
    """What Prefect's server wants to see: the password, and with every change a token that it gave us before.

    The token is asked for when the server first misses it, and again when it has run out or another process of ours
    got a new one; a server that is set to do without is never asked.
    """

    requires_response_body = True

    def __init__(self, api: str, sign_in: str) -> None:
        self._api = api
        self._headers = {"Authorization": f"Basic {b64encode(sign_in.encode()).decode()}"} if sign_in else {}
        self._client = uuid4().hex
        self._token = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers.update(self._headers)
        self._sign(request)
        answer = yield request
        for _ in range(3):  # Threads share the token: another one may have got a new one meanwhile.
            if request.method not in CHANGES or not _is_forged(answer):
                return
            asked = httpx.Request(
                "GET", f"{self._api}/csrf-token", params={"client": self._client}, headers=self._headers
            )
            given = yield asked
            if not given.is_success:
                return
            self._token = given.json()["token"]
            self._sign(request)
            answer = yield request

    def _sign(self, request: httpx.Request) -> None:
        if request.method in CHANGES and self._token:
            request.headers.update({"Prefect-Csrf-Token": self._token, "Prefect-Csrf-Client": self._client})


@cache
def access(api: str, sign_in: str) -> Access:
    """The way into the server at *api* (``…/api``), the same for the whole process; *sign_in* is ``user:password``."""
    return Access(api, sign_in)


def _is_forged(answer: httpx.Response) -> bool:
    try:
        return answer.status_code == httpx.codes.FORBIDDEN and answer.json()["detail"] in FORGED
    except (ValueError, KeyError, TypeError):
        return False


def is_set() -> bool:
    """Whether there is a Prefect server to be asked."""
    return get_current_settings().api.url is not None


def pages() -> str:
    """Where people find Prefect's own pages (PREFECT_UI_URL, else beside its API); empty where none is set."""
    return str(get_current_settings().ui_url or "")


def ask_once(method: str, path: str, body: Any) -> Any:
    """The server's answer, for who only wants to know and waits no longer than a moment; raises httpx.HTTPError."""
    with _server(SECONDS_TO_TELL) as server:
        return server.request(method, path, json=body).raise_for_status().json()


def _server(patience: float) -> httpx.Client:
    # Prefect's own client would wait and repeat for a minute, also where Prefect is away.
    api = get_current_settings().api
    checked = (api.url or "").startswith("https:") and not api.tls_insecure_skip_verify
    return httpx.Client(
        base_url=api.url or "",
        auth=access(api.url or "", api.auth_string.get_secret_value() if api.auth_string else ""),
        verify=ssl.create_default_context(cafile=api.ssl_cert_file) if checked else False,
        timeout=patience,
    )


def _ask(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """The server's answer, or ``None`` and one line in the log."""
    if not is_set():
        log.info("No Prefect server is set (PREFECT_API_URL): %s %s left to the sweep", method, path)
        return None
    try:
        with _server(SECONDS_TO_ANSWER) as server:
            for pause in PAUSES:
                answer = server.request(method, path, json=body)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    break
                time.sleep(pause)
            answer.raise_for_status()
            return answer.json() if answer.content else True
    except (httpx.HTTPError, ValueError) as error:
        log.warning("Prefect did not take it, left to the sweep: %s", _said(error))
        return None


def _said(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
