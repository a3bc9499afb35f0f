"""metadata.csv and failures.csv. metadata.csv is made from the records; records are never read from it.

Text in a cell is percent-escaped where it holds what a CSV file, a terminal or a spreadsheet would not keep or would
act upon: see ``escape.escaped``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from gemax_cli.maps.registry import COMPARISONS
from gemax_cli.stack.atomic import replacing
from gemax_cli.stack.escape import escaped, unescaped
from gemax_cli.stack.guard import open_regular
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


Row = Mapping[str, object]


def metadata_rows(record: ScanRecord) -> Iterator[dict[str, object]]:
    """One row per depth block of a scan."""
    for block in record.blocks:
        yield {**_scan_cells(record), **_block_cells(block)}


def _scan_cells(record: ScanRecord) -> dict[str, object]:
    nose, pose = record.nose, record.pose
    angles = {"yaw": pose.yaw, "pitch": pose.pitch, "roll": pose.roll} if pose else {}
    return {
        "scan": record.scan_id,
        **{key: escaped(value) if isinstance(value, str) else value for key, value in asdict(record.name).items()},
        "source": escaped(record.source),
        "source_sha256": escaped(record.source_sha256),
        **{name: f"{angle:.2f}" for name, angle in angles.items()},
        "level": "" if record.name.level is None else record.name.level,
        "nose_x": f"{nose.x:.4f}",
        "nose_y": f"{nose.y:.4f}",
        "nose_z": f"{nose.z:.4f}",
        "nose_source": escaped(nose.source),
        "nose_confidence": f"{nose.confidence:.3f}",
        "warnings": escaped("; ".join(record.warnings)),
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


@dataclass(frozen=True)
class Table:
    """A table made from the records.

    Attributes:
        name: of its file.
        columns: in order.
        rows: gives the rows anew each time: column to cell; other keys are left out, missing cells are empty.
    """

    name: str
    columns: tuple[str, ...]
    rows: Callable[[], Iterable[Row]]

    def write(self, out: Path) -> None:
        """Write the table row by row, so it may be of any length."""
        with replacing(out / self.name) as temporary, temporary.open("wb") as file:
            file.writelines(self.lines())

    def lines(self) -> Iterator[bytes]:
        """The lines of the file: the header and each row."""
        return csv_lines(self.columns, self.rows())

    def difference(self, out: Path) -> str:
        """What is wrong with the file, as a sentence without subject; "" where it is as it should be."""
        try:
            with open_regular(out / self.name) as file:
                for number, line in enumerate(self.lines(), start=1):
                    if file.readline(len(line) + 1) != line:
                        return f"line {number} is not what the records say"
                return "has more lines than the records say" if file.read(1) else ""
        except FileNotFoundError:
            return "is missing"
        except OSError as error:
            return f"cannot be read ({error.strerror or error})"


def metadata_table(
    records: Callable[[], Iterable[ScanRecord]], taus: Iterable[int], comparisons: Iterable[str] = ()
) -> Table:
    """metadata.csv: one row per scan and depth, in the order of ``records``."""
    columns = metadata_columns(taus, comparisons)
    return Table(METADATA, columns, lambda: (row for record in records() for row in metadata_rows(record)))


def write_metadata(
    folder: Path, records: Iterable[ScanRecord], taus: Iterable[int], comparisons: Iterable[str] = ()
) -> None:
    """Write metadata.csv with one row per scan and depth, in the order of ``records``."""
    metadata_table(lambda: records, taus, comparisons).write(folder)


def write_failures(folder: Path, failures: Iterable[Failure]) -> None:
    """Write failures.csv in order of source; without failures, remove it."""
    ordered = sorted(set(failures), key=lambda failure: (failure.source, failure.stage, failure.message))
    if ordered:
        Table(FAILURES, FAILURE_COLUMNS, lambda: map(_failure_cells, ordered)).write(folder)
    else:
        (folder / FAILURES).unlink(missing_ok=True)


def _failure_cells(failure: Failure) -> Row:
    return {name: escaped(getattr(failure, name)) for name in FAILURE_COLUMNS}


def read_failures(path: Path, file: BinaryIO | None = None) -> list[Failure]:
    """The rows of a failures.csv.

    Args:
        path: of the file.
        file: the same, open; None opens it.

    Raises:
        ValueError: the file has other columns, or is no CSV.
        OSError: it cannot be read.
    """
    with io.TextIOWrapper(file or path.open("rb"), newline="", encoding="utf-8", errors="surrogateescape") as text:
        rows = csv.DictReader(text)
        try:
            if not set(FAILURE_COLUMNS) <= set(rows.fieldnames or ()):
                raise ValueError(f"{path}: it lacks the columns {', '.join(FAILURE_COLUMNS)}: give a failures.csv.")
            return [Failure(*(unescaped(row[name] or "") for name in FAILURE_COLUMNS)) for row in rows]
        except csv.Error as error:
            raise ValueError(f"{path}: it is no CSV ({error}): give a failures.csv.") from error


def csv_lines(columns: tuple[str, ...], rows: Iterable[Row]) -> Iterator[bytes]:
    """The lines of a CSV file in UTF-8, header first. A row is one line."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    for row in rows:
        yield _taken(text)
        table.writerow(row)
    yield _taken(text)


def _taken(text: io.StringIO) -> bytes:
    """What was written to ``text``, which is empty afterwards."""
    line = text.getvalue().encode("utf-8")
    text.seek(0)
    text.truncate()
    return line
