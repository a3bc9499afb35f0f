"""FRGC: range images of the Minolta Vivid (.abs), packed with gzip or not."""

from __future__ import annotations

import gzip
import re
import warnings
import zlib
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat
from gemax_cli.scans.files import open_scan
from gemax_cli.scans.grid import gather_grid, surface_of
from gemax_cli.scans.model import Scan

INVALID = -999999.0  # x, y and z where nothing was measured
MOST_PLACES = 1 << 20  # of a range image; the sensor's have 640 x 480
_LONGEST_NUMBER = 24  # bytes with its separator; the sensor writes 15
_LONGEST_LINE = 200  # of the header
_CHUNK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"


def read_abs(path: Path) -> Scan:
    """Read an FRGC range image; row 0 of the file is the top, and z is negative, towards the camera.

    Whether it is packed is told by its content. No more is unpacked than its header can ask for.

    Raises:
        FileUnreadable: the file is missing or may not be read.
        BadFormat: the header, the number of values or a value is wrong, or the packed data is damaged.
        EmptyScan: it is empty, all background, or flat.
    """
    rows, columns, body = _read_text(path)
    values = _parse_numbers(path, body)
    if len(values) != 4 * rows * columns:
        raise BadFormat(path, f"has {len(values)} values where {rows} x {columns} points need {4 * rows * columns}.")
    planes = values.reshape(4, rows, columns)
    planes[3][planes[0] != 1] = INVALID
    gathered = gather_grid(planes[1:], INVALID, bottom_up=False)
    triangles = surface_of(path, gathered)
    dropped = gathered.impossible
    return Scan(
        path=path,
        format="abs",
        points=gathered.points,
        triangles=triangles,
        grid=gathered.grid,
        metric=True,
        warnings=(f"{dropped} points with impossible coordinates were dropped.",) if dropped else (),
    )


def _read_text(path: Path) -> tuple[int, int, bytes]:
    """Rows, columns and the text behind the header."""
    with open_scan(path) as file:
        packed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        stream = cast(BufferedIOBase, gzip.GzipFile(fileobj=file)) if packed else BufferedReader(file)
        try:
            header = [stream.readline(_LONGEST_LINE) for _ in range(3)]
            rows, columns = _parse_header(path, header)
            return rows, columns, _read_most(path, stream, 4 * rows * columns * _LONGEST_NUMBER + _LONGEST_LINE)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise BadFormat(path, f"its packed data is damaged ({error}): copy it again from the source.") from error


def _parse_header(path: Path, lines: list[bytes]) -> tuple[int, int]:
    """The sizes in "480 rows", "640 columns", "pixels (flag X Y Z):"."""
    match = re.fullmatch(rb"\s*([0-9]{1,5}) rows\s+([0-9]{1,5}) columns\s+pixels.*", b"".join(lines), re.I | re.DOTALL)
    if match is None:
        raise BadFormat(path, "does not begin with rows, columns and pixels as an FRGC range image does.")
    rows, columns = int(match[1]), int(match[2])
    if not 0 < rows * columns <= MOST_PLACES:
        raise BadFormat(path, f"says it holds {rows} x {columns} points: 1 to {MOST_PLACES} are read.")
    return rows, columns


def _read_most(path: Path, stream: BufferedIOBase, most: int) -> bytes:
    """All that is left in a stream, in pieces so that a small packed file cannot fill the memory."""
    pieces, size = [], 0
    while piece := stream.read(_CHUNK):
        size += len(piece)
        if size > most:
            raise BadFormat(path, f"goes on behind the {most} bytes that its points can take.")
        pieces.append(piece)
    return b"".join(pieces)


def _parse_numbers(path: Path, text: bytes) -> NDArray[np.float64]:
    text = text.strip()
    if not text:
        return np.empty(0)
    try:
        with warnings.catch_warnings():
            # Older numpy only warns of what it cannot read.
            warnings.simplefilter("error", DeprecationWarning)
            return np.fromstring(text, sep=" ")
    except (ValueError, DeprecationWarning):
        raise BadFormat(path, "has something else where numbers belong: copy it again from the source.") from None
