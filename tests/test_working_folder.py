"""The folder that gemax runs in is never on the module path of its processes, whatever modules lie in it."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gemax_cli

CODE = Path(gemax_cli.__file__).parents[1]
SCRIPT = "from gemax_cli.cli.main import main\nmain()\n"  # what pip writes for a console script
TWO = """
from gemax_cli.parallel import map_unordered
if __name__ == "__main__":
    print(sorted(map_unordered(abs, range(-3, 3), 2)))
"""


def module_names() -> set[str]:
    """Every module of the standard library and of what is installed, and names that a search path can bring in."""
    installed = {name.partition("/")[0] for name in importlib.metadata.packages_distributions()}
    return {*sys.stdlib_module_names, *installed, "sitecustomize", "usercustomize", "gemax_cli"} - {"__main__"}


def hostile_tree(folder: Path, canary: Path) -> None:
    """A data set that holds a file for every module: it tells in ``canary`` that it was run."""
    folder.mkdir()
    act = f"open({str(canary)!r}, 'a').write(__name__ + ' ')\n"
    for name in module_names():
        if name.isidentifier():
            (folder / f"{name}.py").write_text(act)
    for package in ("encodings", "joblib"):
        (folder / package).mkdir()
        (folder / package / "__init__.py").write_text(act)
    (folder / ".numba_config.yaml").write_text("cache_dir: cache\ndump_ir: 1\n")


@pytest.fixture(scope="module")
def trap(raw, tmp_path_factory):
    """(working folder with scans and hostile modules, file that must not appear, script that starts gemax)."""
    place = tmp_path_factory.mktemp("trap")
    hostile_tree(place / "data", place / "canary")
    shutil.copytree(raw, place / "data" / "raw")
    (place / "bin").mkdir()
    (place / "bin" / "gemax.py").write_text(SCRIPT)
    (place / "bin" / "two.py").write_text(TWO)
    return place / "data", place / "canary", place / "bin"


def run(trap, *command: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    data, canary, _ = trap
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    environment["PYTHONPATH"] = str(CODE)
    done = subprocess.run(
        [python, *command], cwd=data, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not canary.exists(), canary.read_text()
    assert not (data / "cache").exists()
    assert "numba_config" not in done.stderr
    return done


def test_the_trap_is_one(trap):
    """A process that does look there runs what it finds, so that an empty canary means something."""
    data, canary, place = trap
    look = place / "look.py"  # -c itself imports linecache on Python 3.13
    look.write_text("import sys\nsys.path.insert(0, '')\nimport joblib, json, numpy\n")
    subprocess.run([sys.executable, str(look)], cwd=data, capture_output=True, check=False, timeout=60)
    assert {"joblib", "json", "numpy"} <= set(canary.read_text().split())
    canary.unlink()


def test_workers_do_not_look_into_the_working_folder(trap):
    assert run(trap, str(trap[2] / "two.py")).stdout == "[0, 1, 1, 2, 2, 3]\n"


@pytest.mark.skipif(sys.version_info < (3, 11) or not shutil.which("python3.10"), reason="needs another Python")
@pytest.mark.slow
def test_nor_do_those_of_python_3_10(trap):
    """Python 3.10 obeys no PYTHONSAFEPATH. Only where it has joblib; CI runs the test above on it, too."""
    python = shutil.which("python3.10")
    if subprocess.run([python, "-c", "import joblib, lazy_loader"], capture_output=True, check=False).returncode:
        pytest.skip("this Python 3.10 has no joblib")
    run(trap, str(trap[2] / "two.py"), python=python)


LINES = (
    "convert raw out --tau 20 -j2 -q --size 32 --mm-per-pixel 6",
    "convert raw out --tau 20 30 -j2 -q --size 32 --mm-per-pixel 6",
    "entropy out -j2",
    "verify out",
    "preview out -o ../sheet.png",
    "report out -o ../report.html",
    "view raw/BosphorusDB/bs000/bs000_N_N_0.bnt -o ../view.html",
    "inspect raw/BosphorusDB/bs000/bs000_N_N_0.bnt",
    "sample ../sample --subjects 1 --scans few",
)


def needed_by_python_m() -> set[str]:
    """What ``python -m`` itself takes from the working folder before any code of ours runs: no package can help it."""
    code = "import runpy, sys; print(*sys.modules)"
    known = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    return {"gemax_cli", *(name.partition(".")[0] for name in known.split())}


@pytest.mark.slow
@pytest.mark.parametrize("start", ["script", "module"])
def test_no_command_runs_code_of_the_working_folder(trap, start):
    data, _, place = trap
    first = [str(place / "gemax.py")] if start == "script" else ["-m", "gemax_cli"]
    for name in needed_by_python_m() if start == "module" else ():
        (data / f"{name}.py").unlink(missing_ok=True)
    for line in LINES:
        shutil.rmtree(data.parent / "sample", ignore_errors=True)
        run(trap, *first, *line.split())
    shutil.rmtree(data / "out")
