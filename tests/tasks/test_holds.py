"""Legal holds: whose, until when, why; and that nothing of them goes."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from models.db import reading
from models.errors import FormRefused, NotFound
from models.retention.hold import Hold
from models.time.clock import today
from tasks.retention import holds
from tasks.retention.holds import HoldDayInvalid, HoldOfNobody, HoldOfSeveral, HoldOver, HoldReasonMissing
from tests.contacts import ERIKA, MAX, account, with_max
from tests.factories import told_by

BY = "mona@provider.example"
CASE = 1


def standing(reason: str = "Az. 1 O 23/27", whose: str = "", **more: str) -> int:
    return holds.set_hold(CASE, BY, reason=reason, whose=whose, **{"until": str(today() + timedelta(days=9)), **more})


def only() -> Hold:
    with reading() as session:
        return session.scalars(select(Hold)).one()


@pytest.mark.parametrize(("whose", "columns"), [("", (0, 0)), (MAX, (0, 1)), ("beispiel gmbh", (1, 0))])
def test_a_hold_is_of_the_firm_an_account_or_a_person_and_told_in_the_trail(whose, columns):
    with_max()

    standing(whose=whose)

    hold = only()
    assert (int(hold.client_id is not None), int(hold.person_id is not None)) == columns
    (told,) = told_by(CASE, "hold.set")
    assert (told["reason"], told["by"], told["hold"]) == ("Az. 1 O 23/27", BY, hold.id)


def test_its_last_day_is_read_as_people_write_it_too():
    with_max()
    day = today() + timedelta(days=9)
    standing(until=f"{day:%d.%m.%Y}")
    assert only().until == day


def test_what_does_not_fit_is_told_all_at_once_and_nothing_is_set():
    firm_id, *_ = with_max()
    account(firm_id, "Beispiel GmbH")
    with pytest.raises(FormRefused) as told:
        standing(reason=" ", whose="niemand@x.example", until="gestern")
    assert {name: type(one) for name, one in told.value.fields.items()} == {
        "reason": HoldReasonMissing,
        "whose": HoldOfNobody,
        "until": HoldDayInvalid,
    }
    for wrong, why in (
        ({"whose": "Beispiel GmbH"}, HoldOfSeveral),
        ({"until": str(today() - timedelta(days=1))}, HoldDayInvalid),
    ):
        with pytest.raises(FormRefused) as told:
            standing(**wrong)
        assert [type(one) for one in told.value.fields.values()] == [why]
    assert holds.holds_of(CASE) == []


def test_a_hold_is_lifted_once_and_ends_by_itself(clock):
    with_max()
    first, second = standing(), standing(whose=ERIKA)
    holds.lift_hold(CASE, first, BY)
    with pytest.raises(HoldOver):
        holds.lift_hold(CASE, first, BY)
    with pytest.raises(NotFound):
        holds.lift_hold(CASE, 99, BY)
    assert [(line.whose, line.stands, line.lifted_by) for line in holds.holds_of(CASE)] == [
        (ERIKA, True, ""),
        ("", False, BY),
    ]
    clock(days=10)
    assert not holds.holds_of(CASE)[0].stands
    with pytest.raises(HoldOver):
        holds.lift_hold(CASE, second, BY)
