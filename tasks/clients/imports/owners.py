"""Whose account a record is, a company's or a person's, as far as its cells tell that and not their columns alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from models.clients.client import ClientKind
from models.clients.naming import COUPLE, is_company
from models.firm import same_name
from models.people.names import called, is_salutation
from tasks.clients.imports.draft import Field, Format, NoteKind, Question
from tasks.clients.imports.given_names import GIVEN_NAMES
from tasks.clients.imports.names import Name, family_first, is_same_person
from tasks.clients.imports.values import Values

SUPPLIERS = re.compile(r"lieferant|kreditor|supplier|vendor|fournisseur|creditor|partenaire", re.IGNORECASE)
CLIENTS = re.compile(r"kunde|mandant|debitor|client|customer|interessent|kontakt|contact|privat|firma", re.IGNORECASE)
COMPANY_KIND = re.compile(
    r"firma|unternehmen|company|business|organi[sz]ation|gesellschaft|juristisch|soci[ée]t[ée]|entreprise|morale|verein|"
    r"corporate|gewerb|institution|behörde|körperschaft",
    re.IGNORECASE,
)
SOLE = re.compile(r"einzel(?:unternehm|kauf|firma)|freiberuf|selbst[äa]e?ndig|inhabergeführt", re.IGNORECASE)
"""A person or their business: the name tells which."""
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
LEGAL_FORM = re.compile(
    r"[&+]?\s*(?:(?:g?GmbH|mbH|AG|KG(?:aA)?|OHG|GbR|UG|SE|eG|e\.\s?[KVG]|eK|eV|OG|PartG(?:mbB)?|mbB|S\.?A|S\.?A\.?R\.?L|"
    r"Ltd|Inc|LLC|Co|&|\+|und)\b[.\s,]*|[&+]\s*)+",
    re.IGNORECASE,
)
"""As a family name it is the end of the name before it."""
DATEV_MOST = {
    **dict.fromkeys((Field.COMPANY_NAME, Field.NAME_OF_NEITHER), 50),
    **dict.fromkeys((Field.FAMILY_NAME, Field.GIVEN_NAME), 30),
    Field.FULL_NAME: 40,
}
"""Characters to which DATEV cuts names."""


@dataclass
class Owner:
    """Whose account it is; names that stand where they do not belong are put where they do."""

    said: Values
    format: Format
    is_family_first: bool = False
    """Most people in a column of names are “Muster, Erika”."""
    has_family_names: bool = True
    """There is a column for them; else what stands as a name beside given names is one."""
    company: str = ""
    called: str = ""
    """What the account is called, where the file says it."""
    kind: ClientKind | None = None
    is_sole: bool = False
    """It is a person's business, whose name may be the person's or its own."""

    def sort(self) -> None:
        """Put companies, accounts and people where they belong."""
        self.called = self.said.one(Field.ACCOUNT_NAME)
        self.company = self.said.one(Field.COMPANY_NAME)
        if self.company:
            self.company = " ".join([self.company, *self.said.all(Field.COMPANY_NAME_MORE)])
        self.kind = self._kind_told()
        if self.format is Format.DATEV:
            self._sort_by_addressee()
        if self.format is Format.BEXIO:
            self._sort_bexio()
        self._sort_family_name()
        name = self.said.one(Field.NAME) or family_first(self.said.one(Field.NAME_FAMILY_FIRST))
        if name:
            self._sort_name(name)
        self._sort_owner()
        self._add_legal_form()

    def settle(self, people: Sequence[Name]) -> ClientKind:
        """What kind of account it is; a company that is called like its one person is that person."""
        own = [f"{one.given} {one.family}" for one in people] + [f"{one.family} {one.given}" for one in people]
        if self.company and any(same_name(self.company, name) for name in own):
            self.company = ""
            self.kind = self.kind or ClientKind.INDIVIDUAL
        if any(same_name(self.called, name) for name in own) and self.kind is not ClientKind.COMPANY:
            self.called = ""
        if self.kind is ClientKind.INDIVIDUAL and self.company and people:
            self.said.note(NoteKind.OTHER_NAME, value=self.company)
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

    def _kind_told(self) -> ClientKind | None:
        """What kind of client it is, if a column says so."""
        for text in [*self.said.all(Field.ACCOUNT_KIND), *self.said.all(Field.CATEGORY)]:
            if SOLE.search(text):
                self.is_sole = True
                return None
            if PERSON_KIND.search(text) and not COMPANY_KIND.search(text):
                return ClientKind.INDIVIDUAL
            if COMPANY_KIND.search(text) or is_company(text):
                return ClientKind.COMPANY
        return None

    def _sort_by_addressee(self) -> None:
        """DATEV: the kind of addressee says which of three names counts."""
        said = self.said
        code = said.one(Field.ADDRESSEE_KIND).removesuffix(".0")
        for of, most in DATEV_MOST.items():
            for text in said.all(of):
                if len(text) >= most:
                    said.note(NoteKind.MAYBE_CUT, value=text, most=str(most))
        person = [Field.FAMILY_NAME, Field.GIVEN_NAME]
        order = {"1": [person, [Field.COMPANY_NAME], [Field.NAME_OF_NEITHER]]}.get(
            code,
            [[Field.NAME_OF_NEITHER], [Field.COMPANY_NAME], person]
            if code == "0"
            else [[Field.COMPANY_NAME], [Field.NAME_OF_NEITHER], person],
        )
        counts = next((fields for fields in order if any(map(said.one, fields))), [])
        for fields in order:
            if fields is not counts and any(map(said.one, fields)):
                said.note(NoteKind.OTHER_NAME, value=" ".join(filter(None, map(said.one, reversed(fields)))))
                said.drop(*fields)
        self.company = said.one(Field.COMPANY_NAME)
        if counts == [Field.NAME_OF_NEITHER]:
            said.put(Field.NAME, *said.all(Field.NAME_OF_NEITHER))

    def _sort_bexio(self) -> None:
        """bexio: the first name is the company's, or the family name of a person."""
        first, second = self.said.one(Field.FAMILY_NAME), self.said.one(Field.GIVEN_NAME)
        if first and (self.kind is ClientKind.COMPANY or (self.kind is None and is_company(first))):
            self.company = " ".join(filter(None, (first, second)))
            self.said.drop(Field.FAMILY_NAME, Field.GIVEN_NAME)

    def _sort_family_name(self) -> None:
        """A company in the column of family names."""
        said = self.said
        given, family = said.one(Field.GIVEN_NAME), said.one(Field.FAMILY_NAME)
        whole = " ".join(filter(None, (given, family)))
        greeting = said.one(Field.SALUTATION)
        is_greeted = bool(SALUTES_COMPANY.search(greeting))
        if not whole or not (is_greeted or is_company(family) or (not family and is_company(given))):
            return
        if is_greeted and self.company and not is_company(whole):
            return  # “Firma” before the company whose contact this is.
        is_sure = is_greeted or self.format is Format.RA_MICRO or self.kind is ClientKind.COMPANY
        if self.company and not same_name(self.company, whole):
            said.note(NoteKind.OTHER_NAME, value=whole)
            is_sure = False
        elif given and family and not is_greeted and not LEGAL_FORM.fullmatch(family):
            said.note(NoteKind.OTHER_NAME, value=given)
            self.company, is_sure = family, False
        else:
            is_more = is_greeted and not is_company(whole) and not SAYS_ONLY_COMPANY.fullmatch(greeting)
            self.company = f"{greeting} {whole}" if is_more else whole
        said.drop(Field.GIVEN_NAME, Field.FAMILY_NAME, Field.MIDDLE_NAME, Field.NAME_PREFIX)
        if not is_sure and not (said.one(Field.FULL_NAME) and not given):
            said.ask(Question.COMPANY_AS_NAME, value=whole)

    def _sort_name(self, name: str) -> None:
        """A name of which only its cell tells whether it is a company's, an account's or a person's."""
        said = self.said
        contact = said.one(Field.FULL_NAME)
        given, family = said.one(Field.GIVEN_NAME), said.one(Field.FAMILY_NAME)
        if given and not (self.has_family_names or self.company or self._is_companys(name, contact)):
            said.put(Field.FAMILY_NAME, name)
        elif given or family:
            if is_company(name) and not self.company and self.kind is not ClientKind.INDIVIDUAL:
                self.company = name
            else:
                self.called = self.called or name
        elif self.company and (contact or is_company(name)):
            self.called = self.called or name
        elif self.company:
            said.put(Field.FULL_NAME, name)
        elif self._is_companys(name, contact):
            self.company = " ".join([name, *said.all(Field.COMPANY_NAME_MORE)])
        else:
            self._sort_person(name, contact)

    def _is_persons(self, name: str) -> bool:
        """Whether something beside its words says that this is the name of people."""
        greeting = next(iter(self.said.one(Field.SALUTATION).split()), "")
        is_told = self.kind is ClientKind.INDIVIDUAL or is_salutation(greeting)
        return is_told or "," in name or bool(COUPLE.search(name))

    def _is_companys(self, name: str, contact: str) -> bool:
        if self.kind is ClientKind.COMPANY or SALUTES_COMPANY.search(self.said.one(Field.SALUTATION)):
            return True
        if self.kind is None and is_company(name):
            return True
        return bool(contact) and not (self._is_persons(name) or is_same_person(name, contact))

    def _sort_person(self, name: str, contact: str) -> None:
        """The name of one person or of two."""
        said = self.said
        if contact and not is_same_person(name, contact):
            said.note(NoteKind.OTHER_NAME, value=contact)
        if COUPLE.search(name):
            self.called = self.called or name
        more = said.one(Field.COMPANY_NAME_MORE)
        if more and not ("," in name or COUPLE.search(name)):  # “Name 1” and “Name 2” of a person.
            name = f"{name}, {more}"
            said.ask(Question.NAME_UNCLEAR, value=name)
        may_be_none = self.is_sole and called(name).given_name.casefold() not in GIVEN_NAMES
        if (self.is_family_first or may_be_none) and not self._is_persons(name):
            said.ask(Question.NAME_UNCLEAR, value=name)
        said.put(Field.FULL_NAME, name)

    def _sort_owner(self) -> None:
        """“Heizung Krause, Inh. Peter Krause”: the person who stands behind the name of a company."""
        said = self.said
        if not self.company or any(map(said.one, (Field.FULL_NAME, Field.GIVEN_NAME, Field.FAMILY_NAME))):
            return
        for text in [self.company, *said.all(Field.STREET_MORE)]:
            found = OWNER.search(text)
            if found:
                said.put(Field.FULL_NAME, found["who"].strip())
                if text == self.company and found.start() > 0:
                    self.company = text[: found.start()].strip(" ,")
                return

    def _add_legal_form(self) -> None:
        """“Rechtsform” in a column of its own is the end of a name that has none."""
        form = next((text for text in self.said.all(Field.ACCOUNT_KIND) if LEGAL_FORM.fullmatch(text)), "")
        words = [word for word in self.company.split() if word.casefold().strip(".") not in {"&", "+", "und", "co"}]
        has_one = any(map(LEGAL_FORM.fullmatch, words)) or _bare(form) in _bare(self.company)
        if self.company and form and not has_one:
            self.company = f"{self.company} {form}"


def _bare(name: str) -> str:
    return re.sub(r"[\s.]", "", name).casefold()
