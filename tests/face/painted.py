"""Procedural faces with a painted picture, of which the true colour of every pixel is known.

The face is a height z(x, y) and its paint a function of x and y, so that what a pixel sees from the front is known to
any precision. The picture has two parts as BU-3DFE's: the left half upright, the right half turned by 180 degrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from gemax_cli.face.block import cut_blocks
from gemax_cli.face.model import DepthBlock
from gemax_cli.scans.model import PictureColours, Scan, TextureMap
from gemax_cli.settings import BlockSettings
from gemax_cli.synthetic.face import FaceShape, face_mesh
from gemax_cli.synthetic.paint import draw_complexion, picture
from gemax_cli.synthetic.subject import draw_identity, make_motion

HALF, LOW, HIGH, OVER = 84.0, -108.0, 116.0, 3.0  # what the picture shows, mm, and how far either part passes the seam
SIDE = 16  # true colours are means of SIDE x SIDE places in a pixel


def to_linear(values):
    share = np.asarray(values, float) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def to_srgb(light):
    light = np.asarray(light)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)


@dataclass(frozen=True, eq=False)
class PaintedFace:
    """A face of one subject.

    Attributes:
        seed: of the subject.
        expression: at its peak.
        texel: mm.
    """

    seed: int
    expression: str = "NE"
    texel: float = 0.25

    @cached_property
    def face(self) -> FaceShape:
        who = draw_identity(np.random.default_rng(self.seed))
        return FaceShape(who, make_motion(self.expression, 4, who.style))

    def colour(self, x, y):
        """Painted values of sRGB at places of the face."""
        looks = draw_complexion(np.random.default_rng(self.seed + 1000))
        light = 0.6 + 0.3 * np.cos(0.02 * x + 0.3) * np.cos(0.015 * y)
        return picture(self.face, looks, x, y, light)

    @cached_property
    def picture(self):
        """Both parts beside each other: the left half, and the right one upside down."""
        steps = self.texel * (np.arange(round((HALF + OVER) / self.texel)) + 0.5)
        y = HIGH - self.texel * (np.arange(round((HIGH - LOW) / self.texel)) + 0.5)
        left = self.colour(*np.meshgrid(steps - HALF, y))
        right = self.colour(*np.meshgrid(steps - OVER, y))
        return np.ascontiguousarray(np.hstack([left, right[::-1, ::-1]]))

    @cached_property
    def scan(self) -> Scan:
        points, polygons = face_mesh(self.face, np.random.default_rng(self.seed))
        quads = polygons[polygons[:, 3] >= 0]
        triangles = np.concatenate([polygons[:, :3], quads[:, [0, 2, 3]]])
        return Scan(Path("painted"), "painted", points, triangles, texture=self._lie(points, triangles), metric=True)

    def _lie(self, points, triangles) -> TextureMap:
        rows, columns = self.picture.shape[:2]
        wide, high = columns * self.texel, rows * self.texel
        x, y = points[:, 0], points[:, 1]
        upright = np.stack([(x + HALF) / wide, (y - HIGH + high) / high], 1)
        turned = np.stack([1 - (x + OVER) / wide, (HIGH - y) / high], 1)
        right = points[triangles, 0].mean(axis=1) > 0
        corners = triangles + len(points) * right[:, None]
        return TextureMap("painted.bmp", np.concatenate([upright, turned]), corners.astype(np.int32))

    @cached_property
    def block(self) -> DepthBlock:
        (block,) = cut_blocks(self.scan, self.face.nose_tip, BlockSettings(), (60.0,))
        return block

    @property
    def colours(self) -> PictureColours:
        return PictureColours((self.picture,), self.scan.texture)

    def places(self, rows, columns, side=SIDE):
        """x and y of ``side`` x ``side`` places in pixels, (n, side * side)."""
        inside = (np.arange(side) + 0.5) / side - 0.5
        down, right = (v.ravel() for v in np.meshgrid(inside, inside, indexing="ij"))
        x = self.block.to_scan[0, 3] + self.block.mm_per_pixel * (columns[:, None] + right)
        y = self.block.to_scan[1, 3] - self.block.mm_per_pixel * (rows[:, None] + down)
        return x, y

    def truth(self, rows, columns):
        """True values of sRGB of pixels, (n, 3), not rounded."""
        return to_srgb(to_linear(self.colour(*self.places(rows, columns))).mean(axis=1))
