"""Versions of the general terms and of the data-processing annex, and which firm has agreed to which.

A firm agrees to the first ones with its agreement. What is published later counts from its day on for new orders; who
has a contract already is asked anew only if the change is material. Until they agree, and if they refuse, the version
counts for them to which they agreed last. Mere formatting leaves all consents as they are.
"""

from collections.abc import Collection
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple, Self

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column, object_session

from models.db import MUTE, TELLS, Base, Instant, Key, tells_of
from models.document import Document
from models.errors import N_, NotFound, ProvisionError

NUMBER_MOST, CHANGES_MOST, REFUSAL_MOST = 40, 500, 1000


class LegalNumberMissing(ProvisionError):
    status = 422
    says = N_("The number of the version is missing: write for example “2027-01”.")


class LegalNumberTaken(ProvisionError):
    says = N_("There is a version “%(number)s” of it already: give this one another number.")

    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.number = number


class LegalDayMissing(ProvisionError):
    status = 422
    says = N_("The day is missing: write from when on the version counts.")


class LegalDayPast(ProvisionError):
    status = 422
    says = N_("%(day)s has passed: a version counts from today on at the earliest.")

    def __init__(self, day: date) -> None:
        super().__init__(day)
        self.day = day


class ChangesMissing(ProvisionError):
    status = 422
    says = N_("What has changed is missing: say it in a sentence that firms read.")


class LegalTextMissing(ProvisionError):
    status = 422
    says = N_("The text is missing: choose a PDF, or write the text.")


class LegalTextTwice(ProvisionError):
    status = 422
    says = N_("There are a file and a text: leave one of the two.")


class LegalFileUnfit(ProvisionError):
    status = 422
    says = N_("The file is no PDF: save it as one, or write the text.")


class ConsentGiven(ProvisionError):
    says = N_("This version was agreed to already: nothing was changed.")


class ConsentAnswerMissing(ProvisionError):
    status = 422
    says = N_("The answer is missing: agree to the version, or refuse it.")


class ConsentSignerMissing(ProvisionError):
    status = 422
    says = N_("The name is missing: write who has answered for the firm.")


class ConsentDayMissing(ProvisionError):
    status = 422
    says = N_("The day is missing: write when the answer was received.")


class ConsentTooEarly(ProvisionError):
    status = 422
    says = N_("This version was published on %(day)s: write the day on which the answer to it was received.")

    def __init__(self, day: date) -> None:
        super().__init__(day)
        self.day = day


class TermsChanged(ProvisionError):
    says = N_("The terms have changed meanwhile: look at them again before you agree to them.")


class LegalKind(StrEnum):
    """What a firm agrees to beside its modules and prices."""

    TERMS = "terms"
    PROCESSING = "processing"


class ConsentState(StrEnum):
    ASKED = "asked"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    REPLACED = "replaced"  # A newer version is asked about instead.


class ConsentHow(StrEnum):
    """By which act it was answered."""

    PAGE = "page"
    ORDER = "order"  # With a module that was ordered.
    LETTER = "letter"  # Entered by operators, as is what came by mail.
    MAIL = "mail"


class LegalText(Base):
    """One version; it never changes, and stays to be read."""

    __tablename__ = "legal_texts"
    __table_args__ = (
        UniqueConstraint("kind", "number"),
        Index("ix_legal_texts_rolled_out", "rolled_out_at"),
    )

    id: Mapped[Key]
    kind: Mapped[LegalKind]
    number: Mapped[str] = mapped_column(String(NUMBER_MOST), info=MUTE)
    document_id: Mapped[int] = mapped_column(ForeignKey("documents.id"))
    valid_from: Mapped[date] = mapped_column(info=MUTE)
    is_material: Mapped[bool]
    """Whether consent is asked for anew; else it is formatting only."""
    changes: Mapped[str] = mapped_column(String(CHANGES_MOST), info=MUTE)
    """What changed, in a sentence."""
    published_at: Mapped[Instant]
    rolled_out_at: Mapped[Instant | None]
    """When everybody had been asked who is to be asked."""

    @classmethod
    def get(cls, session: Session, text_id: int) -> Self:
        """Raises NotFound."""
        row = session.get(cls, text_id)
        if row is None:
            raise NotFound(N_("The version"))
        return row

    @classmethod
    def current(cls, session: Session, day: date) -> list[Self]:
        """What counts for who orders on that day: of each kind the version that began last."""
        begun = select(cls).where(cls.valid_from <= day).order_by(cls.valid_from, cls.id)
        newest = {row.kind: row for row in session.scalars(begun)}
        return [newest[kind] for kind in LegalKind if kind in newest]

    @classmethod
    def by_sha256(cls, session: Session, digest: str) -> Document:
        """The document of a version that was published, whichever; raises NotFound for all other documents."""
        query = select(Document).join(cls, cls.document_id == Document.id).where(Document.sha256 == digest)
        document = session.scalars(query.limit(1)).first()
        if document is None:
            raise NotFound(N_("The version"))
        return document


class Consent(Base):
    """What a firm says to one version."""

    __tablename__ = "consents"
    EVIDENCE = (
        *("firm_id", "legal_text_id", "sha256", "asked_at", "state", "how"),
        *("answered_at", "answered_by", "answered_name", "reason", "document_id"),
    )
    __table_args__ = (
        UniqueConstraint("firm_id", "legal_text_id"),
        Index("ix_consents_due", "state", "mails", "asked_at"),
        Index("ix_consents_text", "legal_text_id", "state", "firm_id"),
        CheckConstraint("(state IN ('accepted', 'refused')) = (answered_at IS NOT NULL)", name="answered_at_a_moment"),
    )

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"))
    legal_text_id: Mapped[int] = mapped_column(ForeignKey("legal_texts.id"))
    sha256: Mapped[str] = mapped_column(String(64), info=MUTE)
    """Of the document about which it was asked, and that was answered."""
    asked_at: Mapped[Instant]
    mails: Mapped[int] = mapped_column(default=0, info=MUTE)
    """How many times of writing have come since: the question, then reminders."""
    state: Mapped[ConsentState] = mapped_column(default=ConsentState.ASKED)
    how: Mapped[ConsentHow | None]
    answered_at: Mapped[Instant | None]
    answered_by: Mapped[str] = mapped_column(String(254), default="", info=TELLS)
    answered_name: Mapped[str] = mapped_column(String(200), default="", info=tells_of("answered_by"))
    reason: Mapped[str] = mapped_column(String(REFUSAL_MOST), default="", info=tells_of("answered_by"))
    """Why it was refused, if they have said so."""
    document_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id"), index=True)
    """The letter by which it was answered, as a scan."""

    @classmethod
    def of(cls, session: Session, firm_id: int) -> dict[int, Self]:
        """What the firm was asked, by version."""
        rows = session.scalars(select(cls).where(cls.firm_id == firm_id).order_by(cls.id))
        return {row.legal_text_id: row for row in rows}

    @classmethod
    def older(cls, session: Session, text: LegalText, firm_ids: Collection[int]) -> list[Self]:
        """What these firms were asked about earlier versions of the same kind, and have not answered."""
        query = select(cls).join(LegalText, LegalText.id == cls.legal_text_id).where(cls.firm_id.in_(firm_ids))
        query = query.where(LegalText.kind == text.kind, LegalText.id < text.id, cls.state == ConsentState.ASKED)
        return list(session.scalars(query.order_by(cls.id)))

    def answer(self, state: ConsentState, how: ConsentHow, by: str, name: str, now: datetime, reason: str = "") -> None:
        """The letter of an earlier answer stays, see FormerLetter."""
        self._put_letter_away()
        self.state, self.how, self.answered_at = state, how, now
        self.answered_by, self.answered_name, self.reason = by[:254], name[:200], reason

    def is_outdated(self, session: Session) -> bool:
        """Whether the firm was asked about a newer version of the same kind since."""
        asked = select(Consent.id).join(LegalText, LegalText.id == Consent.legal_text_id)
        asked = asked.where(Consent.firm_id == self.firm_id, LegalText.id > self.legal_text_id)
        same = LegalText.kind == LegalText.get(session, self.legal_text_id).kind
        return session.scalars(asked.where(same).limit(1)).first() is not None

    def ask_again(self, now: datetime) -> None:
        """As if it had not been answered; the letter of an earlier answer stays."""
        self._put_letter_away()
        self.state, self.how, self.answered_at = ConsentState.ASKED, None, None
        self.answered_by = self.answered_name = self.reason = ""
        self.asked_at, self.mails = now, 0

    def _put_letter_away(self) -> None:
        session = object_session(self)
        if session is not None and self.document_id is not None and self.answered_at is not None:
            keys = {"firm_id": self.firm_id, "consent_id": self.id, "document_id": self.document_id}
            session.add(FormerLetter(**keys, state=self.state, answered_at=self.answered_at))
            self.document_id = None


class FormerLetter(Base):
    """The scan of an answer in whose place another has come since: kept with the contract."""

    __tablename__ = "former_letters"

    id: Mapped[Key]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firms.id"), index=True)
    consent_id: Mapped[int] = mapped_column(ForeignKey("consents.id"), index=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("documents.id"), index=True)
    state: Mapped[ConsentState]
    """What it says."""
    answered_at: Mapped[Instant]

    @classmethod
    def of(cls, session: Session, consent: Consent) -> list[Self]:
        """The newest last."""
        return list(session.scalars(select(cls).where(cls.consent_id == consent.id).order_by(cls.id)))


class Version(NamedTuple):
    """A version, the hash of its document, and what the firm says to it, if it was asked."""

    text: LegalText
    sha256: str
    consent: Consent | None

    @property
    def is_open(self) -> bool:
        return self.consent is not None and self.consent.state in {ConsentState.ASKED, ConsentState.REFUSED}


def versions_for(session: Session, firm_id: int, day: date) -> list[Version]:
    """What the firm was asked about or has agreed to, and what counts for its next order; the newest first."""
    consents = Consent.of(session, firm_id)
    wanted = {*consents, *(text.id for text in LegalText.current(session, day))}
    rows = select(LegalText, Document.sha256).join(Document, Document.id == LegalText.document_id)
    rows = rows.where(LegalText.id.in_(wanted)).order_by(LegalText.id.desc())
    return [Version(text, digest, consents.get(text.id)) for text, digest in session.execute(rows).tuples()]
