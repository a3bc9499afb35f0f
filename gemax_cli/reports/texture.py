"""The colours of a raw scan on the pixels of its depth block, for folders that were converted without textures."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import ScanError
from gemax_cli.face.raster import Drawing, Frame
from gemax_cli.face.texture import Texture, drape
from gemax_cli.scans.model import Scan
from gemax_cli.scans.picture import colours_of
from gemax_cli.scans.read import read_scan
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.records import BlockRecord, ScanRecord

NEAR_MM = 5.0  # surface farther in front of the nose tip is not face


def find_raw(folder: OutputFolder, record: ScanRecord) -> Path | None:
    """The raw file that a record was made from: below one of the sources in run.json's command line, of recorded size.

    A source that was given relative to the working directory is searched from the current one and from the folder
    above the output folder. None where it is not found, or is no longer the same size.
    """
    source = PurePosixPath(record.source)
    if source.is_absolute() or ".." in source.parts:
        return None
    command = folder.run.get("command")
    arguments = [a for a in command if isinstance(a, str) and a[:1] != "-"] if isinstance(command, list) else []
    places = [base / argument for argument in arguments for base in (Path.cwd(), folder.path.resolve().parent)]
    for path in (found for place in places for found in (place / source, place)):
        if path.name == source.name and _is_file_of(path, record.source_bytes):
            return path
    return None


def _is_file_of(path: Path, size: int) -> bool:
    try:
        return path.is_file() and path.stat().st_size == size
    except (OSError, ValueError):
        return False


def texture_of(
    folder: OutputFolder, record: ScanRecord, block: BlockRecord, wanted: NDArray[np.bool_]
) -> Texture | None:
    """The colours of the raw file on the grid of a recorded block, as ``gemax convert --texture`` draws them.

    Args:
        folder: the output folder.
        record: of the scan.
        block: of that record.
        wanted: (size, size) pixels to colour.

    Returns:
        None where the raw file or its picture is not found or cannot be read.
    """
    raw = find_raw(folder, record)
    try:
        scan = read_scan(raw) if raw else None
    except ScanError:
        return None
    # run.json and the record may be a stranger's, and of a scan without a unit the affine does not tell the axes
    if scan is None or scan.fingerprint.sha256 != record.source_sha256 or not scan.metric:
        return None
    colours = colours_of(scan).colours
    return (
        None if colours is None else drape(_drawing(scan, np.array(block.pixel_to_raw), len(wanted)), colours, wanted)
    )


def _drawing(scan: Scan, pixel_to_raw: NDArray[np.float64], size: int) -> Drawing:
    """The surface of a scan before the pixels of a block: a frontal scan whose unit is the pixel."""
    pixels = np.linalg.solve(pixel_to_raw[:, :3], (scan.points - pixel_to_raw[:, 3]).T).T
    frame = Frame(size, 1.0, 0.0, 0.0, 0.0)
    return Drawing(pixels * (1.0, -1.0, -1.0), scan.triangles, frame, NEAR_MM, np.inf)  # x = column, y = -row
