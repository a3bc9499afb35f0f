"""STL meshes, binary or text (3D Systems, "StereoLithography Interface Specification", 1988).

Open3D is not used: it takes words that are no numbers for zeros.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat, EmptyScan
from gemax_cli.scans.assemble import mesh_scan
from gemax_cli.scans.model import Scan
from gemax_cli.scans.raw_file import RawFile
from gemax_cli.scans.text_numbers import MalformedNumber, parse_reals

_FACET = np.dtype([("normal", "<f4", (3,)), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEAD = 84  # bytes before the first facet of a binary STL: 80 of anything, and their number
_SOLID = re.compile(rb"\s*solid(?:[ \t][^\r\n]*)?[\r\n](.*?)\bendsolid(?:[ \t][^\r\n]*)?(?:[\r\n]|\Z)", re.DOTALL)
_NUMBER = b"0"  # stands for any number in the words of a facet
_WORDS = b"facet normal 0 0 0 outer loop vertex 0 0 0 vertex 0 0 0 vertex 0 0 0 endloop endfacet".split()
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
    unique, number = np.unique(points, axis=0, return_inverse=True)
    return mesh_scan(path, unique, np.reshape(number, (-1, 3)).astype(np.int32))


def _from_text(path: Path, data: bytes) -> NDArray[np.float64]:
    """Corners (n, 3, 3) of the facets between ``solid name`` and ``endsolid``; there may be several solids."""
    if data.lstrip()[:5].lower() != b"solid":
        raise BadFormat(path, "its length is not that of its number of triangles: it is cut off or no STL.")
    at, found, text = 0, list[NDArray[np.float64]](), data.lower()
    while solid := _SOLID.match(text, at):
        found.append(_facets(path, solid[1].split()))
        at = solid.end()
    if not found or text[at:].strip():
        raise BadFormat(path, "ends before its endsolid: it is cut off, copy it again.")
    return np.concatenate(found)


def _facets(path: Path, words: list[bytes]) -> NDArray[np.float64]:
    """Corners (n, 3, 3) of the facets that ``words`` spell; normals are skipped."""
    size = len(_WORDS)
    count, rest = divmod(len(words), size)
    fixed = all(words[k::size] == [word] * count for k, word in enumerate(_WORDS) if word != _NUMBER)
    if rest or not fixed:
        raise BadFormat(path, f"holds facets that are not spelled as those of an STL: {_DAMAGED}")
    numbers = b" ".join(words[k] for start in range(0, len(words), size) for k in range(start + 8, start + 19))
    numbers = numbers.replace(b"vertex ", b"")
    try:
        return parse_reals(numbers, 0, len(numbers)).reshape(count, 3, 3)
    except (MalformedNumber, ValueError) as error:
        raise BadFormat(path, f"holds a word in place of a number ({error}): {_DAMAGED}") from error
