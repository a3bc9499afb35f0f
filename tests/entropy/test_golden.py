"""Cuts that were committed: another version of numpy or numba, platform or start that changes one of them shows.

The histograms are whole-number arithmetic, so that nothing but the solver can change them.
To make the file anew after a change of the tie rule or the weights: python -m tests.entropy.test_golden
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gemax_cli.entropy.histogram import level_histogram
from gemax_cli.entropy.solver import optimal_cuts, optimal_cuts_per_tau
from tests.entropy.samples import JIT, TABLE_3

GOLDEN = Path(__file__).parent / "golden" / "cuts.json"


def bowl16():
    """A face of whole numbers: a bowl with a ridge for the nose, 224 x 224 codes."""
    y, x = np.mgrid[-112:112, -112:112]
    depth = 4 * x * x + 3 * y * y - np.maximum(9_000 - 80 * x * x - 30 * y * y, 0)
    depth += (x * 7919 + y * 104_729) % 23  # sensor noise
    depth = depth - depth.min()
    return np.where(depth < 65535, 65535 - depth, 0).astype(np.uint16)


def noise(levels, most, seed):
    """A linear congruential generator of the textbook, its upper bits."""
    state, counts = seed, []
    for _ in range(levels):
        state = (1_103_515_245 * state + 12_345) % 2**31
        counts.append((state >> 16) % (most + 1))
    return np.array(counts)


HISTOGRAMS = {
    "noise": (noise(97, 30, 1), ((12, 9), (12, 20), (12, 97), (40, 3), (96, 2))),
    "zero or one": (noise(64, 1, 2), ((8, 8), (8, 9), (8, 64), (33, 5))),
    "gap": (np.where(np.arange(90) // 30 == 1, 0, noise(90, 9, 3)), ((10, 9), (10, 12), (10, 90), (60, 4))),
    "constant": (np.full(50, 4), ((7, 8), (7, 50), (49, 2))),
    "one level": (np.where(np.arange(40) == 11, 5, 0), ((6, 7), (6, 40), (39, 3))),
    "spike": (np.where(np.arange(60) == 31, 10**6, 1), ((9, 7), (9, 60))),
}


def small_cases():
    for name, (counts, cases) in HISTOGRAMS.items():
        for bins, tau in cases:
            yield f"{name}, K = {bins}, tau = {tau}", counts, bins, tau


def golden(cuts):
    return {"objective": cuts.objective, "entropy": cuts.entropy.hex(), "widths": np.diff(cuts.cuts).tolist()}


def bowl_cuts():
    levels = level_histogram(bowl16(), 4096)
    found = optimal_cuts_per_tau(levels, 256, (*TABLE_3, 4096))
    return {f"bowl, K = 256, tau = {cuts.tau}": golden(cuts) for cuts in found}


@pytest.fixture(scope="module")
def committed():
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "counts", "bins", "tau"), list(small_cases()))
def test_small_cuts(committed, name, counts, bins, tau):
    assert golden(optimal_cuts(counts, bins, tau)) == committed[name]


def test_bowl_cuts(committed):
    """N = 4096, K = 256, every tau of Table 3; compiled or not."""
    found = bowl_cuts()
    assert found == {name: committed[name] for name in found}


def test_file_holds_nothing_else(committed):
    assert set(committed) == {name for name, *_ in small_cases()} | set(bowl_cuts() if JIT else committed)


if __name__ == "__main__":
    cases = {name: golden(optimal_cuts(counts, bins, tau)) for name, counts, bins, tau in small_cases()}
    lines = (
        f"{json.dumps(name)}: {json.dumps(cuts, separators=(',', ':'))}" for name, cuts in (cases | bowl_cuts()).items()
    )
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
