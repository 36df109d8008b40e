from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from sqlalchemy import insert

from models import company_id
from models.company_id import FIRST, LAST, CompanyIdPool, Move, NumberInvalid, NumbersExhausted, company_number
from models.db import transaction
from tests.factories import at_once

LITTLE = 300_000, 300_029
DICE = Random()
"""Thrown instead of the product's, so that hypothesis can play an example again."""


class AgainstASet(RuleBasedStateMachine):
    """The bag of which only the changes are written down does what a plain set of free numbers does."""

    def __init__(self):
        super().__init__()
        DICE.seed(0)
        self.free = set(range(LITTLE[0], LITTLE[1] + 1))
        with transaction() as session:
            session.query(Move).delete()
            session.query(CompanyIdPool).delete()

    @precondition(lambda self: self.free)
    @rule()
    def draw(self):
        with transaction() as session:
            self.free.remove(CompanyIdPool.locked(session).draw(session))

    @rule(number=st.integers(*LITTLE))
    def take(self, number):
        with transaction() as session:
            taken = CompanyIdPool.locked(session).take(session, number)

        assert taken == (number in self.free)
        self.free.discard(number)

    @precondition(lambda self: len(self.free) < LITTLE[1] + 1 - LITTLE[0])
    @rule(data=st.data())
    def put_back(self, data):
        number = data.draw(st.sampled_from(sorted({*range(LITTLE[0], LITTLE[1] + 1)} - self.free)))
        with transaction() as session:
            CompanyIdPool.locked(session).put_back(session, number)
        self.free.add(number)

    @rule(number=st.integers(*LITTLE), count=st.integers(1, 5))
    def nearest(self, number, count):
        with transaction() as session:
            found = CompanyIdPool.locked(session).nearest_free(session, number, count)

        assert found == sorted(sorted(self.free, key=lambda n: (abs(n - number), n))[:count])

    @precondition(lambda self: not self.free)
    @rule()
    def exhausted(self):
        with pytest.raises(NumbersExhausted), transaction() as session:
            CompanyIdPool.locked(session).draw(session)


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(company_id, "randbelow", DICE.randrange)
    monkeypatch.setattr(company_id, "FIRST", LITTLE[0])
    monkeypatch.setattr(company_id, "LAST", LITTLE[1])


def test_the_bag_behaves_like_a_set_of_free_numbers(few):
    run_state_machine_as_test(
        AgainstASet,
        settings=settings(stateful_step_count=30),
    )


def test_every_number_is_drawn_exactly_once(few):
    with transaction() as session:
        pool = CompanyIdPool.locked(session)
        drawn = [pool.draw(session) for _ in range(30)]
        with pytest.raises(NumbersExhausted):
            pool.draw(session)

    assert sorted(drawn) == list(range(LITTLE[0], LITTLE[1] + 1))
    assert drawn != sorted(drawn)


@pytest.mark.parametrize("full", [0.1, 0.99])
def test_a_draw_costs_the_same_however_full_the_range_is(full, statements):
    free = round((LAST - FIRST + 1) * (1 - full))
    with transaction() as session:
        CompanyIdPool.locked(session).free = free
        moves = [{"position": p, "number": LAST - p} for p in range(0, min(free, 9000), 3)]
        session.execute(insert(Move), moves)

    costs = []
    for _ in range(10):
        with statements() as asked, transaction() as session:
            assert FIRST <= CompanyIdPool.locked(session).draw(session) <= LAST
        costs.append(len(asked))

    assert max(costs) <= 9  # Look-ups and changes of two places; the bag never grows slower.


def test_threads_never_get_the_same_number():
    def draw():
        with transaction() as session:
            return CompanyIdPool.locked(session).draw(session)

    drawn = at_once(*[draw] * 8) + at_once(*[draw] * 8)

    assert len({number for number in drawn if isinstance(number, int)}) == 16


@pytest.mark.parametrize("text", ["861272", " 861 272 ", "100000", "999999"])
def test_six_digits_are_a_number(text):
    assert company_number(text) == int(text.replace(" ", ""))


@pytest.mark.parametrize(
    "text", ["", "99999", "1000000", "012345", "86127a", "٨٦١٢٧٢", "8612.2", "-861272", "9" * 5000]
)
def test_anything_else_is_not(text):
    with pytest.raises(NumberInvalid):
        company_number(text)
