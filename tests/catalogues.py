"""What code and templates say to people, and whether every catalogue has it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel.messages.extract import extract

from models.people.manners import Language
from tasks.text import i18n
from tasks.text.i18n import Reader, catalogue_of, environment


@dataclass(frozen=True)
class Message:
    """One message where it stands in code or template, or in a catalogue."""

    file: str
    line: int
    id: str | tuple[str, ...]


def messages(root: Path) -> Iterator[Message]:
    """Every message that code and templates under *root* show to people."""
    reading = environment(Reader(Language.ENGLISH))
    for folder in ("models", "tasks", "flows", "deployments"):
        for file in sorted((root / folder).rglob("*")):
            name = str(file.relative_to(root))
            if file.suffix == ".py":
                with file.open("rb") as source:
                    keywords = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
                    for line, message, _, _ in extract("python", source, keywords):
                        yield Message(name, line, message)
            elif "templates" in file.parts and file.suffix in {".html", ".txt", ".xml", ".svg"}:
                for line, call, found in reading.extract_translations(file.read_text()):
                    texts = [text for text in ([found] if isinstance(found, str) else found or []) if text]
                    if texts:
                        yield Message(name, line, tuple(texts[:2]) if call == "ngettext" else texts[0])


def missing_messages(root: Path, catalogue: str) -> list[str]:
    """What this catalogue owes the reader, a line each: not translated, stale, standing twice, other placeholders."""
    wanted = {message.id: message for message in messages(root)}
    known: set[Any] = set()
    places: dict[str, str] = {}
    faults = []
    for file in sorted((i18n.CATALOGUES / catalogue).glob("*.po")):
        name = f"{catalogue}/{file.name}"
        book = catalogue_of(file)
        faults += [f"{name}: obsolete: {message!r}" for message in book.obsolete]
        for entry in book:
            if not entry.id:
                continue
            if entry.fuzzy or not all(_forms(entry.string)):
                faults.append(f"{name}:{entry.lineno}: not translated: {entry.id!r}")
            elif entry.id not in wanted:
                faults.append(f"{name}:{entry.lineno}: nobody says this any more: {entry.id!r}")
            elif (one := entry.id if isinstance(entry.id, str) else entry.id[0]) in places:
                faults.append(f"{name}:{entry.lineno}: stands in {places[one]} already: {entry.id!r}")
            else:
                faults += [f"{name}:{entry.lineno}: other placeholders than {entry.id!r}"] * _differ(entry)
                known.add(entry.id)
                places[one] = name
    if catalogue != "de_du":
        faults += [f"{m.file}:{m.line}: not in {catalogue}: {m.id!r}" for m in wanted.values() if m.id not in known]
    return faults


def _differ(entry: Any) -> bool:
    """Whether a translation needs other facts than its message."""
    said, told = (
        {frozenset(re.findall(r"%\(\w+\)s", text)) for text in _forms(texts)[-1:]} for texts in (entry.id, entry.string)
    )
    return said != told


def _forms(text: Any) -> list[str]:
    """A message as the list of its forms, one for each grammatical number."""
    return [text] if isinstance(text, str) else list(text or [""])
