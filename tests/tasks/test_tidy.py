"""What is past its time goes, to the moment, and nothing else."""

import os
import signal
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy import event as events
from sqlalchemy.orm import object_session

from models.agreement import Agreement
from models.audit import HOUSE, trail
from models.clients.bulk_invitation import BulkInvitation, BulkRecipient
from models.clients.client import Client
from models.clients.imports import Import, ImportContact, ImportKey, ImportRecord
from models.clients.sign_up import SignUp, SignUpVerdict
from models.code import Code
from models.contracts.takeout import Takeout
from models.db import engine, reading, singly, transaction
from models.decision import Decision, DecisionKind
from models.inbox import Incoming
from models.link import FormerToken, Link, Opening
from models.logo import Logo
from models.mail.outbox import MailKind, Outgoing
from models.many import insert_all
from models.onboarding import Onboarding
from models.people.api_token import ApiReply, ApiToken
from models.people.login import Login, SignIn
from models.people.notice import Notice, NoticeKind
from models.people.person import Person
from models.people.succession import Succession, SuccessionEnd
from models.queries import gauges
from models.reminders.reminder import Reminder
from models.retention.hold import Hold
from models.retention.request import Judge, PrivacyRequest, RequestKind, RequestState
from models.retention.rule import Scope
from models.retention.rules import RULES
from models.settings import settings
from models.time.clock import now, today
from tasks.audit.verification import verify
from tasks.retention import tidy
from tasks.retention.files import remove_files
from tests import api
from tests.conftest import BEGIN
from tests.contacts import account, contact
from tests.factories import advance, at_once, countersigned, everything, firm_of, signed, with_organiser
from tests.remembered import remembered

BY_ROW = {rule.name: rule for rule in RULES if rule.rows is not None and rule.empties in {None, Scope.ROW}}
FAR = timedelta(days=9999)


@pytest.fixture(autouse=True)
def awake(monkeypatch):
    """Nobody else writes here, for whom there would be a pause."""
    monkeypatch.setattr("tasks.retention.pace.sleep", lambda _: None)


def settled_mail(case: SimpleNamespace, at: datetime) -> Outgoing:
    mail = Outgoing.draft(MailKind.YOUR_TURN, "x", case.person, at, case_id=case.id)
    mail.due_at = None
    return mail


def event(case: SimpleNamespace, at: datetime) -> Incoming:
    facts = {"source": "webhook", "external_id": "x", "type": "mail.bounced", "payload": {}}
    return Incoming(**facts, received_at=at, handled_at=at, onboarding_id=case.id)


def wish(case: SimpleNamespace, at: datetime, **more) -> SignUp:
    return SignUp(firm_id=case.firm_id, email="nina@neu.example", family_name="Neu", asked_at=at, **more)


def answered_request(case: SimpleNamespace, at: datetime) -> PrivacyRequest:
    return PrivacyRequest(
        onboarding_id=case.id,
        person_id=case.person.id,
        kind=RequestKind.CORRECTION,
        judge=Judge.OPERATOR,
        asked_at=at,
        due_on=at.date(),
        state=RequestState.REFUSED,
        answered_at=at,
    )


def reply(case: SimpleNamespace, at: datetime) -> ApiReply:
    token_id = object_session(case.person).scalars(select(ApiToken.id)).one()
    answer = {"key": "k", "request_sha256": "x", "status": 200, "headers": {}, "body": "{}"}
    return ApiReply(token_id=token_id, kept_at=at, **answer)


def ended_wait(case: SimpleNamespace, at: datetime) -> Reminder:
    wait = object_session(case.person).scalars(select(Reminder).where(Reminder.person_id == case.person.id)).first()
    wait.over(at)
    return wait


def code(case: SimpleNamespace, at: datetime) -> Code:
    row = object_session(case.person).scalars(select(Code)).one()
    row.made_at = at
    return row


def later_code(case: SimpleNamespace, at: datetime) -> Code:
    other = Person(firm_id=case.firm_id, role="contact", email="c@x.example", family_name="C", added_at=at)
    session = object_session(case.person)
    session.add(other)
    session.flush()
    return Code(agreement_id=session.scalars(select(Agreement.id)).one(), person_id=other.id, made_at=at + FAR)


def replaced_logo(case: SimpleNamespace, at: datetime) -> Logo:
    made = {"firm_id": case.firm_id, "source": "supplied", "png": b"x", "width": 1, "height": 1, "report": {}}
    first = Logo(**made, chosen_at=at)
    session = object_session(case.person)
    for logo in (first, Logo(**made, chosen_at=at), Logo(**made, chosen_at=at)):  # These two can be gone back to.
        session.add(logo)
        session.flush()
    return first


def answered(case: SimpleNamespace, at: datetime, kind=DecisionKind.ADVICE, verdict="agreed") -> Decision:
    question = Decision.draft(case.id, kind, f"{kind}:old", at, question="Welcher Tarif?")
    question.verdict, question.answered_by, question.answered_at, question.answer = verdict, "x", at, {"note": "n"}
    return question


def never_signed(case: SimpleNamespace, at: datetime) -> Agreement:
    """A version before that which was signed."""
    newer = object_session(case.person).scalars(select(Agreement)).one()
    same = {name: getattr(newer, name) for name in ("onboarding_id", "language", "data", "document_id", "sent_at")}
    return Agreement(**same, version=0, expires_at=at, expired_at=at)


PAST = {
    "signatures refused": partial(answered, kind=DecisionKind.SIGNED_COPY, verdict="refuse"),
    "agreements never signed": never_signed,
    "questions answered": answered,
    "logos replaced": replaced_logo,
    "sessions": lambda case, at: SignIn(account_id=case.person.account_id, token_sha256="x", expires_at=at),
    "replies": reply,
    "mails": settled_mail,
    "events": event,
    "links": lambda case, at: FormerToken(token_sha256="x", link_id=case.link_id, good_until=at),
    "openings": lambda case, at: Opening(link_id=case.link_id, opened_at=at),
    "codes": code,
    "notices": lambda case, at: Notice(
        person_id=case.person.id, kind=NoticeKind.CALL, facts={}, path="/", created_at=at
    ),
    "sign-ups unconfirmed": wish,
    "sign-ups answered": partial(wish, verdict=SignUpVerdict.DECLINED, confirmed_at=BEGIN, answered_at=BEGIN),
    "privacy requests": answered_request,
    "reminders": ended_wait,
    "hand-overs": lambda case, at: Succession(
        onboarding_id=case.id,
        owner_id=case.person.id,
        successor_id=case.person.id,
        stays=True,
        by_provider=False,
        begun_by="erika@freitag.example",
        began_at=at,
        answer_by=at,
        outcome=SuccessionEnd.DECLINED,
        ended_at=at,
    ),
    "archives": lambda case, at: Takeout(
        firm_id=case.firm_id,
        person_id=case.person.id,
        language="de",
        asked_at=at,
        due_at=at,
        ready_at=at,
        expires_at=at,
    ),
    "accounts unused": lambda _, at: Login(email="nobody@x.example", created_at=at),
}
"""By rule, a row whose time counts from this moment."""
NEXT = {
    "codes": later_code,
    "sign-ups answered": partial(wish, confirmed_at=BEGIN),
    "privacy requests": lambda case, at: answered_request(case, at + FAR),
    "accounts unused": lambda _, at: Login(email="later@x.example", created_at=at, external_id="x"),
}
"""What follows it where the newest row stays."""


@remembered
def prepared(name: str) -> int:
    """A case of which nothing is past its time before long, but for one row whose time by this rule counts from now."""
    ways = dict.fromkeys(("replies", "signatures refused", "agreements never signed"), countersigned)
    case_id = (ways | {"codes": signed}).get(name, with_organiser)()
    firm_id, at = firm_of(case_id), now()
    if name == "replies":
        api.token(firm_id)
    with transaction() as session:
        session.execute(update(Outgoing).values(due_at=at + FAR))
        session.execute(update(Reminder).values(ended_at=None))
        session.execute(update(SignIn).values(expires_at=at + FAR))
        session.execute(update(FormerToken).values(good_until=at + FAR))
        person = session.scalars(select(Person).order_by(Person.id)).first()
        link_id = session.scalars(select(Link.id).where(Link.person_id == person.id).order_by(Link.id)).first()
        the_case = SimpleNamespace(id=case_id, firm_id=firm_id, person=person, link_id=link_id)
        for rows in (PAST, NEXT):
            if name in rows:
                session.add(rows[name](the_case, at))
                session.flush()
    return case_id


def numbers() -> dict[str, int]:
    """How many of what would go."""
    return {past.rule.name: past.number for past in tidy.past(now()) if past.number}


def removed() -> dict[str, int]:
    return tidy.remove_past.fn()


def mails() -> list[Outgoing]:
    with reading() as session:
        return [*session.scalars(select(Outgoing).order_by(Outgoing.id))]


@pytest.mark.parametrize("name", BY_ROW)
def test_a_row_goes_when_its_time_is_over_and_not_an_hour_before(name, clock):
    prepared(name)

    clock(days=BY_ROW[name].term.number, hours=-1)
    assert removed() == {}
    clock(hours=1)
    assert numbers() == {name: 1}
    assert removed() == {name: 1}
    assert removed() == {}


@pytest.mark.parametrize("name", [name for name in BY_ROW if BY_ROW[name].rows.whose])
def test_what_is_held_stays_until_the_hold_has_ended(name, clock):
    firm_id = firm_of(prepared(name))
    clock(days=BY_ROW[name].term.number + 1)
    with transaction() as session:
        hold = {"reason": "x", "set_at": now(), "set_by": "x", "until": today()}
        session.add(Hold(firm_id=firm_id, **hold))

    assert removed() == {}

    clock(days=1)
    assert removed() == {name: 1}


def test_what_went_is_told_and_the_trails_hold(clock):
    case_id = countersigned()
    advance(case_id)
    settled(due_at=None)
    clock(days=400)
    before = faults()

    went = removed()

    assert went["mails"] > 3
    with reading() as session:
        assert trail(session, HOUSE)[-1].facts == {"removed": went}
    assert faults() == before


def faults() -> set[str]:
    """Agreements of the tests are not sealed, which is told."""
    return {str(fault) for one in verify() for fault in one.faults}


def settled(**values) -> None:
    with transaction() as session:
        session.execute(update(Outgoing).values(**values))


def test_a_mail_that_would_be_written_again_leaves_its_key_and_nothing_that_tells_of_anybody(clock):
    case_id = countersigned()
    advance(case_id)
    before = {mail.key for mail in mails() if mail.kind is MailKind.AGREEMENT_DONE}
    settled(due_at=None)
    clock(days=366)
    removed()

    advance(case_id)

    left = mails()
    assert before
    assert before <= {mail.key for mail in left}
    assert {(mail.to_name, mail.to_address, mail.person_id, mail.link_id) for mail in left if mail.due_at is None} == {
        ("", "", None, None)
    }
    assert {mail.kind for mail in left}.isdisjoint({MailKind.WELCOME, MailKind.REGISTER, MailKind.SIGN_CODE})


def test_a_mail_stays_while_it_waits_or_while_somebody_has_to_decide_about_it(clock):
    case_id = with_organiser()
    with transaction() as session:
        first, *others = session.scalars(select(Outgoing).order_by(Outgoing.id)).all()
        first.due_at = now() + timedelta(days=500)
        for mail in others:
            mail.bounce("550", now())
        question = Decision(
            key="x", onboarding_id=case_id, kind=DecisionKind.MAIL_FAILED, facts={"mail_id": 2}, opened_at=now()
        )
        session.add(question)
    clock(days=366)

    assert "mails" not in removed()

    with transaction() as session:
        session.execute(update(Decision).values(answered_at=now(), verdict="drop", answered_by="x"))
    assert removed()["mails"] == len(others)


def test_a_refused_event_stays_until_an_operator_has_taken_note(clock):
    with transaction() as session:
        Incoming.store(session, "webhook", "x", "onboarding.requested", {}, now())
        session.execute(update(Incoming).values(handled_at=now(), refusal="no"))
    clock(days=91)
    assert removed() == {}

    with transaction() as session:
        assert Incoming.dismiss(session, 1, now())
    assert removed() == {"events": 1}


def test_an_account_that_anything_needs_stays(clock):
    with transaction() as session:
        for number, more in enumerate(
            ({"is_operator": True}, {"confirmed_at": now()}, {"external_id": "x"}, {}, {"deputy_id": 4}, {})
        ):
            session.add(Login(id=number + 1, email=f"{number}@x.example", created_at=now(), **more))
            session.flush()
    clock(days=365)

    removed()

    with reading() as session:
        # The fifth stands for the fourth, until it has gone itself; the sixth is the newest.
        assert [*session.scalars(select(Login.id).order_by(Login.id))] == [1, 2, 3, 4, 6]
    assert removed() == {"accounts unused": 1}


def many(number: int = 50) -> None:
    with transaction() as session:
        for count in range(number):
            Incoming.store(session, "webhook", str(count), "mail.bounced", {}, now())
        session.execute(update(Incoming).values(handled_at=now()))


def test_a_row_that_breaks_holds_up_no_other_and_shows(monkeypatch, clock):
    many()
    clock(days=91)
    go = type(BY_ROW["events"].rows).go

    def breaks(rows, session, keys, at):
        if 7 in keys:
            raise ValueError("not this one")
        go(rows, session, keys, at)

    monkeypatch.setattr(type(BY_ROW["events"].rows), "go", breaks)
    with pytest.raises(ExceptionGroup) as told:
        removed()

    assert [str(fault) for fault in told.value.exceptions] == ["not this one"]
    assert numbers() == {"events": 1}


def test_two_at_once_remove_everything_once(clock):
    many()
    clock(days=91)

    went = at_once(removed, removed)

    assert sum(each.get("events", 0) for each in went) == 50
    assert numbers() == {}


def test_the_gauge_tells_since_when_the_oldest_should_be_gone(clock):
    many(3)

    def late() -> dict[str, int]:
        with reading() as session:
            return {sort[0]: number for sort, number in gauges.overdue(session, now())}

    assert {*late().values()} == {0}
    clock(days=92)
    assert 172800 <= late()["events"] < 172900
    removed()
    assert {*late().values()} == {0}


def test_files_go_when_their_time_is_over(clock):
    folders = settings().data / "mails", settings().data / "logs"
    for folder in folders:
        folder.mkdir()
    mail, half, log, kept = (
        folders[0] / "a.eml",
        folders[0] / ".b.eml",
        folders[1] / "web.log",
        settings().data / "secret",
    )
    for file in (mail, half, log, kept):
        file.write_text("line")
        os.utime(file, (now().timestamp(),) * 2)

    assert remove_files.fn() == 0
    assert (log.read_text(), log.with_suffix(".log.1").read_text()) == ("", "line")
    os.utime(log.with_suffix(".log.1"), (now().timestamp(),) * 2)
    clock(days=1)
    assert remove_files.fn() == 1
    clock(days=28, hours=23)
    assert remove_files.fn() == 0
    clock(hours=1)
    assert remove_files.fn() == 2
    assert [file.exists() for file in (mail, half, log, kept)] == [False, False, True, True]


def imported(**columns) -> int:
    """An import of three records, with all that hangs on it."""
    case_id = countersigned()
    firm_id = firm_of(case_id)
    person_id = contact(firm_id, "Max", "Sommer", "max@nordlicht.example")
    client_id = account(firm_id, "Nordlicht GmbH", person_id)
    with transaction() as session:
        facts = {"by": "x", "file_name": "x.csv", "content": b"x", "created_at": now()}
        row = Import(firm_id=firm_id, **facts | columns)
        session.add(row)
        session.flush()
        for number in (1, 2, 3):
            session.add(ImportRecord(import_id=row.id, record=number, line=number, draft={}))
            session.add(ImportKey(import_id=row.id, record=number, key="max@nordlicht.example"))
        session.add(ImportContact(import_id=row.id, record=1, client_id=client_id, person_id=person_id))
    return firm_id


def left(*tables) -> list[int]:
    with reading() as session:
        return [session.scalar(select(func.count()).select_from(table)) for table in tables]


@pytest.mark.parametrize(
    ("name", "columns"),
    [("imports", {"state": "done", "finished_at": BEGIN}), ("imports left", {"state": "planned"})],
)
def test_an_import_goes_with_its_file_and_records_and_what_came_of_it_stays(name, columns, clock):
    firm_id = imported(**columns)
    clock(days=90, hours=-1)
    assert name not in removed()
    with transaction() as session:
        hold = {"reason": "x", "set_at": now(), "set_by": "x", "until": today() + timedelta(days=1)}
        session.add(Hold(firm_id=firm_id, **hold))
    clock(hours=2)
    assert name not in removed()
    clock(days=2)

    assert removed()[name] == 1

    assert left(Import, ImportRecord, ImportKey, ImportContact) == [0, 0, 0, 0]
    assert left(Client) == [1]


def test_an_import_at_work_stays(clock):
    imported(state="running", due_at=now())
    clock(days=100)

    assert "imports left" not in removed()


def test_invitations_of_many_go_after_what_became_of_each_and_mails_by_their_own_time(clock):
    firm_id = imported()
    with transaction() as session:
        person = session.scalars(select(Person).where(Person.firm_id == firm_id)).first()
        asked = {"asked_by": "x", "message": "", "audience": {}, "a_second": 1, "an_hour": 1, "state": "done"}
        bulk = BulkInvitation(firm_id=firm_id, person_id=person.id, asked_at=now(), ended_at=now(), **asked)
        mail = Outgoing.draft(MailKind.INVITATION, "x", person, now() + timedelta(days=9))
        session.add_all([bulk, mail])
        session.flush()
        mail.bulk_id, mail.due_at = bulk.id, None
        client_id = session.scalars(select(Client.id)).one()
        session.add(BulkRecipient(bulk_id=bulk.id, client_id=client_id, person_id=person.id, mail_id=mail.id))
    clock(days=365, hours=-1)
    assert "invitations of many" not in removed()
    clock(hours=1)

    assert removed()["invitations of many"] == 1

    assert left(BulkInvitation, BulkRecipient) == [0, 0]
    assert [mail.bulk_id for mail in mails() if mail.key == "x"] == [None]


FIRMS = 200 if os.environ.get("HYPOTHESIS_PROFILE") == "many" else 2
"""Firms that come each year."""


def lived(quarter: int, rows: int) -> None:
    """What firms leave behind in a quarter: so many mails, events and sessions."""
    at = now()
    keys = [f"{quarter}-{count}" for count in range(rows)]
    event = {
        "source": "mail",
        "type": "mail.bounced",
        "payload": {"why": "x" * 200},
        "received_at": at,
        "handled_at": at,
    }
    reader = {"to_name": "Max Sommer", "to_address": "max@nordlicht.example", "language": "de", "address_form": "sie"}
    mail = {"kind": MailKind.YOUR_TURN, "facts": {"text": "x" * 300}} | reader
    mail |= dict.fromkeys(("created_at", "addressed_at", "delivered_at"), at)
    with transaction() as session:
        insert_all(session, Incoming, [event | {"external_id": key} for key in keys])
        insert_all(
            session, Outgoing, [mail | {"key": key, "message_id": f"<{key}>", "delivered_at": at} for key in keys]
        )
        insert_all(session, SignIn, [{"account_id": 1, "token_sha256": key, "expires_at": at} for key in keys])


def size(product: str) -> int:
    with singly() as connection:
        if product == "postgresql":
            return connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()
        return connection.exec_driver_sql("PRAGMA page_count").scalar_one() * 4096


def emptied_out(product: str, how: str = "") -> None:
    with singly() as connection:
        connection.exec_driver_sql(f"VACUUM {how}" if product == "postgresql" else "VACUUM")


@pytest.mark.parametrize("tidies", ["every quarter", "at the end"])
def test_after_five_years_the_database_is_at_most_twice_as_large_as_what_is_in_it(tidies, product, clock):
    """PostgreSQL keeps what was once needed for what comes, so that it is held to what is tidied as it should be."""
    if (tidies, product) == ("at the end", "postgresql"):
        pytest.skip("it gives nothing back to the disk unless its tables are written anew")
    emptied_out(product, "FULL")  # What other tests have left behind there is not measured.
    with transaction() as session:
        session.add(Login(id=1, email="otto@provider.example", created_at=now(), is_operator=True, confirmed_at=now()))
    for quarter in range(20):
        clock(BEGIN + timedelta(days=91 * quarter))
        lived(quarter, max(1, FIRMS * (quarter + 1) // 4) * 90)
        if tidies == "every quarter" or quarter == 19:
            removed()
            if product == "postgresql":
                emptied_out(product)  # As its autovacuum does.
    grown = size(product)
    emptied_out(product, "FULL")

    assert numbers() == {}
    assert grown <= 2 * size(product)


def die_at(commits, last, _connection):
    if next(commits) == last:
        os.kill(os.getpid(), signal.SIGKILL)


def test_whoever_is_killed_over_it_leaves_nothing_half_and_the_next_one_goes_on(product, clock):
    """Killed by SIGKILL, each time a commit later: what was begun there is as it was, and at last all is gone."""
    case_id = with_organiser()
    with transaction() as session:
        session.execute(update(Onboarding).values(stopped_at=now()))
        for number in range(30):
            Incoming.store(session, "webhook", f"old{number}", "mail.bounced", {}, now())
        session.execute(update(Incoming).values(handled_at=now()))
    clock(days=400)
    with transaction() as session:
        Incoming.store(session, "webhook", "young", "mail.bounced", {}, now())
        session.execute(update(Incoming).where(Incoming.external_id == "young").values(handled_at=now()))
    before, killed = faults(), 0
    while True:
        engine(settings().database).dispose()
        child = os.fork()
        if child == 0:
            try:
                events.listen(Engine, "commit", partial(die_at, count(), killed + 1))
                removed()
            finally:
                os._exit(0)
        if os.WTERMSIG(os.waitpid(child, 0)[1]) != signal.SIGKILL:
            break
        killed += 1
        assert faults() == before
    assert killed > 5
    assert numbers() == {}
    with reading() as session:
        assert [*session.scalars(select(Incoming.external_id))] == ["young"]
        assert session.get_one(Onboarding, case_id).emptied_at is not None
        acts = [entry.action for entry in trail(session, case_id)]
    assert acts.count("case.emptied") == 1
    assert "erika@freitag.example" not in everything()
