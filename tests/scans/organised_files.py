"""Writers of the organised formats, for tests: they put down what they are told, right or wrong."""

from __future__ import annotations

import struct

import numpy as np

BACKGROUND = -1e9
LANDMARKS = {"Nose tip": (1.5, 2.25, 30.0), "Chin middle": (0.0, -8.0, 12.5), "Ear lobe left": (-9.0, 1.0, -4.0)}


def face_planes(rows=12, columns=9, background=BACKGROUND):
    """x, y, z and texture planes of a dome, first row lowest, with background in the corners."""
    j, i = np.meshgrid(np.arange(columns, dtype=float), np.arange(rows, dtype=float))
    x, y = 0.76 * (j - columns // 2), 0.76 * (i - rows // 2)
    z = 30 - 0.05 * (x**2 + 2 * y**2) + 0.01 * x * y
    hidden = (np.abs(x) + np.abs(y)) > 0.76 * (rows + columns) / 2.6
    planes = np.stack([x, y, z, (j + 0.5) / columns, 1 - (i + 0.5) / rows])
    planes[:3, hidden] = background
    return planes


def bnt_bytes(planes=None, image=b"bs000_N_N_0.png", background=BACKGROUND, *, rows=None, columns=None, count=None):
    """A .bnt; rows, columns and count may lie."""
    planes = face_planes() if planes is None else planes
    rows = planes.shape[1] if rows is None else rows
    columns = planes.shape[2] if columns is None else columns
    count = planes.size if count is None else count
    head = struct.pack("<HHdH", rows, columns, background, len(image)) + image + struct.pack("<I", count)
    return head + np.ascontiguousarray(planes, "<f8").tobytes()


def lm3_text(landmarks=LANDMARKS, count=None, end="\r\n"):
    """An .lm3; the announced count may lie."""
    lines = ["# 3D Landmark File", "", f"{len(landmarks) if count is None else count} landmarks:"]
    for name, place in landmarks.items():
        lines += [name, " ".join(f"{v:g}" for v in place)]
    return end.join(lines) + end


def abs_text(planes=None, flags=None, *, rows=None, columns=None):
    """An .abs of planes x, y, z whose first row is the top; rows and columns may lie."""
    planes = face_planes()[:3, ::-1] if planes is None else planes
    flags = (planes[2] > -1e8).astype(int) if flags is None else flags
    lines = [f"{rows or planes.shape[1]} rows", f"{columns or planes.shape[2]} columns", "pixels (flag X Y Z):"]
    lines.append(" ".join(str(flag) for flag in flags.ravel()))
    for plane in planes:
        values = np.where(flags == 1, plane, -999999.0)
        lines.append(" ".join(f"{v:.6f}" for v in values.ravel()))
    return "\n".join(lines) + "\n"
