"""No files but a few to read: what Linux calls Landlock, which every user may ask for and root cannot shed.

It holds for what is opened from then on. Files that are open already stay what they are.
"""

import ctypes
import errno
import os
import site
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CREATE, ADD_RULE, RESTRICT = 444, 445, 446
"""Numbers of the system calls, the same on every machine."""
VERSION = 1
BENEATH = 1
READ_FILE, READ_FOLDER = 1 << 2, 1 << 3
RIGHTS = {1: 1 << 13, 2: 1 << 14, 3: 1 << 15, 5: 1 << 16}
"""By version of the interface: the first right on files that it does not know yet."""
CONNECTIONS, SIGNALS_AND_SOCKETS = 0b11, 0b11
"""To bind and to connect (TCP), since version 4; signals and nameless sockets out of the process, since 6."""

LIBRARIES = ("/usr/lib64", "/lib/{machine}", "/usr/lib/{machine}", "/etc/ld.so.cache")
SETTINGS = ("/usr/lib/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf", "/etc/localtime", "/usr/share/zoneinfo")
FONTS = (
    *("/etc/fonts", "/usr/share/fontconfig", "/var/cache/fontconfig"),
    *("/usr/share/fonts", "/usr/local/share/fonts", "/usr/share/X11/fonts"),
    *("~/.fonts", "~/.local/share/fonts", "~/.config/fontconfig", "~/.cache/fontconfig"),
)


class _Rules(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def leave_only_libraries() -> bool:
    """Let this process open nothing but libraries, fonts and our code, to read; False where the kernel cannot.

    Needs ``no_new_privs``; raises OSError for anything unforeseen.
    """
    kernel = ctypes.CDLL(None, use_errno=True)
    kernel.syscall.restype = ctypes.c_long
    version = kernel.syscall(CREATE, None, ctypes.c_size_t(0), VERSION)
    if version < 1:
        return False
    files = next((first for since, first in sorted(RIGHTS.items(), reverse=True) if since <= version)) - 1
    asked = _Rules(files, CONNECTIONS if version >= 4 else 0, SIGNALS_AND_SOCKETS if version >= 6 else 0)
    rules = _done(kernel.syscall(CREATE, ctypes.byref(asked), ctypes.c_size_t(ctypes.sizeof(asked)), 0))
    try:
        for path in _readable():
            # What is not there, or not for this user, needs no rule.
            with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                _allow(kernel, rules, path)
        _done(kernel.syscall(RESTRICT, rules, 0))
    finally:
        os.close(rules)
    return True


def _readable() -> Iterator[str]:
    yield str(Path(os.__file__).parent)
    yield from site.getsitepackages()
    for ours in ("tasks", "models"):
        yield str(Path(__file__).parents[2] / ours)
    machine = getattr(sys.implementation, "_multiarch", "")  # ``sysconfig`` tells it too, but takes long.
    for path in (*LIBRARIES, *SETTINGS, *FONTS):
        if machine or "{machine}" not in path:
            yield os.path.expanduser(path.format(machine=machine))  # noqa: PTH111  (Of no home it makes no error.)


def _allow(kernel: ctypes.CDLL, rules: int, path: str) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rights = READ_FILE | READ_FOLDER if Path(path).is_dir() else READ_FILE
        _done(kernel.syscall(ADD_RULE, rules, BENEATH, ctypes.byref(_Beneath(rights, place)), 0))
    finally:
        os.close(place)


def _done(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"Landlock: {errno.errorcode.get(ctypes.get_errno(), 'unknown')}")
    return result
