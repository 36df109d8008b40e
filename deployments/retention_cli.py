"""``provision tidy``, ``provision forget`` and ``provision person``: what is past its time, and one person, told or
removed.
"""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from models.retention.erasure import Plan


def add_to(app: typer.Typer, told: Callable[[], AbstractContextManager[None]]) -> None:
    """Add these commands to the product's; *told* tells refusals."""

    @app.command()
    def tidy(
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing: tell what would go.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="For machines: JSON and nothing else.")] = False,
    ) -> None:
        """Remove what is past its time, as the flow of this name does every night, and tell how many of what went."""
        with told():
            gone = _foreseen() if dry_run else _done()
        if as_json:
            typer.echo(json.dumps(gone, ensure_ascii=False, indent=2))
        else:
            _print(gone, dry_run=dry_run)

    @app.command()
    def forget(
        person: Annotated[str, typer.Argument(help="An e-mail address, or the number of one person at one firm.")],
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Erase nothing: tell what would go.")] = False,
        yes: Annotated[bool, typer.Option("--yes", help="Erase now; it cannot be taken back.")] = False,
        everywhere: Annotated[
            bool, typer.Option("--everywhere", help="At all firms that know the address, not only at one.")
        ] = False,
        as_json: Annotated[bool, typer.Option("--json", help="For machines: JSON and nothing else.")] = False,
    ) -> None:
        """Erase a person (Art. 17 GDPR), or tell what would go, and what stays until when and why.

        Whoever has to decide about it, as is told, must have done so. Exit status 1: something stands in the way.
        """
        if dry_run == yes:
            raise typer.BadParameter("Say either --dry-run or --yes.")
        with told():
            lines, is_done = _forgotten(person, everywhere=everywhere) if yes else (_plans(person), True)
        if as_json:
            typer.echo(json.dumps(lines, ensure_ascii=False, indent=2))
        else:
            _print_plans(lines)
            gone = ["erased" in told for told in lines]
            typer.echo("Erased." if yes and is_done else "Erased in part." if any(gone) else "Nothing was erased.")
        raise typer.Exit(0 if is_done else 1)

    @app.command()
    def person(
        person: Annotated[str, typer.Argument(help="An e-mail address, or the number of one person at one firm.")],
        as_json: Annotated[bool, typer.Option("--json", help="All of it, as the person may take it along.")] = False,
    ) -> None:
        """Tell what is stored about a person (Art. 15, 20 GDPR): firm by firm how much of what, or all of it as JSON.

        It is what they see and take along on their own page, with nothing that tells of others.
        """
        with told():
            _tell(person, as_json=as_json)


def _tell(who: str, *, as_json: bool) -> None:
    from models.db import reading
    from models.retention.erasure import WhoUnknown
    from tasks.retention import own_data

    with reading() as session:
        parts = own_data.of(session, who)
    if not parts:
        raise WhoUnknown(who.strip()[:80])
    if as_json:
        for piece in own_data.written(who):
            typer.echo(piece, nl=False)
        return
    for part in parts:
        answers = "the firm" if part.is_firms else "the provider"
        typer.echo(f"{part.firm or 'At no firm'}: {answers} answers")
        for chapter in part.chapters:
            typer.echo(f"  {part.counts[chapter.name]:>6}  {chapter.what}")


def _plans(who: str) -> list[dict[str, object]]:
    from models.db import reading
    from models.retention.erasure import plan, shares
    from models.time.clock import now

    with reading() as session:
        return [_told(plan(session, share, now())) for share in shares(session, who)]


def _told(plan: "Plan") -> dict[str, object]:
    from models.time.clock import local_day

    lines = [
        {
            "what": line.what,
            "number": line.number,
            "goes": line.goes,
            "why": line.why,
            "law": line.law,
            "until": line.until and local_day(line.until).isoformat(),
        }
        for line in plan.lines
    ]
    return {
        "persons": [*plan.share.people],
        "firm": plan.firm,
        "company_id": plan.company_id,
        "roles": [role.value for role in plan.roles],
        "decides": plan.judge.value,
        "in_the_way": [str(obstacle) for obstacle in plan.obstacles],
        "lines": lines,
    }


def _forgotten(who: str, *, everywhere: bool) -> tuple[list[dict[str, object]], bool]:
    """What became of it, firm by firm, and whether all of it could be done; of several nothing is, unless it is said
    that all are meant.
    """
    from models.db import reading
    from models.errors import ProvisionError
    from models.retention.erasure import plan, shares
    from models.time.clock import now
    from tasks.retention.erasure import forget

    with reading() as session:
        found = shares(session, who)
        plans = [_told(plan(session, share, now())) for share in found]
    if len(found) > 1 and not everywhere:
        for told in plans:
            told["in_the_way"] = ["Several are meant: name one by its number, or all by --everywhere."]
        return plans, False
    for share, told in zip(found, plans, strict=True):
        try:
            told["erased"] = forget(share, "command line").counts
        except ProvisionError as refusal:
            told["in_the_way"] = [str(refusal)]
    return plans, all("erased" in told for told in plans)


def _print_plans(plans: list[dict[str, object]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    for told in plans:
        numbers, roles = (", ".join(map(str, told[name])) for name in ("persons", "roles"))  # type: ignore[call-overload]
        where = f"{told['firm']} ({told['company_id'] or 'no company ID yet'})" if told["firm"] else "At no firm"
        who = f", {roles}, person {numbers}" if numbers else ""
        table = Table(title=Text(where + who), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in ("Rows", "What", "", "Until", "Why"):
            table.add_column(heading, overflow="fold")
        for line in told["lines"]:  # type: ignore[attr-defined]
            until = "" if line["goes"] else line["until"] or "–"
            why = " ".join(filter(None, (line["why"], line["law"] and f"({line['law']})")))
            cells = (str(line["number"]), line["what"], "goes" if line["goes"] else "stays", until, why)
            table.add_row(*map(Text, cells))
        console.print(table)
        console.print(Text(f"Decides: {told['decides']}."))
        for sentence in told["in_the_way"]:  # type: ignore[attr-defined]
            console.print(Text(f"In the way: {sentence}"))


def _foreseen() -> list[dict[str, object]]:
    from models.time.clock import now
    from tasks.retention.files import past_files
    from tasks.retention.tidy import past

    at = now()
    files = [*past_files(at)]
    told = [(each.rule, each.number, each.since) for each in past(at) if each.number]
    lines: list[dict[str, object]] = [
        {
            "rule": rule.name,
            "number": number,
            "past_since": since and since.isoformat(timespec="seconds"),
            "kept": str(rule.term),
            "counted_from": rule.since,
            "reason": rule.reason,
        }
        for rule, number, since in told
    ]
    return lines + ([{"rule": "files", "number": len(files)}] if files else [])


def _done() -> list[dict[str, object]]:
    from tasks.retention.files import remove_files
    from tasks.retention.runs import remove_runs
    from tasks.retention.tidy import remove_past

    removed = {**remove_past.fn(), "files": remove_files.fn(), "runs": remove_runs.fn()}
    return [{"rule": rule, "number": number} for rule, number in removed.items() if number]


def _print(lines: list[dict[str, object]], *, dry_run: bool) -> None:
    if not lines:
        typer.echo("Nothing is past its time.")
    for line in lines:
        text = f"{line['number']} {line['rule']}"
        if line.get("past_since"):
            text += f", past their time since {line['past_since']}: kept {line['kept']} from {line['counted_from']}"
            text += f" ({line['reason']})"
        typer.echo(text)
    if dry_run and lines:
        typer.echo("Nothing was removed. Runs at Prefect are not counted.")
