"""BU-3DFE, BU-4DFE, CASIA-3D and other ``.wrl`` files to a Scan, with the landmark files of BU-3DFE."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.datasets.ids import split_suffix
from gemax_cli.errors import ScanError
from gemax_cli.scans.assemble import check_points
from gemax_cli.scans.formats.vrml import VrmlText
from gemax_cli.scans.formats.vrml_mesh import surface
from gemax_cli.scans.model import Points, Scan
from gemax_cli.scans.raw_file import RawFile, read_raw

BND_COUNT = 83
PSE_COUNT = 8
LANDMARK_TOLERANCE = 1.0
"""How far a landmark's own coordinates may lie from the point it names, in the file's unit (mm)."""

FACE_SIZES = (60.0, 1500.0)
"""Longest side of the bounding box of a face or head scan in millimetres, neck and clothing included."""

_MAX_LANDMARK_BYTES = 100_000

Landmarks = dict[str, NDArray[np.float64]]


def read_wrl(raw: RawFile) -> Scan:
    """Read a VRML 97 file and the landmark file beside it.

    The scan is ``metric`` (millimetres, +Y up, +Z to the camera: BU-3DFE, BU-4DFE and CASIA-3D) where its longest
    side is that of a face in millimetres (FACE_SIZES); VRML itself fixes neither unit nor view.

    ``X_F3D.wrl``, or any other name, may have ``X_F3D.bnd`` beside it: 83 landmarks "bnd_0" to "bnd_82".
    ``X_RAW.wrl`` may have ``X_RAW.pse``: 8 landmarks "pse_0" to "pse_7". A landmark's position is that of
    the point it names.

    Raises:
        BadFormat: it is no VRML 97, incomplete, contradicts itself, or holds coordinates beyond any unit.
        EmptyScan: it holds no face, or all points are the same.
    """
    mesh = surface(VrmlText(raw.path, raw.data))
    side = check_points(raw.path, mesh.points)
    landmarks, warnings = _landmarks_beside(raw.path, mesh.points)
    return Scan(
        path=raw.path,
        format="wrl",
        points=mesh.points,
        triangles=mesh.triangles,
        landmarks=landmarks,
        texture=mesh.texture,
        metric=FACE_SIZES[0] <= side <= FACE_SIZES[1],
        warnings=mesh.warnings + warnings,
    )


def _landmarks_beside(path: Path, points: Points) -> tuple[Landmarks, tuple[str, ...]]:
    """Landmarks and warnings. The numbers in a .bnd fit the cropped surface (F3D) alone, those in a .pse RAW."""
    stem = split_suffix(path.name)[0]
    kind, count = ("pse", PSE_COUNT) if stem.upper().endswith("_RAW") else ("bnd", BND_COUNT)
    for suffix in (f".{kind}", f".{kind.upper()}"):
        beside = path.with_name(stem + suffix)
        if beside.is_file():
            return read_landmarks(beside, points, kind, count)
    return {}, ()


def read_landmarks(path: Path, points: Points, kind: str, count: int) -> tuple[Landmarks, tuple[str, ...]]:
    """The landmarks of a .bnd or .pse file: lines of the number of a point and its x, y, z.

    A line counts only if its point exists and lies within LANDMARK_TOLERANCE of its coordinates. A file that has
    another number of lines is left out, because a landmark is known by its line alone.

    Args:
        path: the landmark file.
        points: (n, 3) of the scan.
        kind: prefix of the names, "bnd" or "pse".
        count: lines that the file must have.

    Returns:
        Position by name, "bnd_36"; and sentences on what was left out.
    """
    try:
        lines = read_raw(path, _MAX_LANDMARK_BYTES).data.decode("latin-1").splitlines()
    except ScanError as error:
        return {}, (f"{path.name} is left out: {error.message}",)
    lines = [line for line in lines if line.strip()]
    if len(lines) != count:
        return {}, (f"{path.name} is left out: it has {len(lines)} landmarks in place of {count}.",)
    found = {f"{kind}_{number}": _position(line, points) for number, line in enumerate(lines)}
    landmarks = {name: position for name, position in found.items() if position is not None}
    if len(landmarks) == count:
        return landmarks, ()
    missing = count - len(landmarks)
    if missing > count // 2:
        return {}, (f"{path.name} is left out: {missing} of its {count} landmarks do not fit the surface.",)
    return landmarks, (f"{path.name}: {missing} of {count} landmarks do not fit the surface and are left out.",)


def _position(line: str, points: Points) -> NDArray[np.float64] | None:
    """The point that a landmark line names; None where the line is broken or contradicts the surface."""
    parts = line.replace(",", " ").split()
    try:
        number, place = int(parts[0]), [float(part) for part in parts[1:4]]
    except (ValueError, IndexError):
        return None
    if len(parts) != 4 or not 0 <= number < len(points):
        return None
    point: NDArray[np.float64] = points[number]
    return point.copy() if math.dist(place, point.tolist()) <= LANDMARK_TOLERANCE else None
