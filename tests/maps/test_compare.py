"""The maps as images: same mask, 8 bits, conventions, entropy."""

from dataclasses import replace

import numpy as np
import pytest

from gemax_cli.codes import level_of_code
from gemax_cli.entropy.figures import map_entropy
from gemax_cli.errors import EmptyHistogram, SettingsError
from gemax_cli.maps.compare import make_comparison_maps
from gemax_cli.maps.registry import COMPARISONS
from gemax_cli.settings import Settings
from tests.maps import surfaces

SURFACE = surfaces.sphere(40.0)
WITHOUT_LIBRARY = tuple(name for name in COMPARISONS if name != "clahe")


def make(name, codes=SURFACE.depth16, **options):
    if name == "clahe":
        pytest.importorskip("skimage")
    (found,) = make_comparison_maps(codes, surfaces.DEPTH, 1.0, [name], **options)
    return found


@pytest.mark.parametrize("name", COMPARISONS)
def test_every_map_has_the_blocks_grid_and_mask(name):
    found = make(name)
    assert found.name == name
    assert found.channels == COMPARISONS[name].channels
    assert found.image.dtype == np.uint8
    assert found.image.shape[:2] == SURFACE.depth16.shape
    assert not found.image[SURFACE.depth16 == 0].any()
    assert found.convention.isascii()
    assert len(found.convention) > 10


@pytest.mark.parametrize("name", COMPARISONS)
def test_entropy_is_of_the_valid_pixels_of_each_channel(name):
    found = make(name)
    planes = found.image.reshape(*found.image.shape[:2], -1)
    mask = SURFACE.depth16 > 0
    bits = [map_entropy(np.ascontiguousarray(planes[..., i]), mask) for i in range(planes.shape[2])]
    assert list(found.entropy) == bits


@pytest.mark.parametrize("name", COMPARISONS)
def test_zero_can_be_kept_for_the_background(name):
    found = make(name, bins=255, first_code=1)
    assert found.image[SURFACE.depth16 > 0].min() >= 1


@pytest.mark.parametrize("name", COMPARISONS)
def test_the_same_input_gives_the_same_bytes(name):
    assert np.array_equal(make(name).image, make(name).image)


def test_maps_come_in_the_order_asked_for_and_share_their_fit():
    names = ("shape-index", "ri", "curvature", "normals")
    maps = make_comparison_maps(SURFACE.depth16, surfaces.DEPTH, 1.0, names)
    assert tuple(m.name for m in maps) == names
    assert all(np.array_equal(m.image, make(m.name).image) for m in maps)


def test_the_range_image_is_uniform():
    codes, mask = SURFACE.depth16, SURFACE.depth16 > 0
    assert np.array_equal(make("ri").image[mask], level_of_code(codes[mask], 4096) // 16)
    few = make("ri", levels=1000, bins=10).image[mask]
    assert np.array_equal(few, level_of_code(codes[mask], 1000) // 100)


def test_stretched_and_equalised_maps_use_the_grey_values_given():
    mask = SURFACE.depth16 > 0
    for name in ("ri-minmax", "he"):
        values = make(name, bins=100, first_code=1).image[mask]
        assert (values.min(), values.max()) == (1, 100)


def test_normals_are_coded_as_the_formula_says():
    tilted = surfaces.plane(0.3, -0.2)
    middle = make("normals", tilted.depth16).image[20, 20].astype(float)
    length = np.sqrt(1 + 0.3**2 + 0.2**2)
    assert np.abs(middle - 255 * (np.array([-0.3, 0.2, 1.0]) / length + 1) / 2).max() <= 0.51


def test_domes_are_bright_in_all_maps_of_curvature():
    dome, cup = surfaces.sphere(40.0).depth16, surfaces.sphere(40.0, -1.0).depth16
    for name in ("curvature", "curvature-k1", "curvature-k2", "shape-index"):
        assert make(name, dome).image[20, 20] > 127 > make(name, cup).image[20, 20]
    assert make("curvature-gaussian", dome).image[20, 20] == make("curvature-gaussian", cup).image[20, 20] > 127


def test_curvature_is_coded_as_the_convention_says():
    found = make("curvature")
    assert found.convention.startswith("127.5 (1 - tanh(H / 0.05 per mm))")
    assert "within 5 mm" in found.convention
    assert abs(int(found.image[20, 20]) - 127.5 * (1 + np.tanh(1 / 40 / 0.05))) <= 1.0
    assert make("shape-index").image[20, 20] >= 250


def test_a_ridge_and_a_plane():
    ridge = make("shape-index", surfaces.cylinder(40.0).depth16).image[20, 20]
    assert abs(int(ridge) - 255 * 0.75) <= 3
    flat = np.full((9, 9), 30000, np.uint16)
    assert (make("shape-index", flat).image == 128).all()
    assert (make("curvature", flat).image == 128).all()


def test_the_window_is_told_as_it_was():
    (found,) = make_comparison_maps(SURFACE.depth16, surfaces.DEPTH, 10.0, ["normals"])
    assert "within 15 mm" in found.convention


def test_no_pixel_and_unknown_names_are_told():
    with pytest.raises(EmptyHistogram):
        make_comparison_maps(np.zeros((4, 4), np.uint16), 60.0, 1.0, ["ri"])
    with pytest.raises(SettingsError, match="'mesh' is no comparison map: give any of ri,"):
        make_comparison_maps(SURFACE.depth16, 60.0, 1.0, ["mesh"])


@pytest.mark.parametrize("name", WITHOUT_LIBRARY)
def test_a_lone_pixel_makes_every_map(name):
    codes = np.zeros((5, 5), np.uint16)
    codes[2, 2] = 40000
    assert make(name, codes).entropy == (0.0,) * len(COMPARISONS[name].channels)


def test_settings_order_and_check_the_names():
    chosen = Settings(maps=("curvature", "ri", "ri", "normals"))
    assert chosen.maps == ("ri", "normals", "curvature")
    assert chosen.map_channels == ("ri", "normals-x", "normals-y", "normals-z", "curvature")
    with pytest.raises(SettingsError, match="no comparison map"):
        Settings(maps=("RI",))


def test_comparison_maps_are_no_part_of_the_digest():
    assert replace(Settings(), maps=("ri",)).digest == Settings().digest
    assert Settings(depths=(70,)).digest != Settings().digest


def test_settings_tell_of_a_missing_library_before_the_work_starts(monkeypatch):
    monkeypatch.setattr("gemax_cli.maps.registry.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="clahe needs scikit-image"):
        Settings(maps=("clahe",))
    Settings(maps=("ri", "he"))
