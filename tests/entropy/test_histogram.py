import numpy as np
import pytest

from gemax_cli.codes import first_codes, level_of_code
from gemax_cli.entropy.histogram import level_histogram
from gemax_cli.errors import SettingsError
from tests.entropy import naive

ALL_CODES = np.arange(65536, dtype=np.uint16)


@pytest.mark.parametrize("levels", [1, 2, 3, 256, 1000, 4096, 32768, 65534, 65535])
def test_level_of_every_code(levels):
    expected = [-1] + [(code - 1) * levels // 65535 for code in range(1, 65536)]
    assert level_of_code(ALL_CODES, levels).tolist() == expected
    assert level_of_code(np.arange(65536), levels).tolist() == expected


def test_ends_of_the_scale():
    """The farthest code is level 0, the nose tip level N - 1, and no data no level."""
    assert level_of_code(np.array([0, 1, 65535]), 4096).tolist() == [-1, 0, 4095]
    assert level_of_code(np.array([[1, 2], [0, 65535]]), 65535).tolist() == [[0, 1], [-1, 65534]]
    assert level_of_code(np.array([7], np.uint16), 4096).dtype == np.int32


@pytest.mark.parametrize("levels", [1, 7, 256, 4096, 65535])
def test_every_level_has_codes(levels):
    per_level = level_histogram(ALL_CODES, levels)
    assert per_level.sum() == 65535
    assert per_level.min() >= 65535 // levels
    assert per_level.max() <= -(-65535 // levels)


@pytest.mark.parametrize("levels", [1, 5, 256, 4096, 65535])
def test_first_codes_are_the_lowest_of_their_level(levels):
    cuts = np.arange(levels + 1)
    first = first_codes(cuts, levels)
    lut = level_of_code(np.arange(65536), levels)
    assert first[0] == 1
    assert first[-1] == 65536
    assert lut[first[:-1]].tolist() == cuts[:-1].tolist()
    assert lut[first[1:] - 1].tolist() == cuts[:-1].tolist()


@pytest.mark.parametrize("shape", [(40, 30), (1, 1), (7,), (3, 4, 5)])
def test_histogram_counts_valid_pixels(shape):
    depth16 = np.random.default_rng(0).integers(0, 65536, shape).astype(np.uint16)
    depth16[depth16 < 20_000] = 0
    histogram = level_histogram(depth16, 512)
    assert histogram.dtype == np.int64
    assert histogram.sum() == np.count_nonzero(depth16)
    assert np.array_equal(histogram, naive.count_levels(depth16, 512))


def test_histogram_of_a_view():
    """Columns, flips and steps have the same pixels as their copies."""
    depth16 = np.random.default_rng(1).integers(0, 65536, (30, 20)).astype(np.uint16)
    for view in (depth16.T, depth16[::-1], depth16[::2, 1::3], np.asfortranarray(depth16)):
        assert np.array_equal(level_histogram(view, 64), level_histogram(view.copy(), 64))


def test_histogram_without_data():
    assert level_histogram(np.zeros((4, 4), np.uint16), 16).tolist() == [0] * 16
    assert level_histogram(np.zeros((0, 4), np.uint16), 16).tolist() == [0] * 16


@pytest.mark.parametrize("levels", [0, -1, 65536])
def test_levels_out_of_range(levels):
    for function in (level_histogram, level_of_code):
        with pytest.raises(SettingsError, match="give 1 to 65535"):
            function(ALL_CODES, levels)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float64, bool])
def test_image_of_another_type(dtype):
    with pytest.raises(SettingsError, match="uint16"):
        level_histogram(np.ones((2, 2), dtype), 16)
