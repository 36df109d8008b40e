"""The web server: the application, and what one connection or one address may cost.

    python -m deployments.web --host 127.0.0.1 --port 8080

Whoever sends, or reads, more slowly than any honest line does is hung up on; so is who opens more connections than a
busy office needs. A proxy in front is told apart by its address (``PROVISION_PROXIES``), and only its word counts.
"""

import argparse
import asyncio
import logging
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from deployments.web.security import is_proxy, network_of
from models import imprint
from models.settings import keep_private, settings

log = logging.getLogger(__name__)

HEAD_SECONDS = 15
"""In which the head of a request must have come, a pause on a connection that is kept included."""
BODY_SECONDS, BODY_BYTES_A_SECOND = 20, 8 * 1024
"""In which the body must have come: so many, and one more for each of these pieces. A file of 20 MB has 43 minutes."""
READ_SECONDS = 60
"""In which a reader must take something of an answer that is ready."""
CONNECTIONS, CONNECTIONS_FROM_ONE = 500, 100
"""At the same time: in all, and from one network address that is no proxy of ours."""
HEAD_BYTES = 32 * 1024


class PlainlyFramed(h11.Connection):
    """Takes no request of which a proxy in front may think that it ends elsewhere, so that none is hidden in another.

    RFC 9112, 6.1: whoever says two things of its length, or speaks HTTP/1.0 and sends chunks, is at fault.
    """

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = {name for name, _ in event.headers}
            if b"transfer-encoding" in names and (b"content-length" in names or event.http_version < b"1.1"):
                raise h11.RemoteProtocolError("Content-Length and Transfer-Encoding")
        return event


class WaryProtocol(H11Protocol):
    """HTTP as uvicorn speaks it, with an end to patience, and none for what is not plain."""

    _since = 0.0
    """When the connection began to wait for what it waits for."""
    _came = 0
    """Bytes since then."""
    _unread_since: float | None = None
    _watch: asyncio.TimerHandle | None = None

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = PlainlyFramed(h11.SERVER, HEAD_BYTES)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()
        if len(self.connections) > CONNECTIONS or self._is_one_too_many():
            transport.abort()
            return
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self.conn.their_state
        super().data_received(data)
        if self.conn.their_state is not before:
            self._since, self._came = self.loop.time(), 0
        self._came += len(data)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._since, self._came = self.loop.time(), 0

    def pause_writing(self) -> None:
        self._unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._unread_since = None
        super().resume_writing()

    def _is_one_too_many(self) -> bool:
        if self.client is None or is_proxy(self.client[0]):
            return False
        mine = network_of(self.client[0])
        others = (
            connection.client[0]
            for connection in self.connections
            if isinstance(connection, H11Protocol) and connection.client
        )
        return sum(network_of(address) == mine for address in others) > CONNECTIONS_FROM_ONE

    def _look(self) -> None:
        """Once a second: hang up if it took too long."""
        if self._is_late(self.loop.time()):
            self.transport.abort()
            return
        self._watch = self.loop.call_later(1, self._look)

    def _is_late(self, at: float) -> bool:
        if self._unread_since is not None:
            return at > self._unread_since + READ_SECONDS
        if self.conn.their_state is h11.IDLE:
            return at > self._since + HEAD_SECONDS
        if self.conn.their_state is h11.SEND_BODY and not self.flow.read_paused:
            return at > self._since + BODY_SECONDS + self._came / BODY_BYTES_A_SECOND
        return False  # It is our turn.


def configured(host: str, port: int) -> uvicorn.Config:
    """How the application is served."""
    return uvicorn.Config(
        "deployments.web.app:app",
        host,
        port,
        http=WaryProtocol,
        ws="none",
        proxy_headers=False,  # The application looks at them itself, and believes none by default.
        server_header=False,
        limit_concurrency=CONNECTIONS + 1,
        timeout_graceful_shutdown=10,
    )


def main() -> None:
    options = argparse.ArgumentParser(prog="deployments.web", description="Serve the pages and take webhooks.")
    options.add_argument("--host", default="127.0.0.1", help="default: this machine only")
    options.add_argument("--port", type=int, default=8080)
    asked = options.parse_args()
    keep_private(settings().data)
    if lacks := imprint.warning():
        log.warning(lacks)
    uvicorn.Server(configured(asked.host, asked.port)).run()


if __name__ == "__main__":
    main()
