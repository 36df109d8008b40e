"""What a good logo is, by whose permission it was taken, and which one a firm has.

The provider asks that a logo meet "as many as possible" of four criteria, so a logo gets a score and advice, never
a refusal for its looks.
"""

import hmac
import re
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Self

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import MUTE, TELLS, Base, Facts, Instant, Key
from models.errors import N_, ProvisionError
from models.settings import settings

WIDTH_MIN, WIDTH_MAX = 300, 800
COLOURED_LEAST = 0.01
"""Share of the visible pixels that must have a colour of their own; a small red dot counts, JPEG noise does not."""
TRANSPARENT_LEAST = 0.005
"""Share of the pixels through which the page shows; rounded corners count."""


def public_logo(company_id: int) -> str:
    """Where everybody sees the firm's logo, but for the ending: in its mails, on its pages, in the Prefect UI.

    By the company ID alone it cannot be found: whoever tries all numbers would learn which firms there are.
    """
    proof = hmac.new(settings().secret_key, f"logo:{company_id}".encode(), sha256).hexdigest()[:20]
    return f"/logos/{company_id}-{proof}"


def logo_asked_for(name: str) -> tuple[int, str] | None:
    """Company ID and ending of such an address, from its last part; None for one that we have not told anybody."""
    match = re.fullmatch(r"([0-9]{6})(-[0-9a-f]{20})(.*)", name, re.ASCII)
    if match is None or not hmac.compare_digest(f"/logos/{match[1]}{match[2]}", public_logo(int(match[1]))):
        return None
    return int(match[1]), match[3]


class Criterion(StrEnum):
    """The four criteria, in the order in which the provider names them."""

    COLOURED = "coloured"
    WIDTH = "width"
    TRANSPARENT = "transparent"
    VECTOR = "vector"

    @property
    def says(self) -> str:
        """What the criterion asks for, marked for translation."""
        return _CRITERIA[self]


_CRITERIA = {
    Criterion.COLOURED: N_("in colour"),
    Criterion.WIDTH: N_("between 300 and 800 pixels wide"),
    Criterion.TRANSPARENT: N_("transparent background"),
    Criterion.VECTOR: N_("scalable vector graphic (SVG file)"),
}


@dataclass(frozen=True)
class Finding:
    """One criterion: what was measured (a share from 0 to 1, pixels, or yes and no) and whether that is enough."""

    criterion: Criterion
    measured: float | bool
    met: bool


@dataclass(frozen=True)
class Advice:
    """How to make the logo better: an English sentence to be translated, with the facts for its placeholders."""

    says: str
    facts: Facts

    def __str__(self) -> str:
        return self.says % self.facts


class Shown(StrEnum):
    """How a logo is shown on light or on dark pages, so that it can be seen there."""

    AS_IT_IS = "as_it_is"
    LIGHTENED = "lightened"
    ON_A_PLATE = "on_a_plate"


@dataclass(frozen=True)
class LogoReport:
    """What was measured on one logo; findings, score and advice follow from it."""

    coloured: float
    """Share of the visible pixels that have a colour, 0 to 1."""
    width: int
    """Pixels, after the logo was brought into shape."""
    transparent: float
    """Share of the pixels through which the page shows, 0 to 1."""
    vector: bool
    given_width: int
    """Pixels, as it came; of a vector graphic the same as ``width``."""
    given_opaque: bool
    """It came without a transparent background; if ``transparent`` is above 0, we took the background away."""
    written: bool = False
    """A vector graphic with writing in it that is not drawn as paths, so that its looks depend on a font."""
    lost_on_light: float = 0.0
    """Share of the visible pixels that cannot be seen on a white page, 0 to 1."""
    lost_on_dark: float = 0.0
    on_light: Shown = Shown.AS_IT_IS
    on_dark: Shown = Shown.AS_IT_IS

    @property
    def findings(self) -> list[Finding]:
        return [
            Finding(Criterion.COLOURED, self.coloured, self.coloured >= COLOURED_LEAST),
            Finding(Criterion.WIDTH, self.width, WIDTH_MIN <= self.width <= WIDTH_MAX),
            Finding(Criterion.TRANSPARENT, self.transparent, self.transparent >= TRANSPARENT_LEAST),
            Finding(Criterion.VECTOR, self.vector, self.vector),
        ]

    @property
    def score(self) -> int:
        """How many of the four criteria are met."""
        return sum(finding.met for finding in self.findings)

    @property
    def advice(self) -> list[Advice]:
        """What the firm could send instead, most important first; empty when nothing is left to wish for."""
        met = {finding.criterion: finding.met for finding in self.findings}
        given = []
        if not met[Criterion.WIDTH]:
            given.append(
                Advice(
                    N_("The logo is only %(width)s pixels wide: send one that is %(least)s to %(most)s pixels wide."),
                    {"width": self.width, "least": WIDTH_MIN, "most": WIDTH_MAX},
                )
            )
        if not met[Criterion.TRANSPARENT]:
            given.append(
                Advice(
                    N_("The background of the logo is not transparent: send a PNG with a transparent background."), {}
                )
            )
        elif self.given_opaque:
            given.append(
                Advice(
                    N_("We made the background of the logo transparent: look at the edges, or send a PNG without one."),
                    {},
                )
            )
        if not met[Criterion.COLOURED]:
            given.append(Advice(N_("The logo has no colours: if there is a version in colour, send that one."), {}))
        if self.written:
            given.append(
                Advice(
                    N_("The SVG file has writing that looks different without its font: turn the writing into paths."),
                    {},
                )
            )
        if not met[Criterion.VECTOR]:
            given.append(
                Advice(N_("The logo is made of pixels: an SVG file, if you have one, is sharp at every size."), {})
            )
        return given

    def to_json(self) -> Facts:
        """Plain values: what was measured, and what follows for readers outside the product."""
        criteria = {
            finding.criterion.value: {"measured": finding.measured, "met": finding.met} for finding in self.findings
        }
        return {**asdict(self), "criteria": criteria, "score": self.score}

    @classmethod
    def from_json(cls, facts: Facts) -> Self:
        """Of a logo that was measured before something was, that is taken for harmless."""
        values = {field.name: facts[field.name] for field in fields(cls) if field.name in facts}
        return cls(**values | {name: Shown(values[name]) for name in ("on_light", "on_dark") if name in values})


class LogoRefused(ProvisionError):
    """No logo can be made of this; the subclasses say why."""

    status = 422
    says = N_("No logo could be made of the file: send another one, best as SVG or PNG.")


class LogoPermissionMissing(ProvisionError):
    """A logo may be taken from a website only by the firm's recorded permission."""

    says = N_("The firm did not allow that its logo is taken from its website: ask it for permission or for a file.")


class LogoChosen(ProvisionError):
    says = N_("Which logo counts was decided meanwhile: this page shows it.")


class LogoChoiceMissing(ProvisionError):
    """An operator accepted one of several pictures without saying which."""

    status = 422
    says = N_("It is not said which picture is the logo: choose one of them, or say that none is.")


class LogoPermission(Base):
    """A firm's word that its logo may be taken from one website: who allowed it, and when."""

    __tablename__ = "logo_permissions"
    __table_args__ = (
        CheckConstraint("website <> ''", name="for_a_website"),
        CheckConstraint("granted_by <> ''", name="granted_by_somebody"),
        CheckConstraint("withdrawn_at >= granted_at", name="withdrawn_after_granted"),
    )

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"), index=True)
    website: Mapped[str] = mapped_column(String(300), info=TELLS)
    granted_by: Mapped[str] = mapped_column(String(200), info=TELLS)
    """The name of whoever allowed it, as it was told to us."""
    person_id: Mapped[int | None] = mapped_column(ForeignKey("persons.id"))
    granted_at: Mapped[Instant]
    withdrawn_at: Mapped[Instant | None]
    searched_at: Mapped[Instant | None]
    """When the website was searched; ``outcome`` says in a sentence why no logo came of it."""
    outcome: Mapped[str] = mapped_column(String(500), default="", info=TELLS)
    offered: Mapped[Facts | None] = mapped_column(JSON(none_as_null=True), info=TELLS)
    """Pictures between which the firm may choose, as it had a logo when they were found; None: nothing is asked."""

    @classmethod
    def of(cls, session: Session, firm_id: int) -> Self | None:
        """The firm's newest permission that still stands."""
        standing = select(cls).where(cls.firm_id == firm_id, cls.withdrawn_at.is_(None))
        return session.scalars(standing.order_by(cls.id.desc()).limit(1)).one_or_none()

    @property
    def offers(self) -> list[Facts]:
        """What the firm may take in place of its logo, the likeliest first; empty if it is not asked."""
        return list((self.offered or {}).get("candidates", []))

    @property
    def chosen(self) -> str | None:
        """What the firm has answered: the number of a picture, or ``keep``."""
        return (self.offered or {}).get("chosen")

    def offer(self, pictures: Facts | None) -> None:
        """Ask the firm between these and its logo, or (None) no longer."""
        self.offered = pictures

    def choose(self, choice: str) -> None:
        """The firm has answered, and is asked no longer."""
        self.offered = {"chosen": choice}

    def withdraw(self, now: datetime) -> bool:
        """Take it back; False if it was taken back before. A logo already taken is replaced, not forgotten."""
        if self.withdrawn_at is not None:
            return False
        self.withdrawn_at = now
        return True


class LogoSource(StrEnum):
    SUPPLIED = "supplied"
    WEBSITE = "website"


class Logo(Base):
    """One logo that a firm had or has. Rows are never changed: a new logo is a new row, and the newest counts."""

    __tablename__ = "logos"
    __table_args__ = (
        Index("ix_logos_chosen_at", "chosen_at"),
        CheckConstraint("width > 0 AND height > 0", name="has_a_size"),
        CheckConstraint(
            "source <> 'website' OR (source_url IS NOT NULL AND permission_id IS NOT NULL)",
            name="taken_by_permission",
        ),
    )

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"), index=True)
    source: Mapped[LogoSource]
    source_url: Mapped[str | None] = mapped_column(Text, info=TELLS)
    """Where on the web it was found: the picture's address, or the page's if the picture is part of it."""
    permission_id: Mapped[int | None] = mapped_column(ForeignKey("logo_permissions.id"))
    png: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, info=MUTE)
    svg: Mapped[str | None] = mapped_column(Text, deferred=True, info=MUTE)
    """Cleaned; the master of the PNG where there is one."""
    png_light: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True, info=MUTE)
    """The version for light pages, where the PNG itself would be lost: white ink, on a plate."""
    png_dark: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True, info=MUTE)
    """The version for dark pages, where the PNG itself would be lost: lightened, or on a plate."""
    width: Mapped[int] = mapped_column(info=MUTE)
    height: Mapped[int] = mapped_column(info=MUTE)
    report: Mapped[Facts] = mapped_column(info=MUTE)
    chosen_at: Mapped[Instant]

    @classmethod
    def of(cls, session: Session, firm_id: int) -> Self | None:
        """The firm's current logo, without its pictures until they are asked for."""
        newest = select(cls).where(cls.firm_id == firm_id).order_by(cls.id.desc()).limit(1)
        return session.scalars(newest).one_or_none()

    @classmethod
    def before(cls, session: Session, firm_id: int) -> Self | None:
        """The logo that counted before the current one, without its pictures until they are asked for."""
        rows = select(cls).where(cls.firm_id == firm_id).order_by(cls.id.desc()).offset(1).limit(1)
        return session.scalars(rows).one_or_none()

    @property
    def for_light(self) -> bytes:
        """The PNG for white paper, light pages and mails."""
        return self.png_light or self.png

    @property
    def for_dark(self) -> bytes:
        """The PNG for dark pages."""
        return self.png_dark or self.png

    @property
    def measured(self) -> LogoReport:
        return LogoReport.from_json(self.report)
