"""The 8-bit maps in a folder, with the depth images that belong to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.stack.naming import DEPTH16
from gemax_cli.stack.png import read_png

TAU = re.compile(r"gemax_tau(\d+(?:_\d+)*)\.png")


@dataclass(frozen=True)
class MapImage:
    """One 8-bit image on disk, or one channel of it.

    Attributes:
        path: the PNG.
        name: what kind of map it is: "gemax_tau020", or the file's stem.
        tau: of a GEMax map, None of others.
        channel: of an RGB image, None of a grey one.
    """

    path: Path
    name: str
    tau: int | None
    channel: int | None

    def pixels(self) -> NDArray[np.uint8]:
        """(rows, columns) grey values.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no 8-bit image.
        """
        image = read_png(self.path)
        if image.dtype != np.uint8:
            raise ValueError(f"{self.path}: has {8 * image.dtype.itemsize} bits, not 8: it is no map.")
        return image if image.ndim == 2 else image[..., self.channel or 0]


@dataclass(frozen=True)
class ScanImages:
    """The maps in one folder and the 16-bit depth image beside them, if there is one."""

    folder: Path
    depth16: Path | None
    maps: tuple[MapImage, ...]

    def codes(self) -> NDArray[np.uint16] | None:
        """(rows, columns) 16-bit codes, or None."""
        return None if self.depth16 is None else read_png(self.depth16)


def scan_folders(root: Path) -> Iterator[ScanImages]:
    """Every folder below ``root`` that holds PNG maps, in order of path; hidden ones are passed over."""
    for folder in sorted({path.parent for path in root.rglob("*.png") if not _hidden(path, root)}):
        files = sorted(path for path in folder.glob("*.png") if not path.name.startswith("."))
        depth16 = folder / DEPTH16
        maps = tuple(m for path in files if path != depth16 for m in _maps_of(path))
        yield ScanImages(folder, depth16 if depth16 in files else None, maps)


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _maps_of(path: Path) -> list[MapImage]:
    match = TAU.fullmatch(path.name)
    if not match:
        return [MapImage(path, path.stem, None, None)]
    taus = [int(tau) for tau in match[1].split("_")]
    grey = len(taus) == 1 and bits_and_channels(path) == (8, 1)
    return [MapImage(path, f"gemax_tau{tau:03d}", tau, None if grey else i) for i, tau in enumerate(taus)]


def bits_and_channels(path: Path) -> tuple[int, int]:
    """Bit depth and channels from a PNG's header; (0, 0) for what is no PNG."""
    with path.open("rb") as file:
        head = file.read(26)
    if len(head) < 26 or head[:8] != b"\x89PNG\r\n\x1a\n":
        return 0, 0
    return head[24], {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(head[25], 0)
