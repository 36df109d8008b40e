"""Every table over an enum knows all its members, in code and in templates: whoever adds a member is told where."""

import ast
import importlib
from collections.abc import Iterator
from enum import Enum, StrEnum
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from jinja2 import nodes

from deployments.web import labels
from models.people.manners import AddressForm, Language
from tasks.text.i18n import LABELS, Reader, environment, translations
from tests.test_layout import MODULES, ROOT, tree

PARTIAL = {
    ("models.agreement", "raises", "DecisionKind"): "whatever else is asked stays a question until a new version",
    ("models.time.land", "_CATHOLIC", "Land"): "elsewhere no holiday depends on the town",
    ("models.reminders.reminder", "registering", "StepName"): "pairs of step and role; any other pair is a task",
    ("models.reminders.reminder", "registering", "Role"): "pairs of step and role; any other pair is a task",
    ("models.retention.rules", "RULES", "Whose"): "each names the columns of its own rows",
    ("models.retention.rules", "CASES_STOPPED", "Whose"): "it names the columns of its own rows",
    ("models.retention.parts", "levels", "Level"): "what is set for the provider or a person is not the firm's",
    ("tasks.onboarding.registration", "STEP_OF", "Role"): "only these make accounts",
    ("tasks.mail.delivery", "LISTS", "MailKind"): "the others are not gathered",
    ("tasks.mail.delivery", "true", "MailKind"): "the others are not gathered",
    ("tasks.onboarding.invitations", "NAMED", "Role"): "a firm names only these",
    ("tasks.onboarding.registration", "PURPOSE_OF", "Role"): "who signs gets the link of the agreement",
    ("tasks.reminders.cadences", "_within", "Level"): "the provider's level is everybody's",
    ("tasks.onboarding.opening", "named", "Role"): "a request names nobody else",
    ("tasks.intake.decision_forms", "ON_THE_PAGE", "DecisionKind"): "the others are told by their facts, see _told",
    (
        "tasks.intake.decision_forms",
        "SHORTLY",
        "DecisionKind",
    ): "of the others more is to be told, or it stands on the page",
    ("tasks.agreement.uploaded_copy", "doubts", "Doubt"): "without any signature there are other doubts than with one",
    ("tasks.clients.imports.formats", "_GENERAL", "Field"): "the others are found by rules, or chosen by hand",
    ("tasks.clients.imports.formats", "_OUTLOOK", "Field"): "Outlook has no columns for the others",
    ("tasks.clients.imports.formats", "_GOOGLE", "Field"): "Google has no columns for the others",
    ("tasks.clients.imports.formats", "_DATEV", "Field"): "DATEV has no columns for the others",
    ("tasks.clients.imports.telling", "OWN_WORDS", "Question"): "the others are answered in general words",
    ("tasks.clients.imports.telling", "OWN_WORDS", "Choice"): "the others are answered in general words",
    ("tasks.clients.imports.owners", "DATEV_MOST", "Field"): "the others are not names",
    ("tasks.clients.imports.records", "SKIPPED_NUMBERS", "Skipped"): "the others are not told by a number",
    ("tasks.clients.imports.reachable", "kinds", "Field"): "any other number is a landline",
    ("deployments.web.labels", "ANSWERS", "Verdict"): "nobody's answer has no button",
    ("deployments.web.pages.firm", "PAGE_OF", "Role"): "all others stand on the page of the firm's progress",
    (
        "deployments.web.pages.reminders",
        "owners",
        "Level",
    ): "a case has no say over the provider; people are added below",
}
"""Tables that leave members out on purpose, by module, name and enum, each with the reason."""


class Table(NamedTuple):
    """Members of one enum that a piece of code tells apart."""

    place: tuple[str, str, str]
    line: int
    knows: frozenset[Enum]
    of: type[Enum]

    @property
    def lacks(self) -> list[str]:
        return [one.name for one in self.of if one not in self.knows]


def module_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts)


def value_of(node: ast.AST, names: dict[str, object]) -> object:
    """What ``Kind.MEMBER`` means in this module; None for anything else."""
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
        return None
    kind = names.get(node.value.id)
    return kind.__members__.get(node.attr) if isinstance(kind, type) and issubclass(kind, Enum) else None


def keys_of(node: ast.AST, names: dict[str, object]) -> list[list[object]]:
    """The keys of a table as rows of one or several values; empty if it is none."""
    match node:
        case ast.Dict():
            parts = [key.elts if isinstance(key, ast.Tuple) else [key] for key in node.keys if key is not None]
        case ast.Match() if not any(isinstance(one.pattern, ast.MatchAs) and not one.guard for one in node.cases):
            patterns = [one.pattern for one in node.cases]
            alternatives = [p.patterns if isinstance(p, ast.MatchOr) else [p] for p in patterns]
            parts = [[one.value] if isinstance(one, ast.MatchValue) else [] for few in alternatives for one in few]
        case _:
            return []
    return [[value_of(part, names) for part in row] for row in parts]


def tables(path: Path) -> Iterator[Table]:
    """Every dictionary and every ``match`` without a default in this module whose keys are members of enums."""
    names = vars(importlib.import_module(module_of(path)))

    def within(node: ast.AST, name: str) -> Iterator[Table]:
        for child in ast.iter_child_nodes(node):
            target = next(iter(getattr(child, "targets", [])), getattr(child, "target", None))
            inner = getattr(child, "name", None) or getattr(target, "id", None) or name
            inner = inner if isinstance(inner, str) else name
            rows = keys_of(child, names)
            for column in zip(*rows, strict=True) if rows and len({len(row) for row in rows}) == 1 else ():
                kinds = {type(one) for one in column}
                if len(kinds) == 1 and issubclass(kind := kinds.pop(), Enum):
                    place = (module_of(path), inner, kind.__name__)
                    yield Table(place, child.lineno, frozenset(column), kind)
            yield from within(child, inner)

    yield from within(tree(path), "")


RULED = [path for path in MODULES if path.parts[1] != "migrations"]


@cache
def every() -> list[Table]:
    return [table for path in RULED for table in tables(path)]


def kinds() -> set[type[StrEnum]]:
    values = (value for path in RULED for value in vars(importlib.import_module(module_of(path))).values())
    return {kind for kind in values if isinstance(kind, type) and issubclass(kind, StrEnum) and kind is not StrEnum}


def named(table: Table) -> str:
    return f"{table.place[0]}:{table.line} {table.place[1]}[{table.of.__name__}]"


def test_every_table_over_an_enum_knows_all_its_members():
    faults = {named(table): table.lacks for table in every() if table.lacks and table.place not in PARTIAL}

    assert faults == {}
    assert len(every()) > 40  # Else nothing was looked at.


def test_every_exception_is_of_a_table_that_is_there_and_leaves_something_out():
    assert PARTIAL.keys() - {table.place for table in every() if table.lacks} == set()


def test_the_search_sees_dictionaries_and_matches_wherever_they_stand(tmp_path, monkeypatch):
    source = """
from models.people.person import AddressForm, Language
GLOBAL = {Language.GERMAN: 1, Language.FRENCH: 2}
def local(asked):
    return {AddressForm.SIE: 1}[asked]
def matched(asked):
    match asked:
        case Language.GERMAN | Language.ENGLISH:
            return 1
def whole(asked):
    match asked:
        case Language.GERMAN:
            return 1
        case _:
            return 2
PAIRS = {(Language.GERMAN, AddressForm.DU): 1}
"""
    (tmp_path / "toy_tables.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("tests.test_layout.ROOT", tmp_path)

    seen = [(table.place[1], table.of, table.lacks) for table in tables(Path("toy_tables.py"))]

    assert seen == [
        ("GLOBAL", Language, ["ENGLISH"]),
        ("local", AddressForm, ["DU"]),
        ("matched", Language, ["FRENCH"]),
        ("PAIRS", Language, ["FRENCH", "ENGLISH"]),
        ("PAIRS", AddressForm, ["SIE"]),
    ]


def test_every_member_of_every_enum_can_be_asked_for_all_that_its_kind_tells():
    asked = [
        (member, name)
        for kind in kinds()
        for name, value in vars(kind).items()
        if isinstance(value, property)
        for member in kind
    ]

    assert [(member, name) for member, name in asked if getattr(member, name) in {None, ""}] == []
    assert asked


def test_every_table_in_a_template_knows_all_members():
    """Written there with the values of an enum: ``{'open': 'good', ...}[case.state]``."""
    faults, seen = {}, 0
    for file in sorted(ROOT.glob("*/**/templates/**/*.html")):
        for looked_up in environment(Reader()).parse(file.read_text()).find_all(nodes.Getitem):
            if not isinstance(looked_up.node, nodes.Dict):
                continue
            seen += 1
            keys = {pair.key.value for pair in looked_up.node.items if isinstance(pair.key, nodes.Const)}
            fitting = [kind for kind in kinds() if keys <= {one.value for one in kind}]
            if fitting and not any(keys == {one.value for one in kind} for kind in fitting):
                faults[f"{file.relative_to(ROOT)}:{looked_up.lineno}"] = sorted(keys)

    assert faults == {}
    assert seen


@pytest.mark.parametrize("catalogue", ["de", "fr"])
def test_every_member_is_called_something_in_every_language(catalogue):
    """And not by its value, which is what is left where a catalogue knows nothing."""
    spoken = translations(catalogue)._catalog
    shown = [text for labels_of in LABELS.values() for text in labels_of.values()]
    shown += [
        text
        for name, table in vars(labels).items()
        if name.isupper() and isinstance(table, dict)
        for text in table.values()
    ]

    assert [text for text in shown if not spoken.get(text)] == []
