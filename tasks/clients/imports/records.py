"""One row of a table as a draft: who it tells of, and what, under the columns' targets.

What a cell holds is read as people write it (``values``, ``names``, ``places``, ``reachable``); ``owners`` says whose
account it is.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from models.clients.client import NUMBER_MOST, ClientKind
from models.clients.naming import NAME_MOST
from models.people.person import PART_MOST
from models.text import one_line
from tasks.clients.imports.draft import (
    AccountDraft,
    Asked,
    ContactDraft,
    Draft,
    Field,
    Format,
    NoteKind,
    Question,
    Reason,
    Refused,
    Skipped,
    Target,
)
from tasks.clients.imports.names import Name, names_in
from tasks.clients.imports.owners import CLIENTS, COMPANY_KIND, PERSON_KIND, SUPPLIERS, Owner
from tasks.clients.imports.places import Place, country_of, place_in, vat_in
from tasks.clients.imports.reachable import company_phones, emails_in, phones_in, shared
from tasks.clients.imports.source import Flaw, Row
from tasks.clients.imports.values import Values

AT_WORK = (Field.STREET, Field.POSTCODE, Field.CITY)
AT_HOME = (Field.HOME_STREET, Field.HOME_POSTCODE, Field.HOME_CITY)
SKIPPED_NUMBERS = {Skipped.OWN_FIRM: range(1, 2), Skipped.AUTHORITY: range(89_001, 200_000)}
"""RA-MICRO: the firm itself, and courts, offices and insurers that come with the program."""
CREDITORS_FROM = 7
"""First digit of the account of a creditor (DATEV)."""
PERSONAL_DIGITS = 5
ADDRESS_BOOKS = frozenset({Format.OUTLOOK, Format.GOOGLE})
"""Programs in which tags and pages on the web are a person's, not an account's."""


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
    is_order_guessed: bool = False
    """Nobody says which of two columns holds given, and which family names."""
    of_sheet: str = ""
    """The sheet, where records of several are read."""

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
        said = Values.of(self.headers, self.targets, row.cells)
        if self.of_sheet:
            said.note(NoteKind.OF_SHEET, value=self.of_sheet)
        if len(raw) < self.least:
            said.ask(Question.SHORT_ROW, cells=str(count), columns=str(width))
        return replace(_Record(self, said).draft(), record=record, line=row.line, raw=raw)


@dataclass
class _Record:
    """What is being found out about one record."""

    layout: Layout
    said: Values
    owner: Owner = field(init=False)

    def __post_init__(self) -> None:
        has_family_names = Target(Field.FAMILY_NAME) in self.layout.targets
        self.owner = Owner(self.said, self.layout.format, self.layout.family_first, has_family_names)

    def draft(self) -> Draft:
        said, owner = self.said, self.owner
        if not said.values:
            notes, questions = tuple(said.notes), tuple(said.questions)
            nobody = AccountDraft(ClientKind.INDIVIDUAL)
            return Draft(0, 0, (), nobody, (), notes, questions, Refused(Reason.NOTHING_USEFUL), None)
        owner.sort()
        people = {number: self.names(number) for number in sorted({person for _, person in said.values})}
        people = {number: names for number, names in people.items() if names}
        first = people.get(1, [])
        kind = owner.settle(first or next(iter(people.values()), []))
        told = country_of(said, self.layout.country)
        country = told or self.layout.country
        business = place_in(said, AT_WORK, country, self.layout.country)
        home = place_in(said, AT_HOME, country, self.layout.country) if any(map(said.one, AT_HOME)) else Place()
        tags = self.tags()
        number = self.number()
        skipped = self.skipped(number)
        number = said.fitting(number, NUMBER_MOST, "number")
        if self.layout.format is Format.SEVDESK and kind is ClientKind.COMPANY and people and number:
            said.note(NoteKind.NUMBER_OF_PERSON, value=number)
            number = ""
        mails, phones = ([], ()) if first else (emails_in(said, 1), phones_in(said, 1, country))
        of_company = company_phones(said, country)
        if not first and len(people) == 1:
            ((only, names),) = people.items()
            if len(names) == 1 and not said.all(Field.EMAIL, only):
                said.values[Target(Field.EMAIL, only)] = said.all(Field.EMAIL)
                mails = []
        website = said.website()
        contacts: list[ContactDraft] = []
        note = "\n".join(said.all(Field.NOTE))
        for person, names in people.items():
            own = place_in(said, AT_WORK, country, self.layout.country, person) if person > 1 else Place()
            place = own if own.is_there else home if home.is_there else business
            contacts += self.contacts(person, names, place if place.is_there else Place(country=told), country)
        contacts = self.each_with_an_address_of_their_own(contacts)
        if contacts and note and first:
            contacts[0] = replace(contacts[0], note=note)
        has_address = business.is_there or (kind is ClientKind.INDIVIDUAL and home.is_there)
        where = business if business.is_there or kind is ClientKind.COMPANY else home
        account = AccountDraft(
            kind=kind,
            name=owner.called if owner.called != owner.company else "",
            company_name=owner.company if kind is ClientKind.COMPANY else "",
            number=number,
            vat_id=vat_in(said, country),
            street=where.street,
            postcode=where.postcode,
            city=where.city,
            country=country if has_address else told,
            website=website,
            tags=tags,
            phones=of_company if first else (*phones, *of_company),
            emails=() if first else tuple(mails),
            note="\n".join(filter(None, ("" if first else note, where.box))),
        )
        if contacts and kind is ClientKind.INDIVIDUAL and of_company:
            contacts[0] = replace(contacts[0], phones=(*contacts[0].phones, *of_company))
            account = replace(account, phones=())
        if contacts and self.layout.format in ADDRESS_BOOKS:
            contacts = [replace(one, tags=tags, website=website) for one in contacts]
        refused = self.refusal(account, contacts, people)
        return Draft(0, 0, (), account, tuple(contacts), tuple(said.notes), tuple(said.questions), refused, skipped)

    def names(self, person: int) -> list[Name]:
        names = names_in(self.said, person, self.owner.company)
        if names and self.layout.is_order_guessed and person == 1:
            self.said.ask(Question.NAME_UNCLEAR, value=" ".join(filter(None, (names[0].given, names[0].family))))
        return names

    def number(self) -> str:
        """The customer number; DATEV's account counts before a number of the client's own."""
        written = [*self.said.all(Field.NUMBER), *self.said.all(Field.OTHER_NUMBER)]
        numbers = dict.fromkeys(re.sub(r"(?<=\d)[.,]0$", "", each) for each in written)
        number, *others = numbers or [""]
        for other in others:
            self.said.note(NoteKind.OTHER_NUMBER, value=other, kept=number)
        return number

    def tags(self) -> tuple[str, ...]:
        kinds = (SUPPLIERS, CLIENTS, COMPANY_KIND, PERSON_KIND)
        categories = self.said.all(Field.CATEGORY)
        return self.said.tags(text for text in categories if not any(kind.search(text) for kind in kinds))

    def skipped(self, number: str) -> Skipped | None:
        """Whether it is no client at all, as far as the file tells."""
        said = self.said
        categories = " ".join([*said.all(Field.CATEGORY), *said.all(Field.ACCOUNT_KIND), self.layout.of_sheet])
        if SUPPLIERS.search(categories) and not re.search(
            r"kunde|mandant|debitor|client|customer", categories, re.IGNORECASE
        ):
            return Skipped.SUPPLIER
        if said.one(Field.SUPPLIER_NUMBER) and not number:
            return Skipped.SUPPLIER
        if self.layout.format is Format.DATEV and re.fullmatch(r"\d+", number):
            digits = self.layout.account_digits or max(PERSONAL_DIGITS, len(number))
            if len(number) >= digits and int(number.zfill(digits)[0]) >= CREDITORS_FROM:
                return Skipped.CREDITOR
        if self.layout.format is Format.RA_MICRO and re.fullmatch(r"\d{1,7}", number):
            return next((reason for reason, numbers in SKIPPED_NUMBERS.items() if int(number) in numbers), None)
        return None

    def contacts(self, person: int, names: Sequence[Name], place: Place, country: str) -> list[ContactDraft]:
        said = self.said
        shares, phones = shared(emails_in(said, person), names), phones_in(said, person, country)
        result: list[ContactDraft] = []
        for at, name in enumerate(names):
            if not name.family:
                continue
            if not name.given and not said.is_asked(Question.TWO_PEOPLE):
                value = " ".join(filter(None, (name.salutation, name.title, name.family)))
                said.ask(Question.GIVEN_NAME_MISSING, value=value)
            own = shares[at]
            if len(own) > 1:
                said.note(NoteKind.MORE_EMAILS, value=", ".join(own[1:]), kept=own[0])
            month_first = self.layout.month_first
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
                    language=said.language(person),
                    address_form=said.address_form(person),
                    login=said.switch(Field.LOGIN, person),
                    notify=said.switch(Field.NOTIFY, person),
                    email_sync=said.switch(Field.EMAIL_SYNC, person),
                    is_commercial=said.switch(Field.IS_COMMERCIAL, person),
                    is_operational=said.switch(Field.IS_OPERATIONAL, person),
                    birthday=said.birthday(person, month_first=month_first) if at == 0 else None,
                    note="\n".join(said.all(Field.NOTE, person)) if person > 1 else "",
                )
            )
        return result

    def each_with_an_address_of_their_own(self, contacts: Sequence[ContactDraft]) -> list[ContactDraft]:
        """One address for two people of a record is asked about, and the first one's until then."""
        holders: dict[str, str] = {}
        result = []
        for one in contacts:
            name = " ".join(filter(None, (one.given_name, one.family_name)))
            is_free = not one.email or holders.setdefault(one.email, name) is name
            if not is_free:
                self.said.ask(Question.SHARED_ADDRESS, address=one.email, name=holders[one.email], written=name)
            result.append(one if is_free else replace(one, email="", other_emails=()))
        return result

    def refusal(
        self, account: AccountDraft, contacts: Sequence[ContactDraft], people: Mapping[int, list[Name]]
    ) -> Refused | None:
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
