"""The colours of a scan on the grid of its depth block: area means of what each pixel sees of the cleaned surface."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gemax_cli.face import texture_kernels as kernels
from gemax_cli.face.model import DepthBlock
from gemax_cli.face.raster import Drawing, Frame, as_kernel_array, rasterise
from gemax_cli.scans.model import Colours, PictureColours, PointColours, Triangles

FILTER = "mean of k x k sub-samples, k = 0.75 + 0.4 x texels along a pixel (median), bilinear, in linear light"
SPACE = "sRGB"
MOST_ALONG = 1792  # sub-samples along a side of the image, 8 in each of 224 pixels: 39 MB

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
_Average = Callable[[Triangles, Mask, _Floats], None]
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

    A pixel takes k x k sub-samples. Each is intersected with its own visible triangle, so that a pixel over the seam
    between two parts of a picture takes of both, and never of what lies beside them in the picture.

    Args:
        drawing: the cleaned surface on its pixel grid.
        colours: pictures on its triangles, or the colours of its points.
        wanted: (rows, columns) pixels to colour.
    """
    surface = drawing.frame.project(drawing.points), as_kernel_array(drawing.triangles, np.int32)
    if isinstance(colours, PictureColours):
        average, along = _of_pictures(surface, colours)
    else:
        average, along = _of_points(surface, colours)
    fine = drawing.frame.finer(_samples_along(along, drawing.frame.size))
    owner = rasterise(*drawing._replace(frame=fine), want_triangle=True).triangle
    assert owner is not None
    light = np.full((*wanted.shape, 3), np.nan)
    average(owner, wanted, light)
    return Texture(*kernels.encode(light, thresholds()))


def _of_pictures(surface: _Surface, colours: PictureColours) -> tuple[_Average, _Floats]:
    """What averages sub-samples, and how many each triangle needs along the side of a pixel.

    They are two texels apart where there are many, because a bilinear one takes in two.
    """
    table, texels = _joined(colours.pictures)
    lie = colours.lie
    which = np.zeros(len(lie.triangles), np.uint8) if lie.which is None else as_kernel_array(lie.which, np.uint8)
    corners, coordinates = as_kernel_array(lie.triangles, np.int32), as_kernel_array(lie.coordinates, np.float64)
    planes = kernels.texel_planes(*surface, coordinates, corners, which, table)
    areas = planes[:, 0, 1] * planes[:, 1, 2] - planes[:, 0, 2] * planes[:, 1, 1]
    average = partial(kernels.average_texels, planes, which, table, texels, linear_light())
    return average, 0.75 + 0.4 * np.sqrt(np.abs(areas))


def _of_points(surface: _Surface, colours: PointColours) -> tuple[_Average, _Floats]:
    """The same for colours of points, one sub-sample each; two triangles are as large as the square between four."""
    planes = kernels.colour_planes(*surface, as_kernel_array(colours, np.uint8), linear_light())
    a, b, c = (surface[0][surface[1][:, i], :2].T for i in range(3))
    areas = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return partial(kernels.average_colours, planes), 1 / np.sqrt(np.abs(areas[areas != 0]))


def _samples_along(needed: _Floats, size: int) -> int:
    """Sub-samples along the side of a pixel of an image of ``size`` pixels: those that the median triangle needs."""
    known = needed[np.isfinite(needed)]
    return max(1, min(round(float(np.median(known))), MOST_ALONG // size)) if known.size else 1


def _joined(pictures: tuple[NDArray[np.uint8] | None, ...]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Offset, rows and columns of every picture (0, 0, 0 for None), and their values one behind the other."""
    flat = [np.empty(0, np.uint8) if picture is None else picture.reshape(-1) for picture in pictures]
    ends = np.cumsum([values.size for values in flat])
    sizes = [(0, 0) if picture is None else picture.shape[:2] for picture in pictures]
    table = [(end - values.size, *size) for end, values, size in zip(ends, flat, sizes, strict=True)]
    texels = flat[0] if len(flat) == 1 else np.concatenate(flat)
    return np.array(table, np.int64), as_kernel_array(texels, np.uint8)


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
