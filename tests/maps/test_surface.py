"""Slopes and curvatures on surfaces of known curvature, and against a slow least-squares fit."""

import math

import numpy as np
import pytest

from gemax_cli.maps.surface import (
    CURVATURE_RADIUS_MM,
    NORMAL_RADIUS_MM,
    curvatures,
    fit_surface,
    heights,
    normals,
    shape_index,
)
from tests.maps import naive, surfaces

R = 40.0


def fit(surface, radius=CURVATURE_RADIUS_MM, pitch=1.0):
    return fit_surface(surface.depth16, surfaces.DEPTH, pitch, radius)


def terms(found):
    return np.stack([found.zx, found.zy, found.zxx, found.zxy, found.zyy], axis=1)


def test_heights_are_depths_below_the_tip():
    got = heights(np.array([[65535, 1, 0]], np.uint16), 60.0)
    assert got[0, 0] == 0.0
    assert got[0, 1] == pytest.approx(-60.0)
    assert np.isnan(got[0, 2])


def test_a_plane_has_its_slopes_and_no_curvature():
    surface = surfaces.plane(0.3, -0.2)
    found = fit(surface)
    assert np.abs(found.zx - 0.3).max() < 2e-4
    assert np.abs(found.zy + 0.2).max() < 2e-4
    curved = curvatures(found)
    assert np.abs(curved.mean).max() < 1e-3  # the rim's half windows included; 16-bit rounding is all there is
    assert np.abs(curved.gaussian).max() < 1e-6


@pytest.mark.parametrize("make", [surfaces.sphere, surfaces.cylinder, surfaces.saddle])
def test_curvatures_are_those_of_the_surface(make):
    surface = make(R)
    inner = surface.inner(CURVATURE_RADIUS_MM)
    curved = curvatures(fit(surface))
    assert np.abs(curved.mean - surface.mean)[inner].max() < 0.01 / R  # 1 % of a sphere of that radius
    assert np.abs(curved.gaussian - surface.gaussian)[inner].max() < 0.02 / R**2


@pytest.mark.parametrize("make", [surfaces.sphere, surfaces.cylinder, surfaces.saddle])
def test_half_windows_at_the_rim_do_nearly_as_well(make):
    surface = make(R)
    curved = curvatures(fit(surface))
    assert np.abs(curved.mean - surface.mean).max() < 0.12 / R


def test_domes_have_one_sign_and_cups_the_other():
    dome, cup = curvatures(fit(surfaces.sphere(R))), curvatures(fit(surfaces.sphere(R, -1.0)))
    assert dome.mean.max() < 0 < cup.mean.min()
    assert dome.k1.max() < 0
    assert cup.k2.min() > 0


def test_principal_curvatures_of_a_ridge():
    surface = surfaces.cylinder(R)
    curved = curvatures(fit(surface))
    inner = surface.inner(CURVATURE_RADIUS_MM)
    assert np.abs(curved.k1)[inner].max() < 0.02 / R
    assert np.abs(curved.k2 + 1 / R)[inner].max() < 0.03 / R
    assert (curved.k1 >= curved.k2).all()


@pytest.mark.parametrize(
    ("surface", "index"),
    [
        (surfaces.sphere(R), 1.0),
        (surfaces.cylinder(R), 0.75),
        (surfaces.saddle(R), 0.5),
        (surfaces.cylinder(R, -1.0), 0.25),
        (surfaces.sphere(R, -1.0), 0.0),
    ],
)
def test_shape_index_names_the_shape(surface, index):
    found = shape_index(curvatures(fit(surface)))
    middle = np.hypot(surface.x, surface.y) < 6  # a saddle is one of equal curvatures in its middle alone
    assert np.abs(found - index)[middle].max() < 0.02
    assert found.min() >= 0
    assert found.max() <= 1


def test_shape_index_does_not_depend_on_scale():
    small, large = (shape_index(curvatures(fit(surfaces.cylinder(r)))) for r in (30.0, 60.0))
    assert np.abs(small - large).max() < 0.03


def test_a_level_plane_has_a_shape_index_of_one_half():
    flat = np.full((9, 9), 40000, np.uint16)
    assert (shape_index(curvatures(fit_surface(flat, 60.0, 1.0, 3.0))) == 0.5).all()


def test_normals_are_unit_and_exact_on_a_sphere():
    surface = surfaces.sphere(R)
    n = normals(fit(surface, NORMAL_RADIUS_MM))
    assert np.abs(np.linalg.norm(n, axis=1) - 1).max() < 1e-12
    true = np.stack([surface.x, surface.y, np.sqrt(R**2 - surface.x**2 - surface.y**2)], axis=1) / R
    angle = np.degrees(np.arccos(np.clip((n * true).sum(axis=1), -1, 1)))
    assert angle[surface.inner(NORMAL_RADIUS_MM)].max() < 0.2
    assert np.percentile(angle, 98) < 0.6
    assert angle.max() < 2.0  # a pixel that sticks out of the rim has half a neighbourhood


def test_normals_point_right_up_and_to_the_camera():
    n = normals(fit(surfaces.plane(0.5, 0.0), NORMAL_RADIUS_MM))  # rises to the right, so it faces left
    assert n[:, 0].max() < -0.4
    n = normals(fit(surfaces.plane(0.0, 0.5), NORMAL_RADIUS_MM))  # rises upwards, so it faces down
    assert n[:, 1].max() < -0.4
    assert n[:, 2].min() > 0.8


@pytest.mark.parametrize("pitch", [0.5, 2.0])
def test_lengths_are_millimetres_whatever_the_pitch(pitch):
    surface = surfaces.sphere(R, pitch=pitch, reach=13.0)
    found = fit(surface, pitch=pitch)
    inner = surface.inner(CURVATURE_RADIUS_MM)
    assert np.abs(curvatures(found).mean + 1 / R)[inner].max() < 0.04 / R
    assert found.radius_mm == CURVATURE_RADIUS_MM


def test_the_window_has_nine_pixels_at_least_and_twenty_pixels_radius_at_most():
    image = np.full((5, 5), 40000, np.uint16)
    assert fit_surface(image, 60.0, 10.0, 5.0).radius_mm == 15.0
    assert fit_surface(image, 60.0, 0.01, 5.0).radius_mm == pytest.approx(0.2)


@pytest.mark.parametrize("share", [1.0, 0.7, 0.35, 0.1])
@pytest.mark.parametrize("radius", [1.5, 2.3, 3.0])
def test_equals_least_squares_on_random_masks(share, radius):
    rng = np.random.default_rng(int(100 * share + 10 * radius))
    image = rng.integers(20000, 65536, (9, 11)).astype(np.uint16)
    image[rng.random(image.shape) > share] = 0
    found = fit_surface(image, 60.0, 1.0, radius)
    np.testing.assert_allclose(terms(found), naive.quadric(image, 60.0, 1.0, radius), rtol=1e-6, atol=1e-7)


def test_pixels_in_a_line_and_alone_get_a_plane_or_nothing():
    image = np.zeros((9, 9), np.uint16)
    image[4, 1:8] = np.arange(7) * 1000 + 30000  # a line fixes no plane
    image[0, 0] = 50000
    assert (terms(fit_surface(image, 60.0, 1.0, 3.0)) == 0).all()
    image[5, 3] = 33000  # three places off a line fix one, and no quadric
    found = terms(fit_surface(image, 60.0, 1.0, 1.5))
    assert (found[:, 2:] == 0).all()
    assert found[:, 0].max() == pytest.approx(1000 / 65534 * 60, rel=1e-9)


def test_without_a_pixel_there_is_nothing():
    assert terms(fit_surface(np.zeros((5, 6), np.uint16), 60.0, 1.0, 3.0)).shape == (0, 5)


def test_a_pixel_far_away_changes_nothing():
    surface = surfaces.sphere(R)
    before = terms(fit(surface))
    image = surface.depth16.copy()
    image[0, 0] = 65535
    after = terms(fit_surface(image, surfaces.DEPTH, 1.0, CURVATURE_RADIUS_MM))
    assert np.array_equal(before, after[1:])


def test_a_turn_of_the_image_turns_the_slopes():
    surface = surfaces.saddle(R)
    rng = np.random.default_rng(1)
    image = np.where(surface.depth16 > 0, surface.depth16 - rng.integers(0, 50, surface.depth16.shape), 0)
    image = image.astype(np.uint16)
    curved = curvatures(fit_surface(image, 60.0, 1.0, 3.0))
    turned = curvatures(fit_surface(np.ascontiguousarray(np.rot90(image)), 60.0, 1.0, 3.0))
    for name in ("mean", "gaussian", "k1", "k2"):
        field = np.full(image.shape, math.nan)
        field[image > 0] = getattr(curved, name)
        np.testing.assert_allclose(np.rot90(field)[np.rot90(image) > 0], getattr(turned, name), atol=1e-9)
