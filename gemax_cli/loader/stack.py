"""The training set in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gemax_cli.entropy.histogram import level_histogram, pooled_histogram
from gemax_cli.entropy.mapping import apply_cuts
from gemax_cli.entropy.solver import optimal_cuts, optimal_cuts_per_tau
from gemax_cli.errors import SettingsError
from gemax_cli.loader.sample import Codes, Grey, Landmarks, Sample, metric_depth
from gemax_cli.settings import QuantisationSettings
from gemax_cli.splits.model import Split

Indices = NDArray[np.intp] | Sequence[int]
"""Which scans of a stack, by number."""


class Normalisation(NamedTuple):
    """Mean and standard deviation over valid pixels, grey values 0..255: of all maps, and of each texture channel."""

    map_mean: float
    map_std: float
    texture_mean: tuple[float, ...] = ()
    texture_std: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class FaceStack:
    """Scans of an output folder as arrays; ``load_stack`` makes it. The i-th entry of each is the i-th scan.

    Attributes:
        scan_ids: (n,) ids.
        datasets: (n,) names of databases.
        subjects: (n,) names of subjects.
        labels: (n,) int64, index in ``classes``.
        classes: two-letter codes of the expressions.
        depth16: (n, rows, columns) uint16 codes; 0 is no data.
        maps: (n, channels, rows, columns) uint8; a channel per tau, or those of the comparison map.
        channels: name of each: "gemax_tau020", "ri", "normals-x".
        taus: of the channels; () of a comparison map.
        depth_mm: metric depth of the blocks.
        mm_per_pixel: (n,) pixel pitch.
        quantisation: N, K and the reserved zero of the folder's maps.
        texture: (n, rows, columns, 3) uint8 sRGB; None where it was not loaded.
        mask: (n, rows, columns) uint8: 0 no data, 255 measured, 128 filled; None where it was not loaded.
        landmarks: a scan each; () where they were not loaded.
        mirrored_names: name of a landmark to its name in a mirror, where the two differ.
        split: that the scans were selected by; None without.
        round_number: of the split that the scans were selected by; None for all rounds together.
    """

    scan_ids: NDArray[np.str_]
    datasets: NDArray[np.str_]
    subjects: NDArray[np.str_]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    depth16: Codes = field(repr=False)
    maps: Grey = field(repr=False)
    channels: tuple[str, ...]
    taus: tuple[int, ...]
    depth_mm: float
    mm_per_pixel: NDArray[np.float64] = field(repr=False)
    quantisation: QuantisationSettings
    texture: Grey | None = field(default=None, repr=False)
    mask: Grey | None = field(default=None, repr=False)
    landmarks: tuple[Landmarks, ...] = field(default=(), repr=False)
    mirrored_names: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    split: Split | None = field(default=None, repr=False)
    round_number: int | None = None

    def __len__(self) -> int:
        """Number of scans."""
        return len(self.labels)

    def __getitem__(self, i: int) -> Sample:
        """The i-th scan, with views of its arrays.

        Raises:
            IndexError: there is none.
        """
        return self.sample(i)

    def __iter__(self) -> Iterator[Sample]:
        """All scans in order."""
        return map(self.sample, range(len(self)))

    def sample(self, i: int, channel: int | None = None) -> Sample:
        """The i-th scan, with all its maps or one of them: a (scan, tau) pair is a sample of multi-tau training."""
        chosen = slice(None) if channel is None else slice(channel, channel + 1)
        return Sample(
            self.maps[i, chosen],
            self.channels[chosen],
            self.depth16[i],
            self.depth_mm,
            int(self.labels[i]),
            None if self.texture is None else self.texture[i],
            None if self.mask is None else self.mask[i],
            self.landmarks[i] if self.landmarks else None,
            self.mirrored_names,
        )

    def pairs(
        self, scans: Indices, random: np.random.Generator | None = None, channels: Sequence[int] | None = None
    ) -> NDArray[np.intp]:
        """(m, 2) numbers of scan and channel.

        Args:
            scans: whose.
            random: draws one channel of each scan; None gives every channel of each.
            channels: numbers of those to take; None for all.
        """
        rows = np.asarray(scans, np.intp)
        own = np.arange(len(self.channels)) if channels is None else np.asarray(channels, np.intp)
        if random is not None:
            return np.stack([rows, random.choice(own, len(rows))], axis=1)
        return np.stack([np.repeat(rows, len(own)), np.tile(own, len(rows))], axis=1)

    # --- folds

    @property
    def groups(self) -> NDArray[np.str_]:
        """(n,) "dataset/subject": what must not stand on both sides of a fold; ``groups`` of scikit-learn."""
        return np.array([f"{d}/{s}" for d, s in zip(self.datasets, self.subjects, strict=True)], np.str_)

    def folds(self, round_number: int | None = None) -> NDArray[np.int64]:
        """(n,) the fold that tests each scan, -1 for scans that only train: ``test_fold`` of PredefinedSplit.

            for train, test in PredefinedSplit(stack.folds()).split(): ...

        Args:
            round_number: None takes the one that the stack was loaded with.

        Raises:
            SettingsError: there is no split, no such round, or the round leaves scans of the stack out: load with
                ``round_number``.
        """
        folds = self._folds(self.round_number or 0 if round_number is None else round_number)
        if (folds == NOT_PICKED).any():
            raise SettingsError("the round leaves some of these scans out: load_stack(..., round_number=...).")
        return folds

    def train_test(self, fold: int, round_number: int | None = None) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Numbers of the scans that train for a fold, and of those that it tests. Scans not picked are in neither.

        Raises:
            SettingsError: there is no split, or no such round or fold.
        """
        number = self.round_number or 0 if round_number is None else round_number
        folds = self._folds(number)
        self._split.subjects(number, fold, "test")  # there is such a fold
        return np.flatnonzero((folds != fold) & (folds != NOT_PICKED)), np.flatnonzero(folds == fold)

    @property
    def _split(self) -> Split:
        if self.split is None:
            raise SettingsError("the stack was loaded without a split: load_stack(..., split=NAME).")
        return self.split

    def _folds(self, round_number: int) -> NDArray[np.int64]:
        own, tested = self._split.fold_of(round_number), set(self._split.folds(round_number))
        folds = (own.get((str(d), str(s)), NOT_PICKED) for d, s in zip(self.datasets, self.subjects, strict=True))
        return np.array([f if f in tested or f == NOT_PICKED else ONLY_TRAINS for f in folds], np.int64)

    # --- depth and maps

    def valid(self, scans: Indices) -> NDArray[np.bool_]:
        """(m, rows, columns), True where there is data."""
        return self.depth16[np.asarray(scans, np.intp)] > 0

    def depth(self, scans: Indices) -> NDArray[np.float32]:
        """(m, rows, columns) float32, mm behind the nose tip; 0 where there is no data (see ``valid``)."""
        return metric_depth(self.depth16[np.asarray(scans, np.intp)], self.depth_mm)

    def make_maps(self, scan: int, taus: Sequence[int]) -> Grey:
        """(tau, rows, columns) GEMax maps of one scan, made now from its depth; any tau, not only the loaded ones.

        Raises:
            SettingsError: no map of this tau exists (``InfeasibleTau``).
        """
        histogram = level_histogram(self.depth16[scan], self.quantisation.levels)
        solved = optimal_cuts_per_tau(histogram, self.quantisation.face_bins, taus)
        return np.array([self._mapped(self.depth16[scan], s.cuts) for s in solved], np.uint8)

    def fit_cuts(self, scans: Indices, tau: int) -> NDArray[np.int32]:
        """(K + 1,) cuts of one mapping for all: the histograms of some scans are pooled, then solved once.

        Fit it on the training scans of a fold alone: a mapping fitted on test subjects is a leak.

        Raises:
            SettingsError: no map of this tau exists (``InfeasibleTau``).
        """
        pooled = pooled_histogram((self.depth16[i] for i in scans), self.quantisation.levels)
        return optimal_cuts(pooled, self.quantisation.face_bins, tau).cuts

    def apply_cuts(self, scans: Indices, cuts: NDArray[np.integer]) -> Grey:
        """(m, rows, columns) uint8 maps of some scans, all by the same cuts."""
        return self._mapped(self.depth16[np.asarray(scans, np.intp)], cuts)

    def _mapped(self, codes: Codes, cuts: NDArray[np.integer]) -> Grey:
        return apply_cuts(codes, cuts, self.quantisation.levels, self.quantisation.first_code)

    def normalisation(self, scans: Indices) -> Normalisation:
        """Mean and standard deviation of maps and texture over the valid pixels of some scans: the training ones."""
        rows = [int(i) for i in scans]
        maps = _moments([self.maps[i][:, self.depth16[i] > 0].reshape(-1, 1) for i in rows])
        if self.texture is None:
            return Normalisation(maps[0][0], maps[1][0])
        return Normalisation(maps[0][0], maps[1][0], *_moments([self.texture[i][self.depth16[i] > 0] for i in rows]))


NOT_PICKED, ONLY_TRAINS = -2, -1  # instead of a fold


def _moments(pixels: Sequence[NDArray[np.uint8]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each column of (k, c) grey values, exact in whole numbers until the end."""
    count = sum(len(part) for part in pixels)
    total = sum(part.sum(0, dtype=np.int64) for part in pixels)
    squares = sum((part.astype(np.int64) ** 2).sum(0) for part in pixels)
    mean = np.atleast_1d(total) / count
    std = np.sqrt(np.maximum(np.atleast_1d(squares) / count - mean**2, 0.0))
    return tuple(mean.tolist()), tuple(std.tolist())
