"""``gemax convert`` as a user types it."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from gemax_cli.batch.profile import STAGES
from gemax_cli.cli.main import run
from tests.batch.torture import workers

GEMAX = [sys.executable, "-m", "gemax_cli"]


def gemax(*arguments, **options):
    command = [*GEMAX, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


def tau_files(out):
    return sorted({path.name for path in out.rglob("gemax_*.png")})


@pytest.fixture
def one(raw):
    """One raw file."""
    return next(raw.rglob("*NE00*_F3D.wrl"))


def test_the_line_of_the_readme(raw, tmp_path, monkeypatch):
    (tmp_path / "raw").symlink_to(raw)
    monkeypatch.chdir(tmp_path)
    assert gemax(*"convert raw/ out/ --tau 20 30 40".split()).returncode == 0
    assert tau_files(tmp_path / "out") == ["gemax_tau020.png", "gemax_tau030.png", "gemax_tau040.png"]
    done = gemax("entropy", "out/")
    assert done.returncode == 0
    assert "mean over tau" in done.stdout


@pytest.mark.parametrize(
    "spelling",
    [
        "SRC OUT --tau 20 30 40",
        "--tau 20 30 40 SRC OUT",
        "SRC --tau 20 30 40 OUT",
        "SRC OUT --tau 20,30,40",
        "SRC OUT --tau 20 --tau 30 --tau 40",
        "SRC OUT --tau=20 30 40",
        "SRC OUT --tau 20:40:10",
        "--tau 40 30,20 -- SRC OUT",
    ],
)
def test_every_spelling_of_tau(one, tmp_path, capsys, spelling):
    words = {"SRC": str(one), "OUT": str(tmp_path / "out")}
    assert run(["convert", "-j1", *(words.get(word, word) for word in spelling.split())]) == 0
    assert tau_files(tmp_path / "out") == ["gemax_tau020.png", "gemax_tau030.png", "gemax_tau040.png"]


def test_tau_from_the_environment(one, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GEMAX_TAU", "20 30,50")
    assert run(["convert", "-j1", str(one), str(tmp_path / "out")]) == 0
    assert tau_files(tmp_path / "out") == ["gemax_tau020.png", "gemax_tau030.png", "gemax_tau050.png"]


def test_tau_of_the_paper_by_default(one, tmp_path, capsys):
    assert run(["convert", "-j1", str(one), str(tmp_path / "out")]) == 0
    assert [name[9:12] for name in tau_files(tmp_path / "out")] == ["020", "030", "040", "050", "060"]


@pytest.mark.parametrize("separator", [b"\n", b"\0"])
@pytest.mark.slow
def test_sources_from_standard_input(raw, tmp_path, separator):
    files = sorted(raw.rglob("*_F3D.wrl"))[:2]
    text = separator.join(str(path).encode() for path in files)
    command = [*GEMAX, "convert", "-", str(tmp_path / "out"), "--tau", "20", "-j1"]
    done = subprocess.run(command, input=text, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").rglob("depth16.png"))) == 2


def test_several_sources(raw, tmp_path, capsys):
    files = [str(path) for path in sorted(raw.rglob("*.bnt"))[:2]]
    assert run(["convert", *files, str(tmp_path / "out"), "--tau", "20", "-j1"]) == 0
    assert len(list((tmp_path / "out").rglob("depth16.png"))) == 2


def test_standard_output_carries_records_alone(raw, tmp_path):
    done = gemax("convert", raw, tmp_path / "out", "--tau", "20", "--json", "--jobs", "2")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(records) == 6
    assert {"scan", "nose", "blocks"} <= set(records[0])
    assert "seconds" not in records[0]
    assert "6 converted" in done.stderr


@pytest.mark.slow
def test_without_json_standard_output_is_empty_and_plain(one, tmp_path):
    done = gemax("convert", one, tmp_path / "out", "--tau", "20", "-j1")
    assert done.stdout == ""
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("jobs", ["-j1", "-j2"])
@pytest.mark.slow
def test_a_profile_goes_to_stderr(raw, tmp_path, jobs):
    done = gemax("convert", raw, tmp_path / "out", "--tau", "20", "--json", "--profile", jobs)
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 6
    stages = [line.split() for line in done.stderr.splitlines()]
    shares = {words[0]: float(words[-1]) for words in stages if words and words[0] in (*STAGES, "all")}
    assert list(shares) == [*STAGES, "all"]
    assert sum(shares[stage] for stage in STAGES) == pytest.approx(100.0, abs=0.5)
    assert "the largest process that converted took" in " ".join(done.stderr.split())
    again = gemax("convert", raw, tmp_path / "out", "--tau", "20", "--profile", jobs)
    assert "Nothing was converted" in again.stderr


@pytest.mark.slow
def test_quiet_says_nothing(one, tmp_path):
    done = gemax("convert", one, tmp_path / "out", "--tau", "20", "-j1", "--quiet")
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_a_dry_run_writes_nothing(raw, tmp_path, capsys):
    assert run(["convert", str(raw), str(tmp_path / "out"), "--dry-run", "-j1"]) == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 6
    assert "6 of 6 scans to do, 0 done already.\nAbout " in said.err
    assert not (tmp_path / "out").exists()


def test_a_dry_run_goes_by_what_was_measured(raw, converted, capsys):
    line = ["convert", str(raw), str(converted), "--dry-run", "-j1"]
    assert run([*line, "--tau", "20", "30", "40"]) == 0
    assert capsys.readouterr().err == "Skipped: 1 .csv, 1 .json.\n0 of 6 scans to do, 6 done already.\n"
    before = sorted(converted.rglob("*"))
    assert run([*line, "--tau", "20", "50"]) == 0
    assert "with --jobs 1, by the time that some of them took now." in capsys.readouterr().err
    assert sorted(converted.rglob("*")) == before


@pytest.mark.slow
def test_a_signal_that_a_library_swallows_still_stops(raw, tmp_path):
    code = "import os, signal, time\nfrom gemax_cli.cli import main\nimport gemax_cli.batch.run as batch\n"
    code += "class Swallowed:\n    def __del__(self):\n"
    code += "        os.kill(os.getpid(), signal.SIGTERM)\n        time.sleep(1)\n"
    code += "plain = batch.run_task\ndef run_task(task):\n    Swallowed()\n    return plain(task)\n"
    code += f"batch.run_task = run_task\nmain.main(['convert', {str(raw)!r}, {str(tmp_path / 'out')!r}, '-j1'])\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 143, done.stderr
    assert "what is done stays done" in done.stderr
    assert len((tmp_path / "out" / "records.jsonl").read_text().splitlines()) == 1


def test_exit_code_of_usage_errors(tmp_path, capsys):
    assert run(["convert"]) == 2
    assert run(["convert", str(tmp_path), str(tmp_path / "out"), "--tau", "x"]) == 2
    assert run(["convert", str(tmp_path), str(tmp_path / "out"), "--tau", "15"]) == 2
    assert "use tau = 16 or more" in capsys.readouterr().err
    assert run(["frobnicate"]) == 2


def test_exit_code_of_nothing_to_convert(tmp_path, capsys):
    (tmp_path / "raw").mkdir()
    assert run(["convert", str(tmp_path / "raw"), str(tmp_path / "out")]) == 4
    assert "no scan to convert" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ("--subject F0001 bs000", {"F0001", "bs000"}),
        ("--subject f00*,x", {"F0001"}),
        ("--dataset bosphorus bu3dfe --expression happy SU", {"F0001", "bs000"}),
        ("--dataset bu3dfe", {"F0001"}),
    ],
)
def test_filters_take_several_values_in_any_place(raw, tmp_path, capsys, filters, names):
    line = ["convert", "--dry-run", *filters.split(), str(raw), str(tmp_path / "out")]
    assert run(line) == run([*line[:2], *line[-2:], *filters.split()]) == 0
    sources = [line.split("\t")[1] for line in capsys.readouterr().out.splitlines()]
    assert {source.split("/")[-1].split("_")[0] for source in sources} == names


@pytest.mark.parametrize("command", ["convert", "sweep"])
def test_a_filter_that_nothing_passes_ends_with_4_and_names_the_nearest(raw, tmp_path, capsys, command):
    out = [str(tmp_path / "out")] if command == "convert" else []
    assert run([command, str(raw), *out, "--subject", "F0009"]) == 4
    assert "6 scans found, none matches --subject F0009 (nearest: F0001)." in capsys.readouterr().err


def test_exit_code_of_a_failed_scan(raw, tmp_path, capsys):
    (tmp_path / "broken.bnt").write_bytes(b"x")
    code = run(["convert", str(tmp_path / "broken.bnt"), str(next(raw.rglob("*.bnt"))), str(tmp_path / "out"), "-j1"])
    assert code == 3
    said = capsys.readouterr().err
    assert "failed: " in said
    assert "1 converted, 1 failed" in said
    with (tmp_path / "out" / "failures.csv").open() as file:
        assert [row["source"] for row in csv.DictReader(file)] == ["broken.bnt"]


def test_failures_are_fed_back(raw, tmp_path, capsys):
    source = tmp_path / "raw"
    source.mkdir()
    good = sorted(raw.rglob("*.bnt"))[0].read_bytes()
    (source / "a.bnt").write_bytes(good)
    (source / "b.bnt").write_bytes(good[:999])
    line = ["convert", str(source), str(tmp_path / "out"), "--tau", "20", "-j1"]
    assert run(line) == 3
    (source / "b.bnt").write_bytes(good)
    assert run([*line, "--retry-failed", "--nose", "auto"]) == 0
    assert "1 scans: 1 converted" in capsys.readouterr().err
    assert run([*line, "--retry-failed"]) == 2
    assert "nothing failed" in capsys.readouterr().err


def test_exit_code_of_other_settings(one, tmp_path, capsys):
    line = ["convert", str(one), str(tmp_path / "out"), "--tau", "20", "-j1"]
    assert run(line) == 0
    assert run([*line, "--size", "112"]) == 5
    assert "made with other settings" in capsys.readouterr().err
    assert run([*line, "--size", "112", "--overwrite"]) == 0


def test_an_internal_error_is_a_sentence(one, tmp_path, monkeypatch, capsys):
    def broken(*_, **__):
        raise ZeroDivisionError("boom")

    monkeypatch.setattr("gemax_cli.batch.run.make_plan", broken)
    assert run(["convert", str(one), str(tmp_path / "out")]) == 1
    assert "internal error (ZeroDivisionError: boom)" in capsys.readouterr().err


@pytest.mark.slow
def test_a_closed_pipe_ends_quietly(raw, tmp_path):
    line = f"{sys.executable} -m gemax_cli convert {raw} {tmp_path / 'out'} --tau 20 -j1 --json | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, timeout=300)
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr


def ended(group, within=5.0):
    """Whether no process of the group is left, or will be soon."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def start_many(raw, tmp_path, jobs):
    """Start a conversion of 60 scans in a process group of its own; returns when three are done."""
    out, many = tmp_path / "out", tmp_path / "raw"
    for i in range(30):
        (many / f"copy{i}").mkdir(parents=True)
        for path in raw.rglob("*N_N_0.*"):
            os.link(path, many / f"copy{i}" / f"one{i}{path.suffix}")
            os.link(path, many / f"copy{i}" / f"two{i}{path.suffix}")
    line = [*GEMAX, "convert", str(many), str(out), "--tau", "20", "--jobs", str(jobs)]
    process = subprocess.Popen(
        line, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # background jobs ignore it
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while len(list(out.rglob("gemax_tau020.png"))) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process, [*line[3:-1], "1"], out


@pytest.mark.slow
def test_workers_of_a_killed_run_end_and_the_next_run_completes_it(raw, tmp_path):
    process, line, out = start_many(raw, tmp_path, 2)
    process.kill()
    process.communicate()
    assert ended(process.pid), "workers outlived their parent"
    assert run(line) == 0
    assert len((out / "records.jsonl").read_text().splitlines()) == 60
    assert not [path for path in out.rglob("*") if ".gemax-tmp" in path.name]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.slow
def test_signals_stop_at_once_and_keep_what_is_done(raw, tmp_path, number, code, jobs):
    process, line, out = start_many(raw, tmp_path, jobs)
    sent = time.monotonic()
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert time.monotonic() - sent < 10  # the product promises 2 s; this machine may be busy
    assert "what is done stays done" in said
    assert "Traceback" not in said
    assert not [path for path in out.rglob("*") if ".gemax-tmp" in path.name]
    assert len((out / "records.jsonl").read_text().splitlines()) >= 1
    assert ended(process.pid), "processes were left behind"
    assert run(line) == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("delay", [0.0, 0.2, 0.4, 0.6])
@pytest.mark.slow
def test_signals_while_workers_start_leave_one_sentence(raw, tmp_path, number, delay):
    """Workers load for half a second and more, and everything may be half-made."""
    line = [*GEMAX, "convert", str(raw), str(tmp_path / "out"), "--quiet", "--jobs", "2"]
    process = subprocess.Popen(
        line, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not workers(process.pid):
        assert time.monotonic() < deadline
    time.sleep(delay)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    _, said = process.communicate(timeout=60)
    if process.returncode:  # else all was done before
        assert process.returncode == (130 if number == signal.SIGINT else 143), said
        assert said.strip() == "gemax: interrupted; what is done stays done, the same command goes on from here."
    assert ended(process.pid), "processes were left behind"


def test_the_summary_tells_which_expressions_the_subjects_show(raw, tmp_path, capsys):
    assert run(["convert", str(raw), str(tmp_path / "out"), "--tau", "20", "--dataset", "Bosphorus"]) == 0
    said = capsys.readouterr().err
    assert (
        "\n  Bosphorus: 3 scans of 1 subjects,\n    0 with all six expressions (subjects with NE 1, AN 0, DI 0," in said
    )


def test_a_scope_that_shards_split_is_a_usage_error(raw, tmp_path, capsys):
    assert run(["convert", str(raw), str(tmp_path / "out"), "--mapping", "dataset", "--shard", "1/2"]) == 2
    assert "--mapping sequence" in capsys.readouterr().err


def test_json_has_one_record_of_each_scan_of_a_shared_mapping(raw, tmp_path, capsys):
    line = ["convert", str(raw), str(tmp_path / "out"), "--mapping", "dataset", "--tau", "20", "-j1", "--json"]
    assert run([*line, "--size", "32", "--mm-per-pixel", "6"]) == 0
    records = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert len({record["scan"] for record in records}) == len(records) == 6
    assert all(record["mapping"]["scope"] == "dataset" for record in records)
    assert all(record["blocks"][0]["maps"] for record in records)
