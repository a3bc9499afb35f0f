"""Kind 8: records, run.json and failures.csv with values of other types, and bytes that are no table."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.attacks.ground import ADD, MAKE, READING, Case, Ground, demand, signed, untouched

RECORDS, RUNS = 40, 24
WRONG: tuple[Any, ...] = (
    None, True, False, 0, -1, 1 << 40, 1 << 70, 1e308, -1e-300, float("inf"), float("nan"), "", "x", "60", "\0",
    "\x1b[2J", "\ud800", 3000 * "long ", [], {}, [[]], [None], {"a": 1}, {"": {}}, [1, 2, 3], [["x"]] * 3, "../../x",
    1.5, "u8:AQL8", 7 * [0],
)  # fmt: skip
FAILURES = (
    b"", b"\n", b"\0\0\0", b"source,stage,error,message\n", b"source,stage,error,message\na\n", b"a,b\n1,2\n",
    b'source,stage,error,message\n"a', b"source,stage,error,message\n\xff\xfe,read,E,m\n",
    b"\xff\xfes\0o\0u\0r\0c\0e\0",
    b"source,stage,error,message\n" + b"x" * 200_000 + b",read,E,m\n", b"source,stage,error,message\r\na,b,c,d,e,f\r\n",
    b"source,source,stage,error,message\na,b,c,d,e\n", b"\xef\xbb\xbfsource,stage,error,message\na,b,c,d\n",
    b"source,stage,error,message\n../../etc/passwd,read,E,m\n", b"source,stage,error,message\n%,%4,%41,%ZZ\n",
    b"source,stage,error,message\n\x1b[2J,\r,\x07,\x9b\n", b'"' * 100_001, b"source;stage;error;message\na;b;c;d\n",
)  # fmt: skip
TEXTS = (
    b"", b"{", b"[]", b"null", b"7", b'"x"', b"{}", b"\xff\xfe{\0}\0", b"[" * 100_000, b'{"a":' * 90_000, b"\0" * 99,
    b"9" * 10_000, b'{"settings": {}}', b"\xef\xbb\xbf{}", b'{"settings": null, "settings_sha256": []}',
)  # fmt: skip


def cases() -> Iterator[Case]:
    """Every case of the kind."""
    for seed in range(RECORDS):
        yield Case(f"record-{seed}", partial(_record, seed))
    for seed in range(RUNS):
        yield Case(f"run-{seed}", partial(_run, seed))
    for number, data in enumerate(TEXTS):
        yield Case(f"run-text-{number}", partial(_file, "run.json", data))
        yield Case(f"records-text-{number}", partial(_records_text, data))
    for number, data in enumerate(FAILURES):
        yield Case(f"failures-{number}", partial(_file, "failures.csv", data))


def spoiled(values: Any, dice: random.Random) -> Any:
    """The values with one of them, at any depth, lost, renamed or of another kind."""
    values = copy.deepcopy(values)
    places = list(_places(values))
    holder, key = dice.choice(places)
    way = dice.randrange(8)
    if way == 0:
        del holder[key]
    elif way == 1 and isinstance(holder, dict):
        holder[f"{key}\x07"] = holder.pop(key)
    else:
        holder[key] = dice.choice(WRONG)
    return values


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def _commands(ground: Ground) -> None:
    """Every command on the folder; none of them may end in an internal error or say a control character."""
    image = str(ground.out / "Bosphorus/bs007/bs007_N_N_0/gemax_tau020.png")
    with untouched(ground):
        for words in (*READING, MAKE, ADD, (*MAKE, "--retry-failed")):
            ground.gemax(*words)
        ground.gemax("invert", image, "-o", str(ground.root / "made" / "depth.npy"))
    for said in ground.said:
        odd = {c for c in said.all if not c.isprintable() and c not in "\n\t"}
        demand(not odd, f"control characters are printed: {odd}")


def _record(seed: int, ground: Ground) -> None:
    """One bad record costs itself."""
    dice, records = random.Random(seed), ground.records()
    number = dice.randrange(3)
    bad = spoiled({key: value for key, value in records[number].items() if key != "check"}, dice)
    lines = [signed(record) for record in records]
    lines[number] = signed({**bad, **{key: "" for key in ("check",) if key in records[number]}})
    (ground.out / "records.jsonl").write_text("".join(lines))
    _commands(ground)
    demand(ground.gemax("verify", "OUT").code in (0, 3), "it cannot be verified")


def _run(seed: int, ground: Ground) -> None:
    dice, path = random.Random(seed), ground.out / "run.json"
    run = json.loads(path.read_bytes())
    for _ in range(dice.randrange(1, 3)):
        run = spoiled(run, dice) if run else run
    path.write_text(json.dumps(run))
    _commands(ground)


def _file(name: str, data: bytes, ground: Ground) -> None:
    (ground.out / name).write_bytes(data)
    _commands(ground)


def _records_text(data: bytes, ground: Ground) -> None:
    """A line that is no record between two that are."""
    first, *rest = ground.lines()
    (ground.out / "records.jsonl").write_bytes(first + data + b"\n" + b"".join(rest))
    said = ground.gemax("verify", "OUT")
    demand(said.code == 3 and "line 2 is damaged" in said.out, f"not told: {said.all}")
    _commands(ground)
