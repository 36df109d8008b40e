"""Mails a second beside a bare loop in the same run."""

import smtplib
import time
from email.message import EmailMessage

import pytest
from sqlalchemy import update

from models.db import engine, transaction
from models.link import Link, Purpose
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.person import Person, Role
from models.settings import settings
from models.time.clock import now
from tasks.mail.delivery import deliver_due
from tasks.mail.letterheads import Turn, letterhead
from tasks.mail.letters import clients as letters
from tasks.text.i18n import MAILS, Reader, render
from tests import factories
from tests.clients import fill
from tests.sink import sink, taken

pytestmark = pytest.mark.benchmark
COUNT = 500


def invitations(case_id: int, first: int) -> list[tuple[Outgoing, Link]]:
    """So many of them, as they are written for many contacts, and what each leads to."""
    words = letters.Words(
        message="Willkommen!\n\nBis bald.", invited_by="Erika Muster", reply_to="erika@freitag.example"
    )
    with transaction() as session:
        case, at = Onboarding.get(session, case_id), now()
        people = session.scalars(Person.there(case.firm_id, Role.CLIENT).offset(first).limit(COUNT)).all()
        links = Link.to_each(session, Purpose.ACTIVATE, at, [person.id for person in people])
        head, turns = letterhead(session, case.firm), [Turn(case, person) for person in people]
        mails = [letters.invitation(turn, links[turn.person.id], head, at, words=words) for turn in turns]
        Outgoing.post_all(session, mails)
        return [(mail, links[turn.person.id]) for mail, turn in zip(mails, turns, strict=True)]


def bare_loop(port: int, mails: list[tuple[Outgoing, Link]]) -> None:
    """What somebody writes who has these mails to send: one connection, the same template, a commit for each."""
    with smtplib.SMTP("127.0.0.1", port) as smtp, engine(settings().database).connect() as connection:
        for mail, link in mails:
            told = {"to_address": mail.to_address, "name": mail.to_name, "link": link.url, "later": None}
            told |= {"provider": settings(), "valid_until": link.expires_at, "signed_by_firm": True}
            page = render(MAILS, "invitation.html", Reader(), **mail.facts, **told, to_provider=False)
            message = EmailMessage()
            message["Message-ID"], message["Subject"] = mail.message_id, "Einladung"
            message["From"], message["To"] = settings().sender, f"{mail.to_name} <{mail.to_address}>"
            message.set_content(page, subtype="html")
            smtp.send_message(message)
            done = update(Outgoing).where(Outgoing.id == mail.id).values(delivered_at=now(), due_at=None)
            connection.execute(done)
            connection.commit()


def deliver(_port: int, _mails: object) -> None:
    while deliver_due().total:
        pass


@pytest.mark.parametrize("product", ["sqlite", "postgresql"], indirect=True)
def test_mails_leave_at_least_as_fast_as_from_a_bare_loop(product, monkeypatch, tmp_path):
    case_id = factories.countersigned()
    fill(factories.firm_of(case_id), 4 * COUNT)
    took = {bare_loop: [], deliver: []}
    with sink(tmp_path / "book") as port:
        monkeypatch.setenv("PROVISION_SMTP_PORT", str(port))
        settings.cache_clear()
        deliver(port, [])
        before = len(taken(tmp_path / "book"))
        for turn, act in enumerate(
            [bare_loop, deliver, bare_loop, deliver]
        ):  # The machine may have other things to do.
            mails = invitations(case_id, turn * COUNT)
            began, cpu = time.perf_counter(), time.process_time()
            act(port, mails)
            took[act].append((time.perf_counter() - began, time.process_time() - cpu))
    assert len({mail.message_id for mail in taken(tmp_path / "book")[before:]}) == 4 * COUNT
    (loop, loop_cpu), (ours, ours_cpu) = (map(sum, zip(*took[act], strict=True)) for act in (bare_loop, deliver))
    print(
        f"\n{product}: {2 * COUNT / ours:.0f} invitations a second, {loop / ours:.2f} x a bare loop"
        f" ({2 * COUNT / loop:.0f});"
        f" {ours_cpu / COUNT * 500:.2f} ms of CPU a mail, of the loop {loop_cpu / COUNT * 500:.2f}"
    )
    assert ours <= loop
