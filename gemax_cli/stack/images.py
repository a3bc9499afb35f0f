"""The 8-bit maps in a folder, with the depth images that belong to them."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.datasets.ids import split_suffix
from gemax_cli.datasets.model import ScanName
from gemax_cli.datasets.other import NAME as OTHER
from gemax_cli.datasets.registry import DATASETS, parse_name
from gemax_cli.errors import BadFormat, EmptyScan, FileUnreadable
from gemax_cli.scans.read import IMAGE_SUFFIXES, KNOWN_SUFFIXES
from gemax_cli.stack.guard import NotRegular, read_regular
from gemax_cli.stack.naming import DEPTH16, NO_MAPS, TAU
from gemax_cli.stack.png import decode_png, read_png

DEPTH_FOLDER = re.compile(r"d\d{3,}(\.\d+)?")
IMAGE = "image"
_RAW_SUFFIXES = frozenset(KNOWN_SUFFIXES).difference(IMAGE_SUFFIXES)


@dataclass(frozen=True)
class MapImage:
    """One 8-bit image on disk, or the channel of it that holds one GEMax map.

    Attributes:
        path: the PNG.
        name: "gemax_tau020" of a GEMax map, "image" of a picture that stands alone, else the file's stem.
        tau: of a GEMax map, None of others.
        channel: of a GEMax map in an RGB image; ignored for a grey image.
    """

    path: Path
    name: str
    tau: int | None = None
    channel: int | None = None

    def pixels(self) -> NDArray[np.uint8]:
        """(rows, columns) grey values, of a colour picture those of its first channel.

        Raises:
            ScanError: the file is no 8-bit image; the sentence names it.
        """
        return self.planes(load_map(self.path))[0]

    def planes(self, image: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        """The (rows, columns) images that are this map: one, or three of a colour picture; alpha is left out.

        Args:
            image: what ``load_map`` read from ``path``.

        Raises:
            BadFormat: the image lacks the channel that its name requires.
        """
        if image.ndim == 2:
            if self.channel:
                raise BadFormat(self.path, "is grey, its name promises a channel per tau: convert the scan again.")
            return [image]
        colours = image.shape[2] - 1 if image.shape[2] in (2, 4) else image.shape[2]
        if self.channel is None:
            return [image[..., i] for i in range(colours)]
        if self.channel >= colours:
            message = f"has {colours} channels, its name promises {self.channel + 1} or more: convert the scan again."
            raise BadFormat(self.path, message)
        return [image[..., self.channel]]


@dataclass(frozen=True)
class ScanImages:
    """The maps of one scan and depth.

    Attributes:
        scan: its folder relative to the output folder, or of a picture that stands alone its path without suffix.
        folder: where the maps lie.
        depth16: the 16-bit depth image beside them, None where there is none.
        maps: GEMax maps by tau, then the others by name.
    """

    scan: str
    folder: Path
    depth16: Path | None
    maps: tuple[MapImage, ...]


def scan_images(root: Path, base: Path | None = None) -> list[ScanImages]:
    """The maps below ``root``, in order of path; hidden files and folders are skipped.

    A folder of maps is a scan. Where some folder has a depth image, pictures in folders without one (contact sheets,
    plots) are no maps, GEMax maps excepted. Where none has, a PNG whose name occurs in one folder alone is a scan of
    its own: a flat folder of pictures is one of many scans.

    Args:
        root: folder to look through.
        base: folder that the names of scans are relative to; None takes ``root``.
    """
    folders = _png_folders(root)
    stacked = any(DEPTH16 in names for names in folders.values())
    stems = Counter(name for names in folders.values() for name in names)
    found: list[ScanImages] = []
    for folder, names in folders.items():
        scan = _scan_name(folder, base or root)
        if DEPTH16 in names:
            found.append(_scan(scan, folder, folder / DEPTH16, (name for name in names if name not in NO_MAPS)))
            continue
        shared = [name for name in names if TAU.fullmatch(name) or (stems[name] > 1 and not stacked)]
        found += [_scan(scan, folder, None, shared)] * bool(shared)
        if not stacked:
            found += [_alone(folder / name, base or root) for name in names if name not in shared]
    return found


def _png_folders(root: Path) -> dict[Path, list[str]]:
    """Folder to the sorted names of its PNGs, in order of path; a picture beside a raw scan of its stem is none."""
    folders: dict[Path, list[str]] = {}
    for place, inner, files in os.walk(root):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        textures = {f"{stem}.png" for stem, suffix in map(split_suffix, files) if suffix in _RAW_SUFFIXES}
        pictures = (name for name in files if name.endswith(".png") and not name.startswith("."))
        names = sorted(name for name in pictures if name not in textures)
        if names:
            folders[Path(place)] = names
    return dict(sorted(folders.items()))


def split_depth(scan: str) -> tuple[str, str]:
    """Split ``ScanImages.scan`` into the scan id and the folder of its depth block, such as "d060", or ""."""
    head, _, last = scan.rpartition("/")
    return (head, last) if head and DEPTH_FOLDER.fullmatch(last) else (scan, "")


@lru_cache(maxsize=1 << 16)
def name_of(scan: str) -> ScanName:
    """Parse the name of a scan without a record from its folder, or from a path that ends in a scan name."""
    parts = split_depth(scan)[0].split("/")
    suffix = ".abs" if parts[0] == "FRGC" else ""  # FRGC's file names need it, the output folder omits it
    name = parse_name(parts[-1] + suffix, parts[:-1]).name
    return replace(name, dataset=parts[0]) if name.dataset == OTHER and parts[0] in DATASETS else name


def _scan_name(folder: Path, base: Path) -> str:
    return base.resolve().name if folder == base else folder.relative_to(base).as_posix()


def _scan(scan: str, folder: Path, depth16: Path | None, names: Iterable[str]) -> ScanImages:
    maps = [m for name in names for m in _maps_of(folder / name)]
    return ScanImages(scan, folder, depth16, tuple(sorted(maps, key=lambda m: (m.tau is None, m.tau, m.path.name))))


def _alone(path: Path, base: Path) -> ScanImages:
    return ScanImages(path.relative_to(base).with_suffix("").as_posix(), path.parent, None, (MapImage(path, IMAGE),))


def _maps_of(path: Path) -> list[MapImage]:
    match = TAU.fullmatch(path.name)
    if not match:
        return [MapImage(path, path.stem)]
    taus = [int(tau) for tau in match[1].split("_")]
    return [MapImage(path, f"gemax_tau{tau:03d}", tau, channel) for channel, tau in enumerate(taus)]


def load_map(path: Path) -> NDArray[np.uint8]:
    """An 8-bit image, (rows, columns) or (rows, columns, channels).

    Raises:
        FileUnreadable: the file cannot be read.
        BadFormat: it is no 8-bit image.
    """
    image = _load(path)
    if image.dtype != np.uint8:
        bits = 1 if image.dtype == np.bool_ else 8 * image.dtype.itemsize
        raise BadFormat(path, f"has {bits} bits a pixel, not 8: it is no map.")
    if image.ndim not in (2, 3):
        raise BadFormat(path, "holds several pictures: it is no map.")
    return image


def load_codes(path: Path) -> NDArray[np.uint16]:
    """(rows, columns) codes of a depth16.png that holds data.

    Raises:
        FileUnreadable: the file cannot be read.
        BadFormat: it is no 16-bit grey image.
        EmptyScan: it holds no valid pixel.
    """
    codes = _load(path)
    if codes.dtype != np.uint16 or codes.ndim != 2:
        raise BadFormat(path, "is no 16-bit grey image: convert the scan again.")
    if not codes.any():
        raise EmptyScan(path, "holds no valid pixel: convert the scan again.")
    return codes


def load_recorded(path: Path, sha256: str, dtype: type[np.generic]) -> tuple[NDArray[Any] | None, str]:
    """The pixels of a file that matches its record and "", else None and what is wrong."""
    try:
        data = read_regular(path)
        if hashlib.sha256(data).hexdigest() != sha256:
            return None, "is not the file that was written (its SHA-256 differs)"
        image = decode_png(data)
    except FileNotFoundError:
        return None, "is missing"
    except NotRegular as error:
        return None, f"is missing ({error.strerror})"
    except (OSError, ValueError, SyntaxError) as error:
        return None, f"cannot be read ({getattr(error, 'strerror', None) or error})"
    return (image, "") if image.dtype == dtype else (None, f"holds {image.dtype}, not {np.dtype(dtype)}")


def _load(path: Path) -> NDArray[Any]:
    try:
        return read_png(path)
    except (FileNotFoundError, PermissionError, NotRegular) as error:
        raise FileUnreadable(path, f"cannot be read ({error.strerror}): check the file and its permissions.") from error
    except Exception as error:  # a PNG decoder raises many kinds of errors for damaged data
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise BadFormat(path, f"is no whole PNG ({reason}): convert the scan again or copy the file anew.") from error
