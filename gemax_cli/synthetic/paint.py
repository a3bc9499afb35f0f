"""Colours of the face, and the light on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gemax_cli.synthetic.curves import Array, bump, step, window
from gemax_cli.synthetic.face import FaceShape
from gemax_cli.synthetic.relief import BROW_FROM, BROW_LENGTH, EYE_V, Relief

Colour = tuple[float, float, float]

SKINS: tuple[Colour, ...] = ((236, 196, 172), (224, 172, 140), (198, 144, 108), (160, 108, 78), (110, 74, 54))
HAIRS: tuple[Colour, ...] = ((40, 28, 22), (70, 46, 30), (110, 78, 46), (26, 24, 26))
IRISES: tuple[Colour, ...] = ((74, 50, 34), (96, 120, 128), (92, 104, 66), (52, 36, 28))
WHITE, DARK, MOUTH, TEETH = (228.0, 224.0, 218.0), (24.0, 16.0, 16.0), (70.0, 22.0, 24.0), (226.0, 218.0, 200.0)
LIGHT = np.array([-0.30, 0.42, 0.86])
AMBIENT = 0.32


@dataclass(frozen=True)
class Complexion:
    """Colours (r, g, b), 0..255, of one subject."""

    skin: Colour
    hair: Colour
    iris: Colour


def draw_complexion(random: np.random.Generator) -> Complexion:
    """Draw skin, hair and eyes independently from small palettes."""
    skin, hair, iris = (palette[int(random.random() * len(palette))] for palette in (SKINS, HAIRS, IRISES))
    return Complexion(skin, hair, iris)


def shading(depth: Array, step_x: float, step_y: float) -> Array:
    """Brightness 0..1 of a matt surface under one lamp, up to the viewer's left.

    Args:
        depth: (rows, columns) towards the camera, mm.
        step_x: from a column to the next, mm to the right.
        step_y: from a row to the next, mm upwards.
    """
    slope_y, slope_x = np.gradient(depth, step_y, step_x)
    facing = -slope_x * LIGHT[0] - slope_y * LIGHT[1] + LIGHT[2]
    facing = facing / np.sqrt(1.0 + slope_x * slope_x + slope_y * slope_y)
    return np.asarray(AMBIENT + (1.0 - AMBIENT) * np.maximum(facing, 0.0))


def picture(face: FaceShape, looks: Complexion, x: Array, y: Array, light: Array) -> NDArray[np.uint8]:
    """Colours of the lit face at (x, y).

    Args:
        face: the surface, whose features are painted where they lie.
        looks: the subject's colours.
        x: sideways, mm, any shape.
        y: upwards, mm, same shape.
        light: brightness 0..1, same shape.

    Returns:
        uint8 array of that shape with a last axis of red, green and blue.
    """
    u, v = np.abs(x) / face.identity.width, y / face.identity.length
    canvas = np.full((*u.shape, 3), looks.skin, np.float64)
    paint_skin(canvas, looks, u, v)
    paint_mouth(canvas, face.relief, u, v)
    paint_eyes(canvas, face.relief, looks, u, v)
    return np.minimum(canvas * light[..., None], 255.0).astype(np.uint8)


def mix(canvas: Array, colour: Colour, cover: Array) -> None:
    """Blend paint over the picture: opaque where ``cover`` is 1, transparent where it is 0."""
    canvas += (np.array(colour) - canvas) * cover[..., None]


def paint_skin(canvas: Array, looks: Complexion, u: Array, v: Array) -> None:
    """Blush of cheeks and nose, shadow of the nostrils, hair above the forehead."""
    red = (looks.skin[0], looks.skin[1] * 0.72, looks.skin[2] * 0.72)
    mix(canvas, red, 0.5 * bump((u - 42.0) / 26.0, (v - 2.0) / 22.0) + 0.45 * bump(u / 18.0, (v - 1.0) / 16.0))
    mix(canvas, DARK, 0.85 * bump((u - 6.8) / 4.2, (v + 10.2) / 3.4))
    mix(canvas, looks.hair, step((v - 101.0 + 0.006 * u * u) / 6.0))


def paint_mouth(canvas: Array, relief: Relief, u: Array, v: Array) -> None:
    """Red of the lips; the dark of an open mouth with the upper teeth in it."""
    upper, lower = relief.lips(u)
    red_upper, red_lower = relief.red(u)
    inside_mouth = u < relief.mouth_width
    lips = step(np.minimum(upper + red_upper - v, v - lower + red_lower) / 1.5 + 0.5) * inside_mouth
    mix(canvas, (168.0, 74.0, 74.0), 0.75 * lips)
    gap = upper - lower
    mix(canvas, MOUTH, step(np.minimum(upper - v, v - lower) / 1.2 + 0.5) * inside_mouth)
    teeth = step(np.minimum(upper - v, v - upper + np.minimum(0.65 * gap, 6.5)) / 1.0) * (gap > 2.5)
    mix(canvas, TEETH, 0.9 * teeth * window(u, -1.0, 0.72 * relief.mouth_width, 2.0))


def paint_eyes(canvas: Array, relief: Relief, looks: Complexion, u: Array, v: Array) -> None:
    """White, iris and pupil between the lids, lashes along the upper lid, hair of the brows."""
    upper, lower = relief.lids(u)
    opened = step(np.minimum(upper - v, v - lower) / 1.0 + 0.2) * (np.abs(relief.along_eye(u)) < 1.0)
    mix(canvas, WHITE, opened)
    square = (u - relief.who.eye_distance) ** 2 + (v - EYE_V - 0.6) ** 2
    mix(canvas, looks.iris, opened * step((36.0 - square) / 8.0))
    mix(canvas, DARK, opened * step((6.0 - square) / 3.0))
    lashes = bump((v - upper) / 1.6) * (np.abs(relief.along_eye(u)) < 1.0)
    mix(canvas, DARK, 0.8 * lashes)
    t = (u - BROW_FROM) / BROW_LENGTH
    brow = step((3.6 - 1.6 * t - np.abs(v - relief.brow_line(u))) / 1.6) * window(t, 0.0, 1.0, 0.08)
    mix(canvas, looks.hair, 0.8 * brow)
