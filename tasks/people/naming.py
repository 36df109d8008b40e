"""Who is named at a firm, in whatever role."""

from collections.abc import Sequence

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models.errors import N_, ProvisionError
from models.firm import Firm
from models.people.mail_address import email_address
from models.people.person import ADDRESSED, Person, Role, name_parts
from models.request import Named, OnboardingRequest
from models.time.clock import now


class WorksThereAlready(ProvisionError):
    status = 422
    says = N_("%(address)s is the address of the organiser, who works there already: leave it out.")

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


def add_people(
    session: Session, firm: Firm, role: Role, people: Sequence[Named], manners: OnboardingRequest | Person
) -> list[Person]:
    """Add who is not there yet in this role, spoken to in the *manners* of the request or of who names them.

    Whoever was withdrawn is there again.
    """
    # Of two with one address the first counts.
    named = {email_address(person.email): person for person in reversed(people)}
    query = select(Person).where(
        Person.firm_id == firm.id, Person.role == role, Person.email.in_(named), text(ADDRESSED)
    )
    existing = {person.email: person for person in session.scalars(query)}
    added = []
    for email in reversed(named):
        if email in existing and existing[email].withdrawn_at is not None:
            existing[email].give_way(named[email].name, email)
            existing[email].added_at = now()
            added.append(existing[email])
        elif email not in existing:
            given, family = name_parts(named[email].name)
            person = Person(
                firm_id=firm.id,
                role=role,
                email=email,
                given_name=given,
                family_name=family,
                language=manners.language,
                address_form=manners.address_form,
                land=firm.land,
                postcode=firm.postcode,
                added_at=now(),
            )
            added.append(person)
    session.add_all(added)
    session.flush()
    return added
