"""What can be wrong with a trail, or with what it tells of, in sentences that say what to do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from models.audit import HOUSE, Chain, Erasure


class Kind(StrEnum):
    """What can be wrong."""

    CHANGED = "changed"
    MISSING = "missing"
    LOST = "lost"
    LEFT = "left"
    NO_TRAIL = "no_trail"
    NO_CASE = "no_case"
    NOT_LISTED = "not_listed"
    ROW = "row"
    NO_ROW = "no_row"
    STRANGE_ROW = "strange_row"
    FILE = "file"
    NO_FILE = "no_file"
    SEAL = "seal"
    STRANGE_SEAL = "strange_seal"
    UNCHECKED = "unchecked"
    UNREADABLE = "unreadable"


FOUND = {
    Kind.CHANGED: "entry {number} of {entries} is not what it was when it was written",
    Kind.MISSING: "entry {number} is missing, there are {entries}",
    Kind.LOST: "what entry {number} told of {about} is gone, and no act says that it was erased",
    Kind.LEFT: "what entry {number} told of {about} was erased, as an act says, and is there, or never was",
    Kind.NO_TRAIL: "there is no trail at all",
    Kind.NO_CASE: "the case is gone, only its trail is left",
    Kind.NOT_LISTED: "chain 0 does not know that this case was opened",
    Kind.ROW: "{what}: the database says {is_so}, the trail {was_so}",
    Kind.NO_ROW: "{what} is gone, and the trail tells of it",
    Kind.STRANGE_ROW: "{what} is there, and the trail tells nothing of it",
    Kind.FILE: "{what} is not the file that the trail names ({sha256})",
    Kind.NO_FILE: "{what} is gone, and the trail names it ({sha256})",
    Kind.SEAL: "the seal of {what} is broken, or it has none: the file was changed after it was sealed",
    Kind.STRANGE_SEAL: "{what} is sealed with a certificate that is not known here (SHA-256 {sha256})",
    Kind.UNCHECKED: "the seal of {what} could not be checked, because that took too much time or memory",
    Kind.UNREADABLE: "something in its entries or rows is of a shape that the product never writes",
}
TO_DO = {
    Kind.CHANGED: "Entries before it hold; compare the rest with a backup or an export from before.",
    Kind.MISSING: "Look for it in a backup or an export from before.",
    Kind.LOST: "Look for it in a backup or an export from before, and find out who has removed it.",
    Kind.LEFT: "Find out who has put it back, or has written that act.",
    Kind.NO_TRAIL: "Restore it from a backup.",
    Kind.NO_CASE: "Restore the case from a backup.",
    Kind.NOT_LISTED: "Find out who has put it there: the product lists every case that it opens.",
    Kind.ROW: "Believe the trail where it holds, and find out who has changed the row.",
    Kind.NO_ROW: "Restore it from a backup.",
    Kind.STRANGE_ROW: "Find out who has put it there: the product records all that it writes there.",
    Kind.FILE: "Restore it from a backup, or from the copy that both sides got by mail; its sum must be this one.",
    Kind.NO_FILE: "Restore it from a backup, or from the copy that both sides got by mail; its sum must be this one.",
    Kind.SEAL: "Restore it from a backup, or from the copy that both sides got by mail.",
    Kind.STRANGE_SEAL: (
        "If it is an earlier certificate of yours, or of another machine, name it by PROVISION_SEAL_KNOWN;"
        " otherwise the file is not yours."
    ),
    Kind.UNCHECKED: "Try again while the machine has little to do; if it stays so, the file is not what was sealed.",
    Kind.UNREADABLE: "Restore it from a backup, and find out who has written there.",
}


@dataclass(frozen=True)
class Fault:
    """Something that is not as it was written down; as text, a sentence that says what was found and what to do."""

    case_id: int
    kind: Kind
    facts: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        where = "Chain 0" if self.case_id == HOUSE else f"Case {self.case_id}"
        return f"{where}: {FOUND[self.kind].format(**self.facts)}. {TO_DO[self.kind]}"


@dataclass(frozen=True)
class Verified:
    """What became of one trail."""

    case_id: int
    entries: int
    faults: tuple[Fault, ...] = ()
    erasures: tuple[Erasure, ...] = ()
    """By which acts values were erased; nothing can be held against them any more."""
    is_older: bool = False
    """Entries of an earlier release do not tell all that can be held against it."""

    @property
    def is_whole(self) -> bool:
        return not self.faults


def chain_faults(case_id: int, chain: Chain) -> Iterator[Fault]:
    """What is wrong with a trail by itself."""
    if chain.broken is not None:
        kind = Kind.MISSING if chain.broken > chain.entries else Kind.CHANGED
        yield Fault(case_id, kind, {"number": chain.broken, "entries": chain.entries})
    for kind, value in ((Kind.LOST, chain.lost), (Kind.LEFT, chain.left)):
        if value is not None:
            yield Fault(case_id, kind, {"number": value[0], "about": value[1]})


def said(value: object) -> str:
    if value is None or value == "":
        return "nothing"
    return value.isoformat() if isinstance(value, datetime) else f"“{value}”"
