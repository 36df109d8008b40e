"""Twenty times the processes that invite many are killed, and nobody is left out or written to twice for it."""

import json
import os
import subprocess
import sys
from collections import Counter

from models.settings import settings
from tests.sink import sink, taken

KILLS, SENDERS = 20, 2
MANY = 100_000 if os.environ.get("HYPOTHESIS_PROFILE") == "many" else 1_000


def test_many_are_invited_by_processes_that_are_killed_twenty_times_and_a_code_overtakes_them(tmp_path):
    book = tmp_path / "book"
    book.touch()
    with sink(book) as port:
        own = {"PROVISION_SMTP_PORT": str(port), "PROVISION_DATA": str(settings().data / "killed")}
        command = [sys.executable, "-m", "tests.faults.bulk", str(MANY), str(KILLS), str(book)]
        done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)

    assert told["deaths"] == KILLS
    mails = [mail for mail in taken(book)[told["before"] :] if mail.recipient.endswith("@kunde.example")]
    per_mail, per_contact = (Counter(getattr(mail, name) for mail in mails) for name in ("message_id", "recipient"))
    assert len(per_contact) == told["invited"] == told["mails"] == MANY  # None is lost.
    assert len(per_mail) == MANY  # A double is the same mail once more.
    doubles = len(mails) - MANY
    print(
        f"{MANY} invitations, {KILLS} kills of {SENDERS} senders: {doubles} doubles; a code took {told['code']:.1f} s"
    )
    assert doubles <= KILLS * SENDERS
    assert told["code"] < 10
