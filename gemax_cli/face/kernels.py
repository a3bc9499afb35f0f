"""Kernels of the depth block: z-buffer, bounding box, spikes, connected regions, membrane.

All of them stand in this one file, so that a change of one renews the cache of all. Images are indexed
[row, column], row 0 at the top; NaN is "no data" in a depth map.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.jit import kernel

# Vertices are snapped to this fraction of a pixel. A product of two differences of at most 64 pixels then fits the
# 53 bits of a float64, so edge functions are exact: neighbours agree on their common edge and leave no crack.
SNAP = 2.0**20


@kernel
def project(points: NDArray[np.float64], frame: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns, rows (snapped) and depths of points, (n, 3); ``frame``: left, top, mm per pixel, tip's z."""
    out = np.empty((points.shape[0], 3))
    for i in range(points.shape[0]):
        out[i, 0] = np.rint((points[i, 0] - frame[0]) / frame[2] * SNAP) / SNAP
        out[i, 1] = np.rint((frame[1] - points[i, 1]) / frame[2] * SNAP) / SNAP
        out[i, 2] = frame[3] - points[i, 2]
    return out


@kernel
def draw(
    at: NDArray[np.float64],
    triangles: NDArray[np.int32],
    limits: NDArray[np.float64],
    depth: NDArray[np.float64],
    winner: NDArray[np.int32],
) -> int:
    """Draw projected triangles into ``depth``, the nearest fragment wins; returns how many were too long to draw.

    Args:
        at: (n, 3) column, row, depth in mm, from ``project``.
        triangles: (m, 3) rows of ``at``; either winding.
        limits: front (fragments of less than minus this depth are dropped), longest edge in mm, mm per pixel.
        depth: (rows, columns) of infinities; NaN afterwards where nothing lies.
        winner: (rows, columns) of -1, for the number of the triangle seen; of size 0 when not wanted.

    A pixel belongs to every triangle that its centre lies in, edges included.
    """
    front, longest, scale = -limits[0], limits[1] * limits[1], limits[2] * limits[2]
    rows, columns = depth.shape
    dropped = 0
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = at[a, 0], at[a, 1], at[a, 2]
        bx, by, bz = at[b, 0] - ax, at[b, 1] - ay, at[b, 2] - az
        cx, cy, cz = at[c, 0] - ax, at[c, 1] - ay, at[c, 2] - az
        ab = scale * (bx * bx + by * by) + bz * bz
        ac = scale * (cx * cx + cy * cy) + cz * cz
        bc = scale * ((bx - cx) * (bx - cx) + (by - cy) * (by - cy)) + (bz - cz) * (bz - cz)
        if ab > longest or ac > longest or bc > longest:
            dropped += 1
            continue
        left = max(np.ceil(ax + min(0.0, bx, cx)), 0.0)
        right = min(np.floor(ax + max(0.0, bx, cx)), columns - 1.0)
        top = max(np.ceil(ay + min(0.0, by, cy)), 0.0)
        bottom = min(np.floor(ay + max(0.0, by, cy)), rows - 1.0)
        area = bx * cy - by * cx
        if left > right or top > bottom or area == 0.0:
            continue
        for row in range(int(top), int(bottom) + 1):
            y = row - ay
            for column in range(int(left), int(right) + 1):
                x = column - ax
                # twice the areas opposite b, c and a, with the sign of the winding
                wb, wc = x * cy - y * cx, y * bx - x * by
                wa = (bx - x) * (cy - y) - (by - y) * (cx - x)
                if min(wa, wb, wc) >= 0.0 if area > 0.0 else max(wa, wb, wc) <= 0.0:
                    z = az + (wb * bz + wc * cz) / area
                    if front <= z < depth[row, column]:
                        depth[row, column] = z
                        if winner.size > 0:
                            winner[row, column] = t
    for row in range(rows):
        for column in range(columns):
            if depth[row, column] == np.inf:
                depth[row, column] = np.nan
    return dropped


@kernel
def slab_box(
    points: NDArray[np.float64], triangles: NDArray[np.int32], limits: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Bounding box of the surface between two depths: least x, greatest x, least y, greatest y.

    Args:
        points: (n, 3) mm.
        triangles: (m, 3).
        limits: least z, greatest z, longest edge drawn, mm.

    The box is (inf, -inf, inf, -inf) where no surface lies between.
    """
    low, high, longest = limits[0], limits[1], limits[2] * limits[2]
    box = np.array([np.inf, -np.inf, np.inf, -np.inf])
    for t in range(triangles.shape[0]):
        length = 0.0
        for k in range(3):
            p, q = points[triangles[t, k]], points[triangles[t, (k + 1) % 3]]
            length = max(length, (q[0] - p[0]) ** 2 + (q[1] - p[1]) ** 2 + (q[2] - p[2]) ** 2)
        if length > longest:
            continue
        for k in range(3):
            p, q = points[triangles[t, k]], points[triangles[t, (k + 1) % 3]]
            # the part of the edge inside the slab, from share s to share e
            s, e = 0.0, 1.0
            rise = q[2] - p[2]
            if rise == 0.0:
                if p[2] < low or p[2] > high:
                    continue
            else:
                first, last = (low - p[2]) / rise, (high - p[2]) / rise
                s, e = max(s, min(first, last)), min(e, max(first, last))
            if s <= e:
                for share in (s, e):
                    x, y = p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1])
                    box[0], box[1] = min(box[0], x), max(box[1], x)
                    box[2], box[3] = min(box[2], y), max(box[3], y)
    return box


@kernel
def find_spikes(depth: NDArray[np.float64], reach: int, height: float) -> NDArray[np.bool_]:
    """Pixels that stand off their surroundings on every side: (rows, columns), True for a spike.

    A spike lies more than ``height`` mm off, to one side, (1) the midpoint of each of the four pairs of opposite
    neighbours ``reach`` pixels away, as far as both are valid (two pairs at least), and (2) more than half of the
    valid pixels in the window of that radius, which is to say their median. A slope passes by (1), whatever its
    steepness; the tip of an occluding edge, seen against the far surface, by (2). A reach of 0 finds none.
    """
    rows, columns = depth.shape
    spikes = np.zeros((rows, columns), np.bool_)
    for row in range(rows):
        for column in range(columns):
            here = depth[row, column]
            if np.isnan(here):
                continue
            up = down = True
            pairs = 0
            for dr, dc in ((0, 1), (1, 0), (1, 1), (1, -1)):
                r, c, s, d = row - reach * dr, column - reach * dc, row + reach * dr, column + reach * dc
                if r < 0 or s >= rows or min(c, d) < 0 or max(c, d) >= columns:
                    continue
                off = here - 0.5 * (depth[r, c] + depth[s, d])
                if np.isnan(off):
                    continue
                pairs += 1
                up = up and off < -height
                down = down and off > height
                if not (up or down):
                    break
            if pairs < 2 or not (up or down):
                continue
            balance = 0  # the window's pixels that are off on this side, less those that are not
            for r in range(max(row - reach, 0), min(row + reach + 1, rows)):
                for c in range(max(column - reach, 0), min(column + reach + 1, columns)):
                    off = here - depth[r, c]
                    if not np.isnan(off):
                        balance += 1 if (off < -height if up else off > height) else -1
            spikes[row, column] = balance > 0
    return spikes


@kernel
def _root(parent: NDArray[np.int32], label: int) -> int:
    while parent[label] != label:
        parent[label] = parent[parent[label]]
        label = np.int64(parent[label])
    return label


@kernel
def label_regions(depth: NDArray[np.float64], step: float, holes: bool) -> NDArray[np.int32]:
    """Number the connected regions of a depth map in reading order: (rows, columns), 0 for pixels of the other kind.

    Args:
        depth: depth map.
        step: neighbours of the surface are connected if their depths differ by this much or less, mm.
        holes: label the pixels without data (4 neighbours) instead of the surface (8 neighbours); the one
            neighbourhood is the complement of the other, so a ring of surface does enclose a hole.

    Two passes with a union-find over provisional labels (Rosenfeld, Pfaltz 1966; Tarjan 1975).
    ``scipy.ndimage.label`` knows no step, and to import it takes longer than fifty scans take here.
    """
    rows, columns = depth.shape
    labels = np.zeros((rows, columns), np.int32)
    parent = np.empty(rows * columns + 1, np.int32)
    parent[0] = count = 0
    for row in range(rows):
        for column in range(columns):
            here = depth[row, column]
            if np.isnan(here) != holes:
                continue
            mine = np.int64(0)
            if column > 0 and (holes or abs(depth[row, column - 1] - here) <= step):
                mine = np.int64(labels[row, column - 1])
            first, last = (column, column) if holes else (max(column - 1, 0), min(column + 1, columns - 1))
            for above in range(first, last + 1 if row > 0 else first):
                other = np.int64(labels[row - 1, above])
                if other == mine or other == 0 or not (holes or abs(depth[row - 1, above] - here) <= step):
                    continue
                if mine == 0:
                    mine = other
                else:
                    one, two = _root(parent, mine), _root(parent, other)
                    parent[max(one, two)] = min(one, two)
            if mine == 0:
                count += 1
                parent[count] = count
                mine = np.int64(count)
            labels[row, column] = mine
    regions = 0
    for label in range(1, count + 1):
        if parent[label] == label:
            regions += 1
            parent[label] = regions
        else:
            parent[label] = parent[parent[label]]
    for row in range(rows):
        for column in range(columns):
            labels[row, column] = parent[labels[row, column]]
    return labels


@kernel
def small_regions(depth: NDArray[np.float64], step: float, holes: bool, most: float) -> NDArray[np.bool_]:
    """Pixels of the regions of ``label_regions`` that have up to ``most`` pixels: (rows, columns), True for those.

    Of the surface, the largest region (the first of several) is never among them, and no hole at the border is.
    """
    labels = label_regions(depth, step, holes)
    rows, columns = labels.shape
    sizes = np.zeros(rows * columns + 1, np.int64)
    for row in range(rows):
        for column in range(columns):
            sizes[labels[row, column]] += 1
    sizes[0] = 0
    largest = 0
    for label in range(1, len(sizes)):
        if sizes[label] == 0:
            break
        if sizes[label] > sizes[largest]:
            largest = label
    for row in range(rows if holes else 0):
        sizes[labels[row, 0]] = sizes[labels[row, columns - 1]] = 0
    for column in range(columns if holes else 0):
        sizes[labels[0, column]] = sizes[labels[rows - 1, column]] = 0
    if not holes:
        sizes[largest] = 0
    out = np.zeros((rows, columns), np.bool_)
    for row in range(rows):
        for column in range(columns):
            size = sizes[labels[row, column]]
            out[row, column] = 0 < size <= most
    return out


@kernel
def quantise(depth: NDArray[np.float64], depth_mm: float, most: float) -> NDArray[np.uint16]:
    """Codes of a depth map: ``most`` at depth 0 or before it, 1 at ``depth_mm``, 0 beyond and for NaN."""
    rows, columns = depth.shape
    codes = np.zeros((rows, columns), np.uint16)
    for row in range(rows):
        for column in range(columns):
            if depth[row, column] <= depth_mm:
                codes[row, column] = most - np.rint(max(depth[row, column], 0.0) / depth_mm * (most - 1.0))
    return codes


@kernel
def stretch_membrane(depth: NDArray[np.float64], hole: NDArray[np.bool_], tolerance: float) -> None:
    """Fill the pixels ``hole`` of ``depth`` in place by the membrane through their rim (Laplace's equation).

    Every 4-neighbour of a pixel of the hole must be valid or of the hole too; no such pixel lies on the image's
    border. Gauss-Seidel with over-relaxation, from the means along rows and columns, until no pixel moves by
    more than ``tolerance`` mm.
    """
    rows, columns = depth.shape
    where = np.empty((rows * columns, 2), np.int64)
    count = 0
    for row in range(rows):
        for column in range(columns):
            if not hole[row, column]:
                continue
            where[count, 0], where[count, 1] = row, column
            count += 1
            total = weight = 0.0
            for dr, dc in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                far = 1
                while hole[row + far * dr, column + far * dc]:
                    far += 1
                total += depth[row + far * dr, column + far * dc] / far
                weight += 1.0 / far
            depth[row, column] = total / weight
    for _ in range(1000):
        moved = 0.0
        for i in range(count):
            row, column = where[i, 0], where[i, 1]
            mean = 0.25 * (
                depth[row - 1, column] + depth[row + 1, column] + depth[row, column - 1] + depth[row, column + 1]
            )
            move = 1.6 * (mean - depth[row, column])
            depth[row, column] += move
            moved = max(moved, abs(move))
        if moved <= tolerance:
            break
