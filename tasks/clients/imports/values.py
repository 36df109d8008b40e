"""What the cells of one record say, each under its column's target, as people write it.

What was repaired is noted, what cannot be read is noted or asked, and what is destroyed is left out: nothing is guessed
without a word.
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache

from babel import Locale

from models.clients.label import LABEL_MOST
from models.errors import ProvisionError
from models.firm import website_address
from models.people.manners import AddressForm, Language
from models.text import one_line, paragraphs
from models.time.clock import today
from tasks.clients.imports.draft import Asked, Field, Note, NoteKind, Question, Target

YES = frozenset(
    ("yes", "y", "ja", "j", "oui", "o", "true", "wahr", "vrai", "x", "1", "on", "an", "ein", "✓", "✔", "si")
)
NO = frozenset(("no", "n", "nein", "non", "false", "falsch", "faux", "0", "off", "aus", "✗"))
NOTHING = frozenset(
    [*"-–—./?", "--", "---", "null", "#null!", "n/a", "#n/a", "#nv", "#ref!", "#bezug!", "#value!", "#wert!", "#name?"]
) | {"nan", "k.a.", "k. a.", "n.a.", "keine angabe", "unbekannt", "leer", "(leer)", "nicht vorhanden", "n.v."}
"""What stands in a cell in which nothing stands."""
NONE_OF_THEM = re.compile(
    r"(?:(?:hat|gibt es|leider|noch)\s+)*(?:keine?n?|ohne|none|nein|no|nicht|pas de|aucune?|unknown|fehlt|offen|folgt"
    r"|wird\s+nach\w+|liegt nicht vor|x+|0+|\*+)"
    r"(?:\s+(?:e-?mail\w*|mail\w*|adresse|telefon\w*|tel\.?|handy|mobil\w*|fax\w*|nummer|bekannt|angegeben|vorhanden"
    r"|erwünscht|courriel|téléphone|ust\S*|mehr))*[.!]?",
    re.IGNORECASE,
)
"""What stands under addresses and numbers where there are none."""
LANGUAGES = {
    **dict.fromkeys(
        ["de", "deu", "ger", "deutsch", "german", "allemand", "1", "d", "de-de", "de-at", "de-ch"], Language.GERMAN
    ),
    **dict.fromkeys(
        ["fr", "fra", "fre", "französisch", "french", "français", "francais", "4", "f", "fr-fr", "fr-ch"],
        Language.FRENCH,
    ),
    **dict.fromkeys(["en", "eng", "englisch", "english", "anglais", "5", "e", "en-us", "en-gb"], Language.ENGLISH),
}
"""Also by DATEV's numbers."""
FORMS = {
    **dict.fromkeys(["du", "duzen", "per du", "tu", "ja", "informell", "informal"], AddressForm.DU),
    **dict.fromkeys(["sie", "siezen", "per sie", "vous", "nein", "formell", "formal"], AddressForm.SIE),
}
VALUE_MOST, LONG = 500, frozenset({Field.NOTE, Field.TAGS, Field.LABELS})
"""Characters of a cell that is no text at length: names and numbers are looked for in no more."""
DESTROYED = re.compile(r"[+-]?\d(?:[.,]\d+)?E\+\d{1,3}", re.IGNORECASE)
GUARD = re.compile(r"'(?=[=+@'\t\r\d-])")
"""One sign before what a spreadsheet would take for a formula; who wrote the file has put it there, see exports."""
AS_TEXT = re.compile(r'="([^"]*)"')
"""“="01067"”: so that a spreadsheet takes a number for text."""
LOST = re.compile(r"\w\?\w|\?\w{2}|�")
TWICE = re.compile(r"Ã[\u0080-\u00bf\u0152-\u2122]|â€|Â[\u00a0-\u00bf]")
"""UTF-8 that somebody has read as Windows-1252."""
DAYS_FROM, SERIAL_FROM, SERIAL_TO = date(1899, 12, 30), 5_000, 60_000
"""A day as a spreadsheet counts it: 43890 is 29 February 2020."""
EMPTY_DAY = re.compile(r"0+[./-]0+[./-]0+(?:\s.*)?")
DAY = re.compile(r"(\d{1,2})\s*[./-]\s*(\d{1,2})\s*[./-]\s*(\d{4}|\d{2})(?:[ T].*)?")
ISO_DAY = re.compile(r"(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})(?:[ T].*)?")
NAMED_DAY = re.compile(
    r"(?P<day>\d{1,2})?\.?(?:er)?\s*(?P<month>[^\W\d_]{3,}\.?)\s+(?:(?P<day_behind>\d{1,2}),?\s+)?(?P<year>\d{4})"
)
NO_YEAR = re.compile(r"--\d{2}-?\d{2}|1604-.*|\d{1,2}\.\s?\d{1,2}\.?")
OF_VALUES = frozenset({Question.BAD_EMAIL, Question.BAD_DATE, Question.TOO_LONG})


@dataclass
class Values:
    """All that one record says, with what is to be told and asked about it."""

    notes: list[Note] = field(default_factory=list)
    questions: list[Asked] = field(default_factory=list)
    values: dict[tuple[Field, int], list[str]] = field(default_factory=dict)
    """By target."""

    @classmethod
    def of(cls, headers: Sequence[str], targets: Sequence[Target | None], cells: Iterable[str]) -> "Values":
        said = cls()
        for header, target, cell in zip(headers, targets, cells, strict=False):
            if target is None or target.field is Field.IGNORE or not cell or cell.isspace():
                continue
            text = said.cleaned(header, target.field, cell)
            if text:
                said.values.setdefault(target, []).append(text)
        return said

    def note(self, kind: NoteKind, **facts: str) -> None:
        if Note(kind, facts) not in self.notes:
            self.notes.append(Note(kind, facts))

    def ask(self, question: Question, **facts: str) -> None:
        """One question for all that is doubtful in who a record is about; values are asked about one by one."""
        same = (asked for asked in self.questions if asked.question is question)
        if not any(question not in OF_VALUES or asked.facts == facts for asked in same):
            self.questions.append(Asked(question, facts))

    def is_asked(self, question: Question) -> bool:
        return any(asked.question is question for asked in self.questions)

    def all(self, of: Field, person: int = 1) -> list[str]:
        return self.values.get((of, person), [])

    def one(self, of: Field, person: int = 1) -> str:
        return next(iter(self.all(of, person)), "")

    def put(self, of: Field, *texts: str) -> None:
        """Say so instead, of the first person."""
        self.values[Target(of)] = [*texts]

    def drop(self, *fields: Field) -> None:
        for one in fields:
            self.values.pop(Target(one), None)

    def cleaned(self, header: str, of: Field, cell: str) -> str:
        """The cell's text without what nobody sees, repaired where that is certain."""
        if DESTROYED.fullmatch(cell.strip()):
            self.note(NoteKind.DESTROYED, column=header, value=cell.strip())
            return ""
        if len(cell) > VALUE_MOST and of not in LONG:
            self.ask(Question.TOO_LONG, field=header, value=f"{one_line(cell[:40])}…", most=str(VALUE_MOST))
            return ""
        bare = GUARD.sub("", cell, count=1) if cell.startswith("'") else cell
        as_text = AS_TEXT.fullmatch(bare)
        bare = as_text[1] if as_text else bare
        if of is Field.NOTE:
            return paragraphs(bare)
        text = _in_one_line(bare, of)
        if text.casefold() in NOTHING:
            return ""
        if TWICE.search(text):
            with suppress(UnicodeError):
                right = text.encode("cp1252").decode("utf-8")
                self.note(NoteKind.LETTERS_REPAIRED, column=header, value=text, becomes=right)
                return right
        if LOST.search(text) and of not in {Field.WEBSITE, Field.EMAIL}:
            self.note(NoteKind.LOST_LETTER, column=header, value=text)
        return text

    def fitting(self, text: str, most: int, column: str) -> str:
        """The text if it is not too long; else nothing, and somebody is asked."""
        if len(text) <= most:
            return text
        self.ask(Question.TOO_LONG, field=column, value=f"{text[:20].rstrip()}…", most=str(most))
        return ""

    # What needs no more than its own cell.

    def birthday(self, person: int, *, month_first: bool) -> date | None:
        text = self.one(Field.BIRTHDAY, person)
        if not text or EMPTY_DAY.fullmatch(text):
            return None
        if NO_YEAR.fullmatch(text):
            self.note(NoteKind.DATE_WITHOUT_YEAR, value=text)
            return None
        day = day_in(text, month_first=month_first)
        if day is None or not date(1880, 1, 1) <= day <= today():
            self.ask(Question.BAD_DATE, value=text[:60])
            return None
        return day

    def switch(self, of: Field, person: int) -> bool | None:
        text = self.one(of, person).casefold().removesuffix(".0")
        if not text:
            return None
        if text not in YES | NO:
            self.note(NoteKind.SWITCH_UNREAD, value=text)
            return None
        return text in YES

    def language(self, person: int) -> Language | None:
        text = self.one(Field.LANGUAGE, person).casefold().removesuffix(".0")
        if text and text not in LANGUAGES:
            self.note(NoteKind.LANGUAGE_UNREAD, value=text)
        return LANGUAGES.get(text)

    def address_form(self, person: int) -> AddressForm | None:
        return FORMS.get(self.one(Field.ADDRESS_FORM, person).casefold())

    def tags(self, more: Iterable[str] = ()) -> tuple[str, ...]:
        """Words by which the firm sorts; what a program adds by itself is none."""
        words = [word for text in self.all(Field.TAGS) for word in re.split(r"\s*(?:[;,|\n]|:::)\s*", text)]
        labels = [word for text in self.all(Field.LABELS) for word in re.split(r"\s*:::\s*", text)]
        words += [word for word in labels if not word.startswith("*")]
        fitting = [self.fitting(word, LABEL_MOST, "tags") for word in (*words, *more) if word]
        return tuple(dict.fromkeys(filter(None, fitting)))

    def website(self) -> str:
        text = self.one(Field.WEBSITE)
        if NONE_OF_THEM.fullmatch(text):
            return ""
        try:
            return website_address(text)
        except ProvisionError:
            self.note(NoteKind.WEBSITE_UNREAD, value=text[:60])
            return ""


def _in_one_line(text: str, of: Field) -> str:
    """Lines of an address with commas between them; names of people below each other stay those of several."""
    lines = [line for line in map(one_line, text.splitlines()) if line] if "\n" in text else [one_line(text)]
    if of in {Field.STREET, Field.HOME_STREET, Field.ADDRESS}:
        return ", ".join(line.strip(",") for line in lines)
    is_each_whole = of is Field.GIVEN_NAME or (of is Field.FULL_NAME and all(" " in line for line in lines))
    is_apart = len(lines) > 1 and is_each_whole and not any(line.endswith((",", "-")) for line in lines)
    return (" & " if is_apart else " ").join(lines)


@cache
def _months() -> dict[str, int]:
    """The names of months in German, French and English, whole and shortened."""
    return {
        name.casefold().strip("."): number
        for locale in ("de", "de_AT", "fr", "en")
        for width in ("wide", "abbreviated")
        for number, name in Locale.parse(locale).months["format"][width].items()
    }


def day_in(text: str, *, month_first: bool = False) -> date | None:
    """The day that somebody has written, or a spreadsheet has counted; None if there is no such day."""
    bare = re.sub(r"[.,]0$", "", text)
    if re.fullmatch(r"\d{4,5}", bare) and SERIAL_FROM <= int(bare) <= SERIAL_TO:
        return DAYS_FROM + timedelta(days=int(bare))
    named = NAMED_DAY.fullmatch(text)
    if named:
        month = _months().get(named["month"].casefold().strip("."))
        text = f"{named['day'] or named['day_behind']}.{month}.{named['year']}" if month else text
    iso, common = ISO_DAY.fullmatch(text), DAY.fullmatch(text)
    with suppress(ValueError):
        if iso:
            return date(*(int(part) for part in iso.groups()))
        if common:
            first, second, year = (int(part) for part in common.groups())
            if len(common[3]) == 2:
                year += 2000 if 2000 + year <= today().year else 1900
            day, month = (
                (second, first)
                if (month_first and "/" in text and first <= 12) or (second > 12 and "/" in text)
                else (first, second)
            )
            return date(year, month, day)
    return None
