"""metadata.csv and failures.csv. metadata.csv is made from the records; records are never read from it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from gemax_cli.maps.registry import COMPARISONS
from gemax_cli.stack.atomic import replacing
from gemax_cli.stack.naming import FAILURES, METADATA
from gemax_cli.stack.records import BlockRecord, ScanRecord

LEADING = (
    "scan", "dataset", "subject", "sex", "expression", "level", "source", "nose_x", "nose_y", "nose_z",
    "nose_source", "nose_confidence", "warnings", "depth_mm", "valid_pixels", "mm_per_pixel", "depth16_file_name",
)  # fmt: skip
TRAILING = ("code", "race", "kind", "yaw", "pitch", "roll", "filled_pixels", "source_sha256")
FAILURE_COLUMNS = ("source", "stage", "error", "message")


@dataclass(frozen=True)
class Failure:
    """Why a scan was not converted; one row of failures.csv."""

    source: str
    stage: str
    error: str
    message: str


def metadata_columns(taus: Iterable[int], comparisons: Iterable[str] = ()) -> tuple[str, ...]:
    """All columns of metadata.csv for these tau and channels of comparison maps."""
    per_tau = (
        f"{kind}_tau{tau:03d}{end}"
        for tau in sorted(taus)
        for kind, end in (("gemax", "_file_name"), ("entropy", ""), ("max_bin", ""))
    )
    return (*LEADING, *per_tau, *_comparison_columns(set(comparisons)), *TRAILING)


def _comparison_columns(channels: set[str]) -> Iterator[str]:
    for name, kind in COMPARISONS.items():
        if channels & set(kind.channels):
            yield f"{_column(name)}_file_name"
            yield from (f"entropy_{_column(part)}" for part in kind.channels)


def _column(name: str) -> str:
    return name.replace("-", "_")


def metadata_rows(record: ScanRecord) -> Iterator[dict[str, object]]:
    """One row per depth block of a scan."""
    for block in record.blocks:
        yield {**_scan_cells(record), **_block_cells(block)}


def _scan_cells(record: ScanRecord) -> dict[str, object]:
    nose, pose = record.nose, record.pose
    angles = {"yaw": pose.yaw, "pitch": pose.pitch, "roll": pose.roll} if pose else {}
    return {
        "scan": record.scan_id,
        **asdict(record.name),
        "source": record.source,
        "source_sha256": record.source_sha256,
        **{name: f"{angle:.2f}" for name, angle in angles.items()},
        "level": "" if record.name.level is None else record.name.level,
        "nose_x": f"{nose.x:.4f}",
        "nose_y": f"{nose.y:.4f}",
        "nose_z": f"{nose.z:.4f}",
        "nose_source": nose.source,
        "nose_confidence": f"{nose.confidence:.3f}",
        "warnings": "; ".join(record.warnings),
    }


def _block_cells(block: BlockRecord) -> dict[str, object]:
    cells: dict[str, object] = {
        "depth_mm": f"{block.depth_mm:g}",
        "valid_pixels": block.valid_pixels,
        "mm_per_pixel": f"{block.mm_per_pixel:.6g}",
        "depth16_file_name": block.file,
        "filled_pixels": block.counts.get("filled_pixels", 0),
    }
    for m in block.maps:
        cells[f"gemax_tau{m.tau:03d}_file_name"] = m.file
        cells[f"entropy_tau{m.tau:03d}"] = f"{m.entropy:.6f}"
        cells[f"max_bin_tau{m.tau:03d}"] = m.max_bin
    return {**cells, **_comparison_cells(block)}


def _comparison_cells(block: BlockRecord) -> dict[str, object]:
    channels = {m.name: m for m in block.comparisons}
    files = {
        name: channels[kind.channels[0]].file for name, kind in COMPARISONS.items() if kind.channels[0] in channels
    }
    cells: dict[str, object] = {f"{_column(name)}_file_name": file for name, file in files.items()}
    return cells | {f"entropy_{_column(name)}": f"{m.entropy:.6f}" for name, m in channels.items()}


def write_metadata(
    folder: Path, records: Iterable[ScanRecord], taus: Iterable[int], comparisons: Iterable[str] = ()
) -> None:
    """Write metadata.csv with one row per scan and depth, in the order of ``records``."""
    rows = (row for record in records for row in metadata_rows(record))
    _write_csv(folder / METADATA, metadata_columns(taus, comparisons), rows)


def write_failures(folder: Path, failures: Iterable[Failure]) -> None:
    """Write failures.csv in order of source; without failures, remove it."""
    ordered = sorted(set(failures), key=lambda failure: (failure.source, failure.stage, failure.message))
    if ordered:
        _write_csv(folder / FAILURES, FAILURE_COLUMNS, (vars(failure) for failure in ordered))
    else:
        (folder / FAILURES).unlink(missing_ok=True)


def read_failures(path: Path) -> list[Failure]:
    """The rows of a failures.csv.

    Raises:
        ValueError: the file has other columns, or is no CSV.
        OSError: it cannot be read.
    """
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = csv.DictReader(file)
        try:
            if not set(FAILURE_COLUMNS) <= set(rows.fieldnames or ()):
                raise ValueError(f"{path}: it lacks the columns {', '.join(FAILURE_COLUMNS)}: give a failures.csv.")
            return [Failure(*(row[name] or "" for name in FAILURE_COLUMNS)) for row in rows]
        except csv.Error as error:
            raise ValueError(f"{path}: it is no CSV ({error}): give a failures.csv.") from error


def _write_csv(path: Path, columns: tuple[str, ...], rows: Iterable[dict[str, object]]) -> None:
    """Write row by row, so a table may be of any length."""
    with (
        replacing(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        table = csv.DictWriter(file, columns, restval="", extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
