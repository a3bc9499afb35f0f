"""Output folders of records alone, for splits: no image is read to deal subjects to folds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from gemax_cli.datasets.registry import parse_name
from gemax_cli.stack.records import RecordWriter
from tests.stack.samples import block_record, scan_record

SIX = ("AN", "DI", "FE", "HA", "SA", "SU")
WORDS = ("ANGER", "DISGUST", "FEAR", "HAPPY", "SADNESS", "SURPRISE")
RACES = ("WH", "AE", "AM", "BL", "IN", "LA")


def bu3dfe(subjects: int, levels: Iterable[int] = (1, 2, 3, 4)) -> list[str]:
    """Ids of BU-3DFE's scans of so many subjects, women and men in turn."""
    levels = tuple(levels)
    names = [f"{'FM'[i % 2]}{i // 2 + 1:04d}" for i in range(subjects)]
    return [
        f"BU-3DFE/{name}/{name}_{expression}{level:02d}{RACES[i % 6]}"
        for i, name in enumerate(names)
        for expression, level in [("NE", 0), *((e, level) for e in SIX for level in levels)]
    ]


def bosphorus(subjects: int, takes: int = 2) -> list[str]:
    """Ids of Bosphorus' scans: six expressions in several takes, neutral, an action unit."""
    names = [f"bs{i:03d}" for i in range(subjects)]
    codes = ["N_N_0", "LFAU_10_0", *(f"E_{word}_{take}" for word in WORDS for take in range(takes))]
    return [f"Bosphorus/{name}/{name}_{code}" for name in names for code in codes]


def put_records(out: Path, scans: Iterable[str]) -> Path:
    """Write a record for each scan id; nothing else."""
    out.mkdir(parents=True, exist_ok=True)
    with RecordWriter(out / "records.jsonl") as writer:
        for scan in scans:
            name = replace(parse_name(f"{scan.rpartition('/')[2]}.wrl").name)
            blocks = (block_record(folder=scan),)
            writer.append_line(scan_record(scan, name=name, blocks=blocks).to_line())
    return out
