"""Visiting a website as a reader does: through refreshes, splash pages, choices of language and frames."""

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from models.errors import ProvisionError
from tasks.logos.fetch import PAGE_BYTES, PICTURE_BYTES, Faltered, Fetched, Fetcher, Unreachable
from tasks.logos.page import Page, attribute, folded, site_of

AT_ONCE = 3
"""Requests that one site gets at the same moment."""


class Visit:
    """Fetches what the search can do without: what cannot be had is None, and a dead host is asked once."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._dead: set[str] = set()
        self._had: dict[str, Fetched | None] = {}

    def page(self, url: str) -> Fetched | None:
        fetched = self.get(url, PAGE_BYTES, cut=True)
        return fetched if fetched is not None and _is_page(fetched) else None

    def get(self, url: str, most: int = PICTURE_BYTES, *, cut: bool = False) -> Fetched | None:
        host = site_of(url)
        if url in self._had:
            return self._had[url]
        if not url or host in self._dead or self._fetcher.is_late:
            return None
        try:
            self._had[url] = self._fetcher.get(url, most=most, cut=cut)
        except (ProvisionError, Faltered) as error:
            self._had[url] = None
            if isinstance(error, Faltered) or "name is not known" in str(error):
                self._dead.add(host)
        return self._had[url]

    def all(self, urls: Iterable[str], most: int = PICTURE_BYTES) -> list[Fetched | None]:
        """Several at the same moment, but not more than a reader's browser would ask for."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda url: self.get(url, most), urls))


# Entering the site.


def first_page(fetcher: Fetcher, website: str) -> Fetched:
    """The first page, also if the firm wrote its address without or with the wrong scheme or ``www``."""
    address = website.strip() if "://" in website else f"https://{website.strip()}"
    host = urlsplit(address).hostname or ""
    attempts = [address]
    if address.startswith("https://") and "." in host:
        bare = host.removeprefix("www.")
        other = bare if host != bare else f"www.{host}"
        attempts += [address.replace(host, other, 1), address.replace("https", "http", 1)]
    failed: Exception | None = None
    for attempt in attempts:
        try:
            return fetcher.get(attempt, most=PAGE_BYTES, cut=True)
        except (Unreachable, Faltered) as error:
            failed = failed or error
    raise failed or Unreachable(website, "no address")


def enter(visit: Visit, page: Page) -> list[Page]:
    """The pages that a reader sees before and on the home page, the home page last; frames are pages of their own."""
    pages = [page]
    for _ in range(4):
        onward = _refreshed(page) or _scripted_move(page) or _door(page)
        urls = {home.url for home in pages}
        fetched = visit.page(onward) if onward and onward not in urls else None
        if fetched is None or fetched.url in urls:
            break
        page = Page(fetched, page.firm_name, [home.url for home in pages])
        pages.append(page)
    homes = [home.url for home in pages]
    for address in _frames(page)[:4]:
        fetched = visit.page(address)
        if fetched is not None:
            pages.append(Page(fetched, page.firm_name, [*homes, *_frames(page)]))
    return pages


def _is_page(fetched: Fetched) -> bool:
    return not fetched.media_type.startswith(("image/", "application/pdf")) and b"<" in fetched.content[:5000]


def _refreshed(page: Page) -> str:
    """Where a page moves its readers to by itself, or its server does."""
    metas = (meta for meta in page.all("meta") if not any(True for _ in meta.iterancestors("noscript")))
    refreshes = [attribute(meta, "content") for meta in metas if attribute(meta, "http-equiv").lower() == "refresh"]
    for refresh in filter(None, (page.refresh, *refreshes)):
        move = re.match(r"""\s*(\d{1,9})?[\d.]*\s*[;,]?\s*(?:url\s*=)?\s*['"]?([^'"]+)""", refresh, re.IGNORECASE)
        if move and int(move[1] or 0) <= 15 and not move[2].strip().isdigit():
            address = page.absolute(move[2])
            return address if address != page.url else ""
    return ""


def _scripted_move(page: Page) -> str:
    if not is_thin(page):
        return ""
    for script in page.all("script"):
        text = script.text or ""
        pattern = r"""location(?:\.href)?\s*=\s*["']([^"']+)["']|location\.(?:replace|assign)\(\s*["']([^"']+)["']"""
        if len(text) < 5000 and (move := re.search(pattern, text)):
            return page.absolute(move[1] or move[2])
    return ""


def _text(page: Page) -> str:
    silent = {"script", "style", "noscript", "title", "svg", "template"}
    texts = ["" if element.tag in silent else element.text or "" for element in page.elements]
    return " ".join(" ".join([*texts, *(element.tail or "" for element in page.elements)]).split())


def is_thin(page: Page) -> bool:
    """Hardly anything to read: an entrance, or a page that a script draws."""
    return (
        len(page.all("a")) <= 12 and len(page.all("img")) <= 10 and len(page.elements) < 150 and len(_text(page)) < 700
    )


_ENTER = re.compile(
    r"\b(weiter|eintreten|enter|eingang|zur (website|webseite|homepage|startseite|seite)|startseite|start|home|intro"
    r"|ueberspringen|skip|willkommen|hier klicken|hier geht|deutsch|german|de)\b"
)


def _door(page: Page) -> str:
    """The way in from a splash page or a choice of languages, in German if there is a choice."""
    if not is_thin(page) or page.all("frame") or page.all("nav"):
        return ""
    inner: dict[str, str] = {}
    for link in page.all("a", "area"):
        target = page.absolute(attribute(link, "href"))
        if target and page.is_own(target) and not page.is_here(target) and not is_file(target):
            words = folded("".join(link.itertext()), attribute(link, "hreflang"), attribute(link, "title"))
            words += " " + folded(*(attribute(image, "alt") for image in link.iter("img")))
            inner.setdefault(target, words + " " + folded(urlsplit(target).path))
    legal = re.compile(r"impressum|datenschutz|kontakt|imprint|privacy|agb|contact|barriere")
    inner = {target: words for target, words in inner.items() if not legal.search(words)}
    german = [target for target, words in inner.items() if re.search(r"\b(de|deutsch|german|dt)\b", words)]
    entering = [target for target, words in inner.items() if _ENTER.search(words)]
    if german and len(inner) <= 8:
        return german[0]
    return entering[0] if entering and len(inner) <= 4 else next(iter(inner)) if len(inner) == 1 else ""


def is_file(address: str) -> bool:
    return (
        re.search(r"\.(pdf|docx?|zip|jpe?g|png|gif|svg|webp|vcf|mp4)$", urlsplit(address).path, re.IGNORECASE)
        is not None
    )


def _frames(page: Page) -> list[str]:
    frames = page.all("frame") or (page.all("iframe") if is_thin(page) else [])
    addresses = [page.absolute(attribute(frame, "src")) for frame in frames]
    own = [address for address in addresses if address and not is_file(address)]
    if not page.all("frame"):
        own = [address for address in own if page.is_own(address)][:1] or own[:1]
    head = re.compile(r"top|kopf|head|logo|banner|oben|titel|nav|menu|links")
    return sorted(own, key=lambda address: head.search(address.lower()) is None)
