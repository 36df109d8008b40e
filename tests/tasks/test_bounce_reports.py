"""Reports as mail servers write them, about a mail of ours."""

import base64
import quopri
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from models.audit import trail
from models.db import reading, transaction
from models.decision import Decision
from models.link import LinkReplaced, LinkUnknown, Purpose, later_token
from models.mail.outbox import Outgoing
from models.people.person import Person, Role
from models.queries.casefile import MailState, case_detail
from models.time.clock import now
from tasks.intake.bounce_reports import read_report, take_report
from tasks.onboarding import registration
from tasks.reminders.rounds import send_reminders
from tasks.reminders.snooze import DayTooFar, asked, defer, not_me
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


def encoded(raw, kind, how):
    """The part of this type, encoded as it must not be."""
    head, begin, rest = raw.partition(f"Content-Type: {kind}\r\n".encode())
    body, boundary, tail = rest.partition(b"\r\n--b1")
    make = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}[how]
    return head + begin + f"Content-Transfer-Encoding: {how}\r\n\r\n".encode() + make(body[2:]) + boundary + tail


def wrapped(raw, kind):
    """A report within another mail, as a scanner or a colleague sends it on."""
    if kind == "message/rfc822":
        part = (
            b"Content-Type: message/rfc822\r\n\r\nFrom: MAILER-DAEMON@mx.example\r\nMessage-ID: <dsn@mx.example>\r\n"
            + raw
        )
    else:
        part = raw[raw.index(b"Content-Type: multipart/report") :]
    head = b"From: scan@mx.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=outer\r\n"
    return (
        head
        + b"\r\n--outer\r\n"
        + part
        + b"\r\n--outer\r\nContent-Type: text/plain\r\n\r\nGeprueft."
        + b"\r\n--outer--\r\n"
    )


EXIM = """\
From: Mail Delivery System <Mailer-Daemon@mx.example>
To: service@convent-it.example
Subject: Mail delivery failed: returning message to sender

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address failed:

  erika@freitag.example
    host mx.freitag.example [192.0.2.9]
    SMTP error from remote mail server after RCPT TO:<erika@freitag.example>:
    {said}

------ This is a copy of the message, including all the headers. ------

From: service@convent-it.example
Message-ID: {message_id}
"""
QMAIL = """\
From: MAILER-DAEMON@mx.example
Subject: failure notice

Hi. This is the qmail-send program at mx.example.

<erika@freitag.example>:
192.0.2.9 does not like recipient.
Remote host said: {said}

--- Below this line is a copy of the message.

Message-ID: {message_id}
"""
ALONE = """\
From: Mail Delivery Subsystem <mailer-daemon@mx.example>
Subject: Delivery Status Notification (Failure)

Delivery to the following recipient failed permanently:

     erika@freitag.example

Technical details of permanent failure:
{said}

----- Original message -----

Message-ID: {message_id}
"""
PAGE = """\
From: postmaster@mx.example
Subject: Undeliverable
In-Reply-To: {message_id}
Content-Type: text/html

<html><body><p>Could not be delivered to:</p><p>erika@freitag.example</p><p>{said}</p></body></html>
"""
UNKNOWN = "550 5.1.1 User unknown"
LETTERS = {
    "returned mail in base64": lambda m: encoded(
        dsn(returned="message/rfc822", message_id=m), "message/rfc822", "base64"
    ),
    "status in base64": lambda m: encoded(dsn(message_id=m), "message/delivery-status", "base64"),
    "status quoted printable": lambda m: encoded(dsn(message_id=m), "message/delivery-status", "quoted-printable"),
    "within a scanner's mail": lambda m: wrapped(dsn(message_id=m), "multipart/report"),
    "sent on by a colleague": lambda m: wrapped(dsn(message_id=m), "message/rfc822"),
    "status as plain text": lambda m: dsn(message_id=m).replace(b"message/delivery-status", b"text/plain"),
    "status as a file": lambda m: dsn(message_id=m).replace(b"message/delivery-status", b"application/octet-stream"),
    "not said to be a report": lambda m: dsn(message_id=m).replace(b"multipart/report", b"multipart/mixed"),
    "message id among the fields only": lambda m: dsn(message_id="").replace(
        b"Reporting-MTA", f"X-Original-Message-ID: {m}\r\nReporting-MTA".encode()
    ),
    "an answer to our mail": lambda m: dsn(message_id="").replace(
        b"To: service", f"In-Reply-To: {m}\r\nTo: service".encode()
    ),
    "with letters beyond ASCII": lambda m: (
        dsn(message_id=m)
        .replace(b"message/delivery-status", b"message/global-delivery-status")
        .replace(b"text/rfc822-headers", b"message/global-headers")
        .replace(b"rfc822; erika", "utf-8; jörg".encode())
    ),
    "a letter of Exim": lambda m: EXIM.format(message_id=m, said=UNKNOWN).encode(),
    "a letter of qmail": lambda m: QMAIL.format(message_id=m, said=UNKNOWN).encode(),
    "an address with empty lines around": lambda m: ALONE.format(message_id=m, said=UNKNOWN).encode(),
    "a letter in HTML only": lambda m: PAGE.format(message_id=m, said=UNKNOWN).encode(),
    "an action with a remark": lambda m: dsn(action="failed (for good)", message_id=m),
}


@pytest.mark.parametrize("letter", LETTERS.values(), ids=LETTERS)
def test_a_report_is_read_in_whatever_way_it_comes(case_id, letter):
    for _ in range(2):
        (said,) = take_report(letter(mail().message_id))

    assert said["kind"] == "hard"
    assert questions(case_id) == [("bad_address", "bounced")]


@pytest.mark.parametrize(
    "raw",
    [
        lambda m: EXIM.format(message_id=m, said="552 5.2.2 Mailbox full").encode(),
        lambda m: (
            EXIM.format(message_id=m, said=UNKNOWN).replace("failed: returning", "delayed: not returning").encode()
        ),
        lambda m: QMAIL.format(message_id=m, said="554 5.7.1 Relay access denied").encode(),
    ],
    ids=["full", "late", "relay"],
)
def test_a_letter_about_what_is_not_the_fault_of_the_address_stops_nothing(case_id, raw):
    (said,) = take_report(raw(mail().message_id))

    assert said["kind"] == "soft"
    assert questions(case_id) == []


@pytest.mark.parametrize("many", ["-", "a@", "a@b.example:\n550 a-", "<erika@freitag.example>:\n550 5."])
def test_what_a_stranger_writes_without_end_is_read_up_to_a_bound(many):
    letter = f"From: MAILER-DAEMON@mx.example\nIn-Reply-To: <x@y.example>\n\n{many * (1_000_000 // len(many))}\n"

    assert len(list(read_report(letter.encode()))) < 10_000


@pytest.mark.parametrize(
    "crooked",
    ["<![foo]>", "<![endsupport]>", "<![if gte mso 9]>", "<!-- x > -->", "<!--->", "<b <i", f"&#{'1' * 5000}"],
)
def test_html_that_no_parser_takes_is_read_all_the_same(case_id, crooked):
    raw = PAGE.format(message_id=mail().message_id, said=UNKNOWN).replace(
        "be delivered to:</p>", f"go to:</p>{crooked}"
    )

    (said,) = read_report(raw.encode())

    assert (said["kind"], said["address"]) == ("hard", ERIKA)


def test_what_a_page_in_html_does_not_show_is_not_read():
    hidden = (
        f"<style>a</style>{ERIKA}<!-- {ERIKA} --><script>\n{ERIKA}\n{UNKNOWN}\n</script><SCRIPT>\n{ERIKA}\n{UNKNOWN}"
    )

    assert list(read_report(PAGE.format(message_id="<x@y.example>", said="").replace(ERIKA, hidden).encode())) == []


def test_of_the_letters_in_a_mail_only_the_first_three_are_read():
    letter = f"--B\nContent-Type: text/html\n\n<p>{ERIKA}</p><p>{UNKNOWN}</p>\n"
    head = "From: MAILER-DAEMON@mx.example\nIn-Reply-To: <x@y.example>\nMIME-Version: 1.0\n"
    many = f"{head}Content-Type: multipart/mixed; boundary=B\n\n{letter * 50}--B--\n"

    assert len(list(read_report(many.encode()))) == 3


@pytest.mark.parametrize("kind", ["auth-failure", "dmarc", "virus", "not-spam", "other", ""])
def test_what_a_machine_reports_is_no_complaint_of_a_reader(case_id, kind):
    report = ARF.format(message_id=mail().message_id).replace("Feedback-Type: abuse", f"Feedback-Type: {kind}")

    assert take_report(report.encode()) == []
    assert questions(case_id) == []


@pytest.mark.parametrize("kind", ["abuse", "Abuse", "opt-out", "fraud"])
def test_what_a_reader_reports_is_a_complaint(case_id, kind):
    report = ARF.format(message_id=mail().message_id).replace("Feedback-Type: abuse", f"Feedback-Type: {kind}")

    assert [said["kind"] for said in take_report(report.encode())] == ["complaint"]


@pytest.mark.parametrize(
    "text",
    [
        "Ich bin bis 31. Juli im Urlaub.\n\nerika@freitag.example\nist erst im August wieder da: user unknown",
        "Das Postfach existiert nicht mehr, sagt man mir.",
    ],
)
def test_an_answer_of_a_person_or_of_their_machine_reports_nothing(case_id, text):
    answer = EmailMessage()
    answer["From"], answer["Subject"] = "Erika Muster <erika@freitag.example>", "Automatische Antwort: Ihr Konto"
    answer["In-Reply-To"], answer["Auto-Submitted"] = mail().message_id, "auto-replied"
    answer.set_content(f"{text}\n\nMessage-ID: {mail().message_id}\n")

    assert take_report(answer.as_bytes()) == []


def test_a_note_that_the_mail_was_opened_reports_nothing(case_id):
    note = dsn().replace(b"message/delivery-status", b"message/disposition-notification")
    note = note.replace(b"Action: failed", b"Disposition: manual-action/MDN-sent-manually; displayed")

    assert take_report(note) == []


def test_an_ordinary_mail_reports_nothing():
    holiday = EmailMessage()
    holiday["Subject"], holiday["Auto-Submitted"] = "Abwesend", "auto-replied"
    holiday.set_content("Ich bin im Urlaub. Message-ID: <x@y.example>")

    assert list(read_report(holiday.as_bytes())) == []


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
        registration.opened(old, Purpose.REGISTER)
    with pytest.raises(LinkUnknown):
        asked(old_later)


@pytest.mark.parametrize("token", ["", "1", "1-x", "x-y", "99999999999999-a", "-1-a", "1-" + "ü" * 43])
def test_a_made_up_link_is_unknown(case_id, token):
    with pytest.raises(LinkUnknown):
        asked(token)
