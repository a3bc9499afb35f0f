"""RUN/rNNN-f00/faces.npz: ten test faces of a round with their attention maps and parts. Read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gemax_cli.learn.result import FACES
from gemax_cli.learn.settings import TrainSettings
from gemax_cli.loader.stack import FaceStack
from gemax_cli.stack.atomic import replacing

MOST_FACES = 10


class Located(Protocol):
    """What a network says of n faces; arrays as in ``train.Tested``."""

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(n,) class numbers."""

    @property
    def maps(self) -> Mapping[str, NDArray[np.float32]]:
        """By stream, (n, N_M, rows, columns)."""

    @property
    def corners(self) -> Mapping[str, NDArray[np.int64]]:
        """By stream, (n, N_M, 2) in the network's image."""


def save_faces(
    folder: Path, stack: FaceStack, pairs: NDArray[np.intp], found: Located, settings: TrainSettings
) -> None:
    """Write ten of the faces, spread evenly over them; the same faces give the same bytes."""
    chosen = np.unique(np.linspace(0, len(pairs) - 1, min(MOST_FACES, len(pairs))).round().astype(np.intp))
    scans = pairs[chosen, 0]
    arrays: dict[str, NDArray[Any]] = {
        "scan": stack.scan_ids[scans],
        "truth": np.array(stack.classes)[stack.labels[scans]],
        "predicted": np.array(stack.classes)[found.predicted[chosen]],
        "size": np.array(settings.size),
    }
    for name in settings.stream_names:
        arrays[f"{name}_maps"] = found.maps[name][chosen]
        arrays[f"{name}_corners"] = found.corners[name][chosen].astype(np.int32)
        arrays[name] = _pictures(stack, pairs[chosen], name)
    with replacing(folder / FACES) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def _pictures(stack: FaceStack, pairs: NDArray[np.intp], name: str) -> NDArray[np.uint8]:
    """(faces, rows, columns, 3), or of a depth map (faces, rows, columns): the tested one, or the first channel."""
    if name == "texture" and stack.texture is not None:
        return stack.texture[pairs[:, 0]]
    return stack.maps[pairs[:, 0], pairs[:, 1]]
