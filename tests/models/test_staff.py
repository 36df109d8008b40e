"""Who of a firm's people gives which rights to whom, and who sees and hears of which accounts."""

from itertools import product as combinations

import pytest
from sqlalchemy import select

from models.clients.access import ClientAccess, assigned, seen_by
from models.clients.client import Client, ClientKind
from models.db import reading, transaction
from models.firm import Firm
from models.people.person import Person, Role
from models.people.staff import (
    BY_DEFAULT,
    NONE,
    AboveOwnRank,
    AdministratorsOnly,
    OwnerStays,
    Rank,
    Rights,
    Staff,
    require_within,
    rights,
)
from models.time.clock import now
from tests.each import each

OWNER, ADMINISTRATOR, STAFF = Rank


def of(rank, *, manages=False, default=True):
    return Rights(rank, manages or rank is OWNER, default)


# ---- who gives what to whom

GIVEN = {  # Who gives, who has, what is given: what is said to it.
    (OWNER, OWNER, OWNER): None,
    (OWNER, OWNER, ADMINISTRATOR): OwnerStays,
    (OWNER, OWNER, STAFF): OwnerStays,
    (OWNER, ADMINISTRATOR, OWNER): AboveOwnRank,  # A firm has one.
    (OWNER, ADMINISTRATOR, ADMINISTRATOR): None,
    (OWNER, ADMINISTRATOR, STAFF): None,
    (OWNER, STAFF, OWNER): AboveOwnRank,
    (OWNER, STAFF, ADMINISTRATOR): None,
    (OWNER, STAFF, STAFF): None,
    (ADMINISTRATOR, OWNER, OWNER): OwnerStays,
    (ADMINISTRATOR, OWNER, ADMINISTRATOR): OwnerStays,
    (ADMINISTRATOR, OWNER, STAFF): OwnerStays,
    (ADMINISTRATOR, ADMINISTRATOR, OWNER): AboveOwnRank,
    (ADMINISTRATOR, ADMINISTRATOR, ADMINISTRATOR): None,
    (ADMINISTRATOR, ADMINISTRATOR, STAFF): None,
    (ADMINISTRATOR, STAFF, OWNER): AboveOwnRank,
    (ADMINISTRATOR, STAFF, ADMINISTRATOR): None,
    (ADMINISTRATOR, STAFF, STAFF): None,
    **{(STAFF, *case): AdministratorsOnly for case in combinations(Rank, repeat=2)},
}


@each("case", GIVEN)
@each("manages", [True, False])
def test_nobody_gives_or_takes_above_their_own_rank_and_the_owner_stays(case, manages):
    giver, held, given = case

    def give():
        require_within(of(giver, manages=manages), of(held), of(given, manages=manages), firm="Kanzlei", name="Erika")

    if GIVEN[case] is None:
        give()
    else:
        with pytest.raises(GIVEN[case]):
            give()


def test_every_case_of_giving_is_told():
    assert GIVEN.keys() == set(combinations(Rank, repeat=3))


@pytest.mark.parametrize("giver", Rank)
@pytest.mark.parametrize("held", Rank)
def test_who_may_change_somebody_is_offered_it_and_nobody_else(giver, held):
    offered = of(giver).may_change(of(held))

    assert offered == any(GIVEN[giver, held, given] is None for given in Rank)


def test_ranks_reach_themselves_and_those_below():
    assert [[one.reaches(other) for other in Rank] for one in Rank] == [
        [True, True, True],
        [False, True, True],
        [False, False, True],
    ]


@pytest.mark.parametrize(
    ("held", "sees_all", "manages"),
    [
        (of(OWNER), True, True),
        (of(ADMINISTRATOR), True, True),
        (of(ADMINISTRATOR, default=False), True, True),
        (of(STAFF, manages=True), False, True),
        (of(STAFF), False, False),
        (NONE, False, False),
    ],
)
def test_owner_and_administrators_see_and_manage_everything_and_staff_what_is_given_to_them(held, sees_all, manages):
    assert (held.sees_all, held.may_manage) == (sees_all, manages)


# ---- whose rights they are


def test_everybody_begins_with_rights_by_their_role():
    assert {role: rights(Person(role=role), None) for role in Role} == {
        Role.ORGANISER: Rights(OWNER, manages_accounts=True, has_default_access=True),
        Role.CASEWORKER: BY_DEFAULT,
        Role.CONTACT: NONE,
        Role.SIGNATORY: NONE,
        Role.SUCCESSOR: NONE,
        Role.CLIENT: NONE,
    }


@pytest.mark.parametrize("administrator", [True, False])
@pytest.mark.parametrize("manages", [True, False])
@pytest.mark.parametrize("default", [True, False])
@pytest.mark.parametrize("commercial", [True, False])
def test_what_was_given_counts_for_caseworkers_and_of_the_owner_only_what_they_hear(
    administrator, manages, default, commercial
):
    row = Staff(
        is_administrator=administrator,
        manages_accounts=manages,
        has_default_access=default,
        is_commercial=commercial,
    )

    rank = ADMINISTRATOR if administrator else STAFF
    assert rights(Person(role=Role.CASEWORKER), row) == Rights(rank, manages, default, commercial)
    assert rights(Person(role=Role.ORGANISER), row) == Rights(OWNER, manages_accounts=True, has_default_access=default)
    assert rights(Person(role=Role.CLIENT), row) == NONE


@pytest.fixture
def firm_id():
    with transaction() as session:
        firm = Firm(name="Kanzlei", line_of_business="tax", created_at=now())
        session.add(firm)
        session.flush()
        return firm.id


def person(session, firm_id, email, role=Role.CASEWORKER, **values):
    made = Person(firm_id=firm_id, role=role, email=email, family_name="X", added_at=now(), registered_at=now())
    for name, value in values.items():
        setattr(made, name, value)
    session.add(made)
    session.flush()
    return made


def account(session, firm_id, name):
    return Client.open(session, firm_id, ClientKind.COMPANY, now(), name=name, by_hand=True)


def test_rights_are_given_anew_and_end_with_the_role(firm_id):
    given = [Rights(ADMINISTRATOR, manages_accounts=True, has_default_access=False), Rights(STAFF, False, True)]
    with transaction() as session:
        anna, ben = person(session, firm_id, "a@kanzlei.example"), person(session, firm_id, "b@kanzlei.example")
        for each in given:
            Staff.give(session, anna, each)
            assert Staff.of(session, [anna, ben]) == {anna.id: each, ben.id: BY_DEFAULT}
        Staff.give(session, anna, given[0])
        Staff.end(session, anna)

        assert Staff.of(session, [anna]) == {anna.id: BY_DEFAULT}
        assert Staff.of(session, []) == {}


# ---- who sees and hears of which accounts

SAID = [None, True, False]


@pytest.mark.parametrize("sees_all", [True, False])
@pytest.mark.parametrize("by_default", [True, False])
def test_a_member_sees_what_is_said_of_an_account_else_their_default_and_above_staff_everything(
    firm_id, sees_all, by_default
):
    with transaction() as session:
        anna, ben = person(session, firm_id, "a@kanzlei.example"), person(session, firm_id, "b@kanzlei.example")
        for said in SAID:
            client = account(session, firm_id, str(said))
            if said is not None:
                ClientAccess.say(session, client.id, anna.id, not said)
                ClientAccess.say(session, client.id, anna.id, said)  # The last word counts.
                ClientAccess.say(session, client.id, ben.id, not said)

    with reading() as session:
        rank = Rank.ADMINISTRATOR if sees_all else Rank.STAFF
        which = seen_by(anna.id, Rights(rank, manages_accounts=False, has_default_access=by_default))
        seen = set(session.scalars(select(Client.name).where(which)))
    assert seen == {str(said) for said in SAID if sees_all or (by_default if said is None else said)}


@pytest.mark.parametrize("default", [None, True, False])
@pytest.mark.parametrize("administrator", [True, False])
@pytest.mark.parametrize("said", list(combinations(SAID, repeat=2)), ids=str)
def test_who_is_assigned_to_one_of_several_accounts_hears_of_them(firm_id, default, administrator, said):
    """An administrator sees all of them, and hears of those that are theirs as anybody does."""
    with transaction() as session:
        anna = person(session, firm_id, "a@kanzlei.example")
        if default is not None or administrator:
            Staff.give(session, anna, Rights(ADMINISTRATOR if administrator else STAFF, False, default is not False))
        clients = [account(session, firm_id, name) for name in "AB"]
        other = account(session, firm_id, "C")
        ClientAccess.say(session, other.id, anna.id, has_access=False)
        for client, word in zip(clients, said, strict=True):
            if word is not None:
                ClientAccess.say(session, client.id, anna.id, word)

    with reading() as session:
        told = assigned(session, firm_id, [client.id for client in clients])
        expected = any(default is not False if word is None else word for word in said)
        assert [each.id for each in told] == ([anna.id] if expected else [])
        assert assigned(session, firm_id, [other.id]) == []
        assert assigned(session, firm_id, []) == []


def test_only_those_of_the_firms_people_are_told_who_are_there(firm_id):
    with transaction() as session:
        client = account(session, firm_id, "A")
        person(session, firm_id, "erika@kanzlei.example", Role.ORGANISER)
        person(session, firm_id, "anna@kanzlei.example")
        person(session, firm_id, "new@kanzlei.example", registered_at=None)
        person(session, firm_id, "gone@kanzlei.example", withdrawn_at=now())
        person(session, firm_id, "rests@kanzlei.example", paused_at=now())
        person(session, firm_id, "max@kunde.example", Role.CLIENT)
        other = Firm(name="Andere", line_of_business="tax", created_at=now())
        session.add(other)
        session.flush()
        person(session, other.id, "fritz@andere.example")

    with reading() as session:
        told = assigned(session, firm_id, [client.id])
    assert [each.email for each in told] == ["erika@kanzlei.example", "anna@kanzlei.example"]
