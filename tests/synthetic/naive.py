"""Slow, obvious readers of the raw formats and measures of surfaces, independent of the package."""

import re
import struct
from math import acos, cos, degrees, radians, sin, sqrt

import numpy as np


def numbers_after(text, keyword):
    """All numbers in the brackets that follow the first `keyword`."""
    start = text.index("[", re.search(rf"\b{keyword}\b", text).end())
    body = text[start + 1 : text.index("]", start)]
    return [float(word) for word in body.replace(",", " ").split()]


def polygons_after(text, keyword):
    polygons, corners = [], []
    for number in numbers_after(text, keyword):
        if number == -1:
            polygons.append(corners)
            corners = []
        else:
            corners.append(int(number))
    assert not corners, "the last polygon is not closed"
    return polygons


def read_wrl(path):
    text = path.read_text(encoding="ascii")
    assert text.startswith("#VRML V2.0 utf8\n")
    assert text.count("{") == text.count("}")
    assert text.count("[") == text.count("]")
    result = {
        "points": np.reshape(numbers_after(text, "Coordinate"), (-1, 3)),
        "polygons": polygons_after(text, "coordIndex"),
        "url": re.search(r'url "(.*?)"', text).group(1) if "url" in text else None,
    }
    if "TextureCoordinate" in text:
        result["texture_points"] = np.reshape(numbers_after(text, "TextureCoordinate"), (-1, 2))
        result["texture_polygons"] = polygons_after(text, "texCoordIndex")
    return result


def read_bnt(path):
    raw = path.read_bytes()
    rows, columns, background, length = struct.unpack_from("<HHdH", raw)
    name = raw[14 : 14 + length].decode("ascii")
    (count,) = struct.unpack_from("<I", raw, 14 + length)
    assert count == rows * columns * 5
    assert len(raw) == 18 + length + 8 * count
    planes = np.frombuffer(raw, "<f8", offset=18 + length).reshape(5, rows, columns)
    return {"planes": planes, "background": background, "image": name}


def read_landmarks(path):
    """Name to numbers, of a .lm2 or .lm3 file."""
    lines = path.read_bytes().decode("ascii").split("\r\n")
    assert lines.pop() == ""
    count = int(lines[2].split()[0])
    if lines[0] == "# 3D Landmark File":
        assert lines[1:3] == ["", f"{count} landmarks:"]
        names, values = lines[3::2], lines[4::2]
    else:
        assert lines[0] == "# 2D Landmark File"
        assert lines[3:5] == ["", "Labels:"]
        names, values = lines[5 : 5 + count], lines[7 + count :]
        assert lines[5 + count : 7 + count] == ["", "2D Image coordinates:"]
    assert len(names) == len(values) == count
    return {name: np.array([float(word) for word in value.split()]) for name, value in zip(names, values, strict=True)}


def read_bnd(path):
    lines = path.read_text(encoding="ascii").splitlines()
    pairs = [line.split("\t\t") for line in lines]
    return [int(index) for index, _ in pairs], np.array([[float(v) for v in rest.split()] for _, rest in pairs])


def triangles_of(polygons):
    return [(p[0], p[k], p[k + 1]) for p in polygons for k in range(1, len(p) - 1)]


def distance_to_surface(place, points, triangles, near=6.0):
    """Distance along z from `place` to the mesh, looking at every triangle near it; inf beside the mesh."""
    best = float("inf")
    for a, b, c in triangles:
        p, q, r = points[a], points[b], points[c]
        if abs(p[0] - place[0]) > near or abs(p[1] - place[1]) > near:
            continue
        area = (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
        if area == 0:
            continue
        s = ((place[0] - p[0]) * (r[1] - p[1]) - (place[1] - p[1]) * (r[0] - p[0])) / area
        t = ((q[0] - p[0]) * (place[1] - p[1]) - (q[1] - p[1]) * (place[0] - p[0])) / area
        if s >= 0 and t >= 0 and s + t <= 1:
            best = min(best, abs(p[2] + s * (q[2] - p[2]) + t * (r[2] - p[2]) - place[2]))
    return best


def turned(point, yaw, pitch, roll):
    """Rz(roll) Ry(yaw) Rx(pitch) applied to one point, one axis after the other."""
    x, y, z = point
    a = radians(pitch)
    y, z = y * cos(a) - z * sin(a), y * sin(a) + z * cos(a)
    a = radians(yaw)
    x, z = x * cos(a) + z * sin(a), -x * sin(a) + z * cos(a)
    a = radians(roll)
    x, y = x * cos(a) - y * sin(a), x * sin(a) + y * cos(a)
    return np.array([x, y, z])


def slant(p, q, r):
    """Angle between a triangle's normal and the z axis, degrees."""
    n = np.cross(np.subtract(q, p), np.subtract(r, p))
    return degrees(acos(n[2] / sqrt(float(n @ n))))
