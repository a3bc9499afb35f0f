"""The examples run, on the sample data."""

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def example(name, *arguments):
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_load_stack(converted):
    said = example("load_stack.py", converted, "--tau", "20", "40")
    assert "maps (4, 2, 224, 224) uint8" in said  # happy and surprised, of two sitters; neutral is no expression
    assert "2 sitters" in said


def test_one_scan(raw):
    said = example("one_scan.py", next(raw.rglob("*.bnt")))
    assert "nose tip" in said
    assert "(landmark, confidence 1.00)" in said
    assert said.count("bits, widest bin") == 3


def test_slurm_array(raw, tmp_path):
    command = (
        f"PATH={Path(sys.executable).parent}:$PATH RAW={raw} OUT={tmp_path / 'out'} bash {EXAMPLES / 'slurm_array.sh'}"
    )
    for task in (1, 2):
        line = f"SLURM_ARRAY_TASK_ID={task} SLURM_ARRAY_TASK_COUNT=2 {command}"
        subprocess.run(["bash", "-c", line], check=True, capture_output=True, timeout=300)
    assert len(list((tmp_path / "out").rglob("depth16.png"))) == 6
