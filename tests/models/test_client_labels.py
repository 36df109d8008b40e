"""Tags, groups, portfolios, fields and folder templates: each name once, and gone from whatever had it."""

import pytest
from sqlalchemy import select

from models.clients.client import Client, ClientKind
from models.clients.custom_field import CustomField, FieldKind, FieldOf
from models.clients.folders import FolderTemplate
from models.clients.function import Function, in_order
from models.clients.group import Group, GroupMember, functions_of
from models.clients.label import LABEL_MOST, LabelGone, LabelMissing, LabelTaken, label
from models.clients.portfolio import Portfolio, PortfolioClient, PortfolioMember
from models.clients.tag import ClientTag, ContactTag, Tag
from models.db import reading, transaction
from models.errors import NotFound
from models.firm import Firm
from models.people.person import Person, Role
from models.text import TextTooLong
from models.time.clock import now
from tests.factories import at_once

SIMPLE = [Tag, Group, Portfolio]


@pytest.fixture
def firms():
    """Two of them."""
    with transaction() as session:
        made = [Firm(name=name, line_of_business="tax", created_at=now()) for name in ("Eins", "Zwei")]
        session.add_all(made)
        session.flush()
        return [firm.id for firm in made]


def named(session, table, firm_id, name, **values):
    row = table(firm_id=firm_id, **values)
    row.call(session, name)
    session.add(row)
    session.flush()
    return row


def account(session, firm_id):
    return Client.open(session, firm_id, ClientKind.COMPANY, now(), name="Muster GmbH", by_hand=True)


def contact(session, firm_id, email="max@beispiel.example"):
    person = Person(firm_id=firm_id, role=Role.CLIENT, email=email, family_name="Beispiel", added_at=now())
    session.add(person)
    session.flush()
    return person


# ---- names


def test_a_name_is_one_line_and_is_compared_without_capitals_accents_and_umlauts():
    assert label("  Größe \n Ä ") == ("Größe Ä", "groesse ae")


@pytest.mark.parametrize("nothing", ["", "  ", "\u200b", "\u0301"])
def test_a_name_of_nothing_is_none(nothing):
    with pytest.raises(LabelMissing):
        label(nothing)


def test_a_name_has_its_length_and_signs_that_are_written_out_fit_as_well():
    assert label("x" * LABEL_MOST)[0] == "x" * LABEL_MOST
    assert len(label("\ufdfa" * LABEL_MOST)[1]) == 2 * LABEL_MOST
    with pytest.raises(TextTooLong) as refused:
        label("x" * (LABEL_MOST + 1))
    assert refused.value.field == "name"


@pytest.mark.parametrize("kind", SIMPLE)
def test_of_two_names_that_differ_in_capitals_or_accents_a_firm_has_one_and_another_firm_its_own(firms, kind):
    with transaction() as session:
        named(session, kind, firms[0], "Müller")
        named(session, kind, firms[1], "Müller")
        for same in ("MÜLLER", "mueller", " Müller "):
            with pytest.raises(LabelTaken):
                named(session, kind, firms[0], same)
        named(session, kind, firms[0], "Muller")


def test_a_row_may_be_called_as_it_is_in_other_capitals(firms):
    with transaction() as session:
        tag = named(session, Tag, firms[0], "eilig")

        tag.call(session, "Eilig")

        assert tag.name == "Eilig"


def test_a_field_of_accounts_and_one_of_contacts_may_have_the_same_name(firms):
    def field(session, belongs_to):
        return named(session, CustomField, firms[0], "Seit", belongs_to=belongs_to, kind=FieldKind.DATE, choices=[])

    with transaction() as session:
        for belongs_to in FieldOf:
            field(session, belongs_to)
            with pytest.raises(LabelTaken):
                field(session, belongs_to)


def test_they_are_listed_in_the_order_of_the_alphabet_and_those_of_others_are_not(firms):
    with transaction() as session:
        for name in ("zwei", "Äpfel", "Birnen"):
            named(session, Tag, firms[0], name)
        other = named(session, Tag, firms[1], "Fremd")

        assert [tag.name for tag in Tag.of(session, firms[0])] == ["Äpfel", "Birnen", "zwei"]
        with pytest.raises(NotFound):
            Tag.get(session, firms[0], other.id)
        with pytest.raises(NotFound):
            Tag.get(session, firms[0], 4711)


def test_two_who_give_the_same_name_at_once_make_one(firms):
    def make():
        with transaction() as session:
            named(session, Tag, firms[0], "Eilig")

    done = at_once(make, make)

    assert {type(one) for one in done} == {type(None), LabelTaken}
    with reading() as session:
        assert len(Tag.of(session, firms[0])) == 1


# ---- tags


def test_tags_are_made_where_there_is_none_yet_and_an_empty_name_says_nothing(firms):
    with transaction() as session:
        there = named(session, Tag, firms[0], "Eilig")

        tags = Tag.named(session, firms[0], ["EILIG", " ", "neu", "Neu", ""])

        assert {tag.name for tag in tags} == {"Eilig", "neu"}
        assert there in tags
        assert Tag.named(session, firms[0], []) == []
        assert len(Tag.of(session, firms[0])) == 2


def test_two_who_make_the_same_tags_at_once_get_the_same(firms):
    def make():
        with transaction() as session:
            return sorted(tag.id for tag in Tag.named(session, firms[0], ["a", "b"]))

    one, other = at_once(make, make)

    assert one == other


# ---- who has them


@pytest.fixture
def had(firms):
    """One of each kind that an account and a contact have, and one that nobody has; gives both ids by kind."""
    with transaction() as session:
        made = {}
        for kind in (*SIMPLE, FolderTemplate):
            values = {"paths": ["A"]} if kind is FolderTemplate else {}
            made[kind] = [named(session, kind, firms[0], name, **values).id for name in ("hat", "leer")]
        client, person = account(session, firms[0]), contact(session, firms[0])
        client.folder_template_id = made[FolderTemplate][0]
        session.add_all(
            [
                ClientTag(client_id=client.id, tag_id=made[Tag][0]),
                ContactTag(person_id=person.id, tag_id=made[Tag][0]),
                GroupMember(person_id=person.id, group_id=made[Group][0]),
                PortfolioClient(portfolio_id=made[Portfolio][0], client_id=client.id),
                PortfolioMember(portfolio_id=made[Portfolio][0], person_id=person.id),
            ]
        )
        return made


HAVE = {Tag: (1, 1), Group: (1,), Portfolio: (1, 1), FolderTemplate: (1,)}


@pytest.mark.parametrize("kind", HAVE)
def test_it_is_counted_who_has_each_and_what_nobody_has_is_not_there(firms, had, kind):
    with reading() as session:
        assert kind.counts(session, firms[0]) == {had[kind][0]: HAVE[kind]}
        assert kind.counts(session, firms[1]) == {}


@pytest.mark.parametrize("kind", HAVE)
def test_what_is_removed_is_taken_from_all_that_have_it_in_a_statement_a_table(firms, had, kind, statements):
    with transaction() as session, statements() as asked:
        kind.get(session, firms[0], had[kind][0]).remove(session)
        session.flush()

    assert len(asked) == 2 + len(HAVE[kind])
    with reading() as session:
        assert kind.counts(session, firms[0]) == {}
        assert [row.id for row in kind.of(session, firms[0])] == had[kind][1:]
        assert session.scalars(select(Client.folder_template_id)).one() == (
            None if kind is FolderTemplate else had[FolderTemplate][0]
        )


def test_fields_are_on_nobodys_list(firms):
    with reading() as session:
        assert CustomField.counts(session, firms[0]) == {}


def test_what_a_form_names_is_there_and_the_firms_own(firms, had):
    with transaction() as session:
        assert [group.name for group in Group.chosen(session, firms[0], had[Group])] == ["hat", "leer"]
        assert Group.chosen(session, firms[0], []) == []
        for wrong in ((firms[1], had[Group]), (firms[0], [*had[Group], 4711])):
            with pytest.raises(LabelGone):
                Group.chosen(session, *wrong)


def test_a_group_that_is_deleted_while_somebody_is_put_into_it_leaves_nothing_behind(firms, had):
    group = had[Group][1]
    with transaction() as session:
        people = [contact(session, firms[0], f"a{number}@kunde.example").id for number in range(5)]

    def put_in(person):
        with transaction() as session:
            session.add_all(GroupMember(person_id=person, group_id=each.id) for each in chosen(session))

    def chosen(session):
        return Group.chosen(session, firms[0], [group])

    def remove():
        with transaction() as session:
            Group.get(session, firms[0], group).remove(session)

    done = at_once(*(lambda person=person: put_in(person) for person in people), remove)

    assert {type(one) for one in done} <= {type(None), LabelGone}
    assert done[-1] is None
    with reading() as session:
        assert [row.id for row in Group.of(session, firms[0])] == had[Group][:1]
        assert session.scalars(select(GroupMember.id).where(GroupMember.group_id == group)).all() == []


# ---- what groups open


def test_who_is_in_several_groups_may_use_what_any_of_them_opens_and_who_is_in_none_what_the_firm_says():
    firm = Firm(name="Eins", functions=["messages"])
    papers, money = Group(functions=["documents"]), Group(functions=["invoices", "documents"])

    assert functions_of(firm, []) == [Function.MESSAGES]
    assert functions_of(firm, [papers]) == [Function.DOCUMENTS]
    assert functions_of(firm, [money, papers]) == [Function.DOCUMENTS, Function.INVOICES]
    assert functions_of(firm, [Group(functions=[])]) == []


def test_functions_are_kept_once_each_and_nothing_that_is_none():
    assert in_order(["invoices", "x", "messages", "invoices"]) == ["messages", "invoices"]
    assert in_order([*Function]) == [function.value for function in Function]
