"""``gemax convert --json``: every selected scan, whatever becomes of it."""

import json
import shutil
import subprocess

import pytest

from gemax_cli.cli import json_lines
from gemax_cli.cli.json_lines import JsonLines
from gemax_cli.cli.main import run
from gemax_cli.stack.records import ScanRecord
from tests.attacks.ground import make_raw
from tests.batch.planted import COARSE
from tests.cli.test_convert import GEMAX


@pytest.fixture
def raw(tmp_path):
    """Three scans and one that is broken, between them by name."""
    make_raw(tmp_path / "raw")
    (tmp_path / "raw" / "bad.bnt").write_bytes(b"broken")
    return tmp_path / "raw"


@pytest.fixture
def lines(raw, tmp_path, capsys):
    """Run convert --json; returns the exit code, the lines as values, and their text without status."""

    def convert(*more, source=raw):
        capsys.readouterr()
        code = run(["convert", str(source), str(tmp_path / "out"), *COARSE, "--json", "-q", *more])
        text = capsys.readouterr().out
        rows = [json.loads(line) for line in text.splitlines()]
        return code, rows, [{key: value for key, value in row.items() if key != "status"} for row in rows]

    return convert


def statuses(rows):
    return {row["scan"]: row["status"] for row in rows}


ALL = ["Bosphorus/bs007/bs007_N_N_0", "other/b", "other/bad", "other/c"]


def test_two_runs_print_the_same_but_for_the_status(lines, tmp_path):
    code, first, told = lines()
    assert (code, list(statuses(first))) == (3, ALL)
    assert statuses(first) == dict.fromkeys(ALL, "converted") | {"other/bad": "failed"}
    again, second, retold = lines()
    assert (again, retold) == (3, told)
    assert statuses(second) == dict.fromkeys(ALL, "present") | {"other/bad": "failed"}
    stored = (tmp_path / "out" / "records.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in stored] == [row for row in told if "check" in row]
    assert ScanRecord.from_line(json.dumps(told[0], separators=(",", ":")))


def test_a_failure_says_why(lines):
    failed = next(row for row in lines()[1] if row["status"] == "failed")
    assert list(failed) == ["status", "scan", "source", "stage", "error", "message"]
    assert (failed["source"], failed["stage"], failed["error"]) == ("bad.bnt", "read", "BadFormat")
    assert "bad.bnt: " in failed["message"]


def test_a_dry_run_prints_every_scan(lines, tmp_path):
    code, rows, _ = lines("--dry-run")
    assert (code, statuses(rows)) == (0, dict.fromkeys(ALL, "planned"))
    assert all((list(row), row["reason"]) == (["status", "scan", "source", "reason"], "new") for row in rows)
    assert not (tmp_path / "out").exists()
    _, _, told = lines()
    code, rows, dry = lines("--dry-run")
    assert statuses(rows) == dict.fromkeys(ALL, "present") | {"other/bad": "planned"}
    assert [row for row in dry if "check" in row] == [row for row in told if "check" in row]
    _, rows, _ = lines("--dry-run", "--tau", "47")
    assert [row["reason"] for row in rows] == ["adds", "adds", "new", "adds"]


def test_what_a_stopped_run_left_is_planned(lines):
    code, rows, _ = lines("--on-failure", "stop")
    assert (code, list(statuses(rows))) == (3, ALL)
    assert statuses(rows)["other/bad"] == "failed"
    assert statuses(rows)["other/c"] == "planned"


def test_maps_that_are_added_make_a_scan_converted(lines):
    lines()
    _, rows, _ = lines("--tau", "47")
    assert statuses(rows)["other/b"] == "converted"
    assert all(47 in [m["tau"] for m in row["blocks"][0]["maps"]] for row in rows if "blocks" in row)


def test_records_of_a_shared_mapping_are_those_of_the_end(lines, tmp_path):
    _, first, told = lines("--mapping", "dataset")
    assert statuses(first) == dict.fromkeys(ALL, "converted") | {"other/bad": "failed"}
    _, second, retold = lines("--mapping", "dataset")
    assert retold == told
    assert statuses(second)["other/b"] == "present"
    shutil.copy(tmp_path / "raw" / "b.wrl", tmp_path / "raw" / "d.wrl")
    _, third, _ = lines("--mapping", "dataset")
    assert statuses(third)["other/d"] == statuses(third)["other/c"] == "converted"  # its scope has another mapping
    assert statuses(third)[ALL[0]] == "present"


@pytest.mark.parametrize("most", [0, 1, 1000])
def test_scans_wait_for_those_before_them(lines, raw, tmp_path, monkeypatch, capsys, most):
    """Outcomes in any order, and records that are not held but read again."""
    from gemax_cli.batch.model import Outcome
    from gemax_cli.batch.run import RunOptions, convert, plan
    from gemax_cli.settings import BlockSettings, Settings

    monkeypatch.setattr(json_lines, "MOST_HELD", most)
    settings, out = Settings((20,), block=BlockSettings(48, 4.0)), tmp_path / "out"
    older = plan([raw], out, settings)[0]
    convert([raw], out, settings, options=RunOptions(on_failure="continue"))
    stored = {json.loads(line)["scan"]: line for line in (out / "records.jsonl").open()}
    capsys.readouterr()
    printer, seen = JsonLines(out), []
    printer.planned(*older.named(), [])
    for step in reversed(older.steps):
        printer.finished(Outcome(step.ref.scan_id, stored.get(step.ref.scan_id, '{"scan":"other/bad"}\n')))
        seen.append(len(capsys.readouterr().out.splitlines()))
    assert seen == [0, 0, 0, 4]


def test_the_line_of_the_readme_twice(raw, tmp_path):
    line = f"find raw -name '*.bnt' | {' '.join(GEMAX)} convert - out/ --tau 20,30,40 --json -j1 --size 48"
    done = [subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True) for _ in range(2)]
    first, second = (one.stdout for one in done)
    assert first.count("\n") == second.count("\n") == 2
    assert second == first.replace('"status":"converted"', '"status":"present"')
