"""The scans of an output folder that a split keeps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gemax_cli.datasets.ids import natural_key
from gemax_cli.datasets.model import ScanName
from gemax_cli.datasets.registry import DATASETS
from gemax_cli.splits.model import UNKNOWN, Kept, SubjectKey
from gemax_cli.splits.order import Subject
from gemax_cli.stack.records import ScanRecord


def scans_by_subject(records: Iterable[ScanRecord]) -> dict[SubjectKey, list[ScanRecord]]:
    """The records of each (dataset, subject), in natural order of scan id; scans of unknown subjects are left out."""
    groups: dict[SubjectKey, list[ScanRecord]] = defaultdict(list)
    for record in records:
        if record.name.subject:
            groups[record.name.dataset, record.name.subject].append(record)
    return {key: sorted(groups[key], key=lambda r: natural_key(r.scan_id)) for key in sorted(groups)}


def kept_scans(records: Iterable[ScanRecord], keeps: Mapping[str, Kept]) -> dict[SubjectKey, tuple[ScanRecord, ...]]:
    """The scans that a split keeps of every subject of its databases, in natural order; subjects without any go.

    Of a scan that is there as two meshes (BU-3DFE's F3D and RAW) the one that gemax takes by default is kept.
    """
    subjects = scans_by_subject(record for record in records if record.name.dataset in keeps)
    found = {key: tuple(_kept(scans, keeps[key[0]])) for key, scans in subjects.items()}
    return {key: scans for key, scans in found.items() if scans}


def _kept(scans: Sequence[ScanRecord], rule: Kept) -> Iterator[ScanRecord]:
    wanted = [scan for scan in _one_mesh_each(scans) if _takes(rule, scan.name)]
    shown: set[str] = set()
    if rule.complete and not set(rule.expressions) <= {scan.name.expression for scan in wanted}:
        return
    for scan in wanted:
        if not (rule.first and scan.name.expression in shown):
            yield scan
        shown.add(scan.name.expression)


def _takes(rule: Kept, name: ScanName) -> bool:
    """Whether expression and level are among those of the rule."""
    shown = not rule.expressions or name.expression in rule.expressions
    return shown and (not rule.levels or name.level in rule.levels)


def _one_mesh_each(scans: Sequence[ScanRecord]) -> list[ScanRecord]:
    """The scans without second meshes of the same moment."""
    kinds: dict[tuple[str, int | None], set[str]] = defaultdict(set)
    for scan in scans:
        kinds[scan.name.expression, scan.name.level].add(scan.name.kind)
    return [scan for scan in scans if not _is_second(scan.name, kinds[scan.name.expression, scan.name.level])]


def _is_second(name: ScanName, there: set[str]) -> bool:
    """Whether a mesh of a kind that is taken before this one is there; a name without a kind is of the first."""
    kinds = DATASETS[name.dataset].kinds if name.dataset in DATASETS else ()
    return name.kind in kinds and bool(there & {"", *kinds[: kinds.index(name.kind)]}) and name.kind != kinds[0]


def subjects_of(scans: Mapping[SubjectKey, Sequence[ScanRecord]]) -> list[Subject]:
    """The subjects with sex and race as their first scan's name says."""
    return [
        Subject(*key, own[0].name.sex or UNKNOWN, own[0].name.race or UNKNOWN) for key, own in sorted(scans.items())
    ]
