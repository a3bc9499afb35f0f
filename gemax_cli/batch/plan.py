"""Plan a batch: the scans found, without those that the output folder holds already."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from gemax_cli.batch.model import Reason, Step, Task, sequence_of
from gemax_cli.batch.scopes import name_of_ref
from gemax_cli.batch.settle import Settled
from gemax_cli.datasets.model import ScanRef
from gemax_cli.maps.registry import channels_of
from gemax_cli.scans.picture import NO_PICTURE
from gemax_cli.settings import Settings
from gemax_cli.stack.folder import OutputFolder, Shard
from gemax_cli.stack.naming import DEPTH16, block_folder
from gemax_cli.stack.records import ScanRecord
from gemax_cli.stack.state import source_changes, stamp_of

MOST_DAMAGE_TOLD = 10  # damaged lines
TOLD: Mapping[Reason, str] = {
    "changed": "Scans whose raw files changed, or files read with them, that are converted again",
    "files": "Scans that lack images of their records and are converted again",
    "damaged": "Scans with damaged records that are converted again",
    "lost": "Scans with images but no record (a run was killed, or records were lost) that are converted again",
}
"""What is said of the reasons for a step that nobody asked for."""


@dataclass(frozen=True)
class Plan:
    """The scans of a batch and the work on them.

    Attributes:
        refs: all scans.
        steps: the work that is missing, in the order of the scans.
        stamps: scan id to ``stamp_of`` of unchanged scans that the folder's state does not know.
        notes: sentences on scans that are converted again, and on damaged records.
        unsettled: sequences whose frames are to be placed; all of their frames have a step.
    """

    refs: Sequence[ScanRef]
    steps: tuple[Step, ...]
    stamps: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unsettled: frozenset[str] = frozenset()

    @property
    def done(self) -> int:
        """Number of scans that are complete already."""
        return len(self.refs) - len(self.steps)

    def named(self) -> tuple[list[tuple[str, str]], dict[str, str]]:
        """Id and source of all scans; and by id, the reasons of the steps."""
        return [(ref.scan_id, ref.source) for ref in self.refs], {step.ref.scan_id: step.reason for step in self.steps}


def task_of(step: Step, folder: OutputFolder, settings: Settings, settled: Settled | None) -> Task:
    """The task of a step. An older record is read now; it has the placement of a frame that is not settled anew."""
    older = folder.record(step.ref.scan_id) if step.adds else None
    if settled is None:
        return Task(step.ref, folder.path, settings, older, older.placement if older else None)
    failure = settled.failure and replace(settled.failure, source=step.ref.source)
    return Task(step.ref, folder.path, settings, older, settled.placements.get(step.ref.scan_id), failure)


def make_plan(refs: Sequence[ScanRef], folder: OutputFolder, settings: Settings, *, overwrite: bool = False) -> Plan:
    """Plan the work that the records of a folder lack, or all of it.

    Raises:
        SettingsConflict: the folder was made with other settings, and they are not overwritten.
    """
    if overwrite:
        return _plan([(ref, "overwrite") for ref in refs], settings, {})
    folder.check_settings(settings)
    stamps: dict[str, str] = {}
    members: dict[str, set[str]] = defaultdict(set)
    reasons = [(ref, _reason(ref, folder, settings, stamps, members)) for ref in refs]
    plan = _plan(reasons, settings, members)
    return replace(plan, stamps=stamps, notes=(*_notes(plan.steps), *_damage(plan.steps, folder)))


def _plan(
    reasons: Sequence[tuple[ScanRef, Reason | None]], settings: Settings, members: Mapping[str, Set[str]]
) -> Plan:
    """A plan by the reason for each scan. Where frames of a sequence are not all placed together, all have a step."""
    unsettled: set[str] = set()
    if settings.sequence != "none":
        unsettled.update(name for name, own in members.items() if len(own) > 1 or "" in own)
        unsettled.update(ref.frame.sequence for ref, reason in reasons if ref.frame and reason not in (None, "adds"))
    steps = [Step(ref, reason) for ref, reason in reasons if reason and sequence_of(ref) not in unsettled]
    frames = [Step(ref, reason or "adds") for ref, reason in reasons if sequence_of(ref) in unsettled]
    frames.sort(key=lambda step: step.sequence)
    return Plan([ref for ref, _ in reasons], (*steps, *frames), unsettled=frozenset(unsettled))


def _notes(steps: Iterable[Step]) -> Iterator[str]:
    for reason, sentence in TOLD.items():
        if scans := [step.ref.scan_id for step in steps if step.reason == reason]:
            yield f"{sentence}: {len(scans)}, such as {scans[0]}."


def _damage(steps: Iterable[Step], folder: OutputFolder) -> Iterator[str]:
    """Sentences on the damaged lines of the record files; they are read where the last run did not see them."""
    if not folder.scan_ids and not any(step.reason in ("damaged", "lost") for step in steps):
        return
    if folder.tables_are_current() and not any(step.reason == "damaged" for step in steps):
        return
    damaged = [f"{folder.path / file}: {message}." for file, message in folder.damaged_lines()]
    yield from damaged[:MOST_DAMAGE_TOLD]
    if len(damaged) > MOST_DAMAGE_TOLD:
        yield f"Further lines of records that are damaged: {len(damaged) - MOST_DAMAGE_TOLD}."


def _reason(
    ref: ScanRef, folder: OutputFolder, settings: Settings, stamps: dict[str, str], members: dict[str, set[str]]
) -> Reason | None:
    """Why a scan needs a step according to its record; None if it is complete.

    Notes new stamps in ``stamps``, and in ``members`` with which frames those of each sequence were placed.
    """
    record = folder.record(ref.scan_id)
    if record is None:
        return _reason_without_record(ref, folder, settings)
    if record.settings != settings.digest or record.source != ref.source:
        return "settings"
    if _changed(record, ref, folder, stamps):
        return "changed"
    if not folder.has_files(record):
        return "files"
    if ref.frame:
        members[ref.frame.sequence].add(record.placement.members if record.placement else "")
    known = ref.frame in (None, record.frame)
    return None if known and _complete(record, settings) else "adds"


def _reason_without_record(ref: ScanRef, folder: OutputFolder, settings: Settings) -> Reason:
    if folder.has_record(ref.scan_id):
        return "damaged"
    place = block_folder(ref.scan_id, settings.depths[0], len(settings.depths) > 1)
    return "lost" if folder.guard.has_file(f"{place}/{DEPTH16}") else "new"


def _complete(record: ScanRecord, settings: Settings) -> bool:
    taus, channels = set(settings.own_taus), set(channels_of(settings.own_maps))
    return not lacks_surface(record, settings) and all(
        taus <= set(record.taus(depth)) and channels <= set(record.comparisons(depth)) for depth in settings.depths
    )


def lacks_surface(record: ScanRecord, settings: Settings) -> bool:
    """Whether a record lacks a texture or mask, which take the scan's surface to make.

    A scan without a picture is complete, unless a texture is required: then it is looked for again.
    """
    lacking = ("", NO_PICTURE) if settings.require_texture else ("",) if settings.texture else ()
    return record.texture in lacking or (settings.mask and any(block.mask is None for block in record.blocks))


def _changed(record: ScanRecord, ref: ScanRef, folder: OutputFolder, stamps: dict[str, str]) -> bool:
    """Whether the raw file, or one that was read with it, is another one; if it is gone, its maps stay valid."""
    stamp = stamp_of(record, ref.path)
    if folder.state.scans.get(ref.scan_id) == stamp or not os.path.lexists(ref.path):
        return False
    if source_changes(record, ref.path):
        return True
    stamps[ref.scan_id] = stamp
    return False


def shard_of(refs: Sequence[ScanRef], shard: Shard | None, settings: Settings) -> Sequence[ScanRef]:
    """Every n-th scan, sequence or scope of a mapping, from the i-th on (i from 1); all scans without a shard."""
    scope = settings.mapping
    if scope == "scan" and settings.sequence != "none":
        scope = "sequence"
    if not shard:
        return refs
    if scope == "scan":
        return refs[shard[0] - 1 :: shard[1]]
    names = [name_of_ref(scope, ref) for ref in refs]
    own = set(list(dict.fromkeys(names))[shard[0] - 1 :: shard[1]])
    return [ref for ref, name in zip(refs, names, strict=True) if name in own]
