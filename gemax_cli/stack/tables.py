"""metadata.csv, landmarks.csv and failures.csv. The first two are made from the records, never read as records.

Every column of metadata.csv and landmarks.csv has one type, so that tables of any folders can be read in parts and
joined: unknown text is "-", an unknown whole number -1, an unknown real number nan; a real number has a point; and text
that reads as a number gets its column's name before it ("subject-02463").

Text in a cell is percent-escaped where it holds what a CSV file, a terminal or a spreadsheet would not keep or would
act upon: see ``escape.escaped``.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from gemax_cli.maps.registry import COMPARISONS
from gemax_cli.stack.atomic import replacing
from gemax_cli.stack.columns import ABSENT, SCANS, general_name
from gemax_cli.stack.escape import escaped, unescaped
from gemax_cli.stack.guard import open_regular
from gemax_cli.stack.naming import FAILURES, LANDMARKS, METADATA
from gemax_cli.stack.records import BlockRecord, ScanRecord

UNKNOWN = "-"
LEADING = (
    "scan", "dataset", "subject", "sex", "expression", "level", "source", "nose_x", "nose_y", "nose_z",
    "nose_source", "nose_confidence", "warnings", "depth_mm", "valid_pixels", "mm_per_pixel", "depth16_file_name",
)  # fmt: skip
TRAILING = (
    "code", "race", "kind", "yaw", "pitch", "roll", "filled_pixels", "source_sha256", "warning_count", "landmark_count",
)  # fmt: skip
LANDMARK_COLUMNS = ("scan", "depth_mm", "name", "column", "row", "depth", "visible")
TEXTURE_COLUMNS = ("texture_file_name", "texture_pixels", "texture_source")
MASK_COLUMNS = ("mask_file_name",)
FRAME_COLUMNS = ("sequence", "frame")
_KNOWN = frozenset(SCANS)
_ABSENT = re.compile(r"(?:|#?n/?a|#n/a n/a|-?nan|-?1\.#(?:ind|qnan)|null|none|<na>|true|false)", re.IGNORECASE)
FAILURE_COLUMNS = ("source", "stage", "error", "message")


@dataclass(frozen=True)
class Failure:
    """Why a scan was not converted; one row of failures.csv."""

    source: str
    stage: str
    error: str
    message: str


@dataclass
class TableParts:
    """What the records of a folder hold, which says what columns metadata.csv has.

    Attributes:
        taus: of all maps.
        comparisons: channels of all comparison maps.
        texture: whether a texture was asked for.
        mask: whether there is a mask.
        frames: whether there is a frame of a sequence.
    """

    taus: set[int] = field(default_factory=set)
    comparisons: set[str] = field(default_factory=set)
    texture: bool = False
    mask: bool = False
    frames: bool = False

    def gathered(self, records: Iterable[ScanRecord]) -> Iterator[ScanRecord]:
        """Yield the records and note their parts: so one pass over the records of a folder is enough for both."""
        for record in records:
            self.texture |= record.texture != ""
            self.frames |= record.frame is not None
            for block in record.blocks:
                self.taus.update(m.tau for m in block.maps)
                self.comparisons.update(m.name for m in block.comparisons)
                self.mask |= block.mask is not None
            yield record


def metadata_columns(parts: TableParts) -> tuple[str, ...]:
    """All columns of metadata.csv."""
    per_tau = (
        f"{kind}_tau{tau:03d}{end}"
        for tau in sorted(parts.taus)
        for kind, end in (("gemax", "_file_name"), ("entropy", ""), ("max_bin", ""))
    )
    extras = TEXTURE_COLUMNS * parts.texture + MASK_COLUMNS * parts.mask + FRAME_COLUMNS * parts.frames
    return (*LEADING, *per_tau, *_comparison_columns(parts.comparisons), *extras, *TRAILING)


def _comparison_columns(channels: Set[str]) -> Iterator[str]:
    for name, kind in COMPARISONS.items():
        if channels & set(kind.channels):
            yield f"{_column(name)}_file_name"
            yield from (f"entropy_{_column(part)}" for part in kind.channels)


def _column(name: str) -> str:
    return name.replace("-", "_")


Row = Mapping[str, object]


def metadata_rows(record: ScanRecord) -> Iterator[dict[str, object]]:
    """One row per depth block of a scan; unknown text is missing or "", unknown numbers are missing or None."""
    for block in record.blocks:
        yield {**_scan_cells(record), **_block_cells(block)}


def _scan_cells(record: ScanRecord) -> dict[str, object]:
    nose, pose = record.nose, record.pose
    return {
        "scan": record.scan_id,
        **{key: escaped(value) if isinstance(value, str) else value for key, value in asdict(record.name).items()},
        "source": escaped(record.source),
        "source_sha256": escaped(record.source_sha256),
        "yaw": f"{pose.yaw:.2f}" if pose else None,
        "pitch": f"{pose.pitch:.2f}" if pose else None,
        "roll": f"{pose.roll:.2f}" if pose else None,
        "nose_x": f"{nose.x:.4f}",
        "nose_y": f"{nose.y:.4f}",
        "nose_z": f"{nose.z:.4f}",
        "nose_source": escaped(nose.source),
        "nose_confidence": f"{nose.confidence:.3f}",
        "warnings": escaped("; ".join(record.warnings)),
        "warning_count": len(record.warnings),
        "texture_source": escaped(record.texture),
        "sequence": escaped(record.frame.sequence) if record.frame else None,
        "frame": record.frame.number if record.frame else None,
    }


def _block_cells(block: BlockRecord) -> dict[str, object]:
    cells: dict[str, object] = {
        "depth_mm": real_cell(block.depth_mm),
        "valid_pixels": block.valid_pixels,
        "mm_per_pixel": real_cell(block.mm_per_pixel),
        "depth16_file_name": block.file,
        "filled_pixels": block.counts.get("filled_pixels", 0),
        "landmark_count": len(block.landmarks),
        "texture_pixels": block.texture.pixels if block.texture else 0,
        "texture_file_name": block.texture.file if block.texture else None,
        "mask_file_name": block.mask.file if block.mask else None,
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


def real_cell(value: float) -> str:
    """A real number of up to six digits, never spelled as a whole one: 60.0, 62.5."""
    text = f"{value:.6g}"
    return text if "." in text or "e" in text else f"{text}.0"


def typed_row(columns: Iterable[str], cells: Mapping[str, object]) -> dict[str, object]:
    """The cells of a row by column, each spelled as a value of its column's type, the unknown ones too."""
    return {column: _typed(column, cells.get(column)) for column in columns}


def _typed(column: str, value: object) -> object:
    kind = SCANS[general_name(column, _KNOWN)].kind
    if kind == "text":
        return text_cell(column, value)
    return ABSENT[kind] if value is None else value


def text_cell(column: str, value: object) -> str:
    """Text that no reader of tables takes for a number, a truth value or nothing."""
    text = "" if value is None else str(value)
    return UNKNOWN if not text else f"{column}-{text}" if _reads_as_number(text) else text


@lru_cache(maxsize=4096)  # the names of landmarks come again with every scan
def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return _ABSENT.fullmatch(text.strip()) is not None
    return True


@dataclass(frozen=True)
class Table:
    """A table made from the records, to be written or compared once.

    Attributes:
        name: of its file.
        columns: in order.
        rows: column to cell.
        optional: without rows there is no file.
    """

    name: str
    columns: tuple[str, ...]
    rows: Iterable[Row]
    optional: bool = False

    def write(self, out: Path) -> None:
        """Write the table row by row, so it may be of any length; remove it if it is optional and has no row."""
        lines = self.lines()
        if lines is None:
            (out / self.name).unlink(missing_ok=True)
            return
        with replacing(out / self.name) as temporary, temporary.open("wb") as file:
            file.writelines(lines)

    def lines(self) -> Iterator[bytes] | None:
        """The lines of the file: the header and each row; None if it is optional and has no row."""
        rows = iter(self.rows)
        first = list(islice(rows, 1))
        return csv_lines(self.columns, chain(first, rows)) if first or not self.optional else None

    def difference(self, out: Path) -> str:
        """What is wrong with the file, as a sentence without subject; "" where it is as it should be."""
        lines = self.lines()
        if lines is None:
            return "is there, but the records have no row of it" if (out / self.name).exists() else ""
        try:
            with open_regular(out / self.name) as file:
                for number, line in enumerate(lines, start=1):
                    if file.readline(len(line) + 1) != line:
                        return f"line {number} is not what the records say"
                return "has more lines than the records say" if file.read(1) else ""
        except FileNotFoundError:
            return "is missing"
        except OSError as error:
            return f"cannot be read ({error.strerror or error})"


def metadata_table(records: Iterable[ScanRecord], parts: TableParts) -> Table:
    """metadata.csv: one row per scan and depth, in the order of ``records``."""
    columns = metadata_columns(parts)
    return Table(METADATA, columns, (typed_row(columns, row) for record in records for row in metadata_rows(record)))


def landmarks_table(records: Iterable[ScanRecord]) -> Table:
    """landmarks.csv: one row per scan, depth and landmark, in the order of ``records``; no file without any."""
    return Table(LANDMARKS, LANDMARK_COLUMNS, (row for record in records for row in _landmark_rows(record)), True)


def _landmark_rows(record: ScanRecord) -> Iterator[Row]:
    for block in record.blocks:
        label = {"scan": record.scan_id, "depth_mm": real_cell(block.depth_mm)}
        for name, (column, row, depth, visible) in block.landmarks.items():
            place = {"column": f"{column:.4f}", "row": f"{row:.4f}", "depth": f"{depth:.4f}", "visible": int(visible)}
            yield {**label, "name": text_cell("name", escaped(name)), **place}


def write_failures(folder: Path, failures: Iterable[Failure]) -> None:
    """Write failures.csv in order of source; without failures, remove it."""
    ordered = sorted(set(failures), key=lambda failure: (failure.source, failure.stage, failure.message))
    Table(FAILURES, FAILURE_COLUMNS, map(_failure_cells, ordered), optional=True).write(folder)


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
    line = _Line()
    table = csv.writer(line, lineterminator="\n")
    table.writerow(columns)
    yield line.text.encode("utf-8")
    for row in rows:
        table.writerow([row.get(column, "") for column in columns])
        yield line.text.encode("utf-8")


class _Line:
    """A file that keeps the last line alone: csv writes a row at once."""

    text = ""

    def write(self, text: str) -> None:
        """Keep ``text``."""
        self.text = text
