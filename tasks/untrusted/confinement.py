"""What a process that opens strangers' files can no longer do once it has confined itself.

On Linux it reads libraries, fonts and our code and nothing else, writes nothing but what is open already, gets no
connection and no device, starts no process or thread, and reaches no other process: by Landlock
(``tasks.untrusted.landlock``) and a list of system calls (``tasks.untrusted.seccomp``), for root as for anybody. Where
the kernel has no Landlock, the list has no call that opens a file: what such a process will need it has to load before,
and the letters of a drawing become boxes for want of fonts. Where that cannot be had either, it does not work at all.

Elsewhere (macOS) there is neither, and ``PROVISION_UNCONFINED`` has to say that limits will do: of time, memory,
files, and of processes.
"""

import ctypes
import importlib
import os
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tasks.untrusted.landlock import leave_only_libraries
from tasks.untrusted.seccomp import allow_only_what_reading_needs

CPU_SECONDS = 8
MEMORY = 1 << 30
"""Bytes of address space."""
FILE_MOST = 20_000_000
"""Bytes that it may write to one file; its answer is one."""
FILES = 64
CODECS = ("ascii", "latin_1", "iso8859_15", "cp1252", "utf_8_sig", "utf_16", "utf_16_be", "utf_16_le", "utf_32", "idna")
UNCONFINED = "PROVISION_UNCONFINED"
"""Set in the environment of the process: limits alone will do where there is nothing more."""

_NO_NEW_PRIVILEGES, _DIES_WITH_PARENT = 38, 1


class Limits(NamedTuple):
    """How much of the machine a process may take that needs other limits than most."""

    cpu_seconds: int
    memory: int
    file_most: int


class CannotConfine(Exception):
    """The system does not let a process give up what it must not have, so it must not open anything."""


def confine(ahead: Sequence[str] = (), limits: Limits | None = None) -> None:
    """Give up for good what opening a file does not need; raises CannotConfine where that is too little.

    *ahead* are modules that are loaded when they are needed; at once where no file can be opened afterwards.
    """
    cpu_seconds, memory, file_most = limits or (CPU_SECONDS, MEMORY, FILE_MOST)
    for limit, most in (
        (resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1)),
        (resource.RLIMIT_AS, (memory, memory)),
        (resource.RLIMIT_FSIZE, (file_most, file_most)),
        (resource.RLIMIT_NOFILE, (FILES, FILES)),
        (resource.RLIMIT_NPROC, (0, 0)),
        (resource.RLIMIT_CORE, (0, 0)),
    ):
        resource.setrlimit(limit, most)
    try:
        _confine_on_linux(ahead)
    except OSError as error:
        if UNCONFINED not in os.environ:
            raise CannotConfine(
                f"Files of strangers are not opened here, since this process cannot be confined ({error.strerror}): "
                "work on Linux 5.13 or later, x86-64 or ARM64, or let limits of time and memory do "
                f"by {UNCONFINED}=true."
            ) from error


def _confine_on_linux(ahead: Sequence[str]) -> None:
    if sys.platform != "linux":
        raise OSError(0, f"{sys.platform} has neither Landlock nor seccomp")
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise OSError(0, "there are threads already, which would stay free")  # Both hold for one thread alone.
    _control(_DIES_WITH_PARENT, signal.SIGKILL)
    _control(_NO_NEW_PRIVILEGES, 1)
    opening = leave_only_libraries()
    if not opening:
        for module in (*ahead, *(f"encodings.{name}" for name in CODECS)):
            importlib.import_module(module)
    allow_only_what_reading_needs(opening=opening)


def _control(what: int, value: int) -> None:
    kernel = ctypes.CDLL(None, use_errno=True)
    if kernel.prctl(what, *(ctypes.c_ulong(each) for each in (value, 0, 0, 0))) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {what}: {os.strerror(ctypes.get_errno())}")
