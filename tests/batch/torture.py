"""Kill one batch again and again; the folder must end as if nothing had happened. Not collected by pytest.

usage: python -m tests.batch.torture RAW WORK [--kills 100] [--seed 0] [--jobs 2]

Every round starts the same command, waits a random moment and sends SIGKILL to the parent or to one of its workers.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.batch.folders import content


def command(raw: Path, out: Path, jobs: int) -> list[str]:
    return [sys.executable, "-m", "gemax_cli", "convert", str(raw), str(out), "--tau", "20", "30", "-q", f"-j{jobs}"]


def children(parent: int) -> list[int]:
    """Processes below ``parent``, from /proc."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split() if entry.name.isdigit() else ()
        except OSError:
            continue
        if fields and int(fields[1]) == parent:
            found += [int(entry.name), *children(int(entry.name))]
    return found


def workers(parent: int) -> list[int]:
    """The workers of joblib's pool."""
    return [pid for pid in children(parent) if b"loky" in (Path("/proc") / str(pid) / "cmdline").read_bytes()]


def kill_once(process: subprocess.Popen[bytes], dice: random.Random, longest: float) -> str:
    """SIGKILL to the parent or a worker after a random moment; says which, or that the run ended before."""
    time.sleep(dice.uniform(0, longest))
    if process.poll() is not None:
        return "ended"
    try:
        victims = workers(process.pid)
    except OSError:
        victims = []
    victim, name = (dice.choice(victims), "worker") if victims and dice.random() < 0.6 else (process.pid, "parent")
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        return "ended"
    return name


def torture(raw: Path, work: Path, kills: int, seed: int, jobs: int) -> dict[str, int]:
    dice, told = random.Random(seed), {"parent": 0, "worker": 0, "ended": 0, "folders": 0}
    calm = work / "calm"
    shutil.rmtree(work, ignore_errors=True)
    subprocess.run(command(raw, calm, jobs), check=True)
    started = time.monotonic()
    subprocess.run(command(raw, work / "warm", jobs), check=True)  # nothing left to compile: as long as the others take
    longest = time.monotonic() - started
    while told["parent"] + told["worker"] < kills:
        out = work / f"tortured{told['folders']}"
        process = subprocess.Popen(command(raw, out, jobs))
        while True:
            name = kill_once(process, dice, longest)
            told[name] += 1
            if name == "ended" and process.wait() == 0:
                break
            if name == "parent" or process.poll() is not None:
                process.wait()
                if told["parent"] + told["worker"] >= kills:
                    subprocess.run(command(raw, out, jobs), check=True)
                    break
                process = subprocess.Popen(command(raw, out, jobs))
        assert content(out) == content(calm), f"{out} differs from {calm}"
        told["folders"] += 1
    return told


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    print(json.dumps(torture(**vars(parser.parse_args()))))
