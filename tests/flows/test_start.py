"""The operator's form as a flow, and the scheduled flows, on a real Prefect server."""

import asyncio
import io

import pytest
from PIL import Image
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.utilities.callables import parameter_schema
from sqlalchemy import select

from deployments.rehearsal import until
from flows.deliver import deliver
from flows.onboard import onboard
from flows.remind import remind
from flows.start import start
from models.db import transaction
from models.firm import LineOfBusiness
from models.logo import Logo, public_logo
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.person import Person, Role
from tests import factories

# Prefect's own client leaves sockets to the garbage collector when an event loop ends.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

FORM = {
    "firm_name": "Müller „Steuer“ & Töchter",
    "line_of_business": LineOfBusiness.TAX,
    "organiser_name": "Erika Muster",
    "organiser_email": "erika@freitag.example",
    "plan": "basic",
    "interval": "yearly",
    "caseworkers": "Zoë Lange <zoe@freitag.example>\nKim Roth; kim@freitag.example",
}


def filled_in(**changes: str):
    return asyncio.run(start(**FORM | changes, return_state=True))


def runs(flow: str) -> list[str]:
    """What they are called."""

    async def ask():
        async with get_client() as client:
            named = FlowFilter(name=FlowFilterName(any_=[flow]))
            return [run.name for run in await client.read_flow_runs(flow_filter=named)]

    return asyncio.run(ask())


def artifacts(key: str) -> list[str]:
    async def ask():
        async with get_client() as client:
            return [one.data for one in await client.read_artifacts() if one.key == key]

    return asyncio.run(ask())


def cases() -> int:
    with transaction() as session:
        return len(session.scalars(select(Onboarding.id)).all())


def test_the_form_opens_a_case_with_everything_that_was_typed_and_a_second_one_only_on_purpose():
    assert filled_in().is_completed()

    firm = factories.case(1).firm
    with transaction() as session:
        caseworkers = Person.of(session, firm.id, Role.CASEWORKER)
    assert firm.name == "Müller „Steuer“ & Töchter"
    assert [person.name for person in caseworkers] == ["Zoë Lange", "Kim Roth"]
    # The run leaves the steps as a table that names nobody.
    tables = until("the table", lambda: artifacts("case-1-steps"))
    assert all("Das passende Abonnement" in table for table in tables)
    assert not any(name in table for table in tables for name in ("Muster", "Töchter", "Freitag"))

    assert "start-case-1" in runs("start")

    warned = filled_in()
    assert warned.is_failed()
    assert "/board/cases/1" in warned.message

    assert filled_in(again=True).is_completed()
    assert cases() == 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"organiser_email": "erika@"}, "„erika@“ ist keine E-Mail-Adresse"),
        ({"contact_name": "Paula Berg"}, "Die E-Mail-Adresse fehlt"),
        ({"contact_email": "paula@freitag.example"}, "Der Name zu paula@freitag.example fehlt"),
        ({"preferred_number": "12345"}, "„12345“ kann keine Unternehmenskennung sein"),
        ({"line_of_business": LineOfBusiness.OTHER}, "Die Aktivität fehlt"),
        ({"interval": ""}, "gehört ein Abrechnungszeitraum"),
        ({"caseworkers": "Zoë Lange <zoe>"}, "ist keine E-Mail-Adresse"),
        ({"firm_name": "x" * 300}, "Kürzen Sie es auf"),
        ({"website": "file:///etc/passwd"}, "ist keine Website-Adresse"),
    ],
)
def test_what_is_wrong_is_told_in_one_german_sentence_without_a_traceback_and_nothing_is_opened(changes, says, caplog):
    state = filled_in(**changes)

    assert state.is_failed()
    assert says in state.message
    assert "Traceback" not in caplog.text
    assert cases() == 0


def test_a_logo_is_shown_as_a_picture():
    case_id = factories.with_organiser()
    factories.give_logo(case_id)
    with transaction() as session:
        logo = Logo.of(session, factories.firm_of(case_id))
        picture = Image.open(io.BytesIO(logo.png))

    asyncio.run(onboard(case_id))

    company_id = factories.case(case_id).firm.company_id
    assert any(name.startswith(f"onboard-{company_id}-") for name in runs("onboard"))
    assert picture.mode == "RGBA"
    # Every test's first case is number 1; the company ID tells this one's picture from those of others.
    address = f"{public_logo(company_id)}.png"
    assert until("the picture", lambda: [one for one in artifacts(f"{company_id}-logo") if one.endswith(address)])


def test_a_reminder_goes_out_when_it_is_due(clock):
    case_id = factories.opened()
    factories.advance(case_id)

    asyncio.run(remind())
    assert len(factories.outbox()) == 1
    clock(days=7)
    asyncio.run(remind())

    assert len(factories.outbox("register")) == 2


def test_mail_that_no_server_takes_stays_in_the_outbox():
    factories.advance(factories.opened())

    state = asyncio.run(deliver(return_state=True))

    assert state.is_completed()
    with transaction() as session:
        (mail,) = session.scalars(select(Outgoing)).all()
    assert mail.delivered_at is None
    assert mail.due_at is not None
    assert mail.fault


def test_every_field_of_the_form_is_explained():
    fields = parameter_schema(start.fn).properties

    assert [name for name, field in fields.items() if not field.get("description")] == []
