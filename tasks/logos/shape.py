"""From any file to a logo that can be shown: PNG with alpha, cleaned SVG where there is one, and the report."""

from dataclasses import dataclass

from models.errors import N_
from models.logo import LogoRefused, LogoReport, Shown
from tasks.logos.refusal import CannotShape, Refusal
from tasks.logos.render import prepared

__all__ = ["LogoRefused", "ShapedLogo", "shape"]

FILE_MOST = 20_000_000
"""Bytes of a supplied file."""


class NotAPicture(LogoRefused):
    says = N_("The file is not a picture that can be read: send the logo as an SVG, PNG or JPEG file.")


class FileTooLarge(LogoRefused):
    says = N_("The file is larger than %(most_mb)s MB: send a smaller version of the logo.")

    def __init__(self, size: int, most: int) -> None:
        super().__init__(size, most)
        self.size = size
        self.most = most
        self.most_mb = most // 1_000_000


class PictureTooLarge(LogoRefused):
    says = N_("The picture is %(width)s by %(height)s pixels large: send the logo between 300 and 800 pixels wide.")

    def __init__(self, width: int, height: int) -> None:
        super().__init__(width, height)
        self.width = width
        self.height = height


class PictureTooSmall(LogoRefused):
    says = N_("The picture is only %(width)s by %(height)s pixels: send the logo between 300 and 800 pixels wide.")

    def __init__(self, width: int, height: int) -> None:
        super().__init__(width, height)
        self.width = width
        self.height = height


class PictureOddlyShaped(LogoRefused):
    says = N_("The picture is a thin stripe, not a logo: send the logo in its usual proportions.")


class PictureEmpty(LogoRefused):
    says = N_("The picture shows nothing but background: send a file in which the logo can be seen.")


class DrawingTooComplex(LogoRefused):
    says = N_("The SVG file draws far more than a logo needs: save it anew as a plain SVG, or send a PNG file.")


class DrawingWithEntities(LogoRefused):
    says = N_("The SVG file contains entities that could hide something: save it anew as a plain SVG, or send a PNG.")


class PictureTooCostly(LogoRefused):
    says = N_("The picture takes more time or memory than a logo may: send a simpler file, best a PNG.")


@dataclass(frozen=True)
class ShapedLogo:
    """A logo ready to be kept and shown; nothing of the original bytes is left in it."""

    png: bytes
    svg: str | None
    width: int
    height: int
    report: LogoReport
    png_light: bytes | None = None
    """The version for light pages, if the PNG itself would be lost there."""
    png_dark: bytes | None = None
    """The version for dark pages, if the PNG itself would be lost there."""


def shape(content: bytes) -> ShapedLogo:
    """Bring the bytes of any file into shape, in a process with limits; raises a subclass of LogoRefused."""
    if len(content) > FILE_MOST:
        raise FileTooLarge(len(content), FILE_MOST)
    try:
        done = prepared(content)
    except CannotShape as error:
        raise _REFUSED[error.refusal](*error.facts) from error
    report = LogoReport(
        coloured=done.coloured,
        width=done.width,
        transparent=done.transparent,
        vector=done.svg is not None,
        given_width=done.given_width,
        given_opaque=done.given_opaque,
        written=done.written,
        lost_on_light=done.lost_on_light,
        lost_on_dark=done.lost_on_dark,
        on_light=Shown(done.on_light),
        on_dark=Shown(done.on_dark),
    )
    return ShapedLogo(done.png, done.svg, done.width, done.height, report, done.png_light, done.png_dark)


_REFUSED: dict[Refusal, type[LogoRefused]] = {
    Refusal.NOT_A_PICTURE: NotAPicture,
    Refusal.FILE_TOO_LARGE: FileTooLarge,
    Refusal.TOO_MANY_PIXELS: PictureTooLarge,
    Refusal.TOO_SMALL: PictureTooSmall,
    Refusal.ODD_SHAPE: PictureOddlyShaped,
    Refusal.EMPTY: PictureEmpty,
    Refusal.TOO_COMPLEX: DrawingTooComplex,
    Refusal.ENTITIES: DrawingWithEntities,
    Refusal.TOO_COSTLY: PictureTooCostly,
}
