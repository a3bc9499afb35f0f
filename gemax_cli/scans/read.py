"""Reading a scan of any known format. Importing this module is cheap: a reader is imported when it is needed."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from gemax_cli.datasets.ids import split_suffix
from gemax_cli.errors import BadFormat, FileUnreadable, UnknownFormat
from gemax_cli.scans.files import read_start

if TYPE_CHECKING:
    from gemax_cli.scans.model import Scan

_BOSPHORUS = ("formats.bnt", "read_bnt")
_BU3DFE = ("formats.wrl", "read_wrl")
_FRGC = ("formats.frgc", "read_abs")
_DEPTH = ("formats.depth_image", "read_depth_image")
_GENERIC = ("generic", "read_generic")
_READERS = {
    ".bnt": _BOSPHORUS,
    ".wrl": _BU3DFE,
    ".wrl.gz": _BU3DFE,
    ".wrz": _BU3DFE,
    ".abs": _FRGC,
    ".abs.gz": _FRGC,
    ".png": _DEPTH,
    ".tif": _DEPTH,
    ".tiff": _DEPTH,
    ".ply": _GENERIC,
    ".obj": _GENERIC,
    ".stl": _GENERIC,
    ".off": _GENERIC,
    ".glb": _GENERIC,
    ".gltf": _GENERIC,
    ".pcd": _GENERIC,
    ".xyz": _GENERIC,
    ".xyzn": _GENERIC,
    ".xyzrgb": _GENERIC,
    ".pts": _GENERIC,
}
KNOWN_SUFFIXES = tuple(_READERS)
"""Lower-case suffixes of the files that ``read_scan`` reads."""
SEARCHED_SUFFIXES = frozenset(KNOWN_SUFFIXES) - {".pts"}
"""Those of them that are taken for scans in a folder. A .pts beside faces holds landmarks as often as a scan."""
IMAGE_SUFFIXES = (".png", ".tif", ".tiff")
"""Those of them that are as often a texture or a picture as they are a scan."""
CRASHING_SUFFIXES = frozenset((".glb", ".gltf"))
"""Those of them that are read by a library that a damaged file can crash, and the process with it."""

_START = 4096  # bytes looked at to tell what a file is


class Content(NamedTuple):
    """What a file is, told by its first bytes.

    Attributes:
        name: for use in a sentence; "" where the bytes do not say.
        suffixes: those that such a file may have.
        advice: what to do about one that has another.
    """

    name: str = ""
    suffixes: tuple[str, ...] = ()
    advice: str = "replace it by the scan itself"


def _kind(name: str, *suffixes: str) -> Content:
    return Content(name, suffixes, f"rename it to {suffixes[0]}")


_UNPACK = "unpack it and convert what is in it"
_GZIPPED = (".abs.gz", ".abs", ".wrl.gz", ".wrz", ".wrl")
_MAGIC = (
    (rb"(?:\xef\xbb\xbf)?\s*#VRML", _kind("VRML", ".wrl", ".wrl.gz", ".wrz")),
    (rb"\x89PNG\r\n\x1a\n", _kind("a PNG picture", *IMAGE_SUFFIXES)),
    (rb"(?:II[*+]\x00|MM\x00[*+])", _kind("a TIFF picture", ".tif", *IMAGE_SUFFIXES)),
    (rb"ply\s", _kind("a PLY mesh", ".ply")),
    (rb"glTF", _kind("a binary glTF model", ".glb", ".gltf")),
    (rb"(?:# \.PCD|VERSION [.\d]+\s+FIELDS)", _kind("a PCD point cloud", ".pcd")),
    (rb"(?:ST)?C?N?4?n?OFF\s", _kind("an OFF mesh", ".off")),
    (rb"\s*\d+ rows\s+\d+ columns", _kind("an FRGC range image", ".abs", ".abs.gz")),
    (rb"\x1f\x8b", Content("a gzip archive", _GZIPPED, _UNPACK)),
    (rb"PK\x03\x04", Content("a ZIP archive", (), _UNPACK)),
    (rb"\xff\xd8\xff", Content("a JPEG picture")),
    (rb"BM.{12}[\x0c\x28\x6c\x7c]\x00\x00\x00", Content("a BMP picture")),
    (rb"%PDF-", Content("a PDF document")),
    (rb"\s*<(?:!doctype html|html)", Content("a web page", (), "download the scan again, logged in if need be")),
    (rb"# [23]D Landmark File", Content("a landmark file", (), "name the scan itself")),
)
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE | re.DOTALL), content) for pattern, content in _MAGIC)


def read_scan(path: Path) -> Scan:
    """Read a scan with the reader that its name asks for.

    Raises:
        UnknownFormat: no reader knows the suffix.
        FileUnreadable: the file is missing, no file, or may not be read.
        BadFormat: it is not what its name says, or damaged.
        EmptyScan: it holds no surface.
        LibraryMissing: the library that reads this format is not there.
    """
    path = Path(path)
    start, size = read_start(path, _START)
    suffix = split_suffix(path.name)[1]
    content = sniff(start, size)
    if suffix not in _READERS:
        hint = f"; it looks like {content.name}" if content.name else ""
        raise UnknownFormat(path, f"no reader knows this kind of file{hint}. Known are {', '.join(KNOWN_SUFFIXES)}.")
    if content.name and suffix not in content.suffixes:
        raise BadFormat(path, f"is named {suffix} but is {content.name}: {content.advice}.")
    try:
        return _reader(suffix)(path)
    except OSError as error:
        raise FileUnreadable(path, f"cannot be read ({error.strerror or error}).") from error


def sniff(start: bytes, size: int) -> Content:
    """Tell by its first bytes and its whole size in bytes what a file is."""
    for pattern, content in _PATTERNS:
        if pattern.match(start):
            return content
    return _kind("a Bosphorus scan", ".bnt") if _is_bnt(start, size) else Content()


def _is_bnt(start: bytes, size: int) -> bool:
    """Whether the sizes in the header of a .bnt fit each other and the file's length."""
    rows, columns = (int.from_bytes(start[at : at + 2], "little") for at in (0, 2))
    length = int.from_bytes(start[12:14], "little")
    return rows * columns > 0 and size == 18 + length + 8 * 5 * rows * columns


def _reader(suffix: str) -> Callable[[Path], Scan]:
    module, function = _READERS[suffix]
    return cast("Callable[[Path], Scan]", getattr(import_module(f"gemax_cli.scans.{module}"), function))
