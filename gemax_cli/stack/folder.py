"""The output folder as one object: who may write, what it was made with, its records, images and tables."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import ExitStack, contextmanager
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli import __version__
from gemax_cli.errors import FolderInUse, OutputError, OutputFull, OutputUnwritable, SettingsConflict, SettingsError
from gemax_cli.paths import AnyPath, as_path
from gemax_cli.settings import ADDABLE, Settings
from gemax_cli.stack.atomic import DISK_FULL, remove_temporaries, write_atomically
from gemax_cli.stack.images import ScanImages, load_codes, load_map, scan_images
from gemax_cli.stack.naming import DEPTH16, FAILURES, METADATA, RUN, records_name
from gemax_cli.stack.records import (
    BlockRecord,
    Place,
    RecordWriter,
    ScanRecord,
    newest_places,
    read_line,
    read_records,
    record_files,
    tidy_records,
)
from gemax_cli.stack.tables import Failure, read_failures, write_failures, write_metadata

LOCK = ".gemax.lock"
TABLES_LOCK = ".gemax-tables.lock"
PROVENANCE = ("numpy", "numba", "scipy", "pillow", "imageio", "isal", "joblib")
Shard = tuple[int, int]
"""(i, n): the i-th of n runs that share a folder, from 1."""


class OutputFolder:
    """A folder that ``gemax convert`` writes. To make the object touches no file.

    Attributes:
        path: of the folder; it need not be there yet.
    """

    def __init__(self, path: AnyPath) -> None:
        self.path = as_path(path)

    def __repr__(self) -> str:
        return f"OutputFolder({str(self.path)!r})"

    @classmethod
    def holding(cls, path: AnyPath) -> OutputFolder:
        """The output folder that a path is, or is a part of; where there is none, the path itself, as a folder."""
        path = as_path(path)
        above = (cls(folder) for folder in (path, *path.resolve().parents))
        return next((folder for folder in above if folder.is_ours), cls(path))

    @property
    def is_ours(self) -> bool:
        """Whether it has a run.json or records."""
        return (self.path / RUN).is_file() or bool(record_files(self.path))

    @property
    def run(self) -> dict[str, Any]:
        """The content of run.json; empty where there is none.

        Raises:
            OutputError: it is damaged.
        """
        try:
            run = json.loads((self.path / RUN).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise self._damaged_run(error) from error
        if not isinstance(run, dict):
            raise self._damaged_run("no JSON object")
        return run

    def _damaged_run(self, reason: object) -> OutputError:
        message = f"is damaged ({reason}): make the folder again with gemax convert --overwrite."
        return OutputError(f"{self.path / RUN}: {message}")

    @property
    def settings(self) -> Settings:
        """What the folder was made with; the defaults where there is no run.json.

        Raises:
            OutputError: run.json is damaged, or of something else.
        """
        run = self.run
        try:
            return Settings.from_dict(run["settings"]) if run else Settings()
        except (SettingsError, KeyError, TypeError) as error:
            raise self._damaged_run(error) from error

    def check_settings(self, settings: Settings) -> None:
        """Compare with the settings that the folder was made with (any tau and comparison map may be added).

        Raises:
            SettingsConflict: they differ; the message names what differs.
        """
        try:
            run = self.run
        except OutputError:
            return  # to be written anew; each record carries the digest of its own settings
        if run and run.get("settings_sha256") != settings.digest:
            changes = "; ".join(_changes(run.get("settings"), settings.as_dict())) or "the version of gemax"
            raise SettingsConflict(
                f"{self.path}: was made with other settings ({changes}): "
                "give another output folder, or --overwrite to make all of it again."
            )

    def write_run(self, settings: Settings, command: Iterable[str]) -> None:
        """Write run.json: settings, their hash, versions, command line. No date: the same run, the same bytes."""
        values = {
            "gemax": __version__,
            "settings": settings.as_dict(),
            "settings_sha256": settings.digest,
            "python": platform.python_version(),
            "versions": {name: _version(name) for name in PROVENANCE},
            "command": list(command),
        }
        with self._tables_locked():
            remove_temporaries(self.path)
            write_atomically(self.path / RUN, (json.dumps(values, indent=2) + "\n").encode("ascii"))

    def records(self) -> Iterator[ScanRecord]:
        """The newest record of every scan, in order of id; damaged ones are skipped, as if they were not there."""
        return read_records(self.path)

    @cached_property
    def _places(self) -> dict[str, Place]:
        return newest_places(record_files(self.path))

    @property
    def scan_ids(self) -> tuple[str, ...]:
        """Ids of all scans with a record, in order; as they were when this object first looked."""
        return tuple(self._places)

    def record(self, scan_id: str) -> ScanRecord | None:
        """The record of a scan; None where this object found none when it first looked, or a damaged one."""
        place = self._places.get(scan_id)
        try:
            record = ScanRecord.from_line(read_line(place)) if place else None
        except ValueError:
            return None
        return record if record and record.scan_id == scan_id else None  # lines may have been put in order since

    def find(self, place: str) -> tuple[ScanRecord, BlockRecord] | None:
        """The record and depth block whose images lie in a folder, given relative to the output folder."""
        for scan_id in (place, place.rpartition("/")[0]):
            record = self.record(scan_id)
            for block in record.blocks if record else ():
                if record and block.file == f"{place}/{DEPTH16}":
                    return record, block
        return None

    def writer(self, shard: Shard | None = None) -> RecordWriter:
        """What appends records, to a file of its own for each shard."""
        return RecordWriter(self.path / records_name(shard))

    def depth16(self, scan_id: str, depth_mm: float | None = None) -> NDArray[np.uint16]:
        """The depth image of a scan: (rows, columns) codes, 0 is no data; of its first block, or that of a depth.

        Raises:
            SettingsError: there is no such scan or depth.
            ScanError: the file cannot be read.
        """
        return load_codes(self.path / self._block(scan_id, depth_mm).file)

    def map(self, scan_id: str, tau: int, depth_mm: float | None = None) -> NDArray[np.uint8]:
        """The GEMax map of a scan: (rows, columns) uint8; of its first block, or that of a depth.

        Raises:
            SettingsError: there is no such scan, depth or tau.
            ScanError: the file cannot be read.
        """
        maps = {m.tau: m for m in self._block(scan_id, depth_mm).maps}
        if tau not in maps:
            raise SettingsError(f"{scan_id}: has no map of tau = {tau}: give one of its own ({_listed(maps)}).")
        image, channel = self.image(maps[tau].file), maps[tau].channel
        return image if channel is None else image[..., channel]

    def image(self, file: str) -> NDArray[np.uint8]:
        """An 8-bit image by its path as recorded: (rows, columns), or (rows, columns, 3).

        Raises:
            ScanError: the file cannot be read.
        """
        return load_map(self.path / file)

    def _block(self, scan_id: str, depth_mm: float | None) -> BlockRecord:
        record = self.record(scan_id)
        if record is None:
            raise SettingsError(f"{self.path}: has no record of {scan_id!r}: give one of its scan_ids.")
        blocks = {block.depth_mm: block for block in record.blocks}
        depth_mm = next(iter(blocks), None) if depth_mm is None else depth_mm
        if depth_mm not in blocks:
            raise SettingsError(f"{scan_id}: has no depth of {depth_mm} mm: give one of its own ({_listed(blocks)}).")
        return blocks[depth_mm]

    def has_files(self, record: ScanRecord) -> bool:
        """Whether every file of a record is there."""
        return all(os.path.isfile(f"{self.path}/{file}") for file in record.files)  # noqa: PTH113 - thousands of files

    def images(self, part: Path | None = None) -> list[ScanImages]:
        """The maps that lie in the folder, in it or in a part of it, whatever the records say; in order of path."""
        if part is None or part == self.path:
            return scan_images(self.path)
        return scan_images(part.resolve(), self.path.resolve())

    def prepare(self) -> None:
        """Create the folder where it is missing.

        Raises:
            OutputUnwritable: it cannot be made, is no folder, or may not be written to.
            OutputError: it holds tables of somebody else, which ours would replace.
            OSError: the disk is full.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if error.errno in DISK_FULL:
                raise
            reason = error.strerror or error
            raise OutputUnwritable(f"{self.path}: cannot be made ({reason}): give another output folder.") from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            message = "may not be written to: change its permissions or give another folder."
            raise OutputUnwritable(f"{self.path}: {message}")
        foreign = [name for name in (METADATA, FAILURES) if (self.path / name).exists()]
        if foreign and not self.is_ours:
            message = f"holds a {foreign[0]} that gemax did not write: give another output folder."
            raise OutputError(f"{self.path}: {message}")

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Raise an OSError again as an error that names the folder.

        Raises:
            OutputFull: the disk is full.
            OutputUnwritable: anything else.
        """
        try:
            yield
        except OSError as error:
            if error.errno in DISK_FULL:
                message = "the disk is full: free some space and run the same command again."
                raise OutputFull(f"{self.path}: {message}") from error
            message = f"cannot be written ({error.strerror or error}): check its permissions and the disk."
            raise OutputUnwritable(f"{self.path}: {message}") from error

    @contextmanager
    def locked(self, shard: Shard | None = None) -> Iterator[None]:
        """Hold the folder alone; shards of one run hold it together, each its own part.

        Raises:
            FolderInUse: another process holds it.
        """
        with ExitStack() as stack:
            if shard:
                _take(stack, self.path, f".gemax-{shard[0]}-of-{shard[1]}.lock")
                with ExitStack() as moment:  # nobody may hold the whole folder while a shard starts
                    _take(moment, self.path, LOCK)
            else:
                _take(stack, self.path, LOCK)
                for path in sorted(self.path.glob(".gemax-*-of-*.lock")):
                    _take(stack, self.path, path.name)
            yield

    @contextmanager
    def _tables_locked(self) -> Iterator[None]:
        """Hold what lies directly in the folder: shards of one run start and end at any moment."""
        from filelock import FileLock

        with FileLock(self.path / TABLES_LOCK):
            yield

    def write_tables(
        self, shard: Shard | None, failures: Iterable[Failure], resolved: Callable[[Set[str]], Set[str]]
    ) -> None:
        """Tidy the records of this run, make metadata.csv from all records, and bring failures.csv up to date.

        Args:
            shard: of this run.
            failures: of this run.
            resolved: says which of some sources this run found converted or tried; older failures of others are kept.
        """
        with self._tables_locked():  # the last shard to come in sees all records
            tidy_records(self.path / records_name(shard))
            vars(self).pop("_places", None)
            write_metadata(self.path, self.records(), *self._map_columns())
            write_failures(self.path, [*self._older_failures(resolved), *failures])

    def _map_columns(self) -> tuple[set[int], set[str]]:
        """All tau and all channels of comparison maps that the records tell of."""
        taus: set[int] = set()
        channels: set[str] = set()
        for block in (block for record in self.records() for block in record.blocks):
            taus.update(m.tau for m in block.maps)
            channels.update(m.name for m in block.comparisons)
        return taus, channels

    def _older_failures(self, resolved: Callable[[Set[str]], Set[str]]) -> list[Failure]:
        try:
            failures = self.failures()
        except OutputError:
            return []
        over = resolved({failure.source for failure in failures})
        return [failure for failure in failures if failure.source not in over]

    def failures(self) -> list[Failure]:
        """The rows of failures.csv; none where there is no such file.

        Raises:
            OutputError: it is damaged.
            OSError: it cannot be read.
        """
        path = self.path / FAILURES
        try:
            return read_failures(path) if path.is_file() else []
        except ValueError as error:
            raise OutputError(f"{path}: cannot be read ({error}).") from error

    def tables_are_current(self) -> bool:
        """Whether metadata.csv is younger than all records, and no failure is on record."""
        try:
            written = (self.path / METADATA).stat().st_mtime_ns
            files = record_files(self.path)
            return not (self.path / FAILURES).exists() and all(p.stat().st_mtime_ns < written for p in files)
        except OSError:
            return False


def _listed(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values) or "none"


def _changes(old: object, new: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in new.items():
        before = old.get(name) if isinstance(old, dict) else None
        if isinstance(value, dict):
            yield from _changes(before, value, f"{prefix}{name}.")
        elif value != before and name not in ADDABLE:
            yield f"{prefix}{name} was {json.dumps(before)}, is {json.dumps(value)}"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _take(stack: ExitStack, folder: Path, name: str) -> None:
    from filelock import FileLock, Timeout

    lock = FileLock(folder / name)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        message = f"{folder}: another gemax is writing to it: wait for it to end or give another output folder."
        raise FolderInUse(message) from None
    stack.callback(lock.release)
