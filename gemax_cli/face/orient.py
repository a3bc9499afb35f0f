"""Units and axes of files that state neither: recognised by the size and look of the face, and said so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from gemax_cli.face.clean import clean_scan
from gemax_cli.face.model import FrontalScan
from gemax_cli.face.nose import QUICK_VIEWS, FaceFit, best_fits, look, search_samples
from gemax_cli.scans.model import Scan
from gemax_cli.settings import NoseSettings

Floats = NDArray[np.float64]

MM_PER_UNIT = {"m": 1000.0, "cm": 10.0, "mm": 1.0, "um": 0.001}
UNIT_NAMES = {"m": "metres", "cm": "centimetres", "mm": "millimetres", "um": "micrometres"}
SMALLEST_MM, LARGEST_MM = 90.0, 6000.0  # extent of what may hold a face: a cropped face to a whole room
BUST_MM = (160.0, 220.0, 300.0, 400.0, 540.0)  # extents tried for a face in no known unit
CONVINCING = 0.7  # confidence from which an orientation is taken without trying the others
AXES = ("+x", "-x", "+y", "-y", "+z", "-z")
USUAL = (("+y", "+z"), ("-y", "-z"), ("+z", "-y"), ("+y", "-z"))  # up and forward: meshes, sensors, CAD, backwards


@dataclass(frozen=True, eq=False)
class Guess:
    """One unit and orientation with the best fit of a face in it, None where there is no candidate at all."""

    mm_per_unit: float
    up: str
    forward: str
    fit: FaceFit | None

    @property
    def confidence(self) -> float:
        """Of the fit; 0 without one."""
        return self.fit.confidence if self.fit else 0.0


def orient_scan(scan: Scan, settings: NoseSettings) -> FrontalScan:
    """Bring a scan to millimetres, +X to the viewer's right, +Y up, +Z out of the face.

    Scans whose format fixes both are returned as they are. Else the unit is one of m, cm, mm and um, or
    that in which the face has a typical size, and the axes are those of 24 in which the nose detector is surest;
    ``unit``, ``up`` and ``forward`` of the settings fix what they name. A head turned within these axes is left turned.

    Returns:
        The scan in its new axes, the affine back to the file's axes in mm, and a sentence for everything that was
        recognised rather than known.
    """
    if scan.metric:
        return FrontalScan(scan, np.eye(3, 4))
    guess = _best_guess(clean_scan(scan)[0], settings)
    rotation = axes(guess.up, guess.forward)
    turned = replace(
        scan,
        points=_moved(scan.points, guess.mm_per_unit, rotation),
        landmarks={name: _moved(place, guess.mm_per_unit, rotation) for name, place in scan.landmarks.items()},
    )
    to_raw = np.column_stack([rotation, np.zeros(3)])
    return FrontalScan(turned, to_raw, tuple(_sentences(guess, settings)))


def axes(up: str, forward: str) -> Floats:
    """(3, 3) rotation from frontal axes to the file's, given the file's axes that point up and out of the face."""
    y, z = (np.where(np.arange(3) == "xyz".index(a[1]), 1.0 if a[0] == "+" else -1.0, 0.0) for a in (up, forward))
    return np.column_stack([np.cross(y, z), y, z])


def _moved(points: Floats, mm_per_unit: float, rotation: Floats) -> Floats:
    return np.ascontiguousarray(points @ rotation * mm_per_unit)


def orientations(settings: NoseSettings) -> list[tuple[str, str]]:
    """The (up, forward) pairs that the settings allow, the usual ones first."""
    every = [*USUAL, *(pair for pair in product(AXES, AXES) if pair[0][1] != pair[1][1] and pair not in USUAL)]
    return [
        (up, forward)
        for up, forward in every
        if settings.up in ("auto", up) and settings.forward in ("auto", forward)
    ]


def _units(scan: Scan, settings: NoseSettings) -> list[float]:
    """Millimetres per unit to try: what the settings say, else every unit in which a face may have this extent."""
    if settings.unit != "auto":
        return [MM_PER_UNIT[settings.unit]]
    extent = float(np.ptp(scan.points, axis=0).max())
    return [mm for mm in MM_PER_UNIT.values() if SMALLEST_MM <= extent * mm <= LARGEST_MM]


def _tries(scan: Scan, settings: NoseSettings) -> Iterator[Guess]:
    """Quick guesses in known units, usual orientations first; then, if none convinced, in scales of no known unit."""
    pairs = orientations(settings)
    for pair, mm in product(pairs, _units(scan, settings)):
        yield _guess(scan, mm, *pair)
    if settings.unit == "auto":
        extent = float(np.ptp(scan.points, axis=0).max())
        for size, pair in product(BUST_MM, pairs):
            yield _guess(scan, size / extent, *pair)


def _guess(scan: Scan, mm_per_unit: float, up: str, forward: str, thorough: bool = False) -> Guess:
    moved = replace(scan, points=_moved(scan.points, mm_per_unit, axes(up, forward)))
    fits = best_fits(moved) if thorough else look(moved, search_samples(moved), QUICK_VIEWS, np.zeros(1))
    return Guess(mm_per_unit, up, forward, fits[0] if fits else None)


def _best_guess(scan: Scan, settings: NoseSettings) -> Guess:
    best = Guess(1.0, "+y", "+z", None)
    for guess in _tries(scan, settings):
        if guess.confidence > best.confidence or best.fit is None:
            best = guess
        if best.confidence >= CONVINCING:
            break
    return best


def _sentences(guess: Guess, settings: NoseSettings) -> Iterator[str]:
    if settings.unit == "auto":
        names = [UNIT_NAMES[unit] for unit, mm in MM_PER_UNIT.items() if mm == guess.mm_per_unit]
        if names:
            yield f"Coordinates were taken for {names[0]}, by the size of the face."
        else:
            yield f"The unit is unknown: scaled to a face of typical size (1 unit = {guess.mm_per_unit:.4g} mm)."
    if "auto" in (settings.up, settings.forward):
        yield f"Up was taken for {guess.up} and the face for looking to {guess.forward}, where a nose was found."
