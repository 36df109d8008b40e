"""Form letters: what many mails say alike is rendered, styled and put into plain text once.

A template says everything once, in HTML. Its title is the subject, its paragraphs are the text part, and its styles
are set on every element, because many mail programs read no style sheet. What is each reader's own stands in gaps and
is filled in for each, which takes a hundredth of the time.
"""

import re
import secrets
from collections.abc import Mapping
from html import escape
from typing import Any, NamedTuple

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PageElement, Tag
from css_inline import CSSInliner

from tasks.text.i18n import MAILS, Reader, render

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
    ".action": "margin:24px 0 18px",
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


_BEGINS, _ENDS = f"\ue000{secrets.token_hex(4)}-", "\ue001"
_GAP = re.compile(rf"{_BEGINS}(\w+){_ENDS}")


def gap(name: str) -> str:
    """What stands in a form letter where each reader's own is filled in; nobody can have written it."""
    return f"{_BEGINS}{name}{_ENDS}"


class Letter(NamedTuple):
    """What one reader gets."""

    subject: str
    text: str
    html: str


class FormLetter:
    """A mail as all its readers get it, but for the gaps."""

    def __init__(self, template: str, reader: Reader, values: Mapping[str, Any]) -> None:
        """Some of the values are gaps: the template may print them, and ask whether they are empty, but no more."""
        html = BeautifulSoup(render(MAILS, template, reader, **values), "html.parser")
        # Of each what is alike and, between two of these, the name of a gap.
        self._subject = _GAP.split(html.title.get_text() if html.title else "")
        self._text = _GAP.split(as_text(html))
        self._html = _GAP.split(_styled(html))

    def filled(self, own: Mapping[str, str]) -> Letter:
        """The letter to one reader; *own* is what each gap holds."""
        lines = {name: " ".join(re.split(r"[ \t\r\n]+", value.strip())) for name, value in own.items()}
        escaped = {name: escape(value) for name, value in own.items()}
        return Letter(_filled(self._subject, own), _filled(self._text, lines), _filled(self._html, escaped))


def _filled(parts: list[str], own: Mapping[str, str]) -> str:
    return "".join(own[part] if at % 2 else part for at, part in enumerate(parts))


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
