"""Check an output folder against its records."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.entropy.figures import map_entropy
from gemax_cli.errors import UnsafePath
from gemax_cli.paths import AnyPath, AnyPaths, as_paths
from gemax_cli.stack.atomic import TEMPORARY
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.guard import Guard, check_own_files
from gemax_cli.stack.images import load_recorded
from gemax_cli.stack.naming import DEPTH16
from gemax_cli.stack.records import BlockRecord, ComparisonRecord, MapRecord, ScanRecord
from gemax_cli.stack.state import find_source, source_changes
from gemax_cli.stack.tables import TableParts, landmarks_table, metadata_table

ENTROPY_TOLERANCE = 1e-9  # bits; the same counts summed in another order


@dataclass(frozen=True)
class Problem:
    """A file that is not what was recorded.

    Attributes:
        scan_id: of the scan; "" for a file that no record names.
        file: path relative to the output folder; of a raw file its source.
        message: what is wrong.
        is_image: whether it is an image of an undamaged record, which a repair may remove.
    """

    scan_id: str
    file: str
    message: str
    is_image: bool = False


@dataclass(frozen=True)
class Verified:
    """What a check of a folder found.

    Attributes:
        scans: with a record.
        files: that the records name.
        problems: files that do not match their record, damaged records, and raw files that changed.
        unfinished: tables that are not what the records say, and depth images without a record: a run was killed, or
            something was lost. ``gemax convert`` makes them again.
        orphans: other images that no record names, relative to the folder.
        removed: files that the repair removed, relative to the folder.
    """

    scans: int
    files: int
    problems: tuple[Problem, ...]
    orphans: tuple[str, ...]
    removed: tuple[str, ...] = ()
    unfinished: tuple[Problem, ...] = ()


def verify(out: AnyPath, *, sources: AnyPaths | None = None, repair: bool = False) -> Verified:
    """Read every file that the records name and compare hash, pixels, valid pixels and entropy; check the tables.

    Args:
        out: a folder that ``gemax convert`` wrote; it may be read-only.
        sources: the raw data, as ``gemax convert`` got it; their SHA-256 is compared with the recorded one. None does
            not look at them.
        repair: remove the broken images and what killed writers left, so that ``gemax convert`` makes the scans again.
            Only a regular file of a name that gemax gives, in the folder of an undamaged record, is removed.

    Raises:
        OutputError: another process writes to it, a file cannot be removed, or a file of gemax is a link or pipe.
    """
    folder = OutputFolder(out)
    writable = os.access(folder.path, os.W_OK)
    check_own_files(folder.path)
    with folder.explained(), folder.locked() if repair else nullcontext():
        if writable and not repair:
            folder.check_free()
        verified = _verify(folder, [] if sources is None else as_paths(sources))
        return replace(verified, removed=tuple(_remove_broken(folder, verified))) if repair else verified


def _verify(folder: OutputFolder, sources: Sequence[Path]) -> Verified:
    scans = 0
    problems = [Problem("", file, message) for file, message in folder.damaged_lines()]
    named, parts = set[str](), TableParts()
    for record in parts.gathered(folder.records()):
        scans += 1
        named.update(record.files)
        problems += verify_record(folder.guard, record)
        problems += _verify_source(record, sources)
    present = set(images_below(folder.path)) - named
    lost = {file for file in present if file.rpartition("/")[2] == DEPTH16}
    unfinished = [Problem("", file, "has no record: convert its scan again") for file in sorted(lost)]
    if scans:
        unfinished += _stale_tables(folder, parts)
    return Verified(scans, len(named), tuple(problems), tuple(sorted(present - lost)), unfinished=tuple(unfinished))


def images_below(out: Path, suffixes: tuple[str, ...] = (".png",)) -> Iterator[str]:
    """Yield images and temporary files, relative to the folder; linked folders are not entered."""
    for place, _, names in os.walk(out):
        for name in names:
            if name.endswith(suffixes) or name.startswith(TEMPORARY):
                yield Path(place, name).relative_to(out).as_posix()


def _stale_tables(folder: OutputFolder, parts: TableParts) -> Iterator[Problem]:
    for table in (metadata_table(folder.records(), parts), landmarks_table(folder.records())):
        if message := table.difference(folder.path):
            yield Problem("", table.name, f"{message}: run gemax convert again")


def _verify_source(record: ScanRecord, sources: Sequence[Path]) -> Iterator[Problem]:
    if not sources:
        return
    raw = find_source(record.source, sources)
    if raw is None:
        yield Problem(record.scan_id, record.source, "is in none of the sources")
        return
    for name in source_changes(record, raw):
        yield Problem(record.scan_id, record.source, f"{name} is not the file that was read (its SHA-256 differs)")


def verify_record(guard: Guard, record: ScanRecord) -> list[Problem]:
    """Problems of one scan's files; an empty list if there is none."""
    found = [(file, message) for block in record.blocks for file, message in _verify_block(guard, block)]
    return [Problem(record.scan_id, file, message, is_image=True) for file, message in dict(found).items()]


def _verify_block(guard: Guard, block: BlockRecord) -> Iterator[tuple[str, str]]:
    codes, message = _load(guard, block.file, block.sha256, np.uint16)
    if codes is None:
        yield block.file, message
    elif np.count_nonzero(codes) != block.valid_pixels:
        yield block.file, f"has {np.count_nonzero(codes)} valid pixels, its record says {block.valid_pixels}"
    for m in block.all_maps:
        image, message = _load(guard, m.file, m.sha256, np.uint8)
        message = message or (_verify_map(m, image, codes) if image is not None and codes is not None else "")
        if message:
            yield m.file, message
    for extra in block.extras:
        image, message = _load(guard, extra.file, extra.sha256, np.uint8)
        if image is not None and codes is not None and image.shape[:2] != codes.shape:
            message = f"is {image.shape}, its depth image {codes.shape}"
        if message:
            yield extra.file, message


def _load(guard: Guard, file: str, sha256: str, dtype: type[np.generic]) -> tuple[NDArray[Any] | None, str]:
    try:
        return load_recorded(guard.path(file), sha256, dtype)
    except UnsafePath as error:
        return None, f"is not looked at ({error})"


def _verify_map(m: MapRecord | ComparisonRecord, image: NDArray[np.uint8], codes: NDArray[np.uint16]) -> str:
    grey = image if m.channel is None else image[..., m.channel]
    if grey.shape != codes.shape:
        return f"is {grey.shape}, its depth image {codes.shape}"
    bits = map_entropy(grey, codes > 0)
    if abs(bits - m.entropy) > ENTROPY_TOLERANCE:
        return f"has an entropy of {bits:.6f} bits, its record says {m.entropy:.6f}"
    return ""


def _remove_broken(folder: OutputFolder, verified: Verified) -> Iterator[str]:
    """Remove the broken images and leftovers; yields what was removed."""
    leftovers = [file for file in verified.orphans if file.rpartition("/")[2].startswith(TEMPORARY)]
    broken = dict.fromkeys(problem.file for problem in verified.problems if problem.is_image)
    for file in (*filter(folder.guard.has_file, broken), *leftovers):
        (folder.path / file).unlink()
        yield file
