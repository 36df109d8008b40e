"""Very many accounts of clients, written into the database as the product would have left them."""

from datetime import timedelta
from random import Random

from sqlalchemy import insert, select, update

from models.clients.client import Client, ClientContact, ClientKind
from models.clients.tag import ClientTag, Tag
from models.clients.words import refold
from models.db import transaction
from models.link import Link, Opening, Purpose
from models.onboarding import StepName
from models.people.person import Person, Role
from models.reminders.cadence import WaitKind
from models.reminders.reminder import Reminder
from models.time.clock import now

GIVEN = ("Anna", "Max", "Erika", "Jörg", "Çelik", "Zoë", "Renée", "Łukasz", "Nora", "Ute")
FAMILY = ("Müller", "Beispiel", "Groß", "Ott", "von der Au", "Strauß", "Yılmaz", "Nowak", "Lévy", "Sommer")
TOWNS = ("Köln", "München", "Wien", "Zürich", "Aachen", "Bonn", "Jena", "Ulm", "Kiel", "Trier")


def fill(firm_id: int, number: int, at_once: int = 5_000) -> None:
    """So many accounts with one contact each: of ten one is invited, one active, one a company; some have a tag."""
    random, at = Random(7), now()
    with transaction() as session:
        tag = Tag.named(session, firm_id, ["VIP"])[0].id
    for first in range(0, number, at_once):
        rows = range(first, min(first + at_once, number))
        people, accounts = [], []
        for row in rows:
            given, family, town = random.choice(GIVEN), f"{random.choice(FAMILY)}-{row:06}", random.choice(TOWNS)
            company = row % 10 == 9
            name = f"{family} GmbH" if company else f"{family}, {given}"
            people.append(
                {
                    "firm_id": firm_id,
                    "role": Role.CLIENT,
                    "email": f"k{row:06}@kunde.example",
                    "given_name": given,
                    "family_name": family,
                    "added_at": at,
                    "invited_at": at if row % 10 < 2 else None,
                    "registered_at": at if row % 10 == 1 else None,
                    "invitation_waits": True,
                }
            )
            accounts.append(
                {
                    "firm_id": firm_id,
                    "kind": ClientKind.COMPANY if company else ClientKind.INDIVIDUAL,
                    "name": name,
                    "company_name": name if company else "",
                    "number": f"K{row:06}",
                    "city": town,
                    "state": {0: "pending", 1: "active"}.get(row % 10, "prepared"),
                    "created_at": at,
                }
            )
        with transaction() as session:
            ids = session.scalars(insert(Person).returning(Person.id, sort_by_parameter_order=True), people).all()
            keys = session.scalars(insert(Client).returning(Client.id, sort_by_parameter_order=True), accounts).all()
            session.execute(
                insert(ClientContact),
                [{"client_id": key, "person_id": person} for key, person in zip(keys, ids, strict=True)],
            )
            refold(session, keys)
            session.execute(insert(ClientTag), [{"client_id": key, "tag_id": tag} for key in keys[::50]])


def some_account(firm_id: int) -> int:
    """One in the middle."""
    with transaction() as session:
        ids = session.scalars(select(Client.id).where(Client.firm_id == firm_id).order_by(Client.name)).all()
    return ids[len(ids) // 2]


def wait_for_all(case_id: int, at_once: int = 5_000) -> None:
    """All contacts of the firm are invited and not active: of a hundred one's mail came back, two are to be called, of
    five one has an old link, of two one has opened the page.
    """
    at = now()
    clients = Person.role == Role.CLIENT
    with transaction() as session:
        session.execute(update(Person).where(clients).values(invited_at=Person.added_at, registered_at=None))
        session.execute(update(Person).where(clients, Person.id % 100 == 0).values(bounced_at=Person.added_at))
        ids = session.scalars(select(Person.id).where(clients).order_by(Person.id)).all()
    for first in range(0, len(ids), at_once):
        people = ids[first : first + at_once]
        link = {"purpose": Purpose.ACTIVATE, "generation": 1, "made_at": at - timedelta(days=1)}
        wait = {"onboarding_id": case_id, "kind": WaitKind.CLIENT, "step": StepName.CLIENTS, "since": at, "sent": 1}
        links = [
            link
            | {"person_id": key, "token_sha256": f"{key:064}", "expires_at": at + timedelta(days=9 if key % 5 else -1)}
            for key in people
        ]
        waits = [
            wait | {"person_id": key, "due_at": at + timedelta(days=3), "followed_at": None if key % 50 else at}
            for key in people
        ]
        with transaction() as session:
            session.execute(insert(Link), links)
            session.execute(insert(Reminder), waits)
            opened = select(Link.id, Link.made_at).where(Link.person_id.in_(people), Link.person_id % 2 == 0)
            session.execute(insert(Opening).from_select(["link_id", "opened_at"], opened))
