"""Fields of a kind that says what fits, and those of them that a firm adds to its accounts or contacts."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, Self

from sqlalchemy import JSON, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.clients.label import LABEL_MOST, Label
from models.clients.phone import phone_number
from models.db import MUTE, Base, Facts, Instant, Key
from models.errors import N_, ProvisionError
from models.firm import folded, website_address
from models.number import number_of
from models.people.manners import Language
from models.text import fitting, one_line

VALUE_MOST, CHOICES_MOST = 500, 50


class FieldOf(StrEnum):
    """What the field belongs to."""

    ACCOUNT = "account"
    CONTACT = "contact"


class FieldKind(StrEnum):
    """What fits."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"
    YES_NO = "yes_no"
    LINK = "link"
    PHONE = "phone"


class ChoicesMissing(ProvisionError):
    status = 422
    says = N_("A field to choose from needs two choices or more, up to %(most)s: write each on a line of its own.")

    def __init__(self) -> None:
        super().__init__()
        self.most = CHOICES_MOST


class NoNumber(ProvisionError):
    status = 422
    says = N_("“%(value)s” is not a number: write digits, with a comma or point before the decimals.")

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value


class NoDate(ProvisionError):
    status = 422
    says = N_("“%(value)s” is not a date: write day, month and year, for example 31.12.2026.")

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value


class NoChoice(ProvisionError):
    status = 422
    says = N_("“%(value)s” is none of the choices: choose one from the list.")

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value


class Typed:
    """A field that somebody defined, and what may be typed into it. Its kind stays, since what it holds was read so."""

    id: Mapped[Key]
    kind: Mapped[FieldKind]
    choices: Mapped[list[str]] = mapped_column(JSON, default=list, info=MUTE)
    archived_at: Mapped[Instant | None]
    """A field that is put away keeps what it holds."""

    @property
    def key(self) -> str:
        """By which its value is kept, and its input is called in forms."""
        return f"field-{self.id}"

    @property
    def options(self) -> list[tuple[str, str]]:
        """The choices as a form offers them."""
        return [(each, each) for each in self.choices]

    def offer(self, choices: list[str]) -> None:
        """What can be chosen, without doubles; raises ChoicesMissing or TextTooLong. Nothing for other kinds."""
        if self.kind is not FieldKind.CHOICE:
            self.choices = []
            return
        offered: dict[str, str] = {}
        for each in filter(None, map(one_line, choices)):
            offered.setdefault(folded(each), fitting(each, LABEL_MOST, "choices"))
        if not 2 <= len(offered) <= CHOICES_MOST:
            raise ChoicesMissing
        self.choices = [*offered.values()]

    def read(self, written: str, language: Language, held: object = None) -> str | bool | None:
        """What was typed, as it is kept: numbers and dates in the signs of no country; None for nothing.

        A choice that is offered no more stays where it is *held*. Raises the refusal of its kind, or TextTooLong.
        """
        text = fitting(one_line(written), VALUE_MOST, self.key)
        if not text:
            return None
        if self.kind is FieldKind.CHOICE and text not in self.choices and text != held:
            raise NoChoice(text[:60])
        return _READ[self.kind](text, language)


class CustomField(Typed, Label, Base):
    """One field of a firm's."""

    __tablename__ = "custom_fields"
    __table_args__ = (UniqueConstraint("firm_id", "belongs_to", "folded"),)

    belongs_to: Mapped[FieldOf]

    @classmethod
    def shown(cls, session: Session, firm_id: int, belongs_to: FieldOf) -> list[Self]:
        """The fields that forms show, in the order in which they were made."""
        fields = select(cls).where(cls.firm_id == firm_id, cls.belongs_to == belongs_to, cls.archived_at.is_(None))
        return list(session.scalars(fields.order_by(cls.id)))

    def _rivals(self) -> list[Any]:
        return [*super()._rivals(), CustomField.belongs_to == self.belongs_to]


def read_all(
    fields: Sequence[Typed], written: Mapping[str, str], language: Language, held: Facts
) -> tuple[Facts, dict[str, ProvisionError]]:
    """What the fields hold when this was typed into them, by their keys, and the refusal of each that does not fit.

    What a field holds that no form shows stays.
    """
    values, wrong = dict(held), dict[str, ProvisionError]()
    for field in fields:
        try:
            value = field.read(written.get(field.key, ""), language, held.get(field.key))
        except ProvisionError as refusal:
            wrong[field.key] = refusal
            continue
        values.pop(field.key, None)
        if value is not None:
            values[field.key] = value
    return values, wrong


def _number(text: str, language: Language) -> str:
    number = number_of(text, language)
    if number is None:
        raise NoNumber(text[:60])
    return f"{number:f}"


def day_of(text: str) -> date:
    """As browsers send it, or day, month and year as people write them."""
    written = re.fullmatch(r"(\d{1,2})[./] ?(\d{1,2})[./] ?(\d{4})", text, re.ASCII)
    sent = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text, re.ASCII)
    parts = written.groups()[::-1] if written else sent.groups() if sent else ("0", "0", "0")
    try:
        year, month, day = map(int, parts)
        return date(year, month, day)
    except ValueError as error:
        raise NoDate(text[:60]) from error


_READ: Mapping[FieldKind, Callable[[str, Language], str | bool | None]] = {
    FieldKind.TEXT: lambda text, _: text,
    FieldKind.CHOICE: lambda text, _: text,
    FieldKind.NUMBER: _number,
    FieldKind.DATE: lambda text, _: day_of(text).isoformat(),
    FieldKind.YES_NO: lambda text, _: {"yes": True, "no": False}.get(text),
    FieldKind.LINK: lambda text, _: website_address(text),
    FieldKind.PHONE: lambda text, _: phone_number(text),
}
"""How what was typed becomes what is kept."""
