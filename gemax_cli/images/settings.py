"""Settings of ``gemax map``: frozen, hashable, checked when made."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

from gemax_cli.codes import check_levels
from gemax_cli.errors import SettingsError
from gemax_cli.typed_json import from_json

Scale = Literal["linear", "sqrt", "log", "db"]
Scope = Literal["image", "set"]
Ends = Literal["auto", "values", "percentiles"]

DEFAULT_TAUS = ("1.25x", "2.5x", "3.75x")  # the paper's 20, 40 and 60 of 4,096 levels
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_TAU = re.compile(r"(\d+|\d*\.\d+|\d+\.)([x%]?)")
_RANGE = re.compile(rf"(p?)({_NUMBER}):(p?)({_NUMBER})")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise SettingsError(message)


@dataclass(frozen=True, order=True)
class Tau:
    """A distortion bound in one of three notations.

    Attributes:
        unit: "x": multiple of uniform quantisation (tau = value * N / K); "%": share of the range; "": levels.
        value: in this unit, above 0.
    """

    unit: str
    value: float

    @classmethod
    def parse(cls, text: str) -> Tau:
        """Read ``1.25x``, ``0.5%`` or ``20``.

        Raises:
            SettingsError: it is none of them, or out of range.
        """
        match = _TAU.fullmatch(text.strip())
        if not match:
            raise SettingsError(f"tau is {text!r}: give a multiple (1.25x), a share (0.5%) or levels (20).")
        tau = cls(match[2], float(match[1]))
        _require(tau.unit != "x" or tau.value >= 1, f"tau is {text}: give 1x or more, which is uniform quantisation.")
        _require(0 < tau.value <= 100 or tau.unit != "%", f"tau is {text}: give more than 0 % and at most 100 %.")
        whole = tau.value >= 1 and tau.value == int(tau.value)
        _require(whole or tau.unit != "", f"tau is {text}: give a whole number of levels.")
        return tau

    @property
    def text(self) -> str:
        """The notation, as ``parse`` reads it."""
        return f"{self.value:.12g}{self.unit}"

    @property
    def label(self) -> str:
        """The notation in file names and columns: ``tau020``, ``tau1.25x``, ``tau0.5pc``."""
        return f"tau{int(self.value):03d}" if not self.unit else f"tau{self.value:.12g}{self.unit.replace('%', 'pc')}"

    def in_levels(self, levels: int, bins: int) -> int:
        """Whole levels, 1 to N: a multiple is rounded up, a share down, so that it holds.

        Args:
            levels: N.
            bins: K.
        """
        exact = {"x": self.value * levels / bins, "%": self.value * levels / 100, "": self.value}[self.unit]
        rounded = math.ceil(exact - 1e-9) if self.unit == "x" else math.floor(exact + 1e-9)
        return min(max(rounded, 1), levels)


@dataclass(frozen=True)
class ValueRange:
    """The values that the levels cover; those outside are clipped to its ends.

    Attributes:
        ends: ``auto`` takes the lowest and highest value, ``percentiles`` those of the valid pixels.
        low: value, or per cent; not used by ``auto``.
        high: value, or per cent.
    """

    ends: Ends = "auto"
    low: float = 0.0
    high: float = 100.0

    def __post_init__(self) -> None:
        _require(math.isfinite(self.low) and math.isfinite(self.high), "the range must be of two finite numbers.")
        _require(self.low < self.high, f"the range is {self.low:g}:{self.high:g}: give the lower end first.")
        inside = self.low >= 0 and self.high <= 100
        _require(inside or self.ends != "percentiles", f"the range is {self.text}: give percentiles from 0 to 100.")

    @classmethod
    def parse(cls, text: str) -> ValueRange:
        """Read ``auto``, ``MIN:MAX`` or ``p0.1:p99.9``.

        Raises:
            SettingsError: it is none of them.
        """
        if text == "auto":
            return cls()
        match = _RANGE.fullmatch(text.strip())
        if not match or match[1] != match[3]:
            raise SettingsError(f"the range is {text!r}: give auto, MIN:MAX or percentiles such as p0.1:p99.9.")
        return cls("percentiles" if match[1] else "values", float(match[2]), float(match[4]))

    @property
    def text(self) -> str:
        """The notation, as ``parse`` reads it."""
        sign = "p" if self.ends == "percentiles" else ""
        return "auto" if self.ends == "auto" else f"{sign}{self.low:.17g}:{sign}{self.high:.17g}"


@dataclass(frozen=True)
class ImageSettings:
    """Every setting that affects the bytes of a mapped image.

    Attributes:
        taus: distortion bounds, one map each, in the notations of ``Tau``; sorted, without repeats.
        scale: what the levels are even steps of: the value, its square root, its logarithm, or 10 log10 of it (dB).
        range: in the notations of ``ValueRange``: the input's unit, or dB where the scale is dB.
        levels: N, number of levels; None takes the whole numbers where there are 65,535 or fewer, else 4,096.
        bins: K, the grey values of a map, value 0 included where it is reserved.
        nodata: ``file``: what the file says, and NaN; ``nan``: NaN alone; ``none``: every pixel is data; or a number,
            beside NaN.
        band: of a file of several bands or pages, from 1; None demands that there is one.
        mapping: one mapping per image, or one for all images of the run.
        reserve_zero: keep value 0 for pixels without data.
        mask: an image of the same size whose pixels of value 0 are left out; "" for none.
    """

    kind: ClassVar[str] = "images"

    taus: tuple[str, ...] = DEFAULT_TAUS
    scale: Scale = "linear"
    range: str = "auto"
    levels: int | None = None
    bins: int = 256
    nodata: str = "file"
    band: int | None = None
    mapping: Scope = "image"
    reserve_zero: bool = False
    mask: str = ""

    def __post_init__(self) -> None:
        taus = sorted({Tau.parse(text) for text in self.taus})
        _require(bool(taus), "no tau is given: give at least one, such as 1.25x.")
        object.__setattr__(self, "taus", tuple(tau.text for tau in taus))
        object.__setattr__(self, "range", ValueRange.parse(self.range).text)
        _require(2 <= self.bins <= 256, f"bins is {self.bins}: give 2 to 256, a map has 8 bits.")
        _require(self.band is None or self.band >= 1, f"band is {self.band}: give 1 or more.")
        if self.levels is not None:
            check_levels(self.levels)
        self._check_nodata()

    def _check_nodata(self) -> None:
        if self.nodata in ("file", "nan", "none"):
            return
        try:
            value = float(self.nodata)
        except ValueError:
            raise SettingsError(f"nodata is {self.nodata!r}: give a number, file, nan or none.") from None
        object.__setattr__(self, "nodata", f"{value:.17g}")  # nan and inf are never data

    @property
    def parsed_taus(self) -> tuple[Tau, ...]:
        """The distortion bounds."""
        return tuple(Tau.parse(text) for text in self.taus)

    @property
    def value_range(self) -> ValueRange:
        """The range."""
        return ValueRange.parse(self.range)

    @property
    def first_code(self) -> int:
        """The grey value of the lowest bin."""
        return 1 if self.reserve_zero else 0

    def as_dict(self) -> dict[str, Any]:
        """Values of JSON types."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> ImageSettings:
        """The settings that ``as_dict`` gave; what is left out has its default.

        Raises:
            SettingsError: a value is unknown, of another type or out of its range.
        """
        try:
            return from_json(cls, dict(values))
        except ValueError as error:
            raise SettingsError(f"the settings are damaged ({error}).") from error

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all but tau: more of these may join a folder, other changes may not."""
        values = {name: value for name, value in self.as_dict().items() if name != "taus"}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
