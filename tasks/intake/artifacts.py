"""What a run leaves behind in the Prefect UI: where the case stands, and the logo as a picture.

Everybody sees that UI, so nothing there names a person or an address; names stand on the board, behind a login.
"""

from collections import Counter
from collections.abc import Collection
from time import monotonic
from uuid import UUID

from prefect import task
from prefect.artifacts import (
    acreate_image_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from models.clients.imports import Import
from models.db import reading
from models.firm import Firm
from models.logo import Logo, public_logo
from models.onboarding import Onboarding, StepName
from models.people.manners import AddressForm, Language
from models.reminders.cadence import WaitKind
from models.settings import settings
from tasks.clients.imports.work import steps
from tasks.engine.retry import FIRST_PAUSE
from tasks.intake.run_names import subject
from tasks.reminders.forecast import Foreseen, foresee, until_day
from tasks.reminders.rounds import Reminded
from tasks.reminders.waits import Held
from tasks.text.i18n import Reader, in_markdown


@task(name="show where it stands", cache_policy=NO_CACHE)
async def show_case(case_id: int) -> None:
    """Leave the seven steps as a table with links, and the logo if there is one."""
    reader = Reader(Language.GERMAN, AddressForm.SIE)
    with reading() as session:
        case = Onboarding.get(session, case_id)
        logo = Logo.of(session, case.firm_id)
    board = f"{settings().base_url}/board/cases/{case_id}"
    table = [
        {
            "Nr.": stands.step.number,
            "Schritt": f"[{reader.label(stands.step)}]({board}#{stands.step})",
            "Stand": reader.label(stands.state),
            "Wartet auf": reader.label(stands.waiting_for) if stands.waiting_for else "–",
            "Seit": reader.moment(stands.since),
        }
        for stands in map(case.standing, StepName)
    ]
    company_id = case.firm.company_id or "noch keine"
    await acreate_table_artifact(
        table,
        key=f"{subject(case)}-steps",
        description=f"Unternehmenskennung **{company_id}**, [Vorgang {case_id}]({board})",
    )
    if logo is not None and case.firm.company_id is not None:
        await acreate_image_artifact(
            f"{settings().base_url}{public_logo(case.firm.company_id)}.png",
            key=f"{company_id}-logo",
            description=f"Unternehmenskennung {company_id}: Logo, {logo.measured.score} von 4 Kriterien erfüllt",
        )


@task(name="name the run", cache_policy=NO_CACHE)
async def name_run(name: str) -> None:
    """Call this run so, once it is known what it is about."""
    async with get_client() as prefect:
        await prefect.update_flow_run(UUID(str(flow_run.id)), name=name)


HELD = {
    Held.HOURS: "zurückgehalten: außerhalb der Zeiten der Person oder Feiertag",
    Held.LATER: "zurückgehalten: noch nicht fällig, neu geplant",
    Held.PAUSED: "zurückgehalten: angehalten",
    Held.ADDRESS: "zurückgehalten: Post an die Adresse kommt zurück",
    Held.MUTED: "zurückgehalten: alle Konten archiviert oder ohne Benachrichtigungen",
    Held.ACCOUNT: "zurückgehalten: erst nach der Registrierung",
    Held.OVER: "entfallen: hat sich erledigt",
}
FORESEEN_MOST = 500
"""Lines of a dry run that the Prefect UI shows; the command line shows all."""


@task(name="show what was sent", cache_policy=NO_CACHE)
async def show_reminded(done: Reminded) -> None:
    """Leave what a round of reminders sent and held back, and why; nothing if there was nothing to look at."""
    german = Reader(Language.GERMAN)
    rows = [(kind, f"{number}. Erinnerung gesendet", count) for (kind, number), count in sorted(done.mails.items())]
    followed = sorted(done.followed.items())
    rows += [(kind, f"nach der letzten: {german.label(follow)}", count) for (kind, follow), count in followed]
    rows += [(kind, HELD[why], count) for (kind, why), count in sorted(done.held.items())]
    if rows:
        table = [
            {"Worauf gewartet wird": german.label(kind), "Was geschah": what, "Anzahl": n} for kind, what, n in rows
        ]
        description = f"{done.sent} Erinnerungen gesendet, {done.held.total()} zurückgehalten."
        await acreate_table_artifact(table, key="reminders", description=description)


@task(name="show what would be sent", cache_policy=NO_CACHE)
async def show_foreseen(until: str, which: Collection[WaitKind] = tuple(WaitKind), case_id: int | None = None) -> None:
    """Leave what would go out up to that day, if nothing happens until then. Names stand on the board only."""
    german, day = Reader(Language.GERMAN), until_day(until)
    lines = sorted(foresee(day, which, case_id), key=lambda line: line.at)
    table = [
        {
            "Wann": german.moment(line.at),
            "Vorgang": f"[{line.case_id}]({settings().base_url}/board/cases/{line.case_id}/reminders)",
            "Worauf gewartet wird": german.label(line.kind),
            "Was": f"{line.number}. von {line.most}" if line.number else german.label(line.follow),
            "Warum dann": _why(line, german),
        }
        for line in lines[:FORESEEN_MOST]
    ]
    counted = Counter(line.kind for line in lines)
    sums = ", ".join(f"{german.label(kind)}: {count}" for kind, count in sorted(counted.items())) or "nichts"
    shown = f" Gezeigt sind die ersten {FORESEEN_MOST}." if len(lines) > FORESEEN_MOST else ""
    description = f"Probelauf bis {german.moment(day)}: {sums}.{shown}"
    await acreate_table_artifact(table, key="reminders-foreseen", description=description)


def _why(line: Foreseen, german: Reader) -> str:
    """The reasons for the moment, in one line."""
    cadence = f" („{in_markdown(line.cadence)}“)" if line.cadence else ""
    reasons = [f"Tag {line.day}{cadence} seit {german.date(line.since)}"]
    if line.deferred:
        reasons.append("um Aufschub gebeten")
    elif line.moved:
        reasons.append("nächste Stunde, in der die Person erreichbar ist, mit Abstand zur letzten")
    return ", ".join(reasons)


BETWEEN = 2.0
"""Seconds between two words on how far something is."""


@task(name="go on with the import", cache_policy=NO_CACHE, retries=5, retry_delay_seconds=FIRST_PAUSE)
async def go_on_with_import(import_id: int) -> None:
    """Compare, write or take back its records, and show how far it is."""
    artifact, told = None, 0.0
    with reading() as session:
        imported = session.get(Import, import_id)
        company_id = session.get_one(Firm, imported.firm_id).company_id if imported is not None else None
    key = "-".join(str(part) for part in (company_id, "import", import_id) if part)
    for done, records in steps(import_id):
        if artifact is None:
            artifact = await acreate_progress_artifact(0.0, key=key, description="Datensätze")
        if monotonic() - told > BETWEEN:
            told = monotonic()
            await aupdate_progress_artifact(artifact, progress=min(100.0, 100 * done / max(records, 1)))
    if artifact is not None:
        await aupdate_progress_artifact(artifact, progress=100.0)
