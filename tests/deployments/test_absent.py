"""No page breaks because something is absent that may be: every state, every answer, whoever gave it."""

from dataclasses import replace

import pytest

from models.db import reading, transaction
from models.decision import VERDICTS, Decision, DecisionKind, Verdict
from models.queries import board as boards
from models.queries import casefile
from models.time.clock import now
from tasks.intake import decision_forms
from tasks.onboarding import firm_page
from tests import factories
from tests.absent import variants
from tests.deployments.test_board import Browser
from tests.factories import PASSWORD

pytestmark = pytest.mark.usefixtures("no_runs")

DOUBTED = {"pages": 2, "original_pages": 2, "original_id": 1, "signatures": [], "doubts": ["no_signature"]}
FACTS: dict[DecisionKind, tuple[dict, dict]] = {
    DecisionKind.ADVICE: ({}, {"question": "Was passt?"}),
    DecisionKind.COMPANY_ID: ({"number": 861272, "alternatives": [861273]}, {}),
    DecisionKind.COUNTERSIGN: ({"agreement_id": 1, "signer": "Erika Muster"}, {}),
    DecisionKind.SIGNED_COPY: ({"agreement_id": 1, "document_id": 1, "signer": "Erika Muster"}, {"name": "a.pdf"}),
    DecisionKind.DECLINED: ({"agreement_id": 1, "signer": "Erika Muster"}, {"reason": "Zu lang."}),
    DecisionKind.LAPSED: ({"agreement_id": 1, "why": "withdrawn"}, {"reason": "Tippfehler."}),
    DecisionKind.TALK: ({"agreement_id": 1}, {"signer": "Erika Muster", "reason": "Zu lang.", "note": "Anrufen."}),
    DecisionKind.BAD_ADDRESS: ({"address": "a@b.example"}, {"person_id": 1, "fault": "550", "reason": "complaint"}),
    DecisionKind.MAIL_FAILED: ({"mail": "welcome", "address": "a@b.example"}, {"mail_id": 1, "fault": "550"}),
    DecisionKind.LOGO: ({"permission_id": 1, "website": "https://a.example", "candidates": []}, {}),
    DecisionKind.CONSENT_REFUSED: (
        {"consent_id": 1, "what": "terms", "number": "2027-01"},
        {"name": "Erika Muster", "reason": "Zu lang."},
    ),
    DecisionKind.SILENT: ({"person_id": 1, "step": "logo", "wait": "task", "reminders": 3}, {}),
    DecisionKind.UNDO: (
        {"change_id": 1, "booking_id": 2, "module": "Telefonservice", "ends_on": "2028-02-29"},
        {"by": "Erika Muster"},
    ),
}
"""What every question of a kind carries, and what some carry besides."""
ANSWER = {"note": "Gut.", "plan": "plus", "interval": "yearly", "address": "a@b.example", "choice": "1"}
ANSWERERS = ["operator@convent-it.example", "operator", "provision"]
"""On the board, in Prefect, or nobody: it was settled in another way."""
TIED = frozenset({
    "Case.step_number", "Case.waiting_for", "Case.since", "Case.step", "Case.firm", "CaseDetail.case",
    "StepLine.waiting_for", "StepLine.done_at", "Step.waiting_for", "Step.done_at",
    "PersonLine.name", "PersonLine.email", "DecisionLine.verdict", "DecisionLine.answered_by", "DecisionLine.facts",
    "AgreementLine.signer", "AgreementLine.countersigned_by",
    "SubscriptionLine.plan", "SubscriptionLine.interval", "SubscriptionLine.currency", "DecisionLine.choices",
    "FirmOverview.steps", "CaseDetail.steps",
    "Firm.name", "Firm.search", "Subscription.interval", "Subscription.plan", "Person.family_name", "Person.email",
    "Agreement.signer", "Agreement.delegated_at", "Agreement.data", "Logo.png", "Logo.report", "Subscription.currency",
})  # fmt: skip
"""What a rule of the database, or of the code that fills it in, ties to something else: never absent alone."""


@pytest.fixture
def operator():
    return Browser(factories.operator("operator@convent-it.example", manager=True))


def broken(browser, path):
    """What is wrong with the page; empty if nothing is."""
    try:
        answer = browser.get(path)
    except Exception as error:  # noqa: BLE001
        return repr(error)
    return "" if answer.status_code == 200 else str(answer.status_code)


def answered(case_id, kind):
    """Every answer to a question of this kind by everybody, whole, with each fact left out, and with none."""
    few = [ANSWER, *({name: ANSWER[name] for name in ANSWER if name != left_out} for left_out in ANSWER), {}, None]
    for verdict in [*VERDICTS[kind], Verdict.MOOT]:
        for by in ANSWERERS:
            for answer in few:
                yield Decision(
                    onboarding_id=case_id, kind=kind, facts=FACTS[kind][0] | FACTS[kind][1], opened_at=now(),
                    answered_at=now(), answered_by=by, verdict=verdict, answer=answer,
                )  # fmt: skip


def asked(case_id, kind):
    """An open question of this kind with all its facts, without each that may be absent, and without any of them."""
    always, sometimes = FACTS[kind]
    few = [
        sometimes,
        *({name: sometimes[name] for name in sometimes if name != left_out} for left_out in sometimes),
        {},
    ]
    copies = [
        always | some | more for some in few for more in ([{}, DOUBTED] if kind is DecisionKind.SIGNED_COPY else [{}])
    ]
    for facts in copies:
        yield Decision(onboarding_id=case_id, kind=kind, facts=facts, opened_at=now())


@pytest.mark.parametrize("kind", DecisionKind)
def test_the_page_of_a_case_shows_every_question_and_every_answer_whatever_it_lacks(operator, kind):
    case_id = factories.opened()
    with transaction() as session:
        rows = [*asked(case_id, kind), *answered(case_id, kind)]
        for number, row in enumerate(rows):
            row.key = f"test:{number}"
        session.add_all(rows)

    for path in (f"/board/cases/{case_id}", "/board", "/board/decisions"):
        answer = operator.get(path)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("kind", DecisionKind)
def test_the_form_in_prefect_shows_every_question_whatever_it_lacks(kind):
    case_id = factories.opened()
    with transaction() as session:
        rows = list(asked(case_id, kind))
        for number, row in enumerate(rows):
            row.key = f"test:{number}"
        session.add_all(rows)

    for row in rows:
        assert decision_forms.form_of.fn(row.id).description


def test_an_answer_with_an_empty_note_from_prefect_leaves_the_page_of_the_case_whole(operator):
    case_id = factories.opened(plan=None, interval=None)
    factories.advance(case_id)
    with reading() as session:
        (question,) = Decision.pending(session, case_id)
    decision_forms.take_answer.fn(
        question.id, "run-1", {"verdict": "agreed", "plan": "plus", "interval": "yearly", "note": ""}
    )

    assert operator.get(f"/board/cases/{case_id}").status_code == 200


def test_every_page_stays_whole_whatever_is_absent(operator, monkeypatch):
    """For operators and for the organiser: with each thing left out by itself, and with all of it."""
    case_id = factories.with_client(caseworkers=[{"name": "Kim Freitag", "email": "kim@freitag.example"}])
    factories.give_logo(case_id)
    factories.opened("test:2", plan=None, interval=None, organiser={"name": "Olga Anders", "email": "o@anders.example"})
    firm_id = factories.firm_of(case_id)
    organiser = Browser(factories.sessions.sign_in("erika@freitag.example", PASSWORD))
    with reading() as session:
        detail, board = casefile.case_detail(session, case_id), boards.board(session)
    overview = firm_page.overview(firm_id)
    shown = [
        (operator, f"/board/cases/{case_id}", casefile, "case_detail", detail),
        (operator, f"/board/cases/{case_id}/reminders", casefile, "case_detail", replace(detail, audit=[], mails=[])),
        (operator, "/board", boards, "board", board),
        *(
            (organiser, f"/firm/{firm_id}{page}", firm_page, "overview", overview)
            for page in ("", "/details", "/logo", "/caseworkers", "/clients")
        ),
    ]

    faults, tried = {}, 0
    for browser, path, module, name, whole in shown:
        for absent, variant in [("nothing", whole), *variants(whole, TIED)]:
            with monkeypatch.context() as patched:
                patched.setattr(module, name, lambda *_, found=variant, **__: found)
                tried += 1
                if fault := broken(browser, path):
                    faults[path, absent] = fault

    assert faults == {}
    assert tried > 200
