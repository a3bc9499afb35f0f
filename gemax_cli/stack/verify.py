"""Check an output folder against its records."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.entropy.figures import map_entropy
from gemax_cli.paths import AnyPath
from gemax_cli.stack.atomic import TEMPORARY
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.images import load_recorded
from gemax_cli.stack.records import BlockRecord, ComparisonRecord, MapRecord, ScanRecord, read_lines, record_files

ENTROPY_TOLERANCE = 1e-9  # bits; the same counts summed in another order


@dataclass(frozen=True)
class Problem:
    """A file that does not match its record.

    Attributes:
        scan_id: of the scan; "" for a file that no record names.
        file: path relative to the output folder.
        message: what is wrong.
    """

    scan_id: str
    file: str
    message: str


@dataclass(frozen=True)
class Verified:
    """What a check of a folder found.

    Attributes:
        scans: with a record.
        files: that the records name.
        problems: files that do not match their record, and damaged records.
        orphans: images that no record names, relative to the folder.
        removed: files that the repair removed, relative to the folder.
    """

    scans: int
    files: int
    problems: tuple[Problem, ...]
    orphans: tuple[str, ...]
    removed: tuple[str, ...] = ()


def verify(out: AnyPath, *, repair: bool = False) -> Verified:
    """Read every file that the records name and compare hash, pixels, valid pixels and entropy.

    Args:
        out: a folder that ``gemax convert`` wrote; it may be read-only.
        repair: remove the broken files and what killed writers left, so that ``gemax convert`` makes the scans again;
            other images that no record names are left alone.

    Raises:
        OutputError: another process writes to it, or a file cannot be removed.
    """
    folder = OutputFolder(out)
    writable = os.access(folder.path, os.W_OK)
    with folder.explained(), folder.locked() if repair or writable else nullcontext():
        verified = _verify(folder)
        return replace(verified, removed=tuple(_remove_broken(folder.path, verified))) if repair else verified


def _verify(folder: OutputFolder) -> Verified:
    out, scans = folder.path, 0
    problems = list(damaged_records(out))
    named: set[str] = set()
    for record in folder.records():
        scans += 1
        named.update(record.files)
        problems += verify_record(out, record)
    present = {path.relative_to(out).as_posix() for name in ("*.png", f"{TEMPORARY}*") for path in out.rglob(name)}
    return Verified(scans, len(named), tuple(problems), tuple(sorted(present - named)))


def damaged_records(out: Path) -> Iterator[Problem]:
    """A problem for every damaged line of the record files; ``gemax convert`` makes these scans again."""
    for path in record_files(out):
        for number, (_, line) in enumerate(read_lines(path), start=1):
            try:
                ScanRecord.from_line(line)
            except ValueError as error:
                yield Problem("", path.name, f"line {number} is damaged ({error})")


def verify_record(out: Path, record: ScanRecord) -> list[Problem]:
    """Problems of one scan's files; an empty list if there is none."""
    found = [(file, message) for block in record.blocks for file, message in _verify_block(out, block)]
    return [Problem(record.scan_id, file, message) for file, message in dict(found).items()]


def _verify_block(out: Path, block: BlockRecord) -> Iterator[tuple[str, str]]:
    codes, message = load_recorded(out / block.file, block.sha256, np.uint16)
    if codes is None:
        yield block.file, message
    elif np.count_nonzero(codes) != block.valid_pixels:
        yield block.file, f"has {np.count_nonzero(codes)} valid pixels, its record says {block.valid_pixels}"
    for m in block.all_maps:
        image, message = load_recorded(out / m.file, m.sha256, np.uint8)
        message = message or (_verify_map(m, image, codes) if image is not None and codes is not None else "")
        if message:
            yield m.file, message


def _verify_map(m: MapRecord | ComparisonRecord, image: NDArray[np.uint8], codes: NDArray[np.uint16]) -> str:
    grey = image if m.channel is None else image[..., m.channel]
    if grey.shape != codes.shape:
        return f"is {grey.shape}, its depth image {codes.shape}"
    bits = map_entropy(grey, codes > 0)
    if abs(bits - m.entropy) > ENTROPY_TOLERANCE:
        return f"has an entropy of {bits:.6f} bits, its record says {m.entropy:.6f}"
    return ""


def _remove_broken(out: Path, verified: Verified) -> Iterator[str]:
    leftovers = [file for file in verified.orphans if file.rpartition("/")[2].startswith(TEMPORARY)]
    for file in (*dict.fromkeys(problem.file for problem in verified.problems if problem.scan_id), *leftovers):
        if (out / file).is_file():
            (out / file).unlink()
            yield file
