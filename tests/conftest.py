"""What tests of several packages share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of reference material beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("needs the reference material in ../shared")
    return SHARED


@pytest.fixture(scope="session")
def raw(tmp_path_factory) -> Path:
    """A small synthetic raw dataset in both layouts: one subject each, neutral, happy, surprised."""
    from gemax_cli.synthetic.dataset import make_sample

    folder = tmp_path_factory.mktemp("data") / "raw"
    make_sample(folder, subjects=1, seed=5, scans="few")
    return folder


@pytest.fixture(scope="session")
def converted(raw, tmp_path_factory) -> Path:
    """The output folder of ``raw`` with tau 20 30 40; tests must not change it."""
    from gemax_cli.batch.run import convert
    from gemax_cli.settings import Settings

    out = tmp_path_factory.mktemp("data") / "out"
    convert([raw], out, Settings(taus=(20, 30, 40)))
    return out


def pytest_configure(config: pytest.Config) -> None:
    """No random example is timed; the quick tests try fewer."""
    settings.register_profile("whole", deadline=None)
    settings.register_profile("quick", deadline=None, max_examples=15)
    settings.load_profile("quick" if "not slow" in config.getoption("markexpr") else "whole")
