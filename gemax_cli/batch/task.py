"""One task of a batch: convert a scan, or add maps to one, and write its files. Runs in a worker."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.batch.model import Outcome, Task, failure_of, is_disk_full, writing
from gemax_cli.batch.plan import lacks_surface
from gemax_cli.face.landmarks import PixelLandmark
from gemax_cli.face.model import DepthBlock, NoseTip
from gemax_cli.face.texture import FILTER, SPACE, Texture
from gemax_cli.maps.model import ComparisonMap
from gemax_cli.maps.registry import COMPARISONS, channels_of
from gemax_cli.pipeline import (
    ConvertedScan,
    CutScan,
    GemaxMap,
    MappedBlock,
    Stopwatch,
    compare_maps,
    convert_scan,
    cut_scan,
    make_maps,
    mask_of,
)
from gemax_cli.scans.model import Companion
from gemax_cli.scans.read import files_beside, read_scan
from gemax_cli.settings import StackMode
from gemax_cli.stack.atomic import remove_temporaries, write_atomically
from gemax_cli.stack.guard import Guard, read_regular
from gemax_cli.stack.naming import CHANNELS, DEPTH16, MASK, TEXTURE, block_folder, comparison_name, map_name, rgb_groups
from gemax_cli.stack.png import encode_png, read_png
from gemax_cli.stack.records import (
    Affine,
    BlockRecord,
    CompanionRecord,
    ComparisonRecord,
    MapRecord,
    MaskRecord,
    NoseRecord,
    PoseRecord,
    ScanRecord,
    TextureRecord,
    pack_cuts,
)
from gemax_cli.stack.state import stamp_of, stat_of

LANDMARK_DECIMALS = 4  # of pixels and mm: a ten-thousandth of either
Seconds = dict[str, float]
"""Per stage of a conversion."""

# glibc returns freed memory to the system, which clears 1,200 to 1,600 pages again for every next scan: 15 to 20 % of
# its time. glibc keeps up to twice the size of the largest block freed so far (blocks above 32 MB do not count), so
# free a large one. It is never written to, so it takes no memory. Other C libraries are not affected.
np.empty(24 << 20, np.uint8)


def run_task(task: Task) -> Outcome:
    """Do one task; never raises, because one failed scan must not end the batch."""
    if task.failure:
        return Outcome(task.ref.scan_id, failure=task.failure)
    before = {path: stat_of(path) for path in (task.ref.path, *files_beside(task.ref.path))}
    try:
        record, seconds = add_maps(task, _with_frame(task, task.older)) if task.older else convert_and_write(task)
        return _success(task, record, seconds, "" if task.older else stamp_of(record, task.ref.path, before))
    except Exception as error:
        failure = failure_of(task.ref.path, task.ref.source, error)
        return Outcome(task.ref.scan_id, failure=failure, disk_full=is_disk_full(error))


def _with_frame(task: Task, older: ScanRecord) -> ScanRecord:
    """A record with the scan's place in its sequence, which earlier versions did not note."""
    return replace(older, frame=task.ref.frame) if task.ref.frame else older


def _peak_bytes() -> int | None:
    """Peak memory of this process, bytes; None where the system does not report it (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _success(task: Task, record: ScanRecord, seconds: Seconds, stamp: str) -> Outcome:
    outcome = Outcome(task.ref.scan_id, record.to_line(), warnings=record.warnings, stamp=stamp, seconds=seconds)
    return replace(outcome, peak_bytes=_peak_bytes(), unmapped=task.settings.mapping != "scan")


def convert_and_write(task: Task) -> tuple[ScanRecord, Seconds]:
    """Convert the scan of a task and write its files; returns its record and the seconds per stage.

    Raises:
        ScanError: it cannot be converted.
        WriteFailed: a file cannot be written.
    """
    converted, writer = convert_scan(task.ref.path, task.settings, task.placement), ImageWriter(Guard(task.out))
    record = write_scan(task, converted, writer)
    return record, {**converted.seconds, **writer.watch.seconds}


def write_scan(task: Task, converted: ConvertedScan, writer: ImageWriter) -> ScanRecord:
    """Write all files of a converted scan and return its record.

    Raises:
        WriteFailed: a file cannot be written.
    """
    many = len(task.settings.depths) > 1
    blocks = tuple(_write_block(task, writer, mapped, many) for mapped in converted.blocks)
    ref, pose = task.ref, converted.pose
    return ScanRecord(
        scan_id=ref.scan_id,
        name=ref.name,
        source=ref.source,
        source_bytes=converted.source_bytes,
        source_sha256=converted.source_sha256,
        settings=task.settings.digest,
        nose=_nose_record(converted.nose),
        pose=PoseRecord(pose.yaw, pose.pitch, pose.roll, converted.aligned) if pose else None,
        counts=converted.counts,
        blocks=blocks,
        warnings=converted.warnings,
        companions=_companions(converted.companions),
        texture=converted.texture_source,
        frame=ref.frame,
        placement=task.placement,
    )


def _companions(files: Iterable[Companion]) -> tuple[CompanionRecord, ...]:
    return tuple(CompanionRecord(file.name, file.fingerprint.size, file.fingerprint.sha256) for file in files)


@dataclass(frozen=True)
class ImageWriter:
    """Write images into the output folder and measure the time."""

    guard: Guard
    watch: Stopwatch = field(default_factory=Stopwatch)

    def put(self, file: str, image: NDArray[Any]) -> str:
        """Write one image; returns the SHA-256 of the file."""
        with self.watch.stage("encode"):
            data = encode_png(image)
        with self.watch.stage("write"):
            return write_atomically(self.guard.path(file), data, sync=False)  # the batch syncs before it records them

    def make_folder(self, place: str) -> None:
        """Create a folder and remove temporary files of killed runs from it."""
        with self.watch.stage("write"):
            folder = self.guard.folder(place)
            folder.mkdir(parents=True, exist_ok=True)
            remove_temporaries(folder)


def _nose_record(nose: NoseTip) -> NoseRecord:
    runner_up = None if nose.runner_up is None else _floats(nose.runner_up)
    return NoseRecord(*_floats(nose.position), nose.source, float(nose.confidence), runner_up)


def _floats(point: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(point[0]), float(point[1]), float(point[2])


def _write_block(task: Task, writer: ImageWriter, mapped: MappedBlock, many: bool) -> BlockRecord:
    place = block_folder(task.ref.scan_id, mapped.depth_mm, many)
    file = f"{place}/{DEPTH16}"
    with writing(task.out / place):
        writer.make_folder(place)
        digest = writer.put(file, mapped.depth16)
        maps = _write_maps(writer, task.settings.stack, place, mapped.maps)
        comparisons = _write_comparisons(writer, place, mapped.comparisons)
        texture = _write_texture(writer, place, mapped.depth16, mapped.texture)
        mask = _write_mask(writer, place, mapped.mask)
    return BlockRecord(
        depth_mm=mapped.depth_mm,
        mm_per_pixel=mapped.mm_per_pixel,
        pixel_to_raw=_affine(mapped.pixel_to_raw),
        valid_pixels=int(np.count_nonzero(mapped.depth16)),
        counts=mapped.counts,
        file=file,
        sha256=digest,
        maps=maps,
        comparisons=comparisons,
        texture=texture,
        mask=mask,
        landmarks={mark.name: _landmark(mark) for mark in mapped.landmarks},
    )


def _landmark(mark: PixelLandmark) -> tuple[float, float, float, bool]:
    column, row, depth = (round(value, LANDMARK_DECIMALS) for value in (mark.column, mark.row, mark.depth))
    return column, row, depth, mark.visible


def _affine(matrix: NDArray[np.float64]) -> Affine:
    rows = [(row[0], row[1], row[2], row[3]) for row in matrix.tolist()]
    return rows[0], rows[1], rows[2]


def _write_maps(writer: ImageWriter, stack: StackMode, place: str, maps: tuple[GemaxMap, ...]) -> tuple[MapRecord, ...]:
    by_tau = {m.tau: m for m in maps}
    if stack == "files":
        return tuple(_write_map(writer, place, m) for m in maps)
    groups = rgb_groups(sorted(by_tau))
    return tuple(record for group in groups for record in _write_rgb(writer, place, [by_tau[tau] for tau in group]))


def _write_map(writer: ImageWriter, place: str, m: GemaxMap) -> MapRecord:
    file = f"{place}/{map_name([m.tau])}"
    return _map_record(m, file, None, writer.put(file, m.image))


def _write_rgb(writer: ImageWriter, place: str, group: list[GemaxMap]) -> list[MapRecord]:
    """Write one RGB image of up to three maps; a shorter group repeats its last map."""
    file = f"{place}/{map_name([m.tau for m in group])}"
    channels = [group[min(i, len(group) - 1)].image for i in range(CHANNELS)]
    digest = writer.put(file, np.stack(channels, axis=-1))
    return [_map_record(m, file, channel, digest) for channel, m in enumerate(group)]


def _map_record(m: GemaxMap, file: str, channel: int | None, digest: str) -> MapRecord:
    return MapRecord(m.tau, file, channel, m.entropy, m.max_bin, pack_cuts(m.cuts), digest)


def _write_comparisons(
    writer: ImageWriter, place: str, maps: tuple[ComparisonMap, ...]
) -> tuple[ComparisonRecord, ...]:
    return tuple(record for m in maps for record in _write_comparison(writer, f"{place}/{comparison_name(m.name)}", m))


def _write_comparison(writer: ImageWriter, file: str, m: ComparisonMap) -> list[ComparisonRecord]:
    digest, grey = writer.put(file, m.image), len(m.channels) == 1
    return [
        ComparisonRecord(name, file, None if grey else channel, m.entropy[channel], m.convention, digest)
        for channel, name in enumerate(m.channels)
    ]


def _write_texture(
    writer: ImageWriter, place: str, depth16: NDArray[np.uint16], texture: Texture | None
) -> TextureRecord | None:
    if texture is None:
        return None
    file, pixels = f"{place}/{TEXTURE}", int(np.count_nonzero(texture.textured))
    digest = writer.put(file, texture.image)
    return TextureRecord(file, pixels, int(np.count_nonzero(depth16)) - pixels, FILTER, SPACE, digest)


def _write_mask(writer: ImageWriter, place: str, mask: NDArray[np.uint8] | None) -> MaskRecord | None:
    return None if mask is None else MaskRecord(f"{place}/{MASK}", writer.put(f"{place}/{MASK}", mask))


def add_maps(task: Task, older: ScanRecord) -> tuple[ScanRecord, Seconds]:
    """Add what a record lacks: maps, made from its depth16.png; texture and mask, from the scan. The rest stays.

    Returns:
        The record, and the seconds per stage where all of the scan had to be converted again.

    Raises:
        WriteFailed: a file cannot be written.
        ScanError: the scan must be read, for its texture or because depth16.png changed, and cannot be.
    """
    guard = Guard(task.out)
    if task.placement != older.placement or any(
        _changed(guard.path(block.file), block.sha256) for block in older.blocks
    ):
        return convert_and_write(task)
    if not lacks_surface(older, task.settings):
        return replace(older, blocks=tuple(_extended(task, block) for block in older.blocks)), {}
    scan = read_scan(task.ref.path, task.settings.camera, task.settings.nose.unit)
    cut = cut_scan(scan, task.settings, Stopwatch(), task.placement)
    if not _same_blocks(guard, older, cut):
        return convert_and_write(task)
    return _with_surface(task, older, cut), {}


def _same_blocks(guard: Guard, older: ScanRecord, cut: CutScan) -> bool:
    """Whether a scan was cut as its record says: from the same bytes, into the same codes."""
    return cut.fingerprint.sha256 == older.source_sha256 and all(
        np.array_equal(read_png(guard.path(block.file)), own.depth16)
        for block, own in zip(older.blocks, cut.blocks, strict=True)
    )


def _with_surface(task: Task, older: ScanRecord, cut: CutScan) -> ScanRecord:
    """A record with all that the settings ask for; the files are written."""
    each = zip(older.blocks, cut.blocks, cut.textures, strict=True)
    blocks = tuple(_with_extras(task, _extended(task, block), own, texture) for block, own, texture in each)
    if not cut.texture_source:
        return replace(older, blocks=blocks)
    return replace(
        older,
        blocks=blocks,
        warnings=cut.warnings,
        companions=_companions(cut.companions),
        texture=cut.texture_source,
    )


def _with_extras(task: Task, block: BlockRecord, own: DepthBlock, texture: Texture | None) -> BlockRecord:
    """A block's record with the texture and mask that it lacks; their files are written."""
    writer, place = ImageWriter(Guard(task.out)), block.file.rpartition("/")[0]
    mask = mask_of(own) if task.settings.mask and block.mask is None else None
    with writing(task.out / place):
        return replace(
            block,
            texture=block.texture or _write_texture(writer, place, own.depth16, texture),
            mask=block.mask or _write_mask(writer, place, mask),
        )


def _changed(path: Path, sha256: str) -> bool:
    try:
        return hashlib.sha256(read_regular(path)).hexdigest() != sha256
    except OSError:
        return True


def _extended(task: Task, block: BlockRecord) -> BlockRecord:
    settings, guard = task.settings, Guard(task.out)
    present = {m.tau for m in block.maps}
    taus = tuple(tau for tau in settings.own_taus if tau not in present)
    channels = {m.name for m in block.comparisons}
    names = tuple(name for name in settings.own_maps if not channels.issuperset(COMPARISONS[name].channels))
    codes = read_png(guard.path(block.file))
    maps = make_maps(codes, taus, settings.quantisation)
    compared = compare_maps(codes, block.depth_mm, block.mm_per_pixel, names, settings.quantisation)
    return with_maps(guard, settings.stack, block, [maps], compared)


def with_maps(
    guard: Guard,
    stack: StackMode,
    block: BlockRecord,
    maps: Iterable[tuple[GemaxMap, ...]],
    comparisons: tuple[ComparisonMap, ...],
) -> BlockRecord:
    """Write more maps into the folder of a block and return its record with them.

    Args:
        guard: of the output folder.
        stack: whether the maps of three tau share an RGB image.
        block: as it was.
        maps: groups of GEMax maps; those of one group may share an image.
        comparisons: comparison maps.

    Raises:
        WriteFailed: a file cannot be written.
    """
    writer, place = ImageWriter(guard), block.file.rpartition("/")[0]
    with writing(guard.out / place):
        writer.make_folder(place)
        added = [record for group in maps for record in _write_maps(writer, stack, place, group)]
        others = _write_comparisons(writer, place, comparisons)
    return replace(
        block,
        maps=tuple(sorted((*block.maps, *added), key=lambda m: m.tau)),
        comparisons=_in_order((*block.comparisons, *others)),
    )


def _in_order(records: tuple[ComparisonRecord, ...]) -> tuple[ComparisonRecord, ...]:
    """Channels of comparison maps in the order of ``maps.registry.COMPARISONS``."""
    order = channels_of(tuple(COMPARISONS))
    return tuple(sorted(records, key=lambda m: order.index(m.name)))
