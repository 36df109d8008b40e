"""A case at any point of its way, made by the product's own acts."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from io import BytesIO
from threading import Barrier

from PIL import Image, ImageDraw
from sqlalchemy import select

from models.agreement import Agreement
from models.audit import trail
from models.code import Code
from models.db import Base, Facts, reading, transaction
from models.decision import Decision, DecisionKind
from models.link import Link, Purpose
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding
from models.people.login import Login, hash_password
from models.people.manners import AddressForm, Language
from models.people.person import Person, Role
from models.request import Named, OnboardingRequest
from models.time.clock import now
from tasks.agreement import lifecycle, signing, viewing
from tasks.contracts import orders
from tasks.intake import decision_effects
from tasks.logos import publish
from tasks.onboarding import company_ids, invitations, opening, registration, subscriptions
from tasks.people import sessions
from tests.remembered import remembered

PASSWORD = "drei grüne Füchse tanzen"


def request(**changes) -> OnboardingRequest:
    """A whole, right request; *changes* replace fields."""
    facts = {
        "firm_name": "Anwaltskanzlei Freitag & Kollegen",
        "line_of_business": "law",
        "street": "Lindenweg 7",
        "postcode": "80331",
        "city": "München",
        "land": "BY",
        "plan": "plus",
        "interval": "quarterly",
        "organiser": {"name": "Erika Muster", "email": "erika@freitag.example"},
        "again": True,  # Many tests have several cases, and do not care whose.
    }
    return OnboardingRequest.model_validate(facts | changes)


@remembered
def opened(key: str = "test:1", **changes) -> int:
    """A case just opened; returns its id."""
    return opening.start_case(request(**changes), key, "test")


def advance(case_id: int) -> None:
    """One pass, without Prefect."""
    for step in (
        subscriptions.confirm_subscription,
        company_ids.settle_details,
        publish.publish_logo,
        registration.ask_organiser,
        lifecycle.conclude_agreement,
        orders.begin_contract,
        invitations.invite_caseworkers,
        invitations.invite_clients,
    ):
        step.fn(case_id)


def token(email: str, purpose: Purpose) -> str:
    """What stands in the link of the newest mail to this address, for this purpose."""
    with transaction() as session:
        link = session.scalars(
            select(Link).join(Person, Person.id == Link.person_id).where(Person.email == email, Link.purpose == purpose)
        ).one()
        return link.token


def registered(email: str = "erika@freitag.example", purpose: Purpose = Purpose.REGISTER, **manners) -> str:
    """The invited person makes an account; returns a session token."""
    with transaction() as session:
        person = session.scalars(
            select(Person).where(Person.email == email, Person.role != Role.CONTACT).order_by(Person.id.desc())
        ).first()
    facts = {
        "given_name": person.given_name,
        "family_name": person.family_name,
        "language": Language.GERMAN,
        "address_form": AddressForm.SIE,
    }
    return registration.register(token(email, purpose), purpose, PASSWORD, **facts | manners)[0]


@remembered
def with_organiser(**changes) -> int:
    """The organiser has an account; the agreement is on its way."""
    case_id = opened(**changes)
    advance(case_id)
    registered(changes.get("organiser", {}).get("email", "erika@freitag.example"))
    advance(case_id)
    return case_id


@remembered
def signed(**changes) -> int:
    """The firm has signed; the provider has not."""
    case_id = with_organiser(**changes)
    sign()
    advance(case_id)
    return case_id


FROM = {"ip": "127.0.0.1", "agent": "test"}
"""From where people act."""


def read_all(email: str = "erika@freitag.example") -> str:
    """Whoever is asked to sign has read every part; returns the token of their link."""
    link = token(email, Purpose.AGREEMENT)
    part = signing.begin(link, **FROM)
    while part is not None:
        part = signing.read(link, part, **FROM)
    return link


def code(link: str) -> str:
    """What stands in the newest mail with a code for the holder of this link; asks for one if there is none."""
    if signing.code_deadline(link) is None:
        signing.send_code(link, **FROM)
    shown = viewing.opened(link)
    with transaction() as session:
        sent = Code.of(session, shown.agreement.id, shown.person.id)
        assert sent is not None
        return sent.digits


def sign(email: str = "erika@freitag.example", name: str = "Erika Muster", **more) -> int:
    """Read every part, ask for a code, sign with it; returns the case's id."""
    link = token(email, Purpose.AGREEMENT)
    if viewing.opened(link).agreement.is_open:
        read_all(email)
        return signing.sign(link, name, code(link), **FROM | more)
    return signing.sign(link, name, "", **FROM | more)


@remembered
def handed_over(**changes) -> int:
    """The organiser has asked Konrad Zeichner to sign; returns the case's id."""
    case_id = with_organiser(**changes)
    link = token("erika@freitag.example", Purpose.AGREEMENT)
    signing.delegate(link, "Konrad Zeichner", "konrad@freitag.example", "Geschäftsführer", **FROM)
    return case_id


@remembered
def countersigned(**changes) -> int:
    """Both have signed: everybody may be invited."""
    case_id = signed(**changes)
    decide(case_id, "countersign")
    advance(case_id)
    return case_id


def concluded(case_id: int) -> None:
    """A case whose organiser has an account comes to an agreement that both sides have signed."""
    advance(case_id)
    sign()
    advance(case_id)
    decide(case_id, "countersign")
    advance(case_id)


def decide(case_id: int, verdict: str, **answer) -> None:
    """Answer the only open question of the case."""
    with transaction() as session:
        (decision,) = Decision.pending(session, case_id)
    if decision.kind in {DecisionKind.COUNTERSIGN, DecisionKind.SIGNED_COPY}:
        answer = {"name": "Olga Otter"} | answer
    decision_effects.answer_decision(decision.id, verdict, "operator@convent-it.example", **answer)


@remembered
def with_client(**changes) -> int:
    """One client is invited."""
    case_id = countersigned(**changes)
    people = [Named(name="Max Beispiel", email="max@beispiel.example")]
    invitations.add_clients(firm_of(case_id), "erika@freitag.example", people, "Willkommen!")
    advance(case_id)
    return case_id


def picture() -> bytes:
    """A logo as a PNG file."""
    file = BytesIO()
    drawn = Image.new("RGBA", (480, 120))
    ImageDraw.Draw(drawn).rounded_rectangle((10, 10, 470, 110), 30, fill=(15, 76, 92, 255))
    drawn.save(file, "PNG")
    return file.getvalue()


def give_logo(case_id: int) -> None:
    """The organiser supplies a logo."""
    publish.supply_logo(firm_of(case_id), "erika@freitag.example", picture())


def operator(email: str = "operator@convent-it.example", *, manager: bool = False) -> str:
    """An operator who is signed in; returns the session token."""
    hashed, at = hash_password(PASSWORD), now()
    with transaction() as session:
        account = Login(
            email=email, password_hash=hashed, name="Olga Otter", is_operator=True, is_manager=manager, created_at=at
        )
        account.digest_at = account.confirmed_at = at
        session.add(account)
    return sessions.sign_in(email, PASSWORD)


def firm_of(case_id: int) -> int:
    with transaction() as session:
        return session.get_one(Onboarding, case_id).firm_id


def case(case_id: int) -> Onboarding:
    with transaction() as session:
        return Onboarding.get(session, case_id)


def agreement(case_id: int) -> Agreement:
    with transaction() as session:
        return Agreement.latest(session, case_id)


def outbox(kind: str | None = None) -> list[str]:
    """The keys of all mails, or of those of one kind, in the order in which they were written."""
    with transaction() as session:
        rows = session.scalars(select(Outgoing).order_by(Outgoing.id)).all()
    return [row.key for row in rows if kind is None or row.kind == kind]


def acts(case_id: int) -> list[str]:
    """What the trail of a case says was done, in order."""
    with reading() as session:
        return [entry.action for entry in trail(session, case_id)]


def told_by(case_id: int, action: str) -> list[Facts]:
    """The facts of each such act."""
    with reading() as session:
        return [entry.facts for entry in trail(session, case_id) if entry.action == action]


def questions(case_id: int) -> list[str]:
    """The kinds of the open questions about a case."""
    with reading() as session:
        return [question.kind.value for question in Decision.pending(session, case_id)]


def mails(kind: str) -> list[Outgoing]:
    """All of this kind, the oldest first."""
    with reading() as session:
        return list(session.scalars(select(Outgoing).where(Outgoing.kind == kind).order_by(Outgoing.id)))


def person_of(case_id: int, role: Role) -> Person | None:
    with reading() as session:
        return Person.one(session, firm_of(case_id), role)


def standing(case_id: int) -> dict[str, str]:
    """State and party per step, as ``waiting:organiser``."""
    return {
        step.name.value: step.state.value + (f":{step.waiting_for.value}" if step.waiting_for else "")
        for step in case(case_id).steps
    }


def at_once(*acts) -> list:
    """Do all of it at the same moment, each in a thread; gives results, or what was raised, in order."""
    start = Barrier(len(acts))

    def run(act):
        start.wait()
        try:
            return act()
        except Exception as error:  # noqa: BLE001
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return [done.result() for done in [pool.submit(run, act) for act in acts]]


def everything() -> str:
    """All rows of all tables, as one text."""
    with reading() as session:
        return repr([session.execute(select(table)).all() for table in Base.metadata.sorted_tables])


def rows() -> set[str]:
    """Each row of all tables as a text, without moments and digests: in them any six digits may stand by chance."""
    with reading() as session:
        kept = [row for table in Base.metadata.sorted_tables for row in session.execute(select(table))]
    told = (repr([value for value in row if not isinstance(value, datetime)]) for row in kept)
    return {re.sub(r"[0-9a-f]{64}", "", row) for row in told}
