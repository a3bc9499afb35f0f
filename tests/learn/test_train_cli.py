"""``gemax train``: what it prints, and where; its options are the settings."""

import csv
import io
import re

import pytest

from gemax_cli.cli.main import run
from gemax_cli.cli.train import settings_pack
from gemax_cli.cli.train_progress import TrainProgress
from gemax_cli.learn.settings import TrainSettings
from tests.learn.runs import put_run

TINY = (
    "--split kf --tau 4,8 --test-tau 4 --width 0.03 --size 64 --epochs 2 --batch-size 8 --device cpu --threads 1 "
    "--rounds 1 --folds 1 --format csv"
).split()


def parsed(*line):
    """The settings that a command line gives."""
    import click

    @click.command()
    @settings_pack("settings")
    def command(settings):
        return settings

    return command.main(list(line), standalone_mode=False)


def test_without_options_the_settings_are_the_defaults():
    assert parsed() == TrainSettings()


def test_options_reach_the_settings():
    line = "--map ri --depth 70 --parts-only --aux map --share-parts --fa-gradient 0.1 --fa-weight 2 --val-subjects 3"
    assert parsed(*line.split()) == TrainSettings(
        map="ri", depth_mm=70.0, whole=False, auxiliary="map", share_parts=True, fa_gradient=0.1, fa_weight=2.0,
        val_subjects=3,
    )  # fmt: skip


def test_a_line_for_each_epoch_with_the_time_left(capsys, tmp_path):
    from gemax_cli.learn.result import read_results

    (result,) = read_results(put_run(tmp_path / "a", {(0, 1): 0.5}))
    with TrainProgress(quiet=False) as progress:
        progress.planned(1, 3, 2)
        progress.epoch((0, 1), 1, 2.5)
        progress.epoch((0, 1), 2, 1.5)
        progress.finished(result)
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert lines[0] == "1 folds to train, 2 epochs each; 3 are there already."
    assert re.fullmatch(r"round 0 fold 1, epoch 1 of 2, loss 2\.50, \d:\d\d:\d\d left", lines[1])
    assert lines[3] == "round 0 fold 1: 50.0% of 10 test scans right"


def test_quiet(capsys, tmp_path):
    with TrainProgress(quiet=True) as progress:
        progress.planned(1, 3, 2)
        progress.epoch((0, 1), 1, 2.5)
    assert capsys.readouterr() == ("", "")


def test_train_then_train_again_then_score(faces, tmp_path, capsys):
    pytest.importorskip("torch")
    line = ["train", str(faces), str(tmp_path / "run"), *TINY]
    assert run(line) == 0
    first = capsys.readouterr()
    (row,) = csv.DictReader(io.StringIO(first.out))
    assert (row["round"], row["fold"], row["test_scans"]) == ("0", "0", "12")
    assert "epoch 2 of 2" in first.err
    assert run(line) == 0
    again = capsys.readouterr()
    assert again.out == first.out
    assert again.err == "0 folds to train, 2 epochs each; 1 are there already.\n"
    assert run([*line, "--seed", "5"]) == 5
    assert "was trained with other values of seed" in capsys.readouterr().err
    sheet = tmp_path / "sheet.png"
    assert run(["score", str(tmp_path / "run"), "--sheet", str(sheet)]) == 0
    assert sheet.read_bytes()[:4] == b"\x89PNG"


def test_the_paper_s_recipe_says_what_to_expect(faces, tmp_path, capsys):
    pytest.importorskip("torch")
    assert run(["train", str(faces), str(tmp_path / "run"), *TINY, "--recipe", "paper"]) == 0
    assert "expected not to learn" in capsys.readouterr().err
