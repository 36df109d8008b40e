"""No page grows wider than its window by a name or an address that nobody could break."""

import re

import pytest
from bs4 import BeautifulSoup

from deployments.web.visit import STATIC
from tasks.clients import settings
from tasks.clients.settings import Kind, Written
from tasks.people import sessions
from tests import factories
from tests.deployments.browser import Browser
from tests.factories import PASSWORD

pytestmark = pytest.mark.usefixtures("no_runs")

LONG = "Wolfeschlegelsteinhausenbergerdorffvoralternwaren"
FIRM = f"Kanzlei{LONG}"


def test_what_people_typed_is_broken_where_it_is_longer_than_a_column_of_a_table():
    named = {"name": f"Kim {LONG}", "email": f"{LONG}@freitag.example"}
    case_id = factories.countersigned(firm_name=FIRM, caseworkers=[named])
    factories.opened("test:2", firm_name=FIRM, plan=None, interval=None)
    firm = f"/firm/{factories.firm_of(case_id)}"
    organiser = Browser(sessions.sign_in("erika@freitag.example", PASSWORD))
    operator = Browser(factories.operator(f"{LONG.lower()}@convent-it.example"))
    board = [f"/cases/{case_id}", "", "/decisions", f"/cases/{case_id}/reminders", "/operators"]
    board.append("/reminders/foreseen?until=2027-01-31")
    settings.add(factories.firm_of(case_id), "erika@freitag.example", Kind.TAGS, Written(LONG))
    mine = ["/caseworkers", "/settings/members", "/settings/tags"]
    pages = [*(organiser.read(f"{firm}{page}") for page in mine), *(operator.read(f"/board{page}") for page in board)]

    cells = [cell for page in pages for cell in page.select("td") if LONG.lower() in cell.text.lower()]

    assert len(cells) >= 9
    assert [cell for cell in cells if not _breaks(cell)] == []
    assert re.search(r"\.typed \{ overflow-wrap: anywhere; \}", (STATIC / "style.css").read_text())


def _breaks(cell: BeautifulSoup) -> bool:
    for part in [*cell.select(".typed, .hidden, input"), *([cell] if "typed" in cell.get("class", []) else [])]:
        part.clear()
    return LONG.lower() not in cell.text.lower()
