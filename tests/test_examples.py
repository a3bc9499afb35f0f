"""The examples run, on the sample data."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def example(name, *arguments):
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_load_stack(converted):
    said = example("load_stack.py", converted, "--tau", "20", "40")
    assert "maps (4, 2, 224, 224) uint8" in said  # happy and surprised, of two subjects; neutral is no expression
    assert "2 subjects" in said


def test_one_scan(raw):
    said = example("one_scan.py", next(raw.rglob("*.bnt")))
    assert "nose tip" in said
    assert "(landmark, confidence 1.00)" in said
    assert said.count("bits, widest bin") == 3


def test_throughput(raw, tmp_path):
    rival = tmp_path / "rival.py"
    rival.write_text("import json, sys; print(json.dumps({'scans': 4, 'seconds': 0.5, 'ms_per_scan': 125.0}))")
    rivals = ("--floor", rival, "--baseline", rival)
    said = example("throughput.py", raw, tmp_path / "work", "--scans", "4", "--rounds", "1", *rivals)
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


@pytest.mark.parametrize("name", [path.name for path in EXAMPLES.glob("*.py")])
def test_every_example_is_python(name):
    """Some need a cluster to run."""
    compile((EXAMPLES / name).read_text(encoding="utf-8"), name, "exec")
