"""Contacts who were invited and are not active yet: which are listed and counted, and who is invited again."""

from collections import Counter
from functools import partial
from itertools import product as all_of

import pytest
from sqlalchemy import func, select, update

from models.clients.access import ClientAccess
from models.clients.bulk_invitation import BulkRecipient, Reason
from models.clients.bulk_invitation import Outcome as BulkOutcome
from models.clients.client import ClientContact
from models.clients.group import Group, GroupMember
from models.clients.tag import ClientTag, ContactTag, Tag
from models.clients.words import refold
from models.db import reading, transaction
from models.errors import NotFound
from models.link import Link, Opening, Purpose
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.person import Person
from models.people.staff import Rank, Rights, Staff
from models.reminders.reminder import Reminder
from models.settings import settings
from models.time.clock import now
from tasks.clients import grants, selection
from tasks.clients.bulk_invitations import NobodyToInvite, ask_to_invite_again, hand_over
from tasks.clients.pending import Mark, Sought
from tasks.clients.reinvitation import Outcome, invite_again
from tasks.mail.address_holds import note_bounce
from tasks.onboarding import registration
from tasks.people import addresses, membership
from tasks.reminders.follow_up import SHOWN, everybody, listed
from tasks.reminders.rounds import send_reminders
from tasks.reminders.waits import Held
from tests.contacts import ERIKA, account, contact, other_firm, with_max
from tests.factories import at_once, firm_of, mails, outbox, registered, token, told_by
from tests.tasks.test_accounts import ZOE, member, with_staff

ALL = Sought()
FACTS = ("expired", "bounced", "opened", "silent")


def invited(firm_id: int, name: str, client_id: int | None = None) -> int:
    """Somebody who was invited to an account of their own, or to this one."""
    who = contact(firm_id, name, "Beispiel", f"{name.lower()}@wartet.example")
    at = client_id or account(firm_id, f"{name} GmbH", who)
    grants.invite_contact(firm_id, at, who, ERIKA)
    with transaction() as session:
        refold(session, [at])
    return who


def email(name: str) -> str:
    return f"{name.lower()}@wartet.example"


def open_page(name: str) -> None:
    registration.note_opened(token(email(name), Purpose.ACTIVATE))


def call_for(*people: int) -> None:
    """The last reminder was not answered either."""
    with transaction() as session:
        theirs = Reminder.person_id.in_(people)
        session.execute(update(Reminder).where(theirs).values(sent=3, followed_at=now(), due_at=None))


def found(sought: Sought = ALL, who=None) -> list[str]:
    return [row.person.given_name for row in listed(who or member(), sought).rows]


def counts(who=None, sought: Sought = ALL) -> dict[str, int]:
    return {mark.value if mark else "all": n for mark, n in listed(who or member(), sought).counts.items()}


@pytest.fixture
def firm_id():
    return firm_of(with_staff())


def test_whatever_is_so_of_a_contact_stands_in_list_and_counts(firm_id, clock):
    """Each combination of what may be so of somebody who is pending, beside everybody who is not."""
    combinations = list(all_of((True, False), repeat=len(FACTS)))
    names = {"".join(f for f, on in zip(FACTS, each, strict=True) if on) or "nothing": each for each in combinations}
    people = {name: invited(firm_id, name) for name, each in names.items() if each[0]}
    clock(days=settings().link_days + 1)
    people |= {name: invited(firm_id, name) for name, each in names.items() if not each[0]}
    for name, (expired, bounced, opened, silent) in names.items():
        if opened and not expired:
            open_page(name)
        elif opened:
            with transaction() as session:
                link = session.scalars(select(Link.id).where(Link.person_id == people[name])).one()
                Opening.note(session, link, now())
        if silent:
            call_for(people[name])
        if bounced:
            note_bounce({"address": email(name), "kind": "hard"})
    without = contact(firm_id, "Ohne", "Beispiel", "")
    account(firm_id, "Ohne GmbH", without)
    active = invited(firm_id, "Aktiv")
    registered(email("Aktiv"), Purpose.ACTIVATE)
    blind = invited(firm_id, "Blind")
    with reading() as session:
        at = session.scalars(select(ClientContact.client_id).where(ClientContact.person_id == blind)).one()
    grants.switch(firm_id, at, blind, grants.Switch.LOGIN, on=False, by=ERIKA)
    gone = invited(firm_id, "Weg")
    membership.withdraw(gone, ERIKA)
    account(firm_id, "Neu GmbH", contact(firm_id, "Neu", "Beispiel", email("Neu")))

    assert set(found()) == names.keys()
    for place, mark in enumerate(FACTS):
        assert set(found(Sought(Mark(mark)))) == {name for name, each in names.items() if each[place]}, mark
    assert set(found(Sought(Mark.UNOPENED))) == {name for name, each in names.items() if not each[2]}
    assert found(Sought(Mark.UNADDRESSED)) == ["Ohne"]
    half = len(names) // 2
    assert counts() == dict.fromkeys([*FACTS, "unopened"], half) | {"all": 2 * half, "unaddressed": 1}
    assert active


def test_the_row_tells_how_far_the_mail_the_page_and_the_reminders_are(firm_id, clock):
    who = invited(firm_id, "Anna")
    sent_at = now()
    with transaction() as session:
        session.execute(update(Outgoing).values(delivered_at=sent_at, due_at=None))
    clock(hours=1)
    open_page("Anna")
    open_page("Anna")

    (row,) = listed(member(), ALL).rows

    assert (row.mail.delivered_at, row.opened_at.hour) == (sent_at, now().hour)
    assert row.expires_at > now()
    assert (row.wait.sent, row.wait.most, row.wait.held) == (0, 3, None)
    assert row.wait.next_at > now()
    assert [name for _, name in row.accounts] == ["Anna GmbH"]
    selection.archive(member(), ERIKA, [row.accounts[0][0]])
    assert listed(member(), ALL).rows[0].wait.held is Held.MUTED
    assert who


def test_the_page_that_was_opened_is_remembered_once_and_is_that_of_the_address_that_counts(firm_id):
    who = invited(firm_id, "Anna")
    first = token(email("Anna"), Purpose.ACTIVATE)
    at_once(*[lambda: registration.note_opened(first)] * 3)
    assert found(Sought(Mark.OPENED)) == ["Anna"]

    note_bounce({"address": email("Anna"), "kind": "hard"})
    assert found(Sought(Mark.BOUNCED)) == ["Anna"]
    addresses.correct_address(case_id_of(firm_id), who, "anna@richtig.example", ERIKA)
    registration.note_opened(first)

    assert (found(Sought(Mark.BOUNCED)), found(Sought(Mark.OPENED)), found()) == ([], [], ["Anna"])
    registration.note_opened(token("anna@richtig.example", Purpose.ACTIVATE))
    assert found(Sought(Mark.OPENED)) == ["Anna"]


def case_id_of(firm_id: int) -> int:
    with reading() as session:
        return session.scalars(select(Onboarding.id).where(Onboarding.firm_id == firm_id)).one()


def test_who_is_pending_is_found_by_words_tags_groups_and_members_and_paged(firm_id):
    people = [invited(firm_id, f"P{row}") for row in range(3)]
    with transaction() as session:
        tag, group = Tag.named(session, firm_id, ["VIP"])[0].id, Group(firm_id=firm_id)
        group.call(session, "Bau")
        session.add(group)
        session.flush()
        first = session.scalars(select(ClientContact.client_id).where(ClientContact.person_id == people[0])).one()
        session.add_all([ClientTag(client_id=first, tag_id=tag), ContactTag(person_id=people[1], tag_id=tag)])
        session.add(GroupMember(person_id=people[2], group_id=group.id))
        zoe = session.scalars(select(Person).where(Person.email == ZOE)).one()
        ClientAccess.say(session, first, zoe.id, has_access=False)
        group_id = group.id

    assert found(Sought(search="p1@wartet")) == ["P1"]
    assert found(Sought(search="P2 GmbH")) == ["P2"]
    assert found(Sought(search="gibtesnicht")) == found(Sought(search="%")) == []
    assert found(Sought(tag=tag)) == ["P0", "P1"]
    assert found(Sought(group=group_id)) == ["P2"]
    assert found(Sought(member=zoe.id)) == found(who=member(ZOE)) == ["P1", "P2"]
    assert (counts(member(ZOE))["all"], counts(sought=Sought(Mark.OPENED, tag=tag))["all"]) == (2, 2)
    with pytest.raises(NotFound):
        found(Sought(member=10**8))
    assert [row.person.id for row in listed(member(), Sought(), people[0]).rows] == people[1:]
    assert [row.person.id for row in everybody(member(), Sought())] == people


def many(firm_id: int, number: int) -> list[int]:
    """So many who were invited an hour ago and more."""
    who = [contact(firm_id, f"N{row}", "Viel", f"n{number}.{row}@viel.example") for row in range(number)]
    for one in who:
        account(firm_id, f"Viel {one} GmbH", one, login=True)
    with transaction() as session:
        onboarding = Onboarding.of_firm(session, firm_id)
        people = session.scalars(select(Person).where(Person.id.in_(who))).all()
        registration.invite(session, [registration.Turn(onboarding, one) for one in people], ERIKA)
    return who


def test_list_and_invitations_take_as_many_statements_for_two_hundred_as_for_twenty(
    product, firm_id, statements, clock
):
    def took(act) -> int:
        with statements() as asked:
            act()
        return len([line for line in asked if product == "postgresql" or not line.startswith("INSERT")])

    who, costs = member(), []
    for number in (20, 180):
        people = many(firm_id, number)
        clock(hours=1)
        listed(who, ALL)
        again = partial(invite_again, who, ERIKA, people)
        costs.append((took(lambda: listed(who, ALL)), took(again)))

    assert len(listed(who, ALL).rows) == SHOWN
    assert costs[0] == costs[1]


# ---- invited again


def test_each_who_is_invited_again_has_one_outcome_and_one_mail(firm_id, clock):
    people = {name: invited(firm_id, name) for name in ("Anna", "Aktiv", "Zurück", "Archiv", "Weg", "Oft", "Eben")}
    people |= {"Ohne": contact(firm_id, "Ohne", "Beispiel", ""), "Neu": contact(firm_id, "Neu", "B", email("neu"))}
    for name in ("Ohne", "Neu"):
        account(firm_id, name, people[name])
    registered(email("Aktiv"), Purpose.ACTIVATE)
    note_bounce({"address": email("Zurück"), "kind": "hard"})
    with reading() as session:
        places = dict(session.execute(select(ClientContact.person_id, ClientContact.client_id)).tuples().all())
    selection.archive(member(), ERIKA, [places[people["Archiv"]]])
    membership.withdraw(people["Weg"], ERIKA)
    for _ in range(3):
        clock(minutes=11)
        grants.resend(firm_id, places[people["Oft"]], people["Oft"], ERIKA)
    clock(minutes=11)
    grants.resend(firm_id, places[people["Eben"]], people["Eben"], ERIKA)
    sent = len(outbox("invitation"))

    became = invite_again(member(), ERIKA, [*people.values(), 10**8])

    assert became == {
        Outcome.SENT: 1,
        Outcome.ACTIVE: 1,
        Outcome.BOUNCED: 1,
        Outcome.ARCHIVED: 1,
        Outcome.GONE: 2,
        Outcome.OFTEN: 1,
        Outcome.JUST_NOW: 1,
        Outcome.UNADDRESSED: 1,
        Outcome.UNINVITED: 1,
    }
    assert [mail.person_id for mail in mails("invitation")[sent:]] == [people["Anna"]]
    assert told_by(case_id_of(firm_id), "contacts.reinvited")[0]["persons"] == [people["Anna"]]


def test_sent_twice_or_by_two_at_the_same_moment_it_is_one_mail(firm_id, clock):
    who = [invited(firm_id, name) for name in ("Anna", "Berta")]
    clock(hours=1)
    shown_at, sent = now(), len(outbox("invitation"))

    became = at_once(*[lambda: invite_again(member(), ERIKA, who, shown_at)] * 2)

    assert sum(became, Counter()) == {Outcome.SENT: 2, Outcome.JUST_NOW: 2}
    clock(hours=1)
    assert invite_again(member(), ERIKA, who, shown_at) == {Outcome.JUST_NOW: 2}
    assert len(outbox("invitation")) == sent + 2


def test_whoever_becomes_active_between_page_and_click_is_sent_nothing(firm_id, clock):
    who = [invited(firm_id, name) for name in ("Anna", "Berta")]
    clock(hours=1)
    shown_at = now()
    registered(email("Anna"), Purpose.ACTIVATE)

    assert invite_again(member(), ERIKA, who, shown_at) == {Outcome.ACTIVE: 1, Outcome.SENT: 1}


def test_inviting_many_again_counts_in_the_limit_of_the_firm_and_of_each(firm_id, clock, monkeypatch):
    who = [invited(firm_id, f"P{row}") for row in range(4)]
    monkeypatch.setenv("PROVISION_INVITATIONS_A_DAY", "3")
    settings.cache_clear()
    clock(days=2)

    assert invite_again(member(), ERIKA, who) == {Outcome.SENT: 3, Outcome.TODAY: 1}
    clock(minutes=11)
    assert invite_again(member(), ERIKA, who[:1]) == {Outcome.TODAY: 1}
    monkeypatch.setenv("PROVISION_INVITATIONS_A_DAY", "99")
    settings.cache_clear()
    for _ in range(2):
        clock(minutes=11)
        assert invite_again(member(), ERIKA, who[:1]) == {Outcome.SENT: 1}
    clock(minutes=11)
    assert invite_again(member(), ERIKA, who[:1]) == {Outcome.OFTEN: 1}


def test_a_contact_whom_the_member_does_not_see_is_not_invited_again(firm_id, clock):
    hidden, seen = invited(firm_id, "Anna"), invited(firm_id, "Berta")
    stranger = invited(other_firm(), "Carla")
    with transaction() as session:
        zoe = session.scalars(select(Person).where(Person.email == ZOE)).one()
        Staff.give(session, zoe, Rights(Rank.STAFF, manages_accounts=True, has_default_access=True))
        theirs = select(ClientContact.client_id).where(ClientContact.person_id == hidden)
        ClientAccess.say(session, session.scalars(theirs).one(), zoe.id, has_access=False)
    clock(hours=1)

    assert invite_again(member(ZOE), ZOE, [hidden, seen, stranger]) == {Outcome.GONE: 2, Outcome.SENT: 1}


def test_who_is_at_five_accounts_is_reminded_once(clock):
    firm_id, first, second, who = with_max()
    for client_id in (first, second, *(account(firm_id, f"{row} GmbH", who) for row in range(3))):
        grants.invite_contact(firm_id, client_id, who, ERIKA)
    before = len(outbox("invitation"))

    clock(days=3)
    send_reminders.fn()

    assert len(outbox("invitation")) == before + 1
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(Reminder).where(Reminder.person_id == who)) == 1


# ---- all of them invited again


def run(firm_id: int, bulk_id: int) -> None:
    while hand_over(firm_id, bulk_id) is not None:
        pass


def test_all_who_are_sought_are_invited_again_once_each_under_the_words_of_before(no_runs, firm_id, clock):
    people = {name: invited(firm_id, name) for name in ("Anna", "Berta", "Zurück", "Aktiv")}
    second = account(firm_id, "Zweitkonto", people["Anna"])
    grants.invite_contact(firm_id, second, people["Anna"], ERIKA, "Willkommen, {Vorname}!")
    note_bounce({"address": email("Zurück"), "kind": "hard"})
    clock(hours=1)
    bulk_id = ask_to_invite_again(member(), ERIKA, ALL)
    hand_over(firm_id, bulk_id)
    registered(email("Aktiv"), Purpose.ACTIVATE)

    run(firm_id, bulk_id)

    with reading() as session:
        rows = session.execute(select(BulkRecipient.person_id, BulkRecipient.outcome, BulkRecipient.reason)).all()
        words = session.scalars(select(ClientContact.message).where(ClientContact.client_id == second)).one()
    assert {person_id: (outcome, reason) for person_id, outcome, reason in rows} == {
        people["Anna"]: (BulkOutcome.RESENT, None),
        people["Berta"]: (BulkOutcome.RESENT, None),
        people["Zurück"]: (BulkOutcome.REFUSED, Reason.ADDRESS_BAD),
        people["Aktiv"]: (BulkOutcome.REFUSED, Reason.SEES_ALREADY),
    }
    assert sorted(mail.person_id for mail in mails("invitation") if mail.bulk_id) == [people["Anna"], people["Berta"]]
    assert words == "Willkommen, {Vorname}!"


def test_all_are_invited_again_once_however_many_ask_for_it_and_however_often(no_runs, firm_id, clock):
    for row in range(3):
        invited(firm_id, f"P{row}")
    clock(hours=1)
    shown_at, before = now(), len(outbox())
    first, second = at_once(*[lambda: ask_to_invite_again(member(), ERIKA, ALL, shown_at)] * 2)
    assert first == second == ask_to_invite_again(member(), ERIKA, Sought(Mark.UNOPENED), shown_at)

    at_once(*[lambda: run(firm_id, first)] * 2)
    clock(hours=1)
    again = ask_to_invite_again(member(), ERIKA, ALL, shown_at)

    assert (again, len(outbox())) == (first, before + 3)
    with pytest.raises(NobodyToInvite):
        ask_to_invite_again(member(), ERIKA, Sought(search="gibtesnicht"))
    assert ask_to_invite_again(member(), ERIKA, Sought(Mark.UNOPENED), now()) != first
