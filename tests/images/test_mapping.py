"""One image: levels, cuts, maps and back, over generated images of every type, scale and flaw."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemax_cli.entropy.solver import optimal_cuts
from gemax_cli.errors import BadFormat, EmptyScan, InfeasibleTau, SettingsError
from gemax_cli.images.levels import Counter, cell_of, cell_start, level_grid, pooled_counts
from gemax_cli.images.mapping import map_image
from gemax_cli.images.settings import ImageSettings
from gemax_cli.synthetic.images import sar_image, thermal_image
from tests.images import naive

TYPES = ("uint8", "int8", "uint16", "int16", "int32", "uint32", "int64", "float16", "float32", "float64")
SCALES = ("linear", "sqrt", "log", "db")


def make_values(rng, dtype, shape=(40, 50)):
    """An image of one type in one of the shapes that images have: crowded, uniform, of few values, of full range."""
    kind, info = rng.integers(5), np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else np.finfo(dtype)
    if kind == 0:
        values = rng.choice(rng.normal(60, 30, int(rng.integers(1, 6))), shape)
    elif kind == 1 and np.dtype(dtype).kind in "iu":
        return rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
    elif kind == 2:
        values = rng.exponential(20.0, shape)
    else:
        values = rng.normal(50, 25, shape)
    return np.clip(values, max(info.min, -6e4), min(info.max, 6e4)).astype(dtype)


def check_image(image, settings, found=None):
    """Every property that a mapped image must have; returns the worst ratio of error to bound."""
    found = found or map_image(image, settings)
    grid, values = found.mapping.grid, image.astype(np.float64)
    clipped = np.clip(values, grid.low, grid.high)
    for tau, solution in found.mapping.solutions:
        grey, bins = found.maps[tau.text], found.mapping.bins(solution.cuts)
        assert grey.dtype == np.uint8
        assert (grey[~found.mask] == 0).all()
        assert (grey[found.mask] >= found.mapping.first_code).all()
        assert solution.max_bin <= solution.tau
        back = bins.values(grey, found.mask).astype(np.float64)
        assert np.isnan(back[~found.mask]).all()
        error = np.abs(back - clipped)[found.mask]
        assert error.max() <= bins.bound * (1 + 1e-12), (grid, error.max(), bins.bound)
        to = naive.SCALES[grid.scale][0]
        if grid.rule == "even":
            on_scale = [
                abs(to(b) - to(v)) for b, v in zip(back[found.mask][:60], clipped[found.mask][:60], strict=True)
            ]
            assert max(on_scale) <= bins.bound_on_scale * (1 + 1e-9) + 1e-12
        order = np.argsort(clipped[found.mask], kind="stable")
        assert (np.diff(grey[found.mask][order].astype(int)) >= 0).all()  # monotone
        assert solution.entropy == pytest.approx(naive.entropy(grey[found.mask].tolist()), abs=1e-9)
    return found


@pytest.mark.parametrize(("dtype", "scale"), list(itertools.product(TYPES, SCALES)))
def test_every_inverse_lies_within_its_bound(dtype, scale):
    for seed in range(4):
        rng = np.random.default_rng([seed, TYPES.index(dtype), SCALES.index(scale)])
        image = make_values(rng, dtype)
        taus, reserve = ("1x", "2.5x", "40%"), bool(rng.integers(2))
        settings = ImageSettings(taus, scale, bins=int(rng.choice([256, 200, 17])), reserve_zero=reserve)
        if scale in ("log", "db") and not (image > 0).any():
            with pytest.raises(SettingsError, match="scale"):
                map_image(image, settings)
            continue
        check_image(image, settings)


@pytest.mark.parametrize("span", ["10:90", "p1:p99", "p0:p100", "auto"])
@pytest.mark.parametrize("scale", SCALES)
def test_ranges_clip_to_their_ends(span, scale):
    image = np.random.default_rng(3).gamma(2.0, 25.0, (60, 50)).astype(np.float32)
    asked = "10:19.5" if scale == "db" and span == "10:90" else span
    found = check_image(image, ImageSettings(("1.25x", "4x"), scale, range=asked))
    grid = found.mapping.grid
    if span == "10:90":
        assert (grid.low, grid.high) == pytest.approx((10, 10**1.95 if scale == "db" else 90))
    if span == "p1:p99":
        outside = (image < grid.low).mean(), (image > grid.high).mean()
        assert max(outside) <= 0.01
        assert (grid.low, grid.high) == pytest.approx(
            np.percentile(image, [1, 99], method="inverted_cdf").tolist(), rel=4e-4
        )


def test_levels_of_a_continuous_range_are_even_on_the_scale():
    image = np.random.default_rng(4).gamma(2.0, 25.0, 2000).astype(np.float32).reshape(40, 50)
    for scale in SCALES:
        grid = map_image(image, ImageSettings(scale=scale)).mapping.grid
        of_each = [naive.level_of(float(v), grid.low, grid.high, 4096, scale) for v in image.ravel()]
        assert np.abs(grid.level_of(image.ravel()) - of_each).max() <= 1
        assert (grid.level_of(image.ravel()) != of_each).mean() < 0.01


# --- the images that the issue names


def test_sixteen_bits_with_0_and_65535_both_data():
    image = np.random.default_rng(0).integers(0, 65536, (300, 300), dtype=np.uint16)
    image[0, :2] = 0, 65535
    found = check_image(image, ImageSettings())
    assert found.mask.all()
    grid = found.mapping.grid
    assert (grid.low, grid.high, grid.levels) == (0, 65535, 4096)
    assert all(grey[0, 0] == 0 and grey[0, 1] == 255 for grey in found.maps.values())


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_three_values_make_three_grey_values_and_come_back_exactly(dtype):
    values = np.array([1, 90, 125] if dtype == np.uint8 else [3, 1000, 32000], dtype)
    image = np.random.default_rng(1).choice(values, (30, 30))
    found = check_image(image, ImageSettings())
    (_, solution), *_ = found.mapping.solutions
    assert (found.mapping.grid.levels, solution.bins) == (3, 3)
    bins = found.mapping.bins(solution.cuts)
    assert bins.bound == 0
    assert np.array_equal(bins.values(found.maps["1.25x"]), image)
    assert set(np.unique(found.maps["1.25x"])) == {0, 1, 2}


@pytest.mark.parametrize("value", [np.uint8(7), np.int16(-5), np.uint16(65535), np.float32(0.1), np.float64(-1e300)])
def test_one_value(value):
    found = map_image(np.full((5, 6), value), ImageSettings())
    assert found.mapping.grid.levels == 1
    assert all((grey == 0).all() for grey in found.maps.values())
    (_, solution), *_ = found.mapping.solutions
    assert solution.entropy == 0
    assert (found.mapping.bins(solution.cuts).values(found.maps["1.25x"]) == value).all()


@pytest.mark.parametrize(
    ("image", "nodata"),
    [(np.zeros((4, 4), np.uint16), "0"), (np.full((4, 4), np.nan, np.float32), "file"),
     (np.full((4, 4), np.inf), "nan"), (np.full((4, 4), -9999, np.float32), "-9999")],
)  # fmt: skip
def test_all_nodata_is_refused_in_a_sentence(image, nodata):
    with pytest.raises(EmptyScan, match="no pixel with data"):
        map_image(image, ImageSettings(nodata=nodata))


def test_nan_and_infinities_are_no_data():
    image = np.random.default_rng(2).normal(0, 1, (50, 60)).astype(np.float32)
    image[3, 4], image[5, 6], image[7, 8] = np.nan, np.inf, -np.inf
    found = check_image(np.where(np.isfinite(image), image, 0).astype(np.float32), ImageSettings(), map_image(image))
    assert (~found.mask).sum() == 3
    assert not found.mask[[3, 5, 7], [4, 6, 8]].any()
    with pytest.raises(BadFormat, match="NaN or infinite"):
        map_image(image, ImageSettings(nodata="none"))


def test_signed_values_around_zero():
    image = np.random.default_rng(2).integers(-1000, 1000, (80, 80)).astype(np.int16)
    found = check_image(image, ImageSettings())
    assert found.mapping.grid.low < 0 < found.mapping.grid.high
    assert found.mapping.grid.rule == "whole"


def test_zero_is_data_unless_it_is_said_not_to_be():
    image = np.arange(900, dtype=np.uint16).reshape(30, 30)
    assert map_image(image).mask.all()
    found = map_image(image, ImageSettings(nodata="0", reserve_zero=True))
    assert (~found.mask).sum() == 1
    assert (found.maps["1.25x"] == 0).sum() == 1


def test_values_too_far_apart_for_floating_point_are_refused():
    image = np.random.default_rng(0).uniform(-1, 1, (30, 30)) * 1.7e308
    with pytest.raises(SettingsError, match="too far apart"):
        map_image(image)
    check_image(image / 1e9, ImageSettings())


@pytest.mark.parametrize("tau", ["3", "0.1%"])
def test_a_tau_that_is_too_small_says_the_smallest(tau):
    image = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    with pytest.raises(InfeasibleTau, match="use tau = 16 or more"):
        map_image(image, ImageSettings((tau,)))


@pytest.mark.parametrize("image", [np.zeros((3, 3, 3)), np.zeros((0, 3)), np.zeros((3, 3), complex), np.array(["a"])])
def test_no_image(image):
    with pytest.raises(SettingsError, match="give"):
        map_image(image)


# --- counting


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=60))
def test_cells_keep_the_order_of_floats(values):
    values = np.sort(np.array(values, np.float32))
    cells = cell_of(values)
    assert (np.diff(cells) >= 0).all()
    starts = cell_start(cells)
    assert (starts <= values).all()
    assert (values - starts <= 2.0**-12 * np.abs(values) + 2e-42).all()


def test_counts_of_a_set_are_those_of_all_its_pixels():
    rng = np.random.default_rng(5)
    for dtypes in (("uint8", "int16", "uint16"), ("float32", "float64", "int32")):
        images = [make_values(rng, dtype) for dtype in dtypes]
        parts = []
        for image in images:
            counter = Counter(image.dtype)
            counter.add(image.ravel())
            parts.append(counter.result())
        whole = pooled_counts(parts)
        assert whole.pixels == sum(image.size for image in images)
        assert whole.low == min(image.min() for image in images)
        assert whole.high == max(image.max() for image in images)
        assert (np.diff(whole.values) > 0).all()
        grid = level_grid(whole, ImageSettings())
        assert grid.low == whole.low


def test_a_set_of_16_bits_and_floats_is_counted_in_cells():
    short, floats = np.arange(900, dtype=np.uint16), np.linspace(-3, 4000, 5000).astype(np.float32)
    parts = []
    for image in (short, floats):
        counter = Counter(image.dtype)
        counter.add(image)
        parts.append(counter.result())
    whole = pooled_counts(parts)
    assert [part.exact for part in parts] == [True, False]
    assert (whole.exact, whole.whole, whole.pixels, whole.low, whole.high) == (False, False, 5900, -3, 4000)


def test_few_values_are_counted_one_by_one_until_there_are_too_many():
    rng = np.random.default_rng(8)
    counter, seen = Counter(np.dtype(np.float64)), []
    for size in (3, 100, 256, 300):
        values = rng.choice(rng.normal(0, 1, size), 5000)
        counter.add(values)
        seen.append(values)
        found = counter.result()
        distinct = np.unique(np.concatenate(seen))
        assert found.exact is (distinct.size <= 256)
        assert found.pixels == 5000 * len(seen)
        if found.exact:
            assert np.array_equal(found.values, distinct)


# --- what METHOD says of SAR and thermal images


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_sar_has_no_entropy_in_linear_levels_and_nearly_all_of_it_in_decibels(seed):
    image, _ = sar_image(seed)
    linear = map_image(image, ImageSettings(("20", "60")))
    decibels = map_image(image, ImageSettings(("20", "60"), "db"))
    assert all(found.entropy < 0.15 for _, found in linear.mapping.solutions)
    (_, narrow), (_, wide) = decibels.mapping.solutions
    assert 6.8 <= narrow.entropy <= 7.2
    assert 7.7 <= wide.entropy <= 7.95


def test_a_thermal_image_gains_bits_over_uniform_quantisation():
    image, celsius = thermal_image(7, 256)
    found = map_image(image, ImageSettings(("2.5x",)))
    (_, solution), *_ = found.mapping.solutions
    uniform = naive.entropy(found.mapping.bins(found.mapping.uniform).grey(image).ravel().tolist())
    assert solution.entropy > uniform + 2
    back = (found.mapping.bins(solution.cuts).values(found.maps["2.5x"]).astype(float) - 6829) * 0.04
    noise = 6 * 0.05 + 0.02
    assert np.abs(back - celsius).max() <= found.mapping.bins(solution.cuts).bound * 0.04 + noise
    assert solution.entropy == optimal_cuts(np.bincount(image.ravel() - int(image.min())), 256, solution.tau).entropy
