"""Many contacts are invited at once, each by the rules for one."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from models.clients.access import ClientAccess
from models.clients.bulk_invitation import BulkInvitation, BulkOver, BulkState, Outcome, RateInvalid, Reason, StopReason
from models.clients.client import ClientContact, ClientState
from models.clients.imports import Import, ImportContact
from models.clients.message import PlaceholderUnknown
from models.db import reading, transaction
from models.errors import FormRefused, NotFound
from models.link import Link, Purpose
from models.mail.outbox import MailKind, Outgoing, Urgency
from models.people.notice import Notice, NoticeKind
from models.people.person import Person
from models.people.staff import Rank, Rights
from models.settings import settings
from models.time.clock import now
from models.time.hours import Hours
from tasks.audit.verification import verify
from tasks.clients import audience, bulk_invitations, grants
from tasks.clients.accounts import Filter
from tasks.clients.audience import Audience
from tasks.clients.bulk_invitations import NobodyToInvite, ask_to_invite, hand_over
from tasks.mail.compose import write
from tests.clients import fill
from tests.contacts import account, contact
from tests.factories import at_once, countersigned, firm_of, registered, told_by
from tests.remembered import remembered
from tests.tasks.test_accounts import ERIKA, ZOE, give, member, stranger, with_staff
from tests.tasks.test_delivery import MailServer, serving

pytestmark = pytest.mark.usefixtures("no_runs")


@remembered
def with_seven() -> tuple[int, dict[str, int]]:
    """A firm with a contact for each case that the rules know, at an account of its own; the persons by name."""
    case_id = countersigned()
    firm_id = firm_of(case_id)
    people = {
        name: contact(firm_id, name.title(), "Beispiel", "" if name == "nobody" else f"{name}@beispiel.example")
        for name in ("new", "other", "nobody", "bounced", "paused", "blind", "pending", "active")
    }
    accounts = {name: account(firm_id, f"Konto {name}", key, login=True) for name, key in people.items()}
    account(firm_id, "Zweitkonto", people["new"], login=True)
    with transaction() as session:
        session.get_one(Person, people["bounced"]).bounced_at = now()
        session.get_one(Person, people["paused"]).paused_at = now()
    grants.switch(firm_id, accounts["blind"], people["blind"], grants.Switch.LOGIN, on=False, by=ERIKA)
    for name in ("pending", "active"):
        grants.invite_contact(firm_id, accounts[name], people[name], ERIKA)
    registered("active@beispiel.example", Purpose.ACTIVATE)
    return firm_id, people


def run(firm_id: int, bulk_id: int) -> None:
    """As far as it gets now."""
    while hand_over(firm_id, bulk_id) is not None:
        pass


def bulk(bulk_id: int) -> BulkInvitation:
    with reading() as session:
        return session.get_one(BulkInvitation, bulk_id)


def mails_of(bulk_id: int) -> list[Outgoing]:
    with reading() as session:
        return list(session.scalars(select(Outgoing).where(Outgoing.bulk_id == bulk_id).order_by(Outgoing.id)))


def faults() -> set[str]:
    return {str(fault) for each in verify() for fault in each.faults}


def outcomes(bulk_id: int) -> dict[str, tuple[Outcome, Reason | None]]:
    """By the name of the account."""
    rows, _ = bulk_invitations.recipients(member(), bulk_id)
    return {row.client.name: (row.row.outcome, row.row.reason) for row in rows}


def test_each_contact_has_one_outcome_and_one_reason_by_the_rules_for_one(clock):
    firm_id, _ = with_seven()
    clock(hours=1)
    before = faults()

    bulk_id = ask_to_invite(member(), ERIKA, Audience(), "Guten Tag {Vorname}!")
    run(firm_id, bulk_id)
    run(firm_id, bulk_id)

    assert outcomes(bulk_id) == {
        "Konto new": (Outcome.INVITED, None),
        "Zweitkonto": (Outcome.INVITED, None),
        "Konto other": (Outcome.INVITED, None),
        "Konto nobody": (Outcome.REFUSED, Reason.NO_ADDRESS),
        "Konto bounced": (Outcome.REFUSED, Reason.ADDRESS_BAD),
        "Konto paused": (Outcome.REFUSED, Reason.PAUSED),
        "Konto blind": (Outcome.REFUSED, Reason.LOGIN_OFF),
        "Konto pending": (Outcome.RESENT, None),
        "Konto active": (Outcome.REFUSED, Reason.SEES_ALREADY),
    }
    mails = mails_of(bulk_id)
    assert [mail.to_address.partition("@")[0] for mail in mails] == ["new", "other", "pending"]  # One way in for each.
    assert {(mail.kind, mail.urgency) for mail in mails} == {(MailKind.INVITATION, Urgency.BULK)}
    assert mails[0].facts["message"] == "Guten Tag New!"
    assert mails[0].facts["reply_to"] == ERIKA
    progress = bulk_invitations.view(member(), bulk_id).progress
    assert (progress.contacts, progress.done, progress.mails) == (9, 9, 3)
    assert progress.refused[Reason.NO_ADDRESS] == 1
    assert bulk(bulk_id).state is BulkState.DONE
    assert faults() == before


def test_whoever_wants_no_mail_to_many_gets_the_first_invitation_and_nothing_else_of_them(clock):
    firm_id, people = with_seven()
    account(firm_id, "Neues pending", people["pending"], login=True)
    account(firm_id, "Neues active", people["active"], login=True)
    with transaction() as session:
        theirs = [people[name] for name in ("new", "pending", "active")]
        for place in session.scalars(select(ClientContact).where(ClientContact.person_id.in_(theirs))):
            place.notify = False
    clock(hours=1)

    bulk_id = ask_to_invite(member(), ERIKA, Audience())
    run(firm_id, bulk_id)

    became = outcomes(bulk_id)
    assert {name: became[name][1] for name in ("Konto pending", "Neues pending", "Konto active", "Neues active")} == {
        "Konto pending": Reason.NOTIFY_OFF,
        "Neues pending": Reason.NOTIFY_OFF,
        "Konto active": Reason.SEES_ALREADY,
        "Neues active": Reason.NOTIFY_OFF,
    }
    assert became["Konto new"] == (Outcome.INVITED, None)
    mails = mails_of(bulk_id)
    assert [mail.to_address.partition("@")[0] for mail in mails] == ["new", "other"]
    assert all(write(mail, None, redacted=True)["List-Unsubscribe"] for mail in mails)


def test_whoever_was_invited_to_one_account_is_told_of_another_and_a_second_request_sends_nothing_twice(clock):
    firm_id, people = with_seven()
    account(firm_id, "Neues Konto", people["active"], people["pending"], login=True)
    clock(hours=1)
    first = ask_to_invite(member(), ERIKA, Audience(Filter(search="neues")))
    run(firm_id, first)

    second = ask_to_invite(member(), ERIKA, Audience(Filter(search="neues")))
    run(firm_id, second)

    assert {mail.kind for mail in mails_of(first)} == {MailKind.GRANTED}
    assert [row.row.outcome for row in bulk_invitations.recipients(member(), first)[0]] == [Outcome.TOLD] * 2
    assert {row.row.reason for row in bulk_invitations.recipients(member(), second)[0]} == {
        Reason.SEES_ALREADY,
        Reason.SENT_LATELY,
    }
    assert mails_of(second) == []


def test_whoever_has_not_come_in_gets_one_mail_with_a_link_though_there_is_one_more_account(clock):
    firm_id, people = with_seven()
    account(firm_id, "Zweites pending", people["pending"], login=True)
    clock(hours=1)
    before = faults()

    bulk_id = ask_to_invite(member(), ERIKA, Audience(Filter(search="pending")))
    run(firm_id, bulk_id)

    assert outcomes(bulk_id) == {"Konto pending": (Outcome.RESENT, None), "Zweites pending": (Outcome.TOLD, None)}
    assert [(mail.kind, mail.link_id is not None) for mail in mails_of(bulk_id)] == [(MailKind.GRANTED, True)]
    assert faults() == before


def test_a_form_that_is_sent_twice_asks_once_as_long_as_it_goes_on(clock):
    with_seven()
    clock(hours=1)

    def sent(message="Hallo", a_second="", chosen=()):
        return ask_to_invite(member(), ERIKA, Audience(Filter(search="konto"), chosen), message, a_second)

    first = sent()
    assert [sent(), sent()] == [first, first]
    bulk_invitations.pause(member(), first, ERIKA)
    assert sent() == first
    others = {sent("Anders"), sent(a_second="5"), sent(chosen=(1,))}
    assert len(others - {first}) == 3

    bulk_invitations.stop(member(), first, ERIKA)
    assert sent() not in {first, *others}


def test_two_passes_at_once_invite_nobody_twice(monkeypatch):
    monkeypatch.setattr(bulk_invitations, "CONTACTS_AT_ONCE", 7)
    monkeypatch.setattr(audience, "ACCOUNTS_AT_ONCE", 10)
    firm_id = firm_of(countersigned())
    fill(firm_id, 60)
    bulk_id = ask_to_invite(member(), ERIKA, Audience(Filter(state=ClientState.PREPARED)))

    at_once(*[lambda: run(firm_id, bulk_id)] * 3)

    mails = mails_of(bulk_id)
    assert len(mails) == len({mail.person_id for mail in mails}) == 48
    assert bulk_invitations.view(member(), bulk_id).progress.outcomes == {Outcome.INVITED: 48}
    with reading() as session:
        assert set(session.scalars(select(Link.generation).where(Link.purpose == Purpose.ACTIVATE))) == {1}


def test_a_pass_that_has_them_in_hand_keeps_others_out_and_one_that_was_killed_not_for_long(clock):
    firm_id, _ = with_seven()
    bulk_id = ask_to_invite(member(), ERIKA, Audience())
    hand_over(firm_id, bulk_id)

    assert bulk_invitations.send_invitations.fn() == 0
    clock(minutes=4)
    assert bulk_invitations.send_invitations.fn() == 9


def test_nobody_is_written_to_at_an_hour_at_which_they_cannot_be_reached(clock):
    firm_id, people = with_seven()
    with transaction() as session:
        session.get_one(Person, people["other"]).hours = Hours.parse("Mi 14-16")
    bulk_id = ask_to_invite(member(), ERIKA, Audience(Filter(search="konto other")))
    run(firm_id, bulk_id)
    assert mails_of(bulk_id) == []

    clock(datetime(2026, 9, 16, 12, 30, tzinfo=UTC))
    run(firm_id, bulk_id)
    assert [mail.person_id for mail in mails_of(bulk_id)] == [people["other"]]


def test_no_more_leave_in_a_second_or_an_hour_than_was_said(clock, monkeypatch):
    firm_id = firm_of(countersigned())
    fill(firm_id, 500)
    bulk_id = ask_to_invite(member(), ERIKA, Audience(Filter(state=ClientState.PREPARED)), "", "2", "3600")
    for _ in range(3):
        run(firm_id, bulk_id)
        clock(minutes=1)

    due = [mail.due_at for mail in mails_of(bulk_id)]
    assert 150 <= len(due) <= 190
    assert min(later - earlier for earlier, later in pairwise(due)) >= timedelta(seconds=1)


def test_what_is_slowed_down_leaves_as_it_falls_due_and_not_together_a_minute_later(clock, monkeypatch):
    firm_id = firm_of(countersigned())
    fill(firm_id, 40)
    bulk_id = ask_to_invite(member(), ERIKA, Audience(Filter(state=ClientState.PREPARED)), "", "2")
    monkeypatch.setattr(bulk_invitations, "sleep", lambda seconds: clock(seconds=seconds))

    with serving(MailServer(), monkeypatch):
        assert bulk_invitations.send_invitations.fn(bulk_id) == 32

    left = [mail.delivered_at for mail in mails_of(bulk_id)]
    assert None not in left
    assert max(left) - min(left) >= timedelta(seconds=15)


def test_whoever_has_no_address_is_told_so_and_not_that_somebody_has_turned_their_access_off():
    firm_id, people = with_seven()
    account(firm_id, "Drittkonto", people["nobody"])
    bulk_id = ask_to_invite(member(), ERIKA, Audience(Filter(search="drittkonto")))
    run(firm_id, bulk_id)

    assert outcomes(bulk_id) == {"Drittkonto": (Outcome.REFUSED, Reason.NO_ADDRESS)}


def test_a_firm_that_may_invite_no_more_today_goes_on_tomorrow(monkeypatch, clock):
    monkeypatch.setenv("PROVISION_INVITATIONS_A_DAY", "30")
    settings.cache_clear()
    firm_id = firm_of(countersigned())
    fill(firm_id, 50)
    bulk_id = ask_to_invite(member(), ERIKA, Audience(Filter(state=ClientState.PREPARED)))
    run(firm_id, bulk_id)
    assert len(mails_of(bulk_id)) == 30
    assert bulk(bulk_id).state is BulkState.RUNNING

    clock(days=1, minutes=1)
    run(firm_id, bulk_id)
    assert len(mails_of(bulk_id)) == 40
    assert bulk(bulk_id).state is BulkState.DONE


def test_whoever_was_invited_before_passes_those_who_wait_for_what_the_firm_may_in_a_day(monkeypatch, clock):
    monkeypatch.setenv("PROVISION_INVITATIONS_A_DAY", "10")
    settings.cache_clear()
    monkeypatch.setattr(bulk_invitations, "CONTACTS_AT_ONCE", 5)
    firm_id = firm_of(countersigned())
    fill(firm_id, 60)  # Of ten two were invited before, and are told of one more account.
    bulk_id = ask_to_invite(member(), ERIKA, Audience())

    run(firm_id, bulk_id)
    outcomes = bulk_invitations.view(member(), bulk_id).progress.outcomes
    assert (outcomes[Outcome.TOLD], outcomes[Outcome.WAITING]) == (12, 48 - outcomes[Outcome.INVITED])
    assert 0 < outcomes[Outcome.INVITED] <= 10
    assert bulk(bulk_id).limited_until is not None

    for _ in range(8):
        clock(days=1, minutes=1)
        run(firm_id, bulk_id)
    assert bulk_invitations.view(member(), bulk_id).progress.outcomes == {Outcome.TOLD: 12, Outcome.INVITED: 48}
    assert bulk(bulk_id).state is BulkState.DONE


def test_too_many_mails_that_come_back_end_it_and_the_others_are_left_out(monkeypatch):
    monkeypatch.setattr(bulk_invitations, "CONTACTS_AT_ONCE", 50)
    firm_id = firm_of(countersigned())
    fill(firm_id, 200)
    bulk_id = ask_to_invite(member(), ERIKA, Audience(Filter(state=ClientState.PREPARED)))
    for _ in range(2):
        hand_over(firm_id, bulk_id)
    with transaction() as session:
        for mail in session.scalars(select(Outgoing).where(Outgoing.bulk_id == bulk_id).limit(20)):
            mail.bounce("550 5.1.1 no such user", now())

    run(firm_id, bulk_id)

    assert (bulk(bulk_id).state, bulk(bulk_id).stop_reason) == (BulkState.STOPPED, StopReason.REFUSALS)
    progress = bulk_invitations.view(member(), bulk_id).progress
    assert progress.outcomes == {Outcome.INVITED: 50, Outcome.LEFT_OUT: 110}
    assert progress.bounced == 20
    assert inbox() == [{"how": "refusals", "by": "", "mails": 50, "refused": 0}]


def test_they_are_paused_resumed_and_stopped_and_what_has_ended_stays_so(monkeypatch):
    monkeypatch.setattr(bulk_invitations, "CONTACTS_AT_ONCE", 3)
    firm_id = firm_of(countersigned())
    fill(firm_id, 20)
    bulk_id = ask_to_invite(member(), ERIKA, Audience(Filter(state=ClientState.PREPARED)))
    for _ in range(2):
        hand_over(firm_id, bulk_id)

    bulk_invitations.pause(member(), bulk_id, ERIKA)
    run(firm_id, bulk_id)
    assert len(mails_of(bulk_id)) == 3

    bulk_invitations.resume(member(), bulk_id, ERIKA)
    hand_over(firm_id, bulk_id)
    bulk_invitations.stop(member(), bulk_id, ERIKA)
    run(firm_id, bulk_id)

    assert bulk_invitations.view(member(), bulk_id).progress.outcomes == {Outcome.INVITED: 6, Outcome.LEFT_OUT: 10}
    for act in (bulk_invitations.pause, bulk_invitations.resume, bulk_invitations.stop):
        with pytest.raises(BulkOver):
            act(member(), bulk_id, ERIKA)
    assert inbox() == []  # Nobody is told what they have done themselves.
    case_id = member().case_id
    done = [action for action in ("asked", "paused", "resumed", "stopped") if told_by(case_id, f"bulk.{action}")]
    assert done == ["asked", "paused", "resumed", "stopped"]


def test_stopped_or_paused_at_whatever_moment_each_has_had_their_turn_or_is_left_out(monkeypatch):
    monkeypatch.setattr(bulk_invitations, "CONTACTS_AT_ONCE", 3)
    monkeypatch.setattr(audience, "ACCOUNTS_AT_ONCE", 20)
    firm_id = firm_of(countersigned())
    fill(firm_id, 40)
    bulk_id = ask_to_invite(member(), ERIKA, Audience(Filter(state=ClientState.PREPARED)))
    for _ in range(4):
        hand_over(firm_id, bulk_id)
    turns = [lambda act=act: act(member(), bulk_id, ERIKA) for act in (bulk_invitations.pause, bulk_invitations.resume)]

    at_once(lambda: run(firm_id, bulk_id), *turns, lambda: run(firm_id, bulk_id))
    assert len(mails_of(bulk_id)) == bulk_invitations.view(member(), bulk_id).progress.outcomes[Outcome.INVITED]
    if bulk(bulk_id).ended_at is None:
        bulk_invitations.resume(member(), bulk_id, ERIKA)
    at_once(lambda: run(firm_id, bulk_id), lambda: bulk_invitations.stop(member(), bulk_id, ERIKA))

    became = bulk_invitations.view(member(), bulk_id).progress.outcomes
    assert became.keys() <= {Outcome.INVITED, Outcome.LEFT_OUT}
    assert sum(became.values()) == 32
    assert len({mail.person_id for mail in mails_of(bulk_id)}) == len(mails_of(bulk_id)) == became[Outcome.INVITED]


def inbox() -> list[dict]:
    """What entries of the inbox tell of invitations to many."""
    with reading() as session:
        told = select(Notice.facts).where(Notice.kind == NoticeKind.BULK_ENDED).order_by(Notice.id)
        return list(session.scalars(told))


def test_whoever_asked_finds_in_the_inbox_that_they_are_done_or_who_has_stopped_them(clock):
    case_id = with_staff()
    firm_id = firm_of(case_id)
    for name in ("a", ""):
        account(firm_id, f"Konto {name}", contact(firm_id, "X", name or "Y", name and f"{name}@y.example"), login=True)
    zoe = give(case_id, Rights(Rank.STAFF, manages_accounts=True, has_default_access=True), ZOE)
    done = ask_to_invite(zoe, ZOE, Audience())
    run(firm_id, done)
    run(firm_id, done)
    stopped = ask_to_invite(zoe, ZOE, Audience(), "Hallo")
    bulk_invitations.stop(member(), stopped, ERIKA)

    assert inbox() == [
        {"how": "done", "by": "", "mails": 1, "refused": 1},
        {"how": "by_hand", "by": member().name, "mails": 0, "refused": 0},
    ]
    with reading() as session:
        assert {notice.person_id for notice in session.scalars(select(Notice))} == {zoe.person_id}
        assert (
            session.scalars(select(Outgoing).where(Outgoing.to_address == ZOE, Outgoing.bulk_id.is_not(None))).all()
            == []
        )


def test_only_accounts_that_the_asker_sees_and_a_selection_only_as_selected():
    case_id = with_staff()
    firm_id = firm_of(case_id)
    one, second, third = (account(firm_id, name, contact(firm_id, name, "Y", f"{name}@y.example")) for name in "abc")
    zoe = give(case_id, Rights(Rank.STAFF, manages_accounts=True, has_default_access=True), ZOE)
    with transaction() as session:  # Zoe sees all but the third.
        ClientAccess.say(session, third, zoe.person_id, has_access=False)

    bulk_id = ask_to_invite(zoe, ZOE, Audience(accounts=(one, third)))
    run(firm_id, bulk_id)

    assert [*outcomes(bulk_id)] == ["a"]
    with pytest.raises(NobodyToInvite):
        ask_to_invite(zoe, ZOE, Audience(accounts=(third,)))

    later = ask_to_invite(zoe, ZOE, Audience(), "Hallo")
    hand_over(firm_id, later)
    with transaction() as session:  # Now the second neither, before its turn has come.
        ClientAccess.say(session, second, zoe.person_id, has_access=False)
    run(firm_id, later)
    assert outcomes(later)["b"] == (Outcome.REFUSED, Reason.GONE)


def test_without_whoever_asked_it_does_not_go_on():
    case_id = with_staff()
    firm_id = firm_of(case_id)
    account(firm_id, "a", contact(firm_id, "A", "Y", "a@y.example"))
    zoe = give(case_id, Rights(Rank.STAFF, manages_accounts=True, has_default_access=True), ZOE)
    bulk_id = ask_to_invite(zoe, ZOE, Audience())
    give(case_id, Rights(Rank.STAFF, manages_accounts=False, has_default_access=True), ZOE)

    run(firm_id, bulk_id)

    assert bulk(bulk_id).stop_reason is StopReason.ASKER_GONE


def test_what_cannot_be_is_refused_all_at_once_before_anything_is_written():
    with_seven()

    with pytest.raises(FormRefused) as refusal:
        ask_to_invite(member(), ERIKA, Audience(), "{Foo} {Bar}", "0", "1,5")

    kinds = {"message": PlaceholderUnknown, "a_second": RateInvalid, "an_hour": RateInvalid}
    assert {field: type(one) for field, one in refusal.value.fields.items()} == kinds
    assert refusal.value.fields["message"].written == "{Foo}, {Bar}"
    assert bulk_invitations.asked_for(member()) == []


def test_another_firm_sees_nothing_of_it():
    with_seven()
    bulk_id = ask_to_invite(member(), ERIKA, Audience())

    with pytest.raises(NotFound):
        bulk_invitations.view(stranger(), bulk_id)


def test_no_statement_more_for_two_hundred_than_for_ten(statements, monkeypatch):
    firm_id = firm_of(countersigned())
    fill(firm_id, 300)
    bulk_id = ask_to_invite(member(), ERIKA, Audience(Filter(state=ClientState.PREPARED)))
    hand_over(firm_id, bulk_id)
    taken = []
    for most in (10, 200):
        monkeypatch.setattr(bulk_invitations, "CONTACTS_AT_ONCE", most)
        with statements() as asked:
            hand_over(firm_id, bulk_id)
        taken.append(len([one for one in asked if not one.startswith("INSERT")]))

    assert abs(taken[1] - taken[0]) <= 2


def test_after_an_import_those_are_invited_whom_it_brought_and_nobody_else_at_their_accounts():
    firm_id, people = with_seven()
    client_id = account(firm_id, "Aus der Datei", people["new"], people["other"], login=True)
    with transaction() as session:
        row = Import(firm_id=firm_id, by=ERIKA, file_name="a.csv", content=b"", created_at=now())
        session.add(row)
        session.flush()
        session.add(ImportContact(import_id=row.id, record=1, client_id=client_id, person_id=people["other"]))

    bulk_id = ask_to_invite(member(), ERIKA, Audience(imported=row.id))
    run(firm_id, bulk_id)

    assert [mail.person_id for mail in mails_of(bulk_id)] == [people["other"]]
