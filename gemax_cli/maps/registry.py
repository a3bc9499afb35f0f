"""Comparison maps by name: channels, what each needs, who makes it. Cheap to import; a new map is one entry here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True)
class ComparisonKind:
    """A kind of comparison map.

    Attributes:
        channels: name of each channel; a grey map's is its own.
        maker: "module:function" that makes it, a ``maps.compare.Maker``.
        needs: (import name, package to install) of a library beyond gemax's own; None for most.
        of_depth: grey values stand for depths, not for the surface's shape: distortion means something.
    """

    channels: tuple[str, ...]
    maker: str
    needs: tuple[str, str] | None = None
    of_depth: bool = False

    @property
    def missing(self) -> str:
        """The package to install before this map can be made; "" where nothing is missing."""
        return self.needs[1] if self.needs and find_spec(self.needs[0]) is None else ""


_HERE = "gemax_cli.maps.compare"

# In the order that maps are written and listed in; the name is the file's, too.
COMPARISONS: Mapping[str, ComparisonKind] = {
    "ri": ComparisonKind(("ri",), f"{_HERE}:uniform", of_depth=True),
    "ri-minmax": ComparisonKind(("ri-minmax",), f"{_HERE}:stretched", of_depth=True),
    "he": ComparisonKind(("he",), f"{_HERE}:equalised", of_depth=True),
    "clahe": ComparisonKind(("clahe",), f"{_HERE}:contrast_limited", ("skimage", "scikit-image"), True),
    "normals": ComparisonKind(("normals-x", "normals-y", "normals-z"), f"{_HERE}:normals"),
    "curvature": ComparisonKind(("curvature",), f"{_HERE}:mean_curvature"),
    "curvature-gaussian": ComparisonKind(("curvature-gaussian",), f"{_HERE}:gaussian_curvature"),
    "curvature-k1": ComparisonKind(("curvature-k1",), f"{_HERE}:first_curvature"),
    "curvature-k2": ComparisonKind(("curvature-k2",), f"{_HERE}:second_curvature"),
    "shape-index": ComparisonKind(("shape-index",), f"{_HERE}:shape_index"),
}

POOLED = ("ri-minmax", "he")
"""Maps whose grey values depend on which depths occur; the scope of a mapping holds for them, too."""


def channels_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of all channels of some comparison maps."""
    return tuple(channel for name in names for channel in COMPARISONS[name].channels)
