"""The entropy table: statistics of the measured maps per dataset, subject, expression or scan."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from gemax_cli.datasets.model import ScanName
from gemax_cli.errors import NothingToConvert, OutputError
from gemax_cli.paths import AnyPath
from gemax_cli.reports.measure import BASELINE, GEMAX, Measured, Measurement, measure_folder
from gemax_cli.reports.published import published_entropy
from gemax_cli.settings import DEFAULT_TAUS
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.images import name_of, split_depth

By = Literal["dataset", "scan", "subject", "expression"]
MEAN, GEM = "mean over tau", "GeM"
GEM_PARTS = (BASELINE, "normals", "curvature")  # section 4.4 of the paper: RI, NoM and CuM combined
Key = tuple[str, str, int | None]


@dataclass(frozen=True)
class EntropyRow:
    """Statistics of one map over a group of scans.

    Attributes:
        group: dataset, scan, subject or expression; with several depth blocks also the block's folder.
        map: as in ``Measured``, or "mean over tau" of each scan's GEMax maps, or "GeM", the mean of RI, NoM and CuM.
        tau: levels; None where it means nothing.
        scans: that the map was measured in.
        mean: entropy, bits.
        std: of the population, bits.
        min: bits.
        max: bits.
        max_bin: widest bin of all scans, levels.
        distortion: ``max_bin`` / N.
        error_mm: mean over the scans of the mean absolute depth error after inverting the map.
        paper: the entropy that the paper reports for this map of this database, bits; None where it reports none.
    """

    group: str
    map: str
    tau: int | None
    scans: int
    mean: float
    std: float
    min: float
    max: float
    max_bin: int | None = None
    distortion: float | None = None
    error_mm: float | None = None
    paper: float | None = None


def scope_sentence(root: AnyPath) -> str:
    """A sentence on the scans that share a mapping in an output folder; "" where every scan has its own, or unknown."""
    folder = OutputFolder.holding(root)
    try:
        scope = folder.settings.mapping if folder.is_ours else "scan"
    except OutputError:
        return ""
    return "" if scope == "scan" else f"One mapping per {scope}: equal grey is equal depth."


def entropy_table(root: AnyPath, by: By = "dataset", jobs: int = 1) -> list[EntropyRow]:
    """Measure a folder and tabulate its entropy, in bits; a file that cannot be measured is left out with a warning.

    Raises:
        NothingToConvert: there is no map in the folder.
        OutputError: run.json is damaged.
    """
    measurement = measure_folder(root, jobs)
    for problem in measurement.problems:
        warnings.warn(problem, stacklevel=2)
    if not measurement.maps:
        raise no_map(root)
    return tabulate(measurement, by)


def no_map(root: AnyPath) -> NothingToConvert:
    """The error of a folder that holds no map that can be read."""
    return NothingToConvert(f"{root}: holds no map: give a folder that gemax convert wrote, or one of 8-bit PNGs.")


def tabulate(measurement: Measurement, by: By = "dataset") -> list[EntropyRow]:
    """Mean, standard deviation, minimum and maximum per group and map; the baseline first, then GEMax by tau."""
    groups: dict[Key, list[Measured]] = defaultdict(list)
    for item in (*measurement.maps, *combined(measurement.maps)):
        groups[group_of(item.scan, by, measurement.names), item.map, item.tau].append(item)
    rows = [_row(key, groups[key]) for key in sorted(groups, key=_order)]
    return _with_paper(rows, measurement.paper_depth) if by == "dataset" else rows


def _with_paper(rows: list[EntropyRow], depth: str | None) -> list[EntropyRow]:
    """Put the paper's figures beside the rows that were made with its settings; its mean is over its five tau."""
    if depth is None:
        return rows
    taus: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        if row.map == GEMAX and row.tau is not None:
            taus[row.group].add(row.tau)
    return [
        replace(row, paper=published_entropy(row.group.partition(" ")[0], row.map, row.tau))
        if row.group.partition(" ")[2] == depth and (row.map != MEAN or taus[row.group] == set(DEFAULT_TAUS))
        else row
        for row in rows
    ]


def combined(measured: Iterable[Measured]) -> list[Measured]:
    """Per scan the mean over tau, and GeM where its three maps are there."""
    scans: dict[str, list[Measured]] = defaultdict(list)
    for item in measured:
        scans[item.scan].append(item)
    found = []
    for scan, items in scans.items():
        taus = [item for item in items if item.map == GEMAX]
        parts = [item for item in items if item.map in GEM_PARTS]
        if len(taus) > 1:
            found.append(_mean_of(scan, MEAN, taus))
        if len(parts) == len(GEM_PARTS):
            found.append(Measured(scan, GEM, None, float(np.mean([part.bits for part in parts]))))
    return found


def _mean_of(scan: str, name: str, items: Sequence[Measured]) -> Measured:
    errors = [item.error_mm for item in items if item.error_mm is not None]
    return Measured(
        scan, name, None, float(np.mean([item.bits for item in items])),
        max((item.max_bin for item in items if item.max_bin is not None), default=None),
        max((item.distortion for item in items if item.distortion is not None), default=None),
        float(np.mean(errors)) if errors else None,
    )  # fmt: skip


def named_rows(rows: Iterable[EntropyRow], by: By) -> list[dict[str, Any]]:
    """Rows for a table, with the column of groups named for what it holds."""
    return [{by if name == "group" else name: value for name, value in asdict(row).items()} for row in rows]


def pivoted(rows: Iterable[EntropyRow], by: By) -> list[dict[str, Any]]:
    """A row per group, a column per map and tau: mean entropy, bits; None where a group has no such map."""
    rows = list(rows)
    columns = dict.fromkeys(map(_column, sorted(rows, key=lambda row: _order(("", row.map, row.tau)))))
    groups: dict[str, dict[str, Any]] = {}
    for row in rows:
        group = groups.setdefault(row.group, {by: row.group, "scans": 0, **columns})
        group["scans"] = max(group["scans"], row.scans)
        group[_column(row)] = row.mean
    return list(groups.values())


def _column(row: EntropyRow) -> str:
    return f"tau {row.tau}" if row.map == GEMAX and row.tau is not None else row.map


def group_of(scan: str, by: By, names: Mapping[str, ScanName] | None = None) -> str:
    """The group that a scan belongs to: its dataset, "dataset/subject", "dataset/expression", or itself.

    ``names`` are those of recorded scans; of others it is read from the scan's folder.
    """
    if by == "scan":
        return scan
    name, depth = (names or {}).get(scan) or name_of(scan), split_depth(scan)[1]
    parts = {
        "dataset": name.dataset,
        "subject": f"{name.dataset}/{name.subject}" if name.subject else name.dataset,
        "expression": f"{name.dataset}/{name.expression or 'other'}",
    }
    return f"{parts[by]} {depth}" if depth else parts[by]


def _order(key: Key) -> tuple[str, int, str, int]:
    group, name, tau = key
    return group, {BASELINE: 0, GEMAX: 1, MEAN: 2, GEM: 4}.get(name, 3), name, tau or 0


def _row(key: Key, items: list[Measured]) -> EntropyRow:
    group, name, tau = key
    bits = np.array([item.bits for item in items])
    whole = _mean_of(group, name, items)
    return EntropyRow(
        group, name, tau, len(items), float(bits.mean()), float(bits.std()), float(bits.min()), float(bits.max()),
        whole.max_bin, whole.distortion, whole.error_mm,
    )  # fmt: skip
