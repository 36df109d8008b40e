import pytest
from sqlalchemy import select

from models.audit import first_broken, trail
from models.clients.client import Client, ClientContact
from models.clients.message import MessageTooLong
from models.db import reading
from models.decision import Decision
from models.errors import ProvisionError
from models.link import Purpose
from models.mail.outbox import Outgoing
from models.onboarding import AgreementFirst, StepName
from models.people.person import NoLongerInvited, Person, Role
from models.reminders.reminder import Reminder
from models.request import AddressTwice, Named
from models.settings import settings
from tasks.mail.address_holds import note_bounce
from tasks.onboarding import registration
from tasks.onboarding.invitations import (
    InvitationsInvalid,
    InvitationsToday,
    NobodyNamed,
    RegisteredAlready,
    SentJustNow,
    add_caseworkers,
    add_clients,
    allow_invitations,
    invite_caseworkers,
    invite_clients,
    no_caseworkers,
    resend,
)
from tasks.people.membership import withdraw
from tests.factories import (
    acts,
    advance,
    case,
    countersigned,
    decide,
    firm_of,
    opened,
    outbox,
    registered,
    standing,
    token,
    with_client,
    with_organiser,
)

ERIKA = "erika@freitag.example"
MAX = "max@beispiel.example"
STAFF = [{"name": "Jan Fleiß", "email": "jan@freitag.example"}, {"name": "Ute Özgür", "email": "ute@freitag.example"}]


def people(count, start=0):
    return [Named(name=f"Person {n}", email=f"person{n}@beispiel.example") for n in range(start, start + count)]


def person(email, role=Role.CLIENT):
    with reading() as session:
        return session.scalars(select(Person).where(Person.email == email, Person.role == role)).one()


def test_nobody_but_the_organiser_is_invited_before_the_agreement_is_countersigned():
    case_id = with_organiser(caseworkers=STAFF)

    invite_caseworkers.fn(case_id)
    invite_clients.fn(case_id)

    assert standing(case_id)["caseworkers"] == standing(case_id)["clients"] == "blocked"
    assert outbox("register") == ["register:1:1"]


def test_nobody_but_the_organiser_can_be_named_or_written_to_before_it_is():
    case_id = with_organiser(caseworkers=STAFF)

    for act in (
        lambda: add_caseworkers(firm_of(case_id), ERIKA, people(1)),
        lambda: add_clients(firm_of(case_id), ERIKA, people(1)),
        lambda: no_caseworkers(firm_of(case_id), ERIKA),
        lambda: resend(person("jan@freitag.example", Role.CASEWORKER).id, ERIKA),
    ):
        with pytest.raises(AgreementFirst, match="Freitag & Kollegen"):
            act()

    assert outbox("register") == ["register:1:1"]


def test_caseworkers_named_at_the_start_are_invited_once_however_often_we_try():
    case_id = countersigned(caseworkers=STAFF)
    before = outbox(), acts(case_id)

    for _ in range(3):
        assert invite_caseworkers.fn(case_id).waiting_for == "caseworker"

    assert (outbox(), acts(case_id)) == before
    assert len(outbox("register")) == 3


def test_caseworkers_are_done_when_all_of_them_have_registered():
    case_id = countersigned(caseworkers=STAFF)

    registered("jan@freitag.example")
    advance(case_id)
    assert standing(case_id)["caseworkers"] == "waiting:caseworker"

    registered("ute@freitag.example")
    advance(case_id)
    assert standing(case_id)["caseworkers"] == "done"


def test_without_caseworkers_the_organiser_is_asked_and_may_say_that_there_are_none():
    case_id = countersigned()
    assert standing(case_id)["caseworkers"] == "waiting:organiser"

    no_caseworkers(firm_of(case_id), ERIKA)
    advance(case_id)

    assert standing(case_id)["caseworkers"] == "done"


def test_who_is_named_twice_is_one_person():
    case_id = countersigned()

    add_clients(firm_of(case_id), ERIKA, [*people(1), Named(name="person 0", email="PERSON0@Beispiel.example")])
    add_clients(firm_of(case_id), ERIKA, people(2))

    with reading() as session:
        here = [one.email for one in Person.of(session, firm_of(case_id), Role.CLIENT)]
        assert here == ["person0@beispiel.example", "person1@beispiel.example"]
        assert len(session.scalars(select(ClientContact)).all()) == 2


def test_two_people_at_one_address_are_refused_and_nobody_is_half_named():
    case_id = countersigned()
    couple = [*people(2), Named(name="Other Name", email="PERSON0@Beispiel.example")]

    with pytest.raises(AddressTwice, match=r"Person 0.*Other Name"):
        add_clients(firm_of(case_id), ERIKA, couple)

    with reading() as session:
        assert Person.of(session, firm_of(case_id), Role.CLIENT) == []


def test_a_client_gets_an_invitation_with_the_words_of_who_invites():
    case_id = countersigned()

    add_clients(firm_of(case_id), ERIKA, people(1), "Guten Tag,\r\nschön, dass Sie „dabei“ sind & bleiben.")
    advance(case_id)

    with reading() as session:
        (mail,) = session.scalars(select(Outgoing).where(Outgoing.kind == "invitation"))
    assert mail.facts["message"] == "Guten Tag,\nschön, dass Sie „dabei“ sind & bleiben."
    assert (mail.facts["invited_by"], mail.facts["reply_to"]) == ("Erika Muster", ERIKA)
    assert mail.facts["firm"] == "Anwaltskanzlei Freitag & Kollegen"


def test_clients_are_invited_once_however_often_we_try():
    case_id = with_client()
    before = outbox(), acts(case_id)

    for _ in range(3):
        assert invite_clients.fn(case_id).waiting_for == "client"

    assert (outbox(), acts(case_id)) == before
    assert len(outbox("invitation")) == 1


def test_the_first_active_client_finishes_the_case_and_the_staff_is_told():
    case_id = with_client()
    no_caseworkers(firm_of(case_id), ERIKA)

    registered(MAX, Purpose.ACTIVATE)
    advance(case_id)

    assert set(standing(case_id).values()) <= {"done", "waiting:organiser"}
    assert standing(case_id)["clients"] == "done"
    assert len(outbox("client_active")) == 1


def test_clients_added_later_are_invited_as_well():
    case_id = with_client()
    registered(MAX, Purpose.ACTIVATE)
    advance(case_id)

    add_clients(firm_of(case_id), ERIKA, people(1))
    advance(case_id)

    assert len(outbox("invitation")) == 2


def test_a_message_too_long_or_an_empty_list_changes_nothing():
    case_id = countersigned()

    with pytest.raises(MessageTooLong, match="1001"):
        add_clients(firm_of(case_id), ERIKA, people(1), "x" * 1001)
    with pytest.raises(NobodyNamed):
        add_clients(firm_of(case_id), ERIKA, [])
    with pytest.raises(ProvisionError):
        add_clients(firm_of(case_id), ERIKA, [*people(1), Named(name=",", email="x@beispiel.example")])

    with reading() as session:
        assert Person.of(session, firm_of(case_id), Role.CLIENT) == []


def test_the_link_sent_before_opens_as_well_as_the_one_sent_again(clock):
    with_client()
    old = token(MAX, Purpose.ACTIVATE)
    clock(minutes=11)

    resend(person(MAX).id, ERIKA)

    for link in (old, token(MAX, Purpose.ACTIVATE)):
        assert registration.opened(link, Purpose.ACTIVATE).person.email == MAX
    assert len(outbox("invitation")) == 2


def test_a_link_is_sent_again_at_most_every_ten_minutes_and_never_to_who_has_an_account(clock):
    with_client()
    with pytest.raises(SentJustNow, match="Max Beispiel"):
        resend(person(MAX).id, ERIKA)

    registered(MAX, Purpose.ACTIVATE)
    clock(minutes=11)

    with pytest.raises(RegisteredAlready):
        resend(person(MAX).id, ERIKA)
    assert len(outbox("invitation")) == 1


def test_the_contact_person_is_sent_the_way_to_the_progress_page_again(clock):
    case_id = opened(contact={"name": "Karl Kontakt", "email": "karl@freitag.example"})
    advance(case_id)
    clock(minutes=11)

    resend(person("karl@freitag.example", Role.CONTACT).id, ERIKA)

    assert len(outbox("welcome")) == 2


def test_a_link_sent_again_starts_the_reminders_anew(clock):
    with_client()
    clock(days=5)

    resend(person(MAX).id, ERIKA)

    with reading() as session:
        (row,) = session.scalars(select(Reminder).where(Reminder.step == StepName.CLIENTS, Reminder.ended_at.is_(None)))
    assert row.sent == 0
    assert row.due_at > row.since


@pytest.mark.parametrize("act", [add_caseworkers, add_clients])
def test_fifty_people_take_as_many_statements_as_five(product, statements, act):
    case_id = countersigned()
    asked = []
    for count, start in ((5, 0), (50, 100)):
        with statements() as said:
            act(firm_of(case_id), ERIKA, people(count, start))
            invite_caseworkers.fn(case_id)
            invite_clients.fn(case_id)
        # SQLAlchemy inserts row by row into SQLite, which costs no way over a network.
        asked.append([line for line in said if product == "postgresql" or not line.startswith("INSERT")])

    assert len(asked[1]) <= len(asked[0])


def test_twelve_hundred_clients_are_each_invited_once():
    case_id = countersigned()
    allow_invitations(case_id, "1200", "operator@convent-it.example")
    add_clients(firm_of(case_id), ERIKA, people(1200))

    invite_clients.fn(case_id)

    assert len(set(outbox("invitation"))) == 1200
    with reading() as session:
        assert first_broken(trail(session, case_id)) is None
    assert case(case_id).step(StepName.CLIENTS).waiting_for == "client"


# ---- people who are no longer invited


def test_a_caseworker_who_never_registers_holds_nobody_up_once_withdrawn():
    case_id = countersigned(caseworkers=STAFF)
    registered("jan@freitag.example")
    link = token("ute@freitag.example", Purpose.REGISTER)
    ute = person("ute@freitag.example", Role.CASEWORKER)

    withdraw(ute.id, ERIKA)
    advance(case_id)

    assert standing(case_id)["caseworkers"] == "done"
    with pytest.raises(NoLongerInvited):
        registration.opened(link, Purpose.REGISTER)
    with reading() as session:
        assert (
            session.scalars(select(Reminder).where(Reminder.person_id == ute.id, Reminder.due_at.is_not(None))).all()
            == []
        )
    before = acts(case_id)
    assert before.count("person.withdrawn") == 1
    withdraw(ute.id, ERIKA)
    registration.registered_elsewhere("ute@freitag.example", "idp|1", "", "")
    assert acts(case_id) == before


def test_when_everybody_is_withdrawn_the_organiser_is_asked_and_may_say_that_there_are_none():
    case_id = countersigned(caseworkers=STAFF[:1])

    withdraw(person("jan@freitag.example", Role.CASEWORKER).id, ERIKA)
    advance(case_id)
    assert standing(case_id)["caseworkers"] == "waiting:organiser"

    no_caseworkers(firm_of(case_id), ERIKA)
    advance(case_id)
    assert standing(case_id)["caseworkers"] == "done"


def test_who_was_withdrawn_can_be_named_again():
    case_id = with_client()
    withdraw(person(MAX).id, ERIKA)
    advance(case_id)
    assert standing(case_id)["clients"] == "waiting:organiser"

    add_clients(firm_of(case_id), ERIKA, [Named(name="Max Neu", email=MAX)], "Noch einmal")
    advance(case_id)

    assert registration.opened(token(MAX, Purpose.ACTIVATE), Purpose.ACTIVATE).person.name == "Max Neu"
    assert len(outbox("invitation")) == 2
    with reading() as session:
        assert [one.message for one in session.scalars(select(ClientContact))] == ["Noch einmal"]
        accounts = session.scalars(select(Client).order_by(Client.id)).all()
        assert [(one.name, one.archived_at is None) for one in accounts] == [
            ("Beispiel, Max", False),
            ("Neu, Max", True),
        ]


def test_an_operator_who_hears_that_somebody_has_left_answers_so_when_mail_comes_back():
    case_id = countersigned(caseworkers=STAFF)
    registered("jan@freitag.example")
    note_bounce({"address": "ute@freitag.example", "kind": "hard"})

    decide(case_id, "withdraw")
    advance(case_id)

    assert standing(case_id)["caseworkers"] == "done"
    note_bounce({"address": "ute@freitag.example", "kind": "hard"})
    with reading() as session:
        assert Decision.pending(session, case_id) == []


def many(count, start=0):
    return [Named(name=f"Max Nr{n}", email=f"max{n}@beispiel.example") for n in range(start, start + count)]


def test_a_firm_may_have_so_many_strangers_written_to_in_a_day_and_an_operator_can_allow_more(monkeypatch, clock):
    monkeypatch.setenv("PROVISION_INVITATIONS_A_DAY", "5")
    settings.cache_clear()
    case_id = countersigned()
    firm = firm_of(case_id)
    clock(days=1)
    add_clients(firm, ERIKA, many(3))

    with pytest.raises(InvitationsToday, match=r"Of the 5 people.*2 can still be named.*these are 3"):
        add_caseworkers(firm, ERIKA, many(3, 3))
    add_clients(firm, ERIKA, many(5))  # Three of them are named already.
    withdraw(person("max0@beispiel.example").id, ERIKA)
    with pytest.raises(InvitationsToday):
        add_clients(firm, ERIKA, many(1))

    allow_invitations(case_id, "7", "operator@convent-it.example")
    add_clients(firm, ERIKA, many(1))
    clock(hours=25)
    add_clients(firm, ERIKA, many(7, 10))
    with pytest.raises(InvitationsToday):
        add_clients(firm, ERIKA, many(1, 20))
    allow_invitations(case_id, "", "operator@convent-it.example")
    assert acts(case_id).count("invitations.allowed") == 2


@pytest.mark.parametrize("number", ["0", "-1", "viele", "1e3", "100001", "٣"])
def test_a_number_of_invitations_that_cannot_be_is_refused(number):
    with pytest.raises(InvitationsInvalid):
        allow_invitations(opened(), number, "operator@convent-it.example")
