"""What a firm's people may do, and who of them changes it."""

import pytest
from sqlalchemy import select

from models.clients.access import ClientAccess, seen_by
from models.clients.client import Client, ClientContact
from models.clients.group import Group, GroupMember
from models.clients.portfolio import Portfolio, PortfolioClient, PortfolioMember
from models.clients.tag import ClientTag, ContactTag, Tag
from models.db import reading, transaction
from models.errors import NotFound
from models.people.person import Person, Role
from models.people.staff import (
    BY_DEFAULT,
    NONE,
    AdministratorsOnly,
    OwnerStays,
    OwnRankGivenUp,
    Rank,
    Rights,
    Staff,
)
from models.request import Named
from tasks.onboarding import firm_page, invitations
from tasks.people import membership, rights, sessions
from tests import factories
from tests.factories import PASSWORD, at_once, firm_of, registered, told_by
from tests.remembered import remembered

ERIKA, ANNA, BEN = "erika@freitag.example", "anna@freitag.example", "ben@freitag.example"
ADMINISTRATOR = Rights(Rank.ADMINISTRATOR, manages_accounts=False, has_default_access=True)
MANAGER = Rights(Rank.STAFF, manages_accounts=True, has_default_access=False)


@remembered
def with_members():
    """Erika owns the firm, Anna and Ben are administrators, and there is a client."""
    people = [{"name": "Anna Amsel", "email": ANNA}, {"name": "Ben Bär", "email": BEN}]
    case_id = factories.with_client(caseworkers=people)
    for email in (ANNA, BEN):
        registered(email)
        rights.give_rights(firm_of(case_id), id_of(ERIKA), ERIKA, id_of(email), ADMINISTRATOR)
    return case_id


@pytest.fixture
def case_id():
    return with_members()


@pytest.fixture
def firm_id(case_id):
    return firm_of(case_id)


def id_of(email):
    with reading() as session:
        return session.scalars(select(Person.id).where(Person.email == email, Person.role != Role.CONTACT)).one()


def held(firm_id):
    return {each.person.email: each.rights for each in rights.members(firm_id)}


def give(firm_id, giver, to, given, **more):
    return rights.give_rights(firm_id, id_of(giver), giver, id_of(to), given, **more)


def test_members_are_the_owner_and_the_caseworkers(firm_id):
    owner = Rights(Rank.OWNER, manages_accounts=True, has_default_access=True)

    assert held(firm_id) == {ERIKA: owner, ANNA: ADMINISTRATOR, BEN: ADMINISTRATOR}
    assert list(held(firm_id)) == [ERIKA, ANNA, BEN]
    assert rights.member_of(firm_id, id_of(ANNA)).rights == ADMINISTRATOR
    for nobody in (id_of("max@beispiel.example"), 4711):
        with pytest.raises(NotFound):
            rights.member_of(firm_id, nobody)


def test_what_is_given_counts_at_the_next_request_and_is_written_down_once(case_id, firm_id):
    session = sessions.sign_in(BEN, PASSWORD)
    assert sessions.signed_in(session).staff_of(firm_id).rights == ADMINISTRATOR

    for _ in range(2):
        give(firm_id, ANNA, BEN, MANAGER)

    assert sessions.signed_in(session).staff_of(firm_id).rights == MANAGER
    told = told_by(case_id, "rights.given")
    assert len(told) == 3
    assert (told[-1]["person"], told[-1]["by"]) == (id_of(BEN), ANNA)
    before = {"rank": "administrator", "manages_accounts": False, "has_default_access": True, "is_commercial": False}
    assert told[-1]["before"] == before
    assert told[-1]["after"] == before | {"rank": "staff", "manages_accounts": True, "has_default_access": False}


def test_the_owner_keeps_all_rights_and_sets_what_they_hear(firm_id):
    quiet = Rights(Rank.OWNER, manages_accounts=True, has_default_access=False)
    for giver, given in ((ANNA, quiet), (ERIKA, ADMINISTRATOR), (ANNA, MANAGER)):
        with pytest.raises(OwnerStays):
            give(firm_id, giver, ERIKA, given, confirmed=True)

    give(firm_id, ERIKA, ERIKA, quiet)

    assert held(firm_id)[ERIKA] == quiet


def test_who_takes_the_rank_from_themselves_has_to_mean_it(firm_id):
    give(firm_id, ANNA, ANNA, ADMINISTRATOR._replace(has_default_access=False))
    with pytest.raises(OwnRankGivenUp):
        give(firm_id, ANNA, ANNA, MANAGER)
    assert held(firm_id)[ANNA].rank is Rank.ADMINISTRATOR

    give(firm_id, ANNA, ANNA, MANAGER, confirmed=True)

    assert held(firm_id)[ANNA] == MANAGER
    with pytest.raises(AdministratorsOnly):
        give(firm_id, ANNA, ANNA, ADMINISTRATOR)


def test_those_of_other_firms_clients_and_who_is_not_there_have_no_rights_to_give(firm_id):
    other = factories.opened("test:2", organiser={"name": "Fritz Fremd", "email": "fritz@fremd.example"})
    factories.advance(other)
    registered("fritz@fremd.example")

    with pytest.raises(AdministratorsOnly):
        give(firm_id, "fritz@fremd.example", ANNA, MANAGER)
    for nobody in ("fritz@fremd.example", "max@beispiel.example"):
        with pytest.raises(NotFound):
            give(firm_id, ERIKA, nobody, MANAGER)


def test_who_is_paused_gives_nothing(firm_id):
    membership.pause(id_of(BEN), ERIKA)

    with pytest.raises(AdministratorsOnly):
        give(firm_id, BEN, ANNA, MANAGER)


def test_of_two_administrators_who_take_each_others_rank_at_once_one_stays(firm_id):
    done = at_once(lambda: give(firm_id, ANNA, BEN, MANAGER), lambda: give(firm_id, BEN, ANNA, MANAGER))

    assert sorted(type(one).__name__ for one in done) == ["AdministratorsOnly", "int"]
    ranks = [held(firm_id)[email].rank for email in (ANNA, BEN)]
    assert sorted(ranks) == [Rank.ADMINISTRATOR, Rank.STAFF]


def test_two_who_give_the_same_person_something_at_once_leave_one_of_both(firm_id):
    one, other = MANAGER, MANAGER._replace(has_default_access=True)

    done = at_once(lambda: give(firm_id, ERIKA, BEN, one), lambda: give(firm_id, ANNA, BEN, other))

    assert [each for each in done if isinstance(each, Exception)] == []
    assert held(firm_id)[BEN] in {one, other}


# ---- rights end with the access


def test_who_comes_back_after_their_access_has_ended_begins_with_the_rights_of_everybody(case_id, firm_id):
    with transaction() as session:
        client = session.scalars(select(Client.id)).one()
        ClientAccess.say(session, client, id_of(BEN), has_access=False)
    membership.withdraw(id_of(BEN), ERIKA)
    with pytest.raises(NotFound):
        give(firm_id, ERIKA, BEN, MANAGER)

    invitations.add_caseworkers(firm_id, ERIKA, [Named(name="Ben Bär", email=BEN)])

    assert held(firm_id)[BEN] == BY_DEFAULT
    with reading() as session:
        assert session.scalars(select(ClientAccess)).all() == []


def test_a_pause_takes_no_rights(firm_id):
    membership.pause(id_of(BEN), ERIKA)
    membership.resume(id_of(BEN), ERIKA)

    assert held(firm_id)[BEN] == ADMINISTRATOR


def test_a_client_who_is_withdrawn_leaves_groups_tags_and_portfolios_and_an_account_of_their_own_is_archived(firm_id):
    with transaction() as session:
        max_id, client = id_of("max@beispiel.example"), session.scalars(select(Client.id)).one()
        rows = [kind(firm_id=firm_id) for kind in (Tag, Group, Portfolio)]
        for row in rows:
            row.call(session, "Eins")
            session.add(row)
        session.flush()
        tag, group, portfolio = (row.id for row in rows)
        ClientAccess.say(session, client, id_of(BEN), has_access=False)
        session.add_all(
            [
                ClientTag(client_id=client, tag_id=tag),
                ContactTag(person_id=max_id, tag_id=tag),
                GroupMember(person_id=max_id, group_id=group),
                PortfolioClient(client_id=client, portfolio_id=portfolio),
                PortfolioMember(person_id=max_id, portfolio_id=portfolio),
            ]
        )

    membership.withdraw(max_id, ERIKA)

    with reading() as session:
        gone = [ClientContact, ContactTag, GroupMember, PortfolioMember]
        assert [row for kind in gone for row in session.scalars(select(kind))] == []
        kept = [ClientAccess, ClientTag, PortfolioClient]
        assert [len(session.scalars(select(kind)).all()) for kind in kept] == [1, 1, 1]
        assert session.scalars(select(Client)).one().archived_at is not None
        assert len(session.scalars(select(Tag)).all()) == 1
        assert len(session.scalars(select(Staff)).all()) == 2


# ---- who opens an account sees it


def test_who_invites_clients_without_default_access_sees_those(firm_id):
    give(firm_id, ERIKA, BEN, MANAGER)

    invitations.add_clients(firm_id, BEN, [Named(name="Nina Neu", email="nina@kunde.example")], opener=id_of(BEN))

    with reading() as session:
        rows = session.scalars(select(ClientAccess)).all()
        (name,) = session.scalars(select(Client.name).where(Client.id.in_([row.client_id for row in rows]))).all()
    assert [(row.person_id, row.has_access) for row in rows] == [(id_of(BEN), True)]
    assert name == "Neu, Nina"


def test_a_list_of_what_a_member_sees_is_as_long_as_that_and_asks_as_much(firm_id, statements):
    which = seen_by(id_of(BEN), NONE)
    assert firm_page.clients(firm_id, seen=which).people == []
    with transaction() as session:
        ClientAccess.say(session, session.scalars(select(Client.id)).one(), id_of(BEN), has_access=True)

    with statements() as asked:
        shown = firm_page.clients(firm_id, seen=which)
    with statements() as asked_by_all:
        firm_page.clients(firm_id)

    assert [person.email for person in shown.people] == ["max@beispiel.example"]
    assert len(asked) == len(asked_by_all)
    assert firm_page.is_seen(id_of("max@beispiel.example"), which)
    assert not firm_page.is_seen(id_of(ANNA), which)
