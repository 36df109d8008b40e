"""System calls that a process may make, and no others: what Linux calls seccomp, with a list of what is allowed.

The list is what Python and the libraries that read PDFs and pictures were seen to call, and their equals of other
versions. Whatever else is asked for fails as not permitted.
"""

import ctypes
import os
import platform
from collections.abc import Iterator

MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""By machine: its name in the kernel, and its column below."""
# fmt: off
CALLS: dict[str, tuple[int | None, int | None]] = {
    # What is open already; nothing of it leads out of this process but its answer.
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66), "pread64": (17, 67),
    "pwrite64": (18, 68), "lseek": (8, 62), "close": (3, 57), "fadvise64": (221, 223),
    "dup": (32, 23), "dup2": (33, None), "dup3": (292, 24),
    # Memory.
    "mmap": (9, 222), "munmap": (11, 215), "mremap": (25, 216), "mprotect": (10, 226), "madvise": (28, 233),
    "brk": (12, 214),
    # What a file is and where; to open one is another matter, see below.
    "fstat": (5, 80), "stat": (4, None), "lstat": (6, None), "newfstatat": (262, 79), "statx": (332, 291),
    "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439), "readlink": (89, None),
    "readlinkat": (267, 78), "getcwd": (79, 17), "getdents64": (217, 61), "statfs": (137, 43), "fstatfs": (138, 44),
    # Time, chance, and who and where this process is.
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "nanosleep": (35, 101),
    "gettimeofday": (96, 169), "time": (201, None), "times": (100, 153), "getrusage": (98, 165),
    "getrandom": (318, 278), "getpid": (39, 172), "gettid": (186, 178), "getppid": (110, 173),
    "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177),
    "uname": (63, 160), "sysinfo": (99, 179), "sched_getaffinity": (204, 123), "sched_yield": (24, 124),
    # Locks, signals to itself, and waiting, which Python's event loop does though nothing comes.
    "futex": (202, 98), "set_robust_list": (273, 99), "rseq": (334, 293), "membarrier": (324, 283),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "sigaltstack": (131, 132),
    "restart_syscall": (219, 128), "pipe": (22, None), "pipe2": (293, 59), "eventfd2": (290, 19),
    "poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72), "getsockname": (51, 204),
    "epoll_create1": (291, 20), "epoll_ctl": (233, 21), "epoll_wait": (232, None), "epoll_pwait": (281, 22),
    # The end.
    "exit": (60, 93), "exit_group": (231, 94),
}
# fmt: on
"""Numbers on x86-64 and on ARM64."""
ONE_OF: dict[tuple[int, int], tuple[int, tuple[int, ...]]] = {
    # Descriptors are copied and marked. Who gets a signal when one is ready (F_SETOWN) is not to be said.
    (72, 25): (1, (0, 1, 2, 3, 4, 1030)),
    # Whether it is a terminal; whether it blocks and is inherited.
    (16, 29): (1, (0x5401, 0x802C542A, 0x5421, 0x5450, 0x5451)),
    # A pair of ends within this process (AF_UNIX).
    (53, 199): (0, (1,)),
}
"""fcntl, ioctl and socketpair: which argument has to be one of these."""
OPEN: dict[tuple[int | None, int | None], int] = {(2, None): 1, (257, 56): 2}
"""open and openat, and which argument tells what for."""
NOT_TO_READ = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _NOT_PERMITTED, _KILL = 0x7FFF0000, 0x00050001, 0x80000000
_NUMBER, _MACHINE, _FIRST_ARGUMENT, _ARGUMENT = 0, 4, 16, 8
_SET_FILTER, _BY_PROGRAM = 22, 2
_OF_ANOTHER_KIND = 0x40000000
"""From here on x86-64 numbers the same calls anew, for x32."""

Rule = tuple[int, int, int, int]


class _Rule(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("value", ctypes.c_uint))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("rules", ctypes.POINTER(_Rule)))


def allow_only_what_reading_needs(*, opening: bool) -> None:
    """Refuse every other call from now on; with *opening* files may be opened to read, else none at all.

    Needs ``no_new_privs``; raises OSError where the kernel or the machine has no such filter.
    """
    if platform.machine() not in MACHINES:
        raise OSError(0, f"no list of system calls for {platform.machine()}")
    rules = list(_rules(*MACHINES[platform.machine()], opening=opening))
    program = _Program(len(rules), (_Rule * len(rules))(*(_Rule(*rule) for rule in rules)))
    kernel = ctypes.CDLL(None, use_errno=True)
    if kernel.prctl(_SET_FILTER, ctypes.c_ulong(_BY_PROGRAM), ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel has no filter for system calls")


def _rules(machine: int, column: int, *, opening: bool) -> Iterator[Rule]:
    """The program: each step says how many of the next are left out if it holds, and if not."""
    yield from [(_LOAD, 0, 0, _MACHINE), (_EQUAL, 1, 0, machine), (_RETURN, 0, 0, _KILL)]
    yield from [(_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, _OF_ANOTHER_KIND), (_RETURN, 0, 0, _KILL)]
    for numbers in CALLS.values():
        yield from _when(numbers[column], [(_RETURN, 0, 0, _ALLOW)])
    for both, (place, values) in ONE_OF.items():
        allowed = [rule for value in values for rule in ((_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW))]
        yield from _when(both[column], [_argument(place), *allowed, (_RETURN, 0, 0, _NOT_PERMITTED)])
    if opening:
        for numbers, place in OPEN.items():
            for_reading = [(_ANY_BIT, 1, 0, NOT_TO_READ), (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _NOT_PERMITTED)]
            yield from _when(numbers[column], [_argument(place), *for_reading])
    yield (_RETURN, 0, 0, _NOT_PERMITTED)


def _when(number: int | None, then: list[Rule]) -> list[Rule]:
    return [] if number is None else [(_EQUAL, 0, len(then), number), *then]


def _argument(place: int) -> Rule:
    """Its lower half: the kernel takes no more of a flag or a command."""
    return (_LOAD, 0, 0, _FIRST_ARGUMENT + _ARGUMENT * place)
