"""The kernels of a conversion made ready before they are needed: loaded from the disk, 4 ms each, or compiled.

On a machine that has compiled none of them yet two processes share the work: this one, and another that compiles those
that read text and those of the nose detector, half of all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gemax_cli.face import nose_kernels
from gemax_cli.face.block import cut_blocks
from gemax_cli.face.clean import clean_scan
from gemax_cli.face.nose import best_fits
from gemax_cli.pipeline import make_maps
from gemax_cli.process import claim
from gemax_cli.scans.grid import triangulate_grid
from gemax_cli.scans.model import Points, Scan, Triangles
from gemax_cli.scans.read import read_scan
from gemax_cli.settings import BlockSettings, QuantisationSettings
from gemax_cli.stack.png import encode_png
from gemax_cli.synthetic.writers import write_bnt, write_lm3, write_wrl

HALF_MM, SPACING_MM = 70.0, 2.5  # of the schematic face
TIP = np.array([0.0, 0.0, 20.0])


def are_compiled() -> bool:
    """Whether this machine has compiled the kernels, going by one of the last to be needed."""
    kernel: Any = nose_kernels.lay_face
    module = nose_kernels.__name__.rpartition(".")[2]
    return any(Path(kernel.stats.cache_path).glob(f"{module}.{kernel.__name__}-*.nbi"))


def load_kernels(folder: Path) -> None:
    """Call every kernel that a conversion calls, on two schematic faces that are written to ``folder``.

    Raises:
        ScanError, OSError: a face cannot be written or read.
    """
    with _half_compiled_aside(folder) as wait:
        planes = _planes()
        write_bnt(folder / "a.bnt", planes, planes[..., :2], "a.png")
        write_lm3(folder / "a.lm3", {"Nose tip": TIP})
        cleaned = clean_scan(read_scan(folder / "a.bnt"))[0]
        for block in cut_blocks(cleaned, TIP, BlockSettings(), (60.0,)):
            make_maps(block.depth16, (20,), QuantisationSettings())
            encode_png(block.depth16)
        wait()
    call_other_half(folder)


def call_other_half(folder: Path) -> None:
    """Read a face as BU-3DFE has it, and look for its nose tip."""
    path = folder / "F0001_NE00WH_F3D.wrl"
    write_wrl(path, *_mesh(_planes()))
    scan = read_scan(path)
    best_fits(Scan(path, "", scan.points, scan.triangles))


def _planes() -> Points:
    """(rows, columns, 3) points of a face, row 0 at the chin."""
    axis = np.arange(-HALF_MM, HALF_MM, SPACING_MM)
    x, y = np.meshgrid(axis, axis)
    square = x**2 + y**2
    face = np.dstack([x, y, TIP[2] * np.exp(-square / 200.0) - square / 180.0])
    face[5, 5, 2] += 30.0  # a spike: something to clean
    return face


def _mesh(planes: Points) -> tuple[Points, Triangles]:
    points = np.ascontiguousarray(planes[::-1].reshape(-1, 3))
    return points, triangulate_grid(np.arange(len(points), dtype=np.int32).reshape(planes.shape[:2]), points)


@contextmanager
def _half_compiled_aside(folder: Path) -> Iterator[Callable[[], object]]:
    """Gives a function that waits until another process has compiled the other half, where that is not done yet."""
    if are_compiled():
        yield int
        return
    call = f"compile_other_half({str(folder)!r})"
    # not "-m": that would take another copy of this package for it, where one lies in the working folder
    code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import compile_other_half; {call}"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as other:
        try:
            yield other.wait
        finally:
            other.kill()


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # its end: nothing is ever written to it
    os._exit(1)


def compile_other_half(folder: str) -> None:
    """What the other process does; it ends when its standard input does, with the process that started it."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    claim()
    call_other_half(Path(folder))
