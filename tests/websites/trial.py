"""Finding the logo of every website, to be counted."""

import ctypes
import gc
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from tasks.logos.find import CONFIDENT, find
from tests.websites.baselines import declared_first, first_called_logo
from tests.websites.model import Web, Website, served


@dataclass
class Result:
    site: Website
    right: bool
    said: str | None
    confidence: float
    seconds: float
    megabytes: float
    """What the search needed at its peak beyond what was there before; of several at once, all of them together."""
    requests: int
    declared_first_right: bool
    first_called_logo_right: bool


def tried(sites: list[Website], at_once: int = 2, *, weighed: bool = False) -> list[Result]:
    """Every site is searched once; *at_once* of them at the same moment. Memory is measured only if they are weighed,
    which takes longer than the search.
    """
    with served(sites) as web, ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda site: _tried(web, site, weighed=weighed), sites))


def _tried(web: Web, site: Website, *, weighed: bool) -> Result:
    home, page = web.home(site), web.page(site)
    hosts = {site.host, *site.others}
    before = _memory("VmRSS", anew=True) if weighed else 0.0
    began = time.perf_counter()
    found = find(home, site.firm)
    seconds = time.perf_counter() - began
    grown = _memory("VmHWM") - before if weighed else 0.0
    said = found.choice.source if found.choice else None
    return Result(
        site,
        site.is_right(said, home),
        said,
        found.candidates[0].confidence if found.candidates else 0.0,
        seconds,
        grown,
        sum(1 for asked in web.asked if asked.partition("/")[0] in hosts),
        site.is_right(declared_first(page, home), home),
        site.is_right(first_called_logo(page, home), home),
    )


def _memory(what: str, *, anew: bool = False) -> float:
    """Megabytes of this process by Linux's own figures; *anew* lets the peak begin now."""
    if anew:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # Else what earlier sites needed is used again and not counted.
        Path("/proc/self/clear_refs").write_text("5")
    found = re.search(rf"{what}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def told(name: str, results: list[Result]) -> Iterator[str]:
    """The figures, a line each, and what went wrong."""
    count = len(results)
    figures = {
        "ours": sum(each.right for each in results),
        "declared first (rule order of metascraper-logo)": sum(each.declared_first_right for each in results),
        "first image that says logo": sum(each.first_called_logo_right for each in results),
    }
    for who, right in figures.items():
        yield f"{name}: {who}: {right} of {count} right ({right / count:.0%})"
    sure = [each for each in results if each.confidence >= CONFIDENT]
    yield (
        f"{name}: of {len(sure)} taken without asking (confidence {CONFIDENT} and more)"
        f" {sum(each.right for each in sure)} are right; {count - len(sure)} go to an operator or have none"
    )
    seconds = quantiles([each.seconds for each in results], n=20)
    yield (
        f"{name}: {seconds[9]:.2f} s a site in the median, {seconds[18]:.2f} s at 95 %;"
        f" at most {max(each.requests for each in results)} requests"
    )
    megabytes = quantiles([each.megabytes for each in results], n=20)
    yield (
        f"{name}: {megabytes[9]:.1f} MB a site in the median, {megabytes[18]:.1f} MB at 95 %, at most"
        f" {max(each.megabytes for each in results):.1f} MB beyond what was there before"
    )
    for each in results:
        if not each.right:
            yield f"{name}: wrong: {each.site.name}: {(each.said or 'none')[:90]} ({each.confidence:.2f})"
