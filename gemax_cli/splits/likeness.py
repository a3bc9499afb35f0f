"""How alike the depth images of scans are: copies under other names, and the nearest neighbour of each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import depth_of_code
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.images import load_codes
from gemax_cli.stack.records import BlockRecord, ScanRecord

SIDE = 28  # cells; images of 224 pixels are compared at 28 x 28
COPY_MM = 0.1  # depth images that differ by less, root mean square over common cells, are of one scan
LEAST_COMMON = 0.9  # of the cells of either image
MOST_SCANS = 4000  # compared pair by pair
AT_ONCE = 256  # scans that are compared with all others in one product


@dataclass(frozen=True, eq=False)
class Likeness:
    """The images of some scans, ready to compare.

    Attributes:
        scans: in order.
        cells: (n, SIDE * SIDE) float32, mean depth of each cell, mm; NaN where there is no data.
        prints: of each scan, a digest per image, the same for an image and its mirror image.
    """

    scans: tuple[ScanRecord, ...]
    cells: NDArray[np.float32]
    prints: tuple[frozenset[str], ...]

    @classmethod
    def of(cls, folder: OutputFolder, scans: Sequence[ScanRecord]) -> Likeness:
        """Read depth16.png and the GEMax maps of the first block of each scan.

        Raises:
            ScanError: an image cannot be read.
        """
        chosen = [scan for scan in scans if scan.blocks]
        cells, prints = [], []
        for scan in chosen:
            codes = load_codes(folder.guard.path(scan.blocks[0].file))
            cells.append(cell_depths(codes, scan.blocks[0].depth_mm))
            prints.append(frozenset([fingerprint(codes), *_map_prints(folder, scan.blocks[0])]))
        stacked = np.array(cells, np.float32).reshape(len(chosen), SIDE * SIDE)
        return cls(tuple(chosen), stacked, tuple(prints))

    def rows(self) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
        """Of each scan, its number and its distances to all, as they are and mirrored, mm; inf to itself."""
        mirrored = self.cells.reshape(-1, SIDE, SIDE)[..., ::-1].reshape(len(self.cells), -1)
        for first in range(0, len(self.cells), AT_ONCE):
            some = self.cells[first : first + AT_ONCE]
            both = (distances(some, others) for others in (self.cells, mirrored))
            for i, (plain, turned) in enumerate(zip(*both, strict=True), first):
                plain[i] = turned[i] = np.inf
                yield i, plain, turned


def _map_prints(folder: OutputFolder, block: BlockRecord) -> Iterator[str]:
    for file in dict.fromkeys(m.file for m in block.maps):
        yield fingerprint(folder.image(file))


def fingerprint(image: NDArray[np.uint8] | NDArray[np.uint16]) -> str:
    """SHA-256 of the pixels of an image or of its mirror image, whichever is less."""
    return min(hashlib.sha256(np.ascontiguousarray(one).tobytes()).hexdigest() for one in (image, image[:, ::-1]))


def cell_depths(codes: NDArray[np.uint16], depth_mm: float) -> NDArray[np.float32]:
    """(SIDE * SIDE,) mean depth of the valid pixels of each cell, mm; NaN in cells that are less than half valid."""
    rows, columns = (np.arange(size) * SIDE // size for size in codes.shape)
    cell = (rows[:, None] * SIDE + columns).ravel()
    valid = codes.ravel() > 0
    pixels, count = (np.bincount(cell, weights, SIDE * SIDE) for weights in (None, valid))
    depth = np.nan_to_num(depth_of_code(codes.ravel(), depth_mm), nan=0.0)
    total = np.bincount(cell, depth, SIDE * SIDE)
    mean = total / np.maximum(count, 1)
    return np.where(2 * count >= np.maximum(pixels, 1), mean, np.nan).astype(np.float32)


def distances(some: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """(m, n) root mean square differences over common cells, mm; inf where too few are common.

    The sum of (a - b)^2 is that of a^2 + b^2 - 2 a b, products of matrices; what these round off is rounded away.
    """
    here, there = (np.isfinite(cells).astype(np.float64) for cells in (some, others))
    a, b = (np.nan_to_num(cells.astype(np.float64), nan=0.0) for cells in (some, others))
    common = here @ there.T
    squares = a**2 @ there.T + here @ (b**2).T - 2 * (a @ b.T)
    enough = common >= LEAST_COMMON * np.maximum(here.sum(1)[:, None], there.sum(1))
    mean = np.maximum(squares, 0.0) / np.maximum(common, 1)
    return np.where(enough & (common > 0), np.sqrt(mean).round(4), np.inf)


def spread_evenly(scans: Sequence[ScanRecord], most: int) -> list[ScanRecord]:
    """Up to ``most`` scans, evenly over the list."""
    if len(scans) <= most:
        return list(scans)
    return [scans[i] for i in np.linspace(0, len(scans) - 1, most).astype(int)]
