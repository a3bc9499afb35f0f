"""What a worker needs, imported and loaded once, before the workers are forked: to import this module does it.

For the process that the workers are forked from, and for nothing else.
"""

from __future__ import annotations

import gc
import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from gemax_cli.process import claim

HALF_MM, SPACING_MM = 70.0, 2.5  # of the schematic face


def warm_up() -> None:
    """Make this process ready to convert BU-3DFE and Bosphorus, and all processes forked from it."""
    for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        os.environ[f"{library}_NUM_THREADS"] = "1"  # workers share the cores among themselves
    claim()
    with suppress(Exception), TemporaryDirectory() as folder:  # the first scan will meet it again, and say so
        load_kernels(Path(folder))
    # loky's workers look for garbage once a second, 0.1 s each time in all of numba; and pages that nobody looks at
    # stay shared
    gc.freeze()


def load_kernels(folder: Path) -> None:
    """Call every kernel that a conversion calls, by reading a schematic face of either layout and converting one.

    Kernels that this machine has compiled before are loaded from the disk, 4 ms each; the others are compiled.

    Raises:
        ScanError, OSError: a face could not be converted.
    """
    import numpy as np
    from joblib.externals.loky import process_executor  # noqa: F401 - for the workers, as is the next

    from gemax_cli.batch import task  # noqa: F401
    from gemax_cli.batch.scan import convert_scan
    from gemax_cli.scans.grid import triangulate_grid
    from gemax_cli.scans.read import read_scan
    from gemax_cli.stack.png import encode_png
    from gemax_cli.synthetic.writers import write_bnt, write_lm3, write_wrl

    axis = np.arange(-HALF_MM, HALF_MM, SPACING_MM)
    x, y = np.meshgrid(axis, axis)
    square = x**2 + y**2
    face = np.dstack([x, y, 20.0 * np.exp(-square / 200.0) - square / 180.0])
    face[5, 5, 2] += 30.0  # a spike: something to clean
    write_bnt(folder / "a.bnt", face, face[..., :2], "a.png")
    write_lm3(folder / "a.lm3", {"Nose tip": np.array([0.0, 0.0, 20.0])})
    points = np.ascontiguousarray(face[::-1].reshape(-1, 3))
    grid = np.arange(len(points), dtype=np.int32).reshape(x.shape)
    write_wrl(folder / "F0001_NE00WH_F3D.wrl", points, triangulate_grid(grid, points))
    read_scan(folder / "F0001_NE00WH_F3D.wrl")
    encode_png(convert_scan(folder / "a.bnt").blocks[0].block.depth16)


warm_up()
