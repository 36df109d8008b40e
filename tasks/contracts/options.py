"""Extra options: what becomes of them when a module goes over to another tariff."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.contracts.booking import BookedOption, Change
from models.contracts.catalogue import Article, ArticleKey, PriceList


class Following(NamedTuple):
    """An option, and the article of the new tariff as which it goes on."""

    option: BookedOption
    article: Article | None
    """The one of the same code; None: it ends with the old tariff."""
    amount: Decimal | None
    """What one costs there in a billing interval."""


def after_changes(session: Session, changes: Iterable[Change]) -> dict[int, list[Following]]:
    """By booking what becomes of each option that runs when these changes of tariff take effect.

    In as many statements for many as for one. Options that belong to the new tariff already stay as they are.
    """
    of_each = {change.booking_id: change for change in changes}
    if not of_each:
        return {}
    runs = select(BookedOption, Article).join(Article, Article.id == BookedOption.article_id)
    runs = runs.join(Change, Change.booking_id == BookedOption.booking_id)
    runs = runs.where(Change.id.in_([change.id for change in of_each.values()]), Article.tariff_id != Change.tariff_id)
    runs = runs.where(or_(BookedOption.ends_on.is_(None), BookedOption.ends_on > Change.ends_on))
    running = session.execute(runs.order_by(BookedOption.id)).tuples().all()
    if not running:
        return {}
    lists = PriceList.positions_of(
        session, {change.price_list_id for change in of_each.values() if change.price_list_id}
    )
    found: dict[int, list[Following]] = {}
    for option, article in running:
        there = {
            each.code: (each, amount)
            for each, amount in lists.get(of_each[option.booking_id].price_list_id or 0, [])
            if each.key is ArticleKey.OPTION
        }
        following, amount = there.get(article.code, (None, None))
        found.setdefault(option.booking_id, []).append(Following(option, following, amount))
    return found
