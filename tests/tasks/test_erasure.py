"""A person is erased: what may go is gone from everywhere, what the law keeps stays, and nobody else loses anything."""

import pytest

from models.db import reading
from models.retention import erasure
from models.retention.erasure import Judge, plan, shares
from models.time.clock import now
from tasks.audit.verification import verify
from tasks.retention.erasure import forget
from tests import factories
from tests.contacts import ERIKA, MAX, STAFF
from tests.traces import found


def share(who: str) -> erasure.Share:
    with reading() as session:
        (only,) = shares(session, who)
        return only


def planned(who: str) -> erasure.Plan:
    with reading() as session:
        return plan(session, share(who), now())


def faults() -> set[str]:
    """Agreements of the tests are not sealed, which is told."""
    return {str(fault) for one in verify() for fault in one.faults}


@pytest.fixture(autouse=True)
def awake(monkeypatch):
    """Nobody else writes here, for whom there would be a pause."""
    monkeypatch.setattr("tasks.retention.pace.sleep", lambda _: None)


def test_a_clients_contact_is_gone_from_everywhere_when_the_firm_has_said_so():
    factories.with_client()
    before, told = faults(), planned(MAX)
    assert (told.judge, told.obstacles, told.stays[-1].what) == (Judge.FIRM, (), erasure.NUMBERS)
    assert found("max@beispiel.example", "Max Beispiel")

    forget(share(MAX), ERIKA)

    assert found("max@beispiel.example", "Max Beispiel") == set()
    assert faults() == before
    with pytest.raises(erasure.WhoUnknown):
        share(MAX)


def test_a_caseworker_is_gone_from_everywhere_but_the_contract():
    case_id = factories.countersigned(caseworkers=STAFF)
    factories.registered(STAFF[0]["email"])
    factories.advance(case_id)
    before = faults()
    assert planned(STAFF[0]["email"]).judge is Judge.OPERATOR

    forget(share(STAFF[0]["email"]), "otto@provider.example")

    assert found(STAFF[0]["email"], STAFF[0]["name"]) == set()
    assert found(STAFF[1]["email"])
    assert faults() == before
