"""Scores of runs: means, comparisons, the paper's figures, the linear classifier. No PyTorch."""

import csv
import io
import json

import numpy as np
import pytest

from gemax_cli.cli.main import run as gemax
from gemax_cli.datasets.registry import DATASETS
from gemax_cli.errors import ExtraMissing, GemaxError, NothingToConvert, RunDamaged, SettingsError
from gemax_cli.learn import baseline
from gemax_cli.learn.plots import score_figure
from gemax_cli.learn.scores import accuracy_of, compare, paper_figure, read_run, score
from tests.learn.runs import put_run

FOUR = [(0, 0), (0, 1), (1, 0), (1, 1)]


def folds(*accuracies):
    return dict(zip(FOUR, accuracies, strict=False))


def test_accuracy_is_the_mean_over_folds_then_rounds(tmp_path):
    uneven = {(0, 0): 1.0, (0, 1): 0.5, (0, 2): 0.0, (1, 0): 0.9}
    run = read_run(put_run(tmp_path / "a", uneven))
    mean, deviation = accuracy_of(run.folds)
    assert mean == pytest.approx((0.5 + 0.9) / 2)
    assert deviation == pytest.approx(np.std([0.5, 0.9], ddof=1))
    assert accuracy_of({(0, 0): run.folds[0, 0]}) == (1.0, None)


def test_a_comparison_is_over_the_folds_that_both_have(tmp_path):
    first = read_run(put_run(tmp_path / "a", folds(0.5, 0.5, 0.5, 0.5)))
    second = read_run(put_run(tmp_path / "b", {**folds(0.6, 0.9, 0.5), (7, 7): 0.0}))
    compared = compare(second, first)
    differences = [0.1, 0.4, 0.0]
    assert compared.difference == pytest.approx(np.mean(differences))
    assert compared.error == pytest.approx(np.std(differences, ddof=1) / 3**0.5)
    assert (compared.better, compared.worse, compared.sign_p) == (2, 0, pytest.approx(0.5))
    assert compare(first, second).difference == pytest.approx(-compared.difference)


def test_runs_of_other_splits_are_not_compared(tmp_path):
    first = read_run(put_run(tmp_path / "a", folds(0.5)))
    assert compare(read_run(put_run(tmp_path / "b", folds(0.5), split_sha256="1" * 64)), first) is None
    assert compare(read_run(put_run(tmp_path / "c", {(3, 3): 0.5})), first) is None


@pytest.mark.parametrize(
    ("dataset", "changes", "table", "accuracy"),
    [
        ("BU-3DFE", {}, 1, 89.72),
        ("Bosphorus", {}, 2, 83.63),
        ("BU-3DFE", {"map": "gem"}, 1, 89.11),
        ("Bosphorus", {"map": "gem"}, 2, 83.05),
        ("BU-3DFE", {"map": "ri", "streams": "depth", "parts": 0}, 4, 84.92),
        ("BU-3DFE", {"map": "ri", "streams": "depth", "parts": 0, "depth_mm": 140.0}, 4, 82.40),
        ("BU-3DFE", {"taus": (20,), "streams": "depth", "parts": 0}, 5, 85.81),
        ("Bosphorus", {"taus": (40,), "test_tau": 40, "streams": "depth", "parts": 0}, 5, 79.83),
        ("BU-3DFE", {"streams": "depth", "parts": 0}, 6, 86.87),
        ("BU-3DFE", {"streams": "texture", "parts": 0}, 6, 86.79),
        ("BU-3DFE", {"streams": "texture", "whole": False}, 6, 76.39),
        ("Bosphorus", {"streams": "depth", "whole": False}, 6, 73.21),
        ("BU-3DFE", {"map": "ri"}, None, None),
        ("BU-3DFE", {"streams": "depth"}, None, None),
        ("BU-3DFE", {"parts": 0}, None, None),
        ("BU-3DFE", {"map": "he", "streams": "depth", "parts": 0}, None, None),
        ("BU-3DFE", {"map": "he", "streams": "depth", "whole": False}, None, None),
        ("BU-3DFE", {"taus": (20,), "test_tau": 40, "streams": "depth", "parts": 0}, None, None),
        ("BU-3DFE", {"depth_mm": 70.0}, None, None),
        ("other", {}, None, None),
        ("FRGC", {"streams": "depth", "parts": 0}, None, None),
    ],
)
def test_the_paper_s_figure_of_such_a_network(tmp_path, dataset, changes, table, accuracy):
    found = paper_figure(read_run(put_run(tmp_path / "a", folds(0.5), dataset=dataset, **changes)))
    assert (found.table, found.accuracy) == (table, accuracy) if table else found is None


def test_table_6_is_of_both_databases():
    for name in ("BU-3DFE", "Bosphorus"):
        assert len(DATASETS[name].scale_accuracies) == 4


def test_rows(tmp_path, capsys):
    for name, accuracies in (("a", (0.5, 0.7, 0.6, 0.6)), ("b", (0.6, 0.8, 0.7, 0.7))):
        put_run(tmp_path / name, folds(*accuracies))
    assert gemax(["score", str(tmp_path / "a"), str(tmp_path / "b"), "--format", "json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first["accuracy"] == pytest.approx(60)
    assert first["difference"] is None
    assert second["difference"] == pytest.approx(10)
    assert second["difference_error"] == pytest.approx(0, abs=1e-9)
    assert (second["better"], second["worse"], second["sign_p"]) == (4, 0, pytest.approx(0.125))
    assert (first["rounds"], first["folds"], first["same_cell"]) == (2, 4, pytest.approx(30))
    assert first["chance"] == 100  # the hand-made test scans all show one expression
    assert first["paper_accuracy"] == 89.72


def test_the_note_says_whose_the_paper_s_figures_are(tmp_path, capsys):
    put_run(tmp_path / "a", folds(0.5))
    for form, has_note in (("table", True), ("md", True), ("csv", False), ("json", False)):
        assert gemax(["score", str(tmp_path / "a"), "--format", form]) == 0
        assert ("arXiv 2011.08333, on the licensed databases" in capsys.readouterr().out) is has_note


def test_a_plot_of_networks_and_the_classifier(tmp_path, capsys):
    put_run(tmp_path / "a", folds(0.5, 0.7))
    assert gemax(["score", str(tmp_path / "a"), "--plot", str(tmp_path / "plot.svg")]) == 0
    assert "cross-entropies" in (tmp_path / "plot.svg").read_text()
    figure = score_figure([read_run(tmp_path / "a")])
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert shown[:2] == ["60", "40"]


@pytest.mark.parametrize("option", ["--plot", "--sheet"])
def test_a_picture_of_another_kind_is_refused_before_the_work(tmp_path, capsys, option):
    assert gemax(["score", str(tmp_path), option, str(tmp_path / "a.jpg")]) == 2
    assert "a.jpg" in capsys.readouterr().err


def test_what_is_no_run_is_named(tmp_path):
    with pytest.raises(RunDamaged, match=r"has no train\.json"):
        score(tmp_path)
    put_run(tmp_path / "a", {})
    with pytest.raises(NothingToConvert, match="no finished fold"):
        score(tmp_path / "a")
    for content in ("", "{}", "[1]", '{"gemax": 1}', "\x00"):
        (tmp_path / "a/train.json").write_text(content)
        with pytest.raises(RunDamaged, match=r"train\.json"):
            score(tmp_path / "a")


@pytest.mark.parametrize("name", ["accuracy", "confusion", "curves", "settings", "seconds"])
@pytest.mark.parametrize("value", [None, "text", [[]], -1e400, True])
def test_a_changed_value_of_a_result_is_found(tmp_path, name, value):
    path = put_run(tmp_path / "a", folds(0.5)) / "r000-f00/result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    with pytest.raises(GemaxError, match=r"result\.json"):
        score(tmp_path / "a")


# --- the linear classifier


def test_the_linear_classifier_on_the_folds_of_a_folder(faces, capsys):
    pytest.importorskip("sklearn")
    assert gemax(["score", str(faces), "--baseline", "--split", "kf", "--format", "csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["run"], row["rounds"], row["folds"]) == ("linear classifier", "2", "4")
    assert float(row["accuracy"]) < 50  # rough domes do not differ by expression
    assert float(row["chance"]) == pytest.approx(100 / 6)


def test_the_linear_classifier_beside_a_run_takes_its_folds(faces, tmp_path):
    pytest.importorskip("sklearn")
    from gemax_cli.splits.files import read_split
    from gemax_cli.stack.folder import OutputFolder

    digest = read_split(OutputFolder(faces), "kf").header.csv_sha256
    put_run(tmp_path / "a", {(0, 1): 0.9, (1, 0): 0.8}, out=str(faces), split_sha256=digest)
    first, second = score(tmp_path / "a", baseline=True).rows
    assert (second.run, second.folds) == ("linear classifier", 2)
    assert second.difference == pytest.approx(second.accuracy - first.accuracy)


def test_the_linear_classifier_tells_faces_that_differ(faces):
    """Its features are of the range image: a label that the depth says is learnt, for subjects that it never saw."""
    pytest.importorskip("sklearn")
    from dataclasses import replace

    from gemax_cli.loader.load import load_stack

    stack = load_stack(faces, split="kf", taus=())
    depth = stack.depth16.copy()
    for i, label in enumerate(stack.labels):
        depth[i, 4 * label : 4 * label + 6, 10:20] = 60_000
    found = baseline._score(replace(stack, depth16=depth), baseline.range_features(depth), (0, 0))
    assert found.accuracy > 0.9


def test_the_baseline_needs_a_split_and_scikit_learn(faces, monkeypatch):
    with pytest.raises(SettingsError, match="--split"):
        score(faces, baseline=True)
    monkeypatch.setattr(baseline, "find_spec", lambda name: None)
    with pytest.raises(ExtraMissing, match=r"pip install scikit-learn"):
        score(faces, baseline=True, split="kf")
