"""Records of mapped images: one line of JSON each, in the record files that scans have, too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from gemax_cli.images.bins import ValueBins
from gemax_cli.images.levels import LevelGrid
from gemax_cli.stack.naming import is_scan_id
from gemax_cli.stack.records import (
    MaskRecord,
    checked_line,
    json_object,
    newest_lines,
    record_files,
    unpack_cuts,
    verify_check,
)
from gemax_cli.typed_json import from_json

_FILE = re.compile(r"(?:gemax_tau[0-9.]{1,20}(?:x|pc)?|mask)\.(?:png|tif)")
COUNTS = frozenset(("valid", "infinite", "below", "above"))
UNIFORM = "uniform"  # quantisation, the baseline


@dataclass(frozen=True)
class ImageMapRecord:
    """One GEMax map of an image.

    Attributes:
        tau: the distortion bound as it was asked for: ``1.25x``, ``0.5%`` or ``20``.
        tau_levels: in levels.
        tau_times: as a multiple of uniform quantisation, N / K.
        tau_percent: as a share of the range, per cent.
        tau_on_scale: in the scale's unit (the input's own on a linear scale, dB on dB).
        file: path relative to the output folder.
        entropy: bits, over the pixels with data.
        max_bin: width of the widest bin, levels.
        widths: of the bins, levels, as ``stack.records.pack_cuts`` writes them.
        bound: the largest error of an inverted value, in the input's unit.
        bound_on_scale: the same in the scale's unit.
        sha256: of the file.
    """

    tau: str
    tau_levels: int
    tau_times: float
    tau_percent: float
    tau_on_scale: float
    file: str
    entropy: float
    max_bin: int
    widths: str
    bound: float
    bound_on_scale: float
    sha256: str


@dataclass(frozen=True)
class UniformRecord:
    """What uniform quantisation to as many bins reaches.

    Attributes:
        entropy: bits, over the pixels with data.
        max_bin: width of the widest bin, levels.
    """

    entropy: float
    max_bin: int


@dataclass(frozen=True)
class ImageRecord:
    """All that is known of a mapped image.

    Attributes:
        image_id: its place in the output folder.
        source: path relative to its SRC.
        source_bytes: size of the file, bytes.
        source_sha256: of the file.
        settings: ``ImageSettings.digest``.
        pool: of a mapping of a set, the digest of its members; "" for a mapping of the image's own.
        rows: height, pixels.
        columns: width, pixels.
        pixel_type: of the input, as NumPy names it.
        unit: of the values; "" where the file does not say it.
        counts: pixels: valid, infinite, below (the range), above.
        grid: the levels.
        first_code: grey value of the lowest bin.
        bins: K, number of grey values of a map.
        uniform: what uniform quantisation reaches.
        maps: one per tau.
        mask: 0 no data, 255 data; None where every pixel is data, or where 0 is reserved.
        warnings: sentences.
    """

    image_id: str
    source: str
    source_bytes: int
    source_sha256: str
    settings: str
    pool: str
    rows: int
    columns: int
    pixel_type: str
    unit: str
    counts: dict[str, int]
    grid: LevelGrid
    first_code: int
    bins: int
    uniform: UniformRecord
    maps: tuple[ImageMapRecord, ...]
    mask: MaskRecord | None = None
    warnings: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Every file of the image, relative to the output folder."""
        return (*(m.file for m in self.maps), *([self.mask.file] if self.mask else []))

    @property
    def taus(self) -> tuple[str, ...]:
        """Notations of the tau that have a map."""
        return tuple(m.tau for m in self.maps)

    def bins_of(self, m: ImageMapRecord) -> ValueBins:
        """The bins of one of the maps, in the input's unit."""
        return ValueBins.of(self.grid, unpack_cuts(m.widths), self.first_code)

    def to_line(self) -> str:
        """The record as a ``checked_line``."""
        values = asdict(self)
        return checked_line({"scan": values.pop("image_id"), **values})

    @classmethod
    def from_line(cls, line: str | bytes) -> ImageRecord:
        """The record that ``to_line`` wrote.

        Raises:
            ValueError: the line is no record, or names a file outside the output folder.
        """
        values = json_object(line)
        values.pop("check", None)
        try:
            record = from_json(cls, {"image_id": values["scan"], **{k: v for k, v in values.items() if k != "scan"}})
            record._check()
            verify_check(line)
        except KeyError as error:
            raise ValueError(f"not a record: missing: {error}") from error
        except ValueError as error:
            raise ValueError(f"not a record: {error}") from error
        return record

    def _check(self) -> None:
        """Raise ValueError for values of the right type that are invalid: id, files, levels, cuts."""
        if not is_scan_id(self.image_id):
            raise ValueError(f"{self.image_id[:40]!r} is no id: it leads outside the output folder")
        if not all(_is_own(file, self.image_id) for file in self.files):
            raise ValueError("it names a file outside the output folder or the image's own")
        grid = self.grid
        if set(self.counts) != COUNTS:
            raise ValueError("its counts are damaged")
        if grid.levels < 1 or (grid.rule == "values" and grid.levels != len(grid.values)):
            raise ValueError("its levels are damaged")
        for m in self.maps:
            self.bins_of(m)


def _is_own(file: str, image_id: str) -> bool:
    place, _, name = file.rpartition("/")
    return place == image_id and _FILE.fullmatch(name) is not None


def read_image_records(folder: Path) -> Iterator[ImageRecord]:
    """The newest record of every image, in order of id; damaged ones are skipped, as if they were not there."""
    for line in newest_lines(record_files(folder)):
        try:
            yield ImageRecord.from_line(line)
        except ValueError:
            continue
