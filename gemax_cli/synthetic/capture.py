"""Two simulated scanners of a procedural face: one returns a textured mesh, the other a range image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gemax_cli.scans.model import Points
from gemax_cli.synthetic.curves import Array
from gemax_cli.synthetic.face import BOSPHORUS_CROP, BU3DFE_CROP, FaceShape, Polygons, face_mesh, in_discs
from gemax_cli.synthetic.paint import Complexion, picture, shading

Picture = NDArray[np.uint8]  # (rows, columns, 3)

GRID_MM = 0.76  # pitch of the range image
PICTURE_MM = 0.9  # pitch of the mesh's picture
PICTURE_ROWS, PICTURE_COLUMNS = 264, 184
CHART_COLUMNS = 96  # of either half of the texture; both hold the strip along the midline
POSE_LIMITS = (5.0, 4.0, 2.5)  # degrees of yaw, pitch and roll
PHOTO_SCALE = 3  # pixels of the photo per pixel of the range image
NOISE_MM = 0.08  # standard deviation of the depths
NEAR_TIP_MM = 12.0  # about the nose tip there is no hole


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
        return np.asarray(Rotation.from_euler("xyz", [self.pitch, self.yaw, self.roll], degrees=True).as_matrix())

    def to_file(self, points: Points) -> Points:
        """Points (..., 3) of the head in the axes of the file."""
        return np.asarray(points @ self.rotation.T + np.array(self.shift))


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
    """

    points: NDArray[np.float64]
    texture: NDArray[np.float64]
    photo: Picture
    origin: tuple[float, float]

    def to_photo(self, points: Points) -> NDArray[np.float64]:
        """Pixel places (n, 2), u to the right and v down, of points (n, 3) of the file."""
        grid = (points[:, :2] - np.array(self.origin)) / GRID_MM + 0.5
        grid[:, 1] = self.points.shape[0] - grid[:, 1]
        return np.asarray(grid * PHOTO_SCALE)


def draw_pose(random: np.random.Generator) -> HeadPose:
    """A head turned by a few degrees, somewhere before the camera."""
    yaw, pitch, roll = (round(limit * (2.0 * float(random.random()) - 1.0), 3) for limit in POSE_LIMITS)
    x, y, z = (round(float(value), 3) for value in 30.0 * (random.random(3) - 0.5))
    return HeadPose(yaw, pitch, roll, (x, y, z - 25.0))


def scan_mesh(face: FaceShape, looks: Complexion, pose: HeadPose, random: np.random.Generator) -> MeshScan:
    """Scan a face as BU-3DFE's stereo rig does: about 8,000 vertices, mixed polygons, two texture charts."""
    points, polygons = face_mesh(face, random, holes=draw_holes(face, random))
    texture_points, texture_polygons = _two_charts(points, polygons)
    texture, portrait = _portrait(face, looks)
    points[:, 2] += noise(len(points), random)
    return MeshScan(pose.to_file(points), polygons, texture_points, texture_polygons, texture, portrait)


def scan_range(face: FaceShape, looks: Complexion, pose: HeadPose, random: np.random.Generator) -> RangeScan:
    """Scan a face as Bosphorus' structured light does: a regular grid as the camera sees the turned head."""
    across, up = _grid_axes(face, pose)
    grid = np.stack(np.meshgrid(across, up), axis=-1)
    head = _cast_rays(face, pose, grid)
    x, y = head[..., 0], head[..., 1]
    valid = face.covered(x, y, BOSPHORUS_CROP)
    photo = _photo(face, looks, head, valid)
    valid &= ~in_discs(x, y, draw_holes(face, random))
    head[..., 2] += noise(valid.shape, random)
    points = np.dstack([grid, pose.to_file(head)[..., 2]])
    points[~valid] = np.nan
    _lose_depths(points, grid, random)
    return RangeScan(points, _photo_places(valid.shape), photo, (across[0], up[0]))


def noise(shape: int | tuple[int, ...], random: np.random.Generator) -> Array:
    """Independent errors of depth of ``NOISE_MM`` standard deviation, mm, within 2.5 deviations."""
    # The sum of two uniform numbers, less 1, has a variance of 1/6.
    return np.asarray(NOISE_MM * 6.0**0.5 * (random.random(shape) + random.random(shape) - 1.0))


def draw_holes(face: FaceShape, random: np.random.Generator) -> Array:
    """Discs (k, 3) of x, y, radius, mm, at brows, pupils and nostrils, where scanners see nothing."""
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
    charts = np.stack([np.append(column, width - shifted) / width, np.append(height, 1.0 - height)], axis=1)
    right = points[polygons[:, :3], 0].mean(axis=1) > 0.0
    corners = np.where(polygons < 0, -1, polygons + len(points) * right[:, None])
    used, numbers = np.unique(corners, return_inverse=True)  # the first is -1, no corner
    return charts[used[1:]], (numbers.reshape(polygons.shape) - 1).astype(np.int32)


def _picture_foot() -> float:
    return 0.53 * PICTURE_ROWS


def _portrait(face: FaceShape, looks: Complexion) -> tuple[Picture, Picture]:
    x = (np.arange(PICTURE_COLUMNS) + 0.5 - PICTURE_COLUMNS / 2.0) * PICTURE_MM
    y = (PICTURE_ROWS - _picture_foot() - 0.5 - np.arange(PICTURE_ROWS)) * PICTURE_MM
    grid_x, grid_y = np.meshgrid(x, y)
    light = shading(face.depth(grid_x, grid_y), PICTURE_MM, -PICTURE_MM)
    front = picture(face, looks, grid_x, grid_y, light)
    texture = np.hstack([front[:, :CHART_COLUMNS], front[::-1, : -CHART_COLUMNS - 1 : -1]])
    front[~face.covered(grid_x, grid_y, BU3DFE_CROP)] = 0
    return _enlarge(texture, 2), front


def _enlarge(image: Picture, factor: int) -> Picture:
    from PIL import Image

    size = (image.shape[1] * factor, image.shape[0] * factor)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def _grid_axes(face: FaceShape, pose: HeadPose) -> tuple[Array, Array]:
    """Columns' x and rows' y, mm, of the range image that just holds the turned head."""
    half, low, high = face.extent(BOSPHORUS_CROP)
    x, y = np.meshgrid(np.arange(-half, half, GRID_MM), np.arange(low, high, GRID_MM))
    shown = face.covered(x, y, BOSPHORUS_CROP)
    x, y, _ = pose.to_file(face.on_surface(x[shown], y[shown])).T
    across, up = (np.arange(float(seen.min()), float(seen.max()), GRID_MM) for seen in (x, y))
    return across.round(4), up.round(4)


def _cast_rays(face: FaceShape, pose: HeadPose, grid: Array) -> Points:
    """Points (rows, columns, 3) of the head that rays along the file's z axis at ``grid`` (rows, columns, 2) meet.

    Fixed-point iteration on the depth along the ray; it converges because the head is turned by a few degrees only,
    so that a step along the ray moves little across the surface.
    """
    ray = pose.rotation[2]
    base = (grid - np.array(pose.shift[:2])) @ pose.rotation[:2]
    met = base - 30.0 * ray
    for _ in range(6):
        along = (face.depth(met[..., 0], met[..., 1]) - base[..., 2]) / ray[2]
        met = base + along[..., None] * ray
    return np.asarray(met)


def _photo(face: FaceShape, looks: Complexion, head: Points, valid: NDArray[np.bool_]) -> Picture:
    colours = picture(face, looks, head[..., 0], head[..., 1], shading(head[..., 2], GRID_MM, GRID_MM))
    colours[~valid] = (18, 18, 20)
    return _enlarge(colours[::-1], PHOTO_SCALE)


def _photo_places(shape: tuple[int, ...]) -> NDArray[np.float64]:
    rows, columns = shape
    a, b = np.meshgrid((np.arange(columns) + 0.5) / columns, 1.0 - (np.arange(rows) + 0.5) / rows)
    return np.stack([a, b], axis=-1)


def _lose_depths(points: Array, grid: Array, random: np.random.Generator) -> None:
    """Give up to five background pixels an x and y but no depth, as happens in the database's files."""
    empty = np.argwhere(np.isnan(points[..., 2]))
    rows, columns = empty[(random.random(5) * len(empty)).astype(np.intp)].T
    points[rows, columns, :2] = grid[rows, columns]
