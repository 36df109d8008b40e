"""For machines that watch over the product: is it alive, can it work, what waits. No names in any of it."""

import hmac
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from threading import Lock
from time import monotonic

import httpx
from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, Response

from deployments.catalogue import CATALOGUE, POOL, differences
from deployments.web.security import is_at_this_machine
from models.db import reading
from models.errors import NotFound
from models.mail.mail_server import MailServer
from models.migrate import is_up_to_date
from models.queries import gauges
from models.queries.gauges import Count
from models.restoration import Restoration
from models.settings import settings
from models.time.clock import now
from tasks.engine.prefect_client import ask_once, is_set

log = logging.getLogger(__name__)

router = APIRouter()


@router.get("/health")
def health() -> Response:
    """The process lives and answers; restart it if this fails."""
    return JSONResponse({"status": "alive"})


@router.get("/ready")
def ready() -> Response:
    """It can work: 200, or 503 with what is missing; send it no visitors then.

    A mail server that refuses us is told besides: visitors can be taken all the same.
    """
    faults: dict[str, object] = {}
    try:
        state = "ready" if is_up_to_date() else "database not up to date"
        if state == "ready":
            with reading() as session:
                server, restored = MailServer.configured(session), Restoration.holding(session)
            if restored is not None:
                since = restored.restored_at.isoformat(timespec="seconds")
                faults["mails"] = f"rest since a back-up was restored at {since}: see provision mails"
            if server is not None and server.fault_since is not None:
                faults["mail"] = f"refused by the mail server since {server.fault_since.isoformat(timespec='seconds')}"
    except SQLAlchemyError:
        log.warning("The database does not answer", exc_info=True)
        state = "database away"
    if state == "ready":
        engine = _engine.look()
        if engine is None:
            state = "Prefect away"
        elif engine:
            state, faults["deployments"] = "deployments not as they should be", engine
    return JSONResponse({"status": state, **faults}, 200 if state == "ready" else 503)


class _Engine:
    """Prefect as a machine sees it that may ask as often as it likes: we ask only now and then."""

    FRESH = 5.0
    """Seconds for which an answer is good."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._until = 0.0
        self._seen: dict[str, str] | None = {}

    def look(self) -> dict[str, str] | None:
        """What is not as the catalogue says, by its name; None if Prefect is away, nothing where none is set."""
        if not is_set():
            return {}
        with self._lock:
            if monotonic() >= self._until:
                try:
                    self._seen = {name: difference.value for name, difference in differences(ask_once).items()}
                except (httpx.HTTPError, ValueError) as error:
                    log.warning("Prefect does not answer: %r", error)
                    self._seen = None
                self._until = monotonic() + self.FRESH
            return self._seen


_engine = _Engine()


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Everything counted at this moment, as Prometheus reads it; for others the page does not exist."""
    if not _may_ask(request):
        raise NotFound("Page")
    registry = CollectorRegistry()
    registry.register(_Gauges())
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _may_ask(request: Request) -> bool:
    token = settings().metrics_token.get_secret_value()
    if token:
        sent = request.headers.get("authorization", "")
        return hmac.compare_digest(sent.encode(), f"Bearer {token}".encode())
    return is_at_this_machine(request)


class _Gauges(Collector):
    """Counted in the database when asked, so that every process gives the same numbers."""

    def collect(self) -> Iterator[Metric]:
        at = now()
        with reading() as session:
            waits, steps = gauges.waits(session, at), gauges.steps(session, at)
            decisions = gauges.decisions(session, at)
            mails, passes = gauges.mails(session), gauges.passes(session, at)
            events, left_over = gauges.events(session), gauges.left_over(session, at)
            mail_server, overdue = gauges.mail_server(session), gauges.overdue(session, at)
        yield _gauge("waits", "People and answers that are waited for, by how long they are", ("kind", "age"), waits)
        yield _gauge("steps", "Steps that wait, by how long they do", ("step", "waiting_for", "age"), steps)
        yield _gauge("decisions_open", "Questions that wait for an operator", ("kind", "age"), decisions)
        yield _gauge("mails", "Mails by what became of them", ("kind", "state"), mails)
        yield _gauge("mail_server", "What the mail server does with our mail", ("state",), mail_server)
        yield _gauge("cases_open", "Open cases by what their passes do", ("state",), passes)
        yield _gauge("events", "Events from outside by what became of them", ("source", "state"), events)
        if is_set():
            names, seen = [POOL, *(deployment.name for deployment in CATALOGUE)], _engine.look()
            states = Counter("unknown" if seen is None else seen.get(name, "right") for name in names)
            counts = [Count((state,), number) for state, number in states.items()]
            yield _gauge("deployments", "Deployments and work pool, by how Prefect has them", ("state",), counts)
        text = "Seconds for which the oldest row has been past its time, by the rule that it goes by"
        yield _gauge("past_its_time_seconds", text, ("rule",), overdue)
        yield _gauge("left_over", "What was lost on its way and the next sweep will find", ("what",), left_over)


def _gauge(name: str, text: str, labels: tuple[str, ...], counts: Iterable[Count]) -> Metric:
    made = GaugeMetricFamily(f"provision_{name}", text, labels=labels)
    for count in counts:
        made.add_metric(count.sort, count.number)
    return made
