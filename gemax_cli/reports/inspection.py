"""Describe one raw file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from gemax_cli.datasets.registry import parse_name
from gemax_cli.errors import ScanError
from gemax_cli.paths import AnyPath, as_path
from gemax_cli.pipeline import ConvertedScan, Stopwatch, convert_read
from gemax_cli.scans.model import Scan
from gemax_cli.scans.read import read_scan
from gemax_cli.settings import Settings


def inspect_scan(path: AnyPath, settings: Settings | None = None) -> dict[str, Any]:
    """Facts on a raw file, plain values in the order to be read; lengths in the file's unit.

    Raises:
        ScanError: the file cannot be read; a nose tip that cannot be found is a fact, not an error.
    """
    path = as_path(path)
    settings = settings or Settings()
    scan = read_scan(path, settings.camera, settings.nose.unit)
    return {**_name_facts(path), **_content_facts(scan), **_face_facts(scan, settings)}


def _name_facts(path: Path) -> dict[str, Any]:
    fields = asdict(parse_name(path.name, path.parts[:-1]).name)
    return {name: value for name, value in fields.items() if value not in ("", None)}


def _content_facts(scan: Scan) -> dict[str, Any]:
    low, high = scan.points.min(axis=0), scan.points.max(axis=0)
    facts: dict[str, Any] = {
        "format": scan.format,
        "points": len(scan.points),
        "triangles": len(scan.triangles),
        "grid": None if scan.grid is None else list(scan.grid.shape),
        "lowest": _rounded(low),
        "highest": _rounded(high),
        "extent": _rounded(high - low),
        "landmarks": len(scan.landmarks),
        "texture": scan.texture.image if scan.texture else None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 4) for value in np.asarray(values)]


def _face_facts(scan: Scan, settings: Settings) -> dict[str, Any]:
    try:
        converted = convert_read(scan, settings, Stopwatch())
    except ScanError as error:
        return {"problem": error.message}
    return {**_nose_facts(converted), **_block_facts(converted)}


def _nose_facts(converted: ConvertedScan) -> dict[str, Any]:
    nose, pose = converted.nose, converted.pose
    facts: dict[str, Any] = {
        "nose_tip": _rounded(nose.position),
        "nose_source": nose.source,
        "nose_confidence": round(float(nose.confidence), 3),
    }
    if pose:
        facts["pose"] = {"yaw": round(pose.yaw, 1), "pitch": round(pose.pitch, 1), "roll": round(pose.roll, 1)}
    return facts


def _block_facts(converted: ConvertedScan) -> dict[str, Any]:
    mapped = converted.blocks[0]
    return {
        "depth_mm": mapped.depth_mm,
        "valid_pixels": int(np.count_nonzero(mapped.depth16)),
        "entropy": {f"tau {m.tau}": round(m.entropy, 4) for m in mapped.maps},
        "removed": {**converted.counts, **mapped.counts},
        "warnings": list(converted.warnings),
    }
