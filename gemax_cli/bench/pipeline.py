"""The tables of ``gemax bench pipeline``: whole runs of ``gemax convert``, and their floor.

Every run is the command itself in a process of its own, timed from start to end. The floor is the work that every
conversion must do: read every raw byte once, and encode and write every PNG. Rounds take turns, so a slow moment of the
machine affects all of them. The tables show the median round.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gemax_cli.batch.model import Outcome
from gemax_cli.batch.profile import Profile, StageRow
from gemax_cli.batch.run import Reporter, convert
from gemax_cli.errors import SOME_FAILED, NothingToConvert
from gemax_cli.scans.walk import find_scans
from gemax_cli.settings import Settings
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.png import read_png

MOST_ENCODED = 60  # scans whose images are held in memory to be encoded
BURST_SECONDS = 0.1  # records are written, and printed, some at a time
PILLOW_LEVEL = 6

Image = NDArray[np.integer]
Item = TypeVar("Item")


@dataclass(frozen=True)
class RunRow:
    """``gemax convert`` with some number of processes.

    Attributes:
        jobs: processes.
        seconds: of a whole run, start and tables included.
        scans_per_second: of a whole run.
        start_s: until the first scan is done.
        ms_per_scan: of the scans after the first, on the clock.
        times_one: how many times as fast as the first row.
        parent_mb: most memory of the parent until the last scan is done, MB; None where the system does not say.
        worker_mb: most memory of a worker; None for one job, which has none.
    """

    jobs: int
    seconds: float
    scans_per_second: float
    start_s: float
    ms_per_scan: float
    times_one: float
    parent_mb: float | None
    worker_mb: float | None


@dataclass(frozen=True)
class FloorRow:
    """One part of the floor: work that every conversion must do.

    Attributes:
        what: the work.
        ms_per_scan: one process.
        kb_per_scan: bytes read or written, in thousands.
    """

    what: str
    ms_per_scan: float
    kb_per_scan: float


@dataclass(frozen=True)
class Pipeline:
    """What ``measure_pipeline`` measured: whole runs, stages of one process, the parts of the floor and their sum."""

    scans: int
    runs: tuple[RunRow, ...]
    stages: tuple[StageRow, ...]
    floor: tuple[FloorRow, ...]
    floor_ms: float
    times_floor: float


def measure_pipeline(
    source: Path, taus: Sequence[int], jobs: Sequence[int], rounds: int = 5, limit: int = 500
) -> Pipeline:
    """Convert up to ``limit`` scans of ``source`` in rounds, with every number of ``jobs`` in turn.

    Output goes to the system's temporary folder and is removed. A run before the first round compiles the kernels and
    brings the raw files into the system's cache.

    Raises:
        NothingToConvert: there are no more scans than processes, or none can be converted.
    """
    files = [ref.path for ref in find_scans([source]).scans[:limit]]
    if len(files) <= max(jobs):
        raise NothingToConvert(f"{source}: holds {len(files)} scans, fewer than are needed to time {max(jobs)} jobs.")
    with tempfile.TemporaryDirectory(prefix="gemax-bench-") as folder:
        out = Path(folder)
        profile = _profile(files, out / "first", taus)
        if not profile.scans:
            raise NothingToConvert(f"{source}: none of {len(files)} scans can be converted: try gemax convert on it.")
        images = _images(out / "first")
        turns = [
            ([_convert(files, out / f"{turn}-{n}", taus, n) for n in jobs], _floor(files, images, out / "floor.png"))
            for turn in range(rounds)
        ]
    runs = median_rounds((runs for runs, _ in turns), "seconds")
    floor = median_rounds((floor for _, floor in turns), "ms_per_scan")
    least = sum(row.ms_per_scan for row in floor)
    rows = tuple(replace(row, times_one=runs[0].seconds / row.seconds) for row in runs)
    return Pipeline(len(files), rows, tuple(profile.rows()), floor, least, rows[0].ms_per_scan / least)


def median_rounds(turns: Iterable[Sequence[Item]], by: str) -> tuple[Item, ...]:
    """For every row, take the round with the median figure (of an even number, the larger)."""
    return tuple(sorted(rows, key=attrgetter(by))[len(rows) // 2] for rows in zip(*turns, strict=True))


def _convert(files: Sequence[Path], out: Path, taus: Sequence[int], jobs: int) -> RunRow:
    """Run the command; raises NothingToConvert where it ends with an error."""
    command = [sys.executable, "-m", "gemax_cli", "convert", "-", str(out), "--tau", *map(str, taus)]
    finished: list[float] = []  # seconds from the start, for each scan that is done
    peaks: list[float | None] = [None]
    with tempfile.TemporaryFile() as listed, tempfile.TemporaryFile() as said:
        listed.write(b"".join(os.fsencode(file.absolute()) + b"\0" for file in files))
        listed.seek(0)
        start = time.perf_counter()
        with subprocess.Popen(
            [*command, "-q", "--json", f"-j{jobs}"], stdin=listed, stdout=subprocess.PIPE, stderr=said
        ) as process:
            for _record in process.stdout or ():
                finished.append(time.perf_counter() - start)
                peaks = [_peak_mb(pid) for pid in (process.pid, *_children(process.pid))]
        seconds = time.perf_counter() - start
        if process.returncode not in (0, SOME_FAILED):
            said.seek(0)
            words = " ".join(said.read().decode("utf-8", "replace").split())[-500:]
            raise NothingToConvert(f"gemax convert ended with code {process.returncode}: {words}")
    first = min(finished, default=seconds)
    at_first = sum(second < first + BURST_SECONDS for second in finished)
    each = 1e3 * (seconds - first) / max(1, len(finished) - at_first)
    worker = max(filter(None, peaks[1:]), default=None) if jobs > 1 else None
    return RunRow(jobs, seconds, len(files) / seconds, first, each, 1.0, peaks[0], worker)


def _children(pid: int) -> list[int]:
    """From Linux's /proc, as ``_peak_mb``; none elsewhere."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _peak_mb(pid: int) -> float | None:
    try:
        _, peak, after = Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")
    except OSError:
        return None
    return int(after.split()[0]) * 1024 / 1e6 if peak else None


class _Profiler(Reporter):
    """Collect the times of each scan."""

    def __init__(self) -> None:
        self.profile = Profile()

    def finished(self, outcome: Outcome) -> None:
        """Add the stages of one scan."""
        self.profile.add(outcome.seconds)


def _profile(files: Sequence[Path], out: Path, taus: Sequence[int]) -> Profile:
    profiler = _Profiler()
    convert(files, out, Settings(taus=tuple(taus)), reporter=profiler)
    return profiler.profile


def _images(out: Path) -> list[list[Image]]:
    """The images of the first scans, scan by scan."""
    records = islice(OutputFolder(out).records(), MOST_ENCODED)
    return [[read_png(out / file) for file in record.files] for record in records]


def _floor(files: Sequence[Path], images: Sequence[Sequence[Image]], place: Path) -> list[FloorRow]:
    """Read all files; encode all images and write each to ``place``."""
    encoded = f"encode and write, Pillow at level {PILLOW_LEVEL}"
    return [
        _timed("read", files, lambda file: len(file.read_bytes())),
        _timed(encoded, images, lambda scan: sum(place.write_bytes(_encode(image)) for image in scan)),
    ]


def _timed(what: str, scans: Sequence[Item], do: Callable[[Item], int]) -> FloorRow:
    start = time.perf_counter()
    size = sum(map(do, scans))
    return FloorRow(what, 1e3 * (time.perf_counter() - start) / len(scans), size / len(scans) / 1e3)


def _encode(image: Image) -> bytes:
    import PIL.Image

    file = io.BytesIO()
    PIL.Image.fromarray(image).save(file, "png", compress_level=PILLOW_LEVEL)
    return file.getvalue()
