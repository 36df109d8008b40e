"""Whether everything around the product is as it must be: what ``provision check`` looks at, a sentence for each fault.

Nothing is changed, made or sent. A look that breaks down is a fault by itself, and the others are taken all the same.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from deployments.catalogue import POOL, differences
from models.db import reading
from models.errors import ProvisionError
from models.imprint import IF_ANY, missing
from models.migrate import is_up_to_date
from models.settings import THIS_MACHINE, host_name, settings
from models.time.clock import local_day
from tasks.agreement.legal_check import check_texts
from tasks.agreement.seal import known_certificates, own_seal
from tasks.engine.prefect_client import ask_once, is_set
from tasks.mail.delivery import unreachable

DISK_LEAST = 1_000_000_000
"""Bytes that must be free where the data folder is."""
SEAL_LEAST = timedelta(days=30)
"""For so long the seal must still be good: to have a new certificate issued takes weeks."""
CLOCK_MOST = timedelta(seconds=30)
"""What the clocks of two machines may differ by: codes and links are good for minutes, and both write moments down."""


@dataclass(frozen=True)
class Finding:
    """One fault, and what to do about it."""

    subject: str
    says: str


def findings() -> Iterator[tuple[str, list[Finding]]]:
    """Everything that is looked at, one after the other, with its faults; none: it is as it must be."""
    for subject, look in LOOKS.items():
        try:
            yield subject, [Finding(subject, says) for says in look()]
        except ProvisionError as refusal:
            yield subject, [Finding(subject, str(refusal))]
        except (OSError, ValueError, SQLAlchemyError) as error:
            said = next(iter(str(error).splitlines()), "")
            yield subject, [Finding(subject, f"It could not be looked at ({type(error).__name__}: {said}).")]


def _settings() -> Iterator[str]:
    config = settings()
    if host_name(config.base_url) not in THIS_MACHINE:
        if not config.base_url.startswith("https:"):
            yield f"{config.base_url} is not encrypted: put TLS before it, and set PROVISION_BASE_URL to https://…"
        if config.mail_catcher:
            yield "Mail is caught and sent to nobody: set PROVISION_MAIL_CATCHER=false and name your mail server."
    if config.time_shift:
        yield f"The clock is moved by {config.time_shift}: unset PROVISION_TIME_SHIFT, which is for rehearsals."
    if config.fetch_private:
        yield "Logos may be fetched from private addresses: unset PROVISION_FETCH_PRIVATE, which is for rehearsals."


def _imprint() -> Iterator[str]:
    for variable in missing():
        none = ", to nothing if you have none" if variable.removeprefix("PROVISION_").lower() in IF_ANY else ""
        yield f"{variable} is missing or still a sample, and the law wants it on your pages: set it{none}."


def _files() -> Iterator[str]:
    data = settings().data
    if not data.is_dir():
        yield f"There is no folder {data}: name one by PROVISION_DATA, or start the product once."
        return
    wide = [place for place in (data, *data.rglob("*")) if not place.is_symlink() and place.stat().st_mode & 0o077]
    if wide:
        yield f"Others than its owner can read {wide[0]} ({len(wide)} in all): run chmod -R go= {data}"


def _mail() -> Iterator[str]:
    fault = unreachable()
    if fault:
        where = f"{settings().smtp_host}:{settings().smtp_port}"
        yield f"The mail server {where} does not take us ({fault}): see that it runs, and look at PROVISION_SMTP_…"


def _prefect() -> Iterator[str]:
    if not is_set():
        yield "No Prefect is set and none runs beside: start provision up, or set PREFECT_API_URL."
        return
    try:
        wrong = differences(ask_once)
        workers = ask_once("POST", f"/work_pools/{POOL}/workers/filter", {})
    except (httpx.HTTPError, ValueError) as error:
        yield f"Prefect does not answer as it should ({type(error).__name__}): see that it runs and takes our password."
        return
    if wrong:
        yield f"Deployments are not as they should be ({', '.join(sorted(wrong))}): start a worker with --register."
    if not any(worker["status"] == "ONLINE" for worker in workers):
        yield "No worker is there, so nothing goes on by itself: start python -m deployments.worker"


def _database() -> Iterator[str]:
    url = make_url(settings().database)
    if _is_a_file() and not Path(url.database or "").is_file():
        yield f"There is no database at {url.database}: run provision migrate, or set PROVISION_DATABASE_URL."
        return
    try:
        if not is_up_to_date():
            yield "The database has not the tables of this version: run provision migrate"
    except SQLAlchemyError as error:
        yield f"The database does not answer ({type(error).__name__}): see that it runs, and PROVISION_DATABASE_URL."


def _texts() -> Iterator[str]:
    if settings().texts is None:
        yield "The texts of agreements are samples: let a lawyer check them, and name your own by PROVISION_TEXTS."
    lacking = [text.file for text in check_texts(on_paper=False) if not text.is_whole]
    if lacking:
        yield f"{', '.join(lacking)} lack what the law asks for: see provision agreement check"


def _seal() -> Iterator[str]:
    """One that the product makes by itself is made anew each year; it is not made here."""
    known_certificates()
    if settings().seal_pkcs12 is None:
        return
    until = own_seal().good_until
    left = until - datetime.now(UTC)
    if left < SEAL_LEAST:
        state = "is not good any more since" if left < timedelta() else "is only good until"
        yield f"The seal {state} {local_day(until)}: have a new one issued, and name it by PROVISION_SEAL_PKCS12."


def _clock() -> Iterator[str]:
    """SQLite has no clock of its own."""
    if _is_a_file():
        return
    with reading() as session:
        theirs: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    yield from differing(theirs, datetime.now(UTC))


def differing(theirs: datetime, ours: datetime) -> Iterator[str]:
    """The fault, if the clock of the database and this machine's are too far apart."""
    apart = abs(theirs - ours)
    if apart > CLOCK_MOST:
        yield f"This machine's clock and the database's are {apart.total_seconds():.0f} s apart: have both set by NTP."


def _disk() -> Iterator[str]:
    data = settings().data.absolute()
    there = next(place for place in (data, *data.parents) if place.is_dir())
    free = shutil.disk_usage(there).free
    if free < DISK_LEAST:
        yield f"Only {free // 1_000_000} MB are free at {there}: make room, or give PROVISION_DATA a larger disk."


def _is_a_file() -> bool:
    return settings().database.startswith("sqlite")


LOOKS: dict[str, Callable[[], Iterator[str]]] = {
    "settings": _settings,
    "imprint": _imprint,
    "files": _files,
    "database": _database,
    "clock": _clock,
    "mail": _mail,
    "prefect": _prefect,
    "texts": _texts,
    "seal": _seal,
    "disk": _disk,
}
"""What is looked at."""
