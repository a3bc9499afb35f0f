"""The tables of ``gemax bench pipeline``: whole runs of ``gemax convert``, and the least that they could take.

Every run is the command itself, in a process of its own, from its start to its end. The floor is what no conversion
can do without: reading every raw byte once, and encoding and writing every PNG again. Rounds take turns, so that a
machine that slows down slows all of them; figures are medians over the rounds.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from numpy.typing import NDArray

from gemax_cli.batch.profile import Profile, StageRow
from gemax_cli.errors import SOME_FAILED, NothingToConvert
from gemax_cli.scans.walk import find_scans
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.png import encode_png, read_png

MOST_ENCODED = 60  # scans whose images are held in memory to be encoded
LOOK_SECONDS = 0.05  # between looks at the memory of the processes
PILLOW_LEVEL = 6


@dataclass(frozen=True)
class RunRow:
    """``gemax convert`` with some number of processes.

    Attributes:
        jobs: processes.
        seconds: of a whole run, start and tables included.
        scans_per_second: of a whole run.
        start_s: what a run of one scan more than there are processes takes.
        ms_per_scan: of the scans beyond these, on the clock.
        times_one: how many times as fast as the first row: whole runs.
        times_one_running: the same without the start.
        parent_mb: most memory of the parent, MB; None where the system does not say.
        worker_mb: most memory of a worker; None for one job, which has none.
    """

    jobs: int
    seconds: float
    scans_per_second: float
    start_s: float
    ms_per_scan: float
    times_one: float
    times_one_running: float
    parent_mb: float | None
    worker_mb: float | None


@dataclass(frozen=True)
class FloorRow:
    """Something that a conversion cannot do without, or could use instead.

    Attributes:
        what: "read", or an encoder.
        ms_per_scan: one process.
        kb_per_scan: bytes read or written, in thousands.
    """

    what: str
    ms_per_scan: float
    kb_per_scan: float


@dataclass(frozen=True)
class Pipeline:
    """What ``measure_pipeline`` measured: whole runs, stages of the first of them, the floor and its parts."""

    scans: int
    runs: tuple[RunRow, ...]
    stages: tuple[StageRow, ...]
    floor: tuple[FloorRow, ...]
    floor_ms: float
    times_floor: float


@dataclass(frozen=True)
class _Run:
    seconds: float
    parent: int | None = None
    worker: int | None = None


@dataclass(frozen=True)
class _Part:
    """A part of the floor: what to do, on how many scans, and how many bytes it reads or makes."""

    scans: int
    do: Callable[[], object]
    bytes: int

    def row(self, name: str, seconds: float) -> FloorRow:
        """Its row where it takes so many seconds."""
        return FloorRow(name, 1e3 * seconds / self.scans, self.bytes / self.scans / 1e3)


Runs = dict[int, list[_Run]]  # by number of jobs


def measure_pipeline(
    source: Path, taus: Sequence[int], jobs: Sequence[int], rounds: int = 5, limit: int = 500
) -> Pipeline:
    """Convert up to ``limit`` scans of ``source`` again and again, with every number of ``jobs`` in turn.

    What is written goes to the system's folder for temporary files and is removed. A run before the first round
    compiles the kernels and leaves the raw files in the system's cache.

    Raises:
        NothingToConvert: there are fewer scans than processes and two, or none can be converted.
    """
    files = [ref.path for ref in find_scans([source]).scans[:limit]]
    if len(files) < max(jobs) + 2:
        raise NothingToConvert(f"{source}: holds {len(files)} scans, fewer than are needed to time {max(jobs)} jobs.")
    with tempfile.TemporaryDirectory(prefix="gemax-bench-") as folder:
        out = Path(folder)
        _convert(files, out / "first", taus, 1)
        profile = _profile(out / "first")
        if not profile.scans:
            raise NothingToConvert(f"{source}: none of {len(files)} scans can be converted: try gemax convert on it.")
        parts = _floor_parts(files, out / "first", out / "floor.png")
        whole: Runs = {n: [] for n in jobs}
        short: Runs = {n: [] for n in jobs}
        seconds: dict[str, list[float]] = {name: [] for name in parts}
        for turn in range(rounds):
            for n in whole:
                short[n].append(_convert(files[: n + 1], out / f"{turn}-short-{n}", taus, n))
                whole[n].append(_convert(files, out / f"{turn}-{n}", taus, n))
            for name, part in parts.items():
                seconds[name].append(_timed(part.do))
    runs = tuple(_run_rows(len(files), whole, short))
    floor = tuple(part.row(name, median(seconds[name])) for name, part in parts.items())
    least = floor[0].ms_per_scan + floor[1].ms_per_scan
    return Pipeline(len(files), runs, tuple(profile.rows()), floor, least, runs[0].ms_per_scan / least)


def _run_rows(scans: int, whole: Runs, short: Runs) -> Iterator[RunRow]:
    one: RunRow | None = None
    for jobs, runs in whole.items():
        seconds, start = (median(run.seconds for run in some) for some in (runs, short[jobs]))
        each = 1e3 * (seconds - start) / (scans - jobs - 1)
        parent, worker = _megabytes(run.parent for run in runs), _megabytes(run.worker for run in runs)
        row = RunRow(jobs, seconds, scans / seconds, start, each, 1.0, 1.0, parent, worker if jobs > 1 else None)
        one = one or row
        yield replace(row, times_one=one.seconds / seconds, times_one_running=one.ms_per_scan / each)


def _megabytes(sizes: Iterator[int | None]) -> float | None:
    known = [size for size in sizes if size]
    return max(known) / 1e6 if known else None


def _convert(files: Sequence[Path], out: Path, taus: Sequence[int], jobs: int) -> _Run:
    """Run the command; raises NothingToConvert where it converted nothing."""
    command = [sys.executable, "-m", "gemax_cli", "convert", "-", str(out), "--tau", *map(str, taus)]
    start = time.perf_counter()
    with subprocess.Popen([*command, "-q", f"-j{jobs}"], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b"".join(os.fsencode(file.absolute()) + b"\0" for file in files))
        process.stdin.close()
        peaks = _watch(process)
        seconds = time.perf_counter() - start
        if process.returncode not in (0, SOME_FAILED):
            said = " ".join(process.stderr.read().decode("utf-8", "replace").split())[-500:]
            raise NothingToConvert(f"gemax convert ended with code {process.returncode}: {said}")
    others = [size for pid, size in peaks.items() if pid != process.pid]
    return _Run(seconds, peaks.get(process.pid), max(others, default=None))


def _watch(process: subprocess.Popen[bytes]) -> dict[int, int]:
    """Wait for a process to end; its own and its descendants' peak memory by process, bytes."""
    peaks: dict[int, int] = {}
    while True:
        peaks.update(_peak_memory(process.pid))
        try:
            process.wait(LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return peaks


def _peak_memory(pid: int) -> Iterator[tuple[int, int]]:
    """From Linux's /proc; nothing elsewhere."""
    place = Path(f"/proc/{pid}")
    try:
        for line in (place / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                yield pid, int(line.split()[1]) * 1024
        children = (place / "task" / str(pid) / "children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from _peak_memory(int(child))


def _profile(out: Path) -> Profile:
    profile = Profile()
    for record in OutputFolder(out).records():
        profile.add(record.seconds)
    return profile


Image = NDArray[Any]


def _floor_parts(files: Sequence[Path], out: Path, place: Path) -> dict[str, _Part]:
    """What to time: scans, what to do, and the bytes that it reads or makes. Images are written to ``place``."""
    records = list(islice(OutputFolder(out).records(), MOST_ENCODED))
    images = [read_png(out / file) for record in records for file in record.files]
    encoders: dict[str, Callable[[Image], bytes]] = {
        f"encode, Pillow at level {PILLOW_LEVEL}": _by_pillow,
        "encode, Pillow, Z_RLE": lambda image: _by_pillow(image, compress_type=3),
        "encode, as gemax does": encode_png,
    }
    parts: dict[str, _Part] = {
        "read": _Part(len(files), lambda: _read_all(files), sum(file.stat().st_size for file in files))
    }
    for name, encode in encoders.items():
        size = sum(len(encode(image)) for image in images)
        parts[name] = _Part(len(records), _writing(encode, images, place), size)
    return parts


def _read_all(files: Sequence[Path]) -> None:
    for file in files:
        file.read_bytes()


def _writing(encode: Callable[[Image], bytes], images: Sequence[Image], place: Path) -> Callable[[], object]:
    return lambda: [place.write_bytes(encode(image)) for image in images]


def _by_pillow(image: Image, **options: int) -> bytes:
    import PIL.Image

    file = io.BytesIO()
    PIL.Image.fromarray(image).save(file, "png", compress_level=PILLOW_LEVEL, **options)
    return file.getvalue()


def _timed(do: Callable[[], object]) -> float:
    start = time.perf_counter()
    do()
    return time.perf_counter() - start
