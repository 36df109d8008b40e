"""A PostgreSQL server for the length of a test run: private, without disk syncs, gone afterwards.

It ends with the process that runs the tests, also if that one is killed.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from deployments.processes import end, spawn

READY = "ready"
QUICK = (
    "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0"
    " -c jit=off"
)


class PostgresMissing(Exception):
    def __str__(self) -> str:
        return "The tests need PostgreSQL's server programs: apt-get install postgresql"


def program(name: str) -> str:
    """The path of one of PostgreSQL's programs, the newest there is."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    found = str(installed[-1]) if installed else shutil.which(name)
    if found is None:
        raise PostgresMissing
    return found


@contextmanager
def server() -> Iterator[str]:
    """A running server; gives its address. It listens on a socket in its own folder only."""
    folder = Path(tempfile.mkdtemp(prefix="provision-pg-"))
    with (folder / "log").open("wb") as log:
        process, lifeline = spawn("tests.postgres", str(folder), environment=os.environ, output=log)
    address = f"postgresql+psycopg://provision@/postgres?host={folder}"
    try:
        while not (folder / READY).exists():
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        yield address
    finally:
        end(process, 30)
        os.close(lifeline)


def main(folder: Path) -> None:
    """Run a server in *folder* until asked to end; then nothing is left of it."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    # Root may not run it, and a folder of pytest's is closed to everybody else.
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user, user)

    def run(*command: str) -> None:
        subprocess.run(command, user=user, group=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)

    data = str(folder / "data")
    try:
        run(program("initdb"), "-D", data, "-U", "provision", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = f"-c listen_addresses='' -k {folder} {QUICK}"
        run(program("pg_ctl"), "-D", data, "-l", str(folder / "server.log"), "-o", options, "-w", "start")
        (folder / READY).touch()  # A connection that is refused while it starts is left to the garbage collector.
        stop.wait()
    finally:
        # Also where we were asked to end while the server was still being started.
        if Path(data, "postmaster.pid").exists():
            run(program("pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


def make_database(address: str, name: str) -> str:
    """An empty database on the server; gives its address."""
    plain = address.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return address.replace("/postgres?", f"/{name}?")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
