"""Slow and obvious counterparts of the depth block's kernels, in plain Python and textbook numpy."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

PAIRS = ((0, 1), (1, 0), (1, 1), (1, -1))


def project(point, frame):
    """Column and row as fractions of 2^-20 pixel, depth as a float."""
    column = np.rint((point[0] - frame.left) / frame.mm_per_pixel * 2.0**20)
    row = np.rint((frame.top - point[1]) / frame.mm_per_pixel * 2.0**20)
    return Fraction(int(column), 2**20), Fraction(int(row), 2**20), frame.tip_z - point[2]


def weights(corners, column, row):
    """Exact barycentric weights of a pixel's centre in a triangle; None for a triangle without area."""
    (ax, ay, _), (bx, by, _), (cx, cy, _) = corners
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if area == 0:
        return None
    b = ((column - ax) * (cy - ay) - (row - ay) * (cx - ax)) / area
    c = ((bx - ax) * (row - ay) - (by - ay) * (column - ax)) / area
    return 1 - b - c, b, c


def longest_edge(corners):
    return max(float(np.linalg.norm(corners[i] - corners[i - 1])) for i in range(3))


def rasterise(points, triangles, frame, near, max_edge=np.inf):
    """Depth map, number of dropped triangles, number of pixels with nothing but surface before the near limit.

    Every pixel asks every triangle, in exact rational arithmetic.
    """
    depth = np.full((frame.size, frame.size), np.nan)
    before = np.zeros(depth.shape, bool)
    dropped = 0
    for triangle in triangles:
        if longest_edge(points[triangle]) > max_edge:
            dropped += 1
            continue
        corners = [project(points[i], frame) for i in triangle]
        for row in range(frame.size):
            for column in range(frame.size):
                share = weights(corners, column, row)
                if share is None or min(share) < 0:
                    continue
                here = sum(float(w) * corner[2] for w, corner in zip(share, corners, strict=True))
                if here >= -near:
                    depth[row, column] = np.nanmin([depth[row, column], here])
                else:
                    before[row, column] = True
    return depth, dropped, int((before & np.isnan(depth)).sum())


def slab_box(points, triangles, low, high, max_edge):
    """Bounding box of the surface between two z: each triangle is clipped by the two planes (Sutherland-Hodgman)."""
    found = [np.empty((0, 3))]
    for triangle in triangles:
        if longest_edge(points[triangle]) > max_edge:
            continue
        polygon = [points[i] for i in triangle]
        for sign, bound in ((1.0, low), (-1.0, high)):
            kept = []
            for p, q in zip(polygon, polygon[1:] + polygon[:1], strict=True):
                over_p, over_q = sign * (p[2] - bound), sign * (q[2] - bound)
                if over_p >= 0:
                    kept.append(p)
                if over_p * over_q < 0:
                    kept.append(p + (q - p) * (over_p / (over_p - over_q)))
            polygon = kept
        found.append(np.array(polygon).reshape(-1, 3))
    x, y, _ = np.concatenate(found).T
    return (x.min(), x.max(), y.min(), y.max()) if len(x) else (np.inf, -np.inf, np.inf, -np.inf)


def regions(depth, step, holes):
    """Set of regions, each a frozenset of (row, column), by growing every one as long as it grows."""
    near = [(0, 1), (0, -1), (1, 0), (-1, 0)] + ([] if holes else [(1, 1), (1, -1), (-1, 1), (-1, -1)])
    left = {(r, c) for r, c in np.ndindex(depth.shape) if np.isnan(depth[r, c]) == holes}
    found = set()
    while left:
        region = {min(left)}
        grown = True
        while grown:
            new = {
                (r + dr, c + dc)
                for r, c in region
                for dr, dc in near
                if (r + dr, c + dc) in left - region and (holes or abs(depth[r + dr, c + dc] - depth[r, c]) <= step)
            }
            grown = bool(new)
            region |= new
        left -= region
        found.add(frozenset(region))
    return found


def small_regions(depth, step, holes, most):
    """Mask of the regions of few pixels: of holes, those that do not touch the border; of pieces, not the largest."""
    out = np.zeros(depth.shape, bool)
    found = sorted(regions(depth, step, holes), key=lambda region: (-len(region), min(region)))
    for region in found if holes else found[1:]:
        row, column = np.array(sorted(region)).T
        border = {0} & {*row, *column} or {depth.shape[0] - 1} & {*row} or {depth.shape[1] - 1} & {*column}
        if len(region) <= most and not (holes and border):
            out[row, column] = True
    return out


def spikes(depth, reach, height):
    """Mask of pixels off the midpoints of all pairs, to one side, and so off more than half of their window."""
    rows, columns = depth.shape
    out = np.zeros(depth.shape, bool)
    for row, column in np.argwhere(~np.isnan(depth)):
        here = depth[row, column]
        off = []
        for dr, dc in PAIRS:
            ends = [(row + k * reach * dr, column + k * reach * dc) for k in (-1, 1)]
            if all(0 <= r < rows and 0 <= c < columns and not np.isnan(depth[r, c]) for r, c in ends):
                off.append(here - 0.5 * (depth[ends[0]] + depth[ends[1]]))
        window = depth[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1]
        from_window = here - window[~np.isnan(window)]
        for side in (1, -1):
            on_this_side = len(off) >= 2 and min(side * v for v in off) > height
            out[row, column] |= on_this_side and (side * from_window > height).mean() > 0.5
    return out


def membrane(depth, hole):
    """The depth map with its hole filled by solving Laplace's equation as one linear system."""
    number = {tuple(p): i for i, p in enumerate(np.argwhere(hole))}
    matrix, known = np.zeros((len(number), len(number))), np.zeros(len(number))
    for (row, column), i in number.items():
        matrix[i, i] = 4.0
        for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if near in number:
                matrix[i, number[near]] = -1.0
            else:
                known[i] += depth[near]
    out = depth.copy()
    out[hole] = np.linalg.solve(matrix, known)
    return out


def codes(depth, depth_mm):
    """16-bit codes, pixel by pixel, as the formula reads."""
    out = np.zeros(depth.shape, np.uint16)
    for place in np.argwhere(~np.isnan(depth)):
        d = max(0.0, depth[tuple(place)])
        if d <= depth_mm:
            out[tuple(place)] = 65535 - round(d / depth_mm * 65534)
    return out
