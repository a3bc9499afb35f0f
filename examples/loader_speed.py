"""Samples a second on one core: maps made from depth when they are needed, beside decoding the same maps' PNGs.

usage: python examples/loader_speed.py OUT [SCANS]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import gemax_cli as gemax
from gemax_cli.stack.images import load_codes

ROUNDS = 3


def seconds(work: Callable[[], object]) -> float:
    """Least processor time of a few runs."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def main(out: str, scans: int = 150) -> None:
    folder, stack = gemax.OutputFolder(out), gemax.load_stack(out)
    numbers = range(min(scans, len(stack)))
    taus, count = stack.taus, len(numbers) * len(stack.taus)
    blocks = [folder.record(str(stack.scan_ids[i])).blocks[0] for i in numbers]
    depths, maps = [block.file for block in blocks], [m.file for block in blocks for m in block.maps]
    assert all((stack.make_maps(i, taus)[0] == folder.image(blocks[i].maps[0].file)).all() for i in numbers)
    ways = {
        "decode the PNG of each map": lambda: [folder.image(file) for file in maps],
        "decode depth16.png, make all maps": lambda: [
            (load_codes(folder.guard.path(file)), stack.make_maps(i, taus)) for i, file in enumerate(depths)
        ],
        "make all maps, depth in memory": lambda: [stack.make_maps(i, taus) for i in numbers],
        "make one map, depth in memory": lambda: [stack.make_maps(i, (tau,)) for i in numbers for tau in taus],
        "one mapping for all, depth in memory": lambda: [
            stack.apply_cuts([i], cuts) for cuts in [stack.fit_cuts(numbers, taus[0])] for i in numbers for _ in taus
        ],
        "all in memory, mirrored": lambda: [stack.sample(i, c).flipped() for i in numbers for c in range(len(taus))],
    }
    for name, work in ways.items():
        print(f"{name}: {count / seconds(work):.0f} samples/s")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
