"""The one way this package compiles a kernel."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])


@contextmanager
def _hidden(module: str) -> Iterator[None]:
    """Make imports of a module fail, as if it were not installed."""
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    before = modules.get(module)
    modules[module] = None
    try:
        yield
    finally:
        del modules[module]
        if before is not None:
            modules[module] = before


# numba obeys a .numba_config.yaml of the working folder if PyYAML is there. That of a data set could name a folder of
# compiled code to load. Variables of the environment (NUMBA_...) do the same for the user.
warnings.filterwarnings("ignore", "A Numba config file is found but YAML")
_SAID = "compiled code cannot be kept"
with _hidden("yaml"):
    import numba


_NO_CACHE = (
    "compiled code cannot be kept, so every process compiles anew, which takes up to a minute: "
    "set NUMBA_CACHE_DIR to a folder that may be written to."
)


def kernel(function: Function) -> Function:
    """Compile ``function`` with numba, cached on disk beside its file or in the user's cache folder.

    Where neither can be written (a container, a user without a home), it is compiled for this process alone, and a
    warning says so.

    No ``fastmath`` and no threads: the same input gives the same bytes on every machine. Division by zero gives inf or
    NaN, as in NumPy, so that loops which divide can be vectorised. A kernel and its helpers stand in one file, because
    a change in another file does not renew the cache.
    """
    try:
        return _compiled(function, cache=True)
    except RuntimeError:  # numba's word for a cache without a folder
        _say_no_cache()
        return _compiled(function, cache=False)


@cache
def _say_no_cache() -> None:
    """Warn once, also where the command line silences the warnings of libraries."""
    warnings.filterwarnings("default", _SAID)
    warnings.warn_explicit(_NO_CACHE, RuntimeWarning, "gemax_cli", 1)


def _compiled(function: Function, *, cache: bool) -> Function:
    return cast(Function, numba.njit(cache=cache, error_model="numpy")(function))
