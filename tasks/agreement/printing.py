"""HTML on paper: the only module that loads WeasyPrint, so it is itself loaded by whoever prints and no sooner."""

import warnings
from collections.abc import Mapping
from functools import cache
from threading import Lock

from weasyprint import HTML
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

_ONE_AT_A_TIME = Lock()
"""Neither Pango nor Python's list of muted warnings is made for threads."""


class _OnlyGiven(URLFetcher):  # type: ignore[misc]
    """Reads nothing from network or disk: a document is made of what it was given."""

    def __init__(self, pictures: Mapping[str, bytes]) -> None:
        super().__init__()
        self._pictures = pictures

    def fetch(self, url: str, headers: dict[str, str] | None = None) -> URLFetcherResponse:  # noqa: ARG002
        if url in self._pictures:
            picture = self._pictures[url]
            kind = "image/png" if picture.startswith(b"\x89PNG") else "image/svg+xml"
            return URLFetcherResponse(url, picture, {"Content-Type": kind})
        msg = f"an agreement fetches nothing, and {url!r} was asked for"
        raise FatalURLFetchingError(msg)


def printed(html: str, pictures: Mapping[str, bytes], *, tagged: bool, identifier: bytes | None = None) -> bytes:
    """A document in PDF/A-3b with the *pictures* that it names by their addresses; *identifier*: else of its content.

    Raises WeasyPrint's FatalURLFetchingError if it names any other.
    """
    document = HTML(string=html, url_fetcher=_OnlyGiven(pictures))
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # WeasyPrint leaves its colour profile to be closed by Python.
        pdf: bytes = document.write_pdf(
            pdf_variant="pdf/a-3b", pdf_tags=tagged, pdf_identifier=identifier, font_config=_fonts()
        )
    return pdf


@cache
def _fonts() -> FontConfiguration:
    """One for the process: each leaves a quarter of a megabyte behind. Guarded by ``_ONE_AT_A_TIME``."""
    return FontConfiguration()
