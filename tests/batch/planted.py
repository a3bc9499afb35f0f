"""A raw folder of many small scans, some of them broken in every way that scans break.

usage: python -m tests.batch.planted RAW [--scans 300] [--faults 40]
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from gemax_cli.synthetic.face import FaceShape, procedural_scan
from gemax_cli.synthetic.subject import draw_identity
from gemax_cli.synthetic.writers import BACKGROUND, write_bnt, write_lm3, write_wrl

COARSE = ["--tau", "20", "30", "--size", "48", "--mm-per-pixel", "4", "-j1"]
"""Options that suit scans of so few points."""

UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def obeying_permissions() -> list[str] | None:
    """Words before a command that make permissions count for root, too; None where that cannot be had."""
    if os.geteuid() != 0:
        return []
    return UNPRIVILEGED if shutil.which("setpriv") else None


@cache
def range_grid() -> np.ndarray:
    """(rows, columns, 3) of a face, first row at the chin, NaN where nothing was measured."""
    face = FaceShape(draw_identity(np.random.default_rng(4)))
    x, y = np.meshgrid(np.arange(-80, 81, 4.0), np.arange(-95, 105, 4.0))
    z = face.depth(x, y)
    z[~face.covered(x, y)] = np.nan
    return np.stack([x, y, z], axis=-1)


def bnt(path: Path, grid: np.ndarray | None = None) -> None:
    grid = range_grid() if grid is None else grid
    path.unlink(missing_ok=True)
    write_bnt(path, grid, np.zeros((*grid.shape[:2], 2)), "face.png")


def wrl(path: Path) -> None:
    mesh = procedural_scan(3, spacing=5.0)
    path.unlink(missing_ok=True)
    write_wrl(path, mesh.points, mesh.triangles)


def whole(path: Path) -> None:
    """A sound scan."""
    (bnt if path.suffix == ".bnt" else wrl)(path)


# -- faults ------------------------------------------------------------------------------------------------------------


def rewritten(path: Path, change: Callable[[bytes], bytes]) -> None:
    whole(path)
    path.write_bytes(change(path.read_bytes()))


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    return change


def cells(change: Callable[[np.ndarray], None]) -> Callable[[Path], None]:
    def plant(path: Path) -> None:
        grid = range_grid().copy()
        change(grid)
        bnt(path, grid)

    return plant


def forbidden(path: Path) -> None:
    whole(path)
    path.chmod(0)


def linked(target: str) -> Callable[[Path], None]:
    def plant(path: Path) -> None:
        path.symlink_to(target.format(name=path.name))

    return plant


def picture(path: Path) -> None:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(file, "png")
    path.write_bytes(file.getvalue())


def all_nan(grid: np.ndarray) -> None:
    grid[...] = 1e300  # NaN itself is written as background


def all_background(grid: np.ndarray) -> None:
    grid[...] = BACKGROUND


def flat(grid: np.ndarray) -> None:
    grid[..., 2] = 7.0


def too_large(grid: np.ndarray) -> None:
    grid[..., :2] *= 1e6


def bowl(grid: np.ndarray) -> None:
    grid[..., 2] = 0.004 * (grid[..., 0] ** 2 + grid[..., 1] ** 2)


@dataclass(frozen=True)
class Fault:
    """One way to break a scan.

    Attributes:
        suffix: of the files that can have it.
        plant: makes the broken file.
        stage: that must be named.
        sentence: words that the message must hold.
    """

    suffix: str
    plant: Callable[[Path], None]
    sentence: str
    stage: str = "read"


PAGE = b"<!DOCTYPE html><html>Please log in</html>"
FIRST_POINT = b"point [\n"

FAULTS = {
    "truncated": Fault(".bnt", lambda p: rewritten(p, lambda d: d[: len(d) // 2]), "copy it again"),
    "truncated-text": Fault(".wrl", lambda p: rewritten(p, lambda d: d[: len(d) // 2]), "incomplete"),
    "empty": Fault(".bnt", lambda p: p.write_bytes(b"") and None, "zero bytes"),
    "wrong-magic": Fault(".wrl", lambda p: rewritten(p, lambda d: b"\x00\x01" + d[2:]), "no VRML"),
    "huge-header": Fault(".bnt", lambda p: rewritten(p, lambda d: b"\xff\xff\xff\xff" + d[4:]), "65535 x 65535"),
    "impossible": Fault(".bnt", cells(all_nan), "no measured point"),
    "all-background": Fault(".bnt", cells(all_background), "only background"),
    "zeros": Fault(".bnt", lambda p: rewritten(p, lambda d: d[:600] + bytes(len(d) - 600)), "zeros"),
    "wrong-extension": Fault(".bnt", lambda p: (wrl(p), None)[1], "is named .bnt but is VRML: rename it to .wrl"),
    "a-picture": Fault(".wrl", picture, "is a PNG picture"),
    "a-web-page": Fault(".wrl", lambda p: p.write_bytes(PAGE) and None, "a web page"),
    "bad-index": Fault(".wrl", lambda p: rewritten(p, replaced(b"-1,\n", b"999999 -1,\n")), "999999"),
    "no-faces": Fault(
        ".wrl", lambda p: rewritten(p, replaced(b"coordIndex [", b"coordIndex [] other [")), "no Indexed"
    ),
    "text-in-numbers": Fault(
        ".wrl", lambda p: rewritten(p, replaced(FIRST_POINT, FIRST_POINT + b"12.3x 4 5,\n")), "should be a number"
    ),
    "nan": Fault(".wrl", lambda p: rewritten(p, replaced(FIRST_POINT, FIRST_POINT + b"nan nan nan,\n")), "nan"),
    "uneven": Fault(
        ".wrl", lambda p: rewritten(p, replaced(FIRST_POINT, FIRST_POINT + b"1.0 2.0,\n")), "multiple of 3"
    ),
    "old-vrml": Fault(".wrl", lambda p: rewritten(p, replaced(b"V2.0 utf8", b"V1.0 ascii")), "save it as VRML 2.0"),
    "permission": Fault(".bnt", forbidden, "permission denied"),
    "link-loop": Fault(".bnt", linked("{name}"), "symbolic link"),
    "dead-link": Fault(".wrl", linked("gone/{name}"), "there is no such file"),
    "flat": Fault(".bnt", cells(flat), "same depth everywhere"),
    "damaged-gzip": Fault(".wrl", lambda p: rewritten(p, lambda d: gzip.compress(d)[:-40]), "gzip packing is damaged"),
    "too-large": Fault(".bnt", cells(too_large), "no measured point"),
    "no-nose": Fault(".bnt", cells(bowl), "nose", "nose"),
}
"""Kinds of faults by name."""


def plant(raw: Path, scans: int, faults: int) -> dict[str, Fault]:
    """Write ``scans`` scans below ``raw``, ``faults`` of them broken, each kind in turn; faults by path below ``raw``.

    Some of the sound ones are odd, too: a name of 200 letters, one with a line end, a deep folder, one name twice,
    landmarks that make no sense, a link to a file elsewhere.
    """
    kinds = list(FAULTS) * (faults // len(FAULTS) + 1)
    broken = {f"{kind}/{kind}-{k}{FAULTS[kind].suffix}": FAULTS[kind] for k, kind in enumerate(kinds[:faults])}
    for name, fault in broken.items():
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        fault.plant(raw / name)
    for name in sound_names(scans - len(broken)):
        path = raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        hard_link(raw, path)
    (raw / "odd" / "landmarks.lm3").write_text("# 3D Landmark File\n\n1 landmarks:\nNose tip\n1e9 nan here\n")
    return broken


def sound_names(count: int) -> list[str]:
    odd = ["odd/" + 190 * "n" + ".bnt", "odd/two\nlines.wrl", "odd/Zoë 笑 .bnt", "odd/landmarks.bnt"]
    odd += ["odd/" + "deep/" * 30 + "scan.wrl", "one/bs007_N_N_0.bnt", "two/bs007_N_N_0.bnt"]
    odd += ["odd/-n.wrl", "odd/CON.bnt", "odd/a..b.wrl"]
    return odd + [f"plain/{k % 7}/scan{k}.{'bnt' if k % 2 else 'wrl'}" for k in range(count - len(odd))]


def hard_link(raw: Path, path: Path) -> None:
    first = raw.parent / f"{raw.name}-first{path.suffix}"
    if not first.exists():
        whole(first)
        if path.suffix == ".bnt":
            write_lm3(first.with_suffix(".lm3"), {"Nose tip": range_grid()[25, 20]})
    os.link(first, path)


def restore(raw: Path, broken: dict[str, Fault]) -> None:
    """Put a sound scan in the place of every broken one."""
    for name in broken:
        (raw / name).unlink()
        whole(raw / name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path)
    parser.add_argument("--scans", type=int, default=300)
    parser.add_argument("--faults", type=int, default=40)
    options = parser.parse_args()
    sys.stdout.write("\n".join(plant(options.raw, options.scans, options.faults)) + "\n")
