"""Pictures for the websites: logos, photographs, portraits, badges and icons, all drawn here."""

import base64
from functools import cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageFilter

BLUE, RED, GREEN, WHITE, GREY = "#0a4a8a", "#9a1030", "#1c6e4a", "#ffffff", "#555555"


def _file(picture: Image.Image, kind: str) -> bytes:
    made = BytesIO()
    if kind in {"JPEG", "GIF"} and picture.mode == "RGBA":
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture, mask=picture.getchannel("A"))
        picture = flat
    picture.save(made, kind)
    return made.getvalue()


def _strokes(pen: ImageDraw.ImageDraw, colour: str, width: int, height: int, seed: str) -> None:
    """A sign, and behind it strokes that look like writing."""
    high = height * 0.8
    top = height * 0.1
    pen.ellipse((top, top, top + high, top + high), fill=colour)
    left = top + high * 1.25
    for number, letter in enumerate(seed * 3):
        wide = high * (0.18 + ord(letter) % 7 / 30)
        if left + wide > width - top:
            break
        if ord(letter) % 3:
            pen.rectangle((left, top + high * (0.1 * (number % 3)), left + wide * 0.45, top + high), fill=colour)
            pen.rectangle((left, top + high * 0.45, left + wide, top + high * 0.6), fill=colour)
        else:
            pen.ellipse((left, top + high * 0.3, left + wide, top + high), outline=colour, width=max(2, int(high / 9)))
        left += wide * 1.35


@cache
def logo(seed: str = "kanzlei", colour: str = BLUE, size: tuple[int, int] = (420, 110), kind: str = "PNG") -> bytes:
    picture = Image.new("RGBA", size)
    _strokes(ImageDraw.Draw(picture), colour, *size, seed)
    return _file(picture, kind)


@cache
def logo_svg(seed: str = "kanzlei", colour: str = BLUE) -> bytes:
    shapes = [f'<circle cx="25" cy="25" r="22" fill="{colour}"/>']
    left = 58
    for letter in seed:
        wide = 9 + ord(letter) % 7
        shapes.append(f'<path fill="{colour}" d="M{left} 10h6v14h{wide - 6}v6h-{wide - 6}v12h-6z"/>')
        left += wide + 4
    inside = "".join(shapes)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left} 50">{inside}</svg>'.encode()


@cache
def photo(seed: int = 1, size: tuple[int, int] = (1400, 700)) -> bytes:
    bands = []
    for band in range(3):
        small = Image.new("L", (28, 14))
        small.putdata(
            [(seed * 37 + band * 61 + at * (13 + band * 7) + at * at * (seed % 5 + 1)) % 230 for at in range(28 * 14)]
        )
        bands.append(small.resize(size, Image.Resampling.BICUBIC))
    return _file(Image.merge("RGB", bands).filter(ImageFilter.GaussianBlur(1)), "JPEG")


@cache
def portrait(seed: int = 1) -> bytes:
    return photo(seed + 50, (400, 500))


@cache
def badge(seed: int = 1, colour: str = GREEN) -> bytes:
    picture = Image.new("RGBA", (160, 160))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((4, 4, 156, 156), fill=colour)
    pen.ellipse((18, 18, 142, 142), outline="white", width=4)
    pen.rectangle((40, 60 + seed % 9, 120, 90), fill="white")
    return _file(picture, "PNG")


@cache
def icon(side: int = 64, colour: str = BLUE, kind: str = "PNG") -> bytes:
    picture = Image.new("RGBA", (side, side))
    pen = ImageDraw.Draw(picture)
    pen.rounded_rectangle((0, 0, side - 1, side - 1), side // 6, fill=colour)
    pen.ellipse((side * 0.25, side * 0.25, side * 0.75, side * 0.75), fill="white")
    return _file(picture, kind)


@cache
def banner(seed: str = "kanzlei", colour: str = BLUE) -> bytes:
    """An old head of a page: sign, name and a line below, in one picture on white."""
    picture = Image.new("RGBA", (780, 120), "white")
    _strokes(ImageDraw.Draw(picture), colour, 520, 100, seed)
    ImageDraw.Draw(picture).rectangle((0, 112, 780, 120), fill=colour)
    return _file(picture, "GIF")


@cache
def dot() -> bytes:
    return _file(Image.new("RGBA", (1, 1)), "GIF")


@cache
def tint() -> bytes:
    """A ground that lets what is below shine through."""
    return _file(Image.new("RGBA", (40, 200), (0, 0, 0, 128)), "PNG")


def data_png(seed: str, colour: str = BLUE) -> str:
    return "data:image/png;base64," + base64.b64encode(logo(seed, colour, (300, 90))).decode()


def data_svg(seed: str, colour: str = BLUE) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(logo_svg(seed, colour)).decode()
