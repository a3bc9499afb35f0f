"""Reading a scan of any known format. A new format is one module in ``formats`` and one row of FORMATS.

Importing this module is cheap: a reader is imported when it is needed.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gemax_cli.datasets.ids import split_suffix
from gemax_cli.errors import BadFormat, FileUnreadable, ScanError, UnknownFormat
from gemax_cli.paths import AnyPath, as_path
from gemax_cli.scans.model import Companion
from gemax_cli.scans.raw_file import MAX_BYTES, RawFile, read_raw, why_unreadable
from gemax_cli.settings import CameraSettings, Unit

if TYPE_CHECKING:
    from gemax_cli.scans.model import Scan

MAX_COMPANION_BYTES = 2**20
"""Of the largest landmark or camera file: some ten times what the readers take."""


@dataclass(frozen=True)
class Format:
    """A raw format, or with neither suffixes nor reader a kind of file that lies among scans and is none.

    Attributes:
        name: for use in a sentence.
        magic: regular expression of the first bytes, in any case; "" where they do not tell.
        suffixes: lower case; the usual one first.
        reader: "module:function" in ``formats``.
        limit: bytes of the largest file read, packed or unpacked.
        gzipped: the reader's files may be packed, whatever their suffix.
        picture: as often a texture or a photograph as a scan, so that a search looks inside.
        can_crash: read by a library that a damaged file can crash, and the process with it.
        searched: taken for a scan in a folder, not only when given by name.
        beside: suffixes of files of the same stem that are read with it, as they are spelled.
        advice: what to do about a file of another format's suffix; "" to rename it.
    """

    name: str
    magic: bytes = b""
    suffixes: tuple[str, ...] = ()
    reader: str = ""
    limit: int = MAX_BYTES
    gzipped: bool = False
    picture: bool = False
    can_crash: bool = False
    searched: bool = True
    beside: tuple[str, ...] = ()
    advice: str = ""

    def read(self, raw: RawFile, camera: CameraSettings, unit: Unit) -> Scan:
        """Read a file with the reader of this format; those of pictures are told the camera and the unit."""
        module, _, function = self.reader.partition(":")
        reader = getattr(import_module(f"gemax_cli.scans.formats.{module}"), function)
        return cast("Callable[..., Scan]", reader)(raw, *((camera, unit) if self.picture else ()))


_BNT = Format("a Bosphorus scan", b"", (".bnt",), "bnt:read_bnt", beside=(".lm3", ".LM3", ".lm2", ".LM2"))
_BND, _CAMERA = (".bnd", ".BND", ".pse", ".PSE"), (".json",)
_VRML, _ABS = rb"(?:\xef\xbb\xbf)?\s*#VRML", rb"\s*\d+ rows\s+\d+ columns"
_PNG, _TIFF = rb"\x89PNG\r\n\x1a\n", rb"(?:II[*+]\x00|MM\x00[*+])"
_OFF, _PCD = rb"(?:ST)?C?N?4?n?OFF\s", rb"(?:# \.PCD|VERSION [.\d]+\s+FIELDS)"
_PICTURE, _POINTS = "depth_image:read_depth_image", "point_text:read_point_text"
FORMATS = (
    _BNT,
    Format("VRML", _VRML, (".wrl", ".wrl.gz", ".wrz"), "wrl:read_wrl", gzipped=True, beside=_BND),
    Format("an FRGC range image", _ABS, (".abs", ".abs.gz"), "frgc:read_abs", limit=96 * 2**20, gzipped=True),
    Format("a PNG picture", _PNG, (".png",), _PICTURE, picture=True, beside=_CAMERA),
    Format("a TIFF picture", _TIFF, (".tif", ".tiff"), _PICTURE, picture=True, beside=_CAMERA),
    Format("a NumPy array", rb"\x93NUMPY", (".npy",), _PICTURE, picture=True, beside=_CAMERA),
    Format(
        "an OpenEXR picture", rb"\x76\x2f\x31\x01", (".exr",), _PICTURE, picture=True, can_crash=True, beside=_CAMERA
    ),
    Format("a PLY mesh", rb"ply\s", (".ply",), "ply:read_ply"),
    Format("an OBJ mesh", b"", (".obj",), "obj:read_obj"),
    Format("an STL mesh", b"", (".stl",), "stl:read_stl"),
    Format("an OFF mesh", _OFF, (".off",), "off:read_off"),
    Format("a binary glTF model", b"glTF", (".glb", ".gltf"), "gltf:read_gltf", can_crash=True),
    Format("a PCD point cloud", _PCD, (".pcd",), "pcd:read_pcd"),
    Format("a point list", b"", (".xyz", ".xyzn", ".xyzrgb"), _POINTS),
    # A .pts beside faces holds landmarks as often as a scan.
    Format("a point list", b"", (".pts",), _POINTS, searched=False),
)
"""The formats that are read."""

_UNPACK, _REPLACE = "unpack it and convert what is in it", "replace it by the scan itself"
_WEB, _LOGIN = rb"\s*<(?:!doctype html|html)", "download the scan again, logged in if need be"
_GZIP = Format("a gzip archive", rb"\x1f\x8b", advice=_UNPACK)
FOREIGN = (
    _GZIP,
    Format("a ZIP archive", rb"PK\x03\x04", advice=_UNPACK),
    Format("a JPEG picture", rb"\xff\xd8\xff", advice=_REPLACE),
    Format("a BMP picture", rb"BM.{12}[\x0c\x28\x6c\x7c]\x00\x00\x00", advice=_REPLACE),
    Format("a PDF document", rb"%PDF-", advice=_REPLACE),
    Format("a web page", _WEB, advice=_LOGIN),
    Format("a landmark file", rb"# [23]D Landmark File", advice="name the scan itself"),
)
"""What else is found under a scan's name."""

_MAGIC = [(row, re.compile(row.magic, re.IGNORECASE | re.DOTALL)) for row in (*FORMATS, *FOREIGN) if row.magic]
_BY_SUFFIX = {suffix: row for row in FORMATS for suffix in row.suffixes}
KNOWN_SUFFIXES = tuple(_BY_SUFFIX)
"""Lower-case suffixes of the files that ``read_scan`` reads."""
SEARCHED_SUFFIXES = frozenset(suffix for suffix, row in _BY_SUFFIX.items() if row.searched)
"""Those of them that are taken for scans in a folder."""
IMAGE_SUFFIXES = tuple(suffix for suffix, row in _BY_SUFFIX.items() if row.picture)
"""Those of them that are as often a texture or a picture as they are a scan."""
CRASHING_SUFFIXES = frozenset(suffix for suffix, row in _BY_SUFFIX.items() if row.can_crash)
"""Those of them that are read by a library that a damaged file can crash, and the process with it."""


def read_scan(path: AnyPath, camera: CameraSettings | None = None, unit: Unit = "auto") -> Scan:
    """Read a scan with the reader that its name asks for.

    Args:
        path: of the raw file.
        camera: of a depth picture without a JSON file beside it.
        unit: of a depth picture's values; other generic files get theirs in ``orient_scan``.

    Raises:
        UnknownFormat: no reader knows the suffix.
        FileUnreadable: the file is missing, no file, or may not be read.
        BadFormat: it is not what its name says, damaged, or larger than any face scan.
        EmptyScan: it holds no surface.
        LibraryMissing: the library that reads this format is not there.
    """
    path = as_path(path)
    suffix = split_suffix(path.name)[1]
    named = _BY_SUFFIX.get(suffix)
    companions = tuple(_companions(path))  # first: what changes meanwhile is then found to be changed
    raw = read_raw(path, named.limit if named else MAX_BYTES)
    content = sniff(raw.start, raw.fingerprint.size)
    if named is None:
        hint = f"; it looks like {content.name}" if content else ""
        raise UnknownFormat(path, f"no reader knows this kind of file{hint}. Known are {', '.join(KNOWN_SUFFIXES)}.")
    # by their readers: a PNG may be called .tif
    if content and content.reader != named.reader and not (content is _GZIP and named.gzipped):
        advice = content.advice or f"rename it to {content.suffixes[0]}"
        raise BadFormat(path, f"is named {suffix} but is {content.name}: {advice}.")
    try:
        scan = named.read(raw, camera or CameraSettings(), unit)
    except OSError as error:
        raise FileUnreadable(path, why_unreadable(error)) from error
    return replace(scan, fingerprint=raw.fingerprint, companions=(*companions, *scan.companions))


def files_beside(path: Path) -> list[Path]:
    """The files that would be read with a raw file if they were there: its landmarks, or the camera of a picture."""
    stem, suffix = split_suffix(path.name)
    named = _BY_SUFFIX.get(suffix)
    return [path.with_name(stem + beside) for beside in (named.beside if named else ())]


def _companions(path: Path) -> Iterator[Companion]:
    for beside in files_beside(path):
        if os.path.lexists(beside):
            with contextlib.suppress(ScanError):  # its reader tells of it
                yield Companion(beside.name, read_raw(beside, MAX_COMPANION_BYTES).fingerprint)


def sniff(start: bytes, size: int) -> Format | None:
    """Tell by its first bytes and its whole size in bytes what a file is; None where they do not say."""
    for row, begins in _MAGIC:
        if begins.match(start):
            return row
    return _BNT if _is_bnt(start, size) else None


def _is_bnt(start: bytes, size: int) -> bool:
    """Whether the sizes in the header of a .bnt fit each other and the file's length."""
    rows, columns, length = (int.from_bytes(start[at : at + 2], "little") for at in (0, 2, 12))
    return rows * columns > 0 and size == 18 + length + 8 * 5 * rows * columns
