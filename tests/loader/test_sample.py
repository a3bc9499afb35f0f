"""Geometric transforms move all modalities together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemax_cli.errors import SettingsError
from gemax_cli.loader.sample import Landmarks, Sample, mirrored_name, mirrored_names
from gemax_cli.synthetic.landmarks import NAMES

SIDE = 16


def sample(seed):
    """A sample whose every image holds the number of its pixel, and a landmark at some of the pixels."""
    random = np.random.default_rng(seed)
    codes = np.arange(1, SIDE * SIDE + 1, dtype=np.uint16).reshape(SIDE, SIDE)
    codes[random.random(codes.shape) < 0.3] = 0
    low, valid = (codes % 251).astype(np.uint8), codes > 0
    places = np.argwhere(valid)[:: len(codes)][:, ::-1]
    marks = Landmarks(
        tuple(f"Left point {i}" for i in range(len(places))),
        np.column_stack([places, codes[places[:, 1], places[:, 0]]]).astype(float),
        np.ones(len(places), bool),
    )
    texture = np.stack([low, 255 - low, low // 2], -1)
    mask = np.where(valid, 255, 0).astype(np.uint8)
    names = tuple((name, name.replace("Left", "Right")) for name in marks.names)
    return Sample(np.stack([low, low]), ("gemax_tau020", "normals-x"), codes, 60.0, 4, texture, mask, marks, names)


def holds_together(one):
    """Whether every modality still says what its pixel was."""
    low = (one.depth16 % 251).astype(np.uint8)
    assert (one.maps[0] == low).all()
    valid = one.valid
    assert (one.texture[valid] == np.stack([low, 255 - low, low // 2], -1)[valid]).all()
    assert ((one.mask > 0) == valid).all()
    for column, row, code in one.landmarks.places:
        if 0 <= column < SIDE and 0 <= row < SIDE:
            assert one.depth16[int(row), int(column)] == code


@given(st.integers(0, 99))
def test_a_flip_keeps_all_in_step(seed):
    before = sample(seed)
    holds_together(before)
    one = before.flipped()
    holds_together(one)
    assert (one.depth16 == before.depth16[:, ::-1]).all()
    assert (one.maps[1][one.valid] == 255 - one.maps[0][one.valid]).all()  # x component of a normal
    assert not one.maps[1][~one.valid].any()
    assert all(name.startswith("Right") for name in one.landmarks.names)
    assert one.label == 4


@given(st.integers(0, 99))
def test_two_flips_are_none(seed):
    before = sample(seed)
    after = before.flipped().flipped()
    for name in ("maps", "depth16", "texture", "mask"):
        assert (getattr(after, name) == getattr(before, name))[..., before.valid if name != "texture" else 0].all()
    assert np.allclose(after.landmarks.places, before.landmarks.places)


@given(st.integers(0, 99), st.integers(1 - SIDE, SIDE - 1), st.integers(1 - SIDE, SIDE - 1))
def test_a_shift_keeps_all_in_step(seed, columns, rows):
    before = sample(seed)
    one = before.shifted(columns, rows)
    holds_together(one)
    for row in range(SIDE):
        for column in range(SIDE):
            there = 0 <= row - rows < SIDE and 0 <= column - columns < SIDE
            assert one.depth16[row, column] == (before.depth16[row - rows, column - columns] if there else 0)


def test_a_shift_beyond_the_image():
    with pytest.raises(SettingsError, match="leaves the image"):
        sample(0).shifted(SIDE, 0)


def test_a_flip_leaves_the_original_alone():
    before = sample(3)
    kept = before.depth16.copy(), before.maps.copy()
    after = before.flipped()
    after.maps[:] = 0
    after.depth16[:] = 0
    assert (before.depth16 == kept[0]).all()
    assert (before.maps == kept[1]).all()


def test_depth_is_metric():
    one = sample(5)
    assert one.depth.dtype == np.float32
    assert np.allclose(one.depth[one.valid], 60 * (65535 - one.depth16[one.valid].astype(float)) / 65534)
    assert not one.depth[~one.valid].any()


def test_names_with_sides():
    assert mirrored_name("Outer left eyebrow") == "Outer right eyebrow"
    assert mirrored_name("Right nose peak") == "Left nose peak"
    assert mirrored_name("Nose tip") == "Nose tip"
    assert sorted(map(mirrored_name, NAMES)) == sorted(NAMES)
    assert all(mirrored_name(mirrored_name(name)) == name for name in NAMES)


def test_numbered_points_are_paired_by_place():
    random = np.random.default_rng(7)
    half = np.column_stack([random.uniform(4, 60, 40), random.uniform(-80, 80, 40)])
    middle = np.column_stack([np.zeros(3), [-60.0, 0.0, 60.0]])
    truth = np.add(np.concatenate([half, half * [-1, 1], middle]), 111.5)
    order = random.permutation(83)
    names = [f"bnd_{i}" for i in range(83)]
    seen = [truth[order] + random.normal(0, 0.3, (83, 2)) for _ in range(6)]
    marks = [Landmarks(tuple(names), np.pad(places, ((0, 0), (0, 1))), np.ones(83, bool)) for places in seen]
    found = dict(mirrored_names(marks, 224))
    partner = np.concatenate([np.arange(40, 80), np.arange(40), np.arange(80, 83)])
    back = np.argsort(order)
    for i in range(83):
        assert found.get(names[i], names[i]) == names[back[partner[order[i]]]]


def test_a_folder_of_both_databases():
    places = np.array([[4.0, 5, 0], [11, 5, 0], [7.5, 9, 0]])
    ours = Landmarks(("Left eye", "Right eye", "Nose tip"), places, np.ones(3, bool))
    theirs = Landmarks(("bnd_0", "bnd_1", "bnd_2"), places, np.ones(3, bool))
    empty = Landmarks((), np.zeros((0, 3)), np.ones(0, bool))
    assert dict(mirrored_names([ours, theirs, empty], 16)) == {
        "Left eye": "Right eye", "Right eye": "Left eye", "bnd_0": "bnd_1", "bnd_1": "bnd_0",
    }  # fmt: skip
    assert mirrored_names([], 16) == ()
