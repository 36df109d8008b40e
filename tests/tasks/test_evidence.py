import csv
import json
import stat
import tracemalloc
from hashlib import sha256

import pytest
from sqlalchemy import delete, func, select, update

from models.agreement import Agreement
from models.audit import START, Entry, Head, heads, record, trail
from models.db import reading, transaction
from models.document import Document
from models.onboarding import Onboarding
from models.schedule import now
from tasks import completion, evidence, paper
from tests.factories import agreement, countersigned, opened, with_organiser


@pytest.fixture(autouse=True)
def with_certificate(monkeypatch, quick):
    """Certificate pages are made for each case; only the seal is left out, which costs time."""
    monkeypatch.setattr(completion, "sign_off", paper.sign_off)


def newest(case_id) -> int:
    with reading() as session:
        return session.scalar(select(func.max(Entry.number)).where(Entry.case_id == case_id))


def faults(known=(), only=None):
    return {one.case_id: (one.broken, one.files) for one in evidence.verify(known, only) if not one.is_whole}


def cut(case_id, after):
    with transaction() as session:
        session.execute(delete(Entry).where(Entry.case_id == case_id, Entry.number > after))


def rechain(case_id, place, **changes):
    """Change an entry and compute everything anew from there on, as somebody may who can write the table."""
    with transaction() as session:
        previous = START
        for entry in trail(session, case_id):
            if entry.number == place:
                for column, value in changes.items():
                    setattr(entry, column, value)
            entry.previous = previous
            previous = entry.hash = entry.computed_hash()


def test_a_whole_case_is_proven():
    case_id = countersigned()

    (told,) = evidence.verify()

    assert (told.case_id, told.entries, told.is_whole) == (case_id, newest(case_id), True)


def test_an_end_cut_off_behind_the_certificate_is_found_by_it():
    case_id = countersigned()
    with reading() as session:
        number, _ = paper.anchored_head(session.get_one(Document, agreement(case_id).final_id).content)

    cut(case_id, number - 1)

    broken, files = faults()[case_id]
    assert broken == number
    assert files == (1,)  # The entry that told of the file is gone too.


def test_an_end_cut_off_is_found_by_a_list_kept_elsewhere():
    case_id = with_organiser()
    with reading() as session:
        kept = list(heads(session))

    cut(case_id, newest(case_id) - 1)

    assert faults() == {}
    assert faults(kept) == {case_id: (newest(case_id) + 1, ())}


def test_a_trail_computed_anew_is_found_by_the_certificate():
    case_id = countersigned()
    with reading() as session:
        number, _ = paper.anchored_head(session.get_one(Document, agreement(case_id).final_id).content)

    rechain(case_id, 2, actor="somebody else")

    assert faults() == {case_id: (number, ())}


def test_a_trail_that_is_gone_is_found_by_its_case_or_by_a_list():
    case_id = opened()
    with reading() as session:
        kept = list(heads(session))
    cut(case_id, 0)

    assert faults() == {case_id: (1, ())}
    assert faults([*kept, Head(4711, 3, "f" * 64)]) == {case_id: (1, ()), 4711: (1, ())}
    assert faults([Head(4711, 3, "f" * 64)], only=case_id) == {case_id: (1, ())}


@pytest.mark.parametrize("how", ["content", "both", "gone"])
def test_a_signed_file_that_was_exchanged_is_found(how):
    case_id = countersigned()
    with transaction() as session:
        signed = session.get_one(Agreement, agreement(case_id).id)
        if how == "gone":
            signed.final_id = None
        else:
            values = {"content": b"%PDF-1.7 another"}
            values |= {"sha256": sha256(values["content"]).hexdigest()} if how == "both" else {}
            session.execute(update(Document).where(Document.id == signed.final_id).values(**values))

    assert faults() == {case_id: (None, (1,))}


def test_entries_outlive_their_case_and_are_still_proven():
    with transaction() as session:
        record(session, 999, now(), "case.opened")

    assert faults() == {}
    assert [one.entries for one in evidence.verify() if one.case_id == 999] == [1]
    with reading() as session:
        assert session.get(Onboarding, 999) is None


# Taking agreements out.


def test_every_signed_agreement_is_written_with_its_trail(tmp_path):
    case_id = countersigned()

    (one,) = evidence.export(tmp_path / "out")

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


def test_anybody_can_check_the_trail_that_was_written(tmp_path):
    countersigned()
    (one,) = evidence.export(tmp_path)
    told = json.loads((one.folder / "trail.json").read_text())

    previous = "0" * 64
    for entry in told["entries"]:
        content = [told["case_id"], *(entry[key] for key in ("number", "at", "actor", "action", "facts"))]
        canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        assert entry["previous"] == previous
        previous = sha256((previous + canonical).encode()).hexdigest()
        assert entry["hash"] == previous


def test_writing_again_leaves_what_is_there_and_mends_what_is_broken(tmp_path):
    countersigned()
    (first,) = evidence.export(tmp_path)
    (tmp_path / "notes.txt").write_text("not ours")
    before = (first.folder / "agreement.pdf").stat().st_mtime_ns

    (again,) = evidence.export(tmp_path)
    assert (first.is_new, again.is_new) == (True, False)
    assert (first.folder / "agreement.pdf").stat().st_mtime_ns == before

    (first.folder / "agreement.pdf").write_bytes(b"%PDF half")
    (mended,) = evidence.export(tmp_path)
    assert mended.is_new
    assert (tmp_path / "notes.txt").read_text() == "not ours"
    assert not list(tmp_path.rglob(".*.part"))


def test_what_is_not_signed_by_both_is_not_written(tmp_path):
    with_organiser()

    assert list(evidence.export(tmp_path)) == []
    assert (tmp_path / "agreements.csv").read_text("utf-8-sig").count("\n") == 1


def test_names_make_no_paths_and_no_formulas(tmp_path):
    countersigned(firm_name='=HYPERLINK("https://boese.example")/../../x', line_of_business="tax")

    (one,) = evidence.export(tmp_path / "out")

    assert one.folder.parent == tmp_path / "out"
    assert one.folder.name.replace("-", "").isdigit()
    with (tmp_path / "out" / "agreements.csv").open(encoding="utf-8-sig", newline="") as file:
        (listed,) = csv.DictReader(file)
    assert listed["firm"].startswith("'=HYPERLINK")


def test_no_cell_is_a_formula_at_whichever_sign_a_spreadsheet_parts_them(tmp_path):
    countersigned(firm_name="Kanzlei; =1+1;=cmd|' /C calc'!A0,@SUM(1); \"+1|-1;＝1", line_of_business="tax")

    (one,) = evidence.export(tmp_path / "out")

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
    for _ in evidence.export(tmp_path):
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()
    tracemalloc.stop()

    assert len(peaks) == 41
    assert max(peaks[21:]) < 1.2 * max(peaks[1:21])
