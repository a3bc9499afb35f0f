"""Comparison maps in the records, the table and the check of a folder."""

import json
from dataclasses import replace

import numpy as np

from gemax_cli.maps.registry import COMPARISONS
from gemax_cli.stack.naming import comparison_name
from gemax_cli.stack.records import ComparisonRecord, RecordWriter, ScanRecord
from gemax_cli.stack.tables import TableParts, metadata_columns
from gemax_cli.stack.verify import verify
from tests.pictures import write_png
from tests.stack.samples import SCAN, block_record, resigned, scan_record, written


def comparison(name, file, channel=None, **changes):
    return replace(ComparisonRecord(name, f"{SCAN}/{file}.png", channel, 7.5, "as it says", "4" * 64), **changes)


RANGE = comparison("ri", "ri")
NORMALS = tuple(comparison(name, "normals", i) for i, name in enumerate(COMPARISONS["normals"].channels))


def record_with(*maps):
    return scan_record(blocks=(replace(block_record(), comparisons=maps),))


def test_a_line_holds_them():
    record = record_with(RANGE, *NORMALS)
    assert ScanRecord.from_line(record.to_line()) == record


def test_a_line_of_before_has_none():
    values = json.loads(scan_record().to_line())
    for block in values["blocks"]:
        del block["comparisons"]
    assert ScanRecord.from_line(resigned(json.dumps(values))) == scan_record()


def test_their_files_belong_to_the_scan_each_once():
    files = record_with(RANGE, *NORMALS).files
    assert files[-2:] == (f"{SCAN}/ri.png", f"{SCAN}/normals.png")


def test_channels_of_a_depth():
    record = record_with(RANGE, *NORMALS)
    assert record.comparisons(60.0) == ("ri", "normals-x", "normals-y", "normals-z")
    assert record.comparisons(70.0) == ()


def test_names_of_files():
    assert comparison_name("shape-index") == "shape-index.png"


def test_columns_follow_those_of_tau_and_come_before_the_last():
    channels = frozenset(["shape-index", "normals-x", "normals-y", "normals-z", "ri"])
    bare = metadata_columns(TableParts({20}))
    columns = metadata_columns(TableParts({20}, channels))
    assert columns[columns.index("max_bin_tau020") + 1 : columns.index("code")] == (
        "ri_file_name", "entropy_ri", "normals_file_name", "entropy_normals_x", "entropy_normals_y",
        "entropy_normals_z", "shape_index_file_name", "entropy_shape_index",
    )  # fmt: skip
    assert set(columns) - set(bare) == set(columns[columns.index("ri_file_name") : columns.index("code")])


def test_cells(tmp_path):
    records = [record_with(RANGE, *NORMALS), scan_record("other")]
    full, empty = written(tmp_path, records)
    assert full["normals_file_name"] == f"{SCAN}/normals.png"
    assert float(full["entropy_normals_z"]) == float(full["entropy_ri"]) == 7.5
    assert (empty["normals_file_name"], empty["entropy_ri"]) == ("-", "nan")


def folder(tmp_path, grey):
    """An output folder of one scan with a single comparison map; returns the map's path."""
    (tmp_path / SCAN).mkdir(parents=True)
    codes = np.array([[0, 1, 65535]], np.uint16)
    block = block_record(())
    sha = write_png(tmp_path / block.file, codes)
    digest = write_png(tmp_path / RANGE.file, grey)
    ri = replace(RANGE, sha256=digest, entropy=1.0)
    block = replace(block, sha256=sha, valid_pixels=2, comparisons=(ri,))
    with RecordWriter(tmp_path / "records.jsonl") as writer:
        writer.append_line(scan_record(blocks=(block,)).to_line())
    return tmp_path / RANGE.file


def test_a_sound_folder_verifies(tmp_path):
    folder(tmp_path, np.array([[0, 0, 255]], np.uint8))
    found = verify(tmp_path)
    assert (found.files, found.problems, found.orphans) == (2, (), ())


def test_a_changed_map_is_found(tmp_path):
    path = folder(tmp_path, np.array([[0, 0, 255]], np.uint8))
    write_png(path, np.array([[0, 1, 255]], np.uint8))
    (problem,) = verify(tmp_path).problems
    assert (problem.file, "SHA-256" in problem.message) == (RANGE.file, True)


def test_another_entropy_is_found(tmp_path):
    folder(tmp_path, np.array([[0, 7, 7]], np.uint8))
    (problem,) = verify(tmp_path).problems
    assert "entropy of 0.000000 bits" in problem.message
