"""Two ways to find a logo that are known and simple, to be measured beside ours."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from bs4 import BeautifulSoup, Tag


def _text(tag: Tag | None, *names: str) -> str:
    return next((str(tag[name]) for name in names if tag is not None and tag.get(name)), "")


def declared_first(html: str, url: str) -> str | None:
    """The published order of metascraper-logo: og:logo, microdata, then square pictures in JSON-LD."""
    soup = BeautifulSoup(html, "html.parser")
    found = (
        _text(soup.find("meta", property="og:logo"), "content")
        or _text(soup.find("meta", itemprop="logo"), "content")
        or _text(soup.find("img", itemprop="logo"), "src")
        or next(_square(soup), "")
    )
    return urljoin(url, found) if found else None


_HOLDERS = ("brand", "organization", "place", "product", "service", "publisher")


def _square(soup: BeautifulSoup) -> Iterator[str]:
    for script in soup.find_all("script", type="application/ld+json"):
        try:
            data = json.loads(script.get_text())
        except ValueError:
            continue
        items = data if isinstance(data, list) else data.get("@graph", [data])
        for item in items:
            inner = [item.get(name) for name in _HOLDERS] if isinstance(item, dict) else []
            for holder in (item, *inner):
                logo: Any = holder.get("logo") if isinstance(holder, dict) else None
                if isinstance(logo, dict) and logo.get("width") and logo.get("width") == logo.get("height"):
                    yield str(logo.get("url") or logo.get("contentUrl") or "")


def first_called_logo(html: str, url: str) -> str | None:
    """The first image with the word somewhere on it."""
    for image in BeautifulSoup(html, "html.parser").find_all("img"):
        source = _text(image, "data-src", "data-lazy-src", "src")
        if source and "logo" in str(image.attrs).lower():
            return urljoin(url, source)
    return None
