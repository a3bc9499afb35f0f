"""Check a folder of mapped images against its records."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from gemax_cli.entropy.figures import entropy_bits
from gemax_cli.errors import ScanError
from gemax_cli.images.maps import grey_counts, open_map, open_recorded
from gemax_cli.images.records import ImageMapRecord, ImageRecord, read_image_records
from gemax_cli.stack.atomic import TEMPORARY
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.records import read_lines, record_files
from gemax_cli.stack.verify import ENTROPY_TOLERANCE, Problem, Verified

_IMAGES = ("*.png", "*.tif", f"{TEMPORARY}*")


def verify_images(folder: OutputFolder, *, repair: bool = False) -> Verified:
    """Read every file that the records name and compare hash, size, valid pixels, entropy.

    Args:
        folder: of ``gemax map``; it may be read-only.
        repair: remove the broken files and what killed writers left, so that ``gemax map`` makes the images again;
            other images that no record names are left alone.

    Raises:
        OutputError: another process writes to it, or a file cannot be removed.
    """
    writable = os.access(folder.path, os.W_OK)
    with folder.explained(), folder.locked() if repair or writable else nullcontext():
        verified = _verify(folder.path)
        return replace(verified, removed=tuple(_remove_broken(folder.path, verified))) if repair else verified


def _verify(out: Path) -> Verified:
    images, problems, named = 0, list(_damaged_records(out)), set[str]()
    for record in read_image_records(out):
        images += 1
        named.update(record.files)
        problems += _verify_record(out, record)
    present = {path.relative_to(out).as_posix() for name in _IMAGES for path in out.rglob(name)}
    return Verified(images, len(named), tuple(problems), tuple(sorted(present - named)))


def _damaged_records(out: Path) -> Iterator[Problem]:
    for path in record_files(out):
        for number, (_, line) in enumerate(read_lines(path), start=1):
            try:
                ImageRecord.from_line(line)
            except ValueError as error:
                yield Problem("", path.name, f"line {number} is damaged ({error})")


def _verify_record(out: Path, record: ImageRecord) -> Iterator[Problem]:
    mask = record.mask
    try:
        if mask:
            open_recorded(out, record, mask.file, mask.sha256)
    except ScanError as error:
        yield Problem(record.image_id, mask.file if mask else "", error.message)
        return
    for m in record.maps:
        try:
            message = _verify_map(out, record, m)
        except ScanError as error:
            message = error.message
        if message:
            yield Problem(record.image_id, m.file, message)


def _verify_map(out: Path, record: ImageRecord, m: ImageMapRecord) -> str:
    counts = grey_counts(open_map(out, record, m))
    if counts.sum() != record.counts["valid"]:
        return f"has {counts.sum()} pixels with data, its record says {record.counts['valid']}"
    if abs(entropy_bits(counts) - m.entropy) > ENTROPY_TOLERANCE:
        return f"has an entropy of {entropy_bits(counts):.6f} bits, its record says {m.entropy:.6f}"
    return ""


def _remove_broken(out: Path, verified: Verified) -> Iterator[str]:
    """Remove the files of problems and temporaries, if they lie in the folder itself and behind no link."""
    leftovers = [file for file in verified.orphans if file.rpartition("/")[2].startswith(TEMPORARY)]
    inside = out.resolve()
    for file in (*dict.fromkeys(problem.file for problem in verified.problems if problem.scan_id), *leftovers):
        path = out / file
        if path.is_file() and path.parent.resolve() == (inside / file).parent:
            path.unlink()
            yield file
