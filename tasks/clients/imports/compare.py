"""Every record compared with what is stored, and with the records before it: what would become of each."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Text, cast, func, select, update
from sqlalchemy.orm import Session

from models.audit import newest_number
from models.clients.client import name_key
from models.clients.imports import WRITTEN, Import, ImportKey, ImportRecord, ImportState, Outcome
from models.db import Facts, reading, transaction
from models.firm import Firm
from models.many import insert_all, update_all
from models.onboarding import Onboarding
from models.people.person import Person
from models.people.staff import Rights, Staff
from models.time.clock import now
from tasks.clients.imports.course import AT_ONCE, batches, is_mine, renew, row_with_file, understood
from tasks.clients.imports.draft import Draft, Reading, Reason
from tasks.clients.imports.outcome import Planned, outcome_of
from tasks.clients.imports.plan import Planner
from tasks.clients.imports.world import Earlier, Wanted, World, names_of, number_key, stored


def compare(firm_id: int, import_id: int, lease: datetime) -> Iterator[tuple[int, int]]:
    with reading() as session:
        row = row_with_file(session, firm_id, import_id)
    held = lease if row.is_read else _stage(firm_id, import_id, lease, understood(row))
    earlier, sums = Earlier(), Counter[str]()
    try:
        last = 0
        while held is not None:
            with transaction() as session:
                row = Import.get(session, firm_id, import_id)
                if not is_mine(row, held):
                    return
                rows = next_rows(session, import_id, last, AT_ONCE)
                if last == 0:
                    case = select(Onboarding.id).where(Onboarding.firm_id == firm_id)
                    row.compared_at_entry = newest_number(session, session.scalars(case).one())
                if not rows:
                    sums -= Counter(new_accounts=refuse_alone(session, row, earlier))
                    row.expected = dict(sums)
                    row.go(ImportState.PLANNED, now())
                    row.again = []
                    row.count(session)
                    return
                for each in compare_some(session, row, rows, earlier):
                    sums += expected(each.outcome, each.told)
                last = row.done = rows[-1].record
                held, records = renew(row), row.records
            yield last, records
    finally:
        earlier.close()


def expected(outcome: Outcome, told: Facts) -> Counter[str]:
    """What would be made and changed by a record of which this is told."""
    if outcome not in WRITTEN:
        return Counter()
    new = [each for each in told["contacts"] if each["is_new"] and not each["was_there"]]
    changed = [each for each in told["contacts"] if each["before"] or each["is_new"]]
    is_account_new = outcome is Outcome.CREATE
    return Counter(
        new_accounts=int(is_account_new),
        new_contacts=len(new),
        changed_accounts=int(bool(told["before"]) and not is_account_new),
        changed_contacts=len([each for each in changed if each not in new]),
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
            keys = [(draft.record, key) for draft in drafts for key in more_keys(draft)]
            insert_all(session, ImportKey, [{"import_id": import_id, "record": n, "key": key} for n, key in keys])
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


def more_keys(draft: Draft) -> set[str]:
    """By what else than its number and first name it is about the same as others: names and e-mail addresses."""
    names = {name_key(name) for name in names_of(draft)[1:]} if draft.account is not None else set[str]()
    return (names | {contact.email for contact in draft.contacts}) - {""}


def seer_of(session: Session, row: Import) -> tuple[int, Rights] | None:
    """Who sees what of the accounts; None: all."""
    person = session.get(Person, row.person_id) if row.person_id is not None else None
    return None if person is None else (person.id, Staff.of(session, [person])[person.id])


def world_of(session: Session, row: Import, drafts: Sequence[Draft], earlier: Earlier | None = None) -> World:
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


def next_rows(session: Session, import_id: int, last: int, most: int, *which: Any) -> Sequence[Row[Any]]:
    """What planning and writing need of the records behind this one."""
    names = ("id", "record", "answers", "outcome", "reason", "is_new")
    held = (getattr(ImportRecord, name) for name in names)
    as_text = (cast(getattr(ImportRecord, name), Text).label(name) for name in ("draft", "told"))
    rows = select(*held, *as_text)
    rows = rows.where(ImportRecord.import_id == import_id, ImportRecord.record > last, *which)
    return session.execute(rows.order_by(ImportRecord.record).limit(most)).all()


def planned_of(
    session: Session,
    row: Import,
    world: World,
    drafts: Sequence[Draft],
    rows: Sequence[Row[Any]],
    *,
    still_new: bool = False,
) -> list[Planned]:
    """*still_new*: whether what was found new needs no comparing."""
    planner = Planner(world, session.get_one(Firm, row.firm_id).name_format)
    return [
        planner.open(draft) if still_new and each.is_new else planner.plan(draft, {**row.answers, **each.answers})
        for draft, each in zip(drafts, rows, strict=True)
    ]


def compare_some(session: Session, row: Import, rows: Sequence[Row[Any]], earlier: Earlier) -> list[Planned]:
    """The next records of the file, behind those of which *earlier* knows; what becomes of them is kept."""
    drafts = [Draft.parse(each.draft) for each in rows]
    world = world_of(session, row, drafts, earlier)
    planned = planned_of(session, row, world, drafts, rows)
    update_all(
        session, ImportRecord, [{"id": each.id, **outcome_of(plan)} for each, plan in zip(rows, planned, strict=True)]
    )
    _leave_alone(earlier, planned)
    earlier.keep(world)
    return planned


def _leave_alone(earlier: Earlier, planned: Sequence[Planned]) -> None:
    for each in planned:
        if each.account is not None and each.is_account_new and not each.contacts:
            earlier.leave_alone(each.account.id, each.draft.record)
    earlier.accompany(each.account.id for each in planned if each.account is not None and each.contacts)


def refuse_alone(session: Session, row: Import, earlier: Earlier) -> int:
    """Accounts to which no contact comes are none; how many there were."""
    alone = earlier.alone()
    for some in batches(alone, AT_ONCE):
        theirs = update(ImportRecord).where(ImportRecord.import_id == row.id, ImportRecord.record.in_(some))
        session.execute(theirs.values(outcome=Outcome.REFUSED, reason=Reason.NO_PERSON.value))
    return len(alone)
