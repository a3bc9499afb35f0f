"""What gemax does to a process that is its own: the command line and its workers, but never a notebook."""

from __future__ import annotations

import sys
from importlib import import_module

_BLAS = "scipy.linalg.cython_blas"
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
_KEPT_BYTES, _LARGEST_KEPT = 64 << 20, 32 << 20  # 32 MiB is the most that glibc takes
_claims: list[str] = []


def claim() -> None:
    """Say that this process runs gemax and nothing else."""
    _claims[:] = ["ours"]


def is_ours() -> bool:
    """Whether ``claim`` was called here, or in the process that this one was forked from."""
    return bool(_claims)


def prepare_numba() -> None:
    """What pays where kernels are about to be used; nothing in a process that is not our own."""
    if is_ours():
        keep_memory()
        skip_blas()


def keep_memory() -> None:
    """Let the C library keep what one scan's arrays took for the next scan's, where it is glibc.

    Else it gives the memory back, and the system clears every page of it again: 600 page faults, 1 ms, per scan.
    """
    if sys.platform.startswith("linux"):
        import ctypes

        library = ctypes.CDLL(None)
        if hasattr(library, "gnu_get_libc_version"):
            library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
            library.mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)


def skip_blas() -> None:
    """Load numba without BLAS, which it finds by importing SciPy: 0.2 s, for ``np.dot`` in kernels; ours have none."""
    if _BLAS in sys.modules or "numba.np.arraymath" in sys.modules:
        return
    sys.modules[_BLAS] = None  # type: ignore[assignment]  # what the import system takes for "not installed"
    try:
        import_module("numba.np.arraymath")
    finally:
        del sys.modules[_BLAS]


def peak_bytes() -> int | None:
    """The most memory that this process has held, bytes; None where the system does not say (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
