"""Machines as they are: no cache folder, long paths, memory that is not shared, streams that are closed, no rights."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import gemax_cli

pytestmark = pytest.mark.skipif(os.name != "posix", reason="of POSIX systems")
CODE = Path(gemax_cli.__file__).parents[1]
NOBODY = 65534
SMALL = "--tau 20 --size 32 --mm-per-pixel 6"
LOST = "results cannot be written to standard output (No space left on device): send them elsewhere."


def gemax(folder: Path, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command line of the shell in which ``gemax`` is this version."""
    command = f'set -o pipefail; gemax() {{ {sys.executable} -m gemax_cli "$@"; }}; {line}'
    variables = {**os.environ, "PYTHONPATH": str(CODE), **environment}
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=variables, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture
def place(raw, tmp_path) -> Path:
    """A folder with one scan in ``raw``."""
    (tmp_path / "raw").mkdir()
    shutil.copy(next(raw.rglob("*N_N_0.bnt")), tmp_path / "raw")
    return tmp_path


def records(place: Path) -> int:
    return (place / "out" / "records.jsonl").read_bytes().count(b"\n")


STREAMS = [("1>&-", 0), ("2>&-", 0), ("1>&- 2>&-", 0), ("0<&- 1>&- 2>&-", 0), (">/dev/full", 0), ("2>/dev/full", 0),
           ("--json 1>&-", 0), ("--json | head -1", 0), ("--json | true", 0), ("2>&1 | true", 0)]  # fmt: skip


@pytest.mark.parametrize(
    ("streams", "code"), [pytest.param(*case, marks=pytest.mark.slow) for case in STREAMS[1:]] + STREAMS[:1]
)
@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_streams_that_nobody_reads_change_nothing(place, streams, code, jobs):
    done = gemax(place, f"gemax convert raw out {SMALL} -j{jobs} {streams}")
    assert done.returncode == code, done.stderr
    assert records(place) == 1
    assert "rror" not in done.stderr + done.stdout.partition("{")[0]
    assert len(list((place / "out").rglob("*.png"))) == 2


@pytest.mark.parametrize("line", [f"convert raw out {SMALL} -j1 --json", "convert raw out --dry-run", "--help"])
def test_results_that_cannot_be_written_are_an_error(place, line):
    done = gemax(place, f"gemax {line} >/dev/full")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"gemax: {LOST}"


def test_nothing_to_read_from_a_closed_input(place):
    assert gemax(place, f"gemax convert - out {SMALL} 0<&-").returncode in (2, 4)


@pytest.mark.slow
def test_temporary_folders_of_long_names_work(place):
    long = place / ("t" * 90) / ("u" * 90)
    long.mkdir(parents=True)
    done = gemax(place, f"gemax convert raw out {SMALL} -j2", TMPDIR=str(long))
    assert (done.returncode, records(place)) == (0, 1), done.stderr


@pytest.mark.slow
def test_shared_memory_that_is_read_only_is_said(place):
    """Semaphores need it. One process needs none."""
    unshared = 'unshare --mount sh -c \'mount -t tmpfs -o ro tmpfs /dev/shm && exec "$0" "$@"\''
    if gemax(place, f"{unshared} true").returncode:
        pytest.skip("mounting is not allowed here")
    (place / "raw" / "again.bnt").write_bytes(next((place / "raw").glob("*.bnt")).read_bytes())
    line = f"{unshared} {sys.executable} -m gemax_cli convert raw out {SMALL}"
    done = gemax(place, f"{line} -j2")
    if done.returncode:
        assert done.returncode == 2
        assert "worker processes cannot be started" in done.stderr
        assert "give --jobs 1, or check /dev/shm" in done.stderr
    assert gemax(place, f"{line} -j1").returncode == 0
    assert records(place) == 2


@pytest.fixture
def bare(raw) -> Iterator[Path]:
    """A folder that everybody may read: the code without any cache, and one scan."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(CODE / "gemax_cli", folder / "gemax_cli", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "raw").mkdir()
        (folder / "work").mkdir()
        shutil.copy(next(raw.rglob("*N_N_0.bnt")), folder / "raw")
        yield folder


def interpreter_of_all(bare: Path) -> str:
    """Commands that show this Python and its packages below ``bare``: their own places may be closed to others."""
    places = {"python": sys.base_prefix, "packages": sysconfig.get_path("purelib")}
    for name in places:
        (bare / name).mkdir()
    return " && ".join(f"mount --bind {place} {bare / name}" for name, place in places.items())


@pytest.mark.slow
@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only the superuser can become nobody")
def test_a_user_without_rights_and_home_converts_with_a_warning(bare):
    os.chown(bare / "work", NOBODY, NOBODY)
    mounted = interpreter_of_all(bare)
    if gemax(bare, f"command -v setpriv && unshare --mount sh -c '{mounted}'").returncode:
        pytest.skip("mounting is not allowed here")
    python = bare / "python" / "bin" / Path(sys.executable).resolve().name
    line = f"{python} -m gemax_cli convert {bare / 'raw'} out {SMALL} -j1"
    nobody = f"setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups"
    variables = {"HOME": "/nonexistent", "PYTHONPATH": f"{bare}{os.pathsep}{bare / 'packages'}"}
    done = gemax(bare / "work", f"unshare --mount sh -c '{mounted} && exec {nobody} {line}'", **variables)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("compiled code cannot be kept") == 1
    assert "NUMBA_CACHE_DIR" in done.stderr
    assert records(bare / "work") == 1


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_code_that_is_read_only_is_compiled_in_memory(bare, place, jobs):
    """A container with a read-only file system: numba finds no folder for its cache."""
    mounted = f"mount --bind {bare} {bare} && mount -o remount,ro,bind {bare}"
    line = f"exec {sys.executable} -m gemax_cli convert raw out {SMALL} -j{jobs}"
    if gemax(place, f"unshare --mount sh -c '{mounted}'").returncode:
        pytest.skip("mounting is not allowed here")
    shutil.copy(next((place / "raw").glob("*.bnt")), place / "raw" / "again.bnt")
    done = gemax(place, f"unshare --mount sh -c '{mounted} && {line}'", PYTHONPATH=str(bare), HOME="/proc/nohome")
    assert done.returncode == 0, done.stderr
    assert 1 <= done.stderr.count("compiled code cannot be kept") <= jobs  # once for each process that converts
    assert "NUMBA_CACHE_DIR" in done.stderr
    assert records(place) == 2
