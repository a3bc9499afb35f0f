"""Where a GEMax map raises depth contrast and where it lowers it: the width of each pixel's bin as a colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import SettingsError
from gemax_cli.reports.tiles import font_of

# narrow bins, the width of uniform quantisation, wide bins: distinct in red-green colour blindness and in grey
NARROW, UNIFORM, WIDE = (5, 60, 140), (244, 240, 232), (166, 54, 3)
MIDDLE_NARROW, MIDDLE_WIDE = (90, 160, 210), (253, 165, 80)
STOPS = np.array([NARROW, MIDDLE_NARROW, UNIFORM, MIDDLE_WIDE, WIDE], float)
Colours = NDArray[np.uint8]


def bin_widths(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], cuts: NDArray[np.integer], first_code: int = 0
) -> NDArray[np.int64]:
    """Width in levels of the bin of each valid pixel, (rows, columns); 0 where there is no data.

    Raises:
        SettingsError: the image holds a grey value that these cuts cannot have given.
    """
    bins = image[mask].astype(np.int64) - first_code
    if bins.size and not 0 <= bins.min() <= bins.max() < cuts.size - 1:
        raise SettingsError(
            "the map holds grey values that its recorded cuts cannot have given: convert the scan again."
        )
    widths = np.zeros(image.shape, np.int64)
    widths[mask] = np.diff(cuts)[bins]
    return widths


def width_colours(widths: NDArray[np.number], uniform: float, widest: float) -> Colours:
    """Colours of bin widths, of one dimension more: dark blue for 1 level, pale for ``uniform``, brown for ``widest``.

    The scale is logarithmic on both sides of ``uniform``; 1 and ``widest`` are its ends.

    Args:
        widths: in levels, 1 or more.
        uniform: N / K, the width in a range image.
        widest: tau, or the widest tau of a row of pictures.
    """
    ratio = np.log2(np.maximum(widths, 1) / uniform)
    below, above = max(np.log2(uniform), 1e-9), max(np.log2(max(widest, 1) / uniform), 1e-9)
    place = np.clip(np.where(ratio < 0, ratio / below, ratio / above), -1, 1) * 2 + 2  # 0..4, along STOPS
    channels = [np.interp(place, np.arange(5), STOPS[:, i]) for i in range(3)]
    colours: Colours = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return colours


def stretch_picture(widths: NDArray[np.int64], uniform: float, widest: float, paper: tuple[int, int, int]) -> Colours:
    """(rows, columns, 3) colours of ``bin_widths``, the background in the colour of the paper."""
    picture = width_colours(widths, uniform, widest)
    picture[widths == 0] = paper
    return picture


def scale_picture(rows: int, columns: int, uniform: float, widest: float, paper: tuple[int, int, int]) -> Colours:
    """The key to the colours: a bar from 1 level to ``widest``, equal ratios at equal distances on either side."""
    from PIL import Image, ImageDraw

    half = np.linspace(0, 1, columns // 2)
    bar = width_colours(np.r_[uniform**half, uniform * (widest / uniform) ** half], uniform, widest)
    picture = np.full((rows, columns, 3), paper, np.uint8)
    top, bottom = rows // 2 - 24, rows // 2
    picture[top:bottom, : len(bar)] = bar[None]
    image = Image.fromarray(picture)
    draw, font, ink = ImageDraw.Draw(image), font_of(11), (32, 32, 36)
    draw.text((2, top - 22), "width of each pixel's bin, levels", ink, font)
    for text, x, anchor in (("1", 2, "la"), (f"{uniform:g}", columns // 2, "ma"), (f"{widest:g}", columns - 2, "ra")):
        draw.text((x, bottom + 4), text, ink, font, anchor)
    draw.text((2, bottom + 20), "contrast raised", ink, font)
    draw.text((columns - 2, bottom + 20), "lowered", ink, font, "ra")
    draw.text((columns // 2, bottom + 36), "pale: as in the range image", ink, font, "ma")
    return np.asarray(image)
