"""Whoever reads a back-up takes it for hostile: nothing is believed, and nothing is left of what is refused."""

import gzip
import json
import os
import sqlite3
import tarfile
import zlib
from contextlib import closing, suppress

import pytest
from sqlalchemy import text

from models.db import engine
from models.settings import settings
from tasks.backup import archive, database
from tasks.backup.archive import BackupDamaged, BackupNewer, Writing
from tasks.backup.making import back_up, check
from tasks.backup.restoring import NoRoom, restore
from tasks.backup.sealing import PassphraseMissing, PassphraseWrong


@pytest.fixture
def file(tmp_path):
    """Where a back-up goes to; the tables say of which shape they are, as those do that were migrated."""
    with engine(settings().database).begin() as connection:
        connection.execute(text(f"CREATE TABLE {database.VERSIONS} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text(f"INSERT INTO {database.VERSIONS} VALUES (:head)"), {"head": database.head()})
    place = tmp_path.with_name(f"{tmp_path.name}.backup")
    yield place
    place.unlink(missing_ok=True)


def forged(file, *, manifest=None, parts=(), sums=None, behind=b""):
    """A file that is made like a back-up, of these parts behind the manifest."""
    with gzip.open(file, "wb") as packed:
        made = Writing(packed)
        if manifest is not None:
            made.add_bytes(archive.MANIFEST, json.dumps(manifest).encode())
        for part in parts:
            if isinstance(part, tarfile.TarInfo):
                packed.write(part.tobuf(tarfile.GNU_FORMAT))
            else:
                made.add_bytes(*part)
        made.sums |= sums or {}
        made.end()
        packed.write(behind)


def link_to(target):
    header = tarfile.TarInfo("data/mails")
    header.type, header.linkname = tarfile.SYMTYPE, target
    return header


@pytest.fixture
def genuine(file):
    """The manifest of a back-up of an empty product, its database, its settings and its files."""
    back_up(file)
    with archive.reading(file, "", lambda *_: None) as opened:
        parts = [(part.name, b"".join(part.chunks)) for part in opened.parts()]
        told = json.loads(opened.manifest.as_json())
    file.unlink()
    told["files"], told["files_bytes"] = 9, 10**6
    return told, parts


def with_trigger(rows, tmp_path):
    """A database that would act by itself."""
    place = tmp_path.with_name("acting.db")
    place.write_bytes(rows)
    with closing(sqlite3.connect(place)) as lite:
        lite.execute("CREATE TRIGGER t AFTER DELETE ON sign_ins BEGIN DELETE FROM audit; END")
    evil = place.read_bytes()
    place.unlink()
    return evil


def test_a_hostile_file_is_one_refusal_and_changes_nothing(genuine, file, tmp_path):
    """Paths that lead out, links, more than was promised, what acts by itself, wrong sums: nothing is left of any."""
    told, [rows, then, *files] = genuine
    evil = with_trigger(rows[1], tmp_path)
    tries = {
        "leads out": {"parts": [rows, then, ("data/../../stolen", b"x")]},
        "leads elsewhere": {"parts": [rows, then, ("data//stolen", b"x")]},
        "is hidden": {"parts": [rows, then, ("data/.bashrc", b"x")]},
        "is not data": {"parts": [rows, then, ("stolen", b"x")]},
        "is a link": {"parts": [rows, then, link_to("/"), ("data/mails/stolen", b"x")]},
        "comes twice": {"parts": [rows, then, ("data/a", b"x"), ("data/a", b"y")]},
        "takes the place of the rows": {"parts": [rows, then, ("data/provision.db", b"x"), *files]},
        "lies in a file": {"parts": [rows, then, ("data/a", b"x"), ("data/a/b", b"y"), *files]},
        "is more than told": {"parts": [rows, then, ("data/a", bytes(2 * 10**6))]},
        "are more than told": {"parts": [rows, then, *((f"data/{each}", b"x") for each in range(20))]},
        "acts by itself": {"manifest": told | {"database_bytes": len(evil)}, "parts": [(rows[0], evil), then, *files]},
        "counts otherwise": {
            "manifest": told | {"rows": told["rows"] | {"firms": 10**9}},
            "parts": [rows, then, *files],
        },
        "no counts": {"manifest": told | {"rows": [1]}, "parts": [rows, then, *files]},
        "negative": {"manifest": told | {"database_bytes": -1}, "parts": [rows, then, *files]},
        "no database": {"parts": [("provision.db", b"x"), then, *files]},
        "ends early": {"parts": [rows]},
        "wrong sums": {"parts": [rows, then, *files], "sums": {"data/secret": "0" * 64}},
        "something behind": {"parts": [rows, then, *files], "behind": b"x" * 512},
        "a bomb": {"manifest": {"format": 1, "told": " " * (archive.TOLD_MOST + 1)}},
        "no secret": {"parts": [rows, then]},
    }
    before = {place.name for place in tmp_path.rglob("*")}
    for name, made in tries.items():
        forged(file, **{"manifest": told, **made})
        with pytest.raises(BackupDamaged):
            pytest.fail(f"{name}: {restore(file, replace=True)}")
    for raw in (b"", b"PK", b"\x1f\x8b", gzip.compress(bytes(10**7)), archive.MARK, os.urandom(5000)):
        file.write_bytes(raw)
        with pytest.raises((BackupDamaged, PassphraseMissing)):
            restore(file, replace=True)
    forged(file, manifest=told | {"database_bytes": 2**61})
    with pytest.raises(NoRoom):
        restore(file, replace=True)
    for newer in ({"format": 2}, {"revision": "9999"}):
        forged(file, manifest=told | newer, parts=[rows, then, *files])
        with pytest.raises(BackupNewer):
            restore(file, replace=True)
    assert not tmp_path.with_name("stolen").exists()
    assert {place.name for place in tmp_path.rglob("*")} <= before
    assert [*tmp_path.parent.glob(f".{tmp_path.name}*")] == []


def says_the_same(packed, other):
    """What a run of zeros repeats may be another run of zeros."""
    with suppress(OSError, EOFError, zlib.error):
        return gzip.decompress(packed) == gzip.decompress(other)
    return False


class Quickly:
    """As scrypt, but that it costs nothing."""

    def __init__(self, salt, **_cost):
        self.salt = salt

    def derive(self, passphrase):
        return (passphrase + self.salt + bytes(32))[:32]


@pytest.mark.parametrize("passphrase", ["", "a passphrase"])
def test_whatever_byte_is_changed_or_cut_off_is_noticed(passphrase, file, monkeypatch):
    monkeypatch.setattr("tasks.backup.sealing.PIECE", 2**14)
    monkeypatch.setattr("tasks.backup.sealing.Scrypt", Quickly)
    back_up(file, passphrase)
    whole = file.read_bytes()
    for at in range(10, len(whole), len(whole) // 20):
        changed = bytearray(whole)
        changed[at] ^= 1
        for content in (bytes(changed), whole[:at]):
            file.write_bytes(content)
            if not passphrase and content[:10] == whole[:10] and says_the_same(content, whole):
                continue
            with pytest.raises((BackupDamaged, PassphraseWrong)):
                check(file, passphrase)
    file.write_bytes(whole)
    check(file, passphrase)
    if passphrase:
        assert b"SQLite" not in whole
        for wrong, refusal in (("", PassphraseMissing), ("another", PassphraseWrong)):
            with pytest.raises(refusal):
                check(file, wrong)
