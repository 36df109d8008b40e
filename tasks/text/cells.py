"""Cells of a file that people open in a spreadsheet."""

import re
from typing import Any

_BEGINS_FORMULA = re.compile(r"(^|[;,|\t\r\n])(?=[\s\"']*[=+\-@＝＋－＠])|^(?=[\t\r])")


def cell(value: Any) -> str:
    """As text that no spreadsheet takes for a formula, at whichever of the usual signs it parts the cells.

    A German one parts them at semicolons, and so ends our cell within its text, in quotation marks or not.
    """
    return _BEGINS_FORMULA.sub(r"\1'", "" if value is None else str(value))
