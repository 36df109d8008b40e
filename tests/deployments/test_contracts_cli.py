"""``provision contract``: the dates of a contract by machine, JSON and nothing else."""

import json

from typer.testing import CliRunner

from deployments.__main__ import app
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
