"""Extra options: what becomes of them when a module goes over to another tariff."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import NamedTuple, Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.contracts.booking import BookedOption, Change
from models.contracts.catalogue import Article, ArticleKey, PriceList


class Going(NamedTuple):
    """A booking that goes over to another tariff, or would."""

    booking_id: int
    tariff_id: int
    price_list_id: int
    ends_on: date
    """The last day of the tariff that runs."""

    @classmethod
    def of(cls, change: Change) -> Self:
        return cls(change.booking_id, change.tariff_id or 0, change.price_list_id or 0, change.ends_on)


class Following(NamedTuple):
    """An option that runs until then, and the article of the new tariff as which it goes on."""

    option: BookedOption
    before: Article
    article: Article | None
    """The one of the same code; None: it ends with the old tariff."""
    amount: Decimal | None
    """What one costs there in a billing interval."""


def after(session: Session, goings: Iterable[Going]) -> dict[int, list[Following]]:
    """By booking what becomes of its options then, in as many statements for many as for one.

    Those that belong to the new tariff already stay as they are.
    """
    of_each = {going.booking_id: going for going in goings}
    if not of_each:
        return {}
    booked = select(BookedOption, Article).join(Article, Article.id == BookedOption.article_id)
    rows = session.execute(booked.where(BookedOption.booking_id.in_(of_each)).order_by(BookedOption.id)).tuples()
    running = [row for row in rows if _runs(*row, of_each[row[0].booking_id])]
    if not running:
        return {}
    lists = PriceList.positions_of(session, {going.price_list_id for going in of_each.values()})
    found: dict[int, list[Following]] = {}
    for option, article in running:
        there = {
            each.code: (each, amount)
            for each, amount in lists.get(of_each[option.booking_id].price_list_id, [])
            if each.key is ArticleKey.OPTION
        }
        following, amount = there.get(article.code, (None, None))
        found.setdefault(option.booking_id, []).append(Following(option, article, following, amount))
    return found


def _runs(option: BookedOption, article: Article, going: Going) -> bool:
    return article.tariff_id != going.tariff_id and (option.ends_on is None or option.ends_on > going.ends_on)
