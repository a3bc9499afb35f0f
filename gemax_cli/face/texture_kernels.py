"""Kernels of the texture: where triangles lie in a picture, means of sub-samples in linear light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.jit import kernel

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

ONE, TWO = np.uint64(1), np.uint64(2)


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
    out = np.empty((len(triangles), 2, 3))
    for t in range(len(triangles)):
        rows, columns = table[which[t], 1], table[which[t], 2]
        a, b, c = corners[t]
        ua, ub, uc = coordinates[a, 0], coordinates[b, 0], coordinates[c, 0]
        va, vb, vc = 1.0 - coordinates[a, 1], 1.0 - coordinates[b, 1], 1.0 - coordinates[c, 1]
        out[t, 0] = _plane(at, triangles[t], ua * columns - 0.5, ub * columns - 0.5, uc * columns - 0.5)
        out[t, 1] = _plane(at, triangles[t], va * rows - 0.5, vb * rows - 0.5, vc * rows - 0.5)
        if columns == 0 or not np.isfinite(out[t, 0, 0] + out[t, 1, 0]):
            out[t] = np.nan
    return out


@kernel
def colour_planes(at: Floats, triangles: NDArray[np.int32], colours: NDArray[np.uint8], linear: Floats) -> Floats:
    """Linear red, green and blue as ``texel_planes`` gives texels, (m, 3, 3), from ``colours`` (n, 3) of the points."""
    out = np.empty((len(triangles), 3, 3))
    for t in range(len(triangles)):
        i, j, k = triangles[t]
        for c in range(3):
            out[t, c] = _plane(at, triangles[t], linear[colours[i, c]], linear[colours[j, c]], linear[colours[k, c]])
        if not np.isfinite(out[t, 0, 0]):
            out[t] = np.nan
    return out


@kernel
def _plane(at: Floats, triangle: NDArray[np.int32], a: float, b: float, c: float) -> tuple[float, float, float]:
    """The linear function with these values at a triangle's corners; not finite for a triangle without area."""
    ax, ay = at[triangle[0], 0], at[triangle[0], 1]
    bx, by = at[triangle[1], 0] - ax, at[triangle[1], 1] - ay
    cx, cy = at[triangle[2], 0] - ax, at[triangle[2], 1] - ay
    area, b, c = bx * cy - by * cx, b - a, c - a
    right, down = (b * cy - c * by) / area, (c * bx - b * cx) / area
    return a - right * ax - down * ay, right, down


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
    owner: NDArray[np.int32],
    wanted: NDArray[np.bool_],
    out: Floats,
) -> None:
    """Set ``out`` (rows, columns, 3) to the mean linear light of the sub-samples; NaN stays where none has texture.

    Args:
        planes: from ``texel_planes``.
        which: (m,) row of ``table``.
        table: offset in ``texels``, rows and columns of every picture.
        texels: red, green and blue of all pictures, row by row.
        linear: (256,) linear light of the 8-bit values.
        owner: (k x rows, k x columns) triangle that each sub-sample sees, negative for none.
        wanted: (rows, columns) pixels that are to get a colour.
        out: NaN.

    The look-up is bilinear between texel centres.
    """
    k = len(owner) // len(out)
    inside = (np.arange(k) + 0.5) / k - 0.5  # places in a pixel
    last, textured, offset, high, wide = -2, False, 0, 0, 0
    u, u_right, u_down, v, v_right, v_down = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for row in range(len(out)):
        for column in range(out.shape[1]):
            if not wanted[row, column]:
                continue
            count, red, green, blue = 0, 0.0, 0.0, 0.0
            for i in range(k):
                y = row + inside[i]
                for j in range(k):
                    t = owner[row * k + i, column * k + j]
                    if t != last:  # neighbours mostly see the same triangle
                        last, textured = t, t >= 0 and not np.isnan(planes[t, 0, 0])
                        if textured:
                            offset, high, wide = table[which[t], 0], table[which[t], 1], table[which[t], 2]
                            u, u_right, u_down = planes[t, 0, 0], planes[t, 0, 1], planes[t, 0, 2]
                            v, v_right, v_down = planes[t, 1, 0], planes[t, 1, 1], planes[t, 1, 2]
                    if not textured:
                        continue
                    x = column + inside[j]
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
def average_colours(planes: Floats, owner: NDArray[np.int32], wanted: NDArray[np.bool_], out: Floats) -> None:
    """As ``average_texels``, from ``colour_planes``."""
    k = len(owner) // len(out)
    total = np.empty(3)
    for row in range(len(out)):
        for column in range(out.shape[1]):
            count, total[:] = 0, 0.0
            for i in range(k if wanted[row, column] else 0):
                for j in range(k):
                    t = owner[row * k + i, column * k + j]
                    if t < 0 or np.isnan(planes[t, 0, 0]):
                        continue
                    x, y = column + (j + 0.5) / k - 0.5, row + (i + 0.5) / k - 0.5
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
