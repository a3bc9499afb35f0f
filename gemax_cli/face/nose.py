"""The nose tip: from a landmark, or from a detector with a confidence.

The detector looks for local maxima in height maps of several viewing directions, as profile and curvature methods do
(Mian, Bennamoun, Owens 2007; Szeptycki, Ardabilian, Chen 2009), and scores each by the fit of a face template to
its surroundings: point to plane (Chen, Medioni 1992), Geman-McClure weights, free in position, rotation, size and
depth. The fit also gives head pose and confidence. It uses the visible part alone, so a half profile or a covered eye
or mouth still fits.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from gemax_cli.datasets.registry import NOSE_OUTLINES, NOSE_TIPS
from gemax_cli.errors import NoNoseTip
from gemax_cli.face import nose_kernels as kernels
from gemax_cli.face.model import NoseTip, Pose
from gemax_cli.face.nose_kernels import View
from gemax_cli.face.surface import median_edge
from gemax_cli.scans.model import Scan
from gemax_cli.settings import NoseSettings

Floats = NDArray[np.float64]

# Depth behind the nose tip, mm, of the mean face: rows from 66 mm above the tip down to 36 mm below it, columns
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
FACE_TEMPLATE: Floats = np.ascontiguousarray(
    np.array([[float(v) for v in line.split()] for line in _TABLE.split("\n") if line])[::-1]
)

NO_ROLL, ROLLS, EVERY_ROLL = np.zeros(1), np.radians((-23.0, 0.0, 23.0)), np.radians(np.arange(0.0, 360.0, 22.5))
CELL_MM = 3.0  # of the height maps; wider where the surface is sampled so sparsely that cells ...
CROWDED, WIDEST_CELL_MM = 0.8, 8.0  # ... outnumber this share of the samples, but never wider than that
SAMPLES = 12_000  # points that the search uses
QUICK_TRIED, TRIED, MOST_TRIED = 2, 6, 18  # candidates that the template is fitted to: in one, in many, in every view
APART_MM = 12.0  # candidates closer than this are one
HOPELESS = 0.1  # below this confidence there is no nose
SAME_TURN_TRACE = 1.0 + 2.0 * np.cos(np.radians(15.0))  # trace of the rotation between starts 15 degrees apart
SIZES = (0.87, 1.15)  # of the face, tried where the template's own size gives no confident fit
SURE = 0.9  # the frontal view is enough from this confidence on
DOUBTFUL = 0.8  # below this confidence a tip carries a warning
DATABASE_ODDS = 8.0  # how much likelier an upright fit is a nose in a format of databases, whose files are faces
REGION_ODDS = 8.0  # how much likelier a fit is a nose that lies within the nose outline of a landmark file
OUTLINE_CONFIDENCE = 0.75  # of an outline's most forward point: of 0.87 in hard scans, fewer where no nose is detected
UNCONFIRMED = 0.9  # of a landmark where no nose is detected
DISAGREE_MM = 8.0  # a landmark farther than this from the detected tip carries a warning
DOME = 0.06  # 1/mm, a nose tip is curved at least this much every way: 17 mm of radius
NEAR_FIT = 8.0  # mm, a refined tip farther from that of the face template makes both doubtful
SUPPORT_CELLS, FEW_SUPPORT = 2.0, 3  # fewer points within so many cells of the tip: it lies in a hole
HALF_SEEN = 0.45  # share of the nose that is visible even in a half profile
LARGEST_YAW, LARGEST_PITCH, LARGEST_ROLL = 60.0, 60.0, 45.0  # degrees; beyond, a head lies in other axes
TILT_DEG = 9.0  # the tip (pronasale) is where the nose protrudes most in a direction this far above the gaze

_SIGMAS = np.array([10.0, 8, 6, 5, 4, 4, 4, 4])
_DAMPING = np.array([200.0, 200, 200, 1, 1, 1, 50000, 20000])
_WINDOWS = np.array([16.0, 12, 9, 8, 8])


@dataclass(frozen=True, eq=False)
class FaceFit:
    """A nose tip with its frame and the measurements behind its confidence.

    Attributes:
        position: (3,) refined tip.
        rotation: (3, 3) columns right, up and forward of the face.
        size: of the face relative to the template, and ``relief``, how much deeper it is for its size.
        nose: share of agreement with the template's nose where it is visible, and ``nose_seen``, its visible share.
        face: the same for the rest of the face, with ``face_seen``.
        detail: correlation with the template beyond a common roundness.
        curvature: the smaller principal curvature of the tip, 1/mm.
        shift: from the fitted to the refined tip, mm.
        support: points within SUPPORT_CELLS cells of the tip.
        confidence: 0..1.
    """

    position: Floats
    rotation: Floats
    size: float
    relief: float
    nose: float
    nose_seen: float
    face: float
    face_seen: float
    detail: float
    curvature: float
    shift: float
    support: int

    @cached_property
    def confidence(self) -> float:
        """Probability that the tip is right within 10 mm: logistic regression on what was measured.

        It grows with the agreement of nose and face (logarithms of shares), with their visible shares, with the
        curvature of the tip and with the detail. An unusual size or depth of the face and a tip far from the fitted one
        lower it. The weights come from random faces of the ICT-FaceKit model, turned, noisy, broad, flat and occluded,
        against wrong candidates on them, against surfaces without a nose and against meshes of tools and machines.
        """
        nose, face, face_seen = np.log(np.clip((self.nose, self.face, self.face_seen), 0.05, 1.0))
        dome = np.clip(self.curvature, 0.0, DOME) / DOME
        missing = np.log(min(1.0, max(self.nose_seen, 0.05) / HALF_SEEN))
        odds = -6.8 + 10.0 * nose + 11.7 * face + 10.0 * face_seen + 2.0 * missing + 3.3 * dome + 17.0 * self.detail
        odds -= 6.0 * abs(np.log(self.size)) + 8.0 * abs(np.log(self.relief)) + 0.1 * max(0.0, self.shift - NEAR_FIT)
        return _probability(odds)


def _probability(odds: float) -> float:
    """Of the logarithm of the odds."""
    return float(1.0 / (1.0 + np.exp(min(-odds, 700.0))))


def _more_likely(confidence: float, factor: float) -> float:
    """The confidence after evidence that multiplies the odds by ``factor``."""
    return confidence * factor / (confidence * factor + 1.0 - confidence)


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


def _facing(forward: tuple[int, ...]) -> Floats:
    """A rotation whose forward axis is ``forward``, not of unit length."""
    x, y, z = np.array(forward) / np.linalg.norm(forward)
    return turn(np.degrees(np.arctan2(x, z)), -np.degrees(np.arcsin(y)), 0.0)


_TILT = turn(0.0, -TILT_DEG, 0.0)
FRONTAL_VIEW = (np.eye(3),)
TURNED_VIEWS = tuple(turn(yaw, pitch, 0.0) for yaw in (-65, -40, -20, 0, 20, 40, 65) for pitch in (-20, 0, 20))
"""Views of heads that are turned or tilted."""
EVERY_VIEW = tuple(_facing(forward) for forward in product((-1, 0, 1), repeat=3) if any(forward))
"""Views from all sides: faces, edges and corners of a cube, 35 to 55 degrees apart."""


def search_samples(scan: Scan) -> Floats:
    """(n, 3) points that stand for the surface: thinned where it is dense, filled up where it is coarse."""
    if median_edge(scan.points, scan.triangles) > 0.8 * CELL_MM:
        return kernels.sample_triangles(scan.points, scan.triangles, 0.8 * CELL_MM, 3 * SAMPLES)
    return np.ascontiguousarray(scan.points[:: max(1, len(scan.points) // SAMPLES)])


def fit_face(scan: Scan, samples: Floats, view: View, centre: Floats, turned: Floats, size: float = 1.0) -> FaceFit:
    """Fit the face template to the visible surface about ``centre``, from a start rotation and size; refine its tip."""
    frame = np.concatenate([centre, turned.ravel(), [size, 1.0]])
    agreement = kernels.fit_template(samples, view, frame, FACE_TEMPLATE, _SIGMAS, _DAMPING)
    nose, nose_seen, face, face_seen, detail = agreement.tolist()
    rotation = frame[3:12].reshape(3, 3).copy()
    frame[3:12] = (rotation @ _TILT).ravel()
    points = max(samples, scan.points, key=len)
    tip, support = kernels.refine_tip(points, view, frame, _WINDOWS, float(SUPPORT_CELLS * view.origin[2]))
    shift = float(np.linalg.norm(tip[:3] - frame[:3]))
    size, relief = float(frame[12]), float(frame[13])
    shares = nose, nose_seen, face, face_seen, detail
    return FaceFit(tip[:3], rotation, size, relief, *shares, float(tip[4]), shift, support)


def view_of(samples: Floats, rotation: Floats) -> View:
    """The view of ``samples`` that a head of this rotation faces; its cells are wide enough to be filled."""
    cell = CELL_MM
    heights, origin = kernels.height_map(samples, rotation, cell)
    while cell < WIDEST_CELL_MM and np.isfinite(heights).sum() > CROWDED * len(samples):
        cell *= 1.4
        heights, origin = kernels.height_map(samples, rotation, cell)
    return View(rotation, heights, origin)


def search_views(
    scan: Scan, samples: Floats, views: tuple[Floats, ...], rolls: Floats, tried: int = TRIED
) -> list[FaceFit]:
    """Fits of the face template to the best ``tried`` candidates of several views, most confident first."""
    if len(samples) < kernels.FEW:
        return []
    found: list[tuple[float, View, Floats, Floats]] = []
    for facing in views:
        view = view_of(samples, facing)
        best = kernels.candidates(view.heights, view.origin, FACE_TEMPLATE, rolls, TRIED)
        for score, x, y, z, roll in best[best[:, 0] > 0]:
            found.append((score, view, view.rotation @ [x, y, z], view.rotation @ turn(0.0, 0.0, np.degrees(roll))))
    found.sort(key=lambda candidate: -candidate[0])
    starts: list[tuple[Floats, Floats]] = []
    fits: list[FaceFit] = []
    for _, view, centre, rotation in found:
        if _is_new(centre, rotation, starts):
            starts.append((centre, rotation))
            fits.append(fit_face(scan, samples, view, centre, rotation))
        if len(fits) == tried:
            break
    return sorted(fits, key=lambda fit: -fit.confidence)


def _is_new(centre: Floats, rotation: Floats, starts: list[tuple[Floats, Floats]]) -> bool:
    """Whether a start is at another place than those tried, or one of two there that look another way."""
    there = [other for place, other in starts if np.linalg.norm(centre - place) <= APART_MM]
    return len(there) < 2 and all(np.trace(rotation.T @ other) < SAME_TURN_TRACE for other in there)


def rescale_candidates(scan: Scan, samples: Floats, fit: FaceFit) -> list[FaceFit]:
    """The fit, and fits from its tip on with a larger and a smaller face: the size does not move far by itself."""
    yaw, pitch, _ = astuple(pose_of(fit.rotation))
    view = view_of(samples, turn(yaw, pitch, 0.0))
    return [fit, *(fit_face(scan, samples, view, fit.position, fit.rotation, size) for size in SIZES)]


def find_nose_tip(scan: Scan, settings: NoseSettings, detected: NoseTip | None = None) -> NoseTip:
    """The nose tip of a cleaned scan in frontal axes (+X right, +Y up, +Z to the camera, mm).

    Args:
        scan: a mesh, an organised scan or bare points.
        settings: ``mode`` landmark takes the file's landmark, detect ignores it, auto takes it and has the
            detector check it; detected tips below ``min_confidence`` are failures.
        detected: what ``detect_nose_tip`` finds in this scan, where that is known already.

    Returns:
        The tip. It carries a warning where the detector is in doubt, or farther than DISAGREE_MM from the landmark.

    Raises:
        NoNoseTip: there is no landmark (mode landmark), no nose, or none of the confidence asked for.
    """
    if settings.mode != "detect":
        known, outline = landmark_tip(scan), nose_outline(scan)
        if known is not None:
            return known if settings.mode == "landmark" else _checked(known, scan, detected)
        if outline is not None:
            return _tip_within(outline, scan)
        if settings.mode == "landmark":
            raise NoNoseTip(scan.path, "has no landmark of the nose: use --nose auto or detect.")
    tip = detected or detect_nose_tip(scan)
    if tip.confidence < settings.min_confidence:
        raise NoNoseTip(
            scan.path,
            f"the nose tip found has a confidence of {tip.confidence:.2f}, below the {settings.min_confidence:g} "
            "asked for: look at the scan, or lower --min-confidence.",
        )
    return tip


def detect_nose_tip(scan: Scan) -> NoseTip:
    """The nose tip of a cleaned scan in frontal axes, without landmarks.

    The face template is fitted to the candidates of a frontal view: local maxima whose surroundings resemble those of a
    nose. If no fit is confident, views from many directions follow. The tip is where the nose protrudes most, by a
    local quadric fit, in a direction fixed to the fitted face.

    Returns:
        The tip with its pose, confidence and runner-up; below a confidence of DOUBTFUL it carries a warning.

    Raises:
        NoNoseTip: nothing in the scan looks like a nose.
    """
    fits = best_fits(scan)
    if not fits or fits[0].confidence < HOPELESS:
        raise NoNoseTip(scan.path, _no_nose(scan))
    as_in_databases = scan.metric and not scan.camera and is_upright(pose_of(fits[0].rotation))
    return tip_of(fits, DATABASE_ODDS if as_in_databases else 1.0)


def _no_nose(scan: Scan) -> str:
    sentence = "nothing in it looks like a nose: give a scan that shows the face, or leave it out."
    if scan.metric and not scan.camera:
        return sentence
    unit = "" if scan.metric else ", and its unit (--unit)"
    return f"{sentence} If it shows one, say which axes point up and out of the face (--up, --forward){unit}."


def tip_of(fits: list[FaceFit], factor: float = 1.0) -> NoseTip:
    """The tip of the first of some fits, with a warning where it is doubtful; its runner-up is the next elsewhere.

    ``factor`` is how much likelier than others the first one is by other evidence.
    """
    best = fits[0]
    others = [fit for fit in fits[1:] if np.linalg.norm(fit.position - best.position) > APART_MM]
    confidence = _more_likely(best.confidence, factor)
    return NoseTip(
        position=best.position,
        source="detected",
        confidence=confidence,
        runner_up=others[0].position if others else None,
        pose=pose_of(best.rotation),
        warnings=_doubts(best, confidence, others[:1]),
    )


def quick_fits(scan: Scan, samples: Floats) -> list[FaceFit]:
    """Fits of the face template in the frontal view, most confident first."""
    return search_views(scan, samples, FRONTAL_VIEW, NO_ROLL, QUICK_TRIED)


def best_fits(scan: Scan) -> list[FaceFit]:
    """Fits of the face template, most confident first: of the frontal view, or of all views if none is confident."""
    samples = search_samples(scan)
    fits = quick_fits(scan, samples)
    if not fits or fits[0].confidence < SURE:
        fits = sorted(fits + search_views(scan, samples, TURNED_VIEWS, ROLLS), key=lambda fit: -fit.confidence)
    if fits and fits[0].confidence < SURE:
        fits = sorted(rescale_candidates(scan, samples, fits[0]) + fits[1:], key=lambda fit: -fit.confidence)
    return fits


def pose_of(rotation: Floats) -> Pose:
    """Yaw, pitch and roll of a (3, 3) rotation from frontal to file axes."""
    yaw = -np.arcsin(np.clip(rotation[2, 0], -1.0, 1.0))
    pitch, roll = np.arctan2(rotation[2, 1], rotation[2, 2]), np.arctan2(rotation[1, 0], rotation[0, 0])
    return Pose(*map(float, np.degrees([yaw, pitch, roll])))


def is_upright(pose: Pose) -> bool:
    """Whether no other of the coordinate axes are nearer to the head's up and forward than those it is seen in."""
    return abs(pose.yaw) <= LARGEST_YAW and abs(pose.pitch) <= LARGEST_PITCH and abs(pose.roll) <= LARGEST_ROLL


def landmark_tip(scan: Scan) -> NoseTip | None:
    """The tip that the file's landmarks name, or None."""
    for name in NOSE_TIPS:
        if name in scan.landmarks:
            return NoseTip(np.array(scan.landmarks[name], np.float64), "landmark", 1.0)
    return None


def nose_outline(scan: Scan) -> Floats | None:
    """(k, 3) landmarks about the nose of a file that does not name its tip, if they surround surface; else None."""
    outline = np.array(
        max(([scan.landmarks[n] for n in names if n in scan.landmarks] for names in NOSE_OUTLINES), key=len)
    )
    return outline if len(outline) >= 3 and _within(scan.points, outline).any() else None


def _within(points: Floats, outline: Floats) -> NDArray[np.bool_]:
    """Which points lie within the span of the outline to the right and up."""
    low, high = outline[:, :2].min(axis=0), outline[:, :2].max(axis=0)
    x, y = points[:, 0], points[:, 1]
    inside: NDArray[np.bool_] = (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])
    return inside


def _tip_within(outline: Floats, scan: Scan) -> NoseTip:
    """The detector's tip within the outline of the nose, else the most forward point of the surface there."""
    fits = best_fits(scan)
    inside = [fit for fit in fits if fit.confidence >= HOPELESS and _within(fit.position[None], outline)[0]]
    if not inside:
        surface = scan.points[_within(scan.points, outline)]
        warning = (
            "The detector finds no nose within the nose outline of the landmark file: its most forward point is taken."
        )
        tip = surface[np.argmax(surface[:, 2])].copy()
        return NoseTip(tip, "outline", OUTLINE_CONFIDENCE, fits[0].position if fits else None, warnings=(warning,))
    tip = tip_of([*inside, *(fit for fit in fits if fit not in inside)], REGION_ODDS)
    return replace(tip, source="outline")


def _checked(known: NoseTip, scan: Scan, detected: NoseTip | None) -> NoseTip:
    """The landmark's tip, with a warning where the detector says otherwise; both cannot be right."""
    likeliest = [] if detected else search_views(scan, search_samples(scan), FRONTAL_VIEW, NO_ROLL, 1)
    for fit in likeliest:
        if fit.confidence >= DOUBTFUL and np.linalg.norm(fit.position - known.position) <= DISAGREE_MM:
            return replace(known, pose=pose_of(fit.rotation))
    try:
        found = detected or detect_nose_tip(scan)
    except NoNoseTip:
        return replace(known, confidence=UNCONFIRMED, warnings=("The detector finds no nose where the landmark is.",))
    apart = float(np.linalg.norm(found.position - known.position))
    if apart <= DISAGREE_MM:
        return replace(known, pose=found.pose, runner_up=found.runner_up)
    warning = (
        f"The landmark of the nose tip is {apart:.0f} mm from the tip detected (confidence {found.confidence:.2f})."
    )
    doubt = min(UNCONFIRMED, 1.0 - found.confidence)
    return replace(known, confidence=doubt, runner_up=found.position, warnings=(warning,))


def _doubts(best: FaceFit, confidence: float, others: list[FaceFit]) -> tuple[str, ...]:
    if confidence < DOUBTFUL:
        return (f"The nose tip is doubtful (confidence {confidence:.2f}): look at the images.",)
    if best.support < FEW_SUPPORT:
        return ("The nose tip lies in a hole of the scan; its place was estimated from the surface about it.",)
    if others and others[0].confidence > confidence - 0.1:
        return ("Two places look like a nose tip; the better one was taken.",)
    return ()
