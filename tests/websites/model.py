"""Small websites made by us, each with the answer to the question which picture is its firm's logo.

A ``Website`` is a set of answers by path. ``Web`` serves many of them at once from loopback, by the host that is asked
for, so that addresses, home links and foreign hosts are as on the real web.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import patch
from urllib.parse import urljoin, urlsplit

Answer = bytes | str | tuple[int, dict[str, str], bytes]

KINDS = {
    "svg": "image/svg+xml", "png": "image/png", "jpg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
    "ico": "image/x-icon", "css": "text/css", "js": "text/javascript", "json": "application/json",
}  # fmt: skip


@dataclass
class Website:
    """One site; *logo* are the addresses that are right, or a part of the markup of a drawing, or none at all."""

    name: str
    host: str
    firm: str
    pages: dict[str, Answer]
    logo: tuple[str, ...] = ()
    """Addresses relative to the home page; ``svg:…`` and ``data:…`` name a part of what is right instead."""
    others: dict[str, dict[str, Answer]] = field(default_factory=dict)
    """What other hosts answer, by host."""

    def is_right(self, source: str | None, home: str) -> bool:
        """Whether *source* is an answer that is right on the site at *home*; None says that there is no logo."""
        port = home.rpartition(":")[2].strip("/")
        if source is None or not self.logo:
            return source is None and not self.logo
        return any(
            right.partition(":")[2] in source and source.startswith(("<", "data:"))
            if right.startswith(("svg:", "data:"))
            else urljoin(home, right.replace("%PORT%", port)) == source
            for right in self.logo
        )


class Web:
    """All the sites at once, on one port of this machine."""

    def __init__(self, sites: list[Website]) -> None:
        self.hosts: dict[str, dict[str, Answer]] = {}
        self.asked: list[str] = []
        for site in sites:
            assert site.host not in self.hosts, site.host
            self.hosts[site.host] = site.pages
            for host, pages in site.others.items():
                self.hosts.setdefault(host, {}).update(pages)
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                host = self.headers["Host"].partition(":")[0]
                web.asked.append(host + self.path)
                pages = web.hosts[host]
                path = self.path if self.path in pages else urlsplit(self.path).path
                answer = pages.get(path, (404, {"Content-Type": "text/html"}, b"<h1>Nicht gefunden</h1>"))
                if not isinstance(answer, tuple):
                    kind = KINDS.get(path.rpartition(".")[2], "text/html; charset=utf-8")
                    answer = (200, {"Content-Type": kind}, answer.encode() if isinstance(answer, str) else answer)
                status, headers, body = answer
                body = body.replace(b"%PORT%", str(web.port).encode())
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value.replace("%PORT%", str(web.port)))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        class Server(ThreadingHTTPServer):
            request_queue_size = 64

            def handle_error(self, *_: object) -> None:
                """A visitor that leaves early is none."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]

    def page(self, site: Website) -> str:
        """The first page as a browser gets it."""
        page = site.pages["/"]
        content = page[2] if isinstance(page, tuple) else page
        text = content if isinstance(content, str) else content.decode("latin-1")
        return text.replace("%PORT%", str(self.port))

    def home(self, site: Website) -> str:
        return f"http://{site.host}:{self.port}/"


@contextmanager
def served(sites: list[Website]) -> Iterator[Web]:
    """The sites, to be fetched under their own names; every name that nobody has is unknown."""
    web = Web(sites)
    thread = threading.Thread(target=web.server.serve_forever, args=(0.05,))
    thread.start()
    look_up = socket.getaddrinfo

    def looked_up(host, *rest, **more):
        if host in web.hosts:
            host = "127.0.0.1"
        elif host not in {"127.0.0.1", "localhost"}:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *rest, **more)

    try:
        with patch.object(socket, "getaddrinfo", looked_up):
            yield web
    finally:
        web.server.shutdown()
        web.server.server_close()
        thread.join()
