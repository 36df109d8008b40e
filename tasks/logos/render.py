"""From a stranger's picture to a logo in shape and what was measured on it, in a limited process."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any
from xml.etree import ElementTree as ET

from PIL import Image, ImageChops

from tasks.logos import background, raster, svg
from tasks.logos.refusal import CannotShape, Refusal
from tasks.untrusted.sandbox import Failed, TooCostly, answer, ask


@dataclass(frozen=True)
class Prepared:
    """A logo in shape, and what was measured on it and on the file that it came from."""

    png: bytes
    svg: str | None
    width: int
    height: int
    coloured: float
    transparent: float
    given_width: int
    given_opaque: bool
    written: bool
    lost_on_light: float
    lost_on_dark: float
    on_light: str
    on_dark: str
    png_light: bytes | None
    png_dark: bytes | None


PICTURES = ("png", "png_light", "png_dark")


def prepared(content: bytes) -> Prepared:
    """Bring a file into shape in a process of its own; raises CannotShape."""
    try:
        facts, rest = ask("tasks.logos.render", {}, content)
    except TooCostly as error:
        raise CannotShape(Refusal.TOO_COSTLY) from error
    except Failed as error:
        raise CannotShape(Refusal.NOT_A_PICTURE) from error
    if "refusal" in facts:
        raise CannotShape(Refusal(facts["refusal"]), *facts["facts"])
    for name in PICTURES:
        size = facts[name]
        facts[name], rest = (None, rest) if size is None else (rest[:size], rest[size:])
    return Prepared(**facts)


def prepare(content: bytes) -> Prepared:
    """Bring a file into shape here and now: for the limited process, which calls it once."""
    if svg.is_svg(content):
        root = svg.clean(content, raster.decode)
        embedded = svg.only_picture(root)
        return _prepare_vector(root) if embedded is None else _prepare_pixels(embedded)
    return _prepare_pixels(content)


def _prepare_vector(root: ET.Element) -> Prepared:
    given_opaque = False
    picture = _trimmed(root)
    if not raster.has_transparency(picture):
        given_opaque = True
        root, picture = _without_ground(root, picture)
    written = svg.has_writing(root)
    return _finish(picture, svg.markup(root), picture.width, given_opaque=given_opaque, written=written)


def _drawn(root: ET.Element) -> Image.Image:
    from tasks.logos import drawing  # What draws takes most of the time that this process needs to start.

    _, _, width, height = svg.view_box(root)
    raster.check_shape(width, height)
    return drawing.draw(root, *raster.fitting(width, height))


def _trimmed(root: ET.Element) -> Image.Image:
    """Put the viewBox around what is visible; a small logo on a large sheet is found roughly first, then exactly."""
    picture = _drawn(root)
    for _ in range(2):
        box = raster.visible_box(picture)
        if box == (0, 0, *picture.size):
            break
        left, top, width, height = svg.view_box(root)
        across, down = width / picture.width, height / picture.height
        svg.set_view_box(
            root, left + box[0] * across, top + box[1] * down, (box[2] - box[0]) * across, (box[3] - box[1]) * down
        )
        was = picture.width * picture.height
        picture = _drawn(root)
        if (box[2] - box[0]) * (box[3] - box[1]) > was / 4:
            break
    return picture


def _without_ground(root: ET.Element, before: Image.Image) -> tuple[ET.Element, Image.Image]:
    """Without the shape that only paints the background, if it reaches around the rest, which looks the same without.

    What one side shows alone, a stripe of a flag or one of two blocks, belongs to the logo.
    """
    colour = raster.ground_around(before.convert("RGB"))
    if colour is not None:
        for candidate in svg.without_first_shapes(root):
            after = _drawn(candidate)
            on_colour = Image.alpha_composite(Image.new("RGBA", after.size, colour), after)
            difference = ImageChops.difference(before.convert("RGB"), on_colour.convert("RGB")).convert("L")
            same = difference.point(lambda value: 255 * (value > raster.NOISE)).getbbox() is None
            if same and raster.has_transparency(after) and raster.shows_on_white(after):
                return candidate, _trimmed(candidate)
    return root, before


def _prepare_pixels(content: bytes) -> Prepared:
    picture = raster.decode(content)
    given_width = picture.width
    raster.check_shape(*picture.size)
    if min(picture.size) < raster.SIDE_LEAST:
        raise CannotShape(Refusal.TOO_SMALL, *picture.size)
    picture = picture.crop(raster.visible_box(picture))  # A white box may stand on a transparent sheet.
    given_opaque = not raster.has_transparency(picture)
    if given_opaque:
        picture = raster.without_background(picture) or picture
        picture = picture.crop(raster.visible_box(picture))
    raster.check_shape(*picture.size)
    return _finish(raster.shrink(picture), None, given_width, given_opaque=given_opaque)


def _finish(
    picture: Image.Image, markup: str | None, given_width: int, *, given_opaque: bool, written: bool = False
) -> Prepared:
    if min(picture.size) < raster.SIDE_LEAST // 2:
        raise CannotShape(Refusal.TOO_SMALL, *picture.size)
    raster.visible_box(picture)
    light, dark = background.on_light(picture), background.on_dark(picture)
    return Prepared(
        _packed(picture),
        markup,
        *picture.size,
        coloured=round(raster.coloured_share(picture), 4),
        transparent=round(raster.transparent_share(picture), 4),
        given_width=given_width,
        given_opaque=given_opaque,
        written=written,
        lost_on_light=round(light.lost, 4),
        lost_on_dark=round(dark.lost, 4),
        on_light=light.shown,
        on_dark=dark.shown,
        png_light=None if light.picture is None else _packed(light.picture),
        png_dark=None if dark.picture is None else _packed(dark.picture),
    )


def _packed(picture: Image.Image) -> bytes:
    packed = BytesIO()
    picture.save(packed, "PNG")
    return packed.getvalue()


def _told(_: dict[str, Any], files: Sequence[bytes]) -> tuple[dict[str, Any], bytes]:
    """The facts, in which each picture is its size, and the pictures."""
    try:
        done = prepare(files[0])
    except CannotShape as refused:
        return {"refusal": refused.refusal, "facts": refused.facts}, b""
    facts, pictures = asdict(done), [getattr(done, name) for name in PICTURES]
    facts |= {name: picture and len(picture) for name, picture in zip(PICTURES, pictures, strict=True)}
    return facts, b"".join(picture or b"" for picture in pictures)


if __name__ == "__main__":
    answer(_told, raster.LOADED_LATER)
