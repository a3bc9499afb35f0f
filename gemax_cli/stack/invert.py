"""Invert an 8-bit map with its record: metric depth, and the surface in the raw file's coordinates."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import depth_of_code
from gemax_cli.entropy.mapping import distortion_bound_mm, invert_map, uniform_cuts
from gemax_cli.errors import BadFormat, FileUnreadable, SettingsError
from gemax_cli.face.mesh import mesh_of_depth
from gemax_cli.paths import AnyPath, as_path
from gemax_cli.settings import QuantisationSettings
from gemax_cli.stack.atomic import write_output
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.images import load_recorded
from gemax_cli.stack.naming import DEPTH16
from gemax_cli.stack.records import BlockRecord, ComparisonRecord, MapRecord, ScanRecord

UNIFORM = "ri"  # the one comparison map that has bins: those of uniform quantisation
DEPTH_SUFFIXES = (".npy", ".tif", ".tiff")


class ColouredMesh(NamedTuple):
    """A mesh: (n, 3) float64 points, (m, 3) int32 counter-clockwise triangles, (n, 3) uint8 sRGB colours."""

    points: NDArray[np.float64]
    triangles: NDArray[np.int32]
    colours: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class InvertedMap:
    """Metric depth of an 8-bit map.

    Attributes:
        scan_id: of the scan.
        name: "gemax" or "ri".
        tau: distortion bound of a GEMax map, levels; None of the range image.
        depth: (rows, columns) float32, mm behind the nose tip; NaN where there is no data.
        bound_mm: upper bound of every pixel's error.
        error_mm: largest difference from depth16.png; None if that file is missing or changed.
        block: the record of the depth block.
        colours: (rows, columns, 3) uint8 sRGB: the texture, or where there is none, the map's own grey values.
    """

    scan_id: str
    name: str
    tau: int | None
    depth: NDArray[np.float32]
    bound_mm: float
    error_mm: float | None
    block: BlockRecord
    colours: NDArray[np.uint8]

    def points(self) -> NDArray[np.float64]:
        """(n, 3) valid pixels in the raw file's axes, millimetres, row by row."""
        return self.mesh().points

    def mesh(self) -> ColouredMesh:
        """The surface in the raw file's axes, millimetres, with its colours."""
        pixels, triangles = mesh_of_depth(self.depth, self.block.mm_per_pixel)
        affine = np.array(self.block.pixel_to_raw, np.float64)
        if np.linalg.det(affine[:, :3]) < 0:  # the raw axes are mirrored: so is the order of corners
            triangles = triangles[:, ::-1]
        points = (affine @ np.column_stack([pixels, np.ones(len(pixels))]).T).T
        return ColouredMesh(points, triangles, self.colours[~np.isnan(self.depth)])


def invert(image: AnyPath, tau: int | None = None) -> InvertedMap:
    """Invert a map in an output folder. Each pixel gets the midpoint of its bin, by the recorded cuts.

    Args:
        image: the PNG of a GEMax map or of the range image (ri.png).
        tau: selects a map of an RGB image; None takes the map of the smallest tau.

    Raises:
        ScanError: the file is not readable, in no such folder, not the one that was written, or of another kind.
        SettingsError: the image holds no map of this tau.
        OutputError: run.json is damaged.
    """
    path = as_path(image)
    folder, record, file = _find(path)
    block, m = _choose(path, record, file, tau)
    settings = folder.settings.quantisation
    codes, _ = load_recorded(folder.guard.path(block.file), block.sha256, np.uint16)
    pixels = _pixels(path, m)
    mask = _mask(path, pixels, codes, settings)
    cuts = m.cuts if isinstance(m, MapRecord) else uniform_cuts(settings.levels, settings.face_bins)
    levels = int(cuts[-1])
    depth = invert_map(pixels, mask, cuts, levels, block.depth_mm, settings.first_code)
    return InvertedMap(
        record.scan_id,
        "gemax" if isinstance(m, MapRecord) else m.name,
        m.tau if isinstance(m, MapRecord) else None,
        depth,
        distortion_bound_mm(cuts, levels, block.depth_mm),
        None if codes is None else largest_error(depth, codes, block.depth_mm),
        block,
        _colours(folder, block, pixels),
    )


def _colours(folder: OutputFolder, block: BlockRecord, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The texture, if it is the one that was written, else the grey values."""
    if block.texture:
        texture, _ = load_recorded(folder.guard.path(block.texture.file), block.texture.sha256, np.uint8)
        if texture is not None and texture.shape == (*pixels.shape, 3):
            return texture
    return np.repeat(pixels[..., None], 3, axis=2)


def largest_error(depth: NDArray[np.float32], codes: NDArray[np.uint16], depth_mm: float) -> float:
    """Largest difference in mm of inverted depths from those of a depth image of the same shape; 0 without a pixel."""
    valid = codes > 0
    return float(np.abs(depth[valid] - depth_of_code(codes[valid], depth_mm)).max(initial=0.0))


def _find(path: Path) -> tuple[OutputFolder, ScanRecord, str]:
    """The output folder above a map, the record of the map's scan, and the map's path in the folder."""
    if not path.is_file():
        raise FileUnreadable(path, "there is no such file: give the PNG of a map.")
    folder = OutputFolder.holding(path)
    if folder.path == path:
        raise BadFormat(path, "lies in no folder that gemax convert wrote: its cuts are not known.")
    file = path.resolve().relative_to(folder.path)
    above = [place.as_posix() for place in file.parents]
    scan_id = next((place for place in above if place in folder.scan_ids), None)
    if scan_id is None:
        raise BadFormat(path, f"belongs to no scan in the records of {folder.path}: convert the scan again.")
    record = folder.record(scan_id)
    if record is None:
        raise BadFormat(path, f"has a damaged record in {folder.path}: convert the scan again.")
    return folder, record, file.as_posix()


def _choose(
    path: Path, record: ScanRecord, file: str, tau: int | None
) -> tuple[BlockRecord, MapRecord | ComparisonRecord]:
    """The block and map of a file. Of an RGB image's maps, that of ``tau``, or the first."""
    found = [(block, m) for block in record.blocks for m in block.all_maps if m.file == file]
    if not found:
        raise BadFormat(path, f"is no map in the record of {record.scan_id}: give a GEMax map or ri.png.")
    maps = [(block, m) for block, m in found if isinstance(m, MapRecord) or m.name == UNIFORM]
    if not maps:
        raise BadFormat(path, "has no bins of depth to be inverted by: give a GEMax map or ri.png.")
    chosen = [(block, m) for block, m in maps if tau is None or (isinstance(m, MapRecord) and m.tau == tau)]
    if not chosen:
        there = ", ".join(str(m.tau) for _, m in maps if isinstance(m, MapRecord)) or "none"
        raise SettingsError(f"{path}: holds no map of tau = {tau}: give one of its own ({there}).")
    return chosen[0]


def _pixels(path: Path, m: MapRecord | ComparisonRecord) -> NDArray[np.uint8]:
    image, wrong = load_recorded(path, m.sha256, np.uint8)
    if image is None:
        raise BadFormat(path, f"{wrong}: convert the scan again.")
    return image if m.channel is None else image[..., m.channel]


def _mask(
    path: Path, image: NDArray[np.uint8], codes: NDArray[np.uint16] | None, settings: QuantisationSettings
) -> NDArray[np.bool_]:
    """Mask of the data, from depth16.png, or without it from the map if 0 is reserved for background."""
    if codes is not None:
        return codes > 0
    if settings.first_code == 0:
        raise BadFormat(path, f"needs the {DEPTH16} beside it to tell background from the farthest bin, and that file "
                        "is missing or changed: convert the scan again.")  # fmt: skip
    return image > 0


def write_depth(path: Path, depth: NDArray[np.float32]) -> None:
    """Write metric depth, NaN where there is none, as NumPy array (.npy) or as 32-bit float TIFF (.tif, .tiff).

    Raises:
        SettingsError: the suffix is another one.
        OutputUnwritable: the file cannot be written.
    """
    buffer = io.BytesIO()
    if path.suffix.lower() == ".npy":
        np.save(buffer, depth)
    elif path.suffix.lower() in DEPTH_SUFFIXES:
        from PIL import Image

        Image.fromarray(depth).save(buffer, "tiff")
    else:
        raise SettingsError(f"{path}: depth is written as {', '.join(DEPTH_SUFFIXES)}: give one of these suffixes.")
    write_output(path, buffer.getvalue())


def write_ply(path: Path, mesh: ColouredMesh) -> None:
    """Write a mesh as binary PLY with points of doubles: raw files may lie metres from the origin.

    Raises:
        OutputUnwritable: the file cannot be written.
    """
    vertices = np.empty(len(mesh.points), [("place", "<f8", 3), ("colour", "u1", 3)])
    vertices["place"], vertices["colour"] = mesh.points, mesh.colours
    faces = np.empty(len(mesh.triangles), [("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, mesh.triangles
    lines = [
        "ply", "format binary_little_endian 1.0", f"element vertex {len(vertices)}",
        *(f"property double {axis}" for axis in "xyz"),
        *(f"property uchar {colour}" for colour in ("red", "green", "blue")),
        f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header\n",
    ]  # fmt: skip
    write_output(path, "\n".join(lines).encode("ascii") + vertices.tobytes() + faces.tobytes())
