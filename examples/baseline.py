"""A linear classifier over the folds of a split: a figure in seconds, before anything deep is trained.

usage: python examples/baseline.py OUT SPLIT
"""

from __future__ import annotations

import sys

from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gemax_cli as gemax

POOL = 8  # pixels


def main(out: str, split: str) -> None:
    stack = gemax.load_stack(out, split=split, round_number=0)
    rows, columns = (size // POOL for size in stack.maps.shape[2:])
    small = stack.maps[:, 0, : rows * POOL, : columns * POOL].reshape(len(stack), rows, POOL, columns, POOL)
    images = small.mean((2, 4)).reshape(len(stack), -1)
    model = make_pipeline(StandardScaler(), PCA(0.95, random_state=0), LogisticRegression(max_iter=1000))
    scores = cross_val_score(model, images, stack.labels, cv=PredefinedSplit(stack.folds()))
    print(f"accuracy {scores.mean():.1%} on unseen subjects, {len(scores)} folds, chance {1 / len(stack.classes):.1%}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
