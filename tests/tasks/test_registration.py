from datetime import timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import select

from models.audit import trail
from models.db import reading, transaction
from models.decision import Decision
from models.link import Link, LinkExpired, LinkReplaced, LinkUsed, Purpose
from models.mail.outbox import Outgoing
from models.onboarding import AgreementFirst, StepName
from models.people.login import Login, SignInRefused
from models.people.manners import AddressForm, Language
from models.people.passwords import PasswordNamesYou, PasswordTooShort
from models.people.person import NameMissing, Person, Role
from models.reminders.reminder import Reminder
from models.request import Named
from models.time.clock import now
from tasks.mail.address_holds import note_bounce
from tasks.onboarding import firm_page, invitations, registration
from tasks.people import membership, sessions
from tests.factories import (
    PASSWORD,
    acts,
    advance,
    at_once,
    case,
    concluded,
    countersigned,
    everything,
    firm_of,
    opened,
    outbox,
    registered,
    standing,
    token,
    with_client,
    with_organiser,
)

ERIKA, KARL, MAX = "erika@freitag.example", "karl@freitag.example", "max@beispiel.example"
KONTAKT = {"name": "Karl Kontakt", "email": KARL}
MANNERS = {
    "given_name": "Erika", "family_name": "Müster", "language": Language.FRENCH, "address_form": AddressForm.DU,
}  # fmt: skip


def register(password=PASSWORD, link=None, **facts):
    return registration.register(link or token(ERIKA, Purpose.REGISTER), Purpose.REGISTER, password, **MANNERS | facts)


def person(email, role):
    with reading() as session:
        return session.scalars(select(Person).where(Person.email == email, Person.role == role)).one()


def counted(table):
    with reading() as session:
        return len(session.scalars(select(table)).all())


def test_the_organiser_is_asked_and_the_contact_welcomed_once_however_often_we_try():
    case_id = opened(contact=KONTAKT)
    advance(case_id)
    before = everything()

    for _ in range(3):
        assert registration.ask_organiser.fn(case_id).waiting_for == "organiser"

    assert everything() == before
    assert [key.split(":")[0] for key in outbox()] == ["register", "welcome"]


def test_two_passes_at_the_same_moment_ask_once():
    case_id = opened(contact=KONTAKT)

    at_once(*[lambda: registration.ask_organiser.fn(case_id)] * 4)

    assert [key.split(":")[0] for key in outbox()] == ["register", "welcome"]


def test_looking_behind_a_link_changes_nothing():
    advance(opened())
    before = everything()

    shown = registration.opened(token(ERIKA, Purpose.REGISTER), Purpose.REGISTER)

    assert everything() == before
    assert (shown.person.email, shown.has_account) == (ERIKA, False)


def test_registering_confirms_the_address_signs_in_and_uses_up_the_link():
    case_id = opened()
    advance(case_id)

    session_token, moved = register()

    assert moved == case_id
    visitor = sessions.signed_in(session_token)
    assert (visitor.email, visitor.language, visitor.memberships[0].name) == (ERIKA, Language.FRENCH, "Erika Müster")
    assert visitor.may(case(case_id).firm_id, Role.ORGANISER)
    assert not visitor.is_operator
    with pytest.raises(LinkUsed):
        register()
    assert case(case_id).pass_due_at is not None


def test_of_two_clicks_at_the_same_moment_one_registers():
    case_id = opened()
    advance(case_id)
    link = token(ERIKA, Purpose.REGISTER)

    said = at_once(*[lambda: register(link=link)] * 2)

    assert sorted(type(one).__name__ for one in said) == ["LinkUsed", "tuple"]
    with reading() as session:
        assert [entry.action for entry in trail(session, case_id)].count("person.registered") == 1


@pytest.mark.parametrize(
    ("changes", "refusal"), [({"password": "kurz"}, PasswordTooShort), ({"family_name": " "}, NameMissing)]
)
def test_what_is_wrong_with_the_form_leaves_everything_as_it_was(changes, refusal):
    advance(opened())
    before = everything()

    with pytest.raises(refusal):
        register(**changes)

    assert everything() == before


def test_the_organiser_may_name_somebody_else_for_correspondence():
    case_id = opened()
    advance(case_id)

    register(contact=Named(**KONTAKT))

    assert person(KARL, Role.CONTACT).name == "Karl Kontakt"
    assert len(outbox("welcome")) == 1
    advance(case_id)
    assert len(outbox("welcome")) == 1


def test_without_a_name_the_organiser_is_the_contact():
    advance(opened(contact=KONTAKT))

    register(contact=None)

    assert person(ERIKA, Role.CONTACT)


def test_mail_reaches_who_replaces_a_contact_person_whose_address_did_not_work():
    case_id = opened(contact=KONTAKT)
    advance(case_id)
    note_bounce({"address": KARL, "kind": "hard"})
    old = token(KARL, Purpose.PROGRESS)

    register(contact=Named(name="Paula Berg", email="paula@freitag.example"))

    assert person("paula@freitag.example", Role.CONTACT).bounced_at is None
    with pytest.raises(LinkReplaced):
        firm_page.by_progress_link(old)
    assert firm_page.by_progress_link(token("paula@freitag.example", Purpose.PROGRESS)).case_id == case_id
    with reading() as session:
        assert Decision.pending(session, case_id) == []
        (question,) = session.scalars(select(Decision)).all()
        (entry,) = [one for one in trail(session, case_id) if one.action == "contact.named"]
        due = session.scalars(select(Outgoing.to_address).where(Outgoing.due_at.is_not(None))).all()
    assert (question.verdict, KARL in due) == ("moot", False)
    assert (entry.facts["before"]["email"], entry.facts["after"]["email"]) == (KARL, "paula@freitag.example")


def test_the_way_to_the_progress_page_ends_for_a_contact_person_whom_the_organiser_replaces():
    advance(opened(contact=KONTAKT))
    old = token(KARL, Purpose.PROGRESS)

    register(contact=None)

    with pytest.raises(LinkReplaced):
        firm_page.by_progress_link(old)


def test_a_caseworkers_link_opens_no_account_before_the_agreement_is_countersigned():
    case_id = with_organiser(caseworkers=[KONTAKT])
    with transaction() as session:
        link = Link.to(session, Purpose.REGISTER, now(), person=person(KARL, Role.CASEWORKER).id)

    with pytest.raises(AgreementFirst):
        register(link=link.token)
    assert not case(case_id).is_done(StepName.AGREEMENT)


def test_one_human_being_in_two_roles_has_one_account():
    case_id, kim = (
        countersigned(caseworkers=[{"name": "Kim Klein", "email": KARL}]),
        Named(name="Kim Klein", email=KARL),
    )
    register(link=token_of(person(KARL, Role.CASEWORKER)))
    invitations.add_clients(firm_of(case_id), ERIKA, [kim])
    advance(case_id)
    link = token(KARL, Purpose.ACTIVATE)

    with pytest.raises(SignInRefused):
        registration.register(link, Purpose.ACTIVATE, "eine ganz andere Losung 7", **MANNERS)
    visitor = sessions.signed_in(registration.register(link, Purpose.ACTIVATE, PASSWORD, **MANNERS)[0])

    assert {member.role for member in visitor.memberships} == {Role.CLIENT, Role.CASEWORKER}
    assert counted(Login) == 2
    advance(case_id)
    assert standing(case_id)["clients"] == "done"


def token_of(one):
    with reading() as session:
        found = select(Link).where(Link.person_id == one.id, Link.purpose == Purpose.REGISTER)
        return session.scalars(found).one().token


def test_an_expired_link_gives_a_new_one_to_the_known_address_once(clock):
    advance(opened())
    old = token(ERIKA, Purpose.REGISTER)
    clock(days=15)
    with pytest.raises(LinkExpired) as refusal:
        registration.opened(old, Purpose.REGISTER)

    registration.renew_link(refusal.value.link_id)

    registration.renew_link(refusal.value.link_id)
    with pytest.raises(LinkReplaced):
        registration.opened(old, Purpose.REGISTER)
    assert len(outbox("register")) == 2


def test_somebody_who_asks_for_links_again_and_again_gets_three_a_day(clock):
    advance(opened())
    with reading() as session:
        number = session.scalars(select(Link.id).where(Link.purpose == Purpose.REGISTER)).one()

    for _ in range(2):
        clock(minutes=11)
        registration.renew_link(number)
    clock(minutes=11)

    with pytest.raises(registration.LinksSentToday):
        registration.renew_link(number)
    clock(days=1)
    registration.renew_link(number)
    assert len(outbox("register")) == 4


@pytest.mark.parametrize(
    ("company_id", "email", "mails"),
    [
        ("{}", f" {ERIKA.upper()} ", 2),
        ("{}", "nobody@x.example", 1),
        ("999999", ERIKA, 1),
        ("x", ERIKA, 1),
        ("", "", 1),
    ],
)
def test_who_asks_for_a_link_gets_one_only_if_invited_and_is_told_nothing(company_id, email, mails):
    case_id = opened()
    advance(case_id)

    assert registration.ask_for_link(company_id.format(case(case_id).firm.company_id), email) is None

    assert len(outbox("register")) == mails


def test_a_client_sets_a_password_and_the_staff_is_told_once():
    case_id = with_client()

    registered(MAX, Purpose.ACTIVATE)
    advance(case_id)

    with reading() as session:
        (mail,) = [m for m in session.scalars(select(Outgoing)) if m.kind == "client_active"]
    assert (mail.to_address, [one["name"] for one in mail.facts["clients"]]) == (ERIKA, ["Max Beispiel"])


def test_clients_who_are_active_within_minutes_are_one_mail_to_each_of_the_staff_and_hourly_at_most(clock):
    case_id = countersigned(caseworkers=[{"name": "Jan", "email": "jan@freitag.example"}])
    registered("jan@freitag.example")
    people = [
        Named(name=f"Klara {letter}", email=f"{letter.lower()}@beispiel.example")
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXY"
    ]
    invitations.add_clients(firm_of(case_id), ERIKA, people)
    advance(case_id)

    def told():
        with reading() as session:
            mails = session.scalars(select(Outgoing).where(Outgoing.kind == "client_active").order_by(Outgoing.id))
            return [
                (mail.to_address, [one["name"] for one in mail.facts["clients"]], mail.facts["more"], mail.due_at)
                for mail in mails
            ]

    for one in people[:23]:
        registered(one.email, Purpose.ACTIVATE)

    (to, names, more, due), (other, *_) = told()
    assert {to, other} == {ERIKA, "jan@freitag.example"}
    assert (names, more) == ([one.name for one in people[:20]], 3)
    assert now() < due < now() + timedelta(minutes=10)
    clock(minutes=11)
    with transaction() as session:
        for mail in session.scalars(select(Outgoing).where(Outgoing.kind == "client_active")):
            mail.due_at, mail.delivered_at = None, now()

    for one in people[23:]:
        registered(one.email, Purpose.ACTIVATE)

    assert [names for _, names, *_ in told()[2:]] == [["Klara X", "Klara Y"]] * 2
    assert all(timedelta(minutes=59) < due - now() < timedelta(minutes=61) for *_, due in told()[2:])


def test_two_clients_who_register_at_the_same_moment_are_both_told_of_in_one_mail():
    case_id = countersigned()
    people = [Named(name=name, email=f"{name}@beispiel.example") for name in ("anna", "ben")]
    invitations.add_clients(firm_of(case_id), ERIKA, people)
    advance(case_id)

    at_once(*[lambda email=one.email: registered(email, Purpose.ACTIVATE) for one in people])

    with reading() as session:
        (mail,) = session.scalars(select(Outgoing).where(Outgoing.kind == "client_active"))
    assert sorted(one["name"] for one in mail.facts["clients"]) == ["anna", "ben"]


def test_a_client_who_leaves_and_joins_again_within_the_hour_is_told_of_once(clock):
    case_id = with_client()
    registered(MAX, Purpose.ACTIVATE)
    membership.withdraw(person(MAX, Role.CLIENT).id, ERIKA)
    clock(minutes=1)
    invitations.add_clients(firm_of(case_id), ERIKA, [Named(name="Max Beispiel", email=MAX)])
    advance(case_id)

    registered(MAX, Purpose.ACTIVATE)

    with reading() as session:
        (mail,) = session.scalars(select(Outgoing).where(Outgoing.kind == "client_active"))
    assert [client["name"] for client in mail.facts["clients"]] == ["Max Beispiel"]


def test_who_is_organiser_and_caseworker_hears_of_a_client_once():
    case_id = with_client()
    with transaction() as session:
        organiser = Person.organiser(session, firm_of(case_id))
        double = Person(
            firm_id=organiser.firm_id, role=Role.CASEWORKER, email=ERIKA, given_name="Erika", family_name="Muster",
            language=Language.GERMAN, address_form=AddressForm.SIE, added_at=now(), registered_at=now(),
        )  # fmt: skip
        session.add(double)

    registered(MAX, Purpose.ACTIVATE)

    with reading() as session:
        (mail,) = session.scalars(select(Outgoing).where(Outgoing.kind == "client_active"))
    assert [one["name"] for one in mail.facts["clients"]] == ["Max Beispiel"]


def test_a_forgotten_password_is_set_by_a_link_and_every_session_ends(clock):
    advance(opened())
    before, _ = register()
    sessions.ask_for_reset(ERIKA.upper())
    with reading() as session:
        link = session.scalars(select(Link).where(Link.purpose == Purpose.RESET_PASSWORD)).one().token
    assert sessions.reset_opened(link) == ERIKA

    after = sessions.reset_password(link, "sieben rote Vögel singen")

    assert sessions.signed_in(before) is None
    assert sessions.signed_in(after).email == ERIKA
    with pytest.raises(LinkUsed):
        sessions.reset_password(link, PASSWORD)
    with pytest.raises(SignInRefused):
        sessions.sign_in(ERIKA, PASSWORD)
    assert sessions.sign_in(ERIKA, "sieben rote Vögel singen")


def test_a_link_to_set_a_password_lasts_an_hour(clock):
    advance(opened())
    register()
    sessions.ask_for_reset(ERIKA)
    with reading() as session:
        link = session.scalars(select(Link).where(Link.purpose == Purpose.RESET_PASSWORD)).one().token

    clock(hours=1)

    with pytest.raises(LinkExpired):
        sessions.reset_opened(link)


def test_an_unknown_address_gets_no_reset_and_nobody_learns_it():
    before = everything()

    assert sessions.ask_for_reset("nobody@x.example") is None

    assert everything() == before


def test_signing_out_ends_the_session():
    advance(opened())
    session_token, _ = register()

    sessions.sign_out(session_token)
    sessions.sign_out(session_token)

    assert sessions.signed_in(session_token) is None


def test_no_token_of_a_link_or_session_lies_in_the_database():
    with_client()
    tokens = [token(ERIKA, Purpose.REGISTER), token(ERIKA, Purpose.AGREEMENT), token(MAX, Purpose.ACTIVATE)]
    tokens += [sessions.sign_in(ERIKA, PASSWORD), registered(MAX, Purpose.ACTIVATE)]

    rows = everything()

    assert all(one not in rows and quote(one) not in rows for one in tokens)
    assert PASSWORD not in rows


# ---- accounts that a foreign identity provider keeps


def test_who_registered_elsewhere_sets_a_password_for_our_pages_by_the_link_in_the_mail():
    case_id = opened()
    advance(case_id)
    registration.registered_elsewhere(ERIKA, "idp|1", "Erika", "Muster")

    session_token, _ = register()

    assert sessions.signed_in(session_token).may(firm_of(case_id), Role.ORGANISER)
    assert sessions.sign_in(ERIKA, PASSWORD)
    with pytest.raises(LinkUsed):
        register()
    assert acts(case_id).count("person.registered") == 1
    assert acts(case_id)[-1] == "password.set"


def test_who_has_a_password_here_is_not_let_in_with_any_other_by_an_old_link():
    advance(opened())
    registration.registered_elsewhere(ERIKA, "idp|1", "", "")
    link = token(ERIKA, Purpose.REGISTER)
    sessions.reset_password(reset_link(ERIKA), PASSWORD)

    with pytest.raises(LinkUsed):
        register("eine ganz andere Losung 7", link=link)


@pytest.mark.parametrize("password_first", [True, False])
def test_an_account_kept_elsewhere_can_have_its_password_reset(password_first):
    advance(opened())
    if password_first:
        register()
    registration.registered_elsewhere(ERIKA, "idp|1", "", "")

    sessions.reset_password(reset_link(ERIKA), "sieben rote Vögel singen")

    assert sessions.sign_in(ERIKA, "sieben rote Vögel singen")


def test_an_address_that_is_known_elsewhere_joins_as_soon_as_it_is_invited():
    registration.registered_elsewhere(ERIKA, "idp|1", "Erika", "Muster")
    case_id = opened()

    advance(case_id)

    assert standing(case_id)["organiser"] == "done"
    assert acts(case_id).count("person.registered") == 1
    with reading() as session:
        assert session.scalars(select(Reminder).where(Reminder.step == StepName.ORGANISER)).all() == []
    assert sessions.signed_in(register()[0]).email == ERIKA


def test_an_expired_link_of_who_registered_elsewhere_becomes_one_to_set_a_password(clock):
    advance(opened())
    registration.registered_elsewhere(ERIKA, "idp|1", "", "")
    clock(days=15)
    with pytest.raises(LinkExpired) as refusal:
        register()

    registration.renew_link(refusal.value.link_id)

    assert len(outbox("reset_password")) == 1


def test_a_whole_case_whose_people_register_elsewhere_comes_to_its_clients():
    registration.registered_elsewhere("ute@freitag.example", "idp|3", "", "")  # Before anybody has invited her.
    staff = [{"name": "Jan", "email": "jan@freitag.example"}, {"name": "Ute", "email": "ute@freitag.example"}]
    case_id = opened(caseworkers=staff)
    advance(case_id)
    registration.registered_elsewhere(ERIKA, "idp|1", "", "")
    concluded(case_id)
    registration.registered_elsewhere("jan@freitag.example", "idp|2", "", "")
    advance(case_id)

    visitor = sessions.signed_in(sessions.reset_password(reset_link(ERIKA), PASSWORD))
    assert visitor.may(firm_of(case_id), Role.ORGANISER)
    invitations.add_clients(firm_of(case_id), visitor.email, [Named(name="Max Beispiel", email=MAX)])
    advance(case_id)
    assert len(outbox("invitation")) == 1
    registration.registered_elsewhere(MAX, "idp|4", "", "")
    advance(case_id)

    assert set(standing(case_id).values()) == {"done", "waiting:organiser"}
    assert [step for step, stands in standing(case_id).items() if stands != "done"] == ["logo"]


def reset_link(email):
    sessions.ask_for_reset(email)
    with reading() as session:
        return session.scalars(select(Link).where(Link.purpose == Purpose.RESET_PASSWORD)).one().token


def newest_reset():
    with reading() as session:
        return session.scalars(select(Link).where(Link.purpose == Purpose.RESET_PASSWORD)).one().token


def test_a_stranger_who_asks_for_a_reset_makes_none_useless_that_is_there(clock):
    advance(opened())
    register()
    sessions.ask_for_reset(ERIKA)
    mine = newest_reset()
    clock(minutes=10)

    sessions.ask_for_reset(ERIKA)

    assert newest_reset() != mine
    sessions.reset_password(mine, "sieben rote Vögel singen")
    with pytest.raises(LinkUsed):
        sessions.reset_password(newest_reset(), PASSWORD)


def test_an_address_is_sent_a_few_resets_a_day_and_the_last_is_good_until_the_next(clock):
    advance(opened())
    register()
    for _ in range(12):
        sessions.ask_for_reset(ERIKA)
        clock(minutes=30)

    assert len(outbox("reset_password")) == sessions.MOST_RESETS_A_DAY
    clock(hours=14)
    assert sessions.reset_opened(newest_reset()) == ERIKA
    clock(hours=10)
    sessions.ask_for_reset(ERIKA)
    assert len(outbox("reset_password")) == sessions.MOST_RESETS_A_DAY + 1


def test_a_stranger_who_asks_for_somebodys_link_makes_none_useless_and_has_few_mails_sent(clock):
    advance(case_id := opened())
    mine, number = token(ERIKA, Purpose.REGISTER), str(case(case_id).firm.company_id)

    for _ in range(12):
        clock(minutes=30)
        registration.ask_for_link(number, "Erika@freitag.example")

    assert len(outbox("register")) == registration.MOST_LINKS_A_DAY
    assert token(ERIKA, Purpose.REGISTER) != mine
    assert register(link=mine)


def test_no_password_of_the_persons_or_the_firms_name_is_taken_by_any_door():
    advance(opened())
    with pytest.raises(PasswordNamesYou):
        register("Kollegen-Muster-2026")
    register()

    with pytest.raises(PasswordNamesYou):
        sessions.reset_password(link := reset_link(ERIKA), "Kollegen-Müster-2026")  # As she writes herself.
    with pytest.raises(PasswordNamesYou):
        sessions.reset_password(link, "Lindenweg-80331-München")
