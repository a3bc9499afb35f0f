"""The tests of a run, read from its results or made by the linear classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gemax_cli.learn.result import Curves, Fold
from gemax_cli.learn.settings import TrainSettings

BASELINE = "linear classifier"


@dataclass(frozen=True)
class FoldScore:
    """The test of one fold: accuracy 0..1, and counts, a row per true expression, a column per predicted one."""

    accuracy: float
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class ScoredRun:
    """The tests of a run, of the network or of the linear classifier.

    Attributes:
        name: of its folder.
        classes: expressions, in the order of the confusion matrices.
        split_sha256: of the file of its split.
        depth_mm: of the blocks.
        datasets: of the test subjects.
        folds: by (round, fold).
        settings: None of the linear classifier.
        curves: of each fold's training.
        same_cell: by stream, share of test scans of which two maps peak in one cell, mean over the folds.
    """

    name: str
    classes: tuple[str, ...]
    split_sha256: str
    depth_mm: float
    datasets: frozenset[str]
    folds: Mapping[Fold, FoldScore]
    settings: TrainSettings | None = None
    curves: tuple[Curves, ...] = ()
    same_cell: Mapping[str, float] = field(default_factory=dict)
