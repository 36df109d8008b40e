"""Whatever ends a wait closes the question about it, and an answer ends the wait for it."""

import pytest
from sqlalchemy import select

from models import questions
from models.db import reading, transaction
from models.decision import Decision, DecisionKind, SettledOtherwise, Verdict
from models.link import Purpose
from models.onboarding import StepName
from models.people.person import Person, Role
from models.reminders.cadence import Level
from models.reminders.reminder import Reminder
from models.request import Named
from tasks.agreement import lifecycle, responses, signing
from tasks.intake import decision_effects
from tasks.mail.address_holds import note_bounce
from tasks.onboarding import corrections, invitations, registration, stopping
from tasks.people import addresses, membership
from tasks.people.addresses import AddressSettled
from tasks.reminders import cadences
from tests import factories
from tests.factories import FROM, firm_of, give_logo

OPERATOR, ERIKA = "operator@convent-it.example", "erika@freitag.example"
SOMEBODY = Named(name="Nina Neu", email="nina@freitag.example")


def ask(case_id, step, role):
    """The last reminder was not answered either: an operator is asked."""
    with transaction() as session:
        person = Person.one(session, firm_of(case_id), role)
        wait = session.scalars(select(Reminder).where(Reminder.person_id == person.id, Reminder.step == step)).one()
        assert wait.ended_at is None
        Decision.ask(session, questions.silent(wait, wait.since))
        return session.scalars(select(Decision.id).where(Decision.kind == DecisionKind.SILENT)).one()


def invited():
    case_id = factories.opened()
    factories.advance(case_id)
    return case_id, ask(case_id, StepName.ORGANISER, Role.ORGANISER)


def supplying():
    case_id = factories.with_organiser()
    return case_id, ask(case_id, StepName.LOGO, Role.ORGANISER)


def signing_now():
    case_id = factories.with_organiser()
    return case_id, ask(case_id, StepName.AGREEMENT, Role.ORGANISER)


def handed_over():
    case_id = factories.handed_over()
    return case_id, ask(case_id, StepName.AGREEMENT, Role.SIGNATORY)


def with_client():
    case_id = factories.with_client()
    return case_id, ask(case_id, StepName.CLIENTS, Role.CLIENT)


def link():
    return factories.token(ERIKA, Purpose.AGREEMENT)


def id_of(case_id, role):
    with reading() as session:
        return Person.one(session, firm_of(case_id), role).id


def begin_anew(case_id):
    cadences.pause(Level.CASE, case_id, OPERATOR)
    cadences.resume(Level.CASE, case_id, OPERATOR, anew=True)


ENDS = {
    "registers": (invited, lambda _: factories.registered()),
    "registers elsewhere": (invited, lambda _: registration.registered_elsewhere(ERIKA, "idp-1", "Erika", "Muster")),
    "is replaced": (invited, lambda c: corrections.correct_organiser(firm_of(c), OPERATOR, SOMEBODY)),
    "has another address": (
        invited, lambda c: addresses.correct_address(c, id_of(c, Role.ORGANISER), "e.muster@freitag.example", OPERATOR)
    ),
    "case is stopped": (invited, lambda c: stopping.stop_case(c, "x", OPERATOR)),
    "reminders begin anew": (invited, lambda c: begin_anew(c)),
    "supplies the logo": (supplying, give_logo),
    "signs": (signing_now, lambda _: factories.sign()),
    "declines": (signing_now, lambda _: responses.decline(link(), "Nein", **FROM)),
    "signs elsewhere": (signing_now, lambda c: responses.sign_by_notice(factories.case(c).firm.company_id, 1, "E M")),
    "agreement is withdrawn": (signing_now, lambda c: lifecycle.withdraw(c, "Tippfehler", OPERATOR)),
    "hands over": (signing_now, lambda _: signing.delegate(link(), "K Z", "kz@freitag.example", "Partner", **FROM)),
    "takes back": (handed_over, lambda _: signing.take_back(link(), **FROM)),
    "delegate signs": (handed_over, lambda _: factories.sign("konrad@freitag.example", "Konrad Zeichner")),
    "client joins": (with_client, lambda _: factories.registered("max@beispiel.example", Purpose.ACTIVATE)),
    "client is withdrawn": (with_client, lambda c: membership.withdraw(id_of(c, Role.CLIENT), ERIKA)),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
def test_what_ends_a_wait_closes_the_question_about_it(name):
    prepare, act = ENDS[name]
    case_id, question = prepare()

    act(case_id)

    with reading() as session:
        asked = session.get_one(Decision, question)
        wait = session.scalars(select(Reminder).where(Reminder.decision_id == question)).one()
    assert asked.verdict is Verdict.MOOT
    assert wait.ended_at == asked.answered_at  # Nobody is reminded of it, nobody told that it is overdue.
    with pytest.raises(SettledOtherwise):
        decision_effects.answer_decision(question, "correct", OPERATOR, address="other@freitag.example")


def test_a_link_sent_by_hand_begins_a_wait_anew_and_closes_the_question(clock):
    case_id, question = invited()
    clock(days=1)

    invitations.resend(id_of(case_id, Role.ORGANISER), OPERATOR)

    with reading() as session:
        assert session.get_one(Decision, question).verdict is Verdict.MOOT


def test_an_agreement_out_of_date_closes_the_question(clock):
    _, question = signing_now()
    clock(days=200)

    lifecycle.expire_agreements.fn()

    with reading() as session:
        assert session.get_one(Decision, question).verdict is Verdict.MOOT


def test_an_answer_ends_the_wait_for_it_at_once():
    case_id, question = invited()

    decision_effects.answer_decision(question, "leave", OPERATOR)

    with reading() as session:
        wait = session.scalars(select(Reminder).where(Reminder.decision_id == question)).one()
    assert wait.ended_at is not None
    assert case_id


def test_the_address_of_whoever_signs_in_with_it_is_not_rewritten_by_an_answer():
    case_id, question = supplying()

    with pytest.raises(AddressSettled):
        decision_effects.answer_decision(question, "correct", OPERATOR, address="other@freitag.example")

    with reading() as session:
        assert Person.one(session, firm_of(case_id), Role.ORGANISER).email == ERIKA
        assert session.get_one(Decision, question).verdict is None


def test_whoever_registers_by_the_link_in_a_mail_reads_mail_there():
    case_id = factories.opened()
    factories.advance(case_id)
    note_bounce({"address": ERIKA, "kind": "hard", "diagnostic": "452 full"})

    factories.registered()

    with reading() as session:
        assert Decision.pending(session, case_id) == []
        assert Person.one(session, firm_of(case_id), Role.ORGANISER).bounced_at is None


def test_a_corrected_address_closes_every_question_about_it():
    case_id, question = invited()
    note_bounce({"address": ERIKA, "kind": "hard", "diagnostic": "550"})

    decision_effects.answer_decision(question, "correct", OPERATOR, address="e.muster@freitag.example")

    with reading() as session:
        assert Decision.pending(session, case_id) == []
