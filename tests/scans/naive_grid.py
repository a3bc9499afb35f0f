"""Slow and obvious references for the kernels in grid.py."""

from __future__ import annotations

import math
from itertools import pairwise

LARGEST = 1e5


def gather(planes, background, bottom_up):
    """Points, extras, grid and the number of impossible places, as plain lists."""
    _, rows, columns = planes.shape
    order = range(rows - 1, -1, -1) if bottom_up else range(rows)
    points, extras, grid, impossible = [], [], [], 0
    for row in order:
        line = []
        for column in range(columns):
            place = [float(v) for v in planes[:, row, column]]
            number = -1
            if place[2] == background:
                pass
            elif any(math.isnan(v) or abs(v) > LARGEST for v in place[:3]):
                impossible += 1
            else:
                number = len(points)
                points.append(place[:3])
                extras.append(place[3:])
            line.append(number)
        grid.append(line)
    return points, extras, grid, impossible


def triangulate(grid, points):
    """The triangles of every 2 x 2 cell, as a list of triples."""
    found = []
    for upper, lower in pairwise(grid):
        for column in range(len(upper) - 1):
            # Counter-clockwise from the top left.
            ring = [upper[column], lower[column], lower[column + 1], upper[column + 1]]
            there = [corner for corner in ring if corner >= 0]
            if len(there) == 3:
                found.append(rotated(there))
            elif len(there) == 4:
                found += split(ring, points)
    return found


def split(ring, points):
    """Two triangles of a cell given as top left, bottom left, bottom right, top right."""
    a, c, d, b = ring
    if math.dist(points[b], points[c]) < math.dist(points[a], points[d]):
        return [rotated([a, c, b]), rotated([b, c, d])]
    return [rotated([a, c, d]), rotated([a, d, b])]


def rotated(triangle):
    """The same triangle, its smallest corner first, its sense of rotation kept."""
    first = triangle.index(min(triangle))
    return tuple(triangle[first:] + triangle[:first])


def steps_down(grid, points):
    """Steps in x, and those in y, from the points of every eighth row to those below."""
    pairs = [
        (points[a], points[b])
        for row in range(0, len(grid) - 1, 8)
        for a, b in zip(grid[row], grid[row + 1], strict=True)
        if a >= 0 and b >= 0
    ]
    return [[abs(a[axis] - b[axis]) for a, b in pairs] for axis in (0, 1)]


def distance(points, place):
    """Distance to the nearest point."""
    return min((math.dist(point, place) for point in points), default=math.inf)
