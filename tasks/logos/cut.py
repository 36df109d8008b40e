"""Cutting a logo out of a picture that holds several, as the style of a page shows it (a sprite).

``Part.of`` reads the style; ``cut`` starts ``python -m tasks.logos.cut``, which opens the picture.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any, Self

from tasks.untrusted.sandbox import Failed, TooCostly, answer, ask

SIDE_LEAST, SIDE_MOST = 8, 4000
"""Pixels of the page."""
FARTHEST = 100_000
WHOLE = 0.9
"""Share of the picture from which on nothing is cut away."""
_LENGTH = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+))(px|%|r?em|)(?![\w.%])")
_UNITS = {"px": 1.0, "em": 16.0, "rem": 16.0}
_SIDES = {"left": 0.0, "top": 0.0, "center": 0.5, "right": 1.0, "bottom": 1.0}
Place = tuple[float, float]
"""Where the picture begins: a share of the room that it leaves, and pixels."""


@dataclass(frozen=True)
class Part:
    """What is shown of a picture, in pixels of the page."""

    width: float
    height: float
    across: Place
    down: Place
    whole_width: float | None = None
    """How wide the whole picture is shown; None if that follows from the height, or is its own size."""
    whole_height: float | None = None

    @classmethod
    def of(cls, style: Mapping[str, str]) -> Self | None:
        """The part that a background is of its picture; None if the style does not tell the size of the element.

        *style* has the longhand properties: width, height, padding-…, background-position, background-size.
        """
        width, height = (_side(style, *names) for names in (("width", "left", "right"), ("height", "top", "bottom")))
        across, down = _position(style.get("background-position", ""))
        sizes = _sizes(style.get("background-size", ""))
        if width is None or height is None or across is None or down is None or sizes is None:
            return None
        fits = all(SIDE_LEAST <= side <= SIDE_MOST for side in (width, height))
        near = all(abs(place[1]) <= FARTHEST and abs(place[0]) <= FARTHEST for place in (across, down))
        sized = all(size is None or SIDE_LEAST <= size <= FARTHEST for size in sizes)
        return cls(width, height, across, down, *sizes) if fits and near and sized else None

    def box(self, width: float, height: float) -> tuple[float, float, float, float] | None:
        """Left, top, right and bottom in a picture of this size; None if nothing of it is shown."""
        shown_width = self.whole_width or (width * self.whole_height / height if self.whole_height else width)
        shown_height = self.whole_height or height * shown_width / width
        left = -(self.across[0] * (self.width - shown_width) + self.across[1])
        top = -(self.down[0] * (self.height - shown_height) + self.down[1])
        right, bottom = min(left + self.width, shown_width), min(top + self.height, shown_height)
        left, top = max(left, 0.0), max(top, 0.0)
        if right - left < SIDE_LEAST or bottom - top < SIDE_LEAST:
            return None
        x, y = width / shown_width, height / shown_height
        return left * x, top * y, right * x, bottom * y


def _pixels(text: str) -> float | None:
    length = _LENGTH.fullmatch(text.strip())
    if length is None or length[2] == "%" or (not length[2] and float(length[1])):
        return None
    value = float(length[1]) * _UNITS.get(length[2], 1.0)
    return value if math.isfinite(value) else None


def _side(style: Mapping[str, str], name: str, *edges: str) -> float | None:
    """Width or height of the element with its padding, on which a background lies."""
    side = _pixels(style.get(name, ""))
    if side is None or style.get("box-sizing") == "border-box":
        return side
    return side + sum(_pixels(style.get(f"padding-{edge}", "")) or 0.0 for edge in edges)


def _position(text: str) -> tuple[Place | None, Place | None]:
    """Across and down, of the first background if there are several; None for what is not simply said."""
    words = [*text.partition(",")[0].split(), *([] if text else ["0", "0"])]
    if len(words) == 2 and (words[0] in {"top", "bottom"} or words[1] in {"left", "right"}):
        words.reverse()
    if len(words) == 1:
        words = ["center", *words] if words[0] in {"top", "bottom"} else [*words, "center"]
    return (_place(words[0]), _place(words[1])) if len(words) == 2 else (None, None)


def _place(word: str) -> Place | None:
    if word in _SIDES:
        return _SIDES[word], 0.0
    length = _LENGTH.fullmatch(word)
    if length is not None and length[2] == "%":
        return float(length[1]) / 100, 0.0
    pixels = _pixels(word)
    return None if pixels is None else (0.0, pixels)


def _sizes(text: str) -> tuple[float | None, float | None] | None:
    """Width and height of the whole picture; None if they follow from the element."""
    words = [*text.partition(",")[0].split()[:2], "auto", "auto"][:2]
    sizes = [None if word == "auto" else _pixels(word) for word in words]
    known = all(word == "auto" or size is not None for word, size in zip(words, sizes, strict=True))
    return (sizes[0], sizes[1]) if known else None


def cut(content: bytes, part: Part) -> bytes | None:
    """The part alone: a PNG, or an SVG of an SVG; the picture as it came if the part is all of it.

    None if it shows nothing of the picture, or that cannot be opened.
    """
    try:
        facts, piece = ask("tasks.logos.cut", asdict(part), content)
    except (TooCostly, Failed):
        return None
    return content if facts["whole"] else piece or None


def _cut(facts: dict[str, Any], files: Sequence[bytes]) -> tuple[dict[str, Any], bytes]:
    from tasks.logos import raster, svg
    from tasks.logos.refusal import CannotShape

    part = Part(**facts)
    try:
        if svg.is_svg(files[0]):
            root = svg.clean(files[0], raster.decode)
            left, top, width, height = svg.view_box(root)
            box = part.box(width, height)
            if box is not None:
                svg.set_view_box(root, left + box[0], top + box[1], box[2] - box[0], box[3] - box[1])
                return _told(box, width, height), svg.markup(root).encode()
        else:
            picture = raster.decode(files[0])
            box = part.box(*picture.size)
            if box is not None:
                piece = BytesIO()
                picture.crop((math.floor(box[0]), math.floor(box[1]), math.ceil(box[2]), math.ceil(box[3]))).save(
                    piece, "PNG"
                )
                return _told(box, *picture.size), piece.getvalue()
    except CannotShape:
        pass
    return {"whole": False}, b""


def _told(box: tuple[float, float, float, float], width: float, height: float) -> dict[str, Any]:
    return {"whole": box[2] - box[0] >= WHOLE * width and box[3] - box[1] >= WHOLE * height}


if __name__ == "__main__":
    from tasks.logos.raster import LOADED_LATER

    answer(_cut, LOADED_LATER)
