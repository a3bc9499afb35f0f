"""The scans of one fold: as records, and as rows of metadata.csv."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from gemax_cli.errors import OutputError, SubjectMissing
from gemax_cli.paths import AnyPath
from gemax_cli.splits.files import read_split
from gemax_cli.splits.kept import kept_scans
from gemax_cli.splits.model import Part, Split, SubjectKey
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.guard import open_regular
from gemax_cli.stack.naming import METADATA
from gemax_cli.stack.records import ScanRecord

Scans = Mapping[SubjectKey, tuple[ScanRecord, ...]]


def scans_of_split(folder: OutputFolder, split: Split, round_number: int | None = None) -> Scans:
    """The scans that a split keeps of every subject that a round picks; None for all rounds together.

    Raises:
        SettingsError: there is no such round.
        SubjectMissing: the folder has no scan of a picked subject; the message names the subject.
    """
    rounds = split.rounds if round_number is None else (round_number,)
    picked = {key for number in rounds for key in split.fold_of(number)}
    there = kept_scans(folder.records(), split.header.keeps)
    missing = sorted(picked - there.keys())
    if missing:
        names = ", ".join("/".join(key) for key in missing[:10]) + (" ..." if len(missing) > 10 else "")
        raise SubjectMissing(
            f"{folder.path}: split {split.name} needs {names}, of whom the folder has no scan that it keeps: "
            "convert these subjects, or make another split."
        )
    return {key: scans for key, scans in there.items() if key in picked}


def part_scans(folder: OutputFolder, split: Split, round_number: int, fold: int, part: Part) -> list[ScanRecord]:
    """The scans of one side of a fold, by dataset and subject, then in natural order.

    Raises:
        SettingsError: there is no such round or fold.
        SubjectMissing: the folder has no scan of a picked subject.
    """
    wanted = split.subjects(round_number, fold, part)
    scans = scans_of_split(folder, split, round_number)
    return [scan for key, own in scans.items() if key in wanted for scan in own]


def split_rows(
    out: AnyPath, name: str, round_number: int = 0, fold: int = 0, part: Part = "train"
) -> list[dict[str, str]]:
    """The rows of metadata.csv of one side of a fold, in the table's order, a row per scan and depth.

    Args:
        out: a folder that ``gemax convert`` wrote.
        name: of a split in it.
        round_number: number of the round.
        fold: the fold that is tested.
        part: "train" or "test".

    Raises:
        SettingsError: there is no such split, round or fold.
        SplitDamaged: the split's files are damaged or changed.
        SubjectMissing: the folder has no scan of a picked subject.
        OutputError: metadata.csv is missing, damaged, or older than the records.
    """
    folder = OutputFolder(out)
    wanted = {scan.scan_id for scan in part_scans(folder, read_split(folder, name), round_number, fold, part)}
    rows = [row for row in metadata(folder.path / METADATA) if row["scan"] in wanted]
    if lost := wanted - {row["scan"] for row in rows}:
        raise OutputError(
            f"{folder.path / METADATA}: lacks {min(lost)} and {len(lost) - 1} more: run gemax convert again."
        )
    return rows


def metadata(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a metadata.csv.

    Raises:
        OutputError: it is missing or damaged.
    """
    try:
        with io.TextIOWrapper(open_regular(path), newline="", encoding="utf-8", errors="surrogateescape") as text:
            table = csv.DictReader(text, strict=True, restval="", restkey="")
            if "scan" not in (table.fieldnames or ()):
                raise OutputError(f"{path}: has no column scan: run gemax convert again.")
            yield from table
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"{path}: cannot be read ({reason}): run gemax convert again.") from error
