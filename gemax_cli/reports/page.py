"""The report of an output folder: one self-contained HTML page."""

from __future__ import annotations

import base64
import io
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from gemax_cli.datasets.completeness import Completeness, completeness
from gemax_cli.datasets.model import EXPRESSIONS
from gemax_cli.errors import NothingToConvert, OutputError, ScanError, SettingsError
from gemax_cli.paths import AnyPath, as_path
from gemax_cli.reports.charts import COLOURS, DARK, histogram, to_svg
from gemax_cli.reports.comparison import compare
from gemax_cli.reports.curves import entropy_chart
from gemax_cli.reports.entropy_table import EntropyRow, named_rows, scope_sentence, tabulate
from gemax_cli.reports.facts import DOUBTFUL_BELOW, DOUBTFUL_TIP, ScanFacts, gather_facts, scans_per_expression
from gemax_cli.reports.filmstrip import choose_frames, sequences_of
from gemax_cli.reports.measure import Measurement, measure_folder
from gemax_cli.reports.methods import methods_paragraph
from gemax_cli.reports.published import ENTROPY_SOURCE
from gemax_cli.reports.sheet import pick_evenly
from gemax_cli.reports.tiles import printable, shrink
from gemax_cli.reports.training_set import describe_training_set
from gemax_cli.reports.view import script_hash, view
from gemax_cli.scans.picture import NO_PICTURE
from gemax_cli.stack.atomic import write_output
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.images import ScanImages, load_codes
from gemax_cli.stack.naming import DEPTH16
from gemax_cli.stack.tables import Failure

THUMB = 112  # pixels
MOST_THUMBS = 24  # of a kind
MOST_STRIPS = 12  # 4D sequences
MOST_ROWS = 200  # of a table
LONGEST_TEXT = 400  # characters of a sentence from a file


@dataclass(frozen=True)
class Report:
    """The page, and a sentence per file that could not be measured or shown."""

    html: str
    problems: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Material:
    """The data of the page."""

    folder: OutputFolder
    place: Path  # of the page
    images: Mapping[str, ScanImages]
    measurement: Measurement
    facts: Sequence[ScanFacts]
    failures: Sequence[Failure]
    views: Mapping[str, Path]


@dataclass(frozen=True)
class _Thumb:
    """A small picture of a scan in base64, with links to its file and to the scan's page in 3D, "" for none.

    ``tip`` is the column and row of a ring, 0..1 of the picture.
    """

    scan: str
    file: str
    view: str
    line: str
    png: str
    width: int
    height: int
    tip: tuple[float, float] | None


def report(out: AnyPath, output: AnyPath | None = None, *, jobs: int = 1, views: int = 0) -> Report:
    """Measure an output folder and describe it: settings, counts, failures, entropy, and the scans to look at first.

    The page stays small however many scans there are: tables end after ``MOST_ROWS`` rows and say so.

    Args:
        out: a folder that ``gemax convert`` wrote.
        output: a file to write the page to; None writes none.
        jobs: processes that measure.
        views: of that many scans to look at first, pages in 3D beside ``output``, which links to them.

    Raises:
        ExtraMissing: views are asked for, and plotly is not installed.
        NothingToConvert: it holds neither a record nor a failure.
        OutputError: run.json is damaged, or ``output`` cannot be written.
    """
    folder = OutputFolder.holding(out)
    failures, problems = _failures(folder)
    if not folder.scan_ids and not failures:
        raise NothingToConvert(f"{out}: holds no record: give a folder that gemax convert wrote.")
    measurement = measure_folder(folder.path, jobs)
    facts = gather_facts(folder, measurement.maps)
    images = {found.scan: found for found in folder.images()}
    pages, unseen = ({}, []) if output is None else _write_views(folder, facts, as_path(output), views)
    place = folder.path if output is None else as_path(output).parent
    html = _render(_Material(folder, place, images, measurement, facts, failures, pages))
    if output is not None:
        write_output(as_path(output), html.encode("utf-8"))
    return Report(html, (*measurement.problems, *problems, *unseen))


def _write_views(
    folder: OutputFolder, facts: Sequence[ScanFacts], output: Path, count: int
) -> tuple[dict[str, Path], list[str]]:
    """Pages in 3D of the scans to look at first, beside the report; and why some could not be made."""
    pages: dict[str, Path] = {}
    problems: list[str] = []
    for number, fact in enumerate([fact for fact in facts if fact.reasons][:count], start=1):
        try:
            page = output.with_name(f"{output.stem}-view-{number:03d}.html")
            view(folder.path, page, scan=fact.scan)
            pages[fact.scan] = page
        except ScanError as error:
            problems.append(str(error))
    return pages, problems


def _link(m: _Material, path: Path) -> str:
    """A link from the page to a file: relative and percent-encoded."""
    here, there = os.path.abspath(m.place), os.path.abspath(path)  # noqa: PTH100 - as the browser resolves them
    try:
        return quote(os.fsencode(Path(os.path.relpath(there, here)).as_posix()))
    except ValueError:  # another drive
        return Path(there).as_uri()


def _failures(folder: OutputFolder) -> tuple[list[Failure], list[str]]:
    try:
        return folder.failures(), []
    except (OutputError, OSError) as error:
        return [], [str(error)]


def _render(m: _Material) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    loader = PackageLoader("gemax_cli.reports", "")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, finalize=_shown)
    environment.filters["grouped"] = "{:,}".format
    script = (files("gemax_cli.reports") / "report.js").read_text(encoding="utf-8")
    return environment.get_template("report.html.j2").render(
        name=m.folder.path.resolve().name, script=Markup(script), hash=script_hash(script),
        light=COLOURS, dark=DARK, most_rows=MOST_ROWS, most_text=LONGEST_TEXT,
        doubtful_below=DOUBTFUL_BELOW, histograms=list(_histograms(m.facts)),
        **_overview(m), **_scans(m), **_failed(m), **_entropy(m), **_training_set(m),
    )  # fmt: skip


def _shown(value: object) -> object:
    """Text of a value for the template: floats with four decimals, None as "", "?" for control characters."""
    if value is None or hasattr(value, "__html__"):
        return value or ""
    return f"{value:.4f}" if isinstance(value, float) else printable(str(value))


def _overview(m: _Material) -> dict[str, object]:
    """Counts as (name, number, whether it is bad), and the settings."""
    textured = any(fact.texture for fact in m.facts)
    return {
        "scans": len(m.facts),
        "completeness": [_completeness_row(row) for row in completeness(m.measurement.names.values())],
        "shown": list(scans_per_expression(m.measurement.names.values())),
        "expressions": EXPRESSIONS,
        "methods": methods_paragraph(m.folder.path).splitlines() if m.facts else [],
        "datasets": sorted(Counter(fact.dataset for fact in m.facts).items()),
        "counts": (
            ("scans converted", len(m.folder.scan_ids), False),
            ("scans failed", len(m.failures), True),
            ("with warnings", sum(bool(fact.warnings) for fact in m.facts), False),
            ("nose tip in doubt", sum(DOUBTFUL_TIP in fact.reasons for fact in m.facts), False),
            *([("with texture", sum(fact.texture not in ("", NO_PICTURE) for fact in m.facts), False)] * textured),
            *([("without a picture", sum(fact.texture == NO_PICTURE for fact in m.facts), False)] * textured),
            ("files broken", len(m.measurement.problems), True),
        ),
        "settings": [{"setting": name, "value": value} for name, value in _flat(m.folder.run)],
    }


def _completeness_row(row: Completeness) -> dict[str, object]:
    return {"dataset": row.dataset, "subjects": row.subjects, "with all six": row.complete, **row.shown}


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif name == "history":
            yield "commands", str(len(value))
        else:
            yield f"{prefix}{name}", " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _scans(m: _Material) -> dict[str, object]:
    """The scans to look at first, those with doubtful nose tips, and some of all."""
    worst = [fact for fact in m.facts if fact.reasons]
    doubtful = [f for f in m.facts if DOUBTFUL_TIP in f.reasons or any("nose" in warning for warning in f.warnings)]
    doubtful.sort(key=lambda fact: (fact.confidence, fact.scan))
    facts = {fact.scan: fact for fact in m.facts}
    chosen = pick_evenly([images for images in m.images.values() if images.maps and images.scan in facts], MOST_THUMBS)
    return {
        "worst": [_worst_row(fact) for fact in worst],
        "views": {scan: _link(m, page) for scan, page in m.views.items()},
        "worst_thumbs": list(_thumbs(m, worst, lambda fact: ", ".join(fact.reasons))),
        "doubtful": len(doubtful),
        "nose_thumbs": list(_thumbs(m, doubtful, _nose_text, mark=True)),
        "sheet_thumbs": list(_thumbs(m, [facts[images.scan] for images in chosen], _bits_text)),
        "strips": list(_strips(m, facts)),
    }


def _strips(m: _Material, facts: Mapping[str, ScanFacts]) -> Iterator[dict[str, object]]:
    """Some frames of the first 4D sequences."""
    shown = [images for images in m.images.values() if images.maps and images.scan in facts]
    for sequence in sequences_of(m.folder, shown)[:MOST_STRIPS]:
        chosen = {images.scan: number for number, images in choose_frames(sequence)}
        thumbs = _thumbs(m, [facts[scan] for scan in chosen], partial(_frame_text, chosen))
        yield {"name": sequence.name, "frames": len(sequence.frames), "thumbs": list(thumbs)}


def _frame_text(numbers: Mapping[str, int], fact: ScanFacts) -> str:
    return f"frame {numbers[fact.scan]}"


def _worst_row(fact: ScanFacts) -> dict[str, object]:
    return {
        "scan": fact.scan,
        "reasons": ", ".join(fact.reasons),
        "nose tip": fact.nose_source,
        "confidence": f"{fact.confidence:.2f}",
        "entropy, bits": fact.entropy,
        "valid pixels": fact.valid_pixels,
        "filled": fact.filled_pixels,
        "warnings": "; ".join(fact.warnings),
    }


def _nose_text(fact: ScanFacts) -> str:
    return f"{fact.nose_source}, confidence {fact.confidence:.2f}"


def _bits_text(fact: ScanFacts) -> str:
    return "" if fact.entropy is None else f"{fact.entropy:.3f} bits"


def _thumbs(
    m: _Material, facts: Sequence[ScanFacts], line: Callable[[ScanFacts], str], mark: bool = False
) -> Iterator[_Thumb]:
    """Up to ``MOST_THUMBS`` figures of scans whose images can be read."""
    for fact in facts[:MOST_THUMBS]:
        pixels = _map_of(m, fact)
        if pixels:
            grey, cover = small_map(*pixels)
            tip = _place_of_tip(fact, pixels[0].shape) if mark else None
            images = m.images[fact.scan]
            file = _link(m, images.maps[0].path if images.maps else images.folder / DEPTH16)
            page = _link(m, m.views[fact.scan]) if fact.scan in m.views else ""
            yield _Thumb(fact.scan, file, page, line(fact), _encoded(grey, cover), grey.shape[1], grey.shape[0], tip)


def _map_of(m: _Material, fact: ScanFacts) -> tuple[NDArray[np.uint8], NDArray[np.bool_]] | None:
    """The first map of a scan and its valid pixels."""
    images = m.images.get(fact.scan)
    if images is None or images.depth16 is None:
        return None
    try:
        codes = load_codes(images.depth16)
        grey = images.maps[0].pixels() if images.maps else (codes >> 8).astype(np.uint8)
    except ScanError:
        return None
    return (grey, codes > 0) if grey.shape == codes.shape else None


def small_map(grey: NDArray[np.uint8], valid: NDArray[np.bool_]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Grey values and coverage (0..255) of a thumbnail; the background does not darken the edge of the face."""
    cover = shrink(np.where(valid, 255, 0).astype(np.uint8), THUMB)
    mixed = shrink(np.where(valid, grey, 0).astype(np.uint8), THUMB)
    return np.minimum(mixed * 255.0 / np.maximum(cover, 1) + 0.5, 255).astype(np.uint8), cover


def _place_of_tip(fact: ScanFacts, shape: tuple[int, ...]) -> tuple[float, float] | None:
    if fact.tip is None:
        return None
    place = (fact.tip[0] + 0.5) / shape[1], (fact.tip[1] + 0.5) / shape[0]
    return place if all(0 <= share <= 1 for share in place) else None


def _encoded(grey: NDArray[np.uint8], cover: NDArray[np.uint8]) -> str:
    """A PNG of grey values with a clear background, in base64."""
    from PIL import Image

    buffer = io.BytesIO()
    pixels = np.stack([np.where(cover > 0, grey, 0).astype(np.uint8), cover], axis=-1)
    Image.fromarray(pixels).save(buffer, "png", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def _failed(m: _Material) -> dict[str, object]:
    causes = Counter((failure.stage, failure.error) for failure in m.failures).most_common()
    first = {(failure.stage, failure.error): failure for failure in reversed(m.failures)}
    return {
        "causes": [
            {"stage": stage, "error": error, "scans": count, "example": first[stage, error].message}
            for (stage, error), count in causes
        ],
        "failures": [asdict(failure) for failure in m.failures],
        "problems": [{"problem": problem} for problem in m.measurement.problems],
    }


def _entropy(m: _Material) -> dict[str, object]:
    rows = tabulate(m.measurement)
    by_expression = named_rows(tabulate(m.measurement, "expression"), "expression")
    paper = compare(rows) if any(row.paper is not None for row in rows) else []
    return {
        "entropy_chart": _entropy_chart(rows),
        "by_dataset": named_rows(rows, "dataset"),
        "by_expression": [{name: row[name] for name in row if name != "paper"} for row in by_expression],
        "beside_paper": [asdict(row) for row in paper],
        "paper_source": ENTROPY_SOURCE,
        "scope": scope_sentence(m.folder.path),
    }


def _training_set(m: _Material) -> dict[str, object]:
    found = describe_training_set(m.folder.records())
    return {f"set_{name}": list(rows) for name, rows in vars(found).items()}


def _entropy_chart(rows: Sequence[EntropyRow]) -> str:
    try:
        return to_svg(entropy_chart(rows), themed=True)
    except SettingsError:
        return ""


def _histograms(facts: Sequence[ScanFacts]) -> Iterator[str]:
    charts: tuple[tuple[str, str, list[float], tuple[float, float] | None], ...] = (
        ("Entropy, mean over tau", "bits", [f.entropy for f in facts if f.entropy is not None], None),
        ("Valid pixels", "pixels", [f.valid_pixels for f in facts], None),
        ("Confidence of the nose tip", "0 to 1", [f.confidence for f in facts], (0.0, 1.0)),
    )
    for i, (title, unit, values, limits) in enumerate(charts):
        if np.isfinite(values).any():
            yield to_svg(histogram(title, unit, values, i, limits), themed=True)
