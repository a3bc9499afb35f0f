import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gemax_cli.errors import FolderInUse, OutputError, OutputUnwritable, SettingsConflict
from gemax_cli.settings import BlockSettings, QuantisationSettings, Settings
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.records import ComparisonRecord, RecordWriter
from gemax_cli.stack.tables import Failure, read_failures
from tests.stack.samples import block_record, scan_record

HOLD = """
import sys
from gemax_cli.stack.folder import OutputFolder
shard = tuple(int(n) for n in sys.argv[2].split("/")) if len(sys.argv) > 2 else None
with OutputFolder(sys.argv[1]).locked(shard):
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
    with pytest.raises(FolderInUse, match="another gemax"), OutputFolder(tmp_path).locked():
        pass


def test_shards_work_side_by_side(tmp_path, hold):
    hold("1/2")
    with OutputFolder(tmp_path).locked((2, 2)):
        pass


def test_a_shard_is_not_run_twice(tmp_path, hold):
    hold("1/2")
    with pytest.raises(FolderInUse), OutputFolder(tmp_path).locked((1, 2)):
        pass


def test_the_whole_and_its_shards_exclude_each_other(tmp_path, hold, monkeypatch):
    monkeypatch.setattr("gemax_cli.stack.folder.SHARD_SECONDS", 0.2)
    holder = hold("1/2")
    with pytest.raises(FolderInUse), OutputFolder(tmp_path).locked():
        pass
    holder.communicate()
    hold()
    with pytest.raises(FolderInUse), OutputFolder(tmp_path).locked((2, 2)):
        pass


def test_a_killed_writer_frees_the_folder(tmp_path, hold):
    holder = hold()
    holder.kill()
    holder.wait()
    with OutputFolder(tmp_path).locked():
        pass


def test_the_same_settings_and_other_tau_may_go_on(tmp_path):
    OutputFolder(tmp_path).write_run(Settings(taus=(20,)), ["gemax", "convert"])
    OutputFolder(tmp_path).check_settings(Settings(taus=(20, 50)))


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
    OutputFolder(tmp_path).write_run(Settings(), [])
    with pytest.raises(SettingsConflict, match=named):
        OutputFolder(tmp_path).check_settings(other)


def test_a_new_or_damaged_folder_conflicts_with_nothing(tmp_path):
    OutputFolder(tmp_path).check_settings(Settings())
    for text in ("{", "[]", ""):
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(OutputError, match=r"run\.json: is damaged"):
            _ = OutputFolder(tmp_path).run
        OutputFolder(tmp_path).check_settings(Settings())


def test_run_json_holds_settings_versions_and_command(tmp_path):
    OutputFolder(tmp_path).write_run(Settings(taus=(20,)), ["gemax", "convert", "raw", "out"])
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["settings"]["taus"] == [20]
    assert run["settings_sha256"] == Settings(taus=(20,)).digest
    assert run["command"] == ["gemax", "convert", "raw", "out"]
    assert run["versions"]["numpy"]
    assert OutputFolder(tmp_path).settings == Settings(taus=(20,))


def test_the_same_run_writes_the_same_bytes(tmp_path):
    OutputFolder(tmp_path).write_run(Settings(), ["gemax"])
    first = (tmp_path / "run.json").read_bytes()
    OutputFolder(tmp_path).write_run(Settings(), ["gemax"])
    assert (tmp_path / "run.json").read_bytes() == first


def test_a_file_in_the_way_is_a_sentence(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(OutputUnwritable, match="cannot be made"):
        OutputFolder(tmp_path / "out").prepare()
    with pytest.raises(OutputUnwritable, match="cannot be made"):
        OutputFolder(tmp_path / "out" / "below").prepare()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_a_sentence(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputUnwritable, match="may not be written"):
        OutputFolder(tmp_path).prepare()


def test_files_exist(tmp_path):
    record = scan_record()
    assert not OutputFolder(tmp_path).has_files(record)
    for file in record.files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert OutputFolder(tmp_path).has_files(record)


def test_failures_of_scans_not_tried_are_kept(tmp_path):
    old = [Failure("a", "read", "EmptyScan", "a"), Failure("b", "read", "EmptyScan", "b")]
    OutputFolder(tmp_path).write_tables(None, old, set)
    with RecordWriter(tmp_path / "records.jsonl") as writer:
        writer.append_line(scan_record("x", source="a").to_line())
    failure = Failure("c", "nose", "NoNoseTip", "c")
    OutputFolder(tmp_path).write_tables(None, [failure], {"a", "c"}.intersection)
    assert [failure.source for failure in read_failures(tmp_path / "failures.csv")] == ["b", "c"]
    assert (tmp_path / "metadata.csv").read_text().count("\n") == 2


def test_columns_are_those_of_the_newest_records(tmp_path):
    file = "b/normals.png"
    channels = [ComparisonRecord(f"normals-{axis}", file, i, 7.0, "x", "0" * 64) for i, axis in enumerate("xyz")]
    odd = scan_record("a", warnings=('"tau":7,{"name":"x"}',))
    with RecordWriter(tmp_path / "records-1-of-2.jsonl") as writer:
        writer.append_line(scan_record("b", blocks=(block_record((99,), folder="b"),)).to_line())
    newest = scan_record("b", blocks=(replace(block_record((40,), folder="b"), comparisons=tuple(channels)),))
    with OutputFolder(tmp_path).writer() as writer:
        writer.append_line(odd.to_line())
        writer.append_line(newest.to_line())
    OutputFolder(tmp_path).write_tables(None, [], set)
    columns = (tmp_path / "metadata.csv").read_text().partition("\n")[0].split(",")
    assert [name for name in columns if name.endswith("_file_name")] == [
        "depth16_file_name", "gemax_tau020_file_name", "gemax_tau030_file_name", "gemax_tau040_file_name",
        "normals_file_name",
    ]  # fmt: skip


def test_failures_are_read_back(tmp_path):
    folder = OutputFolder(tmp_path)
    assert folder.failures() == []
    failure = Failure("a", "read", "EmptyScan", "a")
    folder.write_tables(None, [failure], set)
    assert folder.failures() == [failure]
    (tmp_path / "failures.csv").write_text("a,b\n")
    with pytest.raises(OutputError, match=r"failures\.csv: cannot be read .*it lacks the columns"):
        folder.failures()


def test_run_json_keeps_a_history(tmp_path):
    folder, settings = OutputFolder(tmp_path), Settings()
    for command, sources in ((["a"], ["raw"]), (["b"], ["raw", "/x/../y"]), (["a"], ["raw"])):
        folder.write_run(settings, command, map(Path, sources))
    assert folder.run["command"] == ["a"]
    first, second = folder.run["history"]  # what was run before enters once
    assert (first["command"], first["sources"], first["source_count"]) == (["a"], [str(Path.cwd() / "raw")], 1)
    assert (second["command"], second["sources"]) == (["b"], [str(Path.cwd() / "raw"), str(Path("/y").absolute())])


def test_a_history_that_is_damaged_begins_again(tmp_path):
    (tmp_path / "run.json").write_text("{")
    OutputFolder(tmp_path).write_run(Settings(), ["a"], [Path(f"{i}.ply") for i in range(1500)])
    (entry,) = OutputFolder(tmp_path).run["history"]
    assert (entry["command"], len(entry["sources"]), entry["source_count"]) == (["a"], 1000, 1500)
