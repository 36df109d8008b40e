import pytest
from sqlalchemy import select

from models.db import reading, transaction
from models.link import Link, LinkExpired, LinkReplaced, LinkUnknown, LinkUsed, Purpose
from models.person import Person
from models.schedule import now
from models.settings import settings
from tests.factories import advance, everything, opened


@pytest.fixture
def person():
    opened()
    with reading() as session:
        return session.scalars(select(Person.id)).first()


def fresh(person, purpose=Purpose.REGISTER):
    with transaction() as session:
        return Link.to(session, purpose, now(), person=person)


def behind(token, purpose=Purpose.REGISTER):
    with reading() as session:
        return Link.open(session, token, purpose, now()).person_id


def test_a_link_opens_what_it_is_for_and_nothing_else(person):
    link = fresh(person)

    assert behind(link.token) == person
    with pytest.raises(LinkUnknown):
        behind(link.token, Purpose.AGREEMENT)
    with pytest.raises(LinkUnknown):
        behind(link.token + "x")


def test_a_person_has_one_link_for_each_purpose_and_the_newest_lives(person):
    first, second, other = fresh(person).token, fresh(person).token, fresh(person, Purpose.AGREEMENT).token

    with pytest.raises(LinkReplaced):
        behind(first)
    with pytest.raises(LinkUnknown):
        behind(first, Purpose.AGREEMENT)
    assert behind(second) == behind(other, Purpose.AGREEMENT) == person
    with reading() as session:
        assert len(session.scalars(select(Link)).all()) == 2


def test_a_link_expires_after_two_weeks(person, clock):
    link = fresh(person)
    clock(days=13, hours=23)
    assert behind(link.token) == person

    clock(hours=2)

    with pytest.raises(LinkExpired):
        behind(link.token)


def test_a_link_that_has_done_its_work_is_dead_until_a_fresh_one_is_made(person):
    link = fresh(person)
    with transaction() as session:
        session.get_one(Link, link.id).used_at = now()

    with pytest.raises(LinkUsed):
        behind(link.token)
    assert behind(fresh(person).token) == person


def test_opening_a_link_changes_nothing(person):
    token, before = fresh(person).token, None
    for _ in range(3):
        behind(token)
        before = before or everything()

    assert everything() == before


def test_no_token_lies_in_the_database_or_is_the_same_under_another_secret(monkeypatch):
    advance(opened())
    with reading() as session:
        links = session.scalars(select(Link)).all()
    tokens = [link.token for link in links]

    assert len(set(tokens)) == len(tokens) > 0
    assert all(len(token) == 43 and token not in everything() for token in tokens)
    monkeypatch.setenv("PROVISION_SECRET", "another")
    settings.cache_clear()
    assert set(tokens).isdisjoint(link.token for link in links)


def test_many_people_get_their_links_at_once(person):
    first = fresh(person).token

    with transaction() as session:
        people = session.scalars(select(Person.id)).all()
        links = Link.to_each(session, Purpose.REGISTER, now(), people)

    assert {behind(link.token) for link in links.values()} == set(people)
    with pytest.raises(LinkReplaced):
        behind(first)


def kept(person):
    with transaction() as session:
        return Link.to(session, Purpose.REGISTER, now(), person=person, keep=True)


def test_a_link_that_is_kept_opens_beside_the_newest_for_its_own_time(person, clock):
    first = fresh(person).token
    clock(days=1)
    second = kept(person).token
    assert behind(first) == behind(second) == person

    clock(days=13, minutes=1)

    with pytest.raises(LinkReplaced):
        behind(first)
    assert behind(second) == person


def test_links_that_are_kept_end_when_one_of_them_is_used(person):
    first, second = fresh(person).token, kept(person)
    with transaction() as session:
        session.get_one(Link, second.id).used_at = now()

    for token in (first, second.token):
        with pytest.raises(LinkUsed):
            behind(token)
    third = kept(person).token  # Asked for after that: what was used before stays dead.
    assert behind(third) == person
    for token in (first, second.token):
        with pytest.raises(LinkReplaced):
            behind(token)


def test_a_link_that_is_made_anew_on_purpose_kills_those_that_were_kept(person):
    first, second = fresh(person).token, kept(person).token

    third = fresh(person).token

    assert behind(third) == person
    for token in (first, second):
        with pytest.raises(LinkReplaced):
            behind(token)
