"""Settings of a conversion: frozen, hashable, checked when made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal

from gemax_cli.cameras import CAMERAS
from gemax_cli.codes import MAX_CODE, check_levels
from gemax_cli.errors import InfeasibleTau, SettingsError, not_installed
from gemax_cli.maps.registry import COMPARISONS, POOLED, channels_of
from gemax_cli.placement import SequenceMode
from gemax_cli.typed_json import from_json

FrameMode = Literal["fixed", "fit"]
NoseMode = Literal["auto", "detect", "landmark"]
AlignMode = Literal["none", "auto", "always"]
StackMode = Literal["files", "rgb"]
MappingScope = Literal["scan", "sequence", "subject", "dataset"]
Unit = Literal["auto", "m", "cm", "mm", "0.25mm", "0.125mm", "0.1mm", "um"]
Axis = Literal["auto", "+x", "-x", "+y", "-y", "+z", "-z"]

MM_PER_UNIT: Mapping[Unit, float] = {
    "m": 1000.0, "cm": 10.0, "mm": 1.0, "0.25mm": 0.25, "0.125mm": 0.125, "0.1mm": 0.1, "um": 0.001,
}  # fmt: skip
LARGEST_PIXELS = 1e6
SMALLEST_DEPTH = 10.0  # mm; less was meant in centimetres
DEFAULT_TAUS = (20, 30, 40, 50, 60)  # section 4.2 of the paper: training uses all five, testing 20
PICTURES = ("texture", "mask")  # images beside the maps, each a setting of its own; ``maps`` may name them, too
ADDABLE = ("taus", "maps", "texture", "require_texture", "mask")  # may be added to a folder without a conflict


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise SettingsError(message)


@dataclass(frozen=True)
class NoseSettings:
    """How the nose tip is found and the scan is brought to its frontal frame.

    Attributes:
        mode: ``landmark`` trusts the landmark file, ``detect`` ignores it, ``auto`` takes it where there is one.
        min_confidence: detected tips of less confidence (0..1) are failures.
        align: rotate the scan to frontal before the block is cut: never, when clearly turned, or always.
        unit: of a generic file's coordinates or a depth picture's values; ``auto`` recognises it.
        up: axis of a generic file that points to the top of the head.
        forward: axis of a generic file that points out of the face.
    """

    mode: NoseMode = "auto"
    min_confidence: float = 0.0
    align: AlignMode = "none"
    unit: Unit = "auto"
    up: Axis = "auto"
    forward: Axis = "auto"

    def __post_init__(self) -> None:
        _require(0.0 <= self.min_confidence <= 1.0, f"min-confidence is {self.min_confidence}: give 0 to 1.")
        same = self.up != "auto" and self.forward != "auto" and self.up[1] == self.forward[1]
        _require(not same, f"up ({self.up}) and forward ({self.forward}) are the same axis: give two of x, y, z.")


@dataclass(frozen=True)
class CameraSettings:
    """The camera of depth pictures that have no JSON file beside them.

    Attributes:
        name: of ``cameras.CAMERAS``, "" for none.
        fx: focal length in pixels; with it the picture has perspective (a pinhole camera).
        fy: the same along the columns, pixels; as ``fx`` if not given.
        cx: column of the optical axis, pixels from the centre of the first one; the picture's middle if not given.
        cy: row of the optical axis, likewise, pixels.
    """

    name: str = ""
    fx: float | None = None
    fy: float | None = None
    cx: float | None = None
    cy: float | None = None

    def __post_init__(self) -> None:
        _require(self.name in ("", *CAMERAS), f"camera {self.name!r} is not known: give one of {', '.join(CAMERAS)}.")
        given = {name: value for name, value in vars(self).items() if name != "name" and value is not None}
        for name, value in given.items():
            _require(abs(value) < LARGEST_PIXELS, f"{name} is {value}: give pixels.")
            _require(name in ("cx", "cy") or value > 0, f"{name} is {value}: give more than 0 pixels.")
        _require(
            not (given and self.name), f"camera {self.name} has its own {', '.join(given)}: give one or the other."
        )
        _require(not given or "fx" in given, f"{', '.join(given)} without fx: give the focal length fx, too.")


@dataclass(frozen=True)
class BlockSettings:
    """How the depth block is cut and rasterised (stage S1 of the paper, section 3.1).

    Attributes:
        size: side of the square image, pixels.
        mm_per_pixel: of the fixed frame.
        frame: ``fixed`` puts the nose tip at the centre; ``fit`` scales the block's bounding box into the image.
        front_mm: surface up to this far before the tip is clipped to depth 0; farther surface is dropped.
        max_edge_mm: triangles with a longer edge are not drawn; None takes a multiple of the scan's own spacing.
        max_hole_mm2: interior holes up to this area are filled and counted.
    """

    size: int = 224
    mm_per_pixel: float = 1.0
    frame: FrameMode = "fixed"
    front_mm: float = 3.0
    max_edge_mm: float | None = None
    max_hole_mm2: float = 60.0

    def __post_init__(self) -> None:
        _require(8 <= self.size <= 4096, f"size is {self.size}: give 8 to 4096 pixels.")
        _require(0.01 <= self.mm_per_pixel <= 100, f"mm-per-pixel is {self.mm_per_pixel}: give 0.01 to 100.")
        _require(0 <= self.front_mm <= 100, f"front is {self.front_mm} mm: give 0 to 100.")
        edge = self.max_edge_mm
        _require(edge is None or edge > 0, f"max-edge is {edge} mm: give more than 0.")
        _require(self.max_hole_mm2 >= 0, f"max-hole is {self.max_hole_mm2} mm2: give 0 or more.")


@dataclass(frozen=True)
class QuantisationSettings:
    """How the 16-bit codes become 8-bit maps (stage S2, equations 1 to 5).

    Attributes:
        levels: N, the depth levels that the solver sees.
        bins: K, the grey values of a map, background's value included where it is reserved.
        reserve_zero: keep value 0 for the background alone; the face then uses 1..bins-1.
    """

    levels: int = 4096
    bins: int = 256
    reserve_zero: bool = False

    def __post_init__(self) -> None:
        _require(2 <= self.bins <= 256, f"bins is {self.bins}: give 2 to 256, a map has 8 bits.")
        check_levels(self.levels)

    @property
    def face_bins(self) -> int:
        """K of the solver: the grey values that face pixels may take."""
        return self.bins - self.first_code

    @property
    def first_code(self) -> int:
        """The grey value of the farthest bin."""
        return 1 if self.reserve_zero else 0

    def check_tau(self, tau: int) -> None:
        """Raise InfeasibleTau unless K <= N <= K * tau."""
        if not self.face_bins <= self.levels <= self.face_bins * tau:
            raise InfeasibleTau(self.levels, self.face_bins, tau)


@dataclass(frozen=True)
class Settings:
    """Every setting that affects the bytes of a converted scan.

    Attributes:
        taus: the distortion bounds, levels, one map each (stage S3); sorted, without repeats.
        depths: block depths in mm; sorted, without repeats.
        stack: one grey PNG per tau, or one RGB PNG per three tau.
        maps: comparison maps, names of ``maps.registry.COMPARISONS``; in its order, without repeats. "texture" and
            "mask" set the fields of these names instead.
        texture: also write the scan's colours on the grid of each block.
        require_texture: scans without a picture are failures; it implies ``texture``.
        mask: also write which pixels were measured, and which are filled holes.
        mapping: over which scans the histogram is pooled before it is solved; all of them get the same cuts.
        sequence: how the frames of a 4D sequence lie: each for itself, in the first frame's frame of reference, or in
            that after rigid registration of the upper face (which takes Open3D). Other scans are not affected.
    """

    kind: ClassVar[str] = "scans"

    taus: tuple[int, ...] = DEFAULT_TAUS
    depths: tuple[float, ...] = (60.0,)
    nose: NoseSettings = field(default_factory=NoseSettings)
    block: BlockSettings = field(default_factory=BlockSettings)
    quantisation: QuantisationSettings = field(default_factory=QuantisationSettings)
    stack: StackMode = "files"
    maps: tuple[str, ...] = ()
    camera: CameraSettings = field(default_factory=CameraSettings)
    texture: bool = False
    require_texture: bool = False
    mask: bool = False
    mapping: MappingScope = "scan"
    sequence: SequenceMode = "rigid"

    def __post_init__(self) -> None:
        object.__setattr__(self, "texture", self.texture or self.require_texture)
        object.__setattr__(self, "taus", tuple(sorted(set(self.taus))))
        object.__setattr__(self, "depths", tuple(sorted({float(d) for d in self.depths})))
        _require(bool(self.taus), "no tau is given: give at least one.")
        _require(bool(self.depths), "no depth is given: give at least one, in mm.")
        for depth in self.depths:
            _require(1 <= depth <= 1000, f"depth is {depth:g} mm: give 1 to 1000.")
            _require(
                depth >= SMALLEST_DEPTH, f"depth is {depth:g} mm, less than a nose: did you mean {10 * depth:g} mm?"
            )
        for tau in self.taus:
            _require(tau <= MAX_CODE, f"tau is {tau}: give {MAX_CODE} or less.")
            self.quantisation.check_tau(tau)
        self._check_maps()

    def _check_maps(self) -> None:
        self._set_maps(self.maps)
        for name in self.maps:
            missing = COMPARISONS[name].missing
            _require(not missing, not_installed(name, missing))

    def _set_maps(self, maps: tuple[str, ...]) -> None:
        known = (*COMPARISONS, *PICTURES)
        for name in maps:
            _require(name in known, f"{name!r} is no comparison map: give any of {', '.join(known)}.")
            if name in PICTURES:
                object.__setattr__(self, name, True)
        object.__setattr__(self, "maps", tuple(name for name in COMPARISONS if name in maps))

    @property
    def own_taus(self) -> tuple[int, ...]:
        """The tau whose maps follow from a scan alone; none where its scope is more than the scan."""
        return self.taus if self.mapping == "scan" else ()

    @property
    def own_maps(self) -> tuple[str, ...]:
        """The comparison maps that follow from a scan alone."""
        return tuple(name for name in self.maps if self.mapping == "scan" or name not in POOLED)

    @property
    def map_channels(self) -> tuple[str, ...]:
        """Names of all channels of the comparison maps."""
        return channels_of(self.maps)

    def as_dict(self) -> dict[str, Any]:
        """Values of JSON types."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Settings:
        """The settings that ``as_dict`` gave; what is left out has its default.

        Raises:
            SettingsError: a value is unknown, of another type or out of its range.
        """
        try:
            settings = from_json(cls, {**values, "maps": []})
            settings._set_maps(from_json(tuple[str, ...], values.get("maps", [])))  # to read them back takes no library
        except ValueError as error:
            raise SettingsError(f"the settings are damaged ({error}).") from error
        return settings

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all but what ADDABLE names: more of these may join a folder, other changes may not."""
        values = self.as_dict()
        for name in ADDABLE:
            del values[name]
        if self.mapping == "scan":  # as in folders made before there were these settings
            del values["mapping"]
        if self.sequence == "rigid":
            del values["sequence"]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
