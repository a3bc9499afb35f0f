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


def warm_up() -> None:
    """Make this process ready to convert BU-3DFE and Bosphorus, and all processes forked from it."""
    for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        os.environ[f"{library}_NUM_THREADS"] = "1"  # workers share the cores among themselves
    claim()
    with suppress(Exception), TemporaryDirectory() as folder:  # the first scan will meet it again, and say so
        from joblib.externals.loky import process_executor  # noqa: F401 - for the workers, as is the next

        from gemax_cli.batch import task  # noqa: F401
        from gemax_cli.batch.kernels import load_kernels

        load_kernels(Path(folder))
    # loky's workers look for garbage once a second, 0.1 s each time in all of numba; and pages that nobody looks at
    # stay shared
    gc.freeze()


warm_up()
