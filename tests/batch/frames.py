"""Small raw sequences: an expression that grows over numbered frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gemax_cli.settings import BlockSettings, Settings
from gemax_cli.synthetic.face import FaceShape, face_mesh
from gemax_cli.synthetic.subject import draw_identity, make_motion
from gemax_cli.synthetic.writers import write_wrl

SMALL = Settings(
    taus=(20, 40), maps=("ri", "ri-minmax", "he"), block=BlockSettings(size=48, mm_per_pixel=4.0), sequence="none"
)


def write_frames(folder: Path, seed: int, frames: int, expression: str = "SU", name: str = "{:03d}.wrl") -> None:
    """Write a sequence of one face; the mesh is coarse, the tip moves by a few millimetres."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    who = draw_identity(random)
    for number in range(frames):
        face = FaceShape(who, make_motion(expression, 4, number / max(frames - 1, 1)))
        points, polygons = face_mesh(face, random, spacing=3.4)
        write_wrl(folder / name.format(number), points + 3.0 * random.random(3), polygons)


def write_sequences(raw: Path) -> Path:
    """Two sequences of BU-4DFE of one subject, and one of a numbered folder."""
    write_frames(raw / "F001" / "Happy", 1, 2, "HA")
    write_frames(raw / "F001" / "Surprise", 2, 3, "SU")
    write_frames(raw / "take" / "a", 3, 3, "DI", "scan_{}.wrl")
    return raw
