"""What people write, as it is kept: without what nobody sees, in one spelling, and within its length.

Every door cleans what comes in (pages, webhooks, forms, files, command line); what is too long is refused there, and
never cut without a word. What a column of the database takes is cleaned once more, see ``models.db``.
"""

from typing import Annotated
from unicodedata import category, normalize

from pydantic import BeforeValidator

from models.errors import N_, ProvisionError

_UNSEEN = {"Cc", "Cf", "Cs", "Co"}
"""Categories of controls, directions of writing and other formats, halves of letters, and letters of one's own."""
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters by their category that show nothing."""
_KEPT = frozenset("\n\r\t\u200d")
"""Ends of lines, and the joiner that makes one picture of several."""


class TextTooLong(ProvisionError):
    status = 422
    says = N_("“%(begins)s” has %(length)s characters: shorten it to %(most)s.")

    def __init__(self, begins: str, length: int, most: int, field: str = "") -> None:
        super().__init__(begins, length, most, field)
        self.begins = begins
        self.length = length
        self.most = most
        self.field = field
        """Of the form, where it stands; empty: not known here."""


def one_line(written: str) -> str:
    """One line, with single blanks and nothing that cannot be seen, composed as keyboards do (NFC)."""
    if written.isprintable() and _BLANK.isdisjoint(written):  # As nearly everything is.
        return normalize("NFC", " ".join(written.split()))
    shown = (" " if char.isspace() else "" if _is_unseen(char) else char for char in written)
    return normalize("NFC", " ".join("".join(shown).split()))


def paragraphs(written: str) -> str:
    """The same for several lines, which stay."""
    return normalize("NFC", seen("\n".join(written.splitlines()))).strip()


def seen(text: str) -> str:
    """The text without what nobody sees; blanks and ends of lines stay as they are."""
    if text.isprintable():
        return text
    return "".join(char for char in text if char in _KEPT or not _is_unseen(char))


def _is_unseen(char: str) -> bool:
    return char in _BLANK or category(char) in _UNSEEN


def fitting(text: str, most: int, field: str = "") -> str:
    """The text, if it has no more than so many characters; raises TextTooLong."""
    if len(text) > most:
        raise TextTooLong(f"{text[:20].rstrip()}…", len(text), most, field)
    return text


def row_number(text: str) -> int | None:
    """The number of a row as forms and addresses give it; None for what can be none in any database."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


Line = Annotated[str, BeforeValidator(lambda value: one_line(value) if isinstance(value, str) else value)]
"""A field of one line in what other systems and forms send."""
Paragraphs = Annotated[str, BeforeValidator(lambda value: paragraphs(value) if isinstance(value, str) else value)]
"""A field of several lines."""
