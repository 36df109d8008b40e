"""A back-up of the whole product while it runs: rows, data folder and secrets in one file.

First the rows as they stand at one moment, then the files: a file is there before the row that tells of it, so that no
row in a back-up points to a file that is not. What is not in it: logs, what Prefect knows (the sweep makes its runs
anew), and the list of who was erased, which has to outlive every restore.
"""

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from models.errors import N_, ProvisionError
from models.settings import settings
from models.time.clock import now
from tasks.backup import database
from tasks.backup.archive import (
    DATABASE,
    FILES,
    MANIFEST,
    NAME,
    SETTINGS,
    Manifest,
    Progress,
    reading,
    sync,
    writing,
)

NOT_IN_IT = {"logs", "prefect", "running.json", "secret", "webhook-secret"}
"""Of the data folder; both secrets come from the settings, wherever they are kept."""


class Misplaced(ProvisionError):
    says = N_(
        "%(file)s lies in the folder that is backed up: name a place outside of %(folder)s, best on another disk."
    )

    def __init__(self, file: str, folder: str) -> None:
        super().__init__(file, folder)
        self.file = file
        self.folder = folder


@dataclass(frozen=True)
class BackedUp:
    """What is in a back-up now."""

    manifest: Manifest
    size: int
    """Bytes of the file."""
    skipped: int
    """Files of the data folder that are no plain ones, or are called as none of the product's is."""


def back_up(file: Path, passphrase: str = "", progress: Progress = lambda *_: None) -> BackedUp:
    """Write everything into a new *file*, encrypted if there is a passphrase.

    Raises BackupThere, Misplaced, DatabaseBehind.
    """
    data, at = settings().data.absolute(), now()
    if file.absolute().resolve().is_relative_to(data.resolve()):
        raise Misplaced(str(file), str(data))
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    # In the data folder, as it is in the clear; if we die over it, it goes with what was begun there and not finished.
    rows = data / f".backup.{secrets.token_hex(4)}"
    with writing(file, passphrase) as made:
        try:
            rows.touch(mode=0o600)
            progress("rows", 0, 0)
            numbers = database.snapshot(rows)
            revision, counts = database.count(rows)
            theirs, skipped = _files(data)
            own = _secrets()
            files_bytes = sum(size for _, size in theirs.values()) + sum(len(content) for content in own.values())
            manifest = Manifest(
                at,
                version("provision-onboarding"),
                revision,
                "sqlite" if database.is_sqlite() else "postgresql",
                counts,
                rows.stat().st_size,
                len(theirs) + len(own),
                files_bytes,
                numbers,
            )
            done, of = 0, manifest.database_bytes + files_bytes

            def tick(count: int) -> None:
                nonlocal done
                done += count
                progress("written", done, of)

            made.add_bytes(MANIFEST, manifest.as_json())
            with rows.open("rb") as opened:
                made.add(DATABASE, opened, manifest.database_bytes, tick)
        finally:
            rows.unlink(missing_ok=True)
        made.add_bytes(SETTINGS, json.dumps(told_settings(), indent=1).encode())
        for name, content in own.items():
            made.add_bytes(FILES + name, content)
        for name, (place, size) in theirs.items():
            try:
                opened = place.open("rb")
            except FileNotFoundError:  # Its time was over just now.
                continue
            with opened:
                made.add(FILES + name, opened, min(size, os.fstat(opened.fileno()).st_size), tick)
    sync(file.absolute().parent)
    return BackedUp(manifest, file.stat().st_size, skipped)


def check(file: Path, passphrase: str = "", progress: Progress = lambda *_: None) -> Manifest:
    """Read all of it and hold each part against its sum; nothing is written. Raises what ``archive.reading`` does."""
    with reading(file, passphrase, progress) as archive:
        for _ in archive.parts():
            pass
        return archive.manifest


def told_settings() -> dict[str, str]:
    """Every setting that somebody has set, in the clear."""
    return {name: _told(getattr(settings(), name)) for name in sorted(settings().model_fields_set)}


def _told(value: Any) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _secrets() -> dict[str, bytes]:
    """By which links and events are signed, wherever they are kept; and the key of the seal, if a setting names it."""
    own = {"secret": settings().secret_key, "webhook-secret": " ".join(settings().webhook_keys).encode()}
    seal = settings().seal_pkcs12
    if seal is not None and not seal.absolute().is_relative_to(settings().data.absolute()):
        own["seal.p12"] = seal.read_bytes()
    return own


def _files(data: Path) -> tuple[dict[str, tuple[Path, int]], int]:
    """Name, place and size of what lies in the data folder, and how much else is there that is not taken along."""
    rows = database.sqlite_file().name if database.is_sqlite() else "provision.db"
    found, skipped = dict[str, tuple[Path, int]](), 0
    for place in _walk(data, {*NOT_IN_IT, rows, f"{rows}-wal", f"{rows}-shm", f"{rows}-journal"}):
        name = place.relative_to(data).as_posix()
        if place.is_symlink() or not place.is_file() or not NAME.fullmatch(name) or len((FILES + name).encode()) > 250:
            skipped += place.exists()
        else:
            found[name] = place, place.stat().st_size
    return found, skipped


def _walk(folder: Path, without: set[str]) -> Iterator[Path]:
    for place in sorted(folder.iterdir()):
        if place.name in without or place.name.startswith("."):
            continue
        if place.is_dir() and not place.is_symlink():
            yield from _walk(place, set())
        else:
            yield place
