import math
from dataclasses import astuple, fields

import numpy as np
import pytest

from gemax_cli.errors import SettingsError
from gemax_cli.synthetic.subject import EXPRESSIONS, PEAKS, Identity, Motion, draw_identity, make_motion, vary_motion


def test_identity_is_the_same_for_the_same_seed_only():
    drawn = [draw_identity(np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


# Uniform numbers are integer arithmetic and the rest is + - *, so these hold on every platform.
GOLDEN = {"width": 0.992310818, "nose_length": 37.646330707, "mouth_width": 25.701041402, "style": 0.910266743}


def test_identity_golden():
    drawn = draw_identity(np.random.default_rng(2024))
    assert {name: round(getattr(drawn, name), 9) for name in GOLDEN} == GOLDEN


def test_measures_stay_plausible_and_vary():
    drawn = np.array([astuple(draw_identity(np.random.default_rng(seed))) for seed in range(200)])
    mean = np.array(astuple(Identity()))
    assert (drawn.std(axis=0) > 0).all()
    signed = {"forehead", "nose_hump", "nose_skew", "cheek_fat"}
    positive = [f.name not in signed for f in fields(Identity)]
    assert (drawn[:, positive] > 0).all()
    assert (np.abs(drawn.mean(axis=0) - mean) < 0.2 * np.abs(drawn - mean).max(axis=0)).all()


def test_neutral_is_no_motion():
    assert make_motion("NE", 0) == make_motion("NE", 4) == make_motion("HA", 0) == Motion()


@pytest.mark.parametrize("expression", EXPRESSIONS[1:])
def test_levels_are_one_motion_of_growing_strength(expression):
    peak = np.array(astuple(PEAKS[expression]))
    gains = []
    for level in (1, 2, 3, 4):
        moved = np.array(astuple(make_motion(expression, level)))
        gain = moved[peak != 0] / peak[peak != 0]
        assert gain == pytest.approx(gain[0])
        assert (moved[peak == 0] == 0).all()
        gains.append(gain[0])
    assert gains == sorted(set(gains))
    assert gains[-1] == 1.0


def test_gain_scales_a_motion():
    assert make_motion("SU", 4, 0.5).jaw == 0.5 * make_motion("SU", 4).jaw


@pytest.mark.parametrize(
    ("expression", "level", "word"), [("XX", 1, "expression"), ("HA", 5, "level"), ("HA", -1, "level")]
)
def test_what_is_no_expression_is_refused(expression, level, word):
    with pytest.raises(SettingsError, match=f"^{word} is .*give"):
        make_motion(expression, level)


def test_variation_keeps_sign_and_size(random):
    motion = make_motion("FE", 4)
    varied = vary_motion(motion, random, spread=0.1)
    assert varied != motion
    for before, after in zip(astuple(motion), astuple(varied), strict=True):
        assert math.isclose(before, after, rel_tol=0.1)
