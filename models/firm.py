"""The firm that comes aboard: what it is called, what it does, where it is."""

import re
from enum import StrEnum
from typing import Self
from urllib.parse import urlsplit

from sqlalchemy import CheckConstraint, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.company_id import FIRST, LAST, CompanyIdPool
from models.db import Base, Instant, Key
from models.errors import N_, NotFound, ProvisionError
from models.schedule import Land


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


class Firm(Base):
    """One firm. ``company_id`` is what its clients find it by."""

    __tablename__ = "firms"
    __table_args__ = (
        CheckConstraint(f"company_id BETWEEN {FIRST} AND {LAST}", name="company_id_six_digits"),
        CheckConstraint(f"preferred_number BETWEEN {FIRST} AND {LAST}", name="preferred_number_six_digits"),
        CheckConstraint("name <> ''", name="named"),
        CheckConstraint("line_of_business <> 'other' OR business <> ''", name="business_described"),
    )

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(200), index=True)
    line_of_business: Mapped[LineOfBusiness]
    business: Mapped[str] = mapped_column(String(100), default="")
    """In the firm's own words, where the list does not say it."""
    website: Mapped[str] = mapped_column(String(300), default="")
    street: Mapped[str] = mapped_column(String(200), default="")
    postcode: Mapped[str] = mapped_column(String(10), default="")
    city: Mapped[str] = mapped_column(String(100), default="")
    land: Mapped[Land | None]
    company_id: Mapped[int | None] = mapped_column(unique=True)
    preferred_number: Mapped[int | None] = mapped_column(unique=True)
    created_at: Mapped[Instant]

    @classmethod
    def by_company_id(cls, session: Session, company_id: int) -> Self:
        firm = session.scalars(select(cls).where(cls.company_id == company_id)).one_or_none()
        if firm is None:
            raise NotFound(str(company_id))
        return firm

    @property
    def missing(self) -> list[str]:
        """The fields without which no agreement can be written."""
        return [field for field in ("street", "postcode", "city", "land") if not getattr(self, field)]

    @property
    def address(self) -> list[str]:
        return [line for line in (self.street, f"{self.postcode} {self.city}".strip()) if line]

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
            if postcode and not re.fullmatch(r"\d{5}", postcode.strip(), re.ASCII):
                raise PostcodeInvalid(postcode.strip()[:20])
            self.postcode = postcode.strip()
        if website is not None:
            self.website = website_address(website)
        if street is not None:
            self.street = " ".join(street.split())[:200]
        if city is not None:
            self.city = " ".join(city.split())[:100]
        if land is not None:
            self.land = land

    def receive_number(self, session: Session) -> bool:
        """Give the firm a company ID if it has none; False if it has one."""
        if self.company_id is not None:
            return False
        self.company_id = CompanyIdPool.locked(session).draw(session)
        return True

    def reserve(self, session: Session, number: int) -> bool:
        """Hold a preferred number while an operator decides; False if somebody has it."""
        if not CompanyIdPool.locked(session).take(session, number):
            return False
        self.preferred_number = number
        return True

    def settle_preference(self, session: Session, *, granted: bool) -> None:
        """Turn the held number into the company ID, or let it go."""
        number, self.preferred_number = self.preferred_number, None
        if number is None:
            return
        session.flush()
        if granted and self.company_id is None:
            self.company_id = number
        else:
            CompanyIdPool.locked(session).put_back(session, number)


def firm_name(written: str) -> str:
    """The name with its spaces set right and nothing else changed; raises FirmNameMissing."""
    name = " ".join(written.split())[:200]
    if not name:
        raise FirmNameMissing
    return name


def website_address(written: str) -> str:
    """The address with a scheme, or empty; raises WebsiteInvalid."""
    text = written.strip()
    if not text:
        return ""
    full = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(full)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise WebsiteInvalid(text[:100]) from error
    if parts.scheme not in {"http", "https"} or not host or " " in full or len(full) > 300 or parts.username:
        raise WebsiteInvalid(text[:100])
    if "." not in host and ":" not in host and host != "localhost":
        raise WebsiteInvalid(text[:100])
    return full
