import os
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from gemax_cli.cli.sample import command
from gemax_cli.errors import OutputError
from gemax_cli.synthetic.dataset import plan_sample


def run(*arguments):
    return CliRunner().invoke(command, [str(a) for a in arguments])


@pytest.mark.parametrize("spelling", ["Bosphorus", "bosphorus"])
@pytest.mark.slow
def test_writes_what_is_asked_for_and_says_so(tmp_path, spelling):
    result = run(tmp_path / "raw", "--subjects", 1, "--scans", "few", "--dataset", spelling, "--seed", 4)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{tmp_path / 'raw'}\n"
    assert result.stderr == f"Wrote 3 synthetic scans (subjects: 1) to {tmp_path / 'raw'}.\n"
    scans = {path.name for path in tmp_path.rglob("*.bnt")}
    assert scans == {f"bs000_{code}_0.bnt" for code in ("N_N", "E_HAPPY", "E_SURPRISE")}
    assert not list(tmp_path.rglob("*.wrl"))


def test_defaults_are_two_subjects_of_both_layouts(monkeypatch, tmp_path):
    asked = {}

    def record(out, **arguments):
        asked.update(arguments)
        raise OutputError("enough")

    monkeypatch.setattr("gemax_cli.synthetic.dataset.make_sample", record)
    assert isinstance(run(tmp_path).exception, OutputError)
    assert asked == {"subjects": 2, "seed": 0, "scans": "all", "datasets": ["BU-3DFE", "Bosphorus"]}
    assert len(plan_sample(**asked)) == 64


def test_a_strangers_folder_is_an_output_error(tmp_path):
    (tmp_path / "mine").write_text("")
    result = run(tmp_path)
    assert isinstance(result.exception, OutputError)
    assert result.exception.exit_code == 5


@pytest.mark.parametrize(
    "wrong", [["--subjects", 0], ["--seed", -1], ["--scans", "most"], ["--dataset", "Texas"], ["--frames", 0]]
)
def test_wrong_options_are_usage_errors(tmp_path, wrong):
    result = run(tmp_path / "raw", *wrong)
    assert result.exit_code == 2
    assert wrong[0] in result.output
    assert not (tmp_path / "raw").exists()


def test_help_shows_every_default():
    text = " ".join(run("--help").stdout.split())
    assert all(word in text for word in ("--subjects", "--seed", "--dataset", "--scans", "default: 2", "default: both"))


def test_importing_the_command_is_light():
    code = "import sys, gemax_cli.cli.sample; print(sorted({'numpy', 'numba', 'PIL', 'scipy'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.slow
def test_making_a_sample_imports_neither_numba_nor_open3d():
    code = (
        "import sys, gemax_cli.synthetic.dataset as d; d.plan_sample(1);"
        "print(sorted({'numba', 'open3d', 'PIL'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", ["bosphorus", "bu-4dfe", "sar"])
@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
def test_nothing_is_written_through_a_link(tmp_path, kind):
    raw, elsewhere = tmp_path / "raw", tmp_path / "elsewhere"
    options = ["--subjects", 1, "--scans", "few", "--frames", 1, "--dataset", kind]
    assert run(raw, *options).exit_code == 0
    (place,) = {path for path in raw.iterdir() if path.is_dir()}
    shutil.move(place, elsewhere)
    place.symlink_to(elsewhere)
    before = {path: path.stat().st_mtime_ns for path in elsewhere.rglob("*")}
    result = run(raw, *options)
    assert isinstance(result.exception, OutputError)
    assert "leads elsewhere through a link" in str(result.exception)
    assert {path: path.stat().st_mtime_ns for path in elsewhere.rglob("*")} == before
