"""What accounting is handed over, month by month."""
# ruff: noqa: F811  (fixtures)

from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import delete, select, update

from models.audit import HOUSE, trail
from models.contracts.booking import BookedOption, Booking, ChangeKind, Phase
from models.contracts.catalogue import Article, ArticleKey
from models.contracts.contract import Addressee, Contract, Copy, NoReverseCharge, Recipient, SentAs, TaxTreatment
from models.contracts.declaration import ReceivedBeforeOrder
from models.contracts.handover import Charge, MonthUnreadable, read_month
from models.contracts.tax import REVERSE_CHARGE
from models.db import reading, transaction
from models.firm import Firm, LineOfBusiness
from models.settings import settings
from tasks.contracts import billing, changes, effects
from tasks.contracts.changes import Wish
from tests.factories import at_once
from tests.tasks.test_contract_effects import daily, publish
from tests.tasks.test_contracts import (  # noqa: F401  (fixtures)
    BERLIN,
    MANAGER,
    OPERATOR,
    at,
    ends,
    firm_id,
    ordered,
    phone,
    prices_of,
)

MARCH, APRIL, MAY, JUNE = (date(2027, month, 1) for month in (3, 4, 5, 6))


@pytest.fixture
def booking_id(firm_id, phone, clock):
    """A telephone service from 10 March 2027, 120 a year; it is all that the firm has."""
    at(clock, 2027, 3, 10)
    with transaction() as session:
        session.execute(delete(Phase))
        session.execute(delete(Booking))
    return ordered(firm_id, phone)


def change(**facts) -> None:
    with transaction() as session:
        contract = session.scalars(select(Contract)).one()
        for name, value in facts.items():
            setattr(contract, name, value)


def of(month: date) -> list[billing.BilledPosition]:
    return [row for page in billing.all_pages(month) for row in page.rows]


def told(month: date) -> list[tuple[str, str, int, str]]:
    return [(row.days_from, row.days_to, row.quantity, row.net) for row in of(month)]


def test_each_position_says_all_that_an_invoice_says_of_it(booking_id, firm_id):
    change(customer_number="10815", order_number="PO-7", payment_days=30)
    with transaction() as session:
        for email, copy, way in (
            ("rechnung@kanzlei.example", Copy.TO, SentAs.LINK),
            ("chef@kanzlei.example", Copy.CC, SentAs.ATTACHMENT),
        ):
            session.add(Recipient(firm_id=firm_id, email=email, copy=copy, sent_as=way))
        company_id = session.get_one(Firm, firm_id).company_id
        partner = Addressee.from_json(session.get_one(Contract, 1).partner)
    (row,) = of(MARCH)
    assert (row.id, row.state, row.period, row.corrects) == (None, "open", "2027-03", None)
    assert (row.company_id, row.name, row.city, row.country) == (company_id, partner.name, partner.city, "DE")
    assert (row.customer_number, row.order_number, row.payment_days) == ("10815", "PO-7", 30)
    assert (row.to, row.cc, row.by_link) == (
        "rechnung@kanzlei.example",
        "chef@kanzlei.example",
        "rechnung@kanzlei.example",
    )
    assert (row.tax, row.tax_rate, row.tax_reason, row.tax_note) == ("standard", "19", "home", "")
    assert (row.module, row.tariff, row.price_version, row.article_key) == ("phone", "small", 1, "base")
    assert row.text == "Telefonservice, small, base"
    assert (row.billing_period_from, row.billing_period_to) == ("2027-03-10", "2028-03-09")
    assert (row.days, row.days_of_period, row.quantity) == (366, 366, 1)
    assert (row.price, row.currency, row.net) == ("120.00", "EUR", "120.00")


def test_who_gets_it_is_the_owner_as_long_as_nobody_is_named(booking_id, firm_id):
    (row,) = of(MARCH)
    assert (row.to, row.cc) == ("erika@freitag.example", "")
    with transaction() as session:
        session.add(Recipient(firm_id=firm_id, email="chef@kanzlei.example", copy=Copy.CC))
    change(sent_as=SentAs.LINK)
    (row,) = of(MARCH)
    assert row.by_link == "erika@freitag.example"
    assert (row.to, row.cc) == ("erika@freitag.example", "chef@kanzlei.example")  # A copy alone has nobody to go to.
    with transaction() as session:
        session.add(Recipient(firm_id=firm_id, email="rechnung@kanzlei.example", copy=Copy.TO))
    (row,) = of(MARCH)
    assert (row.to, row.cc, row.by_link) == ("rechnung@kanzlei.example", "chef@kanzlei.example", "")


def test_a_month_that_is_over_stays_as_it_is_and_what_became_known_later_comes_in_the_next(booking_id, firm_id, clock):
    at(clock, 2027, 4, 2)
    march = of(MARCH)
    assert [(row.state, row.net) for row in march] == [("final", "120.00")]
    ends(firm_id, booking_id, MANAGER, chosen=date(2027, 6, 30), reason="Kulanz")
    moved = Addressee("Neue Kanzlei", street="Am Wall 4", postcode="80331", city="München").to_json()
    change(billing_address=moved, order_number="PO-8")
    with transaction() as session:
        session.execute(update(Article).values(names={"de": "Anders genannt"}))
    assert of(MARCH) == march
    at(clock, 2027, 5, 1)
    assert of(MARCH) == march

    april = of(APRIL)
    assert [(row.days_from, row.days_to, row.quantity, row.net) for row in april] == [
        ("2027-03-10", "2028-03-09", -1, "-120.00"),
        ("2027-03-10", "2027-06-30", 1, "37.05"),  # 113 of 366 days.
    ]
    assert [row.corrects for row in april] == [march[0].id, None]
    assert {(row.name, row.order_number) for row in april} == {("Neue Kanzlei", "PO-8")}
    at(clock, 2027, 8, 1)
    effects.apply_due.fn()
    assert [of(month) for month in (MAY, JUNE, date(2027, 7, 1))] == [[], [], []]
    assert (of(MARCH), of(APRIL)) == (march, april)


def test_a_letter_that_came_in_time_and_is_entered_late_takes_back_what_was_billed_at_prices_that_rose_since(
    booking_id, firm_id, phone, clock
):
    publish(phone["small"], date(2027, 6, 1), "150")
    for day in (date(2028, 1, 28), date(2028, 4, 2)):
        at(clock, day.year, day.month, day.day)
        daily()
    march = of(date(2028, 3, 1))
    assert [(row.days_from, row.net) for row in march] == [("2028-03-10", "150.00")]

    received = datetime(2027, 12, 1, 9, tzinfo=BERLIN)
    assert ends(firm_id, booking_id, OPERATOR, received_at=received).ends_on == date(2028, 3, 9)
    daily()
    at(clock, 2028, 5, 1)

    assert [(row.corrects, row.quantity, row.net) for row in of(date(2028, 4, 1))] == [(march[0].id, -1, "-150.00")]
    assert of(date(2028, 5, 1)) == []
    with reading() as session:
        assert session.get_one(Booking, booking_id).ended_at == datetime(2028, 3, 10, tzinfo=BERLIN)


def test_nothing_is_received_before_it_was_ordered(booking_id, firm_id, clock):
    at(clock, 2028, 4, 2)
    assert ends(firm_id, booking_id, OPERATOR, received_at=datetime(2027, 3, 10, tzinfo=BERLIN))
    with pytest.raises(ReceivedBeforeOrder):
        ends(firm_id, booking_id, OPERATOR, received_at=datetime(2027, 3, 9, 23, 59, tzinfo=BERLIN))


def test_who_goes_on_after_all_is_billed_the_rest_and_another_tariff_from_its_first_day(
    booking_id, firm_id, phone, clock
):
    at(clock, 2027, 4, 2)
    assert billing.close_months.fn() == 1
    ends(firm_id, booking_id, MANAGER, chosen=date(2027, 6, 30), reason="Kulanz")
    at(clock, 2027, 5, 2)
    assert told(APRIL)[1][3] == "37.05"
    changes.ask_undo(firm_id, booking_id, MANAGER)
    changes.agree_undo(firm_id, booking_id, MANAGER)
    wish = Wish(ChangeKind.TARIFF, phone["large"], chosen=date(2027, 6, 7), reason="Kulanz")
    changes.declare_change(firm_id, booking_id, MANAGER, wish, price_list_id=prices_of(phone["large"]))
    at(clock, 2027, 7, 1)  # Nothing was applied meanwhile: it is billed by its day all the same.
    assert told(MAY) == [("2027-03-10", "2027-06-30", -1, "-37.05"), ("2027-03-10", "2027-06-07", 1, "29.51")]
    assert told(JUNE) == [("2027-06-08", "2028-06-07", 1, "240.00")]
    effects.apply_due.fn()
    at(clock, 2027, 8, 1)
    assert told(date(2027, 7, 1)) == []


def test_a_test_account_is_never_billed_and_its_past_is_not_either(booking_id, firm_id, clock):
    change(is_test=True)
    assert of(MARCH) == []
    at(clock, 2027, 4, 20)
    assert of(MARCH) == []
    change(is_test=False)
    assert told(APRIL) == [("2027-04-20", "2028-03-09", 1, "106.56")]  # 325 of 366 days.
    at(clock, 2028, 4, 1)
    assert told(APRIL) == [("2027-04-20", "2028-03-09", 1, "106.56")]
    change(is_test=True)
    change(is_test=False)
    at(clock, 2028, 5, 1)
    assert told(date(2028, 3, 1)) == [("2028-03-10", "2029-03-09", 1, "120.00")]
    assert told(date(2028, 4, 1)) == []


def test_tax_is_looked_at_anew_and_never_owed_by_a_customer_at_home(booking_id, monkeypatch):
    def tax() -> tuple[str, str | None, str, str, str]:
        (row,) = of(MARCH)
        return row.state, row.tax_rate, row.tax_reason, row.tax_note, row.provider_vat_id

    vienna = Addressee("Kanzlei Wien", street="Ring 1", postcode="1010", city="Wien", country="AT").to_json()
    change(tax=TaxTreatment.REVERSE_CHARGE, vat_id="ATU13585627")
    assert tax() == ("open", "19", "never_at_home", "", "")
    with reading() as session:
        contract = session.get_one(Contract, 1)
    contract.billing_address = vienna  # The partner is at home as before.
    with pytest.raises(NoReverseCharge):
        contract.tax_as(TaxTreatment.REVERSE_CHARGE, "ATU13585627", "DE")
    change(partner=vienna)
    assert tax()[:3] == ("held", None, "held")
    monkeypatch.setenv("PROVISION_PROVIDER_VAT_ID", "DE136695976")
    settings.cache_clear()
    assert tax() == ("open", None, "reverse_charge", "Steuerschuldnerschaft des Leistungsempfängers", "DE136695976")
    assert tax()[3] == REVERSE_CHARGE["DE"]
    change(vat_id="")
    assert tax()[:3] == ("open", "19", "no_vat_id")
    change(tax=TaxTreatment.STANDARD)
    assert tax()[:3] == ("open", "19", "standard")
    change(tax=TaxTreatment.NOT_TAXABLE)
    assert tax()[1:3] == (None, "not_taxable")


def test_what_is_held_comes_in_the_month_in_which_it_can_be_billed(booking_id, clock, monkeypatch):
    vienna = Addressee("Kanzlei Wien", country="AT").to_json()
    change(tax=TaxTreatment.REVERSE_CHARGE, vat_id="ATU13585627", partner=vienna)
    at(clock, 2027, 4, 2)
    assert of(MARCH) == []
    monkeypatch.setenv("PROVISION_PROVIDER_VAT_ID", "DE136695976")
    settings.cache_clear()
    assert [(row.state, row.net) for row in of(APRIL)] == [("open", "120.00")]


def test_months_are_closed_once_however_many_ask_and_the_trail_has_it(booking_id, clock):
    at(clock, 2027, 6, 2)
    at_once(billing.close_months.fn, billing.close_months.fn)
    assert billing.close_months.fn() == 0
    with reading() as session:
        closed = [entry.facts["period"] for entry in trail(session, HOUSE) if entry.action == "billing.closed"]
        assert len(list(session.scalars(select(Charge)))) == 1
    assert closed[-3:] == ["2027-03", "2027-04", "2027-05"]
    assert len(set(closed)) == len(closed)


def test_a_month_to_come_is_told_by_what_falls_due_in_it(booking_id):
    assert told(date(2028, 3, 1)) == [("2028-03-10", "2029-03-09", 1, "120.00")]
    assert told(date(2028, 4, 1)) == []
    for written in ("2027", "2027-13", "2027-1", "1027-01", "January"):
        with pytest.raises(MonthUnreadable):
            read_month(written)


def test_however_many_are_billed_it_takes_as_many_statements(booking_id, firm_id, clock, statements):
    def asked() -> int:
        with statements() as made:
            assert len(of(MARCH)) == count
        return len(made)

    count = 1
    few = asked()
    with transaction() as session:
        booking, (phase,) = session.get_one(Booking, booking_id), Phase.of(session, [booking_id])[booking_id]
        for number in range(40):
            firm = Firm(name=f"Kanzlei {number}", line_of_business=LineOfBusiness.TAX, created_at=booking.ordered_at)
            session.add(firm)
            session.flush()
            session.add(copied(session.scalars(select(Contract)).first(), firm_id=firm.id, billed_from=None))
            another = copied(booking, firm_id=firm.id)
            session.add(another)
            session.flush()
            session.add(copied(phase, firm_id=firm.id, booking_id=another.id))
    count = 41
    assert asked() == few
    at(clock, 2027, 4, 1)
    first = billing.positions(MARCH, 0, 20)
    assert len(first.rows) == 20
    assert len(billing.positions(MARCH, first.after, 30).rows) == 21


def copied(row, **facts):
    kept = {column.key: getattr(row, column.key) for column in row.__table__.columns if column.key != "id"}
    return type(row)(**kept | facts)


def test_a_year_of_changes_adds_up_to_what_the_whole_year_costs(booking_id, firm_id, phone, clock):
    """All that was handed over, credits and all, is what a look back from the end gives."""
    with transaction() as session:
        article = session.scalars(
            select(Article).where(Article.tariff_id == phone["small"], Article.key == ArticleKey.OPTION)
        ).one()
        facts = {"firm_id": firm_id, "booking_id": booking_id, "article_id": article.id}
        option = BookedOption(**facts, quantity=3, amount=Decimal("12.5"), starts_on=date(2027, 4, 15))
        session.add(option)
    at(clock, 2027, 6, 15)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for month in (MARCH, APRIL, MAY):
        for row in of(month):
            sums[row.article_key] += Decimal(row.net)
    assert sums == {"base": Decimal(120), "option": Decimal("33.81")}  # 330 of 366 days at 37.50.
    with transaction() as session:
        session.get_one(BookedOption, option.id).ends_on = date(2027, 5, 31)
    ends(firm_id, booking_id, MANAGER, chosen=date(2027, 12, 31), reason="Kulanz")
    at(clock, 2028, 6, 1)
    effects.apply_due.fn()
    for number in range(6, 18):
        for row in of(date(2027 + (number - 1) // 12, (number - 1) % 12 + 1, 1)):
            sums[row.article_key] += Decimal(row.net)
    assert sums == {"base": Decimal("97.38"), "option": Decimal("4.82")}  # 297 and 47 of 366 days.
