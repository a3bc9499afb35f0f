"""Tests of ``learn``; those that need PyTorch begin with ``pytest.importorskip("torch")``."""

from __future__ import annotations

import pytest

from tests.learn.folders import make_faces


@pytest.fixture(scope="session")
def faces(tmp_path_factory):
    """An output folder of four subjects; tests must not change it."""
    return make_faces(tmp_path_factory.mktemp("learn") / "out")
