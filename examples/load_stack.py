"""Read a folder that gemax wrote into arrays for training: maps, masks, labels, subjects.

usage: python examples/load_stack.py OUT [--tau 20 30 40]
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import imageio.v3 as iio
import numpy as np

EXPRESSIONS = ("AN", "DI", "FE", "HA", "SA", "SU")


def load(out: Path, taus: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """(scans, tau, rows, columns) uint8 maps, (scans, rows, columns) masks, (scans,) labels and the subjects' names."""
    with (out / "metadata.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["expression"] in EXPRESSIONS]
    maps = [[iio.imread(out / row[f"gemax_tau{tau:03d}_file_name"]) for tau in taus] for row in rows]
    masks = [iio.imread(out / row["depth16_file_name"]) > 0 for row in rows]
    labels = [EXPRESSIONS.index(row["expression"]) for row in rows]
    return np.array(maps), np.array(masks), np.array(labels), [row["subject"] for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tau", type=int, nargs="+", default=[20, 30, 40])
    options = parser.parse_args()
    maps, masks, labels, subjects = load(options.out, options.tau)
    print(f"maps {maps.shape} {maps.dtype}, {masks.mean():.0%} of the pixels are face")
    counts = dict(zip(EXPRESSIONS, np.bincount(labels), strict=False))
    print(f"{len(set(subjects))} subjects, scans per expression {counts}")


if __name__ == "__main__":
    main()
