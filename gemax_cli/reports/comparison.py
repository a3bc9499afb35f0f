"""Measured entropy beside what the paper reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gemax_cli.datasets.published import Published
from gemax_cli.reports.entropy_table import EntropyRow
from gemax_cli.reports.published import PUBLISHED, tau_of_paper


@dataclass(frozen=True)
class Comparison:
    """A row of the paper's tables beside the measured values; these are None if the folder has no such map.

    Attributes:
        dataset: of the paper, and of the measured scans.
        table: number of the paper's table.
        map: the paper's name of the map.
        paper: entropy that the paper reports, bits.
        ours: mean entropy measured, bits.
        difference: ``ours`` - ``paper``.
        scans: measured.
        max_bin: widest bin, levels.
        distortion: ``max_bin`` / N.
        error_mm: mean absolute depth error after inverting the map.
        paper_accuracy: recognition rate that the paper reports beside it, per cent.
        paper_seconds: time per scan that the paper reports beside it.
    """

    dataset: str
    table: int
    map: str
    paper: float
    ours: float | None
    difference: float | None
    scans: int | None
    max_bin: int | None
    distortion: float | None
    error_mm: float | None
    paper_accuracy: float | None
    paper_seconds: float | None


def compare(rows: Sequence[EntropyRow]) -> list[Comparison]:
    """Compare ``rows`` (by dataset) with the paper's Tables 1, 2, 3 and 5 of the same databases.

    A row of ours stands beside the paper's only where ``EntropyRow.paper`` says that the two are comparable.
    """
    ours = {(row.group.partition(" ")[0], row.map, tau_of_paper(row.tau)): row for row in rows if row.paper is not None}
    datasets = {row.group.partition(" ")[0] for row in rows}
    return [_compared(p, ours.get((p.dataset, p.map, p.tau))) for p in PUBLISHED if p.dataset in datasets]


def _compared(p: Published, row: EntropyRow | None) -> Comparison:
    return Comparison(
        p.dataset, p.table, p.label, p.entropy,
        row.mean if row else None,
        row.mean - p.entropy if row else None,
        row.scans if row else None,
        row.max_bin if row else None,
        row.distortion if row else None,
        row.error_mm if row else None,
        p.accuracy,
        p.seconds,
    )  # fmt: skip
