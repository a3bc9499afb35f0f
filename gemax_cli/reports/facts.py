"""Facts about each scan for the report, and which scans to look at first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gemax_cli.datasets.model import EXPRESSIONS, ScanName
from gemax_cli.reports.entropy_table import MEAN, combined
from gemax_cli.reports.measure import GEMAX, Measured
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.records import Affine, BlockRecord, NoseRecord, ScanRecord

FENCE = 1.5  # quartile ranges beyond the quartiles: Tukey's rule for outliers
FEWEST_FOR_FENCE = 8  # scans of a dataset; fewer have no outliers to speak of
BADLY_SHOWN = "turned or cut off"  # a reason that comes before all others; its warnings begin with one of ...
BADLY_SHOWN_WARNINGS = ("The head is turned", "The face leaves the image")
DOUBTFUL_TIP, DOUBTFUL_BELOW = "nose tip doubtful", 0.5  # a reason, and the confidence below which it holds


@dataclass(frozen=True, slots=True)
class ScanFacts:
    """One scan and depth.

    Attributes:
        scan: folder of its images, relative to the output folder.
        dataset: as recorded.
        depth_mm: metric depth of the block.
        depth16: file of the depth image, relative to the output folder.
        nose_source: landmark, outline or detected.
        confidence: of the nose tip, 0..1.
        tip: column and row of the nose tip in the images; None where the record does not say.
        warnings: sentences of the record.
        valid_pixels: of the block.
        filled_pixels: of the block.
        entropy: measured, bits: mean over tau; None where no GEMax map could be measured.
        texture: name of the picture, "-" where the scan has none, "" where none was asked for.
        reasons: why it is to be looked at, short.
    """

    scan: str
    dataset: str
    depth_mm: float
    depth16: str
    nose_source: str
    confidence: float
    tip: tuple[float, float] | None
    warnings: tuple[str, ...]
    valid_pixels: int
    filled_pixels: int
    entropy: float | None
    texture: str = ""
    reasons: tuple[str, ...] = ()


def gather_facts(folder: OutputFolder, measured: Sequence[Measured]) -> list[ScanFacts]:
    """Facts on every recorded scan and depth: turned and cut-off faces first, then by reasons, confidence, entropy."""
    bits = {m.scan: m.bits for m in measured if m.map == GEMAX}
    bits |= {m.scan: m.bits for m in combined(measured) if m.map == MEAN}
    facts = [fact for record in folder.records() for fact in _facts_of(record, bits)]
    return sorted(with_reasons(facts), key=urgency)


def _facts_of(record: ScanRecord, bits: Mapping[str, float]) -> Iterator[ScanFacts]:
    for block in record.blocks:
        scan = block.file.rpartition("/")[0]
        yield ScanFacts(
            scan=scan,
            dataset=record.name.dataset,
            depth_mm=block.depth_mm,
            depth16=block.file,
            nose_source=record.nose.source,
            confidence=record.nose.confidence,
            tip=tip_pixel(block, record.nose),
            warnings=record.warnings,
            valid_pixels=block.valid_pixels,
            filled_pixels=block.counts.get("filled_pixels", 0),
            entropy=bits.get(scan),
            texture=record.texture,
        )


def tip_pixel(block: BlockRecord, nose: NoseRecord) -> tuple[float, float] | None:
    """Column and row of the nose tip in the images of a block; None where the recorded affine has no inverse."""
    place = to_pixels(block.pixel_to_raw, (nose.x, nose.y, nose.z))
    return place[:2] if place else None


def to_pixels(pixel_to_raw: Affine, point: tuple[float, float, float]) -> tuple[float, float, float] | None:
    """Column, row and depth in mm of a point in raw mm; None where the affine has no inverse."""
    matrix = np.array(pixel_to_raw, float)
    try:
        column, row, depth = np.linalg.solve(matrix[:, :3], np.array(point) - matrix[:, 3]).tolist()
    except np.linalg.LinAlgError:
        return None
    return (column, row, depth) if np.isfinite((column, row, depth)).all() else None


def scans_per_expression(names: Iterable[ScanName]) -> Iterator[dict[str, object]]:
    """A row per subject with the number of scans of each expression; who lacks the most comes first."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for name in names:
        if name.subject:
            counts[name.dataset, name.subject][name.expression] += 1
    for (dataset, subject), own in sorted(counts.items(), key=_most_lacking):
        yield {"dataset": dataset, "subject": subject, **{expression: own[expression] for expression in EXPRESSIONS}}


def _most_lacking(item: tuple[tuple[str, str], Counter[str]]) -> tuple[int, tuple[str, str]]:
    return sum(item[1][expression] > 0 for expression in EXPRESSIONS), item[0]


def with_reasons(facts: Iterable[ScanFacts]) -> list[ScanFacts]:
    """The facts with the reasons to look at each.

    A reason is a warning, a nose tip of little confidence, and an outlier among the scans of the same dataset and depth
    (Tukey's fences): little entropy, few valid pixels, many filled ones.
    """
    groups: dict[tuple[str, float], list[ScanFacts]] = defaultdict(list)
    for fact in facts:
        groups[fact.dataset, fact.depth_mm].append(fact)
    return [marked for group in groups.values() for marked in _marked(group)]


def _marked(group: Sequence[ScanFacts]) -> Iterator[ScanFacts]:
    least_bits = _fences([fact.entropy for fact in group if fact.entropy is not None])[0]
    least_pixels = _fences([fact.valid_pixels for fact in group])[0]
    most_filled = _fences([fact.filled_pixels for fact in group])[1]
    for fact in group:
        reasons = [
            *(["warning"] * bool(fact.warnings)),
            *([BADLY_SHOWN] * any(warning.startswith(BADLY_SHOWN_WARNINGS) for warning in fact.warnings)),
            *([DOUBTFUL_TIP] * (fact.confidence < DOUBTFUL_BELOW)),
            *(["images broken"] * (fact.entropy is None)),
            *(["little entropy"] * (fact.entropy is not None and fact.entropy < least_bits)),
            *(["few pixels"] * (fact.valid_pixels < least_pixels)),
            *(["many filled pixels"] * (fact.filled_pixels > most_filled)),
        ]
        yield replace(fact, reasons=tuple(reasons))


def _fences(values: Sequence[float]) -> tuple[float, float]:
    if len(values) < FEWEST_FOR_FENCE:
        return -np.inf, np.inf
    low, high = np.quantile(values, (0.25, 0.75))
    return float(low - FENCE * (high - low)), float(high + FENCE * (high - low))


def urgency(fact: ScanFacts) -> tuple[bool, int, float, float, str]:
    """Key by which the scans to look at first come first."""
    return BADLY_SHOWN not in fact.reasons, -len(fact.reasons), fact.confidence, fact.entropy or 0.0, fact.scan
