"""What the process that opens strangers' files cannot do, whoever it runs as and whatever a file makes of it."""

import ctypes
import errno
import os
import re
import subprocess
import sys
import time
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from models.settings import settings
from tasks.agreement import uploaded_copy
from tasks.agreement.uploaded_copy import inspect
from tasks.logos.look import look
from tasks.logos.render import prepared
from tasks.untrusted import landlock, sandbox
from tasks.untrusted.sandbox import Failed, NothingIsOpened
from tests.agreements import short
from tests.signing import digitally_signed, scanned
from tests.tasks.test_rendering import data

ROOT = Path(__file__).parents[2]
PATHS = {"PYTHONPATH": str(ROOT)}
NOBODY = 65534
DENIED = "PermissionError"

AS = {"whoever runs the tests": "", "another user": f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})"}

ATTACKS = {
    "reads the secret": ("open(secret)", DENIED),
    "reads the database": ("open(database, 'rb')", DENIED),
    "reads what is in the product's folder": ("open('pyproject.toml')", DENIED),
    "lists the product's folder": ("os.listdir('.')", DENIED),
    "reads the accounts of this machine": ("open('/etc/passwd')", DENIED),
    "reads by the number of a folder": ("os.open('secret', os.O_RDONLY, dir_fd=folder)", DENIED),
    "reads the environment of its parent": ("open(f'/proc/{parent}/environ')", DENIED),
    "reads the memory of its parent": ("open(f'/proc/{parent}/mem')", DENIED),
    "reads the memory of its parent by a call": ("call(310, 270, parent, 0, 0, 0, 0, 0)", DENIED),
    "follows its parent step by step": ("call(101, 117, 16, parent, 0, 0)", DENIED),
    "opens what it has open anew": ("open('/proc/self/fd/0', 'wb')", DENIED),
    "opens by a handle": ("call(304, 265, -100, 0, 0)", DENIED),
    "opens in the newest way": ("call(437, 437, -100, b'/etc/passwd', bytes(24), 24)", DENIED),
    "writes into the product's folder": ("open('tasks/left.py', 'w')", DENIED),
    "writes into the folder of all": ("open('/tmp/left', 'w')", DENIED),
    "writes into a folder of its own": ("open(f'{own}/left', 'w')", DENIED),
    "writes over the database": ("os.open(database, os.O_WRONLY)", DENIED),
    "cuts the database off": ("os.truncate(database, 0)", DENIED),
    "removes the database": ("os.unlink(database)", DENIED),
    "renames the database": ("os.rename(database, database + '.old')", DENIED),
    "makes a folder": ("os.mkdir(f'{own}/left')", DENIED),
    "makes a link": ("os.symlink('/', f'{own}/left')", DENIED),
    "opens a door to everybody": ("os.chmod(own, 0o777)", DENIED),
    "opens a door by its number": ("os.fchmod(folder, 0o777)", DENIED),
    "changes into another root": ("os.chroot(own)", DENIED),
    "mounts": ("call(165, 40, b'none', own.encode(), b'tmpfs', 0, 0)", DENIED),
    "takes a name space": ("call(272, 97, 0x10000000)", DENIED),
    "forks": ("os.fork()", DENIED),
    "clones": ("call(435, 435, bytes(88), 88)", DENIED),
    "starts a program": ("os.execv('/bin/true', ['true'])", DENIED),
    "spawns a program": ("os.posix_spawn('/bin/true', ['true'], {})", DENIED),
    "starts a thread": ("threading.Thread(target=print).start()", "RuntimeError"),
    "ends its parent": ("os.kill(parent, 9)", DENIED),
    "ends its group": ("os.killpg(0, 9)", DENIED),
    "signals by a descriptor": ("call(434, 434, parent, 0)", DENIED),
    "has its parent signalled by an open file": ("fcntl.fcntl(folder, fcntl.F_SETOWN, parent)", DENIED),
    "limits its parent": ("resource.prlimit(parent, resource.RLIMIT_CPU, (1, 1))", DENIED),
    "raises its own limits": ("resource.setrlimit(resource.RLIMIT_CPU, (99, 99))", "not allowed"),
    "lets other rules hold for it": ("call(157, 167, 22, 0, 0, 0, 0)", DENIED),
    "connects": ("socket.socket().connect(('127.0.0.1', 9))", DENIED),
    "listens": ("socket.socket(socket.AF_UNIX)", DENIED),
    "makes a pair of the network": ("socket.socketpair(socket.AF_INET)", DENIED),
    "talks to the kernel about the network": ("socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", DENIED),
    "writes into a terminal": ("fcntl.ioctl(0, 0x5412, b'x')", DENIED),
    "asks by io_uring": ("call(425, 425, 8, bytes(120))", DENIED),
    "loads a program into the kernel": ("call(321, 280, 5, bytes(120), 120)", DENIED),
    "attaches the memory of others": ("call(30, 196, 0, 0, 0)", DENIED),
    "hides a file in memory": ("os.memfd_create('left')", DENIED),
    # Newer Pythons may have no memory left to say so.
    "takes more memory": ("bytearray(2 << 30)", "MemoryError|lost sys.stderr"),
    "opens many files": ("kept = [os.dup(0) for _ in range(99)]", "Too many open files"),
    "writes a large file": ("[os.write(1, bytes(1 << 20)) for _ in range(30)]", "File too large|^$"),
}

PRELUDE = """
import ctypes, fcntl, os, resource, socket, sys, threading
secret, database, own = sys.argv[1:4]
folder, parent = os.open(own, os.O_RDONLY), os.getppid()
def call(x86_64, aarch64, *arguments):
    kernel = ctypes.CDLL(None, use_errno=True)
    if kernel.syscall(x86_64 if os.uname().machine == "x86_64" else aarch64, *arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
from tasks.untrusted.confinement import confine
{become}
confine()
{act}
"""


def has_landlock() -> bool:
    return sys.platform == "linux" and ctypes.CDLL(None).syscall(landlock.CREATE, None, ctypes.c_size_t(0), 1) > 0


pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are limits only"),
    pytest.mark.usefixtures("started_anew"),
]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Files that everybody may read and write by their modes, so that only the confinement keeps them."""
    folder = tmp_path_factory.mktemp("kept")
    for name in ("secret", "database"):
        (folder / name).write_text("not for strangers")
    for each in (folder, *folder.iterdir()):
        each.chmod(0o777)
    for above in list(folder.parents)[:-2]:
        if not above.stat().st_mode & 1 and above.owner() == folder.owner():
            above.chmod(above.stat().st_mode | 0o011)
    return folder


@pytest.mark.parametrize("who", AS)
@pytest.mark.parametrize("name", ATTACKS)
def test_the_process_that_opens_strangers_files_never(name, who, kept, tmp_path):
    act, complaint = ATTACKS[name]
    if who == "another user" and os.geteuid() != 0:
        pytest.skip("only root can become another user")
    if not has_landlock() and "MemoryError" not in complaint:
        complaint = f"{complaint}|{DENIED}"
    code = PRELUDE.format(become=AS[who], act=act)
    with (tmp_path / "said").open("wb") as said:
        ended = subprocess.run(
            [sys.executable, "-c", code, kept / "secret", kept / "database", kept],
            cwd=ROOT, env=PATHS, stdout=said, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip

    assert ended.returncode != 0
    assert re.search(complaint, ended.stderr.strip().rpartition("\n")[2])
    assert {one.name: one.read_text() for one in kept.iterdir()} == dict.fromkeys(
        ("secret", "database"), "not for strangers"
    )
    assert not (ROOT / "tasks" / "left.py").exists()


# ---- what it begins with


@pytest.fixture
def executable(tmp_path, monkeypatch):
    """Lets the sandbox start a program of these lines of Python in place of Python itself."""
    python = sys.executable

    def written(lines: str) -> None:
        file = tmp_path / "python"
        file.write_text(f"#!{python}\nimport ctypes, json, os, sys\npython = {python!r}\n{lines}\n")
        file.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(file))

    return written


def test_it_inherits_neither_settings_nor_open_files(executable, tmp_path, monkeypatch):
    monkeypatch.setenv("PROVISION_SECRET", "not for strangers")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    executable("print(json.dumps({'open': sorted(os.listdir('/proc/self/fd')), **os.environ}))")
    with (tmp_path / "other").open("w") as other:
        os.set_inheritable(other.fileno(), True)
        told, _ = sandbox.ask("tasks.untrusted.pdfs.draw", {})

    assert told.pop("open") == ["0", "1", "2", "3"]  # The last one is how it looks.
    assert set(told) <= {"PATH", "HOME", "LANG", "LC_CTYPE"}


def test_it_ends_with_the_process_that_started_it():
    child = (
        "from tasks.untrusted.confinement import confine; confine(); "
        "print('confined', flush=True); import time; time.sleep(60)"
    )
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    begun = time.monotonic()
    started = subprocess.Popen([sys.executable, "-c", parent], cwd=ROOT, env=PATHS, stdout=subprocess.PIPE)
    started.stdout.readline()

    started.kill()

    with started:
        assert started.stdout.read() == b""  # Ends when nobody is left to write.
    assert time.monotonic() - begun < 50


def test_a_process_that_was_taken_over_can_hand_back_nothing_but_a_wrong_answer(executable):
    for said in ("no JSON", "[1, 2]", '"text"'):
        executable(f"print({said!r})")
        with pytest.raises(Failed):
            sandbox.ask("tasks.untrusted.pdfs.draw", {})
    for said in ('{"width": 1}', '{"other": 1}', "[}", '"null'):
        executable(f"print({said!r})")
        assert look([b"a picture"]) == [None]


# ---- kernels that can do less

REFUSING = """
class Rule(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("value", ctypes.c_uint)]
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("rules", ctypes.POINTER(Rule))]
rules = [Rule(0x20, 0, 0, 0), Rule(0x15, 0, 3, {call}), Rule(0x20, 0, 0, 16), Rule({test}, 0, 1, {first}),
         Rule(6, 0, 0, 0x50000 + {error}), Rule(6, 0, 0, 0x7FFF0000)]
kernel = ctypes.CDLL(None, use_errno=True)
assert kernel.prctl(38, 1, 0, 0, 0) == 0
program = Program(len(rules), (Rule * len(rules))(*rules))
assert kernel.prctl(22, ctypes.c_ulong(2), ctypes.byref(program), 0, 0) == 0
os.execv(python, [python, *sys.argv[1:]])
"""
"""A program that goes on as Python where one system call is answered as a lesser kernel would answer it."""
PRCTL = 157 if os.uname().machine == "x86_64" else 167
WITHOUT_LANDLOCK = REFUSING.format(call=landlock.CREATE, test=0x35, first=0, error=errno.ENOSYS)
WITHOUT_FILTERS = REFUSING.format(call=PRCTL, test=0x15, first=22, error=errno.EINVAL)


@cache
def original() -> bytes:
    return short(data())


def drawing(text: str = "") -> bytes:
    letters = f'<text x="20" y="60" font-size="40">{text}</text>' if text else ""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 100">'
        f'<circle cx="60" cy="50" r="40" fill="#a00"/>{letters}</svg>'
    ).encode()


def pixels(kind: str) -> bytes:
    sheet = Image.new("RGB", (400, 200), "white")
    ImageDraw.Draw(sheet).ellipse((20, 20, 300, 180), fill=(200, 0, 0))
    file = BytesIO()
    sheet.save(file, kind)
    return file.getvalue()


def test_where_the_kernel_has_no_landlock_all_is_read_the_same_though_no_file_can_be_opened(executable):
    signed, scan = digitally_signed(original()), scanned(3)
    files = [drawing(), *(pixels(kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"))]

    def read():
        return [
            *(inspect(file, "Vertrag.pdf", original(), ["Erika Muster"]) for file in (signed, scan)),
            uploaded_copy.picture(original(), 1, 640),
            look(files),
            [prepared(file) for file in files[:2]],
            sandbox.ask("tasks.untrusted.pdfs.join", {"information": {"/Title": "Vertrag"}}, scan, original())[0],
        ]

    before = read()
    executable(WITHOUT_LANDLOCK)

    assert read() == before


@pytest.mark.parametrize("name", ["reads the secret", "writes into the folder of all", "forks", "ends its parent"])
def test_nor_can_it_do_more_without_landlock(name, executable, kept):
    executable(WITHOUT_LANDLOCK)
    code = PRELUDE.format(become="", act=ATTACKS[name][0])
    ended = subprocess.run(
        [sys.executable, "-c", code, kept / "secret", kept / "database", kept],
        cwd=ROOT, env=PATHS, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip

    assert DENIED in ended.stderr


def test_where_nothing_can_confine_it_no_strangers_file_is_opened(executable):
    executable(WITHOUT_FILTERS)

    for opened in (
        lambda: inspect(scanned(2), "Vertrag.pdf", original(), ["Erika Muster"]),
        lambda: prepared(drawing()),
        lambda: look([drawing()]),
        lambda: uploaded_copy.picture(original(), 1, 640),
        sandbox.rehearse,
    ):
        with pytest.raises(NothingIsOpened) as refused:
            opened()
        assert "PROVISION_UNCONFINED" in refused.value.why
        assert "system calls" in refused.value.why
        assert "\n" not in refused.value.why


def test_unless_a_setting_says_that_limits_will_do(executable, monkeypatch):
    executable(WITHOUT_FILTERS)
    monkeypatch.setenv("PROVISION_UNCONFINED", "true")
    settings.cache_clear()

    assert prepared(drawing()).png


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ("import threading, time; threading.Thread(target=time.sleep, args=[60], daemon=True).start()", "threads"),
        ("import platform; platform.machine = lambda: 'riscv64'", "riscv64"),
        ("import sys; sys.platform = 'darwin'", "darwin"),
    ],
)
def test_it_refuses_to_work_where_the_rules_would_not_hold(before, why):
    code = f"{before}\nfrom tasks.untrusted.sandbox import confined; confined(); print('goes on')"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert ended.returncode == sandbox._UNCONFINED
    assert not ended.stdout
    assert why in ended.stderr
