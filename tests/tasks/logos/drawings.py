"""Drawn SVGs, one for each way in which logos are drawn: what is seen of them must survive our hands."""

# ruff: noqa: E501  (Drawings stand in one line where they fit into the mind so.)

from base64 import b64encode
from io import BytesIO

from PIL import Image

_NAMES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def _svg(inner: str, attributes: str = 'viewBox="0 0 400 200"', before: str = "") -> str:
    return f"{before}<svg {_NAMES} {attributes}>{inner}</svg>"


_LETTER = "M20 180V20h90a50 50 0 0 1 0 100H60v60zM60 56v28h44a14 14 0 0 0 0-28z"


def _checker() -> str:
    picture, file = Image.new("RGB", (2, 2), "#06c"), BytesIO()
    picture.putpixel((0, 1), (250, 160, 0))
    picture.putpixel((1, 0), (250, 160, 0))
    picture.resize((64, 64), Image.Resampling.NEAREST).save(file, "PNG")
    return "data:image/png;base64," + b64encode(file.getvalue()).decode()


def _filtered(parts: str, attributes: str = 'color-interpolation-filters="sRGB"') -> str:
    return _svg(
        f'<filter id="f" {attributes}>{parts}</filter><g filter="url(#f)"><rect x="60" y="40" width="160" height="120"'
        ' fill="#06c"/><circle cx="260" cy="100" r="60" fill="#fa0" fill-opacity=".6"/></g>'
    )


DRAWINGS = {
    "colours of one gradient in two others": _svg(
        '<linearGradient id="a"><stop stop-color="#e2641d"/><stop offset="1" stop-color="#0b4f8a"/></linearGradient>'
        '<linearGradient id="b" href="#a" x1="0" x2="0" y1="0" y2="1"/><radialGradient id="c" href="#b"/>'
        '<rect width="120" height="200" fill="url(#b)"/><circle cx="200" cy="100" r="70" fill="url(#c)"/>'
        '<rect x="280" width="120" height="200" fill="url(#b)"/>'
    ),
    "colours mixed as inks": _svg(
        '<circle cx="140" cy="100" r="90" fill="#e2641d"/>'
        '<circle cx="240" cy="100" r="90" fill="#0b8fd0" style="mix-blend-mode:multiply"/>'
        '<g style="mix-blend-mode:screen"><rect x="180" y="80" width="200" height="40" fill="#383"/></g>'
    ),
    "measures in shares of the plane": _svg(
        '<circle cx="25%" cy="50%" r="20%" fill="#e2641d"/><rect x="50%" y="10%" width="40%" height="80%" fill="#06c"/>'
        '<line x1="0" x2="100%" y1="95%" y2="95%" stroke="#333" stroke-width="4"/>'
    ),
    "plain shapes": _svg(
        '<rect x="10" y="10" width="80" height="60" fill="#06c"/><circle cx="150" cy="60" r="45" fill="crimson"/>'
        '<ellipse cx="260" cy="60" rx="60" ry="30" fill="rgb(20,140,60)"/>'
        '<polygon points="320,100 390,20 395,110" fill="hsl(280,60%,40%)"/>'
        '<polyline points="10,180 100,120 200,190" fill="none" stroke="#333" stroke-width="6"/>'
    ),
    "rounded rectangles": _svg(
        '<rect x="10" y="10" width="180" height="180" rx="40" fill="#147"/>'
        '<rect x="210" y="10" width="180" height="180" rx="60" ry="20" fill="#a31"/>'
    ),
    "counters by winding": _svg(f'<path d="{_LETTER}" fill="#123a6b"/>'),
    "counters by even-odd": _svg(
        '<path fill-rule="evenodd" d="M20 20h160v160H20zM60 60v80h80V60z" fill="#b00"/>'
        '<path d="M220 20h160v160H220zM260 60v80h80V60z" style="fill-rule:evenodd;fill:#070"/>'
    ),
    "curves and arcs": _svg(
        '<path d="M20 100C80 0 140 200 200 100S320 20 380 100q-40 80-90 40t-60 30A60 30 20 1 1 120 150z" fill="#0a7"/>'
    ),
    "relative and compact numbers": _svg('<path d="m10 10 .5.5 99.5-.5-10 50.25-60-10zM200 20l1e2 0-.5e2 90z"/>'),
    "linear gradient": _svg(
        '<defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="#06c"/>'
        '<stop offset="60%" stop-color="#0c6" stop-opacity=".6"/><stop offset="1" stop-color="#fc0"/></linearGradient>'
        '</defs><rect x="10" y="10" width="380" height="180" fill="url(#g)"/>'
    ),
    "gradient in user space with inheritance": _svg(
        '<linearGradient id="a"><stop stop-color="#900"/><stop offset="1" stop-color="#009"/></linearGradient>'
        '<linearGradient id="b" xlink:href="#a" gradientUnits="userSpaceOnUse" x1="50" y1="0" x2="350" y2="0"'
        ' gradientTransform="rotate(20 200 100)"/><circle cx="200" cy="100" r="90" fill="url(#b)"/>'
    ),
    "radial gradient": _svg(
        '<radialGradient id="g" cx=".4" cy=".4" r=".6"><stop stop-color="#fff"/><stop offset="1" stop-color="#c30"/>'
        '</radialGradient><ellipse cx="200" cy="100" rx="180" ry="90" fill="url(#g)"/>'
    ),
    "repeated gradient": _svg(
        '<linearGradient id="g" x2=".2" spreadMethod="reflect"><stop stop-color="#06c"/>'
        '<stop offset="1" stop-color="#fff"/></linearGradient><rect x="10" y="10" width="380" height="180"'
        ' fill="url(#g)"/>'
    ),
    "gradient with style sheet stops": _svg(
        "<style>.s1{stop-color:#124}.s2{stop-color:#fa0;stop-opacity:.8}</style><linearGradient id='g'>"
        '<stop class="s1" offset="0"/><stop class="s2" offset="1"/></linearGradient>'
        '<path d="M10 10h380v180H10z" fill="url(#g)"/>'
    ),
    "clip path": _svg(
        '<clipPath id="c"><circle cx="200" cy="100" r="80"/></clipPath>'
        '<g clip-path="url(#c)"><rect width="400" height="100" fill="#06c"/><rect y="100" width="400" height="100"'
        ' fill="#fa0"/></g>'
    ),
    "clip path in box units": _svg(
        '<clipPath id="c" clipPathUnits="objectBoundingBox"><path d="M0 0H1V.5H.5V1H0z"/></clipPath>'
        '<rect x="40" y="20" width="320" height="160" fill="#285" clip-path="url(#c)"/>'
    ),
    "mask": _svg(
        '<mask id="m"><rect width="400" height="200" fill="#fff"/><circle cx="200" cy="100" r="60" fill="#000"/></mask>'
        '<rect x="20" y="20" width="360" height="160" fill="#06c" mask="url(#m)"/>'
    ),
    "mask with a gradient": _svg(
        '<linearGradient id="g"><stop stop-color="#fff"/><stop offset="1" stop-color="#000"/></linearGradient>'
        '<mask id="m" maskUnits="userSpaceOnUse" x="0" y="0" width="400" height="200">'
        '<rect width="400" height="200" fill="url(#g)"/></mask>'
        '<rect x="20" y="20" width="360" height="160" fill="#a0c" mask="url(#m)"/>'
    ),
    "use and symbol": _svg(
        '<defs><symbol id="s" viewBox="0 0 10 10"><circle cx="5" cy="5" r="5"/></symbol>'
        '<path id="p" d="M0 0h60v60z"/></defs><use href="#s" x="20" y="20" width="100" height="100" fill="#c06"/>'
        '<use xlink:href="#p" x="150" y="40" fill="#06c"/><use xlink:href="#p"'
        ' transform="translate(300 20) scale(1.5)"/>'
    ),
    "transforms": _svg(
        '<g transform="translate(200,100) rotate(30) scale(1.2 .8)"><rect x="-60" y="-40" width="120" height="80"'
        ' fill="#06c"/><g transform="skewX(20)"><rect x="-20" y="-20" width="40" height="40" fill="#fff"/></g></g>'
        '<path transform="matrix(.7 .3 -.3 .7 300 20)" d="M0 0h90v90H0z" fill="#e60"/>'
    ),
    "transform in a style": _svg(
        '<rect x="20" y="20" width="100" height="60" style="transform:translate(120px,30px) rotate(15deg);fill:#083"/>'
    ),
    "strokes": _svg(
        '<g fill="none" stroke="#124" stroke-width="18"><path d="M30 170L80 40l50 130" stroke-linejoin="round"'
        ' stroke-linecap="round"/><path d="M160 170L210 40l50 130" stroke-linejoin="bevel"/>'
        '<path d="M290 170L340 40l50 130" stroke-miterlimit="10" stroke-linecap="square"/></g>'
    ),
    "dashes": _svg(
        '<path d="M20 60H380" stroke="#c00" stroke-width="12" stroke-dasharray="30 10 5 10"/>'
        '<circle cx="200" cy="130" r="50" fill="none" stroke="#06c" stroke-width="8" stroke-dasharray="20,8"'
        ' stroke-dashoffset="10"/>'
    ),
    "CSS classes": _svg(
        "<style type='text/css'><![CDATA[ .st0{fill:#1D3557;} .st1{fill:#E63946;stroke:#000;stroke-width:3px}"
        " g .st0{opacity:.5} #last{fill:#2A9D8F !important} rect:first-child{stroke:#abc} ]]></style>"
        '<rect class="st0" x="10" y="10" width="90" height="180"/><g><rect width="10" height="10" x="380"/>'
        '<rect class="st0" x="110" y="10" width="90" height="180"/></g><circle class="st1" cx="260" cy="100" r="50"/>'
        '<path id="last" style="fill:#fff" d="M320 20h60v160h-60z"/>'
    ),
    "opacity": _svg(
        '<g opacity=".5"><rect x="20" y="20" width="200" height="160" fill="#06c"/><rect x="120" y="60" width="200"'
        ' height="100" fill="#c06"/></g><circle cx="340" cy="100" r="50" fill="#0a0" fill-opacity=".4" stroke="#000"'
        ' stroke-opacity=".7" stroke-width="10"/>'
    ),
    "currentColor": _svg(
        '<g color="#b5179e"><path d="M20 20h160v160H20z" fill="currentColor"/>'
        '<path d="M220 20h160v160H220z" fill="none" stroke="currentColor" stroke-width="12"/></g>'
        '<circle cx="200" cy="100" r="12" fill="currentColor"/>'
    ),
    "colour inherited by style": _svg(
        '<g style="color:#264653;fill:currentColor"><path d="M20 20h160v160H20z"/></g><g fill="#f4a261">'
        '<path d="M220 20h160v160H220z" fill="inherit"/></g>'
    ),
    "colours with alpha": _svg(
        '<rect x="10" y="10" width="180" height="180" fill="rgba(200,30,60,.5)"/>'
        '<rect x="210" y="10" width="180" height="180" fill="#0066cc80"/>'
    ),
    "nested drawings": _svg(
        '<svg x="40" y="20" width="160" height="160" viewBox="0 0 10 10"><circle cx="5" cy="5" r="5" fill="#06c"/>'
        "</svg>"
        '<svg x="220" y="20" width="160" height="80" viewBox="0 0 10 10" preserveAspectRatio="none">'
        '<circle cx="5" cy="5" r="5" fill="#c60"/></svg>'
    ),
    "pattern": _svg(
        '<pattern id="p" width="20" height="20" patternUnits="userSpaceOnUse">'
        '<rect width="10" height="10" fill="#06c"/><rect x="10" y="10" width="10" height="10" fill="#fa0"/></pattern>'
        '<rect x="20" y="20" width="360" height="160" fill="url(#p)"/>'
    ),
    "markers": _svg(
        '<marker id="m" viewBox="0 0 10 10" refX="5" refY="5" markerWidth="4" markerHeight="4" orient="auto">'
        '<path d="M0 0L10 5L0 10z" fill="#c00"/></marker><path d="M40 160L200 40L360 160" fill="none" stroke="#333"'
        ' stroke-width="8" marker-start="url(#m)" marker-mid="url(#m)" marker-end="url(#m)"/>'
    ),
    "an embedded picture": _svg(
        f'<image x="20" y="20" width="160" height="160" xlink:href="{_checker()}"/>'
        '<path d="M220 20h160v160H220z" fill="#06c"/>'
    ),
    "blur": _svg(
        '<filter id="f" x="-20%" y="-20%" width="140%" height="140%"><feGaussianBlur stdDeviation="6"/></filter>'
        '<rect x="60" y="50" width="280" height="100" fill="#06c" filter="url(#f)"/>'
    ),
    "drop shadow": _svg(
        '<filter id="f"><feDropShadow dx="6" dy="6" stdDeviation="3" flood-color="#000" flood-opacity=".5"/></filter>'
        '<circle cx="200" cy="100" r="70" fill="#fa0" filter="url(#f)"/>'
    ),
    "text": _svg(
        '<text x="20" y="90" font-family="DejaVu Sans" font-size="60" font-weight="bold" fill="#124">Kanzlei</text>'
        '<text x="200" y="160" text-anchor="middle" font-family="DejaVu Sans" font-size="30" letter-spacing="4"'
        ' style="fill:#c30">Steuern</text>'
    ),
    "a mask as design programs write it": _svg(
        '<mask id="m" style="mask-type:luminance" maskUnits="userSpaceOnUse" x="20" y="20" width="200" height="160">'
        '<path d="M220 20H20v160h200z" fill="#fff"/></mask><g mask="url(#m)"><circle cx="200" cy="100" r="90"'
        ' fill="#06c"/></g><mask id="a" style="mask-type:alpha" maskUnits="userSpaceOnUse" x="240" y="20" width="140"'
        ' height="160"><path d="M240 20h140v160z" fill="#D9D9D9"/></mask><g mask="url(#a)">'
        '<rect x="230" y="10" width="160" height="180" fill="#c06"/></g>'
    ),
    "a mask in a clipped, moved group": _svg(
        '<clipPath id="c"><rect x="30" y="30" width="300" height="140"/></clipPath><mask id="m"><rect width="400"'
        ' height="200" fill="#fff"/><path d="M0 0L200 200H0z" fill="#555"/></mask><g clip-path="url(#c)">'
        '<g transform="translate(20 -10) rotate(8)" opacity=".8"><g mask="url(#m)"><rect x="10" y="20" width="360"'
        ' height="150" fill="#285"/></g></g></g>'
    ),
    "a clip path by even-odd": _svg(
        '<clipPath id="c"><path clip-rule="evenodd" d="M20 20h360v160H20zM100 60v80h200V60z"/></clipPath>'
        '<rect width="400" height="200" fill="#06c" clip-path="url(#c)"/>'
    ),
    "a clip path of several shapes": _svg(
        '<clipPath id="c"><circle cx="120" cy="100" r="80"/><path d="M150 20v160h200V20z"/></clipPath>'
        '<rect width="400" height="200" fill="#b40" clip-path="url(#c)"/>'
    ),
    "a clip path that is clipped": _svg(
        '<clipPath id="d"><rect width="200" height="200"/></clipPath><clipPath id="c" clip-path="url(#d)">'
        '<circle cx="200" cy="100" r="80"/></clipPath><rect width="400" height="200" fill="#06c"'
        ' clip-path="url(#c)"/>'
    ),
    "a shadow as design programs write it": _svg(
        '<g filter="url(#f)"><circle cx="200" cy="90" r="70" fill="#06c"/></g><defs><filter id="f" x="110" y="10"'
        ' width="180" height="180" filterUnits="userSpaceOnUse" color-interpolation-filters="sRGB">'
        '<feFlood flood-opacity="0" result="b"/><feColorMatrix in="SourceAlpha" values="0 0 0 0 0 0 0 0 0 0 0 0 0 0 0'
        ' 0 0 0 127 0"/><feOffset dy="8"/><feGaussianBlur stdDeviation="4"/><feColorMatrix values="0 0 0 0 0 0 0 0 0 0'
        ' 0 0 0 0 0 0 0 0 0.25 0"/><feBlend in2="b"/><feBlend in="SourceGraphic" result="shape"/></filter></defs>'
    ),
    "percentages": _svg(
        '<rect x="5%" y="10%" width="40%" height="80%" fill="#06c" opacity="60%"/>'
        '<circle cx="75%" cy="50%" r="20%" fill="#c06" fill-opacity="50%"/>'
    ),
    "structure in a style sheet": _svg(
        "<style>path:first-of-type{fill:#06c} path + path{fill:#c06} g > :nth-child(2){fill:#0a0}"
        " [id=x]{fill:#fa0}</style><path d='M0 0h60v200H0z'/><path d='M70 0h60v200H70z'/>"
        '<g><title>x</title><rect x="140" width="60" height="200"/><rect id="x" x="210" width="60" height="200"/></g>'
    ),
    "switch with a fall-back": _svg(
        '<switch><foreignObject requiredExtensions="http://ns.example/ai"><i/></foreignObject>'
        '<g><rect x="20" y="20" width="360" height="160" fill="#486"/></g></switch>'
    ),
    "switch with two parts": _svg(
        '<switch><g><rect x="20" y="20" width="160" height="160" fill="#06c"/></g>'
        '<g><rect x="220" y="20" width="160" height="160" fill="#c06"/></g></switch>'
    ),
    "text with its font in one word": _svg(
        '<style>text{font:italic 700 60px/1.2 "DejaVu Sans",sans-serif}</style><text x="20" y="120">Kanzlei</text>'
    ),
    "hidden parts": _svg(
        '<rect x="20" y="20" width="160" height="160" fill="#06c"/>'
        '<g display="none"><rect width="400" height="200"/></g>'
        '<rect x="220" y="20" width="160" height="160" visibility="hidden"/>'
        '<circle cx="300" cy="100" r="60" fill="#c06"/>'
    ),
    "size in millimetres": _svg(
        '<path d="M0 0h30v15z" fill="#06c"/>', 'width="80mm" height="40mm" viewBox="0 0 40 20"'
    ),
    "no view box": _svg('<path d="M10 10h380v180z" fill="#06c"/>', 'width="400px" height="200px"'),
    "a view box that starts elsewhere": _svg(
        '<circle cx="0" cy="0" r="90" fill="#06c"/>', 'viewBox="-200 -100 400 200"'
    ),
    "a view box that is stretched": _svg(
        '<circle cx="100" cy="100" r="90" fill="#06c"/>',
        'width="400" height="200" viewBox="0 0 200 200" preserveAspectRatio="none"',
    ),
    "a view box at the end of its room": _svg(
        '<circle cx="0" cy="100" r="90" fill="#06c"/>',
        'width="400" height="200" viewBox="0 0 200 200" preserveAspectRatio="xMaxYMin meet"',
    ),
    "a view box of other proportions": _svg(
        '<circle cx="100" cy="100" r="90" fill="#06c"/>', 'width="400" height="200" viewBox="0 0 200 200"'
    ),
    "an old program's entities": _svg(
        '<path d="M20 20h360v160H20z" fill="&ink;"/>',
        before='<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd" ['
        '<!ENTITY ink "#7a1f3d">]>',
    ),
    "names with a prefix": (
        '<svg:svg xmlns:svg="http://www.w3.org/2000/svg" viewBox="0 0 400 200"><svg:style>.a{fill:#06c}</svg:style>'
        '<svg:g><svg:path class="a" d="M20 20h360v160z"/></svg:g></svg:svg>'
    ),
    "paint order and a stroke beneath": _svg(
        '<path d="M60 40h280v120H60z" fill="#fa0" stroke="#124" stroke-width="24" paint-order="stroke"/>'
    ),
    "colours of the system of names": _svg(
        '<rect x="10" y="10" width="120" height="180" fill="Crimson"/><rect x="140" y="10" width="120"'
        ' height="180" fill="DarkSlateGray"/><rect x="270" y="10" width="120" height="180" fill="rgb(10%,60%,30%)"/>'
    ),
    "a stroke of a gradient": _svg(
        '<linearGradient id="g"><stop stop-color="#06c"/><stop offset="1" stop-color="#c06"/></linearGradient><path d="M20 100C100 0 300 200 380 100" fill="none" stroke="url(#g)" stroke-width="30"/>'
    ),
    "a gradient with a focus": _svg(
        '<radialGradient id="g" cx=".5" cy=".5" r=".5" fx=".3" fy=".3"><stop stop-color="#fff"/><stop offset="1" stop-color="#c30"/></radialGradient><circle cx="200" cy="100" r="90" fill="url(#g)"/>'
    ),
    "a turned gradient": _svg(
        '<linearGradient id="g" gradientTransform="rotate(45 .5 .5)"><stop stop-color="#06c"/><stop offset="1" stop-color="#fc0"/></linearGradient><rect x="50" y="20" width="300" height="160" fill="url(#g)"/>'
    ),
    "a gradient as design programs write it": _svg(
        '<radialGradient id="g" cx="0" cy="0" r="1" gradientUnits="userSpaceOnUse" gradientTransform="translate(200 100) rotate(90) scale(90 180)"><stop stop-color="#06c"/><stop offset="1" stop-color="#fc0"/></radialGradient><rect x="20" y="10" width="360" height="180" fill="url(#g)"/>'
    ),
    "colours that are not there": _svg(
        '<rect x="20" y="20" width="160" height="160" fill="url(#no)"/><rect x="220" y="20" width="160" height="160" fill="url(#no) #0a0"/>'
    ),
    "symbols of other proportions": _svg(
        '<symbol id="s" viewBox="0 0 20 10"><rect width="20" height="10" fill="#06c"/><circle cx="10" cy="5" r="5" fill="#fff"/></symbol><use href="#s" x="10" y="10" width="180" height="180"/><use href="#s" x="210" y="10" width="180" height="60"/>'
    ),
    "what is used inherits": _svg(
        '<defs><g id="s"><path d="M0 0h60v60z"/><path d="M0 70h60v60z" fill="#0a0"/></g></defs><g fill="#c06" stroke="#000"><use href="#s" x="20" y="20"/><use href="#s" x="120" y="20" fill="#06c" opacity=".5"/></g>'
    ),
    "a transformation about a point": _svg(
        '<rect x="100" y="50" width="200" height="100" fill="#06c" style="transform:rotate(20deg);transform-origin:200px 100px"/>'
    ),
    "a picture that fills its frame": _svg(
        f'<image x="20" y="20" width="360" height="160" preserveAspectRatio="xMidYMid slice" href="{_checker()}"/>'
    ),
    "a picture as design programs embed it": _svg(
        f'<pattern id="p" width="1" height="1" patternContentUnits="objectBoundingBox"><use href="#i" transform="scale(.015625)"/></pattern><image id="i" width="64" height="64" href="{_checker()}"/><rect x="100" y="20" width="200" height="160" fill="url(#p)"/>'
    ),
    "arcs in few letters": _svg(
        '<path d="M50 100a50 50 0 01100 0 50 50 0 11-100 0M200 100a60 30 30 1050-40z" fill="#06c"/>'
    ),
    "measures of the font": _svg(
        '<g font-size="20"><rect x="1em" y="1em" width="8em" height="4em" rx=".5em" fill="#06c"/></g>'
    ),
    "a clipped group that fades": _svg(
        '<clipPath id="c"><rect x="50" y="20" width="300" height="160" rx="30"/></clipPath><g clip-path="url(#c)" opacity=".6"><rect width="250" height="200" fill="#06c"/><rect x="150" width="250" height="200" fill="#c06"/></g>'
    ),
    "a clip path that is moved": _svg(
        '<clipPath id="c" transform="translate(100 0) rotate(20)"><rect x="50" y="-20" width="160" height="120"/></clipPath><rect width="400" height="200" fill="#06c" clip-path="url(#c)"/>'
    ),
    "a clip path by reference": _svg(
        '<defs><circle id="k" cx="200" cy="100" r="80"/></defs><clipPath id="c"><use href="#k"/></clipPath><rect width="400" height="200" fill="#06c" clip-path="url(#c)"/>'
    ),
    "a clip path of nothing": _svg(
        '<clipPath id="c"/><rect width="200" height="200" fill="#06c" clip-path="url(#c)"/><rect x="250" y="50" width="100" height="100"/>'
    ),
    "a mask in box units": _svg(
        '<mask id="m" x="0" y="0" width="1" height="1" maskContentUnits="objectBoundingBox"><rect width=".5" height="1" fill="#fff"/></mask><rect x="50" y="20" width="300" height="160" fill="#06c" mask="url(#m)"/>'
    ),
    "a stroke within its shape": _svg(
        '<mask id="m" fill="#fff"><path d="M20 20h360v160H20z"/></mask><path d="M20 20h360v160H20z" fill="none" stroke="#06c" stroke-width="40" mask="url(#m)"/>'
    ),
    "writing cut out of a plate": _svg(
        '<mask id="m"><path fill="#fff" d="M0 0h400v200H0z"/><text x="100" y="130" font-size="90" font-family="DejaVu Sans" fill="#000">AB</text></mask><rect width="400" height="200" fill="#124" mask="url(#m)"/>'
    ),
    "lines of writing": _svg(
        '<text font-family="DejaVu Sans" font-size="40" fill="#124"><tspan x="20" y="60">Kanzlei</tspan><tspan x="20" dy="50">Brandt</tspan></text>'
    ),
    "arrows at both ends": _svg(
        '<marker id="m" viewBox="0 0 10 10" refX="5" refY="5" markerWidth="5" markerHeight="5" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z"/></marker><path d="M60 100H340" stroke="#333" stroke-width="6" marker-start="url(#m)" marker-end="url(#m)"/>'
    ),
    "a visible part of what is hidden": _svg(
        '<g visibility="hidden"><rect width="100" height="100"/><rect x="120" width="100" height="100" visibility="visible" fill="#06c"/></g>'
    ),
    "variables of a style sheet": _svg(
        '<style>:root{--a:#c06}.x{fill:var(--a,#06c)}</style><rect class="x" x="20" y="20" width="360" height="160"/>'
    ),
    "a drawing in a half of it": _svg(
        '<svg x="50%" y="0" width="50%" height="100%" viewBox="0 0 100 100"><circle cx="50" cy="50" r="50" fill="#06c"/></svg><rect width="50%" height="100%" fill="#fc0"/>'
    ),
    "references to references": _svg(
        '<defs><g id="a"><rect width="30" height="30" fill="#06c"/></g><g id="b"><use href="#a"/><use href="#a" x="40"/></g></defs><use href="#b" x="20" y="20"/><use href="#b" transform="translate(20 80) scale(2)"/>'
    ),
    "a star by even-odd": _svg(
        '<polygon fill-rule="evenodd" points="200,10 260,190 100,80 300,80 140,190" fill="#c60"/>'
    ),
    "a filter that merges": _filtered(
        '<feGaussianBlur in="SourceAlpha" stdDeviation="5" result="b"/><feOffset in="b" dx="8" dy="8" result="o"/>'
        '<feMerge><feMergeNode in="o"/><feMergeNode in="SourceGraphic"/></feMerge>',
        "",
    ),
    "a filter that pales": _filtered('<feColorMatrix type="saturate" values=".2"/>', ""),
    "a filter that turns hues": _filtered('<feColorMatrix type="hueRotate" values="90"/>'),
    "a filter of curves": _filtered(
        '<feComponentTransfer><feFuncR type="linear" slope=".5" intercept=".3"/><feFuncG type="gamma" exponent="2"/>'
        '<feFuncB type="table" tableValues="1 0 1"/><feFuncA type="discrete" tableValues="0 .5 1"/></feComponentTransfer>'
    ),
    **{
        f"a filter that lays {how} it": _filtered(
            '<feOffset dx="40" result="o"/><feFlood flood-color="#0a0" flood-opacity=".7" result="c"/><feComposite in="c"'
            f' in2="o" operator="in" result="d"/><feComposite in="SourceGraphic" in2="d" operator="{how}"/>'
        )
        for how in ("over", "in", "out", "atop", "xor")
    },
    "a filter that reckons": _filtered(
        '<feOffset dx="40" result="o"/>'
        '<feComposite in="SourceGraphic" in2="o" operator="arithmetic" k1=".2" k2=".5" k3=".5"/>'
    ),
    **{
        f"a filter that mixes by {how}": _filtered(
            f'<feOffset dx="40" result="o"/><feBlend in="SourceGraphic" in2="o" mode="{how}"/>'
        )
        for how in ("multiply", "screen", "darken", "lighten")
    },
    "a filter of nonsense": _svg(
        '<filter id="f"><feGaussianBlur stdDeviation="wide"/></filter><circle cx="200" cy="100" r="80" fill="#06c" filter="url(#f)"/>'
    ),
    "a mask where all is clipped away": _svg(
        '<clipPath id="c"><rect width="0" height="0"/></clipPath><mask id="m"><rect width="400" height="200" fill="#fff"/></mask><g clip-path="url(#c)"><g mask="url(#m)"><rect width="99" height="99"/></g></g><circle cx="200" cy="100" r="80" fill="#06c"/>'
    ),
    "a shadow of writing": _svg(
        '<filter id="f"><feDropShadow dx="4" dy="4" stdDeviation="1"/></filter><text x="20" y="120" font-family="DejaVu Sans" font-size="80" fill="#06c" filter="url(#f)">Logo</text>'
    ),
}

TWINS = {
    "a transformation about a point": _svg(
        '<rect x="100" y="50" width="200" height="100" fill="#06c" transform="rotate(20 200 100)"/>'
    ),
    "variables of a style sheet": _svg('<rect fill="#c06" x="20" y="20" width="360" height="160"/>'),
    "text with its font in one word": _svg(
        '<text x="20" y="120" font-style="italic" font-weight="700" font-size="60" font-family="DejaVu Sans">'
        "Kanzlei</text>"
    ),
    "transform in a style": _svg(
        '<rect x="20" y="20" width="100" height="60" transform="translate(120 30) rotate(15)" fill="#083"/>'
    ),
    "structure in a style sheet": _svg(
        '<path fill="#06c" d="M0 0h60v200H0z"/><path fill="#c06" d="M70 0h60v200H70z"/>'
        '<rect fill="#0a0" x="140" width="60" height="200"/><rect fill="#fa0" x="210" width="60" height="200"/>'
    ),
    "a mask as design programs write it": DRAWINGS["a mask as design programs write it"]
    .replace('style="mask-type:luminance"', 'mask-type="luminance"')
    .replace('style="mask-type:alpha"', 'mask-type="alpha"'),
}
"""The same in words that the other program knows as well, where it knows less of CSS than browsers do."""
