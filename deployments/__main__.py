"""The command line: ``provision --help``, or ``python -m deployments --help``.

Tables are for people; with ``--json`` nothing but JSON is on the standard output. A refusal is one sentence on the
standard error and exit status 1; what does not fit of several things that were typed is a sentence for each, and 2.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments import backup_cli, clients_cli, contracts_cli, retention_cli

if TYPE_CHECKING:  # Loading the product takes a second, which --help should not.
    from rich.table import Table

    from models.queries.board import Board
    from models.queries.casefile import CaseDetail
    from tasks.reminders.forecast import Foreseen
    from tasks.text.i18n import Reader

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # They may hold secrets.
    help="Bring firms and their clients aboard: start the product, look at its cases, look after it.",
)
audit = typer.Typer(no_args_is_help=True, help="Look after the audit trail.")
app.add_typer(audit, name="audit")
agreement = typer.Typer(no_args_is_help=True, help="Look after the texts of agreements, and take signed ones out.")
app.add_typer(agreement, name="agreement")

Json = Annotated[bool, typer.Option("--json", help="For machines: JSON and nothing else.")]
CompanyId = Annotated[str, typer.Argument(metavar="COMPANY_ID", help="The firm's company ID, six digits.")]


@app.callback(help=app.info.help)
def begin(context: typer.Context) -> None:
    """What a command writes is for its user only; it takes Prefect and the address of pages from what runs beside."""
    os.umask(0o077)
    if context.invoked_subcommand not in {"up", "demo", "check"}:  # Which says itself what settings cannot be read.
        _find_what_runs_beside()


def _find_what_runs_beside() -> None:
    from deployments.processes import Record
    from models.settings import settings

    record = Record.read(settings().data)
    if record is None or not record.up.lives:
        return
    if "PREFECT_API_URL" not in os.environ:
        os.environ["PREFECT_API_URL"] = record.prefect
        os.environ["PREFECT_API_AUTH_STRING"] = os.environ.get("PREFECT_API_AUTH_STRING") or settings().prefect_sign_in
    if record.web and "base_url" not in settings().model_fields_set:
        os.environ["PROVISION_BASE_URL"] = record.web
        settings.cache_clear()


@app.command()
def up(
    data: Annotated[Path | None, typer.Option(help="Folder for databases, mails and logs.", show_default="var")] = None,
    port: Annotated[int, typer.Option(help="Where the web pages listen.")] = 8080,
    prefect_port: Annotated[int, typer.Option(help="Where Prefect and its UI listen.")] = 4200,
    smtp_port: Annotated[int, typer.Option(help="Where the mail catcher listens.")] = 8025,
    samples: Annotated[
        bool, typer.Option("--samples", help="With sample modules in the catalogue, to try things out.")
    ] = False,
) -> None:
    """Start all on this machine: database, Prefect with its UI, worker, web pages, mail catcher. Ctrl-C ends all."""
    from deployments.up import up

    raise typer.Exit(up(data, port, prefect_port, smtp_port, samples=samples))


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the product running, to look around in it.")] = False,
) -> None:
    """Show the seven steps: start everything in a folder of its own, bring a sample firm aboard, tell how it went."""
    from deployments.demo import main

    with _told():
        raise typer.Exit(main(keep=keep))


@app.command()
def migrate() -> None:
    """Make or update the database that PROVISION_DATABASE_URL names (none: SQLite in the data folder)."""
    from models.migrate import upgrade

    with _told():
        upgrade()
        typer.echo("The database is up to date.")


@app.command("check")
def check_all(as_json: Json = False) -> None:
    """Look whether all is as it must be, and tell what is not and what to do; exit status 1 if anything.

    Looks at settings, imprint, files, database, clock, mail server (no mail is sent), Prefect, texts, seal and disk.
    """
    from pydantic import ValidationError

    from models.settings import settings

    try:
        settings()
    except ValidationError as wrong:
        faults = [
            {"subject": "settings", "says": f"{'.'.join(map(str, one['loc'])) or 'settings'}: {one['msg']}"}
            for one in wrong.errors(include_input=False, include_url=False)
        ]
        looked_at = ["settings"]
    else:
        _find_what_runs_beside()
        from deployments.checks import findings

        found = dict(findings())
        looked_at = list(found)
        faults = [vars(one) for those in found.values() for one in those]
    if as_json:
        typer.echo(json.dumps({"faults": faults, "looked_at": looked_at}, ensure_ascii=False, indent=2))
    else:
        for fault in faults:
            typer.echo(f"{fault['subject']}: {fault['says']}")
        typer.echo(f"Looked at {', '.join(looked_at)}: {len(faults) or 'no'} fault{'' if len(faults) == 1 else 's'}.")
    raise typer.Exit(1 if faults else 0)


@app.command()
def status(company_id: CompanyId, as_json: Json = False) -> None:
    """Tell where a firm stands: its steps, who must act, open decisions, mails."""
    from models.company_id import company_number
    from models.db import reading
    from models.queries import casefile

    with _told(), reading() as session:
        detail = casefile.case_detail(session, casefile.case_of(session, company_number(company_id)))
        _print_json(detail) if as_json else _print_detail(detail)


@app.command()
def cases(
    search: Annotated[str, typer.Option(help="Words of the firm's name, or the beginning of its company ID.")] = "",
    page: Annotated[int, typer.Option(help="Which page, 50 cases each.", min=1)] = 1,
    as_json: Json = False,
) -> None:
    """List the cases: where each stands, for whom it waits, since when; open ones first, then the newest."""
    from models.db import reading
    from models.queries.board import board

    with _told(), reading() as session:
        listing = board(session, search=search, page=page)
        _print_json(listing) if as_json else _print_board(listing)


@app.command()
def remind(
    until: Annotated[
        str, typer.Option(help="With --dry-run: up to this day, like 2027-03-31.", show_default="in 14 days")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing: show what would go out.")] = False,
    as_json: Json = False,
) -> None:
    """Send the reminders that are due, or show what would go out, to whom, when, and why then."""
    from dataclasses import asdict

    from tasks.reminders.forecast import foresee, until_day
    from tasks.reminders.rounds import send_reminders

    with _told():
        if dry_run:
            lines = sorted(foresee(until_day(until)), key=lambda line: line.at)
            _print_json([asdict(line) for line in lines]) if as_json else _print_foreseen(lines)
            return
        done = send_reminders.fn()
        held = [{"kind": kind, "why": why, "count": count} for (kind, why), count in sorted(done.held.items())]
        followed = [
            {"kind": kind, "what": what, "count": count} for (kind, what), count in sorted(done.followed.items())
        ]
        if as_json:
            _print_json({"sent": done.sent, "followed": followed, "held": held})
            return
        typer.echo(f"{done.sent} reminders sent.")
        for group in followed:
            typer.echo(f"After the last one: {group['count']} × {group['kind']} ({group['what']})")
        for group in held:
            typer.echo(f"Held back: {group['count']} × {group['kind']} ({group['why']})")


@app.command()
def bounces(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE]...", help="Mails, mailboxes (mbox) or mail folders (Maildir); - is one mail."),
    ] = None,
) -> None:
    """Read reports that mail came back or was marked as spam, and act on them.

    A mail server may pipe each one in, for example by a line in /etc/aliases: bounces: "|provision bounces -"
    """
    import sys

    from tasks.intake.bounce_reports import take_report

    seen = acted = 0
    with _told():
        for file in files or ["-"]:
            for raw in [sys.stdin.buffer.read()] if file == "-" else _mails(Path(file)):
                seen += 1
                acted += bool(take_report(raw))
    typer.echo(f"{seen} mails read, {acted} reports among them.")


def _mails(place: Path) -> Iterator[bytes]:
    """Every mail in a file or folder."""
    import mailbox

    if place.is_dir():
        folders = [place / name for name in ("new", "cur") if (place / name).is_dir()] or [place]
        yield from (file.read_bytes() for folder in folders for file in sorted(folder.iterdir()) if file.is_file())
        return
    if not place.is_file():
        _note(f"{place} was not found.")
        raise typer.Exit(1)
    with place.open("rb") as opened:
        is_mbox = opened.read(5) == b"From "
    if is_mbox:
        box = mailbox.mbox(place, create=False)
        yield from (box.get_bytes(key) for key in box.keys())  # noqa: SIM118  (no dictionary)
        box.close()
    else:
        yield place.read_bytes()


@app.command()
def operator(
    email: Annotated[str, typer.Argument(help="The operator's e-mail address.")],
    manager: Annotated[bool, typer.Option("--manager", help="Let them look after the other operators, too.")] = False,
    language: Annotated[str, typer.Option(help="Of their mails and the board: de, fr or en.", show_default="de")] = "",
    name: Annotated[
        str, typer.Option(help="First and last name, with which they countersign.", show_default="asked on the board")
    ] = "",
) -> None:
    """Let somebody work as an operator, and print the link with which they set their password, good for one hour."""
    from models.people.mail_address import email_address
    from models.people.manners import Language
    from tasks.people.operators import appoint

    if language and language not in list(Language):
        raise typer.BadParameter("de, fr or en", param_hint="--language")
    with _told():
        link = appoint(
            email, "command line", manager=manager, language=Language(language) if language else None, name=name
        )
        address = email_address(email)
    typer.echo(link)
    _note(
        f"{address} is {'a manager' if manager else 'an operator'}. "
        "Open the link within one hour to set a password; it works once."
    )


@app.command()
def webhook_secret() -> None:
    """Print the key with which other systems sign their events. It is a password: hand it over as one."""
    from models.settings import settings

    kept = not settings().webhook_secret.get_secret_value()
    place = settings().data.absolute() / "webhook-secret" if kept else "the setting PROVISION_WEBHOOK_SECRET"
    for key in settings().webhook_keys:
        typer.echo(key)
    _note(f"From {place}. Senders sign with it, see {settings().base_url}/docs. Whoever has it can open cases.")


@app.command()
def prefect_sign_in() -> None:
    """Print what Prefect asks for where provision up started it. Whoever has it may answer every question."""
    from models.settings import settings

    typer.echo(settings().prefect_sign_in)
    _note(f"From {settings().data.absolute() / 'prefect-sign-in'}. To be typed as it is, with the colon, in one field.")


@audit.command()
def verify(
    company_id: Annotated[str, typer.Argument(help="One firm only.", show_default="all")] = "",
    heads: Annotated[Path | None, typer.Option(help="A list that provision audit heads printed earlier.")] = None,
) -> None:
    """Check that nothing was changed, removed or added behind the trail's back; exit status 1 if something was.

    Proven are the entries by themselves, by the seals and certificate pages of signed agreements, and by the list; by
    them the rows and documents that they tell of, and that no case is missing.
    """
    from models.audit import Head
    from models.company_id import company_number
    from models.db import reading
    from models.queries import casefile
    from tasks.audit import verification

    with _told():
        known_heads = [Head(**json.loads(line)) for line in heads.read_text().splitlines()] if heads else []
        with reading() as session:
            only = casefile.case_of(session, company_number(company_id)) if company_id else None
        chains = entries = faults = erased = older = 0
        for trail in verification.verify(known_heads, only):
            chains, entries, faults = chains + bool(trail.entries), entries + trail.entries, faults + len(trail.faults)
            older += trail.is_older
            for fault in trail.faults:
                typer.echo(str(fault))
            for act in trail.erasures:
                erased += act.values
                where = f"Case {trail.case_id}" if trail.case_id else "Chain 0"
                typer.echo(f"{where}: {act.values} values were erased by entry {act.number}, {act.at:%Y-%m-%d}.")
    counted = f"{chains} chains, {entries} entries" + (f", {erased} values erased" if erased else "")
    typer.echo(f"{counted}: {f'{faults} faults' if faults else 'unbroken'}.")
    for sentence in verification.unseen(with_list=heads is not None, older=older):
        _note(sentence)
    raise typer.Exit(1 if faults else 0)


@audit.command("heads")
def audit_heads() -> None:
    """Print the newest entry of every case, a line each: kept elsewhere, it proves that no end was cut off."""
    from models.audit import heads
    from models.db import reading

    with _told(), reading() as session:
        for head in heads(session):
            typer.echo(json.dumps(head._asdict()))


@app.command()
def logo(
    where: Annotated[str, typer.Argument(metavar="URL|FILE", help="A website, the address of a picture, or a file.")],
    firm: Annotated[str, typer.Option(help="The firm's name, which helps to tell its logo from others.")] = "",
    out: Annotated[Path | None, typer.Option(help="Folder for the logo in shape; made if need be.")] = None,
    as_json: Json = False,
    allow_private: Annotated[bool, typer.Option("--allow-private", help="For tests: fetch from this machine.")] = False,
) -> None:
    """Find the logo on a website and tell why it is the one; or take one from a file. Exit status 3: there is none."""
    import os

    from models.settings import settings
    from tasks.logos.fetch import Faltered

    if allow_private:
        os.environ["PROVISION_FETCH_PRIVATE"] = "true"
        settings.cache_clear()
    with _told():
        from deployments import logo

        try:
            done = logo.search(where, firm, out)
        except (Faltered, OSError) as error:
            _note(str(error))
            raise typer.Exit(1) from error
        typer.echo(logo.as_json(done)) if as_json else _print("\n".join(logo.lines(done, _reader())))
        raise typer.Exit(0 if done.found.choice else 3)


@agreement.command("seal")
def show_seal() -> None:
    """Print what signed agreements are sealed with; the fingerprint is what firms may ask to be confirmed."""
    from models.time.clock import local_day
    from tasks.agreement.seal import own_seal

    with _told():
        own = own_seal()
    made = "self-made" if own.is_self_made else "issued"
    table = _table("Seal", "")
    _add(table, "Level", own.level)
    _add(table, "Certificate", f"{own.holder}, {made}, good until {local_day(own.good_until)}")
    _add(table, "SHA-256", own.fingerprint)
    _print(table)


@agreement.command("export")
def export_agreements(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; made if need be. May be repeated.")],
) -> None:
    """Write all signed agreements, each with its audit trail (JSON and CSV), and a list of them."""
    from tasks.agreement.export import export

    with _told():
        done = [0, 0]
        for exported in export(folder):
            done[exported.is_new] += 1
    typer.echo(f"{sum(done)} agreements in {folder}: {done[1]} written, {done[0]} there already.")


@agreement.command()
def check(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Folder of texts.", show_default="those in use")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell what the texts lack of what Art. 28 GDPR and the secrecy of the professions ask; exit status 1 if anything.

    It looks for words and for what the author declares (data-covers="…"); whether a text is good law, a lawyer says.
    """
    from tasks.agreement.legal_check import check_texts

    with _told():
        checked = check_texts(folder)
    if as_json:
        _print_json([{**vars(text), "lacks": [item.key for item in text.lacks]} for text in checked])
    else:
        table = _table("Text", "Found", "Only declared", "Lacks")
        for text in checked:
            found = len(text.findings) - len(text.lacks)
            lacks = text.fault or "\n".join(f"{item.key}: {item.item}, {item.law}" for item in text.lacks) or "–"
            declared = "\n".join(item.key for item in text.declared) or "–"
            _add(table, text.file, "–" if text.fault else f"{found} of {len(text.findings)}", declared, lacks)
        _print(table)
        if any(text.is_sample for text in checked):
            _note("These are samples, in part or all: let a lawyer check them, or name your own texts: PROVISION_TEXTS")
    raise typer.Exit(0 if all(text.is_whole for text in checked) else 1)


@contextmanager
def _told() -> Iterator[None]:
    """A refusal as a sentence; so is a database that is not there, which is the commonest mistake of all."""
    from sqlalchemy.exc import OperationalError, ProgrammingError

    from models.db import is_busy
    from models.errors import FormRefused, NotFound, ProvisionError

    try:
        yield
    except FormRefused as refused:
        for field, fault in refused.fields.items():
            _note(f"{field}: {fault}")
        raise typer.Exit(2) from refused
    except NotFound as missing:
        _note(f"{missing.what} was not found.")
        raise typer.Exit(1) from missing
    except ProvisionError as refusal:
        _note(str(refusal))
        raise typer.Exit(1) from refusal
    except (OperationalError, ProgrammingError) as error:
        if is_busy(error):
            _note(f"The database is busy or away ({error.orig}): try again in a moment.")
            raise typer.Exit(1) from error
        _note(
            f"The database cannot be read ({error.orig}): name it by PROVISION_DATABASE_URL, or run: provision migrate"
        )
        raise typer.Exit(1) from error


def _note(sentence: str) -> None:
    typer.echo(sentence, err=True)


def _print_json(value: Any) -> None:
    from models.queries.board import as_json

    typer.echo(json.dumps(as_json(value), ensure_ascii=False, indent=2))


def _reader() -> "Reader":
    from models.people.manners import Language
    from tasks.text.i18n import Reader

    return Reader(Language.ENGLISH)


def _table(*headings: str, title: str | None = None) -> "Table":
    from rich import box
    from rich.table import Table

    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        made.add_column(heading, overflow="fold")
    return made


def _add(table: "Table", *cells: object) -> None:
    from rich.text import Text

    table.add_row(*(Text("" if cell is None else str(cell)) for cell in cells))  # Text: a name is no markup.


def _print(*tables: "Table | str") -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for table in tables:
        console.print(Text(table) if isinstance(table, str) else table)


def _print_foreseen(lines: "list[Foreseen]") -> None:
    reader = _reader()
    table = _table("When", "Case", "To", "Waiting for", "Reminder", "Why then")
    for line in lines:
        why = f"day {line.day} since {reader.date(line.since)}"
        if line.deferred:
            why += ", asked for later"
        elif line.moved:
            why += ", next hour in which they can be reached"
        number = f"{line.number} of {line.most}" if line.number else f"none: {reader.label(line.follow)}"
        to = line.to or "operators"
        _add(table, reader.moment(line.at), line.case_id, to, reader.label(line.kind), number, why)
    _print(table, f"{len(lines)} in all, if nothing happens until then. Nothing was sent.")


def _print_board(listing: "Board") -> None:
    reader = _reader()
    table = _table("Company ID", "Firm", "Line of business", "Step", "Waiting for", "Since", "To decide")
    for case in listing.cases:
        steps = [f"{wait.step.number} {reader.label(wait.step)}" for wait in case.waits]
        _add(
            table,
            case.company_id or "–",
            case.firm,
            case.business or reader.label(case.line_of_business),
            "\n".join(steps) or case.state.value,
            "\n".join(reader.label(wait.waiting_for) for wait in case.waits),
            "\n".join(reader.date(wait.since) for wait in case.waits),
            case.open_decisions or "",
        )
    _print(table, f"{listing.total} cases, page {listing.page} of {listing.pages}.")


def _print_detail(detail: "CaseDetail") -> None:
    reader = _reader()
    case = detail.case
    steps = _table("", "Step", "State", "Waiting for", "Since", title="The seven steps")
    for step in detail.steps:
        waits = reader.label(step.waiting_for) if step.waiting_for else ""
        _add(steps, step.number, reader.label(step.name), reader.label(step.state), waits, reader.moment(step.since))
    people = _table("Role", "Name", "Address", "Invited", "Registered", title="People")
    for person in detail.people:
        moments = (at and reader.date(at) for at in (person.invited_at, person.registered_at))
        _add(people, reader.label(person.role), person.name, person.email, *moments)
    decisions = _table("", "Question", "Asked", title="To decide")
    for decision in detail.decisions:
        if decision.answered_at is None:
            _add(decisions, decision.decision_id, reader.label(decision.kind), reader.moment(decision.opened_at))
    mails = _table("Mail", "To", "State", "Last word of the mail server", title="Mails")
    for mail in detail.mails:
        _add(mails, mail.kind.value, mail.to_address, mail.state.value, mail.fault)
    line = case.business or reader.label(case.line_of_business)
    _print(f"{case.firm} ({line}), company ID {case.company_id or '–'}, {case.state.value}", steps, people)
    _print(*(table for table in (decisions, mails) if table.row_count))


clients_cli.add_to(app, _told)
contracts_cli.add_to(app, _told)
retention_cli.add_to(app, _told)
backup_cli.add_to(app, _told)

if __name__ == "__main__":
    app()
