"""Where the named points of both databases lie on a procedural face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.scans.model import Points
from gemax_cli.synthetic.curves import Array
from gemax_cli.synthetic.face import FaceShape
from gemax_cli.synthetic.relief import BROW_FROM, BROW_LENGTH, CHIN_V

NOSE_OUTLINE = slice(36, 48)


# Name in a .lm3 file, part of the face, side: -1 is the viewer's left, 0 the midline.
_NAMED = (
    ("Outer left eyebrow", "brow outer", -1.0),
    ("Middle left eyebrow", "brow middle", -1.0),
    ("Inner left eyebrow", "brow inner", -1.0),
    ("Inner right eyebrow", "brow inner", 1.0),
    ("Middle right eyebrow", "brow middle", 1.0),
    ("Outer right eyebrow", "brow outer", 1.0),
    ("Outer left eye corner", "eye outer", -1.0),
    ("Inner left eye corner", "eye inner", -1.0),
    ("Inner right eye corner", "eye inner", 1.0),
    ("Outer right eye corner", "eye outer", 1.0),
    ("Nose saddle left", "saddle", -1.0),
    ("Nose saddle right", "saddle", 1.0),
    ("Left nose peak", "wing", -1.0),
    ("Nose tip", "tip", 0.0),
    ("Right nose peak", "wing", 1.0),
    ("Left mouth corner", "mouth corner", -1.0),
    ("Upper lip outer middle", "upper outer", 0.0),
    ("Right mouth corner", "mouth corner", 1.0),
    ("Upper lip inner middle", "upper inner", 0.0),
    ("Lower lip inner middle", "lower inner", 0.0),
    ("Lower lip outer middle", "lower outer", 0.0),
    ("Chin middle", "chin", 0.0),
)


def bosphorus_landmarks(face: FaceShape) -> dict[str, Points]:
    """The 22 landmarks of a .lm3 file, in its order; "left" is the viewer's left.

    Returns:
        Name to (3,) point on the surface, in the axes of the head, mm.
    """
    parts = _paired(face) | _midline(face)
    places = np.array([parts[part] * [side, 1.0] for _, part, side in _NAMED])
    named = dict(zip((name for name, _, _ in _NAMED), _lift(face, places), strict=True))
    named["Nose tip"] = face.nose_tip
    return named


def outline(face: FaceShape) -> NDArray[np.float64]:
    """(83, 2) places x, y, mm, of the points of a .bnd file: eyes, brows, nose, mouth, contour of the chin."""
    eye, brow = _eye_loop(face), _brow_loop(face)
    loops = [_left(eye), eye, _left(brow), brow, _nose_line(face), _mouth_loops(face), _jaw_line(face)]
    places = np.concatenate(loops)
    return np.asarray(places * np.array([face.identity.width, face.identity.length]))


def _left(places: Array) -> Array:
    return np.asarray(places * np.array([-1.0, 1.0]))


def _lift(face: FaceShape, places: Array) -> Points:
    who = face.identity
    return face.on_surface(places[:, 0] * who.width, places[:, 1] * who.length)


def _at(line: Array, u: Array) -> Array:
    return np.stack([np.broadcast_to(u, line.shape), line], axis=-1)


def _paired(face: FaceShape) -> dict[str, Array]:
    who, relief = face.identity, face.relief
    brow_u = BROW_FROM + BROW_LENGTH * np.array([0.0, 0.5, 1.0])
    inner, middle, outer = _at(relief.brow_line(brow_u), brow_u)
    eye_u = who.eye_distance + who.eye_width * np.array([-1.0, 1.0])
    eye_inner, eye_outer = _at(relief.lids(eye_u)[0], eye_u)
    return {
        "brow inner": inner, "brow middle": middle, "brow outer": outer,
        "eye inner": eye_inner, "eye outer": eye_outer,
        "saddle": np.array([6.0, 0.85 * who.nose_length]), "wing": np.array([who.nose_width, -4.5]),
        "mouth corner": np.array([relief.mouth_width, relief.corner_height]),
    }  # fmt: skip


def _midline(face: FaceShape) -> dict[str, Array]:
    relief, zero = face.relief, np.zeros(1)
    upper, lower = (float(line[0]) for line in relief.lips(zero))
    red_upper, red_lower = (float(red[0]) for red in relief.red(zero))
    heights = {
        "tip": 0.0, "upper outer": upper + red_upper, "upper inner": upper, "lower inner": lower,
        "lower outer": lower - red_lower, "chin": CHIN_V - face.motion.jaw,
    }  # fmt: skip
    return {name: np.array([0.0, v]) for name, v in heights.items()}


def _eye_loop(face: FaceShape) -> Array:
    inside = np.array([-0.5, 0.0, 0.5])
    u = face.identity.eye_distance + face.identity.eye_width * np.array([-1.0, *inside, 1.0])
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
    return np.concatenate(
        [
            _at(upper + red_upper, outer),
            _at(lower - red_lower, outer)[5:0:-1],
            _at(inner_upper, inner),
            _at(inner_lower, inner)[::-1],
        ]
    )


def _jaw_line(face: FaceShape) -> Array:
    share = np.linspace(-1.0, 1.0, 15)
    low = -78.0 - face.motion.jaw
    return _at(low + (10.0 - low) * share**4 * (0.6 + 0.4 * share * share), 66.0 * share)
