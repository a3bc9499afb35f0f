"""Settings of a training, and what is told without PyTorch."""

import json
import subprocess
import sys
from dataclasses import asdict

import pytest

from gemax_cli.errors import SettingsError
from gemax_cli.learn.run import TrainOptions, chosen_folds
from gemax_cli.learn.settings import TrainSettings
from gemax_cli.splits.files import read_split
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.typed_json import from_json


def test_defaults_are_the_readings():
    settings = TrainSettings()
    assert (settings.taus, settings.test_tau, settings.parts) == ((20, 30, 40, 50, 60), 20, 2)
    assert (settings.epochs, settings.batch_size, settings.learning_rate) == (30, 32, 1e-4)
    assert (settings.attention_gradient, settings.batch_norm, settings.flip) == (0.01, True, True)


def test_the_paper_s_recipe_is_what_is_printed_and_can_be_overridden():
    paper = TrainSettings(recipe="paper")
    assert (paper.learning_rate, paper.batch_norm, paper.attention_gradient, paper.flip) == (0.1, False, 1.0, False)
    assert TrainSettings(recipe="paper", lr=0.01, fa_gradient=0.0).learning_rate == 0.01
    assert TrainSettings(recipe="paper", fa_gradient=0.0).attention_gradient == 0.0


@pytest.mark.parametrize(
    "changes",
    [
        {"taus": ()}, {"parts": 1}, {"parts": -1}, {"parts": 0, "whole": False}, {"epochs": 0},
        {"share_parts": True, "streams": "depth"},
        {"mapping": "dataset", "map": "ri"}, {"batch_size": 1}, {"lr": 0.0}, {"lr": float("nan")},
        {"width": 0.0}, {"size": 100}, {"size": 32}, {"size": 2048}, {"fa_gradient": 1.5}, {"fa_weight": -1.0},
        {"val_subjects": -1}, {"seed": -1},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_is_refused(changes):
    with pytest.raises(SettingsError, match="give"):
        TrainSettings(**changes)


@pytest.mark.parametrize("changes", [{"rounds": 0}, {"folds": 0}, {"threads": 0}, {"shard": (0, 3)}, {"shard": (4, 3)}])
def test_options_that_cannot_be_are_refused(changes):
    with pytest.raises(SettingsError, match="give"):
        TrainOptions(**changes)


def test_settings_survive_json():
    settings = TrainSettings(taus=(40, 20), map="gem", depth_mm=70.0, lr=1e-3)
    assert from_json(TrainSettings, json.loads(json.dumps(asdict(settings)))) == settings
    assert settings.taus == (20, 40)


def test_folds_of_rounds_and_shards(faces):
    split = read_split(OutputFolder(faces), "kf")
    everything = [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert chosen_folds(split) == everything
    assert chosen_folds(split, rounds=1) == everything[:2]
    assert chosen_folds(split, folds=1) == [(0, 0), (1, 0)]
    parts = [chosen_folds(split, shard=(i, 3)) for i in (1, 2, 3)]
    assert sorted(key for part in parts for key in part) == everything


def without(names, *line):
    """Run gemax where some libraries are missing."""
    code = f"import sys\nsys.modules.update(dict.fromkeys({names!r}))\nfrom gemax_cli.cli.main import run\n"
    command = [sys.executable, "-c", f"{code}sys.exit(run(sys.argv[1:]))", *line]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_without_the_extra_there_is_one_sentence(faces, tmp_path):
    done = without(["torch"], "train", str(faces), str(tmp_path / "run"), "--split", "kf")
    assert done.returncode == 2
    assert done.stderr == "gemax: gemax train needs torch, which is not installed: pip install torch.\n"
    assert not (tmp_path / "run").exists()


def test_scores_need_no_torch(tmp_path):
    from tests.learn.runs import put_run

    put_run(tmp_path / "a", {(0, 0): 0.5})
    done = without(["torch"], "score", str(tmp_path / "a"), "--format", "csv")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2


def test_the_room_imports_where_deflate_and_open3d_are_missing():
    pytest.importorskip("torch")
    code = "import sys; sys.modules.update(deflate=None, open3d=None); import gemax_cli.learn.fold"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


@pytest.mark.parametrize("name", ["train", "score", "TrainSettings", "TrainOptions"])
def test_public_names_import_no_torch(name):
    code = f"import sys, gemax_cli as gemax; gemax.{name}; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
