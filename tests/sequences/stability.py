"""How far static points of the forehead move from frame to frame of simulated sequences, whose motion is known.

    python -m tests.sequences.stability --seeds 41 42 43

Columns: rms over the points of the difference between any two frames, and between two that follow each other, mm.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.pipeline import Stopwatch, find_face
from gemax_cli.placement import SequenceMode
from gemax_cli.scans.read import read_scan
from gemax_cli.sequences import stabilise_sequence
from gemax_cli.settings import Settings
from gemax_cli.synthetic.capture import scan_mesh
from gemax_cli.synthetic.paint import draw_complexion
from gemax_cli.synthetic.sequence import FOLDERS, FrameTruth, simulate_frames
from gemax_cli.synthetic.writers import write_wrl

Floats = NDArray[np.float64]
ACROSS, UP = (value.ravel() for value in np.meshgrid(np.linspace(-35, 35, 15), np.linspace(64, 92, 8)))


def static_points(paths: list[Path], truths: list[FrameTruth], mode: SequenceMode) -> Floats:
    """Static points of the forehead as the maps of each frame have them: (frames, points, 3), mm."""
    points = [truth.pose.to_file(truths[0].face.on_surface(ACROSS, UP)) for truth in truths]
    settings = Settings(sequence=mode)
    if mode == "none":
        tips = [find_face(read_scan(path), settings, Stopwatch())[1].position for path in paths]
        return np.array([own - tip for own, tip in zip(points, tips, strict=True)])
    placements = stabilise_sequence(paths, settings)
    matrices = [np.array(placement.matrix) for placement in placements if placement]
    return np.array([own @ m[:, :3].T + m[:, 3] for own, m in zip(points, matrices, strict=True)])


def differences(points: Floats) -> tuple[float, float]:
    """Rms difference of points (frames, points, 3) between any two frames, and between two that follow each other."""
    frames = len(points)
    pairs = 2 * ((points - points.mean(0)) ** 2).sum(-1).mean() * frames / (frames - 1)
    return float(np.sqrt(pairs)), float(np.sqrt((np.diff(points, axis=0) ** 2).sum(-1).mean()))


def write_sequence(root: Path, seed: int, expression: str, frames: int) -> tuple[list[Path], list[FrameTruth]]:
    """Write a sequence of a simulated subject: files and truth."""
    truths, random = list(simulate_frames(0, expression, frames, seed)), np.random.default_rng([seed, frames])
    for truth in truths:
        scan = scan_mesh(truth.face, draw_complexion(np.random.default_rng(seed)), truth.pose, random)
        (root / truth.path).parent.mkdir(parents=True, exist_ok=True)
        write_wrl(root / truth.path, scan.points, scan.polygons)
    return [root / truth.path for truth in truths], truths


def main() -> None:
    """Print a row per sequence."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--frames", type=int, default=40)
    options = parser.parse_args()
    modes: tuple[SequenceMode, ...] = ("none", "first", "rigid")
    print("seed expr   " + "   ".join(f"{mode:>5}: any, next" for mode in modes))
    rows = []
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            for expression in FOLDERS:
                paths, truths = write_sequence(Path(folder), seed, expression, options.frames)
                rows.append([differences(static_points(paths, truths, mode)) for mode in modes])
                print(f"{seed:4} {expression:4}   " + "   ".join(f"{a:9.3f} {b:7.3f}" for a, b in rows[-1]), flush=True)
    for name, of in (("mean", np.mean), ("worst", np.max)):
        print(f"{name:>9}   " + "   ".join(f"{a:9.3f} {b:7.3f}" for a, b in of(rows, axis=0)))


if __name__ == "__main__":
    main()
