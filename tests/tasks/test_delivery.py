"""The outbox is emptied into a real SMTP server on loopback."""

import asyncio
import re
import smtplib
import ssl
import threading
from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from sqlalchemy import select

from models.db import transaction
from models.decision import Decision, DecisionKind
from models.document import Document
from models.firm import Firm, LineOfBusiness
from models.link import Link, Purpose
from models.mail.mail_server import offers_smtputf8
from models.mail.outbox import MailKind, Outgoing, Urgency
from models.onboarding import Onboarding
from models.people.manners import AddressForm, Language
from models.people.person import Person, Role
from models.queries.board import mail_trouble
from models.settings import Settings, settings
from models.subscription import Subscription
from models.time.clock import now
from tasks.engine.passes import kick_mail
from tasks.intake.decision_effects import answer_decision
from tasks.mail import delivery
from tasks.mail.address_holds import note_bounce
from tasks.mail.delivery import Delivered, deliver_due, deliver_outbox
from tasks.mail.refusals import Blame
from tasks.people.addresses import correct_address
from tests.factories import at_once


class MailServer:
    """What it took, from how many connections; answers as the test says."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.senders: list[str] = []
        self.recipients: list[str] = []
        self.connections = 0
        self.at_recipient: list[str] = []
        """Answers to the next RCPT commands; empty string or none left: accept."""
        self.at_data: list[str] = []
        """Answers after the next messages; "drop" cuts the connection instead."""
        self.order: list[str] = []
        """The Message-IDs as they came."""
        self.meanwhile: Callable[[], object] = lambda: None
        """What happens while a mail is handed over."""
        self.pause = 0.0
        self.encrypted = self.logged_in = False

    async def handle_EHLO(self, server: SMTP, session: Session, envelope: Envelope, hostname: str, answers: list[str]):  # noqa: N802
        session.host_name = hostname
        return answers

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]):  # noqa: N802
        answer = self.at_recipient.pop(0) if self.at_recipient else ""
        if not answer:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope):  # noqa: N802
        answer = self.at_data.pop(0) if self.at_data else ""
        await asyncio.sleep(self.pause)
        if answer == "drop":
            server.transport.abort()
            return "421 gone"
        if not answer:
            self.meanwhile()
            self.senders.append(envelope.mail_from)
            self.recipients += envelope.rcpt_tos
            self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
            self.order.append(self.taken[-1]["Message-ID"])
            self.encrypted, self.logged_in = session.ssl is not None, bool(session.authenticated)
        return answer or "250 OK"

    @property
    def ids(self) -> list[str]:
        return sorted(message["Message-ID"] for message in self.taken)


@contextmanager
def serving(server: MailServer, monkeypatch, **options):
    """The server listens on loopback, and the settings name it."""

    class Counting(Controller):
        def factory(self):
            server.connections += 1
            return super().factory()

    controller = Counting(server, hostname="127.0.0.1", port=0, **options)
    # Port 0 lets the system choose; aiosmtpd wants to know it before it listens.
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        controller.port = probe.getsockname()[1]
    controller.start()
    monkeypatch.setenv("PROVISION_SMTP_PORT", str(controller.port))
    settings.cache_clear()
    server.connections = 0  # The controller's own trial.
    try:
        yield server
    finally:
        controller.stop()


@pytest.fixture
def mail_server(monkeypatch):
    with serving(MailServer(), monkeypatch) as server:
        yield server


def case() -> tuple[int, int]:
    """A case and its organiser."""
    with transaction() as session:
        firm = Firm(name="Kanzlei Freitag & Kollegen", line_of_business=LineOfBusiness.LAW, created_at=now())
        opened = Onboarding.open(session, firm, "test:1", now())
        person = Person(
            firm_id=firm.id,
            role=Role.ORGANISER,
            email="erika@freitag.example",
            given_name="Erika",
            family_name="Muster",
            added_at=now(),
        )
        session.add_all([person, Subscription(firm_id=firm.id)])
        session.flush()
        return opened.id, person.id


def post(count: int = 1, **changes) -> list[int]:
    """So many mails that are due; *changes* replace columns."""
    with transaction() as session:
        rows = [
            Outgoing(
                **{
                    "key": f"test:{number}",
                    "message_id": f"<{changes.get('key', 'test')}.{number}@convent-it.example>",
                    "kind": MailKind.CLIENT_ACTIVE,
                    "to_name": "Erika Muster",
                    "to_address": "erika@freitag.example",
                    "language": Language.GERMAN,
                    "address_form": AddressForm.SIE,
                    "facts": {
                        "firm": "Kanzlei Freitag",
                        "company_id": None,
                        "logo": False,
                        "clients": [{"name": f"Max {number}"}],
                        "more": 0,
                    },
                    "created_at": now(),
                    "due_at": now(),
                    **changes,
                }
            )
            for number in range(count)
        ]
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def mail(row_id: int) -> Outgoing:
    with transaction() as session:
        return session.get_one(Outgoing, row_id)


def make_due() -> None:
    """What waits for its next try is due now."""
    with transaction() as session:
        for row in session.scalars(select(Outgoing).where(Outgoing.due_at.is_not(None))):
            row.due_at = now()


def test_a_mail_is_sent_once_however_often_the_outbox_is_emptied(mail_server):
    (row_id,) = post()

    done = [deliver_due(), deliver_due(), deliver_outbox.fn()]

    assert done == [Delivered(delivered=1), Delivered(), Delivered()]
    assert mail_server.ids == [mail(row_id).message_id]
    assert mail(row_id).delivered_at is not None
    assert mail(row_id).due_at is None


def test_two_hundred_mails_leave_over_one_connection(mail_server):
    post(200)

    done = deliver_due(limit=200)

    assert done == Delivered(delivered=200)
    assert len(set(mail_server.ids)) == 200
    assert mail_server.connections == 1


def test_the_whole_outbox_leaves_in_batches(mail_server, monkeypatch):
    monkeypatch.setenv("PROVISION_MAILS_AT_ONCE", "10")
    settings.cache_clear()
    post(25)

    assert deliver_outbox.fn() == Delivered(delivered=25)
    assert mail_server.connections == 3


def test_a_mail_that_is_due_later_waits(mail_server, clock):
    post(due_at=now() + timedelta(hours=1))

    assert deliver_due() == Delivered()

    clock(hours=2)
    assert deliver_due() == Delivered(delivered=1)


def test_the_mails_of_a_killed_sender_are_taken_over_when_its_lease_ends(mail_server, clock):
    post(3)
    delivery._claim(10)

    assert deliver_due() == Delivered()

    clock(minutes=11)
    assert deliver_due() == Delivered(delivered=3)
    assert len(set(mail_server.ids)) == 3


def test_a_sender_killed_in_the_middle_repeats_at_most_the_mail_under_way(mail_server, clock, monkeypatch):
    post(5)
    record, recorded = delivery._record, []

    def killed_after_two(*args):
        if len(recorded) == 2:
            raise SystemExit
        recorded.append(args)
        record(*args)

    monkeypatch.setattr(delivery, "_record", killed_after_two)
    with pytest.raises(SystemExit):
        deliver_due()
    monkeypatch.setattr(delivery, "_record", record)
    clock(minutes=11)

    assert deliver_due() == Delivered(delivered=3)
    assert len(mail_server.taken) == 6
    assert len(set(mail_server.ids)) == 5


def test_many_senders_at_once_send_nothing_twice(mail_server):
    post(60)
    mail_server.pause = 0.002
    done = []

    senders = [threading.Thread(target=lambda: done.append(deliver_outbox.fn())) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()

    assert sum(part.delivered for part in done) == 60
    assert len(mail_server.taken) == 60
    assert len(set(mail_server.ids)) == 60


def test_a_sender_whose_lease_was_taken_over_does_not_overwrite_the_outcome(mail_server, clock):
    (row_id,) = post()
    (stale,) = delivery._claim(1)
    clock(minutes=11)
    deliver_due()

    delivery._record(stale, delivery._Verdict(delivery.Outcome.FAILED, "550 too late"))

    assert mail(row_id).failed_at is None
    assert mail(row_id).delivered_at is not None


def test_a_mail_that_comes_back_before_it_is_written_down_that_it_left_has_come_back(mail_server):
    case_id, person_id = case()
    post(12, onboarding_id=case_id, person_id=person_id)
    taken = delivery._claim(12)

    def comes_back(one, kind="hard"):
        return lambda: note_bounce({"message_id": one.row.message_id, "kind": kind, "diagnostic": f"said {kind}"})

    def left(one):
        return lambda: delivery._record(one, delivery._Verdict(delivery.Outcome.DELIVERED))

    comes_back(taken[0])()
    left(taken[0])()
    comes_back(taken[1], "soft")()
    left(taken[1])()
    for one in taken[2:]:
        assert at_once(comes_back(one), left(one)) == [[case_id], None]

    for one in [taken[0], *taken[2:]]:
        row = mail(one.row.id)
        assert (row.delivered_at is None, row.failed_at is None, row.fault) == (False, False, "said hard")
    assert (mail(taken[1].row.id).failed_at, mail(taken[1].row.id).fault) == (None, "said soft")


@pytest.mark.parametrize("stage", ["at_recipient", "at_data"])
def test_a_refusal_for_the_time_being_is_tried_again(mail_server, stage):
    (row_id,) = post()
    setattr(mail_server, stage, ["451 4.7.1 greylisted, come back later"])

    assert deliver_due() == Delivered(postponed=1)
    assert "greylisted" in mail(row_id).fault
    assert mail(row_id).due_at > now() + timedelta(seconds=30)
    assert deliver_due() == Delivered()

    make_due()
    assert deliver_due() == Delivered(delivered=1)
    assert mail(row_id).fault is None
    assert mail(row_id).failed_at is None


def test_the_pauses_grow_up_to_four_hours():
    pauses = [delivery._pause(attempts) for attempts in range(1, 12)]

    assert timedelta(seconds=45) <= pauses[0] <= timedelta(minutes=1)
    assert all(later > earlier for earlier, later in zip(pauses[:8], pauses[2:8], strict=False))
    assert max(pauses) <= timedelta(hours=4)


def test_a_mail_is_given_up_after_ten_tries(mail_server):
    (row_id,) = post()
    mail_server.at_data = ["451 not now"] * 20

    for _ in range(10):
        make_due()
        deliver_due()

    assert mail(row_id).failed_at is not None
    assert mail(row_id).due_at is None
    assert len(mail_server.at_data) == 10


def test_a_mail_is_given_up_after_three_days(mail_server, clock):
    (row_id,) = post()
    mail_server.at_data = ["451 not now"] * 20
    deliver_due()

    clock(days=4)
    deliver_due()

    assert mail(row_id).failed_at is not None


def test_a_bad_address_is_put_before_an_operator_and_the_others_are_sent(mail_server):
    case_id, person_id = case()
    bad, good = post(2, onboarding_id=case_id, person_id=person_id)
    with transaction() as session:
        session.get_one(Outgoing, good).to_address = "other@freitag.example"
    mail_server.at_recipient = ["550 5.1.1 no such user"]

    assert deliver_due() == Delivered(delivered=1, failed=1)

    assert mail(bad).failed_at is not None
    assert "no such user" in mail(bad).fault
    assert mail(good).delivered_at is not None
    with transaction() as session:
        assert session.get_one(Person, person_id).bounced_at is not None
        (question,) = Decision.pending(session, case_id)
        assert question.kind is DecisionKind.BAD_ADDRESS
        assert question.facts["address"] == "erika@freitag.example"
        assert question.facts["person_id"] == person_id
        assert "no such user" in question.facts["fault"]


def trouble():
    with transaction() as session:
        return mail_trouble(session)


OURS = {
    "relay": ("at_recipient", "554 5.7.1 <erika@freitag.example>: Relay access denied"),
    "blocklist": ("at_recipient", "554 5.7.1 Service unavailable; Client host [192.0.2.5] blocked"),
    "login": ("at_recipient", "530 5.7.0 Authentication required"),
    "unproven": ("at_recipient", "550 5.7.26 unauthenticated sender"),
    "daily limit": ("at_recipient", "550 5.4.5 Daily user sending limit exceeded"),
    "sender": ("at_recipient", "550 5.1.8 <service@convent-it.example>: Sender address rejected: Domain not found"),
    "sender at the end": ("at_data", "550 5.1.8 Access denied, bad outbound sender"),
    "relay for now": ("at_recipient", "454 4.7.1 <erika@freitag.example>: Relay access denied"),
}


@pytest.mark.parametrize(("stage", "answer"), OURS.values(), ids=OURS)
def test_a_fault_of_ours_is_told_once_whomever_the_mails_are_for_until_mail_flows_again(mail_server, stage, answer):
    case_id, person_id = case()
    rows = post(5, onboarding_id=case_id, person_id=person_id)
    setattr(mail_server, stage, [answer] * 3)

    assert deliver_due() == Delivered(postponed=5)
    begun = trouble()

    assert answer.partition(" ")[2] in begun.fault
    assert begun.waiting == 5
    with transaction() as session:
        assert Decision.pending(session, case_id) == []
        assert session.get_one(Person, person_id).bounced_at is None
    assert all(mail(row).failed_at is None for row in rows)

    make_due()
    assert deliver_due() == Delivered(delivered=5)
    assert trouble() is None


def test_a_server_that_refuses_us_is_tried_with_a_few_mails_and_not_with_all(mail_server):
    rows = post(20)
    mail_server.at_recipient = ["554 5.7.1 Relay access denied"] * 20

    assert deliver_outbox.fn() == Delivered(postponed=20)

    assert len(mail_server.at_recipient) == 17
    assert sorted(mail(row).attempts for row in rows) == [0] * 17 + [1] * 3


def test_the_trouble_began_with_the_first_refusal_however_often_it_is_tried(mail_server, clock):
    post()
    mail_server.at_recipient = ["554 5.7.1 Relay access denied", "530 5.7.0 Authentication required"]
    deliver_due()
    begun = trouble().since

    clock(hours=5)
    deliver_due()

    assert trouble().since == begun
    assert "Authentication" in trouble().fault


def test_while_the_server_takes_nothing_no_mail_is_given_up(mail_server, clock):
    case_id, person_id = case()
    (row_id,) = post(onboarding_id=case_id, person_id=person_id)
    mail_server.at_recipient = ["554 5.7.1 Relay access denied"] * 50

    for _ in range(30):
        clock(hours=5)
        deliver_due()

    assert mail(row_id).failed_at is None
    assert len(mail_server.at_recipient) == 20


def test_a_mail_that_alone_is_refused_for_three_days_is_put_before_an_operator(mail_server, clock):
    case_id, person_id = case()
    (row_id,) = post(onboarding_id=case_id, person_id=person_id)
    mail_server.at_recipient = ["550 5.7.1 Message rejected due to local policy"] * 50
    deliver_due()

    clock(days=4)
    post(key="other")
    mail_server.at_recipient = ["550 5.7.1 Message rejected due to local policy", ""]
    deliver_due()
    clock(hours=1)
    mail_server.at_recipient = ["550 5.7.1 Message rejected due to local policy"]
    deliver_due()

    assert mail(row_id).failed_at is not None
    with transaction() as session:
        assert [one.kind for one in Decision.pending(session, case_id)] == [DecisionKind.MAIL_FAILED]


def test_a_full_mailbox_waits_and_blames_neither_the_address_nor_the_server(mail_server):
    case_id, person_id = case()
    post(onboarding_id=case_id, person_id=person_id)
    mail_server.at_recipient = ["552 5.2.2 Mailbox full"]

    assert deliver_due() == Delivered(postponed=1)

    with transaction() as session:
        assert Decision.pending(session, case_id) == []
        assert session.get_one(Person, person_id).bounced_at is None
    assert trouble() is None


def test_a_server_that_cannot_be_reached_is_told_of_as_well(mail_server, monkeypatch):
    post()
    port = settings().smtp_port
    monkeypatch.setenv("PROVISION_SMTP_PORT", "1")
    settings.cache_clear()
    deliver_due()
    assert "Refused" in trouble().fault

    monkeypatch.setenv("PROVISION_SMTP_PORT", str(port))
    settings.cache_clear()

    assert trouble() is None  # Another server: nothing is known of it.


@pytest.mark.parametrize("answer", ["550 5.1.1 User unknown", "554 5.6.0 we do not like this"])
def test_a_case_is_locked_before_the_mail_of_which_an_operator_is_asked(product, statements, answer):
    if product != "postgresql":
        pytest.skip("SQLite lets one writer in at a time")
    case_id, person_id = case()
    post(onboarding_id=case_id, person_id=person_id)
    (under_way,) = delivery._claim(1)

    with statements() as asked:
        delivery._record(under_way, delivery._refused(550, answer.partition(" ")[2]))

    tables = [re.search(r"FROM (\w+)", one)[1] for one in asked if re.search(r"FOR (NO KEY )?UPDATE", one)]
    assert tables[:2] == ["onboardings", "outbox"]


def test_a_delivery_under_way_leaves_a_corrected_address_alone(mail_server, clock):
    case_id, person_id = case()
    (row_id,) = post(onboarding_id=case_id, person_id=person_id)
    for outcome in (delivery.Outcome.DELIVERED, delivery.Outcome.FAILED, delivery.Outcome.DROPPED):
        (under_way,) = delivery._claim(1)
        correct_address(case_id, person_id, f"erika.{outcome}@freitag.example", "operator@convent-it.example")

        delivery._record(under_way, delivery._Verdict(outcome, "550 5.1.1 unknown", Blame.ADDRESS))

        assert (mail(row_id).to_address, mail(row_id).fault) == (f"erika.{outcome}@freitag.example", None)
        assert mail(row_id).due_at is not None
        clock(minutes=1)

    assert deliver_due() == Delivered(delivered=1)
    assert mail_server.taken[0]["To"].addresses[0].addr_spec == "erika.dropped@freitag.example"
    assert under_way.row.message_id != mail_server.taken[0]["Message-ID"]


def test_a_mail_addressed_anew_gets_a_new_age(mail_server, clock):
    case_id, person_id = case()
    (row_id,) = post(onboarding_id=case_id, person_id=person_id)
    mail_server.at_data = ["451 not now"] * 4
    deliver_due()
    clock(days=4)
    correct_address(case_id, person_id, "erika.muster@freitag.example", "operator@convent-it.example")

    for _ in range(3):
        make_due()
        assert deliver_due() == Delivered(postponed=1)

    make_due()
    assert deliver_due() == Delivered(delivered=1)
    assert mail(row_id).failed_at is None


def test_what_cannot_wait_leaves_between_two_others_while_many_are_on_their_way(mail_server, monkeypatch):
    monkeypatch.setenv("PROVISION_MAILS_AT_ONCE", "40")
    settings.cache_clear()
    post(100, urgency=Urgency.BULK)
    mail_server.meanwhile = lambda: post(key="code", urgency=Urgency.AT_ONCE) if len(mail_server.taken) == 5 else None

    assert deliver_outbox.fn() == Delivered(delivered=101)

    assert mail_server.order.index("<code.0@convent-it.example>") == 6
    assert mail_server.connections <= 4


def test_single_mails_leave_before_bulk_mail_and_codes_before_both(mail_server):
    post(30, urgency=Urgency.BULK)
    post(key="single")
    post(key="code", urgency=Urgency.AT_ONCE)

    deliver_due(limit=10)

    assert [one.partition(".")[0].strip("<") for one in mail_server.order] == ["code", "single"] + ["test"] * 8


def test_bulk_mail_leaves_also_while_other_mail_keeps_coming(mail_server, clock):
    post(8, urgency=Urgency.BULK)
    for number in range(4):
        clock(minutes=1)
        for one in range(20):
            post(key=f"single:{number}:{one}")
        deliver_due(limit=10)

    assert len([one for one in mail_server.order if one.startswith("<test.")]) == 8


def test_many_mails_that_are_written_together_are_bulk_mail():
    def write(many, kind=MailKind.CLIENT_ACTIVE):
        with transaction() as session:
            mails = [Outgoing.draft(kind, f"{kind}:{many}:{n}", None, now()) for n in range(many)]
            Outgoing.post_all(session, mails)
            return {one.urgency for one in mails}

    assert (write(1), write(10), write(11)) == ({Urgency.SOON}, {Urgency.SOON}, {Urgency.BULK})
    assert write(1, MailKind.SIGN_CODE) == {Urgency.AT_ONCE}


def test_only_what_cannot_wait_leaves_in_the_run_that_is_for_it(mail_server):
    post(3)
    post(key="code", urgency=Urgency.AT_ONCE)

    assert deliver_outbox.fn(Urgency.AT_ONCE) == Delivered(delivered=1)


def test_a_run_is_asked_for_that_nothing_else_holds_up(monkeypatch):
    asked = []
    monkeypatch.setattr("tasks.engine.passes.start_run", lambda deployment, _, key: asked.append((deployment, key)))

    kick_mail()
    (single,) = post(key="single")
    (code,) = post(key="code", urgency=Urgency.AT_ONCE)
    kick_mail()

    assert sorted(asked) == [
        ("deliver-urgent/deliver-urgent", f"deliver-urgent-{code}"),
        ("deliver/deliver", f"deliver-{single}"),
    ]


def test_several_mails_to_one_bad_address_make_one_question(mail_server):
    case_id, person_id = case()
    post(3, onboarding_id=case_id, person_id=person_id)
    mail_server.at_recipient = ["550 5.1.1 no such user"] * 3

    assert deliver_due() == Delivered(failed=3)

    with transaction() as session:
        assert len(Decision.pending(session, case_id)) == 1


def test_nothing_is_sent_to_an_address_that_is_known_to_be_bad(mail_server):
    case_id, person_id = case()
    (row_id,) = post(onboarding_id=case_id, person_id=person_id)
    with transaction() as session:
        session.get_one(Person, person_id).bounced_at = now()

    assert deliver_due() == Delivered(failed=1)
    assert mail_server.taken == []
    assert mail(row_id).failed_at is not None


def test_a_refusal_of_the_content_fails_the_mail_but_does_not_blame_the_address(mail_server):
    case_id, person_id = case()
    (row_id,) = post(onboarding_id=case_id, person_id=person_id)
    mail_server.at_data = ["554 5.6.0 we do not like this"]

    assert deliver_due() == Delivered(failed=1)
    assert mail(row_id).failed_at is not None
    with transaction() as session:
        assert session.get_one(Person, person_id).bounced_at is None
        (question,) = Decision.pending(session, case_id)
    assert question.kind is DecisionKind.MAIL_FAILED
    assert "we do not like this" in question.facts["fault"]


def test_a_mail_given_up_is_sent_once_more_when_an_operator_says_so(mail_server):
    case_id, person_id = case()
    (row_id,) = post(onboarding_id=case_id, person_id=person_id)
    mail_server.at_data = ["554 5.6.0 we do not like this", "554 5.6.0 still not"]
    deliver_due()

    for said in ("resend", "resend"):
        with transaction() as session:
            (question,) = Decision.pending(session, case_id)
        answer_decision(question.id, said, "operator@convent-it.example")
        deliver_due()

    assert mail(row_id).delivered_at is not None
    assert len(mail_server.taken) == 1


def test_a_mail_given_up_may_be_left_at_that(mail_server):
    case_id, person_id = case()
    (row_id,) = post(onboarding_id=case_id, person_id=person_id)
    mail_server.at_data = ["554 5.6.0 we do not like this"]
    deliver_due()
    with transaction() as session:
        (question,) = Decision.pending(session, case_id)

    answer_decision(question.id, "leave", "operator@convent-it.example")

    assert deliver_due() == Delivered()
    assert mail(row_id).failed_at is not None


def test_a_connection_lost_in_the_middle_is_opened_anew(mail_server):
    rows = post(4)
    mail_server.at_data = ["", "drop"]

    assert deliver_due() == Delivered(delivered=3, postponed=1)
    assert mail_server.connections == 2
    assert mail(rows[1]).attempts == 1

    make_due()
    assert deliver_due() == Delivered(delivered=1)
    assert len(set(mail_server.ids)) == 4


def test_a_server_that_always_hangs_up_is_left_alone_after_three_times(mail_server):
    post(10)
    mail_server.at_data = ["drop"] * 10

    assert deliver_due() == Delivered(postponed=10)
    assert mail_server.connections == 3


def test_a_server_that_is_down_costs_no_mail_a_try(mail_server, monkeypatch, caplog):
    rows = post(3)
    port = settings().smtp_port
    monkeypatch.setenv("PROVISION_SMTP_PORT", "1")
    settings.cache_clear()

    for _ in range(15):
        make_due()
        assert deliver_due() == Delivered(postponed=3)
    assert [mail(row).attempts for row in rows] == [0, 0, 0]
    assert "takes no mail" in caplog.text

    monkeypatch.setenv("PROVISION_SMTP_PORT", str(port))
    settings.cache_clear()
    make_due()
    assert deliver_due() == Delivered(delivered=3)


def test_a_server_that_is_down_is_asked_once_in_a_pass(mail_server, monkeypatch):
    rows = post(7)
    asked = []
    monkeypatch.setenv("PROVISION_MAILS_AT_ONCE", "2")
    monkeypatch.setattr(smtplib, "SMTP", lambda *_, **__: asked.append(1) or (_ for _ in ()).throw(OSError("down")))
    settings.cache_clear()

    assert deliver_outbox.fn() == Delivered(postponed=2)

    assert len(asked) == 1
    assert [mail(row).attempts for row in rows] == [0] * 7


def test_a_server_that_does_not_answer_in_time_is_tried_again(mail_server, monkeypatch):
    monkeypatch.setenv("PROVISION_SMTP_TIMEOUT", "0.3")
    settings.cache_clear()
    (row_id,) = post()
    mail_server.pause = 3.0
    mail_server.at_data = ["451 too late anyway"]

    assert deliver_due() == Delivered(postponed=1)
    assert mail(row_id).fault

    mail_server.pause = 0
    monkeypatch.setenv("PROVISION_SMTP_TIMEOUT", "20")
    settings.cache_clear()
    make_due()
    assert deliver_due() == Delivered(delivered=1)


def test_a_mail_that_cannot_be_written_does_not_stop_the_others(mail_server):
    (broken,) = post(facts={"nothing": "of use"})
    post(key="sound")

    assert deliver_due() == Delivered(delivered=1, failed=1)
    assert mail(broken).fault.startswith("cannot be written")


def test_a_mail_that_cannot_be_written_is_put_before_an_operator_at_once():
    case_id, person_id = case()
    post(onboarding_id=case_id, person_id=person_id, facts={"nothing": "of use"})

    deliver_due()

    with transaction() as session:
        (question,) = Decision.pending(session, case_id)
    assert question.kind is DecisionKind.MAIL_FAILED
    assert question.facts["fault"].startswith("cannot be written")


def test_a_mail_whose_link_has_done_its_work_is_dropped(mail_server):
    case_id, person_id = case()
    with transaction() as session:
        link = Link.to(session, Purpose.REGISTER, now(), person=person_id)
        link.used_at = now()
    facts = {"firm": "Kanzlei", "company_id": None, "logo": False, "role": "organiser", "count": 1}
    (row_id,) = post(kind=MailKind.REGISTER, link_id=link.id, person_id=person_id, onboarding_id=case_id, facts=facts)

    assert deliver_due() == Delivered(dropped=1)
    assert mail_server.taken == []
    assert mail(row_id).fault == "goal reached"
    assert mail(row_id).due_at is None


def test_a_mail_whose_link_has_expired_is_dropped(mail_server, clock):
    _, person_id = case()
    with transaction() as session:
        link = Link.to(session, Purpose.REGISTER, now(), person=person_id)
    facts = {"firm": "Kanzlei", "company_id": None, "logo": False, "role": "organiser", "count": 0}
    post(kind=MailKind.REGISTER, link_id=link.id, person_id=person_id, facts=facts)

    clock(days=30)

    assert deliver_due() == Delivered(dropped=1)
    assert mail_server.taken == []


def test_the_mail_carries_its_link_and_its_document(mail_server):
    _, person_id = case()
    with transaction() as session:
        link = Link.to(session, Purpose.AGREEMENT, now(), person=person_id)
        document = Document.keep(session, b"%PDF-1.7 agreement", "Vertrag Müller & Söhne.pdf", "application/pdf")
    facts = {"firm": "Kanzlei", "company_id": None, "logo": False, "count": 0}
    post(kind=MailKind.AGREEMENT, link_id=link.id, document_id=document.id, person_id=person_id, facts=facts)

    deliver_due()

    (message,) = mail_server.taken
    assert link.url in message.get_body(("plain",)).get_content()
    (attachment,) = message.iter_attachments()
    assert attachment.get_filename() == "Vertrag Müller & Söhne.pdf"
    assert attachment.get_content() == b"%PDF-1.7 agreement"


def test_claiming_takes_the_same_number_of_queries_for_one_mail_and_for_many():
    from sqlalchemy import event

    from models.db import engine

    statements = []

    def count(*args):
        statements.append(args[2])

    event.listen(engine(settings().database), "before_cursor_execute", count)
    post(1)
    statements.clear()
    delivery._claim(50)
    for_one = len([text for text in statements if text.startswith("SELECT")])
    for number in range(40):
        post(key=f"more:{number}")
    statements.clear()
    delivery._claim(50)

    assert len([text for text in statements if text.startswith("SELECT")]) == for_one


def test_no_address_reaches_the_log(mail_server, caplog):
    caplog.set_level("DEBUG", logger="tasks")
    post(2)
    mail_server.at_recipient = ["550 5.1.1 <erika@freitag.example> unknown"]

    deliver_due()

    assert caplog.records
    assert "freitag" not in caplog.text


JOERG = "jörg@straße-freitag.example"


@pytest.fixture
def wide_server(monkeypatch):
    """Offers SMTPUTF8, as Postfix and Exim can."""
    with serving(MailServer(), monkeypatch, enable_SMTPUTF8=True) as server:
        yield server


@pytest.fixture
def plain_server(monkeypatch):
    with serving(MailServer(), monkeypatch, enable_SMTPUTF8=False) as server:
        yield server


def test_letters_beyond_ascii_before_the_at_go_to_a_server_that_offers_it_headers_included(wide_server):
    case_id, person_id = case()
    facts = {
        "firm": "Bäckerei Öhlschläger",
        "company_id": None,
        "logo": False,
        "clients": [{"name": "Zoë " * 30}],
        "more": 0,
    }
    post(to_address=JOERG, to_name="Jörg Grünwald", onboarding_id=case_id, person_id=person_id, facts=facts)

    assert deliver_due() == Delivered(delivered=1)

    (message,) = wide_server.taken
    assert str(message["To"]) == "Jörg Grünwald <jörg@xn--strae-freitag-edb.example>"
    assert wide_server.recipients == ["jörg@xn--strae-freitag-edb.example"]
    assert ("Zoë " * 30).strip()[:100] in message["Subject"]
    assert offers_smtputf8()


def test_letters_beyond_ascii_are_put_before_an_operator_at_once_where_the_server_cannot(plain_server):
    case_id, person_id = case()
    (row_id,) = post(to_address=JOERG, onboarding_id=case_id, person_id=person_id)
    with transaction() as session:
        session.get_one(Person, person_id).email = JOERG

    assert deliver_due() == Delivered(failed=1)

    with transaction() as session:
        (question,) = Decision.pending(session, case_id)
    assert (question.kind, question.facts["address"]) == (DecisionKind.BAD_ADDRESS, JOERG)
    assert "SMTPUTF8" in mail(row_id).fault
    assert not offers_smtputf8()


def test_where_answers_go_puts_no_mail_at_risk(plain_server):
    facts = {"firm": "Kanzlei", "company_id": None, "logo": False, "message": "", "invited_by": JOERG, "count": 0}
    post(kind=MailKind.INVITATION, facts=facts)

    assert deliver_due() == Delivered(delivered=1)
    assert plain_server.taken[0]["Reply-To"] is None


def test_what_a_server_can_is_known_before_the_first_mail(wide_server):
    assert not offers_smtputf8()

    deliver_outbox.fn()
    deliver_outbox.fn()

    assert offers_smtputf8()
    assert wide_server.connections == 1


@pytest.mark.parametrize("address", ["service@bücher-it.example", "service@xn--bcher-it-65a.example"])
def test_our_own_address_may_have_an_umlaut_domain(mail_server, monkeypatch, address):
    monkeypatch.setenv("PROVISION_PROVIDER_EMAIL", address)
    settings.cache_clear()
    with transaction() as session:
        facts = {"firm": "F", "company_id": None, "logo": False, "clients": [{"name": "M"}], "more": 0}
        Outgoing.post(session, Outgoing.draft(MailKind.CLIENT_ACTIVE, "a", None, now(), **facts))

    assert deliver_due() == Delivered(delivered=1)

    (message,) = mail_server.taken
    assert mail_server.senders == ["service@xn--bcher-it-65a.example"]
    assert message["Message-ID"].endswith("@xn--bcher-it-65a.example>")
    assert message["From"].addresses[0].addr_spec == "service@xn--bcher-it-65a.example"


def test_our_own_address_has_plain_letters_before_the_at():
    with pytest.raises(ValueError, match="letters before the @"):
        Settings(provider_email="jörg@convent-it.example")


def authority(monkeypatch, tmp_path) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 from an authority that this process trusts."""
    trusted = trustme.CA()
    pem = tmp_path / "ca.pem"
    trusted.cert_pem.write_to_path(str(pem))
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trusted.issue_cert("127.0.0.1").configure_cert(context)
    return context


def check_login(_server, _session, _envelope, _mechanism, login: LoginPassword) -> AuthResult:
    return AuthResult(success=login == LoginPassword(b"provision", b"geheim"), handled=False)


def with_login(monkeypatch, password: str, security: str = "starttls") -> None:
    monkeypatch.setenv("PROVISION_SMTP_SECURITY", security)
    monkeypatch.setenv("PROVISION_SMTP_USER", "provision")
    monkeypatch.setenv("PROVISION_SMTP_PASSWORD", password)
    settings.cache_clear()


def test_mail_goes_encrypted_and_with_login_where_the_settings_say_so(monkeypatch, tmp_path):
    context = authority(monkeypatch, tmp_path)
    options = {"tls_context": context, "require_starttls": True, "auth_required": True, "authenticator": check_login}
    with serving(MailServer(), monkeypatch, **options) as server:
        with_login(monkeypatch, "geheim")
        post()

        assert deliver_due() == Delivered(delivered=1)
        assert server.encrypted
        assert server.logged_in


def test_mail_goes_over_tls_from_the_first_byte_where_the_settings_say_so(monkeypatch, tmp_path):
    context = authority(monkeypatch, tmp_path)
    with serving(MailServer(), monkeypatch, ssl_context=context) as server:
        monkeypatch.setenv("PROVISION_SMTP_SECURITY", "tls")
        settings.cache_clear()
        post()

        assert deliver_due() == Delivered(delivered=1)
        assert len(server.taken) == 1


def test_nothing_is_sent_to_a_server_whose_certificate_is_not_trusted(monkeypatch, tmp_path):
    context = authority(monkeypatch, tmp_path)
    monkeypatch.delenv("SSL_CERT_FILE")
    with serving(MailServer(), monkeypatch, tls_context=context) as server:
        monkeypatch.setenv("PROVISION_SMTP_SECURITY", "starttls")
        settings.cache_clear()
        (row_id,) = post()

        assert deliver_due() == Delivered(postponed=1)
        assert server.taken == []
        assert "certificate" in mail(row_id).fault.lower()


@pytest.mark.parametrize("password", ["falsch", "geheim ü"])
def test_a_wrong_password_of_ours_fails_no_mail(monkeypatch, tmp_path, password):
    context = authority(monkeypatch, tmp_path)
    options = {"tls_context": context, "require_starttls": True, "auth_required": True, "authenticator": check_login}
    with serving(MailServer(), monkeypatch, **options) as server:
        with_login(monkeypatch, password)
        (row_id,) = post()

        assert deliver_due() == Delivered(postponed=1)
        assert server.taken == []
        assert mail(row_id).attempts == 0
