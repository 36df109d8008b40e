"""The product as a back-up has it, in place of what is there.

All of it is made ready beside what is there: read and proven, brought to the present shape, whoever was erased since
erased again. Only then it takes the old one's place, in one step; whoever dies before has changed nothing.
"""

import ctypes
import errno
import os
import secrets
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, func, select

from models.audit import HOUSE, record
from models.db import engine, transaction
from models.errors import N_, ProvisionError
from models.mail.outbox import Outgoing
from models.migrate import upgrade
from models.people.login import SignIn
from models.restoration import Restoration
from models.settings import elsewhere, settings
from models.time.clock import now
from tasks.backup import archive, database
from tasks.backup.archive import DATABASE, FILES, SETTINGS, BackupDamaged, BackupNewer, Manifest, Progress, Reading
from tasks.backup.making import told_settings
from tasks.retention.erasure import Replayed, replay

BEGUN = ".restoring-"
OF_THE_PLACE = {"data", "database_url", "env_file", "time_shift"}
"""Settings that are another elsewhere."""


class TargetHolds(ProvisionError):
    says = N_(
        "%(place)s is not empty, and nothing was changed: back it up first, then say --replace to put the back-up in"
        " its place."
    )

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


class NoRoom(ProvisionError):
    says = N_("%(place)s has %(free)s MB left, and %(needed)s MB are needed: nothing was changed. Make room first.")

    def __init__(self, place: str, needed: int, free: int) -> None:
        super().__init__(place, needed, free)
        self.place = place
        self.needed = needed
        self.free = free


@dataclass(frozen=True)
class Restored:
    """What is there now, or would be."""

    manifest: Manifest
    mails: int
    """That wait, and rest until an operator says go."""
    sessions: int
    """That were ended."""
    again: Replayed
    """Who was erased since, and was again."""
    unlike: tuple[str, ...]
    """Settings that are not as they were then."""
    before: Path | None
    """Where the data folder of before lies now."""


def restore(
    file: Path,
    passphrase: str = "",
    *,
    replace: bool = False,
    dry_run: bool = False,
    progress: Progress = lambda *_: None,
) -> Restored:
    """Put what is in *file* where the settings say. *replace*: also in place of something. *dry_run*: all but that.

    Raises TargetHolds, InUse, NoRoom, BackupDamaged, BackupNewer, PassphraseMissing, PassphraseWrong, ListUnreadable.
    """
    data = settings().data.absolute()
    if not (replace or dry_run or database.is_empty()):
        raise TargetHolds(str(database.sqlite_file() if database.is_sqlite() else data))
    # Beside the data folder, so that both can change places; within, where it is a disk of its own.
    is_inside = data.exists() and (data.is_mount() or not os.access(data.parent, os.W_OK))
    beside = data / BEGUN if is_inside else data.with_name(f".{data.name}{BEGUN}")
    beside.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in beside.parent.glob(f"{beside.name}*"):  # Of one that was killed.
        shutil.rmtree(left)
    work = beside.with_name(beside.name + secrets.token_hex(4))
    (work / "data").mkdir(parents=True, mode=0o700)
    try:
        manifest, unlike = _unpack(file, passphrase, work / "data", progress)
        done = _make_ready(file, manifest, unlike, work / "data", progress)
        return done if dry_run else _swap(done, work, data, is_inside=is_inside, progress=progress)
    finally:
        shutil.rmtree(work)


def _unpack(file: Path, passphrase: str, folder: Path, progress: Progress) -> tuple[Manifest, tuple[str, ...]]:
    """All of it, proven, into an empty folder."""
    with archive.reading(file, passphrase, progress) as opened:
        manifest = opened.manifest
        if not database.is_known(manifest.revision):
            raise BackupNewer(str(file), manifest.release)
        # Twice the rows: a table is changed by making it anew.
        needed, free = 2 * manifest.database_bytes + manifest.files_bytes, shutil.disk_usage(folder).free
        if needed > free:
            raise NoRoom(str(folder.parent.parent), needed // 10**6 + 1, free // 10**6)
        then = _put_down(opened, folder)
    try:
        database.require_sound(folder / DATABASE, manifest.revision, manifest.rows)
    except database.UnsoundError as error:
        raise BackupDamaged(str(file), str(error)) from error
    told = told_settings()
    names = (then.keys() | told.keys()) - OF_THE_PLACE
    return manifest, tuple(sorted(name for name in names if then.get(name) != told.get(name)))


def _put_down(opened: Reading, folder: Path) -> dict[str, str]:
    then: dict[str, str] = {}
    for part in opened.parts():
        if part.name == SETTINGS:
            then = {str(name): str(value) for name, value in part.small().items()}
            continue
        place = folder / (part.name.removeprefix(FILES))
        try:
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            made = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except (FileExistsError, NotADirectoryError) as error:
            raise archive.DoesNotFitError(f"two files called {part.name[:100]!r}") from error
        with open(made, "wb") as opened_file:  # noqa: PTH123
            part.into(opened_file)
    return then


def _make_ready(file: Path, manifest: Manifest, unlike: tuple[str, ...], folder: Path, progress: Progress) -> Restored:
    """The rows of then, so that work can go on with them today."""
    progress("made ready", 0, 0)
    secret = (folder / "secret").read_text().strip() if (folder / "secret").exists() else ""
    if not secret:
        raise BackupDamaged(str(file), "its secret lacks")
    with elsewhere(folder):
        upgrade()
        again = replay()
        mails, sessions = _note(manifest.made_at)
        engine(settings().database).dispose()
        database.seize()
    if settings().secret.get_secret_value() not in {"", secret}:
        unlike = tuple(sorted({*unlike, "secret"}))
    return Restored(manifest, mails, sessions, again, unlike, None)


def _note(made_at: datetime) -> tuple[int, int]:
    """Nobody is let in by a session that may have been ended since, and no mail leaves that may have left since."""
    at = now()
    with transaction() as session:
        sessions = session.execute(delete(SignIn)).rowcount  # type: ignore[attr-defined]
        mails = session.scalar(select(func.count()).select_from(Outgoing).where(Outgoing.due_at.is_not(None))) or 0
        session.add(Restoration(made_at=made_at, restored_at=at))
        record(session, HOUSE, at, "data.restored", made_at=made_at.isoformat(), mails=mails, sessions=sessions)
    return mails, sessions


# ---- the old one's place


def _swap(done: Restored, work: Path, data: Path, *, is_inside: bool, progress: Progress) -> Restored:
    fresh, rows = work / "data", work / "data" / DATABASE
    before: list[Path | None] = []

    def exchange() -> None:
        os.sync()
        before.append(_exchange(fresh, data, is_inside=is_inside))

    if not database.is_sqlite():
        apart = rows.rename(work / DATABASE)
        loaded, of = 0, sum(done.manifest.rows.values())

        def tick(count: int) -> None:
            nonlocal loaded
            loaded += count
            progress("loaded", loaded, of)

        database.load(apart, done.manifest.numbers, exchange, tick)
    else:
        target = database.sqlite_file()
        database.seize()
        if target != data / DATABASE:
            rows = rows.rename(work / DATABASE)
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            near = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
            shutil.copyfile(rows, near)
            near.chmod(0o600)
            exchange()
            near.replace(target)
        else:
            exchange()
        engine(settings().database).dispose()
    settings.cache_clear()
    return Restored(done.manifest, done.mails, done.sessions, done.again, done.unlike, before[0])


def _exchange(fresh: Path, data: Path, *, is_inside: bool) -> Path | None:
    """*fresh* becomes *data*; returns where the old one lies now."""
    if not data.exists():
        fresh.rename(data)
        return None
    stamp = f"{now():%Y%m%d-%H%M%S}"
    if is_inside:
        aside = data / f".before-{stamp}"
        aside.mkdir(mode=0o700)
        for place in [*data.iterdir()]:
            if place not in {aside, fresh.parent}:
                place.rename(aside / place.name)
        for place in [*fresh.iterdir()]:
            place.rename(data / place.name)
        return aside
    aside = data.with_name(f"{data.name}.before-{stamp}")
    if _change_places(fresh, data):
        fresh.rename(aside)
    else:
        data.rename(aside)
        fresh.rename(data)
    archive.sync(data.parent)
    return aside


def _change_places(one: Path, other: Path) -> bool:
    """At once, so that there is never none; False where the system cannot do that."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:  # Neither Linux nor a C library that knows it.
        return False
    here, exchanged = -100, 2  # AT_FDCWD, RENAME_EXCHANGE.
    if rename(here, os.fsencode(one), here, os.fsencode(other), exchanged) == 0:
        return True
    if ctypes.get_errno() in {errno.EINVAL, errno.ENOSYS, errno.EPERM}:
        return False
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(other))
