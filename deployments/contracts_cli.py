"""``provision contract``: contracts by machine."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # Loading the product takes a second, which --help should not.
    from models.contracts.terms import Ending
    from tasks.contracts.billing import BilledPosition, Page

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

    @contracts.command()
    def samples() -> None:
        """Add sample modules to the catalogue, to try things out. Again it changes nothing."""
        from tasks.contracts.samples import bring_samples

        with told():
            typer.echo(f"Sample modules added: {bring_samples()}")

    @contracts.command()
    def billing(
        period: Annotated[str, typer.Option(metavar="MONTH", help="The month, like 2027-01.")] = "",
        as_csv: Annotated[bool, typer.Option("--csv", help="For spreadsheets: CSV and nothing else.")] = False,
        as_json: Json = False,
    ) -> None:
        """Tell what is to be billed in a month, a row a position. A month that is over never changes."""
        if as_csv and as_json:
            raise typer.BadParameter("Choose one of --csv and --json.")
        with told():
            for piece in _billing(period, as_csv=as_csv, as_json=as_json):
                typer.echo(piece, nl=False)


def _billing(period: str, *, as_csv: bool, as_json: bool) -> Iterator[str]:
    """The text, some firms at a time, so that memory stays the same however many there are."""
    from models.contracts.handover import read_month
    from tasks.contracts.billing import all_pages, positions

    month = read_month(period)
    if as_csv:
        return _csv(all_pages(month))
    if as_json:
        return _json(period.strip(), all_pages(month), is_final=positions(month, limit=1).is_final)
    return _lines(all_pages(month))


def _csv(pages: "Iterable[Page]") -> Iterator[str]:
    from tasks.contracts.billing import COLUMNS, OURS
    from tasks.text.cells import cell

    yield "\ufeff"  # Spreadsheets take it for UTF-8 by its mark.
    yield _csv_lines([COLUMNS])
    for page in pages:
        rows = (row.to_json() for row in page.rows)
        yield _csv_lines([told[name] if name in OURS else cell(told[name]) for name in COLUMNS] for told in rows)


def _csv_lines(rows: Iterable[list[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()


def _json(period: str, pages: "Iterable[Page]", *, is_final: bool) -> Iterator[str]:
    yield f'{{"period": {json.dumps(period)}, "final": {json.dumps(is_final)}, "positions": ['
    before = "\n"
    for page in pages:
        for row in page.rows:
            yield before + json.dumps(row.to_json(), ensure_ascii=False)
            before = ",\n"
    yield "]}\n"


def _lines(pages: "Iterable[Page]") -> Iterator[str]:
    sums: dict[str, Decimal] = {}
    for page in pages:
        for row in page.rows:
            yield _line(row)
            if row.state != "held":
                sums[row.currency] = sums.get(row.currency, Decimal(0)) + Decimal(row.net)
    yield "".join(f"{amount:>12} {currency} net\n" for currency, amount in sums.items()) or "Nothing is to be billed.\n"


def _line(row: "BilledPosition") -> str:
    days = f"{row.days_from} – {row.days_to}"
    number = row.customer_number or row.company_id or "–"
    return (
        f"{row.net:>12} {row.currency}  {days}  {row.quantity:>3} × {row.text}  [{number}] {row.name} ({row.state})\n"
    )


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
