"""One scan of a training set, and the geometric transforms that move all that belongs to it together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import depth_of_code
from gemax_cli.errors import SettingsError

Grey = NDArray[np.uint8]
Codes = NDArray[np.uint16]
Image = TypeVar("Image", NDArray[np.uint8], NDArray[np.uint16])
X_NORMAL = "normals-x"
"""Channel of a comparison map whose values change sign in a mirror."""
_SIDE = re.compile(r"left|right", re.IGNORECASE)
_OTHER_SIDE = {"left": "right", "right": "left", "Left": "Right", "Right": "Left", "LEFT": "RIGHT", "RIGHT": "LEFT"}


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Named points of a scan in pixels.

    Attributes:
        names: as in the landmark file.
        places: (k, 3) float64: column, row, and depth behind the nose tip in mm; (0, 0) is the first pixel's centre.
        visible: (k,) bool, whether the surface of the block lies there.
    """

    names: tuple[str, ...]
    places: NDArray[np.float64]
    visible: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Sample:
    """One scan with everything on one grid of pixels.

    Attributes:
        maps: (channels, rows, columns) uint8.
        channels: name of each: "gemax_tau020", "ri", "normals-x".
        depth16: (rows, columns) uint16 codes; 0 is no data.
        depth_mm: metric depth of the block.
        label: index of the class.
        texture: (rows, columns, 3) uint8 sRGB; None where it was not loaded.
        mask: (rows, columns) uint8: 0 no data, 255 measured, 128 filled; None where it was not loaded.
        landmarks: None where they were not loaded.
        mirrored_names: name of a landmark to its name in a mirror, where the two differ.
    """

    maps: Grey
    channels: tuple[str, ...]
    depth16: Codes
    depth_mm: float
    label: int
    texture: Grey | None = None
    mask: Grey | None = None
    landmarks: Landmarks | None = None
    mirrored_names: tuple[tuple[str, str], ...] = ()

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(rows, columns), True where there is data."""
        return self.depth16 > 0

    @property
    def depth(self) -> NDArray[np.float32]:
        """(rows, columns) float32, mm behind the nose tip; 0 where there is no data (see ``valid``)."""
        return metric_depth(self.depth16, self.depth_mm)

    def flipped(self) -> Sample:
        """The sample in a mirror: left and right change places in images, landmarks, their names, and normals."""
        maps = self.maps[..., ::-1].copy()
        for i, name in enumerate(self.channels):
            if name == X_NORMAL:
                maps[i] = np.where(self.valid[:, ::-1], 255 - maps[i], 0)
        return replace(
            self,
            maps=maps,
            depth16=self.depth16[:, ::-1].copy(),
            texture=None if self.texture is None else self.texture[:, ::-1].copy(),
            mask=None if self.mask is None else self.mask[:, ::-1].copy(),
            landmarks=self.landmarks and self._flipped_landmarks(self.landmarks),
        )

    def _flipped_landmarks(self, marks: Landmarks) -> Landmarks:
        other = dict(self.mirrored_names)
        places = marks.places * [-1.0, 1.0, 1.0] + [self.depth16.shape[1] - 1.0, 0.0, 0.0]
        return Landmarks(tuple(other.get(name, name) for name in marks.names), places, marks.visible)

    def shifted(self, columns: int, rows: int) -> Sample:
        """The sample moved by whole pixels, right and down; nothing is interpolated, what comes in is no data.

        Raises:
            SettingsError: it would leave the image.
        """
        height, width = self.depth16.shape
        if abs(columns) >= width or abs(rows) >= height:
            raise SettingsError(f"a shift by ({columns}, {rows}) pixels leaves the image: give less than its side.")
        marks = self.landmarks
        return replace(
            self,
            maps=np.moveaxis(_shifted(np.moveaxis(self.maps, 0, -1), columns, rows), -1, 0),
            depth16=_shifted(self.depth16, columns, rows),
            texture=None if self.texture is None else _shifted(self.texture, columns, rows),
            mask=None if self.mask is None else _shifted(self.mask, columns, rows),
            landmarks=marks and replace(marks, places=marks.places + np.array([columns, rows, 0.0])),
        )


def metric_depth(depth16: Codes, depth_mm: float) -> NDArray[np.float32]:
    """Depth of codes of any shape, float32 mm; 0 where there is no data."""
    return np.nan_to_num(depth_of_code(depth16, depth_mm), nan=0.0).astype(np.float32)


def _shifted(image: Image, columns: int, rows: int) -> Image:
    moved = np.zeros_like(image)
    height, width = image.shape[:2]
    into = slice(max(rows, 0), height + min(rows, 0)), slice(max(columns, 0), width + min(columns, 0))
    out_of = slice(max(-rows, 0), height + min(-rows, 0)), slice(max(-columns, 0), width + min(-columns, 0))
    moved[into] = image[out_of]
    return moved


def mirrored_name(name: str) -> str:
    """The name of a landmark in a mirror: left and right change places."""
    return _SIDE.sub(lambda side: _OTHER_SIDE.get(side[0], side[0]), name)


def mirrored_names(marks: Sequence[Landmarks], width: int) -> tuple[tuple[str, str], ...]:
    """Name of a landmark to its name in a mirror, where the two differ.

    Names that say left or right tell it themselves. Points that are only numbered (BU-3DFE) are paired by their mean
    places about the nose tip's column: the pairing of least squared distance between the mirrored places and the
    places.

    Args:
        marks: of all scans of a database.
        width: of the images, pixels.
    """
    names = sorted({name for one in marks for name in one.names})
    worded = {name: mirrored_name(name) for name in names}
    numbered = [name for name in names if re.fullmatch(r"bnd_\d+", name)]
    pairs = worded | (_pairs_by_place(marks, numbered, width) if numbered else {})
    return tuple((name, other) for name, other in pairs.items() if name != other)


def _pairs_by_place(marks: Sequence[Landmarks], names: list[str], width: int) -> dict[str, str]:
    from scipy.optimize import linear_sum_assignment

    row_of = {name: i for i, name in enumerate(names)}
    sums, counts = np.zeros((len(names), 2)), np.zeros((len(names), 1))
    for one in marks:
        rows = [
            (row_of[name], place) for name, place in zip(one.names, one.places[:, :2], strict=True) if name in row_of
        ]
        for i, place in rows:
            sums[i] += place
            counts[i] += 1
    mean = sums / counts - [(width - 1) / 2, 0.0]
    distance = (mean[:, None] * [-1.0, 1.0] - mean) ** 2
    _, other = linear_sum_assignment(distance.sum(-1))
    both_ways = other[other] == np.arange(len(names))
    return {name: names[other[i]] if both_ways[i] else name for i, name in enumerate(names)}
