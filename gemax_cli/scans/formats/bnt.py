"""Bosphorus: organised scans (.bnt) and their landmarks (.lm3)."""

from __future__ import annotations

import math
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.datasets.bosphorus import BOSPHORUS
from gemax_cli.datasets.ids import bare_name
from gemax_cli.errors import BadFormat, ScanError
from gemax_cli.scans.grid import distance_to, gather_grid, gathered_scan
from gemax_cli.scans.model import Points, Scan, TextureMap, Triangles
from gemax_cli.scans.picture import find_picture, picture_size
from gemax_cli.scans.raw_file import RawFile, read_raw

NOSE_TIP = BOSPHORUS.nose_tip
FARTHEST_TIP_MM = 40.0  # a nose tip farther from every point does not belong to this scan
USUAL_LANDMARKS = 22  # of a .lm3; with fewer, the .lm2 is looked at, too
MOST_PLACES = 1 << 22  # of a grid; the database's have about 48,000
_MAX_LANDMARK_BYTES = 1 << 18  # the database's have about 1,000
_HEAD = struct.Struct("<HHdH")  # rows, columns, z of the background, length of the image's name
_COUNT = struct.Struct("<I")  # of values in all five columns
_NEAREST = 4  # points about a mark in the picture whose triangles may hold it
_ROUNDING = 1e-9
_COLUMNS = 5  # x, y, z and two texture coordinates
_Landmarks = dict[str, NDArray[np.float64]]


def read_bnt(raw: RawFile) -> Scan:
    """Read a Bosphorus scan, with the landmarks of the .lm3 beside it, and of the .lm2 those that it lacks.

    A grid position is valid where z is not the background's; points are ordered row by row from the top.
    Landmarks that cannot be used (a broken .lm3, a nose tip that is not on the face) become a warning.

    Raises:
        BadFormat: its length is not what its header asks for, or its points form no grid.
        EmptyScan: it is all background, or flat.
    """
    path = raw.path
    planes, background, image = _parts(path, raw.data)
    if not planes[2, -1, -1] and not planes[3:].any():
        raise BadFormat(path, "ends in nothing but zeros, as unfinished copies do: copy it again from the source.")
    gathered = gather_grid(planes, background, bottom_up=True)
    scan = gathered_scan(path, "bnt", gathered)
    landmarks, warnings = _landmarks_of(path, gathered.points)
    texture = _texture(path, image, gathered.extras, scan.triangles)
    marked = _marked_in_picture(scan, texture) if len(landmarks) < USUAL_LANDMARKS else {}
    others = {name: place for name, place in marked.items() if name not in landmarks}
    warnings = [*scan.warnings, *warnings]
    return replace(scan, landmarks=landmarks, picture_landmarks=others, texture=texture, warnings=tuple(warnings))


def read_lm3(path: Path) -> dict[str, NDArray[np.float64]]:
    """Read 3-D landmarks: name to (3,) position in mm, not finite where the file says so.

    Names are spelled as in the database ("Nose tip") whatever the file's capitals. Any number of landmarks is taken.

    Raises:
        FileUnreadable: the file is missing or may not be read.
        EmptyScan: it has no bytes.
        BadFormat: it is no landmark file, is cut short, or has text where numbers belong.
    """
    text = read_raw(path, _MAX_LANDMARK_BYTES).data.decode("latin-1")
    lines = [line for line in (raw.strip() for raw in text.splitlines()) if line]
    if not lines or lines[0].lower() != "# 3d landmark file":
        raise BadFormat(path, "does not begin with '# 3D Landmark File'.")
    announced = re.fullmatch(r"([0-9]{1,6}) landmarks:?", lines[1], re.IGNORECASE) if len(lines) > 1 else None
    if announced is None:
        raise BadFormat(path, "does not say how many landmarks it holds.")
    if len(lines) - 2 != 2 * int(announced[1]):
        raise BadFormat(path, f"has {len(lines) // 2 - 1} landmarks where it announces {int(announced[1])}.")
    return _named(path, lines[2::2], lines[3::2])


def read_lm2(path: Path) -> dict[str, NDArray[np.float64]]:
    """Read 2-D landmarks: name to (2,) place in the picture, pixels to the right and down.

    Raises:
        FileUnreadable: the file is missing or may not be read.
        EmptyScan: it has no bytes.
        BadFormat: it is no landmark file, is cut short, or has text where numbers belong.
    """
    text = read_raw(path, _MAX_LANDMARK_BYTES).data.decode("latin-1")
    lines = [line for line in (raw.strip() for raw in text.splitlines()) if line]
    announced = re.fullmatch(r"([0-9]{1,6}) landmarks:?", lines[1], re.IGNORECASE) if len(lines) > 1 else None
    if announced is None or lines[0].lower() != "# 2d landmark file":
        raise BadFormat(path, "does not begin with '# 2D Landmark File' and a number of landmarks.")
    names, places = lines[3 : 3 + int(announced[1])], lines[4 + int(announced[1]) :]
    if len(names) != len(places) or not names or not lines[3 + len(names)].lower().startswith("2d image coordinates"):
        raise BadFormat(path, f"does not hold names and coordinates of {int(announced[1])} landmarks.")
    return _named(path, names, places, 2)


def _marked_in_picture(scan: Scan, texture: TextureMap) -> _Landmarks:
    """The landmarks of the .lm2 beside a scan, on its surface; none where it or the picture cannot be used."""
    file = next((f for f in (scan.path.with_suffix(".lm2"), scan.path.with_suffix(".LM2")) if os.path.lexists(f)), None)
    if file is None:
        return {}
    try:
        marks, size = read_lm2(file), picture_size(find_picture(scan.path, texture.image))
    except ScanError:
        return {}
    found = {name: _on_surface(scan, texture, mark, size) for name, mark in marks.items()}
    return {name: place for name, place in found.items() if place is not None}


def _on_surface(
    scan: Scan, texture: TextureMap, mark: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.float64] | None:
    """The point of the surface at a pixel of a picture of ``size`` (columns, rows); None where it shows no surface."""
    away = (texture.coordinates * (1.0, -1.0) + (0.0, 1.0)) * size - mark
    near = np.flatnonzero(np.isin(scan.triangles, np.argsort((away * away).sum(axis=1))[:_NEAREST]).any(axis=1))
    a, b, c = np.moveaxis(away[scan.triangles[near]], 1, 0)
    with np.errstate(all="ignore"):
        shares = np.stack([_cross(b, c), _cross(c, a), _cross(a, b)], axis=1)
        shares /= shares.sum(axis=1, keepdims=True)
    inside = np.flatnonzero((shares >= -_ROUNDING).all(axis=1))
    if not len(inside):
        return None
    place: NDArray[np.float64] = shares[inside[0]] @ scan.points[scan.triangles[near[inside[0]]]]
    return place


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


def _parts(path: Path, data: bytes) -> tuple[NDArray[np.float64], float, bytes]:
    """The planes x, y, z, u, v (5, rows, columns), z of the background, and the name of the picture.

    Raises:
        BadFormat: the sizes in the header do not fit each other and the file.
    """
    rows, columns, background, length = _HEAD.unpack_from(data) if len(data) >= _HEAD.size else (0, 0, 0.0, 0)
    end = _HEAD.size + length + _COUNT.size
    if len(data) < end:
        raise BadFormat(path, f"ends after {len(data)} bytes, within its header: copy it again from the source.")
    (count,) = _COUNT.unpack_from(data, end - _COUNT.size)
    if count != rows * columns * _COLUMNS or count == 0:
        raise BadFormat(path, f"is no Bosphorus scan: its header says {rows} x {columns} points and {count} values.")
    if rows * columns > MOST_PLACES:
        raise BadFormat(path, f"says it holds {rows} x {columns} points: more than the {MOST_PLACES} that are read.")
    if len(data) != end + 8 * count:
        sizes = f"has {len(data)} bytes where its header asks for {end + 8 * count}"
        raise BadFormat(path, f"{sizes}: copy it again from the source.")
    # copied, so that the numbers begin at an even address
    planes = np.frombuffer(data, "<f8", count, end).astype(np.float64).reshape(_COLUMNS, rows, columns)
    return planes, background, data[_HEAD.size : _HEAD.size + length]


def _texture(path: Path, image: bytes, coordinates: NDArray[np.float64], triangles: Triangles) -> TextureMap:
    if not np.isfinite(coordinates).all():
        coordinates = np.nan_to_num(coordinates, nan=0.0, posinf=1.0, neginf=0.0)
    np.clip(coordinates, 0.0, 1.0, out=coordinates)
    # The file's second coordinate is 0 at the top of the picture.
    np.subtract(1.0, coordinates[:, 1], out=coordinates[:, 1])
    return TextureMap(bare_name(image.decode("utf-8", "replace")) or f"{path.stem}.png", coordinates, triangles)


def _landmarks_of(path: Path, points: Points) -> tuple[_Landmarks, list[str]]:
    """The usable landmarks beside a scan, and a sentence on each that is not."""
    file = next((f for f in (path.with_suffix(".lm3"), path.with_suffix(".LM3")) if os.path.lexists(f)), None)
    if file is None:
        return {}, []
    try:
        landmarks = read_lm3(file)
    except ScanError as error:
        return {}, [f"the landmark file {file.name} is not used: {error.message}"]
    return _usable(landmarks, points)


def _usable(landmarks: Mapping[str, NDArray[np.float64]], points: Points) -> tuple[_Landmarks, list[str]]:
    usable = {name: at for name, at in landmarks.items() if all(map(math.isfinite, at))}
    warnings = [f"the landmark {name!r} is not used: it is not finite." for name in landmarks if name not in usable]
    tip = usable.get(NOSE_TIP)
    if tip is not None and (gap := distance_to(points, tip)) > FARTHEST_TIP_MM:
        del usable[NOSE_TIP]
        warnings.append(f"the landmark {NOSE_TIP!r} is not used: it is {gap:.0f} mm away from the scan.")
    return usable, warnings


def _named(path: Path, names: list[str], rows: list[str], count: int = 3) -> _Landmarks:
    landmarks: _Landmarks = {}
    for name, row in zip(names, rows, strict=True):
        place = _numbers(row)
        key = " ".join(name.split()).capitalize()
        if len(place) != count:
            raise BadFormat(path, f"has {row[:40]!r} where the {count} coordinates of {name[:40]!r} belong.")
        if key in landmarks:
            raise BadFormat(path, f"names {name[:40]!r} twice.")
        landmarks[key] = place
    return landmarks


def _numbers(row: str) -> NDArray[np.float64]:
    try:
        return np.array([float(word) for word in row.split()])
    except ValueError:
        return np.empty(0)
