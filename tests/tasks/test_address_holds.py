import re

import pytest
from sqlalchemy import select

from models.audit import trail
from models.db import reading
from models.link import LinkReplaced, LinkUsed, Purpose
from models.mail.outbox import Outgoing
from models.people.mail_address import AddressInvalid
from models.people.person import Person
from tasks.mail.address_holds import note_bounce
from tasks.onboarding import registration
from tasks.people.addresses import AddressTaken
from tasks.people.naming import WorksThereAlready
from tests.factories import (
    advance,
    at_once,
    countersigned,
    decide,
    firm_of,
    mails,
    opened,
    questions,
    token,
    with_organiser,
)

ERIKA = "erika@freitag.example"
NEW = "erika.muster@freitag.example"


@pytest.fixture
def case_id():
    made = opened()
    advance(made)
    return made


def locked(asked):
    """The tables whose rows were locked, in order."""
    return [re.search(r"FROM (\w+)", one)[1] for one in asked if re.search(r"FOR (NO KEY )?UPDATE", one)]


def test_a_hard_bounce_asks_an_operator_once_however_often_it_is_told(case_id):
    said = {"message_id": mails("register")[0].message_id, "kind": "hard", "diagnostic": "550 5.1.1 unknown „ü“"}

    assert [note_bounce(said) for _ in range(3)] == [[case_id]] * 3

    assert questions(case_id) == ["bad_address"]
    (mail,) = mails("register")
    assert (mail.due_at, mail.fault) == (None, said["diagnostic"])


def test_a_case_is_locked_before_its_mails(case_id, product, statements):
    if product != "postgresql":
        pytest.skip("SQLite lets one writer in at a time")
    with statements() as asked:
        note_bounce({"message_id": mails("register")[0].message_id, "kind": "hard"})

    assert locked(asked)[:2] == ["onboardings", "outbox"]


def test_told_twice_at_the_same_moment_it_is_one_question(case_id):
    at_once(*[lambda: note_bounce({"address": ERIKA, "kind": "hard"})] * 4)

    assert questions(case_id) == ["bad_address"]


def test_a_soft_bounce_or_an_unknown_mail_changes_nothing(case_id):
    assert note_bounce({"address": ERIKA, "kind": "soft"}) == []
    assert note_bounce({"message_id": "<nobody@x.example>", "kind": "hard"}) == []
    assert note_bounce({"address": "nobody@x.example", "kind": "hard"}) == []

    assert questions(case_id) == []


def test_a_corrected_address_gets_the_mail_with_a_new_link_and_the_old_one_is_dead(case_id):
    note_bounce({"address": ERIKA, "kind": "hard"})
    old = token(ERIKA, Purpose.REGISTER)

    decide(case_id, "correct", address=f" {NEW.upper()} ")

    (mail,) = mails("register")
    assert mail.to_address == NEW
    assert mail.due_at is not None
    with pytest.raises(LinkReplaced):
        registration.opened(old, Purpose.REGISTER)
    assert registration.opened(token(NEW, Purpose.REGISTER), Purpose.REGISTER).person.bounced_at is None


def test_an_answer_about_somebody_tells_of_them_and_not_of_who_gives_it(case_id):
    note_bounce({"address": ERIKA, "kind": "hard"})
    decide(case_id, "correct", address=NEW)

    with reading() as session:
        organiser = Person.organiser(session, firm_of(case_id)).id
        (told,) = [entry for entry in trail(session, case_id) if entry.action == "decision.answered"]
    assert {value.about for value in told.values if "answer" in value.value} == {f"person:{organiser}"}


def test_an_old_bounce_told_late_does_not_hold_the_corrected_address(case_id):
    note_bounce({"address": ERIKA, "kind": "hard"})
    decide(case_id, "correct", address=NEW)

    with reading() as session:
        assert session.scalars(select(Person).where(Person.email == NEW)).one().bounced_at is None
    note_bounce({"address": ERIKA, "kind": "hard"})

    assert questions(case_id) == []


def test_what_is_told_late_of_a_mail_does_not_concern_the_one_addressed_anew(case_id):
    old = mails("register")[0].message_id
    note_bounce({"address": ERIKA, "kind": "hard"})
    decide(case_id, "correct", address=NEW)

    assert note_bounce({"message_id": old, "kind": "hard", "diagnostic": "550 5.1.1 unknown"}) == []

    (mail,) = mails("register")
    assert (mail.failed_at, mail.fault) == (None, None)
    assert mail.due_at is not None


def test_a_wrong_correction_leaves_the_question_open(case_id):
    note_bounce({"address": ERIKA, "kind": "hard"})

    for address in ("", "nowhere"):
        with pytest.raises(AddressInvalid):
            decide(case_id, "correct", address=address)

    assert questions(case_id) == ["bad_address"]


def test_the_address_of_somebody_else_in_the_same_role_is_refused():
    staff = [{"name": "Jan", "email": "jan@freitag.example"}, {"name": "Ute", "email": "ute@freitag.example"}]
    case_id = countersigned(caseworkers=staff)
    note_bounce({"address": "jan@freitag.example", "kind": "hard"})

    with pytest.raises(AddressTaken, match="ute@freitag"):
        decide(case_id, "correct", address="ute@freitag.example")


def test_the_address_of_the_organiser_is_refused_for_a_caseworker():
    case_id = countersigned(caseworkers=[{"name": "Jan", "email": "jan@freitag.example"}])
    note_bounce({"address": "jan@freitag.example", "kind": "hard"})

    with pytest.raises(WorksThereAlready, match=ERIKA):
        decide(case_id, "correct", address=ERIKA.upper())

    assert questions(case_id) == ["bad_address"]


def test_mail_written_meanwhile_is_held_and_goes_to_the_corrected_address():
    case_id = with_organiser()
    note_bounce({"message_id": mails("agreement")[0].message_id, "kind": "hard"})
    advance(case_id)

    decide(case_id, "correct", address=NEW)

    assert [(mail.to_address, mail.due_at is not None) for mail in mails("agreement")] == [(NEW, True)]
    (register,) = mails("register")
    assert register.to_address == ERIKA  # It has done its work.


def test_a_link_that_was_used_stays_dead():
    with_organiser()
    used = token(ERIKA, Purpose.REGISTER)
    note_bounce({"address": ERIKA, "kind": "hard"})
    with reading() as session:
        case_id = session.scalars(select(Outgoing.onboarding_id)).first()

    decide(case_id, "correct", address=NEW)

    with pytest.raises(LinkUsed):
        registration.opened(used, Purpose.REGISTER)
