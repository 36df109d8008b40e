"""Many invitations by processes that are killed again and again while a mail server takes them.

    python -m tests.faults.bulk CONTACTS KILLS BOOK     prints what came of it, as JSON

Started by test_bulk.py with settings in the environment. In each life one process takes the invitations further and
another empties the outbox, as in the product; both are killed, and begin again a while later.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from argon2 import PasswordHasher

from models.clients.bulk_invitation import BulkInvitation, BulkState, Outcome
from models.clients.client import ClientState
from models.db import engine, reading, transaction
from models.firm import Firm
from models.migrate import upgrade
from models.people import login
from models.settings import settings
from tasks.agreement import legal_check, sending, signing
from tasks.clients import bulk_invitations
from tasks.clients.accounts import Filter
from tasks.clients.audience import Audience
from tasks.clients.bulk_invitations import ask_to_invite, send_invitations
from tasks.mail.delivery import deliver_outbox
from tasks.people import sessions
from tests import factories
from tests.clients import fill
from tests.remembered import as_setting

LIFE = timedelta(minutes=11)
"""After so long what a killed sender had claimed is due again, and what a killed pass had in hand is free."""
SARA = "sara@sued.example"
CODE_AFTER = 0.5
"""At this share of all mails somebody asks for a code to sign with."""


def spare() -> None:
    """What costs much and is not the matter here."""
    login._hasher = lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    paper = sending.render_agreement(legal_check._sample_data("de", "law"))
    sending.render_agreement = lambda _data, _texts, identifier: paper
    bulk_invitations.start_run = lambda *_, **__: None


def prepared(contacts: int) -> tuple[int, str]:
    """A firm that has asked to invite so many; gives the number of the request, and a link of another firm's organiser
    who is about to sign.
    """
    case_id = factories.countersigned()
    firm_id = factories.firm_of(case_id)
    fill(firm_id, contacts * 10 // 8)  # Of ten one is active and one invited already.
    with transaction() as session:
        session.get_one(Firm, firm_id).invitations_a_day = 100_000
    erika = "erika@freitag.example"
    visitor = sessions.signed_in(sessions.sign_in(erika, factories.PASSWORD))
    member = visitor.staff_of(firm_id)
    bulk_id = ask_to_invite(member, erika, Audience(Filter(state=ClientState.PREPARED)), "Guten Tag {Vorname}!")
    other = factories.opened("test:2", firm_name="Steuerbüro Süd", organiser={"name": "Sara Süd", "email": SARA})
    factories.advance(other)
    factories.registered(SARA)
    factories.advance(other)
    return bulk_id, factories.read_all(SARA)


def at(shift: timedelta) -> None:
    os.environ["PROVISION_TIME_SHIFT"] = as_setting(shift)
    settings.cache_clear()


def begin(act: Callable[[], object], shift: timedelta) -> int:
    child = os.fork()
    if not child:
        at(shift)
        act()
        os._exit(0)
    return child


class Reading:
    """The book of the mail server, as far as it was written."""

    def __init__(self, book: Path) -> None:
        self._lines = book.open("rb")
        self.mails = self.codes = 0

    def on(self) -> None:
        """Read what has come."""
        new = self._lines.read()
        self.mails += new.count(b"\n")
        self.codes += new.count(SARA.encode())


def main(contacts: int, kills: int, book: Path) -> None:
    spare()
    upgrade()
    bulk_id, link = prepared(contacts)
    deliver_outbox.fn()  # What the way so far has written.
    there = Reading(book)
    there.on()
    before, codes, shift = there.mails, there.codes, settings().time_shift
    engine(settings().database).dispose()
    deaths, asked_at, code_took = 0, 0.0, None
    marks = [contacts * (number + 1) // (kills + 1) for number in range(kills)]
    for life in range(kills + 40):
        running = [begin(act, shift + life * LIFE) for act in (send_invitations.fn, deliver_outbox.fn)]
        while running:
            there.on()
            if not asked_at and there.mails - before >= contacts * CODE_AFTER:
                asked_at = time.monotonic()
                at(shift + life * LIFE)
                signing.send_code(link, **factories.FROM)
                engine(settings().database).dispose()
            if asked_at and code_took is None and there.codes > codes:
                code_took = time.monotonic() - asked_at
            if deaths < kills and there.mails - before >= marks[deaths]:
                deaths += 1
                for child in running:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                break
            running = [child for child in running if not os.waitpid(child, os.WNOHANG)[0]]
            time.sleep(0.002)
        with reading() as session:
            bulk = session.get_one(BulkInvitation, bulk_id)
            progress = bulk.progress(session)
        engine(settings().database).dispose()
        if bulk.state is BulkState.DONE and progress.delivered == progress.mails:
            break
    told = {"deaths": deaths, "code": code_took, "before": before, "mails": progress.mails}
    sys.stdout.write(json.dumps(told | {"invited": progress.outcomes.get(Outcome.INVITED, 0)}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
