"""The running product, and people with a browser each.

One product serves all tests here; every test brings a firm of its own aboard. A page that asks for anything outside
this machine fails its test.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from deployments.catcher import read_mails
from deployments.rehearsal import until
from deployments.up import Endpoints, running
from tests.deployments.conftest import free_port

LOOPBACK = {"127.0.0.1", "localhost"}
PASSWORD = "drei grüne Füchse tanzen"
SWITCHES = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]


def pytest_collection_modifyitems(items: list[pytest.Item]):
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)


@dataclass
class Running:
    """The product with its folder."""

    at: Endpoints
    folder: Path

    def operator(self, email: str) -> str:
        """A link with which a new operator sets a password."""
        environment = os.environ | {"PROVISION_DATA": str(self.folder), "PROVISION_BASE_URL": self.at.web}
        command = [sys.executable, "-m", "deployments", "operator", email]
        said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
        return said.split()[-1]

    def mail(self, email: str, path: str = "", word: str = "") -> str:
        """The page of the newest caught mail to this address that has this word, and a link with this path."""

        def find() -> str | None:
            mails = [mail for mail in read_mails(self.folder / "mails") if email in mail.to]
            fitting = [m for m in mails if word in m.subject + m.text and (not path or any(path in x for x in m.links))]
            return f"{self.at.web}/mail/{fitting[-1].name}" if fitting else None

        return until(f"a mail to {email} with {path} {word}", find)


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory):
    """The whole product, started once."""
    folder = tmp_path_factory.mktemp("live")
    environment = {"PROVISION_FETCH_PRIVATE": "true", "PROVISION_SECRET": ""}
    with running(folder, free_port(), free_port(), free_port(), environment) as at:
        yield Running(at, folder)


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=SWITCHES)
        yield found
        found.close()


@pytest.fixture
def person(chromium: Browser):
    """Gives a new empty profile of a browser; its options are Playwright's."""
    opened: list[BrowserContext] = []
    foreign: list[str] = []

    def guard(route: Route):
        address = urlsplit(route.request.url)
        if address.scheme in {"http", "https", "ws", "wss"} and address.hostname not in LOOPBACK:
            foreign.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    def new(locale: str = "de-DE", **options) -> Page:
        context = chromium.new_context(locale=locale, color_scheme=options.pop("color_scheme", "light"), **options)
        context.set_default_timeout(20_000)
        context.route("**/*", guard)
        opened.append(context)
        return context.new_page()

    yield new
    for context in opened:
        context.close()
    assert foreign == []


@pytest.fixture
def follow(live: Running) -> Callable[..., Page]:
    """Reads a mail in the browser and clicks its link; gives the page that opens."""

    def click(page: Page, email: str, path: str, word: str = "") -> Page:
        page.goto(live.mail(email, path, word))
        link = page.frame_locator("iframe").locator(f"a[href*='{path}']").first
        with page.context.expect_page() as opened:
            link.click()
        opened.value.wait_for_load_state()
        return opened.value

    return click


def field(page: Page, label: str, kind: str = "textarea"):
    """What is filled in under this label of a form in the Prefect UI."""
    return page.get_by_text(re.compile(rf"^{re.escape(label)}( \(Optional\))?$")).first.locator(
        f"xpath=following::{kind}[1]"
    )


def choose(page: Page, label: str, value: str):
    field(page, label, "button[contains(@class, 'p-select-button')]").click()
    page.locator(".p-select-option").get_by_text(value, exact=True).click()
