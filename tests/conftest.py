"""Each test has empty tables of its own.

Tests of models and tasks that use the database run twice: on SQLite and on PostgreSQL. Those beside them in a file
that use none have none, nor have those of the code itself in this folder, and all others run on SQLite.
"""

import gc
import os
import pkgutil
import shutil
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, wraps
from itertools import count
from pathlib import Path
from types import CodeType, ModuleType, SimpleNamespace

os.environ["PROVISION_RETRY_SECONDS"] = "0"  # Read when tasks are defined: repeats do not sleep here.

import psycopg
import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck
from hypothesis import settings as tries
from sqlalchemy import event
from xdist.scheduler import LoadScopeScheduling

from models.db import Base, engine, writing
from models.migrate import register_tables
from models.people import login, passwords
from models.settings import settings
from tasks.untrusted import sandbox
from tests import agreements, forks, locks, postgres, remembered, workers
from tests.remembered import as_setting

register_tables()

# How many examples are made of what a test describes; ``make test-long`` makes many. None is a test of time.
for name, most in (("few", 30), ("many", 1000)):
    tries.register_profile(name, max_examples=most, deadline=None, suppress_health_check=list(HealthCheck))
tries.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "few"))

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
BEGIN = datetime(2026, 9, 15, 9, tzinfo=UTC)
"""When every test begins: a Tuesday morning without a holiday near, whatever hour it is really."""
PATIENCE = settings().lock_seconds
DATABASE = {"models.db", "tests.factories"}
TWICE = {Path(__file__).with_name("models"), Path(__file__).with_name("tasks")}
# These start a server for all their tests: each folder stays in one process.
TOGETHER = {Path(__file__).with_name(name) for name in ("browser", "deployments", "flows")}

# Of two processes each is given two groups to begin with: so the folders that mostly wait for servers follow each other
# in the one, while the other reckons.
# Those that take longest follow, so that none is left for the end, when the other processes have nothing to do.
LONG = ("logos/test_attacks.py", "test_uploaded_copy.py", "test_verification.py", "test_locks.py", "test_delivery.py")
FIRST = [
    Path(__file__).parent / name
    for name in ("browser", "deployments", "tasks/logos/test_websites.py", "flows", *(f"tasks/{name}" for name in LONG))
]


def pytest_addoption(parser: pytest.Parser):
    parser.addoption("--sqlite", action="store_true", help="run what runs on both databases on SQLite alone")


def pytest_generate_tests(metafunc: pytest.Metafunc):
    if Path(metafunc.module.__file__).parent in TWICE and DATABASE & _used_by(metafunc.module):
        made = [each[-1].func for each in metafunc._arg2fixturedefs.values()]
        asking = [metafunc.function, *(each for each in made if each.__module__ == metafunc.module.__name__)]
        twice = ["sqlite"] if metafunc.config.getoption("--sqlite") else ["sqlite", "postgresql"]
        kinds = twice if any(_asks(each, set()) for each in asking) else ["none"]
        metafunc.parametrize("product", kinds, indirect=True)


def _used_by(module: ModuleType) -> set[str]:
    """The modules of all that stands in it by a name of its own."""
    return {getattr(value, "__module__", getattr(value, "__name__", "")) for value in vars(module).values()}


def _asks(function: Callable, seen: set[Callable]) -> bool:
    """Whether it names anything that asks the database; a test that is said not to, and does, fails."""
    function = getattr(getattr(function, "hypothesis", None), "inner_test", getattr(function, "each_of", function))
    if function in seen:
        return False
    seen.add(function)
    if isinstance(function, type):
        return any(_asks(each, seen) for each in vars(function).values() if callable(each))
    if not hasattr(function, "__code__") or "product" in function.__code__.co_varnames:
        return hasattr(function, "__code__")  # Who asks for the kind of the database differs by it.
    codes, names = [function.__code__], set()
    for code in codes:
        names.update(code.co_names)
        codes += [each for each in code.co_consts if isinstance(each, CodeType)]
    for value in [function.__globals__[name] for name in names if name in function.__globals__]:
        module = getattr(value, "__module__", None) or getattr(value, "__name__", "")
        if module in DATABASE or (module.startswith("tasks.") and DATABASE & _used_by(sys.modules[module])):
            return True
        if module == function.__module__ and _asks(value, seen):
            return True
    return False


def pytest_configure():
    """Who starts the tests in the background ignores Ctrl-C; what they start is still ended by it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Together(LoadScopeScheduling):
    """What runs in one process when the tests are shared out among several: a file, or a folder with a server."""

    def _split_scope(self, nodeid: str) -> str:
        # pytest-xdist's own ``loadgroup`` has no effect with pytest 9.2, which keeps the names of tests elsewhere.
        file = Path(__file__).parents[1] / nodeid.partition("::")[0]
        return str(file.parent if file.parent in TOGETHER else file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object):
    return Together(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: list[object]):
    workers.begin(config, len(specs))


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """All modules are there to stay: the garbage collector need not look at what they hold, now or again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 10, 20)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]):
    if os.environ.get("HYPOTHESIS_PROFILE") != "many":
        left_out = set(_in_turn(items))
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: _turn(item.path))


@cache
def _turn(file: Path) -> int:
    return next((at for at, one in enumerate(FIRST) if file.is_relative_to(one)), len(FIRST))


def _in_turn(items: list[pytest.Item]):
    """What is left out of a test that has several cases and two databases: these take turns.

    What differs between its cases is our rules, not the statements. A race is run in all its cases on both, as is what
    asks which database it has; ``make test-long`` runs everything on both.
    """
    cases: dict[Callable, dict[str, list[pytest.Item]]] = {}
    for item in items:
        kind = item.callspec.params.get("product", "none") if hasattr(item, "callspec") else "none"
        if kind != "none" and len(item.callspec.params) > 1 and not _needs_both(item):
            cases.setdefault(item.function, {}).setdefault(item.name.replace(kind, ""), []).append(item)
    for of_test in cases.values():
        for at, on_both in enumerate(of_test.values()):
            yield from on_both[at % 2 : at % 2 + 1] if len(on_both) > 1 else []


def _needs_both(item: pytest.Function) -> bool:
    made = [each[-1].func for each in item._fixtureinfo.name2fixturedefs.values()]
    codes = [each.__code__ for each in (item.function, *made) if each.__module__ == item.function.__module__]
    return any({"at_once", "interleaved", "product"} & {*code.co_names, *code.co_varnames} for code in codes)


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory):
    """A file with all tables and no rows."""
    file = tmp_path_factory.mktemp("empty") / "provision.db"
    made = engine(f"sqlite:///{file}")
    Base.metadata.create_all(made)
    made.dispose()
    return file


@pytest.fixture(scope="session")
def emptied_sqlite(empty_sqlite: Path, tmp_path_factory: pytest.TempPathFactory):
    """Gives the address of a database with all tables, each time without rows."""
    file = tmp_path_factory.mktemp("sqlite") / "provision.db"

    def emptied() -> str:
        for rest in ("-wal", "-shm"):
            file.with_name(file.name + rest).unlink(missing_ok=True)
        # Another file under the same name: what a test has left open goes on with its own.
        shutil.copy(empty_sqlite, file.with_suffix(".new"))
        file.with_suffix(".new").replace(file)
        return f"sqlite:///{file}"

    return emptied


@pytest.fixture(scope="session")
def postgres_server():
    """The address of a PostgreSQL server that lives as long as the test run."""
    with postgres.server() as address:
        yield address


@pytest.fixture(scope="session")
def empty_postgres(postgres_server: str):
    """Gives the address of a database with all tables, each time without rows."""
    address = postgres.make_database(postgres_server, "provision")
    made = engine(address)
    # This server is there as long as we are: to ask it before each use is a sixth of all that goes to and fro.
    made.pool._pre_ping = False
    Base.metadata.create_all(made)
    with made.begin() as connection:
        sequences = connection.exec_driver_sql("SELECT sequencename FROM pg_sequences").scalars()
        # TRUNCATE would make new files for all tables, which takes thirty times as long.
        steps = [f"DELETE FROM {table.name}" for table in Base.metadata.sorted_tables]
        steps += [f"PERFORM setval('{name}', 1, false)" for name in sequences]
        body = "; ".join(steps)
        connection.exec_driver_sql(f"CREATE FUNCTION empty() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {body}; END $$")
    # A connection of its own: what it is to do is planned once, and not again for each test.
    emptying = psycopg.connect(address.replace("+psycopg", ""), autocommit=True)
    emptying.execute("SET lock_timeout = '5s'; SET session_replication_role = replica")

    def emptied() -> str:
        emptying.execute("SELECT empty()")
        return address

    yield emptied
    emptying.close()
    made.dispose()


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory):
    """Gives one folder after the other."""
    kept, numbers = tmp_path_factory.mktemp("of"), count()
    return lambda: kept / str(next(numbers))


@pytest.fixture
def tmp_path(folders: Callable[[], Path]):
    """Pytest's own looks each time at all folders that there are, to find a name."""
    folder = folders()
    folder.mkdir(0o700)
    return folder


@pytest.fixture(autouse=True)
def product(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Settings and database of this test alone; gives the database's kind."""
    kind = getattr(request, "param", "none" if request.path.parent == Path(__file__).parent else "sqlite")
    monkeypatch.setenv("PROVISION_DATA", str(tmp_path))
    monkeypatch.setenv("PROVISION_SECRET", "a secret for tests only")
    monkeypatch.setenv("PROVISION_TIME_SHIFT", as_setting(BEGIN - datetime.now(UTC)))
    if kind == "none":
        monkeypatch.setenv(
            "PROVISION_DATABASE_URL", "sqlite:////nowhere/this test was taken for one without a database"
        )
        settings.cache_clear()
        yield kind
        settings.cache_clear()
        return
    address = request.getfixturevalue("empty_postgres" if kind == "postgresql" else "emptied_sqlite")()
    if Path(request.fspath).parent in TWICE or kind == "postgresql":
        monkeypatch.setenv("PROVISION_DATABASE_URL", address)
    else:
        shutil.copy(address.removeprefix("sqlite:///"), tmp_path)
    settings.cache_clear()
    yield kind
    # What SQLAlchemy has compiled is kept, which took an eighth of the time, and so are connections where they lead to
    # the same database as before and are as patient as ever.
    pool = engine(settings().database).pool
    if settings().database != address or kind == "sqlite" or pool.checkedout() or settings().lock_seconds != PATIENCE:
        engine(settings().database).dispose()
    settings.cache_clear()


SLOW = (
    ("argon2.PasswordHasher.hash", "argon2.PasswordHasher.verify", "models.people.passwords.zxcvbn"),
    ("weasyprint.HTML.render", "weasyprint.HTML.write_pdf", "jinja2.Template.render", "PIL.Image.Image.save"),
    ("pyhanko.sign.signers.PdfSigner.sign_pdf", "tests.agreements.unread", "tests.agreements.signed_off"),
    ("cryptography.hazmat.primitives.asymmetric.ec.generate_private_key",),
    ("subprocess.Popen.__init__", "tests.forks.Forked.__init__"),
    ("httpx.Client.send", "httpx.AsyncClient.send", "smtplib.SMTP.connect", "smtplib.SMTP.sendmail"),
    ("socket.getaddrinfo", "socket.socket.connect", "time.sleep"),
)
"""Where everything that takes long begins: hashing, rendering, drawing, sealing, other processes and other machines."""


@pytest.fixture(autouse=True, scope="session")
def weighed_once():
    """A password is taken apart once a process for all who are known by the same words: most are called Erika."""
    taken_apart = passwords.zxcvbn
    kept = cache(lambda text, words: taken_apart(text, user_inputs=list(words)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "zxcvbn", lambda text, user_inputs: kept(text, tuple(user_inputs)))
        yield


@pytest.fixture(autouse=True, scope="session")
def nothing_slow_is_done_while_others_wait(no_traffic, weighed_once):
    """Whatever a test does, nothing slow happens within a write transaction."""
    with pytest.MonkeyPatch.context() as patch:
        for place in (place for sort in SLOW for place in sort):
            owner, _, name = place.rpartition(".")
            where = pkgutil.resolve_name(owner)
            patch.setattr(where, name, _beforehand(place, getattr(where, name)))
        yield


def _beforehand(place, slow):
    @wraps(slow)
    def guarded(*args, **kwargs):
        if writing.get():
            pytest.fail(f"{place} was called within a write transaction: do it before or after")
        return slow(*args, **kwargs)

    return guarded


@pytest.fixture(autouse=True)
def case_first(product: str):
    """Whatever the product does in a test of its rules and acts, it locks a case before what hangs on it."""
    if product != "postgresql":
        yield
        return
    with locks.watched() as faults:
        yield
    assert faults == []


@pytest.fixture(autouse=True)
def quick(request: pytest.FixtureRequest, product: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Tests of models and tasks share agreements that nobody reads, and what their factories made of an empty database
    before; passwords are hashed cheaply.
    """
    if Path(request.fspath).parent in TWICE:
        agreements.unread_everywhere(monkeypatch)
        monkeypatch.setattr(login, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        if product != "none":
            remembered.begin(remembered.Beginning(product, settings().database, tmp_path, monkeypatch))
    yield
    remembered.begin(None)


@pytest.fixture(autouse=True, scope="session")
def forked():
    """Processes that open strangers' files begin with their libraries loaded, and are confined as always."""
    started = SimpleNamespace(Popen=forks.Forked, PIPE=subprocess.PIPE, TimeoutExpired=subprocess.TimeoutExpired)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox, "subprocess", started)
        yield
    forks.end()


@pytest.fixture
def started_anew(monkeypatch: pytest.MonkeyPatch):
    """They begin with nothing, as in the product."""
    monkeypatch.setattr(sandbox, "subprocess", subprocess)


@pytest.fixture(autouse=True, scope="module")
def left_by_servers(request: pytest.FixtureRequest):
    """What servers and their clients leave to the garbage collector goes here, not as a fault of some later test."""
    yield
    if Path(request.fspath).parent in TOGETHER:
        with warnings.catch_warnings(action="ignore"):
            gc.collect()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch):
    """Move the product's clock: ``clock(days=3)``, moves add up; or set it: ``clock(datetime(…))``."""

    def move(at: datetime | None = None, **by: float) -> None:
        shift = (at - datetime.now(UTC) if at else settings().time_shift) + timedelta(**by)
        monkeypatch.setenv("PROVISION_TIME_SHIFT", as_setting(shift))
        settings.cache_clear()

    return move


@pytest.fixture
def no_runs(monkeypatch: pytest.MonkeyPatch):
    """Passes and deliveries are asked for without Prefect, so nothing comes of it."""
    monkeypatch.setattr("tasks.engine.passes.start_run", lambda *_, **__: None)
    remembered.patched("no runs")


@pytest.fixture
def statements():
    """A context that lists what is asked of the database while it lasts."""

    @contextmanager
    def watched():
        asked: list[str] = []
        bound = engine(settings().database)

        def note(_connection, _cursor, statement, *_rest):
            if not statement.startswith("BEGIN"):
                asked.append(statement)

        event.listen(bound, "before_cursor_execute", note)
        try:
            yield asked
        finally:
            event.remove(bound, "before_cursor_execute", note)

    return watched


@pytest.fixture(autouse=True, scope="session")
def no_traffic():
    """Nothing leaves this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address):
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in LOOPBACK:
            raise AssertionError(f"a test wanted to reach {address}")
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield
