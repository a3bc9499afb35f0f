"""How fast gemax converts beside its rivals and its floor, in turn, on one disk (or in memory).

    python examples/throughput.py DATA WORK --floor path/to/floor.py --baseline path/to/baseline.py

DATA holds BU-3DFE and Bosphorus scans with their landmark files. They are copied to WORK, a new folder, under names of
their own until there are ``--scans`` of each format; everything is read from there and written there, so WORK says
which disk is measured (/dev/shm is none). One process each, five tau. gemax is timed as the command, from its start to
its end; the time of a run of one scan is subtracted. ``floor.py SRC OUT`` reads every raw byte and encodes every PNG of
OUT again, ``baseline.py SRC OUT --tau ...`` converts; both print a line of JSON with ``ms_per_scan`` or ``seconds``
and ``scans``. Then, with gemax alone: two jobs, and two runs that share nothing (``--shard``), the most that two jobs
could reach on this machine.

Nothing is removed: for minutes after files were, ext4 takes up to 1 ms to make a new one where they were. floor.py
removes what it writes, so ``--temp`` can name another disk for it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from statistics import median

TAUS = ("20", "30", "40", "50", "60")
LANDMARKS = {".bnt": (".lm3",), ".wrl": (".bnd",)}


def stage(data: Path, folder: Path, suffix: str, count: int) -> None:
    """Copy ``count`` scans of a format, each as a subject of its own, with their landmarks."""
    scans = sorted(data.rglob(f"*{suffix}"))
    for number, scan in enumerate(islice(cycle(scans), count)):
        old = scan.stem.split("_")[0]
        new = f"bs{number % 1000:03d}" if suffix == ".bnt" else f"{old[0]}{number:04d}"
        stem = scan.stem.replace(old, new)
        stem = f"{stem.rpartition('_')[0]}_{number // 1000}" if suffix == ".bnt" else stem
        place = folder / ("BosphorusDB" if suffix == ".bnt" else "BU-3DFE") / new
        place.mkdir(parents=True, exist_ok=True)
        for end in (suffix, *LANDMARKS[suffix]):
            if scan.with_suffix(end).exists():
                shutil.copyfile(scan.with_suffix(end), place / (stem + end))


def gemax(raw: Path, out: Path, *options: str) -> list[str]:
    """The command that converts a folder."""
    return [sys.executable, "-m", "gemax_cli", "convert", str(raw), str(out), "-q", "--tau", *TAUS, *options]


def timed(*commands: list[str]) -> float:
    """Seconds until all the commands, started together, have ended."""
    start = time.perf_counter()
    running = [subprocess.Popen(command) for command in commands]
    if any(process.wait() for process in running):
        raise SystemExit(f"failed: {commands}")
    return time.perf_counter() - start


def new(work: Path) -> Path:
    """A folder that does not exist yet."""
    return work / f"out-{len(list(work.iterdir()))}"


def told(command: list[str], temporary: Path) -> dict[str, float]:
    """The line of JSON that a rival prints."""
    environment = {**os.environ, "TMPDIR": str(temporary)}
    result = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    values: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return values


def per_scan(values: dict[str, float]) -> float:
    """Milliseconds."""
    return values.get("ms_per_scan") or 1e3 * values["seconds"] / values["scans"]


def against_rivals(options: argparse.Namespace, raw: Path, one: Path, work: Path) -> Iterator[tuple[str, float]]:
    """One round: milliseconds per scan of gemax, the floor and the baseline."""
    few = timed(gemax(one, new(work), "-j1"))
    whole = timed(gemax(raw, out := new(work), "-j1"))
    yield "gemax", 1e3 * (whole - few) / (options.scans - 1)
    if options.floor:
        yield "floor", per_scan(told([sys.executable, str(options.floor), str(raw), str(out)], options.temp or work))
    if options.baseline:
        rival = [sys.executable, str(options.baseline), str(raw), str(new(work)), "--tau", *TAUS, "--limit", "12"]
        yield "baseline", per_scan(told(rival, work))


def over_jobs(raw: Path, work: Path) -> Iterator[tuple[str, float]]:
    """One round: seconds of whole runs."""
    yield "one job", timed(gemax(raw, new(work), "-j1"))
    yield "two jobs", timed(gemax(raw, new(work), "-j2"))
    out = new(work)
    yield "two runs", timed(*(gemax(raw, out, "-j1", "--shard", f"{i}/2") for i in (1, 2)))


def print_rounds(title: str, rounds: list[dict[str, float]], unit: str) -> None:
    """Medians, and the ratios of every round."""
    names = list(rounds[0])
    print(f"{title}: " + ", ".join(f"{name} {median(r[name] for r in rounds):.2f} {unit}" for name in names))
    for name in names[1:]:
        ratios = [r[names[0]] / r[name] for r in rounds]
        each, middle = ", ".join(f"{ratio:.3f}" for ratio in ratios), median(ratios)
        print(f"  {names[0]} / {name}: median {middle:.3f} (1 / {1 / middle:.1f}) of {each}", flush=True)


def main() -> None:
    """Stage, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--floor", type=Path)
    parser.add_argument("--baseline", type=Path)
    parser.add_argument("--scans", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--temp", type=Path, help="where floor.py writes; WORK if not given")
    parser.add_argument("--skip-rivals", action="store_true", help="only the jobs")
    parser.add_argument("--skip-jobs", action="store_true", help="only the rivals")
    options = parser.parse_args()
    options.work.mkdir(parents=True)
    for suffix in LANDMARKS:
        work = options.work / suffix[1:]
        stage(options.data, work / "raw", suffix, options.scans)
        stage(options.data, work / "one", suffix, 1)
        os.sync()
        timed(gemax(work / "raw", new(work), "-j1"))  # compiles, and leaves the raw files in the system's cache
        if not options.skip_rivals:
            rounds = [dict(against_rivals(options, work / "raw", work / "one", work)) for _ in range(options.rounds)]
            print_rounds(f"{suffix}, {options.scans} scans", rounds, "ms a scan")
        if not options.skip_jobs:
            rounds = [dict(over_jobs(work / "raw", work)) for _ in range(options.rounds)]
            print_rounds(f"{suffix}, {options.scans} scans, whole runs", rounds, "s")


if __name__ == "__main__":
    main()
