"""The examples that need PyTorch, Lightning or Hugging Face datasets, where these are installed."""

import re

import pytest

from tests.loader.folders import make_training_set, run_example

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def training_set(tmp_path_factory):
    return make_training_set(tmp_path_factory.mktemp("examples") / "out")


def test_huggingface(training_set, tmp_path):
    pytest.importorskip("datasets", reason="Hugging Face datasets is not installed")
    said = run_example("huggingface.py", training_set, "s", tmp_path / "images", "gemax_tau005").splitlines()
    classes = "['AN', 'DI', 'FE', 'HA', 'NE', 'SA', 'SU']"
    assert said == [f"train: 28 images (32, 32) L, {classes}", f"test: 14 images (32, 32) L, {classes}"]


def test_train_torch(training_set):
    pytest.importorskip("torch")
    said = run_example("train_torch.py", training_set, "s", 3).splitlines()
    assert len(said) == 3
    assert float(said[2].split()[3].rstrip(",")) < float(said[0].split()[3].rstrip(","))  # the loss


def test_lightning_module(training_set):
    pytest.importorskip("lightning")
    said = run_example("lightning_module.py", training_set, "s")
    assert re.search(r"^accuracy \d+\.\d% on 12 scans of unseen subjects$", said, re.MULTILINE)
