"""The running product, and people with a browser each.

One product serves all tests here; every test brings a firm of its own aboard. A page that asks for anything outside
this machine, or that breaks its own content security policy, fails its test.
"""

import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from io import BytesIO
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Request,
    StorageState,
    expect,
    sync_playwright,
)

from deployments.catcher import CaughtMail, mail_files, read_mail
from deployments.rehearsal import send_event
from deployments.up import Endpoints, running
from models.db import engine, transaction
from models.link import Purpose
from models.onboarding import Onboarding
from models.settings import settings
from models.time.clock import now
from tasks.agreement import sending
from tasks.agreement.rendering import AgreementData
from tasks.engine.prefect_client import access
from tasks.mail.delivery import deliver_due
from tasks.onboarding.opening import start_case
from tasks.people.operators import appoint
from tests.agreements import short
from tests.factories import advance, firm_of, registered, request, token
from tests.servers import free_port
from tests.signing import trust_roots

T = TypeVar("T")

PATIENCE = 60_000
"""Milliseconds for what a page is to show: so long only where the machine has much else to do."""
expect.set_options(timeout=PATIENCE)

LOOPBACK = {"127.0.0.1", "localhost"}
PASSWORD = "drei grüne Füchse tanzen"
PHONE, DESKTOP = {"width": 360, "height": 780}, {"width": 1280, "height": 900}
SWITCHES = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *(
        "--disable-background-networking",
        "--disable-component-update",
        "--process-per-site",
        "--disable-gpu-compositing",
    ),
    "--disable-3d-apis",  # The Prefect UI draws a run as a moving graph, which without a graphics card takes a core.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


read = cache(read_mail)
written = cache(short)


def _alike(data: AgreementData, _texts: object, identifier: bytes) -> bytes:
    """One short agreement for all firms."""
    return written(replace(data, number="", company_id="", firm_name="Muster", organiser_email="erika@muster.example"))


@dataclass
class Running:
    """The product with its folder."""

    at: Endpoints
    folder: Path

    signed_in: dict[str, StorageState] = field(default_factory=dict)
    """What a browser keeps of whoever is signed in, by who they are: each signs in once for all tests."""

    @cached_property
    def webhook_secret(self) -> str:
        with self.inside():
            return settings().webhook_keys[0]

    @cached_property
    def api(self) -> httpx.Client:
        """Prefect's REST interface."""
        api = f"{self.at.prefect}/api"
        return httpx.Client(base_url=api, auth=access(api, self.at.sign_in), timeout=30)

    def rows(self, statement: str, *values: object) -> list[tuple]:
        """What the product's database says or does."""
        database = sqlite3.connect(self.folder / "provision.db", timeout=30)
        try:
            with database:
                return database.execute(statement, values).fetchall()
        finally:
            database.close()

    def ask_for(self, firm: str, organiser: str, **data: object) -> None:
        """Another system asks for a firm to come aboard."""
        wanted = {
            "firm_name": firm,
            "line_of_business": "tax",
            "plan": "plus",
            "interval": "yearly",
            "street": "Marktplatz 1",
            "postcode": "80331",
            "city": "München",
            "land": "BY",
            "organiser": {"name": "Erika Muster", "email": organiser},
        }
        assert send_event(self.at.web, self.webhook_secret, "onboarding.requested", wanted | data).status_code == 202

    @contextmanager
    def inside(self) -> Iterator[None]:
        """What is done here is done in this product, as by one of its processes."""
        own = {
            "PROVISION_DATA": str(self.folder),
            "PROVISION_BASE_URL": self.at.web,
            "PROVISION_SECRET": "",
            "PROVISION_SMTP_PORT": self.at.smtp.rpartition(":")[2],
        }
        with pytest.MonkeyPatch.context() as patch:
            for name, value in own.items():
                patch.setenv(name, value)
            settings.cache_clear()
            yield
            engine(settings().database).dispose()
        settings.cache_clear()

    def invite(self, firm: str, organiser: str, **data: object) -> str:
        """A firm of which somebody asks that it come aboard; the link that its organiser is sent."""
        with self.inside():
            self._begin(firm, organiser, **data)
            return f"{self.at.web}/auth/register?business_member={token(organiser, Purpose.REGISTER)}"

    def bring(self, firm: str, organiser: str) -> tuple[str, str]:
        """A firm whose organiser has an account and the agreement; the session she is signed in with, and her page."""
        with self.inside(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sending, "render_agreement", _alike)
            case_id = self._begin(firm, organiser)
            session = registered(organiser)
            _pass_over(case_id)
            deliver_due()
            return session, f"{self.at.web}/firm/{firm_of(case_id)}"

    def _begin(self, firm: str, organiser: str, **data: object) -> int:
        wanted = request(firm_name=firm, organiser={"name": "Erika Muster", "email": organiser}, **data)
        case_id = start_case(wanted, f"test:{organiser}", "test")
        _pass_over(case_id)
        return case_id

    def mails_to(self, email: str) -> list[CaughtMail]:
        """Newest last."""
        return [mail for mail in map(read, mail_files(self.folder / "mails")) if email in mail.to]

    def code(self, page: Page, email: str) -> str:
        """The one-time code in the newest mail to this address."""

        def find() -> str | None:
            mails = [mail for mail in self.mails_to(email) if "Code" in mail.subject]
            codes = [found for mail in mails for found in re.findall(r"^(\d{6})\s*$", mail.text, re.MULTILINE)]
            return codes[-1] if codes else None

        return until(page, f"a code for {email}", find)

    def mail(self, page: Page, email: str, path: str = "", word: str = "") -> str:
        """The page of the newest caught mail to this address that has this word, and a link with this path."""

        def find() -> str | None:
            mails = self.mails_to(email)
            fitting = [m for m in mails if word in m.subject + m.text and (not path or any(path in x for x in m.links))]
            return f"{self.at.web}/mail/{fitting[-1].name}" if fitting else None

        return until(page, f"a mail to {email} with {path} {word}", find)


def _pass_over(case_id: int) -> None:
    """One pass as the product makes it, which has none to make then."""
    with transaction() as session:
        lease = Onboarding.get(session, case_id).begin_pass(now())
    advance(case_id)
    with transaction() as session:
        Onboarding.get(session, case_id).end_pass(lease)


@pytest.fixture(autouse=True)
def real_time(product, monkeypatch: pytest.MonkeyPatch):
    """Here the clock is the browser's and Prefect's as well."""
    monkeypatch.delenv("PROVISION_TIME_SHIFT")
    settings.cache_clear()


@pytest.fixture(scope="package")
def live(tmp_path_factory: pytest.TempPathFactory):
    """The whole product, started once, and for the first time, in a folder that was open to others."""
    folder = tmp_path_factory.mktemp("live")
    folder.chmod(0o755)
    roots = trust_roots(tmp_path_factory.mktemp("roots"))
    environment = {"PROVISION_FETCH_PRIVATE": "true", "PROVISION_SECRET": "", "PROVISION_TRUST_ROOTS": str(roots)}
    with running(folder, free_port(), free_port(), free_port(), environment) as at:
        started = Running(at, folder)
        with started.api:
            yield started


@pytest.fixture(scope="package")
def chromium():
    """The browser. While Playwright is open, no event loop of another test can run in this thread."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=shutil.which("chromium-headless-shell"), args=SWITCHES)
        yield found
        found.close()


@pytest.fixture
def person(chromium: Browser, live: Running):
    """Gives a new empty profile of a browser; its options are Playwright's."""
    opened: list[BrowserContext] = []
    foreign: list[str] = []
    broken: list[str] = []

    def watch(request: Request):
        address = urlsplit(request.url)
        if address.scheme in {"http", "https", "ws", "wss"} and address.hostname not in LOOPBACK:
            foreign.append(request.url)

    def new(locale: str = "de-DE", **options) -> Page:
        context = chromium.new_context(locale=locale, reduced_motion="reduce", **({"viewport": DESKTOP} | options))
        context.set_default_timeout(PATIENCE)
        context.on("request", watch)
        context.on(
            "console",
            lambda said: broken.append(said.text) if "Content Security Policy" in said.text else None,
        )
        opened.append(context)
        return context.new_page()

    yield new
    for context in opened:
        context.close()
    assert foreign == []
    assert broken == []


@pytest.fixture
def operator(live: Running, person) -> Page:
    """An operator who is signed in, on the board."""

    def sign_in(page: Page) -> None:
        with live.inside():
            link = appoint(f"operator-{uuid4().hex[:6]}@convent-it.example", "command line", name="Olga Otter")
        set_password(page, link)

    page = known(live, person, "operator", sign_in)
    page.goto(f"{live.at.web}/board")
    return page


@pytest.fixture
def follow(live: Running) -> Callable[..., Page]:
    """Reads a mail in the browser and clicks its link; gives the page that opens."""

    def click(page: Page, email: str, path: str, word: str = "") -> Page:
        page.goto(live.mail(page, email, path, word))
        link = page.frame_locator("iframe").locator(f"a[href*='{path}']").first
        with page.context.expect_page() as opened:
            link.click()
        opened.value.wait_for_load_state()
        return opened.value

    return click


def _bring(live: Running) -> tuple[str, str, str]:
    email = f"erika.{uuid4().hex[:6]}@muster.example"
    return email, *live.bring(f"Steuerbüro {email.partition('@')[0]}", email)


@pytest.fixture(scope="package")
def shared(live: Running):
    """The firm of all tests that leave its agreement alone."""
    return _bring(live)


@pytest.fixture
def organiser(live: Running, person):
    """The organiser of a new firm, signed in, on the progress page, with the agreement in her mail; her address."""
    return _at_work(live, person, _bring(live))


@pytest.fixture
def member(live: Running, person, shared) -> Page:
    """The organiser of the firm that tests share, likewise."""
    return _at_work(live, person, shared)[0]


def _at_work(live: Running, person: Callable[..., Page], brought: tuple[str, str, str]) -> tuple[Page, str]:
    email, session, progress = brought
    page = person()
    page.context.add_cookies([{"name": "session", "value": session, "url": live.at.web}])
    page.goto(progress)
    return page, email


def until(page: Page, what: str, ask: Callable[[], T | None], seconds: float = 120) -> T:
    """What *ask* returns once it returns something. The browser goes on meanwhile, which a plain sleep would stop."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := ask():
            return answer
        page.wait_for_timeout(200)
    pytest.fail(f"Waited {seconds:.0f} seconds for {what}.")


ASKED = """axe.run({resultTypes: ['violations'], rules: {'target-size': {enabled: true}}})
    .then(({violations}) => ({violations}))"""
ASKED_AGAIN = f"window.axe && {ASKED}"
LOADED_AND_ASKED = f"{AXE_SCRIPT};\n{ASKED}"
# Two frames later: what is as wide as before the change would be measured too early.
TOO_WIDE = """() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))
    .then(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)"""


def sound(page: Page) -> None:
    """The page is accessible by the measure of axe and fits: dark on a phone, light on a desktop."""
    size = page.viewport_size
    for scheme, viewport in (("dark", PHONE), ("light", DESKTOP)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(viewport)
        wide = page.evaluate(TOO_WIDE)
        assert wide <= 0, f"{page.url} is {wide} px too wide at {viewport['width']} px"
        found = AxeResults(page.evaluate(ASKED_AGAIN) or page.evaluate(LOADED_AND_ASKED))
        assert found.violations_count == 0, f"{page.url} {scheme}: {found.generate_report()}"
    page.set_viewport_size(size)


def known(live: Running, person: Callable[..., Page], name: str, sign_in: Callable[[Page], None]) -> Page:
    """A new profile of a browser in which *name* is signed in, as they were by hand the first time."""
    page = person(storage_state=live.signed_in.get(name))
    if name not in live.signed_in:
        sign_in(page)
        live.signed_in[name] = page.context.storage_state()
    return page


def signed_in_to_prefect(person: Callable[..., Page], live: Running) -> Page:
    """The Prefect UI asks once, for the words that are told at the start."""

    def sign_in(page: Page) -> None:
        page.goto(live.at.prefect)
        page.locator("input[type=password]").fill(live.at.sign_in)
        page.get_by_role("button", name="Login").click()
        page.wait_for_url("**/dashboard**")

    page = known(live, person, "prefect", sign_in)
    rest(page)
    return page


def rest(page: Page) -> None:
    """Nothing is shown: the Prefect UI moves and asks all the time, which takes more than all the rest together."""
    page.goto("about:blank")


def field(page: Page, label: str) -> Locator:
    """The place of this field in a form of the Prefect UI, whose labels are not tied to what they name."""
    shown = page.locator(".schema-form-property__label").filter(
        has_text=re.compile(rf"^{re.escape(label)}( \(Optional\))?$")
    )
    return shown.locator("xpath=ancestor::*[contains(concat(' ', @class, ' '), ' schema-form-property ')][1]")


def fill(page: Page, label: str, value: str) -> None:
    field(page, label).locator("textarea, input").first.fill(value)


def choose(page: Page, label: str, value: str, seconds: float = 120) -> None:
    option = page.locator(".p-select-option").get_by_text(value, exact=True)

    def opened() -> bool:
        field(page, label).locator(".p-select-button__control").press("ArrowDown")
        page.wait_for_timeout(200)
        return option.count() > 0

    until(page, f"the options of {label}", opened, seconds)  # While the form is still being drawn it hears no keys.
    option.click()


OPEN = (
    "SELECT form_run_id FROM decisions JOIN onboardings ON onboardings.id = onboarding_id JOIN persons USING (firm_id)"
    " WHERE email = ? AND answered_at IS NULL AND form_run_id IS NOT NULL"
)


def form(page: Page, live: Running, email: str) -> str:
    """The run that asks the open question about the firm of this organiser, once Prefect knows its form.

    It is paused a moment before that.
    """

    def known() -> str | None:
        for (run,) in live.rows(OPEN, email):
            keys = live.api.get(f"/flow_runs/{run}").raise_for_status().json()["state"]["state_details"]
            if keys := keys["run_input_keyset"]:
                return run if live.api.get(f"/flow_runs/{run}/input/{keys['schema']}").is_success else None
        return None

    return until(page, f"the form of a question about the firm of {email}", known)


def decide(page: Page, live: Running, run: str, verdict: str, **more: str) -> None:
    """Answer a question in the Prefect UI; loaded anew while its form, drawn half, hears no keys."""

    def decided() -> bool:
        page.goto(f"{live.at.prefect}/runs/flow-run/{run}")
        page.get_by_role("button", name="Resume").click()
        with suppress(pytest.fail.Exception):
            choose(page, "Entscheidung", verdict, 40)
            return True
        return False

    until(page, "the verdicts of a question", decided)
    for label, said in more.items():
        fill(page, label, said)
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("Flow run resumed").first).to_be_visible()
    rest(page)


def set_password(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_label("Neues Passwort").fill(PASSWORD)
    page.get_by_role("button", name="Passwort speichern").click()
    page.wait_for_url(lambda url: url != link)


def register(page: Page) -> None:
    """Choose a password on the page of an invitation."""
    page.get_by_label("Passwort wählen").fill(PASSWORD)
    page.get_by_role("button", name=re.compile("Account erstellen|Zugang aktivieren")).click()


def read_all(page: Page) -> None:
    """From the agreement's first page through every part to the form to sign."""
    press(page, "Vertrag lesen")
    while "/part/" in page.url:
        press(page, "Gelesen, weiter")


def press(page: Page, button: str) -> None:
    """A button that leads to another page."""
    before = page.url
    page.get_by_role("button", name=button).click()
    page.wait_for_url(lambda url: url != before)


def sign(page: Page, live: Running, email: str, name: str) -> None:
    """Read the agreement part by part, ask for a code, and sign with it."""
    read_all(page)
    page.get_by_role("button", name="Code anfordern").click()
    page.get_by_label("Ihr vollständiger Name").fill(name)
    page.get_by_label("Code aus der E-Mail").fill(live.code(page, email))
    page.get_by_label(re.compile("Ich habe den Vertrag mit allen Teilen gelesen")).check()
    page.get_by_role("button", name="Vertrag unterzeichnen").click()
    expect(page.get_by_text(f"Unterzeichnet von {name}")).to_be_visible()


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has this name or label has the focus, and see that the focus shows."""
    for _ in range(80):
        page.keyboard.press("Tab")
        here = page.evaluate(
            """() => { const it = document.activeElement, label = it.labels && it.labels[0];
            const style = getComputedStyle(it);
            return {name: (label || it).innerText || "", ring: style.outlineStyle + style.outlineWidth}; }"""
        )
        if here["name"].strip().startswith(name):
            assert here["ring"] not in {"none0px", "auto0px"}, f"the focus on {name} cannot be seen"
            return
    pytest.fail(f"“{name}” is not reached by keyboard on {page.url}")


def png(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def runs(live: Running, flow: str, state: str) -> list[dict]:
    wanted = {"flow_runs": {"state": {"type": {"any_": [state]}}}, "flows": {"name": {"any_": [flow]}}}
    return live.api.post("/flow_runs/filter", json=wanted).raise_for_status().json()


def first_run(page: Page, live: Running, flow: str, state: str) -> str:
    """The id of a run of this flow in this state, as soon as there is one."""
    return until(
        page, f"a run of {flow} that is {state}", lambda: next((run["id"] for run in runs(live, flow, state)), None)
    )
