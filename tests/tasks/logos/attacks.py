"""Hostile files, each with what must become of it: refused, and how, or a logo in which nothing of it is left."""

# ruff: noqa: E501  (Attacks stand in one line, as they would come.)

import base64
import gzip
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageDraw

from tasks.logos.shape import (
    DrawingTooComplex,
    DrawingWithEntities,
    FileTooLarge,
    LogoRefused,
    NotAPicture,
    PictureEmpty,
    PictureOddlyShaped,
    PictureTooCostly,
    PictureTooLarge,
)

NAMES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def drawing(inner: str, attributes: str = 'viewBox="0 0 400 200"') -> bytes:
    return f"<svg {NAMES} {attributes}>{inner}</svg>".encode()


@dataclass(frozen=True)
class Attack:
    content: Callable[[], bytes]
    refused: tuple[type[LogoRefused], ...] = ()
    """As what it may be refused; empty if it has to be made harmless."""
    seconds: float = 10
    """Most of it is for a machine that has much else to do."""


# What could act or reach outside, beside a blue circle that must be left


ATTACKS = {
    "script": "<script>alert(1)</script>",
    "script in another namespace": '<x:script xmlns:x="http://www.w3.org/1999/xhtml">alert(1)</x:script>',
    "handler": '<rect width="9" height="9" onclick="alert(1)" onload="alert(1)"/>',
    "handler on a group": '<g onmouseover="alert(1)"/>',
    "foreign object": '<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><iframe src="https://evil.example"/></body></foreignObject>',
    "iframe": '<iframe src="https://evil.example"/>',
    "javascript link": '<a href="javascript:alert(1)"><path d="M0 0h9v9z"/></a>',
    "animated link": '<a><set attributeName="href" to="javascript:alert(1)"/><path d="M0 0h9v9z"/></a>',
    "outer image": '<image href="https://evil.example/a.png" width="9" height="9"/>',
    "outer image by xlink": '<image xlink:href="http://evil.example/a.png" width="9" height="9"/>',
    "image from a file": '<image href="file:///etc/passwd" width="9" height="9"/>',
    "svg in a data address": '<image href="data:image/svg+xml,&lt;svg onload=alert(1)&gt;" width="9" height="9"/>',
    "html in a data address": '<use href="data:text/html,evil.example"/>',
    "outer use": '<use href="https://evil.example/a.svg#x"/>',
    "filter image": '<filter id="f"><feImage href="https://evil.example/a.png"/></filter>',
    "outer fill": '<rect width="9" height="9" fill="url(https://evil.example/a.svg#g)"/>',
    "escaped outer fill": '<rect width="9" height="9" fill="\\75rl(https://evil.example/a.svg)"/>',
    "commented outer fill": '<rect width="9" height="9" style="fill:url(/**/https://evil.example/a)"/>',
    "outer url in style": '<rect width="9" height="9" style="mask:url(\'//evil.example/m\')"/>',
    "image-set": '<rect width="9" height="9" style="fill:image-set(\'https://evil.example/a\' 1x)"/>',
    "import": "<style>@import 'https://evil.example/a.css';</style>",
    "font face": "<style>@font-face{font-family:x;src:url(https://evil.example/f.woff)}</style>",
    "style escaping its element": "<style><![CDATA[</style><script>alert(1)</script>]]></style>",
    "processing instruction": '<?xml-stylesheet href="https://evil.example/a.css"?>',
    "base": '<base xmlns="http://www.w3.org/1999/xhtml" href="https://evil.example/"/>',
    "xml base": '<g xml:base="https://evil.example/"><path d="M0 0h9v9z"/></g>',
    "xinclude": '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>',
    "expression": '<rect width="9" height="9" style="width:expression(alert(1))"/>',
    "title with markup": "<title>&lt;script&gt;alert(1)&lt;/script&gt;</title>",
    "script in capitals": "<SCRIPT>alert(1)</SCRIPT><ScRiPt>alert(1)</ScRiPt>",
    "script with a prefix": '<s:script xmlns:s="http://www.w3.org/2000/svg">alert(1)</s:script>',
    "script broken by a zero byte": "<scr\0ipt>alert(1)</scr\0ipt><script\0>alert(1)</script>",
    "script in a description": "<desc><script>alert(1)</script></desc><metadata><script>alert(1)</script></metadata>",
    "script left open": "<script>alert(1)",
    "script from outside": '<script xlink:href="https://evil.example/a.js"/>',
    "handler with blanks and capitals": '<rect width="9" height="9" ONLOAD = "alert(1)" onLoad="alert(1)"/>',
    "handler with a prefix": '<rect width="9" height="9" ev:event="load" xmlns:ev="http://www.w3.org/2001/xml-events"/>',
    "handler without quotes": "<rect width=9 height=9 onload=alert(1)/>",
    "handler element": '<handler type="text/javascript">alert(1)</handler><listener event="load" handler="#x"/>',
    "animated handler": '<rect width="9" height="9"><set attributeName="onmouseover" to="alert(1)"/></rect>',
    "animated attribute": '<rect width="9" height="9"><animate attributeName="href" values="javascript:alert(1)"/></rect>',
    "animated motion": '<g><animateMotion path="M0 0h9"/><animateTransform attributeName="transform" to="9"/></g>',
    "javascript spelt with entities": '<a href="&#106;ava&#10;script:alert(1)"><path d="M0 0h9v9z"/></a>',
    "javascript in a picture": '<image href=" java&#9;script:alert(1)" width="9" height="9"/>',
    "html picture": '<x:img xmlns:x="http://www.w3.org/1999/xhtml" src="x" onerror="alert(1)"/>',
    "video and audio": '<video src="https://evil.example/a"/><audio src="https://evil.example/a"/>',
    "object and embed": '<object data="https://evil.example/a"/><embed src="https://evil.example/a"/>',
    "style sheet by link": '<link xmlns="http://www.w3.org/1999/xhtml" rel="stylesheet" href="https://evil.example/a"/>',
    "refresh": '<meta xmlns="http://www.w3.org/1999/xhtml" http-equiv="refresh" content="0;url=https://evil.example"/>',
    "cursor": '<cursor xlink:href="https://evil.example/c"/><rect width="9" height="9" cursor="url(https://evil.example)"/>',
    "colour profile": '<color-profile name="x" xlink:href="https://evil.example/p.icc"/>',
    "font by element": '<font-face><font-face-src><font-face-uri href="https://evil.example/f"/></font-face-src></font-face>',
    "text by reference": '<tref xlink:href="https://evil.example/t.svg#x"/>',
    "gradient from outside": '<linearGradient id="g" href="https://evil.example/a.svg#g"/><path fill="url(#g)" d="M0 0h9z"/>',
    "outer fall-back": '<rect width="9" height="9" fill="url(#none) url(https://evil.example/a)"/>',
    "outer address in every property": "".join(
        f'<rect width="9" height="9" style="{name}:url(https://evil.example/{name})"/>'
        for name in ("fill", "stroke", "clip-path", "mask", "filter", "marker", "marker-end", "cursor", "background")
    ),
    "outer address spelt oddly": '<rect width="9" height="9" style="fill:URL( \'https://evil.example/a\' );stroke:uRl(//evil.example)"/>',
    "outer address by src": '<rect width="9" height="9" style="fill:src(\'https://evil.example/a\')"/>',
    "behaviour and binding": '<rect width="9" height="9" style="behavior:url(https://evil.example/a.htc);-moz-binding:url(//evil.example)"/>',
    "style sheet with escapes": r"<style>r\65 ct{fill:u\72l(https://evil.example/a)}@\69mport 'https://evil.example';</style>",
    "style sheet after a comment": "<style>/*<!--*/@import url(//evil.example/a);/*-->*/circle{fill:url(//evil.example/a)}</style>",
    "namespace": '<g xmlns:evil="https://evil.example/"><evil:g evil:href="x"/></g>',
    "a second root": '</svg><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script>',
    "a drawing in the drawing": '<svg onload="alert(1)" width="9" height="9"><script>alert(1)</script></svg>',
    "a drawing in a picture": '<image width="9" height="9" href="data:image/png;base64,'
    + base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>').decode()
    + '"/>',
    "a page in a picture": '<image width="9" height="9" href="data:image/png,%3Cscript%3Ealert(1)%3C/script%3E"/>',
    "an invisible frame": '<foreignObject width="0"><x:object xmlns:x="http://www.w3.org/1999/xhtml" data="javascript:alert(1)"/></foreignObject>',
    "a name that breaks out": '<g id="&quot;&gt;&lt;script&gt;alert(1)"/><use href="#&quot;onload=&quot;alert(1)"/>',
    "conditions with addresses": "<style>@IMPORT url('https://evil.example/a');@namespace x url(https://evil.example);"
    "@media screen{rect{fill:url(https://evil.example/b)}}@layer{@import '//evil.example/c'}</style>",
    "an animation that ends elsewhere": "<style>@keyframes a{to{mask:url(https://evil.example/a);fill:url(//evil.example/b)}}"
    'rect{animation:a 1s forwards}</style><rect width="9" height="9"/>',
    "an animation that ends in a script": '<rect width="9" height="9"><set attributeName="href" to="javascript:alert(1)" fill="freeze"/>'
    '<animate attributeName="onload" values="0;alert(1)" fill="freeze"/><set attributeName="fill" to="url(//evil.example)" fill="freeze"/>'
    '<set attributeName="style" to="fill:url(//evil.example)" fill="freeze"/></rect>',
    "an animation of itself": "<style>@keyframes a{to{animation:a 1s}}@keyframes b{to{animation:a 1s}}rect{animation:a 1s,b 1s}</style>"
    '<rect width="9" height="9"/>',
    "colours mixed by an address": '<rect width="9" height="9" style="mix-blend-mode:url(//evil.example);mix-blend-mode:x&quot;onload=alert(1)"/>',
    "measures that are addresses": '<style>image{x:url(//evil.example);width:9px;height:calc(1px*9)}</style><image href="//evil.example/a"/>',
    "variables that double": "<style>:root{--a0:red;"
    + "".join(f"--a{n + 1}:var(--a{n}) var(--a{n});" for n in range(60))
    + "}rect{fill:var(--a60)}</style>"
    '<rect width="9" height="9"/>',
    "braces without end": "<style>" + "@media screen{" * 10_000 + "a{" * 10_000 + "</style>",
    "a drawing in a drawing in a picture": '<image width="9" height="9" href="data:image/svg+xml;base64,'
    + base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg"><image href="https://evil.example/a"/></svg>').decode()
    + '"/>',
    "very many attributes": "<rect " + " ".join(f'a{n}="alert(1)"' for n in range(50_000)) + "/>",
    "very many vocabularies": "<g " + " ".join(f'xmlns:a{n}="evil{n}"' for n in range(30_000)) + "/>",
    "very many remarks": "<!--evil-->" * 100_000,
    "a filter that is larger than the world": '<filter id="f" x="-1e9" y="-1e9" width="1e12" height="1e12" filterUnits="userSpaceOnUse">'
    '<feGaussianBlur stdDeviation="9999"/></filter><rect width="9" height="9" filter="url(#f)"/>',
    "a filter that fetches": '<filter id="f"><feImage xlink:href="file:///etc/passwd"/><feTile/></filter><rect width="9" height="9" filter="url(#f)"/>',
}


# What would cost too much to draw, and is refused before


def _doubling(element: str, body: str, levels: int = 24) -> str:
    return "".join(
        f'<{element} id="n{level}" {{0}}>{body.format(level + 1)}</{element}>'.format(
            'width="1" height="1" patternUnits="userSpaceOnUse" viewBox="0 0 9 9"'
        )
        for level in range(levels)
    )


BOMBS = {
    "use": "<defs>"
    + _doubling("g", '<use href="#n{0}"/>' * 2)
    + '<rect id="n24" width="9" height="9"/></defs><use href="#n0"/>',
    "pattern": _doubling("pattern", '<rect width="9" height="9" fill="url(#n{0})"/>' * 3)
    + '<rect width="400" height="200" fill="url(#n0)"/>',
    "mask": _doubling("mask", '<rect width="9" height="9" mask="url(#n{0})"/>' * 3)
    + '<rect width="400" height="200" mask="url(#n0)"/>',
    "clip path": _doubling("clipPath", '<rect width="9" height="9" clip-path="url(#n{0})"/>' * 3)
    + '<rect width="400" height="200" clip-path="url(#n0)"/>',
    "marker": "".join(
        f'<marker id="n{level}"><path d="{"M0 0L1 1" * 30}" marker-mid="url(#n{level + 1})"/></marker>'
        for level in range(6)
    )
    + f'<path d="{"M0 0L1 1" * 30}" marker-mid="url(#n0)"/>',
    "pattern by style sheet": "<style>"
    + "".join(f".c{level}{{fill:url(#n{level})}}" for level in range(25))
    + "</style>"
    + "".join(
        f'<pattern id="n{level}">' + f'<rect class="c{level + 1}" width="9" height="9"/>' * 3 + "</pattern>"
        for level in range(24)
    )
    + '<rect class="c0" width="400" height="200"/>',
    "use of itself": '<g id="a"><use href="#a"/></g>',
    "use in a circle": '<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>',
    "pattern in a circle": '<pattern id="p"><rect width="9" height="9" fill="url(#p)"/></pattern>',
    "gradient in a circle": '<linearGradient id="g" href="#h"/><linearGradient id="h" href="#g"/>',
    "symbol of itself": '<symbol id="s"><use href="#s"/></symbol><use href="#s"/>',
    "mask of itself": '<mask id="m" mask="url(#m)"><rect width="9" height="9"/></mask><g mask="url(#m)"/>',
    "marker of itself": '<marker id="m"><path d="M0 0L1 1" marker-end="url(#m)"/></marker>',
    "filter of itself": '<filter id="f" filter="url(#f)"><feGaussianBlur filter="url(#f)"/></filter><g filter="url(#f)"/>',
    "patterns that take from each other": '<pattern id="a" href="#b"/><pattern id="b" href="#a"/>',
    "a name that was given before": '<g id="a"><use href="#a"/></g><g id="a"><rect width="9" height="9"/></g>',
    "a pattern under a name given twice": _doubling("pattern", '<rect width="9" height="9" fill="url(#n{0})"/>' * 3)
    + "".join(f'<rect id="n{level}" width="9" height="9"/>' for level in range(1, 24))
    + '<rect width="400" height="200" fill="url(#n0)"/>',
    "a million letters on a path": '<path id="p" d="M0 50h400"/><text><textPath href="#p">'
    + "M" * 1_000_000
    + "</textPath></text>",
    "colours mixed very often": '<rect width="400" height="200" style="mix-blend-mode:multiply"/>' * 5000,
    "deep nesting": "<g>" * 20_000 + "</g>" * 20_000,
    "deep nesting of the unknown": "<x>" * 20_000 + "</x>" * 20_000,
    "many elements": '<rect width="1" height="1"/>' * 60_000,
    "many unknown elements": "<x/>" * 60_000,
    "many rules": "<style>" + "".join(f".a{number} .b{{fill:red}}" for number in range(5000)) + "</style>",
    "many selectors in one rule": "<style>" + ",".join(f".a{number}" for number in range(5000)) + "{fill:red}</style>",
    "many pictures": '<image href="data:image/png;base64,AAAA" width="9" height="9"/>' * 40,
}

# Entities that could hide something

ENTITIES = {
    "billion laughs": '<!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>',
    "external file": '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    "external address": '<!DOCTYPE svg [<!ENTITY a PUBLIC "x" "https://evil.example/">]>',
    "parameter": '<!DOCTYPE svg [<!ENTITY % p SYSTEM "https://evil.example/x.dtd"> %p;]>',
    "markup": "<!DOCTYPE svg [<!ENTITY a '<script>alert(1)</script>'>]>",
}


# What costs too much, but cannot be told beforehand: it ends at a limit

_COSTLY = (PictureTooCostly, DrawingTooComplex, DrawingWithEntities)
SEEN_EVERYWHERE = "#07f"
"""Seen on light and on dark ground: no picture is made for either, which would take half of the time."""
_ROUND = f'<circle cx="200" cy="100" r="80" fill="{SEEN_EVERYWHERE}"/>'
COSTLY: dict[str, Callable[[], bytes]] = {
    "brackets without end": lambda: drawing(f'<rect width="9" height="9" style="fill:{"(" * 19_000}"/>{_ROUND}'),
    "selectors within selectors": lambda: drawing(f"<style>{':is(' * 3000}a{')' * 3000}{{fill:red}}</style>{_ROUND}"),
    "selectors that count every sibling": lambda: drawing(
        f"<style>{':nth-last-child(n+1 of :nth-last-child(n+1)){fill:red}' * 100}</style>{_ROUND * 9000}"
    ),
    "a marker that its own drawing inherits": lambda: drawing(
        '<g marker-mid="url(#m)"><marker id="m"><path d="M0 0L1 1L2 2"/></marker><path d="M0 0L1 1L2 2"/></g>'
    ),
    "a hundred thousand declarations for everything": lambda: drawing(
        f"<style>*{{{'fill:red;' * 100_000}}}</style>{_ROUND * 9000}"
    ),
    "selectors that stand for ever more": lambda: drawing(
        "<style>" + f"a{{{'&amp; ' * 999}{{{'&amp; ' * 999}{{{'&amp; ' * 999}{{fill:red}}}}}}}}" + f"</style>{_ROUND}"
    ),
    "one long path for ten thousand shapes": lambda: drawing(
        f"<style>path{{d:path('M0 0{'l1 1' * 20_000}')}}</style>{'<path/>' * 10_000}{_ROUND}"
    ),
    "colours mixed of colours, for everything": lambda: drawing(
        "<style>*{"
        + f"fill:color-mix(in oklch,{'color-mix(in lab,' * 4}red,lime),blue),red),lime),blue);" * 8000
        + "}</style>"
        + _ROUND * 3000
    ),
    "letters higher than the world": lambda: drawing(f'<text y="50" font-size="1e9">Kanzlei</text>{_ROUND}'),
    "masks within the allowed number": lambda: drawing(
        '<mask id="m"><rect width="400" height="200" fill="#fff"/></mask>'
        + '<g mask="url(#m)">' * 50
        + "".join('<rect width="400" height="200" mask="url(#m)"/>' for _ in range(9000))
        + "</g>" * 50
    ),
    "a long path used often": lambda: drawing(
        f'<path id="p" d="M0 0{"l9 9" * 400_000}"/>' + '<use href="#p" fill="none" stroke="#000"/>' * 900
    ),
    "tiny cells of a pattern": lambda: drawing(
        '<pattern id="p" width=".0001" height=".0001" patternUnits="userSpaceOnUse"><rect width="1" height="1"/>'
        '</pattern><rect width="400" height="200" fill="url(#p)"/>' * 50
    ),
    "very much writing": lambda: drawing(f'<text y="99" font-size="9">{"Kanzlei " * 200_000}</text>'),
    "nine thousand pieces of writing": lambda: drawing('<text y="99" font-size="9999">M</text>' * 9000),
    "an endless string of digits": lambda: drawing("", f'viewBox="0 0 {"1" * 1_900_000}x 9"'),
    "many openings of a document type": lambda: b"<svg>" + b"<!DOCTYPE[" * 180_000,
    "many openings of an entity": lambda: b"<!DOCTYPE svg [" + b"<!ENTITY a '" * 150_000 + b"]><svg/>",
    "words without end and without quotes": lambda: b"<svg a=b " + b"a" * 1_900_000 + b"></svg>",
    "blanks without end": lambda: b"<svg viewBox='0 0 9 9' a" + b" " * 1_900_000 + b"x=1></svg>",
}
ENDING: dict[str, Callable[[], bytes]] = {
    "rules within rules within rules": lambda: drawing(
        f"<style>{'a,b,circle{' * 40}{'&amp; + &amp;, ' * 40}*{{fill:red}}{'}' * 40}</style>{_ROUND * 2000}"
    ),
    "fonts that nobody has": lambda: drawing(
        "".join(
            f'<text y="50" font-family="{",".join(f"f{at}x{one}" for one in range(50))}">a</text>' for at in range(400)
        )
        + _ROUND
    ),
    "two hundred scans of one picture": lambda: _scanned(200),
    "two million strips of one picture": lambda: _striped(2_000_000),
    "tiny dashes": lambda: drawing(
        '<path d="M0 0H400V200H0z" fill="none" stroke="#000" stroke-dasharray=".00001"/>' * 40
    ),
    "selectors that try every way": lambda: drawing(
        "<style>" + "g " * 24 + "x{fill:red}</style>" + "<g>" * 60 + '<rect width="9" height="9"/>' * 50 + "</g>" * 60
    ),
    "a gradient of very many stops": lambda: drawing(
        '<linearGradient id="g">' + '<stop offset=".5" stop-color="#06c"/>' * 9000 + "</linearGradient>"
        '<rect width="400" height="200" fill="url(#g)"/>' * 200
    ),
    "large pictures within": lambda: drawing(
        f'<image width="400" height="200" href="data:image/png;base64,{_embedded(4900, 4900)}"/>' * 2
    ),
    "a filter of very many parts": lambda: drawing(
        '<filter id="f">' + '<feGaussianBlur stdDeviation="50"/>' * 9000 + f'</filter><g filter="url(#f)">{_ROUND}</g>'
    ),
    "a filter on very many shapes": lambda: drawing(
        '<filter id="f"><feGaussianBlur stdDeviation="50"/></filter>'
        + '<rect width="99" height="99" filter="url(#f)"/>' * 1500
    ),
    "a pattern in every shape": lambda: drawing(
        '<pattern id="p" width="1" height="1"><rect width="9" height="9"/></pattern>'
        + '<rect width="400" height="200" fill="url(#p)"/>' * 1500
    ),
}
"""It is not known what becomes of them, but they come to an end."""
FEARED = {  # Strange, but a logo that can be drawn in spite of it.
    "a stroke wider than the world": lambda: drawing(f'{_ROUND}<path d="M0 0h9" stroke="#fff" stroke-width="1e30"/>'),
    "a filter without end": lambda: drawing(
        f'<filter id="f"><feGaussianBlur stdDeviation="1e9"/><feTurbulence numOctaves="9999"/></filter>'
        f'{_ROUND}<rect width="9" height="9" filter="url(#f)"/>'
    ),
    "numbers that are none": lambda: drawing(
        f'{_ROUND}<rect x="NaN" y="-Infinity" width="1e999" height="9" opacity="x" stroke-miterlimit="-"/>'
    ),
    "a picture that calls itself a drawing": lambda: packed(_picture(), "PNG"),
    "script behind a GIF": lambda: packed(_picture(), "GIF") + b"/*<script>alert(1)</script>*/",
    "a GIF that is a script as well": lambda: _scripted_gif(),
    "a page behind a PNG": lambda: packed(_picture(), "PNG") + b"<html><script>alert(1)</script>",
    "a page in a remark of a PNG": lambda: _with_text(b"<script>alert(1)</script>"),
    "a page in the metadata of a JPEG": lambda: packed(_picture(), "JPEG", comment=b"<script>alert(1)</script>"),
    "an archive behind a JPEG": lambda: packed(_picture(), "JPEG") + _archive(),
    "a PDF behind a JPEG": lambda: packed(_picture(), "JPEG") + b"%PDF-1.7\n/OpenAction /JS (app.alert(1))",
    "a colour profile of rubbish": lambda: packed(_picture(), "PNG", icc_profile=b"\0\0\xff\xff" + b"acsp" * 999),
    "metadata of rubbish": lambda: packed(_picture(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 9999),
    "an animation of very many pictures": lambda: packed(
        _picture().quantize(4),
        "GIF",
        save_all=True,
        append_images=[Image.new("P", (400, 200), number % 4) for number in range(400)],
    ),
}


def _embedded(width: int, height: int) -> str:
    return base64.b64encode(large_png(width, height)).decode()


def packed(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _picture() -> Image.Image:
    picture = Image.new("RGB", (400, 200), "#fff")
    ImageDraw.Draw(picture).ellipse((120, 20, 280, 180), fill=SEEN_EVERYWHERE)
    return picture


def _zipped(begin: bytes, megabytes: int, *, gzip: bool = False) -> bytes:
    """Packed blanks, made without ever having them all."""
    packer = zlib.compressobj(1, wbits=31 if gzip else 15)
    return b"".join(
        [packer.compress(begin), *(packer.compress(bytes(1_000_000)) for _ in range(megabytes)), packer.flush()]
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _with_chunk(kind: bytes, body: bytes) -> bytes:
    png = packed(_picture())
    return png[:33] + _chunk(kind, body) + png[33:]


def _with_text(text: bytes) -> bytes:
    return _with_chunk(b"tEXt", b"Comment\0" + text)


def _scripted_gif() -> bytes:
    """Its width is the beginning of a comment of a script."""
    gif = bytearray(packed(_picture().quantize(4), "GIF"))
    return bytes(gif) + b"*/=1;alert(1)//<script>alert(1)</script>"


def _archive() -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.js", "alert(1)")
    return file.getvalue()


def large_png(width: int, height: int) -> bytes:
    """A small file of a very large picture."""
    rows = _zipped(b"", (width // 8 + 1) * height // 1_000_000 + 1)
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _icon(png: bytes) -> bytes:
    return struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(png), 22) + png


def _bitmap(width: int, height: int) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head


def _tiff_loop() -> bytes:
    """A directory whose successor is itself, with a strip far outside the file."""
    tags = [(256, 60_000), (257, 60_000), (258, 8), (259, 1), (262, 1), (273, 0xFFFFFF00), (278, 60_000), (279, 9)]
    return (
        b"II*\0"
        + struct.pack("<IH", 8, len(tags))
        + b"".join(struct.pack("<HHII", tag, 4, 1, v) for tag, v in tags)
        + struct.pack("<I", 8)
    )


def _scanned(times: int) -> bytes:
    """A picture that gets sharper so many times."""
    packed_ = packed(Image.new("L", (4000, 4000), 200), "JPEG", progressive=True)
    return packed_[:-2] + packed_[packed_.rfind(b"\xff\xda") : -2] * times + b"\xff\xd9"


def _striped(number: int) -> bytes:
    tags = [(256, 4, 1, 4000), (257, 4, 1, 4000), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, number, 300), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, number, 300 + 4 * number)]
    head = struct.pack("<IH", 8, len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return (b"II*\0" + head).ljust(300, b"\0") + struct.pack("<I", 8) * number + struct.pack("<I", 1) * number


def _next_to_itself() -> bytes:
    """A picture whose successor is itself."""
    file = bytearray(packed(_picture(), "TIFF"))
    (first,) = struct.unpack_from("<I", file, 4)
    (entries,) = struct.unpack_from("<H", file, first)
    struct.pack_into("<I", file, first + 2 + 12 * entries, first)
    return bytes(file)


def _icon_of_many(number: int) -> bytes:
    """An icon of very many pictures, all of them the same."""
    png = packed(_picture())
    entry = struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(png), 6 + 16 * number)
    return struct.pack("<HHH", 0, 1, number) + entry * number + png


def _film(pictures: int) -> bytes:
    """A WebP animation of very many pictures."""
    picture = packed(Image.new("RGB", (64, 64), "#06c"), "WEBP", lossless=True)[12:]
    size = struct.pack("<I", 63)[:3] * 2
    frame = b"ANMF" + struct.pack("<I", 16 + len(picture)) + bytes(6) + size + b"\x0a\0\0\0" + picture
    body = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + size + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    body += frame * pictures
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _tiles_of_an_avif() -> bytes:
    """It says of itself that it is huge."""
    file = bytearray(packed(_picture(), "AVIF"))
    struct.pack_into(">II", file, file.find(b"ispe") + 8, 60_000, 60_000)
    return bytes(file)


def _in_words(encoding: str, declared: str = "") -> bytes:
    doctype = f'{declared}<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    return (doctype + drawing(f"<text>&a;</text>{_ROUND}").decode()).encode(encoding)


REFUSED: dict[str, Attack] = {
    **{name: Attack(lambda bomb=bomb: drawing(bomb), (DrawingTooComplex,)) for name, bomb in BOMBS.items()},
    **{
        name: Attack(lambda doctype=doctype: doctype.encode() + drawing("<text>&a;&c;</text>"), (DrawingWithEntities,))
        for name, doctype in ENTITIES.items()
    },
    "an entity that swells": Attack(
        lambda: f'<!DOCTYPE svg [<!ENTITY a "{"x" * 200}">]>'.encode() + drawing(f"<text>{'&a;' * 20_000}</text>"),
        (DrawingTooComplex,),
    ),
    "a view box higher than the world": Attack(
        lambda: drawing(_ROUND, 'viewBox="0 0 10 1000000"'), (PictureOddlyShaped,)
    ),
    "a view box without end": Attack(lambda: drawing(_ROUND, 'viewBox="0 0 1e300 1e300"'), (PictureOddlyShaped,)),
    "a view box of nothing": Attack(
        lambda: drawing(_ROUND, 'viewBox="0 0 1e-300 1e-300"'), (PictureOddlyShaped, NotAPicture, PictureEmpty)
    ),
    "a drawing in a language of no text": Attack(
        lambda: b'<?xml version="1.0" encoding="zlib"?>' + drawing("<script>alert(1)</script>"), (PictureEmpty,)
    ),
    "a packed drawing": Attack(lambda: _zipped(drawing(""), 300, gzip=True), (NotAPicture,)),
    "a drawing of two megabytes of nothing": Attack(lambda: drawing("") + b" " * 2_000_000, (FileTooLarge,)),
    "a file of 21 megabytes": Attack(lambda: bytes(21_000_000), (FileTooLarge,)),
    "a picture of 144 million pixels": Attack(lambda: large_png(12_000, 12_000), (PictureTooLarge,)),
    "a picture of 4000 million pixels": Attack(lambda: large_png(65_000, 65_000), (PictureTooLarge,)),
    "a picture of 144 million pixels in an icon": Attack(lambda: _icon(large_png(12_000, 12_000)), (LogoRefused,)),
    "a GIF that says it is huge": Attack(
        lambda: b"GIF89a\xff\xff\xff\xff" + packed(_picture(), "GIF")[10:], (PictureTooLarge,)
    ),
    "a bitmap that says it is huge": Attack(lambda: _bitmap(2**31 - 1, 2**31 - 1), (LogoRefused,)),
    "a bitmap of negative size": Attack(lambda: _bitmap(-9, -9), (LogoRefused,)),
    "a TIFF that leads back to itself": Attack(_tiff_loop, (LogoRefused,)),
    "remarks that unpack to a hundred megabytes": Attack(
        lambda: _with_chunk(b"zTXt", b"Comment\0\0" + _zipped(b"", 100)), (NotAPicture,)
    ),
    "a colour profile that unpacks to a hundred megabytes": Attack(
        lambda: _with_chunk(b"iCCP", b"x\0\0" + _zipped(b"", 100)), (NotAPicture,)
    ),
    "a picture cut off": Attack(lambda: packed(_picture())[:900], (NotAPicture,)),
    "a picture whose sums are wrong": Attack(
        lambda: packed(_picture()).replace(b"IDAT", b"IDAT\xff\xff", 1), (NotAPicture,)
    ),
    "a page that calls itself a picture": Attack(
        lambda: b"<!doctype html><svg><script>alert(1)</script></svg>", (NotAPicture,)
    ),
    "PostScript": Attack(
        lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (r) file", (NotAPicture,)
    ),
    "a PDF": Attack(
        lambda: b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj", (NotAPicture,)
    ),
    "a PDF with a drawing in it": Attack(lambda: b"%PDF-1.7\n" + drawing("<script>alert(1)</script>"), (NotAPicture,)),
    "a drawing program's own file": Attack(
        lambda: b"8BPS\0\1" + bytes(6) + b"\0\3" + b"\0\0\xff\xff" * 2, (NotAPicture,)
    ),
    "a Windows metafile": Attack(lambda: b"\xd7\xcd\xc6\x9a" + bytes(40), (NotAPicture,)),
    "a picture that is C source": Attack(
        lambda: b"#define a_width 400\n#define a_height 200\nstatic char a_bits[] = {0x00};", (NotAPicture,)
    ),
    "an archive": Attack(_archive, (NotAPicture,)),
    "an icon that contains itself": Attack(
        lambda: struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, 64, 0) + bytes(64),
        (NotAPicture,),
    ),
    "an icon in an icon": Attack(lambda: _icon(_icon(packed(_picture()))), (NotAPicture,)),
    "an AVIF that says it is huge": Attack(_tiles_of_an_avif, (NotAPicture, PictureTooLarge)),
    "a bitmap that unpacks to much more": Attack(
        lambda: (
            b"BM"
            + struct.pack("<IHHI", 0, 0, 0, 1078)
            + struct.pack("<IiiHHIIiiII", 40, 4900, 4900, 1, 8, 1, 0, 0, 0, 256, 0)
            + bytes(1024)
            + b"\xff\0" * 200_000
        ),
        (NotAPicture, PictureEmpty),
    ),
    "a script that begins as a GIF": Attack(
        lambda: b"GIF89a=alert(1);/*" + packed(_picture(), "GIF")[6:] + b"*/", (NotAPicture,)
    ),
    "a small packed drawing": Attack(lambda: gzip.compress(drawing(_ROUND)), (NotAPicture,)),
    "entities in two bytes a letter": Attack(lambda: _in_words("utf-16"), (DrawingWithEntities,)),
    "entities in two bytes a letter, unannounced": Attack(lambda: _in_words("utf-16-le"), (LogoRefused,)),
    "entities in four bytes a letter": Attack(lambda: _in_words("utf-32"), (LogoRefused,)),
    "entities in the letters of mainframes": Attack(
        lambda: _in_words("cp037", '<?xml version="1.0" encoding="cp037"?>'), (LogoRefused,)
    ),
    "an entity that writes an element": Attack(
        lambda: b'<!DOCTYPE svg [<!ENTITY a "&#60;script&#62;">]>' + drawing(f"&a;alert(1){_ROUND}"),
        (DrawingWithEntities,),
    ),
    "nothing at all": Attack(lambda: b"", (NotAPicture,)),
    **{
        name: Attack(content, (*_COSTLY, NotAPicture, PictureOddlyShaped, PictureEmpty), 20)
        for name, content in COSTLY.items()
    },
}

HARMLESS: dict[str, Attack] = {
    **{
        name: Attack(
            lambda attack=attack: (
                drawing(_ROUND + attack.replace("\0", "")) if "\0" not in attack else drawing(_ROUND + attack)
            )
        )
        for name, attack in ATTACKS.items()
    },
    **{name: Attack(content) for name, content in FEARED.items()},
    "a drawing in two bytes a letter": Attack(
        lambda: drawing(f"{_ROUND}<script>alert(1)</script>").decode().encode("utf-16")
    ),
    "a TIFF whose next picture is itself": Attack(_next_to_itself),
    "an icon of 65535 pictures": Attack(lambda: _icon_of_many(65_535)),
    "a film of twenty thousand pictures": Attack(lambda: _film(20_000)),
    "a PNG that says it has two billion pictures": Attack(
        lambda: _with_chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    ),
    "a PNG of two hundred thousand remarks": Attack(
        lambda: packed(_picture())[:33] + _chunk(b"tEXt", b"a\0alert") * 200_000 + packed(_picture())[33:]
    ),
    "a drawing in seven bits": Attack(
        lambda: (
            b'<?xml version="1.0" encoding="utf-7"?>' + drawing(f"{_ROUND}+ADw-script+AD4-alert(1)+ADw-/script+AD4-")
        )
    ),
}
