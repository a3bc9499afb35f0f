"""What a worker does: count the values of an image, or map it and write its files. Never raises."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.batch.model import Outcome, failure_of, is_disk_full, writing
from gemax_cli.entropy.figures import entropy_bits, max_bin
from gemax_cli.entropy.solver import Solution
from gemax_cli.errors import BadFormat, SettingsError, Unmappable
from gemax_cli.images.bins import ValueBins
from gemax_cli.images.find import ImageRef
from gemax_cli.images.levels import LevelGrid, ValueCounts
from gemax_cli.images.mapping import (
    ImageMapping,
    MaskedImage,
    count_levels,
    count_values,
    find_mapping,
    open_masked,
)
from gemax_cli.images.model import ImageSource
from gemax_cli.images.output import RowSink, image_sink, is_tiff
from gemax_cli.images.records import UNIFORM, ImageMapRecord, ImageRecord, UniformRecord
from gemax_cli.images.settings import ImageSettings, Tau
from gemax_cli.scans.raw_file import sha256_of
from gemax_cli.stack.atomic import remove_temporaries
from gemax_cli.stack.guard import Guard
from gemax_cli.stack.records import MaskRecord, pack_cuts
from gemax_cli.stack.state import Stat, stat_of
from gemax_cli.stack.tables import Failure

MASK, DATA = "mask", 255
GREYS = 256


@dataclass(frozen=True)
class CountTask:
    """Count the values of an image of a set, or, with a grid, its levels."""

    ref: ImageRef
    settings: ImageSettings
    grid: LevelGrid | None = None


@dataclass(frozen=True)
class Counted:
    """The result of a ``CountTask``: value counts or a histogram, or a failure."""

    ref: ImageRef
    counts: ValueCounts | None = None
    histogram: NDArray[np.int64] | None = None
    failure: Failure | None = None


@dataclass(frozen=True)
class MapTask:
    """Map an image.

    Attributes:
        ref: the image.
        out: the output folder.
        settings: what is asked for.
        mapping: that of the set; None to find the image's own.
        pool: digest of the set, or "".
        older: a record that lacks some of the maps; those that are missing join it.
    """

    ref: ImageRef
    out: Path
    settings: ImageSettings
    mapping: ImageMapping | None = None
    pool: str = ""
    older: ImageRecord | None = None


def run_count(task: CountTask) -> Counted:
    """Do a ``CountTask``."""
    try:
        masked = open_masked(task.ref.path, task.settings)
        if task.grid is None:
            return Counted(task.ref, counts=count_values(masked))
        return Counted(task.ref, histogram=count_levels(masked, task.grid))
    except Exception as error:
        return Counted(task.ref, failure=failure_of(task.ref.path, task.ref.source, error))


def run_map(task: MapTask) -> Outcome:
    """Do a ``MapTask``."""
    ref, before = task.ref, stat_of(task.ref.path)
    try:
        record = map_file(_only_missing(task))
        stamp = image_stamp(record.source_sha256, before)
        return Outcome(ref.image_id, record.to_line(), warnings=record.warnings, stamp=stamp)
    except Exception as error:
        return Outcome(
            ref.image_id, failure=failure_of(ref.path, ref.source, error), disk_full=is_disk_full(error)
        )  # fmt: skip


def image_stamp(sha256: str, stat: Stat) -> str:
    """Digest of an image's SHA-256 and of its file's size and time: while it is the same, so is the file."""
    return hashlib.sha256(repr((sha256, stat)).encode()).hexdigest()[:16]


def _only_missing(task: MapTask) -> MapTask:
    """The task without the maps that its older record has; all of them where the file has changed since."""
    older = task.older
    if older is None or sha256_of(task.ref.path) != older.source_sha256:
        return replace(task, older=None)
    missing = tuple(tau for tau in task.settings.taus if tau not in older.taus)
    mapping = task.mapping and replace(
        task.mapping, solutions=tuple((tau, found) for tau, found in task.mapping.solutions if tau.text in missing)
    )
    return replace(task, settings=replace(task.settings, taus=missing), mapping=mapping)


def map_file(task: MapTask) -> ImageRecord:
    """Map one image and write its files.

    Raises:
        ScanError: it cannot be read, mapped or written.
    """
    masked = open_masked(task.ref.path, task.settings)
    before = stat_of(task.ref.path)
    try:
        mapping = task.mapping or find_mapping(masked, task.settings)
    except SettingsError as error:
        raise Unmappable(task.ref.path, str(error)) from error
    place = Guard(task.out).folder(task.ref.image_id)
    with writing(place):
        place.mkdir(parents=True, exist_ok=True)
        remove_temporaries(place)
        record = _write(task, masked, mapping)
    if stat_of(task.ref.path) != before:
        raise BadFormat(task.ref.path, "changed while it was read: run the same command again.")
    return record


@dataclass
class _Tally:
    """What the last pass counts."""

    greys: dict[str, NDArray[np.int64]]
    valid: int = 0
    infinite: int = 0
    below: int = 0
    above: int = 0

    def add(self, grid: LevelGrid, values: NDArray[Any], valid: NDArray[np.bool_]) -> None:
        """Count the pixels of some rows."""
        self.valid += int(valid.sum())
        self.infinite += int(np.isinf(values).sum()) if values.dtype.kind == "f" else 0
        self.below += int(((values < grid.low) & valid).sum())
        self.above += int(((values > grid.high) & valid).sum())

    def add_greys(self, name: str, grey: NDArray[np.uint8], valid: NDArray[np.bool_]) -> None:
        """Count the grey values of some rows of a map."""
        self.greys[name] += np.bincount(grey[valid], minlength=GREYS)

    def bits(self, name: str) -> float:
        """Entropy of a map."""
        return entropy_bits(self.greys[name]) if self.valid else 0.0


def _write(task: MapTask, masked: MaskedImage, mapping: ImageMapping) -> ImageRecord:
    """The last pass: every map, and the mask, in one reading."""
    bins = {tau.text: mapping.bins(found.cuts) for tau, found in mapping.solutions}
    files = {tau.text: _file(task, masked, f"gemax_{tau.label}") for tau, _ in mapping.solutions}
    tally = _Tally({name: np.zeros(GREYS, np.int64) for name in (*bins, UNIFORM)})
    nodata = 0 if mapping.first_code else None
    mask_file = _file(task, masked, MASK)
    with ExitStack() as stack:
        sinks = {
            name: stack.enter_context(image_sink(task.out / file, masked.image, nodata)) for name, file in files.items()
        }
        needs_mask = nodata is None and masked.may_lack_data
        mask_sink = stack.enter_context(image_sink(task.out / mask_file, masked.image)) if needs_mask else None
        _pass(masked, mapping, bins, sinks, mask_sink, tally)
    has_mask = mask_sink is not None and tally.valid < masked.image.pixels
    if mask_sink is not None and not has_mask:
        (task.out / mask_file).unlink()
    hashes = {file: sha256_of(task.out / file) for file in (*files.values(), *([mask_file] * has_mask))}
    maps = tuple(
        _map_record(mapping, tau, found, bins[tau.text], files[tau.text], tally, hashes)
        for tau, found in mapping.solutions
    )
    mask = MaskRecord(mask_file, hashes[mask_file]) if has_mask else None
    record = _record(task, masked.image, mapping, tally, maps, mask)
    return record if task.older is None else _joined(task.older, record)


def _file(task: MapTask, masked: MaskedImage, name: str) -> str:
    return f"{task.ref.image_id}/{name}{'.tif' if is_tiff(masked.image) else '.png'}"


def _pass(
    masked: MaskedImage, mapping: ImageMapping, bins: dict[str, ValueBins], sinks: dict[str, RowSink],
    mask_sink: RowSink | None, tally: _Tally,
) -> None:  # fmt: skip
    uniform = mapping.bins(mapping.uniform)
    for _, (values, valid) in masked.rows():
        tally.add(mapping.grid, values, valid)
        tally.add_greys(UNIFORM, uniform.grey(values), valid)
        for name, sink in sinks.items():
            grey = bins[name].grey(values, valid)
            tally.add_greys(name, grey, valid)
            sink.put(grey)
        if mask_sink:
            mask_sink.put(np.where(valid, np.uint8(DATA), np.uint8(0)))


def _map_record(
    mapping: ImageMapping, tau: Tau, found: Solution, bins: ValueBins, file: str, tally: _Tally,
    hashes: dict[str, str],
) -> ImageMapRecord:  # fmt: skip
    levels = mapping.grid.levels
    return ImageMapRecord(
        tau=tau.text,
        tau_levels=found.tau,
        tau_times=found.tau * found.bins / levels,
        tau_percent=100 * found.tau / levels,
        tau_on_scale=found.tau * mapping.grid.step,
        file=file,
        entropy=tally.bits(tau.text),
        max_bin=found.max_bin,
        widths=pack_cuts(found.cuts),
        bound=bins.bound,
        bound_on_scale=bins.bound_on_scale,
        sha256=hashes[file],
    )


def _record(
    task: MapTask, image: ImageSource, mapping: ImageMapping, tally: _Tally, maps: tuple[ImageMapRecord, ...],
    mask: MaskRecord | None,
) -> ImageRecord:  # fmt: skip
    return ImageRecord(
        image_id=task.ref.image_id,
        source=task.ref.source,
        source_bytes=image.path.stat().st_size,
        source_sha256=sha256_of(image.path),
        settings=task.settings.digest,
        pool=task.pool,
        rows=image.rows,
        columns=image.columns,
        pixel_type=image.dtype.name,
        unit=image.unit,
        counts={"valid": tally.valid, "infinite": tally.infinite, "below": tally.below, "above": tally.above},
        grid=mapping.grid,
        first_code=mapping.first_code,
        bins=mapping.solutions[0][1].bins,
        uniform=UniformRecord(tally.bits(UNIFORM), max_bin(mapping.uniform)),
        maps=maps,
        mask=mask,
        warnings=tuple(_warnings(task.settings, mapping, tally)),
    )


def _joined(older: ImageRecord, new: ImageRecord) -> ImageRecord:
    """The new record with the maps of both, in order of tau."""
    maps = {m.tau: m for m in (*older.maps, *new.maps)}
    ordered = sorted(maps.values(), key=lambda m: Tau.parse(m.tau))
    return replace(new, maps=tuple(ordered))


def _warnings(settings: ImageSettings, mapping: ImageMapping, tally: _Tally) -> list[str]:
    grid, asked = mapping.grid, settings.bins - settings.first_code
    found = []
    if grid.levels < asked:
        found.append(f"has {grid.levels} levels, fewer than the {asked} bins: that many grey values are used")
    if tally.below or tally.above:
        outside = f"{tally.below} pixels lie below and {tally.above} above the range {grid.low:g} to {grid.high:g}"
        found.append(f"{outside}: they have its ends' grey values, and the bound does not hold for them")
    if tally.infinite:
        found.append(f"{tally.infinite} pixels are infinite: they are no data")
    return found
