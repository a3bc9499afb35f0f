"""Entropy against tau: the measured curve of every group, and the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gemax_cli.datasets.published import UNBOUNDED
from gemax_cli.errors import SettingsError
from gemax_cli.reports.charts import Series, line_chart
from gemax_cli.reports.entropy_table import EntropyRow
from gemax_cli.reports.measure import BASELINE, GEMAX
from gemax_cli.reports.published import PUBLISHED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONGEST_TAU = 4  # times the smallest; a curve out to tau = N would leave no room for the rest


def entropy_chart(rows: Sequence[EntropyRow], title: str = "Entropy against tau") -> Figure:
    """Mean entropy of the range image and the GEMax maps over tau, a curve per group.

    Where a row has a figure of the paper beside it, the paper's whole curve of that database is drawn too, dashed.
    Tau far beyond the others (no bound at all) are left out of the picture.

    Raises:
        SettingsError: there is no map with a tau.
    """
    rows = _near([row for row in rows if row.tau is not None and row.map in (BASELINE, GEMAX)])
    if not rows:
        raise SettingsError("there is no map with a tau to draw: give a folder that gemax convert wrote.")
    series: list[Series] = []
    for colour, group in enumerate(dict.fromkeys(row.group for row in rows)):
        own = sorted({row.tau or 0: row for row in rows if row.group == group}.items())
        series.append(Series(group, tuple(tau for tau, _ in own), tuple(row.mean for _, row in own), colour))
        if any(row.paper is not None for _, row in own):
            series.append(_paper_curve(group.partition(" ")[0], colour))
    return line_chart(title, "tau, levels", "entropy, bits", series)


def _near(rows: list[EntropyRow]) -> list[EntropyRow]:
    smallest = min((row.tau for row in rows if row.tau is not None), default=0)
    near = [row for row in rows if row.tau is not None and row.tau <= max(LONGEST_TAU * smallest, 64)]
    return near or rows


def _paper_curve(dataset: str, colour: int) -> Series:
    points = {p.tau: p.entropy for p in reversed(PUBLISHED) if p.dataset == dataset and p.tau not in (None, UNBOUNDED)}
    taus = sorted(tau for tau in points if tau)
    return Series(f"{dataset}, the paper's", tuple(taus), tuple(points[tau] for tau in taus), colour, dashed=True)
