from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from models.db import reading, transaction
from models.link import Link, LinkExpired, LinkReplaced, LinkUnknown, LinkUsed, Purpose
from models.people.person import Person
from models.settings import settings
from models.time.clock import now
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


def test_a_person_has_a_link_for_each_purpose_and_those_of_all_mails_open_it(person):
    first, second, other = fresh(person).token, fresh(person).token, fresh(person, Purpose.AGREEMENT).token

    assert first != second
    with pytest.raises(LinkUnknown):
        behind(first, Purpose.AGREEMENT)
    assert behind(first) == behind(second) == behind(other, Purpose.AGREEMENT) == person
    with reading() as session:
        assert len(session.scalars(select(Link)).all()) == 2


def test_a_link_is_good_until_the_end_of_the_last_of_its_days_where_the_provider_is(person, clock):
    link = fresh(person)
    clock(datetime(2026, 9, 29, 21, 59, tzinfo=UTC))
    assert behind(link.token) == person

    clock(minutes=2)

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
    assert behind(first) == person


def test_the_link_of_an_earlier_mail_is_good_as_long_as_that_mail_told_and_no_longer(person, clock):
    first = fresh(person)
    clock(days=1)
    second = fresh(person)
    assert second.expires_at > first.expires_at

    clock(first.expires_at - timedelta(seconds=1))
    assert behind(first.token) == behind(second.token) == person
    clock(seconds=2)

    with pytest.raises(LinkReplaced):
        behind(first.token)
    assert behind(second.token) == person


def test_all_links_end_when_one_of_them_is_used(person):
    first, second = fresh(person).token, fresh(person)
    with transaction() as session:
        session.get_one(Link, second.id).used_at = now()

    for token in (first, second.token):
        with pytest.raises(LinkUsed):
            behind(token)
    third = fresh(person).token  # Asked for after that: what was used before stays dead.
    assert behind(third) == person
    for token in (first, second.token):
        with pytest.raises(LinkReplaced):
            behind(token)


def test_where_somebody_else_or_another_address_takes_the_place_all_earlier_links_are_dead(person):
    first, second = fresh(person), fresh(person)

    with transaction() as session:
        third = session.get_one(Link, second.id)
        third.renew(now())

    assert behind(third.token) == person
    for link in (first, second):
        with pytest.raises(LinkReplaced):
            behind(link.token)
    assert behind(fresh(person).token) == behind(third.token) == person
