"""Kind 3: ``verify --repair`` on the word of records that name files of others."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial

from tests.attacks.ground import REPAIR, Case, Ground, demand, seen, untouched

FOREIGN = (
    "run.json", "records.jsonl", "metadata.csv", "notes.txt", "holiday.png", "photos/holiday.png", "photos/me.jpg",
    "{scan}/notes.txt", "{scan}/holiday.png", "{scan}/DEPTH16.PNG", "{scan}/gemax_tau20.png", "{scan}/sub/depth16.png",
    "{scan}/d060/x/depth16.png", "{scan}/gemax_tau020.png.bak", ".gemax.lock", "{scan}/.hidden.png", "model.ply",
    "{other}/depth16.png", "{other}/gemax_tau020.png", "splits/paper.csv",
)  # fmt: skip


def cases() -> Iterator[Case]:
    """Every case of the kind."""
    for number, file in enumerate(FOREIGN):
        for where in ("block", "map", "new record", "unsigned"):
            if where == "new record" and file.endswith(("/depth16.png", "/gemax_tau020.png")):
                continue  # by its name an image of the new record: ours to remove
            yield Case(f"{where}-{number}", partial(_foreign, where, file))
    for number in range(4):
        yield Case(f"told-{number}", partial(_told, number))
    yield Case("source", _source)


def _foreign(where: str, file: str, ground: Ground) -> None:
    """A record names a file that is not its own, with a hash that is not the file's: the file stays."""
    records = ground.records()
    record, scan, other = records[0], records[0]["scan"], records[1]["scan"]
    path = ground.out / file.format(scan=scan, other=other)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_bytes(b"mine")
    if where == "new record":
        record = copy.deepcopy(record)
        record["scan"] = path.relative_to(ground.out).parent.as_posix()
        records.append(record)
    target = record["blocks"][0]["maps"][0] if where == "map" else record["blocks"][0]
    target["file"] = path.relative_to(ground.out).as_posix()
    target["sha256"] = 64 * "0"
    if where == "unsigned":
        record.pop("check", None)
    if file == "records.jsonl" or where == "new record":
        record["blocks"][0]["maps"] = []
    ground.write_records(records)
    before = path.read_bytes()
    with untouched(ground):
        said = ground.gemax(*REPAIR)
    demand(path.exists() and path.read_bytes() == before, f"{file} was removed or changed")
    demand(said.code == 3, f"exit code {said.code}")


def _told(number: int, ground: Ground) -> None:
    """What is removed is an image that is broken, and it is named; nothing else goes."""
    files = [m["file"] for record in ground.records() for m in record["blocks"][0]["maps"]][number:]
    for file in files:
        (ground.out / file).write_bytes(b"broken")
    before = seen(ground.out)
    said = ground.gemax(*REPAIR)
    gone = {name for name in before.keys() - seen(ground.out).keys() if not name.endswith(".lock")}
    demand(gone == set(files), f"removed {sorted(gone)}, not {sorted(files)}")
    demand(all(f"removed: {file}\n" in said.err for file in files), f"not said what was removed: {said.err}")


def _source(ground: Ground) -> None:
    """A raw file is called like an image of the folder."""
    records = ground.records()
    records[0]["source"] = records[1]["blocks"][0]["file"]
    ground.write_records(records)
    ground.gemax(*REPAIR)
    demand((ground.out / records[0]["source"]).exists(), "an image was removed for the name of a raw file")
