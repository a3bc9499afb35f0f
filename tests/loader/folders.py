"""A training set for examples, and a way to run them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

import gemax_cli as gemax
from gemax_cli.stack.folder import OutputFolder
from tests.pictures import write_png
from tests.reports.folders import make_folder
from tests.splits.folders import bu3dfe

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run_example(name: str, *arguments: object) -> str:
    """What an example prints."""
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_training_set(out: Path) -> Path:
    """Six subjects with six expressions and neutral, tau 5 and 8, a split "s" of three folds; the texture is noise."""
    make_folder(out, tuple(bu3dfe(6, levels=(4,))))
    for i, record in enumerate(OutputFolder(out).records()):
        texture = np.random.default_rng(i).integers(0, 256, (32, 32, 3), np.uint8)
        write_png((out / record.blocks[0].file).with_name("texture.png"), texture)
    OutputFolder(out).write_tables(None, [], lambda sources: sources)
    gemax.split(out, "s", gemax.SplitSettings("kfold", folds=3))
    return out
