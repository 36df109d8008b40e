"""The whole product on one machine: one command starts it, one Ctrl-C ends it.

database and Prefect server, side by side     then mail catcher, worker and web pages
each process writes its own log in ``<data>/logs``; if one dies, all end, and so they do if this one dies

Prefect asks for a password, made once and kept in ``<data>``, and answers no foreign page: whoever may use it may
answer every question that the product asks.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from deployments.catalogue import POOL, ROOT
from deployments.processes import GRACE, Child, Record, spawn
from models import imprint
from models.errors import N_, ProvisionError
from models.settings import keep_private, settings
from tasks.agreement.legal_check import check_texts
from tasks.agreement.seal import own_seal
from tasks.engine.prefect_client import access
from tasks.untrusted.sandbox import NothingIsOpened, rehearse

PATIENCE = 300
"""Seconds that the whole start may take."""
LONGEST_LOG = 10_000_000
"""Bytes from which a log is set aside at the next start."""
QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "2592000",  # 30 days of ended runs; cases are ours.
    "PREFECT_CLI_PROMPT": "false",
    "PYTHONUNBUFFERED": "1",
}
"""Nothing is sent anywhere, nothing grows without end."""


class PortTaken(ProvisionError):
    """Two programs cannot listen on one port."""

    says = N_("Port %(port)s for %(purpose)s is taken: stop what listens there, or choose another with %(option)s.")

    def __init__(self, port: int, purpose: str, option: str) -> None:
        super().__init__(port, purpose, option)
        self.port = port
        self.purpose = purpose
        self.option = option


class StartTooSlow(ProvisionError):
    """Something that was started does not answer."""

    status = 500
    says = N_("%(name)s did not answer within %(seconds)s seconds: its log is %(log)s.")

    def __init__(self, name: str, seconds: int, log: str) -> None:
        super().__init__(name, seconds, log)
        self.name = name
        self.seconds = seconds
        self.log = log


@dataclass
class Endpoints:
    """Where the running product is reached."""

    web: str
    prefect: str
    smtp: str
    """``host:port``"""
    logs: Path
    sign_in: str = field(repr=False)
    """``user:password`` of Prefect's UI and API."""
    children: list[Child] = field(default_factory=list, repr=False)
    """In the order in which they were started."""

    def watch(self, stop: threading.Event) -> None:
        """Return when *stop* is set; raise ``ProcessDied`` as soon as a process ends."""
        while not stop.wait(0.3):
            for child in self.children:
                child.check()


@contextmanager
def running(
    data: Path,
    web_port: int = 8080,
    prefect_port: int = 4200,
    smtp_port: int = 8025,
    environment: Mapping[str, str] | None = None,
    stop: threading.Event | None = None,
    *,
    samples: bool = False,
) -> Iterator[Endpoints]:
    """The product on loopback with all it keeps in *data*, ready when the block begins, gone when it has ended.

    *environment* adds to that of the processes. *stop*, set from elsewhere, gives up a start half way. *samples*: with
    sample modules in the catalogue. What an earlier start left running in *data* is ended first. Raises
    ``RunsAlready``, ``PortTaken``, ``ProcessDied`` or ``StartTooSlow``.
    """
    data = data.absolute()
    keep_private(data)
    logs = data / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as ends:
        web = f"http://127.0.0.1:{web_port}"
        record = Record.begin(data, f"http://127.0.0.1:{prefect_port}/api", _base_url() or web)
        ends.callback(record.remove)
        catches_mail = settings().mail_catcher
        ports = [(web_port, "the web pages", "--port"), (prefect_port, "Prefect", "--prefect-port")]
        ports += [(smtp_port, "the mail catcher", "--smtp-port")] if catches_mail else []
        for port, purpose, option in ports:
            if not _is_free(port):
                raise PortTaken(port, purpose, option)
        made = Endpoints(
            web=web,
            prefect=f"http://127.0.0.1:{prefect_port}",
            smtp=f"127.0.0.1:{smtp_port}" if catches_mail else f"{settings().smtp_host}:{settings().smtp_port}",
            logs=logs,
            sign_in=_sign_in(data),
        )
        variables = _environment(made, data, catches_mail, environment or {})
        starter = _Starter(made, record, variables, stop or threading.Event())
        ends.callback(starter.end)
        starter.start(samples=samples)
        yield made


def up(
    data: Path | None = None,
    port: int = 8080,
    prefect_port: int = 4200,
    smtp_port: int = 8025,
    *,
    samples: bool = False,
) -> int:
    """Run the product until Ctrl-C; exit status 0, or 1 after one line that says what went wrong."""
    stop = stop_at_ctrl_c()
    began = time.monotonic()
    print("Starting …", flush=True)  # noqa: T201
    try:
        with running(data or settings().data, port, prefect_port, smtp_port, stop=stop, samples=samples) as made:
            if not stop.is_set():
                print(_welcome(made, time.monotonic() - began), flush=True)  # noqa: T201
                _warn()
            made.watch(stop)
            print("Ending …", flush=True)  # noqa: T201
    except ProvisionError as problem:
        print(problem, file=sys.stderr)  # noqa: T201
        return 1
    return 0


def stop_at_ctrl_c() -> threading.Event:
    """Set as soon as somebody wants this process to end."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, lambda *_: stop.set())
    return stop


def _welcome(made: Endpoints, seconds: float) -> str:
    mail = f"  Caught mail     {made.web}/mail\n" if settings().mail_catcher else ""
    return (
        f"Ready after {seconds:.0f} s.\n"
        f"  Web pages       {made.web}\n"
        f"{mail}"
        f"  Prefect         {made.prefect}\n"
        f"    asks once for {made.sign_in}\n"
        f"  Logs            {made.logs}\n"
        "Ctrl-C ends everything."
    )


def _warn() -> None:
    """Tell now what would keep files and agreements back in a week. What own texts lack is told, and never refused."""
    if lacks := imprint.warning():
        print(lacks, file=sys.stderr)  # noqa: T201
    try:
        rehearse()
    except NothingIsOpened as problem:
        print(problem.why, file=sys.stderr)  # noqa: T201
    try:
        if settings().seal_pkcs12 is not None:
            own_seal()
    except ProvisionError as problem:
        print(problem, file=sys.stderr)  # noqa: T201
    if settings().texts is not None and not all(text.is_whole for text in check_texts(on_paper=False)):
        print("The texts of your agreement lack something: see provision agreement check", file=sys.stderr)  # noqa: T201


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def guarded(prefect: str, sign_in: str) -> dict[str, str]:
    """Environment of a Prefect server at this address, and of all who use it: no foreign page gets anything done."""
    port = prefect.rpartition(":")[2]
    return {
        "PREFECT_API_URL": f"{prefect}/api",
        "PREFECT_SERVER_API_AUTH_STRING": sign_in,
        "PREFECT_API_AUTH_STRING": sign_in,
        # The UI may be opened under both names of this machine; its pages ask the API under the first.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port},http://localhost:{port}",
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
    }


def _base_url() -> str:
    """Under which address the web pages are reached, if that was set."""
    return settings().base_url if "base_url" in settings().model_fields_set else ""


def _sign_in(data: Path) -> str:
    """What was set for Prefect, else what is kept in the folder."""
    set_by_hand = os.environ.get("PREFECT_SERVER_API_AUTH_STRING") or os.environ.get("PREFECT_API_AUTH_STRING")
    return set_by_hand or settings().model_copy(update={"data": data}).prefect_sign_in


def _environment(made: Endpoints, data: Path, catches_mail: bool, extra: Mapping[str, str]) -> dict[str, str]:
    """Ours, then what the caller adds; never another Prefect server or profile of this user."""
    host, _, smtp_port = made.smtp.rpartition(":")
    mail = {"PROVISION_SMTP_HOST": host, "PROVISION_SMTP_PORT": smtp_port} if catches_mail else {}
    address = {} if _base_url() else {"PROVISION_BASE_URL": made.web}
    inherited = {name: value for name, value in os.environ.items() if name != "PREFECT_PROFILE"}
    path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
    return {
        **QUIET,
        **inherited,
        **mail,
        **address,
        "PROVISION_DATA": str(data),
        "PREFECT_HOME": str(data / "prefect"),
        **guarded(made.prefect, made.sign_in),
        "PYTHONPATH": path,
        **extra,
    }


class _Starter:
    """Starts the processes in an order that takes the least time, and ends them in the reverse."""

    def __init__(self, made: Endpoints, record: Record, environment: dict[str, str], stop: threading.Event) -> None:
        self.made = made
        self.record = record
        self.environment = environment
        self.stop = stop
        self.deadline = time.monotonic() + PATIENCE

    def start(self, *, samples: bool) -> None:
        web_port, prefect_port = (address.rpartition(":")[2] for address in (self.made.web, self.made.prefect))
        prefect = self._keep("prefect", "deployments.server", "--host", "127.0.0.1", "--port", prefect_port)
        migration = self._spawn("database", "deployments", "migrate")
        self._finish(migration)
        mail = self._keep("mail", "deployments.catcher") if self._catches_mail() else None
        worker = self._keep("worker", "deployments.worker", "--register")
        web = self._keep("web", "deployments.web", "--port", web_port)
        catalogue = self._spawn("samples", "deployments", "contract", "samples") if samples else None
        with httpx.Client(timeout=5) as http:  # To make one reads all certificates that there are.
            self._until(prefect, lambda: _answers(http, f"{self.made.prefect}/api/health"))
            self._until(worker, lambda: _has_worker(http, f"{self.made.prefect}/api", self.made.sign_in))
            self._until(web, lambda: _answers(http, f"{self.made.web}/"))
        if mail is not None:
            self._until(mail, lambda: _listens(self.made.smtp))
        if catalogue is not None:
            self._finish(catalogue)

    def end(self) -> None:
        for child in reversed(self.made.children):
            child.end(GRACE)

    def _catches_mail(self) -> bool:
        return settings().mail_catcher

    def _keep(self, name: str, module: str, *arguments: str) -> Child:
        child = self._spawn(name, module, *arguments)
        self.made.children.append(child)
        return child

    def _spawn(self, name: str, module: str, *arguments: str) -> Child:
        log = self.made.logs / f"{name}.log"
        if log.exists() and log.stat().st_size > LONGEST_LOG:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as lines:
            process, lifeline = spawn(module, *arguments, environment=self.environment, output=lines)
        self.record.add(process)
        return Child(name, log, process, lifeline)

    def _finish(self, child: Child) -> None:
        """Wait for a process that does one thing and ends."""
        try:
            self._until(child, lambda: child.process.poll() is not None, lasting=False)
        finally:
            child.end(0)
        if child.process.returncode and not self.stop.is_set():
            raise child.death(child.process.returncode)

    def _until(self, child: Child, ready: Callable[[], bool], lasting: bool = True) -> None:
        while not self.stop.is_set():
            if ready():
                return
            for other in [*self.made.children, *([child] if lasting else [])]:
                other.check()
            if time.monotonic() > self.deadline:
                raise StartTooSlow(child.name, PATIENCE, str(child.log))
            self.stop.wait(0.1)


def _answers(http: httpx.Client, address: str) -> bool:
    with suppress(httpx.TransportError):
        return http.get(address).status_code < 500
    return False


def _has_worker(http: httpx.Client, api: str, sign_in: str) -> bool:
    workers = f"{api}/work_pools/{POOL}/workers/filter"
    with suppress(httpx.TransportError, ValueError):
        response = http.post(workers, json={}, auth=access(api, sign_in))
        return response.is_success and any(worker["status"] == "ONLINE" for worker in response.json())
    return False


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with suppress(OSError), socket.create_connection((host, int(port)), timeout=5):
        return True
    return False
