"""Records: one line of JSON per converted scan, appended after its files are written."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import MAX_CODE
from gemax_cli.datasets.ids import bare_name
from gemax_cli.datasets.model import ScanName, SequenceFrame
from gemax_cli.errors import OutputError
from gemax_cli.maps.registry import COMPARISONS, channels_of
from gemax_cli.placement import Placement
from gemax_cli.settings import MappingScope
from gemax_cli.stack.atomic import replacing
from gemax_cli.stack.guard import open_regular
from gemax_cli.stack.naming import CHANNELS, images_of, is_scan_id
from gemax_cli.typed_json import from_json

LONGEST_MM = 1e4
LONGEST_LINE = 1 << 26  # bytes; ten depths of 4,000 tau take half of it
RECORDS = re.compile(r"records(?:-[0-9]+-of-[0-9]+)?\.jsonl")
_COMPARED = frozenset(channels_of(tuple(COMPARISONS)))
_CHECK = ',"check":"'
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
        channel: 0 to 2 in an RGB image; None in a grey one.
        entropy: bits, over the valid pixels.
        max_bin: width of the widest bin, levels.
        widths: widths of the bins, levels: "u8:" or "u16:" and such numbers in base64, see ``unpack_cuts``.
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
        name: name of the channel, as in ``maps.registry.COMPARISONS``.
        file: path relative to the output folder.
        channel: 0 to 2 in an RGB image; None in a grey one.
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
class TextureRecord:
    """The colours of a block.

    Attributes:
        file: path relative to the output folder.
        pixels: number of pixels with a colour; the others are black.
        black_pixels: number of pixels with depth but without a colour: filled holes, and what the picture does not
            cover.
        filter: how a pixel's colour came about.
        space: colour space of the file.
        sha256: of the file.
    """

    file: str
    pixels: int
    black_pixels: int
    filter: str
    space: str
    sha256: str


@dataclass(frozen=True)
class MaskRecord:
    """The mask of a block (which pixels were measured) or of an image (which are data).

    Attributes:
        file: path relative to the output folder.
        sha256: of the file.
    """

    file: str
    sha256: str


@dataclass(frozen=True)
class BlockRecord:
    """One depth block and its maps.

    Attributes:
        depth_mm: depth of the block behind the nose tip, mm.
        mm_per_pixel: pixel pitch, mm.
        pixel_to_raw: 3 x 4 affine from (column, row, depth in mm, 1) to the raw file's millimetres.
        valid_pixels: number of pixels with data.
        counts: pixels filled, left open, removed, by name, see ``face.model.DepthBlock``.
        file: path of depth16.png relative to the output folder.
        sha256: of that file.
        maps: one per tau, ascending.
        comparisons: one per channel of the comparison maps, in the order of ``maps.registry.COMPARISONS``.
        texture: colours on its grid; None where they were not asked for, or the scan has no picture.
        mask: which pixels were measured; None where it was not asked for.
        landmarks: name to column, row (pixels), depth (mm) and whether it is visible, see ``face.landmarks``.
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
    texture: TextureRecord | None = None
    mask: MaskRecord | None = None
    landmarks: dict[str, tuple[float, float, float, bool]] = field(default_factory=dict)

    @property
    def extras(self) -> tuple[TextureRecord | MaskRecord, ...]:
        """The texture and the mask, as far as they were made."""
        return tuple(extra for extra in (self.texture, self.mask) if extra is not None)

    @property
    def all_maps(self) -> tuple[MapRecord | ComparisonRecord, ...]:
        """The maps of all tau, and the comparison maps' channels."""
        return (*self.maps, *self.comparisons)

    def check_channels(self) -> None:
        """Raise ValueError where a map is of no tau, no known comparison map, or no channel of an image."""
        if not all(1 <= m.tau <= MAX_CODE for m in self.maps):
            raise ValueError(f"a tau out of 1 to {MAX_CODE}")
        if unknown := {m.name for m in self.comparisons} - _COMPARED:
            raise ValueError(f"{min(unknown)[:40]!r} is no comparison map")
        if not all(m.channel is None or 0 <= m.channel < CHANNELS for m in self.all_maps):
            raise ValueError("a channel that no image has")

    @property
    def files(self) -> tuple[str, ...]:
        """Every file of the block, relative to the output folder, each once."""
        return tuple(dict.fromkeys((self.file, *(m.file for m in (*self.all_maps, *self.extras)))))


@dataclass(frozen=True)
class NoseRecord:
    """Where the nose tip was found.

    Attributes:
        x: in the axes of the raw file, mm.
        y: likewise, mm.
        z: likewise, mm.
        source: landmark (of a file), outline (the detector within the outline of a .bnd) or detected.
        confidence: 0 to 1, the estimate that the tip is right within 10 mm.
        runner_up: x, y, z of the detector's second best candidate, mm; None if there is none.
    """

    x: float
    y: float
    z: float
    source: str
    confidence: float
    runner_up: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class CompanionRecord:
    """A file beside the raw file that was read with it, or looked for: landmarks, a camera, a picture.

    Attributes:
        name: of the file, without folder.
        bytes: its size, bytes; 0 where there was none.
        sha256: of the file; "" where there was none.
    """

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class PoseRecord:
    """Head pose.

    Attributes:
        yaw: degrees; positive if the nose points to the right of the image.
        pitch: degrees; positive if the nose points down.
        roll: degrees; positive counter-clockwise.
        aligned: whether the scan was rotated to frontal.
    """

    yaw: float
    pitch: float
    roll: float
    aligned: bool


@dataclass(frozen=True)
class MappingRecord:
    """The mapping that a scan shares with the other scans of its scope.

    Attributes:
        scope: over what the histograms were pooled.
        name: of the sequence, "dataset/subject", the dataset; the scan's id where it belongs to none.
        scans: number of scans in the scope.
        members: SHA-256 over their ids and depth images.
        cuts_sha256: SHA-256 over the cuts of all depths and tau.
    """

    scope: MappingScope
    name: str
    scans: int
    members: str
    cuts_sha256: str


@dataclass(frozen=True)
class ScanRecord:
    """All that is known of a converted scan, and no time: equal runs give equal bytes.

    Attributes:
        scan_id: identity, and place in the output folder; the key "scan" in JSON.
        name: the fields of the names of file and folders; in JSON they stand beside ``scan``.
        source: raw file, relative to its SRC.
        source_bytes: its size, bytes.
        source_sha256: of the raw file.
        settings: SHA-256 of the settings, ``Settings.digest``.
        nose: the nose tip.
        pose: pose of the head; None if it was not estimated.
        counts: points and triangles that cleaning removed, by name, see ``face.clean.clean_scan``.
        blocks: one per depth, ascending.
        warnings: sentences; a scan with any of them should be inspected.
        companions: files beside the raw file that were read with it.
        texture: name of the picture, or "vertex colours"; "-" where the scan has no picture, "" where none was asked
            for.
        frame: its place in a sequence; left out where it belongs to none.
        mapping: the mapping that it shares; left out where its cuts are its own.
        placement: the place that it was given in its sequence; left out where it has none.
    """

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
    companions: tuple[CompanionRecord, ...] = ()
    texture: str = ""
    frame: SequenceFrame | None = None
    mapping: MappingRecord | None = None
    placement: Placement | None = None

    def to_line(self) -> str:
        """The record as a ``checked_line``."""
        rest = {key: value for key, value in vars(self).items() if key not in ("scan_id", "name")}
        for key in ("frame", "mapping", "placement"):
            if rest[key] is None:
                del rest[key]
            else:
                rest[key] = asdict(rest[key])
        return checked_line({"scan": self.scan_id, **asdict(self.name), **rest})

    @classmethod
    def from_line(cls, line: str | bytes) -> ScanRecord:
        """The record that ``to_line`` wrote.

        Raises:
            ValueError: the line is no record, or names a file outside the output folder.
        """
        values = json_object(line)
        values.pop("check", None)
        try:
            name = {key: values[key] for key in _NAME_FIELDS}
            rest = {key: value for key, value in values.items() if key != "scan" and key not in name}
            record = from_json(cls, {"scan_id": values["scan"], "name": name, **rest})
            record._check()
            verify_check(line)
        except KeyError as error:
            raise ValueError(f"not a record: missing: {error}") from error
        except ValueError as error:
            raise ValueError(f"not a record: {error}") from error
        return record

    def _check(self) -> None:
        """Raise ValueError for values of the right type that are invalid: names, files, lengths, cuts."""
        if not is_scan_id(self.scan_id):
            raise ValueError(f"{self.scan_id[:40]!r} is no scan id: it leads outside the output folder")
        if self.frame and not is_scan_id(self.frame.sequence):
            raise ValueError(f"{self.frame.sequence[:40]!r} is no folder of scans")
        for companion in self.companions:
            if not companion.name or bare_name(companion.name) != companion.name:
                raise ValueError(f"companions: {companion.name[:40]!r} is no file name")
        for block in self.blocks:
            if not images_of(block.files, self.scan_id, block.depth_mm):
                raise ValueError("it names a file outside the output folder or the scan's own")
            if not (0 < block.depth_mm <= LONGEST_MM and 0 < block.mm_per_pixel <= LONGEST_MM):
                raise ValueError(f"a depth of {block.depth_mm} mm, {block.mm_per_pixel} mm per pixel")
            for m in block.maps:
                unpack_cuts(m.widths)
            block.check_channels()

    @property
    def files(self) -> tuple[str, ...]:
        """Every file of the scan, relative to the output folder, each once."""
        return tuple(dict.fromkeys(file for block in self.blocks for file in block.files))

    def taus(self, depth_mm: float) -> tuple[int, ...]:
        """The tau that the block of ``depth_mm`` has maps of; empty if there is no such block."""
        return tuple(m.tau for block in self.blocks if block.depth_mm == depth_mm for m in block.maps)

    def comparisons(self, depth_mm: float) -> tuple[str, ...]:
        """The comparison maps' channels that the block of ``depth_mm`` has; empty if there is no such block."""
        return tuple(m.name for block in self.blocks if block.depth_mm == depth_mm for m in block.comparisons)


def compact_json(values: dict[str, object]) -> str:
    """The text of a record without spaces."""
    return json.dumps(values, default=vars, separators=(",", ":"))


def checked_line(values: dict[str, object]) -> str:
    """One line of JSON, ASCII, with its newline; its last key is ``check``, a ``checksum`` of the rest."""
    text = compact_json(values)
    return f'{text[:-1]}{_CHECK}{checksum(text)}"}}\n'


def verify_check(line: str | bytes) -> None:
    """Raise ValueError for a line whose ``check`` is not that of its text, or not its last key."""
    text, _, check = (line if isinstance(line, str) else line.decode("ascii", "replace")).rpartition(_CHECK)
    if check.rstrip() != checksum(f"{text}}}") + '"}':
        raise ValueError("its values are not those that were written (its check differs)")


def checksum(text: str) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def json_object(line: str | bytes) -> dict[str, object]:
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
    try:
        return sorted(path for path in folder.iterdir() if RECORDS.fullmatch(path.name))
    except OSError:  # it is not there, or is none that may be listed
        return []


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, line) of every complete line; a partial last line of a killed run is skipped.

    Raises:
        OutputError: the file is a link or no file, or cannot be read.
    """
    offset = 0
    for line in _lines(path, 0):
        if line.endswith(b"\n"):
            yield offset, line
        offset += len(line)


def damaged_lines(path: Path, parse: Callable[[bytes], object] = ScanRecord.from_line) -> Iterator[tuple[int, str]]:
    """Yield the number, from 1, of every line that ``parse`` does not take as a record, and what is wrong with it."""
    for number, line in enumerate(_lines(path, 0), start=1):
        try:
            parse(line)
        except ValueError as error:
            yield number, f"is damaged ({error})"
        else:
            if not line.endswith(b"\n"):
                yield number, "is torn (it has no end)"


def read_line(place: Place) -> bytes:
    """Read the line at a file and offset; empty at the end of the file.

    Raises:
        OutputError: the file is a link or no file, or cannot be read.
    """
    return next(_lines(*place), b"")


def _lines(path: Path, offset: int) -> Iterator[bytes]:
    """The lines of a record file from an offset on, the last one perhaps partial."""
    try:
        with open_regular(path) as file:
            file.seek(offset)
            while line := file.readline(LONGEST_LINE):
                yield line
    except OSError as error:
        message = f"cannot be read ({error.strerror or error}): remove it or give another output folder."
        raise OutputError(f"{path}: {message}") from error


def newest_places(files: Iterable[Path]) -> dict[str, Place]:
    """File and offset of the newest record of every scan, in order of scan id; other lines are skipped."""
    places: dict[str, Place] = {}
    for path in files:
        for offset, line in read_lines(path):
            if (scan_id := scan_id_of(line)) is not None:
                places[scan_id] = path, offset
    return dict(sorted(places.items()))


def scan_id_of(line: bytes) -> str | None:
    """The id that a line names; None where it names none."""
    try:
        scan_id = json_object(line).get("scan")
    except ValueError:
        return None
    return scan_id if isinstance(scan_id, str) else None


def newest_lines(files: Iterable[Path]) -> Iterator[bytes]:
    """The newest line of every scan, in order of id."""
    return map(read_line, newest_places(files).values())


def read_records(folder: Path) -> Iterator[ScanRecord]:
    """The newest record of every scan, in order of id; damaged ones are skipped, as if they were not there."""
    return records_at(newest_places(record_files(folder)).values())


def records_at(places: Iterable[Place]) -> Iterator[ScanRecord]:
    """The records at these places; damaged ones are skipped."""
    for line in map(read_line, places):
        try:
            yield ScanRecord.from_line(line)
        except ValueError:
            continue


class RecordWriter:
    """Append records to one file; a partial last line of an earlier run is removed first."""

    def __init__(self, path: Path) -> None:
        self._file = open_regular(path, "ab+")
        whole = max((offset + len(line) for offset, line in read_lines(path)), default=0)
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
