"""Records: one line of JSON per converted scan, appended when its files are safely in place."""

from __future__ import annotations

import json
import os
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import TracebackType
from typing import Any

from gemax_cli.compact import Texts, in_order
from gemax_cli.datasets.model import ScanName
from gemax_cli.stack.png import TEMPORARY

_NAME_FIELDS = tuple(f.name for f in fields(ScanName))
_PART_BYTES = 1 << 16
_CUTS = re.compile(rb'"cuts":\[[^]]*\]')
# A quote within a string of JSON is escaped: the name of a field cannot stand in one.
_TAU, _CHANNEL = re.compile(rb'"tau":(\d+)'), re.compile(rb'\{"name":"([^"]+)"')
_BEGINNING = re.compile(rb'\{"scan":("(?:[^"\\]|\\.)*"),.*\}\n\Z', re.DOTALL)
Affine = tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True)
class MapRecord:
    """One GEMax map.

    Attributes:
        tau: its distortion bound, levels.
        file: path relative to the output folder.
        channel: 0..2 in an RGB image, None in a grey one.
        entropy: bits, over the valid pixels.
        max_bin: width of the widest bin, levels.
        cuts: K + 1 levels from 0 to N; grey value k covers levels cuts[k] to cuts[k + 1] - 1.
        sha256: of the file.
    """

    tau: int
    file: str
    channel: int | None
    entropy: float
    max_bin: int
    cuts: tuple[int, ...]
    sha256: str


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
        try:
            record = _record(json.loads(line))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a record: {error}") from error
        if not all(_lies_inside(file) for file in record.files):
            raise ValueError("not a record: it names a file outside the output folder")
        return record

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
    """Whether a relative path stays below the folder it starts from, on any system: it may be removed or replaced."""
    return file != "" and not (set(file.split("/")) & {"", ".", ".."} or set(file) & set("\\:\0"))


def _record(values: dict[str, Any]) -> ScanRecord:
    pose, warnings = values["pose"], tuple(values["warnings"])
    nested = {
        "nose": _nose(values["nose"]),
        "pose": PoseRecord(**pose) if pose else None,
        "blocks": tuple(_block(block) for block in values["blocks"]),
        "warnings": warnings,
    }
    name = ScanName(**{key: values.pop(key) for key in _NAME_FIELDS})
    return ScanRecord(scan_id=values.pop("scan"), name=name, **{**values, **nested})


def _nose(values: dict[str, Any]) -> NoseRecord:
    runner_up = values["runner_up"]
    return NoseRecord(**{**values, "runner_up": tuple(runner_up) if runner_up else None})


def _block(values: dict[str, Any]) -> BlockRecord:
    maps = tuple(MapRecord(**{**m, "cuts": tuple(m["cuts"])}) for m in values["maps"])
    comparisons = tuple(ComparisonRecord(**m) for m in values.get("comparisons", ()))  # older records have none
    affine = tuple(tuple(row) for row in values["pixel_to_raw"])
    return BlockRecord(**{**values, "maps": maps, "comparisons": comparisons, "pixel_to_raw": affine})


def record_files(folder: Path) -> list[Path]:
    """The record files of an output folder, shards included, in order of name."""
    return sorted([*folder.glob("records.jsonl"), *folder.glob("records-*-of-*.jsonl")])


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """(offset, line) of every whole line; a line torn by a killed run is left out."""
    offset = 0
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield offset, line
            offset += len(line)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands: file and offset of its line."""

    path: Path
    offset: int

    def read(self) -> ScanRecord:
        """Read the record."""
        return ScanRecord.from_line(self._line())

    def read_outline(self) -> ScanRecord:
        """The record without the cuts of its maps, which are nine tenths of it: in a third of the time."""
        return ScanRecord.from_line(outline(self._line()))

    def _line(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.readline()


def outline(line: bytes) -> bytes:
    """The line of a record without the cuts of its maps."""
    return _CUTS.sub(b'"cuts":[]', line)


class RecordIndex(Mapping[str, Place]):
    """Scan id to the place of its newest record, in order of id; lines that are no record are passed over.

    Of each record some 60 bytes are kept: a folder of any length fits into memory.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files, self._ids = files, Texts()
        self._file, self._offset = array("I"), array("Q")
        for number, path in enumerate(files):
            for offset, line in read_lines(path):
                if (scan := _scan_of(line)) is not None:
                    self._ids.append(scan)
                    self._file.append(number)
                    self._offset.append(offset)
        order = in_order(range(len(self._ids)), self._ids.__getitem__)
        self._newest = array("I", self._last_of_each(order))

    def _last_of_each(self, order: array[int]) -> Iterator[int]:
        for place, number in enumerate(order):
            if place + 1 == len(order) or self._ids[order[place + 1]] != self._ids[number]:
                yield number

    def __len__(self) -> int:
        return len(self._newest)

    def __iter__(self) -> Iterator[str]:
        return map(self._ids.__getitem__, self._newest)

    def __getitem__(self, scan: str) -> Place:
        found = bisect_left(self._newest, scan, key=self._ids.__getitem__)
        if found == len(self) or self._ids[self._newest[found]] != scan:
            raise KeyError(scan)
        number = self._newest[found]
        return Place(self._files[self._file[number]], self._offset[number])


def index_records(folder: Path) -> RecordIndex:
    """Where the newest record of every scan of an output folder stands."""
    return RecordIndex(record_files(folder))


def read_records(folder: Path, *, outlines: bool = False) -> Iterator[ScanRecord]:
    """The newest record of every scan, in order of id; damaged ones are passed over, as if they were not there.

    Args:
        folder: the output folder.
        outlines: leave the cuts of the maps out.
    """
    for line in _newest_lines(folder):
        try:
            yield ScanRecord.from_line(outline(line) if outlines else line)
        except ValueError:
            continue


def maps_in(folder: Path) -> tuple[set[int], set[str]]:
    """All tau and all channels of comparison maps that a folder's records tell of."""
    taus: set[int] = set()
    channels: set[str] = set()
    for line in _newest_lines(folder):
        taus.update(map(int, _TAU.findall(line)))
        channels.update(name.decode() for name in _CHANNEL.findall(line))
    return taus, channels


def _newest_lines(folder: Path) -> Iterator[bytes]:
    with ExitStack() as stack:
        files = {path: stack.enter_context(path.open("rb")) for path in record_files(folder)}
        for place in index_records(folder).values():
            files[place.path].seek(place.offset)
            yield files[place.path].readline()


class RecordWriter:
    """Appends records to one file; a torn last line of an earlier run is cut off first."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab+", buffering=0)
        self._cut_torn_line()

    def _cut_torn_line(self) -> None:
        """Cut off what stands behind the last newline; looked for from the end, for the file may be long."""
        end = stop = self._file.seek(0, os.SEEK_END)
        newline = -1
        while newline < 0 < stop:
            start = max(0, stop - _PART_BYTES)
            self._file.seek(start)
            newline = self._file.read(stop - start).rfind(b"\n")
            stop = start
        whole = stop + newline + 1
        if whole < end:
            self._file.truncate(whole)

    def append_line(self, line: str) -> None:
        """Hand one line of JSON (``ScanRecord.to_line``) to the system, whole or not at all.

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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def tidy_records(path: Path) -> None:
    """Rewrite one record file: newest line of each scan, in order of id, so that it does not tell who came first.

    Lines that are no record are dropped; a file without any record is removed.

    Raises:
        OSError: as the file system says; the file is as before.
    """
    newest = RecordIndex([path] if path.is_file() else [])
    if not newest:
        path.unlink(missing_ok=True)
        return
    temporary = path.with_name(f"{TEMPORARY}{path.name}")
    try:
        with path.open("rb") as old, temporary.open("wb") as new:
            for place in newest.values():
                old.seek(place.offset)
                new.write(old.readline())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _scan_of(line: bytes) -> str | None:
    """The scan that a line is the record of; None if it is none.

    The line of ``to_line`` begins with it: thousands of records are told apart without reading their cuts.
    """
    match = _BEGINNING.match(line)
    try:
        return str(json.loads(match[1]) if match else json.loads(line)["scan"])
    except (ValueError, KeyError, TypeError):
        return None
