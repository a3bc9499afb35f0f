"""Comparison maps: other methods applied to the same depth block."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from gemax_cli.entropy.figures import map_entropy
from gemax_cli.entropy.histogram import CodePool
from gemax_cli.entropy.mapping import apply_cuts, uniform_cuts
from gemax_cli.errors import SettingsError
from gemax_cli.maps import grey, surface
from gemax_cli.maps.model import ComparisonMap
from gemax_cli.maps.registry import COMPARISONS

Codes = NDArray[np.uint16]
FLAT_PER_MM = 0.05  # curvature of a sphere of 20 mm, shown at tanh(1) of the range: faces have one in ten pixels beyond


@dataclass(frozen=True, eq=False)
class MapSource:
    """What a comparison map is made from; surfaces are fitted once for all maps that need them.

    Attributes:
        depth16: (rows, columns) codes; 0 is no data.
        depth_mm: metric depth of the block.
        mm_per_pixel: pixel pitch.
        levels: N.
        bins: K, grey values of the face.
        first_code: lowest grey value of the face.
        pool: codes of all scans of the mapping's scope; None where the scope is the scan.
        fits: quadric fits by radius, filled by ``fit``.
    """

    depth16: Codes
    depth_mm: float
    mm_per_pixel: float
    levels: int
    bins: int
    first_code: int
    pool: CodePool | None = None
    fits: dict[float, surface.SurfaceFit] = field(default_factory=dict, init=False)

    def fit(self, radius_mm: float) -> surface.SurfaceFit:
        """The surface's derivatives, from the pixels within ``radius_mm``."""
        if radius_mm not in self.fits:
            self.fits[radius_mm] = surface.fit_surface(self.depth16, self.depth_mm, self.mm_per_pixel, radius_mm)
        return self.fits[radius_mm]


Made = tuple[NDArray[Any], str]
"""Grey values of the valid pixels, (n,) or (n, 3) in 0..255, and a sentence on how they came about."""
Maker = Callable[[MapSource], Made]
"""What makes one kind of comparison map; named in ``maps.registry``."""


def make_comparison_maps(
    depth16: Codes,
    depth_mm: float,
    mm_per_pixel: float,
    names: Iterable[str],
    levels: int = 4096,
    bins: int = 256,
    first_code: int = 0,
    pool: CodePool | None = None,
) -> tuple[ComparisonMap, ...]:
    """Maps of other methods on the grid and mask of a depth block, in the order of ``names``.

    Args:
        depth16: (rows, columns) codes; 0 is no data, and is 0 in every map.
        depth_mm: metric depth of the block.
        mm_per_pixel: pixel pitch.
        names: of ``maps.registry.COMPARISONS``.
        levels: N, the depth levels that ri, he and clahe see.
        bins: K, the grey values of ri, ri-minmax and he.
        first_code: lowest grey value of the face; 1 where 0 is kept for the background.
        pool: codes of all scans that share a mapping: the range of ri-minmax and the histogram of he.

    Raises:
        EmptyHistogram: no pixel holds data.
        SettingsError: a name is not known, or the library that a map needs is not installed.
    """
    block = MapSource(depth16, depth_mm, mm_per_pixel, levels, bins, first_code, pool)
    return tuple(_make(name, block) for name in names)


def _make(name: str, block: MapSource) -> ComparisonMap:
    if name not in COMPARISONS:
        raise SettingsError(f"{name!r} is no comparison map: give any of {', '.join(COMPARISONS)}.")
    values, convention = _maker(name)(block)
    valid = block.depth16 > 0
    image = np.zeros((*valid.shape, *values.shape[1:]), np.uint8)
    image[valid] = np.maximum(np.rint(values), block.first_code)
    planes = [image] if image.ndim == 2 else [image[..., i] for i in range(image.shape[2])]
    entropy = tuple(map_entropy(np.ascontiguousarray(plane), valid) for plane in planes)
    return ComparisonMap(name, image, COMPARISONS[name].channels, entropy, convention)


def _maker(name: str) -> Maker:
    module, _, function = COMPARISONS[name].maker.partition(":")
    return cast("Maker", getattr(import_module(module), function))


def uniform(block: MapSource) -> Made:
    """The range image: uniform quantisation of the block to K grey values."""
    cuts = uniform_cuts(block.levels, block.bins)
    values = apply_cuts(block.depth16, cuts, block.levels, block.first_code)[block.depth16 > 0]
    return values, f"uniform over {block.depth_mm:g} mm, {block.levels} levels to {block.bins} grey values"


def stretched(block: MapSource) -> Made:
    """The literature's range image: the block's own range stretched to K grey values."""
    values = block.first_code + grey.stretched(block.depth16, block.bins, block.pool)
    return values, f"farthest and nearest valid pixel of the {_scope(block)} to {_range(block)}, linear"


def equalised(block: MapSource) -> Made:
    """Histogram equalisation of the N levels."""
    values = block.first_code + grey.equalised(block.depth16, block.levels, block.bins, block.pool)
    of = " of the scope" if block.pool else ""
    return values, f"histogram equalisation of {block.levels} levels{of} to {_range(block)}"


def _scope(block: MapSource) -> str:
    return "scope" if block.pool else "block"


def _range(block: MapSource) -> str:
    return f"{block.first_code}..{block.first_code + block.bins - 1}"


def contrast_limited(block: MapSource) -> Made:
    """Contrast-limited adaptive histogram equalisation (CLAHE)."""
    values = 255.0 * grey.contrast_limited(block.depth16, block.levels)
    tile = "x".join(str(grey.clahe_tile(side)) for side in block.depth16.shape)
    return values, (
        f"scikit-image {version('scikit-image')} equalize_adapthist of {block.levels} levels, tiles {tile} px, "
        f"clip limit {grey.CLIP_LIMIT:g}, {grey.CLAHE_BINS} bins, background filled with its nearest pixel before"
    )


def normals(block: MapSource) -> Made:
    """Components of the unit normals."""
    fit = block.fit(surface.NORMAL_RADIUS_MM)
    convention = f"255 (n + 1) / 2 of the unit normal, right, up and to the camera; {_window(fit)}"
    return 255.0 * (surface.normals(fit) + 1.0) / 2.0, convention


def _window(fit: surface.SurfaceFit) -> str:
    return f"quadric fit within {fit.radius_mm:g} mm"


def _curvature(name: str, formula: str, power: int) -> Maker:
    """Maker of a curvature map: ``name`` of ``Curvatures``; domes are bright in maps of odd ``power``."""
    flat = FLAT_PER_MM**power
    sign = -1.0 if power == 1 else 1.0

    def make(block: MapSource) -> Made:
        """The map of one block."""
        fit = block.fit(surface.CURVATURE_RADIUS_MM)
        values = getattr(surface.curvatures(fit), name)
        return 127.5 * (1.0 + np.tanh(sign * values / flat)), f"{formula}; {_window(fit)}"

    return make


def shape_index(block: MapSource) -> Made:
    """Shape index of Koenderink and van Doorn."""
    fit = block.fit(surface.CURVATURE_RADIUS_MM)
    values = 255.0 * surface.shape_index(surface.curvatures(fit))
    return values, f"255 (1/2 - atan((k1 + k2) / (k1 - k2)) / pi), domes 255, planes 128; {_window(fit)}"


def _formula(symbol: str) -> str:
    return f"127.5 (1 - tanh({symbol} / {FLAT_PER_MM:g} per mm)), domes bright"


mean_curvature = _curvature("mean", _formula("H"), 1)
gaussian_curvature = _curvature("gaussian", f"127.5 (1 + tanh(K / {FLAT_PER_MM**2:g} per mm2))", 2)
first_curvature = _curvature("k1", _formula("k1"), 1)
second_curvature = _curvature("k2", _formula("k2"), 1)
