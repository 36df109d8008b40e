"""Whatever comes in: a logo in shape comes out, or a clear refusal soon."""

import base64
import gzip
import pickle
import re
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFont

from tasks.logos import render
from tasks.logos import shape as shape_module
from tasks.logos.shape import (
    DrawingTooComplex,
    FileTooLarge,
    LogoRefused,
    NotAPicture,
    PictureEmpty,
    PictureOddlyShaped,
    PictureTooCostly,
    PictureTooSmall,
    shape,
)
from tasks.untrusted import sandbox

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


def test_writing_that_is_not_drawn_as_paths_is_told():
    logo = shape(drawing('<text y="90" font-size="80" fill="#06c">Kanzlei</text><desc>Logo</desc>'))

    assert any("paths" in str(advice) for advice in logo.report.advice)
    assert not shape(drawing('<text></text><circle cx="99" cy="99" r="9" fill="#06c"/>')).report.written


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


CIRCLE = '<circle cx="60" cy="60" r="45" fill="#e2641d"/>'
AS_BROWSERS_READ_IT = {
    "a condition that holds": "<style>@media screen{circle{fill:#e2641d}}@media print{circle{fill:#000}}</style>"
    '<circle cx="60" cy="60" r="45"/>',
    "dark pages": f"<style>@media (prefers-color-scheme: dark){{circle{{fill:#fff}}}}</style>{CIRCLE}",
    "light pages": "<style>circle{fill:#fff}@media (prefers-color-scheme: light){circle{fill:#e2641d}}</style>"
    + CIRCLE,
    "measures in a style sheet": "<style>circle{cx:60px;cy:60px;r:45px;fill:#e2641d}</style><circle/>",
    "colours of wider screens": '<circle cx="60" cy="60" r="45" fill="#000" '
    'style="fill:color(display-p3 0.8256 0.4215 0.2010)"/>',
    "colours by their look": '<circle cx="60" cy="60" r="45" style="fill:oklch(65.02% 0.1746 44.79)"/>',
    "colours that are not known": '<circle cx="60" cy="60" r="45" style="fill:#e2641d;fill:color(--own .8 .4 .1)"/>',
    "colours of newer syntax": '<circle cx="60" cy="60" r="45" fill="color(srgb .886 .392 .114)"/>',
    "colours of all spaces": "<style>circle{fill:lab(58.162 47.707 60.354)}rect{fill:lch(58.162 76.932 51.675)}"
    "path{fill:color(rec2020 .76128 .47777 .24645)}ellipse{fill:hwb(21.624 11.373% 11.373%)}</style>"
    '<circle cx="60" cy="60" r="45" opacity="0"/><rect x="15" y="15" width="90" height="90" opacity="0"/>'
    '<ellipse cx="60" cy="60" rx="45" ry="45"/><path d="M40 40h40v40h-40z"/>',
    "mixed colours": '<circle cx="60" cy="60" r="45" style="fill:#000;fill:color-mix(in srgb,#ff003a,#c5c800 50%)"/>',
    "a colour that is mixed from what is not known": '<circle cx="60" cy="60" r="45" '
    'style="fill:#e2641d;fill:color-mix(in oklab, currentColor, red)"/>',
    "two colours for two schemes": f'<g style="fill:light-dark(#e2641d, #fff)">{CIRCLE.replace("fill", "class")}</g>',
    "a variable within a mixture": "<style>:root{--c:#ff003a}circle{fill:color-mix(in srgb, var(--c), #c5c800)}</style>"
    '<circle cx="60" cy="60" r="45"/>',
    "a variable for a variable": "<style>:root{--b:#e2641d;--c:var(--b)}circle{fill:var(--c)}</style>"
    '<circle cx="60" cy="60" r="45"/>',
    "a variable in place of a variable": '<circle cx="60" cy="60" r="45" fill="var(--x, var(--y, rgb(226,100,29)))"/>',
    "a variable in an attribute": '<style>:root{--c:#e2641d}</style><circle cx="60" cy="60" r="45" fill="var(--c)"/>',
    "a variable that stands behind it": '<g fill="var(--c)"><circle cx="60" cy="60" r="45"/></g>'
    "<style>svg{--c:#e2641d}</style>",
    "a variable told where it is used": '<g style="--c:#e2641d">'
    '<circle cx="60" cy="60" r="45" fill="var(--c, #000)"/></g>',
    "a rule before a variable": "<style>:root{--c:#000}circle{fill:#e2641d}</style>"
    '<circle cx="60" cy="60" r="45" fill="var(--c)"/>',
    "a variable of a part": '<style>.a{--b:#e2641d;fill:var(--b)}</style><circle class="a" cx="60" cy="60" r="45"/>',
    "a nearer variable": '<style>:root{--c:#000}</style><g style="--c:#e2641d">'
    '<circle cx="60" cy="60" r="45" fill="var(--c)"/></g>',
    "a nearer variable by a rule": '<style>.b{--c:#e2641d}:root{--c:#000}</style><g class="b">'
    '<circle cx="60" cy="60" r="45" fill="var(--c)"/></g>',
    "a variable of another part": '<style>:root{--c:#e2641d}.b{--c:#000}</style><g class="b"/>'
    '<circle cx="60" cy="60" r="45" fill="var(--c)"/>',
    "a variable by its strongest rule": "<style>#a{--c:#e2641d}circle{--c:#000;fill:var(--c)}</style>"
    '<circle id="a" cx="60" cy="60" r="45"/>',
    "an important variable": "<style>:root{--c:#e2641d !important;--c:#000}circle{fill:var(--c)}</style>"
    '<circle cx="60" cy="60" r="45"/>',
    "a variable for a variable, told where it is declared": "<style>:root{--b:#e2641d;--c:var(--b)}g{--b:#000}</style>"
    '<g><circle cx="60" cy="60" r="45" fill="var(--c)"/></g>',
    "a variable of what uses it": '<defs><circle id="a" cx="60" cy="60" r="45" fill="var(--c, #000)"/></defs>'
    '<use href="#a" style="--c:#e2641d"/>',
    "a variable in capitals": '<style>svg{--c:#e2641d}</style><circle cx="60" cy="60" r="45" fill="VAR(--c)"/>',
    "a variable whose name has signs": "<style>:root{--a\\.b:#e2641d}</style>"
    '<circle cx="60" cy="60" r="45" fill="var(--a\\.b)"/>',
    "a variable that stands for itself": "<style>:root{--a:var(--b,#000);--b:var(--a)}</style>"
    '<circle cx="60" cy="60" r="45" fill="var(--a, #e2641d)"/>',
    "a variable from the beginning": "<style>@property --c{syntax:'&lt;color&gt;';inherits:true;initial-value:#e2641d}"
    '</style><circle cx="60" cy="60" r="45" fill="var(--c)"/>',
    "a variable taken back": "<style>:root{--c:#000}circle{--c:initial;fill:var(--c, #e2641d)}</style>"
    '<circle cx="60" cy="60" r="45"/>',
    "a fallback with brackets in brackets": '<circle cx="60" cy="60" r="45" '
    'fill="var(--c, color-mix(in srgb, rgb(255, 0, 58), rgb(197, 200, 0)))"/>',
    "a selector beside one that is not known": "<style>:host,:root{--c:#e2641d}circle{fill:var(--c)}</style>"
    '<circle cx="60" cy="60" r="45"/>',
    "what stands before an element": f"<style>circle::before{{fill:#000 !important}}</style>{CIRCLE}",
    "a colour that is none": '<circle cx="60" cy="60" r="45" style="fill:#e2641d;fill:nocolour"/>',
    "rules within rules": "<style>g{fill:#000;.a{fill:#fff}&amp;.b circle{fill:#e2641d}@media print{circle{fill:#fff}}}"
    '</style><g class="b"><circle class="a" cx="60" cy="60" r="45"/></g>',
    "conditions within rules": "<style>circle{fill:#000;@media screen{fill:#e2641d}@media print{fill:#fff}r:45px}"
    '</style><circle cx="60" cy="60"/>',
    "a path in a style sheet": "<style>path{d:path('M15 15h90v90h-90z');fill:#e2641d}</style><path d=\"M0 0h1v1z\"/>",
    "what fades in by a style sheet": "<style>@keyframes f{from{opacity:0}to{opacity:1}}"
    "circle{opacity:0;animation:f 1s ease-in forwards}</style>" + CIRCLE,
    "what fades in by itself": '<circle cx="60" cy="60" r="45" fill="#e2641d" opacity="0">'
    '<animate attributeName="opacity" from="0" to="1" dur="1s" fill="freeze"/></circle>',
}


@pytest.mark.parametrize("name", AS_BROWSERS_READ_IT)
def test_a_drawing_is_read_as_browsers_read_it(name):
    logo = shape(drawing(AS_BROWSERS_READ_IT[name]))

    picture = Image.open(BytesIO(logo.png))
    assert picture.width == picture.height
    red, green, blue, alpha = picture.getpixel((picture.width // 2, picture.height // 2))
    assert max(abs(red - 0xE2), abs(green - 0x64), abs(blue - 0x1D)) <= 1
    assert alpha == 255


@pytest.mark.parametrize("value", ["var(--b)", "rgb(from red calc(r / 2) g b)"])
def test_before_a_colour_that_we_do_not_read_the_one_before_it_counts(value):
    picture = pixels(shape(drawing(f'<circle cx="60" cy="60" r="45" style="fill:#e2641d;fill:{value}"/>')))

    assert picture.getpixel((picture.width // 2, picture.height // 2)) == (0xE2, 0x64, 0x1D, 255)


UNREADABLE = [
    "rgb(from red r g b)",
    "hsl(from red h s l)",
    "rgb(1 2)",
    "lab(50% 0 0) url(#none)",
    "url(#none) lab(50% 0 0)",
    "url(#none) rgba(90, 90, 90, 1)",
    "rgb(1" + " " * 5000 + ")",
    "rgba(x, y, z, 1)",
    "var(--a)",
    "var(--a, var(--b))",
    "",
]


@pytest.mark.parametrize("told", ['fill="{}"', 'style="fill:{}"'])
def test_colours_that_cannot_be_read_are_no_reason_to_refuse_a_drawing(told):
    parts = (f'<circle cx="60" cy="60" r="45" {told.format(value)}/>' for value in UNREADABLE)

    assert shape(drawing("".join(parts))).report.vector


def test_variables_that_stand_for_themselves_or_for_ever_more_end():
    more = "".join(f"--v{at}:{f'var(--v{at + 1}) ' * 50};" for at in range(20))
    inner = f"<style>:root{{--a:var(--a);{more}}}circle{{fill:var(--a);stroke:var(--v0)}}</style>"

    assert shape(drawing(f'{inner}<circle cx="60" cy="60" r="45"/>')).report.vector


def test_variables_for_every_part_of_a_drawing_are_counted():
    many = "".join(f"--v{at}:{at};" for at in range(400))
    parts = "<g/>" * 1000

    with pytest.raises(DrawingTooComplex):
        shape(drawing(f"<style>*{{{many}}}</style>{parts}"))


def test_measures_in_shares_of_the_plane_stay_when_it_is_trimmed():
    inner = '<circle cx="25%" cy="50%" r="10%" fill="#e2641d"/><rect x="50%" y="25%" width="25%" height="50%"/>'
    logo = shape(drawing(inner))

    _, _, width, height = (float(one) for one in re.search(r'viewBox="([^"]+)"', logo.svg)[1].split())
    assert width == pytest.approx(300 - 100 + 31.6, abs=2)
    assert height == pytest.approx(100, abs=2)


TO_ONE_SIDE = {
    "the stripe of a flag": '<rect width="300" height="50" fill="#000"/>'
    '<rect y="50" width="300" height="50" fill="#d00"/><rect y="100" width="300" height="50" fill="#fc0"/>',
    "a field under the stripes of a flag": '<rect width="300" height="150" fill="#000"/>'
    '<rect y="50" width="300" height="50" fill="#d00"/><rect y="100" width="300" height="50" fill="#fc0"/>',
    "a grey block beside a red one": '<rect width="100" height="150" fill="#3c3c3b"/>'
    '<path d="M100 0h200v150H100z" fill="#e30613"/><path d="M130 60h140v30H130z" fill="#fff"/>',
    "a dark half": '<path d="M0 0h150v150H0z" fill="#222"/><path d="M150 0h150v150H150z" fill="#06a"/>',
    "a dark bar above": '<path d="M0 0h300v60H0z" fill="#222"/><path d="M0 60h300v90H0z" fill="#06a"/>',
}


@pytest.mark.parametrize("inner", TO_ONE_SIDE.values(), ids=TO_ONE_SIDE)
def test_only_a_ground_that_reaches_around_the_logo_is_taken_away(inner):
    sheet = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 150">'

    logo = shape(f"{sheet}{inner}</svg>".encode())

    assert logo.width == 2 * logo.height
    assert logo.report.transparent == 0
    ground = '<rect width="300" height="150" fill="#3c3c3b"/><circle cx="150" cy="75" r="50" fill="#06a"/></svg>'
    assert shape((sheet + ground).encode()).report.transparent > 0


def test_a_white_box_on_a_transparent_sheet_goes_as_well():
    sheet = Image.new("RGBA", (900, 400), (255, 255, 255, 0))
    sheet.paste(Image.new("RGBA", (600, 200), "#fff"), (100, 100))
    sheet.paste("#06c", (300, 150, 500, 250))

    logo = shape(packed(sheet))

    assert (logo.width, logo.height) == (200, 100)
    assert logo.report.given_opaque


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
        (b"x" * 20_000_001, FileTooLarge),
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
    monkeypatch.setattr(sandbox, "WALL_SECONDS", 0.05)

    with pytest.raises(PictureTooCostly):
        shape(drawing('<circle cx="200" cy="100" r="80"/>'))


# Pictures of pixels


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
