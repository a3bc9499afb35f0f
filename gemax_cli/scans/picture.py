"""The pictures that a scan carries: found beside it by their bare names, checked before they are decoded."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gemax_cli.datasets.ids import bare_name, split_suffix
from gemax_cli.errors import BadPicture, FileUnreadable, PictureMissing, ScanError
from gemax_cli.scans.model import NO_FILE, Colours, Companion, Fingerprint, PictureColours, Scan, TextureMap
from gemax_cli.scans.raw_file import file_beside, fingerprint_of, read_raw

VERTEX_COLOURS = "vertex colours"
NO_PICTURE = "-"

MAX_PIXELS = 1 << 25
"""Of all pictures of a scan together, before they are decoded: 96 MB."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".tga", ".webp")
"""Tried in this order for a picture that a scan names without a suffix, or not at all."""

_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "TGA", "WEBP")
_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"}  # others have more than 8 bits a value
_BU3DFE = re.compile(r"(.+)_(?:F3D|RAW|F2D)", re.IGNORECASE)
_PHOTOGRAPH = re.compile(r".+_F2D\.\w+", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture.

    Attributes:
        name: of its file, or of its place in the scan's own file.
        pixels: (rows, columns, 3) uint8, row 0 at v = 1.
        fingerprint: of its file; None where it is inside the scan's own file.
    """

    name: str
    pixels: NDArray[np.uint8]
    fingerprint: Fingerprint | None


class Pictures(NamedTuple):
    """The pictures of a scan.

    Attributes:
        found: by number, None for one that cannot be used.
        problems: a sentence on each of those, if others can.
    """

    found: tuple[Picture | None, ...]
    problems: tuple[str, ...]


def load_pictures(scan: Scan, texture: TextureMap) -> Pictures:
    """Load the pictures of a scan's texture.

    A picture is taken from the scan's own folder, whatever folder the scan names, and only where the file itself lies
    there: a link that leads elsewhere is not followed. BU-3DFE's ``_F3D.bmp`` is the picture of ``_F3D.wrl`` and
    ``_RAW.wrl``; its ``_F2D.bmp``, a photograph that does not lie on the surface, is never taken.

    Raises:
        PictureMissing: there is no such file beside the scan.
        BadPicture: the file is damaged, too large, or has more than 8 bits a value.
    """
    room, found, errors = MAX_PIXELS, list[Picture | None](), list[ScanError]()
    for name in (texture.image, *texture.more):
        try:
            found.append(_load(scan.path, name, texture, room))
            room -= 0 if found[-1] is None else found[-1].pixels.size // 3
        except ScanError as error:
            found.append(None)
            errors.append(error)
    if errors and len(errors) == len(found):
        raise errors[0]
    return Pictures(tuple(found), tuple(f"A part of the texture is black: {error}" for error in errors))


def _load(path: Path, name: str | None, texture: TextureMap, room: int) -> Picture:
    if name is not None and name in texture.inside:
        return Picture(name, texture.inside[name], None)
    file = find_picture(path, name)
    data = read_raw(file).data
    return Picture(file.name, _decode(file, data, room), fingerprint_of(data))


def find_picture(scan: Path, named: str | None) -> Path:
    """The picture beside a scan.

    Args:
        scan: path of the scan.
        named: the picture as the scan names it; None where it names none.

    Raises:
        PictureMissing: there is none.
    """
    for name in _candidates(scan, named):
        if file := file_beside(scan, name):
            return file
    wanted = next(iter(_candidates(scan, named)))
    raise PictureMissing(scan, f"its picture, {wanted[:100]}, is not beside it: put it there.")


def _candidates(scan: Path, named: str | None) -> Iterator[str]:
    """Names that the picture may have, the likeliest first."""
    bare, stem = bare_name(named or ""), split_suffix(scan.name)[0]
    match = _BU3DFE.fullmatch(stem)
    if bare and not _PHOTOGRAPH.fullmatch(bare):
        yield from _spelled(bare)
    yield from (f"{match[1]}_F3D.{suffix}" for suffix in ("bmp", "BMP") if match)
    if not match or not stem.upper().endswith("_F2D"):
        yield from (stem + suffix for suffix in (*SUFFIXES, *map(str.upper, SUFFIXES)))


def _spelled(name: str) -> Iterator[str]:
    """A name as it stands, with the usual suffixes if it has none of them, and with its suffix in the other case."""
    yield name
    stem, suffix = split_suffix(name)
    if suffix not in SUFFIXES:
        yield from (name + other for other in SUFFIXES)
    else:
        yield from (stem + other for other in (suffix, suffix.upper()))


def _decode(path: Path, data: bytes, room: int) -> NDArray[np.uint8]:
    """Pixels of an 8-bit picture as RGB; its transparency is left out, its colours are taken for sRGB."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            _check(path, image.mode, image.size, room)
            return np.array(image if image.mode == "RGB" else image.convert("RGB"))  # a copy, to be writable
    except ScanError:
        raise
    except Exception as error:  # decoders raise many kinds of errors for damaged pictures
        raise BadPicture(path, f"this picture cannot be decoded ({_reason(error)}): copy it again.") from error


def _reason(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return f"it is none of {', '.join(_FORMATS)}"
    # without addresses of objects, which differ from run to run
    return " ".join(re.sub(r"<[^>]*>", "", str(error)).split())[:120] or type(error).__name__


def picture_size(path: Path) -> tuple[int, int]:
    """Columns and rows of a picture, which is not decoded.

    Raises:
        FileUnreadable: the file cannot be read.
        BadPicture: it is no picture, or one that is not read.
    """
    return size_in(path, read_raw(path).data)


def size_in(path: Path, data: bytes, room: int = MAX_PIXELS) -> tuple[int, int]:
    """Columns and rows of a picture of these bytes, by its header.

    Raises:
        BadPicture: it is no picture, or has more than ``room`` pixels.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            _check(path, image.mode, image.size, room)
            return int(image.size[0]), int(image.size[1])
    except ScanError:
        raise
    except Exception as error:
        raise BadPicture(path, "holds a picture that is none: export it again.") from error


def _check(path: Path, mode: str, size: tuple[int, int], room: int) -> None:
    if mode not in _MODES:
        raise BadPicture(path, f"this picture has values of another kind ({mode}) than 8 bits: save it as 8-bit RGB.")
    if min(size) < 1 or size[0] * size[1] > room:
        raise BadPicture(
            path, f"this picture has {size[0]} x {size[1]} pixels, more than the {MAX_PIXELS} allowed: reduce it."
        )


class ScanColours(NamedTuple):
    """The colours of a scan.

    Attributes:
        colours: None where it has none that can be used.
        source: name of the picture or pictures, VERTEX_COLOURS, or NO_PICTURE; "" where nobody asked.
        companions: the pictures that were read, and the one that was looked for in vain.
        warnings: sentences.
    """

    colours: Colours | None
    source: str = ""
    companions: tuple[Companion, ...] = ()
    warnings: tuple[str, ...] = ()


def colours_of(scan: Scan, required: bool = False) -> ScanColours:
    """The pictures of a scan, or the colours of its points where it has no picture.

    Args:
        scan: cleaned.
        required: raise where it has neither, in place of a warning.

    Raises:
        PictureMissing, BadPicture: it has no colours that can be used, and they are required.
    """
    try:
        if scan.texture is not None:
            return _pictures(scan, scan.texture)
        reason: ScanError = PictureMissing(
            scan.path,
            "has neither texture coordinates nor colours: give a scan with a picture, or leave out --texture.",
        )
    except (PictureMissing, BadPicture, FileUnreadable) as error:
        reason = error
    if scan.colours is not None:
        return ScanColours(scan.colours, VERTEX_COLOURS)
    if required:
        raise reason
    warning = f"No texture: {reason.path.name}: {reason.message}"
    return ScanColours(None, NO_PICTURE, tuple(_looked_for(scan, reason)), (warning,))


def _looked_for(scan: Scan, reason: ScanError) -> Iterator[Companion]:
    """The picture that could not be used, as it is or as it is not there: once that changes, it is looked at again."""
    if not isinstance(reason, PictureMissing):
        with suppress(ScanError):
            yield Companion(reason.path.name, read_raw(reason.path).fingerprint)
    elif scan.texture is not None:
        wanted = next(_candidates(scan.path, scan.texture.image))
        if not os.path.lexists(scan.path.with_name(wanted)):
            yield Companion(wanted, NO_FILE)


def _pictures(scan: Scan, texture: TextureMap) -> ScanColours:
    pictures, problems = load_pictures(scan, texture)
    colours = PictureColours(tuple(None if picture is None else picture.pixels for picture in pictures), texture)
    used = [picture for picture in pictures if picture is not None]
    names = dict.fromkeys(picture.name for picture in used)
    files = {picture.name: Companion(picture.name, picture.fingerprint) for picture in used if picture.fingerprint}
    return ScanColours(colours, ", ".join(names), tuple(files.values()), problems)
