"""STL meshes, binary or text (3D Systems, "StereoLithography Interface Specification", 1988).

Open3D is not used: it takes words that are no numbers for zeros.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat, EmptyScan
from gemax_cli.jit import kernel
from gemax_cli.scans.assemble import mesh_scan
from gemax_cli.scans.model import Scan
from gemax_cli.scans.raw_file import RawFile
from gemax_cli.scans.text_lines import next_ink
from gemax_cli.scans.text_numbers import parse_reals

_FACET = np.dtype([("normal", "<f4", (3,)), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEAD = 84  # bytes before the first facet of a binary STL: 80 of anything, and their number
_SOLID = re.compile(rb"\s*solid(?:[ \t][^\r\n]*)?(?:[\r\n]|\Z)")
_END_SOLID = re.compile(rb"\s*endsolid(?:[ \t][^\r\n]*)?(?:[\r\n]|\Z)")
_FACET_WORDS = b"facet normal * * * outer loop vertex 0 0 0 vertex 0 0 0 vertex 0 0 0 endloop endfacet "
_TEMPLATE = np.frombuffer(_FACET_WORDS, np.uint8)  # 0 is a number, * any word
_DAMAGED = "it is damaged, copy it again."


def read_stl(raw: RawFile) -> Scan:
    """Read the triangles of an STL; equal corners become one point.

    Raises:
        BadFormat: it is no STL, damaged or cut off.
        EmptyScan: it holds no triangle, or all points are the same.
    """
    path, data = raw.path, raw.data
    binary = len(data) >= _HEAD and len(data) == _HEAD + _FACET.itemsize * int.from_bytes(data[80:_HEAD], "little")
    corners = np.frombuffer(data, _FACET, -1, _HEAD)["corners"] if binary else _from_text(path, data)
    if not len(corners):
        raise EmptyScan(path, "holds no triangle: export it again or leave it out.")
    with np.errstate(invalid="ignore"):  # NaN that signals
        points = corners.reshape(-1, 3).astype(np.float64)
    if not np.isfinite(points).all():
        raise BadFormat(path, "holds coordinates that are not numbers: export it again.")
    unique, number = _welded(points)
    return mesh_scan(path, unique, number.reshape(-1, 3))


def _welded(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """The different points, (k, 3) in ascending order, and which of them each is, as of np.unique, but faster."""
    order = np.lexsort(points.T[::-1])
    ascending, first = points[order], np.ones(len(points), np.bool_)
    first[1:] = (ascending[1:] != ascending[:-1]).any(axis=1)
    number = np.empty(len(points), np.int32)
    number[order] = np.cumsum(first, dtype=np.int32) - np.int32(1)
    return ascending[first], number


def _from_text(path: Path, data: bytes) -> NDArray[np.float64]:
    """Corners (n, 3, 3) of the facets between ``solid name`` and ``endsolid``; there may be several solids."""
    if data.lstrip()[:5].lower() != b"solid":
        raise BadFormat(path, "its length is not that of its number of triangles: it is cut off or no STL.")
    at, found, text = 0, list[NDArray[np.float64]](), bytearray(data.lower())
    while solid := _SOLID.match(text, at):
        start = solid.end()
        facets, stop = keep_numbers(np.frombuffer(text, np.uint8), start, _TEMPLATE)
        end = _END_SOLID.match(text, stop)
        if facets < 0 or (end is None and next_ink(text, stop) < len(text)):
            what = "holds facets that are not spelled as those of an STL, or ends before its endsolid"
            raise BadFormat(path, f"{what}: {_DAMAGED}")
        if end is None:
            break
        if facets:
            found.append(_corners(path, text, start, stop, facets))
        at = end.end()
    if not at or next_ink(text, at) < len(text):
        raise BadFormat(path, "ends before its endsolid: it is cut off, copy it again.")
    return np.concatenate(found) if found else np.empty((0, 3, 3))


def _corners(path: Path, text: bytearray, start: int, stop: int, facets: int) -> NDArray[np.float64]:
    try:
        return parse_reals(text, start, stop).reshape(facets, 3, 3)
    except ValueError as error:
        raise BadFormat(path, f"holds a word in place of a number ({error}): {_DAMAGED}") from error


@kernel
def keep_numbers(text: NDArray[np.uint8], start: int, template: NDArray[np.uint8]) -> tuple[int, int]:
    """Overwrite by blanks all of a text but the words in the places of a template's zeros, as often as it fits.

    Args:
        text: changed in place.
        start: byte to begin at.
        template: words with a space behind each; "0" stands for a word to keep, "*" for any other.

    Returns:
        How often the template fits, -1 where it then fits in part, and the byte after that.
    """
    count, at, stop, place, fits = 0, start, start, 0, True
    while fits:
        while at < text.size and (text[at] == 32 or 9 <= text[at] <= 13):
            text[at] = 32
            at += 1
        first, free = at, template[place] == 48 or template[place] == 42
        while at < text.size and not (text[at] == 32 or 9 <= text[at] <= 13):
            if free:
                fits = fits and text[at] != 44  # no comma may become a separator
            elif template[place] == text[at]:
                place += 1
            else:
                return (-1 if place else count), stop
            at += 1
        fits = fits and at > first and (free or template[place] == 32)
        if not fits:
            return (-1 if place else count), stop
        if template[place] != 48:
            text[first:at] = 32
        place += 2 if free else 1
        if place == template.size:
            count, stop, place = count + 1, at, 0
    return count, stop
