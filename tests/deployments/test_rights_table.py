"""Who may see and do what: every page of a firm, of its clients and of its inbox, for everybody who may come by."""

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from deployments.web import security
from deployments.web.app import app
from deployments.web.security import sign
from models.clients.access import ClientAccess
from models.clients.bulk_invitation import BulkInvitation
from models.clients.custom_field import CustomField, FieldKind, FieldOf
from models.clients.group import Group
from models.clients.portfolio import Portfolio, PortfolioClient
from models.clients.sign_up import SignUp
from models.contracts.booking import BookedOption, CameBy, ChangeKind
from models.contracts.catalogue import ArticleKey, Module, Tariff
from models.contracts.contract import Contract
from models.contracts.takeout import Takeout
from models.db import engine, reading, transaction
from models.document import Document
from models.link import Purpose
from models.logo import Logo, LogoPermission
from models.onboarding import Onboarding
from models.people.api_token import ApiToken
from models.people.notice import Notice, NoticeKind
from models.people.person import Person, Role
from models.people.staff import Rank, Rights, Staff
from models.retention.request import Judge, PrivacyRequest, RequestKind
from models.settings import settings
from models.time.clock import now, today
from tasks.clients import grants, sign_ups
from tasks.clients.imports import course, work
from tasks.contracts import changes, details
from tasks.contracts.changes import Wish
from tasks.contracts.details import Section
from tasks.contracts.legal import Paper, ask_for_consent, enter
from tasks.logos.publish import supply_logo
from tasks.people import membership, sessions
from tasks.people.sessions import sign_in
from tests import api as tokens
from tests.contacts import ERIKA, LENA, MAX, SARA, account, contact
from tests.deployments.browser import Browser
from tests.deployments.test_security import all_routes
from tests.factories import (
    PASSWORD,
    advance,
    case,
    countersigned,
    everything,
    firm_of,
    give_logo,
    opened,
    picture,
    registered,
)
from tests.remembered import remembered
from tests.tasks.test_consents import digest_of, publish
from tests.tasks.test_contracts import CLIENT, OPERATOR, catalogue, ordered, prices_of, tariff
from tests.tasks.test_publish_logo import drawn
from tests.tasks.test_sign_ups import wish

pytestmark = pytest.mark.usefixtures("quiet")

SCOPE = ("/firm/{firm_id", "/my-data", "/portal", "/inbox", "/profile", "/f/", "/firms", "/sign-up")
NOTHING = "98765"
"""A number that nothing has."""
OTHER = {"person_id", "key"}
"""Parts of an address of which a line may name another than the usual one."""
OF_CLIENTS = {"import_id", "client_id", "person_id", "client", "invited", "paused", "entry_id"}
"""What may be hidden from some of the firm's people."""

ROLES = ("owner", "administrator", "manager", "staff", "apart", "client", "neighbour", "foreign", "stranger")
"""The firm's organiser; an administrator; staff with the right to manage accounts, and without it; with it, but without
access to this account; a client of this account, and of another one; the organiser of another firm; not signed in."""


class Rule(NamedTuple):
    """How each role is answered: ``+`` let in, ``0`` let in to no effect, ``F`` refused (403), ``N`` not there (404),
    ``S`` to sign in first.
    """

    owner: str
    administrator: str
    manager: str
    staff: str
    apart: str
    client: str
    neighbour: str
    foreign: str
    stranger: str


EVERYBODY = Rule(*"+++++++++")
SIGNED_IN = Rule(*"++++++++S")
OF_THE_FIRM = Rule(*"+++++++NS")
STAFF = Rule(*"+++++FFNS")
"""Pages of the way aboard, of which a client of the firm may know that they are there."""
OWNER = Rule(*"+FFFFFFNS")
CONTRACT_PAPER = Rule(*"++FFFFFNS")
"""What was signed is read by whoever answers for the contract."""
OWNER_ON_STAFF = Rule(*"+FFFFNNNS")
INBOX = Rule(*"+++++NN+S")
OWN_ENTRY = Rule(*"+NNNNNNNS")
ACCOUNTS = Rule(*"+++++NNNS")
MANAGES = Rule(*"+++F+NNNS")
ACCOUNT = Rule(*"++++NNNNS")
OTHERS_IMPORT = Rule(*"++NFNNNNS")
"""What somebody else has brought tells of accounts that only those see surely who see all."""
MANAGES_ACCOUNT = Rule(*"+++FNNNNS")
REACH = Rule(*"++++NFFNS")
MANAGERS_ALONE = Rule(*"NNFFFNNNS")
"""Of the provider; the firm does not learn that there is such a thing."""
MANAGES_REACH = Rule(*"+++FNFFNS")
MANAGES_MANY = Rule(*"+++F0NNNS")
"""Of what was ticked only those that one sees; whoever sees none of them changes nothing."""
SETTINGS = Rule(*"++FFFNNNS")
OWN_ACCOUNT = Rule(*"NNNNN+NNS")

ROW = {"name-0": "Karl Klar", "email-0": "karl@klar.example"}
OWN_HOURS = {"hours_text": "Mo 9-12", "time_zone": "Europe/Berlin", "language": "de"}
ADDRESS = {"street": "Am Wall 4", "postcode": "80331", "city": "München", "land": "BY"}
WISH = {"family_name": "Frei", "email": "franz@frei.example", **ADDRESS}
ONE = "/firm/{firm_id}/accounts/{client_id}"
IMPORT = "/firm/{firm_id}/accounts/imports/{import_id}"
LIST = b"Mandant;Nachname;E-Mail\nAlpha GmbH;Arndt;anna@alpha.example\nBeta GmbH;Berg;keine Adresse\n"
WITH = f"{ONE}/contacts/{{person_id}}"
SET = "/firm/{firm_id}/settings"
BULK = "/firm/{firm_id}/accounts/invitations"
CONTRACT = "/firm/{firm_id}/contract"
BOOKED = f"{CONTRACT}/modules/{{booking_id}}"
SIGN_UP = "/firm/{firm_id}/sign-ups/{sign_up_id}"
REQUEST = "/firm/{firm_id}/requests/{request_id}"
TABLE: dict[Rule, list[tuple]] = {
    EVERYBODY: [
        ("GET /firms",),
        ("GET /f/{company_id}",),
        ("GET /f/{company_id}/register",),
        ("POST /f/{company_id}/register", WISH),
        ("GET /sign-up/{token}",),
        ("POST /sign-up/{token}", {}),
    ],
    SIGNED_IN: [
        ("GET /profile",),
        ("POST /profile", OWN_HOURS),
        ("GET /portal",),
        ("GET /my-data",),
        ("GET /my-data/file",),
        ("GET /my-data/requests",),
    ],
    OWN_ACCOUNT: [("GET /portal/accounts/{client_id}",), ("POST /my-data/requests/{request_id}/withdraw", {})],
    INBOX: [("GET /inbox",), ("POST /inbox/read", {})],
    OWN_ENTRY: [("POST /inbox/{entry_id}", {})],
    OF_THE_FIRM: [
        ("GET /firm/{firm_id:number}/logo{ending:path}",),
        ("POST /my-data/requests", {"firm": "{firm_id}", "kind": "erasure"}),
    ],
    STAFF: [("GET /firm/{firm_id}",), ("GET /firm/{firm_id}/clients",)],
    CONTRACT_PAPER: [("GET /firm/{firm_id}/agreement.pdf",)],
    OWNER: [
        ("GET /firm/{firm_id}/agreement",),
        ("GET /firm/{firm_id}/details",),
        ("POST /firm/{firm_id}/details", ADDRESS),
        ("POST /firm/{firm_id}/details/name", {"firm_name": "Neu", "line_of_business": "tax"}, "too late"),
        (
            "POST /firm/{firm_id}/details/contact",
            {"contact_name": "Karl Klar", "contact_email": "karl@klar.example"},
            "too late",
        ),
        ("POST /firm/{firm_id}/details/number", {"company_id": "any"}, "too late"),
        ("GET /firm/{firm_id}/logo",),
        ("POST /firm/{firm_id}/logo", {"file": picture()}),
        ("POST /firm/{firm_id}/logo/back", {"logo": "{logo}"}),
        ("POST /firm/{firm_id}/logo/choice", {"choice": "1"}),
        (
            "POST /firm/{firm_id}/logo/permission",
            {"website": "https://kanzlei.example", "granted_by": "Erika", "permission": "yes"},
        ),
        ("GET /firm/{firm_id}/logo/before.png",),
        ("GET /firm/{firm_id}/logo/found/{number}.png",),
        ("GET /firm/{firm_id}/owner",),
        (
            "POST /firm/{firm_id}/owner",
            {"successor": "{staff}", "stays": "yes", "password": PASSWORD},
        ),
        ("POST /firm/{firm_id}/owner/take-back", {}, "nobody is asked"),
        ("GET /firm/{firm_id}/caseworkers",),
        ("POST /firm/{firm_id}/caseworkers", ROW),
        ("POST /firm/{firm_id}/caseworkers/none", {}),
        ("GET /firm/{firm_id}/people/{person_id}", {"person_id": "new"}),
        ("POST /firm/{firm_id}/people/{person_id}", OWN_HOURS | {"person_id": "new"}),
    ],
    OWNER_ON_STAFF: [
        (f"GET {CONTRACT}/close",),
        (f"POST {CONTRACT}/close", {"typed": "{company_id}"}, "a module is active"),
        (f"POST {CONTRACT}/close/take-back", {}, "nobody has asked for it"),
        ("POST /firm/{firm_id}/resend", {"person": "{new}"}),
        ("POST /firm/{firm_id}/withdraw", {"person": "{new}"}),
        ("POST /firm/{firm_id}/pause", {"person": "{staff}"}),
        ("POST /firm/{firm_id}/resume", {"person": "{rested}"}),
    ],
    ACCOUNTS: [("GET /firm/{firm_id}/accounts",), ("GET /firm/{firm_id}/accounts/pending",)],
    MANAGES: [
        (f"GET {BULK}",),
        (f"GET {BULK}/new",),
        (f"GET {BULK}/{{bulk_id}}",),
        (f"POST {BULK}/{{bulk_id}}/pause", {}),
        (f"POST {BULK}/{{bulk_id}}/resume", {}, "goes on already"),
        (f"POST {BULK}/{{bulk_id}}/stop", {}),
        ("POST /firm/{firm_id}/clients", ROW),
        ("GET /firm/{firm_id}/accounts/new",),
        (
            "POST /firm/{firm_id}/accounts/new",
            {"kind": "individual", "block": "new", "c0-family_name": "Frei", "act": "create"},
        ),
        ("GET /firm/{firm_id}/accounts/import",),
        ("POST /firm/{firm_id}/accounts/import", {"file": LIST}),
        ("GET /firm/{firm_id}/sign-ups",),
        (f"GET {SIGN_UP}",),
        (f"POST {SIGN_UP}/accept", {}),
        (f"POST {SIGN_UP}/decline", {}),
    ],
    OTHERS_IMPORT: [
        (f"GET {IMPORT}",),
        (f"GET {IMPORT}/columns",),
        (f"POST {IMPORT}/columns", {"act": "map"}),
        (f"POST {IMPORT}/answers", {"question": "bad_email", "choice": "skip", "all": "yes"}),
        (f"POST {IMPORT}/begin", {}),
        (f"POST {IMPORT}/cancel", {}),
        (f"POST {IMPORT}/errors.csv", {}),
        (f"GET {IMPORT}/undo",),
        (f"POST {IMPORT}/undo", {}, "too early"),
    ],
    MANAGES_ACCOUNT: [
        (f"GET {ONE}/edit",),
        (f"POST {ONE}/edit", {"kind": "company", "company_name": "Neu GmbH", "name": "Neu"}),
        (f"POST {ONE}/archive", {"away": "yes"}),
        (f"POST {ONE}/access", {"person": "{apart}", "on": "yes"}),
        (f"POST {ONE}/portfolio", {"portfolio": "{portfolio}"}),
        (f"GET {ONE}/contacts/new",),
        (f"POST {ONE}/contacts/new", {"family_name": "Frei"}),
        (f"POST {WITH}/remove", {}),
        (f"GET {WITH}/invite",),
        (f"POST {WITH}/invite", {}),
        (f"POST {WITH}/invite/preview", {}),
        (f"POST {WITH}/invite/skip", {}),
        (f"POST {WITH}/resend", {"person_id": "invited"}),
        (f"POST {WITH}/switch", {"which": "email_sync", "on": "yes"}),
        (f"GET {WITH}/password",),
        (f"POST {WITH}/password", {"how": "made"}),
        (f"GET {WITH}/confirm",),
        (f"POST {WITH}/confirm", {}),
        (f"POST {SIGN_UP}/link", {"client": "{client_id}"}),
        (
            "POST /firm/{firm_id}/contacts/{person_id}",
            OWN_HOURS | {"family_name": "Anders", "address_form": "sie"},
        ),
        ("POST /firm/{firm_id}/resend", {"person": "{invited}"}),
        ("POST /firm/{firm_id}/withdraw", {"person": "{person_id}"}),
        ("POST /firm/{firm_id}/pause", {"person": "{client}"}),
        ("POST /firm/{firm_id}/resume", {"person": "{paused}"}),
    ],
    MANAGES_MANY: [
        (f"POST {BULK}/new", {"account": "{client_id}"}),
        ("POST /firm/{firm_id}/accounts", {"act": "archive", "account": "{client_id}"}),
        ("POST /firm/{firm_id}/accounts/pending", {"contact": "{invited}"}),
    ],
    MANAGES_REACH: [("POST /firm/{firm_id}/people/{person_id}", OWN_HOURS)],
    ACCOUNT: [(f"GET {ONE}",), ("GET /firm/{firm_id}/contacts/{person_id}",)],
    REACH: [("GET /firm/{firm_id}/people/{person_id}",)],
    MANAGERS_ALONE: [
        (f"POST {BOOKED}/options", {"article": "{article}", "quantity": "1"}),
        (f"POST {BOOKED}/options/{{option_id}}/end", {}),
    ],
    SETTINGS: [
        ("GET /firm/{firm_id}/requests",),
        (f"GET {REQUEST}",),
        (f"POST {REQUEST}/grant", {}),
        (f"POST {REQUEST}/refuse", {"reason": "Es wird noch gebraucht."}),
        (f"POST {REQUEST}/extend", {"delay": "Viele Anfragen."}),
        (f"GET {CONTRACT}",),
        (f"GET {CONTRACT}/legal/{{digest}}",),
        (f"GET {CONTRACT}/consent/{{text_id}}",),
        (f"GET {CONTRACT}/consent/{{text_id}}/letter",),
        (f"POST {CONTRACT}/consent/{{text_id}}", {"answer": "yes", "sha256": "{digest}"}),
        (f"GET {CONTRACT}/edit/{{section}}",),
        (f"POST {CONTRACT}/edit/{{section}}", {"was": "{was}", "order_number": "PO 1"}),
        (f"GET {CONTRACT}/order/{{module_id}}",),
        (
            f"POST {CONTRACT}/order/{{module_id}}",
            {"tariff": "{other}", "prices-{other}": "{other_prices}", "legal": "{text_id}"},
        ),
        (f"GET {BOOKED}",),
        (f"POST {BOOKED}/data", {"field-1": "030 5550199"}),
        (f"GET {BOOKED}/end",),
        (f"POST {BOOKED}/end", {"kind": "termination"}),
        (f"GET {BOOKED}/tariff",),
        (f"POST {BOOKED}/tariff", {"tariff": "{large}", "prices": "{prices}"}),
        (f"POST {BOOKED}/undo", {}, "too early"),
        (f"GET {CONTRACT}/letters/{{change_id}}",),
        (f"GET {CONTRACT}/agreements/{{version}}.pdf",),
        (f"POST {CONTRACT}/data", {}),
        (f"POST {CONTRACT}/data/{{takeout_id}}", {}),
        (f"GET {SET}",),
        (f"POST {SET}", {"name_format": "given_first"}),
        (f"GET {SET}/members",),
        (f"GET {SET}/members/{{person_id}}", {"person_id": "staff"}),
        (f"POST {SET}/members/{{person_id}}", {"person_id": "staff", "rank": "staff", "manages_accounts": "yes"}),
        (f"GET {SET}/tokens",),
        (f"POST {SET}/tokens", {"name": "Neu", "accounts:read": "yes"}),
        (f"POST {SET}/tokens/{{key:number}}/revoke", {"key": "made"}),
        (f"POST {SET}/groups/none", {"opens-documents": "yes"}),
        (f"GET {SET}/{{kind}}",),
        (f"POST {SET}/{{kind}}", {"name": "Neu"}),
        (f"GET {SET}/{{kind}}/{{key:number}}",),
        (f"POST {SET}/{{kind}}/{{key:number}}", {"name": "Anders"}),
        (f"POST {SET}/{{kind}}/{{key:number}}/delete", {}),
        (f"POST {SET}/fields/{{key:number}}/away", {}),
        (f"POST {SET}/fields/{{key:number}}/back", {"key": "away"}),
    ],
}
"""Each route under what holds for it, with what is sent; ``too late``, ``too early``: there is nothing to settle.

A route stands twice where it is about the firm's own people or its clients.
"""


class Case(NamedTuple):
    rule: Rule
    method: str
    route: str
    sent: dict
    settled: bool

    def __str__(self) -> str:
        about = re.findall(r"\w*{?(?:new|staff|rested|invited|paused)\b", " ".join(map(str, self.sent.values())))
        return " ".join([self.method, self.route, *about])


CASES = [
    Case(rule, *line[0].split(), line[1] if len(line) > 1 else {}, len(line) > 2)
    for rule, lines in TABLE.items()
    for line in lines
]


@dataclass(frozen=True)
class World:
    """A firm with everything that can be asked for: who they all are, and the names of what there is."""

    sessions: dict[str, str]
    ids: dict[str, str]


ADA, BEN, CLEO, DORA, ROLF = (f"{name}@freitag.example" for name in ("ada", "ben", "cleo", "dora", "rolf"))
RANKS = {
    ADA: Rights(Rank.ADMINISTRATOR, manages_accounts=True, has_default_access=True),
    BEN: Rights(Rank.STAFF, manages_accounts=True, has_default_access=True),
    CLEO: Rights(Rank.STAFF, manages_accounts=False, has_default_access=True),
    DORA: Rights(Rank.STAFF, manages_accounts=True, has_default_access=True),
}


def offer_logo(session: Session, firm_id: int, content: bytes) -> list[Logo]:
    """On the firm's website there is another logo than its own ones, which are returned."""
    logos = list(session.scalars(select(Logo).order_by(Logo.id)))
    found = Document.keep(session, content, "logo-1.png", "image/png")
    offered = {"number": 1, "address": "https://kanzlei.example/logo.png", "confidence": 60, "reasons": []}
    offered |= {"width": 480, "height": 120, "report": logos[0].report, "documents": {"png": found.id}}
    permission = LogoPermission(firm_id=firm_id, website="https://kanzlei.example", granted_by="Erika")
    permission.granted_at = permission.searched_at = now()
    permission.offer({"candidates": [offered]})
    session.add(permission)
    return logos


def invited_together(owner: Person) -> BulkInvitation:
    whole = {"filter": {}}
    asked = {"firm_id": owner.firm_id, "person_id": owner.id, "asked_by": owner.email}
    return BulkInvitation(**asked, audience=whole, asked_at=now())


def brought(session: str, firm_id: int) -> int:
    """Whoever is signed in by this session has brought a list of clients."""
    member = sessions.signed_in(session).staff_of(firm_id)
    import_id = course.start(firm_id, ERIKA, "Mandanten.csv", LIST, member=member)
    work.go_on(import_id)
    return import_id


def requested(firm_id: int, person_id: int) -> int:
    """A client has asked the firm to correct something."""
    with transaction() as session:
        case, kind = Onboarding.of_firm(session, firm_id), RequestKind.CORRECTION
        return PrivacyRequest.begin(session, case, person_id, kind, Judge.FIRM, "Ich heiße anders.", now()).id


def archive(firm_id: int) -> int:
    """All data of the firm, put together two hours ago: who asks now asks anew."""
    with transaction() as session:
        made = Takeout(firm_id=firm_id, person_id=Person.organiser(session, firm_id).id, language="de")
        made.asked_at = made.due_at = made.ready_at = now() - timedelta(hours=2)
        made.expires_at = now() + timedelta(days=30)
        session.add(made)
        session.flush()
        return made.id


def booked(firm_id: int, case_id: int) -> dict[str, object]:
    """The firm has a module with an option, and could have another one."""
    phone = catalogue()
    booking_id = ordered(firm_id, phone)
    with transaction() as session:
        beside = Module(code="beside", names={"de": "Daneben"})
        session.add(beside)
        session.flush()
        other = tariff(session, beside.id, "other", "60")
        article = next(each for each in other.articles(session) if each.key is ArticleKey.OPTION)
        added = {"article_id": article.id, "quantity": 1, "amount": Decimal(1), "starts_on": today()}
        session.add(option := BookedOption(firm_id=firm_id, booking_id=booking_id, **added))
        session.flush()
        contract = Contract.get(session, Onboarding.get(session, case_id).firm)
        was = details.stamp(details.fields_of(session, contract, Section.ORDER))
    text_id = publish()
    ask_for_consent.fn()
    paper = Paper(today().isoformat(), "letter", "Erika Muster", scan=("letter.pdf", b"%PDF-1.4 no"))
    enter(firm_id, OPERATOR, text_id, digest_of(text_id), paper, is_accepted=False)
    wish = Wish(ChangeKind.TARIFF, tariff_id=phone["large"], received_at=now(), came_by=CameBy.LETTER)
    given = {"price_list_id": prices_of(phone["large"]), "scan": ("letter.pdf", b"%PDF-1.4")}
    letter = changes.declare_change(firm_id, booking_id, OPERATOR, wish, **given)
    changes.ask_undo(firm_id, booking_id, CLIENT)
    with reading() as session:
        own = next(a for a in Tariff.get(session, phone["small"]).articles(session) if a.key is ArticleKey.OPTION)
    return {
        "booking_id": booking_id,
        "change_id": letter.id,
        "version": 1,
        "takeout_id": archive(firm_id),
        "module_id": beside.id,
        "other": other.id,
        "other_prices": prices_of(other.id),
        "large": phone["large"],
        "prices": prices_of(phone["large"]),
        "article": own.id,
        "option_id": option.id,
        "section": "order",
        "text_id": text_id,
        "digest": digest_of(text_id),
        "was": was,
    }


@remembered
def world() -> World:
    mails = [*RANKS, ROLF, "nora@freitag.example"]
    case_id = countersigned(caseworkers=[{"name": mail.partition("@")[0].title(), "email": mail} for mail in mails])
    firm_id, at, offered_logo = firm_of(case_id), now(), picture()
    signed_in = dict(zip(ROLES[1:5], [registered(mail) for mail in RANKS], strict=True))
    registered(ROLF)
    person = {name: contact(firm_id, name, "Beispiel", f"{name.lower()}@beispiel.example") for name in ("Max", "Lena")}
    for name in ("Plan", "Paula", "Emil"):
        person[name] = contact(firm_id, name, "Beispiel", f"{name.lower()}@beispiel.example")
    client_id = account(firm_id, "Beispiel GmbH", *(person[name] for name in ("Max", "Plan", "Paula", "Emil")))
    beside = account(firm_id, "Muster AG", person["Lena"])
    for who, where in (("Max", client_id), ("Lena", beside), ("Paula", client_id), ("Emil", client_id)):
        grants.invite_contact(firm_id, where, person[who], ERIKA)
    signed_in |= {"client": registered(MAX, Purpose.ACTIVATE), "neighbour": registered(LENA, Purpose.ACTIVATE)}
    registered("emil@beispiel.example", Purpose.ACTIVATE)
    membership.pause(person["Emil"], ERIKA)
    with reading() as session:
        rolf = session.scalars(select(Person.id).where(Person.email == ROLF)).one()
    membership.pause(rolf, ERIKA)
    give_logo(case_id)
    supply_logo(firm_id, ERIKA, drawn(640))
    sign_ups.ask(case(case_id).firm.company_id, wish())
    with reading() as session:
        link = session.scalars(select(SignUp)).one().token
    sign_ups.confirm(link)
    sign_ups.ask(case(case_id).firm.company_id, wish(email="otto@neu.example"))
    advance(case_id)
    with transaction() as session:
        people = {one.email: one for one in session.scalars(select(Person).where(Person.firm_id == firm_id))}
        for mail, rights in RANKS.items():
            Staff.give(session, people[mail], rights)
        ClientAccess.say(session, client_id, people[DORA].id, has_access=False)
        group, portfolio = Group(firm_id=firm_id), Portfolio(firm_id=firm_id)
        fields = [CustomField(firm_id=firm_id, kind=FieldKind.TEXT, belongs_to=FieldOf.ACCOUNT) for _ in range(2)]
        for row, name in zip((group, portfolio, *fields), ("Bau", "Nord", "Eins", "Zwei"), strict=True):
            row.call(session, name)
            session.add(row)
            session.flush()
        fields[1].archived_at = at
        session.add(PortfolioClient(portfolio_id=portfolio.id, client_id=client_id))
        logos = offer_logo(session, firm_id, offered_logo)
        rows = list(session.scalars(select(SignUp).order_by(SignUp.id)))
    advance(opened("test:2", firm_name="Steuerbüro Süd", organiser={"name": "Sara Süd", "email": SARA}))
    signed_in |= {"foreign": registered(SARA), "owner": sign_in(ERIKA, PASSWORD), "stranger": ""}
    with transaction() as session:
        members = select(Person).where(Person.role.in_([Role.ORGANISER, Role.CASEWORKER])).order_by(Person.id)
        told = {"kind": NoticeKind.SIGN_UP, "facts": {"name": "Nina Neu"}, "path": "/inbox"}
        entries = [Notice(person_id=one.id, created_at=at, **told) for one in session.scalars(members)]
        session.add_all(entries)
        session.add(bulk := invited_together(Person.organiser(session, firm_id)))
    tokens.token(firm_id)
    booked_as = booked(firm_id, case_id)
    with reading() as session:
        made = session.scalars(select(ApiToken.id)).one()
    known = {
        "made": made,
        "bulk_id": bulk.id,
        "request_id": requested(firm_id, person["Max"]),
        **booked_as,
        "firm_id": firm_id,
        "client_id": client_id,
        "person_id": person["Plan"],
        "invited": person["Paula"],
        "paused": person["Emil"],
        "client": person["Max"],
        "staff": people[CLEO].id,
        "apart": people[DORA].id,
        "rested": rolf,
        "new": people["nora@freitag.example"].id,
        "sign_up_id": rows[0].id,
        "portfolio": portfolio.id,
        "kind": "groups",
        "key": group.id,
        "away": fields[1].id,
        "entry_id": entries[0].id,
        "import_id": brought(signed_in["owner"], firm_id),
        "logo": logos[0].id,
        "number": 1,
        "company_id": case(case_id).firm.company_id,
        "token": rows[1].token,
        "ending": ".png",
    }
    return World(signed_in, {name: str(value) for name, value in known.items()})


@pytest.fixture
def firm(clock):
    """The world, a while later: whoever was written to just now can be written to again."""
    made = world()
    clock(hours=2)
    security._limiter.cache_clear()
    return made


@pytest.fixture
def as_before(firm):
    """Takes back whatever was done to the world."""
    bound = engine(settings().database)
    file = Path(bound.url.database)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    rows = file.read_bytes()

    def back() -> None:
        bound.dispose()
        for rest in ("-wal", "-shm"):
            file.with_name(file.name + rest).unlink(missing_ok=True)
        file.write_bytes(rows)

    return back


def ask(role: str, one: Case, firm: World, **other: str):
    """The request, by this role, with a token of the form; *other* are names of what is asked for instead."""
    ids = firm.ids | {"ending": ".png"} | other
    ids |= {name: ids[which] for name, which in one.sent.items() if name in OTHER and name not in other}
    path = re.sub(r":\w+}", "}", one.route).format(**ids)
    client = Browser(firm.sessions[role], follow=False)
    client.cookies.set("browser", "mine", domain="127.0.0.1")
    security._limiter.cache_clear()
    if one.method == "GET":
        return path, client.get(path)
    sent = {
        name.format(**ids): text.format(**ids)
        for name, text in one.sent.items()
        if isinstance(text, str) and name not in OTHER
    }
    files = {name: ("a.png", content) for name, content in one.sent.items() if isinstance(content, bytes)}
    return path, client.post(path, data=sent | {"form_token": sign("mine", "form")}, files=files or None)


def kept(answer) -> str:
    """What a page says, but for the numbers that were asked for and the token of its forms."""
    return re.sub(r"\d+", "", re.sub(r'name="form_token" value="[^"]*"', "", answer.text))


def outcome(path: str, answer) -> str:
    signs_in = answer.is_redirect and answer.headers["location"] == f"/auth/login?next={quote(path)}"
    return "S" if signs_in else {403: "F", 404: "N"}.get(answer.status_code, "+")


def test_every_route_stands_in_the_table():
    routes = {
        (method, route.path)
        for route in all_routes(app.routes)
        if route.path.startswith(SCOPE)
        for method in route.methods - {"HEAD"}  # It opens what GET opens, and shows nothing.
    }

    assert {(one.method, one.route) for one in CASES} == routes


@pytest.mark.parametrize("one", CASES, ids=str)
def test_each_role_is_let_in_or_refused_as_the_table_says(one, firm, as_before):
    before, hidden = everything(), {}

    refused = {role: ask(role, one, firm) for role, how in zip(ROLES, one.rule, strict=True) if how not in "+0"}

    assert everything() == before, "who was refused has changed something"
    for role, (_, answer) in refused.items():
        if one.rule[ROLES.index(role)] == "N":
            names = OF_CLIENTS if role in ROLES[:5] else {name for name, text in firm.ids.items() if text.isdecimal()}
            nothing = ask(role, one, firm, **dict.fromkeys(names, NOTHING))[1]
            hidden[role] = kept(answer) == kept(nothing)
    assert all(hidden.values()), f"the page tells that it is there: {hidden}"

    outcomes = {role: outcome(*answered) for role, answered in refused.items()}
    changed = {}
    for role, how in zip(ROLES, one.rule, strict=True):
        if how in "+0":
            outcomes[role] = outcome(*ask(role, one, firm))
            changed[role] = everything() != before
            as_before()
    assert "".join(outcomes[role] for role in ROLES) == "".join(one.rule).replace("0", "+")
    acts = one.method == "POST" and not one.settled
    assert changed == {role: acts and how == "+" for role, how in zip(ROLES, one.rule, strict=True) if how in "+0"}
