"""Everything in one file, and back: to the letter, whole or not at all, whatever the file."""

import os
import signal
from threading import Event, Thread

import pytest
from sqlalchemy import func, select, text

from models import migrate
from models.audit import HOUSE, Entry
from models.db import Base, engine, reading
from models.decision import Decision
from models.link import Link, Purpose
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.retention.erasure import shares
from models.settings import settings
from tasks.audit.verification import verify
from tasks.backup import database
from tasks.backup.archive import BackupThere
from tasks.backup.making import Misplaced, back_up, check
from tasks.backup.restoring import TargetHolds, restore
from tasks.mail.delivery import deliver_outbox
from tasks.mail.held import held, let_go
from tasks.retention.erasure import forget
from tests import factories, postgres

pytestmark = pytest.mark.usefixtures("no_runs")


def rows() -> dict[str, list]:
    """All rows of all tables, as they are told."""
    with reading() as session:
        return {
            table.name: [repr(row) for row in session.execute(select(table).order_by(*table.primary_key.columns))]
            for table in Base.metadata.sorted_tables
        }


def faults() -> list[str]:
    """What the verifier finds; agreements that nobody reads bear no seal in these tests."""
    return [str(fault) for trail in verify() for fault in trail.faults if "seal" not in str(fault)]


def unlike(before, after):
    """The tables in which rows differ, without what a restore itself does."""
    own = {"sign_ins", "restorations", "audit", "audit_values"}
    return {name for name in before if before[name] != after[name] and name not in own}


@pytest.fixture(autouse=True)
def shaped(product):
    """The tables say of which shape they are, as those do that were migrated."""
    with engine(settings().database).begin() as connection:
        connection.execute(text(f"CREATE TABLE {database.VERSIONS} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text(f"INSERT INTO {database.VERSIONS} VALUES (:head)"), {"head": database.head()})
    address = settings().database
    yield
    with engine(address).begin() as connection:
        connection.execute(text(f"DROP TABLE {database.VERSIONS}"))
    engine(address).dispose()


@pytest.fixture
def elsewhere(request, tmp_path, monkeypatch):
    """Move on to an empty place on another machine: ``elsewhere("postgresql")``."""
    used = []

    def move(kind: str) -> None:
        used.append(settings().database)
        place = tmp_path / f"other{len(used)}"
        if kind == "postgresql":
            address = postgres.make_database(request.getfixturevalue("postgres_server"), f"restored{len(used)}")
        else:
            address = ""
        monkeypatch.setenv("PROVISION_DATA", str(place))
        monkeypatch.setenv("PROVISION_DATABASE_URL", address)
        settings.cache_clear()
        used.append(settings().database)

    yield move
    for address in used[1:]:
        engine(address).dispose()


@pytest.fixture
def file(tmp_path):
    """Where a back-up goes to: not into the folder that is backed up."""
    place = tmp_path.with_name(f"{tmp_path.name}.backup")
    yield place
    place.unlink(missing_ok=True)


def all_states():
    """A case at each point of its way."""
    case_id = factories.with_client()
    factories.give_logo(case_id)
    other = {"name": "Max Muster", "email": "max@ueber.example"}
    factories.opened("test:2", firm_name="Steuerbüro Über & Söhne", line_of_business="tax", organiser=other)
    factories.operator()


@pytest.mark.parametrize("to", ["sqlite", "postgresql"])
def test_all_rows_and_files_come_back_to_the_letter_on_either_database(product, to, elsewhere, file):
    all_states()
    (settings().mail_folder).mkdir(parents=True)
    (settings().mail_folder / "1.eml").write_bytes(b"To: erika@freitag.example\n\nHallo")
    before, before_it = rows(), faults()

    made = back_up(file, "a passphrase")

    assert file.stat().st_mode & 0o777 == 0o600
    assert check(file, "a passphrase") == made.manifest
    elsewhere(to)
    done = restore(file, "a passphrase")
    after = rows()
    assert unlike(before, after) == set()
    assert after["sign_ins"] == []
    assert (settings().mail_folder / "1.eml").read_bytes() == b"To: erika@freitag.example\n\nHallo"
    assert (settings().data / "secret").read_text() == "a secret for tests only"
    assert faults() == before_it
    with reading() as session:
        waiting = session.scalars(select(Outgoing).where(Outgoing.due_at.is_not(None))).all()
    assert done.mails == len(waiting) > 0


def test_nothing_is_overwritten_unasked(elsewhere, product, file, tmp_path):
    elsewhere(product)
    migrate.upgrade()
    factories.operator()
    back_up(file)
    with pytest.raises(BackupThere):
        back_up(file)
    with pytest.raises(Misplaced):
        back_up(settings().data / "mine.backup")
    before = rows()
    with pytest.raises(TargetHolds):
        restore(file)
    assert restore(file, dry_run=True).sessions == 1
    assert rows() == before

    restore(file, replace=True)
    assert unlike(before, rows()) == set()


def test_who_is_killed_over_it_has_changed_nothing(elsewhere, product, file):
    elsewhere(product)
    migrate.upgrade()
    factories.opened()
    back_up(file)
    factories.opened("test:2", organiser={"name": "Max Muster", "email": "max@ueber.example"})
    before, there = rows(), {place.name for place in settings().data.iterdir()}
    for moment in ("read", "made ready", "loaded and about to count"):
        engine(settings().database).dispose()
        child = os.fork()
        if child == 0:
            try:
                os.sync = lambda: os.kill(os.getpid(), signal.SIGKILL)
                restore(file, replace=True, progress=lambda what, *_, moment=moment: what == moment and os.sync())
            finally:
                os._exit(1)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        assert rows() == before
        assert {place.name for place in settings().data.iterdir()} >= there - {"provision.db-wal", "provision.db-shm"}

    restore(file, replace=True)
    assert len(rows()["onboardings"]) == 1
    assert [*settings().data.parent.glob(".*restoring*")] == []


def test_what_is_written_meanwhile_is_in_it_as_a_whole_or_not_at_all(product, elsewhere, file):
    done, opened = Event(), []

    def work():
        while not done.is_set() and len(opened) < 60:
            other = {"name": "Max Muster", "email": f"max{len(opened)}@ueber.example"}
            opened.append(factories.opened(f"test:{len(opened)}", organiser=other))

    writer = Thread(target=work)
    writer.start()
    try:
        while len(opened) < 5:
            done.wait(0.01)
        before = len(opened)
        back_up(file)
    finally:
        done.set()
        writer.join()
    elsewhere(product)
    restore(file)
    assert faults() == []
    with reading() as session:
        cases = session.scalar(select(func.count()).select_from(Onboarding))
        told = session.scalars(select(Entry.case_id).where(Entry.action == "case.opened", Entry.case_id > HOUSE)).all()
    assert before <= cases <= len(opened)
    assert len(told) == cases


def test_what_happened_since_is_gone_and_mails_rest_until_an_operator_says_go(product, elsewhere, file):
    """Sessions end, and no link that was sent since lets anybody in as somebody else with the same number."""
    factories.with_organiser()
    back_up(file)
    factories.opened("test:2", organiser={"name": "Max Muster", "email": "max@ueber.example"})
    factories.advance(2)
    sent = factories.token("max@ueber.example", Purpose.REGISTER)

    elsewhere(product)
    done = restore(file)
    assert deliver_outbox.fn().total == 0
    assert sum(held().older.values()) == done.mails > 0
    factories.opened("test:3", organiser={"name": "Eva Beispiel", "email": "eva@sued.example"})
    factories.advance(2)
    with reading() as session:
        assert Link.sent(session, sent) is None
    newer = sum(held().newer.values())
    assert newer > 0
    assert let_go("operator", drop_older=True) == (newer, done.mails)
    assert let_go("operator", drop_older=True) == (0, 0)
    assert held() is None
    with reading() as session:
        assert session.scalar(select(func.count()).where(Outgoing.due_at.is_not(None))) == newer


def test_a_case_goes_on_after_a_restore_without_what_prefect_knew(product, elsewhere, file):
    case_id = factories.signed()
    back_up(file)
    elsewhere(product)
    restore(file)

    with reading() as session:
        assert [one.form_run_id for one in Decision.pending(session)] == [None]
    factories.decide(case_id, "countersign")
    factories.advance(case_id)
    assert factories.standing(case_id)["agreement"] == "done"
    assert faults() == []


def test_who_was_erased_since_is_erased_again(product, elsewhere, file, monkeypatch):
    factories.with_client()
    back_up(file)
    monkeypatch.setenv("PROVISION_FORGOTTEN_FOLDER", str(settings().forgotten))
    settings.cache_clear()
    with reading() as session:
        (share,) = shares(session, "max@beispiel.example")
    forget(share, "operator")

    elsewhere(product)
    done = restore(file)

    assert done.again.erased == 1
    assert "max@beispiel.example" not in factories.everything()
    assert "erika@freitag.example" in factories.everything()
    assert faults() == []
