"""Files we keep: agreements as sent, signed and countersigned. Content never changes; it is known by its SHA-256."""

from enum import StrEnum
from hashlib import sha256
from typing import Self

from sqlalchemy import LargeBinary, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.db import MUTE, TELLS, Base, Instant, Key
from models.time.clock import now


class Document(Base):
    """One file; the same content is kept once."""

    __tablename__ = "documents"

    id: Mapped[Key]
    sha256: Mapped[str] = mapped_column(String(64), unique=True, info=MUTE)
    name: Mapped[str] = mapped_column(String(200), info=TELLS)
    media_type: Mapped[str] = mapped_column(String(100), info=MUTE)
    size: Mapped[int] = mapped_column(info=MUTE)
    """Bytes."""
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, info=TELLS)
    created_at: Mapped[Instant]
    erased_at: Mapped[Instant | None]
    """When its content went because its time was over; its sum stays, as trails name it."""

    @classmethod
    def keep(cls, session: Session, content: bytes, name: str, media_type: str) -> Self:
        """The document with this content, made if it is new, or was erased."""
        digest = sha256(content).hexdigest()
        # Whoever is about to erase it waits, and then finds that it is needed.
        there = select(cls).where(cls.sha256 == digest).with_for_update(read=True)
        document = session.scalars(there.execution_options(populate_existing=True)).one_or_none()
        if document is not None:
            if document.erased_at is not None:
                document.name, document.content, document.erased_at = name, content, None
            return document
        made = cls(
            sha256=digest, name=name, media_type=media_type, size=len(content), content=content, created_at=now()
        )
        session.add(made)
        session.flush()
        return made

    @classmethod
    def by_sha256(cls, session: Session, digest: str) -> Self | None:
        return session.scalars(select(cls).where(cls.sha256 == digest)).one_or_none()


class Doubt(StrEnum):
    """Why a person has to look before the file counts; ``tasks.text.i18n`` has the sentences."""

    NO_SIGNATURE = "no_signature"
    PAGES_MISSING = "pages_missing"
    UNVERIFIED = "unverified"
    SIGNER_UNKNOWN = "signer_unknown"
    ISSUER_UNCHECKED = "issuer_unchecked"
    ISSUER_UNTRUSTED = "issuer_untrusted"
    COVERS_PART = "covers_part"
    REWRITTEN = "rewritten"
    MARKED = "marked"
    COVERED = "covered"
    BESIDE = "beside"
    SAYS_MORE = "says_more"
