"""The firm that comes aboard: what it is called, what it does, where it is."""

import re
from enum import StrEnum
from functools import lru_cache
from itertools import filterfalse
from typing import Self
from unicodedata import combining, normalize
from urllib.parse import urlsplit

from sqlalchemy import JSON, CheckConstraint, Index, String, Text, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column, validates

from models.clients.function import Function
from models.clients.naming import NameFormat
from models.company_id import FIRST, LAST, CompanyIdPool
from models.db import MUTE, TELLS, Base, Instant, Key
from models.errors import N_, NotFound, ProvisionError
from models.text import fitting, one_line
from models.time.land import Land

UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "œ": "oe", "æ": "ae"})
SPELLED = UMLAUTS | {ord("ø"): "oe"}
PLAIN = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "ħ": "h"})
"""Letters with a stroke, which are no plain ones with an accent to Unicode."""
NAME_MOST, BUSINESS_MOST, WEBSITE_MOST, STREET_MOST, POSTCODE_MOST, CITY_MOST = 200, 100, 300, 200, 10, 100
"""Characters of what a firm tells of itself."""
APOSTROPHES = str.maketrans(dict.fromkeys("'’‘ʼ`´"))


class LineOfBusiness(StrEnum):
    """What the firm does; chooses the secrecy annex of its agreement. OTHER comes with the firm's own words."""

    TAX = "tax"
    AUDIT = "audit"
    LAW = "law"
    OTHER = "other"


class FirmNameMissing(ProvisionError):
    status = 422
    says = N_("The name of the firm is missing: give its full name, for example “Anwaltskanzlei Freitag & Kollegen”.")


class BusinessMissing(ProvisionError):
    status = 422
    says = N_("The line of business is missing: choose one from the list or describe it in a few words.")


class WebsiteInvalid(ProvisionError):
    status = 422
    says = N_("“%(website)s” is not the address of a website: write it like www.kanzlei.example.")

    def __init__(self, website: str) -> None:
        super().__init__(website)
        self.website = website


class PostcodeInvalid(ProvisionError):
    status = 422
    says = N_("“%(postcode)s” is not a German postcode: it has five digits.")

    def __init__(self, postcode: str) -> None:
        super().__init__(postcode)
        self.postcode = postcode


class NumberNotOffered(ProvisionError):
    status = 422
    says = N_("%(number)s was not offered: choose one of the numbers shown.")

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class NothingOffered(ProvisionError):
    says = N_("There is no number to choose at the moment: your company ID stands on the page of your details.")


class NumberTaken(ProvisionError):
    says = N_("%(number)s has been taken in the meantime: choose another number, or let us assign one.")

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


CLOSED = "closed_at IS NOT NULL"


class Firm(Base):
    """One firm. ``company_id`` is what its clients find it by."""

    __tablename__ = "firms"
    EVIDENCE = (
        *("name", "line_of_business", "business", "website", "street", "postcode", "city", "land"),
        *("company_id", "invitations_a_day", "created_at", "closed_at"),
    )
    __table_args__ = (
        CheckConstraint(f"company_id BETWEEN {FIRST} AND {LAST}", name="company_id_six_digits"),
        CheckConstraint(f"preferred_number BETWEEN {FIRST} AND {LAST}", name="preferred_number_six_digits"),
        CheckConstraint("name <> ''", name="named"),
        Index("ix_firms_closed", "closed_at", sqlite_where=text(CLOSED), postgresql_where=text(CLOSED)),
        CheckConstraint("line_of_business <> 'other' OR business <> ''", name="business_described"),
    )

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(NAME_MOST), index=True, info=TELLS)
    line_of_business: Mapped[LineOfBusiness]
    business: Mapped[str] = mapped_column(String(BUSINESS_MOST), default="", info=TELLS)
    """In the firm's own words, where the list does not say it."""
    search: Mapped[str] = mapped_column(Text, info=TELLS)
    """Name and business as a search compares them; follows both."""
    website: Mapped[str] = mapped_column(String(WEBSITE_MOST), default="", info=TELLS)
    street: Mapped[str] = mapped_column(String(STREET_MOST), default="", info=TELLS)
    postcode: Mapped[str] = mapped_column(String(POSTCODE_MOST), default="", info=TELLS)
    city: Mapped[str] = mapped_column(String(CITY_MOST), default="", info=TELLS)
    land: Mapped[Land | None]
    company_id: Mapped[int | None] = mapped_column(unique=True, info=MUTE)
    preferred_number: Mapped[int | None] = mapped_column(unique=True, info=MUTE)
    offered_numbers: Mapped[list[int] | None] = mapped_column(JSON(none_as_null=True), info=MUTE)
    """Free numbers offered instead of a preferred one that could not be granted; the organiser chooses."""
    invitations_a_day: Mapped[int | None] = mapped_column(info=MUTE)
    """People whom it may name on one day, if an operator has allowed it others than the settings do."""
    name_format: Mapped[NameFormat] = mapped_column(default=NameFormat.FAMILY_FIRST)
    """In which order it files its clients."""
    functions: Mapped[list[str]] = mapped_column(JSON, default=lambda: [*Function], info=MUTE)
    """What clients may use whom it has put in no group, see ``models.clients.group``."""
    is_listed: Mapped[bool] = mapped_column(default=True)
    """Whether the provider's search for firms finds it."""
    takes_sign_ups: Mapped[bool] = mapped_column(default=True)
    """Whether clients may register themselves on its page."""
    created_at: Mapped[Instant]
    closed_at: Mapped[Instant | None]
    """When its account was closed for good: nobody gets in any more, and what is kept is only looked at."""

    @classmethod
    def by_company_id(cls, session: Session, company_id: int) -> Self:
        firm = session.scalars(select(cls).where(cls.company_id == company_id)).one_or_none()
        if firm is None:
            raise NotFound(str(company_id))
        return firm

    @validates("name", "business")
    def _fold(self, field: str, value: str) -> str:
        words = {"name": self.name, "business": self.business, field: value}
        self.search = " ".join(spellings(f"{words['name'] or ''} {words['business'] or ''}"))
        return value

    @property
    def known(self) -> list[str]:
        """What everybody knows of it, and no password may be made of."""
        number = str(self.company_id or "")
        return [self.name, self.website, self.street, self.postcode, self.city, number]

    @property
    def missing(self) -> list[str]:
        """What the organiser still has to tell before an agreement can be written: names of fields."""
        unsaid = [field for field in ("street", "postcode", "city", "land") if not getattr(self, field)]
        return unsaid if self.offered_numbers is None else [*unsaid, "company_id"]

    @property
    def address(self) -> list[str]:
        return [line for line in (self.street, f"{self.postcode} {self.city}".strip()) if line]

    def name_anew(self, name: str, line_of_business: LineOfBusiness, business: str) -> None:
        """Set what it is called and what it does; raises FirmNameMissing or BusinessMissing."""
        if line_of_business is LineOfBusiness.OTHER and not business.strip():
            raise BusinessMissing
        self.name, self.line_of_business = firm_name(name), line_of_business
        self.business = fitting(one_line(business), BUSINESS_MOST, "business")

    def describe(
        self,
        *,
        street: str | None = None,
        postcode: str | None = None,
        city: str | None = None,
        land: Land | None = None,
        website: str | None = None,
    ) -> None:
        """Fill in what is given; what is not given stays. Refuses what cannot be."""
        if postcode is not None:
            self.postcode = german_postcode(postcode)
            self.land = self.land or Land.of_postcode(self.postcode)
        if website is not None:
            self.website = website_address(website)
        if street is not None:
            self.street = fitting(one_line(street), STREET_MOST, "street")
        if city is not None:
            self.city = fitting(one_line(city), CITY_MOST, "city")
        if land is not None:
            self.land = land

    def receive_number(self, session: Session) -> bool:
        """Give the firm a company ID if it has none; False if it has one."""
        if self.company_id is not None:
            return False
        self.company_id, self.offered_numbers = CompanyIdPool.locked(session).draw(session), None
        return True

    def reserve(self, session: Session, number: int) -> bool:
        """Hold a preferred number while an operator decides; if somebody has it, offer the nearest free ones."""
        pool = CompanyIdPool.locked(session)
        if pool.take(session, number):
            self.preferred_number = number
            return True
        self.offered_numbers = pool.nearest_free(session, number)
        return False

    def grant_preference(self, session: Session) -> bool:
        """Turn the held number into the company ID; False if none is held or the firm has one."""
        number, self.preferred_number = self.preferred_number, None
        if number is None:
            return False
        if self.company_id is not None:
            CompanyIdPool.locked(session).put_back(session, number)
            return False
        self.company_id = number
        return True

    def refuse_preference(self, session: Session) -> list[int]:
        """Let the held number go and offer the free ones nearest to it."""
        number, self.preferred_number = self.preferred_number, None
        if number is not None:
            pool = CompanyIdPool.locked(session)
            # Looked up before the number goes back, so that it is not among what is offered instead of it.
            if self.company_id is None:
                self.offered_numbers = pool.nearest_free(session, number)
            pool.put_back(session, number)
        return self.offered_numbers or []

    def release_preference(self, session: Session) -> int | None:
        """Let the held number go, and nothing follows from it; returns which it was."""
        number, self.preferred_number = self.preferred_number, None
        if number is not None:
            CompanyIdPool.locked(session).put_back(session, number)
        return number

    def choose_number(self, session: Session, number: int | None) -> bool:
        """Take one of the offered numbers (none: any free one); False if the firm has it already.

        Refused if nothing was offered, another one was taken before, or somebody else was faster.
        """
        if self.company_id is not None and number in {None, self.company_id}:
            return False
        if self.offered_numbers is None:
            raise NothingOffered
        if number is None:
            return self.receive_number(session)
        if number not in self.offered_numbers:
            raise NumberNotOffered(number)
        if not CompanyIdPool.locked(session).take(session, number):
            raise NumberTaken(number)
        self.company_id, self.offered_numbers = number, None
        return True


def folded(text: str) -> str:
    """Small letters without accents, umlauts written out: how names are compared."""
    return _plain(normalize("NFC", text).casefold().translate(UMLAUTS))


def spellings(text: str) -> list[str]:
    """The text as a search compares it, in one or two ways: “Mueller” and “muller” both find “MÜLLER”.

    Words of letters and digits; anything else is a blank, but an apostrophe is nothing.
    """
    return list(dict.fromkeys(spelled(text)))


@lru_cache(maxsize=8192)
def spelled(text: str) -> tuple[str, str]:
    """Both, which are mostly the same."""
    if text.isascii():
        return (_words(text.lower().translate(APOSTROPHES)),) * 2
    small = normalize("NFC", text).casefold().translate(APOSTROPHES)
    written_out, plain = small.translate(SPELLED), small.translate(PLAIN)
    return _words(_plain(written_out.translate(PLAIN))), _words(_plain(plain))


def _plain(text: str) -> str:
    if text.isascii():
        return text
    return "".join(filterfalse(combining, normalize("NFKD", text)))


def _words(text: str) -> str:
    return text if text.isalnum() else " ".join(_LETTERS_AND_DIGITS.findall(text))


_LETTERS_AND_DIGITS = re.compile(r"[^\W_]+")


def same_name(one: str, other: str) -> bool:
    """Whether both name one firm, however blanks, signs, capitals and “and” are written."""
    return _bare(one) == _bare(other)


def _bare(name: str) -> str:
    words = re.findall(r"\w+", normalize("NFKC", name).casefold())
    return "".join(word for word in words if word not in {"und", "and", "et"})


def firm_name(written: str) -> str:
    """The name with its spaces set right and nothing else changed; raises FirmNameMissing or TextTooLong."""
    name = fitting(one_line(written), NAME_MOST, "firm_name")
    if not name:
        raise FirmNameMissing
    return name


def german_postcode(written: str) -> str:
    """The five digits, or empty; raises PostcodeInvalid."""
    digits = one_line(written)
    if digits and not re.fullmatch(r"\d{5}", digits, re.ASCII):
        raise PostcodeInvalid(digits[:20])
    return digits


def website_address(written: str) -> str:
    """The address with a scheme, or empty; raises WebsiteInvalid."""
    text = one_line(written)
    if not text:
        return ""
    full = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(full)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise WebsiteInvalid(text[:100]) from error
    blank = any(letter.isspace() or not letter.isprintable() for letter in full)
    if parts.scheme not in {"http", "https"} or not host or blank or len(full) > WEBSITE_MOST or parts.username:
        raise WebsiteInvalid(text[:100])
    if "." not in host and ":" not in host and host != "localhost":
        raise WebsiteInvalid(text[:100])
    return full
