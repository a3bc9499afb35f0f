from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.face import block_kernels as kernels
from gemax_cli.face.block import cut_depth
from gemax_cli.face.holes import MEMBRANE_MM, CleanedDepth, Limits, clean_depth
from tests.face import naive_raster as naive

LIMITS = Limits(hole=60, speck=12, step=6.0, reach=2, height=3.0)


def picture(text):
    """A depth map from lines of digits (depth in mm) and dots (no data)."""
    return np.array([[np.nan if c == "." else float(c) for c in line] for line in text.split()])


def random_map(seed, shape=(11, 13), share=0.6, levels=(0.0, 1.0, 7.0)):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(shape) < share, rng.choice(levels, shape), np.nan)


def relief(size=60):
    """A nose-like relief: a ridge of 25 mm on a curved face, its sides and ends 70 degrees steep."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return 40 + (x * x + y * y) / 60 - 25 / ((1 + (x / 9) ** 4) * (1 + (y / 18) ** 8))


def label_regions(depth, step, holes):
    """The image of region numbers, 1 on in the order of their first runs, 0 for pixels of the other kind."""
    runs, region = kernels.find_regions(depth, step, holes)
    labels = np.zeros(depth.shape, int)
    for (row, start, stop), number in zip(runs, np.unique(region, return_inverse=True)[1], strict=True):
        assert start < stop
        assert not labels[row, start:stop].any()
        labels[row, start:stop] = number + 1
    return labels


def find_holes(depth, limit=np.inf):
    return kernels.small_regions(depth, np.inf, True, float(limit))


def find_specks(depth, limit, step):
    return kernels.small_regions(depth, step, False, float(limit))


class TestFindRegions:
    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1.0, 6.5, np.inf]), st.booleans(), st.floats(0, 1))
    @pytest.mark.slow
    def test_against_the_reference(self, seed, step, holes, share):
        depth = random_map(seed, share=share)
        labels = label_regions(depth, step, holes)
        found = {frozenset(map(tuple, np.argwhere(labels == n).tolist())) for n in range(1, labels.max() + 1)}
        assert found == naive.regions(depth, step, holes)

    @pytest.mark.parametrize("holes", [False, True])
    def test_against_scipy(self, holes):
        ndimage = pytest.importorskip("scipy.ndimage")
        depth = random_map(1, (90, 70), 0.55)
        labels = label_regions(depth, np.inf, holes)
        around = np.ones((3, 3)) if not holes else None
        want, count = ndimage.label(np.isnan(depth) == holes, around)
        assert labels.max() == count
        assert (labels == want).all()  # both number regions in reading order

    @pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
    @pytest.mark.parametrize("holes", [False, True])
    def test_thin_images(self, shape, holes):
        depth = np.full(shape, np.nan if holes else 1.0)
        assert (label_regions(depth, 0.0, holes) == 1).all()
        assert (label_regions(depth, 0.0, not holes) == 0).all()

    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1.0, np.inf]), st.booleans(), st.floats(0, 1))
    def test_runs_come_in_reading_order_and_a_region_is_its_first(self, seed, step, holes, share):
        runs, region = kernels.find_regions(random_map(seed, share=share), step, holes)
        assert runs[:, :2].tolist() == sorted(runs[:, :2].tolist())
        assert (region <= np.arange(len(runs))).all()
        assert (region[region] == region).all()

    def test_one_region_that_fills_a_large_image(self):
        assert (label_regions(np.zeros((300, 300)), 0.0, False) == 1).all()


class TestSmallRegions:
    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 6.5, np.inf]), st.booleans(), st.integers(0, 30))
    def test_against_the_reference(self, seed, step, holes, most):
        depth = random_map(seed, share=0.5)
        want = naive.small_regions(depth, step, holes, most)
        assert (kernels.small_regions(depth, step, holes, float(most)) == want).all()


class TestFindHoles:
    def test_only_what_the_surface_encloses_is_a_hole(self):
        depth = picture("....... .11111. .1...1. .1.1.1. .1...1. .11111. .......")
        assert np.argwhere(find_holes(depth)).tolist() == [
            [2, 2],
            [2, 3],
            [2, 4],
            [3, 2],
            [3, 4],
            [4, 2],
            [4, 3],
            [4, 4],
        ]

    @pytest.mark.parametrize("turns", range(4))
    def test_a_bay_that_reaches_the_border_is_none(self, turns):
        assert not find_holes(np.rot90(picture("11111 11111 ...11 11111 11111"), turns)).any()

    def test_a_diagonal_chain_of_surface_encloses(self):
        assert find_holes(picture("..1.. .1.1. ..1..")).sum() == 1

    def test_a_diagonal_gap_does_not_open_a_hole(self):
        assert find_holes(picture("1111. 111.1 11.11 11111")).tolist()[2][2]

    @pytest.mark.parametrize(("limit", "count"), [(2, 0), (3, 3), (4, 3), (5, 8), (np.inf, 8)])
    def test_the_limit_is_inclusive(self, limit, count):
        depth = picture("11111111 1...1..1 11111..1 111111.1 11111111")
        assert find_holes(depth, limit).sum() == count

    def test_an_empty_image_has_no_hole(self):
        assert not find_holes(np.full((5, 5), np.nan)).any()


class TestFindSpecks:
    def test_small_pieces_are_specks(self):
        depth = picture("111..2. 111.... 111...3 ......3")
        assert np.argwhere(find_specks(depth, 2, np.inf)).tolist() == [[0, 5], [2, 6], [3, 6]]
        assert find_specks(depth, 1, np.inf).sum() == 1

    def test_the_largest_piece_is_never_one(self):
        assert find_specks(picture("1.2 ..2"), 100, np.inf).tolist() == [[True, False, False], [False, False, False]]

    def test_a_piece_that_hovers_before_the_rest_is_one(self):
        depth = picture("99999 99399 93399 99999")
        assert find_specks(depth, 3, 5.0).sum() == 3
        assert not find_specks(depth, 3, 6.0).any()

    def test_an_empty_image_has_none(self):
        assert not find_specks(np.full((5, 5), np.nan), 10, 1.0).any()


class TestFindSpikes:
    @settings(max_examples=40, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.floats(0.1, 3.0), st.floats(0.4, 1.0))
    def test_against_the_reference(self, seed, reach, height, share):
        depth = random_map(seed, share=share, levels=(0.0, 0.0, 0.5, 1.0, 4.0))
        assert (kernels.find_spike_pixels(depth, reach, height) == naive.spikes(depth, reach, height)).all()

    @pytest.mark.parametrize("slope", [(0.0, 0.0), (5.7, 0.0), (0.0, -11.0), (20.0, 20.0)])
    def test_no_slope_is_a_spike_however_steep(self, slope):
        y, x = np.mgrid[:30, :30]
        assert not kernels.find_spike_pixels(slope[0] * x + slope[1] * y, 2, 3.0).any()

    @pytest.mark.parametrize(("reach", "height"), [(2, 3.0), (3, 3.75), (4, 5.0)])
    def test_the_sides_of_a_nose_stay(self, reach, height):
        assert not kernels.find_spike_pixels(relief(), reach, height).any()

    @pytest.mark.parametrize("height", [-25.0, -4.0, 4.0, 25.0])
    def test_single_pixels_are_found_wherever_they_stand(self, height):
        for place in ((30, 30), (30, 22), (14, 40), (50, 9)):
            depth = relief()
            depth[place] += height
            assert np.argwhere(kernels.find_spike_pixels(depth, 2, 3.0)).tolist() == [list(place)]

    def test_a_step_between_two_surfaces_is_none(self):
        depth = np.full((20, 20), 30.0)
        depth[:, :9] = 10.0
        assert not kernels.find_spike_pixels(depth, 2, 3.0).any()

    def test_a_cone_as_wide_as_the_reach_loses_its_top(self):
        y, x = np.mgrid[:21, :21] - 10
        cone = 30 - np.maximum(0.0, 12.0 - 4.0 * np.hypot(x, y))
        spikes = kernels.find_spike_pixels(cone, 3, 3.0)
        assert spikes[np.hypot(x, y) < 1.5].all()
        assert not spikes[np.hypot(x, y) > 3.0].any()
        assert clean_depth(cone, Limits(60, 12, 6.0, 3, 3.0)).depth.min() > 23  # its top was at 18

    def test_a_pixel_with_less_than_two_pairs_around_is_left_alone(self):
        depth = np.full((9, 9), np.nan)
        depth[4] = 5.0
        depth[4, 4] = 50.0
        assert not kernels.find_spike_pixels(depth, 2, 3.0).any()

    def test_a_reach_of_none_finds_none(self):
        assert not kernels.find_spike_pixels(random_map(3), 0, 0.1).any()


class TestStretchMembrane:
    @pytest.mark.parametrize("seed", range(6))
    def test_against_the_linear_system(self, seed):
        rng = np.random.default_rng(seed)
        depth = rng.uniform(0, 20, (14, 14))
        hole = np.zeros(depth.shape, bool)
        hole[1:-1, 1:-1] = rng.random((12, 12)) < (0.3, 0.6, 0.9)[seed % 3]
        want = naive.membrane(depth, hole)
        got = depth.copy()
        got[hole] = np.nan
        kernels.stretch_membrane(got, hole, 1e-10)
        assert np.abs(got - want).max() < 1e-7
        assert (got[~hole] == depth[~hole]).all()

    def test_the_working_tolerance_is_finer_than_a_micrometre_for_the_holes_that_are_filled(self):
        depth = np.random.default_rng(0).uniform(0, 20, (12, 12))
        hole = np.zeros(depth.shape, bool)
        hole[2:10, 2:10] = True  # 64 pixels
        got = np.where(hole, np.nan, depth)
        kernels.stretch_membrane(got, hole, MEMBRANE_MM)
        assert np.abs(got - naive.membrane(depth, hole)).max() < 1e-3

    def test_a_hole_in_a_plane_is_filled_by_the_plane(self):
        y, x = np.mgrid[:20, :20]
        plane = 0.7 * x - 1.3 * y + 30
        hole = np.hypot(x - 9, y - 11) < 5
        got = np.where(hole, np.nan, plane)
        kernels.stretch_membrane(got, hole, MEMBRANE_MM)
        assert np.abs(got - plane).max() < 1e-3

    def test_what_is_filled_stays_within_its_rim(self):
        rng = np.random.default_rng(7)
        depth = rng.uniform(3, 9, (20, 20))
        hole = np.zeros(depth.shape, bool)
        hole[3:16, 4:9] = hole[5:7, 2:18] = True
        kernels.stretch_membrane(depth, hole, MEMBRANE_MM)
        assert depth.min() >= 3
        assert depth.max() <= 9

    def test_no_hole_changes_nothing(self):
        depth = random_map(2)
        before = depth.tobytes()
        kernels.stretch_membrane(depth, np.zeros(depth.shape, bool), MEMBRANE_MM)
        assert depth.tobytes() == before


class TestCleanDepth:
    def test_a_clean_surface_stays_as_it_is(self):
        cleaned = clean_depth(relief(), LIMITS)
        assert cleaned.depth.tobytes() == relief().tobytes()
        assert not (cleaned.filled | cleaned.spikes | cleaned.specks).any()

    def test_spikes_are_replaced_by_the_surface_around(self):
        depth = relief()
        depth[40, 41] -= 20
        cleaned = clean_depth(depth, LIMITS)
        assert np.argwhere(cleaned.spikes).tolist() == np.argwhere(cleaned.filled).tolist() == [[40, 41]]
        assert abs(cleaned.depth[40, 41] - relief()[40, 41]) < 0.5

    def test_a_hovering_piece_is_replaced_and_a_floating_one_removed(self):
        depth = relief()
        depth[45:48, 10:14] -= 15
        depth[:9] = np.nan
        depth[3, 3] = 20.0
        cleaned = clean_depth(depth, LIMITS)
        assert (cleaned.specks | cleaned.spikes).sum() == 13
        assert cleaned.specks[3, 3]
        assert cleaned.filled.sum() == 12
        assert np.abs(cleaned.depth[9:] - relief()[9:]).max() < 0.5
        assert np.isnan(cleaned.depth[:9]).all()

    def test_small_holes_close_and_large_ones_stay_open(self):
        depth = relief()
        depth[45:52, 8:16] = np.nan  # 56 pixels
        depth[45:53, 30:38] = np.nan  # 64 pixels: an open mouth
        cleaned = clean_depth(depth, LIMITS)
        assert cleaned.filled.sum() == 56
        assert np.isnan(cleaned.depth).sum() == 64

    def test_the_input_is_left_alone(self):
        depth = relief()
        depth[40, 41] -= 20
        before = depth.tobytes()
        assert clean_depth(depth, LIMITS).raw.tobytes() == before == depth.tobytes()

    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.integers(0, 2), st.floats(0.3, 1.0))
    def test_against_the_reference(self, seed, reach, share):
        raw = random_map(seed, share=share, levels=(0.0, 0.0, 0.5, 1.0, 9.0))
        cleaned = clean_depth(raw, Limits(hole=4.0, speck=3.0, step=6.0, reach=reach, height=3.0))
        depth = raw.copy()
        spikes = naive.spikes(depth, reach, 3.0) if reach else np.zeros(depth.shape, bool)
        depth[spikes] = np.nan
        specks = naive.small_regions(depth, 6.0, False, 3.0)
        depth[specks] = np.nan
        filled = naive.small_regions(depth, np.inf, True, 4.0)
        np.testing.assert_array_equal([cleaned.filled, cleaned.spikes, cleaned.specks], [filled, spikes, specks])
        np.testing.assert_allclose(cleaned.depth, naive.membrane(depth, filled), atol=1e-3)
        np.testing.assert_array_equal(cleaned.depth[~filled], depth[~filled])


class TestCut:
    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.floats(1.0, 10.0), st.floats(0.3, 1.0))
    def test_against_the_reference(self, seed, depth_mm, share):
        rng = np.random.default_rng(seed)
        raw, cleaned = (random_map(seed + k, share=share, levels=(-0.5, 0.0, 2.2, 9.0, 12.0)) for k in range(2))
        marks = rng.random((3, *raw.shape)) < 0.2
        codes, counts = cut_depth(CleanedDepth(raw, cleaned, *marks), depth_mm, 3.0)
        depth = np.where(cleaned <= depth_mm, cleaned, np.nan)
        specks = naive.small_regions(depth, np.inf, False, 3.0)
        depth[specks] = np.nan
        np.testing.assert_array_equal(codes, naive.codes(depth, depth_mm))
        filled, spikes, before = marks
        holes = naive.small_regions(depth, np.inf, True, np.inf)
        wanted = filled & (codes > 0), holes, spikes & (raw <= depth_mm), before & (raw <= depth_mm)
        assert list(counts.values()) == [
            wanted[0].sum(),
            wanted[1].sum(),
            wanted[2].sum(),
            wanted[3].sum() + specks.sum(),
        ]
