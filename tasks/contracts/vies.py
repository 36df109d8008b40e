"""VIES, the service of the EU, is asked about VAT ids of customers who are to owe the tax themselves.

It often does not answer: then it is asked again by the next run, operators are told, and nothing is billed until it
does or somebody chooses the provider's own rate. What it answers is a stranger's word: bounded in time and size, asked
of nobody else than the address that the settings name, and believed only of the number that was asked about.
"""

import json
import queue
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Thread
from time import monotonic
from typing import Any

import httpx
from prefect.logging import get_logger
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from models.audit import evidence, record
from models.contracts.contract import Contract, TaxTreatment
from models.contracts.tax import Provider, is_asked_about
from models.contracts.vat import CONSULTATION_MOST, FAULT_MOST, KNOWN_THERE, VatAnswer, VatResult, VatSilence, good_now
from models.db import Facts, reading, transaction
from models.firm import Firm
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.settings import settings
from models.text import one_line
from models.time.clock import now
from tasks.engine.passes import kick_contracts, kick_mail
from tasks.engine.retry import side_effect
from tasks.mail.letters import contracts as letters

SECONDS, SECONDS_SILENT = 25.0, 20.0
"""That one question may take as a whole, and until anything comes. Some states take their time."""
SECONDS_A_ROUND = 120.0
"""So long one round asks; whoever is left is first with the next one. All else of the day is done before."""
ANSWER_BYTES = 16_384
NAME_MOST = 300
FAULTS_MOST = 3
"""So often in a row it may fail to answer before it is left alone for now."""
MATCHES = {"traderName": "name", "traderStreet": "street", "traderPostalCode": "postcode", "traderCity": "city"}
"""What we tell it of the customer, to be compared: by its word for it, as an ``Addressee`` calls it."""
OF_A_STATE = {"MS_UNAVAILABLE", "MS_MAX_CONCURRENT_REQ", "MS_MAX_CONCURRENT_REQ_TIME"}
"""Faults that are those of one country."""


class UnansweredError(ConnectionError):
    """It did not say whether the number is good; ``fault`` is why, in one word."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"VIES does not answer: {fault}")
        self.fault = fault


@dataclass(frozen=True)
class Question:
    """A number that VIES is asked about, and what is known of whose it is."""

    firm_id: int
    vat_id: str
    own_id: str
    holder: Mapping[str, str]

    @property
    def body(self) -> Facts:
        """With the provider's own number the answer is a qualified one: it has a consultation number."""
        asked: Facts = {"countryCode": self.vat_id[:2], "vatNumber": self.vat_id[2:]}
        if self.own_id:
            asked |= {"requesterMemberStateCode": self.own_id[:2], "requesterNumber": self.own_id[2:]}
            asked |= {word: self.holder[name] for word, name in MATCHES.items() if self.holder[name]}
        return asked


@dataclass(frozen=True)
class Reply:
    """What it said."""

    result: VatResult
    consultation: str
    details: Facts


def our_side() -> Provider:
    """What tax depends on at the provider's, as it is set now."""
    chosen = settings()
    return Provider(chosen.provider_country, chosen.provider_vat_id, chosen.vat_rate, asks=bool(chosen.vies_url))


def ask_soon(firm_id: int) -> None:
    """Ask now about a firm's number. It only saves time: the flow does so by itself."""
    if settings().vies_url:
        kick_contracts(f"vat-{firm_id}")


@side_effect(name="VAT ids to be confirmed")
def ask_about_vat_ids() -> int:
    """Ask VIES about every number of which no answer counts for the month that runs; returns how many were answered.

    Repeating it asks about those again that were not answered. Once it fails several times in a row the others wait for
    the next try, as do those of a country whose own service is away, and those for whom it has been too slow.
    """
    provider = our_side()
    if not provider.asks:
        return 0
    with reading() as session:
        firms = session.scalars(_due(now())).all()
    answered, in_a_row, faults, away = 0, 0, Counter[str](), set[str]()
    ends = monotonic() + SECONDS_A_ROUND
    for firm_id in firms:
        if monotonic() > ends:
            break
        question = _question(firm_id, provider)
        if question is None or question.vat_id[:2] in away:
            continue
        try:
            reply = ask(question)
        except UnansweredError as error:
            faults[error.fault] += 1
            _keep_silence(question, error.fault)
            if error.fault in OF_A_STATE:
                away.add(question.vat_id[:2])
            elif (in_a_row := in_a_row + 1) == FAULTS_MOST:
                break
        else:
            _keep(question, reply)
            answered, in_a_row = answered + 1, 0
    if faults:
        get_logger(__name__).warning("VIES has not answered: %s", ", ".join(faults))
        raise UnansweredError(", ".join(faults))
    return answered


def _due(at: datetime) -> Select[tuple[int]]:
    """The firms of whose number no answer counts; first those that were not asked about, then by when they last were.

    So no numbers that it never answers are in the way of others.
    """
    good = select(VatAnswer.id).where(VatAnswer.firm_id == Contract.firm_id, VatAnswer.vat_id == Contract.vat_id)
    good = good.where(VatAnswer.answered_at >= good_now(at, settings().vat_days))
    wanted = Contract.tax == TaxTreatment.REVERSE_CHARGE, Contract.vat_id != "", Contract.is_test.is_(False)
    open_ones = select(Contract.firm_id).where(*wanted, Firm.closed_at.is_(None), ~good.exists())
    open_ones = open_ones.join(Firm, Firm.id == Contract.firm_id)
    open_ones = open_ones.outerjoin(VatSilence, VatSilence.firm_id == Contract.firm_id)
    return open_ones.order_by(VatSilence.tried_at.is_not(None), VatSilence.tried_at, Contract.firm_id)


def _question(firm_id: int, provider: Provider) -> Question | None:
    with reading() as session:
        contract = Contract.of(session, firm_id)
        if contract is None or not is_asked_about(contract, provider):
            return None
        own = provider.vat_id if provider.vat_id[:2] in KNOWN_THERE else ""
        return Question(firm_id, contract.vat_id, own, contract.addressee.to_json())


def _asked_still(session: Session, question: Question) -> tuple[Onboarding, Contract] | None:
    """The case and the contract, locked, if it still has the number that was asked about."""
    case = Onboarding.of_firm(session, question.firm_id)
    contract = Contract.of(session, question.firm_id)
    return (case, contract) if contract is not None and contract.vat_id == question.vat_id else None


def _keep(question: Question, reply: Reply) -> None:
    """Write the answer down; operators are told at once of a number that is none."""
    with transaction() as session:
        asked, at = _asked_still(session, question), now()
        if asked is None:
            return
        case, _ = asked
        silence = VatSilence.of(session, question.firm_id)
        if silence is not None:
            session.delete(silence)
        answer = VatAnswer(
            firm_id=question.firm_id,
            vat_id=question.vat_id,
            own_id=question.own_id,
            answered_at=at,
            result=reply.result,
            consultation=reply.consultation,
            details=reply.details,
        )
        session.add(answer)
        session.flush()
        record(session, case.id, at, "vat.answered", rows=evidence(answer))
        if reply.result is VatResult.INVALID:
            Outgoing.post(session, letters.vat_unconfirmed(at, invalid=[_named(case.firm)], unanswered=[], fault=""))


def _keep_silence(question: Question, fault: str) -> None:
    with transaction() as session:
        if _asked_still(session, question) is None:
            return
        silence, at = VatSilence.of(session, question.firm_id), now()
        if silence is None:
            silence = VatSilence(firm_id=question.firm_id, since=at)
            session.add(silence)
        if silence.vat_id != question.vat_id:
            silence.vat_id, silence.since, silence.told_at = question.vat_id, at, None
        silence.tried_at, silence.fault = at, fault


@side_effect(name="VAT ids without an answer")
def tell_of_silence() -> int:
    """Tell operators, in one mail, whose numbers VIES has not answered about, each once; returns how many."""
    with transaction() as session:
        at = now()
        rows = select(VatSilence, Firm).join(Firm, Firm.id == VatSilence.firm_id).where(VatSilence.told_at.is_(None))
        untold = session.execute(rows.order_by(VatSilence.id).with_for_update(of=VatSilence)).tuples().all()
        for silence, _ in untold:
            silence.told_at = at
        if untold:
            firms = [_named(firm) for _, firm in untold]
            fault = untold[-1][0].fault
            Outgoing.post(session, letters.vat_unconfirmed(at, invalid=[], unanswered=firms, fault=fault))
    if untold:
        kick_mail()
    return len(untold)


def _named(firm: Firm) -> letters.Concerned:
    return letters.Concerned(name=firm.name, path=f"/firm/{firm.id}/contract#tax")


# ---- the service


def ask(question: Question) -> Reply:
    """What VIES says of the number; raises UnansweredError.

    As a whole within its seconds, however slowly it dribbles: the connection is closed then.
    """
    answer: queue.SimpleQueue[tuple[int, bytes] | Exception] = queue.SimpleQueue()
    # A proxy from the environment would be another one to whom the number is told.
    with httpx.Client(timeout=SECONDS_SILENT, follow_redirects=False, trust_env=False) as client:

        def post() -> None:
            try:
                answer.put(_posted(client, question.body))
            except Exception as error:  # noqa: BLE001  (raised by who waits for it)
                answer.put(error)

        Thread(target=post, daemon=True).start()
        try:
            told = answer.get(timeout=SECONDS)
        except queue.Empty:
            raise UnansweredError("TIMEOUT") from None
    match told:
        case httpx.TimeoutException():
            raise UnansweredError("TIMEOUT") from told
        case UnansweredError():
            raise told
        case Exception():
            raise UnansweredError("NO_CONNECTION") from None  # What went wrong may name the number.
    status, content = told
    return _read(question, status, content)


def _posted(client: httpx.Client, body: Facts) -> tuple[int, bytes]:
    ends, content = monotonic() + SECONDS, b""
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    with client.stream("POST", f"{settings().vies_url}/check-vat-number", json=body, headers=headers) as response:
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise UnansweredError("PACKED")
        for piece in response.iter_raw():
            content += piece
            if len(content) > ANSWER_BYTES:
                raise UnansweredError("TOO_LONG")
            if monotonic() > ends:
                raise UnansweredError("TIMEOUT")
        return response.status_code, content


def _read(question: Question, status: int, content: bytes) -> Reply:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        said = None
    fault = _fault(said)
    if fault or status != httpx.codes.OK:
        raise UnansweredError(fault or f"HTTP_{status}")
    if not isinstance(said, dict) or not isinstance(said.get("valid"), bool):
        raise UnansweredError("NO_ANSWER")
    about = _letters(said.get("countryCode")) + _letters(said.get("vatNumber"))
    if about != _letters(question.vat_id):
        raise UnansweredError("OTHER_NUMBER")
    details = {name: _text(said.get(name), NAME_MOST) for name in ("name", "address")}
    differs = [name for word, name in MATCHES.items() if said.get(f"{word}Match") == "INVALID"]
    dated = _text(said.get("requestDate"), CONSULTATION_MOST)
    return Reply(
        VatResult.VALID if said["valid"] else VatResult.INVALID,
        _text(said.get("requestIdentifier"), CONSULTATION_MOST),
        {**details, "differs": differs, "dated": dated},
    )


def _fault(said: Any) -> str:
    """Why it cannot say, if that is what it says; it has several ways to."""
    if not isinstance(said, dict):
        return ""
    wrapped = said.get("errorWrappers")
    first = wrapped[0] if isinstance(wrapped, Sequence) and not isinstance(wrapped, str) and wrapped else {}
    named = first.get("error") if isinstance(first, dict) else None
    named = named or said.get("userError")
    if named in (None, "", "VALID", "INVALID") and said.get("actionSucceed", True) is True and not wrapped:
        return ""
    is_word = isinstance(named, str) and re.fullmatch(rf"[A-Z_]{{1,{FAULT_MOST}}}", named)
    return str(named) if is_word else "UNKNOWN"


def _letters(text: object) -> str:
    return re.sub(r"[^A-Z0-9+*]", "", text.upper()) if isinstance(text, str) else ""


def _text(text: object, most: int) -> str:
    """On one line and not too long; three dashes stand for nothing there."""
    kept = one_line(text)[:most] if isinstance(text, str) else ""
    return "" if kept == "---" else kept
