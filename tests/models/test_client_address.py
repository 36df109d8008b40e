"""Where clients are in the world, how they are called on the telephone, and how they pay taxes."""

import pytest

from models.clients.address import (
    CountryUnknown,
    PostcodeUnfit,
    VatIdInvalid,
    countries,
    country_code,
    postcode,
    vat_id,
)
from models.clients.phone import PhoneInvalid, phone_number, shown


@pytest.mark.parametrize(
    ("written", "country", "number"),
    [
        ("030 5550100", "DE", "+49305550100"),
        ("030/5550-100", "DE", "+49305550100"),
        ("+49 (0)30 5550100", "CH", "+49305550100"),
        ("0049 30 5550100", "CH", "+49305550100"),
        ("491713920012", "DE", "+491713920012"),
        ("1713920012", "DE", "+491713920012"),
        ("043 123 45 67", "CH", "+41431234567"),
        ("01 2345678", "AT", "+4312345678"),
    ],
)
def test_a_number_is_kept_as_every_country_can_dial_it(written, country, number):
    assert phone_number(written, country) == number
    assert phone_number(number, country) == number


@pytest.mark.parametrize(
    "written", ["", "112", "(dienstl.) 030 5550100", "030 5550100 DW 12", "2211234567.0x", "1,59E+11", "+49", "0" * 19]
)
def test_what_is_no_number_is_named(written):
    with pytest.raises(PhoneInvalid, match="is not a telephone number"):
        phone_number(written)


def test_a_number_is_read_as_at_home_only_there():
    assert shown("+49305550100", "DE") == "030 5550100"
    assert shown("+49305550100", "CH") == "+49 30 5550100"


@pytest.mark.parametrize(
    ("written", "country", "kept"),
    [
        ("01067", "DE", "01067"),
        ("1010", "AT", "1010"),
        ("8001", "CH", "8001"),
        ("9490", "LI", "9490"),
        ("1012 ab", "NL", "1012 AB"),
        ("sw1a 1aa", "GB", "SW1A 1AA"),
        ("", "DE", ""),
        ("ABC 123", "KE", "ABC 123"),
    ],
)
def test_a_postcode_fits_its_country(written, country, kept):
    assert postcode(written, country) == kept


@pytest.mark.parametrize(
    ("written", "country"), [("1067", "DE"), ("01067", "AT"), ("٠١٢٣٤", "DE"), ("1" * 11, "KE"), ("1012AB1", "NL")]
)
def test_a_postcode_of_another_country_is_refused_with_both(written, country):
    with pytest.raises(PostcodeUnfit) as refusal:
        postcode(written, country)
    assert (refusal.value.postcode, refusal.value.country) == (written, country)


def test_countries_are_those_that_there_are():
    assert len(countries()) == 250  # ISO 3166-1 has 249.
    assert country_code(" de ") == "DE"
    for nothing in ("", "D", "EU", "ZZ", "XX", "Deutschland"):
        with pytest.raises(CountryUnknown):
            country_code(nothing)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("DE 136 695 976", "DE136695976"),
        ("atu12345675", "ATU12345675"),
        ("GR 094259216", "EL094259216"),
        ("EL094259216", "EL094259216"),
        ("CHE-116.281.710 MWST", "CHE116281710MWST"),
        ("", ""),
    ],
)
def test_a_vat_id_is_kept_without_what_stands_between(written, kept):
    assert vat_id(written) == kept


@pytest.mark.parametrize("written", ["DE136695977", "136695976", "XX123", "US12-3456789", "DE"])
def test_a_vat_id_with_a_wrong_digit_or_of_no_country_is_refused(written):
    with pytest.raises(VatIdInvalid):
        vat_id(written)
