"""Registering on a firm's page: who hears of it, what the firm answers, and that nobody learns who is a client."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from models.clients.access import ClientAccess
from models.clients.card import Card
from models.clients.client import Client, ClientContact, ClientKind
from models.clients.portfolio import Portfolio, PortfolioClient, PortfolioMember
from models.clients.sign_up import SignUp, SignUpAnswered, SignUpLinkDead, SignUpVerdict
from models.clients.words import refold
from models.db import reading, transaction
from models.errors import NotFound
from models.firm import Firm
from models.link import Purpose
from models.mail.outbox import Outgoing
from models.onboarding import Stopped
from models.people.manners import AddressForm, Language
from models.people.notice import Notice, NoticeKind
from models.people.person import Person, Role
from models.people.staff import Rank, Rights, Staff
from models.request import Named
from models.time.clock import now
from models.time.land import Land
from tasks.audit.verification import verify
from tasks.clients import sign_ups
from tasks.clients.sign_ups import Wish
from tasks.mail.delivery import _claim, _useless
from tasks.onboarding import registration, stopping
from tasks.onboarding.invitations import add_caseworkers, add_clients
from tasks.people import membership
from tasks.people.sessions import Membership
from tests import factories
from tests.factories import at_once, case, countersigned, everything, firm_of, mails, outbox
from tests.remembered import remembered

ERIKA, MAX, NINA = "erika@freitag.example", "max@beispiel.example", "nina@neu.example"
OWNER = Rights(Rank.OWNER, manages_accounts=True, has_default_access=True)
DE = {"language": Language.GERMAN, "address_form": AddressForm.SIE}


def wish(**changes) -> Wish:
    told = {
        "given_name": "Nina",
        "family_name": "Neu",
        "company_name": "",
        "email": NINA,
        "street": "Am Wall 3",
        "postcode": "28195",
        "city": "Bremen",
        "country": "DE",
    }
    return Wish(**told | DE | changes)


def number(case_id: int) -> int:
    return case(case_id).firm.company_id


def ask(case_id: int, **changes) -> None:
    sign_ups.ask(number(case_id), wish(**changes))


def rows() -> list[SignUp]:
    with reading() as session:
        return list(session.scalars(select(SignUp).order_by(SignUp.id)))


def people(case_id: int) -> list[Person]:
    with reading() as session:
        return Person.of(session, firm_of(case_id), Role.CLIENT)


def accounts(case_id: int) -> list[Client]:
    with reading() as session:
        return list(session.scalars(select(Client).where(Client.firm_id == firm_of(case_id)).order_by(Client.id)))


def places(client_id: int) -> list[ClientContact]:
    with reading() as session:
        return list(session.scalars(select(ClientContact).where(ClientContact.client_id == client_id)))


def member(case_id: int, rights: Rights = OWNER, role: Role = Role.ORGANISER) -> Membership:
    """One of the firm's people, as the pages know them."""
    person = factories.person_of(case_id, role)
    return Membership(
        person_id=person.id,
        firm_id=person.firm_id,
        firm_name="",
        company_id=None,
        role=role,
        name=person.name,
        case_id=case_id,
        rights=rights,
    )


@remembered
def confirmed(**changes) -> int:
    """Nina Neu has registered and confirmed her address."""
    case_id = countersigned()
    ask(case_id, **changes)
    sign_ups.confirm(rows()[-1].token)
    return case_id


# ---- by whoever registers


def test_whoever_registers_is_asked_to_confirm_the_address_and_the_firm_hears_nothing_yet():
    case_id = countersigned()

    ask(case_id)

    (row,) = rows()
    assert (row.name, row.city, row.confirmed_at) == ("Nina Neu", "Bremen", None)
    (mail,) = mails("sign_up_confirm")
    assert (mail.to_address, mail.facts["sign_up_id"], mail.onboarding_id) == (NINA, row.id, None)
    assert sign_ups.waiting(firm_of(case_id)).sign_ups == []
    assert (people(case_id), mails("sign_up_waits")) == ([], [])


def test_the_mail_to_confirm_tells_nothing_of_what_a_stranger_may_have_typed():
    ask(countersigned(), given_name="Klick", family_name="auf boese.example")

    (mail,) = mails("sign_up_confirm")
    assert mail.to_name == ""
    assert "boese" not in str(mail.facts)
    assert rows()[0].token not in str(mail.facts)  # Nor what opens the page: it is made as the mail leaves.


def test_who_registers_again_corrects_what_is_not_confirmed_and_one_waits_of_each_address():
    case_id = countersigned()
    ask(case_id)
    ask(case_id, family_name="Neuer", city="Verden", language=Language.FRENCH, email=NINA.upper())

    (row,) = rows()
    assert (row.family_name, row.city, row.language) == ("Neuer", "Verden", "fr")
    assert len(mails("sign_up_confirm")) == 2


def test_what_is_confirmed_cannot_be_changed_by_who_knows_the_address():
    case_id = confirmed()

    ask(case_id, family_name="Falsch")

    assert [row.family_name for row in rows()] == ["Neu"]
    assert mails("sign_up_confirm")[-1].facts["waits"]


def test_who_has_access_already_is_told_how_to_sign_in():
    case_id = factories.with_client()
    factories.registered(MAX, Purpose.ACTIVATE)

    ask(case_id, email=MAX)

    assert [mail.to_address for mail in mails("already_client")] == [MAX]
    assert (rows(), mails("sign_up_confirm")) == ([], [])


def test_who_is_invited_and_has_not_accepted_gets_a_fresh_link_and_the_one_before_stays_good():
    case_id = factories.with_client()
    before = factories.token(MAX, Purpose.ACTIVATE)

    ask(case_id, email=MAX)

    assert len(mails("invitation")) == 2
    assert rows() == []
    assert registration.opened(before, Purpose.ACTIVATE).person.email == MAX


def test_who_is_prepared_and_was_not_invited_yet_registers_like_a_stranger():
    case_id = factories.with_client()
    with transaction() as session:
        client = session.scalars(select(Person).where(Person.email == MAX)).one()
        client.invited_at, client.invitation_waits = None, True

    ask(case_id, email=MAX)

    assert [row.email for row in rows()] == [MAX]


def test_who_is_paused_is_written_to_no_more():
    case_id = factories.with_client()
    factories.registered(MAX, Purpose.ACTIVATE)
    membership.pause(people(case_id)[0].id, ERIKA)
    before = outbox()

    ask(case_id, email=MAX)

    assert outbox() == before


@pytest.mark.parametrize("state", ["nobody", "client", "invited"])
def test_nobody_is_sent_more_than_three_mails_a_day_however_often_the_address_is_typed(clock, state):
    case_id = countersigned() if state == "nobody" else factories.with_client()
    if state == "client":
        factories.registered(MAX, Purpose.ACTIVATE)
    kinds = {"nobody": "sign_up_confirm", "client": "already_client", "invited": "invitation"}

    for _ in range(5):
        ask(case_id, email=MAX)
        clock(minutes=20)
    assert len(mails(kinds[state])) == 3

    clock(days=1)
    ask(case_id, email=MAX)
    assert len(mails(kinds[state])) == 4


@pytest.mark.parametrize("why", ["no such number", "closed", "stopped", "agreement"])
def test_where_nobody_can_register_nothing_comes_of_it(why):
    case_id = factories.signed() if why == "agreement" else countersigned()
    company_id = number(case_id) or 0
    if why == "closed":
        with transaction() as session:
            session.get_one(Firm, firm_of(case_id)).takes_sign_ups = False
    if why == "stopped":
        stopping.stop_case(case_id, "Schluss", "operator@convent-it.example")
    before = everything()

    sign_ups.ask(123456 if why == "no such number" else company_id, wish())

    assert everything() == before


def test_everything_that_cannot_be_is_told_at_its_field():
    wrong = {"email": "nina", "family_name": "-", "country": "QQ", "street": "x" * 201, "company_name": "y" * 201}

    assert set(wish(**wrong).faults()) == set(wrong)
    assert set(wish(postcode="1").faults()) == {"postcode"}
    assert wish().faults() == {}


# ---- the confirmation


def test_a_confirmed_registration_is_told_once_to_whoever_manages_accounts():
    case_id = countersigned()
    firm_id = firm_of(case_id)
    names = ("Anna Amsel", "Berta Bär", "Carl Chor")
    staff = [Named(name=name, email=f"{name.split()[0].lower()}@freitag.example") for name in names]
    add_caseworkers(firm_id, ERIKA, staff)
    factories.advance(case_id)
    for one in staff:
        factories.registered(one.email)
    with transaction() as session:
        anna, berta, _ = Person.of(session, firm_id, Role.CASEWORKER)
        Staff.give(session, anna, Rights(Rank.STAFF, manages_accounts=True, has_default_access=False))
        Staff.give(session, berta, Rights(Rank.ADMINISTRATOR, manages_accounts=False, has_default_access=True))
    ask(case_id)

    for _ in range(2):
        sign_ups.confirm(rows()[0].token)

    told = {ERIKA, "anna@freitag.example", "berta@freitag.example"}
    with reading() as session:
        entries = session.execute(select(Person.email, Notice).join(Person, Person.id == Notice.person_id)).all()
    assert {email for email, _ in entries} == told
    assert len(entries) == 3
    notice = entries[0][1]
    assert (notice.kind, notice.facts["name"]) == (NoticeKind.SIGN_UP, "Nina Neu")
    assert notice.path == f"/firm/{firm_id}/sign-ups/{rows()[0].id}"
    assert {mail.to_address for mail in mails("sign_up_waits")} == told
    assert "sign_up.confirmed" in factories.acts(case_id)


def test_staff_get_one_mail_an_hour_of_all_who_have_registered(clock):
    case_id = countersigned()
    for count in range(25):
        ask(case_id, email=f"n{count}@neu.example", family_name=f"Neu {count}")
    for row in rows():
        sign_ups.confirm(row.token)

    (mail,) = mails("sign_up_waits")
    assert (len(mail.facts["sign_ups"]), mail.facts["more"]) == (20, 5)
    with transaction() as session:
        row = session.get_one(Outgoing, mail.id)
        row.delivered_at, row.due_at = now(), None
    ask(case_id, email="spaet@neu.example")
    sign_ups.confirm(rows()[-1].token)
    assert mails("sign_up_waits")[-1].due_at >= now() + timedelta(minutes=59)


def test_a_mail_to_staff_does_not_name_whom_the_firm_has_answered_meanwhile(clock):
    case_id = confirmed()
    sign_ups.decline(firm_of(case_id), rows()[0].id, ERIKA)
    clock(minutes=15)

    told = [mail for mail in _claim(50) if mail.row.kind == "sign_up_waits"]

    assert [_useless(mail).outcome for mail in told] == ["dropped"]


def test_a_mail_to_confirm_leads_to_the_page_and_does_not_leave_once_that_is_done(clock):
    case_id = countersigned()
    ask(case_id)
    (mail,) = (each for each in _claim(50) if each.row.kind == "sign_up_confirm")
    assert mail.link.url.endswith(f"/sign-up/{rows()[0].token}")
    assert _useless(mail) is None

    sign_ups.confirm(rows()[0].token)
    clock(minutes=11)

    (mail,) = (each for each in _claim(50) if each.row.kind == "sign_up_confirm")
    assert _useless(mail).outcome == "dropped"


def test_looking_behind_the_link_changes_nothing():
    ask(countersigned())
    before = everything()

    assert sign_ups.opened(rows()[0].token).sign_up.name == "Nina Neu"
    assert everything() == before


def test_a_link_that_was_never_sent_opens_nothing():
    ask(countersigned())

    for token in ("", "1", "1-x", "99-x", "x", "1-ä", "9" * 30):
        for act in (sign_ups.opened, sign_ups.confirm):
            with pytest.raises(SignUpLinkDead):
                act(token)


def test_a_link_that_nobody_followed_for_a_week_opens_nothing(clock):
    ask(countersigned())
    clock(days=7, minutes=1)

    for act in (sign_ups.opened, sign_ups.confirm):
        with pytest.raises(SignUpLinkDead):
            act(rows()[0].token)


def test_in_a_case_that_was_stopped_nothing_is_confirmed():
    case_id = countersigned()
    ask(case_id)
    stopping.stop_case(case_id, "Schluss", "operator@convent-it.example")

    for act in (sign_ups.opened, sign_ups.confirm):
        with pytest.raises(Stopped):
            act(rows()[0].token)


# ---- the firm's answer


def test_a_new_client_gets_an_account_with_the_address_and_the_invitation_at_once():
    case_id = confirmed()
    row = rows()[0]

    sign_ups.accept(firm_of(case_id), row.id, member(case_id), ERIKA)

    (client,), (person,) = accounts(case_id), people(case_id)
    assert (client.kind, client.name, client.city, client.country) == (
        ClientKind.INDIVIDUAL,
        "Neu, Nina",
        "Bremen",
        "DE",
    )
    assert (person.email, person.name, person.land, person.postcode) == (NINA, "Nina Neu", Land.BREMEN, "28195")
    (place,) = places(client.id)
    assert (place.person_id, place.login, place.is_main_commercial, place.is_operational) == (
        person.id,
        True,
        True,
        True,
    )
    with transaction() as session:
        assert Card.of(session, person).street == "Am Wall 3"
    (mail,) = mails("invitation")
    assert (mail.to_address, mail.facts["invited_by"]) == (NINA, "Erika Muster")
    answered = rows()[0]
    assert (answered.verdict, answered.client_id) == (SignUpVerdict.NEW, client.id)
    assert "person.invited" in factories.acts(case_id)


def test_who_was_accepted_activates_the_access_and_is_a_client():
    case_id = confirmed()
    sign_ups.accept(firm_of(case_id), rows()[0].id, member(case_id), ERIKA)

    factories.registered(NINA, Purpose.ACTIVATE)
    factories.advance(case_id)

    assert factories.standing(case_id)["clients"] == "done"


def test_a_company_that_registers_is_the_account_and_whoever_wrote_is_its_contact():
    case_id = confirmed(company_name="Neu & Söhne GmbH", postcode="8001", city="Zürich", country="CH")

    sign_ups.accept(firm_of(case_id), rows()[0].id, member(case_id), ERIKA)

    (client,), (person,) = accounts(case_id), people(case_id)
    assert (client.kind, client.name, client.company_name) == (ClientKind.COMPANY, *["Neu & Söhne GmbH"] * 2)
    assert (client.country, person.name, person.land) == ("CH", "Nina Neu", None)


def test_who_takes_a_client_on_sees_the_account_also_without_access_by_default():
    case_id = confirmed()
    by = member(case_id, Rights(Rank.STAFF, manages_accounts=True, has_default_access=False))

    sign_ups.accept(firm_of(case_id), rows()[0].id, by, ERIKA)

    with reading() as session:
        said = session.scalars(select(ClientAccess)).one()
    assert (said.person_id, said.has_access) == (by.person_id, True)


def with_account(case_id: int, name: str = "Alt & Co") -> int:
    with transaction() as session:
        client = Client.open(session, firm_of(case_id), ClientKind.COMPANY, now(), name=name, by_hand=True)
        refold(session, [client.id])
        return client.id


def test_who_belongs_to_an_account_becomes_its_contact_and_is_invited():
    case_id = confirmed()
    client_id = with_account(case_id)

    sign_ups.link(firm_of(case_id), rows()[0].id, client_id, member(case_id), ERIKA)

    assert [client.id for client in accounts(case_id)] == [client_id]
    (place,), (person,) = places(client_id), people(case_id)
    assert (place.person_id, place.is_employee) == (person.id, True)
    assert [mail.to_address for mail in mails("invitation")] == [NINA]
    assert rows()[0].verdict is SignUpVerdict.LINKED


@pytest.mark.parametrize("way", ["new", "link"])
def test_an_address_that_is_a_contacts_by_now_makes_no_second_one(way):
    case_id = confirmed()
    firm_id = firm_of(case_id)
    add_clients(firm_id, ERIKA, [Named(name="Nina Neu-Alt", email=NINA)])
    factories.advance(case_id)
    factories.registered(NINA, Purpose.ACTIVATE)
    invitations = len(mails("invitation"))

    if way == "new":
        sign_ups.accept(firm_id, rows()[0].id, member(case_id), ERIKA)
    else:
        sign_ups.link(firm_id, rows()[0].id, with_account(case_id), member(case_id), ERIKA)

    (person,) = people(case_id)
    assert person.name == "Nina Neu-Alt"
    assert [place.person_id for client in accounts(case_id) for place in places(client.id)] == [person.id] * 2
    assert len(mails("invitation")) == invitations
    assert [mail.facts["client"] for mail in mails("already_client")] == ["Neu, Nina" if way == "new" else "Alt & Co"]


def test_who_is_a_contact_of_the_account_already_stays_its_contact_once():
    case_id = factories.with_client()
    ask(case_id)
    sign_ups.confirm(rows()[0].token)
    (client,) = accounts(case_id)
    with transaction() as session:
        session.scalars(select(SignUp)).one().email = MAX

    sign_ups.link(firm_of(case_id), rows()[0].id, client.id, member(case_id), ERIKA)

    assert len(places(client.id)) == 1


def test_who_was_withdrawn_comes_back_with_nothing_that_they_had_before():
    case_id = factories.with_client()
    (old,) = people(case_id)
    with transaction() as session:
        portfolio = Portfolio(firm_id=firm_of(case_id), name="Alle", folded="alle")
        session.add(portfolio)
        session.flush()
        client = session.scalars(select(Client)).one()
        session.add(PortfolioMember(portfolio_id=portfolio.id, person_id=old.id))
        other = Client.open(session, client.firm_id, ClientKind.COMPANY, now(), name="Fremd", by_hand=True)
        session.add(PortfolioClient(portfolio_id=portfolio.id, client_id=other.id))
    membership.withdraw(old.id, ERIKA)
    ask(case_id, email=MAX)
    sign_ups.confirm(rows()[0].token)

    sign_ups.accept(firm_of(case_id), rows()[0].id, member(case_id), ERIKA)

    (person,) = people(case_id)
    assert (person.id, person.name, person.registered_at) == (old.id, "Nina Neu", None)
    with reading() as session:
        assert session.scalars(select(PortfolioMember)).all() == []


def test_who_is_declined_is_told_so_politely_and_is_no_client():
    case_id = confirmed()

    sign_ups.decline(firm_of(case_id), rows()[0].id, ERIKA)

    assert [(mail.to_address, mail.to_name) for mail in mails("sign_up_declined")] == [(NINA, "Nina Neu")]
    assert (people(case_id), accounts(case_id)) == ([], [])
    assert rows()[0].verdict is SignUpVerdict.DECLINED
    assert sign_ups.waiting(firm_of(case_id)).sign_ups == []


def test_who_was_declined_may_register_again():
    case_id = confirmed()
    sign_ups.decline(firm_of(case_id), rows()[0].id, ERIKA)

    ask(case_id)

    assert [row.verdict for row in rows()] == [SignUpVerdict.DECLINED, None]


def acts(case_id: int) -> dict:
    firm_id, row, by = firm_of(case_id), rows()[0].id, member(case_id)
    account = with_account(case_id)
    return {
        "accept": lambda: sign_ups.accept(firm_id, row, by, ERIKA),
        "link": lambda: sign_ups.link(firm_id, row, account, by, ERIKA),
        "decline": lambda: sign_ups.decline(firm_id, row, ERIKA),
    }


@pytest.mark.parametrize("first", ["accept", "link", "decline"])
def test_a_second_answer_changes_nothing(first):
    act = acts(confirmed())
    act[first]()
    before = everything()

    for second in act.values():
        with pytest.raises(SignUpAnswered):
            second()

    assert everything() == before


@pytest.mark.parametrize(("one", "other"), [("accept", "accept"), ("accept", "decline"), ("link", "accept")])
def test_of_two_answers_at_once_one_counts(one, other):
    case_id = confirmed()
    act = acts(case_id)

    done = at_once(act[one], act[other])

    assert [type(each) for each in done if isinstance(each, Exception)] == [SignUpAnswered]
    assert len(mails("invitation")) + len(mails("sign_up_declined")) == 1
    assert len(people(case_id)) == len(mails("invitation"))


def test_registered_twice_at_once_one_waits():
    case_id = countersigned()

    done = at_once(*[lambda: ask(case_id)] * 3)

    assert done == [None] * 3
    assert len(rows()) == 1


def test_confirmed_twice_at_once_it_is_told_once():
    case_id = countersigned()
    ask(case_id)
    token = rows()[0].token

    done = at_once(*[lambda: sign_ups.confirm(token)] * 3)

    assert done == [None] * 3
    with reading() as session:
        assert len(session.scalars(select(Notice)).all()) == 1


def test_confirmed_and_registered_again_at_once_one_waits():
    case_id = countersigned()
    ask(case_id)
    token = rows()[0].token

    done = at_once(lambda: sign_ups.confirm(token), lambda: ask(case_id, city="Verden"))

    assert done == [None, None]
    assert [row.confirmed_at is not None for row in rows()] == [True]


def test_registered_and_named_by_the_firm_at_once_there_is_one_contact():
    case_id = confirmed()
    firm_id, row, by = firm_of(case_id), rows()[0].id, member(case_id)

    done = at_once(
        lambda: sign_ups.accept(firm_id, row, by, ERIKA),
        lambda: add_clients(firm_id, ERIKA, [Named(name="Nina Neu", email=NINA)]),
    )

    assert [each for each in done if isinstance(each, Exception)] == []
    assert len(people(case_id)) == 1


@pytest.mark.parametrize("what", ["another firm's", "unconfirmed", "none"])
def test_only_the_firms_own_confirmed_registrations_can_be_answered(what):
    case_id = confirmed()
    row_id = rows()[0].id
    firm_id, by = firm_of(case_id), member(case_id)
    if what == "another firm's":
        other = factories.opened("test:2", organiser={"name": "Fritz Fremd", "email": "fritz@fremd.example"})
        with transaction() as session:
            session.get_one(SignUp, row_id).firm_id = firm_of(other)
    if what == "unconfirmed":
        with transaction() as session:
            session.get_one(SignUp, row_id).confirmed_at = None
    row_id = 999 if what == "none" else row_id
    before = everything()

    for act in (
        lambda: sign_ups.accept(firm_id, row_id, by, ERIKA),
        lambda: sign_ups.decline(firm_id, row_id, ERIKA),
        lambda: sign_ups.detail(firm_id, row_id, by),
    ):
        with pytest.raises(NotFound):
            act()
    assert everything() == before


def test_nobody_is_linked_to_an_account_that_the_member_does_not_see():
    case_id = confirmed()
    firm_id, row = firm_of(case_id), rows()[0].id
    seen, hidden, archived = (with_account(case_id, name) for name in ("Alt eins", "Alt zwei", "Alt drei"))
    by = member(case_id, Rights(Rank.STAFF, manages_accounts=True, has_default_access=False))
    with transaction() as session:
        ClientAccess.say(session, seen, by.person_id, has_access=True)
        ClientAccess.say(session, archived, by.person_id, has_access=True)
        session.get_one(Client, archived).archived_at = now()

    found = sign_ups.detail(firm_id, row, by, "ALT").found
    for client in (hidden, archived, 10**6):
        with pytest.raises(NotFound):
            sign_ups.link(firm_id, row, client, by, ERIKA)
    sign_ups.link(firm_id, row, seen, by, ERIKA)

    assert [client.id for client in found] == [seen]
    assert rows()[0].client_id == seen


def test_accounts_to_choose_from_are_found_some_at_a_time(monkeypatch):
    monkeypatch.setattr(sign_ups, "ACCOUNTS_SHOWN", 2)
    case_id = confirmed()
    firm_id, row, by = firm_of(case_id), rows()[0].id, member(case_id)
    made = [with_account(case_id, f"Alt {number}") for number in range(5)]

    found, after = [], 0
    while after is not None:
        page = sign_ups.detail(firm_id, row, by, "alt", after)
        found += [client.id for client in page.found]
        after = page.after

    assert found == made
    assert sign_ups.detail(firm_id, row, by, "%").found == []


def test_registrations_are_listed_some_at_a_time_and_counted(monkeypatch):
    monkeypatch.setattr(sign_ups, "SIGN_UPS_SHOWN", 2)
    case_id = countersigned()
    for count in range(5):
        ask(case_id, email=f"n{count}@neu.example")
    for row in rows()[:4]:
        sign_ups.confirm(row.token)

    listed, after = [], 0
    while after is not None:
        page = sign_ups.waiting(firm_of(case_id), after)
        listed += [row.email for row in page.sign_ups]
        after = page.after

    assert listed == [f"n{count}@neu.example" for count in range(4)]
    assert sign_ups.count_waiting(firm_of(case_id)) == 4


def test_a_name_that_no_contact_can_have_is_refused_before_the_firm_is_asked():
    case_id = countersigned()
    assert set(wish(given_name="G" * 100, family_name="F" * 100).faults()) == {"family_name"}

    ask(case_id, given_name="G" * 99, family_name="F" * 100)
    sign_ups.confirm(rows()[0].token)
    acts(case_id)["accept"]()

    assert max(len(client.name) for client in accounts(case_id)) == 200


def test_a_contact_whom_the_member_does_not_see_is_not_named_on_the_page_of_a_registration():
    case_id = countersigned()
    add_clients(firm_of(case_id), ERIKA, [Named(name="Nina Geheim", email=NINA)])
    ask(case_id)
    sign_ups.confirm(rows()[0].token)
    owner = member(case_id)
    blind = Rights(Rank.STAFF, manages_accounts=True, has_default_access=False)

    shown = [
        sign_ups.detail(firm_of(case_id), rows()[0].id, who).person for who in (owner, replace(owner, rights=blind))
    ]

    assert [person and person.name for person in shown] == ["Nina Geheim", None]


def test_whoever_confirms_an_address_can_be_written_to_there_again():
    case_id = countersigned()
    add_clients(firm_of(case_id), ERIKA, [Named(name="Nina Neu", email=NINA)])
    with transaction() as session:
        session.scalars(select(Person).where(Person.email == NINA)).one().bounced_at = now()
    ask(case_id)
    sign_ups.confirm(rows()[0].token)

    acts(case_id)["accept"]()

    assert [person.bounced_at for person in people(case_id)] == [None]


@pytest.mark.parametrize("act", ["accept", "link"])
def test_the_trail_says_of_whoever_is_let_in_what_stands_in_their_row(act):
    case_id = confirmed()
    before = {str(fault) for one in verify() for fault in one.faults}

    acts(case_id)[act]()

    assert {str(fault) for one in verify() for fault in one.faults} == before
    (told,) = factories.told_by(case_id, "sign_up.answered")
    (person,) = people(case_id)
    assert (told["sign_up"], told["person"], told["client"]) == (rows()[0].id, person.id, rows()[0].client_id)
    assert told["rows"]["persons"][0]["email"] == NINA


def test_no_statement_is_repeated_for_each_of_many(statements):
    case_id = confirmed()
    counts = []
    for more in (1, 40):
        with transaction() as session:
            for count in range(more):
                at, mail = now(), f"{more}-{count}@neu.example"
                session.add(SignUp(firm_id=firm_of(case_id), email=mail, family_name="X", asked_at=at, confirmed_at=at))
        with_account(case_id, f"Alt {more}")
        with statements() as asked:
            sign_ups.waiting(firm_of(case_id))
            sign_ups.detail(firm_of(case_id), rows()[0].id, member(case_id), "alt")
        counts.append(len(asked))

    assert counts[0] == counts[1]
