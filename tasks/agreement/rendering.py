"""The agreement on paper: from a firm's data to a PDF, its parts for reading, and the sheet that records signatures.

Pure functions on frozen data: no database, no network, no clock. The same data and texts give the same bytes, so that
a document is known by its SHA-256 and may be rendered twice. The texts come from ``wording``.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any, Literal

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent
from markupsafe import Markup
from pyhanko.pdf_utils.embed import EmbeddedFileObject, EmbeddedFileParams, FileSpec, embed_file
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pypdf import PdfReader

from models.time.clock import LOCAL_ZONE, local_day
from tasks.agreement.contract_texts import Language, TextBroken, Texts, current_texts
from tasks.untrusted.pdfs.join import with_sheet
from tasks.untrusted.sandbox import Failed, TooCostly, ask

LineOfBusiness = Literal["tax", "audit", "law", "other"]
Billing = Literal["monthly", "quarterly", "half_yearly", "yearly"]
Way = Literal["page", "upload", "attached", "webhook", "countersigned"]
Authentication = Literal["mail_link", "mail_code", "service"]

LOCALES: dict[Language, str] = {"de": "de_DE", "fr": "fr_FR", "en": "en_GB"}
LOGO_ADDRESS, DRAWING_ADDRESS = "agreement:logo", "agreement:drawing-"
_TOGETHER = re.compile(
    r"(?:§|\b(?:[Aa]rts?|[Aa]bs|Nr|no|par|al)\.|\b(?:Satz|Anlage|Nummer|[Aa]nnexe?|[Nn]umber|numéro|bis|to|à)) (?=\d)"
    r"|\b(?:lit\.|point) (?=[a-z]\b)|\d (?=(?:bis|to|à) \d|Uhr\b)"
)
"""Citations and numbers that would fall apart at the end of a line."""
LINE_WIDTH = 204
"""Points that there are on a line for a signature."""
LONGEST_NAME = 180
"""Bytes of a file name before ``.pdf``; file systems allow 255 and mail programs add to it."""


@dataclass(frozen=True, kw_only=True)
class AgreementData:
    """Everything that an agreement says about its two parties, the subscription and itself."""

    number: str
    version: str
    """Names the wording of the texts: the first digits of their SHA-256."""
    texts_sha256: str = ""
    language: Language
    date: date
    product: str

    provider_name: str
    provider_address: tuple[str, ...]
    provider_email: str

    firm_name: str
    company_id: str
    line_of_business: LineOfBusiness
    line_of_business_label: str
    address: tuple[str, ...]
    website: str = ""
    organiser_name: str
    organiser_email: str
    contact_person: str = ""

    plan: str
    billing: Billing
    price_cents: int
    """Price of one billing interval without VAT, less the discount, in the hundredth part of the currency."""
    currency: str = "EUR"
    full_cents: int = 0
    """The same before the discount."""
    discount: int = 0
    """Hundredths of a percent; 0: none."""
    notice_count: int = 0
    """Time of notice agreed with this firm; 0: as in the general terms."""
    notice_unit: Literal["days", "weeks", "months"] = "months"
    clause: str = ""
    """What was agreed with this firm beside all that, in words of its own."""

    logo: bytes | None = None
    """A PNG."""


@dataclass(frozen=True)
class Part:
    """A part of the agreement as an HTML fragment without its title, safe to put into a page."""

    key: str
    title: str
    html: Markup


@dataclass(frozen=True)
class DigitalSignature:
    """A signature inside of a copy that came back, as its certificate names the signer and who issued it."""

    subject: str
    issuer: str
    verified: bool
    """Whether it is of a kind that we could check, and was found whole."""
    trusted: bool | None
    """Whether the certificate leads to an issuer whom the provider trusts; None: nobody asked."""
    signed_at: datetime | None = None
    timestamped: bool = False
    """Whether a time-stamp authority says so, or only the signer's computer."""


@dataclass(frozen=True, kw_only=True)
class Signature:
    """Who signed for a party, when, in which way, and how we know; whatever is not known stays empty."""

    party_name: str
    signer_name: str
    role: str = ""
    email: str = ""
    delegated_by: str = ""
    """Who was asked first and handed the signature over to the signer, at ``delegated_at``."""
    delegated_at: datetime | None = None
    authentication: tuple[Authentication, ...] = ()
    sent_at: datetime | None = None
    viewed_at: datetime | None = None
    """When the signer first opened the agreement."""
    read: tuple[tuple[str, datetime], ...] = ()
    """The title of each part, and when the signer said that it was read."""
    signed_at: datetime
    """When it was signed, if that happened on the page; else when we got the file or the notice."""
    signed_on: date | None = None
    """The day that is written on a file."""
    told_at: str = ""
    """When another system says that it was signed there."""
    how: Way
    visits: tuple[tuple[str, str], ...] = ()
    """IP address and browser of each place from which the signer acted."""
    drawing: bytes | None = None
    """The signature as it was drawn, a PNG or SVG."""
    digital: tuple[DigitalSignature, ...] = ()
    """Those in the copy that came back."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What the certificate page tells beside the signatures, so that later changes show."""

    document_id: str
    trail_entries: int
    trail_head: str
    """Hash of the newest entry of the case's audit trail: whoever has the page sees if entries are cut off later."""
    house_entries: int = 0
    house_head: str = ""
    """The same of the chain of acts that belong to no case, which names all cases."""
    seal_level: str
    seal_holder: str
    seal_fingerprint: str
    seal_is_self_made: bool


def render_agreement(data: AgreementData, texts: Texts | None = None, identifier: bytes | None = None) -> bytes:
    """The agreement as an A4 document in PDF/A-3b, tagged, with embedded fonts and bookmarks.

    Without *texts* it is made of those that lie on the disk now.

    Equal data, and an equal *identifier* if one is given, give equal bytes as long as WeasyPrint, Pango and the
    installed fonts stay the same: keep the bytes that were shown, do not count on rendering them again next year.
    """
    from weasyprint.urls import FatalURLFetchingError

    texts = texts or current_texts(data.language)
    words = texts.words
    parts, headings = [], {}
    for part in agreement_parts(data, texts):
        anchored, headings[part.key] = _with_anchors(part)
        parts.append(Part(part.key, part.title, anchored))
    heading = words["heading"] % {"product": data.product}
    facts = _facts(data, texts) | {
        "words": words,
        "heading": heading,
        "title": words["title"] % {"heading": heading, "firm": data.firm_name},
        "parts": parts,
        "headings": headings,
        "logo_address": LOGO_ADDRESS,
    }
    html = texts.render("agreement.html", facts)
    try:
        return _pdf(html, {LOGO_ADDRESS: data.logo} if data.logo else {}, tagged=True, identifier=identifier)
    except FatalURLFetchingError as error:
        raise TextBroken(data.language, str(error)) from error


def agreement_parts(data: AgreementData, texts: Texts | None = None) -> list[Part]:
    """Those that ``part_files`` names, in this order."""
    texts = texts or current_texts(data.language)
    files, titles, facts = part_files(data.line_of_business), texts.words["parts"], _facts(data, texts)
    # Behind the cover whatever its text says, so that no text of the provider's own can leave it out.
    agreed = (
        texts.render("agreed.html", {**facts, "words": texts.words})
        if data.discount or data.notice_count or data.clause
        else ""
    )
    return [
        Part(key, titles[file], Markup(_TOGETHER.sub(_unbroken, html)))  # noqa: S704
        for key, file in files.items()
        for html in [texts.render(f"{data.language}/{file}.html", facts) + (agreed if key == "cover" else "")]
    ]


def part_files(line_of_business: LineOfBusiness) -> dict[str, str]:
    """The parts by key, with the file of each: ``secrecy`` is one only where the profession asks for it."""
    files = {"cover": "cover", "terms": "terms", "processing": "processing"}
    if _has_secrecy(line_of_business):
        files["secrecy"] = f"secrecy_{line_of_business}"
    return files


def part_titles(line_of_business: LineOfBusiness, texts: Texts) -> dict[str, str]:
    """The title of every part that a firm of this line may have, by the part's key."""
    titles: dict[str, str] = texts.words["parts"]
    return {**titles, "secrecy": titles.get(f"secrecy_{line_of_business}", "")}


def _unbroken(match: re.Match[str]) -> str:
    return match[0][:-1] + "\N{NO-BREAK SPACE}"


def sign_off(pdf: bytes, signatures: Sequence[Signature], language: Language, proof: Proof) -> bytes:
    """*pdf* with a certificate page appended: its SHA-256, who signed it, how, from where and when, and *proof*.

    Who signed when also stands on the lines that *pdf* has for it, the firm's first, the provider's second.

    The page is added as an incremental update: the result begins with the very bytes of *pdf*, so that anybody can
    check the sum by cutting the file there. Level: simple electronic signatures, and the page says so. PDF/A-3b: the
    page itself conforms and the mark, output intent and metadata of *pdf* stay in force, but no validator has
    confirmed the joined file. The heads of the trail also stand in the information, for ``tasks.audit.verification``.
    """
    reader = PdfReader(BytesIO(pdf))
    stamps = _on_the_lines(reader, signatures, language)
    sheet, information = _sheet(pdf, len(reader.pages), _title_of(reader), signatures, language, proof)
    return with_sheet(reader, sheet, information, stamps)


def sign_off_copy(
    copy: bytes, pages: int, original: bytes, signatures: Sequence[Signature], language: Language, proof: Proof
) -> bytes | None:
    """The same for a file of so many pages that came back in answer to *original*.

    It is a stranger's, so that a process apart puts the page behind it; None if that cannot be done without harm to
    the file: it is signed, damaged or takes too much.
    """
    title = _title_of(PdfReader(BytesIO(original)))
    sheet, information = _sheet(copy, pages, title, signatures, language, proof)
    try:
        told, joined = ask("tasks.untrusted.pdfs.join", {"information": information}, copy, sheet)
    except (TooCostly, Failed):
        return None
    # What the process says is not believed: the copy stays byte for byte.
    return joined if told["joined"] and joined.startswith(copy) else None


def _on_the_lines(reader: PdfReader, signatures: Sequence[Signature], language: Language) -> dict[int, bytes]:
    """By its place, what is laid over each page of our own that has lines to sign on."""
    words = current_texts(language).words["certificate"]
    lines: dict[int, list[dict[str, Any]]] = {}
    pictures = {}
    for name, place in reader.named_destinations.items():
        found = re.fullmatch(r"line-([01])-([012])", name)
        page = reader.get_destination_page_number(place)
        if found is None or page is None or place.left is None or place.top is None or int(found[1]) >= len(signatures):
            continue
        signature = signatures[int(found[1])]
        address = f"{DRAWING_ADDRESS}{found[1]}"
        if signature.drawing:
            pictures[address] = signature.drawing
        top = float(reader.pages[page].mediabox.height) - float(place.top)
        at = {"left": float(place.left), "top": top, "row": int(found[2]), "signature": signature}
        lines.setdefault(page, []).append(at | {"drawing": address if signature.drawing else ""})
    stamps = {}
    for page, found_there in lines.items():
        box = reader.pages[page].mediabox
        facts = {
            "words": words,
            "locale": LOCALES[language],
            "lines": found_there,
            "width": float(box.width),
            "height": float(box.height),
            "span": LINE_WIDTH,
            "day": lambda at: format_date(local_day(at), "long", locale=LOCALES[language]),
        }
        stamps[page] = _pdf(current_texts(language).render("lines.html", facts), pictures, tagged=False)
    return stamps


def _title_of(pdf: PdfReader) -> str:
    return str((pdf.metadata and pdf.metadata.title) or "")


def _sheet(
    pdf: bytes, pages: int, title: str, signatures: Sequence[Signature], language: Language, proof: Proof
) -> tuple[bytes, dict[str, str]]:
    """The certificate page, and what stands in the information of the file that gets it."""
    texts = current_texts(language)
    words, sha256 = texts.words["certificate"], hashlib.sha256(pdf).hexdigest()
    drawings = {f"{DRAWING_ADDRESS}{at}": one.drawing for at, one in enumerate(signatures) if one.drawing}
    facts = {
        "words": words,
        "locale": LOCALES[language],
        "document": title or words["untitled"],
        "proof": proof,
        "made_at": max(signature.signed_at for signature in signatures).astimezone(UTC),
        "pages": pages,
        "bytes": len(pdf),
        "size": format_decimal(len(pdf), locale=LOCALES[language]),
        "sha256": sha256,
        "signatures": signatures,
        "drawing_address": DRAWING_ADDRESS,
        "moment": lambda at: _moment(at, language),
        "brief": lambda at: _brief(at, language),
        "day": lambda at: format_date(at, "long", locale=LOCALES[language]),
    }
    html = texts.render("certificate.html", facts)
    information = {
        "/OriginalSHA256": sha256,
        "/OriginalBytes": str(len(pdf)),
        "/AuditEntries": str(proof.trail_entries),
        "/AuditHead": proof.trail_head,
        "/HouseEntries": str(proof.house_entries),
        "/HouseHead": proof.house_head,
    }
    return _pdf(html, drawings, tagged=False), information


def attach(pdf: bytes, content: bytes, name: str) -> bytes:
    """*pdf* with a PDF file attached byte for byte, as PDF/A-3 permits it; an incremental update."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    embedded = EmbeddedFileObject.from_file_data(
        writer, content, params=EmbeddedFileParams(), mime_type="application/pdf"
    )
    spec = FileSpec("signed.pdf", file_name=name, embedded_data=embedded, af_relationship=pdf_name("/Supplement"))
    embed_file(writer, spec)
    result = BytesIO()
    writer.write(result)
    return result.getvalue()


def seal_reason(language: Language) -> str:
    """Why the provider seals, as validators show it."""
    reason: str = current_texts(language).words["certificate"]["seal_reason"]
    return reason


def agreement_filename(firm_name: str, language: Language, product: str = "Provision") -> str:
    """A readable name for the file that every system takes; umlauts and ``&`` stay."""
    firm = unicodedata.normalize("NFC", firm_name).translate(str.maketrans('<>:"/\\|', "()-'---", "?*"))
    # Control and format characters: among them the one that turns the reading direction and so disguises a name.
    firm = "".join(" " if letter.isspace() else letter for letter in firm if letter.isspace() or letter.isprintable())
    name = current_texts(language).words["file"] % {"product": product, "firm": " ".join(firm.split())}
    short: str = name.encode()[:LONGEST_NAME].decode(errors="ignore")
    return short.rstrip(" .\N{EN DASH}") + ".pdf"


def _facts(data: AgreementData, texts: Texts) -> dict[str, Any]:
    """What the texts may use."""
    words, locale = texts.words, LOCALES[data.language]
    price = Decimal(data.price_cents) / 100
    return {
        "data": data,
        "locale": locale,
        "date": format_date(data.date, "long", locale=locale),
        "price": format_currency(price, data.currency, locale=locale),
        "billing": words["billing"][data.billing],
        "period": words["period"][data.billing],
        "has_secrecy": _has_secrecy(data.line_of_business),
        "full_price": format_currency(Decimal(data.full_cents) / 100, data.currency, locale=locale),
        "discount": format_percent(
            Decimal(data.discount) / 100_00, "#,##0.## %" if data.language != "en" else "#,##0.##%", locale=locale
        ),
        "notice": _notice(data, words.get("notice", {})),
        "notice_of": _notice(data, words.get("notice_of", {})),
    }


def _notice(data: AgreementData, words: Mapping[str, str]) -> str:
    """The time of notice in words, where the texts have them: those of before know none but their own."""
    if not data.notice_count:
        return words.get("usual", "")
    number = "one" if data.notice_count == 1 else "many"
    return words.get(f"{number}_{data.notice_unit}", "").replace("%", str(data.notice_count))


def _has_secrecy(line_of_business: LineOfBusiness) -> bool:
    return line_of_business != "other"


def _moment(at: datetime, language: Language) -> tuple[str, str]:
    """In the provider's time with its distance from UTC, and in UTC."""
    local = at.astimezone(LOCAL_ZONE)
    day = format_date(local, "long", locale=LOCALES[language])
    return f"{day}, {local:%H:%M:%S} (UTC{local.isoformat()[-6:]})", f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _brief(at: datetime, language: Language) -> str:
    """In the provider's time."""
    local = at.astimezone(LOCAL_ZONE)
    return f"{format_date(local, 'medium', locale=LOCALES[language])}, {local:%H:%M:%S}".replace(
        " ", "\N{NO-BREAK SPACE}"
    )


def _with_anchors(part: Part) -> tuple[Markup, list[tuple[str, Markup]]]:
    """The part with an id on every ``<h2>``, and these ids with their headings for the table of contents."""
    found: list[tuple[str, Markup]] = []

    def anchored(match: re.Match[str]) -> str:
        found.append((f"{part.key}-{len(found) + 1}", Markup(match[2])))  # noqa: S704
        return f'<h2 id="{found[-1][0]}"{match[1] or ""}>{match[2]}</h2>'

    return Markup(re.sub(r"<h2(\s[^>]*)?>(.*?)</h2>", anchored, part.html, flags=re.DOTALL)), found  # noqa: S704


def _pdf(
    html: str, pictures: Mapping[str, bytes] | None = None, *, tagged: bool, identifier: bytes | None = None
) -> bytes:
    from tasks.agreement.printing import printed  # Takes long to load, and few who load this module ever print.

    return printed(html, pictures or {}, tagged=tagged, identifier=identifier)
