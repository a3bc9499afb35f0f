"""Line charts and histograms as drawings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gemax_cli.report.drawing import SERIES_COLOURS, Area, Dot, Drawing, Line, Point, Shape, Text

WIDTH, HEIGHT, LEGEND = 460.0, 300.0, 170.0
LEFT, RIGHT, TOP, BOTTOM = 58.0, 16.0, 34.0, 46.0
MOST_SERIES = 12
BARS = 24
LONGEST_NAME = 26


@dataclass(frozen=True)
class Series:
    """A curve: numbers of equal count, ascending in x; ``dashed`` ones are drawn with hollow dots."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    colour: int = 0
    dashed: bool = False


@dataclass(frozen=True)
class Axis:
    """A scale from ``low`` to ``high``, drawn from ``start`` to ``end``, with ticks at round numbers."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Where a value stands on the sheet."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """Three to seven round numbers within the scale."""
        raw = (self.high - self.low) / 6
        unit = 10.0 ** math.floor(math.log10(raw))
        step = next(m * unit for m in (1, 2, 2.5, 5, 10) if m * unit >= raw * (1 - 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        return [n * step for n in range(first, math.floor(self.high / step + 1e-9) + 1)]


def line_chart(title: str, x_label: str, y_label: str, series: Sequence[Series]) -> Drawing:
    """Curves over a common scale, with a legend on the right; at most ``MOST_SERIES`` of them, the first.

    Raises:
        ValueError: there is no point to draw.
    """
    shown = [s for s in series if s.x][:MOST_SERIES]
    if not shown:
        raise ValueError("there is no point to draw")
    x = _axis([v for s in shown for v in s.x], LEFT, WIDTH - RIGHT)
    y = _axis([v for s in shown for v in s.y], HEIGHT - BOTTOM, TOP)
    shapes = [*_frame(x, y, title, x_label, y_label)]
    for i, s in enumerate(shown):
        shapes += [*_curve(s, x, y), *_legend_entry(s, TOP + 12 + 18 * i)]
    if len(shown) < len(series):
        shapes.append(
            Text((WIDTH + 8, TOP + 12 + 18 * MOST_SERIES), f"and {len(series) - len(shown)} more", "soft", 11)
        )
    return Drawing(WIDTH + LEGEND, HEIGHT, tuple(shapes), title)


def _axis(values: Sequence[float], start: float, end: float) -> Axis:
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.5
    return Axis(low - margin, high + margin, start, end)


def _frame(x: Axis, y: Axis, title: str, x_label: str, y_label: str) -> list[Shape]:
    shapes: list[Shape] = [Text((LEFT, 16), title, size=13)]
    for value in y.ticks:
        height = y.place(value)
        shapes += [Line(((x.start, height), (x.end, height)), "grid"), _tick_text((LEFT - 7, height), value, y, "end")]
    for value in x.ticks:
        place = x.place(value)
        shapes += [Line(((place, y.start), (place, y.start + 4)), "soft"), _tick_text((place, y.start + 14), value, x)]
    shapes.append(Line(((x.start, y.start), (x.end, y.start)), "soft"))
    shapes.append(Text(((x.start + x.end) / 2, HEIGHT - 12), x_label, "soft", anchor="middle"))
    shapes.append(Text((13, (y.start + y.end) / 2), y_label, "soft", anchor="middle", up=True))
    return shapes


def _tick_text(place: Point, value: float, axis: Axis, anchor: str = "middle") -> Text:
    step = axis.ticks[1] - axis.ticks[0] if len(axis.ticks) > 1 else 1.0
    places = max(0, -math.floor(math.log10(step) + 1e-9) + (round(step / 10 ** math.floor(math.log10(step)), 6) == 2.5))
    return Text(place, f"{value:.{places}f}", "soft", 11, anchor)


def _curve(s: Series, x: Axis, y: Axis) -> list[Shape]:
    colour = f"c{s.colour % SERIES_COLOURS}"
    points = tuple((x.place(a), y.place(b)) for a, b in zip(s.x, s.y, strict=True))
    return [Line(points, colour, 2, s.dashed), *(Dot(point, 3.4, colour, s.dashed) for point in points)]


def _legend_entry(s: Series, height: float) -> list[Shape]:
    colour = f"c{s.colour % SERIES_COLOURS}"
    left = WIDTH + 8
    name = s.name if len(s.name) <= LONGEST_NAME else f"{s.name[: LONGEST_NAME - 1]}…"
    return [
        Line(((left, height), (left + 24, height)), colour, 2, s.dashed),
        Dot((left + 12, height), 3.4, colour, s.dashed),
        Text((left + 30, height), name, size=11),
    ]


def histogram(
    title: str, x_label: str, values: Sequence[float], colour: int = 0, limits: tuple[float, float] | None = None
) -> Drawing:
    """How often which values occur, in ``BARS`` bars of equal width, from the least to the greatest or over ``limits``.

    Raises:
        ValueError: there is no finite value to draw.
    """
    numbers: NDArray[np.float64] = np.asarray(values, float)
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        raise ValueError("there is no value to draw")
    low, high = limits or (float(numbers.min()), float(numbers.max()))
    spread = max(1.0, abs(low), abs(high))
    if high - low < 1e-9 * spread:  # one value: floats must tell the bars' edges apart all the same
        low, high = low - 0.5 * spread, high + 0.5 * spread
    counts, edges = np.histogram(numbers, BARS, (low, high))
    x = Axis(low, high, LEFT, WIDTH - RIGHT)
    y = Axis(0, max(5.0, float(counts.max())), HEIGHT - BOTTOM, TOP)
    name = f"c{colour % SERIES_COLOURS}"
    bars = [_bar(x, y, edges[i], edges[i + 1], int(n), name) for i, n in enumerate(counts) if n]
    return Drawing(WIDTH, HEIGHT, (*_frame(x, y, title, x_label, "scans"), *bars), title)


def _bar(x: Axis, y: Axis, low: float, high: float, count: int, colour: str) -> Area:
    left, right = x.place(float(low)) + 0.5, x.place(float(high)) - 0.5
    bottom, top = y.place(0), y.place(count)
    return Area(((left, bottom), (left, top), (right, top), (right, bottom)), colour)
