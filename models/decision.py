"""What only an operator can decide. A row; the form in the Prefect UI and the board are two ways to answer it."""

import json
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Self

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, String, event, inspect, or_, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.audit import Parts, of, record
from models.db import MUTE, TELLS, Base, Facts, Instant, Key, tells_of
from models.errors import N_, NotFound, ProvisionError
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.person import Person
from models.reminders.cadence import Cadences, WaitKind
from models.reminders.reminder import Reminder
from models.text import fitting, paragraphs
from models.time.working_time import Reach

ANSWER_MOST = 2000
"""Characters of anything that is said with an answer."""


class DecisionKind(StrEnum):
    """What operators are asked; what each must be told stands in the function of its name in ``models.questions``."""

    ADVICE = "advice"
    COMPANY_ID = "company_id"
    COUNTERSIGN = "countersign"
    SIGNED_COPY = "signed_copy"
    DECLINED = "declined"
    LAPSED = "lapsed"
    TALK = "talk"
    BAD_ADDRESS = "bad_address"
    MAIL_FAILED = "mail_failed"
    LOGO = "logo"
    SILENT = "silent"
    UNDO = "undo"
    CONSENT_REFUSED = "consent_refused"


class Verdict(StrEnum):
    """The answers there are; ``VERDICTS`` says which ones fit which kind."""

    AGREED = "agreed"
    GRANT = "grant"
    REFUSE = "refuse"
    COUNTERSIGN = "countersign"
    ACCEPT = "accept"
    RESEND = "resend"
    STOP = "stop"
    CORRECT = "correct"
    LEAVE = "leave"
    WITHDRAW = "withdraw"
    TALK = "talk"
    MOOT = "moot"  # Nobody's answer: it was settled in another way.


VERDICTS: dict[DecisionKind, list[Verdict]] = {
    DecisionKind.ADVICE: [Verdict.AGREED],
    DecisionKind.COMPANY_ID: [Verdict.GRANT, Verdict.REFUSE],
    DecisionKind.COUNTERSIGN: [Verdict.COUNTERSIGN, Verdict.REFUSE],
    DecisionKind.SIGNED_COPY: [Verdict.ACCEPT, Verdict.REFUSE],
    DecisionKind.DECLINED: [Verdict.RESEND, Verdict.TALK, Verdict.STOP],
    DecisionKind.LAPSED: [Verdict.RESEND, Verdict.TALK, Verdict.STOP],
    DecisionKind.TALK: [Verdict.RESEND, Verdict.STOP],
    DecisionKind.BAD_ADDRESS: [Verdict.CORRECT, Verdict.WITHDRAW],
    DecisionKind.MAIL_FAILED: [Verdict.RESEND, Verdict.LEAVE],
    DecisionKind.LOGO: [Verdict.ACCEPT, Verdict.REFUSE],
    DecisionKind.SILENT: [Verdict.RESEND, Verdict.CORRECT, Verdict.WITHDRAW, Verdict.LEAVE],
    DecisionKind.UNDO: [Verdict.AGREED, Verdict.REFUSE],
    DecisionKind.CONSENT_REFUSED: [Verdict.RESEND, Verdict.LEAVE],
}


class AnsweredAlready(ProvisionError):
    says = N_("This was decided already (%(verdict)s, by %(by)s): nothing was changed.")

    def __init__(self, verdict: Verdict, by: str) -> None:
        super().__init__(verdict, by)
        self.verdict = verdict
        self.by = "Prefect" if by == "operator" else by  # Whoever answers a form there is not known by name.


class SettledOtherwise(AnsweredAlready):
    says = N_("This is no question any more, it was settled in another way: nothing was changed.")


class VerdictUnfit(ProvisionError):
    status = 422
    says = N_("“%(verdict)s” does not answer this question: choose one of %(choices)s.")

    def __init__(self, verdict: str, choices: str) -> None:
        super().__init__(verdict, choices)
        self.verdict = verdict
        self.choices = choices


UNTOLD = "told_at IS NULL AND answered_at IS NULL"
STILL_TELLS = "answered_at IS NOT NULL AND emptied_at IS NULL"


class Decision(Base):
    """One question to an operator. The first answer wins."""

    __tablename__ = "decisions"
    __table_args__ = (
        CheckConstraint("(verdict IS NULL) = (answered_at IS NULL)", name="answered_has_verdict"),
        Index(
            "ix_decisions_open",
            "id",
            sqlite_where=text("answered_at IS NULL"),
            postgresql_where=text("answered_at IS NULL"),
        ),
        Index("ix_decisions_untold", "opened_at", sqlite_where=text(UNTOLD), postgresql_where=text(UNTOLD)),
        Index(
            "ix_decisions_answered", "answered_at", sqlite_where=text(STILL_TELLS), postgresql_where=text(STILL_TELLS)
        ),
    )

    id: Mapped[Key]
    onboarding_id: Mapped[int] = mapped_column(ForeignKey("onboardings.id"), index=True)
    key: Mapped[str] = mapped_column(String(200), unique=True, info=MUTE)
    kind: Mapped[DecisionKind]
    facts: Mapped[Facts] = mapped_column(info=TELLS)
    opened_at: Mapped[Instant]
    answered_at: Mapped[Instant | None]
    answered_by: Mapped[str | None] = mapped_column(String(254), info=TELLS)
    verdict: Mapped[Verdict | None]
    answer: Mapped[Facts | None] = mapped_column(info=tells_of("answered_by"))
    """What was said besides the verdict: note, plan, interval, number, address, choice, name, signed_on."""
    form_run_id: Mapped[str | None] = mapped_column(String(40), info=MUTE)
    """The Prefect run that shows the form; disposable."""
    form_attempt: Mapped[int] = mapped_column(default=0, info=MUTE)
    told_at: Mapped[Instant | None]
    """When operators first heard of it."""
    escalated_at: Mapped[Instant | None]
    """When the managers were told that it waits for too long."""
    emptied_at: Mapped[Instant | None]
    """When it ceased to tell of anybody, because its time was over."""

    @classmethod
    def draft(cls, case_id: int, kind: DecisionKind, key: str, now: datetime, **facts: object) -> Self:
        """A question that is not put yet; the product's own are drafted by ``models.questions``."""
        return cls(onboarding_id=case_id, kind=kind, key=key, facts=facts, opened_at=now)

    @classmethod
    def ask(cls, session: Session, question: Self) -> bool:
        """Put the question; False if it was put before (answered or not)."""
        return cls.ask_each(session, [question]) == 1

    @classmethod
    def ask_each(cls, session: Session, questions: Sequence[Self]) -> int:
        """Put those that were not put before and wait for their answers; returns how many they are.

        Nothing is asked about a case that was stopped.
        """
        known_keys = set(session.scalars(select(cls.key).where(cls.key.in_([question.key for question in questions]))))
        asked = select(Onboarding.id, Onboarding.firm_id).where(Onboarding.stopped_at.is_(None))
        asked = asked.where(Onboarding.id.in_({question.onboarding_id for question in questions}))
        firms = dict(session.execute(asked).tuples().all())
        fresh = [
            question for question in questions if question.key not in known_keys and question.onboarding_id in firms
        ]
        session.add_all(fresh)
        session.flush()
        cls._await(session, fresh, firms)
        return len(fresh)

    @classmethod
    def ask_again(cls, session: Session, case: Onboarding, questions: Sequence[Self], now: datetime) -> None:
        """What was answered, or was no question any more, is open once more."""
        for question in questions:
            question.verdict = question.answered_at = question.answered_by = question.answer = None
            question.told_at = question.escalated_at = None
            question.opened_at = now
        session.flush()
        cls._await(session, questions, {case.id: case.firm_id})

    @classmethod
    def _await(cls, session: Session, questions: Sequence[Self], firms: dict[int, int]) -> None:
        """Wait for the answers to these questions from the moment at which they were put."""
        cadences = Cadences(session, firms.items())
        rows = session.scalars(
            select(Reminder).where(Reminder.decision_id.in_([question.id for question in questions]))
        )
        waits = {wait.decision_id: wait for wait in rows}
        for question in questions:
            kind = WaitKind.ADVICE if question.kind is DecisionKind.ADVICE else WaitKind.DECISION
            wait = waits.get(question.id) or Reminder(
                onboarding_id=question.onboarding_id, decision_id=question.id, kind=kind
            )
            wait.start_anew(cadences.rhythm(kind, question.onboarding_id), Reach(), question.opened_at)
            session.add(wait)
        session.flush()

    @classmethod
    def get(cls, session: Session, decision_id: int) -> Self:
        """The question, locked for this transaction (not while only reading), its case before it; raises NotFound."""
        row = session.get(cls, decision_id)
        if row is None:
            raise NotFound(f"Decision {decision_id}")
        if not session.info.get("reading"):
            Onboarding.get(session, row.onboarding_id)
            session.refresh(row, with_for_update=True)  # It may have been answered while we waited for the case.
        return row

    @classmethod
    def by_key(cls, session: Session, key: str) -> Self | None:
        return session.scalars(select(cls).where(cls.key == key)).one_or_none()

    @classmethod
    def pending(cls, session: Session, case_id: int | None = None) -> list[Self]:
        """The open questions, oldest first."""
        query = select(cls).where(cls.answered_at.is_(None)).order_by(cls.id)
        return list(session.scalars(query if case_id is None else query.where(cls.onboarding_id == case_id)))

    @classmethod
    def about(cls, session: Session, case_id: int, person_id: int, *kinds: DecisionKind) -> list[Self]:
        """The open questions of these kinds about this person."""
        return [
            question
            for question in cls.pending(session, case_id)
            if question.kind in kinds and question.facts.get("person_id") == person_id
        ]

    @classmethod
    def settled_with_form(cls, session: Session, case_id: int | None = None) -> list[Self]:
        """Answered questions whose form still stands in the Prefect UI."""
        query = select(cls).where(cls.answered_at.is_not(None), cls.form_run_id.is_not(None))
        return list(session.scalars(query if case_id is None else query.where(cls.onboarding_id == case_id)))

    @property
    def files(self) -> set[int]:
        """The documents that are shown with it."""
        of_pictures = [picture["documents"].values() for picture in self.facts.get("candidates", ())]
        named = {number for numbers in of_pictures for number in numbers}
        return named | ({self.facts["document_id"]} if "document_id" in self.facts else set())

    @property
    def choices(self) -> list[Verdict]:
        return VERDICTS[self.kind]

    def settle(self, verdict: str, by: str, now: datetime, answer: Facts) -> bool:
        """Answer it; False if this very answer was given before.

        Raises AnsweredAlready, VerdictUnfit or TextTooLong and changes nothing then.
        """
        answer = {name: fitting(paragraphs(str(text)), ANSWER_MOST, name) for name, text in answer.items()}
        if (self.verdict, self.answered_by, self.answer) == (verdict, by[:254], answer):
            return False
        if self.verdict is not None:
            refusal = SettledOtherwise if self.verdict is Verdict.MOOT else AnsweredAlready
            raise refusal(self.verdict, self.answered_by or "")
        if verdict not in [choice.value for choice in self.choices]:
            raise VerdictUnfit(verdict[:40], ", ".join(choice.value for choice in self.choices))
        self.verdict, self.answered_by, self.answered_at, self.answer = Verdict(verdict), by[:254], now, answer
        return True

    def tell_answer(self, session: Session, **facts: object) -> None:
        """Keep its answer in the trail, with what was asked; *facts* are what else the answer has done or said.

        To be called wherever it is settled, once what follows from it was done.
        """
        entry: Facts = {"decision": self.id, "kind": self.kind, "verdict": self.verdict, "answer": self.answer}
        whom = self.facts.get("person_id")
        if whom is not None and self.answer:  # What is answered about somebody tells of them, not of who answers.
            entry["answer"] = Parts([(f"person:{whom}", self.answer)])
        entry |= {"question_sha256": of(self, self.question_sha256), **facts}
        record(
            session,
            self.onboarding_id,
            self.answered_at or self.opened_at,
            "decision.answered",
            self.answered_by or "",
            **entry,
        )

    @property
    def question_sha256(self) -> str:
        """Of what was asked, and when, so that the trail can tell whether that was changed after it was answered."""
        asked = [self.key, self.kind, self.facts, self.opened_at.isoformat()]
        return sha256(json.dumps(asked, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    def close(self, now: datetime) -> None:
        """It is no question any more; whoever answers later is told so."""
        if self.verdict is None:
            self.verdict, self.answered_by, self.answered_at = Verdict.MOOT, "provision", now


def drop_mails(session: Session, now: datetime, *which: ColumnElement[bool]) -> None:
    """Mails for which all of *which* holds have become pointless: those that have not left never will.

    About those that could not be delivered nobody is asked any more. It locks them: lock the case first.
    """
    undelivered = or_(Outgoing.due_at.is_not(None), Outgoing.failed_at.is_not(None))
    mails = session.scalars(select(Outgoing).where(undelivered, *which).order_by(Outgoing.id).with_for_update()).all()
    for mail in mails:
        mail.due_at = None
    _tell_again(session, mails)
    close_mail_questions(session, now, [mail for mail in mails if mail.failed_at is not None])


def _tell_again(session: Session, mails: Sequence[Outgoing]) -> None:
    """What these mails would have reminded of besides counts as not told, and is told in another one."""
    beside = {(mail.person_id, task["step"]): mail for mail in mails for task in mail.facts.get("also", ())}
    if not beside:
        return
    rows = select(Reminder, Person, Onboarding.firm_id).join(Person, Person.id == Reminder.person_id)
    rows = rows.join(Onboarding, Onboarding.id == Reminder.onboarding_id)
    query = rows.where(Reminder.person_id.in_({person for person, _ in beside}), Reminder.ended_at.is_(None))
    waits = session.execute(query.order_by(Reminder.id)).tuples().all()
    cadences = Cadences(session, {wait.onboarding_id: firm_id for wait, _, firm_id in waits}.items())
    for wait, person, _ in waits:
        mail = beside.get((person.id, wait.step))
        if mail is not None and wait.ended_at is None and wait.last_at is not None and wait.last_at <= mail.created_at:
            wait.uncount(cadences.rhythm(wait.kind, wait.onboarding_id), person)


def close_mail_questions(session: Session, now: datetime, mails: Sequence[Outgoing]) -> None:
    """What is to become of these mails is no question any more."""
    failed = {mail.id for mail in mails}
    cases = {mail.onboarding_id for mail in mails}
    asked = select(Decision).where(Decision.onboarding_id.in_(cases), Decision.kind == DecisionKind.MAIL_FAILED)
    for question in session.scalars(asked.where(Decision.answered_at.is_(None))) if failed else ():
        if question.facts["mail_id"] in failed:
            question.close(now)


def silence_key(wait: Reminder, since: datetime) -> str:
    """Names the question how a wait goes on of which reminders have not moved anybody."""
    return f"{DecisionKind.SILENT}:{wait.id}:{since.isoformat()}"


@event.listens_for(Session, "before_flush")
def _close_questions(session: Session, *_: object) -> None:
    """What ends a wait, or begins it anew, closes the question about it; an answer ends the wait for it.

    Whoever does so: there is one place for it, and nobody has to think of it.
    """
    changed = [] if session.info.get("reading") else [*session.dirty]
    over = dict(filter(None, (_over(row) for row in changed if isinstance(row, Reminder))))
    answered = [row for row in changed if isinstance(row, Decision) and _has_new(row, "answered_at")]
    if over:
        for question in session.scalars(select(Decision).where(Decision.key.in_(over), Decision.verdict.is_(None))):
            question.close(over[question.key])
            answered.append(question)
    moments = {question.id: question.answered_at for question in answered if question.answered_at is not None}
    if moments:
        waits = select(Reminder).where(Reminder.decision_id.in_(moments), Reminder.ended_at.is_(None))
        for wait in session.scalars(waits):
            wait.over(moments[wait.decision_id or 0])


def _over(wait: Reminder) -> tuple[str, datetime] | None:
    """The key of the question about a wait for a person that has just ended or begun anew, and when it did."""
    if wait.person_id is None:
        return None
    if _has_new(wait, "since"):
        return silence_key(wait, *inspect(wait).attrs.since.history.deleted), wait.since
    if _has_new(wait, "ended_at") and wait.ended_at is not None:
        return silence_key(wait, wait.since), wait.ended_at
    return None


def _has_new(row: Base, column: str) -> bool:
    """Whether the column was changed in this transaction and is not written yet."""
    return bool(inspect(row).attrs[column].history.has_changes())
