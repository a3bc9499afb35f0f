"""Kind 4: raw files, and files that are read with them, that change behind the back of an output folder."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.attacks.ground import MAKE, Case, Ground, Said, demand, landmarks_moved, picture
from tests.batch.folders import content

BNT, WRL, PNG = "a/bs007_N_N_0.bnt", "b.wrl", "c.png"
LM3, JSON = "a/bs007_N_N_0.lm3", "c.json"
Change = Callable[[Path], None]


def cases() -> Iterator[Case]:
    """Every case of the kind."""
    for name, file in (("bnt", BNT), ("wrl", WRL), ("png", PNG)):
        for when in ("newer", "older", "renamed"):
            yield Case(f"{name}-{when}", partial(_changed, [file], partial(_same_size, when)))
        yield Case(f"{name}-touched", partial(_touched, file))
        yield Case(f"{name}-state-lost", partial(_state_lost, file))
    losses: dict[str, Change] = {"removed": Path.unlink, "emptied": _emptied, "folder": _to_folder}
    for name, loss in losses.items():
        yield Case(f"lm3-{name}", partial(_changed, [LM3], loss))
        yield Case(f"json-{name}", partial(_needed, JSON, loss))
    yield Case("lm3-moved", partial(_changed, [LM3], lambda path: landmarks_moved(path, 8.0)))
    yield Case("lm3-moved-older", partial(_changed, [LM3], _moved_before))
    yield Case("json-changed", partial(_changed, [JSON], lambda path: _replaced(path, b"4.0", b"4.2")))
    yield Case("lm3-added", partial(_added, "b.bnd", WRL))
    yield Case("json-added", partial(_added, "c.json", PNG))
    yield Case("all", partial(_changed, [BNT, WRL, PNG], partial(_same_size, "older")))
    yield Case("linked", partial(_changed, [WRL], _linked_to_another))
    yield Case("gone", _gone)


def _same_size(when: str, path: Path) -> None:
    """Other content of the same size: as if another face, or a mended copy."""
    before, size = path.stat(), path.stat().st_size
    if path.suffix == ".png":
        picture(path, lift=3)
        path.write_bytes(path.read_bytes()[:size].ljust(size, b"\0"))
    elif path.suffix == ".wrl":
        _replaced(path, b".5", b".6")
    else:
        data = bytearray(path.read_bytes())
        data[-9] ^= 1  # the last bit of a texture coordinate: the surface is the same, the file is not
        path.write_bytes(data)
    step = {"newer": 10**9, "older": -(10**15), "renamed": 1}[when]
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + step))


def _replaced(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    demand(old in data, "the case has lost its sense")
    path.write_bytes(data.replace(old, new, 1))


def _moved_before(path: Path) -> None:
    landmarks_moved(path, 8.0)
    os.utime(path, (1, 1))


def _needed(file: str, loss: Change, ground: Ground) -> None:
    """A file is lost without which its scan cannot be read: it is not "there already"."""
    loss(ground.raw / file)
    said = ground.gemax(*MAKE)
    demand("2 there already, 1 failed" in " ".join(said.err.split()) and "changed" in said.err, f"not said: {said.err}")


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _linked_to_another(path: Path) -> None:
    """A link takes the place of a file; its target is old."""
    other = path.with_name(".kept.wrl")
    path.rename(other)
    _replaced(other, b".5", b".6")
    os.utime(other, (1, 1))
    path.symlink_to(other.name)


def _converted_anew(ground: Ground, said: Said, scans: int) -> None:
    """The scans are converted again, it is said, and the folder is what a new one would be."""
    demand(f" {scans} converted" in said.err, f"not converted again: {said.err}")
    demand("changed" in said.err, f"not said: {said.err}")
    fresh = ground.root / "fresh"
    ground.gemax("convert", "RAW", str(fresh), *MAKE[3:])
    demand(content(ground.out) == content(fresh), "the folder is not what a new one is")
    shutil.rmtree(fresh)
    again = ground.gemax(*MAKE)
    demand("3 there already" in again.err, f"converted once more: {again.err}")


def _changed(files: list[str], change: Change, ground: Ground) -> None:
    for file in files:
        change(ground.raw / file)
    before = ground.gemax("verify", "OUT", "--sources", "RAW")
    _converted_anew(ground, ground.gemax(*MAKE), len(files))
    demand(before.code == 3, f"verify --sources: exit code {before.code}")
    told = ground.gemax("verify", "OUT", "--sources", "RAW")
    demand(told.code == 0, f"verify --sources after it: {told.all}")


def _added(name: str, scan: str, ground: Ground) -> None:
    """A file that is read with a scan appears."""
    (ground.raw / name).unlink(missing_ok=True)
    ground.gemax(*MAKE)
    (ground.raw / name).write_text('{"mm_per_unit": -0.1, "mm_per_pixel": 4.1}\n')
    _converted_anew(ground, ground.gemax(*MAKE), 1)


def _touched(file: str, ground: Ground) -> None:
    """The same content with another time is not converted again, whatever the time, and every time it is so."""
    dice = random.Random(file)
    for _ in range(3):
        os.utime(ground.raw / file, (dice.randrange(1 << 30), dice.randrange(1 << 30)))
        said = ground.gemax(*MAKE)
        demand("3 there already" in said.err, f"converted again: {said.err}")


def _state_lost(file: str, ground: Ground) -> None:
    """Without what the last run saw, or with nonsense of it, hashes are compared."""
    state = ground.out / ".gemax-state.json"
    for text in (None, "", "{}", '{"scans": [1]}', "[" * 10000, '{"tables": 1, "scans": {"a": 2}}'):
        state.unlink(missing_ok=True)
        if text is not None:
            state.write_text(text)
        demand("3 there already" in ground.gemax(*MAKE).err, "converted again")
    state.unlink()
    _same_size("renamed", ground.raw / file)
    demand(" 1 converted" in ground.gemax(*MAKE).err, "not converted again")


def _gone(ground: Ground) -> None:
    """A raw file that is gone leaves its images, and verify --sources tells of it."""
    (ground.raw / WRL).unlink()
    demand("2 there already" in ground.gemax(*MAKE).err, "converted again")
    told = ground.gemax("verify", "OUT", "--sources", "RAW")
    demand((told.code, "in none of the sources" in told.out) == (3, True), f"not told: {told.all}")
