"""Evidence: signed agreements with their audit trails written out for somebody else to keep."""

import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agreement import Agreement
from models.audit import Entry, first_broken, trail
from models.db import reading
from models.document import Document
from tasks.text.cells import cell

HOW_TO_CHECK = (
    "hash is the SHA-256, in hexadecimal digits, of previous followed by the JSON array [version, case_id, number, at,"
    " actor, action, facts, commitments] in UTF-8, without spaces, keys sorted; of version 1 without version and"
    " commitments; previous is the hash of the entry before, 64 zeros at first. commitments has by subject the SHA-256"
    " of salt followed by value as such JSON; what is missing among the values must be named, by subject and number, in"
    " an entry values.erased"
)


@dataclass(frozen=True)
class Exported:
    """One agreement in its folder."""

    number: str
    folder: Path
    is_new: bool
    """False if the same files lay there already."""


def export(folder: Path) -> Iterator[Exported]:
    """Write every signed agreement with its trail into *folder*, and a list of them; one at a time, so memory stays.

    It may be broken off and repeated: what is there is left, each file appears whole or not at all, and files that are
    not ours are not touched. Only digits make up the names of folders; what people are called stands in the list.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    after, listed = 0, folder / ".agreements.csv.part"
    with listed.open("w", encoding="utf-8-sig", newline="") as file:  # Spreadsheets take it for UTF-8 by its mark.
        rows = csv.writer(file)
        rows.writerow(
            ["number", "firm", "company_id", "signer", "signed_at", "countersigned_by", "countersigned_at", "sha256"]
        )
        while True:
            with reading() as session:
                agreement = session.scalars(
                    select(Agreement)
                    .where(Agreement.final_id.is_not(None), Agreement.id > after)
                    .order_by(Agreement.id)
                    .limit(1)
                ).one_or_none()
                if agreement is None:
                    break
                after = agreement.id
                document = session.get_one(Document, agreement.final_id)
                rows.writerow([cell(value) for value in _line(agreement, document)])
                yield _export_one(session, folder, agreement, document)
    os.replace(listed, folder / "agreements.csv")  # noqa: PTH105


def _export_one(session: Session, folder: Path, agreement: Agreement, document: Document) -> Exported:
    number = f"{int(agreement.data['company_id'])}-{agreement.version}"
    own = folder / number
    own.mkdir(exist_ok=True, mode=0o700)
    entries = trail(session, agreement.onboarding_id)
    evidence = {
        "number": number,
        "sha256": document.sha256,
        "case_id": agreement.onboarding_id,
        "unbroken": first_broken(entries) is None,
        "how_to_check": HOW_TO_CHECK,
        "entries": [_told(entry) for entry in entries],
    }
    is_new = not _is_there(own / "agreement.pdf", document.sha256)
    if is_new:
        _write(own / "agreement.pdf", document.content)
    _write(own / "agreement.json", json.dumps(agreement.data, ensure_ascii=False, indent=1).encode())
    _write(own / "trail.json", json.dumps(evidence, ensure_ascii=False, indent=1).encode())
    _write(own / "trail.csv", _table(entries))
    return Exported(number, own, is_new)


def _line(agreement: Agreement, document: Document) -> list[Any]:
    data = agreement.data
    return [
        data["number"],
        data["firm_name"],
        data["company_id"],
        agreement.signer,
        agreement.signed_at and agreement.signed_at.isoformat(),
        agreement.countersigned_by,
        agreement.countersigned_at and agreement.countersigned_at.isoformat(),
        document.sha256,
    ]


def _told(entry: Entry) -> dict[str, Any]:
    told = {name: getattr(entry, name) for name in ("version", "number", "action", "commitments", "previous", "hash")}
    values = [{"about": value.about, "value": value.value, "salt": value.salt} for value in entry.values]
    return {**told, "at": entry.at.isoformat(), "actor": entry.actor_id, "facts": entry.plain, "values": values}


def _table(entries: Sequence[Entry]) -> bytes:
    """To be read: of whom something is told stands with it as far as it was not erased."""
    file = io.StringIO(newline="")
    rows = csv.writer(file)
    rows.writerow(["number", "at", "actor", "action", "facts", "previous", "hash"])
    for entry in entries:
        facts = json.dumps(entry.facts, ensure_ascii=False, sort_keys=True)
        values = [entry.number, entry.at.isoformat(), entry.actor, entry.action, facts, entry.previous, entry.hash]
        rows.writerow([cell(value) for value in values])
    return file.getvalue().encode("utf-8-sig")


def _is_there(file: Path, digest: str) -> bool:
    return file.is_file() and sha256(file.read_bytes()).hexdigest() == digest


def _write(file: Path, content: bytes) -> None:
    fresh = file.with_name(f".{file.name}.part")
    fresh.write_bytes(content)
    os.replace(fresh, file)  # noqa: PTH105
