"""Figures of the product beside a baseline in the same run: ``make bench``."""

import smtplib
import socket
import time
from collections.abc import Callable
from email.message import EmailMessage
from statistics import median

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import insert, text

from models.company_id import FIRST, LAST, CompanyIdPool, Move
from models.db import reading, transaction
from models.mail.outbox import MailKind, Outgoing
from models.people.person import Person, Role
from models.time.clock import now
from tasks.mail.delivery import deliver_due
from tests import factories

pytestmark = pytest.mark.benchmark


def seconds(act: Callable[[], object], times: int) -> float:
    """The median of *times* runs."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        took.append(time.perf_counter() - began)
    return median(took)


def one_number() -> None:
    with transaction() as session:
        CompanyIdPool.locked(session).draw(session)


def nothing() -> None:
    with transaction() as session:
        session.execute(text("SELECT 1"))


def fill(share: float) -> None:
    """As if this share of all numbers had been drawn: the moved places that are left are as many as they can be."""
    size = LAST - FIRST + 1
    free = int(size * (1 - share))
    with transaction() as session:
        pool = CompanyIdPool.locked(session)
        moved = [{"position": p, "number": LAST - p} for p in range(min(free, size - free))]
        session.execute(text("DELETE FROM company_id_moves"))
        for start in range(0, len(moved), 50_000):
            session.execute(insert(Move), moved[start : start + 50_000])
        pool.free = free


def test_a_company_id_costs_the_same_however_full_the_range_is():
    base = seconds(nothing, 200)
    for share in (0.0, 0.5, 0.99):
        fill(share)
        took = seconds(one_number, 200)
        print(
            f"\ncompany ID, {share:4.0%} taken: {took * 1000:.2f} ms, {took / base:.1f} x an empty transaction", end=""
        )


def test_a_pass_over_a_case_that_waits():
    case_id = factories.with_organiser()
    base = seconds(nothing, 50)
    took = seconds(lambda: factories.advance(case_id), 20)
    print(f"\npass over a waiting case: {took * 1000:.1f} ms, {took / base:.0f} x an empty transaction", end="")


class Taker:
    async def handle_DATA(self, *_):  # noqa: N802
        return "250 OK"


def test_mails_leave_nearly_as_fast_as_the_server_takes_them(monkeypatch):
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    server = Controller(Taker(), hostname="127.0.0.1", port=port)
    server.start()
    monkeypatch.setenv("PROVISION_SMTP_PORT", str(port))
    case_id, count = factories.opened(), 500
    with reading() as session:
        organiser = Person.one(session, factories.firm_of(case_id), Role.ORGANISER)
    facts = {
        "firm": "Freitag & Kollegen",
        "company_id": 861272,
        "logo": False,
        "clients": [{"name": "Max Beispiel"}],
        "more": 0,
    }
    with transaction() as session:
        for number in range(count):
            mail = Outgoing.draft(MailKind.CLIENT_ACTIVE, f"bench:{number}", organiser, now(), **facts)
            Outgoing.post(session, mail)
    plain = EmailMessage()
    plain["From"], plain["To"], plain["Subject"] = "a@convent-it.example", "b@freitag.example", "x"
    plain.set_content("x" * 4000)

    def bare() -> None:
        with smtplib.SMTP("127.0.0.1", port) as smtp:
            for _ in range(count):
                smtp.send_message(plain)

    base = seconds(bare, 1)
    began = time.perf_counter()
    while deliver_due(50).total:
        pass
    took = time.perf_counter() - began
    server.stop()
    print(f"\n{count} mails: {count / took:.0f} a second, {took / base:.1f} x the bare SMTP dialogue")
