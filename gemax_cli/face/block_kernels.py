"""Kernels of the depth block: z-buffer, bounding box, spikes, connected regions, membrane.

Images are indexed [row, column], row 0 at the top; NaN is "no data" in a depth map.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.jit import kernel

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Vertices are snapped to this fraction of a pixel. A product of two differences of at most 64 pixels then fits the
# 53 bits of a float64, so edge functions are exact: neighbours agree on their common edge and leave no crack.
SNAP = 2.0**20
BEFORE_FRONT = 1e300  # depth of a pixel of which only dropped fragments are known: farther than any, nearer than none


@kernel
def project(points: Floats, frame: Floats) -> Floats:
    """Columns, rows (snapped) and depths of points, (n, 3); ``frame``: left, top, mm per pixel, tip's z."""
    out = np.empty((points.shape[0], 3))
    for i in range(points.shape[0]):
        out[i, 0] = np.rint((points[i, 0] - frame[0]) / frame[2] * SNAP) / SNAP
        out[i, 1] = np.rint((frame[1] - points[i, 1]) / frame[2] * SNAP) / SNAP
        out[i, 2] = frame[3] - points[i, 2]
    return out


@kernel
def draw(
    at: Floats,
    triangles: NDArray[np.int32],
    limits: Floats,
    depth: Floats,
    winner: NDArray[np.int32],
) -> tuple[int, int]:
    """Draw projected triangles into ``depth``, the nearest fragment wins.

    Args:
        at: (n, 3) column, row, depth in mm, from ``project``.
        triangles: (m, 3) rows of ``at``; either winding.
        limits: front (fragments of less than minus this depth are dropped), longest edge in mm, mm per pixel.
        depth: (rows, columns) of infinities; NaN afterwards where nothing lies.
        winner: (rows, columns) of -1, filled with the number of the visible triangle; of size 0 when not wanted.

    Returns:
        How many triangles were too long to draw, and how many pixels hold dropped fragments alone.

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
        if area < 0.0:
            area, bx, by, bz, cx, cy, cz = -area, cx, cy, cz, bx, by, bz
        for row in range(int(top), int(bottom) + 1):
            y = row - ay
            for column in range(int(left), int(right) + 1):
                x = column - ax
                # twice the areas opposite b, c and a
                wb, wc = x * cy - y * cx, y * bx - x * by
                wa = (bx - x) * (cy - y) - (by - y) * (cx - x)
                z, before = az + (wb * bz + wc * cz) / area, depth[row, column]
                # visibility is unpredictable, so a select is faster here than a branch
                drawn = z if front <= z else BEFORE_FRONT
                seen = (wa >= 0.0) & (wb >= 0.0) & (wc >= 0.0) & (drawn < before)
                depth[row, column] = drawn if seen else before
                if winner.size > 0 and seen and front <= z:
                    winner[row, column] = t
    hidden = 0
    for row in range(rows):
        for column in range(columns):
            if depth[row, column] >= BEFORE_FRONT:
                hidden += depth[row, column] < np.inf
                depth[row, column] = np.nan
    return dropped, hidden


@kernel
def slab_box(points: Floats, triangles: NDArray[np.int32], limits: Floats) -> Floats:
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
def find_spike_pixels(depth: Floats, reach: int, height: float) -> Mask:
    """Pixels that stand off their surroundings on every side: (rows, columns), True for a spike.

    A spike lies more than ``height`` mm off, to one side, (1) the midpoint of each of the four pairs of opposite
    neighbours ``reach`` pixels away, as far as both are valid (two pairs at least), and (2) more than half of the valid
    pixels in the window of that radius, that is, their median. Condition (1) excludes slopes of any steepness; (2)
    excludes the tip of an occluding edge before the far surface. A reach of 0 finds none.
    """
    rows, columns = depth.shape
    spikes = np.zeros((rows, columns), np.bool_)
    for row in range(reach, rows - reach):  # nearer to the border there are no two pairs
        for column in range(reach, columns - reach):
            here = depth[row, column]
            across = here - 0.5 * (depth[row, column - reach] + depth[row, column + reach])
            if np.isnan(here) or abs(across) <= height:
                continue
            up = down = True
            pairs = 0
            for dr, dc in ((0, reach), (reach, 0), (reach, reach), (reach, -reach)):
                off = here - 0.5 * (depth[row - dr, column - dc] + depth[row + dr, column + dc])
                if not np.isnan(off):
                    pairs += 1
                    up = up and off < -height
                    down = down and off > height
            if pairs < 2 or not (up or down):
                continue
            balance = 0  # the window's pixels that are off on this side, less those that are not
            for r in range(row - reach, row + reach + 1):
                for c in range(column - reach, column + reach + 1):
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
def find_regions(depth: Floats, step: float, holes: bool) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The connected regions of a depth map, in runs: parts of a row without a gap.

    Args:
        depth: depth map.
        step: neighbours of the surface are connected if their depths differ by this much or less, mm.
        holes: label the pixels without data (4 neighbours) instead of the surface (8 neighbours); with this
            pair of neighbourhoods a ring of surface encloses a hole.

    Returns:
        (k, 3) row, first column and column after the last of every run, in reading order, and (k,) its region: the
        number of the first run of the same region.

    One pass with a union-find over the runs (Rosenfeld, Pfaltz 1966; Tarjan 1975). ``scipy.ndimage.label`` has no
    ``step``, and importing it takes longer than labelling fifty scans here.
    """
    rows, columns = depth.shape
    runs, region = np.empty((rows * columns, 3), np.int32), np.empty(rows * columns, np.int32)
    reach = 0 if holes else 1
    above = count = 0
    for row in range(rows):
        first, start = count, 0
        while start < columns:
            if np.isnan(depth[row, start]) != holes:
                start += 1
                continue
            stop = start + 1
            while stop < columns and np.isnan(depth[row, stop]) == holes:
                if not holes and abs(depth[row, stop] - depth[row, stop - 1]) > step:
                    break
                stop += 1
            runs[count, 0], runs[count, 1], runs[count, 2], region[count] = row, start, stop, count
            while above < first and runs[above, 2] + reach <= start:  # it ends before all runs still to come
                above += 1
            for other in range(above, first):
                if runs[other, 1] >= stop + reach:
                    break
                one, two = _root(region, count), _root(region, other)
                if one != two and (holes or _touch(depth, runs[count], runs[other], step)):
                    region[max(one, two)] = min(one, two)
            count += 1
            start = stop
        above = first
    for run in range(count):
        region[run] = region[region[run]]
    return runs[:count], region[:count]


@kernel
def _touch(depth: Floats, lower: NDArray[np.int32], upper: NDArray[np.int32], step: float) -> bool:
    """Whether two runs of surface in neighbouring rows have neighbours whose depths differ by ``step`` at most."""
    row, left, right = lower[0], upper[1], upper[2]
    for column in range(max(lower[1], left - 1), min(lower[2], right + 1)):
        for other in range(max(column - 1, left), min(column + 2, right)):
            if abs(depth[row, column] - depth[row - 1, other]) <= step:
                return True
    return False


@kernel
def small_regions(depth: Floats, step: float, holes: bool, most: float) -> Mask:
    """Pixels of the regions of ``find_regions`` that have up to ``most`` pixels: (rows, columns), True for those.

    The largest region of the surface (the first of several) is never selected, nor is a hole at the border.
    """
    rows, columns = depth.shape
    runs, region = find_regions(depth, step, holes)
    sizes = np.zeros(len(runs) + 1, np.int64)
    for run in range(len(runs)):
        sizes[region[run]] += runs[run, 2] - runs[run, 1]
    largest = 0
    for run in range(len(runs)):
        if sizes[run] > sizes[largest]:
            largest = run
        if holes and (runs[run, 0] in (0, rows - 1) or runs[run, 1] == 0 or runs[run, 2] == columns):
            sizes[region[run]] = 0
    if not holes:
        sizes[largest] = 0
    out = np.zeros((rows, columns), np.bool_)
    for run in range(len(runs)):
        if 0 < sizes[region[run]] <= most:
            for column in range(runs[run, 1], runs[run, 2]):
                out[runs[run, 0], column] = True
    return out


@kernel
def quantise(depth: Floats, depth_mm: float, most: float) -> NDArray[np.uint16]:
    """Codes of a depth map: ``most`` at depth 0 or before it, 1 at ``depth_mm``, 0 beyond and for NaN."""
    rows, columns = depth.shape
    codes = np.zeros((rows, columns), np.uint16)
    for row in range(rows):
        for column in range(columns):
            if depth[row, column] <= depth_mm:
                codes[row, column] = most - np.rint(max(depth[row, column], 0.0) / depth_mm * (most - 1.0))
    return codes


@kernel
def stretch_membrane(depth: Floats, hole: Mask, tolerance: float) -> None:
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
