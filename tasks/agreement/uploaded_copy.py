"""An agreement that came back as a file: what it is, whose signature it bears, and why a person may have to look.

The file is a stranger's. It is opened in a process of its own (``tasks.untrusted.sandbox``) and never here.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from re import findall
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from models.document import Doubt
from models.errors import N_, ProvisionError
from models.firm import folded
from models.settings import settings
from models.time.clock import now
from tasks.untrusted.pdfs.signatures import Signature
from tasks.untrusted.sandbox import Failed, TooCostly, ask, ask_at_length

LARGEST = 20_000_000
"""Bytes of a file."""
HEADER_WITHIN = 1024
"""Bytes in which viewers look for where a PDF begins; scanners and mail programs leave something before it."""
OTHER_KINDS = (
    b"MZ",
    b"PK",
    b"\x7fELF",
    b"#!",
    b"<",
    b"GIF8",
    b"\x89PNG",
    b"\xff\xd8",
    b"Rar!",
    b"7z",
    b"{\\rtf",
    b"\xd0\xcf",
)
"""How programs, archives, pages and pictures begin, which are not taken for a PDF that follows."""
PHOTO_KINDS = (b"\xff\xd8\xff", b"\x89PNG\r\n")
"""How JPEG and PNG begin."""
MOST_PHOTOS, PHOTO_SECONDS = 40, 60
MOST_PAGES = 200
WIDEST_PICTURE = 1600
"""Pixels."""


class ReturnRefused(ProvisionError):
    """The file cannot be taken as the firm's signed agreement; the case stays as it was."""

    status = 422

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class NotAPdf(ReturnRefused):
    says = N_(
        "“%(name)s” is neither a PDF file nor a photo (JPEG, PNG): scan the signed agreement as PDF and send that."
    )


class FilesMixed(ReturnRefused):
    says = N_("“%(name)s” is not a photo (JPEG or PNG): send one PDF file alone, or photos of all pages.")


class TooManyPhotos(ReturnRefused):
    says = N_("These are more than %(most)s photos: send those of the signed agreement alone, or scan it as PDF.")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.most = MOST_PHOTOS


class PhotoUnreadable(ReturnRefused):
    says = N_("“%(name)s” cannot be read as a photo: take it once more, and send all pages again.")


class FileTooLarge(ReturnRefused):
    status = 413
    says = N_("“%(name)s” is larger than %(most)s MB: scan it with a lower resolution.")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.most = LARGEST // 1_000_000


class FileLocked(ReturnRefused):
    says = N_("“%(name)s” is protected by a password: send it without one.")


class FileDamaged(ReturnRefused):
    says = N_("“%(name)s” is damaged: save or scan the signed agreement as PDF once more and send that.")


class TooManyPages(ReturnRefused):
    says = N_("“%(name)s” has more than %(most)s pages: send the signed agreement alone.")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.most = MOST_PAGES


class FileTooCostly(ReturnRefused):
    says = N_("“%(name)s” takes more time or memory than an agreement may: print it and scan it with a low resolution.")


class FileWithScript(ReturnRefused):
    says = N_("“%(name)s” contains a program (JavaScript) or acts by itself: print it to a new PDF and send that.")


class FileLaunches(ReturnRefused):
    says = N_("“%(name)s” would start another program: print it to a new PDF and send that.")


class FileWithFiles(ReturnRefused):
    says = N_("“%(name)s” has other files inside: send the signed agreement without attachments.")


class FileReachesOut(ReturnRefused):
    says = N_("“%(name)s” would open or load something from elsewhere: print it to a new PDF and send that.")


class FileSends(ReturnRefused):
    says = N_("“%(name)s” contains a form that sends data: print it to a new PDF and send that.")


class FileWithXfa(ReturnRefused):
    says = N_("“%(name)s” is an XFA form, whose content can change: print it to a new PDF and send that.")


class FileWithMedia(ReturnRefused):
    says = N_("“%(name)s” contains film, sound or 3D: print it to a new PDF and send that.")


class NothingSigned(ReturnRefused):
    says = N_("“%(name)s” is the agreement as we sent it, without a signature: sign it and send it then.")


class SignatureBroken(ReturnRefused):
    says = N_(
        "The digital signature in “%(name)s” is broken, because the file was changed after it was signed: "
        "sign the agreement once more and send it unchanged."
    )


class OtherTextSigned(ReturnRefused):
    says = N_(
        "The text that is signed in “%(name)s” is not the agreement that we sent: "
        "download it here once more, sign that file and send it."
    )


_FORBIDDEN: dict[str, type[ReturnRefused]] = {
    "locked": FileLocked,
    "script": FileWithScript,
    "launch": FileLaunches,
    "files": FileWithFiles,
    "reaches_out": FileReachesOut,
    "sends": FileSends,
    "xfa": FileWithXfa,
    "media": FileWithMedia,
}
"""By ``tasks.untrusted.pdfs.forbidden.Forbidden``, which lives in the other process."""


@dataclass(frozen=True)
class Returned:
    """A file that may be the firm's signed agreement."""

    pages: int
    original_pages: int
    signatures: tuple[Signature, ...]
    signer: str
    """The name in the certificate of one of the expected signers; empty if there is none."""
    doubts: tuple[Doubt, ...]
    beside: tuple[dict[str, Any], ...] = ()
    """What is beside the pages and not as in the original: ``tasks.untrusted.pdfs.beside.Beside`` in plain values."""

    @property
    def counts(self) -> bool:
        """Whether it counts as the firm's signature without anybody looking at it."""
        return not self.doubts

    @property
    def facts(self) -> dict[str, Any]:
        """The same in plain values, to be kept with the case."""
        return {
            "pages": self.pages,
            "original_pages": self.original_pages,
            "signatures": [vars(signature) for signature in self.signatures],
            "doubts": [doubt.value for doubt in self.doubts],
            "beside": list(self.beside),
        }


def as_pdf(files: Sequence[tuple[str, bytes]]) -> tuple[str, bytes]:
    """What was sent as one file, with its name: a PDF, or whatever it is, as it is; photos of pages put together, in
    the order in which they were sent.

    Raises FilesMixed, TooManyPhotos, PhotoUnreadable, FileTooCostly.
    """
    other = [name for name, content in files if not content.startswith(PHOTO_KINDS)]
    if len(files) == 1 and other:
        return files[0]
    name, photos = files[0][0], [content for _, content in files]
    if other:
        raise FilesMixed(other[0])
    if len(files) > MOST_PHOTOS:
        raise TooManyPhotos(name)
    try:
        made, opened = ask_at_length("tasks.untrusted.pdfs.photos", {}, *photos, seconds=PHOTO_SECONDS)
    except (TooCostly, Failed) as error:
        raise FileTooCostly(name) from error
    with opened as pdf:
        if "unreadable" in made:
            raise PhotoUnreadable(files[made["unreadable"]][0])
        return f"{Path(name).stem[:190]}.pdf", pdf.read()


def inspect(content: bytes, name: str, original: bytes, signers: Sequence[str]) -> Returned:
    """What came back as *name*, in answer to *original*; *signers* may sign for the firm.

    Raises a ReturnRefused for what is hostile, damaged, unsigned though unchanged, broken, or signed over another
    text. Who issued a certificate is checked against the trust roots of the settings; whether it was revoked is not.
    """
    if len(content) > LARGEST:
        raise FileTooLarge(name)
    if b"%PDF-" not in content[:HEADER_WITHIN] or content.startswith(OTHER_KINDS):
        raise NotAPdf(name)
    asked = {
        "pages_most": MOST_PAGES,
        "at": now().isoformat(),
        "roots": [] if settings().trust_roots is None else _roots(settings().trust_roots),
    }
    try:
        seen, _ = ask("tasks.untrusted.pdfs.check", asked, content, original)
    except TooCostly as error:
        raise FileTooCostly(name) from error
    except Failed as error:
        raise FileDamaged(name) from error
    if "forbidden" in seen:
        raise _FORBIDDEN[seen["forbidden"]](name)
    if "costly" in seen:
        raise FileTooCostly(name)
    if "damaged" in seen:
        raise FileDamaged(name)
    if seen["pages"] > MOST_PAGES:
        raise TooManyPages(name)
    return _judged(name, seen, signers)


def _judged(name: str, seen: dict[str, Any], signers: Sequence[str]) -> Returned:
    signatures = tuple(Signature(**signature) for signature in seen["signatures"])
    if not signatures:
        if seen["same"] and not (seen["marked"] or seen["covered"] or seen["beside"]):
            raise NothingSigned(name)
        doubts = {Doubt.NO_SIGNATURE: True, Doubt.PAGES_MISSING: seen["pages"] < seen["original_pages"]}
        return Returned(seen["pages"], seen["original_pages"], (), "", _those(doubts))
    if any(signature.is_broken for signature in signatures):
        raise SignatureBroken(name)
    if not seen["alike"]:
        raise OtherTextSigned(name)
    ours = [
        signature
        for signature in signatures
        if signature.verified and any(names_them(signature.name, signer) for signer in signers)
    ]
    best = next((signature for signature in ours if signature.trusted), ours[0] if ours else None)
    judged = best or signatures[0]
    doubts = {
        Doubt.UNVERIFIED: any(not signature.verified for signature in signatures),
        Doubt.SIGNER_UNKNOWN: best is None,
        Doubt.ISSUER_UNCHECKED: judged.verified and judged.trusted is None,
        Doubt.ISSUER_UNTRUSTED: judged.verified and judged.trusted is False,
        Doubt.COVERS_PART: any(signature.verified and not signature.covers for signature in signatures),
        Doubt.REWRITTEN: not seen["same"],
        Doubt.MARKED: seen["marked"]
        or any(signature.paints and not _may_paint(signature, signers) for signature in signatures),
        Doubt.COVERED: seen["covered"],
        Doubt.BESIDE: bool(seen["beside"]),
        Doubt.SAYS_MORE: any(signature.reason for signature in signatures),
    }
    signer, beside = best.name if best else "", tuple(seen["beside"])
    return Returned(seen["pages"], seen["original_pages"], signatures, signer, _those(doubts), beside)


def _may_paint(signature: Signature, signers: Sequence[str]) -> bool:
    """Whether what it shows on a page is the word of somebody who was asked, as far as that was checked."""
    return signature.trusted is not False and any(names_them(signature.name, signer) for signer in signers)


def _those(doubts: dict[Doubt, bool]) -> tuple[Doubt, ...]:
    return tuple(doubt for doubt, holds in doubts.items() if holds)


def names_them(written: str, person: str) -> bool:
    """Whether a certificate, or another system, names this person: every part is there, in any order, at least two."""
    theirs, ours = (set(findall(r"\w+", folded(name))) for name in (written, person))
    return len(ours) >= 2 and ours <= theirs


def picture(content: bytes, page: int, width: int) -> bytes | None:
    """A page (from 1) as a PNG *width* pixels wide, at most WIDEST_PICTURE; None if it cannot be drawn."""
    try:
        answer, png = ask("tasks.untrusted.pdfs.draw", {"page": page - 1, "width": min(width, WIDEST_PICTURE)}, content)
    except (TooCostly, Failed):
        return None
    return png if answer["drawn"] else None


@cache
def _roots(folder: Path) -> list[str]:
    """The certificates in the files of the folder (PEM or DER), as base64 of DER; broken ones break loudly."""
    files: Iterable[Path] = sorted(file for file in folder.iterdir() if file.suffix in {".pem", ".crt", ".cer", ".der"})
    made = []
    for file in files:
        content = file.read_bytes()
        if b"-----BEGIN" in content:
            certificates = x509.load_pem_x509_certificates(content)
        else:
            certificates = [x509.load_der_x509_certificate(content)]
        made += [base64.b64encode(certificate.public_bytes(Encoding.DER)).decode() for certificate in certificates]
    return made
