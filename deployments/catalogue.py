"""What can be started: the table of contents of the product, how Prefect learns of it, and whether it still says so.

    python -m deployments.catalogue     registers it with the server at PREFECT_API_URL

Whatever carries the product's duties is started by these deployments, the sweep itself as well: without them everything
stands still. So each worker compares them with this file again and again, on a clock of its own.

``prefect.yaml`` says the same for those who deploy with Prefect's own command; a test keeps the two equal.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import (
    DeploymentScheduleCreate,
    WorkPoolCreate,
    WorkPoolUpdate,
)
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.settings import get_current_settings
from prefect.utilities.callables import parameter_schema

from models.reminders.cadence import WaitKind
from tasks.intake import due

POOL = "provision"
"""The work pool of every deployment."""
QUEUE, URGENT = "default", "urgent"
"""Its work queues: runs in the second one take no room from others, and others none from them."""
PATIENCE = 240
"""Seconds that the server may take to start."""
ROOT = Path(__file__).resolve().parent.parent
"""Entrypoints are relative to it, and it is on the import path of every process."""

Ask = Callable[[str, str, Any], Any]
"""Asks Prefect: method, path and body; gives what it says, or raises ``httpx.HTTPError``."""


class Difference(StrEnum):
    """How something at Prefect is not as it is written here."""

    MISSING = "missing"
    PAUSED = "paused"
    CHANGED = "changed"


@dataclass(frozen=True)
class Deployment:
    """One flow that people, webhooks or a schedule can start; it is called ``flow/flow``."""

    entrypoint: str
    description: str
    """Markdown, shown above the form."""
    tags: tuple[str, ...] = ()
    queue: str = QUEUE
    every: timedelta | None = None
    cron: str = ""
    """Crontab line in Berlin's time."""
    due: Callable[[], bool] | None = None
    """Whether a scheduled run has anything to do; one that has nothing leaves no trace in Prefect's list of runs."""
    at_least: timedelta = timedelta(hours=1)
    """So often it runs all the same, whatever ``due`` says: that could be wrong, and a run shows that all is alive."""

    @property
    def name(self) -> str:
        """The flow's name, and the deployment's."""
        return self.entrypoint.rpartition(":")[2].replace("_", "-")

    def schedule(self) -> IntervalSchedule | CronSchedule | None:
        if self.every:
            return IntervalSchedule(interval=self.every, timezone="Europe/Berlin")
        return CronSchedule(cron=self.cron, timezone="Europe/Berlin") if self.cron else None


CATALOGUE = (
    Deployment(
        "flows/start.py:start",
        "**Ein Unternehmen aufnehmen.** Legt den Vorgang an, vergibt die Unternehmenskennung und führt ihn so weit, "
        "wie es heute geht. Was noch fehlt, erfragt das Produkt beim Unternehmen.",
        tags=("start",),
    ),
    Deployment(
        "flows/onboard.py:onboard",
        "**Einen Vorgang weiterführen.** Geht die sieben Schritte von vorn durch; Erledigtes bleibt, wie es ist. "
        "Beliebig oft wiederholbar, auch zur Probe.",
        tags=("case",),
    ),
    Deployment(
        "flows/decide.py:decide",
        "**Eine Entscheidung vorlegen.** Wartet als Formular (*Resume*), bis jemand antwortet. Das Produkt startet es "
        "selbst; wer das Formular abbricht, bekommt beim nächsten Durchgang ein neues.",
        tags=("decision",),
    ),
    Deployment(
        "flows/receive.py:receive",
        "**Posteingang verarbeiten.** Liest, was Webhooks und Webseiten hinterlegt haben, "
        "und führt die Vorgänge weiter.",
        tags=("exchange",),
    ),
    Deployment(
        "flows/deliver.py:deliver",
        "**Postausgang zustellen.** Versendet fällige E-Mails; was der Mailserver vorläufig ablehnt, wird später "
        "wiederholt.",
        tags=("exchange",),
        every=timedelta(seconds=60),
        due=due.mails,
    ),
    Deployment(
        "flows/deliver.py:deliver_urgent",
        "**Eiliges zustellen.** Versendet Codes und Links für neue Passwörter, auch während Mails an viele unterwegs "
        "sind.",
        tags=("exchange",),
        queue=URGENT,
    ),
    Deployment(
        "flows/sweep.py:sweep",
        "**Nachsehen, ob etwas liegen blieb.** Führt jeden Vorgang weiter, der es kann, und heilt, was verloren ging. "
        "Alles andere spart nur Zeit; diese Runde ist die Garantie.",
        tags=("sweep",),
        every=timedelta(seconds=60),
        due=due.anything_left,
        at_least=timedelta(minutes=15),
    ),
    Deployment(
        "flows/import_clients.py:import_clients",
        "**Mandanten aus einer Datei übernehmen.** Vergleicht, schreibt oder nimmt zurück, was bei diesem Import als "
        "Nächstes ansteht. Beliebig oft wiederholbar; geschrieben wird jeder Datensatz einmal.",
        tags=("import",),
    ),
    Deployment(
        "flows/remind.py:remind",
        "**Erinnern.** Schreibt denen, auf die gewartet wird, zu Zeiten, zu denen sie erreichbar sind. Ein *Probelauf* "
        "sendet nichts und zeigt, was bis zu einem Tag hinausginge.",
        tags=("sweep",),
        cron="*/15 * * * *",
    ),
    Deployment(
        "flows/takeout.py:takeout",
        "**Daten eines Unternehmens zusammenstellen.** Legt alle Daten, die ein Unternehmen auf seiner Vertragsseite "
        "verlangt hat, als Archiv zum Abholen bereit.",
        tags=("exchange",),
    ),
    Deployment(
        "flows/invite.py:invite",
        "**Viele einladen.** Führt Sammeleinladungen weiter, die in der Mandantenliste eines Unternehmens verlangt "
        "wurden: im erlaubten Tempo, zu Zeiten, zu denen die Empfänger erreichbar sind. Codes und einzelne Mails gehen "
        "vor.",
        tags=("exchange",),
        every=timedelta(seconds=60),
        due=due.invitations,
    ),
    Deployment(
        "flows/follow_up.py:follow_up",
        "**Mandanten nachfassen.** Erinnert eingeladene Kontakte, die noch nicht aktiv sind, jeden einmal, an wie "
        "vielen Konten er auch ist; wer auf keine Erinnerung geantwortet hat, wird den Zuständigen zum Anrufen "
        "vorgelegt.",
        tags=("sweep",),
        cron="*/15 * * * *",
        due=due.reminders(WaitKind.CLIENT),
    ),
    Deployment(
        "flows/contracts.py:contracts",
        "**Verträge fortführen.** Tut, was wirksam wird (Enden, andere Tarife, neue Preise), kündigt Preise "
        "rechtzeitig an und erinnert vor dem letzten Tag für eine Kündigung. Beliebig oft wiederholbar; nach einem "
        "Ausfall holt der nächste Durchgang alles nach, jedes zu seinem Tag.",
        tags=("sweep",),
        cron="10 0,6 * * *",
    ),
    Deployment(
        "flows/tidy.py:tidy",
        "**Aufräumen.** Entfernt, was seine Aufbewahrungsfrist hinter sich hat: Zeilen, Dateien, beendete Abläufe. Was "
        "ginge, zeigt `provision tidy --dry-run`. Beliebig oft wiederholbar.",
        tags=("sweep",),
        cron="40 2 * * *",
    ),
    Deployment(
        "flows/digest.py:digest",
        "**Wochenbericht.** Schreibt allen, die Vorgänge betreuen, einmal in der Woche, was wartet, was überfällig ist "
        "und was schiefging. Sieht stündlich nach, ob es an der Zeit ist.",
        tags=("sweep",),
        cron="0 * * * *",
    ),
)


def load_flow(entrypoint: str) -> Flow[..., Any]:
    """The flow at ``"folder/file.py:function"``, imported once as the module that it is."""
    file, _, function = entrypoint.partition(":")
    flow = getattr(importlib.import_module(file.removesuffix(".py").replace("/", ".")), function)
    if not isinstance(flow, Flow):
        msg = f"{entrypoint} is not a flow"
        raise TypeError(msg)
    return flow


def register(catalogue: tuple[Deployment, ...] = CATALOGUE) -> None:
    """Make the server's deployments those of *catalogue*: new, changed and removed ones; safe to repeat.

    What is as it says already is not written again; at most starts that is everything.
    """
    with get_client(sync_client=True) as prefect:
        ask = _asking(prefect)
        registered = _known(ask, catalogue)
        different = _compared(ask, catalogue, registered)
        if POOL in different:
            _open_pool(prefect)
        ours = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
        there = {deployment.id for deployment in prefect.read_deployments(work_pool_filter=ours)}
        same = {
            deployment.name
            for deployment in catalogue
            if deployment.name not in different and _lies_here(registered[deployment.name])
        }
        kept = {
            UUID(registered[deployment.name]["id"]) if deployment.name in same else _register(prefect, deployment)
            for deployment in catalogue
        }
        for removed in there - kept:
            prefect.delete_deployment(removed)


def put_back(prefect: SyncPrefectClient, catalogue: tuple[Deployment, ...] = CATALOGUE) -> dict[str, Difference]:
    """Make good what is not as *catalogue* says; returns what it was. What others put beside it is left alone.

    While workers of two versions of the product serve one Prefect, each puts back its own.
    """
    different = differences(_asking(prefect), catalogue)
    if POOL in different:
        _open_pool(prefect)
    for deployment in catalogue:
        if deployment.name in different:
            _register(prefect, deployment)
    return different


def differences(ask: Ask, catalogue: tuple[Deployment, ...] = CATALOGUE) -> dict[str, Difference]:
    """What at Prefect is not as *catalogue* says, by its name, the work pool among it; empty if all is.

    Where the code lies is each machine's own, and not compared.
    """
    return _compared(ask, catalogue, _known(ask, catalogue))


def _asking(prefect: SyncPrefectClient) -> Ask:
    return lambda method, path, body: prefect.request(method, path, json=body).json()  # type: ignore[arg-type]


def _known(ask: Ask, catalogue: tuple[Deployment, ...]) -> dict[str, dict[str, Any]]:
    """What Prefect has of *catalogue*, by its name."""
    names = [deployment.name for deployment in catalogue]
    flows = ask("POST", "/flows/filter", {"flows": {"name": {"any_": names}}})
    flow_names = {flow["id"]: flow["name"] for flow in flows}
    listed = ask("POST", "/deployments/filter", {"deployments": {"name": {"any_": names}}})
    return {
        deployment["name"]: deployment
        for deployment in listed
        if flow_names.get(deployment["flow_id"]) == deployment["name"]
    }


def _compared(
    ask: Ask, catalogue: tuple[Deployment, ...], registered: dict[str, dict[str, Any]]
) -> dict[str, Difference]:
    by_name = {POOL: _pool_differs(ask)} | {
        deployment.name: _differs(deployment, registered.get(deployment.name)) for deployment in catalogue
    }
    return {name: difference for name, difference in by_name.items() if difference is not None}


def _pool_differs(ask: Ask) -> Difference | None:
    try:
        queues = [ask("GET", f"/work_pools/{POOL}/queues/{queue}", None) for queue in (QUEUE, URGENT)]
        stops = [ask("GET", f"/work_pools/{POOL}", None), *queues]
    except httpx.HTTPStatusError as error:
        if error.response.status_code == httpx.codes.NOT_FOUND:
            return Difference.MISSING
        raise
    return Difference.PAUSED if any(stop["is_paused"] or stop["concurrency_limit"] == 0 for stop in stops) else None


def _differs(deployment: Deployment, record: dict[str, Any] | None) -> Difference | None:
    if record is None:
        return Difference.MISSING
    limit = (record["global_concurrency_limit"] or {}).get("limit", record["concurrency_limit"])
    if record["paused"] or limit == 0 or any(not schedule["active"] for schedule in record["schedules"]):
        return Difference.PAUSED
    wanted = _written(deployment)
    schedules = [
        {"slug": schedule["slug"], "parameters": schedule["parameters"], **_when(schedule["schedule"])}
        for schedule in record["schedules"]
    ]
    seen = {name: record[name] for name in wanted if name != "schedules"} | {"schedules": schedules}
    seen["tags"] = sorted(seen["tags"])
    steps = [list(step) for step in record["pull_steps"] or []]
    same = seen == wanted and limit is None and steps == [list(step) for step in PULL]
    return None if same else Difference.CHANGED


@cache
def _written(deployment: Deployment) -> dict[str, Any]:
    """What of a deployment is compared, as Prefect tells it."""
    schedule = deployment.schedule()
    fields = json.loads(schedule.model_dump_json()) if schedule else None
    return {
        "description": deployment.description,
        "tags": sorted(deployment.tags),
        "entrypoint": deployment.entrypoint,
        "work_pool_name": POOL,
        "work_queue_name": deployment.queue,
        "parameters": {},
        "job_variables": {},
        "enforce_parameter_schema": True,
        "parameter_openapi_schema": _parameters(deployment),
        "schedules": [{"slug": deployment.name, "parameters": {}, **_when(fields)}] if fields else [],
    }


def _lies_here(record: dict[str, Any]) -> bool:
    """Whether Prefect looks for the code where this machine has it."""
    return (record["path"], record["pull_steps"]) == (str(ROOT), list(PULL))


def _when(schedule: dict[str, Any]) -> dict[str, Any]:
    """A schedule without the moment from which it is reckoned."""
    return {name: schedule[name] for name in ("interval", "cron", "rrule", "timezone") if schedule.get(name)}


def _parameters(deployment: Deployment) -> dict[str, Any]:
    schema = parameter_schema(load_flow(deployment.entrypoint)).model_dump(exclude_unset=True)
    parameters: dict[str, Any] = json.loads(json.dumps(schema, default=str))
    return parameters


def _open_pool(prefect: SyncPrefectClient) -> None:
    """There is a work pool, and nothing holds back what lies in it."""
    from prefect.workers.process import ProcessWorker  # Prefect's own workers may serve the pool as well.

    template = ProcessWorker.get_default_base_job_template()
    pool = WorkPoolCreate(
        name=POOL, type="process", base_job_template=template, description="Alle Abläufe von Provision."
    )
    try:
        prefect.create_work_pool(pool)
    except ObjectAlreadyExists:
        existing_pool = prefect.read_work_pool(POOL)
        if existing_pool.is_paused or existing_pool.concurrency_limit == 0:
            open_again = WorkPoolUpdate(is_paused=False, concurrency_limit=existing_pool.concurrency_limit or None)
            prefect.update_work_pool(POOL, open_again)
    for name in (QUEUE, URGENT):
        _open_queue(prefect, name)


def _open_queue(prefect: SyncPrefectClient, name: str) -> None:
    try:
        queue = prefect.read_work_queue_by_name(name, POOL)
    except ObjectNotFound:
        queue = prefect.create_work_queue(name, "Was nicht warten kann.", priority=1, work_pool_name=POOL)
    if queue.is_paused or queue.concurrency_limit == 0:
        prefect.request(
            "PATCH",
            "/work_pools/{work_pool_name}/queues/{name}",
            path_params={"work_pool_name": POOL, "name": name},
            json={"is_paused": False, "concurrency_limit": queue.concurrency_limit or None},
        )


PULL: tuple[dict[str, dict[str, str]], ...] = (
    {"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}},
)
"""How Prefect's own workers come to the code."""


def _register(prefect: SyncPrefectClient, deployment: Deployment) -> UUID:
    schedule = deployment.schedule()
    return prefect.create_deployment(
        flow_id=prefect.create_flow_from_name(load_flow(deployment.entrypoint).name),
        name=deployment.name,
        description=deployment.description,
        tags=list(deployment.tags),
        entrypoint=deployment.entrypoint,
        path=str(ROOT),
        work_pool_name=POOL,
        work_queue_name=deployment.queue,
        pull_steps=list(PULL),
        parameter_openapi_schema=_parameters(deployment),
        enforce_parameter_schema=True,
        paused=False,
        schedules=[DeploymentScheduleCreate(schedule=schedule, active=True, slug=deployment.name)] if schedule else [],
    )


def main() -> None:
    """Register the catalogue with the server at PREFECT_API_URL, once it answers."""
    os.umask(0o077)
    for deployment in CATALOGUE:
        load_flow(deployment.entrypoint)  # While the server is still starting.
    deadline = time.monotonic() + PATIENCE
    with get_client(sync_client=True) as prefect:
        while (problem := prefect.api_healthcheck()) and time.monotonic() < deadline:
            time.sleep(0.2)
    if problem:
        sys.exit(f"Prefect does not answer at {get_current_settings().api.url}: {problem}")
    register()
    print(f"{len(CATALOGUE)} deployments registered")  # noqa: T201


if __name__ == "__main__":
    main()
