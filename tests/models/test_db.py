from concurrent.futures import ThreadPoolExecutor

import pytest

from models.db import transaction, writing
from models.person import hash_password
from tests.factories import PASSWORD


def test_what_takes_long_within_a_write_transaction_fails_a_test():
    with transaction(), pytest.raises(pytest.fail.Exception, match=r"argon2.*hash"):
        hash_password(PASSWORD)

    assert hash_password(PASSWORD)


def test_only_the_thread_that_writes_is_held_to_it():
    with transaction(), ThreadPoolExecutor(1) as other:
        assert writing.get()
        assert not other.submit(writing.get).result()
