"""Contact sheets: tiles with captions, and the sheet of a folder's maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.entropy.figures import map_entropy
from gemax_cli.entropy.histogram import level_of_code
from gemax_cli.errors import NothingToConvert
from gemax_cli.report.images import ScanImages, load_codes, scan_images
from gemax_cli.settings import MapSettings
from gemax_cli.stack.folder import map_settings
from gemax_cli.stack.png import encode_png, write_atomically

if TYPE_CHECKING:
    from PIL.Image import Image

MARGIN, CAPTION, TITLE = 8, 30, 36
INK, PAPER, TILE_PAPER = (32, 32, 36), (255, 255, 255), (238, 238, 241)


@dataclass(frozen=True, eq=False)
class Tile:
    """A picture, (rows, columns) or (rows, columns, 3) uint8, and up to two lines of text under it."""

    pixels: NDArray[np.uint8]
    caption: str


def draw_sheet(rows: Sequence[Sequence[Tile]], title: str = "") -> NDArray[np.uint8]:
    """One RGB picture of all tiles, row by row; every tile has the size of the largest."""
    from PIL import Image, ImageDraw, ImageFont

    high = max(tile.pixels.shape[0] for row in rows for tile in row)
    wide = max(tile.pixels.shape[1] for row in rows for tile in row)
    size = (MARGIN + max(len(row) for row in rows) * (wide + MARGIN), TITLE + len(rows) * (high + CAPTION + MARGIN))
    sheet = Image.new("RGB", size, PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    draw.text((MARGIN, 10), title, INK, ImageFont.load_default(15))
    for i, row in enumerate(rows):
        for j, tile in enumerate(row):
            corner = (MARGIN + j * (wide + MARGIN), TITLE + i * (high + CAPTION + MARGIN))
            sheet.paste(_picture(tile), corner)
            draw.multiline_text((corner[0], corner[1] + high + 2), tile.caption, INK, font, spacing=1)
    return np.asarray(sheet)


def _picture(tile: Tile) -> Image:
    from PIL import Image

    return Image.fromarray(tile.pixels).convert("RGB")


def on_paper(image: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Grey map as RGB, its background in the sheet's light grey, so that black stays a depth."""
    picture = np.repeat(image[..., None], 3, axis=2)
    picture[~valid] = TILE_PAPER
    return picture


def scan_tiles(images: ScanImages, name: str, settings: MapSettings) -> list[Tile]:
    """Range image and every GEMax map of a scan, the entropy under each."""
    if images.depth16 is None:
        return [Tile(m.pixels(), f"{name}\n{m.name}") for m in images.maps]
    codes = load_codes(images.depth16)
    valid = codes > 0
    levels = level_of_code(np.maximum(codes, 1), settings.levels).astype(np.int64)
    uniform = (levels * settings.face_bins // settings.levels).astype(np.uint8)
    maps: list[tuple[str, NDArray[Any]]] = [("range image", uniform)]
    maps += [(f"tau {m.tau}" if m.tau else m.name, m.pixels()) for m in images.maps]
    texts = [f"{text}, {map_entropy(image, valid):.3f} bits" for text, image in maps]
    texts[0] = f"{name}\n{texts[0]}"
    return [Tile(on_paper(image, valid), text) for text, (_, image) in zip(texts, maps, strict=True)]


def overview_sheet(root: Path, limit: int = 12) -> NDArray[np.uint8]:
    """Contact sheet of up to ``limit`` scans spread evenly over a folder: a row each, range image first.

    Raises:
        NothingToConvert: there is no map in the folder.
    """
    folders = [images for images in scan_images(root) if images.maps]
    if not folders:
        raise NothingToConvert(f"{root}: holds no map: give a folder that gemax convert wrote.")
    chosen = np.unique(np.linspace(0, len(folders) - 1, min(limit, len(folders))).round().astype(int))
    settings = map_settings(root)
    rows = [scan_tiles(folders[i], folders[i].folder.relative_to(root).as_posix(), settings) for i in chosen]
    return draw_sheet(rows, f"{root.name}: {len(chosen)} of {len(folders)} scans")


def write_sheet(path: Path, sheet: NDArray[np.uint8]) -> None:
    """Write a sheet as PNG."""
    write_atomically(path, encode_png(sheet))
