"""What ``gemax score`` prints: accuracies of runs, compared over the same folds, beside the paper's. Without torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gemax_cli.datasets.model import Dataset
from gemax_cli.datasets.published import PAPER_DEPTH, PAPER_DEPTHS
from gemax_cli.datasets.registry import DATASETS
from gemax_cli.errors import NothingToConvert
from gemax_cli.learn.result import Fold, FoldResult, read_results
from gemax_cli.learn.run import read_header
from gemax_cli.learn.scored import FoldScore, ScoredRun
from gemax_cli.learn.settings import TrainSettings
from gemax_cli.paths import AnyPaths, as_paths

PAPER_ROW = {"gemax": "GEMax", "gem": "GeM"}  # of Tables 1 and 2


@dataclass(frozen=True)
class ScoreRow:
    """A run; accuracies in per cent.

    Attributes:
        run: name of its folder.
        map: of the depth stream.
        tau: of the training maps; "-" of maps without.
        streams: "both", "texture" or "depth".
        images: what reaches the classifier: "whole", "whole + 2 parts", "2 parts".
        depth_mm: of the blocks.
        rounds: count.
        folds: count, of all rounds.
        accuracy: mean over the folds of a round, then over the rounds.
        accuracy_sd: standard deviation over the rounds; None of one round.
        chance: share of the most frequent expression of the test scans.
        same_cell: share of test scans of which two maps of a stream peak in one cell, the larger of the streams'.
        difference: accuracy above the first run's, mean over the folds that both have.
        difference_error: its standard error, as if folds were independent; folds of several rounds share subjects.
        better: folds in which it is above the first run.
        worse: folds in which it is below.
        sign_p: two-sided p of the sign test on these.
        paper_table: of the paper's figure.
        paper_accuracy: the paper's figure for such a network, on the licensed databases.
    """

    run: str
    map: str
    tau: str
    streams: str
    images: str
    depth_mm: float
    rounds: int
    folds: int
    accuracy: float
    accuracy_sd: float | None
    chance: float
    same_cell: float | None
    difference: float | None = None
    difference_error: float | None = None
    better: int | None = None
    worse: int | None = None
    sign_p: float | None = None
    paper_table: int | None = None
    paper_accuracy: float | None = None


@dataclass(frozen=True)
class Scores:
    """Rows, and the runs behind them in the same order."""

    rows: tuple[ScoreRow, ...]
    runs: tuple[ScoredRun, ...]


def score(runs: AnyPaths, *, baseline: bool = False, split: str = "") -> Scores:
    """Accuracies of runs, each compared with the first one over the folds that both have.

    Args:
        runs: folders that ``gemax train`` wrote; for the linear classifier alone, one that ``gemax convert`` wrote.
        baseline: add the linear classifier of ``gemax sweep`` on the same folds, on range images, without PyTorch.
        split: of a folder of ``gemax convert``.

    Raises:
        NothingToConvert: a run has no finished fold.
        RunDamaged: a folder is no run, or its files are damaged.
        ExtraMissing: the baseline needs scikit-learn, which is not installed.
        SettingsError: there is no such split.
    """
    from gemax_cli.learn.baseline import baselines_of, score_folder
    from gemax_cli.stack.folder import OutputFolder

    paths = as_paths(runs)
    folders = [path for path in paths if baseline and OutputFolder(path).is_ours]
    scored = [read_run(path) for path in paths if path not in folders]
    scored += [score_folder(path, split) for path in folders]
    if baseline:
        scored += baselines_of([path for path in paths if path not in folders])
    return Scores(tuple(_row(run, scored[0]) for run in scored), tuple(scored))


def read_run(path: Path) -> ScoredRun:
    """The finished folds of a run.

    Raises:
        NothingToConvert: there is none.
        RunDamaged: the folder is no run, or a file of it is damaged.
    """
    header, results = read_header(path), read_results(path)
    if not results:
        raise NothingToConvert(f"{path}: has no finished fold yet: run gemax train again.")
    return ScoredRun(
        name=path.resolve().name,
        classes=results[0].classes,
        split_sha256=header.split_sha256,
        depth_mm=results[0].depth_mm,
        datasets=frozenset(key.partition("/")[0] for result in results for key in result.subject_accuracy),
        folds={result.key: FoldScore(result.accuracy, result.confusion) for result in results},
        settings=header.settings,
        curves=tuple(result.curves for result in results),
        same_cell=_mean_by_stream(results),
    )


def _mean_by_stream(results: Sequence[FoldResult]) -> dict[str, float]:
    names = results[0].attention_same_cell
    return {name: float(np.mean([result.attention_same_cell[name] for result in results])) for name in names}


def _row(run: ScoredRun, first: ScoredRun) -> ScoreRow:
    row = _own_row(run)
    if run is first or (found := compare(run, first)) is None:
        return row
    return replace(
        row,
        difference=100 * found.difference,
        difference_error=_per_cent(found.error),
        better=found.better,
        worse=found.worse,
        sign_p=found.sign_p,
    )


def _per_cent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _own_row(run: ScoredRun) -> ScoreRow:
    """The row without a comparison."""
    settings, paper = run.settings, paper_figure(run)
    accuracy, deviation = accuracy_of(run.folds)
    return ScoreRow(
        run=run.name,
        map=settings.map if settings else "ri",
        tau=" ".join(map(str, settings.taus)) if settings and settings.map == "gemax" else "-",
        streams=settings.streams if settings else "depth",
        images=_images(settings) if settings else "whole",
        depth_mm=run.depth_mm,
        rounds=len({number for number, _ in run.folds}),
        folds=len(run.folds),
        accuracy=100 * accuracy,
        accuracy_sd=_per_cent(deviation),
        chance=100 * chance_of(run.folds.values()),
        same_cell=100 * max(run.same_cell.values()) if run.same_cell else None,
        paper_table=paper.table if paper else None,
        paper_accuracy=paper.accuracy if paper else None,
    )


def _images(settings: TrainSettings) -> str:
    return " + ".join(["whole"] * settings.whole + [f"{settings.parts} parts"] * bool(settings.parts))


def accuracy_of(folds: Mapping[Fold, FoldScore]) -> tuple[float, float | None]:
    """Mean over the folds of a round, then over rounds, and the standard deviation over rounds; None of one round."""
    rounds: dict[int, list[float]] = defaultdict(list)
    for (number, _), score in folds.items():
        rounds[number].append(score.accuracy)
    means = [float(np.mean(accuracies)) for accuracies in rounds.values()]
    return float(np.mean(means)), float(np.std(means, ddof=1)) if len(means) > 1 else None


def chance_of(folds: Iterable[FoldScore]) -> float:
    """Share of the most frequent expression of all test scans."""
    counts = np.sum([score.confusion for score in folds], axis=(0, 2))
    return float(counts.max() / counts.sum())


class Comparison(NamedTuple):
    """A run against another over the folds that both have.

    Attributes:
        difference: mean of the accuracies' differences, 0..1.
        error: standard error of that mean; None of one fold.
        better: folds above the other.
        worse: folds below it.
        sign_p: two-sided p of the sign test, ties left out.
    """

    difference: float
    error: float | None
    better: int
    worse: int
    sign_p: float


def compare(run: ScoredRun, other: ScoredRun) -> Comparison | None:
    """Compare two runs fold by fold; None where they have no fold of the same split in common."""
    from scipy.stats import binomtest

    common = sorted(run.folds.keys() & other.folds.keys())
    if run.split_sha256 != other.split_sha256 or not common:
        return None
    differences = np.array([run.folds[key].accuracy - other.folds[key].accuracy for key in common])
    better, worse = int((differences > 0).sum()), int((differences < 0).sum())
    error = float(np.std(differences, ddof=1)) / len(common) ** 0.5 if len(common) > 1 else None
    p = float(binomtest(better, better + worse).pvalue) if better + worse else 1.0
    return Comparison(float(differences.mean()), error, better, worse, p)


class PaperFigure(NamedTuple):
    """A recognition rate of the paper: number of the table, per cent."""

    table: int
    accuracy: float


def paper_figure(run: ScoredRun) -> PaperFigure | None:
    """The paper's figure for such a network on the database of all test subjects; None where it has none.

    Tables 4 and 5 are of the depth stream and whole images alone, by their place between Table 6's figures; Table 4 is
    of range images, because its figure at 6 cm is that of tau = 16 in Table 5, which is uniform quantisation.
    """
    settings, dataset = run.settings, DATASETS.get(next(iter(run.datasets)))
    if settings is None or len(run.datasets) != 1 or dataset is None or not dataset.published:
        return None
    if settings.streams == "both":
        fused = settings.whole and settings.parts > 0 and run.depth_mm == PAPER_DEPTH
        rows = [p for p in dataset.published if fused and p.label == PAPER_ROW.get(settings.map) and p.accuracy]
        return PaperFigure(rows[0].table, rows[0].accuracy or 0.0) if rows else None
    if settings.streams == "depth" and not settings.parts and (found := _depth_figure(settings, run.depth_mm, dataset)):
        return found
    several = settings.map == "gemax" and len(settings.taus) > 1
    if (settings.whole and settings.parts) or (settings.streams == "depth" and not several):
        return None
    return PaperFigure(6, dataset.scale_accuracies[settings.streams, "whole" if settings.whole else "part"])


def _depth_figure(settings: TrainSettings, depth_mm: float, dataset: Dataset) -> PaperFigure | None:
    """Of Tables 4 and 5."""
    if settings.map == "ri":
        rates = dict(zip(PAPER_DEPTHS, dataset.depth_accuracies, strict=False))
        return PaperFigure(4, rates[depth_mm]) if depth_mm in rates else None
    if settings.map != "gemax" or settings.taus != (settings.test_tau,) or depth_mm != PAPER_DEPTH:
        return None
    rows = [p for p in dataset.published if p.table == 5 and p.tau == settings.test_tau and p.accuracy]
    return PaperFigure(5, rows[0].accuracy or 0.0) if rows else None
