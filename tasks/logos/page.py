"""One web page: its elements, its addresses and its words. What they speak for is judged elsewhere."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from html import escape
from itertools import islice
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

from bs4.dammit import UnicodeDammit
from lxml import etree  # type: ignore[import-untyped]

from tasks.logos.fetch import Fetched, joined

INLINE_MOST = 300_000
"""Characters of an SVG within the page."""
DEPTH = 60
"""Elements around a picture that are looked at."""
ADDRESS_MOST = 4000
"""Characters of an address."""
_WIDE_ENCODINGS = ("utf-16", "utf-16le", "utf-16be", "utf16", "utf_16")
"""What a page in bytes that can be read so far says of itself in such an encoding cannot be true."""
_NUMBER = "data-drawing-number"
_TAG = re.compile(
    r"""<!--.*?(?:-->|\Z)
    |<(script|style|textarea|title)(?=[\s/>]).*?(?:</\1|\Z)
    |<(?P<name>[a-z][^\s/>]*+)
        (?:[\s/]++|=?[^\s/>=]++(?:\s*+=\s*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^\s>]*+))?+)*+>?""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
"""A tag, in whose attributes there may be tags; or what holds none, whatever it looks like."""
Made = TypeVar("Made")

Element: TypeAlias = Any
"""An element of lxml, which has no types."""


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_COMMONPLACE = words(
    """
    gmbh mbh mbb ggmbh partg partgmbb und and der die das von fuer mit bei the kanzlei steuerkanzlei
    anwaltskanzlei rechtsanwaltskanzlei steuerbuero steuerberater steuerberaterin steuerberatung
    steuerberatungsgesellschaft steuerberatungs rechtsanwalt rechtsanwaelte rechtsanwaeltin anwalt anwaelte
    anwaltsbuero fachanwalt wirtschaftspruefer wirtschaftspruefung wirtschaftspruefungsgesellschaft partner
    partnerschaft partnerschaftsgesellschaft kollegen notar notare notariat buero gesellschaft logo home
    startseite willkommen tax law legal steuern recht group gruppe www web site website
    """
)
_GREETINGS = words("herzlich willkommen bei welcome to start startseite home homepage logo zur der die das the")
_HOME_PATHS = re.compile(
    r"(/(content|cms|web|www|html|site|index(_\w+)?|default|home(page)?|start(seite)?|willkommen|welcome|main"
    r"|hauptseite|de|en|fr|deutsch|german|[a-z]{2}-[a-z]{2}|[a-z]{2})(\.\w{2,5})?)*/?",
    re.IGNORECASE,
)
_SECOND_LEVELS = frozenset({"co", "com", "org", "net", "ac", "gov", "gv", "or"})
_DOTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])")


def folded(*texts: str) -> str:
    """Lower case, umlauts written out, words apart; what is written inOneWord also as several."""
    text = " ".join(texts)
    for umlaut, written in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss"), ("Ä", "Ae"), ("Ö", "Oe"), ("Ü", "Ue")):
        text = text.replace(umlaut, written)
    words: list[str] = []
    for word in re.findall(r"[A-Za-z0-9]+", text):
        parts = _DOTS.sub(" ", word)
        words.append(word.lower())
        if parts != word:
            words += parts.lower().split()
    return " ".join(words)


def attribute(element: Element | None, name: str) -> str:
    return "" if element is None else str(element.get(name) or "")


def site_of(url: str) -> str:
    """The host without ``www``; empty if there is none."""
    try:
        return (urlsplit(url).hostname or "").lower().removeprefix("www.")
    except ValueError:
        return ""


def domain_of(host: str) -> str:
    """The part of a host that its owner registered, nearly always."""
    labels = host.split(".")
    if host.replace(".", "").isdigit() or ":" in host:
        return host
    return ".".join(labels[-3:] if len(labels) > 2 and labels[-2] in _SECOND_LEVELS else labels[-2:])


def file_name(source: str) -> str:
    """The last part of an address without its ending; empty for data."""
    try:
        parts = urlsplit(source)
    except ValueError:
        return ""
    if parts.scheme == "data":
        return ""
    path = parts.path
    inner = re.search(r"(?:^|&)(?:url|src|image)=([^&]+)", parts.query)  # A service that scales pictures.
    if inner and "." not in path.rpartition("/")[2]:
        path = inner[1].replace("%2F", "/").replace("%2f", "/")
    return _unquoted(path.rpartition("/")[2].rpartition(".")[0] or path.rpartition("/")[2])


def _unquoted(text: str) -> str:
    from urllib.parse import unquote

    return unquote(text)


class Page:
    """One page, and what can be asked of it."""

    def __init__(self, page: Fetched, firm_name: str, homes: Iterable[str] = ()) -> None:
        encodings = [page.charset] if page.charset else []
        is_wide = page.content.startswith((b"\xff\xfe", b"\xfe\xff")) or "utf-16" in (page.charset or "").lower()
        decoded = UnicodeDammit(
            page.content,
            known_definite_encodings=encodings,
            exclude_encodings=[] if is_wide else _WIDE_ENCODINGS,
            is_html=True,
        ).unicode_markup
        self.text = (decoded or page.content.decode("utf-8", "replace")).replace("\x00", "")
        self._drawn_at: list[int] = []

        def numbered(tag: re.Match[str]) -> str:
            if (tag["name"] or "").lower() != "svg":
                return tag[0]
            self._drawn_at.append(tag.start())
            return f'{tag[0][:4]} {_NUMBER}="{len(self._drawn_at) - 1}"{tag[0][4:]}'

        marked = _TAG.sub(numbered, self.text)
        # The parser does not know these elements, which have no end.
        marked = re.sub(r"<(source|track|wbr)\b([^<>]*?)/?>", r"<\1\2/>", marked, flags=re.IGNORECASE)
        self.root = _parsed(marked)
        self.elements: list[Element] = [element for element in self.root.iter() if isinstance(element.tag, str)]
        self.order = {element: number for number, element in enumerate(self.elements)}
        self._body = next((self.order[element] for element in self.elements if element.tag == "body"), 0)
        self._remembered: dict[tuple[str, Element], Any] = {}
        self.url = page.url
        self.refresh = page.refresh
        base = next((attribute(element, "href") for element in self.all("base") if element.get("href")), "")
        based = _joined(page.url, base)
        self.base = based if based.startswith("http") else page.url
        self.site = site_of(page.url)
        self.firm_name = firm_name
        self._homes = {_without_end(home) for home in (page.url, *homes)}
        self.name_words = self._names()
        self._own_words = set(folded(firm_name or self.title, self.site).split()) | self.name_words

    def all(self, *tags: str) -> list[Element]:
        return [element for element in self.elements if element.tag in tags]

    def above(self, element: Element) -> list[Element]:
        """What the element is in, the nearest first; of what is nested without end, the nearest."""
        above = (ancestor for ancestor in element.iterancestors() if ancestor.tag not in {"html", "body"})
        return list(islice(above, DEPTH))

    def place(self, element: Element) -> int:
        """Which element of the body it is."""
        return self.order[element] - self._body

    def begins(self, element: Element) -> bool:
        """Whether it is among the first things of the page."""
        return self.place(element) < max(40, 0.12 * self.length)

    @property
    def length(self) -> int:
        """How many elements the body has."""
        return len(self.elements) - self._body

    def is_frame(self, element: Element) -> bool:
        """Whether it holds most of the page, so that what it is called says nothing about what is in it."""
        return self.sizes[element][0] > max(60, 0.5 * self.length)

    @cached_property
    def sizes(self) -> dict[Element, tuple[int, int]]:
        """How many elements, and how many pictures among them, each element holds."""
        sizes: dict[Element, tuple[int, int]] = {}
        for element in reversed(self.elements):
            inner = [sizes[child] for child in element if child in sizes]
            pictures = int(element.tag in {"img", "svg"})
            sizes[element] = (1 + sum(size for size, _ in inner), pictures + sum(count for _, count in inner))
        return sizes

    def remembered(self, what: Callable[[Element], Made], element: Element) -> Made:
        """What a function makes of an element, made once."""
        key = (what.__name__, element)
        if key not in self._remembered:
            self._remembered[key] = what(element)
        made: Made = self._remembered[key]
        return made

    # Addresses.

    def absolute(self, address: str, base: str = "") -> str:
        """The address as one of the web, or as data; empty for what cannot be fetched."""
        address = re.sub(r"[\r\n\t]", "", address.strip())
        if address[:11].lower() == "data:image/":
            return address
        if len(address) > ADDRESS_MOST:
            return ""
        whole = _joined(base or self.base, address.replace(" ", "%20")).partition("#")[0]
        return whole if whole.startswith(("http://", "https://")) and address and address[0] != "#" else ""

    @cached_property
    def domains(self) -> set[str]:
        """Domains under which the site calls itself: its own, that of its canonical address, and that of most links."""
        named = self._called()
        paths: dict[str, set[str]] = {}
        for link in self.all("a"):
            target = _joined(self.base, attribute(link, "href"))
            if target.startswith("http"):
                paths.setdefault(domain_of(site_of(target)), set()).add(urlsplit(target).path)
        most = max(paths.items(), key=lambda item: len(item[1]), default=("", set()))
        if len(most[1]) >= 5 and 2 * len(most[1]) > sum(map(len, paths.values())):
            named.append(f"http://{most[0]}/")
        return {domain_of(host) for host in map(site_of, named) if host}

    def _called(self) -> list[str]:
        """Addresses under which the page says it is."""
        named = [self.url, self.base]
        named += [attribute(link, "href") for link in self.all("link") if "canonical" in attribute(link, "rel").lower()]
        return named + [
            attribute(meta, "content") for meta in self.all("meta") if attribute(meta, "property") == "og:url"
        ]

    def area_home(self, image: Element) -> Element | None:
        """The part of a picture that leads home, if it is a map of links."""
        name = attribute(image, "usemap").lstrip("#")
        areas = [
            area
            for area in self.all("area")
            if name and name in {attribute(area.getparent(), key) for key in ("name", "id")}
        ]
        return next((area for area in areas if self.leads_home(area)), None)

    def is_own(self, url: str) -> bool:
        """Whether an address belongs to the firm's site."""
        return domain_of(site_of(url)) in self.domains

    @cached_property
    def hosts(self) -> set[str]:
        """Hosts whose home page may be the firm's: its own, the one above it, and those that the site says it has."""
        label, _, above = self.site.partition(".")
        is_part = "." in above and (len(label) < 4 or label in {"home", "start"})  # Others may be firms of their own.
        ours = {self.site, *([above] if is_part else []), *map(site_of, self._called())}
        return ours | self.domains - {domain_of(self.site)}

    def leads_home(self, link: Element) -> bool:
        href = attribute(link, "href").strip()
        if "home" in attribute(link, "rel").lower().split():
            return True
        if href.startswith("#"):
            return self._leads_up(link, href)
        if re.match(r"(mailto|tel|javascript|whatsapp|data):", href, re.IGNORECASE):
            return False
        target = _joined(self.base, href) if href else self.url
        if _without_end(target) in self._homes or _without_end(target) in self._called_home:
            return True
        parts = urlsplit(target)
        is_page = re.fullmatch(r"|(id|page_id|p)=(0|1|home|start|startseite)|lang?=\w\w|L=\d", parts.query) is not None
        if site_of(target) not in self.hosts or not is_page or _HOME_PATHS.fullmatch(parts.path) is None:
            return False
        spoken = [word for word in re.split(r"[/_-]", parts.path.lower()) if len(word) == 2 and word.isalpha()]
        return not spoken or spoken[0] in self.languages  # The others lead to the home pages of other readers.

    def _leads_up(self, link: Element, href: str) -> bool:
        """Whether a link within the page is one to its top, at the top itself; elsewhere it is a button."""
        up = href.lower() in {"#top", "#home", "#start", "#oben", "#page", "#page-top", "#wrapper", "#hero"}
        return up and not link.get("onclick") and self.begins(link)

    def is_here(self, url: str) -> bool:
        return _without_end(url) == _without_end(self.url)

    @cached_property
    def _called_home(self) -> set[str]:
        """Addresses of the site to which a link leads that is called home."""
        targets = set()
        for link in self.all("a")[:400]:
            text = "".join(link.itertext())[:40].strip().lower()
            target = _joined(self.base, attribute(link, "href"))
            if text in {"home", "startseite", "start", "zur startseite", "homepage"} and self.is_own(target):
                targets.add(_without_end(target))
        return targets if len(targets) == 1 else set()

    # Words.

    @cached_property
    def title(self) -> str:
        return next(
            ("".join(title.itertext())[:300] for title in self.all("title") if self._body > self.order[title]), ""
        )

    @cached_property
    def languages(self) -> set[str]:
        """The languages, as two letters, whose home page is the one of this page's readers.

        Of several to which the page leads it is the one that the page says it is in, else German; many pages say
        something wrong, so a single one is right in any case.
        """
        prefix = _LANGUAGE.match(urlsplit(self.url).path.lower())
        targets = (_joined(self.base, attribute(link, "href")) for link in self.all("a"))
        matches = (_LANGUAGE.fullmatch(urlsplit(target).path.lower()) for target in targets if self.is_own(target))
        offered = {each[1] for each in matches if each}
        language = next((attribute(element, "lang")[:2].lower() for element in self.all("html")), "")
        if len(offered) > 1:
            offered = {language} if language in offered else offered & {"de"}
        return offered | ({prefix[1]} if prefix else set())

    def _names(self) -> set[str]:
        """Words by which the firm is known: of its name, or else of what the site calls itself."""
        if self.firm_name:
            words = set(folded(self.firm_name).split())
        else:
            called = [attribute(meta, "content") for meta in self.all("meta") if _called(meta) in _SITE_NAMES]
            called += self.organisation_names
            words = set(folded(*called).split())
            domain = folded(*(domain.rpartition(".")[0] for domain in self.domains)).replace(" ", "")
            words |= {word for word in folded(self.title).split() if len(word) > 3 and word in domain}
        return {word for word in words if len(word) > 2 and not word.isdigit()} - _COMMONPLACE

    @cached_property
    def organisation_names(self) -> list[str]:
        return [
            str(node["name"]) for node in _nodes(self.declared) if "logo" in node and isinstance(node.get("name"), str)
        ]

    @cached_property
    def initials(self) -> str:
        """Of the firm's name, as firms abbreviate themselves; empty if they are too few to tell anything."""
        words = [word for word in re.findall(r"[^\W\d_]+", self.firm_name) if folded(word) not in _LEGAL_FORMS]
        return folded("".join(word[0] for word in words)) if len(words) > 2 else ""

    def says_name(self, text: str) -> bool:
        """Whether the folded text has the firm's name or the name of its domain in it."""
        words = text.split()
        joined = text.replace(" ", "")
        if any(word in words or (len(word) > 4 and word in joined) for word in self.name_words):
            return True
        for domain in self.domains:
            name = folded(domain.rpartition(".")[0]).replace(" ", "")
            if len(name) > 3 and not name.isdigit() and name not in _COMMONPLACE and name in joined:
                return True
        return False

    def is_titled(self, text: str) -> bool:
        """Whether a text says what the page's title begins or ends with, or all of it."""
        parts = [folded(part) for part in re.split(r"\s[-–—|:·•»]+\s|[|–—]", self.title)]
        called = [*parts, folded(self.title)]
        phrase = " ".join(word for word in folded(text).split() if word not in _GREETINGS)
        named = {" ".join(word for word in part.split() if word not in _GREETINGS) for part in called}
        return len(phrase) > 3 and phrase in named and not set(phrase.split()) <= _COMMONPLACE

    def names_another(self, text: str) -> bool:
        """Whether a text calls something by a name that is not the firm's."""
        phrase = folded(text)
        names = [word for word in phrase.split() if len(word) > 2 and word not in _COMMONPLACE | _GREETINGS]
        return bool(names) and self._own_words.isdisjoint(names) and not self.says_name(phrase)

    def foreign(self, text: str) -> str:
        """The folded text without the words that belong to the firm itself."""
        return " ".join(word for word in text.split() if word not in self._own_words)

    # What the page declares about itself.

    @cached_property
    def declared(self) -> list[Any]:
        """The JSON-LD of the page, as far as it can be read."""
        read = []
        for script in self.all("script"):
            if "ld+json" in attribute(script, "type").lower():
                text = re.sub(r"^\s*(<!--|//\s*<!\[CDATA\[)|(-->|//\s*\]\]>)\s*$", "", script.text or "")
                try:
                    read.append(json.loads(text, strict=False))
                except (ValueError, RecursionError):
                    read.append(text)  # Broken, but a reader with patience may still find the logo in it.
        return read

    # Drawings.

    def markup(self, drawing: Element) -> str:
        """The drawing as it is written in the page; empty if it is too long or never ends."""
        number = attribute(drawing, _NUMBER)
        if not number.isdigit() or int(number) >= len(self._drawn_at):
            return ""
        start = self._drawn_at[int(number)]
        text = self.text[start : start + INLINE_MOST + 1]
        depth = 0
        for tag in re.finditer(r"<(/?)svg\b[^>]*?(/?)>", text, re.IGNORECASE):
            depth += -1 if tag[1] else 0 if tag[2] else 1
            if depth <= 0:
                return text[: tag.end()]
        return ""

    @cached_property
    def by_id(self) -> dict[str, Element]:
        return {attribute(element, "id"): element for element in reversed(self.elements) if element.get("id")}


def _parsed(text: str) -> Element:
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError:
        root = None
    return etree.fromstring(b"<html><body></body></html>", etree.HTMLParser()) if root is None else root


_LANGUAGE = re.compile(r"/([a-z]{2})(?:[-_][a-z]{2})?(?:/|$)")


def _joined(base: str, address: str) -> str:
    try:
        return joined(base, address)
    except ValueError:
        return ""


def _without_end(url: str) -> str:
    return re.sub(r"/((index|default)\.\w{2,5})?$", "", url.partition("#")[0])


_SITE_NAMES = frozenset({"og:site_name", "application-name", "apple-mobile-web-app-title"})
_LEGAL_FORMS = frozenset({"gmbh", "mbh", "mbb", "partg", "partgmbb", "und", "and", "kg", "ag", "gbr", "co"})


def _called(meta: Element) -> str:
    return (attribute(meta, "property") or attribute(meta, "name")).lower()


def _nodes(data: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Every object in the data."""
    if depth > 10:
        return
    if isinstance(data, list):
        for item in data[:300]:
            yield from _nodes(item, depth + 1)
    elif isinstance(data, dict):
        yield data
        for value in data.values():
            yield from _nodes(value, depth + 1)


nodes = _nodes

_CASED = {
    name.lower(): name
    for name in words(
        """
        viewBox preserveAspectRatio gradientUnits gradientTransform spreadMethod patternUnits
        patternContentUnits patternTransform clipPathUnits maskUnits maskContentUnits markerUnits markerWidth
        markerHeight refX refY filterUnits primitiveUnits stdDeviation tableValues pathLength textLength
        lengthAdjust startOffset linearGradient radialGradient clipPath textPath foreignObject feBlend
        feColorMatrix feComponentTransfer feComposite feDropShadow feFlood feFuncA feFuncB feFuncG feFuncR
        feGaussianBlur feMerge feMergeNode feOffset
        """
    )
}


def as_xml(element: Element, styles: dict[Element, str] | None = None, inner: str = "", depth: int = 0) -> str:
    """A drawing out of the page as a file of its own: names in their case, styles on the elements, parts added."""
    tag = _CASED.get(element.tag, element.tag)
    if ":" in tag or tag == "script" or depth > DEPTH:
        return ""
    style = (styles or {}).get(element) or attribute(element, "style")
    written = {"style": style} if style else {}
    for given, value in element.attrib.items():
        name = "href" if given == "xlink:href" else _CASED.get(given, given)
        if re.fullmatch(r"[A-Za-z][\w-]*", name) and name not in {"style", _NUMBER, "xmlns"}:
            written[name] = value
    if tag == "svg":
        written["xmlns"] = "http://www.w3.org/2000/svg"
    attributes = "".join(f' {name}="{escape(value)}"' for name, value in written.items())
    text = (element.text or "").replace("<![CDATA[", "").replace("]]>", "")
    content = escape(text, quote=False) + inner
    for child in element:
        if isinstance(child.tag, str):
            content += as_xml(child, styles, depth=depth + 1) + escape(child.tail or "", quote=False)
    return f"<{tag}{attributes}>{content}</{tag}>"
