"""The documents that trails name, and the seals of signed agreements."""

import base64
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import starmap
from typing import Any

from sqlalchemy import Text, cast, select
from sqlalchemy.orm import Session

from models.agreement import Agreement
from models.audit import HOUSE, Entry, Head
from models.db import Facts
from models.document import Document
from tasks.agreement.seal import known_certificates
from tasks.audit.faults import Fault, Kind
from tasks.audit.reading import AT_ONCE, some
from tasks.audit.rows import Tale
from tasks.untrusted.sandbox import Failed, TooCostly, ask

SEALS_AT_ONCE = 4
"""Files that one limited process looks into."""
_NOTHING: Facts = {"whole": False, "certificate": "", "ours": False, "information": {}}
"""What is known of a file that is no sealed PDF."""


class Seals:
    """Asks the limited process; certificates are read once."""

    def __init__(self) -> None:
        self._certificates: list[str] | None = None

    def look(self, files: Sequence[bytes]) -> list[Facts]:
        if self._certificates is None:
            self._certificates = [base64.b64encode(certificate).decode() for certificate in known_certificates()]
        try:
            answer, _ = ask("tasks.untrusted.pdfs.sealed", {"certificates": self._certificates}, *files)
        except (TooCostly, Failed):
            if len(files) > 1:  # One of them is to blame: each by itself.
                return [seal for file in files for seal in self.look([file])]
            return [{**_NOTHING, "unchecked": True}]
        looked: list[Facts] = answer["files"]
        return looked


class Files:
    """The documents of some cases: each is read once, and one after the other."""

    def __init__(self, session: Session, versions: Sequence[Agreement], seals: Seals) -> None:
        self._session = session
        self._digests: dict[int, str] = {}
        """What the row of each document says."""
        self._whole: dict[str, bool] = {}
        """By SHA-256, whether the content that is kept under it has it."""
        self._seen: dict[int, Facts] = {}
        """By the id of a signed agreement, what was found of its seal."""
        named = {
            document_id
            for agreement in versions
            for document_id in (agreement.document_id, agreement.uploaded_id, agreement.drawing_id)
            if document_id
        }
        final = [agreement.final_id for agreement in versions if agreement.final_id]
        self._digests |= self._listed(Document.id.in_([*named, *final]))
        with self._contents(Document.id.in_(final)) as contents:
            for few in some(contents, SEALS_AT_ONCE):
                looks = seals.look([content for _, _, content in few])
                self._seen |= {document_id: seal for (document_id, _, _), seal in zip(few, looks, strict=True)}
        self.house_heads = [
            Head(HOUSE, int(information["/HouseEntries"]), information["/HouseHead"])
            for information in (self._anchors(agreement.final_id) for agreement in versions)
            if information.get("/HouseEntries", "").isdecimal() and information.get("/HouseHead")
        ]

    def _listed(self, which: Any) -> dict[int, str]:
        return dict(self._session.execute(select(Document.id, Document.sha256).where(which)).tuples().all())

    @contextmanager
    def _contents(self, which: Any) -> Iterator[Iterator[tuple[int, str, bytes]]]:
        """Id, SHA-256 as it is told, and content; whether the one is that of the other is kept."""
        query = select(Document.id, Document.sha256, Document.content).where(which).order_by(Document.id)

        def proven(document_id: int, digest: str, kept: object) -> tuple[int, str, bytes]:
            content = kept if isinstance(kept, bytes) else str(kept).encode()  # SQLite takes anything.
            self._whole[digest] = sha256(content).hexdigest() == digest
            return document_id, digest, content

        with self._session.execute(query.execution_options(yield_per=1)) as rows:
            yield starmap(proven, rows)

    def _anchors(self, document_id: int | None) -> Facts:
        """What the last page of a signed agreement tells, if one of our certificates has sealed it."""
        seal = self._seen.get(document_id or 0, {})
        information: Facts = seal["information"] if seal.get("whole") and seal["ours"] else {}
        return information

    def heads(self, versions: Sequence[Agreement]) -> list[Head]:
        """The heads of the case's trail that stand in its signed agreements."""
        return [
            Head(agreement.onboarding_id, int(information["/AuditEntries"]), information["/AuditHead"])
            for agreement in versions
            for information in [self._anchors(agreement.final_id)]
            if information.get("/AuditEntries", "").isdecimal() and "/AuditHead" in information
        ]

    def read(self, digests: Iterable[str]) -> None:
        """Hash what lies under these, unless that was done."""
        for few in some(sorted({*digests, *self._digests.values()} - self._whole.keys()), AT_ONCE):
            with self._contents(Document.sha256.in_(few)) as contents:
                deque(contents, maxlen=0)

    def column(self, row: Agreement, name: str) -> object:
        """The column as the trail would tell it: a document by its SHA-256."""
        match name:
            case "document" | "uploaded" | "drawing" | "final":
                document_id = getattr(row, f"{name}_id")
                return document_id and self._digests.get(document_id, "")
            case "data":
                return row.data_sha256
            case "signed_on":
                return row.signed_on and row.signed_on.isoformat()
        return getattr(row, name)

    def _went(self, digest: str) -> bool:
        """Whether the trail of another case, which had the same file, says that it was erased."""
        there = select(Document.erased_at).where(Document.sha256 == digest)
        if self._session.scalars(there).one_or_none() is None:
            return False
        acts = select(Entry.plain).where(Entry.action == "documents.erased", cast(Entry.plain, Text).contains(digest))
        return any(digest in plain.get("files", ()) for plain in self._session.scalars(acts))

    def faults(self, tale: Tale, versions: Sequence[Agreement]) -> Iterator[Fault]:
        """Documents that are gone or changed, and seals that are broken or not ours."""
        for digest, what in tale.named.items():
            if not self._whole.get(digest, False) and digest not in tale.erased_files and not self._went(digest):
                kind = Kind.FILE if digest in self._whole else Kind.NO_FILE
                yield Fault(tale.case_id, kind, {"what": what, "sha256": digest})
        for document_id, digest in tale.ids.items():
            if self._digests.get(document_id, digest) != digest:
                facts = {"what": f"document {document_id}", "sha256": digest}
                yield Fault(tale.case_id, Kind.FILE, facts)
        for agreement in versions:
            what = f"version {agreement.version} of the agreement"
            if agreement.final_id is None or self._digests.get(agreement.final_id) in tale.erased_files:
                continue
            seal = self._seen.get(agreement.final_id)
            if seal is not None and "unchecked" in seal:
                yield Fault(tale.case_id, Kind.UNCHECKED, {"what": what})
            elif seal is None or not seal["whole"]:
                yield Fault(tale.case_id, Kind.SEAL, {"what": what})
            elif not seal["ours"]:
                yield Fault(tale.case_id, Kind.STRANGE_SEAL, {"what": what, "sha256": seal["certificate"]})
