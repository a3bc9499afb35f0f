"""The examples run, on the sample data."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gemax_cli as gemax
from gemax_cli.stack.folder import OutputFolder
from tests.pictures import write_png
from tests.reports.folders import make_folder
from tests.splits.folders import bu3dfe

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def example(name, *arguments):
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def training_set(tmp_path_factory):
    """Six subjects with six expressions, tau 5 and 8, a split of three folds; the texture is made up."""
    out = make_folder(tmp_path_factory.mktemp("examples") / "out", bu3dfe(6, levels=(4,)))
    for i, record in enumerate(OutputFolder(out).records()):
        texture = np.random.default_rng(i).integers(0, 256, (32, 32, 3), np.uint8)
        write_png((out / record.blocks[0].file).with_name("texture.png"), texture)
    OutputFolder(out).write_tables(None, [], lambda sources: sources)
    gemax.split(out, "s", gemax.SplitSettings("kfold", folds=3))
    return out


def test_load_stack(training_set):
    said = example("load_stack.py", training_set, "s").splitlines()
    assert len(said) == 3
    assert all("train (24, 5, 32, 32) uint8, test (12, 5, 32, 32), [6 6 6 6 6 6] per class" in line for line in said)


def test_a_training_array_takes_ten_lines():
    """From the import to maps, texture, labels and folds of every fold."""
    text = (EXAMPLES / "load_stack.py").read_text(encoding="utf-8")
    body = text.partition("def main")[2].partition("    for fold")[0].splitlines()[1:]
    needed = [line for line in text.splitlines() if line.startswith("import ")] + [
        line for line in body if line.strip()
    ]
    assert len(needed) <= 10


def test_loader_speed(training_set):
    said = example("loader_speed.py", training_set, 10).splitlines()
    assert len(said) == 6
    assert all(line.endswith(" samples/s") for line in said)


def test_baseline(training_set):
    pytest.importorskip("sklearn")
    said = example("baseline.py", training_set, "s")
    assert re.fullmatch(r"accuracy \d+\.\d% on unseen subjects, 3 folds, chance 16\.7%\n", said)


def test_huggingface(training_set, tmp_path):
    pytest.importorskip("datasets", reason="Hugging Face datasets is not installed")
    said = example("huggingface.py", training_set, "s", tmp_path / "images", "gemax_tau005").splitlines()
    classes = "['AN', 'DI', 'FE', 'HA', 'NE', 'SA', 'SU']"
    assert said == [f"train: 28 images (32, 32) L, {classes}", f"test: 14 images (32, 32) L, {classes}"]


def test_train_torch(training_set):
    pytest.importorskip("torch")
    said = example("train_torch.py", training_set, "s", 3).splitlines()
    assert len(said) == 3
    assert float(said[2].split()[3].rstrip(",")) < float(said[0].split()[3].rstrip(","))  # the loss


def test_lightning_module(training_set):
    pytest.importorskip("lightning")
    said = example("lightning_module.py", training_set, "s")
    assert re.search(r"^accuracy \d+\.\d% on 12 scans of unseen subjects$", said, re.MULTILINE)


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


def test_hdr_images(tmp_path):
    said = example("hdr_images.py", tmp_path / "hdr.png")
    assert said.count("bits, off by") == 6
    assert (tmp_path / "hdr.png").stat().st_size > 100_000
