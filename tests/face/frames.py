"""Faces in the frames that files of unknown axes and unit have, with the truth: axes, origins, units.

    python -m tests.face.frames DATA [--count 250] [--seed 1]

puts faces of DATA/truth.csv, as the scan simulator writes it, into random frames and counts how they fare.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gemax_cli.errors import NoNoseTip
from gemax_cli.face.nose import turn
from gemax_cli.face.orient import EVERY_AXES, axes
from gemax_cli.scans.model import Scan
from gemax_cli.scans.read import read_scan
from tests.face.nonfaces import EVERY, converted

UNITS = (1000.0, 10.0, 1.0, 0.001)  # mm per unit: metres, centimetres, millimetres, micrometres
# Where the face lies, mm, along its right, up and forward: its middle or the nose at the origin, a body, a floor, a
# room, a camera.
ORIGINS = ((0, 0, 0), (0, 0, 90), (0, 1600, 30), (1500, 0, 0), (-900, 1200, 1400), (0, 400, -800), (30, -40, -700))
RIGHT_MM, FACES = 10.0, 60
SLIGHT_DEG = 12.0  # standard deviation of the head's own yaw; half of it of pitch and roll


@dataclass(frozen=True, eq=False)
class Framed:
    """A face in a frame: ``rotation`` and ``tip`` lead from the frontal face to the file, mm."""

    scan: Scan
    up: str
    forward: str
    mm_per_unit: float
    tip: np.ndarray


def framed(face: Scan, tip: np.ndarray, rng: np.random.Generator) -> Framed:
    """A frontal face, mm, in random axes, at a random origin and in a random unit."""
    up, forward = EVERY_AXES[rng.integers(len(EVERY_AXES))]
    origin = np.array(ORIGINS[rng.integers(len(ORIGINS))]) * rng.uniform(0.8, 1.2)
    unit = UNITS[rng.integers(len(UNITS))]
    yaw, pitch, roll = np.clip(rng.normal(0, 1, 3), -2, 2) * SLIGHT_DEG * [1.0, 0.5, 0.5]
    turned, frame = turn(yaw, pitch, roll), axes(up, forward)
    points = ((face.points - tip) @ turned.T + origin) @ frame.T / unit
    scan = replace(face, points=np.ascontiguousarray(points), metric=False, landmarks={}, texture=None, grid=None)
    return Framed(scan, up, forward, unit, frame @ origin)


def many_framed(faces: list[tuple[Scan, np.ndarray]], count: int, seed: int) -> Iterator[Framed]:
    """``count`` frames of faces with their tips, in turn."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        yield framed(*faces[number % len(faces)], rng)


def outcome(framed: Framed) -> str:
    """Whether a face is "refused", or its axes and tip "right" or "wrong", "silent" or "doubted"."""
    try:
        frontal, tip, doubted = converted(framed.scan)
    except NoNoseTip:
        return "refused"
    place = frontal.to_raw @ [*tip.position, 1.0]
    upright = np.allclose(frontal.to_raw[:, :3], axes(framed.up, framed.forward))
    right = upright and np.linalg.norm(place - framed.tip) < RIGHT_MM
    return f"{'right' if right else 'wrong'}, {'doubted' if doubted else 'silent'}"


def faces_of(folder: Path, seed: int) -> list[tuple[Scan, np.ndarray]]:
    """Some frontal faces of a set with their tips."""
    with (folder / "truth.csv").open(newline="", encoding="utf-8") as handle:
        lines = [row for row in csv.DictReader(handle) if not row["path"].endswith("_RAW.wrl")]
    frontal = [row for row in lines if abs(float(row["yaw_deg"])) <= SLIGHT_DEG]
    chosen = np.random.default_rng(seed).permutation(len(frontal))[:FACES]
    tips = [np.array([float(frontal[k][f"nose_{axis}"]) for axis in "xyz"]) for k in chosen]
    return [(read_scan(folder / frontal[k]["path"]), tip) for k, tip in zip(chosen, tips, strict=True)]


def main() -> None:
    """Print the frames that are not right in silence, the counts and the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--count", type=int, default=250)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found, seconds = Counter[str](), list[float]()
    for number, one in enumerate(many_framed(faces_of(options.data, options.seed), options.count, options.seed)):
        start = time.process_time()
        result = outcome(one)
        seconds.append(time.process_time() - start)
        found[result] += 1
        if result != "right, silent":
            print(number, one.scan.path.name, one.up, one.forward, one.mm_per_unit, result, flush=True)
        if number % EVERY == EVERY - 1:
            print(f"up to {number}: {dict(found)}", flush=True)
    print(dict(found), "median, 95 %, worst s:", np.round(np.percentile(seconds, (50, 95, 100)), 2))


if __name__ == "__main__":
    main()
