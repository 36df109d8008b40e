"""The end of step 5: the document that both sides have signed is made, sealed and sent to both."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pyhanko.pdf_utils.misc import PdfError
from sqlalchemy.orm import Session

from models.agreement import Agreement, SignedHow
from models.audit import HOUSE, Entry, newest, record, trail
from models.db import Facts, reading, transaction
from models.document import Document
from models.mail.outbox import Outgoing
from models.onboarding import Onboarding, StepName
from models.people.person import Person, Role
from models.settings import settings
from models.time.clock import now
from tasks.agreement.contract_texts import Language, Texts, current_texts
from tasks.agreement.rendering import (
    Authentication,
    DigitalSignature,
    Proof,
    Signature,
    attach,
    part_titles,
    seal_reason,
    sign_off,
    sign_off_copy,
)
from tasks.agreement.seal import own_seal, seal
from tasks.agreement.uploaded_copy import names_them
from tasks.mail.letterheads import letterhead
from tasks.mail.letters import agreement as letters
from tasks.text.i18n import Reader


def complete_agreement(case_id: int) -> None:
    """Make the final document of a countersigned agreement and send it to both sides; the next steps open.

    Two passes at once make two documents, since a seal tells its time; the first one kept is the document.
    """
    with reading() as session:
        case = Onboarding.get(session, case_id)
        agreement = Agreement.current(session, case_id)
        original = session.get_one(Document, agreement.document_id)
        returned = session.get(Document, agreement.uploaded_id) if agreement.uploaded_id else None
        content, name = original.content, original.name
        copy = _Copy(returned.content, returned.name, _upload(trail(session, case_id), agreement)) if returned else None
        drawing = session.get(Document, agreement.drawing_id) if agreement.drawing_id else None
        signatures = _signatures(session, case, agreement, drawing.content if drawing else None)
        proof = _proof(session, case_id, agreement)
    final = _final(content, copy, signatures, proof, agreement.language.value)
    with transaction() as session:
        case, at = Onboarding.get(session, case_id), now()
        agreement = Agreement.current(session, case.id)
        if case.is_done(StepName.AGREEMENT) or case.stopped_at is not None:
            return
        document = Document.keep(session, final, name, "application/pdf")
        agreement.final_id = document.id
        organiser, contact = Person.organiser(session, case.firm_id), Person.one(session, case.firm_id, Role.CONTACT)
        people = [organiser, contact, session.get(Person, agreement.delegate_id) if agreement.delegate_id else None]
        copies = {person.email: person for person in reversed(people) if person is not None}  # One to an address.
        readers, head = [*reversed(copies.values()), None], letterhead(session, case.firm)
        mails = [letters.agreement_done(case, to, head, at, version=agreement, document=document) for to in readers]
        Outgoing.post_all(session, mails)
        case.finish(StepName.AGREEMENT, at)
        record(session, case.id, at, "agreement.completed", version=agreement.version, sha256=document.sha256)


@dataclass(frozen=True)
class _Copy:
    """The file that came back, a stranger's, and what was found in it then."""

    content: bytes
    name: str
    findings: Facts

    @property
    def is_signed(self) -> bool:
        return bool(self.findings.get("signatures"))


def _final(original: bytes, copy: _Copy | None, signatures: list[Signature], proof: Proof, language: Language) -> bytes:
    """The copy that came back, or the original, with the certificate page and the seal.

    Pages added to a copy that was signed digitally would void the signature in it. Such a copy goes into the file as
    an attachment, byte for byte; so does one that cannot be written on.
    """
    reason = seal_reason(language)
    if copy is None:
        return seal(sign_off(original, signatures, language, proof), reason)
    if not copy.is_signed and "pages" in copy.findings:
        joined = sign_off_copy(copy.content, copy.findings["pages"], original, signatures, language, proof)
        with suppress(PdfError):
            if joined is not None:
                return seal(joined, reason)
    signatures = [replace(signatures[0], how="attached"), *signatures[1:]]
    return seal(attach(sign_off(original, signatures, language, proof), copy.content, copy.name), reason)


def _signatures(session: Session, case: Onboarding, agreement: Agreement, drawing: bytes | None) -> list[Signature]:
    assert agreement.signed_at is not None and agreement.countersigned_at is not None  # noqa: PT018
    how, acts = agreement.signed_how or SignedHow.PAGE, trail(session, case.id)
    signer = _signer(session, case, agreement)
    by_delegate = signer is not None and signer.role is Role.SIGNATORY
    email = agreement.signer_email or (signer.email if signer else "")
    role = agreement.signer_function or (Reader(agreement.language).label(signer.role) if signer else "")
    by_signer = [act for act in acts if act.actor == email and act.action.startswith("agreement.")]
    visits = [(agreement.signer_ip or "", agreement.signer_agent or "")]
    visits += [(str(act.facts.get("ip", "")), str(act.facts.get("agent", ""))) for act in by_signer]
    by_page: tuple[Authentication, ...] = ("mail_link", "mail_code") if agreement.code_used else ("mail_link",)
    return [
        Signature(
            party_name=agreement.data["firm_name"],
            digital=_digital(acts, agreement),
            signer_name=agreement.signer or "",
            role=role,
            email=email,
            delegated_by="{organiser_name}, {organiser_email}".format(**agreement.data) if by_delegate else "",
            delegated_at=agreement.delegated_at if by_delegate else None,
            authentication=("service",) if how is SignedHow.WEBHOOK else by_page,
            sent_at=(agreement.delegated_at if by_delegate else None) or agreement.sent_at,
            viewed_at=agreement.viewed_at,
            read=_read(session, agreement),
            signed_at=agreement.signed_at,
            signed_on=agreement.signed_on,
            told_at=_told_at(acts, agreement),
            how=how.value,
            visits=tuple(dict.fromkeys(visit for visit in visits if visit[0])),
            drawing=drawing,
        ),
        Signature(
            party_name=settings().provider_name,
            signer_name=agreement.countersigned_by or "",
            signed_at=agreement.countersigned_at.astimezone(UTC),
            how="countersigned",
        ),
    ]


def _signer(session: Session, case: Onboarding, agreement: Agreement) -> Person | None:
    """Who has signed, of those whom we know at the firm; None if another system, or a file, names somebody else."""
    if agreement.delegate_id is not None and agreement.signer_function is not None:
        return session.get_one(Person, agreement.delegate_id)
    organiser = Person.organiser(session, case.firm_id)
    if agreement.signed_how is SignedHow.PAGE:
        return organiser
    people = [organiser, Person.one(session, case.firm_id, Role.CONTACT)]
    return next((person for person in people if person and names_them(agreement.signer or "", person.name)), None)


def _digital(acts: Sequence[Entry], agreement: Agreement) -> tuple[DigitalSignature, ...]:
    """What was found in the copy when it came back."""
    return tuple(
        DigitalSignature(
            signature["subject"],
            signature["issuer"],
            signature["verified"],
            signature["trusted"],
            datetime.fromisoformat(signature["signed_at"]) if signature["signed_at"] else None,
            signature["timestamped"],
        )
        for signature in _upload(acts, agreement).get("signatures", ())
    )


def _told_at(acts: Sequence[Entry], agreement: Agreement) -> str:
    """When another system says that it was signed there, in its words."""
    signed = [act.facts for act in acts if act.action == "agreement.signed"]
    return str(signed[-1].get("told_at", "")) if signed and agreement.signed_how is SignedHow.WEBHOOK else ""


def _upload(acts: Sequence[Entry], agreement: Agreement) -> Facts:
    """What was written down when the copy came back; empty if nothing was."""
    uploads = [act.facts for act in acts if act.action == "agreement.uploaded"]
    return next((facts for facts in uploads if facts["document_id"] == agreement.uploaded_id), {})


def _read(session: Session, agreement: Agreement) -> tuple[tuple[str, datetime], ...]:
    """The parts that the signer read on the page, in the order in which they were read."""
    texts = kept_texts(session, agreement) or current_texts(agreement.language.value)
    titles = part_titles(agreement.data["line_of_business"], texts)
    read = sorted(agreement.parts_read.items(), key=lambda part: part[1])
    return tuple((titles.get(key, key), datetime.fromisoformat(at)) for key, at in read)


def kept_texts(session: Session, agreement: Agreement) -> Texts | None:
    """The texts with which it was written, whatever the texts on the disk say by now."""
    kept = Document.by_sha256(session, agreement.data.get("texts_sha256", ""))
    return Texts.from_bundle(kept.content) if kept else None


def _proof(session: Session, case_id: int, agreement: Agreement) -> Proof:
    (last,), house, own = newest(session, case_id, 1), newest(session, HOUSE, 1), own_seal()
    return Proof(
        document_id=agreement.data["number"],
        trail_entries=last.number,
        trail_head=last.hash,
        house_entries=house[0].number if house else 0,
        house_head=house[0].hash if house else "",
        seal_level=own.level,
        seal_holder=own.holder,
        seal_fingerprint=own.fingerprint,
        seal_is_self_made=own.is_self_made,
    )
