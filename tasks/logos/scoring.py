"""What speaks for and against a picture being the firm's logo, and how much; all of it adds up.

A ``Sign`` is a kind of evidence with its weight and its sentence. ``judge`` looks at one picture in its place in the
page; signs that need the picture itself or other pages are added by ``tasks.logos.find``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from urllib.parse import urlsplit

from models.errors import N_
from tasks.logos.page import Element, Page, attribute, folded


class Sign(StrEnum):
    """Kinds of evidence. The values are for machines and stay as they are."""

    GIVEN = "given"
    HOME_LINK = "home_link"
    ENTRANCE = "entrance"
    HEADER = "header"
    TOP = "top"
    LOGO_WORD = "logo_word"
    LOGO_NEAR = "logo_near"
    BRAND_WORD = "brand_word"
    NAME = "name"
    INITIALS = "initials"
    ONLY = "only"
    FIRST = "first"
    REPEATED = "repeated"
    OTHER_PAGE = "other_page"
    JSON_LD = "json_ld"
    MICRODATA = "microdata"
    OG_LOGO = "og_logo"
    SHARED = "shared"
    TOUCH_ICON = "touch_icon"
    DRAWN_ICON = "drawn_icon"
    ICON = "icon"
    IN_SCRIPT = "in_script"
    DRAWING = "drawing"
    LOGO_SHAPE = "logo_shape"
    COLOURED_TWIN = "coloured_twin"
    OTHER_LINK = "other_link"
    INNER_LINK = "inner_link"
    FOOTER = "footer"
    LATE = "late"
    ROW = "row"
    TRAP_NEAR = "trap_near"
    TRAP = "trap"
    OTHER_NAME = "other_name"
    FUNCTION = "function"
    TEXT_BRAND = "text_brand"
    TINY = "tiny"
    HUGE = "huge"
    BACKDROP = "backdrop"
    PART = "part"
    HIDDEN = "hidden"
    VARIANT = "variant"
    ONLY_HERE = "only_here"
    PHOTO = "photo"
    TOO_SMALL = "too_small"
    ODD_SHAPE = "odd_shape"
    WHITE = "white"
    MISSING = "missing"
    NO_PICTURE = "no_picture"
    BLANK = "blank"

    @property
    def points(self) -> int:
        return _SIGNS[self][0]

    @property
    def says(self) -> str:
        """A sentence, marked for translation; some name a detail."""
        return _SIGNS[self][1]


_SIGNS = {
    Sign.GIVEN: (100, N_("It is the picture whose address was given.")),
    Sign.HOME_LINK: (35, N_("It leads to the home page.")),
    Sign.ENTRANCE: (15, N_("It stands on the page before the home page.")),
    Sign.HEADER: (25, N_("It stands in the head of the page.")),
    Sign.TOP: (8, N_("It is among the first things of the page.")),
    Sign.LOGO_WORD: (30, N_("It is called a logo.")),
    Sign.LOGO_NEAR: (20, N_("What surrounds it is called a logo.")),
    Sign.BRAND_WORD: (12, N_("It is called a brand or sign.")),
    Sign.NAME: (18, N_("It bears the name of the firm or its domain.")),
    Sign.INITIALS: (8, N_("It bears the initials of the firm.")),
    Sign.ONLY: (14, N_("It is the only picture of the page.")),
    Sign.FIRST: (5, N_("It is the first such picture of the page.")),
    Sign.REPEATED: (8, N_("It stands in several places of the page.")),
    Sign.OTHER_PAGE: (12, N_("It stands at the top of another page of the site, too.")),
    Sign.JSON_LD: (42, N_("The page declares it as the logo (JSON-LD).")),
    Sign.MICRODATA: (42, N_("The page declares it as the logo (microdata).")),
    Sign.OG_LOGO: (40, N_("The page declares it as the logo (og:logo).")),
    Sign.SHARED: (6, N_("The page offers it to social networks.")),
    Sign.TOUCH_ICON: (26, N_("It is the sign of the site on phones.")),
    Sign.DRAWN_ICON: (22, N_("It is a drawn icon of the site.")),
    Sign.ICON: (8, N_("It is an icon of the site.")),
    Sign.IN_SCRIPT: (6, N_("A script of the page names it.")),
    Sign.DRAWING: (4, N_("It is a drawing.")),
    Sign.LOGO_SHAPE: (10, N_("It has few colours and the proportions of a logo.")),
    Sign.COLOURED_TWIN: (2, N_("It is the version in colour of a likely picture.")),
    Sign.OTHER_LINK: (-40, N_("It leads to another website.")),
    Sign.INNER_LINK: (-12, N_("It leads to another page of the site.")),
    Sign.FOOTER: (-20, N_("It stands in the foot of the page.")),
    Sign.LATE: (-10, N_("It stands far down the page.")),
    Sign.ROW: (-35, N_("It is one of a row of similar pictures.")),
    Sign.TRAP_NEAR: (-45, N_("What surrounds it speaks of something else: %(detail)s.")),
    Sign.TRAP: (-60, N_("It is called something else: %(detail)s.")),
    Sign.OTHER_NAME: (-25, N_("It bears another name than the firm's.")),
    Sign.FUNCTION: (-50, N_("It is a sign for a function, such as a menu or a telephone.")),
    Sign.TEXT_BRAND: (-14, N_("The head of the page writes the name of the firm in letters.")),
    Sign.TINY: (-25, N_("It is shown very small.")),
    Sign.HUGE: (-15, N_("It is shown very large.")),
    Sign.BACKDROP: (-40, N_("It lies behind other content.")),
    Sign.PART: (-10, N_("It is a part of a larger picture, out of which it has to be cut.")),
    Sign.HIDDEN: (-12, N_("It is hidden at first.")),
    Sign.VARIANT: (-5, N_("It is a version for another ground or size.")),
    Sign.ONLY_HERE: (-12, N_("Another page of the site does not have it.")),
    Sign.PHOTO: (-85, N_("It looks like a photograph.")),
    Sign.TOO_SMALL: (-50, N_("It has too few pixels for a logo.")),
    Sign.ODD_SHAPE: (-20, N_("It has unusual proportions for a logo.")),
    Sign.WHITE: (-14, N_("It is white and cannot be seen on paper.")),
    Sign.MISSING: (-4, N_("It could not be fetched.")),
    Sign.NO_PICTURE: (-80, N_("It is no picture that can be read.")),
    Sign.BLANK: (-200, N_("It shows nothing and only keeps a place.")),
}


@dataclass(frozen=True)
class Reason:
    """One piece of evidence about one picture."""

    sign: Sign
    points: int
    detail: str = ""

    def __str__(self) -> str:
        return self.sign.says % {"detail": self.detail}


def reason(sign: Sign, detail: str = "", points: int | None = None) -> Reason:
    return Reason(sign, sign.points if points is None else points, detail)


# Words. All matching is done on folded text: lower case, umlauts written out, words separated by spaces.

_LOGO = re.compile(
    r"(?<![a-z])logo(?!paed|ped|ut|gut|ther|graph|s[a-z]|s(?![a-z]))|logo(?![a-z])|logo(link|bild|img|image|wrap|box)"
    r"|(?<![a-z])(signet|wortmarke|bildmarke|wortbildmarke|firmenzeichen|schriftzug|logotype|wordmark)(?![a-z])"
)
_BRAND = re.compile(r"\b(brand|branding|site ?brand\w*|navbar brand|site title|site name|marke|emblem|firmenlogo)\b")
# Names of classes and ids, each by itself.
_HEADER = re.compile(
    r"(.+[-_])?(header|masthead|navbar|top-?bar|site-?head|page-?head|branding|kopf[a-z]*|hdr)([-_].+)?"
    r"|[a-z]*header[a-z]*|top([-_]?(wrap(per)?|area|line|row|container|box|head))?|head|oben|nav|navigation|(main|top|page)-?nav(igation)?|head-?(area|wrap|bar|inner|row)"
)
_NO_HEADER = re.compile(
    r".*(entry|post|article|card|modal|section|panel|widget|dialog|popup|accordion|tab|box|table|list|comment|loop|blog"
    r"|sub|inner|hero|title|item)[-_]?header.*|(has|with|no|is)[-_].*|header[-_]?(image|bild|video|slider|carousel).*"
)
_FOOTER = re.compile(r"(.+[-_])?(footer|colophon)([-_].+)?|[a-z]*footer[a-z]*|fuss[a-z]*|unten|bottom")
_NO_FOOTER = re.compile(r".*(card|modal|entry|post|article|panel|dialog|box|table)[-_]?footer.*|(has|with|no|is)[-_].*")
_UTILITY = re.compile(
    r".*[:\[\]/].*|(bg|text|object|focus|hover|size|attachment|align|wp|lazy[a-z]*|img|d|no|print|font|z|min|max|gap"
    r"|col|row|order|float|rounded|shadow|border|overflow|position|sticky|fixed|top|left|right|bottom|elementor|et_pb|vc"
    r"|wpb|av|e|swiper-lazy|fusion-(no|responsive)|has|is|entered|loaded|skip|data|jet|css|style|js)([-_].*)?"
)
"""Classes that say how something looks, not what it is."""
_WHITE = re.compile(
    r"\b(white|weiss\w*|negativ\w*|inverse|inverted|invertiert|invers|hell|light)\b|(?<=logo)(weiss|white|negativ)\b"
)
_VARIANT = re.compile(r"\b(sticky|mobile?|retina|dark|dunkel|print|druck|small|klein|scrolled?|alternate|offcanvas)\b")
_ICONS = re.compile(
    r"\b(fa|fas|far|fab|fa [a-z]+|svg inline fa|icons?|icon \w+|bi|feather|lucide|dashicons|glyphicon|material icons"
    r"|elementor icon|e font icon svg|svg icon|heroicon|ti|uk icon)\b"
)
_FUNCTIONS = re.compile(
    r"\b(burger|hamburger|menu|menue|menutoggle|toggle\w*|search|suche|lupe|chevron\w*|arrow\w*|pfeil\w*|caret|cart"
    r"|warenkorb|phone|telefon|tel|mail|email|envelope|brief|fax|flags?|flagge|fahne|sprache|language"
    r"|lang (?:de|en|fr|it|es)|english|englisch|deutsch|francais|play|close"
    r"|schliessen|spinner|loader|loading|preloader|placeholder|spacer|blank|pixel|trenner|linie|bullet|haus|home ?icon"
    r"|icon home|home|user|login|lock|clock|uhr|calendar|kalender|download|pdf|print|drucken|up|totop|quote\w*|karte"
    r"|map|maps|googlemaps?|marker|pin|anfahrt|lageplan|standort|accessibility|eye ?able|barrierefrei\w*|whatsapp)\b"
)
_FLAGS = re.compile(
    r"/(flags?|flag[-_]?icons?|flaggen?|fahnen?)/|/(lang|languages?|sprachen?)/[a-z-]{2,8}\.\w+$", re.IGNORECASE
)
_PLUGINS = re.compile(r"/wp-content/(mu-)?plugins/", re.IGNORECASE)
"""Folders of what is no logo: the flags of languages, and pictures that an extension of the site brought along."""
_FOR_PHONES = re.compile(r"(?<!hidden )(?<!hide )(?<!not )(?<!no )\b(mobile?|off ?canvas)\b(?! (hidden|hide|none))")
"""Places that are shown on small screens, or when somebody asks for them."""
_COOKIES = N_("a cookie notice")
_LARGE = N_("a large picture")
_BUILDER = N_("the builder of the site")
_PORTAL = N_("an app or a portal")
_TRAPS = {
    N_("a partner or client"): r"partner\w*|kunden?\w*|clients?|customers?|referenz\w*|references?|sponsor\w*"
    r"|mandanten\w*|netzwerk\w*|kooperation\w*|koop|logos|logo ?wall|logo ?slider|logo ?carousel|logo ?grid|bekannt aus"
    r"|medien|presse|as seen|brands|herstellern?|marken",
    N_("a seal, an award or an association"): r"badges?|\w*siegel\w*|zertifi\w*|certifi\w*|awards?|auszeichnung\w*"
    r"|ausgezeichnet\w*|datev\w*|tuev\w*|dekra|\w*kammer|\w*verband|\w*verein|verbaende|kammern|mitglied\w*|members?"
    r"|memberships?|trusted\w*|proven ?expert|ekomi|iso|iso ?\d+|bewertung\w*|ratings?|reviews?|kununu|jameda"
    r"|trustpilot|anwalt de|top ?\w* ?(kanzlei|steuerberater|arbeitgeber|anwalt|rechtsanwalt)|handelsblatt|focus"
    r"|brand eins|juve|legal ?500|best ?lawyers|chambers|excellent\w*|exzellen\w*|digitale? ?(kanzlei|dst)|bstbk|stbk"
    r"|wpk|idw|brak|dstv|dav|elster|lexoffice|lexware|sevdesk|addison|agenda|great place to work|qualitaet\w*|audit"
    r"|familienfreundlich\w*|efre|gefoerdert\w*|foerder\w*|ausbildungsbetrieb",
    N_("a social network"): r"facebook|instagram|linkedin|xing|twitter|youtube|whatsapp|tiktok|pinterest|social\w*"
    r"|vimeo|threads|mastodon|bluesky",
    _COOKIES: r"cookies?|consent|borlabs\w*|usercentrics|cookiebot|cmplz|ccm|cookie\w+|onetrust|didomi"
    r"|klaro|complianz|real ?cookie ?banner|rcb|gdpr|dsgvo",
    N_("a means of payment"): r"paypal|visa|mastercard|klarna|sepa|payment\w*|zahlung\w*|giropay|amex|apple pay"
    r"|google pay|sofort",
    _LARGE: r"hero\w*|slider\w*|slides?|slideshow|banner|carousel\w*|teaser\w*|background|bg|stage"
    r"|titelbild|headerbild|header ?image|header ?bild|kopfbild|keyvisual|swiper \w+|rev slide\w*|parallax|gallery"
    r"|galerie|thumbnail|cover|skyline|panorama",
    N_("a portrait"): r"team\w*|portraits?|portraet\w*|avatars?|mitarbeiter\w*|kolleg\w*|author|autor|foto|photo"
    r"|testimonials?|gruppenbild|ansprechpartner\w*|gravatar",
    _BUILDER: r"wordpress|joomla|typo3|jimdo|wix|webdesign\w*|webagentur|werbeagentur|agentur\w*"
    r"|powered\w*|avada|elementor|divi|enfold|squarespace|strato|ionos|webflow|shopify|drupal|contao|betheme|themeforest"
    r"|designed by|made by|umsetzung|realisierung|pfavico|w logo|vite|react|nextjs|vercel|angular|nuxt|gatsby",
    _PORTAL: r"app ?store|google ?play|play ?store|teamviewer|anydesk|meine ?kanzlei|unternehmen online"
    r"|fastviewer|zoom|teams",
}
_TRAP_WORDS = {what: re.compile(rf"\b({words})\b") for what, words in _TRAPS.items()}
_SOFT_AROUND = re.compile(r"\b(banner|bg|background|stage|cover|brands?|marken|zoom|members?|app|iso)\b")
"""Words that around a picture may also mean the head of a page, or the firm itself."""


def says_logo(text: str) -> bool:
    return _LOGO.search(text) is not None


def is_white(text: str) -> bool:
    """Whether the folded text speaks of a version for dark grounds."""
    return _WHITE.search(text) is not None


def traps(text: str) -> Iterator[str]:
    """What else than the logo the folded text speaks of."""
    for what, words in _TRAP_WORDS.items():
        if words.search(text):
            yield what


def by_folder(address: str) -> Iterator[Reason]:
    """What the folder in which a picture lies says."""
    path = urlsplit(address).path
    if _FLAGS.search(path):
        yield reason(Sign.FUNCTION)
    elif _PLUGINS.search(path):
        yield reason(Sign.TRAP, _BUILDER)


def own_words(element: Element, *more: str) -> str:
    """The words of an element itself."""
    names = ("alt", "title", "id", "aria-label", "name", "data-testid", "data-name")
    texts = [*_classes(element)[:50], *(attribute(element, name)[:500] for name in names)]
    if element.tag == "svg":
        texts += ["".join(title.itertext()) for title in element.iter("title", "desc")][:2]
        label = attribute(element, "aria-labelledby")
        texts += [label] if label else []
    return folded(*more, *texts)


def place_words(element: Element) -> str:
    """The words of an element in which others are."""
    names = ("id", "role", "aria-label", "title", "itemprop", "data-testid")
    return folded(*_classes(element)[:50], *(attribute(element, name)[:500] for name in names))


def _classes(element: Element) -> list[str]:
    """Its classes that say what it is."""
    return [
        name
        for name in attribute(element, "class").split()
        if not _UTILITY.fullmatch(name.lower()) or re.search("logo|brand", name.lower())
    ]


def _names(element: Element) -> list[str]:
    """Its classes and its id, lower case, words apart."""
    names = [*attribute(element, "class").split(), attribute(element, "id"), attribute(element, "data-elementor-type")]
    return [re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower() for name in names if name]


def _is_header(element: Element) -> bool:
    """Whether it is the head of something, by its tag and its names."""
    named = any(_HEADER.fullmatch(name) and not _NO_HEADER.fullmatch(name) for name in _names(element))
    return named or element.tag in {"header", "nav"} or "banner" in attribute(element, "role")


def _is_footer(element: Element) -> bool:
    named = any(_FOOTER.fullmatch(name) and not _NO_FOOTER.fullmatch(name) for name in _names(element))
    return named or element.tag == "footer" or "contentinfo" in attribute(element, "role")


@dataclass(frozen=True)
class _Place:
    """Where in the page a picture stands."""

    element: Element
    around: list[Element]
    """The elements that it is in, the nearest first."""
    words: list[str]
    """What these are called, folded."""
    link: Element | None
    home: bool
    """It leads to the home page."""
    footer: bool
    header: bool

    @classmethod
    def of(cls, page: Page, element: Element) -> "_Place":
        around = page.above(element)
        telling = [ancestor for ancestor in around if not page.is_frame(ancestor)]
        link = next((node for node in (element, *around) if node.tag == "a" and node.get("href") is not None), None)
        link = link if link is not None else page.area_home(element)
        home = link is not None and page.leads_home(link)
        footer = any(page.remembered(_is_footer, ancestor) for ancestor in telling)
        header = not footer and _is_in_header(page, telling, home=home)
        if link is not None and header and attribute(link, "href").strip() in {"", "#"}:
            home = True  # In a head, a link to nowhere is one to the top.
        words = ["" if page.is_frame(ancestor) else page.remembered(place_words, ancestor) for ancestor in around]
        return cls(element, around, words, link, home, footer, header)


def judge(page: Page, element: Element, own: str, address: str = "") -> Iterator[Reason]:
    """What the place and the words of one picture say. *own* are its own words, folded."""
    place = _Place.of(page, element)
    logo = says_logo(own)
    yield from _judge_place(page, place)
    yield from _judge_names(page, place, own, logo=logo)
    yield from _judge_words(page, place, own, logo=logo)
    if not place.home:
        yield from by_folder(address)
    if is_white(own) or any(map(_FOR_PHONES.search, place.words)):
        yield reason(Sign.VARIANT, points=2 * Sign.VARIANT.points)
    elif _VARIANT.search(own):
        yield reason(Sign.VARIANT)
    yield from _judge_size(element, address)
    if any(_is_hidden(node) for node in (element, *place.around[:6])):
        yield reason(Sign.HIDDEN)
    alike = _alike(element)
    if place.home and not logo and element.tag == "img" and _is_menu_button(page, place, alike):
        yield reason(Sign.FUNCTION)
    elif not place.home and len(alike) >= 3:
        yield reason(Sign.ROW, points=Sign.ROW.points if len(alike) >= 4 or not place.header else Sign.ROW.points // 2)


def _judge_place(page: Page, place: _Place) -> Iterator[Reason]:
    if place.home:
        yield reason(Sign.HOME_LINK)
    elif place.link is not None:
        yield from _judge_link(page, place.link)
    if place.footer:
        yield reason(Sign.FOOTER)
    elif place.header:
        yield reason(Sign.HEADER)
    elif page.place(place.element) > 0.6 * page.length > 48:
        yield reason(Sign.LATE)
    if not place.footer and page.begins(place.element):
        yield reason(Sign.TOP)


def _judge_names(page: Page, place: _Place, own: str, *, logo: bool) -> Iterator[Reason]:
    few = [
        words for ancestor, words in zip(place.around[:4], place.words, strict=False) if page.sizes[ancestor][1] <= 4
    ]
    near = [*few, *([place_words(place.link)] if place.link is not None else [])]
    if logo:
        yield reason(Sign.LOGO_WORD)
    elif any(map(says_logo, near)):
        yield reason(Sign.LOGO_NEAR)
    elif _BRAND.search(own) or any(map(_BRAND.search, near)):
        yield reason(Sign.BRAND_WORD)
    text = folded("".join(place.link.itertext()))[:200] if place.home and place.link is not None else ""
    if page.says_name(own) or (text and page.says_name(text)) or page.is_titled(attribute(place.element, "alt")):
        yield reason(Sign.NAME)
    elif page.initials and page.initials in own.split():
        yield reason(Sign.INITIALS)
    elif logo and not place.home and not place.header and page.names_another(attribute(place.element, "alt")):
        yield reason(Sign.OTHER_NAME)


def _judge_link(page: Page, link: Element) -> Iterator[Reason]:
    target = page.absolute(attribute(link, "href"))
    if not target:
        return
    if not page.is_own(target):
        yield reason(Sign.OTHER_LINK)
    elif re.fullmatch(r"/[a-z]{2}(-[a-z]{2})?/?", urlsplit(target).path, re.IGNORECASE):
        yield reason(Sign.FUNCTION)  # The home page of readers of another language.
    else:
        yield reason(Sign.INNER_LINK)


def _judge_words(page: Page, place: _Place, own: str, *, logo: bool) -> Iterator[Reason]:
    """What else it may be, by its own words and those around it."""
    own_traps = list(traps(page.foreign(own)))  # A firm may well have “Partner” in its name.
    for what in own_traps[:2]:
        soft = (place.home and (place.header or logo)) or (logo and what is _LARGE)
        named = (place.home or (place.header and logo)) and page.says_name(own)  # It may say all sorts of things.
        named = named or (logo and what is _LARGE and page.says_name(own))
        yield reason(Sign.TRAP, what, Sign.TRAP.points // (4 if named else 2 if soft else 1))
    headings = [] if place.home or place.header else list(_headings(page, place.around))
    near = [] if place.home else [*place.words[:6], *headings]
    text = " | ".join(_SOFT_AROUND.sub(" ", words) for words in near if not page.says_name(words))
    for what in [trap for trap in traps(text) if trap not in own_traps][:2]:
        yield reason(Sign.TRAP_NEAR, what)
    if any(_TRAP_WORDS[_COOKIES].search(words) for words in place.words):
        yield reason(Sign.TRAP_NEAR, _COOKIES)
    yield from _judge_function(page, place, own, logo=logo)


def _judge_function(page: Page, place: _Place, own: str, *, logo: bool) -> Iterator[Reason]:
    """Whether it is a sign to be pressed, not one to be known by."""
    called = _LOGO.sub(" ", page.foreign(own))
    if place.element.tag == "img":
        called = re.sub(r"\bhome( page| link)?\b", " ", called)
    pressed = any(ancestor.tag in {"button", "summary", "label"} for ancestor in place.around[:3])
    if (pressed and not logo) or (_FUNCTIONS.search(called) and not (place.home and logo)):
        picture = place.home and place.header and not pressed and place.element.tag == "img"
        yield reason(Sign.FUNCTION, points=Sign.FUNCTION.points // 2 if picture else None)
    elif place.element.tag in {"svg", "i", "span"} and _ICONS.search(own) and not logo:
        yield reason(Sign.FUNCTION, points=Sign.FUNCTION.points // 2 if place.home and place.header else None)
    elif not logo and _is_icon_sheet(place.element) and not any(map(says_logo, place.words[:3])):
        yield reason(Sign.FUNCTION, points=-25)


def _is_icon_sheet(drawing: Element) -> bool:
    """Whether it is drawn on the small square sheet that sets of icons use."""
    sheet = re.split(r"[\s,]+", attribute(drawing, "viewbox").strip()) if drawing.tag == "svg" else []
    shapes = sum(1 for node in drawing.iter() if node.tag in {"path", "rect", "circle", "polygon", "line", "polyline"})
    sides = {"16", "18", "20", "24", "32", "48", "512", "448", "640", "576", "384", "320", "1000", "1024"}
    return len(sheet) == 4 and sheet[2] in sides and sheet[3] in sides and shapes <= 4


def _is_in_header(page: Page, around: list[Element], *, home: bool) -> bool:
    """In the head of the page, not in that of an article or a dialogue."""
    for number, ancestor in enumerate(around):
        if ancestor.tag in {"article", "main", "aside", "dialog"} and not home:
            return False
        if page.remembered(_is_header, ancestor):
            inner = any(outer.tag in {"article", "section", "main", "dialog"} for outer in around[number + 1 :])
            if home or not inner:
                return True
        elif not home and any(_NO_HEADER.fullmatch(name) and "header" in name for name in _names(ancestor)):
            return False
    return False


def _headings(page: Page, around: list[Element]) -> Iterator[str]:
    """The headings under which a picture stands."""
    for ancestor in around[:6]:
        if heading := page.remembered(_heading, ancestor):
            yield heading
            return


def _heading(element: Element) -> str:
    heading = next(element.iter("h1", "h2", "h3", "h4", "strong", "b"), None)
    return "" if heading is None else folded("".join(heading.itertext())[:100])


def _judge_size(element: Element, address: str) -> Iterator[Reason]:
    width, height = _length(element, "width"), _length(element, "height")
    if element.tag == "svg" and not (width or height):
        return
    named = re.search(r"[-_](\d{2,4})x(\d{2,4})\.\w+$", address)
    if not width and not height and named and element.tag == "img":
        width, height = int(named[1]), int(named[2])
    if 0 < max(width, height) <= 32 or (0 < width <= 2 or 0 < height <= 2):
        yield reason(Sign.TINY)
    elif width > 850 and height > 160:
        yield reason(Sign.HUGE)


def _length(element: Element, name: str) -> float:
    """Pixels that are written on the element; 0 if none are."""
    style = re.search(rf"(?:^|[;\s]){name}\s*:\s*([\d.]+)px", attribute(element, "style"))
    value = re.fullmatch(r"\s*([\d.]+)(px)?\s*", attribute(element, name))
    try:
        return float(style[1]) if style else float(value[1]) if value else 0
    except ValueError:
        return 0


def _is_hidden(element: Element) -> bool:
    style = attribute(element, "style").replace(" ", "").lower()
    return element.get("hidden") is not None or "display:none" in style or "visibility:hidden" in style


def _alike(element: Element) -> list[Element]:
    """Pictures that stand in the same way as this one and beside it; of many the first few, itself among them."""
    path = [element.tag]
    most = [element]
    child = element
    for above in islice(element.iterancestors(), 5):
        if above.tag in {"header", "main", "nav", "footer"} and len(path) > 4:
            break
        alike: list[Element] = []
        for sibling in above:
            if isinstance(sibling.tag, str) and sibling.tag == child.tag:
                alike += [picture for picture in [_at_the_end(sibling, path)] if picture is not None]
                if len(alike) > 3:
                    return alike
        most = max(most, alike, key=len)
        path.insert(0, above.tag)
        child = above
    return most


def _at_the_end(element: Element, path: list[str]) -> Element | None:
    """The picture at the end of the same way down."""
    if element.tag != path[0]:
        return None
    if len(path) == 1:
        return element
    below = (_at_the_end(child, path[1:]) for child in element if isinstance(child.tag, str))
    return next((picture for picture in below if picture is not None), None)


def _is_menu_button(page: Page, place: _Place, alike: list[Element]) -> bool:
    """Whether it is the button for the home page among others, all of one height, that lead to inner pages."""
    height = _length(place.element, "height")
    links = [
        picture.getparent()
        for picture in alike
        if picture is not place.element and picture.getparent().tag == "a" and _length(picture, "height") == height
    ]
    inner = [link for link in links if page.absolute(attribute(link, "href")) and not page.leads_home(link)]
    return len(inner) >= (1 if height else 2)
