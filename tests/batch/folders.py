"""Comparing output folders byte by byte."""

from __future__ import annotations

import json
from pathlib import Path


def content(out: Path) -> dict[str, bytes]:
    """Every file but locks; run.json without the command line, records without timings."""
    files = {}
    for path in sorted(p for p in out.rglob("*") if p.is_file() and not p.name.endswith(".lock")):
        data = path.read_bytes()
        if path.name == "run.json":
            data = json.dumps({**json.loads(data), "command": None}).encode()
        if path.suffix == ".jsonl":
            data = b"\n".join(json.dumps({**json.loads(line), "seconds": None}).encode() for line in data.splitlines())
        files[path.relative_to(out).as_posix()] = data
    return files


def temporaries(out: Path) -> list[Path]:
    """Files that a run should not have left."""
    return [path for path in out.rglob("*") if ".gemax-tmp" in path.name]
