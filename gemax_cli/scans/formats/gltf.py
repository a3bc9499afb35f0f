"""glTF 2.0 models (.glb, .gltf) through Open3D.

Open3D is slow to import and does not load on machines without some system libraries, so it is imported when a file
needs it. It reports failures on standard output alone and returns an empty mesh, so its messages are captured.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat, EmptyScan, LibraryMissing
from gemax_cli.open3d_library import load_open3d, why_missing
from gemax_cli.scans.assemble import mesh_scan
from gemax_cli.scans.model import PointColours, Scan, TextureMap
from gemax_cli.scans.picture import MAX_PIXELS, size_in
from gemax_cli.scans.raw_file import RawFile, file_beside, read_raw

_MOST_PARTS = 200_000  # of the JSON: each takes some hundred bytes of memory; a scan has some hundreds
_ESCAPES = re.compile(r"\x1b\[[\d;]*m")
_FLOAT = 5126  # glTF 2.0, component types
_PACKINGS = {"KHR_draco_mesh_compression": "Draco", "EXT_meshopt_compression": "meshopt"}


def read_gltf(raw: RawFile) -> Scan:
    """Read every triangle mesh of a glTF scene, in its place. Open3D opens the file itself, after it was checked.

    Raises:
        BadFormat: it is no glTF 2.0, damaged or cut off, or names files outside its folder.
        EmptyScan: it holds no triangle, is packed with a method that is not read, or all points are the same.
        LibraryMissing: Open3D cannot be loaded; the message says what to install.
    """
    path = raw.path
    check_gltf(path, raw.data)
    open3d = import_open3d(path)
    mesh = _quietly(path, open3d, lambda: open3d.io.read_triangle_mesh(str(path)))
    if not len(mesh.triangles):
        raise EmptyScan(path, "holds no triangle: export it again, with its mesh.")
    scan = mesh_scan(path, np.asarray(mesh.vertices), np.asarray(mesh.triangles), _texture(mesh))
    return replace(scan, colours=_colours(mesh))


def _texture(mesh: Any) -> TextureMap | None:
    """The pictures of the materials' base colours; Open3D numbers them as it does the materials."""
    uv, material = np.asarray(mesh.triangle_uvs), np.asarray(mesh.triangle_material_ids)
    pictures = [np.asarray(picture) for picture in mesh.textures]
    inside = {f"picture {number}": _rgb(pixels) for number, pixels in enumerate(pictures) if pixels.ndim == 3}
    count = len(mesh.triangles)
    if not inside or len(uv) != 3 * count or len(material) != count:
        return None
    names = tuple(inside)
    number = np.full(max(len(pictures), int(material.max(initial=0)) + 1), -1)
    number[[int(name.split()[1]) for name in names]] = np.arange(len(names))
    shown = number[material] >= 0
    uv = np.where(np.repeat(shown, 3)[:, None], uv, np.nan)
    which = np.maximum(number[material], 0).astype(np.uint8) if len(names) > 1 else None
    corners = np.arange(3 * count, dtype=np.int32).reshape(-1, 3)
    return TextureMap(names[0], uv, corners, names[1:], which, inside)


def _rgb(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """A picture of one to four channels of 8 or 16 bits as red, green and blue of 8."""
    values = pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
    return np.ascontiguousarray(values[..., :3] if values.shape[2] >= 3 else np.repeat(values[..., :1], 3, axis=2))


def _colours(mesh: Any) -> PointColours | None:
    """Colours of the points; glTF stores them as linear light."""
    light = np.asarray(mesh.vertex_colors)
    if len(light) != len(mesh.vertices) or not len(light):
        return None
    light = np.clip(np.nan_to_num(light), 0.0, 1.0)
    values = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * values), np.uint8)


def check_gltf(path: Path, data: bytes) -> None:
    """Refuse what Open3D would read wrongly, or from elsewhere.

    Raises:
        BadFormat, EmptyScan: as ``read_gltf``.
    """
    text = _glb_text(path, data) if data[:4] == b"glTF" else data
    if sum(map(text.count, (b"{", b"[", b","))) > _MOST_PARTS:
        raise BadFormat(path, f"its JSON has more than {_MOST_PARTS:,} parts: it is no face scan.")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFormat(path, f"its JSON cannot be read ({error}): it is damaged or cut off, copy it again.") from error
    if not isinstance(content, dict):
        raise BadFormat(path, "its JSON is no glTF model: export it again.")
    for packing in _items(content, "extensionsRequired"):
        if str(packing) in _PACKINGS:
            raise EmptyScan(
                path, f"is packed with {_PACKINGS[str(packing)]}, which is not read: save it without packing."
            )
    if "KHR_mesh_quantization" in map(str, _items(content, "extensionsRequired")):
        what = "has quantised coordinates (KHR_mesh_quantization), which are not read: save it without quantisation."
        raise BadFormat(path, what)
    _check_uris(path, content)
    _check_accessors(path, content)
    room = MAX_PIXELS
    for picture in _pictures(path, content, data):
        columns, rows = size_in(path, picture, room)
        room -= columns * rows


def _glb_text(path: Path, data: bytes) -> bytes:
    version, length, size, kind = struct.unpack_from("<III4s", data, 4) if len(data) >= 20 else (0, 0, 0, b"")
    if version != 2 or kind != b"JSON" or length > len(data) or 20 + size > len(data):
        raise BadFormat(path, "is no glTF 2.0, or cut off: copy it again, or export it as PLY.")
    return data[20 : 20 + size]


def _check_uris(path: Path, content: dict[str, Any]) -> None:
    for part in (*_items(content, "buffers"), *_items(content, "images")):
        uri = part.get("uri") if isinstance(part, dict) else None
        if uri is None or str(uri).startswith("data:"):
            continue
        if not re.fullmatch(r"[^/\\:%]+", str(uri)) or uri in (".", ".."):
            raise BadFormat(
                path, f"names a file outside its folder ({str(uri)[:40]!r}): put it beside, or save as .glb."
            )
        if file_beside(path, str(uri)) is None:
            raise BadFormat(path, f"needs the file {str(uri)[:40]!r} beside it: copy that, too, or save as .glb.")


def _pictures(path: Path, content: dict[str, Any], data: bytes) -> Iterator[bytes]:
    """The bytes of every picture, before Open3D decodes them."""
    for image in _items(content, "images"):
        uri = image.get("uri") if isinstance(image, dict) else None
        if uri is None:
            view = _at(_items(content, "bufferViews"), image.get("bufferView") if isinstance(image, dict) else None)
            yield _in_buffer(path, content, data, view or {})
        elif str(uri).startswith("data:"):
            yield _decoded(path, str(uri))
        else:
            yield read_raw(path.with_name(str(uri))).data


def _in_buffer(path: Path, content: dict[str, Any], data: bytes, view: dict[str, Any]) -> bytes:
    buffer = _at(_items(content, "buffers"), view.get("buffer")) or {}
    uri, start, size = buffer.get("uri"), view.get("byteOffset", 0), view.get("byteLength", 0)
    if uri is None:
        whole = data[20 + len(_glb_text(path, data)) + 8 :] if data[:4] == b"glTF" else b""
    else:
        whole = _decoded(path, str(uri)) if str(uri).startswith("data:") else read_raw(path.with_name(str(uri))).data
    if not (isinstance(start, int) and isinstance(size, int) and 0 <= start <= start + size <= len(whole)):
        raise BadFormat(path, "a picture lies beyond the end of its buffer: it is damaged or cut off, copy it again.")
    return whole[start : start + size]


def _decoded(path: Path, uri: str) -> bytes:
    try:
        return base64.b64decode(uri.partition(",")[2])
    except ValueError as error:
        raise BadFormat(path, "holds a picture or buffer that is no base64: export it again.") from error


def _check_accessors(path: Path, content: dict[str, Any]) -> None:
    """A list of numbers without a buffer stands for zeros, of any length: packed meshes look so."""
    accessors, views = _items(content, "accessors"), _items(content, "bufferViews")
    for mesh in _items(content, "meshes"):
        for primitive in _items(mesh, "primitives"):
            for place, number in enumerate(_used(primitive)):
                accessor = _at(accessors, number)
                if accessor is None or _at(views, accessor.get("bufferView")) is None:
                    what = "its points or triangles have no content (packed, or zeros): save it without packing."
                    raise EmptyScan(path, what)
                if place == 0 and accessor.get("componentType", _FLOAT) != _FLOAT:
                    what = "has quantised coordinates (KHR_mesh_quantization), which are not read"
                    raise BadFormat(path, f"{what}: save it without quantisation.")
                if "sparse" in accessor:  # Open3D reads beyond the end of what is not as it should be
                    raise BadFormat(path, "keeps some of its numbers apart (sparse): export it again without that.")


def _used(primitive: object) -> list[Any]:
    """Numbers of the accessors that make up the surface."""
    if not isinstance(primitive, dict):
        return []
    attributes = primitive.get("attributes")
    points = attributes.get("POSITION") if isinstance(attributes, dict) else None
    return [points, primitive["indices"]] if "indices" in primitive else [points]


def _at(items: list[Any], number: object) -> dict[str, Any] | None:
    if not isinstance(number, int) or not 0 <= number < len(items):
        return None
    return items[number] if isinstance(items[number], dict) else None


def _items(content: object, key: str) -> list[Any]:
    value = content.get(key) if isinstance(content, dict) else None
    return value if isinstance(value, list) else []


def import_open3d(path: Path) -> Any:
    """The ``open3d`` module, for reading ``path``.

    Raises:
        LibraryMissing: it is not installed, or a system library that it needs is not there.
    """
    try:
        return load_open3d()
    except (ImportError, OSError) as error:  # OSError: a shared library that is found and cannot be loaded
        raise LibraryMissing(path, why_missing(error, "reads this format", "convert it to OBJ")) from error


def _quietly(path: Path, open3d: Any, read: Callable[[], Any]) -> Any:
    """What ``read`` gives; BadFormat with Open3D's own words if it complains."""
    spoken = io.StringIO()
    try:
        level = open3d.utility.VerbosityLevel.Warning
        with contextlib.redirect_stdout(spoken), open3d.utility.VerbosityContextManager(level):
            result = read()
    except (RuntimeError, MemoryError, UnicodeError) as error:
        raise BadFormat(path, f"Open3D cannot read it ({_first_line(str(error))}).") from error
    complaints = [line for line in spoken.getvalue().splitlines() if line.strip()]
    if complaints:
        raise BadFormat(path, f"Open3D cannot read all of it ({_first_line(complaints[0])}).")
    return result


def _first_line(text: str) -> str:
    return _ESCAPES.sub("", text).removeprefix("[Open3D WARNING] ").strip().partition("\n")[0].rstrip(".")[:200]
