"""A mail server that keeps account of what it takes: ``python -m tests.sink FILE`` prints its port.

Each mail is a line ``connection message-id recipient``, written down before the server says 250. It ends with its
standard input.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

from aiosmtpd.smtp import SMTP


class Taken(NamedTuple):
    """A mail that the server has taken."""

    connection: int
    message_id: str
    recipient: str


class Book:
    """Writes down what one connection brings."""

    def __init__(self, number: int, book: int) -> None:
        self.number = number
        self.book = book

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802
        head = envelope.content.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").decode(errors="replace")
        ids = (line.partition(":")[2].strip() for line in head.split("\r\n") if line.lower().startswith("message-id:"))
        line = f"{self.number} {next(ids, '-')} {envelope.rcpt_tos[0]}\n"
        os.write(self.book, line.encode())
        return "250 OK"


async def serve(file: str) -> None:
    numbers, book = count(1), os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    loop = asyncio.get_running_loop()
    made = await loop.create_server(lambda: SMTP(Book(next(numbers), book), enable_SMTPUTF8=True), "127.0.0.1", 0)
    print(made.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


@contextmanager
def sink(file: Path) -> Iterator[int]:
    """Such a server in a process of its own; gives its port."""
    command = [sys.executable, "-m", "tests.sink", str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        yield int(server.stdout.readline())
        server.stdin.close()


def taken(file: Path) -> list[Taken]:
    """What it has taken, in order."""
    lines = (line.split() for line in file.read_text().splitlines())
    return [Taken(int(number), message_id, recipient) for number, message_id, recipient in lines]


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
