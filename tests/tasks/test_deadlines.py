"""Deadlines agree wherever they are told: what a mail says, its page says as well, and its link does."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from models.agreement import Agreement, Expired
from models.code import Code
from models.db import reading
from models.link import Link, LinkExpired, Purpose
from models.mail.outbox import Outgoing
from models.time.clock import now
from tasks.agreement import signing, viewing
from tasks.mail.compose import write
from tasks.onboarding import firm_page, registration
from tasks.people import operators, sessions
from tasks.reminders.rounds import send_reminders
from tasks.text.i18n import Reader
from tests.factories import FROM, advance, opened, read_all, token, with_client, with_organiser

BERLIN = ZoneInfo("Europe/Berlin")
PAULA = "paula@probe.example"
MONTHS = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
]
UNTIL = re.compile(
    r"bis (?:zum )?(?:(\d+)\. (\w+) (\d{4}))?(?:, | um )?(?:(\d\d):(\d\d))?(?: Uhr)?(?: \(Berliner|\.| unterzeichnet)"
)


def code_is_good(code_id):
    with reading() as session:
        if not session.get_one(Code, code_id).is_good(now()):
            raise LinkExpired(0)


OPENS = {
    "welcome": firm_page.by_progress_link,
    "register": lambda link: registration.opened(link, Purpose.REGISTER),
    "invitation": lambda link: registration.opened(link, Purpose.ACTIVATE),
    "agreement": lambda link: signing.begin(link, **FROM),
    "sign_code": code_is_good,
    "reset_password": sessions.reset_opened,
    "operator_invited": sessions.reset_opened,
}
"""What is done with what each kind of mail holds that tells until when it is good."""


@dataclass
class Told:
    """One mail that tells until when, and what it holds."""

    kind: str
    holds: str | int
    last: datetime
    """Just before the moment that it tells."""


def told_by_mails():
    with reading() as session:
        rows = session.scalars(select(Outgoing).order_by(Outgoing.id)).all()
        links = {link.id: link for link in session.scalars(select(Link))}
        codes = {code.id: code for code in session.scalars(select(Code))}
        signed = set(session.scalars(select(Agreement.onboarding_id).where(Agreement.signed_at.is_not(None))))
    for row in rows:
        link, code = links.get(row.link_id), codes.get(row.facts.get("code_id"))
        done = row.kind == "agreement" and row.onboarding_id in signed
        if (link or code) is None or (link or code).used_at is not None or done:
            continue  # It holds nothing, or what it holds has done its work.
        text = " ".join(write(row, link, code=code).get_body(("plain",)).get_content().split())
        if found := UNTIL.search(text):
            day, month, year, hour, minute = found.groups()
            today = now().astimezone(BERLIN).date()
            on = today.replace(int(year), MONTHS.index(month) + 1, int(day)) if day else today
            clock = (int(hour), int(minute)) if hour else (23, 59)
            last = datetime(on.year, on.month, on.day, *clock, tzinfo=BERLIN) - timedelta(seconds=30)
            yield Told(row.kind.value, code.id if code else link.token, last)


def test_what_a_mail_calls_good_is_good_until_then_and_no_longer(clock):
    with_client(contact={"name": "Karl Kontakt", "email": "karl@freitag.example"})
    with_organiser(key="test:2", firm_name="Probe", organiser={"name": "Paula Probe", "email": PAULA})
    advance(opened("test:3", firm_name="Dritte", organiser={"name": "Dora Dritt", "email": "dora@dritte.example"}))
    told = list(told_by_mails())
    clock(days=3, hours=1)
    send_reminders.fn()
    signing.send_code(read_all(PAULA), **FROM)
    sessions.ask_for_reset(PAULA)
    operators.invite("neu@convent-it.example", "Nora Neu", "test", manager=False)
    newest = {one.holds: one for one in told_by_mails()}
    assert {one.kind for one in newest.values()} == OPENS.keys()
    assert {one.kind for one in told if one.holds not in newest} == {"register", "invitation", "agreement"}
    shown = viewing.opened(token(PAULA, Purpose.AGREEMENT)).agreement
    assert newest[token(PAULA, Purpose.AGREEMENT)].last.date() == shown.expires_at.astimezone(BERLIN).date()
    assert Reader().date(shown.expires_at) == Reader().date(newest[token(PAULA, Purpose.AGREEMENT)].last)

    every = {one.holds: one for one in told} | newest
    for one in sorted(every.values(), key=lambda one: one.last):
        clock(one.last)
        OPENS[one.kind](one.holds)
        clock(minutes=2)
        with pytest.raises((LinkExpired, Expired)):
            OPENS[one.kind](one.holds)


def test_the_link_of_the_first_mail_leads_on_as_long_as_that_of_the_last_one(clock):
    with_organiser(organiser={"name": "Paula Probe", "email": PAULA})
    first = token(PAULA, Purpose.AGREEMENT)
    for _ in range(3):
        clock(days=6)
        send_reminders.fn()

    assert token(PAULA, Purpose.AGREEMENT) != first
    clock(viewing.opened(first).agreement.expires_at - timedelta(minutes=1))
    assert signing.begin(first, **FROM) is not None
