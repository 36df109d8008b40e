"""What a firm sets up for its clients."""

import pytest
from sqlalchemy import func, select

from models.clients import renaming
from models.clients.client import Client
from models.clients.custom_field import ChoicesMissing, FieldKind, FieldOf
from models.clients.folders import FolderNameUnfit, FolderTemplate
from models.clients.group import Group, GroupMember
from models.clients.label import LabelGone, LabelMissing, LabelTaken
from models.clients.naming import NameFormat
from models.clients.tag import ClientTag, ContactTag
from models.db import reading, transaction
from models.errors import NotFound
from models.onboarding import Onboarding
from models.people.person import Person, Role
from models.text import TextTooLong
from tasks.clients import settings
from tasks.clients.settings import Faults, Kind, Manner, Written
from tests.factories import acts, at_once, case, everything, firm_of, opened, told_by, with_client, with_organiser
from tests.tasks.test_firm_page import many_clients

ERIKA = "erika@freitag.example"
FIRST_FAMILY = Manner(NameFormat.FAMILY_FIRST, is_listed=True, takes_sign_ups=True)
FIRST_GIVEN = Manner(NameFormat.GIVEN_FIRST, is_listed=True, takes_sign_ups=True)
WRITTEN = {
    Kind.GROUPS: (Written("Chefs", functions=["messages"]), Written("Bosse", functions=["invoices", "documents"])),
    Kind.TAGS: (Written("Eilig"), Written("Dringend")),
    Kind.FIELDS: (Written("Farbe", kind=FieldKind.CHOICE, choices="rot\nblau"), Written("Ton", choices="rot\ngrün")),
    Kind.FOLDERS: (Written("Steuern", paths="A/B"), Written("Abgaben", paths="A\nC")),
    Kind.PORTFOLIOS: (Written("Bau"), Written("Handel")),
}
TOLD = {
    Kind.GROUPS: (
        {"name": "Chefs", "functions": ["messages"]},
        {"name": "Bosse", "functions": ["documents", "invoices"]},
    ),
    Kind.TAGS: ({"name": "Eilig"}, {"name": "Dringend"}),
    Kind.FIELDS: ({"name": "Farbe", "choices": ["rot", "blau"]}, {"name": "Ton", "choices": ["rot", "grün"]}),
    Kind.FOLDERS: ({"name": "Steuern", "paths": ["A", "A/B"]}, {"name": "Abgaben", "paths": ["A", "C"]}),
    Kind.PORTFOLIOS: ({"name": "Bau"}, {"name": "Handel"}),
}


@pytest.fixture
def case_id():
    return with_organiser()


@pytest.fixture
def firm_id(case_id):
    return firm_of(case_id)


@pytest.mark.parametrize("kind", Kind)
def test_each_is_added_changed_and_deleted_and_the_trail_tells_it(case_id, firm_id, kind):
    (first, second), (told_first, told_second) = WRITTEN[kind], TOLD[kind]

    key = settings.add(firm_id, ERIKA, kind, first)
    assert settings.told(settings.one_of(firm_id, kind, key).row) == told_first
    for _ in range(2):  # However often.
        settings.change(firm_id, ERIKA, kind, key, second)
    assert [settings.told(each.row) for each in settings.listed(firm_id, kind)] == [told_second]

    (added,), (changed,) = told_by(case_id, "setting.added"), told_by(case_id, "setting.changed")
    assert (added["kind"], added["setting"], added["after"], added["by"]) == (kind, key, told_first, ERIKA)
    assert (changed["before"], changed["after"]) == (told_first, told_second)
    if kind is Kind.FIELDS:
        with pytest.raises(NotFound):
            settings.delete(firm_id, ERIKA, kind, key)
        return
    assert [settings.delete(firm_id, ERIKA, kind, key) for _ in range(2)] == [True, False]
    assert settings.listed(firm_id, kind) == []
    assert [facts["before"] for facts in told_by(case_id, "setting.deleted")] == [told_second]


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_kept(firm_id):
    settings.add(firm_id, ERIKA, Kind.TAGS, Written("Eilig"))
    field = settings.add(firm_id, ERIKA, *(Kind.FIELDS, WRITTEN[Kind.FIELDS][0]))
    before = everything()

    def faults(act, *about):
        with pytest.raises(Faults) as refused:
            act(firm_id, ERIKA, *about)
        return {name: type(refusal) for name, refusal in refused.value.at.items()}

    assert faults(settings.add, Kind.TAGS, Written("eilig")) == {"name": LabelTaken}
    assert faults(settings.add, Kind.GROUPS, Written("x" * 61)) == {"name": TextTooLong}
    one = Written("", kind=FieldKind.CHOICE, choices="rot")
    assert faults(settings.add, Kind.FIELDS, one) == {"name": LabelMissing, "choices": ChoicesMissing}
    assert faults(settings.change, Kind.FIELDS, field, one) == {"name": LabelMissing, "choices": ChoicesMissing}
    assert faults(settings.add, Kind.FOLDERS, Written(" ", paths="CON")) == {
        "name": LabelMissing,
        "paths": FolderNameUnfit,
    }
    assert everything() == before


def test_the_kind_of_a_field_and_what_it_belongs_to_stay(firm_id):
    key = settings.add(
        firm_id, ERIKA, Kind.FIELDS, Written("Seit", belongs_to=FieldOf.CONTACT, kind=FieldKind.DATE, choices="x\ny")
    )

    settings.change(firm_id, ERIKA, Kind.FIELDS, key, Written("Von", kind=FieldKind.NUMBER))

    row = settings.one_of(firm_id, Kind.FIELDS, key).row
    assert (row.name, row.belongs_to, row.kind, row.choices) == ("Von", FieldOf.CONTACT, FieldKind.DATE, [])


def test_a_field_is_put_away_and_taken_back_with_all_it_holds(case_id, firm_id):
    key = settings.add(firm_id, ERIKA, *(Kind.FIELDS, WRITTEN[Kind.FIELDS][0]))

    for away in (True, True, False, False):
        settings.put_away(firm_id, ERIKA, key, away=away)
        assert (settings.one_of(firm_id, Kind.FIELDS, key).row.archived_at is not None) == away

    assert acts(case_id)[-2:] == ["setting.put_away", "setting.taken_back"]
    assert settings.one_of(firm_id, Kind.FIELDS, key).row.choices == ["rot", "blau"]


@pytest.mark.parametrize("kind", Kind)
def test_those_of_another_firm_are_not_there(firm_id, kind):
    key = settings.add(firm_id, ERIKA, kind, WRITTEN[kind][0])
    other = firm_of(opened("test:2", organiser={"name": "Olga Ott", "email": "olga@ott.example"}))
    before = everything()

    tries = [
        lambda: settings.one_of(other, kind, key),
        lambda: settings.change(other, ERIKA, kind, key, WRITTEN[kind][1]),
        lambda: settings.put_away(other, ERIKA, key, away=True),
    ]
    for attempt in tries:
        with pytest.raises(NotFound):
            attempt()
    if kind is not Kind.FIELDS:
        assert not settings.delete(other, ERIKA, kind, key)
    assert settings.listed(other, kind) == []
    assert everything() == before


def test_what_has_a_label_is_counted_and_loses_it_with_as_many_statements_for_many(statements):
    firm_id, counts = firm_of(case := with_client()), []
    for first, more in ((0, 1), (1, 40)):
        many_clients(case, more, first)
        key = settings.add(firm_id, ERIKA, Kind.TAGS, Written("Eilig"))
        with transaction() as session:
            clients = session.scalars(select(Client.id)).all()
            people = session.scalars(select(Person.id).where(Person.role == Role.CLIENT)).all()
            session.add_all(ClientTag(client_id=each, tag_id=key) for each in clients)
            session.add_all(ContactTag(person_id=each, tag_id=key) for each in people)
        with statements() as asked:
            (tag,) = settings.listed(firm_id, Kind.TAGS)
            settings.delete(firm_id, ERIKA, Kind.TAGS, key)
        assert tag.counts == (len(clients), len(people))
        counts.append(len(asked))
    assert counts[0] == counts[1]
    with reading() as session:
        assert session.scalars(select(func.count(ClientTag.id))).one() == 0


def test_an_account_whose_template_is_deleted_has_the_standard_again():
    firm_id = firm_of(with_client())
    key = settings.add(firm_id, ERIKA, *(Kind.FOLDERS, WRITTEN[Kind.FOLDERS][0]))
    with transaction() as session:
        session.scalars(select(Client)).one().folder_template_id = key
    assert settings.one_of(firm_id, Kind.FOLDERS, key).counts == (1,)

    settings.delete(firm_id, ERIKA, Kind.FOLDERS, key)

    with reading() as session:
        assert session.scalars(select(Client.folder_template_id)).one() is None
        assert session.scalars(select(FolderTemplate)).all() == []


def test_a_group_is_deleted_while_somebody_is_put_into_it():
    firm_id = firm_of(with_client())
    key = settings.add(firm_id, ERIKA, *(Kind.GROUPS, WRITTEN[Kind.GROUPS][0]))

    def put_in():
        with transaction() as session:
            Onboarding.of_firm(session, firm_id)
            max_id = session.scalars(select(Person.id).where(Person.role == Role.CLIENT)).one()
            session.add_all(
                GroupMember(person_id=max_id, group_id=group.id) for group in Group.chosen(session, firm_id, [key])
            )

    done = at_once(put_in, lambda: settings.delete(firm_id, ERIKA, Kind.GROUPS, key))

    assert done[1] is True
    assert done[0] is None or isinstance(done[0], LabelGone)
    with reading() as session:
        assert session.scalars(select(GroupMember)).all() == []


def test_two_who_add_the_same_at_once_make_one(firm_id):
    done = at_once(*[lambda: settings.add(firm_id, ERIKA, Kind.TAGS, Written("Eilig"))] * 2)

    assert {type(one) for one in done} == {int, Faults}
    assert len(settings.listed(firm_id, Kind.TAGS)) == 1


def test_what_contacts_without_a_group_may_use_is_set(case_id, firm_id):
    for _ in range(2):
        settings.open_to_others(firm_id, ERIKA, ["invoices", "x", "messages"])

    assert case(case_id).firm.functions == ["messages", "invoices"]
    (told,) = told_by(case_id, "functions.opened")
    assert told["after"] == ["messages", "invoices"]


# ---- how accounts are called


def names(firm_id):
    with reading() as session:
        return session.scalars(select(Client.name).where(Client.firm_id == firm_id).order_by(Client.id)).all()


def test_accounts_follow_the_format_and_saying_it_again_changes_nothing(monkeypatch):
    monkeypatch.setattr(renaming, "RENAMED_AT_ONCE", 2)
    case_id = with_client()
    many_clients(case_id, 4)
    firm_id = firm_of(case_id)
    before = names(firm_id)
    assert settings.frame(firm_id, whole=True).followers == 5

    assert settings.set_manner(firm_id, ERIKA, FIRST_GIVEN) == 5
    assert names(firm_id) == ["Max Beispiel", *(f"Änne Müller {number:04}" for number in range(4))]
    assert settings.set_manner(firm_id, ERIKA, FIRST_GIVEN) == 0
    assert settings.set_manner(firm_id, ERIKA, FIRST_FAMILY) == 5
    assert names(firm_id) == before
    assert acts(case_id).count("firm.set_up") == 2


def test_what_broke_off_goes_on_when_it_is_said_again(monkeypatch):
    case_id = with_client()
    many_clients(case_id, 3)
    firm_id = firm_of(case_id)

    def broken(*_):
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(renaming, "rename_some", broken)
        with pytest.raises(ConnectionError):
            settings.set_manner(firm_id, ERIKA, FIRST_GIVEN)
    assert names(firm_id)[0] == "Beispiel, Max"

    assert settings.set_manner(firm_id, ERIKA, FIRST_GIVEN) == 4
    assert names(firm_id)[0] == "Max Beispiel"


def test_two_who_set_another_format_at_once_leave_all_accounts_in_the_one_that_counts(monkeypatch):
    monkeypatch.setattr(renaming, "RENAMED_AT_ONCE", 2)
    case_id = with_client()
    many_clients(case_id, 7)
    firm_id = firm_of(case_id)

    done = at_once(*(lambda m=m: settings.set_manner(firm_id, ERIKA, m) for m in (FIRST_GIVEN, FIRST_FAMILY)))

    assert [one for one in done if isinstance(one, Exception)] == []
    is_family_first = case(case_id).firm.name_format is NameFormat.FAMILY_FIRST
    assert {"," in name for name in names(firm_id)} == {is_family_first}


def test_whether_a_firm_is_found_and_takes_registrations_is_set(case_id, firm_id):
    settings.set_manner(firm_id, ERIKA, Manner(NameFormat.FAMILY_FIRST, is_listed=False, takes_sign_ups=False))

    firm = case(case_id).firm
    assert (firm.is_listed, firm.takes_sign_ups) == (False, False)
    (told,) = told_by(case_id, "firm.set_up")
    assert told["before"] == {"name_format": "family_first", "is_listed": True, "takes_sign_ups": True}


def test_the_first_page_counts_what_there_is(firm_id):
    for kind in Kind:
        settings.add(firm_id, ERIKA, kind, WRITTEN[kind][0])

    frame = settings.frame(firm_id, whole=True)

    assert frame.entries == dict.fromkeys(Kind, 1)
    assert (frame.stopped, frame.has_logo, frame.followers) == (False, False, 0)
