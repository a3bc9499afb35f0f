"""Two subjects, written once: everything the room writes."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest

from gemax_cli.synthetic.dataset import make_sample

SEED = 3


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """One subject of each layout, six expressions at their peak: folder, summary and rows of truth.csv."""
    root = tmp_path_factory.mktemp("synthetic") / "raw"
    summary = make_sample(root, subjects=1, seed=SEED, scans="six")
    with (root / "truth.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return SimpleNamespace(root=root, summary=summary, rows=rows)


@pytest.fixture(scope="session")
def meshes(sample):
    return [row for row in sample.rows if row["path"].endswith(".wrl")]


@pytest.fixture(scope="session")
def ranges(sample):
    return [row for row in sample.rows if row["path"].endswith(".bnt")]


@pytest.fixture
def random():
    return np.random.default_rng(12)
