"""Open3D, which is slow to import and does not load on machines without some system libraries."""

from __future__ import annotations

import re
from typing import Any

DEBIAN_PACKAGES = {
    "libusb-1.0": "libusb-1.0-0",
    "libGL": "libgl1",
    "libEGL": "libegl1",
    "libgomp": "libgomp1",
    "libX11": "libx11-6",
    "libudev": "libudev1",
    "libglib-2.0": "libglib2.0-0",
    "libgthread-2.0": "libglib2.0-0",
    "libtbb": "libtbb12",
    "libc++": "libc++1",
    "libc++abi": "libc++abi1",
}
"""Debian and Ubuntu package of each system library that Open3D is known to ask for."""

_SHARED_LIBRARY = re.compile(r"(lib[\w+.-]+?)\.so[.\d]*")


def load_open3d() -> Any:
    """The ``open3d`` module.

    Raises:
        ImportError: it is not installed.
        OSError: a system library that it needs cannot be loaded.
    """
    import open3d

    return open3d


def why_missing(error: Exception, task: str, otherwise: str) -> str:
    """A sentence on why Open3D could not be loaded and what to install.

    Args:
        error: that ``load_open3d`` raised.
        task: what it is for, "reads this format".
        otherwise: what to do without it, "convert it to OBJ".
    """
    library = _SHARED_LIBRARY.search(str(error))
    if library is None:
        return f"Open3D, which {task}, cannot be imported ({error}): pip install open3d, or {otherwise}."
    package = DEBIAN_PACKAGES.get(library[1])
    advice = f"apt install {package}" if package else "install it"
    return f"Open3D, which {task}, needs the system library {library[0]}: {advice}, or {otherwise}."
