"""A training array with texture, labels and folds.

usage: gemax convert RAW OUT --texture; gemax split OUT SPLIT --protocol kfold; python examples/load_stack.py OUT SPLIT
"""

from __future__ import annotations

import sys

import numpy as np

import gemax_cli as gemax


def main(out: str, split: str) -> None:
    stack = gemax.load_stack(out, split=split, round_number=0, texture=True)
    images = np.concatenate([stack.maps, np.moveaxis(stack.texture, -1, 1)], axis=1)  # (scan, tau + RGB, row, column)
    labels, folds = stack.labels, stack.folds()  # of scikit-learn's PredefinedSplit(folds), too
    for fold in range(folds.max() + 1):
        train, test = images[folds != fold], images[folds == fold]
        print(f"fold {fold}: train {train.shape} {train.dtype}, test {test.shape}, {np.bincount(labels)} per class")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
