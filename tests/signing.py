"""People with certificates of a made-up authority, who sign PDF files with pyHanko as signing software does."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from unittest.mock import patch

from asn1crypto.x509 import Certificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from PIL import Image, ImageDraw
from pyhanko.keys import load_private_key_from_pemder_data
from pyhanko.pdf_utils.generic import DictionaryObject, PdfObject, pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, append_signature_field
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner, pdf_signer
from pyhanko.sign.signers.cms_embedder import SigAppearanceSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from pyhanko_certvalidator.registry import SimpleCertificateStore

ISSUER = "Musterzertifikate CA"


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"), x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(subject, issuer, key, issuers_key, *, is_authority: bool) -> x509.Certificate:
    usage = dict.fromkeys(
        (
            "data_encipherment",
            "key_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
            "digital_signature",
        ),
        False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2060, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(
            x509.KeyUsage(
                **usage, content_commitment=not is_authority, key_cert_sign=is_authority, crl_sign=is_authority
            ),
            critical=True,
        )
        .sign(issuers_key, hashes.SHA256())
    )


@cache
def authority(name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    return _certificate(name, name, key, key, is_authority=True), key


@cache
def signer(name: str, issuer: str) -> SimpleSigner:
    """Somebody with a certificate of this name."""
    root, issuers_key = authority(issuer)
    key = ec.generate_private_key(ec.SECP256R1())
    made = _certificate(name, issuer, key, issuers_key, is_authority=False)
    store = SimpleCertificateStore()

    def read(one: x509.Certificate) -> Certificate:
        return Certificate.load(one.public_bytes(Encoding.DER))

    store.register(read(root))
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return SimpleSigner(read(made), load_private_key_from_pemder_data(plain, None), store)


def digitally_signed(
    pdf: bytes,
    name: str = "Erika Muster",
    *,
    field: str = "Unterschrift",
    box=None,
    page: int = -1,
    issuer: str = ISSUER,
    strict: bool = True,
    reason: str | None = None,
    said: dict[str, PdfObject] | None = None,
    look: Callable[[DictionaryObject, IncrementalPdfFileWriter], None] | None = None,
) -> bytes:
    """The file with a signature added as an update; visible in *box* (left, bottom, right, top in points).

    *look* makes of the field what it likes, before it is signed; *said* are further entries of the signature.
    """
    writer = IncrementalPdfFileWriter(BytesIO(pdf), strict=strict)
    append_signature_field(writer, SigFieldSpec(field, on_page=page, box=box))
    made = PdfSigner(PdfSignatureMetadata(field_name=field, reason=reason), signer(name, issuer))
    drawn = (lambda _, *given: look(*given)) if look else SigAppearanceSetup.apply

    def saying(*given, **named):
        signature = SignatureObject(*given, **named)
        signature.update({pdf_name(name): value for name, value in (said or {}).items()})
        return signature

    entries = patch.object(pdf_signer, "SignatureObject", saying)
    with patch.object(SigAppearanceSetup, "apply", drawn), entries, ThreadPoolExecutor(1) as apart:
        # Apart, since it runs an event loop, and so do tests in a browser.
        return apart.submit(made.sign_pdf, writer).result().getvalue()


def trust_roots(folder):
    """The folder with the authority's certificate, as a setting names it."""
    folder.mkdir(exist_ok=True)
    (folder / "musterzertifikate.pem").write_bytes(authority(ISSUER)[0].public_bytes(Encoding.PEM))
    return folder


@cache
def scanned(pages: int = 2, text: str = "Unterschrieben: E. Muster") -> bytes:
    """Pages of pictures, as a scanner makes them."""
    made = []
    for number in range(pages):
        sheet = Image.new("L", (620, 877), 250)
        ImageDraw.Draw(sheet).text((80, 80 + number), text, fill=20)
        made.append(sheet)
    file = BytesIO()
    made[0].save(file, "PDF", save_all=True, append_images=made[1:])  # Its table of contents is not quite right.
    return file.getvalue()
