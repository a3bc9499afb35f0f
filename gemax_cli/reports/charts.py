"""Line charts and histograms as matplotlib figures, the same whatever the user's matplotlibrc says."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import SettingsError
from gemax_cli.reports.tiles import printable
from gemax_cli.stack.atomic import write_output

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

# Okabe and Ito's colours, which readers with red-green colour blindness can tell apart
COLOURS: Mapping[str, str] = {
    "paper": "#ffffff", "ink": "#1b1b1f", "soft": "#5f6068", "grid": "#dfe0e6",
    "c0": "#0072b2", "c1": "#d55e00", "c2": "#007d5a", "c3": "#b8578f", "c4": "#8a6100", "c5": "#3c7fa8",
}  # fmt: skip
DARK: Mapping[str, str] = {
    "paper": "#17181c", "ink": "#ececf1", "soft": "#a9abb6", "grid": "#34363f",
    "c0": "#5fb4ea", "c1": "#ff8f4d", "c2": "#4fc79d", "c3": "#e79ac6", "c4": "#dcb24a", "c5": "#9dc7e8",
}  # fmt: skip
NAMES = {colour: name for name, colour in COLOURS.items()}
SERIES_COLOURS = 6
WIDTH, HEIGHT, LEGEND = 460, 300, 170  # points
PNG_DPI = 144  # two pixels per point
MOST_SERIES = 12
BARS = 24
LONGEST_NAME = 26
LARGEST = 1e100  # of a histogram; matplotlib's sums overflow near the largest float
STYLE: Mapping[str, object] = {
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 11,  # comes with matplotlib
    "text.parse_math": False, "svg.fonttype": "none", "text.color": COLOURS["ink"],
    "figure.facecolor": COLOURS["paper"], "axes.facecolor": COLOURS["paper"], "legend.frameon": False,
    "axes.titlelocation": "left", "axes.titlesize": 13, "axes.titlepad": 10, "axes.labelsize": 12,
    "axes.labelcolor": COLOURS["soft"], "axes.edgecolor": COLOURS["soft"], "axes.formatter.useoffset": False,
    "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False, "axes.axisbelow": True,
    "axes.xmargin": 0.06, "axes.ymargin": 0.06, "ytick.major.size": 0, "figure.constrained_layout.w_pad": 0.1,
    "xtick.color": COLOURS["soft"], "ytick.color": COLOURS["soft"], "grid.color": COLOURS["grid"],
}  # fmt: skip


@dataclass(frozen=True)
class Series:
    """A curve: numbers of equal count, ascending in x; ``dashed`` ones are drawn with hollow dots."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    colour: int = 0
    dashed: bool = False


def line_chart(title: str, x_label: str, y_label: str, series: Sequence[Series]) -> Figure:
    """Curves over a common scale, with a legend on the right; at most ``MOST_SERIES`` of them, the first.

    Raises:
        ValueError: there is no point to draw.
    """
    from matplotlib.lines import Line2D

    drawn = [s for s in series if s.x]
    if not drawn:
        raise ValueError("there is no point to draw")
    with chart_style():
        figure, axes = _new_figure(WIDTH + LEGEND, title, x_label, y_label)
        lines = [_draw_curve(axes, s) for s in drawn[:MOST_SERIES]]
        names = [_short(s.name) for s in drawn[:MOST_SERIES]]
        if len(drawn) > MOST_SERIES:
            lines.append(Line2D([], [], linestyle="none"))
            names.append(f"and {len(drawn) - MOST_SERIES} more")
        legend = figure.legend(lines, map(str, range(len(lines))), loc="outside right upper")
        for text, name in zip(legend.get_texts(), names, strict=True):
            text.set_text(name)  # a name given at once is left out where it begins with "_"
    return figure


def histogram(
    title: str, x_label: str, values: Sequence[float], colour: int = 0, limits: tuple[float, float] | None = None
) -> Figure:
    """How often which values occur, in ``BARS`` bars of equal width, from the least to the greatest or over ``limits``.

    Raises:
        ValueError: there is no finite value to draw.
    """
    numbers: NDArray[np.float64] = np.asarray(values, float)
    numbers = np.clip(numbers[np.isfinite(numbers)], -LARGEST, LARGEST)
    if not numbers.size:
        raise ValueError("there is no value to draw")
    low, high = limits or (float(numbers.min()), float(numbers.max()))
    spread = max(1.0, abs(low), abs(high))
    if high - low < 1e-9 * spread:  # one value: the edges of the bars must still be different floats
        low, high = low - 0.5 * spread, high + 0.5 * spread
    with chart_style():
        figure, axes = _new_figure(WIDTH, title, x_label, "scans")
        counts, _, _ = axes.hist(
            numbers, bins=BARS, range=(low, high), color=_colour(colour), rwidth=0.94, clip_on=False
        )
        axes.set(xlim=(low, high), ylim=(0, max(5.0, float(np.max(counts)))))
    return figure


def chart_style(**more: object) -> AbstractContextManager[None]:
    """Matplotlib with the look of gemax's charts, whatever the user's matplotlibrc says; ``more`` sets other things."""
    from matplotlib import style

    return style.context(["default", {**STYLE, **more}])


def _new_figure(width: int, title: str, x_label: str, y_label: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure((width / 72, HEIGHT / 72), layout="constrained")
    axes = figure.add_subplot(title=printable(title), xlabel=printable(x_label), ylabel=printable(y_label))
    axes.grid(axis="y", clip_on=False)
    return figure, axes


def _draw_curve(axes: Axes, s: Series) -> Line2D:
    colour = _colour(s.colour)
    face = COLOURS["paper"] if s.dashed else colour
    (line,) = axes.plot(s.x, s.y, "o--" if s.dashed else "o-", color=colour, markerfacecolor=face, clip_on=False)
    return line


def _colour(number: int) -> str:
    return COLOURS[f"c{number % SERIES_COLOURS}"]


def _short(name: str) -> str:
    return printable(name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…")


def to_svg(figure: Figure, themed: bool = False) -> str:
    """The chart as an SVG element, the same text for the same chart.

    Args:
        figure: of ``line_chart`` or ``histogram``.
        themed: colours are CSS variables (``var(--c0)``) of the page that holds the chart, not fixed.
    """
    title = figure.axes[0].get_title("left")
    svg = _saved(figure, "svg", {"Title": title, "Date": None, "Creator": None}).decode()
    svg = re.sub(r"<metadata>.*?</metadata>|(?<=<g) id=\"[^\"]*\"", "", svg, flags=re.DOTALL)
    svg = svg[svg.index("<svg") :].replace("<svg", '<svg role="img"', 1)
    return re.sub(r"(?<=: )#[0-9a-f]{6}", lambda m: f"var(--{NAMES[m[0]]})", svg) if themed else svg


def _saved(figure: Figure, form: str, metadata: Mapping[str, str | None]) -> bytes:
    buffer = io.BytesIO()
    salt = figure.axes[0].get_title("left")  # the charts of a page have different ids
    with warnings.catch_warnings(), chart_style(**{"svg.hashsalt": salt}):
        warnings.filterwarnings("ignore", "Glyph")  # of names in scripts that the font lacks
        figure.savefig(buffer, format=form, dpi=PNG_DPI, metadata=metadata)
    return buffer.getvalue()


def chart_format(path: Path) -> str:
    """The format that a chart's file name asks for: ".svg" or ".png".

    Raises:
        SettingsError: its suffix is another one.
    """
    suffix = path.suffix.lower()
    if suffix not in (".svg", ".png"):
        raise SettingsError(f"{path}: give a name that ends in .svg or .png.")
    return suffix


def write_chart(figure: Figure, path: Path) -> None:
    """Write a chart, whole or not at all, as the suffix of ``path`` says: .svg or .png.

    Raises:
        SettingsError: the suffix is another one.
        OutputUnwritable: the file cannot be written.
    """
    svg = chart_format(path) == ".svg"
    write_output(path, to_svg(figure).encode() if svg else _saved(figure, "png", {"Software": None}))
