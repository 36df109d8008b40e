"""A mail that has become pointless does not leave, and nobody is asked what becomes of it."""

import smtplib
from datetime import timedelta
from email import message_from_bytes

import pytest
from sqlalchemy import select

from models.agreement import AgreementSent, CopyBeingChecked
from models.audit import trail
from models.db import reading, transaction
from models.decision import Decision, DecisionKind
from models.link import Purpose, later_token
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding, StepName
from models.people.login import Login
from models.people.person import Person, Role
from models.reminders.cadence import Level, Pause
from models.reminders.reminder import Reminder
from models.request import Named
from models.time.clock import now
from models.time.land import Land
from tasks.agreement import finalize, lifecycle, responses, signing
from tasks.intake import decision_effects
from tasks.mail import delivery
from tasks.mail.address_holds import given_up, note_bounce
from tasks.onboarding import corrections, firm_page, invitations, registration, stopping
from tasks.people import addresses, membership, operators
from tasks.people.naming import WorksThereAlready
from tasks.reminders import cadences, rounds, snooze, waits
from tests import factories
from tests.factories import FROM, firm_of, questions
from tests.signing import scanned

pytestmark = pytest.mark.usefixtures("no_runs")

OPERATOR, ERIKA, KONRAD = "operator@convent-it.example", "erika@freitag.example", "konrad@freitag.example"
MAX, KLARA = "max@beispiel.example", "klara@freitag.example"
NINA = Named(name="Nina Neu", email="nina@freitag.example")


@pytest.fixture
def leaving(monkeypatch):
    """Whatever leaves, as kind and address, each delivered at once; a mail server that takes everything."""
    left = []

    def take(_, message, __):
        left.append(message_from_bytes(bytes(message))["Message-ID"])

    monkeypatch.setattr(delivery._Connection, "send", take)

    def all_that_leaves():
        left.clear()
        delivery.deliver_outbox.fn()
        with reading() as session:
            rows = session.scalars(select(Outgoing).where(Outgoing.message_id.in_(left)).order_by(Outgoing.id))
            return [(row.kind, row.to_address) for row in rows]

    return all_that_leaves


def unsent():
    with reading() as session:
        query = select(Outgoing.kind, Outgoing.to_address).where(Outgoing.due_at.is_not(None)).order_by(Outgoing.id)
        return session.execute(query).tuples().all()


def id_of(case_id, role):
    with reading() as session:
        return Person.one(session, firm_of(case_id), role).id


def failed(kind, to):
    """The newest mail of this kind to this address was refused for what is in it; an operator is asked."""
    with transaction() as session:
        query = select(Outgoing).where(Outgoing.kind == kind, Outgoing.to_address == to).order_by(Outgoing.id.desc())
        mail = session.scalars(query).first()
        Onboarding.get(session, mail.onboarding_id)
        mail.failed_at, mail.due_at, mail.fault = now(), None, "554 content rejected"
        session.flush()
        given_up(session, mail, now())


def asked_to_sign():
    case_id = factories.with_organiser()
    failed(MailKind.AGREEMENT, ERIKA)
    return case_id


def signatory_asked():
    case_id = factories.handed_over()
    failed(MailKind.AGREEMENT, KONRAD)
    return case_id


def organiser_invited():
    case_id = factories.opened()
    factories.advance(case_id)
    failed(MailKind.REGISTER, ERIKA)
    return case_id


def contact_welcomed():
    case_id = factories.opened(contact={"name": "Klara Klein", "email": KLARA})
    factories.advance(case_id)
    failed(MailKind.WELCOME, KLARA)
    return case_id


def client_invited():
    case_id = factories.with_client()
    failed(MailKind.INVITATION, MAX)
    return case_id


def link(email=ERIKA):
    return factories.token(email, Purpose.AGREEMENT)


def name_contact(case_id):
    corrections.correct_contact(firm_of(case_id), OPERATOR, NINA, as_operator=True)


ENDS = {
    "signs": (asked_to_sign, lambda _: factories.sign()),
    "declines": (asked_to_sign, lambda _: responses.decline(link(), "Nein", **FROM)),
    "hands over": (asked_to_sign, lambda _: signing.delegate(link(), "Konrad K", KONRAD, "Partner", **FROM)),
    "takes back": (signatory_asked, lambda _: signing.take_back(link(), **FROM)),
    "organiser is replaced": (
        organiser_invited, lambda c: corrections.correct_organiser(firm_of(c), OPERATOR, NINA)
    ),
    "contact is replaced": (contact_welcomed, name_contact),
    "registers": (organiser_invited, lambda _: factories.registered()),
    "client registers": (client_invited, lambda _: factories.registered(MAX, Purpose.ACTIVATE)),
    "client is withdrawn": (client_invited, lambda c: membership.withdraw(id_of(c, Role.CLIENT), ERIKA)),
    "has another address": (
        client_invited, lambda c: addresses.correct_address(c, id_of(c, Role.CLIENT), "m@beispiel.example", OPERATOR)
    ),
    "case is stopped": (client_invited, lambda c: stopping.stop_case(c, "x", OPERATOR)),
}  # fmt: skip


@pytest.mark.parametrize("how", ENDS)
def test_what_becomes_of_a_mail_is_no_question_once_it_has_no_use(how):
    begin, end = ENDS[how]
    case_id = begin()
    assert DecisionKind.MAIL_FAILED in questions(case_id)

    end(case_id)

    assert DecisionKind.MAIL_FAILED not in questions(case_id)


def test_a_personal_link_never_goes_to_an_address_that_is_not_its_holders(leaving):
    case_id = organiser_invited()
    leaving()
    corrections.correct_organiser(firm_of(case_id), OPERATOR, NINA)
    with transaction() as session:  # However it comes about that it is sent again.
        old = session.scalars(select(Outgoing).where(Outgoing.to_address == ERIKA)).first()
        old.send_again(now())

    assert leaving() == [(MailKind.REGISTER, NINA.email)]


def test_a_mail_that_is_dropped_after_it_was_claimed_does_not_leave(leaving, monkeypatch):
    case_id = factories.opened(contact={"name": "Klara Klein", "email": KLARA})
    factories.advance(case_id)
    claim = delivery._claim

    def then_stopped(*args, **more):
        claimed = claim(*args, **more)
        if claimed:
            stopping.stop_case(case_id, "x", OPERATOR)
        return claimed

    monkeypatch.setattr(delivery, "_claim", then_stopped)

    assert leaving() == []


def test_once_the_signature_is_handed_over_only_who_signs_is_asked(leaving):
    factories.with_organiser()
    organisers = link()

    signing.delegate(organisers, "Konrad Zeichner", KONRAD, "Partner", **FROM)

    assert [to for kind, to in leaving() if kind is MailKind.AGREEMENT] == [KONRAD]


def test_once_the_signature_is_taken_back_the_other_is_not_asked_by_a_late_mail(leaving):
    factories.with_organiser()
    organisers = link()
    signing.delegate(organisers, "Konrad Zeichner", KONRAD, "Partner", **FROM)

    signing.take_back(organisers, **FROM)

    assert [kind for kind, to in leaving() if to == KONRAD] == [MailKind.AGREEMENT_WITHDRAWN]


# ---- questions about addresses


def bad_address_of_signatory():
    case_id = factories.handed_over()
    note_bounce({"address": KONRAD, "kind": "hard", "diagnostic": "550 5.1.1"})
    assert questions(case_id) == [DecisionKind.BAD_ADDRESS]
    return case_id


def test_the_address_of_who_is_no_longer_asked_to_sign_is_no_question():
    case_id = bad_address_of_signatory()

    signing.take_back(link(), **FROM)

    assert questions(case_id) == []


def test_if_who_should_sign_cannot_be_written_to_an_operator_gives_the_signature_back():
    case_id = bad_address_of_signatory()

    factories.decide(case_id, "withdraw")
    factories.advance(case_id)

    assert (factories.agreement(case_id).delegate_id, questions(case_id)) == (None, [])
    assert factories.standing(case_id)["agreement"] == "waiting:organiser"
    assert (MailKind.AGREEMENT, ERIKA) in unsent()


def test_the_address_of_who_declined_in_the_organisers_place_is_no_question():
    case_id = bad_address_of_signatory()

    responses.decline(link(KONRAD), "Nein", **FROM)

    assert questions(case_id) == []


def test_an_address_at_which_somebody_has_registered_elsewhere_is_no_question():
    case_id = factories.opened()
    factories.advance(case_id)
    note_bounce({"address": ERIKA, "kind": "hard", "diagnostic": "550 5.1.1"})

    registration.registered_elsewhere(ERIKA, "idp-1", "Erika", "Muster")

    assert questions(case_id) == []
    with reading() as session:
        assert Person.organiser(session, firm_of(case_id)).bounced_at is None


def test_who_is_not_written_to_any_longer_may_say_not_me_and_nobody_is_asked():
    case_id = factories.with_client()
    with reading() as session:
        client = Person.one(session, firm_of(case_id), Role.CLIENT)
    membership.withdraw(client.id, ERIKA)

    snooze.not_me(later_token(client.id, client.email))

    assert questions(case_id) == []


# ---- a signed copy, and who signed


def uploaded(email=ERIKA):
    responses.upload(link(email), scanned(), "scan.pdf", **FROM)


def certified(case_id):
    with reading() as session:
        case = Onboarding.get(session, case_id)
        return finalize._signatures(session, case, factories.agreement(case_id), None)[0]


def test_a_copy_counts_from_when_it_came_however_often_the_question_is_put(clock):
    case_id = factories.with_organiser()
    uploaded()
    came = now()
    clock(days=1)
    stopping.stop_case(case_id, "x", OPERATOR)
    clock(days=20)
    stopping.take_up(case_id, OPERATOR)
    factories.advance(case_id)

    factories.decide(case_id, "accept")

    assert abs(factories.agreement(case_id).signed_at - came) < timedelta(minutes=1)


def test_nobody_else_is_asked_to_sign_while_a_copy_is_checked():
    case_id = factories.with_organiser()
    uploaded()

    with pytest.raises(CopyBeingChecked):
        signing.delegate(link(), "Konrad Zeichner", KONRAD, "Partner", **FROM)
    factories.decide(case_id, "accept")

    signed = certified(case_id)
    assert (signed.signer_name, signed.email, signed.delegated_by) == ("Erika Muster", ERIKA, "")


def test_nobody_takes_the_signature_back_while_the_copy_of_who_was_asked_is_checked():
    case_id = factories.handed_over()
    uploaded(KONRAD)

    with pytest.raises(CopyBeingChecked):
        signing.take_back(link(), **FROM)
    factories.decide(case_id, "accept")

    signed = certified(case_id)
    assert (signed.signer_name, signed.email) == ("Konrad Zeichner", KONRAD)
    assert signed.delegated_by.startswith("Erika Muster")


@pytest.mark.parametrize(
    ("name", "role", "email", "delegated"),
    [
        ("Konrad  zeichner", "Geschäftsführer", KONRAD, True),
        ("Erika Muster", "Organisator", ERIKA, False),
        ("Somebody Else", "", "", False),
    ],
)
def test_a_notice_gives_nobody_the_function_or_address_of_another(name, role, email, delegated):
    case_id = factories.handed_over()
    responses.sign_by_notice(factories.case(case_id).firm.company_id, 1, name)
    factories.advance(case_id)

    factories.decide(case_id, "countersign")

    signed = certified(case_id)
    assert (signed.role, signed.email, bool(signed.delegated_by)) == (role, email, delegated)


def test_a_signature_is_not_of_tomorrow():
    case_id = factories.with_organiser()
    uploaded()

    with pytest.raises(decision_effects.DayInvalid):
        factories.decide(case_id, "accept", signed_on=(now() + timedelta(days=1)).date().isoformat())


def test_the_address_in_an_agreement_stays_while_it_is_being_signed():
    case_id = factories.with_organiser()
    firm = factories.case(case_id).firm
    where = {"postcode": firm.postcode, "city": firm.city, "land": Land(firm.land), "website": firm.website}

    with pytest.raises(AgreementSent):
        firm_page.complete_details(firm.id, ERIKA, street="Neue Gasse 1", **where)
    firm_page.complete_details(firm.id, ERIKA, street=firm.street, **where | {"website": "https://neu.example"})
    factories.sign()
    with pytest.raises(AgreementSent):
        firm_page.complete_details(firm.id, ERIKA, street="Neue Gasse 1", **where)

    assert factories.case(case_id).firm.street == firm.street
    factories.concluded(case_id)
    firm_page.complete_details(firm.id, ERIKA, street="Neue Gasse 1", **where)
    assert (MailKind.FIRM_CHANGED, ERIKA) in unsent()


# ---- what is gathered, and what a stopped case still says


def test_people_who_have_answered_are_not_told_of_as_silent(clock, leaving):
    factories.with_client()
    for _ in range(60):
        clock(days=1)
        rounds.send_reminders.fn()
        with reading() as session:
            told = session.scalars(select(Outgoing).where(Outgoing.kind == MailKind.PEOPLE_SILENT)).first()
        if told is not None:
            break
        leaving()
    factories.registered(MAX, Purpose.ACTIVATE)
    clock(told.due_at + timedelta(minutes=11))

    kinds = [kind for kind, _ in leaving()]

    assert MailKind.CLIENT_ACTIVE in kinds
    assert MailKind.PEOPLE_SILENT not in kinds


def test_a_client_who_has_left_again_is_not_told_of_as_active(clock, leaving):
    factories.with_client()
    factories.registered(MAX, Purpose.ACTIVATE)
    with reading() as session:
        client = session.scalars(select(Person).where(Person.email == MAX)).one()
    membership.withdraw(client.id, ERIKA)
    clock(minutes=11)

    assert MailKind.CLIENT_ACTIVE not in [kind for kind, _ in leaving()]


def test_what_a_stopped_case_asks_or_promises_does_not_leave(leaving):
    case_id = factories.with_organiser(preferred_number="861272")
    leaving()
    factories.decide(case_id, "refuse")
    stopping.stop_case(case_id, "x", OPERATOR)
    stopping.take_up(case_id, OPERATOR)
    stopping.stop_case(case_id, "y", OPERATOR)

    assert leaving() == []


def test_who_follows_a_contact_that_was_welcomed_is_welcomed_when_the_case_goes_on(leaving):
    case_id = factories.opened(contact={"name": "Klara Klein", "email": KLARA})
    factories.advance(case_id)
    assert (MailKind.WELCOME, KLARA) in leaving()
    name_contact(case_id)
    stopping.stop_case(case_id, "x", OPERATOR)

    stopping.take_up(case_id, OPERATOR)

    assert (MailKind.WELCOME, NINA.email) in leaving()


def test_questions_that_wait_for_a_mail_server_are_one_mail(clock, monkeypatch):
    def refused(*_):
        raise smtplib.SMTPSenderRefused(550, b"5.7.1 relaying denied", "")

    factories.operator(OPERATOR, manager=True)
    monkeypatch.setattr(delivery._Connection, "send", refused)
    for number in range(4):
        case_id = factories.opened(f"test:{number}", organiser={"name": "O O", "email": f"o{number}@ott.example"})
        with transaction() as session:
            key = f"number:{number}"
            facts = {"number": 861272, "alternatives": []}
            Decision.ask(session, Decision.draft(case_id, DecisionKind.COMPANY_ID, key, now(), **facts))
        operators.tell_new.fn()
        clock(minutes=15)
        delivery.deliver_outbox.fn()

    with reading() as session:
        waiting = session.scalars(select(Outgoing).where(Outgoing.kind == MailKind.DECISIONS_WAIT)).all()
        assert [len(mail.facts["questions"]) for mail in waiting] == [4]


def test_who_is_no_operator_any_more_gets_no_mail_about_questions(leaving):
    factories.operator("chef@convent-it.example", manager=True)
    factories.operator(OPERATOR)
    factories.advance(factories.opened(preferred_number="861272"))
    operators.tell_new.fn()
    with reading() as session:
        account = Login.by_email(session, OPERATOR)

    operators.deactivate(account.id, "chef@convent-it.example")

    assert OPERATOR not in {to for _, to in leaving()}


# ---- reminders, and what the trail keeps


def test_what_falls_due_for_one_person_moments_apart_is_one_mail(clock):
    case_id = factories.with_organiser()
    with transaction() as session:
        open_waits = waits.open_waits().where(Reminder.onboarding_id == case_id)
        (soon, later_on) = [
            wait
            for wait, *_ in session.execute(open_waits)
            if wait.step in {StepName.LOGO, StepName.AGREEMENT} and wait.ended_at is None
        ]
        first = soon.due_at
        later_on.since, later_on.due_at = soon.since + timedelta(seconds=8), first + timedelta(seconds=8)
    before = len(factories.outbox())
    clock(first + timedelta(seconds=2))

    rounds.send_reminders.fn()
    clock(minutes=15)
    rounds.send_reminders.fn()

    assert len(factories.outbox()) == before + 1


def test_the_last_day_that_is_offered_may_be_chosen_across_the_end_of_summer_time(clock):
    case_id = factories.with_organiser()
    clock(now().replace(month=9, day=10, hour=22, minute=10))
    with reading() as session:
        erika = Person.organiser(session, firm_of(case_id))

    snooze.defer(later_token(erika.id, erika.email), (now() + timedelta(days=60)).date() + timedelta(days=1))


def test_the_trail_keeps_by_which_name_somebody_was_invited():
    case_id = factories.opened()
    factories.advance(case_id)

    registration.registered_elsewhere(ERIKA, "idp-1", "Anna", "Schmidt")

    with reading() as session:
        facts = next(one.facts for one in trail(session, case_id) if one.action == "person.registered")
    assert (facts["before"], facts["after"]) == ("Erika Muster", "Anna Schmidt")


def test_who_is_withdrawn_and_named_again_gets_no_more_invitations_for_it(clock):
    case_id = factories.with_client()
    firm_id = firm_of(case_id)
    named = [Named(name="Max Beispiel", email=MAX)]
    for _ in range(2):
        membership.withdraw(id_of_client(firm_id), ERIKA)
        clock(minutes=1)
        invitations.add_clients(firm_id, ERIKA, named)
        factories.advance(case_id)
    membership.withdraw(id_of_client(firm_id), ERIKA)

    with pytest.raises(invitations.SentOften):
        invitations.add_clients(firm_id, ERIKA, named)
    clock(days=1)
    invitations.add_clients(firm_id, ERIKA, named)


def test_who_is_named_again_counts_again():
    case_id = factories.with_client()
    firm_id = firm_of(case_id)
    invitations.allow_invitations(case_id, "2", OPERATOR)
    membership.withdraw(id_of_client(firm_id), ERIKA)
    invitations.add_clients(firm_id, ERIKA, [Named(name="Max Beispiel", email=MAX)])

    with pytest.raises(invitations.InvitationsToday):
        invitations.add_clients(firm_id, ERIKA, [Named(name="Eva Beispiel", email="eva@beispiel.example")])


def id_of_client(firm_id):
    with reading() as session:
        query = select(Person.id).where(Person.firm_id == firm_id, Person.role == Role.CLIENT)
        return session.scalars(query.where(Person.withdrawn_at.is_(None))).first()


# ---- addresses that fail, and who is waited for


def bounce(email, kind="hard"):
    note_bounce({"address": email, "kind": kind, "diagnostic": "550 5.1.1 unknown"})


def address_questions(case_id):
    return [kind for kind in questions(case_id) if kind == DecisionKind.BAD_ADDRESS]


def test_an_address_that_comes_back_again_is_asked_for_again():
    case_id = factories.opened()
    factories.advance(case_id)
    for _ in range(3):
        bounce(ERIKA)
        assert len(address_questions(case_id)) == 1
        factories.decide(case_id, "correct", address=ERIKA)


def test_several_mails_to_one_dead_address_are_one_question(clock, leaving):
    case_id = factories.with_client()
    for _ in range(2):
        leaving()
        clock(hours=1)
        invitations.resend(id_of(case_id, Role.CLIENT), ERIKA)
    leaving()
    with reading() as session:
        sent = session.scalars(select(Outgoing.message_id).where(Outgoing.to_address == MAX)).all()
    for message_id in sent:
        note_bounce({"message_id": message_id, "kind": "hard", "diagnostic": "550"})
    with reading() as session:
        client = Person.one(session, firm_of(case_id), Role.CLIENT)
    bounce(MAX, "complaint")
    snooze.not_me(later_token(client.id, client.email))

    assert len(address_questions(case_id)) == 1


@pytest.mark.parametrize("kind", ["hard", "complaint"])
def test_an_address_that_fails_while_the_case_is_stopped_is_asked_for_when_it_goes_on(kind):
    case_id = factories.opened()
    factories.advance(case_id)
    stopping.stop_case(case_id, "x", OPERATOR)
    bounce(ERIKA, kind)
    assert questions(case_id) == []

    stopping.take_up(case_id, OPERATOR)

    assert len(address_questions(case_id)) == 1


def test_nobody_is_asked_about_who_was_removed_while_the_case_was_stopped():
    case_id = factories.with_client()
    factories.registered(MAX, Purpose.ACTIVATE)
    bounce(MAX)
    assert address_questions(case_id) != []
    stopping.stop_case(case_id, "x", OPERATOR)
    membership.withdraw(id_of(case_id, Role.CLIENT), OPERATOR)

    stopping.take_up(case_id, OPERATOR)

    assert address_questions(case_id) == []


def test_a_failed_mail_is_no_question_when_a_fresh_one_takes_its_place():
    case_id = client_invited()
    stopping.stop_case(case_id, "x", OPERATOR)

    stopping.take_up(case_id, OPERATOR)

    assert DecisionKind.MAIL_FAILED not in questions(case_id)
    assert (MailKind.INVITATION, MAX) in unsent()


def test_a_mail_that_is_sent_once_more_has_a_link_that_is_good(clock, leaving):
    case_id = client_invited()
    leaving()
    clock(days=60)

    factories.decide(case_id, "resend")

    assert leaving() == [(MailKind.INVITATION, MAX)]


def waited_for(case_id):
    with reading() as session:
        theirs = select(Reminder.step).where(Reminder.onboarding_id == case_id, Reminder.ended_at.is_(None))
        return set(session.scalars(theirs.where(Reminder.person_id.is_not(None))))


def test_who_takes_the_organisers_place_is_waited_for_as_the_one_before():
    case_id = factories.opened(street="", postcode="", city="", land=None)
    factories.advance(case_id)
    before = waited_for(case_id)
    assert {StepName.DETAILS, StepName.LOGO, StepName.ORGANISER} <= before

    corrections.correct_organiser(firm_of(case_id), OPERATOR, NINA)

    assert waited_for(case_id) == before


def test_who_takes_a_place_does_not_inherit_the_pause_of_the_one_before():
    case_id = factories.opened()
    factories.advance(case_id)
    cadences.pause(Level.PERSON, id_of(case_id, Role.ORGANISER), OPERATOR)

    corrections.correct_organiser(firm_of(case_id), OPERATOR, NINA)

    with reading() as session:
        assert session.scalars(select(Pause)).all() == []


def test_managers_hear_nothing_of_a_question_in_a_case_whose_reminders_are_paused(clock):
    factories.operator("chef@convent-it.example", manager=True)
    case_id = factories.opened(preferred_number="861272")
    factories.advance(case_id)
    cadences.pause(Level.CASE, case_id, OPERATOR)
    clock(days=7)

    assert operators.escalate_overdue.fn() == 0
    cadences.resume(Level.CASE, case_id, OPERATOR)
    assert operators.escalate_overdue.fn() == 1


def test_which_picture_is_the_logo_is_no_question_once_there_is_one():
    case_id = factories.with_organiser()
    with transaction() as session:
        facts = {"permission_id": 1, "website": "https://freitag.example", "candidates": []}
        Decision.ask(session, Decision.draft(case_id, DecisionKind.LOGO, "logo:1", now(), **facts))

    factories.give_logo(case_id)

    assert questions(case_id) == []


def test_the_certificate_names_the_firm_as_the_agreement_does():
    case_id = factories.countersigned()
    before = certified(case_id).party_name
    with transaction() as session:
        Onboarding.get(session, case_id).firm.name = "Neu"

    assert certified(case_id).party_name == before


def test_the_organiser_is_no_caseworker_besides():
    case_id = factories.opened(caseworkers=[{"name": "Erika Muster", "email": ERIKA}, {"name": "K", "email": MAX}])
    with reading() as session:
        assert [one.email for one in Person.of(session, firm_of(case_id), Role.CASEWORKER)] == [MAX]
    factories.advance(case_id)
    factories.registered()
    factories.advance(case_id)
    factories.concluded(case_id)

    with pytest.raises(WorksThereAlready):
        invitations.add_caseworkers(firm_of(case_id), ERIKA, [Named(name="Erika Muster", email=ERIKA)])


@pytest.mark.parametrize("over", ["handed over", "signed elsewhere", "withdrawn"])
def test_what_was_told_beside_the_agreement_is_told_by_itself_once_that_is_no_longer_asked_for(over, clock):
    case_id = factories.with_organiser()
    clock(days=30)
    rounds.send_reminders.fn()
    with reading() as session:
        _, mail = session.scalars(select(Outgoing).where(Outgoing.kind == MailKind.AGREEMENT).order_by(Outgoing.id))
    assert [one["step"] for one in mail.facts["also"]] == ["logo"]

    if over == "handed over":
        signing.delegate(link(), "Konrad Zeichner", KONRAD, "Partner", **FROM)
    elif over == "signed elsewhere":
        responses.sign_by_notice(factories.case(case_id).firm.company_id, 1, "Erika Muster")
    else:
        lifecycle.withdraw(case_id, "", OPERATOR)
    for _ in range(2):
        rounds.send_reminders.fn()

    with reading() as session:
        told = session.scalars(select(Outgoing).where(Outgoing.kind == MailKind.YOUR_TURN)).all()
        wait = session.scalars(select(Reminder).where(Reminder.step == StepName.LOGO)).one()
    assert [(mail.to_address, mail.facts["steps"], mail.facts["count"]) for mail in told] == [(ERIKA, ["logo"], 1)]
    assert wait.sent == 1


def test_who_is_asked_to_sign_anew_is_written_to_anew(leaving):
    case_id = bad_address_of_signatory()
    signing.take_back(link(), **FROM)
    leaving()

    signing.delegate(link(), "Konrad Zeichner", KONRAD, "Partner", **FROM)

    assert (MailKind.AGREEMENT, KONRAD) in leaving()
    assert questions(case_id) == []


def test_the_address_of_who_is_no_longer_asked_to_sign_is_no_question_when_a_case_goes_on():
    case_id = bad_address_of_signatory()
    signing.take_back(link(), **FROM)
    stopping.stop_case(case_id, "x", OPERATOR)

    stopping.take_up(case_id, OPERATOR)

    assert address_questions(case_id) == []


def test_the_address_of_who_was_paused_is_asked_for_when_access_is_given_back():
    case_id = factories.with_client()
    factories.registered(MAX, Purpose.ACTIVATE)
    bounce(MAX)
    membership.pause(id_of(case_id, Role.CLIENT), OPERATOR)
    assert address_questions(case_id) == []

    membership.resume(id_of(case_id, Role.CLIENT), OPERATOR)

    assert len(address_questions(case_id)) == 1


def test_whoever_has_joined_elsewhere_and_follows_a_link_can_be_written_to():
    case_id = factories.opened()
    factories.advance(case_id)
    registration.registered_elsewhere(ERIKA, "idp-1", "Erika", "Muster")
    bounce(ERIKA, "complaint")
    assert len(address_questions(case_id)) == 1

    factories.registered()

    assert address_questions(case_id) == []
    with reading() as session:
        assert Person.organiser(session, firm_of(case_id)).bounced_at is None


def test_a_name_that_is_said_again_keeps_its_parts():
    case_id = factories.opened(contact={"name": "García Márquez, Gabriel", "email": KLARA})
    factories.advance(case_id)
    with reading() as session:
        contact = Person.one(session, firm_of(case_id), Role.CONTACT)

    again = Named(name=contact.name, email=KLARA)
    corrections.correct_contact(firm_of(case_id), OPERATOR, again, as_operator=True)

    with reading() as session:
        kept = Person.one(session, firm_of(case_id), Role.CONTACT)
    assert (kept.given_name, kept.family_name) == (contact.given_name, contact.family_name)


@pytest.mark.parametrize("written", ["Dr. Konrad Zeichner", "ZEICHNER, Konrad", "Konrad Maria Zeichner"])
def test_who_signs_in_the_organisers_place_is_known_however_a_certificate_writes_the_name(written):
    case_id = factories.handed_over()
    responses.sign_by_notice(factories.case(case_id).firm.company_id, 1, written)
    factories.advance(case_id)

    factories.decide(case_id, "countersign")

    signed = certified(case_id)
    assert (signed.role, signed.email) == ("Geschäftsführer", KONRAD)
