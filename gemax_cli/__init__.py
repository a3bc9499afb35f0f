"""Raw 3D face-scan folders to multi-tau GEMax maps.

The names below are the library; they are imported when first used, so that ``import gemax_cli`` costs nothing.

    import gemax_cli as gemax
    scan = gemax.convert_scan("F0001_AN01WH_F3D.wrl", gemax.Settings(taus=(20, 30, 40)))
    image = scan.blocks[0].maps[0].image
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Settings": "settings",
    "NoseSettings": "settings",
    "BlockSettings": "settings",
    "QuantisationSettings": "settings",
    "GemaxError": "errors",
    "ScanError": "errors",
    "Selection": "datasets.selection",
    "find_scans": "scans.walk",
    "read_scan": "scans.read",
    "convert_scan": "pipeline",
    "make_maps": "pipeline",
    "convert": "batch.run",
    "RunOptions": "batch.run",
    "level_histogram": "entropy.histogram",
    "optimal_cuts": "entropy.solver",
    "optimal_cuts_per_tau": "entropy.solver",
    "apply_cuts": "entropy.mapping",
    "invert_map": "entropy.mapping",
    "map_entropy": "entropy.figures",
    "entropy_table": "report.entropy_table",
    "overview_sheet": "report.sheet",
    "inspect_scan": "report.inspection",
    "make_sample": "synthetic.dataset",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    """Import a name of the library when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
