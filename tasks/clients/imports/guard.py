"""What a spreadsheet would take for a formula is written so that it stays text, and is read back as it was."""

import re

LINE, WHY = "Provision: Zeile", "Provision: Grund"
"""The first columns of a file of ours, by which it is known."""
FORMULA = re.compile(r"[=+\-@\t\r']")
NUMBER = re.compile(r"\+[\d ()/.\-]+")
"""A telephone number, which nothing happens to."""


def guarded(cell: str) -> str:
    """With an apostrophe before what could be a formula, and before an apostrophe."""
    return f"'{cell}" if FORMULA.match(cell) and not NUMBER.fullmatch(cell) else cell


def unguarded(cell: str) -> str:
    """As it was before ``guarded``."""
    return cell.removeprefix("'")
