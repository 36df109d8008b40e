from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, literal, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from models.db import Holds, engine, is_busy, reading, transaction, writing
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding
from models.people.login import hash_password, verify_password
from models.settings import settings
from tests.factories import PASSWORD, case, opened


def test_what_takes_long_within_a_write_transaction_fails_a_test():
    known = hash_password(PASSWORD)

    with transaction(), pytest.raises(pytest.fail.Exception, match=r"argon2.*verify"):
        verify_password(known, PASSWORD)

    assert verify_password(known, PASSWORD) == known


def test_only_the_thread_that_writes_is_held_to_it():
    with transaction(), ThreadPoolExecutor(1) as other:
        assert writing.get()
        assert not other.submit(writing.get).result()


def test_whoever_waits_for_a_lock_gives_way_in_the_end_and_may_try_again(monkeypatch):
    monkeypatch.setenv("PROVISION_LOCK_SECONDS", "0.05")
    settings.cache_clear()
    engine(settings().database).dispose()  # Connections are as patient as they began.
    case_id = opened()
    with transaction() as session, ThreadPoolExecutor(1) as other:
        Onboarding.get(session, case_id)

        with pytest.raises(OperationalError) as refused:
            other.submit(case, case_id).result()

    assert is_busy(refused.value)
    assert case(case_id).id == case_id


def test_who_comes_while_somebody_writes_reads_at_once():
    case_id, newcomer = opened(), engine.__wrapped__(settings().database)
    with transaction() as session:
        Onboarding.get(session, case_id)

        with newcomer.connect().execution_options(provision_reading=True) as connection:
            assert connection.scalar(select(func.count()).select_from(Onboarding)) == 1
    newcomer.dispose()


def test_a_table_that_is_missing_is_no_business_of_waiting():
    with pytest.raises(DBAPIError) as refused, reading() as session:
        session.execute(text("SELECT 1 FROM nowhere"))

    assert not is_busy(refused.value)


def test_no_column_keeps_what_nobody_sees_whichever_way_it_came():
    mail = Outgoing(kind=MailKind.REGISTER, fault="550\x00 \u202eno\u200b such\r\nuser")

    assert (mail.kind, mail.fault) == (MailKind.REGISTER, "550 no such\r\nuser")


AS_THEY_ARE = {"50 %": True, "a_b": True, "c\\d": True, "%": True, "c\\": True, "'": True, "": True} | dict.fromkeys(
    ["a%b", "axb", "_c", "C", '"'], False
)


@pytest.mark.parametrize(("letters", "held"), AS_THEY_ARE.items())
def test_letters_are_held_as_they_are_whatever_a_pattern_would_make_of_them(letters, held):
    with reading() as session:
        kept = select(literal("50 % a_b c\\d l'or").label("words")).subquery()
        assert (session.scalars(select(kept.c.words).where(Holds(kept.c.words, letters))).first() is not None) is held
