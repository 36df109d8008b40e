"""What a client list says, record by record; nothing of it is lost, and no cell is taken for another's."""

import json
from pathlib import Path

import pytest

from tasks.clients.imports.draft import Draft
from tasks.clients.imports.reading import VcardUnsupported, read
from tasks.clients.imports.source import NotATable

FILES = Path(__file__).parent / "imports"
EXPECTED = sorted(FILES.glob("*.expected.json"))


def told(value):
    """A value of a draft as the expected files write it down."""
    if isinstance(value, list):
        return [f"{one['number']} {one['kind']}" if isinstance(one, dict) else one for one in value]
    return value


def part(whole, of):
    return None if of is None else {key: told(whole[key]) for key in of}


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda path: path.name.partition(".")[0])
def test_a_file_gives_what_who_does_this_job_expects(expected):
    """Each outcome was written down before the file was read for the first time."""
    outcome = json.loads(expected.read_text(encoding="utf-8"))
    path = FILES / expected.name.removesuffix(".expected.json")

    reading = read(path, path.name, country=outcome.get("country", "DE"))
    drafts = [draft.to_json() for draft in reading.begin(0)]

    for fact in ("format", "encoding", "delimiter", "sheet"):
        assert getattr(reading, fact) == outcome.get(fact, getattr(reading, fact))
    assert [draft["line"] for draft in drafts] == [one["line"] for one in outcome["records"]]
    for draft, one in zip(drafts, outcome["records"], strict=True):
        assert (draft["account"] and part(draft["account"], one.get("account", {}))) == one.get("account", {})
        assert len(draft["contacts"]) == len(one["contacts"])
        found = [part(*both) for both in zip(draft["contacts"], one["contacts"], strict=True)]
        assert found == one["contacts"]
        assert [asked["question"] for asked in draft["questions"]] == one.get("questions", [])
        assert (draft["refused"] and [*draft["refused"].values()]) == one.get("refused")
        assert draft["skipped"] == one.get("skipped")
        assert sorted({note["kind"] for note in draft["notes"]}) == one.get("notes", [])
    assert reading.records == len(drafts)
    assert bool(reading.guesses) == (outcome.get("encoding") in {"cp1252", "cp850", "mac_roman"})


def test_drafts_can_be_begun_anew_behind_any_record_and_kept_as_json():
    path = FILES / "16_taxdome_contacts.csv"
    reading = read(path.read_bytes(), path.name, country="DE")
    drafts = list(reading.begin(0))

    assert list(reading.begin(5)) == drafts[5:]
    assert [Draft.from_json(json.loads(json.dumps(draft.to_json()))) for draft in drafts] == drafts
    again = read(path, path.name, country="DE", mapping=reading.mapping)
    assert list(again.begin(0)) == drafts


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"", NotATable),
        (b" \n\n", NotATable),
        (b"%PDF-1.7\n%\xe2\xe3", NotATable),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01" * 20, NotATable),
        (b"BEGIN:VCARD\r\nVERSION:3.0\r\n", VcardUnsupported),
        ("BEGIN:VCARD\r\n".encode("utf-16"), VcardUnsupported),
        (b"Name;Ort\n", NotATable),
    ],
)
def test_what_is_no_list_is_refused_in_one_sentence(content, refusal):
    with pytest.raises(refusal):
        read(content, "x.csv", country="DE")
