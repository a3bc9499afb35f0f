"""FRGC: range images of the Minolta Vivid (.abs), packed with gzip or not."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat
from gemax_cli.scans.grid import gather_grid, gathered_scan
from gemax_cli.scans.model import Scan
from gemax_cli.scans.raw_file import RawFile
from gemax_cli.scans.text_numbers import parse_reals

INVALID = -999999.0  # x, y and z where nothing was measured
MOST_PLACES = 1 << 20  # of a range image; the sensor's have 640 x 480
_LONGEST_NUMBER = 24  # bytes with its separator; the sensor writes 15
_HEADER = re.compile(rb"\s*([0-9]{1,5}) rows\s+([0-9]{1,5}) columns\s+pixels[^\r\n]{0,80}", re.IGNORECASE)


def read_abs(raw: RawFile) -> Scan:
    """Read an FRGC range image; row 0 of the file is the top, and z is negative, towards the camera.

    Raises:
        BadFormat: the header, the number of values or a value is wrong.
        EmptyScan: it is all background, or flat.
    """
    path = raw.path
    rows, columns, body = _split(path, raw.data)
    values = _parse_numbers(path, body)
    if len(values) != 4 * rows * columns:
        raise BadFormat(path, f"has {len(values)} values where {rows} x {columns} points need {4 * rows * columns}.")
    planes = values.reshape(4, rows, columns)
    planes[3][planes[0] != 1] = INVALID
    return gathered_scan(path, "abs", gather_grid(planes[1:], INVALID, bottom_up=False))


def _split(path: Path, content: bytes) -> tuple[int, int, bytes]:
    """Rows, columns and the text behind the header "480 rows", "640 columns", "pixels (flag X Y Z):"."""
    match = _HEADER.match(content)
    if match is None:
        raise BadFormat(path, "does not begin with rows, columns and pixels as an FRGC range image does.")
    rows, columns = int(match[1]), int(match[2])
    if not 0 < rows * columns <= MOST_PLACES:
        raise BadFormat(path, f"says it holds {rows} x {columns} points: 1 to {MOST_PLACES} are read.")
    body = content[match.end() :]
    if len(body) > 4 * rows * columns * _LONGEST_NUMBER + _LONGEST_NUMBER:
        raise BadFormat(path, f"has {len(body)} bytes of numbers: far more than {rows} x {columns} points can take.")
    return rows, columns, body


def _parse_numbers(path: Path, text: bytes) -> NDArray[np.float64]:
    try:
        if b"," in text:  # separates numbers elsewhere
            raise ValueError
        return parse_reals(text, 0, len(text), named=True)
    except ValueError:
        raise BadFormat(path, "has something else where numbers belong: copy it again from the source.") from None
