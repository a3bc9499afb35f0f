"""Entropy of the maps in a folder, measured on the PNGs themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gemax_cli.entropy.figures import entropy_bits
from gemax_cli.entropy.histogram import level_of_code
from gemax_cli.errors import NothingToConvert
from gemax_cli.report.images import MapImage, ScanImages, scan_folders
from gemax_cli.scans.names import parse_name
from gemax_cli.settings import MapSettings
from gemax_cli.stack.folder import map_settings

By = Literal["dataset", "scan", "subject", "expression"]
BASELINE = "range image"
MEAN = "mean over tau"
DEPTH_FOLDER = re.compile(r"d\d{3,}(\.\d+)?")


@dataclass(frozen=True)
class Measured:
    """Entropy of one map of one scan.

    Attributes:
        scan: folder of the scan, relative to the folder measured.
        map: "gemax", "range image", "mean over tau", or the stem of another map's file.
        tau: None where it means nothing.
        bits: entropy over the valid pixels.
        max_bin: levels from the nearest to the farthest pixel of the widest grey value; None without a depth image.
        distortion: ``max_bin`` / N (equation 3); None without a depth image.
    """

    scan: str
    map: str
    tau: int | None
    bits: float
    max_bin: int | None = None
    distortion: float | None = None


@dataclass(frozen=True)
class Labels:
    """What a scan's place says about it."""

    dataset: str
    subject: str
    expression: str
    depth: str


def labels_of(scan: str) -> Labels:
    """Labels of a scan's folder; ``depth`` is "d060" where there are several blocks, else ""."""
    parts = scan.split("/")
    depth = parts.pop() if len(parts) > 1 and DEPTH_FOLDER.fullmatch(parts[-1]) else ""
    fields = parse_name(parts[-1], parts[:-1])
    return Labels(fields.dataset, fields.subject, fields.expression, depth)


def measure_folder(root: Path) -> Iterator[Measured]:
    """Measure every 8-bit map below ``root``.

    Valid pixels are those of depth16.png; without one, those that are not 0. In the folders of ``gemax convert`` the
    range image (uniform quantisation, tau = N/K) is measured too, from depth16.png.

    Raises:
        ValueError: an image is no 8-bit map; the message names it.
        OSError: an image cannot be read.
    """
    settings = map_settings(root)
    for images in scan_folders(root):
        scan = images.folder.relative_to(root).as_posix()
        yield from _measure_scan(scan, images, settings)


def _measure_scan(scan: str, images: ScanImages, settings: MapSettings) -> Iterator[Measured]:
    codes = images.codes()
    if codes is None:
        yield from (_bare(scan, m) for m in images.maps)
        return
    valid = codes > 0
    levels = level_of_code(codes[valid], settings.levels).astype(np.int64)
    maps = [_with_depth(scan, m, valid, levels, settings.levels) for m in images.maps]
    taus = [m.bits for m in maps if m.tau is not None]
    yield _range_image(scan, levels, settings)
    yield from maps
    if len(taus) > 1:
        yield Measured(scan, MEAN, None, float(np.mean(taus)))


def _bare(scan: str, image: MapImage) -> Measured:
    pixels = image.pixels()
    return Measured(scan, _kind(image), image.tau, _bits(pixels[pixels > 0]))


def _kind(image: MapImage) -> str:
    return "gemax" if image.tau is not None else image.name


def _bits(values: NDArray[np.integer]) -> float:
    return entropy_bits(np.bincount(values, minlength=1)) if values.size else 0.0


def _with_depth(scan: str, image: MapImage, valid: NDArray[np.bool_], levels: NDArray[np.int64], n: int) -> Measured:
    pixels = image.pixels()
    if pixels.shape != valid.shape:
        raise ValueError(f"{image.path}: is {pixels.shape}, its depth image is {valid.shape}: convert the scan again.")
    values = pixels[valid]
    width = widest_bin(values, levels)
    return Measured(scan, _kind(image), image.tau, _bits(values), width, width / n)


def widest_bin(values: NDArray[np.integer], levels: NDArray[np.int64]) -> int:
    """Most levels from the first to the last that one grey value stands for, both counted; 0 without a pixel."""
    if not values.size:
        return 0
    bins = int(values.max()) + 1
    first, last = np.full(bins, np.iinfo(np.int64).max), np.full(bins, -1)
    np.minimum.at(first, values, levels)
    np.maximum.at(last, values, levels)
    used = last >= 0
    return int((last[used] - first[used]).max()) + 1


def _range_image(scan: str, levels: NDArray[np.int64], settings: MapSettings) -> Measured:
    values = levels * settings.face_bins // settings.levels
    width = -(-settings.levels // settings.face_bins)
    return Measured(scan, BASELINE, width, _bits(values), width, width / settings.levels)


@dataclass(frozen=True)
class EntropyRow:
    """Statistics of one map over a group of scans; ``std`` is of the population."""

    group: str
    map: str
    tau: int | None
    scans: int
    mean: float
    std: float
    min: float
    max: float
    max_bin: int | None
    distortion: float | None


def entropy_table(root: Path | str, by: By = "dataset") -> list[EntropyRow]:
    """Mean, standard deviation, minimum and maximum entropy per group and map, in bits.

    Raises:
        NothingToConvert: there is no map in the folder.
        ValueError: an image is no 8-bit map.
    """
    groups: dict[tuple[str, str, int | None], list[Measured]] = {}
    for measured in measure_folder(Path(root)):
        groups.setdefault((_group(measured.scan, by), measured.map, measured.tau), []).append(measured)
    if not groups:
        raise NothingToConvert(f"{root}: holds no map: give a folder that gemax convert wrote, or one of 8-bit PNGs.")
    return [_row(key, groups[key]) for key in sorted(groups, key=_order)]


def _group(scan: str, by: By) -> str:
    labels = labels_of(scan)
    name = {
        "scan": scan,
        "dataset": labels.dataset,
        "subject": f"{labels.dataset}/{labels.subject}" if labels.subject else labels.dataset,
        "expression": f"{labels.dataset}/{labels.expression or 'other'}",
    }[by]
    return f"{name} {labels.depth}" if labels.depth and by != "scan" else name


def _order(key: tuple[str, str, int | None]) -> tuple[str, int, str, int]:
    group, name, tau = key
    return group, {BASELINE: 0, "gemax": 1, MEAN: 2}.get(name, 3), name, tau or 0


def _row(key: tuple[str, str, int | None], measured: Iterable[Measured]) -> EntropyRow:
    group, name, tau = key
    items = list(measured)
    bits = np.array([item.bits for item in items])
    widths = [item.max_bin for item in items if item.max_bin is not None]
    distortions = [item.distortion for item in items if item.distortion is not None]
    return EntropyRow(
        group, name, tau, len(items), float(bits.mean()), float(bits.std()), float(bits.min()), float(bits.max()),
        max(widths, default=None), max(distortions, default=None),
    )  # fmt: skip
