"""What a client's account is called, and what is no name of one person."""

import pytest

from models.clients.naming import ClientNameMissing, Doubt, NameFormat, account_name, doubts, filed_as, safe_in_windows
from models.text import TextTooLong


@pytest.mark.parametrize(
    ("given", "family", "family_first", "given_first"),
    [
        ("Erika", "Muster", "Muster, Erika", "Erika Muster"),
        ("", "Müller GmbH", "Müller GmbH", "Müller GmbH"),
        ("Marie-Luise", "von der Tann", "von der Tann, Marie-Luise", "Marie-Luise von der Tann"),
    ],
)
def test_an_account_is_filed_in_the_order_that_the_firm_has_chosen(given, family, family_first, given_first):
    assert filed_as(given, family, NameFormat.FAMILY_FIRST) == family_first
    assert filed_as(given, family, NameFormat.GIVEN_FIRST) == given_first


def test_a_name_is_composed_and_within_its_length():
    assert account_name("  Mu\u0308ller \u00a0 &  Söhne\n") == "Müller & Söhne"
    assert account_name("1. FC 07") == "1. FC 07"
    for nothing in ("", "  ", "–", "\u200b"):
        with pytest.raises(ClientNameMissing):
            account_name(nothing)
    with pytest.raises(TextTooLong):
        account_name("x" * 201)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Müller/Söhne", "Müller-Söhne"),
        ('A: "B" \\ C|D? *', "A- -B- - C-D- -"),
        ("CON", "CON_"),
        ("nul.txt", "nul_.txt"),
        ("Muster GmbH.", "Muster GmbH"),
        ("..", "-"),
        ("Muster, Erika", "Muster, Erika"),
        ("Freitag & Kollegen (Köln)", "Freitag & Kollegen (Köln)"),
    ],
)
def test_what_windows_forbids_in_folders_is_replaced_and_nothing_else(name, safe):
    assert safe_in_windows(name) == safe
    assert safe_in_windows(safe) == safe


@pytest.mark.parametrize(
    ("given", "family", "found"),
    [
        ("Max und Erika", "Muster", [Doubt.TWO_PEOPLE]),
        ("Max u. Erika", "Muster", [Doubt.TWO_PEOPLE]),
        ("Max & Erika", "Muster", [Doubt.TWO_PEOPLE]),
        ("Eheleute", "Sommer", [Doubt.TWO_PEOPLE]),
        ("", "Müller GmbH & Co. KG", [Doubt.COMPANY]),
        ("", "Meier & Partner", [Doubt.COMPANY]),
        ("Amtsgericht", "Köln", [Doubt.COMPANY]),
        ("Dr.", "Sommer", [Doubt.DEGREE]),
        ("Prof. Dr. jur.", "Tann", [Doubt.DEGREE]),
        ("Frau", "Muster", [Doubt.DEGREE]),
        ("Sandra", "Undeutsch", []),
        ("Erika", "von der Tann", []),
        ("Karl", "von und zu Hohenfels", []),
        ("Karl von und Erika", "Muster", [Doubt.TWO_PEOPLE]),
        ("Drago", "Prof", []),
        ("Ingrid", "Magerl", []),
        ("Anna-Lena", "Ag", []),
        ("Gundula", "Kg", []),
    ],
)
def test_two_people_companies_and_degrees_are_doubted_and_names_are_not(given, family, found):
    assert doubts(given, family) == found
