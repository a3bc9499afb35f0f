"""One raw scan in a notebook: its nose tip, depth block and maps, without touching an output folder.

usage: python examples/one_scan.py SCAN
"""

from __future__ import annotations

import sys

import gemax_cli as gemax


def main(path: str) -> None:
    scan = gemax.convert_scan(path, gemax.Settings(taus=(20, 30, 40), depths=(60,)))
    block = scan.blocks[0]
    print(f"nose tip {scan.nose.position.round(2)} mm ({scan.nose.source}, confidence {scan.nose.confidence:.2f})")
    print(f"{(block.depth16 > 0).sum()} valid pixels of {block.depth16.shape}")
    for one in block.maps:
        print(f"tau {one.tau}: {one.entropy:.4f} bits, widest bin {one.max_bin} levels, {one.image.dtype}")


if __name__ == "__main__":
    main(sys.argv[1])
