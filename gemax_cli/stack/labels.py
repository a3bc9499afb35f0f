"""What the place of a scan in the output folder says about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from gemax_cli.datasets.registry import DATASETS, parse_name
from gemax_cli.stack.images import DEPTH_FOLDER

OTHER = "other"


@dataclass(frozen=True)
class Labels:
    """Dataset, subject and expression of a scan, "" where unknown; ``depth`` is "d060" where it is one of several."""

    dataset: str
    subject: str
    expression: str
    depth: str


@lru_cache(maxsize=1 << 16)
def labels_of(scan: str) -> Labels:
    """Labels of a scan from its folder in the output folder, or from any path that ends in a database's scan name."""
    parts = scan.split("/")
    depth = parts.pop() if len(parts) > 1 and DEPTH_FOLDER.fullmatch(parts[-1]) else ""
    suffix = ".abs" if parts[0] == "FRGC" else ""  # the grammar of FRGC needs it, the output folder leaves it out
    name = parse_name(parts[-1] + suffix, parts[:-1]).name
    dataset = parts[0] if name.dataset == OTHER and parts[0] in DATASETS else name.dataset
    return Labels(dataset, name.subject, name.expression, depth)


def record_id(scan: str) -> str:
    """The scan's id without the folder of its depth block."""
    head, _, last = scan.rpartition("/")
    return head if head and DEPTH_FOLDER.fullmatch(last) else scan
