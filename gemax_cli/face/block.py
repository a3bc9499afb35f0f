"""Stage S1: cut the depth block behind the nose tip on the pixel grid, and code it in 16 bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import MAX_CODE
from gemax_cli.errors import EmptyBlock
from gemax_cli.face import block_kernels as kernels
from gemax_cli.face import holes
from gemax_cli.face.model import DepthBlock
from gemax_cli.face.raster import Frame, RangeImage, plain, rasterise, spacing
from gemax_cli.face.surface import surface_of
from gemax_cli.scans.model import Points, Scan, Triangles
from gemax_cli.settings import BlockSettings

EDGE_SPACINGS = 6.0  # edges longer than this many times the scan's own spacing bridge what was not measured ...
EDGE_FLOOR_MM = 5.0  # ... unless they are shorter than this: steep surface of a dense scan
SPECK_MM2 = 12.0  # pieces of surface of up to this area are specks
STEEPEST = 5.0  # rise over run of surface between two pixels that is of one piece, about 79 degrees
SPIKE_MM = 3.0  # a spike stands off its surroundings by more than this ...
SPIKE_STEEPNESS = 1.25  # ... and by more than this many times its surroundings' radius
SPIKE_SPACING_MM = 3.5  # a spike's foot is as wide as the scan's spacing: in a coarser scan, noses look like spikes
MARGIN = 1  # free pixels around a fitted block


@dataclass(frozen=True, eq=False)
class _Surface:
    """A surface ready to be drawn: triangles, their usual edge length and the longest edge that is drawn, mm."""

    points: Points
    triangles: Triangles
    spacing: float
    max_edge: float


def cut_blocks(
    scan: Scan, tip: NDArray[np.float64], settings: BlockSettings, depths: tuple[float, ...]
) -> tuple[DepthBlock, ...]:
    """Cut the blocks D_d of a scan (section 3.1 of the paper), one for each depth d, in their order.

    Args:
        scan: frontal and cleaned: +X right, +Y up, +Z to the camera, mm.
        tip: (3,) nose tip, in the scan's axes.
        settings: frame and limits.
        depths: of the blocks, mm. D_d is the same whatever other depths are asked for.

    Raises:
        EmptyBlock: no surface lies in one of the blocks.
    """
    tip = np.asarray(tip, np.float64)
    surface = _prepare(scan, tip, settings)
    if settings.frame == "fixed":
        frame = Frame.centred(tip, tip[2], settings.size, settings.mm_per_pixel)
        mended, image = _range_image(surface, frame, settings)
        return tuple(_block(scan, frame, mended, image, d) for d in depths)
    blocks = []
    for depth_mm in depths:
        frame = _fitted(scan, surface, tip, settings, depth_mm)
        blocks.append(_block(scan, frame, *_range_image(surface, frame, settings), depth_mm))
    return tuple(blocks)


def _prepare(scan: Scan, tip: NDArray[np.float64], settings: BlockSettings) -> _Surface:
    triangles = scan.triangles if len(scan.triangles) else surface_of(scan.points, tip, settings.front_mm)
    usual = spacing(scan.points, triangles)
    longest = settings.max_edge_mm or max(EDGE_FLOOR_MM, EDGE_SPACINGS * usual)
    return _Surface(scan.points, triangles, usual, longest)


def _fitted(scan: Scan, surface: _Surface, tip: NDArray[np.float64], settings: BlockSettings, depth_mm: float) -> Frame:
    """The frame that holds the block's bounding box, centred, with its aspect kept."""
    limits = np.array([tip[2] - depth_mm, tip[2] + settings.front_mm, surface.max_edge])
    box = kernels.slab_box(plain(surface.points, np.float64), plain(surface.triangles, np.int32), limits)
    side = max(box[1] - box[0], box[3] - box[2])
    if not 0.0 < side < np.inf:
        raise _empty(scan, depth_mm)
    centre = np.array([box[0] + box[1], box[2] + box[3]]) / 2
    return Frame.centred(centre, tip[2], settings.size, side / (settings.size - 1 - 2 * MARGIN))


def _range_image(surface: _Surface, frame: Frame, settings: BlockSettings) -> tuple[holes.Mended, RangeImage]:
    image = rasterise(surface.points, surface.triangles, frame, settings.front_mm, surface.max_edge)
    return holes.mend(image.depth, _limits(surface, frame.mm_per_pixel, settings)), image


def _limits(surface: _Surface, pitch: float, settings: BlockSettings) -> holes.Limits:
    reach = int(np.clip(np.ceil(surface.spacing / pitch), 2, 16)) if surface.spacing <= SPIKE_SPACING_MM else 0
    return holes.Limits(
        hole=settings.max_hole_mm2 / pitch**2,
        speck=SPECK_MM2 / pitch**2,
        step=max(surface.max_edge, STEEPEST * pitch),
        reach=reach,
        height=max(SPIKE_MM, SPIKE_STEEPNESS * reach * pitch),
    )


def _block(scan: Scan, frame: Frame, mended: holes.Mended, image: RangeImage, depth_mm: float) -> DepthBlock:
    # the cut at depth d may part pieces from the rest that were one before
    limits = np.array([depth_mm, SPECK_MM2 / frame.mm_per_pixel**2, MAX_CODE], np.float64)
    codes, found = kernels.cut((mended.depth, mended.filled, mended.spikes, mended.specks), mended.raw, limits)
    if not codes.any():
        raise _empty(scan, depth_mm)
    counts = dict(zip(("filled_pixels", "hole_pixels", "spike_pixels", "speck_pixels"), found.tolist(), strict=True))
    counts |= {"front_pixels": image.front_pixels, "dropped_triangles": image.dropped_triangles}
    return DepthBlock(codes, float(depth_mm), frame.mm_per_pixel, frame.to_scan, counts)


def _empty(scan: Scan, depth_mm: float) -> EmptyBlock:
    return EmptyBlock(
        scan.path,
        f"no surface lies within {depth_mm:g} mm behind the nose tip inside the image: "
        "check the nose tip, the unit, the axes and the limit of edge lengths.",
    )
