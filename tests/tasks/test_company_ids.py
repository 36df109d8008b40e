import pytest
from sqlalchemy import select

from models.audit import trail
from models.company_id import CompanyIdPool
from models.db import reading, transaction
from models.decision import Decision
from models.firm import Firm, NothingOffered
from models.mail.outbox import Outgoing
from tasks.onboarding.company_ids import settle_details
from tasks.onboarding.firm_page import choose_number
from tests.factories import advance, at_once, case, decide, everything, firm_of, opened, outbox, standing

ERIKA = "erika@freitag.example"


def told():
    with reading() as session:
        (mail,) = session.scalars(select(Outgoing).where(Outgoing.kind == "company_id"))
    return mail.facts["granted"], mail.facts["preferred"], mail.facts["alternatives"]


def free(number):
    with transaction() as session:
        return CompanyIdPool.locked(session).nearest_free(session, number, 1) == [number]


def test_a_firm_gets_one_number_however_often_we_try():
    case_id = opened()
    settle_details.fn(case_id)
    before = everything()

    for _ in range(3):
        assert settle_details.fn(case_id).state == "done"

    assert everything() == before
    assert 100_000 <= case(case_id).firm.company_id <= 999_999


def test_two_passes_at_the_same_moment_give_one_number():
    case_id = opened()

    at_once(*[lambda: settle_details.fn(case_id)] * 4)

    with reading() as session:
        assert [entry.action for entry in trail(session, case_id)].count("company_id.assigned") == 1
        assert session.get_one(CompanyIdPool, 1).free == 899_999


def test_firms_at_the_same_moment_get_different_numbers():
    cases = [opened(f"test:{n}") for n in range(6)]

    at_once(*[lambda case_id=case_id: settle_details.fn(case_id) for case_id in cases])

    assert len({case(case_id).firm.company_id for case_id in cases} - {None}) == 6


def test_a_preferred_number_is_held_for_an_operator_who_grants_it():
    case_id = opened(preferred_number="777 777")
    for _ in range(3):
        settle_details.fn(case_id)
    assert standing(case_id)["details"] == "waiting:operator"
    with reading() as session:
        (question,) = Decision.pending(session, case_id)
    assert question.facts == {"number": 777_777, "alternatives": [777_775, 777_776, 777_778]}

    decide(case_id, "grant")
    settle_details.fn(case_id)

    assert case(case_id).firm.company_id == 777_777
    assert standing(case_id)["details"] == "done"
    assert told() == (True, 777_777, [])


def test_a_preferred_number_refused_is_answered_with_free_ones_of_which_one_is_chosen():
    case_id = opened(preferred_number="777777")
    settle_details.fn(case_id)

    decide(case_id, "refuse", note="Schnapszahl")
    settle_details.fn(case_id)
    assert standing(case_id)["details"] == "waiting:organiser"
    assert told() == (False, 777_777, [777_775, 777_776, 777_778])
    assert free(777_777)

    choose_number(firm_of(case_id), ERIKA, 777_776)
    settle_details.fn(case_id)
    assert case(case_id).firm.company_id == 777_776
    assert standing(case_id)["details"] == "done"


def test_a_preferred_number_that_is_taken_is_told_at_once():
    opened(preferred_number="777777")
    case_id = opened("test:2", preferred_number="777777")
    advance(case_id)

    assert told() == (False, 777_777, [777_775, 777_776, 777_778])
    assert standing(case_id)["details"] == "waiting:organiser"

    choose_number(firm_of(case_id), ERIKA, None)
    advance(case_id)
    assert standing(case_id)["details"] == "done"
    assert len(outbox("company_id")) == 1


def test_while_an_operator_decides_no_other_number_is_taken():
    case_id = opened(preferred_number="777777")
    settle_details.fn(case_id)

    with pytest.raises(NothingOffered):
        choose_number(firm_of(case_id), ERIKA, None)

    decide(case_id, "grant")
    settle_details.fn(case_id)
    assert case(case_id).firm.company_id == 777_777


def test_choosing_again_changes_nothing_and_another_number_is_refused():
    case_id = opened(preferred_number="777777")
    settle_details.fn(case_id)
    decide(case_id, "refuse")
    choose_number(firm_of(case_id), ERIKA, 777_776)
    before = everything()

    choose_number(firm_of(case_id), ERIKA, 777_776)
    with pytest.raises(NothingOffered):
        choose_number(firm_of(case_id), ERIKA, 777_778)

    assert everything() == before


@pytest.mark.parametrize("verdict", ["grant", "refuse"])
def test_a_firm_that_has_a_number_already_is_not_told_of_another(verdict):
    case_id = opened(preferred_number="777777")
    settle_details.fn(case_id)
    with transaction() as session:
        session.get_one(Firm, firm_of(case_id)).company_id = 500_000

    decide(case_id, verdict)

    assert case(case_id).firm.company_id == 500_000
    assert outbox("company_id") == []
    assert free(777_777)


def test_what_is_missing_is_asked_of_the_organiser():
    case_id = opened(street="", postcode="", land=None)

    settle_details.fn(case_id)

    assert case(case_id).firm.missing == ["street", "postcode", "land"]
    assert standing(case_id)["details"] == "waiting:organiser"
