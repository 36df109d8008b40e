"""The provider's seal: a PAdES signature over a finished document, after which any changed byte shows.

With a time-stamp authority (``PROVISION_TSA_URL``) the level is B-LTA: the time is attested and everything that proves
the seal lies in the file. Without one it is B-B, by default with a certificate of our own making: it proves that the
document left this installation unchanged, to whoever compares the certificate's fingerprint.
"""

import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import certifi
import httpx
from asn1crypto import pem, tsp
from asn1crypto import x509 as asn1_x509
from asn1crypto.keys import PrivateKeyInfo
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from cryptography.x509.oid import NameOID, ObjectIdentifier
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.signers.pdf_signer import DSSContentSettings, TimestampDSSContentSettings
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.timestamps.common_utils import TimestampRequestError
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from models.errors import N_, ProvisionError
from models.settings import settings
from tasks.untrusted.pdfs.reader import Reader

FIELD = "ProvisionSeal"
YEARS_GOOD = 10
"""A certificate of our own outlives the year in which it seals by as long as tax papers have to be kept (§ 147 AO)."""
DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")
LAST_IS_THE_STAMP = DSSContentSettings(
    include_vri=False,
    next_ts_settings=TimestampDSSContentSettings(include_vri=False, update_before_ts=True),
)
"""Nothing follows the last time stamp, so that it covers the whole file."""
TSA_TIMEOUT = 20
"""Seconds that a time-stamp authority may take for an answer."""


class SealUnreadable(ProvisionError):
    says = N_(
        "The seal in %(file)s cannot be read: name a PKCS#12 file with key and certificate by PROVISION_SEAL_PKCS12,"
        " and its password by PROVISION_SEAL_PASSWORD."
    )

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.file = file


class CertificatesUnreadable(ProvisionError):
    says = N_("The certificates in %(file)s cannot be read: name a PEM file by PROVISION_SEAL_KNOWN.")

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.file = file


class SealUnsoundError(Exception):
    """What was just sealed does not stand up to validation: a breakage, never kept."""


@dataclass(frozen=True)
class Seal:
    """What we seal with, and what can be said of it beforehand."""

    key: PrivateKeyInfo
    certificate: asn1_x509.Certificate
    issuers: tuple[asn1_x509.Certificate, ...]
    authority: str
    """Address of the time-stamp authority; empty: none."""

    @property
    def level(self) -> str:
        return "PAdES B-LTA" if self.authority else "PAdES B-B"

    @property
    def holder(self) -> str:
        """Whose certificate it is, as people write it."""
        names: dict[str, Any] = self.certificate.subject.native
        values = [names[part] for part in ("common_name", "organization_name") if part in names]
        return ", ".join(dict.fromkeys(str(value) for value in values)) or str(self.certificate.subject.human_friendly)

    @property
    def is_self_made(self) -> bool:
        return bool(self.certificate.self_issued)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as validators show it."""
        return sha256(self.certificate.dump()).hexdigest()

    @property
    def good_until(self) -> datetime:
        until: datetime = self.certificate.not_valid_after
        return until

    @property
    def usage(self) -> set[str]:
        """What the certificate says it is for, as far as that fits; issuers differ in which of the two they write."""
        usage = self.certificate.key_usage_value
        return {"digital_signature", "non_repudiation"} & set(usage.native) if usage else set()


def own_seal() -> Seal:
    """The seal of this installation: the PKCS#12 file of the settings, else a certificate made once a year and kept."""
    file, authority = settings().seal_pkcs12, settings().tsa_url
    if file is None:
        made = settings().kept(_file_name(), _make_certificate).encode()
        key = load_pem_private_key(made, None)
        certificates = [x509.load_pem_x509_certificate(made)]
    else:
        try:
            opened = load_pkcs12(file.read_bytes(), settings().seal_password.get_secret_value().encode() or None)
        except (OSError, ValueError) as error:
            raise SealUnreadable(str(file)) from error
        if opened.key is None or opened.cert is None:
            raise SealUnreadable(str(file))
        key = opened.key
        certificates = [opened.cert.certificate, *(further.certificate for further in opened.additional_certs)]
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    first, *issuers = (
        asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER)) for certificate in certificates
    )
    return Seal(PrivateKeyInfo.load(der), first, tuple(issuers), authority)


def known_certificates() -> list[bytes]:
    """Every certificate, in DER, that this installation has sealed with as far as it knows; none is made for it.

    Those made in other years lie in the data folder still. Those of a PKCS#12 file that was replaced, or of another
    machine, are named by a setting.
    """
    files = sorted(settings().data.glob("seal-*.pem"))
    named = settings().seal_known
    files += [named] if named else []
    try:
        certificates = [
            certificate for file in files for certificate in x509.load_pem_x509_certificates(file.read_bytes())
        ]
    except (OSError, ValueError) as error:
        raise CertificatesUnreadable(str(named or settings().data)) from error
    own = [own_seal().certificate.dump()] if settings().seal_pkcs12 else []
    return list(dict.fromkeys([*own, *(certificate.public_bytes(Encoding.DER) for certificate in certificates)]))


def seal(pdf: bytes, reason: str) -> bytes:
    """*pdf* sealed, as an incremental update: the result begins with the very bytes of *pdf*.

    Sealing twice gives two different results, since a seal tells its time: keep the bytes. The seal certifies the
    document (no later change permitted) unless somebody else signed it before. It is validated before it is returned.
    Raises pyHanko's ``PdfError`` for a file that cannot be sealed; what an authority or its network breaks is raised
    as it comes.
    """
    # pyHanko begins an event loop of its own, which no thread can that has one: and a pass is such a thread.
    with ThreadPoolExecutor(1) as alone:
        return alone.submit(_sealed, pdf, reason).result()


def _sealed(pdf: bytes, reason: str) -> bytes:
    own = own_seal()
    writer = IncrementalPdfFileWriter(BytesIO(pdf), strict=False)
    is_first = not Reader(BytesIO(pdf), strict=False).embedded_signatures
    signer = SimpleSigner(own.certificate, own.key, _store(own))
    manner = PdfSignatureMetadata(
        field_name=FIELD,
        subfilter=SigSeedSubFilter.PADES,
        md_algorithm="sha256",
        certify=is_first,
        docmdp_permissions=MDPPerm.NO_CHANGES,
        name=settings().provider_name,
        reason=reason,
        contact_info=settings().provider_email,
        signer_key_usage=own.usage,
        embed_validation_info=bool(own.authority),
        use_pades_lta=bool(own.authority),
        dss_settings=LAST_IS_THE_STAMP,
        validation_context=_embedded(own) if own.authority else None,
    )
    stamper = _Authority(own.authority) if own.authority else None
    sealed: bytes = PdfSigner(manner, signer, timestamper=stamper).sign_pdf(writer).getvalue()
    _require_sound(sealed, own)
    return sealed


def _require_sound(sealed: bytes, own: Seal) -> None:
    """An authority that answered with a stamp of something else would otherwise be found out years later."""
    reader = Reader(BytesIO(sealed), strict=False)
    checked = ValidationContext(trust_roots=_trusted(own), other_certs=list(own.issuers), allow_fetching=False)
    usage = KeyUsageConstraints(key_usage=own.usage)
    status = validate_pdf_signature(reader.embedded_regular_signatures[-1], checked, key_usage_settings=usage)
    if not status.bottom_line:
        raise SealUnsoundError(status.summary())
    if own.authority:
        stamp = validate_pdf_timestamp(reader.embedded_timestamp_signatures[-1], checked)
        if not (stamp.valid and stamp.intact and stamp.trusted):
            raise SealUnsoundError(stamp.summary())


def _embedded(own: Seal) -> ValidationContext:
    """Gathers what goes into the file beside the seal: certificates, and whether they were revoked."""
    return ValidationContext(
        trust_roots=_trusted(own), other_certs=list(own.issuers), allow_fetching=True, revocation_mode="hard-fail"
    )


def _store(own: Seal) -> SimpleCertificateStore:
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register_multiple([own.certificate, *own.issuers])
    return store


def _trusted(own: Seal) -> list[asn1_x509.Certificate]:
    """Our own certificate, or the root that issued it; with an authority, also the roots that its own may lead to."""
    trusted = [issuer for issuer in own.issuers if issuer.self_issued] or [(own.issuers or (own.certificate,))[-1]]
    if own.authority:
        roots = (settings().tsa_roots or Path(certifi.where())).read_bytes()
        trusted += [asn1_x509.Certificate.load(der) for _, _, der in pem.unarmor(roots, multiple=True)]
    return trusted


class _Authority(TimeStamper):
    """A time-stamp authority behind HTTP (RFC 3161)."""

    def __init__(self, url: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._url = url

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        asked = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        async with httpx.AsyncClient(timeout=TSA_TIMEOUT, verify=ssl.create_default_context()) as client:
            answer = await client.post(self._url, content=req.dump(), headers=asked)
        answer.raise_for_status()
        content_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        if content_type != "application/timestamp-reply":
            msg = f"the time-stamp authority answered {content_type!r} instead of a time stamp"
            raise TimestampRequestError(msg)
        return tsp.TimeStampResp.load(answer.content)


# The real clock from here on: validators know nothing of a rehearsal's.


def _file_name() -> str:
    """Another name of the provider, or another year, is another certificate."""
    return f"seal-{datetime.now(UTC).year}-{sha256(settings().provider_name.encode()).hexdigest()[:8]}.pem"


def _make_certificate() -> str:
    """Key and self-signed certificate in PEM."""
    key, at = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    provider = settings().provider_name.encode()[:57].decode(errors="ignore")  # Names of a certificate are short.
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, provider),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{provider} {at.year}"),
        ]
    )
    usage = dict.fromkeys(
        (
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(hours=1))  # The reader's clock may be slow.
        .not_valid_after(at.replace(year=at.year + YEARS_GOOD + 1, month=1, day=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, content_commitment=True, **usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([DOCUMENT_SIGNING]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return (private + made.public_bytes(Encoding.PEM)).decode()
