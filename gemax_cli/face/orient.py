"""Units and axes of files that state neither: recognised by the face's size and shape, and reported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, product

import numpy as np
from numpy.typing import NDArray

from gemax_cli.face.clean import keep_points
from gemax_cli.face.model import FrontalScan
from gemax_cli.face.nose import (
    EVERY_ROLL,
    EVERY_VIEW,
    HOPELESS,
    MOST_TRIED,
    NO_ROLL,
    QUICK_TRIED,
    SURE,
    TRIED,
    FaceFit,
    best_fits,
    is_upright,
    pose_of,
    quick_fits,
    search_samples,
    search_views,
    tip_of,
)
from gemax_cli.placement import Placement
from gemax_cli.scans.model import Scan
from gemax_cli.settings import MM_PER_UNIT as ALL_UNITS
from gemax_cli.settings import Axis, NoseSettings

Floats = NDArray[np.float64]

MM_PER_UNIT = {"m": 1000.0, "cm": 10.0, "mm": 1.0, "um": 0.001}
UNIT_NAMES = {"m": "metres", "cm": "centimetres", "mm": "millimetres", "um": "micrometres"}
SMALLEST_MM, LARGEST_MM = 90.0, 6000.0  # extent of what may hold a face: a cropped face to a whole room
BUST_MM = tuple(110.0 * 1.2**k for k in range(10))  # extents tried for a face in no known unit
CAMERA_EXTENTS = 2.0  # an origin this many extents off the scan may be the place of the camera
ROOM_MM = 1000.0  # of a wider scene only the front is searched ...
FRONT_MM = 500.0  # ... this deep, ...
HEAD_MM = 250.0  # ... and only what lies within this distance of the nose is kept
CERTAIN = 0.95  # confidence from which usual axes are taken untested
LIKELY = 0.8  # confidence from which axes found in views from every side are taken
FAIR = 0.5  # from this confidence on, no unknown units are tried; those take SURE, for many tries make chance hits
CHANCE, SHORTLIST = 0.02, 3  # so many orientations of fits above this confidence are searched thoroughly
SAME_HEAD_TRACE = 1.0 + 2.0 * np.cos(np.radians(35.0))  # trace of the rotation between heads 35 degrees apart
NEAR_UNIT = 1.5  # faces differ less than by this factor from the typical one
RIVAL_ODDS = 4.0  # other axes are named if the odds for them are more than those of the best divided by this
NOT_FACING_ODDS = 0.1  # how much less likely a face looks away from an origin that may be the camera
QUARTER_TURNS = np.radians((0.0, 90.0, 180.0, 270.0))
AXES: tuple[Axis, ...] = ("+x", "-x", "+y", "-y", "+z", "-z")
USUAL: tuple[tuple[Axis, Axis], ...] = (
    ("+y", "+z"),
    ("-y", "-z"),
    ("+z", "-y"),
    ("+y", "-z"),
)  # up and forward: meshes, sensors, CAD, backwards

EVERY_AXES = [*USUAL, *(pair for pair in product(AXES, AXES) if pair[0][1] != pair[1][1] and pair not in USUAL)]
"""All 24 pairs of up and forward, the usual ones first."""


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
        """Of the best fit; half of it where the head lies so that other axes are nearer to it; 0 without one."""
        if not self.fits:
            return 0.0
        best = self.fits[0]
        return best.confidence * (1.0 if is_upright(pose_of(best.rotation)) else 0.5)

    @property
    def pair(self) -> tuple[Axis, Axis]:
        """Up and forward."""
        return self.up, self.forward

    def agrees(self, other: Guess) -> bool:
        """Whether both have found the same head, in whatever axes."""
        if self.mm_per_unit != other.mm_per_unit:
            return False
        one, two = (axes(*guess.pair) @ guess.fits[0].rotation for guess in (self, other))
        return bool(np.trace(one.T @ two) > SAME_HEAD_TRACE)


def orient_scan(scan: Scan, settings: NoseSettings) -> FrontalScan:
    """Bring a scan to millimetres, +X to the viewer's right, +Y up, +Z out of the face.

    Scans whose format fixes both are returned as they are, those of a camera in the axes that the settings name. Else
    the unit is one of m, cm, mm and um, or that in which the face has the template's size. The axes are those of 24 in
    which the nose detector is most confident. ``unit``, ``up`` and ``forward`` of the settings fix what they name. A
    head turned within these axes is left turned.

    Args:
        scan: cleaned.
        settings: ``unit``, ``up`` and ``forward``.

    Returns:
        The scan in its new axes, the affine back to the file's axes in mm, a sentence for everything that was
        recognised rather than known, and the nose tip, if the search was as thorough as the detector's.
    """
    if scan.metric:
        return _held_as_told(scan, settings) if scan.camera else FrontalScan(scan, np.eye(3, 4))
    guess, *others = _ranked_guesses(scan, settings)
    rotation = axes(guess.up, guess.forward)
    head = _head_of(scan, guess, rotation)
    turned, to_raw = _turned(head, guess.mm_per_unit, rotation), np.column_stack([rotation, np.zeros(3)])
    sentences = (*_sentences(guess, settings), *_rival_sentences(guess, others), *_crop_sentences(scan, head))
    detected = tip_of(guess.fits) if _is_final(guess, head is scan) else None
    return FrontalScan(turned, to_raw, sentences, detected, guess.mm_per_unit)


def place_scan(scan: Scan, placement: Placement) -> FrontalScan:
    """Bring a frame of a sequence to the frontal axes of the sequence, mm. Of a scene as a room, the head is kept.

    Args:
        scan: cleaned, in the axes and unit of its file.
        placement: of this frame.
    """
    matrix, scale = np.array(placement.matrix), placement.mm_per_unit
    turn = np.ascontiguousarray(matrix[:, :3].T)
    if _extent(scan) * scale > ROOM_MM:
        centre = turn @ (np.array(placement.origin) - matrix[:, 3]) / scale
        scan = keep_points(scan, np.linalg.norm(scan.points - centre, axis=1) * scale < HEAD_MM)
    landmarks, in_picture = (
        {name: place * scale @ turn + matrix[:, 3] for name, place in places.items()}
        for places in (scan.landmarks, scan.picture_landmarks)
    )
    points = np.ascontiguousarray(scan.points * scale @ turn + matrix[:, 3])
    placed = replace(scan, points=points, landmarks=landmarks, picture_landmarks=in_picture)
    to_raw = np.column_stack([turn, -turn @ matrix[:, 3]])
    return FrontalScan(placed, to_raw, placement.assumptions, mm_per_unit=scale)


def _held_as_told(scan: Scan, settings: NoseSettings) -> FrontalScan:
    """A camera's picture in the axes that the settings name: it may have been held on its side."""
    rotation = axes(*min(orientations(settings), key=lambda pair: (pair[1] != "+z", pair[0] != "+y")))
    return FrontalScan(_turned(scan, 1.0, rotation), np.column_stack([rotation, np.zeros(3)]))


def _is_final(guess: Guess, whole: bool) -> bool:
    """Whether the detector, run on the scan in its new axes, would only repeat the search of this guess."""
    return whole and bool(guess.fits) and (guess.thorough or guess.fits[0].confidence >= SURE)


def axes(up: str, forward: str) -> Floats:
    """(3, 3) rotation from frontal axes to the file's, given the file's axes that point up and out of the face."""
    y, z = (np.where(np.arange(3) == "xyz".index(a[1]), 1.0 if a[0] == "+" else -1.0, 0.0) for a in (up, forward))
    return np.column_stack([np.cross(y, z), y, z])


def _moved(points: Floats, mm_per_unit: float, rotation: Floats) -> Floats:
    """``points @ rotation * mm_per_unit`` for a rotation onto axes, by exchanging columns."""
    place = np.abs(rotation).argmax(axis=0)
    return np.ascontiguousarray(points[..., place] * (rotation[place, range(3)] * mm_per_unit))


def _turned(scan: Scan, mm_per_unit: float, rotation: Floats) -> Scan:
    landmarks, in_picture = (
        {name: _moved(place, mm_per_unit, rotation) for name, place in places.items()}
        for places in (scan.landmarks, scan.picture_landmarks)
    )
    points = _moved(scan.points, mm_per_unit, rotation)
    return replace(scan, points=points, landmarks=landmarks, picture_landmarks=in_picture)


def orientations(settings: NoseSettings) -> list[tuple[Axis, Axis]]:
    """The (up, forward) pairs that the settings allow, the usual ones first."""
    return [
        (up, forward)
        for up, forward in EVERY_AXES
        if settings.up in ("auto", up) and settings.forward in ("auto", forward)
    ]


def _ranked_guesses(scan: Scan, settings: NoseSettings) -> list[Guess]:
    """Guesses, the one to take first, until one convinces.

    The frontal views of the usual axes come first, of those that look to the origin if the camera may be there. Then
    views from every side, and thorough searches in usual axes; units that no file has come last. If nothing resembles a
    face, the likeliest unit and the first of the usual axes are taken without a fit.
    """
    extent = _extent(scan)
    known, usual, pairs = _units(extent, settings), _usual(scan, settings), orientations(settings)
    scales = _scales(extent, known) if settings.unit == "auto" else []
    found: list[Guess] = []
    for guesses, enough in (
        ((_guess(scan, mm, *pair, False) for mm, pair in product(known, usual)), CERTAIN),
        ((guess for mm in known for guess in _from_every_side(scan, mm, pairs)), LIKELY),
        ((guess for mm in known for guess in _in_usual(scan, mm, usual, pairs)), FAIR),
        ((guess for guess in _in_scales(scan, scales, pairs) if guess.confidence >= SURE), SURE),
    ):
        found = sorted([*found, *guesses], key=lambda guess: -guess.confidence)
        if found and found[0].confidence >= enough:
            break
    if not found or found[0].confidence < HOPELESS:
        return [Guess(known[0] if known else HEAD_MM / max(extent, 1e-12), *usual[0], [], False)]
    found = [*found, *_upside_down(scan, found[0], settings)]
    facing = orientations(_facing_camera(scan, settings))
    return sorted(found, key=lambda guess: -_odds(guess.confidence) * (1 if guess.pair in facing else NOT_FACING_ODDS))


def _from_every_side(scan: Scan, mm_per_unit: float, pairs: list[tuple[Axis, Axis]]) -> Iterator[Guess]:
    """Thorough guesses in the axes nearest to the heads that the likeliest fits show, along the axes and from between.

    Of a room, which only its front stands for, only the views along the axes are searched.
    """
    moved = replace(scan, points=np.ascontiguousarray(scan.points * mm_per_unit))
    if _extent(moved) > ROOM_MM:
        quick = [_guess(scan, mm_per_unit, *pair, False) for pair in pairs]
        fits = [(fit, axes(*guess.pair) @ fit.rotation) for guess in quick for fit in guess.fits]
    else:
        samples = search_samples(moved)
        along = [search_views(moved, samples, (axes(*pair),), NO_ROLL, QUICK_TRIED) for pair in pairs]
        between = search_views(moved, samples, EVERY_VIEW, EVERY_ROLL, MOST_TRIED)
        fits = [(fit, fit.rotation) for fit in [*chain(*along), *between]]
    fits.sort(key=lambda found: -found[0].confidence)
    nearest = [nearest_axes(rotation, pairs) for fit, rotation in fits if fit.confidence > CHANCE]
    for up, forward in list(dict.fromkeys(nearest))[:SHORTLIST]:
        yield _guess(scan, mm_per_unit, up, forward, True)


def _in_usual(
    scan: Scan, mm_per_unit: float, usual: list[tuple[Axis, Axis]], pairs: list[tuple[Axis, Axis]]
) -> Iterator[Guess]:
    """Thorough guesses in the usual axes; of a head that lies in them, also in those of ``pairs`` nearest to it."""
    for pair in usual:
        guess = _guess(scan, mm_per_unit, *pair, True)
        yield guess
        if guess.confidence > CHANCE and not is_upright(pose_of(guess.fits[0].rotation)):
            yield _guess(scan, mm_per_unit, *nearest_axes(axes(*pair) @ guess.fits[0].rotation, pairs), True)


def _in_scales(scan: Scan, scales: list[float], pairs: list[tuple[Axis, Axis]]) -> Iterator[Guess]:
    """Thorough guesses in the likeliest scales and axes, from views along the axes of a face as large as the scan."""
    views = tuple(axes(up, forward) for up, forward in _one_up_each(pairs))
    found: list[tuple[float, float, tuple[Axis, Axis]]] = []
    for mm in scales:
        moved = replace(scan, points=np.ascontiguousarray(scan.points * mm))
        samples = search_samples(moved)
        fits = [fit for view in views for fit in search_views(moved, samples, (view,), QUARTER_TURNS, TRIED)]
        found += [(fit.confidence, mm, nearest_axes(fit.rotation, pairs)) for fit in fits if fit.confidence > CHANCE]
    found.sort(key=lambda one: -one[0])
    for mm, pair in list(dict.fromkeys((mm, pair) for _, mm, pair in found))[:SHORTLIST]:
        yield _guess(scan, mm, *pair, thorough=True)


def _one_up_each(pairs: list[tuple[Axis, Axis]]) -> list[tuple[Axis, Axis]]:
    """Of each forward axis the first of ``pairs``."""
    return list({forward: (up, forward) for up, forward in reversed(pairs)}.values())


def nearest_axes(rotation: Floats, pairs: list[tuple[Axis, Axis]]) -> tuple[Axis, Axis]:
    """The (up, forward) of ``pairs`` nearest to a head of this rotation."""
    return max(pairs, key=lambda pair: float(np.trace(axes(*pair).T @ rotation)))


def _upside_down(scan: Scan, guess: Guess, settings: NoseSettings) -> Iterator[Guess]:
    """The same upside down: an upside-down nose still fits, but worse."""
    if settings.up == "auto":
        yield _guess(scan, guess.mm_per_unit, _opposite(guess.up), guess.forward, guess.confidence < SURE)


def _opposite(axis: Axis) -> Axis:
    return AXES[AXES.index(axis) ^ 1]


def _usual(scan: Scan, settings: NoseSettings) -> list[tuple[Axis, Axis]]:
    """The usual ones of the allowed axes, those that look to a camera at the origin if there are such."""
    pairs = orientations(settings)
    usual = [pair for pair in pairs if pair in USUAL]
    facing = [pair for pair in orientations(_facing_camera(scan, settings)) if pair in usual]
    return facing or usual or pairs


def _facing_camera(scan: Scan, settings: NoseSettings) -> NoseSettings:
    """The settings, with ``forward`` to the origin where that lies so far off the scan that it may be the camera."""
    low, high = scan.points.min(axis=0), scan.points.max(axis=0)
    towards = -(low + high) / 2
    axis = int(np.argmax(np.abs(towards)))
    if settings.forward != "auto" or abs(towards[axis]) < CAMERA_EXTENTS * np.ptp(scan.points, axis=0).max():
        return settings
    forward = AXES[2 * axis + (towards[axis] < 0)]
    return settings if forward[1] == settings.up[1] else replace(settings, forward=forward)


def _extent(scan: Scan) -> float:
    """Longest side of the bounding box. Along the first axis of so narrow an array, numpy takes five times as long."""
    return max(float(np.ptp(column)) for column in scan.points.T)


def _scales(extent: float, known: list[float]) -> list[float]:
    """Millimetres per unit in which a face may be as large as the scan; none near a known unit."""
    scales = [size / max(extent, 1e-12) for size in BUST_MM]
    return [scale for scale in scales if all(abs(np.log(scale / mm)) > np.log(NEAR_UNIT) for mm in known)]


def _units(extent: float, settings: NoseSettings) -> list[float]:
    """Millimetres per unit to try: those of the settings, else all in which a face may be as large, likeliest first."""
    if settings.unit != "auto":
        return [ALL_UNITS[settings.unit]]
    fitting = [mm for mm in MM_PER_UNIT.values() if SMALLEST_MM <= extent * mm <= LARGEST_MM]
    return sorted(fitting, key=lambda mm: abs(np.log(extent * mm / HEAD_MM)))


def _guess(scan: Scan, mm_per_unit: float, up: Axis, forward: Axis, thorough: bool) -> Guess:
    moved = replace(scan, points=_moved(scan.points, mm_per_unit, axes(up, forward)))
    if _extent(moved) > ROOM_MM:
        nearest = np.percentile(moved.points[:, 2], 99.9)
        moved = keep_points(moved, moved.points[:, 2] > nearest - FRONT_MM)
    fits = best_fits(moved) if thorough else quick_fits(moved, search_samples(moved))
    return Guess(mm_per_unit, up, forward, fits, thorough)


def _head_of(scan: Scan, guess: Guess, rotation: Floats) -> Scan:
    """Of a scene as wide as a room, what lies about the nose; anything smaller as it is."""
    if not guess.fits or _extent(scan) * guess.mm_per_unit <= ROOM_MM:
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


def _rival_sentences(guess: Guess, others: list[Guess]) -> Iterator[str]:
    for other in others:
        if other.pair != guess.pair and other.fits and not other.agrees(guess):
            if _odds(other.confidence) * RIVAL_ODDS > _odds(guess.confidence):
                yield (
                    f"The axes are in doubt: with --up {other.up} --forward {other.forward} a face fits about as well "
                    f"(confidence {other.confidence:.2f} beside {guess.confidence:.2f})."
                )
            return


def _odds(confidence: float) -> float:
    return confidence / max(1.0 - confidence, 1e-9)


def _crop_sentences(scan: Scan, head: Scan) -> Iterator[str]:
    if head is not scan:
        kept = f"{len(head.points)} of {len(scan.points)} points"
        yield f"Only what lies within {HEAD_MM:g} mm of the nose was kept: {kept}."
