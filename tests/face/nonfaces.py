"""Surfaces that are no face: solids, tools, vessels, terrain, hands, blobs; every one a random draw of its kind.

    python -m tests.face.nonfaces [--count 700] [--seed 1] [--start 0] [--meshes FOLDER]

converts some, or every mesh below a folder, and counts those that pass without a warning, with one, and not at all.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import ConvexHull

from gemax_cli.errors import NoNoseTip, ScanError
from gemax_cli.face.clean import clean_scan
from gemax_cli.face.model import FrontalScan, NoseTip
from gemax_cli.face.nose import find_nose_tip
from gemax_cli.face.orient import orient_scan
from gemax_cli.scans.grid import gather_grid, triangulate_grid
from gemax_cli.scans.model import Scan
from gemax_cli.scans.read import KNOWN_SUFFIXES, read_scan
from gemax_cli.settings import NoseSettings

RIM, STATIONS = 72, 60  # points about and along a tube
UNITS = (1000.0, 10.0, 1.0)
EVERY = 25  # scans, the counts are printed

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


def snout(rng: np.random.Generator) -> Mesh:
    """An animal's head: a skull, a snout, two ears, perhaps bulging eyes."""
    skull, triangles = ellipsoid(rng)
    parts = [(skull * rng.uniform(0.6, 0.9), triangles)]
    t, long = np.linspace(0, 1, STATIONS), rng.uniform(40, 130)
    path = np.stack([0 * t, -25 * t * rng.uniform(0, 1.5), 40 + long * t], 1)
    parts.append(tube(path, rng.uniform(15, 35) * np.sqrt(1.001 - t ** rng.uniform(1, 5)) * (1 - 0.4 * t)))
    eyes = rng.random() < 0.5
    for side in (-1, 1):
        ear = np.stack([side * (25 + 10 * t), 40 + rng.uniform(25, 70) * t, -10 * t], 1)
        parts.append(tube(ear, rng.uniform(8, 18) * (1.001 - t)))
        if eyes:
            ball, triangles = ellipsoid(rng)
            parts.append((0.12 * ball + [22 * side, 28, 55], triangles))
    return joined(*parts)


def animal(rng: np.random.Generator) -> Mesh:
    """A trunk on four legs, with neck, head and tail."""
    t = np.linspace(0, 1, STATIONS)
    swell = np.sqrt(np.clip(np.sin(np.pi * t), 0.001, 1))
    parts = [tube(np.stack([0 * t, 0 * t, 150 * t], 1), rng.uniform(25, 45) * swell)]
    for x, z in ((-18, 20), (18, 20), (-18, 130), (18, 130)):
        leg = np.stack([x + 0 * t, -rng.uniform(60, 110) * t, z + 8 * np.sin(3 * t)], 1)
        parts.append(tube(leg, rng.uniform(6, 12) * (1.2 - 0.5 * t)))
    neck = np.stack([0 * t, 60 * t, 140 + 40 * t], 1)
    head = np.stack([0 * t, 60 - 20 * t, 165 + rng.uniform(40, 80) * t], 1)
    tail = np.stack([0 * t, 20 * np.sin(4 * t), -70 * t], 1)
    return joined(*parts, tube(neck, 16 - 4 * t), tube(head, 20 * swell), tube(tail, 5 * (1.01 - t)))


def torso(rng: np.random.Generator) -> Mesh:
    """A mannequin without a head: a trunk, arms, two mounds."""
    t = np.linspace(0, 1, STATIONS)
    trunk, triangles = tube(straight(220), rng.uniform(50, 70) * (1 - 0.25 * np.sin(np.pi * t)) * np.sqrt(1.001 - t**6))
    x, y = trunk[:, 0, None], trunk[:, 1, None]
    mounds = np.exp(-((np.abs(x) - 28) ** 2 + (y - 150) ** 2) / rng.uniform(12, 30) ** 2)
    trunk = trunk + rng.uniform(0, 45) * mounds * [0, 0, 1] * (trunk[:, 2:] > 0)
    arms = [tube(np.stack([s * (60 + 20 * t), 200 - 150 * t, 0 * t], 1), np.full(STATIONS, 15.0)) for s in (-1, 1)]
    return joined((trunk, triangles), *arms)


def loft(rng: np.random.Generator) -> Mesh:
    """A shoe, a car, a bottle, a boat: rounded sections that change along a path."""
    t, angle = np.linspace(0, 1, STATIONS), np.linspace(0, 2 * np.pi, RIM, endpoint=False)
    wide, high = (
        np.clip(40 + sum(rng.normal(0, 18 / k) * np.cos(np.pi * k * t + 3 * rng.random()) for k in (1, 2, 3, 4)), 5, 99)
        for _ in range(2)
    )
    power = rng.uniform(0.4, 1.0)
    ends = np.sqrt(np.clip(np.sin(np.pi * t) * 3, 0.001, 1))[:, None]
    across, up = (np.sign(f(angle)) * np.abs(f(angle)) ** power for f in (np.cos, np.sin))
    along = np.broadcast_to(240 * t[:, None], (STATIONS, RIM))
    return lattice(np.stack([wide[:, None] * ends * across, high[:, None] * ends * up, along], -1), closed=True)


def crystal(rng: np.random.Generator) -> Mesh:
    """A polyhedron: the hull of some points, coarse or fine."""
    points = rng.normal(size=(rng.integers(8, 200), 3)) * rng.uniform(0.4, 1, 3)
    return points, ConvexHull(points).simplices


def bracket(rng: np.random.Generator) -> Mesh:
    """A machined plate: bosses, pockets, ribs, drilled holes."""
    x, y = np.meshgrid(np.linspace(-90, 90, 120), np.linspace(110, -110, 120))
    height = np.zeros_like(x)
    for _ in range(rng.integers(3, 12)):
        u, v = rng.uniform(-70, 70, 2)
        far = np.hypot(x - u, y - v) / rng.uniform(6, 35)
        bar = np.maximum(np.abs(x - u) / rng.uniform(4, 60), np.abs(y - v) / rng.uniform(4, 60))
        height = np.where((far if rng.random() < 0.5 else bar) < 1, height + rng.uniform(-25, 45), height)
    return lattice(np.stack([x, y, gaussian_filter(height, rng.uniform(0, 2.5))], -1), closed=False)


def balls(rng: np.random.Generator) -> Mesh:
    """A heap of fruit or stones, a bunch of grapes."""
    parts = []
    for _ in range(rng.integers(3, 14)):
        points, triangles = ellipsoid(rng)
        parts.append((points * rng.uniform(0.2, 0.5) + rng.normal(0, 40, 3), triangles))
    return joined(*parts)


def cone(rng: np.random.Generator) -> Mesh:
    """A dome with a cone, a ridge or a knob on it: a nose without a face."""
    x, y = np.meshgrid(np.linspace(-75, 75, 110), np.linspace(95, -95, 110))
    height = -((x / rng.uniform(60, 160)) ** 2 + (y / rng.uniform(60, 200)) ** 2) * rng.uniform(20, 60)
    base, long = rng.uniform(10, 32), rng.uniform(0, 50)
    off = np.hypot(x, np.maximum(0, np.abs(y - long / 2) - long / 2)) / base
    height = height + rng.uniform(10, 45) * (1 - 0.6 * np.clip(y / 60, 0, 1)) * np.clip(1 - off, 0, 1) ** rng.uniform(
        0.5, 2
    )
    return lattice(np.stack([x, y, gaussian_filter(height, rng.uniform(0.5, 3))], -1), closed=False)


def flower(rng: np.random.Generator) -> Mesh:
    """Petals, a shell, an umbrella: a wavy disc about an axis."""
    angle, radius = np.linspace(0, 2 * np.pi, RIM, endpoint=False), np.linspace(0.02, 1, STATIONS)[:, None]
    petals = rng.integers(3, 11)
    reach = 100 * radius * (1 + rng.uniform(0, 0.4) * np.cos(petals * angle))
    height = rng.uniform(-60, 60) * radius**2 + rng.uniform(0, 30) * radius * np.cos(petals * angle)
    height = height + rng.uniform(0, 40) * np.exp(-((radius / rng.uniform(0.1, 0.4)) ** 2))
    return lattice(np.stack([reach * np.cos(angle), reach * np.sin(angle), height], -1), closed=True)


def noise(rng: np.random.Generator) -> Mesh:
    """A cloud: points in a ball, on a shell, in a box or in some clusters."""
    count = int(rng.integers(2000, 60_000))
    points = rng.normal(size=(count, 3))
    shape = rng.integers(4)
    if shape == 1:
        points *= (1 + rng.normal(0, 0.03, (count, 1))) / np.linalg.norm(points, axis=1, keepdims=True)
    elif shape == 2:
        points = rng.uniform(-1, 1, (count, 3))
    elif shape == 3:
        points = points * 0.1 + rng.normal(size=(12, 3))[rng.integers(0, 12, count)]
    return 60 * points * rng.uniform(0.4, 1, 3), np.empty((0, 3), np.int64)


def bumpy_cloud(rng: np.random.Generator) -> Mesh:
    """The points of a blob, an animal's head or a terrain, without triangles and noisy."""
    points, _ = (blob, snout, terrain)[rng.integers(3)](rng)
    return points + rng.normal(0, rng.uniform(0, 1.5), points.shape), np.empty((0, 3), np.int64)


def room(rng: np.random.Generator) -> Mesh:
    """A floor, two walls and furniture, some metres wide."""
    wide = rng.uniform(2000, 5500)
    x, y = np.meshgrid(np.linspace(0, wide, 80), np.linspace(0, wide * 0.6, 80))
    sides = [lattice(np.stack(axes, -1), closed=False) for axes in ((x, 0 * x, y), (x, y, 0 * x), (0 * x, y, x))]
    parts = []
    for _ in range(rng.integers(3, 9)):
        points, triangles = (furniture, vase, blob, loft)[rng.integers(4)](rng)
        place = rng.uniform(0.1, 0.8, 3) * wide * [1, 0.4, 0.6]
        parts.append((points * rng.uniform(1, 5) + place, triangles))
    return joined(*sides, *parts)


KINDS: tuple[Callable[[np.random.Generator], Mesh], ...] = (
    ellipsoid, box, vase, mug, gear, screw, ring, hand, terrain, waves, furniture, blob,
    snout, animal, torso, loft, crystal, bracket, balls, cone, flower, noise, bumpy_cloud, room,
)  # fmt: skip


def depth_frame(rng: np.random.Generator) -> Scan:
    """What a depth camera sees of furniture, fruit, a shelf or a wall: a grid, mm, with the camera's noise."""
    points, triangles = (furniture, balls, loft, snout, torso, blob)[rng.integers(6)](rng)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    away, focal = rng.uniform(500, 1200), 260.0
    shares = rng.dirichlet((1, 1, 1), (len(triangles), 12))
    seen = np.einsum("tsk,tkx->tsx", shares, points[triangles]).reshape(-1, 3) @ rotation - [0, 0, away]
    depth = np.full((160, 200), rng.uniform(1.2, 2) * away)
    rows, columns = 80 - focal * seen[:, 1] / -seen[:, 2], 100 + focal * seen[:, 0] / -seen[:, 2]
    inside = (seen[:, 2] < -100) & (rows >= 0) & (rows < 160) & (columns >= 0) & (columns < 200)
    np.minimum.at(depth, (rows[inside].astype(int), columns[inside].astype(int)), -seen[inside, 2])
    depth = np.rint(depth + rng.normal(0, rng.uniform(0, 2), depth.shape))
    row, column = np.indices(depth.shape)
    gathered = gather_grid(np.stack([(column - 100) * depth / focal, (80 - row) * depth / focal, -depth]), 0.0, False)
    found = triangulate_grid(gathered.grid, gathered.points)
    return Scan(Path("depth_frame.png"), "png", gathered.points, found, grid=gathered.grid, metric=True, camera=True)


def nonface(kind: Callable[[np.random.Generator], Mesh], rng: np.random.Generator) -> Scan:
    """A scan of one, in a random position, of a size that may be a face's, in a unit that files have.

    One in five claims the axes and the millimetres of a face database's format.
    """
    points, triangles = kind(rng)
    size = np.ptp(points, axis=0).max() if kind is room else rng.uniform(120, 350)
    metric = rng.random() < 0.2
    unit, spread = UNITS[2 if metric else rng.integers(3)], size / np.ptp(points, axis=0).max()
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    if rng.random() < 0.5:
        rotation = np.eye(3)
    points = np.ascontiguousarray(points * spread @ rotation / unit)
    return Scan(Path(f"{kind.__name__}.ply"), "ply", points, triangles.astype(np.int32), metric=metric)


def nonfaces(count: int, seed: int, start: int = 0) -> Iterator[Scan]:
    """Surfaces ``start`` up to ``count`` of a seed, every kind in turn; each has a generator of its own."""
    for number in range(start, count):
        rng = np.random.default_rng((seed, number))
        turn, kind = divmod(number, len(KINDS) + 1)
        scan = depth_frame(rng) if kind == len(KINDS) else nonface(KINDS[kind], rng)
        yield replace(scan, path=scan.path.with_stem(f"{scan.path.stem}_{turn}"))


def meshes_in(folder: Path) -> Iterator[Scan]:
    """Every file below a folder that can be read as a scan."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name.lower().endswith(KNOWN_SUFFIXES):
            try:
                yield read_scan(path)
            except ScanError:
                continue


def converted(scan: Scan) -> tuple[FrontalScan, NoseTip, bool]:
    """The frontal scan, its tip, and whether a sentence doubts the tip or the axes."""
    frontal = orient_scan(clean_scan(scan)[0], NoseSettings())
    tip = find_nose_tip(frontal.scan, NoseSettings(), frontal.detected)
    return frontal, tip, bool(tip.warnings) or any("in doubt" in sentence for sentence in frontal.assumptions)


def outcome(scan: Scan) -> str:
    """Whether a scan is "refused", "warned" or "silent"."""
    try:
        return "warned" if converted(scan)[2] else "silent"
    except NoNoseTip:
        return "refused"


def main() -> None:
    """Print the outcome of each that is not refused, the counts and the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=700)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--meshes", type=Path)
    options = parser.parse_args()
    scans = meshes_in(options.meshes) if options.meshes else nonfaces(options.count, options.seed, options.start)
    found, seconds = Counter[str](), list[float]()
    for number, scan in enumerate(scans, options.start):
        start = time.process_time()
        result = outcome(scan)
        seconds.append(time.process_time() - start)
        found[result] += 1
        if result != "refused" or seconds[-1] > 2:
            print(f"{number} {scan.path.name} {result} {seconds[-1]:.1f} s", flush=True)
        if number % EVERY == EVERY - 1:
            print(f"up to {number}: {dict(found)}", flush=True)
    print(dict(found), "median, 95 %, worst s:", np.round(np.percentile(seconds, (50, 95, 100)), 2))


if __name__ == "__main__":
    main()
