"""Whatever comes in: a logo in shape comes out, or a clear refusal soon."""

import base64
import gzip
import pickle
import re
import resource
import struct
import subprocess
import sys
import time
import zlib
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFont

from tasks.logos import render
from tasks.logos import shape as shape_module
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
    PictureTooSmall,
    shape,
)

BLUE, RED, WHITE = (0, 70, 140), (200, 60, 30), (255, 255, 255)


def drawing(inner: str, attributes: str = 'viewBox="0 0 400 200"') -> bytes:
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"<svg {names} {attributes}>{inner}</svg>".encode()


def packed(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def wordmark(size=(1400, 500), ground=WHITE, ink=BLUE) -> Image.Image:
    picture = Image.new("RGB", size, ground)
    pen = ImageDraw.Draw(picture)
    pen.rounded_rectangle((60, 90, 380, 410), 40, fill=ink)
    pen.line((150, 160, 290, 340), fill=ground, width=30)
    pen.line((290, 160, 150, 340), fill=ground, width=30)
    pen.text((420, 130), "Kanzlei Oba", font=ImageFont.load_default(130), fill=ink)
    pen.text((420, 290), "Steuern & Recht", font=ImageFont.load_default(70), fill=RED)
    return picture


def pixels(logo) -> Image.Image:
    picture = Image.open(BytesIO(logo.png))
    assert (picture.format, picture.mode, picture.size) == ("PNG", "RGBA", (logo.width, logo.height))
    return picture


def met(logo) -> set[str]:
    return {finding.criterion.value for finding in logo.report.findings if finding.met}


# Drawings


def test_a_drawing_meets_all_four_criteria():
    logo = shape(drawing('<circle cx="200" cy="100" r="80" fill="#06c"/>'))

    assert (logo.width, logo.height, logo.report.score) == (600, 600, 4)
    assert logo.report.advice == []


def test_a_drawing_is_trimmed_to_what_is_visible():
    logo = shape(drawing('<rect x="5000" y="700" width="300" height="100" fill="#06c"/>', 'viewBox="0 0 20000 20000"'))

    numbers = [float(number) for number in re.search(r'viewBox="([^"]+)"', logo.svg)[1].split()]
    assert numbers == pytest.approx([5000, 700, 300, 100], abs=1.5)
    assert pixels(logo).getchannel("A").getextrema()[1] == 255


def test_a_background_behind_a_drawing_is_left_out():
    logo = shape(drawing('<rect width="400" height="200" fill="#fff"/><circle cx="200" cy="100" r="80" fill="#06c"/>'))

    assert "rect" not in logo.svg
    assert logo.report.given_opaque
    assert pixels(logo).getpixel((0, 0))[3] == 0


def test_a_plate_that_belongs_to_the_logo_stays():
    logo = shape(drawing('<rect width="400" height="200" fill="#06c"/><path d="M0 90h400v20H0z" fill="#fff"/>'))

    assert "rect" in logo.svg
    assert "transparent" not in met(logo)


def test_colours_and_geometry_survive_the_cleaning():
    source = drawing(
        """<style>@import url(https://evil.example/a.css); .a { fill: #c33 } #b { fill: url(#g) !important }
        .st\\30 { fill: url(https://evil.example/x) } circle { stroke: #000; stroke-width: 4px }</style>
        <defs><linearGradient id="g"><stop stop-color="#06c"/><stop offset="1" stop-color="#0c6"/></linearGradient>
        </defs>
        <rect id="b" x="0" y="0" width="200" height="200" fill="#fff" style="fill: #000"/>
        <switch><foreignObject/><a href="javascript:alert(1)"><circle class="a" cx="300" cy="100" r="98"/></a>
        </switch>"""
    )

    picture = pixels(shape(source))

    assert picture.size == (600, 300)
    assert picture.getpixel((5, 150))[:3] == pytest.approx((0, 102, 204), abs=6)
    assert picture.getpixel((295, 150))[:3] == pytest.approx((0, 204, 102), abs=6)
    assert picture.getpixel((450, 150)) == (204, 51, 51, 255)
    assert picture.getpixel((450, 3)) == (0, 0, 0, 255)


def test_old_drawing_programs_and_their_entities_are_read():
    source = (
        b'<?xml version="1.0" encoding="iso-8859-1"?><!-- Generator: K\xfchn -->\n'
        b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd" [\n'
        b'<!ENTITY ns_svg "http://www.w3.org/2000/svg"> <!ENTITY ns_ai "http://ns.example/ai"> ]>\n'
        b'<svg xmlns="&ns_svg;" xmlns:i="&ns_ai;" viewBox="0 0 40 20"><i:pgf/><circle cx="9" cy="9" r="8"/></svg>'
    )

    assert shape(source).report.vector


def test_a_drawing_from_within_a_page_needs_no_namespace_and_no_care():
    logo = shape(b'<svg viewBox="0 0 40 20" class=logo><path d="M0 0h40v20z" fill=red><use xlink:href=#x></svg>')

    assert logo.report.vector


def test_a_drawing_that_only_wraps_a_picture_is_no_vector_graphic():
    inner = base64.b64encode(packed(wordmark())).decode()
    logo = shape(drawing(f'<image width="400" height="200" href="data:image/png;base64,{inner}"/>'))

    assert logo.svg is None
    assert "vector" not in met(logo)


def test_pictures_within_a_drawing_are_packed_anew():
    hidden = base64.b64encode(packed(Image.new("RGB", (20, 20), RED)) + b"<script>alert(1)</script>").decode()
    logo = shape(
        drawing(
            f'<image width="99" height="99" href="data:image/png;base64,{hidden}"/><circle cx="200" cy="99" r="80"/>'
        )
    )

    kept = base64.b64decode(re.search(r"base64,([^\"]+)", logo.svg)[1])
    assert b"script" not in kept
    assert pixels(logo).getpixel((20, 20)) == (*RED, 255)


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
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_what_could_act_or_reach_outside_is_left_out(attack):
    logo = shape(drawing(f'<circle cx="200" cy="100" r="80" fill="#06c"/>{attack}'))

    assert not re.search(
        r"<script|alert\(1\)\"|javascript|evil|passwd|\son\w+=|foreignObject|iframe|import|<\?|style|data:text",
        logo.svg,
    )
    assert pixels(logo).getpixel((logo.width // 2, logo.height // 2))[3] == 255


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
    "deep nesting": "<g>" * 20_000 + "</g>" * 20_000,
    "deep nesting of the unknown": "<x>" * 20_000 + "</x>" * 20_000,
    "many elements": '<rect width="1" height="1"/>' * 60_000,
    "many unknown elements": "<x/>" * 60_000,
    "many rules": "<style>" + "".join(f".a{number} .b{{fill:red}}" for number in range(5000)) + "</style>",
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_bombs_are_refused_before_they_are_drawn(bomb):
    started = time.monotonic()

    with pytest.raises(DrawingTooComplex):
        shape(drawing(bomb))
    assert time.monotonic() - started < 4


ENTITIES = {
    "billion laughs": '<!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>',
    "external file": '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    "external address": '<!DOCTYPE svg [<!ENTITY a PUBLIC "x" "https://evil.example/">]>',
    "parameter": '<!DOCTYPE svg [<!ENTITY % p SYSTEM "https://evil.example/x.dtd"> %p;]>',
    "markup": "<!DOCTYPE svg [<!ENTITY a '<script>alert(1)</script>'>]>",
}


@pytest.mark.parametrize("doctype", ENTITIES.values(), ids=ENTITIES.keys())
def test_entities_that_could_hide_something_are_refused(doctype):
    with pytest.raises(DrawingWithEntities):
        shape(doctype.encode() + drawing("<text>&a;&c;</text>"))


def test_an_entity_that_swells_the_file_is_refused():
    doctype = f'<!DOCTYPE svg [<!ENTITY a "{"x" * 200}">]>'

    with pytest.raises(DrawingTooComplex):
        shape(doctype.encode() + drawing(f"<text>{'&a;' * 20_000}</text>"))


@pytest.mark.parametrize(
    ("source", "refusal"),
    [
        (drawing("<g/>"), PictureEmpty),
        (drawing('<rect width="9" height="9" fill="none"/>'), PictureEmpty),
        (drawing('<rect width="9" height="9"/>', 'viewBox="0 0 10 1000000"'), PictureOddlyShaped),
        (drawing('<rect width="9" height="9"/>', 'viewBox="0 0 1e300 1e300"'), PictureOddlyShaped),
        (drawing('<rect width="9" height="9"/>', 'viewBox="0 0 nan nan" width="-5"'), PictureOddlyShaped),
        (drawing('<rect width="30000" height="30000"/>', 'width="30000" height="30000"'), None),
        (gzip.compress(drawing('<rect width="9" height="9"/>')), NotAPicture),
        (drawing("") + b" " * 2_000_000, FileTooLarge),
        (b"<html><body>Not found</body></html>", NotAPicture),
        (b"<svg", NotAPicture),
        (b"", NotAPicture),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", NotAPicture),
        (b"x" * 10_000_001, FileTooLarge),
        (packed(wordmark())[:3000], NotAPicture),
        (packed(Image.new("RGB", (1, 1), RED)), PictureTooSmall),
        (packed(Image.new("RGB", (400, 200), WHITE)), PictureEmpty),
        (packed(Image.new("RGBA", (400, 200))), PictureEmpty),
        (packed(Image.new("RGB", (2000, 20), RED)), PictureOddlyShaped),
    ],
)
def test_what_is_no_logo_is_refused_with_a_reason(source, refusal):
    if refusal is None:
        shape(source)
    else:
        with pytest.raises(refusal):
            shape(source)


def test_refusals_say_what_to_do_and_survive_pickling():
    error = PictureTooSmall(3, 4)

    assert issubclass(PictureTooSmall, LogoRefused)
    assert "3 by 4 pixels" in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_every_reason_has_its_sentence():
    assert set(shape_module._REFUSED) == set(render.Refusal)


def test_a_drawing_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(render, "WALL_SECONDS", 0.05)

    with pytest.raises(PictureTooCostly):
        shape(drawing('<circle cx="200" cy="100" r="80"/>'))


def test_the_process_that_opens_pictures_has_little_memory():
    code = "from tasks.logos import render; render._limit(); bytearray(2 << 30)"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "MemoryError" in asked.stderr
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert before < 1 << 20  # Kilobytes: no picture of this file took more than a gigabyte.


# Pictures of pixels


def _large_png(width: int, height: int) -> bytes:
    """A small file of a very large picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = zlib.compress(bytes((width // 8 + 1) * height), 9)
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_picture_with_very_many_pixels_is_refused_before_it_is_unpacked():
    started = time.monotonic()

    with pytest.raises(PictureTooLarge):
        shape(_large_png(12_000, 12_000))
    assert time.monotonic() - started < 2


def test_so_is_one_within_an_icon():
    png = _large_png(12_000, 12_000)
    icon = struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(png), 22) + png

    with pytest.raises(LogoRefused):
        shape(icon)


def test_nothing_of_the_original_bytes_is_kept():
    logo = shape(packed(wordmark()) + b"<script>alert(1)</script>")

    assert b"script" not in logo.png


@pytest.mark.parametrize(
    ("kind", "picture", "options"),
    [
        ("PNG", wordmark(), {}),
        ("PNG", wordmark().quantize(64), {}),
        ("GIF", wordmark().quantize(64), {}),
        ("JPEG", wordmark(), {"quality": 80}),
        ("JPEG", wordmark().convert("CMYK"), {"quality": 92}),
        ("WEBP", wordmark(), {"quality": 80}),
        ("AVIF", wordmark(), {"quality": 80}),
        ("BMP", wordmark(), {}),
        ("TIFF", wordmark(), {}),
    ],
    ids=["png", "palette", "gif", "jpeg", "cmyk", "webp", "avif", "bmp", "tiff"],
)
def test_every_usual_format_becomes_a_coloured_logo_on_true_alpha(kind, picture, options):
    logo = shape(packed(picture, kind, **options))
    picture = pixels(logo)

    assert met(logo) == {"coloured", "width", "transparent"}
    assert logo.width == 600
    assert picture.getpixel((0, 0))[3] == 0  # The rounded corner of the square, trimmed.
    red, green, blue, alpha = picture.getpixel((40, 75))  # In the square.
    assert (red, green, blue) == pytest.approx(BLUE, abs=40)
    assert alpha == 255


def test_a_background_is_taken_away_cleanly():
    """Put back on its background, the logo looks as it came; and its edges are not those of the background."""
    given = wordmark().reduce(2)
    logo = pixels(shape(packed(given)))
    again = Image.alpha_composite(Image.new("RGBA", logo.size, (*WHITE, 255)), logo).convert("RGB")
    dark = ImageChops.invert(given.convert("L"))
    left, top = dark.point(lambda value: 255 * (value > 24)).getbbox()[:2]

    different = min(
        sum(_difference(again, given.crop((x, y, x + again.width, y + again.height))).histogram()[24:])
        for x in range(left - 1, left + 2)
        for y in range(top - 1, top + 2)
    )
    assert different / (again.width * again.height) < 0.002


def test_writing_on_a_plate_stays_and_counters_of_letters_go():
    logo = pixels(shape(packed(wordmark())))
    column = [logo.getpixel((logo.width * 160 // 1240, y)) for y in range(logo.height)]

    assert all(alpha == 255 for *_, alpha in column[5:-5])
    whites = sum(
        1
        for x in range(logo.width // 3, logo.width)
        for y in range(logo.height)
        if logo.getpixel((x, y))[3] > 128 and min(logo.getpixel((x, y))[:3]) > 230
    )
    assert whites == 0


@pytest.mark.parametrize(("quality", "most"), [(90, 0), (75, 0), (60, 0.03)])
def test_a_lossy_format_leaves_few_specks_around_small_writing(quality, most):
    picture = Image.new("RGB", (320, 110), WHITE)
    ImageDraw.Draw(picture).text((6, 10), "Kanzlei Brandt", font=ImageFont.load_default(38), fill=BLUE)
    logo = pixels(shape(packed(picture, "JPEG", quality=quality)))

    visible = [pixel for pixel in logo.get_flattened_data() if pixel[3] > 128]
    pale = [pixel for pixel in visible if min(pixel[:3]) > 190]
    assert len(pale) <= most * len(visible)


def test_a_shadow_that_fades_into_the_background_keeps_it():
    picture = Image.new("L", (600, 300), 255)
    for step in range(100):
        ImageDraw.Draw(picture).ellipse((step, step, 600 - step, 300 - step), fill=255 - step)

    logo = shape(packed(picture.convert("RGB")))

    assert "transparent" not in met(logo)


def test_a_picture_is_never_enlarged_and_says_so():
    logo = shape(packed(wordmark().resize((140, 50), Image.Resampling.LANCZOS)))

    assert logo.width < 140
    assert "width" not in met(logo)
    assert any("pixels wide" in str(advice) for advice in logo.report.advice)


def test_a_picture_is_turned_as_its_camera_held_it():
    upright = wordmark()
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = upright.transpose(Image.Transpose.ROTATE_90)

    assert shape(packed(lying, "JPEG", exif=exif, quality=95)).width > shape(packed(lying, quality=95)).width


def test_sixteen_bits_of_grey_are_scaled_not_clipped():
    grey = wordmark().convert("L")
    deep = Image.frombytes("I;16", grey.size, b"".join(bytes((value, value)) for value in grey.tobytes()))
    logo = shape(packed(deep))

    assert met(logo) == {"width", "transparent"}
    assert 40 < pixels(logo).getpixel((40, 75))[0] < 90


def test_of_an_animation_the_first_picture_is_taken():
    frames = [wordmark().quantize(32), Image.new("RGB", (1400, 500), RED).quantize(32)]
    logo = shape(packed(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50))

    assert "transparent" in met(logo)


def test_of_an_icon_the_largest_picture_is_taken():
    icon = packed(wordmark((500, 500)).resize((256, 256)), "ICO", sizes=[(16, 16), (32, 32), (256, 256)])

    assert shape(icon).report.given_width == 256


def test_a_true_alpha_channel_is_kept():
    picture = Image.new("RGBA", (500, 250))
    ImageDraw.Draw(picture).ellipse((50, 20, 450, 230), fill=(*BLUE, 128))
    logo = shape(packed(picture))

    assert pixels(logo).getpixel((logo.width // 2, logo.height // 2)) == (*BLUE, 128)
    assert not logo.report.given_opaque


def _difference(one: Image.Image, other: Image.Image) -> Image.Image:
    return ImageChops.difference(one, other).convert("L")
