"""What every mail of a firm's case says of the firm, and whose turn it is in it."""

from collections.abc import Iterable
from typing import NamedTuple, TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.contracts.contract import Contract
from models.firm import Firm
from models.logo import Logo
from models.onboarding import Onboarding, StepName
from models.people.person import Person


class Letterhead(TypedDict):
    """What every mail of a firm's case says of the firm; *logo*: whether it has one.

    *is_test*: its account is a test account, which is never billed.
    """

    firm: str
    company_id: int | None
    logo: bool
    is_test: bool


def letterhead(session: Session, firm: Firm) -> Letterhead:
    """The letterhead of one firm."""
    return letterheads(session, [firm])[firm.id]


def letterheads(session: Session, firms: Iterable[Firm]) -> dict[int, Letterhead]:
    """The letterhead of each firm, by the firm's id, in as many queries for many as for one."""
    heads = {
        firm.id: Letterhead(firm=firm.name, company_id=firm.company_id, logo=False, is_test=False) for firm in firms
    }
    for firm_id in session.scalars(select(Logo.firm_id).where(Logo.firm_id.in_(heads)).distinct()):
        heads[firm_id]["logo"] = True
    for firm_id in Contract.tests(session, heads):
        heads[firm_id]["is_test"] = True
    return heads


class Turn(NamedTuple):
    """Somebody whose turn it is in a case; *reminders* counts this one and those before, *last* says no more come.

    *also*: other steps that wait for the same person, told in the same mail.
    """

    case: Onboarding
    person: Person
    reminders: int = 0
    last: bool = False
    also: tuple[StepName, ...] = ()
