"""Kind 2: paths in records, links and pipes that lead out of the output folder, or that block."""

from __future__ import annotations

import copy
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.attacks.ground import ADD, AGAIN, MAKE, READING, REPAIR, Case, Ground, untouched

COMMANDS = (ADD, REPAIR, MAKE, AGAIN, *READING)
OWN = ("run.json", "records.jsonl", "metadata.csv", "failures.csv", ".gemax.lock", ".gemax-tables.lock")
PATHS = (
    "../outside/keep.png", "../outside/folder/depth16.png", "{outside}/keep.png", "{outside}/folder/depth16.png",
    "a/../../outside/keep.png", "./../outside/keep.png", "depth16.png", "/depth16.png", "gemax_tau020.png",
    "..", ".", "", "run.json", "records.jsonl", "metadata.csv", "..\\outside\\keep.png", "C:\\keep.png",
    "link/keep.png", "link/folder/depth16.png", "linked.png", "{image}/depth16.png", "x\0/depth16.png",
    "{scan}/../../../outside/keep.png", "{scan}//depth16.png", "{scan}/d060/../../keep.png", "\ud800/depth16.png",
    5000 * "n" + "/depth16.png", 300 * "deep/" + "depth16.png",
)  # fmt: skip


def cases() -> Iterator[Case]:
    """Every case of the kind."""
    for number, path in enumerate(PATHS):
        for where in ("block", "map", "scan"):
            yield Case(f"path-{where}-{number}", partial(_record_names, where, path))
    for place in ("dataset", "subject", "scan", "image", "new-scan", "depth", *OWN):
        yield Case(f"link-{place}", partial(_everything, partial(_link, place)))
    for thing in ("fifo", "folder", "socket", "loop", "device"):
        for place in ("image", *OWN):
            yield Case(f"{thing}-{place}", partial(_everything, partial(_replace, THINGS[thing], place)))


def _record_names(where: str, path: str, ground: Ground) -> None:
    """A record whose image, map or scan id is a path of the attacker's."""
    records = ground.records()
    record, scan = records[0], records[0]["scan"]
    path = path.format(outside=ground.outside, image=ground.image, scan=scan)
    (ground.out / "link").symlink_to(ground.outside)
    (ground.out / "linked.png").symlink_to(ground.outside / "keep.png")
    if where == "block":
        record["blocks"][0]["file"] = path
    elif where == "map":
        record["blocks"][0]["maps"][0]["file"] = path
    else:
        record = copy.deepcopy(record)
        record["scan"] = path.rpartition("/")[0] or path
        record["blocks"][0]["file"] = path
        records.append(record)
    ground.write_records(records)
    with untouched(ground):
        for words in (ADD, REPAIR, MAKE, ("entropy", "OUT"), ("report", "OUT", "-o", "PAGE")):
            ground.gemax(*words)
        ground.gemax("view", "OUT", "--scan", scan, "-o", "PAGE")


def _everything(attack: Callable[[Ground], None], ground: Ground) -> None:
    """Every command after an attack on the folder; images are broken first, so that a repair has work."""
    image = ground.image
    for name in ("depth16.png", "gemax_tau020.png"):
        (ground.outside / "folder" / name).write_bytes(b"not what is recorded")
    attack(ground)
    with untouched(ground):
        for words in COMMANDS:
            ground.gemax(*words)
        ground.gemax("view", "OUT", "--scan", image.rpartition("/")[0], "-o", "PAGE")
        ground.gemax("invert", str(ground.out / image), "-o", str(ground.root / "made" / "depth.npy"))
        ground.gemax(*MAKE, "--retry-failed")


def _target(place: str, ground: Ground) -> Path:
    """What is to be replaced."""
    scan = ground.records()[0]["scan"]
    if place == "new-scan":  # a scan that is not converted yet
        ground.write_records(ground.records()[1:])
        place = "scan"
    parts = {"dataset": scan.split("/")[0], "subject": scan.rpartition("/")[0], "scan": scan, "depth": f"{scan}/d060"}
    return ground.out / parts.get(place, ground.image if place == "image" else place)


def _link(place: str, ground: Ground) -> None:
    """A symbolic link to the canary."""
    target = _target(place, ground)
    _remove(target)
    if target.suffix:
        shutil.copy(ground.outside / "keep.txt", ground.outside / target.name)
        target.symlink_to(ground.outside / target.name)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(ground.outside / "folder")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()


def _replace(make: Callable[[Path], None], place: str, ground: Ground) -> None:
    target = _target(place, ground)
    _remove(target)
    make(target)


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


THINGS: dict[str, Callable[[Path], None]] = {
    "fifo": os.mkfifo,
    "folder": Path.mkdir,
    "socket": _socket,
    "loop": lambda path: path.symlink_to(path.name),
    "device": lambda path: path.symlink_to("/dev/zero"),
}
