"""``provision tidy``: what is past its time, told or removed."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated

import typer


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
