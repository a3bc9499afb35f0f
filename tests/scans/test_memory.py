"""Peak memory of the readers: at most 12 times the file, unpacked if it is packed, and 100 MB."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest

from gemax_cli.scans.raw_file import MAX_BYTES
from tests.scans.bombs import BOMBS

pytestmark = pytest.mark.slow

TIMES, BESIDES = 12, 100e6
SIZE = 16 << 20
AT_THE_LIMIT = [
    "wrl triangles and a texture", "xyz points", "obj textured", "off triangles", "stl facets", "ply text triangles",
    "ply binary triangles", "pcd text points", "gltf objects", "wrl comments, packed",
]  # fmt: skip


@contextmanager
def measuring() -> Iterator[subprocess.Popen[str]]:
    """A process that measures in children: what all share is imported once."""
    line = [sys.executable, "-m", "tests.scans.peak"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.communicate(timeout=60)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[dict[str, object]]]]:
    """What reading each file took: two at a time, the largest first."""
    sizes = dict.fromkeys(AT_THE_LIMIT, MAX_BYTES) | {name: SIZE for name in BOMBS if name not in AT_THE_LIMIT}
    free = SimpleQueue[subprocess.Popen[str]]()
    with measuring() as one, measuring() as other, ThreadPoolExecutor(2) as pool:
        free.put(one)
        free.put(other)
        yield {
            name: pool.submit(read, free, tmp_path_factory.mktemp("bomb"), name, size) for name, size in sizes.items()
        }
        pool.shutdown(cancel_futures=True)


def read(free: SimpleQueue[subprocess.Popen[str]], folder: Path, name: str, size: int) -> dict[str, object]:
    """What it took to read a file of ``size`` bytes, in a process of its own."""
    bomb = BOMBS[name]
    file, small = (folder / f"{stem}{bomb.suffix}" for stem in ("large", "small"))
    bomb.write(file, size)
    bomb.write(small, 4000)
    process = free.get()
    try:
        print(file, small, sep="\t", file=process.stdin, flush=True)
        found: dict[str, object] = json.loads(process.stdout.readline())
    finally:
        free.put(process)
        file.unlink()
    assert "bytes" in found, found
    return found


@pytest.mark.parametrize("name", [name for name in BOMBS if name not in AT_THE_LIMIT])
def test_memory_is_in_proportion_to_the_file(measured, name):
    found = measured[name].result()
    assert found["bytes"] <= TIMES * SIZE + BESIDES, found


@pytest.mark.parametrize("name", AT_THE_LIMIT)
def test_memory_of_the_largest_files(measured, name):
    found = measured[name].result()
    assert "more than 268" not in str(found["outcome"])
    assert found["bytes"] <= TIMES * MAX_BYTES + BESIDES, found


def test_the_measure_notices(tmp_path):
    """A reader that made a list of words would take 20 times the file and more."""
    (tmp_path / "a.xyz").write_bytes(b"0 0 1\n" * (SIZE // 6))
    code = "import sys, tests.scans.peak as p; b = p.peak(); k = open(sys.argv[1], 'rb').read().split(b'\\n'); "
    code += "k = [line.split() for line in k]; print(p.peak() - b)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.xyz")], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > TIMES * SIZE + BESIDES
