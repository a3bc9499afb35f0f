"""Kernels of the texture: texels per pixel, the triangle that each sub-sample sees, means in linear light."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gemax_cli.jit import kernel

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

MOST = 8  # sub-samples of a pixel along a side
ONE, TWO = np.uint64(1), np.uint64(2)
EDGE = 1e-9  # a sub-sample this far outside a triangle, in shares of its height, still lies on its edge


class Samples(NamedTuple):
    """The sub-samples of some rows of the image.

    Attributes:
        k: (rows, columns) sub-samples along a side of every pixel; 0 where no colour is wanted or known.
        start: (rows, columns) place in ``owner`` of a pixel's first; its others follow, row by row.
        rows: first row, and the row after the last.
        owner: triangle that each sub-sample sees, -1 for none.
    """

    k: NDArray[np.uint8]
    start: Counts
    rows: tuple[int, int]
    owner: NDArray[np.int32]


@kernel
def texel_planes(
    at: Floats,
    triangles: NDArray[np.int32],
    coordinates: Floats,
    corners: NDArray[np.int32],
    which: NDArray[np.uint8],
    table: Counts,
) -> Floats:
    """Where in the picture a triangle lies: texel column and row as linear functions of a place in the image.

    Args:
        at: (n, 3) column, row and depth of the points in the image.
        triangles: (m, 3) rows of ``at``.
        coordinates: (k, 2) u to the right, v up, 0..1; not finite where there is no texture.
        corners: (m, 3) rows of ``coordinates``.
        which: (m,) row of ``table``.
        table: (p, 3) offset, rows and columns of every picture; 0 columns for one that is missing.

    Returns:
        (m, 2, 3) value at column 0 and row 0, change per column, change per row. The centre of the first texel is at
        0, 0 (texel column = u * columns - 0.5). NaN for triangles without area or texture.
    """
    out = np.full((len(triangles), 2, 3), np.nan)
    texel = np.empty((3, 2))
    for t in range(len(triangles)):
        rows, columns = table[which[t], 1], table[which[t], 2]
        if columns == 0:
            continue
        for k in range(3):
            texel[k, 0] = coordinates[corners[t, k], 0] * columns - 0.5
            texel[k, 1] = (1.0 - coordinates[corners[t, k], 1]) * rows - 0.5
        _fit_plane(at, triangles[t], texel, out[t])
    return out


@kernel
def colour_planes(at: Floats, triangles: NDArray[np.int32], colours: NDArray[np.uint8], linear: Floats) -> Floats:
    """Linear red, green and blue as ``texel_planes`` gives texels, (m, 3, 3), from ``colours`` (n, 3) of the points."""
    out = np.full((len(triangles), 3, 3), np.nan)
    corner = np.empty((3, 3))
    for t in range(len(triangles)):
        for k in range(3):
            for c in range(3):
                corner[k, c] = linear[colours[triangles[t, k], c]]
        _fit_plane(at, triangles[t], corner, out[t])
    return out


@kernel
def _fit_plane(at: Floats, triangle: NDArray[np.int32], values: Floats, plane: Floats) -> None:
    """Set ``plane`` (q, 3) so that its q linear functions take ``values`` (3, q) at a triangle's corners."""
    ax, ay = at[triangle[0], 0], at[triangle[0], 1]
    bx, by = at[triangle[1], 0] - ax, at[triangle[1], 1] - ay
    cx, cy = at[triangle[2], 0] - ax, at[triangle[2], 1] - ay
    area = bx * cy - by * cx
    if area == 0.0:
        return
    for q in range(values.shape[1]):
        b, c = values[1, q] - values[0, q], values[2, q] - values[0, q]
        right, down = (b * cy - c * by) / area, (c * bx - b * cx) / area
        plane[q, 0] = values[0, q] - right * ax - down * ay
        plane[q, 1], plane[q, 2] = right, down
    if not np.isfinite(plane.sum()):
        plane[:] = np.nan


@kernel
def count_texels(planes: Floats, seen: NDArray[np.int32], wanted: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Sub-samples along a side of every pixel: the side of the square of texels that it covers, rounded, 1..MOST.

    Args:
        planes: from ``texel_planes``.
        seen: (rows, columns) triangle at the pixel's centre, negative for none.
        wanted: (rows, columns) pixels that are to get a colour.
    """
    rows, columns = seen.shape
    k = np.zeros((rows, columns), np.uint8)
    for row in range(rows):
        for column in range(columns):
            if not wanted[row, column] or seen[row, column] < 0:
                continue
            plane = planes[seen[row, column]]
            texels = np.sqrt(abs(plane[0, 1] * plane[1, 2] - plane[0, 2] * plane[1, 1]))
            if texels >= 0.0:  # no NaN
                k[row, column] = max(1.0, min(np.rint(texels), float(MOST)))
    return k


@kernel
def count_points(
    at: Floats, triangles: NDArray[np.int32], seen: NDArray[np.int32], wanted: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """The same for colours of points: two triangles are as large as the square between four points."""
    rows, columns = seen.shape
    k = np.zeros((rows, columns), np.uint8)
    for row in range(rows):
        for column in range(columns):
            if not wanted[row, column] or seen[row, column] < 0:
                continue
            a, b, c = triangles[seen[row, column]]
            area = abs((at[b, 0] - at[a, 0]) * (at[c, 1] - at[a, 1]) - (at[b, 1] - at[a, 1]) * (at[c, 0] - at[a, 0]))
            if area > 0.0:
                k[row, column] = max(1.0, min(np.rint(1.0 / np.sqrt(area)), float(MOST)))
    return k


@kernel
def see_samples(at: Floats, triangles: NDArray[np.int32], limits: Floats, samples: Samples) -> None:
    """Set the owner of every sub-sample to the triangle that it sees, as ``block_kernels.draw`` does for pixel centres.

    Args:
        at: (n, 3) column, row, depth in mm.
        triangles: (m, 3).
        limits: front (surface farther before the tip is not drawn), longest edge in mm, mm per pixel.
        samples: owned by none; of equally deep triangles, the first becomes the owner.
    """
    k, start, rows, owner = samples
    deepest = np.full(len(owner), np.inf)
    front, longest, scale = -limits[0], limits[1] * limits[1], limits[2] * limits[2]
    columns = k.shape[1]
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = at[a, 0], at[a, 1], at[a, 2]
        bx, by, bz = at[b, 0] - ax, at[b, 1] - ay, at[b, 2] - az
        cx, cy, cz = at[c, 0] - ax, at[c, 1] - ay, at[c, 2] - az
        lowest, highest = ay + min(0.0, by, cy), ay + max(0.0, by, cy)
        top = max(np.ceil(lowest - 0.5), float(rows[0]))
        bottom = min(np.floor(highest + 0.5), rows[1] - 1.0)
        left = max(np.ceil(ax + min(0.0, bx, cx) - 0.5), 0.0)
        right = min(np.floor(ax + max(0.0, bx, cx) + 0.5), columns - 1.0)
        area = bx * cy - by * cx
        if left > right or top > bottom or area == 0.0:
            continue
        ab = scale * (bx * bx + by * by) + bz * bz
        ac = scale * (cx * cx + cy * cy) + cz * cz
        bc = scale * ((bx - cx) * (bx - cx) + (by - cy) * (by - cy)) + (bz - cz) * (bz - cz)
        if ab > longest or ac > longest or bc > longest:
            continue
        if area < 0.0:
            area, bx, by, bz, cx, cy, cz = -area, cx, cy, cz, bx, by, bz
        # the shares of the corners b, c and a grow by these per column and row; at the point a they are 0, 0 and 1
        b_right, b_down, c_right, c_down = cy / area, -cx / area, -by / area, bx / area
        a_right, a_down = -b_right - c_right, -b_down - c_down
        z_right, z_down = b_right * bz + c_right * cz, b_down * bz + c_down * cz
        to_b, to_c, to_a = _inverse(b_right), _inverse(c_right), _inverse(a_right)
        reach_b, reach_c = 0.5 * (abs(b_right) + abs(b_down)), 0.5 * (abs(c_right) + abs(c_down))
        reach_a = 0.5 * (abs(a_right) + abs(a_down)) + 1.0
        for row in range(int(top), int(bottom) + 1):
            for column in range(int(left), int(right) + 1):
                side = np.int64(k[row, column])
                x, y = column - ax, row - ay
                at_b, at_c, at_a = b_right * x + b_down * y, c_right * x + c_down * y, a_right * x + a_down * y
                if side == 0 or at_b < -reach_b or at_c < -reach_c or at_a < -reach_a:
                    continue  # all of the pixel lies outside one edge
                step, place = 1.0 / side, start[row, column]
                first = max(0.0, np.ceil((lowest - row + 0.5) * side - 0.5))  # sub-samples at or below its upper end
                last = min(side - 1.0, np.floor((highest - row + 0.5) * side - 0.5))
                x += 0.5 * step - 0.5
                for i in range(int(first), int(last) + 1):
                    y = row - ay + (i + 0.5) * step - 0.5
                    low, high = _span(b_right * x + b_down * y + EDGE, to_b * side, 0.0, side - 1.0)
                    low, high = _span(c_right * x + c_down * y + EDGE, to_c * side, low, high)
                    low, high = _span(a_right * x + a_down * y + 1.0 + EDGE, to_a * side, low, high)
                    z, here = az + z_right * x + z_down * y, place + i * side
                    for j in range(int(low), int(high) + 1):
                        depth, at_sample = z + z_right * step * j, np.uint64(here + j)
                        if front <= depth and depth < deepest[at_sample]:
                            deepest[at_sample], owner[at_sample] = depth, t


@kernel
def _inverse(change: float) -> float:
    return 1.0 / change if change != 0.0 else 0.0


@kernel
def _span(share: float, inverse: float, low: float, high: float) -> tuple[float, float]:
    """The part of the sub-samples low..high of a row in which a share that grows by 1 / ``inverse`` is not negative."""
    if inverse > 0.0:
        return max(low, np.ceil(-share * inverse)), high
    if inverse < 0.0:
        return low, min(high, np.floor(-share * inverse))
    return low, high if share >= 0.0 else -1.0


@kernel
def _wrapped(place: float, count: int) -> float:
    """A texel's place, repeated where it lies more than a texel outside the picture, else within it."""
    if 0.0 <= place <= count - 1.0:
        return place
    if place < -1.5 or place > count + 0.5:
        place -= np.floor((place + 0.5) / count) * count
    return float(min(max(place, 0.0), count - 1.0))


@kernel
def average_texels(
    planes: Floats,
    which: NDArray[np.uint8],
    table: Counts,
    texels: NDArray[np.uint8],
    linear: Floats,
    samples: Samples,
    out: Floats,
) -> None:
    """Set ``out`` (rows, columns, 3) to the mean linear light of the sub-samples; NaN stays where none has texture.

    Args:
        planes: from ``texel_planes``.
        which: (m,) row of ``table``.
        table: offset in ``texels``, rows and columns of every picture.
        texels: red, green and blue of all pictures, row by row.
        linear: (256,) linear light of the 8-bit values.
        samples: from ``see_samples``.
        out: NaN.

    The look-up is bilinear between texel centres.
    """
    k, start, rows, owner = samples
    last, textured, offset, high, wide = -2, False, 0, 0, 0
    u, u_right, u_down, v, v_right, v_down = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for row in range(rows[0], rows[1]):
        for column in range(k.shape[1]):
            side, place = np.int64(k[row, column]), start[row, column]
            count, red, green, blue, step = 0, 0.0, 0.0, 0.0, 1.0 / max(side, 1)
            for i in range(side):
                y = row + (i + 0.5) * step - 0.5
                for j in range(side):
                    t = owner[place]
                    place += 1
                    if t != last:  # neighbours mostly see the same triangle
                        last, textured = t, t >= 0 and not np.isnan(planes[t, 0, 0])
                        if textured:
                            offset, high, wide = table[which[t], 0], table[which[t], 1], table[which[t], 2]
                            u, u_right, u_down = planes[t, 0, 0], planes[t, 0, 1], planes[t, 0, 2]
                            v, v_right, v_down = planes[t, 1, 0], planes[t, 1, 1], planes[t, 1, 2]
                    if not textured:
                        continue
                    x = column + (j + 0.5) * step - 0.5
                    across, down = u + u_right * x + u_down * y, v + v_right * x + v_down * y
                    right, below = 3, 3 * wide
                    if not (0.0 <= across < wide - 1 and 0.0 <= down < high - 1):
                        across, down = _wrapped(across, wide), _wrapped(down, high)
                        right, below = (3 if across < wide - 1 else 0), (3 * wide if down < high - 1 else 0)
                    left, top = int(across), int(down)
                    across, down = across - left, down - top
                    a = offset + 3 * (top * wide + left)
                    # unsigned, because a signed place may count from the end, and looking whether it does takes time
                    b, c, d = np.uint64(a + right), np.uint64(a + below), np.uint64(a + right + below)
                    e = np.uint64(a)
                    wa, wb, wc, wd = (1 - across) * (1 - down), across * (1 - down), (1 - across) * down, across * down
                    red += wa * linear[texels[e]] + wb * linear[texels[b]]
                    red += wc * linear[texels[c]] + wd * linear[texels[d]]
                    green += wa * linear[texels[e + ONE]] + wb * linear[texels[b + ONE]]
                    green += wc * linear[texels[c + ONE]] + wd * linear[texels[d + ONE]]
                    blue += wa * linear[texels[e + TWO]] + wb * linear[texels[b + TWO]]
                    blue += wc * linear[texels[c + TWO]] + wd * linear[texels[d + TWO]]
                    count += 1
            if count > 0:
                out[row, column, 0], out[row, column, 1], out[row, column, 2] = red / count, green / count, blue / count


@kernel
def average_colours(planes: Floats, samples: Samples, out: Floats) -> None:
    """As ``average_texels``, from ``colour_planes``."""
    k, start, rows, owner = samples
    for row in range(rows[0], rows[1]):
        for column in range(k.shape[1]):
            side, place = np.int64(k[row, column]), start[row, column]
            count, total = 0, np.zeros(3)
            for i in range(side):
                for j in range(side):
                    t = owner[place]
                    place += 1
                    if t < 0 or np.isnan(planes[t, 0, 0]):
                        continue
                    x, y = column + (j + 0.5) / side - 0.5, row + (i + 0.5) / side - 0.5
                    for c in range(3):
                        total[c] += planes[t, c, 0] + planes[t, c, 1] * x + planes[t, c, 2] * y
                    count += 1
            if count > 0:
                out[row, column] = total / count


@kernel
def encode(light: Floats, thresholds: Floats) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """8-bit values of linear light (rows, columns, 3), black for NaN, and where it is no NaN.

    Args:
        light: linear, 0..1.
        thresholds: (255,) linear light above which the next value is nearer.
    """
    rows, columns = light.shape[:2]
    image, lit = np.zeros((rows, columns, 3), np.uint8), np.zeros((rows, columns), np.bool_)
    for row in range(rows):
        for column in range(columns):
            if np.isnan(light[row, column, 0]):
                continue
            lit[row, column] = True
            for c in range(3):
                image[row, column, c] = np.searchsorted(thresholds, light[row, column, c], side="right")
    return image, lit
