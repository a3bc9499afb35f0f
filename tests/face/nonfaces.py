"""Surfaces that are no face: solids, tools, vessels, terrain, hands, blobs; every one a random draw of its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from gemax_cli.scans.model import Scan

RIM, STATIONS = 72, 60  # points about and along a tube
UNITS = (1000.0, 10.0, 1.0)

Mesh = tuple[np.ndarray, np.ndarray]


def lattice(points: np.ndarray, closed: bool) -> Mesh:
    """Mesh of (rows, columns, 3) points; ``closed`` joins the last column to the first."""
    rows, columns = points.shape[:2]
    number = np.arange(rows * columns).reshape(rows, columns)
    if closed:
        number = np.column_stack([number, number[:, 0]])
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]
    triangles = np.concatenate([np.stack([a, c, d], -1).reshape(-1, 3), np.stack([a, d, b], -1).reshape(-1, 3)])
    return points.reshape(-1, 3), triangles


def joined(*parts: Mesh) -> Mesh:
    """Several meshes as one."""
    starts = np.cumsum([0, *(len(points) for points, _ in parts[:-1])])
    triangles = [part[1] + start for part, start in zip(parts, starts, strict=True)]
    return np.concatenate([part[0] for part in parts]), np.concatenate(triangles)


def tube(path: np.ndarray, radius: np.ndarray, shape: np.ndarray | float = 1.0) -> Mesh:
    """A tube about a path (n, 3) of radii (n,), its section scaled by ``shape`` (RIM,)."""
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    side = np.cross(along, [0.3, 0.5, 0.8])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(along, side)
    angle = np.linspace(0, 2 * np.pi, RIM, endpoint=False)[:, None]
    ring = np.cos(angle) * side[:, None] + np.sin(angle) * up[:, None]
    return lattice(path[:, None] + np.asarray(radius)[:, None, None] * ring * np.reshape(shape, (-1, 1)), closed=True)


def straight(height: float) -> np.ndarray:
    """A path up the y axis."""
    return np.linspace(0, height, STATIONS)[:, None] * [0.0, 1.0, 0.0]


def ellipsoid(rng: np.random.Generator) -> Mesh:
    """A ball, an egg, a lens."""
    t = np.linspace(0.01, np.pi - 0.01, STATIONS)
    points, triangles = tube(-np.cos(t)[:, None] * [0.0, 1.0, 0.0], np.sin(t))
    return points * rng.uniform(40, 120, 3), triangles


def box(rng: np.random.Generator) -> Mesh:
    """A box with rounded or sharp edges."""
    points, triangles = ellipsoid(rng)
    size = np.abs(points).max(0)
    power = rng.uniform(2.5, 12)
    unit = points / size
    return points / ((np.abs(unit) ** power).sum(1) ** (1 / power))[:, None], triangles


def vase(rng: np.random.Generator) -> Mesh:
    """A vase, bottle, bowl or pawn: a smooth random profile turned about an axis."""
    t = np.linspace(0, 1, STATIONS)
    radius = 45 + sum(rng.normal(0, 22 / k) * np.cos(np.pi * k * t + rng.uniform(0, 3)) for k in range(1, 6))
    return tube(straight(rng.uniform(90, 260)), np.maximum(radius, 4.0))


def mug(rng: np.random.Generator) -> Mesh:
    """A vessel with a handle."""
    bend = np.linspace(-0.5 * np.pi, 0.5 * np.pi, STATIONS)
    handle = np.stack([40 + 30 * np.cos(bend), 55 + 30 * np.sin(bend), 0 * bend], 1)
    return joined(vase(rng), tube(handle, np.full(STATIONS, rng.uniform(4, 9))))


def gear(rng: np.random.Generator) -> Mesh:
    """A gear: a disc with teeth, flat or with a hub."""
    angle = np.linspace(0, 2 * np.pi, RIM, endpoint=False)
    teeth = 1 + rng.uniform(0.05, 0.25) * np.sign(np.sin(rng.integers(6, 20) * angle))
    radius = rng.uniform(50, 90) * np.clip(np.sin(np.linspace(0, np.pi, STATIONS)) * 4, 0.02, 1)
    hub = tube(straight(rng.uniform(30, 90)) - [0, 20, 0], np.full(STATIONS, rng.uniform(8, 25)))
    return joined(tube(straight(rng.uniform(12, 40)), radius, teeth), hub)


def screw(rng: np.random.Generator) -> Mesh:
    """A bolt: a threaded shaft and a head with corners."""
    t = np.linspace(0, 1, STATIONS)
    angle = np.linspace(0, 2 * np.pi, RIM, endpoint=False)
    corners = 1 / np.cos((angle + np.pi / 6) % (np.pi / 3) - np.pi / 6)
    shaft = tube(straight(rng.uniform(80, 160)), 14 + 2 * np.sin(2 * np.pi * rng.integers(6, 16) * t))
    return joined(shaft, tube(straight(22) - [0, 20, 0], np.where((t > 0.03) & (t < 0.97), 34.0, 1.0), corners))


def ring(rng: np.random.Generator) -> Mesh:
    """A ring, or a knot."""
    t = np.linspace(0, 2 * np.pi, 3 * STATIONS)
    turns = rng.integers(0, 4)
    bulge = 60 + 20 * np.cos(turns * t)
    path = np.stack([bulge * np.cos(2 * t), bulge * np.sin(2 * t), 20 * np.sin(turns * t)], 1)
    return tube(path, np.full(len(t), rng.uniform(6, 24)))


def hand(rng: np.random.Generator) -> Mesh:
    """A palm and five fingers, bent."""
    parts = [tube(straight(85) - [0, 85, 0], 38 * np.clip(np.sin(np.linspace(0.15, 2.9, STATIONS)) * 2, 0.05, 1))]
    bend = rng.uniform(0, 1.6)
    for k in range(5):
        t = np.linspace(0, 1, STATIONS)
        x = (k - 2) * 17 * (1 + 0.4 * t) + 12 * (k == 4) * t
        length = (60, 75, 80, 72, 50)[k] * rng.uniform(0.9, 1.1)
        path = np.stack([x, length * t * np.cos(bend * t) - 25 * (k == 4), length * t * np.sin(bend * t)], 1)
        parts.append(tube(path, rng.uniform(7.5, 10) * np.sqrt(np.clip(6 * (1.02 - t), 0, 1))))
    points, triangles = joined(*parts)
    return points * [1.0, 1.0, rng.uniform(0.6, 1.0)], triangles


def terrain(rng: np.random.Generator) -> Mesh:
    """Hills: smoothed noise of several scales."""
    height = sum(gaussian_filter(rng.normal(size=(90, 90)), s) * s * rng.uniform(1, 12) for s in (2, 4, 8, 14))
    x, y = np.meshgrid(np.linspace(-110, 110, 90), np.linspace(110, -110, 90))
    return lattice(np.stack([x, y, height], -1), closed=False)


def waves(rng: np.random.Generator) -> Mesh:
    """Corrugated sheets, egg boxes, folds of cloth, domes on a plate."""
    x, y = np.meshgrid(np.linspace(-100, 100, 90), np.linspace(100, -100, 90))
    a, b = rng.uniform(20, 90, 2)
    height = rng.uniform(5, 25) * np.sin(x / a * 3 + rng.uniform(0, 6)) * np.cos(y / b * 3 * rng.integers(0, 2))
    dome = rng.uniform(10, 45) * np.exp(-(x**2 + (y * rng.uniform(0.5, 1.2)) ** 2) / rng.uniform(10, 40) ** 2)
    return lattice(np.stack([x, y, height + dome - 0.003 * (x**2 + y**2)], -1), closed=False)


def furniture(rng: np.random.Generator) -> Mesh:
    """Boxes joined: a stool, a shelf, a robot's link."""
    parts = []
    for _ in range(rng.integers(3, 8)):
        points, triangles = box(rng)
        parts.append((points * rng.uniform(0.15, 1.0, 3) + rng.normal(0, 60, 3), triangles))
    return joined(*parts)


def blob(rng: np.random.Generator) -> Mesh:
    """A potato, a fruit, a stone, an animal's trunk: a ball with smooth bumps."""
    points, triangles = ellipsoid(rng)
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    swell = np.ones(len(points))
    for _ in range(rng.integers(3, 14)):
        centre = rng.normal(size=3)
        centre /= np.linalg.norm(centre)
        swell += rng.normal(0.1, 0.3) * np.exp(-((unit - centre) ** 2).sum(1) / rng.uniform(0.02, 0.5))
    return points * np.maximum(swell, 0.2)[:, None], triangles


KINDS: tuple[Callable[[np.random.Generator], Mesh], ...] = (
    ellipsoid, box, vase, mug, gear, screw, ring, hand, terrain, waves, furniture, blob,
)  # fmt: skip


def nonface(kind: Callable[[np.random.Generator], Mesh], rng: np.random.Generator) -> Scan:
    """A scan of one, in a random position, of a size that may be a face's, in a unit that files have."""
    points, triangles = kind(rng)
    unit, spread = UNITS[rng.integers(3)], rng.uniform(120, 350) / np.ptp(points, axis=0).max()
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    if rng.random() < 0.5:
        rotation = np.eye(3)
    points = points * spread @ rotation / unit
    return Scan(Path(f"{kind.__name__}.ply"), "ply", np.ascontiguousarray(points), triangles.astype(np.int32))


def nonfaces(count: int, seed: int) -> Iterator[Scan]:
    """``count`` surfaces, every kind in turn."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        yield nonface(KINDS[number % len(KINDS)], rng)
