"""Units and axes of files that state neither: recognised by the face's size and shape, and reported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from gemax_cli.face.clean import keep_points
from gemax_cli.face.model import FrontalScan
from gemax_cli.face.nose import (
    HOPELESS,
    QUICK_VIEWS,
    SURE,
    FaceFit,
    best_fits,
    pose_of,
    search_samples,
    search_views,
    tip_of,
)
from gemax_cli.scans.model import Scan
from gemax_cli.settings import MM_PER_UNIT as ALL_UNITS
from gemax_cli.settings import Axis, NoseSettings

Floats = NDArray[np.float64]

MM_PER_UNIT = {"m": 1000.0, "cm": 10.0, "mm": 1.0, "um": 0.001}
UNIT_NAMES = {"m": "metres", "cm": "centimetres", "mm": "millimetres", "um": "micrometres"}
SMALLEST_MM, LARGEST_MM = 90.0, 6000.0  # extent of what may hold a face: a cropped face to a whole room
BUST_MM = tuple(110.0 * 1.2**k for k in range(10))  # extents tried for a face in no known unit
CAMERA_EXTENTS = 2.0  # an origin this many extents off the scan is the place of the camera
ROOM_MM = 1000.0  # of a wider scene only the front is searched ...
FRONT_MM = 500.0  # ... this deep, ...
HEAD_MM = 250.0  # ... and only what lies within this distance of the nose is kept
LIKELY = 0.8  # confidence from which usual axes and units are taken
FAIR = 0.5  # from this confidence of a thorough search in usual axes, no other axes are tried
CERTAIN = 0.95  # the same for unusual axes and unknown units: many tries make chance hits
AXES: tuple[Axis, ...] = ("+x", "-x", "+y", "-y", "+z", "-z")
USUAL: tuple[tuple[Axis, Axis], ...] = (
    ("+y", "+z"),
    ("-y", "-z"),
    ("+z", "-y"),
    ("+y", "-z"),
)  # up and forward: meshes, sensors, CAD, backwards


@dataclass(frozen=True, eq=False)
class Guess:
    """One unit and orientation with the fits of a face in it, best first, and whether the search was thorough."""

    mm_per_unit: float
    up: Axis
    forward: Axis
    fits: list[FaceFit]
    thorough: bool

    @property
    def confidence(self) -> float:
        """Of the best fit; half of it where the head lies on its side, for then another axis is up; 0 without one."""
        if not self.fits:
            return 0.0
        best = self.fits[0]
        return best.confidence * (0.5 if abs(pose_of(best.rotation).roll) > 45.0 else 1.0)


def orient_scan(scan: Scan, settings: NoseSettings) -> FrontalScan:
    """Bring a scan to millimetres, +X to the viewer's right, +Y up, +Z out of the face.

    Scans whose format fixes both are returned as they are. Else the unit is one of m, cm, mm and um, or that in which
    the face has the template's size. The axes are those of 24 in which the nose detector is most confident. ``unit``,
    ``up`` and ``forward`` of the settings fix what they name. A head turned within these axes is left turned.

    Args:
        scan: cleaned.
        settings: ``unit``, ``up`` and ``forward``.

    Returns:
        The scan in its new axes, the affine back to the file's axes in mm, a sentence for everything that was
        recognised rather than known, and the nose tip, if the search was as thorough as the detector's.
    """
    if scan.metric:
        return _held_as_told(scan, settings) if scan.camera else FrontalScan(scan, np.eye(3, 4))
    guess = _best_guess(scan, settings)
    rotation = axes(guess.up, guess.forward)
    head = _head_of(scan, guess, rotation)
    turned = replace(
        head,
        points=_moved(head.points, guess.mm_per_unit, rotation),
        landmarks={name: _moved(place, guess.mm_per_unit, rotation) for name, place in scan.landmarks.items()},
        picture_landmarks={
            name: _moved(place, guess.mm_per_unit, rotation) for name, place in scan.picture_landmarks.items()
        },
    )
    to_raw = np.column_stack([rotation, np.zeros(3)])
    sentences = (*_sentences(guess, settings), *_crop_sentences(scan, head))
    return FrontalScan(turned, to_raw, sentences, tip_of(guess.fits) if _is_final(guess, head is scan) else None)


def _held_as_told(scan: Scan, settings: NoseSettings) -> FrontalScan:
    """A camera's picture in the axes that the settings name: it may have been held on its side."""
    rotation = axes(*min(orientations(settings), key=lambda pair: (pair[1] != "+z", pair[0] != "+y")))
    landmarks = {name: place @ rotation for name, place in scan.landmarks.items()}
    turned = replace(scan, points=_moved(scan.points, 1.0, rotation), landmarks=landmarks)
    return FrontalScan(turned, np.column_stack([rotation, np.zeros(3)]))


def _is_final(guess: Guess, whole: bool) -> bool:
    """Whether the detector, run on the scan in its new axes, would only repeat the search of this guess."""
    return whole and bool(guess.fits) and (guess.thorough or guess.fits[0].confidence >= SURE)


def axes(up: str, forward: str) -> Floats:
    """(3, 3) rotation from frontal axes to the file's, given the file's axes that point up and out of the face."""
    y, z = (np.where(np.arange(3) == "xyz".index(a[1]), 1.0 if a[0] == "+" else -1.0, 0.0) for a in (up, forward))
    return np.column_stack([np.cross(y, z), y, z])


def _moved(points: Floats, mm_per_unit: float, rotation: Floats) -> Floats:
    return np.ascontiguousarray(points @ rotation * mm_per_unit)


def orientations(settings: NoseSettings) -> list[tuple[Axis, Axis]]:
    """The (up, forward) pairs that the settings allow, the usual ones first."""
    every = [*USUAL, *(pair for pair in product(AXES, AXES) if pair[0][1] != pair[1][1] and pair not in USUAL)]
    return [
        (up, forward) for up, forward in every if settings.up in ("auto", up) and settings.forward in ("auto", forward)
    ]


def _best_guess(scan: Scan, settings: NoseSettings) -> Guess:
    """The first guess that convinces, else the best of those in known units and usual axes.

    Quick searches come before thorough ones, known units before others, usual axes before the rest. If nothing
    resembles a face, the likeliest unit and the first of the usual axes are taken without a fit.
    """
    extent = float(np.ptp(scan.points, axis=0).max())
    pairs, known = orientations(_facing_camera(scan, settings)), _units(extent, settings)
    usual = [pair for pair in pairs if pair in USUAL] or pairs
    scales = [size / extent for size in BUST_MM] if settings.unit == "auto" and extent > 0 else []
    best = default = Guess(known[0] if known else HEAD_MM / max(extent, 1e-12), *usual[0], [], False)
    for units, frames, thorough, enough in (
        (known, usual, False, LIKELY),
        (known, usual, True, LIKELY),
        (scales, usual, False, CERTAIN),
        (known, pairs, False, CERTAIN),
        (scales, pairs, False, CERTAIN),
    ):
        guesses = [_guess(scan, mm, up, forward, thorough) for mm, (up, forward) in product(units, frames)]
        top = max(guesses, key=lambda guess: guess.confidence, default=best)
        if top.confidence >= enough:
            return _upright(scan, top, settings)
        if enough == LIKELY and top.confidence > best.confidence:
            best = top
        if thorough and best.confidence >= FAIR:
            break
    return _upright(scan, best, settings) if best.confidence >= HOPELESS else default


def _upright(scan: Scan, guess: Guess, settings: NoseSettings) -> Guess:
    """The guess or, where it fits better, the same upside down: an upside-down nose still fits, but worse."""
    flipped = AXES[AXES.index(guess.up) ^ 1]
    if settings.up != "auto":
        return guess
    other = _guess(scan, guess.mm_per_unit, flipped, guess.forward, guess.confidence < LIKELY)
    return max(guess, other, key=lambda either: either.confidence)


def _facing_camera(scan: Scan, settings: NoseSettings) -> NoseSettings:
    """The settings, with ``forward`` towards the origin where that lies so far off the scan that it is the camera."""
    low, high = scan.points.min(axis=0), scan.points.max(axis=0)
    towards = -(low + high) / 2
    axis = int(np.argmax(np.abs(towards)))
    if settings.forward != "auto" or abs(towards[axis]) < CAMERA_EXTENTS * np.ptp(scan.points, axis=0).max():
        return settings
    forward = AXES[2 * axis + (towards[axis] < 0)]
    return settings if forward[1] == settings.up[1] else replace(settings, forward=forward)


def _units(extent: float, settings: NoseSettings) -> list[float]:
    """Millimetres per unit to try: those of the settings, else all in which a face may be as large, likeliest first."""
    if settings.unit != "auto":
        return [ALL_UNITS[settings.unit]]
    fitting = [mm for mm in MM_PER_UNIT.values() if SMALLEST_MM <= extent * mm <= LARGEST_MM]
    return sorted(fitting, key=lambda mm: abs(np.log(extent * mm / HEAD_MM)))


def _guess(scan: Scan, mm_per_unit: float, up: Axis, forward: Axis, thorough: bool) -> Guess:
    moved = replace(scan, points=_moved(scan.points, mm_per_unit, axes(up, forward)))
    if np.ptp(moved.points, axis=0).max() > ROOM_MM:
        nearest = np.percentile(moved.points[:, 2], 99.9)
        moved = keep_points(moved, moved.points[:, 2] > nearest - FRONT_MM)
    fits = best_fits(moved) if thorough else search_views(moved, search_samples(moved), QUICK_VIEWS, np.zeros(1))
    return Guess(mm_per_unit, up, forward, fits, thorough)


def _head_of(scan: Scan, guess: Guess, rotation: Floats) -> Scan:
    """Of a scene as wide as a room, what lies about the nose; anything smaller as it is."""
    if not guess.fits or np.ptp(scan.points, axis=0).max() * guess.mm_per_unit <= ROOM_MM:
        return scan
    centre = rotation @ guess.fits[0].position / guess.mm_per_unit
    return keep_points(scan, np.linalg.norm(scan.points - centre, axis=1) * guess.mm_per_unit < HEAD_MM)


def _sentences(guess: Guess, settings: NoseSettings) -> Iterator[str]:
    seen = guess.confidence >= HOPELESS
    if settings.unit == "auto":
        names = [UNIT_NAMES[unit] for unit, mm in MM_PER_UNIT.items() if mm == guess.mm_per_unit]
        if names:
            yield f"Coordinates were taken for {names[0]}, by the size of the {'face' if seen else 'scan'}."
        else:
            yield f"The unit is unknown: scaled to a face of typical size (1 unit = {guess.mm_per_unit:.4g} mm)."
    if "auto" in (settings.up, settings.forward):
        why = "where a nose was found" if seen else "for want of a recognisable face"
        yield f"Up was taken for {guess.up} and the face for looking to {guess.forward}, {why}."


def _crop_sentences(scan: Scan, head: Scan) -> Iterator[str]:
    if head is not scan:
        kept = f"{len(head.points)} of {len(scan.points)} points"
        yield f"Only what lies within {HEAD_MM:g} mm of the nose was kept: {kept}."
