import numpy as np
import pytest

from gemax_cli.entropy.histogram import level_histogram
from gemax_cli.entropy.sample import sample_depth, sample_depth16
from gemax_cli.entropy.solver import optimal_cuts_per_tau


@pytest.mark.parametrize("seed", range(5))
def test_a_face_in_its_block(seed):
    depth, codes = sample_depth(seed), sample_depth16(seed)
    assert codes.shape == (224, 224)
    assert codes.dtype == np.uint16
    assert 8_000 < np.count_nonzero(codes) < 30_000
    row, column = np.unravel_index(codes.argmax(), codes.shape)
    assert codes.max() == 65535
    assert np.hypot(row - 111.5, column - 111.5) < 8, "the nose tip is near the centre"
    assert np.nanmin(depth) == 0
    assert np.array_equal(codes > 0, np.nan_to_num(depth, nan=1e9) <= 60)


def test_code_is_the_depth():
    depth, codes = sample_depth(1), sample_depth16(1, depth_mm=50.0)
    back = (65535 - codes.astype(float)) / 65534 * 50
    assert np.abs(back - depth)[codes > 0].max() <= 0.5 / 65534 * 50 + 1e-9
    assert np.nanmin(np.where(codes == 0, depth, np.nan)) > 50


def test_one_face_per_seed():
    assert np.array_equal(sample_depth16(3), sample_depth16(3))
    assert not np.array_equal(sample_depth16(3), sample_depth16(4))
    assert sample_depth16(0, size=64).shape == (64, 64)


def test_entropies_are_near_those_of_faces():
    """The paper's are 7.61 (uniform) to 7.99: schematic faces are as hard to quantise."""
    histogram = level_histogram(sample_depth16(0), 4096)
    uniform, bounded, free = (c.entropy for c in optimal_cuts_per_tau(histogram, 256, (16, 20, 4096)))
    assert 7.4 < uniform < bounded - 0.1
    assert 7.7 < bounded < free - 0.1
    assert free > 7.99
