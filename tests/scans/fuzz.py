"""Feed damaged files to every reader. Not collected by pytest.

usage: python -m tests.scans.fuzz WORK [--inputs 200000] [--start 0] [--seed 0] [--only .ply]

Input number i of a seed is always the same. The readers run in a child with 1 GB of address space to spare; one that
dies or takes too long is a finding, and another child goes on behind it. Findings are kept in WORK/findings, each with
its sentence; the last line on stdout counts them.

A finding is: an error that is none of the product's, or no single sentence; a crash; more than 2 s of processor time;
an allocation beyond the limit; a scan that breaks the rules of its model; a scan of a file that a plain, strict reader
refuses; and a scan with other points or triangles than the plain reader finds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import mmap
import os
import random
import re
import resource
import signal
import struct
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gemax_cli.errors import ScanError
from gemax_cli.scans.model import Scan
from gemax_cli.scans.read import read_scan
from tests.scans.mutations import damaged, packed_anew
from tests.scans.plain import PLAIN, Malformed
from tests.scans.seeds import Seed, seeds

SPARE = 1 << 30  # bytes that a reader may allocate
SLOW = 2.0  # seconds of processor time
STUCK = 40.0  # seconds on the clock, after which a child is killed
SEEDS = seeds()


class Finding(Exception):
    """What should not be."""


def make_input(seed: int, number: int, choice: Sequence[Seed]) -> Seed:
    """Input ``number``: a sound file, damaged, or one beside it."""
    dice = random.Random(f"{seed} {number}")
    sound = choice[number % len(choice)]
    other = dice.choice([s for s in SEEDS if s.suffix == sound.suffix]).data
    if sound.beside and dice.random() < 0.25:
        victim = dice.randrange(len(sound.beside))
        parts = [(n, damaged(dice, b, b) if k == victim else b) for k, (n, b) in enumerate(sound.beside)]
        return Seed(sound.name, sound.data, tuple(parts))
    data = packed_anew(sound.suffix, dice, sound.data, lambda plain: damaged(dice, plain, other))
    return Seed(sound.name, data, sound.beside)


def examine(folder: Path, scan: Seed) -> str:
    """Read one input; "scan", or the name of the error that refused it.

    Raises:
        Finding: something that should not be.
    """
    path = folder / scan.name
    for name, data in ((scan.name, scan.data), *scan.beside):
        (folder / name).write_bytes(data)
    started = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            result = read_scan(path)
    except ScanError as error:
        check_error(error)
        return type(error).__name__
    finally:
        if time.process_time() - started > SLOW:
            raise Finding(f"slow: {time.process_time() - started:.1f} s")
    check_rules(result)
    check_truth(scan, result)
    return "scan"


def check_error(error: ScanError) -> None:
    """A message is one short sentence, and memory was never the reason."""
    if "\n" in error.message or len(error.message) > 350 or not error.message.rstrip().endswith("."):
        raise Finding(f"sentence: {error.message!r}")
    if re.search("bad_alloc|allocate|MemoryError", error.message):
        raise Finding(f"allocation: {error.message}")


def check_rules(scan: Scan) -> None:
    """What holds for every scan."""
    points, triangles = scan.points, scan.triangles
    rules = {
        "points": points.ndim == 2 and points.shape[1] == 3 and points.dtype == np.float64 and len(points) > 0,
        "finite": bool(np.isfinite(points).all()) and float(np.abs(points).max()) <= 1e9,
        "not all the same": len(np.unique(points, axis=0)) > 1,
        "triangles": triangles.dtype == np.int32 and triangles.ndim == 2 and triangles.shape[1] == 3,
        "corners": not triangles.size or 0 <= triangles.min() <= triangles.max() < len(points),
        "warnings": all("\n" not in warning and len(warning) <= 400 for warning in scan.warnings),
        "landmarks": all(at.shape == (3,) and np.isfinite(at).all() for at in scan.landmarks.values()),
    }
    if scan.grid is not None:
        places = scan.grid[scan.grid >= 0]
        rules["grid"] = scan.grid.dtype == np.int32 and np.array_equal(np.sort(places), np.arange(len(points)))
    if texture := scan.texture:
        rules["texture"] = texture.triangles.shape == triangles.shape and (
            not texture.triangles.size
            or 0 <= texture.triangles.min() <= texture.triangles.max() < len(texture.coordinates)
        )
        rules["picture"] = texture.image is None or isinstance(texture.image, str)
    if broken := [name for name, kept in rules.items() if not kept]:
        raise Finding(f"rules: {', '.join(broken)}")


def check_truth(scan: Seed, result: Scan) -> None:
    """A file that was accepted is sound, and says what the scan says."""
    plain_reader = PLAIN.get(scan.suffix)
    if plain_reader is None or scan.data.startswith(b"\x1f\x8b"):
        return None
    try:
        plain = plain_reader(scan.data)
    except (Malformed, IndexError, ValueError, struct.error) as error:
        lines = [frame.line for frame in traceback.extract_tb(error.__traceback__) if frame.name != "demand"]
        raise Finding(f"accepted: not so: {str(lines[-1])[:90]} {str(error)[:60]}") from error
    if plain is None:
        return None
    points = result.points
    if scan.suffix == ".stl":
        points = points[result.triangles].reshape(-1, 3)
    elif scan.suffix == ".png":
        return check_depths(plain.points[:, 2], result)
    elif scan.suffix == ".pcd" and result.grid is not None:
        there = np.isfinite(plain.points).all(axis=1) & plain.points.any(axis=1)
        return same(plain.points[there], points)
    elif scan.suffix in (".ply", ".pcd") and not result.triangles.size:
        return same(plain.points[np.isfinite(plain.points).all(axis=1)], points)
    same(plain.points, points)
    if plain.triangles is not None and not np.array_equal(plain.triangles, result.triangles):
        raise Finding(f"wrong: {len(result.triangles)} triangles, not the {len(plain.triangles)} of the file")
    return None


def check_depths(depths: np.ndarray, result: Scan) -> None:
    """The points of a picture lie as far from each other as its values say, in one unit. The farthest may lack."""
    points = len(result.points)
    if 0 < points < len(depths):
        depths = depths[depths <= np.sort(depths)[points - 1]]
    if len(depths) != points:
        raise Finding(f"wrong: {len(result.points)} points of {len(depths)}")
    ratio = result.points[:, 2] / depths
    if np.ptp(ratio) > 1e-9 * np.abs(ratio).max():
        raise Finding("wrong: depths that are not those of the picture")


def same(expected: np.ndarray, points: np.ndarray) -> None:
    """Equal but for single precision."""
    if expected.shape != points.shape:
        raise Finding(f"wrong: {len(points)} points, not the {len(expected)} of the file")
    if not np.allclose(points, expected, rtol=1e-6, atol=1e-30):
        raise Finding("wrong: points that are not those of the file")


def child(folder: Path, numbers: range, seed: int, choice: Sequence[Seed], board: mmap.mmap) -> None:
    """Examine inputs one by one; the board says which is under way."""
    for number in numbers:
        board[:16] = struct.pack("<qd", number, time.monotonic())
        sample = make_input(seed, number, choice)
        try:
            outcome = examine(folder, sample)
        except Finding as finding:
            outcome = "finding"
            keep(folder, number, sample, str(finding))
        except BaseException as error:
            outcome = "finding"
            trace = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(trace.filename).name}:{trace.lineno}"
            keep(folder, number, sample, f"crash: {type(error).__name__} at {place}: {str(error)[:200]}")
        count(board, outcome)


OUTCOMES = ("scan", "BadFormat", "EmptyScan", "FileUnreadable", "UnknownFormat", "LibraryMissing", "finding")


def count(board: mmap.mmap, outcome: str) -> None:
    at = 16 + 8 * OUTCOMES.index(outcome)
    board[at : at + 8] = struct.pack("<q", struct.unpack("<q", board[at : at + 8])[0] + 1)


def keep(folder: Path, number: int, sample: Seed, sentence: str) -> None:
    """Write down a finding, and its files."""
    place = folder / "findings"
    place.mkdir(exist_ok=True)
    with (place / "findings.jsonl").open("a") as log:
        log.write(json.dumps({"number": number, "suffix": sample.suffix, "what": sentence}) + "\n")
    for name, data in ((sample.name, sample.data), *sample.beside):
        (place / f"{number}-{name}").write_bytes(data)


def limit_memory() -> None:
    size = int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE
    resource.setrlimit(resource.RLIMIT_AS, (size + SPARE, size + SPARE))


def fuzz(folder: Path, numbers: range, seed: int, choice: Sequence[Seed]) -> dict[str, int]:
    """Examine all inputs in one child after the other; how often each outcome was seen."""
    folder.mkdir(parents=True, exist_ok=True)
    for sound in choice:
        with contextlib.suppress(Finding):  # compiles and imports, once for every child, which takes its time
            examine(folder, sound)
        examine(folder, sound)
    board = mmap.mmap(-1, 4096)
    number = numbers.start
    while number < numbers.stop:
        process = os.fork()
        if process == 0:
            limit_memory()
            child(folder, range(number, numbers.stop), seed, choice, board)
            os._exit(0)
        ended = watch(process, board)
        if ended == 0:
            break
        number = struct.unpack("<q", board[:8])[0]
        keep(folder, number, make_input(seed, number, choice), f"died: {ended}")
        count(board, "finding")
        number += 1
    found = {name: struct.unpack_from("<q", board, 16 + 8 * k)[0] for k, name in enumerate(OUTCOMES)}
    return {"inputs": sum(found.values()), **found}


def watch(process: int, board: mmap.mmap) -> int:
    """Wait for a child, kill it where it is stuck; its exit code."""
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        _, since = struct.unpack("<qd", board[:16])
        if since and time.monotonic() - since > STUCK:
            os.kill(process, signal.SIGKILL)
        time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", help="suffix; repeatable")
    options = parser.parse_args()
    choice = [sound for sound in SEEDS if not options.only or sound.suffix in options.only]
    started = time.monotonic()
    counts = fuzz(options.work, range(options.start, options.start + options.inputs), options.seed, choice)
    log = options.work / "findings" / "findings.jsonl"
    for line in log.read_text().splitlines() if log.exists() else ():
        print(line)
    found = [json.loads(line) for line in (log.read_text().splitlines() if log.exists() else ())]
    kinds = Counter((f["suffix"], f["what"].partition(":")[0]) for f in found)
    print(
        json.dumps(
            {
                "seconds": round(time.monotonic() - started, 1),
                **counts,
                "kinds": {" ".join(k): n for k, n in kinds.items()},
            }
        )
    )
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
