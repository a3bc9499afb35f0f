import re
import subprocess
import sys
import warnings
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from PIL import Image

from gemax_cli.errors import OutputUnwritable, SettingsError
from gemax_cli.reports.charts import (
    COLOURS,
    HEIGHT,
    LEGEND,
    MOST_SERIES,
    WIDTH,
    Series,
    histogram,
    line_chart,
    to_svg,
    write_chart,
)
from gemax_cli.reports.curves import entropy_chart
from gemax_cli.reports.entropy_table import EntropyRow

SVG = "{http://www.w3.org/2000/svg}"
NAME = 'a<b>&"c'


def chart():
    return line_chart('T<i>&"', "x", "up", [Series(NAME, (1, 2, 4), (5, 6, 9)), Series("b", (1, 2), (5, 6), 1, True)])


def texts_of(figure):
    return [text.text for text in ElementTree.fromstring(to_svg(figure)).iter(f"{SVG}text")]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def png(figure, path):
    write_chart(figure, path)
    return np.asarray(Image.open(path).convert("RGB"))


def test_svg_is_well_formed_and_escaped():
    root = ElementTree.fromstring(to_svg(chart()))
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text == 'T<i>&"'
    assert {'T<i>&"', NAME, "x", "up"} <= set(texts_of(chart()))


@pytest.mark.slow
def test_themed_svg_has_no_colour_of_its_own():
    assert not re.search("#[0-9a-f]{6}\\b|black|white", to_svg(chart(), themed=True))
    assert {"--c0", "--c1", "--paper", "--ink", "--soft", "--grid"} == set(
        re.findall(r"(?<=var\()--\w+", to_svg(chart(), themed=True))
    )
    assert set(re.findall(r"#[0-9a-f]{6}\b", to_svg(chart()))) <= set(COLOURS.values())


@pytest.mark.slow
def test_the_same_chart_gives_the_same_bytes_whatever_the_user_s_style(tmp_path):
    expected = to_svg(chart())
    write_chart(chart(), tmp_path / "a.png")
    with matplotlib.rc_context({"font.size": 30, "font.family": "serif", "svg.hashsalt": None, "axes.grid": True}):
        assert to_svg(chart()) == expected
        write_chart(chart(), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.slow
def test_charts_leave_pyplot_alone():
    code = "import sys; from gemax_cli.reports.charts import *; to_svg(histogram('t', 'x', [1])); "
    code += "print('matplotlib.pyplot' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


@pytest.mark.slow
def test_png_has_two_pixels_per_point_and_the_colours(tmp_path):
    pixels = png(chart(), tmp_path / "a.png")
    assert pixels.shape == (2 * HEIGHT, 2 * (WIDTH + LEGEND), 3)
    found = {bytes(colour).hex() for colour in np.unique(pixels.reshape(-1, 3), axis=0)}
    assert {COLOURS[name][1:] for name in ("paper", "c0", "c1")} <= found


@pytest.mark.parametrize(
    "figure",
    [histogram("t", "x", [1e9, 2e9, 1e5]), line_chart("t", "x", "y", [Series("W" * 80, (1, 2e7), (1, 2e9))])],
)
@pytest.mark.slow
def test_nothing_is_cut_off(tmp_path, figure):
    pixels = png(figure, tmp_path / "a.png")
    frame = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (frame == 255).all()


@pytest.mark.parametrize(("name", "head"), [("a.svg", b"<svg"), ("a.png", b"\x89PNG"), ("a.PNG", b"\x89PNG")])
@pytest.mark.slow
def test_write_chart(tmp_path, name, head):
    write_chart(chart(), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(head)


def test_write_chart_refuses_other_suffixes(tmp_path):
    with pytest.raises(ValueError, match=r"\.svg or \.png"):
        write_chart(chart(), tmp_path / "a.pdf")
    assert list(tmp_path.iterdir()) == []


def test_write_chart_names_a_folder_that_is_missing(tmp_path):
    with pytest.raises(OutputUnwritable, match=r"a\.svg: cannot be written .*give another path"):
        write_chart(chart(), tmp_path / "missing" / "a.svg")


def test_a_chart_of_one_point_and_of_none():
    assert to_svg(line_chart("t", "x", "y", [Series("a", (1,), (5,))]))
    with pytest.raises(ValueError, match="no point"):
        line_chart("t", "x", "y", [Series("a", (), ())])


def test_curves_have_their_numbers_and_colours():
    first, second = chart().axes[0].get_lines()
    assert first.get_xydata().tolist() == [[1, 5], [2, 6], [4, 9]]
    assert (first.get_color(), second.get_color()) == (COLOURS["c0"], COLOURS["c1"])
    assert (first.is_dashed(), second.is_dashed()) == (False, True)
    assert second.get_markerfacecolor() == COLOURS["paper"]


def test_too_many_curves_are_counted():
    figure = line_chart("t", "x", "y", [Series(f"s{i}", (1, 2, 3), (1, 2, i)) for i in range(MOST_SERIES + 3)])
    assert legend(figure) == [*(f"s{i}" for i in range(MOST_SERIES)), "and 3 more"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("_a", "_a"),
        ("$x^2$ $", "$x^2$ $"),
        ("a\x1b\ud800\nb", "a???b"),
        ("n" * 80, "n" * 25 + "…"),
        ("顔", "顔"),
        ("", ""),
    ],
)
@pytest.mark.slow
def test_odd_names_are_shown_as_they_are_or_cut(tmp_path, name, shown):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = line_chart("t", "x", "y", [Series(name, (1, 2), (1, 2))])
        assert png(figure, tmp_path / "a.png").size
    assert legend(figure) == [shown]
    assert shown in (*texts_of(figure), "")


def heights(figure):
    return [bar.get_height() for bar in figure.axes[0].patches if bar.get_height()]


def test_histogram_bars_are_as_high_as_their_counts():
    assert heights(histogram("t", "x", [0.0] * 4 + [1.0] * 8)) == [4, 8]


@pytest.mark.parametrize(
    "values",
    [[5.0], [3.0] * 9, [0, 1e9], [np.nan, 1.0, np.inf], [1e-12, 2e-12], [1e308, 1.0], [-1e308, 1e308], [1e308]],
)
@pytest.mark.slow
def test_histograms_of_odd_values(values):
    figure = histogram("t", "x", values)
    assert sum(heights(figure)) == np.isfinite(values).sum()
    assert to_svg(figure)


def test_a_histogram_over_given_limits():
    figure = histogram("t", "x", [1.0] * 9, limits=(0.0, 1.0))
    assert figure.axes[0].get_xlim() == (0, 1)
    assert heights(figure) == [9]


def test_a_histogram_of_nothing():
    with pytest.raises(ValueError, match="no value"):
        histogram("t", "x", [float("nan")])


def row(group, name, tau, mean, paper=None):
    return EntropyRow(group, name, tau, 1, mean, 0.0, mean, mean, paper=paper)


ROWS = [row("BU-3DFE", "range image", 16, 7.6), row("BU-3DFE", "gemax", 20, 7.8), row("BU-3DFE", "gemax", 30, 7.9),
        row("BU-3DFE", "normals", None, 7.5)]  # fmt: skip


def test_entropy_chart_has_a_curve_per_group():
    chart = entropy_chart([*ROWS, row("other", "gemax", 20, 7.7)])
    assert legend(chart) == ["BU-3DFE", "other"]
    assert chart.axes[0].get_lines()[0].get_xydata().tolist() == [[16, 7.6], [20, 7.8], [30, 7.9]]


def test_the_paper_s_curve_is_drawn_where_it_compares():
    rows = [*ROWS[::2], row("BU-3DFE", "gemax", 20, 7.8, 7.811)]
    assert legend(entropy_chart(rows)) == ["BU-3DFE", "BU-3DFE, the paper's"]
    paper = entropy_chart(rows).axes[0].get_lines()[1]
    assert paper.is_dashed()
    assert len(paper.get_xdata()) == 6


def test_tau_without_bound_is_left_out():
    drawn = entropy_chart([*ROWS, row("BU-3DFE", "gemax", 4096, 7.99)]).axes[0].get_lines()[0]
    assert drawn.get_xdata().tolist() == [16, 20, 30]
    assert legend(entropy_chart([row("a", "gemax", 4096, 7.99)])) == ["a"]


def test_no_tau_is_an_error():
    with pytest.raises(SettingsError, match="no map with a tau"):
        entropy_chart([row("a", "normals", None, 7.0)])
