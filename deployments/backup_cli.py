"""``provision backup``, ``restore`` and ``mails``: everything in one file, back again, and what rests afterwards."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tasks.backup.archive import Manifest
    from tasks.backup.restoring import Restored

Json = Annotated[bool, typer.Option("--json", help="For machines: JSON and nothing else.")]
EVERY = 1.0
"""Seconds between two words about how far it is."""


def add_to(app: typer.Typer, told: Callable[[], AbstractContextManager[None]]) -> None:
    """Add these commands to the product's; *told* tells refusals."""

    @app.command()
    def backup(
        file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; it must not be there yet.")],
        check: Annotated[bool, typer.Option("--check", help="Write nothing: prove that FILE is whole.")] = False,
        as_json: Json = False,
    ) -> None:
        """Write database, data folder and secrets into one file, while the product runs.

        With PROVISION_BACKUP_PASSPHRASE it is encrypted; without, it is for your eyes only as the secrets are in it.
        """
        with told():
            _prove(file, as_json=as_json) if check else _back_up(file, as_json=as_json)

    @app.command()
    def restore(
        file: Annotated[Path, typer.Argument(metavar="FILE", help="What provision backup has written.")],
        replace: Annotated[bool, typer.Option("--replace", help="In place of what is there.")] = False,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Do all of it but the last step: nothing is changed.")
        ] = False,
        as_json: Json = False,
    ) -> None:
        """Put a back-up where the settings say, with the product ended. Mails rest afterwards: see provision mails."""
        with told():
            _restore(file, replace=replace, dry_run=dry_run, as_json=as_json)

    @app.command()
    def mails(
        go: Annotated[bool, typer.Option("--go", help="Let them leave.")] = False,
        drop_older: Annotated[
            bool, typer.Option("--drop-older", help="With --go: but never those that waited already in the back-up.")
        ] = False,
        as_json: Json = False,
    ) -> None:
        """Tell how many mails rest since a back-up was restored, or let them go."""
        with told():
            _mails(go=go, drop_older=drop_older, as_json=as_json)


def _passphrase() -> str:
    from models.settings import settings

    return settings().backup_passphrase.get_secret_value()


def _prove(file: Path, *, as_json: bool) -> None:
    from tasks.backup import making

    _tell(making.check(file, _passphrase(), _Progress()), as_json=as_json, sentence=f"{file} is whole: ")


def _back_up(file: Path, *, as_json: bool) -> None:
    from tasks.backup import making

    done = making.back_up(file, _passphrase(), _Progress())
    _tell(done.manifest, as_json=as_json, sentence=f"{file}, {done.size / 1e6:.1f} MB: ")
    if not _passphrase():
        _note("It is not encrypted, and holds all secrets: keep it as you keep those.")
    if done.skipped:
        _note(f"{done.skipped} links and oddly named files of the data folder are not in it.")


def _restore(file: Path, *, replace: bool, dry_run: bool, as_json: bool) -> None:
    from deployments.processes import Record, RunsAlready
    from models.settings import settings
    from tasks.backup import restoring

    record = Record.read(settings().data)
    if record is not None and record.up.lives and not dry_run:
        raise RunsAlready(str(settings().data), record.up.pid)
    done = restoring.restore(file, _passphrase(), replace=replace, dry_run=dry_run, progress=_Progress())
    more = {
        "mails_resting": done.mails,
        "sessions_ended": done.sessions,
        "erased_again": done.again.erased,
        "not_erased": [{"person": person, "why": str(why)} for person, why in done.again.left],
        "settings_unlike": list(done.unlike),
        "before": str(done.before) if done.before else None,
    }
    _tell(done.manifest, as_json=as_json, sentence="Nothing was changed. It would be: " if dry_run else "", **more)
    if not as_json:
        for sentence in _told_of(done, dry_run=dry_run):
            _note(sentence)


def _told_of(done: "Restored", *, dry_run: bool) -> Iterator[str]:
    yield f"{done.again.erased} who were erased since then were erased again; {done.sessions} sessions were ended."
    for person, why in done.again.left:
        yield f"Person {person} is on the list of those who were erased, and still there: {why}"
    if done.unlike:
        yield "Set otherwise than then: " + ", ".join(f"PROVISION_{name.upper()}" for name in done.unlike)
    if done.before:
        yield f"What was there before lies in {done.before}: remove it when you are sure."
    if not dry_run:
        yield f"{done.mails} mails were waiting then, and may have left since. They rest: see provision mails."
        yield "Now: provision audit verify, then start the product, with an empty database for Prefect."


def _mails(*, go: bool, drop_older: bool, as_json: bool) -> None:
    from tasks.engine.passes import kick_mail
    from tasks.mail.held import held, let_go

    rest = held()
    going, dropped = let_go("command line", drop_older=drop_older) if go else (0, 0)
    if going:
        kick_mail()
    if as_json:
        resting = rest and {
            "made_at": rest.made_at.isoformat(),
            "restored_at": rest.restored_at.isoformat(),
            "older": dict(rest.older),
            "newer": dict(rest.newer),
        }
        typer.echo(json.dumps({"resting": resting, "going": going, "dropped": dropped}, indent=2))
    elif rest is None:
        typer.echo("No mail rests.")
    elif go:
        typer.echo(f"{going} mails go, {dropped} were dropped.")
    else:
        made = f"{rest.made_at:%Y-%m-%d %H:%M} UTC"
        for kinds, says in (
            (rest.older, f"waited when the back-up was made ({made}), and may have left"),
            (rest.newer, "were written since then, and may say again what was said"),
        ):
            typer.echo(f"{sum(kinds.values())} {says}.")
            for kind, number in kinds.items():
                typer.echo(f"    {number} {kind}")
        typer.echo("They rest. To let them leave: provision mails --go, or --go --drop-older without the first.")


class _Progress:
    """Says on the standard error how far it is, now and then."""

    def __init__(self) -> None:
        self._said, self._what, self._tty = 0.0, "", sys.stderr.isatty()

    def __call__(self, what: str, done: int, of: int) -> None:
        at = time.monotonic()
        if what != self._what:
            self._what, self._said = what, at
            return
        if at - self._said >= (EVERY if self._tty else 10 * EVERY):
            self._said = at
            share = f"{100 * done // of} %" if of else ""
            typer.echo(f"\r{what} {share}   " if self._tty else f"{what} {share}", err=True, nl=not self._tty)


def _tell(manifest: "Manifest", *, as_json: bool, sentence: str, **more: object) -> None:
    if as_json:
        typer.echo(json.dumps(json.loads(manifest.as_json()) | more, indent=2))
        return
    rows = sum(manifest.rows.values())
    typer.echo(
        f"{sentence}{rows} rows of {len(manifest.rows)} tables and {manifest.files} files"
        f" of {manifest.made_at:%Y-%m-%d %H:%M} UTC, release {manifest.release}."
    )


def _note(sentence: str) -> None:
    typer.echo(sentence, err=True)
