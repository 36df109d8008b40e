"""How our processes write their logs: an object a line, without addresses or tokens.

Names cannot be told from other words: that none gets into a log is up to who writes the line. Case numbers may.
"""

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime

from models.settings import settings

_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")
_TOKEN = re.compile(r"(?<![\w-])(?:[\w-]{43}|whsec_[\w+/=-]+)(?![\w-])")
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def without_secrets(text: str) -> str:
    """The text with addresses and personal links blotted out."""
    return _TOKEN.sub("…", _ADDRESS.sub("…@…", text))


class Lines(logging.Formatter):
    """One line an entry: a JSON object, or text to be read by eye."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        entry = {"at": at, "level": record.levelname.lower(), "logger": record.name}
        entry["message"] = without_secrets(record.getMessage())
        more = {name: value for name, value in vars(record).items() if name not in _PLAIN and _is_plain(value)}
        entry |= {name: without_secrets(value) if isinstance(value, str) else value for name, value in more.items()}
        if record.exc_info and record.exc_info[0] is not None:
            entry["error"] = record.exc_info[0].__name__
            entry["traceback"] = without_secrets("".join(traceback.format_exception(*record.exc_info)))
        if self._as_json:
            return json.dumps(entry, ensure_ascii=False)
        head = f"{entry.pop('at')} {entry.pop('level').upper():7} {entry.pop('logger')}: {entry.pop('message')}"
        trace = entry.pop("traceback", "")
        return " ".join([head, *(f"{name}={value}" for name, value in entry.items())]) + (f"\n{trace}" if trace else "")


def set_up() -> None:
    """Let everything that this process logs be written so, whoever has put up the handlers."""
    lines = Lines(as_json=settings().log_format == "json")
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler(sys.stderr))
    for ours in ("models", "tasks", "flows", "deployments"):
        logging.getLogger(ours).setLevel(logging.INFO)
    loggers = [
        root,
        *(logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)),
    ]
    for logger in loggers:
        for handler in logger.handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.setFormatter(lines)


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | bool)
