import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from models.agreement import Agreement, SignedHow
from models.audit import record
from models.contracts.plans import plan_prices
from models.db import reading, transaction
from models.decision import Decision, DecisionKind
from models.document import Document
from models.errors import NotFound
from models.firm import Firm, LineOfBusiness
from models.link import Link, Purpose
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import STUCK_AFTER, Onboarding, Party, StepName
from models.people.manners import Language
from models.people.person import Person, Role
from models.queries.board import CaseState, Trouble, as_json, board, open_decisions
from models.queries.casefile import case_detail, case_document, case_of
from models.reminders.cadence import Level
from models.reminders.reminder import Reminder
from models.settings import settings
from models.subscription import Interval, Plan, Subscription
from models.time.clock import now
from models.time.working_time import working_days_before
from tasks.reminders import cadences
from tests import factories
from tests.factories import firm_of

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


def opened(name="Kanzlei Freitag", company_id=None, days=0, **firm):
    """A case in its first minute."""
    with transaction() as session:
        at = MONDAY + timedelta(days=days)
        made = Firm(
            name=name, line_of_business=firm.pop("line_of_business", LineOfBusiness.LAW), company_id=company_id,
            created_at=at, **firm,
        )  # fmt: skip
        return Onboarding.open(session, made, f"test:{name}:{company_id}", at).id


def advance(case_id, *done, **waits):
    with transaction() as session:
        case = Onboarding.get(session, case_id)
        for name in done:
            case.finish(name, MONDAY)
        for name, party in waits.items():
            case.wait(StepName(name), party, MONDAY + timedelta(days=1))


def names(**wanted):
    with reading() as session:
        return [case.firm for case in board(session, **wanted).cases]


@pytest.fixture
def queries(statements):
    """How many queries it takes to read that."""

    def counted(read):
        with statements() as asked, reading() as session:
            read(session)
        return len(asked)

    return counted


def test_a_case_stands_at_its_first_step_that_is_not_done():
    case_id = opened(company_id=861272)
    advance(case_id, StepName.SUBSCRIPTION, StepName.LOGO, details=Party.ORGANISER, organiser=Party.ORGANISER)

    with reading() as session:
        case = board(session).cases[0]

    assert (case.step, case.step_number, case.waiting_for) == (StepName.DETAILS, 2, Party.ORGANISER)
    assert case.since == MONDAY + timedelta(days=1)
    assert [(wait.step, wait.waiting_for) for wait in case.waits] == [
        (StepName.DETAILS, Party.ORGANISER),
        (StepName.ORGANISER, Party.ORGANISER),
    ]
    assert (case.state, case.company_id, case.open_decisions) == (CaseState.OPEN, 861272, 0)


def test_a_case_that_ended_stands_nowhere_and_comes_after_the_open_ones():
    finished, stopped, _ = opened("Fertig"), opened("Beendet"), opened("Offen")
    advance(finished, *StepName)
    with transaction() as session:
        Onboarding.get(session, stopped).stopped_at = MONDAY

    with reading() as session:
        cases = board(session).cases

    assert [(case.firm, case.state.value, case.step) for case in cases] == [
        ("Offen", "open", StepName.SUBSCRIPTION),
        ("Beendet", "stopped", None),
        ("Fertig", "finished", None),
    ]
    assert names(state=CaseState.STOPPED) == ["Beendet"]


@pytest.mark.parametrize(
    "search",
    [
        "MÜLLER",
        "müller",
        "Mueller",
        "mueller söhne",
        "SOEHNE",
        "straße",
        "STRASSE",
        "strasse",
        "café",
        "CAFE",
        "Łuk",
        "Muller",
        "müller und söhne",
        "Müller&Söhne",
        "Söhne, Müller",
    ],
)
def test_a_firm_is_found_however_its_umlauts_are_written(search):
    opened("Müller & Söhne Straßenrecht Café Łukasz")
    opened("Meier")

    assert names(search=search) == ["Müller & Söhne Straßenrecht Café Łukasz"]


@pytest.mark.parametrize("search", ["%", "_", "&", "und", "' OR 1=1 --", "\\", "Müllerin", "87", "9" * 30, "²"])
def test_what_is_not_there_is_not_found(search):
    opened("Müller", company_id=861272)

    assert names(search=search) == []


@pytest.mark.parametrize("search", ["861272", "86", "861272 freitag", " Freitag  86 "])
def test_a_firm_is_found_by_its_company_id_or_how_it_begins(search):
    opened("Freitag", company_id=861272)
    opened("Sonntag", company_id=961272)

    assert names(search=search) == ["Freitag"]


def test_cases_are_found_by_line_of_business_and_by_the_firms_own_words_for_it():
    opened("Amtmann", line_of_business=LineOfBusiness.TAX)
    opened("Beyer", line_of_business=LineOfBusiness.OTHER, business="Lohnbüro")

    assert names(line_of_business=LineOfBusiness.TAX) == ["Amtmann"]
    assert names(search="lohnbuero") == ["Beyer"]
    assert names(search="steuer", labels={LineOfBusiness.TAX: "Steuerbüro"}) == ["Amtmann"]


def test_a_firm_is_found_by_its_new_name_and_no_longer_by_the_old_one():
    case_id = opened("Freitag")
    with transaction() as session:
        Onboarding.get(session, case_id).firm.name = "O’Brien & Müller"

    assert names(search="obrien muller") == ["O’Brien & Müller"]
    assert names(search="Freitag") == []


def test_cases_are_counted_and_found_by_the_steps_that_wait_and_by_whom_they_wait_for():
    early, late, done = opened("Früh"), opened("Spät"), opened("Fertig")
    advance(early, subscription=Party.OPERATOR, details=Party.ORGANISER)
    advance(late, StepName.SUBSCRIPTION, StepName.DETAILS, StepName.LOGO, organiser=Party.ORGANISER)
    advance(done, *StepName)

    with reading() as session:
        counts = board(session, step=StepName.ORGANISER).by_step

    assert {name.value: count for name, count in counts.items()} == {
        "subscription": 1, "details": 1, "logo": 1, "organiser": 2, "agreement": 0, "caseworkers": 0, "clients": 0,
    }  # fmt: skip
    assert list(counts) == list(StepName)
    assert names(step=StepName.ORGANISER) == ["Spät", "Früh"]
    assert names(step=StepName.SUBSCRIPTION) == names(waiting_for=Party.OPERATOR) == ["Früh"]
    assert names(waiting_for=Party.ORGANISER) == ["Spät", "Früh"]
    assert names(step=StepName.ORGANISER, waiting_for=Party.ORGANISER) == ["Spät"]
    assert names(step=StepName.AGREEMENT) == []


def test_what_waits_too_long_is_marked_counted_and_comes_first():
    late, early = opened("Lange"), opened("Kurz")
    with transaction() as session:
        for case_id, days in ((late, 15), (early, 13)):
            case = Onboarding.get(session, case_id)
            for name in (StepName.SUBSCRIPTION, StepName.DETAILS, StepName.LOGO):
                case.finish(name, MONDAY)
            case.wait(StepName.ORGANISER, Party.ORGANISER, now() - timedelta(days=days))

    with reading() as session:
        told = board(session)

    assert [(case.firm, [wait.overdue for wait in case.waits]) for case in told.cases] == [
        ("Lange", [True]),
        ("Kurz", [False]),
    ]
    assert told.overdue == 1
    assert names(overdue=True) == ["Lange"]
    assert names(overdue=True, waiting_for=Party.OPERATOR) == []


def test_an_operators_wait_is_overdue_after_two_working_days():
    monday = datetime(2026, 6, 15, 10, tzinfo=UTC)

    assert working_days_before(monday, 2) == monday - timedelta(days=4)
    assert working_days_before(monday - timedelta(days=1), 2) == datetime(2026, 6, 10, 22, tzinfo=UTC)
    assert working_days_before(datetime(2026, 5, 4, 10, tzinfo=UTC), 2) == datetime(2026, 4, 29, 10, tzinfo=UTC)


def test_a_case_shows_whom_it_reminds_when_and_what_went_wrong():
    case_id, quiet = full_case(3)[0], opened("Ruhig")
    next_at = now() + timedelta(days=2)
    with transaction() as session:
        case = Onboarding.get(session, case_id)
        case.wait(StepName.ORGANISER, Party.ORGANISER, now())
        organiser = Person.one(session, case.firm_id, Role.ORGANISER)
        Reminder.begin(session, case, organiser, StepName.ORGANISER, now())
        for row in session.scalars(select(Reminder)):
            row.due_at = next_at
        given_up = session.scalars(select(Outgoing).where(Outgoing.key == "register:2")).one()
        given_up.failed_at, given_up.due_at = now(), None

    with reading() as session:
        told = board(session)
    shown = next(case for case in told.cases if case.case_id == case_id)

    assert [wait.next_reminder_at for wait in shown.waits if wait.step is StepName.ORGANISER] == [next_at]
    assert shown.troubles == [Trouble.MAIL_FAILED, Trouble.DECISION_OVERDUE]
    assert told.by_trouble == {
        Trouble.BOUNCED: 0, Trouble.MAIL_FAILED: 1, Trouble.DECISION_OVERDUE: 1, Trouble.STUCK: 0,
    }  # fmt: skip
    assert names(trouble=Trouble.MAIL_FAILED) == ["Kanzlei Freitag & Söhne"]
    assert names(trouble=Trouble.BOUNCED) == []
    with transaction() as session:
        Person.one(session, firm_of(case_id), Role.ORGANISER).bounced_at = now()
    assert names(trouble=Trouble.BOUNCED) == ["Kanzlei Freitag & Söhne"]
    with transaction() as session:
        Onboarding.get(session, case_id).stopped_at = now()
    assert quiet
    assert names(trouble=Trouble.MAIL_FAILED) == []


def test_pages_are_even_and_a_page_too_far_is_the_last_one():
    for number in range(5):
        opened(f"Firma {number}")

    with reading() as session:
        first, last, beyond = (board(session, page=page, size=2) for page in (1, 3, 99))
        before = board(session, page=-3, size=2)

    assert [case.firm for case in first.cases] == ["Firma 4", "Firma 3"] == [case.firm for case in before.cases]
    assert (last.total, last.pages, [case.firm for case in last.cases]) == (5, 3, ["Firma 0"])
    assert beyond == last


def test_many_cases_take_no_more_queries_than_few(queries):
    def search(session):
        return board(session, search="a")

    for number in range(5):
        opened(f"Firma {number}")
    few = queries(board), queries(search), queries(open_decisions)
    for number in range(45):
        case_id = opened(f"Kanzlei {number}")
        with transaction() as session:
            Decision.ask(
                session, Decision.draft(case_id, DecisionKind.ADVICE, f"advice:{case_id}", MONDAY, question="?")
            )
    many = queries(board), queries(search), queries(open_decisions)

    assert few == many == (9, 9, 1)


def full_case(people=1):
    """A case with something of everything."""
    case_id = opened("Kanzlei Freitag & Söhne", 861272, website="https://freitag.example")
    with transaction() as session:
        case = Onboarding.get(session, case_id)
        firm = case.firm
        session.add(Subscription(firm_id=firm.id, question="Was passt zu uns?"))
        for number in range(people):
            person = Person(
                firm_id=firm.id, role=Role.CASEWORKER if number else Role.ORGANISER, email=f"p{number}@freitag.example",
                given_name="Frieda", family_name=f"Freitag {number}", added_at=MONDAY,
            )  # fmt: skip
            session.add(person)
            session.flush()
            link = Link.to(session, Purpose.REGISTER, MONDAY, person=person.id)
            key = f"register:{number}"
            mail = Outgoing.draft(MailKind.REGISTER, key, person, MONDAY, case_id=case_id, link=link)
            Outgoing.post(session, mail)
            record(session, case_id, MONDAY, "person.invited", person=person.id)
        document = Document.keep(session, b"%PDF sent", "Vertrag.pdf", "application/pdf")
        scan = Document.keep(session, b"%PDF scan", "Scan.pdf", "application/pdf")
        session.add(
            Agreement(
                onboarding_id=case_id,
                version=1,
                language=Language.GERMAN,
                document_id=document.id,
                sent_at=MONDAY,
                expires_at=MONDAY + timedelta(days=90),
                signed_at=MONDAY,
                signer="Frieda Freitag",
                signed_how=SignedHow.PAGE,
                data={},
            )
        )
        Decision.ask(session, Decision.draft(case_id, DecisionKind.ADVICE, "a", MONDAY, question="Was passt zu uns?"))
        Decision.ask(
            session,
            Decision.draft(case_id, DecisionKind.SIGNED_COPY, "b", MONDAY, document_id=scan.id, signer="F. Freitag"),
        )
        advice = Decision.by_key(session, "a")
        advice.settle("agreed", "op@provider.example", MONDAY, {"note": "Plus"})
        return case_id, document.id, scan.id, link.token


def test_the_whole_case_is_told_and_can_be_written_as_json():
    case_id, *_ = full_case()
    with transaction() as session:
        agreed = Subscription.of(session, Onboarding.get(session, case_id).firm_id)
        agreed.confirm(Plan.PLUS, Interval.YEARLY, plan_prices(session, MONDAY), MONDAY)

    with reading() as session:
        told = json.loads(json.dumps(as_json(case_detail(session, case_id))))

    assert told["case"]["firm"] == "Kanzlei Freitag & Söhne"
    assert told["case"]["opened_at"] == "2026-03-02T09:00:00+00:00"
    assert [step["number"] for step in told["steps"]] == [1, 2, 3, 4, 5, 6, 7]
    assert [(person["role"], person["name"]) for person in told["people"]] == [("organiser", "Frieda Freitag 0")]
    assert (told["subscription"]["plan"], told["subscription"]["price_cents"]) == ("plus", 12 * 5900)
    assert [(one["version"], one["signed_how"]) for one in told["agreements"]] == [(1, "page")]
    assert [(one["kind"], one["verdict"], one["choices"]) for one in told["decisions"]] == [
        ("signed_copy", None, ["accept", "refuse"]),
        ("advice", "agreed", ["agreed"]),
    ]
    assert [(mail["kind"], mail["to_address"], mail["state"]) for mail in told["mails"]] == [
        ("register", "p0@freitag.example", "waiting")
    ]
    assert [(act["number"], act["action"]) for act in told["audit"]] == [(1, "person.invited")]


def test_nobodys_link_is_told():
    case_id, _, _, token = full_case()

    with reading() as session:
        told = json.dumps(as_json(case_detail(session, case_id)))

    assert "p0@freitag.example" in told
    assert token not in told


def test_a_mail_waits_is_delivered_or_failed():
    case_id, *_ = full_case(3)
    with transaction() as session:
        rows = Outgoing.due(session, MONDAY, 10, timedelta(minutes=1))
        rows[0].delivered_at, rows[0].due_at = MONDAY, None
        rows[1].bounce("550 unknown", MONDAY)

    with reading() as session:
        mails = case_detail(session, case_id).mails

    assert [mail.state.value for mail in mails] == ["waiting", "failed", "delivered"]


def test_a_large_case_takes_no_more_queries_than_a_small_one(queries):
    small, (large, *_) = opened("Klein"), full_case(30)
    with transaction() as session:
        record(session, small, MONDAY, "case.stopped", "operator", reason="Zu teuer")

    counts = [queries(lambda session, case=case: case_detail(session, case)) for case in (small, large)]

    assert counts[0] == counts[1] <= 18


def test_a_file_is_given_only_with_its_own_case():
    case_id, sent, scan, _ = full_case()
    other = opened("Andere")

    with reading() as session:
        assert case_document(session, case_id, sent).content == b"%PDF sent"
        assert case_document(session, case_id, scan).content == b"%PDF scan"
        for case, document in ((other, sent), (case_id, 999), (999, sent)):
            with pytest.raises(NotFound):
                case_document(session, case, document)


def test_a_case_is_found_by_its_company_id():
    case_id = opened(company_id=861272)

    with reading() as session:
        assert case_of(session, 861272) == case_id
        with pytest.raises(NotFound, match="123456"):
            case_of(session, 123456)
        with pytest.raises(NotFound):
            case_detail(session, 999)


def test_a_case_whose_passes_break_down_again_and_again_is_shown_as_stuck():
    broken, _ = opened("Kanzlei Freitag"), opened("Kanzlei Montag")
    with transaction() as session:
        for _ in range(STUCK_AFTER):
            Onboarding.get(session, broken).begin_pass(now())

    with reading() as session:
        stuck = {case.firm: case.stuck for case in board(session).cases}

    assert stuck == {"Kanzlei Freitag": True, "Kanzlei Montag": False}


def next_reminders(case_id):
    with reading() as session:
        (line,) = board(session).cases
    assert line.case_id == case_id
    return {wait.step.value: wait.next_reminder_at is not None for wait in line.waits}, {
        one.paused for one in line.waits
    }


@pytest.mark.parametrize("level", [Level.CASE, Level.FIRM])
def test_no_next_reminder_is_promised_while_reminders_are_paused(level):
    case_id = factories.opened()
    factories.advance(case_id)
    before = next_reminders(case_id)
    owner = case_id if level is Level.CASE else firm_of(case_id)

    cadences.pause(level, owner, "op@x.example")
    assert next_reminders(case_id) == ({"logo": False, "organiser": False}, {True})
    cadences.resume(level, owner, "op@x.example")

    assert before == next_reminders(case_id) == ({"logo": False, "organiser": True}, {False})


def test_no_next_reminder_is_promised_to_somebody_who_is_held():
    case_id = factories.opened()
    factories.advance(case_id)
    with transaction() as session:
        organiser = Person.organiser(session, firm_of(case_id))
    cadences.pause(Level.PERSON, organiser.id, "op@x.example")
    assert next_reminders(case_id)[0]["organiser"] is False
    cadences.resume(Level.PERSON, organiser.id, "op@x.example")
    with transaction() as session:
        session.get_one(Person, organiser.id).bounced_at = now()

    assert next_reminders(case_id)[0]["organiser"] is False


def test_a_case_waits_for_whoever_the_signature_was_handed_to_like_for_the_organiser(clock):
    case_id = factories.handed_over()
    clock(days=settings().overdue_days + 1)
    with reading() as session:
        found, detail = board(session, waiting_for=Party.SIGNATORY, overdue=True), case_detail(session, case_id)

    assert [one.case_id for one in found.cases] == [case_id]
    assert found.by_party[Party.SIGNATORY] == found.overdue == 1
    assert (StepName.AGREEMENT, Party.SIGNATORY, True) in [
        (w.step, w.waiting_for, w.overdue) for w in detail.case.waits
    ]
