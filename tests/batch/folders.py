"""Comparing output folders byte by byte, also those of interrupted runs."""

from __future__ import annotations

import json
from pathlib import Path

from gemax_cli.batch.model import Outcome
from gemax_cli.batch.run import Reporter

STATE_OR_LOCK = (".gemax.lock", ".gemax-tables.lock", ".gemax-state.json", *(f".gemax-{i}-of-" for i in range(1, 10)))


class Interrupting(Reporter):
    """Ctrl-C after so many reports."""

    def __init__(self, after: int) -> None:
        self.after = after

    def finished(self, outcome: Outcome) -> None:
        self.after -= 1
        if self.after == 0:
            raise KeyboardInterrupt


def content(out: Path) -> dict[str, bytes]:
    """Every file but locks and state; run.json without the command lines."""
    files = {}
    for path in sorted(p for p in out.rglob("*") if p.is_file() and not p.name.startswith(STATE_OR_LOCK)):
        data = path.read_bytes()
        if path.name == "run.json":
            data = json.dumps({**json.loads(data), "command": None, "history": None}).encode()
        files[path.relative_to(out).as_posix()] = data
    return files


def temporaries(out: Path) -> list[Path]:
    """Files that a run should not have left."""
    return [path for path in out.rglob("*") if ".gemax-tmp" in path.name]
