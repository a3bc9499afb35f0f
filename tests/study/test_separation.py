"""Variance ratios and the classifier on images whose answer is known."""

import sys

import numpy as np
import pytest

from gemax_cli.study import separation
from gemax_cli.study.separation import accuracy, class_means, pooled, variance_ratio, why_no_accuracy

SIX = ("AN", "DI", "FE", "HA", "SA", "SU")


def faces(subjects=6, subject=1.0, expression=1.0, noise=0.1, seed=0, pixels=40):
    """Images = a pattern per subject + a pattern per expression + noise."""
    rng = np.random.default_rng(seed)
    who, what = rng.normal(size=(subjects, pixels)), rng.normal(size=(len(SIX), pixels))
    labels = [(p, e) for p in range(subjects) for e in range(len(SIX))]
    images = [subject * who[p] + expression * what[e] + noise * rng.normal(size=pixels) for p, e in labels]
    return np.array(images), np.array([SIX[e] for _, e in labels]), np.array([f"P{p}" for p, _ in labels])


def naive_ratio(features, labels, lost=0):
    """Sums of squares, one image and pixel at a time."""
    groups = sorted(set(labels))
    between = within = 0.0
    for pixel in range(features.shape[1]):
        column = features[:, pixel]
        for group in groups:
            inside = [v for v, label in zip(column, labels, strict=True) if label == group]
            mean = sum(inside) / len(inside)
            between += len(inside) * (mean - sum(column) / len(column)) ** 2
            within += sum((v - mean) ** 2 for v in inside)
    return (between / (len(groups) - 1)) / (within / (len(features) - len(groups) - lost))


@pytest.mark.parametrize("seed", range(3))
def test_the_ratio_is_fishers(seed):
    images, expressions, _ = faces(seed=seed, subjects=3, pixels=5)
    keep = np.random.default_rng(seed).random(len(images)) < 0.7  # not every subject shows every expression
    ours = variance_ratio(images[keep], expressions[keep])
    assert ours == pytest.approx(naive_ratio(images[keep], expressions[keep].tolist()))


def test_the_ratio_of_one_pixel_is_scipys():
    stats = pytest.importorskip("scipy.stats")
    images, expressions, _ = faces(pixels=1)
    theirs = stats.f_oneway(*(images[expressions == e, 0] for e in SIX)).statistic
    assert variance_ratio(images, expressions) == pytest.approx(theirs)


def test_each_subjects_mean_is_subtracted():
    images, expressions, subjects = faces()
    own = np.array([image - images[subjects == p].mean(axis=0) for image, p in zip(images, subjects, strict=True)])
    assert variance_ratio(images, expressions, subjects) == pytest.approx(naive_ratio(own, expressions.tolist(), 5))


def test_who_it_is_hides_the_expression_only_from_the_plain_ratio():
    similar, distinct = faces(subject=0.1), faces(subject=10.0)
    assert variance_ratio(distinct[0], distinct[1]) < 0.1 < 10 < variance_ratio(similar[0], similar[1])
    assert variance_ratio(*distinct) == pytest.approx(variance_ratio(*similar), rel=1e-6)


def test_without_a_difference_the_ratio_is_about_one():
    found = [variance_ratio(*faces(expression=0.0, seed=seed, pixels=400)) for seed in range(5)]
    assert np.mean(found) == pytest.approx(1.0, abs=0.05)


def test_the_ratio_does_not_depend_on_scale():
    images, expressions, subjects = faces()
    assert variance_ratio(images * 1000, expressions, subjects) == pytest.approx(
        variance_ratio(images, expressions, subjects)
    )


@pytest.mark.parametrize(
    ("features", "labels"),
    [
        (np.zeros((0, 4)), []),
        (np.ones((1, 4)), ["AN"]),
        (np.eye(3), ["AN", "AN", "AN"]),
        (np.eye(2), ["AN", "DI"]),
        (np.array([[1.0], [1.0], [2.0], [2.0]]), ["AN", "AN", "DI", "DI"]),
    ],
)
def test_too_little_to_tell_is_none(features, labels):
    assert variance_ratio(features, np.array(labels, np.str_)) is None


def test_one_image_of_each_subject_leaves_nothing_of_its_own():
    images, expressions, _ = faces(subjects=2)
    assert variance_ratio(images, expressions, np.array([f"P{i}" for i in range(12)])) is None


def test_class_means():
    means = class_means(np.array([[1.0], [3.0], [7.0]]), np.array(["a", "a", "b"]))
    assert means.ravel().tolist() == [2.0, 2.0, 7.0]


def test_pooling_takes_means_of_squares():
    image = np.arange(24.0).reshape(4, 6)
    assert pooled(image, 2).tolist() == [3.5, 5.5, 7.5, 15.5, 17.5, 19.5]
    assert pooled(image, 3).tolist() == [7.0, 10.0]
    assert pooled(np.full((16, 16), 65535, np.uint16), 8).tolist() == [65535.0] * 4  # no overflow


def test_clear_expressions_are_told_on_subjects_not_seen():
    pytest.importorskip("sklearn")
    found = accuracy(*faces(subjects=8, noise=0.05, subject=0.5))
    assert found.mean > 0.95
    assert found.chance == pytest.approx(1 / 6)


def test_expressions_of_ones_own_are_not_told():
    """Each subject has a private code for each expression: a classifier that had seen the subject would do well."""
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(3)
    _, expressions, subjects = faces(subjects=8)
    private = rng.normal(size=(len(subjects), 40))
    images, labels, who = np.repeat(private, 4, 0), np.repeat(expressions, 4), np.repeat(subjects, 4)
    found = accuracy(images + 0.01 * rng.normal(size=images.shape), labels, who)
    assert found.mean < 0.45
    assert found.error > 0


def test_the_accuracy_is_the_same_every_time():
    pytest.importorskip("sklearn")
    assert accuracy(*faces(noise=2.0)) == accuracy(*faces(noise=2.0))


def test_what_it_takes_for_a_classifier(monkeypatch):
    pytest.importorskip("sklearn")
    _, expressions, subjects = faces()
    assert why_no_accuracy(expressions, subjects) == ""
    assert "1 expressions, it takes 2" in why_no_accuracy(expressions[:1], subjects[:1])
    assert "3 subjects, it takes 4" in why_no_accuracy(expressions[:18], subjects[:18])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert why_no_accuracy(expressions, subjects) == separation.NO_LIBRARY


def test_the_library_is_not_loaded_before_it_is_needed():
    import subprocess

    code = "import sys, gemax_cli.study.sweep; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
