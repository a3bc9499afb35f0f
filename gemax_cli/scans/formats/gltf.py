"""glTF 2.0 models (.glb, .gltf) through Open3D.

Open3D is slow to import and does not load on machines without some system libraries, so it is imported when a file
needs it. It reports failures on standard output alone and returns an empty mesh, so its messages are captured.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import struct
from collections.abc import Callable
from os.path import isfile
from pathlib import Path
from typing import Any

import numpy as np

from gemax_cli.errors import BadFormat, EmptyScan, LibraryMissing
from gemax_cli.scans.assemble import mesh_scan
from gemax_cli.scans.model import Scan
from gemax_cli.scans.raw_file import RawFile

DEBIAN_PACKAGES = {
    "libusb-1.0": "libusb-1.0-0",
    "libGL": "libgl1",
    "libEGL": "libegl1",
    "libgomp": "libgomp1",
    "libX11": "libx11-6",
    "libudev": "libudev1",
    "libglib-2.0": "libglib2.0-0",
    "libgthread-2.0": "libglib2.0-0",
    "libtbb": "libtbb12",
    "libc++": "libc++1",
    "libc++abi": "libc++abi1",
}
"""Debian and Ubuntu package of each system library that Open3D is known to ask for."""

_MOST_PARTS = 200_000  # of the JSON: each takes some hundred bytes of memory; a scan has some hundreds
_SHARED_LIBRARY = re.compile(r"(lib[\w+.-]+?)\.so[.\d]*")
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
    return mesh_scan(path, np.asarray(mesh.vertices), np.asarray(mesh.triangles))


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
        if not isfile(path.with_name(str(uri))):  # noqa: PTH113 - is_file() raises where the name is too long
            raise BadFormat(path, f"needs the file {str(uri)[:40]!r} beside it: copy that, too, or save as .glb.")


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
        import open3d
    except (ImportError, OSError) as error:  # OSError: a shared library that is found and cannot be loaded
        raise LibraryMissing(path, _missing(error)) from error
    return open3d


def _missing(error: Exception) -> str:
    library = _SHARED_LIBRARY.search(str(error))
    if library is None:
        return (
            f"Open3D, which reads this format, cannot be imported ({error}): pip install open3d, or convert it to OBJ."
        )
    package = DEBIAN_PACKAGES.get(library[1])
    advice = f"apt install {package}" if package else "install it"
    return f"Open3D, which reads this format, needs the system library {library[0]}: {advice}."


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
