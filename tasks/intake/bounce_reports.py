"""Mail about our mail: reports that one came back (RFC 3464) or was marked as spam (RFC 5965), read and acted on.

Only a report that carries the Message-ID of a mail of ours counts, which nobody can guess; an address alone does not.
Reports come as they come: wrapped by a virus scanner, encoded where they must not be, under a wrong type, or as a
letter to be read (qmail, Exim). So each is looked for by what it says, wherever in the mail it stands.
"""

import quopri
import re
from base64 import b64decode
from binascii import Error as Base64Invalid
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.errors import MessageError
from email.message import Message
from hashlib import sha256
from html import unescape
from typing import Any

from models.db import Facts, transaction
from models.inbox import Incoming
from models.text import one_line, paragraphs
from models.time.clock import now
from tasks.intake.events import handle
from tasks.mail.refusals import Blame, blame

LARGEST_REPORT = 30_000_000
LONGEST_LETTER, LONGEST_LINE = 64_000, 400
"""Characters that are read of what is written for people, and of each line in it: anybody may write such a letter."""
LETTERS_MOST = 3
"""So many letters of one kind are read of a mail."""
DEEPEST = 8
"""So many mails within mails are opened."""
COMPLAINTS = {"abuse", "fraud", "opt-out", "opt-out-list"}
"""What readers report. Everything else is a machine's: failed proofs (RFC 6591), viruses, what is no spam after all."""
RETURNED = {"message/rfc822", "message/global"}
RETURNED_HEADERS = {"text/rfc822-headers", "message/rfc822-headers", "message/global-headers"}
STATUS = re.compile(rb"^(?:final|original)-recipient:", re.IGNORECASE | re.MULTILINE)
ACTION = re.compile(rb"^action:", re.IGNORECASE | re.MULTILINE)
FEEDBACK = re.compile(rb"^feedback-type:", re.IGNORECASE | re.MULTILINE)
MESSAGE_ID = re.compile(rb"^(?:x-)?(?:original-)?message-id:\s*(<[^<>\s]+>)", re.IGNORECASE | re.MULTILINE)
MAILER = re.compile(r"mailer-daemon|postmaster|mail delivery|mail-?system", re.IGNORECASE)
LATE = re.compile(r"delay|not yet|warning|still trying|will be retried|verzögert|noch nicht|warnung", re.IGNORECASE)
COPY = re.compile(r"^-{2,}.*(?:copy|original|below|kopie|nachricht|unten|returned)", re.IGNORECASE | re.MULTILINE)
NO_TEXT = re.compile(
    r"(?:<!(?=--).*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\b[^<>]*>|\Z)|<[^<>]*>)+",
    re.DOTALL | re.IGNORECASE,
)
"""A row of what is no text in HTML; found in linear time, also where it never ends."""
RECIPIENT = re.compile(r"^[ \t]*<?([^\s<>()]+@[^\s<>():]+)>?:?[ \t]*\n(?:[ \t]*\n)?((?:[ \t]*\S.*\n?)+)", re.MULTILINE)
"""A line that is an address, and what is said about it, at once or after one empty line, up to the next one."""


def take_report(raw: bytes) -> list[Facts]:
    """Store what this mail reports and act on it; returns what that was. The same mail again changes nothing."""
    reports = list(read_report(raw))
    digest = sha256(raw).hexdigest()[:40]
    for number, report in enumerate(reports):
        key = f"{digest}:{number}"
        with transaction() as session:
            Incoming.store(session, "mail", key, "mail.bounced", report, now())
            event_id = Incoming.by_external_id(session, "mail", key).id
        handle(event_id)
    return reports


def read_report(raw: bytes) -> Iterator[Facts]:
    """What the mail reports, as a webhook would tell it: nothing if it is no report about a mail with a Message-ID."""
    # Not by the newer policy, whose parsers of single fields fall over what nobody should have written.
    mail = message_from_bytes(raw[:LARGEST_REPORT])
    seen = _Seen()
    _look(mail, seen, 0)
    ids = [*seen.returned, *seen.named, *_answered(mail)]
    if not ids:
        return
    for block in seen.blocks:
        yield from _bounces(block, ids[0])
        yield from _complaints(block, ids[0])
    if not seen.blocks and MAILER.search(str(mail.get("From", ""))):
        for text in seen.texts:
            yield from _letter(text, ids[0], late=bool(LATE.search(str(mail.get("Subject", "")))))


@dataclass
class _Seen:
    """What a mail holds, wherever it stands."""

    blocks: list[Message] = field(default_factory=list)
    """Groups of fields for machines: about a recipient, or about a complaint."""
    returned: list[str] = field(default_factory=list)
    """Message-IDs of mails that are returned, whole or their headers."""
    named: list[str] = field(default_factory=list)
    """Message-IDs that stand in a line of their own."""
    letters: dict[str, list[str]] = field(default_factory=lambda: {"text/plain": [], "text/html": []})
    """What is written for people."""

    @property
    def texts(self) -> list[str]:
        """As text; what was written in HTML only where there is nothing else."""
        return self.letters["text/plain"] or [_text(html) for html in self.letters["text/html"]]


def _look(part: Message, seen: _Seen, depth: int) -> None:
    kind, parts = part.get_content_type(), _parts(part)
    if kind.startswith("multipart/") and parts:
        for child in parts:
            _look(child, seen, depth)
        return
    inside = _inside(part)
    if kind in RETURNED and depth < DEEPEST:
        within, mail = _Seen(), message_from_bytes(inside)
        _look(mail, within, depth + 1)
        if within.blocks:  # A report that somebody has sent on.
            seen.blocks += within.blocks
            seen.returned += within.returned
            seen.named += within.named
        elif message_id := str(mail.get("Message-ID", "")).strip():
            seen.returned.append(message_id)
    elif kind in RETURNED_HEADERS:
        if message_id := str(message_from_bytes(inside).get("Message-ID", "")).strip():
            seen.returned.append(message_id)
    else:
        if (STATUS.search(inside) and ACTION.search(inside)) or FEEDBACK.search(inside):
            seen.blocks += [message_from_bytes(block) for block in re.split(rb"\n(?:[ \t]*\n)+", inside.strip())]
        elif kind in seen.letters:
            letter = inside[:LONGEST_LETTER].decode("utf-8", "replace")
            seen.letters[kind] = [*seen.letters[kind], letter][:LETTERS_MOST]
        seen.named += [message_id.decode("ascii", "replace") for message_id in MESSAGE_ID.findall(inside)]


def _parts(part: Message) -> list[Message]:
    payload: Any = part.get_payload()
    return payload if isinstance(payload, list) else []


def _inside(part: Message) -> bytes:
    """What stands in the part, decoded: also a mail or a status, which must not be encoded (RFC 2046, 5.2)."""
    try:
        if parts := _parts(part):
            whole = b"\n".join(child.as_bytes() for child in parts)
            match str(part.get("Content-Transfer-Encoding", "")).strip().lower():
                case "base64":
                    whole = b64decode(whole)
                case "quoted-printable":
                    whole = quopri.decodestring(whole)
        else:
            decoded: Any = part.get_payload(decode=True)
            whole = decoded if isinstance(decoded, bytes) else b""
    except (Base64Invalid, MessageError, UnicodeError, LookupError, TypeError, AttributeError):
        return b""
    return whole.replace(b"\r\n", b"\n")


def _text(html: str) -> str:
    """What a page says, roughly: no parser, which takes minutes for what strangers can write, or refuses it."""
    text = NO_TEXT.sub("\n", html)
    try:
        return unescape(text)
    except ValueError:  # A character whose number has thousands of digits.
        return text


def _answered(mail: Message) -> list[str]:
    """What the report says it is an answer to."""
    fields = f"{mail.get('X-Original-Message-ID', '')} {mail.get('In-Reply-To', '')} {mail.get('References', '')}"
    return re.findall(r"<[^<>\s]+>", fields)


def _bounces(block: Message, message_id: str) -> Iterator[Facts]:
    """Somebody whom it could not be delivered to, or only late."""
    action = str(block.get("Action", "")).split("(")[0].strip().lower()
    recipient = block.get("Final-Recipient") or block.get("Original-Recipient")
    if action in {"failed", "delayed"} and recipient:
        status = str(block.get("Status", "")).split("(")[0].strip()
        diagnostic = _value(block.get("Diagnostic-Code", ""))
        for_good = action == "failed" and not status.startswith("4") and blame(diagnostic, status) is Blame.ADDRESS
        yield _said("hard" if for_good else "soft", message_id, _value(recipient), diagnostic or status)


def _complaints(block: Message, message_id: str) -> Iterator[Facts]:
    """Somebody who does not want such mail."""
    kind = str(block.get("Feedback-Type", "")).strip().lower()
    if kind in COMPLAINTS:
        yield _said("complaint", message_id, _value(block.get("Original-Rcpt-To", "")).strip("<>"), kind)


def _letter(text: str, message_id: str, *, late: bool) -> Iterator[Facts]:
    """What a mail server writes for people only, before the copy of the mail."""
    lines = text[:LONGEST_LETTER].splitlines()
    begin = COPY.split("\n".join(line[:LONGEST_LINE].rstrip() for line in lines), maxsplit=1)[0]
    late = late or bool(LATE.search(begin))
    for address, about in RECIPIENT.findall(begin):
        diagnostic = " ".join(about.split())
        yield _said(
            "hard" if not late and blame(diagnostic) is Blame.ADDRESS else "soft", message_id, address, diagnostic
        )


def _said(kind: str, message_id: str, address: str, diagnostic: str) -> Facts:
    text = paragraphs(diagnostic)[:2000]  # Strangers wrote it.
    return {"kind": kind, "message_id": message_id, "address": one_line(address)[:254], "diagnostic": text}


def _value(field: object) -> str:
    """“rfc822; erika@freitag.example” without its type, on one line."""
    kind, separator, value = " ".join(str(field).split()).partition(";")
    return (value if separator else kind).strip()
