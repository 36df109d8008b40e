"""What runs are called in the Prefect UI: what is done, for which company, and what about.

Everybody sees that UI: a name consists of the verb, the company ID (the case's number before there is one) and a step,
a question or a number. A name never keeps a run from its work: what cannot be found is left out.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from prefect.runtime import flow_run
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from models.clients.bulk_invitation import BulkInvitation
from models.clients.imports import Import
from models.company_id import company_number
from models.contracts.takeout import Takeout
from models.db import reading
from models.decision import Decision
from models.errors import NotFound, ProvisionError
from models.firm import Firm
from models.onboarding import Onboarding, StepName, StepState


def of_pass() -> str:
    """``onboard-861272-agreement``: the first step that is not done when the pass begins."""
    case_id = _parameter("case_id")
    with _whatever_is_there() as session:
        case = Onboarding.get(session, case_id)
        standings = (case.standing(step) for step in StepName)
        left = next((stands.step.value for stands in standings if stands.state is not StepState.DONE), "done")
        return f"onboard-{subject(case)}-{left}"
    return f"onboard-case-{case_id}"


def of_question() -> str:
    """``decide-861272-logo``."""
    decision_id = _parameter("decision_id")
    with _whatever_is_there() as session:
        decision = Decision.get(session, decision_id)
        case = Onboarding.get(session, decision.onboarding_id)
        return f"decide-{subject(case)}-{decision.kind.replace('_', '-')}"
    return f"decide-{decision_id}"


def of_firm(verb: str, parameter: str, kind: type[Import | Takeout | BulkInvitation]) -> Callable[[], str]:
    """``import-861272-3``: the firm of the row whose number is this *parameter*, and the number; 0 is all."""

    def name() -> str:
        number = _parameter(parameter)
        with _whatever_is_there() as session:
            firm = select(Firm.company_id).join(kind, kind.firm_id == Firm.id).where(kind.id == number)
            company_id = session.scalars(firm).one_or_none()
            return "-".join(str(part) for part in (verb, company_id, number or "all") if part)
        return f"{verb}-{number}"

    return name


def of_round() -> str:
    """``follow-up-861272``, ``remind``; a dry run says that it is one."""
    given = flow_run.parameters
    parts = [str(flow_run.flow_name)]
    with suppress(ProvisionError):  # The run tells what is wrong with the number.
        parts += [str(company_number(given["company_id"]))] if given.get("company_id") else []
    return "-".join([*parts, *(["dry-run"] if given.get("dry_run") else [])])


def subject(case: Onboarding) -> str:
    """The company ID, or the number of the case before there is one."""
    return str(case.firm.company_id or f"case-{case.id}")


def _parameter(name: str) -> int:
    return int(flow_run.parameters.get(name) or 0)


@contextmanager
def _whatever_is_there() -> Iterator[Session]:
    """What is not found, or by a database that is away just now, is left out."""
    with suppress(NotFound, SQLAlchemyError), reading() as session:
        yield session
