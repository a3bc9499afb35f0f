"""Contact sheets: tiles with captions on one sheet of paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

MARGIN, LINE, TITLE, TEXT, HEADING = 8, 15, 40, 11, 15
INK, PAPER, TILE_PAPER = (32, 32, 36), (255, 255, 255), (220, 230, 245)
Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Tile:
    """A picture, (rows, columns) or (rows, columns, 3) uint8, and lines of text under it."""

    pixels: Picture
    caption: str


def draw_sheet(rows: Sequence[Sequence[Tile]], title: str = "") -> Picture:
    """One RGB picture of all tiles, row by row; every tile has the size of the largest, long captions are cut.

    Raises:
        ValueError: there is no tile.
    """
    from PIL import Image, ImageDraw

    tiles = [tile for row in rows for tile in row]
    high, wide = (max(tile.pixels.shape[axis] for tile in tiles) for axis in (0, 1))
    text = LINE * max(1 + tile.caption.count("\n") for tile in tiles) + 4
    size = (MARGIN + max(map(len, rows)) * (wide + MARGIN), TITLE + len(rows) * (high + text + MARGIN))
    sheet = Image.new("RGB", size, PAPER)
    draw, font, heading = ImageDraw.Draw(sheet), font_of(TEXT), font_of(HEADING)
    draw.text((MARGIN, 12), shortened(title, heading, size[0] - 2 * MARGIN), INK, heading)
    for i, row in enumerate(rows):
        for j, tile in enumerate(row):
            left, top = MARGIN + j * (wide + MARGIN), TITLE + i * (high + text + MARGIN)
            sheet.paste(_picture(tile.pixels), (left, top))
            for k, line in enumerate(tile.caption.split("\n")):
                draw.text((left, top + high + 2 + k * LINE), shortened(line, font, wide), INK, font)
    return np.asarray(sheet)


def _picture(pixels: Picture) -> Image:
    from PIL import Image

    return Image.fromarray(pixels).convert("RGB")


def font_of(size: float) -> FreeTypeFont | ImageFont:
    """Pillow's own font of this height in pixels."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


def printable(text: str) -> str:
    """``text`` with control characters and unpaired surrogates shown as "?"."""
    return "".join(c if c.isprintable() else "?" for c in text)


def shortened(text: str, font: FreeTypeFont | ImageFont, width: float) -> str:
    """``text``, or its start and an ellipsis, at most ``width`` pixels wide; control characters become "?"."""
    text = printable(text)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"


def on_paper(image: Picture, valid: NDArray[np.bool_]) -> Picture:
    """Map as RGB, its background in the sheet's light grey, so that black stays a depth."""
    picture = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image.copy()
    picture[~valid] = TILE_PAPER
    return picture


def shrink(pixels: Picture, most: int) -> Picture:
    """The picture, made smaller where a side is longer than ``most`` pixels."""
    if max(pixels.shape[:2]) <= most:
        return pixels
    from PIL import Image

    share = most / max(pixels.shape[:2])
    size = [max(1, round(side * share)) for side in pixels.shape[1::-1]]
    return np.asarray(Image.fromarray(pixels).resize((size[0], size[1]), Image.Resampling.BOX))


def grid(tiles: Sequence[Tile]) -> list[list[Tile]]:
    """The tiles in rows, about as many across as down."""
    columns = max(1, math.ceil(math.sqrt(len(tiles) * 1.3)))
    return [list(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
