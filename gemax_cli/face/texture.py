"""The colours of a scan on the grid of its depth block: area means of what each pixel sees of the cleaned surface."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gemax_cli.face import texture_kernels as kernels
from gemax_cli.face.model import DepthBlock
from gemax_cli.face.raster import Drawing, Frame, as_kernel_array, rasterise
from gemax_cli.scans.model import Colours, PictureColours, PointColours, Triangles

FILTER = "mean of k x k sub-samples, k = side of the pixel in texels (1 to 8), each bilinear, in linear light"
SPACE = "sRGB"
MOST_SAMPLES = 1 << 21  # sub-samples that are looked at together: 24 MB

Mask = NDArray[np.bool_]


class Texture(NamedTuple):
    """Colours on the pixel grid.

    Attributes:
        image: (rows, columns, 3) uint8 sRGB; black where there is no colour.
        textured: (rows, columns), where there is one.
    """

    image: NDArray[np.uint8]
    textured: Mask


_Floats = NDArray[np.float64]
_Surface = tuple[_Floats, Triangles]  # projected points, and triangles


@cache
def linear_light() -> NDArray[np.float64]:
    """(256,) linear light 0..1 of the values of sRGB (IEC 61966-2-1), in whole multiples of 2^-24."""
    return _decoded(np.arange(256.0))


@cache
def thresholds() -> NDArray[np.float64]:
    """(255,) linear light halfway between two values of sRGB."""
    return _decoded(np.arange(255.0) + 0.5)


def _decoded(value: NDArray[np.float64]) -> NDArray[np.float64]:
    share = value / 255.0
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.rint(light * 2.0**24) / 2.0**24)  # the same on machines whose powers differ in the last bit


def drape(drawing: Drawing, colours: Colours, wanted: Mask) -> Texture:
    """Give pixels the colour of the surface that they see.

    A pixel takes k x k sub-samples, k being the side of the square of texels that it covers. Each is intersected with
    its own visible triangle, so that a pixel over the seam between two parts of a picture takes of both, and never of
    what lies beside them in the picture.

    Args:
        drawing: the cleaned surface on its pixel grid.
        colours: pictures on its triangles, or the colours of its points.
        wanted: (rows, columns) pixels to colour.
    """
    seen = rasterise(*drawing, want_triangle=True).triangle
    assert seen is not None
    surface = drawing.frame.project(drawing.points), as_kernel_array(drawing.triangles, np.int32)
    light = np.full((*seen.shape, 3), np.nan)
    if isinstance(colours, PictureColours):
        _average_pictures(drawing, surface, colours, seen, wanted, light)
    else:
        _average_points(drawing, surface, colours, seen, wanted, light)
    return Texture(*kernels.encode(light, thresholds()))


def _average_pictures(
    drawing: Drawing, surface: _Surface, colours: PictureColours, seen: Triangles, wanted: Mask, light: _Floats
) -> None:
    table, texels = _joined(colours.pictures)
    lie = colours.lie
    which = np.zeros(len(lie.triangles), np.uint8) if lie.which is None else as_kernel_array(lie.which, np.uint8)
    corners, coordinates = as_kernel_array(lie.triangles, np.int32), as_kernel_array(lie.coordinates, np.float64)
    planes = kernels.texel_planes(*surface, coordinates, corners, which, table)
    k = kernels.count_texels(planes, seen, wanted)
    for samples in _see_samples(drawing, surface, k):
        kernels.average_texels(planes, which, table, texels, linear_light(), samples, light)


def _average_points(
    drawing: Drawing, surface: _Surface, colours: PointColours, seen: Triangles, wanted: Mask, light: _Floats
) -> None:
    planes = kernels.colour_planes(*surface, as_kernel_array(colours, np.uint8), linear_light())
    k = kernels.count_points(*surface, seen, wanted)
    for samples in _see_samples(drawing, surface, k):
        kernels.average_colours(planes, samples, light)


def _joined(pictures: tuple[NDArray[np.uint8] | None, ...]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Offset, rows and columns of every picture (0, 0, 0 for None), and their values one behind the other."""
    flat = [np.empty(0, np.uint8) if picture is None else picture.reshape(-1) for picture in pictures]
    ends = np.cumsum([values.size for values in flat])
    sizes = [(0, 0) if picture is None else picture.shape[:2] for picture in pictures]
    table = [(end - values.size, *size) for end, values, size in zip(ends, flat, sizes, strict=True)]
    texels = flat[0] if len(flat) == 1 else np.concatenate(flat)
    return np.array(table, np.int64), as_kernel_array(texels, np.uint8)


def _see_samples(drawing: Drawing, surface: _Surface, k: NDArray[np.uint8]) -> Iterator[kernels.Samples]:
    """The sub-samples of some rows at a time, with the triangle that each sees."""
    limits = np.array([drawing.near, drawing.max_edge_mm, drawing.frame.mm_per_pixel])
    squares = k.astype(np.int64) ** 2
    per_row = squares.sum(axis=1)
    first = 0
    while first < len(k):
        last = first + max(1, int(np.searchsorted(np.cumsum(per_row[first:]), MOST_SAMPLES, side="right")))
        part = squares[first:last]
        start = np.zeros_like(squares)
        start[first:last] = (np.cumsum(part) - part.ravel()).reshape(part.shape)
        samples = kernels.Samples(k, start, (first, last), np.full(part.sum(), -1, np.int32))
        kernels.see_samples(*surface, limits, samples)
        yield samples
        first = last


def texture_blocks(blocks: tuple[DepthBlock, ...], colours: Colours | None) -> tuple[Texture | None, ...]:
    """The texture of each block: coloured where there is depth that was measured; None without colours."""
    if colours is None:
        return (None,) * len(blocks)
    wanted: dict[Frame, NDArray[np.bool_]] = {}
    for block in blocks:  # those of the fixed frame differ in depth alone
        frame = block.drawing.frame
        wanted[frame] = wanted.get(frame, False) | _measured(block)
    drawings = {block.drawing.frame: block.drawing for block in blocks}
    textures = {frame: drape(drawings[frame], colours, pixels) for frame, pixels in wanted.items()}
    return tuple(_cut(textures[block.drawing.frame], block) for block in blocks)


def _measured(block: DepthBlock) -> NDArray[np.bool_]:
    return np.asarray((block.depth16 > 0) & ~block.filled)


def _cut(texture: Texture, block: DepthBlock) -> Texture:
    """A texture of all blocks of a frame, on the pixels of one."""
    textured = texture.textured & _measured(block)
    return Texture(np.where(textured[..., None], texture.image, np.uint8(0)), textured)
