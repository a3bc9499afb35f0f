"""The one way this package compiles a kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile ``function`` with numba, cached on disk beside its file.

    No ``fastmath`` and no threads: the same input gives the same bytes on every machine. Division by zero gives inf or
    NaN, as in NumPy, so that loops which divide can be vectorised. A kernel and its helpers stand in one file, because
    a change in another file does not renew the cache.
    """
    return cast(Function, numba.njit(cache=True, error_model="numpy")(function))
