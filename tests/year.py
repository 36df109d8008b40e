"""A year of chasing: many cases with quick, slow and silent people, lived through by the product's own acts."""

import heapq
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count

from sqlalchemy import func, select, update
from sqlalchemy.orm import contains_eager

from models.agreement import Agreement
from models.db import reading, transaction
from models.decision import Decision, DecisionKind
from models.document import Document
from models.firm import Firm
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding, StepName
from models.people.manners import Language
from models.people.person import Person, Role
from models.reminders.cadence import Follow, WaitKind
from models.reminders.reminder import Reminder
from models.time.hours import Hours
from models.time.land import Land
from tasks.agreement import lifecycle, sending, viewing
from tasks.agreement.sending import mail_agreement
from tasks.engine import passes
from tasks.intake import decision_effects
from tasks.mail.letterheads import Turn
from tasks.onboarding import company_ids, opening, registration, stopping
from tasks.onboarding.registration import STEP_OF, invite
from tasks.people import addresses, naming, operators
from tasks.people.operators import tell_new
from tasks.reminders import rounds, waits
from tasks.reminders.rounds import Reminded, send_reminders

BEGIN = datetime(2026, 1, 5, 7, tzinfo=UTC)  # A Monday.
ROUND = timedelta(hours=3)
NATURES = {"quick": (0.5, 0, 2.5), "slow": (0.35, 4, 14), "silent": (0.15, None, None)}
"""Share of the people, and after how many days they do what they are asked."""
WEEKS = ["Mo–Fr 8–18", "Mo–Fr 8–12", "Mo–Do 9–17", "Di, Do 14–20", "Mo–Fr 7–9; Sa 10–13", "Mo–So 0–24"]
AFTER = {
    Follow.OPERATOR: "operator asked",
    Follow.ORGANISER: "organiser told",
    Follow.MANAGERS: "managers told",
}
ZONES = ["Europe/Berlin"] * 8 + ["Europe/London", "America/New_York"]


CLOCKS = [
    *(rounds, waits, registration, lifecycle, sending, viewing, passes),
    *(operators, opening, decision_effects, stopping, company_ids, naming, addresses),
]
"""Modules whose ``now`` is the year's."""


@dataclass
class Year:
    """What happened."""

    waits: Counter = field(default_factory=Counter)
    mails: Counter = field(default_factory=Counter)
    """Reminders by kind and number."""
    followed: Counter = field(default_factory=Counter)
    held: Counter = field(default_factory=Counter)
    answered: Counter = field(default_factory=Counter)
    """Waits that ended by themselves, by kind and the reminders sent until then."""

    def table(self) -> str:
        """As it stands in .github/docs/figures.md."""
        lines = [
            "| waiting for | waits | answered without a reminder | 1st | 2nd | 3rd | later | and then |",
            "|---|--:|--:|--:|--:|--:|--:|---|",
        ]
        for kind in WaitKind:
            if self.waits[kind]:
                later = sum(n for (k, number), n in self.mails.items() if k is kind and number > 3)
                numbers = " | ".join(str(self.mails[kind, number]) for number in (1, 2, 3))
                then = [f"{n} × {AFTER[follow]}" for (k, follow), n in sorted(self.followed.items()) if k is kind]
                lines.append(
                    f"| {kind} | {self.waits[kind]} | {self.answered[kind, 0]} | {numbers} | {later or '–'} "
                    f"| {', '.join(then) or '–'} |"
                )
        return "\n".join(lines)


def live_through(clock, cases: int = 1000, days: int = 365, seed: int = 1) -> Year:
    """*clock* is called with the moment whenever time has passed."""
    dice, year, order = random.Random(seed), Year(), count()
    people, natures = _populate(dice, cases), {}
    events: list[tuple[datetime, int, str, tuple]] = []

    def at(moment: datetime, what: str, *who) -> None:
        heapq.heappush(events, (moment, next(order), what, who))

    def answer(moment: datetime, who, step: StepName, kind: WaitKind) -> None:
        """The person does it after a while, as is their nature."""
        nature = natures.setdefault(who, dice.choices(list(NATURES), [share for share, _, _ in NATURES.values()])[0])
        _, first, last = NATURES[nature]
        if first is not None:
            at(moment + timedelta(days=dice.uniform(first, last)), "answer", who, step, kind)

    for case_id in people:
        at(BEGIN + timedelta(days=dice.uniform(0, days * 0.8)), "ask", case_id, Role.ORGANISER)
        if dice.random() < 0.1:
            at(BEGIN + timedelta(days=dice.uniform(0, days * 0.8)), "advice", case_id)
    moment = BEGIN
    while True:
        with reading() as session:
            due = session.scalar(select(func.min(Reminder.due_at)))
        soonest = min([due] * (due is not None) + [event[0] for event in events[:1]], default=None)
        if soonest is None or soonest > BEGIN + timedelta(days=days):
            break
        moment += ROUND * max(1, -((moment - soonest) // ROUND))  # The next round in which there is something to do.
        clock(moment)
        now_due: dict[str, list[tuple]] = defaultdict(list)
        while events and events[0][0] <= moment:
            _, _, what, who = heapq.heappop(events)
            now_due[what].append(who)
        if now_due:
            _happen(now_due, people, moment, year, at, answer, dice)
        tell_new.fn()
        done: Reminded = send_reminders.fn()
        year.mails += done.mails
        year.followed += done.followed
        year.held += done.held
    with reading() as session:
        counted = session.execute(select(Reminder.kind, func.count()).group_by(Reminder.kind))
        year.waits = Counter({kind: number for kind, number in counted})  # noqa: C416
    return year


def _happen(now_due, people, moment, year, at, answer, dice) -> None:
    """What people do in this round, several at once."""
    with transaction() as session:
        _answered(session, now_due, moment, year, at)
        wanted = [case_id for what in ("ask", "agree") for case_id, *_ in now_due[what]]
        cases = select(Onboarding).where(Onboarding.id.in_(wanted)).join(Onboarding.firm)
        known = {case.id: case for case in session.scalars(cases.options(contains_eager(Onboarding.firm)))}
        members = select(Person).where(Person.firm_id.in_([case.firm_id for case in known.values()]))
        asked = {one.id: one for one in session.scalars(members)}
        turns = [
            Turn(known[case_id], asked[person]) for case_id, role in now_due["ask"] for person in people[case_id][role]
        ]
        invite(session, turns)
        for turn in turns:
            answer(moment, turn.person.id, STEP_OF[turn.person.role], WaitKind(turn.person.role.value))
        for (case_id,) in now_due["agree"]:
            organiser = asked[people[case_id][Role.ORGANISER][0]]
            session.add(_agreement(case_id, moment))
            session.flush()
            mail_agreement(session, [Turn(known[case_id], organiser)])
            Reminder.begin(session, known[case_id], organiser, StepName.AGREEMENT, moment)
            answer(moment, organiser.id, StepName.AGREEMENT, WaitKind.AGREEMENT)
        for (case_id,) in now_due["advice"]:
            Decision.ask(
                session, Decision.draft(case_id, DecisionKind.ADVICE, f"advice:{case_id}", moment, question="")
            )
            at(moment + timedelta(days=dice.uniform(0, 5)), "decide", case_id)


def _answered(session, now_due, moment, year, at) -> None:
    """What was waited for happens, and the next thing is asked."""
    for (case_id,) in now_due["decide"]:
        question = Decision.by_key(session, f"advice:{case_id}")
        sent = session.scalars(select(Reminder.sent).where(Reminder.decision_id == question.id)).one()
        year.answered[WaitKind.ADVICE, sent] += 1
        question.settle("agreed", "operator", moment, {})
    for person, step, kind in now_due["answer"]:
        wait = session.scalars(select(Reminder).where(Reminder.person_id == person, Reminder.step == step)).one()
        wait.over(moment)
        year.answered[kind, wait.sent] += 1
        if kind is WaitKind.ORGANISER:
            at(moment, "agree", wait.onboarding_id)
        elif kind is WaitKind.AGREEMENT:
            done = {"declined_at": moment, "decline_reason": "simulated"}
            session.execute(update(Agreement).where(Agreement.onboarding_id == wait.onboarding_id).values(done))
            for role in (Role.CASEWORKER, Role.CLIENT):
                at(moment, "ask", wait.onboarding_id, role)


def _agreement(case_id: int, moment: datetime) -> Agreement:
    return Agreement(
        onboarding_id=case_id,
        version=1,
        language=Language.GERMAN,
        data={},
        document_id=1,
        sent_at=moment,
        expires_at=moment + timedelta(days=400),
    )


def _populate(dice: random.Random, cases: int) -> dict[int, dict[Role, list[int]]]:
    """Firms with their people, each with a week of their own; returns the people of each case by role."""
    people: dict[int, dict[Role, list[int]]] = {}
    with transaction() as session:
        content = b"%PDF-1.7"
        digest = sha256(content).hexdigest()
        facts = {"name": "a.pdf", "media_type": "application/pdf", "size": 8, "content": content}
        session.add(Document(sha256=digest, created_at=BEGIN, **facts))
        firms = [Firm(name=f"Kanzlei {n}", line_of_business="tax", created_at=BEGIN) for n in range(cases)]
        session.add_all(firms)
        session.flush()
        made, members = [], []
        for number, firm in enumerate(firms):
            made.append(Onboarding(firm_id=firm.id, request_key=f"year:{number}", opened_at=BEGIN))
            roles = [Role.ORGANISER, Role.CASEWORKER, Role.CASEWORKER, Role.CLIENT, Role.CLIENT, Role.CLIENT]
            members += [
                Person(
                    firm_id=firm.id,
                    role=role,
                    email=f"{place}@{number}.example",
                    family_name=f"Person {place}",
                    land=dice.choice(list(Land)),
                    hours=Hours.parse(dice.choice(WEEKS)),
                    time_zone=dice.choice(ZONES),
                    added_at=BEGIN,
                )
                for place, role in enumerate(roles)
            ]
        session.add_all(made + members)
        session.flush()
        cases_of = {case.firm_id: case.id for case in made}
        for person in members:
            people.setdefault(cases_of[person.firm_id], defaultdict(list))[person.role].append(person.id)
    return people


def reminders_written() -> list[tuple[Person, Outgoing]]:
    """Every reminder to a person, with whom it went to."""
    with reading() as session:
        rows = session.execute(
            select(Person, Outgoing).join(Outgoing, Outgoing.person_id == Person.id).order_by(Outgoing.id)
        ).all()
    return [(person, mail) for person, mail in rows if mail.facts.get("count", 0) > 0]


def mails_about_decisions() -> list[datetime]:
    """When each mail was written in which the provider's people are told what waits for them."""
    told = select(Outgoing.created_at).where(Outgoing.kind == MailKind.DECISIONS_WAIT).order_by(Outgoing.id)
    with reading() as session:
        return list(session.scalars(told))
