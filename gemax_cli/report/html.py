"""The report of an output folder: one HTML page that needs nothing but itself."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import NothingToConvert, ScanError, SettingsError
from gemax_cli.report.charts import histogram
from gemax_cli.report.comparison import compare
from gemax_cli.report.curves import entropy_chart
from gemax_cli.report.drawing import to_svg
from gemax_cli.report.entropy_table import named_rows, tabulate
from gemax_cli.report.facts import ScanFacts, gather_facts
from gemax_cli.report.measure import Measurement, measure_folder
from gemax_cli.report.page import folded, page, picture, section, table, text, thumbs
from gemax_cli.report.published import ENTROPY_SOURCE
from gemax_cli.report.sheet import spread
from gemax_cli.report.tiles import shrink
from gemax_cli.stack.folder import read_run
from gemax_cli.stack.images import ScanImages, load_codes
from gemax_cli.stack.naming import FAILURES
from gemax_cli.stack.opened import OpenedFolder, open_folder
from gemax_cli.stack.png import write_atomically
from gemax_cli.stack.tables import Failure, read_failures

THUMB = 112  # pixels
MOST_THUMBS = 24  # of a kind
MOST_ROWS = 200  # of a table
LONGEST_TEXT = 400  # characters of a sentence from a file


@dataclass(frozen=True)
class Report:
    """The page, and a sentence per file that could not be measured or shown."""

    html: str
    problems: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Material:
    """What the page is made of."""

    opened: OpenedFolder
    run: Mapping[str, Any]
    images: Mapping[str, ScanImages]
    measurement: Measurement
    facts: Sequence[ScanFacts]
    failures: Sequence[Failure]


def make_report(out: Path | str, jobs: int = 1) -> Report:
    """Measure an output folder and describe it: settings, counts, failures, entropy, and the scans to look at first.

    The page stays small however many scans there are: tables end after ``MOST_ROWS`` rows and say so.

    Args:
        out: a folder that ``gemax convert`` wrote.
        jobs: processes that measure.

    Raises:
        NothingToConvert: it holds neither a record nor a failure.
        OutputError: run.json is damaged.
    """
    opened = open_folder(Path(out))
    opened = replace(opened, place=opened.root)
    failures, problems = _failures(opened.root)
    if not opened.places and not failures:
        raise NothingToConvert(f"{out}: holds no record: give a folder that gemax convert wrote.")
    measurement = measure_folder(opened.root, jobs)
    facts = gather_facts(opened, measurement.maps)
    images = {found.scan: found for found in opened.scans()}
    material = _Material(opened, read_run(opened.root), images, measurement, facts, failures)
    name = opened.root.resolve().name
    return Report(page(f"gemax report: {name}", _body(material, name)), (*measurement.problems, *problems))


def write_report(path: Path, report: Report) -> None:
    """Write the page as UTF-8."""
    write_atomically(path, report.html.encode("utf-8"))


def _failures(root: Path) -> tuple[list[Failure], list[str]]:
    if not (root / FAILURES).is_file():
        return [], []
    try:
        return read_failures(root / FAILURES), []
    except (ValueError, OSError, csv.Error) as error:
        return [], [f"{root / FAILURES}: cannot be read ({error})."]


def _body(m: _Material, name: str) -> str:
    parts = {
        "worst": ("Scans to look at first", _worst(m)),
        "nose": ("Nose tips in doubt", _noses(m)),
        "failures": ("Failures", _failure_tables(m.failures) + _broken(m.measurement.problems)),
        "entropy": ("Entropy", _entropy(m)),
        "histograms": ("Histograms", _histograms(m.facts)),
        "sheet": ("Contact sheet", _contact_sheet(m)),
        "settings": ("Settings", _settings(m.run)),
    }
    links = "".join(f'<li><a href="#{key}">{text(title)}</a></li>' for key, (title, body) in parts.items() if body)
    sections = "".join(section(key, title, body) for key, (title, body) in parts.items())
    head = f'<a class="skip" href="#main">Skip to the report</a><header><h1>gemax report: {text(name)}</h1>'
    return (
        f'{head}{_counts(m)}<nav aria-label="Parts"><ul>{links}</ul></nav></header>\n<main id="main">{sections}</main>'
    )


def _counts(m: _Material) -> str:
    warned = sum(bool(fact.warnings) for fact in m.facts)
    doubtful = sum("nose tip doubtful" in fact.reasons for fact in m.facts)
    counts = {"scans converted": len(m.opened.places), "scans failed": len(m.failures), "with warnings": warned,
              "nose tip in doubt": doubtful, "files broken": len(m.measurement.problems)}  # fmt: skip
    cells = "".join(_count(name, n, name in ("scans failed", "files broken")) for name, n in counts.items())
    datasets = Counter(fact.dataset for fact in m.facts)
    text_of_datasets = ", ".join(f"{name} {n:,}" for name, n in sorted(datasets.items()))
    return f'<p class="soft">{text(text_of_datasets)}</p><dl class="counts">{cells}</dl>'


def _count(name: str, count: int, bad: bool) -> str:
    mark = ' class="bad"' if bad and count else ""
    return f"<div><dt>{name}</dt><dd{mark}>{count:,}</dd></div>"


def _worst(m: _Material) -> str:
    worst = [fact for fact in m.facts if fact.reasons]
    if not worst:
        return (
            "<p>No scan has a warning, a doubtful nose tip, or figures out of line with the others of its dataset.</p>"
        )
    lead = (
        f"<p>{len(worst):,} of {len(m.facts):,} have a reason: a warning, a nose tip of confidence under 0.5, or "
        "entropy, valid or filled pixels beyond Tukey's fences of their dataset.</p>"
    )
    shown = thumbs(list(_thumbs(m, worst, lambda fact: ", ".join(fact.reasons))))
    rows = [_worst_row(fact) for fact in worst[:MOST_ROWS]]
    return (
        lead
        + shown
        + folded(f"Table: {_shown(len(rows), len(worst))}", table("Most reasons first", rows, ["scan", "warnings"]))
    )


def _shown(shown: int, of: int) -> str:
    return f"{of:,}" if shown == of else f"the first {shown:,} of {of:,} (all are in metadata.csv)"


def _worst_row(fact: ScanFacts) -> dict[str, object]:
    return {
        "scan": fact.scan,
        "reasons": ", ".join(fact.reasons),
        "nose tip": fact.nose_source,
        "confidence": f"{fact.confidence:.2f}",
        "entropy, bits": fact.entropy,
        "valid pixels": fact.valid_pixels,
        "filled": fact.filled_pixels,
        "warnings": _cut("; ".join(fact.warnings)),
    }


def _cut(sentence: str) -> str:
    return sentence if len(sentence) <= LONGEST_TEXT else f"{sentence[:LONGEST_TEXT]}…"


def _thumbs(m: _Material, facts: Sequence[ScanFacts], line: Any, mark: bool = False) -> Iterator[tuple[str, str, str]]:
    """Up to ``MOST_THUMBS`` figures of scans whose images can be read."""
    for fact in facts[:MOST_THUMBS]:
        drawn = _thumb(m, fact, mark)
        if drawn:
            yield drawn, fact.scan.rpartition("/")[2] if fact.scan.count("/") < 3 else fact.scan, line(fact)


def _thumb(m: _Material, fact: ScanFacts, mark: bool) -> str:
    images = m.images.get(fact.scan)
    if images is None or images.depth16 is None:
        return ""
    try:
        codes = load_codes(images.depth16)
        grey = images.maps[0].pixels() if images.maps else (codes >> 8).astype(np.uint8)
    except ScanError:
        return ""
    if grey.shape != codes.shape:
        return ""
    small, cover = _small(grey, codes > 0)
    tip = fact.tip if mark else None
    share = ((tip[0] + 0.5) / codes.shape[1], (tip[1] + 0.5) / codes.shape[0]) if tip else None
    return picture(small, cover, f"Map of {fact.scan}", share if share and all(0 <= s <= 1 for s in share) else None)


def _small(grey: NDArray[np.uint8], valid: NDArray[np.bool_]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Grey values and coverage (0..255) of a thumbnail; the background does not darken the edge of the face."""
    cover = shrink(np.where(valid, 255, 0).astype(np.uint8), THUMB)
    mixed = shrink(np.where(valid, grey, 0).astype(np.uint8), THUMB)
    return np.minimum(mixed * 255.0 / np.maximum(cover, 1) + 0.5, 255).astype(np.uint8), cover


def _noses(m: _Material) -> str:
    doubtful = sorted(
        (f for f in m.facts if "nose tip doubtful" in f.reasons or any("nose" in w for w in f.warnings)),
        key=lambda fact: (fact.confidence, fact.scan),
    )
    if not doubtful:
        return ""
    shown = list(_thumbs(m, doubtful, lambda f: f"{f.nose_source}, confidence {f.confidence:.2f}", mark=True))
    more = f" The first {len(shown)} are shown." if len(shown) < len(doubtful) else ""
    return f"<p>{len(doubtful):,} scans, least confident first; the ring is at the tip.{more}</p>{thumbs(shown)}"


def _failure_tables(failures: Sequence[Failure]) -> str:
    if not failures:
        return ""
    causes = Counter((failure.stage, failure.error) for failure in failures)
    counts = [{"stage": stage, "error": error, "scans": n} for (stage, error), n in causes.most_common(MOST_ROWS)]
    rows = [
        {"source": f.source, "stage": f.stage, "error": f.error, "message": _cut(f.message)}
        for f in failures[:MOST_ROWS]
    ]
    shown = (
        f"{len(failures):,}"
        if len(rows) == len(failures)
        else f"the first {len(rows)} of {len(failures):,} (all are in failures.csv)"
    )
    return table("Failed scans by cause", counts) + folded(f"Table: {shown}", table("Failed scans", rows, ["message"]))


def _broken(problems: Sequence[str]) -> str:
    rows = [{"problem": _cut(problem)} for problem in problems[:MOST_ROWS]]
    caption = f"Files that could not be measured: {len(problems):,}"
    more = f" (the first {MOST_ROWS} are listed)" if len(problems) > MOST_ROWS else ""
    return table(caption + more, rows, ["problem"])


def _entropy(m: _Material) -> str:
    rows = tabulate(m.measurement)
    if not rows:
        return ""
    try:
        chart = f'<div class="chart">{to_svg(entropy_chart(rows), themed=True)}</div>'
    except SettingsError:
        chart = ""
    by_expression = named_rows(tabulate(m.measurement, "expression"), "expression")
    paper = [asdict(row) for row in compare(rows)] if any(row.paper is not None for row in rows) else []
    for row in by_expression:
        del row["paper"]
    return (
        "<p>Measured on the PNGs, over valid pixels. max_bin is the widest bin in levels, distortion its share of N, "
        "error_mm the mean absolute depth error of the inverted map.</p>"
        + chart
        + table(f"Entropy by dataset, bits{f'; paper: {ENTROPY_SOURCE}' if paper else ''}", named_rows(rows, "dataset"))
        + _fold("By expression", "Entropy by expression, bits", by_expression)
        + _fold("Beside the paper's tables", f"paper: {ENTROPY_SOURCE}", paper)
    )


def _fold(summary: str, caption: str, rows: Sequence[dict[str, object]]) -> str:
    more = f" (the first {MOST_ROWS} rows of {len(rows):,})" if len(rows) > MOST_ROWS else ""
    return folded(summary, table(caption + more, rows[:MOST_ROWS]))


def _histograms(facts: Sequence[ScanFacts]) -> str:
    charts: tuple[tuple[str, str, list[float], tuple[float, float] | None], ...] = (
        ("Entropy, mean over tau", "bits", [f.entropy for f in facts if f.entropy is not None], None),
        ("Valid pixels", "pixels", [f.valid_pixels for f in facts], None),
        ("Confidence of the nose tip", "0 to 1", [f.confidence for f in facts], (0.0, 1.0)),
        ("Time of conversion", "seconds", [f.seconds for f in facts], None),
    )
    drawn = [
        to_svg(histogram(title, unit, values, i, limits), themed=True)
        for i, (title, unit, values, limits) in enumerate(charts)
        if np.isfinite(values).any()
    ]
    return f'<div class="charts">{"".join(drawn)}</div>' if drawn else ""


def _contact_sheet(m: _Material) -> str:
    found = [images for images in m.images.values() if images.maps]
    facts = {fact.scan: fact for fact in m.facts}
    chosen = [facts[images.scan] for images in spread(found, MOST_THUMBS) if images.scan in facts] if found else []
    shown = list(_thumbs(m, chosen, lambda fact: _bits_text(fact)))
    return f"<p>{len(shown)} scans spread evenly over the folder.</p>{thumbs(shown)}" if shown else ""


def _bits_text(fact: ScanFacts) -> str:
    return "" if fact.entropy is None else f"{fact.entropy:.3f} bits"


def _settings(run: Mapping[str, Any]) -> str:
    rows: list[dict[str, object]] = [{"setting": name, "value": _cut(value)} for name, value in _flat(run)]
    return table("From run.json", rows, ["value"])


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", " ".join(map(str, value)) if isinstance(value, list) else str(value)
