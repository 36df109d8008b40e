"""What people write into cells: names, telephone numbers, addresses; nothing that is left out is left out silently."""

import pytest

from tasks.clients.imports.draft import NoteKind
from tasks.clients.imports.reading import read
from tasks.clients.imports.words import NOTES


def one_contact(**cells):
    """The only draft of a table of one record, with these cells under these headers."""
    table = f"{';'.join(cells)}\n{';'.join(cells.values())}\n"
    return next(read(table.encode(), "x.csv", country="DE").begin(0))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Muster, Max", ("", "", "Max", "Muster")),
        ("MUSTERMANN Max", ("", "", "Max", "MUSTERMANN")),
        ("Frau Prof. Dr. X von der Y", ("Frau", "Prof. Dr.", "X", "von der Y")),
        ("Klein LL.M., Nora", ("", "LL.M.", "Nora", "Klein")),
        ("Dr. Karl von und zu Hohenfels", ("", "Dr.", "Karl", "von und zu Hohenfels")),
        ("Herrn Dr.-Ing. Jan van der Berg", ("Herr", "Dr.-Ing.", "Jan", "van der Berg")),
    ],
)
def test_salutation_titles_and_both_names_are_told_apart(name, parts):
    (contact,) = one_contact(Mandant=name, Ort="Köln").contacts

    assert (contact.salutation, contact.title, contact.given_name, contact.family_name) == parts


def test_a_client_beside_its_name_is_a_number_and_a_postcode_without_a_town_is_one():
    draft = one_contact(**{"Mandant": "10100", "Mandantenname": "Muster, Max", "PLZ / Ort": "D-50667"})

    assert (draft.account.number, draft.contacts[0].family_name) == ("10100", "Muster")
    assert (draft.account.postcode, draft.account.city) == ("50667", "")


def test_what_is_left_of_a_name_or_a_number_is_told():
    draft = one_contact(Ansprechpartner="Max Muster (Inhaber)", Firma="A GmbH", Telefon="0221 4710158 DW 12, abends")

    assert [(note.kind.value, note.facts["value"]) for note in draft.notes] == [
        ("name_part", "Inhaber"),
        ("phone_extension", "DW 12"),
    ]
    assert [phone.number for phone in draft.contacts[0].phones] == ["+492214710158"]
    assert set(NOTES) == set(NoteKind)


def test_a_telephone_for_faxes_is_known_by_its_words():
    draft = one_contact(Vorname="Max", Nachname="Muster", Telefon="Fax: 0221 4710158", Handy="+49 171 3920011")

    assert [phone.kind.value for phone in draft.contacts[0].phones] == ["fax", "mobile"]


def test_a_cell_of_any_length_takes_no_time():
    long = "(a" + "b" * 900_000

    draft = one_contact(Vorname="Max", Nachname="Muster", Telefon=long, Notiz="kurz")

    assert [(asked.question.value, asked.facts["field"]) for asked in draft.questions] == [("too_long", "Telefon")]


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        ("0221/4710156/0171 3920011", ["+492214710156", "+491713920011"]),
        ("0221 4710156 0171 3920011", ["+492214710156", "+491713920011"]),
        ("0221 4710156 ab 14 Uhr", ["+492214710156"]),
        ("0221 4710156, 9-12 Uhr", ["+492214710156"]),
        ("0221 4710150 bis 59", ["+492214710150"]),
        ("+44 7700 900123", ["+447700900123"]),
        ("0123456789", []),
    ],
)
def test_of_several_numbers_none_is_lost_and_no_hour_is_dialled(written, numbers):
    draft = one_contact(Vorname="Max", Nachname="Muster", Telefon=written)

    assert [phone.number for phone in draft.contacts[0].phones] == numbers
    assert bool(draft.notes) == (not numbers or written.endswith("59"))


def test_a_second_customer_number_is_told():
    draft = one_contact(Kundennummer="1001", Debitorennummer="10001", Firma="A GmbH", Ansprechpartner="Max Muster")

    assert (draft.account.number, draft.notes[0].facts["value"]) == ("1001", "10001")
