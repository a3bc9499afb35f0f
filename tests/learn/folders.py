"""Small output folders with splits and textures, and a network that trains on them in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gemax_cli.learn.settings import TrainSettings
from gemax_cli.settings import QuantisationSettings, Settings
from gemax_cli.splits.make import split
from gemax_cli.splits.model import SplitSettings
from gemax_cli.stack.folder import OutputFolder
from tests.pictures import write_png
from tests.reports.folders import put_scan
from tests.splits.folders import bu3dfe

SMALL = TrainSettings(taus=(4, 8), test_tau=4, epochs=2, batch_size=8, width=1 / 32, size=64, lr=1e-3)
CONVERTED = Settings(taus=(4, 8), quantisation=QuantisationSettings(levels=64, bins=16))


def make_faces(out: Path, subjects: int = 4, texture: bool = True) -> Path:
    """Domes that stand for faces, six expressions of each subject, and the split "kf" of two rounds and folds."""
    for seed, scan in enumerate(scan for scan in bu3dfe(subjects, levels=(4,)) if "_NE" not in scan):
        put_scan(out, scan, CONVERTED, seed)
        if texture:
            picture = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), np.uint8)
            write_png(out / scan / "texture.png", picture)
    OutputFolder(out).write_run(CONVERTED, ("gemax", "convert"))
    split(out, "kf", SplitSettings(protocol="kfold", rounds=2, folds=2))
    return out
