"""Tasks of the second pass: count the codes of a scope's scans, then make their maps. Run in workers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.batch.model import Outcome, failure_of, is_disk_full
from gemax_cli.batch.scopes import Images, Scope
from gemax_cli.batch.task import with_maps
from gemax_cli.entropy.histogram import CodePool
from gemax_cli.entropy.solver import optimal_cuts_per_tau
from gemax_cli.errors import BadFormat
from gemax_cli.maps.registry import POOLED
from gemax_cli.pipeline import compare_maps, map_by_cuts
from gemax_cli.settings import Settings
from gemax_cli.stack.guard import Guard
from gemax_cli.stack.images import load_recorded
from gemax_cli.stack.records import BlockRecord, MappingRecord, MapRecord, ScanRecord, pack_cuts
from gemax_cli.stack.tables import Failure

Pools = Mapping[float, CodePool]
"""The codes of a scope, per depth in mm."""


@dataclass(frozen=True)
class CountTask:
    """Count the codes of some scans of a scope.

    Attributes:
        scope: number of the scope.
        out: output folder.
        levels: N.
        scans: source and depth images of each scan.
    """

    scope: int
    out: Path
    levels: int
    scans: tuple[tuple[str, Images], ...]


@dataclass(frozen=True, eq=False)
class Counted:
    """The result of a CountTask: the codes of the scans that could be read, and why the others could not."""

    scope: int
    pools: Pools
    failures: tuple[Failure, ...] = ()


def run_count(task: CountTask) -> Counted:
    """Count the codes of some scans; never raises. A scan that cannot be read takes no part."""
    pools: Pools = {}
    failures: list[Failure] = []
    for source, images in task.scans:
        try:
            own = {depth: _count(task, file, sha256) for depth, file, sha256 in images}
        except Exception as error:
            failures.append(failure_of(task.out / images[0][1], source, error))
        else:
            pools = add_pools(pools, own)
    return Counted(task.scope, pools, tuple(failures))


def add_pools(one: Pools, other: Pools) -> Pools:
    """The codes of both, per depth."""
    return {**one, **{depth: one[depth] + pool if depth in one else pool for depth, pool in other.items()}}


def _count(task: CountTask, file: str, sha256: str) -> CodePool:
    return CodePool.of(_codes(task.out, file, sha256), task.levels)


def _codes(out: Path, file: str, sha256: str) -> NDArray[np.uint16]:
    path = Guard(out).path(file)
    codes, wrong = load_recorded(path, sha256, np.uint16)
    if codes is None:
        raise BadFormat(path, f"{wrong}: convert the scan again.")
    return codes


@dataclass(frozen=True, eq=False)
class SharedMapping:
    """The mapping of a scope.

    Attributes:
        record: what records say of it.
        cuts: (K + 1,) levels, per depth in mm and tau.
        pools: codes of the scope per depth; empty where no comparison map takes them.
        maps: comparison maps to make.
    """

    record: MappingRecord
    cuts: Mapping[float, Mapping[int, NDArray[np.int32]]]
    pools: Pools
    maps: tuple[str, ...] = ()


def solve_scope(scope: Scope, pools: Pools, settings: Settings) -> SharedMapping:
    """Fit the mapping of a scope to its pooled histograms, one per depth."""
    bins = settings.quantisation.face_bins
    cuts = {
        depth: {solution.tau: solution.cuts for solution in optimal_cuts_per_tau(pool.counts, bins, scope.taus)}
        for depth, pool in sorted(pools.items())
    }
    text = "".join(f"{depth!r} {tau} {pack_cuts(own)}\n" for depth in cuts for tau, own in sorted(cuts[depth].items()))
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()
    record = MappingRecord(scope.kind, scope.name, len(scope.members), scope.digest, digest)
    return SharedMapping(record, cuts, pools if scope.maps else {}, scope.maps)


@dataclass(frozen=True, eq=False)
class RemapTask:
    """Map a converted scan by the mapping of its scope."""

    out: Path
    settings: Settings
    older: ScanRecord
    mapping: SharedMapping


def run_remap(task: RemapTask) -> Outcome:
    """Do one task; never raises."""
    older = task.older
    try:
        blocks = tuple(_remapped(task, block) for block in older.blocks)
    except Exception as error:
        failure = failure_of(task.out / older.blocks[0].file, older.source, error)
        return Outcome(older.scan_id, failure=failure, disk_full=is_disk_full(error), shared=True)
    record = replace(older, blocks=blocks, mapping=task.mapping.record)
    return Outcome(older.scan_id, record.to_line(), warnings=record.warnings, shared=True)


def _remapped(task: RemapTask, block: BlockRecord) -> BlockRecord:
    codes, shared, quantisation = _codes(task.out, block.file, block.sha256), task.mapping, task.settings.quantisation
    kept = _still_valid(task, block)
    taus, channels = {m.tau for m in kept.maps}, {m.name for m in kept.comparisons}
    cuts = {tau: own for tau, own in shared.cuts[block.depth_mm].items() if tau not in taus}
    names = tuple(name for name in shared.maps if name not in channels)
    made = {m.tau: m for m in map_by_cuts(codes, cuts, quantisation)}
    pool = shared.pools.get(block.depth_mm)
    compared = compare_maps(codes, block.depth_mm, block.mm_per_pixel, names, quantisation, pool)
    groups = (tuple(made[tau] for tau in group) for group in _groups(block.maps, sorted(made)))
    return with_maps(Guard(task.out), task.settings.stack, kept, groups, compared)


def _still_valid(task: RemapTask, block: BlockRecord) -> BlockRecord:
    """A block with those of its maps that need not be made: where the scope grew, none that depends on it."""
    before, now, guard = task.older.mapping, task.mapping.record, Guard(task.out)
    same = before is not None and (before.scope, before.name, before.members) == (now.scope, now.name, now.members)
    if same and all(guard.has_file(m.file) for m in block.all_maps):
        return block
    return replace(block, maps=(), comparisons=tuple(m for m in block.comparisons if m.name not in POOLED))


def _groups(maps: Sequence[MapRecord], taus: Sequence[int]) -> list[list[int]]:
    """The tau of each file that there is, and those without one: files keep their names when they are made again."""
    files: dict[str, list[int]] = {}
    for m in maps:
        if m.tau in taus:
            files.setdefault(m.file, []).append(m.tau)
    held = {m.tau for m in maps}
    new = [tau for tau in taus if tau not in held]
    return [*files.values(), *([new] if new else [])]
