"""Peak memory of readers, each measured in a process of its own. Not collected by pytest.

usage: python -m tests.scans.peak, with a line of FILE, a tab and SMALL on standard input for each measurement

SMALL is a file of the same format, read first: kernels are compiled and libraries loaded. A child then reads FILE and
prints as JSON the bytes that this took beyond that, its seconds of processor time, and what became of it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

from gemax_cli.errors import ScanError
from gemax_cli.scans.read import read_scan


def peak() -> int:
    """Peak memory of this process, bytes."""
    try:  # of this program alone: what getrusage says begins with the memory of the process that started it
        return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def outcome(path: str) -> str:
    """ "scan", or the sentence that refused it."""
    try:
        return "scan" if read_scan(path) else ""
    except ScanError as error:
        return error.message


def measure(file: str) -> None:
    before, started = peak(), time.process_time()
    found = outcome(file)
    size = Path(file).stat().st_size
    seconds = round(time.process_time() - started, 1)
    line = json.dumps({"bytes": peak() - before, "stored": size, "seconds": seconds, "outcome": found})
    print(line, flush=True)


def main() -> None:
    for line in sys.stdin:
        file, small = line.rstrip("\n").split("\t")
        outcome(small)
        child = os.fork()  # its peak begins with what this process holds
        if child == 0:
            measure(file)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        if status:
            print(json.dumps({"status": status}), flush=True)


if __name__ == "__main__":
    main()
