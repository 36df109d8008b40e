"""What the law asks of the texts of an agreement, and what they lack.

An item counts as there if a section has the words by which it is known (``templates/agreement/required.toml``), or if
the author of a text declares it: ``data-covers="art28-3-a subject"`` on a heading speaks for its section, on any other
element for that element. A declaration without content does not count, nor does what no reader sees. Whether a text
is good law, only a lawyer can say.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from bs4.element import Comment, NavigableString

from models.errors import ProvisionError
from tasks.agreement.contract_texts import LANGUAGES, SAMPLES, Language, Texts, current_texts
from tasks.agreement.rendering import AgreementData, LineOfBusiness, agreement_parts, render_agreement

LEAST = 60
"""Letters of content that a declaration needs for each item that it declares."""
LINES: tuple[LineOfBusiness, ...] = ("tax", "law", "audit")
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


class Found(StrEnum):
    """How an item was found."""

    WORDS = "words"
    DECLARED = "declared"
    """By its author only; the usual words are not there, so let somebody read it."""
    MISSING = "missing"


@dataclass(frozen=True)
class Item:
    """One thing that a text must contain."""

    key: str
    law: str
    item: str
    words: dict[Language, list[str]]


@dataclass(frozen=True)
class Checked:
    """One text and what was found in it; ``fault`` says why it could not be read."""

    file: str
    findings: dict[str, Found]
    is_sample: bool = False
    fault: str = ""

    @property
    def lacks(self) -> list[Item]:
        asked = required(_kind(self.file))
        return [item for item in asked if self.findings.get(item.key, Found.MISSING) is Found.MISSING]

    @property
    def declared(self) -> list[Item]:
        return [item for item in required(_kind(self.file)) if self.findings.get(item.key) is Found.DECLARED]

    @property
    def is_whole(self) -> bool:
        return not self.fault and not self.lacks


def check_texts(folder: Path | None = None, *, on_paper: bool = True) -> list[Checked]:
    """Every text in every language, read as a firm would read it; without *folder*, those that are in use.

    Takes seconds *on_paper*, which also finds what only paper shows, as a picture that would have to be fetched.
    """
    return [checked for language in LANGUAGES for checked in _check(language, folder, on_paper)]


def _check(language: Language, folder: Path | None, on_paper: bool) -> Iterator[Checked]:
    data = {line: _sample_data(language, line) for line in LINES}
    try:
        texts = current_texts(language, folder)
        parts = {line: agreement_parts(data[line], texts) for line in LINES}
        if on_paper:
            render_agreement(data["law"], texts)
    except (ProvisionError, KeyError, ValueError) as error:
        fault = f"no word named {error}" if isinstance(error, KeyError) else str(error)
        yield from (Checked(f"{language}/{name}.html", {}, fault=fault) for name in _names())
        return
    html = {"processing": str(parts["law"][2].html)}
    html |= {f"secrecy_{line}": str(parts[line][3].html) for line in LINES}
    for name in _names():
        file = f"{language}/{name}.html"
        yield Checked(file, findings(html[name], _kind(name), language), is_sample=_is_sample(texts, file))


def _names() -> list[str]:
    return ["processing", *(f"secrecy_{line}" for line in LINES)]


def _kind(file: str) -> str:
    return "secrecy" if "secrecy" in file else "processing"


def _is_sample(texts: Texts, file: str) -> bool:
    return texts.files.get(file) == (SAMPLES / file).read_text(encoding="utf-8")


def findings(html: str, kind: str, language: Language) -> dict[str, Found]:
    """How each item of *kind* (``processing``, ``secrecy``) is found in a text."""
    page = BeautifulSoup(html, "html.parser")
    for unseen in page.select("[hidden], script, style, template, .sample, [style*='display']"):
        unseen.decompose()
    for comment in page.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    sections, declared = _sections(page), _declared(page)
    found = {}
    for item in required(kind):
        by_words = any(all(re.search(word, text) for word in item.words[language]) for text in sections)
        by_author = item.key in declared
        found[item.key] = Found.WORDS if by_words else Found.DECLARED if by_author else Found.MISSING
    return found


def _sections(page: BeautifulSoup) -> list[str]:
    """The text from each heading to the next, the heading included; a heading alone says nothing."""
    texts: list[tuple[str, str]] = [("", "")]
    for string in page.find_all(string=True):
        heading = _heading_of(string)
        if heading is None:
            texts[-1] = (texts[-1][0], f"{texts[-1][1]} {string}")
        elif texts[-1][1].strip():
            texts.append((str(string), ""))
        else:
            texts[-1] = (f"{texts[-1][0]} {string}", "")
    return [_plain(f"{heading} {text}") for heading, text in texts if len(_plain(text)) >= LEAST]


def _heading_of(string: NavigableString) -> Tag | None:
    return next((parent for parent in string.parents if parent.name in HEADINGS), None)


def _declared(page: BeautifulSoup) -> set[str]:
    kept: set[str] = set()
    for mark in page.select("[data-covers]"):
        keys = str(mark["data-covers"]).split()
        if mark.name in HEADINGS:
            content = ""
            for sibling in mark.next_siblings:
                if isinstance(sibling, Tag) and sibling.name in HEADINGS and sibling.name <= mark.name:
                    break
                content += sibling.get_text(" ") if isinstance(sibling, Tag) else str(sibling)
        else:
            content = mark.get_text(" ")
        if len(_plain(content)) >= LEAST * len(keys):
            kept |= set(keys)
    return kept


def _plain(text: str) -> str:
    return " ".join(text.replace("’", "'").replace("\N{SOFT HYPHEN}", "").split()).casefold()


@cache
def required(kind: str) -> tuple[Item, ...]:
    """The items of ``processing`` (Art. 28 GDPR) or ``secrecy`` (§ 62a StBerG, § 43e BRAO, § 50a WPO)."""
    entries = tomllib.loads((SAMPLES / "required.toml").read_text(encoding="utf-8"))[kind]
    return tuple(
        Item(
            key,
            entry["law"],
            entry["item"],
            {language: [w.casefold() for w in entry[language]] for language in LANGUAGES},
        )
        for key, entry in entries.items()
    )


def _sample_data(language: Language, line: LineOfBusiness) -> AgreementData:
    return AgreementData(
        number="861272-1",
        version="",
        language=language,
        date=date(2026, 1, 2),
        product="Provision",
        provider_name="Convent IT",
        provider_address=("Musterstraße 1", "10115 Berlin"),
        provider_email="service@convent-it.example",
        firm_name="Muster & Partner",
        company_id="861272",
        line_of_business=line,
        line_of_business_label=line,
        address=("Lindenallee 12", "50667 Köln"),
        organiser_name="Erika Muster",
        organiser_email="erika@muster.example",
        plan="Plus",
        billing="monthly",
        price_cents=10000,
    )
