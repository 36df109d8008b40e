"""Accounts of clients and contacts at them, for tests of what is done with them."""

from sqlalchemy import select

from models.clients.client import Client, ClientContact, ClientKind
from models.clients.words import refold
from models.db import reading, transaction
from models.onboarding import Onboarding, StepName
from models.people.person import Person, Role
from models.time.clock import now
from tests.factories import countersigned, firm_of, opened
from tests.remembered import remembered

ERIKA, JAN, UTE = "erika@freitag.example", "jan@freitag.example", "ute@freitag.example"
MAX, LENA = "max@beispiel.example", "lena@beispiel.example"
STAFF = [{"name": "Jan Fleiß", "email": JAN}, {"name": "Ute Özgür", "email": UTE}]
SARA = "sara@sued.example"


def other_firm() -> int:
    """A firm that has nothing to do with the one of ``with_max``, and may invite people; returns its id."""
    case_id = opened("test:2", firm_name="Steuerbüro Süd", organiser={"name": "Sara Süd", "email": SARA})
    with transaction() as session:
        Onboarding.get(session, case_id).finish(StepName.AGREEMENT, now())
    return firm_of(case_id)


def account(firm_id: int, name: str, *person_ids: int, **columns) -> int:
    """One more account, with these contacts, who see nothing of it yet; returns its id."""
    with transaction() as session:
        client = Client.open(session, firm_id, ClientKind.COMPANY, now(), name=name, by_hand=True)
        facts = {"login": False} | columns
        session.add_all(ClientContact(client_id=client.id, person_id=person_id, **facts) for person_id in person_ids)
        refold(session, [client.id])
        return client.id


def contact(firm_id: int, given: str, family: str, email: str) -> int:
    """Somebody whom nobody has invited, and nobody will before it is said; returns the person's id."""
    with transaction() as session:
        person = Person(firm_id=firm_id, role=Role.CLIENT, given_name=given, family_name=family, email=email)
        person.added_at, person.invitation_waits = now(), True
        session.add(person)
        session.flush()
        return person.id


@remembered
def with_max(**changes) -> tuple[int, int, int, int]:
    """A firm whose contact Max is at two accounts and sees neither yet: its id, theirs, and his."""
    firm_id = firm_of(countersigned(**changes))
    person_id = contact(firm_id, "Max", "Beispiel", MAX)
    return firm_id, account(firm_id, "Beispiel GmbH", person_id), account(firm_id, "Muster AG", person_id), person_id


def person(person_id: int) -> Person:
    with reading() as session:
        return session.get_one(Person, person_id)


def place(client_id: int, person_id: int) -> ClientContact:
    with reading() as session:
        mine = select(ClientContact).where(ClientContact.client_id == client_id, ClientContact.person_id == person_id)
        return session.scalars(mine).one()
