"""What the last run saw, so that the next one need not read it again. The file may be removed at any time."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path, PurePosixPath

from gemax_cli.errors import ScanError
from gemax_cli.scans.model import NO_FILE
from gemax_cli.scans.raw_file import open_raw
from gemax_cli.scans.read import files_beside
from gemax_cli.stack.atomic import write_atomically
from gemax_cli.stack.guard import open_regular, read_regular
from gemax_cli.stack.naming import STATE, TABLES
from gemax_cli.stack.records import ScanRecord, record_files
from gemax_cli.typed_json import from_json

Stat = tuple[int, int]
"""Size in bytes and time of modification in nanoseconds."""
ABSENT: Stat = (0, 0)
CHUNK = 1 << 20


@dataclass(frozen=True)
class State:
    """The state of a folder after a run.

    Attributes:
        tables: digest of the records and of the tables made from them.
        scans: scan id to its ``stamp``.
    """

    tables: str = ""
    scans: dict[str, str] = field(default_factory=dict)


def read_state(out: Path) -> State:
    """The state that was written; an empty one where there is none or it is damaged."""
    try:
        return from_json(State, json.loads(read_regular(out / STATE)))
    except (OSError, ValueError, RecursionError):
        return State()


def write_state(out: Path, state: State) -> None:
    """Write the state, in order of scan id."""
    text = json.dumps({"tables": state.tables, "scans": dict(sorted(state.scans.items()))}, indent=0)
    write_atomically(out / STATE, f"{text}\n".encode("ascii"))


def records_digest(out: Path) -> str:
    """SHA-256 of the record files."""
    return _sha256_of(_contents(record_files(out)))


def tables_digest(out: Path, records: str) -> str:
    """SHA-256 of the tables that are made from records, and of the digest of these records."""
    return _sha256_of(chain([records.encode()], _contents(out / name for name in TABLES)))


def _contents(paths: Iterable[Path]) -> Iterator[bytes]:
    """Yield names and bytes of files; where one is missing or no file, its name alone."""
    for path in paths:
        yield f"\0{path.name}\0".encode()
        with suppress(OSError), open_regular(path) as file:
            yield from iter(partial(file.read, CHUNK), b"")


def stat_of(path: Path) -> Stat:
    """Size and time of modification; ABSENT where there is no file."""
    try:
        status = os.stat(path)  # noqa: PTH116 - thousands of files
    except (OSError, ValueError):
        return ABSENT
    return status.st_size, status.st_mtime_ns


def source_files(record: ScanRecord, raw: Path) -> Iterator[tuple[Path, int, str]]:
    """The raw file and all that belongs beside it, each with the size and SHA-256 that it had; 0 and "" if absent."""
    yield raw, record.source_bytes, record.source_sha256
    known = {companion.name: companion for companion in record.companions}
    for companion in known.values():
        yield raw.with_name(companion.name), companion.bytes, companion.sha256
    yield from ((path, *NO_FILE) for path in files_beside(raw) if path.name not in known)


def stamp_of(record: ScanRecord, raw: Path, before: Mapping[Path, Stat] | None = None) -> str:
    """Digest of what was recorded of a scan's raw files, and of their sizes and times.

    Args:
        record: of the scan.
        raw: its raw file.
        before: sizes and times before the scan was read; those of other files are taken now.
    """
    before = before or {}
    files = [(sha256, before.get(path) or stat_of(path)) for path, _, sha256 in source_files(record, raw)]
    return hashlib.sha256(repr(files).encode()).hexdigest()[:16]


def find_source(recorded: str, sources: Iterable[Path]) -> Path | None:
    """The raw file of a recorded ``source`` in the first of the sources that has it: a folder, or the file itself."""
    source = PurePosixPath(recorded)
    if source.is_absolute() or ".." in source.parts:
        return None
    for path in (path for place in sources for path in (place / source, place)):
        if path.name == source.name and os.path.isfile(path):  # noqa: PTH113 - names of any bytes
            return path
    return None


def source_changes(record: ScanRecord, raw: Path) -> list[str]:
    """Names of the raw files of a scan that are not what was read; files of equal size are compared by SHA-256."""
    return [path.name for path, size, sha256 in source_files(record, raw) if not _is_same(path, size, sha256)]


def _is_same(path: Path, size: int, sha256: str) -> bool:
    if not os.path.lexists(path):
        return not sha256
    try:
        with open_raw(path) as file:
            chunks = iter(partial(file.read, CHUNK), b"")
            return os.fstat(file.fileno()).st_size == size and _sha256_of(chunks) == sha256
    except ScanError:  # it cannot be read, so it was not read, or it is empty
        return not sha256


def _sha256_of(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
