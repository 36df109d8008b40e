"""Very many accounts of clients, written into the database as the product would have left them."""

from random import Random

from sqlalchemy import insert, select

from models.clients.client import Client, ClientContact, ClientKind
from models.clients.tag import ClientTag, Tag
from models.clients.words import refold
from models.db import transaction
from models.people.person import Person, Role
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
