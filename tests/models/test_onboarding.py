from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from models.db import reading, transaction
from models.errors import NotFound
from models.firm import Firm, LineOfBusiness
from models.onboarding import LONGEST_LEASE, AgreementFirst, Onboarding, Party, StepName, StepState
from tests.factories import at_once, case, standing

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
FIRST = ["subscription", "details", "logo", "organiser"]


@pytest.fixture
def case_id():
    with transaction() as session:
        firm = Firm(name="Kanzlei", line_of_business=LineOfBusiness.LAW, created_at=NOW)
        return Onboarding.open(session, firm, "test:1", NOW).id


def change(case_id, act):
    with transaction() as session:
        return act(Onboarding.get(session, case_id))


def test_a_case_begins_with_four_steps_open_and_three_blocked(case_id):
    assert standing(case_id) == {
        **dict.fromkeys(FIRST, "waiting:provision"),
        **dict.fromkeys(["agreement", "caseworkers", "clients"], "blocked"),
    }
    assert case(case_id).pass_due_at == NOW


@pytest.mark.parametrize("order", list(permutations(["subscription", "details", "organiser"])))
def test_the_agreement_opens_with_the_last_of_its_gates_in_whatever_order(case_id, order):
    for name in order[:-1]:
        change(case_id, lambda case, name=name: case.finish(StepName(name), NOW))
        assert standing(case_id)["agreement"] == "blocked"

    change(case_id, lambda case: case.finish(StepName(order[-1]), NOW))

    assert standing(case_id)["agreement"] == "waiting:provision"
    assert standing(case_id)["caseworkers"] == "blocked"


def test_caseworkers_and_clients_open_together_with_the_agreement(case_id):
    for name in (*FIRST, "agreement"):
        change(case_id, lambda case, name=name: case.finish(StepName(name), NOW))

    assert standing(case_id)["caseworkers"] == standing(case_id)["clients"] == "waiting:provision"


def test_further_accounts_come_after_the_agreement(case_id):
    with pytest.raises(AgreementFirst, match="Kanzlei"):
        case(case_id).require_agreement()

    change(case_id, lambda case: case.finish(StepName.AGREEMENT, NOW))

    case(case_id).require_agreement()


def test_a_step_is_done_for_good(case_id):
    assert change(case_id, lambda case: case.finish(StepName.LOGO, NOW))

    assert not change(case_id, lambda case: case.finish(StepName.LOGO, NOW + timedelta(days=1)))
    assert not change(case_id, lambda case: case.wait(StepName.LOGO, Party.ORGANISER, NOW))
    assert case(case_id).step(StepName.LOGO).done_at == NOW


@pytest.mark.parametrize("name", [StepName.DETAILS])
@pytest.mark.parametrize("before", list(Party))
@pytest.mark.parametrize("after", list(Party))
def test_since_tells_when_it_became_somebodys_turn(case_id, name, before, after):
    later = NOW + timedelta(hours=1)
    change(case_id, lambda case: case.wait(name, before, NOW))

    changed = change(case_id, lambda case: case.wait(name, after, later))

    step = case(case_id).step(name)
    assert changed == (before is not after)
    assert (step.waiting_for, step.state, step.since) == (after, StepState.WAITING, later if changed else NOW)


def test_the_last_step_finishes_the_case(case_id):
    for name in StepName:
        assert case(case_id).finished_at is None
        change(case_id, lambda case, name=name: case.finish(name, NOW))

    assert case(case_id).finished_at == NOW
    assert case(case_id).current is None


def test_a_pass_that_dies_is_followed_by_another_each_time_later(case_id):
    gaps = [change(case_id, lambda case: case.begin_pass(NOW)) - NOW for _ in range(200)]

    assert gaps[:3] == [timedelta(minutes=5), timedelta(minutes=10), timedelta(minutes=20)]
    assert max(gaps) == gaps[-1] == LONGEST_LEASE


def test_a_pass_that_ends_leaves_nothing_due_unless_something_happened_meanwhile(case_id):
    lease = change(case_id, lambda case: case.begin_pass(NOW))
    change(case_id, lambda case: case.touch(NOW + timedelta(seconds=1)))
    change(case_id, lambda case: case.end_pass(lease))
    assert case(case_id).pass_due_at == NOW + timedelta(seconds=1)

    lease = change(case_id, lambda case: case.begin_pass(NOW))
    change(case_id, lambda case: case.end_pass(lease))
    assert (case(case_id).pass_due_at, case(case_id).attempts) == (None, 0)


def test_who_waited_for_a_case_sees_what_was_done_meanwhile(case_id):
    def number():
        with transaction() as session:
            case = Onboarding.get(session, case_id)
            case.firm.receive_number(session)
            return case.firm.company_id

    assert len(set(at_once(*[number] * 6))) == 1


def test_an_unknown_case_is_not_found():
    with pytest.raises(NotFound), reading() as session:
        Onboarding.get(session, 4711)
