"""Kind 10: names of files that a terminal, a table or a spreadsheet would act upon."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import unquote_to_bytes

from tests.attacks.ground import MAKE, READING, Case, Ground, demand
from tests.batch.planted import bnt

CONTROL = [bytes([code]) for code in (*range(1, 32), 127)]
UNICODE = [chr(code).encode() for code in (0x80, 0x85, 0x9B, 0x9D, 0x200E, 0x202E, 0x2028, 0x2066, 0x061C, 0xFEFF)]
NOT_UTF8 = [b"\xff", b"\xfe\xff", b"caf\xe9", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80"]
SEQUENCES = [
    b"\x1b]0;title\x07",
    b"\x1b[2J",
    b"\x1b[31m",
    b"\x1bP1$r\x1b\\",
    b"\r\x1b[K",
    b"a\rb",
    b"\x9b2J",
    b"\x08" * 9,
]
FORMULAE = [
    b"=1+1",
    b"+1",
    b"-rf",
    b"@SUM(A1)",
    b"=HYPERLINK(A1)",
    b"-1+cmd",
    b"%41",
    b"100%",
    b"%0A",
    b"%%41",
    b"a,b",
    b'q"q',
]


def cases() -> Iterator[Case]:
    """Every case of the kind."""
    for kind, parts in (
        ("control", CONTROL), ("unicode", UNICODE), ("bytes", NOT_UTF8), ("sequence", SEQUENCES), ("formula", FORMULAE),
    ):  # fmt: skip
        for number, part in enumerate(parts):
            yield Case(f"{kind}-{number}", partial(_named, part))
    for number, part in enumerate(SEQUENCES + NOT_UTF8):
        yield Case(f"orphan-{number}", partial(_orphan, part))
        yield Case(f"argument-{number}", partial(_argument, part))


def _quiet(ground: Ground) -> None:
    """No command printed a control character, or broke a line for one."""
    for said in ground.said:
        odd = {c for c in said.all if not c.isprintable() and c != "\n" and c != "\t"}
        demand(not odd, f"printed raw: {odd}")


def _named(part: bytes, ground: Ground) -> None:
    """A sound and a broken raw file of this name, in a folder of this name."""
    shutil.rmtree(ground.raw)
    folder = os.fsencode(ground.raw) + b"/" + part + b"x"
    Path(os.fsdecode(folder)).mkdir(parents=True)
    bnt(ground.raw / "plain.bnt")
    names = [part + b".bnt", part + b"x/" + part + b".bnt"]
    for name in names:
        shutil.copy(ground.raw / "plain.bnt", os.fsencode(ground.raw) + b"/" + name)
    Path(os.fsdecode(folder), "broken.bnt").write_bytes(b"no scan")
    shutil.rmtree(ground.out)
    said = ground.gemax(*MAKE)
    demand(said.code == 3, f"exit code {said.code}: {said.err}")
    demand(_sources(ground, "metadata.csv") == sorted([*names, b"plain.bnt"]), "metadata.csv does not keep the names")
    demand(_sources(ground, "failures.csv") == [part + b"x/broken.bnt"], "failures.csv does not keep the names")
    retried = ground.gemax(*MAKE, "--retry-failed")
    demand("1 scans: 0 converted, 1 failed" in retried.err, f"failures.csv is not fed back: {retried.err}")
    ground.gemax(*MAKE, "--dry-run", "--overwrite")
    _read(ground)
    _quiet(ground)


def _sources(ground: Ground, table: str) -> list[bytes]:
    """The sources of a table, its bytes checked: no control character, no formula, all of it UTF-8."""
    data = (ground.out / table).read_bytes()
    text = data.decode("utf-8")
    demand(not re.search("[\0-\t\x0b-\x1f\x7f-\x9f\u2028\u202e]", text), f"{table} holds control characters")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    demand(len(rows) == text.count("\n") - 1, f"{table}: a row is not a line")
    formulae = [v for row in rows for v in row.values() if re.match(r"[=+@-](?![0-9.]+$)", v or "") and len(v) > 1]
    demand(not formulae, f"{table} holds formulae: {formulae[:1]}")
    return sorted(unquote_to_bytes(row["source"].encode()) for row in rows)


def _orphan(part: bytes, ground: Ground) -> None:
    """Pictures of such names in the output folder, and a broken image in a folder of such a name."""
    name = os.fsdecode(part)
    (ground.out / f"{name}.png").write_bytes(b"no picture")
    place = ground.out / f"{name}x"
    place.mkdir()
    shutil.copy(ground.out / ground.image, place / "depth16.png")
    (place / "gemax_tau020.png").write_bytes(b"no picture")
    _read(ground)
    _quiet(ground)


def _read(ground: Ground) -> None:
    """All that reads, in every form."""
    for form in ("table", "csv", "json", "md"):
        ground.gemax("verify", "OUT", "--format", form)
    for words in READING:
        ground.gemax(*words)
    ground.gemax("entropy", "OUT", "--by", "scan", "--format", "csv")


def _argument(part: bytes, ground: Ground) -> None:
    """What the shell's * made of a file's name."""
    word = os.fsdecode(part)
    for words in (
        ("convert", word, "OUT"),
        ("verify", word),
        ("inspect", f"{word}.bnt"),
        (word,),
        ("verify", f"--{word}"),
        ("convert", "RAW", "OUT", "--tau", word),
        ("preview", "OUT", "--scan", word),
        ("view", "OUT", "--scan", word),
    ):
        ground.gemax(*words)
    _quiet(ground)
