"""Pages that scripts draw: the pictures that a script names, and what it says of them where it shows them.

No script is run. Bundlers shorten names, but leave addresses, alternative texts and links as they were written.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from tasks.logos.candidate import Candidate, Sighting
from tasks.logos.declared import declaration
from tasks.logos.page import Page, attribute, file_name, folded
from tasks.logos.scoring import Sign, is_white, reason, says_logo, traps

MOST = 4_000_000
"""Characters of a script that are read."""
SIGHTINGS = 20
ADDRESSES, USES = 3000, 3000
"""Pictures that a script names, and places where it shows some; more is no page of a firm."""

_ADDRESS = re.compile(
    r"""["'(`]((?:https?:\\?/\\?/|\.{0,2}\\?/)?[\w\-./\\%@:]{0,200}\.(?:svg|png|webp|jpe?g|gif))["')`?\\]"""
)
_DATA = re.compile(r"""["'`](data:image/(?:svg\+xml|png|webp)[;,][^"'`\s]{300,200000})["'`]""")
_SHOWN = re.compile(r"""\bsrc["']?\s*[:=,]\s*(?:["'`]([^"'`]{1,400})["'`]|([\w$]{1,40}))""")
_SAID = re.compile(r"""\b(?:alt|title|aria-label|id|class(?:Name)?)["']?\s*[:=,]\s*["'`]([^"'`]{0,200})""")
_LINK = re.compile(r"""\b(?:to|href)["']?\s*[:=,]\s*["'`]([^"'`]{0,200})["'`]""")
_HOME = re.compile(r"/|\./|#|/?(?:de|index\.html)/?|#(?:top|home|start|hero)")


@dataclass(frozen=True)
class _Use:
    """One place in which a script shows a picture."""

    words: str
    """Its alternative text and what it is called, folded."""
    home: bool
    """It is in a link to the home page, or says that it leads there."""


def named(page: Page) -> Iterator[Sighting]:
    """Pictures that the scripts within a page name; what is read of all of them together has a limit."""
    inner = (script for script in page.all("script") if not script.get("src"))
    texts = [script.text or "" for script in inner if "ld+json" not in attribute(script, "type").lower()]
    yield from _sightings(page, "\n".join(texts), page.base)


def scripted(page: Page, text: str, base: str) -> list[Candidate]:
    """Candidates from a script that draws the page."""
    return [Candidate.declared(sighting) for sighting in _sightings(page, text, base)]


def _sightings(page: Page, text: str, base: str) -> Iterator[Sighting]:
    """Pictures that are called a logo, by their names or where they are shown, or that lead home."""
    text = text[:MOST]
    uses = _uses(text)
    seen: set[str] = set()
    for mention in (*islice(_ADDRESS.finditer(text), ADDRESSES), *islice(_DATA.finditer(text), SIGHTINGS)):
        address = mention[1].replace("\\u002F", "/").replace("\\/", "/")
        if address in seen or len(seen) > SIGHTINGS:
            continue
        variable = re.search(r"([\w$-]+)[\"']?\s*[=:]\s*$", text[max(0, mention.start() - 40) : mention.start()])
        shown = [*uses[address], *(uses[variable[1]] if variable else [])][:5]
        words = " ".join([folded(variable[1]) if variable else "", *(use.words for use in shown)])
        name = "" if address.startswith("data:") else folded(file_name(address))
        home = any(use.home for use in shown)
        bundled = re.match(r"(static|assets|img|images|media)/", address) is not None  # As seen from the home page.
        if (home or says_logo(f"{name} | {words}")) and (
            source := page.absolute(address, page.base if bundled else base)
        ):
            seen.add(address)
            yield _sighting(page, source, name, words, home=home)


def _sighting(page: Page, source: str, name: str, words: str, *, home: bool) -> Sighting:
    """What the name of a picture tells, and the *words* that are said of it where it is shown."""
    sighting = declaration(page, source, Sign.IN_SCRIPT)
    signs = {each.sign for each in sighting.reasons}
    if says_logo(f"{name} | {words}"):
        sighting.reasons.append(reason(Sign.LOGO_WORD, points=26))
    if home:
        sighting.reasons.append(reason(Sign.HOME_LINK))
    if Sign.NAME not in signs and page.says_name(words):
        sighting.reasons.append(reason(Sign.NAME, points=10))
    if Sign.TRAP not in signs and not home:
        sighting.reasons += [reason(Sign.TRAP, what) for what in list(traps(page.foreign(words)))[:1]]
    if is_white(f"{name} {words}"):
        sighting.reasons.append(reason(Sign.VARIANT, points=2 * Sign.VARIANT.points))
    return sighting


def _uses(text: str) -> defaultdict[str, list[_Use]]:
    """Where a script shows pictures, by their addresses and by the names that it gave to these."""
    uses: defaultdict[str, list[_Use]] = defaultdict(list)
    for shown in islice(_SHOWN.finditer(text), USES):
        before = text[max(0, shown.start() - 300) : shown.start()]
        after = text[shown.end() : shown.end() + 300]
        own = re.split(r"[{<\[]", before)[-1] + re.split(r"[}>\]]", after)[0]
        open_ = re.split(r"\}\)|</|/>", before)[-1]  # What is closed before it is not around it.
        link = next(reversed(_LINK.findall(open_)), None)
        words = folded(*_SAID.findall(own))
        home = "zur startseite" in words or (link is not None and _HOME.fullmatch(link) is not None)
        uses[shown[1] or shown[2]].append(_Use(words, home))
    return uses
