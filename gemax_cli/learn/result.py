"""RUN/rNNN-fNN/result.json: what a fold gave. Read without torch."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import RunDamaged
from gemax_cli.learn.settings import TrainSettings
from gemax_cli.stack.atomic import write_atomically
from gemax_cli.typed_json import from_json

RESULT, WEIGHTS, FACES = "result.json", "weights.pt", "faces.npz"
Curve = tuple[float | None, ...]
Fold = tuple[int, int]
"""(round, fold) of a split."""


@dataclass(frozen=True)
class Curves:
    """Means per epoch; None where a loss was no number any more.

    Attributes:
        loss: total loss.
        classification: L_CE, the cross-entropies.
        attention: lambda_LA times L_FA, of all streams.
        validation: accuracy on the training subjects held out, 0..1; empty without any.
    """

    loss: Curve = ()
    classification: Curve = ()
    attention: Curve = ()
    validation: Curve = ()


@dataclass(frozen=True)
class FoldResult:
    """A trained and tested fold.

    Attributes:
        round: number of the round, from 0.
        fold: the fold that was tested, from 0.
        accuracy: on the test scans, 0..1.
        train_accuracy: of the same network on its training samples, 0..1.
        classes: expressions, in the order of the rows and columns of ``confusion``.
        confusion: counts; a row per true expression, a column per predicted one.
        subject_accuracy: 0..1, by "dataset/subject" of the test subjects.
        attention_same_cell: by stream, the share of test scans of which two maps peak in one cell.
        curves: by epoch.
        normalisation: by stream, means and standard deviations over the training scans' valid pixels, grey 0..255.
        fitted_on: "dataset/subject" of all whose scans mapping, normalisation and network were fitted on; the audit of
            ``gemax split --check --run`` compares them with the test subjects.
        train_scans: number of scans that it was trained on.
        test_scans: number of scans that it was tested on.
        parameters: number of parameters of the network.
        depth_mm: depth of the blocks.
        map: as in ``settings``.
        tau: as ``settings.taus``, levels.
        mapping: as in ``settings``.
        settings: of the training.
        init_sha256: of the file of first weights; "" without.
        split: name of the split.
        split_sha256: of its file.
        device: what computed, with its name.
        threads: number of threads that PyTorch used.
        versions: of gemax, torch, numpy and Python.
        seconds: training and test; the one value that differs between equal runs.
    """

    round: int
    fold: int
    accuracy: float
    train_accuracy: float
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    subject_accuracy: dict[str, float]
    attention_same_cell: dict[str, float]
    curves: Curves
    normalisation: dict[str, tuple[tuple[float, ...], ...]]
    fitted_on: tuple[str, ...]
    train_scans: int
    test_scans: int
    parameters: int
    depth_mm: float
    map: str
    tau: tuple[int, ...]
    mapping: str
    settings: TrainSettings
    init_sha256: str
    split: str
    split_sha256: str
    device: str
    threads: int
    versions: dict[str, str]
    seconds: float

    def __post_init__(self) -> None:
        square = {len(self.classes)} == {len(self.confusion), *map(len, self.confusion)}
        if not (square and 0 <= self.accuracy <= 1 and self.round >= 0 and self.fold >= 0):
            raise ValueError("confusion, accuracy, round or fold is out of its range")

    @property
    def key(self) -> Fold:
        """(round, fold)."""
        return self.round, self.fold


def fold_folder(run: Path, key: Fold) -> Path:
    """The folder of a fold: RUN/r000-f00."""
    return run / f"r{key[0]:03d}-f{key[1]:02d}"


def write_result(run: Path, result: FoldResult) -> None:
    """Write result.json, whole or not at all."""
    text = json.dumps(asdict(result), indent=2, allow_nan=False) + "\n"
    write_atomically(fold_folder(run, result.key) / RESULT, text.encode("ascii"))


def read_result(path: Path) -> FoldResult:
    """Read a result.json.

    Raises:
        RunDamaged: it cannot be read, or is not what ``write_result`` writes.
    """
    try:
        return from_json(FoldResult, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise RunDamaged(f"{path}: is damaged ({error}): remove its folder and train the fold again.") from error


def read_results(run: Path) -> list[FoldResult]:
    """The results of a run, by round and fold.

    Raises:
        RunDamaged: one of them is damaged.
    """
    return sorted((read_result(path) for path in run.glob(f"r*-f*/{RESULT}")), key=lambda result: result.key)


def finite(values: Iterable[float]) -> Curve:
    """The values, None for what is no number: JSON has neither NaN nor infinity."""
    return tuple(value if math.isfinite(value) else None for value in values)


def confusion(truth: NDArray[np.integer], predicted: NDArray[np.integer], classes: int) -> tuple[tuple[int, ...], ...]:
    """Counts (classes, classes): a row per true class, a column per predicted one."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth, predicted), 1)
    return tuple(tuple(row) for row in counts.tolist())


def subject_accuracy(subjects: NDArray[np.str_], right: NDArray[np.bool_]) -> dict[str, float]:
    """Share of each subject's scans that are right, in order of name."""
    return {str(name): float(right[subjects == name].mean()) for name in np.unique(subjects)}
