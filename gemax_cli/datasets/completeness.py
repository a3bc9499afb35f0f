"""Which expressions the subjects of a database show: what a protocol that needs all six can use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gemax_cli.datasets.model import EXPRESSIONS, SIX_EXPRESSIONS, ScanName


@dataclass(frozen=True)
class Completeness:
    """Subjects and expressions of one database.

    Attributes:
        dataset: its name.
        subjects: with any scan.
        complete: of them, those with all six expressions.
        shown: subjects who show each of ``EXPRESSIONS``.
    """

    dataset: str
    subjects: int
    complete: int
    shown: Mapping[str, int]

    def __str__(self) -> str:
        """One sentence."""
        return f"{self.dataset}: {self.counts}."

    @property
    def counts(self) -> str:
        """The counts in words."""
        each = ", ".join(f"{expression} {count}" for expression, count in self.shown.items())
        return f"{self.subjects} subjects, {self.complete} with all six expressions (subjects with {each})"


def completeness(names: Iterable[ScanName]) -> list[Completeness]:
    """Count the subjects of each database and what they show; scans without a known subject do not count."""
    datasets: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for name in names:
        if name.subject:
            datasets[name.dataset][name.subject].add(name.expression)
    return [_row(dataset, list(subjects.values())) for dataset, subjects in sorted(datasets.items())]


def _row(dataset: str, subjects: list[set[str]]) -> Completeness:
    shown = {expression: sum(expression in shows for shows in subjects) for expression in EXPRESSIONS}
    return Completeness(dataset, len(subjects), sum(shows >= SIX_EXPRESSIONS for shows in subjects), shown)
