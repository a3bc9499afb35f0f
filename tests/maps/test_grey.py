"""Range compression: textbook references, and the libraries that do the same."""

import numpy as np
import pytest

from gemax_cli.codes import level_of_code
from gemax_cli.errors import SettingsError
from gemax_cli.maps import grey
from tests.maps import naive


def image(seed=0, shape=(24, 20), background=0.3):
    rng = np.random.default_rng(seed)
    codes = rng.gamma(3.0, 4000.0, shape).clip(1, 65535).astype(np.uint16)
    codes[rng.random(shape) < background] = 0
    return codes


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("levels", [256, 4096, 1000])
@pytest.mark.parametrize("values", [256, 255, 2])
def test_equalisation_is_the_textbooks(seed, levels, values):
    codes = image(seed)
    pixels = level_of_code(codes[codes > 0], levels).tolist()
    assert grey.equalised(codes, levels, values).tolist() == naive.equalised(pixels, values)


def test_equalisation_is_opencvs_where_it_has_as_many_levels():
    cv2 = pytest.importorskip("cv2")
    codes = image(background=0.0)
    eight = level_of_code(codes, 256).astype(np.uint8)
    ours = grey.equalised(codes, 256).reshape(codes.shape)
    # OpenCV rounds in single precision: a half may fall to either side
    assert np.abs(ours - cv2.equalizeHist(eight).astype(int)).max() <= 1
    assert (ours != cv2.equalizeHist(eight)).mean() < 0.01


def test_equalisation_is_near_scikit_images():
    exposure = pytest.importorskip("skimage.exposure")
    codes = image(3, (60, 60))
    mask = codes > 0
    theirs = 255 * exposure.equalize_hist(level_of_code(codes, 4096), nbins=4096, mask=mask)[mask]
    assert np.abs(grey.equalised(codes, 4096) - theirs).max() < 2.0  # scikit-image does not subtract the lowest level


def test_equalisation_keeps_order_and_uses_the_whole_range():
    codes = image(1, (80, 80))
    values = grey.equalised(codes, 4096)
    order = np.argsort(codes[codes > 0], kind="stable")
    assert (np.diff(values[order]) >= 0).all()
    assert (values.min(), values.max()) == (0, 255)


@pytest.mark.parametrize("make", [grey.stretched, lambda codes: grey.equalised(codes, 4096)])
def test_a_single_depth_is_black_and_no_pixel_is_no_value(make):
    assert make(np.full((3, 3), 777, np.uint16)).tolist() == [0] * 9
    assert make(np.array([[0, 5]], np.uint16)).tolist() == [0]


def test_stretching_spans_the_range():
    codes = np.array([[0, 1000, 2000, 3000]], np.uint16)
    assert grey.stretched(codes).tolist() == [0, 128, 255]
    assert grey.stretched(codes, 255).tolist() == [0, 127, 254]
    assert grey.stretched(np.array([[1, 65535]], np.uint16)).tolist() == [0, 255]


@pytest.mark.parametrize("seed", range(3))
def test_stretching_rounds(seed):
    codes = image(seed)
    pixels = codes[codes > 0].astype(float)
    share = (pixels - pixels.min()) / np.ptp(pixels)
    assert np.abs(grey.stretched(codes) - 255 * share).max() <= 0.5


def test_clahe_is_scikit_images_where_there_is_no_background():
    exposure = pytest.importorskip("skimage.exposure")
    codes = image(background=0.0, shape=(64, 48))
    level = level_of_code(codes, 4096) / 4095
    theirs = exposure.equalize_adapthist(level, kernel_size=(8, 6), clip_limit=0.01, nbins=256)
    assert np.array_equal(grey.contrast_limited(codes, 4096), theirs.ravel())


def test_clahe_does_not_see_the_background():
    pytest.importorskip("skimage")
    y, x = np.mgrid[:64, :64]
    codes = (30000 + 200 * x).astype(np.uint16)
    masked = np.where(y < 32, codes, 0).astype(np.uint16)
    # rows do not differ, and the background takes its nearest pixels' values: it is as if it were not there
    whole = grey.contrast_limited(codes, 4096).reshape(codes.shape)[:32].ravel()
    assert np.array_equal(grey.contrast_limited(masked, 4096), whole)


def test_clahe_raises_contrast_within_the_range():
    pytest.importorskip("skimage")
    codes = image(2, (64, 64))
    values = grey.contrast_limited(codes, 4096)
    assert values.shape == (np.count_nonzero(codes),)
    assert values.min() >= 0
    assert values.max() <= 1
    assert values.std() > (level_of_code(codes[codes > 0], 4096) / 4095).std()


def test_clahe_without_its_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "skimage.exposure", None)
    with pytest.raises(SettingsError, match="pip install scikit-image"):
        grey.contrast_limited(image(), 4096)


def test_a_tile_has_a_pixel_at_least():
    assert [grey.clahe_tile(side) for side in (224, 8, 7, 1)] == [28, 1, 1, 1]
