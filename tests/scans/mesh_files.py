"""Writers of small mesh and cloud files, byte by byte, so that no library stands on both sides of a test."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path

import numpy as np

POINTS = np.array([[0, 0, 0], [4, 0, 0], [4, 3, 1], [0, 3, 0], [2, 5, 0.5]], np.float32)
"""The corners of a house."""

TRIANGLES = np.array([[0, 1, 2], [0, 2, 3], [3, 2, 4]], np.int32)
"""Its walls and its roof."""


def ply_text(points: np.ndarray = POINTS, triangles: np.ndarray = TRIANGLES, more: str = "") -> bytes:
    lines = ["ply", "format ascii 1.0", "comment a house", f"element vertex {len(points)}"]
    lines += [f"property float {axis}" for axis in "xyz"]
    lines += [f"element face {len(triangles)}", "property list uchar int vertex_indices", "end_header"]
    lines += [" ".join(f"{v:.9g}" for v in point) for point in points]
    lines += [f"3 {a} {b} {c}" for a, b, c in triangles]
    return ("\n".join(lines) + "\n" + more).encode()


def ply_binary(points: np.ndarray = POINTS, triangles: np.ndarray = TRIANGLES, order: str = "<") -> bytes:
    kind = "binary_little_endian" if order == "<" else "binary_big_endian"
    header = f"ply\nformat {kind} 1.0\nelement vertex {len(points)}\n"
    header += "property float x\nproperty float y\nproperty float z\n"
    header += f"element face {len(triangles)}\nproperty list uchar int vertex_indices\nend_header\n"
    faces = b"".join(struct.pack(f"{order}B3i", 3, *triangle) for triangle in triangles)
    return header.encode() + points.astype(f"{order}f4").tobytes() + faces


def off(points: np.ndarray = POINTS, polygons: list | np.ndarray = TRIANGLES) -> bytes:
    lines = ["OFF", f"{len(points)} {len(polygons)} 0"]
    lines += [" ".join(f"{v:.9g}" for v in point) for point in points]
    lines += [f"{len(polygon)} {' '.join(map(str, polygon))}" for polygon in polygons]
    return ("\n".join(lines) + "\n").encode()


def stl_binary(points: np.ndarray = POINTS, triangles: np.ndarray = TRIANGLES) -> bytes:
    facets = b"".join(
        struct.pack("<3f", 0, 0, 1) + points[triangle].astype("<f4").tobytes() + b"\0\0" for triangle in triangles
    )
    return b"a house".ljust(80, b"\0") + struct.pack("<I", len(triangles)) + facets


def stl_text(points: np.ndarray = POINTS, triangles: np.ndarray = TRIANGLES) -> bytes:
    lines = ["solid house"]
    for triangle in triangles:
        lines += ["facet normal 0 0 1", "outer loop"]
        lines += [f"vertex {' '.join(f'{v:.9g}' for v in point)}" for point in points[triangle]]
        lines += ["endloop", "endfacet"]
    return ("\n".join([*lines, "endsolid house"]) + "\n").encode()


def gltf_parts(copies: int = 1) -> tuple[dict, bytes]:
    """JSON and buffer of a model whose house stands ``copies`` times, each 10 further along x."""
    indexes = TRIANGLES.astype("<u2").tobytes().ljust(20, b"\0")
    places = POINTS.astype("<f4").tobytes()
    low, high = POINTS.min(0).tolist(), POINTS.max(0).tolist()
    content = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": list(range(copies))}],
        "nodes": [{"mesh": 0, "translation": [10 * number, 0, 0]} for number in range(copies)],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 1}, "indices": 0}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5123, "count": 9, "type": "SCALAR"},
            {"bufferView": 1, "componentType": 5126, "count": 5, "type": "VEC3", "min": low, "max": high},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": 18},
            {"buffer": 0, "byteOffset": 20, "byteLength": 60},
        ],
        "buffers": [{"byteLength": 80}],
    }
    return content, indexes + places


def glb(content: dict | None = None, buffer: bytes | None = None) -> bytes:
    plain, data = gltf_parts()
    text = json.dumps(plain if content is None else content).encode()
    text, data = text.ljust(-(-len(text) // 4) * 4), data if buffer is None else buffer
    length = 12 + 8 + len(text) + 8 + len(data)
    head = struct.pack("<4sII", b"glTF", 2, length) + struct.pack("<I4s", len(text), b"JSON")
    return head + text + struct.pack("<I4s", len(data), b"BIN\0") + data


def gltf(uri: str | None = None) -> bytes:
    """A .gltf with its buffer within, or at ``uri``."""
    content, buffer = gltf_parts()
    content["buffers"][0]["uri"] = uri or "data:application/octet-stream;base64," + base64.b64encode(buffer).decode()
    return json.dumps(content).encode()


def lzf(data: bytes) -> bytes:
    """LZF without a single back reference: runs of up to 32 literal bytes."""
    return b"".join(bytes([len(data[at : at + 32]) - 1]) + data[at : at + 32] for at in range(0, len(data), 32))


def pcd(points: np.ndarray, kind: str = "ascii", width: int | None = None, height: int = 1) -> bytes:
    """``points`` (n, 3) in rows of ``width``."""
    width = len(points) if width is None else width
    header = (
        "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\n"
    )
    header += f"WIDTH {width}\nHEIGHT {height}\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {width * height}\nDATA {kind}\n"
    numbers = points.astype("<f4")
    if kind == "ascii":
        body = "".join(" ".join(f"{v:.9g}" for v in point) + "\n" for point in numbers).encode()
    elif kind == "binary":
        body = numbers.tobytes()
    else:
        columns = numbers.T.tobytes()
        packed = lzf(columns)
        body = struct.pack("<II", len(packed), len(columns)) + packed
    return header.encode() + body


def sensor(rows: int = 6, columns: int = 8) -> np.ndarray:
    """(rows, columns, 3) as a depth camera gives them: x right, y down, z away; NaN where nothing was measured."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    planes = np.stack([x / 10, y / 10, 1 + (x + y) / 100], axis=-1)
    planes[0, 0] = planes[3, 5] = np.nan
    return planes


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
