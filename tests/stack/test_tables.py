from dataclasses import replace

import pytest

from gemax_cli.datasets.model import ScanName
from gemax_cli.stack.escape import unescaped
from gemax_cli.stack.records import MaskRecord, TextureRecord
from gemax_cli.stack.tables import (
    LEADING,
    Failure,
    TableParts,
    landmarks_table,
    metadata_columns,
    read_failures,
    text_cell,
    write_failures,
)
from tests.stack.samples import SCAN, block_record, scan_record, written

CONTRACT = (
    "scan, dataset, subject, sex, expression, level, source, nose_x, nose_y, nose_z, nose_source, nose_confidence, "
    "warnings, depth_mm, valid_pixels, mm_per_pixel, depth16_file_name"
).split(", ")


def test_columns_begin_as_promised():
    columns = metadata_columns(TableParts({30, 20}))
    assert list(LEADING) == CONTRACT
    assert list(columns[: len(CONTRACT)]) == CONTRACT
    after = columns[len(CONTRACT) :]
    assert after[:3] == ("gemax_tau020_file_name", "entropy_tau020", "max_bin_tau020")
    assert after[3:6] == ("gemax_tau030_file_name", "entropy_tau030", "max_bin_tau030")


def test_one_row_per_scan_and_depth(tmp_path):
    record = scan_record(blocks=(block_record(depth=50.0), block_record(depth=60.0)))
    rows = written(tmp_path, [record])
    assert [row["depth_mm"] for row in rows] == ["50.0", "60.0"]
    assert rows[0]["gemax_tau020_file_name"] == f"{SCAN}/gemax_tau020.png"
    assert float(rows[0]["entropy_tau030"]) == 7.8125
    assert rows[0]["nose_z"] == "3.5000"
    assert rows[0]["warnings"] == "look at me"


def test_cells_of_a_tau_that_a_scan_lacks_are_of_the_column_s_type(tmp_path):
    (row,) = written(tmp_path, [scan_record(blocks=(block_record((20,)),))], TableParts({20, 50}))
    assert (row["gemax_tau050_file_name"], row["entropy_tau050"], row["max_bin_tau050"]) == ("-", "nan", "-1")


def test_unknown_cells_are_of_the_column_s_type(tmp_path):
    record = scan_record(level=None, pose=None, name=ScanName("other"), warnings=())
    (row,) = written(tmp_path, [record])
    assert row["level"] == "-1"
    assert (row["yaw"], row["pitch"], row["roll"]) == ("nan",) * 3
    assert {row[name] for name in ("subject", "sex", "expression", "code", "race", "kind", "warnings")} == {"-"}
    assert row["warning_count"] == "0"


def test_textures_and_masks_have_columns_once_there_are_some(tmp_path):
    block = block_record()
    full = replace(
        block, texture=TextureRecord(f"{SCAN}/texture.png", 24000, 1000, "", "sRGB", ""), mask=MaskRecord("m.png", "")
    )
    records = [scan_record(texture="a.bmp", blocks=(full,)), scan_record("x", texture="-"), scan_record("y")]
    rows = written(tmp_path, records)
    assert [row["texture_file_name"] for row in rows] == [f"{SCAN}/texture.png", "-", "-"]
    assert [row["texture_pixels"] for row in rows] == ["24000", "0", "0"]
    assert [row["texture_source"] for row in rows] == ["a.bmp", "-", "-"]
    assert [row["mask_file_name"] for row in rows] == ["m.png", "-", "-"]
    (bare,) = written(tmp_path, [scan_record()])
    assert not {"texture_file_name", "texture_pixels", "mask_file_name"} & bare.keys()


@pytest.mark.parametrize(
    "text", ["02463", "1e5", "-3", "nan", "NaN", "N/A", "NULL", "none", "True", "inf", " 7 ", "1_0"]
)
def test_text_that_reads_as_a_number_or_nothing_does_so_no_more(text):
    assert text_cell("subject", text) == f"subject-{text}"


@pytest.mark.parametrize("text", ["F0001", "bs000", "NE", "BU-3DFE/F0001", "1.obj", "see: nan"])
def test_other_text_stays(text):
    assert text_cell("subject", text) == text


def test_landmarks(tmp_path):
    marks = {"Nose tip": (111.5, 111.5, 0.0, True), "Chin middle": (110.25, 170.0, 31.0625, False)}
    records = [scan_record("x"), scan_record(blocks=(replace(block_record(), landmarks=marks),))]
    landmarks_table(records).write(tmp_path)
    assert landmarks_table(records).difference(tmp_path) == ""
    text = (tmp_path / "landmarks.csv").read_text()
    assert text.splitlines() == [
        "scan,depth_mm,name,column,row,depth,visible",
        f"{SCAN},60.0,Nose tip,111.5000,111.5000,0.0000,1",
        f"{SCAN},60.0,Chin middle,110.2500,170.0000,31.0625,0",
    ]
    bare = [scan_record()]
    assert landmarks_table(bare).difference(tmp_path) == "is there, but the records have no row of it"
    landmarks_table(bare).write(tmp_path)
    assert not (tmp_path / "landmarks.csv").exists()
    assert landmarks_table(bare).difference(tmp_path) == ""


def test_names_with_commas_quotes_newlines_and_odd_bytes(tmp_path):
    name = 'a,"b"\nc\udcff.wrl'
    (row,) = written(tmp_path, [scan_record(source=name)])
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
