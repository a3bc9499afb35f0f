"""The loops of the nose tip detector: height maps, candidates, fit of the face template, refinement.

All lengths are in mm. A frame is a centre and a rotation whose columns are the face's right, up and
forward axes; a face template is a table of depths behind the nose tip (see ``face.nose``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gemax_cli.jit import kernel

Floats = NDArray[np.float64]

LARGEST_MAP = 2_000_000  # cells; a wider scene gets a coarser grid
HIDDEN = 10.0  # a sample farther behind the highest of its cell is hidden
MOST_LOCAL = 4000  # points used about a tip
REACH_MM, MOST_FITTED = 85.0, 1000  # surface that the face template is fitted to
MOST_OFF = 30.0  # a sample farther off the template, mm, is another surface
SHORTLIST, FEW_ENTRIES = 32, 3  # candidates scored by all entries of the table, and by every third both ways
LEAST_FILLED = 0.4  # of the cells about a nose; about half in a profile, fewer about scattered points
FEW = 12  # points below which no quadric is fitted
STEP, LOWEST = 6.0, -36.0  # of the face template's table: spacing, and y of its first row
NOSE_HALF_WIDTH, NOSE_HEIGHT = 18.0, 36.0  # the part of the table that is nose: |x| up to, y from -18 up to
FAR_OFF = 12.0  # mm from the template; what is farther off counts as this much
COARSE, FINE = 10.0, 6.0  # distance at which agreement with the face template ends: before and after the fit


class View(NamedTuple):
    """The surface as visible against one direction.

    Attributes:
        rotation: (3, 3) columns right, up and forward of the view.
        heights: (rows, columns) height map.
        origin: right and up of the centre of its first cell, and the side of a cell, see ``height_map``.
    """

    rotation: Floats
    heights: Floats
    origin: Floats


@kernel
def sample_triangles(points: Floats, triangles: NDArray[np.int32], step: float, limit: int) -> Floats:
    """Points on a coarse surface, at most about ``step`` apart: (k, 3), vertices first.

    Each triangle gets a barycentric lattice fine enough for its longest edge. Where that takes more than
    ``limit`` points, the step is widened until it does not.
    """
    longest = np.empty(len(triangles))
    for t in range(len(triangles)):
        a, b, c = points[triangles[t, 0]], points[triangles[t, 1]], points[triangles[t, 2]]
        ab, bc, ca = 0.0, 0.0, 0.0
        for k in range(3):
            ab, bc, ca = ab + (a[k] - b[k]) ** 2, bc + (b[k] - c[k]) ** 2, ca + (c[k] - a[k]) ** 2
        longest[t] = np.sqrt(max(ab, bc, ca))
    total = _lattice_points(longest, step)
    while total > limit:
        step *= 1.3
        total = _lattice_points(longest, step)
    count = len(points)
    found = np.empty((count + total, 3))
    found[:count] = points
    for t in range(len(triangles)):
        a, b, c = points[triangles[t, 0]], points[triangles[t, 1]], points[triangles[t, 2]]
        parts = int(longest[t] / step)
        for i in range(parts):
            for j in range(parts - i):
                u, v = (i + 1 / 3) / parts, (j + 1 / 3) / parts
                for k in range(3):
                    found[count, k] = a[k] + u * (b[k] - a[k]) + v * (c[k] - a[k])
                count += 1
    return found


@kernel
def _lattice_points(longest: Floats, step: float) -> int:
    total = 0
    for length in longest:
        parts = int(length / step)
        total += parts * (parts + 1) // 2
    return total


@kernel
def _in_axes(points: Floats, centre: Floats, rotation: Floats) -> Floats:
    """The points (n, 3) relative to ``centre`` along the columns of ``rotation``: right, up and forward."""
    out = np.empty((len(points), 3))
    for i in range(len(points)):
        x, y, z = points[i, 0] - centre[0], points[i, 1] - centre[1], points[i, 2] - centre[2]
        for k in range(3):
            out[i, k] = x * rotation[0, k] + y * rotation[1, k] + z * rotation[2, k]
    return out


@kernel
def height_map(samples: Floats, rotation: Floats, cell: float) -> tuple[Floats, Floats]:
    """The visible surface against the forward axis: the highest sample of each cell.

    Args:
        samples: (n, 3).
        rotation: (3, 3), columns right, up, forward.
        cell: side of a cell.

    Returns:
        (rows, columns) heights along the forward axis, NaN where nothing is, row 0 lowest along the up
        axis; and (right, up, cell) of the centre of cell (0, 0). Single empty cells are filled with the
        mean of their neighbours.
    """
    turned = _in_axes(samples, np.zeros(3), rotation)
    left, right, bottom, top = np.inf, -np.inf, np.inf, -np.inf
    for x, y, _ in turned:
        left, right, bottom, top = min(left, x), max(right, x), min(bottom, y), max(top, y)
    while ((right - left) / cell + 3) * ((top - bottom) / cell + 3) > LARGEST_MAP:
        cell *= 1.5
    columns, rows = int((right - left) / cell) + 3, int((top - bottom) / cell) + 3
    heights = np.full((rows, columns), np.nan)
    for x, y, z in turned:
        row, column = int((y - bottom) / cell) + 1, int((x - left) / cell) + 1
        if not heights[row, column] >= z:
            heights[row, column] = z
    filled = heights.copy()
    for row in range(1, rows - 1):
        for column in range(1, columns - 1):
            if np.isnan(heights[row, column]):
                total, around = 0.0, 0
                for dr in range(-1, 2):
                    for dc in range(-1, 2):
                        value = heights[row + dr, column + dc]
                        if not np.isnan(value):
                            total += value
                            around += 1
                if around >= 4:
                    filled[row, column] = total / around
    return filled, np.array([left - 0.5 * cell, bottom - 0.5 * cell, cell])


@kernel
def depth_at(table: Floats, x: float, y: float) -> tuple[float, float, float]:
    """Depth of the face template and its slopes along x and y, at (x, y) from the tip; depth < 0 outside.

    ``table`` is (rows, columns): x = 0, STEP ... to the side (symmetric), y from LOWEST upwards.
    """
    side = -1.0 if x < 0 else 1.0
    u, v = side * x / STEP, (y - LOWEST) / STEP
    inside = (u < table.shape[1] - 1) & (v >= 0) & (v < table.shape[0] - 1)
    if not inside:
        return -1.0, 0.0, 0.0
    column, row = int(u), int(v)
    u, v = u - column, v - row
    a, b = table[row, column], table[row, column + 1]
    c, d = table[row + 1, column], table[row + 1, column + 1]
    across, along = (1 - v) * (b - a) + v * (d - c), (1 - u) * (c - a) + u * (d - b)
    return a + u * (b - a) + v * (c - a) + u * v * (a - b - c + d), side * across / STEP, along / STEP


@kernel
def resemblance(heights: Floats, row: int, column: int, cell: float, table: Floats, roll: float, every: int) -> float:
    """How much the surroundings of a cell resemble those of a nose tip: a score, 0 to 1.

    Each ``every``-th entry of the table both ways scores by its distance to the surface (Epanechnikov, COARSE mm); the
    nose weighs three times as much as the rest. Entries without data lower the score by half their share.
    """
    cos, sin = np.cos(roll), np.sin(roll)
    rows, columns = heights.shape
    top = heights[row, column]
    total, weight, missing = 0.0, 0.0, 0.0
    for i in range(0, table.shape[0], every):
        y = LOWEST + i * STEP
        for j in range(1 - table.shape[1], table.shape[1], every):
            x = j * STEP
            share = 3.0 if abs(x) <= NOSE_HALF_WIDTH and -18 <= y <= NOSE_HEIGHT else 1.0
            r = row + int(np.rint((sin * x + cos * y) / cell))
            c = column + int(np.rint((cos * x - sin * y) / cell))
            if r < 0 or c < 0 or r >= rows or c >= columns or np.isnan(heights[r, c]):
                missing += share
                continue
            off = (heights[r, c] - top + table[i, abs(j)]) / COARSE
            weight += share
            total += share * max(0.0, 1.0 - off * off)
    return total / max(weight, 1.0) * (1.0 - 0.5 * missing / (missing + weight))


@kernel
def candidates(heights: Floats, origin: Floats, table: Floats, rolls: Floats, keep: int) -> Floats:
    """The local maxima of a height map that resemble a nose tip most.

    All are scored by few entries of the face template, those that score best by all of them.

    Args:
        heights: (rows, columns) height map.
        origin: (right, up, cell) of its first cell, as ``height_map`` returns it.
        table: the face template.
        rolls: turns about the forward axis to try, radians.
        keep: how many to return.

    Returns:
        (keep, 5) rows of resemblance, right, up, forward, roll; best first; zeros where there are no more.
    """
    cell = origin[2]
    reach = max(1, int(np.rint(6.0 / cell)))
    ring = max(2, int(np.rint(12.0 / cell)))
    roughly, best = np.full((max(SHORTLIST, keep), 5), -1.0), np.zeros((keep, 5))
    for row in range(heights.shape[0]):
        for column in range(heights.shape[1]):
            top = heights[row, column]
            if np.isnan(top) or not _is_peak(heights, row, column, reach) or not _is_cap(heights, row, column, ring):
                continue
            if _filled_share(heights, row, column, ring) >= LEAST_FILLED:
                score, roll = _best_roll(heights, row, column, cell, table, rolls, FEW_ENTRIES)
                _insert(roughly, (score, float(row), float(column), top, roll))
    for _, row, column, top, _ in roughly[roughly[:, 0] >= 0]:
        score, roll = _best_roll(heights, int(row), int(column), cell, table, rolls, 1)
        _insert(best, (score, origin[0] + column * cell, origin[1] + row * cell, top, roll))
    return best


@kernel
def _best_roll(
    heights: Floats, row: int, column: int, cell: float, table: Floats, rolls: Floats, every: int
) -> tuple[float, float]:
    """The largest ``resemblance`` of a cell, and at which of the rolls."""
    best, turn = 0.0, 0.0
    for roll in rolls:
        score = resemblance(heights, row, column, cell, table, roll, every)
        if score > best:
            best, turn = score, roll
    return best, turn


@kernel
def _insert(rows: Floats, row: tuple[float, float, float, float, float]) -> None:
    """Insert a row by its first value, largest first; the last one drops out."""
    at = len(rows)
    while at > 0 and rows[at - 1, 0] < row[0]:
        at -= 1
    if at < len(rows):
        rows[at + 1 :] = rows[at:-1].copy()
        for k in range(5):
            rows[at, k] = row[k]


@kernel
def _is_peak(heights: Floats, row: int, column: int, reach: int) -> bool:
    top = heights[row, column]
    for r in range(max(0, row - reach), min(heights.shape[0], row + reach + 1)):
        for c in range(max(0, column - reach), min(heights.shape[1], column + reach + 1)):
            earlier = r < row or (r == row and c < column)
            if heights[r, c] > top or (earlier and heights[r, c] == top):
                return False
    return True


@kernel
def _is_cap(heights: Floats, row: int, column: int, ring: int) -> bool:
    """Whether the surface falls off by some mm on most of a ring about a cell (unseen counts as falling off)."""
    fallen = 0
    for dr in range(-1, 2):
        for dc in range(-1, 2):
            r, c = row + dr * ring, column + dc * ring
            inside = 0 <= r < heights.shape[0] and 0 <= c < heights.shape[1]
            if not inside or not heights[r, c] > heights[row, column] - 2.0:
                fallen += 1
    return fallen >= 6


@kernel
def _filled_share(heights: Floats, row: int, column: int, ring: int) -> float:
    """Share of the cells up to ``ring`` rows and columns about a cell that hold data."""
    filled = 0
    for r in range(max(0, row - ring), min(heights.shape[0], row + ring + 1)):
        for c in range(max(0, column - ring), min(heights.shape[1], column + ring + 1)):
            filled += not np.isnan(heights[r, c])
    return filled / (2 * ring + 1) ** 2


@kernel
def _normal_equations(terms: Floats, values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Matrix and right side of the least squares of ``values`` by the columns of ``terms``."""
    count = terms.shape[1]
    matrix, right = np.zeros((count, count)), np.zeros(count)
    for i in range(len(terms)):
        for a in range(count):
            weighted = weights[i] * terms[i, a]
            right[a] += weighted * values[i]
            for b in range(count):
                matrix[a, b] += weighted * terms[i, b]
    return matrix, right


@kernel
def solve_cholesky(matrix: Floats, right: Floats) -> bool:
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
def near(samples: Floats, centre: Floats, radius: float, most: int) -> Floats:
    """The samples within ``radius`` of ``centre``, thinned by a constant stride to at most ``most``: (k, 3)."""
    which = np.empty(len(samples), np.int64)
    count = 0
    for i in range(len(samples)):
        x, y, z = samples[i, 0] - centre[0], samples[i, 1] - centre[1], samples[i, 2] - centre[2]
        if x * x + y * y + z * z < radius * radius:
            which[count] = i
            count += 1
    stride = max(1, -(-count // max(most, 1)))
    return samples[which[:count:stride]]


@kernel
def in_view(samples: Floats, view: View) -> Floats:
    """The samples that no other hides in a height map made of them: (k, 3).

    Those more than HIDDEN mm below the highest of their cell lie inside a mouth or nostril or on the back of the head.
    """
    seen = np.ones(len(samples), np.bool_)
    heights, origin = view.heights, view.origin
    turned = _in_axes(samples, np.zeros(3), view.rotation)
    for i in range(len(samples)):
        row = int(np.rint((turned[i, 1] - origin[1]) / origin[2]))
        column = int(np.rint((turned[i, 0] - origin[0]) / origin[2]))
        if 0 <= row < heights.shape[0] and 0 <= column < heights.shape[1]:
            seen[i] = not turned[i, 2] < heights[row, column] - HIDDEN
    return samples[seen]


@kernel
def fit_frame(local: Floats, frame: Floats, table: Floats, sigmas: Floats, damping: Floats) -> None:
    """Move ``frame`` so that the face template lies on the samples; robust Gauss-Newton, point to plane.

    Args:
        local: (n, 3) samples about the start; those farther than MOST_OFF mm from the template take no part.
        frame: (14,) centre, rotation by rows, size, relief (factor on the depths); changed in place.
        table: the face template.
        sigmas: scale of the Geman-McClure weights, mm, one per round.
        damping: (8,) stiffness against rotation (3), shift (3), and against other sizes and reliefs than those at
            the start.
    """
    size, relief = frame[12], frame[13]
    slopes, values, weights = np.empty((len(local), 8)), np.empty(len(local)), np.empty(len(local))
    for sigma in sigmas:
        placed, count = _in_axes(local, frame[:3], frame[3:12].reshape(3, 3)), 0
        for i in range(len(placed)):
            x, y, z = placed[i, 0] / frame[12], placed[i, 1] / frame[12], placed[i, 2] / frame[12]
            depth, dx, dy = depth_at(table, x, y)
            depth, dx, dy = depth * frame[13], dx * frame[13], dy * frame[13]
            if depth < 0 or abs(z + depth) > MOST_OFF:
                continue
            length = np.sqrt(dx * dx + dy * dy + 1.0)
            nx, ny, nz, off = dx / length, dy / length, 1.0 / length, (z + depth) / length
            slope = slopes[count]
            slope[0], slope[1], slope[2] = -(y * nz - z * ny), -(z * nx - x * nz), -(x * ny - y * nx)
            slope[3], slope[4], slope[5] = -nx, -ny, -nz
            slope[6], slope[7] = -(x * nx + y * ny + z * nz), depth / length
            values[count], weights[count] = -off, (sigma * sigma / (sigma * sigma + off * off)) ** 2
            count += 1
        normal, step = _normal_equations(slopes[:count], values, weights)
        for a in range(8):
            normal[a, a] += damping[a]
        step[6] -= damping[6] * np.log(frame[12] / size)
        step[7] -= damping[7] * np.log(frame[13] / relief)
        if not solve_cholesky(normal, step):
            return
        for a in range(3):
            for k in range(3):
                frame[a] += frame[12] * frame[3 + 3 * a + k] * step[3 + k]
        _turn(frame, step[0], step[1], step[2])
        frame[12] *= np.exp(min(max(step[6], -0.1), 0.1))
        frame[13] *= np.exp(min(max(step[7], -0.1), 0.1))


@kernel
def fit_template(samples: Floats, view: View, frame: Floats, table: Floats, sigmas: Floats, damping: Floats) -> Floats:
    """Fit the face template to the samples about a frame's centre that the view sees: moves ``frame``.

    Returns:
        (5,) their ``agreement``.
    """
    local = in_view(near(samples, frame[:3], REACH_MM, len(samples)), view)
    local = near(local, frame[:3], REACH_MM, MOST_FITTED)
    fit_frame(local, frame, table, sigmas, damping)
    return agreement(local, frame, table)


@kernel
def refine_tip(points: Floats, view: View, frame: Floats, windows: Floats, support: float) -> tuple[Floats, int]:
    """The tip by ``refine_peak`` on the surface about a frame's centre that the view sees.

    Returns:
        (6,) see ``refine_peak``, and the number of points within ``support`` of it.
    """
    about = in_view(near(points, frame[:3], 2 * windows.max(), MOST_LOCAL), view)
    tip = refine_peak(about, frame, windows)
    return tip, len(near(about, tip[:3], support, len(about)))


@kernel
def agreement(local: Floats, frame: Floats, table: Floats) -> Floats:
    """How well the face template fits the samples, by entries of the table.

    Returns:
        (5,) share of agreement 0..1 over the visible entries of the nose, the share of entries that are visible,
        both for the rest of the face, and the ``detail`` of all. An entry agrees by the mean closeness of its samples
        (Epanechnikov, FINE mm).
    """
    wide = 2 * table.shape[1] - 1
    total, off_by, count = np.zeros((len(table), wide)), np.zeros((len(table), wide)), np.zeros((len(table), wide))
    for x, y, z in _in_axes(local, frame[:3], frame[3:12].reshape(3, 3)) / frame[12]:
        depth, dx, dy = depth_at(table, x, y)
        depth, dx, dy = depth * frame[13], dx * frame[13], dy * frame[13]
        if depth < 0 or z + depth < -40:
            continue
        row, column = int(np.rint((y - LOWEST) / STEP)), int(np.rint(x / STEP)) + table.shape[1] - 1
        off = (z + depth) / np.sqrt(dx * dx + dy * dy + 1.0) / FINE
        total[row, column] += max(0.0, 1.0 - off * off)
        off_by[row, column] += min(max(z + depth, -FAR_OFF), FAR_OFF)
        count[row, column] += 1
    out = np.zeros(5)
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
    out[4] = detail(off_by, count, table * frame[13])
    return out


@kernel
def detail(off_by: Floats, count: Floats, depths: Floats) -> float:
    """Correlation of the surface's depths with the face template's, both without their best quadric: -1 to 1.

    A dome on a rounded surface agrees with most of the template; what it lacks is the shape of eyes, cheeks and mouth.

    Args:
        off_by: (rows, columns) sums of the samples' heights above the template, mm, by entries of both sides.
        count: (rows, columns) how many samples; entries of none take no part.
        depths: (rows, half the columns) of the template, from the midline to the side.
    """
    middle, used = depths.shape[1] - 1, 0
    terms, heights = np.empty((count.size, 6)), np.empty((2, count.size))
    for row in range(count.shape[0]):
        for column in range(count.shape[1]):
            if count[row, column] > 0:
                x, y = (column - middle) / middle, 2.0 * row / count.shape[0] - 1.0
                terms[used] = 1.0, x, y, x * x, x * y, y * y
                heights[0, used] = -depths[row, abs(column - middle)]
                heights[1, used] = heights[0, used] + off_by[row, column] / count[row, column]
                used += 1
    if used < 2 * FEW:
        return 0.0
    for k in range(2):
        normal, right = _normal_equations(terms[:used], heights[k], np.ones(used))
        if not solve_cholesky(normal, right):
            return 0.0
        for i in range(used):
            for a in range(6):
                heights[k, i] -= right[a] * terms[i, a]
    both, template, surface = 0.0, 0.0, 0.0
    for i in range(used):
        both += heights[0, i] * heights[1, i]
        template, surface = template + heights[0, i] ** 2, surface + heights[1, i] ** 2
    return float(both / np.sqrt(max(template * surface, 1e-12)))


@kernel
def refine_peak(points: Floats, frame: Floats, windows: Floats) -> Floats:
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
    local = _in_axes(points, frame[:3], frame[3:12].reshape(3, 3))
    x, y, z = 0.0, 0.0, 0.0
    out = np.zeros(6)
    for window in windows:
        fit = fit_quadric(local, x, y, z, window)
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
def fit_quadric(local: Floats, x: float, y: float, z: float, window: float) -> Floats:
    """Robust least-squares a + b dx + c dy + d dx^2 + e dx dy + f dy^2 about (x, y, z): the six, and the points used.

    Three rounds; far points weigh less, and from the second round on so do points off the last round's surface
    (Geman-McClure), so that what is left of a spike does not pull the surface.
    """
    about = near(local, np.array([x, y, z]), window, len(local))
    terms, values, weights = np.empty((len(about), 6)), np.empty(len(about)), np.empty(len(about))
    for i in range(len(about)):
        dx, dy, dz = about[i, 0] - x, about[i, 1] - y, about[i, 2] - z
        terms[i] = 1.0, dx, dy, dx * dx, dx * dy, dy * dy
        values[i], weights[i] = dz, 1.0 - (dx * dx + dy * dy + dz * dz) / (window * window)
    out = np.zeros(7)
    for scale in (np.inf, 2.0, 1.0):
        robust = weights.copy()
        for i in range(len(about)):
            off = values[i]
            for a in range(6):
                off -= out[a] * terms[i, a]
            robust[i] /= (1.0 + (off / scale) ** 2) ** 2
        normal, right = _normal_equations(terms, values, robust)
        if len(about) < FEW or not solve_cholesky(normal, right):
            break
        out[:6], out[6] = right, len(about)
    return out
