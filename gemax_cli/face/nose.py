"""The nose tip: from a landmark, or by a detector that says how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gemax_cli.face import nose_kernels as kernels
from gemax_cli.face.model import NoseTip
from gemax_cli.scans.model import Scan

Floats = NDArray[np.float64]

# Depth behind the nose tip, mm, of a typical face: rows from 66 mm above the tip down to 36 mm below it, columns
# from the midline 54 mm to the side, every 6 mm. Means over random faces and six expressions of the linear head
# model of USC ICT-FaceKit (MIT licence), left and right averaged, rounded to 0.5 mm.
_TABLE = """
25.0 25.0 25.5 26.0 28.0 30.5 34.0 38.0 43.5 50.5
23.0 23.5 23.5 24.5 26.0 28.5 32.0 36.0 41.0 48.5
22.5 22.5 23.0 24.0 25.5 27.5 30.5 33.5 38.5 46.0
22.5 23.0 24.0 25.0 27.0 28.5 30.5 33.0 37.0 44.0
23.0 24.0 27.0 29.5 31.0 32.0 32.5 34.5 37.5 44.0
23.0 25.5 31.5 34.5 35.0 35.0 35.5 37.0 40.5 46.0
21.0 24.5 34.0 37.0 37.5 36.0 37.5 40.5 44.0 49.0
17.0 21.0 31.5 36.0 36.0 35.5 36.5 39.5 44.5 50.0
12.5 16.0 26.0 33.0 35.0 35.5 37.0 39.0 43.0 48.0
08.0 11.0 21.5 29.0 32.5 34.5 36.0 38.0 41.0 45.0
03.0 05.5 17.0 26.5 30.0 32.0 34.0 36.0 39.0 43.5
00.0 02.0 10.0 24.0 29.0 30.5 32.5 34.5 38.0 43.0
00.5 04.0 11.0 20.5 29.0 30.0 31.5 34.0 38.0 43.5
08.0 16.5 20.5 25.0 29.0 30.0 31.5 34.5 39.5 45.5
15.5 16.5 20.0 24.0 27.5 30.0 32.5 35.5 40.5 47.5
14.5 15.0 17.5 21.5 26.0 30.0 33.0 36.5 42.0 49.5
15.0 16.0 18.5 21.5 25.5 29.5 33.5 38.0 44.0 52.0
19.5 20.0 22.0 23.5 27.0 30.5 34.0 39.5 45.5 54.0
"""
TYPICAL_FACE: Floats = np.ascontiguousarray(
    np.array([[float(v) for v in line.split()] for line in _TABLE.split("\n") if line])[::-1]
)

QUICK_VIEWS = ((0.0, 0.0),)  # yaw and pitch, degrees
ALL_VIEWS = tuple((yaw, pitch) for yaw in (-40.0, -20.0, 0.0, 20.0, 40.0) for pitch in (-20.0, 0.0, 20.0))
ROLLS = np.radians((-23.0, 0.0, 23.0))
CELL_MM = 3.0  # of the height maps
SAMPLES = 12_000  # points that the search looks at
TRIED = 4  # candidates that the typical face is fitted to
APART_MM = 12.0  # candidates closer than this are one
SURE = 0.9  # the quick look is enough from this confidence on
DOUBTFUL = 0.5  # below this confidence a tip carries a warning
DISAGREE_MM = 8.0  # a landmark farther than this from the detected tip carries a warning
TILT_DEG = 9.0  # the tip (pronasale) is where the nose protrudes most in a direction this far above the gaze
REACH_MM, MOST_FITTED = 85.0, 1500  # surface that the typical face is fitted to

_SIGMAS = np.array([10.0, 10, 8, 8, 6, 6, 5, 5, 4, 4, 4, 4])
_DAMPING = np.array([200.0, 200, 200, 1, 1, 1, 20000])
_WINDOWS = np.array([16.0, 12, 9, 8, 8])


@dataclass(frozen=True, eq=False)
class FaceFit:
    """A nose tip with its frame and what speaks for it.

    Attributes:
        position: (3,) refined tip.
        rotation: (3, 3) columns right, up and forward of the face.
        size: of the face relative to the typical one.
        nose: share of agreement with the typical nose where it is seen, and ``nose_seen``, how much of it is.
        face: the same for the rest of the face, with ``face_seen``.
        curvature: the smaller principal curvature of the tip, 1/mm.
        shift: from the fitted to the refined tip, mm.
        confidence: 0..1.
    """

    position: Floats
    rotation: Floats
    size: float
    nose: float
    nose_seen: float
    face: float
    face_seen: float
    curvature: float
    shift: float

    @property
    def features(self) -> Floats:
        """(7,) what the confidence is computed from."""
        return np.array([self.nose, self.nose_seen, self.face, self.face_seen, abs(np.log(self.size)),
                         self.curvature, self.shift])

    @property
    def confidence(self) -> float:
        """Probability that the tip is right within 10 mm, by logistic regression."""
        return float(self.nose * self.nose_seen**0.5 * self.face * self.face_seen**0.5)


def turn(yaw: float, pitch: float, roll: float) -> Floats:
    """Rz(roll) Ry(yaw) Rx(pitch), degrees: (3, 3)."""
    (sy, sp, sr), (cy, cp, cr) = (f(np.radians([yaw, pitch, roll])) for f in (np.sin, np.cos))
    return np.array(
        [
            [cr * cy, cr * sy * sp - sr * cp, cr * sy * cp + sr * sp],
            [sr * cy, sr * sy * sp + cr * cp, sr * sy * cp - cr * sp],
            [-sy, cy * sp, cy * cp],
        ]
    )


def typical_edge(scan: Scan) -> float:
    """Median length of the scan's edges; 0 for bare points."""
    corners = scan.points[scan.triangles[:: max(1, len(scan.triangles) // 1000)]]
    return float(np.median(np.linalg.norm(corners[:, 0] - corners[:, 1], axis=1))) if len(corners) else 0.0


def search_samples(scan: Scan) -> Floats:
    """(n, 3) points that stand for the surface: thinned where it is dense, filled up where it is coarse."""
    if typical_edge(scan) > 0.8 * CELL_MM:
        return kernels.sample_triangles(scan.points, scan.triangles, 0.8 * CELL_MM, 5 * SAMPLES)
    return scan.points[:: max(1, len(scan.points) // SAMPLES)]


def fit_face(scan: Scan, samples: Floats, centre: Floats, rotation: Floats) -> FaceFit:
    """Lay the typical face on the surface about ``centre`` and refine its tip."""
    frame = np.concatenate([centre, rotation.ravel(), [1.0]])
    local = kernels.near(samples, centre, REACH_MM, MOST_FITTED)
    kernels.fit_face(local, frame, TYPICAL_FACE, _SIGMAS, _DAMPING)
    alike = kernels.agreement(local, frame, TYPICAL_FACE)
    rotation = frame[3:12].reshape(3, 3).copy()
    frame[3:12] = (rotation @ turn(0.0, -TILT_DEG, 0.0)).ravel()
    tip = kernels.settle(scan.points, frame, _WINDOWS)
    shift = float(np.linalg.norm(tip[:3] - frame[:3]))
    return FaceFit(tip[:3], rotation, float(frame[12]), *map(float, alike), float(tip[4]), shift)


def look(scan: Scan, samples: Floats, views: tuple[tuple[float, float], ...], rolls: Floats) -> list[FaceFit]:
    """Fits of the typical face to the best candidates of several views, most confident first."""
    found: list[tuple[float, Floats, Floats]] = []
    for yaw, pitch in views if len(samples) >= kernels.FEW else ():
        rotation = turn(yaw, pitch, 0.0)
        seen, place = kernels.height_map(samples, rotation, CELL_MM)
        for alike, x, y, z, roll in kernels.candidates(seen, place, TYPICAL_FACE, rolls, TRIED):
            found.append((alike, rotation @ [x, y, z], rotation @ turn(0.0, 0.0, np.degrees(roll))))
    found.sort(key=lambda candidate: -candidate[0])
    fits: list[FaceFit] = []
    tried: list[Floats] = []
    for _, centre, rotation in found:
        if all(np.linalg.norm(centre - other) > APART_MM for other in tried):
            tried.append(centre)
            fits.append(fit_face(scan, samples, centre, rotation))
        if len(tried) == TRIED:
            break
    return sorted(fits, key=lambda fit: -fit.confidence)
