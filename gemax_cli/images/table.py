"""metadata.csv of a folder of mapped images: one row per image, made from the records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gemax_cli.images.records import ImageRecord
from gemax_cli.images.settings import Tau
from gemax_cli.stack.escape import escaped
from gemax_cli.stack.naming import METADATA
from gemax_cli.stack.tables import Table

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


def image_table(records: Sequence[ImageRecord]) -> Table:
    """metadata.csv, in the order of the records."""
    taus = sorted({Tau.parse(tau) for record in records for tau in record.taus})
    columns = (*LEADING, *(name.format(tau.label) for tau in taus for name, _ in PER_TAU), *TRAILING)
    return Table(METADATA, columns, (dict(_cells(record)) for record in records))


def _cells(record: ImageRecord) -> Iterator[tuple[str, object]]:
    grid, counts = record.grid, record.counts
    names = escaped(record.image_id), escaped(record.source)
    pixels = record.rows, record.columns, record.pixel_type, counts["valid"], counts["below"], counts["above"]
    levels = grid.scale, grid.low, grid.high, grid.levels, record.bins
    uniform = f"{record.uniform.entropy:.6f}", record.uniform.max_bin
    yield from zip(LEADING, (*names, *pixels, *levels, *uniform), strict=True)
    for m in record.maps:
        for name, attribute in PER_TAU:
            value = getattr(m, attribute)
            yield name.format(Tau.parse(m.tau).label), _cell(attribute, value)
    file = escaped(record.mask.file) if record.mask else UNKNOWN
    warnings = escaped("; ".join(record.warnings)) or UNKNOWN
    yield from zip(TRAILING, (file, len(record.warnings), warnings, record.source_sha256), strict=True)


def _cell(attribute: str, value: object) -> object:
    if attribute == "entropy":
        return f"{value:.6f}"
    return escaped(value) if isinstance(value, str) else value
