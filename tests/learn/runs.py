"""Runs written by hand, with the accuracies that a test asks for."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from gemax_cli.learn.result import Curves, FoldResult, fold_folder, write_result
from gemax_cli.learn.run import HEADER, RunHeader
from gemax_cli.learn.settings import TrainSettings

SIX = ("AN", "DI", "FE", "HA", "SA", "SU")


def put_run(run: Path, accuracies: dict[tuple[int, int], float], **changes) -> Path:
    """A run of folds of ten test scans each; ``changes`` are settings, or fields of header and results."""
    fields = {name: changes.pop(name) for name in ("dataset", "depth_mm", "split_sha256", "out") if name in changes}
    settings = TrainSettings(**changes)
    split_sha256 = fields.get("split_sha256", "0" * 64)
    header = RunHeader("0", fields.get("out", "/nowhere"), "kf", split_sha256, "", settings)
    run.mkdir(parents=True)
    (run / HEADER).write_text(json.dumps(asdict(header)))
    for key, accuracy in accuracies.items():
        fold_folder(run, key).mkdir()
        result = _result(key, accuracy, settings, fields.get("dataset", "BU-3DFE"))
        write_result(run, replace(result, depth_mm=fields.get("depth_mm", 60.0), split_sha256=split_sha256))
    return run


def _result(key: tuple[int, int], accuracy: float, settings: TrainSettings, dataset: str) -> FoldResult:
    right = round(10 * accuracy)
    first, second = (right, 10 - right, 0, 0, 0, 0), (0,) * 6
    return FoldResult(
        round=key[0],
        fold=key[1],
        accuracy=accuracy,
        train_accuracy=1.0,
        classes=SIX,
        confusion=(first, second, second, second, second, second),
        subject_accuracy={f"{dataset}/F0001": accuracy},
        attention_same_cell={"texture": 0.1, "depth": 0.3},
        curves=Curves((2.0, 1.0), (1.5, 0.5), (0.5, None)),
        normalisation={"depth": ((120.0,), (50.0,))},
        fitted_on=(f"{dataset}/F0002",),
        train_scans=20,
        test_scans=10,
        parameters=1,
        depth_mm=60.0,
        map=settings.map,
        tau=settings.taus,
        mapping=settings.mapping,
        settings=settings,
        init_sha256="",
        split="kf",
        split_sha256="",
        device="cpu",
        threads=1,
        versions={},
        seconds=1.0,
    )
