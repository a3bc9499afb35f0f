"""Whether an output folder is what its records say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.entropy.figures import map_entropy
from gemax_cli.stack.png import TEMPORARY, read_png
from gemax_cli.stack.records import (
    BlockRecord,
    ComparisonRecord,
    MapRecord,
    ScanRecord,
    read_lines,
    read_records,
    record_files,
)

ENTROPY_TOLERANCE = 1e-9  # bits; the same counts summed in another order


@dataclass(frozen=True)
class Problem:
    """A file that is not what its record says.

    Attributes:
        scan: identity of the scan; "" for a file that no record names.
        file: path relative to the output folder.
        message: what is wrong.
    """

    scan: str
    file: str
    message: str


@dataclass(frozen=True)
class Verified:
    """What a check of a folder found; ``orphans`` are images that no record names."""

    scans: int
    files: int
    problems: tuple[Problem, ...]
    orphans: tuple[str, ...]


def verify_folder(out: Path | str) -> Verified:
    """Read every file that the records name and compare hash, pixels, valid pixels and entropy."""
    out, scans = Path(out), 0
    problems: list[Problem] = []
    named: set[str] = set()
    problems += damaged_records(out)
    for record in read_records(out):
        scans += 1
        named.update(record.files)
        problems += verify_record(out, record)
    present = {path.relative_to(out).as_posix() for path in out.rglob("*.png")}
    present |= {path.relative_to(out).as_posix() for path in out.rglob(f"{TEMPORARY}*")}
    return Verified(scans, len(named), tuple(problems), tuple(sorted(present - named)))


def damaged_records(out: Path) -> Iterator[Problem]:
    """A problem for every line of the record files that is no record; ``gemax convert`` makes such scans again."""
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
    codes, message = load_recorded(out / block.file, block.sha256, np.dtype(np.uint16))
    if codes is None:
        yield block.file, message
    elif np.count_nonzero(codes) != block.valid_pixels:
        yield block.file, f"has {np.count_nonzero(codes)} valid pixels, its record says {block.valid_pixels}"
    for m in block.all_maps:
        image, message = load_recorded(out / m.file, m.sha256, np.dtype(np.uint8))
        message = message or (_verify_map(m, image, codes) if image is not None and codes is not None else "")
        if message:
            yield m.file, message


def load_recorded(path: Path, sha256: str, dtype: np.dtype[Any]) -> tuple[NDArray[Any] | None, str]:
    """The pixels of a file that is what its record says and "", or None and what is wrong."""
    if not path.is_file():
        return None, "is missing"
    try:
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            return None, "is not the file that was written (its SHA-256 differs)"
        image = read_png(path)
    except (OSError, ValueError, SyntaxError) as error:
        return None, f"cannot be read ({error})"
    return (image, "") if image.dtype == dtype else (None, f"holds {image.dtype}, not {dtype}")


def _verify_map(m: MapRecord | ComparisonRecord, image: NDArray[np.uint8], codes: NDArray[np.uint16]) -> str:
    grey = image if m.channel is None else image[..., m.channel]
    if grey.shape != codes.shape:
        return f"is {grey.shape}, its depth image {codes.shape}"
    bits = map_entropy(grey, codes > 0)
    if abs(bits - m.entropy) > ENTROPY_TOLERANCE:
        return f"has an entropy of {bits:.6f} bits, its record says {m.entropy:.6f}"
    return ""


def remove_broken(out: Path | str, verified: Verified) -> list[str]:
    """Remove the broken files and what killed writers left, so that ``gemax convert`` makes the scans again.

    Returns:
        the files removed, relative to the output folder. Other images that no record names are left alone.
    """
    leftovers = [file for file in verified.orphans if file.rpartition("/")[2].startswith(TEMPORARY)]
    files = [*dict.fromkeys(problem.file for problem in verified.problems if problem.scan), *leftovers]
    removed = [file for file in files if (Path(out) / file).is_file()]
    for file in removed:
        (Path(out) / file).unlink()
    return removed
