"""Check a folder of mapped images against its records."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from gemax_cli.entropy.figures import entropy_bits
from gemax_cli.errors import ScanError
from gemax_cli.images.maps import grey_counts, open_map, open_recorded, recorded_path
from gemax_cli.images.records import ImageMapRecord, ImageRecord, read_image_records
from gemax_cli.images.table import image_table
from gemax_cli.scans.raw_file import sha256_of
from gemax_cli.stack.atomic import TEMPORARY
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.guard import check_own_files
from gemax_cli.stack.naming import METADATA
from gemax_cli.stack.records import damaged_lines, record_files
from gemax_cli.stack.state import find_source
from gemax_cli.stack.verify import ENTROPY_TOLERANCE, Problem, Verified, images_below


def verify_images(folder: OutputFolder, sources: Sequence[Path] = (), *, repair: bool = False) -> Verified:
    """Read every file that the records name and compare hash, size, valid pixels, entropy.

    Args:
        folder: of ``gemax map``; it may be read-only.
        sources: the images, as ``gemax map`` got them; their SHA-256 is compared with the recorded one.
        repair: remove the broken files and what killed writers left, so that ``gemax map`` makes the images again;
            other images that no record names are left alone.

    Raises:
        OutputError: another process writes to it, or a file cannot be removed.
    """
    writable = os.access(folder.path, os.W_OK)
    check_own_files(folder.path)
    with folder.explained(), folder.locked() if repair else nullcontext():
        if writable and not repair:
            folder.check_free()
        verified = _verify(folder.path, sources)
        return replace(verified, removed=tuple(_remove_broken(folder, verified))) if repair else verified


def _verify(out: Path, sources: Sequence[Path]) -> Verified:
    problems, named, records = list(_damaged_records(out)), set[str](), list(read_image_records(out))
    for record in records:
        named.update(record.files)
        problems += _verify_record(out, record)
        problems += _verify_source(record, sources)
    message = image_table(records).difference(out) if records else ""
    stale = (Problem("", METADATA, f"{message}: run gemax map again"),) if message else ()
    orphans = tuple(sorted(set(images_below(out, (".png", ".tif"))) - named))
    return Verified(len(records), len(named), tuple(problems), orphans, unfinished=stale)


def _verify_source(record: ImageRecord, sources: Sequence[Path]) -> Iterator[Problem]:
    if not sources:
        return
    raw = find_source(record.source, sources)
    if raw is None:
        yield Problem(record.image_id, record.source, "is in none of the sources")
    elif sha256_of(raw) != record.source_sha256:
        yield Problem(record.image_id, record.source, "is not the file that was read (its SHA-256 differs)")


def _damaged_records(out: Path) -> Iterator[Problem]:
    for path in record_files(out):
        for number, message in damaged_lines(path, ImageRecord.from_line):
            yield Problem("", path.name, f"line {number} {message}")


def _verify_record(out: Path, record: ImageRecord) -> Iterator[Problem]:
    mask = record.mask
    try:
        if mask:
            open_recorded(out, record, mask.file, mask.sha256)
    except ScanError as error:
        yield Problem(record.image_id, mask.file if mask else "", error.message, is_image=True)
        return
    for m in record.maps:
        try:
            message = _verify_map(out, record, m)
        except ScanError as error:
            message = error.message
        if message:
            yield Problem(record.image_id, m.file, message, is_image=True)


def _verify_map(out: Path, record: ImageRecord, m: ImageMapRecord) -> str:
    counts = grey_counts(open_map(out, record, m))
    if counts.sum() != record.counts["valid"]:
        return f"has {counts.sum()} pixels with data, its record says {record.counts['valid']}"
    if abs(entropy_bits(counts) - m.entropy) > ENTROPY_TOLERANCE:
        return f"has an entropy of {entropy_bits(counts):.6f} bits, its record says {m.entropy:.6f}"
    return ""


def _remove_broken(folder: OutputFolder, verified: Verified) -> Iterator[str]:
    """Remove broken images that lie behind no link, and leftovers; yields what was removed."""
    broken = dict.fromkeys(problem.file for problem in verified.problems if problem.is_image)
    leftovers = [file for file in verified.orphans if file.rpartition("/")[2].startswith(TEMPORARY)]
    for file in (*broken, *leftovers):
        with suppress(ScanError):
            recorded_path(folder.guard, file).unlink()
            yield file
