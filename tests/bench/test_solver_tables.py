import sys

import numpy as np
import pytest

from gemax_cli.bench import solver as bench_tables
from gemax_cli.bench.rivals import RIVALS, rival_row, rival_table, widest_span
from gemax_cli.bench.solver import folder_histograms, sample_histograms, solver_table
from gemax_cli.entropy.solver import optimal_cuts
from gemax_cli.errors import NothingToConvert
from tests.pictures import write_png


@pytest.fixture(scope="module")
def faces():
    """Histograms of few levels, for the paper's DP to be quick."""
    return sample_histograms(2, levels=256)


@pytest.fixture(scope="module")
def solver_rows(faces):
    return {row.tau: row for row in solver_table(faces, bins=16, rounds=1, compared=2)}


def test_solver_rows(solver_rows):
    assert list(solver_rows) == ["16", "20", "30", "40", "50", "60", "N", "20 30 40 50 60"]
    for row in list(solver_rows.values())[:-1]:
        assert row.same_cuts is True
        assert row.compared == 2
        assert row.ratio == pytest.approx(row.dp_ms / row.gemax_ms)
        assert row.gemax_ms > 0
        assert (row.paper_s, row.paper_bits) == (None, None), "the paper's figures are for N = 4096, K = 256"
    together = solver_rows["20 30 40 50 60"]
    assert (together.dp_ms, together.ratio, together.same_cuts) == (None, None, None)


def test_solver_entropies(solver_rows, faces):
    for tau, row in list(solver_rows.items())[:-1]:
        expected = [optimal_cuts(h, 16, 256 if tau == "N" else int(tau)).entropy for h in faces]
        assert row.bits == pytest.approx(np.mean(expected))
    five = [solver_rows[tau].bits for tau in ("20", "30", "40", "50", "60")]
    assert solver_rows["20 30 40 50 60"].bits == pytest.approx(np.mean(five))


def test_papers_figures_stand_beside_its_own_setting(monkeypatch):
    monkeypatch.setattr(bench_tables, "MOST_EDGES", 0)
    rows = {row.tau: row for row in solver_table(sample_histograms(1), rounds=1)}
    assert (rows["20"].paper_s, rows["20"].paper_bits) == (0.22, 7.811)
    assert (rows["N"].paper_s, rows["N"].paper_bits) == (33.9, 7.993)
    assert rows["16"].bits < rows["20"].bits < rows["60"].bits < rows["N"].bits


def test_the_papers_dp_is_not_run_where_it_takes_too_much(faces, monkeypatch):
    monkeypatch.setattr(bench_tables, "SLOW_EDGES", 256 * 40)
    monkeypatch.setattr(bench_tables, "MOST_EDGES", 256 * 60)
    rows = {row.tau: row for row in solver_table(faces, bins=16, rounds=1, compared=2)}
    assert [rows[tau].compared for tau in ("30", "40", "50", "60", "N")] == [2, 1, 1, 0, 0]
    assert (rows["N"].dp_ms, rows["N"].ratio, rows["N"].same_cuts) == (None, None, None)


def test_difference_of_cuts_would_show(faces, monkeypatch):
    monkeypatch.setattr(bench_tables, "paper_cuts", lambda h, bins, tau: np.arange(bins + 1))
    assert {row.same_cuts for row in solver_table(faces, bins=16, rounds=1, compared=1)} == {False, None}


def test_infeasible_tau_has_no_row():
    rows = [row.tau for row in solver_table(sample_histograms(1, levels=500), bins=16, rounds=1, compared=1)]
    assert rows == ["40", "50", "60", "N", "40 50 60"]


def test_our_own_rivals(faces):
    rows = [row for row in rival_table(faces, bins=16, rounds=1) if row.name.startswith("gemax")]
    assert [row.method for row in rows] == ["tau = 20", "tau = 60", "tau = N"]
    for row, tau in zip(rows, (20, 60, 256), strict=True):
        assert row.bits == pytest.approx(np.mean([optimal_cuts(h, 16, tau).entropy for h in faces]))
        assert row.max_bin <= tau
        assert (row.bins, row.histograms) == (16, 2)


def test_our_own_rivals_that_are_feasible():
    methods = [row.method for row in rival_table(sample_histograms(1, levels=800), bins=16, rounds=1)]
    assert methods[:2] == ["tau = 60", "tau = N"]


def rival(package):
    pytest.importorskip(package)
    return next(r for r in RIVALS if r.module == package)


@pytest.mark.parametrize("package", ["kmeans1d", "ckwrap", "jenkspy", "skimage.exposure", "cv2"])
def test_rivals_labels_are_intervals_of_levels(package, faces):
    """Every level in use has a bin, and a bin's levels are next to each other."""
    chosen = rival(package)
    for histogram in faces:
        labels = chosen.ask(sys.modules[package], histogram, 16)()
        assert labels.shape == (np.count_nonzero(histogram),)
        changes = np.count_nonzero(np.diff(labels)) + 1
        assert changes == np.unique(labels).size
        assert changes <= (256 if package == "cv2" else 16)


def test_rivals_of_the_same_optimum_agree(faces):
    """kmeans1d over all pixels and ckwrap over weighted levels solve one problem."""
    pixels, weighted = rival("kmeans1d"), rival("ckwrap")
    rows = [rival_row(r, faces, 16, 1) for r in (pixels, weighted)]
    assert rows[0].bits == pytest.approx(rows[1].bits, abs=1e-3)
    assert rows[0].optimum == rows[1].optimum == "squared error"


def test_no_quantiser_of_as_many_values_has_more_entropy(faces):
    rows = list(rival_table(faces, bins=16, rounds=1))
    best = next(row.bits for row in rows if row.method == "tau = N")
    for row in rows:
        if row.bins <= 16:
            assert row.bits <= best + 1e-12, row


@pytest.mark.parametrize("package", ["kmeans1d", "skimage.exposure", "cv2"])
def test_rival_that_is_not_installed_has_no_row(package, faces, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    names = [row.name.split()[0] for row in rival_table(faces, bins=16, rounds=1)]
    assert {"kmeans1d": "kmeans1d", "skimage.exposure": "scikit-image", "cv2": "opencv"}[package] not in names
    assert names[:3] == ["gemax-cli"] * 3


def test_too_few_levels_in_use_for_the_rivals():
    assert list(rival_table([np.arange(10)], bins=9, rounds=1)) == []


@pytest.mark.parametrize(
    ("levels", "labels", "span"),
    [
        ([0, 1, 2, 3, 4], [0, 0, 1, 1, 1], 3), ([1, 3, 4], [0, 0, 1], 3), ([0], [5], 1),
        ([0, 1, 2, 5], [3, 2, 2, 1], 2), ([0, 4, 5], [0, 0, 7], 5),
    ],
)  # fmt: skip
def test_widest_span(levels, labels, span):
    assert widest_span(np.array(levels), np.array(labels)) == span


def test_histograms_of_a_folder(tmp_path):
    for place, codes in (("a/b", [[0, 1], [65535, 65535]]), ("c", [[0, 0], [0, 0]]), ("d", [[5, 5], [5, 0]])):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        write_png(folder / "depth16.png", np.array(codes, np.uint16))
    found = folder_histograms(tmp_path, 10, levels=4)
    assert [h.tolist() for h in found] == [[1, 0, 0, 2], [3, 0, 0, 0]]
    assert len(folder_histograms(tmp_path, 1, levels=4)) == 1


def test_folder_without_depth_images(tmp_path):
    with pytest.raises(NothingToConvert, match=r"holds no depth16\.png"):
        folder_histograms(tmp_path, 10)
