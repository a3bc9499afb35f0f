"""The examples run, on the sample data."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.loader.folders import EXAMPLES, make_training_set, run_example

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def training_set(tmp_path_factory):
    return make_training_set(tmp_path_factory.mktemp("examples") / "out")


def test_load_stack(training_set):
    said = run_example("load_stack.py", training_set, "s").splitlines()
    assert len(said) == 3
    assert all("train (24, 5, 32, 32) uint8, test (12, 5, 32, 32), [6 6 6 6 6 6] per class" in line for line in said)


def test_a_training_array_takes_ten_lines():
    """From the import to maps, texture, labels and folds of every fold."""
    text = (EXAMPLES / "load_stack.py").read_text(encoding="utf-8")
    body = text.partition("def main")[2].partition("    for fold")[0].splitlines()[1:]
    imports = [line for line in text.splitlines() if line.startswith("import ")]
    assert len(imports) + len(list(filter(str.strip, body))) <= 10


def test_loader_speed(training_set):
    said = run_example("loader_speed.py", training_set, 10).splitlines()
    assert len(said) == 6
    assert all(line.endswith(" samples/s") for line in said)


def test_baseline(training_set):
    pytest.importorskip("sklearn")
    said = run_example("baseline.py", training_set, "s")
    assert re.fullmatch(r"accuracy \d+\.\d% on unseen subjects, 3 folds, chance 16\.7%\n", said)


def test_one_scan(raw):
    said = run_example("one_scan.py", next(raw.rglob("*.bnt")))
    assert "nose tip" in said
    assert "(landmark, confidence 1.00)" in said
    assert said.count("bits, widest bin") == 3


def test_throughput(raw, tmp_path):
    rival = tmp_path / "rival.py"
    rival.write_text("import json, sys; print(json.dumps({'scans': 4, 'seconds': 0.5, 'ms_per_scan': 125.0}))")
    rivals = ("--floor", rival, "--baseline", rival)
    said = run_example("throughput.py", raw, tmp_path / "work", "--scans", "4", "--rounds", "1", *rivals)
    assert said.count("floor 125.00 ms a scan, baseline 125.00 ms a scan") == 2
    assert said.count("one job / two runs: median") == 2
    for suffix in ("bnt", "wrl"):
        outs = [len(list(out.rglob("depth16.png"))) for out in (tmp_path / "work" / suffix).glob("out-*")]
        assert sorted(outs) == [1, 4, 4, 4, 4, 4]  # warm-up, one scan, all, two jobs, two runs; and the jobs' one job
    assert len(list((tmp_path / "work" / "bnt" / "raw").rglob("bs003/*.lm3"))) == 1


def test_slurm_array(raw, tmp_path):
    command = (
        f"PATH={Path(sys.executable).parent}:$PATH RAW={raw} OUT={tmp_path / 'out'} bash {EXAMPLES / 'slurm_array.sh'}"
    )
    for task in (1, 2):
        line = f"SLURM_ARRAY_TASK_ID={task} SLURM_ARRAY_TASK_COUNT=2 {command}"
        subprocess.run(["bash", "-c", line], check=True, capture_output=True, timeout=300)
    assert len(list((tmp_path / "out").rglob("depth16.png"))) == 6


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_every_example_is_python(name):
    """Some need a cluster to run."""
    compile((EXAMPLES / name).read_text(encoding="utf-8"), name, "exec")


def test_hdr_images(tmp_path):
    said = run_example("hdr_images.py", tmp_path / "hdr.png")
    assert said.count("bits, off by") == 6
    assert (tmp_path / "hdr.png").stat().st_size > 100_000
