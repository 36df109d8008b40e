"""Terms and data-processing annexes: published by managers, asked about, reminded of, and answered by firms."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Select, func, select, union
from sqlalchemy.orm import Session

from models import questions
from models.audit import HOUSE, evidence, record, record_each
from models.clients.custom_field import day_of
from models.contracts.catalogue import Authority
from models.contracts.contract import Contract
from models.contracts.declaration import ReceivedInFuture
from models.contracts.fault import Work
from models.contracts.legal import (
    CHANGES_MOST,
    NUMBER_MOST,
    REFUSAL_MOST,
    ChangesMissing,
    Consent,
    ConsentDayMissing,
    ConsentGiven,
    ConsentHow,
    ConsentSignerMissing,
    ConsentState,
    ConsentTooEarly,
    FormerLetter,
    LegalDayMissing,
    LegalDayPast,
    LegalFileUnfit,
    LegalKind,
    LegalNumberMissing,
    LegalNumberTaken,
    LegalText,
    LegalTextMissing,
    LegalTextTwice,
    TermsChanged,
    Version,
    versions_for,
)
from models.db import Base, Facts, alone, reading, transaction
from models.decision import Decision
from models.document import Document
from models.errors import N_, Faults, NotFound
from models.firm import NAME_MOST, Firm
from models.onboarding import Onboarding
from models.reminders.cadence import DEFAULTS, MOST_REMINDERS, Cadence, Cadences, Level, Pause, Rhythm, WaitKind
from models.text import fitting, one_line, paragraphs
from models.time.clock import local_day, now
from tasks.contracts.batches import Batch, in_batches, together
from tasks.contracts.changes import keep_scan, scan_kind
from tasks.contracts.consents import address_of, close_question, close_refused
from tasks.contracts.orders import Who, require_manager
from tasks.contracts.telling import Draft, called, tell
from tasks.engine.passes import kick_mail
from tasks.engine.retry import side_effect
from tasks.mail.letters import contracts as letters

TEXT_MOST = 200_000
SHOWN = 100
"""Firms on a page."""


# ---- published


def publish(who: Who, written: Mapping[str, str], file: tuple[str, bytes] | None) -> int:
    """A manager publishes a version; returns its id. Who is to be asked is asked by the next run of the flow.

    *written*: kind, number, valid_from, material, changes and text; *file*: a PDF instead of the text. Raises
    ManagersAlone, FormRefused with all that does not fit.
    """
    require_manager(who)
    faults, at = Faults(), now()
    number = changes = text = ""
    valid_from = local_day(at)
    kind = LegalKind.PROCESSING if written.get("kind") == LegalKind.PROCESSING else LegalKind.TERMS
    with faults.at("number"):
        number = fitting(one_line(written.get("number", "")), NUMBER_MOST)
        if not number:
            raise LegalNumberMissing
    with faults.at("valid_from"):
        if not written.get("valid_from", "").strip():
            raise LegalDayMissing
        valid_from = day_of(written.get("valid_from", ""))
        if valid_from < local_day(at):
            raise LegalDayPast(valid_from)
    with faults.at("changes"):
        changes = fitting(one_line(written.get("changes", "")), CHANGES_MOST)
        if not changes:
            raise ChangesMissing
    with faults.at("text" if file is None else "file"):
        text = fitting(paragraphs(written.get("text", "")), TEXT_MOST)
        if file is not None and text:
            raise LegalTextTwice
        if file is None and not text:
            raise LegalTextMissing
        if file is not None and not file[1].startswith(b"%PDF-"):
            raise LegalFileUnfit
    with transaction() as session:
        alone(session, "legal texts")
        with faults.at("number"):
            there = select(LegalText.id).where(LegalText.kind == kind, LegalText.number == number)
            if number and session.scalars(there).first() is not None:
                raise LegalNumberTaken(number)
        faults.check()
        if file is not None:
            document = Document.keep(session, file[1], f"{kind}-{number}.pdf"[:200], "application/pdf")
        else:
            document = Document.keep(session, text.encode(), f"{kind}-{number}.txt"[:200], "text/plain")
        is_material = written.get("material") != "no"
        row = LegalText(kind=kind, number=number, document_id=document.id, valid_from=valid_from)
        row.is_material, row.changes, row.published_at = is_material, changes, at
        session.add(row)
        session.flush()
        facts: Facts = {"text": row.id, "kind": kind.value, "sha256": document.sha256, "is_material": is_material}
        record(session, HOUSE, at, "legal.published", who.by, **facts)
        return row.id


@dataclass(frozen=True)
class Published:
    """A version, as the board lists it."""

    text: LegalText
    sha256: str
    counts: dict[ConsentState, int]
    """How many firms say what to it."""


@dataclass(frozen=True)
class Asked:
    """A firm that was asked."""

    case_id: int
    firm: Firm
    consent: Consent


def published() -> list[Published]:
    """All versions, the newest first."""
    with reading() as session:
        counted = select(Consent.legal_text_id, Consent.state, func.count()).group_by(
            Consent.legal_text_id, Consent.state
        )
        counts: dict[int, dict[ConsentState, int]] = {}
        for text_id, state, number in session.execute(counted).tuples():
            counts.setdefault(text_id, {})[state] = number
        rows = select(LegalText, Document.sha256).join(Document, Document.id == LegalText.document_id)
        rows = rows.order_by(LegalText.id.desc())
        return [Published(text, digest, counts.get(text.id, {})) for text, digest in session.execute(rows).tuples()]


def asked(text_id: int, state: ConsentState, after: int = 0) -> tuple[LegalText, list[Asked], int | None]:
    """The firms that say this to the version, some behind the firm *after*, and behind which the next ones stand."""
    with reading() as session:
        text = LegalText.get(session, text_id)
        rows = select(Onboarding.id, Firm, Consent).join(Firm, Firm.id == Onboarding.firm_id)
        rows = rows.join(Consent, Consent.firm_id == Firm.id).where(Consent.legal_text_id == text_id)
        rows = rows.where(Consent.state == state, Consent.firm_id > after).order_by(Consent.firm_id).limit(SHOWN + 1)
        found = [Asked(*row) for row in session.execute(rows).tuples()]
        return text, found[:SHOWN], found[SHOWN - 1].firm.id if len(found) > SHOWN else None


def document(digest: str) -> tuple[str, bytes, str]:
    """Name, content and kind of the document with this hash, if it is one that was published; raises NotFound."""
    with reading() as session:
        kept = LegalText.by_sha256(session, digest)
        return kept.name, kept.content, kept.media_type


# ---- asked


@side_effect(name="ask for consent")
def ask_for_consent() -> int:
    """Ask who has had a contract since before a material change was published, and remind who has not answered.

    Returns of how many firms. Repeating it changes nothing: each is asked once about each version, and of which
    reminders the time has come is kept. Times missed give one mail.
    """
    with reading() as session:
        new = select(LegalText.id).where(LegalText.rolled_out_at.is_(None)).order_by(LegalText.id)
        texts = session.scalars(new).all()
    for text_id in texts:
        in_batches(Work.QUESTIONS, _concerned(text_id), together(partial(_put, text_id)))
        with transaction() as session:
            LegalText.get(session, text_id).rolled_out_at = now()
    with reading() as session:
        due = _due(session)
    done = in_batches(Work.CONSENT, due, together(_write))
    if done:
        kick_mail()
    return done


def _concerned(text_id: int) -> Select[tuple[int]]:
    """The firms that are to be asked about this version and were not yet."""
    put = select(Consent.id).where(Consent.firm_id == Contract.firm_id, Consent.legal_text_id == text_id)
    firms = select(Contract.firm_id).join(Firm, Firm.id == Contract.firm_id).join(LegalText, LegalText.id == text_id)
    firms = firms.where(LegalText.is_material, Contract.concluded_at < LegalText.published_at)
    return firms.where(Firm.closed_at.is_(None), ~put.exists()).order_by(Contract.firm_id)


def _put(text_id: int, session: Session, batch: Batch) -> int:
    """The question, to be written to them, in the place of one about an earlier version that nobody has answered.

    Nor is it a question to operators any more how to go on with who has refused an earlier one.
    """
    text, at = LegalText.get(session, text_id), now()
    digest = session.get_one(Document, text.document_id).sha256
    firms = [contract.firm_id for contract in batch.contracts if batch.cases[contract.firm_id].firm.closed_at is None]
    there = set(session.scalars(select(Consent.firm_id).where(Consent.legal_text_id == text_id)))
    rows: dict[int, list[Base]] = {}
    for older in Consent.older(session, text, firms):
        older.state = ConsentState.REPLACED
        rows.setdefault(batch.cases[older.firm_id].id, []).append(older)
    close_refused(session, text, [batch.cases[firm_id].id for firm_id in firms])
    for firm_id in firms:
        if firm_id not in there:
            consent = Consent(firm_id=firm_id, legal_text_id=text_id, sha256=digest, asked_at=at)
            session.add(consent)
            rows.setdefault(batch.cases[firm_id].id, []).append(consent)
    session.flush()
    facts: dict[int, Facts] = {case_id: {"rows": evidence(*each)} for case_id, each in rows.items()}
    if facts:
        record_each(session, facts, at, "consent.asked")
    return len(rows)


def _due(session: Session) -> Select[tuple[int]]:
    """The firms to which something about a consent may be due to be written; found by an index alone."""
    rows = session.scalars(select(Cadence).where(Cadence.kind == WaitKind.CONSENT))
    rhythms = [DEFAULTS[WaitKind.CONSENT], *(row.rhythm for row in rows)]
    parts = [select(Consent.firm_id).where(Consent.state == ConsentState.ASKED, Consent.mails == 0)]
    for count in range(1, MOST_REMINDERS + 1):
        days = [rhythm.day(count - 1) for rhythm in rhythms if rhythm.most >= count]
        if days:
            since = now() - timedelta(days=min(days))
            due = Consent.state == ConsentState.ASKED, Consent.mails == count, Consent.asked_at <= since
            parts.append(select(Consent.firm_id).where(*due))
    firms = union(*parts).subquery()
    return select(firms.c.firm_id).order_by(firms.c.firm_id)


def _write(session: Session, batch: Batch) -> int:
    cases = {case.id: firm_id for firm_id, case in batch.cases.items()}
    cadences, at = Cadences(session, cases.items()), now()
    paused = Pause.among(session, list(batch.cases), list(cases), [])
    waiting = select(Consent, LegalText).join(LegalText, LegalText.id == Consent.legal_text_id)
    waiting = waiting.where(Consent.firm_id.in_(list(batch.cases)), Consent.state == ConsentState.ASKED)
    drafts: list[tuple[Onboarding, Draft]] = []
    for consent, text in session.execute(waiting.order_by(Consent.id)).tuples():
        case = batch.cases[consent.firm_id]
        is_paused = (Level.FIRM, case.firm_id) in paused or (Level.CASE, case.id) in paused
        rhythm = cadences.rhythm(WaitKind.CONSENT, case.id)
        come = 1 + _passed(rhythm, consent, at)
        if case.firm.closed_at is not None or come <= consent.mails or (is_paused and consent.mails):
            continue
        count, consent.mails = consent.mails, come
        write = partial(
            letters.consent_asked, at=at, consent=consent, text=text, count=count, last=come == rhythm.most + 1
        )
        drafts.append((case, write))
    session.flush()
    tell(session, drafts, provider=False, politely=True)
    return len(drafts)


def _passed(rhythm: Rhythm, consent: Consent, at: datetime) -> int:
    """Of how many reminders the time has come."""
    return sum(1 for number in range(rhythm.most) if consent.asked_at + timedelta(days=rhythm.day(number)) <= at)


# ---- answered


def answer(firm_id: int, who: Who, text_id: int, digest: str, *, is_accepted: bool, reason: str = "") -> int:
    """The firm agrees to the version whose document has this hash, or refuses; returns the case's id.

    The same again changes nothing. Who has refused can still agree; who has agreed cannot take that back here. A
    refusal becomes a question to operators. Raises AccountClosed, NotFound for operators as well, who answer for no
    firm; ConsentGiven, TermsChanged.
    """
    if who.authority is not Authority.CLIENT:
        raise NotFound(N_("The page"))
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        case.require_open()
        consent = _asked_of(session, firm_id, text_id, digest)
        state = ConsentState.ACCEPTED if is_accepted else ConsentState.REFUSED
        if consent.state is state:
            return case.id
        if consent.state is ConsentState.ACCEPTED:
            raise ConsentGiven
        reason = "" if is_accepted else fitting(paragraphs(reason), REFUSAL_MOST, "reason")
        consent.answer(state, ConsentHow.PAGE, address_of(who.by), called(session, who.by), at, reason)
        _settle(session, case, consent, at, who)
        return case.id


@dataclass(frozen=True)
class Paper:
    """An answer that came by letter or mail, as it was typed: the day of receipt, how it came, and who has signed."""

    received: str
    came_by: str
    signer: str
    reason: str = ""
    scan: tuple[str, bytes] | None = None


def enter(firm_id: int, who: Who, text_id: int, digest: str, paper: Paper, *, is_accepted: bool) -> int:
    """An operator enters what the firm has answered by letter or mail; returns the case's id.

    The day of receipt counts, and the scan is kept. What holds for answers on the page holds for it too. Raises
    NotFound for the firm's own people, who answer themselves; AccountClosed, ConsentGiven, TermsChanged; FormRefused
    with all that does not fit.
    """
    if not who.authority.reaches(Authority.OPERATOR):
        raise NotFound(N_("The page"))
    with transaction() as session:
        case, at = Onboarding.of_firm(session, firm_id), now()
        case.require_open()
        contract, faults, day = Contract.get(session, case.firm), Faults(), local_day(at)
        consent = _asked_of(session, firm_id, text_id, digest)
        with faults.at("received"):
            if not one_line(paper.received):
                raise ConsentDayMissing
            day = day_of(one_line(paper.received))
            if day > contract.day_of(at):
                raise ReceivedInFuture(day)
            published_on = contract.day_of(LegalText.get(session, text_id).published_at)
            if day < published_on:
                raise ConsentTooEarly(published_on)
        with faults.at("signer"):
            signer = fitting(one_line(paper.signer), NAME_MOST, "name")
            if not signer:
                raise ConsentSignerMissing
        with faults.at("scan"):
            if paper.scan:
                scan_kind(paper.scan[1])
        with faults.at("reason"):
            reason = "" if is_accepted else fitting(paragraphs(paper.reason), REFUSAL_MOST, "reason")
        faults.check()
        state = ConsentState.ACCEPTED if is_accepted else ConsentState.REFUSED
        if consent.state is state:
            return case.id
        if consent.state is ConsentState.ACCEPTED:
            raise ConsentGiven
        how = ConsentHow.MAIL if paper.came_by == ConsentHow.MAIL else ConsentHow.LETTER
        received_at = at if day == contract.day_of(at) else contract.first_moment_of(day)
        consent.answer(state, how, "", signer, received_at, reason)
        consent.document_id = keep_scan(session, paper.scan).id if paper.scan else None
        _settle(session, case, consent, at, who)
        return case.id


def letter(firm_id: int, text_id: int, former_id: int | None = None) -> tuple[str, bytes, str]:
    """The scan by which this version is answered, or was before: the end of its name, content and kind.

    Raises NotFound.
    """
    with reading() as session:
        consent = Consent.of(session, firm_id).get(text_id)
        document_id = None if consent is None or former_id is not None else consent.document_id
        if consent is not None and former_id is not None:
            former = {each.id: each.document_id for each in FormerLetter.of(session, consent)}
            document_id = former.get(former_id)
        if document_id is None:
            raise NotFound(N_("The letter"))
        content = session.get_one(Document, document_id).content
        media_type, ending = scan_kind(content)
        return ending, content, media_type


def former_letters(consent: Consent | None) -> list[FormerLetter]:
    """By which this version was answered before."""
    if consent is None:
        return []
    with reading() as session:
        return FormerLetter.of(session, consent)


def _asked_of(session: Session, firm_id: int, text_id: int, digest: str) -> Consent:
    """What the firm was asked about this version, and may answer; raises NotFound, TermsChanged."""
    consent = Consent.of(session, firm_id).get(text_id)
    if consent is None or consent.state is ConsentState.REPLACED:
        raise NotFound(N_("The version"))
    if consent.sha256 != digest:
        raise TermsChanged
    return consent


def _settle(session: Session, case: Onboarding, consent: Consent, at: datetime, who: Who) -> None:
    """The answer is written down in the trail, and a refusal becomes a question to operators."""
    session.flush()
    record(session, case.id, at, f"consent.{consent.state.value}", who.by, rows=evidence(consent))
    if consent.state is ConsentState.ACCEPTED:
        close_question(session, case, consent)
    else:
        text = LegalText.get(session, consent.legal_text_id)
        Decision.ask(session, questions.consent_refused(case, at, consent=consent, text=text))


def current_versions(firm_id: int) -> list[Version]:
    """What who orders now agrees to."""
    with reading() as session:
        day = local_day(now())
        current = {text.id for text in LegalText.current(session, day)}
        return [version for version in versions_for(session, firm_id, day) if version.text.id in current]


def version(firm_id: int, text_id: int) -> tuple[Version, str]:
    """What the firm was asked about, and its text where it is none to be opened as a file; raises NotFound."""
    with reading() as session:
        found = versions_for(session, firm_id, local_day(now()))
        one = next((each for each in found if each.text.id == text_id), None)
        if one is None:
            raise NotFound(N_("The version"))
        kept = session.get_one(Document, one.text.document_id)
        return one, kept.content.decode() if kept.media_type == "text/plain" else ""
