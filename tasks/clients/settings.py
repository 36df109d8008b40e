"""What a firm sets up for its clients: groups, tags, fields, folders, portfolios, and how accounts are called."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.audit import of, record
from models.clients import renaming
from models.clients.client import Client
from models.clients.custom_field import CustomField, FieldKind, FieldOf
from models.clients.folders import FolderTemplate, folder_paths
from models.clients.function import in_order
from models.clients.group import Group
from models.clients.label import Label
from models.clients.naming import NameFormat
from models.clients.portfolio import Portfolio
from models.clients.tag import Tag
from models.contracts.contract import Contract
from models.db import Facts, reading, transaction
from models.errors import N_, NotFound, ProvisionError
from models.firm import Firm
from models.logo import Logo
from models.onboarding import Onboarding
from models.time.clock import now


class Kind(StrEnum):
    """What a firm has a list of."""

    GROUPS = "groups"
    TAGS = "tags"
    FIELDS = "fields"
    FOLDERS = "folders"
    PORTFOLIOS = "portfolios"


TABLES: dict[Kind, type[Label]] = {
    Kind.GROUPS: Group,
    Kind.TAGS: Tag,
    Kind.FIELDS: CustomField,
    Kind.FOLDERS: FolderTemplate,
    Kind.PORTFOLIOS: Portfolio,
}


class Faults(ProvisionError):
    """All that cannot be of what was typed."""

    status = 422
    says = N_("Please check what is marked.")

    def __init__(self, at: dict[str, ProvisionError]) -> None:
        super().__init__(at)
        self.at = at
        """The refusals by the field of the form."""


@dataclass(frozen=True)
class Written:
    """What was typed of one of them; of other kinds than the one that it is of nothing counts."""

    name: str
    functions: Sequence[str] = ()
    belongs_to: FieldOf = FieldOf.ACCOUNT
    kind: FieldKind = FieldKind.TEXT
    """Both of a field that is new; of one that is there they stay."""
    choices: str = ""
    paths: str = ""


@dataclass(frozen=True)
class Listed:
    """One of them as a list shows it."""

    row: Any
    counts: tuple[int, ...] = ()
    """How many have it, see ``Label.held``."""


@dataclass(frozen=True)
class Frame:
    """What every page of a firm's settings shows."""

    firm: Firm
    has_logo: bool
    stopped: bool
    entries: dict[Kind, int] = field(default_factory=dict)
    """How many of each kind the firm has."""
    followers: int = 0
    """Accounts that are called after their first contact."""
    is_test: bool = False
    """Whether its account is a test account."""


def frame(firm_id: int, *, whole: bool = False) -> Frame:
    """*whole*: with what the first page counts."""
    with reading() as session:
        case = Onboarding.of_firm(session, firm_id)
        entries, followers = {}, 0
        if whole:
            entries = {kind: _count(session, table, table.firm_id == firm_id) for kind, table in TABLES.items()}
            followers = _count(session, Client, *renaming.followers(firm_id))
        has_logo = Logo.of(session, firm_id) is not None
        is_test = bool(Contract.tests(session, [firm_id]))
        return Frame(case.firm, has_logo, case.stopped_at is not None, entries, followers, is_test)


def _count(session: Session, table: Any, *which: Any) -> int:
    return session.scalars(select(func.count()).select_from(table).where(*which)).one()


def listed(firm_id: int, kind: Kind) -> list[Listed]:
    """All of the firm's of this kind, with how many have each."""
    table = TABLES[kind]
    with reading() as session:
        counts, none = table.counts(session, firm_id), (0,) * len(table.held())
        return [Listed(row, counts.get(row.id, none)) for row in table.of(session, firm_id)]


def one_of(firm_id: int, kind: Kind, key: int) -> Listed:
    """One of them; raises NotFound."""
    for each in listed(firm_id, kind):
        if each.row.id == key:
            return each
    raise NotFound(N_("The entry"))


def add(firm_id: int, by: str, kind: Kind, written: Written) -> int:
    """One more; returns its number. Raises Faults."""
    with transaction() as session:
        case = _locked(session, firm_id)
        table: Any = TABLES[kind]
        row = table(firm_id=firm_id)
        if isinstance(row, CustomField):
            row.belongs_to, row.kind = written.belongs_to, written.kind
        _write(session, row, written)
        session.add(row)
        session.flush()
        record(session, case.id, now(), "setting.added", by, kind=kind, setting=row.id, after=of(row, told(row)))
        return int(row.id)


def change(firm_id: int, by: str, kind: Kind, key: int, written: Written) -> None:
    """Call and describe it so from now on; saying it again changes nothing. Raises Faults or NotFound."""
    with transaction() as session:
        case = _locked(session, firm_id)
        row = TABLES[kind].get(session, firm_id, key)
        before = told(row)
        _write(session, row, written)
        if before != (after := told(row)):
            facts: Facts = {"setting": key, "before": of(row, before), "after": of(row, after)}
            record(session, case.id, now(), "setting.changed", by, kind=kind, **facts)


def delete(firm_id: int, by: str, kind: Kind, key: int) -> bool:
    """Take it from whatever has it, and out of the list; False: it is not there any more.

    Fields stay, see ``put_away``: of these it raises NotFound.
    """
    with transaction() as session:
        case = _locked(session, firm_id)
        if kind is Kind.FIELDS:
            raise NotFound(N_("The entry"))
        try:
            row = TABLES[kind].get(session, firm_id, key)
        except NotFound:
            return False
        facts: Facts = {"setting": key, "before": of(row, told(row))}
        row.remove(session)
        record(session, case.id, now(), "setting.deleted", by, kind=kind, **facts)
        return True


def put_away(firm_id: int, by: str, field_id: int, *, away: bool) -> None:
    """Show a field in no form any more, or again; what it holds stays. Repeating changes nothing. Raises NotFound."""
    with transaction() as session:
        case = _locked(session, firm_id)
        row = CustomField.get(session, firm_id, field_id)
        if away != (row.archived_at is not None):
            row.archived_at = now() if away else None
            facts: Facts = {"setting": field_id, "after": of(row, told(row))}
            action = "setting.put_away" if away else "setting.taken_back"
            record(session, case.id, now(), action, by, kind=Kind.FIELDS, **facts)


def open_to_others(firm_id: int, by: str, functions: Sequence[str]) -> None:
    """What contacts may use who are in no group. Saying it again changes nothing."""
    with transaction() as session:
        case = _locked(session, firm_id)
        before, after = case.firm.functions, in_order(functions)
        if before != after:
            case.firm.functions = after
            facts: Facts = {"before": of(case.firm, before), "after": of(case.firm, after)}
            record(session, case.id, now(), "functions.opened", by, **facts)


@dataclass(frozen=True)
class Manner:
    """How a firm calls its accounts, and how it is found."""

    name_format: NameFormat
    is_listed: bool
    takes_sign_ups: bool


def manner_of(firm: Firm) -> Manner:
    return Manner(firm.name_format, firm.is_listed, firm.takes_sign_ups)


def set_manner(firm_id: int, by: str, manner: Manner) -> int:
    """From now on so; gives how many accounts are called otherwise now.

    Accounts that nobody has named by hand follow the format, a thousand in each transaction, so that others need not
    wait for all of them. If that breaks off, the same once more goes on where it was left.
    """
    with transaction() as session:
        case = _locked(session, firm_id)
        before = manner_of(case.firm)
        if before != manner:
            for name, value in vars(manner).items():
                setattr(case.firm, name, value)
            facts: Facts = {"before": of(case.firm, vars(before)), "after": of(case.firm, vars(manner))}
            record(session, case.id, now(), "firm.set_up", by, **facts)
    renamed = 0
    last: int | None = 0
    while last is not None:
        with transaction() as session:
            # As the firm has it by now: of two who change it at once the later one counts for all accounts.
            name_format = Onboarding.of_firm(session, firm_id).firm.name_format
            more, last = renaming.rename_some(session, firm_id, name_format, last)
            renamed += more
    return renamed


def told(row: Any) -> Facts:
    """What a form shows of it, in plain values."""
    match row:
        case Group():
            return {"name": row.name, "functions": row.functions}
        case CustomField():
            return {"name": row.name, "choices": row.choices}
        case FolderTemplate():
            return {"name": row.name, "paths": row.paths}
    return {"name": row.name}


def _locked(session: Session, firm_id: int) -> Onboarding:
    case = Onboarding.of_firm(session, firm_id)
    case.require_going()
    return case


def _write(session: Session, row: Any, written: Written) -> None:
    """Name and describe it; raises Faults with all that cannot be."""
    wrong: dict[str, ProvisionError] = {}

    def put(name: str, how: Callable[[], object]) -> None:
        try:
            how()
        except ProvisionError as refusal:
            wrong[name] = refusal

    put("name", lambda: row.call(session, written.name))
    match row:
        case Group():
            row.functions = in_order(written.functions)
        case CustomField():
            put("choices", lambda: row.offer(written.choices.splitlines()))
        case FolderTemplate():
            put("paths", lambda: setattr(row, "paths", folder_paths(written.paths)))
    if wrong:
        raise Faults(wrong)
