"""A case that was stopped does nothing and has nothing done to it, until an operator takes it up again."""

import ast
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from models.audit import trail
from models.clients.client import ClientContact
from models.clients.naming import NameFormat
from models.clients.sign_up import SignUp
from models.clients.standing import Switch
from models.company_id import CompanyIdPool
from models.contracts.catalogue import Authority
from models.db import reading, transaction
from models.decision import Decision, DecisionKind
from models.errors import ProvisionError
from models.firm import LineOfBusiness
from models.link import Link, Purpose, later_token
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding, StepState
from models.people.manners import AddressForm, Language
from models.people.person import Person, Role
from models.people.staff import NONE, Rank, Rights
from models.queries.casefile import case_detail
from models.reminders.reminder import Reminder
from models.request import Named
from models.settings import settings
from models.time.clock import now
from models.time.land import Land
from tasks.agreement import lifecycle, responses, signing
from tasks.agreement.responses import decline_by_notice, sign_by_notice
from tasks.clients import accounts, bulk_invitations, contacts, credentials, grants, reinvitation, selection, sign_ups
from tasks.clients import settings as settings_of_firm
from tasks.clients.audience import Audience
from tasks.clients.imports import course, errors, undo, work
from tasks.clients.pending import Sought
from tasks.clients.settings import Kind, Manner, Written
from tasks.clients.sign_ups import Wish
from tasks.contracts import orders
from tasks.contracts.orders import Who
from tasks.intake import decision_effects
from tasks.logos import publish
from tasks.mail.address_holds import note_bounce
from tasks.onboarding import address_checks, corrections, firm_page, invitations, registration, stopping, succession
from tasks.onboarding.succession import Wish as HandOver
from tasks.people import addresses, membership, rights
from tasks.people.operators import escalate_overdue
from tasks.people.sessions import Manners, Membership
from tasks.reminders import snooze
from tasks.reminders.rounds import send_reminders
from tests import factories
from tests.api import token
from tests.factories import FROM, PASSWORD, case, firm_of, person_of, picture, standing
from tests.signing import scanned

PAGES = Path(__file__).parents[2] / "deployments" / "web" / "pages"
OPERATOR, ERIKA = "operator@convent-it.example", "erika@freitag.example"
MANNERS = {"given_name": "A", "family_name": "B", "language": "de", "address_form": "sie"}
SOMEBODY = Named(name="Nina Neu", email="nina@freitag.example")
WISH = Wish("Nina", "Neu", "", SOMEBODY.email, "Weg 1", "80331", "München", "DE", Language.GERMAN, AddressForm.SIE)


def known(case_id):
    """What people hold in their hands of a case: ids and links."""
    with reading() as session:
        links = {(one.person_id, one.purpose): one for one in session.scalars(select(Link))}
        roles = {role: Person.one(session, firm_of(case_id), role) for role in Role}
        asked = session.scalars(select(Decision.id).where(Decision.onboarding_id == case_id)).first()
        detail = case_detail(session, case_id)
    return SimpleNamespace(
        case=case_id,
        firm=firm_of(case_id),
        company_id=detail.case.company_id,
        asked=asked,
        ids={role: one and one.id for role, one in roles.items()},
        later=later_token(roles[Role.ORGANISER].id, ERIKA),
        links={purpose: one.id for (_, purpose), one in links.items()},
        tokens={purpose: one.token for (_, purpose), one in links.items()},
    )


def succeeding():
    """Somebody was asked to become the owner."""
    at = late()
    succession.ask(at.firm, ERIKA, HandOver(None, SOMEBODY.name, SOMEBODY.email))
    return known(at.case)


def waiting():
    """Somebody has registered on the firm's page, and somebody else has still to confirm it."""
    at = late()
    for email in (SOMEBODY.email, "ole@freitag.example"):
        sign_ups.ask(at.company_id, WISH._replace(email=email))
    with reading() as session:
        at.sign_up, at.unconfirmed = session.scalars(select(SignUp).order_by(SignUp.id))
        at.member = SimpleNamespace(person_id=at.ids[Role.ORGANISER], rights=NONE, name="Erika Muster")
    sign_ups.confirm(at.sign_up.token)
    return at


def early():
    """The organiser is invited; a number is asked for, a question is open."""
    case_id = factories.opened(
        preferred_number="861272", contact={"name": "Klara Kontakt", "email": "k@freitag.example"}
    )
    factories.advance(case_id)
    return known(case_id)


def advised():
    """Somebody else was asked to sign the agreement."""
    return known(factories.handed_over())


def signing_now():
    case_id = factories.with_organiser()
    signing.send_code(factories.read_all(), **FROM)
    return known(case_id)


def late():
    """Both have signed; a client and a caseworker are invited."""
    return known(factories.with_client(caseworkers=[{"name": "Kim Freitag", "email": "kim@freitag.example"}]))


def tagged():
    """The firm has a tag besides."""
    at = late()
    settings_of_firm.add(at.firm, ERIKA, Kind.TAGS, Written("Dringend"))
    return at


GMBH = {"kind": "company", "company_name": "Neue AG", "family_name": "Neu"}
GERMAN = Language.GERMAN


def planned():
    """A file was brought, and one of its records is held."""
    at = late()
    list_of = b"Mandant;Nachname;E-Mail\nAlpha GmbH;Arndt;anna@alpha.example\nBeta GmbH;Berg;keine Adresse\n"
    at.imported = course.start(at.firm, ERIKA, "Mandanten.csv", list_of, member=owner(at))
    work.go_on(at.imported)
    return at


def imported():
    at = planned()
    course.begin(at.firm, at.imported)
    work.go_on(at.imported)
    return at


def owner(at):
    rights = Rights(Rank.OWNER, manages_accounts=True, has_default_access=True)
    return Membership(at.ids[Role.ORGANISER], at.firm, "", None, Role.ORGANISER, "", at.case, rights)


def of_max(at):
    """The firm, the account and the person of the client who is invited."""
    with reading() as session:
        mine = select(ClientContact.client_id).where(ClientContact.person_id == at.ids[Role.CLIENT])
        return at.firm, session.scalars(mine).one(), at.ids[Role.CLIENT]


def questioned():
    """The client is asked whether the address is right."""
    at = late()
    credentials.ask_to_confirm(*of_max(at), ERIKA)
    return known(at.case)


def joining(at, purpose):
    return registration.register(at.tokens[purpose], purpose, PASSWORD, **MANNERS)


def manners(at):
    with reading() as session:
        kim = session.get_one(Person, at.ids[Role.CASEWORKER])
        return Manners(kim.hours, kim.time_zone, Land.BAVARIA, "", kim.language, kim.address_form)


def firm_as(at, by):
    return corrections.correct_firm(
        at.firm, by, name="X", line_of_business=LineOfBusiness.TAX, business="", as_operator=True
    )


ACTS = {
    "orders.order": (late, lambda at: orders.order(at.firm, Who(ERIKA, Authority.CLIENT), 1, 1, 1, {})),
    "a pass": (early, lambda at: factories.advance(at.case)),
    "a pass while the agreement is open": (signing_now, lambda at: factories.advance(at.case)),
    "a pass after the agreement": (late, lambda at: factories.advance(at.case)),
    "reminders": (late, lambda _: send_reminders.fn()),
    "managers": (early, lambda _: escalate_overdue.fn()),
    "expiry": (signing_now, lambda _: lifecycle.expire_agreements.fn()),
    "registration.register": (early, lambda at: joining(at, Purpose.REGISTER)),
    "registration.register as client": (late, lambda at: joining(at, Purpose.ACTIVATE)),
    "registration.renew_link": (early, lambda at: registration.renew_link(at.links[Purpose.REGISTER])),
    "registration.ask_for_link": (
        late,
        lambda at: registration.ask_for_link(str(at.company_id), "kim@freitag.example"),
    ),
    "lifecycle.ask_anew": (signing_now, lambda at: lifecycle.ask_anew(at.tokens[Purpose.AGREEMENT], **FROM)),
    "lifecycle.withdraw": (signing_now, lambda at: lifecycle.withdraw(at.case, "Grund", OPERATOR)),
    "responses.decline": (signing_now, lambda at: responses.decline(at.tokens[Purpose.AGREEMENT], "Nein", **FROM)),
    "responses.upload": (
        signing_now,
        lambda at: responses.upload(at.tokens[Purpose.AGREEMENT], scanned(), "a.pdf", **FROM),
    ),
    "sign_by_notice": (signing_now, lambda at: sign_by_notice(at.company_id, 1, "Erika Muster")),
    "decline_by_notice": (signing_now, lambda at: decline_by_notice(at.company_id, 1, "Nein")),
    "decision_effects.answer_decision": (
        early,
        lambda at: decision_effects.answer_decision(at.asked, "grant", OPERATOR),
    ),
    "addresses.correct_address": (
        early,
        lambda at: addresses.correct_address(at.case, at.ids[Role.ORGANISER], "x@y.example", OPERATOR),
    ),
    "stopping.restart_pass": (early, lambda at: stopping.restart_pass(at.case, OPERATOR)),
    "stopping.stop_case": (early, lambda at: stopping.stop_case(at.case, "noch einmal", OPERATOR)),
    "corrections.correct_contact": (
        early,
        lambda at: corrections.correct_contact(at.firm, OPERATOR, SOMEBODY, as_operator=True),
    ),
    "corrections.correct_firm": (early, lambda at: firm_as(at, OPERATOR)),
    "corrections.correct_organiser": (early, lambda at: corrections.correct_organiser(at.firm, OPERATOR, SOMEBODY)),
    "firm_page.choose_number": (early, lambda at: firm_page.choose_number(at.firm, ERIKA, None)),
    "firm_page.complete_details": (
        early,
        lambda at: firm_page.complete_details(
            at.firm, ERIKA, street="Weg 1", postcode="80331", city="X", land=None, website=""
        ),
    ),
    "invitations.add_caseworkers": (late, lambda at: invitations.add_caseworkers(at.firm, ERIKA, [SOMEBODY])),
    "invitations.add_clients": (late, lambda at: invitations.add_clients(at.firm, ERIKA, [SOMEBODY])),
    "invitations.no_caseworkers": (late, lambda at: invitations.no_caseworkers(at.firm, ERIKA)),
    "invitations.resend": (late, lambda at: invitations.resend(at.ids[Role.CLIENT], ERIKA)),
    "sign_ups.ask": (late, lambda at: sign_ups.ask(at.company_id, WISH)),
    "sign_ups.confirm": (waiting, lambda at: sign_ups.confirm(at.unconfirmed.token)),
    "sign_ups.accept": (waiting, lambda at: sign_ups.accept(at.firm, at.sign_up.id, at.member, ERIKA)),
    "sign_ups.link": (waiting, lambda at: sign_ups.link(at.firm, at.sign_up.id, 1, at.member, ERIKA)),
    "sign_ups.decline": (waiting, lambda at: sign_ups.decline(at.firm, at.sign_up.id, ERIKA)),
    "snooze.defer": (early, lambda at: snooze.defer(at.later, now().date() + timedelta(days=3))),
    "snooze.not_me": (early, lambda at: snooze.not_me(at.later)),
    "publish.permit_logo": (
        early,
        lambda at: publish.permit_logo(at.firm, ERIKA, "Erika", "www.freitag.example"),
    ),
    "publish.choose_offered": (early, lambda at: publish.choose_offered(at.firm, ERIKA, "keep")),
    "publish.restore_logo": (early, lambda at: publish.restore_logo(at.firm, ERIKA, 1)),
    "publish.supply_logo": (early, lambda at: publish.supply_logo(at.firm, ERIKA, picture())),
    "accounts.open_account": (late, lambda at: accounts.open_account(owner(at), ERIKA, GMBH, [GMBH], GERMAN)),
    "reinvitation.invite_again": (
        late,
        lambda at: reinvitation.invite_again(owner(at), ERIKA, [at.ids[Role.CLIENT]]),
    ),
    "bulk_invitations.ask_to_invite": (
        late,
        lambda at: bulk_invitations.ask_to_invite(owner(at), ERIKA, Audience()),
    ),
    "bulk_invitations.ask_to_invite_again": (
        late,
        lambda at: bulk_invitations.ask_to_invite_again(owner(at), ERIKA, Sought()),
    ),
    "accounts.edit": (late, lambda at: accounts.edit(owner(at), ERIKA, 1, {}, {"number": "7"}, GERMAN)),
    "selection.archive": (late, lambda at: selection.archive(owner(at), ERIKA, [1])),
    "selection.tag": (late, lambda at: selection.tag(owner(at), ERIKA, [1], "Eilig")),
    "selection.put_in_portfolio": (late, lambda at: selection.put_in_portfolio(owner(at), ERIKA, [1], 1)),
    "selection.assign": (late, lambda at: selection.assign(owner(at), ERIKA, [1], at.ids[Role.CASEWORKER])),
    "selection.leave_portfolio": (late, lambda at: selection.leave_portfolio(owner(at), ERIKA, 1, 1)),
    "accounts.add_contact": (late, lambda at: accounts.add_contact(owner(at), ERIKA, 1, GMBH, GERMAN)),
    "accounts.remove_contact": (late, lambda at: accounts.remove_contact(owner(at), ERIKA, 1, at.ids[Role.CLIENT])),
    "contacts.edit": (
        late,
        lambda at: contacts.edit(owner(at), ERIKA, at.ids[Role.CLIENT], {}, {"family_name": "Neu"}, GERMAN),
    ),
    "api_tokens.make": (late, lambda at: token(at.firm)),
    "settings.add": (late, lambda at: settings_of_firm.add(at.firm, ERIKA, Kind.TAGS, Written("Eilig"))),
    "settings.change": (tagged, lambda at: settings_of_firm.change(at.firm, ERIKA, Kind.TAGS, 1, Written("Eilig"))),
    "settings.delete": (tagged, lambda at: settings_of_firm.delete(at.firm, ERIKA, Kind.TAGS, 1)),
    "settings.put_away": (late, lambda at: settings_of_firm.put_away(at.firm, ERIKA, 1, away=True)),
    "settings.open_to_others": (late, lambda at: settings_of_firm.open_to_others(at.firm, ERIKA, [])),
    "settings.set_manner": (
        late,
        lambda at: settings_of_firm.set_manner(
            at.firm, ERIKA, Manner(NameFormat.GIVEN_FIRST, is_listed=False, takes_sign_ups=False)
        ),
    ),
    "rights.give_rights": (
        late,
        lambda at: rights.give_rights(at.firm, at.ids[Role.ORGANISER], ERIKA, at.ids[Role.CASEWORKER], NONE),
    ),
    "membership.set_manners": (late, lambda at: membership.set_manners(at.ids[Role.CASEWORKER], ERIKA, manners(at))),
    "succession.ask": (late, lambda at: succession.ask(at.firm, ERIKA, HandOver(None, SOMEBODY.name, SOMEBODY.email))),
    "succession.take_back": (succeeding, lambda at: succession.take_back(at.firm, ERIKA)),
    "succession.accept": (
        succeeding,
        lambda at: succession.accept(at.tokens[Purpose.SUCCESSION], PASSWORD, family_name="Neu"),
    ),
    "succession.decline": (succeeding, lambda at: succession.decline(at.tokens[Purpose.SUCCESSION])),
    "membership.withdraw": (late, lambda at: membership.withdraw(at.ids[Role.CLIENT], ERIKA)),
    **{
        f"{act.__module__.rpartition('.')[2]}.{act.__name__}": (
            late,
            lambda at, act=act, more=more: act(*of_max(at), *more),
        )
        for act, more in (
            (grants.invite_contact, [ERIKA]),
            (grants.prepare_access, [ERIKA]),
            (grants.resend, [ERIKA]),
            (credentials.set_password, [ERIKA]),
            (credentials.ask_to_confirm, [ERIKA]),
        )
    },
    "grants.preview": (late, lambda at: grants.preview(*of_max(at), at.ids[Role.ORGANISER], "")),
    "grants.switch": (late, lambda at: grants.switch(*of_max(at), Switch.NOTIFY, on=False, by=ERIKA)),
    "course.start": (late, lambda at: course.start(at.firm, ERIKA, "a.csv", b"Name\nAlpha GmbH\n")),
    "course.read_otherwise": (planned, lambda at: course.read_otherwise(at.firm, at.imported, encoding="cp1252")),
    "course.map_columns": (planned, lambda at: course.map_columns(at.firm, at.imported, {})),
    "course.answer": (planned, lambda at: course.answer(at.firm, at.imported, "bad_email", "skip")),
    "course.begin": (planned, lambda at: course.begin(at.firm, at.imported)),
    "course.cancel": (planned, lambda at: course.cancel(at.firm, at.imported)),
    "errors.error_rows": (imported, lambda at: [*errors.error_rows(at.firm, at.imported)]),
    "undo.undo": (imported, lambda at: undo.undo(at.firm, at.imported, ERIKA)),
    "address_checks.confirm": (questioned, lambda at: address_checks.confirm(at.tokens[Purpose.CONFIRM])),
    "signing.begin": (signing_now, lambda at: signing.begin(at.tokens[Purpose.AGREEMENT], **FROM)),
    "signing.read": (signing_now, lambda at: signing.read(at.tokens[Purpose.AGREEMENT], "terms", **FROM)),
    "signing.send_code": (signing_now, lambda at: signing.send_code(at.tokens[Purpose.AGREEMENT], **FROM)),
    "signing.sign": (
        signing_now,
        lambda at: signing.sign(at.tokens[Purpose.AGREEMENT], "Erika Muster", "123456", **FROM),
    ),
    "signing.delegate": (
        signing_now,
        lambda at: signing.delegate(at.tokens[Purpose.AGREEMENT], "K Z", "kz@freitag.example", "Partner", **FROM),
    ),
    "signing.take_back": (advised, lambda at: signing.take_back(at.tokens[Purpose.AGREEMENT], **FROM)),
}
"""Everything that somebody, or the product by itself, does in a case."""
ELSEWHERE = {
    "api_tokens.make_for_provider": "of the provider, in any case",
    "api_tokens.revoke_for_provider": "of the provider, in any case",
    "orders.Who": "only words",
    "succession.Wish": "only words",
    "uploaded_copy.as_pdf": "only puts files together",
    "succession.check": "only looks",
    "succession.opened": "only looks",
    "succession.view": "only looks",
    "sessions.require_password": "only looks",
    "holds.set_hold": "keeps what is there, whatever becomes of the case",
    "holds.lift_hold": "keeps nothing longer, whatever becomes of the case",
    "own_data.ask": "a right of whoever is stored, whatever becomes of the case",
    "requests.ask": "a right of whoever is stored, whatever becomes of the case",
    "requests.withdraw": "a right of whoever is stored, whatever becomes of the case",
    "legal.publish": "of the provider, in any case",
    "legal.answer": "of the contract, which goes on",
    "legal.enter": "of the contract, which goes on",
    "legal.letter": "only looks",
    "legal.Paper": "what was typed",
    "legal.current_versions": "only looks",
    "legal.version": "only looks",
    "closing.close": "ends what is left, in any case",
    "closing.take_back": "of the contract, which goes on",
    "closing.view": "only looks",
    "changes.declare_change": "what was agreed goes on, and can be ended, whatever becomes of the case",
    "takeout.ask": "a firm takes its data along, whatever becomes of the case",
    "takeout.fetch": "a firm takes its data along, whatever becomes of the case",
    "changes.ask_undo": "of a contract, which goes on",
    "changes.agree_undo": "of a contract, which goes on",
    "changes.refuse_to_undo": "of a contract, which goes on",
    "details.change": "of a contract, which goes on",
    "details.form": "only looks",
    "orders.change_data": "of a contract, which goes on",
    "orders.add_option": "of a contract, which goes on",
    "orders.end_option": "of a contract, which goes on",
    "page.view": "only looks",
    "api_tokens.revoke": "ends what opens something, in any case",
    "stopping.take_up": "the way back",
    "opening.start_case": "begins a case",
    "invitations.allow_invitations": "a limit for the day; naming people is what a stopped case refuses",
    "cadences.pause": "only reminders, of which a stopped case has none",
    "cadences.resume": "only reminders, of which a stopped case has none",
    "registration.choose_password": "of an account; nobody is registered by it in a stopped case",
    "course.understood_of": "only looks",
    "telling.why": "only words",
    "address_checks.opened": "only looks",
    "grants.place_of": "only looks",
    "grants.left_of_one": "only looks",
    "inbox.opened": "marks what was told as read",
    "inbox.read_all": "marks what was told as read",
    "viewing.opened": "only looks",
    "settings.one_of": "only looks",
    "accounts.check": "only looks",
    "accounts.opened_with": "only looks",
    "accounts.view": "only looks",
    "contacts.view": "only looks",
    "settings.Manner": "only words",
    "rights.member_of": "only looks",
    "viewing.signer_of": "only looks",
    "snooze.asked": "only looks",
    "snooze.decline": "who wants no mails is heard, whatever becomes of the case",
    "sign_ups.opened": "only looks",
    "passes.kick": "only asks for what is due",
    "i18n.explain": "only words",
    "events.dismiss": "of an event, not of a case",
    "events.handle_again": "of an event, not of a case",
}


@pytest.mark.parametrize("name", ACTS)
def test_nothing_is_done_in_a_case_that_was_stopped(clock, name):
    prepare, act = ACTS[name]
    at = prepare()
    stopping.stop_case(at.case, "Die Kanzlei wird verkauft.", OPERATOR)
    clock(days=settings().agreement_days + 10 if name in {"reminders", "managers", "expiry"} else 1)
    before = factories.everything()

    try:
        act(at)
    except ProvisionError as refusal:
        assert str(refusal)  # noqa: PT017

    assert factories.everything() == before


def test_every_act_of_the_pages_is_tried_on_a_stopped_case():
    """What a form does, as its page calls it, without its room; sessions, operators and the catalogue are no case's."""
    done = set()
    for file in PAGES.glob("*.py"):
        page = ast.parse(file.read_text())
        names = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in ast.walk(page)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tasks")
            for alias in node.names
        }
        for route in page.body:
            if isinstance(route, ast.FunctionDef) and any(".post" in ast.unparse(one) for one in route.decorator_list):
                for call in (ast.unparse(node.func) for node in ast.walk(route) if isinstance(node, ast.Call)):
                    first, _, rest = call.partition(".")
                    if first in names:
                        done.add(".".join(".".join(filter(None, (names[first], rest))).split(".")[-2:]))
    done = {
        one for one in done if not one.startswith(("sessions.", "operators.", "catalogue_editing.", "catalogue_view."))
    }

    assert done - ACTS.keys() - ELSEWHERE.keys() == set()
    assert len(done) > 20


def test_mail_that_comes_back_from_a_stopped_case_asks_nobody():
    at = early()
    stopping.stop_case(at.case, "x", OPERATOR)

    note_bounce({"address": ERIKA, "kind": "hard", "diagnostic": "550"})

    with reading() as session:
        assert Decision.pending(session) == []


def test_an_account_elsewhere_moves_no_stopped_case():
    at = early()
    stopping.stop_case(at.case, "x", OPERATOR)

    assert registration.registered_elsewhere(ERIKA, "idp-1", "Erika", "Muster") == []
    assert person_of(at.case, Role.ORGANISER).registered_at is None


def test_a_stopped_case_gives_its_reserved_number_back():
    at = early()
    stopping.stop_case(at.case, "x", OPERATOR)

    with transaction() as session:
        assert Onboarding.get(session, at.case).firm.preferred_number is None
        assert CompanyIdPool.locked(session).take(session, 861272)


def test_the_steps_of_a_stopped_case_wait_for_nobody():
    at = early()
    stopping.stop_case(at.case, "x", OPERATOR)

    with reading() as session:
        detail = case_detail(session, at.case)
    assert {(one.state, one.waiting_for) for one in detail.steps} == {(StepState.DONE, None), (StepState.STOPPED, None)}


# ---- taken up again


def waits(case_id):
    with reading() as session:
        rows = session.scalars(select(Reminder).where(Reminder.onboarding_id == case_id, Reminder.ended_at.is_(None)))
        return {(one.step, one.person_id, one.decision_id) for one in rows}


def mails_since(count):
    with reading() as session:
        rows = session.scalars(select(Outgoing).order_by(Outgoing.id)).all()
    return [(mail.kind, mail.to_address) for mail in rows[count:]]


def taken_up(at):
    """Stopped for a month, and taken up again; returns what mail that made."""
    stopping.stop_case(at.case, "x", OPERATOR)
    sent = len(factories.outbox())
    stopping.take_up(at.case, OPERATOR)
    factories.advance(at.case)
    return mails_since(sent)


@pytest.mark.parametrize("prepare", [early, advised, signing_now, late])
def test_a_case_that_is_taken_up_again_waits_as_before(clock, prepare):
    at = prepare()
    before, steps = waits(at.case), standing(at.case)

    clock(days=1)
    taken_up(at)

    assert waits(at.case) == before
    assert standing(at.case) == steps
    with reading() as session:
        assert [one.action for one in trail(session, at.case) if one.action == "case.taken_up"] == ["case.taken_up"]


def test_whoever_was_waited_for_gets_a_fresh_link_and_the_organiser_hears_that_it_goes_on(clock):
    at = late()
    clock(days=20)

    sent = taken_up(at)

    assert set(sent) == {
        (MailKind.REGISTER, "kim@freitag.example"),
        (MailKind.INVITATION, "max@beispiel.example"),
        (MailKind.CASE_TAKEN_UP, ERIKA),
    }
    joining(known(at.case), Purpose.ACTIVATE)


def test_an_organiser_without_an_account_is_invited_again_and_told_nothing_else():
    at = early()

    assert [kind for kind, to in taken_up(at) if to == ERIKA] == [MailKind.REGISTER]


def test_whoever_was_asked_to_sign_is_asked_again():
    at = advised()

    assert (MailKind.AGREEMENT, "konrad@freitag.example") in taken_up(at)


def test_reminders_of_a_case_taken_up_again_begin_from_the_first(clock):
    at = late()
    clock(days=5)
    send_reminders.fn()
    taken_up(at)

    with reading() as session:
        rows = session.scalars(select(Reminder).where(Reminder.ended_at.is_(None))).all()
    assert {one.sent for one in rows} == {0}
    assert all(one.due_at > now() for one in rows if one.due_at)


def test_open_questions_are_asked_once_more_and_the_number_is_held_again():
    at = early()
    taken_up(at)

    assert case(at.case).firm.preferred_number == 861272
    factories.decide(at.case, "grant")
    assert case(at.case).firm.company_id == 861272


def test_a_number_that_somebody_has_by_now_is_answered_with_others():
    at = early()
    stopping.stop_case(at.case, "x", OPERATOR)
    with transaction() as session:
        CompanyIdPool.locked(session).take(session, 861272)

    stopping.take_up(at.case, OPERATOR)
    factories.advance(at.case)

    firm = case(at.case).firm
    assert firm.preferred_number is None
    assert 861272 not in firm.offered_numbers
    assert mails_since(0)[-1][0] is MailKind.COMPANY_ID or MailKind.COMPANY_ID in [kind for kind, _ in mails_since(0)]
    with reading() as session:
        assert Decision.pending(session, at.case) == []


def test_what_ended_the_case_is_asked_again():
    case_id = factories.with_organiser()
    responses.decline(factories.token(ERIKA, Purpose.AGREEMENT), "Zu teuer.", **FROM)
    factories.advance(case_id)
    factories.decide(case_id, "stop")

    stopping.take_up(case_id, OPERATOR)
    factories.advance(case_id)

    with reading() as session:
        (question,) = Decision.pending(session, case_id)
    assert question.kind is DecisionKind.DECLINED
    factories.decide(case_id, "resend")
    factories.advance(case_id)
    assert factories.agreement(case_id).version == 2


def test_a_case_that_goes_on_cannot_be_taken_up():
    at = early()

    with pytest.raises(stopping.NotStopped):
        stopping.take_up(at.case, OPERATOR)


def test_a_step_does_not_count_as_overdue_for_the_time_in_which_the_case_was_stopped(clock):
    at = early()
    stopping.stop_case(at.case, "x", OPERATOR)
    clock(days=100)
    stopping.take_up(at.case, OPERATOR)

    with reading() as session:
        assert [one.step for one in case_detail(session, at.case).case.waits if one.overdue] == []
