"""The scripts of ``examples/`` that train, on tiny folders."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TINY = "--width 0.03 --size 64 --batch-size 8 --epochs 1 --rounds 1 --folds 1 --threads 1".split()


def example(name, *arguments, **environment):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", str(EXAMPLES / name), *map(str, arguments)]
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(EXAMPLES.parent), **environment}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_paper_tables(faces, tmp_path):
    said = example("paper_tables.sh", faces, "kf", tmp_path, *TINY)
    assert [line.partition(":")[0] for line in said.splitlines() if line.startswith("Table")] == [
        "Tables 1 and 2", "Table 4", "Table 5", "Table 6",
    ]  # fmt: skip
    for figure in ("89.72", "89.11", "84.92", "86.79", "86.87", "76.39", "75.43"):
        assert figure in said
    assert said.count("on the licensed databases") == 4


def test_attention_study(faces, tmp_path):
    options = [*TINY, "--tau", "4", "--test-tau", "4", "--streams", "depth"]
    said = example("attention_study.sh", faces, "kf", tmp_path, *options, SHARES="0 1", SEEDS="0")
    names = {"none-0", "share-0-0", "share-1-0", "whole-0", "whole-3x-0", "parts-0"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert said.count("accuracy_sd") == 2
