from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from models.db import reading, transaction
from models.inbox import MOST_ATTEMPTS, Incoming
from models.mail.outbox import MailKind, Outgoing
from models.people.login import Login
from models.people.manners import AddressForm, Language
from models.people.person import Person
from tests.factories import at_once, opened

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def post(key, to=None, **facts):
    with transaction() as session:
        return Outgoing.post(session, Outgoing.draft(MailKind.WELCOME, key, to, NOW, **facts))


def mails():
    with reading() as session:
        return session.scalars(select(Outgoing).order_by(Outgoing.id)).all()


def test_there_is_one_mail_of_each_key():
    assert post("a", firm="Müller & Söhne „1“")
    assert not post("a", firm="another")

    (mail,) = mails()
    assert mail.facts == {"firm": "Müller & Söhne „1“"}


def test_two_at_the_same_moment_write_one_mail():
    at_once(*[lambda: post("a")] * 6)

    assert [mail.key for mail in mails()] == ["a"]


def test_message_ids_differ_stay_and_cannot_be_guessed():
    post("a")
    post("b")

    first, second = (mail.message_id for mail in mails())
    assert first != second
    assert Outgoing.draft(MailKind.WELCOME, "a", None, NOW).message_id == first


def test_mail_without_a_person_goes_to_the_provider_or_to_an_account_in_its_language():
    post("a")
    post("b", account=Login(email="x@freitag.example", language=Language.FRENCH, address_form=AddressForm.SIE))

    to = [(mail.to_name, mail.to_address, mail.language) for mail in mails()]
    assert to == [("Convent IT", "service@convent-it.example", "de"), ("", "x@freitag.example", "fr")]


def test_a_long_name_fits():
    opened()
    with transaction() as session:
        person = session.scalars(select(Person)).first()
        person.given_name, person.family_name = "E" * 100, "M" * 100

    assert post("a", person)


def test_a_mail_is_claimed_by_one_sender_until_its_lease_is_over():
    for key in "abc":
        post(key)

    def claim(at=NOW):
        with transaction() as session:
            return [mail.key for mail in Outgoing.due(session, at, 2, timedelta(minutes=10))]

    claimed = at_once(claim, claim, claim)
    assert sorted(key for keys in claimed for key in keys) == ["a", "b", "c"]
    assert claim() == []
    assert len(claim(NOW + timedelta(minutes=10))) == 2


def test_an_event_is_kept_once_for_each_source_and_id():
    def store(source="webhook", external_id="1", payload="first"):
        with transaction() as session:
            return Incoming.store(session, source, external_id, "mail.bounced", {"said": payload}, NOW)

    assert store()
    assert not store(payload="second")
    assert store(source="prefect")
    assert store(external_id="2")

    with reading() as session:
        assert Incoming.by_external_id(session, "webhook", "1").payload == {"said": "first"}
        assert [event.external_id for event in Incoming.waiting(session, 10)] == ["1", "1", "2"]


def test_two_at_the_same_moment_keep_one_event():
    def store():
        with transaction() as session:
            return Incoming.store(session, "webhook", "1", "mail.bounced", {}, NOW)

    assert sorted(at_once(*[store] * 6)) == [False] * 5 + [True]


@pytest.mark.parametrize(("attempts", "waits"), [(MOST_ATTEMPTS - 1, 1), (MOST_ATTEMPTS, 0)])
def test_an_event_that_broke_down_too_often_waits_for_an_operator(attempts, waits):
    with transaction() as session:
        Incoming.store(session, "webhook", "1", "mail.bounced", {}, NOW)
        Incoming.by_external_id(session, "webhook", "1").attempts = attempts

    with reading() as session:
        assert len(Incoming.waiting(session, 10)) == waits


def test_reading_sees_one_moment_and_keeps_no_change():
    post("a")
    with reading() as session:
        before = session.scalars(select(Outgoing.key)).all()
        post("b")
        session.add(Outgoing.draft(MailKind.WELCOME, "c", None, NOW))

        assert session.scalars(select(Outgoing.key)).all() == before == ["a"]

    assert [mail.key for mail in mails()] == ["a", "b"]
