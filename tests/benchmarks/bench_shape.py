"""Figures of bringing logos into shape, each beside a baseline in the same run: ``make bench``."""

import importlib.util
import io
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager, suppress
from statistics import mean, median, quantiles
from unittest.mock import patch

import cairosvg.defs
import cairosvg.surface
import pytest
from PIL import Image

from tasks.logos import drawing, raster, svg
from tasks.logos.shape import shape
from tests.memory import peak_memory
from tests.tasks.logos.artwork import ARTWORK, FORMATS, WHITE, edge_error, on, threshold
from tests.tasks.logos.compare import difference, resvg
from tests.tasks.logos.drawings import DRAWINGS

pytestmark = pytest.mark.benchmark
WIDTH = 600


def took(act: Callable[[bytes], object], contents: list[bytes]) -> tuple[float, float]:
    """Seconds for one file: the median, and what 95 % stay below."""
    seconds = []
    for content in contents:
        began = time.perf_counter()
        act(content)
        seconds.append(time.perf_counter() - began)
    return median(seconds), quantiles(seconds, n=20)[-1]


def resized(content: bytes) -> None:
    """The least that can be done: open, make smaller, save."""
    picture = Image.open(io.BytesIO(content)).convert("RGBA")
    picture.resize((WIDTH, WIDTH * picture.height // picture.width)).save(io.BytesIO(), "PNG")


def drawn(content: bytes) -> None:
    """Of what it stumbles over, the time until it does."""
    with suppress(ValueError):
        cairosvg.svg2png(content, output_width=WIDTH)


@contextmanager
def by_itself():
    """CairoSVG without our corrections."""
    spec = importlib.util.spec_from_file_location("cairosvg.defs_again", cairosvg.defs.__file__)
    own = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(own)
    names = ("paint_mask", "prepare_filter", "apply_filter_before_painting", "apply_filter_after_painting")
    with ExitStack() as patches:
        patches.enter_context(patch.object(cairosvg.defs, "draw_pattern", own.draw_pattern))
        for name in names:
            patches.enter_context(patch.object(cairosvg.surface, name, getattr(own, name)))
        yield


def test_seconds_for_a_picture():
    pictures = [pack(on(WHITE, picture)) for picture in ARTWORK.values() for pack in FORMATS.values()]
    drawings = [markup.encode() for name, markup in DRAWINGS.items() if "%" not in markup and "ENTITY" not in markup]

    print("\nseconds for one file            median   95 %   ratio")
    for kind, contents, plain in (("pixels", pictures, resized), ("drawings", drawings, drawn)):
        base, base_most = took(plain, contents)
        ours, ours_most = took(shape, contents)
        name = "Pillow, resized" if kind == "pixels" else "CairoSVG, drawn"
        print(f"  {kind:9} {name:17} {base:9.3f}{base_most:8.3f}")
        print(f"  {kind:9} {'in shape':17} {ours:9.3f}{ours_most:8.3f}{ours / base:7.0f}")
    start, start_most = took(
        lambda _: subprocess.run([sys.executable, "-c", "import tasks.logos.render"], check=True), [b""] * 10
    )
    print(f"  of that the start of a process {start:5.3f}{start_most:8.3f}")
    taken = []
    for content in pictures + drawings:
        with peak_memory() as peak:
            shape(content)
        taken.append(peak() / 1e6)
    middle, most = median(taken), quantiles(taken, n=20)[-1]
    print(f"  memory of the process: {middle:.0f} MB in the median, {most:.0f} MB at 95 %, at most {max(taken):.0f} MB")


def test_error_at_the_edges_of_what_was_cut_out():
    print("\nerror at the edges, of 255      ours: mean   95 %   threshold: mean   95 %")
    for kind, pack in FORMATS.items():
        ours, theirs = [], []
        for name, picture in ARTWORK.items():
            given = raster.decode(pack(on(WHITE, picture)))
            cut = raster.without_background(given)
            if name != "hairlines" and cut is not None:
                ours.append(edge_error(picture, cut))
                theirs.append(edge_error(picture, threshold(given)))
        figures = [mean(figure) for figures in (ours, theirs) for figure in zip(*figures, strict=True)]
        print("  {:28} {:9.1f}{:7.0f}{:17.1f}{:7.0f}".format(kind, *figures))


def test_difference_from_another_renderer():
    print(f"\ndifference from resvg, of 255: mean (most){'':29}CairoSVG alone            ours")
    sums = [0.0, 0.0]
    for name, markup in DRAWINGS.items():
        root = svg.clean(markup.encode(), raster.decode)
        cleaned = svg.markup(root)
        reference = resvg(cleaned, WIDTH)
        try:
            with by_itself():
                png = cairosvg.svg2png(cleaned.encode(), output_width=reference.width, output_height=reference.height)
            alone = Image.open(io.BytesIO(png)).convert("RGBA")
        except ValueError:
            alone = Image.new("RGBA", reference.size)
        found = [difference(reference, alone), difference(reference, drawing.draw(root, *reference.size))]
        sums = [so_far + one.mean for so_far, one in zip(sums, found, strict=True)]
        if found[0].mean > 1 or found[1].mean > 1:
            cells = "   ".join(f"{one.mean:10.1f} ({one.most:3})" for one in found)
            print(f"  {name:70} {cells}")
    print(f"  {f'mean of {len(DRAWINGS)} drawings':70} {sums[0] / len(DRAWINGS):10.2f}{sums[1] / len(DRAWINGS):19.2f}")
