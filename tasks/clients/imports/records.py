"""One row of a table as a draft: who it tells of, and what, under the columns' targets.

What a cell holds is read as people write it. What was repaired is noted, what cannot be read is noted or asked, and
what is destroyed is left out: nothing is guessed without a word.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

from babel import Locale

from models.clients.address import CITY_MOST, STREET_MOST, country_named, postcode, vat_id
from models.clients.card import TITLE_MOST
from models.clients.client import NUMBER_MOST, ClientKind
from models.clients.label import LABEL_MOST
from models.clients.naming import COUPLE, HOUSEHOLD, NAME_MOST, is_company, people_in, people_of
from models.clients.phone import PhoneKind, numbers_in
from models.errors import ProvisionError
from models.firm import same_name, website_address
from models.people.mail_address import addresses_in
from models.people.manners import AddressForm, Language
from models.people.names import PARTICLES, called, is_salutation, is_title, salutation
from models.people.person import PART_MOST
from models.text import one_line, paragraphs
from models.time.clock import today
from tasks.clients.imports.draft import (
    AccountDraft,
    Asked,
    ContactDraft,
    Draft,
    Field,
    Format,
    Note,
    NoteKind,
    PhoneDraft,
    Question,
    Reason,
    Refused,
    Skipped,
    Target,
)
from tasks.clients.imports.source import Flaw, Row, WasNumber

SUPPLIERS = re.compile(r"lieferant|kreditor|supplier|vendor|fournisseur|creditor|partenaire", re.IGNORECASE)
CLIENTS = re.compile(r"kunde|mandant|debitor|client|customer|interessent|kontakt|contact|privat|firma", re.IGNORECASE)
COMPANY_KIND = re.compile(
    r"firma|unternehmen|company|business|organi[sz]ation|gesellschaft|juristisch|soci[ée]t[ée]|entreprise|morale|verein|"
    r"corporate|gewerb|institution|behörde|körperschaft",
    re.IGNORECASE,
)
PERSON_KIND = re.compile(
    r"individual|einzelperson|privat|person|natürlich|particulier|physique|individuel|household|familie|ehe",
    re.IGNORECASE,
)
SALUTES_COMPANY = re.compile(
    r"firma|verein|gesellschaft|praxis|(?:erben|wohnungseigentümer)gemeinschaft|unternehmen|company|organisation|behörde|"
    r"soci[ée]t[ée]|institution|stiftung|gemeinde|an die",
    re.IGNORECASE,
)
SAYS_ONLY_COMPANY = re.compile(
    r"(?:an die )?(?:firma|fa\.|unternehmen|company|organisation|soci[ée]t[ée]|institution)", re.IGNORECASE
)
"""As a salutation: it is no part of the name, as “Erbengemeinschaft” is."""
OWNER = re.compile(
    r"(?:,\s*)?\b(?:Inh\.|Inhaber(?:in)?|z\.\s?Hd\.(?: v(?:on|\.))?|c/o|GF|Geschäftsführer(?:in)?)[:\s]+"
    r"(?P<who>[^,;(]+)",
    re.IGNORECASE,
)
"""Behind a company's name: who it belongs to, or who is to be written to."""
YES = frozenset(
    ("yes", "y", "ja", "j", "oui", "o", "true", "wahr", "vrai", "x", "1", "on", "an", "ein", "✓", "✔", "si")
)
NO = frozenset(("no", "n", "nein", "non", "false", "falsch", "faux", "0", "off", "aus", "✗"))
NOTHING = frozenset(
    [*"-–—./?", "--", "---", "null", "#null!", "n/a", "#n/a", "#nv", "#ref!", "#bezug!", "#value!", "#wert!", "#name?"]
) | {"nan", "k.a.", "k. a.", "keine angabe", "unbekannt", "leer", "(leer)", "nicht vorhanden", "n.v."}
"""What stands in a cell in which nothing stands."""
NONE_OF_THEM = frozenset(
    ["keine", "kein", "none", "nein", "aucun", "aucune", "no", "nicht bekannt", "unknown", "liegt nicht vor"]
)
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
AND_WORD = re.compile(r"und|u\.|and|et|sowie|[&+/]|die|eheleute|ehepaar|familie|fam\.", re.IGNORECASE)
DESTROYED = re.compile(r"[+-]?\d(?:[.,]\d+)?E\+\d{1,3}", re.IGNORECASE)
GUARD = re.compile(r"'(?=[=+@'\t\r\d-])")
"""One sign before what a spreadsheet would take for a formula; who wrote the file has put it there, see exports."""
AS_TEXT = re.compile(r'="([^"]*)"')
"""“="01067"”: so that a spreadsheet takes a number for text."""
LOST = re.compile(r"\w\?\w|\?\w{2}|�")
TWICE = re.compile(r"Ã[\u0080-\u00bf\u0152-\u2122]|â€|Â[\u00a0-\u00bf]")
"""UTF-8 that somebody has read as Windows-1252."""
PLACE = re.compile(
    r"(?:(?P<country>[A-Z]{1,3})\s*[-–]\s*)?(?P<postcode>\d{4,5})(?:\.0)?\s+(?P<city>\D.*)", re.IGNORECASE
)
WITH_COUNTRY = re.compile(r"([A-Z]{1,3})\s*[-–. ]\s*(\d{4,6})", re.IGNORECASE)
FIVE_DIGITS = frozenset({"DE", "FR", "IT", "ES"})
DAYS_FROM, SERIAL_FROM, SERIAL_TO = date(1899, 12, 30), 5_000, 60_000
"""A day as a spreadsheet counts it: 43890 is 29 February 2020."""
EMPTY_DAY = re.compile(r"0+[./-]0+[./-]0+(?:\s.*)?")
DAY = re.compile(r"(\d{1,2})\s*[./-]\s*(\d{1,2})\s*[./-]\s*(\d{4}|\d{2})(?:[ T].*)?")
ISO_DAY = re.compile(r"(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})(?:[ T].*)?")
NAMED_DAY = re.compile(
    r"(?P<day>\d{1,2})?\.?(?:er)?\s*(?P<month>[^\W\d_]{3,}\.?)\s+(?:(?P<day_behind>\d{1,2}),?\s+)?(?P<year>\d{4})"
)
NO_YEAR = re.compile(r"--\d{2}-?\d{2}|1604-.*|\d{1,2}\.\s?\d{1,2}\.?")
SKIPPED_NUMBERS = {Skipped.OWN_FIRM: range(1, 2), Skipped.AUTHORITY: range(89_001, 200_000)}
"""RA-MICRO: the firm itself, and courts, offices and insurers that come with the program."""
CREDITORS_FROM = 7
"""First digit of the account of a creditor (DATEV)."""
PERSONAL_DIGITS = 5


@dataclass(frozen=True)
class Layout:
    """What a table's columns are, and where it is from."""

    format: Format
    headers: tuple[str, ...]
    targets: tuple[Target | None, ...]
    country: str
    """Of the firm: whose addresses name no country are there."""
    least: int = 0
    """So many cells every record has: columns without a name at the end may be left away."""
    account_digits: int = 0
    """Digits of the accounts of people (DATEV); 0: it is not told."""
    family_first: bool = False
    """Most people in a column of names are “Muster, Erika”."""
    month_first: bool = False
    """Days are written as in America."""

    def draft(self, record: int, row: Row) -> Draft:
        """The one draft of this record."""
        raw = tuple(map(str, row.cells))
        if row.flaw is Flaw.UNCLOSED_QUOTE:
            value = next((cell for cell in raw if cell.count('"') % 2), "")
            asked = Asked(Question.UNCLOSED_QUOTE, {"value": value[:60]})
            return Draft(record, row.line, raw, questions=(asked,))
        count, width = len(raw), len(self.headers)
        while count > width and (not raw[count - 1] or raw[count - 1].isspace()):
            count -= 1
        if count > width:
            facts = {"cells": str(count), "columns": str(width), "value": one_line(raw[count - 1])[:60]}
            return Draft(record, row.line, raw, questions=(Asked(Question.LONG_ROW, facts),))
        work = _Record(self, row.cells)
        if len(raw) < self.least:
            work.ask(Question.SHORT_ROW, cells=str(count), columns=str(width))
        return replace(work.draft(), record=record, line=row.line, raw=raw)


class _Name(NamedTuple):
    given: str
    family: str
    salutation: str = ""
    title: str = ""


@dataclass
class _Place:
    street: str = ""
    postcode: str = ""
    city: str = ""
    country: str = ""
    box: str = ""

    @property
    def is_there(self) -> bool:
        return bool(self.street or self.postcode or self.city or self.box)


@dataclass
class _Record:
    """What is being found out about one record."""

    layout: Layout
    cells: Sequence[str]
    notes: list[Note] = field(default_factory=list)
    questions: list[Asked] = field(default_factory=list)
    values: dict[tuple[Field, int], list[str]] = field(default_factory=dict)
    """By target."""
    numbers: set[str] = field(default_factory=set)
    """What a spreadsheet kept as a number."""
    company: str = ""
    called: str = ""
    """What the account is called, where the file says it."""
    kind: ClientKind | None = None

    def __post_init__(self) -> None:
        for header, target, cell in zip(self.layout.headers, self.layout.targets, self.cells, strict=False):
            if target is None or target.field is Field.IGNORE or not cell or cell.isspace():
                continue
            text = self.cleaned(header, target.field, cell)
            if text:
                self.values.setdefault(target, []).append(text)
                if isinstance(cell, WasNumber):
                    self.numbers.add(text)

    def note(self, kind: NoteKind, **facts: str) -> None:
        if Note(kind, facts) not in self.notes:
            self.notes.append(Note(kind, facts))

    def ask(self, question: Question, **facts: str) -> None:
        if not any(asked.question is question and self.same(asked, facts) for asked in self.questions):
            self.questions.append(Asked(question, facts))

    @staticmethod
    def same(asked: Asked, facts: dict[str, str]) -> bool:
        """One question for all that is doubtful in who a record is about; values are asked about one by one."""
        return asked.question not in OF_VALUES or asked.facts == facts

    def all(self, of: Field, person: int = 1) -> list[str]:
        return self.values.get((of, person), [])

    def one(self, of: Field, person: int = 1) -> str:
        return next(iter(self.all(of, person)), "")

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
        lines = bare.splitlines() if of in {Field.STREET, Field.HOME_STREET, Field.ADDRESS} else [bare]
        text = ", ".join(filter(None, (one_line(line).strip(",") for line in lines)))
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

    # Who it is.

    def names(self, person: int) -> list[_Name]:
        """The people that the columns of one person tell of: mostly one, of a couple two, or nobody."""
        given = self.one(Field.GIVEN_NAME, person)
        for middle in self.all(Field.MIDDLE_NAME, person):
            self.note(NoteKind.MIDDLE_NAME, value=middle)
        family = self.one(Field.FAMILY_NAME, person)
        if given and not family and person > 1:  # Who is married to the first has the same name unless told.
            family = self.one(Field.FAMILY_NAME)
        prefix = " ".join(dict.fromkeys(self.all(Field.NAME_PREFIX, person)))
        if prefix and family and not family.casefold().startswith(prefix.casefold()):
            family = f"{prefix} {family}"
        if not given and not family:
            full = self.one(Field.FULL_NAME, person)
            if not full and not self.company:
                full = self.one(Field.FILE_AS, person)
            if not full or same_name(full, self.company):
                return []
            for other in self.all(Field.FULL_NAME, person)[1:]:
                if not same_name(other, full):
                    self.note(NoteKind.OTHER_NAME, value=other)
            return self.addressed(self.in_full(full), person)
        return self.addressed(self.in_parts(given, family), person)

    def in_full(self, text: str) -> list[_Name]:
        """The people whose whole names stand in one cell."""
        told = people_in(_capitals(text))
        people = [_Name(one.given_name, one.family_name, one.salutation, one.title) for one in told]
        if COUPLE.search(text) or len(people) > 1:
            self.ask(Question.TWO_PEOPLE, value=text)
        kept = {word for one in people for part in one for word in _words(part)}
        left = [
            word for word in _words(text) if word not in kept and not (is_salutation(word) or AND_WORD.fullmatch(word))
        ]
        if left and people:
            self.note(NoteKind.NAME_PART, value=" ".join(left), of=text)
        return [one for one in people if one.given or one.family]

    def in_parts(self, given: str, family: str) -> list[_Name]:
        """The people whose given and family names have cells of their own, however they were filled."""
        if not given and "," in family:
            return self.in_full(family)
        pairs = people_of(given, family)
        if len(pairs) > 1 or HOUSEHOLD.search(f" {given} ") or HOUSEHOLD.search(f" {family} "):
            self.ask(Question.TWO_PEOPLE, value=f"{given} {family}".strip())
        people = []
        for first, last in pairs:
            greeted, titles, first_bare = _without_titles(first)
            greeted_too, titles_too, last_bare = _without_titles(last)
            if not last_bare and len(first_bare.split()) > 1:
                whole = called(first_bare)
                self.ask(Question.NAME_UNCLEAR, value=first_bare)
                first_bare, last_bare = whole.given_name, whole.family_name
            elif not first_bare and not greeted and len(pairs) == 1 and len(last_bare.split()) > 1:
                whole = called(last_bare)
                if whole.given_name:
                    self.ask(Question.NAME_UNCLEAR, value=last_bare)
                    first_bare, last_bare = whole.given_name, whole.family_name
            title = " ".join(dict.fromkeys([*titles, *titles_too]))
            people.append(_Name(first_bare, last_bare, greeted or greeted_too, title))
        return people

    def addressed(self, people: list[_Name], person: int) -> list[_Name]:
        """With salutation and title out of their own columns."""
        text = self.one(Field.SALUTATION, person)
        words = text.split()
        titles = [word for word in words if is_title(word) and not is_salutation(word)]
        greeted = [salutation(word) for word in words if is_salutation(word)]
        if people and text and COUPLE.search(text):
            self.ask(Question.TWO_PEOPLE, value=" ".join(filter(None, (text, people[0].given, people[0].family))))
            if len(people) == 1 and len(greeted) > 1:
                people = [people[0], people[0]._replace(given="", title="")]
        own, _, left = _without_titles(self.one(Field.TITLE, person), keep_all=True)
        suffix = self.one(Field.NAME_SUFFIX, person)
        behind = [word for word in suffix.split() if is_title(word)] if suffix else []
        result = []
        for at, one in enumerate(people):
            greeting = (
                one.salutation or (greeted[min(at, len(greeted) - 1)] if greeted else "") or (own if at == 0 else "")
            )
            title = one.title
            if at == 0 or len(people) == 1:
                title = " ".join(dict.fromkeys([*titles, *left.split(), *one.title.split(), *behind]))
            family = one.family
            if suffix and not behind and len(people) == 1:
                family = f"{family} {suffix}"
            result.append(_Name(one.given, family, greeting, self.fitting(title, TITLE_MOST, "title")))
        return result

    # Whose account it is.

    def sort_names(self) -> None:
        """Put names that stand where they do not belong where they do: companies, accounts, people."""
        self.called = self.one(Field.ACCOUNT_NAME)
        self.company = self.one(Field.COMPANY_NAME)
        if self.company:
            self.company = " ".join([self.company, *self.all(Field.COMPANY_NAME_MORE)])
        self.kind = self.kind_told()
        if self.layout.format is Format.DATEV:
            self.sort_by_addressee()
        if self.layout.format is Format.BEXIO:
            self.sort_bexio()
        self.sort_family_name()
        name = self.one(Field.NAME) or _comma(self.one(Field.NAME_FAMILY_FIRST))
        if name:
            self.sort_name(name)
        self.sort_owner()

    def kind_told(self) -> ClientKind | None:
        """What kind of client it is, if a column says so."""
        for text in [*self.all(Field.ACCOUNT_KIND), *self.all(Field.CATEGORY)]:
            if PERSON_KIND.search(text) and not COMPANY_KIND.search(text):
                return ClientKind.INDIVIDUAL
            if COMPANY_KIND.search(text) or is_company(text):
                return ClientKind.COMPANY
        return None

    def sort_by_addressee(self) -> None:
        """DATEV: the kind of addressee says which of three names counts."""
        code = self.one(Field.ADDRESSEE_KIND).removesuffix(".0")
        for of, most in DATEV_MOST.items():
            for text in self.all(of):
                if len(text) >= most:
                    self.note(NoteKind.MAYBE_CUT, value=text, most=str(most))
        person = [Field.FAMILY_NAME, Field.GIVEN_NAME]
        order = {"1": [person, [Field.COMPANY_NAME], [Field.NAME_OF_NEITHER]]}.get(
            code,
            [[Field.NAME_OF_NEITHER], [Field.COMPANY_NAME], person]
            if code == "0"
            else [[Field.COMPANY_NAME], [Field.NAME_OF_NEITHER], person],
        )
        counts = next((fields for fields in order if any(map(self.one, fields))), [])
        for fields in order:
            if fields is not counts and any(map(self.one, fields)):
                self.note(NoteKind.OTHER_NAME, value=" ".join(filter(None, map(self.one, reversed(fields)))))
                for one in fields:
                    self.values.pop(Target(one), None)
        self.company = self.one(Field.COMPANY_NAME)
        if counts == [Field.NAME_OF_NEITHER]:
            self.values[Target(Field.NAME)] = self.all(Field.NAME_OF_NEITHER)

    def sort_bexio(self) -> None:
        """bexio: the first name is the company's, or the family name of a person."""
        first, second = self.one(Field.FAMILY_NAME), self.one(Field.GIVEN_NAME)
        if first and (self.kind is ClientKind.COMPANY or (self.kind is None and is_company(first))):
            self.company = " ".join(filter(None, (first, second)))
            self.drop(Field.FAMILY_NAME, Field.GIVEN_NAME)

    def drop(self, *fields: Field) -> None:
        for one in fields:
            self.values.pop(Target(one), None)

    def sort_family_name(self) -> None:
        """A company in the column of family names."""
        given, family = self.one(Field.GIVEN_NAME), self.one(Field.FAMILY_NAME)
        whole = " ".join(filter(None, (given, family)))
        greeting = self.one(Field.SALUTATION)
        is_greeted = bool(SALUTES_COMPANY.search(greeting))
        if not whole or not (is_greeted or is_company(family) or (not family and is_company(given))):
            return
        if is_greeted and self.company and not is_company(whole):
            return  # “Firma” before the company whose contact this is.
        is_sure = is_greeted or self.layout.format is Format.RA_MICRO or self.kind is ClientKind.COMPANY
        if self.company and not same_name(self.company, whole):
            self.note(NoteKind.OTHER_NAME, value=whole)
            is_sure = False
        elif given and family and not is_greeted:
            self.note(NoteKind.OTHER_NAME, value=given)
            self.company, is_sure = family, False
        else:
            is_more = is_greeted and not is_company(whole) and not SAYS_ONLY_COMPANY.fullmatch(greeting)
            self.company = f"{greeting} {whole}" if is_more else whole
        self.drop(Field.GIVEN_NAME, Field.FAMILY_NAME, Field.MIDDLE_NAME, Field.NAME_PREFIX)
        if not is_sure and not (self.one(Field.FULL_NAME) and not given):
            self.ask(Question.COMPANY_AS_NAME, value=whole)

    def sort_name(self, name: str) -> None:
        """A name of which only its cell tells whether it is a company's, an account's or a person's."""
        contact = self.one(Field.FULL_NAME)
        if self.one(Field.GIVEN_NAME) or self.one(Field.FAMILY_NAME):
            if is_company(name) and not self.company and self.kind is not ClientKind.INDIVIDUAL:
                self.company = name
            else:
                self.called = self.called or name
        elif self.company and (contact or is_company(name)):
            self.called = self.called or name
        elif self.company:
            self.values[Target(Field.FULL_NAME)] = [name]
        elif self.is_companys(name, contact):
            self.company = " ".join([name, *self.all(Field.COMPANY_NAME_MORE)])
        else:
            self.sort_person(name, contact)

    def is_persons(self, name: str) -> bool:
        """Whether something beside its words says that this is the name of people."""
        greeting = next(iter(self.one(Field.SALUTATION).split()), "")
        is_told = self.kind is ClientKind.INDIVIDUAL or is_salutation(greeting)
        return is_told or "," in name or bool(COUPLE.search(name))

    def is_companys(self, name: str, contact: str) -> bool:
        if self.kind is ClientKind.COMPANY or SALUTES_COMPANY.search(self.one(Field.SALUTATION)):
            return True
        if self.kind is None and is_company(name):
            return True
        return bool(contact) and not (self.is_persons(name) or _is_same_person(name, contact))

    def sort_person(self, name: str, contact: str) -> None:
        """The name of one person or of two."""
        if contact and not _is_same_person(name, contact):
            self.note(NoteKind.OTHER_NAME, value=contact)
        if COUPLE.search(name):
            self.called = self.called or name
        more = self.one(Field.COMPANY_NAME_MORE)
        if more and not ("," in name or COUPLE.search(name)):  # “Name 1” and “Name 2” of a person.
            name = f"{name}, {more}"
            self.ask(Question.NAME_UNCLEAR, value=name)
        if self.layout.family_first and not self.is_persons(name):
            self.ask(Question.NAME_UNCLEAR, value=name)
        self.values[Target(Field.FULL_NAME)] = [name]

    def sort_owner(self) -> None:
        """“Heizung Krause, Inh. Peter Krause”: the person who stands behind the name of a company."""
        if not self.company or any(map(self.one, (Field.FULL_NAME, Field.GIVEN_NAME, Field.FAMILY_NAME))):
            return
        for text in [self.company, *self.all(Field.STREET_MORE)]:
            found = OWNER.search(text)
            if found:
                self.values[Target(Field.FULL_NAME)] = [found["who"].strip()]
                if text == self.company and found.start() > 0:
                    self.company = text[: found.start()].strip(" ,")
                return

    def settle_kind(self, people: Sequence[_Name]) -> ClientKind:
        """Whose account it is; a company that is called like its one person is that person."""
        own = [f"{one.given} {one.family}" for one in people] + [f"{one.family} {one.given}" for one in people]
        if self.company and any(same_name(self.company, name) for name in own):
            self.company = ""
            self.kind = self.kind or ClientKind.INDIVIDUAL
        if any(same_name(self.called, name) for name in own) and self.kind is not ClientKind.COMPANY:
            self.called = ""
        if self.kind is ClientKind.INDIVIDUAL and self.company and people:
            self.note(NoteKind.OTHER_NAME, value=self.company)
            self.company = ""
        if self.kind is not None and (self.kind is ClientKind.INDIVIDUAL or self.company or self.called):
            return self.kind
        if self.company:
            return ClientKind.COMPANY
        families = [one.family.casefold() for one in people if one.family]
        is_theirs = any(family in self.called.casefold() for family in families)
        return (
            ClientKind.COMPANY if self.called and (is_company(self.called) or not is_theirs) else ClientKind.INDIVIDUAL
        )

    # What belongs to them.

    def country(self) -> str:
        """Where the record is from, by whatever of it says so; empty: nothing does."""
        for text in [*self.all(Field.COUNTRY), *self.all(Field.HOME_COUNTRY)]:
            with suppress(ProvisionError):
                return country_named(text)
            self.note(NoteKind.COUNTRY_UNKNOWN, value=text)
        for text in [*self.all(Field.POSTCODE), *self.all(Field.POSTCODE_AND_CITY), *self.all(Field.HOME_POSTCODE)]:
            marked = re.match(r"([A-Za-z]{1,3})\s*[-–]\s*\d", text)
            with suppress(ProvisionError):
                if marked:
                    return country_named(marked[1])
        with suppress(ProvisionError):
            country = country_named(self.one(Field.VAT_COUNTRY) or self.one(Field.VAT_ID)[:2])
            return country if country != self.layout.country else ""
        if self.layout.country in FIVE_DIGITS and re.fullmatch(r"\d{4}", self.one(Field.POSTCODE)):
            for text in [*self.all(Field.PHONE), *self.all(Field.MOBILE)]:
                dialled = re.match(r"(?:\+|00)\s*(4[13]|423|352|32|45|47|36|386)\b", text)
                if dialled:  # Neither a postcode of ours nor a number.
                    return DIALLED[dialled[1]]
        return ""

    def place(self, fields: Sequence[Field], country: str, person: int = 1) -> _Place:
        """An address out of these columns: street, postcode, city."""
        street, code, city = (self.one(one, person) for one in fields)
        place = _Place(country=country)
        if fields[0] is Field.STREET:
            street = " ".join(filter(None, (street, self.one(Field.HOUSE_NUMBER, person))))
            more = [text for text in self.all(Field.STREET_MORE, person) if not OWNER.match(text)]
            street = ", ".join(filter(None, (street, *more)))
            box = self.one(Field.PO_BOX, person)
            place.box = box if not box or re.search(r"[^\W\d_]", box) else f"Postfach {box}"
            both = self.one(Field.POSTCODE_AND_CITY, person)
            found = PLACE.fullmatch(both) or (PLACE.fullmatch(city) if not code else None)
            if found:
                code, city = found["postcode"], found["city"]
            elif not code and re.fullmatch(r"(?:[A-Z]{1,3}\s*[-–. ]\s*)?\d{4,6}", both, re.IGNORECASE):
                code = both
            else:
                city = city or both
            whole = self.one(Field.ADDRESS, person)
            if whole and not (street or code or city):
                street, code, city = _address(whole)
        if not street:
            street, place.box = place.box, ""
        place.street = self.fitting(street, STREET_MOST, "street")
        place.city = self.fitting(city, CITY_MOST, "city")
        place.postcode = self.postcode(code, country or self.layout.country)
        return place

    def postcode(self, written: str, country: str) -> str:
        text = re.sub(r"[.,]0$", "", written)
        marked = WITH_COUNTRY.fullmatch(text)
        text = marked[2] if marked else text
        if re.fullmatch(r"\d{4}", text) and country in FIVE_DIGITS:
            self.note(NoteKind.POSTCODE_ZERO, value=text, becomes=f"0{text}", country=country)
            text = f"0{text}"
        try:
            return postcode(text, country)
        except ProvisionError:
            self.note(NoteKind.POSTCODE_UNFIT, value=written, country=country)
            return ""

    def phones(self, person: int, country: str) -> tuple[PhoneDraft, ...]:
        """All numbers in the columns of this person, in the file's order."""
        found: dict[str, PhoneDraft] = {}
        kinds = {Field.MOBILE: PhoneKind.MOBILE, Field.FAX: PhoneKind.FAX}
        cells = [
            (of, text)
            for (of, whose), texts in self.values.items()
            if whose == person and of in {Field.PHONE, *kinds}
            for text in texts
        ]
        labels = self.all(Field.PHONE_LABEL, person)
        if len(labels) != len(self.all(Field.PHONE, person)):
            labels = []  # Nobody can tell which is whose.
        for at, (of, text) in enumerate(sorted(cells, key=lambda cell: PHONE_ORDER.index(cell[0]))):
            is_fax = of is Field.PHONE and "fax" in f"{text} {labels[at] if labels else ''}".casefold()
            kind = PhoneKind.FAX if is_fax else kinds.get(of, PhoneKind.LANDLINE)
            for phone in self.read_phones(text, kind, country):
                found.setdefault(phone.number, phone)
        return tuple(found.values())

    def read_phones(self, text: str, kind: PhoneKind, country: str) -> list[PhoneDraft]:
        bare = re.sub(r"(?<=\d)[.,]0$", "", text)
        if bare.casefold() in NONE_OF_THEM:
            return []
        kinds, rest = numbers_in(bare, country)
        numbers = [*kinds]
        for part in rest:
            is_end = bool(numbers) and len(re.sub(r"\D", "", part)) < 6
            self.note(NoteKind.PHONE_EXTENSION if is_end else NoteKind.PHONE_UNREAD, value=part)
        if not numbers and not rest:
            self.note(NoteKind.PHONE_UNREAD, value=text)
        if (
            len(numbers) == 1
            and re.fullmatch(r"[1-9]\d{6,11}", bare)
            and numbers[0].endswith(bare)
            and country in TRUNK_ZERO
        ):
            self.note(NoteKind.PHONE_ZERO, value=text, becomes=f"0{bare}")
        told = {} if kind is PhoneKind.FAX else kinds  # A fax cannot be told by its digits.
        return [PhoneDraft(number, told.get(number) or kind) for number in numbers]

    def emails(self, person: int) -> list[str]:
        """The addresses in the columns of this person, the main one first; what is meant to be one is asked about."""
        cells = self.all(Field.EMAIL, person)
        labels = self.all(Field.EMAIL_LABEL, person)
        if len(labels) == len(cells):  # Google marks the main one.
            cells = [
                cell
                for _, cell in sorted(zip(labels, cells, strict=True), key=lambda both: not both[0].startswith("*"))
            ]
        found: dict[str, None] = {}
        faulty: list[str] = []
        for cell in cells:
            addresses, bad = addresses_in(cell)
            found |= dict.fromkeys(addresses)
            faulty += [one for one in bad if one.casefold() not in NONE_OF_THEM]
            if not addresses and not bad:
                self.note(NoteKind.NOT_AN_ADDRESS, value=cell[:60])
        for one in faulty:
            if found:
                self.note(NoteKind.NOT_AN_ADDRESS, value=one[:60])
            else:
                self.ask(Question.BAD_EMAIL, value=one[:60])
        return list(found)

    def birthday(self, person: int) -> date | None:
        text = self.one(Field.BIRTHDAY, person)
        if not text or EMPTY_DAY.fullmatch(text):
            return None
        if NO_YEAR.fullmatch(text):
            self.note(NoteKind.DATE_WITHOUT_YEAR, value=text)
            return None
        day = day_in(text, month_first=self.layout.month_first)
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

    def tags(self) -> tuple[str, ...]:
        """Words by which the firm sorts; what a program adds by itself is none."""
        words = [word for text in self.all(Field.TAGS) for word in re.split(r"\s*(?:[;,|\n]|:::)\s*", text)]
        labels = [word for text in self.all(Field.LABELS) for word in re.split(r"\s*:::\s*", text)]
        words += [word for word in labels if not word.startswith("*")]
        words += [
            text
            for text in self.all(Field.CATEGORY)
            if not (
                SUPPLIERS.search(text) or CLIENTS.search(text) or COMPANY_KIND.search(text) or PERSON_KIND.search(text)
            )
        ]
        fitting = [self.fitting(word, LABEL_MOST, "tags") for word in words if word]
        return tuple(dict.fromkeys(filter(None, fitting)))

    def website(self) -> str:
        text = self.one(Field.WEBSITE)
        try:
            return website_address(text)
        except ProvisionError:
            self.note(NoteKind.WEBSITE_UNREAD, value=text[:60])
            return ""

    def vat(self, country: str) -> str:
        text = self.one(Field.VAT_ID)
        before = self.one(Field.VAT_COUNTRY)
        if not text or text.casefold() in NONE_OF_THEM:
            return ""
        ways = [text, f"{before}{text}", f"{'EL' if country == 'GR' else country}{text}"]
        for way in ways:
            with suppress(ProvisionError):
                return vat_id(way)
        self.note(NoteKind.VAT_ID_INVALID, value=f"{before} {text}".strip())
        return ""

    def skipped(self, number: str) -> Skipped | None:
        """Whether it is no client at all, as far as the file tells."""
        categories = " ".join([*self.all(Field.CATEGORY), *self.all(Field.ACCOUNT_KIND)])
        if SUPPLIERS.search(categories) and not re.search(
            r"kunde|mandant|debitor|client|customer", categories, re.IGNORECASE
        ):
            return Skipped.SUPPLIER
        if self.one(Field.SUPPLIER_NUMBER) and not number:
            return Skipped.SUPPLIER
        if self.layout.format is Format.DATEV and re.fullmatch(r"\d+", number):
            digits = self.layout.account_digits or max(PERSONAL_DIGITS, len(number))
            if len(number) >= digits and int(number.zfill(digits)[0]) >= CREDITORS_FROM:
                return Skipped.CREDITOR
        if self.layout.format is Format.RA_MICRO and re.fullmatch(r"\d{1,7}", number):
            return next((reason for reason, numbers in SKIPPED_NUMBERS.items() if int(number) in numbers), None)
        return None

    # All of it.

    def draft(self) -> Draft:
        self.sort_names()
        numbers = sorted({person for _, person in self.values})
        people = {number: self.names(number) for number in numbers}
        people = {number: names for number, names in people.items() if names}
        first = people.get(1, [])
        kind = self.settle_kind(first or next(iter(people.values()), []))
        told = self.country()
        country = told or self.layout.country
        business = self.place((Field.STREET, Field.POSTCODE, Field.CITY), country)
        at_home = (Field.HOME_STREET, Field.HOME_POSTCODE, Field.HOME_CITY)
        home = self.place(at_home, country) if any(map(self.one, at_home)) else _Place()
        tags = self.tags()
        number = re.sub(r"(?<=\d)[.,]0$", "", self.one(Field.NUMBER))
        skipped = self.skipped(number)
        number = self.fitting(number, NUMBER_MOST, "number")
        if self.layout.format is Format.SEVDESK and kind is ClientKind.COMPANY and people and number:
            self.note(NoteKind.NUMBER_OF_PERSON, value=number)
            number = ""
        mails, phones = ([], ()) if first else (self.emails(1), self.phones(1, country))
        company_phones = tuple(
            phone
            for text in self.all(Field.COMPANY_PHONE)
            for phone in self.read_phones(text, PhoneKind.LANDLINE, country)
        )
        only = next(iter(people.items()), None)
        if not first and only is not None and len(people) == 1 and len(only[1]) == 1:
            first_number = only[0]
            if not self.all(Field.EMAIL, first_number):
                self.values[Target(Field.EMAIL, first_number)] = self.all(Field.EMAIL)
                mails = []
        website = self.website()
        contacts: list[ContactDraft] = []
        note = "\n".join(self.all(Field.NOTE))
        for person, names in people.items():
            own = self.place((Field.STREET, Field.POSTCODE, Field.CITY), country, person) if person > 1 else _Place()
            place = own if own.is_there else home if home.is_there else business
            contacts += self.contacts(person, names, place if place.is_there else _Place(country=told), country)
        if contacts and note and first:
            contacts[0] = replace(contacts[0], note=note)
        has_address = business.is_there or (kind is ClientKind.INDIVIDUAL and home.is_there)
        where = business if business.is_there or kind is ClientKind.COMPANY else home
        account = AccountDraft(
            kind=kind,
            name=self.called if self.called != self.company else "",
            company_name=self.company if kind is ClientKind.COMPANY else "",
            number=number,
            vat_id=self.vat(country),
            street=where.street,
            postcode=where.postcode,
            city=where.city,
            country=country if has_address else told,
            website=website,
            tags=tags,
            phones=company_phones if first else (*phones, *company_phones),
            emails=() if first else tuple(mails),
            note="\n".join(filter(None, ("" if first else note, where.box))),
        )
        if contacts and kind is ClientKind.INDIVIDUAL and company_phones:
            contacts[0] = replace(contacts[0], phones=(*contacts[0].phones, *company_phones))
            account = replace(account, phones=())
        if contacts and self.layout.format in ADDRESS_BOOKS:
            contacts = [replace(one, tags=tags, website=website) for one in contacts]
        refused = self.refusal(account, contacts, people)
        return Draft(0, 0, (), account, tuple(contacts), tuple(self.notes), tuple(self.questions), refused, skipped)

    def contacts(self, person: int, names: Sequence[_Name], place: _Place, country: str) -> list[ContactDraft]:
        mails, phones = self.emails(person), self.phones(person, country)
        result: list[ContactDraft] = []
        shares = _shared(mails, names)
        for at, name in enumerate(names):
            if not name.family:
                continue
            if not name.given and not any(asked.question is Question.TWO_PEOPLE for asked in self.questions):
                self.ask(
                    Question.GIVEN_NAME_MISSING,
                    value=" ".join(filter(None, (name.salutation, name.title, name.family))),
                )
            own = shares[at]
            if len(own) > 1:
                self.note(NoteKind.MORE_EMAILS, value=", ".join(own[1:]), kept=own[0])
            form = self.one(Field.ADDRESS_FORM, person).casefold()
            result.append(
                ContactDraft(
                    family_name=name.family,
                    given_name=name.given,
                    title=name.title,
                    salutation=name.salutation,
                    email=own[0] if own else "",
                    other_emails=tuple(own[1:]),
                    phones=phones if at == 0 else (),
                    street=place.street,
                    postcode=place.postcode,
                    city=place.city,
                    country=place.country,
                    language=self.language(person),
                    address_form=FORMS.get(form),
                    login=self.switch(Field.LOGIN, person),
                    notify=self.switch(Field.NOTIFY, person),
                    email_sync=self.switch(Field.EMAIL_SYNC, person),
                    is_commercial=self.switch(Field.IS_COMMERCIAL, person),
                    is_operational=self.switch(Field.IS_OPERATIONAL, person),
                    birthday=self.birthday(person) if at == 0 else None,
                    note="\n".join(self.all(Field.NOTE, person)) if person > 1 else "",
                )
            )
        return result

    def refusal(
        self, account: AccountDraft, contacts: Sequence[ContactDraft], people: dict[int, list[_Name]]
    ) -> Refused | None:
        if not self.values:
            return Refused(Reason.NOTHING_USEFUL)
        for name in (account.name, account.company_name):
            if len(name) > NAME_MOST:
                return Refused(Reason.NAME_TOO_LONG, name[:40])
        for one in contacts:
            for name in (one.given_name, one.family_name):
                if len(name) > PART_MOST:
                    return Refused(Reason.NAME_TOO_LONG, name[:40])
        without = next((name for names in people.values() for name in names if not name.family), None)
        if without is not None and not contacts:
            return Refused(Reason.NO_FAMILY_NAME, without.given)
        if not contacts and not (account.name or account.company_name):
            return Refused(Reason.NO_NAME)
        return None


DATEV_MOST = {
    **dict.fromkeys((Field.COMPANY_NAME, Field.NAME_OF_NEITHER), 50),
    **dict.fromkeys((Field.FAMILY_NAME, Field.GIVEN_NAME), 30),
    Field.FULL_NAME: 40,
}
"""Characters to which DATEV cuts names."""
OF_VALUES = frozenset({Question.BAD_EMAIL, Question.BAD_DATE, Question.TOO_LONG})
DIALLED = {
    "41": "CH",
    "43": "AT",
    "423": "LI",
    "352": "LU",
    "32": "BE",
    "45": "DK",
    "47": "NO",
    "36": "HU",
    "386": "SI",
}
"""Countries with postcodes of four digits, by how they are called."""
PHONE_ORDER = [Field.PHONE, Field.MOBILE, Field.FAX]
TRUNK_ZERO = frozenset({"DE", "AT", "CH"})
ADDRESS_BOOKS = frozenset({Format.OUTLOOK, Format.GOOGLE})
"""Programs in which tags and pages on the web are a person's, not an account's."""


def _without_titles(text: str, *, keep_all: bool = False) -> tuple[str, list[str], str]:
    """Salutation, titles, and the rest of a given or a family name into which they were written."""
    words = [word.strip(",") for word in text.split()]
    greeted = ""
    titles: list[str] = []
    while words and (is_salutation(words[0]) or (is_title(words[0]) and not keep_all)):
        if is_salutation(words[0]) and words[0].casefold() not in {"m.", "me", "sig."}:
            greeted = greeted or salutation(words[0])
        elif is_title(words[0]):
            titles.append(words[0])
        else:
            break
        words = words[1:]
    behind: list[str] = []
    while len(words) > 1 and is_title(words[-1]) and not keep_all:
        behind.insert(0, words.pop())
    return greeted, [*titles, *behind], " ".join(words)


def _comma(text: str) -> str:
    """“Muster Max”, where the family name stands first, as “Muster, Max”."""
    words = text.split()
    if len(words) < 2 or "," in text or is_company(text):
        return text
    at = next((at for at, word in enumerate(words) if word.casefold() not in PARTICLES), 0) + 1
    return f"{' '.join(words[:at])}, {' '.join(words[at:])}" if at < len(words) else text


def _words(text: str) -> list[str]:
    return [bare for word in text.split() if (bare := word.strip(",;()[]\"'„“”"))]


def _capitals(text: str) -> str:
    """“MUSTERMANN Max”: a family name in capitals stands first."""
    words = text.split()
    count = next((at for at, word in enumerate(words) if not (word.isupper() and len(word) > 2)), len(words))
    if 0 < count < len(words) and "," not in text and all(not word.isupper() for word in words[count:]):
        return f"{' '.join(words[:count])}, {' '.join(words[count:])}"
    return text


def _is_same_person(one: str, other: str) -> bool:
    first, second = called(one), called(other)
    return (first.given_name, first.family_name) == (second.given_name, second.family_name)


def _address(whole: str) -> tuple[str, str, str]:
    """Street, postcode and city of an address in one cell, as far as they can be told apart."""
    parts = [part.strip() for part in re.split(r"[,;\n]", whole) if part.strip()]
    for at, part in enumerate(parts):
        found = PLACE.fullmatch(part)
        if found:
            return ", ".join(parts[:at]), found["postcode"], found["city"]
    found = re.fullmatch(rf"(.*?\d\S*)\s+{PLACE.pattern}", whole)
    if found:
        return found[1], found["postcode"], found["city"]
    return whole, "", ""


def _shared(mails: list[str], names: Sequence[_Name]) -> list[list[str]]:
    """Whose each address is, of several people: by given names, else one each in order; the rest is the first's."""
    if len(names) < 2:
        return [mails]
    shares: list[list[str]] = [[] for _ in names]
    rest = []
    for mail in mails:
        local = mail.partition("@")[0]
        owner = next(
            (at for at, one in enumerate(names) if one.given and one.given.casefold().split()[0] in local), None
        )
        if owner is None:
            rest.append(mail)
        else:
            shares[owner].append(mail)
    for mail in rest:
        free = next((at for at, share in enumerate(shares) if not share), 0) if len(mails) > 1 else 0
        shares[free].append(mail)
    return shares


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
