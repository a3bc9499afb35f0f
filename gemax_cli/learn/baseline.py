"""The linear classifier of ``gemax sweep`` on the folds of a split: what a network must beat. Without torch."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import MAX_CODE
from gemax_cli.errors import ExtraMissing, SettingsError, not_installed
from gemax_cli.learn.result import Fold, confusion, read_results
from gemax_cli.learn.run import chosen_folds, read_header
from gemax_cli.learn.scored import BASELINE, FoldScore, ScoredRun
from gemax_cli.loader.load import load_stack
from gemax_cli.loader.stack import FaceStack
from gemax_cli.splits.files import read_split
from gemax_cli.splits.model import Split
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.study.separation import Features, linear_classifier, pooled

POOLED_SIDE = 28  # pixels: ``gemax sweep`` compares images of 224 pixels at 28 x 28


def score_folder(out: Path, split: str) -> ScoredRun:
    """The linear classifier on all folds of a split of an output folder.

    Raises:
        ExtraMissing: scikit-learn is not installed.
        SettingsError: there is no such split.
    """
    if not split:
        raise SettingsError(f"{out}: is an output folder: say which of its splits to score, --split NAME.")
    chosen = read_split(OutputFolder(out), split)
    return classify(out, chosen, chosen_folds(chosen), None)


def baselines_of(runs: Sequence[Path]) -> list[ScoredRun]:
    """The linear classifier on the folds of runs, once for each split and depth that they were trained on.

    Raises:
        ExtraMissing: scikit-learn is not installed.
        RunDamaged: a folder is no run.
        SettingsError: the split of a run is no longer in its output folder.
    """
    wanted: dict[tuple[str, str, float], set[Fold]] = {}
    for run in runs:
        header = read_header(run)
        for result in read_results(run):
            wanted.setdefault((header.out, header.split, result.depth_mm), set()).add(result.key)
    return [
        classify(Path(out), read_split(OutputFolder(out), name), sorted(folds), depth)
        for (out, name, depth), folds in wanted.items()
    ]


def classify(out: Path, split: Split, folds: Sequence[Fold], depth_mm: float | None) -> ScoredRun:
    """Train and test the linear classifier on folds.

    Args:
        out: the output folder.
        split: of that folder.
        folds: which.
        depth_mm: of the block; None where the folder has one.

    Raises:
        ExtraMissing: scikit-learn is not installed.
    """
    if find_spec("sklearn") is None:
        raise ExtraMissing(not_installed("the baseline", "scikit-learn"))
    stack = load_stack(out, split=split, taus=(), depth_mm=depth_mm)
    features = range_features(stack.depth16)
    return ScoredRun(
        name=BASELINE,
        classes=stack.classes,
        split_sha256=split.header.csv_sha256,
        depth_mm=stack.depth_mm,
        datasets=frozenset(stack.datasets.tolist()),
        folds={key: _score(stack, features, key) for key in folds},
    )


def range_features(depth16: NDArray[np.uint16]) -> Features:
    """(n, f) range images of (n, rows, columns) codes, made smaller to 28 x 28 and scaled to 0..1."""
    side = max(1, depth16.shape[1] // POOLED_SIDE)
    return np.array([pooled(codes, side) for codes in depth16]) / MAX_CODE


def _score(stack: FaceStack, features: Features, key: Fold) -> FoldScore:
    train, test = stack.train_test(key[1], key[0])
    model = linear_classifier().fit(features[train], stack.labels[train])
    predicted, truth = model.predict(features[test]), stack.labels[test]
    return FoldScore(float((predicted == truth).mean()), confusion(truth, predicted, len(stack.classes)))
