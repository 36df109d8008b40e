"""Files with many clients: what was read of each, what became of every record, and how columns were mapped before."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, UniqueConstraint, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.clients.client import NUMBER_MOST
from models.db import MUTE, TELLS, Base, Facts, Instant, Key
from models.errors import N_, NotFound, ProvisionError

LEASE = timedelta(minutes=2)
"""For so long whoever works on an import has it to themselves; each batch begins it anew."""


class ImportState(StrEnum):
    """How far an import is."""

    UPLOADED = "uploaded"
    """Kept, and not compared with the accounts yet."""
    PLANNED = "planned"
    """Every record has an outcome, nothing is written: somebody looks at it."""
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    """Stopped on the way; what was written stays until it is taken back."""
    UNDOING = "undoing"
    UNDONE = "undone"


AT_WORK = (ImportState.UPLOADED, ImportState.RUNNING, ImportState.UNDOING)
"""Something goes on by itself."""


class Outcome(StrEnum):
    """What becomes of one record of a file; every record has exactly one."""

    CREATE = "create"
    """A new account."""
    LINK = "link"
    """The account is there, and the contact becomes one of its contacts."""
    UPDATE = "update"
    """Account and contact are there, and something is new or otherwise."""
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    """Repeats a record of the same file."""
    HELD = "held"
    """Waits for an answer."""
    REFUSED = "refused"
    """Cannot be stored."""
    SKIPPED = "skipped"
    """Left out, by default or because somebody said so."""


WRITTEN = (Outcome.CREATE, Outcome.LINK, Outcome.UPDATE)
LEFT_OUT = (Outcome.HELD, Outcome.REFUSED)
"""Of these a firm gets the rows back, to correct them."""


class ImportStateUnfit(ProvisionError):
    says = N_("“%(file)s” is at another point by now: look at the page of the import again.")

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.file = file


class Import(Base):
    """One file with clients, brought by somebody of a firm or by an operator."""

    __tablename__ = "imports"
    __table_args__ = (
        UniqueConstraint("firm_id", "form_key"),
        Index("ix_imports_firm_id", "firm_id", "id"),
        *(
            Index(f"ix_imports_{name}", column, sqlite_where=text(which), postgresql_where=text(which))
            for name, column, which in (
                ("finished", "finished_at", "finished_at IS NOT NULL"),
                ("left", "created_at", "finished_at IS NULL"),
            )
        ),
        # The sweep looks for these.
        Index(
            "ix_imports_at_work",
            "due_at",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
    )

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("persons.id"), index=True)
    """Who of the firm has brought it, and sees what they see; None: an operator, who sees all accounts."""
    by: Mapped[str] = mapped_column(String(254), info=TELLS)
    origin: Mapped[Facts] = mapped_column(default=dict, info=TELLS)
    """With which token another system has brought it, as the trail tells of whatever comes of it; empty: none."""
    file_name: Mapped[str] = mapped_column(String(200), info=TELLS)
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, info=TELLS)
    format: Mapped[str] = mapped_column(String(40), default="", info=MUTE)
    encoding: Mapped[str] = mapped_column(String(40), default="", info=MUTE)
    is_encoding_said: Mapped[bool] = mapped_column(default=False)
    """Somebody has said how its letters are to be read; else it is the best guess."""
    sheet: Mapped[str] = mapped_column(String(100), default="", info=MUTE)
    shape: Mapped[str] = mapped_column(String(64), default="", info=MUTE)
    """The hash of its header: files of one shape are mapped alike."""
    mapping: Mapped[Facts | None] = mapped_column(JSON(none_as_null=True), info=MUTE)
    """Columns by hand, as somebody said; None: as reading finds by itself."""
    answers: Mapped[Facts] = mapped_column(default=dict, info=MUTE)
    """Of a kind of question, the answer to all that have none of their own."""
    is_trial: Mapped[bool] = mapped_column(default=False)
    """Of a dry run, which takes everything away again when it ends."""
    state: Mapped[ImportState] = mapped_column(default=ImportState.UPLOADED)
    is_read: Mapped[bool] = mapped_column(default=False)
    """Every record of the file has its row."""
    records: Mapped[int] = mapped_column(default=0, info=MUTE)
    done: Mapped[int] = mapped_column(default=0, info=MUTE)
    """The record up to which they are compared or written, whatever goes on; to be taken back are those up to it."""
    counts: Mapped[Facts] = mapped_column(default=dict, info=MUTE)
    """Records by outcome; they add up to all of them."""
    expected: Mapped[Facts] = mapped_column(default=dict, info=MUTE)
    """How many accounts and contacts will be made or changed, as it was compared last."""
    again: Mapped[list[int] | None] = mapped_column(JSON(none_as_null=True), info=MUTE)
    """The records that answers concern since it was compared; None: all of them."""
    compared_at_entry: Mapped[int | None] = mapped_column(info=MUTE)
    """The trail's newest entry then, or when it wrote last; as long as no other follows, what was new still is."""
    form_key: Mapped[str | None] = mapped_column(String(40), info=MUTE)
    """Of the form that brought it, which may be sent twice."""
    created_at: Mapped[Instant]
    started_at: Mapped[Instant | None]
    """When writing began."""
    finished_at: Mapped[Instant | None]
    due_at: Mapped[Instant | None]
    """When somebody has to go on with it, unless whoever is at work has done so; None: nothing goes on."""

    @classmethod
    def get(cls, session: Session, firm_id: int, import_id: int) -> Self:
        """The firm's own, locked; raises NotFound for that of another firm as well."""
        row = session.get(cls, import_id, with_for_update=True, populate_existing=True)
        if row is None or row.firm_id != firm_id:
            raise NotFound(N_("The import"))
        return row

    def require(self, *states: ImportState) -> None:
        """Raises ImportStateUnfit unless it is at one of these points."""
        if self.state not in states:
            raise ImportStateUnfit(self.file_name)

    def go(self, state: ImportState, now: datetime) -> None:
        """It is at this point from now on; what goes on by itself is due at once."""
        self.state, self.done = state, 0
        self.due_at = now if state in AT_WORK else None
        self.finished_at = now if state in {ImportState.DONE, ImportState.CANCELLED, ImportState.UNDONE} else None

    def count(self, session: Session) -> None:
        """Bring the numbers of records by outcome up to date."""
        session.flush()
        rows = select(ImportRecord.outcome, func.count()).where(ImportRecord.import_id == self.id)
        found = session.execute(rows.group_by(ImportRecord.outcome)).tuples()
        self.counts = {outcome.value: number for outcome, number in found if outcome is not None}


class ImportRecord(Base):
    """One record of the file and what becomes of it."""

    __tablename__ = "import_records"
    __table_args__ = (
        UniqueConstraint("import_id", "record"),
        Index("ix_import_records_outcome", "import_id", "outcome", "record"),
        Index(
            "ix_import_records_question",
            "import_id",
            "question",
            "record",
            sqlite_where=text("question <> ''"),
            postgresql_where=text("question <> ''"),
        ),
        # The file is compared with itself by these.
        Index("ix_import_records_name", "import_id", "name_key"),
        Index(
            "ix_import_records_number",
            "import_id",
            "number",
            sqlite_where=text("number <> ''"),
            postgresql_where=text("number <> ''"),
        ),
    )

    id: Mapped[Key]
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"))
    record: Mapped[int] = mapped_column(info=MUTE)
    line: Mapped[int] = mapped_column(info=MUTE)
    draft: Mapped[Facts] = mapped_column(info=TELLS)
    """As reading gave it, see ``tasks.clients.imports.draft``."""
    name_key: Mapped[str] = mapped_column(String(200), default="", info=TELLS)
    number: Mapped[str] = mapped_column(String(NUMBER_MOST), default="", info=TELLS)
    has_person: Mapped[bool] = mapped_column(default=False)
    outcome: Mapped[Outcome | None]
    """None: not planned yet."""
    reason: Mapped[str] = mapped_column(String(40), default="", info=MUTE)
    question: Mapped[str] = mapped_column(String(40), default="", info=MUTE)
    """The first one that has no answer."""
    answers: Mapped[Facts] = mapped_column(default=dict, info=MUTE)
    told: Mapped[Facts] = mapped_column(default=dict, info=TELLS)
    """What will stand there (``account``, ``contacts``), what stood there (``before``), facts of the reason."""
    client_id: Mapped[int | None] = mapped_column(ForeignKey("clients.id"), index=True)
    """The account, once the record was written, or found to need no writing."""
    is_new: Mapped[bool] = mapped_column(default=False)
    """As it was compared: all of it, and as the draft says it."""
    undo: Mapped[Facts] = mapped_column(default=dict, info=TELLS)
    """What was made and what stood there, by which it is taken back."""


class ImportKey(Base):
    """By what records of a file are about the same, beside their number and first name: see ``again``."""

    __tablename__ = "import_keys"
    __table_args__ = (Index("ix_import_keys_key", "import_id", "key", "record"),)

    id: Mapped[Key]
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"))
    key: Mapped[str] = mapped_column(String(254), info=TELLS)
    """An e-mail address, or a name as it is looked for."""
    record: Mapped[int] = mapped_column(info=MUTE)


class ImportContact(Base):
    """Whom a record has come to stand for: also who can be invited after an import."""

    __tablename__ = "import_contacts"
    __table_args__ = (UniqueConstraint("import_id", "person_id", "client_id"),)

    id: Mapped[Key]
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"))
    record: Mapped[int] = mapped_column(info=MUTE)
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))


class ImportMapping(Base):
    """How a firm has mapped the columns of files of one shape, for the next one."""

    __tablename__ = "import_mappings"
    __table_args__ = (UniqueConstraint("firm_id", "shape"),)

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"))
    shape: Mapped[str] = mapped_column(String(64), info=MUTE)
    mapping: Mapped[Facts] = mapped_column(info=MUTE)
    used_at: Mapped[Instant]

    @classmethod
    def remembered(cls, session: Session, firm_id: int, shape: str) -> dict[str, str] | None:
        """How columns of such a file were mapped the last time."""
        mine = select(cls.mapping).where(cls.firm_id == firm_id, cls.shape == shape)
        return session.scalars(mine).one_or_none()

    @classmethod
    def remember(cls, session: Session, firm_id: int, shape: str, mapping: Mapping[str, str], now: datetime) -> None:
        """In a transaction that holds the case."""
        mine = select(cls).where(cls.firm_id == firm_id, cls.shape == shape)
        row = session.scalars(mine).one_or_none() or cls(firm_id=firm_id, shape=shape)
        row.mapping, row.used_at = {**mapping}, now
        session.add(row)
