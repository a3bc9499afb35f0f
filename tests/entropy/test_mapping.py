import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.codes import level_of_code
from gemax_cli.entropy.histogram import level_histogram
from gemax_cli.entropy.mapping import (
    apply_cuts,
    bin_depths,
    check_cuts,
    distortion_bound_mm,
    invert_map,
    map_lut,
    uniform_cuts,
)
from gemax_cli.entropy.sample import sample_depth, sample_depth16
from gemax_cli.entropy.solver import optimal_cuts
from gemax_cli.errors import SettingsError
from tests.entropy import naive


def random_cuts(rng, levels, bins):
    return np.array([0, *sorted(rng.choice(np.arange(1, levels), bins - 1, replace=False)), levels])


def code_of_depth(depth, depth_mm):
    """The 16-bit quantisation, by its definition."""
    return (65535 - np.round(depth / depth_mm * 65534)).astype(np.uint16)


@pytest.mark.parametrize(("levels", "bins"), [(1, 1), (10, 3), (256, 256), (4096, 255), (4096, 256), (65535, 17)])
def test_map_is_the_bin_of_the_level(levels, bins):
    rng = np.random.default_rng(levels)
    cuts = random_cuts(rng, levels, bins)
    depth16 = rng.integers(0, 65536, (9, 11)).astype(np.uint16)
    depth16[0, :3] = (0, 1, 65535)
    first = int(bins <= 255)
    image = apply_cuts(depth16, cuts, levels, first)
    assert image.dtype == np.uint8
    assert np.array_equal(image, naive.apply_cuts(depth16, cuts, levels, first))
    assert (image[0, 0], image[0, 1], image[0, 2]) == (0, first, first + bins - 1)


def test_lut_rises_with_the_code_and_uses_every_value():
    cuts = random_cuts(np.random.default_rng(0), 4096, 256)
    lut = map_lut(cuts, 4096)
    assert lut.shape == (65536,)
    assert np.array_equal(np.unique(lut), np.arange(256))
    assert np.diff(lut.astype(int)).min() >= 0
    assert np.array_equal(lut[1:], np.searchsorted(cuts, level_of_code(np.arange(65536), 4096)[1:], "right") - 1)


def test_reserved_zero_is_the_background_alone():
    depth16 = sample_depth16(1)
    cuts = optimal_cuts(level_histogram(depth16, 4096), 255, 20).cuts
    image = apply_cuts(depth16, cuts, 4096, first_code=1)
    assert np.array_equal(image > 0, depth16 > 0)
    assert image.max() == 255


def test_map_of_any_shape():
    cuts = uniform_cuts(64, 8)
    codes = np.arange(65536, dtype=np.uint16)
    assert np.array_equal(apply_cuts(codes.reshape(256, 256), cuts, 64).ravel(), apply_cuts(codes, cuts, 64))
    assert apply_cuts(codes[:0], cuts, 64).size == 0


def test_counts_of_a_map_are_those_of_its_bins():
    depth16 = sample_depth16(2)
    histogram = level_histogram(depth16, 4096)
    cuts = optimal_cuts(histogram, 256, 30).cuts
    counts = np.bincount(apply_cuts(depth16, cuts, 4096)[depth16 > 0], minlength=256)
    assert counts.tolist() == naive.counts_of(histogram, cuts.tolist())


@pytest.mark.parametrize(("levels", "bins"), [(4096, 256), (100, 7), (5, 5), (65535, 256), (9, 1)])
def test_uniform_cuts(levels, bins):
    cuts = uniform_cuts(levels, bins)
    widths = np.diff(cuts)
    assert cuts.dtype == np.int32
    assert (cuts[0], cuts[-1]) == (0, levels)
    assert widths.max() - widths.min() <= 1


@pytest.mark.parametrize(("levels", "bins"), [(10, 11), (10, 0), (0, 1), (65536, 2)])
def test_no_uniform_cuts(levels, bins):
    with pytest.raises(SettingsError):
        uniform_cuts(levels, bins)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_inverse_is_within_the_bound(data):
    """For any cuts and depths: from metric depth through the codes and the map and back."""
    levels = data.draw(st.integers(1, 65535))
    bins = data.draw(st.integers(1, min(levels, 256)))
    depth_mm = data.draw(st.sampled_from([1.0, 47.3, 60.0, 140.0, 1000.0]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    cuts = random_cuts(rng, levels, bins)
    depth = np.concatenate(([0, depth_mm], rng.random(2000) * depth_mm))
    image = apply_cuts(code_of_depth(depth, depth_mm), cuts, levels)
    inverse = invert_map(image, np.ones(depth.shape, bool), cuts, levels, depth_mm)
    assert inverse.dtype == np.float32
    assert np.abs(inverse.astype(float) - depth).max() <= distortion_bound_mm(cuts, levels, depth_mm)


def test_bound_is_reached():
    """It is no larger than it must be: the depths at the ends of every bin lie half a bin away."""
    cuts, levels, depth_mm = random_cuts(np.random.default_rng(4), 512, 40), 512, 60.0
    depth = np.linspace(0, depth_mm, 400_001)
    image = apply_cuts(code_of_depth(depth, depth_mm), cuts, levels)
    centres, half = bin_depths(cuts, levels, depth_mm)
    for grey in range(40):
        error = np.abs(depth[image == grey] - centres[grey])
        assert half[grey] - 0.0003 < error.max() <= half[grey] + 1e-9


def test_bins_tile_the_block():
    """From 0 to d without a gap, the nearest bin last."""
    centres, half = bin_depths(uniform_cuts(4096, 256), 4096, 60.0)
    assert np.diff(centres).max() < 0
    assert centres[-1] - half[-1] == 0
    assert centres[0] + half[0] == 60
    assert np.allclose((centres + half)[1:], (centres - half)[:-1])


@pytest.mark.parametrize(("tau", "most_mm"), [(16, 0.118), (20, 0.148), (60, 0.442)])
def test_tau_bounds_the_error_of_a_face(tau, most_mm):
    """Half of tau levels of 60 mm / 4096, and half a 16-bit step: what tau buys, in millimetres."""
    depth, depth16 = sample_depth(3), sample_depth16(3)
    mask = depth16 > 0
    cuts = optimal_cuts(level_histogram(depth16, 4096), 256, tau).cuts
    bound = distortion_bound_mm(cuts, 4096, 60.0)
    inverse = invert_map(apply_cuts(depth16, cuts, 4096), mask, cuts, 4096, 60.0)
    assert np.isnan(inverse[~mask]).all()
    assert np.abs(inverse - depth)[mask].max() <= bound <= most_mm


def test_inverse_of_a_reserved_zero():
    depth16 = sample_depth16(0)
    cuts = uniform_cuts(4096, 255)
    mask = depth16 > 0
    one = invert_map(apply_cuts(depth16, cuts, 4096, 1), mask, cuts, 4096, 60.0, first_code=1)
    zero = invert_map(apply_cuts(depth16, cuts, 4096), mask, cuts, 4096, 60.0)
    assert np.array_equal(one, zero, equal_nan=True)


def test_inverse_of_a_foreign_map():
    cuts, mask = uniform_cuts(64, 8), np.ones((2, 2), bool)
    with pytest.raises(SettingsError, match=r"outside 0\.\.7"):
        invert_map(np.full((2, 2), 8, np.uint8), mask, cuts, 64, 60.0)
    with pytest.raises(SettingsError, match=r"outside 1\.\.8"):
        invert_map(np.zeros((2, 2), np.uint8), mask, cuts, 64, 60.0, first_code=1)
    with pytest.raises(SettingsError, match="same shape"):
        invert_map(np.zeros((2, 3), np.uint8), mask, cuts, 64, 60.0)
    assert np.isnan(invert_map(np.full((2, 2), 99, np.uint8), ~mask, cuts, 64, 60.0)).all()


@pytest.mark.parametrize(
    "cuts", [[0, 5, 5, 10], [0, 6, 5, 10], [1, 5, 10], [0, 5, 9], [0], [], [[0, 10], [0, 10]], [0, 11, 10]]
)
def test_no_cuts(cuts):
    with pytest.raises(SettingsError, match="do not rise from 0 to 10"):
        check_cuts(np.array(cuts, np.int64), 10)
    with pytest.raises(SettingsError):
        apply_cuts(np.ones((2, 2), np.uint16), np.array(cuts, np.int64), 10)
    with pytest.raises(SettingsError):
        bin_depths(np.array(cuts, np.int64), 10, 60.0)


@pytest.mark.parametrize(("bins", "first"), [(257, 0), (256, 1), (3, 254), (3, -1)])
def test_more_values_than_8_bits(bins, first):
    with pytest.raises(SettingsError, match="8 bits"):
        map_lut(uniform_cuts(4096, bins), 4096, first)


def test_map_of_an_image_of_another_type():
    with pytest.raises(SettingsError, match="uint16"):
        apply_cuts(np.ones((2, 2), np.uint8), uniform_cuts(64, 8), 64)
