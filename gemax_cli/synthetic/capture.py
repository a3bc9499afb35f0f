"""Two scanners that look at a procedural face: one delivers a textured mesh, the other a range image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gemax_cli.scans.model import Points
from gemax_cli.synthetic.curves import Array
from gemax_cli.synthetic.face import BOSPHORUS_CROP, BU3DFE_CROP, FaceShape
from gemax_cli.synthetic.lattice import Polygons, face_mesh, in_discs
from gemax_cli.synthetic.paint import Complexion, picture, shading

Picture = NDArray[np.uint8]  # (rows, columns, 3)

GRID_MM = 0.76  # pitch of the range image
PICTURE_MM = 0.9  # pitch of the mesh's picture
PICTURE_ROWS, PICTURE_COLUMNS = 264, 184
CHART_COLUMNS = 96  # of either half of the texture; both hold the strip along the midline
POSE_LIMITS = (5.0, 4.0, 2.5)  # degrees of yaw, pitch and roll
NEAR_TIP_MM = 12.0


@dataclass(frozen=True)
class HeadPose:
    """P_file = Rz(roll) Ry(yaw) Rx(pitch) P_head + shift; degrees, right-handed, and mm."""

    yaw: float
    pitch: float
    roll: float
    shift: tuple[float, float, float]

    @property
    def rotation(self) -> NDArray[np.float64]:
        """(3, 3) matrix Rz(roll) Ry(yaw) Rx(pitch)."""
        (cx, sx), (cy, sy), (cz, sz) = (
            (math.cos(math.radians(a)), math.sin(math.radians(a))) for a in (self.pitch, self.yaw, self.roll)
        )
        about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
        about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
        return np.asarray(about_z @ about_y @ about_x)

    def to_file(self, points: Points) -> Points:
        """Points (..., 3) of the head in the axes of the file."""
        return np.asarray(points @ self.rotation.T + np.array(self.shift))


@dataclass(frozen=True)
class Flaws:
    """What is wrong with a measurement.

    Attributes:
        noise_mm: standard deviation of the depths.
        holes: small discs without data, at brows, eyes and nostrils; never near the nose tip.
    """

    noise_mm: float = 0.08
    holes: bool = True


@dataclass(frozen=True, eq=False)
class MeshScan:
    """What the mesh scanner delivers.

    Attributes:
        points: (n, 3) in the axes of the file, mm.
        polygons: (m, 4), -1 last in triangles.
        texture_points: (k, 2) u to the right, v up, 0..1.
        texture_polygons: (m, 4) rows of ``texture_points`` for the corners of ``polygons``.
        texture: left half of the face upright beside the right half upside down.
        portrait: the face from the front.
    """

    points: Points
    polygons: Polygons
    texture_points: NDArray[np.float64]
    texture_polygons: Polygons
    texture: Picture
    portrait: Picture


@dataclass(frozen=True, eq=False)
class RangeScan:
    """What the range scanner delivers; row 0 is the chin.

    Attributes:
        points: (rows, columns, 3) in the axes of the file, mm; NaN where nothing was measured.
        texture: (rows, columns, 2) place in the photo, 0..1, the second from the top down.
        photo: the face as the range camera sees it, upright.
        origin: x and y of the centre of the pixel at row 0 and column 0, mm.
        magnification: pixels of the photo per pixel of the grid.
    """

    points: NDArray[np.float64]
    texture: NDArray[np.float64]
    photo: Picture
    origin: tuple[float, float]
    magnification: int

    def to_photo(self, points: Points) -> NDArray[np.float64]:
        """Pixel places (n, 2), u to the right and v down, of points (n, 3) of the file."""
        grid = (points[:, :2] - np.array(self.origin)) / GRID_MM + 0.5
        grid[:, 1] = self.points.shape[0] - grid[:, 1]
        return np.asarray(grid * self.magnification)


def draw_pose(random: np.random.Generator) -> HeadPose:
    """A head turned by a few degrees, somewhere before the camera."""
    yaw, pitch, roll = (round(limit * (2.0 * float(random.random()) - 1.0), 3) for limit in POSE_LIMITS)
    x, y, z = (round(float(value), 3) for value in 30.0 * (random.random(3) - 0.5))
    return HeadPose(yaw, pitch, roll, (x, y, z - 25.0))


def scan_mesh(
    face: FaceShape, looks: Complexion, pose: HeadPose, flaws: Flaws, random: np.random.Generator
) -> MeshScan:
    """Scan a face as BU-3DFE's stereo rig does: about 8,000 vertices, mixed polygons, two texture charts."""
    points, polygons = face_mesh(face, random, holes=draw_holes(face, flaws, random))
    texture_points, texture_polygons = _two_charts(points, polygons)
    texture, portrait = _portrait(face, looks)
    points[:, 2] += noise(len(points), flaws, random)
    return MeshScan(pose.to_file(points), polygons, texture_points, texture_polygons, texture, portrait)


def scan_range(
    face: FaceShape, looks: Complexion, pose: HeadPose, flaws: Flaws, random: np.random.Generator
) -> RangeScan:
    """Scan a face as Bosphorus' structured light does: a regular grid as the camera sees the turned head."""
    table = _DepthTable(face)
    across, up = _grid_axes(table, pose)
    grid_x, grid_y = np.meshgrid(across, up)
    head = table.look(pose, grid_x, grid_y)
    valid = face.covered(head[0], head[1], BOSPHORUS_CROP)
    photo = _photo(face, looks, head, valid)
    valid &= ~in_discs(head[0], head[1], draw_holes(face, flaws, random))
    head[2] += noise(valid.shape, flaws, random)
    points = np.stack([grid_x, grid_y, pose.to_file(np.moveaxis(head, 0, -1))[..., 2]], axis=-1)
    points[~valid] = np.nan
    _lose_depths(points, grid_x, grid_y, random)
    return RangeScan(points, _photo_places(valid.shape), photo, (across[0], up[0]), 3)


def noise(shape: int | tuple[int, ...], flaws: Flaws, random: np.random.Generator) -> Array:
    """Independent errors of depth of ``flaws.noise_mm`` standard deviation, mm, within 2.5 deviations."""
    # The sum of two uniform numbers, less 1, has a variance of 1/6.
    return np.asarray(flaws.noise_mm * 6.0**0.5 * (random.random(shape) + random.random(shape) - 1.0))


def draw_holes(face: FaceShape, flaws: Flaws, random: np.random.Generator) -> Array:
    """Discs (k, 3) of x, y, radius, mm, at brows, pupils and nostrils, where scanners see nothing."""
    if not flaws.holes:
        return np.empty((0, 3))
    who = face.identity
    sites = np.array([[30.0, 54.0], [44.0, 52.0], [who.eye_distance, 35.0], [8.0, -13.0]])
    sites = np.concatenate([sites, sites * [-1.0, 1.0]]) * [who.width, who.length]
    place = sites + 3.0 * (random.random(sites.shape) - 0.5)
    radius = 1.3 + 1.4 * random.random(len(sites))
    discs = np.column_stack([place, radius])[random.random(len(sites)) < 0.35]
    apart = discs[:, :2] - face.nose_tip[:2]
    return np.asarray(discs[(apart * apart).sum(axis=1) > (NEAR_TIP_MM + 3.0) ** 2])


def _two_charts(points: Points, polygons: Polygons) -> tuple[NDArray[np.float64], Polygons]:
    """Texture coordinates of both halves; vertices on the seam occur once in each."""
    column = points[:, 0] / PICTURE_MM + PICTURE_COLUMNS / 2.0
    height = np.clip((points[:, 1] / PICTURE_MM + _picture_foot()) / PICTURE_ROWS, 0.0, 1.0)
    width = 2.0 * CHART_COLUMNS
    shifted = column - (PICTURE_COLUMNS - CHART_COLUMNS)
    charts = (np.stack([column / width, height], 1), np.stack([1.0 - shifted / width, 1.0 - height], 1))
    right = points[polygons[:, :3], 0].mean(axis=1) > 0.0
    places, result, start = [], np.full_like(polygons, -1), 0
    for chart, rows in zip(charts, (~right, right), strict=True):
        mine = polygons[rows]
        used, number = np.unique(mine, return_inverse=True)
        first = int(used[0] < 0)
        result[rows] = np.where(mine < 0, -1, number.reshape(mine.shape) - first + start)
        places.append(chart[used[first:]])
        start += len(used) - first
    return np.concatenate(places), result


def _picture_foot() -> float:
    return 0.53 * PICTURE_ROWS


def _portrait(face: FaceShape, looks: Complexion) -> tuple[Picture, Picture]:
    x = (np.arange(PICTURE_COLUMNS) + 0.5 - PICTURE_COLUMNS / 2.0) * PICTURE_MM
    y = (PICTURE_ROWS - _picture_foot() - 0.5 - np.arange(PICTURE_ROWS)) * PICTURE_MM
    grid_x, grid_y = np.meshgrid(x, y)
    slope_x, slope_down = grid_slopes(face.depth(grid_x, grid_y), PICTURE_MM)
    front = picture(face, looks, grid_x, grid_y, shading(slope_x, -slope_down))
    texture = np.hstack([front[:, :CHART_COLUMNS], front[::-1, : -CHART_COLUMNS - 1 : -1]])
    front[~face.covered(grid_x, grid_y, BU3DFE_CROP)] = 0
    return _enlarge(texture, 2), front


def grid_slopes(depth: Array, pitch: float) -> tuple[Array, Array]:
    """Slopes of a depth grid (rows, columns) along its columns and along its rows, mm per mm."""
    along_rows, along_columns = np.gradient(depth, pitch)
    return np.asarray(along_columns), np.asarray(along_rows)


def _enlarge(image: Picture, factor: int) -> Picture:
    from PIL import Image

    size = (image.shape[1] * factor, image.shape[0] * factor)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


class _DepthTable:
    """The upright head sampled on a regular grid, and rays traced onto it."""

    def __init__(self, face: FaceShape) -> None:
        half, low, high = face.extent(BOSPHORUS_CROP)
        self.x = np.arange(-half - 12.0, half + 12.0, GRID_MM)
        self.y = np.arange(low - 8.0, high + 8.0, GRID_MM)
        grid_x, grid_y = np.meshgrid(self.x, self.y)
        self.depth = face.depth(grid_x, grid_y)
        shown = face.covered(grid_x, grid_y, BOSPHORUS_CROP)
        self.shown = np.stack([grid_x[shown], grid_y[shown], self.depth[shown]], axis=-1)

    def look(self, pose: HeadPose, grid_x: Array, grid_y: Array) -> Array:
        """Points (3, rows, columns) of the head that rays along the file's z axis meet.

        Fixed-point iteration on the depth along the ray; it converges because the head is turned by a few
        degrees only, so that a step along the ray moves little across the surface.
        """
        turn = pose.rotation
        start_x, start_y = grid_x - pose.shift[0], grid_y - pose.shift[1]
        base = turn[0][:, None, None] * start_x + turn[1][:, None, None] * start_y
        along = np.full(grid_x.shape, -30.0)
        for _ in range(7):
            x, y = base[0] + turn[2, 0] * along, base[1] + turn[2, 1] * along
            along = (self.interpolate(x, y) - base[2]) / turn[2, 2]
        return np.asarray(base + turn[2][:, None, None] * along)

    def interpolate(self, x: Array, y: Array) -> Array:
        """Bilinear depth at (x, y); places beside the table take its edge."""
        column = np.clip((x - self.x[0]) / GRID_MM, 0.0, len(self.x) - 1.001)
        row = np.clip((y - self.y[0]) / GRID_MM, 0.0, len(self.y) - 1.001)
        i, j = row.astype(np.intp), column.astype(np.intp)
        t, s = row - i, column - j
        flat, at = self.depth.ravel(), i * len(self.x) + j
        near = flat[at] + s * (flat[at + 1] - flat[at])
        at += len(self.x)
        far = flat[at] + s * (flat[at + 1] - flat[at])
        return np.asarray(near + t * (far - near))


def _grid_axes(table: _DepthTable, pose: HeadPose) -> tuple[Array, Array]:
    seen = pose.to_file(table.shown)[:, :2]
    low, high = seen.min(axis=0), seen.max(axis=0)
    across, up = (np.round(low[k] + GRID_MM * np.arange(int((high[k] - low[k]) / GRID_MM) + 1), 4) for k in (0, 1))
    return across, up


def _photo(face: FaceShape, looks: Complexion, head: Array, valid: NDArray[np.bool_]) -> Picture:
    slope_x, slope_y = grid_slopes(head[2], GRID_MM)
    colours = picture(face, looks, head[0], head[1], shading(slope_x, slope_y))
    colours[~valid] = (18, 18, 20)
    return _enlarge(colours[::-1], 3)


def _photo_places(shape: tuple[int, ...]) -> NDArray[np.float64]:
    rows, columns = shape
    a, b = np.meshgrid((np.arange(columns) + 0.5) / columns, 1.0 - (np.arange(rows) + 0.5) / rows)
    return np.stack([a, b], axis=-1)


def _lose_depths(points: Array, grid_x: Array, grid_y: Array, random: np.random.Generator) -> None:
    """Give up to five background pixels an x and y but no depth, as happens in the database's files."""
    empty = np.flatnonzero(np.isnan(points[..., 2]))
    chosen = empty[(random.random(5) * len(empty)).astype(np.intp)]
    points.reshape(-1, 3)[chosen, 0] = grid_x.ravel()[chosen]
    points.reshape(-1, 3)[chosen, 1] = grid_y.ravel()[chosen]
