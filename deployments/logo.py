"""``provision logo``: one logo, found or given, judged, brought into shape and told."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from models.logo import LogoRefused
from models.people.manners import Language
from tasks.logos.find import Candidate, Found, find
from tasks.logos.scoring import Reason
from tasks.logos.shape import ShapedLogo, shape
from tasks.text.i18n import Reader

TOLD = 20
"""Candidates that are told; what comes after them has hardly anything for it."""


@dataclass
class Outcome:
    """What was found, and what became of it."""

    found: Found
    logo: ShapedLogo | None = None
    refusal: LogoRefused | None = None
    """Why the chosen picture could not be brought into shape."""
    files: dict[str, Path] = field(default_factory=dict)


def search(where: str, firm: str, out: Path | None) -> Outcome:
    """The logo of the website, or of the file, at *where*. Raises the refusals of finding, and those of a file."""
    file = Path(where)
    if "://" not in where and file.is_file():
        given = Candidate.given(file.absolute().as_uri())
        done = Outcome(Found([given], {given.source: file.read_bytes()}), shape(file.read_bytes()))
    else:
        done = Outcome(find(where, firm))
        picture = done.found.pictures.get(done.found.choice.source) if done.found.choice else None
        try:
            done.logo = shape(picture) if picture else None
        except LogoRefused as refused:
            done.refusal = refused
    if out is not None and done.logo is not None:
        done.files = _written(done.logo, out)
    return done


def _written(logo: ShapedLogo, folder: Path) -> dict[str, Path]:
    """Write all versions there are, and tell where each is."""
    folder.mkdir(parents=True, exist_ok=True)
    versions = {
        "png": ("logo.png", logo.png),
        "svg": ("logo.svg", logo.svg.encode() if logo.svg is not None else None),
        "png_light": ("logo-light.png", logo.png_light),
        "png_dark": ("logo-dark.png", logo.png_dark),
    }
    files = {}
    for version, (name, content) in versions.items():
        if content is not None:
            files[version] = folder / name
            files[version].write_bytes(content)
    return files


def as_json(done: Outcome) -> str:
    choice, candidates = done.found.choice, done.found.candidates
    best = candidates[0].confidence if candidates else 0.0
    facts: dict[str, Any] = {
        "choice": {
            "kind": choice.kind.value if choice else "none",
            "source": choice.source if choice else None,
            "confidence": choice.confidence if choice else round(1 - best, 3),
        },
        "candidates": [_candidate(candidate) for candidate in candidates[:TOLD]],
        "report": None,
        "files": {name: str(path) for name, path in done.files.items()},
    }
    if done.logo is not None:
        report = done.logo.report
        facts["report"] = {**report.to_json(), "advice": [str(each) for each in report.advice]}
    if done.refusal is not None:
        facts["refusal"] = str(done.refusal)
    return json.dumps(facts, ensure_ascii=False, indent=2)


def _candidate(candidate: Candidate) -> dict[str, Any]:
    english, german = Reader(Language.ENGLISH), Reader(Language.GERMAN)
    reasons = [
        {
            "sign": each.sign.value,
            "points": each.points,
            "text": {"en": told_reason(each, english), "de": told_reason(each, german)},
        }
        for each in candidate.reasons
    ]
    return {
        "kind": candidate.kind.value,
        "source": candidate.source,
        "confidence": candidate.confidence,
        "score": candidate.score,
        "versions": list(candidate.versions),
        "part": asdict(candidate.part) if candidate.part is not None else None,
        "reasons": reasons,
    }


def told_reason(each: Reason, reader: Reader) -> str:
    """The sentence of one piece of evidence."""
    return reader.fill(each.sign.says, {"detail": reader.gettext(each.detail)})


def lines(done: Outcome, reader: Reader) -> list[str]:
    """The same for people."""
    rows = []
    for place, candidate in enumerate(done.found.candidates[:8], start=1):
        rows.append(f"{place}. {candidate.confidence:4.0%}  {_short(candidate.source)}")
        rows += [f"      {each.points:+4d}  {told_reason(each, reader)}" for each in candidate.reasons]
    choice = done.found.choice
    rows.append("")
    part = " a part of" if choice and choice.part is not None else ""
    rows.append(
        f"The logo:{part} {_short(choice.source)} ({choice.confidence:.0%})" if choice else "No logo was found."
    )
    if done.refusal is not None:
        rows.append(str(done.refusal))
    if done.logo is not None:
        rows.append(f"It meets {done.logo.report.score} of 4 criteria, {done.logo.width} x {done.logo.height} pixels.")
        rows += [f"  {each}" for each in done.logo.report.advice]
    rows += [f"Written: {path}" for path in done.files.values()]
    return rows


def _short(source: str) -> str:
    return source if len(source) < 120 else f"{source[:110]} … ({len(source)} characters)"
