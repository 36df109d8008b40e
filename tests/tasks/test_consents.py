# ruff: noqa: F401, F811  (fixtures)
"""New versions of the terms: published, asked about where the change is material, reminded of, and answered."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from models.contracts.booking import Booking
from models.contracts.legal import (
    ChangesMissing,
    Consent,
    ConsentGiven,
    ConsentState,
    FormerLetter,
    LegalDayPast,
    LegalFileUnfit,
    LegalNumberMissing,
    LegalNumberTaken,
    LegalText,
    LegalTextMissing,
    TermsChanged,
)
from models.db import reading
from models.decision import Decision, DecisionKind
from models.document import Document
from models.errors import FormRefused, NotFound
from models.onboarding import AccountClosed
from models.reminders.cadence import Follow, Level, WaitKind
from models.time.clock import now
from tasks.contracts import legal, orders
from tasks.contracts.legal import ask_for_consent
from tasks.reminders.cadences import pause, set_cadence
from tasks.retention.cases import empty
from tests.factories import acts, at_once, decide, mails, questions, told_by
from tests.tasks.test_contract_effects import another
from tests.tasks.test_contracts import (
    CLIENT,
    MANAGER,
    OPERATOR,
    at,
    firm_id,
    no_faults,
    ordered,
    phone,
    prices_of,
    row,
)

PDF = ("agb.pdf", b"%PDF-1.7 terms")


def publish(number: str = "2027-01", *, material: bool = True, file: tuple[str, bytes] | None = PDF, **more) -> int:
    written = {"kind": "terms", "number": number, "valid_from": now().date().isoformat(), "changes": "Haftung neu"}
    return legal.publish(MANAGER, written | {"material": "yes" if material else "no"} | more, file)


def consents(text_id: int) -> dict[int, ConsentState]:
    with reading() as session:
        rows = session.scalars(select(Consent).where(Consent.legal_text_id == text_id))
        return {consent.firm_id: consent.state for consent in rows}


def digest_of(text_id: int) -> str:
    with reading() as session:
        return session.get_one(Document, LegalText.get(session, text_id).document_id).sha256


def answered(firm_id: int, text_id: int, *, yes: bool, reason: str = "", who=CLIENT) -> int:
    return legal.answer(firm_id, who, text_id, digest_of(text_id), is_accepted=yes, reason=reason)


def asked() -> list[tuple[str, int]]:
    return [(mail.to_address, mail.facts["times"]) for mail in mails("consent_asked")]


def test_all_that_does_not_fit_is_told_at_once_and_only_managers_publish(firm_id):
    with pytest.raises(FormRefused) as refused:
        publish(" ", file=None, valid_from="2020-01-01", changes="")
    assert {name: type(fault) for name, fault in refused.value.fields.items()} == {
        "number": LegalNumberMissing,
        "valid_from": LegalDayPast,
        "changes": ChangesMissing,
        "text": LegalTextMissing,
    }
    publish()
    for fields, fault in (({"file": PDF}, LegalNumberTaken), ({"number": "2", "file": ("a", b"GIF")}, LegalFileUnfit)):
        with pytest.raises(FormRefused) as refused:
            publish(**fields)
        assert [type(each) for each in refused.value.fields.values()] == [fault]
    with pytest.raises(orders.ManagersAlone):
        legal.publish(OPERATOR, {}, None)


def test_each_firm_is_asked_once_about_a_material_change_and_about_formatting_nobody(firm_id):
    other = another(2)
    text, form = publish(), publish("2027-02", material=False, file=None, text="Nur neue Zeilen")
    ask_for_consent.fn()
    ask_for_consent.fn()

    assert consents(text) == dict.fromkeys((firm_id, other), ConsentState.ASKED)
    assert consents(form) == {}
    assert asked() == [("erika@freitag.example", 0), ("otto@firm2.example", 0)]
    later = another(3)
    ask_for_consent.fn()
    assert later not in consents(text), "its agreement is younger than the version"
    assert acts(1).count("consent.asked") == 1
    assert no_faults()


def test_who_does_not_answer_is_reminded_by_the_cadence_and_once_for_what_was_missed(firm_id, clock):
    publish()
    at(clock, 2026, 10, 1, 11)
    ask_for_consent.fn()
    for day, counts in ((6, [0]), (8, [0, 1]), (8, [0, 1]), (31, [0, 1, 2])):
        at(clock, 2026, 10, day, 13)
        ask_for_consent.fn()
        assert [count for _, count in asked()] == counts, day
    set_cadence(
        Level.FIRM, firm_id, WaitKind.CONSENT, "o@x.example", name="", days="40", most="5", follow=Follow.NOTHING
    )
    at(clock, 2027, 3, 1)
    ask_for_consent.fn()
    assert [count for _, count in asked()][3:] == [3]
    assert mails("consent_asked")[-1].facts["is_last"] is False
    pause(Level.FIRM, firm_id, "o@x.example")
    at(clock, 2027, 12, 1)
    ask_for_consent.fn()
    assert len(asked()) == 4


def test_consent_is_kept_with_who_when_and_the_hash_and_cannot_be_taken_back(firm_id):
    text = publish()
    ask_for_consent.fn()
    with pytest.raises(TermsChanged):
        legal.answer(firm_id, CLIENT, text, "0" * 64, is_accepted=True)
    with pytest.raises(NotFound):
        answered(firm_id, text, yes=True, who=MANAGER)

    at_once(lambda: answered(firm_id, text, yes=True), lambda: answered(firm_id, text, yes=True))

    with pytest.raises(ConsentGiven):
        answered(firm_id, text, yes=False)
    kept = row(Consent, 1)
    assert (kept.state, kept.answered_by, kept.answered_name) == ("accepted", CLIENT.by, "Erika Muster")
    assert kept.sha256 == digest_of(text)
    assert acts(1).count("consent.accepted") == 1
    assert legal.document(kept.sha256) == ("terms-2027-01.pdf", PDF[1], "application/pdf")
    assert no_faults()


def test_an_answer_by_letter_is_entered_by_operators_with_its_day_and_its_scan(firm_id, clock):
    text = publish()
    ask_for_consent.fn()
    at(clock, 2027, 3, 20)
    paper = legal.Paper("2027-03-12", "letter", "Erika Muster", scan=("brief.pdf", b"%PDF-1.7 yes"))

    def entered(paper: legal.Paper, who=OPERATOR, *, yes: bool = True) -> None:
        legal.enter(firm_id, who, text, digest_of(text), paper, is_accepted=yes)

    with pytest.raises(NotFound):
        entered(paper, CLIENT)
    with pytest.raises(FormRefused) as wrong:
        entered(legal.Paper("2027-03-21", "letter", " ", scan=("brief.doc", b"yes")))
    assert [*wrong.value.fields] == ["received", "signer", "scan"]
    with pytest.raises(FormRefused) as early:
        entered(replace(paper, received="2020-01-01"))
    assert "published on" in str(early.value.fields["received"])
    for _ in range(2):
        entered(paper)
    with pytest.raises(ConsentGiven):
        entered(paper, yes=False)
    with reading() as session:
        consent = Consent.of(session, firm_id)[text]
    assert (consent.how, consent.answered_by, consent.answered_name) == ("letter", "", "Erika Muster")
    assert consent.answered_at == datetime(2027, 3, 11, 23, tzinfo=UTC)
    assert legal.letter(firm_id, text) == ("pdf", b"%PDF-1.7 yes", "application/pdf")
    assert acts(1).count("consent.accepted") == 1
    assert no_faults()


def test_a_letter_stays_with_what_it_says_when_another_answer_takes_its_place(firm_id, clock):
    text = publish()
    ask_for_consent.fn()
    at(clock, 2027, 3, 20)

    def entered(content: bytes, *, yes: bool) -> None:
        paper = legal.Paper("2027-03-12", "letter", "Erika Muster", scan=("brief.pdf", b"%PDF-1.7 " + content))
        legal.enter(firm_id, OPERATOR, text, digest_of(text), paper, is_accepted=yes)

    entered(b"no", yes=False)
    entered(b"no, once more", yes=False)  # Says the same, so nothing changes, and nothing is kept.
    decide(1, "resend")
    answered(firm_id, text, yes=False)
    entered(b"yes", yes=True)

    with reading() as session:
        consent = Consent.of(session, firm_id)[text]
        kept = {
            document.content for document in session.scalars(select(Document)) if b"%PDF-1.7 no" in document.content
        }
    (former,) = legal.former_letters(consent)
    assert (former.state, former.answered_at) == (ConsentState.REFUSED, datetime(2027, 3, 11, 23, tzinfo=UTC))
    assert legal.letter(firm_id, text, former.id) == ("pdf", b"%PDF-1.7 no", "application/pdf")
    assert legal.letter(firm_id, text)[1] == b"%PDF-1.7 yes"
    assert kept == {b"%PDF-1.7 no"}
    for other in ((firm_id, text, former.id + 1), (another(2), text, former.id)):
        with pytest.raises(NotFound):
            legal.letter(*other)
    assert empty(1, now(), whole=True)
    with reading() as session:
        letters = [former.document_id, consent.document_id]
        assert [session.get_one(Document, each).content for each in letters] == [b"", b""]
        assert FormerLetter.of(session, consent) == []
    assert no_faults()


def test_a_refusal_becomes_a_question_and_ends_the_reminders(firm_id, clock):
    text = publish()
    ask_for_consent.fn()
    answered(firm_id, text, yes=False, reason="Zu weit")
    answered(firm_id, text, yes=False, reason="Zu weit")
    assert questions(1) == [DecisionKind.CONSENT_REFUSED]
    at(clock, 2027, 6, 1)
    ask_for_consent.fn()
    assert len(asked()) == 1

    decide(1, "resend")
    ask_for_consent.fn()
    assert [count for _, count in asked()] == [0, 0]
    answered(firm_id, text, yes=False)
    answered(firm_id, text, yes=True)
    assert questions(1) == []
    assert consents(text) == {firm_id: ConsentState.ACCEPTED}
    assert no_faults()


def test_a_refusal_that_is_left_stays_and_a_newer_version_takes_the_place_of_an_open_question(firm_id):
    first, second = publish(), publish("2027-02")
    ask_for_consent.fn()
    assert (consents(first), consents(second)) == (
        {firm_id: ConsentState.REPLACED},
        {firm_id: ConsentState.ASKED},
    )
    assert len(asked()) == 1
    with pytest.raises(NotFound):
        answered(firm_id, first, yes=True)
    answered(firm_id, second, yes=False)
    decide(1, "leave")
    ask_for_consent.fn()
    assert consents(second) == {firm_id: ConsentState.REFUSED}
    assert no_faults()


def test_nobody_is_asked_once_more_about_a_version_that_a_newer_one_has_replaced(firm_id):
    first = publish()
    ask_for_consent.fn()
    answered(firm_id, first, yes=False)
    second = publish("2027-02")
    ask_for_consent.fn()
    assert questions(1) == []  # How to go on with the first one is none any more.
    assert (consents(first), consents(second)) == ({firm_id: ConsentState.REFUSED}, {firm_id: ConsentState.ASKED})


def test_an_order_agrees_to_the_versions_that_were_shown_and_keeps_which(firm_id, phone):
    text = publish()
    fields = {phone["fields"]["number"]: "030 5550100"}
    order = phone["module"], phone["small"], prices_of(phone["small"]), fields
    for shown in ([], [text, 99]):
        with pytest.raises(TermsChanged):
            orders.order(firm_id, CLIENT, *order, shown=shown)

    orders.order(firm_id, CLIENT, *order, shown=[text])

    assert told_by(1, "module.ordered")[-1]["legal"] == [{"text": text, "kind": "terms", "sha256": digest_of(text)}]
    kept = row(Consent, 1)
    assert (kept.state, kept.how, kept.answered_by) == ("accepted", "order", CLIENT.by)
    ask_for_consent.fn()
    assert asked() == []
    assert no_faults()
