"""One image to its 8-bit maps: count the values, lay the levels, solve, look up. Two passes, or three over floats.

Pass one counts values; for 8 and 16 bits that is the histogram, others take a second pass for it. The last pass writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.entropy.mapping import uniform_cuts
from gemax_cli.entropy.solver import Solution, optimal_cuts_per_tau
from gemax_cli.errors import BadFormat, EmptyScan, InfeasibleTau, SettingsError
from gemax_cli.images.bins import ValueBins
from gemax_cli.images.levels import Counter, LevelGrid, ValueCounts, level_grid
from gemax_cli.images.model import ImageSource, Pixels
from gemax_cli.images.read import open_image
from gemax_cli.images.settings import ImageSettings, Tau
from gemax_cli.paths import AnyPath

Mask = NDArray[np.bool_]
Rows = tuple[Pixels, Mask]
"""(n, columns) values of some rows, and where they are data."""


@dataclass(frozen=True, eq=False)
class ImageMapping:
    """How values become grey values, for each tau.

    Attributes:
        grid: the levels.
        solutions: the cuts of each distortion bound.
        first_code: grey value of the lowest bin.
    """

    grid: LevelGrid
    solutions: tuple[tuple[Tau, Solution], ...]
    first_code: int

    def bins(self, cuts: NDArray[np.integer]) -> ValueBins:
        """The values that each grey value stands for, given the (K + 1,) cuts."""
        return ValueBins.of(self.grid, cuts, self.first_code)

    @property
    def uniform(self) -> NDArray[np.int32]:
        """Cuts of uniform quantisation to as many bins."""
        return uniform_cuts(self.grid.levels, self.solutions[0][1].bins)


# --- which pixels are data


def open_masked(path: AnyPath, settings: ImageSettings) -> MaskedImage:
    """Open an image and its mask as the settings say.

    Raises:
        ScanError: either cannot be read, or they differ in size.
    """
    image = open_image(path, settings.band)
    mask = open_image(settings.mask) if settings.mask else None
    if mask and mask.shape != image.shape:
        raise BadFormat(mask.path, f"is {mask.shape}, {image.path} is {image.shape}: give a mask of the image's size.")
    return MaskedImage(image, mask, settings.nodata)


@dataclass(frozen=True, eq=False)
class MaskedImage:
    """An image, and which of its pixels are data.

    Attributes:
        image: the values.
        mask: an image of the same size, 0 where there is no data; None where all count.
        nodata: as ``ImageSettings.nodata``.
    """

    image: ImageSource
    mask: ImageSource | None = None
    nodata: str = "file"

    @property
    def missing(self) -> float | None:
        """The value that stands for no data; None for none."""
        if self.nodata == "file":
            return self.image.nodata
        return None if self.nodata in ("nan", "none") else float(self.nodata)

    @property
    def may_lack_data(self) -> bool:
        """Whether some pixels may be no data; known before they are read."""
        return self.image.dtype.kind == "f" or self.missing is not None or self.mask is not None

    def rows(self) -> Iterator[tuple[int, Rows]]:
        """Yield (first row, (values, which are data)).

        Raises:
            ScanError: the file cannot be read; or it has NaN or infinite values, and every pixel shall be data.
        """
        masks = _Reread(self.mask) if self.mask else None
        for start, values in self.image.blocks():
            valid = np.isfinite(values) if values.dtype.kind == "f" else np.ones(values.shape, np.bool_)
            if self.nodata == "none" and not valid.all():
                message = "has NaN or infinite values, which cannot be mapped: leave out --nodata none."
                raise BadFormat(self.image.path, message)
            if self.missing is not None:
                valid &= values != _as_stored(self.missing, values.dtype)
            if masks:
                valid &= masks.next_rows(len(values)) != 0
            yield start, (values, valid)

    def data(self) -> Iterator[NDArray[Any]]:
        """Yield the values of the pixels that are data, flat."""
        for _, (values, valid) in self.rows():
            yield values.ravel() if valid.all() else values[valid]


def _as_stored(value: float, dtype: np.dtype[Any]) -> float:
    """The value as pixels of this type hold it: that of a float32 image is rounded to float32."""
    return float(np.float64(value).astype(dtype)) if dtype.kind == "f" else value


class _Reread:
    """Read an image in blocks of given heights."""

    def __init__(self, image: ImageSource) -> None:
        self._blocks = (block for _, block in image.blocks())
        self._rest: Pixels = np.empty((0, image.columns), image.dtype)

    def next_rows(self, height: int) -> Pixels:
        """The next ``height`` rows."""
        parts, have = [self._rest], len(self._rest)
        while have < height:
            parts.append(next(self._blocks))
            have += len(parts[-1])
        rows = np.concatenate(parts) if len(parts) > 1 else parts[0]
        self._rest = rows[height:]
        return rows[:height]


# --- the passes


def count_values(masked: MaskedImage) -> ValueCounts:
    """Count the values of an image: the first pass.

    Raises:
        EmptyScan: no pixel is data.
        ScanError: the image cannot be read.
    """
    counter = Counter(masked.image.dtype)
    for values in masked.data():
        counter.add(values)
    counts = counter.result()
    if not counts.values.size:
        raise EmptyScan(masked.image.path, "holds no pixel with data: check --nodata and --mask.")
    return counts


def count_levels(masked: MaskedImage, grid: LevelGrid) -> NDArray[np.int64]:
    """Pixels per level, (N,), by a pass over the image."""
    total = np.zeros(grid.levels, np.int64)
    for values in masked.data():
        total += np.bincount(grid.level_of(values), minlength=grid.levels)
    return total


def solve_image(grid: LevelGrid, histogram: NDArray[np.int64], settings: ImageSettings) -> ImageMapping:
    """The best cuts for each tau; an image of fewer levels than bins has as many bins as levels.

    Raises:
        InfeasibleTau: a tau is too small for the levels and bins; the message says the smallest that works.
    """
    bins = min(settings.bins - settings.first_code, grid.levels)
    taus = settings.parsed_taus
    in_levels = [tau.in_levels(grid.levels, bins) for tau in taus]
    for tau in in_levels:
        if tau * bins < grid.levels:
            raise InfeasibleTau(grid.levels, bins, tau)
    found = optimal_cuts_per_tau(histogram, bins, in_levels)
    return ImageMapping(grid, tuple(zip(taus, found, strict=True)), settings.first_code)


def find_mapping(masked: MaskedImage, settings: ImageSettings) -> ImageMapping:
    """The mapping of one image on its own.

    Raises:
        ScanError: the image cannot be read, or no pixel is data.
        SettingsError: tau, range or scale do not fit its values.
    """
    counts = count_values(masked)
    grid = level_grid(counts, settings)
    return solve_image(grid, grid.histogram(counts) if counts.exact else count_levels(masked, grid), settings)


@dataclass(frozen=True, eq=False)
class MappedImage:
    """One image, its mapping, and its maps.

    Attributes:
        mapping: levels and cuts.
        mask: (rows, columns), where there is data.
        maps: (rows, columns) uint8 for each tau, 0 where there is no data.
    """

    mapping: ImageMapping
    mask: Mask
    maps: dict[str, NDArray[np.uint8]]


def map_image(image: AnyPath | NDArray[Any], settings: ImageSettings | None = None) -> MappedImage:
    """Map one image in memory: a file, or a (rows, columns) array of real values.

    Raises:
        ScanError: the file cannot be read, or no pixel is data.
        SettingsError: tau, range or scale do not fit its values.
    """
    settings = settings or ImageSettings()
    masked = open_masked(image, settings) if not isinstance(image, np.ndarray) else array_image(image, settings)
    mapping = find_mapping(masked, settings)
    rows = [(values, valid) for _, (values, valid) in masked.rows()]
    maps = {
        tau.text: np.concatenate([mapping.bins(found.cuts).grey(*part) for part in rows])
        for tau, found in mapping.solutions
    }
    return MappedImage(mapping, np.concatenate([valid for _, valid in rows]), maps)


def array_image(values: NDArray[Any], settings: ImageSettings) -> MaskedImage:
    """An array as an image.

    Raises:
        SettingsError: it is no (rows, columns) array of real numbers.
    """
    if values.ndim != 2 or not values.size or values.dtype.kind not in "iuf":
        raise SettingsError(f"the image is {values.shape} of {values.dtype}: give (rows, columns) of real numbers.")
    dtype, (rows, columns) = values.dtype.newbyteorder("="), values.shape
    source = ImageSource(Path("array"), rows, columns, dtype, lambda: iter([values]))
    return MaskedImage(source, open_image(settings.mask) if settings.mask else None, settings.nodata)
