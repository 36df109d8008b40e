"""What goes on by itself with an import: every record compared, then written, or taken back.

Whoever works on one takes it for a while and says so with each batch: killed at any row, it is gone on with by the next
one, and every record is written once.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

import orjson
from sqlalchemy import Row, Text, cast, exists, func, select, update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from models.audit import record
from models.clients.client import ClientContact, name_key
from models.clients.imports import LEASE, WRITTEN, Import, ImportRecord, ImportState, Outcome
from models.db import Facts, reading, transaction
from models.firm import Firm
from models.many import insert_all, update_all
from models.onboarding import Onboarding
from models.people.person import Person
from models.people.staff import Rights, Staff
from models.time.clock import now
from tasks.clients.imports.course import behind, discard, is_mine, renew, row_with_file, understood
from tasks.clients.imports.draft import Draft, Reading, Reason
from tasks.clients.imports.plan import Because, Planned, Planner
from tasks.clients.imports.undo import remove_accounts, take_back_some
from tasks.clients.imports.world import Earlier, Wanted, World, names_of, number_key, stored
from tasks.clients.imports.write import Batch, outcome_of
from tasks.engine.prefect_client import start_run
from tasks.engine.retry import side_effect

AT_ONCE = 500
"""Records that are compared or written together."""
PLACED = (*WRITTEN, Outcome.UNCHANGED, Outcome.DUPLICATE)
"""What stands for an account, whether something of it is written or not."""
TRIAL_MOST = timedelta(days=1)
"""So long a dry run may last."""
Some = Callable[[int, int, datetime, int], tuple[datetime, int, int] | None]
"""Works on some records of a firm's import, under a lease, so many at most; gives a new lease, and how far it is."""
T = TypeVar("T")


def batches(rows: Iterable[T], most: int) -> Iterator[list[T]]:
    """So many of them at a time."""
    begun = iter(rows)
    while some := list(islice(begun, most)):
        yield some


def kick(import_id: int) -> None:
    """Ask now for a run that goes on with it. It only saves time: the sweep finds whatever is due."""
    with reading() as session:
        due_at = session.scalars(select(Import.due_at).where(Import.id == import_id)).one_or_none()
    if due_at is not None and due_at <= now():
        # Asked for again in another minute: a run that was lost must not keep its key for ever.
        key = f"import-{import_id}-{due_at.isoformat()}-{now():%H%M}"
        start_run("import-clients/import-clients", {"import_id": import_id}, key=key, tag=f"import-{import_id}")


def carry_on(import_id: int) -> None:
    """What a page calls after each act: a short file is worked on at once, a long one by a run."""
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
    held = _claim(import_id)
    if held is None:
        return
    lease, state, firm_id = held
    if state is ImportState.UPLOADED:
        yield from _compare(firm_id, import_id, lease)
    else:
        some = _write_some if state is ImportState.RUNNING else take_back_some
        yield from _in_batches(some, firm_id, import_id, lease)


def _in_batches(some: Some, firm_id: int, import_id: int, lease: datetime) -> Iterator[tuple[int, int]]:
    """What the database refuses of many is tried again with fewer, and at last leaves out the one record that it is."""
    most = AT_ONCE
    while True:
        try:
            went = some(firm_id, import_id, lease, most)
        except (IntegrityError, DataError):
            if most == 1 and not _refuse_next(firm_id, import_id, lease):
                raise
            most = max(1, most // 10)
            continue
        if went is None:
            return
        lease, done, records = went
        most = min(AT_ONCE, most * 10)
        yield done, records


def _claim(import_id: int) -> tuple[datetime, ImportState, int] | None:
    with transaction() as session:
        row = session.get(Import, import_id, with_for_update=True)
        if row is None or row.due_at is None or row.due_at > now():
            return None
        row.due_at = now() + LEASE
        return row.due_at, row.state, row.firm_id


# ---- compared


def _compare(firm_id: int, import_id: int, lease: datetime) -> Iterator[tuple[int, int]]:
    with reading() as session:
        row = row_with_file(session, firm_id, import_id)
    held = lease if row.is_read else _stage(firm_id, import_id, lease, understood(row))
    earlier, expected = Earlier(), Counter[str]()
    try:
        last = 0
        while held is not None:
            with transaction() as session:
                row = Import.get(session, firm_id, import_id)
                if not is_mine(row, held):
                    return
                rows = _next(session, import_id, last, AT_ONCE)
                if not rows:
                    row.expected = dict(expected)
                    _finish_comparing(session, row, earlier)
                    return
                drafts = [Draft.from_json(orjson.loads(each.draft)) for each in rows]
                world = _world(session, row, drafts, earlier)
                planned = _plan(session, row, world, drafts, rows)
                changes = [{"id": each.id, **outcome_of(plan)} for each, plan in zip(rows, planned, strict=True)]
                update_all(session, ImportRecord, changes)
                _leave_alone(earlier, planned)
                for each in planned:
                    expected += _expected(each)
                earlier.keep(world)
                last = row.done = rows[-1].record
                held, records = renew(row), row.records
            yield last, records
    finally:
        earlier.close()


def _expected(planned: Planned) -> Counter[str]:
    """What would be made and changed by it."""
    if planned.outcome not in WRITTEN:
        return Counter()
    known = {*planned.of_people, *planned.of_places} - planned.new_people
    return Counter(
        new_accounts=int(planned.is_account_new),
        new_contacts=len(planned.new_people),
        changed_accounts=int(bool(planned.of_account) and not planned.is_account_new),
        changed_contacts=len(known | (planned.new_places - planned.new_people)),
    )


def _stage(firm_id: int, import_id: int, lease: datetime, read_now: Reading) -> datetime | None:
    """Keep what every record says; what was kept before is not read again."""
    newest = select(func.max(ImportRecord.record)).where(ImportRecord.import_id == import_id)
    with reading() as session:
        last = session.scalars(newest).one() or 0
    held: datetime | None = lease
    for drafts in batches(read_now.begin(last), AT_ONCE):
        with transaction() as session:
            row = Import.get(session, firm_id, import_id)
            if held is None or not is_mine(row, held):
                return None
            insert_all(session, ImportRecord, [_staged(import_id, draft) for draft in drafts])
            last = drafts[-1].record
            held = renew(row)
    with transaction() as session:
        row = Import.get(session, firm_id, import_id)
        row.is_read = held is not None and is_mine(row, held)
        row.records = last if row.is_read else row.records
        return held if row.is_read else None


def _staged(import_id: int, draft: Draft) -> Facts:
    names = names_of(draft) if draft.account is not None else ()
    return {
        "import_id": import_id,
        "record": draft.record,
        "line": draft.line,
        "draft": draft.to_json(),
        "name_key": name_key(names[0]) if names else "",
        "number": draft.account.number if draft.account else "",
        "has_person": bool(draft.contacts) and draft.refused is None and draft.skipped is None,
    }


def seer_of(session: Session, row: Import) -> tuple[int, Rights] | None:
    """Who sees what of the accounts; None: all."""
    person = session.get(Person, row.person_id) if row.person_id is not None else None
    return None if person is None else (person.id, Staff.of(session, [person])[person.id])


def _world(session: Session, row: Import, drafts: Sequence[Draft], earlier: Earlier | None = None) -> World:
    wanted = Wanted.by(drafts)
    is_writing = row.id if earlier is None else None
    world = stored(session, row.firm_id, wanted, seer_of(session, row), is_writing)
    if earlier is not None:
        earlier.add_to(world, drafts, wanted)
    lone = [draft for draft in drafts if draft.account is not None and not draft.contacts]
    keys = {name_key(name) for draft in lone for name in names_of(draft)}
    numbers = {draft.account.number for draft in lone if draft.account} - {""}
    if lone:
        persons = select(ImportRecord.name_key, ImportRecord.number).distinct()
        persons = persons.where(ImportRecord.import_id == row.id, ImportRecord.has_person)
        for way in (ImportRecord.name_key.in_(keys), ImportRecord.number.in_(numbers)):
            for key, number in session.execute(persons.where(way)):
                world.with_contact |= {key, number_key(number)} - {"", number_key("")}
    return world


def _next(session: Session, import_id: int, last: int, most: int, *which: Any) -> Sequence[Row[Any]]:
    """What planning and writing need of the records behind this one."""
    held = (ImportRecord.id, ImportRecord.record, ImportRecord.answers, ImportRecord.outcome, ImportRecord.reason)
    as_text = (cast(getattr(ImportRecord, name), Text).label(name) for name in ("draft", "told"))
    rows = select(*held, *as_text)
    rows = rows.where(ImportRecord.import_id == import_id, ImportRecord.record > last, *which)
    return session.execute(rows.order_by(ImportRecord.record).limit(most)).all()


def _plan(
    session: Session, row: Import, world: World, drafts: Sequence[Draft], rows: Sequence[Row[Any]]
) -> list[Planned]:
    planner = Planner(world, session.get_one(Firm, row.firm_id).name_format)
    return [planner.plan(draft, {**row.answers, **each.answers}) for draft, each in zip(drafts, rows, strict=True)]


def _leave_alone(earlier: Earlier, planned: Sequence[Planned]) -> None:
    for each in planned:
        if each.account is not None and each.is_account_new and not each.contacts:
            earlier.leave_alone(each.account.id, each.draft.record)
    earlier.accompany(each.account.id for each in planned if each.account is not None and each.contacts)


def _finish_comparing(session: Session, row: Import, earlier: Earlier) -> None:
    for some in batches(earlier.alone(), AT_ONCE):
        alone = update(ImportRecord).where(ImportRecord.import_id == row.id, ImportRecord.record.in_(some))
        session.execute(alone.values(outcome=Outcome.REFUSED, reason=Reason.NO_PERSON.value))
    row.go(ImportState.PLANNED, now())
    row.count(session)


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
        rows = _next(session, import_id, row.done, most, ImportRecord.outcome.in_(PLACED))
        if not rows:
            _finish_writing(session, case, row)
            return None
        drafts = [Draft.from_json(orjson.loads(each.draft)) for each in rows]
        seer = seer_of(session, row)
        world = _world(session, row, drafts)
        planned = _plan(session, row, world, drafts, rows)
        sees_new = seer is None or seer[1].sees_all or seer[1].has_default_access
        batch = Batch(session, case, row, now(), None if sees_new or seer is None else seer[0])
        batch.write(planned, rows)
        row.done = rows[-1].record
        return renew(row), row.done, row.records


def _refuse_next(firm_id: int, import_id: int, lease: datetime) -> bool:
    """Whatever the database has against this record, the others go on; whether there was one to leave out."""
    with transaction() as session:
        Onboarding.of_firm(session, firm_id)
        row = Import.get(session, firm_id, import_id)
        if row.state is not ImportState.RUNNING or not is_mine(row, lease):
            return False
        for each in behind(session, import_id, row.done, 1, ImportRecord.outcome.in_(PLACED)):
            each.outcome, each.reason = Outcome.REFUSED, Because.CONFLICT.value
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
