"""Identities and expressions of synthetic subjects, as a few numbers in millimetres."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, field, fields, replace

import numpy as np

from gemax_cli.errors import SettingsError

EXPRESSIONS = ("NE", "AN", "DI", "FE", "HA", "SA", "SU")
LEVEL_GAIN = (0.0, 0.35, 0.58, 0.80, 1.0)  # of the peak, for levels 0 (neutral) to 4


def _measure(mean: float, spread: float) -> float:
    """A field with a mean, which is its default, and half the range about it that it is drawn from."""
    return field(default=mean, metadata={"spread": spread})


@dataclass(frozen=True)
class Identity:
    """Measures of a face at rest about adult means, mm unless said otherwise."""

    width: float = _measure(1.0, 0.07)  # factor on every lateral measure of the head
    length: float = _measure(1.0, 0.07)  # factor on every vertical distance from the nose tip
    jaw_width: float = _measure(1.0, 0.09)  # factor on the width of the head at the jaw
    forehead: float = _measure(0.0, 7.0)  # by how much the forehead slopes back at the hairline
    nose_length: float = _measure(40.0, 5.0)  # from saddle to tip
    nose_height: float = _measure(22.0, 3.5)  # of the tip above the saddle
    nose_width: float = _measure(15.5, 2.8)  # half the distance between the wings
    nose_hump: float = _measure(0.0, 2.2)  # of the bridge, above (or below) the straight line
    nose_skew: float = _measure(0.0, 1.2)  # sideways shift of the nose
    eye_distance: float = _measure(31.5, 2.2)  # from the midline to the middle of an eye
    eye_width: float = _measure(14.5, 1.6)  # half the length of the lids' opening
    eye_height: float = _measure(5.2, 1.4)  # of the upper lid above the line of the corners
    eye_depth: float = _measure(8.0, 3.0)  # of the socket
    brow_height: float = _measure(16.5, 2.2)  # of the brow above the eye
    brow_arch: float = _measure(4.0, 3.5)  # of the brow's highest point above its inner end
    brow_ridge: float = _measure(2.4, 2.2)  # height of the bone below the brow
    mouth_width: float = _measure(25.0, 4.0)  # half the distance between the corners
    lip_upper: float = _measure(7.0, 3.0)  # height of the red of the upper lip
    lip_lower: float = _measure(9.0, 3.5)  # height of the red of the lower lip
    lip_swell: float = _measure(3.4, 1.6)  # how far the lips stand out
    cheek: float = _measure(4.0, 2.6)  # height of the cheek bone
    cheek_fat: float = _measure(2.5, 4.5)  # height of the soft cheek; below 0 where it is hollow
    chin: float = _measure(5.0, 3.0)  # height of the chin's boss
    philtrum: float = _measure(1.2, 0.7)  # depth of the groove below the nose
    style: float = _measure(1.0, 0.12)  # factor on every motion of this subject's expressions


@dataclass(frozen=True)
class Motion:
    """What the muscles do: displacements in mm, or strengths from 0 to 1; all zero at rest."""

    brow_inner: float = 0.0  # rise of the inner ends of the brows
    brow_outer: float = 0.0  # rise of their outer ends
    frown: float = 0.0  # strength of the upright furrows between the brows
    forehead_lines: float = 0.0  # strength of the furrows across the forehead
    lid_upper: float = 0.0  # rise of the upper lids
    lid_lower: float = 0.0  # rise of the lower lids
    cheek_raise: float = 0.0  # strength
    nose_wrinkle: float = 0.0  # strength
    fold: float = 0.0  # strength of the folds from nose to mouth
    corner_out: float = 0.0  # of the mouth's corners, sideways
    corner_up: float = 0.0  # of the mouth's corners
    lip_raise: float = 0.0  # of the middle of the upper lip
    part: float = 0.0  # distance between the lips
    jaw: float = 0.0  # drop of the chin
    press: float = 0.0  # strength, of lips pressed together
    pout: float = 0.0  # strength, of the lower lip pushed out and the chin drawn up


# Peaks of the six basic expressions, after the descriptions of their action units by Ekman and Friesen (1978).
PEAKS = {
    "NE": Motion(),
    "AN": Motion(brow_inner=-6.5, brow_outer=-1.0, frown=1.0, lid_upper=-0.6, lid_lower=1.4, nose_wrinkle=0.25,
                 corner_out=-2.0, corner_up=-1.5, press=1.0, pout=0.5),
    "DI": Motion(brow_inner=-4.0, brow_outer=-2.5, frown=0.4, lid_upper=-2.2, lid_lower=1.6, cheek_raise=0.7,
                 nose_wrinkle=1.0, fold=1.0, corner_out=1.0, corner_up=-3.0, lip_raise=5.0, part=3.0, jaw=2.0),
    "FE": Motion(brow_inner=6.0, brow_outer=2.5, frown=0.5, forehead_lines=0.6, lid_upper=2.6, lid_lower=0.5,
                 corner_out=4.5, corner_up=-3.0, lip_raise=0.5, part=8.0, jaw=7.0),
    "HA": Motion(brow_outer=0.5, lid_upper=-1.4, lid_lower=1.8, cheek_raise=1.0, fold=1.0, corner_out=7.5,
                 corner_up=8.5, lip_raise=1.0, part=6.0, jaw=4.0),
    "SA": Motion(brow_inner=6.0, brow_outer=-3.5, frown=0.5, forehead_lines=0.3, lid_upper=-1.8, fold=0.4,
                 corner_out=-1.0, corner_up=-7.0, pout=1.0),
    "SU": Motion(brow_inner=8.0, brow_outer=8.0, forehead_lines=1.0, lid_upper=3.0, lid_lower=-0.4, corner_out=-5.0,
                 part=20.0, jaw=20.0, lip_raise=0.5),
}  # fmt: skip


def draw_identity(random: np.random.Generator) -> Identity:
    """Draw every measure independently, from a triangular law about its mean."""
    measures = zip(astuple(Identity()), fields(Identity), strict=True)
    return Identity(*(_draw(random, mean, measure.metadata["spread"]) for mean, measure in measures))


def _draw(random: np.random.Generator, mean: float, spread: float) -> float:
    # Uniform numbers alone: their stream is integer arithmetic, the same on every platform.
    return mean + spread * float(random.random() + random.random() - 1.0)


def make_motion(expression: str, level: int, gain: float = 1.0) -> Motion:
    """The motion of one of EXPRESSIONS at ``level`` 0 to 4, scaled by the subject's ``gain``.

    Raises:
        SettingsError: there is no such expression or level.
    """
    if expression not in PEAKS:
        raise SettingsError(f"expression is {expression!r}: give one of {', '.join(EXPRESSIONS)}.")
    if not 0 <= level < len(LEVEL_GAIN):
        raise SettingsError(f"level is {level}: give 0 (neutral) to 4.")
    return _each(PEAKS[expression], lambda value: value * LEVEL_GAIN[level] * gain)


def vary_motion(motion: Motion, random: np.random.Generator, spread: float = 0.12) -> Motion:
    """Vary every displacement by a random factor of 1 +- ``spread``: no two takes are the same."""
    return _each(motion, lambda value: value * _draw(random, 1.0, spread))


def _each(motion: Motion, change: Callable[[float], float]) -> Motion:
    return replace(motion, **{f.name: change(getattr(motion, f.name)) for f in fields(Motion)})
