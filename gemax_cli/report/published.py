"""What the paper reports: Tables 1, 2, 3 and 5, entropy and what stands beside it; the figures are in ``datasets``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gemax_cli.datasets.published import TAUS, UNBOUNDED, Published
from gemax_cli.datasets.registry import DATASETS

if TYPE_CHECKING:
    from gemax_cli.report.entropy_table import EntropyRow

SOURCE = "Jiao et al., arXiv 2011.08333, on the licensed databases"
ENTROPY_SOURCE = f"{SOURCE}; its RI lies below its own tau = 16, so it is not of the same depth block"
NO_BOUND_FROM = 4096 - 256 + 1  # tau from which N = 4096 levels in K = 256 bins are not bound at all


PUBLISHED: tuple[Published, ...] = tuple(
    sorted((p for dataset in DATASETS.values() for p in dataset.published), key=lambda p: p.table)
)


def published_entropy(dataset: str, name: str, tau: int | None) -> float | None:
    """The paper's figure for a map of a database, bits, as precise as it is printed; None if there is none."""
    if name == "range image" and tau != TAUS[0]:
        return None
    found = (p.entropy for p in PUBLISHED if (p.dataset, p.map, p.tau) == (dataset, name, _tau_of_paper(tau)))
    return next(found, None)


def _tau_of_paper(tau: int | None) -> int | None:
    return UNBOUNDED if tau is not None and tau >= NO_BOUND_FROM else tau


@dataclass(frozen=True)
class Comparison:
    """A row of the paper's tables with what was measured here beside it; None where the folder has no such map.

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
    """The paper's Tables 1, 2, 3 and 5 for the databases among ``rows``, which are by dataset; each with our row.

    A row of ours stands beside the paper's only where ``EntropyRow.paper`` says that the two are comparable.
    """
    ours = {
        (row.group.partition(" ")[0], row.map, _tau_of_paper(row.tau)): row for row in rows if row.paper is not None
    }
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
