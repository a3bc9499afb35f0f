import json
import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemax_cli.stack.records import (
    ComparisonRecord,
    RecordWriter,
    ScanRecord,
    index_records,
    maps_in,
    read_records,
    record_files,
    tidy_records,
)
from tests.stack.samples import SCAN, block_record, scan_record


def write(path, *records):
    with RecordWriter(path) as writer:
        for record in records:
            writer.append_line(record.to_line())


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
    assert list(index_records(tmp_path)) == ["a", "b", "c"]


def test_a_torn_line_is_passed_over_and_cut_off(tmp_path):
    path = tmp_path / "records.jsonl"
    whole = scan_record("a").to_line().encode()
    for cut in (1, 10, len(whole) - 1):
        path.write_bytes(whole + scan_record("b").to_line().encode()[:cut])
        assert list(index_records(tmp_path)) == ["a"]
        write(path, scan_record("c"))
        assert list(index_records(tmp_path)) == ["a", "c"]
        assert all(json.loads(line) for line in path.read_text().splitlines())


def test_lines_that_are_no_record_are_passed_over(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text("nonsense\n[]\n" + scan_record("a").to_line())
    assert list(index_records(tmp_path)) == ["a"]


def test_an_empty_folder_has_no_records(tmp_path):
    assert index_records(tmp_path) == {}
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


def test_a_record_damaged_in_its_middle_is_passed_over(tmp_path):
    line = scan_record("b").to_line()
    (tmp_path / "records.jsonl").write_text(scan_record("a").to_line() + line.replace('"nose":', '"no":'))
    assert list(index_records(tmp_path)) == ["a", "b"]
    assert [record.scan_id for record in read_records(tmp_path)] == ["a"]


@pytest.mark.parametrize("name", ['quote"d', "back\\slash", "ü/名", 'a","dataset":"x'])
def test_scan_ids_of_any_kind_are_found_at_the_beginning_of_the_line(tmp_path, name):
    write(tmp_path / "records.jsonl", scan_record(name))
    assert list(index_records(tmp_path)) == [name]


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


def test_outlines_lack_nothing_but_cuts(tmp_path):
    nasty = scan_record("b", warnings=('"cuts":[1,2] and {"name":"x"} and "tau":7',))
    write(tmp_path / "records.jsonl", scan_record("a"), nasty)
    for plain, outlined in zip(read_records(tmp_path), read_records(tmp_path, outlines=True), strict=True):
        assert all(m.cuts for block in plain.blocks for m in block.maps)
        assert outlined == replace(plain, blocks=tuple(without_cuts(block) for block in plain.blocks))
    place = index_records(tmp_path)["b"]
    assert place.read_outline() == replace(nasty, blocks=tuple(without_cuts(block) for block in nasty.blocks))


def without_cuts(block):
    return replace(block, maps=tuple(replace(m, cuts=()) for m in block.maps))


def test_the_maps_of_a_folder_are_those_of_the_newest_records(tmp_path):
    assert maps_in(tmp_path) == (set(), set())
    channel = ComparisonRecord("normals-x", "n.png", 0, 7.0, "x", "0" * 64)
    odd = scan_record("a", warnings=('"tau":7,{"name":"x"}',))
    write(tmp_path / "records-1-of-2.jsonl", scan_record("b", blocks=(block_record((99,)),)))
    with_maps = replace(block_record((40,)), comparisons=(channel,))
    write(tmp_path / "records.jsonl", odd, scan_record("b", blocks=(with_maps,)))
    assert maps_in(tmp_path) == ({20, 30, 40}, {"normals-x"})


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
    index = index_records(folder)
    assert list(index) == sorted(want)
    assert {scan: (place.path, place.offset) for scan, place in index.items()} == want
    assert len(index) == len(want)
    assert "nobody" not in index
    assert index.get("~") is None
