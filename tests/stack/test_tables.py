import csv

import pytest

from gemax_cli.stack.escape import unescaped
from gemax_cli.stack.tables import (
    LEADING,
    Failure,
    metadata_columns,
    metadata_rows,
    read_failures,
    write_failures,
    write_metadata,
)
from tests.stack.samples import SCAN, block_record, scan_record

CONTRACT = (
    "scan, dataset, subject, sex, expression, level, source, nose_x, nose_y, nose_z, nose_source, nose_confidence, "
    "warnings, depth_mm, valid_pixels, mm_per_pixel, depth16_file_name"
).split(", ")


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_columns_begin_as_promised():
    columns = metadata_columns([30, 20])
    assert list(LEADING) == CONTRACT
    assert list(columns[: len(CONTRACT)]) == CONTRACT
    after = columns[len(CONTRACT) :]
    assert after[:3] == ("gemax_tau020_file_name", "entropy_tau020", "max_bin_tau020")
    assert after[3:6] == ("gemax_tau030_file_name", "entropy_tau030", "max_bin_tau030")


def test_one_row_per_scan_and_depth(tmp_path):
    record = scan_record(blocks=(block_record(depth=50.0), block_record(depth=60.0)))
    write_metadata(tmp_path, [record], [20, 30])
    rows = rows_of(tmp_path / "metadata.csv")
    assert [row["depth_mm"] for row in rows] == ["50", "60"]
    assert rows[0]["gemax_tau020_file_name"] == f"{SCAN}/gemax_tau020.png"
    assert float(rows[0]["entropy_tau030"]) == 7.8125
    assert rows[0]["nose_z"] == "3.5000"
    assert rows[0]["warnings"] == "look at me"


def test_cells_of_a_tau_that_a_scan_lacks_are_empty(tmp_path):
    write_metadata(tmp_path, [scan_record(blocks=(block_record((20,)),))], [20, 50])
    (row,) = rows_of(tmp_path / "metadata.csv")
    assert row["gemax_tau050_file_name"] == row["entropy_tau050"] == ""


def test_unknown_level_and_pose_are_empty():
    (row,) = metadata_rows(scan_record(level=None, pose=None))
    assert row["level"] == ""
    assert "yaw" not in row


def test_names_with_commas_quotes_newlines_and_odd_bytes(tmp_path):
    name = 'a,"b"\nc\udcff.wrl'
    write_metadata(tmp_path, [scan_record(source=name)], [20, 30])
    (row,) = rows_of(tmp_path / "metadata.csv")
    assert row["source"] == 'a,"b"%0Ac%FF.wrl'
    assert unescaped(row["source"]) == name


def test_failures_are_ordered_and_read_back(tmp_path):
    late, early = Failure("b", "nose", "NoNoseTip", "b: no, nose"), Failure("a", "read", "EmptyScan", "a: empty")
    write_failures(tmp_path, [late, early])
    assert read_failures(tmp_path / "failures.csv") == [early, late]
    assert (tmp_path / "failures.csv").read_text().splitlines()[0] == "source,stage,error,message"


def test_without_a_failure_there_is_no_file(tmp_path):
    write_failures(tmp_path, [Failure("a", "read", "EmptyScan", "a: empty")])
    write_failures(tmp_path, [])
    assert list(tmp_path.iterdir()) == []


def test_another_table_is_no_failures_csv(tmp_path):
    (tmp_path / "x.csv").write_text("scan,why\na,b\n")
    with pytest.raises(ValueError, match="lacks the columns"):
        read_failures(tmp_path / "x.csv")
