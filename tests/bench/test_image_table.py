import numpy as np
import pytest

from gemax_cli.bench.images import GREYS, LEVELS, METHODS, bench_images, by_octm, image_table, widest_bin

SIZE = 96


@pytest.fixture(scope="module")
def images():
    return dict(bench_images(SIZE, seed=5))


def test_four_images_of_4096_levels(images):
    assert list(images) == ["thermal", "SAR, dB", "CT", "depth"]
    for level in images.values():
        assert level.shape == (SIZE, SIZE)
        assert level.min() == 0
        assert LEVELS - 4 <= level.max() < LEVELS  # whole numbers leave some levels out


@pytest.mark.parametrize("tau", [20, 60])
def test_octm_keeps_its_bound_and_no_more_than_its_grey_values(images, tau):
    level = images["CT"]
    grey = by_octm(level, tau)
    assert widest_bin(level, grey) <= tau
    assert 0 <= grey.min() <= grey.max() < GREYS
    order = np.argsort(level.ravel(), kind="stable")
    assert (np.diff(grey.ravel()[order]) >= 0).all()


@pytest.mark.slow
def test_no_bounded_rival_has_more_entropy_than_gemax():
    rows = {(row.image, row.method): row for row in image_table(SIZE, seed=5, rounds=1)}
    assert len({image for image, _ in rows}) == 4
    for image in {image for image, _ in rows}:
        for tau in (20, 40, 60):
            ours, octm = rows[image, f"GEMax, tau = {tau}"], rows[image, f"OCTM, d = {tau}"]
            assert ours.bits >= octm.bits - 1e-9
            assert max(ours.widest_bin, octm.widest_bin) <= tau
        best = rows[image, "GEMax, tau = N"].bits
        monotone = [name for name, _ in METHODS if name != "CLAHE"]
        assert all(rows[image, name].bits <= best + 1e-9 for name in monotone)
        assert all(row.ms > 0 for row in rows.values())
