"""What everybody may see of a firm: its page, the contacts in its list, and the search that finds it."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, exists, literal, or_, select, text, tuple_
from sqlalchemy.orm import Session

from models.clients.card import Card
from models.clients.client import Client, ClientContact
from models.company_id import FIRST, LAST
from models.db import reading
from models.errors import N_, NotFound, ProvisionError
from models.firm import Firm, LineOfBusiness, spellings
from models.logo import Logo
from models.onboarding import Onboarding, Step, StepName, StepState
from models.people.person import Person, Role
from models.text import one_line

CONTACTS_SHOWN, FIRMS_SHOWN = 100, 20
LETTERS_LEAST, WORDS_MOST = 3, 8
CALLED: dict[LineOfBusiness, str] = {
    LineOfBusiness.TAX: "Steuerbüro Steuerkanzlei Steuerberater Steuerberaterin Steuerberatung tax adviser tax advisor "
    "tax office conseiller fiscal conseil fiscal cabinet fiscal fiduciaire",
    LineOfBusiness.AUDIT: "Wirtschaftsprüfer Wirtschaftsprüferin Wirtschaftsprüfung Buchprüfer auditor audit firm "
    "cabinet d'audit commissaire aux comptes expert-comptable",
    LineOfBusiness.LAW: "Rechtsanwalt Rechtsanwältin Rechtsanwälte Anwalt Anwältin Anwälte Anwaltskanzlei "
    "Rechtsanwaltskanzlei lawyer law firm attorney avocat avocate cabinet d'avocats",
    LineOfBusiness.OTHER: "",
}
"""What people who look for such a firm call it, in the languages of the pages."""
_IS_LISTED = "contact_cards.is_listed"
"""As the index says it, which SQLite would not use for “= 1”."""
_CALLED = {line: " ".join(spellings(words)) for line, words in CALLED.items()}


class SearchTooShort(ProvisionError):
    status = 422
    says = N_(
        "“%(words)s” is too short to find anything: write three letters of the name or the activity, or the six digits "
        "of the company ID."
    )

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True)
class Listed:
    """A contact who stands in the firm's public list."""

    title: str
    given_name: str
    family_name: str
    city: str
    website: str

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.title, self.given_name, self.family_name)))


@dataclass(frozen=True)
class PublicPage:
    """A firm as everybody sees it."""

    firm: Firm
    has_logo: bool
    ask: Person | None
    """Whom the firm has named for correspondence, else its organiser."""
    contacts: list[Listed]
    first: bool
    after: int | None
    """Behind whom the next contacts stand; None: these are the last."""


@dataclass(frozen=True)
class FirmSearch:
    """Some of the firms that a search has found, in the order of the alphabet."""

    words: str
    firms: list[Firm]
    first: bool
    after: int | None
    """The company ID behind which the next ones stand; None: these are the last."""


def page_of(company_id: int, after: int = 0) -> PublicPage:
    """The firm's page, its list from behind the contact *after* on.

    Raises NotFound, after the same one look, whether there is no such number or the firm has no page.
    """
    with reading() as session:
        firm = _open_firm(session, company_id)
        people = [Person.one(session, firm.id, role) for role in (Role.CONTACT, Role.ORGANISER)]
        rows = session.execute(_listed(firm.id).where(Person.id > after).limit(CONTACTS_SHOWN + 1)).tuples().all()
        shown = rows[:CONTACTS_SHOWN]
        return PublicPage(
            firm=firm,
            has_logo=Logo.of(session, firm.id) is not None,
            ask=next(filter(None, people), None),
            contacts=[Listed(*facts) for _, *facts in shown],
            first=not after,
            after=shown[-1][0] if len(rows) > len(shown) else None,
        )


def registration_at(company_id: int) -> tuple[Firm, bool]:
    """The firm on whose page people register, and whether it has a logo; raises NotFound as ``page_of`` does."""
    with reading() as session:
        firm = _open_firm(session, company_id, registers=True)
        return firm, Logo.of(session, firm.id) is not None


def with_page() -> Select[tuple[Firm]]:
    """The firms that are at work on the portal, and seen: listed, or open for registrations."""
    done = and_(Step.onboarding_id == Onboarding.id, Step.name == StepName.AGREEMENT, Step.state == StepState.DONE)
    firms = select(Firm).join(Onboarding, Onboarding.firm_id == Firm.id).join(Step, done)
    firms = firms.where(Onboarding.stopped_at.is_(None), Firm.company_id.is_not(None))
    return firms.where(or_(Firm.is_listed, Firm.takes_sign_ups))


def _open_firm(session: Session, company_id: int, *, registers: bool = False) -> Firm:
    firms = with_page().where(Firm.company_id == company_id)
    firm = session.scalars(firms.where(Firm.takes_sign_ups) if registers else firms).one_or_none()
    if firm is None:
        raise NotFound(str(company_id))
    return firm


def _listed(firm_id: int) -> Select[tuple[int, str, str, str, str, str]]:
    """Contacts who have agreed to stand in the list, and still have an account with the firm that is at work."""
    at_work = select(ClientContact.id).join(Client, Client.id == ClientContact.client_id)
    at_work = at_work.where(ClientContact.person_id == Person.id, Client.archived_at.is_(None))
    agreed = select(Card.person_id).where(text(_IS_LISTED))
    theirs = Person.firm_id == firm_id, Person.role == Role.CLIENT, Person.withdrawn_at.is_(None)
    shown = select(Person.id, Card.title, Person.given_name, Person.family_name, Card.city, Card.website)
    shown = shown.join(Card, Card.person_id == Person.id).where(Person.id.in_(agreed), *theirs, exists(at_work))
    return shown.order_by(Person.id)


def find_firms(search: str, after: int = 0) -> FirmSearch:
    """The listed firms of this name, activity or company ID, FIRMS_SHOWN at a time, from behind the one with the
    company ID *after* on; raises SearchTooShort.

    However name and activity are spelled; every word must fit.
    """
    words = one_line(search)
    digits = "".join(words.split())
    is_number = digits.isascii() and digits.isdecimal() and len(digits) == len(str(LAST)) and int(digits) >= FIRST
    if not is_number and sum(char.isalpha() for char in words) < LETTERS_LEAST:
        raise SearchTooShort(words[:20])
    firms = with_page().where(Firm.is_listed, _fits(words) if not is_number else Firm.company_id == int(digits))
    with reading() as session:
        if after:
            behind = select(Firm.name, Firm.id).where(Firm.company_id == after)
            name, key = session.execute(behind).tuples().one_or_none() or ("", 0)
            firms = firms.where(tuple_(Firm.name, Firm.id) > tuple_(literal(name), literal(key)))
        found = list(session.scalars(firms.order_by(Firm.name, Firm.id).limit(FIRMS_SHOWN + 1)))
    shown = found[:FIRMS_SHOWN]
    return FirmSearch(words, shown, not after, shown[-1].company_id if len(found) > len(shown) else None)


def _fits(words: str) -> ColumnElement[bool]:
    return or_(*(and_(*(_has(word) for word in spelling.split()[:WORDS_MOST])) for spelling in spellings(words)))


def _has(word: str) -> ColumnElement[bool]:
    lines = [line for line, called in _CALLED.items() if len(word) >= LETTERS_LEAST and word in called]
    return or_(Firm.search.contains(word, autoescape=True), Firm.line_of_business.in_(lines))
