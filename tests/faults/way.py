"""The whole way of one firm by a process that is killed after each few changes it commits, and started again.

    python -m tests.faults.way     prints how often it was killed

Started by test_kill.py with settings in the environment. Each life begins again from the top, half an hour later.
"""

import os
import shutil
import signal
import sys

from argon2 import PasswordHasher
from sqlalchemy import event
from sqlalchemy.orm import Session

from models.db import engine, transaction
from models.decision import Decision
from models.link import Purpose
from models.migrate import upgrade
from models.onboarding import StepName
from models.people import login
from models.people.person import Person, Role
from models.request import Named
from models.settings import settings
from tasks.agreement import legal_check, sending
from tasks.intake import decision_effects
from tasks.mail.delivery import deliver_due
from tasks.onboarding import invitations
from tests import factories

WHEN = os.environ.get("KILL", "after_commit")


def way() -> None:
    """Each act as a person would repeat it who saw no answer."""
    case_id = factories.opened(caseworkers=[{"name": "Zoë Lange", "email": "zoe@freitag.example"}])
    onward(case_id)
    if not has_account(case_id, Role.ORGANISER):
        factories.registered()
    onward(case_id)
    if not factories.case(case_id).agreement_done:
        factories.sign()
    onward(case_id)
    with transaction() as session:
        pending = Decision.pending(session, case_id)
    for decision in pending:
        decision_effects.answer_decision(decision.id, "countersign", "operator@convent-it.example", name="Olga Otter")
    onward(case_id)
    if not has_account(case_id, Role.CASEWORKER):
        factories.registered("zoe@freitag.example")
    with transaction() as session:
        named = Person.of(session, factories.firm_of(case_id), Role.CLIENT)
    if not named:
        people = [Named(name="Max Beispiel", email="max@beispiel.example")]
        invitations.add_clients(factories.firm_of(case_id), "Erika Muster", people, "Willkommen!")
    onward(case_id)
    if not has_account(case_id, Role.CLIENT):
        factories.registered("max@beispiel.example", Purpose.ACTIVATE)
    onward(case_id)
    assert factories.case(case_id).is_done(StepName.CLIENTS)


def onward(case_id: int) -> None:
    factories.advance(case_id)
    deliver_due(50)


def has_account(case_id: int, role: Role) -> bool:
    with transaction() as session:
        person = Person.one(session, factories.firm_of(case_id), role)
        return person is not None and person.registered_at is not None


def mortal(changes: int) -> None:
    """From now on the process dies at its *changes*-th commit that changes something."""
    left, changed = changes, False

    def note(session: Session, *_: object) -> None:
        nonlocal changed
        changed = changed or bool(session.new or session.deleted or any(map(session.is_modified, session.dirty)))

    def die(_: Session) -> None:
        nonlocal left, changed
        left, changed = left - changed, False
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Session, "before_flush", note)
    event.listen(Session, WHEN, die)


def spare() -> None:
    """Whatever costs much and is no change: no life hashes dearly, and all have one rendering of one agreement.

    Their agreements would differ in number and day; WeasyPrint is loaded before the first of them begins.
    """
    login._hasher = lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    paper = sending.render_agreement(legal_check._sample_data("de", "law"))
    sending.render_agreement = lambda _data, _texts, identifier: paper


def rehearse() -> None:
    """Go the way once where nobody dies or takes mail: so each life begins with all that is loaded and compiled."""
    port = os.environ["PROVISION_SMTP_PORT"]
    os.environ["PROVISION_SMTP_PORT"] = "9"
    settings.cache_clear()
    upgrade()
    way()
    engine(settings().database).dispose()
    shutil.rmtree(settings().data)
    os.environ["PROVISION_SMTP_PORT"] = port
    settings.cache_clear()


def main() -> None:
    spare()
    rehearse()
    upgrade()
    for life in range(200):
        child = os.fork()
        if not child:
            os.environ["PROVISION_TIME_SHIFT"] = f"PT{life * 1800}S"
            settings.cache_clear()
            mortal(1 + life % 3)  # Dying at the first would never get past claiming a mail.
            way()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.stdout.write(f"{life}\n")
            sys.exit(os.waitstatus_to_exitcode(status))
    sys.exit("It never came to an end.")


if __name__ == "__main__":
    main()
