"""The process is killed at its most awkward moments, and nothing is lost or done twice."""

import os
import socket
import subprocess
import sys
from collections import Counter

import pytest
from aiosmtpd.controller import Controller

from models.settings import settings


class Mailbox:
    """A mail server that keeps the id of every message it took."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.port = 0

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802
        head = envelope.content.decode(errors="replace").replace("\r\n ", " ").split("\r\n\r\n")[0]
        self.taken += [line.split(":", 1)[1].strip() for line in head.split("\r\n") if line.startswith("Message-ID:")]
        return "250 OK"


@pytest.fixture
def mailbox():
    box = Mailbox()
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        box.port = trial.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=box.port)
    server.start()
    yield box
    server.stop()


def live(mailbox: Mailbox, kill: str) -> int:
    """Let the process live and die until the whole way is gone; how often it was killed."""
    own = {
        "PROVISION_SMTP_PORT": str(mailbox.port),
        "PROVISION_DATA": str(settings().data / "killed"),
        "KILL": kill,
    }
    command = [sys.executable, "-m", "tests.faults.way"]
    done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return int(done.stdout.split()[-1])


def test_a_process_killed_again_and_again_goes_the_whole_way_and_sends_each_mail_once(mailbox):
    deaths = live(mailbox, "after_commit")

    assert deaths > 15
    assert len(mailbox.taken) == 8
    assert set(Counter(mailbox.taken).values()) == {1}
