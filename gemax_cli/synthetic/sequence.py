"""4D sequences of procedural faces in the layout of BU-4DFE, with known rigid motion and expression curve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gemax_cli.errors import SettingsError
from gemax_cli.paths import AnyPath, as_path
from gemax_cli.synthetic.capture import HeadPose, draw_pose, scan_mesh
from gemax_cli.synthetic.face import FaceShape
from gemax_cli.synthetic.folder import Scans, check_sizes, claimed, make_folder
from gemax_cli.synthetic.paint import draw_complexion
from gemax_cli.synthetic.subject import draw_identity, make_motion, vary_motion
from gemax_cli.synthetic.writers import write_picture, write_wrl

FOLDERS = {"AN": "Angry", "DI": "Disgust", "FE": "Fear", "HA": "Happy", "SA": "Sad", "SU": "Surprise"}
MAX_FRAMES = 1000  # file names have three digits
TURN_DEGREES, SHIFT_MM = 3.0, 4.0  # amplitude of the head's motion about its mean pose
COLUMNS = (
    "path,subject,expression,frame,strength,nose_x,nose_y,nose_z,yaw_deg,pitch_deg,roll_deg,shift_x,shift_y,shift_z"
)
_MARK, _TRUTH = "sequences.json", "frames.csv"
_STREAM = 4  # apart from the streams of the scans of BU-3DFE and Bosphorus


@dataclass(frozen=True)
class FrameTruth:
    """A frame as it was simulated.

    Attributes:
        path: of the scan, relative to the sample's folder.
        subject: "F001".
        expression: AN DI FE HA SA or SU.
        number: of the frame, from 0.
        strength: of the expression, 0 at rest to 1 at its peak.
        pose: of the head.
        face: the surface in the axes of the head.
    """

    path: str
    subject: str
    expression: str
    number: int
    strength: float
    pose: HeadPose
    face: FaceShape

    def row(self) -> str:
        """Line of frames.csv."""
        pose = self.pose
        numbers = (*pose.to_file(self.face.nose_tip), pose.yaw, pose.pitch, pose.roll, *pose.shift)
        names = (self.path, self.subject, self.expression, str(self.number), f"{self.strength:.4f}")
        return ",".join([*names, *(f"{number:.4f}" for number in numbers)])


def expression_curve(frame: int, frames: int) -> float:
    """Strength of an expression: it rises from 0 to 1 in the middle of a sequence and falls again."""
    return float(np.sin(np.pi * frame / max(frames - 1, 1)) ** 2)


def simulate_frames(subject: int, expression: str, frames: int, seed: int = 0) -> Iterator[FrameTruth]:
    """The frames of a sequence; the head turns and moves slowly while the expression comes and goes.

    Args:
        subject: number of the subject, from 0.
        expression: AN DI FE HA SA or SU.
        frames: number of frames.
        seed: same seed, same frames.
    """
    who = draw_identity(np.random.default_rng([seed, _STREAM, subject]))
    name = f"{'FM'[subject % 2]}{subject // 2 + 1:03d}"
    code = list(FOLDERS).index(expression)
    rest = draw_pose(np.random.default_rng([seed, _STREAM, subject, code, 0]))
    amplitude, phase, turns = np.random.default_rng([seed, _STREAM, subject, code, 1]).random((3, 6))
    for number in range(frames):
        strength = expression_curve(number, frames)
        act = make_motion(expression, 4, who.style * strength)
        act = vary_motion(act, np.random.default_rng([seed, _STREAM, subject, code, 2]))  # the same for all frames
        wave = (0.4 + 0.6 * amplitude) * np.sin(2 * np.pi * (phase + (0.5 + turns) * number / max(frames - 1, 1)))
        yaw, pitch, roll = (float(a) for a in TURN_DEGREES * wave[:3])
        x, y, z = (float(a) for a in np.array(rest.shift) + SHIFT_MM * wave[3:])
        pose = HeadPose(rest.yaw + yaw, rest.pitch + pitch, rest.roll + roll, (x, y, z))
        path = f"{name}/{FOLDERS[expression]}/{number:03d}.wrl"
        yield FrameTruth(path, name, expression, number, strength, pose, FaceShape(who, act))


def make_sequences(
    out: AnyPath, subjects: int = 2, seed: int = 0, scans: Scans = "all", frames: int = 12
) -> list[Path]:
    """Write sequences ``F001/Happy/000.wrl`` with pictures ``000.jpg``, and what is true of them in frames.csv.

    Args:
        out: folder that is missing, empty, or was made by this before.
        subjects: 1 to 500.
        seed: same seed, same bytes.
        scans: ``all`` and ``six`` write the six expressions of every subject, ``few`` two: happy, surprised.
        frames: of every sequence, 1 to 1,000.

    Returns:
        The scans' paths.

    Raises:
        SettingsError: an argument is out of its range.
        OutputError: the folder holds other files.
        OutputUnwritable: the folder cannot be written to.
    """
    check_sizes(subjects, seed, scans)
    if not 1 <= frames <= MAX_FRAMES:
        raise SettingsError(f"frames is {frames}: give 1 to {MAX_FRAMES}.")
    root, rows = as_path(out), [COLUMNS]
    expressions = ("HA", "SU") if scans == "few" else tuple(FOLDERS)
    with claimed(root, _MARK, _remove_frames):
        truths = (t for n in range(subjects) for e in expressions for t in simulate_frames(n, e, frames, seed))
        for truth in truths:
            _write_frame(root, truth, seed)
            rows.append(truth.row())
        (root / _TRUTH).write_bytes("\n".join([*rows, ""]).encode("ascii"))
    return [root / row.partition(",")[0] for row in rows[1:]]


def _write_frame(root: Path, truth: FrameTruth, seed: int) -> None:
    path = root / truth.path
    make_folder(root, path.parent)
    subject, code = (ord(truth.subject[0]), int(truth.subject[1:])), list(FOLDERS).index(truth.expression)
    looks = draw_complexion(np.random.default_rng([seed, _STREAM, *subject]))
    scan = scan_mesh(
        truth.face, looks, truth.pose, np.random.default_rng([seed, _STREAM, *subject, code, truth.number])
    )
    picture = path.with_suffix(".jpg")
    write_wrl(path, scan.points, scan.polygons, scan.texture_points, scan.texture_polygons, picture.name)
    write_picture(picture, scan.texture)


def _remove_frames(root: Path) -> None:
    """Remove frames of an earlier sample: files of their names in folders of their names, none behind a link."""
    inside = root.resolve()
    for folder in FOLDERS.values():
        for place in root.glob(f"[FM][0-9][0-9][0-9]/{folder}"):
            if place.resolve() == inside / place.relative_to(root):
                for path in (*place.glob("[0-9][0-9][0-9].wrl"), *place.glob("[0-9][0-9][0-9].jpg")):
                    path.unlink()
