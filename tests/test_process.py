"""What a process of our own does to itself, each in a process that is."""

import subprocess
import sys

import pytest


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("ours", [False, True])
def test_only_a_process_of_our_own_does_without_blas(ours):
    pytest.importorskip("scipy")
    code = f"from gemax_cli import process\nif {ours}: process.claim()\n"
    code += "import gemax_cli.jit, numba.np.arraymath as a, sys\nprint(a._HAVE_BLAS, process.is_ours())\n"
    assert run(code) == [str(not ours), str(ours)]


def test_scipy_can_be_imported_afterwards():
    pytest.importorskip("scipy")
    code = "from gemax_cli import process\nprocess.claim()\nimport gemax_cli.jit, sys\n"
    code += "print('scipy.linalg.cython_blas' in sys.modules)\n"
    code += "import scipy.linalg.cython_blas as blas\nprint(hasattr(blas, '__pyx_capi__'))\n"
    assert run(code) == ["False", "True"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts page faults as Linux does")
def test_memory_is_kept_for_the_next_scan():
    code = "import resource, numpy as np\nfrom gemax_cli import process\n"
    code += "def faults():\n    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
    code += "    for _ in range(20):\n        a, b = np.ones(500_000), np.ones(500_000)\n        del a, b\n"
    code += "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
    code += "process.keep_memory()\nfaults()\nprint(faults())\n"
    assert int(run(code)[0]) < 200  # 20 times 2,000 pages where all is given back


def test_the_command_line_is_a_process_of_our_own():
    code = "import sys\nfrom gemax_cli import process\nfrom gemax_cli.cli import main\n"
    code += "try: main.main(['--version'])\nexcept SystemExit: print(process.is_ours())\n"
    assert run(code)[-1] == "True"
