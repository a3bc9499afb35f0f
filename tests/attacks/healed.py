"""Kind 5: tables and records in which a digit, a line or a whole file is lost or changed."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.attacks.ground import MAKE, Case, Ground, demand
from tests.batch.folders import content

TABLES = 24
VALUES = 40
LINES = 16


def cases() -> Iterator[Case]:
    """Every case of the kind."""
    for seed in range(TABLES):
        yield Case(f"table-{seed}", partial(_table, seed))
    for seed in range(VALUES):
        yield Case(f"value-{seed}", partial(_value, seed))
    for seed in range(LINES):
        yield Case(f"line-{seed}", partial(_line, seed))
    yield Case("no-records", _no_records)
    yield Case("no-run", _no_run)


def _healed(ground: Ground, before: dict[str, bytes], named: str) -> None:
    """verify tells of the file with exit code 3; convert makes it as it was; verify is content."""
    told = ground.gemax("verify", "OUT")
    demand(told.code == 3, f"verify: exit code {told.code}")
    demand(named in told.out, f"verify does not name {named}: {told.out}")
    said = ground.gemax(*MAKE)
    demand(said.code == 0, said.err)
    demand(content(ground.out) == before, f"not healed: {said.err}")
    told = ground.gemax("verify", "OUT")
    demand(told.code == 0, f"verify after it: {told.all}")


def _table(seed: int, ground: Ground) -> None:
    """metadata.csv changed in one of many ways; its time may say that it is new or old."""
    dice, before, path = random.Random(seed), content(ground.out), ground.out / "metadata.csv"
    data = path.read_bytes()
    lines = data.splitlines(keepends=True)
    places = [match.start() for match in re.finditer(rb"[0-9]", data)]
    at = dice.choice(places)
    ways = (
        data[:at] + bytes([48 + (data[at] - 47) % 10]) + data[at + 1 :],
        b"",
        b"".join(lines[:-1]),
        b"".join(lines[:1]),
        b"".join([*lines, dice.choice(lines[1:])]),
        b"".join([lines[0], *reversed(lines[1:])]),
        data[: dice.randrange(1, len(data))],
        data.replace(b",", b";"),
        data + b"\n",
        data.replace(b"\n", b"\r\n"),
        bytes(len(data)),
        None,
    )
    way = ways[seed % len(ways)]
    path.unlink()
    if way is not None:
        path.write_bytes(way)
    _healed(ground, before, "metadata.csv")


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(part, (*path, key))
    elif path[0] not in ("check", "seconds"):
        yield path, value


def _value(seed: int, ground: Ground) -> None:
    """One value of a record is another one of the same type."""
    dice, before = random.Random(seed), content(ground.out)
    number = dice.randrange(3)
    lines = ground.lines()
    record = ground.records()[number]
    path, value = dice.choice(list(_leaves(record)))
    changed: Any = {
        bool: lambda: not value,
        int: lambda: value + 1,
        float: lambda: value + 0.001,
        str: lambda: value[:-1] + ("B" if value[-1:] == "A" else "A"),
        type(None): lambda: 0,
    }[type(value)]()
    # in the text, as a flipped bit would: the check stays
    text = lines[number].decode()
    record_text = _with(text, path, changed)
    (ground.out / "records.jsonl").write_text(
        "".join([line.decode() if n != number else record_text for n, line in enumerate(lines)])
    )
    _healed(ground, before, f"line {number + 1} is damaged")


def _with(text: str, path: tuple[Any, ...], value: Any) -> str:
    import json

    record = json.loads(text)
    inner = record
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return json.dumps(record, separators=(",", ":")) + "\n"


def _line(seed: int, ground: Ground) -> None:
    """A line is lost, torn, or holds something else."""
    dice, before = random.Random(seed), content(ground.out)
    lines = ground.lines()
    number = dice.randrange(3)
    line = lines[number]
    cut = dice.randrange(1, len(line) - 1)
    way = seed % 8
    named = f"line {number + 1} is "
    if way < 2:
        lines[number] = b""
        named = "has no record"
    elif way == 2:
        number = 2
        lines[2], named = lines[2][: dice.randrange(1, len(lines[2]) - 1)], "line 3 is "
    elif way == 3:
        lines[2], named = lines[2][:-1], "line 3 is torn"
    elif way == 4:
        lines[number] = line[:cut] + b"\n"
    elif way == 5:
        lines[number] = bytes(len(line)) + b"\n"
    elif way == 6:
        lines[number] = line[:cut] + bytes([line[cut] ^ 1]) + line[cut + 1 :]
    else:
        lines[number] = b"{}\n"
    (ground.out / "records.jsonl").write_bytes(b"".join(lines))
    _healed(ground, before, named)


def _no_records(ground: Ground) -> None:
    """All records are lost: told, and the images made again."""
    before = content(ground.out)
    (ground.out / "records.jsonl").unlink()
    told = ground.gemax("verify", "OUT")
    demand(told.code in (3, 4), f"verify: exit code {told.code}")
    said = ground.gemax(*MAKE)
    demand("no record" in said.err, f"not said: {said.err}")
    demand(content(ground.out) == before, "not healed")


def _no_run(ground: Ground) -> None:
    """run.json is emptied: told, and made again."""
    before = content(ground.out)
    (ground.out / "run.json").write_bytes(b"")
    ground.gemax("entropy", "OUT")
    ground.gemax(*MAKE)
    demand(content(ground.out) == before, "not healed")
