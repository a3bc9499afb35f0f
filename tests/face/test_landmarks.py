"""Landmarks in pixels against one after the other in plain Python."""

from types import SimpleNamespace

import numpy as np
import pytest

from gemax_cli.codes import depth_of_code
from gemax_cli.face.landmarks import landmarks_in


def some_block(rng):
    """Few pixels, many of them empty."""
    size = int(rng.integers(1, 12))
    codes = rng.integers(1, 65536, (size, size)) * (rng.random((size, size)) < 0.6)
    to_scan = np.hstack([np.diag([1.0, -1.0, -1.0]) * rng.uniform(0.5, 2), rng.normal(0, 5, (3, 1))])
    pixel = float(rng.choice([0.5, 1, 3]))
    return SimpleNamespace(depth16=codes.astype(np.uint16), depth_mm=60.0, mm_per_pixel=pixel, to_scan=to_scan)


def some_place(rng, size):
    """Column, row and depth: in the image, on the edge between two pixels, beyond it, far away."""
    column = rng.choice([rng.uniform(-2, size + 1), rng.integers(-1, size + 1) + 0.25, 1e300])
    return np.array([column, rng.uniform(-2, size + 1), rng.uniform(0, 60)])


def seen(block, column, row, depth):
    size, near = len(block.depth16), max(3.0, 2 * block.mm_per_pixel)
    if not (-0.5 <= column < size - 0.5 and -0.5 <= row < size - 0.5):
        return False
    for i in range(max(0, round(row) - 1), min(size, round(row) + 2)):
        for j in range(max(0, round(column) - 1), min(size, round(column) + 2)):
            if block.depth16[i, j] and abs(depth_of_code(block.depth16[i, j], block.depth_mm) - depth) <= near:
                return True
    return False


@pytest.mark.parametrize("seed", range(300))
def test_landmarks_are_those_of_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    block = some_block(rng)
    places = [some_place(rng, len(block.depth16)) for _ in range(rng.integers(0, 9))]
    raw = {str(k): block.to_scan[:, :3] @ place + block.to_scan[:, 3] for k, place in enumerate(places)}
    found = landmarks_in(block, raw)
    assert [mark.name for mark in found] == list(raw)
    for mark, place in zip(found, places, strict=True):
        assert [mark.column, mark.row, mark.depth] == pytest.approx(list(place), rel=1e-9, abs=1e-9)
        assert mark.visible == seen(block, mark.column, mark.row, mark.depth)
