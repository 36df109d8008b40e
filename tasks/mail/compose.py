"""Writing a mail: from a row of the outbox to the message that a mail server takes."""

import binascii
import json
import re
from collections.abc import Mapping
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, formataddr
from functools import lru_cache
from typing import Any

from email_validator import EmailNotValidError, validate_email

from models.clients.sign_up import SignUp
from models.code import Code
from models.decision import DecisionKind
from models.document import Document
from models.errors import N_
from models.firm import LineOfBusiness
from models.link import Link, later_url, unsubscribe_url
from models.mail.outbox import MailKind, Outgoing
from models.mail.proof import Proof
from models.onboarding import Party, StepName
from models.people.manners import AddressForm, Language
from models.people.names import first_name
from models.settings import Settings, settings
from models.subscription import Interval
from models.time.clock import now
from models.time.land import Land
from tasks.mail.form_letters import FormLetter, Letter, gap
from tasks.text.i18n import CHANGED, Reader

SUBJECT_MOST = 200
FROM_FIRM = {
    *(MailKind.INVITATION, MailKind.GRANTED, MailKind.PREVIEW, MailKind.CONFIRM_ADDRESS),
    *(MailKind.SIGN_UP_CONFIRM, MailKind.SIGN_UP_DECLINED, MailKind.ALREADY_CLIENT),
}
"""What a firm writes to its clients comes from the firm, under its logo; everything else from the provider."""
DOTS = "•••"
PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
"""An address in which nothing is to be looked at more closely, as nearly all are."""
FORMS_KEPT = 64
ENDS_LINE, LANGUAGE = "\r\n", "Content-Language"
BOUNDARY = "=_provision"
"""Never occurs in what is quoted-printable."""


class _Policy(EmailPolicy):
    """Leaves names and subjects as they are: Python's own folding sets blanks beside encoded words (3.11)."""

    def fold(self, name: str, value: Any) -> str:
        if name == "List-Unsubscribe":  # Python would encode what does not fit into a line.
            return f"{name}: {value}{self.linesep}"
        if self.utf8 or name not in {"Subject", "From", "To", "Reply-To"}:
            return str(super().fold(name, value))
        if name == "Subject":
            return _subject_line(str(value))
        (address,) = value.addresses
        return _mailbox_line(name, address.display_name, address.addr_spec)

    def fold_binary(self, name: str, value: Any) -> bytes:
        return self.fold(name, value).encode("utf-8" if self.utf8 else "ascii", "surrogateescape")


@lru_cache(maxsize=256)
def _subject_line(subject: str) -> str:
    folded = Header(header_name="Subject", maxlinelen=76)
    folded.append(subject)
    return f"Subject: {folded.encode(linesep=ENDS_LINE)}{ENDS_LINE}"


@lru_cache(maxsize=256)
def _mailbox_line(header: str, name: str, address: str) -> str:
    folded = Header(header_name=header, maxlinelen=76)
    if name.isascii():
        folded.append(formataddr((name, address)))
    else:
        folded.append(name, "utf-8")
        folded.append(f"<{address}>", "us-ascii")
    return f"{header}: {folded.encode(linesep=ENDS_LINE)}{ENDS_LINE}"


def write(
    outgoing: Outgoing,
    link: Link | SignUp | Proof | None = None,
    attachment: Document | None = None,
    code: Code | None = None,
    *,
    redacted: bool = False,
) -> EmailMessage:
    """The message for this row. Written again it says the same under the same Message-ID.

    *redacted*: with dots where the reader finds a personal link or a code, for operators to read.
    """
    letter = _letter(outgoing, link, code, redacted=redacted)
    message = EmailMessage(policy=_Policy(linesep=ENDS_LINE))
    headers = _headers(outgoing, letter.subject)
    for name, value in headers.items():
        message[name] = value
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    if attachment is not None:
        main, _, sub = attachment.media_type.partition("/")
        name = _line(attachment.name).replace("/", "-").replace("\\", "-")
        message.add_attachment(attachment.content, maintype=main, subtype=sub or "octet-stream", filename=name)
    del message[LANGUAGE]  # Python has put it at the text part, as one of the content.
    message[LANGUAGE] = headers[LANGUAGE]
    return message


def write_out(outgoing: Outgoing, link: Link | SignUp | Proof | None, code: Code | None) -> bytes:
    """The same without an attachment, and to an address in ASCII, as it goes over the line.

    What ``EmailMessage`` does with headers and letters takes five times as long as all else together.
    """
    letter = _letter(outgoing, link, code, redacted=False)
    lines = [
        _subject_line(str(value))
        if name == "Subject"
        else f"{name}: {value}{ENDS_LINE}"
        if isinstance(value, str)
        else _mailbox_line(name, value.display_name, value.addr_spec)
        for name, value in _headers(outgoing, letter.subject).items()
    ]
    head = f'{"".join(lines)}MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n\r\n'
    text, html = _part("plain", letter.text), _part("html", letter.html)
    return b"".join((head.encode("ascii"), text, html, f"--{BOUNDARY}--\r\n".encode()))


def _part(kind: str, content: str) -> bytes:
    head = (
        f'--{BOUNDARY}\r\nContent-Type: text/{kind}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n\r\n"
    )
    # A lone CR would stay as it is, and some servers take it for the end of a line, and a dot behind it for the mail's.
    lines = content.encode().replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    return head.encode() + binascii.b2a_qp(lines) + b"\r\n"


def _headers(outgoing: Outgoing, subject: str) -> dict[str, str | Address]:
    reader = _reader(outgoing)
    inviter = _inviter(outgoing.facts)
    reply_to = inviter["reply_to"]
    return {
        "Message-ID": outgoing.message_id,
        "Date": format_datetime(now()),
        "From": _mailbox(_sender(outgoing, reader), settings().sender),
        "To": _mailbox(outgoing.to_name, outgoing.to_address),
        **({"Reply-To": _mailbox(inviter["invited_by"] or outgoing.facts["firm"], reply_to)} if reply_to else {}),
        "Subject": _line(subject, SUBJECT_MOST),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        **_unsubscribe(outgoing),
        LANGUAGE: reader.language.value,
    }


def _unsubscribe(outgoing: Outgoing) -> dict[str, str]:
    """One click (RFC 8058) ends what a contact can be free of, which are reminders and mails to many: all else answers
    to something.
    """
    is_reminder = outgoing.kind is MailKind.INVITATION and outgoing.facts.get("count", 0) > 0
    if not (is_reminder or outgoing.bulk_id) or outgoing.person_id is None:
        return {}
    url = unsubscribe_url(outgoing.person_id, outgoing.to_address)
    return {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def _reader(outgoing: Outgoing) -> Reader:
    return Reader(Language(outgoing.language), AddressForm(outgoing.address_form))


def _letter(outgoing: Outgoing, link: Link | SignUp | Proof | None, code: Code | None, *, redacted: bool) -> Letter:
    """What the row says, by the form letter for all rows that say the same but for what is each reader's own."""
    provider, reader, facts = settings(), _reader(outgoing), {**outgoing.facts}
    person = outgoing.to_name not in {"", provider.provider_name, outgoing.to_address}
    informal = reader.catalogue == "de_du"
    own = {
        "name": (first_name(outgoing.to_name) if informal else outgoing.to_name) if person else "",
        "to_address": outgoing.to_address,
        "link": link.url if link else provider.base_url + facts["path"] if "path" in facts else "",
        "later": later_url(outgoing.person_id, outgoing.to_address)
        if outgoing.person_id is not None and facts.get("count", 0) > 0
        else "",
        "code": code.digits if code else "",
    }
    if redacted:
        dots = f"{provider.base_url}/{DOTS}"
        own |= {"link": dots if link else own["link"], "later": own["later"] and dots, "code": DOTS}
    if isinstance(facts.get("client"), str):
        own["client"] = facts.pop("client")
    lines = str(facts.pop("message", None) or "").strip().splitlines()
    own |= {f"line{number}": line for number, line in enumerate(lines)}
    own = {name: value for name, value in own.items() if value.strip()}
    form = _form(
        outgoing.kind,
        reader,
        provider,
        tuple(own),
        len(lines),
        link.expires_at if link else _moment(facts.get("good_until_at")),
        json.dumps(facts, sort_keys=True),
        to_provider=outgoing.person_id is None,
    )
    return form.filled(own)


@lru_cache(maxsize=FORMS_KEPT)
def _form(
    kind: MailKind,
    reader: Reader,
    provider: Settings,
    own: tuple[str, ...],
    lines: int,
    valid_until: datetime | None,
    told: str,
    *,
    to_provider: bool,
) -> FormLetter:
    """What the template makes of these facts, with gaps for what is each reader's own."""
    facts = {name: _moment(value) if name.endswith("_at") else value for name, value in json.loads(told).items()}
    gaps = {name: gap(name) for name in own}
    message = "\n".join(gaps.get(f"line{number}", "") for number in range(lines))
    return FormLetter(
        f"{kind}.html",
        reader,
        {
            "count": 0,
            "last": facts.get("count", 0) > 2,
            "note": "",
            "version": 1,
            "changes": {},
            "sign_until_at": None,
            "delegated_by": "",
            "asked_before": "",
            "function": "",
            "client": "",
            "firm": "",
            "company_id": None,
            "logo": False,
            "is_test": False,
            **facts,
            **_inviter(facts),
            "message": message,
            "kind": kind.value,
            "signed_by_firm": kind in FROM_FIRM,
            "name": "",
            "to_provider": to_provider,
            "provider": provider,
            "step_names": StepName,
            "interval_of": Interval,
            "questions_of": DecisionKind,
            "parties_of": Party,
            "changed_fields": CHANGED,
            "named": {"line_of_business": LineOfBusiness, "land": Land},
            "link": None,
            "later": None,
            "code": None,
            "valid_until": valid_until,
            **gaps,
        },
    )


def ascii_address(address: str) -> str:
    """The address as every mail server takes it: a domain with umlauts in its ASCII form.

    Letters outside ASCII before the @ stay: only a server that offers SMTPUTF8 takes those.
    """
    if PLAIN_ADDRESS.fullmatch(address) and "xn--" not in address:
        return address
    parts = validate_email(address, check_deliverability=False, test_environment=True)
    return parts.ascii_email or f"{parts.local_part}@{parts.ascii_domain}"


def _mailbox(name: str, address: str) -> Address:
    local, _, domain = ascii_address(address).rpartition("@")
    return Address(_line(name), username=local, domain=domain)


def _is_plain_address(text: str) -> bool:
    """Whether every mail server takes it: nobody's mail is put at risk for where its answer goes."""
    try:
        return ascii_address(text).isascii()
    except EmailNotValidError:
        return False


def _inviter(facts: Mapping[str, Any]) -> dict[str, str]:
    """Name and address of the person at the firm who invites, as far as they are known."""
    by = facts.get("invited_by") or ""
    reply_to = facts.get("reply_to") or by
    return {"invited_by": "" if "@" in by else by, "reply_to": reply_to if _is_plain_address(reply_to) else ""}


def _sender(outgoing: Outgoing, reader: Reader) -> str:
    """Whose name stands above the mail: the firm's or the provider's."""
    if outgoing.kind not in FROM_FIRM:
        return _line(settings().provider_name)
    facts = {"firm": outgoing.facts["firm"], "product": settings().product_name}
    return _line(reader.fill(N_("%(firm)s via %(product)s"), facts))


def _line(text: str, most: int = SUBJECT_MOST) -> str:
    """One line without control characters, at most so many characters: what a header may hold.

    What begins an encoded word is taken apart: people write text, and ``email`` would decode it, line ends included.
    """
    clean = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split()).replace("=?", "= ?")
    return clean if len(clean) <= most else clean[: most - 1].rstrip() + "…"


def _moment(value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
