"""The end of step 5: the document that both sides have signed is made, sealed and sent to both."""

from datetime import UTC
from io import BytesIO

from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pypdf.errors import PyPdfError
from sqlalchemy.orm import Session

from models.agreement import Agreement, SignedHow
from models.audit import record
from models.db import reading, transaction
from models.document import Document
from models.errors import NotFound
from models.exchange import MailKind, Outgoing
from models.firm import Firm
from models.onboarding import Onboarding, StepName
from models.person import Person, Role
from models.schedule import now
from models.settings import settings
from tasks.cases import letterhead
from tasks.paper import Language as Told
from tasks.paper import Signature, attach, seal_reason, sign_off
from tasks.seal import seal


def complete_agreement(case_id: int) -> None:
    """Make the final document of a countersigned agreement and send it to both sides; the next steps open.

    Two passes at once make two documents, since a seal tells its time; the first one kept is the document.
    """
    with reading() as session:
        firm = Onboarding.get(session, case_id).firm
        agreement = _latest(session, case_id)
        original = session.get_one(Document, agreement.document_id)
        returned = session.get(Document, agreement.uploaded_id) if agreement.uploaded_id else None
        content, name = original.content, original.name
        copy = (returned.content, returned.name) if returned else None
        signatures = _signatures(agreement, firm, _organiser(session, firm.id))
    final = _final(content, copy, signatures, agreement.language.value)
    with transaction() as session:
        case, at = Onboarding.get(session, case_id), now()
        agreement = _latest(session, case.id)
        if case.is_done(StepName.AGREEMENT):
            return
        document = Document.keep(session, final, name, "application/pdf")
        agreement.final_id = document.id
        organiser, contact = _organiser(session, case.firm_id), Person.one(session, case.firm_id, Role.CONTACT)
        copies = (
            [organiser, None] if contact is None or contact.email == organiser.email else [organiser, contact, None]
        )
        for reader in copies:
            Outgoing.post(
                session,
                MailKind.AGREEMENT_DONE,
                f"agreement_done:{agreement.id}:{reader.id if reader else 'provider'}",
                reader,
                at,
                case_id=case.id,
                document_id=document.id,
                **letterhead(session, case.firm),
                signer=agreement.signer,
                countersigned_at=agreement.countersigned_at and agreement.countersigned_at.isoformat(),
                sha256=document.sha256,
                # Only who can sign in is led to a page behind the sign-in.
                **({"path": f"/firm/{case.firm_id}"} if reader is organiser else {}),
            )
        case.finish(StepName.AGREEMENT, at)
        record(session, case.id, at, "agreement.completed", version=agreement.version, sha256=document.sha256)


def _final(original: bytes, copy: tuple[bytes, str] | None, signatures: list[Signature], told: Told) -> bytes:
    """The copy that came back, or the original, with the certificate page and the seal.

    Pages added to a copy that was signed digitally would void the signature in it. Such a copy goes into the file as
    an attachment, byte for byte; so does one that cannot be written on.
    """
    if copy is not None and not _is_signed(copy[0]):
        try:
            return seal(sign_off(copy[0], signatures, told), seal_reason(told))
        except (PdfError, PyPdfError):
            pass
    signed = sign_off(original, signatures, told)
    return seal(signed if copy is None else attach(signed, *copy), seal_reason(told))


def _is_signed(pdf: bytes) -> bool:
    try:
        return bool(PdfFileReader(BytesIO(pdf), strict=False).embedded_signatures)
    except PdfError:
        return False


def _signatures(agreement: Agreement, firm: Firm, organiser: Person) -> list[Signature]:
    assert agreement.signed_at is not None and agreement.countersigned_at is not None  # noqa: PT018
    return [
        Signature(
            party_name=firm.name,
            signer_name=agreement.signer or "",
            email=organiser.email,
            signed_at=agreement.signed_at,
            how=(agreement.signed_how or SignedHow.PAGE).value,
            ip=agreement.signer_ip or "",
            user_agent=agreement.signer_agent or "",
        ),
        Signature(
            party_name=settings().provider_name,
            signer_name=agreement.countersigned_by or "",
            signed_at=agreement.countersigned_at.astimezone(UTC),
            how="countersigned",
        ),
    ]


def _latest(session: Session, case_id: int) -> Agreement:
    agreement = Agreement.latest(session, case_id)
    if agreement is None:
        raise NotFound("Agreement")
    return agreement


def _organiser(session: Session, firm_id: int) -> Person:
    person = Person.one(session, firm_id, Role.ORGANISER)
    if person is None:
        raise NotFound("Organiser")
    return person
