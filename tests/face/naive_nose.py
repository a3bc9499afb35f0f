"""Slow, obvious references of the kernels of cleaning and detection, and surfaces to try them on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gemax_cli.face import nose_kernels as kernels
from gemax_cli.face.nose import FACE_TEMPLATE, turn
from gemax_cli.scans.model import Scan

NO_TRIANGLES = np.zeros((0, 3), np.int32)


# ------------------------------------------------------------------ surfaces


def scan_of(points, triangles=NO_TRIANGLES, **more):
    """A metric scan of points and triangles."""
    more = {"metric": True, **more}
    triangles = np.ascontiguousarray(triangles, np.int32)
    return Scan(Path("made.ply"), "ply", np.ascontiguousarray(points, np.float64), triangles, **more)


def sheet_triangles(number):
    """Counter-clockwise triangles of a grid of point numbers, row 0 at the top; -1 is a hole."""
    a, b, c, d = (v.ravel() for v in (number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]))
    both = np.concatenate([np.stack([a, c, d], 1), np.stack([a, d, b], 1)])
    return both[(both >= 0).all(1)].astype(np.int32)


def relief_scan(height, width=160.0, tall=200.0, step=2.0, grid=False):
    """A mesh of z = height(x, y) over a rectangle; points with NaN are holes."""
    x, y = np.meshgrid(np.arange(-width / 2, width / 2, step), np.arange(tall / 2, -tall / 2, -step))
    z = np.asarray(height(x, y), float) + 0.0 * x
    ok = np.isfinite(z)
    number = np.full(x.shape, -1, np.int32)
    number[ok] = np.arange(ok.sum())
    points = np.stack([x, y, z], -1)[ok]
    return scan_of(points, sheet_triangles(number), grid=number if grid else None)


def template_height(x, y, relief=1.0):
    """z of the template face, its tip at the origin; NaN outside the table."""
    x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
    out = np.full(x.shape, np.nan)
    for place in np.ndindex(x.shape):
        depth = bilinear(FACE_TEMPLATE, abs(x[place]), y[place])
        if depth is not None:
            out[place] = -relief * depth
    return out


def face_points(step=1.5, relief=1.0, size=1.0):
    """(n, 3) points of the template face."""
    x, y = np.meshgrid(np.arange(-53, 54, step), np.arange(-35, 66, step))
    z = template_height(x, y, relief)
    return np.stack([x, y, z], -1)[np.isfinite(z)] * size


def face_scan(yaw=0.0, pitch=0.0, roll=0.0, at=(0.0, 0.0, 0.0), noise=0.0, seed=0, step=1.5, **shape):
    """Bare points of the template face in any direction, its tip at ``at``."""
    points = face_points(step, **shape)
    points = points + np.random.default_rng(seed).normal(0, 1, points.shape) * noise
    return scan_of(points @ turn(yaw, pitch, roll).T + np.array(at))


def box(side=80.0, count=6000, seed=0):
    """Bare points on the faces of a cube."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-side / 2, side / 2, (count, 3))
    points[np.arange(count), rng.integers(3, size=count)] = side / 2 * rng.choice([-1, 1], count)
    return scan_of(points)


def ball(radius=90.0, count=8000, seed=0):
    """Bare points on a sphere."""
    points = np.random.default_rng(seed).normal(size=(count, 3))
    return scan_of(radius * points / np.linalg.norm(points, axis=1, keepdims=True))


# ------------------------------------------------------------------ cleaning


def neighbours_of(count, triangles):
    """The neighbours of each point along edges, as sets."""
    found = [set() for _ in range(count)]
    for triangle in triangles.tolist():
        for a in triangle:
            found[a] |= set(triangle) - {a}
    return found


def rows_of(table):
    """The rows of a neighbour table without their padding, as lists."""
    return [[int(j) for j in row if j >= 0] for row in table]


def upper_median(values):
    """The median; of an even number the upper one of the two in the middle."""
    return sorted(values)[len(values) // 2]


def spikes(points, table, least, factor):
    """Whether each point is a spike."""
    near = rows_of(table)
    own = [
        upper_median([np.linalg.norm(points[i] - points[j]) for j in row]) if row else 0 for i, row in enumerate(near)
    ]
    found = []
    for i, row in enumerate(near):
        if not row or np.linalg.norm(points[i] - points[row].mean(0)) < least:
            found.append(False)
            continue
        middle = [upper_median(points[row, k].tolist()) for k in range(3)]
        found.append(np.linalg.norm(points[i] - middle) > factor * upper_median([own[j] for j in row]))
    return np.array(found)


def triangle_shapes(points, triangles, kept):
    """Longest edges and |cosines| to +Z."""
    longest, facing = [], []
    for a, b, c in triangles:
        if not kept[[a, b, c]].all():
            longest.append(-1.0)
            facing.append(1.0)
            continue
        p, q, r = points[[a, b, c]]
        longest.append(max(np.linalg.norm(p - q), np.linalg.norm(q - r), np.linalg.norm(r - p)))
        normal = np.cross(q - p, r - p)
        area = np.linalg.norm(normal)
        facing.append(abs(normal[2]) / area if area > 0 else 0.0)
    return np.array(longest), np.array(facing)


def hold(points, table, kept, reach):
    """Points with two short steps to points that have them, too: the largest such set, by taking others away."""
    held = {int(i) for i in np.flatnonzero(kept)}
    rows = rows_of(table)
    while True:
        loose = {
            i for i in held if sum(j in held and np.linalg.norm(points[i] - points[j]) <= reach for j in rows[i]) < 2
        }
        if not loose:
            return np.isin(np.arange(len(points)), list(held))
        held -= loose


def piece_sizes(points, table, kept, limit):
    """Sizes of connected pieces by flooding."""
    links = [set() for _ in points]
    for i, row in enumerate(rows_of(table)):
        for j in row:
            if kept[i] and kept[j] and np.linalg.norm(points[i] - points[j]) <= limit:
                links[i].add(j)
                links[j].add(i)
    out = np.zeros(len(points), int)
    for start in np.flatnonzero(kept):
        if out[start]:
            continue
        piece, front = {start}, [start]
        while front:
            front = [j for i in front for j in links[i] if j not in piece]
            piece.update(front)
        out[list(piece)] = len(piece)
    return out


# ----------------------------------------------------------------- detection


def height_map(samples, rotation, cell):
    """Highest sample per cell, single holes filled from four or more neighbours."""
    turned = samples @ rotation
    low, high = turned[:, :2].min(0), turned[:, :2].max(0)
    columns, rows = ((high - low) / cell).astype(int) + 3
    heights = np.full((rows, columns), np.nan)
    for x, y, z in turned:
        row, column = int((y - low[1]) / cell) + 1, int((x - low[0]) / cell) + 1
        heights[row, column] = np.nanmax([heights[row, column], z])
    full = heights.copy()
    for row in range(1, rows - 1):
        for column in range(1, columns - 1):
            around = heights[row - 1 : row + 2, column - 1 : column + 2]
            if np.isnan(heights[row, column]) and np.isfinite(around).sum() >= 4:
                full[row, column] = np.nanmean(around)
    return full, np.array([*(low - cell / 2), cell])


def bilinear(table, x, y):
    """Depth of a table at a place, None outside."""
    u, v = abs(x) / kernels.STEP, (y - kernels.LOWEST) / kernels.STEP
    if not (u < table.shape[1] - 1 and 0 <= v < table.shape[0] - 1):
        return None
    i, j = int(v), int(u)
    weights = np.outer([1 - (v - i), v - i], [1 - (u - j), u - j])
    return float((weights * table[i : i + 2, j : j + 2]).sum())


def resemblance(heights, row, column, cell, table, roll, every=1):
    """Weighted share of places where the surface is as deep as a nose tip's surroundings."""
    good, weight, missing = 0.0, 0.0, 0.0
    turned = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    for i in range(0, table.shape[0], every):
        for j in range(1 - table.shape[1], table.shape[1], every):
            x, y = j * kernels.STEP, kernels.LOWEST + i * kernels.STEP
            share = 3.0 if abs(x) <= kernels.NOSE_HALF_WIDTH and -18 <= y <= kernels.NOSE_HEIGHT else 1.0
            c, r = np.rint(turned @ [x, y] / cell).astype(int) + np.array([column, row])
            if not (0 <= r < heights.shape[0] and 0 <= c < heights.shape[1]) or np.isnan(heights[r, c]):
                missing += share
                continue
            off = (heights[r, c] - heights[row, column] + table[i, abs(j)]) / kernels.COARSE
            weight += share
            good += share * max(0.0, 1 - off**2)
    return good / max(weight, 1.0) * (1 - 0.5 * missing / (missing + weight))


def peaks(heights, reach, ring):
    """Cells that are the first highest within ``reach`` cells and fall off by 2 on six of eight places of a ring.

    Enough of the cells within the ring hold data.
    """
    found = []
    padded = np.pad(heights, max(reach, ring), constant_values=np.nan)
    for row, column in np.argwhere(np.isfinite(heights)).tolist():
        r, c = row + max(reach, ring), column + max(reach, ring)
        around = np.nan_to_num(padded[r - reach : r + reach + 1, c - reach : c + reach + 1], nan=-np.inf)
        if around.argmax() != around.size // 2:
            continue
        steps = [(i, j) for i in (-ring, 0, ring) for j in (-ring, 0, ring)]
        fallen = sum(not padded[r + i, c + j] > heights[row, column] - 2.0 for i, j in steps if (i, j) != (0, 0))
        filled = np.isfinite(padded[r - ring : r + ring + 1, c - ring : c + ring + 1]).mean()
        if fallen >= 6 and filled >= kernels.LEAST_FILLED:
            found.append((row, column))
    return found


def in_view(samples, rotation, heights, origin):
    """Samples not hidden behind the highest of their cell."""
    kept = []
    for sample in samples:
        # Not sample @ rotation, whose last bits may differ: the outermost samples lie on the sides of cells.
        x, y, z = sample[0] * rotation[0] + sample[1] * rotation[1] + sample[2] * rotation[2]
        row, column = np.rint((np.array([y, x]) - origin[1::-1]) / origin[2]).astype(int)
        inside = 0 <= row < heights.shape[0] and 0 <= column < heights.shape[1]
        if not inside or not z < heights[row, column] - kernels.HIDDEN:
            kept.append(sample)
    return np.array(kept).reshape(-1, 3)


def frame_of(centre=(0, 0, 0), rotation=None, size=1.0, relief=1.0):
    """A frame as the kernels take it."""
    return np.concatenate([centre, (np.eye(3) if rotation is None else rotation).ravel(), [size, relief]]).astype(float)


def residuals(local, frame, table):
    """Distances, point to plane, of samples from the template face in a frame; NaN off the table."""
    placed = (local - frame[:3]) @ frame[3:12].reshape(3, 3) / frame[12]
    out = np.full(len(local), np.nan)
    for i, (x, y, z) in enumerate(placed):
        here = [bilinear(table, x + dx, y + dy) for dx, dy in ((0, 0), (1e-6, 0), (0, 1e-6))]
        if None not in here:
            dx, dy = (np.array(here[1:]) - here[0]) / 1e-6 * frame[13]
            out[i] = (z + frame[13] * here[0]) / np.sqrt(dx**2 + dy**2 + 1)
    return out


def fit_round(local, frame, table, sigma, damping):
    """A frame after one round of robust Gauss-Newton, point to plane, from a frame of this size and relief on."""
    rotation = frame[3:12].reshape(3, 3)
    normal, right = np.diag(damping).astype(float), np.zeros(8)
    for x, y, z in (local - frame[:3]) @ rotation / frame[12]:
        here = [bilinear(table, x + dx, y + dy) for dx, dy in ((0, 0), (1e-6, 0), (0, 1e-6))]
        if None in here or abs(z + frame[13] * here[0]) > 30:
            continue
        dx, dy = (np.array(here[1:]) - here[0]) / 1e-6 * frame[13]
        plane = np.array([dx, dy, 1.0]) / np.linalg.norm([dx, dy, 1.0])
        off = (z + frame[13] * here[0]) * plane[2]
        slope = -np.array([*np.cross([x, y, z], plane), *plane, plane @ [x, y, z], -frame[13] * here[0] * plane[2]])
        weight = (sigma**2 / (sigma**2 + off**2)) ** 2
        normal += weight * np.outer(slope, slope)
        right -= weight * slope * off
    step = np.linalg.solve(normal, right)
    angle = np.linalg.norm(step[:3])
    cross = np.cross(np.eye(3), step[:3] / angle)  # the matrix of the cross product with the axis
    turned = rotation @ (np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)
    sizes = frame[12:] * np.exp(np.clip(step[6:], -0.1, 0.1))
    return np.concatenate([frame[:3] + frame[12] * rotation @ step[3:6], turned.ravel(), sizes])


def agreement(local, frame, table):
    """Shares of agreement and of visible entries, nose first; last, the correlation beyond a common roundness."""
    placed = (local - frame[:3]) @ frame[3:12].reshape(3, 3) / frame[12]
    off = residuals(local, frame, table)
    cells: dict[tuple[int, int], list[float]] = {}
    above: dict[tuple[int, int], list[float]] = {}
    for (x, y, z), distance in zip(placed, off, strict=True):
        deep = bilinear(table, x, y)
        if deep is not None and z + frame[13] * deep >= -40:
            key = int(np.rint((y - kernels.LOWEST) / kernels.STEP)), int(np.rint(x / kernels.STEP))
            cells.setdefault(key, []).append(max(0.0, 1 - (distance / kernels.FINE) ** 2))
            above.setdefault(key, []).append(np.clip(z + frame[13] * deep, -kernels.FAR_OFF, kernels.FAR_OFF))
    out = []
    for wanted in (True, False):
        places = [
            (i, j)
            for i in range(table.shape[0])
            for j in range(1 - table.shape[1], table.shape[1])
            if is_nose(i, j) == wanted
        ]
        means = [np.mean(cells[place]) for place in places if place in cells]
        out += [sum(means) / max(len(means), 1), len(means) / len(places)]
    return np.array([*out, detail({place: np.mean(off) for place, off in above.items()}, table * frame[13])])


def detail(above, depths):
    """Correlation of a surface ``above`` the template, by places, with the template, both without their quadric."""
    if len(above) < 2 * kernels.FEW:
        return 0.0
    rows, columns = np.array(list(above)).T
    terms = np.stack([rows**0, rows, columns, rows**2, rows * columns, columns**2], 1).astype(float)
    template = -depths[rows, np.abs(columns)]
    rest = [v - terms @ np.linalg.lstsq(terms, v, rcond=None)[0] for v in (template, template + list(above.values()))]
    return float(np.corrcoef(*rest)[0, 1])


def is_nose(i, j):
    """Whether a place of the table belongs to the nose."""
    y = kernels.LOWEST + i * kernels.STEP
    return abs(j) * kernels.STEP <= kernels.NOSE_HALF_WIDTH and -18 <= y <= kernels.NOSE_HEIGHT


def quadric(u, centre, window):
    """Robust quadric about a centre, by weighted least squares in three rounds."""
    d = u - np.array(centre)
    far = (d**2).sum(1)
    d, far = d[far <= window**2], far[far <= window**2]
    terms = np.stack([np.ones(len(d)), d[:, 0], d[:, 1], d[:, 0] ** 2, d[:, 0] * d[:, 1], d[:, 1] ** 2], 1)
    last = np.zeros(6)
    for scale in (np.inf, 2.0, 1.0):
        off = d[:, 2] - terms @ last
        weight = np.sqrt((1 - far / window**2) / (1 + (off / scale) ** 2) ** 2)
        last = np.linalg.lstsq(terms * weight[:, None], d[:, 2] * weight, rcond=None)[0]
    return np.array([*last, len(d)])
