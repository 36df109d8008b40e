"""Who signed, when, and whose act it was."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from models.agreement import SignedHow
from models.audit import HOUSE, trail
from models.db import reading, transaction
from models.decision import Decision
from models.firm import LineOfBusiness
from models.link import Purpose
from models.mail.outbox import Outgoing
from models.people.login import Login
from models.people.manners import AddressForm, Language
from models.people.operator import OperatorNameMissing
from models.people.person import Person, Role
from models.reminders.cadence import Follow, Level, WaitKind
from models.time.clock import now
from models.time.hours import Hours
from models.time.land import Land
from tasks.agreement import responses
from tasks.intake import decision_effects, decision_forms
from tasks.intake.decision_effects import DayInvalid
from tasks.onboarding import corrections, firm_page
from tasks.people import addresses, operators, sessions
from tasks.reminders import cadences
from tests import factories
from tests.factories import (
    advance,
    agreement,
    countersigned,
    decide,
    firm_of,
    mails,
    opened,
    signed,
    token,
    told_by,
    with_organiser,
)
from tests.tasks.test_rendering import scan

ERIKA, BOARD = "erika@freitag.example", "olga@convent-it.example"
ADDRESS = {"street": "Lindenweg 8", "postcode": "80331", "city": "München", "land": Land.BAVARIA, "website": ""}

LAW = {"line_of_business": LineOfBusiness.LAW, "business": ""}


def question(case_id):
    with reading() as session:
        (decision,) = Decision.pending(session, case_id)
        return decision.id


def named(email):
    with reading() as session:
        return session.scalars(select(Login.name).where(Login.email == email)).one()


def uploaded():
    case_id = with_organiser()
    responses.upload(token(ERIKA, Purpose.AGREEMENT), scan(), "scan.pdf", ip="", agent="")
    return case_id


@pytest.mark.parametrize("typed", ["", "   ", "Olga"])
def test_nobody_countersigns_without_a_name(typed):
    case_id = signed()

    with pytest.raises(OperatorNameMissing):
        decision_effects.answer_decision(question(case_id), "countersign", "operator", name=typed)

    assert agreement(case_id).countersigned_at is None
    assert question(case_id)


def test_an_operator_without_a_name_is_asked_for_it_once():
    operators.appoint(BOARD, "command line")
    case_id = signed()
    with pytest.raises(OperatorNameMissing):
        decision_effects.answer_decision(question(case_id), "countersign", BOARD)

    decision_effects.answer_decision(question(case_id), "countersign", BOARD, name=" Olga  Otter ")

    assert (agreement(case_id).countersigned_by, named(BOARD)) == ("Olga Otter", "Olga Otter")
    (told,) = told_by(HOUSE, "operator.named")
    assert (told["email"], told["before"], told["after"]) == (BOARD, None, "Olga Otter")


def test_an_operator_signs_with_the_name_of_the_account():
    operators.appoint(BOARD, "command line", name="Olga Otter")
    case_id = signed()

    decision_effects.answer_decision(question(case_id), "countersign", BOARD, name="Somebody Else")

    assert agreement(case_id).countersigned_by == "Olga Otter"
    (told,) = told_by(case_id, "agreement.countersigned")
    assert (told["name"], told["by_name"]) == ("Olga Otter", "Olga Otter")


def test_the_form_in_prefect_asks_who_signs():
    case_id = signed()
    form = decision_forms.form_of.fn(question(case_id))
    assert form.model.model_fields["name"].json_schema_extra["title"] == "Ihr Name"

    refused = decision_forms.take_answer.fn(
        question(case_id), "run-1", {"verdict": "countersign", "name": "", "note": ""}
    )
    assert "name is missing" in refused
    answer = {"verdict": "countersign", "name": "Olga Otter", "note": ""}
    assert decision_forms.take_answer.fn(question(case_id), "run-2", answer) == ""

    assert agreement(case_id).countersigned_by == "Olga Otter"
    assert told_by(case_id, "decision.answered")[-1]["by_name"] == "Olga Otter"


def test_no_name_is_needed_to_say_no():
    case_id = signed()

    decision_effects.answer_decision(question(case_id), "refuse", "operator")

    assert agreement(case_id).signed_at is None
    assert [one["version"] for one in told_by(case_id, "agreement.reopened")] == [1]


def test_a_scan_counts_from_when_it_came_and_not_from_when_it_was_accepted(clock):
    case_id = uploaded()
    with reading() as session:
        (came,) = [entry.at for entry in trail(session, case_id) if entry.action == "agreement.uploaded"]
    clock(days=3)

    decide(case_id, "accept", signed_on="2026-09-14")

    kept = agreement(case_id)
    assert (kept.signed_at, f"{kept.signed_on}", kept.signed_how) == (came, "2026-09-14", SignedHow.UPLOAD)
    assert kept.countersigned_at > came + timedelta(days=2)
    (told,) = told_by(case_id, "agreement.signed")
    assert (told["signed_on"], told["arrived_at"]) == ("2026-09-14", came.isoformat())


@pytest.mark.parametrize("typed", ["gestern", "2026-13-01", "2026-12-24"])
def test_the_day_on_a_scan_is_a_day_and_not_in_the_future(typed):
    case_id = uploaded()

    with pytest.raises(DayInvalid, match=typed):
        decide(case_id, "accept", signed_on=typed)

    assert agreement(case_id).signed_at is None


def test_the_trail_names_who_acts_behind_a_link_or_an_account():
    case_id = countersigned()

    for action in ("agreement.opened", "agreement.read", "agreement.code_sent", "agreement.signed"):
        assert {one["by_name"] for one in told_by(case_id, action)} == {"Erika Muster"}


def test_the_trail_tells_what_an_address_was_and_is():
    case_id = opened()
    advance(case_id)
    with reading() as session:
        person = Person.organiser(session, firm_of(case_id)).id

    addresses.correct_address(case_id, person, "erika.muster@freitag.example", BOARD)

    (told,) = told_by(case_id, "address.corrected")
    assert (told["before"], told["after"]) == (ERIKA, "erika.muster@freitag.example")


def test_the_trail_tells_what_reachability_and_cadences_were_and_are():
    case_id = with_organiser()
    with reading() as session:
        account = session.scalars(select(Login.id).where(Login.email == ERIKA)).one()
    hours = Hours.parse("Mo 8-12")
    sessions.set_manners(
        account, sessions.Manners(hours, "Europe/Berlin", Land.BAVARIA, "", Language.FRENCH, AddressForm.SIE)
    )
    for days in ("3", "5"):
        cadences.set_cadence(
            Level.CASE, case_id, WaitKind.TASK, BOARD, name="x", days=days, most="2", follow=Follow.NOTHING
        )
    cadences.inherit_cadence(Level.CASE, case_id, WaitKind.TASK, BOARD)

    (reach,) = told_by(case_id, "reach.set")
    assert (reach["before"]["language"], reach["after"]["language"]) == ("de", "fr")
    first, second = told_by(case_id, "cadence.set")
    assert (first["before"], second["before"], second["after"]["days"]) == (None, first["after"], [5])
    assert told_by(case_id, "cadence.inherited")[0]["before"] == second["after"]


def test_a_changed_address_is_told_to_both_sides_once_the_agreement_is_signed():
    case_id = with_organiser(street=ADDRESS["street"])
    firm_page.complete_details(firm_of(case_id), ERIKA, **ADDRESS)
    assert mails("firm_changed") == []
    factories.concluded(case_id)

    for _ in range(2):
        firm_page.complete_details(firm_of(case_id), ERIKA, **ADDRESS | {"street": "Lindenweg 9"})

    told = mails("firm_changed")
    assert [mail.to_address for mail in told] == [ERIKA, "service@convent-it.example"]
    assert told[0].facts["changes"] == [{"what": "street", "before": "Lindenweg 8", "after": "Lindenweg 9"}]
    assert told[0].facts["who"] == "Erika Muster"


def test_changes_that_follow_each_other_are_one_mail_to_each_side_and_each_gets_one_a_day(clock):
    firm_id = firm_of(countersigned())

    def move(street):
        firm_page.complete_details(firm_id, ERIKA, **ADDRESS | {"street": street})

    def leave():
        clock(minutes=11)
        with transaction() as session:
            for mail in session.scalars(select(Outgoing).where(Outgoing.due_at <= now())):
                mail.due_at, mail.delivered_at = None, now()

    for number in range(15):
        move(f"Gasse {number}")
    firm_page.complete_details(firm_id, ERIKA, **ADDRESS | {"street": "Gasse 14", "website": "https://freitag.example"})
    assert len(mails("firm_changed")) == 2
    leave()
    told, other = mails("firm_changed")
    assert [(one["what"], one["after"]) for one in told.facts["changes"]] == [
        ("street", "Gasse 14"),
        ("website", "https://freitag.example"),
    ]

    def move(street):
        website = "https://freitag.example"
        firm_page.complete_details(firm_id, ERIKA, **ADDRESS | {"street": street, "website": website})

    move("Lindenweg 1")
    move("Lindenweg 2")
    leave()
    later = mails("firm_changed")[2:]
    assert [mail.delivered_at for mail in later] == [None, None]
    assert [mail.due_at for mail in later] == [mail.delivered_at + timedelta(days=1) for mail in (told, other)]
    move("Gasse 14")

    assert [mail.due_at for mail in mails("firm_changed")[2:]] == [None, None]  # All is as it was told.


def test_each_mail_about_changes_says_whose_they_are():
    firm_id = firm_of(countersigned())

    firm_page.complete_details(firm_id, ERIKA, **ADDRESS | {"street": "Gasse 1"})
    corrections.correct_firm(firm_id, BOARD, name="Freitag", **LAW, as_operator=True)

    told = [(mail.facts["who"], [one["what"] for one in mail.facts["changes"]]) for mail in mails("firm_changed")]
    assert [what for _, what in told] == [["street"], ["street"], ["name"], ["name"]]
    assert told[0][0] != told[2][0]


def test_a_changed_name_is_told_to_both_sides_and_the_signed_agreement_stays():
    case_id = countersigned()
    final, data = agreement(case_id).final_id, agreement(case_id).data

    corrections.correct_firm(firm_of(case_id), BOARD, name="Freitag PartG mbB", **LAW, as_operator=True)

    told = mails("firm_changed")
    assert len(told) == 2
    assert told[1].facts["changes"][0]["after"] == "Freitag PartG mbB"
    assert (agreement(case_id).final_id, agreement(case_id).data) == (final, data)
    with reading() as session:
        assert Person.one(session, firm_of(case_id), Role.ORGANISER).email == ERIKA
