"""The digital signatures in a PDF, as pyHanko verifies them."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import x509
from asn1crypto.parser import peek
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.general import ValueErrorWithMessage
from pyhanko.sign.validation import (
    EmbeddedPdfSignature,
    SignatureCoverageLevel,
    validate_pdf_signature,
    validate_pdf_timestamp,
)
from pyhanko_certvalidator import ValidationContext

from models.text import one_line
from tasks.untrusted.pdfs.pages import Ref
from tasks.untrusted.pdfs.reader import entry

log = logging.getLogger(__name__)

REMARK_MOST, REMARKS_MOST = 200, 20
SHORT = {
    "common_name": "CN",
    "organization_name": "O",
    "organizational_unit_name": "OU",
    "given_name": "GN",
    "surname": "SN",
    "serial_number": "serialNumber",
    "organization_identifier": "organizationIdentifier",
    "country_name": "C",
}
"""How certificates abbreviate the parts of a name."""
SAYING_NOTHING = {"/Type", "/Filter", "/SubFilter", "/Contents", "/ByteRange", "/Cert", "/R", "/V", "/Changes"}
"""Entries of a signature that are the signature itself, or say by which kind of program it is to be read."""
SAYING_NOTHING |= {"/Prop_Build", "/Prop_AuthTime", "/Prop_AuthType"}
"""Which program made it, on which system, and how its user signed in there; Adobe's always write so."""
OF_RULES = {"/Type", "/V", "/P", "/Action", "/Fields"}
"""What may change afterwards, as a certifying signature and one that locks fields tell it."""
DATE = re.compile(r"(D:)?\d{4,14}([Z+-][\d']{0,6})?")
USUAL_ATTRIBUTES = {"content_type", "message_digest", "signing_time", "signing_certificate", "signing_certificate_v2"}
"""What a signature says of itself: what of, when, and with which certificate."""
USUAL_ATTRIBUTES |= {"cms_algorithm_protection", "adobe_revocation_info_archival", "1.2.840.113549.1.9.15"}
"""By which algorithms, with answers about its certificates, and what the signer's program can read (S/MIME)."""


@dataclass(frozen=True)
class Signature:
    """A digital signature, and who made it as the certificate says.

    Where it could not be verified, the names are those that it claims.
    """

    name: str
    subject: str
    issuer: str
    serial: str
    reason: str
    """Whatever is said with it besides who signed and when, as reason, place or contact; viewers show it."""
    signed_at: str | None
    """ISO 8601 in UTC: as a time-stamp authority says it, else as the signer's computer did."""
    timestamped: bool
    trusted: bool | None
    """Whether the certificate leads to one of the trust roots; None without any."""
    verified: bool
    """False: it is of a kind that cannot be checked here; the next three then mean nothing."""
    intact: bool
    covers: bool
    """Whether it covers all that was in the file when it was made, and nothing hangs on at the end."""
    changed: str
    """What was done to the file afterwards: ``nothing``, ``allowed`` or ``other``."""
    paints: bool = False
    """Whether it is to be seen on a page."""

    @property
    def is_broken(self) -> bool:
        """Whether the file is not, or no longer, what was signed."""
        return self.verified and (not self.intact or (self.covers and self.changed == "other"))


@dataclass(frozen=True)
class Signed:
    """A signature, and where it is in the file."""

    signature: Signature
    field: Ref
    revision: int


def signatures_in(reader: PdfFileReader, roots: Sequence[x509.Certificate], at: datetime) -> list[Signed]:
    """All signatures of persons and firms, in the order in which they were made, as they stand at that time.

    Time-stamps over the whole file count as changes that are allowed if they are intact. Nobody is asked whether a
    certificate was revoked, since nothing here reaches the network.
    """
    supported = {signature.fq_name: signature for signature in reader.embedded_signatures}
    signatures = []
    for field, value, holder in enumerate_sig_fields(reader, filled_status=True):
        signature = supported.get(field)
        if signature is None:
            log.info("a signature of the kind %s", entry(value.get_object(), "/SubFilter"))
            signatures.append(Signed(_unverified("", "", "", "", ""), _place(holder), 0))
        elif signature.sig_object_type != "/DocTimeStamp":
            signatures.append(Signed(_verified(signature, roots, at), _place(holder), signature.signed_revision))
        elif not validate_pdf_timestamp(signature, _context(roots, at), skip_diff=True).intact:
            signatures.append(Signed(_unverified("", "", "", "", ""), _place(holder), signature.signed_revision))
    return sorted(signatures, key=lambda signed: signed.revision)


def _place(holder: generic.PdfObject) -> Ref:
    ref = holder if isinstance(holder, generic.IndirectObject) else holder.container_ref
    return (ref.idnum, ref.generation) if isinstance(ref, generic.IndirectObject | generic.Reference) else (0, 0)


def _verified(signature: EmbeddedPdfSignature, roots: Sequence[x509.Certificate], at: datetime) -> Signature:
    certificate = signature.signer_cert
    claims = (
        _person(certificate.subject),
        _distinguished(certificate.subject),
        _distinguished(certificate.issuer),
        f"{certificate.serial_number:x}",
        _remarks(signature),
    )
    try:
        status = validate_pdf_signature(signature, _context(roots, at))
    except ValueErrorWithMessage as error:  # An algorithm or a kind that is unknown or forbidden.
        log.info("a signature cannot be verified: %s", error)
        return _unverified(*claims)
    stamp = status.timestamp_validity
    is_stamped = stamp is not None and stamp.intact and stamp.valid
    signed_at = stamp.timestamp if stamp is not None and is_stamped else status.signer_reported_dt
    level = status.modification_level
    allowed = status.docmdp_ok is not False and level in {ModificationLevel.LTA_UPDATES, ModificationLevel.FORM_FILLING}
    return Signature(
        *claims,
        signed_at=signed_at.astimezone(UTC).isoformat(timespec="seconds") if signed_at else None,
        timestamped=is_stamped,
        trusted=status.trusted if roots else None,
        verified=True,
        intact=status.intact and status.valid and (stamp is None or is_stamped) and is_padded_with_nothing(signature),
        covers=status.coverage in _covering(signature) and is_contiguous(signature),
        changed="nothing" if level is ModificationLevel.NONE else "allowed" if allowed else "other",
    )


def _unverified(name: str, subject: str, issuer: str, serial: str, reason: str) -> Signature:
    return Signature(
        name,
        subject,
        issuer,
        serial,
        reason,
        signed_at=None,
        timestamped=False,
        trusted=None,
        verified=False,
        intact=False,
        covers=False,
        changed="other",
    )


def _covering(signature: EmbeddedPdfSignature) -> set[SignatureCoverageLevel]:
    """The newest signature has to cover the file to its last byte."""
    is_last = signature.signed_revision == signature.reader.total_revisions - 1
    older = set() if is_last else {SignatureCoverageLevel.ENTIRE_REVISION}
    return {SignatureCoverageLevel.ENTIRE_FILE, *older}


def _remarks(signature: EmbeddedPdfSignature) -> str:
    """What is said with a signature besides who signed and when; empty where programs write what they always do.

    Adobe's and pyHanko write no reason, place or contact unless they are told one, iText's and others empty ones.
    """
    remarks = []
    for name in signature.sig_object:
        value = entry(signature.sig_object, name)
        match name:
            case _ if name in SAYING_NOTHING:
                continue
            case "/Name" if _words(_plainly(value)) <= _words(_distinguished(signature.signer_cert.subject)):
                continue
            case "/M" if DATE.fullmatch(_plainly(value)):
                continue
            case "/Reference":
                remarks += _beyond_rules(value)
            case _:
                remarks.append(_plainly(value))
    attributes = [attribute["type"].native for attribute in signature.signer_info["signed_attrs"]]
    remarks += [name for name in attributes if name not in USUAL_ATTRIBUTES]
    return "; ".join(text[:REMARK_MOST] for text in remarks[:REMARKS_MOST] if text)


def _beyond_rules(references: generic.PdfObject) -> list[str]:
    """What the rules for later changes say besides: usage rights may bear a message that is shown at once."""
    if not isinstance(references, generic.ArrayObject):
        return [_plainly(references)]
    remarks = []
    for reference in references:
        rules = entry(reference, "/TransformParams") if isinstance(reference, generic.DictionaryObject) else None
        if isinstance(rules, generic.DictionaryObject):
            remarks += [_plainly(entry(rules, name)) for name in rules if name not in OF_RULES]
    return remarks


def _plainly(value: object) -> str:
    """As viewers show it: in one line, without what cannot be seen."""
    if value is None or isinstance(value, generic.NullObject):
        return ""
    return one_line(value.decode("latin-1") if isinstance(value, bytes) else str(value))


def _words(text: str) -> set[str]:
    """In small letters; a sign that is no part of a word counts as one, unless names are parted by it."""
    return set(re.findall(r"\w+|[^\w\s,;.=()-]", text.casefold()))


def is_contiguous(signature: EmbeddedPdfSignature) -> bool:
    """Whether the gap in what is signed holds the signature and nothing else."""
    start, before, after, _ = signature.byte_range
    return bool(start == 0 and after - before == 2 * len(signature.pkcs7_content) + 2)


def is_padded_with_nothing(signature: EmbeddedPdfSignature) -> bool:
    """No signature covers the room that was left for itself; nothing may be hidden there."""
    return not any(signature.pkcs7_content[peek(signature.pkcs7_content) :])


def _context(roots: Sequence[x509.Certificate], at: datetime) -> ValidationContext:
    return ValidationContext(trust_roots=list(roots), moment=at, allow_fetching=False)


def _person(name: x509.Name) -> str:
    """Whom a certificate names: given and family name where they are told, else the common name; no pseudonym."""
    parts = name.native
    if "pseudonym" in parts:
        return ""
    if "given_name" in parts and "surname" in parts:
        return f"{_text(parts['given_name'])} {_text(parts['surname'])}"
    return _text(parts.get("common_name", ""))


def _distinguished(name: x509.Name) -> str:
    """As ``CN=Erika Muster, C=DE``, the most specific part first."""
    parts = [part.native for level in name.chosen for part in level]
    return ", ".join(f"{SHORT.get(part['type'], part['type'])}={_text(part['value'])}" for part in reversed(parts))


def _text(part: str | list[str]) -> str:
    """Clean: a certificate may say anything, and an operator reads it."""
    return one_line(part if isinstance(part, str) else " ".join(part))
