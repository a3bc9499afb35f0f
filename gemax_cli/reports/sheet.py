"""What ``gemax preview`` shows: the maps of one scan or of many, the entropy under each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import depth_of_code
from gemax_cli.entropy.figures import map_entropy
from gemax_cli.entropy.mapping import apply_cuts, invert_map, uniform_cuts
from gemax_cli.errors import BadFormat, ScanError, SettingsError
from gemax_cli.paths import AnyPath, as_path
from gemax_cli.pipeline import compare_maps
from gemax_cli.reports.entropy_table import no_map
from gemax_cli.reports.filmstrip import sequences_of, strip_of
from gemax_cli.reports.stretch import bin_widths, scale_picture, stretch_picture
from gemax_cli.reports.tiles import TILE_PAPER, Picture, Tile, draw_sheet, grid, on_paper, shrink
from gemax_cli.settings import QuantisationSettings
from gemax_cli.stack.atomic import write_output
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.images import MapImage, ScanImages, load_codes, load_map, split_depth
from gemax_cli.stack.png import encode_png
from gemax_cli.stack.records import BlockRecord

Style = Literal["overview", "maps", "tau", "strip"]
Item = TypeVar("Item")
MOST_ROWS = 16  # scans that are shown with all their maps; more are shown with one
TILE_SIDES = ((60, 224), (1200, 112), (1 << 30, 56))  # up to so many scans, tiles of at most so many pixels
OTHERS = ("normals", "ri-minmax", "curvature")  # Figure 6 of the paper
OTHER_NAMES = {
    "normals-x": "normals, x", "normals-y": "normals, y", "normals-z": "normals, z",
    "ri-minmax": "range image, min to max", "curvature": "curvature, mean",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Preview:
    """A sheet, (rows, columns, 3) uint8; the scans (or sequences) shown and in total; a sentence for each not drawn."""

    sheet: Picture
    shown: int
    scans: int
    problems: tuple[str, ...]


def preview(
    out: AnyPath,
    output: AnyPath | None = None,
    *,
    styles: Sequence[Style] = (),
    names: Sequence[str] = (),
    limit: int = 12,
) -> Preview:
    """Draw scans of a folder on a contact sheet.

    Args:
        out: a folder that ``gemax convert`` wrote; for the overview also any folder of 8-bit PNGs.
        output: a PNG to write the sheet to; None writes none.
        styles: "overview", the range image and every map of a scan in a row, or one map of each of very many scans;
            "maps", Figure 6 of the paper: texture, normals, range image, curvature, S1, GEMax; "tau", Figure 7: the
            range image, every tau, and where the bins of each are narrow or wide; "strip", alone, 4D sequences, eight
            of their frames in a row. None of them takes "strip" where the first scan is a frame, else "overview", or
            "maps" and "tau" where scans are named.
        names: scans to show, or sequences for "strip", by id or its last parts; none shows ``limit`` of them, spread
            evenly over the folder.
        limit: most scans, or sequences, shown.

    Raises:
        NothingToConvert: there is no map.
        ScanError: none of the scans can be shown; the first one's reason.
        SettingsError: no scan has one of the names, or ``output`` does not end in .png.
        OutputError: run.json is damaged, or ``output`` cannot be written.
    """
    root = as_path(out)
    if output is not None and as_path(output).suffix.lower() != ".png":
        raise SettingsError(f"{output}: give a name that ends in .png.")
    if "strip" in styles and len(styles) > 1:
        raise SettingsError("strip shows sequences, the other styles show scans: give it alone.")
    folder = OutputFolder.holding(root)
    found = [images for images in folder.images(root) if images.maps]
    if not found:
        raise no_map(root)
    styles = styles or (("maps", "tau") if names else _usual(folder, found[0]))
    if "strip" in styles:
        rows, errors, shown, total = _strips(folder, found, names, limit)
    else:
        chosen, total = pick_named(found, names) if names else pick_evenly(found, limit), len(found)
        rows, errors = _all_rows(chosen, folder, styles)
        shown = len(chosen) - len(errors)
    if not rows:
        raise errors[0]
    things = "sequences" if "strip" in styles else "scans"
    drawn = draw_sheet(rows, f"{root.resolve().name}: {shown} of {total} {things}")
    if output is not None:
        write_output(as_path(output), encode_png(drawn))
    return Preview(drawn, shown, total, tuple(map(str, errors)))


def _usual(folder: OutputFolder, first: ScanImages) -> tuple[Style, ...]:
    found = folder.find(first.scan)
    return ("strip",) if found and found[0].frame else ("overview",)


def _strips(
    folder: OutputFolder, found: Sequence[ScanImages], names: Sequence[str], limit: int
) -> tuple[list[list[Tile]], list[ScanError], int, int]:
    """The strips of sequences, why some cannot be shown, how many are shown, and of how many."""
    sequences = sequences_of(folder, found, names)
    if not sequences:
        raise SettingsError(f"{folder.path}: holds no sequence: convert folders of numbered frames.")
    rows: list[list[Tile]] = []
    errors: list[ScanError] = []
    for sequence in sequences if names else pick_evenly(sequences, limit):
        try:
            rows.append(strip_of(sequence, TILE_SIDES[1][1]))
        except ScanError as error:
            errors.append(error)
    return rows, errors, len(rows), len(sequences)


def _all_rows(
    chosen: Sequence[ScanImages], folder: OutputFolder, styles: Sequence[Style]
) -> tuple[list[list[Tile]], list[ScanError]]:
    """The tiles of every scan, one map of each where there are very many; and why some cannot be shown."""
    many = len(chosen) > MOST_ROWS and tuple(styles) == ("overview",)
    rows: list[list[Tile]] = []
    errors: list[ScanError] = []
    for images in chosen:
        try:
            rows += [_one_tile(images, len(chosen))] if many else _rows(images, folder, styles)
        except ScanError as error:
            errors.append(error)
    return grid([row[0] for row in rows]) if many else rows, errors


def pick_named(found: Sequence[ScanImages], names: Sequence[str]) -> list[ScanImages]:
    """The scans of these names: a whole id, or its last parts, as "F0001_AN01WH".

    Raises:
        SettingsError: no scan has one of the names.
    """
    chosen: list[ScanImages] = []
    for name in names:
        wanted = f"/{name.strip('/')}"
        own = [s for s in found if f"/{s.scan}".endswith(wanted) or f"/{split_depth(s.scan)[0]}".endswith(wanted)]
        if not own:
            raise SettingsError(f"no scan is named {name!r}: give one such as {found[0].scan}.")
        chosen += own
    return list(dict.fromkeys(chosen))


def pick_evenly(found: Sequence[Item], limit: int) -> list[Item]:
    """Up to ``limit`` scans, or other things, spread evenly."""
    places = np.unique(np.linspace(0, len(found) - 1, min(limit, len(found))).round().astype(int))
    return [found[place] for place in places]


def _rows(images: ScanImages, folder: OutputFolder, styles: Sequence[Style]) -> list[list[Tile]]:
    drawers: dict[Style, Callable[[ScanImages, OutputFolder], list[list[Tile]]]]
    drawers = {"overview": _overview_rows, "maps": _map_rows, "tau": _tau_rows}
    rows = [row for style in styles for row in drawers[style](images, folder)]
    first = rows[0][0]
    rows[0][0] = replace(first, caption=f"{images.scan}\n{first.caption}")
    side = TILE_SIDES[0][1]
    return [[replace(tile, pixels=shrink(tile.pixels, side)) for tile in row] for row in rows]


def _one_tile(images: ScanImages, scans: int) -> list[Tile]:
    """The first map of a scan, as small as so many scans need."""
    pixels = images.maps[0].pixels()
    valid = _valid(images.maps[0], pixels, None if images.depth16 is None else load_codes(images.depth16))
    side = next(side for most, side in TILE_SIDES if scans <= most)
    caption = f"{split_depth(images.scan)[0].rpartition('/')[2]}\n{map_entropy(pixels, valid):.3f} bits"
    return [Tile(shrink(on_paper(pixels, valid), side), caption)]


def _valid(m: MapImage, pixels: Picture, codes: NDArray[np.uint16] | None) -> NDArray[np.bool_]:
    """Where a map holds data: where its depth image does, or without one where it is not black."""
    if codes is None:
        return pixels > 0 if pixels.any() else np.ones(pixels.shape, np.bool_)
    if codes.shape != pixels.shape:
        raise BadFormat(m.path, "has not the size of its depth image: convert the scan again.")
    return codes > 0


def _bits(image: Picture, valid: NDArray[np.bool_]) -> str:
    return f"{map_entropy(np.ascontiguousarray(image), valid):.3f} bits"


def _overview_rows(images: ScanImages, folder: OutputFolder) -> list[list[Tile]]:
    codes = None if images.depth16 is None else load_codes(images.depth16)
    tiles = [] if codes is None else [_uniform_tile("range image, ", codes, folder.settings.quantisation)]
    for m in images.maps:
        planes = m.planes(load_map(m.path))
        valid = _valid(m, planes[0], codes)
        bits = np.mean([map_entropy(np.ascontiguousarray(plane), valid) for plane in planes])
        pixels = np.stack(planes, axis=-1) if len(planes) > 1 else planes[0]
        name = m.name if m.tau is None else f"tau {m.tau}"
        tiles.append(Tile(on_paper(pixels, valid), f"{name}, {bits:.3f} bits"))
    found = None if codes is None else folder.find(images.scan)
    if codes is not None and found is not None and found[1].texture is not None:
        tiles.append(_texture_tile(folder, found[1], codes > 0))
    return [tiles]


def _uniform_tile(name: str, codes: NDArray[np.uint16], settings: QuantisationSettings) -> Tile:
    image = apply_cuts(codes, uniform_cuts(settings.levels, settings.face_bins), settings.levels, settings.first_code)
    return Tile(on_paper(image, codes > 0), f"{name}{_bits(image, codes > 0)}")


def _codes(images: ScanImages) -> NDArray[np.uint16]:
    if images.depth16 is None:
        raise BadFormat(images.folder, "has no depth16.png: give a folder that gemax convert wrote.")
    return load_codes(images.depth16)


def _recorded(images: ScanImages, folder: OutputFolder) -> BlockRecord:
    found = folder.find(images.scan)
    if found is None:
        raise BadFormat(images.folder, "has no record in its output folder: give one that gemax convert wrote.")
    return found[1]


def _map_rows(images: ScanImages, folder: OutputFolder) -> list[list[Tile]]:
    """Texture, three normals, range image, curvature, S1 and the GEMax map of the smallest tau."""
    codes, block, settings = _codes(images), _recorded(images, folder), folder.settings.quantisation
    valid = codes > 0
    tiles = [_texture_tile(folder, block, valid)]
    for other in compare_maps(codes, block.depth_mm, block.mm_per_pixel, OTHERS, settings):
        planes = np.atleast_3d(other.image)
        for i, channel in enumerate(other.channels):
            plane = np.ascontiguousarray(planes[..., i])
            tiles.append(Tile(on_paper(plane, valid), f"{OTHER_NAMES[channel]}\n{_bits(plane, valid)}"))
    tiles.append(_uniform_tile(f"GEMax (S1), {block.depth_mm:g} mm\n", codes, settings))
    gemax = next((m for m in images.maps if m.tau is not None), None)
    if gemax:
        pixels = gemax.pixels()
        valid = _valid(gemax, pixels, codes)
        tiles.append(Tile(on_paper(pixels, valid), f"GEMax (S2), tau {gemax.tau}\n{_bits(pixels, valid)}"))
    return [tiles]


def _texture_tile(folder: OutputFolder, block: BlockRecord, valid: NDArray[np.bool_]) -> Tile:
    if block.texture is None:
        return Tile(np.full((*valid.shape, 3), TILE_PAPER, np.uint8), "no texture: gemax convert --texture")
    picture = folder.image(block.texture.file)
    if picture.shape != (*valid.shape, 3):
        raise BadFormat(
            folder.path / block.texture.file, "has not the size of its depth image: convert the scan again."
        )
    return Tile(on_paper(picture, valid), f"texture, {block.texture.black_pixels} pixels black")


def _tau_rows(images: ScanImages, folder: OutputFolder) -> list[list[Tile]]:
    """The range image and every tau; under them the key of the colours, and the bin width of every pixel."""
    codes, block, settings = _codes(images), _recorded(images, folder), folder.settings.quantisation
    uniform = settings.levels / settings.face_bins
    recorded = {m.tau: m.cuts for m in block.maps}
    maps = [(m, recorded[m.tau]) for m in images.maps if m.tau in recorded]
    widest = max((m.tau for m, _ in maps if m.tau), default=2 * uniform)
    above = [_uniform_tile("range image, ", codes, settings)]
    below = [Tile(scale_picture(codes.shape[0], codes.shape[1], uniform, widest, TILE_PAPER), "")]
    for m, cuts in maps:
        pixels = m.pixels()
        valid = _valid(m, pixels, codes)
        try:
            widths = bin_widths(pixels, valid, cuts, settings.first_code)
            inverted = invert_map(pixels, valid, cuts, settings.levels, block.depth_mm, settings.first_code)
        except SettingsError as error:
            raise BadFormat(m.path, str(error)) from error
        error_mm = float(np.abs(inverted[valid] - depth_of_code(codes[valid], block.depth_mm)).mean())
        above.append(Tile(on_paper(pixels, valid), f"tau {m.tau}, {_bits(pixels, valid)}"))
        low, high = int(widths[valid].min()), int(widths[valid].max())
        text = f"bins of {low} to {high} levels, mean error {error_mm:.3f} mm"
        below.append(Tile(stretch_picture(widths, uniform, widest, TILE_PAPER), text))
    return [above, below]
