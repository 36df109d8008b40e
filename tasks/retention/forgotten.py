"""The list of those who were erased, by salted ids: a back-up of before does not bring them back.

It lies outside of the database and of the data folder (``PROVISION_FORGOTTEN_FOLDER``), is only added to, and is on the
disk before anybody is told that the erasure is done. It holds no name and no address: each line has a moment, the HMAC
of an id under a key that is made of the product's secret, and by which key that is. An id names a row by its number and
by the moment at which it was made, so that it never means another one that has got the number since; or an address at
one firm.
"""

import fcntl
import hmac
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from models.errors import N_, ProvisionError
from models.firm import Firm
from models.people.login import Login
from models.people.person import Person
from models.settings import settings

LIST = "forgotten.jsonl"


class ListUnreadable(ProvisionError):
    says = N_(
        "Line %(line)s of the list of those who were erased (%(file)s) was written with another secret, or is damaged: "
        "restore the product’s secret with which it was written, else who was erased comes back unnoticed."
    )

    def __init__(self, file: str, line: int) -> None:
        super().__init__(file, line)
        self.file = file
        self.line = line


def id_of(row: Person | Login) -> str:
    """By its number, and when it was made: another row with the same number is another one."""
    made = row.added_at if isinstance(row, Person) else row.created_at
    return f"{row.__tablename__}:{row.id}:{made.isoformat()}"


def id_of_address(address: str, firm: Firm | None) -> str:
    """An address as one firm knows it; None: as nobody does but the provider."""
    where = f"{firm.id}:{firm.created_at.isoformat()}" if firm is not None else ""
    return f"address:{where}:{address.lower()}"


class ListWithinData(ProvisionError):
    says = N_(
        "The list of those who were erased is to lie in %(folder)s, within the data folder, which every back-up holds: "
        "name another folder by PROVISION_FORGOTTEN_FOLDER."
    )

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self.folder = folder


def _folder() -> Path:
    folder = settings().forgotten.resolve()
    if folder.is_relative_to(settings().data.resolve()):
        raise ListWithinData(str(folder))
    return folder


@dataclass(frozen=True)
class Forgotten:
    """What is on the list: by salted id, when it was put there last."""

    moments: dict[str, datetime]
    key: bytes = field(repr=False)

    @classmethod
    def read(cls) -> "Forgotten":
        """All of it; a last line that was cut off counts for nothing, as its erasure was never told. Raises
        ListUnreadable, ListWithinData.
        """
        return cls(dict(_lines(_folder() / LIST)), _key())

    def since(self, plain_id: str) -> datetime | None:
        """When this was erased, or was about to be."""
        return self.moments.get(_salted(plain_id, self.key))


def _lines(file: Path) -> Iterator[tuple[str, datetime]]:
    if not file.exists():
        return
    key = _which(_key())
    with file.open("rb") as opened:
        for number, line in enumerate(opened, 1):
            try:
                told = json.loads(line)
                one = told["id"], datetime.fromisoformat(told["at"])
            except (ValueError, KeyError, TypeError) as error:
                if not line.endswith(b"\n"):
                    return
                raise ListUnreadable(str(file), number) from error
            if told.get("key") != key:
                raise ListUnreadable(str(file), number)
            yield one


def put_down(plain_ids: Iterable[str], at: datetime) -> None:
    """Add these, and come back when they are on the disk. Raises ListWithinData."""
    folder = _folder()
    if not folder.exists():
        folder.mkdir(parents=True, mode=0o700)
        _sync(folder.parent)
    key = _key()
    lines = ({"at": at.isoformat(), "key": _which(key), "id": _salted(plain, key)} for plain in plain_ids)
    told = "".join(json.dumps(line) + "\n" for line in lines)
    with (folder / LIST).open("ab+") as file:
        os.fchmod(file.fileno(), 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        _mend(file.fileno())
        file.write(told.encode())
        file.flush()
        os.fsync(file.fileno())
    _sync(folder)


def _mend(file: int) -> None:
    """A line that was cut off when the machine stopped is taken away: what follows it would be damaged by it."""
    size = end = os.fstat(file).st_size
    while end and os.pread(file, 1, end - 1) != b"\n":
        end -= 1
    if end < size:
        os.ftruncate(file, end)


def _sync(folder: Path) -> None:
    """A new file is there after a crash only if its folder was written as well."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _key() -> bytes:
    return hmac.digest(settings().secret_key, b"who was erased", "sha256")


def _salted(plain_id: str, key: bytes) -> str:
    return hmac.digest(key, plain_id.encode(), "sha256").hex()


def _which(key: bytes) -> str:
    return _salted("which key", key)[:8]
