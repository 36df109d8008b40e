"""One file with everything: a gzipped tar, encrypted if a passphrase is given, written and read from front to back.

    manifest.json    who made it, when, of which release and shape, and how much of everything is in it
    provision.db     all rows, as a SQLite database whatever database they come from
    settings.json    every setting that was set
    data/…           what lies in the data folder
    sums.json        the SHA-256 of each of these

It is written under another name and gets its own when it is whole and on the disk. Whoever reads it takes it for
hostile: nothing is believed before it was measured, and what does not fit is one refusal.
"""

import gzip
import io
import json
import os
import re
import secrets
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Self

from models.errors import N_, ProvisionError
from tasks.backup.sealing import MARK, BrokenSealError, PassphraseMissing, Sealing, Unsealing

FORMAT = 1
MANIFEST, DATABASE, SETTINGS, SUMS, FILES = "manifest.json", "provision.db", "settings.json", "sums.json", "data/"
BLOCK = tarfile.BLOCKSIZE
CHUNK = 2**18
TOLD_MOST = 64 * 2**20
"""Bytes of a manifest or list of sums: a million files have fewer."""
NAME = re.compile(r"(?!\.)[^/\\\0-\x1f]{1,100}(?:/(?!\.)[^/\\\0-\x1f]{1,100}){0,8}")
"""Of a file in the data folder: nothing leads out of it, and nothing is hidden."""

Progress = Callable[[str, int, int], None]
"""Is told what is being done, and how many bytes of how many are."""


class BackupThere(ProvisionError):
    says = N_("%(file)s is there already: name another file, for example with the day in its name.")

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.file = file


class BackupDamaged(ProvisionError):
    status = 422
    says = N_("%(file)s is damaged, or no back-up of this product (%(why)s): nothing was changed. Take another file.")

    def __init__(self, file: str, why: str) -> None:
        super().__init__(file, why)
        self.file = file
        self.why = why


class BackupNewer(ProvisionError):
    says = N_(
        "%(file)s was made by a newer release (%(release)s): nothing was changed. Install that release, or a newer one."
    )

    def __init__(self, file: str, release: str) -> None:
        super().__init__(file, release)
        self.file = file
        self.release = release


class DoesNotFitError(Exception):
    """What is read is not what was promised; says why."""


@dataclass(frozen=True)
class Manifest:
    """What a back-up tells of itself, before everything else."""

    made_at: datetime
    release: str
    revision: str
    """Shape of the tables."""
    kind: str
    """Of the database that the rows come from."""
    rows: Mapping[str, int]
    """By table."""
    database_bytes: int
    files: int
    files_bytes: int
    numbers: Mapping[str, int] = field(default_factory=dict)
    """By table, the last number that was given, where more were given than there are."""
    format: int = FORMAT

    def as_json(self) -> bytes:
        return json.dumps(asdict(self) | {"made_at": self.made_at.isoformat()}, indent=1).encode()

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Raises DoesNotFitError."""
        made = cls(
            **{name: told.get(name) for name in cls.__dataclass_fields__ if name != "made_at"},  # type: ignore[arg-type]
            made_at=datetime.fromisoformat(str(told.get("made_at"))),
        )
        amounts = [*(made.rows or {}).values(), *(made.numbers or {}).values()]
        amounts += [made.database_bytes, made.files, made.files_bytes]
        texts = [made.release, made.revision, made.kind, *made.rows, *made.numbers]
        if made.made_at.tzinfo is None or not all(type(text) is str and len(text) < 100 for text in texts):
            raise DoesNotFitError(MANIFEST)
        if not all(type(amount) is int and 0 <= amount < 2**62 for amount in amounts):
            raise DoesNotFitError(MANIFEST)
        return made


# ---- written


class Writing:
    """Parts, one after the other."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile) -> None:
        self._file = file
        self.sums: dict[str, str] = {}

    def add(self, name: str, content: IO[bytes], size: int, tick: Callable[[int], None] = lambda _: None) -> None:
        """So many bytes of it; raises DoesNotFitError if there are fewer."""
        header = tarfile.TarInfo(name)
        header.size, header.mode = size, 0o600
        # That of GNU has room for large files, the other one for long names.
        is_short = len(name.encode()) < tarfile.LENGTH_NAME
        self._file.write(header.tobuf(tarfile.GNU_FORMAT) if is_short else header.tobuf(tarfile.USTAR_FORMAT))
        digest, left = sha256(), size
        while left:
            chunk = content.read(min(CHUNK, left))
            if not chunk:
                raise DoesNotFitError(name)
            self._file.write(chunk)
            digest.update(chunk)
            left -= len(chunk)
            tick(len(chunk))
        self._file.write(bytes(-size % BLOCK))
        self.sums[name] = digest.hexdigest()

    def add_bytes(self, name: str, content: bytes) -> None:
        self.add(name, io.BytesIO(content), len(content))

    def end(self) -> None:
        self.add_bytes(SUMS, json.dumps(self.sums, indent=0).encode())
        self._file.write(bytes(2 * BLOCK))


@contextmanager
def writing(file: Path, passphrase: str) -> Iterator[Writing]:
    """A new back-up, for its user only; *file* is there once it is whole, or not at all. Raises BackupThere."""
    if file.exists():
        raise BackupThere(str(file))
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:  # noqa: PTH123
            sealed = Sealing(raw, passphrase) if passphrase else None
            with gzip.GzipFile("", "wb", 1, sealed or raw, mtime=0) as packed:
                made = Writing(packed)
                yield made
                made.end()
            if sealed is not None:
                sealed.close()
            raw.flush()
            os.fsync(raw.fileno())
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
    sync(file.parent)


def sync(folder: Path) -> None:
    """What was renamed there stays so, also if the power fails."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


# ---- read


class Part:
    """One of them; to be read before the next one is asked for."""

    def __init__(self, name: str, size: int, chunks: Iterator[bytes]) -> None:
        self.name, self.size, self.chunks = name, size, chunks

    def small(self) -> Any:
        """What it says, as JSON."""
        if self.size > TOLD_MOST:
            raise DoesNotFitError(self.name)
        told = json.loads(b"".join(self.chunks))
        if not isinstance(told, dict):
            raise DoesNotFitError(self.name)
        return told

    def into(self, file: IO[bytes]) -> None:
        for chunk in self.chunks:
            file.write(chunk)


class Reading:
    """The manifest at once, then all other parts; at the end it is proven that they are whole."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile, name: str) -> None:
        self._file, self._seen = file, dict[str, str]()
        first = self._next()
        if first is None or first.name != MANIFEST:
            raise DoesNotFitError("it does not begin as one")
        told = first.small()
        if type(told.get("format")) is not int or told["format"] > FORMAT:
            raise BackupNewer(name, str(told.get("release"))[:40])
        self.manifest = Manifest.from_json(told)

    def parts(self) -> Iterator[Part]:
        """Database, settings and files. Raises DoesNotFitError as soon as anything is not as the manifest says."""
        for name in (DATABASE, SETTINGS):
            part = self._next()
            if part is None or part.name != name or (name == DATABASE and part.size != self.manifest.database_bytes):
                raise DoesNotFitError(f"{name} lacks")
            yield from self._whole(part)
        files = size = 0
        while (part := self._next()) is not None and part.name != SUMS:
            files, size = files + 1, size + part.size
            name = part.name.removeprefix(FILES)
            if name == part.name or not NAME.fullmatch(name) or part.name in self._seen:
                raise DoesNotFitError(f"a file called {name[:100]!r}")
            if files > self.manifest.files or size > self.manifest.files_bytes:
                raise DoesNotFitError("more files than it says")
            yield from self._whole(part)
        seen = {**self._seen}
        if part is None or part.small() != seen:
            raise DoesNotFitError("a part is not what it was")
        if self._next() is not None:
            raise DoesNotFitError("something stands behind its end")
        while chunk := self._file.read(CHUNK):  # To the end, where the sum of the whole is.
            if chunk.strip(b"\0"):
                raise DoesNotFitError("something stands behind its end")

    def _whole(self, part: Part) -> Iterator[Part]:
        yield part
        for _ in part.chunks:  # Whoever did not want it.
            pass

    def _next(self) -> Part | None:
        block = self._exactly(BLOCK)
        if block == bytes(BLOCK):
            return None
        header = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        if header.type != tarfile.REGTYPE or header.size < 0:
            raise DoesNotFitError(f"{header.name[:100]!r} is no plain file")
        return Part(header.name, header.size, self._chunks(header))

    def _chunks(self, header: tarfile.TarInfo) -> Iterator[bytes]:
        digest, left = sha256(), header.size
        while left:
            chunk = self._exactly(min(CHUNK, left))
            digest.update(chunk)
            left -= len(chunk)
            yield chunk
        self._exactly(-header.size % BLOCK)
        self._seen[header.name] = digest.hexdigest()

    def _exactly(self, size: int) -> bytes:
        read = self._file.read(size)
        while len(read) < size:
            more = self._file.read(size - len(read))
            if not more:
                raise DoesNotFitError("it ends too early")
            read += more
        return read


class _Counted(io.RawIOBase):
    """Tells how far a file was read."""

    def __init__(self, file: IO[bytes], tick: Callable[[int], None]) -> None:
        self._file, self._tick = file, tick

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count: int = self._file.readinto(buffer)  # type: ignore[attr-defined]
        self._tick(count)
        return count


@contextmanager
def reading(file: Path, passphrase: str, progress: Progress) -> Iterator[Reading]:
    """A back-up as it is read; raises BackupDamaged, BackupNewer, PassphraseMissing, PassphraseWrong."""
    done, of = 0, file.stat().st_size if file.exists() else 0

    def tick(count: int) -> None:
        nonlocal done
        done += count
        progress("read", done, of)

    with _told(str(file)), file.open("rb") as raw:
        counted = io.BufferedReader(_Counted(raw, tick), CHUNK)
        clear: IO[bytes] = counted
        if counted.peek(len(MARK))[: len(MARK)] == MARK:
            if not passphrase:
                raise PassphraseMissing(str(file))
            counted.read(len(MARK))
            clear = io.BufferedReader(Unsealing(counted, passphrase, str(file)), CHUNK)
        with gzip.GzipFile("", "rb", fileobj=clear) as unpacked:
            yield Reading(unpacked, str(file))


@contextmanager
def _told(file: str) -> Iterator[None]:
    """Whatever is wrong with the file is one refusal."""
    try:
        yield
    except DoesNotFitError as error:
        raise BackupDamaged(file, str(error)) from error
    except BrokenSealError as error:
        raise BackupDamaged(file, "a piece of it was changed or lacks") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BackupDamaged(file, "it cannot be unpacked") from error
    except OSError as error:
        if str(error.filename) != file:
            raise
        raise BackupDamaged(file, error.strerror or str(error)) from error
    except (tarfile.TarError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BackupDamaged(file, "it cannot be read") from error
