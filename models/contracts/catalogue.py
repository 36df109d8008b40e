"""What can be ordered: modules, the tariffs of each, and what their articles cost from a date on.

A module has data of its own, as typed as the fields that firms add to their accounts. A tariff has one billing
interval, one term and one time of notice. Its price list has versions, none of which is changed once it is published:
what was agreed stays, and a new version counts for contracts that are there from the first period that starts after
its date.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, Self, TypeVar

from sqlalchemy import JSON, Dialect, ForeignKey, Index, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.types import TypeDecorator

from models.clients.custom_field import FieldKind, Typed
from models.contracts.money import SIGNS, Amount
from models.contracts.terms import ONE_DAY, Law, NoticeTo, Period, Terms, Unit
from models.db import MUTE, Base, Instant, Key
from models.errors import N_, Faults, NotFound, ProvisionError
from models.people.manners import Language
from models.subscription import Interval, Plan
from models.text import fitting, one_line, paragraphs

NAME_MOST, ABOUT_MOST, KEY_MOST = 100, 1000, 40
Choice = TypeVar("Choice", bound=StrEnum)


class KeyInvalid(ProvisionError):
    status = 422
    says = N_("“%(key)s” cannot be a key: write small letters, digits and hyphens, a letter first, at most 40.")

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class KeyMissing(ProvisionError):
    status = 422
    says = N_("The key is missing: write small letters, digits and hyphens, a letter first, at most 40.")


class KeyTaken(ProvisionError):
    status = 422
    says = N_("“%(key)s” is there already: choose another key.")

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class GermanMissing(ProvisionError):
    status = 422
    says = N_("The German name is missing: it stands wherever there is none in another language.")


class PriceMissing(ProvisionError):
    status = 422
    says = N_("“%(article)s” has no price: write one, 0 if it costs nothing.")

    def __init__(self, article: str) -> None:
        super().__init__(article)
        self.article = article


class LengthMissing(ProvisionError):
    status = 422
    says = N_("The number of days, weeks or months is missing: write one from %(least)s to %(most)s.")

    def __init__(self, least: int, most: int) -> None:
        super().__init__(least, most)
        self.least = least
        self.most = most


class LengthInvalid(ProvisionError):
    status = 422
    says = N_("“%(written)s” is no number of days, weeks or months: write one from %(least)s to %(most)s.")

    def __init__(self, written: str, least: int, most: int) -> None:
        super().__init__(written, least, most)
        self.written = written
        self.least = least
        self.most = most


class PricesTooEarly(ProvisionError):
    status = 422
    says = N_("New prices count from %(day)s at the earliest: choose that day or a later one.")

    def __init__(self, day: date) -> None:
        super().__init__(day)
        self.day = day


class PricesUnchanged(ProvisionError):
    status = 422
    says = N_("These are the prices that count already: change one of them, or leave everything as it is.")


class NoPrices(ProvisionError):
    says = N_("The tariff “%(tariff)s” has no prices on %(day)s yet: publish a price list first.")

    def __init__(self, tariff: str, day: date) -> None:
        super().__init__(tariff, day)
        self.tariff = tariff
        self.day = day


class Authority(StrEnum):
    """How much somebody may do with a contract; whoever stands further behind may all that those before may."""

    CLIENT = "client"  # Of the firm: the owner, administrators, and who is its commercial contact.
    OPERATOR = "operator"
    MANAGER = "manager"

    def reaches(self, needed: "Authority") -> bool:
        ranks = [*Authority]
        return ranks.index(self) >= ranks.index(needed)


class ArticleKey(StrEnum):
    """What an article is to its tariff."""

    BASE = "base"  # In every period.
    SETUP = "setup"  # Once, in the first period.
    OPTION = "option"  # In every period, by the piece, where a manager has added it.


class Length(TypeDecorator[Period]):
    """A column of periods, as ``Period`` writes them: 12M, 6W, 30D."""

    impl = String(6)
    cache_ok = True

    def process_bind_param(self, value: Period | None, _dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: Any, _dialect: Dialect) -> Period | None:
        return None if value is None else Period.parse(value)


class Agreed:
    """How long something runs, and how it is ended: columns of whatever was agreed so."""

    first_term: Mapped[Period] = mapped_column(Length, info=MUTE)
    extension: Mapped[Period | None] = mapped_column(Length, info=MUTE)
    """None: it ends by itself, or goes on openly, see ``models.contracts.terms``."""
    notice: Mapped[Period] = mapped_column(Length, info=MUTE)
    notice_to: Mapped[NoticeTo]

    def terms_from(self, start: date, zone: str, law: Law) -> Terms:
        return Terms(start, self.first_term, self.extension, self.notice, self.notice_to, zone, law)


Written = Mapping[str, str]
"""What stands in the fields of a form."""


class CatalogueRow:
    """A row of the catalogue: what readers of each language call it (German stands for what is missing), and its form.

    ``begin`` takes over what is said once and stays, as the code does, ``describe`` what can be changed, ``written``
    gives all of it back as a form has it. What does not fit is among the faults.
    """

    WHAT: ClassVar[str]

    id: Mapped[Key]
    names: Mapped[dict[str, str]] = mapped_column(JSON, default=dict, info=MUTE)

    @classmethod
    def get(cls, session: Session, row_id: int) -> Self:
        row = session.get(cls, row_id)
        if row is None:
            raise NotFound(cls.WHAT)
        return row

    @classmethod
    def held(cls, session: Session, row_id: int) -> Self:
        """The same as it is now; until the transaction ends nobody changes it, publishes its prices or withdraws it."""
        if not session.info.get("reading"):
            session.get(cls, row_id, with_for_update={"read": True}, populate_existing=True)
        return cls.get(session, row_id)

    @classmethod
    def locked(cls, session: Session, row_id: int) -> Self:
        """The same for whoever does so: nobody orders it meanwhile."""
        session.get(cls, row_id, with_for_update=True, populate_existing=True)
        return cls.get(session, row_id)

    def called(self, language: Language) -> str:
        return self.names.get(language.value) or self.names[Language.GERMAN.value]

    def begin(self, written: Written) -> None:
        """Nothing, unless a table has more than its code."""

    def describe(self, written: Written, faults: Faults) -> None:
        names: dict[str, str] = {}
        for language in Language:
            with faults.at(at := f"name-{language.value}"):
                if text := fitting(one_line(written.get(at, "")), NAME_MOST, at):
                    names[language.value] = text
                elif language is Language.GERMAN:
                    raise GermanMissing
        self.names = names

    def written(self) -> dict[str, str]:
        return {f"name-{language}": name for language, name in self.names.items()}


def code_in(written: Written, faults: Faults, taken: Collection[str]) -> str:
    """By which programs name it, as a form says it."""
    code = one_line(written.get("code", ""))
    with faults.at("code"):
        if not code:
            raise KeyMissing
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", code):
            raise KeyInvalid(code[:60])
        if code in taken:
            raise KeyTaken(code)
    return code


def _chosen(kind: type[Choice], written: Written, name: str, otherwise: Choice) -> Choice:
    return next((one for one in kind if one.value == written.get(name)), otherwise)


def _length(written: Written, name: str, faults: Faults, *, least: int = 0) -> Period:
    """So many days, weeks or months, of ten years at most."""
    text, unit = one_line(written.get(name, "")), _chosen(Unit, written, f"{name}-unit", Unit.MONTH)
    with faults.at(name):
        if not text:
            raise LengthMissing(least, unit.most // 10)
        if not text.isascii() or not text.isdecimal() or not least <= int(text[:9]) <= unit.most // 10:
            raise LengthInvalid(text[:20], least, unit.most // 10)
        return Period(int(text), unit)
    return Period(least, unit)


class Module(CatalogueRow, Base):
    """Something that firms order and use, like the portal itself or a telephone service."""

    __tablename__ = "modules"
    WHAT = N_("The module")

    code: Mapped[str] = mapped_column(String(KEY_MOST), unique=True, info=MUTE)
    abouts: Mapped[dict[str, str]] = mapped_column(JSON, default=dict, info=MUTE)
    """What it does, in a sentence or two."""
    is_orderable: Mapped[bool] = mapped_column(default=True)
    """Whether firms may order it themselves."""
    archived_at: Mapped[Instant | None]
    """Nobody orders it any more; whoever has it keeps it."""

    @classmethod
    def offered(cls, session: Session) -> list[Self]:
        """What firms may order, in the order in which it was made."""
        return list(session.scalars(select(cls).where(cls.is_orderable, cls.archived_at.is_(None)).order_by(cls.id)))

    @classmethod
    def kept(cls, session: Session) -> list[Self]:
        """What operators may order for firms."""
        return list(session.scalars(select(cls).where(cls.archived_at.is_(None)).order_by(cls.id)))

    def about(self, language: Language) -> str:
        return self.abouts.get(language.value) or self.abouts.get(Language.GERMAN.value, "")

    def describe(self, written: Written, faults: Faults) -> None:
        super().describe(written, faults)
        abouts = {}
        for language in Language:
            with faults.at(at := f"about-{language.value}"):
                if text := fitting(paragraphs(written.get(at, "")), ABOUT_MOST, at):
                    abouts[language.value] = text
        self.abouts = abouts
        self.is_orderable = bool(written.get("is_orderable"))

    def written(self) -> dict[str, str]:
        abouts = {f"about-{language}": text for language, text in self.abouts.items()}
        return {**super().written(), **abouts, "code": self.code, "is_orderable": "yes" if self.is_orderable else ""}


class ModuleField(CatalogueRow, Typed, Base):
    """A field of its own that each order of a module has."""

    __tablename__ = "module_fields"
    WHAT = N_("The field")

    module_id: Mapped[int] = mapped_column(ForeignKey("modules.id"), index=True)
    is_required: Mapped[bool] = mapped_column(default=False)
    editor: Mapped[Authority] = mapped_column(default=Authority.CLIENT)

    @classmethod
    def of(cls, session: Session, module_ids: Iterable[int]) -> dict[int, list[Self]]:
        """Those of each module, in the order in which they were made; put away ones are left out."""
        fields = select(cls).where(cls.module_id.in_(module_ids), cls.archived_at.is_(None)).order_by(cls.id)
        of_each: dict[int, list[Self]] = {}
        for field in session.scalars(fields):
            of_each.setdefault(field.module_id, []).append(field)
        return of_each

    def begin(self, written: Written) -> None:
        self.kind = _chosen(FieldKind, written, "kind", FieldKind.TEXT)

    def describe(self, written: Written, faults: Faults) -> None:
        super().describe(written, faults)
        self.is_required = bool(written.get("is_required"))
        self.editor = _chosen(Authority, written, "editor", Authority.CLIENT)
        with faults.at("choices"):
            self.offer(written.get("choices", "").splitlines())

    def written(self) -> dict[str, str]:
        said = {"kind": self.kind.value, "editor": self.editor.value, "choices": "\n".join(self.choices)}
        return {**super().written(), **said, "is_required": "yes" if self.is_required else ""}


class Tariff(CatalogueRow, Agreed, Base):
    """On what terms a module can be had: how often it is billed, how long it runs, and how it is ended.

    Its terms stay as they are once it has prices, since they were agreed with them.
    """

    __tablename__ = "tariffs"
    WHAT = N_("The tariff")
    __table_args__ = (
        UniqueConstraint("module_id", "code"),
        UniqueConstraint("plan", "interval"),
    )

    module_id: Mapped[int] = mapped_column(ForeignKey("modules.id"), index=True)
    code: Mapped[str] = mapped_column(String(KEY_MOST), info=MUTE)
    plan: Mapped[Plan | None]
    """Which of the plans it is that firms choose when they come aboard."""
    interval: Mapped[Interval]
    currency: Mapped[str] = mapped_column(String(3), default="EUR", info=MUTE)
    is_offered: Mapped[bool] = mapped_column(default=True)
    """Whether firms may choose it themselves."""
    archived_at: Mapped[Instant | None]

    @classmethod
    def of(cls, session: Session, module_ids: Iterable[int], *, offered: bool = False) -> list[Self]:
        """Those of modules that can be chosen, in the order in which they were made; by firms, if *offered*."""
        tariffs = select(cls).where(cls.module_id.in_(module_ids), cls.archived_at.is_(None)).order_by(cls.id)
        return list(session.scalars(tariffs.where(cls.is_offered) if offered else tariffs))

    def begin(self, written: Written) -> None:
        self.interval = _chosen(Interval, written, "interval", Interval.MONTHLY)
        self.currency = next((each for each in SIGNS if each == written.get("currency")), "EUR")

    def describe(self, written: Written, faults: Faults) -> None:
        super().describe(written, faults)
        self.is_offered = bool(written.get("is_offered"))

    def set_terms(self, written: Written, faults: Faults) -> None:
        """How long it runs and how it is ended, as a form says it; without an extension if that is left empty."""
        self.first_term = _length(written, "first_term", faults, least=1)
        goes_on = one_line(written.get("extension", ""))
        self.extension = _length(written, "extension", faults, least=1) if goes_on else None
        self.notice = _length(written, "notice", faults)
        self.notice_to = _chosen(NoticeTo, written, "notice_to", NoticeTo.TERM_END)

    def written(self) -> dict[str, str]:
        said = {"code": self.code, "interval": self.interval.value, "currency": self.currency}
        said |= {"is_offered": "yes" if self.is_offered else "", "notice_to": self.notice_to.value}
        for name in ("first_term", "extension", "notice"):
            if (length := getattr(self, name)) is not None:
                said |= {name: str(length.count), f"{name}-unit": length.unit.value}
        return {**super().written(), **said}

    def prices_on(self, session: Session, day: date) -> "PriceList":
        """The version of its price list at which it is agreed on that day; raises NoPrices."""
        newest = PriceList.on(session, [self.id], day).get(self.id)
        if newest is None:
            raise NoPrices(self.called(Language.GERMAN), day)
        return newest

    def articles(self, session: Session) -> list["Article"]:
        return list(session.scalars(select(Article).where(Article.tariff_id == self.id).order_by(Article.id)))

    def versions(self, session: Session) -> list["PriceList"]:
        """Those of its price list, the first one first."""
        return list(session.scalars(select(PriceList).where(PriceList.tariff_id == self.id).order_by(PriceList.number)))

    def publish(
        self, session: Session, valid_from: date, prices: Mapping[int, Decimal | None], earliest: date, now: datetime
    ) -> "PriceList":
        """The next version of its price list: what each article costs, by its id; None: it is not in this version.

        It counts from a day after that of the version before, and not before the *earliest*. Raises PricesTooEarly,
        PriceMissing.
        """
        Tariff.locked(session, self.id)
        before = next(reversed(self.versions(session)), None)
        if before is not None:
            earliest = max(earliest, before.valid_from + ONE_DAY)
        if valid_from < earliest:
            raise PricesTooEarly(earliest)
        for article in self.articles(session):
            if article.id not in prices or (prices[article.id] is None and article.key is ArticleKey.BASE):
                raise PriceMissing(article.called(Language.GERMAN))
        made = PriceList(
            tariff_id=self.id, number=before.number + 1 if before else 1, valid_from=valid_from, published_at=now
        )
        made.rolled_out_at = None if before else now
        session.add(made)
        session.flush()
        session.add_all(
            Price(price_list_id=made.id, article_id=article_id, amount=amount)
            for article_id, amount in prices.items()
            if amount is not None
        )
        session.flush()
        return made


def _called_by_key(context: Any) -> str:
    return ArticleKey(context.get_current_parameters()["key"]).value


class Article(CatalogueRow, Base):
    """Something in a tariff that has a price. There is one base in each."""

    __tablename__ = "articles"
    WHAT = N_("The article")
    __table_args__ = (UniqueConstraint("tariff_id", "code"),)

    tariff_id: Mapped[int] = mapped_column(ForeignKey("tariffs.id"), index=True)
    key: Mapped[ArticleKey]
    code: Mapped[str] = mapped_column(String(KEY_MOST), default=_called_by_key, info=MUTE)
    """By which it is the same in other tariffs: whoever goes over to one of them keeps an option of the same code."""

    def begin(self, written: Written) -> None:
        """The base is there already."""
        self.key = ArticleKey.SETUP if written.get("key") == ArticleKey.SETUP else ArticleKey.OPTION

    def written(self) -> dict[str, str]:
        return {**super().written(), "code": self.code, "key": self.key.value}


class PriceList(Base):
    """One version of what the articles of a tariff cost."""

    __tablename__ = "price_lists"
    __table_args__ = (
        UniqueConstraint("tariff_id", "number"),
        UniqueConstraint("tariff_id", "valid_from"),
        Index("ix_price_lists_rolled_out", "rolled_out_at"),
    )

    id: Mapped[Key]
    tariff_id: Mapped[int] = mapped_column(ForeignKey("tariffs.id"))
    number: Mapped[int] = mapped_column(info=MUTE)
    valid_from: Mapped[date] = mapped_column(info=MUTE)
    """From which day on it is agreed with whoever orders; for contracts that are there see the module's docstring."""
    published_at: Mapped[Instant]
    rolled_out_at: Mapped[Instant | None]
    """When every contract on its tariff was to be looked at because of it; a first version concerns none."""

    @classmethod
    def positions_of(cls, session: Session, keys: Collection[int]) -> dict[int, list[tuple[Article, Decimal]]]:
        """Of each version its articles, and what each costs in one billing interval, or once."""
        rows = select(Price.price_list_id, Article, Price.amount).join(Article, Article.id == Price.article_id)
        listed: dict[int, list[tuple[Article, Decimal]]] = {}
        for key, article, amount in session.execute(rows.where(Price.price_list_id.in_(keys)).order_by(Article.id)):
            listed.setdefault(key, []).append((article, amount))
        return listed

    @classmethod
    def on(cls, session: Session, tariff_ids: Collection[int], day: date) -> dict[int, Self]:
        """The version of each tariff at which it is agreed on that day; those without any are left out."""
        there = select(cls).where(cls.tariff_id.in_(tariff_ids), cls.valid_from <= day).order_by(cls.valid_from)
        return {each.tariff_id: each for each in session.scalars(there)}

    def positions(self, session: Session) -> list[tuple[Article, Decimal]]:
        return self.positions_of(session, [self.id]).get(self.id, [])

    @classmethod
    def bases(cls, session: Session, keys: Collection[int]) -> dict[int, Decimal]:
        """What the base article costs by each version."""
        rows = select(Price.price_list_id, Price.amount).join(Article, Article.id == Price.article_id)
        return dict(
            session.execute(rows.where(Price.price_list_id.in_(keys), Article.key == ArticleKey.BASE)).tuples().all()
        )

    def base(self, session: Session) -> Decimal:
        return self.bases(session, [self.id])[self.id]


class Price(Base):
    """What an article costs by one version of the price list: net, in one billing interval, or once."""

    __tablename__ = "prices"
    __table_args__ = (UniqueConstraint("price_list_id", "article_id"),)

    id: Mapped[Key]
    price_list_id: Mapped[int] = mapped_column(ForeignKey("price_lists.id"))
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id"))
    amount: Mapped[Decimal] = mapped_column(Amount, info=MUTE)
