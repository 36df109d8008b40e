"""Drawn logos whose true opacity is known, put on grounds and through formats as they are met on websites."""

from collections.abc import Callable
from io import BytesIO

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from tests.websites import drawn as websites

SIZE = (640, 240)
_FINE = 4
"""Drawn so many times larger and then made smaller, which gives edges their true opacity."""
Colour = tuple[int, int, int]
NAVY, RED, GREEN, WHITE = (16, 54, 104), (196, 48, 36), (40, 150, 90), (255, 255, 255)


class _Pen:
    """Draws one colour after the other, in the measures of the final size."""

    def __init__(self) -> None:
        self._picture = Image.new("RGBA", SIZE)

    def draw(self, colour: Colour, act: Callable[[ImageDraw.ImageDraw], None]) -> None:
        fine = Image.new("L", (SIZE[0] * _FINE, SIZE[1] * _FINE))
        act(ImageDraw.Draw(fine))
        self.lay(colour, fine.resize(SIZE, Image.Resampling.BOX))

    def lay(self, colour: Colour, mask: Image.Image) -> None:
        layer = Image.new("RGBA", SIZE, colour)
        layer.putalpha(mask)
        self._picture = Image.alpha_composite(self._picture, layer)

    def text(self, colour: Colour, at: tuple[int, int], words: str, size: int) -> None:
        font = ImageFont.load_default(size * _FINE)
        self.draw(colour, lambda pen: pen.text((at[0] * _FINE, at[1] * _FINE), words, font=font, fill=255))

    def round(self, colour: Colour, box: tuple[int, int, int, int], width: int = 0) -> None:
        scaled = tuple(side * _FINE for side in box)
        fill, line = (None, width * _FINE) if width else (255, 0)
        self.draw(colour, lambda pen: pen.ellipse(scaled, fill=fill, outline=255, width=line))

    def box(self, colour: Colour, box: tuple[int, int, int, int], radius: int = 0) -> None:
        scaled = tuple(side * _FINE for side in box)
        self.draw(colour, lambda pen: pen.rounded_rectangle(scaled, radius * _FINE, fill=255))

    @property
    def done(self) -> Image.Image:
        return self._picture


def _wordmark() -> Image.Image:
    pen = _Pen()
    pen.text(NAVY, (40, 60), "Kanzlei Oba", 84)
    pen.text(RED, (44, 160), "Steuern & Recht", 40)
    return pen.done


def _small_writing() -> Image.Image:
    pen = _Pen()
    pen.text(NAVY, (40, 40), "Brandt, Geiger & Partner mbB", 36)
    pen.text((90, 90, 90), (40, 100), "Steuerberater - Rechtsanwalt - Notarin a. D.", 18)
    pen.box(RED, (40, 140, 600, 142))
    return pen.done


def _ring() -> Image.Image:
    pen = _Pen()
    pen.round(GREEN, (60, 20, 260, 220), 26)
    pen.round(RED, (120, 80, 200, 160))
    pen.text(NAVY, (300, 70), "OBO", 90)
    return pen.done


def _plate() -> Image.Image:
    """White letters in a coloured box must stay."""
    pen = _Pen()
    pen.box(NAVY, (40, 40, 260, 200), 24)
    pen.text(WHITE, (62, 62), "K&B", 96)
    pen.text(NAVY, (290, 80), "Kern Bach", 64)
    return pen.done


def _pale() -> Image.Image:
    pen = _Pen()
    pen.round((232, 190, 70), (50, 40, 210, 200))
    pen.text((150, 160, 170), (240, 80), "Lichtung", 76)
    return pen.done


def _gradient() -> Image.Image:
    pen = _Pen()
    mask = Image.new("L", (SIZE[0] * _FINE, SIZE[1] * _FINE))
    ImageDraw.Draw(mask).ellipse((60 * _FINE, 30 * _FINE, 240 * _FINE, 210 * _FINE), fill=255)
    across = Image.linear_gradient("L").rotate(90).resize(SIZE)
    colours = Image.merge("RGB", [across.point(lambda v: v // 2), across.point(lambda v: 120 - v // 3), across])
    layer = colours.convert("RGBA")
    layer.putalpha(mask.resize(SIZE, Image.Resampling.BOX))
    pen.text(NAVY, (290, 80), "Verlauf", 70)
    return Image.alpha_composite(pen.done, layer)


def _thin() -> Image.Image:
    pen = _Pen()
    for place in range(12):
        pen.draw(
            NAVY,
            lambda line, place=place: line.line(
                (80 * _FINE, (20 + place * 18) * _FINE, 560 * _FINE, (34 + place * 17) * _FINE), fill=255, width=_FINE
            ),
        )
    return pen.done


def _trimmed(draw: Callable[[_Pen], None]) -> Image.Image:
    """Without any margin: ink touches the border of the picture."""
    pen = _Pen()
    draw(pen)
    return pen.done.crop(pen.done.getbbox())


def _square_mark(pen: _Pen) -> None:
    pen.box(GREEN, (40, 40, 200, 200))
    pen.text(WHITE, (62, 62), "KO", 96)
    pen.text(NAVY, (230, 70), "Kern Oba", 84)


def _block_letters(pen: _Pen) -> None:
    for place in range(6):
        for side in (40, 70):
            pen.box(NAVY, (side + 90 * place, 60, side + 18 + 90 * place, 160))
        pen.box(NAVY, (40 + 90 * place, 102, 86 + 90 * place, 118))


ARTWORK: dict[str, Image.Image] = {
    "wordmark": _wordmark(),
    "small writing": _small_writing(),
    "ring and letters": _ring(),
    "white letters in a box": _plate(),
    "pale colours": _pale(),
    "gradient": _gradient(),
    "hairlines": _thin(),
    "a square mark, trimmed": _trimmed(_square_mark),
    "block letters, trimmed": _trimmed(_block_letters),
}
GROUNDS: dict[str, Colour] = {"white": WHITE, "off-white": (248, 246, 240), "light grey": (225, 226, 228)}


def on(ground: Colour, picture: Image.Image) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", picture.size, ground), picture).convert("RGB")


def _packed(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


FORMATS: dict[str, Callable[[Image.Image], bytes]] = {
    "PNG": lambda picture: _packed(picture, "PNG"),
    "palette": lambda picture: _packed(picture.quantize(48), "PNG"),
    "GIF": lambda picture: _packed(picture.quantize(16, dither=Image.Dither.NONE), "GIF"),
    "JPEG 95": lambda picture: _packed(picture, "JPEG", quality=95, subsampling=0),
    "JPEG 80": lambda picture: _packed(picture, "JPEG", quality=80),
    "JPEG 60": lambda picture: _packed(picture, "JPEG", quality=60),
    "WebP 80": lambda picture: _packed(picture, "WEBP", quality=80),
    "AVIF 70": lambda picture: _packed(picture, "AVIF", quality=70),
}


def left_alone() -> dict[str, Image.Image]:
    """Pictures from which nothing may be taken away: cutting them out would spoil them."""
    across = Image.linear_gradient("L").rotate(90).resize(SIZE)
    sky = Image.merge("RGB", [across, across.point(lambda v: 255 - v // 2), Image.new("L", SIZE, 240)])
    noise = Image.effect_noise(SIZE, 90)
    photo = Image.merge("RGB", [noise.filter(ImageFilter.GaussianBlur(radius)) for radius in (3, 5, 8)])
    shadow = Image.new("L", SIZE)
    ImageDraw.Draw(shadow).ellipse((180, 40, 460, 220), fill=230)
    soft = Image.composite(
        Image.new("RGB", SIZE, "#222"), Image.new("RGB", SIZE, "#fff"), shadow.filter(ImageFilter.GaussianBlur(18))
    )
    strong = on(NAVY, white_writing())
    half = on(WHITE, ARTWORK["wordmark"])
    half.paste(Image.open(BytesIO(websites.photo())).resize(SIZE).crop((0, 0, 260, 240)))
    fading = Image.composite(Image.new("RGB", SIZE, NAVY), Image.new("RGB", SIZE, "#fff"), across.point(_upper_half))
    return {
        "a ground of a gradient": Image.composite(
            Image.new("RGB", SIZE, NAVY), sky, ARTWORK["wordmark"].getchannel("A")
        ),
        "a photograph": photo,
        "a shadow that fades": soft,
        "white writing on a coloured ground": strong,
        "a photograph in a white frame": _framed(photo),
        "a photograph beside writing": half,
        "a colour that fades to white": fading,
        "a flag of three fields": _flag(((NAVY, (0, 0, 213, 240)), (RED, (427, 0, 640, 240)))),
        "a flag of two fields": _flag(((RED, (0, 120, 640, 240)),)),
    }


def _flag(fields: tuple[tuple[Colour, tuple[int, int, int, int]], ...]) -> Image.Image:
    flag = Image.new("RGB", SIZE, WHITE)
    for colour, box in fields:
        flag.paste(colour, box)
    return flag


def _upper_half(value: int) -> int:
    return max(0, 2 * value - 255)


def white_writing() -> Image.Image:
    pen = _Pen()
    pen.text(WHITE, (60, 70), "Hell & Partner", 70)
    return pen.done


def _framed(photo: Image.Image) -> Image.Image:
    framed = Image.new("RGB", SIZE, "#fff")
    framed.paste(photo.crop((0, 0, 560, 160)), (40, 40))
    return framed


def edges(truth: Image.Image) -> Image.Image:
    """Where the opacity of the truth is neither nothing nor everything, and one pixel around."""
    alpha = truth.getchannel("A")
    between = alpha.point(lambda value: 255 * (0 < value < 255))
    step = ImageChops.difference(alpha.filter(ImageFilter.MaxFilter(3)), alpha.filter(ImageFilter.MinFilter(3)))
    return ImageChops.lighter(between, step.point(lambda value: 255 * (value > 0))).filter(ImageFilter.MaxFilter(3))


def edge_error(truth: Image.Image, cut: Image.Image) -> tuple[float, float]:
    """How wrong edges look on white, black and blue, in steps of 255: the mean, and what 95 % of pixels stay below."""
    where = edges(truth)
    worst = (0.0, 0.0)
    for ground in ((255, 255, 255), (0, 0, 0), (20, 90, 200)):
        red, green, blue = ImageChops.difference(on(ground, truth), on(ground, cut)).split()
        histogram = ImageChops.lighter(ImageChops.lighter(red, green), blue).histogram(where)
        total = sum(histogram)
        mean = sum(value * number for value, number in enumerate(histogram)) / total
        most = next(value for value in range(256) if sum(histogram[: value + 1]) >= 0.95 * total)
        worst = max(worst, (mean, float(most)))
    return worst


def threshold(picture: Image.Image) -> Image.Image:
    """What is usually done: nearly white becomes nothing."""
    dark = picture.convert("L").point(lambda value: 255 * (value < 240))
    cut = picture.convert("RGBA")
    cut.putalpha(dark)
    return cut
