"""The case: what a firm must have done before it is live on Provision, in what order, and whose turn it is.

Start reading here. A case has seven steps. Each is *blocked* (an earlier one must come first), *waiting* for somebody,
or *done*; a step that waits for an operator has an open decision. ``GATES`` says what
must be done before a step begins.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    select,
    text,
)
from sqlalchemy.orm import Mapped, Session, contains_eager, mapped_column, object_session, relationship

from models.audit import record
from models.db import MUTE, Base, Instant, Key
from models.errors import N_, NotFound, ProvisionError
from models.firm import Firm


class StepName(StrEnum):
    """The seven steps, in reading order."""

    SUBSCRIPTION = "subscription"
    DETAILS = "details"
    LOGO = "logo"
    ORGANISER = "organiser"
    AGREEMENT = "agreement"
    CASEWORKERS = "caseworkers"
    CLIENTS = "clients"

    @property
    def number(self) -> int:
        return list(StepName).index(self) + 1


class StepState(StrEnum):
    BLOCKED = "blocked"
    WAITING = "waiting"
    DONE = "done"
    STOPPED = "stopped"  # Never stored: what a step is that is not done, once its case was stopped.


class Party(StrEnum):
    """Whose turn it is."""

    PROVISION = "provision"  # The product itself, in its next pass.
    OPERATOR = "operator"
    ORGANISER = "organiser"
    SIGNATORY = "signatory"
    CASEWORKER = "caseworker"
    CLIENT = "client"


GATES: dict[StepName, set[StepName]] = {
    StepName.SUBSCRIPTION: set(),
    StepName.DETAILS: set(),
    StepName.LOGO: set(),
    StepName.ORGANISER: set(),
    StepName.AGREEMENT: {StepName.SUBSCRIPTION, StepName.DETAILS, StepName.ORGANISER},
    StepName.CASEWORKERS: {StepName.AGREEMENT},
    StepName.CLIENTS: {StepName.AGREEMENT},  # The sixth step is open then, and need not be finished.
}


FIRST_LEASE, LONGEST_LEASE = timedelta(minutes=5), timedelta(hours=6)
"""How long a pass may take before another one looks at the case, and the most that failures add to it."""
STUCK_AFTER = 4
"""Attempts without an end that make a case stuck, for an operator to look at."""


@dataclass(frozen=True)
class Standing:
    """Where one step stands: done, waiting for somebody since a moment, or blocked by an earlier step."""

    step: StepName
    state: StepState
    waiting_for: Party | None
    since: datetime


STOPPED = "stopped_at IS NOT NULL AND emptied_at IS NULL"
"""Cases that were ended and still tell of people."""


class AgreementFirst(ProvisionError):
    """Nobody but the organiser gets an account before the agreement is countersigned."""

    says = N_(
        "Further accounts come after the agreement: as soon as %(firm)s and we have signed it, all can be invited."
    )

    def __init__(self, firm: str) -> None:
        super().__init__(firm)
        self.firm = firm


class Stopped(ProvisionError):
    """The case has ended without going live: nothing that was asked for is of use any more."""

    status = 410
    says = N_("The set-up of %(firm)s has been ended, nothing more is to be done here: ask us if it is to go on.")

    def __init__(self, firm: str) -> None:
        super().__init__(firm)
        self.firm = firm


class AccountClosed(Stopped):
    """The same for good, and nobody gets in: the firm has had its account closed."""

    says = N_(
        "The account of %(firm)s was closed on %(closed_at)s: nobody can sign in there or do anything any more. Ask us "
        "if you need something of it."
    )

    def __init__(self, firm: str, closed_at: datetime) -> None:
        super().__init__(firm)
        self.args = firm, closed_at
        self.closed_at = closed_at


class Step(Base):
    """One of the seven steps of one case."""

    __tablename__ = "steps"
    __table_args__ = (
        UniqueConstraint("onboarding_id", "name"),
        CheckConstraint("(state = 'done') = (done_at IS NOT NULL)", name="done_has_time"),
        CheckConstraint("(state = 'waiting') = (waiting_for IS NOT NULL)", name="waiting_for_somebody"),
    )

    id: Mapped[Key]
    onboarding_id: Mapped[int] = mapped_column(ForeignKey("onboardings.id"))
    name: Mapped[StepName]
    state: Mapped[StepState] = mapped_column(default=StepState.BLOCKED)
    waiting_for: Mapped[Party | None]
    since: Mapped[Instant]
    """When it came to be in this state, for this party."""
    done_at: Mapped[Instant | None]


class Onboarding(Base):
    """One firm on its way to going live. ``version`` guards every change against another pass at the same time."""

    __tablename__ = "onboardings"
    __table_args__ = (
        Index("ix_onboardings_pass_due", "pass_due_at"),
        Index("ix_onboardings_stopped", "stopped_at", sqlite_where=text(STOPPED), postgresql_where=text(STOPPED)),
    )

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"), unique=True)
    request_key: Mapped[str] = mapped_column(String(260), unique=True, info=MUTE)
    """Where it came from (``webhook:…``, ``run:…``); the same request opens one case."""
    opened_at: Mapped[Instant]
    finished_at: Mapped[Instant | None]
    stopped_at: Mapped[Instant | None]
    """Ended without going live; an operator may take it up again."""
    clients_emptied_at: Mapped[Instant | None]
    """When all that told of the firm's clients had gone, some time after its account was closed."""
    emptied_at: Mapped[Instant | None]
    """When all that tells of people had gone because its time was over (``models.retention``); nothing revives it."""
    no_caseworkers_at: Mapped[Instant | None]
    """When the organiser said that nobody else works with it."""
    pass_due_at: Mapped[Instant | None]
    """From this moment on a pass should look at the case. None: nothing to do until something happens."""
    attempts: Mapped[int] = mapped_column(default=0, info=MUTE)
    """Passes begun since the last one that came to its end; many mean that the case is stuck."""
    version: Mapped[int] = mapped_column(info=MUTE)

    firm: Mapped[Firm] = relationship(lazy="raise")
    steps: Mapped[list[Step]] = relationship(lazy="selectin", order_by=Step.id)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  (SQLAlchemy's own form)

    @classmethod
    def open(cls, session: Session, firm: Firm, request_key: str, now: datetime) -> Self:
        """A new case with its seven steps, due for its first pass."""
        case = cls(firm=firm, request_key=request_key, opened_at=now, pass_due_at=now)
        case.steps = [Step(name=name, since=now) for name in StepName]
        for name in StepName:
            if not GATES[name]:
                case.wait(name, Party.PROVISION, now)
        session.add(case)
        session.flush()
        return case

    @classmethod
    def get(cls, session: Session, case_id: int) -> Self:
        """The case with its firm, locked for this transaction (not while only reading); raises NotFound."""
        query = select(cls).where(cls.id == case_id).join(cls.firm).options(contains_eager(cls.firm))
        if not session.info.get("reading"):
            # The firm as well: whoever waited for the lock would otherwise see it as it was before.
            query = query.with_for_update(of=(cls, Firm), key_share=True).execution_options(populate_existing=True)
        case = session.scalars(query).one_or_none()
        if case is None:
            raise NotFound(f"Onboarding {case_id}")
        return case

    @classmethod
    def of_firm(cls, session: Session, firm_id: int) -> Self:
        case_id = session.scalars(select(cls.id).where(cls.firm_id == firm_id)).one_or_none()
        return cls.get(session, case_id or 0)

    @classmethod
    def of_each(cls, session: Session, firm_ids: Iterable[int]) -> list[Self]:
        """The cases of these firms, locked one after the other in an order that everybody keeps."""
        query = select(cls.id).where(cls.firm_id.in_(set(firm_ids))).order_by(cls.id)
        return [cls.get(session, case_id) for case_id in session.scalars(query).all()]

    def step(self, name: StepName) -> Step:
        return next(step for step in self.steps if step.name is name)

    def is_done(self, name: StepName) -> bool:
        return self.step(name).state is StepState.DONE

    def may_begin(self, name: StepName) -> bool:
        """Whether the case goes on, and everything that must come before this step is done."""
        return self.stopped_at is None and all(self.is_done(gate) for gate in GATES[name])

    def wait(self, name: StepName, party: Party, now: datetime) -> bool:
        """It is this party's turn now; False if it was already, or the step is done."""
        step = self.step(name)
        if step.state is StepState.DONE or step.waiting_for is party:
            return False
        step.state, step.waiting_for, step.since = StepState.WAITING, party, now
        return True

    def finish(self, name: StepName, now: datetime) -> bool:
        """The step is done for good; False if it was already. The last one finishes the case."""
        step = self.step(name)
        if step.state is StepState.DONE:
            return False
        step.state, step.waiting_for, step.since, step.done_at = StepState.DONE, None, now, now
        for later in StepName:
            if self.step(later).state is StepState.BLOCKED and all(self.is_done(gate) for gate in GATES[later]):
                self.wait(later, Party.PROVISION, now)
        if all(step.state is StepState.DONE for step in self.steps):
            self.finished_at = now
            session = object_session(self)
            assert session is not None  # A case is always read from the database, or put there at once.
            record(session, self.id, now, "case.finished")
        return True

    def require_going(self) -> None:
        """The gate before everything that people do in a case; raises Stopped, AccountClosed."""
        self.require_open()
        if self.stopped_at is not None:
            raise Stopped(self.firm.name)

    def require_open(self) -> None:
        """The gate before what goes on when a case was stopped, as its contract does; raises AccountClosed."""
        if self.firm.closed_at is not None:
            raise AccountClosed(self.firm.name, self.firm.closed_at)

    def require_agreement(self) -> None:
        """The gate before every account but the organiser's."""
        self.require_going()
        if not self.agreement_done:
            raise AgreementFirst(self.firm.name)

    def touch(self, now: datetime) -> None:
        """Something happened: a pass should look at the case."""
        self.pass_due_at = now

    def begin_pass(self, now: datetime) -> datetime:
        """A pass looks at the case; should it die, the next one is due at the moment returned, later each time."""
        self.attempts += 1
        self.pass_due_at = now + min(FIRST_LEASE * 2 ** min(self.attempts - 1, 20), LONGEST_LEASE)
        return self.pass_due_at

    def end_pass(self, lease: datetime) -> None:
        """The pass that began with this *lease* has seen everything, unless the case was touched since."""
        self.attempts = 0
        if self.pass_due_at == lease:
            self.pass_due_at = None

    def standing(self, name: StepName) -> Standing:
        """Where the step stands; in a case that was stopped nothing is waited for."""
        step = self.step(name)
        if self.stopped_at is not None and step.state is not StepState.DONE:
            return Standing(name, StepState.STOPPED, None, self.stopped_at)
        return Standing(name, step.state, step.waiting_for, step.since)

    def stop(self, now: datetime) -> None:
        """It ends without going live."""
        self.stopped_at = now

    def close(self, now: datetime) -> None:
        """The firm's account is closed for good, and whatever was still to be done in its case ends."""
        self.firm.closed_at = now
        self.stopped_at = self.stopped_at or now

    def take_up(self, now: datetime) -> None:
        """It goes on after all: what it waits for, it waits for from now on. Raises AccountClosed."""
        self.require_open()
        self.stopped_at, self.attempts = None, 0
        for step in self.steps:
            if step.state is StepState.WAITING:
                step.since = now
        self.touch(now)

    @property
    def agreement_done(self) -> bool:
        """Both sides have signed: everybody may have an account now."""
        return self.is_done(StepName.AGREEMENT)

    @property
    def current(self) -> Step | None:
        """The first step that is not done: where the case stands."""
        return next((step for step in self.steps if step.state is not StepState.DONE), None)
