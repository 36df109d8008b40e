"""What can be started: the table of contents of the product, and how Prefect learns of it.

    python -m deployments.catalogue     registers it with the server at PREFECT_API_URL

``prefect.yaml`` says the same for those who deploy with Prefect's own command; a test keeps the two equal.
"""

import importlib
import os
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.utilities.callables import parameter_schema

POOL = "provision"
"""The work pool of every deployment."""
PATIENCE = 90
"""Seconds that the server may take to start."""
ROOT = Path(__file__).resolve().parent.parent
"""Entrypoints are relative to it, and it is on the import path of every process."""


@dataclass(frozen=True)
class Deployment:
    """One flow that people, webhooks or a schedule can start; it is called ``flow/flow``."""

    entrypoint: str
    description: str
    """Markdown, shown above the form."""
    tags: tuple[str, ...] = ()
    every: timedelta | None = None
    cron: str = ""
    """Crontab line in Berlin's time."""

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
    ),
    Deployment(
        "flows/sweep.py:sweep",
        "**Nachsehen, ob etwas liegen blieb.** Führt jeden Vorgang weiter, der es kann, und heilt, was verloren ging. "
        "Alles andere spart nur Zeit; diese Runde ist die Garantie.",
        tags=("sweep",),
        every=timedelta(seconds=60),
    ),
    Deployment(
        "flows/remind.py:remind",
        "**Erinnern.** Schreibt denen, auf die gewartet wird, zu Zeiten, zu denen sie erreichbar sind. Ein *Probelauf* "
        "sendet nichts und zeigt, was bis zu einem Tag hinausginge.",
        tags=("sweep",),
        cron="*/15 * * * *",
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
    found = getattr(importlib.import_module(file.removesuffix(".py").replace("/", ".")), function)
    if not isinstance(found, Flow):
        msg = f"{entrypoint} is not a flow"
        raise TypeError(msg)
    return found


def register(catalogue: tuple[Deployment, ...] = CATALOGUE) -> None:
    """Make the server's deployments those of *catalogue*: new, changed and removed ones; safe to repeat.

    A schedule that an operator paused stays paused.
    """
    with get_client(sync_client=True) as prefect:
        _make_pool(prefect)
        ours = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
        known = {deployment.id: deployment for deployment in prefect.read_deployments(work_pool_filter=ours)}
        paused = {deployment.name for deployment in known.values() if _is_paused(deployment)}
        kept = {_register(prefect, deployment, deployment.name not in paused) for deployment in catalogue}
        for removed in known.keys() - kept:
            prefect.delete_deployment(removed)


def _make_pool(prefect: SyncPrefectClient) -> None:
    try:
        prefect.read_work_pool(POOL)
    except ObjectNotFound:
        from prefect.workers.process import ProcessWorker  # Prefect's own workers may serve the pool as well.

        template = ProcessWorker.get_default_base_job_template()
        prefect.create_work_pool(
            WorkPoolCreate(
                name=POOL, type="process", base_job_template=template, description="Alle Abläufe von Provision."
            )
        )


def _is_paused(deployment: DeploymentResponse) -> bool:
    return deployment.paused or any(not schedule.active for schedule in deployment.schedules)


def _register(prefect: SyncPrefectClient, deployment: Deployment, active: bool) -> UUID:
    flow = load_flow(deployment.entrypoint)
    schedule = deployment.schedule()
    return prefect.create_deployment(
        flow_id=prefect.create_flow_from_name(flow.name),
        name=deployment.name,
        description=deployment.description,
        tags=list(deployment.tags),
        entrypoint=deployment.entrypoint,
        path=str(ROOT),
        work_pool_name=POOL,
        pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}],
        parameter_openapi_schema=parameter_schema(flow).model_dump(exclude_unset=True),
        enforce_parameter_schema=True,
        schedules=[DeploymentScheduleCreate(schedule=schedule, active=active, slug=deployment.name)]
        if schedule
        else [],
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
