"""Where a frame of a 4D sequence lies in the frame of reference that all of its frames share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Row = tuple[float, float, float, float]
SequenceMode = Literal["none", "first", "rigid"]


@dataclass(frozen=True)
class Placement:
    """A frame's place in its sequence.

    Attributes:
        mode: ``first``, the frames lie as in their files; ``rigid``, they are registered by the upper face.
        frames: number of frames that were placed together.
        members: SHA-256 over these frames' names and raw files, in order.
        matrix: 3 x 4 rigid motion from the raw file's axes, mm, to the frontal axes of the first frame, mm.
        origin: the first frame's nose tip in these axes, moved forward to the most forward tip of all frames.
        mm_per_unit: of the raw files' coordinates.
        registered: whether the upper face was found; else the motion is interpolated from the frames around it.
        assumptions: sentences on what was recognised of the first frame: unit, axes.
    """

    mode: SequenceMode
    frames: int
    members: str
    matrix: tuple[Row, Row, Row]
    origin: tuple[float, float, float]
    mm_per_unit: float = 1.0
    registered: bool = True
    assumptions: tuple[str, ...] = ()
