"""A place to attack: raw data, an output folder made from it, and outside of it a canary that nobody may touch."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gemax_cli.cli.main import run
from gemax_cli.scans.formats.bnt import read_lm3
from gemax_cli.synthetic.writers import write_lm3
from tests.batch.planted import COARSE, bnt, range_grid, wrl

NEEDS_POSIX = pytest.mark.skipif(os.name == "nt", reason="links, pipes and modes of POSIX")
SECONDS = 240  # after which a command hangs; the first one compiles the kernels
MAKE = ("convert", "RAW", "OUT", *COARSE)
ADD = ("convert", "RAW", "OUT", *COARSE, "--tau", "47")
AGAIN = ("convert", "RAW", "OUT", *COARSE, "--overwrite")
REPAIR = ("verify", "OUT", "--repair")
READING = (("verify", "OUT"), ("entropy", "OUT"), ("preview", "OUT", "-o", "SHEET"), ("report", "OUT", "-o", "PAGE"))
ROOT_FILES = ("/gemax_tau047.png", "/depth16.png")


class Broken(AssertionError):
    """A promise that was not kept."""


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        """Everything that was printed."""
        return self.out + self.err


def in_process(words: Sequence[str]) -> Said:
    """Run the command line in this process; a command that hangs is interrupted."""

    def ring(*_: object) -> None:
        raise Broken(f"hangs: {words}")

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors=e) for e in ("strict", "backslashreplace"))
    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(list(words))
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode("utf-8", "surrogateescape"))  # type: ignore[attr-defined]
    return Said(code, *texts)


SERVER = """
import json, os, signal, sys
from gemax_cli.cli.main import run
seconds, *warm = json.loads(sys.argv[1])
run(warm)
for line in sys.stdin:
    words, out, err = json.loads(line)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for number, path in enumerate((out, err), start=1):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            signal.alarm(seconds)
            code = run(words)
            sys.stdout.flush(), sys.stderr.flush()
        finally:
            os._exit(code)
    print("code", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def by_python(python: str, work: Path) -> Callable[[Sequence[str]], Said]:
    """Run the command line of the version that a Python interpreter has, each command in a child of one process."""
    make_raw(work / "warm")
    warm = [SECONDS, "convert", str(work / "warm"), str(work / "warmed"), *COARSE, "-q"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    server = subprocess.Popen(
        [python, "-c", SERVER, json.dumps(warm)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment, cwd=work,
    )  # fmt: skip
    asking, answers = server.stdin, server.stdout
    assert asking
    assert answers

    def call(words: Sequence[str]) -> Said:
        files = [work / "said.out", work / "said.err"]
        print(json.dumps([list(words), *map(str, files)]), file=asking, flush=True)
        answer = next(line for line in answers if line.startswith("code "))
        code = int(answer.split()[1])
        if code == -signal.SIGALRM:
            raise Broken(f"hangs: {words}")
        return Said(code, *(file.read_bytes().decode("utf-8", "surrogateescape") for file in files))

    return call


@dataclass
class Ground:
    """The place: ``raw``, ``out``, and ``outside`` with the canary."""

    root: Path
    call: Callable[[Sequence[str]], Said] = in_process
    said: list[Said] = field(default_factory=list)

    @property
    def raw(self) -> Path:
        return self.root / "raw"

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def outside(self) -> Path:
        return self.root / "outside"

    def gemax(self, *words: str) -> Said:
        """Run a command with RAW, OUT, SHEET and PAGE put in; it may never end in an internal error."""
        made = self.root / "made"
        made.mkdir(exist_ok=True)
        places = {"RAW": self.raw, "OUT": self.out, "SHEET": made / "sheet.png", "PAGE": made / "page.html"}
        said = self.call([os.fspath(places.get(word, word)) for word in words])
        self.said.append(said)
        if "internal error" in said.all or "Traceback" in said.all or said.code == 1:
            raise Broken(f"internal error: {words}: {said.err[-300:]}")
        return said

    def lines(self) -> list[bytes]:
        """The lines of records.jsonl."""
        return (self.out / "records.jsonl").read_bytes().splitlines(keepends=True)

    def records(self) -> list[dict[str, Any]]:
        """The records as JSON values."""
        return [json.loads(line) for line in self.lines()]

    def write_records(self, records: Sequence[dict[str, Any]]) -> None:
        """Write records as an attacker would, with checks that are right."""
        (self.out / "records.jsonl").write_text("".join(signed(record) for record in records))

    @property
    def image(self) -> str:
        """A depth image of the folder, relative to it."""
        return str(self.records()[0]["blocks"][0]["file"])


def signed(record: dict[str, Any]) -> str:
    """A line with the check that belongs to its values, where the version has one."""
    if "check" not in record:
        return json.dumps(record, separators=(",", ":")) + "\n"
    values = {key: value for key, value in record.items() if key != "check"}
    check = hashlib.sha256(json.dumps(values, separators=(",", ":")).encode()).hexdigest()[:16]
    return json.dumps({**values, "check": check}, separators=(",", ":")) + "\n"


def make_raw(raw: Path) -> None:
    """A scan with landmarks, one without, and a depth picture with its camera."""
    (raw / "a").mkdir(parents=True)
    bnt(raw / "a" / "bs007_N_N_0.bnt")
    write_lm3(raw / "a" / "bs007_N_N_0.lm3", {"Nose tip": range_grid()[25, 20]})
    wrl(raw / "b.wrl")
    picture(raw / "c.png")
    (raw / "c.json").write_text('{"mm_per_unit": -0.1, "mm_per_pixel": 4.0}')


def picture(path: Path, lift: int = 0) -> None:
    """A depth picture: nearer is larger, a tenth of a millimetre per unit."""
    depth = range_grid()[::-1, :, 2]
    units = np.where(np.isfinite(depth), 2000 + lift + 10 * np.nan_to_num(depth), 0)
    Image.fromarray(units.astype(np.uint16)).save(path)


def prepare(root: Path, call: Callable[[Sequence[str]], Said] = in_process) -> Ground:
    """A sound place."""
    ground = Ground(root, call)
    make_raw(ground.raw)
    ground.outside.mkdir()
    (ground.outside / "folder").mkdir()
    for name in ("keep.png", "keep.txt", "folder/depth16.png", "folder/gemax_tau020.png", "folder/.gemax-tmp-1-x"):
        (ground.outside / name).write_bytes(f"canary {name}".encode())
    said = ground.gemax(*MAKE)
    if said.code:
        raise Broken(f"cannot be prepared: {said.err}")
    return ground


def copied(sound: Ground, root: Path) -> Ground:
    """The same place anew; times of files are kept."""
    shutil.copytree(sound.root, root, symlinks=True, dirs_exist_ok=True)
    return Ground(root, sound.call)


def seen(place: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a place: what it is, and what it holds or leads to."""
    found = {}
    for folder, inner, files in os.walk(place):
        for path in (Path(folder, name) for name in (*inner, *files)):
            mode = path.lstat().st_mode
            link = os.fsencode(path.readlink()) if path.is_symlink() else b""
            found[str(path.relative_to(place))] = mode, path.read_bytes() if stat.S_ISREG(mode) else link
    return found


@contextlib.contextmanager
def untouched(ground: Ground) -> Iterator[None]:
    """Check that all is as it was outside the output folder, in the root of the file system, too."""
    before = seen(ground.outside), seen(ground.raw), [os.path.lexists(path) for path in ROOT_FILES]
    yield
    after = seen(ground.outside), seen(ground.raw), [os.path.lexists(path) for path in ROOT_FILES]
    for path, there in zip(ROOT_FILES, before[2], strict=True):
        if os.path.lexists(path) and not there:
            Path(path).unlink()
    if before != after:
        raise Broken("something outside the output folder changed")


@dataclass(frozen=True)
class Case:
    """An attack and what must hold after it.

    Attributes:
        name: of the case.
        play: carries it out on a sound place; raises Broken where a promise is not kept.
    """

    name: str
    play: Callable[[Ground], None]


def play(case: Case, sound: Ground, root: Path) -> Ground:
    """Play a case on a copy of a sound place."""
    ground = copied(sound, root)
    case.play(ground)
    return ground


def slow_but(cases: Iterable[Case], *quick: str) -> list[object]:
    """The cases as parameters of a test, all slow but those of the names ``quick``."""
    found = {case.name: case for case in cases}
    missing = set(quick) - set(found)
    assert not missing, f"no case is called {missing}"
    return [
        pytest.param(case, id=name, marks=() if name in quick else pytest.mark.slow) for name, case in found.items()
    ]


def demand(condition: bool, what: str) -> None:
    """Raise Broken unless something holds."""
    if not condition:
        raise Broken(what)


def landmarks_moved(path: Path, by: float) -> None:
    """Write the landmarks of a .lm3 elsewhere, in a file of the same size."""
    size = path.stat().st_size
    marks = read_lm3(path)
    write_lm3(path, {name: np.add(place, (0, by, 0)) for name, place in marks.items()})
    text = path.read_bytes()
    path.write_bytes(text[:size].ljust(size, b"\n"))
