"""The frames of a 4D sequence in one frame of reference (section 6 of the paper: 4D data)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import ExtraMissing, ScanError
from gemax_cli.face.model import LAST_ROW, FrontalScan, NoseTip
from gemax_cli.face.nose import DOUBTFUL
from gemax_cli.face.register import UpperFace, smooth_motions
from gemax_cli.open3d_library import load_open3d, why_missing
from gemax_cli.paths import AnyPath, as_path
from gemax_cli.pipeline import Stopwatch, find_face
from gemax_cli.placement import Placement, Row
from gemax_cli.scans.read import read_scan
from gemax_cli.settings import Settings

Floats = NDArray[np.float64]
DECIMALS = 9  # of a placement, mm


@dataclass(frozen=True, eq=False)
class _Located:
    """A frame that was read: its name and hash, its tip in the first frame's axes, its motion onto the first frame."""

    name: str
    tip: NoseTip
    motion: Floats
    registered: bool


def stabilise_sequence(frames: Sequence[AnyPath], settings: Settings | None = None) -> list[Placement | None]:
    """Place the frames of a sequence in the frontal axes of its first frame.

    Their depth 0 is the most forward nose tip of all frames, so that none is clipped. With ``settings.sequence``
    ``rigid``, the upper face of each frame is registered to that of the first (point-to-plane ICP with Tukey's
    weights), and the motions are smoothed over five frames; with ``first`` the frames stay where their files have them.
    The frames are read one after the other and not kept.

    Args:
        frames: raw files, in order of time.
        settings: camera, unit, nose tip, axes and ``sequence``.

    Returns:
        The placement of each frame, for ``convert_scan``; None for frames that cannot be read or show no face, and for
        all of them with ``none``.

    Raises:
        ExtraMissing: Open3D, which ``rigid`` takes, cannot be loaded.
    """
    settings = settings or Settings()
    if settings.sequence == "none":
        return [None] * len(frames)
    with _open3d_of_one_thread() if settings.sequence == "rigid" else _nothing():
        stabiliser = _Stabiliser(settings)
        located = [stabiliser.locate(as_path(path)) for path in frames]
    placements = iter(stabiliser.placements([frame for frame in located if frame]))
    return [next(placements) if frame else None for frame in located]


@contextmanager
def _open3d_of_one_thread() -> Iterator[None]:
    """Sums of several threads come in any order and differ in their last bits. Its warnings go to standard output."""
    try:
        open3d = load_open3d()
    except (ImportError, OSError) as error:
        raise ExtraMissing(why_missing(error, "registers the frames of sequences", "give --sequence first")) from error
    threads = open3d.utility.get_max_threads()
    open3d.utility.set_max_threads(1)
    try:
        with open3d.utility.VerbosityContextManager(open3d.utility.VerbosityLevel.Error):
            yield
    finally:
        open3d.utility.set_max_threads(threads)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


class _Stabiliser:
    """The first frame of a sequence, and how the others lie to it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._first: Placement | None = None
        self._upper: UpperFace | None = None
        self._last: Floats = np.eye(4)  # motion of the last frame that was registered

    def locate(self, path: Path) -> _Located | None:
        """Read a frame and find its motion onto the first; None where it shows no face."""
        try:
            scan = read_scan(path, self._settings.camera, self._settings.nose.unit)
            frontal, tip, _, _ = find_face(scan, self._settings, Stopwatch(), self._first)
        except ScanError:
            return None
        motion, registered = self._motion(frontal, tip)
        return _Located(f"{path.name} {scan.fingerprint.sha256}\n", tip, motion, registered)

    def _motion(self, frontal: FrontalScan, tip: NoseTip) -> tuple[Floats, bool]:
        if self._first is None:
            self._first = self._placement_of(frontal, tip)
            if self._settings.sequence == "rigid":
                self._upper = UpperFace.of(frontal.scan.points, tip.position)
            return np.eye(4), True
        if self._upper is None:
            return np.eye(4), True
        for start in (self._by_tip(self._upper, tip), self._last):
            motion, registered = self._upper.register(frontal.scan.points, start)
            if registered:
                self._last = motion
                break
        return motion, registered

    def _by_tip(self, upper: UpperFace, tip: NoseTip) -> Floats:
        """The last frame's rotation, about the nose tips."""
        start = np.array(self._last)
        start[:3, 3] = upper.tip - start[:3, :3] @ tip.position
        return start

    def _placement_of(self, frontal: FrontalScan, tip: NoseTip) -> Placement:
        """The placement of the first frame, before the others are known."""
        matrix = np.linalg.inv(np.vstack([frontal.to_raw, LAST_ROW]))
        place, scale, told = tuple(tip.position.tolist()), frontal.mm_per_unit, frontal.assumptions
        return Placement(self._settings.sequence, 1, "", _rows(matrix), place, scale, True, told)

    def placements(self, located: Sequence[_Located]) -> list[Placement]:
        """The placements of all frames with a face, in their order."""
        if self._first is None:
            return []
        first, known = np.vstack([self._first.matrix, LAST_ROW]), np.array([frame.registered for frame in located])
        origin = np.array(self._first.origin)
        motions = np.array([frame.motion for frame in located])
        if self._upper is not None:
            motions = smooth_motions(motions, known, origin)
        sure = [n for n, frame in enumerate(located) if n == 0 or frame.tip.confidence >= DOUBTFUL]
        forward = max(float(motions[n, 2] @ [*located[n].tip.position, 1.0]) for n in sure)
        members = hashlib.sha256("".join(frame.name for frame in located).encode(errors="surrogateescape")).hexdigest()
        whole = replace(
            self._first, frames=len(located), members=members, origin=(origin[0], origin[1], round(forward, DECIMALS))
        )
        return [
            replace(whole, matrix=_rows(motion @ first), registered=frame.registered)
            for frame, motion in zip(located, motions, strict=True)
        ]


def _rows(matrix: Floats) -> tuple[Row, Row, Row]:
    rows = [(row[0], row[1], row[2], row[3]) for row in np.round(matrix[:3], DECIMALS).tolist()]
    return rows[0], rows[1], rows[2]
