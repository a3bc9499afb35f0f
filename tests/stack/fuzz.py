"""Fuzz what lies directly in an output folder: records, run.json, failures.csv, metadata.csv and the state.

usage: python -m tests.stack.fuzz WORK [--inputs 100000] [--seed 0]

Every input is a sound folder in which one of these files was damaged: bytes flipped, cut, doubled or put in, values of
JSON replaced by those of other types, paths that lead outside, with checks that are right. It is planned, verified,
repaired, read and inverted through the library. A finding is: an error that is none of gemax's own; a control
character in a message; a change outside the folder, or of an image that the damaged file does not account for.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gemax_cli.batch.plan import make_plan
from gemax_cli.cli.main import run
from gemax_cli.datasets.model import ScanRef
from gemax_cli.errors import GemaxError
from gemax_cli.reports.measure import measure_folder
from gemax_cli.scans.walk import find_scans
from gemax_cli.settings import BlockSettings, Settings
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.invert import invert
from gemax_cli.stack.tables import TableParts, metadata_table
from gemax_cli.stack.verify import verify
from tests.attacks.ground import Ground, prepare, seen, signed
from tests.attacks.ill_typed import spoiled
from tests.attacks.outside import PATHS
from tests.scans.mutations import damaged

FILES = ("records.jsonl", "run.json", "failures.csv", "metadata.csv", ".gemax-state.json")
SETTINGS = Settings(taus=(20, 30), block=BlockSettings(size=48, mm_per_pixel=4.0))
FAILURES = b"source,stage,error,message\nb.wrl,read,BadFormat,raw/b.wrl: is no VRML.\n%%41\xff,read,E,%0D\n"


def damage(name: str, data: bytes, dice: random.Random, ground: Ground) -> bytes:
    """The content of a file, damaged."""
    if name == "records.jsonl" and dice.random() < 0.6:
        return _damaged_records(data, dice, ground)
    if name.endswith(".json") and dice.random() < 0.6:
        return json.dumps(spoiled(json.loads(data), dice)).encode()
    return damaged(dice, data, data[::-1])


def _damaged_records(data: bytes, dice: random.Random, ground: Ground) -> bytes:
    records = [json.loads(line) for line in data.splitlines()]
    number = dice.randrange(len(records))
    record = records[number]
    if dice.random() < 0.3:
        path = dice.choice(PATHS).format(outside=ground.outside, image=ground.image, scan=record["scan"])
        block = record["blocks"][0]
        holder, key = dice.choice([(record, "scan"), (record, "source"), (block, "file"), (block["maps"][0], "file")])
        holder[key] = path
    else:
        records[number] = record = spoiled(record, dice)
    if dice.random() < 0.7 and isinstance(record, dict):
        record["check"] = ""
        records[number] = json.loads(signed(record))
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def actions(ground: Ground, refs: Sequence[ScanRef], image: Path) -> dict[str, Callable[[], object]]:
    """What is done with a folder, by name."""
    out = ground.out
    return {
        "plan": lambda: make_plan(refs, OutputFolder(out), SETTINGS),
        "verify": lambda: verify(out, sources=ground.raw),
        "repair": lambda: verify(out, repair=True),
        "measure": lambda: measure_folder(out),
        "invert": lambda: invert(image),
        "lines": lambda: (list(OutputFolder(out).damaged_lines()), list(OutputFolder(out).records())),
        "settings": lambda: OutputFolder(out).settings,
        "tables": lambda: metadata_table(OutputFolder(out).records(), TableParts({20, 30})).difference(out),
        "failures": lambda: OutputFolder(out).failures(),
        "table": lambda: OutputFolder(out).write_tables(None, [], set),
        "convert": lambda: run(["convert", str(ground.raw), str(out), *CONVERT]),
    }


SHARES = {
    "records.jsonl": {
        "plan": 0.5,
        "verify": 0.2,
        "repair": 0.2,
        "measure": 0.05,
        "invert": 0.3,
        "lines": 1.0,
        "table": 0.1,
    },
    "run.json": {"plan": 0.5, "settings": 1.0, "invert": 0.3, "measure": 0.02},
    "failures.csv": {"failures": 1.0, "table": 0.2, "plan": 0.05},
    "metadata.csv": {"tables": 1.0, "plan": 0.2, "verify": 0.05},
    ".gemax-state.json": {"plan": 1.0, "table": 0.1},
}
"""How often each action is done after a file was damaged."""
CHANGING = ("repair", "table", "convert")
CONVERT = ["--tau", "20", "30", "47", "--size", "48", "--mm-per-pixel", "4", "-j1", "-q"]


def examine(ground: Ground, refs: Sequence[ScanRef], image: Path, name: str, dice: random.Random) -> tuple[str, bool]:
    """Do some of the actions on a damaged folder; "" or what should not be, and whether the folder may have changed."""
    changed = False
    for action, do in actions(ground, refs, image).items():
        if dice.random() < SHARES[name].get(action, 0.01):
            changed = changed or action in CHANGING
            if found := outcome(action, do):
                return found, True
    return "", changed


def outcome(action: str, do: Callable[[], object]) -> str:
    """Do one thing; "" or what should not be."""
    try:
        if do() == 1 and action == "convert":
            return "convert: internal error"
    except GemaxError as error:
        return "" if str(error).isprintable() else f"{action}: unprintable: {error!r}"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{action}: {type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {str(error)[:150]}"
    return ""


def ground_image(sound: dict[str, bytes]) -> str:
    """The map that is inverted."""
    return next(name for name in sound if name.endswith("gemax_tau020.png"))


def fuzz(work: Path, inputs: range, seed: int) -> dict[str, Any]:
    """Examine all inputs; counts, and the findings."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    ground = prepare(work)
    (ground.out / "failures.csv").write_bytes(FAILURES)
    sound = {name: data for name, (_, data) in seen(ground.out).items() if data}
    outside = seen(ground.outside), seen(ground.raw)
    image, refs = ground.out / ground_image(sound), find_scans(ground.raw).scans
    findings: list[str] = []
    files: Counter[str] = Counter()
    for number in inputs:
        dice = random.Random(f"{seed} {number}")
        name = dice.choice(FILES)
        files[name] += 1
        (ground.out / name).write_bytes(damage(name, sound[name], dice, ground))
        found, changed = examine(ground, refs, image, name, dice)
        findings += [f"{number} {name}: {found}"] * bool(found)
        (ground.out / name).write_bytes(sound[name])
        if changed:
            restore(ground.out, sound)
        if number % 100 == 0 and (seen(ground.outside), seen(ground.raw)) != outside:
            findings.append(f"{number}: something outside changed")
    if (seen(ground.outside), seen(ground.raw)) != outside:
        findings.append("something outside changed")
    return {"inputs": len(inputs), **files, "findings": findings}


def restore(out: Path, sound: dict[str, bytes]) -> None:
    """Make the folder sound again."""
    for folder, _, names in os.walk(out):
        for name in names:
            path = Path(folder, name)
            if path.relative_to(out).as_posix() not in sound and not name.endswith(".lock"):
                path.unlink()
    for name, data in sound.items():
        path = out / name
        if not path.is_file() or path.stat().st_size != len(data) or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    found = fuzz(options.work, range(options.start, options.start + options.inputs), options.seed)
    print(json.dumps({**found, "seconds": round(time.monotonic() - started)}, indent=1))
    sys.exit(bool(found["findings"]))


if __name__ == "__main__":
    main()
