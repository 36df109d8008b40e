"""The shape of the code base: who may know whom, and what must not be in it."""

import ast
import re
import subprocess
import sys
from fnmatch import fnmatch
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path, PurePosixPath

from models.decision import DecisionKind
from models.mail.outbox import MailKind
from tests.each import each

ROOT = Path(__file__).parents[1]
RINGS = ["models", "tasks", "flows", "deployments"]
ROOMS = [
    *("engine", "untrusted", "text", "mail", "people", "logos"),
    *("agreement", "onboarding", "contracts", "clients", "reminders", "retention", "backup", "audit", "intake"),
]
"""The subjects of ``tasks``, lowest first: one may use those before it."""
MODULES = [path.relative_to(ROOT) for ring in RINGS for path in sorted((ROOT / ring).rglob("*.py"))]


def of(ring: str) -> list[Path]:
    return [path for path in MODULES if path.parts[0] == ring]


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in filter(None, listed.split("\0")) if (ROOT / name).is_file()]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text())


@cache
def known_to(path: Path) -> set[str]:
    """First names of all modules that this one imports, anywhere in it."""
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." if node.level else node.module or "")
    return {name.split(".")[0] for name in names}


@cache
def called_in(path: Path) -> set[str]:
    calls = (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))
    return {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)}


@each("path", MODULES)
def test_imports_point_inwards_and_are_absolute(path):
    outer = RINGS[RINGS.index(path.parts[0]) + 1 :]

    assert known_to(path).isdisjoint([*outer, "tests", ""])


@cache
def imported_by(path: Path) -> set[str]:
    """All that this module imports, whichever way it is written; ``from a import b`` gives ``a`` and ``a.b``."""
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def test_every_task_is_in_a_room():
    assert {path.parts[1] for path in of("tasks")} == {*ROOMS, "__init__.py"}


@each("path", [path for path in of("tasks") if len(path.parts) > 2])
def test_rooms_use_those_below_them(path):
    above = ROOMS[ROOMS.index(path.parts[1]) + 1 :]

    assert {name.split(".")[1] for name in imported_by(path) if name.startswith("tasks.")}.isdisjoint(above)


def test_no_modules_need_each_other():
    names = {".".join(path.with_suffix("").parts): path for path in MODULES if path.name != "__init__.py"}

    TopologicalSorter({name: imported_by(path) & names.keys() for name, path in names.items()}).prepare()


@each("path", MODULES)
def test_weasyprint_is_loaded_by_whoever_prints_and_no_sooner(path):
    at_once = [node for node in tree(path).body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {getattr(node, "module", None) or alias.name for node in at_once for alias in node.names}

    if path != Path("tasks/agreement/printing.py"):
        assert not [name for name in names if name.startswith(("weasyprint", "tasks.agreement.printing"))]


@each("path", of("models"))
def test_the_rules_know_nothing_of_engine_network_or_pages(path):
    assert known_to(path).isdisjoint({"prefect", "httpx", "fastapi", "starlette", "jinja2", "smtplib", "urllib3"})


@each("path", [p for p in MODULES if p.parts[1] != "migrations"])
def test_only_the_database_module_ends_transactions(path):
    if path != Path("models/db.py"):
        assert called_in(path).isdisjoint({"commit", "rollback", "begin_nested"})


def makers(path: Path, kind: str) -> dict[str, str]:
    """The public functions of this module that return such a row, by their names."""
    functions = [node for node in tree(path).body if isinstance(node, ast.FunctionDef) and node.returns]
    public = [one for one in functions if not one.name.startswith("_") and ast.unparse(one.returns) == kind]
    return {one.name: ast.unparse(one) for one in public}


def drafting(kind: str) -> list[Path]:
    """The modules that make rows of this class."""
    ways = {kind, f"{kind}.draft"}
    calls = {path: [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)] for path in MODULES}
    return [path for path in MODULES if ways & {ast.unparse(call.func) for call in calls[path]}]


LETTERS = [path for path in MODULES if path.parent == Path("tasks/mail/letters") and path.stem != "draft"]


def test_every_kind_of_mail_has_its_letter():
    """One function of its name, which drafts no other kind."""
    letters = {name: text for path in LETTERS for name, text in makers(path, "Outgoing").items()}

    kinds = {name: set(re.findall(r"MailKind\.(\w+)", text)) for name, text in letters.items()}
    assert kinds == {kind.value: {kind.name} for kind in MailKind}


def test_every_kind_of_question_has_its_function():
    """One function of its name, which drafts no other kind."""
    questions = makers(Path("models/questions.py"), "Decision")

    kinds = {name: set(re.findall(r"DecisionKind\.(\w+)", text)) for name, text in questions.items()}
    assert kinds == {kind.value: {kind.name} for kind in DecisionKind}


def test_questions_are_drafted_where_questions_are():
    assert drafting("Decision") == [Path("models/questions.py")]


def test_mails_are_drafted_where_letters_are():
    assert {path.parent for path in drafting("Outgoing")} == {Path("tasks/mail/letters")}


@each("path", of("flows"))
def test_a_flow_file_hides_no_other_module(path):
    """Prefect puts the folder of a flow first on the path when it loads ``flows/x.py:y``."""
    taken = {*sys.stdlib_module_names, *packages_distributions(), *RINGS, "tests"}

    assert path.stem == "__init__" or path.stem not in taken


@each("path", of("flows"))
def test_flow_files_define_flows_only(path):
    """A flow file loaded by its path is a second module beside the imported one: its classes would be two."""
    assert not [node for node in tree(path).body if isinstance(node, ast.ClassDef)]


def test_packages_are_empty():
    assert [path for path in tracked() if path.name == "__init__.py" and path.read_text()] == []


def test_the_top_level_is_what_was_asked_for():
    folders = {path.relative_to(ROOT).parts[0] for path in tracked() if path.parent != ROOT}

    assert {name for name in folders if not name.startswith(".")} == {*RINGS, "tests"}


def test_nothing_tells_of_one_machine():
    """No home or working folder of anybody, no package registry but the usual one."""
    machine = re.compile(
        rb"/(?:root|home|work|Users|workspace)/\w|--(?:index-url|extra-index-url|trusted-host)[ =]\S|PIP_INDEX_URL"
    )
    told = [path for path in tracked() if path != Path(__file__) and machine.search(path.read_bytes())]

    assert told == []


def test_no_secret_and_no_data_goes_into_the_image():
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]

    def fits(place: str, rule: str) -> bool:
        if rule.startswith("**/"):
            return fnmatch(place.rpartition("/")[2], rule.removeprefix("**/"))
        return "/" not in place and fnmatch(place, rule)

    def is_taken(path: str) -> bool:
        """As Docker reads it: the last rule that fits the path, or a folder above it, counts."""
        places = [path, *map(str, PurePosixPath(path).parents)]
        fitting = [
            rule for rule in rules if any(fits(place, rule.removeprefix("!")) for place in places[:-1] or places)
        ]
        return not fitting or fitting[-1].startswith("!")

    wanted = ["models/db.py", "deployments/web/app.py", "deployments/install", "requirements.lock", "README.md"]
    secret = [".env", "deployments/.env", "deployments/.env.local", "var/secret", "deployments/var/provision.db"]
    assert [path for path in wanted if not is_taken(path)] == []
    assert [path for path in [*secret, ".git/config", "tests/conftest.py", "models/x.db-wal"] if is_taken(path)] == []
