"""Entropy of the maps in a folder of mapped images, measured on the files themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gemax_cli.entropy.figures import entropy_bits
from gemax_cli.errors import ScanError
from gemax_cli.images.maps import grey_counts, open_map
from gemax_cli.images.records import UNIFORM, ImageRecord, read_image_records
from gemax_cli.parallel import map_unordered
from gemax_cli.stack.folder import OutputFolder


@dataclass(frozen=True)
class ImageEntropy:
    """One map of one image.

    Attributes:
        image: its id.
        map: "gemax", or "uniform" for the baseline, which has no file: its figures are those of the record.
        tau: as it was asked for; "" of the baseline.
        tau_levels: in levels; of the baseline its widest bin.
        bits: entropy over the pixels with data.
        max_bin: widest bin, levels.
        distortion: ``max_bin`` / N (equation 3 of the paper).
        bound: largest error of an inverted value, in the input's unit; None of the baseline.
        bound_on_scale: the same in the scale's unit.
        scale: what levels are even steps of.
        mapping: "image" or "set".
    """

    image: str
    map: str
    tau: str
    tau_levels: int
    bits: float
    max_bin: int
    distortion: float
    bound: float | None
    bound_on_scale: float | None
    scale: str
    mapping: str


def measure_images(folder: OutputFolder, jobs: int = 1) -> tuple[list[ImageEntropy], list[str]]:
    """Rows for every map of a folder, in order of image and tau, and sentences on files that cannot be measured."""
    records = {record.image_id: record for record in read_image_records(folder.path)}
    parts = map_unordered(partial(_measure, folder.path), records.values(), min(jobs, max(1, len(records))))
    measured = sorted(parts, key=lambda part: list(records).index(part[0]))
    return [row for _, rows, _ in measured for row in rows], [text for _, _, texts in measured for text in texts]


def _measure(out: Path, record: ImageRecord) -> tuple[str, list[ImageEntropy], list[str]]:
    rows, problems = [_baseline(record)], []
    for m in record.maps:
        try:
            bits = entropy_bits(grey_counts(open_map(out, record, m)))
        except ScanError as error:
            problems.append(str(error))
            continue
        share = m.max_bin / record.grid.levels
        rows.append(
            ImageEntropy(
                record.image_id, "gemax", m.tau, m.tau_levels, bits, m.max_bin, share, m.bound, m.bound_on_scale,
                record.grid.scale, _scope(record),
            )
        )  # fmt: skip
    return record.image_id, rows, problems


def _baseline(record: ImageRecord) -> ImageEntropy:
    uniform, levels = record.uniform, record.grid.levels
    return ImageEntropy(
        record.image_id, UNIFORM, "", uniform.max_bin, uniform.entropy, uniform.max_bin, uniform.max_bin / levels,
        None, None, record.grid.scale, _scope(record),
    )  # fmt: skip


def _scope(record: ImageRecord) -> str:
    return "set" if record.pool else "image"


def mean_rows(rows: list[ImageEntropy]) -> Iterator[dict[str, object]]:
    """One row per map and tau over all images: mean, least and most bits, and the worst distortion."""
    kinds = dict.fromkeys((row.map, row.tau) for row in rows)
    for name, tau in sorted(kinds, key=lambda kind: kind[0] != UNIFORM):
        part = [row for row in rows if (row.map, row.tau) == (name, tau)]
        bits = [row.bits for row in part]
        bounds = [row.bound for row in part if row.bound is not None]
        yield {
            "map": name,
            "tau": tau or None,
            "images": len(part),
            "mean": sum(bits) / len(bits),
            "min": min(bits),
            "max": max(bits),
            "max_bin": max(row.max_bin for row in part),
            "distortion": max(row.distortion for row in part),
            "bound": max(bounds, default=None),
            "mapping": part[0].mapping,
        }
