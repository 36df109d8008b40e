"""The provider's own people: who is an operator, who stands in for whom, and the mails that go to them."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from models.audit import HOUSE, Parts, of, record
from models.contracts.contract import Contract
from models.db import Facts, reading, transaction
from models.decision import Decision, drop_mails
from models.errors import NotFound
from models.firm import Firm
from models.link import Link, Purpose
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding, Party
from models.people import operator
from models.people.login import Login
from models.people.mail_address import writable_address
from models.people.manners import AddressForm, Language
from models.people.operator import OperatorAlready, operator_name, operators, readers
from models.queries.board import board, broken_events, open_decisions, patience
from models.reminders.cadence import Pause
from models.settings import settings
from models.time.clock import LOCAL_ZONE, days_since, now, today
from models.time.working_time import Reach, next_reachable
from tasks.engine.passes import kick_mail
from tasks.engine.retry import each, side_effect
from tasks.mail.letters import people as letters
from tasks.mail.letters.people import OpenQuestion, Week, Why

ESCALATED_AT_ONCE = 200
TOLD_AT_ONCE = 1000
GATHER = timedelta(minutes=2)
"""So long a new question waits for others, and a mail about them for whatever else its reader is to be told."""
GATHER_REMINDERS = timedelta(hours=1)
"""So long reminders are: each falls due at a minute of its own."""
WEIGHT: list[Why] = ["new", "waiting", "overdue"]
"""Why operators are told of a question; of two reasons the later one counts."""


def appoint(email: str, by: str, *, manager: bool = False, language: Language | None = None, name: str = "") -> str:
    """Let somebody work as an operator, or as a manager; returns a link to set a password, good for one hour.

    Who is one already stays what they are at least, and keeps *language* and *name* where none is given.
    """
    with transaction() as session:
        account = _account(session, email)
        account.name = operator_name(name) if name else account.name
        account.language = language or account.language
        _appoint(session, account, by, manager=manager or account.is_manager)
        return Link.to(session, Purpose.RESET_PASSWORD, now(), account=account.id).url


def invite(email: str, name: str, by: str, *, manager: bool, language: Language = Language.GERMAN) -> None:
    """Let somebody work as an operator and mail them a link to set a password.

    Raises OperatorAlready, OperatorNameMissing.
    """
    with transaction() as session:
        account = _account(session, email)
        if account.is_operator:
            raise OperatorAlready(account.email)
        account.language, account.name = language, operator_name(name)
        _appoint(session, account, by, manager=manager)
        link = Link.to(session, Purpose.RESET_PASSWORD, now(), account=account.id)
        Outgoing.post(session, letters.operator_invited(account, link, now(), manager=manager, by=by))
    kick_mail()


def change_role(account_id: int, by: str, *, manager: bool) -> None:
    """Make an operator a manager, or a manager an operator; raises LastManager."""
    with transaction() as session:
        _appoint(session, _operator(session, account_id), by, manager=manager)


def deactivate(account_id: int, by: str) -> None:
    """No operator any more; every session ends at once. Raises LastManager."""
    with transaction() as session:
        account = _operator(session, account_id)
        if operator.deactivate(session, account, now()):
            kinds = Outgoing.kind.in_([MailKind.DECISIONS_WAIT, MailKind.DIGEST])
            drop_mails(session, now(), Outgoing.to_address == account.email, kinds)
            record(session, HOUSE, now(), "operator.deactivated", by, **_of(account))


def rename(account_id: int, name: str, by: str) -> None:
    """What an operator is called, and signs with; raises OperatorNameMissing."""
    with transaction() as session:
        account, fresh = _operator(session, account_id), operator_name(name)
        if account.name != fresh:
            before, account.name = account.name, fresh
            record(session, HOUSE, now(), "operator.named", by, **_of(account), before=before, after=fresh)


def speak(account_id: int, language: Language, address_form: AddressForm) -> None:
    """Write to this operator so from now on, and show them the board in this language."""
    with transaction() as session:
        account = _operator(session, account_id)
        account.language, account.address_form = language, address_form


def set_absence(account_id: int, first: date | None, last: date | None, deputy_id: int | None, by: str) -> None:
    """Absent from the *first* to the *last* day; none: there again. Raises AbsenceInvalid, DeputyUnfit."""
    with transaction() as session:
        account = _operator(session, account_id)
        before = f"{account.absent_from} – {account.absent_until}" if account.absent_from else None
        operator.set_absence(session, account, first, last, deputy_id, today())
        deputy = account.deputy_id
        facts: Facts = {**_of(account), "from": _day(first), "until": of(account, _day(last)), "deputy": deputy}
        facts |= {"before": before, "after": f"{first} – {last}" if first else None}
        record(session, HOUSE, now(), "operator.absent" if first else "operator.present", by, **facts)


def _of(account: Login) -> Facts:
    """Whom an act on operators is about."""
    return {"account": account.id, "email": account.email}


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _account(session: Session, email: str) -> Login:
    """The account of this address, made if there is none."""
    operators(session)  # Acts on operators come one after the other.
    address = writable_address(email)
    account = Login.by_email(session, address)
    if account is None:
        account = Login(email=address, is_operator=False, is_manager=False, created_at=now())
        session.add(account)
        session.flush()
    account.forget_unproven(session)
    return account


def _operator(session: Session, account_id: int) -> Login:
    account = next((account for account in operators(session) if account.id == account_id), None)
    if account is None:
        raise NotFound(f"Operator {account_id}")
    return account


def _appoint(session: Session, account: Login, by: str, *, manager: bool) -> None:
    is_new, before = not account.is_operator, account.is_manager
    if operator.appoint(session, account, manager=manager):
        account.digest_at = now() if is_new else account.digest_at
        act = "operator.appointed" if is_new else "operator.role_changed"
        facts: Facts = {**_of(account), "manager": manager, "name": account.name}
        facts |= {} if is_new else {"before": _role(manager=before), "after": _role(manager=manager)}
        record(session, HOUSE, now(), act, by, **facts)


def _role(*, manager: bool) -> str:
    return "manager" if manager else "operator"


# ---- mails


def _readers(session: Session, meant: Iterable[Login]) -> list[tuple[Login | None, list[str]]]:
    """Who gets a mail that is meant for these, and instead of whom: they, and the deputies of those who are absent.

    Nobody's account, which stands for the provider's address, if there is none.
    """
    accounts: list[tuple[Login | None, list[str]]] = [
        (account, [absent.email for absent in instead_of])
        for account, instead_of in readers(meant, operators(session), today())
    ]
    return accounts or [(None, [])]


def question(
    decision: Decision, firm: Firm, why: Why, *, tests: Collection[int], last: bool = False, reminders: int = 0
) -> OpenQuestion:
    """How a mail tells of an open question; *tests*: which firms have a test account."""
    return OpenQuestion(
        id=decision.id,
        kind=decision.kind,
        firm=firm.name,
        is_test=firm.id in tests,
        days=days_since(decision.opened_at, now()),
        path=f"/board/cases/{decision.onboarding_id}#decision-{decision.id}",
        why=why,
        last=last,
        reminders=reminders,
    )


def _gather(session: Session, meant: Iterable[Login], questions: list[OpenQuestion], window: timedelta) -> None:
    """Each of these operators is told of these questions in one mail, with all else that comes until it leaves.

    It leaves after the *window*; sooner if something in it asks for that, or if nobody would be there then.
    """
    at = now()
    due = at + window if next_reachable(at + window, timedelta(), Reach()) == at + window else at
    accounts = _readers(session, meant)
    to = {account.email if account else settings().provider_email for account, _ in accounts}
    begun = Outgoing.gathering(session, MailKind.DECISIONS_WAIT, to, at)
    fresh = []
    for account, instead_of in accounts:
        mail = begun.get(account.email if account else settings().provider_email)
        if mail is None:
            mail = letters.decisions_wait(account, at, questions=[], instead_of=instead_of)
            mail.due_at = due
            fresh.append(mail)
        _add(mail, questions, instead_of)
        mail.due_at = min(mail.due_at or due, due)
    Outgoing.post_all(session, fresh)


def _add(mail: Outgoing, questions: list[OpenQuestion], instead_of: list[str]) -> None:
    """Tell of these questions in this mail as well, of each by the weightiest reason."""
    listed: dict[int, OpenQuestion] = {question["id"]: question for question in mail.facts["questions"]}
    for question in questions:
        before = listed.get(question["id"])
        if before is None or WEIGHT.index(before["why"]) <= WEIGHT.index(question["why"]):
            listed[question["id"]] = question
    absent = list(dict.fromkeys([*mail.facts["instead_of"], *instead_of]))
    mail.facts = {**mail.facts, "questions": list(listed.values()), "instead_of": absent}


def remind_operators(session: Session, questions: list[OpenQuestion]) -> None:
    """Each operator is told that these questions still wait."""
    _gather(session, operators(session), questions, GATHER_REMINDERS)


@side_effect(name="tell of new decisions")
def tell_new() -> int:
    """Tell all operators of questions that nobody has heard of yet, in working hours; returns of how many.

    Not of each by itself: a few minutes after the first, of all that came meanwhile. Repeating it changes nothing.
    Where reminders are paused nobody is told until they go on.
    """
    at = now()
    rows = _untold(at)
    if not rows:
        return 0
    try:
        return each(lambda row: _tell(row.id, at), rows)
    finally:
        kick_mail()


def has_news() -> bool:
    """Whether operators are to be told of new decisions now."""
    return bool(_untold(now(), 1))


def _untold(at: datetime, most: int = TOLD_AT_ONCE) -> Sequence[Row[tuple[int, datetime]]]:
    """The questions of which nobody has heard, if their time to be told has come."""
    if next_reachable(at, timedelta(), Reach()) > at:
        return []
    untold = select(Decision.id, Decision.opened_at).join(Onboarding, Onboarding.id == Decision.onboarding_id)
    untold = untold.where(Decision.told_at.is_(None), Decision.answered_at.is_(None), Onboarding.stopped_at.is_(None))
    untold = untold.where(~Pause.holds(Onboarding.id.expression, Onboarding.firm_id.expression))
    with reading() as session:
        rows = session.execute(untold.order_by(Decision.opened_at).limit(most)).all()
    return rows if rows and rows[0].opened_at <= at - GATHER else []


def _tell(decision_id: int, at: datetime) -> bool:
    with transaction() as session:
        decision = Decision.get(session, decision_id)
        if decision.answered_at is not None or decision.told_at is not None:
            return False
        case = Onboarding.get(session, decision.onboarding_id)
        decision.told_at = at
        tests = Contract.tests(session, [case.firm_id])
        _gather(session, operators(session), [question(decision, case.firm, "new", tests=tests)], GATHER)
        return True


@side_effect(name="escalate overdue decisions")
def escalate_overdue() -> int:
    """Tell the managers of decisions that wait for too long, in working hours; returns of how many.

    Repeating it changes nothing: a decision is escalated once. Without a manager, the provider's address is told.
    """
    at = now()
    if next_reachable(at, timedelta(), Reach()) > at:
        return 0
    since = patience(at)[Party.OPERATOR]
    overdue = select(Decision.id).join(Onboarding, Onboarding.id == Decision.onboarding_id)
    overdue = overdue.where(Decision.answered_at.is_(None), Decision.escalated_at.is_(None))
    overdue = overdue.where(Decision.opened_at < since, Onboarding.stopped_at.is_(None))
    overdue = overdue.where(~Pause.holds(Onboarding.id.expression, Onboarding.firm_id.expression))
    with reading() as session:
        decision_ids = session.scalars(overdue.order_by(Decision.id).limit(ESCALATED_AT_ONCE)).all()
    try:
        return each(lambda decision_id: _escalate(decision_id, at), decision_ids)
    finally:
        if decision_ids:
            kick_mail()


def _escalate(decision_id: int, at: datetime) -> bool:
    with transaction() as session:
        decision = Decision.get(session, decision_id)
        if decision.answered_at is not None or decision.escalated_at is not None:
            return False
        case = Onboarding.get(session, decision.onboarding_id)
        decision.escalated_at = at
        tell_managers(session, [(case, decision, 0)])
        return True


def tell_managers(session: Session, overdue: list[tuple[Onboarding, Decision, int]]) -> None:
    """Tell the managers of decisions that wait for too long, each in spite of so many reminders to all operators."""
    managers = [account for account in operators(session) if account.is_manager]
    tests = Contract.tests(session, {case.firm_id for case, *_ in overdue})
    questions = [
        question(decision, case.firm, "overdue", tests=tests, reminders=sent) for case, decision, sent in overdue
    ]
    _gather(session, managers, questions, GATHER)
    to = Parts(part for manager in managers for part in of(manager, [manager.email]))
    for case, decision, _ in overdue:
        record(session, case.id, now(), "decision.escalated", kind=decision.kind, to=to or [settings().provider_email])


@side_effect(name="send digests")
def send_digests() -> int:
    """Tell each operator once a week what waits, what is overdue and what went wrong; returns how many mails.

    Repeating it changes nothing: whoever was looked after this week is left alone, also if there was nothing to tell.
    """
    at = now()
    due = digest_moment(at)
    waits = select(Login.id).where(Login.is_operator, func.coalesce(Login.digest_at, Login.created_at) < due)
    with reading() as session:
        if not session.scalars(waits).first():
            return 0
        week = _week(session, at - timedelta(days=7))
    sent = 0
    with transaction() as session:
        meant = [account for account in operators(session) if (account.digest_at or account.created_at) < due]
        for account in meant:
            account.digest_at = at
        if any(week["waiting"] or week["wrong"] or week["news"] for _ in meant):
            to = _readers(session, meant)
            mails = [
                letters.digest(account, at, due=due, week=week, instead_of=instead_of) for account, instead_of in to
            ]
            sent = Outgoing.post_all(session, mails)
    if sent:
        kick_mail()
    return sent


def digest_moment(at: datetime) -> datetime:
    """The latest moment, up to *at*, at which digests are due."""
    local = at.astimezone(LOCAL_ZONE)
    day = local.date() - timedelta(days=(local.isoweekday() - settings().digest_weekday) % 7)
    moment = datetime(day.year, day.month, day.day, settings().digest_hour, tzinfo=LOCAL_ZONE)
    return moment if moment <= at else moment - timedelta(days=7)


def _week(session: Session, since: datetime) -> Week:
    """What there is to tell."""
    page = board(session, size=1)
    decisions = open_decisions(session)
    waiting = {
        "decisions": len(decisions),
        "decisions_overdue": sum(decision.overdue for decision in decisions),
        "overdue": page.overdue,
    }
    wrong = {trouble.value: count for trouble, count in page.by_trouble.items()}
    wrong["events"] = len(broken_events(session))
    del wrong["decision_overdue"]  # Told among what waits.
    begun = select(func.count()).select_from(Onboarding)
    news = {
        "opened": session.scalar(begun.where(Onboarding.opened_at >= since)) or 0,
        "finished": session.scalar(begun.where(Onboarding.finished_at >= since)) or 0,
    }
    parties = {party.value: count for party, count in page.by_party.items()}
    return Week(waiting=_some(waiting), wrong=_some(wrong), news=_some(news), parties=_some(parties))


def _some(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
