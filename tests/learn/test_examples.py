"""The scripts of ``examples/`` that train, on tiny folders."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gemax_cli.cli.main import run
from tests.loader.folders import EXAMPLES

pytest.importorskip("torch")
pytestmark = pytest.mark.slow

TINY = "--width 0.03 --size 64 --batch-size 8 --epochs 1 --rounds 1 --folds 1 --threads 1".split()
NOTE_CALL = '#!/usr/bin/env bash\nprintf "%q " "$@" >>"${0%/*}/calls"\necho >>"${0%/*}/calls"\n'


def example(folder, capsys, name, *arguments, **environment):
    """What a script prints. Its calls of gemax are noted and run here: a process of its own imports PyTorch anew."""
    (folder / "bin").mkdir()
    (folder / "bin/gemax").write_text(NOTE_CALL)
    (folder / "bin/gemax").chmod(0o755)
    path = os.pathsep.join(map(str, (folder / "bin", Path(sys.executable).parent, os.environ["PATH"])))
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(EXAMPLES.parent), **environment}
    command = ["bash", str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    for call in (folder / "bin/calls").read_text().splitlines():
        assert run(shlex.split(call)) == 0, call
    return done.stdout + capsys.readouterr().out


def test_paper_tables(faces, tmp_path, capsys):
    said = example(tmp_path, capsys, "paper_tables.sh", faces, "kf", tmp_path / "runs", *TINY)
    assert [line.partition(":")[0] for line in said.splitlines() if line.startswith("Table")] == [
        "Tables 1 and 2", "Table 4", "Table 5", "Table 6",
    ]  # fmt: skip
    for figure in ("89.72", "89.11", "84.92", "86.79", "86.87", "76.39", "75.43"):
        assert figure in said
    assert said.count("on the licensed databases") == 4


def test_attention_study(faces, tmp_path, capsys):
    options = [*TINY, "--tau", "4", "--test-tau", "4", "--streams", "depth"]
    runs = tmp_path / "runs"
    said = example(tmp_path, capsys, "attention_study.sh", faces, "kf", runs, *options, SHARES="0 1", SEEDS="0")
    names = {"none-0", "share-0-0", "share-1-0", "whole-0", "whole-3x-0", "share-0.01-0"}
    assert {path.name for path in runs.iterdir()} == names
    assert said.count("accuracy_sd") == 2
