"""Meshes and point clouds of general formats, most of them through Open3D.

Open3D is slow to import and does not load on machines without some system libraries, so it is imported when a file
needs it. It tells of failures on standard output alone and then gives what it has: an empty mesh, or a part of one.
So its messages are caught, and what it gives is held against what the file's header claims.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gemax_cli.errors import BadFormat, LibraryMissing, UnknownFormat
from gemax_cli.scans.assemble import cloud_scan, mesh_scan, organised_scan
from gemax_cli.scans.claims import Claim, gltf_claim, pcd_claim, stl_claim
from gemax_cli.scans.content import read_content
from gemax_cli.scans.model import Points, Scan, Triangles
from gemax_cli.scans.obj import read_obj
from gemax_cli.scans.off import read_off
from gemax_cli.scans.ply import read_ply
from gemax_cli.scans.point_text import read_point_text

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

_SHARED_LIBRARY = re.compile(r"(lib[\w+.-]+?)\.so[.\d]*")
_HARMLESS = "appears to be a geometry::PointCloud"
_ESCAPES = re.compile(r"\x1b\[[\d;]*m")


def read_generic(path: Path) -> Scan:
    """Read .ply, .obj, .stl, .off, .glb, .gltf, .pcd, .xyz, .xyzn, .xyzrgb or .pts; unit and axes stay unknown.

    Raises:
        FileUnreadable: the file is missing or may not be read.
        BadFormat: it is not what its suffix says, damaged, or incomplete.
        EmptyScan: it holds no point, or all points are the same.
        LibraryMissing: Open3D is needed and cannot be loaded; the message says what to install.
        UnknownFormat: the suffix is none of these.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UnknownFormat(path, f"no reader knows this kind of file. Known are {', '.join(_READERS)}.")
    return reader(path)


def import_open3d(path: Path) -> Any:
    """The ``open3d`` module, for reading ``path``.

    Raises:
        LibraryMissing: it is not installed, or a system library that it needs is not there.
    """
    try:
        import open3d
    except ImportError as error:
        raise LibraryMissing(path, _missing(error)) from error
    except OSError as error:  # a shared library that is found and cannot be loaded
        raise LibraryMissing(path, _missing(error)) from error
    return open3d


def _missing(error: Exception) -> str:
    library = _SHARED_LIBRARY.search(str(error))
    if library and library[1] in DEBIAN_PACKAGES:
        package = DEBIAN_PACKAGES[library[1]]
        return f"Open3D, which reads this format, needs the system library {library[0]}: apt install {package}."
    if library:
        return f"Open3D, which reads this format, needs the system library {library[0]}: install it."
    return f"Open3D, which reads this format, cannot be imported ({error}): pip install open3d, or convert it to OBJ."


def _read_mesh(path: Path, claim_of: Callable[[Path, bytes], Claim], weld: bool = False) -> Scan:
    claim = claim_of(path, read_content(path))
    open3d = import_open3d(path)
    mesh = _quietly(path, open3d, lambda: open3d.io.read_triangle_mesh(str(path)))
    points, triangles = np.asarray(mesh.vertices), np.asarray(mesh.triangles)
    if claim.points is not None and len(points) != claim.points:
        raise BadFormat(path, f"promises {claim.points} points, but {len(points)} can be read: it is damaged.")
    if claim.faces and not len(triangles):
        raise BadFormat(path, f"promises {claim.faces} faces, but none can be read: it is damaged.")
    if weld and len(points):
        points, triangles = _welded(points, triangles)
    return mesh_scan(path, points, triangles) if len(triangles) else cloud_scan(path, points)


def _read_pcd(path: Path) -> Scan:
    claim = pcd_claim(path, read_content(path))
    open3d = import_open3d(path)
    options = {"remove_nan_points": False, "remove_infinite_points": False}
    cloud = _quietly(path, open3d, lambda: open3d.io.read_point_cloud(str(path), **options))
    points = np.asarray(cloud.points)
    if len(points) != claim.points:
        raise BadFormat(path, f"promises {claim.points} points, but {len(points)} can be read: it is damaged.")
    if claim.shape is None:
        return cloud_scan(path, points)
    # Some sensors write 0 0 0 where they measured nothing, others NaN.
    measured = np.isfinite(points).all(axis=1) & points.any(axis=1)
    return organised_scan(path, points.reshape(*claim.shape, 3), measured.reshape(claim.shape), metric=False)


def _quietly(path: Path, open3d: Any, read: Callable[[], Any]) -> Any:
    """What ``read`` gives; BadFormat with Open3D's own words if it complains."""
    spoken = io.StringIO()
    try:
        level = open3d.utility.VerbosityLevel.Warning
        with contextlib.redirect_stdout(spoken), open3d.utility.VerbosityContextManager(level):
            result = read()
    except (RuntimeError, MemoryError, UnicodeError) as error:
        raise BadFormat(path, f"Open3D cannot read it ({_first_line(str(error))}).") from error
    complaints = [line for line in spoken.getvalue().splitlines() if line.strip() and _HARMLESS not in line]
    if complaints:
        raise BadFormat(path, f"Open3D cannot read all of it ({_first_line(complaints[0])}).")
    return result


def _first_line(text: str) -> str:
    return _ESCAPES.sub("", text).removeprefix("[Open3D WARNING] ").strip().partition("\n")[0].rstrip(".")[:200]


def _welded(points: Points, triangles: Triangles) -> tuple[Points, Triangles]:
    """Equal points made one: an STL repeats every corner, and its triangles share none."""
    unique, number = np.unique(points, axis=0, return_inverse=True)
    return unique, np.reshape(number, -1)[triangles].astype(np.int32)


_READERS: dict[str, Callable[[Path], Scan]] = {
    ".ply": read_ply,
    ".stl": lambda path: _read_mesh(path, stl_claim, weld=True),
    ".off": read_off,
    ".glb": lambda path: _read_mesh(path, gltf_claim),
    ".gltf": lambda path: _read_mesh(path, gltf_claim),
    ".obj": read_obj,
    ".pcd": _read_pcd,
    ".xyz": read_point_text,
    ".xyzn": read_point_text,
    ".xyzrgb": read_point_text,
    ".pts": read_point_text,
}
