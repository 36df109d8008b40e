"""Somebody's traces: every value of every table and every file, read through for words however they are written."""

import hashlib
import json
import quopri
import re
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from sqlalchemy import select

from models.db import Base, reading
from models.settings import settings


def spelled(word: str) -> set[bytes]:
    """All ways in which this word may stand somewhere, in small letters but for base64."""
    plain = {word, word.lower(), word.upper(), word.title()}
    ways = {form.encode() for form in plain}
    ways |= {json.dumps(form)[1:-1].encode() for form in plain}
    ways |= {quote(form, safe="").encode() for form in plain} | {quote_plus(form).encode() for form in plain}
    ways |= {quopri.encodestring(form.encode(), header=header) for form in plain for header in (False, True)}
    ways |= {form.encode("utf-16-le") for form in plain}
    ways |= {form.encode("latin-1", "ignore") for form in plain}
    small = {way.lower() for way in ways}
    for form in {word, word.lower()}:
        for of in ("md5", "sha1", "sha256"):
            small.add(hashlib.new(of, form.encode()).hexdigest().encode())
    return small


def in_base64(word: str) -> set[bytes]:
    """What stands in base64 wherever the word begins: without the letters that what is around it changes as well."""
    ways = set()
    for form in {word, word.lower()}:
        for before in range(3):
            encoded = b64encode(b"\0" * before + form.encode()).rstrip(b"=")
            whole = encoded[-(-before * 8 // 6) if before else 0 :]
            ways.add(whole[: (len(form.encode()) + before) * 8 // 6 - (-(-before * 8 // 6) if before else 0)])
    return {way for way in ways if len(way) >= 6}


def found(*words: str, without: Iterable[str] = ()) -> set[str]:
    """Where any of these stands: ``table.column`` or the name of a file; *without* these tables."""
    small = {way for word in words for way in spelled(word)}
    exact = {way for word in words for way in in_base64(word)}

    def stands(raw: bytes) -> bool:
        lower = raw.lower()
        return any(way in lower for way in small) or any(way in raw for way in exact)

    there = set()
    with reading() as session:
        for table in Base.metadata.sorted_tables:
            if table.name in without:
                continue
            for row in session.execute(select(table).execution_options(yield_per=500)).mappings():
                there |= {f"{table.name}.{name}" for name, value in row.items() if stands(_raw(value))}
    for folder in (settings().data, settings().forgotten):
        for file in sorted(folder.rglob("*")):
            if (
                file.is_file()
                and not file.name.startswith("provision.db")
                and stands(file.read_bytes().replace(b"=\n", b""))
            ):
                there.add(file.name)
    return there


def _raw(value: object) -> bytes:
    match value:
        case bytes():
            return value
        case str():
            return value.encode()
        case dict() | list():
            return json.dumps(value, ensure_ascii=False).encode()
    return str(value).encode()


def _whole(raw: bytes) -> bytes:
    """Without what quoted-printable and base64 break lines by."""
    return raw + raw.replace(b"=\r\n", b"").replace(b"=\n", b"") + raw.replace(b"\r\n", b"").replace(b"\n", b"")


def digests_found(words: Iterable[str]) -> set[str]:
    """Of these words those whose digest stands in any table."""
    of_words = {hashlib.new(of, word.encode()).hexdigest(): word for word in words for of in ("md5", "sha1", "sha256")}
    there = set()
    with reading() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(select(table).execution_options(yield_per=500)):
                for digest in re.findall(rb"[0-9a-f]{32,64}", b" ".join(_raw(value).lower() for value in row)):
                    there |= {of_words[digest.decode()]} if digest.decode() in of_words else set()
    return there
