"""The limited process that looks into signed agreements which lie in the database: ``tasks.audit.verification`` asks.

Whoever can write the database may have put any file there, so that it is as strange as what came by mail.
"""

import base64
from collections.abc import Sequence
from hashlib import sha256
from io import BytesIO
from typing import Any

from asn1crypto import x509
from pyhanko.pdf_utils.generic import DictionaryObject
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.general import ValueErrorWithMessage
from pyhanko.sign.validation import (
    EmbeddedPdfSignature,
    SignatureCoverageLevel,
    validate_pdf_signature,
    validate_pdf_timestamp,
)
from pyhanko_certvalidator import ValidationContext

from tasks.untrusted.pdfs.check import DAMAGED
from tasks.untrusted.pdfs.reader import Reader
from tasks.untrusted.pdfs.signatures import is_contiguous, is_padded_with_nothing
from tasks.untrusted.sandbox import answer

FACTS = ("/OriginalBytes", "/OriginalSHA256", "/AuditEntries", "/AuditHead", "/HouseEntries", "/HouseHead")
UNBROKEN = {ModificationLevel.NONE, ModificationLevel.LTA_UPDATES}
"""What may follow the seal: nothing, or the proofs that make it last, time stamp included."""


def look(facts: dict[str, Any], files: Sequence[bytes]) -> tuple[dict[str, Any], bytes]:
    """Of each file, whether one of these certificates has sealed it to its last byte, and what its last page tells."""
    certificates = [x509.Certificate.load(base64.b64decode(certificate)) for certificate in facts["certificates"]]
    return {"files": [_look(file, certificates) for file in files]}, b""


def _look(file: bytes, certificates: Sequence[x509.Certificate]) -> dict[str, Any]:
    findings: dict[str, Any] = {"whole": False, "certificate": "", "ours": False, "information": {}}
    try:
        reader = Reader(BytesIO(file), strict=False)
        seals = reader.embedded_regular_signatures
        if len(seals) != 1:
            return findings  # A copy with signatures of its own is an attachment; the seal is alone.
        findings["certificate"] = sha256(seals[0].signer_cert.dump()).hexdigest()
        findings["ours"] = seals[0].signer_cert.dump() in {certificate.dump() for certificate in certificates}
        findings["whole"] = _is_whole(reader, seals[0])
        findings["information"] = _information(reader)
    except (ValueErrorWithMessage, *DAMAGED):
        return findings
    return findings


def _is_whole(reader: PdfFileReader, seal: EmbeddedPdfSignature) -> bool:
    """Whether the file is what was sealed, nothing follows but time stamps, and the newest covers the last byte."""
    nobody = ValidationContext(trust_roots=[seal.signer_cert], allow_fetching=False)
    status = validate_pdf_signature(seal, nobody)
    is_sound = status.intact and status.valid and is_contiguous(seal) and is_padded_with_nothing(seal)
    if not is_sound or status.modification_level not in UNBROKEN or status.docmdp_ok is False:
        return False
    stamps = [validate_pdf_timestamp(stamp, nobody) for stamp in reader.embedded_timestamp_signatures]
    newest = stamps[-1] if stamps else status
    return (
        all(stamp.intact and stamp.valid for stamp in stamps) and newest.coverage is SignatureCoverageLevel.ENTIRE_FILE
    )


def _information(reader: PdfFileReader) -> dict[str, str]:
    if "/Info" not in reader.trailer or not isinstance(entries := reader.trailer["/Info"], DictionaryObject):
        return {}
    return {name: str(entries[name])[:100] for name in FACTS if name in entries}


if __name__ == "__main__":
    answer(look)
