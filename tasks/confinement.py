"""What a process that opens strangers' files can no longer do once it has confined itself.

Time, memory and the size of files are limited on every system. On Linux, where the kernel has filters for system
calls, it also gets no connection, starts no program and reaches no other process; elsewhere that part is left out.
"""

import ctypes
import platform
import resource

CPU_SECONDS = 8
MEMORY = 1 << 30
"""Bytes of address space."""
FILE_MOST = 20_000_000
"""Bytes that it may write to one file; its answer is one."""
FILES = 64

_FORBIDDEN = {
    # socket, connect, bind, execve, execveat, fork, vfork, kill, ptrace, process_vm_readv and _writev, io_uring_setup.
    "x86_64": (0xC000003E, (41, 42, 49, 59, 322, 57, 58, 62, 101, 310, 311, 425)),
    "aarch64": (0xC00000B7, (198, 203, 200, 221, 281, 129, 117, 270, 271, 425)),
}
"""By machine: its name in the kernel, and the numbers of the system calls."""
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _NOT_PERMITTED = 0x7FFF0000, 0x00050001
_NO_NEW_PRIVILEGES, _SET_FILTER, _BY_PROGRAM = 38, 22, 2


def confine() -> None:
    """Give up for good what opening a file does not need."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_MOST, FILE_MOST))
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _forbid_system_calls()


def _forbid_system_calls() -> None:
    machine = _FORBIDDEN.get(platform.machine())
    if platform.system() != "Linux" or machine is None:
        return
    name, calls = machine
    last = len(calls) + 1
    rules = [
        (_LOAD, 0, 0, 4),  # Which machine's numbers these are.
        (_EQUAL, 0, last + 1, name),
        (_LOAD, 0, 0, 0),  # The number of the call; from here on a match jumps to the last rule.
        (_AT_LEAST, last - 1, 0, 0x40000000),
        *((_EQUAL, len(calls) - at, 0, call) for at, call in enumerate(calls)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _NOT_PERMITTED),
    ]
    program = (_Rule * len(rules))(*(_Rule(*rule) for rule in rules))
    kernel = ctypes.CDLL(None, use_errno=True)
    kernel.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    kernel.prctl(_SET_FILTER, _BY_PROGRAM, ctypes.byref(_Program(len(rules), program)))


class _Rule(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("value", ctypes.c_uint))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("rules", ctypes.POINTER(_Rule)))
