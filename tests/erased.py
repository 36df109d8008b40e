"""People in every state the product brings them to, all bearing a mark by which they are found, ten at each firm."""

from collections.abc import Iterator
from types import SimpleNamespace

from sqlalchemy import select

from models.clients.card import Card, Number, Phone, PhoneKind
from models.clients.client import Client, ClientContact, ClientKind
from models.clients.sign_up import SignUp
from models.clients.words import refold
from models.code import Code
from models.db import reading, transaction
from models.decision import Decision
from models.inbox import Incoming
from models.link import Link, Purpose
from models.mail.outbox import MailKind, Outgoing
from models.people.person import Person, Role
from models.people.staff import Rank, Rights
from models.request import Named
from models.settings import settings
from models.time.clock import now
from tasks.clients import sign_ups
from tasks.clients.imports import course, work
from tasks.mail import compose
from tasks.mail.address_holds import note_bounce
from tasks.onboarding import invitations, stopping
from tasks.people import addresses, membership, sessions
from tests import factories
from tests.contacts import account, contact

GIVEN, FAMILY, PHONE = "Zyxqwvutß", "Tsrqponmö", "+4930555"
OWNER = Rights(Rank.OWNER, manages_accounts=True, has_default_access=True)
AT_EACH = 10
KEPT = {"agreements", "documents", "contracts", "consents", "billings", "subscriptions"}
"""Tables in which the law keeps what a contract needs."""


def named(number: int) -> SimpleNamespace:
    letters = f"{number:04}".translate(str.maketrans("0123456789", "abcdefghij"))
    given, family = f"{GIVEN}{letters}", f"{FAMILY}{letters}"
    email = f"zyxqwvut{number:04}.tsrqponm@erased.example"
    return SimpleNamespace(
        number=number, given=given, family=family, name=f"{given} {family}", email=email, phone=f"{PHONE}{number:04}"
    )


def words(people: int) -> Iterator[str]:
    for number in range(people):
        yield from (named(number).email, named(number).name, named(number).phone)


def firm(index: int) -> list[str]:
    """One firm that has signed, with nine of them, and one whose organiser is the tenth; returns how each is found."""
    them = [named(AT_EACH * index + each) for each in range(AT_EACH)]
    organiser = {"name": f"Olga Organ{index}", "email": f"olga{index}@organ.example"}
    case_id = factories.opened(f"erase:{index}", firm_name=f"Kanzlei Nummer {index}", organiser=organiser)
    factories.advance(case_id)
    factories.registered(organiser["email"])
    factories.advance(case_id)
    factories.sign(organiser["email"], organiser["name"])
    factories.advance(case_id)
    factories.decide(case_id, "countersign")
    factories.advance(case_id)
    firm_id, by = factories.firm_of(case_id), organiser["email"]
    _contact(firm_id, them[0])
    invitations.add_clients(firm_id, by, [_asked(them[1]), _asked(them[2]), _asked(them[3])], f"An {them[1].name}!")
    staff = [_asked(them[5]), _asked(them[6])]
    invitations.add_caseworkers(firm_id, by, staff)
    factories.advance(case_id)
    for each in (them[2], them[5]):
        purpose = Purpose.ACTIVATE if each is them[2] else Purpose.REGISTER
        factories.registered(each.email, purpose, given_name=each.given, family_name=each.family)
        sessions.sign_in(each.email, factories.PASSWORD)
    account(firm_id, "Gemeinsame GmbH", _id(them[2]), contact(firm_id, "Karl", "Bleibt", f"karl{index}@bleibt.example"))
    _bounced(them[3])
    _imported(firm_id, them[4])
    _asked_to_be_client(case_id, firm_id, them[7], organiser["email"], confirms=True)
    _asked_to_be_client(case_id, firm_id, them[8], organiser["email"], confirms=False)
    addresses.correct_address(case_id, _id(them[6]), f"neu.{them[6].email}", by)
    membership.withdraw(_id(them[1]), by)
    _event(case_id, them[1], f"{index}-1")
    _event(None, them[5], f"{index}-2")
    _stopped(index, them[9])
    return [each.email if each is not them[6] else f"neu.{each.email}" for each in them]


def _asked(who: SimpleNamespace) -> Named:
    return Named(name=who.name, email=who.email)


def _id(who: SimpleNamespace) -> int:
    with reading() as session:
        return session.scalars(select(Person.id).where(Person.email == who.email).order_by(Person.id)).first()


def _contact(firm_id: int, who: SimpleNamespace) -> None:
    """Nobody has invited them; the account is called after them."""
    person_id = contact(firm_id, who.given, who.family, who.email)
    with transaction() as session:
        person = session.get_one(Person, person_id)
        client = Client.open(session, firm_id, ClientKind.INDIVIDUAL, now(), name=who.name, by_hand=False)
        session.add(ClientContact(client_id=client.id, person_id=person_id, login=False))
        card = Card.of(session, person)
        card.title, card.street, card.city, card.particulars = (
            "Dr.",
            f"{who.family}-Straße 1",
            "Köln",
            {"note": who.name},
        )
        Phone.replace(session, person, [Number(PhoneKind.MOBILE, who.phone, True)])
        refold(session, [client.id])


def _bounced(who: SimpleNamespace) -> None:
    with reading() as session:
        mail = session.scalars(select(Outgoing).where(Outgoing.to_address == who.email)).first()
    note_bounce({"message_id": mail.message_id, "diagnostic": f"550 <{who.email}> unknown"})


def _imported(firm_id: int, who: SimpleNamespace) -> None:
    lines = "Kundennummer;Firma;Vorname;Nachname;E-Mail;Telefon;Straße;PLZ;Ort\n"
    lines += f";;{who.given};{who.family};{who.email};{who.phone};Weg 1;50667;Köln\n"
    lines += ";Bleibt GmbH;Berta;Bleibt;berta@bleibt.example;;Weg 2;53111;Bonn\n"
    import_id = course.start(firm_id, "command line", "mandanten.csv", lines.encode())
    work.go_on(import_id)
    course.begin(firm_id, import_id)
    work.go_on(import_id)


def _asked_to_be_client(case_id: int, firm_id: int, who: SimpleNamespace, by: str, *, confirms: bool) -> None:
    place = {"street": f"{who.family}-Straße 3", "postcode": "28195", "city": "Bremen", "country": "DE"}
    manners = {"language": "de", "address_form": "sie"}
    told = {"given_name": who.given, "family_name": who.family, "company_name": "", "email": who.email}
    sign_ups.ask(factories.case(case_id).firm.company_id, sign_ups.Wish(**told | place | manners))
    if confirms:
        with reading() as session:
            token = session.scalars(select(SignUp).where(SignUp.email == who.email)).one().token
        sign_ups.confirm(token)
        owner = factories.person_of(case_id, Role.ORGANISER)
        member = sessions.Membership(owner.id, firm_id, "", None, owner.role, owner.name, case_id, OWNER)
        with reading() as session:
            row = session.scalars(select(SignUp.id).where(SignUp.email == who.email)).one()
        sign_ups.accept(firm_id, row, member, by)


def _event(case_id: int | None, who: SimpleNamespace, key: str) -> None:
    with transaction() as session:
        payload = {"person": {"email": who.email.upper(), "name": who.name}, "other": "karl@bleibt.example"}
        Incoming.store(session, "webhook", key, "person.named", payload, now())
        event = Incoming.by_external_id(session, "webhook", key)
        event.handled_at, event.onboarding_id, event.refusal = now(), case_id, f"“{who.email}” is not known"


def _stopped(index: int, who: SimpleNamespace) -> None:
    """The organiser of a case in which nobody has signed."""
    organiser = {"name": who.name, "email": who.email}
    case_id = factories.opened(f"stopped:{index}", firm_name=f"Büro Nummer {index}", organiser=organiser)
    factories.advance(case_id)
    factories.registered(who.email)
    factories.advance(case_id)
    stopping.stop_case(case_id, f"{who.name} hat abgesagt.", "otto@provider.example")


def caught() -> int:
    """Every mail as the catcher would keep it; returns how many."""
    folder = settings().mail_folder
    folder.mkdir(parents=True, exist_ok=True)
    with reading() as session:
        rows = session.scalars(select(Outgoing).order_by(Outgoing.id)).all()
        made = 0
        for row in rows:
            link = session.get(Link, row.link_id) if row.link_id else None
            wish = session.get(SignUp, row.facts["sign_up_id"]) if "sign_up_id" in row.facts else None
            code = session.get(Code, row.facts["code_id"]) if row.kind is MailKind.SIGN_CODE else None
            message = compose.write(row, link or wish, None, code)
            (folder / f"20261201T000000000000-{row.id:06}.eml").write_bytes(message.as_bytes())
            made += 1
    return made


def questions() -> int:
    with reading() as session:
        return len(session.scalars(select(Decision.id)).all())
