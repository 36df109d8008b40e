import shutil
from datetime import UTC, date, datetime, timedelta
from functools import partial
from hashlib import sha256

import pytest
from sqlalchemy import select

from models.agreement import DeclinedAlready, SignedAlready
from models.audit import trail
from models.db import reading
from models.decision import AnsweredAlready, Decision
from models.document import Document
from models.firm import LineOfBusiness
from models.link import Link, Purpose
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import StepName
from models.reminders.reminder import Reminder
from models.request import Named
from models.settings import settings
from tasks.agreement import finalize, lifecycle, responses, sending, signing, viewing
from tasks.agreement.contract_texts import SAMPLES
from tasks.agreement.lifecycle import conclude_agreement, expire_agreements
from tasks.agreement.uploaded_copy import LARGEST, FileTooLarge, FileWithScript, NotAPdf, NothingSigned, OtherTextSigned
from tasks.intake.decision_effects import answer_decision
from tasks.intake.decision_forms import form_of
from tasks.mail.compose import write
from tasks.onboarding import corrections, stopping
from tests import factories
from tests.factories import (
    FROM,
    acts,
    advance,
    agreement,
    at_once,
    case,
    countersigned,
    decide,
    everything,
    opened,
    outbox,
    questions,
    registered,
    signed,
    standing,
    token,
    with_organiser,
)
from tests.pdfs import pdf
from tests.signing import digitally_signed, scanned, trust_roots

ERIKA = "erika@freitag.example"


def link():
    return token(ERIKA, Purpose.AGREEMENT)


def sign(name="Erika Muster"):
    return factories.sign(name=name)


def upload(content, name="Vertrag – Müller & Söhne.pdf"):
    return responses.upload(link(), content, name, ip="127.0.0.1", agent="x")


def test_there_is_no_agreement_before_the_organiser_has_an_account():
    case_id = opened()
    advance(case_id)

    conclude_agreement.fn(case_id)

    assert agreement(case_id) is None
    assert standing(case_id)["agreement"] == "blocked"


@pytest.mark.parametrize("stage", [with_organiser, signed, countersigned])
def test_repeating_the_step_changes_nothing(stage):
    case_id = stage()
    before = everything()

    for _ in range(3):
        conclude_agreement.fn(case_id)

    assert everything() == before


@pytest.mark.parametrize("stage", ["send", "sign", "countersign"])
def test_two_passes_at_the_same_moment_do_it_once(stage):
    if stage == "send":
        case_id = opened()
        advance(case_id)
        registered()
    else:
        case_id = with_organiser()
        sign()
    if stage == "countersign":
        advance(case_id)
        decide(case_id, "countersign")

    at_once(*[lambda: conclude_agreement.fn(case_id)] * 3)
    conclude_agreement.fn(case_id)

    assert agreement(case_id).version == 1
    assert len(outbox("agreement")) == 1
    assert len(outbox("agreement_done")) == (2 if stage == "countersign" else 0)
    assert questions(case_id) == (["countersign"] if stage == "sign" else [])


def test_it_goes_to_the_organiser_as_a_document_with_a_link():
    case_id = with_organiser()

    with reading() as session:
        (mail,) = session.scalars(select(Outgoing).where(Outgoing.kind == "agreement"))
        document = session.get_one(Document, mail.document_id)
    assert (mail.to_address, document.id) == (ERIKA, agreement(case_id).document_id)
    assert "Freitag & Kollegen" in document.name
    assert standing(case_id)["agreement"] == "waiting:organiser"


def test_looking_at_it_changes_nothing():
    with_organiser()
    before = everything()

    shown, (_, content) = viewing.opened(link()), viewing.pdf(link())

    assert everything() == before
    assert shown.firm.name == "Anwaltskanzlei Freitag & Kollegen"
    assert shown.parts
    assert content.startswith(b"%PDF-")


def test_a_signature_counts_once_however_often_it_is_given():
    case_id = with_organiser()

    at_once(sign, sign)
    sign("Somebody Else")
    advance(case_id)

    assert acts(case_id).count("agreement.signed") == 1
    assert agreement(case_id).signer == "Erika Muster"
    assert questions(case_id) == ["countersign"]
    assert standing(case_id)["agreement"] == "waiting:operator"


def test_both_sides_get_a_copy_and_everybody_may_come():
    case_id = opened()
    advance(case_id)
    registered(contact=Named(name="Karl Kontakt", email="karl@freitag.example"))
    advance(case_id)
    sign()
    advance(case_id)
    decide(case_id, "countersign")
    advance(case_id)

    with reading() as session:
        to = [
            m.to_address for m in session.scalars(select(Outgoing).order_by(Outgoing.id)) if m.kind == "agreement_done"
        ]
    assert to == [ERIKA, "karl@freitag.example", "service@convent-it.example"]
    name, content = viewing.final_pdf(case(case_id).firm_id)
    assert content.startswith(b"%PDF-")
    assert "Freitag & Kollegen" in name
    assert standing(case_id)["agreement"] == "done"


def test_a_signature_not_accepted_asks_the_firm_again_and_the_link_of_the_first_mail_leads_there_as_well():
    case_id = signed()
    old = link()

    decide(case_id, "refuse")
    advance(case_id)

    assert standing(case_id)["agreement"] == "waiting:organiser"
    assert link() != old
    assert viewing.opened(old).agreement.is_open
    sign()
    advance(case_id)
    assert questions(case_id) == ["countersign"]


def test_declined_it_cannot_be_signed_and_signed_it_cannot_be_declined():
    case_id = with_organiser()
    responses.decline(link(), " zu teuer ")
    responses.decline(link(), "again")

    with pytest.raises(DeclinedAlready):
        sign()
    assert agreement(case_id).decline_reason == "zu teuer"
    assert acts(case_id).count("agreement.declined") == 1


def test_after_signing_it_cannot_be_declined():
    with_organiser()
    sign()

    with pytest.raises(SignedAlready):
        responses.decline(link(), "doch nicht")


def test_an_upload_waits_for_an_operator_and_is_then_the_signed_document():
    case_id = with_organiser()
    for _ in range(3):
        upload(scanned())
    advance(case_id)
    assert questions(case_id) == ["signed_copy"]
    assert standing(case_id)["agreement"] == "waiting:operator"

    decide(case_id, "accept")
    advance(case_id)

    assert standing(case_id)["agreement"] == "done"
    assert agreement(case_id).signed_how == "upload"


def test_a_copy_refused_can_be_sent_again_even_the_same_one():
    case_id = with_organiser()
    upload(scanned())
    advance(case_id)
    decide(case_id, "refuse")
    advance(case_id)
    assert standing(case_id)["agreement"] == "waiting:organiser"

    upload(scanned())
    advance(case_id)

    assert questions(case_id) == ["signed_copy"]


@pytest.mark.parametrize("late", ["accept", "refuse"])
def test_an_answer_about_a_copy_that_another_replaced_does_not_undo_what_is_signed(late):
    case_id = with_organiser()
    upload(scanned(1))
    with reading() as session:
        (first,) = Decision.pending(session, case_id)
    upload(scanned(2))
    with reading() as session:
        (second,) = Decision.pending(session, case_id)
    answer_decision(second.id, "accept", "operator", name="Olga Otter")
    advance(case_id)
    kept = agreement(case_id).uploaded_id, agreement(case_id).final_id

    with pytest.raises(AnsweredAlready):
        answer_decision(first.id, late, "operator", name="Olga Otter")
    advance(case_id)

    assert (agreement(case_id).uploaded_id, agreement(case_id).final_id) == kept
    assert case(case_id).is_done(StepName.AGREEMENT)


@pytest.fixture
def roots(tmp_path, monkeypatch):
    monkeypatch.setenv("PROVISION_TRUST_ROOTS", str(trust_roots(tmp_path / "roots")))
    settings.cache_clear()


def sent(case_id):
    with reading() as session:
        return session.get_one(Document, agreement(case_id).document_id).content


@pytest.mark.parametrize("name", ["Erika Muster", "Karl Kontakt"])
def test_a_digital_signature_of_one_of_the_firm_counts_at_once(name, roots):
    case_id = opened()
    advance(case_id)
    registered(contact=Named(name="Karl Kontakt", email="karl@freitag.example"))
    advance(case_id)
    signed_copy = digitally_signed(sent(case_id), name)

    upload(signed_copy)
    advance(case_id)

    kept = agreement(case_id)
    assert (kept.signer, kept.signed_how, kept.signer_ip) == (name, "upload", "127.0.0.1")
    assert questions(case_id) == ["countersign"]
    assert acts(case_id)[-2:] == ["agreement.uploaded", "agreement.signed"]
    with reading() as session:
        facts = trail(session, case_id)[-2].facts
    assert facts["sha256"] == sha256(signed_copy).hexdigest()
    assert facts["doubts"] == []
    assert facts["signatures"][0]["subject"] == f"CN={name}, C=DE"
    assert facts["signatures"][0]["serial"]
    assert facts["signatures"][0]["signed_at"]
    decide(case_id, "countersign")
    advance(case_id)
    assert standing(case_id)["agreement"] == "done"


def test_a_digital_signature_in_doubt_waits_for_an_operator_with_the_reasons():
    case_id = with_organiser()

    upload(digitally_signed(sent(case_id), "Karl Anders"))
    advance(case_id)

    assert agreement(case_id).signed_at is None
    with reading() as session:
        (question,) = Decision.pending(session, case_id)
    assert question.kind == "signed_copy"
    assert question.facts["doubts"] == ["signer_unknown", "issuer_unchecked"]
    form = form_of.fn(question.id).description
    assert "nennt eine der Personen" in form
    assert "Wer das Zertifikat ausgestellt hat, wurde nicht geprüft" in form
    assert "Digitale Signaturen: 1." in form
    assert not [name for name in ("Anders", "Erika", "Freitag", "Vertrag –") if name in form]


INSTEAD = {
    "agreement.signed": [
        lambda case_id: upload(digitally_signed(sent(case_id))),
        lambda _: sign(),
    ],
    "agreement.uploaded": [lambda _: upload(scanned(10))],
    "agreement.declined": [lambda _: responses.decline(link(), "Zu teuer.")],
}


@pytest.mark.parametrize(("act", "instead"), [(act, one) for act, ways in INSTEAD.items() for one in ways])
def test_what_became_of_a_copy_that_nobody_judged_stands_in_the_trail(act, instead, roots):
    case_id = with_organiser()
    first = scanned(10, "Erste Kopie")
    upload(first)
    with reading() as session:
        (question,) = Decision.pending(session, case_id)

    instead(case_id)

    with reading() as session:
        assert session.get_one(Decision, question.id).verdict == "moot"
        (told,) = [entry.facts for entry in trail(session, case_id) if entry.action == "agreement.copy_unjudged"]
    assert told["document_id"] == question.facts["document_id"]
    assert (told["sha256"], told["version"]) == (sha256(first).hexdigest(), 1)
    assert act in acts(case_id)


def test_a_copy_that_an_operator_judged_is_none_that_nobody_judged():
    case_id = with_organiser()
    upload(scanned(10))

    decide(case_id, "accept")

    assert "agreement.copy_unjudged" not in acts(case_id)


def test_two_uploads_of_the_same_signed_file_count_once(roots):
    case_id = with_organiser()
    copy = digitally_signed(sent(case_id))

    done = at_once(lambda: upload(copy), lambda: upload(copy))

    assert acts(case_id).count("agreement.signed") == 1
    assert case_id in done


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (lambda _: b"PK\x03\x04", NotAPdf),
        (lambda _: b"%PDF-" + b"x" * LARGEST, FileTooLarge),
        (lambda _: pdf(catalog=b"/OpenAction<</S/JavaScript/JS(1)>>"), FileWithScript),
        (lambda _: digitally_signed(pdf()), OtherTextSigned),
        (lambda ours: ours, NothingSigned),
    ],
    ids=["zip", "large", "script", "other text", "unsigned"],
)
def test_what_is_no_signed_copy_is_refused_and_leaves_the_case_as_it_was(content, refusal):
    case_id = with_organiser()
    copy, before = content(sent(case_id)), everything()

    with pytest.raises(refusal):
        upload(copy)

    assert everything() == before


def test_the_agreement_says_what_the_firm_said():
    case_id = with_organiser(line_of_business="other", business="Lohnbüro & mehr")

    said = agreement(case_id).data
    assert said["line_of_business_label"] == "Lohnbüro & mehr"
    assert said["price_cents"] == 17700
    assert said["number"].endswith("-1")
    assert date.fromisoformat(said["date"])


def test_the_page_shows_the_texts_that_were_sent_however_they_change(tmp_path, monkeypatch):
    own = tmp_path / "own"
    shutil.copytree(SAMPLES, own)
    monkeypatch.setenv("PROVISION_TEXTS", str(own))
    settings.cache_clear()
    case_id = with_organiser()
    before = [part.html for part in viewing.opened(link()).parts]

    (own / "de" / "terms.html").write_text("<p>Neue Bedingungen</p>")

    assert [part.html for part in viewing.opened(link()).parts] == before
    with reading() as session:
        kept = Document.by_sha256(session, agreement(case_id).data["texts_sha256"])
        assert kept.media_type == "application/json"
        assert agreement(case_id).data["version"] == kept.sha256[:12]


@pytest.fixture
def while_rendering(monkeypatch):
    """Have something happen while the next agreement is rendered, once."""

    def happen(act):
        render, acts = sending.render_agreement, [act]

        def rendered(data, texts, identifier):
            pdf = render(data, texts, identifier)
            while acts:
                acts.pop()()
            return pdf

        monkeypatch.setattr(sending, "render_agreement", rendered)

    return happen


def ready():
    """The next pass sends the agreement."""
    case_id = opened()
    advance(case_id)
    registered()
    return case_id


def correct(case_id, **said):
    told = {"name": "Freitag GmbH", "line_of_business": LineOfBusiness.TAX, "business": ""} | said
    return lambda: corrections.correct_firm(factories.firm_of(case_id), "operator", as_operator=True, **told)


def test_what_is_put_right_while_an_agreement_is_rendered_stands_in_the_one_that_is_sent(while_rendering):
    case_id = ready()
    while_rendering(correct(case_id))

    conclude_agreement.fn(case_id)

    (mail,) = outbox("agreement")
    assert mail.startswith(f"agreement:{agreement(case_id).id}:")
    assert agreement(case_id).data["line_of_business"] == "tax"
    assert agreement(case_id).data["firm_name"] == "Freitag GmbH"
    with reading() as session:
        assert "Freitag GmbH" in session.get_one(Document, agreement(case_id).document_id).name
    assert [part.key for part in viewing.opened(link()).parts][-1] == "secrecy"


@pytest.mark.parametrize("stage", ["send", "resend", "countersigned"])
def test_nothing_is_sent_once_a_case_was_stopped_while_something_was_written(stage, while_rendering, monkeypatch):
    case_id = ready() if stage == "send" else with_organiser() if stage == "resend" else signed()
    if stage == "resend":
        responses.decline(link(), "zu teuer")
        advance(case_id)
        decide(case_id, "resend")
    stop = partial(stopping.stop_case, case_id, "Insolvenz", "operator")
    while_rendering(stop)
    if stage == "countersigned":
        decide(case_id, "countersign")
        final = finalize._final
        monkeypatch.setattr(finalize, "_final", lambda *told: stop() or final(*told))
    before = outbox(), agreement(case_id) and agreement(case_id).version

    conclude_agreement.fn(case_id)

    assert (outbox(), agreement(case_id) and agreement(case_id).version) == before
    assert "agreement.completed" not in acts(case_id)


def test_a_pass_asks_nothing_about_an_agreement_whose_case_was_stopped_meanwhile(monkeypatch):
    case_id = with_organiser()
    responses.decline(link(), "zu teuer")
    due = lifecycle.send_what_is_due
    monkeypatch.setattr(
        lifecycle, "send_what_is_due", lambda one: stopping.stop_case(one, "Insolvenz", "operator") or due(one)
    )
    before = outbox()

    conclude_agreement.fn(case_id)

    assert (outbox(), questions(case_id)) == (before, [])


@pytest.mark.parametrize("end", ["sign", "decline", "withdraw", "run out"])
def test_a_mail_that_has_not_left_asks_for_no_signature_that_cannot_be_given(end, clock):
    case_id = with_organiser()
    match end:
        case "sign":
            responses.sign_by_notice(case_of_number(case_id), 1, "Erika Muster")
        case "decline":
            responses.decline(link(), "zu teuer")
        case "withdraw":
            lifecycle.withdraw(case_id, "Preis falsch", "operator")
        case "run out":
            clock(days=91)
            expire_agreements.fn()

    with reading() as session:
        (mail,) = session.scalars(select(Outgoing).where(Outgoing.kind == "agreement"))
        assert (mail.due_at, mail.delivered_at) == (None, None)


def case_of_number(case_id):
    return case(case_id).firm.company_id


def test_a_copy_is_compared_with_the_version_that_is_open_when_it_is_kept(monkeypatch):
    case_id = with_organiser()
    first, looked_at, inspect = sent(case_id), [], responses.inspect

    def inspected(content, name, original, signers):
        if not looked_at:
            responses.decline(link(), "zu teuer")
            advance(case_id)
            decide(case_id, "resend", plan="premium")
            conclude_agreement.fn(case_id)
        looked_at.append(original)
        return inspect(content, name, original, signers)

    monkeypatch.setattr(responses, "inspect", inspected)
    upload(scanned())

    assert looked_at[0] == first
    assert looked_at[1:] == [sent(case_id)] != [first]


@pytest.mark.parametrize(("moment", "day"), [((2026, 9, 15, 21, 59), 15), ((2026, 9, 15, 22, 1), 16)])
def test_an_agreement_bears_the_day_of_the_provider_on_which_it_is_sent(moment, day, clock):
    case_id = opened()
    advance(case_id)
    registered()
    clock(datetime(*moment, tzinfo=UTC))

    conclude_agreement.fn(case_id)

    assert agreement(case_id).data["date"] == f"2026-09-{day}"


@pytest.mark.parametrize("handed", [False, True])
def test_a_copy_that_is_refused_after_the_time_has_run_out_is_told_to_the_firm_and_leads_to_a_new_version(
    clock, handed
):
    case_id = with_organiser()
    asked = [ERIKA, *(["konrad@freitag.example"] if handed else [])]
    clock(days=3)
    if handed:
        signing.delegate(token(ERIKA, Purpose.AGREEMENT), "Konrad Zeichner", asked[-1], "Geschäftsführer", **FROM)
    sent = agreement(case_id)
    clock(agreement(case_id).expires_at - timedelta(hours=9))
    responses.upload(token(asked[-1], Purpose.AGREEMENT), scanned(), "kopie.pdf", **FROM)
    advance(case_id)
    clock(days=5)

    decide(case_id, "refuse")
    advance(case_id)

    with reading() as session:
        late = select(Outgoing).where(Outgoing.kind == MailKind.AGREEMENT_WITHDRAWN).order_by(Outgoing.id)
        mails = session.scalars(late).all()
        texts = [write(one, session.get(Link, one.link_id)).get_body(("plain",)).get_content() for one in mails]
        waiting = session.scalars(select(Reminder.step).where(Reminder.ended_at.is_(None))).all()
    assert [one.to_address for one in mails] == asked
    got = [sent.sent_at, *([sent.delegated_at] if handed else [])]
    assert [datetime.fromisoformat(one.facts["sent_at"]) for one in mails] == got
    assert all("Inzwischen ist die Frist abgelaufen" in one for one in texts)
    assert standing(case_id)["agreement"] == "waiting:operator"
    assert StepName.AGREEMENT not in waiting
    lifecycle.ask_anew(token(asked[-1], Purpose.AGREEMENT), **FROM)
    advance(case_id)
    assert agreement(case_id).version == 2


def test_nobody_can_find_out_by_its_checksum_what_an_agreement_says(monkeypatch):
    """Each is printed with a random identifier, so that printing it again with a guessed name gives another file."""
    identifiers, render = [], sending.render_agreement

    def rendered(data, texts, identifier):
        identifiers.append(identifier)
        return render(data, texts, identifier)

    monkeypatch.setattr(sending, "render_agreement", rendered)
    other = opened("test:2", organiser={"name": "Olga Ott", "email": "olga@ott.example"})
    with_organiser()
    advance(other)
    registered("olga@ott.example")
    advance(other)

    assert len({*identifiers}) == 2
    assert all(len(identifier) == 32 for identifier in identifiers)
