"""The kernels that are loaded before workers are forked are those that a conversion calls."""

import subprocess
import sys

CODE = """
import sys
from pathlib import Path
from numba.core.dispatcher import Dispatcher
from gemax_cli.batch.scan import convert_scan

def loaded():
    modules = [m for name, m in sys.modules.items() if name.startswith("gemax_cli")]
    kernels = {id(k): k for m in modules for k in vars(m).values() if isinstance(k, Dispatcher)}
    return {f"{k.__module__}.{k.__name__}" for k in kernels.values() if k.signatures}

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
    assert set(late) <= {"gemax_cli.scans.kernels.clip_ears"}
