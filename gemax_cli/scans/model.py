"""What a raw file holds, whatever its format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # (n, 3)
Triangles = NDArray[np.int32]  # (m, 3), 0-based


class Fingerprint(NamedTuple):
    """Size in bytes and SHA-256, in hexadecimal digits, of a raw file as it lies on the disk."""

    size: int
    sha256: str


class Companion(NamedTuple):
    """A file beside the raw file that belongs to what was read: landmarks, a camera, a picture.

    Attributes:
        name: of the file, without folder.
        fingerprint: of the file.
    """

    name: str
    fingerprint: Fingerprint


NO_FILE = Fingerprint(0, "")
"""Of a scan that was made in memory."""


@dataclass(frozen=True, eq=False)
class TextureMap:
    """How a picture lies on the surface.

    Attributes:
        image: file name of the picture as the scan names it, never a path to open unchecked; None if unnamed.
        coordinates: (k, 2) u to the right and v up, 0..1; NaN where a corner has no texture.
        triangles: (m, 3) rows of ``coordinates`` for the corners of the scan's triangle of the same number.
        more: names of further pictures.
        which: (m,) picture of each triangle: 0 for ``image``, then ``more``; None where there is one.
        inside: pictures that came with the scan's own file, by the names that ``image`` and ``more`` give them.
    """

    image: str | None
    coordinates: NDArray[np.float64]
    triangles: Triangles
    more: tuple[str | None, ...] = ()
    which: NDArray[np.uint8] | None = None
    inside: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class PictureColours:
    """Decoded pictures and how they lie on a surface.

    Attributes:
        pictures: (rows, columns, 3) sRGB, row 0 at v = 1, by ``TextureMap.which``; None for one that cannot be used.
        lie: how they lie on the triangles.
    """

    pictures: tuple[NDArray[np.uint8] | None, ...]
    lie: TextureMap


PointColours = NDArray[np.uint8]  # (n, 3) sRGB of the points of a surface
Colours = PictureColours | PointColours


@dataclass(frozen=True, eq=False)
class Scan:
    """A face scan: a surface, or bare points, in the raw file's own axes.

    Attributes:
        path: the file it came from.
        format: "bnt", "wrl", "abs", "ply", "png" ...
        points: (n, 3) finite coordinates; valid points only.
        triangles: (m, 3); empty for bare points. Counter-clockwise from outside where the file says so.
        grid: (rows, columns) int32 number of the point at each place of an organised scan, -1 where there is
            none; row 0 is the TOP of the picture, whatever the file's order. None for unorganised scans.
        landmarks: name to (3,) position, same axes and unit as ``points``.
        picture_landmarks: the same, of landmarks known from the picture alone; the nose tip is not taken from them.
        texture: None where the file has no texture coordinates.
        colours: (n, 3) sRGB of the points; None where the file has none.
        metric: the format fixes the axes (+X to the viewer's right, +Y up, +Z to the camera) and millimetres;
            otherwise both must be recognised.
        camera: the axes are those of a depth camera, which may have been held on its side.
        warnings: sentences on what is unusual in the file but usable.
        fingerprint: of the very bytes that the scan was read from; NO_FILE for a scan that was made in memory.
        companions: the files beside it that were read with it.
    """

    path: Path
    format: str
    points: Points
    triangles: Triangles
    grid: NDArray[np.int32] | None = None
    landmarks: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    picture_landmarks: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    texture: TextureMap | None = None
    colours: PointColours | None = None
    metric: bool = False
    camera: bool = False
    warnings: tuple[str, ...] = ()
    fingerprint: Fingerprint = NO_FILE
    companions: tuple[Companion, ...] = ()
