"""Rigid registration of the upper face: forehead and nose, which expressions move least.

Point-to-plane ICP (Chen, Medioni 1992) with Tukey's weights, by Open3D. Section 6 of the paper names 4D data; how to
stabilise it is left open there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gemax_cli.open3d_library import load_open3d
from gemax_cli.scans.model import Points

if TYPE_CHECKING:
    from open3d.geometry import PointCloud

Floats = NDArray[np.float64]

FOREHEAD = (50.0, 56.0, 98.0)  # half width, lowest and highest place above the nose tip, mm ...
NOSE = (28.0, -4.0, 56.0)  # ... and those of the nose
MARGIN_MM = 14.0  # the first frame's part is wider, so that what the head has turned still meets it
NORMALS_MM, NEIGHBOURS = 8.0, 40  # surroundings of a normal
STAGES = ((16.0, 6.0), (6.0, 2.0), (3.0, 0.6), (1.5, 0.3))  # reach of a match and Tukey's limit, mm
LEAST_REACH = 1.2  # of a match, in spacings of the points
ITERATIONS, TOLERANCE = 40, 1e-6
MOST_POINTS = 1500  # of a frame's upper face that are matched
FOUND = 0.6  # share of the upper face's points with a match in the last stage, from which it is registered
WINDOW, DEGREE = 5, 2  # frames of the smoothing, and of its polynomial
NOISE_MM = 0.3  # what smoothing moves farther is no noise of the registration, but a head that turned fast
ARM_MM = 80.0  # from the nose tip to the farthest part of the upper face


@dataclass(frozen=True, eq=False)
class UpperFace:
    """The upper face of the first frame: its points with normals, their spacing in mm, and the nose tip, (3,)."""

    cloud: PointCloud
    spacing: float
    tip: Floats

    @classmethod
    def of(cls, points: Points, tip: Floats) -> UpperFace:
        """The upper face of a frame in frontal axes, mm.

        Args:
            points: (n, 3).
            tip: (3,) nose tip.
        """
        cloud = _cloud(points[_is_upper(points - tip, MARGIN_MM)])
        open3d = load_open3d()
        cloud.estimate_normals(open3d.geometry.KDTreeSearchParamHybrid(NORMALS_MM, NEIGHBOURS))
        apart = np.asarray(cloud.compute_nearest_neighbor_distance())
        return cls(cloud, float(np.median(apart)) if len(apart) else 0.0, np.asarray(tip, np.float64))

    def register(self, points: Points, motion: Floats) -> tuple[Floats, bool]:
        """The rigid motion that brings another frame's upper face onto this one.

        Args:
            points: (n, 3) of the other frame, mm.
            motion: (4, 4) to begin with.

        Returns:
            The (4, 4) motion, and whether the upper face was found.
        """
        registration = load_open3d().pipelines.registration
        upper = points[_is_upper(points @ motion[:3, :3].T + motion[:3, 3] - self.tip, 0.0)]
        source = _cloud(upper[:: -(-len(upper) // MOST_POINTS) or 1])
        if not (len(source.points) and len(self.cloud.points)):
            return motion, False
        criteria = registration.ICPConvergenceCriteria(TOLERANCE, TOLERANCE, ITERATIONS)
        for reach, limit in STAGES:
            estimate = registration.TransformationEstimationPointToPlane(registration.TukeyLoss(limit))
            reach = max(reach, LEAST_REACH * self.spacing)
            result = registration.registration_icp(source, self.cloud, reach, motion, estimate, criteria)
            motion = np.array(result.transformation)
        return motion, result.fitness >= FOUND


def _cloud(points: Points) -> PointCloud:
    open3d = load_open3d()
    return open3d.geometry.PointCloud(open3d.utility.Vector3dVector(np.ascontiguousarray(points)))


def _is_upper(from_tip: Points, margin: float) -> NDArray[np.bool_]:
    """Which points (n, 3), mm from the nose tip in frontal axes, belong to the upper face."""
    x, y, _ = from_tip.T
    inside = np.zeros(len(from_tip), np.bool_)
    for half, low, high in (FOREHEAD, NOSE):
        inside |= (np.abs(x) < half + margin) & (y > low - margin) & (y < high + margin)
    return inside


def smooth_motions(motions: Floats, registered: NDArray[np.bool_], centre: Floats) -> Floats:
    """Smooth rigid motions over WINDOW frames by local polynomials (Savitzky, Golay 1964).

    A polynomial follows a head that moves evenly; a mean would lag behind it. A frame that it would move by more than
    NOISE_MM keeps its own motion. Rotations are smoothed as vectors, and shifts as those of ``centre``, so that a
    distant origin does not turn small angles into millimetres.

    Args:
        motions: (n, 4, 4), in order of the frames.
        registered: (n,) motions that are known; the others are interpolated between them. One is known at least.
        centre: (3,) a point of the face.

    Returns:
        (n, 4, 4). Fewer than WINDOW frames are not smoothed.
    """
    from scipy.signal import savgol_filter
    from scipy.spatial.transform import Rotation

    turns = Rotation.from_matrix(motions[:, :3, :3]).as_rotvec()
    places = motions[:, :3, :3] @ centre + motions[:, :3, 3]
    numbers, known = np.arange(len(motions)), np.flatnonzero(registered)
    tracks = np.stack([np.interp(numbers, known, track[known]) for track in np.hstack([turns, places]).T], axis=-1)
    if len(motions) >= WINDOW:
        even = savgol_filter(tracks, WINDOW, DEGREE, axis=0)
        turned, moved = (np.linalg.norm(part, axis=1) for part in np.split(even - tracks, 2, axis=1))
        tracks = np.where((ARM_MM * turned + moved <= NOISE_MM)[:, None], even, tracks)
    smooth = np.array(motions)
    smooth[:, :3, :3] = Rotation.from_rotvec(tracks[:, :3]).as_matrix()
    smooth[:, :3, 3] = tracks[:, 3:] - smooth[:, :3, :3] @ centre
    return smooth
