"""Asking the Prefect server for runs: a kick that saves time and never carries a duty.

Nothing here raises when Prefect is away. Whoever asks has first written down what is to be done, and the sweep does it.
"""

import logging
import ssl
import time
from typing import Any

import httpx
from prefect.settings import get_current_settings

log = logging.getLogger(__name__)

SECONDS_TO_ANSWER = 10.0
PAUSES = (0.1, 0.3, 0.6, 1, 2, 4)
"""Seconds before asking again a server whose SQLite is busy; every question here may be asked twice. Nobody waits for
it: a page asks after it was sent. What is not taken waits for the sweep, up to a minute."""
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


def _ask(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """The server's answer, or ``None`` and one line in the log."""
    # Prefect's own client would wait and repeat for a minute, also where Prefect is away.
    api = get_current_settings().api
    if api.url is None:
        log.info("No Prefect server is set (PREFECT_API_URL): %s %s left to the sweep", method, path)
        return None
    secret = api.auth_string.get_secret_value() if api.auth_string else ""
    user, _, password = secret.partition(":")
    checked = api.url.startswith("https:") and not api.tls_insecure_skip_verify
    try:
        with httpx.Client(
            base_url=api.url,
            auth=(user, password) if secret else None,
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
