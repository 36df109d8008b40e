"""``provision contract``: contracts by machine."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # Loading the product takes a second, which --help should not.
    from models.contracts.terms import Ending

Json = Annotated[bool, typer.Option("--json", help="For machines: JSON and nothing else.")]


def add_to(app: typer.Typer, told: Callable[[], AbstractContextManager[None]]) -> None:
    """Add these commands to the product's; *told* tells refusals."""
    contracts = typer.Typer(no_args_is_help=True, help="Look after contracts.")
    app.add_typer(contracts, name="contract")

    @contracts.command()
    def dates(
        start: Annotated[str, typer.Option(metavar="DAY", help="The first day of the contract, like 2026-01-01.")] = "",
        term: Annotated[str, typer.Option(metavar="PERIOD", help="Its first term: 30D, 6W or 12M.")] = "",
        extension: Annotated[
            str, typer.Option(metavar="PERIOD", help="By how much each term is extended; - is not at all.")
        ] = "-",
        notice: Annotated[str, typer.Option(metavar="PERIOD", help="The period of notice, 0D if there is none.")] = "",
        to: Annotated[
            str,
            typer.Option(metavar="END", help="To what: term_end, month_end, quarter_end, year_end or any_day."),
        ] = "",
        received: Annotated[
            str,
            typer.Option(
                metavar="MOMENT",
                help="When notice is received, like 2026-09-30T23:59:59+02:00; without an offset in the zone.",
            ),
        ] = "",
        zone: Annotated[str, typer.Option(help="Where the contract is at home.")] = "Europe/Berlin",
        law: Annotated[str, typer.Option(metavar="COUNTRY", help="By whose law it is reckoned.")] = "DE",
        as_json: Json = False,
    ) -> None:
        """Tell when a contract ends if notice is received at some moment: its dates. Nothing is stored."""
        with told():
            _print(_ending(start, term, extension, notice, to, received, zone, law), as_json=as_json)


def _ending(
    start: str, term: str, extension: str, notice: str, to: str, received: str, zone: str, law: str
) -> "Ending":
    from models.contracts.terms import Law, NoticeTo, Period, Terms, read_day, read_moment
    from models.errors import Faults
    from models.time.clock import LOCAL_ZONE, time_zone

    faults, extended, home = Faults(), None, LOCAL_ZONE.key
    with faults.at("--start"):
        begins = read_day(start)
    with faults.at("--term"):
        first = Period.parse(term, least=1)
    with faults.at("--extension"):
        extended = None if extension.strip() == "-" else Period.parse(extension, least=1)
    with faults.at("--notice"):
        notice_period = Period.parse(notice)
    with faults.at("--to"):
        notice_to = NoticeTo.parse(to)
    with faults.at("--zone"):
        home = time_zone(zone)
    with faults.at("--law"):
        whose = Law.parse(law)
    with faults.at("--received"):
        moment = read_moment(received, home)
    faults.check()
    return Terms(begins, first, extended, notice_period, notice_to, home, whose).ending(moment)


def _print(ending: "Ending", *, as_json: bool) -> None:
    in_time = ending.in_time_for_next_regular_end
    told = {
        "first_term_end": ending.first_term_end,
        "next_regular_end": ending.next_regular_end,
        "last_day_for_next_regular_end": ending.last_day_for_next_regular_end,
        "in_time_for_next_regular_end": None if in_time is None else "yes" if in_time else "no",
        "effective_end": ending.effective_end,
        "last_day_for_effective_end": ending.last_day_for_effective_end,
        "ends_at_utc": ending.ends_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "new_tariff_from": ending.new_tariff_from,
    }
    if as_json:
        typer.echo(json.dumps(told, default=str, indent=2))
        return
    for name, value in told.items():
        typer.echo(f"{name.replace('_', ' '):31}{value or '–'}")
