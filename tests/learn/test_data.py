"""The scans of a fold as samples: who learns, which tau, what is mirrored."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dataclasses import replace  # noqa: E402

from gemax_cli.learn.data import (  # noqa: E402
    FaceSamples,
    channels_of,
    fold_scans,
    load_faces,
    normalise,
    pairs_to_test,
    training_pairs,
    with_shared_cuts,
)
from gemax_cli.splits.files import read_split  # noqa: E402
from gemax_cli.stack.folder import OutputFolder  # noqa: E402
from tests.learn.folders import SMALL  # noqa: E402


@pytest.fixture(scope="module")
def split(faces):
    return read_split(OutputFolder(faces), "kf")


@pytest.fixture(scope="module")
def stack(faces, split):
    return load_faces(faces, split, SMALL)


def test_no_subject_stands_on_two_sides(stack, split):
    for number in split.rounds:
        for fold in split.folds(number):
            scans = fold_scans(stack, number, fold, val_subjects=1)
            sides = [set(stack.groups[side].tolist()) for side in scans]
            assert [len(side) for side in sides] == [1, 1, 2]
            assert len(set.union(*sides)) == 4


def test_one_training_subject_is_left_to_learn_from(stack):
    assert len(fold_scans(stack, 0, 0, val_subjects=99).train) == 6


def test_each_scan_and_tau_is_a_training_sample_and_each_scan_a_test(stack):
    scans = fold_scans(stack, 0, 0)
    pairs = training_pairs(stack, scans.train, SMALL)
    assert sorted(map(tuple, pairs.tolist())) == [(scan, tau) for scan in sorted(scans.train) for tau in (0, 1)]
    assert pairs_to_test(stack, scans.test, replace(SMALL, test_tau=8)).tolist() == [[s, 1] for s in scans.test]


def test_a_drawn_tau_per_scan(stack):
    scans, settings = fold_scans(stack, 0, 0), replace(SMALL, tau_sampling="draw")
    drawn = [training_pairs(stack, scans.train, settings, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    assert drawn[0][:, 0].tolist() == scans.train.tolist()
    assert set(drawn[0][:, 1].tolist()) == {0, 1}


def test_a_test_tau_that_is_not_trained_on(faces, split):
    settings = replace(SMALL, taus=(8, 16), test_tau=4)
    stack = load_faces(faces, split, settings)
    assert stack.taus == (4, 8, 16)
    assert set(training_pairs(stack, np.arange(3), settings)[:, 1].tolist()) == {1, 2}
    assert set(pairs_to_test(stack, np.arange(3), settings)[:, 1].tolist()) == {0}


@pytest.mark.parametrize(("name", "count"), [("ri", 1), ("normals", 3), ("curvature", 1), ("gem", 5)])
def test_channels_of_other_maps(faces, split, name, count):
    settings = replace(SMALL, map=name)
    stack = load_faces(faces, split, settings)
    assert channels_of(stack, ("texture", "depth")) == {"texture": 3, "depth": count}
    pairs = training_pairs(stack, np.arange(4), settings)
    assert len(pairs) == 4
    images, label = FaceSamples(stack, pairs, ("depth",))[2]
    assert images["depth"].shape == (count, 32, 32)
    assert label == stack.labels[2]


def test_a_sample_is_mirrored_as_a_whole(stack):
    pairs, streams = np.array([[0, 1], [1, 0]]), ("texture", "depth")
    straight = FaceSamples(stack, pairs, streams)
    mirrored = FaceSamples(stack, pairs, streams, np.array([True, False]))
    for name in streams:
        assert torch.equal(mirrored[0][0][name], straight[0][0][name].flip(-1))
        assert torch.equal(mirrored[1][0][name], straight[1][0][name])


def test_normals_change_sign_in_a_mirror(faces, split):
    stack = load_faces(faces, split, replace(SMALL, map="normals"))
    pairs = np.array([[0, 0]])
    (straight, _), (mirrored, _) = (
        FaceSamples(stack, pairs, ("depth",), np.array([flip]))[0] for flip in (False, True)
    )
    valid = torch.from_numpy(stack.depth16[0] > 0)
    assert torch.equal(mirrored["depth"][0].flip(-1)[valid], 255 - straight["depth"][0][valid])
    assert torch.equal(mirrored["depth"][1:].flip(-1), straight["depth"][1:])


def test_constants_are_of_the_training_scans_alone(stack):
    scans = fold_scans(stack, 0, 0)
    changed = stack.maps.copy()
    changed[scans.test] = 255 - changed[scans.test]
    assert replace(stack, maps=changed).normalisation(scans.train) == stack.normalisation(scans.train)


def test_normalised_faces_have_mean_0_and_deviation_1(stack):
    scans = np.arange(len(stack))
    images = {
        "depth": torch.from_numpy(stack.maps),
        "texture": torch.from_numpy(stack.texture.transpose(0, 3, 1, 2).copy()),
    }
    found = normalise(images, stack.normalisation(scans))
    valid = torch.from_numpy(stack.depth16 > 0)
    for own in found.values():
        face = own.movedim(1, 0)[:, valid]
        assert abs(face.mean().item()) < 1e-4
        assert face.std().item() == pytest.approx(1, abs=1e-3)


def test_shared_cuts_do_not_know_the_test_scans(stack):
    """A mapping fitted on test subjects is a leak."""
    train = fold_scans(stack, 0, 0).train
    shared = with_shared_cuts(stack, train)
    other = stack.depth16.copy()
    rest = np.setdiff1d(np.arange(len(stack)), train)
    other[rest] = other[rest][:, ::-1] // 2
    again = with_shared_cuts(replace(stack, depth16=other), train)
    assert np.array_equal(shared.maps[train], again.maps[train])
    assert shared.maps.shape == stack.maps.shape
    grey = {
        int(code): int(g) for code, g in zip(stack.depth16[train].ravel(), shared.maps[train, 0].ravel(), strict=True)
    }
    assert all(
        grey[int(code)] == int(g)
        for code, g in zip(stack.depth16[train[0]].ravel(), shared.maps[train[0], 0].ravel(), strict=True)
    )
