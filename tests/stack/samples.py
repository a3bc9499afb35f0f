"""Records to test with."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gemax_cli.datasets.model import ScanName
from gemax_cli.stack.records import BlockRecord, MapRecord, NoseRecord, PoseRecord, ScanRecord, checked_line, pack_cuts
from gemax_cli.stack.tables import TableParts, metadata_table


def resigned(text: str) -> str:
    """Lines of records that a test changed, with the checks that belong to them."""
    return "".join(_resigned(json.loads(line)) for line in text.splitlines())


def _resigned(values: dict[str, Any]) -> str:
    values.pop("check", None)
    return checked_line(values)


CUTS = np.array([0, 10, 4096])
SCAN = "BU-3DFE/F0001/F0001_AN01WH"


def map_record(tau: int = 20, folder: str = SCAN, **changes: Any) -> MapRecord:
    record = MapRecord(tau, f"{folder}/gemax_tau{tau:03d}.png", None, 7.8125, tau, pack_cuts(CUTS), "0" * 64)
    return replace(record, **changes)


def block_record(taus: tuple[int, ...] = (20, 30), depth: float = 60.0, folder: str = SCAN) -> BlockRecord:
    affine = ((1.0, 0.0, 0.0, -111.5), (0.0, -1.0, 0.0, 111.5), (0.0, 0.0, -1.0, 0.0))
    maps = tuple(map_record(tau, folder) for tau in taus)
    counts = {"filled_pixels": 3}
    return BlockRecord(depth, 1.0, affine, 25000, counts, f"{folder}/depth16.png", "1" * 64, maps)


def scan_record(scan: str = SCAN, level: int | None = 1, dataset: str = "BU-3DFE", **changes: Any) -> ScanRecord:
    record = ScanRecord(
        scan_id=scan,
        name=ScanName(dataset, "F0001", "F", "AN", level, "", "WH", "F3D"),
        source=f"{scan}_F3D.wrl",
        source_bytes=100,
        source_sha256="2" * 64,
        settings="3" * 64,
        nose=NoseRecord(1.0, 2.0, 3.5, "outline", 1.0, (0.0, 0.0, 1.0)),
        pose=PoseRecord(1.0, -2.0, 0.5, False),
        counts={"spike_points": 1},
        blocks=(block_record(folder=scan),),
        warnings=("look at me",),
    )
    return replace(record, **changes)


def written(folder: Path, records: Sequence[ScanRecord], parts: TableParts | None = None) -> list[dict[str, str]]:
    """The rows of the metadata.csv of some records, with the columns of these or of more ``parts``."""
    found = TableParts()
    metadata_table(list(found.gathered(records)), parts or found).write(folder)
    with (folder / "metadata.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
