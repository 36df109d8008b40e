import pytest
from sqlalchemy import select

from models.db import reading, transaction
from models.link import LinkUsed, Purpose
from models.mail.outbox import Outgoing
from models.people.login import Login
from models.people.person import AccessEnded, Person, Role
from models.request import Named
from tasks.onboarding import registration
from tasks.onboarding.invitations import add_caseworkers, add_clients, resend
from tasks.people import sessions
from tasks.people.membership import RESUMED_A_DAY, Needed, NotActive, ResumedOften, pause, resume, withdraw
from tests.factories import (
    PASSWORD,
    acts,
    advance,
    countersigned,
    firm_of,
    opened,
    operator,
    outbox,
    registered,
    standing,
    token,
    with_client,
)

ERIKA, JAN, UTE, MAX = "erika@freitag.example", "jan@freitag.example", "ute@freitag.example", "max@beispiel.example"
STAFF = [{"name": "Jan Klein", "email": JAN}, {"name": "Ute Groß", "email": UTE}]


def person(email, role=Role.CASEWORKER):
    with reading() as session:
        return session.scalars(select(Person).where(Person.email == email, Person.role == role)).one()


def told(email):
    with reading() as session:
        mails = session.scalars(select(Outgoing).where(Outgoing.to_address == email).order_by(Outgoing.id)).all()
        return [mail.facts["change"] for mail in mails if mail.kind == "access_changed"]


@pytest.fixture
def jan():
    """Id of the case; its caseworker Jan is active."""
    case_id = countersigned(caseworkers=STAFF)
    registered(JAN)
    return case_id


@pytest.mark.parametrize("change", [withdraw, pause])
def test_who_loses_access_is_out_of_every_session_at_once_and_comes_in_by_no_door(jan, change):
    session_token = sessions.sign_in(JAN, PASSWORD)
    sessions.ask_for_reset(JAN)
    with reading() as session:
        account = Login.by_email(session, JAN)
    link = token(JAN, Purpose.REGISTER)

    change(person(JAN).id, ERIKA)

    assert sessions.signed_in(session_token) is None
    with pytest.raises(AccessEnded):
        sessions.sign_in(JAN, PASSWORD)
    with pytest.raises(sessions.SignInRefused):
        sessions.sign_in(JAN, "eine ganz andere Losung 7")
    with pytest.raises(LinkUsed):
        registration.opened(link, Purpose.REGISTER)
    assert sessions.person_of(account.id) is None
    before = len(outbox("reset_password"))
    sessions.ask_for_reset(JAN)
    assert len(outbox("reset_password")) == before


@pytest.mark.parametrize("change", [withdraw, pause])
def test_who_loses_access_is_told_and_gets_no_other_mail(jan, change, clock):
    add_clients(firm_of(jan), ERIKA, [Named(name="Max Beispiel", email=MAX)])
    advance(jan)

    change(person(JAN).id, ERIKA)
    change(person(JAN).id, ERIKA)
    registered(MAX, Purpose.ACTIVATE)

    assert told(JAN) == ["ended" if change is withdraw else "paused"]
    with reading() as session:
        due = session.scalars(select(Outgoing).where(Outgoing.to_address == JAN, Outgoing.due_at.is_not(None))).all()
    assert [mail.kind for mail in due] == ["access_changed"]
    assert acts(jan).count("person.removed" if change is withdraw else "person.paused") == 1


def test_whose_access_was_paused_gets_it_back_as_it_was_and_is_told(jan):
    pause(person(JAN).id, ERIKA)

    resume(person(JAN).id, ERIKA)
    resume(person(JAN).id, ERIKA)

    assert sessions.signed_in(sessions.sign_in(JAN, PASSWORD)).may(firm_of(jan), Role.CASEWORKER)
    assert told(JAN) == ["paused", "resumed"]
    assert acts(jan)[-2:] == ["person.paused", "person.resumed"]


def test_whose_access_has_ended_can_be_named_again_and_joins_with_the_same_password(jan):
    withdraw(person(JAN).id, ERIKA)
    assert [one.email for one in people(jan)] == [UTE]

    add_caseworkers(firm_of(jan), ERIKA, [Named(name="Jan Klein", email=JAN)])
    advance(jan)
    registered(JAN)

    assert sessions.signed_in(sessions.sign_in(JAN, PASSWORD)).may(firm_of(jan), Role.CASEWORKER)


def people(case_id):
    with reading() as session:
        return Person.of(session, firm_of(case_id), Role.CASEWORKER)


def test_nobody_is_mailed_without_end_because_access_is_taken_and_given_back(jan, clock):
    for _ in range(RESUMED_A_DAY):
        pause(person(JAN).id, ERIKA)
        resume(person(JAN).id, ERIKA)
    pause(person(JAN).id, ERIKA)

    with pytest.raises(ResumedOften, match=r"Jan Klein was given access back 3 times within a day"):
        resume(person(JAN).id, ERIKA)

    assert person(JAN).paused_at is not None
    assert len(told(JAN)) == 2 * RESUMED_A_DAY + 1
    clock(days=1, minutes=1)
    resume(person(JAN).id, ERIKA)
    assert person(JAN).paused_at is None


def test_access_to_another_firm_goes_on_in_the_same_session(jan):
    other = opened("test:2", organiser={"name": "Jan Klein", "email": JAN})
    with transaction() as session:
        organiser = Person.organiser(session, firm_of(other))
        organiser.join(Login.by_email(session, JAN), organiser.added_at)
    session_token = sessions.sign_in(JAN, PASSWORD)

    withdraw(person(JAN).id, ERIKA)

    visitor = sessions.signed_in(session_token)
    assert visitor.may(firm_of(other), Role.ORGANISER)
    assert not visitor.may(firm_of(jan), Role.CASEWORKER)


def test_an_operator_who_is_a_caseworker_as_well_stays_an_operator(jan):
    with transaction() as session:
        Login.by_email(session, JAN).is_operator = True
    session_token = sessions.sign_in(JAN, PASSWORD)

    withdraw(person(JAN).id, operator() and "operator@convent-it.example")

    assert sessions.signed_in(session_token).memberships == []


def test_an_active_client_can_be_removed_and_the_step_stays_done():
    case_id = with_client()
    registered(MAX, Purpose.ACTIVATE)
    advance(case_id)

    withdraw(person(MAX, Role.CLIENT).id, ERIKA)
    advance(case_id)

    assert standing(case_id)["clients"] == "done"
    assert told(MAX) == ["ended"]


def test_the_organiser_stays_and_who_is_not_active_cannot_be_paused(jan):
    for change in (withdraw, pause):
        with pytest.raises(Needed):
            change(person(ERIKA, Role.ORGANISER).id, ERIKA)
    with pytest.raises(NotActive):
        pause(person(UTE).id, ERIKA)


def test_who_was_never_active_is_not_written_to_about_it(jan):
    withdraw(person(UTE).id, ERIKA)

    assert told(UTE) == []
    assert acts(jan)[-1] == "person.withdrawn"


def test_nobody_whose_access_is_paused_is_sent_a_link_by_hand(jan):
    pause(person(JAN).id, ERIKA)

    with pytest.raises(registration.ProvisionError):
        resend(person(JAN).id, ERIKA)
