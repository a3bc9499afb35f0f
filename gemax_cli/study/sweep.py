"""The range study of stage S1: which depth of the block is best for a user's scans."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gemax_cli.batch.model import death_of, may_crash
from gemax_cli.codes import MAX_CODE
from gemax_cli.datasets.model import SIX_EXPRESSIONS, ScanRef
from gemax_cli.datasets.published import PAPER_DEPTH, PAPER_DEPTHS
from gemax_cli.datasets.registry import DATASETS
from gemax_cli.datasets.selection import Selection
from gemax_cli.entropy.figures import map_entropy
from gemax_cli.entropy.mapping import apply_cuts, uniform_cuts
from gemax_cli.errors import NothingToConvert, ScanError
from gemax_cli.parallel import map_unordered
from gemax_cli.paths import AnyPaths, as_paths
from gemax_cli.pipeline import MappedBlock, convert_scan
from gemax_cli.reports.charts import Series, line_chart
from gemax_cli.scans.walk import check_sources, find_scans
from gemax_cli.settings import QuantisationSettings, Settings
from gemax_cli.stack.tables import Failure
from gemax_cli.study.separation import accuracy, pooled, variance_ratio, why_no_accuracy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POOL = 8  # pixels: images are compared at 28 x 28, an eighth of 224
CHARTED = {"accuracy": "accuracy, %", "variance_ratio_own": "variance ratio F", "entropy": "entropy, bits"}


@dataclass(frozen=True, eq=False)
class BlockFigures:
    """Figures of one block of one scan: bits, valid pixels, and the range image at an eighth of its size, (f,)."""

    entropy: float
    range_entropy: float
    valid_pixels: int
    features: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ScanFigures:
    """Figures of one scan, one block per depth."""

    ref: ScanRef
    blocks: tuple[BlockFigures, ...]


@dataclass(frozen=True)
class SweepRow:
    """One depth of one dataset.

    Attributes:
        dataset: as the names of the scans say.
        depth_mm: of the block.
        scans: measured.
        entropy: mean of the GEMax maps, bits.
        effective_levels: mean of 2^entropy: the number of equally frequent grey values with the same entropy.
        range_entropy: mean of the range images (uniform quantisation), bits.
        valid_pixels: mean count.
        labelled: scans that show one of the six expressions.
        subjects: number of subjects who show them.
        variance_ratio: F of expressions as in ``separation.variance_ratio``; identity counts as variance within.
        variance_ratio_own: F with each subject's mean subtracted.
        accuracy: of the linear classifier on subjects that it was not trained on, per cent.
        accuracy_error: its standard error, per cent.
        chance: per cent.
        paper_accuracy: Table 4, per cent, of the authors' network on their data; None for other depths and datasets.
        recommended: whether this depth is the one recommended.
    """

    dataset: str
    depth_mm: float
    scans: int
    entropy: float
    effective_levels: float
    range_entropy: float
    valid_pixels: float
    labelled: int = 0
    subjects: int = 0
    variance_ratio: float | None = None
    variance_ratio_own: float | None = None
    accuracy: float | None = None
    accuracy_error: float | None = None
    chance: float | None = None
    paper_accuracy: float | None = None
    recommended: bool = False


@dataclass(frozen=True)
class Sweep:
    """The study: rows by dataset and depth, a sentence per dataset on the depth to take, and what failed."""

    rows: tuple[SweepRow, ...]
    advice: tuple[str, ...]
    failures: tuple[Failure, ...]


Progress = Callable[[int, int], None]


def sweep(
    sources: AnyPaths,
    settings: Settings | None = None,
    selection: Selection | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Sweep:
    """Measure every depth of ``settings`` on every scan; each scan is read once, nothing is written.

    Args:
        sources: files or folders of raw scans.
        settings: its depths, and its smallest tau; None takes the paper's depths and tau = 20.
        selection: filters.
        jobs: processes.
        progress: called with the scans done and to do.

    Raises:
        NothingToConvert: no scan was found, or none could be converted.
    """
    check_sources(places := as_paths(sources))
    found = find_scans(places, selection or Selection())
    refs = found.scans
    settings = settings or Settings(taus=(20,), depths=PAPER_DEPTHS)
    results: dict[int, ScanFigures | Failure] = {}
    for number, result in _measure_all(refs, replace(settings, taus=settings.taus[:1]), jobs):
        results[number] = result
        if progress:
            progress(len(results), len(refs))
    ordered = [results[number] for number in range(len(refs))]
    figures = [result for result in ordered if isinstance(result, ScanFigures)]
    failures = [result for result in ordered if isinstance(result, Failure)]
    if not figures:
        named = ", ".join(map(str, places))
        reason = f" ({failures[0].message})" if failures else ""
        message = f"{named}: no scan to study{reason}: check the folder and the filters."
        raise NothingToConvert(" ".join((message, *(() if refs else found.notes))))
    return _study(figures, settings.depths, tuple(failures))


_Task = tuple[int, ScanRef, Settings]
_Result = tuple[int, ScanFigures | Failure]


def _measure_task(task: _Task) -> _Result:
    number, ref, settings = task
    return number, measure_scan(ref, settings)


def _measure_all(refs: Sequence[ScanRef], settings: Settings, jobs: int) -> Iterator[_Result]:
    """Figures or failure of each scan with its number, as they finish."""
    return map_unordered(
        _measure_task,
        ((number, ref, settings) for number, ref in enumerate(refs)),
        jobs,
        lost=lambda task: (task[0], death_of(task[1].path, task[1].source)),
        isolated=lambda task: may_crash(task[1]),
    )


def measure_scan(ref: ScanRef, settings: Settings) -> ScanFigures | Failure:
    """Cut all blocks of one scan and measure them; never raises, because one failed scan must not end the study."""
    try:
        converted = convert_scan(ref.path, settings)
    except Exception as error:
        stage = error.stage if isinstance(error, ScanError) else "internal"
        message = str(error) if isinstance(error, ScanError) else f"{ref.path}: {type(error).__name__}: {error}"
        return Failure(ref.source, stage, type(error).__name__, message)
    return ScanFigures(ref, tuple(_block_figures(mapped, settings.quantisation) for mapped in converted.blocks))


def _block_figures(mapped: MappedBlock, settings: QuantisationSettings) -> BlockFigures:
    codes = mapped.depth16
    uniform = apply_cuts(codes, uniform_cuts(settings.levels, settings.face_bins), settings.levels)
    return BlockFigures(
        mapped.maps[0].entropy,
        map_entropy(uniform, codes > 0),
        int(np.count_nonzero(codes)),
        (pooled(codes, POOL) / MAX_CODE).astype(np.float32),
    )


def _study(figures: Sequence[ScanFigures], depths: Sequence[float], failures: tuple[Failure, ...]) -> Sweep:
    rows: list[SweepRow] = []
    advice = []
    for dataset in sorted({f.ref.name.dataset for f in figures}):
        part = [f for f in figures if f.ref.name.dataset == dataset]
        found, why = _dataset_rows(dataset, part, depths)
        best, sentence = recommend(found, why)
        rows += [replace(row, recommended=row.depth_mm == best) for row in found]
        advice.append(f"{dataset}: {sentence}")
    return Sweep(tuple(rows), tuple(advice), failures)


@dataclass(frozen=True, eq=False)
class _Shown:
    """The scans of a dataset that show one of the six expressions, with their labels, (n,)."""

    scans: tuple[ScanFigures, ...]
    expressions: NDArray[np.str_]
    subjects: NDArray[np.str_]

    @classmethod
    def of(cls, figures: Sequence[ScanFigures]) -> _Shown:
        """Select them from the scans of a dataset."""
        scans = tuple(f for f in figures if f.ref.name.expression in SIX_EXPRESSIONS and f.ref.name.subject)
        return cls(
            scans,
            np.array([f.ref.name.expression for f in scans], np.str_),
            np.array([f.ref.name.subject for f in scans], np.str_),
        )

    def features(self, i: int) -> NDArray[np.float64]:
        """(n, f) images of the i-th depth."""
        return np.array([f.blocks[i].features for f in self.scans], np.float64)


def _dataset_rows(dataset: str, figures: Sequence[ScanFigures], depths: Sequence[float]) -> tuple[list[SweepRow], str]:
    """The rows of a dataset, and why there is no accuracy among them ("" where there is)."""
    shown = _Shown.of(figures)
    why = why_no_accuracy(shown.expressions, shown.subjects)
    rows = []
    for i, depth in enumerate(depths):
        row = _plain_row(dataset, depth, [f.blocks[i] for f in figures])
        rows.append(_separated(row, shown, i, classify=not why) if shown.scans else row)
    return rows, why


def _plain_row(dataset: str, depth: float, blocks: Sequence[BlockFigures]) -> SweepRow:
    return SweepRow(
        dataset,
        depth,
        len(blocks),
        entropy=_mean(b.entropy for b in blocks),
        effective_levels=_mean(2.0**b.entropy for b in blocks),
        range_entropy=_mean(b.range_entropy for b in blocks),
        valid_pixels=_mean(b.valid_pixels for b in blocks),
        paper_accuracy=paper_accuracy(dataset, depth),
    )


def _separated(row: SweepRow, shown: _Shown, i: int, classify: bool) -> SweepRow:
    features, expressions, subjects = shown.features(i), shown.expressions, shown.subjects
    found = accuracy(features, expressions, subjects) if classify else None
    return replace(
        row,
        labelled=len(shown.scans),
        subjects=len(np.unique(subjects)),
        variance_ratio=variance_ratio(features, expressions),
        variance_ratio_own=variance_ratio(features, expressions, subjects),
        accuracy=100 * found.mean if found else None,
        accuracy_error=100 * found.error if found else None,
        chance=100 * found.chance if found else None,
    )


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def paper_accuracy(dataset: str, depth_mm: float) -> float | None:
    """Table 4 of the paper: recognition rate at a depth, per cent; None where it has none."""
    rates = DATASETS[dataset].depth_accuracies
    return dict(zip(PAPER_DEPTHS, rates, strict=False)).get(depth_mm)


def sweep_chart(rows: Sequence[SweepRow]) -> Figure:
    """Draw the figure behind the advice against depth, one curve per dataset.

    The figure is the accuracy, with the paper's accuracy as a dashed curve. Without an accuracy it is the variance
    ratio. Without known expressions it is the entropy.
    """
    name = next(name for name in CHARTED if any(getattr(row, name) is not None for row in rows))
    series: list[Series] = []
    for colour, dataset in enumerate(dict.fromkeys(row.dataset for row in rows)):
        part = [row for row in rows if row.dataset == dataset]
        series.append(_series(dataset, part, name, colour))
        if name == "accuracy":
            series.append(_series(f"{dataset}, the paper's", part, "paper_accuracy", colour, dashed=True))
    return line_chart("Depth of the block", "depth, mm", CHARTED[name], series)


def _series(title: str, rows: Sequence[SweepRow], name: str, colour: int, dashed: bool = False) -> Series:
    points = [(row.depth_mm, getattr(row, name)) for row in rows if getattr(row, name) is not None]
    return Series(title, tuple(x for x, _ in points), tuple(y for _, y in points), colour, dashed)


def recommend(rows: Sequence[SweepRow], why_no_accuracy: str = "") -> tuple[float | None, str]:
    """Recommend a depth for one dataset (None if the figures do not decide) and give the reason as a sentence.

    The classifier decides, if it is better than chance. Depths within one standard error of the best count as equal;
    among these the variance ratio decides. Nothing else is enough: entropy and pixel counts say how much data a block
    keeps, not whether it is useful, and the variance ratio knows no noise.
    """
    classified = [row for row in rows if row.accuracy is not None]
    if classified:
        return _by_accuracy(classified)
    rated = [row for row in rows if row.variance_ratio_own is not None]
    if rated:
        best = max(rated, key=_own)
        return None, (
            f"no depth is recommended ({why_no_accuracy or 'no classifier'}). Expressions differ most against what "
            f"varies within them at {best.depth_mm:g} mm (F = {_own(best):.2f}, each subject's mean subtracted, "
            f"{_counted(best)}), which alone does not decide.{_edge([best], rated)}"
        )
    return None, (
        f"nothing tells which depth to take: it takes two subjects or more who show two of the six expressions "
        f"({_counted(rows[0])}); the paper found {PAPER_DEPTH:g} mm best on its data."
    )


def _edge(best: Sequence[SweepRow], rows: Sequence[SweepRow]) -> str:
    """A sentence, with a space before, for each of the best that no smaller or no larger depth was compared with."""
    depths = [row.depth_mm for row in rows]
    if len(depths) == 1:
        return ""
    ends = ((min(depths), "smallest", "smaller"), (max(depths), "largest", "larger"))
    found = [end for end in ends if end[0] in {row.depth_mm for row in best}]
    return "".join(f" {depth:g} mm is the {end} depth tried: try {others} ones, too." for depth, end, others in found)


def _own(row: SweepRow) -> float:
    return row.variance_ratio_own or 0.0


def _by_accuracy(rows: Sequence[SweepRow]) -> tuple[float | None, str]:
    best = max(rows, key=_accuracy)
    least = _accuracy(best) - (best.accuracy_error or 0.0)
    if least <= (best.chance or 0.0):
        return None, (
            f"no depth is recommended: the best accuracy on unseen subjects, {_accuracy(best):.1f} % at "
            f"{best.depth_mm:g} mm, is not one standard error above chance ({best.chance:.1f} %, {_counted(best)})."
        )
    equal = [row for row in rows if _accuracy(row) >= least]
    chosen = max(equal, key=_own)
    ground = f"accuracy {chosen.accuracy:.1f} % on unseen subjects ({_counted(chosen)}, chance {chosen.chance:.1f} %)"
    taken = f"take {chosen.depth_mm:g} mm: {ground}{_within_noise(equal, rows, best)}."
    return chosen.depth_mm, taken + _edge([best, chosen], rows)


def _within_noise(equal: Sequence[SweepRow], rows: Sequence[SweepRow], best: SweepRow) -> str:
    """What sets the chosen depth apart: more than noise, the variance ratio, or nothing."""
    if len(rows) == 1:
        return ", the only depth tried"
    if len(equal) == 1:
        return ", more than one standard error over the others"
    depths = ", ".join(f"{row.depth_mm:g}" for row in equal)
    which = "the others do as well" if len(equal) == len(rows) else "these do as well"
    return (
        f"; {depths} mm lie within one standard error ({best.accuracy_error:.1f} %) of the best, which is noise: "
        f"{which}, and of these it has the highest variance ratio (F = {max(map(_own, equal)):.2f}, each subject's "
        f"mean subtracted)"
    )


def _accuracy(row: SweepRow) -> float:
    return row.accuracy or 0.0


def _counted(row: SweepRow) -> str:
    return f"{row.labelled} scans of {row.subjects} subjects"
