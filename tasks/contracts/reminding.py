"""Reminding both sides before the last day on which a module can be ended, or its tariff changed, for its next end."""

from datetime import date, timedelta
from functools import partial

from sqlalchemy import Select, select, union
from sqlalchemy.orm import Session

from models.contracts.booking import Phase
from models.contracts.fault import Work
from models.contracts.terms import ONE_DAY, Chance
from models.db import reading
from models.onboarding import Onboarding
from models.reminders.cadence import DEFAULTS, MOST_REMINDERS, Cadence, Cadences, Level, Pause, Rhythm, WaitKind
from models.time.clock import now, today
from tasks.contracts.batches import Batch, in_batches, together
from tasks.contracts.telling import Draft, tell
from tasks.engine.passes import kick_mail
from tasks.engine.retry import side_effect
from tasks.mail.letters import contracts as letters

BINDS_LITTLE = timedelta(days=62)
"""Who is bound by so few days more if the day passes is not reminded of it: they can leave again soon."""


@side_effect(name="remind of last days for notice")
def remind_of_notice() -> int:
    """Tell both sides that a last day for notice comes, each time of the cadence once; returns of how many contracts.

    Repeating it changes nothing: of which reminders the time has come is kept. Times missed give one mail, and none
    once the day has passed. Nothing is said where something is declared already, nor about test accounts.
    """
    with reading() as session:
        due = _due(session)
    done = in_batches(Work.REMINDERS, due, together(_remind))
    if done:
        kick_mail()
    return done


def leads(rhythm: Rhythm) -> list[int]:
    """How many days before the day, the longest first."""
    return sorted(rhythm.days[: rhythm.most], reverse=True)


def _due(session: Session) -> Select[tuple[int]]:
    """The firms with a contract of which a reminder or a next last day may be due; found by an index alone.

    A cadence of one firm widens the search for all of them by its days; each is looked at by its own.
    """
    rows = session.scalars(select(Cadence).where(Cadence.kind == WaitKind.NOTICE))
    rhythms = [DEFAULTS[WaitKind.NOTICE], *(row.rhythm for row in rows)]
    day = today() + ONE_DAY  # It may be tomorrow already where the contract is at home.
    parts = []
    for count in range(MOST_REMINDERS + 1):
        lead = max((days[count] for days in map(leads, rhythms) if len(days) > count), default=-2)
        last = day + timedelta(days=lead)
        parts.append(select(Phase.firm_id).where(Phase.reminded == count, Phase.notice_by <= last))
    firms = union(*parts).subquery()
    return select(firms.c.firm_id).order_by(firms.c.firm_id)


def _remind(session: Session, batch: Batch) -> int:
    cases = {case.id: firm_id for firm_id, case in batch.cases.items()}
    cadences = Cadences(session, cases.items())
    paused = Pause.among(session, list(batch.cases), list(cases), [])
    drafts: list[tuple[Onboarding, Draft]] = []
    for contract, booking in batch.running:
        phase, day, case = batch.phases[booking.id][-1], contract.day_of(now()), batch.cases[contract.firm_id]
        if phase.notice_by is None:
            continue
        if phase.notice_by < day:
            phase.look_ahead(contract, day)
        is_paused = (Level.FIRM, contract.firm_id) in paused or (Level.CASE, case.id) in paused
        if is_paused or not _is_due(phase, leads(cadences.rhythm(WaitKind.NOTICE, case.id)), day):
            continue
        chance = phase.terms(contract).chance_from(phase.notice_by or day)
        is_open = booking.ends_on is None and booking.id not in batch.waiting
        if chance is not None and is_open and not contract.is_test and not _binds_little(chance):
            module, tariff = batch.modules[booking.module_id], batch.tariffs[phase.tariff_id]
            write = partial(
                letters.notice_nears, at=now(), phase=phase, chance=chance, module=module, tariff=tariff, today=day
            )
            drafts.append((case, write))
    session.flush()
    tell(session, drafts, politely=True)
    return len(drafts)


def _is_due(phase: Phase, days: list[int], day: date) -> bool:
    """Whether the time of another reminder has come, which is kept."""
    if phase.notice_by is None:
        return False
    passed = sum(1 for lead in days if phase.notice_by - timedelta(days=lead) <= day)
    if passed <= phase.reminded:
        return False
    phase.reminded = passed
    return True


def _binds_little(chance: Chance) -> bool:
    return chance.goes_on_until - chance.ends_on <= BINDS_LITTLE
