"""Of a case that goes on what nobody needs any more ceases to tell of anybody: in rows, trail and files alike."""

import io
import json
from datetime import timedelta
from itertools import count
from zipfile import ZipFile

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import undefer

from models.agreement import Agreement
from models.audit import Entry, record, trail
from models.db import Facts, reading, transaction
from models.decision import Decision, DecisionKind
from models.document import Document
from models.firm import Firm
from models.link import Purpose
from models.logo import LogoPermission
from models.onboarding import Onboarding
from models.people.manners import Language
from models.people.person import Person, Role
from models.queries.casefile import DocumentRemoved, case_detail, case_document
from models.retention.hold import Hold
from models.settings import settings
from models.time.clock import now, today
from tasks.agreement import export, lifecycle, responses, signing
from tasks.contracts import takeout
from tasks.onboarding.stopping import stop_case, take_up
from tasks.retention import erasure, evidence, own_data, tidy
from tests.factories import FROM, advance, at_once, decide, firm_of, questions, sign, token, with_organiser
from tests.remembered import remembered
from tests.signing import scanned
from tests.tasks.test_emptying import faults, told_of
from tests.tasks.test_erasure import share

OPERATOR = "operator@convent-it.example"
HALF, WHOLE = "Ohnesorg", "Kastanienpreis"
"""Who stands in what went wrong, and what was declined."""
NEVER = (HALF.lower(), WHOLE.lower(), "konrad", "zeichner")


@pytest.fixture(autouse=True)
def awake(monkeypatch):
    """Nobody else writes here, for whom there would be a pause."""
    monkeypatch.setattr("tasks.retention.pace.sleep", lambda _: None)


def removed() -> dict[str, int]:
    return tidy.remove_past.fn()


@remembered
def roundabout() -> int:
    """A copy is refused, the signature handed over and declined; of the next version a signature is refused."""
    case_id = with_organiser()
    link = token("erika@freitag.example", Purpose.AGREEMENT)
    responses.upload(link, scanned(), f"{HALF}.pdf", **FROM)
    decide(case_id, "refuse", note=f"Unterschrieben hat Otto {HALF}.")
    advance(case_id)
    signing.delegate(link, "Konrad Zeichner", "konrad@freitag.example", "Geschäftsführer", **FROM)
    advance(case_id)
    responses.decline(token("konrad@freitag.example", Purpose.AGREEMENT), f"Uns fehlt der {WHOLE}.", **FROM)
    advance(case_id)
    decide(case_id, "resend", note=f"Mit {WHOLE}.")
    advance(case_id)
    sign(name=f"Erika {HALF}")
    advance(case_id)
    decide(case_id, "refuse", note="Falscher Name.")
    advance(case_id)
    sign()
    advance(case_id)
    decide(case_id, "countersign")
    advance(case_id)
    return case_id


def versions(case_id: int) -> list[Agreement]:
    with reading() as session:
        return Agreement.versions_of(session, [case_id])[case_id]


def copies(case_id: int) -> set[int]:
    """The signed copies that came back."""
    with reading() as session:
        acts = [entry for entry in trail(session, case_id) if entry.action == "agreement.uploaded"]
        return {entry.plain["document_id"] for entry in acts}


def erased() -> set[int]:
    with reading() as session:
        gone = session.execute(select(Document.id, Document.content).where(Document.erased_at.is_not(None)))
        return {number for number, content in gone if content == b""}


def test_drafts_and_signatures_that_do_not_count_cease_to_tell_of_anybody_and_trails_hold(clock):
    case_id = roundabout()
    before, (first, second), (copy,) = faults(), versions(case_id), copies(case_id)
    assert {"agreements.decline_reason", "audit_values.value", "decisions.answer"} <= told_of(*NEVER)
    signed = told_of("erika muster")
    clock(days=settings().agreement_days + 181)

    went = removed()

    assert went["signatures refused"] == 2
    assert went["agreements never signed"] == 1
    assert erased() == {first.document_id, copy}
    assert {second.document_id, second.final_id}.isdisjoint(erased())
    assert faults() == before
    clock(days=200)
    assert removed()["questions answered"] == 2  # What to do about the refusal, and whether to countersign.
    assert faults() == before
    # Konrad is one of the firm's people, and the mails of less than a year tell what they told.
    left = {place for place in told_of(*NEVER) if not place.startswith(("persons.", "outbox.", "inbox.", "reminders."))}
    with reading() as session:
        told = [entry for entry in trail(session, case_id) if any(word in json.dumps(entry.facts) for word in NEVER)]
    assert left <= {"audit_values.value"}
    assert {place for place in told_of(HALF.lower(), WHOLE.lower()) if not place.startswith("outbox.")} == set()
    assert {entry.action for entry in told}.isdisjoint({"agreement.delegated", "agreement.declined"})
    assert "agreements.data" in told_of("erika muster") & signed
    assert not {"signatures refused", "agreements never signed", "questions answered"} & removed().keys()


def test_whoever_follows_an_old_link_to_a_file_is_told_that_its_time_is_over(clock):
    case_id = roundabout()
    first, second = versions(case_id)
    (copy,) = copies(case_id)
    clock(days=settings().agreement_days + 181)
    removed()

    for number in (first.document_id, copy):
        with reading() as session, pytest.raises(DocumentRemoved):
            case_document(session, case_id, number)
    with reading() as session:
        assert case_document(session, case_id, second.document_id).content
        assert [line.emptied_at is not None for line in case_detail(session, case_id).agreements] == [False, True]


def test_the_signed_agreement_is_exported_as_before(tmp_path, clock):
    roundabout()
    clock(days=settings().agreement_days + 400)
    removed()

    (written,) = export.export(tmp_path)

    assert json.loads((written.folder / "trail.json").read_text())["unbroken"]
    assert (written.folder / "agreement.pdf").read_bytes().startswith(b"%PDF")


def test_nothing_goes_that_something_younger_needs(clock):
    case_id = roundabout()
    with transaction() as session:  # A version is on its way again, to be compared with the one before.
        open_again = dict.fromkeys(("signed_at", "signer", "signed_how", "countersigned_at", "countersigned_by"))
        newest = update(Agreement).where(Agreement.onboarding_id == case_id, Agreement.version == 2)
        session.execute(newest.values(final_id=None, **open_again))
    clock(days=settings().agreement_days + 181)

    assert not {"signatures refused", "agreements never signed"} & removed().keys()


@pytest.mark.parametrize("whose", ["firm", "person"])
def test_what_is_held_of_anybody_in_the_case_keeps_it(whose, clock):
    case_id = roundabout()
    firm_id = firm_of(case_id)
    clock(days=settings().agreement_days + 181)
    with transaction() as session:
        person = Person.organiser(session, firm_id).id if whose == "person" else None
        hold = {"reason": "Klage", "set_at": now(), "set_by": "x", "until": today()}
        session.add(Hold(firm_id=firm_id, person_id=person, **hold))

    assert not {"signatures refused", "agreements never signed"} & removed().keys()
    clock(days=1)
    assert {"signatures refused", "agreements never signed"} <= removed().keys()


def test_a_case_that_was_ended_keeps_its_questions_until_it_goes_as_a_whole(clock):
    case_id = roundabout()
    with transaction() as session:
        session.execute(update(Decision).values(answered_at=now() - timedelta(days=800)))
    clock(days=1)
    with transaction() as session:
        session.execute(Agreement.__table__.update().values(expires_at=now() - timedelta(days=800)))
        session.connection().exec_driver_sql(f"UPDATE onboardings SET stopped_at = opened_at WHERE id = {case_id}")

    assert not {"signatures refused", "agreements never signed", "questions answered"} & removed().keys()


@pytest.mark.parametrize("act", ["hold_case", "erase_document", "forget"])
def test_whoever_is_killed_in_between_leaves_nothing_that_the_trail_contradicts(act, monkeypatch, clock):
    case_id = roundabout()
    before, real = faults(), getattr(evidence, act)
    clock(days=settings().agreement_days + 400)

    for last in range(9):
        calls = count()

        def dies(*given, calls=calls, last=last, **more):
            if next(calls) == last:
                raise KeyboardInterrupt
            return real(*given, **more)

        monkeypatch.setattr(evidence, act, dies)
        try:
            removed()
        except KeyboardInterrupt:
            assert faults() == before
        else:
            break
    monkeypatch.setattr(evidence, act, real)
    removed()
    assert faults() == before
    assert not {"signatures refused", "agreements never signed", "questions answered"} & removed().keys()
    with reading() as session:
        kept = session.scalars(select(Decision).where(Decision.onboarding_id == case_id)).all()
    assert {json.dumps(one.facts) for one in kept} == {"{}"}


def test_a_file_that_two_cases_had_goes_from_both_and_both_trails_hold(clock):
    """The same copy came back in another case, where it still has to be judged."""
    case_id = roundabout()
    (copy,) = copies(case_id)
    clock(days=settings().agreement_days + 181)
    other = with_organiser(key="test:2", organiser={"name": "Ute Zweit", "email": "ute@zweit.example"})
    with reading() as session:
        content = session.get_one(Document, copy, options=[undefer(Document.content)]).content
    responses.upload(token("ute@zweit.example", Purpose.AGREEMENT), content, "x.pdf", **FROM)
    before = faults()

    removed()

    assert copy not in erased()
    with reading() as session:
        assert case_document(session, other, copy).content == content
        with pytest.raises(DocumentRemoved):
            case_document(session, case_id, copy)
    assert faults() == before


def test_a_file_that_went_with_another_case_is_no_fault(clock):
    case_id = roundabout()
    (copy,) = copies(case_id)
    before = faults()
    with transaction() as session:  # As if this trail had not told it, but that of another case.
        document = session.get_one(Document, copy)
        document.content, document.erased_at = b"", now()
        digest = document.sha256
    assert len(faults() - before) == 1
    other = with_organiser(key="test:2", organiser={"name": "Ute Zweit", "email": "ute@zweit.example"})
    with transaction() as session:
        record(session, other, now(), "documents.erased", files=[digest])

    assert faults() == before


def test_the_firms_people_stay(clock):
    case_id = roundabout()
    clock(days=settings().agreement_days + 400)
    removed()

    with reading() as session:
        assert Person.organiser(session, firm_of(case_id)).name == "Erika Muster"
        signed = select(Entry).where(Entry.case_id == case_id, Entry.action == "agreement.signed")
        acts = session.scalars(signed.order_by(Entry.number)).all()
        assert [entry.facts.get("signer") for entry in acts] == [None, "Erika Muster"]
        assert Person.one(session, firm_of(case_id), Role.CONTACT) is not None


def lapsed(**changes) -> int:
    """A copy is refused and the version declined; the next one can no longer be signed, and is judged by nobody."""
    case_id = with_organiser(**changes)
    with reading() as session:
        address = Person.organiser(session, firm_of(case_id)).email
    responses.upload(token(address, Purpose.AGREEMENT), scanned(), f"{HALF}.pdf", **FROM)
    decide(case_id, "refuse", note=f"Unterschrieben hat Otto {HALF}.")
    advance(case_id)
    responses.decline(token(address, Purpose.AGREEMENT), f"Uns fehlt der {WHOLE}.", **FROM)
    advance(case_id)
    decide(case_id, "resend", note=f"Mit {WHOLE}.")
    advance(case_id)
    return case_id


def run_out(case_id: int, clock) -> None:
    clock(days=settings().agreement_days + 1)
    assert lifecycle.expire_agreements.fn() == 1
    advance(case_id)
    clock(days=400)


def test_a_firm_that_closes_its_account_keeps_none_of_it_any_longer(clock):
    case_id = roundabout()
    (first, second), (copy,) = versions(case_id), copies(case_id)
    with transaction() as session:
        Onboarding.get(session, case_id).close(now())
    before = faults()
    clock(days=settings().agreement_days + 181)

    went = removed()

    assert (went["signatures refused"], went["agreements never signed"]) == (2, 1)
    assert {first.document_id, copy} <= erased()
    assert {second.document_id, second.final_id}.isdisjoint(erased())
    clock(days=200)
    assert removed()["questions answered"] > 0
    assert {place for place in told_of(HALF.lower(), WHOLE.lower()) if not place.startswith("outbox.")} == set()
    assert faults() == before


def test_what_would_go_is_told_before_and_the_case_still_shows_tells_and_gives_all_that_stays(no_runs, clock):
    case_id = roundabout()
    firm_id = firm_of(case_id)
    clock(days=settings().agreement_days + 400)
    before = faults()
    names = ("signatures refused", "agreements never signed", "questions answered")

    foretold = {one.rule.name: one.number for one in tidy.past(now()) if one.rule.name in names}

    assert faults() == before
    went = removed()
    assert {name: went[name] for name in names} == foretold == dict(zip(names, (2, 1, 2), strict=True))
    with reading() as session:
        owner, konrad = Person.organiser(session, firm_id), Person.one(session, firm_id, Role.SIGNATORY)
    for who in (owner.email, konrad.email):
        told = "".join(own_data.written(who))
        assert who in told
        assert HALF not in told
        assert WHOLE not in told
    made = takeout.ask(firm_id, owner.id, owner.email, Language.GERMAN)
    assert takeout.make_takeout.fn(made.id)
    archive = ZipFile(io.BytesIO(b"".join(takeout.fetch(firm_id, made.id, owner.email)[1])))
    assert [name for name in archive.namelist() if name.startswith("agreement/")] == [
        f"agreement/2/{name}.pdf" for name in ("sent", "signed")
    ]
    erasure.forget(share(konrad.email), owner.email)
    assert faults() == before
    with transaction() as session:
        session.get_one(Firm, firm_id).closed_at = now()
    before = faults()
    clock(days=365 * 12)
    assert removed()["accounts closed"] == 1
    assert faults() < before  # A file that has gone has no seal any more.
    assert {place for place in told_of(*NEVER, "erika") if not place.startswith("takeout")} == set()


def test_a_case_with_rows_that_are_empty_can_be_ended_taken_up_and_signed(clock):
    case_id = lapsed()
    (copy,) = copies(case_id)
    with reading() as session:
        content = session.get_one(Document, copy, options=[undefer(Document.content)]).content
    run_out(case_id, clock)
    removed()
    assert copy in erased()
    assert questions(case_id) == ["lapsed"]
    before = faults()

    stop_case(case_id, "Meldet sich nicht.", OPERATOR)
    take_up(case_id, OPERATOR)
    advance(case_id)
    decide(case_id, "resend")
    advance(case_id)
    # The very file that was erased comes back once more.
    responses.upload(token("erika@freitag.example", Purpose.AGREEMENT), content, "neu.pdf", **FROM)

    with reading() as session:
        assert case_document(session, case_id, copy).content == content
    decide(case_id, "accept")
    advance(case_id)
    assert versions(case_id)[-1].final_id
    assert {fault for fault in faults() - before if "seal" not in fault} == set()  # In tests there is none.


@pytest.mark.parametrize("meanwhile", ["tidied too", "came back elsewhere", "sent anew", "ended"])
def test_whatever_happens_at_the_same_moment_no_file_is_lost_and_all_trails_hold(meanwhile, clock):
    case_id = lapsed()
    (copy,) = copies(case_id)
    with reading() as session:
        content = session.get_one(Document, copy, options=[undefer(Document.content)]).content
    run_out(case_id, clock)
    other = with_organiser(key="test:2", organiser={"name": "Ute Zweit", "email": "ute@zweit.example"})
    link, before = token("ute@zweit.example", Purpose.AGREEMENT), faults()
    act = {
        "tidied too": removed,
        "came back elsewhere": lambda: responses.upload(link, content, "x.pdf", **FROM),
        "sent anew": lambda: (decide(case_id, "resend"), advance(case_id)),
        "ended": lambda: stop_case(case_id, "Meldet sich nicht.", OPERATOR),
    }[meanwhile]

    went, done = at_once(removed, act)

    assert not isinstance(went, Exception), went
    assert not isinstance(done, Exception), done
    assert faults() == before
    if meanwhile == "tidied too":
        assert went.get("signatures refused", 0) + done.get("signatures refused", 0) == 1
    if meanwhile == "came back elsewhere":
        with reading() as session:
            assert case_document(session, other, copy).content == content


def test_a_picture_that_a_firm_may_still_choose_stays_until_its_case_goes(clock):
    """A website shows the same pictures again, and two firms may have one website."""
    cases = (
        with_organiser(),
        with_organiser(key="test:2", organiser={"name": "Ute Zweit", "email": "ute@zweit.example"}),
    )
    firms = [firm_of(case_id) for case_id in cases]
    with transaction() as session:
        shown = [Document.keep(session, name, "logo-1.png", "image/png").id for name in (b"neither", b"own", b"other")]
        pictures: list[Facts] = [{"number": 1, "documents": {"png": number}} for number in shown]
        for firm_id, picture in zip(firms, pictures[1:], strict=True):
            permission = LogoPermission(firm_id=firm_id, website="https://logo.example", granted_by="Erika")
            permission.granted_at = now()
            permission.offer({"candidates": [picture]})
            session.add(permission)
        question = Decision.draft(cases[0], DecisionKind.LOGO, "logo:past", now(), candidates=pictures)
        question.close(now())
        session.add(question)
    clock(days=400)

    assert removed()["questions answered"] == 1
    assert erased() == {shown[0]}
    stop_case(cases[0], "Meldet sich nicht.", OPERATOR)
    clock(days=181)
    assert removed()["cases stopped"] == 1
    assert shown[2] not in erased()
    assert shown[1] in erased()
