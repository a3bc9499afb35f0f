"""The time that dry runs tell, as a share of the time that the runs take. Not collected by pytest.

usage: python -m tests.batch.estimates WORK [--subjects 6] [--rounds 3] [--jobs 1 2]

Medians of the rounds: another load may come or go between a dry run and its run. They should lie within 0.5 and 2.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from gemax_cli.synthetic.dataset import make_sample

TAUS = {"all": "20,30,40,50,60", "one more map": "25"}


def share_told(line: list[str]) -> float:
    """Seconds that the dry run tells, over those of the run."""
    dry = subprocess.run([*line, "--dry-run"], capture_output=True, text=True, check=True)
    told = re.search(r"^About (\d+) (s|min) with", dry.stderr, re.MULTILINE)
    assert told, dry.stderr
    started = time.monotonic()
    subprocess.run(line, capture_output=True, check=True)
    return float(told[1]) * (60 if told[2] == "min" else 1) / (time.monotonic() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--subjects", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    make_sample(options.work / "raw", subjects=options.subjects, seed=77, scans="six")
    for jobs in options.jobs:
        shares: dict[str, list[float]] = {what: [] for what in TAUS}
        for _ in range(options.rounds):
            out = options.work / "out"
            line = [sys.executable, "-m", "gemax_cli", "convert", str(options.work / "raw"), str(out), "-j", str(jobs)]
            for what, taus in TAUS.items():
                shares[what].append(share_told([*line, "--tau", taus]))
            shutil.rmtree(out)
        medians = {what: round(statistics.median(found), 2) for what, found in shares.items()}
        print(json.dumps({"jobs": jobs, **medians}), flush=True)


if __name__ == "__main__":
    main()
