"""Plain, strict readers of every format: what a scan must be if its file is accepted at all.

They share no code with the product. ``Malformed`` says that the file breaks its format, so that nothing should come of
it. What they cannot judge they leave out (None): such a scan is held against the general rules alone.
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


def lines_of(data: bytes) -> list[str]:
    """Lines, as files have them; Python's own splitlines knows more ends."""
    return re.split(r"\r\n|\r|\n", data.decode("latin-1"))


def split(line: str) -> list[str]:
    """Words, separated by ASCII whitespace alone."""
    return [word.decode("latin-1") for word in line.encode("latin-1").split()]


class Malformed(Exception):
    """The file is not what its format demands."""


@dataclass(frozen=True)
class Plain:
    """What a file holds: points (n, 3) in the file's order, triangles (m, 3) or None where polygons were cut."""

    points: np.ndarray
    triangles: np.ndarray | None = None


def demand(condition: bool, what: str = "") -> None:
    if not condition:
        raise Malformed(what)


_REAL = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf|infinity)", re.IGNORECASE)


def real(word: str) -> float:
    demand(bool(_REAL.fullmatch(word)), word)
    return float(word)


def whole(word: str) -> int:
    demand(bool(re.fullmatch(r"[-+]?\d+", word)), word)
    return int(word)


def fanned(polygons: list[list[int]], points: int) -> np.ndarray | None:
    """Triangles, if all polygons are; checks every index."""
    for polygon in polygons:
        demand(all(0 <= corner < points for corner in polygon), "index out of range")
    if any(len(polygon) != 3 for polygon in polygons):
        return None
    return np.array(polygons, int).reshape(-1, 3)


# -- organised formats -----------------------------------------------------------------------------------------------


def plain_bnt(data: bytes) -> Plain:
    demand(len(data) >= 14)
    rows, columns, background, length = struct.unpack_from("<HHdH", data)
    demand(len(data) >= 18 + length)
    (count,) = struct.unpack_from("<I", data, 14 + length)
    demand(count == 5 * rows * columns and len(data) == 18 + length + 8 * count)
    planes = np.frombuffer(data, "<f8", count, 18 + length).reshape(5, rows, columns)
    points = [
        [planes[k, row, column] for k in range(3)]
        for row in range(rows - 1, -1, -1)
        for column in range(columns)
        if planes[2, row, column] != background
    ]
    return Plain(np.array([p for p in points if all(abs(v) <= 1e5 for v in p)]).reshape(-1, 3))


def plain_abs(data: bytes) -> Plain:
    head = re.match(rb"\s*(\d+) rows\s+(\d+) columns\s+pixels[^\r\n]*", data, re.IGNORECASE)
    demand(head is not None)
    assert head is not None
    size = int(head[1]) * int(head[2])
    values = [real(word) for word in data[head.end() :].decode("latin-1").split()]
    demand(len(values) == 4 * size)
    flags, *axes = (values[k * size : (k + 1) * size] for k in range(4))
    points = [[x, y, z] for flag, x, y, z in zip(flags, *axes, strict=True) if flag == 1 and z != -999999]
    return Plain(np.array([p for p in points if all(abs(v) <= 1e5 for v in p)]).reshape(-1, 3))


def plain_png(data: bytes) -> Plain:
    """The depths alone, as points (0, 0, depth), of a 16-bit grey PNG."""
    demand(data[:8] == b"\x89PNG\r\n\x1a\n")
    at, packed, head, ended = 8, b"", b"", False
    while at < len(data) and not ended:
        demand(at + 12 <= len(data))
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        demand(at + 12 + length <= len(data))
        demand(struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(kind + body) or kind[:1].islower())
        head = body if kind == b"IHDR" else head
        packed += body if kind == b"IDAT" else b""
        ended = kind == b"IEND"
        at += 12 + length
    demand(ended and len(head) == 13)
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", head)
    demand((bits, colour, interlaced) == (16, 0, 0))
    return Plain(np.array([(0, 0, v) for v in _unfiltered(packed, width, height) if v]).reshape(-1, 3))


def _unfiltered(packed: bytes, width: int, height: int) -> list[int]:
    try:
        rows = zlib.decompressobj().decompress(packed, (1 + 2 * width) * height + 1)
    except zlib.error as error:
        raise Malformed from error
    demand(len(rows) >= (1 + 2 * width) * height)
    before, depths = [0] * (2 * width), []
    for row in range(height):
        start = row * (1 + 2 * width)
        line = _row(rows[start], rows[start + 1 : start + 1 + 2 * width], before)
        depths += [256 * line[k] + line[k + 1] for k in range(0, 2 * width, 2)]
        before = line
    return depths


def _row(kind: int, line: bytes, before: list[int]) -> list[int]:
    demand(kind <= 4)
    out: list[int] = []
    for k, value in enumerate(line):
        left, up, corner = (out[k - 2], before[k], before[k - 2]) if k > 1 else (0, before[k], 0)
        nearest = min((left, up, corner), key=lambda v: abs(left + up - corner - v))
        out.append((value + (0, left, up, (left + up) // 2, nearest)[kind]) & 255)
    return out


# -- meshes and clouds -----------------------------------------------------------------------------------------------

_PLY = {"char": "b", "int8": "b", "uchar": "B", "uint8": "B", "short": "h", "int16": "h", "ushort": "H", "uint16": "H"}
_PLY |= {"int": "i", "int32": "i", "uint": "I", "uint32": "I"}
_PLY |= {"float": "f", "float32": "f", "double": "d", "float64": "d"}


def plain_ply(data: bytes) -> Plain:
    head = re.match(rb"ply[ \t]*(?:\r\n|\n|\r).*?[\r\n]end_header[ \t]*(?:\r\n|\n|\r)", data, re.DOTALL)
    demand(head is not None)
    assert head is not None
    order, elements = "", []
    for line in lines_of(head[0])[1:-2]:
        words = line.split()
        if words[:1] == ["format"]:
            order = {"ascii": "t", "binary_little_endian": "<", "binary_big_endian": ">"}.get(words[1], "")
        elif words[:1] == ["element"]:
            demand(len(words) >= 3)
            elements.append((words[1], whole(words[2]), []))
        elif words[:1] == ["property"] and elements:
            demand(len(words) >= 3)
            elements[-1][2].append(words[1:5] if words[1] == "list" else words[1:3])
    demand(bool(order))
    values = _ply_text(data[head.end() :]) if order == "t" else _ply_binary(data[head.end() :], order)
    return _ply_elements(elements, values)


def _ply_text(body: bytes) -> Callable[[str], float]:
    words = iter(split(body.decode("latin-1").replace(",", " ")))

    def take(kind: str) -> float:
        word = next(words, None)
        demand(word is not None)
        return real(str(word))  # whole numbers are demanded of corners alone

    return take


def _ply_binary(body: bytes, order: str) -> Callable[[str], float]:
    at = 0

    def take(kind: str) -> float:
        nonlocal at
        size = struct.calcsize(kind)
        demand(at + size <= len(body))
        (value,) = struct.unpack_from(order + kind, body, at)
        at += size
        return value

    return take


def _ply_elements(elements: list, values: Callable[[str], float]) -> Plain:
    points, polygons = [], []
    for name, count, properties in elements:
        demand(0 <= count <= 100_000)
        for _ in range(count):
            row = {words[-1]: _ply_value(words, values) for words in properties}
            if name == "vertex" and row:
                demand({"x", "y", "z"} <= set(row))
                points.append([row["x"], row["y"], row["z"]])
            elif name == "face" and row:
                lists = [v for k, v in row.items() if k in ("vertex_indices", "vertex_index")]
                demand(len(lists) == 1 and all(float(v).is_integer() for v in lists[0]))
                polygons.append([int(v) for v in lists[0]])
    return Plain(np.array(points, float).reshape(-1, 3), fanned(polygons, len(points)))


def _ply_value(words: list[str], values: Callable[[str], float]) -> object:
    demand(all(kind in _PLY for kind in words[1:-1]) if words[0] == "list" else words[0] in _PLY)
    if words[0] != "list":
        return values(_PLY[words[0]])
    count = int(values(_PLY[words[1]]))
    demand(0 <= count <= 100_000)
    return [values(_PLY[words[2]]) for _ in range(count)]


def plain_off(data: bytes) -> Plain:
    text = re.sub(rb"#[^\r\n]*", b"", data)
    head = re.match(rb"\s*(?:ST)?C?N?OFF\s+(\d+)\s+(\d+)", text)
    demand(head is not None)
    assert head is not None
    count, faces = int(head[1]), int(head[2])
    lines = [words for line in lines_of(text[head.end() :])[1:] if (words := split(line))]
    demand(len(lines) == count + faces and all(len(words) >= 3 for words in lines[:count]))
    points = [[real(word) for word in words[:3]] for words in lines[:count]]
    demand(all(len(words) > whole(words[0]) >= 0 for words in lines[count:]))
    polygons = [[whole(word) for word in words[1 : 1 + whole(words[0])]] for words in lines[count:]]
    return Plain(np.array(points, float).reshape(-1, 3), fanned(polygons, count))


def plain_stl(data: bytes) -> Plain:
    """The corners of all triangles, in order, as points."""
    if len(data) >= 84 and len(data) == 84 + 50 * struct.unpack_from("<I", data, 80)[0]:
        facets = np.frombuffer(data, np.dtype([("n", "<f4", 3), ("p", "<f4", (3, 3)), ("a", "<u2")]), -1, 84)
        return Plain(facets["p"].reshape(-1, 3).astype(float))
    words = split(data.decode("latin-1").lower().replace(",", " "))
    demand(words[:1] == ["solid"] and "endsolid" in words)
    at = [k for k, word in enumerate(words) if word == "vertex"]
    points = [[real(word) for word in words[k + 1 : k + 4]] for k in at]
    demand(all(len(point) == 3 for point in points) and len(points) % 3 == 0)
    demand(3 * words.count("endfacet") == len(points) == 3 * words.count("facet"))
    return Plain(np.array(points).reshape(-1, 3))


def plain_pcd(data: bytes) -> Plain | None:
    """Text and binary of three or more 4- or 8-byte floats; None for what is packed."""
    head = re.search(rb"^DATA[ \t]+(ascii|binary|binary_compressed)[ \t]*\r?\n", data, re.MULTILINE)
    demand(head is not None)
    assert head is not None
    lines = [split(line) for line in lines_of(data[: head.start()])]
    values = {line[0]: line[1:] for line in lines if len(line) > 1 and not line[0].startswith("#")}
    demand({"FIELDS", "SIZE", "TYPE", "WIDTH"} <= set(values))
    values.setdefault("HEIGHT", ["1"])
    demand({"x", "y", "z"} <= set(values["FIELDS"]))
    demand(len(values["FIELDS"]) == len(values["SIZE"]) == len(values["TYPE"]))
    count = whole(values["WIDTH"][0]) * whole(values["HEIGHT"][0]) if values["WIDTH"] and values["HEIGHT"] else -1
    demand(0 <= count <= 100_000)
    at = [values["FIELDS"].index(axis) for axis in "xyz"]
    if any((values["TYPE"][k], values["SIZE"][k]) not in (("F", "4"), ("F", "8")) for k in at):
        return None
    if head[1] == b"ascii":
        rows = [words for line in lines_of(data[head.end() :]) if (words := split(line))]
        demand(len(rows) == count and all(len(row) >= len(values["FIELDS"]) for row in rows))
        return Plain(np.array([[real(row[k]) for k in at] for row in rows]).reshape(-1, 3))
    return _pcd_binary(data[head.end() :], values, count, at) if head[1] == b"binary" else None


def _pcd_binary(body: bytes, values: dict, count: int, at: list[int]) -> Plain:
    kinds = {("F", "4"): "f", ("F", "8"): "d", ("U", "4"): "I", ("I", "4"): "i", ("U", "1"): "B", ("U", "2"): "H"}
    pairs = list(zip(values["TYPE"], values["SIZE"], strict=True))
    demand(all(pair in kinds for pair in pairs))
    demand(all(whole(n) == 1 for n in values.get("COUNT", [])))
    row = struct.Struct("<" + "".join(kinds[pair] for pair in pairs))
    demand(len(body) >= row.size * count)
    rows = [row.unpack_from(body, k * row.size) for k in range(count)]
    return Plain(np.array([[r[k] for k in at] for r in rows], float).reshape(-1, 3))


def plain_obj(data: bytes) -> Plain:
    text = data.decode("latin-1").replace("\\\r\n", " ").replace("\\\n", " ")
    points, polygons = [], []
    for line in lines_of(text.encode("latin-1")):
        words = split(line)[:1] + split(line.partition("#")[0])[1:] if line.strip(" \t")[:1] in ("v", "f") else []
        if words[:1] == ["v"]:
            demand(len(words) >= 4)
            points.append([real(word) for word in words[1:4]])
        elif words[:1] == ["f"]:
            corners = [whole(word.partition("/")[0]) for word in words[1:]]
            demand(len(corners) >= 3 and all(corners))
            polygons.append([c - 1 if c > 0 else c + len(points) for c in corners])
    return Plain(np.array(points, float).reshape(-1, 3), fanned(polygons, len(points)))


def plain_xyz(data: bytes) -> Plain:
    """Without a line of their number; titles are not judged."""
    rows = [split(re.split(r"#|//", re.sub("[,;\t]", " ", line))[0]) for line in lines_of(data)]
    rows = [row for row in rows if row]
    first = next((k for k, row in enumerate(rows) if re.match(r"[-+.]?\d|[-+]?(nan|inf)", row[0], re.I)), len(rows))
    rows = rows[first:]
    if rows and len(rows[0]) == 1:
        demand(whole(rows[0][0]) == len(rows) - 1)
        rows = rows[1:]
    demand(all(len(row) >= 3 for row in rows))
    points = [[real(word) for word in row[:3]] for row in rows]
    return Plain(np.array([p for p in points if all(map(math.isfinite, p))]).reshape(-1, 3))


def plain_wrl(data: bytes) -> Plain | None:
    """The one face set of a scene without transforms; None for any other scene."""
    demand(bool(re.match(rb"(\xef\xbb\xbf)?#VRML[ \t]+V2\.0[ \t]+\S", data)))
    text = re.sub(rb'("(?:[^"\\]|\\.)*")|#[^\r\n]*', lambda m: m[1] or b" ", data, flags=re.DOTALL)
    if text.count(b"IndexedFaceSet") != 1 or re.search(rb"Transform|USE|LOD|Switch|PROTO|Group|convex", text):
        return None
    point = re.findall(rb"Coordinate\s*\{\s*point\s*\[([^]]*)\]", text)
    index = re.findall(rb"\bcoordIndex\s*\[([^]]*)\]", text)
    if len(point) != 1 or len(index) != 1:
        return None
    values = [real(w.decode("latin-1")) for w in re.split(rb"[ \t\r\n,]+", point[0]) if w]
    demand(len(values) % 3 == 0 and all(map(math.isfinite, values)))
    polygons: list[list[int]] = [[]]
    for word in re.split(rb"[ \t\r\n,]+", index[0]):
        if word:
            number = int(word, 16) if re.fullmatch(rb"0[xX][0-9a-fA-F]+", word) else whole(word.decode("latin-1"))
            polygons = [*polygons, []] if number == -1 else [*polygons[:-1], [*polygons[-1], number]]
    corners = fanned([p for p in polygons if p], len(values) // 3)
    if corners is not None and b"ccw" in text:
        corners = None
    return Plain(np.array(values).reshape(-1, 3), corners)


PLAIN: dict[str, Callable[[bytes], Plain | None]] = {
    ".bnt": plain_bnt,
    ".abs": plain_abs,
    ".png": plain_png,
    ".ply": plain_ply,
    ".off": plain_off,
    ".stl": plain_stl,
    ".pcd": plain_pcd,
    ".obj": plain_obj,
    ".xyz": plain_xyz,
    ".pts": plain_xyz,
    ".wrl": plain_wrl,
}
"""Plain reader by suffix."""
