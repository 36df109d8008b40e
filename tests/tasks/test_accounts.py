"""Accounts of clients and their contacts: opened, edited, found, put away."""

import pytest
from sqlalchemy import select, update

from models.clients.access import ClientAccess
from models.clients.card import Card, Phone
from models.clients.client import Client, ClientContact, ClientState
from models.clients.custom_field import CustomField, FieldKind, FieldOf
from models.clients.folders import FolderTemplate
from models.clients.group import Group, GroupMember
from models.clients.portfolio import Portfolio, PortfolioClient
from models.clients.recipients import Item, gets, muted
from models.clients.sign_up import SignUp
from models.clients.standing import Switch
from models.clients.tag import Tag
from models.clients.words import ClientWords, refold
from models.db import reading, transaction
from models.errors import FormRefused, NotFound
from models.firm import Firm
from models.link import Purpose
from models.onboarding import AgreementFirst
from models.people.login import SignInRefused
from models.people.manners import AddressForm, Language
from models.people.notice import Notice, NoticeKind
from models.people.person import NoLongerInvited, Person, Role
from models.people.staff import Rank, Rights, Staff
from models.privacy import places_of
from models.reminders.reminder import Reminder
from models.request import Named
from models.text import TextTooLong
from models.time.clock import now
from tasks.audit.verification import verify
from tasks.clients import accounts, assignment, contacts, credentials, grants, selection, sign_ups
from tasks.clients.accounts import Filter
from tasks.clients.edits import ChangedMeanwhile
from tasks.onboarding import invitations, registration
from tasks.people import membership, sessions
from tests.factories import (
    PASSWORD,
    acts,
    at_once,
    countersigned,
    firm_of,
    mails,
    opened,
    outbox,
    registered,
    token,
    told_by,
)
from tests.models.test_privacy import named_in_any_column
from tests.remembered import remembered

ERIKA, ZOE = "erika@freitag.example", "zoe@freitag.example"
GERMAN = Language.GERMAN
OWNER = Rights(Rank.OWNER, manages_accounts=True, has_default_access=True)
MAX = {"given_name": "Max", "family_name": "Beispiel", "email": "max@beispiel.example", "login": "yes", "notify": "yes"}
EVA = {"given_name": "Eva", "family_name": "Ott"}
GMBH = {"kind": "company", "company_name": "Müller & Söhne GmbH", "number": "0042", "city": "Köln", "postcode": "50667"}


@remembered
def with_staff() -> int:
    """Zoe works with the organiser, and has no rights beyond those that everybody begins with."""
    case_id = countersigned()
    invitations.add_caseworkers(firm_of(case_id), ERIKA, [Named(name="Zoe Zahl", email=ZOE)])
    invitations.invite_caseworkers.fn(case_id)
    registered(ZOE)
    return case_id


@pytest.fixture
def case_id():
    return with_staff()


def member(email: str = ERIKA) -> sessions.Membership:
    visitor = sessions.signed_in(sessions.sign_in(email, PASSWORD))
    return visitor.staff_of(visitor.memberships[0].firm_id)


def stranger() -> sessions.Membership:
    """The owner of another firm."""
    firm_id = firm_of(opened("test:2", organiser={"name": "Olga Ott", "email": "olga@ott.example"}))
    return sessions.Membership(99, firm_id, "Ott", None, Role.ORGANISER, "Olga Ott", 2, OWNER)


def give(case_id: int, rights: Rights, email: str = ZOE) -> sessions.Membership:
    firm_id = firm_of(case_id)
    with transaction() as session:
        who = Person.firm_id == firm_id, Person.email == email
        Staff.give(session, session.scalars(select(Person).where(*who)).one(), rights)
    return member(email)


def open_account(written=GMBH, *people, who=None) -> int:
    return accounts.open_account(who or member(), ERIKA, written, people or [MAX], GERMAN)


def row(client_id: int) -> Client:
    with reading() as session:
        return session.get_one(Client, client_id)


def person(email: str = "max@beispiel.example") -> Person:
    with reading() as session:
        return session.scalars(select(Person).where(Person.email == email, Person.role == Role.CLIENT)).one()


def refused(act) -> set[str]:
    with pytest.raises(FormRefused) as refusal:
        act()
    return set(refusal.value.fields)


# ---- opening


def test_an_account_is_opened_with_its_contacts_and_nobody_is_invited(case_id):
    client_id = open_account(GMBH, MAX, EVA)

    client, shown = row(client_id), accounts.view(member(), client_id)
    assert (client.name, client.number, client.is_named_by_hand) == ("Müller & Söhne GmbH", "0042", False)
    assert [who.name for _, who in shown.row.contacts] == ["Max Beispiel", "Eva Ott"]
    assert [contact.login for contact, _ in shown.row.contacts] == [True, False], "without an address nobody signs in"
    assert shown.row.client.state is ClientState.PREPARED
    invitations.invite_clients.fn(case_id)
    assert outbox("invitation") == []
    assert "client.opened" in acts(case_id)


def test_a_persons_account_is_called_by_the_firms_format_after_the_first_contact(case_id):
    assert row(open_account({"kind": "individual"}, MAX, EVA)).name == "Beispiel, Max"


def test_a_name_that_somebody_writes_stays(case_id):
    client_id = open_account({"kind": "individual", "name": "Familie Beispiel"})
    assert (row(client_id).name, row(client_id).is_named_by_hand) == ("Familie Beispiel", True)


def test_everything_that_does_not_fit_is_told_at_once_and_nothing_is_half_done(case_id):
    bad = {
        "kind": "company",
        "number": "1" * 99,
        "postcode": "1",
        "country": "XX",
        "website": "nirgendwo",
        "vat_id": "DE1",
    }
    people = [
        {"email": "max@", "phone-0-number": "abc", "title": "x" * 99},
        {"given_name": "Max und Eva", "family_name": "Ott"},
    ]

    fields = refused(lambda: open_account(bad, *people))

    assert fields == {
        *("company_name", "number", "postcode", "country", "website", "vat_id"),
        *("c0-email", "c0-family_name", "c0-phone-0-number", "c0-title", "c1-family_name"),
    }
    with reading() as session:
        assert session.scalars(select(Client)).all() == []
        assert session.scalars(select(Person).where(Person.role == Role.CLIENT)).all() == []


def test_a_form_that_is_sent_twice_at_once_opens_one_account(case_id):
    who = member()
    form = {"kind": "company", "company_name": "Neue AG", "form_key": "x" * 16}

    done = at_once(*[lambda: accounts.open_account(who, ERIKA, form, [EVA], GERMAN)] * 2)

    assert done == [1, 1]
    other = form | {"company_name": "Andere AG"}  # Who goes back and types another name means another account.
    assert accounts.open_account(who, ERIKA, other, [EVA], GERMAN) == 2


def test_a_form_that_is_sent_twice_at_once_adds_one_contact_and_another_name_another_one(case_id):
    client_id, who = open_account(), member()
    form = {"given_name": "Nora", "family_name": "Neu", "form_key": "x" * 16}

    done = at_once(*[lambda: accounts.add_contact(who, ERIKA, client_id, form, GERMAN)] * 2)
    other = accounts.add_contact(who, ERIKA, client_id, form | {"given_name": "Nina"}, GERMAN)

    assert done[0] == done[1] != other
    assert len(accounts.view(who, client_id).row.contacts) == 3


def test_a_row_that_is_marked_for_short_messages_needs_a_number(case_id):
    marked = {"phone-primary": "1", "phone-0-number": "0221 5550100", "phone-1-number": " "}
    assert refused(lambda: open_account(GMBH, MAX | marked)) == {"c0-phone-1-number"}

    open_account(GMBH, MAX | marked | {"phone-1-number": "+49 221 5550100"})
    with reading() as session:
        (phone,) = session.scalars(select(Phone))
    assert phone.is_primary, "the same number twice, marked in the second row"


def test_an_account_needs_a_contact(case_id):
    with pytest.raises(contacts.ContactMissing):
        accounts.open_account(member(), ERIKA, GMBH, [], GERMAN)


def test_no_account_is_opened_before_both_sides_have_signed():
    firm_id = firm_of(opened())
    owner = sessions.Membership(1, firm_id, "", None, Role.ORGANISER, "", 1, OWNER)
    with pytest.raises(AgreementFirst):
        accounts.open_account(owner, ERIKA, GMBH, [MAX], GERMAN)


def test_an_existing_contact_is_linked_instead_of_made_twice(case_id):
    open_account()
    assert refused(lambda: open_account({"kind": "company", "company_name": "Zwei AG"})) == {"c0-email"}

    second = open_account({"kind": "company", "company_name": "Zwei AG"}, {"person": str(person().id), "login": "yes"})

    assert [client.name for _, client in contacts.view(member(), person().id).places] == [
        "Müller & Söhne GmbH",
        "Zwei AG",
    ]
    assert row(second).name == "Zwei AG"


def test_a_contact_of_another_firm_is_none(case_id):
    open_account()
    other, there = stranger(), person().id
    with pytest.raises(NotFound), transaction() as session:
        contacts.contact_of(session, other, there)


def test_a_contact_to_choose_is_found_by_name_and_address_also_at_no_account(case_id):
    client_id = open_account(GMBH, MAX, {**EVA, "email": "eva@ott.example"})
    for words, names in {
        "max": ["Max Beispiel"],
        "BEISPIEL max": ["Max Beispiel"],
        "eva@ott": ["Eva Ott"],
        "max ott": [],
        "": ["Eva Ott", "Max Beispiel"],
        "niemand": [],
    }.items():
        assert [who.name for who in contacts.found(member(), words)] == names, words
    accounts.remove_contact(member(), ERIKA, client_id, person("eva@ott.example").id)
    assert [who.name for who in contacts.found(member(), "Ott")] == ["Eva Ott"]
    assert contacts.found(member(), "ott", [person("eva@ott.example").id]) == []


def test_a_contact_who_is_chosen_twice_is_linked_once(case_id):
    open_account()
    max_id = str(person().id)

    client = open_account({"kind": "company", "company_name": "Zwei AG"}, {"person": max_id}, {"person": max_id})

    with reading() as session:
        places = session.scalars(select(ClientContact).where(ClientContact.client_id == client)).all()
    assert [place.person_id for place in places] == [person().id]


def test_a_search_with_signs_that_nobody_sees_finds_nobody_and_breaks_nothing(case_id):
    open_account()
    assert contacts.found(member(), "a\0b") == []
    assert [found.id for found in contacts.found(member(), "Bei\0spiel")] == [person().id]
    assert len(contacts.found(member(), "\0")) == 1


def test_names_that_are_too_long_together_are_refused_where_they_stand(case_id):
    long = {"given_name": "G" * 100, "family_name": "F" * 100, "email": "lang@beispiel.example"}
    assert refused(lambda: open_account({"kind": "individual"}, long)) == {"c0-family_name"}
    assert refused(lambda: open_account(GMBH, long)) == {"c0-family_name"}

    client = open_account({"kind": "individual"}, {**long, "given_name": "G" * 99})
    assert (len(person("lang@beispiel.example").name), len(row(client).name)) == (200, 200)


def test_only_one_contact_gets_the_invoices(case_id):
    main = {"is_main_commercial": "yes"}
    assert refused(lambda: open_account(GMBH, MAX | main, EVA | main)) == {"c1-is_main_commercial"}

    client_id = open_account(GMBH, MAX | main, EVA)
    accounts.add_contact(member(), ERIKA, client_id, {**EVA, "family_name": "Neu", **main}, GERMAN)

    got = [gets(contact, who.email) for contact, who in accounts.view(member(), client_id).row.contacts]
    assert [Item.INVOICES in items for items in got] == [False, False, False]  # Eva has no address.
    assert Item.INVOICE_COPIES in got[0]


def test_doubts_about_a_name_hold_it_until_it_is_said_to_be_right(case_id):
    company = {"given_name": "", "family_name": "Muster GmbH"}
    assert refused(lambda: open_account({"kind": "individual"}, company)) == {"c0-family_name"}

    assert row(open_account({"kind": "individual"}, company | {"name_is_right": "yes"})).name == "Muster GmbH"


def test_card_phones_tags_and_groups_of_a_contact_are_kept(case_id):
    firm_id = firm_of(case_id)
    with transaction() as session:
        group = Group(firm_id=firm_id)
        group.call(session, "Bau")
        session.add(group)
    written = {
        **MAX,
        "title": "Dr.",
        "street": "Weg 1",
        "postcode": "1010",
        "city": "Wien",
        "country": "AT",
        "is_listed": "yes",
        "phone-0-kind": "landline",
        "phone-0-country": "AT",
        "phone-0-number": "01 5123456",
        "phone-1-kind": "mobile",
        "phone-1-country": "DE",
        "phone-1-number": "0171 3920012",
        "tags": "VIP, vip, Presse",
        "groups": str(group.id),
        "language": "fr",
        "address_form": "du",
    }
    open_account(GMBH, written)

    shown = contacts.view(member(), person().id)
    assert [(phone.kind, phone.number, phone.is_primary) for phone in shown.phones] == [
        ("mobile", "+491713920012", True),
        ("landline", "+4315123456", False),
    ]
    assert (shown.card.title, shown.card.city, shown.card.is_listed) == ("Dr.", "Wien", True)
    assert ([tag.name for tag in shown.tags], [one.name for one in shown.groups]) == (["Presse", "VIP"], ["Bau"])
    assert (shown.person.language, shown.person.address_form) == ("fr", "du")
    with reading() as session:
        assert len(session.scalars(select(Card)).all()) == len(session.scalars(select(GroupMember)).all()) == 1
        assert len(session.scalars(select(Phone)).all()) == 2


def test_the_firms_own_fields_are_checked_by_their_kind_and_kept(case_id):
    firm_id = firm_of(case_id)
    with transaction() as session:
        for name, kind, of in (
            ("Umsatz", FieldKind.NUMBER, FieldOf.ACCOUNT),
            ("Geburtstag", FieldKind.DATE, FieldOf.CONTACT),
        ):
            field = CustomField(firm_id=firm_id, kind=kind, belongs_to=of, choices=[])
            field.call(session, name)
            session.add(field)
            session.flush()
    assert refused(lambda: open_account(GMBH | {"field-1": "viel"}, MAX | {"field-2": "31.02.1980"})) == {
        "field-1",
        "c0-field-2",
    }
    client_id = open_account(GMBH | {"field-1": "1.234,50"}, MAX | {"field-2": "29.02.1980"})
    assert row(client_id).fields == {"field-1": "1234.50"}
    assert contacts.view(member(), person().id).fields["field-2"] == "1980-02-29"


def test_members_who_are_chosen_when_an_account_is_opened_have_access_and_are_told(case_id):
    zoe = give(case_id, Rights(Rank.STAFF, manages_accounts=False, has_default_access=False))

    client_id = open_account(GMBH | {"members": f"{zoe.person_id},{member().person_id}"})

    assert accounts.view(zoe, client_id).row.client.id == client_id
    assert inbox(ZOE) == [(NoticeKind.ACCOUNT_GIVEN, f"/firm/{zoe.firm_id}/accounts/{client_id}")]
    assert inbox(ERIKA) == [], "who opens it knows"
    assert [mail.to_address for mail in mails("account_given")] == [ZOE]
    assert acts(case_id)[-2:] == ["client.opened", "access.given"]


def inbox(email: str) -> list[tuple[str, str]]:
    with reading() as session:
        mine = select(Notice.kind, Notice.path).join(Person, Person.id == Notice.person_id)
        return list(session.execute(mine.where(Person.email == email)).tuples())


def test_who_is_chosen_is_told_although_they_would_see_the_account_anyway(case_id):
    open_account(GMBH | {"members": str(member(ZOE).person_id)})
    assert [mail.to_address for mail in mails("account_given")] == [ZOE]


def test_nobody_is_chosen_who_does_not_work_with_the_firm(case_id):
    olga = stranger()
    with reading() as session:
        foreign = session.scalars(select(Person.id).where(Person.firm_id == olga.firm_id)).first()
    for wrong in (str(foreign), "999999", f"{member().person_id},0"):
        assert refused(lambda wrong=wrong: open_account(GMBH | {"members": wrong})) == {"members"}
        assert refused(lambda wrong=wrong: accounts.check(member(), GMBH | {"members": wrong}, GERMAN)) == {"members"}
    assert told_by(case_id, "client.opened") == []


@pytest.mark.parametrize("by_default", [True, False])
def test_by_default_who_opens_an_account_and_whoever_has_access_by_default_see_it(case_id, by_default):
    give(case_id, Rights(Rank.STAFF, manages_accounts=False, has_default_access=by_default))
    client_id = open_account()
    seeing = {who.email for who in accounts.view(member(), client_id).members}
    assert seeing == ({ERIKA, ZOE} if by_default else {ERIKA})
    assert mails("account_given") == []


def test_tags_that_an_account_is_opened_with_sort_it(case_id):
    client_id = open_account(GMBH | {"tags": "VIP, Bau"})
    assert [tag.name for tag in accounts.view(member(), client_id).row.tags] == ["Bau", "VIP"]


def test_an_account_has_the_folders_of_its_template_and_without_one_the_usual_folders(case_id):
    with transaction() as session:
        template = FolderTemplate(firm_id=firm_of(case_id), paths=["Steuern", "Steuern/2026"])
        template.call(session, "Steuern")
        session.add(template)
    own = open_account(GMBH | {"template": str(template.id)})
    usual = open_account({"kind": "individual"}, EVA)
    (top,) = accounts.view(member(), own).folders
    assert (top.name, [folder.name for folder in top.folders]) == ("Steuern", ["2026"])
    assert accounts.view(member(), usual).folders[0].name == "Vom Kunden hochgeladene Dokumente"


def test_the_number_that_is_marked_gets_short_messages_of_all_that_were_given(case_id):
    numbers = {
        "phone-0-kind": "landline",
        "phone-0-number": "0221 5550100",
        "phone-1-kind": "mobile",
        "phone-1-number": "0171 3920012",
        "phone-2-kind": "fax",
        "phone-2-number": "0221 5550101",
        "phone-primary": "0",
    }
    open_account(GMBH, MAX | numbers)
    phones = contacts.view(member(), person().id).phones
    assert sorted((phone.kind.value, phone.is_primary) for phone in phones) == [
        *(("fax", False), ("landline", True), ("mobile", False))
    ]


@pytest.mark.parametrize("roles", [(), ("commercial",), ("operational",), ("commercial", "operational")])
@pytest.mark.parametrize("linked", [False, True])
def test_roles_are_said_of_a_contact_who_is_created_or_linked_and_neither_is_an_employee(case_id, linked, roles):
    said = {f"is_{role}": "yes" for role in roles}
    if linked:
        open_account()
        client_id = open_account({"kind": "company", "company_name": "Zwei AG"}, {"person": str(person().id), **said})
    else:
        client_id = open_account(GMBH, MAX | said)
    ((contact, _),) = accounts.view(member(), client_id).row.contacts
    assert (contact.is_commercial, contact.is_operational) == ("commercial" in roles, "operational" in roles)
    assert contact.is_employee is (roles == ())


def test_a_contact_is_written_to_in_the_language_and_the_form_of_address_that_were_chosen(case_id):
    written = [MAX | {"language": "fr"}, {**EVA, "email": "eva@ott.example", "address_form": "du"}]
    client_id = open_account(GMBH, *written)
    for email in (MAX["email"], "eva@ott.example"):
        grants.invite_contact(firm_of(case_id), client_id, person(email).id, ERIKA)
    assert [(mail.language, mail.address_form) for mail in mails("invitation")] == [("fr", "sie"), ("de", "du")]


def test_an_account_is_found_by_where_a_contact_lives(case_id):
    client_id = open_account(GMBH, MAX | {"street": "Weg 1", "postcode": "53111", "city": "Königswinter"})

    def found(words: str) -> list[int]:
        return [each.client.id for each in accounts.listed(member(), Filter(search=words)).rows]

    assert found("koenigswinter") == found("53111 mueller") == [client_id]
    assert contacts.found(member(), "königswinter") == [], "nobody is called so"
    stands = contacts.view(member(), person().id).fields
    contacts.edit(member(), ERIKA, person().id, stands, {**stands, "city": "Unkel"}, GERMAN)
    assert (found("königswinter"), found("unkel")) == ([], [client_id])


# ---- editing


def edit(client_id: int, opened_with=None, **typed) -> None:
    stands = opened_with or accounts.view(member(), client_id).fields
    accounts.edit(member(), ERIKA, client_id, stands, {**stands, **typed}, GERMAN)


def test_an_edit_is_kept_and_written_down_with_what_it_changed(case_id):
    client_id = open_account()
    edit(client_id, number="K-7", tags="VIP")

    (told,) = told_by(case_id, "client.changed")
    assert (told["before"], told["after"]) == ({"number": "0042", "tags": ""}, {"number": "K-7", "tags": "VIP"})
    assert [entry.action for entry in accounts.view(member(), client_id).history] == ["client.changed", "client.opened"]


def test_who_saves_second_is_shown_what_the_first_has_changed_and_overwrites_nothing(case_id):
    client_id = open_account()
    both = accounts.view(member(), client_id).fields
    edit(client_id, both, number="K-7", city="Bonn")

    with pytest.raises(ChangedMeanwhile) as second:
        edit(client_id, both, city="Berlin", website="mueller.example")

    assert second.value.changed == {"number": ("0042", "K-7"), "city": ("Köln", "Bonn")}
    assert second.value.merged | {} == {**second.value.standing, "city": "Berlin", "website": "mueller.example"}
    assert row(client_id).city == "Bonn"
    accounts.edit(member(), ERIKA, client_id, second.value.standing, second.value.merged, GERMAN)
    assert (row(client_id).city, row(client_id).number) == ("Berlin", "K-7")


def test_a_contact_belongs_to_groups_and_portfolios_that_are_the_firms_own(case_id):
    firm_id = firm_of(case_id)
    with transaction() as session:
        for kind in (Group, Group, Portfolio, Portfolio):
            one = kind(firm_id=firm_id)
            one.call(session, f"Nr {len(session.scalars(select(kind)).all())}")
            session.add(one)
            session.flush()
    open_account()
    stands = contacts.view(member(), person().id).fields
    assert (stands["groups"], stands["portfolios"]) == ("", "")
    typed = {**stands, "groups": "1,2", "portfolios": "2"}
    contacts.edit(member(), ERIKA, person().id, stands, typed, GERMAN)

    shown = contacts.view(member(), person().id)
    assert ([one.id for one in shown.groups], [one.id for one in shown.portfolios]) == ([1, 2], [2])
    for name in ("groups", "portfolios"):
        foreign = {**shown.fields, name: "99"}
        assert refused(
            lambda typed=foreign: contacts.edit(member(), ERIKA, person().id, shown.fields, typed, GERMAN)
        ) == {name}


def test_of_two_who_save_at_once_one_is_shown_what_the_other_did(case_id):
    client_id = open_account()
    both, who = accounts.view(member(), client_id).fields, member()

    done = at_once(
        *(
            lambda name=name: accounts.edit(who, ERIKA, client_id, both, {**both, "name": name}, GERMAN)
            for name in ("Eins", "Zwei")
        )
    )

    assert sorted(type(one).__name__ for one in done) == ["ChangedMeanwhile", "NoneType"]
    assert row(client_id).name in {"Eins", "Zwei"}


def test_the_same_sent_twice_is_done_once(case_id):
    client_id = open_account()
    stands = accounts.view(member(), client_id).fields
    edit(client_id, stands, number="K-7")
    edit(client_id, stands, number="K-7")
    assert acts(case_id).count("client.changed") == 1


def test_a_contact_is_edited_and_accounts_named_after_them_follow(case_id):
    client_id = open_account({"kind": "individual"})
    stands = contacts.view(member(), person().id).fields
    typed = {**stands, "family_name": "Beispiel-Ott", "email": "m@beispiel.example", "hours": "Di 9–12"}
    contacts.edit(member(), ERIKA, person().id, stands, typed, GERMAN)

    assert row(client_id).name == "Beispiel-Ott, Max"
    assert person("m@beispiel.example").hours.text(GERMAN) == "Di 9–12"
    assert [found.client.id for found in accounts.listed(member(), Filter(search="m@beispiel")).rows] == [client_id]
    with pytest.raises(ChangedMeanwhile):
        contacts.edit(member(), ERIKA, person("m@beispiel.example").id, stands, typed | {"family_name": "X"}, GERMAN)


def test_a_contact_keeps_an_address_that_nobody_else_has(case_id):
    open_account(GMBH, MAX, {**EVA, "email": "eva@ott.example"})
    stands = contacts.view(member(), person().id).fields
    bad = {**stands, "email": "eva@ott.example"}
    assert refused(lambda: contacts.edit(member(), ERIKA, person().id, stands, bad, GERMAN)) == {"email"}


# ---- contacts of an account


def test_a_contact_is_added_once_and_taken_off_while_another_stays(case_id):
    client_id = open_account()
    eva = accounts.add_contact(member(), ERIKA, client_id, EVA, GERMAN)
    assert accounts.add_contact(member(), ERIKA, client_id, {"person": str(eva)}, GERMAN) == eva

    accounts.remove_contact(member(), ERIKA, client_id, eva)
    accounts.remove_contact(member(), ERIKA, client_id, eva)
    with pytest.raises(contacts.LastContact, match="Max Beispiel is the only contact of Müller"):
        accounts.remove_contact(member(), ERIKA, client_id, person().id)

    assert [who.name for _, who in accounts.view(member(), client_id).row.contacts] == ["Max Beispiel"]


def test_an_account_that_loses_its_contact_is_archived_and_nothing_of_it_is_lost(case_id):
    client_id = open_account(GMBH | {"tags": "VIP"})
    membership.withdraw(person().id, ERIKA)

    assert (row(client_id).archived_at is not None, row(client_id).number) == (True, "0042")
    with reading() as session:
        assert session.scalars(select(ClientWords.contacts).where(ClientWords.client_id == client_id)).one() == ""


def test_whoever_was_withdrawn_is_a_contact_again_as_somebody_new(case_id):
    open_account()
    membership.withdraw(person().id, ERIKA)
    second = open_account({"kind": "company", "company_name": "Zwei AG"}, {**MAX, "family_name": "Neu"})

    shown = contacts.view(member(), person().id)
    assert ([client.id for _, client in shown.places], shown.person.name) == ([second], "Max Neu")
    assert shown.person.withdrawn_at is None


# ---- lists


def test_nothing_that_was_kept_of_whoever_was_withdrawn_is_there_when_they_come_again(case_id):
    """Nor that they had agreed to stand in the public list."""
    open_account(
        GMBH, MAX | {"title": "Dr.", "is_listed": "yes", "website": "max.example", "phone-0-number": "0221 1234567"}
    )
    membership.withdraw(person().id, ERIKA)
    invitations.add_clients(firm_of(case_id), ERIKA, [Named(name="Moritz Anders", email=MAX["email"])])

    stands = contacts.view(member(), person().id).fields

    assert {stands[name] for name in ("title", "is_listed", "website", "phone-0-number")} == {""}


def test_whoever_sees_no_account_any_more_is_not_invited_any_longer(case_id):
    firm_id, client = firm_of(case_id), open_account(GMBH, MAX, EVA)
    grants.invite_contact(firm_id, client, person().id, ERIKA)
    link = token(MAX["email"], Purpose.ACTIVATE)

    accounts.remove_contact(member(), ERIKA, client, person().id)

    with pytest.raises(NoLongerInvited):
        registration.opened(link, Purpose.ACTIVATE)
    with reading() as session:
        theirs = select(Reminder).where(Reminder.person_id == person().id, Reminder.ended_at.is_(None))
        assert session.scalars(theirs).all() == []
    assert (person().invited_at, person().invitation_waits) == (None, True)


def test_nobody_is_reminded_of_accounts_that_are_archived_until_they_are_taken_back(case_id):
    client = open_account(GMBH, MAX)
    grants.invite_contact(firm_of(case_id), client, person().id, ERIKA)

    def muted_ones() -> set[int]:
        with reading() as session:
            return muted(session, [person().id])

    def due() -> list:
        with reading() as session:
            return list(session.scalars(select(Reminder.due_at).where(Reminder.person_id == person().id)))

    selection.archive(member(), ERIKA, [client])
    assert muted_ones() == {person().id}
    with transaction() as session:  # As a round leaves it that has come by meanwhile.
        session.execute(update(Reminder).where(Reminder.person_id == person().id).values(due_at=None))

    selection.archive(member(), ERIKA, [client], away=False)
    assert muted_ones() == set()
    assert None not in due()


def test_a_password_that_was_given_opens_nothing_without_access(case_id):
    firm_id, client = firm_of(case_id), open_account(GMBH, MAX, EVA)
    password = credentials.set_password(firm_id, client, person().id, ERIKA)

    grants.switch(firm_id, client, person().id, Switch.LOGIN, on=False, by=ERIKA)

    with pytest.raises(SignInRefused):
        sessions.sign_in(MAX["email"], password)
    credentials.set_password(firm_id, client, person().id, ERIKA)


def test_accounts_are_found_by_name_number_place_contact_and_address(case_id):
    client_id = open_account()
    open_account({"kind": "company", "company_name": "Andere AG"}, EVA)
    for words in ("mueller", "MÜLLER", "söhne gmbh", "0042", "köln", "50667", "max", "beispiel max", "max@beispiel"):
        assert [found.client.id for found in accounts.listed(member(), Filter(search=words)).rows] == [client_id], words
    assert accounts.listed(member(), Filter(search="mueller ott")).rows == []


def test_lists_are_filtered_by_tag_group_portfolio_member_and_state(case_id):
    firm_id = firm_of(case_id)
    with transaction() as session:
        for kind in (Group, Portfolio):
            label = kind(firm_id=firm_id)
            label.call(session, "Bau")
            session.add(label)
            session.flush()
    one = open_account(GMBH | {"tags": "VIP"}, MAX | {"groups": "1"})
    two = open_account({"kind": "company", "company_name": "Andere AG"}, EVA)
    selection.put_in_portfolio(member(), ERIKA, [one], 1)
    zoe = member(ZOE).person_id
    with transaction() as session:
        ClientAccess.say(session, two, zoe, has_access=False)
        tag = session.scalars(select(Tag.id)).one()

    def listed(**asked):
        return [found.client.id for found in accounts.listed(member(), Filter(**asked)).rows]

    assert listed() == [two, one]
    for asked in ({"tag": tag}, {"group": 1}, {"portfolio": 1}, {"member": zoe}):
        assert listed(**asked) == [one], asked
    assert listed(state=ClientState.PREPARED) == [one]
    assert listed(state=ClientState.CLOSED) == [two]
    selection.archive(member(), ERIKA, [one])
    assert (listed(), listed(state=ClientState.ARCHIVED)) == ([two], [one])
    selection.archive(member(), ERIKA, [one], away=False)
    assert listed() == [two, one]


def test_the_state_of_an_account_follows_from_all_of_its_contacts(case_id):
    """Every contact an account may have, alone and in pairs."""
    at, firm_id, expected = now(), firm_of(case_id), {}
    states = [ClientState.CLOSED, ClientState.PREPARED, ClientState.PENDING, ClientState.ACTIVE]
    kinds = [
        (state, {"login": login, "invited_at": invited, "registered_at": active})
        for state, login, invited, active in (
            *((states[0], False, invited, active) for invited, active in ((None, None), (at, None), (at, at))),
            *((states[1], True, None, None), (states[2], True, at, None), (states[3], True, at, at)),
        )
    ]
    with transaction() as session:
        for number, pair in enumerate([[], *([one] for one in kinds), *([a, b] for a in kinds for b in kinds)]):
            for archived in (None, at):
                client = Client(firm_id=firm_id, name=f"{number}", created_at=at, archived_at=archived)
                session.add(client)
                session.flush()
                best = max([0, *(states.index(state) for state, _ in pair)])
                expected[client.id] = ClientState.ARCHIVED if archived else states[best]
                for spot, (_, kind) in enumerate(pair):
                    who = Person(
                        firm_id=client.firm_id,
                        role=Role.CLIENT,
                        email=f"{client.id}-{spot}@x.example",
                        family_name="X",
                        added_at=at,
                        invited_at=kind["invited_at"],
                        registered_at=kind["registered_at"],
                    )
                    session.add(who)
                    session.flush()
                    session.add(ClientContact(client_id=client.id, person_id=who.id, login=kind["login"]))
        Client.settle(session, Client.firm_id == firm_id)
    with reading() as session:
        assert dict(session.execute(select(Client.id, Client.state)).tuples().all()) == expected
    for state in ClientState:
        listed = accounts.listed(member(), Filter(state=state)).rows
        assert {found.client.state for found in listed} == {state}


def unsettled() -> list[int]:
    """The accounts whose state does not follow from their contacts."""
    with reading() as session:
        before = dict(session.execute(select(Client.id, Client.state)).tuples().all())
    with transaction() as session:
        Client.settle(session, Client.id > 0)
        after = dict(session.execute(select(Client.id, Client.state)).tuples().all())
    return [client_id for client_id, state in before.items() if after[client_id] is not state]


def test_every_act_brings_the_state_of_accounts_up_to_date():
    case_id, seen = with_staff(), []
    firm_id = firm_of(case_id)

    def stands() -> None:
        assert unsettled() == []
        seen.append([client.state.value for client in sorted(clients(), key=lambda client: client.id)])

    def clients() -> list[Client]:
        with reading() as session:
            return list(session.scalars(select(Client)))

    open_account()
    stands()
    invitations.add_clients(firm_id, ERIKA, [Named(name="Ute Ott", email="ute@ott.example")])
    stands()
    invitations.invite_clients.fn(case_id)
    stands()
    registered("ute@ott.example", Purpose.ACTIVATE)
    stands()
    selection.archive(member(), ERIKA, [1])
    stands()
    selection.archive(member(), ERIKA, [1], away=False)
    accounts.add_contact(member(), ERIKA, 1, {"person": str(person("ute@ott.example").id), "login": "yes"}, GERMAN)
    stands()
    accounts.remove_contact(member(), ERIKA, 1, person("ute@ott.example").id)
    stands()
    stands_of = contacts.view(member(), person().id).fields
    contacts.edit(member(), ERIKA, person().id, stands_of, {**stands_of, "email": ""}, GERMAN)
    stands()
    membership.withdraw(person("ute@ott.example").id, ERIKA)
    stands()
    assert seen == [
        ["prepared"],
        ["prepared", "prepared"],
        ["prepared", "pending"],
        ["prepared", "active"],
        ["archived", "active"],
        ["active", "active"],
        ["prepared", "active"],
        ["closed", "active"],
        ["closed", "archived"],
    ]


def unfolded() -> list[int]:
    """The accounts that are not found by the words that they and the contacts that they have are called now."""
    words = select(Client.id, ClientWords.names, ClientWords.contacts, ClientWords.places).outerjoin(ClientWords)
    with reading() as session:
        before = {client_id: found for client_id, *found in session.execute(words)}
    with transaction() as session:
        refold(session, [*before])
        after = {client_id: found for client_id, *found in session.execute(words)}
    return [client_id for client_id, found in before.items() if after[client_id] != found]


def test_after_every_act_accounts_stand_as_their_contacts_do_and_the_trail_holds(case_id):
    """What is done about contacts, step by step: states, what a search looks through, the trail, and whom it names."""
    firm_id, me = firm_of(case_id), member()
    zoe = member(ZOE).person_id
    first = {**MAX, "given_name": "Xaver", "family_name": "Xylofon", "tags": "VIP", "phone-0-number": "0221 12345"}
    one = open_account({"kind": "individual"}, first)
    two = open_account(GMBH, EVA, {"person": str(person().id), "login": "yes", "is_main_commercial": "yes"})
    before = {str(fault) for each in verify() for fault in each.faults}

    def edited(**changes) -> None:
        stands = contacts.view(me, own).fields
        contacts.edit(me, ERIKA, own, stands, {**stands, **changes}, GERMAN)

    def signed_up(answer, email: str) -> None:
        wish = {"given_name": "Nina", "family_name": "Neu", "company_name": "", "street": "Am Wall 3"}
        where = {"postcode": "28195", "city": "Bremen", "country": "DE", "email": email}
        manners = {"language": GERMAN, "address_form": AddressForm.SIE}
        with reading() as session:
            company_id = session.get_one(Firm, firm_id).company_id
        sign_ups.ask(company_id, sign_ups.Wish(**wish, **where, **manners))
        with reading() as session:
            sign_up = session.scalars(select(SignUp).where(SignUp.email == email)).one()
        sign_ups.confirm(sign_up.token)
        answer(sign_up.id)

    own = person().id
    for act in (
        lambda: selection.tag(me, ERIKA, [one, two], "eins"),
        lambda: selection.assign(me, ERIKA, [one, two], zoe),
        lambda: assignment.take_access(firm_id, one, [zoe], ERIKA),
        *(
            lambda switch=each, on=on: grants.switch(firm_id, one, own, switch, on=on, by=ERIKA)
            for each in Switch
            for on in (False, True)
        ),
        lambda: grants.invite_contact(firm_id, one, own, ERIKA, "Hallo {Name}"),
        lambda: grants.invite_contact(firm_id, two, own, ERIKA, "Hallo {Konto}"),
        lambda: grants.preview(firm_id, two, own, me.person_id, "Hallo {Konto}"),
        lambda: credentials.ask_to_confirm(firm_id, two, own, ERIKA),
        lambda: edited(family_name="Zylofon", email="zylofon@beispiel.example"),
        lambda: credentials.set_password(firm_id, one, own, ERIKA),
        lambda: edited(email=""),
        lambda: edited(email=MAX["email"], family_name="Xylofon"),
        lambda: grants.switch(firm_id, one, own, Switch.LOGIN, on=True, by=ERIKA),
        lambda: grants.invite_contact(firm_id, one, own, ERIKA),
        lambda: registration.registered_elsewhere(MAX["email"], "idp|1", "Xaver", "Xylofon"),
        lambda: registered(MAX["email"], Purpose.ACTIVATE, family_name="Xylofon-Neu"),
        lambda: membership.pause(own, ERIKA),
        lambda: membership.resume(own, ERIKA),
        lambda: selection.archive(me, ERIKA, [one]),
        lambda: selection.archive(me, ERIKA, [one], away=False),
        lambda: signed_up(lambda key: sign_ups.accept(firm_id, key, me, ERIKA), "neu@beispiel.example"),
        lambda: signed_up(lambda key: sign_ups.link(firm_id, key, two, me, ERIKA), "dazu@beispiel.example"),
        lambda: signed_up(lambda key: sign_ups.decline(firm_id, key, ERIKA), "nein@beispiel.example"),
    ):
        act()
        assert (unsettled(), unfolded()) == ([], [])

    with reading() as session:
        for email in (MAX["email"], "neu@beispiel.example", "dazu@beispiel.example"):
            they = session.scalars(select(Person).where(Person.email == email)).one()
            assert named_in_any_column(email, they.name) - set(places_of(session, they)) == set()
    accounts.remove_contact(me, ERIKA, two, own)
    membership.withdraw(own, ERIKA)
    assert (unsettled(), unfolded()) == ([], [])
    assert {str(fault) for each in verify() for fault in each.faults} == before


def test_lists_go_on_behind_the_last_one_shown_also_where_names_are_equal(case_id, monkeypatch):
    monkeypatch.setattr(accounts, "SHOWN", 2)
    for number in range(5):
        open_account({"kind": "company", "company_name": "Gleich AG", "number": str(number)}, EVA)
    seen, after = [], 0
    while True:
        page = accounts.listed(member(), Filter(), after)
        seen += [found.client.number for found in page.rows]
        if page.after is None:
            break
        after = page.after
    assert seen == ["0", "1", "2", "3", "4"]


def test_as_many_statements_for_many_accounts_as_for_one(case_id, statements):
    counts = []
    first = open_account()
    for number in (0, 60):
        for each in range(number):
            open_account({"kind": "company", "company_name": f"Nr {each} AG", "tags": "VIP"}, EVA)
        who = member()
        with statements() as asked:
            accounts.listed(who, Filter())
            accounts.listed(who, Filter(search="nr ag"))
            accounts.view(who, first)
            contacts.found(who, "beispiel")
        counts.append(len(asked))
    assert counts[0] >= counts[1]


# ---- many at once


def test_as_many_statements_for_acts_on_many_accounts_as_on_one(case_id, statements):
    ids = [open_account({"kind": "company", "company_name": f"Nr {each} AG"}, EVA) for each in range(20)]
    who, zoe = member(), member(ZOE).person_id
    for act in (
        lambda keys: selection.archive(who, ERIKA, keys),
        lambda keys: selection.archive(who, ERIKA, keys, away=False),
        lambda keys: selection.tag(who, ERIKA, keys, "eins, zwei"),
        lambda keys: selection.assign(who, ERIKA, keys, zoe),
    ):
        counts = []
        for keys in (ids[:1], ids[1:2], ids[2:]):
            with statements() as asked:
                act(keys)
            counts.append(len(asked))
        assert counts[1] >= counts[2], asked


def test_what_cannot_be_a_tag_is_told_where_it_was_typed(case_id):
    client = open_account()
    assert refused(lambda: selection.tag(member(), ERIKA, [client], "VIP, " + "z" * 61)) == {"tags"}
    assert refused(lambda: selection.tag(member(), ERIKA, [client], " , ,")) == {"tags"}
    with pytest.raises(FormRefused) as refusal:
        selection.tag(member(), ERIKA, [client], "z" * 61)
    assert isinstance(refusal.value.fields["tags"], TextTooLong)
    assert accounts.listed(member(), Filter()).rows[0].tags == []


def test_tags_are_given_to_many_and_taken_from_them(case_id):
    ids = [open_account(), open_account({"kind": "company", "company_name": "Zwei AG"}, EVA)]
    assert selection.tag(member(), ERIKA, [*ids, 999], "VIP, Bau") == 2
    selection.tag(member(), ERIKA, ids, "vip")
    selection.tag(member(), ERIKA, ids[:1], "BAU", off=True)

    tags = {found.client.id: [tag.name for tag in found.tags] for found in accounts.listed(member(), Filter()).rows}
    assert tags == {ids[0]: ["VIP"], ids[1]: ["Bau", "VIP"]}
    assert accounts.view(member(), ids[1]).history[0].action == "client.tagged"


def test_a_tag_that_nobody_has_is_taken_from_none_and_not_made(case_id):
    ids = [open_account(GMBH | {"tags": "VIP"}), open_account({"kind": "company", "company_name": "Zwei AG"}, EVA)]

    assert selection.tag(member(), ERIKA, ids, "Nie, vergeben", off=True) == 0
    assert selection.tag(member(), ERIKA, ids, "vip", off=True) == 1

    with reading() as session:
        assert [tag.name for tag in Tag.of(session, member().firm_id)] == ["VIP"]
    assert [entry.action for entry in accounts.view(member(), ids[1]).history] == ["client.opened"]


def test_what_is_so_already_is_not_counted_and_not_kept_in_the_trail(case_id):
    with transaction() as session:
        portfolio = Portfolio(firm_id=firm_of(case_id))
        portfolio.call(session, "Nord")
        session.add(portfolio)
    one, two = open_account(GMBH | {"tags": "VIP"}), open_account({"kind": "company", "company_name": "Zwei AG"}, EVA)
    me, zoe = member(), member(ZOE).person_id
    selection.put_in_portfolio(me, ERIKA, [one], portfolio.id)
    assignment.give_access(firm_of(case_id), one, [zoe], ERIKA)
    for act, action in (
        (lambda: selection.tag(me, ERIKA, [one, two], "vip"), "client.tagged"),
        (lambda: selection.put_in_portfolio(me, ERIKA, [one, two], portfolio.id), "client.put_in_portfolio"),
        (lambda: selection.assign(me, ERIKA, [one, two], zoe), "access.given"),
    ):
        before = acts(case_id)
        assert [act(), act()] == [1, 0]
        assert acts(case_id) == [*before, action]
        assert accounts.view(me, two).history[0].action == action

    before = acts(case_id)
    assignment.give_access(firm_of(case_id), one, [zoe], ERIKA)
    for _ in range(2):
        assignment.take_access(firm_of(case_id), one, [zoe], ERIKA)
    assert acts(case_id) == [*before, "access.taken"]


def test_an_account_leaves_a_portfolio(case_id):
    firm_id = firm_of(case_id)
    with transaction() as session:
        portfolio = Portfolio(firm_id=firm_id)
        portfolio.call(session, "Nord")
        session.add(portfolio)
    client_id = open_account()
    for _ in range(2):
        selection.put_in_portfolio(member(), ERIKA, [client_id], portfolio.id)
    for _ in range(2):
        selection.leave_portfolio(member(), ERIKA, client_id, portfolio.id)
    with reading() as session:
        assert session.scalars(select(PortfolioClient)).all() == []
    assert acts(case_id)[-1] == "client.left_portfolio"


# ---- who sees what


@pytest.mark.parametrize("by_default", [True, False])
@pytest.mark.parametrize("said", [True, False, None])
@pytest.mark.parametrize("rank", Rank)
def test_a_member_sees_only_accounts_that_they_have_access_to(case_id, by_default, said, rank):
    client_id = open_account()
    rights = Rights(Rank.STAFF if rank is Rank.OWNER else rank, manages_accounts=True, has_default_access=by_default)
    who = member() if rank is Rank.OWNER else give(case_id, rights)
    if said is not None:
        with transaction() as session:
            ClientAccess.say(session, client_id, who.person_id, has_access=said)
    sees = rank is not Rank.STAFF or (by_default if said is None else said)

    def tried(act) -> bool:
        try:
            return bool(act())
        except NotFound:
            return False

    assert tried(lambda: accounts.listed(who, Filter()).rows) is sees
    assert accounts.listed(who, Filter()).total == (None if rank is Rank.STAFF else 1)
    assert tried(lambda: accounts.view(who, client_id)) is sees
    assert tried(lambda: contacts.view(who, person().id)) is sees
    assert tried(lambda: contacts.found(who, "max")) is sees
    assert tried(lambda: selection.tag(who, ZOE, [client_id], "VIP")) is sees
    assert tried(lambda: selection.archive(who, ZOE, [client_id])) is sees


def test_what_a_member_does_not_see_is_not_named_to_them_either(case_id):
    open_account(GMBH | {"company_name": "Geheim GmbH"}, {**MAX, "family_name": "Geheim"})
    who = give(case_id, Rights(Rank.STAFF, manages_accounts=True, has_default_access=False))
    own = open_account({"kind": "company", "company_name": "Eigen AG"}, EVA, who=who)

    with pytest.raises(FormRefused) as refusal:
        open_account(GMBH, MAX, who=who)
    with pytest.raises(FormRefused) as other:
        accounts.add_contact(who, ZOE, own, MAX, GERMAN)

    assert set(refusal.value.fields) == {"number", "c0-email"}
    assert "Geheim" not in str([*map(str, refusal.value.fields.values()), *map(str, other.value.fields.values())])
    assert selection.tag(who, ZOE, [1], "Neu") == 0


def test_who_opens_an_account_has_access_to_it(case_id):
    who = give(case_id, Rights(Rank.STAFF, manages_accounts=True, has_default_access=False))
    client_id = open_account(who=who)
    assert accounts.view(who, client_id).row.client.id == client_id
    assert "Zoe Zahl" in [each.name for each in accounts.view(member(), client_id).members]


def test_accounts_of_another_firm_do_not_exist(case_id):
    client_id = open_account()
    olga = stranger()
    stands = accounts.view(member(), client_id).fields
    for act in (
        lambda: accounts.view(olga, client_id),
        lambda: contacts.view(olga, person().id),
        lambda: accounts.edit(olga, ERIKA, client_id, stands, stands, GERMAN),
        lambda: contacts.edit(olga, ERIKA, person().id, {}, {}, GERMAN),
        lambda: accounts.add_contact(olga, ERIKA, client_id, EVA, GERMAN),
        lambda: accounts.remove_contact(olga, ERIKA, client_id, person().id),
        lambda: accounts.listed(olga, Filter(member=member().person_id)),
    ):
        with pytest.raises(NotFound):
            act()
    assert (selection.archive(olga, ERIKA, [client_id]), selection.tag(olga, ERIKA, [client_id], "X")) == (0, 0)
    assert row(client_id).archived_at is None
