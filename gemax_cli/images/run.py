"""Map many images into an output folder."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gemax_cli.batch.model import Outcome, death_of
from gemax_cli.batch.run import RunOptions, Summary
from gemax_cli.errors import FileUnreadable, FolderGone, NothingToConvert, OutputError, ScanError, SettingsError
from gemax_cli.images.find import ImageRef, find_images
from gemax_cli.images.levels import ValueCounts, level_grid, pooled_counts
from gemax_cli.images.mapping import ImageMapping, solve_image
from gemax_cli.images.maps import recorded_path
from gemax_cli.images.records import ImageRecord, read_image_records
from gemax_cli.images.settings import ImageSettings
from gemax_cli.images.table import image_table
from gemax_cli.images.task import Counted, CountTask, MapTask, image_stamp, run_count, run_map
from gemax_cli.parallel import map_unordered
from gemax_cli.paths import AnyPath, AnyPaths, as_paths
from gemax_cli.scans.raw_file import sha256_of
from gemax_cli.scans.walk import check_sources
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.naming import records_name
from gemax_cli.stack.records import RecordWriter, tidy_records
from gemax_cli.stack.state import (
    ABSENT,
    State,
    read_state,
    records_digest,
    stat_of,
    tables_digest,
    write_state,
)
from gemax_cli.stack.tables import Failure, write_failures


class ImageReporter:
    """Progress of a run, for subclasses to report. The methods here do nothing."""

    def found(self, sources: Sequence[tuple[str, str]], steps: Mapping[str, str], summary: Summary) -> None:
        """Called once, before ``planned``: id and source of every image, and by id why it is to be mapped."""

    def planned(self, steps: int, summary: Summary) -> None:
        """Called once, before the first image; ``steps`` are to be mapped."""

    def finished(self, outcome: Outcome) -> None:
        """Called after each image, when its record is written."""


def map_images(
    sources: AnyPaths,
    out: AnyPath,
    settings: ImageSettings | None = None,
    options: RunOptions | None = None,
    reporter: ImageReporter | None = None,
) -> Summary:
    """Map HDR images to 8-bit GEMax maps in an output folder; images that are complete already are skipped.

    Args:
        sources: files and folders: PNG, TIFF, GeoTIFF, .npy, DICOM.
        out: output folder, made if missing.
        settings: what to make; the defaults if None.
        options: how to run: jobs, overwrite, on_failure, command.
        reporter: of progress.

    Raises:
        NothingToConvert: no image was found, or of a set none can be read.
        OutputError: the output folder is in use, made otherwise, full or cannot be written to.
        SettingsError: tau, range or scale do not fit the values of a set.
    """
    started, folder = time.perf_counter(), OutputFolder(out)
    settings, options, reporter = settings or ImageSettings(), options or RunOptions(), reporter or ImageReporter()
    refs, summary = _find(sources, folder.path)
    with folder.explained():
        folder.prepare()
        with folder.locked(wait=options.wait):
            run = _Run(folder, settings, options, summary, reporter, as_paths(sources))
            run.do(refs)
    summary.seconds = time.perf_counter() - started
    return summary


def _find(sources: AnyPaths, out: Path) -> tuple[Sequence[ImageRef], Summary]:
    check_sources(as_paths(sources))
    if out.resolve() in (path.resolve() for path in as_paths(sources)):
        raise SettingsError(f"{out}: is also a source, and its maps would be mapped: give another output folder.")
    found = find_images(sources)
    if not found.images:
        reasons = [sentence for _, sentence in found.unlisted]
        named = ", ".join(map(str, as_paths(sources))) or "an empty list"
        raise NothingToConvert(reasons[0] if reasons else f"{named}: no image to map: check the folder.")
    failures = [Failure(source, "walk", FileUnreadable.__name__, sentence) for source, sentence in found.unlisted]
    return found.images, Summary(found=len(found.images), notes=found.notes, failures=failures)


@dataclass
class _Run:
    """One run and its state."""

    folder: OutputFolder
    settings: ImageSettings
    options: RunOptions
    summary: Summary
    reporter: ImageReporter
    sources: Sequence[Path]
    left: dict[str, ImageRef] = field(default_factory=dict)  # without an outcome yet
    stamps: dict[str, str] = field(default_factory=dict)  # for the next run
    known: dict[str, str] = field(default_factory=dict)  # of the last run

    def do(self, refs: Sequence[ImageRef]) -> None:
        """Plan, map, and write the tables, also if an exception ends the run."""
        if not self.options.overwrite:
            self.folder.check_settings(self.settings)
        self.known = dict(read_state(self.folder.path).scans)
        pool = _pool(refs) if self.settings.mapping == "set" else ""
        steps = list(self._steps(refs, pool))
        self.summary.done = len(refs) - len(steps)
        self.folder.write_run(self.settings, self.options.command, self.sources)
        reasons = {ref.image_id: "adds" if older else "new" for ref, older in steps}
        self.reporter.found([(ref.image_id, ref.source) for ref in refs], reasons, self.summary)
        self.reporter.planned(len(steps), self.summary)
        self.left = {ref.image_id: ref for ref, _ in steps}
        gone = False
        try:
            self._map(refs, steps, pool)
        except FolderGone:
            gone = True
            raise
        finally:
            self.summary.left = len(self.left)
            for image_id in self.left:
                self.folder.remove_temporaries(image_id)
            if not gone and (steps or self.summary.failures or not self.folder.tables_are_current()):
                self._write_tables(refs)

    def _steps(self, refs: Sequence[ImageRef], pool: str) -> Iterator[tuple[ImageRef, ImageRecord | None]]:
        """The images that are to be mapped, with the records that only lack some maps."""
        records = {record.image_id: record for record in read_image_records(self.folder.path)}
        for ref in refs:
            record = None if self.options.overwrite else records.get(ref.image_id)
            if record is None or not self._is_current(record, ref, pool):
                yield ref, None
            elif not set(self.settings.taus) <= set(record.taus):
                yield ref, record

    def _is_current(self, record: ImageRecord, ref: ImageRef, pool: str) -> bool:
        """Whether a record is of this file, these settings and this set, and its images are there."""
        if (record.settings, record.source, record.pool) != (self.settings.digest, ref.source, pool):
            return False
        return self._is_same(record, ref) and self._has_files(record)

    def _is_same(self, record: ImageRecord, ref: ImageRef) -> bool:
        """Whether a file is the one that was read: by size and time as the last run saw them, else by SHA-256."""
        stat = stat_of(ref.path)
        stamp = image_stamp(record.source_sha256, stat)
        if stat != ABSENT and self.known.get(ref.image_id) != stamp:  # an image that is gone keeps its maps
            with suppress(OSError):
                if stat[0] != record.source_bytes or sha256_of(ref.path) != record.source_sha256:
                    return False
        self.stamps[ref.image_id] = stamp
        return True

    def _has_files(self, record: ImageRecord) -> bool:
        try:
            return all(recorded_path(self.folder.guard, file) for file in record.files)
        except ScanError:
            return False

    def _map(self, refs: Sequence[ImageRef], steps: list[tuple[ImageRef, ImageRecord | None]], pool: str) -> None:
        mapping = self._pooled_mapping(refs) if pool and steps else None
        tasks = (
            MapTask(ref, self.folder.path, self.settings, mapping, pool, older)
            for ref, older in steps
            if ref.image_id in self.left  # of a set, those that cannot be read have failed already
        )
        outcomes = map_unordered(
            run_map,
            tasks,
            min(self.options.jobs, max(1, len(steps))),
            lost=lambda task: Outcome(task.ref.image_id, failure=death_of(task.ref.path, task.ref.source)),
        )
        with self.folder.writer() as writer, closing(outcomes):
            for outcome in outcomes:
                self._track(outcome, writer)
                self.reporter.finished(outcome)
                if outcome.failure and (self.options.on_failure == "stop" or outcome.disk_full):
                    return

    def _track(self, outcome: Outcome, writer: RecordWriter) -> None:
        if outcome.line is not None:
            writer.append_line(outcome.line)  # its images lie on the disk; a line that a power cut takes is made anew
            self.folder.check_in_place(records_name(None))
            self.stamps[outcome.scan] = outcome.stamp
            self.summary.converted += 1
            self.summary.add_warnings(outcome)
        elif outcome.failure:
            self.summary.failures.append(outcome.failure)
            self.summary.disk_full = self.summary.disk_full or outcome.disk_full
        self.left.pop(outcome.scan, None)

    def _pooled_mapping(self, refs: Sequence[ImageRef]) -> ImageMapping:
        """One mapping for all images; those that cannot be read are failures.

        Raises:
            NothingToConvert: none can be read.
            SettingsError: tau, range or scale do not fit the values.
        """
        counts: ValueCounts | None = None
        readable: list[ImageRef] = []
        for result in self._count([CountTask(ref, self.settings) for ref in refs]):
            if result.counts is not None:
                readable.append(result.ref)
                counts = result.counts if counts is None else pooled_counts((counts, result.counts))
        if counts is None:
            raise NothingToConvert("none of the images can be read, so that there is no set to map.")
        grid = level_grid(counts, self.settings)
        if counts.exact:
            return solve_image(grid, grid.histogram(counts), self.settings)
        histogram = np.zeros(grid.levels, np.int64)
        for result in self._count([CountTask(ref, self.settings, grid) for ref in readable]):
            if result.histogram is not None:
                histogram += result.histogram
        return solve_image(grid, histogram, self.settings)

    def _count(self, tasks: Sequence[CountTask]) -> Iterator[Counted]:
        """Do the tasks; failures are tracked here."""
        results = map_unordered(
            run_count,
            tasks,
            min(self.options.jobs, len(tasks)),
            lost=lambda task: Counted(task.ref, failure=death_of(task.ref.path, task.ref.source)),
        )
        with closing(results):
            for result in results:
                if result.failure:
                    self.summary.failures.append(result.failure)
                    if self.left.pop(result.ref.image_id, None):
                        self.reporter.finished(Outcome(result.ref.image_id, failure=result.failure))
                yield result

    def _write_tables(self, refs: Sequence[ImageRef]) -> None:
        tidy_records(self.folder.path / records_name(None))
        records = list(read_image_records(self.folder.path))
        image_table(records).write(self.folder.path)
        known = {**self.known, **self.stamps}
        kept = {record.image_id: known[record.image_id] for record in records if record.image_id in known}
        write_state(self.folder.path, State(tables_digest(self.folder.path, records_digest(self.folder.path)), kept))
        tried = {ref.source for ref in refs} - {ref.source for ref in self.left.values()}
        try:
            older = [failure for failure in self.folder.failures() if failure.source not in tried]
        except OutputError:
            older = []
        write_failures(self.folder.path, [*older, *self.summary.failures])


def _pool(refs: Sequence[ImageRef]) -> str:
    """Digest of the members of a set: ids, sources and sizes."""
    members = []
    for ref in refs:
        size = -1
        with suppress(OSError):
            size = ref.path.stat().st_size
        members.append((ref.image_id, ref.source, size))
    return hashlib.sha256(json.dumps(sorted(members)).encode("ascii")).hexdigest()
