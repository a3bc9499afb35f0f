"""The range study: figures of every depth, the advice and its ground, the chart."""

from dataclasses import replace

import numpy as np
import pytest

from gemax_cli.datasets.model import ScanName, ScanRef
from gemax_cli.datasets.registry import DATASETS
from gemax_cli.datasets.selection import Selection
from gemax_cli.errors import NothingToConvert
from gemax_cli.pipeline import convert_scan
from gemax_cli.reports.charts import to_svg
from gemax_cli.settings import Settings
from gemax_cli.stack.tables import Failure
from gemax_cli.study import sweep as study
from gemax_cli.study.sweep import (
    BlockFigures,
    ScanFigures,
    SweepRow,
    measure_scan,
    paper_accuracy,
    recommend,
    sweep,
    sweep_chart,
)
from tests.study.test_separation import faces

DEPTHS = (50.0, 60.0, 80.0)
SETTINGS = Settings(taus=(20,), depths=DEPTHS)


@pytest.fixture(scope="module")
def found(raw):
    return sweep([raw], SETTINGS)


def test_a_row_for_every_dataset_and_depth(found):
    assert [(row.dataset, row.depth_mm) for row in found.rows] == [
        (dataset, depth) for dataset in ("BU-3DFE", "Bosphorus") for depth in DEPTHS
    ]
    assert all(row.scans == 3 for row in found.rows)
    assert found.failures == ()


def test_figures_are_those_of_the_maps(raw, found):
    paths = sorted(raw.rglob("*_F3D.wrl"))
    converted = [convert_scan(path, SETTINGS) for path in paths]
    for i, row in enumerate(row for row in found.rows if row.dataset == "BU-3DFE"):
        bits = [c.blocks[i].maps[0].entropy for c in converted]
        assert row.entropy == pytest.approx(np.mean(bits))
        assert row.effective_levels == pytest.approx(np.mean([2.0**b for b in bits]))
        assert row.valid_pixels == np.mean([np.count_nonzero(c.blocks[i].depth16) for c in converted])
        assert row.range_entropy < row.entropy


def test_a_deeper_block_holds_more(found):
    for dataset in ("BU-3DFE", "Bosphorus"):
        pixels = [row.valid_pixels for row in found.rows if row.dataset == dataset]
        assert pixels == sorted(pixels)


def test_only_the_six_expressions_are_told_apart(found):
    """One subject with a neutral, a happy and a surprised face: two images of two expressions tell nothing."""
    assert all((row.labelled, row.subjects) == (2, 1) for row in found.rows)
    assert all(row.variance_ratio is None and row.accuracy is None for row in found.rows)
    assert all("nothing tells which depth to take" in sentence for sentence in found.advice)
    assert not any(row.recommended for row in found.rows)


@pytest.mark.slow
def test_several_processes_find_the_same(raw, found):
    assert sweep([raw], SETTINGS, jobs=2) == found


def test_progress_is_told(raw):
    heard = []
    sweep([raw], Settings(taus=(20,), depths=(60,)), Selection(expressions=("HA",)), 1, lambda *a: heard.append(a))
    assert heard == [(1, 2), (2, 2)]


def test_one_broken_scan_does_not_end_the_study(raw, tmp_path):
    good = next(raw.rglob("*NE00*_F3D.wrl"))
    bad = tmp_path / "F0009_HA04WH_F3D.wrl"
    bad.write_bytes(b"#VRML V2.0 utf8\n")
    done = sweep([good, bad], Settings(taus=(20,), depths=(60,)))
    assert done.rows[0].scans == 1
    assert [failure.stage for failure in done.failures] == ["read"]
    with pytest.raises(NothingToConvert, match=r"no scan to study .*F0009"):
        sweep([bad], SETTINGS)


def test_an_error_of_ours_is_a_failure_of_the_scan(monkeypatch):
    def broken(path, settings):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(study, "convert_scan", broken)
    failure = measure_scan(ScanRef("a", "a.bnt", "a.bnt"), SETTINGS)
    assert failure == Failure("a.bnt", "internal", "ZeroDivisionError", "a.bnt: ZeroDivisionError: oh")


def figures(noises=(3.0, 0.05, 3.0), subjects=8):
    """Scans of which the blocks of least noise tell most."""
    parts = [faces(subjects=subjects, subject=0.3, noise=noise, seed=7) for noise in noises]
    scans = []
    for i, (expression, subject) in enumerate(zip(parts[0][1], parts[0][2], strict=True)):
        blocks = tuple(BlockFigures(7.0, 6.5, 100, part[0][i].astype(np.float32)) for part in parts)
        scans.append(
            ScanFigures(ScanRef(f"s{i}", "x", "x", ScanName("BU-3DFE", str(subject), "", str(expression))), blocks)
        )
    return scans


def test_the_depth_that_tells_most_is_recommended():
    pytest.importorskip("sklearn")
    done = study._study(figures(), DEPTHS, ())
    assert [row.recommended for row in done.rows] == [False, True, False]
    assert done.rows[1].accuracy > 95 > done.rows[0].accuracy
    assert done.advice[0].startswith("BU-3DFE: take 60 mm: ")
    assert "48 scans of 8 subjects, chance 16.7 %" in done.advice[0]
    assert "more than one standard error" in done.advice[0]


def test_too_few_subjects_recommend_nothing():
    done = study._study(figures(subjects=3), DEPTHS, ())
    assert not any(row.recommended for row in done.rows)
    assert done.advice[0].startswith("BU-3DFE: no depth is recommended (")
    assert "at 60 mm (F = " in done.advice[0]
    assert all(row.accuracy is None for row in done.rows)
    assert "3 subjects, it takes 4" in done.advice[0] or "needs scikit-learn, which is not installed" in done.advice[0]


def test_a_missing_library_recommends_nothing(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = study._study(figures(), DEPTHS, ())
    assert not any(row.recommended for row in done.rows)
    assert "pip install scikit-learn" in done.advice[0]


ROW = SweepRow("BU-3DFE", 50.0, 9, 7.0, 128.0, 6.0, 100.0, labelled=9, subjects=5, chance=16.7)


def rows(*figures):
    return [
        replace(ROW, depth_mm=50.0 + 10 * i, accuracy=a, accuracy_error=e, variance_ratio_own=f)
        for i, (a, e, f) in enumerate(figures)
    ]


def test_within_one_standard_error_the_variance_decides():
    depth, why = recommend(rows((80.0, 3.0, 1.0), (78.0, 3.0, 2.0), (76.9, 3.0, 9.0)))
    assert depth == 60.0
    assert "50, 60 mm lie within one standard error (3.0 %) of the best" in why
    assert recommend(rows((80.0, 1.0, 1.0), (78.0, 3.0, 2.0)))[0] == 50.0


@pytest.mark.parametrize(
    ("best", "edge"),
    [(0, "50 mm is the smallest depth tried: try smaller ones"), (1, ""), (2, "70 mm is the largest depth tried: try")],
)
@pytest.mark.parametrize("classified", [True, False])
def test_a_best_at_the_edge_is_said(best, edge, classified):
    found = [(60.0, 1.0, 1.0)] * 3
    found[best] = (80.0, 1.0, 2.0)
    depth, why = recommend(rows(*(found if classified else [(None, None, f) for *_, f in found])))
    assert depth == (50.0 + 10 * best if classified else None)
    assert edge in why
    assert ("depth tried" in why) == bool(edge)


def test_noise_is_called_noise():
    equal = recommend(rows((80.0, 3.0, 1.0), (78.0, 3.0, 2.0)))[1]
    assert "50, 60 mm lie within one standard error (3.0 %) of the best, which is noise: the others do as" in equal
    assert "noise" not in recommend(rows((80.0, 1.0, 1.0), (60.0, 1.0, 2.0)))[1]
    assert recommend(rows((80.0, 1.0, 1.0)))[1].endswith(", the only depth tried.")


def test_an_accuracy_of_chance_recommends_nothing():
    depth, why = recommend(rows((17.0, 1.0, 1.0), (16.0, 1.0, 2.0)))
    assert depth is None
    assert "17.0 % at 50 mm, is not one standard error above chance (16.7 %" in why


def test_without_any_ground_no_depth_is_recommended():
    depth, why = recommend(rows((None, None, None), (None, None, None)))
    assert depth is None
    assert "the paper found 60 mm best on its data" in why


def test_table_4_is_the_papers(shared):
    text = (shared / "paper.txt").read_text()
    table = text[text.index("Table 4.") :][:700].replace("%", "")
    printed = [word for word in table.split() if word.count(".") == 1 and len(word) == 5 and word[2] == "."]
    assert [float(word) for word in printed] == [
        rate for name in ("BU-3DFE", "Bosphorus") for rate in DATASETS[name].depth_accuracies
    ]


def test_the_papers_figures_stand_beside_its_own_depths_and_datasets():
    assert paper_accuracy("BU-3DFE", 60.0) == 84.92
    assert paper_accuracy("Bosphorus", 140.0) == 78.10
    assert paper_accuracy("Bosphorus", 55.0) is None
    assert paper_accuracy("FRGC", 60.0) is None


def test_the_chart_shows_what_the_advice_rests_on(found):
    assert "entropy, bits" in to_svg(sweep_chart(found.rows))
    assert "variance ratio F" in to_svg(sweep_chart(rows((None, None, 1.0), (None, None, 2.0))))
    told = to_svg(sweep_chart([replace(r, paper_accuracy=80.0) for r in rows((70.0, 1.0, 1.0), (60.0, 1.0, 2.0))]))
    assert "accuracy, %" in told
    assert "BU-3DFE, the paper" in told
