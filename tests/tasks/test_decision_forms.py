"""What an operator reads above the form in the Prefect UI."""

import pytest
from sqlalchemy import select

from models.db import reading, transaction
from models.decision import Decision, DecisionKind
from models.time.clock import now
from tasks.intake.decision_forms import form_of
from tests import factories

SECRET = ("Erika", "erika@freitag.example", "Geheimes", "freitag.example")
FACTS = {
    DecisionKind.ADVICE: {"question": "Geheimes von Erika"},
    DecisionKind.COMPANY_ID: {"number": 861272, "alternatives": [861273, 861274]},
    DecisionKind.COUNTERSIGN: {"agreement_id": 1, "signer": "Erika"},
    DecisionKind.SIGNED_COPY: {
        "agreement_id": 1, "signer": "Erika", "name": "Geheimes.pdf", "document_id": 1, "original_id": 1,
        "pages": 3, "original_pages": 10, "doubts": ["pages_missing"], "signatures": [],
    },
    DecisionKind.DECLINED: {"agreement_id": 1, "signer": "Erika", "reason": "Geheimes"},
    DecisionKind.LAPSED: {"agreement_id": 1, "why": "expired", "reason": "Geheimes"},
    DecisionKind.TALK: {"agreement_id": 1, "signer": "Erika", "reason": "Geheimes", "note": "Geheimes"},
    DecisionKind.BAD_ADDRESS: {"person_id": 1, "address": "erika@freitag.example", "fault": "550 Geheimes"},
    DecisionKind.MAIL_FAILED: {
        "mail_id": 1, "mail": "register", "address": "erika@freitag.example", "fault": "Geheimes",
    },
    DecisionKind.LOGO: {
        "permission_id": 1, "website": "https://freitag.example", "candidates": [{"number": 1, "confidence": 0.42}],
    },
    DecisionKind.CONSENT_REFUSED: {
        "consent_id": 1, "what": "terms", "number": "2027-01", "name": "Erika Muster", "reason": "Geheimes",
    },
    DecisionKind.SILENT: {"person_id": 1, "wait": "agreement", "reminders": 3},
    DecisionKind.UNDO: {
        "change_id": 1, "booking_id": 2, "module": "Telefonservice", "ends_on": "2028-02-29", "by": "Erika",
    },
}  # fmt: skip


def test_what_was_refused_of_an_answer_stands_in_the_form_letter_for_letter():
    case_id = factories.opened()
    with transaction() as session:
        Decision.ask(
            session, Decision.draft(case_id, DecisionKind.ADVICE, "asked", now(), **FACTS[DecisionKind.ADVICE])
        )
    with reading() as session:
        asked = session.scalars(select(Decision.id)).one()

    told = form_of.fn(asked, "“[x](https://boese.example) <b>” is not an e-mail address").description

    assert r"\[x\]\(https\:\/\/boese\.example\) \<b\>" in told
    assert "](https://boese" not in told


def test_every_kind_of_question_is_tried_here():
    assert set(FACTS) == set(DecisionKind)


@pytest.mark.parametrize("kind", list(FACTS))
def test_every_form_says_what_must_be_known_and_names_nobody(kind):
    case_id = factories.opened()
    with transaction() as session:
        Decision.ask(session, Decision.draft(case_id, kind, "asked", now(), **FACTS[kind]))
    with reading() as session:
        asked = session.scalars(select(Decision.id)).one()

    heading, *told, link = form_of.fn(asked).description.split("\n\n")

    assert heading.startswith("## ")
    assert told
    assert f"/board/cases/{case_id}" in link
    assert not any(word in "\n".join([heading, *told]) for word in SECRET)
