"""Reading a scan of any known format. Importing this module is cheap: a reader is imported when it is needed."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gemax_cli.errors import BadFormat, FileUnreadable, UnknownFormat
from gemax_cli.scans.files import read_start
from gemax_cli.scans.names import split_suffix

if TYPE_CHECKING:
    from gemax_cli.scans.model import Scan

_BOSPHORUS = ("bosphorus", "read_bnt")
_BU3DFE = ("bu3dfe", "read_wrl")
_FRGC = ("frgc", "read_abs")
_DEPTH = ("depth_image", "read_depth_image")
_GENERIC = ("generic", "read_generic")
_READERS = {
    ".bnt": _BOSPHORUS,
    ".wrl": _BU3DFE,
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
}
KNOWN_SUFFIXES = tuple(_READERS)
"""Lower-case suffixes of the files that ``read_scan`` reads."""
IMAGE_SUFFIXES = (".png", ".tif", ".tiff")
"""Those of them that are as often a texture or a picture as they are a scan."""

_START = 4096  # bytes looked at to tell what a file is
# What a file begins with: pattern, what it is, suffixes it may have.
_MAGIC: tuple[tuple[re.Pattern[bytes], str, tuple[str, ...]], ...] = (
    (re.compile(rb"(?:\xef\xbb\xbf)?\s*#VRML"), "VRML", (".wrl",)),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "a PNG picture", IMAGE_SUFFIXES),
    (re.compile(rb"II[*+]\x00|MM\x00[*+]"), "a TIFF picture", IMAGE_SUFFIXES),
    (re.compile(rb"ply\s"), "a PLY mesh", (".ply",)),
    (re.compile(rb"glTF"), "a binary glTF model", (".glb", ".gltf")),
    (re.compile(rb"# \.PCD|VERSION [.\d]+\s+FIELDS"), "a PCD point cloud", (".pcd",)),
    (re.compile(rb"(?:ST)?C?N?4?n?OFF\s"), "an OFF mesh", (".off",)),
    (re.compile(rb"\s*\d+ rows\s+\d+ columns", re.IGNORECASE), "an FRGC range image", (".abs", ".abs.gz")),
    (re.compile(rb"\x1f\x8b"), "packed with gzip", (".abs", ".abs.gz")),
    (re.compile(rb"PK\x03\x04"), "a ZIP archive", ()),
    (re.compile(rb"\xff\xd8\xff"), "a JPEG picture", ()),
    (re.compile(rb"BM.{12}[\x0c\x28\x6c\x7c]\x00\x00\x00", re.DOTALL), "a BMP picture", ()),
    (re.compile(rb"%PDF-"), "a PDF document", ()),
    (re.compile(rb"\s*<(?:!doctype html|html)", re.IGNORECASE), "a web page (a failed download?)", ()),
    (re.compile(rb"# [23]D Landmark File", re.IGNORECASE), "a landmark file", ()),
)


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
    content, suffixes = sniff(start, size)
    if suffix not in _READERS:
        hint = f"; it looks like {content}" if content else ""
        raise UnknownFormat(path, f"no reader knows this kind of file{hint}. Known are {', '.join(KNOWN_SUFFIXES)}.")
    if content and suffix not in suffixes:
        advice = f"rename it to {suffixes[0]}" if suffixes else "replace it by the scan itself"
        raise BadFormat(path, f"is named {suffix} but is {content}: {advice}.")
    try:
        return _reader(suffix)(path)
    except OSError as error:
        raise FileUnreadable(path, f"cannot be read ({error.strerror or error}).") from error


def sniff(start: bytes, size: int) -> tuple[str, tuple[str, ...]]:
    """Tell by its content what a file is.

    Args:
        start: the first bytes of the file.
        size: bytes of the whole file.

    Returns:
        What it is, for use in a sentence, and the suffixes it may have; ("", ()) where its start does not say.
    """
    for pattern, content, suffixes in _MAGIC:
        if pattern.match(start):
            return content, suffixes
    return ("a Bosphorus scan", (".bnt",)) if _is_bnt(start, size) else ("", ())


def _is_bnt(start: bytes, size: int) -> bool:
    """Whether the sizes in the header of a .bnt fit each other and the file's length."""
    rows, columns = (int.from_bytes(start[at : at + 2], "little") for at in (0, 2))
    length = int.from_bytes(start[12:14], "little")
    return rows * columns > 0 and size == 18 + length + 8 * 5 * rows * columns


def _reader(suffix: str) -> Callable[[Path], Scan]:
    module, function = _READERS[suffix]
    return cast("Callable[[Path], Scan]", getattr(import_module(f"gemax_cli.scans.{module}"), function))
