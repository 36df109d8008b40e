"""Step 2: the firm's details and its company ID."""

from sqlalchemy.orm import Session

from models import questions
from models.audit import evidence, record
from models.company_id import CompanyIdPool
from models.db import transaction
from models.decision import Decision
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding, Party, Standing, StepName
from models.people.person import Person, Role
from models.reminders.reminder import Reminder
from models.time.clock import now
from tasks.engine.retry import side_effect
from tasks.mail.letterheads import letterhead
from tasks.mail.letters import onboarding as letters


@side_effect(name="2 Details and company ID")
def settle_details(case_id: int) -> Standing:
    """Assign the company ID and find out what the firm still has to tell.

    A preferred number is held while an operator decides; one that is taken is answered with free ones near it.
    Repeating it changes nothing: a firm with an ID keeps it, and question and mail exist once.
    """
    with transaction() as session:
        case = Onboarding.get(session, case_id)
        firm, at = case.firm, now()
        if not case.may_begin(StepName.DETAILS):
            return case.standing(StepName.DETAILS)
        organiser = Person.one(session, firm.id, Role.ORGANISER)
        if firm.preferred_number is not None:
            number = firm.preferred_number
            alternatives = CompanyIdPool.locked(session).nearest_free(session, number)
            Decision.ask(session, questions.company_id(case, at, number=number, alternatives=alternatives))
            case.wait(StepName.DETAILS, Party.OPERATOR, at)
            return case.standing(StepName.DETAILS)
        if firm.company_id is None and firm.offered_numbers is None:
            firm.receive_number(session)
            record(session, case.id, at, "company_id.assigned", number=firm.company_id, rows=evidence(firm))
        if not firm.missing:
            case.finish(StepName.DETAILS, at)
            Reminder.end(session, StepName.DETAILS, at, case=case.id)
        elif case.wait(StepName.DETAILS, Party.ORGANISER, at) and organiser is not None:
            Reminder.begin(session, case, organiser, StepName.DETAILS, at)
        return case.standing(StepName.DETAILS)


def tell_of_number(
    session: Session, case: Onboarding, event: str, preferred: int | None, *, granted: bool, note: str = ""
) -> None:
    """Mail the organiser what became of the preferred number, once for each *event*."""
    organiser, head = Person.one(session, case.firm_id, Role.ORGANISER), letterhead(session, case.firm)
    mail = letters.company_id(
        case, organiser, head, now(), event=event, preferred=preferred, granted=granted, note=note
    )
    Outgoing.post(session, mail)
