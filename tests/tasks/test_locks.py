"""Acts that meet: whichever comes first, both end, and the case is whole."""

from collections.abc import Callable
from datetime import timedelta
from itertools import combinations_with_replacement, count
from types import SimpleNamespace

import pytest
from sqlalchemy import select, update

from models.audit import first_broken, trail
from models.clients.naming import NameFormat
from models.db import reading, transaction
from models.decision import Decision
from models.errors import ProvisionError
from models.link import Link, Purpose, later_token
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding, StepName
from models.people.login import Login
from models.people.person import Person, Role
from models.people.staff import Rank, Rights
from models.reminders.cadence import Follow, Level, WaitKind
from models.reminders.reminder import Reminder
from models.request import Named
from models.time.clock import now
from tasks.clients import settings
from tasks.clients.settings import Kind, Manner, Written
from tasks.intake import decision_effects
from tasks.intake.decision_forms import take_answer
from tasks.mail import delivery
from tasks.mail.address_holds import note_bounce
from tasks.onboarding import corrections, registration, stopping
from tasks.people import addresses, rights, sessions
from tasks.people.operators import escalate_overdue, tell_new
from tasks.reminders import cadences, snooze
from tasks.reminders.rounds import send_reminders
from tests import factories
from tests.locks import interleaved, locked_by, watched

OPERATOR = "operator@convent-it.example"
QUIET = Rights(Rank.OWNER, manages_accounts=True, has_default_access=False)
NUMBERS = count(700_001)


@pytest.fixture(autouse=True)
def postgres_only(product):
    if product != "postgresql":
        pytest.skip("SQLite lets one writer in at a time")


def fresh() -> SimpleNamespace:
    """A case with an open question, whose organiser is known to an identity provider elsewhere, and is reminded."""
    number = next(NUMBERS)
    email = f"erika{number}@freitag.example"
    case_id = factories.opened(
        f"test:{number}", preferred_number=str(number), organiser={"name": "Erika Muster", "email": email}
    )
    factories.advance(case_id)
    with transaction() as session:
        organiser = Person.organiser(session, factories.firm_of(case_id))
        link = session.scalars(select(Link).where(Link.person_id == organiser.id)).one()
        (question,) = Decision.pending(session, case_id)
        account = Login(email=email, external_id=f"idp-{number}", created_at=now())
        session.add(account)
        session.execute(update(Reminder).where(Reminder.onboarding_id == case_id).values(due_at=now()))
        session.flush()
        return SimpleNamespace(
            case=case_id, firm=organiser.firm_id, organiser=organiser.id, email=email, account=account.id,
            token=link.token, link=link.id, question=question.id, later=later_token(organiser.id, email),
            manners=sessions.Manners(
                organiser.hours, "Europe/Berlin", None, "", organiser.language, organiser.address_form
            ),
        )  # fmt: skip


def join(at):
    manners = {"given_name": "E", "family_name": "M", "language": "de", "address_form": "sie"}
    return registration.register(at.token, Purpose.REGISTER, factories.PASSWORD, **manners)


def rhythm(level, owner):
    def set_it(at):
        cadences.set_cadence(
            level, owner(at), WaitKind.TASK, OPERATOR, name="x", days="2, 4", most="2", follow=Follow.NOTHING
        )

    return set_it


def refused(at):
    """A mail to the organiser comes back while it is handed over."""
    with reading() as session:
        row = session.scalars(select(Outgoing).where(Outgoing.onboarding_id == at.case, Outgoing.person_id > 0)).first()
    under_way = delivery._Mail(row, None, None, None, person=None)
    delivery._record(under_way, delivery._refused(550, "5.1.1 User unknown"))


ACTS: dict[str, Callable[[SimpleNamespace], object]] = {
    "a pass": lambda at: factories.advance(at.case),
    "an answer": lambda at: decision_effects.answer_decision(at.question, "grant", OPERATOR),
    "an answer in Prefect": lambda at: take_answer.fn(at.question, f"run-{at.case}", {"verdict": "refuse"}),
    "escalation": lambda _: escalate_overdue.fn(),
    "news for operators": lambda _: tell_new.fn(),
    "a bounce": lambda at: note_bounce({"address": at.email, "kind": "hard"}),
    "a refused mail": refused,
    "reminders": lambda _: send_reminders.fn(),
    "registering": join,
    "registering elsewhere": lambda at: registration.registered_elsewhere(
        at.email, f"idp-{at.firm}-{at.case}", "E", "M"
    ),
    "stopping, taking up": lambda at: (stopping.stop_case(at.case, "x", OPERATOR), stopping.take_up(at.case, OPERATOR)),
    "another address": lambda at: addresses.correct_address(
        at.case, at.organiser, f"x{at.case}@freitag.example", OPERATOR
    ),
    "another organiser": lambda at: corrections.correct_organiser(
        at.firm, OPERATOR, Named(name="N N", email=f"n{at.case}@freitag.example")
    ),
    "peace": lambda at: snooze.defer(at.later, (now() + timedelta(days=3)).date()),
    "a cadence for all": rhythm(Level.PROVIDER, lambda _: 0),
    "the firm's settings": lambda at: (
        settings.set_manner(at.firm, at.email, Manner(NameFormat.GIVEN_FIRST, is_listed=True, takes_sign_ups=True)),
        rights.give_rights(at.firm, at.organiser, at.email, at.organiser, QUIET),
        settings.add(at.firm, at.email, Kind.TAGS, Written("Eilig")),
    ),
    "a profile": lambda at: sessions.set_manners(at.account, at.manners),
}
"""Acts that may meet in one case; whoever adds one is tried against all others."""


def faults(at: SimpleNamespace) -> list[str]:
    """What is not as it must be, whatever happened."""
    with reading() as session:
        case = Onboarding.get(session, at.case)
        waits = session.scalars(select(Reminder).where(Reminder.onboarding_id == at.case)).all()
        open_waits = [one for one in waits if one.ended_at is None]
        asked = {one.id: one for one in session.scalars(select(Decision).where(Decision.onboarding_id == at.case))}
        organiser = Person.organiser(session, case.firm_id)
        wrong = {
            "the trail is broken": first_broken(trail(session, at.case)) is not None,
            "stopped, and somebody is waited for": case.stopped_at is not None and bool(open_waits),
            "stopped, and somebody is asked": case.stopped_at is not None and bool(Decision.pending(session, at.case)),
            "stopped, and a number is held": case.stopped_at is not None and case.firm.preferred_number is not None,
            "registered, and still waited for": organiser.registered_at is not None
            and any(one.step is StepName.ORGANISER for one in open_waits),
            "answered, and still waited for": any(
                one.decision_id and asked[one.decision_id].answered_at is not None for one in open_waits
            ),
            "two numbers": case.firm.company_id is not None and case.firm.preferred_number is not None,
        }
    return [name for name, so in wrong.items() if so]


@pytest.mark.parametrize("first", ACTS)
def test_two_acts_that_meet_both_end_and_leave_the_case_whole(clock, no_runs, first):
    clock(days=7)  # Decisions made from now on are escalated ten days later.
    names = [pair for pair in combinations_with_replacement(ACTS, 2) if pair[0] == first]
    found = {}
    for _, second in names:
        at = fresh()
        clock(days=10)  # The links are good still.
        ended = interleaved(lambda at=at: ACTS[first](at), lambda at=at, second=second: ACTS[second](at))
        broken = [repr(one) for one in ended if isinstance(one, Exception) and not isinstance(one, ProvisionError)]
        if wrong := [*broken, *faults(at)]:
            found[second] = wrong

    assert found == {}


def test_the_order_of_locks_is_watched():
    case_id = factories.opened()
    factories.advance(case_id)

    def backwards():
        with transaction() as session:
            session.execute(select(Person).where(Person.role == Role.ORGANISER).with_for_update())
            Onboarding.get(session, case_id)

    with watched(lambda: True) as seen:
        backwards()
        forwards = len(seen)
        stopping.stop_case(case_id, "x", OPERATOR)

    assert forwards == len(seen) == 1
    assert "persons" in seen[0]


def test_what_a_statement_locks_is_read_from_it():
    assert locked_by("UPDATE steps SET state=1") == {"steps"}
    assert locked_by("SELECT a.x FROM a JOIN b ON 1 FOR UPDATE") == {"a", "b"}
    assert locked_by("SELECT a.x FROM a JOIN b ON 1 FOR NO KEY UPDATE OF a, b SKIP LOCKED") == {"a", "b"}
    assert locked_by("INSERT INTO a VALUES (1)") == locked_by("SELECT 1 FROM a") == set()
