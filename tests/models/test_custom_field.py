"""What fits into a firm's own fields."""

import pytest

from models.clients.custom_field import (
    CHOICES_MOST,
    VALUE_MOST,
    ChoicesMissing,
    CustomField,
    FieldKind,
    FieldOf,
    NoChoice,
    NoDate,
    NoNumber,
    read_all,
)
from models.clients.label import LABEL_MOST
from models.db import transaction
from models.firm import Firm, WebsiteInvalid
from models.people.manners import Language
from models.text import TextTooLong
from models.time.clock import now
from tests.each import each

DE, FR, EN = Language.GERMAN, Language.FRENCH, Language.ENGLISH


def field(kind, key=1, choices=()):
    return CustomField(id=key, kind=kind, choices=list(choices), belongs_to=FieldOf.ACCOUNT)


def read(kind, written, language=DE, **more):
    return field(kind, choices=more.pop("choices", ())).read(written, language, **more)


@pytest.mark.parametrize(
    ("written", "german", "french", "english"),
    [
        ("1.234,5", "1234.5", "1234.5", "1234.5"),
        ("1,234.5", "1234.5", "1234.5", "1234.5"),
        ("1 234,5", "1234.5", "1234.5", "1234.5"),
        ("1\u202f234,5", "1234.5", "1234.5", "1234.5"),
        ("1'234.50", "1234.50", "1234.50", "1234.50"),
        ("12,5", "12.5", "12.5", "12.5"),
        ("12.5", "12.5", "12.5", "12.5"),
        # These are what they are to the reader.
        ("1.234", "1234", "1.234", "1.234"),
        ("1,234", "1.234", "1.234", "1234"),
        ("-5", "-5", "-5", "-5"),
        ("−5", "-5", "-5", "-5"),
        ("+5", "5", "5", "5"),
        ("007", "7", "7", "7"),
        ("0,50", "0.50", "0.50", "0.50"),
        ("1.000.000", "1000000", "1000000", "1000000"),
    ],
)
def test_a_number_is_read_in_the_signs_of_its_reader_and_kept_in_those_of_no_country(written, german, french, english):
    assert [read(FieldKind.NUMBER, written, language) for language in (DE, FR, EN)] == [german, french, english]


@each(
    "written",
    ["zwölf", "1.5.2", "1e5", "1e999999", "NaN", "Infinity", "--5", "5-", ",", ".", "1,2,3", "٣", "1 2", "5 €"],
)
@each("language", Language)
def test_what_is_no_number_is_refused_with_what_was_written(written, language):
    with pytest.raises(NoNumber) as refused:
        read(FieldKind.NUMBER, written, language)
    assert refused.value.value == written


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("31.12.2026", "2026-12-31"),
        ("1. 2. 2026", "2026-02-01"),
        ("1/2/2026", "2026-02-01"),
        ("2026-12-31", "2026-12-31"),
        ("29.02.2028", "2028-02-29"),
    ],
)
def test_a_day_is_read_as_browsers_and_people_write_it(written, kept):
    assert read(FieldKind.DATE, written) == kept


@pytest.mark.parametrize(
    "written", ["29.02.2026", "12/31/2026", "31.12.26", "20261231", "2026-W01-1", "gestern", "0.0.0000", "2026-1-1"]
)
def test_what_is_no_day_is_refused(written):
    with pytest.raises(NoDate):
        read(FieldKind.DATE, written)


def test_a_choice_is_one_of_those_offered_and_one_that_is_offered_no_more_stays_where_it_is():
    offered = {"choices": ["rot", "blau"]}

    assert read(FieldKind.CHOICE, "rot", **offered) == "rot"
    assert read(FieldKind.CHOICE, "grün", held="grün", **offered) == "grün"
    assert read(FieldKind.CHOICE, "", held="grün", **offered) is None
    for wrong in ("grün", "Rot"):
        with pytest.raises(NoChoice):
            read(FieldKind.CHOICE, wrong, held="gelb", **offered)


@pytest.mark.parametrize(("written", "kept"), [("yes", True), ("no", False), ("", None), ("maybe", None)])
def test_yes_no_and_neither_are_three_things(written, kept):
    assert read(FieldKind.YES_NO, written) is kept


def test_a_link_gets_its_scheme_and_leads_to_a_website_only():
    assert read(FieldKind.LINK, "akte.example/1") == "https://akte.example/1"
    for wrong in ("javascript:alert(1)", "nirgends", "ftp://akte.example"):
        with pytest.raises(WebsiteInvalid):
            read(FieldKind.LINK, wrong)


def test_a_text_is_one_line_within_its_length():
    assert read(FieldKind.TEXT, "  zwei \n Worte ") == "zwei Worte"
    with pytest.raises(TextTooLong) as refused:
        read(FieldKind.TEXT, "x" * (VALUE_MOST + 1))
    assert refused.value.field == "field-1"


@pytest.mark.parametrize("kind", FieldKind)
@pytest.mark.parametrize("nothing", ["", "  ", "\u200b"])
def test_nothing_is_nothing_in_every_kind(kind, nothing):
    assert read(kind, nothing) is None


def test_choices_are_offered_once_each_and_two_or_more():
    asked = field(FieldKind.CHOICE)

    asked.offer([" rot ", "", "blau", "Rot", "blau"])
    assert asked.choices == ["rot", "blau"]

    for few in ([], ["rot"], ["rot", "ROT"], [str(number) for number in range(CHOICES_MOST + 1)]):
        with pytest.raises(ChoicesMissing):
            asked.offer(few)
    with pytest.raises(TextTooLong) as refused:
        asked.offer(["rot", "x" * (LABEL_MOST + 1)])
    assert refused.value.field == "choices"
    assert asked.choices == ["rot", "blau"]


def test_other_kinds_offer_nothing():
    asked = field(FieldKind.NUMBER)

    asked.offer(["rot"])

    assert asked.choices == []


def test_all_that_is_wrong_is_told_at_its_field_and_what_no_form_shows_stays():
    fields = [
        field(FieldKind.NUMBER, 1),
        field(FieldKind.DATE, 2),
        field(FieldKind.TEXT, 3),
        field(FieldKind.YES_NO, 4),
    ]
    held = {"field-1": "7", "field-3": "alt", "field-9": "weggelegt", "field-4": True}

    values, wrong = read_all(fields, {"field-1": "x", "field-2": "y", "field-3": ""}, DE, held)
    assert {name: type(refusal) for name, refusal in wrong.items()} == {"field-1": NoNumber, "field-2": NoDate}
    assert values == {"field-1": "7", "field-9": "weggelegt"}

    values, wrong = read_all(fields, {"field-1": "1,5", "field-2": "1.2.2026", "field-4": "no"}, DE, held)
    assert (values, wrong) == (
        {"field-1": "1.5", "field-2": "2026-02-01", "field-4": False, "field-9": "weggelegt"},
        {},
    )


def test_forms_show_fields_in_the_order_in_which_they_were_made_and_none_that_is_put_away():
    with transaction() as session:
        firm = Firm(name="Eins", line_of_business="tax", created_at=now())
        session.add(firm)
        session.flush()
        for name, belongs_to in (("Z", FieldOf.ACCOUNT), ("A", FieldOf.ACCOUNT), ("K", FieldOf.CONTACT)):
            row = CustomField(firm_id=firm.id, belongs_to=belongs_to, kind=FieldKind.TEXT, choices=[])
            row.call(session, name)
            session.add(row)
            session.flush()
        away = CustomField(firm_id=firm.id, belongs_to=FieldOf.ACCOUNT, kind=FieldKind.TEXT, archived_at=now())
        away.call(session, "Weg")
        session.add(away)
        session.flush()

        assert [row.name for row in CustomField.shown(session, firm.id, FieldOf.ACCOUNT)] == ["Z", "A"]
        assert [row.name for row in CustomField.of(session, firm.id)] == ["A", "K", "Weg", "Z"]
