import numpy as np
import pytest

from gemax_cli.errors import NothingToConvert
from gemax_cli.reports.entropy_table import combined, entropy_table, group_of, pivoted, tabulate
from gemax_cli.reports.measure import Measured, Measurement, measure_folder
from gemax_cli.settings import Settings
from gemax_cli.stack.images import name_of, split_depth
from tests.reports.folders import BO, BU, PAPERS, SMALL, make_folder

SCANS = (BU, "BU-3DFE/F0001/F0001_HA04WH", "BU-3DFE/M0002/M0002_AN02BL", BO)


def measured(scan, name, tau, bits, width=None, error=None):
    return Measured(scan, name, tau, bits, width, width and width / 4096, error)


@pytest.mark.parametrize(
    ("scan", "labels"),
    [
        (BU, ("BU-3DFE", "F0001", "AN", "")),
        (f"{BU}/d060", ("BU-3DFE", "F0001", "AN", "d060")),
        (f"{BU}/d062.5", ("BU-3DFE", "F0001", "AN", "d062.5")),
        (BO, ("Bosphorus", "bs000", "HA", "")),
        ("Bosphorus/bs000/bs000_YR_R45_0", ("Bosphorus", "bs000", "", "")),
        ("BU-4DFE/F001/Happy/000", ("BU-4DFE", "F001", "HA", "")),
        ("FRGC/04201/04201d74", ("FRGC", "04201", "", "")),
        ("other/lab/face1", ("other", "", "", "")),
        ("F0001_AN01WH", ("BU-3DFE", "F0001", "AN", "")),
        ("d060", ("other", "", "", "")),
    ],
)
def test_labels(scan, labels):
    found = name_of(scan)
    assert (found.dataset, found.subject, found.expression, split_depth(scan)[1]) == labels


@pytest.mark.parametrize(
    ("by", "group"),
    [
        ("dataset", "BU-3DFE d050"),
        ("subject", "BU-3DFE/F0001 d050"),
        ("expression", "BU-3DFE/AN d050"),
        ("scan", f"{BU}/d050"),
    ],
)
def test_groups(by, group):
    assert group_of(f"{BU}/d050", by) == group


def test_unknown_subjects_and_expressions_have_groups():
    assert group_of("other/a", "subject") == "other"
    assert group_of("other/a", "expression") == "other/other"


def test_statistics_of_a_row():
    bits = [7.0, 7.5, 7.9]
    items = [measured(f"other/{i}", "gemax", 20, b, 18 + i, 0.1 * i) for i, b in enumerate(bits)]
    (row,) = tabulate(Measurement(tuple(items)))
    assert (row.group, row.map, row.tau, row.scans) == ("other", "gemax", 20, 3)
    assert (row.mean, row.std) == (pytest.approx(np.mean(bits)), pytest.approx(np.std(bits)))
    assert (row.min, row.max) == (7.0, 7.9)
    assert row.max_bin == 20
    assert row.distortion == 20 / 4096
    assert row.error_mm == pytest.approx(0.1)
    assert row.paper is None


def test_figures_that_no_scan_has_are_none():
    (row,) = tabulate(Measurement((measured("other/a", "image", None, 5.0),)))
    assert (row.max_bin, row.distortion, row.error_mm) == (None, None, None)


def test_rows_stand_in_order_of_group_map_and_tau():
    items = [measured("other/a", name, tau, 7.0) for name, tau in (
        ("normals", None), ("gemax", 100), ("curvature", None), ("gemax", 20), ("range image", 16))]  # fmt: skip
    rows = tabulate(Measurement((*items, measured("BU-3DFE/F0001/F0001_AN01WH", "gemax", 20, 7.0))))
    assert [(row.group, row.map, row.tau) for row in rows] == [
        ("BU-3DFE", "gemax", 20),
        ("other", "range image", 16),
        ("other", "gemax", 20),
        ("other", "gemax", 100),
        ("other", "mean over tau", None),
        ("other", "curvature", None),
        ("other", "normals", None),
        ("other", "GeM", None),
    ]


def test_mean_over_tau_is_of_gemax_maps_of_each_scan():
    items = [measured("a", "range image", 16, 6.0), measured("a", "gemax", 20, 7.0, 20, 0.1),
             measured("a", "gemax", 30, 8.0, 29, 0.3), measured("b", "gemax", 20, 5.0)]  # fmt: skip
    (mean,) = combined(items)
    assert (mean.scan, mean.map, mean.bits, mean.max_bin, mean.error_mm) == (
        "a",
        "mean over tau",
        7.5,
        29,
        pytest.approx(0.2),
    )


def test_gem_is_the_mean_of_its_three_maps_and_needs_them_all():
    items = [
        measured("a", "range image", 16, 7.2),
        measured("a", "normals", None, 7.5),
        measured("a", "curvature", None, 7.8),
    ]
    (gem,) = combined(items)
    assert (gem.map, gem.bits) == ("GeM", pytest.approx(7.5))
    assert combined(items[:2]) == []


def test_a_pivot_has_a_row_per_group_and_a_column_per_map():
    items = [
        measured("BU-3DFE/F0001/F0001_AN01WH", "gemax", 30, 7.5),
        measured("BU-3DFE/F0001/F0001_AN01WH", "he", None, 7.9),
        measured("BU-3DFE/F0001/F0001_AN02WH", "gemax", 20, 7.0),
        measured("BU-3DFE/F0001/F0001_HA01WH", "gemax", 20, 6.0),
        measured("BU-3DFE/F0002/F0002_HA01WH", "gemax", 20, 7.0),
        measured("BU-3DFE/F0002/F0002_HA01WH", "range image", 16, 5.0),
    ]
    rows = pivoted(tabulate(Measurement(tuple(items)), "expression"), "expression")
    assert [list(row) for row in rows] == [["expression", "scans", "range image", "tau 20", "tau 30", "he"]] * 2
    assert [list(row.values()) for row in rows] == [
        ["BU-3DFE/AN", 1, None, 7.0, 7.5, 7.9],
        ["BU-3DFE/HA", 2, 5.0, 6.5, None, None],
    ]
    assert pivoted([], "subject") == []


def test_a_folder_by_each_group(tmp_path):
    out = make_folder(tmp_path / "out", SCANS)
    assert {row.group for row in entropy_table(out)} == {"BU-3DFE", "Bosphorus"}
    assert {row.group for row in entropy_table(out, "scan")} == set(SCANS)
    assert {row.group for row in entropy_table(out, "subject")} == {"BU-3DFE/F0001", "BU-3DFE/M0002", "Bosphorus/bs000"}
    by_expression = entropy_table(out, "expression")
    assert {row.group for row in by_expression} == {"BU-3DFE/AN", "BU-3DFE/HA", "Bosphorus/HA"}
    assert {row.scans for row in by_expression if row.group == "BU-3DFE/AN"} == {2}


def test_the_mean_of_a_dataset_is_the_mean_of_its_scans(tmp_path):
    out = make_folder(tmp_path / "out", SCANS)
    (whole,) = (row for row in entropy_table(out) if (row.group, row.map, row.tau) == ("BU-3DFE", "gemax", 5))
    scans = [row.mean for row in entropy_table(out, "scan") if (row.map, row.tau) == ("gemax", 5) and row.group != BO]
    assert whole.mean == pytest.approx(np.mean(scans))
    assert (whole.min, whole.max) == (min(scans), max(scans))


def test_entropy_never_falls_as_tau_grows(converted):
    rows = [row for row in entropy_table(converted, "scan") if row.map in ("range image", "gemax")]
    for scan in {row.group for row in rows}:
        bits = [row.mean for row in rows if row.group == scan]
        assert len(bits) > 2
        assert bits == sorted(bits)


def test_the_paper_s_figures_stand_beside_its_databases(tmp_path):
    out = make_folder(tmp_path / "out", (BU, BO), PAPERS)
    paper = {(row.group, row.map, row.tau): row.paper for row in entropy_table(out)}
    assert paper["BU-3DFE", "range image", 16] == 7.606
    assert paper["BU-3DFE", "gemax", 20] == 7.811
    assert paper["BU-3DFE", "mean over tau", None] == 7.94
    assert paper["Bosphorus", "gemax", 60] == 7.98
    assert paper["Bosphorus", "mean over tau", None] == 7.92
    assert {row.paper for row in entropy_table(out, "subject")} == {None}


@pytest.mark.parametrize("made_with", [SMALL, Settings(depths=(50,))])
def test_other_settings_have_no_figure_of_the_paper(tmp_path, made_with):
    out = make_folder(tmp_path / "out", (BU,), made_with)
    assert {row.paper for row in entropy_table(out)} == {None}


def test_another_mean_over_tau_has_no_figure_of_the_paper(tmp_path):
    out = make_folder(tmp_path / "out", (BU,), Settings(taus=(20, 30)))
    paper = {row.map: row.paper for row in entropy_table(out)}
    assert paper["mean over tau"] is None
    assert paper["gemax"] is not None


def test_of_several_depths_only_60_mm_is_the_paper_s(tmp_path):
    out = make_folder(tmp_path / "out", (BU,), Settings(taus=(20,), depths=(50, 60)))
    assert {row.group for row in entropy_table(out) if row.paper} == {"BU-3DFE d060"}


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(NothingToConvert, match="holds no map"):
        entropy_table(tmp_path)


def test_a_broken_file_is_a_warning(tmp_path):
    out = make_folder(tmp_path / "out", (BU, BO))
    (out / BU / "gemax_tau005.png").write_bytes(b"x")
    with pytest.warns(UserWarning, match=r"gemax_tau005\.png"):
        rows = entropy_table(out)
    assert len(rows) == len(tabulate(measure_folder(out)))
