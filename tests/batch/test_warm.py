"""The kernels that are loaded before workers are forked are those that a conversion calls."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

CODE = """
import sys
from pathlib import Path
from numba.core.dispatcher import Dispatcher
from gemax_cli.pipeline import convert_scan

def loaded():
    modules = [m for name, m in sys.modules.items() if name.startswith("gemax_cli")]
    kernels = {id(k): k for m in modules for k in vars(m).values() if isinstance(k, Dispatcher)}
    return {f"{k.__module__}.{k.__name__}:{types}".replace(" ", "") for k in kernels.values() for types in k.signatures}

import gemax_cli.batch.warm
before = loaded()
for file in sorted(Path(sys.argv[1]).rglob("*")):
    if file.suffix == ".bnt" or file.name.endswith("_F3D.wrl"):
        convert_scan(file)
print(len(before), *sorted(loaded() - before))
"""


def test_no_worker_loads_a_kernel(raw):
    done = subprocess.run([sys.executable, "-c", CODE, str(raw)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    count, *late = done.stdout.split()
    assert int(count) > 15
    # quads are cut by a kernel of their own, and few files hold any
    assert {name.partition(":")[0] for name in late} <= {"gemax_cli.scans.kernels.clip_ears"}, late


def python(tmp_path, *arguments):
    """Start Python with a cache of kernels of its own."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_first_run_on_a_machine_leaves_all_kernels_compiled(raw, tmp_path):
    scan = next(raw.rglob("*.bnt"))
    with python(tmp_path, "-m", "gemax_cli", "convert", scan, tmp_path / "out", "-j1", "-q", "--tau", "20") as first:
        assert first.wait(300) == 0, first.stderr.read()
    compiled = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.nbi")}
    assert {name.partition("-")[0] for name in compiled} >= {"nose_kernels.lay_face", "kernels.draw", "grid._gather"}
    with python(tmp_path, "-m", "gemax_cli", "convert", scan, tmp_path / "out2", "-j2", "-q", "--tau", "20") as second:
        assert second.wait(300) == 0, second.stderr.read()
    again = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.nbi")}
    assert {name for name, time in again.items() if compiled.get(name) != time} == set()


def test_the_process_that_compiles_ends_with_the_one_that_started_it(tmp_path):
    code = f"from gemax_cli.batch.kernels import compile_other_half; compile_other_half({str(tmp_path)!r})"
    with python(tmp_path, "-c", code) as process:
        time.sleep(2)
        process.stdin.close()
        assert process.wait(60) == 1


def test_another_copy_in_the_working_folder_is_not_taken_for_this_one(raw, tmp_path):
    """As where the command is installed and run from a checkout: workers and compilers must run what it runs."""
    if sys.platform != "linux":
        pytest.skip("workers are forked on Linux alone")
    copy = tmp_path / "checkout" / "gemax_cli"
    copy.mkdir(parents=True)
    (copy / "__init__.py").write_text(f"open({str(tmp_path / 'taken')!r}, 'w')\n")
    here = Path(__file__).parents[2]
    code = f"import sys; sys.path[:1] = [{str(here)!r}]; from gemax_cli.cli.main import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "convert", str(raw), str(tmp_path / "out"), "-q", "--tau", "20", "-j2"]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(command, cwd=copy.parent, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "out" / "records.jsonl").read_text().splitlines()) == 6
    if sys.version_info >= (3, 11):  # else the server takes it, says so, and is not used
        assert done.stderr == ""
        assert not (tmp_path / "taken").exists()
