import re

import pytest

from gemax_cli.datasets.published import TAUS, UNBOUNDED
from gemax_cli.reports.comparison import compare
from gemax_cli.reports.entropy_table import EntropyRow, entropy_table
from gemax_cli.reports.published import PUBLISHED, published_entropy
from gemax_cli.settings import DEFAULT_TAUS, QuantisationSettings, Settings
from tests.reports.folders import BO, BU, PAPERS, make_folder


def figures(dataset, table):
    return [p for p in PUBLISHED if (p.dataset, p.table) == (dataset, table)]


def row(text, name):
    """The numbers of the line of the paper's text that begins with ``name``."""
    line = next(line for line in text.splitlines() if line.startswith(name))
    return [float(number) for number in re.findall(r"\d*\.\d+", line)]


def test_the_figures_are_those_of_the_paper(shared):
    text = (shared / "paper.txt").read_text(encoding="utf-8")
    table3, table5 = text[text.index("Table 3.") :], text[text.index("Table 5.") :]
    bosphorus = table5[table5.index("Dataset Bosphorus") :]
    assert [p.entropy for p in figures("BU-3DFE", 3)] == row(table3, "Entropy")
    assert [p.seconds for p in figures("BU-3DFE", 3)] == row(table3, "time (s)")
    assert [p.entropy for p in figures("BU-3DFE", 5)] == row(table5, "Entropy")
    assert [p.accuracy for p in figures("BU-3DFE", 5)] == row(table5, "Acc.")
    assert [p.entropy for p in figures("Bosphorus", 5)] == row(bosphorus, "Entropy")
    assert [p.accuracy for p in figures("Bosphorus", 5)] == row(bosphorus, "Acc.")


def test_the_maps_are_those_of_tables_1_and_2(shared):
    text = (shared / "paper.txt").read_text(encoding="utf-8")
    tables = {"BU-3DFE": text[text.index("Table 1. FER") :], "Bosphorus": text[text.index("Table 2. FER") :]}
    for dataset, number in (("BU-3DFE", 1), ("Bosphorus", 2)):
        for p in figures(dataset, number):
            assert re.search(rf"3D {p.label} \w+ {p.entropy:.2f} ", tables[dataset]), p


def test_gemax_is_the_mean_over_its_five_tau():
    for dataset, table, headline in (("BU-3DFE", 3, 7.94), ("Bosphorus", 5, 7.92)):
        bits = [p.entropy for p in figures(dataset, table) if p.tau in DEFAULT_TAUS]
        assert len(bits) == 5
        assert sum(bits) / 5 == pytest.approx(headline, abs=0.006)


@pytest.mark.parametrize(
    ("dataset", "name", "tau", "bits"),
    [
        ("BU-3DFE", "range image", 16, 7.606),
        ("BU-3DFE", "gemax", 50, 7.98),
        ("BU-3DFE", "gemax", 4096, 7.993),
        ("BU-3DFE", "gemax", 3841, 7.993),
        ("BU-3DFE", "gemax", 3840, None),
        ("BU-3DFE", "normals", None, 7.57),
        ("Bosphorus", "shape-index", None, 7.65),
        ("BU-3DFE", "shape-index", None, None),
        ("Bosphorus", "gemax", 4096, None),
        ("BU-3DFE", "range image", 20, None),
        ("BU-3DFE", "gemax", 25, None),
        ("FRGC", "gemax", 20, None),
    ],
)
def test_published_entropy(dataset, name, tau, bits):
    assert published_entropy(dataset, name, tau) == bits


def test_compare_has_every_row_of_the_databases_measured(tmp_path):
    out = make_folder(tmp_path / "out", (BU,), Settings(taus=(*DEFAULT_TAUS, 4096)))
    table = entropy_table(out)
    rows = compare(table)
    assert len(rows) == sum(p.dataset == "BU-3DFE" for p in PUBLISHED)
    ours = {(row.table, row.map): row for row in rows}
    (tau30,) = (row for row in table if row.tau == 30)
    assert ours[3, "tau = 30"].ours == ours[5, "tau = 30"].ours == tau30.mean
    assert ours[3, "tau = 30"].difference == tau30.mean - 7.931
    assert ours[3, "tau = 30"].error_mm == tau30.error_mm
    assert ours[3, "tau = 16"].ours is not None
    assert ours[3, "tau = N"].ours >= ours[3, "tau = 60"].ours
    assert ours[1, "NoM"].ours is None
    assert ours[1, "GEMax"].ours is None, "six tau are not the paper's five"


def test_compare_takes_only_rows_of_the_paper_s_settings(tmp_path):
    out = make_folder(tmp_path / "out", (BU, BO), Settings(depths=(50, 60)))
    table = entropy_table(out)
    (ours,) = (row.ours for row in compare(table) if (row.dataset, row.table, row.map) == ("Bosphorus", 2, "GEMax"))
    (expected,) = (row.mean for row in table if (row.group, row.map) == ("Bosphorus d060", "mean over tau"))
    assert ours == expected
    other = make_folder(tmp_path / "other", (BU,), Settings(quantisation=QuantisationSettings(reserve_zero=True)))
    assert {row.ours for row in compare(entropy_table(other))} == {None}


def test_other_databases_have_no_comparison():
    assert compare([EntropyRow("FRGC", "gemax", 20, 1, 7.0, 0.0, 7.0, 7.0)]) == []


def test_tau_16_is_the_range_image():
    assert {p.map for p in PUBLISHED if p.tau == TAUS[0]} == {"range image"}
    assert {p.label for p in PUBLISHED if p.tau == UNBOUNDED} == {"tau = N"}
    assert PAPERS.quantisation.levels // PAPERS.quantisation.bins == TAUS[0]
