import pickle
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest
from pydantic import ValidationError

from models.db import transaction
from models.errors import ProvisionError
from models.mail.mail_server import MailServer
from models.people.mail_address import AddressUnwritable
from models.people.person import NameMissing, name_parts
from models.request import LineUnclear, check_people, named, parse_people
from models.time.clock import now
from tasks.people.operators import appoint
from tests.each import each
from tests.factories import request

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "line",
    [
        "Erika Muster <erika@freitag.example>",
        "Erika Muster; erika@freitag.example",
        "Erika Muster\terika@freitag.example",
        "  Erika   Muster  <Erika@Freitag.example> ",
    ],
)
def test_people_are_read_one_a_line(line):
    (one,) = parse_people(f"\n{line}\n\n")

    assert one.email == "erika@freitag.example"
    assert " ".join(one.name.split()) == "Erika Muster"


ERIKA, MAX = ("Erika Muster", "erika@freitag.example"), ("Max Beispiel", "max@freitag.example")


@pytest.mark.parametrize(
    "line",
    [
        "Erika Muster <erika@freitag.example>, Max Beispiel <max@freitag.example>",
        "Erika Muster <erika@freitag.example> Max Beispiel <max@freitag.example>",
        "Erika Muster <erika@freitag.example>; Max Beispiel <max@freitag.example>;",
        '"Muster, Erika" <erika@freitag.example>; "Beispiel, Max" <max@freitag.example>',
        "Muster, Erika <erika@freitag.example>, Beispiel, Max <mailto:max@freitag.example>",
        "'Erika Muster' <erika@freitag.example>\tMax Beispiel (max@freitag.example)",
    ],
)
def test_people_pasted_from_an_address_book_are_as_many_as_stand_there(line):
    people = parse_people(line)

    assert [(" ".join(name_parts(one.name)), one.email) for one in people] == [ERIKA, MAX]


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("Muster, Erika <erika@freitag.example>", ("Erika", "Muster")),
        ("Dr. Erika Muster, LL.M.; erika@freitag.example", ("Dr. Erika", "Muster")),
        ("Erika Muster, Steuerberaterin; erika@freitag.example", ("Erika", "Muster")),
        ("erika@freitag.example; Erika Muster", ("Erika", "Muster")),
        ("Erika\u200b Muster <erika@freitag\u200b.example>", ("Erika", "Muster")),
    ],
)
def test_commas_within_a_name_make_no_second_person(line, parts):
    (one,) = parse_people(line)

    assert name_parts(one.name) == parts
    assert one.email == "erika@freitag.example"


@pytest.mark.parametrize(
    "line",
    [
        "Erika Muster | erika@freitag.example", "Erika Muster – erika@freitag.example",
        "Erika Muster - erika@freitag.example", "Erika Muster/erika@freitag.example",
        "Erika Muster: erika@freitag.example", "„Erika Muster“ <erika@freitag.example>",
        "»Erika Muster« ‹erika@freitag.example›", "1. Erika Muster <erika@freitag.example>",
        "- Erika Muster <erika@freitag.example>", "• Erika Muster, erika@freitag.example",
        "An: Erika Muster <erika@freitag.example>", "Erika Muster, erika@freitag.example.",
        "=?utf-8?Q?Erika_M=75ster?= <erika@freitag.example>", "Erika Muster, erika@freitag.example, 089 123456",
        '"Muster, Erika (Kanzlei Freitag)" <erika@freitag.example>',
    ],
)  # fmt: skip
def test_what_sets_a_name_off_is_no_part_of_it(line):
    (one,) = parse_people(line)

    assert (name_parts(one.name), one.email) == (("Erika", "Muster"), "erika@freitag.example")


@pytest.mark.parametrize(
    "name",
    [
        "मोहन चौहान", "Erika O’Hara", "Jean-Pierre d'Arc", "Max Beispiel jun.", "Eva Müller–Lüdenscheidt",
        "Marc Gal·la", "マリア・ムスター 山田",
    ],
)  # fmt: skip
def test_a_pasted_name_keeps_its_own_signs(name):
    (one,) = parse_people(f"{name} <erika@freitag.example>")

    assert one.name == name


@pytest.mark.parametrize(
    "line",
    [
        "Muster;Erika;erika@freitag.example",
        "Erika <erika@freitag.example> Muster",
        "Max & Erika Muster; erika@freitag.example",
        "Erika = Muster <erika@freitag.example>",
        "Erika Muster – Kanzlei Freitag <erika@freitag.example>",
        "Erika Muster <a/erika@freitag.example>",
    ],
)
def test_a_line_that_can_be_read_in_two_ways_is_refused_and_not_guessed(line):
    with pytest.raises(LineUnclear):
        parse_people(line)


def test_one_person_in_two_spellings_is_no_couple():
    check_people(parse_people("Erika Muster; erika@freitag.example\nMuster, Erika <erika@freitag.example>"))


def test_a_line_that_names_nobody_is_told():
    with pytest.raises(NameMissing, match=r"erika@freitag\.example"):
        parse_people("erika@freitag.example")
    with pytest.raises(ProvisionError, match="Erika"):
        parse_people("Erika Muster")


@pytest.mark.parametrize(
    "changes",
    [
        {"firm_name": "  "},
        {"line_of_business": "other"},
        {"website": "nowhere"},
        {"postcode": "1"},
        {"preferred_number": "12"},
        {"interval": None},
        {"logo_permission_by": "Erika Muster"},
        {"organiser": {"name": ",", "email": "erika@freitag.example"}},
        {"organiser": {"name": "Erika", "email": "nowhere"}},
        {"contact": {"name": "Karl", "email": "nowhere"}},
        {"caseworkers": [{"name": "Jan", "email": "nowhere"}]},
    ],
)
def test_a_request_that_cannot_be_is_refused_in_a_sentence(changes):
    with pytest.raises(ProvisionError) as refusal:
        request(**changes).check()

    assert refusal.value.status == 422
    assert str(refusal.value).endswith((".", "”."))


def test_what_is_not_known_is_refused_and_not_ignored():
    with pytest.raises(ValidationError):
        request(firma="x")


def refusals():
    for ring in ("models", "tasks", "deployments"):
        for file in sorted((ROOT / ring).rglob("*.py")):
            if "ProvisionError" in file.read_text() and "migrations" not in file.parts and file.stem != "__main__":
                import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
    found, waiting = [], [ProvisionError]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            found.append(kind)
            waiting.append(kind)
    return sorted(set(found), key=lambda kind: kind.__qualname__)


@each("kind", refusals())
def test_a_refusal_survives_the_way_through_prefect_and_says_its_sentence(kind):
    own = kind.__init__ is not Exception.__init__
    wanted = [p for p in signature(kind).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD] if own else []
    error = kind(*[7 if "int" in str(p.annotation) else "Müller & Söhne „100 %“" for p in wanted])

    back = pickle.loads(pickle.dumps(error))

    assert (type(back), back.args, str(back)) == (kind, error.args, str(error))
    assert vars(back) == vars(error)
    assert "%(" not in str(error)
    assert 400 <= kind.status < 500 or kind.status in {500, 503}  # Ours, or nobody's: it may work again soon.


def seen_server(*, smtputf8):
    with transaction() as session:
        MailServer.note(session, now(), smtputf8=smtputf8, took=True)


DOORS = {
    "row of a form": lambda address: named("Jörg Muster", address),
    "pasted list": lambda address: parse_people(f"Jörg Muster <{address}>"),
    "request": lambda address: request(organiser={"name": "Jörg Muster", "email": address}).check(),
    "caseworkers of a request": lambda address: request(caseworkers=[{"name": "Jörg", "email": address}]).check(),
    "operator": lambda address: appoint(address, "test"),
}


@pytest.mark.parametrize("door", DOORS)
def test_an_address_that_the_mail_server_cannot_write_to_is_taken_at_no_door(door):
    with pytest.raises(AddressUnwritable, match=r"jörg@freitag\.example.*before the @"):
        DOORS[door]("Jörg@freitag.example")
    seen_server(smtputf8=False)
    with pytest.raises(AddressUnwritable):
        DOORS[door]("jörg@freitag.example")

    seen_server(smtputf8=True)
    DOORS[door]("jörg@freitag.example")
    DOORS[door]("joerg@freitäg.example")
