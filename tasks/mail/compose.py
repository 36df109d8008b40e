"""Writing a mail: from a row of the outbox to the message that a mail server takes.

A template says everything once, in HTML. Its title is the subject, its paragraphs are the text part, and its styles
are set on every element, because many mail programs read no style sheet.
"""

import re
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, formataddr
from typing import Any

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PageElement, Tag
from css_inline import CSSInliner
from email_validator import EmailNotValidError, validate_email

from models.clients.sign_up import SignUp
from models.code import Code
from models.decision import DecisionKind
from models.document import Document
from models.errors import N_
from models.firm import LineOfBusiness
from models.link import Link, later_url
from models.mail.outbox import MailKind, Outgoing
from models.onboarding import Party, StepName
from models.people.manners import AddressForm, Language
from models.people.names import first_name
from models.settings import settings
from models.subscription import Interval
from models.time.clock import now
from models.time.land import Land
from tasks.text.i18n import CHANGED, MAILS, Reader, render

SUBJECT_MOST = 200
FROM_FIRM = {
    *(MailKind.INVITATION, MailKind.GRANTED, MailKind.PREVIEW, MailKind.CONFIRM_ADDRESS),
    *(MailKind.SIGN_UP_CONFIRM, MailKind.SIGN_UP_DECLINED, MailKind.ALREADY_CLIENT),
}
"""What a firm writes to its clients comes from the firm, under its logo; everything else from the provider."""
DOTS = "•••"
SANS = "-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
STYLES = {
    ".ground": "margin:0;padding:0;background:#f5f6f5",
    ".frame": "width:100%;border-collapse:collapse",
    ".edge": "padding:24px 12px",
    ".card": "width:100%;max-width:600px;margin:0 auto;border-collapse:separate;border-spacing:0;background:#ffffff;"
    f"border:1px solid #d5dcde;border-radius:10px;color:#1c2528;font:16px/1.55 {SANS};text-align:left",
    ".head": "padding:26px 36px 0",
    ".body": "padding:22px 36px 10px",
    ".foot": "padding:0 36px 22px",
    ".plate": "display:inline-block;margin:0 0 14px;border-radius:6px;background:#ffffff",
    ".logo": "display:block;height:auto;max-width:100%;max-height:72px;border:0",
    ".name": "font-size:18px;font-weight:600;color:#1c2528",
    "p": "margin:0 0 16px",
    "h2": f"margin:24px 0 8px;font:600 17px/1.4 {SANS};color:#1c2528",
    "ol, ul": "margin:0 0 16px;padding:0 0 0 26px",
    "li": "margin:0 0 8px",
    "dl": "margin:0 0 20px;padding:14px 18px 4px;border-left:4px solid #0f4c5c;border-radius:4px;background:#e3eef0",
    "dt": "margin:0;font-size:14px;color:#55636a",
    "dd": "margin:0 0 10px;word-break:break-word",
    "blockquote": "margin:0 0 20px;padding:14px 18px;border-left:4px solid #7b888e;border-radius:4px;"
    "background:#eef1f1",
    ".by": "color:#55636a",
    "a": "color:#0f4c5c",
    "a.button": "display:inline-block;padding:13px 24px;border-radius:6px;background:#0f4c5c;color:#ffffff;"
    "font-weight:600;text-decoration:none",
    ".action": "margin:24px 0 12px",
    ".number": "margin:0 0 16px;font-size:30px;font-weight:600;letter-spacing:3px",
    ".quiet": "font-size:14px;line-height:1.5;color:#55636a",
    "div.quiet": "padding-top:16px;border-top:1px solid #d5dcde;font-size:13px;line-height:1.5;color:#55636a",
    "div.quiet p": "margin:0 0 8px",
}
_INLINER = CSSInliner(
    extra_css="\n".join(f"{selector} {{{style}}}" for selector, style in STYLES.items()),
    inline_style_tags=False,
    keep_style_tags=True,
    load_remote_stylesheets=False,
)


class _Policy(EmailPolicy):
    """Leaves names and subjects as they are: Python's own folding sets blanks beside encoded words (3.11)."""

    def fold(self, name: str, value: Any) -> str:
        if self.utf8 or name not in {"Subject", "From", "To", "Reply-To"}:
            return str(super().fold(name, value))
        folded = Header(header_name=name, maxlinelen=76)
        if name == "Subject":
            folded.append(str(value))
        else:
            (address,) = value.addresses
            if address.display_name.isascii():
                folded.append(formataddr((address.display_name, address.addr_spec)))
            else:
                folded.append(address.display_name, "utf-8")
                folded.append(f"<{address.addr_spec}>", "us-ascii")
        return f"{name}: {folded.encode(linesep=self.linesep)}{self.linesep}"

    def fold_binary(self, name: str, value: Any) -> bytes:
        return self.fold(name, value).encode("utf-8" if self.utf8 else "ascii", "surrogateescape")


def write(
    outgoing: Outgoing,
    link: Link | SignUp | None = None,
    attachment: Document | None = None,
    code: Code | None = None,
    *,
    redacted: bool = False,
) -> EmailMessage:
    """The message for this row. Written again it says the same under the same Message-ID.

    *redacted*: with dots where the reader finds a personal link or a code, for operators to read.
    """
    reader = Reader(Language(outgoing.language), AddressForm(outgoing.address_form))
    facts = {name: _moment(value) if name.endswith("_at") else value for name, value in outgoing.facts.items()}
    values = _values(outgoing, link, facts, code)
    if redacted:
        dots = f"{settings().base_url}/{DOTS}"
        values |= {"link": dots if link else values["link"], "later": values["later"] and dots, "code": DOTS}
    html = BeautifulSoup(render(MAILS, f"{outgoing.kind}.html", reader, **values), "html.parser")

    message = EmailMessage(policy=_Policy(linesep="\r\n"))
    message["Message-ID"] = outgoing.message_id
    message["Date"] = format_datetime(now())
    message["From"] = Address(_sender(outgoing, reader), addr_spec=settings().sender)
    message["To"] = _mailbox(outgoing.to_name, outgoing.to_address)
    inviter = _inviter(outgoing.facts)
    if inviter["reply_to"]:
        message["Reply-To"] = _mailbox(inviter["invited_by"] or outgoing.facts["firm"], inviter["reply_to"])
    message["Subject"] = _line(html.title.get_text() if html.title else "", SUBJECT_MOST)
    message["Content-Language"] = reader.language.value
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(as_text(html), cte="quoted-printable")
    message.add_alternative(_styled(html), subtype="html", cte="quoted-printable")
    if attachment is not None:
        main, _, sub = attachment.media_type.partition("/")
        name = _line(attachment.name).replace("/", "-").replace("\\", "-")
        message.add_attachment(attachment.content, maintype=main, subtype=sub or "octet-stream", filename=name)
    return message


def ascii_address(address: str) -> str:
    """The address as every mail server takes it: a domain with umlauts in its ASCII form.

    Letters outside ASCII before the @ stay: only a server that offers SMTPUTF8 takes those.
    """
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


def _values(outgoing: Outgoing, link: Link | SignUp | None, facts: dict[str, Any], code: Code | None) -> dict[str, Any]:
    """What a template may say: the row's facts and what every mail knows."""
    provider = settings()
    person = outgoing.to_name not in {"", provider.provider_name, outgoing.to_address}
    informal = outgoing.language == Language.GERMAN and outgoing.address_form == AddressForm.DU
    return {
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
        "message": "",
        "firm": "",
        "company_id": None,
        "logo": False,
        **facts,
        **_inviter(facts),
        "kind": outgoing.kind.value,
        "signed_by_firm": outgoing.kind in FROM_FIRM,
        "name": (first_name(outgoing.to_name) if informal else outgoing.to_name) if person else "",
        "to_address": outgoing.to_address,
        "to_provider": outgoing.person_id is None,
        "provider": provider,
        "step_names": StepName,
        "interval_of": Interval,
        "questions_of": DecisionKind,
        "parties_of": Party,
        "changed_fields": CHANGED,
        "named": {"line_of_business": LineOfBusiness, "land": Land},
        "link": link.url if link else provider.base_url + facts["path"] if "path" in facts else None,
        "valid_until": link.expires_at if link else facts.get("good_until_at"),
        "later": later_url(outgoing.person_id, outgoing.to_address)
        if outgoing.person_id is not None and facts.get("count", 0) > 0
        else None,
        "code": code and code.digits,
    }


def _inviter(facts: dict[str, Any]) -> dict[str, str]:
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


def _styled(html: BeautifulSoup) -> str:
    """The page with every style on its element; what depends on the screen stays in its style sheet."""
    for table in html.find_all("table"):
        table["border"], table["cellpadding"], table["cellspacing"] = "0", "0", "0"
    for card in html.select("table.card"):
        card["align"], card["width"] = "center", "600"
    return _INLINER.inline(str(html))


def as_text(html: BeautifulSoup) -> str:
    """The mail for those who read plain text: the same words in the same order, links written out."""
    body, foot = (re.sub(r"\n{3,}", "\n\n", _plain(part)).strip() for part in html.select(".body, .foot"))
    return f"{body}\n\n-- \n{foot}\n"


_AROUND = dict.fromkeys(("p", "h2", "ol", "ul", "dl", "div", "td", "blockquote"), ("\n\n", "\n\n")) | {
    "dt": ("\n", ""),
    "dd": (" ", "\n"),
}
"""What stands before and after an element in plain text."""


def _plain(node: PageElement) -> str:
    if isinstance(node, NavigableString):
        between = node.isspace() and "\n" in node
        return "" if between else re.sub(r"[ \t\r\n]+", " ", node)  # A non-breaking blank stays.
    if not isinstance(node, Tag):
        return ""
    inner = "".join(_plain(child) for child in node.children)
    if node.name in {"p", "h2", "dt", "dd", "blockquote"}:
        inner = "\n".join(line.strip(" ") for line in inner.strip(" \n").split("\n"))
    match node.name:
        case "br":
            inner = "\n"
        case "a" if node["href"] != f"mailto:{inner}":
            inner = f"{inner}\n\u2192 {node['href']}"
        case "ol" | "ul":
            inner = "\n".join(_item(node, number, item) for number, item in enumerate(node.find_all("li"), 1))
        case "blockquote":
            inner = "\n".join(f"> {line}".rstrip() for line in inner.split("\n"))
    before, after = _AROUND.get(node.name, ("", ""))
    return before + inner + after


def _item(parent: Tag, number: int, item: Tag) -> str:
    bullet = f"{number}. " if parent.name == "ol" else "\u2013 "
    lines = "".join(_plain(child) for child in item.children).strip().split("\n")
    return bullet + ("\n" + " " * len(bullet)).join(line.strip(" ") for line in lines)
