"""The seal, judged by pyHanko's own validator and with time stamps of an authority of our own."""

import asyncio
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO

import pytest
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from asn1crypto.keys import PrivateKeyInfo
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.general import SigningError
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko.sign.validation import (
    SignatureCoverageLevel,
    validate_pdf_signature,
)
from pyhanko.sign.validation.ades import ades_lta_validation
from pyhanko.sign.validation.policy_decl import PdfSignatureValidationSpec, SignatureValidationSpec
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy
from pyhanko_certvalidator.registry import SimpleCertificateStore, SimpleTrustManager
from pypdf import PdfReader

from models.settings import settings
from tasks.agreement.rendering import attach
from tasks.agreement.seal import SealUnreadable, SealUnsoundError, own_seal, seal
from tests.agreements import short
from tests.tasks.test_rendering import data, embedded_fonts, pages, plain, scan, sign_off, signatures

NOW = datetime.now(UTC)


@cache
def signed_off() -> bytes:
    return sign_off(short(data()), signatures(), "de")


@cache
def sealed_once(folder) -> bytes:
    return seal(signed_off(), "Grund")


def sealed() -> bytes:
    return sealed_once(settings().data)


def roots() -> ValidationContext:
    return ValidationContext(trust_roots=[own_seal().certificate])


def judged(pdf: bytes):
    """What pyHanko says of the last seal in the file."""
    return validate_pdf_signature(PdfFileReader(BytesIO(pdf)).embedded_regular_signatures[-1], roots())


def lasting() -> PdfSignatureValidationSpec:
    """The rules for signatures that must prove themselves from what lies in the file."""
    rules = CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build([own_seal().certificate, asn1(authorities()[0][1])]),
        revinfo_policy=CertRevTrustPolicy(RevocationCheckingPolicy.from_legacy("hard-fail")),
    )
    return PdfSignatureValidationSpec(SignatureValidationSpec(cert_validation_policy=rules))


def issued(name: str, issuer=None, usage=None, crl=""):
    """Key and certificate, by itself or by *issuer*; *crl* is where it tells what was revoked."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[1].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if usage:
        made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    if crl:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl)], None, None, None)
        made = made.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    return key, made.sign(issuer[0] if issuer else key, hashes.SHA256())


@cache
def authorities():
    """A root, and below it a certificate for seals."""
    root = issued("Root")
    return root, issued("Siegel GmbH", root)


def revocations(*revoked) -> bytes:
    """The root's list of what it has revoked."""
    key, root = authorities()[0]
    made = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root.subject)
        .last_update(NOW - timedelta(hours=1))
        .next_update(NOW + timedelta(days=1))
    )
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(one.serial_number)
        made = made.add_revoked_certificate(entry.revocation_date(NOW - timedelta(hours=2)).build())
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def asn1(certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def pkcs12(file, password=b"geheim"):
    (_, root), (key, certificate) = authorities()
    file.write_bytes(
        serialize_key_and_certificates(b"seal", key, certificate, [root], BestAvailableEncryption(password))
    )
    return file


@pytest.fixture
def authority(tmp_path, monkeypatch):
    """A time-stamp authority on this machine; ``answers`` and its issuer's list ``revoked`` may be replaced."""

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = tsp.TimeStampReq.load(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["Content-Type"] == "application/timestamp-query"
            status, kind, body = server.answers(asked)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            self.send_response(200 if server.revoked else 404)
            self.send_header("Content-Type", "application/pkix-crl")
            self.end_headers()
            self.wfile.write(server.revoked)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answering)
    root, address = authorities()[0], f"http://127.0.0.1:{server.server_port}"
    key, server.certificate = issued("Time", root, ExtendedKeyUsageOID.TIME_STAMPING, f"{address}/crl")
    private = PrivateKeyInfo.load(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    embedded = SimpleCertificateStore.from_certs([asn1(root[1])])
    stamper = DummyTimeStamper(asn1(server.certificate), private, embedded)
    server.revoked = revocations()
    server.stamp = lambda asked: stamper.request_tsa_response(asked).dump()
    server.answers = lambda asked: (200, "application/timestamp-reply", server.stamp(asked))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    (tmp_path / "roots.pem").write_bytes(root[1].public_bytes(Encoding.PEM))
    monkeypatch.setenv("PROVISION_TSA_URL", f"{address}/tsa")
    monkeypatch.setenv("PROVISION_TSA_ROOTS", str(tmp_path / "roots.pem"))
    settings.cache_clear()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_pyhanko_accepts_the_seal_over_the_whole_file():
    status = judged(sealed())

    assert status.bottom_line
    assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    assert status.docmdp_ok
    assert sealed().startswith(signed_off())
    assert pages(sealed()) == pages(signed_off())


def test_the_seal_permits_no_later_change():
    certified = PdfFileReader(BytesIO(sealed())).embedded_regular_signatures[0]

    assert certified.docmdp_level is MDPPerm.NO_CHANGES
    added = BytesIO(attach(sealed(), b"%PDF-", "later.pdf"))
    assert not validate_pdf_signature(PdfFileReader(added).embedded_regular_signatures[0], roots()).bottom_line


@given(st.data())
def test_one_changed_byte_breaks_the_seal(drawn):
    whole = sealed()
    first, length, second, rest = PdfFileReader(BytesIO(whole)).embedded_signatures[0].byte_range
    assert (first, second + rest) == (0, len(whole))
    at = drawn.draw(st.integers(0, length - 1) | st.integers(second, len(whole) - 1))

    broken = whole[:at] + bytes([whole[at] ^ drawn.draw(st.integers(1, 255))]) + whole[at + 1 :]

    try:
        status = judged(broken)
    except Exception:  # noqa: BLE001
        return  # So broken that no seal is found in it.
    assert not status.bottom_line


def test_the_file_still_claims_what_pdf_a_asks_for():
    reader = PdfFileReader(BytesIO(sealed()))
    widget = reader.embedded_signatures[0].sig_field

    told = reader.root["/Metadata"].data.decode()
    assert 'pdfaid:part="3"' in told
    assert 'pdfaid:conformance="B"' in told
    title = PdfReader(BytesIO(sealed())).metadata.title
    assert plain(title.replace("&", "&amp;")) in plain(told)
    assert reader.trailer["/ID"]
    assert "/Encrypt" not in reader.trailer
    assert reader.root["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"
    assert all(embedded_fonts(sealed()).values())
    assert widget["/Rect"] == [0, 0, 0, 0]
    assert widget["/F"] & 0b100  # Printed, as every annotation in an archive.
    assert "/NeedAppearances" not in reader.root["/AcroForm"]


def test_our_own_certificate_is_made_once_and_only_we_can_read_its_key():
    with ThreadPoolExecutor(4) as pool:
        made = {one.fingerprint for one in pool.map(lambda _: own_seal(), range(4))}
    (file,) = settings().data.glob("seal-*.pem")

    assert made == {own_seal().fingerprint}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert own_seal().fingerprint in repr(made)


def test_our_own_certificate_tells_whose_it_is_and_is_good_for_sealing_only(monkeypatch):
    monkeypatch.setenv("PROVISION_PROVIDER_NAME", "Müller & Söhne Datenverarbeitungsgesellschaft mit langem Namen " * 2)
    settings.cache_clear()
    holder = own_seal().holder
    (file,) = settings().data.glob("seal-*.pem")
    made = x509.load_pem_x509_certificate(file.read_bytes())
    usage = made.extensions.get_extension_for_class(x509.KeyUsage).value

    assert "Müller & Söhne" in holder
    assert own_seal().is_self_made
    assert usage.digital_signature
    assert usage.content_commitment
    assert not usage.key_cert_sign
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert 10 <= made.not_valid_after_utc.year - NOW.year <= 11
    assert load_pem_private_key(file.read_bytes(), None).key_size == 256


def test_another_name_of_the_provider_is_another_certificate(monkeypatch):
    before = own_seal().fingerprint
    monkeypatch.setenv("PROVISION_PROVIDER_NAME", "Anders GmbH")
    settings.cache_clear()

    assert own_seal().fingerprint != before
    assert "Anders GmbH" in own_seal().holder


def test_a_seal_of_the_providers_own_comes_from_a_pkcs12_file(tmp_path, monkeypatch):
    monkeypatch.setenv("PROVISION_SEAL_PKCS12", str(pkcs12(tmp_path / "seal.p12")))
    monkeypatch.setenv("PROVISION_SEAL_PASSWORD", "geheim")
    settings.cache_clear()

    reader = PdfFileReader(BytesIO(seal(signed_off(), "Grund")))

    trusted = ValidationContext(trust_roots=[asn1(authorities()[0][1])])
    any_usage = KeyUsageConstraints(key_usage=set())
    status = validate_pdf_signature(reader.embedded_regular_signatures[0], trusted, key_usage_settings=any_usage)
    assert status.bottom_line
    assert (own_seal().holder, own_seal().level) == ("Siegel GmbH", "PAdES B-B")
    assert not own_seal().is_self_made
    assert not list(tmp_path.glob("seal-*.pem"))


@pytest.mark.parametrize("fault", ["missing", "password", "broken"])
def test_a_seal_that_cannot_be_read_is_told_in_one_sentence(fault, tmp_path, monkeypatch):
    file = tmp_path / "seal.p12"
    if fault != "missing":
        pkcs12(file)
    if fault == "broken":
        file.write_bytes(b"x")
    monkeypatch.setenv("PROVISION_SEAL_PKCS12", str(file))
    monkeypatch.setenv("PROVISION_SEAL_PASSWORD", "falsch")
    settings.cache_clear()

    with pytest.raises(SealUnreadable, match="cannot be read"):
        seal(signed_off(), "Grund")


def test_with_a_time_stamp_authority_the_seal_is_of_level_b_lta_and_what_proves_it_lies_in_the_file(authority):
    reader = PdfFileReader(BytesIO(seal(signed_off(), "Grund")))
    (certified,), (stamp,) = reader.embedded_regular_signatures, reader.embedded_timestamp_signatures

    told = asyncio.run(ades_lta_validation(certified, lasting()))

    assert told.ades_subindic is AdESPassed.OK
    assert told.best_signature_time
    assert stamp.evaluate_signature_coverage() is SignatureCoverageLevel.ENTIRE_FILE
    assert [one.get_object().data for one in reader.root["/DSS"]["/CRLs"]] == [authority.revoked]
    assert own_seal().level == "PAdES B-LTA"


@pytest.mark.parametrize("told", ["nothing", "revoked"])
def test_an_authority_that_may_be_revoked_keeps_the_seal_back(told, authority):
    authority.revoked = revocations(authority.certificate) if told == "revoked" else b""

    with pytest.raises(Exception, match=r"revo|CRL"):
        seal(signed_off(), "Grund")


def test_a_time_stamp_of_something_else_is_not_kept(authority):
    honest = authority.stamp

    def swapped(asked):
        asked["message_imprint"]["hashed_message"] = b"\0" * 32
        return honest(asked)

    authority.stamp = swapped

    with pytest.raises(SealUnsoundError):
        seal(signed_off(), "Grund")


@pytest.mark.parametrize(
    "answer",
    [(503, "text/plain", b"later"), (200, "text/html", b"<p>Welcome"), (200, "application/timestamp-reply", b"")],
)
def test_an_authority_that_does_not_answer_keeps_the_seal_back(answer, authority):
    authority.answers = lambda _: answer

    with pytest.raises(Exception) as raised:  # It is retried, whatever it is.
        seal(signed_off(), "Grund")

    assert not isinstance(raised.value, SealUnreadable)


def test_what_was_signed_before_is_sealed_beside_it():
    again = scan()
    once = seal(again, "Grund")
    with pytest.raises(SigningError):
        seal(once, "Grund")


def test_what_is_no_pdf_is_not_sealed():
    with pytest.raises(PdfError):
        seal(b"%PDF-1.7 nothing", "Grund")


def test_sealing_works_where_an_event_loop_runs():
    async def inside():
        return seal(signed_off(), "Grund")

    assert judged(asyncio.run(inside())).bottom_line
