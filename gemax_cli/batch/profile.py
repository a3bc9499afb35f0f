"""The profile of a batch: milliseconds per stage. Every conversion measures its own stages."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median, quantiles

STAGES = ("read", "clean", "nose", "block", "texture", "maps", "encode", "write")


@dataclass(frozen=True)
class StageRow:
    """One stage of the conversions of a batch.

    Attributes:
        stage: one of STAGES, or "all".
        median_ms: per scan.
        ms_95: 95 % of the scans took less.
        share: of the time of all stages, per cent.
    """

    stage: str
    median_ms: float
    ms_95: float
    share: float


@dataclass
class Profile:
    """Collect the times of a batch. It holds eight bytes per scan and stage.

    Attributes:
        peak_bytes: peak memory of a process that converted; None if unknown.
    """

    peak_bytes: int | None = None
    _seconds: dict[str, array[float]] = field(default_factory=lambda: {stage: array("d") for stage in (*STAGES, "all")})

    def add(self, seconds: Mapping[str, float], peak_bytes: int | None = None) -> None:
        """Add the seconds per stage of one scan."""
        if seconds:
            for stage in STAGES:
                self._seconds[stage].append(seconds.get(stage, 0.0))
            self._seconds["all"].append(sum(seconds.values()))
        if peak_bytes is not None:
            self.peak_bytes = max(peak_bytes, self.peak_bytes or 0)

    @property
    def scans(self) -> int:
        """Number of scans added."""
        return len(self._seconds["all"])

    @property
    def busy_seconds(self) -> float:
        """Seconds of all scans together."""
        return sum(self._seconds["all"])

    def rows(self) -> Iterator[StageRow]:
        """Yield a row per stage and one for all stages; no row if nothing was converted."""
        whole = self.busy_seconds or 1.0
        for stage, seconds in self._seconds.items():
            if seconds:
                share = 100.0 * sum(seconds) / whole
                yield StageRow(stage, 1e3 * median(seconds), 1e3 * _most(seconds), share)


def _most(seconds: array[float]) -> float:
    """The 95th percentile."""
    return quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]
