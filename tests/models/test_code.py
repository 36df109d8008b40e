from datetime import timedelta

import pytest

from models.code import LIFE, PAUSE, TRIES, Code, CodeDead, CodeMissing, CodeSentJustNow, CodeUnreadable, CodeWrong
from models.db import transaction
from models.people.person import Person, Role
from models.time.clock import now
from tests.factories import agreement, firm_of, rows, with_organiser


@pytest.fixture
def asked():
    """Ids of an agreement and of who signs it."""
    case_id = with_organiser()
    firm = firm_of(case_id)
    with transaction() as session:
        organiser = Person.one(session, firm, Role.ORGANISER)
    return agreement(case_id).id, organiser.id


def fresh(asked, later=timedelta()):
    with transaction() as session:
        return Code.fresh(session, *asked, now() + later)


def use(asked, typed, later=timedelta()):
    with transaction() as session:
        refusal = Code.of(session, *asked).use(typed, now() + later)
        return refusal and type(refusal)


def wrong(code):
    return f"{(int(code.digits) + 1) % 10**6:06}"


def test_a_code_has_six_digits_and_works_once(asked):
    code = fresh(asked)

    assert len(code.digits) == 6
    assert code.digits.isdecimal()
    assert use(asked, f" {code.digits[:3]} {code.digits[3:]} ") is None
    assert use(asked, code.digits) is CodeDead


def test_five_wrong_ones_kill_it_even_for_the_right_one(asked):
    code = fresh(asked)

    outcomes = [use(asked, wrong(code)) for _ in range(TRIES)]

    assert outcomes == [CodeWrong] * (TRIES - 1) + [CodeDead]
    assert use(asked, code.digits) is CodeDead


def test_it_is_good_for_ten_minutes(asked):
    code = fresh(asked)

    assert use(asked, code.digits, LIFE) is CodeDead
    assert use(asked, code.digits, LIFE - timedelta(seconds=5)) is None


def test_a_new_one_kills_the_one_before_and_is_to_be_had_every_minute(asked):
    first = fresh(asked).digits
    with pytest.raises(CodeSentJustNow):
        fresh(asked)

    second = fresh(asked, PAUSE).digits

    assert first != second
    assert use(asked, first, PAUSE) is CodeWrong
    assert use(asked, second, PAUSE) is None


@pytest.mark.parametrize("typed", ["x", "12345", "１２３４５６", "ab\udcff", "0" * 5000, "", " "])
def test_what_cannot_be_a_code_is_told_and_costs_no_try(asked, typed):
    code = fresh(asked)

    for _ in range(TRIES):
        with pytest.raises(CodeUnreadable if typed.strip() else CodeMissing):
            use(asked, typed)

    assert use(asked, code.digits) is None


def test_codes_differ_and_none_lies_in_the_database(asked):
    before = rows()
    codes = {fresh(asked, PAUSE * number).digits for number in range(20)}

    assert len(codes) > 15
    (written,) = rows() - before
    assert not [code for code in codes if code in written]
