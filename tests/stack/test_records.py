import json
import os
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemax_cli.stack.records import (
    RecordWriter,
    ScanRecord,
    newest_places,
    pack_cuts,
    read_line,
    read_records,
    record_files,
    tidy_records,
    unpack_cuts,
)
from tests.stack.samples import SCAN, block_record, resigned, scan_record


def write(path, *records):
    with RecordWriter(path) as writer:
        for record in records:
            writer.append_line(record.to_line())


def ids(folder):
    return list(newest_places(record_files(folder)))


def test_a_line_holds_the_whole_record():
    record = scan_record()
    assert ScanRecord.from_line(record.to_line()) == record
    assert ScanRecord.from_line(scan_record(pose=None, level=None).to_line()).pose is None


def test_a_line_is_one_line_of_ascii_whatever_the_names():
    line = scan_record(source="ü\n\udcff/名.wrl").to_line()
    assert line.isascii()
    assert line.count("\n") == 1
    assert ScanRecord.from_line(line).source == "ü\n\udcff/名.wrl"


@pytest.mark.parametrize("line", ["", "{}", "[]", "null", '{"scan": 1}', "{", '{"nose": 5}'])
def test_what_is_no_record_is_a_value_error(line):
    with pytest.raises(ValueError, match=r".*"):
        ScanRecord.from_line(line)


def test_a_line_nested_too_deeply_is_no_record(tmp_path):
    with pytest.raises(ValueError, match="not a record: "):
        ScanRecord.from_line("[" * 100_000)
    (tmp_path / "records.jsonl").write_text("[" * 100_000 + "\n" + scan_record("a").to_line())
    assert ids(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"depth_mm":60.0', '"depth_mm":"60"', "blocks: depth_mm: '60' is no number"),
        ('"depth_mm":60.0', '"depth_mm":0.0', "a depth of 0.0 mm"),
        ('"depth_mm":60.0', '"depth_mm":NaN', "blocks: depth_mm: "),
        ('"depth_mm":60.0', '"depth_mm":1e999', "blocks: depth_mm: "),
        ('"depth_mm":60.0', '"depth_mm":20000', "a depth of 20000.0 mm"),
        ('"mm_per_pixel":1.0', '"mm_per_pixel":null', "blocks: mm_per_pixel: "),
        ('"mm_per_pixel":1.0', '"mm_per_pixel":-1', "-1.0 mm per pixel"),
        ('"tau":20', '"tau":"20"', "blocks: maps: tau: "),
        ('"tau":20', '"tau":true', "blocks: maps: tau: "),
        ('"tau":20', f'"tau":{1 << 70}', "blocks: maps: tau: "),
        ('"widths":"u16:', '"widths":"u32:', "the cuts begin with neither"),
        ('"widths":"u16:', '"widths":7,"x":"', "blocks: maps: unknown: x"),
        ('"warnings":["look at me"]', '"warnings":[7]', "warnings: '7' is no str"),
        ('"filled_pixels":3', '"filled_pixels":[3]', "blocks: counts: "),
        ('"dataset":"BU-3DFE"', '"dataset":null', "name: dataset: "),
        ('"pose":{', '"pose":{"tilt":1,', "pose: unknown: tilt"),
        ('"aligned":false', '"aligned":0', "pose: aligned: '0' is no bool"),
        ('"confidence":1.0,', "", "nose: missing: confidence"),
        ('"source_bytes":100,', "", "missing: source_bytes"),
        ('"scan":', '"scans":', "missing: 'scan'"),
        ("[1.0,0.0,0.0,-111.5]", "[1.0,0.0,0.0]", "blocks: pixel_to_raw: 3 values, not 4"),
        ('"runner_up":[0.0,', '"runner_up":[', "nose: runner_up: 2 values, not 3"),
    ],
)
def test_a_value_of_another_type_costs_its_record_and_is_named(tmp_path, old, new, reason):
    line = scan_record("b").to_line()
    assert old in line
    with pytest.raises(ValueError, match=re.escape(reason)):
        ScanRecord.from_line(line.replace(old, new))
    (tmp_path / "records.jsonl").write_text(scan_record("a").to_line() + line.replace(old, new))
    assert [record.scan_id for record in read_records(tmp_path)] == ["a"]


def test_whole_numbers_may_stand_for_lengths():
    record = ScanRecord.from_line(resigned(scan_record().to_line().replace('"depth_mm":60.0', '"depth_mm":60')))
    assert record == scan_record()
    assert isinstance(record.blocks[0].depth_mm, float)


@pytest.mark.parametrize(
    ("cuts", "text"),
    [
        ([0, 1, 3, 255], "u8:AQL8"),
        ([0, 255, 510], "u8://8="),
        ([0, 256], "u16:AAE="),
        ([0, 1, 65535], "u16:AQD+/w=="),
    ],
)
def test_cuts_in_a_record_are_golden(cuts, text):
    assert pack_cuts(np.array(cuts)) == text
    assert unpack_cuts(text).tolist() == cuts


@given(widths=st.lists(st.integers(1, 255), min_size=1, max_size=256))
def test_cuts_come_back(widths):
    cuts = np.concatenate([[0], np.cumsum(widths)]).astype(np.int32)
    back = unpack_cuts(pack_cuts(cuts))
    assert back.dtype == np.int32
    assert np.array_equal(back, cuts)


ODD = ["", "u8", "u8:", "AQL8", "u8:AQL", "u8:AQ L8", "u8:AQLé", "u8:AAEC", "u16:AQ==", "u16://8BAA==", "u16:AQAAAA=="]


@pytest.mark.parametrize("text", ODD)
def test_damaged_cuts_are_a_value_error(text):
    with pytest.raises(ValueError, match=r".*"):
        unpack_cuts(text)


def test_files_are_named_once():
    record = scan_record(blocks=(block_record(), block_record(depth=70.0)))
    assert record.files == (f"{SCAN}/depth16.png", f"{SCAN}/gemax_tau020.png", f"{SCAN}/gemax_tau030.png")


def test_taus_of_a_depth():
    record = scan_record(blocks=(block_record((20,)), block_record((30, 40), 70.0)))
    assert record.taus(60.0) == (20,)
    assert record.taus(70.0) == (30, 40)
    assert record.taus(80.0) == ()


def test_the_newest_line_of_a_scan_counts(tmp_path):
    write(tmp_path / "records.jsonl", scan_record("b", level=1), scan_record("a"), scan_record("b", level=2))
    assert [(r.scan_id, r.name.level) for r in read_records(tmp_path)] == [("a", 1), ("b", 2)]


def test_shards_are_read_together(tmp_path):
    write(tmp_path / "records-2-of-2.jsonl", scan_record("b"))
    write(tmp_path / "records-1-of-2.jsonl", scan_record("a"))
    write(tmp_path / "records.jsonl", scan_record("c"))
    (tmp_path / "records-old.txt").write_text("no")
    assert len(record_files(tmp_path)) == 3
    assert ids(tmp_path) == ["a", "b", "c"]


def test_a_torn_line_is_skipped_and_cut_off(tmp_path):
    path = tmp_path / "records.jsonl"
    whole = scan_record("a").to_line().encode()
    for cut in (1, 10, len(whole) - 1):
        path.write_bytes(whole + scan_record("b").to_line().encode()[:cut])
        assert ids(tmp_path) == ["a"]
        write(path, scan_record("c"))
        assert ids(tmp_path) == ["a", "c"]
        assert all(json.loads(line) for line in path.read_text().splitlines())


def test_lines_that_are_no_record_are_skipped(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text("nonsense\n[]\n" + scan_record("a").to_line())
    assert ids(tmp_path) == ["a"]


def test_an_empty_folder_has_no_records(tmp_path):
    assert ids(tmp_path) == []
    assert list(read_records(tmp_path)) == []


def test_tidy_orders_and_keeps_the_newest(tmp_path):
    path = tmp_path / "records.jsonl"
    write(path, scan_record("b", level=1), scan_record("a"), scan_record("b", level=2))
    tidy_records(path)
    lines = path.read_text().splitlines()
    assert [json.loads(line)["scan"] for line in lines] == ["a", "b"]
    assert json.loads(lines[1])["level"] == 2
    assert [p.name for p in tmp_path.iterdir()] == ["records.jsonl"]


def test_tidy_does_not_tell_who_came_first(tmp_path):
    records = [scan_record(name) for name in "dacb"]
    write(tmp_path / "one.jsonl", *records)
    write(tmp_path / "two.jsonl", *reversed(records))
    tidy_records(tmp_path / "one.jsonl")
    tidy_records(tmp_path / "two.jsonl")
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()


def test_a_record_damaged_in_its_middle_is_skipped(tmp_path):
    line = scan_record("b").to_line()
    (tmp_path / "records.jsonl").write_text(scan_record("a").to_line() + line.replace('"nose":', '"no":'))
    assert ids(tmp_path) == ["a", "b"]
    assert [record.scan_id for record in read_records(tmp_path)] == ["a"]


@pytest.mark.parametrize("name", ['quote"d', "back\\slash", "ü/名", 'a","dataset":"x'])
def test_scan_ids_of_any_kind_are_found_at_the_beginning_of_the_line(tmp_path, name):
    write(tmp_path / "records.jsonl", scan_record(name))
    assert ids(tmp_path) == [name]


@pytest.mark.parametrize("torn", [b"", b"x", b'{"scan":"' + b"a" * 200_000])
@pytest.mark.parametrize("lines", [0, 1, 3000])
def test_a_torn_line_of_any_length_is_cut_off_a_file_of_any_length(tmp_path, torn, lines):
    whole = b'{"scan":"F","cuts":[1,2,3]}\n' * lines
    path = tmp_path / "records.jsonl"
    path.write_bytes(whole + torn)
    RecordWriter(path).close()
    assert path.read_bytes() == whole


def test_a_whole_file_is_not_touched(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_bytes(b"{}\n")
    os.utime(path, ns=(5, 5))
    RecordWriter(path).close()
    assert path.stat().st_mtime_ns == 5


@given(
    lines=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["a", "b/c", "b", "ü", "Z", "\udcff", '"'])), max_size=20
    )
)
def test_the_index_is_a_dictionary_of_the_newest_places(tmp_path_factory, lines):
    folder = tmp_path_factory.mktemp("index")
    files = [folder / f"records-{n + 1}-of-3.jsonl" for n in range(3)]
    want = {}
    for number, scan in sorted(lines, key=lambda line: line[0]):  # files are read one after the other
        offset = files[number].stat().st_size if files[number].exists() else 0
        with files[number].open("ab") as file:
            file.write(json.dumps({"scan": scan}).encode() + b"\n")
        want[scan] = (files[number], offset)
    places = newest_places(record_files(folder))
    assert list(places) == sorted(want)
    assert places == want
    assert all(json.loads(read_line(place))["scan"] == scan for scan, place in places.items())
