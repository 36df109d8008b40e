"""What goes on by itself with an import: every record compared, then written, or taken back.

Whoever works on one takes it for a while and says so with each batch: killed at any row, it is gone on with by the next
one, and every record is written once.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from sqlalchemy import exists, select, update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from models.audit import Entry, newest_number, record
from models.clients.client import ClientContact
from models.clients.imports import LEASE, WRITTEN, Import, ImportRecord, ImportState, Outcome
from models.db import Facts, reading, transaction
from models.many import uncollected
from models.onboarding import Onboarding
from models.time.clock import now
from tasks.clients.imports.again import compare_again
from tasks.clients.imports.compare import compare, next_rows, planned_of, seer_of, world_of
from tasks.clients.imports.course import AT_ONCE, batches, behind, discard, is_mine, renew
from tasks.clients.imports.draft import Draft, Reason
from tasks.clients.imports.outcome import Because
from tasks.clients.imports.undo import give_up, remove_accounts, take_back_some
from tasks.clients.imports.world import Unasked
from tasks.clients.imports.write import Batch
from tasks.engine.prefect_client import start_run
from tasks.engine.retry import side_effect

PLACED = (*WRITTEN, Outcome.UNCHANGED, Outcome.DUPLICATE)
"""What stands for an account, whether something of it is written or not."""
NO_ACTS = ("import.begun",)
"""They change nothing that records are compared with."""
WRITTEN_AT_ONCE = 1000
"""Records in one transaction: the larger, the less it weighs, and the longer others wait for it."""
TRIAL_MOST = timedelta(days=1)
"""So long a dry run may last."""
Some = Callable[[int, int, datetime, int], tuple[datetime, int, int] | None]
"""Works on some records of a firm's import, under a lease, so many at most; gives a new lease, and how far it is."""


def kick(import_id: int) -> None:
    """Ask now for a run that goes on with it. It only saves time: the sweep finds whatever is due."""
    with reading() as session:
        due_at = session.scalars(select(Import.due_at).where(Import.id == import_id)).one_or_none()
    if due_at is not None and due_at <= now():
        # Asked for again in another minute: a run that was lost must not keep its key for ever.
        key = f"import-{import_id}-{due_at.isoformat()}-{now():%H%M}"
        start_run("import-clients/import-clients", {"import_id": import_id}, key=key, tag=f"import-{import_id}")


def carry_on(import_id: int) -> None:
    """What a page calls after each act: a short file is worked on at once, and of a long one what answers concern; the
    rest is worked on by a run.
    """
    compare_again(import_id)
    with reading() as session:
        is_short = session.get_one(Import, import_id).records <= AT_ONCE
    if is_short:
        go_on(import_id)
    kick(import_id)


@side_effect(name="go on with imports")
def continue_imports() -> int:
    """Ask for a run for every import that nobody works on, and forget what dry runs have left; returns how many."""
    waiting = select(Import.id).where(Import.due_at <= now(), Import.is_trial.is_(False)).order_by(Import.id)
    left = select(Import.id).where(Import.is_trial, Import.created_at < now() - TRIAL_MOST)
    with reading() as session:
        due, trials = session.scalars(waiting).all(), session.scalars(left).all()
    for import_id in due:
        kick(import_id)
    for import_id in trials:
        discard(import_id)
    return len(due)


def go_on(import_id: int) -> None:
    """Work on it until something has to be decided; nothing if somebody else does."""
    for _ in steps(import_id):
        pass


def steps(import_id: int) -> Iterator[tuple[int, int]]:
    """The same, and after every batch how many records are done, of how many."""
    compare_again(import_id)
    held = _claim(import_id)
    if held is None:
        return
    lease, state, firm_id = held
    if state is ImportState.UPLOADED:
        yield from compare(firm_id, import_id, lease)
    else:
        some = _write_some if state is ImportState.RUNNING else take_back_some
        yield from _in_batches(some, firm_id, import_id, lease)


def _in_batches(some: Some, firm_id: int, import_id: int, lease: datetime) -> Iterator[tuple[int, int]]:
    """What the database refuses of many is tried again with fewer, and at last leaves out the one record that it is."""
    most = WRITTEN_AT_ONCE
    while True:
        try:
            with uncollected():
                went = some(firm_id, import_id, lease, most)
        except (IntegrityError, DataError):
            if most == 1 and not _refuse_next(firm_id, import_id, lease):
                raise
            most = max(1, most // 10)
            continue
        if went is None:
            return
        lease, done, records = went
        most = min(WRITTEN_AT_ONCE, most * 10)
        yield done, records


def _claim(import_id: int) -> tuple[datetime, ImportState, int] | None:
    with transaction() as session:
        row = session.get(Import, import_id, with_for_update=True)
        if row is None or row.due_at is None or row.due_at > now():
            return None
        row.due_at = now() + LEASE
        return row.due_at, row.state, row.firm_id


# ---- written


def _write_some(firm_id: int, import_id: int, lease: datetime, most: int) -> tuple[datetime, int, int] | None:
    """The next records, compared again with what is stored now; None: there is no more to do for us."""
    with transaction() as session:
        case = Onboarding.of_firm(session, firm_id)
        row = Import.get(session, firm_id, import_id)
        if not is_mine(row, lease):
            return None
        if case.stopped_at is not None:
            done = row.done
            row.go(ImportState.CANCELLED, now())
            row.done = done
            return None
        rows = next_rows(session, import_id, row.done, most, ImportRecord.outcome.in_(PLACED))
        if not rows:
            _finish_writing(session, case, row)
            return None
        drafts = [Draft.parse(each.draft) for each in rows]
        seer, is_as_compared = seer_of(session, row), _is_as_compared(session, case, row)
        doubtful = [draft for draft, each in zip(drafts, rows, strict=True) if not (is_as_compared and each.is_new)]
        world = world_of(session, row, doubtful) if doubtful else Unasked()
        planned = planned_of(session, row, world, drafts, rows, still_new=is_as_compared)
        sees_new = seer is None or seer[1].sees_all or seer[1].has_default_access
        batch = Batch(session, case, row, now(), None if sees_new or seer is None else seer[0])
        batch.write(planned, rows)
        row.done = rows[-1].record
        row.compared_at_entry = newest_number(session, case.id) if is_as_compared else None
        return renew(row), row.done, row.records


def _is_as_compared(session: Session, case: Onboarding, row: Import) -> bool:
    """Whether nobody has done anything since then in the firm, whose case is held."""
    acts = exists().where(Entry.case_id == case.id, Entry.number > row.compared_at_entry, Entry.action.not_in(NO_ACTS))
    return row.compared_at_entry is not None and not session.scalar(select(acts))


def _refuse_next(firm_id: int, import_id: int, lease: datetime) -> bool:
    """Whatever the database has against this record, the others go on; whether there was one to leave out. Nothing goes
    on where it is to be taken back, and something points to it.
    """
    with transaction() as session:
        case = Onboarding.of_firm(session, firm_id)
        row = Import.get(session, firm_id, import_id)
        if not is_mine(row, lease):
            return False
        if row.state is ImportState.UNDOING:
            give_up(session, case, row)
            return True
        for each in behind(session, import_id, row.done, 1, ImportRecord.outcome.in_(PLACED)):
            each.outcome, each.reason = Outcome.REFUSED, Because.CONFLICT.value
            row.compared_at_entry = None  # Something is there of which the trail does not tell.
            row.done = each.record
        return True


def _finish_writing(session: Session, case: Onboarding, row: Import) -> None:
    """Accounts to which no contact came, since that one's record is held or refused, are none."""
    mine = ImportRecord.import_id == row.id, ImportRecord.has_person.is_(False), ImportRecord.client_id.is_not(None)
    alone = select(ImportRecord.client_id).where(*mine)
    alone = alone.where(~exists().where(ClientContact.client_id == ImportRecord.client_id))
    ids = [key for key in session.scalars(alone.distinct()) if key is not None]
    for some in batches(ids, AT_ONCE):
        theirs = update(ImportRecord).where(ImportRecord.import_id == row.id, ImportRecord.client_id.in_(some))
        gone: Facts = {"client_id": None, "outcome": Outcome.REFUSED, "reason": Reason.NO_PERSON.value, "undo": {}}
        session.execute(theirs.values(**gone).execution_options(synchronize_session=False))
        remove_accounts(session, some)
    row.go(ImportState.DONE, now())
    row.done = row.records
    row.count(session)
    record(session, case.id, now(), "import.done", row.by, imported=row.id, **row.counts, **row.origin)
    case.touch(now())
