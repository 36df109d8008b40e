"""The signer's acts behind the link, and every end that an agreement can come to."""

from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image
from pydantic import ValidationError
from sqlalchemy import select, text, update

from models.agreement import (
    Agreement,
    BeingDiscussed,
    Expired,
    HandedOver,
    NewerVersion,
    NotHandedOver,
    PartsUnread,
    SignatureMissing,
    SignedAlready,
    Withdrawn,
)
from models.audit import trail
from models.code import MOST_A_DAY, TRIES, Code, CodeDead, CodeSentJustNow, CodesSentToday, CodeWrong
from models.db import reading, transaction
from models.decision import Decision
from models.document import Document
from models.errors import NotFound
from models.link import Link, LinkExpired, LinkUnknown, Purpose
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import StepName
from models.people.person import NameMissing, Person
from models.reminders.reminder import Reminder
from models.settings import settings
from models.subscription import Subscription
from models.time.clock import now
from tasks.agreement import lifecycle, responses, signing, viewing
from tasks.agreement.lifecycle import conclude_agreement, expire_agreements
from tasks.agreement.signing import DrawingUnreadable, FunctionMissing, OwnAddress, draw
from tasks.agreement.viewing import NewVersionSent, NotAsked
from tasks.mail.compose import write
from tasks.mail.delivery import deliver_due
from tasks.onboarding import invitations, registration, stopping
from tasks.reminders.rounds import send_reminders
from tests.factories import (
    FROM,
    advance,
    agreement,
    at_once,
    case,
    code,
    countersigned,
    decide,
    everything,
    firm_of,
    opened,
    outbox,
    questions,
    read_all,
    registered,
    rows,
    sign,
    signed,
    standing,
    token,
    with_organiser,
)

ERIKA, GESA = "erika@freitag.example", "gesa@freitag.example"
SCRIBBLE = "100,100 200,150 300,80;400,100 500,120"


def link(email=ERIKA):
    return token(email, Purpose.AGREEMENT)


def delegate(name="Gesa Graf", email=GESA, function="Partnerin"):
    return signing.delegate(link(), name, email, function, **FROM)


def acts(case_id):
    with reading() as session:
        return [(entry.action.removeprefix("agreement."), entry.actor) for entry in trail(session, case_id)]


def facts(case_id, action):
    with reading() as session:
        return next(entry.facts for entry in reversed(trail(session, case_id)) if entry.action == action)


def wrong(typed):
    return f"{(int(typed) + 1) % 10**6:06}"


# ---- reading and signing


def test_who_signs_leaves_a_trail_of_what_was_read_and_how_it_was_proved():
    case_id = with_organiser()
    sign(strokes=SCRIBBLE)

    told = [action for action, actor in acts(case_id) if actor == ERIKA]
    assert told[-7:] == ["opened", "read", "read", "read", "read", "code_sent", "signed"]
    proof = facts(case_id, "agreement.signed")
    with reading() as session:
        kept = agreement(case_id)
        assert proof["sha256"] == session.get_one(Document, kept.document_id).sha256
        assert session.get_one(Document, kept.drawing_id).content.startswith(b"\x89PNG")
    assert (proof["code"], proof["ip"], proof["agent"]) == (True, "127.0.0.1", "test")
    assert (kept.signer_email, kept.code_used, len(kept.parts_read)) == (ERIKA, True, 4)


def test_reading_a_part_again_changes_nothing():
    with_organiser()
    read_all()
    before = everything()

    read_all()

    assert everything() == before


def test_nothing_is_signed_and_no_code_is_sent_before_every_part_was_read():
    with_organiser()
    part = signing.begin(link(), **FROM)
    signing.read(link(), part, **FROM)
    before = everything()

    with pytest.raises(PartsUnread):
        signing.send_code(link(), **FROM)
    with pytest.raises(PartsUnread):
        signing.sign(link(), "Erika Muster", "123456", **FROM)
    with pytest.raises(NotFound):
        signing.read(link(), "elsewhere", **FROM)

    assert everything() == before


def test_a_wrong_code_counts_as_a_try_and_after_five_the_right_one_is_too_late():
    case_id = with_organiser()
    read_all()
    before = rows()
    right = code(link())

    for _ in range(TRIES - 1):
        with pytest.raises(CodeWrong):
            signing.sign(link(), "Erika Muster", wrong(right), **FROM)
    for typed in (wrong(right), right):
        with pytest.raises(CodeDead):
            signing.sign(link(), "Erika Muster", typed, **FROM)

    assert agreement(case_id).signed_at is None
    assert acts(case_id)[-1] == ("code_refused", ERIKA)
    assert right not in str(rows() - before)
    assert wrong(right) not in str(facts(case_id, "agreement.code_refused"))


def test_what_else_is_wrong_costs_no_try():
    with_organiser()
    read_all()
    right = code(link())

    for _ in range(TRIES):
        with pytest.raises(SignatureMissing):
            signing.sign(link(), " ", wrong(right), **FROM)
        with pytest.raises(DrawingUnreadable):
            signing.sign(link(), "Erika Muster", wrong(right), strokes="<svg>", **FROM)

    signing.sign(link(), "Erika Muster", right, **FROM)


def test_of_many_guesses_at_once_no_more_than_five_count():
    with_organiser()
    read_all()
    right, here = code(link()), link()

    outcomes = at_once(*[lambda: signing.sign(here, "Erika Muster", wrong(right), **FROM)] * 8)

    assert sum(isinstance(one, CodeWrong) for one in outcomes) == TRIES - 1
    assert sum(isinstance(one, CodeDead) for one in outcomes) == 8 - TRIES + 1


def test_codes_are_to_be_had_every_minute_and_ten_times_a_day_and_the_refusal_says_which_it_was(clock):
    with_organiser()
    first = now()
    read_all()
    signing.send_code(link(), **FROM)
    with pytest.raises(CodeSentJustNow):
        signing.send_code(link(), **FROM)

    for _ in range(MOST_A_DAY - 1):
        clock(minutes=2)
        signing.send_code(link(), **FROM)
    clock(minutes=2)

    with pytest.raises(CodesSentToday) as refused:
        signing.send_code(link(), **FROM)
    assert timedelta(0) <= refused.value.until - first - timedelta(days=1) < timedelta(minutes=1)
    clock(days=1)
    signing.send_code(link(), **FROM)


def test_no_code_is_said_to_be_good_for_longer_than_what_it_signs(clock):
    case_id = with_organiser()
    read_all()
    last = agreement(case_id).expires_at

    clock(last - timedelta(minutes=2))
    signing.send_code(link(), **FROM)
    with reading() as session:
        mails = session.scalars(select(Outgoing).where(Outgoing.kind == MailKind.SIGN_CODE))
        told = [mail.facts["valid_until_at"] for mail in mails]
    until = signing.code_deadline(link())
    clock(last + timedelta(seconds=1))

    assert (told, until) == ([last.isoformat()], last)
    assert signing.code_deadline(link()) is None


def test_the_mail_says_the_code_and_a_code_that_is_no_longer_good_does_not_leave(clock):
    with_organiser()
    read_all()
    right = code(link())
    with reading() as session:
        (row,) = session.scalars(select(Outgoing).where(Outgoing.kind == "sign_code"))

    assert right not in str(row.facts)
    with reading() as session:
        text = write(row, code=session.scalars(select(Code)).one()).get_body(("plain",)).get_content()
    assert right in text
    clock(minutes=11)
    deliver_due()
    with reading() as session:
        row = session.get_one(Outgoing, row.id)
    assert (row.due_at, row.delivered_at, row.fault) == (None, None, "code no longer good")


def test_a_drawing_is_made_anew_from_what_was_sent():
    picture = Image.open(BytesIO(draw(SCRIBBLE)))

    assert (picture.format, picture.size, picture.mode) == ("PNG", (1000, 300), "RGBA")
    assert picture.getbbox()[0] in range(90, 101)
    assert draw("") is None
    assert draw("5,5 6,6") is None


@pytest.mark.parametrize("strokes", ["1,2,3", "1001,5 3,3", "a,b", "1,1 " * 9000, "9" * 500, "1,1;٣,٣ 900,1", ","])
def test_what_is_no_drawing_is_refused(strokes):
    with pytest.raises(DrawingUnreadable):
        draw(strokes)


# ---- somebody else signs


def test_the_person_who_is_named_signs_with_a_link_of_their_own_and_both_are_in_the_trail():
    case_id = with_organiser()

    delegate()
    sign(GESA, "Gesa Graf")
    advance(case_id)
    decide(case_id, "countersign")
    advance(case_id)

    kept = agreement(case_id)
    assert (kept.signer, kept.signer_email, kept.signer_function) == ("Gesa Graf", GESA, "Partnerin")
    assert facts(case_id, "agreement.delegated")["from"] == ERIKA
    assert facts(case_id, "agreement.delegated")["to"] == GESA
    assert ("signed", GESA) in acts(case_id)
    with reading() as session:
        done = {mail.to_address for mail in session.scalars(select(Outgoing)) if mail.kind == "agreement_done"}
    assert done == {ERIKA, GESA, "service@convent-it.example"}
    assert case(case_id).is_done(StepName.AGREEMENT)


def test_while_somebody_else_is_asked_the_organiser_reads_but_does_not_sign():
    case_id = with_organiser()
    read_all()
    right = code(link())
    delegate()
    before = everything()

    for act in (
        lambda: signing.begin(link(), **FROM),
        lambda: signing.send_code(link(), **FROM),
        lambda: signing.sign(link(), "Erika Muster", right, **FROM),
        lambda: responses.decline(link(), "nein"),
        lambda: delegate("Otto Ohm", "otto@freitag.example"),
    ):
        with pytest.raises(HandedOver):
            act()
    delegate()  # The same again.

    assert everything() == before
    assert not viewing.opened(link()).is_asked
    assert standing(case_id)["agreement"] == "waiting:signatory"


def test_reminders_go_to_who_is_asked():
    case_id = with_organiser()
    delegate()

    with reading() as session:
        waits = session.scalars(
            select(Reminder).where(Reminder.step == StepName.AGREEMENT, Reminder.ended_at.is_(None))
        )
        asked = [session.get_one(Person, one.person_id).email for one in waits]

    assert asked == [GESA]
    assert [key for key in outbox("agreement") if key.startswith(f"agreement:{agreement(case_id).id}:")]


def test_a_reminder_reaches_the_person_who_was_named(clock):
    with_organiser()
    delegate()
    before = len(outbox("agreement"))
    clock(days=8)

    send_reminders.fn()

    with reading() as session:
        mails = session.scalars(select(Outgoing).where(Outgoing.kind == "agreement").order_by(Outgoing.id)).all()
    assert {mail.to_address for mail in mails[before:]} == {GESA}
    assert mails[-1].facts["delegated_by"] == "Erika Muster"


def test_what_is_taken_back_kills_the_other_link_and_tells_its_holder():
    case_id = with_organiser()
    delegate()
    read_all(GESA)

    signing.take_back(link(), **FROM)
    conclude_agreement.fn(case_id)

    with pytest.raises(NotAsked):
        viewing.opened(link(GESA))
    assert agreement(case_id).parts_read == {}
    assert len(outbox("agreement_withdrawn")) == 1
    assert standing(case_id)["agreement"] == "waiting:organiser"
    with pytest.raises(NotHandedOver):
        signing.take_back(link(), **FROM)
    sign()
    assert agreement(case_id).signer_function is None


@pytest.mark.parametrize(
    ("name", "email", "function", "refusal"),
    [
        ("", GESA, "Partnerin", NameMissing),
        ("Gesa Graf", GESA, " ", FunctionMissing),
        ("Erika Muster", f" {ERIKA.upper()} ", "Partnerin", OwnAddress),
    ],
)
def test_who_is_named_needs_a_name_a_function_and_another_address(name, email, function, refusal):
    with_organiser()
    before = everything()

    with pytest.raises(refusal):
        delegate(name, email, function)

    assert everything() == before


def test_who_was_named_cannot_name_others_or_get_an_account():
    with_organiser()
    delegate()

    with pytest.raises(NotFound):
        signing.delegate(link(GESA), "Otto Ohm", "otto@freitag.example", "Partner", **FROM)
    with pytest.raises(NotFound):
        signing.take_back(link(GESA), **FROM)
    with pytest.raises(LinkUnknown):
        registration.opened(link(GESA), Purpose.REGISTER)


def test_a_link_opens_the_agreement_of_its_own_firm_only():
    first = with_organiser()
    delegate()
    other = opened("test:2", firm_name="Steuerbüro Süd", organiser={"name": "Olaf Ost", "email": "o@s.example"})
    advance(other)
    registered("o@s.example")
    advance(other)

    assert viewing.opened(link(GESA)).case_id == first
    assert viewing.opened(link("o@s.example")).case_id == other
    decide_on_new_version(first)
    with pytest.raises(NewVersionSent, match="It went to Erika Muster"):  # It is the organiser's again.
        viewing.opened(link(GESA))


def test_who_was_asked_anew_and_then_no_longer_is_told_so():
    case_id = with_organiser()
    delegate()
    decide_on_new_version(case_id)
    delegate()
    signing.take_back(token(ERIKA, Purpose.AGREEMENT), **FROM)

    with pytest.raises(NotAsked) as refusal:
        viewing.opened(link(GESA))

    assert refusal.type is NotAsked  # Not that Erika can ask once more, which she has.


def test_the_mail_with_a_new_version_says_that_a_hand_over_is_to_be_repeated_in_its_reminders_too(clock):
    case_id = with_organiser()
    delegate()
    decide_on_new_version(case_id)

    def told():
        with reading() as session:
            newest = select(Outgoing).where(Outgoing.kind == MailKind.AGREEMENT).order_by(Outgoing.id.desc())
            mail = session.scalars(newest).first()
            text = write(mail, session.get(Link, mail.link_id)).get_body(("plain",)).get_content()
            return mail.to_address, "war Gesa Graf (Partnerin) gebeten" in " ".join(text.split())

    assert told() == (ERIKA, True)
    clock(days=4)
    send_reminders.fn()
    assert told() == (ERIKA, True)
    delegate()
    assert told() == (GESA, False)


def decide_on_new_version(case_id):
    responses.decline(link(GESA), "nein", **FROM)
    advance(case_id)
    decide(case_id, "resend")
    advance(case_id)


# ---- ends


def test_after_a_refusal_the_operator_talks_first_and_then_sends_a_changed_version():
    case_id = with_organiser()
    responses.decline(link(), "Zu teuer.", **FROM)
    advance(case_id)

    decide(case_id, "talk", note="Ruft am Montag zurück.")
    advance(case_id)
    assert questions(case_id) == ["talk"]
    decide(case_id, "resend", plan="basic", interval="monthly", note="Jetzt Basis, monatlich.")
    advance(case_id)

    kept = agreement(case_id)
    assert (kept.version, kept.data["price_cents"], kept.is_open) == (2, 2900, True)
    with reading() as session:
        newest = session.scalars(
            select(Outgoing).where(Outgoing.kind == "agreement").order_by(Outgoing.id.desc())
        ).first()
        assert Subscription.of(session, firm_of(case_id)).plan == "basic"
    assert newest.facts["note"] == "Jetzt Basis, monatlich."
    assert questions(case_id) == []
    sign()


def test_a_talk_can_end_the_case():
    case_id = with_organiser()
    responses.decline(link(), "Nein.", **FROM)
    advance(case_id)
    decide(case_id, "talk")
    decide(case_id, "stop")

    assert case(case_id).stopped_at is not None
    assert questions(case_id) == []


def test_what_is_not_signed_in_time_runs_out_once_and_the_provider_is_told(clock):
    case_id = with_organiser()
    clock(days=89)
    assert expire_agreements.fn() == 0
    clock(days=2)
    with pytest.raises(Expired):
        signing.begin(link(), **FROM)

    assert [expire_agreements.fn(), expire_agreements.fn()] == [1, 0]
    advance(case_id)
    advance(case_id)

    assert questions(case_id) == ["lapsed"]
    assert standing(case_id)["agreement"] == "waiting:operator"
    assert viewing.opened(link()).agreement.expired_at is not None
    with pytest.raises(Expired):
        signing.sign(link(), "Erika Muster", "123456", **FROM)
    decide(case_id, "resend")
    advance(case_id)
    sign()


def test_stopped_cases_keep_no_other_agreement_from_running_out(clock, statements):
    def run_out(number, stopped):
        keys = [f"{number}:{one}" for one in range(stopped + 1)]
        made = [
            with_organiser(key=key, organiser={"name": "A B", "email": f"a{key[0]}{key[2]}@x.example"}) for key in keys
        ]
        for case_id in made[1:]:
            stopping.stop_case(case_id, "Insolvenz", "operator")
        clock(days=91)
        with statements() as asked:
            assert expire_agreements.fn() == 1
        assert agreement(made[0]).expired_at is not None
        return len(asked)

    assert run_out(1, stopped=0) == run_out(2, stopped=3), "stopped cases are not even looked at"


def test_a_broken_case_keeps_no_other_agreement_from_running_out_and_is_logged(clock, caplog):
    broken = with_organiser()
    whole = with_organiser(key="test:2", organiser={"name": "Paul Probe", "email": "paul@x.example"})
    with transaction() as session:
        session.execute(update(Agreement).where(Agreement.onboarding_id == broken).values(language=text("'elvish'")))
    clock(days=91)

    assert expire_agreements.fn() == 1
    assert agreement(whole).expired_at is not None
    assert [one.getMessage() for one in caplog.records if one.name == lifecycle.__name__] == [
        f"The agreement of case {broken} could not be marked as out of date"
    ]


def test_who_comes_too_late_gets_a_new_version_at_the_stored_address_without_anybody_deciding(clock):
    case_id = with_organiser()
    clock(days=91)

    shown = viewing.opened(link())  # Before any sweep.
    assert shown.has_run_out
    assert shown.answered is None
    for _ in range(2):
        lifecycle.ask_anew(link(), **FROM)
    advance(case_id)

    assert agreement(case_id).version == 2
    assert questions(case_id) == []
    assert outbox("agreement")[-1].split(":")[1] == str(agreement(case_id).id)
    assert facts(case_id, "agreement.asked_anew")["ip"] == FROM["ip"]
    sign()


def test_a_link_that_outlived_its_agreement_leads_to_a_new_version(clock):
    case_id = with_organiser()
    clock(days=121)
    with pytest.raises(LinkExpired) as refusal:
        viewing.opened(link())

    registration.renew_link(refusal.value.link_id)
    advance(case_id)

    assert agreement(case_id).version == 2
    viewing.opened(link())


def test_what_an_operator_has_said_about_it_goes_before_what_the_signer_asks_for(clock):
    case_id = with_organiser()
    clock(days=91)
    expire_agreements.fn()
    advance(case_id)
    decide(case_id, "talk")

    assert viewing.opened(link()).answered == "talk"
    with pytest.raises(BeingDiscussed):
        lifecycle.ask_anew(link(), **FROM)
    advance(case_id)
    assert agreement(case_id).version == 1


def test_no_operator_is_told_that_a_link_is_on_its_way_to_what_cannot_be_signed(clock):
    case_id = with_organiser()
    clock(days=1)
    lifecycle.withdraw(case_id, "Ein Tippfehler.", "operator@convent-it.example")

    with pytest.raises(Withdrawn):
        invitations.resend(viewing.signer_of(case_id), "operator@convent-it.example")


def test_the_days_are_a_setting(clock, monkeypatch):
    monkeypatch.setenv("PROVISION_AGREEMENT_DAYS", "10")
    settings.cache_clear()
    with_organiser()
    clock(days=11)

    assert expire_agreements.fn() == 1


def test_a_withdrawn_agreement_is_told_with_its_reason_and_cannot_be_signed():
    case_id = with_organiser()
    read_all()
    right = code(link())

    lifecycle.withdraw(case_id, " Falscher Preis. ", "operator@convent-it.example")
    lifecycle.withdraw(case_id, "noch einmal", "operator@convent-it.example")
    advance(case_id)

    with pytest.raises(Withdrawn):
        signing.sign(link(), "Erika Muster", right, **FROM)
    assert acts(case_id).count(("withdrawn", "operator@convent-it.example")) == 1
    assert len(outbox("agreement_withdrawn")) == 1
    assert questions(case_id) == ["lapsed"]
    decide(case_id, "resend")
    advance(case_id)
    sign()
    assert agreement(case_id).version == 2


def test_whoever_handed_the_signature_over_hears_that_it_was_declined_or_withdrawn(clock):
    case_id = with_organiser()
    delegate()
    responses.decline(link(GESA), "Klausel 4 fehlt.")
    advance(case_id)
    decide(case_id, "resend")
    advance(case_id)
    clock(days=3)
    delegate()
    version = agreement(case_id)
    lifecycle.withdraw(case_id, "Falscher Preis.", "operator@convent-it.example")
    advance(case_id)

    with reading() as session:
        sent = session.scalars(select(Outgoing).where(Outgoing.kind.in_(["agreement_declined", "agreement_withdrawn"])))
        mails = [mail for mail in sent.all() if mail.person_id]
        told = [(mail.kind, mail.to_address, mail.facts["reason"]) for mail in mails]
        got = {mail.to_address: mail.facts["sent_at"] for mail in mails if mail.kind == "agreement_withdrawn"}
    assert got == {ERIKA: version.sent_at.isoformat(), GESA: version.delegated_at.isoformat()}
    assert sorted(told) == [
        ("agreement_declined", ERIKA, "Klausel 4 fehlt."),
        ("agreement_withdrawn", ERIKA, "Falscher Preis."),
        ("agreement_withdrawn", GESA, "Falscher Preis."),
    ]


def test_what_is_signed_cannot_be_withdrawn():
    case_id = signed()

    with pytest.raises(SignedAlready):
        lifecycle.withdraw(case_id, "zu spät", "operator@convent-it.example")


# ---- countersigning


def test_the_product_countersigns_by_itself_where_the_settings_say_so(monkeypatch):
    monkeypatch.setenv("PROVISION_COUNTERSIGN", "auto")
    monkeypatch.setenv("PROVISION_PROVIDER_SIGNATORY", "Petra Prokura, Geschäftsführerin")
    settings.cache_clear()
    case_id = with_organiser()
    sign()

    at_once(*[lambda: conclude_agreement.fn(case_id)] * 3)
    conclude_agreement.fn(case_id)

    assert agreement(case_id).countersigned_by == "Petra Prokura, Geschäftsführerin"
    assert questions(case_id) == []
    assert case(case_id).is_done(StepName.AGREEMENT)
    assert len(outbox("agreement_done")) == 2
    assert acts(case_id).count(("countersigned", "provision")) == 1


def test_the_product_signs_only_in_somebodys_name(monkeypatch):
    with monkeypatch.context() as changed:
        changed.setenv("PROVISION_COUNTERSIGN", "auto")
        settings.cache_clear()

        with pytest.raises(ValidationError, match="PROVISION_PROVIDER_SIGNATORY"):
            settings()


def test_a_question_that_another_way_has_settled_closes(monkeypatch):
    case_id = signed()
    assert questions(case_id) == ["countersign"]
    monkeypatch.setenv("PROVISION_COUNTERSIGN", "auto")
    monkeypatch.setenv("PROVISION_PROVIDER_SIGNATORY", "Petra Prokura")
    settings.cache_clear()

    advance(case_id)

    assert questions(case_id) == []
    assert case(case_id).is_done(StepName.AGREEMENT)


def test_a_signature_told_by_another_system_closes_the_question_about_a_copy():
    case_id = with_organiser()
    with transaction() as session:
        kept = Document.keep(session, b"%PDF-1.7 a copy", "copy.pdf", "application/pdf")
        number = kept.id
    with transaction() as session:
        row = Agreement.latest(session, case_id)
        row.uploaded_id = number
        asked = {"agreement_id": row.id, "document_id": number, "signer": "Erika Muster"}
        Decision.ask(session, Decision.draft(case_id, "signed_copy", "signed_copy:1", row.sent_at, **asked))
    company_id = case(case_id).firm.company_id

    responses.sign_by_notice(company_id, 1, "Erika Muster")
    advance(case_id)

    assert questions(case_id) == ["countersign"]
    assert agreement(case_id).uploaded_id is None


# ---- links


def test_the_link_of_an_earlier_mail_leads_to_the_newest_version(clock):
    case_id = with_organiser()
    first = link()
    responses.decline(first, "zu teuer")
    advance(case_id)
    decide(case_id, "resend", plan="premium")
    clock(days=1)

    conclude_agreement.fn(case_id)

    assert viewing.opened(first).agreement.version == 2
    signing.sign(first, "Erika Muster", code(read_all()), **FROM)
    assert agreement(case_id).signed_at is not None


def test_a_link_is_to_be_had_anew_at_the_known_address_but_not_every_moment(clock):
    case_id = with_organiser()
    clock(days=1)
    registration.renew_link(number_of(link()))
    before = len(outbox("agreement"))
    registration.renew_link(number_of(link()))  # A moment later: nothing more is sent.
    assert len(outbox("agreement")) == before
    clock(minutes=11)
    registration.renew_link(number_of(link()))
    assert len(outbox("agreement")) == before + 1
    assert facts(case_id, "link.resent")["purpose"] == "agreement"
    viewing.opened(link())


@pytest.mark.parametrize(
    "act",
    [
        lambda: signing.read(link(), "terms", version=1, **FROM),
        lambda: responses.decline(link(), "immer noch", version=1),
    ],
    ids=["read", "decline"],
)
def test_what_was_said_on_the_page_of_an_earlier_version_is_not_said_of_the_newest(act):
    case_id = with_organiser()
    responses.decline(link(), "zu teuer")
    advance(case_id)
    decide(case_id, "resend", plan="premium")
    conclude_agreement.fn(case_id)
    before = everything()

    with pytest.raises(NewerVersion):
        act()

    assert everything() == before


def test_for_an_agreement_that_is_signed_no_new_link_is_sent(clock):
    signed()
    clock(days=1)

    with pytest.raises(SignedAlready):
        registration.renew_link(number_of(link()))


def number_of(made):
    with reading() as session:
        return next(one.id for one in session.scalars(select(Link)) if one.token == made)


def test_no_token_and_no_code_stands_in_the_trail_or_the_outbox():
    countersigned()

    told = everything()
    assert link() not in told
    with reading() as session:
        assert "business_member=" not in str([entry.facts for entry in trail(session, 1)])
