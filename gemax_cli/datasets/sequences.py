"""Recognition of 4D sequences: folders of numbered frames."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from gemax_cli.datasets.bu4dfe import NAME as BU4DFE
from gemax_cli.datasets.ids import split_suffix
from gemax_cli.datasets.model import ScanRef, SequenceFrame
from gemax_cli.datasets.other import NAME as OTHER

FEWEST_FRAMES = 3  # fewer numbered files are no sequence
_NUMBERED = re.compile(r"(.*?)([0-9]{1,9})", re.ASCII | re.DOTALL)


def with_frames(scans: Sequence[ScanRef]) -> list[ScanRef]:
    """The same scans; those of sequences have their ``frame``.

    A folder of BU-4DFE is a sequence. Elsewhere, a folder of scans of no known database is one if it holds at least
    three, all of one name but for a number at its end that no two share: 000.ply, scan_12.obj.
    """
    folders: dict[str, list[ScanRef]] = defaultdict(list)
    for scan in scans:
        if scan.name.dataset in (BU4DFE, OTHER):
            folders[scan.scan_id.rpartition("/")[0]].append(scan)
    frames = {scan_id: frame for place, held in folders.items() for scan_id, frame in _frames(place, held).items()}
    return [replace(scan, frame=frames[scan.scan_id]) if scan.scan_id in frames else scan for scan in scans]


def _frames(folder: str, scans: Sequence[ScanRef]) -> dict[str, SequenceFrame]:
    names = [_NUMBERED.fullmatch(split_suffix(scan.path.name)[0]) for scan in scans]
    numbers = [int(name[2]) for name in names if name]
    prefixes = {name[1].casefold() if name else None for name in names}
    known = scans[0].name.dataset == BU4DFE
    alike = len(scans) >= FEWEST_FRAMES and len(prefixes) == 1 and len(set(numbers)) == len(scans)
    if None in prefixes or not (known or alike):
        return {}
    return {scan.scan_id: SequenceFrame(folder, n) for scan, n in zip(scans, numbers, strict=True)}
