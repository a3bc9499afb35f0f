import json
import os
import subprocess
import sys

import pytest

from gemax_cli.errors import FolderInUse, OutputUnwritable, SettingsConflict
from gemax_cli.settings import BlockSettings, QuantisationSettings, Settings
from gemax_cli.stack.folder import (
    check_settings,
    files_exist,
    locked,
    make_folder,
    map_settings,
    read_run,
    write_run,
    write_tables,
)
from gemax_cli.stack.records import RecordWriter
from gemax_cli.stack.tables import Failure, read_failures
from tests.stack.samples import scan_record

HOLD = """
import sys, pathlib
from gemax_cli.stack.folder import locked
shard = tuple(int(n) for n in sys.argv[2].split("/")) if len(sys.argv) > 2 else None
with locked(pathlib.Path(sys.argv[1]), shard):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold(tmp_path):
    """Hold the folder in another process."""
    holders = []

    def start(*shard):
        command = [sys.executable, "-c", HOLD, str(tmp_path), *shard]
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert holder.stdout.readline() == "held\n"
        holders.append(holder)
        return holder

    yield start
    for holder in holders:
        holder.communicate()


def test_a_second_writer_is_told(tmp_path, hold):
    hold()
    with pytest.raises(FolderInUse, match="another gemax"), locked(tmp_path):
        pass


def test_shards_work_side_by_side(tmp_path, hold):
    hold("1/2")
    with locked(tmp_path, (2, 2)):
        pass


def test_a_shard_is_not_run_twice(tmp_path, hold):
    hold("1/2")
    with pytest.raises(FolderInUse), locked(tmp_path, (1, 2)):
        pass


def test_the_whole_and_its_shards_exclude_each_other(tmp_path, hold):
    holder = hold("1/2")
    with pytest.raises(FolderInUse), locked(tmp_path):
        pass
    holder.communicate()
    hold()
    with pytest.raises(FolderInUse), locked(tmp_path, (2, 2)):
        pass


def test_a_killed_writer_frees_the_folder(tmp_path, hold):
    holder = hold()
    holder.kill()
    holder.wait()
    with locked(tmp_path):
        pass


def test_the_same_settings_and_other_tau_may_go_on(tmp_path):
    write_run(tmp_path, Settings(taus=(20,)), ["gemax", "convert"])
    check_settings(tmp_path, Settings(taus=(20, 50)))


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (Settings(depths=(70,)), "depths was \\[60.0\\], is \\[70.0\\]"),
        (Settings(block=BlockSettings(size=112)), "block.size was 224, is 112"),
        (Settings(stack="rgb"), "stack"),
        (Settings(quantisation=QuantisationSettings(reserve_zero=True)), "quantisation.reserve_zero"),
    ],
)
def test_other_settings_conflict_and_are_named(tmp_path, other, named):
    write_run(tmp_path, Settings(), [])
    with pytest.raises(SettingsConflict, match=named):
        check_settings(tmp_path, other)


def test_a_new_or_damaged_folder_conflicts_with_nothing(tmp_path):
    check_settings(tmp_path, Settings())
    for text in ("{", "[]", ""):
        (tmp_path / "run.json").write_text(text)
        assert read_run(tmp_path) == {}
        check_settings(tmp_path, Settings())


def test_run_json_holds_settings_versions_and_command(tmp_path):
    write_run(tmp_path, Settings(taus=(20,)), ["gemax", "convert", "raw", "out"])
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["settings"]["taus"] == [20]
    assert run["settings_sha256"] == Settings(taus=(20,)).digest
    assert run["command"] == ["gemax", "convert", "raw", "out"]
    assert run["versions"]["numpy"]
    assert map_settings(tmp_path) == QuantisationSettings()


def test_the_same_run_writes_the_same_bytes(tmp_path):
    write_run(tmp_path, Settings(), ["gemax"])
    first = (tmp_path / "run.json").read_bytes()
    write_run(tmp_path, Settings(), ["gemax"])
    assert (tmp_path / "run.json").read_bytes() == first


def test_a_file_in_the_way_is_a_sentence(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(OutputUnwritable, match="cannot be made"):
        make_folder(tmp_path / "out")
    with pytest.raises(OutputUnwritable, match="cannot be made"):
        make_folder(tmp_path / "out" / "below")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_a_sentence(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputUnwritable, match="may not be written"):
        make_folder(tmp_path)


def test_files_exist(tmp_path):
    record = scan_record()
    assert not files_exist(tmp_path, record)
    for file in record.files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert files_exist(tmp_path, record)


def test_failures_of_scans_not_tried_are_kept(tmp_path):
    old = [Failure("a", "read", "EmptyScan", "a"), Failure("b", "read", "EmptyScan", "b")]
    write_tables(tmp_path, tmp_path / "records.jsonl", old, set)
    with RecordWriter(tmp_path / "records.jsonl") as writer:
        writer.append_line(scan_record("x", source="a").to_line())
    failure = Failure("c", "nose", "NoNoseTip", "c")
    write_tables(tmp_path, tmp_path / "records.jsonl", [failure], {"a", "c"}.intersection)
    assert [failure.source for failure in read_failures(tmp_path / "failures.csv")] == ["b", "c"]
    assert (tmp_path / "metadata.csv").read_text().count("\n") == 2
