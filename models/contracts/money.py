"""Amounts of money: exact, never binary fractions, and rounded once, where something is billed."""

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from sqlalchemy import Dialect, String
from sqlalchemy.types import TypeDecorator

from models.errors import N_, ProvisionError
from models.number import number_of
from models.people.manners import Language
from models.text import one_line

CENT = Decimal("0.01")
FINEST = Decimal("0.0001")
"""Prices of small things have four decimals."""
MOST = Decimal(10_000_000)
LONGEST = 30
"""Characters of an amount, however it is grouped."""
SIGNS: Final = {"EUR": "€", "CHF": "Fr."}
"""The currencies in which prices are agreed, and how else people write them."""


class AmountInvalid(ProvisionError):
    status = 422
    says = N_("“%(written)s” is not an amount: write it in digits, with at most four decimals, for example 147.00.")

    def __init__(self, written: str) -> None:
        super().__init__(written)
        self.written = written


class Amount(TypeDecorator[Decimal]):
    """A column of amounts, kept as the digits that people read: SQLite has no decimal numbers."""

    impl = String(20)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, _dialect: Dialect) -> str | None:
        return None if value is None else f"{value:f}"

    def process_result_value(self, value: Any, _dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


def amount(written: str, language: Language, currency: str = "EUR") -> Decimal:
    """What was typed, as its reader or anybody writes it, with or without the currency; raises AmountInvalid."""
    text = one_line(written)
    signs = "|".join(map(re.escape, {currency, SIGNS.get(currency, currency)}))
    digits = re.sub(rf"^({signs})\s*|\s*({signs})$", "", text, count=1)
    value = number_of(digits, language) if len(digits) <= LONGEST else None
    if value is None or not 0 <= value < MOST or value != value.quantize(FINEST):
        raise AmountInvalid(text[:40])
    return in_full(abs(value))  # “-0” is nothing, and no amount below it.


def in_full(value: Decimal) -> Decimal:
    """With its cents, and more decimals only where it has them."""
    return value.quantize(CENT) if value == value.quantize(CENT) else value


def in_cents(value: Decimal) -> Decimal:
    """Rounded to whole cents, half a cent upwards: what is done once with each row that is billed."""
    return value.quantize(CENT, ROUND_HALF_UP)
