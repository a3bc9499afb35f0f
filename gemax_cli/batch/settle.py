"""The first step of a sequence: its frames are placed. Run in workers, before the frames are converted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from importlib.util import find_spec

from gemax_cli.batch.model import Step, death_of, failure_of, may_crash
from gemax_cli.datasets.model import ScanRef
from gemax_cli.errors import ExtraMissing, SettingsError
from gemax_cli.placement import Placement
from gemax_cli.settings import Settings
from gemax_cli.stack.tables import Failure

FEWEST_AT_ONCE = 32  # sequences that are placed before their frames are converted: a run that is stopped repeats these


@dataclass(frozen=True)
class SettleTask:
    """Place the frames of a sequence, in order of time."""

    frames: tuple[ScanRef, ...]
    settings: Settings

    @property
    def sequence(self) -> str:
        """Its name."""
        return self.frames[0].frame.sequence if self.frames[0].frame else ""

    @property
    def may_crash(self) -> bool:
        """Whether a damaged frame can crash the process."""
        return any(map(may_crash, self.frames))


@dataclass(frozen=True)
class Settled:
    """The result of a SettleTask.

    Attributes:
        sequence: its name.
        frames: their number.
        placements: by scan id; frames that cannot be converted have none.
        failure: why there are none at all; its ``source`` is that of no frame.
        missing: why Open3D cannot be loaded.
    """

    sequence: str
    frames: int
    placements: Mapping[str, Placement] = field(default_factory=dict)
    failure: Failure | None = None
    missing: str = ""


def run_settle(task: SettleTask) -> Settled:
    """Do one task; never raises."""
    from gemax_cli.sequences import stabilise_sequence  # kernels, which the parent of workers does not need

    refs, here = task.frames, (task.sequence, len(task.frames))
    try:
        found = stabilise_sequence([ref.path for ref in refs], task.settings)
    except ExtraMissing as error:
        return Settled(*here, missing=str(error))
    except Exception as error:
        return Settled(*here, failure=failure_of(refs[0].path.parent, task.sequence, error))
    return Settled(*here, {ref.scan_id: place for ref, place in zip(refs, found, strict=True) if place})


def unsettled(task: SettleTask) -> Settled:
    """The result of a task whose process died twice."""
    return Settled(task.sequence, len(task.frames), failure=death_of(task.frames[0].path.parent, task.sequence))


def settle_tasks(refs: Sequence[ScanRef], sequences: Set[str], settings: Settings, absolute: bool) -> list[SettleTask]:
    """A task for each of some sequences, with all of its frames among ``refs``; absolute paths are for a cluster."""
    frames: dict[str, list[tuple[int, str, ScanRef]]] = defaultdict(list)
    for ref in refs:
        if ref.frame and ref.frame.sequence in sequences:
            sent = replace(ref, path=ref.path.absolute()) if absolute else ref
            frames[ref.frame.sequence].append((ref.frame.number, ref.scan_id, sent))
    return [SettleTask(tuple(ref for *_, ref in sorted(own, key=lambda f: f[:2])), settings) for own in frames.values()]


def in_parts(steps: Sequence[Step], sequences: Set[str], most: int) -> Iterator[tuple[Sequence[Step], Set[str]]]:
    """Yield the steps, in their order, in parts, and the sequences to settle for each: at most ``most``."""
    start, names = 0, set[str]()
    for place, step in enumerate(steps):
        if step.sequence in sequences - names:
            if len(names) == most:
                yield steps[start:place], names
                start, names = place, set()
            names.add(step.sequence)
    yield steps[start:], names


def check_sequences(settings: Settings, refs: Sequence[ScanRef]) -> None:
    """Refuse what cannot be done with the sequences among some scans.

    Raises:
        SettingsError: Open3D is not installed, or the frame of reference would change with every frame.
    """
    if settings.sequence == "none" or not any(ref.frame for ref in refs):
        return
    if settings.sequence == "rigid" and find_spec("open3d") is None:
        raise ExtraMissing(
            "Open3D, which registers the frames of sequences, is not installed: pip install open3d (Python 3.12 or "
            "older), or give --sequence first."
        )
    if settings.block.frame == "fit":
        raise SettingsError(
            "--frame fit scales every frame of a sequence by itself: give --frame fixed, or --sequence none."
        )


def whole_sequences(refs: Sequence[ScanRef], found: Sequence[ScanRef], settings: Settings) -> Sequence[ScanRef]:
    """Some of the scans that were found, with all frames of their sequences: these are placed together."""
    names = {ref.frame.sequence for ref in refs if ref.frame} if settings.sequence != "none" else set()
    if not names:
        return refs
    own = {ref.scan_id for ref in refs}
    return [ref for ref in found if ref.scan_id in own or (ref.frame and ref.frame.sequence in names)]
