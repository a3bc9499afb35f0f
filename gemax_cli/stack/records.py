"""Records: one line of JSON per converted scan, appended after its files are written."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import MAX_CODE
from gemax_cli.datasets.model import ScanName
from gemax_cli.stack.atomic import replacing
from gemax_cli.typed_json import from_json

LONGEST_MM = 1e4
_NAME_FIELDS = tuple(f.name for f in fields(ScanName))
_WIDTH_TYPES = {"u8": "u1", "u16": "<u2"}  # low byte first on any machine
_AffineRow = tuple[float, float, float, float]
Affine = tuple[_AffineRow, _AffineRow, _AffineRow]
Place = tuple[Path, int]
"""A record file, and the offset of a line in it."""


def pack_cuts(cuts: NDArray[np.integer]) -> str:
    """Cuts as text: "u8:" or "u16:", then the widths of the bins as such numbers (low byte first) in base64.

    Args:
        cuts: (K + 1,) levels that rise from 0.
    """
    widths = np.diff(cuts)
    kind = "u8" if widths.max(initial=0) < 256 else "u16"
    return f"{kind}:{base64.b64encode(widths.astype(_WIDTH_TYPES[kind]).tobytes()).decode('ascii')}"


def unpack_cuts(text: str) -> NDArray[np.int32]:
    """The cuts that ``pack_cuts`` packed: (K + 1,) int32, rising from 0.

    Raises:
        ValueError: the text is damaged.
    """
    kind, _, packed = text.partition(":")
    if kind not in _WIDTH_TYPES:
        raise ValueError("the cuts begin with neither u8: nor u16:")
    widths = np.frombuffer(base64.b64decode(packed, validate=True), _WIDTH_TYPES[kind])
    cuts = np.concatenate([[0], np.cumsum(widths, dtype=np.int64)])
    if not widths.size or not widths.all() or cuts[-1] > MAX_CODE:
        raise ValueError(f"the cuts do not rise from 0 to at most {MAX_CODE}")
    return cuts.astype(np.int32)


@dataclass(frozen=True)
class MapRecord:
    """One GEMax map.

    Attributes:
        tau: its distortion bound, levels.
        file: path relative to the output folder.
        channel: 0..2 in an RGB image, None in a grey one.
        entropy: bits, over the valid pixels.
        max_bin: width of the widest bin, levels.
        widths: of the bins, levels, as ``pack_cuts`` writes them.
        sha256: of the file.
    """

    tau: int
    file: str
    channel: int | None
    entropy: float
    max_bin: int
    widths: str
    sha256: str

    @property
    def cuts(self) -> NDArray[np.int32]:
        """(K + 1,) levels from 0 to N; bin k covers levels cuts[k] to cuts[k + 1] - 1."""
        return unpack_cuts(self.widths)


@dataclass(frozen=True)
class ComparisonRecord:
    """One channel of a comparison map.

    Attributes:
        name: of the channel, as in ``maps.registry.COMPARISONS``.
        file: path relative to the output folder.
        channel: 0..2 in an RGB image, None in a grey one.
        entropy: bits, over the valid pixels.
        convention: how the 8 bits came about: formula, range, window.
        sha256: of the file.
    """

    name: str
    file: str
    channel: int | None
    entropy: float
    convention: str
    sha256: str


@dataclass(frozen=True)
class BlockRecord:
    """One depth block and its maps.

    Attributes:
        depth_mm: metric depth of the block.
        mm_per_pixel: pixel pitch.
        pixel_to_raw: 3 x 4 affine from (column, row, depth in mm, 1) to the raw file's millimetres.
        valid_pixels: pixels with data.
        counts: pixels filled, left open, removed.
        file: path of depth16.png relative to the output folder.
        sha256: of that file.
        maps: one per tau, ascending.
        comparisons: one per channel of the comparison maps, in the order of ``maps.registry.COMPARISONS``.
    """

    depth_mm: float
    mm_per_pixel: float
    pixel_to_raw: Affine
    valid_pixels: int
    counts: dict[str, int]
    file: str
    sha256: str
    maps: tuple[MapRecord, ...]
    comparisons: tuple[ComparisonRecord, ...] = ()

    @property
    def all_maps(self) -> tuple[MapRecord | ComparisonRecord, ...]:
        """The maps of all tau, and the comparison maps' channels."""
        return (*self.maps, *self.comparisons)


@dataclass(frozen=True)
class NoseRecord:
    """Where the nose tip was found: raw file's millimetres, source and confidence as in ``face.model.NoseTip``."""

    x: float
    y: float
    z: float
    source: str
    confidence: float
    runner_up: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class PoseRecord:
    """Head pose in degrees and whether the scan was rotated to frontal."""

    yaw: float
    pitch: float
    roll: float
    aligned: bool


@dataclass(frozen=True)
class ScanRecord:
    """All that is known of a converted scan; ``settings`` is ``Settings.digest``."""

    scan_id: str
    name: ScanName
    source: str
    source_bytes: int
    source_sha256: str
    settings: str
    nose: NoseRecord
    pose: PoseRecord | None
    counts: dict[str, int]
    blocks: tuple[BlockRecord, ...]
    warnings: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)

    def to_line(self) -> str:
        """One line of JSON, ASCII, with its newline."""
        rest = {key: value for key, value in vars(self).items() if key not in ("scan_id", "name")}
        values = {"scan": self.scan_id, **asdict(self.name), **rest}
        return json.dumps(values, default=vars, separators=(",", ":")) + "\n"

    @classmethod
    def from_line(cls, line: str | bytes) -> ScanRecord:
        """The record that ``to_line`` wrote.

        Raises:
            ValueError: the line is no record, or names a file outside the output folder.
        """
        values = _json_object(line)
        try:
            name = {key: values.pop(key) for key in _NAME_FIELDS}
            record = from_json(cls, {"scan_id": values.pop("scan"), "name": name, **values})
            record._check()
        except KeyError as error:
            raise ValueError(f"not a record: missing: {error}") from error
        except ValueError as error:
            raise ValueError(f"not a record: {error}") from error
        return record

    def _check(self) -> None:
        """Raise ValueError for values of the right type that are invalid: files outside, lengths, cuts."""
        if not all(_lies_inside(file) for file in self.files):
            raise ValueError("it names a file outside the output folder")
        for block in self.blocks:
            if not (0 < block.depth_mm <= LONGEST_MM and 0 < block.mm_per_pixel <= LONGEST_MM):
                raise ValueError(f"a depth of {block.depth_mm} mm, {block.mm_per_pixel} mm per pixel")
            for m in block.maps:
                unpack_cuts(m.widths)

    @property
    def files(self) -> tuple[str, ...]:
        """Every file of the scan, relative to the output folder, each once."""
        named = [file for block in self.blocks for file in (block.file, *(m.file for m in block.all_maps))]
        return tuple(dict.fromkeys(named))

    def taus(self, depth_mm: float) -> tuple[int, ...]:
        """The tau that the block of ``depth_mm`` has maps of; empty if there is no such block."""
        return tuple(m.tau for block in self.blocks if block.depth_mm == depth_mm for m in block.maps)

    def comparisons(self, depth_mm: float) -> tuple[str, ...]:
        """The comparison maps' channels that the block of ``depth_mm`` has; empty if there is no such block."""
        return tuple(m.name for block in self.blocks if block.depth_mm == depth_mm for m in block.comparisons)


def _lies_inside(file: str) -> bool:
    """Whether a relative path stays inside its folder, on any system: gemax may remove or replace the file."""
    return file != "" and not (set(file.split("/")) & {"", ".", ".."} or set(file) & set("\\:\0"))


def _json_object(line: str | bytes) -> dict[str, object]:
    """The object that a line of JSON holds; ValueError if it holds none."""
    try:
        values = json.loads(line)
    except RecursionError as error:
        raise ValueError("not a record: nested too deeply") from error
    if not isinstance(values, dict):
        raise ValueError("not a record: no JSON object")
    return values


def record_files(folder: Path) -> list[Path]:
    """The record files of an output folder, shards included, in order of name."""
    return sorted([*folder.glob("records.jsonl"), *folder.glob("records-*-of-*.jsonl")])


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, line) of every complete line; a partial last line of a killed run is skipped."""
    offset = 0
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield offset, line
            offset += len(line)


def read_line(place: Place) -> bytes:
    """Read the line at a file and offset."""
    path, offset = place
    with path.open("rb") as file:
        file.seek(offset)
        return file.readline()


def newest_places(files: Iterable[Path]) -> dict[str, Place]:
    """File and offset of the newest record of every scan, in order of scan id; other lines are skipped."""
    places: dict[str, Place] = {}
    for path in files:
        for offset, line in read_lines(path):
            if (scan_id := _scan_id_of(line)) is not None:
                places[scan_id] = path, offset
    return dict(sorted(places.items()))


def _scan_id_of(line: bytes) -> str | None:
    try:
        scan_id = _json_object(line).get("scan")
    except ValueError:
        return None
    return scan_id if isinstance(scan_id, str) else None


def newest_lines(files: Iterable[Path]) -> Iterator[bytes]:
    """The newest line of every scan, in order of id."""
    return map(read_line, newest_places(files).values())


def read_records(folder: Path) -> Iterator[ScanRecord]:
    """The newest record of every scan, in order of id; damaged ones are skipped, as if they were not there."""
    for line in newest_lines(record_files(folder)):
        try:
            yield ScanRecord.from_line(line)
        except ValueError:
            continue


class RecordWriter:
    """Append records to one file; a partial last line of an earlier run is removed first."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab+", buffering=0)
        whole = sum(len(line) for _, line in read_lines(path))
        if whole < path.stat().st_size:
            self._file.truncate(whole)

    def append_line(self, line: str) -> None:
        """Write one line of JSON (``ScanRecord.to_line``) completely or not at all.

        Raises:
            OSError: the disk is full; the file is as before.
        """
        data, start = memoryview(line.encode("ascii")), self._file.seek(0, os.SEEK_END)
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError:
            self._file.truncate(start)
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def tidy_records(path: Path) -> None:
    """Rewrite one record file with the newest line of each scan, in order of id.

    The order does not depend on which worker was faster. Other lines are dropped. A file without records is removed.

    Raises:
        OSError: as the file system says; the file is as before.
    """
    if not path.is_file():
        return
    with replacing(path) as temporary, temporary.open("wb") as new:
        new.writelines(newest_lines([path]))
    if not path.stat().st_size:
        path.unlink()
