"""How well images separate expressions, compared with how well they separate subjects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import not_installed

Features = NDArray[np.float64]  # (n, f), one image a row
Labels = NDArray[np.str_]  # (n,)
MOST_FOLDS = 10  # section 4.1 of the paper: 10-fold cross-validation
LEAST_SUBJECTS = 4
KEPT_VARIANCE = 0.99
NO_LIBRARY = not_installed("the classifier", "scikit-learn").rstrip(".")


@dataclass(frozen=True)
class Accuracy:
    """Share of images classified correctly, on subjects that the classifier was not trained on.

    Attributes:
        mean: over subjects, 0..1.
        error: standard error of ``mean``, from the differences between subjects.
        chance: share of the most frequent expression.
    """

    mean: float
    error: float
    chance: float


def variance_ratio(features: Features, expressions: Labels, subjects: Labels | None = None) -> float | None:
    """Between-expression over within-expression variance, each per degree of freedom: Fisher's F pooled over pixels.

    Without a difference between expressions it is about 1, for any number of images.

    Args:
        features: (n, f).
        expressions: (n,).
        subjects: (n,); if given, each subject's mean image is subtracted first. This removes identity from the variance
            within expressions (F of a repeated-measures design; exact if every subject shows every expression).

    Returns:
        None where there are too few images or expressions, or no variance within expressions.
    """
    freedom = len(features)
    if subjects is not None:
        features = features - class_means(features, subjects)
        freedom -= len(np.unique(subjects)) - 1
    count = len(np.unique(expressions))
    if count < 2 or freedom <= count:
        return None
    means = class_means(features, expressions)
    between = float(((means - features.mean(axis=0, keepdims=True)) ** 2).sum())
    within = float(((features - means) ** 2).sum())
    return (between / (count - 1)) / (within / (freedom - count)) if within > 0.0 else None


def class_means(features: Features, labels: Labels) -> Features:
    """(n, f): for each image, the mean image of its label."""
    _, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), features.shape[1]))
    np.add.at(sums, index, features)
    means: Features = (sums / counts[:, None])[index]
    return means


def why_no_accuracy(expressions: Labels, subjects: Labels) -> str:
    """Why no classifier can be tested, as part of a sentence; "" where one can."""
    from importlib.util import find_spec

    if find_spec("sklearn") is None:
        return NO_LIBRARY
    if (found := len(np.unique(expressions))) < 2:
        return f"no classifier: {found} expressions, it takes 2"
    if (found := len(np.unique(subjects))) < LEAST_SUBJECTS:
        return f"no classifier: {found} subjects, it takes {LEAST_SUBJECTS} to train on some and test on others"
    return ""


def linear_classifier() -> Any:
    """A scikit-learn pipeline for (n, f) features; no parameter of it is tuned.

    Principal components (99 % of the variance), then linear discriminant analysis with the covariance shrunk by Ledoit
    and Wolf.

    Raises:
        ImportError: scikit-learn is not installed.
    """
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline

    components = PCA(KEPT_VARIANCE, svd_solver="full")
    return make_pipeline(components, LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"))


def accuracy(features: Features, expressions: Labels, subjects: Labels) -> Accuracy:
    """Subject-independent cross-validation of a linear classifier.

    Up to ten folds; each subject is in one fold only.

    Raises:
        ImportError: scikit-learn is not installed; ask ``why_no_accuracy`` before.
    """
    from sklearn.model_selection import GroupKFold, cross_val_predict

    folds = GroupKFold(min(MOST_FOLDS, len(np.unique(subjects))))
    right = cross_val_predict(linear_classifier(), features, expressions, groups=subjects, cv=folds) == expressions
    each = [float(right[subjects == subject].mean()) for subject in np.unique(subjects)]
    _, counts = np.unique(expressions, return_counts=True)
    error = float(np.std(each, ddof=1)) / len(each) ** 0.5
    return Accuracy(float(np.mean(each)), error, float(counts.max()) / len(expressions))


def pooled(image: NDArray[Any], side: int) -> NDArray[np.float64]:
    """Mean of every square of ``side`` pixels of a (rows, columns) image, (f,); a remainder at the edges is dropped."""
    rows, columns = image.shape[0] // side, image.shape[1] // side
    cut = image[: rows * side, : columns * side].astype(np.float64)
    means: NDArray[np.float64] = cut.reshape(rows, side, columns, side).mean(axis=(1, 3))
    return means.ravel()
