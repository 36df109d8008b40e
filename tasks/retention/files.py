"""Files in the data folder that are past their time: caught mails, logs, and what was begun and never finished."""

import os
import re
import shutil
from binascii import a2b_base64
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import getaddresses
from pathlib import Path

from models.retention.erasure import Words
from models.retention.rules import CAUGHT, LEFT, LOGS
from models.settings import settings
from models.time.clock import now
from tasks.engine.retry import each, side_effect


@side_effect(name="remove files past their time")
def remove_files() -> int:
    """Remove them, each by itself; returns how many. Only this machine's folder is looked at."""
    at = now()
    removed = each(_remove, past_files(at))
    each(lambda log: _begin_anew(log, at), _logs())
    return removed


def past_files(at: datetime) -> Iterator[Path]:
    """What would go now."""
    data, mails = settings().data, settings().mail_folder
    for rule, folder, pattern in (
        (CAUGHT, mails, "*.eml"),
        (LOGS, data / "logs", "*.log.*"),
        (LEFT, data, ".*.*"),
        (LEFT, mails, ".*.eml"),
    ):
        limit = rule.term.limit(at)
        yield from (
            file
            for file in sorted(folder.glob(pattern))
            if (changed := _changed(file)) is not None and changed <= limit
        )


def _changed(file: Path) -> datetime | None:
    """None for a folder, or what is gone meanwhile."""
    try:
        return datetime.fromtimestamp(file.lstat().st_mtime, UTC) if file.is_file() else None
    except FileNotFoundError:
        return None


def _remove(file: Path) -> int:
    file.unlink(missing_ok=True)
    return 1


def _logs() -> list[Path]:
    return sorted((settings().data / "logs").glob("*.log"))


def _begin_anew(log: Path, at: datetime) -> int:
    """What a log holds is put aside as often as what was put aside goes, so that no line stays for longer than twice
    its time. Its process goes on writing at the end of the same file, wherever that is.
    """
    aside = log.with_suffix(".log.1")
    changed = _changed(aside)
    if (changed is not None and changed > LOGS.term.limit(at)) or log.stat().st_size == 0:
        return 0
    shutil.copyfile(log, aside)
    os.truncate(log, 0)
    return 1


def forget_mails(words: Words, since: float = 0) -> int:
    """Of the mails that the catcher keeps those to somebody go, and in those to others they are not named any more;
    returns how many that concerns. *since*: only what was written there from then on.
    """
    if not words.all:
        return 0
    marks = [_ASCII.findall(word.lower().encode()) for word in words.all]
    files = sorted(settings().mail_folder.glob("*.eml"))
    return sum(_forget(file, words, marks) for file in files if since == 0 or _is_since(file, since))


_ASCII = re.compile(rb"[a-z0-9]+")
_SOFT = re.compile(rb"=\r?\n|\?=\s+=\?[^?]*\?q\?")
"""What breaks lines within words, in texts and in headers."""
_WORDS = re.compile(rb"=\?[^?]*\?b\?([^?]*)\?=", re.IGNORECASE)
_LINES = re.compile(rb"^((?:[A-Za-z0-9+/]{60,}\r?\n)*[A-Za-z0-9+/]{4,}={0,2})\r?$", re.MULTILINE)
"""What is in base64, in headers and in texts."""


def _is_since(file: Path, since: float) -> bool:
    try:
        return file.stat().st_mtime >= since
    except FileNotFoundError:
        return False


def _may_hold(raw: bytes, marks: Collection[Sequence[bytes]]) -> bool:
    """Without reading the mail as such, which takes twenty times as long."""
    plain = [_SOFT.sub(b"", raw)]
    if b"base64" in raw or b"?b?" in raw.lower():
        plain += [b"".join(map(_decoded, _WORDS.findall(raw))), *map(_decoded, _LINES.findall(raw))]
    small = b"\n".join(plain).lower()
    return any(all(part in small for part in mark) for mark in marks)


def _decoded(coded: bytes) -> bytes:
    try:
        return a2b_base64(coded)
    except ValueError:  # It only looks like it.
        return b""


def _forget(file: Path, words: Words, marks: Collection[Sequence[bytes]]) -> bool:
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        return False
    if not _may_hold(raw, marks):
        return False
    try:
        left = _without(raw, words)
    except (MessageError, ValueError, LookupError, TypeError, AttributeError):  # A foreign mail; ``email`` raises all.
        left = b"" if words.stand_in(raw.decode("latin-1")) else raw
    if not left:
        file.unlink(missing_ok=True)
    elif left != raw:
        begun = file.with_name(f".{file.name}")
        begun.write_bytes(left)
        begun.replace(file)
    return left != raw


def _without(raw: bytes, words: Words) -> bytes:
    """What is left of the mail; nothing of one to them."""
    message = message_from_bytes(raw, policy=SMTP)
    assert isinstance(message, EmailMessage)  # The policy makes these.
    readers = [str(value) for name in ("To", "Cc", "Delivered-To") for value in message.get_all(name, [])]
    if words.addresses & {address.lower() for _, address in getaddresses(readers)}:
        return b""
    return message.as_bytes() if _rewrite(message, words) else raw


def _rewrite(message: EmailMessage, words: Words) -> bool:
    """Whether they stood in it."""
    changed = False
    for name, value in message.items():
        if words.stand_in(str(value)):
            message.replace_header(name, words.without(str(value)))
            changed = True
    for part in message.walk():
        if part.get_content_maintype() != "text":
            continue
        text = part.get_content()
        if words.stand_in(text):
            kept = part.get_content_subtype(), part.get_content_disposition(), part.get_filename()
            part.set_content(words.without(text), subtype=kept[0])
            if kept[1] is not None:
                part.add_header("Content-Disposition", kept[1], **({"filename": kept[2]} if kept[2] else {}))
            changed = True
    return changed
