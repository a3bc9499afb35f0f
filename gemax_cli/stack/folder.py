"""The output folder as a whole: who may write, what it was made with, its tables."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gemax_cli import __version__
from gemax_cli.errors import FolderInUse, OutputError, OutputUnwritable, SettingsConflict
from gemax_cli.settings import ADDABLE, QuantisationSettings, Settings
from gemax_cli.stack.naming import FAILURES, METADATA, RUN
from gemax_cli.stack.png import DISK_FULL, remove_temporaries, write_atomically
from gemax_cli.stack.records import ScanRecord, maps_in, read_records, record_files, tidy_records
from gemax_cli.stack.tables import Failure, read_failures, write_failures, write_metadata

LOCK = ".gemax.lock"
TABLES_LOCK = ".gemax-tables.lock"
PROVENANCE = ("numpy", "numba", "scipy", "pillow", "imageio", "isal", "joblib")
Shard = tuple[int, int]


def make_folder(folder: Path) -> None:
    """Create the output folder where it is missing.

    Raises:
        OutputUnwritable: it cannot be made, is no folder, or may not be written to.
        OSError: the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        reason = error.strerror or error
        raise OutputUnwritable(f"{folder}: cannot be made ({reason}): give another output folder.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputUnwritable(f"{folder}: may not be written to: change its permissions or give another folder.")


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder with tables of somebody else, which ours would replace.

    Raises:
        OutputError: there is a metadata.csv or failures.csv, but no run.json and no records.
    """
    if (folder / RUN).is_file() or record_files(folder):
        return
    for name in (METADATA, FAILURES):
        if (folder / name).exists():
            raise OutputError(f"{folder}: holds a {name} that gemax did not write: give another output folder.")


@contextmanager
def locked(folder: Path, shard: Shard | None = None) -> Iterator[None]:
    """Hold the output folder alone; shards of one run hold it together, each its own part.

    Raises:
        FolderInUse: another process holds it.
    """
    with ExitStack() as stack:
        if shard:
            _take(stack, folder, f".gemax-{shard[0]}-of-{shard[1]}.lock")
            with ExitStack() as moment:  # nobody may hold the whole folder while a shard starts
                _take(moment, folder, LOCK)
        else:
            _take(stack, folder, LOCK)
            for path in sorted(folder.glob(".gemax-*-of-*.lock")):
                _take(stack, folder, path.name)
        yield


def _take(stack: ExitStack, folder: Path, name: str) -> None:
    from filelock import FileLock, Timeout

    lock = FileLock(folder / name)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        message = f"{folder}: another gemax is writing to it: wait for it to end or give another output folder."
        raise FolderInUse(message) from None
    stack.callback(lock.release)


def check_settings(folder: Path, settings: Settings) -> None:
    """Compare with the settings that the folder was made with (any tau and comparison map may be added).

    Raises:
        SettingsConflict: they differ; the message names what differs.
    """
    run = read_run(folder)
    if run and run.get("settings_sha256") != settings.digest:
        changes = "; ".join(_changes(run.get("settings", {}), settings.as_dict())) or "the version of gemax"
        raise SettingsConflict(
            f"{folder}: was made with other settings ({changes}): "
            "give another output folder, or --overwrite to make all of it again."
        )


def _changes(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in new.items():
        before = old.get(name)
        if isinstance(value, dict):
            yield from _changes(before if isinstance(before, dict) else {}, value, f"{prefix}{name}.")
        elif value != before and name not in ADDABLE:
            yield f"{prefix}{name} was {json.dumps(before)}, is {json.dumps(value)}"


def read_run(folder: Path) -> dict[str, Any]:
    """The content of run.json; empty where there is none or it is damaged."""
    try:
        run = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return run if isinstance(run, dict) else {}


def map_settings(folder: Path) -> QuantisationSettings:
    """Levels and bins that a folder was made with; the defaults where it does not say."""
    values = read_run(folder).get("settings", {}).get("quantisation")
    return QuantisationSettings(**values) if values else QuantisationSettings()


def write_run(folder: Path, settings: Settings, command: Iterable[str]) -> None:
    """Write run.json: settings, their hash, versions and the command line. No date: the same run, the same bytes."""
    values = {
        "gemax": __version__,
        "settings": settings.as_dict(),
        "settings_sha256": settings.digest,
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PROVENANCE},
        "command": list(command),
    }
    with tables_locked(folder):
        remove_temporaries(folder)
        write_atomically(folder / RUN, (json.dumps(values, indent=2) + "\n").encode("ascii"))


@contextmanager
def tables_locked(folder: Path) -> Iterator[None]:
    """Hold what lies directly in the output folder: shards of one run start and end at any moment."""
    from filelock import FileLock

    with FileLock(folder / TABLES_LOCK):
        yield


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def write_tables(
    folder: Path, records: Path, failures: Iterable[Failure], settled: Callable[[Set[str]], Set[str]]
) -> None:
    """Tidy the records of this run, make metadata.csv from all records, and bring failures.csv up to date.

    Args:
        folder: the output folder.
        records: the file that this run wrote its records to.
        failures: of this run.
        settled: says which of some sources this run found converted or tried; older failures of others are kept.
    """
    with tables_locked(folder):  # the last shard to come in sees all records
        tidy_records(records)
        write_metadata(folder, read_records(folder, outlines=True), *maps_in(folder))
        write_failures(folder, [*_older_failures(folder, settled), *failures])


def tables_are_current(folder: Path) -> bool:
    """Whether metadata.csv is younger than all records, and no failure is on record."""
    try:
        written = (folder / METADATA).stat().st_mtime_ns
        return not (folder / FAILURES).exists() and all(p.stat().st_mtime_ns < written for p in record_files(folder))
    except OSError:
        return False


def _older_failures(folder: Path, settled: Callable[[Set[str]], Set[str]]) -> list[Failure]:
    path = folder / FAILURES
    if not path.is_file():
        return []
    try:
        failures = read_failures(path)
    except ValueError:
        return []
    over = settled({failure.source for failure in failures})
    return [failure for failure in failures if failure.source not in over]


def files_exist(folder: Path, record: ScanRecord) -> bool:
    """Whether every file of a record is there."""
    return all(os.path.isfile(f"{folder}/{file}") for file in record.files)  # noqa: PTH113 - thousands of files
