import io
import math
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from gemax_cli.errors import SettingsError
from gemax_cli.report.charts import HEIGHT, LEFT, MOST_SERIES, RIGHT, WIDTH, Axis, Series, histogram, line_chart
from gemax_cli.report.curves import entropy_chart
from gemax_cli.report.drawing import (
    COLOURS,
    DASH,
    Area,
    Dot,
    Drawing,
    Line,
    Text,
    dashes,
    to_png,
    to_svg,
    write_drawing,
)  # fmt: skip
from gemax_cli.report.entropy_table import EntropyRow

SVG = "{http://www.w3.org/2000/svg}"
SHAPES = (
    Area(((10, 10), (10, 40), (40, 40), (40, 10)), "c0"),
    Line(((50, 20), (90, 20)), "c1", 4),
    Line(((50, 50), (90, 50)), "c2", 4, dashed=True),
    Dot((70, 80), 8, "c3"),
    Dot((30, 80), 8, "c3", hollow=True),
    Text((50, 110), 'a<b>&"c', "ink", 12, "middle"),
    Text((10, 70), "up", "ink", 12, "middle", up=True),
)
DRAWING = Drawing(100, 120, SHAPES, 'T<i>&"')


def rgb(name):
    return tuple(int(COLOURS[name][i : i + 2], 16) for i in (1, 3, 5))


@pytest.fixture(scope="module")
def png():
    return np.asarray(Image.open(io.BytesIO(to_png(DRAWING))))


def test_svg_is_well_formed_and_escaped():
    root = ElementTree.fromstring(to_svg(DRAWING))
    assert root.find(f"{SVG}title").text == 'T<i>&"'
    assert [t.text for t in root.findall(f"{SVG}text")] == ['a<b>&"c', "up"]
    assert root.get("role") == "img"
    assert len(root.findall(f"{SVG}polyline")) == 2
    assert len(root.findall(f"{SVG}circle")) == 2


def test_themed_svg_has_no_colour_of_its_own():
    assert "#" not in to_svg(DRAWING, themed=True)
    assert "var(--c0)" in to_svg(DRAWING, themed=True)
    assert "var(" not in to_svg(DRAWING)


def test_png_shows_the_shapes_in_their_places(png):
    assert png.shape == (240, 200, 3)
    assert tuple(png[50, 50]) == rgb("c0")
    assert tuple(png[40, 140]) == rgb("c1")
    assert tuple(png[160, 140]) == rgb("c3")
    assert tuple(png[160, 60]) == rgb("paper")
    assert tuple(png[2, 2]) == rgb("paper")


def test_png_draws_dashes_and_text(png):
    row = (png[100, 100:180] == rgb("c2")).all(axis=1)
    assert 20 < row.sum() < 70
    assert (png[205:235, 60:140] != 255).any()
    assert (png[120:160, 10:30] != 255).any()


def test_dashes_cover_their_share_and_run_on_around_corners():
    points = [(0.0, 0.0), (30.0, 0.0), (30.0, 41.0)]
    pieces = dashes(points)
    drawn = sum(math.dist(*piece) for piece in pieces)
    whole, rest = divmod(71.0, sum(DASH))
    assert drawn == pytest.approx(whole * DASH[0] + min(rest, DASH[0]))
    assert pieces[0] == ((0.0, 0.0), (7.0, 0.0))
    assert all(math.dist(*piece) <= DASH[0] + 1e-9 for piece in pieces)


def test_dashes_of_a_point_are_none():
    assert dashes([(1.0, 1.0), (1.0, 1.0)]) == []


@pytest.mark.parametrize(("name", "head"), [("a.svg", b"<svg"), ("a.png", b"\x89PNG"), ("a.PNG", b"\x89PNG")])
def test_write_drawing(tmp_path, name, head):
    write_drawing(DRAWING, tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(head)


def test_write_drawing_refuses_other_suffixes(tmp_path):
    with pytest.raises(ValueError, match=r"\.svg or \.png"):
        write_drawing(DRAWING, tmp_path / "a.pdf")


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (7.55, 8.01, [7.6, 7.7, 7.8, 7.9, 8.0]),
        (16, 60, [20, 30, 40, 50, 60]),
        (0, 5000, [0, 1000, 2000, 3000, 4000, 5000]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_ticks_are_round_and_within(low, high, ticks):
    found = Axis(low, high, 0, 1).ticks
    assert [t for t in found if low <= t <= high] == pytest.approx(found)
    assert found == pytest.approx(ticks)


@pytest.mark.parametrize("seed", range(20))
def test_there_are_three_to_seven_ticks(seed):
    rng = np.random.default_rng(seed)
    low = rng.normal() * 10 ** rng.uniform(-3, 6)
    high = low + 10 ** rng.uniform(-3, 6)
    assert 3 <= len(Axis(low, high, 0, 1).ticks) <= 7


def test_an_axis_maps_its_ends():
    axis = Axis(2, 4, 100, 20)
    assert (axis.place(2), axis.place(4), axis.place(3)) == (100, 20, 60)


def points_of(drawing, colour):
    return next(s.points for s in drawing.shapes if isinstance(s, Line) and s.colour == colour and len(s.points) > 2)


def test_a_curve_rises_where_its_numbers_rise():
    chart = line_chart("t", "x", "y", [Series("a", (1, 2, 4), (5, 6, 9))])
    (x0, y0), (x1, y1), (x2, y2) = points_of(chart, "c0")
    assert (x1 - x0) * 2 == pytest.approx(x2 - x1)
    assert (y0 - y1) * 3 == pytest.approx(y1 - y2)
    assert LEFT < x0 < x2 < WIDTH - RIGHT
    assert 0 < y2 < y0 < HEIGHT


def test_a_chart_of_one_point_and_of_none():
    assert to_svg(line_chart("t", "x", "y", [Series("a", (1,), (5,))]))
    with pytest.raises(ValueError, match="no point"):
        line_chart("t", "x", "y", [Series("a", (), ())])


def test_too_many_curves_are_counted():
    chart = line_chart("t", "x", "y", [Series(f"s{i}", (1, 2, 3), (1, 2, i)) for i in range(MOST_SERIES + 3)])
    texts = [s.text for s in chart.shapes if isinstance(s, Text)]
    assert "and 3 more" in texts
    assert f"s{MOST_SERIES - 1}" in texts
    assert f"s{MOST_SERIES}" not in texts


def test_long_names_are_cut():
    chart = line_chart("t", "x", "y", [Series("n" * 80, (1, 2), (1, 2))])
    assert max(len(s.text) for s in chart.shapes if isinstance(s, Text)) < 40


def bars(drawing):
    return [s for s in drawing.shapes if isinstance(s, Area)]


def test_histogram_bars_are_as_high_as_their_counts():
    drawn = bars(histogram("t", "x", [0.0] * 4 + [1.0] * 8))
    heights = [bar.points[0][1] - bar.points[1][1] for bar in drawn]
    assert heights[1] == pytest.approx(2 * heights[0])


@pytest.mark.parametrize("values", [[5.0], [3.0] * 1000, [0, 1e9], [float("nan"), 1.0, float("inf")], [1e-12, 2e-12]])
def test_histograms_of_odd_values(values):
    assert len(bars(histogram("t", "x", values))) >= 1


def test_a_histogram_over_given_limits():
    (bar,) = bars(histogram("t", "x", [1.0] * 9, limits=(0.0, 1.0)))
    assert bar.points[-1][0] == pytest.approx(WIDTH - RIGHT - 0.5)


def test_a_histogram_of_nothing():
    with pytest.raises(ValueError, match="no value"):
        histogram("t", "x", [float("nan")])


def row(group, name, tau, mean, paper=None):
    return EntropyRow(group, name, tau, 1, mean, 0.0, mean, mean, paper=paper)


def legend(chart):
    return [s.text for s in chart.shapes if isinstance(s, Text) and s.place[0] > WIDTH]


ROWS = [row("BU-3DFE", "range image", 16, 7.6), row("BU-3DFE", "gemax", 20, 7.8), row("BU-3DFE", "gemax", 30, 7.9),
        row("BU-3DFE", "normals", None, 7.5)]  # fmt: skip


def test_entropy_chart_has_a_curve_per_group():
    chart = entropy_chart([*ROWS, row("other", "gemax", 20, 7.7)])
    assert legend(chart) == ["BU-3DFE", "other"]
    assert len(points_of(chart, "c0")) == 3


def test_the_paper_s_curve_is_drawn_where_it_compares():
    rows = [*ROWS[::2], row("BU-3DFE", "gemax", 20, 7.8, 7.811)]
    assert legend(entropy_chart(rows)) == ["BU-3DFE", "BU-3DFE, the paper's"]
    assert any(isinstance(s, Line) and s.dashed and len(s.points) == 6 for s in entropy_chart(rows).shapes)


def test_tau_without_bound_is_left_out():
    assert len(points_of(entropy_chart([*ROWS, row("BU-3DFE", "gemax", 4096, 7.99)]), "c0")) == 3
    assert legend(entropy_chart([row("a", "gemax", 4096, 7.99)])) == ["a"]


def test_no_tau_is_an_error():
    with pytest.raises(SettingsError, match="no map with a tau"):
        entropy_chart([row("a", "normals", None, 7.0)])
