"""Stage S1: cut the depth block behind the nose tip on the pixel grid, and code it in 16 bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import MAX_CODE
from gemax_cli.errors import EmptyBlock
from gemax_cli.face import block_kernels as kernels
from gemax_cli.face.holes import CleanedDepth, Limits, clean_depth
from gemax_cli.face.model import DepthBlock
from gemax_cli.face.raster import Drawing, Frame, RangeImage, as_kernel_array, rasterise
from gemax_cli.face.surface import is_whole, longest_edge, median_edge, triangulate_points
from gemax_cli.scans.model import Points, Scan, Triangles
from gemax_cli.settings import BlockSettings

EDGE_SPACINGS = 6.0  # edges longer than this many times the scan's own spacing bridge what was not measured ...
EDGE_FLOOR_MM = 5.0  # ... unless they are shorter than this: steep surface of a dense scan
SPECK_MM2 = 12.0  # pieces of surface of up to this area are specks
STEEPEST = 5.0  # rise over run of surface between two pixels that is of one piece, about 79 degrees
SPIKE_MM = 3.0  # a spike stands off its surroundings by more than this ...
SPIKE_STEEPNESS = 1.25  # ... and by more than this many times its surroundings' radius
SPIKE_SPACING_MM = 3.5  # a spike is as wide as the scan's spacing: in a coarser scan, noses resemble spikes
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
        drawing = _drawing(surface, Frame.centred(tip, tip[2], settings.size, settings.mm_per_pixel), settings)
        cleaned, image = _range_image(drawing, surface, settings)
        return tuple(_block(scan, drawing, cleaned, image, d) for d in depths)
    blocks = []
    for depth_mm in depths:
        frame = _fitted(scan, surface, tip, settings, depth_mm)
        drawing = _drawing(surface, frame, settings)
        blocks.append(_block(scan, drawing, *_range_image(drawing, surface, settings), depth_mm))
    return tuple(blocks)


def _prepare(scan: Scan, tip: NDArray[np.float64], settings: BlockSettings) -> _Surface:
    points = as_kernel_array(scan.points, np.float64)
    triangles = scan.triangles if len(scan.triangles) else triangulate_points(points, tip, settings.front_mm)
    triangles = as_kernel_array(triangles, np.int32)
    usual = median_edge(points, triangles)
    return _Surface(points, triangles, usual, settings.max_edge_mm or _longest_drawn(scan, usual))


def _longest_drawn(scan: Scan, usual: float) -> float:
    """The edge limit, mm: a multiple of the usual edge, but all of a mesh that is coarse in places and has no holes."""
    limit = max(EDGE_FLOOR_MM, EDGE_SPACINGS * usual)
    if scan.metric or scan.grid is not None or not len(scan.triangles):  # what a range sensor measured
        return limit
    longest = longest_edge(scan.points, scan.triangles)
    if longest <= limit or not is_whole(scan.points, scan.triangles):
        return limit
    return 1.01 * longest  # drawn edges are rounded


def _fitted(scan: Scan, surface: _Surface, tip: NDArray[np.float64], settings: BlockSettings, depth_mm: float) -> Frame:
    """The frame that holds the block's bounding box, centred, with its aspect kept."""
    limits = np.array([tip[2] - depth_mm, tip[2] + settings.front_mm, surface.max_edge])
    box = kernels.slab_box(surface.points, surface.triangles, limits)
    side = max(box[1] - box[0], box[3] - box[2])
    if not 0.0 < side < np.inf:
        raise _empty(scan, depth_mm)
    centre = np.array([box[0] + box[1], box[2] + box[3]]) / 2
    return Frame.centred(centre, tip[2], settings.size, side / (settings.size - 1 - 2 * MARGIN))


def _drawing(surface: _Surface, frame: Frame, settings: BlockSettings) -> Drawing:
    return Drawing(surface.points, surface.triangles, frame, settings.front_mm, surface.max_edge)


def _range_image(drawing: Drawing, surface: _Surface, settings: BlockSettings) -> tuple[CleanedDepth, RangeImage]:
    image = rasterise(*drawing)
    return clean_depth(image.depth, _limits(surface, drawing.frame.mm_per_pixel, settings)), image


def _limits(surface: _Surface, pitch: float, settings: BlockSettings) -> Limits:
    reach = int(np.clip(np.ceil(surface.spacing / pitch), 2, 16)) if surface.spacing <= SPIKE_SPACING_MM else 0
    return Limits(
        hole=settings.max_hole_mm2 / pitch**2,
        speck=SPECK_MM2 / pitch**2,
        step=max(surface.max_edge, STEEPEST * pitch),
        reach=reach,
        height=max(SPIKE_MM, SPIKE_STEEPNESS * reach * pitch),
    )


def _block(scan: Scan, drawing: Drawing, cleaned: CleanedDepth, image: RangeImage, depth_mm: float) -> DepthBlock:
    frame = drawing.frame
    codes, counts = cut_depth(cleaned, depth_mm, SPECK_MM2 / frame.mm_per_pixel**2)
    if not codes.any():
        raise _empty(scan, depth_mm)
    counts |= {"front_pixels": image.front_pixels, "dropped_triangles": image.dropped_triangles}
    filled = cleaned.filled & (codes > 0)
    return DepthBlock(codes, float(depth_mm), frame.mm_per_pixel, frame.to_scan, counts, filled, drawing)


def cut_depth(cleaned: CleanedDepth, depth_mm: float, speck: float) -> tuple[NDArray[np.uint16], dict[str, int]]:
    """Code the surface within ``depth_mm``, without the specks that the cut separates from the rest.

    Args:
        cleaned: depth map.
        depth_mm: metric depth of the block.
        speck: pieces of surface of up to this many pixels are removed.

    Returns:
        (rows, columns) codes, and how many pixels within the depth are filled, enclosed without data, spikes, specks.
    """
    depth = np.where(cleaned.depth <= depth_mm, cleaned.depth, np.nan)
    separated = kernels.small_regions(depth, np.inf, False, speck)
    depth[separated] = np.nan
    codes, within = kernels.quantise(depth, depth_mm, MAX_CODE), cleaned.raw <= depth_mm
    return codes, {
        "filled_pixels": int(np.count_nonzero(cleaned.filled & (codes > 0))),
        "hole_pixels": int(np.count_nonzero(kernels.small_regions(depth, np.inf, True, np.inf))),
        "spike_pixels": int(np.count_nonzero(cleaned.spikes & within)),
        "speck_pixels": int(np.count_nonzero(cleaned.specks & within) + np.count_nonzero(separated)),
    }


def _empty(scan: Scan, depth_mm: float) -> EmptyBlock:
    return EmptyBlock(
        scan.path,
        f"no surface lies within {depth_mm:g} mm behind the nose tip inside the image: "
        "check the nose tip, the unit, the axes and the limit of edge lengths.",
    )
