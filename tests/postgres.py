"""A PostgreSQL server for the length of a test run: private, without disk syncs, gone afterwards."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

QUICK = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0"


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
    # Root may not run it, and a folder of pytest's is closed to everybody else.
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="provision-pg-"))
    try:
        if user:
            shutil.chown(folder, user, user)

        def run(*command: str) -> None:
            subprocess.run(command, user=user, group=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)

        data, log = str(folder / "data"), str(folder / "log")
        run(program("initdb"), "-D", data, "-U", "provision", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = f"-c listen_addresses='' -k {folder} {QUICK}"
        run(program("pg_ctl"), "-D", data, "-l", log, "-o", options, "-w", "start")
        try:
            yield f"postgresql+psycopg://provision@/postgres?host={folder}"
        finally:
            run(program("pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


def make_database(address: str, name: str) -> str:
    """An empty database on the server; gives its address."""
    plain = address.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return address.replace("/postgres?", f"/{name}?")
