"""The bins of a map in the input's unit: which values a grey value stands for, forwards and back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.entropy.mapping import check_cuts
from gemax_cli.errors import SettingsError
from gemax_cli.images.levels import SCALES, Floats, LevelGrid
from gemax_cli.images.settings import Scale


@dataclass(frozen=True, eq=False)
class ValueBins:
    """The bins of one map.

    Attributes:
        first: (K,) lowest value of each bin.
        last: (K,) highest value of each bin (where values are no whole numbers, the first of the next).
        scale: what the levels are even on.
        first_code: grey value of bin 0.
    """

    first: Floats
    last: Floats
    scale: Scale
    first_code: int

    @classmethod
    def of(cls, grid: LevelGrid, cuts: NDArray[np.integer], first_code: int) -> ValueBins:
        """Bin k holds the levels cuts[k] to cuts[k + 1] - 1.

        Raises:
            SettingsError: the cuts do not rise from 0 to N.
        """
        check_cuts(cuts, grid.levels)
        first, last = grid.first[cuts[:-1]], grid.last[cuts[1:] - 1]
        return cls(first, np.maximum(first, last), grid.scale, first_code)

    def grey(self, values: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
        """Grey value of each value, 0 where it is not valid; values outside the range count as its ends.

        Args:
            values: real numbers of any shape.
            valid: of the same shape; None where all are.
        """
        if values.dtype.kind in "iu" and values.dtype.itemsize <= 2:
            grey: NDArray[np.uint8] = self._table(values.dtype)[values.view(f"u{values.dtype.itemsize}")]
        else:
            grey = self._search(values)
        return grey if valid is None or valid.all() else np.where(valid, grey, np.uint8(0))

    def _search(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        bins = np.searchsorted(self.first[1:], values, side="right")
        return (bins + self.first_code).astype(np.uint8)

    def _table(self, dtype: np.dtype[Any]) -> NDArray[np.uint8]:
        """Grey value of every value of a type of 8 or 16 bits, by its bits."""
        unsigned = np.arange(1 << 8 * dtype.itemsize, dtype=f"u{dtype.itemsize}")
        return self._search(unsigned.view(dtype))

    @cached_property
    def centres(self) -> Floats:
        """(K,) the middle of each bin on the scale, in the input's unit."""
        kind = SCALES[self.scale]
        middle = (kind.to(self.first) + kind.to(self.last)) / 2
        return np.where(self.first == self.last, self.first, np.clip(kind.back(middle), self.first, self.last))

    @property
    def bound(self) -> float:
        """The largest error of an inverted value within the range, in the input's unit, float32 rounding included."""
        stored = self.stored_centres.astype(np.float64)
        return float(np.maximum(stored - self.first, self.last - stored).max())

    @property
    def bound_on_scale(self) -> float:
        """The same on the scale: half the widest bin, in dB where the scale is dB."""
        kind, stored = SCALES[self.scale], self.stored_centres.astype(np.float64)
        middle = kind.to(np.maximum(stored, np.maximum(kind.lowest, -np.finfo(np.float64).max)))
        return float(np.maximum(middle - kind.to(self.first), kind.to(self.last) - middle).max())

    @cached_property
    def stored_centres(self) -> NDArray[np.floating]:
        """The centres as an inverted image holds them: float32 where that costs less than a thousandth of a bin."""
        with np.errstate(over="ignore"):  # what float32 cannot hold is too coarse
            short = self.centres.astype(np.float32)
        coarse = np.abs(short - self.centres) > 1e-3 * np.maximum(self.last - self.first, 0)
        return self.centres if coarse.any() else short

    def values(self, grey: NDArray[np.uint8], valid: NDArray[np.bool_] | None = None) -> NDArray[np.floating]:
        """The middle of the bin of each grey value, NaN where it is not valid.

        Raises:
            SettingsError: a valid pixel has a grey value that these bins cannot have given.
        """
        stored = self.stored_centres
        table = np.full(256, np.nan, stored.dtype)
        table[self.first_code : self.first_code + stored.size] = stored
        values = table[grey]
        within = np.isfinite(values) if valid is None else np.isfinite(values) | ~valid
        if not within.all():
            last = self.first_code + stored.size - 1
            raise SettingsError(f"the map has grey values outside {self.first_code}..{last}: give its own record.")
        return values if valid is None else np.where(valid, values, np.nan).astype(stored.dtype)
