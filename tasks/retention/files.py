"""Files in the data folder that are past their time: caught mails, logs, and what was begun and never finished."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

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
