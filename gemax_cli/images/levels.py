"""From the values of an image to the solver's levels: scale and range come before the levels.

A level is an interval of values; ``LevelGrid`` knows the lowest and the highest value of each. Counting, mapping and
inverting use these alone, so that no value can fall on different sides of a limit in two places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import MAX_CODE
from gemax_cli.errors import SettingsError
from gemax_cli.images.settings import ImageSettings, Scale, ValueRange

Floats = NDArray[np.float64]
Rule = Literal["values", "whole", "even"]
DEFAULT_LEVELS = 4096

MOST_FEW = 256  # values that are counted one by one whatever their type
_LOOK = 2000  # values that are looked at first, for most images have many
# Floats are counted in cells of their float32 bits: sign, exponent and the first 13 bits of the fraction.
CELLS = 1 << 22
_CELL_BITS = 10
_SIGN = np.uint32(1 << 31)
_SHORT_LOW, _SHORT_HIGH = -(1 << 15), 1 << 16  # all values of 8 and 16 bits, signed or not


class ScaleKind(NamedTuple):
    """A scale: to it, back to the value, and the values that it is defined for.

    Attributes:
        to: value to scaled.
        back: scaled to value.
        lowest: no value below this has a place on the scale.
        unit: of the scale, where it is not the input's own.
    """

    to: Callable[[Floats], Floats]
    back: Callable[[Floats], Floats]
    lowest: float
    unit: str


_WIDEST = 1e300
_ABOVE_0 = float(np.finfo(np.float64).tiny)
SCALES: dict[Scale, ScaleKind] = {
    "linear": ScaleKind(lambda value: value, lambda scaled: scaled, -np.inf, ""),
    "sqrt": ScaleKind(np.sqrt, np.square, 0.0, "sqrt"),
    "log": ScaleKind(np.log, np.exp, _ABOVE_0, "ln"),
    "db": ScaleKind(lambda value: 10 * np.log10(value), lambda scaled: 10 ** (scaled / 10), _ABOVE_0, "dB"),
}


# --- counting values


@dataclass(frozen=True, eq=False)
class ValueCounts:
    """How often values occur.

    Attributes:
        values: (n,) ascending: the values themselves, or the low ends of narrow cells of values (1 part in 8,192).
        counts: (n,) pixels of each.
        low: the lowest value; inf without a pixel.
        high: the highest value.
        exact: whether ``values`` are the values themselves: of 8 and 16 bits, or few.
        whole: whether all values are whole numbers.
    """

    values: Floats
    counts: NDArray[np.int64]
    low: float
    high: float
    exact: bool
    whole: bool

    @property
    def pixels(self) -> int:
        """Their number."""
        return int(self.counts.sum())

    def from_(self, lowest: float) -> ValueCounts:
        """Those of the values from ``lowest`` on."""
        first = int(np.searchsorted(self.values, lowest))
        low = float(self.values[first]) if first < self.values.size else np.inf
        return ValueCounts(self.values[first:], self.counts[first:], low, self.high, self.exact, self.whole)

    def percentile(self, percent: float, *, upper: bool) -> float:
        """The value that ``percent`` of the pixels do not exceed; of a cell the low end, or the ``upper`` one."""
        below = np.cumsum(self.counts)
        wanted = max(1, int(np.ceil(below[-1] * percent / 100)))
        place = min(int(np.searchsorted(below, wanted)), below.size - 1)
        if not self.exact and upper:
            return min(float(cell_start(cell_of(self.values[place : place + 1]) + 1)[0]), self.high)
        return float(max(self.values[place], self.low))


def pooled_counts(parts: Iterable[ValueCounts]) -> ValueCounts:
    """The counts of several images together; exact where all are."""
    parts = list(parts)
    exact = all(part.exact for part in parts)
    low, high = min(part.low for part in parts), max(part.high for part in parts)
    values = np.concatenate([part.values if exact or not part.exact else _cell_starts(part) for part in parts])
    values, counts = _added_up(values, np.concatenate([part.counts for part in parts]))
    values[:1] = low
    return ValueCounts(values, counts, low, high, exact, all(part.whole for part in parts))


def _cell_starts(part: ValueCounts) -> Floats:
    return cell_start(cell_of(part.values))


def _added_up(values: Floats, counts: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """Each value once, ascending, with the sum of its counts."""
    once, place = np.unique(values, return_inverse=True)
    total = np.zeros(once.size, np.int64)
    np.add.at(total, place, counts)
    return once, total


class Counter:
    """Count the values of an image block by block."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._short = dtype.kind in "iu" and dtype.itemsize <= 2
        self._whole = dtype.kind in "iu"
        self._counts = np.zeros(_SHORT_HIGH - _SHORT_LOW if self._short else CELLS, np.int64)
        self._low, self._high = np.inf, -np.inf
        self._few: tuple[Floats, NDArray[np.int64]] | None = (np.empty(0), np.empty(0, np.int64))

    def add(self, values: NDArray[Any]) -> None:
        """Count the values of a flat array, all of them finite."""
        if values.size:
            self._low = min(self._low, float(values.min()))
            self._high = max(self._high, float(values.max()))
            place = values.astype(np.int64) - _SHORT_LOW if self._short else cell_of(values)
            self._counts += np.bincount(place, minlength=self._counts.size)
            if not self._short and self._few is not None:
                self._few = self._add_few(*self._few, values)

    def _add_few(
        self, known: Floats, counts: NDArray[np.int64], values: NDArray[Any]
    ) -> tuple[Floats, NDArray[np.int64]] | None:
        """Values and counts with those of an array; None once there are more values than a map has grey values."""
        if np.unique(values[:_LOOK]).size > MOST_FEW:
            return None
        found, more = np.unique(values.astype(np.float64), return_counts=True)
        both = _added_up(np.concatenate([known, found]), np.concatenate([counts, more.astype(np.int64)]))
        return both if both[0].size <= MOST_FEW else None

    def result(self) -> ValueCounts:
        """The counts so far."""
        if self._few is not None and not self._short:
            return ValueCounts(*self._few, self._low, self._high, True, self._whole)
        place = np.flatnonzero(self._counts)
        values = (place + _SHORT_LOW).astype(np.float64) if self._short else cell_start(place)
        values[:1] = self._low  # that of the first cell is known
        return ValueCounts(values, self._counts[place], self._low, self._high, self._short, self._whole)


def cell_of(values: NDArray[Any]) -> NDArray[np.int64]:
    """The cell of each finite value: its float32 bits, in the order of the values, without the last ten."""
    largest = np.finfo(np.float32).max
    bits = (np.clip(values, -largest, largest).astype(np.float32) + np.float32(0)).view(np.uint32)  # -0 becomes 0
    ordered = np.where(bits & _SIGN, ~bits, bits | _SIGN)
    cells: NDArray[np.int64] = (ordered >> np.uint32(_CELL_BITS)).astype(np.int64)
    return cells


def cell_start(cells: NDArray[np.integer]) -> Floats:
    """The lowest value of each cell, as float64."""
    ordered = (cells.astype(np.uint32) << np.uint32(_CELL_BITS)).astype(np.uint32)
    bits = np.where(ordered & _SIGN, ordered & ~_SIGN, ~ordered)
    starts: Floats = bits.astype(np.uint32).view(np.float32).astype(np.float64)
    return starts


# --- levels


@dataclass(frozen=True)
class LevelGrid:
    """The levels of an image, in the input's unit.

    Attributes:
        rule: ``values``: each value that occurs is a level; ``whole``: each whole number from ``low`` to ``high``;
            ``even``: N even steps on the scale.
        scale: what the steps are even on.
        low: lowest value of level 0, in the input's unit.
        high: highest value of level N - 1, in the input's unit.
        levels: N, number of levels.
        whole: whether values are whole numbers.
        values: the levels themselves, in the input's unit; empty if the rule is another.
    """

    rule: Rule
    scale: Scale
    low: float
    high: float
    levels: int
    whole: bool
    values: tuple[float, ...] = ()

    @cached_property
    def first(self) -> Floats:
        """(N,) lowest value of each level, ascending."""
        if self.rule == "values":
            return np.array(self.values)
        if self.rule == "whole":
            return self.low + np.arange(self.levels, dtype=np.float64)
        return self._limits[:-1]

    @cached_property
    def last(self) -> Floats:
        """(N,) highest value of each level; where values are no whole numbers, the first of the next level."""
        if self.rule in ("values", "whole"):
            return self.first
        return np.maximum(self._limits[1:] - 1, self.first) if self.whole else self._limits[1:]

    @cached_property
    def _limits(self) -> Floats:
        """(N + 1,) limits of the levels; for whole numbers rounded up, so that each is the first of its level."""
        kind, high = SCALES[self.scale], self.high + self.whole
        ends = kind.to(np.array([self.low, high]))
        steps = np.arange(self.levels + 1) / self.levels
        limits = kind.back(ends[0] + (ends[1] - ends[0]) * steps)
        limits = np.ceil(limits - 4 * np.spacing(np.abs(limits))) if self.whole else limits
        limits[0], limits[-1] = self.low, high
        return np.maximum.accumulate(np.clip(limits, self.low, high))

    @property
    def step(self) -> float:
        """Width of a level on the scale; 0 where levels are values."""
        if self.rule == "values":
            return 0.0
        ends = SCALES[self.scale].to(np.array([self.low, self.high + self.whole]))
        return float((ends[1] - ends[0]) / self.levels)

    def level_of(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Level of each value; values outside count as the nearest end."""
        return np.maximum(np.searchsorted(self.first, values, side="right") - 1, 0)

    def histogram(self, counts: ValueCounts) -> NDArray[np.int64]:
        """Pixels of each level, (N,), from exact counts."""
        total = np.zeros(self.levels, np.int64)
        np.add.at(total, self.level_of(counts.values), counts.counts)
        return total


def level_grid(counts: ValueCounts, settings: ImageSettings) -> LevelGrid:
    """The levels of values that occur ``counts`` times: range, then the number of levels.

    Where no more values occur than there are bins, each is a level. Else, on a linear scale and without --levels, each
    whole number is one, up to 65,535. Else there are 4,096, or as many as asked for, even on the scale.

    Raises:
        SettingsError: no value has a place on the scale, or none lies in the range.
    """
    on_scale = counts.from_(SCALES[settings.scale].lowest)
    if not on_scale.values.size:
        raise SettingsError(f"no value is above 0, so that the scale {settings.scale} has none: use --scale linear.")
    low, high = _range_of(on_scale, settings)
    if high / 2 - low / 2 > _WIDEST:
        raise SettingsError(f"the values from {low:g} to {high:g} are too far apart to be mapped: give a --range.")
    if counts.exact:
        present = np.unique(np.clip(on_scale.values, low, high))
        if present.size <= settings.bins - settings.first_code:
            return _grid_of_values(present, settings.scale)
    if low == high:
        return _grid_of_values(np.array([low]), settings.scale)
    numbers = high - low + 1
    if counts.whole and settings.scale == "linear" and settings.levels is None and numbers <= MAX_CODE:
        return LevelGrid("whole", "linear", low, high, int(numbers), True)
    return LevelGrid("even", settings.scale, low, high, settings.levels or DEFAULT_LEVELS, counts.whole)


def _grid_of_values(present: Floats, scale: Scale) -> LevelGrid:
    values = tuple(present.tolist())
    whole = bool((present == np.rint(present)).all())
    return LevelGrid("values", scale, values[0], values[-1], len(values), whole, values)


def _range_of(counts: ValueCounts, settings: ImageSettings) -> tuple[float, float]:
    """Lowest and highest value of the range, in the input's unit."""
    asked = settings.value_range
    if asked.ends == "auto":
        return counts.low, counts.high
    if asked.ends == "percentiles":
        return counts.percentile(asked.low, upper=False), counts.percentile(asked.high, upper=True)
    low, high = _in_unit(asked, settings.scale)
    if counts.whole:
        low, high = float(np.ceil(low)), float(np.floor(high))
    if low < SCALES[settings.scale].lowest or low > high:
        raise SettingsError(f"the range {asked.text} has no place on the scale {settings.scale}: give one above 0.")
    return low, high


def _in_unit(asked: ValueRange, scale: Scale) -> tuple[float, float]:
    if scale != "db":
        return asked.low, asked.high
    low, high = SCALES["db"].back(np.array([asked.low, asked.high])).tolist()
    return low, high
