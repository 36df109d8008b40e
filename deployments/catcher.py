"""The mail catcher of the embedded default: takes every mail on loopback and keeps it as a file, sends nothing on.

    python -m deployments.catcher --port 8025

What it caught is read at ``/mail`` in the browser, and by ``read_mails`` in the demo and in tests.
"""

import argparse
import asyncio
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from itertools import count
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session
from bs4 import BeautifulSoup
from bs4.exceptions import ParserRejectedMarkup

from models.settings import keep_private, settings
from models.text import one_line

MAIL_MOST = 25 * 2**20
"""Bytes of the largest mail that is taken."""
NAME = r"\d{8}T\d{12}-\d{6}\.eml"
"""What the file of a mail is called; sorts by the time at which it came."""


@dataclass(frozen=True)
class CaughtMail:
    """One mail as its reader sees it."""

    name: str
    """Of its file."""
    received_at: datetime
    sender: str
    to: str
    reply_to: str
    subject: str
    text: str
    html: str
    links: list[str]
    """Every address in it that leads to a page, in reading order, each once."""
    attachments: list[tuple[str, bytes]]
    """File names and contents."""


class Catcher:
    """What aiosmtpd calls for each mail."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._numbers = count()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the mail; it is there as a whole or not at all."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{next(self._numbers) % 10**6:06}.eml"
        begun = self.folder / f".{name}"
        begun.write_bytes(envelope.original_content or b"")
        os.replace(begun, self.folder / name)  # noqa: PTH105  (os.replace says atomic in its documentation)
        return "250 Caught"


async def catch(folder: Path, port: int, host: str = "127.0.0.1") -> None:
    """Take mails until the process is asked to end."""
    catcher, loop, ended = Catcher(folder), asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(
        lambda: SMTP(catcher, data_size_limit=MAIL_MOST, enable_SMTPUTF8=True, loop=loop), host, port
    )
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, ended.set)
    async with server:
        await ended.wait()


def read_mails(folder: Path) -> list[CaughtMail]:
    """Everything that was caught there, newest last."""
    return [read_mail(file) for file in mail_files(folder)]


def mail_files(folder: Path) -> list[Path]:
    """The files of all mails, newest last."""
    return sorted(file for file in folder.glob("*.eml") if re.fullmatch(NAME, file.name))


def read_mail(file: Path) -> CaughtMail:
    message = message_from_bytes(file.read_bytes(), policy=default)
    assert isinstance(message, EmailMessage)  # The policy makes these.
    text, html = _part(message, "plain"), _part(message, "html")
    return CaughtMail(
        name=file.name,
        received_at=datetime.strptime(file.name[:21], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC),
        sender=_header(message, "From"),
        to=_header(message, "To"),
        reply_to=_header(message, "Reply-To"),
        subject=_header(message, "Subject"),
        text=text,
        html=html,
        links=list(dict.fromkeys(_links(text, html))),
        attachments=[
            (part.get_filename() or "attachment", part.get_payload(decode=True) or b"")  # type: ignore[misc]
            for part in message.iter_attachments()
        ],
    )


def _header(message: EmailMessage, name: str) -> str:
    """What it says, in one line; as it came, if it cannot be read: mails of other programs are caught as well."""
    try:
        header = message[name]
    except (ValueError, LookupError, TypeError, AttributeError):  # ``email`` has raised them all.
        header = next(value for key, value in message.raw_items() if key.lower() == name.lower())
    return one_line(str(header or ""))


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except LookupError:  # A character set that nobody knows.
        return bytes(part.get_payload(decode=True) or b"").decode("ascii", "replace")


def _links(text: str, html: str) -> Iterator[str]:
    try:
        leading = list(BeautifulSoup(html, "html.parser").select("a[href]"))
    except ParserRejectedMarkup:  # What no parser reads leads nowhere; the mail is shown all the same.
        leading = []
    for link in leading:
        if str(link["href"]).startswith(("http:", "https:")):
            yield str(link["href"])
    yield from re.findall(r"https?://\S+", text)


def main() -> None:
    options = argparse.ArgumentParser(prog="deployments.catcher", description="Catch every mail sent to this port.")
    options.add_argument("--port", type=int, default=settings().smtp_port, help="default: PROVISION_SMTP_PORT")
    keep_private(settings().data)
    asyncio.run(catch(settings().mail_folder, options.parse_args().port))


if __name__ == "__main__":
    main()
