"""What a client list says, record by record; nothing of it is lost, and no cell is taken for another's."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from models.errors import ProvisionError
from tasks.clients.imports.draft import ContactDraft, Draft, Field, Target
from tasks.clients.imports.formats import ColumnUnknown, OtherCategory
from tasks.clients.imports.guard import LINE, WHY
from tasks.clients.imports.reading import ALL_SHEETS, SheetUnknown, VcardUnsupported, read
from tasks.clients.imports.source import (
    EncodingUnfit,
    NoRecords,
    NotATable,
    PasswordProtected,
    TooManyColumns,
    TooManyRows,
)
from tests.memory import peak_memory

FILES = Path(__file__).parent / "imports"
WHOLE = TypeAdapter(Draft)
GUESSED = {"cp1252", "cp850", "mac_roman", "utf-8 with cp1252"}
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
    drafts = [WHOLE.dump_python(draft, mode="json") for draft in reading.begin(0)]

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
    assert bool(reading.guesses) == (outcome.get("encoding") in GUESSED)


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
        (b"Name;Ort\n", NoRecords),
        (b";;\n--;--;--\n", NotATable),
        (b'"' * 5000, NotATable),
        (b"Name" + b";x" * 16_000 + b"\nA" + b";y" * 16_000, TooManyColumns),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0" + "EncryptedPackage".encode("utf-16-le"), PasswordProtected),
    ],
)
def test_what_is_no_list_is_refused_in_one_sentence(content, refusal):
    with pytest.raises(refusal):
        read(content, "x.csv", country="DE")


PIECES = st.sampled_from(
    b"""; , " "" \n \r\n \r \xfc \xc3\xbc \0 EXTF;700;16; Vorname;Nachname Name E-Mail PLZ Muster,Max a@b.example sep=;
    \xef\xbb\xbf \xff\xfe 4,92E+11 31.02.1990 Max+Erika 0221/4710158 GmbH Frau Dr. =1+1 Telefon ' | 1067""".split(b" ")
)


@given(st.lists(PIECES | st.binary(max_size=6), max_size=60).map(b"".join))
def test_any_bytes_are_refused_in_a_sentence_or_give_a_draft_for_each_record(content):
    try:
        reading = read(content, "x.csv", country="DE")
    except ProvisionError:
        return

    drafts = list(reading.begin(0))

    assert [draft.record for draft in drafts] == [*range(1, reading.records + 1)]
    assert all(draft.refused or draft.questions or draft.account for draft in drafts)
    assert [Draft.from_json(draft.to_json()) for draft in drafts] == drafts


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def packed(files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def spreadsheet(rows, before=""):
    """An XLSX of one sheet, as little as there can be of one."""
    sheet = '<sheets><sheet name="S" sheetId="1" r:id="a"/></sheets>'
    book = f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}">{sheet}</workbook>'
    root = f'<Relationship Id="a" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/>'
    link = f'<Relationship Id="a" Type="{RELATIONS}/worksheet" Target="worksheets/s.xml"/>'
    return packed(
        {
            "_rels/.rels": f'<Relationships xmlns="{PACKAGE}">{root}</Relationships>',
            "xl/workbook.xml": book,
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{link}</Relationships>',
            "xl/worksheets/s.xml": f'{before}<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>',
        }
    )


def text(place, written):
    return f'<c r="{place}" t="inlineStr"><is><t>{written}</t></is></c>'


HEADER = f'<row r="1">{text("A1", "Vorname")}{text("B1", "Nachname")}</row>'
HOSTILE = {
    "too many rows": (
        spreadsheet("".join(f'<row r="{n}"><c r="A{n}"><v>1</v></c></row>' for n in range(1, 300_000))),
        TooManyRows,
    ),
    "one cell in the last corner": (
        spreadsheet(HEADER + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
        ProvisionError,
    ),
    "columns beyond those that are read": (
        spreadsheet(HEADER + f'<row r="2">{text("A2", "Anna")}{text("ABC2", "lost?")}</row>'),
        TooManyColumns,
    ),
    "a file from elsewhere": (
        spreadsheet(f'<row r="1">{text("A1", "&a;")}</row>', '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'),
        NotATable,
    ),
    "a text document": (packed({"word/document.xml": "<x/>"}), NotATable),
    "half a file": (spreadsheet(HEADER)[:300], NotATable),
    "nothing but the beginning of one": (b"PK\x03\x04x", NotATable),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_spreadsheet_is_refused_in_a_sentence_and_takes_little_memory(what):
    content, refusal = HOSTILE[what]

    with peak_memory() as peak, pytest.raises(refusal):
        read(content, "x.xlsx", country="DE")

    assert peak() < 3 << 30


def test_what_stands_around_the_records_is_told_and_is_none_of_them():
    path = FILES / "titled_sheets.xlsx"

    reading = read(path, path.name, country="DE")

    assert reading.sheets == ("Mandanten 2026", "Hinweise")
    assert [line for line, _ in reading.beside] == [1, 2, 5, 8, 12]
    with pytest.raises(SheetUnknown):
        read(path, path.name, country="DE", sheet="Daten")


def test_another_category_of_datev_is_refused_by_its_name():
    with pytest.raises(OtherCategory, match="Buchungsstapel"):
        read(b'"EXTF";700;21;"Buchungsstapel";13;2026\nUmsatz;Soll\n1,00;S\n', "x.csv", country="DE")


def test_columns_that_nobody_knows_are_mapped_by_hand():
    content = b"aa;bb;cc;cc\nMax;Muster;m@muster.example;n@muster.example\n"
    by_hand = {"aa": Target(Field.GIVEN_NAME), "bb": Target(Field.FAMILY_NAME), "cc [2]": Target.parse("email")}

    draft = next(read(content, "x.csv", country="DE", mapping=by_hand).begin(0))

    assert draft.contacts == (ContactDraft(given_name="Max", family_name="Muster", email="n@muster.example"),)
    with pytest.raises(ColumnUnknown):
        read(content, "x.csv", country="DE", mapping={"dd": Target(Field.CITY)})


def questions(drafts):
    return [asked.question.value for draft in drafts for asked in draft.questions]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"Max;Muster;max@muster.example\n", ["Max Muster"]),
        (b"Max;Muster;keine;50667\nErika;Sommer;e@sommer.example;01067\n", ["Max Muster", "Erika Sommer"]),
        (b"Max;Muster;max(at)muster\nErika;Sommer;e@sommer.example\n", ["Max Muster", "Erika Sommer"]),
        (b"Max;Muster;maxmuster\nErika;Sommer;e@sommer.example\n", ["Max Muster", "Erika Sommer"]),
        (b"Arndt;Anna;1980-01-01\nBerg;Bernd;1970-02-02\n", ["Anna Arndt", "Bernd Berg"]),
        (b"Xylo;Quarz\nZinn;Yttrium\n", ["Xylo Quarz", "Zinn Yttrium"]),
        (b"1;Alpha GmbH;Anna Arndt\n2;Beta KG;Bernd Berg\n", ["Anna Arndt", "Bernd Berg"]),
    ],
)
def test_no_record_of_a_table_without_a_header_is_taken_for_one(content, names):
    reading = read(content, "x.csv", country="DE")
    drafts = [*reading.begin(0)]

    assert reading.header_line == 0
    assert [f"{one.given_name} {one.family_name}" for draft in drafts for one in draft.contacts] == names
    said = read(content, "x.csv", country="DE", mapping=reading.mapping)
    assert "name_unclear" not in questions(said.begin(0))
    assert questions(drafts).count("name_unclear") == (2 if "Xylo Quarz" in names else 0)
    assert [column.key for column in reading.columns] == [f"[{at}]" for at in range(1, content.count(b";") + 2)][
        : len(reading.columns)
    ]


def test_what_comes_back_of_a_table_without_a_header_has_one():
    content = f"{LINE};{WHY};[1];[2]\r\n3;Name;Xylo;Quarz\r\n".encode()
    names = {"[1]": Target(Field.GIVEN_NAME), "[2]": Target(Field.FAMILY_NAME)}

    reading = read(content, "x.csv", country="DE", mapping=names)

    assert [draft.contacts[0].family_name for draft in reading.begin(0)] == ["Quarz"]


def test_one_of_several_sheets_can_be_chosen_and_each_column_has_a_name_of_its_own():
    path = FILES / "two_sheets.xlsx"
    all_of_them = read(path, path.name, country="DE")

    assert (all_of_them.sheet, all_of_them.records) == (ALL_SHEETS, 4)
    assert [column.key for column in all_of_them.columns][4:7] == [
        "Ort",
        "Privatpersonen: Anrede",
        "Privatpersonen: Vorname",
    ]
    assert {len(draft.raw) for draft in all_of_them.begin(0)} == {len(all_of_them.columns)}
    assert list(all_of_them.begin(2)) == list(all_of_them.begin(0))[2:]
    by_hand = {"Privatpersonen: Telefon": Target(Field.IGNORE)}
    (last, _) = read(path, path.name, country="DE", sheet=ALL_SHEETS, mapping=by_hand).begin(2)
    assert last.contacts[0].phones == ()
    one = read(path, path.name, country="DE", sheet="Privatpersonen")
    assert [draft.line for draft in one.begin(0)] == [2, 3]
    assert [column.key for column in one.columns][:2] == ["Anrede", "Vorname"]


def test_an_encoding_that_was_guessed_can_be_said_otherwise():
    content = "Firma;Ort\nÜbelacker GmbH;Köln\n".encode("mac_roman")
    reading = read(content, "x.csv", country="DE")

    assert reading.encoding == "mac_roman"
    assert reading.guesses[0].encoding == "mac_roman"
    assert all(len(guess.lines) == 1 for guess in reading.guesses)
    assert read(content, "x.csv", country="DE", encoding="cp1252").encoding == "cp1252"
    with pytest.raises(EncodingUnfit):
        read(content, "x.csv", country="DE", encoding="klingon")


def test_a_header_of_two_rows_is_one():
    above = f'<row r="1">{text("A1", "Name")}{text("B1", "Adresse")}{text("D1", "E-Mail")}</row>'
    header = f'<row r="2">{text("A2", "Name")}{text("B2", "PLZ")}{text("C2", "Ort")}</row>'
    record = f'<row r="3">{text("A3", "Muster, Max")}<c r="B3"><v>50667</v></c>{text("D3", "m@muster.example")}</row>'

    reading = read(spreadsheet(above + header + record), "x.xlsx", country="DE")

    assert [str(column.target) for column in reading.columns] == ["name", "postcode", "city", "email"]
    assert [contact.email for draft in reading.begin(0) for contact in draft.contacts] == ["m@muster.example"]
