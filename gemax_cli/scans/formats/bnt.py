"""Bosphorus: organised scans (.bnt) and their landmarks (.lm3, .lm2)."""

from __future__ import annotations

import math
import os
import re
import struct
from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gemax_cli.datasets.bosphorus import BOSPHORUS
from gemax_cli.datasets.ids import bare_name
from gemax_cli.errors import BadFormat, ScanError
from gemax_cli.scans.files import fingerprint_of, open_scan
from gemax_cli.scans.grid import distance_to, gather_grid, surface_of
from gemax_cli.scans.model import Fingerprint, Points, Scan, TextureMap, Triangles

NOSE_TIP = BOSPHORUS.nose_tip
FARTHEST_TIP_MM = 40.0  # a nose tip farther from every point does not belong to this scan
MOST_PLACES = 1 << 22  # of a grid; the database's have about 48,000
_LARGEST_LANDMARK_FILE = 1 << 18  # bytes; the database's have about 1,000
_HEAD = struct.Struct("<HHdH")  # rows, columns, z of the background, length of the image's name
_COUNT = struct.Struct("<I")  # of values in all five columns
_COLUMNS = 5  # x, y, z and two texture coordinates
_Landmarks = dict[str, NDArray[np.float64]]


class BntHeader(NamedTuple):
    """What stands before the numbers of a .bnt: size of the grid, z of its background, name of its picture."""

    rows: int
    columns: int
    background: float
    image: bytes


def parse_bnt_header(data: bytes, size: int) -> BntHeader | str:
    """Take apart the start of a .bnt of ``size`` bytes; a sentence instead where it cannot be one.

    ``data`` is the file's start, ``18 + length of the image's name`` bytes at least.
    """
    rows, columns, background, length = _HEAD.unpack_from(data) if len(data) >= _HEAD.size else (0, 0, 0.0, 0)
    start = _HEAD.size + length + _COUNT.size
    if len(data) < start:
        return f"ends after {size} bytes, within its header: copy it again from the source."
    (count,) = _COUNT.unpack_from(data, start - _COUNT.size)
    if count != rows * columns * _COLUMNS or count == 0:
        return f"is no Bosphorus scan: its header says {rows} x {columns} points and {count} values."
    if rows * columns > MOST_PLACES:
        return f"says it holds {rows} x {columns} points: more than the {MOST_PLACES} that are read."
    if size != start + 8 * count:
        return f"has {size} bytes where its header asks for {start + 8 * count}: copy it again from the source."
    return BntHeader(rows, columns, background, data[_HEAD.size : _HEAD.size + length])


def read_bnt(path: Path) -> Scan:
    """Read a Bosphorus scan, with the landmarks of the .lm3 beside it.

    Places are valid where z is not the background's; their order is row by row from the top of the picture.
    Landmarks that cannot be used (a broken .lm3, a nose tip that is not on the face) become a warning.

    Raises:
        FileUnreadable: the file is missing or may not be read.
        BadFormat: its length is not what its header asks for, or its points form no grid.
        EmptyScan: it is empty, all background, or flat.
    """
    header, planes, fingerprint = _read_planes(path)
    if not planes[2, -1, -1] and not planes[3:].any():
        raise BadFormat(path, "ends in nothing but zeros, as unfinished copies do: copy it again from the source.")
    gathered = gather_grid(planes, header.background, bottom_up=True)
    triangles = surface_of(path, gathered)
    landmarks, warnings = _landmarks_of(path, gathered.points)
    if gathered.impossible:
        warnings.insert(0, f"points dropped for impossible coordinates: {gathered.impossible}.")
    return Scan(
        path=path,
        format="bnt",
        points=gathered.points,
        triangles=triangles,
        grid=gathered.grid,
        landmarks=landmarks,
        texture=_texture(path, header.image, gathered.extras, triangles),
        metric=True,
        warnings=tuple(warnings),
        fingerprint=fingerprint,
    )


def read_lm3(path: Path) -> dict[str, NDArray[np.float64]]:
    """Read 3-D landmarks: name to (3,) position in mm, not finite where the file says so.

    Names are spelled as in the database ("Nose tip") whatever the file's capitals. Any number of landmarks is taken.

    Raises:
        FileUnreadable: the file is missing or may not be read.
        EmptyScan: it has no bytes.
        BadFormat: it is no landmark file, is cut short, or has text where numbers belong.
    """
    count, lines = _landmark_lines(path, "3D")
    if len(lines) != 2 * count:
        raise BadFormat(path, f"has {len(lines) // 2} landmarks where it announces {count}.")
    return _named(path, lines[::2], lines[1::2], 3)


def read_lm2(path: Path) -> dict[str, NDArray[np.float64]]:
    """Read 2-D landmarks: name to (2,) u, v in pixels of the texture picture, v downwards.

    Raises:
        FileUnreadable, EmptyScan, BadFormat: as ``read_lm3``.
    """
    count, lines = _landmark_lines(path, "2D")
    titles = [line.lower() for line in lines]
    if len(lines) != 2 * count + 2 or titles[0] != "labels:" or titles[count + 1] != "2d image coordinates:":
        raise BadFormat(path, f"does not hold {count} labels and as many coordinates.")
    return _named(path, lines[1 : count + 1], lines[count + 2 :], 2)


def _read_planes(path: Path) -> tuple[BntHeader, NDArray[np.float64], Fingerprint]:
    with open_scan(path) as file:
        size = os.fstat(file.fileno()).st_size
        head = _read_head(file)
        header = parse_bnt_header(head, size)
        if isinstance(header, str):
            raise BadFormat(path, header)
        # Read straight into aligned memory: a view into the file's bytes would start at an odd address.
        planes = np.empty((_COLUMNS, header.rows, header.columns), "<f8")
        if file.readinto(planes.data) != planes.nbytes:
            raise BadFormat(path, "became shorter while it was read: copy it again from the source.")
    return header, planes.astype(np.float64, copy=False), fingerprint_of(head, planes.ravel().data)


def _read_head(file: FileIO) -> bytes:
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return head
    return head + file.read(_HEAD.unpack(head)[3] + _COUNT.size)


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


def _landmark_lines(path: Path, kind: str) -> tuple[int, list[str]]:
    """The number of landmarks that a file announces, and its lines behind that, blank ones left out."""
    with open_scan(path) as file:
        data = file.read(_LARGEST_LANDMARK_FILE + 1)
    if len(data) > _LARGEST_LANDMARK_FILE:
        raise BadFormat(path, "is far too large for a landmark file.")
    lines = [line for line in (raw.strip() for raw in data.decode("latin-1").splitlines()) if line]
    if not lines or lines[0].lower() != f"# {kind} landmark file".lower():
        raise BadFormat(path, f"does not begin with '# {kind} Landmark File'.")
    announced = re.fullmatch(r"([0-9]{1,6}) landmarks:?", lines[1], re.IGNORECASE) if len(lines) > 1 else None
    if announced is None:
        raise BadFormat(path, "does not say how many landmarks it holds.")
    return int(announced[1]), lines[2:]


def _named(path: Path, names: list[str], rows: list[str], size: int) -> _Landmarks:
    landmarks: _Landmarks = {}
    for name, row in zip(names, rows, strict=True):
        place = _numbers(row)
        key = " ".join(name.split()).capitalize()
        if len(place) != size:
            raise BadFormat(path, f"has {row[:40]!r} where the {size} coordinates of {name[:40]!r} belong.")
        if key in landmarks:
            raise BadFormat(path, f"names {name[:40]!r} twice.")
        landmarks[key] = place
    return landmarks


def _numbers(row: str) -> NDArray[np.float64]:
    try:
        return np.array([float(word) for word in row.split()])
    except ValueError:
        return np.empty(0)
