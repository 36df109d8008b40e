"""The archive with all data of a firm is put together in the background, file by file, and kept in pieces.

Memory stays the same however many clients there are: rows are read and written one after another from one look at the
database, the archive grows in a file without a name, and pieces of it go into the database, from which it is fetched on
whichever machine. Whoever dies over it leaves a lease that ends; the next run begins anew.
"""

import csv
import io
import json
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from hashlib import sha256
from tempfile import TemporaryFile
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models.agreement import Agreement
from models.audit import Entry, record
from models.contracts.booking import Change
from models.contracts.legal import Consent, FormerLetter, LegalText
from models.contracts.takeout import (
    DAYS,
    LEASE,
    PIECE,
    REST,
    Takeout,
    TakeoutPiece,
    pieces,
    rows_of,
    tables,
)
from models.db import Facts, reading, transaction
from models.document import Document
from models.errors import N_, NotFound
from models.firm import Firm
from models.logo import Logo
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.manners import AddressForm, Language
from models.people.person import Person
from models.settings import settings
from models.time.clock import now
from tasks.contracts.changes import SCANS
from tasks.engine.passes import kick_mail, kick_takeout
from tasks.engine.retry import each, side_effect
from tasks.mail.letterheads import letterhead
from tasks.mail.letters import contracts as letters
from tasks.text.cells import cell
from tasks.text.i18n import Reader

AT_ONCE = 1000
"""Rows that are read together."""
PIECES_AT_ONCE = 4
ENDINGS = {
    "text/plain": "txt",
    "application/pdf": "pdf",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/svg+xml": "svg",
}
README = (
    N_("All data of %(firm)s at %(provider)s, as it stood on %(moment)s."),
    N_("tables/: each kind of data as CSV for spreadsheets (UTF-8, commas, a header), and as JSON to the letter."),
    N_("In CSV an apostrophe stands before whatever a spreadsheet would take for a formula."),
    N_("Rows point to one another by numbers: client_id, for example, is an id in clients, person_id one in persons."),
    N_("agreement/: each agreement as it was sent, as it came back, and signed by both sides."),
    N_("letters/: scans of letters. legal/: texts that you were asked to accept. logo/: the logo."),
    N_("trail.json: who did what, when, each entry with the hash of the one before it."),
    N_("manifest.json: every file with its length, its rows and its SHA-256."),
    N_("Not in it: passwords and links, by which somebody could sign in, and what only we work with."),
)


# ---- asked for


def ask(firm_id: int, person_id: int, by: str, language: Language) -> Takeout:
    """The firm wants its data. Asked twice it is one archive, and one that was just made is the same.

    Raises AccountClosed.
    """
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        case.require_open()
        newest = Takeout.newest(session, firm_id)
        if newest is None or (newest.ready_at is not None and newest.ready_at + REST <= at):
            newest = Takeout(firm_id=firm_id, person_id=person_id, language=language, asked_at=at, due_at=at)
            session.add(newest)
            session.flush()
            record(session, case.id, at, "takeout.asked", by)
    if newest.ready_at is None:
        kick_takeout(newest.id)
    return newest


def newest(firm_id: int) -> Takeout | None:
    with reading() as session:
        return Takeout.newest(session, firm_id)


def fetch(firm_id: int, takeout_id: int, by: str) -> tuple[Takeout, Iterator[bytes]]:
    """The archive piece by piece.

    Raises AccountClosed; NotFound if it is another firm's, not ready, or past its time.
    """
    with transaction() as session:
        case, takeout, at = Onboarding.of_firm(session, firm_id), session.get(Takeout, takeout_id), now()
        case.require_open()
        if takeout is None or takeout.firm_id != firm_id or not takeout.is_there(at):
            raise NotFound(N_("The archive"))
        record(session, case.id, at, "takeout.fetched", by)
    return takeout, _pieces(takeout_id)


def _pieces(takeout_id: int) -> Iterator[bytes]:
    number = 0
    while True:
        with reading() as session:
            piece = pieces(session, takeout_id, number)
        if piece is None:
            return
        yield piece
        number += 1


# ---- made


@side_effect(name="data to be taken along")
def make_takeouts() -> int:
    """Ask for runs that make what was asked for and nobody works on; returns how many."""
    with reading() as session:
        waiting = select(Takeout.id).where(Takeout.ready_at.is_(None), Takeout.due_at <= now()).order_by(Takeout.id)
        due = session.scalars(waiting).all()
    return each(kick_takeout, due)


@side_effect(name="put the data together")
def make_takeout(takeout_id: int) -> bool:
    """Put the archive together and keep it; False if it is made already, or by somebody else just now.

    Repeating it is harmless: it begins anew, and only who holds the lease keeps anything.
    """
    lease = _claim(takeout_id)
    if lease is None:
        return False
    settings().data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with TemporaryFile(dir=settings().data) as file:
        with reading() as session:
            takeout = session.get_one(Takeout, takeout_id)
            _Archive(session, file, takeout, lambda done, of: _go_on(takeout_id, lease, done, of)).write()
        _keep(takeout_id, lease, file)
    kick_mail()
    return True


class _Lease:
    """Until when the archive is ours; each step gives more time."""

    def __init__(self, until: datetime) -> None:
        self.until = until


class TakenOverError(Exception):
    """Somebody else has begun with it: this one took too long."""


def _claim(takeout_id: int) -> _Lease | None:
    with transaction() as session:
        row = session.get(Takeout, takeout_id, with_for_update=True)
        if row is None or row.ready_at is not None or row.due_at > now():
            return None
        row.due_at, row.done, row.files = now() + LEASE, 0, 0
        session.execute(delete(TakeoutPiece).where(TakeoutPiece.takeout_id == takeout_id))
        return _Lease(row.due_at)


def _mine(session: Session, takeout_id: int, lease: _Lease) -> Takeout:
    row = session.get(Takeout, takeout_id, with_for_update=True, populate_existing=True)
    if row is None or row.due_at != lease.until:
        raise TakenOverError
    row.due_at = lease.until = now() + LEASE
    return row


def _go_on(takeout_id: int, lease: _Lease, done: int, files: int) -> None:
    with transaction() as session:
        row = _mine(session, takeout_id, lease)
        row.done, row.files = done, files


def _keep(takeout_id: int, lease: _Lease, file: IO[bytes]) -> None:
    """Piece by piece into the database; with the last one it is ready, and whoever asked is told."""
    file.seek(0)
    digest, number, size = sha256(), 0, 0
    while some := [piece for _ in range(PIECES_AT_ONCE) if (piece := file.read(PIECE))]:
        with transaction() as session:
            _mine(session, takeout_id, lease)
            for piece in some:
                number, size = number + 1, size + len(piece)
                digest.update(piece)
                session.add(TakeoutPiece(takeout_id=takeout_id, number=number, content=piece))
    with transaction() as session:
        firm_id = session.get_one(Takeout, takeout_id).firm_id
        case, at = Onboarding.of_firm(session, firm_id), now()
        row = _mine(session, takeout_id, lease)
        row.ready_at, row.expires_at, row.size, row.sha256 = at, at + DAYS, size, digest.hexdigest()
        record(session, case.id, at, "takeout.made", sha256=row.sha256, size=size)
        person = session.get_one(Person, row.person_id)
        if case.firm.closed_at is None and person.withdrawn_at is None and person.paused_at is None:
            Outgoing.post(session, letters.takeout_ready(case, person, letterhead(session, case.firm), at, takeout=row))


@dataclass
class _Written:
    """A file of the archive, as the manifest tells it."""

    name: str
    rows: int | None = None
    bytes: int = 0
    digest: Any = field(default_factory=sha256)

    @property
    def told(self) -> Facts:
        rows = {} if self.rows is None else {"rows": self.rows}
        return {"name": self.name, "bytes": self.bytes, "sha256": self.digest.hexdigest(), **rows}


class _Archive:
    """Writes all files of it, one after the other."""

    def __init__(
        self, session: Session, file: IO[bytes], takeout: Takeout, progress: Callable[[int, int], None]
    ) -> None:
        self.session, self.takeout, self.progress = session, takeout, progress
        self.zip = ZipFile(file, "w", ZIP_DEFLATED, compresslevel=6)
        self.written: list[_Written] = []
        self.firm = session.get_one(Firm, takeout.firm_id)
        self.case_id = session.scalars(select(Onboarding.id).where(Onboarding.firm_id == self.firm.id)).one()
        self.at = now()

    def write(self) -> None:
        names, documents = [*tables()], [*self._documents()]
        of = 2 * len(names) + len(documents) + 3

        def step() -> None:
            self.progress(len(self.written), of)

        self._add("README.txt", [self._readme()])
        for name in names:
            self._table(name)
            step()
        for path, content in documents:
            self._add(path, [content()], packed=False)
            step()
        self._trail()
        step()
        told = [one.told for one in self.written]
        manifest = {"firm": self.firm.name, "company_id": self.firm.company_id, "made_at": self.at.isoformat()}
        self._add("manifest.json", [_json({**manifest, "files": told})])
        self.zip.close()

    def _add(self, name: str, content: Iterable[bytes], *, packed: bool = True) -> _Written:
        info = ZipInfo(name, self.at.timetuple()[:6])
        info.compress_type, info.external_attr = ZIP_DEFLATED if packed else ZIP_STORED, 0o600 << 16
        one = _Written(name)
        with self.zip.open(info, "w", force_zip64=True) as file:
            for part in content:
                one.bytes += file.write(part)
                one.digest.update(part)
        self.written.append(one)
        return one

    # ---- tables

    def _table(self, name: str) -> None:
        """Twice from the same look at the database."""
        for kind, form in (("csv", _as_csv), ("json", _as_json)):
            count = [0]
            rows = self._rows(name, count)
            one = self._add(f"tables/{name}.{kind}", form(rows))
            one.rows = count[0]

    def _rows(self, name: str, count: list[int]) -> Iterator[Mapping[str, Any]]:
        query = rows_of(name, self.firm.id).execution_options(yield_per=AT_ONCE)
        names = [column.name for column in query.selected_columns]
        yield dict.fromkeys(names)  # What the columns are called, also where there is no row.
        for row in self.session.execute(query):
            count[0] += 1
            yield {column: _plain(value) for column, value in zip(names, row, strict=True)}

    # ---- files

    def _documents(self) -> Iterator[tuple[str, Callable[[], bytes]]]:
        """Where each file goes, and how it is read when its turn has come."""
        agreements = select(Agreement).where(Agreement.onboarding_id == self.case_id).order_by(Agreement.version)
        for agreement in self.session.scalars(agreements):
            kept = {
                "sent": agreement.document_id,
                "returned": agreement.uploaded_id,
                "drawing": agreement.drawing_id,
                "signed": agreement.final_id,
            }
            for what, key in kept.items():
                if key is not None and agreement.emptied_at is None:
                    yield self._document(f"agreement/{agreement.version}/{what}", key)
        yield from self._letters()
        texts = select(LegalText.id, LegalText.document_id).join(Consent, Consent.legal_text_id == LegalText.id)
        texts = texts.where(Consent.firm_id == self.firm.id).distinct().order_by(LegalText.id)
        for text_id, key in self.session.execute(texts):
            yield self._document(f"legal/{text_id}", key)
        for logo_id in self.session.scalars(select(Logo.id).where(Logo.firm_id == self.firm.id).order_by(Logo.id)):
            columns = (Logo.png, Logo.svg, Logo.png_light, Logo.png_dark)
            there = self.session.execute(select(*(column.is_not(None) for column in columns)).where(Logo.id == logo_id))
            for column, is_there in zip(columns, there.one(), strict=True):
                if is_there:
                    ending = ".svg" if column.key == "svg" else ".png"
                    name = column.key.removeprefix("png").removeprefix("svg").replace("_", "-")
                    yield f"logo/{logo_id}{name}{ending}", self._column(select(column).where(Logo.id == logo_id))

    def _letters(self) -> Iterator[tuple[str, Callable[[], bytes]]]:
        for path, owner, number, key in (
            ("letters/", Change, Change.id, Change.document_id),
            ("letters/consent-", Consent, Consent.id, Consent.document_id),
            ("letters/consent-former-", FormerLetter, FormerLetter.id, FormerLetter.document_id),
        ):
            kept = select(number, key).where(owner.firm_id == self.firm.id, key.is_not(None)).order_by(number)
            for row_id, document_id in self.session.execute(kept):
                yield self._document(f"{path}{row_id}", document_id)

    def _document(self, path: str, key: int) -> tuple[str, Callable[[], bytes]]:
        media_type = self.session.scalars(select(Document.media_type).where(Document.id == key)).one()
        ending = (ENDINGS | dict(SCANS.values())).get(media_type, "bin")
        return f"{path}.{ending}", self._column(select(Document.content).where(Document.id == key))

    def _column(self, query: Any) -> Callable[[], bytes]:
        def read() -> bytes:
            content = self.session.scalars(query).one()
            return content.encode() if isinstance(content, str) else bytes(content)

        return read

    # ---- who did what

    def _trail(self) -> None:
        """The chain of the firm's case. What its own people did is told in full, of others that they did something."""
        own, count = _Own(self.session, self.firm.id), [0]

        def entries() -> Iterator[Mapping[str, Any]]:
            rows = select(Entry).where(Entry.case_id == self.case_id).order_by(Entry.number)
            yield {}
            for entry in self.session.scalars(rows.execution_options(yield_per=AT_ONCE)):
                count[0] += 1
                yield _told(entry, is_own=entry.actor_id in own)

        one = self._add("trail.json", _as_json(entries()))
        one.rows = count[0]

    def _readme(self) -> bytes:
        reader = Reader(self.takeout.language, AddressForm.SIE)
        facts = {"firm": self.firm.name, "provider": settings().provider_name, "moment": reader.moment(self.at)}
        return "\r\n\r\n".join(reader.gettext(line) % facts for line in README).encode("utf-8-sig")


class _Own:
    """The people of a firm as the trail names them, in a few bytes each: there may be very many."""

    def __init__(self, session: Session, firm_id: int) -> None:
        people = Person.firm_id == firm_id
        accounts = select(Person.account_id).where(people, Person.account_id.is_not(None)).order_by(Person.account_id)
        persons = select(Person.id).where(people).order_by(Person.id)
        self._ids = {
            kind: array("q", session.scalars(each.execution_options(yield_per=AT_ONCE)))
            for kind, each in (("account", accounts), ("person", persons))
        }

    def __contains__(self, actor_id: str) -> bool:
        kind, _, number = actor_id.partition(":")
        ids = self._ids.get(kind, array("q"))
        at = bisect_left(ids, int(number)) if ids and number.isdecimal() else len(ids)
        return at < len(ids) and ids[at] == int(number)


def _told(entry: Entry, *, is_own: bool) -> Facts:
    names = ("version", "number", "action", "commitments", "previous", "hash")
    told: Facts = {name: getattr(entry, name) for name in names}
    told |= {"at": entry.at.isoformat(), "by": entry.actor if is_own else settings().provider_name}
    if is_own:
        values = [
            {"about": value.about, "value": value.value, "salt": value.salt}
            for value in entry.values
            if not any(row.get("reason") for row in value.value.get("rows", {}).get("changes", ()))
        ]
        told |= {"actor": entry.actor_id, "facts": entry.plain, "values": values}
    return told


def _as_csv(rows: Iterator[Mapping[str, Any]]) -> Iterator[bytes]:
    """Without anything that a spreadsheet would take for a formula; it takes the file for UTF-8 by its mark."""
    file = io.StringIO(newline="")
    lines = csv.writer(file)
    lines.writerow(next(rows))
    yield b"\xef\xbb\xbf"
    for row in rows:
        lines.writerow([cell(_in_a_cell(value)) for value in row.values()])
        if file.tell() > PIECE:
            yield _emptied(file)
    yield _emptied(file)


def _emptied(file: io.StringIO) -> bytes:
    text = file.getvalue()
    file.seek(0)
    file.truncate()
    return text.encode()


def _as_json(rows: Iterator[Mapping[str, Any]]) -> Iterator[bytes]:
    """A list, a line for each row."""
    next(rows)
    begins = b"[\n"
    for row in rows:
        yield begins + _json(row)
        begins = b",\n"
    yield b"\n]\n" if begins == b",\n" else b"[]\n"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=str).encode()


def _in_a_cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value


def _plain(value: Any) -> Any:
    """Moments and days as ISO has them, amounts in digits, members of a list by their names in the database."""
    match value:
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case Enum():
            return value.value
        case set() | frozenset():
            return sorted(value)
        case None | bool() | int() | float() | str() | list() | dict():
            return value
    return str(value)
