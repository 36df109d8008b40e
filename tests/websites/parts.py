"""What all websites have besides their logo: menus, teasers, teams, walls of partners, badges, notices, icons."""

from random import Random

TOPICS = [
    "Steuerberatung",
    "Lohnbuchhaltung",
    "Jahresabschluss",
    "Existenzgründung",
    "Unternehmensnachfolge",
    "Erbrecht",
    "Arbeitsrecht",
    "Mietrecht",
    "Familienrecht",
    "Gesellschaftsrecht",
    "Wirtschaftsprüfung",
    "Sonderprüfungen",
    "Finanzbuchhaltung",
    "Steuererklärung",
    "Testament",
    "Verkehrsrecht",
    "Vertragsrecht",
    "Insolvenzrecht",
    "Immobilienrecht",
    "Strafrecht",
    "Internationales",
]
SENTENCES = (
    "Wir beraten Sie persönlich, verständlich und vorausschauend.",
    "Seit über dreißig Jahren vertrauen Unternehmen und Privatpersonen auf unsere Erfahrung.",
    "Digitale Abläufe sparen Ihnen Zeit: Belege laden Sie einfach hoch, den Rest erledigen wir.",
    "Vereinbaren Sie einen Termin für ein unverbindliches Erstgespräch.",
    "Unsere Mandanten schätzen die kurzen Wege und die feste Ansprechpartnerin.",
    "Wir unterstützen Sie bei Gründung, Nachfolge und in allen Fragen dazwischen.",
    "Rechtssicher und wirtschaftlich durchdacht, vom ersten Gespräch bis zum Abschluss.",
)
PEOPLE = ("Erika Beispiel", "Max Vorlage", "Dr. Jana Probe", "Tim Entwurf", "Sabine Skizze", "Karl Vermerk")
SVG_ICONS = (
    "M224.2 89C216.3 70.1 195.7 60.1 176.1 65.4L170.6 66.9C106 84.5 50.8 147.1 66.9 223.3Z",
    "M48 64C21.5 64 0 85.5 0 112c0 15.1 7.1 29.3 19.2 38.4L236.8 313.6c11.4 8.5 27 8.5 38.4 0Z",
    "M504 256C504 119 393 8 256 8S8 119 8 256c0 123.78 90.69 226.38 209.25 245V327.69h-63Z",
    "M0 96C0 78.3 14.3 64 32 64H416c17.7 0 32 14.3 32 32s-14.3 32-32 32H32C14.3 128 0 113.7 0 96z",
)


def topics(seed: int, count: int = 6) -> list[str]:
    return Random(seed).sample(TOPICS, count)


def menu(seed: int, css: str = "menu-item", prefix: str = "/") -> str:
    """The items of a navigation, one with a second level."""
    items = []
    for name in ("Startseite", "Kanzlei", "Leistungen", "Team", "Karriere", "Aktuelles", "Kontakt"):
        target = prefix if name == "Startseite" else f"{prefix}{name.lower()}/"
        below = ""
        if name == "Leistungen":
            inner = "".join(
                f'<li class="{css}"><a href="{prefix}leistungen/{at}/">{topic}</a></li>'
                for at, topic in enumerate(topics(seed))
            )
            below = f'<ul class="sub-menu">{inner}</ul>'
        items.append(
            f'<li class="{css} {css}-{len(items) + 10}"><a href="{target}"><span>{name}</span></a>{below}</li>'
        )
    return "".join(items)


def fa(number: int, name: str = "phone") -> str:
    return (
        f'<svg class="svg-inline--fa fa-{name}" aria-hidden="true" focusable="false" role="img"'
        f' xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512"><path fill="currentColor" d="{SVG_ICONS[number % 4]}"/></svg>'
    )


def social(seed: int) -> str:
    names = ("linkedin", "xing", "facebook", "instagram")[: 2 + seed % 3]
    return (
        '<ul class="social-icons">'
        + "".join(
            f'<li><a href="https://www.{name}.example/kanzlei" target="_blank" rel="noopener" aria-label="{name}">'
            f"{fa(at, name)}</a></li>"
            for at, name in enumerate(names)
        )
        + "</ul>"
    )


def teasers(seed: int, folder: str = "/bilder") -> str:
    cards = "".join(
        f'<div class="col teaser"><div class="card"><a href="/leistungen/{at}/"><img loading="lazy" class="card-img"'
        f' src="{folder}/thema-{at}.jpg" alt="{topic}" width="480" height="320"></a><div class="card-body">'
        f"<h3>{topic}</h3><p>{SENTENCES[(seed + at) % 7]}</p><p>{SENTENCES[(seed + at + 3) % 7]}</p>"
        f'<a class="btn" href="/leistungen/{at}/">Mehr erfahren {fa(at, "arrow-right")}</a></div></div></div>'
        for at, topic in enumerate(topics(seed + 3))
    )
    return f'<section class="leistungen"><div class="container"><h2>Unsere Leistungen</h2><div class="row">{cards}</div></div></section>'


def team(seed: int, folder: str = "/bilder") -> str:
    people = "".join(
        f'<figure class="member"><img src="{folder}/portrait-{at}.jpg" alt="{person}" width="300" height="375">'
        f"<figcaption><strong>{person}</strong><span>{'Steuerberaterin' if at % 2 else 'Rechtsanwalt'}</span></figcaption></figure>"
        for at, person in enumerate(PEOPLE[seed % 3 :])
    )
    return f'<section class="team" id="team"><h2>Ihr Team</h2><div class="grid">{people}</div></section>'


def partners(seed: int, folder: str = "/bilder") -> str:
    walls = (
        '<section class="partner-logos"><h2>Unsere Partner</h2><div class="logo-slider">{}</div></section>',
        '<section class="kunden"><h3>Das Vertrauen unserer Mandanten</h3><ul class="clients">{}</ul></section>',
        '<div class="wp-block-gallery is-layout-flex"><h2>Kooperationen und Netzwerke</h2>{}</div>',
    )
    names = ("muster-bau", "nordlicht-energie", "cafe-sonne", "steinbruch-kg", "autohaus-west")
    each = "".join(
        f'<div class="item"><img src="{folder}/logo-{name}.png" alt="Logo {name.replace("-", " ").title()}"></div>'
        for name in names
    )
    return walls[seed % 3].format(each)


def badges(seed: int, folder: str = "/bilder") -> str:
    kinds = (
        ("datev-logo.svg", "DATEV Mitglied", "https://www.datev.example/"),
        ("steuerberaterkammer.png", "Steuerberaterkammer Musterland", "https://kammer.example/"),
        ("tuev-iso9001.png", "TÜV-geprüft nach ISO 9001", ""),
        ("provenexpert-siegel.png", "Bewertungen bei ProvenExpert", "https://bewertung.example/kanzlei"),
        ("top-steuerberater-2024.png", "Auszeichnung Top-Steuerberater", ""),
        ("anwaltverein-logo.png", "Deutscher Anwaltverein", "https://anwaltverein.example/"),
    )
    each = ""
    for at in range(3 + seed % 3):
        file, alt, link = kinds[(seed + at) % 6]
        image = f'<img src="{folder}/{file}" alt="{alt}" width="120">'
        each += f'<div class="badge-item">{f"<a href={link!r} target=_blank>{image}</a>" if link else image}</div>'
    return f'<div class="widget auszeichnungen">{each}</div>'


def cookie(seed: int) -> str:
    kinds = (
        (
            '<div id="BorlabsCookieBox" class="BorlabsCookie" role="dialog"><div class="cookie-box"><div class="row">'
            '<div class="col-2"><img width="32" height="32" class="cookie-logo" src="/bilder/borlabs-cookie-icon-black.svg" alt="Borlabs Cookie"></div>'
            "<h3>Datenschutzeinstellungen</h3><p>Wir nutzen Cookies auf unserer Website.</p>"
            '<button type="button">Alle akzeptieren</button></div></div></div>'
        ),
        (
            '<div class="cmplz-cookiebanner banner-1"><div class="cmplz-header"><div class="cmplz-logo"><img src="/bilder/cmp-logo.png" alt="Logo"></div>'
            '<div class="cmplz-title">Zustimmung verwalten</div></div><div class="cmplz-body"><p>Um Ihnen ein optimales Erlebnis'
            " zu bieten, verwenden wir Cookies.</p></div><button>Akzeptieren</button></div>"
        ),
        '<div id="usercentrics-root" data-created-at="1"></div>',
        "",
    )
    return kinds[seed % 4]


def hero(seed: int, folder: str = "/bilder") -> str:
    kinds = (
        f'<div class="hero" style="background-image:url({folder}/hero.jpg)"><h1>Ihre Kanzlei vor Ort</h1><p>{SENTENCES[seed % 7]}</p></div>',
        (
            f'<div class="slider swiper"><div class="swiper-slide"><img src="{folder}/hero.jpg" alt="Empfang"></div>'
            f'<div class="swiper-slide"><img src="{folder}/hero-2.jpg" alt="Besprechung"></div></div>'
        ),
        f'<section class="stage"><picture><source type="image/webp" srcset="{folder}/hero.jpg 1400w"><img src="{folder}/hero.jpg" alt="" width="1400" height="700"></picture><h1>Willkommen</h1></section>',
    )
    return kinds[seed % 3]


def footer(seed: int, firm: str, logo: str = "", *, tag: str = "footer") -> str:
    opening = (
        '<footer class="site-footer" id="colophon">'
        if tag == "footer"
        else '<div id="footer"><div class="footer-inner">'
    )
    closing = "</footer>" if tag == "footer" else "</div></div>"
    return (
        f'{opening}<div class="cols"><div class="col">{logo}<p>{firm}<br>Musterstraße {seed % 90 + 1}<br>10115 Musterstadt</p>'
        f'<p>{fa(0, "phone")} <a href="tel:+49305550{seed:03}">030 5550{seed:03}</a></p></div><div class="col"><h4>Rechtliches</h4>'
        f'<ul><li><a href="/impressum/">Impressum</a></li><li><a href="/datenschutz/">Datenschutz</a></li></ul></div>'
        f'<div class="col">{social(seed)}{badges(seed)}</div></div><p class="copyright">© 2024 {firm}. Webdesign:'
        f' <a href="https://www.agentur-blau.example/"><img src="/bilder/agentur-blau-logo.png" alt="Webdesign Agentur Blau"></a></p>{closing}'
    )


def body(seed: int, firm: str, *, footer_logo: str = "", table: bool = False) -> str:
    """The rest of the page, several hundred elements."""
    random = Random(seed)
    sections = [teasers(seed), team(seed), partners(seed)]
    random.shuffle(sections)
    prose = "".join(f"<p>{random.choice(SENTENCES)}</p>" for _ in range(12))
    kept = sections[: 2 + seed % 2]
    return "".join(
        [
            hero(seed),
            f'<section class="intro"><h2>Herzlich willkommen</h2>{prose}</section>',
            *kept,
            footer(seed, firm, footer_logo),
            cookie(seed),
        ]
    )
