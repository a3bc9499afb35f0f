import numpy as np
import pytest

from gemax_cli.synthetic.face import FaceShape
from gemax_cli.synthetic.paint import HAIRS, IRISES, LIGHT, SKINS, Complexion, draw_complexion, picture, shading
from gemax_cli.synthetic.subject import Identity, make_motion

LOOKS = Complexion(SKINS[1], HAIRS[0], IRISES[1])


def colour(x, y, expression="NE", light=1.0):
    place = np.array([[float(x)]]), np.array([[float(y)]])
    face = FaceShape(Identity(), make_motion(expression, 4))
    return picture(face, LOOKS, *place, np.full((1, 1), light))[0, 0].astype(int)


def test_plain_skin_has_the_colour_of_skin():
    assert colour(55, 30).tolist() == pytest.approx(LOOKS.skin, abs=1)


@pytest.mark.parametrize("side", [-1, 1])
def test_features_are_painted_where_they_lie(side):
    assert colour(side * 31.5, 35.6).max() < 60  # pupil
    assert colour(side * 22, 34.4).min() > 150  # white of the eye
    assert colour(side * 30, 54.5).max() < 110  # brow
    assert colour(side * 6.8, -10.2).max() < 120  # nostril


def test_lips_are_redder_than_the_skin():
    skin, lip = colour(40, -34), colour(4, -39)
    assert lip[1] / lip[0] < 0.75 * skin[1] / skin[0]


def test_an_open_mouth_is_dark_below_its_teeth():
    assert colour(0, -44, "SU").max() < 90
    assert colour(0, -33, "SU").min() > 150
    assert colour(0, -36).min() < 130


def test_light_scales_colours():
    assert (2 * colour(55, 30, light=0.4)).tolist() == pytest.approx(colour(55, 30, light=0.8).tolist(), abs=2)


def light_on(slope_x, slope_y):
    """Brightness of a plane: on a grid of 2 mm whose rows run down, and on one whose rows run up."""
    x, y = np.meshgrid(np.arange(0.0, 8.0, 2.0), np.arange(0.0, 8.0, 2.0))
    up = shading(slope_x * x + slope_y * y, 2.0, 2.0)
    assert np.ptp(up) < 1e-12
    assert shading(slope_x * x - slope_y * y, 2.0, -2.0) == pytest.approx(up)
    return float(up[0, 0])


def test_shading_is_brightest_towards_the_lamp():
    level, towards, away = map(light_on, (0.0, -LIGHT[0] / LIGHT[2], 50.0), (0.0, -LIGHT[1] / LIGHT[2], -1.0))
    assert 0 < away < level < towards < 1.01


def test_picture_has_the_shape_of_its_places():
    x, y = np.meshgrid(np.linspace(-70, 70, 9), np.linspace(-80, 80, 7))
    image = picture(FaceShape(Identity()), LOOKS, x, y, np.ones_like(x))
    assert image.shape == (7, 9, 3)
    assert image.dtype == np.uint8


def test_complexions_come_from_the_palettes_and_vary():
    drawn = [draw_complexion(np.random.default_rng(seed)) for seed in range(40)]
    assert {d.skin for d in drawn} == set(SKINS)
    assert {d.hair for d in drawn} <= set(HAIRS)
    assert {d.iris for d in drawn} <= set(IRISES)
