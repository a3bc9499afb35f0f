"""Output folders made by hand, small and exact."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gemax_cli.pipeline import make_maps
from gemax_cli.settings import QuantisationSettings, Settings
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.images import name_of
from gemax_cli.stack.naming import block_folder, map_name, rgb_groups
from gemax_cli.stack.records import BlockRecord, MapRecord, RecordWriter, pack_cuts
from tests.pictures import write_png
from tests.stack.samples import scan_record

AFFINE = ((1.0, 0.0, 0.0, -15.5), (0.0, -1.0, 0.0, 15.5), (0.0, 0.0, -1.0, 0.0))


def dome(size: int = 32, seed: int = 0) -> np.ndarray:
    """(size, size) uint16: a rough dome on a background of 0."""
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    height = 1 - (rows**2 + columns**2) / (size / 2) ** 2
    rough = height + np.random.default_rng(seed).normal(0, 0.01, height.shape)
    codes = np.clip(np.rint(rough * 65534) + 1, 1, 65535).astype(np.uint16)
    codes[height <= 0] = 0
    return codes


def put_scan(out: Path, scan: str, settings: Settings, seed: int = 0, **changes: Any) -> None:
    """Write the images and the record of one scan; the record says what ``gemax convert`` would say."""
    blocks = tuple(_put_block(out, scan, depth, settings, seed) for depth in settings.depths)
    name = name_of(scan)
    name = replace(name, dataset=changes.pop("dataset", name.dataset))
    fields = {"name": name, "source": f"{scan}_F3D.wrl", "blocks": blocks, "warnings": (), **changes}
    with RecordWriter(out / "records.jsonl") as writer:
        writer.append_line(scan_record(scan, **fields).to_line())


def _put_block(out: Path, scan: str, depth: float, settings: Settings, seed: int) -> BlockRecord:
    codes = dome(seed=seed)
    place = block_folder(scan, depth, len(settings.depths) > 1)
    (out / place).mkdir(parents=True)
    digest = write_png(out / place / "depth16.png", codes)
    maps = make_maps(codes, settings.taus, settings.quantisation)
    records = []
    for group in [(m,) for m in maps] if settings.stack == "files" else _groups(maps):
        file = f"{place}/{map_name([m.tau for m in group])}"
        grey = settings.stack == "files"
        image = group[0].image if grey else np.stack([group[min(i, len(group) - 1)].image for i in range(3)], -1)
        sha = write_png(out / file, image)
        records += [
            MapRecord(m.tau, file, None if grey else i, m.entropy, m.max_bin, pack_cuts(m.cuts), sha)
            for i, m in enumerate(group)
        ]
    sample = scan_record().blocks[0]
    return replace(
        sample, depth_mm=depth, pixel_to_raw=AFFINE, valid_pixels=int((codes > 0).sum()),
        file=f"{place}/depth16.png", sha256=digest, maps=tuple(records),
    )  # fmt: skip


def _groups(maps):
    by_tau = {m.tau: m for m in maps}
    return [tuple(by_tau[tau] for tau in group) for group in rgb_groups(sorted(by_tau))]


def make_folder(out: Path, scans: tuple[str, ...], settings: Settings | None = None) -> Path:
    """An output folder of these scans; by default N = 64, K = 16, tau 5 and 8."""
    settings = settings or SMALL
    out.mkdir(parents=True, exist_ok=True)
    OutputFolder(out).write_run(settings, ["gemax", "convert"])
    for seed, scan in enumerate(scans):
        put_scan(out, scan, settings, seed)
    return out


def edit_run(out: Path, change: Any) -> None:
    """Change the values of run.json in place."""
    values = json.loads((out / "run.json").read_text())
    change(values)
    (out / "run.json").write_text(json.dumps(values))


SMALL = Settings(taus=(5, 8), quantisation=QuantisationSettings(levels=64, bins=16))
PAPERS = Settings()
BU, BO = "BU-3DFE/F0001/F0001_AN01WH", "Bosphorus/bs000/bs000_E_HAPPY_0"
