"""The agreement between firm and provider: sent, read, signed, countersigned. Each version is a row and stays."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Self

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import Base, Facts, Instant, Key
from models.errors import N_, ProvisionError
from models.person import Language


class SignedHow(StrEnum):
    """The way in which the signature came back."""

    PAGE = "page"
    UPLOAD = "upload"
    WEBHOOK = "webhook"


class SignatureMissing(ProvisionError):
    status = 422
    says = N_("Your name is missing: type your full name to sign.")


class NotSentYet(ProvisionError):
    says = N_("The agreement has not been sent yet: it cannot be signed or declined.")


class DeclinedAlready(ProvisionError):
    says = N_("This agreement was declined: we will talk to you and send a new one.")


class SignedAlready(ProvisionError):
    says = N_("This agreement is signed already: nothing was changed.")


class NotSigned(ProvisionError):
    says = N_("The firm has not signed this agreement: it cannot be countersigned.")


class Agreement(Base):
    """One version of a firm's agreement."""

    __tablename__ = "agreements"
    __table_args__ = (
        UniqueConstraint("onboarding_id", "version"),
        CheckConstraint("signed_at IS NULL OR declined_at IS NULL", name="signed_or_declined"),
        CheckConstraint("countersigned_at IS NULL OR signed_at IS NOT NULL", name="countersigned_after_signed"),
        CheckConstraint("(signed_at IS NULL) = (signer IS NULL)", name="signed_by_somebody"),
        CheckConstraint("final_id IS NULL OR countersigned_at IS NOT NULL", name="final_after_countersigned"),
    )

    id: Mapped[Key]
    onboarding_id: Mapped[int] = mapped_column(ForeignKey("onboardings.id"))
    version: Mapped[int]
    language: Mapped[Language]
    data: Mapped[Facts]
    """What it says of both parties, so that the page shows what the document says even if the firm changes later."""
    document_id: Mapped[int] = mapped_column(ForeignKey("documents.id"))
    sent_at: Mapped[Instant]
    signed_at: Mapped[Instant | None]
    signed_how: Mapped[SignedHow | None]
    signer: Mapped[str | None] = mapped_column(String(200))
    signer_ip: Mapped[str | None] = mapped_column(String(45))
    signer_agent: Mapped[str | None] = mapped_column(String(300))
    uploaded_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id"))
    """The file that came back, where the signature came as a file."""
    declined_at: Mapped[Instant | None]
    decline_reason: Mapped[str | None] = mapped_column(String(2000))
    countersigned_at: Mapped[Instant | None]
    countersigned_by: Mapped[str | None] = mapped_column(String(254))
    final_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id"))
    """Original, signatures and certificate page in one file; both sides have it."""

    @classmethod
    def latest(cls, session: Session, case_id: int) -> Self | None:
        return cls.latest_of(session, [case_id]).get(case_id)

    @classmethod
    def latest_of(cls, session: Session, case_ids: Collection[int]) -> dict[int, Self]:
        """The newest version of each of these cases that has one, in one query."""
        versions = select(cls).where(cls.onboarding_id.in_(case_ids)).order_by(cls.version)
        return {agreement.onboarding_id: agreement for agreement in session.scalars(versions)}

    @property
    def is_open(self) -> bool:
        """Whether it still can be signed or declined."""
        return self.signed_at is None and self.declined_at is None

    def sign(self, signer: str, how: SignedHow, now: datetime, *, ip: str = "", agent: str = "") -> bool:
        """The firm has signed; False if it had before."""
        if self.declined_at is not None:
            raise DeclinedAlready
        if self.signed_at is not None:
            return False
        if not signer.strip():
            raise SignatureMissing
        self.signer, self.signed_how, self.signed_at = signer.strip()[:200], how, now
        self.signer_ip, self.signer_agent = ip[:45], agent[:300]
        return True

    def decline(self, reason: str, now: datetime) -> bool:
        """The firm says no; False if it had before."""
        if self.signed_at is not None:
            raise SignedAlready
        if self.declined_at is not None:
            return False
        self.declined_at, self.decline_reason = now, reason.strip()[:2000]
        return True

    def accept_copy(self, document_id: int, signer: str, now: datetime) -> bool:
        """The signed file that came back is accepted as the firm's signature; False if it had signed before."""
        self.uploaded_id = document_id
        return self.sign(signer, SignedHow.UPLOAD, now)

    def countersign(self, by: str, now: datetime) -> bool:
        """The provider signs as well; False if it had before. The final document is made by the next pass."""
        if self.signed_at is None:
            raise NotSigned
        if self.countersigned_at is not None:
            return False
        self.countersigned_by, self.countersigned_at = by[:254], now
        return True

    def reopen(self) -> None:
        """The signature was not accepted: the firm is asked again."""
        self.signed_at = self.signed_how = self.signer = self.signer_ip = self.signer_agent = self.uploaded_id = None
