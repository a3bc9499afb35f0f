"""What the header of a mesh or point cloud says of its content, held against the length of the file.

Libraries allocate what a header asks for, and give a part of a mesh without an error where the file is cut off. So the
counts are read here first: what cannot be is refused, and what was read can be compared with what was claimed.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gemax_cli.errors import BadFormat, EmptyScan

_PCD_LINE = re.compile(rb"^(WIDTH|HEIGHT|POINTS|SIZE|COUNT|FIELDS|DATA)[ \t]+([^\r\n]*)", re.MULTILINE)
_PACKINGS = {"KHR_draco_mesh_compression": "Draco", "EXT_meshopt_compression": "meshopt"}


@dataclass(frozen=True)
class Claim:
    """How much a file says it holds.

    Attributes:
        points: number of points, None where the format does not say.
        faces: number of polygons, None where the format does not say.
        shape: (rows, columns) of an organised cloud, else None.
    """

    points: int | None = None
    faces: int | None = None
    shape: tuple[int, int] | None = None


def stl_claim(path: Path, data: bytes) -> Claim:
    """Triangles of an STL, binary or text; BadFormat where the file is too short for them."""
    count = int.from_bytes(data[80:84], "little")
    if len(data) >= 84 and len(data) == 84 + 50 * count:
        return Claim(faces=count)
    if not data.lstrip()[:5].lower() == b"solid":
        raise BadFormat(
            path, "its length is not that of its number of triangles: it is cut off or no STL, copy it again."
        )
    if b"endsolid" not in data[-1024:].lower():
        raise BadFormat(path, "ends before its endsolid: it is cut off, copy it again.")
    return Claim(faces=data.lower().count(b"endfacet"))


def pcd_claim(path: Path, data: bytes) -> Claim:
    """Counts of a PCD; BadFormat where they contradict each other or cannot be in a file of this length."""
    values = {match[1].decode(): match[2].split() for match in _PCD_LINE.finditer(data[:4096])}
    start = data.find(b"\n", data.find(b"\nDATA ") + 1) + 1
    if start == 0 or not {"WIDTH", "DATA", "FIELDS", "SIZE"} <= set(values):
        raise BadFormat(path, "does not begin with the header of a PCD: it is damaged or cut off, copy it again.")
    width = _count(path, values["WIDTH"])
    height = _count(path, values.get("HEIGHT", [b"1"]))
    points = _count(path, values.get("POINTS", [b"%d" % (width * height)]))
    if width * height != points:
        raise BadFormat(
            path, f"says {width} x {height} and {points} points, which contradict each other: export it again."
        )
    _check_pcd_room(path, values, points, data, start)
    return Claim(points, 0, (height, width) if height > 1 and width > 1 else None)


def _check_pcd_room(path: Path, values: dict[str, list[bytes]], points: int, data: bytes, start: int) -> None:
    size = sum(_count(path, [each]) for each in values["SIZE"])
    kind, room = values["DATA"][:1], len(data) - start
    if kind == [b"binary_compressed"]:
        packed, unpacked = struct.unpack_from("<II", data, start) if room >= 8 else (0, 0)
        _check_room(path, packed, room - 8)
        _check_room(path, points * size, unpacked)
        # LZF packs 264 bytes into 3 at best.
        _check_room(path, unpacked, 88 * packed + 88)
    elif kind == [b"binary"]:
        _check_room(path, points * size, room)
    else:
        _check_room(path, 2 * points * len(values["SIZE"]), room + 1)


def gltf_claim(path: Path, data: bytes) -> Claim:
    """Nothing is counted; BadFormat for a .glb or .gltf that is cut off, packed, or names files elsewhere."""
    text = _glb_text(path, data) if data[:4] == b"glTF" else data
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFormat(path, f"its JSON cannot be read ({error}): it is damaged or cut off, copy it again.") from error
    if not isinstance(content, dict):
        raise BadFormat(path, "its JSON is no glTF model: export it again.")
    for packing in _items(content, "extensionsRequired"):
        if packing in _PACKINGS:
            raise EmptyScan(path, f"is packed with {_PACKINGS[packing]}, which is not read: save it without packing.")
    _check_uris(path, content)
    _check_accessors(path, content)
    return Claim()


def _glb_text(path: Path, data: bytes) -> bytes:
    version, length, size, kind = struct.unpack_from("<III4s", data, 4) if len(data) >= 20 else (0, 0, 0, b"")
    if version != 2 or kind != b"JSON" or length > len(data) or 20 + size > len(data):
        raise BadFormat(path, "is no glTF 2.0, or cut off: copy it again, or export it as PLY.")
    return data[20 : 20 + size]


def _check_uris(path: Path, content: dict[str, Any]) -> None:
    for part in _items(content, "buffers"):
        uri = part.get("uri") if isinstance(part, dict) else None
        if uri is None or str(uri).startswith("data:"):
            continue
        if not re.fullmatch(r"[^/\\:%]+", str(uri)) or uri in (".", ".."):
            raise BadFormat(
                path, f"names a file outside its folder ({str(uri)[:40]!r}): put it beside, or save as .glb."
            )
        if not path.with_name(str(uri)).is_file():
            raise BadFormat(path, f"needs the file {str(uri)[:40]!r} beside it: copy that, too, or save as .glb.")


def _check_accessors(path: Path, content: dict[str, Any]) -> None:
    """An accessor without a buffer stands for zeros, of any number."""
    views = len(_items(content, "bufferViews"))
    for part in _items(content, "accessors"):
        view = part.get("bufferView") if isinstance(part, dict) else None
        if not isinstance(view, int) or not 0 <= view < views:
            raise EmptyScan(path, "a list of its numbers has no content (packed, or zeros): save it without packing.")


def _items(content: dict[str, Any], key: str) -> list[Any]:
    value = content.get(key)
    return value if isinstance(value, list) else []


def _count(path: Path, words: list[bytes]) -> int:
    if len(words) != 1 or not re.fullmatch(rb"[0-9]{1,12}", words[0]):
        raise BadFormat(path, "its header holds a count that is no number: it is damaged, copy it again.")
    return int(words[0])


def _check_room(path: Path, needed: int, room: int) -> None:
    if needed > room:
        raise BadFormat(path, f"its header promises at least {needed:,} bytes, but there are {room:,}: it is cut off.")
