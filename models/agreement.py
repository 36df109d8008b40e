"""The agreement between firm and provider: sent, read, signed, countersigned. Each version is a row and stays.

One person at a time is asked to sign: the organiser, or whom the organiser hands it to. It stays open until it is
signed, declined, withdrawn or out of date.
"""

import json
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Self

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.audit import record
from models.db import MUTE, TELLS, Base, Facts, Instant, Key, tells_of
from models.decision import Decision, DecisionKind, Verdict, drop_mails
from models.document import Document
from models.errors import N_, NotFound, ProvisionError
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Onboarding, StepName
from models.people.manners import Language
from models.people.person import Person, Role
from models.reminders.reminder import Reminder
from models.settings import settings
from models.text import fitting, one_line, paragraphs
from models.time.clock import end_of_day


class SignedHow(StrEnum):
    """The way in which the signature came back."""

    PAGE = "page"
    UPLOAD = "upload"
    WEBHOOK = "webhook"


SIGNER_MOST, FUNCTION_MOST, REASON_MOST = 200, 100, 2000
"""Characters of the name in a signature, of what entitles somebody to sign, and of a reason."""


class SignatureMissing(ProvisionError):
    status = 422
    says = N_("Your name is missing: type your full name to sign.")


class NotSentYet(ProvisionError):
    says = N_("The agreement has not been sent yet: it cannot be signed or declined.")


class AgreementSent(ProvisionError):
    says = N_("The agreement was sent with these details: tell us what is to be corrected.")


class DeclinedAlready(ProvisionError):
    says = N_("This agreement was declined: we will talk to you and send a new one.")


class SignedAlready(ProvisionError):
    says = N_("This agreement is signed already: nothing was changed.")


class Withdrawn(ProvisionError):
    says = N_("This agreement was withdrawn on %(at)s and can no longer be signed: wait for a new one, or ask us.")

    def __init__(self, at: datetime) -> None:
        super().__init__(at)
        self.at = at


class Expired(ProvisionError):
    says = N_("This agreement could be signed until %(at)s: ask us for a new one.")

    def __init__(self, at: datetime) -> None:
        super().__init__(at)
        self.at = at


class BeingDiscussed(ProvisionError):
    says = N_("How this agreement goes on is being looked at already: you will hear from us.")


class NotSigned(ProvisionError):
    says = N_("The firm has not signed this agreement: it cannot be countersigned.")


class PartsUnread(ProvisionError):
    says = N_("%(count)s parts of the agreement have not been read yet: read every part before you sign.")

    def __init__(self, parts: Sequence[str]) -> None:
        super().__init__(parts)
        self.parts = list(parts)
        self.count = len(parts)


class NewerVersion(ProvisionError):
    says = N_("A newer version of the agreement has taken the place of the one that you saw: read it first.")


class HandedOver(ProvisionError):
    says = N_("Somebody else has been asked to sign: take that back before you sign yourself.")


class CopyBeingChecked(ProvisionError):
    says = N_("A signed copy is being checked: wait until you hear whether it counts before somebody else signs.")


class NotHandedOver(ProvisionError):
    says = N_("Nobody else is asked to sign: there is nothing to take back.")


CONTRACT_DUE = "countersigned_at IS NOT NULL AND contract_begun_at IS NULL"
"""Said of agreements from which the contract is still to be begun."""
UNSIGNED = "signed_at IS NULL AND emptied_at IS NULL"


class Agreement(Base):
    """One version of a firm's agreement."""

    __tablename__ = "agreements"
    __table_args__ = (
        UniqueConstraint("onboarding_id", "version"),
        CheckConstraint("signed_at IS NULL OR declined_at IS NULL", name="signed_or_declined"),
        CheckConstraint(
            "withdrawn_at IS NULL OR (signed_at IS NULL AND declined_at IS NULL AND expired_at IS NULL)",
            name="withdrawn_alone",
        ),
        CheckConstraint("expired_at IS NULL OR (signed_at IS NULL AND declined_at IS NULL)", name="expired_alone"),
        CheckConstraint("(delegate_id IS NULL) = (delegated_at IS NULL)", name="delegated_to_somebody"),
        CheckConstraint("countersigned_at IS NULL OR signed_at IS NOT NULL", name="countersigned_after_signed"),
        CheckConstraint("(signed_at IS NULL) = (signer IS NULL)", name="signed_by_somebody"),
        CheckConstraint("final_id IS NULL OR countersigned_at IS NOT NULL", name="final_after_countersigned"),
        Index("ix_agreements_unsigned", "expires_at", sqlite_where=text(UNSIGNED), postgresql_where=text(UNSIGNED)),
        Index("ix_agreements_contract_due", "id", sqlite_where=text(CONTRACT_DUE), postgresql_where=text(CONTRACT_DUE)),
    )

    id: Mapped[Key]
    onboarding_id: Mapped[int] = mapped_column(ForeignKey("onboardings.id"))
    version: Mapped[int] = mapped_column(info=MUTE)
    language: Mapped[Language]
    data: Mapped[Facts] = mapped_column(info=TELLS)
    """What it says of both parties, so that the page shows what the document says even if the firm changes later."""
    document_id: Mapped[int] = mapped_column(ForeignKey("documents.id"), index=True)
    sent_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    """The last moment at which it can be signed: the end of a day, as mails and pages tell the day."""
    delegate_id: Mapped[int | None] = mapped_column(ForeignKey("persons.id"))
    """Whom the organiser has asked to sign in the organiser's place."""
    delegate_function: Mapped[str | None] = mapped_column(String(100), info=tells_of("delegate_id"))
    """What entitles this person to sign, in the organiser's words."""
    delegated_at: Mapped[Instant | None]
    viewed_at: Mapped[Instant | None]
    """When who is asked to sign first acted on the page; a mail scanner that opens the link does not count."""
    parts_read: Mapped[Facts] = mapped_column(default=dict, info=MUTE)
    """By the part's key, when who is asked to sign said that it is read, in ISO 8601."""
    signed_at: Mapped[Instant | None]
    """When it was signed on the page; else when the signed file, or the notice, came to us."""
    signed_on: Mapped[date | None] = mapped_column(info=MUTE)
    """The day that is written beside the signature on a file, as an operator has read it."""
    signed_how: Mapped[SignedHow | None]
    signer: Mapped[str | None] = mapped_column(String(200), info=tells_of("signer_email"))
    signer_email: Mapped[str | None] = mapped_column(String(254), info=TELLS)
    """To where link and code were sent."""
    signer_function: Mapped[str | None] = mapped_column(String(100), info=tells_of("signer_email"))
    signer_ip: Mapped[str | None] = mapped_column(String(45), info=tells_of("signer_email"))
    signer_agent: Mapped[str | None] = mapped_column(String(300), info=tells_of("signer_email"))
    code_used: Mapped[bool] = mapped_column(default=False)
    """The signer proved by a one-time code to read the mail of that address."""
    drawing_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id"), index=True)
    """The signature as it was drawn, a PNG."""
    uploaded_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id"), index=True)
    """The file that came back, where the signature came as a file."""
    declined_at: Mapped[Instant | None]
    decline_reason: Mapped[str | None] = mapped_column(String(2000), info=tells_of("delegate_id", "onboarding_id"))
    expired_at: Mapped[Instant | None]
    """When it was found to be out of date."""
    withdrawn_at: Mapped[Instant | None]
    withdrawn_by: Mapped[str | None] = mapped_column(String(254), info=TELLS)
    withdraw_reason: Mapped[str | None] = mapped_column(String(2000), info=tells_of("withdrawn_by"))
    countersigned_at: Mapped[Instant | None]
    countersigned_by: Mapped[str | None] = mapped_column(String(254), info=TELLS)
    """Name of the person who signed for the provider."""
    final_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id"), index=True)
    """Original, signatures and certificate page in one file; both sides have it."""
    contract_begun_at: Mapped[Instant | None]
    """When the contract was begun that it concludes."""
    emptied_at: Mapped[Instant | None]
    """When it ceased to tell of anybody, because its time was over."""

    @classmethod
    def latest(cls, session: Session, case_id: int) -> Self | None:
        return cls.latest_of(session, [case_id]).get(case_id)

    @classmethod
    def current(cls, session: Session, case_id: int) -> Self:
        """The newest version; raises NotFound if none was written yet."""
        agreement = cls.latest(session, case_id)
        if agreement is None:
            raise NotFound("Agreement")
        return agreement

    @classmethod
    def latest_of(cls, session: Session, case_ids: Collection[int]) -> dict[int, Self]:
        """The newest version of each of these cases that has one, in one query."""
        return {case_id: versions[-1] for case_id, versions in cls.versions_of(session, case_ids).items()}

    @classmethod
    def versions_of(cls, session: Session, case_ids: Collection[int]) -> dict[int, list[Self]]:
        """All versions of each of these cases that has one, the oldest first, in one query."""
        versions: dict[int, list[Self]] = {}
        for agreement in session.scalars(select(cls).where(cls.onboarding_id.in_(case_ids)).order_by(cls.version)):
            versions.setdefault(agreement.onboarding_id, []).append(agreement)
        return versions

    @property
    def data_sha256(self) -> str:
        """Of what it says, so that the trail can tell whether that was changed."""
        return sha256(json.dumps(self.data, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    def sha256(self, session: Session) -> str:
        """The hash of the document as it was sent."""
        return session.get_one(Document, self.document_id).sha256

    def asked_to_sign(self, session: Session, firm_id: int) -> Person:
        """Who is asked to sign: the organiser of the firm, or whom the organiser has named."""
        if self.delegate_id is not None:
            return session.get_one(Person, self.delegate_id)
        return Person.organiser(session, firm_id)

    def send(self, now: datetime) -> None:
        """It leaves the house; from now on it can be signed, as long as the settings say."""
        self.sent_at, self.expires_at = now, end_of_day(now + timedelta(days=settings().agreement_days))

    def sent_to(self, person_id: int) -> datetime:
        """When this person got it: the organiser when it was sent, whom they named when it was handed over."""
        return (self.delegated_at if person_id == self.delegate_id else None) or self.sent_at

    # ---- open or not

    @property
    def is_open(self) -> bool:
        """Whether it still can be signed or declined, as far as was written down."""
        return not (self.signed_at or self.declined_at or self.withdrawn_at or self.expired_at)

    def has_run_out(self, now: datetime) -> bool:
        """Whether it was not signed in time, as it was written down or as only the clock says yet."""
        return self.expired_at is not None or (self.is_open and not self.is_being_checked and now >= self.expires_at)

    @property
    def is_being_checked(self) -> bool:
        """A signed copy is here, and nobody has said yet whether it counts."""
        return self.is_open and self.uploaded_id is not None

    def require_open(self, now: datetime | None = None) -> None:
        """Raise why it can no longer be signed; *now* asks as well whether its time has run out by then."""
        if self.signed_at is not None:
            raise SignedAlready
        if self.declined_at is not None:
            raise DeclinedAlready
        if self.withdrawn_at is not None:
            raise Withdrawn(self.withdrawn_at)
        if self.expired_at is not None or (now is not None and now >= self.expires_at):
            raise Expired(self.expires_at)

    def require_version(self, shown: int | None) -> None:
        """Raise NewerVersion if another one was shown to who answers; None: they saw no page."""
        if shown is not None and shown != self.version:
            raise NewerVersion

    def withdraw(self, reason: str, by: str, now: datetime) -> bool:
        """The provider takes its offer back; False if it had before."""
        if self.withdrawn_at is not None:
            return False
        self.require_open()
        self.withdrawn_at, self.withdrawn_by = now, by[:254]
        self.withdraw_reason = fitting(paragraphs(reason), REASON_MOST, "withdraw_reason")
        return True

    def expire(self, now: datetime) -> bool:
        """Its time has run out; False if not, or if it is no longer open or a signed copy is being checked."""
        if self.expired_at is not None or not self.has_run_out(now):
            return False
        self.expired_at = now
        return True

    # ---- who signs, and what was read

    def delegate(self, person_id: int, function: str, now: datetime) -> None:
        """The organiser hands the signature to this person, who begins to read anew."""
        self.require_open(now)
        if self.is_being_checked:
            raise CopyBeingChecked
        function = fitting(one_line(function), FUNCTION_MOST, "function")
        self.delegate_id, self.delegate_function, self.delegated_at = person_id, function, now
        self.viewed_at, self.parts_read = None, {}

    def take_back(self) -> int:
        """The organiser signs after all; returns who is no longer asked."""
        self.require_open()
        if self.delegate_id is None:
            raise NotHandedOver
        if self.is_being_checked:
            raise CopyBeingChecked
        asked = self.delegate_id
        self.delegate_id = self.delegate_function = self.delegated_at = None
        self.viewed_at, self.parts_read = None, {}
        return asked

    def view(self, now: datetime) -> bool:
        """Who is asked to sign has begun to read; False if that was known."""
        if self.viewed_at is not None:
            return False
        self.viewed_at = now
        return True

    def read(self, part: str, now: datetime) -> bool:
        """Who is asked to sign says that this part is read; False if that was said before."""
        if part in self.parts_read:
            return False
        self.parts_read = {**self.parts_read, part: now.isoformat()}
        return True

    def unread(self, parts: Collection[str]) -> list[str]:
        return [part for part in parts if part not in self.parts_read]

    # ---- answers

    def sign(
        self,
        signer: str,
        how: SignedHow,
        now: datetime,
        *,
        ip: str = "",
        agent: str = "",
        email: str = "",
        code_used: bool = False,
        drawing_id: int | None = None,
        signed_on: date | None = None,
        by_delegate: bool = True,
    ) -> bool:
        """The firm has signed; False if it had before. *now* is the moment from which we know it.

        Where the signature was handed over, *by_delegate* tells whether it is that person who signed.
        """
        if self.signed_at is not None:
            return False
        self.require_open()
        signer = fitting(one_line(signer), SIGNER_MOST, "name")
        if not signer:
            raise SignatureMissing
        if how is not SignedHow.UPLOAD:
            self.uploaded_id = None  # A copy that nobody has judged yet no longer counts.
        self.signer, self.signed_how, self.signed_at = signer, how, now
        self.signer_ip, self.signer_agent, self.signer_email = ip[:45], agent[:300], email[:254] or None
        self.signer_function, self.code_used = self.delegate_function if by_delegate else None, code_used
        self.drawing_id = drawing_id
        self.signed_on = signed_on
        return True

    def decline(self, reason: str, now: datetime) -> bool:
        """The firm says no; False if it had before."""
        if self.declined_at is not None:
            return False
        self.require_open()
        self.declined_at, self.decline_reason = now, fitting(paragraphs(reason), REASON_MOST, "reason")
        return True

    def countersign(self, by: str, now: datetime) -> bool:
        """The person of this name signs for the provider; False if somebody had before.

        The final document is made by the next pass.
        """
        if self.signed_at is None:
            raise NotSigned
        if self.countersigned_at is not None:
            return False
        self.countersigned_by, self.countersigned_at = by[:254], now
        return True

    def reopen(self) -> None:
        """The signature was not accepted: the firm is asked again."""
        self.signed_at = self.signed_how = self.signer = self.signer_email = self.signer_function = None
        self.signer_ip = self.signer_agent = self.drawing_id = self.uploaded_id = self.signed_on = None
        self.code_used = False

    # ---- questions about it

    def raises(self, question: Decision) -> bool:
        """Whether this question about the agreement is still one."""
        match question.kind:
            case DecisionKind.COUNTERSIGN:
                return (
                    self.signed_at is not None
                    and self.countersigned_at is None
                    and question.key == self.countersign_key
                )
            case DecisionKind.SIGNED_COPY:
                return self.is_being_checked and self.uploaded_id == question.facts["document_id"]
        return True  # What to do after it has failed: until a new version is sent.

    @property
    def lapsed_key(self) -> str:
        """Names the question what to do once it can no longer be signed."""
        return f"{DecisionKind.LAPSED}:{self.id}"

    @property
    def countersign_key(self) -> str:
        """Names the question whether this very signature is to be countersigned."""
        return f"countersign:{self.id}:{self.signed_at.isoformat() if self.signed_at else ''}"

    def resend_asked(self, session: Session) -> Decision | None:
        """The operator's answer by which a new version takes the place of this one, if there is one."""
        keys = [f"{kind}:{self.id}" for kind in AFTERMATH]
        answers = select(Decision).where(Decision.key.in_(keys), Decision.verdict == Verdict.RESEND)
        return session.scalars(answers).first()


ASKS_TO_SIGN = (MailKind.AGREEMENT, MailKind.SIGN_CODE)
AFTERMATH = (DecisionKind.DECLINED, DecisionKind.LAPSED, DecisionKind.TALK)
"""Questions what to do about an agreement that was not signed; each is asked once, its key is kind and agreement."""


def close_questions(session: Session, case_id: int, now: datetime) -> None:
    """Something became of the case's agreement: end the wait for it, and close what was asked about it until then.

    A signed copy that nobody has judged by then stays in the trail with what it was. Nor is anybody asked any more, by
    a mail that has not left yet, to sign what can no longer be signed.
    """
    Reminder.end(session, StepName.AGREEMENT, now, case=case_id)
    session.flush()
    latest = Agreement.latest(session, case_id)
    if latest is not None and not latest.is_open:
        drop_mails(session, now, Outgoing.onboarding_id == case_id, Outgoing.kind.in_(ASKS_TO_SIGN))
    # Who was asked in the organiser's place matters as long as it may be signed, or was.
    asked = latest.delegate_id if latest is not None and (latest.is_open or latest.signed_at is not None) else None
    query = select(Person.id).join(Onboarding, Onboarding.firm_id == Person.firm_id)
    others = {*session.scalars(query.where(Onboarding.id == case_id, Person.role == Role.SIGNATORY))} - {asked}
    for question in Decision.pending(session, case_id):
        about = question.facts.get("agreement_id")
        over = about is not None and (latest is None or latest.id != about or not latest.raises(question))
        if over or question.facts.get("person_id") in others:
            question.close(now)
            if question.kind is DecisionKind.SIGNED_COPY:
                copy = session.get_one(Document, question.facts["document_id"])
                version = session.get_one(Agreement, about).version
                facts: Facts = {"document_id": copy.id, "sha256": copy.sha256, "version": version}
                record(session, case_id, now, "agreement.copy_unjudged", **facts)
