"""The picture that a raw scan carries, drawn on the pixels of its depth block."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from gemax_cli.datasets.ids import bare_name
from gemax_cli.errors import ScanError
from gemax_cli.face.raster import Frame, barycentric, rasterise
from gemax_cli.scans.model import Scan, TextureMap
from gemax_cli.scans.read import read_scan
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.records import BlockRecord, ScanRecord

NEAR_MM = 5.0  # surface farther in front of the nose tip is not face
Picture = NDArray[np.uint8]  # (rows, columns, 3)


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
    folder: OutputFolder, record: ScanRecord, block: BlockRecord, size: int
) -> tuple[Picture, NDArray[np.bool_]] | None:
    """The raw file's texture on the grid of a recorded block.

    Args:
        folder: the output folder.
        record: of the scan.
        block: of that record.
        size: side of the block's square image, pixels.

    Returns:
        (size, size, 3) uint8 and (size, size) bool, where a surface is seen; None where the raw file or its picture is
        not found or cannot be read.
    """
    raw = find_raw(folder, record)
    if raw is None:
        return None
    try:
        scan = read_scan(raw)
    except ScanError:
        return None
    if scan.fingerprint.sha256 != record.source_sha256:  # run.json and the record may be a stranger's
        return None
    picture = _picture_beside(raw, scan.texture) if scan.metric else None
    if scan.texture is None or picture is None:
        return None
    return drape(scan, scan.texture, picture, np.array(block.pixel_to_raw), size)


def _picture_beside(raw: Path, texture: TextureMap | None) -> Picture | None:
    name = bare_name(texture.image or "") if texture else ""
    if not name:
        return None
    from PIL import Image

    try:
        with Image.open(raw.with_name(name)) as image:
            return np.asarray(image.convert("RGB"))
    except Exception:  # decoders raise many kinds of errors for damaged pictures; the sheet then omits the picture
        return None


def drape(
    scan: Scan, texture: TextureMap, picture: Picture, pixel_to_raw: NDArray[np.float64], size: int
) -> tuple[Picture, NDArray[np.bool_]]:
    """Draw ``picture`` on the surface of ``scan``, seen as the depth block of ``pixel_to_raw`` sees it.

    Args:
        scan: with triangles, in millimetres.
        texture: how the picture lies on the triangles.
        picture: (rows, columns, 3) uint8; v = 1 is its upper edge.
        pixel_to_raw: (3, 4) affine from (column, row, depth in mm, 1) to the scan's axes.
        size: side of the block's image, pixels.

    Returns:
        (size, size, 3) uint8 by the nearest pixel of the picture, and (size, size) bool, where a surface is seen.
    """
    pixels = np.linalg.solve(pixel_to_raw[:, :3], (scan.points - pixel_to_raw[:, 3]).T).T
    points = pixels * (1.0, -1.0, -1.0)  # a frontal scan whose unit is the pixel: x = column, y = -row
    frame = Frame(size, 1.0, 0.0, 0.0, 0.0)
    seen = rasterise(points, scan.triangles, frame, NEAR_MM, want_triangle=True).triangle
    assert seen is not None
    weights = barycentric(points, scan.triangles, frame, seen)
    valid = seen >= 0
    corners = texture.coordinates[texture.triangles[seen[valid]]]
    u, v = (weights[valid][:, :, None] * corners).sum(axis=1).T
    rows, columns = picture.shape[:2]
    row = np.clip(np.rint((1 - v) * (rows - 1)), 0, rows - 1).astype(np.intp)
    column = np.clip(np.rint(u * (columns - 1)), 0, columns - 1).astype(np.intp)
    out = np.zeros((size, size, 3), np.uint8)
    out[valid] = picture[row, column]
    return out, valid
