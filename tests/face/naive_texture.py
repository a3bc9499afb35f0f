"""A slow and obvious counterpart of the texture's kernels, in plain Python."""

from __future__ import annotations

import numpy as np

from tests.face import naive_raster


def linear(value):
    """Linear light of a value 0..255 of sRGB."""
    share = value / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def srgb(light):
    """The value of sRGB, not rounded."""
    share = 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055
    return 255 * share


def visible(points, triangles, frame, near, max_edge, column, row):
    """Number of the triangle that a place in the image sees, and its barycentric weights there; None for none."""
    best, deepest = None, np.inf
    for number, triangle in enumerate(triangles):
        if naive_raster.longest_edge(points[triangle]) > max_edge:
            continue
        corners = [tuple(map(float, naive_raster.project(points[i], frame))) for i in triangle]
        share = naive_raster.weights(corners, column, row)
        if share is None or min(share) < 0:
            continue
        depth = sum(w * corner[2] for w, corner in zip(share, corners, strict=True))
        if -near <= depth < deepest:
            best, deepest = (number, share), depth
    return best


def samples_along(drawing, pictures, lie, which):
    """Sub-samples along the side of a pixel, by the texels that the median triangle has along it."""
    texels = []
    for number, triangle in enumerate(drawing.triangles):
        uv, picture = lie.coordinates[lie.triangles[number]], pictures[which[number]]
        at = np.array([list(map(float, naive_raster.project(drawing.points[i], drawing.frame)))[:2] for i in triangle])
        area = abs(np.linalg.det(at[1:] - at[0]))
        if picture is not None and np.isfinite(uv).all() and area:
            places = uv * [picture.shape[1], picture.shape[0]]
            texels.append((abs(np.linalg.det(places[1:] - places[0])) / area) ** 0.5)
    return min(round(0.75 + 0.4 * np.median(texels)), 8) if texels else 1


def bilinear(picture, u, v):
    """Linear light of a picture at u to the right and v up, 0..1, between texel centres."""
    rows, columns = picture.shape[:2]
    place = []
    for share, count in ((u, columns), (1 - v, rows)):
        at = share * count - 0.5
        if at < -1.5 or at > count + 0.5:
            at = (share % 1.0) * count - 0.5
        place.append(min(max(at, 0.0), count - 1.0))
    column, row = place
    left, top = int(column), int(row)
    right, bottom = min(left + 1, columns - 1), min(top + 1, rows - 1)
    across, down = column - left, row - top
    light = [[np.array([linear(c) for c in picture[r, s].tolist()]) for s in (left, right)] for r in (top, bottom)]
    upper, lower = ((1 - across) * a + across * b for a, b in light)
    return (1 - down) * upper + down * lower


def drape(drawing, pictures, lie, wanted):
    """(rows, columns, 3) values of sRGB, not rounded; NaN where there is no colour."""
    points, triangles, frame, near, max_edge = drawing
    out = np.full((*wanted.shape, 3), np.nan)
    which = np.zeros(len(triangles), int) if lie.which is None else lie.which
    k = samples_along(drawing, pictures, lie, which)
    for row, column in np.argwhere(wanted):
        lights = []
        for i in range(k):
            for j in range(k):
                place = column + (j + 0.5) / k - 0.5, row + (i + 0.5) / k - 0.5
                seen = visible(points, triangles, frame, near, max_edge, *place)
                if seen is None or pictures[which[seen[0]]] is None:
                    continue
                u, v = np.array(seen[1]) @ lie.coordinates[lie.triangles[seen[0]]]
                if np.isfinite(u + v):
                    lights.append(bilinear(pictures[which[seen[0]]], u, v))
        if lights:
            out[row, column] = [srgb(light) for light in np.mean(lights, axis=0)]
    return out
