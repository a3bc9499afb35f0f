"""metadata.csv of a folder of mapped images: one row per image, made from the records."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from gemax_cli.images.records import ImageRecord
from gemax_cli.images.settings import Tau
from gemax_cli.stack.atomic import replacing
from gemax_cli.stack.naming import METADATA

LEADING = (
    "image", "source", "rows", "columns", "pixel_type", "valid_pixels", "below_range", "above_range", "scale", "low",
    "high", "levels", "bins", "entropy_uniform", "max_bin_uniform",
)  # fmt: skip
PER_TAU = (
    ("gemax_{}_file_name", "file"), ("entropy_{}", "entropy"), ("max_bin_{}", "max_bin"),
    ("tau_levels_{}", "tau_levels"), ("bound_{}", "bound"),
)  # fmt: skip
TRAILING = ("mask_file_name", "warning_count", "warnings", "source_sha256")
UNKNOWN = "-"


def write_image_table(folder: Path, records: Iterable[ImageRecord]) -> None:
    """Write metadata.csv, in the order of the records.

    Raises:
        OSError: as the file system says; the file is as before.
    """
    records = list(records)
    taus = sorted({Tau.parse(tau) for record in records for tau in record.taus})
    columns = [*LEADING, *(name.format(tau.label) for tau in taus for name, _ in PER_TAU), *TRAILING]
    with (
        replacing(folder / METADATA) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        table = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        table.writeheader()
        table.writerows(dict(_cells(record)) for record in records)


def _cells(record: ImageRecord) -> Iterator[tuple[str, object]]:
    grid, counts = record.grid, record.counts
    yield from zip(
        LEADING,
        (
            record.image_id, record.source, record.rows, record.columns, record.pixel_type, counts["valid"],
            counts["below"], counts["above"], grid.scale, grid.low, grid.high, grid.levels, record.bins,
            f"{record.uniform.entropy:.6f}", record.uniform.max_bin,
        ),
        strict=True,
    )  # fmt: skip
    for m in record.maps:
        for name, attribute in PER_TAU:
            value = getattr(m, attribute)
            yield name.format(Tau.parse(m.tau).label), f"{value:.6f}" if attribute == "entropy" else value
    file = record.mask.file if record.mask else UNKNOWN
    warnings = "; ".join(record.warnings) or UNKNOWN
    yield from zip(TRAILING, (file, len(record.warnings), warnings, record.source_sha256), strict=True)
