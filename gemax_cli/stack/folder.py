"""The output folder as one object: who may write, what it was made with, its records, images and tables."""

from __future__ import annotations

import json
import logging
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gemax_cli import __version__
from gemax_cli.errors import (
    FolderGone,
    FolderInUse,
    OutputError,
    OutputFull,
    OutputUnwritable,
    SettingsConflict,
    SettingsError,
    UnsafePath,
)
from gemax_cli.paths import AnyPath, as_path
from gemax_cli.printing import printable
from gemax_cli.settings import ADDABLE, Settings
from gemax_cli.stack.atomic import DISK_FULL, remove_temporaries, write_atomically
from gemax_cli.stack.guard import Guard, NotRegular, check_own_files, open_regular, read_regular
from gemax_cli.stack.images import DEPTH_FOLDER, ScanImages, load_codes, load_map, scan_images
from gemax_cli.stack.naming import DEPTH16, FAILURES, LANDMARKS, METADATA, RUN, records_name
from gemax_cli.stack.records import (
    BlockRecord,
    Place,
    RecordWriter,
    ScanRecord,
    damaged_lines,
    newest_places,
    read_line,
    read_lines,
    read_records,
    record_files,
    records_at,
    scan_id_of,
    tidy_records,
)
from gemax_cli.stack.state import State, read_state, records_digest, tables_digest, write_state
from gemax_cli.stack.tables import (
    Failure,
    TableParts,
    landmarks_table,
    metadata_table,
    read_failures,
    write_failures,
)

LOCK = ".gemax.lock"
TABLES_LOCK = ".gemax-tables.lock"
PROVENANCE = ("numpy", "numba", "scipy", "pillow", "imageio", "deflate", "joblib")
MOST_RUNS, MOST_SOURCES = 1000, 1000  # of the history in run.json
LOCK_SECONDS, SHARD_SECONDS = 0.5, 5.0  # that locks held for a moment are waited for; shards start by the hundred
LOG = logging.getLogger("gemax_cli")
Shard = tuple[int, int]
"""(i, n): the i-th of n runs that share a folder, from 1."""


SCANS = "scans"


@dataclass(frozen=True)
class PastRun:
    """A run in the history of run.json.

    Attributes:
        gemax: version.
        command: its command line.
        sources: its SRC, absolute paths; the first 1,000.
        source_count: number of its SRC.
    """

    gemax: str
    command: list[str]
    sources: list[str]
    source_count: int


@dataclass(frozen=True)
class RunFile:
    """The content of run.json.

    Attributes:
        gemax: version that wrote the file.
        kind: "scans" of gemax convert, "images" of gemax map.
        settings: all that affects the bytes of an output.
        settings_sha256: of the settings that may not differ within a folder.
        python: its version.
        versions: of libraries, by name; None if one is not installed.
        command: command line of the last run, a list of words.
        history: one entry per command, oldest first; the last 1,000.
    """

    gemax: str
    kind: str
    settings: dict[str, Any]
    settings_sha256: str
    python: str
    versions: dict[str, str | None]
    command: list[str]
    history: list[object]


class FolderSettings(Protocol):
    """What a folder needs to know of the settings that it was made with."""

    @property
    def kind(self) -> str:
        """What the folder holds: "scans" (``gemax convert``) or "images" (``gemax map``)."""

    @property
    def digest(self) -> str:
        """Hash of all settings that may not differ within a folder."""

    def as_dict(self) -> dict[str, Any]:
        """Values of JSON types."""


class OutputFolder:
    """A folder that ``gemax convert`` or ``gemax map`` writes. Creating the object reads and writes no file.

    Attributes:
        path: of the folder; it may not exist yet.
    """

    def __init__(self, path: AnyPath) -> None:
        self.path = as_path(path)
        self._locked: os.stat_result | None = None  # the folder when it was locked

    def __repr__(self) -> str:
        return f"OutputFolder({str(self.path)!r})"

    @classmethod
    def holding(cls, path: AnyPath) -> OutputFolder:
        """The output folder that is or contains a path; without one, the path itself as a folder."""
        path = as_path(path)
        above = (cls(folder) for folder in (path, *path.resolve().parents))
        return next((folder for folder in above if folder.is_ours), cls(path))

    @property
    def is_ours(self) -> bool:
        """Whether it has a run.json or records."""
        return os.path.lexists(self.path / RUN) or bool(record_files(self.path))

    @cached_property
    def guard(self) -> Guard:
        """The way to the images that records name."""
        return Guard(self.path)

    @property
    def run(self) -> dict[str, Any]:
        """The content of run.json; empty where there is none.

        Raises:
            OutputError: it is damaged.
        """
        try:
            run = json.loads(read_regular(self.path / RUN).decode("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise self._damaged_run(getattr(error, "strerror", None) or error) from error
        if not isinstance(run, dict):
            raise self._damaged_run("no JSON object")
        return run

    def _damaged_run(self, reason: object) -> OutputError:
        message = f"is damaged ({reason}): make the folder again with gemax convert --overwrite."
        return OutputError(f"{self.path / RUN}: {message}")

    @property
    def kind(self) -> str:
        """What it holds: "scans" or "images"; a folder without run.json counts as one of scans.

        Raises:
            OutputError: run.json is damaged.
        """
        return str(self.run.get("kind", SCANS))

    @property
    def settings(self) -> Settings:
        """The settings that a folder of scans was made with; the defaults without a run.json.

        Raises:
            OutputError: run.json is damaged, or of something else.
        """
        run = self.run
        if run and self.kind != SCANS:
            message = "was made by gemax map, says its run.json, and this command works on folders of gemax convert"
            raise OutputError(f"{self.path}: {message}: gemax entropy, verify and invert work on both.")
        try:
            return Settings.from_dict(run["settings"]) if run else Settings()
        except (SettingsError, KeyError, TypeError) as error:
            raise self._damaged_run(error) from error

    def check_settings(self, settings: FolderSettings) -> None:
        """Compare with the settings that the folder was made with (any tau and comparison map may be added).

        Raises:
            SettingsConflict: they differ; the message names what differs.
        """
        self._check_kind(settings)
        try:
            run = self.run
        except OutputError:
            return  # run.json is then written again; each record has the digest of its own settings
        if run and run.get("settings_sha256") != settings.digest:
            raise SettingsConflict(
                f"{self.path}: was made with other settings ({settings_changes(run.get('settings'), settings)}): "
                "give another output folder, or --overwrite to make all of it again."
            )

    def _check_kind(self, settings: FolderSettings) -> None:
        try:
            kind = self.kind if self.run else settings.kind
        except OutputError:
            return
        if kind != settings.kind:
            raise SettingsConflict(f"{self.path}: holds {kind}, not {settings.kind}: give another output folder.")

    def write_run(
        self, settings: FolderSettings, command: Iterable[str], sources: Iterable[Path] = (), joined: Iterable[Any] = ()
    ) -> None:
        """Write run.json: kind, settings, their hash, versions, command line, and the history of commands.

        It holds no date: same runs, same bytes. A run that is in the history does not enter it again.

        Args:
            settings: of the run.
            command: its command line.
            sources: its SRC; written as absolute paths, ``MOST_SOURCES`` at most.
            joined: histories of other folders whose scans are now in this one.

        Raises:
            SettingsConflict: the folder holds scans, and the settings are of images, or the other way round.
        """
        self._check_kind(settings)
        places = [os.path.abspath(source) for source in sources]  # noqa: PTH100 - links stay as they were named
        run = vars(PastRun(__version__, list(command), places[:MOST_SOURCES], len(places)))
        with self._tables_locked():
            remove_temporaries(self.path)
            history = self._history()
            for earlier in (earlier for runs in joined if isinstance(runs, list) for earlier in runs[-MOST_RUNS:]):
                history += [earlier] * (earlier not in history)
            history = history[-MOST_RUNS:]
            values = RunFile(
                gemax=__version__,
                kind=settings.kind,
                settings=settings.as_dict(),
                settings_sha256=settings.digest,
                python=platform.python_version(),
                versions={name: _version(name) for name in PROVENANCE},
                command=run["command"],
                history=history if run in history else [*history[1 - MOST_RUNS :], run],
            )
            write_atomically(self.path / RUN, (json.dumps(vars(values), indent=2) + "\n").encode("ascii"))

    def _history(self) -> list[object]:
        try:
            history = self.run.get("history")
        except OutputError:
            return []
        return list(history) if isinstance(history, list) else []

    def records(self) -> Iterator[ScanRecord]:
        """The newest record of every scan, in order of id; damaged ones are skipped, as if they were not there."""
        return read_records(self.path)

    @cached_property
    def _places(self) -> dict[str, Place]:
        return newest_places(record_files(self.path))

    @property
    def scan_ids(self) -> tuple[str, ...]:
        """Ids of all scans with a record, in order, as first read by this object."""
        return tuple(self._places)

    def has_record(self, scan_id: str) -> bool:
        """Whether a scan has a record, sound or damaged, as first read by this object."""
        return scan_id in self._places

    def record(self, scan_id: str) -> ScanRecord | None:
        """The record of a scan; None if there was none when this object first read, or if it is damaged."""
        place = self._places.get(scan_id)
        try:
            record = ScanRecord.from_line(read_line(place)) if place else None
        except ValueError:
            return None
        # another process may have sorted the lines since
        return record if record and record.scan_id == scan_id else None

    def line(self, scan_id: str) -> str | None:
        """The line of a scan's or image's record, as it is; None if it is not where this object first read it."""
        place = self._places.get(scan_id)
        line = read_line(place) if place else b""
        return line.decode("ascii", "replace") if scan_id_of(line) == scan_id else None

    def damage(self, scan_id: str) -> str:
        """A sentence on the record of a scan, with its line, where it is damaged; "" where it is sound or missing."""
        if not self.has_record(scan_id) or self.record(scan_id):
            return ""
        path, offset = self._places[scan_id]
        lines = dict(damaged_lines(path))
        number = next((n for n, (at, _) in enumerate(read_lines(path), start=1) if at == offset), 0)
        return f"{path}: line {number}, the record of {scan_id}, {lines.get(number, 'is another one by now')}."

    def find(self, place: str) -> tuple[ScanRecord, BlockRecord] | None:
        """The record and depth block of an image folder, given relative to the output folder."""
        for scan_id in (place, place.rpartition("/")[0]):
            if record := self.record(scan_id):
                for block in record.blocks:
                    if block.file == f"{place}/{DEPTH16}":
                        return record, block
        return None

    def writer(self, shard: Shard | None = None) -> RecordWriter:
        """A writer that appends records; each shard has its own file."""
        return RecordWriter(self.path / records_name(shard))

    def depth16(self, scan_id: str, depth_mm: float | None = None) -> NDArray[np.uint16]:
        """Depth image of a scan, (rows, columns) codes, 0 for no data. Without a depth, its first block.

        Raises:
            SettingsError: there is no such scan or depth.
            ScanError: the file cannot be read.
        """
        return load_codes(self.guard.path(self._block(scan_id, depth_mm).file))

    def map(self, scan_id: str, tau: int, depth_mm: float | None = None) -> NDArray[np.uint8]:
        """GEMax map of a scan, (rows, columns) uint8. Without a depth, its first block.

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
            ScanError: the file cannot be read, or is no image of the folder.
        """
        return load_map(self.guard.path(file))

    def texture(self, scan_id: str, depth_mm: float | None = None) -> NDArray[np.uint8] | None:
        """Texture of a scan, (rows, columns, 3) uint8 sRGB; None where it has none. Without a depth, its first block.

        Raises:
            SettingsError: there is no such scan or depth.
            ScanError: the file cannot be read.
        """
        texture = self._block(scan_id, depth_mm).texture
        return self.image(texture.file) if texture else None

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
        return all(map(self.guard.has_file, record.files))

    def images(self, part: Path | None = None) -> list[ScanImages]:
        """The maps in the folder or below a part of it, in order of path. Records are not consulted."""
        if part is None or part == self.path:
            return scan_images(self.path)
        return scan_images(part.resolve(), self.path.resolve())

    def prepare(self) -> None:
        """Create the folder if it is missing.

        Raises:
            OutputUnwritable: it cannot be made, is no folder, or may not be written to.
            OutputError: it holds tables of another program, which gemax would overwrite.
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
        foreign = [name for name in (METADATA, LANDMARKS, FAILURES) if (self.path / name).exists()]
        if foreign and not self.is_ours:
            message = f"holds a {foreign[0]} that gemax did not write: give another output folder."
            raise OutputError(f"{self.path}: {message}")

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Re-raise OSError as an error whose message names the output folder.

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
    def locked(self, shard: Shard | None = None, wait: float = 0.0) -> Iterator[None]:
        """Lock the folder. Shards of one run share the lock; each locks its own part alone.

        Locks that are held for a moment are waited for: those of shards that start together, and of verify.

        Args:
            shard: of this run.
            wait: seconds to wait for another process that writes to it.

        Raises:
            FolderInUse: another process holds it.
            OutputError: a link or pipe is in the place of a file of gemax.
        """
        check_own_files(self.path)
        with self._taken_in_time(shard, wait):
            self._locked = self.path.stat()
            yield

    def _taken_in_time(self, shard: Shard | None, wait: float) -> ExitStack:
        """The locks. Between two attempts none is held, so that two who wait never wait for each other."""
        deadline, told = time.monotonic() + wait, False
        while True:
            try:
                return self._taken(shard)
            except FolderInUse:
                if time.monotonic() >= deadline:
                    raise
            if not told:
                LOG.warning("%s: another gemax is writing to it: waiting for it to end.", printable(str(self.path)))
                told = True

    def _taken(self, shard: Shard | None) -> ExitStack:
        with ExitStack() as stack:
            if shard:
                _take(stack, self.path, f".gemax-{shard[0]}-of-{shard[1]}.lock")
                with ExitStack() as moment:  # no process may hold the whole folder while a shard starts
                    _take(moment, self.path, LOCK, SHARD_SECONDS)
            else:
                _take(stack, self.path, LOCK)
                for path in sorted(self.path.glob(".gemax-*-of-*.lock")):
                    _take(stack, self.path, path.name)
            return stack.pop_all()

    def check_free(self) -> None:
        """Check that nobody writes to the folder, without keeping others from it.

        Raises:
            FolderInUse: another process does.
        """
        with self.locked():
            pass

    def check_in_place(self, *names: str) -> None:
        """Check that the folder is the one that was locked, if it was, and holds the files ``names``.

        Raises:
            FolderGone: it was removed, moved or emptied; what is written now would be lost.
        """
        try:
            same = self._locked is None or os.path.samestat(self._locked, self.path.stat())
        except OSError:
            same = False
        if not same or not all((self.path / name).exists() for name in names):
            message = "was removed, moved or emptied while gemax wrote to it: run the same command again."
            raise FolderGone(f"{self.path}: {message}")

    @contextmanager
    def _tables_locked(self) -> Iterator[None]:
        """Lock the files directly in the folder, because shards start and end at any time."""
        from filelock import FileLock

        self.check_in_place()  # FileLock makes a folder that is missing
        with FileLock(self.path / TABLES_LOCK):
            yield

    def write_tables(
        self,
        shard: Shard | None,
        failures: Iterable[Failure],
        resolved: Callable[[Set[str]], Set[str]],
        stamps: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Sort the records of this run, write the tables made from all records, and update failures.csv.

        Args:
            shard: of this run.
            failures: of this run.
            resolved: given sources, returns those that this run resolved; older failures of the others are kept.
            stamps: scan id to ``stamp_of``, for the next run; older ones of the other scans are kept.
        """
        with self._tables_locked():  # the last shard to write the tables sees all records
            tidy_records(self.path / records_name(shard))
            vars(self).pop("_places", None)
            records = records_digest(self.path)  # before they are read: another shard may append to its own
            parts = TableParts()
            places = self._places.values()
            landmarks_table(parts.gathered(records_at(places))).write(self.path)
            metadata_table(records_at(places), parts).write(self.path)
            write_failures(self.path, [*self._older_failures(resolved), *failures])
            known = {**read_state(self.path).scans, **stamps}
            kept = {scan_id: known[scan_id] for scan_id in self.scan_ids if scan_id in known}
            write_state(self.path, State(tables_digest(self.path, records), kept))
            vars(self).pop("state", None)

    @cached_property
    def state(self) -> State:
        """What the last run saw, as first read by this object."""
        return read_state(self.path)

    def damaged_lines(self) -> Iterator[tuple[str, str]]:
        """Yield record file and sentence of every line that is no record; gemax convert makes these scans again."""
        for path in record_files(self.path):
            yield from ((path.name, f"line {number} {message}") for number, message in damaged_lines(path))

    def remove_temporaries(self, scan_id: str) -> None:
        """Remove what a stopped writer left in the folders of a scan; linked folders are left alone."""
        with suppress(UnsafePath):
            place = self.guard.folder(scan_id)
            depths = [path for path in place.glob("d*/") if DEPTH_FOLDER.fullmatch(path.name)]
            for folder in (place, *(self.guard.folder(f"{scan_id}/{path.name}") for path in depths)):
                remove_temporaries(folder)

    def _older_failures(self, resolved: Callable[[Set[str]], Set[str]]) -> list[Failure]:
        try:
            failures = self.failures()
        except OutputError:
            return []
        over = resolved({failure.source for failure in failures})
        return [failure for failure in failures if failure.source not in over]

    def failures(self) -> list[Failure]:
        """The rows of failures.csv; empty without the file.

        Raises:
            OutputError: it is damaged.
            OSError: it cannot be read.
        """
        path = self.path / FAILURES
        try:
            with open_regular(path) as file:
                return read_failures(path, file)
        except FileNotFoundError:
            return []
        except NotRegular as error:
            raise OutputError(f"{path}: cannot be read ({error.strerror}): remove it.") from error
        except ValueError as error:
            raise OutputError(f"{path}: cannot be read ({error}).") from error

    def tables_are_current(self) -> bool:
        """Whether the records and the tables made from them are as the last run left them, without failures.csv."""
        known = tables_digest(self.path, records_digest(self.path))
        return not os.path.lexists(self.path / FAILURES) and self.state.tables == known


def _listed(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values) or "none"


def settings_changes(old: object, new: FolderSettings) -> str:
    """What differs between the settings of a run.json and others, for use in a sentence."""
    return "; ".join(_changes(old, new.as_dict())) or "the version of gemax"


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


def _take(stack: ExitStack, folder: Path, name: str, seconds: float = LOCK_SECONDS) -> None:
    from filelock import FileLock, Timeout

    lock = FileLock(folder / name)
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        message = f"{folder}: another gemax is writing to it: wait for it to end or give another output folder."
        raise FolderInUse(message) from None
    stack.callback(lock.release)
