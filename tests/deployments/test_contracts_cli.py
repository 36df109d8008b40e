"""``provision contract``: the dates of a contract, and what is to be billed, by machine."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from deployments.__main__ import app
from models.contracts.booking import Booking
from models.contracts.contract import Addressee, Contract
from models.db import transaction
from tests.factories import countersigned, firm_of
from tests.models.test_terms import VECTORS

TOLD = [
    "first_term_end",
    "next_regular_end",
    "last_day_for_next_regular_end",
    "in_time_for_next_regular_end",
    "effective_end",
    "last_day_for_effective_end",
    "ends_at_utc",
    "new_tariff_from",
]
OPTIONS = {
    "--start": "start",
    "--term": "first_term",
    "--extension": "extension",
    "--notice": "notice",
    "--to": "notice_to",
    "--received": "received_at",
    "--zone": "zone",
}


def run(*arguments: str, status: int = 0):
    ended = CliRunner().invoke(app, ["contract", "dates", *arguments])
    assert ended.exit_code == status, (ended.output, ended.exception)
    return ended


def asked(vector: dict[str, str]) -> list[str]:
    return [part for option, column in OPTIONS.items() if vector[column] for part in (option, vector[column])]


def test_the_dates_of_a_contract_are_told_as_the_vectors_have_them():
    told = {name: json.loads(run(*asked(vector), "--json").stdout) for name, vector in VECTORS.items()}

    assert told == {name: {column: vector[column] or None for column in TOLD} for name, vector in VECTORS.items()}


def test_people_read_the_dates_in_lines():
    lines = run(*asked(VECTORS["F01"])).stdout.splitlines()

    assert lines[1].split() == ["next", "regular", "end", "–"]
    assert lines[4].split() == ["effective", "end", "2026-02-28"]


def test_all_that_does_not_fit_is_told_at_once_a_sentence_for_each():
    wrong = {option: f"wrong{option}" for option in [*OPTIONS, "--law"]}

    ended = run(*(part for pair in wrong.items() for part in pair), "--json", status=2)

    assert ended.stdout == ""
    told = dict(line.split(": ", 1) for line in ended.stderr.splitlines())
    assert told.keys() == wrong.keys()
    assert all(f"“{value}”" in told[option] for option, value in wrong.items())


# ---- What is to be billed


@pytest.fixture
def billed(no_runs, clock):
    """A firm, its portal and the month in which it is billed; what it is called is not to be believed."""
    firm_id = firm_of(countersigned())
    with transaction() as session:
        contract = Contract.of(session, firm_id)
        partner = Addressee.from_json(contract.partner)
        contract.partner = replace(partner, name='=HYPERLINK("http://evil.example")', street="Gasse 1;=1+1").to_json()
        (booking,) = Booking.of(session, firm_id)
    return f"{booking.starts_on:%Y-%m}"


def billing(*arguments: str, status: int = 0) -> str:
    ended = CliRunner().invoke(app, ["contract", "billing", *arguments])
    assert ended.exit_code == status, (ended.output, ended.exception)
    return ended.stdout if status == 0 else ended.stderr


def test_what_is_to_be_billed_is_told_in_json_with_amounts_as_text_and_in_csv_that_no_formula_gets_through(billed):
    told = json.loads(billing("--period", billed, "--json"))
    (position,) = told["positions"]
    assert (told["period"], told["final"]) == (billed, False)
    assert (position["net"], position["price"], position["quantity"]) == ("177.00", "177.00", 1)

    content = billing("--period", billed, "--csv")
    assert content.startswith("\ufeffid,period,state,")
    (row,) = csv.DictReader(io.StringIO(content.removeprefix("\ufeff"), newline=""))
    assert row == {name: "" if value is None else str(value) for name, value in position.items()} | {
        "name": '\'=HYPERLINK("http://evil.example")',
        "street": "Gasse 1;'=1+1",
    }
    assert "177.00 EUR net" in billing("--period", billed)


def test_a_month_is_closed_when_it_is_over_and_a_month_that_is_none_is_told(billed, clock):
    year, month = map(int, billed.split("-"))
    clock(datetime(year + 1, month, 15, tzinfo=UTC))
    told = json.loads(billing("--period", billed, "--json"))
    assert (told["final"], told["positions"][0]["id"]) == (True, 1)
    assert json.loads(billing("--period", "2001-01", "--json")) == {"period": "2001-01", "final": True, "positions": []}
    assert billing("--period", "2001-01") == "Nothing is to be billed.\n"
    assert "“May” is no month" in billing("--period", "May", status=1)
    assert "Choose one" in billing("--csv", "--json", status=2)


def test_sample_modules_are_added_once(no_runs):
    told = [CliRunner().invoke(app, ["contract", "samples"]).output.strip() for _ in range(2)]

    assert told == ["Sample modules added: 2", "Sample modules added: 0"]
