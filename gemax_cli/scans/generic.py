"""Meshes and point clouds of general formats: which reader for which suffix."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import cast

from gemax_cli.errors import UnknownFormat
from gemax_cli.scans.model import Scan

_READERS = {
    ".ply": ("ply", "read_ply"),
    ".obj": ("obj", "read_obj"),
    ".stl": ("stl", "read_stl"),
    ".off": ("off", "read_off"),
    ".glb": ("gltf", "read_gltf"),
    ".gltf": ("gltf", "read_gltf"),
    ".pcd": ("pcd", "read_pcd"),
    ".xyz": ("point_text", "read_point_text"),
    ".xyzn": ("point_text", "read_point_text"),
    ".xyzrgb": ("point_text", "read_point_text"),
    ".pts": ("point_text", "read_point_text"),
}


def read_generic(path: Path) -> Scan:
    """Read .ply, .obj, .stl, .off, .glb, .gltf, .pcd, .xyz, .xyzn, .xyzrgb or .pts; unit and axes stay unknown.

    Raises:
        FileUnreadable: the file is missing or may not be read.
        BadFormat: it is not what its suffix says, damaged, or incomplete.
        EmptyScan: it holds no point, or all points are the same.
        LibraryMissing: Open3D, which reads .glb and .gltf, cannot be loaded; the message says what to install.
        UnknownFormat: the suffix is none of these.
    """
    if path.suffix.lower() not in _READERS:
        raise UnknownFormat(path, f"no reader knows this kind of file. Known are {', '.join(_READERS)}.")
    module, function = _READERS[path.suffix.lower()]
    return cast("Scan", getattr(import_module(f"gemax_cli.scans.formats.{module}"), function)(path))
