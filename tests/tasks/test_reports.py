"""Reports as mail servers write them, about a mail of ours."""

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from models.audit import trail
from models.casefile import MailState, case_detail
from models.db import reading, transaction
from models.decision import Decision
from models.exchange import Outgoing
from models.link import LinkReplaced, LinkUnknown, Purpose, later_token
from models.person import Person, Role
from models.schedule import now
from tasks import accounts
from tasks.later import DayTooFar, asked, defer, not_me
from tasks.reminders import send_reminders
from tasks.reports import read_report, take_report
from tests.factories import advance, decide, opened, outbox, token

ERIKA = "erika@freitag.example"
DSN = """\
From: Mail Delivery System <MAILER-DAEMON@mx.example>
To: service@convent-it.example
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain; charset=utf-8

Die Nachricht konnte nicht zugestellt werden.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example
Arrival-Date: Mon, 2 Mar 2026 09:00:00 +0100

Final-Recipient: rfc822; {address}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 5.1.1 <{address}>:
    Recipient address rejected

--b1
Content-Type: {returned}

From: service@convent-it.example
Message-ID: {message_id}
Subject: Ihr Konto

--b1--
"""
ARF = """\
From: <abuse@provider.example>
To: service@convent-it.example
Subject: FW: Ihr Konto
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b1"

--b1
Content-Type: text/plain

This is an email abuse report.

--b1
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Example/1.0
Version: 1
Original-Rcpt-To: <erika@freitag.example>

--b1
Content-Type: message/rfc822

From: service@convent-it.example
Message-ID: {message_id}
Subject: Ihr Konto

Guten Tag

--b1--
"""


@pytest.fixture(autouse=True)
def monday_morning(clock):
    """Every test begins on a Monday at ten in Berlin, weeks before any holiday."""
    clock(datetime(2027, 2, 8, 9, 1, tzinfo=UTC))


@pytest.fixture
def case_id():
    made = opened()
    advance(made)
    return made


def mail():
    with reading() as session:
        return session.scalars(select(Outgoing).where(Outgoing.kind == "register")).one()


def dsn(action="failed", status="5.1.1", returned="text/rfc822-headers", message_id=""):
    facts = {"action": action, "status": status, "returned": returned, "message_id": message_id or mail().message_id}
    return DSN.format(address=ERIKA, **facts).replace("\n", "\r\n").encode()


def questions(case_id):
    with reading() as session:
        return [(one.kind.value, one.facts["reason"]) for one in Decision.pending(session, case_id)]


@pytest.mark.parametrize("returned", ["text/rfc822-headers", "message/rfc822"])
def test_a_mail_that_came_back_asks_for_the_right_address_once(case_id, returned):
    for _ in range(2):
        (said,) = take_report(dsn(returned=returned))

    assert (said["kind"], said["address"]) == ("hard", ERIKA)
    assert said["diagnostic"].startswith("550 5.1.1")
    assert questions(case_id) == [("bad_address", "bounced")]


@pytest.mark.parametrize(
    ("action", "status"),
    [("delayed", "4.4.1"), ("failed", "4.4.7"), ("failed", "5.2.2"), ("failed", "5.7.1")],
    ids=["late", "given up", "mailbox full", "refused by policy"],
)
def test_what_is_not_the_fault_of_the_address_is_told_and_stops_nothing(case_id, action, status):
    (said,) = take_report(dsn(action, status))

    assert said["kind"] == "soft"
    assert questions(case_id) == []
    assert "550" in mail().fault


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_a_report_of_success_is_none_of_a_bounce(case_id, action):
    assert take_report(dsn(action, "2.0.0")) == []


def test_a_forged_report_without_our_message_id_changes_nothing(case_id):
    take_report(dsn(message_id="<guess@convent-it.example>"))
    take_report(dsn().replace(mail().message_id.encode(), b""))

    assert questions(case_id) == []


def test_a_complaint_about_spam_holds_all_mail_until_an_operator_has_called(case_id):
    report = ARF.format(message_id=mail().message_id).encode()

    for _ in range(2):
        (said,) = take_report(report)

    assert said["kind"] == "complaint"
    assert questions(case_id) == [("bad_address", "complaint")]
    with reading() as session:
        assert case_detail(session, case_id).mails[0].state is MailState.COMPLAINED
        assert "mail.complained" in [entry.action for entry in trail(session, case_id)]
    decide(case_id, "correct", address=ERIKA)
    with reading() as session:
        assert session.scalars(select(Person).where(Person.role == Role.ORGANISER)).one().bounced_at is None


def test_an_ordinary_mail_reports_nothing():
    holiday = EmailMessage()
    holiday["Subject"], holiday["Auto-Submitted"] = "Abwesend", "auto-replied"
    holiday.set_content("Ich bin im Urlaub. Message-ID: <x@y.example>")

    assert list(read_report(holiday.as_bytes())) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(data=st.binary(max_size=400), cut=st.integers(0, 900))
def test_whatever_arrives_is_read_or_left(data, cut):
    whole = DSN.format(
        address=ERIKA, action="failed", status="5.1.1", returned="message/rfc822", message_id="<a@b.example>"
    ).encode()
    for raw in (data, whole[:cut] + data, whole.replace(b"rfc822", data[:20])):
        for said in read_report(raw):
            assert said["kind"] in {"hard", "soft"}


@pytest.mark.parametrize("message_id", ["", "[", "<[", "<a@", "<[a", "<.", "<a@[b", " "])
def test_a_returned_mail_with_a_crooked_message_id_is_read_or_left(message_id):
    raw = DSN.format(
        address=ERIKA, action="failed", status="5.1.1", returned="message/rfc822", message_id=message_id
    ).encode()

    assert [said["message_id"] for said in read_report(raw)] in ([], [message_id.strip()])


# ---- what the reminded say


def later(address=ERIKA):
    with reading() as session:
        return later_token(session.scalars(select(Person.id).where(Person.role == Role.ORGANISER)).one(), address)


def test_whoever_is_reminded_may_put_it_off_to_a_day_of_their_choice(case_id, clock):
    day = (now() + timedelta(days=20)).date()

    defer(later(), day)

    clock(days=15)
    assert send_reminders.fn().sent == 0
    clock(days=13)
    send_reminders.fn()
    assert len(outbox("register")) == 2
    assert asked(later()).person.email == ERIKA


@pytest.mark.parametrize("days", [-1, 0, 61, 400])
def test_a_day_that_has_come_or_is_far_away_is_refused(case_id, days):
    with pytest.raises(DayTooFar):
        defer(later(), (now() + timedelta(days=days)).date())


def test_who_is_not_meant_gets_nothing_more_and_the_right_person_gets_a_new_link(case_id, clock):
    old, old_later = token(ERIKA, Purpose.REGISTER), later()
    with transaction() as session:
        session.execute(update(Outgoing).values(due_at=None, delivered_at=now()))
    assert not_me(old_later) == case_id
    not_me(old_later)
    assert questions(case_id) == [("bad_address", "not_me")]
    clock(days=21)
    send_reminders.fn()
    assert len(outbox("register")) == 1

    decide(case_id, "correct", address="richtig@freitag.example")
    send_reminders.fn()
    assert len(outbox("register")) == 2

    with pytest.raises(LinkReplaced):
        accounts.opened(old, Purpose.REGISTER)
    with pytest.raises(LinkUnknown):
        asked(old_later)


@pytest.mark.parametrize("token", ["", "1", "1-x", "x-y", "99999999999999-a", "-1-a", "1-" + "ü" * 43])
def test_a_made_up_link_is_unknown(case_id, token):
    with pytest.raises(LinkUnknown):
        asked(token)
