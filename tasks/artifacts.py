"""What a run leaves behind in the Prefect UI: where the case stands, and the logo as a picture.

Everybody sees that UI, so nothing there names a person or an address; names stand on the board, behind a login.
"""

from prefect import task
from prefect.artifacts import acreate_image_artifact, acreate_table_artifact
from prefect.cache_policies import NO_CACHE

from models.db import reading
from models.logo import Logo
from models.onboarding import Onboarding
from models.person import AddressForm, Language
from models.settings import settings
from tasks.texts import Reader


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
            "Nr.": step.name.number,
            "Schritt": f"[{reader.label(step.name)}]({board}#{step.name})",
            "Stand": reader.label(step.state),
            "Wartet auf": reader.label(step.waiting_for) if step.waiting_for else "–",
            "Seit": reader.moment(step.since),
        }
        for step in case.steps
    ]
    company_id = case.firm.company_id or "noch keine"
    await acreate_table_artifact(
        table, key=f"case-{case_id}", description=f"[Vorgang {case_id}]({board}), Unternehmenskennung {company_id}"
    )
    if logo is not None and case.firm.company_id is not None:
        await acreate_image_artifact(
            f"{settings().base_url}/logos/{case.firm.company_id}.png",
            key=f"logo-{case_id}",
            description=f"Logo zu Unternehmenskennung {company_id}, {logo.measured.score} von 4 Kriterien erfüllt",
        )
