"""By which names we are reached: a request that asks for another host is refused before anything is read.

A page elsewhere can let a name of its own point to this machine. For the browser we are then that page's own server, so
that neither cookies nor the rules on foreign origins stand in its way; only the name that is asked for tells.
"""

from collections.abc import Callable, Collection

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from models.settings import host_name


class KnownHosts:
    """ASGI middleware: answers 400, or closes a web socket, unless the request asks for one of *names*."""

    def __init__(self, app: ASGIApp, names: Callable[[], Collection[str]]) -> None:
        self.app = app
        self.names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            return await self.app(scope, receive, send)
        asked = Headers(scope=scope).getlist("host")
        if len(asked) == 1 and host_name(asked[0]) in self.names():
            return await self.app(scope, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        says = "This server is not known by the host that was asked for: PROVISION_ALLOWED_HOSTS names further ones.\n"
        return await PlainTextResponse(says, 400, {"X-Content-Type-Options": "nosniff"})(scope, receive, send)
