"""``provision clients``: a list taken over by machine, JSON and nothing else."""

import json
from pathlib import Path

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from deployments.__main__ import app
from models.clients.imports import Import
from models.db import reading
from models.firm import Firm
from tests.factories import countersigned, firm_of

SEVDESK = Path(__file__).parents[1] / "tasks" / "imports" / "09_sevdesk_sep_line_bom.csv"


@pytest.fixture
def company_id(no_runs):
    with reading() as session:
        return str(session.get_one(Firm, firm_of(countersigned())).company_id)


def run(*arguments: str, status: int = 0):
    ended = CliRunner().invoke(app, ["clients", *arguments])
    assert ended.exit_code == status, ended.output
    return ended


def test_a_dry_run_tells_every_record_and_leaves_nothing(company_id):
    told = json.loads(run("import", str(SEVDESK), "--firm", company_id, "--dry-run", "--json").stdout)

    assert (told["format"], told["encoding"]) == ("sevdesk", "utf-8")
    assert told["totals"] == {"create": 2, "link": 1, "held": 1, "skipped": 1}
    assert [record["record"] for record in told["records"]] == [1, 2, 3, 4, 5]
    first, second, _, supplier, held = told["records"]
    assert (first["line"], first["account"]["name"], first["account"]["postcode"]) == (3, "Alpen Sport OG", "6020")
    assert (second["outcome"], second["contacts"][0]["phones"]) == ("link", ["+436641234567"])
    noted = [{"kind": "number_of_person", "value": "1002"}]
    assert [record["notes"] for record in told["records"][:2]] == [[], noted]  # Where there are none it says so.
    assert (supplier["reason"], held["reason"]) == ("supplier", "bad_email, bad_date")
    assert json.loads(run("list", "--firm", company_id, "--json").stdout) == {"accounts": []}
    with reading() as session:
        assert session.scalars(select(func.count()).select_from(Import)).one() == 0


def test_answers_columns_and_the_file_of_errors_come_as_options(company_id, tmp_path):
    errors = tmp_path / "errors.csv"
    options = ["--answer", "supplier=create", "--map", "Namenszusatz=note", "--errors", str(errors), "--json"]

    told = json.loads(run("import", str(SEVDESK), "--firm", company_id, *options).stdout)

    assert told["totals"] == {"create": 2, "link": 1, "held": 1, "refused": 1}
    assert len(errors.read_text(encoding="utf-8-sig").splitlines()) == 3
    listed = json.loads(run("list", "--firm", company_id, "--json").stdout)["accounts"]
    assert [account["number"] for account in listed] == ["1001", "1003"]
    for wrong, status in ((("--answer", "supplier=perhaps"), 1), (("--answer", "x"), 2), (("--map", "Ort=nowhere"), 2)):
        run("import", str(SEVDESK), "--firm", company_id, *wrong, status=status)
