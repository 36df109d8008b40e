"""Putting a website together: its own head and header, and around them what all have."""

from itertools import count

from tests.websites import drawn, parts
from tests.websites.model import Answer, Website

PARTNERS = ("muster-bau", "nordlicht-energie", "cafe-sonne", "steinbruch-kg", "autohaus-west")
_seeds = count(1)


def common(seed: int) -> dict[str, Answer]:
    """Pictures that stand on every page and are not the logo."""
    pictures: dict[str, Answer] = {f"/bilder/thema-{at}.jpg": drawn.photo(seed % 5 + at, (480, 320)) for at in range(6)}
    pictures |= {f"/bilder/portrait-{at}.jpg": drawn.portrait(at) for at in range(6)}
    pictures |= {f"/bilder/logo-{name}.png": drawn.logo(name, drawn.RED, (240, 80)) for name in PARTNERS}
    pictures |= {
        f"/bilder/{name}.png": drawn.badge(at)
        for at, name in enumerate(
            (
                "steuerberaterkammer",
                "tuev-iso9001",
                "provenexpert-siegel",
                "top-steuerberater-2024",
                "anwaltverein-logo",
            )
        )
    }
    return pictures | {
        "/bilder/hero.jpg": drawn.photo(seed % 7),
        "/bilder/hero-2.jpg": drawn.photo(seed % 7 + 1),
        "/bilder/datev-logo.svg": drawn.logo_svg("datev", drawn.GREEN),
        "/bilder/agentur-blau-logo.png": drawn.logo("agentur", drawn.BLUE, (160, 40)),
        "/bilder/borlabs-cookie-icon-black.svg": drawn.logo_svg("c", "#000"),
        "/bilder/cmp-logo.png": drawn.icon(96, drawn.GREY),
    }


def document(head: str, inside: str, *, title: str, body: str = "", lang: str = "de") -> str:
    return (
        f'<!doctype html>\n<html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{head}</head>\n<body {body}>{inside}</body></html>'
    )


def website(
    name: str,
    host: str,
    firm: str,
    header: str,
    *logo: str,
    head: str = "",
    files: dict[str, Answer] | None = None,
    others: dict[str, dict[str, Answer]] | None = None,
    rest: str | None = None,
    footer_logo: str = "",
    body: str = "",
    title: str = "",
) -> Website:
    """A site with two pages that share their header. *logo*: which answers are right, none if it has no logo."""
    seed = next(_seeds)
    title = title or f"{firm} – Ihr Partner in Musterstadt"
    below = parts.body(seed, firm, footer_logo=footer_logo) if rest is None else rest
    inner = f"<main><h1>Impressum</h1><p>{firm}, Musterstraße 1, 10115 Musterstadt</p></main>" + parts.footer(
        seed, firm, footer_logo
    )
    pages = common(seed) | {
        "/": document(head, header + below, title=title, body=body),
        "/impressum/": document(head, header + inner, title=f"Impressum – {firm}", body=body),
    }
    return Website(name, host, firm, pages | (files or {}), logo, others or {})
