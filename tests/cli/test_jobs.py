"""Jobs without a terminal: progress, logs, variables of the environment, settings from files, folders in use."""

import json
import re
import shutil
import threading
import time
from collections import defaultdict

import click
import pytest

from gemax_cli.batch.model import kind_of_warning
from gemax_cli.batch.run import Summary
from gemax_cli.cli import heartbeat
from gemax_cli.cli.argv import spread
from gemax_cli.cli.heartbeat import progress_text
from gemax_cli.cli.main import COMMANDS, gemax, run
from gemax_cli.cli.progress import summary_lines
from gemax_cli.datasets.completeness import completeness
from gemax_cli.datasets.registry import parse_name
from gemax_cli.settings import BlockSettings, Settings
from gemax_cli.stack.folder import LOG, OutputFolder
from gemax_cli.stack.tables import Failure
from tests.attacks.ground import make_raw
from tests.batch.planted import COARSE


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """A folder of three scans and one that is broken, converted once."""
    place = tmp_path_factory.mktemp("jobs")
    make_raw(place / "raw")
    (place / "raw" / "bad.bnt").write_bytes(b"broken")
    assert run(["convert", str(place / "raw"), str(place / "out"), *COARSE, "-q"]) == 3
    return place


@pytest.fixture
def line(ready, tmp_path):
    return ["convert", str(ready / "raw"), str(tmp_path / "out"), *COARSE]


@pytest.mark.parametrize(
    ("done", "seconds", "text"),
    [
        (0, 30, "0 of 48000 scans after 30 s."),
        (1200, 30, "1200 of 48000 scans, 40.0 scans/s, 20 min left."),
        (48000, 30, "48000 of 48000 scans, 1600.0 scans/s, 0 s left."),
        (10, 3000, "10 of 48000 scans, 0.0 scans/s, 3999.2 h left."),
    ],
)
def test_progress_in_words(done, seconds, text):
    assert progress_text(done, 48000, seconds, "scans") == text


def test_progress_is_told_while_a_run_lasts(line, monkeypatch, capsys):
    monkeypatch.setattr(heartbeat, "SECONDS", 0.01)
    assert run(line) == 3
    said = capsys.readouterr().err
    assert re.search(r"^\d of 4 scans(, [\d.]+ scans/s, \d+ s left| after \d+ s)\.$", said, re.MULTILINE)
    time.sleep(0.05)
    assert not capsys.readouterr().err


def test_progress_is_told_also_while_nothing_finishes(monkeypatch):
    monkeypatch.setattr(heartbeat, "SECONDS", 0.01)
    said, enough = [], threading.Event()
    beat = heartbeat.Heartbeat(lambda text: (said.append(text), enough.set()), 7, "images")
    assert enough.wait(5)
    beat.stop()
    assert said[0] == "0 of 7 images after 0 s."


def test_each_scan_is_named(line, capsys):
    assert run([*line, "-v"]) == 3
    said = capsys.readouterr().err.splitlines()
    assert {"done: other/b", "done: other/c", "done: Bosphorus/bs007/bs007_N_N_0"} <= set(said)
    assert not [text for text in said if re.match(r"\d{4}-", text)]


@pytest.mark.parametrize("quiet", [[], ["-q"]])
def test_a_log_holds_all_with_its_time(line, tmp_path, quiet, capsys):
    log = tmp_path / "job.log"
    log.write_text("before\n")
    assert run([*line, "--log", str(log), *quiet]) == 3
    assert ("done: " in capsys.readouterr().err, LOG.handlers) == (False, [])
    before, *rest = log.read_text().splitlines()
    assert before == "before"
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} +\S", text) for text in rest)
    told = "\n".join(rest)
    assert all(part in told for part in ("done: other/b", "failed: ", "bad.bnt", "4 scans: 3 converted, 1 failed"))


def test_a_log_tells_how_a_run_ended(line, tmp_path, monkeypatch, capsys):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("gemax_cli.batch.run.make_plan", stopped)
    assert run([*line, "--log", str(tmp_path / "job.log")]) == 130
    assert "ended by KeyboardInterrupt" in (tmp_path / "job.log").read_text()
    assert run([*line, "--log", str(tmp_path / "no" / "job.log")]) == 2
    assert "job.log: cannot be written (No such file or directory)" in capsys.readouterr().err


def test_many_failures_are_all_in_the_log_and_few_on_the_terminal(tmp_path, capsys):
    (tmp_path / "raw").mkdir()
    for number in range(14):
        (tmp_path / "raw" / f"{number}a.bnt").write_bytes(b"broken")
    assert run(["convert", str(tmp_path / "raw"), str(tmp_path / "out"), "-j1", "--log", str(tmp_path / "log")]) == 3
    assert capsys.readouterr().err.count("failed: ") == 10
    assert (tmp_path / "log").read_text().count("failed: ") == 14


def variables():
    """Each variable, its command, and its option."""
    context = click.Context(gemax)
    for name in COMMANDS:
        command = gemax.get_command(context, name)
        for inner in command.commands.values() if isinstance(command, click.Group) else [command]:
            for option in (param for param in inner.params if isinstance(param, click.Option)):
                yield option.envvar, inner, option


def test_every_option_has_a_variable():
    shared = {"--tau": "GEMAX_TAU", "--jobs": "GEMAX_JOBS"}
    for variable, command, option in variables():
        flag = max(option.opts, key=len)
        prefix = "GEMAX_" if command.name == "convert" else f"GEMAX_{command.name.upper()}_"
        assert variable in (prefix + flag[2:].upper().replace("-", "_"), shared.get(flag))
        assert re.search(rf"\b{variable}\b", command.get_help(click.Context(command, **gemax.context_settings)))


def test_no_variable_has_two_meanings():
    meanings = defaultdict(set)
    for variable, _, option in variables():
        meanings[variable].add((option.opts[0], option.multiple, option.is_flag))
    assert [variable for variable, found in meanings.items() if len(found) > 1] == []
    assert {"GEMAX_TAU", "GEMAX_JOBS", "GEMAX_DEPTH", "GEMAX_MAPS", "GEMAX_SIZE", "GEMAX_MAP_MASK"} <= set(meanings)


def test_variables_reach_a_run_and_the_line_counts_more(ready, tmp_path, monkeypatch, capsys):
    for setting in "TAU=20 30|SIZE=64|MM_PER_PIXEL=4|JOBS=1|QUIET=1|EXPRESSION=NE|MASK=true".split("|"):
        name, _, value = setting.partition("=")
        monkeypatch.setenv(f"GEMAX_{name}", value)
    assert run(["convert", str(ready / "raw"), str(tmp_path / "out"), "--size", "48"]) == 0
    assert capsys.readouterr().err == ""
    folder = OutputFolder(tmp_path / "out")
    assert folder.settings == Settings((20, 30), block=BlockSettings(48, 4.0), mask=True)
    assert len(folder.scan_ids) == 1


def test_settings_of_a_run_make_the_same_again(ready, tmp_path, capsys):
    common = ["-q", "-j1", "--settings", str(ready / "out" / "run.json")]
    assert run(["convert", str(ready / "raw"), str(tmp_path / "again"), *common]) == 3
    for name in ("records.jsonl", "metadata.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (ready / "out" / name).read_bytes()
    assert run(["convert", str(ready / "raw"), str(tmp_path / "less"), *common, "--tau", "40", "--mask"]) == 3
    settings = OutputFolder(ready / "out").settings
    assert OutputFolder(tmp_path / "less").settings == Settings((40,), block=settings.block, mask=True)


EVERY = """
taus = [20, 47]
depths = [50, 60.5]
maps = ["ri", "he"]
mask = true
mapping = "subject"
[block]
size = 48
mm_per_pixel = 4
max_edge_mm = 9
[nose]
mode = "detect"
up = "+z"
forward = "-y"
[quantisation]
reserve_zero = true
[camera]
fx = 500
"""


@pytest.mark.parametrize("under", ["", "settings."])
def test_settings_of_a_toml_file(ready, tmp_path, under, capsys):
    text = EVERY.replace("[block]", f"[{under}block]").replace("[nose]", f"[{under}nose]")
    text = text.replace("[quantisation]", f"[{under}quantisation]").replace("[camera]", f"[{under}camera]")
    (tmp_path / "a.toml").write_text("[settings]" * bool(under) + text)
    line = ["convert", str(ready / "raw"), str(tmp_path / "out"), "-q", "-j1", "--settings", str(tmp_path / "a.toml")]
    assert run([*line, "--glob", "b.wrl"]) == 0
    settings = OutputFolder(tmp_path / "out").settings
    assert (settings.taus, settings.depths, settings.maps) == ((20, 47), (50, 60.5), ("ri", "he"))
    assert settings.mapping == "subject"
    assert (settings.block.size, settings.block.mm_per_pixel, settings.block.max_edge_mm) == (48, 4.0, 9.0)
    assert (settings.nose.mode, settings.nose.up, settings.nose.forward) == ("detect", "+z", "-y")
    assert (settings.quantisation.reserve_zero, settings.camera.fx, settings.mask) == (True, 500.0, True)


def test_every_setting_may_stand_in_a_file(tmp_path, ready, capsys):
    """What as_dict writes is taken: a setting that is added later, too."""
    (tmp_path / "a.json").write_text(json.dumps(Settings((33,), (70,)).as_dict()))
    line = ["convert", str(ready / "raw"), str(tmp_path / "out"), "-q", "-j1", "--settings", str(tmp_path / "a.json")]
    assert run([*line, "--glob", "b.wrl"]) == 0
    assert OutputFolder(tmp_path / "out").settings == Settings((33,), (70,))


def test_settings_of_inspect(tmp_path, ready, capsys):
    (tmp_path / "a.toml").write_text("taus = [20]\ncamera.fx = 900\n")
    shutil.copy(ready / "raw" / "c.png", tmp_path / "c.png")
    line = ["inspect", str(tmp_path / "c.png"), "--format", "json"]
    found = []
    for more in ([], ["--fx", "900"], ["--settings", str(tmp_path / "a.toml")]):
        run([*line, *more])
        found.append(capsys.readouterr().out)
    assert found[0] != found[1] == found[2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sizee = 3", "unknown: sizee"),
        ("[block]\nsizee = 3", "block: unknown: sizee"),
        ("tau = [20]", "unknown: tau"),
        ("taus = 'x'", "taus: 'x' is no list"),
        ("taus = [15]", "use tau = 16 or more"),
        ("block.size = 2.5", "block: size: '2.5' is no whole number"),
        ("[block", "at the end of a table declaration"),
        ("{", "Expecting"),
        ('{"kind": "images", "settings": {}}', "they are of images, not of scans"),
        ("settings = 3", "holds no settings"),
        ("\xff", "holds no settings"),
    ],
)
def test_a_file_of_no_settings(line, tmp_path, text, said, capsys):
    (tmp_path / "a.toml").write_bytes(text.encode("latin-1"))
    assert run([*line, "--settings", str(tmp_path / "a.toml")]) == 2
    told = capsys.readouterr().err
    assert f"{tmp_path / 'a.toml'}: holds no settings" in told
    assert said in told
    assert told.count("\n") == 1
    assert run([*line, "--settings", str(tmp_path / "gone.toml")]) == 2


@pytest.mark.parametrize(
    ("words", "spelled"),
    [
        ("raw out --wait", "raw out --wait=inf"),
        ("--wait raw out", "--wait=inf raw out"),
        ("--wait 60 raw out", "--wait 60 raw out"),
        ("--wait=5 raw out", "--wait=5 raw out"),
        ("raw out -- --wait", "raw out -- --wait"),
        ("--tau 20 30 --wait --size 48", "--tau 20 --tau 30 --wait=inf --size 48"),
    ],
)
def test_wait_takes_a_number_or_none(words, spelled):
    assert spread(words.split()) == spelled.split()


@pytest.mark.parametrize(
    ("wait", "shard"),
    [
        (["--wait"], []),
        pytest.param(["--wait", "60"], [], marks=pytest.mark.slow),
        pytest.param(["--wait"], ["--shard", "1/2"], marks=pytest.mark.slow),
    ],
)
def test_a_folder_in_use_is_waited_for(ready, line, tmp_path, wait, shard, capsys):
    assert run([*line, "-q"]) == 3
    taken = threading.Event()

    def hold():
        with OutputFolder(tmp_path / "out").locked():
            taken.set()
            time.sleep(1.0)

    threading.Thread(target=hold).start()
    assert taken.wait(60)
    capsys.readouterr()
    started = time.monotonic()
    assert run([*line, *wait, *shard]) == 3
    assert time.monotonic() - started > 0.5
    assert ("waiting for it to end" in capsys.readouterr().err) == (not shard)  # shards start within some seconds


def test_a_folder_in_use_is_not_waited_for_longer(line, tmp_path, capsys):
    assert run([*line, "-q"]) == 3
    with OutputFolder(tmp_path / "out").locked():
        started = time.monotonic()
        assert run([*line, "--wait", "0.6"]) == 5
        assert 0.5 < time.monotonic() - started < 60
        assert run(line) == 5
    assert run(line) == 3


NAMES = ("F0001_AN01WH_F3D.wrl", "F0001_HA01WH_F3D.wrl", "bs000_N_N_0.bnt")


def test_a_summary_says_where_what_and_what_next(tmp_path):
    names = [parse_name(name).name for name in NAMES]
    summary = Summary(
        found=5, converted=3, done=1, warned=2, seconds=2.0, scans={"BU-3DFE": 2, "Bosphorus": 1, "other": 1},
        completeness=tuple(completeness(names)), failures=[Failure("x.bnt", "read", "BadFormat", "x.bnt: ends.")],
    )  # fmt: skip
    summary.warnings.update({"The head is turned: --align auto turns it to the front.": 2, "FILE is left out.": 1})
    text = list(summary_lines(summary, tmp_path / "out"))
    assert text[0] == "5 scans: 3 converted, 1 there already, 1 failed, 2 with warnings; 2.0 s,"
    assert text[1] == "    1.5 scans/s."
    assert "  2 x The head is turned: --align auto turns it to the front." in text
    assert any(row.startswith("  BU-3DFE: 2 scans of 1 subjects,") for row in text)
    assert "  other: 1 scans." in text
    assert "--retry-failed" in " ".join(text[-2:])
    assert all(len(row) <= 80 for row in text if str(tmp_path) not in row)
    summary.failures.clear()
    assert list(summary_lines(summary, tmp_path / "my out"))[-1] == f"Next: gemax report '{tmp_path / 'my out'}'"
    summary.left = 2
    assert list(summary_lines(summary, tmp_path))[-1] == "Next: the same command goes on from here."


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        (
            "The head is turned (yaw 25, pitch -3, roll 0 degrees): --align auto turns it to the front.",
            "The head is turned (yaw -31, pitch 5, roll 2 degrees): --align auto turns it to the front.",
            "The head is turned: --align auto turns it to the front.",
        ),
        (
            "F0001_AN01WH_F3D.bnd is left out: it has 5 landmarks in place of 83.",
            "F0002_AN01WH_F3D.bnd is left out: it has 82 landmarks in place of 83.",
            "FILE is left out: it has N landmarks in place of N.",
        ),
        (
            "3.2 cm2 of surface lie more than 3 mm before the nose tip: a turned head (try --align auto).",
            "44.0 cm2 of surface lie more than 3 mm before the nose tip: a turned head (try --align auto).",
            "N cm2 of surface lie more than N mm before the nose tip: a turned head (try --align auto).",
        ),
    ],
)  # fmt: skip
def test_warnings_of_a_kind_count_together(one, other, kind):
    assert kind_of_warning(one) == kind_of_warning(other) == kind


def test_warnings_are_told_by_kind(line, ready, capsys):
    assert run([*line, "--glob", "*.wrl", "--glob", "*.bnt", "--nose", "detect", "--depth", "12"]) == 3
    said = capsys.readouterr().err
    assert re.search(r"^  \d x N cm2 of surface|^  \d x Only N cm2 of surface", said, re.MULTILINE)
