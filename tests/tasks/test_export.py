import csv
import json
import stat
import subprocess
import sys
import tracemalloc
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from statistics import median

from models.agreement import Agreement
from models.audit import Value, canonical, erase, trail
from models.db import reading, transaction
from models.document import Document
from models.people.person import Person
from models.privacy import places_of
from models.time.clock import now
from tasks.agreement import export
from tests.factories import agreement, countersigned, firm_of, with_organiser


def test_every_signed_agreement_is_written_with_its_trail(tmp_path):
    case_id = countersigned()

    (one,) = export.export(tmp_path / "out")

    with reading() as session:
        document = session.get_one(Document, agreement(case_id).final_id)
        entries = trail(session, case_id)
        assert (one.folder / "agreement.pdf").read_bytes() == document.content
    told = json.loads((one.folder / "trail.json").read_text())
    assert told["unbroken"]
    assert told["sha256"] == document.sha256
    assert [entry["hash"] for entry in told["entries"]] == [entry.hash for entry in entries]
    with (one.folder / "trail.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["action"] for row in rows] == [entry.action for entry in entries]
    with (tmp_path / "out" / "agreements.csv").open(encoding="utf-8-sig", newline="") as file:
        (listed,) = csv.DictReader(file)
    assert listed["number"] == one.number == one.folder.name
    assert (listed["signer"], listed["sha256"]) == ("Erika Muster", document.sha256)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700


CHECK = (
    Path(__file__).parents[2].joinpath(".github/docs/evidence.md").read_text().split("```")[1].removeprefix("python\n")
)


def checked(file: Path, told: dict) -> str:
    file.write_text(json.dumps(told))
    ended = subprocess.run([sys.executable, "-c", CHECK, file], capture_output=True, text=True, check=False)
    return ended.stdout or ended.stderr


def test_anybody_can_check_the_trail_that_was_written_before_and_after_something_was_erased(tmp_path):
    case_id = countersigned()
    (one,) = export.export(tmp_path)
    whole = json.loads((one.folder / "trail.json").read_text())
    with transaction() as session:
        person = Person.organiser(session, firm_of(case_id))
        mine = [place.row for place in places_of(session, person) if place.table == "audit_values"]
        erase(session, now(), "operator", Value.id.in_(mine))
    (one,) = export.export(tmp_path)
    erased = json.loads((one.folder / "trail.json").read_text())

    assert "Erika Muster" in str(whole) and "Erika Muster" not in str(erased)  # noqa: PT018
    for told in (whole, erased):
        assert told["unbroken"]
        assert checked(tmp_path / "trail.json", told).startswith(f"{len(told['entries'])} entries are whole")
    for harm, said in {
        "facts": "Entry 2 is not what it was",
        "value": "Entry 2 is not what it was",
        "salt": "Entry 2 is not what it was",
        "number": "Entry 2 is not what it was",
        "nothing": "Gone though no act has erased it",
    }.items():
        told = deepcopy(whole)
        entry = told["entries"][1]
        match harm:
            case "facts":
                entry["facts"]["forged"] = 1
            case "value":
                entry["values"][0]["value"] = {"forged": "yes"}
            case "salt":
                entry["values"][0]["salt"] = "0" * 64
            case "number":
                del told["entries"][1]
            case "nothing":
                entry["values"].pop()
        assert checked(tmp_path / "trail.json", told).startswith(said)


def test_nothing_can_be_put_beside_an_entry_of_the_first_version(tmp_path):
    plain = {"number": 1, "at": "2026-03-02T09:00:00+00:00", "actor": "a@b.example", "action": "done", "facts": {}}
    entry = {"version": 1, **plain, "commitments": {}, "previous": "0" * 64, "values": []}
    entry["hash"] = sha256(f"{entry['previous']}{canonical([7, *plain.values()])}".encode()).hexdigest()
    told = {"case_id": 7, "entries": [entry]}
    assert checked(tmp_path / "trail.json", told).startswith("1 entries are whole")

    entry["values"] = [{"about": "person:1", "value": {"by": "forged"}, "salt": ""}]
    entry["commitments"] = {"person:1": sha256(canonical({"by": "forged"}).encode()).hexdigest()}
    assert checked(tmp_path / "trail.json", told).startswith("Entry 1 is not what it was")


def test_writing_again_leaves_what_is_there_and_mends_what_is_broken(tmp_path):
    countersigned()
    (first,) = export.export(tmp_path)
    (tmp_path / "notes.txt").write_text("not ours")
    before = (first.folder / "agreement.pdf").stat().st_mtime_ns

    (again,) = export.export(tmp_path)
    assert (first.is_new, again.is_new) == (True, False)
    assert (first.folder / "agreement.pdf").stat().st_mtime_ns == before

    (first.folder / "agreement.pdf").write_bytes(b"%PDF half")
    (mended,) = export.export(tmp_path)
    assert mended.is_new
    assert (tmp_path / "notes.txt").read_text() == "not ours"
    assert not list(tmp_path.rglob(".*.part"))


def test_what_is_not_signed_by_both_is_not_written(tmp_path):
    with_organiser()

    assert list(export.export(tmp_path)) == []
    assert (tmp_path / "agreements.csv").read_text("utf-8-sig").count("\n") == 1


def test_names_make_no_paths_and_no_formulas_at_whichever_sign_a_spreadsheet_parts_them(tmp_path):
    name = '=HYPERLINK("https://boese.example")/../../x; =1+1;=cmd|\' /C calc\'!A0,@SUM(1); "+1|-1;＝1'
    countersigned(firm_name=name, line_of_business="tax")

    (one,) = export.export(tmp_path / "out")

    assert one.folder.parent == tmp_path / "out"
    assert one.folder.name.replace("-", "").isdigit()
    with (tmp_path / "out" / "agreements.csv").open(encoding="utf-8-sig", newline="") as file:
        (listed,) = csv.DictReader(file)
    assert listed["firm"].startswith("'=HYPERLINK")
    assert "＝1" in listed["firm"]  # The name is there to its end.
    for table in (tmp_path / "out" / "agreements.csv", one.folder / "trail.csv"):
        lines = table.read_text("utf-8-sig").splitlines()
        for sign in ",;\t|":
            cells = [cell.lstrip(' "') for row in csv.reader(lines, delimiter=sign) for cell in row]
            assert [cell for cell in cells if cell[:1] in {*"=+-@＝"}] == []


def test_memory_does_not_grow_with_the_number_of_agreements(tmp_path):
    case_id = countersigned()
    with transaction() as session:
        signed = session.get_one(Agreement, agreement(case_id).id)
        columns = {column.name: getattr(signed, column.name) for column in Agreement.__table__.columns}
        for version in range(2, 42):
            content = b"%PDF-" + version.to_bytes(2, "big") * 250_000
            document = Document.keep(session, content, "x.pdf", "application/pdf")
            session.add(Agreement(**columns | {"id": None, "version": version, "final_id": document.id}))
        session.flush()

    tracemalloc.start()
    peaks = []
    for _ in export.export(tmp_path):
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()
    tracemalloc.stop()

    assert len(peaks) == 41
    # What the process does besides shows in one or the other of them only.
    assert median(peaks[21:]) < 1.2 * median(peaks[1:21])
