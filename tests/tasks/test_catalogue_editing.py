"""Managers keep the catalogue: what can be ordered, and at which prices."""

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import select

from models.audit import HOUSE, newest
from models.clients.custom_field import ChoicesMissing, FieldKind
from models.contracts.booking import ChangeKind, Phase
from models.contracts.catalogue import (
    Article,
    ArticleKey,
    GermanMissing,
    KeyInvalid,
    KeyMissing,
    KeyTaken,
    LengthInvalid,
    LengthMissing,
    Module,
    ModuleField,
    PriceList,
    PriceMissing,
    PricesTooEarly,
    PricesUnchanged,
    Tariff,
)
from models.contracts.contract import BillingSettings, Contract, PaymentDaysInvalid
from models.contracts.money import AmountInvalid, amount
from models.contracts.terms import NoticeTo, Period
from models.db import reading, transaction
from models.errors import FormRefused, NotFound
from models.people.manners import Language
from models.subscription import Interval
from models.time.clock import now
from tasks.contracts import catalogue_editing, catalogue_view, changes, orders, page, pricing, samples
from tasks.contracts.catalogue_editing import DayMissing, NoSetUp, Sort
from tasks.contracts.changes import Wish
from tasks.contracts.details import SectionChanged
from tasks.contracts.orders import ManagersAlone, PricesChanged, Who
from tests.factories import at_once, countersigned, firm_of
from tests.tasks.test_contracts import (
    CLIENT,
    MANAGER,
    OPERATOR,
    at,
    catalogue,
    ends,
    no_faults,
    ordered,
    phases,
    plan,
    prices_of,
    row,
)

SCAN = {"name-de": "Belegscan", "name-en": "Scanning", "about-de": "Liest Belege.", "code": "scan"}
YEARLY = {
    "name-de": "Jahr",
    "code": "year",
    "interval": "yearly",
    "currency": "CHF",
    "notice_to": "term_end",
    "first_term": "12",
    "first_term-unit": "M",
    "extension": "",
    "notice": "6",
    "notice-unit": "W",
}


@pytest.fixture
def firm_id(no_runs):
    return firm_of(countersigned())


@pytest.fixture
def phone(clock):
    return catalogue()


def wrong(refused) -> dict[str, type]:
    return {field: type(fault) for field, fault in refused.value.fields.items()}


def stamp(sort: Sort, row_id: int) -> str:
    return catalogue_editing.form(sort, row_id)[2]


def typed(tariff_id: int, day: str, base: str, **others: str) -> dict[str, str]:
    """What is typed into the form of new prices, by the articles' codes."""
    with reading() as session:
        articles = Tariff.get(session, tariff_id).articles(session)
    return {"valid_from": day} | {f"price-{each.id}": others.get(each.code, base) for each in articles}


def test_a_module_with_fields_and_tariffs_is_made_and_told_in_the_trail(no_runs, clock):
    at(clock, 2027, 3, 1)
    module_id = catalogue_editing.add(MANAGER, Sort.MODULE, 0, SCAN)
    field_id = catalogue_editing.add(
        MANAGER,
        Sort.FIELD,
        module_id,
        {"name-de": "Gerät", "kind": "choice", "choices": "klein\nGROSS\ngroß\n\n", "editor": "operator"},
    )
    tariff_id = catalogue_editing.add(MANAGER, Sort.TARIFF, module_id, YEARLY)
    option_id = catalogue_editing.add(
        MANAGER, Sort.ARTICLE, tariff_id, {"name-de": "Postfach", "code": "box", "key": "option"}
    )

    field, tariff, option = row(ModuleField, field_id), row(Tariff, tariff_id), row(Article, option_id)
    assert (field.choices, field.editor, field.is_required) == (["klein", "GROSS"], "operator", False)
    assert (tariff.interval, tariff.currency, tariff.notice_to) == (Interval.YEARLY, "CHF", NoticeTo.TERM_END)
    assert (tariff.first_term, tariff.extension, tariff.notice) == (Period.parse("12M"), None, Period.parse("6W"))
    assert (option.key, option.called(Language.FRENCH)) == (ArticleKey.OPTION, "Postfach")
    with reading() as session:
        acts = [(entry.action, entry.facts["kind"]) for entry in newest(session, HOUSE, 99, without={"case.opened"})]
        assert [article.code for article in tariff.articles(session)] == ["base", "box"]
    assert acts == [("catalogue.added", each) for each in ("module", "field", "tariff", "article")]
    assert no_faults()


def test_all_that_does_not_fit_is_told_at_once_and_nothing_is_made(no_runs):
    with pytest.raises(FormRefused) as refused:
        catalogue_editing.add(MANAGER, Sort.MODULE, 0, {"name-fr": "x" * 101, "code": "Scan!"})
    assert wrong(refused)["name-de"] is GermanMissing
    assert wrong(refused)["code"] is KeyInvalid
    assert len(wrong(refused)) == 3
    module_id = catalogue_editing.add(MANAGER, Sort.MODULE, 0, SCAN)
    with pytest.raises(FormRefused) as taken:
        catalogue_editing.add(MANAGER, Sort.MODULE, 0, SCAN)
    assert wrong(taken) == {"code": KeyTaken}
    with pytest.raises(FormRefused) as terms:
        catalogue_editing.add(
            MANAGER, Sort.TARIFF, module_id, {"first_term": "0", "notice": "viel", "extension": "121"}
        )
    assert wrong(terms) == {
        "name-de": GermanMissing,
        "code": KeyMissing,
        **dict.fromkeys(("first_term", "notice", "extension"), LengthInvalid),
    }
    with pytest.raises(FormRefused) as nothing:
        catalogue_editing.add(MANAGER, Sort.TARIFF, module_id, SCAN | {"extension": "1"})
    assert wrong(nothing) == dict.fromkeys(("first_term", "notice"), LengthMissing)
    with pytest.raises(FormRefused) as field:
        catalogue_editing.add(
            MANAGER, Sort.FIELD, module_id, {"name-de": "Gerät", "kind": "choice", "choices": "nur eins"}
        )
    assert wrong(field) == {"choices": ChoicesMissing}
    with reading() as session:
        assert session.scalars(select(Tariff)).all() == []


@pytest.mark.parametrize(("who", "refusal"), [(OPERATOR, ManagersAlone), (CLIENT, NotFound)])
def test_only_managers_keep_it(phone, who, refusal):
    acts = [
        lambda: catalogue_editing.add(who, Sort.MODULE, 0, SCAN),
        lambda: catalogue_editing.change(who, Sort.MODULE, phone["module"], SCAN, stamp(Sort.MODULE, phone["module"])),
        lambda: catalogue_editing.withdraw(who, Sort.TARIFF, phone["small"]),
        lambda: catalogue_editing.foresee_prices(phone["small"], who, {}),
        lambda: catalogue_editing.publish(phone["small"], who, {}, ""),
        lambda: catalogue_editing.set_billing(who, {"payment_days": "3"}, ""),
    ]
    for act in acts:
        with pytest.raises(refusal):
            act()


def test_of_two_managers_the_second_sees_what_stands_there_now(phone):
    was = stamp(Sort.MODULE, phone["module"])
    catalogue_editing.change(MANAGER, Sort.MODULE, phone["module"], {"name-de": "Telefon"}, was)
    with pytest.raises(SectionChanged):
        catalogue_editing.change(MANAGER, Sort.MODULE, phone["module"], {"name-de": "Fax"}, was)
    again = stamp(Sort.MODULE, phone["module"])
    catalogue_editing.change(
        MANAGER, Sort.MODULE, phone["module"], {"name-de": "Telefon"}, again
    )  # Nothing to be told.

    assert row(Module, phone["module"]).names == {"de": "Telefon"}
    with reading() as session:
        (act,) = newest(session, HOUSE, 99, without={"case.opened"})
    assert (act.action, act.facts["before"]["name-de"], act.facts["after"]["name-de"]) == (
        "catalogue.changed",
        "Telefonservice",
        "Telefon",
    )


def test_the_terms_of_a_tariff_stay_once_it_has_prices_and_its_names_do_not(no_runs):
    module_id = catalogue_editing.add(MANAGER, Sort.MODULE, 0, SCAN)
    tariff_id = catalogue_editing.add(MANAGER, Sort.TARIFF, module_id, YEARLY)
    fresh = stamp(Sort.TARIFF, tariff_id)
    catalogue_editing.change(MANAGER, Sort.TARIFF, tariff_id, YEARLY | {"notice": "3", "notice-unit": "M"}, fresh)
    assert row(Tariff, tariff_id).notice == Period.parse("3M")
    before = stamp(Sort.TARIFF, tariff_id)
    catalogue_editing.publish(tariff_id, MANAGER, typed(tariff_id, now().date().isoformat(), "99"), "0")
    with pytest.raises(SectionChanged):  # The form was made before there were any.
        catalogue_editing.change(MANAGER, Sort.TARIFF, tariff_id, YEARLY, before)
    catalogue_editing.change(
        MANAGER, Sort.TARIFF, tariff_id, YEARLY | {"name-de": "Anders"}, stamp(Sort.TARIFF, tariff_id)
    )
    assert (row(Tariff, tariff_id).notice, row(Tariff, tariff_id).names["de"]) == (Period.parse("3M"), "Anders")


def test_before_prices_are_published_it_is_told_whom_they_concern_and_from_when(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    at(clock, 2027, 5, 20)
    seen = catalogue_editing.foresee_prices(phone["small"], MANAGER, typed(phone["small"], "1.6.2027", "1.150,50"))
    assert (seen.concerned, seen.unconcerned) == ([(date(2028, 3, 1), 1)], 0)
    late = catalogue_editing.foresee_prices(phone["small"], MANAGER, typed(phone["small"], "1.4.2028", "150"))
    assert late.concerned == [(date(2029, 3, 1), 1)]

    catalogue_editing.publish(phone["small"], MANAGER, typed(phone["small"], "1.6.2027", "1.150,50"), seen.was)
    pricing.announce_prices.fn()
    at(clock, 2028, 1, 19)
    pricing.announce_prices.fn()
    assert phases(booking_id)[0].reprices_on == date(2028, 3, 1)
    with reading() as session:
        following = session.get_one(PriceList, phases(booking_id)[0].next_price_list_id)
        assert [value for _, value in following.positions(session)] == [Decimal("1150.50")] * 2
        assert session.get_one(Phase, phases(booking_id)[0].id).price_list_id != following.id
    after = catalogue_editing.foresee_prices(phone["small"], MANAGER, typed(phone["small"], "1.2.2028", "160"))
    assert after.concerned == [(date(2029, 3, 1), 1)]  # One after the other.
    assert no_faults()


@pytest.mark.parametrize("why", ["price agreed alone", "ends before"])
def test_whom_new_prices_do_not_concern_is_not_counted(firm_id, phone, clock, why):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    if why == "ends before":
        ends(firm_id, booking_id)
    else:
        with transaction() as session:
            session.get_one(Phase, phases(booking_id)[0].id).base_amount = Decimal(100)
    seen = catalogue_editing.foresee_prices(phone["small"], MANAGER, typed(phone["small"], "2.3.2027", "150"))
    assert (seen.concerned, seen.unconcerned) == ([], 1)


def test_prices_that_do_not_fit_are_told_at_once_and_a_published_version_stays(phone, clock):
    at(clock, 2027, 3, 1)
    small = phone["small"]
    with pytest.raises(FormRefused) as refused:
        catalogue_editing.foresee_prices(small, MANAGER, typed(small, "28.2.2027", "-", option="zehn"))
    assert [*wrong(refused).values()] == [PricesTooEarly, PriceMissing, AmountInvalid]
    with pytest.raises(FormRefused) as missing:
        catalogue_editing.foresee_prices(small, MANAGER, typed(small, "", ""))
    assert [*wrong(missing).values()] == [DayMissing, PriceMissing, PriceMissing]

    was = catalogue_editing.foresee_prices(small, MANAGER, typed(small, "1.4.2027", "150", option="–")).was
    catalogue_editing.publish(small, MANAGER, typed(small, "1.4.2027", "150", option="–"), was)
    with pytest.raises(SectionChanged):
        catalogue_editing.publish(small, MANAGER, typed(small, "2.4.2027", "160"), was)
    with pytest.raises(FormRefused) as same_day:
        catalogue_editing.foresee_prices(small, MANAGER, typed(small, "1.4.2027", "160"))
    assert wrong(same_day) == {"valid_from": PricesTooEarly}
    with pytest.raises(FormRefused) as same:
        catalogue_editing.foresee_prices(small, MANAGER, typed(small, "2.4.2027", "150,00", option="–"))
    assert [*wrong(same).values()] == [PricesUnchanged]

    shown = catalogue_view.tariff(small)
    assert [(v.prices.number, len(v.amounts), v.is_current) for v in shown.versions] == [(2, 1, False), (1, 2, True)]
    assert shown.earliest == date(2027, 4, 2)
    with reading() as session:
        told = newest(session, HOUSE, 1)[0]
    assert told.facts["after"] == {
        "tariff": "small",
        "number": 2,
        "valid_from": "2027-04-01",
        "net": {"base": "150.00"},
    }


def test_what_is_withdrawn_is_ordered_by_nobody_and_stays_with_whoever_has_it(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    for _ in range(2):
        catalogue_editing.withdraw(MANAGER, Sort.TARIFF, phone["large"])
    large = Wish(ChangeKind.TARIFF, phone["large"])
    with pytest.raises(NotFound):
        changes.declare_change(firm_id, booking_id, OPERATOR, large, price_list_id=prices_of(phone["large"]))
    catalogue_editing.withdraw(MANAGER, Sort.MODULE, phone["module"])
    assert row(Phase, phases(booking_id)[0].id).ends_on is None
    ends(firm_id, booking_id)
    at(clock, 2028, 3, 2)
    with pytest.raises(NotFound):
        ordered(firm_id, phone, OPERATOR)
    catalogue_editing.withdraw(MANAGER, Sort.MODULE, phone["module"], back=True)
    ordered(firm_id, phone, OPERATOR)
    with reading() as session:
        acts = [entry.action for entry in newest(session, HOUSE, 99, without={"case.opened"})]
    assert acts == ["catalogue.withdrawn", "catalogue.withdrawn", "catalogue.offered"]


def test_who_has_a_module_that_is_withdrawn_still_chooses_among_its_tariffs_that_are_on_sale(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    booking_id = ordered(firm_id, phone)
    catalogue_editing.withdraw(MANAGER, Sort.MODULE, phone["module"])
    shown = page.view(firm_id, CLIENT)
    assert [each.module.id for each in shown.orderable] == []
    booked = next(each for each in shown.booked if each.key == booking_id)
    assert {offer.tariff.id for offer in page.offers(firm_id, booked, CLIENT)} == {phone["small"], phone["large"]}
    large = Wish(ChangeKind.TARIFF, phone["large"])
    changes.declare_change(firm_id, booking_id, CLIENT, large, price_list_id=prices_of(phone["large"]))


def test_a_plan_has_no_set_up_and_one_base(no_runs):
    tariff_id = plan("plus", Interval.QUARTERLY)
    setup = {"name-de": "Einrichtung", "code": "setup", "key": "setup"}
    with pytest.raises(FormRefused) as refused:
        catalogue_editing.add(MANAGER, Sort.ARTICLE, tariff_id, setup)
    assert wrong(refused) == {"key": NoSetUp}
    made = catalogue_editing.add(MANAGER, Sort.ARTICLE, tariff_id, setup | {"key": "base"})
    assert row(Article, made).key is ArticleKey.OPTION


def test_general_terms_of_payment_are_those_of_contracts_to_come(firm_id):
    fields, was = catalogue_editing.billing_form()
    assert fields == {"payment_days": "14"}
    with pytest.raises(FormRefused) as refused:
        catalogue_editing.set_billing(MANAGER, {"payment_days": "bald"}, was)
    assert wrong(refused) == {"payment_days": PaymentDaysInvalid}
    catalogue_editing.set_billing(MANAGER, {"payment_days": "30"}, was)
    with pytest.raises(SectionChanged):
        catalogue_editing.set_billing(MANAGER, {"payment_days": "10"}, was)
    with reading() as session:
        assert BillingSettings.payment_days_now(session) == 30
        assert Contract.of(session, firm_id).payment_days == 14


def test_two_who_publish_at_once_publish_one_version(phone, clock):
    at(clock, 2027, 3, 1)
    small = phone["small"]
    was = catalogue_editing.foresee_prices(small, MANAGER, typed(small, "1.4.2027", "150")).was
    said = at_once(
        lambda: catalogue_editing.publish(small, MANAGER, typed(small, "1.4.2027", "150"), was),
        lambda: catalogue_editing.publish(small, MANAGER, typed(small, "2.4.2027", "160"), was),
    )
    assert [type(each) for each in said if isinstance(each, Exception)] == [SectionChanged]
    assert len(catalogue_view.tariff(small).versions) == 2


def test_who_orders_while_prices_are_published_has_those_that_were_shown_or_is_asked_again(firm_id, phone, clock):
    at(clock, 2027, 3, 1)
    small = phone["small"]
    shown, prices = prices_of(small), typed(small, "1.3.2027", "150")
    was = catalogue_editing.foresee_prices(small, MANAGER, prices).was
    fields = {phone["fields"]["number"]: "030 5550100"}
    published, said = at_once(
        lambda: catalogue_editing.publish(small, MANAGER, prices, was),
        lambda: orders.order(firm_id, CLIENT, phone["module"], small, shown, fields).id,
    )
    assert not isinstance(published, Exception)
    if isinstance(said, Exception):
        assert isinstance(said, PricesChanged)
    else:
        pricing.announce_prices.fn()
        (phase,) = phases(said)
        assert phase.price_list_id == shown
        assert phase.announce_on == date(2028, 1, 19)  # The new ones are not forgotten.


@pytest.mark.parametrize(
    ("language", "written"),
    [
        *[("de", "1.234,50"), ("fr", "1 234,50"), ("fr", "1\N{NARROW NO-BREAK SPACE}234,50 €"), ("en", "1,234.50")],
        *[("de", "1,234.50 EUR"), ("en", "1.234,50"), ("fr", "€ 1234,5")],
    ],
)
def test_an_amount_is_read_as_its_reader_or_anybody_writes_it(language, written):
    assert amount(written, Language(language)) == Decimal("1234.50")
    assert str(amount("-0", Language(language))) == "0.00"


@pytest.mark.parametrize("written", ["", "zehn", "-1", "1,23456", "1e9", "9" * 40, "10000000", "5 CHF", "١٢"])
def test_what_is_no_amount_is_refused(written):
    with pytest.raises(AmountInvalid):
        amount(written, Language.GERMAN)


def test_a_managers_language_says_how_a_price_is_read(phone, clock):
    at(clock, 2027, 3, 1)
    for language, price in ((Language.GERMAN, Decimal("1234.00")), (Language.ENGLISH, Decimal("1.234"))):
        who = Who(MANAGER.by, MANAGER.authority, language)
        seen = catalogue_editing.foresee_prices(phone["small"], who, typed(phone["small"], "2027-04-01", "1.234"))
        assert {*seen.prices.values()} == {price}


def test_sample_modules_are_brought_once_whatever_becomes_of_them_and_can_be_ordered(firm_id, clock):
    at(clock, 2027, 3, 1)
    with transaction() as session:  # As where it was ended half-way.
        session.add(Module(code="scan", names={"de": "Belegscan"}))
    assert samples.bring_samples() == 2
    assert samples.bring_samples() == 0
    shown = {each.module.code: each for each in catalogue_view.catalogue().modules}
    for code in ("phone", "scan"):
        assert len({each.tariff.interval for each in shown[code].on_sale}) == 2
    kinds = {field.kind for code in ("phone", "scan") for field in shown[code].fields}
    assert kinds == {*FieldKind}
    catalogue_editing.withdraw(MANAGER, Sort.MODULE, shown["scan"].module.id)
    assert samples.bring_samples() == 0

    tariff = shown["phone"].on_sale[0].tariff
    keys = {field.called(Language.GERMAN): field.key for field in shown["phone"].fields}
    typed = {keys["Rufnummer, die umgeleitet wird"]: "030 5550100", keys["Besetzt"]: "24/7"}
    orders.order(firm_id, CLIENT, tariff.module_id, tariff.id, prices_of(tariff.id), typed)
    assert no_faults()
