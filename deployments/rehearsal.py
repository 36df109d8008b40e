"""What people do when a firm comes aboard, done by a program: following links in mails and filling in the pages.

The demo and the tests of the whole way use it. Nobody here looks into the database; whoever acts knows what stood in
his mail and what stands on the page before him.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self, TypeVar
from urllib.parse import urljoin
from uuid import uuid4

import httpx
from bs4 import BeautifulSoup, Tag
from standardwebhooks import Webhook

from tasks.engine.prefect_client import access

T = TypeVar("T")
PATIENCE = 150
"""Seconds to wait for what the product does by itself: Prefect's SQLite now and then stands still for a minute."""


class Stalled(Exception):
    """Something that should have happened by itself has not."""


def until(what: str, ask: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """What *ask* returns once it returns something; raises Stalled, naming *what* was waited for."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if answer := ask():
            return answer
        time.sleep(0.2)
    raise Stalled(f"Waited {patience:.0f} seconds for {what}.")


@dataclass
class Browser:
    """One person's browser: cookies, the page that is open, its forms."""

    base: str
    page: BeautifulSoup = field(default_factory=lambda: BeautifulSoup("", "lxml"))
    address: str = ""

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.base, follow_redirects=True, timeout=30)

    def open(self, address: str) -> Self:
        return self._see(self.http.get(address))

    def submit(self, action: str = "", **fields: str) -> Self:
        """Send the page's form whose address ends with *action*, with what stands in it and what is filled in now."""
        return self._send(action, fields, None)

    def sign_agreement(self, link: str, name: str, code: Callable[[], str]) -> Self:
        """Open the agreement, read it part by part, ask for a code and sign with what *code* finds in the mail."""
        self.open(link).submit("/begin")
        while "/part/" in self.address:
            self.submit()
        self.submit("/code")
        return self.submit("/sign", name=name, consent="yes", code=code())

    def upload(self, action: str, name: str, content: bytes, media_type: str, **fields: str) -> Self:
        """Send a form with a file."""
        return self._send(action, fields, {"file": (name, content, media_type)})

    def _send(self, action: str, fields: dict[str, str], files: Any) -> Self:
        forms = [form for form in self.page.select("main form") if self._target(form).endswith(action)]
        if not forms:
            raise Stalled(f"There is no form for “{action}” on {self.address}: {self.text[:500]}")
        values = _filled(forms[0]) | fields
        return self._see(self.http.post(self._target(forms[0]), data=values, files=files))

    def _target(self, form: Tag) -> str:
        return urljoin(self.address, str(form.get("action") or self.address))

    def _see(self, response: httpx.Response) -> Self:
        self.page, self.address = BeautifulSoup(response.text, "lxml"), str(response.url)
        if response.is_error:
            raise Stalled(f"{response.status_code} on {response.url.path}: {self.text[:500]}")
        return self

    @property
    def text(self) -> str:
        main = self.page.find("main") or self.page
        return " ".join(main.get_text(" ").split())


def _filled(form: Tag) -> dict[str, str]:
    """What a browser would send of an untouched form."""
    values = {}
    for item in form.select("input[name], textarea[name], select[name]"):
        name, kind = str(item["name"]), str(item.get("type", ""))
        if item.name == "select":
            chosen = item.select_one("option[selected]") or item.select_one("option")
            values[name] = str(chosen.get("value", "")) if chosen else ""
        elif item.name == "textarea":
            values[name] = item.get_text()
        elif kind not in {"radio", "checkbox", "file", "submit"} or item.has_attr("checked"):
            values[name] = str(item.get("value", ""))
    return values


def send_event(web: str, secret: str, kind: str, data: dict[str, Any], event_id: str = "") -> httpx.Response:
    """Post a signed event as another system would."""
    event_id, at = event_id or f"evt_{uuid4().hex}", datetime.now(UTC)
    body = json.dumps({"type": kind, "timestamp": at.isoformat(), "data": data}, ensure_ascii=False)
    signature = Webhook(secret).sign(event_id, at, body)
    headers = {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
        "content-type": "application/json",
    }
    return httpx.post(f"{web}/webhooks", content=body.encode(), headers=headers, timeout=30)


def answer_form(prefect: str, case_ready: Callable[[dict[str, Any]], bool], sign_in: str = "", **answer: str) -> str:
    """Answer the suspended form that *case_ready* recognises, as the Prefect UI does; returns the run's name.

    *sign_in* is what Prefect asks for, ``user:password``.
    """
    api_url = f"{prefect}/api"
    with httpx.Client(base_url=api_url, auth=access(api_url, sign_in), timeout=30) as api:

        def waiting() -> dict[str, Any] | None:
            query = {"flow_runs": {"state": {"type": {"any_": ["PAUSED"]}}}, "flows": {"name": {"any_": ["decide"]}}}
            runs = api.post("/flow_runs/filter", json=query).raise_for_status().json()
            return next((run for run in runs if case_ready(run)), None)

        run = until("a form in the Prefect UI", waiting)

        def resume() -> dict[str, Any] | None:
            response = api.post(f"/flow_runs/{run['id']}/resume", json={"run_input": answer})
            if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                return None  # Its SQLite was busy; the UI would say so, and one would click again.
            taken: dict[str, Any] = response.raise_for_status().json()
            return None if is_unready(taken) else taken

        taken = until("Prefect to take the answer", resume)
        if taken["status"] != "ACCEPT":
            raise Stalled(f"The form was not taken: {taken}")
        return str(run["name"])


def is_unready(answer: dict[str, Any]) -> bool:
    """Whether Prefect shows a run as suspended whose form it has not stored yet: then the same is to be asked again."""
    reason = str((answer.get("details") or {}).get("reason", ""))
    return answer.get("status") != "ACCEPT" and "schema not found" in reason


class Website:
    """A small firm's website on loopback, with a drawn logo, until the block ends."""

    def __init__(self, firm_name: str) -> None:
        pages = _pages(firm_name)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, body = pages.get(self.path, ("", b""))
                self.send_response(200 if kind else 404)
                self.send_header("Content-Type", kind or "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def _pages(firm_name: str) -> dict[str, tuple[str, bytes]]:
    name = firm_name.replace("&", "&amp;")
    logo = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 560 140">
<g fill="#0f4c5c"><path d="M20 120V28l50-16v108z"/><path d="M80 120V44l34-10v86z" opacity=".75"/></g>
<path d="M20 128h94" stroke="#e36414" stroke-width="6"/>
<g font-family="Liberation Sans, sans-serif" fill="#0f4c5c">
<text x="138" y="74" font-size="44" font-weight="bold">Freitag</text>
<text x="138" y="112" font-size="25" fill="#e36414">&amp; Kollegen</text></g></svg>"""
    home = f"""<!doctype html><html lang="de"><head><meta charset="utf-8"><title>{name}</title></head><body>
<header><a href="/"><img src="/img/logo.svg" alt="{name}" width="280"></a>
<nav><a href="/team">Team</a> <a href="/kontakt">Kontakt</a></nav></header>
<main><h1>Willkommen</h1><p>Recht mit Augenmaß.</p>
<img src="/img/kammer.svg" alt="Mitglied der Rechtsanwaltskammer"></main>
</body></html>"""
    badge = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 90"><circle cx="45" cy="45" r="44" fill="#777"/></svg>'
    )
    return {
        "/": ("text/html; charset=utf-8", home.encode()),
        "/img/logo.svg": ("image/svg+xml", logo.encode()),
        "/img/kammer.svg": ("image/svg+xml", badge.encode()),
    }
