"""Comparing output folders byte by byte."""

from __future__ import annotations

import json
from pathlib import Path

STATE_OR_LOCK = (".gemax.lock", ".gemax-tables.lock", ".gemax-state.json", *(f".gemax-{i}-of-" for i in range(1, 10)))


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
