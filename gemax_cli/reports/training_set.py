"""What a folder is as a training set: subjects, classes, what is missing, what is there twice, whom to look at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gemax_cli.datasets.completeness import Completeness, completeness
from gemax_cli.datasets.model import EXPRESSIONS, ScanName
from gemax_cli.datasets.registry import DATASETS
from gemax_cli.reports.facts import DOUBTFUL_BELOW
from gemax_cli.stack.records import ScanRecord

Row = dict[str, object]
OTHER = "other"  # a pose, an action unit, an unknown expression


@dataclass(frozen=True)
class TrainingSet:
    """Tables on a folder; every row of a table has the same names.

    Attributes:
        subjects: by dataset: subjects, those with all six expressions, those the paper draws from, scans.
        classes: by dataset: scans of each expression.
        missing: subjects who lack an expression, or a level of it, that most subjects of the dataset show.
        duplicates: scans of one raw file, or of one depth image.
        doubtful: subjects with nose tips of little confidence.
    """

    subjects: tuple[Row, ...]
    classes: tuple[Row, ...]
    missing: tuple[Row, ...]
    duplicates: tuple[Row, ...]
    doubtful: tuple[Row, ...]


def describe_training_set(records: Iterable[ScanRecord]) -> TrainingSet:
    """The tables on the scans of known subjects; duplicates are looked for among all scans."""
    every = list(records)
    named = [record for record in every if record.name.subject]
    datasets = {name: [record for record in named if record.name.dataset == name] for name in DATASETS}
    filled = {name: own for name, own in datasets.items() if own}
    counts = {row.dataset: row for row in completeness(record.name for record in named)}
    return TrainingSet(
        tuple(_subjects_row(counts[name], len(own)) for name, own in filled.items()),
        tuple(_classes_row(name, own) for name, own in filled.items()),
        tuple(row for name, own in filled.items() for row in _missing(name, own)),
        tuple(_duplicates(every)),
        tuple(_doubtful(named)),
    )


def _subjects_row(row: Completeness, scans: int) -> Row:
    return {
        "dataset": row.dataset,
        "subjects": row.subjects,
        "with all six expressions": row.complete,
        "the paper draws from": DATASETS[row.dataset].paper.of or None,
        "scans": scans,
    }


def _classes_row(dataset: str, records: Sequence[ScanRecord]) -> Row:
    counts = Counter(record.name.expression or OTHER for record in records)
    return {"dataset": dataset, **{name: counts[name] for name in (*EXPRESSIONS, OTHER)}}


def _shown_by(records: Iterable[ScanRecord]) -> dict[str, set[tuple[str, int]]]:
    """Subject to the expressions and levels that the scans show; -1 for an unknown level."""
    shown: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for record in records:
        pair = _pair(record.name)
        shown[record.name.subject].update([pair] if pair else [])
    return dict(sorted(shown.items()))


def _pair(name: ScanName) -> tuple[str, int] | None:
    return (name.expression, -1 if name.level is None else name.level) if name.expression else None


def _missing(dataset: str, records: Sequence[ScanRecord]) -> Iterator[Row]:
    shown = _shown_by(records)
    counts = Counter(pair for own in shown.values() for pair in own)
    usual = {pair for pair, count in counts.items() if 2 * count > len(shown)}
    for subject, own in shown.items():
        if lacking := sorted(usual - own, key=lambda pair: (EXPRESSIONS.index(pair[0]), pair[1])):
            yield {"dataset": dataset, "subject": subject, "missing": ", ".join(map(_spelled, lacking))}


def _spelled(pair: tuple[str, int]) -> str:
    return pair[0] + (f"{pair[1]:02d}" if pair[1] >= 0 else "")


def _duplicates(records: Iterable[ScanRecord]) -> Iterator[Row]:
    """Groups of scans that are the same; a group of equal raw files is not named again for its depth images."""
    sources: dict[str, list[str]] = defaultdict(list)
    depths: dict[str, list[str]] = defaultdict(list)
    for record in records:
        sources[record.source_sha256].append(record.scan_id)
        for block in record.blocks:
            depths[block.sha256].append(record.scan_id)
    told: set[tuple[str, ...]] = set()
    for what, groups in (("raw files of the same bytes", sources), ("depth images of the same bytes", depths)):
        for group in groups.values():
            scans = tuple(sorted(set(group)))
            if len(scans) > 1 and scans not in told:
                told.add(scans)
                yield {"what": what, "count": len(scans), "scans": ", ".join(scans)}


def _doubtful(records: Iterable[ScanRecord]) -> Iterator[Row]:
    confidences: dict[tuple[str, str], list[float]] = defaultdict(list)
    for record in records:
        confidences[record.name.dataset, record.name.subject].append(record.nose.confidence)
    for (dataset, subject), own in sorted(confidences.items()):
        if doubtful := sum(confidence < DOUBTFUL_BELOW for confidence in own):
            least = f"{min(own):.2f}"
            yield {
                "dataset": dataset,
                "subject": subject,
                "doubtful tips": doubtful,
                "of scans": len(own),
                "least": least,
            }
