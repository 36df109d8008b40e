"""What a firm agrees to with an order, beside prices and terms of the tariff."""

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.audit import Actor
from models.contracts.legal import Consent, ConsentHow, ConsentState, LegalText, TermsChanged
from models.db import Facts
from models.decision import Decision, DecisionKind
from models.document import Document
from models.onboarding import Onboarding
from models.time.clock import now
from tasks.contracts.telling import called


def agree_with_order(
    session: Session, case: Onboarding, by: "str | Actor", day: date, shown: Sequence[int] | None
) -> tuple[list[Facts], list[Consent]]:
    """Which versions count for an order of this day, as it is told of it, and the consents that it gives.

    *shown*: those that who orders for the firm has seen; None: the order came by another way, and nothing is agreed to
    by it. Raises TermsChanged.
    """
    current = LegalText.current(session, day)
    if shown is not None and {text.id for text in current} != {*shown}:
        raise TermsChanged
    consents, told, given = Consent.of(session, case.firm_id), list[Facts](), list[Consent]()
    for text in current:
        digest = session.get_one(Document, text.document_id).sha256
        told.append({"text": text.id, "kind": text.kind.value, "sha256": digest})
        consent = consents.get(text.id)
        if shown is None or (consent is not None and consent.state is ConsentState.ACCEPTED):
            continue
        if consent is None:
            consent = Consent(firm_id=case.firm_id, legal_text_id=text.id, sha256=digest, asked_at=now())
            session.add(consent)
        consent.answer(ConsentState.ACCEPTED, ConsentHow.ORDER, address_of(by), called(session, by), now())
        close_question(session, case, consent)
        given.append(consent)
    session.flush()
    return told, given


def close_question(session: Session, case: Onboarding, consent: Consent) -> None:
    """How to go on with who refused is no question once they agree."""
    for question in Decision.pending(session, case.id):
        if question.kind is DecisionKind.CONSENT_REFUSED and question.facts["consent_id"] == consent.id:
            question.close(now())


def close_refused(session: Session, text: LegalText, case_ids: Collection[int]) -> None:
    """How to go on with who refused an earlier version is no question any more once they are asked about this one."""
    asked = select(Decision).where(Decision.onboarding_id.in_(case_ids), Decision.answered_at.is_(None))
    asked = asked.where(Decision.kind == DecisionKind.CONSENT_REFUSED)
    questions = {question.facts["consent_id"]: question for question in session.scalars(asked)}
    earlier = select(Consent.id).join(LegalText, LegalText.id == Consent.legal_text_id)
    earlier = earlier.where(Consent.id.in_(questions), LegalText.kind == text.kind, LegalText.id < text.id)
    for consent_id in session.scalars(earlier) if questions else ():
        questions[consent_id].close(now())


def address_of(by: "str | Actor") -> str:
    return by if isinstance(by, str) else str(by.email)
