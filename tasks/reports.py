"""Mail about our mail: reports that one came back (RFC 3464) or was marked as spam (RFC 5965), read and acted on.

Only a report that carries the Message-ID of a mail of ours counts, which nobody can guess; an address alone does not.
"""

from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from hashlib import sha256
from typing import Any

from models.db import Facts, transaction
from models.exchange import Incoming
from models.schedule import now
from tasks.inbox import handle

LARGEST_REPORT = 30_000_000
NOT_THE_ADDRESS = ("5.2.2", "5.3", "5.6", "5.7")
"""Refused for good, but not because of the address: mailbox full, system, content, policy (RFC 3463)."""


def take_report(raw: bytes) -> list[Facts]:
    """Store what this mail reports and act on it; returns what that was. The same mail again changes nothing."""
    found = list(read_report(raw))
    digest = sha256(raw).hexdigest()[:40]
    for number, said in enumerate(found):
        key = f"{digest}:{number}"
        with transaction() as session:
            Incoming.store(session, "mail", key, "mail.bounced", said, now())
            event_id = Incoming.by_external_id(session, "mail", key).id
        handle(event_id)
    return found


def read_report(raw: bytes) -> Iterator[Facts]:
    """What the mail reports, as a webhook would tell it: nothing if it is no report about a mail with a Message-ID."""
    # Not by the newer policy, whose parsers of single fields fall over what nobody should have written.
    mail = message_from_bytes(raw[:LARGEST_REPORT])
    parts: Any = mail.get_payload()
    if mail.get_content_type() != "multipart/report" or not isinstance(parts, list):
        return
    message_id = next(filter(None, map(_original, parts)), "")
    if not message_id:
        return
    for part in parts:
        match part.get_content_type():
            case "message/delivery-status":
                yield from _bounces(part, message_id)
            case "message/feedback-report":
                yield from _complaints(part, message_id)


def _bounces(part: Message, message_id: str) -> Iterator[Facts]:
    """One for each recipient for whom it failed or is late."""
    for block in _blocks(part):
        action = str(block.get("Action", "")).strip().lower()
        status = str(block.get("Status", "")).split("(")[0].strip()
        if action in {"failed", "delayed"} and block.get("Final-Recipient"):
            for_good = action == "failed" and status.startswith("5") and not status.startswith(NOT_THE_ADDRESS)
            said = _value(block.get("Diagnostic-Code", "")) or status
            yield _said("hard" if for_good else "soft", message_id, _value(block["Final-Recipient"]), said)


def _complaints(part: Message, message_id: str) -> Iterator[Facts]:
    for block in _blocks(part):
        kind = str(block.get("Feedback-Type", "")).strip().lower()
        if kind and kind != "not-spam":
            yield _said("complaint", message_id, _value(block.get("Original-Rcpt-To", "")).strip("<>"), kind)


def _said(kind: str, message_id: str, address: str, diagnostic: str) -> Facts:
    return {"kind": kind, "message_id": message_id, "address": address[:254], "diagnostic": diagnostic[:2000]}


def _blocks(part: Message) -> list[Message]:
    """The groups of fields of a machine-readable part."""
    inside: Any = part.get_payload()
    if isinstance(inside, list):
        return inside
    return [message_from_bytes(str(inside).encode("utf-8", "replace"))]


def _original(part: Message) -> str:
    """The Message-ID of the mail that is returned in this part, whole or its headers."""
    kind = part.get_content_type()
    if kind == "message/rfc822" and isinstance(part.get_payload(), list):
        inside: Any = part.get_payload(0)
        return str(inside.get("Message-ID", "")).strip()
    if kind in {"text/rfc822-headers", "message/rfc822-headers"}:
        headers = part.get_payload(decode=True)
        if isinstance(headers, bytes):
            return str(message_from_bytes(headers).get("Message-ID", "")).strip()
    return ""


def _value(field: object) -> str:
    """“rfc822; erika@freitag.example” without its type, on one line."""
    kind, separator, value = " ".join(str(field).split()).partition(";")
    return (value if separator else kind).strip()
