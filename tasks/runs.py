"""Asking the Prefect server for runs: a kick that saves time and never carries a duty.

Nothing here raises when Prefect is away. Whoever asks has first written down what is to be done, and the sweep does it.
"""

import logging
import ssl
import time
from base64 import b64encode
from collections.abc import Generator
from functools import cache
from typing import Any
from uuid import uuid4

import httpx
from prefect.settings import get_current_settings

log = logging.getLogger(__name__)

SECONDS_TO_ANSWER = 10.0
PAUSES = (0.1, 0.3, 0.6, 1, 2, 4)
"""Seconds before asking again a server whose SQLite is busy; every question here may be asked twice. Nobody waits for
it: a page asks after it was sent. What is not taken waits for the sweep, up to a minute."""
CHANGES = {"POST", "PUT", "PATCH", "DELETE"}
FORGED = {"Missing CSRF token.", "Invalid CSRF token or client identifier."}
"""How Prefect refuses a change that does not bear the token which it gave to this client."""
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def start_run(deployment: str, parameters: dict[str, int], key: str) -> str | None:
    """Ask for a run of *deployment* (``"flow/deployment"``) now; the id of the run, ``None`` if Prefect is away.

    The same *key* again gives the run it once made, even one that failed or crashed: put an attempt or event number
    in it. Parameters are ids, because the UI shows them to everyone.
    """
    flow, _, name = deployment.partition("/")
    found = _ask("GET", f"/deployments/name/{flow}/{name}")
    if found is None:
        return None
    made = _ask(
        "POST",
        f"/deployments/{found['id']}/create_flow_run",
        {"parameters": parameters, "idempotency_key": key, "state": {"type": "SCHEDULED"}},
    )
    return None if made is None else str(made["id"])


def cancel_run(flow_run_id: str) -> bool:
    """Take a run that waits, suspended or not yet begun, out of the operator's sight; ``False`` if Prefect is away.

    A run at work is asked to stop and goes on until its pass ends.
    """
    # Prefect turns "cancelling" into "cancelled" at once where no process stands behind the run.
    return _ask("POST", f"/flow_runs/{flow_run_id}/set_state", {"state": {"type": "CANCELLING"}}) is not None


def is_open(flow_run_id: str) -> bool | None:
    """Whether the run still waits or works; ``False`` once it has ended or was deleted, ``None`` if Prefect is away."""
    found = _ask("POST", "/flow_runs/filter", {"flow_runs": {"id": {"any_": [flow_run_id]}}, "limit": 1})
    if found is None:
        return None
    return any(run["state_type"] not in ENDED for run in found)


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


def _ask(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """The server's answer, or ``None`` and one line in the log."""
    # Prefect's own client would wait and repeat for a minute, also where Prefect is away.
    api = get_current_settings().api
    if api.url is None:
        log.info("No Prefect server is set (PREFECT_API_URL): %s %s left to the sweep", method, path)
        return None
    sign_in = api.auth_string.get_secret_value() if api.auth_string else ""
    checked = api.url.startswith("https:") and not api.tls_insecure_skip_verify
    try:
        with httpx.Client(
            base_url=api.url,
            auth=access(api.url, sign_in),
            verify=ssl.create_default_context(cafile=api.ssl_cert_file) if checked else False,
            timeout=SECONDS_TO_ANSWER,
        ) as server:
            for pause in PAUSES:
                answer = server.request(method, path, json=body)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    break
                time.sleep(pause)
            return answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        log.warning("Prefect did not take it, left to the sweep: %s", str(error).splitlines()[0])
        return None
