"""Contacts who have answered no reminder are called by whoever looks after their accounts, and asked for no longer."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from models.clients.access import ClientAccess
from models.clients.card import Phone
from models.clients.client import ClientContact
from models.db import reading, transaction
from models.link import Purpose
from models.people.notice import Notice, NoticeKind
from models.people.person import Person, Role
from models.reminders.cadence import Follow, Level, WaitKind
from models.reminders.reminder import Reminder
from models.time.clock import now
from tasks.clients.reinvitation import Outcome, invite_again
from tasks.people import calls, inbox, membership, sessions
from tasks.reminders.cadences import set_cadence
from tasks.reminders.follow_up import case_of_company
from tasks.reminders.rounds import send_reminders
from tests.contacts import ERIKA
from tests.factories import PASSWORD, at_once, case, firm_of, outbox, registered
from tests.tasks.test_accounts import ZOE, member, with_staff
from tests.tasks.test_pending import email, invited, many


@pytest.fixture
def firm_id():
    return firm_of(with_staff())


def fall_silent(*people: int) -> None:
    """All reminders were sent, and the time after the last one is over."""
    with transaction() as session:
        long_ago = {"since": now() - timedelta(days=40), "last_at": now() - timedelta(days=20)}
        silent = update(Reminder).where(Reminder.person_id.in_(people))
        session.execute(silent.values(sent=3, due_at=now(), **long_ago))
    send_reminders.fn()


def entries(who: str = ERIKA, *, unread: bool = True) -> list[Notice]:
    with reading() as session:
        mine = select(Notice).join(Person, Person.id == Notice.person_id)
        mine = mine.where(Person.email == who, Notice.kind == NoticeKind.CALL)
        rows = session.scalars(mine.order_by(Notice.id)).all()
    return [row for row in rows if not unread or row.read_at is None]


def asked(who: str = ERIKA) -> list[tuple[int, list[str]]]:
    """How many are to be called by each entry that was not opened, and who the first are."""
    visitor = sessions.signed_in(sessions.sign_in(who, PASSWORD))
    found = calls.to_call(visitor, [entry for entry, _ in inbox.entries(visitor)])
    return [(one.count, [person.given_name for person, _ in one.people]) for one in found.values()]


def test_after_the_last_reminder_whoever_looks_after_the_account_is_asked_to_call_once(firm_id):
    anna, berta = invited(firm_id, "Anna"), invited(firm_id, "Berta")
    with transaction() as session:
        session.add(Phone(person_id=anna, kind="landline", number="+493012345678", is_primary=True))
        zoe = session.scalars(select(Person.id).where(Person.email == ZOE)).one()
        theirs = select(ClientContact.client_id).where(ClientContact.person_id == berta)
        ClientAccess.say(session, session.scalars(theirs).one(), zoe, has_access=False)

    fall_silent(anna, berta)
    send_reminders.fn()

    assert (asked(), asked(ZOE)) == ([(2, ["Anna", "Berta"])], [(1, ["Anna"])])
    (entry,) = entries(ZOE)
    assert (entry.facts, entry.path) == (
        {"name": "Anna Beispiel", "count": 1},
        f"/firm/{firm_id}/accounts/pending?mark=silent",
    )
    visitor = sessions.signed_in(sessions.sign_in(ZOE, PASSWORD))
    ((_, phones),) = calls.to_call(visitor, [entry])[entry.id].people
    assert [phone.number for phone in phones] == ["+493012345678"]


def test_whoever_falls_silent_later_joins_the_entry_until_it_is_opened(firm_id, clock):
    people = [invited(firm_id, name) for name in ("Anna", "Berta", "Carla")]
    fall_silent(people[0])
    clock(hours=2)
    fall_silent(people[1])
    (entry,) = entries()
    assert (asked(), entry.facts["count"]) == ([(2, ["Anna", "Berta"])], 2)

    inbox.opened(sessions.signed_in(sessions.sign_in(ERIKA, PASSWORD)), entry.id)
    clock(hours=2)
    fall_silent(people[2])

    assert asked() == [(1, ["Carla"])]


@pytest.mark.parametrize(
    "end",
    [
        lambda _, name: registered(email(name), Purpose.ACTIVATE),
        lambda who, _: membership.withdraw(who, ERIKA),
        lambda who, _: invite_again(member(), ERIKA, [who]),
    ],
    ids=["active", "withdrawn", "invited again"],
)
def test_whatever_ends_the_silence_settles_the_entry_once_nobody_is_left_to_call(firm_id, clock, end):
    people = {name: invited(firm_id, name) for name in ("Anna", "Berta")}
    clock(hours=1)
    fall_silent(*people.values())

    end(people["Anna"], "Anna")
    assert (asked(), len(entries(ZOE))) == ([(1, ["Berta"])], 1)
    end(people["Berta"], "Berta")

    assert (entries(), entries(ZOE), len(entries(unread=False))) == ([], [], 1)


def test_two_who_become_active_at_the_same_moment_leave_no_entry(firm_id, clock):
    people = {name: invited(firm_id, name) for name in ("Anna", "Berta")}
    fall_silent(*people.values())

    at_once(*[lambda name=name: registered(email(name), Purpose.ACTIVATE) for name in people])

    assert entries() == []


def test_nobody_is_called_where_nothing_follows_and_members_are_asked_whoever_else_is(firm_id):
    case_id = member().case_id
    anna, berta = invited(firm_id, "Anna"), invited(firm_id, "Berta")
    set_cadence(Level.CASE, case_id, WaitKind.CLIENT, ERIKA, name="", days="3", most="3", follow=Follow.NOTHING)
    fall_silent(anna)
    assert entries() == []

    set_cadence(Level.CASE, case_id, WaitKind.CLIENT, ERIKA, name="", days="3", most="3", follow=Follow.OPERATOR)
    fall_silent(berta)

    assert asked() == [(2, ["Anna", "Berta"])]


def test_asking_to_call_two_hundred_takes_as_many_statements_as_twenty(product, firm_id, statements, clock):
    costs = []
    fall_silent(invited(firm_id, "Anna"))
    for number in (20, 180):
        people = many(firm_id, number)
        with statements() as said:
            fall_silent(*people)
        costs.append([line for line in said if product == "postgresql" or not line.startswith("INSERT")])

    assert asked()[0][0] == 201
    assert len(costs[1]) <= len(costs[0])


def test_following_up_reminds_contacts_and_nobody_else_of_one_firm_if_wanted(firm_id, clock):
    who = invited(firm_id, "Anna")
    with reading() as session:
        company_id = str(case(member().case_id).firm.company_id)
        others = session.scalars(select(Person.id).where(Person.role != Role.CLIENT)).all()
    clock(days=3)
    with transaction() as session:
        session.execute(update(Reminder).where(Reminder.person_id.in_(others)).values(due_at=now()))
    before = len(outbox())

    assert send_reminders.fn([WaitKind.CLIENT], case_of_company(company_id) + 1).sent == 0
    assert send_reminders.fn([WaitKind.CLIENT], case_of_company(company_id)).sent == 1

    assert len(outbox()) == before + 1
    assert case_of_company(" ") is None
    assert invite_again(member(), ERIKA, [who]) == {Outcome.JUST_NOW: 1}
