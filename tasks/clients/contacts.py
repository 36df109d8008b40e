"""Contacts of a firm's clients: what is kept of them, and at which accounts they are."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import ColumnElement, delete, exists, or_, select, text, true
from sqlalchemy.orm import Session

from models.audit import evidence, of, record
from models.clients.access import seen_by
from models.clients.card import Card, Number, Phone, number_fields, read_numbers
from models.clients.client import Client, ClientContact
from models.clients.custom_field import CustomField, FieldOf, read_all
from models.clients.group import Group, GroupMember
from models.clients.label import label
from models.clients.naming import Doubt, doubts
from models.clients.portfolio import Portfolio, PortfolioMember
from models.clients.renaming import rename
from models.clients.standing import Standing, Todo, standing_of, todos_of
from models.clients.tag import ContactTag, Tag
from models.clients.words import ClientWords, holds, refold_of
from models.db import Facts, reading, transaction
from models.errors import N_, Faults, NotFound, ProvisionError
from models.firm import Firm, spellings
from models.onboarding import Onboarding
from models.people.mail_address import writable_address
from models.people.manners import AddressForm, Language
from models.people.names import has_letter
from models.people.person import ADDRESSED, NAME_MOST, PART_MOST, Person, Role
from models.text import fitting, one_line, row_number
from models.time.clock import now
from models.time.hours import Hours
from tasks.clients.credentials import change_address
from tasks.clients.edits import Fields, take
from tasks.people.sessions import Membership, replan

SWITCHES = ("login", "notify", "email_sync", "is_commercial", "is_main_commercial", "is_operational")
FOUND_MOST = 20


class ContactExists(ProvisionError):
    says = N_("%(address)s is the address of %(name)s, who is a contact already: link this contact instead.")

    def __init__(self, address: str, name: str) -> None:
        super().__init__(address, name)
        self.address = address
        self.name = name


class ContactGone(ProvisionError):
    says = N_("A contact whom you chose is not there any more: choose another one, or create a new one.")


class ContactExistsUnseen(ProvisionError):
    says = N_("%(address)s is the address of a contact whom you do not see: ask somebody of the firm who does.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class NameDoubted(ProvisionError):
    status = 422
    says = N_("%(doubts)s If the name is right as it stands, tick the box below it.")

    def __init__(self, doubts: list[Doubt]) -> None:
        super().__init__(doubts)
        self.doubts = doubts[0]


class FamilyNameMissing(ProvisionError):
    status = 422
    says = N_("The family name is missing: a contact is a person, and has at least that.")


class ContactMissing(ProvisionError):
    status = 422
    says = N_("An account needs a contact: create a new one, or link one that is there.")


class LastContact(ProvisionError):
    says = N_("%(name)s is the only contact of %(client)s: link another one first, or archive the account.")

    def __init__(self, name: str, client: str) -> None:
        super().__init__(name, client)
        self.name = name
        self.client = client


class OneMainOnly(ProvisionError):
    status = 422
    says = N_("Only one contact can be the main commercial one, who gets the invoices: choose one.")


@dataclass(frozen=True)
class ContactView:
    """A contact as their page and the list of an account show them."""

    person: Person
    card: Card | None
    phones: list[Phone]
    tags: list[Tag]
    groups: list[Group]
    portfolios: list[Portfolio]
    fields: dict[str, str]
    """What stands in the form."""
    places: list[tuple[ClientContact, Client]]
    """At which accounts that the reader sees, by their names."""
    standing: Standing
    todos: list[Todo]


def seen_contacts(member: Membership) -> ColumnElement[bool]:
    """Which contacts this member sees: those of the accounts that they see, and those who are at none."""
    if member.rights.sees_all:
        return true()
    at = select(ClientContact.id).where(ClientContact.person_id == Person.id)
    visible = seen_by(member.person_id, member.rights)
    theirs = at.join(Client, Client.id == ClientContact.client_id).where(visible)
    return or_(exists(theirs.correlate(Person)), ~exists(at.correlate(Person)))


def contacts_of(session: Session, member: Membership, person_ids: Collection[int]) -> dict[int, Person]:
    """Of these contacts those who are there and whom this member sees, by their ids."""
    mine = (Person.id.in_(person_ids), Person.firm_id == member.firm_id, Person.role == Role.CLIENT)
    people = select(Person).where(*mine, Person.withdrawn_at.is_(None), seen_contacts(member))
    return {person.id: person for person in session.scalars(people)}


def contact_of(session: Session, member: Membership, person_id: int) -> Person:
    """A contact whom this member sees; raises NotFound for everybody else."""
    person = contacts_of(session, member, [person_id]).get(person_id)
    if person is None:
        raise NotFound(N_("The contact"))
    return person


def view(member: Membership, person_id: int) -> ContactView:
    """Raises NotFound for contacts whom this member does not see."""
    with reading() as session:
        person = contact_of(session, member, person_id)
        visible = seen_by(member.person_id, member.rights)
        places = select(ClientContact, Client).join(Client).where(ClientContact.person_id == person.id, visible)
        card = session.scalars(select(Card).where(Card.person_id == person.id)).one_or_none()
        phones = Phone.of(session, [person.id]).get(person.id, [])
        tags, groups, portfolios = _labels(session, person)
        return ContactView(
            person,
            card,
            phones,
            tags,
            groups,
            portfolios,
            standing(person, card, phones, tags, groups, portfolios),
            list(session.execute(places.order_by(Client.name, Client.id).limit(200)).tuples()),
            standing_of(session, [person])[person.id],
            todos_of(session, [person])[person.id],
        )


def _labels(session: Session, person: Person) -> tuple[list[Tag], list[Group], list[Portfolio]]:
    """What a contact has of each, by the alphabet."""
    tags = select(Tag).join(ContactTag).where(ContactTag.person_id == person.id).order_by(Tag.folded)
    groups = select(Group).join(GroupMember).where(GroupMember.person_id == person.id).order_by(Group.folded)
    portfolios = select(Portfolio).join(PortfolioMember).where(PortfolioMember.person_id == person.id)
    in_order = portfolios.order_by(Portfolio.folded)
    return list(session.scalars(tags)), list(session.scalars(groups)), list(session.scalars(in_order))


def standing(
    person: Person,
    card: Card | None,
    phones: Sequence[Phone],
    tags: Sequence[Tag],
    groups: Sequence[Group],
    portfolios: Sequence[Portfolio],
) -> dict[str, str]:
    """What stands in the fields of the form about a contact."""
    held = card or Card(title="", street="", postcode="", city="", country="DE", website="", is_listed=False, fields={})
    return {
        **{name: getattr(person, name) for name in ("given_name", "family_name", "email")},
        **held.standing,
        "language": person.language.value,
        "address_form": person.address_form.value,
        "hours": person.hours.text(Language.GERMAN),
        "time_zone": person.time_zone,
        "tags": ", ".join(tag.name for tag in tags),
        "groups": ",".join(map(str, sorted(group.id for group in groups))),
        "portfolios": ",".join(map(str, sorted(portfolio.id for portfolio in portfolios))),
        **number_fields(phones),
        **in_fields(held.fields),
    }


def in_fields(held: Facts) -> dict[str, str]:
    """What custom fields hold, as forms show it."""
    words = {True: "yes", False: "no"}
    return {key: words[value] if isinstance(value, bool) else str(value) for key, value in held.items()}


def create(
    session: Session,
    case: Onboarding,
    member: Membership,
    faults: Faults,
    written: Mapping[str, str],
    language: Language,
    prefix: str = "",
) -> Person | None:
    """A new contact as a form describes it, whom nobody has invited yet; None if something does not fit.

    *language* is that of whoever has typed it. Whoever was withdrawn is there again, as somebody new.
    """
    firm, known, email = case.firm, len(faults), ""
    person = Person(firm_id=firm.id, role=Role.CLIENT, family_name="-", land=firm.land, postcode=firm.postcode)
    with faults.at(f"{prefix}email"):
        email = _address(written.get(f"{prefix}email", ""))
        before = _contact_with(session, firm.id, email)
        if before is not None and before.withdrawn_at is None:
            raise _there_already(session, member, before)
        person = before or person
    card = Card()
    read = _read(session, firm, person, card, faults, written, language, prefix)
    if len(faults) > known:
        return None
    if person.id is not None:
        person.give_way(read.name, email)
    person.email, person.added_at, person.invitation_waits = email, now(), True
    person.given_name, person.family_name = read.given_name, read.family_name
    session.add(person)
    session.flush()
    old = session.scalars(select(Card).where(Card.person_id == person.id)).one_or_none()
    if old is not None:
        session.delete(old)
        session.flush()
    card.person_id = person.id
    session.add(card)
    read.keep(session, person, card)
    return person


@dataclass(frozen=True)
class _Read:
    """What a form says of a contact, and that it fits."""

    given_name: str
    family_name: str
    numbers: list[Number]
    tags: list[str]
    groups: set[int]
    portfolios: set[int]
    fields: Facts
    language: Language
    address_form: AddressForm

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()

    def keep(self, session: Session, person: Person, card: Card) -> None:
        """Write it to the rows of the contact."""
        person.given_name, person.family_name = self.given_name, self.family_name
        card.fields = self.fields
        Phone.replace(session, person, self.numbers)
        tags = Tag.named(session, person.firm_id, self.tags)
        session.execute(delete(ContactTag).where(ContactTag.person_id == person.id))
        session.add_all(ContactTag(person_id=person.id, tag_id=tag.id) for tag in tags)
        session.execute(delete(GroupMember).where(GroupMember.person_id == person.id))
        session.add_all(GroupMember(person_id=person.id, group_id=group) for group in self.groups)
        session.execute(delete(PortfolioMember).where(PortfolioMember.person_id == person.id))
        session.add_all(PortfolioMember(person_id=person.id, portfolio_id=key) for key in self.portfolios)
        if person.registered_at is None:  # Else it is theirs to say.
            person.language, person.address_form = self.language, self.address_form
        session.flush()


def _read(
    session: Session,
    firm: Firm,
    person: Person,
    card: Card,
    faults: Faults,
    written: Mapping[str, str],
    language: Language,
    prefix: str = "",
) -> _Read:
    """Take over into the card, and read the rest; what does not fit is among the faults."""
    given = family = ""
    with faults.at(f"{prefix}family_name"):
        family = fitting(one_line(written.get(f"{prefix}family_name", "")), PART_MOST)
        if not has_letter(family):
            raise FamilyNameMissing
    with faults.at(f"{prefix}given_name"):
        given = fitting(one_line(written.get(f"{prefix}given_name", "")), PART_MOST)
    if not faults.keys() & {f"{prefix}family_name", f"{prefix}given_name"}:
        with faults.at(f"{prefix}family_name"):
            fitting(f"{given} {family}".strip(), NAME_MOST)
    is_new_name = (given, family) != (person.given_name, person.family_name)
    if f"{prefix}family_name" not in faults and is_new_name and not written.get(f"{prefix}name_is_right"):
        with faults.at(f"{prefix}family_name"):
            doubted = doubts(given, family)
            if doubted:
                raise NameDoubted(doubted)
    card.describe(faults, written, prefix)
    numbers = read_numbers(faults, written, prefix)
    shown = CustomField.shown(session, firm.id, FieldOf.CONTACT)
    fields, wrong = read_all(shown, _without(prefix, written), language, card.fields or {})
    faults.update({f"{prefix}{key}": refusal for key, refusal in wrong.items()})
    tags = read_tags(faults, written.get(f"{prefix}tags", ""), f"{prefix}tags")
    chosen: dict[str, set[int]] = {}
    kinds: dict[str, type[Group | Portfolio]] = {"groups": Group, "portfolios": Portfolio}
    for name, kind in kinds.items():
        keys = map(row_number, written.get(f"{prefix}{name}", "").split(","))
        chosen[name] = {key for key in keys if key is not None}
        with faults.at(f"{prefix}{name}"):
            kind.chosen(session, firm.id, chosen[name])
    speaks = next((each for each in Language if each == written.get(f"{prefix}language")), Language.GERMAN)
    form = AddressForm.DU if written.get(f"{prefix}address_form") == "du" else AddressForm.SIE
    return _Read(given, family, numbers, tags, chosen["groups"], chosen["portfolios"], fields, speaks, form)


def read_tags(faults: Faults, written: str, field: str = "tags") -> list[str]:
    """The names of tags that stand there, apart by commas; what cannot be one is among the faults."""
    names = [name for name in written.split(",") if one_line(name)]
    with faults.at(field):
        for name in names:
            label(name)
    return [] if field in faults else names


def _without(prefix: str, written: Mapping[str, str]) -> dict[str, str]:
    return {name.removeprefix(prefix): text for name, text in written.items() if name.startswith(prefix)}


def _address(written: str) -> str:
    """The address, or empty: a contact may have none."""
    return writable_address(written) if one_line(written) else ""


def _contact_with(session: Session, firm_id: int, email: str) -> Person | None:
    mine = select(Person).where(Person.firm_id == firm_id, Person.role == Role.CLIENT, Person.email == email)
    mine = mine.where(text(ADDRESSED))
    return session.scalars(mine).one_or_none() if email else None


def _there_already(session: Session, member: Membership, person: Person) -> ProvisionError:
    """What is said of an address that is this contact's, to whom may not see them as well."""
    seen = session.scalars(select(Person.id).where(Person.id == person.id, seen_contacts(member))).first()
    return ContactExistsUnseen(person.email) if seen is None else ContactExists(person.email, person.name)


def edit(
    member: Membership,
    by: str,
    person_id: int,
    opened: Fields,
    typed: Fields,
    language: Language,
    refused: Mapping[str, ProvisionError] = MappingProxyType({}),
) -> None:
    """Keep what the form about a contact says, unless something of it has been *refused* already.

    Raises NotFound, ChangedMeanwhile, or FormRefused with every field that does not fit.
    """
    faults = Faults(refused)
    with transaction() as session:
        case = Onboarding.of_firm(session, member.firm_id)
        case.require_going()
        person = contact_of(session, member, person_id)
        session.refresh(person)
        card = Card.of(session, person)
        stands = _stands(session, person, card)
        written = take(opened, stands, typed)
        email = person.email
        with faults.at("email"):
            email = _address(written["email"])
            other = _contact_with(session, case.firm_id, email)
            if other is not None and other.id != person.id:
                raise _there_already(session, member, other)
        hours = person.hours
        if person.registered_at is None and written["hours"] != stands["hours"]:
            with faults.at("hours"):
                hours = Hours.parse(written["hours"], Language.GERMAN)
        read = _read(session, case.firm, person, card, faults, {**written, **_right(typed)}, language)
        faults.check()
        called = person.name
        read.keep(session, person, card)
        with faults.at("email"):
            change_address(session, case, person, email, by)
        faults.check()
        if hours is not person.hours:
            person.hours = hours
            replan(session, [person])
        if person.name != called or email != stands["email"]:
            rename(session, person, case.firm.name_format)
        elif card.place != {name: stands[name] for name in card.place}:
            refold_of(session, person)
        after = _stands(session, person, card)
        changes = {name for name, text in after.items() if text != stands[name]}
        if changes:
            before, now_there = ({name: held[name] for name in changes} for held in (stands, after))
            facts: Facts = {"person": person.id, "before": of(person, before), "after": of(person, now_there)}
            record(session, case.id, now(), "contact.changed", by, **facts, rows=evidence(person))


def _right(typed: Fields) -> dict[str, str]:
    return {"name_is_right": typed.get("name_is_right", "")}


def _stands(session: Session, person: Person, card: Card) -> dict[str, str]:
    session.flush()
    phones = Phone.of(session, [person.id]).get(person.id, [])
    held = standing(person, card, phones, *_labels(session, person))
    fields = CustomField.shown(session, person.firm_id, FieldOf.CONTACT)
    return {**{field.key: "" for field in fields}, **held}


def found(member: Membership, search: str = "", without: Collection[int] = ()) -> list[Person]:
    """Contacts whose name or address holds these words, to choose one from; without words the newest ones."""
    words_asked = one_line(search)
    spelled = [spelling.split() for spelling in spellings(words_asked) if spelling]
    people = select(Person).where(
        Person.firm_id == member.firm_id,
        Person.role == Role.CLIENT,
        Person.withdrawn_at.is_(None),
        Person.id.not_in(without),
        seen_contacts(member),
    )
    with reading() as session:
        if not spelled:
            return list(session.scalars(people.order_by(Person.id.desc()).limit(FOUND_MOST)))
        # Accounts hold the words of all their contacts, so that one table is looked through. People are read by their
        # ids afterwards: joined, SQLite would try each of the firm's with each account.
        at = select(ClientContact.person_id).join(Client).join(ClientWords, ClientWords.client_id == Client.id)
        at = at.where(ClientWords.firm_id == member.firm_id, holds(search, ClientWords.contacts))
        at = at.where(seen_by(member.person_id, member.rights), ClientContact.person_id.not_in(without))
        ids = session.scalars(at.order_by(Client.name, Client.id, ClientContact.id).limit(4 * FOUND_MOST)).all()
        there = {person.id: person for person in session.scalars(people.where(Person.id.in_(ids)))}
        named = [there[key] for key in dict.fromkeys(ids) if key in there and _is_called(there[key], spelled)]
        if not named:  # Who is at no account.
            begins = or_(
                *(column.istartswith(words_asked, autoescape=True) for column in (Person.family_name, Person.email))
            )
            named = list(session.scalars(people.where(begins).order_by(Person.id).limit(FOUND_MOST)))
        return named[:FOUND_MOST]


def _is_called(person: Person, spelled: Sequence[Sequence[str]]) -> bool:
    own = " ".join(spellings(f"{person.name} {person.email}"))
    return any(all(word in own for word in words) for words in spelled)


def link(session: Session, client: Client, person: Person, written: Mapping[str, str]) -> ClientContact:
    """Make this person a contact of the account, with the switches and roles that the form says.

    LOGIN is off for whoever has no address.
    """
    contact = ClientContact(client_id=client.id, person_id=person.id)
    for switch in SWITCHES:
        setattr(contact, switch, bool(written.get(switch)))
    contact.is_commercial = contact.is_commercial or contact.is_main_commercial
    contact.login = contact.login and bool(person.email)
    session.add(contact)
    return contact
