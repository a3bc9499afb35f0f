"""Where the named points of both databases lie on a procedural face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.scans.model import Points
from gemax_cli.synthetic.curves import Array
from gemax_cli.synthetic.face import FaceShape
from gemax_cli.synthetic.relief import BROW_FROM, BROW_LENGTH, CHIN_V

NAMES = (
    "Outer left eyebrow", "Middle left eyebrow", "Inner left eyebrow",
    "Inner right eyebrow", "Middle right eyebrow", "Outer right eyebrow",
    "Outer left eye corner", "Inner left eye corner", "Inner right eye corner", "Outer right eye corner",
    "Nose saddle left", "Nose saddle right", "Left nose peak", "Nose tip", "Right nose peak",
    "Left mouth corner", "Upper lip outer middle", "Right mouth corner",
    "Upper lip inner middle", "Lower lip inner middle", "Lower lip outer middle", "Chin middle",
)  # fmt: skip


def bosphorus_landmarks(face: FaceShape) -> dict[str, Points]:
    """The 22 landmarks of a .lm3 file, in its order; "left" is the viewer's left.

    Returns:
        Name to (3,) point on the surface, in the axes of the head, mm.
    """
    who, relief = face.identity, face.relief
    brow_u = BROW_FROM + BROW_LENGTH * np.array([1.0, 0.5, 0.0])
    eye_u = who.eye_distance + who.eye_width * np.array([1.0, -1.0])
    brow, eye = _at(relief.brow_line(brow_u), brow_u), _at(relief.lids(eye_u)[0], eye_u)
    saddle, wing = np.array([[6.0, 0.85 * who.nose_length]]), np.array([[who.nose_width, -4.5]])
    corner = np.array([[relief.mouth_width, relief.corner_height]])
    upper_outer, upper_inner, lower_inner, lower_outer, chin = _midline(face)
    order = [
        _left(brow), brow[::-1], _left(eye), eye[::-1], _left(saddle), saddle, _left(wing), np.zeros((1, 2)), wing,
        _left(corner), upper_outer, corner, upper_inner, lower_inner, lower_outer, chin,
    ]  # fmt: skip
    places = np.concatenate(order) * [who.width, who.length]
    named = dict(zip(NAMES, face.on_surface(places[:, 0], places[:, 1]), strict=True))
    return named | {"Nose tip": face.nose_tip}


def outline(face: FaceShape) -> NDArray[np.float64]:
    """(83, 2) places x, y, mm, of the points of a .bnd file: eyes, brows, nose, mouth, contour of the chin."""
    eye, brow = _eye_loop(face), _brow_loop(face)
    loops = [_left(eye), eye, _left(brow), brow, _nose_line(face), _mouth_loops(face), _jaw_line(face)]
    return np.asarray(np.concatenate(loops) * [face.identity.width, face.identity.length])


def _left(places: Array) -> Array:
    return np.asarray(places * np.array([-1.0, 1.0]))


def _at(line: Array, u: Array) -> Array:
    return np.stack([np.broadcast_to(u, line.shape), line], axis=-1)


def _midline(face: FaceShape) -> Array:
    """Places (5, 1, 2): edges of the upper lip and of the lower lip from the top down, and the chin."""
    (upper, lower), (red_upper, red_lower) = face.relief.lips(np.zeros(1)), face.relief.red(np.zeros(1))
    heights = [upper + red_upper, upper, lower, lower - red_lower, np.array([CHIN_V - face.motion.jaw])]
    return _at(np.array(heights), np.zeros(1))


def _eye_loop(face: FaceShape) -> Array:
    u = face.identity.eye_distance + face.identity.eye_width * np.linspace(-1.0, 1.0, 5)
    upper, lower = face.relief.lids(u)
    return np.concatenate([_at(upper, u), _at(lower, u)[3:0:-1]])


def _brow_loop(face: FaceShape) -> Array:
    u = BROW_FROM + BROW_LENGTH * np.linspace(0.0, 1.0, 5)
    line = face.relief.brow_line(u)
    return np.concatenate([_at(line + 2.5, u), _at(line - 2.5, u)[::-1]])


def _nose_line(face: FaceShape) -> Array:
    wing, length = face.identity.nose_width, face.identity.nose_length
    right = np.array([
        [7.0, 0.8 * length], [9.0, 0.5 * length], [12.0, 0.2 * length], [wing + 1.0, -2.0], [wing - 1.0, -9.0],
        [6.0, -13.0],
    ])  # fmt: skip
    return np.concatenate([_left(right), right[::-1]])


def _mouth_loops(face: FaceShape) -> Array:
    relief = face.relief
    outer = relief.mouth_width * np.linspace(-1.0, 1.0, 7)
    upper, lower = relief.lips(outer)
    red_upper, red_lower = relief.red(outer)
    inner = relief.mouth_width * np.linspace(-0.7, 0.7, 4)
    inner_upper, inner_lower = relief.lips(inner)
    around = [_at(upper + red_upper, outer), _at(lower - red_lower, outer)[5:0:-1]]
    return np.concatenate([*around, _at(inner_upper, inner), _at(inner_lower, inner)[::-1]])


def _jaw_line(face: FaceShape) -> Array:
    share = np.linspace(-1.0, 1.0, 15)
    low = -78.0 - face.motion.jaw
    return _at(low + (10.0 - low) * share**4 * (0.6 + 0.4 * share * share), 66.0 * share)
