"""Plan a batch: the scans found, without those that the output folder holds already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import fmean

from gemax_cli.batch.model import Task
from gemax_cli.datasets.model import ScanRef
from gemax_cli.settings import Settings
from gemax_cli.stack.folder import OutputFolder, Shard
from gemax_cli.stack.records import ScanRecord

MOST_TIMINGS = 200  # records that tell how long a scan takes


@dataclass(frozen=True)
class Step:
    """A scan to convert, or one with a record to add maps to."""

    ref: ScanRef
    adds: bool = False


@dataclass(frozen=True)
class Plan:
    """The scans of a batch and the work on them.

    Attributes:
        refs: all scans.
        steps: the work that is missing, in the order of the scans.
    """

    refs: Sequence[ScanRef]
    steps: tuple[Step, ...]

    @property
    def done(self) -> int:
        """Number of scans that are complete already."""
        return len(self.refs) - len(self.steps)

    def tasks(self, folder: OutputFolder, settings: Settings) -> Iterator[Task]:
        """Yield the steps as tasks. An older record is read only when its task is yielded."""
        for step in self.steps:
            yield Task(step.ref, folder.path, settings, folder.record(step.ref.scan_id) if step.adds else None)


def make_plan(refs: Sequence[ScanRef], folder: OutputFolder, settings: Settings, *, overwrite: bool = False) -> Plan:
    """Plan the work that the records of a folder lack, or all of it.

    Raises:
        SettingsConflict: the folder was made with other settings, and they are not overwritten.
    """
    if not overwrite:
        folder.check_settings(settings)
    steps = (Step(ref) if overwrite else _step(ref, folder, settings) for ref in refs)
    return Plan(refs, tuple(step for step in steps if step is not None))


def expected_seconds(plan: Plan, folder: OutputFolder, jobs: int) -> float | None:
    """Estimate the time of the steps in ``jobs`` processes from the records of a folder; None without records."""
    timings = [record.seconds for record in islice(folder.records(), MOST_TIMINGS)]
    if not timings:
        return None
    whole = fmean(sum(seconds.values()) for seconds in timings)
    maps = fmean(sum(seconds.get(stage, 0.0) for stage in ("maps", "encode", "write")) for seconds in timings)
    adding = sum(step.adds for step in plan.steps)
    return ((len(plan.steps) - adding) * whole + adding * maps) / jobs


def _step(ref: ScanRef, folder: OutputFolder, settings: Settings) -> Step | None:
    """The step that a scan needs according to its record; None if it is complete."""
    record = folder.record(ref.scan_id)
    if record is None or _stale(record, ref, settings) or not folder.has_files(record):
        return Step(ref)
    return None if _complete(record, settings) else Step(ref, adds=True)


def _complete(record: ScanRecord, settings: Settings) -> bool:
    taus, channels = set(settings.taus), set(settings.map_channels)
    return all(
        taus <= set(record.taus(depth)) and channels <= set(record.comparisons(depth)) for depth in settings.depths
    )


def _stale(record: ScanRecord, ref: ScanRef, settings: Settings) -> bool:
    """Whether the record is of another file, another file size or other settings."""
    try:
        same_size = ref.path.stat().st_size == record.source_bytes
    except OSError:
        same_size = True  # the raw file is gone: its maps stay valid
    return record.settings != settings.digest or record.source != ref.source or not same_size


def shard_of(refs: Sequence[ScanRef], shard: Shard | None) -> Sequence[ScanRef]:
    """Every n-th scan from the i-th on (i from 1); all of them without a shard."""
    return refs[shard[0] - 1 :: shard[1]] if shard else refs
