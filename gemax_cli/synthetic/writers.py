"""Writers of the raw formats of both databases; the text and byte layouts that their readers expect.

Coordinates are written to a tenth of a micrometre at most, which also hides last-bit differences between platforms.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.scans.model import Points

BACKGROUND = -1e9
DECIMALS = 4


def write_wrl(
    path: Path,
    points: Points,
    polygons: NDArray[np.int32],
    texture_points: NDArray[np.float64] | None = None,
    texture_polygons: NDArray[np.int32] | None = None,
    texture_name: str = "",
) -> None:
    """Write a VRML 2.0 file of one IndexedFaceSet, as BU-3DFE's are.

    Args:
        path: of the file.
        points: (n, 3) mm.
        polygons: (m, k) 0-based corners; rows of fewer than k corners end in -1.
        texture_points: (t, 2) u to the right, v up, 0..1; None for an untextured mesh.
        texture_polygons: (m, k) rows of ``texture_points``, arranged as ``polygons``.
        texture_name: file name of the picture beside the file; "" for none.
    """
    texture = ""
    if texture_points is not None and texture_polygons is not None:
        texture = _WRL_TEXTURE.format(points=_rows(texture_points, 6), polygons=_polygon_rows(texture_polygons))
    text = _WRL.format(
        appearance=_WRL_APPEARANCE.format(url=texture_name) if texture_name else "",
        points=_rows(points, DECIMALS), polygons=_polygon_rows(polygons), texture=texture,
    )  # fmt: skip
    path.write_bytes(text.encode("ascii"))


def write_bnd(path: Path, vertices: NDArray[np.int64], points: Points) -> None:
    """Write BU-3DFE's landmarks: a line ``index TAB TAB x y z`` for each of ``vertices``, rows of ``points``."""
    lines = (f"{i}\t\t{x:.4f} {y:.4f} {z:.4f}\n" for i, (x, y, z) in zip(vertices, points[vertices], strict=True))
    path.write_bytes("".join(lines).encode("ascii"))


def write_bnt(path: Path, points: NDArray[np.float64], texture: NDArray[np.float64], image: str) -> None:
    """Write a Bosphorus range image.

    Args:
        path: of the file.
        points: (rows, columns, 3) mm, row 0 at the chin; coordinates that are NaN become ``BACKGROUND``.
        texture: (rows, columns, 2) place in the picture, 0..1, the second from the top down.
        image: file name of the picture.
    """
    rows, columns = points.shape[:2]
    planes = np.concatenate([np.round(points, DECIMALS), np.round(texture, 6)], axis=2)
    planes = np.where(np.isnan(planes), BACKGROUND, planes)
    name = image.encode("ascii")
    head = struct.pack(f"<HHdH{len(name)}sI", rows, columns, BACKGROUND, len(name), name, planes.size)
    path.write_bytes(head + np.moveaxis(planes, 2, 0).astype("<f8").tobytes())


def write_lm3(path: Path, landmarks: Mapping[str, NDArray[np.float64]]) -> None:
    """Write named 3D landmarks (x, y, z in mm) as Bosphorus does, lines ended by CR and LF."""
    lines = ["# 3D Landmark File", "", f"{len(landmarks)} landmarks:"]
    for name, point in landmarks.items():
        lines += [name, _numbers(point, 3)]
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode("ascii"))


def write_lm2(path: Path, landmarks: Mapping[str, NDArray[np.float64]]) -> None:
    """Write named 2D landmarks (u to the right, v down, pixels) as Bosphorus does, lines ended by CR and LF."""
    lines = ["# 2D Landmark File", "", f"{len(landmarks)} landmarks", "", "Labels:", *landmarks, ""]
    lines += ["2D Image coordinates:", *(_numbers(place, 4) for place in landmarks.values())]
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode("ascii"))


def write_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """Write a picture (rows, columns, 3) as the name's ending says: .png or .bmp."""
    from PIL import Image

    Image.fromarray(image).save(path, compress_level=1)  # the level of .png; .bmp has none


def _numbers(values: NDArray[np.float64], decimals: int) -> str:
    return " ".join(f"{value:.{decimals}f}" for value in values)


def _rows(values: NDArray[np.float64], decimals: int) -> str:
    line = "\t" * 5 + " ".join([f"%.{decimals}f"] * values.shape[1]) + ",\n"
    return line * len(values) % tuple(values.ravel().tolist())


def _polygon_rows(polygons: NDArray[np.int32]) -> str:
    rows = ([str(corner) for corner in row if corner >= 0] for row in polygons.tolist())
    return "".join("\t" * 5 + " ".join(row) + " -1,\n" for row in rows)


_WRL = """#VRML V2.0 utf8
#Procedural face, no measurement
DEF Face_object Transform {{
	children [
		Shape {{
{appearance}			geometry IndexedFaceSet {{
				ccw TRUE
				solid FALSE
				convex TRUE
				creaseAngle 1.57
				coord Coordinate {{
					point [
{points}					]
				}}
				coordIndex [
{polygons}				]
{texture}			}}
		}}
	]
}}
DEF Face_Camera Viewpoint {{
	position 0 0 400
	fieldOfView 0.5
	description "Face from the front"
}}
"""

_WRL_APPEARANCE = """			appearance Appearance {{
				texture ImageTexture {{
					url "{url}"
					repeatS FALSE
					repeatT FALSE
				}}
			}}
"""

_WRL_TEXTURE = """				texCoord TextureCoordinate {{
					point [
{points}					]
				}}
				texCoordIndex [
{polygons}				]
"""
