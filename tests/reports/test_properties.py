"""Whatever comes in: sheets, drawings and pages stay whole."""

import json
import random
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.errors import GemaxError
from gemax_cli.reports.charts import Series, histogram, line_chart, to_svg
from gemax_cli.reports.page import report
from gemax_cli.reports.stretch import bin_widths, width_colours
from gemax_cli.reports.tiles import MARGIN, PAPER, TITLE, Tile, draw_sheet
from gemax_cli.stack.tables import Failure, write_failures
from tests.reports.folders import BO, BU, make_folder
from tests.reports.test_page import SCRIPT, Page, scripts_of

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)
TEXTS = st.text(max_size=40)
TAGS = set(
    "html head meta title style body a header h1 p dl div dt dd nav ul li main section h2 "
    "table caption thead tbody tr th td details summary script".split()
)
SIZES = st.tuples(st.integers(1, 30), st.integers(1, 30))


@given(cells=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), min_size=4, max_size=4))
@settings(max_examples=25, deadline=None)
@pytest.mark.slow
def test_a_page_of_any_cells_nests_and_holds_no_tag_of_theirs(tmp_path_factory, cells):
    out = tmp_path_factory.mktemp("out")
    write_failures(out, [Failure(*cells)])
    source = report(out).html
    assert {tag for tag, _ in Page(source).tags} == TAGS
    assert scripts_of(source) == [SCRIPT]
    assert not set(source) & {chr(code) for code in range(32) if chr(code) != "\n"}
    source.encode("utf-8")


@given(
    curves=st.lists(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=5), min_size=1, max_size=4), name=TEXTS
)
@settings(max_examples=20, deadline=None)
@pytest.mark.slow
def test_any_curves_are_well_formed_svg_within_the_sheet(curves, name):
    series = [Series(name, *zip(*sorted(points), strict=True), i, bool(i % 2)) for i, points in enumerate(curves)]
    chart = line_chart(name, name, name, series)
    root = ElementTree.fromstring(to_svg(chart))
    _, _, width, height = map(float, root.get("viewBox").split())
    for mark in root.iter("{http://www.w3.org/2000/svg}use"):
        assert 0 <= float(mark.get("x")) <= width
        assert 0 <= float(mark.get("y")) <= height


@given(values=st.lists(st.floats(allow_nan=False), min_size=1, max_size=30))
@settings(max_examples=20, deadline=None)
@pytest.mark.slow
def test_any_histogram_counts_its_finite_values(values):
    finite = [v for v in values if np.isfinite(v)]
    if not finite:
        with pytest.raises(ValueError, match="no value"):
            histogram("t", "x", values)
        return
    ElementTree.fromstring(to_svg(histogram("t", "x", values)))


@given(
    shapes=st.lists(
        st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=4), min_size=1, max_size=3
    )
)
@settings(max_examples=30, deadline=None)
def test_tiles_of_any_size_are_all_on_the_sheet(shapes):
    tiles = [
        [Tile(np.full(shape, 10 * i + j + 1, np.uint8), "") for j, shape in enumerate(row)]
        for i, row in enumerate(shapes)
    ]
    sheet = draw_sheet(tiles)
    for i, row in enumerate(shapes):
        for j, shape in enumerate(row):
            assert (sheet == 10 * i + j + 1).all(axis=2).sum() == shape[0] * shape[1]
    assert (sheet[:, :MARGIN] == PAPER).all()
    assert (sheet[:TITLE] == PAPER).all()


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_bin_widths_are_the_naive_ones(data):
    cuts = np.array([0, *sorted(data.draw(st.sets(st.integers(1, 4095), min_size=1, max_size=255))), 4096])
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    image, mask = rng.integers(0, len(cuts) - 1, (6, 7)).astype(np.uint8), rng.random((6, 7)) < 0.7
    found = bin_widths(image, mask, cuts)
    for place in np.ndindex(6, 7):
        k = int(image[place])
        assert found[place] == (cuts[k + 1] - cuts[k] if mask[place] else 0)


@given(width=st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_narrow_bins_are_blue_and_wide_ones_are_not(width):
    red, _, blue = width_colours(np.array([width]), 16, 60)[0].astype(int)
    assert (blue > red) if width <= 10 else (red > blue) if width >= 20 else abs(red - blue) < 100


def mutated(value, rng):
    """The value with one thing in it replaced by something else."""
    odd = [None, -1, 1e308, "x", [], {}, True, "<b>", [[1]], float("nan")]
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(sorted(value))
        return {**value, key: mutated(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        place = rng.randrange(len(value))
        return [*value[:place], mutated(value[place], rng), *value[place + 1 :]]
    return rng.choice(odd)


def page_or_sentence(out):
    """The report's page, which nests, or what the error says."""
    try:
        source = report(out).html
    except GemaxError as error:
        return str(error)
    Page(source)
    return source


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.slow
def test_a_damaged_record_never_breaks_the_report(tmp_path, seed):
    rng = random.Random(seed)
    out = make_folder(tmp_path / "out", (BU, BO))
    lines = [json.loads(line) for line in (out / "records.jsonl").read_text().splitlines()]
    damaged = [json.dumps(mutated(lines[0], rng)), json.dumps(lines[1])]
    (out / "records.jsonl").write_text("\n".join(damaged) + "\n")
    said = page_or_sentence(out)
    assert BO.rpartition("/")[2] in said or "\n" not in said


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.slow
def test_a_damaged_run_never_breaks_the_report(tmp_path, seed):
    rng = random.Random(seed)
    out = make_folder(tmp_path / "out", (BU,))
    run = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(mutated(run, rng)))
    said = page_or_sentence(out)
    assert said.startswith("<!DOCTYPE html>") or "run.json" in said


HEAD = b"source,stage,error,message\n"


@pytest.mark.parametrize("content", [b"", b"\x00", HEAD + b'"a\n', HEAD + b"a\n", b"\xff\xfe"])
@pytest.mark.slow
def test_any_failures_csv_is_read_or_named(tmp_path, content):
    out = make_folder(tmp_path / "out", (BU,))
    (out / "failures.csv").write_bytes(content)
    made = report(out)
    Page(made.html)
    assert all("failures.csv" in problem for problem in made.problems)
