"""``provision clients``: the accounts of a firm by machine."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:  # Loading the product takes a second, which --help should not.
    from models.clients.imports import ImportRecord
    from tasks.clients.imports.draft import Target

Json = Annotated[bool, typer.Option("--json", help="For machines: JSON and nothing else.")]
Firm = Annotated[str, typer.Option("--firm", metavar="COMPANY_ID", help="The firm's company ID, six digits.")]
BY = "command line"


def add_to(app: typer.Typer, told: Callable[[], AbstractContextManager[None]]) -> None:
    """Add these commands to the product's; *told* tells refusals."""
    clients = typer.Typer(no_args_is_help=True, help="Look after the clients of a firm.")
    app.add_typer(clients, name="clients")

    @clients.command("import")
    def bring(
        file: Annotated[Path, typer.Argument(help="CSV, XLSX, XLSB, XLS or ODS.")],
        firm: Firm,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Write nothing: show what would become of it.")
        ] = False,
        mapping: Annotated[
            list[str] | None,
            typer.Option("--map", metavar="COLUMN=FIELD", help="Where a column goes; may be repeated."),
        ] = None,
        answers: Annotated[
            list[str] | None,
            typer.Option(
                "--answer", metavar="KIND=CHOICE", help="The answer to all questions of a kind; may be repeated."
            ),
        ] = None,
        errors: Annotated[
            Path | None, typer.Option(help="A file to make of what was not stored, to be corrected and imported again.")
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Take the clients of a file over, or show what would become of each record. Nobody is written to."""
        with told():
            _bring(file, firm, mapping or [], answers or [], errors, dry_run=dry_run, as_json=as_json)

    @clients.command("list")
    def listed(
        firm: Firm,
        search: Annotated[str, typer.Option(help="Words from names, number, place, contacts and addresses.")] = "",
        as_json: Json = False,
    ) -> None:
        """List the accounts of a firm with their contacts."""
        with told():
            _print(_accounts(_firm_id(firm), search), "accounts", as_json=as_json)

    @clients.command()
    def pending(
        firm: Firm,
        only: Annotated[
            Literal["bounced", "expired", "unopened", "opened", "silent", "unaddressed", ""],
            typer.Option(help="Those of whom this is so; silent: who answered no reminder, to be called."),
        ] = "",
        as_json: Json = False,
    ) -> None:
        """List the contacts who are invited and have not activated their access, with mails, reminders and numbers."""
        with told():
            _print(_pending(_firm_id(firm), only), "pending", as_json=as_json)

    @clients.command()
    def invite(
        firm: Firm,
        search: Annotated[str, typer.Option(help="Only accounts with these words; empty: all.")] = "",
        accounts: Annotated[
            list[int] | None, typer.Option("--account", help="Only this one, by its id; may be repeated.")
        ] = None,
        not_invited: Annotated[
            bool, typer.Option("--not-invited", help="Only accounts of whose contacts none is invited yet.")
        ] = False,
        message: Annotated[str, typer.Option(help="Personal words, as plain text.")] = "",
        a_second: Annotated[str, typer.Option(help="Mails a second at most; empty: as fast as it goes.")] = "",
        an_hour: Annotated[str, typer.Option(help="Mails an hour at most.")] = "",
        as_json: Json = False,
    ) -> None:
        """Have the contacts of a firm's accounts invited, in the name of its organiser; mails leave by and by."""
        with told():
            _invite(_firm_id(firm), search, accounts or [], message, a_second, an_hour, not_invited, as_json=as_json)


def _firm_id(company_id: str) -> int:
    from models.company_id import company_number
    from models.db import reading
    from models.onboarding import Onboarding
    from models.queries import casefile

    with reading() as session:
        case_id = casefile.case_of(session, company_number(company_id))
        return session.get_one(Onboarding, case_id).firm_id


# ---- import


def _bring(
    file: Path, firm: str, mapping: list[str], answers: list[str], errors: Path | None, *, dry_run: bool, as_json: bool
) -> None:
    from tasks.clients.imports import course, work
    from tasks.clients.imports.errors import error_rows

    if not file.is_file():
        typer.echo(f"{file} was not found.", err=True)
        raise typer.Exit(1)
    firm_id = _firm_id(firm)
    chosen = dict(_pair(each, "--answer") for each in answers)
    content = file.read_bytes()
    by_hand = _mapping(content, file.name, mapping) if mapping else None
    import_id = course.start(firm_id, BY, file.name, content, mapping=by_hand, answers=chosen, is_trial=dry_run)
    try:
        work.go_on(import_id)
        if not dry_run:
            course.begin(firm_id, import_id)
            work.go_on(import_id)
        if errors is not None:
            with errors.open("w", encoding="utf-8", newline="") as opened:
                opened.writelines(error_rows(firm_id, import_id))
        _tell(import_id, as_json=as_json)
    finally:
        if dry_run:
            course.discard(import_id)


def _pair(written: str, option: str) -> tuple[str, str]:
    name, equals, value = written.rpartition("=")
    if not equals or not name:
        raise typer.BadParameter(f"“{written}” has no “=”: write a name, =, and a value", param_hint=option)
    return name, value


def _mapping(content: bytes, name: str, written: list[str]) -> "dict[str, Target]":
    """The columns as reading finds them by itself, but for those that were named."""
    from models.clients.address import HOME
    from tasks.clients.imports.draft import Field, Target
    from tasks.clients.imports.reading import read

    found = read(content, name, country=HOME)
    columns, targets = {column.key for column in found.columns}, {**found.mapping}
    for each in written:
        column, target = _pair(each, "--map")
        if column not in columns:
            raise typer.BadParameter(f"“{column}” is no column: there are {', '.join(columns)}", param_hint="--map")
        try:
            targets[column] = Target.parse(target)
        except ValueError as error:
            fields = ", ".join(Field)
            raise typer.BadParameter(f"“{target}” is no field: there are {fields}", param_hint="--map") from error
    return targets


def _tell(import_id: int, *, as_json: bool) -> None:
    from models.clients.imports import Import
    from models.db import reading
    from tasks.clients.imports import course

    with reading() as session:
        row = session.get_one(Import, import_id)
        totals = {**row.counts}
        head = {"format": row.format, "encoding": row.encoding, "import": import_id, "totals": totals}
    if not as_json:
        for outcome, number in totals.items():
            typer.echo(f"{number:>7} {outcome}")
        for record in course.each_record(import_id):
            if record.outcome in {"held", "refused"}:
                typer.echo(f"record {record.record}, line {record.line}: {record.outcome}, {record.reason}")
        return
    # Record by record, however many there are.
    beginning = json.dumps(head, ensure_ascii=False, indent=2)[:-2]
    typer.echo(f'{beginning},\n  "records": [', nl=False)
    comma = "\n"
    for record in course.each_record(import_id):
        typer.echo(f"{comma}    {json.dumps(as_told(record), ensure_ascii=False)}", nl=False)
        comma = ",\n"
    typer.echo("\n  ]\n}")


def as_told(row: "ImportRecord") -> dict[str, Any]:
    """One record for machines: what will stand there, or what the file says of what is not stored."""
    from tasks.clients.imports.draft import Draft
    from tasks.clients.imports.outcome import told_draft

    told: dict[str, Any] = row.told if "account" in row.told else {**told_draft(Draft.from_json(row.draft)), **row.told}
    facts = told.get("facts", {})
    return {
        "record": row.record,
        "line": row.line,
        "outcome": row.outcome,
        "reason": ", ".join(question for question, _ in facts.get("all", ())) or row.reason,
        "facts": {name: fact for name, fact in facts.items() if name != "all"},
        "account": told["account"],
        "contacts": told["contacts"],
        "notes": [{"kind": note["kind"], **note.get("facts", {})} for note in row.draft.get("notes", [])],
    }


# ---- invitations


def _invite(
    firm_id: int,
    search: str,
    accounts: list[int],
    message: str,
    a_second: str,
    an_hour: str,
    not_invited: bool,
    *,
    as_json: bool,
) -> None:
    from models.clients.client import ClientState
    from tasks.clients import bulk_invitations
    from tasks.clients.accounts import Filter
    from tasks.clients.audience import Audience, outlook

    asker = bulk_invitations.organiser_of(firm_id)
    state = ClientState.PREPARED if not_invited else None
    audience = Audience(Filter(search=search, state=state), tuple(accounts))
    reached = outlook(asker.member, audience)
    bulk_id = bulk_invitations.ask_to_invite(asker.member, asker.email, audience, message, a_second, an_hour)
    told = {"invitations": bulk_id, "accounts": reached.accounts, "contacts": reached.contacts}
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    else:
        page = f"/firm/{firm_id}/accounts/invitations/{bulk_id}"
        typer.echo(f"{reached.contacts} contacts of {reached.accounts} accounts: {page}")


# ---- lists


def _print(rows: Iterator[dict[str, Any]], name: str, *, as_json: bool) -> None:
    if as_json:  # As they come: there may be very many.
        before = f'{{"{name}": ['
        for row in rows:
            typer.echo(f"{before}\n{json.dumps(row, ensure_ascii=False, indent=2)}", nl=False)
            before = ","
        typer.echo(f'{{"{name}": []}}' if before != "," else "\n]}")
        return
    for row in rows:
        typer.echo("\t".join(str(value) for value in row.values() if isinstance(value, str | int)))


def _accounts(firm_id: int, search: str) -> Iterator[dict[str, Any]]:
    from sqlalchemy import select

    from models.clients.client import Client, ClientContact
    from models.clients.words import is_found
    from models.db import reading
    from models.people.person import Person

    last = 0
    while True:
        with reading() as session:
            rows = select(Client).where(Client.firm_id == firm_id, Client.id > last)
            rows = rows.where(is_found(firm_id, search)) if search.strip() else rows
            clients = session.scalars(rows.order_by(Client.id).limit(500)).all()
            people: dict[int, list[dict[str, Any]]] = {client.id: [] for client in clients}
            at = select(ClientContact, Person).join(Person, Person.id == ClientContact.person_id)
            at = at.where(ClientContact.client_id.in_(people)).order_by(ClientContact.id)
            for contact, person in session.execute(at).tuples():
                people[contact.client_id].append(
                    {"id": person.id, "name": person.name, "email": person.email, "login": contact.login}
                )
        if not clients:
            return
        for client in clients:
            yield {
                "id": client.id,
                "kind": client.kind.value,
                "name": client.name,
                "number": client.number or "",
                "state": client.state.value,
                "contacts": people[client.id],
            }
        last = clients[-1].id


def _pending(firm_id: int, which: str) -> Iterator[dict[str, Any]]:
    from tasks.clients.pending import Mark, Sought
    from tasks.reminders import follow_up

    return follow_up.told(follow_up.owner_of(firm_id), Sought(Mark(which) if which else None))
