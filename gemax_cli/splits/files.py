"""splits/NAME.csv and splits/NAME.json of an output folder, written atomically and checked when read back."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from gemax_cli.datasets.ids import safe_part
from gemax_cli.errors import SettingsError, SplitDamaged
from gemax_cli.paths import AnyPath
from gemax_cli.splits.model import ALGORITHM, MOST_FOLDS, MOST_ROUNDS, Assignment, Split, SplitHeader
from gemax_cli.stack.atomic import write_atomically
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.guard import NotRegular, read_regular
from gemax_cli.stack.naming import SPLITS
from gemax_cli.typed_json import from_json

COLUMNS = Assignment._fields
LONGEST_NAME = 64
AGAIN = "make the split again with gemax split --overwrite"


def check_name(name: str) -> None:
    """Raise SettingsError unless a split's name is the plain name of a file."""
    if not name or len(name) > LONGEST_NAME or name.startswith((".", "-")) or safe_part(name) != name:
        message = f"give a plain name of up to {LONGEST_NAME} letters, such as paper"
        raise SettingsError(f"split {name!r}: is no name of a file: {message}.")


def split_names(folder: OutputFolder) -> list[str]:
    """The splits that an output folder has."""
    return sorted(path.stem for path in (folder.path / SPLITS).glob("*.csv") if not path.name.startswith("."))


def csv_bytes(rows: Iterable[Assignment]) -> bytes:
    """NAME.csv of these rows."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def json_bytes(header: SplitHeader) -> bytes:
    """NAME.json."""
    return (json.dumps(asdict(header), indent=2) + "\n").encode("ascii")


def sha256(data: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()


def write_split(folder: OutputFolder, split: Split, *, overwrite: bool = False) -> None:
    """Write both files. The same split again writes nothing.

    Raises:
        SettingsError: the name is no plain name, or another split has it.
        OutputError: the folder is in use or cannot be written to.
    """
    check_name(split.name)
    written = {f"{split.name}.csv": csv_bytes(split.rows), f"{split.name}.json": json_bytes(split.header)}
    with folder.explained(), folder.locked():
        place = _place(folder)
        place.mkdir(exist_ok=True)
        there = {name: _there(place / name) for name in written}
        if there == written:
            return
        if any(data is not None for data in there.values()) and not overwrite:
            message = "is there already with other subjects or settings: give another name, or --overwrite"
            raise SettingsError(f"{place / split.name}.csv: {message}.")
        for name, data in written.items():
            write_atomically(place / name, data)


def _there(path: Path) -> bytes | None:
    """The content of a regular file; None where there is nothing. What is something else is replaced."""
    try:
        return read_regular(path)
    except FileNotFoundError:
        return None
    except NotRegular:
        return b""


def _place(folder: OutputFolder) -> Path:
    """The folder of splits; SplitDamaged where a link leads it out of the output folder."""
    place = folder.path / SPLITS
    if place.is_symlink():
        raise SplitDamaged(f"{place}: is a link that leads elsewhere: remove it.")
    return place


def read_split(out: AnyPath | OutputFolder, name: str) -> Split:
    """Read a split and check it: both files there, of their types, unchanged, each subject once per round.

    Args:
        out: a folder that ``gemax convert`` wrote.
        name: of the split.

    Raises:
        SettingsError: there is no split of this name; the message lists those that there are.
        SplitDamaged: a file is damaged, or was changed since it was written.
    """
    folder = out if isinstance(out, OutputFolder) else OutputFolder(out)
    split, problems = inspect_split(folder, name)
    for problem in problems:
        raise SplitDamaged(f"{problem}: {AGAIN}.")
    return split


def inspect_split(out: OutputFolder, name: str) -> tuple[Split, list[str]]:
    """Read a split that may have been changed since it was written; returns it and what is wrong with it.

    Raises:
        SettingsError: there is no split of this name.
        SplitDamaged: a file cannot be read at all.
    """
    check_name(name)
    place = _place(out)
    table, facts = place / f"{name}.csv", place / f"{name}.json"
    data, header = _read(out, table), _header(facts, _read(out, facts))
    rows = tuple(_rows(table, data))
    return Split(name, header, rows), list(_changes(table, data, header, rows))


def _read(out: OutputFolder, path: Path) -> bytes:
    try:
        return read_regular(path)
    except FileNotFoundError:
        there = ", ".join(split_names(out)) or "none"
        raise SettingsError(f"{path}: there is no such split ({there}): make it with gemax split.") from None
    except OSError as error:
        raise SplitDamaged(f"{path}: cannot be read ({error.strerror}): {AGAIN}.") from error


def _header(path: Path, data: bytes) -> SplitHeader:
    try:
        header = from_json(SplitHeader, json.loads(data))
    except (ValueError, RecursionError) as error:
        raise SplitDamaged(f"{path}: is damaged ({error}): {AGAIN}.") from error
    if header.algorithm > ALGORITHM:
        raise SplitDamaged(f"{path}: was made by a newer version of gemax: install that one.")
    return header


def _rows(path: Path, data: bytes) -> Iterator[Assignment]:
    text = io.StringIO(data.decode("utf-8", "surrogateescape"), newline="")
    try:
        table = csv.reader(text, strict=True)
        if tuple(next(table, ())) != COLUMNS:
            raise ValueError(f"its columns are not {','.join(COLUMNS)}")
        for cells in table:
            yield _row(cells)
    except (csv.Error, ValueError) as error:
        raise SplitDamaged(f"{path}: is damaged ({error}): {AGAIN}.") from error


def _row(cells: Sequence[str]) -> Assignment:
    if len(cells) != len(COLUMNS) or not (_is_count(cells[0], MOST_ROUNDS) and _is_count(cells[1], MOST_FOLDS)):
        raise ValueError(f"no round, fold, dataset and subject: {','.join(cells)[:80]!r}")
    return Assignment(int(cells[0]), int(cells[1]), cells[2], cells[3])


def _is_count(text: str, most: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 9 and int(text) < most


def _changes(path: Path, data: bytes, header: SplitHeader, rows: Sequence[Assignment]) -> Iterator[str]:
    if sha256(data) != header.csv_sha256:
        yield f"{path}: was changed since it was written (its SHA-256 differs)"
    seen: set[tuple[int, str, str]] = set()
    for row in rows:
        if (row.round, *row.key) in seen:
            yield f"{path}: round {row.round} has {row.dataset} {row.subject} twice"
        seen.add((row.round, *row.key))
