"""Join output folders of equal settings, such as those of machines that each converted a part."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial, reduce
from itertools import islice
from unicodedata import normalize

from gemax_cli.errors import SOME_FAILED, MergeConflict, NothingToConvert, ScanError, SettingsConflict, SettingsError
from gemax_cli.paths import AnyPath, AnyPaths, as_paths
from gemax_cli.settings import Settings
from gemax_cli.stack.atomic import sync_all, sync_path, write_atomically
from gemax_cli.stack.folder import OutputFolder, settings_changes
from gemax_cli.stack.guard import check_own_files, read_regular
from gemax_cli.stack.naming import records_name
from gemax_cli.stack.records import RecordWriter, ScanRecord
from gemax_cli.stack.tables import Failure

BATCH = 200  # scans between two waits for the disk


@dataclass
class Merged:
    """What a merge did.

    Attributes:
        scans: in the folders, each once.
        present: of them, those that the output folder held already.
        added: of them, those that were copied.
        problems: sentences on records and images that are not what was recorded; these scans are left out.
    """

    scans: int = 0
    present: int = 0
    added: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 if all scans are there, 3 if some are left out."""
        return SOME_FAILED if self.problems else 0


def merge(
    folders: AnyPaths,
    out: AnyPath,
    *,
    command: Iterable[str] = (),
    wait: float = 0.0,
    progress: Callable[[str, int], None] = lambda *_: None,
) -> Merged:
    """Copy the scans of some folders of ``gemax convert`` into one, checked; call it again to go on after a stop.

    Records are checked by their checksums, images by their SHA-256. Tau and maps may differ: ``convert`` adds what a
    scan lacks. Rows of failures.csv are taken along; splits are not, because they are of other subjects.

    Args:
        folders: of equal settings; they are only read.
        out: folder to write; what it holds already is one of those that are joined.
        command: the command line, for run.json.
        wait: seconds to wait for a folder that another process writes to.
        progress: called with "" and the number of scans to copy, then with the id of each that is done.

    Raises:
        NothingToConvert: a folder holds no records.
        SettingsConflict: the folders were made with different settings.
        MergeConflict: two folders hold different versions of a scan; nothing is copied then.
        OutputError: a folder is in use, a file of gemax is a link or pipe, or ``out`` cannot be written to.
        SettingsError: ``out`` is one of the folders, in one, or around one.
    """
    sources, target = [OutputFolder(path) for path in dict.fromkeys(as_paths(folders))], OutputFolder(out)
    _check_apart(sources, target)
    for source in sources:
        _check_records(source)
    settings = _joined_settings([*sources, *[target] * target.is_ours])
    with target.explained(), ExitStack() as locks:
        target.prepare()
        for folder in sorted((target, *sources), key=lambda folder: folder.path.resolve()):  # two merges: one order
            if folder is target or os.access(folder.path, os.W_OK):
                locks.enter_context(folder.locked(wait=wait))
        return _Merge(sources, target, settings, progress).run(command)


def _check_apart(sources: Sequence[OutputFolder], target: OutputFolder) -> None:
    own = target.path.resolve()
    for source in sources:
        theirs = source.path.resolve()
        if own == theirs or own in theirs.parents or theirs in own.parents:
            raise SettingsError(f"{target.path}: is, holds or lies in {source.path}: give another output folder.")


def _check_records(source: OutputFolder) -> None:
    check_own_files(source.path)
    if not source.run or not source.scan_ids:
        raise NothingToConvert(f"{source.path}: holds no run.json and records: give folders that gemax convert wrote.")


def _joined_settings(folders: Sequence[OutputFolder]) -> Settings:
    """The settings of all folders, with the tau and maps of each.

    Raises:
        SettingsConflict: they differ in something else.
    """
    first = folders[0]
    for folder in folders[1:]:
        if folder.settings.digest != first.settings.digest:
            changes = settings_changes(first.run.get("settings"), folder.settings)
            message = f"were made with different settings ({changes}): convert one of them again with --overwrite."
            raise SettingsConflict(f"{first.path} and {folder.path}: {message}")
    return reduce(_joined, (folder.settings for folder in folders))


def _joined(one: Settings, other: Settings) -> Settings:
    values = one.as_dict()
    for name in ("texture", "require_texture", "mask"):
        values[name] = getattr(one, name) or getattr(other, name)
    return Settings.from_dict({**values, "taus": [*one.taus, *other.taus], "maps": [*one.maps, *other.maps]})


@dataclass
class _Merge:
    """One merge and its state."""

    sources: Sequence[OutputFolder]
    target: OutputFolder
    settings: Settings
    progress: Callable[[str, int], None]
    merged: Merged = field(default_factory=Merged)

    def run(self, command: Iterable[str]) -> Merged:
        """Copy and record what the target lacks."""
        for folder in self.sources:
            self.merged.problems += [f"{folder.path / file}: {message}." for file, message in folder.damaged_lines()]
        failures = dict.fromkeys(failure for source in self.sources for failure in source.failures())
        holders = self._holders()
        todo = [(scan_id, holder) for scan_id, holder in holders.items() if holder is not self.target]
        self.merged.scans, self.merged.present = len(holders), len(holders) - len(todo)
        paths = [source.path for source in self.sources]
        self.target.write_run(self.settings, command, paths, [source.run.get("history") for source in self.sources])
        try:
            with self.target.writer() as writer:
                self._copy(iter(todo), writer)
        finally:
            self._write_tables(failures)
        return self.merged

    def _holders(self) -> dict[str, OutputFolder]:
        """The folder that each scan is taken from, in order of scan id.

        Raises:
            MergeConflict: two folders hold different versions of a scan.
        """
        holders: dict[str, OutputFolder] = {}
        spelled: dict[str, str] = {}  # as file systems compare names that ignore case
        conflicts: list[str] = []
        for folder in (self.target, *self.sources):
            for record in filter(partial(self._is_usable, folder), folder.records()):
                scan_id = spelled.setdefault(normalize("NFC", record.scan_id.casefold()), record.scan_id)
                other = holders.get(scan_id)
                theirs = other.record(scan_id) if other else None
                if other and theirs and not _agree(record, theirs):
                    conflicts.append(f"{other.path} and {folder.path} hold different versions of {record.scan_id}")
                elif theirs is None or set(theirs.files) < set(record.files):
                    holders[record.scan_id] = folder
        if conflicts:
            more = f" (and of {len(conflicts) - 1} more scans)" * (len(conflicts) > 1)
            raise MergeConflict(f"{conflicts[0]}{more}: remove one of them from its folder or convert both again.")
        return dict(sorted(holders.items()))

    def _is_usable(self, folder: OutputFolder, record: ScanRecord) -> bool:
        """Whether a record counts: not one of other settings, nor one of the target whose images are gone."""
        if folder is self.target:
            return record.settings == self.settings.digest and folder.has_files(record)
        if record.settings != self.settings.digest:
            self.merged.problems.append(f"{folder.path}: {record.scan_id} is of other settings: convert it again.")
        return record.settings == self.settings.digest

    def _copy(self, todo: Iterator[tuple[str, OutputFolder]], writer: RecordWriter) -> None:
        self.progress("", self.merged.scans - self.merged.present)
        while batch := list(islice(todo, BATCH)):
            lines = []
            for scan_id, holder in batch:
                lines += self._copied(holder, scan_id)
                self.progress(scan_id, self.merged.scans - self.merged.present)
            sync_all()
            self.target.check_in_place(records_name(None))
            for line in lines:
                writer.append_line(line)
            sync_path(self.target.path / records_name(None))
            self.merged.added += len(lines)

    def _copied(self, holder: OutputFolder, scan_id: str) -> list[str]:
        """The record's line once its images are in place; empty where one is not what was recorded."""
        record = holder.record(scan_id)
        try:
            if record is None:
                raise ScanError(holder.path, f"its record of {scan_id} changed meanwhile: run the same command again.")
            images = {file: _read_checked(holder, file, sha256) for file, sha256 in _digests(record).items()}
            self.target.remove_temporaries(scan_id)
            for file, data in images.items():
                self._put(file, data)
        except ScanError as error:
            self.merged.problems.append(str(error))
            return []
        return [record.to_line()]

    def _put(self, file: str, data: bytes) -> None:
        self.target.guard.path(file).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.target.guard.path(file), data, sync=False)

    def _write_tables(self, failures: Iterable[Failure]) -> None:
        there = {record.source for record in OutputFolder(self.target.path).records()}
        stamps = {scan_id: stamp for source in self.sources for scan_id, stamp in source.state.scans.items()}
        left = [failure for failure in failures if failure.source not in there]
        self.target.write_tables(None, left, lambda older: older & (there | {f.source for f in left}), stamps)


def _read_checked(folder: OutputFolder, file: str, sha256: str) -> bytes:
    """The content of an image; raises ScanError where it is not what was recorded."""
    path = folder.guard.path(file)
    try:
        data = read_regular(path)
    except OSError as error:
        raise ScanError(path, f"cannot be read ({error.strerror}): convert its scan again.") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ScanError(path, "is not what its record says (its SHA-256 differs): convert its scan again.")
    return data


def _agree(one: ScanRecord, other: ScanRecord) -> bool:
    """Whether two records are of the same scan: the same raw bytes, and no file that both name differs."""
    own, theirs = _digests(one), _digests(other)
    same_scan = (one.scan_id, one.source_sha256) == (other.scan_id, other.source_sha256)
    return same_scan and all(own[file] == theirs[file] for file in own.keys() & theirs.keys())


def _digests(record: ScanRecord) -> dict[str, str]:
    """SHA-256 of every file of a record."""
    return {
        part.file: part.sha256
        for block in record.blocks
        for part in (block, *block.all_maps, *block.extras)
    }  # fmt: skip
