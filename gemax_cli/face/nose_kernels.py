"""The loops of the nose tip detector: height maps, candidates, fit of the typical face, refinement.

All lengths are in mm. A frame is a centre and a rotation whose columns are the face's right, up and
forward axes; a typical face is a table of depths behind the nose tip (see :mod:`gemax_cli.face.nose`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.jit import kernel

Floats = NDArray[np.float64]
Seen = tuple[Floats, Floats, Floats]  # rotation of a view, its height map, the place of its first cell

LARGEST_MAP = 2_000_000  # cells; a wider scene is seen at a coarser grid
HIDDEN = 10.0  # a sample farther behind the highest of its cell is hidden
MOST_LOCAL = 4000  # points used about a tip
REACH_MM, MOST_FITTED = 85.0, 1000  # surface that the typical face is fitted to
FEW = 12  # points below which no quadric is fitted
STEP, LOWEST = 6.0, -36.0  # of the typical face's table: spacing, and y of its first row
NOSE_HALF_WIDTH, NOSE_HEIGHT = 18.0, 36.0  # the part of the table that is nose: |x| up to, y from -18 up to
COARSE, FINE = 10.0, 6.0  # distance at which agreement with the typical face ends: before and after the fit


@kernel
def sample_triangles(points: Floats, triangles: NDArray[np.int32], step: float, limit: int) -> Floats:
    """Points on a coarse surface, at most about ``step`` apart: (k, 3), vertices first.

    Each triangle gets a barycentric lattice fine enough for its longest edge. Where that takes more than
    ``limit`` points, the step is widened until it does not.
    """
    edges = np.empty(len(triangles))
    for t in range(len(triangles)):
        a, b, c = points[triangles[t, 0]], points[triangles[t, 1]], points[triangles[t, 2]]
        ab, bc, ca = 0.0, 0.0, 0.0
        for k in range(3):
            ab, bc, ca = ab + (a[k] - b[k]) ** 2, bc + (b[k] - c[k]) ** 2, ca + (c[k] - a[k]) ** 2
        edges[t] = np.sqrt(max(ab, bc, ca))
    total = limit + 1
    while total > limit:
        total = 0
        for t in range(len(triangles)):
            parts = int(edges[t] / step)
            total += parts * (parts + 1) // 2
        step *= 1.3
    step /= 1.3
    count = len(points)
    found = np.empty((count + total, 3))
    for i in range(count):  # not found[:count] = points: that takes two seconds to compile
        for k in range(3):
            found[i, k] = points[i, k]
    for t in range(len(triangles)):
        a, b, c = points[triangles[t, 0]], points[triangles[t, 1]], points[triangles[t, 2]]
        parts = int(edges[t] / step)
        for i in range(parts):
            for j in range(parts - i):
                u, v = (i + 1 / 3) / parts, (j + 1 / 3) / parts
                for k in range(3):
                    found[count, k] = a[k] + u * (b[k] - a[k]) + v * (c[k] - a[k])
                count += 1
    return found


@kernel
def _turned(samples: Floats, rotation: Floats) -> Floats:
    """The samples in the axes of a rotation's columns, (3, n)."""
    out = np.empty((3, len(samples)))
    for k in range(3):
        a, b, c = rotation[0, k], rotation[1, k], rotation[2, k]
        for i in range(len(samples)):
            out[k, i] = samples[i, 0] * a + samples[i, 1] * b + samples[i, 2] * c
    return out


@kernel
def height_map(samples: Floats, rotation: Floats, cell: float) -> tuple[Floats, Floats]:
    """The surface seen against the forward axis: the highest sample of each cell.

    Args:
        samples: (n, 3).
        rotation: (3, 3), columns right, up, forward.
        cell: side of a cell.

    Returns:
        (rows, columns) heights along the forward axis, NaN where nothing is, row 0 lowest along the up
        axis; and (right, up, cell) of the centre of cell (0, 0). Single empty cells are filled with the
        mean of their neighbours.
    """
    x, y, z = _turned(samples, rotation)
    left, right, bottom, top = np.inf, -np.inf, np.inf, -np.inf
    for i in range(len(samples)):
        left, right = min(left, x[i]), max(right, x[i])
        bottom, top = min(bottom, y[i]), max(top, y[i])
    while ((right - left) / cell + 3) * ((top - bottom) / cell + 3) > LARGEST_MAP:
        cell *= 1.5
    columns, rows = int((right - left) / cell) + 3, int((top - bottom) / cell) + 3
    seen = np.full((rows, columns), np.nan)
    for i in range(len(samples)):
        row, column = int((y[i] - bottom) / cell) + 1, int((x[i] - left) / cell) + 1
        before = seen[row, column]
        seen[row, column] = before if before >= z[i] else z[i]
    full = seen.copy()
    for row in range(1, rows - 1):
        for column in range(1, columns - 1):
            if np.isnan(seen[row, column]):
                total, around = 0.0, 0
                for dr in range(-1, 2):
                    for dc in range(-1, 2):
                        value = seen[row + dr, column + dc]
                        if not np.isnan(value):
                            total += value
                            around += 1
                if around >= 4:
                    full[row, column] = total / around
    return full, np.array([left - 0.5 * cell, bottom - 0.5 * cell, cell])


@kernel
def depth_at(table: Floats, x: float, y: float) -> tuple[float, float, float]:
    """Depth of the typical face and its slopes along x and y, at (x, y) from the tip; depth < 0 outside.

    ``table`` is (rows, columns): x = 0, STEP ... to the side (both sides alike), y from LOWEST upwards.
    """
    side = -1.0 if x < 0 else 1.0
    u, v = side * x / STEP, (y - LOWEST) / STEP
    if not ((u < table.shape[1] - 1) & (v >= 0) & (v < table.shape[0] - 1)):
        return -1.0, 0.0, 0.0
    column, row = int(u), int(v)
    u, v = u - column, v - row
    a, b = table[row, column], table[row, column + 1]
    c, d = table[row + 1, column], table[row + 1, column + 1]
    across, along = (1 - v) * (b - a) + v * (d - c), (1 - u) * (c - a) + u * (d - b)
    return a + u * (b - a) + v * (c - a) + u * v * (a - b - c + d), side * across / STEP, along / STEP


@kernel
def resemblance(seen: Floats, row: int, column: int, cell: float, table: Floats, roll: float) -> float:
    """How much the surroundings of a cell look like those of a nose tip, 0 to 1.

    Every place of the table counts by how close the surface is to it (Epanechnikov, COARSE mm); the nose
    counts three times as much as the rest. Places where nothing is seen lower the figure by half their share.
    """
    cos, sin = np.cos(roll), np.sin(roll)
    rows, columns = seen.shape
    top = seen[row, column]
    total, weight, missing = 0.0, 0.0, 0.0
    for i in range(table.shape[0]):
        y = LOWEST + i * STEP
        for j in range(1 - table.shape[1], table.shape[1]):
            x = j * STEP
            share = 3.0 if abs(x) <= NOSE_HALF_WIDTH and -18 <= y <= NOSE_HEIGHT else 1.0
            r = row + int(np.rint((sin * x + cos * y) / cell))
            c = column + int(np.rint((cos * x - sin * y) / cell))
            if r < 0 or c < 0 or r >= rows or c >= columns or np.isnan(seen[r, c]):
                missing += share
                continue
            off = (seen[r, c] - top + table[i, abs(j)]) / COARSE
            weight += share
            total += share * max(0.0, 1.0 - off * off)
    return total / max(weight, 1.0) * (1.0 - 0.5 * missing / (missing + weight))


@kernel
def candidates(seen: Floats, place: Floats, table: Floats, rolls: Floats, keep: int) -> Floats:
    """The local maxima of a height map that look most like a nose tip.

    Args:
        seen: (rows, columns) height map.
        place: (right, up, cell) of its first cell, as :func:`height_map` returns it.
        table: the typical face.
        rolls: turns about the forward axis to try, radians.
        keep: how many to return.

    Returns:
        (keep, 5) rows of resemblance, right, up, forward, roll; best first; zeros where there are no more.
    """
    cell = place[2]
    reach = max(1, int(np.rint(6.0 / cell)))
    ring = max(2, int(np.rint(12.0 / cell)))
    best = np.zeros((keep, 5))
    rows, columns = seen.shape
    for row in range(rows):
        for column in range(columns):
            top = seen[row, column]
            if np.isnan(top) or not _is_peak(seen, row, column, reach) or not _is_cap(seen, row, column, ring):
                continue
            value, turn = 0.0, 0.0
            for roll in rolls:
                alike = resemblance(seen, row, column, cell, table, roll)
                if alike > value:
                    value, turn = alike, roll
            at = keep
            while at > 0 and best[at - 1, 0] < value:
                at -= 1
            for below in range(keep - 1, at, -1):
                for k in range(5):
                    best[below, k] = best[below - 1, k]
            if at < keep:
                best[at, 0], best[at, 1], best[at, 2] = value, place[0] + column * cell, place[1] + row * cell
                best[at, 3], best[at, 4] = top, turn
    return best


@kernel
def _is_peak(seen: Floats, row: int, column: int, reach: int) -> bool:
    top = seen[row, column]
    for r in range(max(0, row - reach), min(seen.shape[0], row + reach + 1)):
        for c in range(max(0, column - reach), min(seen.shape[1], column + reach + 1)):
            earlier = r < row or (r == row and c < column)
            if seen[r, c] > top or (earlier and seen[r, c] == top):
                return False
    return True


@kernel
def _is_cap(seen: Floats, row: int, column: int, ring: int) -> bool:
    """Whether the surface falls off by some mm on most of a ring about a cell (unseen counts as falling off)."""
    fallen = 0
    for dr in range(-1, 2):
        for dc in range(-1, 2):
            r, c = row + dr * ring, column + dc * ring
            inside = 0 <= r < seen.shape[0] and 0 <= c < seen.shape[1]
            if not inside or not seen[r, c] > seen[row, column] - 2.0:
                fallen += 1
    return fallen >= 6


@kernel
def solve(matrix: Floats, right: Floats) -> bool:
    """Solve a small symmetric positive definite system in place (Cholesky); False if it is not definite."""
    n = len(right)
    for j in range(n):
        for k in range(j):
            matrix[j, j] -= matrix[j, k] * matrix[j, k]
        if not matrix[j, j] > 1e-12:
            return False
        matrix[j, j] = np.sqrt(matrix[j, j])
        for i in range(j + 1, n):
            for k in range(j):
                matrix[i, j] -= matrix[i, k] * matrix[j, k]
            matrix[i, j] /= matrix[j, j]
    for i in range(n):
        for k in range(i):
            right[i] -= matrix[i, k] * right[k]
        right[i] /= matrix[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            right[i] -= matrix[k, i] * right[k]
        right[i] /= matrix[i, i]
    return True


@kernel
def _turn(frame: Floats, x: float, y: float, z: float) -> None:
    """Turn the rotation of a frame in place about its own axes by the rotation vector (x, y, z)."""
    angle = np.sqrt(x * x + y * y + z * z)
    if angle < 1e-12:
        return
    sin, cos = np.sin(angle), 1.0 - np.cos(angle)
    x, y, z = x / angle, y / angle, z / angle
    for i in range(3, 12, 3):
        a, b, c = frame[i], frame[i + 1], frame[i + 2]
        along = (a * x + b * y + c * z) * cos
        frame[i] = a * (1 - cos) + along * x + sin * (b * z - c * y)
        frame[i + 1] = b * (1 - cos) + along * y + sin * (c * x - a * z)
        frame[i + 2] = c * (1 - cos) + along * z + sin * (a * y - b * x)


@kernel
def _chosen(samples: Floats, which: NDArray[np.int32], count: int) -> Floats:
    """The samples that the first ``count`` of ``which`` name: (count, 3)."""
    out = np.empty((count, 3))
    for i in range(count):
        at = which[i]
        out[i, 0], out[i, 1], out[i, 2] = samples[at, 0], samples[at, 1], samples[at, 2]
    return out


@kernel
def near(samples: Floats, centre: Floats, radius: float, most: int) -> Floats:
    """The samples within ``radius`` of ``centre``, thinned by a constant stride to at most ``most``: (k, 3)."""
    which = np.empty(len(samples), np.int32)
    right, up, forward = centre
    count = 0
    for i in range(len(samples)):
        x, y, z = samples[i, 0] - right, samples[i, 1] - up, samples[i, 2] - forward
        which[count] = i
        count += x * x + y * y + z * z < radius * radius
    stride = max(1, -(-count // max(most, 1)))
    count = -(-count // stride)
    for i in range(count):
        which[i] = which[i * stride]
    return _chosen(samples, which, count)


@kernel
def in_view(samples: Floats, rotation: Floats, seen: Floats, place: Floats) -> Floats:
    """The samples that no other hides in a height map made of them: (k, 3).

    Those more than HIDDEN mm below the highest of their cell lie inside a mouth or nostril or on the back of the head.
    """
    which = np.empty(len(samples), np.int32)
    count = 0
    for i in range(len(samples)):
        x, y, z = 0.0, 0.0, 0.0
        for k in range(3):
            x += samples[i, k] * rotation[k, 0]
            y += samples[i, k] * rotation[k, 1]
            z += samples[i, k] * rotation[k, 2]
        row, column = int(np.rint((y - place[1]) / place[2])), int(np.rint((x - place[0]) / place[2]))
        inside = 0 <= row < seen.shape[0] and 0 <= column < seen.shape[1]
        if not (inside and z < seen[row, column] - HIDDEN):
            which[count] = i
            count += 1
    return _chosen(samples, which, count)


@kernel
def _placed(points: Floats, frame: Floats) -> Floats:
    """The points in the axes of a frame, (3, n): right, up and forward of its centre."""
    out = np.empty((3, len(points)))
    for k in range(3):
        right, up, forward = frame[0], frame[1], frame[2]
        a, b, c = frame[3 + k], frame[6 + k], frame[9 + k]
        for i in range(len(points)):
            out[k, i] = (points[i, 0] - right) * a + (points[i, 1] - up) * b + (points[i, 2] - forward) * c
    return out


@kernel
def _lay(local: Floats, frame: Floats, table: Floats, laid: Floats) -> int:
    """The samples that lie within 30 mm of the typical face: their number.

    Fills the first columns of ``laid`` (6, n + 1) with their place in the frame, in units of the face's size, and the
    face's depth and slopes there. Which samples do is a matter of chance: all are written, and some overwritten.
    """
    u, size, relief = _placed(local, frame), frame[12], frame[13]
    for k in range(3):
        for i in range(len(local)):
            u[k, i] /= size
    count = 0
    for i in range(len(local)):
        depth, dx, dy = depth_at(table, u[0, i], u[1, i])
        depth, dx, dy = depth * relief, dx * relief, dy * relief
        laid[0, count], laid[1, count], laid[2, count] = u[0, i], u[1, i], u[2, i]
        laid[3, count], laid[4, count], laid[5, count] = depth, dx, dy
        count += not ((depth < 0) | (abs(u[2, i] + depth) > 30))
    return count


@kernel
def _weigh(laid: Floats, count: int, sigma: float, shape: Floats) -> None:
    """Distances of samples from the typical face, along its normal, with their slopes and weights.

    Fills the first ``count`` columns of ``shape`` (10, n): slopes against rotation (3), shift (3), size and relief,
    distance, weight.
    """
    for i in range(count):
        x, y, z, depth, dx, dy = laid[0, i], laid[1, i], laid[2, i], laid[3, i], laid[4, i], laid[5, i]
        length = np.sqrt(dx * dx + dy * dy + 1.0)
        off = (z + depth) / length
        weight = sigma * sigma / (sigma * sigma + off * off)
        nx, ny, nz = dx / length, dy / length, 1.0 / length
        shape[0, i], shape[1, i], shape[2, i] = -(y * nz - z * ny), -(z * nx - x * nz), -(x * ny - y * nx)
        shape[3, i], shape[4, i], shape[5, i] = -nx, -ny, -nz
        shape[6, i], shape[7, i] = -(x * nx + y * ny + z * nz), depth / length
        shape[8, i], shape[9, i] = off, weight * weight


@kernel
def fit_face(local: Floats, frame: Floats, table: Floats, sigmas: Floats, damping: Floats) -> None:
    """Move ``frame`` so that the typical face lies on the samples; robust Gauss-Newton, point to plane.

    Args:
        local: (n, 3) samples about the start.
        frame: (14,) centre, rotation by rows, size, relief (factor on the depths); changed in place.
        table: the typical face.
        sigmas: scale of the Geman-McClure weights, mm, one per round.
        damping: (8,) stiffness against rotation (3), shift (3), and against other sizes and reliefs than those at
            the start.
    """
    size, relief = frame[12], frame[13]
    laid, shape = np.empty((6, len(local) + 1)), np.empty((10, len(local)))
    normal, step, slope = np.empty((8, 8)), np.empty(8), np.empty(8)
    for sigma in sigmas:
        normal[:], step[:] = 0.0, 0.0
        count = _lay(local, frame, table, laid)
        _weigh(laid, count, sigma, shape)
        for i in range(count):
            for a in range(8):
                slope[a] = shape[a, i]
            off, weight = shape[8, i], shape[9, i]
            for a in range(8):
                step[a] -= weight * slope[a] * off
                for b in range(a + 1):
                    normal[a, b] += weight * slope[a] * slope[b]
        for a in range(8):
            normal[a, a] += damping[a]
        step[6] -= damping[6] * np.log(frame[12] / size)
        step[7] -= damping[7] * np.log(frame[13] / relief)
        if not solve(normal, step):
            return
        for a in range(3):
            for k in range(3):
                frame[a] += frame[12] * frame[3 + 3 * a + k] * step[3 + k]
        _turn(frame, step[0], step[1], step[2])
        frame[12] *= np.exp(min(max(step[6], -0.1), 0.1))
        frame[13] *= np.exp(min(max(step[7], -0.1), 0.1))


@kernel
def lay_face(samples: Floats, view: Seen, frame: Floats, table: Floats, sigmas: Floats, damping: Floats) -> Floats:
    """Lay the typical face on the samples about a frame's centre that the view sees: moves ``frame``, see ``fit_face``.

    Returns:
        (4,) their ``agreement``.
    """
    local = in_view(near(samples, frame[:3], REACH_MM, len(samples)), view[0], view[1], view[2])
    local = near(local, frame[:3], REACH_MM, MOST_FITTED)
    fit_face(local, frame, table, sigmas, damping)
    return agreement(local, frame, table)


@kernel
def refine(points: Floats, view: Seen, frame: Floats, windows: Floats, support: float) -> tuple[Floats, int]:
    """The tip by ``settle`` on the surface about a frame's centre that the view sees.

    Returns:
        (6,) see ``settle``, and the number of points within ``support`` of it.
    """
    widest = 0.0
    for window in windows:  # not windows.max(), which takes half a second to compile
        widest = max(widest, window)
    about = in_view(near(points, frame[:3], 2 * widest, MOST_LOCAL), view[0], view[1], view[2])
    tip = settle(about, frame, windows)
    return tip, len(near(about, tip[:3], support, len(about)))


@kernel
def agreement(local: Floats, frame: Floats, table: Floats) -> Floats:
    """How well the typical face lies on the samples, by places of the table.

    Returns:
        (4,) share of agreement 0..1 over the seen places of the nose, the share of those that are seen,
        and both for the rest of the face. A place agrees by how close its samples lie on average
        (Epanechnikov, FINE mm).
    """
    u = np.empty(3)
    wide = 2 * table.shape[1] - 1
    total, count = np.zeros((table.shape[0], wide)), np.zeros((table.shape[0], wide))
    for i in range(len(local)):
        for k in range(3):
            u[k] = 0.0
            for a in range(3):
                u[k] += (local[i, a] - frame[a]) * frame[3 + 3 * a + k]
            u[k] /= frame[12]
        depth, dx, dy = depth_at(table, u[0], u[1])
        depth, dx, dy = depth * frame[13], dx * frame[13], dy * frame[13]
        if depth < 0 or u[2] + depth < -40:
            continue
        row, column = int(np.rint((u[1] - LOWEST) / STEP)), int(np.rint(u[0] / STEP)) + table.shape[1] - 1
        off = (u[2] + depth) / np.sqrt(dx * dx + dy * dy + 1.0) / FINE
        total[row, column] += max(0.0, 1.0 - off * off)
        count[row, column] += 1
    out = np.zeros(4)
    places = np.zeros(2)
    for row in range(table.shape[0]):
        y = LOWEST + row * STEP
        for column in range(wide):
            nose = abs(column - table.shape[1] + 1) * STEP <= NOSE_HALF_WIDTH and -18 <= y <= NOSE_HEIGHT
            k = 0 if nose else 1
            places[k] += 1
            if count[row, column] > 0:
                out[2 * k] += total[row, column] / count[row, column]
                out[2 * k + 1] += 1
    for k in range(2):
        out[2 * k] /= max(out[2 * k + 1], 1.0)
        out[2 * k + 1] /= places[k]
    return out


@kernel
def settle(points: Floats, frame: Floats, windows: Floats) -> Floats:
    """The most protruding point of the nose by local quadric fits (Newton steps to the extremum).

    Args:
        points: (n, 3), the surface about the tip.
        frame: (14,) centre, where the tip is expected, and rotation, whose third axis is the direction in which
            the tip protrudes most.
        windows: radii of the fitted patches, mm, one per step.

    Returns:
        (6,) position, largest and smallest curvature of the last patch (1/mm, positive on a dome), and the number of
        its points, 0 where there were too few. A step that finds no dome only moves along the direction.
    """
    u = _placed(points, frame)
    x, y, z = 0.0, 0.0, 0.0
    out = np.zeros(6)
    for window in windows:
        fit = _quadric(u, x, y, z, window)
        out[5] = fit[6]
        if fit[6] < FEW:
            break
        z += fit[0]
        half, spread = -(fit[3] + fit[5]), np.sqrt((fit[3] - fit[5]) ** 2 + fit[4] ** 2)
        out[3], out[4] = half + spread, half - spread
        if out[4] <= 0:
            continue
        bend = 4 * fit[3] * fit[5] - fit[4] * fit[4]
        dx, dy = (fit[4] * fit[2] - 2 * fit[5] * fit[1]) / bend, (fit[4] * fit[1] - 2 * fit[3] * fit[2]) / bend
        scale = min(1.0, 0.5 * window / max(np.sqrt(dx * dx + dy * dy), 1e-9))
        dx, dy = dx * scale, dy * scale
        x, y = x + dx, y + dy
        z += fit[1] * dx + fit[2] * dy + fit[3] * dx * dx + fit[4] * dx * dy + fit[5] * dy * dy
    for a in range(3):
        out[a] = frame[a] + frame[3 + 3 * a] * x + frame[4 + 3 * a] * y + frame[5 + 3 * a] * z
    return out


@kernel
def _quadric(u: Floats, x: float, y: float, z: float, window: float) -> Floats:
    """Robust least-squares a + b dx + c dy + d dx^2 + e dx dy + f dy^2 about (x, y, z): the six, and the points used.

    Three rounds; from the second on points off the last round's surface lose weight (Geman-McClure), so that
    what is left of a spike does not pull the surface.
    """
    out, last, right = np.zeros(7), np.zeros(6), np.zeros(6)
    normal, term = np.zeros((6, 6)), np.empty(6)
    about = np.empty((5, u.shape[1] + 1))  # of the points in the window: place, squared distance, weight
    count = 0
    for i in range(u.shape[1]):
        dx, dy, dz = u[0, i] - x, u[1, i] - y, u[2, i] - z
        far = dx * dx + dy * dy + dz * dz
        about[0, count], about[1, count], about[2, count], about[3, count] = dx, dy, dz, far
        count += not far > window * window
    for scale in (np.inf, 2.0, 1.0):
        right[:], normal[:] = 0.0, 0.0
        _weigh_quadric(about, count, last, window, scale)
        for i in range(count):
            dx, dy, dz, weight = about[0, i], about[1, i], about[2, i], about[4, i]
            term[0], term[1], term[2], term[3], term[4], term[5] = 1.0, dx, dy, dx * dx, dx * dy, dy * dy
            for a in range(6):
                right[a] += weight * term[a] * dz
                for b in range(a + 1):
                    normal[a, b] += weight * term[a] * term[b]
        if count < FEW or not solve(normal, right):
            break
        for a in range(6):
            last[a] = right[a]
            out[a] = right[a]
        out[6] = count
    return out


@kernel
def _weigh_quadric(about: Floats, count: int, quadric: Floats, window: float, scale: float) -> None:
    """Fill the last row of ``about`` with the weights of its points: far ones and those off the quadric weigh less."""
    a, b, c, d, e, f = quadric
    for i in range(count):
        dx, dy, dz, far = about[0, i], about[1, i], about[2, i], about[3, i]
        off = dz - a - b * dx - c * dy - d * (dx * dx) - e * (dx * dy) - f * (dy * dy)
        loss = 1.0 + (off / scale) ** 2
        about[4, i] = (1.0 - far / (window * window)) / (loss * loss)
