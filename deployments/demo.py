"""The main job, once, for real: a sample firm comes aboard in seven steps.

Starts the whole product in a folder of its own, sends the signed webhook with which a case begins, and then acts as the
people would: reads their mails, follows the links, fills in the pages, answers the operator's questions.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from deployments.catcher import CaughtMail, read_mails
from deployments.rehearsal import Browser, Website, answer_form, send_event, until
from deployments.up import Endpoints, running, stop_at_ctrl_c
from models.settings import settings

FIRM = "Anwaltskanzlei Freitag & Kollegen"
NUMBER = "861272"
PASSWORD = "Vier Füchse lesen am Freitag"
ORGANISER = {"name": "Erika Muster", "email": "erika.muster@freitag.example"}
CONTACT = {"name": "Jörg Weiß", "email": "joerg.weiss@freitag.example"}
CASEWORKER = {"name": "Zoë Lange", "email": "zoe.lange@freitag.example"}
CLIENT = {"name": "Max Beispiel", "email": "max@beispiel.example"}
OPERATOR = "operator@convent-it.example"


def main(*, keep: bool = False) -> int:
    """Run the demo; 0 if all seven steps are done. *keep*: then leave the product running until Ctrl-C."""
    folder = Path("var").absolute() / f"demo-{datetime.now():%Y%m%d-%H%M%S}"  # noqa: DTZ005  (a name, in local time)
    web, prefect, smtp = (_free_port() for _ in range(3))
    began = time.monotonic()
    say("Starting database, Prefect with its UI, worker, web pages and mail catcher …")
    # A real database or mail server that happens to be set is none of ours.
    for name in [name for name in os.environ if name.startswith(("PROVISION_", "PREFECT_"))]:
        del os.environ[name]
    os.environ |= {"PROVISION_ENV_FILE": "", "PROVISION_FETCH_PRIVATE": "true"}  # The sample website is on loopback.
    settings.cache_clear()
    with Website(FIRM) as site, running(folder, web, prefect, smtp, samples=True) as product:
        say(f"Ready. Web pages {product.web}, mails {product.web}/mail, Prefect {product.prefect}")
        say(f"Prefect asks once for {product.sign_in}")
        run = Demo(product, folder)
        run.come_aboard(site.address)
        status = run.status()
        pdf, logo = run.keep_results()
        show(status["steps"])
        done = sum(step["state"] == "done" for step in status["steps"])
        say(f"Agreement  {pdf}\nLogo       {logo}\nMails      {folder / 'mails'}\nLogs       {folder / 'logs'}")
        say(f"Took {time.monotonic() - began:.0f} seconds.")
        say(f"demo: {done}/{len(status['steps'])} steps done")
        if keep:
            say(f"Operator   {product.web}/board as {OPERATOR}, password {PASSWORD}")
            say(f"Organiser  {product.web} as {ORGANISER['email']}, the same password")
            say("Everything runs on until Ctrl-C.")
            product.watch(stop_at_ctrl_c())
    return 0 if done == len(status["steps"]) == 7 else 1


@dataclass
class Demo:
    """One firm's way; each method is what one person does."""

    product: Endpoints
    folder: Path

    def come_aboard(self, website: str) -> None:
        self.request(website)
        self.grant_number()
        organiser = self.register_organiser()
        self.sign()
        self.countersign()
        self.register_caseworker()
        self.invite_client(organiser)
        self.activate_client()
        until("the last pass", lambda: all(step["state"] == "done" for step in self.status()["steps"]))

    def request(self, website: str) -> None:
        say(
            "A signed webhook asks for the firm to come aboard, with a preferred company ID and leave to take its logo."
        )
        data: dict[str, Any] = {
            "firm_name": FIRM,
            "line_of_business": "law",
            "website": website,
            "street": "Lindenallee 5",
            "postcode": "50667",
            "city": "Köln",
            "land": "NW",
            "preferred_number": NUMBER,
            "plan": "plus",
            "interval": "quarterly",
            "logo_permission_by": ORGANISER["name"],
            "organiser": ORGANISER,
            "contact": CONTACT,
            "caseworkers": [CASEWORKER],
        }
        secret = self.provision("webhook-secret").strip()
        for _ in range(2):  # A sender that got no answer sends again; the same id is the same event.
            response = send_event(self.product.web, secret, "onboarding.requested", data, "evt_demo")
            assert response.status_code == 202, response.text

    def grant_number(self) -> None:
        say(f"An operator grants the preferred ID {NUMBER} by the form in the Prefect UI.")
        answer_form(self.product.prefect, lambda _: True, self.product.sign_in, verdict="grant", note="Gern.")
        self.mail(ORGANISER, NUMBER)

    def register_organiser(self) -> Browser:
        say("The organiser follows the link in the mail and makes an account.")
        return self.browser().open(self.link(ORGANISER, "/auth/register")).submit(password=PASSWORD)

    def sign(self) -> None:
        say("The agreement arrives as PDF; the organiser reads it part by part and signs with a code from the mail.")
        self.browser().sign_agreement(self.link(ORGANISER, "/agreement/"), ORGANISER["name"], self.code)

    def countersign(self) -> None:
        say("An operator signs in to the board and countersigns.")
        made = self.provision("operator", OPERATOR, "--name", "Otto Berg").strip().splitlines()[-1]
        operator = self.browser().open(made).submit(password=PASSWORD)

        def question() -> Browser | None:
            link = operator.open("/board").page.select_one("a[href*='#decision-']")
            return operator.open(str(link["href"])) if link else None

        page = until("the question on the board", question)
        form = page.page.select_one("form[action*='/board/decisions/']")
        page.submit(str(form["action"]) if form else "", verdict="countersign")

    def register_caseworker(self) -> None:
        say("The caseworker, named in the request and invited now, registers at the same link.")
        self.browser().open(self.link(CASEWORKER, "/auth/register")).submit(password=PASSWORD)

    def invite_client(self, organiser: Browser) -> None:
        say("The organiser invites a client by name and address, with a personal message.")
        firm = organiser.open("/").address
        page = organiser.open(f"{firm.partition('?')[0]}/clients")
        fields = {"name-0": CLIENT["name"], "email-0": CLIENT["email"]}
        page.submit("/clients", **fields, message="Lieber Herr Beispiel,\nhier tauschen wir künftig Unterlagen aus.")

    def activate_client(self) -> None:
        say("The client opens the invitation, which bears the firm's name and logo, and sets a password.")
        self.browser().open(self.link(CLIENT, "/auth/activate/")).submit(password=PASSWORD)

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.provision("status", NUMBER, "--json"))
        return status

    def keep_results(self) -> tuple[Path, Path]:
        """The final agreement, as the organiser got it by mail, and the logo, as everybody sees it."""
        final = [mail for mail in self.mails(ORGANISER) if mail.attachments][-1]
        name, content = final.attachments[0]
        pdf, logo = self.folder / name, self.folder / f"logo-{NUMBER}.png"
        pdf.write_bytes(content)
        address = next(filter(None, (re.search(r'/logos/[^"]+\.png', mail.html) for mail in self.mails(CLIENT))))[0]
        picture = self.browser().http.get(address).raise_for_status()
        logo.write_bytes(picture.content)
        return pdf, logo

    def browser(self) -> Browser:
        return Browser(self.product.web)

    def mails(self, person: dict[str, str]) -> list[CaughtMail]:
        return [mail for mail in read_mails(self.folder / "mails") if person["email"] in mail.to]

    def mail(self, person: dict[str, str], word: str = "", *, attachment: bool = False) -> CaughtMail:
        def find() -> CaughtMail | None:
            fitting = (
                m for m in self.mails(person) if word in m.subject + m.text and (m.attachments or not attachment)
            )
            return next(fitting, None)

        return until(f"a mail to {person['email']}", find)

    def link(self, person: dict[str, str], path: str) -> str:
        """The newest link with this path in a mail to this person."""

        def find() -> str | None:
            links = [link for mail in self.mails(person) for link in mail.links if path in link]
            return links[-1] if links else None

        return until(f"a mail to {person['email']} with a link to {path}", find)

    def code(self) -> str:
        """The one-time code in the organiser's mail."""
        return str(re.findall(r"\b\d{6}\b", self.mail(ORGANISER, "Code").text)[0])

    def provision(self, *arguments: str) -> str:
        """What the command line says of the demo's data."""
        environment = {**os.environ, "PROVISION_DATA": str(self.folder)}
        command = [sys.executable, "-m", "deployments", *arguments]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout  # noqa: S603


def show(steps: list[dict[str, Any]]) -> None:
    """The seven steps as a table."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("", "Step", "State", "Since (UTC)"):
        table.add_column(heading)
    for step in steps:
        table.add_row(str(step["number"]), step["name"], step["state"], step["since"][:19].replace("T", " "))
    Console().print(table)


def say(sentence: str) -> None:
    print(sentence, flush=True)


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])
